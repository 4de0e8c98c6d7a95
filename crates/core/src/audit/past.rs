//! An audit's memory of earlier records, for later ones that refer back to them.

use hashbrown::{HashMap, HashSet};

use crate::account::Account;
use crate::record::{CycleEvent, Draws, Event, GrantId, Instant, Record, Seq, Source};

/// The facts that later records of an account refer back to.
#[derive(Debug, Default)]
pub(super) struct Past {
    /// The draws of each charge, less those given back.
    pub(super) charges: HashMap<Seq, Draws>,
    /// When each grant expires.
    pub(super) expiries: HashMap<GrantId, Instant>,
    pub(super) voided: HashSet<GrantId>,
}

impl Past {
    pub(super) fn take(&mut self, record: &Record, before: &Account) {
        if let Some(charge) = record.charge() {
            self.charges.insert(record.seq, charge.draws.clone());
        }
        if let Event::Corrected { correcting, .. } = &record.event {
            self.charges.remove(&correcting.charge);
        }
        if let Event::Refunded { charge, amount, .. } = &record.event
            && let Some(draws) = self.charges.get_mut(charge)
        {
            take_back(draws, amount.nano());
        }
        if let Some(terms) = &record.opens {
            self.expiries.insert(GrantId(record.seq), terms.expires_at);
        }
        if let Event::Voided { grant: id, .. } = record.event {
            self.voided.insert(id);
        }
        // A billing anchor that moves ends the periods that follow it.
        if let Event::Cycle(event) = &record.event
            && let CycleEvent::PlanChanged(change) = &**event
            && change.moved_from.is_some()
        {
            let anchor = change.settings.billing_anchor;
            for schedule in before.rare().schedules.iter().filter(|s| s.restarts_at(anchor)) {
                self.expiries.insert(schedule.current, anchor);
            }
        }
    }
}

/// Takes credits off draws, from the last to the first.
fn take_back(draws: &mut Draws, amount: i64) {
    let mut left = amount;
    for draw in draws.iter_mut().rev().filter(|d| d.source != Source::Allowance) {
        let part = draw.amount.min(left);
        (draw.amount, draw.worth, left) = (draw.amount - part, draw.worth - part, left - part);
    }
}
