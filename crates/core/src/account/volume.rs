//! The use of a volume of graduated prices in one period.
//!
//! Units: billed units; nano-credits.

use minicbor::{Decode, Encode};

use crate::record::{Credits, ExactCredits, Instant, Name};

/// The use of a volume in a period.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Volume {
    /// Its name.
    #[n(0)]
    pub name: Name,
    /// The beginning of the period.
    #[n(1)]
    pub from: Instant,
    /// Its end.
    #[n(2)]
    pub until: Instant,
    /// The units that are charged.
    #[n(3)]
    pub used: u64,
    /// The units that open holds set aside.
    #[n(4)]
    pub held: u64,
    /// What the price of all charged units is beyond the sum of their charges.
    #[n(5)]
    pub due: ExactCredits,
    /// The feature that used it last.
    #[n(6)]
    pub feature: Name,
    /// The meter that did.
    #[n(7)]
    pub meter: Name,
    /// The unit of credits of its prices; `None`: `credits`.
    #[n(8)]
    pub unit: Option<Name>,
    /// What credits have paid for its units, less what has come back.
    #[n(9)]
    pub paid: Credits,
    /// The part of what is due that nobody could be charged when the period was closed.
    #[cbor(n(10), default)]
    pub uncharged: ExactCredits,
}

impl Volume {
    pub(super) fn key(&self) -> (&Name, Instant) {
        (&self.name, self.from)
    }

    /// Whether a close would charge something, or give something back, and no hold is open that may change that.
    pub(super) fn is_to_close(&self) -> bool {
        let owed = self.owed();
        let is_charged = owed.rounded().is_positive() && owed != self.uncharged;
        self.held == 0 && (is_charged || self.back().is_positive())
    }

    /// What a close charges if it is above zero: what is due, and at least what has come back beyond what credits have paid. A close
    /// may have given back what a charge cost too much, and a correction of that charge gives back all that it had cost.
    pub(crate) fn owed(&self) -> ExactCredits {
        self.due.or_below_zero(self.paid)
    }

    /// What a close gives back: what its charges are beyond the price of its units, but no more than credits have paid.
    pub(crate) fn back(&self) -> Credits {
        let due = self.due.rounded();
        Credits::ZERO.checked_sub(due).unwrap_or(Credits::ZERO).min(self.paid).max(Credits::ZERO)
    }
}
