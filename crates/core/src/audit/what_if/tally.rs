//! The tally of a what-if: requests and their charges, as recorded and as they would have been.
//!
//! Units: nano-credits.

use crate::record::{Charge, Credits, Draw, Name, Source};

/// The outcome of requests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Requests that were granted.
    pub granted: u64,
    /// Requests that were denied or would have needed consent; on the other catalog also those that wait in its quarantine alone.
    pub denied: u64,
    /// Credits charged after corrections and refunds, from free and paid sources alike.
    pub charged: i128,
    /// The part of them from paid sources: revenue.
    pub paid: i128,
    /// The unit of credits; `None`: `credits`.
    pub unit: Option<Name>,
}

impl Tally {
    /// Adds another tally; its credits only when they are in the same unit.
    pub fn add(&mut self, other: &Self) {
        self.granted += other.granted;
        self.denied += other.denied;
        if self.unit != other.unit {
            return;
        }
        self.charged += other.charged;
        self.paid += other.paid;
    }

    pub(super) fn charge(&mut self, charge: &Charge) {
        self.unit = charge.usage.credit_unit.clone();
        self.draw(&charge.draws, 1);
    }

    /// What comes back of draws, or all that a correction takes the place of.
    pub(super) fn give_back(&mut self, draws: &[Draw]) {
        self.draw(draws, -1);
    }

    /// What the close of a period gives back, as a purchased grant.
    pub(super) fn take_off(&mut self, back: Credits) {
        self.charged -= i128::from(back.nano());
        self.paid -= i128::from(back.nano());
    }

    fn draw(&mut self, draws: &[Draw], sign: i128) {
        for draw in draws {
            let amount = sign * i128::from(draw.credits().nano());
            match draw.source {
                Source::Grant(_, category) => {
                    self.charged += amount;
                    self.paid += if category.is_paid() { amount } else { 0 };
                }
                Source::Overdraft | Source::Debt | Source::Postpaid(_) => {
                    self.charged += amount;
                    self.paid += amount;
                }
                Source::Allowance | Source::Goodwill => {}
            }
        }
    }
}

/// The recorded outcome and the hypothetical one, for one feature of one plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// As recorded.
    pub was: Tally,
    /// On the other catalog.
    pub would_be: Tally,
    /// Requests whose outcome changes.
    pub changed: u64,
}

impl Row {
    /// An empty row in the unit of credits of another.
    #[must_use]
    pub fn in_unit(other: &Self) -> Self {
        let mut row = Self::default();
        row.was.unit.clone_from(&other.was.unit);
        row.would_be.unit.clone_from(&other.would_be.unit);
        row
    }

    /// Adds another row.
    pub fn add(&mut self, other: &Self) {
        self.was.add(&other.was);
        self.would_be.add(&other.would_be);
        self.changed += other.changed;
    }
}
