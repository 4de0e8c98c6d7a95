//! What callers send.

use std::collections::BTreeMap;
use std::net::IpAddr;

use headworks_core::record::{Category, Consent, Credits, Instant, Label, Name, Path, Segment, Span, Tier};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::periodic::{AlertMarks, Recurrence, TopUpTerms};
use crate::pools::AccountCapacity;
use crate::reference::Reference;

/// Units of each meter.
pub type Quantities = BTreeMap<Name, u64>;

/// Ask how much is allowed and hold it, or charge it at once.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AuthorizeRequest {
    /// Who pays.
    pub account: Name,
    /// What is used.
    pub feature: Name,
    /// Where in the account: `team:…/user:…/key:…/session:…`, any level may be left out.
    #[serde(default)]
    pub path: Path,
    /// Dimensions that prices depend on, such as the model.
    #[serde(default)]
    pub dimensions: BTreeMap<Name, Label>,
    /// The estimate: units of each meter. `requests` counts 1 when it is left out, other meters what the feature's `estimate`
    /// says. Of several caps for one meter the largest counts.
    #[serde(default, deserialize_with = "largest")]
    #[schema(value_type = BTreeMap<Name, u64>)]
    pub quantities: Quantities,
    /// Accept less: the least of one meter that is still of use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<BTreeMap<Name, u64>>)]
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
    /// How long to wait for capacity, up to the server's bound; `0s`: not at all. Default: as the class in the pool says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_wait: Option<Span>,
    /// The address of the user, for the rule against shared keys. It is neither stored nor part of what a retry must repeat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub source: Option<IpAddr>,
    /// Idempotency key; wins over the `Idempotency-Key` header. Not used by `check`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<Label>,
}

/// Quantities in which a meter may come several times.
fn largest<'de, D: serde::Deserializer<'de>>(d: D) -> Result<Quantities, D::Error> {
    struct Largest;
    impl<'de> serde::de::Visitor<'de> for Largest {
        type Value = Quantities;
        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a map from meters to whole numbers")
        }
        fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Quantities, A::Error> {
            let mut quantities = Quantities::new();
            while let Some((meter, n)) = map.next_entry::<Name, u64>()? {
                let most = quantities.entry(meter).or_default();
                *most = n.max(*most);
            }
            Ok(quantities)
        }
    }
    d.deserialize_map(Largest)
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
    /// Idempotency key. Default: the hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<Label>,
}

/// End a hold at zero.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReleaseRequest {
    /// The hold.
    pub hold: Reference,
    /// Idempotency key. Default: the hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<Label>,
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
    /// Accept less: the least of one meter that is still of use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<BTreeMap<Name, u64>>)]
    pub min: Option<Quantities>,
    /// New life, from now. At most 10 times in the life of a hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub life: Option<Span>,
    /// Use so far; charged if the hold expires and its feature says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<BTreeMap<Name, u64>>)]
    pub progress: Option<Quantities>,
    /// The user agrees to paid sources.
    #[serde(default)]
    pub consent: bool,
    /// Idempotency key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<Label>,
}

/// Charge use that has happened.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordRequest {
    /// Who pays.
    pub account: Name,
    /// What was used.
    pub feature: Name,
    /// Where in the account.
    #[serde(default)]
    pub path: Path,
    /// Dimensions that prices depend on.
    #[serde(default)]
    pub dimensions: BTreeMap<Name, Label>,
    /// Units of each meter.
    #[serde(default)]
    #[schema(value_type = BTreeMap<Name, u64>)]
    pub quantities: Quantities,
    /// The user agrees to paid sources.
    #[serde(default)]
    pub consent: bool,
    /// When it happened: the prices of that instant apply. What is longer ago than the catalog's `late_horizon` waits in
    /// quarantine. Default: now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective_at: Option<Instant>,
    /// Idempotency key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<Label>,
}

/// Several operations in one call; each has its own answer.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BatchRequest {
    /// At most 1,000.
    pub items: Vec<BatchItem>,
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

/// Open an account.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OpenAccountRequest {
    /// Its name.
    pub id: Name,
    /// Its plan. Default: the catalog's default plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Name>,
    /// Whether paid sources may be drawn. Default: as the plan says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent: Option<Consent>,
    /// What billing windows are counted from. Default: now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub billing_anchor: Option<Instant>,
    /// Settings of teams, users, keys and sessions.
    #[serde(default)]
    pub segments: BTreeMap<Segment, SegmentSettings>,
    /// Where it stands in capacity pools.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity: Option<AccountCapacity>,
    /// How far it is trusted. Default: as its ledger shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<Tier>,
    /// Idempotency key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<Label>,
}

/// Settings of one segment of the path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SegmentSettings {
    /// Whether every request through it is denied.
    #[serde(default)]
    pub suspended: bool,
    /// Its consent; the strictest of the path and the account counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent: Option<Consent>,
    /// Credits it may draw from the pool in one window. On a team: the cap of each member without one of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool_cap: Option<Credits>,
    /// Credits that a key may spend in an hour, where the rule `key_spend` is on. Default: as its own week shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hourly_cap: Option<Credits>,
}

/// Change an account; fields that are left out stay.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeAccountRequest {
    /// New plan. Use counted under names that both plans have stays counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Name>,
    /// Whether every request is denied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspended: Option<bool>,
    /// Whether paid sources may be drawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent: Option<Consent>,
    /// What billing windows are counted from; windows that are open keep their bounds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub billing_anchor: Option<Instant>,
    /// Settings of segments, each replaced whole; `null` removes them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = BTreeMap<Segment, SegmentSettings>)]
    pub segments: BTreeMap<Segment, Option<SegmentSettings>>,
    /// The balances that the owner is told about; `null` ends that, and top-ups with it.
    #[serde(default, deserialize_with = "some", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<AlertMarks>)]
    pub alerts: Option<Option<AlertMarks>>,
    /// Credits bought by themselves when the balance is low; `null` ends that.
    #[serde(default, deserialize_with = "some", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<TopUpTerms>)]
    pub top_up: Option<Option<TopUpTerms>>,
    /// Where it stands in capacity pools, replaced whole; `null`: as its plan says. In force within 100 ms.
    #[serde(default, deserialize_with = "some", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<AccountCapacity>)]
    pub capacity: Option<Option<AccountCapacity>>,
    /// How far it is trusted; `null`: as its ledger shows.
    #[serde(default, deserialize_with = "some", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Tier>)]
    pub tier: Option<Option<Tier>>,
    /// Why, for the ledger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Label>,
    /// Idempotency key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<Label>,
}

/// Tells `null` from a field that is left out.
fn some<'de, T: Deserialize<'de>, D: serde::Deserializer<'de>>(d: D) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(d).map(Some)
}

/// Add credits.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GrantRequest {
    /// How many credits.
    pub amount: Credits,
    /// Their kind.
    pub category: Category,
    /// Small is drawn first.
    #[serde(default)]
    pub priority: u16,
    /// Usable from. Default: at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective_from: Option<Instant>,
    /// Usable before. Default: they never expire.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Instant>,
    /// The features they pay for. Default: all.
    #[serde(default)]
    pub features: Vec<Name>,
    /// Your reference, for example an invoice number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<Label>,
    /// The unit of credits. Default `credits`. It pays only for features that are priced in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<Name>,
    /// How the grant comes again. `expires_at` is then when it stops doing so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recurrence: Option<Recurrence>,
    /// Idempotency key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<Label>,
}

/// Take back what is left of a grant. A recurring one comes no more.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VoidRequest {
    /// Why, for the ledger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Label>,
    /// Idempotency key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<Label>,
}

/// Correct a grant by hand.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AdjustRequest {
    /// The grant.
    pub grant: Reference,
    /// Credits to add, or with a minus sign to take.
    pub amount: Credits,
    /// Why, for the ledger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Label>,
    /// Idempotency key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<Label>,
}

/// Give back a charge, once.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RefundRequest {
    /// The charge: the reference that settle, record or authorize with `settle: now` answered.
    pub charge: Reference,
    /// How many credits. Default: all of them, and the allowance as well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Credits>,
    /// Why, for the ledger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Label>,
    /// Idempotency key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<Label>,
}

/// What an API key may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// authorize, check, extend, settle, release.
    Decide,
    /// record.
    Record,
    /// Everything that only reads.
    Read,
    /// Accounts, credits, catalog and keys; includes the other scopes.
    Admin,
}

impl Scope {
    /// All scopes.
    pub const ALL: [Self; 4] = [Self::Decide, Self::Record, Self::Read, Self::Admin];

    /// The word used in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Decide => "decide",
            Self::Record => "record",
            Self::Read => "read",
            Self::Admin => "admin",
        }
    }
}

/// Make an API key.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateKeyRequest {
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// Accounts it reaches: names, or prefixes that end in `*`. Default: all.
    #[serde(default)]
    pub accounts: Vec<Label>,
    /// When it stops working. Default: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Instant>,
    /// For people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Label>,
}
