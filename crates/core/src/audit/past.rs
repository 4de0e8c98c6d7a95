//! An audit's memory of earlier records, for later ones that refer back to them.

use alloc::boxed::Box;

use hashbrown::{HashMap, HashSet};

use crate::account::Account;
use crate::record::{
    Charge, CycleEvent, Draw, Draws, Event, GrantId, Instant, Record, Seq, Source, Span, Unit, Use,
};

/// The facts that later records of an account refer back to.
#[derive(Debug, Default)]
pub(super) struct Past {
    /// Charges are looked up when a record refers to one, not remembered.
    pub(super) recalls: bool,
    /// What is left of each charge.
    pub(super) charges: HashMap<Seq, Left>,
    /// When each grant expires.
    pub(super) expiries: HashMap<GrantId, Instant>,
    pub(super) voided: HashSet<GrantId>,
}

impl Past {
    pub(super) fn take(&mut self, record: &Record, before: &Account) {
        if self.recalls {
            self.charges.clear();
        } else if let Some(charge) = record.charge() {
            self.charges.insert(record.seq, Left::of(charge, 0));
        }
        if let Event::Corrected { correcting, .. } = &record.event {
            self.charges.remove(&correcting.charge);
        }
        if let Event::Refunded { charge, .. } = &record.event
            && let Some(used_up) = record.event.uses_up()
            && let Some(left) = self.charges.get_mut(charge)
        {
            take_back(&mut left.draws, used_up);
        }
        if let Some(terms) = &record.opens {
            let rest =
                before.pause().map_or(0, |pause| pause.ends_at().micros() - record.recorded_at.micros());
            self.expiries.insert(GrantId(record.seq), moved(terms.expires_at, rest));
        }
        if let Event::Cycle(event) = &record.event {
            self.pause(event, record.recorded_at, before);
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

    /// A pause moves what is to come by its length; what is left of it when it ends early moves back.
    fn pause(&mut self, event: &CycleEvent, now: Instant, before: &Account) {
        let (from, by) = match (event, before.pause()) {
            (CycleEvent::Paused(pause), _) => {
                let until = pause.until.unwrap_or(now.after(Span::MAX));
                (now, until.micros() - now.micros())
            }
            (CycleEvent::Resumed { .. }, Some(pause)) => {
                let until = pause.ends_at();
                (Instant::from_micros(until.micros() - 1), now.micros() - until.micros())
            }
            _ => return,
        };
        for at in self.expiries.values_mut().filter(|at| **at > from) {
            *at = moved(*at, by);
        }
    }
}

/// What never comes does not move.
fn moved(at: Instant, micros: i64) -> Instant {
    if at < Instant::NEVER { Instant::from_micros(at.micros() + micros) } else { at }
}

/// What later records may take of a charge.
#[derive(Debug)]
pub struct Left {
    /// The draws that come back in parts, less what refunds have given back. An allowance of requests or of a meter comes back whole
    /// and moves no credits.
    pub(super) draws: Draws,
    /// The use, if it has graduated prices.
    pub(super) graduated: Option<Box<Use>>,
}

impl Left {
    /// What is left of a charge after refunds of so many nano-credits.
    #[must_use]
    pub fn of(charge: &Charge, returned: i64) -> Self {
        let divides = |d: &&Draw| d.source != Source::Allowance || charge.usage.unit == Unit::Credits;
        let mut draws: Draws = charge.draws.iter().filter(divides).cloned().collect();
        take_back(&mut draws, returned);
        let is_graduated = charge.usage.graduated().next().is_some();
        Self { draws, graduated: is_graduated.then(|| Box::new(charge.usage.clone())) }
    }
}

/// Takes credits off draws, from the last to the first.
pub(super) fn take_back(draws: &mut Draws, amount: i64) {
    let mut left = amount;
    for draw in draws.iter_mut().rev() {
        let part = draw.amount.min(left);
        (draw.amount, draw.worth, left) = (draw.amount - part, draw.worth - part, left - part);
    }
}
