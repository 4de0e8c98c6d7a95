//! Requests that open an account and change it.

use std::collections::BTreeMap;

use headworks_core::record::{Consent, CreditsByUnit, Id, Instant, Label, Name, Segment, Tier};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::shapes::AccountName;
use crate::supplies::AccountCapacity;
use crate::top_ups::{AlertMarks, ByUnit, TopUpTerms};

/// Open an account.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OpenAccountRequest {
    /// Its name.
    #[schema(value_type = AccountName)]
    pub id: Id,
    /// Its plan. Default: the catalog's default plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Name>,
    /// Whether paid sources may be drawn. Default: as the plan says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent: Option<Consent>,
    /// The instant that billing windows are counted from. Default: now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub billing_anchor: Option<Instant>,
    /// The IANA zone of its windows whose zone is `account`, such as `Europe/Berlin`; open windows keep their bounds. Default: UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<Label>,
    /// Settings of teams, users, keys and sessions.
    #[serde(default)]
    pub segments: BTreeMap<Segment, SegmentSettings>,
    /// Its place in supplies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity: Option<AccountCapacity>,
    /// How far it is trusted. Default: as its ledger shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tier: Option<Tier>,
    /// Idempotency key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<Id>,
}

/// Settings of one segment of the path.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SegmentSettings {
    /// Whether every request through it is denied.
    #[serde(default)]
    pub suspended: bool,
    /// Its consent; the strictest of the path and the account counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent: Option<Consent>,
    /// Credits it may draw from a pool in one window, by the pool's unit. On a team: the cap of each member that has no own one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool_cap: Option<CreditsByUnit>,
    /// Credits that a key may spend in an hour, by unit, where the rule `key_spend` is on. Default: as its own week shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hourly_cap: Option<CreditsByUnit>,
}

/// Change an account; fields that are left out stay.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeAccountRequest {
    /// The new plan. Use stays counted under names that both plans have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Name>,
    /// Whether every request is denied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspended: Option<bool>,
    /// Whether paid sources may be drawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent: Option<Consent>,
    /// The instant that billing windows are counted from; open windows keep their bounds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub billing_anchor: Option<Instant>,
    /// The IANA zone of its windows whose zone is `account`, such as `Europe/Berlin`; open windows keep their bounds. Default: UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<Label>,
    /// Settings of segments, each replaced as a whole; `null` removes them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(value_type = BTreeMap<Segment, SegmentSettings>)]
    pub segments: BTreeMap<Segment, Option<SegmentSettings>>,
    /// The balances at which the owner is alerted; `null` ends alerts, and top-ups with them.
    #[serde(default, deserialize_with = "some", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ByUnit<AlertMarks>>)]
    pub alerts: Option<Option<ByUnit<AlertMarks>>>,
    /// Automatic top-ups when the balance is low; `null` ends them.
    #[serde(default, deserialize_with = "some", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ByUnit<TopUpTerms>>)]
    pub top_up: Option<Option<ByUnit<TopUpTerms>>>,
    /// Its place in supplies, replaced as a whole; `null`: as its plan says. In force within 100 ms.
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
    pub idempotency_key: Option<Id>,
}

/// Distinguishes `null` from a field that is left out.
fn some<'de, T: Deserialize<'de>, D: serde::Deserializer<'de>>(d: D) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(d).map(Some)
}
