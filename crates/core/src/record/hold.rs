//! The terms of a hold: its life, the rules for its end, and the capacity that it takes.

use alloc::boxed::Box;
use alloc::vec::Vec;

use minicbor::{Decode, Encode};

use super::{Credits, Instant, Name, Span};

/// The terms of a hold.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct HoldTerms {
    /// When it expires.
    #[n(0)]
    pub deadline: Instant,
    /// The rule for settled use that no source pays.
    #[n(1)]
    pub overshoot: Overshoot,
    /// Meters charged at their estimate on expiry; `None` releases the hold whole.
    #[n(2)]
    pub expiry_charges: Option<Vec<Name>>,
    /// Longest remaining life an extension may set.
    #[n(3)]
    pub life_max: Span,
    /// The capacity it takes until it ends.
    #[n(4)]
    pub capacity: Option<Box<HeldCapacity>>,
}

/// The room that a hold takes in a supply.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct HeldCapacity {
    /// The supply.
    #[n(0)]
    pub supply: Name,
    /// The class it was admitted under.
    #[n(1)]
    pub class: Name,
    /// Its estimated cost, in the unit of the supply's rate.
    #[n(2)]
    pub cost: u64,
    /// Its cost in flight.
    #[n(3)]
    pub in_flight: u64,
    /// Whether it was admitted beyond the account's share: it does not grow while others want the room.
    #[n(4)]
    pub revocable: bool,
}

/// The rule for settled use that no source pays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub enum Overshoot {
    /// Charge it and refund it at once from the operator's goodwill.
    #[default]
    #[n(0)]
    Refund,
    /// Owe it: a negative balance up to the overdraft, repaid first by the next grant; the excess is refunded.
    #[n(1)]
    Debt,
    /// Refuse the settle; the hold stays open.
    #[n(2)]
    Reject,
    /// Owe it while the debt stays within this; the excess is refunded.
    #[n(3)]
    DebtUpTo(#[n(0)] Credits),
    /// What a hold does not cover asks no source: it is charged, and refunded at once from the operator's goodwill.
    #[n(4)]
    Goodwill,
}
