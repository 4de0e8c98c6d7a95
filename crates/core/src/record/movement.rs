//! Books and movements: how a balance moves, as double entry.
//!
//! L1 every movement debits and credits the same amount (a [`Movement`] has one amount).
//! Units: nano-credits. Source: double entry as two-sided transfers.

use minicbor::{Decode, Encode};

use super::amount::Credits;
use super::ids::{GrantId, HoldId};

/// A place where credits are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Book {
    /// The operator, who issues credits.
    #[n(0)]
    Operator,
    /// Free credits of a grant.
    #[n(1)]
    Grant(#[n(0)] GrantId),
    /// Credits set aside by a hold.
    #[n(2)]
    Hold(#[n(0)] HoldId),
    /// Charged use.
    #[n(3)]
    Spent,
    /// Credits that expired unused.
    #[n(4)]
    Breakage,
    /// Credits the operator gives to cover a shortfall.
    #[n(5)]
    Goodwill,
    /// Debt after an overshoot.
    #[n(6)]
    Debt,
    /// Agreed overdraft.
    #[n(7)]
    Overdraft,
    /// Lent after use, to be paid by invoice; below zero when the operator owes more than it has lent.
    #[n(8)]
    Postpaid,
}

/// One balance update: `amount` leaves `from` and enters `to`, so every journal sums to zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Movement {
    /// Credited book.
    #[n(0)]
    pub from: Book,
    /// Debited book.
    #[n(1)]
    pub to: Book,
    /// The amount; never negative.
    #[n(2)]
    pub amount: Credits,
}
