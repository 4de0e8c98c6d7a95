//! Why a balance moved: the credits that each record moves into or out of it.

use alloc::vec::Vec;

use crate::record::{Book, Credits, CycleEvent, Event, Record};

/// Why a balance moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// Credits were issued.
    Grant,
    /// Use was charged.
    Charge,
    /// A charge was given back.
    Refund,
    /// The operator covered a shortfall or an expired draw.
    Goodwill,
    /// Credits expired unused.
    Expiry,
    /// A grant was taken back.
    Void,
    /// A grant was corrected by hand.
    Adjustment,
    /// An invoice was marked paid.
    Payment,
}

impl Cause {
    /// The word used in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Grant => "grant",
            Self::Charge => "charge",
            Self::Refund => "refund",
            Self::Goodwill => "goodwill",
            Self::Expiry => "expiry",
            Self::Void => "void",
            Self::Adjustment => "adjustment",
            Self::Payment => "payment",
        }
    }
}

/// The credits a record moves into or out of the balance, by cause. A charge paid by included use appears with zero.
pub(super) fn moved(record: &Record) -> Vec<(Cause, Credits)> {
    let mut moved = Vec::new();
    for m in &record.movements {
        let (cause, sign) = match (m.from, m.to) {
            (Book::Operator, Book::Postpaid) => (Cause::Payment, 1),
            (Book::Postpaid, Book::Operator) => (Cause::Payment, -1),
            (Book::Operator, _) => (inflow(&record.event), 1),
            (Book::Spent, Book::Operator) => {
                // Given back to a grant that was taken back in the meantime.
                add(&mut moved, Cause::Refund, m.amount.nano());
                (Cause::Void, -1)
            }
            (_, Book::Operator) => (outflow(&record.event), -1),
            (Book::Goodwill, Book::Spent) => {
                // The charge is shown in full, and the goodwill that covers it beside it.
                add(&mut moved, Cause::Charge, -m.amount.nano());
                (Cause::Goodwill, 1)
            }
            (Book::Goodwill, _) => (Cause::Goodwill, 1),
            (Book::Spent, Book::Goodwill) => {
                add(&mut moved, Cause::Refund, m.amount.nano());
                (Cause::Goodwill, -1)
            }
            (Book::Spent, Book::Breakage) => {
                add(&mut moved, Cause::Refund, m.amount.nano());
                (Cause::Expiry, -1)
            }
            (_, Book::Goodwill) => (Cause::Goodwill, -1),
            (_, Book::Spent) => (Cause::Charge, -1),
            (Book::Spent, _) => (Cause::Refund, 1),
            (_, Book::Breakage) => (Cause::Expiry, -1),
            (Book::Breakage, _) => (Cause::Expiry, 1),
            _ => continue,
        };
        add(&mut moved, cause, sign * m.amount.nano());
    }
    if record.charge().is_some() && moved.iter().all(|(cause, _)| *cause != Cause::Charge) {
        moved.insert(0, (Cause::Charge, 0));
    }
    moved.into_iter().map(|(cause, amount)| (cause, Credits::from_nano(amount))).collect()
}

fn add(moved: &mut Vec<(Cause, i64)>, cause: Cause, amount: i64) {
    match moved.iter_mut().find(|(known, _)| *known == cause) {
        Some((_, sum)) => *sum = sum.saturating_add(amount),
        None => moved.push((cause, amount)),
    }
}

fn inflow(event: &Event) -> Cause {
    if is_adjustment(event) { Cause::Adjustment } else { Cause::Grant }
}

fn outflow(event: &Event) -> Cause {
    if is_adjustment(event) { Cause::Adjustment } else { Cause::Void }
}

fn is_adjustment(event: &Event) -> bool {
    if let Event::Cycle(cycle) = event {
        return matches!(**cycle, CycleEvent::PlanChanged(_));
    }
    matches!(event, Event::Adjusted { .. })
}
