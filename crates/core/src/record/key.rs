//! Idempotency keys: a caller's name for one request.

use minicbor::{Decode, Encode};

use super::name::Label;

/// The operations whose keys are remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Encode, Decode, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum Operation {
    /// Open an account.
    #[n(0)]
    Open,
    /// Change an account's settings.
    #[n(1)]
    Change,
    /// Decide and hold, or charge at once.
    #[n(2)]
    Authorize,
    /// Grow a hold.
    #[n(3)]
    Extend,
    /// End a hold at the actual use.
    #[n(4)]
    Settle,
    /// End a hold at zero.
    #[n(5)]
    Release,
    /// Charge use that already happened.
    #[n(6)]
    Record,
    /// Add credits.
    #[n(7)]
    Grant,
    /// Take back the remainder of a grant.
    #[n(8)]
    Void,
    /// Correct a grant by hand.
    #[n(9)]
    Adjust,
    /// Give back a charge.
    #[n(10)]
    Refund,
    /// Change the server's own catalog or keys.
    #[n(11)]
    Administer,
    /// Bank a reset.
    #[n(12)]
    Bank,
    /// Redeem a banked reset.
    #[n(13)]
    RedeemReset,
    /// Correct a charge.
    #[n(14)]
    Correct,
    /// Decide about use that was reported too late.
    #[n(15)]
    Late,
    /// Confirm a top-up.
    #[n(16)]
    TopUp,
    /// Lift an effect of an abuse rule, or report a disputed payment.
    #[n(17)]
    Abuse,
    /// Override a limit or remove an override, ask for a higher limit or answer.
    #[n(18)]
    Override,
    /// Mark an invoice paid.
    #[n(19)]
    PayInvoice,
    /// Close periods of windows.
    #[n(20)]
    ClosePeriods,
}

impl Operation {
    /// The word used in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Change => "change",
            Self::Authorize => "authorize",
            Self::Extend => "extend",
            Self::Settle => "settle",
            Self::Release => "release",
            Self::Record => "record",
            Self::Grant => "grant",
            Self::Void => "void",
            Self::Adjust => "adjust",
            Self::Refund => "refund",
            Self::Administer => "administer",
            Self::Bank => "bank",
            Self::RedeemReset => "redeem_reset",
            Self::Correct => "correct",
            Self::Late => "late",
            Self::TopUp => "top_up",
            Self::Abuse => "abuse",
            Self::Override => "override",
            Self::PayInvoice => "pay_invoice",
            Self::ClosePeriods => "close_periods",
        }
    }
}

impl Operation {
    /// The request of such a key, after "to".
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Open => "open an account",
            Self::Change => "change an account",
            Self::Authorize => "authorize use",
            Self::Extend => "extend a hold",
            Self::Settle => "settle a hold",
            Self::Release => "release a hold",
            Self::Record => "record use",
            Self::Grant => "add a grant",
            Self::Void => "void a grant",
            Self::Adjust => "adjust a grant",
            Self::Refund => "refund a charge",
            Self::Administer => "change the server's catalog, keys, webhooks or supplies",
            Self::Bank => "bank a reset",
            Self::RedeemReset => "redeem a reset",
            Self::Correct => "correct a charge",
            Self::Late => "decide about late use",
            Self::TopUp => "confirm a top-up",
            Self::Abuse => "report or lift something about abuse",
            Self::Override => "override a limit or remove an override, ask for a higher limit or answer",
            Self::PayInvoice => "mark an invoice paid",
            Self::ClosePeriods => "close periods",
        }
    }
}

/// An idempotency key with the digest of the request it came with.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Key {
    /// The scope, together with the account.
    #[n(0)]
    pub operation: Operation,
    /// The caller's text.
    #[n(1)]
    pub text: Label,
    /// Digest of the canonical request.
    #[cbor(n(2), with = "minicbor::bytes")]
    pub digest: [u8; 16],
}
