//! Why a decision came out as it did: one closed list, in order of precedence.
//!
//! R1 every reason is reached by a row of `tests/decisions.rs`. R2 a denial names the first reason that applies.

use minicbor::{Decode, Encode};

/// Why. Declared in order of precedence: of several that apply, the first is reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum Reason {
    /// The account, or a segment of the path, is suspended.
    #[n(0)]
    Suspended,
    /// The account is paused.
    #[n(27)]
    Paused,
    /// The plan does not include the feature.
    #[n(1)]
    NotEntitled,
    /// The plan is for members with a seat, and nobody on the path has one.
    #[n(29)]
    NoSeat,
    /// The cost is larger than a guard or a spend cap can ever admit.
    #[n(2)]
    ExceedsCapacity,
    /// The request costs more than the plan lets one request cost.
    #[n(20)]
    CostMaximum,
    /// The account has as many open holds as its trust allows.
    #[n(21)]
    HoldsLimit,
    /// The account is much faster than it ever was, and clamped.
    #[n(22)]
    Velocity,
    /// The key is used from many networks and has as many open holds as such a key may.
    #[n(23)]
    SharedKey,
    /// A burst is smaller because of the caller's earlier misdeeds.
    #[n(24)]
    Penalty,
    /// A `rate` guard has no room.
    #[n(3)]
    RateLimit,
    /// A `sliding` guard has no room.
    #[n(4)]
    SlidingLimit,
    /// A `fixed` guard has no room.
    #[n(5)]
    FixedLimit,
    /// A `first_use` guard has no room.
    #[n(6)]
    FirstUseLimit,
    /// A `growth` guard has no room.
    #[n(30)]
    GrowthLimit,
    /// A `concurrency` guard has no slot.
    #[n(7)]
    ConcurrencyLimit,
    /// The account has as many open holds or counters as one account may have.
    #[n(8)]
    AccountFull,
    /// The account owes for an earlier overshoot.
    #[n(9)]
    InDebt,
    /// A spend cap leaves too little.
    #[n(10)]
    SpendCap,
    /// Open holds would set aside more of the balance than the account's trust allows.
    #[n(25)]
    HeldShare,
    /// The key has reached its spending limit for this hour.
    #[n(26)]
    KeySpend,
    /// A member's cap on the pool leaves too little.
    #[n(11)]
    MemberCap,
    /// The pool pays for members only and the path names none.
    #[n(12)]
    MemberMissing,
    /// A paid source could pay but consent is `never`.
    #[n(13)]
    ConsentNever,
    /// A paid source would pay; retry with consent.
    #[n(14)]
    ConsentNeeded,
    /// The included use is used up, and nothing in the plan pays after it.
    #[n(15)]
    AllowanceUsed,
    /// Postpaid credits would cover the rest if unpaid invoices did not count against their limit.
    #[n(28)]
    InvoiceUnpaid,
    /// Grants, pool, overdraft and postpaid credits together do not cover the rest.
    #[n(16)]
    InsufficientCredits,
    /// Everything else passes, but the supply has no room now.
    #[n(19)]
    Capacity,
    /// Less than requested, at least the stated minimum, is allowed.
    #[n(17)]
    Partial,
    /// Everything requested is allowed.
    #[n(18)]
    Allowed,
}

/// Whose wall it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Wall {
    /// A limit, cap, setting or balance at this level of the path.
    #[n(0)]
    Path(#[n(0)] crate::record::Level),
    /// The plan.
    #[n(1)]
    Plan,
    /// The operator.
    #[n(2)]
    Operator,
    /// The capacity that everybody shares.
    #[n(3)]
    Capacity,
    /// A rule against abuse.
    #[n(4)]
    Abuse,
}

/// Who can lift a wall that neither time nor a purchase lifts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Lifter {
    /// The caller, by changing the request.
    #[n(0)]
    Caller,
    /// The account's own administrator.
    #[n(1)]
    AccountAdmin,
    /// The operator.
    #[n(2)]
    Operator,
    /// The user, by proving their identity.
    #[n(3)]
    StepUp,
}

impl Reason {
    /// All reasons, in order of precedence.
    pub const ALL: [Self; 31] = [
        Self::Suspended,
        Self::Paused,
        Self::NotEntitled,
        Self::NoSeat,
        Self::ExceedsCapacity,
        Self::CostMaximum,
        Self::HoldsLimit,
        Self::Velocity,
        Self::SharedKey,
        Self::Penalty,
        Self::RateLimit,
        Self::SlidingLimit,
        Self::FixedLimit,
        Self::FirstUseLimit,
        Self::GrowthLimit,
        Self::ConcurrencyLimit,
        Self::AccountFull,
        Self::InDebt,
        Self::SpendCap,
        Self::HeldShare,
        Self::KeySpend,
        Self::MemberCap,
        Self::MemberMissing,
        Self::ConsentNever,
        Self::ConsentNeeded,
        Self::AllowanceUsed,
        Self::InvoiceUnpaid,
        Self::InsufficientCredits,
        Self::Capacity,
        Self::Partial,
        Self::Allowed,
    ];

    /// The word used in the API, in metrics and in documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Suspended => "suspended",
            Self::Paused => "paused",
            Self::NotEntitled => "not_entitled",
            Self::NoSeat => "no_seat",
            Self::ExceedsCapacity => "exceeds_capacity",
            Self::CostMaximum => "cost_maximum",
            Self::HoldsLimit => "holds_limit",
            Self::Velocity => "velocity",
            Self::SharedKey => "shared_key",
            Self::Penalty => "penalty",
            Self::HeldShare => "held_share",
            Self::KeySpend => "key_spend",
            Self::RateLimit => "rate_limit",
            Self::SlidingLimit => "sliding_limit",
            Self::FixedLimit => "fixed_limit",
            Self::FirstUseLimit => "first_use_limit",
            Self::GrowthLimit => "growth_limit",
            Self::ConcurrencyLimit => "concurrency_limit",
            Self::AccountFull => "account_full",
            Self::InDebt => "in_debt",
            Self::SpendCap => "spend_cap",
            Self::MemberCap => "member_cap",
            Self::MemberMissing => "member_missing",
            Self::ConsentNever => "consent_never",
            Self::ConsentNeeded => "consent_needed",
            Self::AllowanceUsed => "allowance_used",
            Self::InvoiceUnpaid => "invoice_unpaid",
            Self::InsufficientCredits => "insufficient_credits",
            Self::Capacity => "capacity",
            Self::Partial => "partial",
            Self::Allowed => "allowed",
        }
    }

    /// Whether waiting alone can change the answer.
    #[must_use]
    pub fn is_transient(self) -> bool {
        match self {
            Self::HoldsLimit
            | Self::Velocity
            | Self::SharedKey
            | Self::Penalty
            | Self::HeldShare
            | Self::KeySpend
            | Self::RateLimit
            | Self::SlidingLimit
            | Self::FixedLimit
            | Self::FirstUseLimit
            | Self::GrowthLimit
            | Self::ConcurrencyLimit
            | Self::AccountFull
            | Self::SpendCap
            | Self::MemberCap
            | Self::AllowanceUsed
            | Self::Capacity => true,
            Self::Suspended
            | Self::Paused
            | Self::NotEntitled
            | Self::NoSeat
            | Self::ExceedsCapacity
            | Self::CostMaximum
            | Self::InDebt
            | Self::MemberMissing
            | Self::ConsentNever
            | Self::ConsentNeeded
            | Self::InvoiceUnpaid
            | Self::InsufficientCredits
            | Self::Partial
            | Self::Allowed => false,
        }
    }

    /// Who can lift it, besides time and purchases.
    #[must_use]
    pub fn lifter(self) -> Lifter {
        match self {
            Self::Suspended | Self::Paused | Self::NotEntitled | Self::InDebt | Self::InvoiceUnpaid => {
                Lifter::Operator
            }
            Self::NoSeat | Self::SpendCap | Self::MemberCap | Self::ConsentNever => Lifter::AccountAdmin,
            Self::Velocity
            | Self::SharedKey
            | Self::Penalty
            | Self::KeySpend
            | Self::RateLimit
            | Self::SlidingLimit
            | Self::FixedLimit
            | Self::FirstUseLimit
            | Self::GrowthLimit
            | Self::AllowanceUsed
            | Self::Capacity => Lifter::Operator,
            Self::ExceedsCapacity
            | Self::CostMaximum
            | Self::HoldsLimit
            | Self::HeldShare
            | Self::ConcurrencyLimit
            | Self::AccountFull
            | Self::MemberMissing
            | Self::ConsentNeeded
            | Self::InsufficientCredits
            | Self::Partial
            | Self::Allowed => Lifter::Caller,
        }
    }
}
