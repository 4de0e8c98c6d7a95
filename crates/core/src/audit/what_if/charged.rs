//! What charges come to after corrections and refunds, on one side of a what-if.
//!
//! C1 only charges that later records refer to are kept (`a_long_log_is_run_in_little_memory`).
//! Units: nano-credits.

use hashbrown::HashMap;

use super::tally::{Row, Tally};
use crate::record::{Charge, Credits, CycleEvent, Event, Graduated, Instant, Name, Record, Seq, Source};

/// The rows of a what-if, by plan and feature.
pub(super) type Rows = HashMap<(Name, Name), Row>;

/// A charge that later records refer to.
#[derive(Debug)]
struct Known {
    /// The plan that it was made on. What comes back of it counts there.
    plan: Name,
    charge: Charge,
    returned: Credits,
}

/// The charges of one side.
#[derive(Debug)]
pub(super) struct Charged {
    side: fn(&mut Row) -> &mut Tally,
    known: HashMap<Seq, Known>,
    /// The feature that used a volume last: what its close gives back counts there.
    volumes: HashMap<Name, Name>,
    /// What credits have paid for each period of a volume, less what has come back.
    paid: HashMap<(Name, Instant), i64>,
}

impl Charged {
    /// No charge yet; `side` is the tally that counts them.
    pub(super) fn new(side: fn(&mut Row) -> &mut Tally) -> Self {
        Self { side, known: HashMap::new(), volumes: HashMap::new(), paid: HashMap::new() }
    }

    /// Counts what a record charges and gives back, on the plan of then; `keeps`: later records refer to it.
    pub(super) fn take(&mut self, record: &Record, plan: &Name, keeps: bool, rows: &mut Rows) {
        let mut plan = plan.clone();
        self.pay(record);
        if let Event::Refunded { charge, amount, passed_over, .. } = &record.event {
            if let Some(known) = self.known.get_mut(charge) {
                let before = known.returned.nano() + passed_over.map_or(0, Credits::nano);
                let back = known.charge.given_back(Credits::from_nano(before), *amount);
                known.returned = Credits::from_nano(before + amount.nano());
                let (plan, usage) = (known.plan.clone(), &known.charge.usage);
                tally(rows, self.side, (plan, usage.feature.clone())).give_back(&back);
            }
        } else if let Event::Corrected { correcting, .. } = &record.event
            && let Some(was) = self.known.remove(&correcting.charge)
        {
            tally(rows, self.side, (was.plan.clone(), was.charge.usage.feature.clone()))
                .give_back(&was.charge.draws);
            plan = was.plan;
        } else if let Event::Cycle(cycle) = &record.event
            && let CycleEvent::VolumeClosed(closed) = &**cycle
            && let Some(feature) = self.volumes.get(&closed.volume)
        {
            tally(rows, self.side, (plan.clone(), feature.clone())).take_off(closed.back);
        }
        let Some(charge) = record.charge() else { return };
        let feature = charge.usage.feature.clone();
        for (_, of) in charge.usage.graduated() {
            self.volumes.insert(of.volume.clone(), feature.clone());
        }
        tally(rows, self.side, (plan.clone(), feature)).charge(charge);
        if keeps {
            let known = Known { plan, charge: charge.clone(), returned: Credits::ZERO };
            self.known.insert(record.seq, known);
        }
    }

    fn pay(&mut self, record: &Record) {
        let mut add = |volume: &Name, from: Instant, paid: Credits| {
            *self.paid.entry((volume.clone(), from)).or_default() += paid.nano();
        };
        if let Event::Corrected { correcting, .. } = &record.event {
            correcting.volumes.iter().for_each(|shift| add(&shift.volume, shift.from, shift.paid));
        } else if let Event::Refunded { volumes, .. } = &record.event {
            volumes.iter().for_each(|shift| add(&shift.volume, shift.from, shift.paid));
        } else if let Event::Cycle(cycle) = &record.event
            && let CycleEvent::VolumeClosed(closed) = &**cycle
        {
            add(&closed.volume, closed.from, Credits::from_nano(-closed.back.nano()));
        } else if let Some(charge) = record.charge() {
            charge.usage.shares(charge.paid()).for_each(|(_, of, paid)| add(&of.volume, of.from, paid));
        }
    }

    /// Whether nothing of a charge is left to give back: all of it has come back, or closes gave back the rest. Where an allowance
    /// has paid a part, refunds pass over what closes gave back, and the rest comes back as well.
    pub(super) fn is_spent(&self, charge: Seq) -> bool {
        let Some(known) = self.known.get(&charge) else { return false };
        if known.charge.draws.iter().any(|draw| draw.source == Source::Allowance) {
            return self.left(charge) == Some(0);
        }
        let mut periods = known.charge.usage.graduated().peekable();
        let has_paid =
            |of: &Graduated| self.paid.get(&(of.volume.clone(), of.from)).is_some_and(|paid| *paid > 0);
        self.left(charge) == Some(0) || periods.peek().is_some() && !periods.any(|(_, of)| has_paid(of))
    }

    /// Nano-credits of a charge that have not come back.
    pub(super) fn left(&self, charge: Seq) -> Option<i64> {
        self.known.get(&charge).map(|known| known.charge.divisible() - known.returned.nano())
    }

    /// Nothing refers to a charge any more.
    pub(super) fn forget(&mut self, charge: Seq) {
        self.known.remove(&charge);
    }
}

fn tally(rows: &mut Rows, side: fn(&mut Row) -> &mut Tally, key: (Name, Name)) -> &mut Tally {
    side(rows.entry(key).or_default())
}
