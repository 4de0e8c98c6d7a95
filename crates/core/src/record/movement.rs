//! Books and movements: how a balance moves, as double entry.
//!
//! L1 every movement debits and credits the same amount (a [`Movement`] has one amount).
//! Units: nano-credits. Source: double entry as two-sided transfers.

use minicbor::{Decode, Encode};

use super::amount::Credits;
use super::ids::{GrantId, HoldId};

/// A place where credits stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Book {
    /// The operator, who issues credits.
    #[n(0)]
    Operator,
    /// What is free in a grant.
    #[n(1)]
    Grant(#[n(0)] GrantId),
    /// What a hold sets aside.
    #[n(2)]
    Hold(#[n(0)] HoldId),
    /// Charged use.
    #[n(3)]
    Spent,
    /// Credits that expired unused.
    #[n(4)]
    Breakage,
    /// Credits the operator gives to make a shortfall good.
    #[n(5)]
    Goodwill,
    /// Use that is owed after an overshoot.
    #[n(6)]
    Debt,
    /// Agreed credit below zero.
    #[n(7)]
    Overdraft,
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
    /// How much; never negative.
    #[n(2)]
    pub amount: Credits,
}
