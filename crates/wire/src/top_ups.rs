//! Marks of a balance that its owner is told about, and credits that are bought by themselves below them.

use headworks_core::record::{Credits, Instant, Label, Name, Span, Standing};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The balances that the account's owner is told about.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AlertMarks {
    /// Below this the balance is low.
    pub low: Credits,
    /// From this on it has recovered. At least `low`.
    pub recovered: Credits,
}

/// When credits are bought by themselves: when the balance becomes low or empty, once for each time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TopUpTerms {
    /// How many credits.
    pub amount: Credits,
    /// Most credits in one calendar month of UTC.
    pub monthly_max: Credits,
    /// The least time between two.
    pub cool_down: Span,
}

/// Where an account's automatic top-ups stand.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TopUps {
    /// Where the balance stood when it last crossed a mark.
    pub standing: Standing,
    /// How often it has crossed one.
    pub crossings: u64,
    /// The one that waits for its payment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_flight: Option<TopUpInFlight>,
    /// Bought this month, or in flight.
    pub month_total: Credits,
}

/// A top-up that waits for its payment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TopUpInFlight {
    /// The number of the crossing it is for; with the account, the key to charge it under.
    pub number: u64,
    /// How much.
    pub amount: Credits,
    /// Whether the balance still needs it; look at it again before you charge.
    pub needed: bool,
}

/// Say what became of a top-up's payment.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConfirmTopUpRequest {
    /// Whether it was paid.
    pub paid: bool,
    /// Your reference, for example the payment's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<Label>,
    /// Why it was not paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Label>,
    /// When the credits expire. Default: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Instant>,
}

/// The payment of a top-up, confirmed with a signature.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignedTopUp {
    /// The account.
    pub account: Name,
    /// The number it was asked for under.
    pub number: u64,
    /// What became of it.
    pub payment: ConfirmTopUpRequest,
}
