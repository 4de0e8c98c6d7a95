//! The ways to unblock a denial.

use headworks_core::record::{Credits, Instant};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The ways to unblock a denial, if nobody uses anything in the meantime.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Unblock {
    /// The instant that alone unblocks it: it passes then, and not a microsecond earlier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Instant>,
    /// The purchase that alone unblocks it, in the unit that the use is priced in (`usage.credit_unit`): the request passes after
    /// this purchase, and not after a smaller one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purchase: Option<Credits>,
    /// The possible ways, earliest first. Empty: nothing the caller can wait for, buy or agree to helps (before `searched_until`, if
    /// that is there).
    #[serde(default)]
    pub ways: Vec<Way>,
    /// Who can lift it: `caller`, `account_admin`, `operator` or `step_up`.
    pub by: String,
    /// The search was cut off at this instant, after as many as are tried: from then on there may be more ways.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub searched_until: Option<Instant>,
}

/// A way to unblock a denial. Everything it names is needed together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Way {
    /// When the request passes. Absent: at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Instant>,
    /// The purchase: a purchased grant that pays for everything, made at `at` if that is given too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purchase: Option<Credits>,
    /// Whether `consent: true` is needed.
    #[serde(default)]
    pub consent: bool,
    /// `exact`; `latest` where it rests on the end of a hold, which may come earlier; `estimated` where it rests on a supply.
    pub certainty: String,
}
