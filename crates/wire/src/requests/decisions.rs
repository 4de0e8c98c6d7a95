//! Requests that use something: ask, hold, settle, release, record.

use std::collections::BTreeMap;
use std::net::IpAddr;

use headworks_core::record::{Id, Instant, Label, Name, PARTS_MAX, Path, Span};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::few::{Few, dimensions, some_dimensions};
use crate::quantities::{Quantities, largest};
use crate::reference::Reference;
use crate::shapes::{Address, Dimensions, OneMeter};

/// A part of a use.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PartRequest {
    /// Dimensions that prices depend on, such as the model.
    #[serde(default, deserialize_with = "some_dimensions", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Dimensions>)]
    pub dimensions: Option<BTreeMap<Name, Label>>,
    /// Units of each meter; only the first part may name `requests`.
    #[serde(default)]
    #[schema(value_type = BTreeMap<Name, u64>)]
    pub quantities: Quantities,
}

/// Ask how much is allowed and hold it, or charge it at once.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AuthorizeRequest {
    /// The account that pays.
    pub account: Id,
    /// The feature that is used.
    pub feature: Name,
    /// The path within the account: `team:…/user:…/key:…/session:…`; any level may be left out.
    #[serde(default)]
    pub path: Path,
    /// Dimensions that prices depend on, such as the model.
    #[serde(default, deserialize_with = "dimensions")]
    #[schema(value_type = Dimensions)]
    pub dimensions: BTreeMap<Name, Label>,
    /// The estimate: units of each meter. If left out, `requests` counts 1 and other meters count the feature's
    /// `estimate`. If a meter has several caps, the largest counts.
    #[serde(default, deserialize_with = "largest")]
    #[schema(value_type = BTreeMap<Name, u64>)]
    pub quantities: Quantities,
    /// Instead of `dimensions` and `quantities`: the parts of the use, such as what each of several models does. Each has its own
    /// price; all are decided and paid as one request, which is counted with the first part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<PartRequest>>, min_items = 1, max_items = 16)]
    pub parts: Option<Few<PartRequest, PARTS_MAX>>,
    /// Accept less: the smallest quantity of one meter that is still useful.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<OneMeter>)]
    pub min: Option<Quantities>,
    /// `now`: charge at once, without a hold. Default `later`.
    #[serde(default)]
    pub settle: Settle,
    /// The user agrees to paid sources.
    #[serde(default)]
    pub consent: bool,
    /// Life of the hold. Default: as the feature says, 60 s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub life: Option<Span>,
    /// How long to wait for capacity, up to the server's bound; `0s`: not at all. Default: as the class in the supply says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_wait: Option<Span>,
    /// The address of the user, for the rule against shared keys. It is not stored, and a retry need not repeat it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Address>)]
    pub source: Option<IpAddr>,
    /// Idempotency key; wins over the `Idempotency-Key` header. Not used by `check`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<Id>,
}

impl AuthorizeRequest {
    /// A request about a feature for the account itself: without quantities, held for the feature's default life.
    #[must_use]
    pub fn new(account: Id, feature: Name) -> Self {
        Self {
            account,
            feature,
            path: Path::default(),
            dimensions: BTreeMap::new(),
            quantities: Quantities::new(),
            parts: None,
            min: None,
            settle: Settle::Later,
            consent: false,
            life: None,
            max_wait: None,
            source: None,
            idempotency_key: None,
        }
    }
}

/// When an authorized use is charged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Settle {
    /// By a later `settle` of the hold.
    #[default]
    Later,
    /// At once.
    Now,
}

/// End a hold at the actual use.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SettleRequest {
    /// The hold.
    pub hold: Reference,
    /// The actual use. Meters that are left out count zero, `requests` as held.
    #[serde(default)]
    #[schema(value_type = BTreeMap<Name, u64>)]
    pub quantities: Quantities,
    /// All of its dimensions as they turned out, for example because another model answered. They are priced by the version of the
    /// rate card that the hold pinned. Default: those of the hold.
    #[serde(default, deserialize_with = "some_dimensions", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Dimensions>)]
    pub dimensions: Option<BTreeMap<Name, Label>>,
    /// Instead of `dimensions` and `quantities`: all parts as they turned out. One that names no dimensions has those of the same
    /// part of the hold; parts of the hold beyond these did not happen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<PartRequest>>, min_items = 1, max_items = 16)]
    pub parts: Option<Few<PartRequest, PARTS_MAX>>,
    /// Idempotency key. Default: the hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<Id>,
}

/// End a hold at zero.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReleaseRequest {
    /// The hold.
    pub hold: Reference,
    /// Idempotency key. Default: the hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<Id>,
}

/// Grow a hold, move its deadline, or report progress.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExtendRequest {
    /// The hold.
    pub hold: Reference,
    /// How much more of each meter.
    #[serde(default)]
    #[schema(value_type = BTreeMap<Name, u64>)]
    pub quantities: Quantities,
    /// Instead of `dimensions` and `quantities`: how much more of each part, in the order of the hold. A further part is a new one, with its
    /// dimensions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<PartRequest>>, min_items = 1, max_items = 16)]
    pub parts: Option<Few<PartRequest, PARTS_MAX>>,
    /// Accept less: the smallest quantity of one meter that is still useful.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<OneMeter>)]
    pub min: Option<Quantities>,
    /// The new life, from now. At most 10 times in the life of a hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub life: Option<Span>,
    /// Use so far, of the first part; charged if the hold expires and its feature says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<BTreeMap<Name, u64>>)]
    pub progress: Option<Quantities>,
    /// The user agrees to paid sources.
    #[serde(default)]
    pub consent: bool,
    /// Idempotency key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<Id>,
}

/// Charge use that has happened.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordRequest {
    /// The account that pays.
    pub account: Id,
    /// The feature that was used.
    pub feature: Name,
    /// The path within the account.
    #[serde(default)]
    pub path: Path,
    /// Dimensions that prices depend on.
    #[serde(default, deserialize_with = "dimensions")]
    #[schema(value_type = Dimensions)]
    pub dimensions: BTreeMap<Name, Label>,
    /// Units of each meter.
    #[serde(default)]
    #[schema(value_type = BTreeMap<Name, u64>)]
    pub quantities: Quantities,
    /// Instead of `dimensions` and `quantities`: the parts of the use, each with its own price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<PartRequest>>, min_items = 1, max_items = 16)]
    pub parts: Option<Few<PartRequest, PARTS_MAX>>,
    /// The user agrees to paid sources.
    #[serde(default)]
    pub consent: bool,
    /// When it happened: the prices of that instant apply. Use older than the catalog's `late_horizon` waits in
    /// quarantine. Default: now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective_at: Option<Instant>,
    /// Idempotency key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<Id>,
}

/// Most operations of one batch.
pub const BATCH_MAX: usize = 1_000;

/// Several operations in one call; each has its own answer.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BatchRequest {
    /// At most 1,000, decided in this order. A malformed one is answered with a problem and does not affect the
    /// others.
    #[schema(value_type = Vec<BatchItem>, max_items = 1000)]
    pub items: Few<Box<RawValue>, BATCH_MAX>,
}

/// One operation of a batch.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BatchItem {
    /// As `/v1/authorize`.
    Authorize(AuthorizeRequest),
    /// As `/v1/settle`.
    Settle(SettleRequest),
    /// As `/v1/record`.
    Record(RecordRequest),
}
