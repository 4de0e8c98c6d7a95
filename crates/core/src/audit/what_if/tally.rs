//! The tally of a what-if: requests and their charges, as recorded and as they would have been.
//!
//! Units: nano-credits.

use crate::record::{Charge, Name, Source};

/// The outcome of requests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Requests that were granted.
    pub granted: u64,
    /// Requests that were denied or would have needed consent.
    pub denied: u64,
    /// Credits charged, from free and paid sources alike.
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
        for draw in &charge.draws {
            let amount = i128::from(draw.credits().nano());
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
