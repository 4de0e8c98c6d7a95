//! Incidents: one act for all accounts that match.

use std::collections::BTreeMap;

use headworks_core::record::{Id, Instant, Label, Name};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::schema::OneOfBuilder;

use crate::overrides::OverrideValue;
use crate::reference::Reference;
use crate::requests::GrantRequest;
use crate::shapes::only;

/// Give all accounts that match a grant, a reset or a higher limit, for example after an outage: first as a dry run, then for real.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IncidentRequest {
    /// Its name, at most 119 bytes. An account gets the act of each name once.
    pub id: Name,
    /// Why, for the ledger: it is the reference or reason of every record.
    pub cause: Label,
    /// What each account gets.
    pub act: IncidentAct,
    /// The accounts. Default: all.
    #[serde(default, deserialize_with = "some", skip_serializing_if = "Vec::is_empty")]
    #[schema(min_items = 1)]
    pub accounts: Vec<Id>,
    /// The plans that they are on when they get it. Default: all.
    #[serde(default, deserialize_with = "some", skip_serializing_if = "Vec::is_empty")]
    #[schema(min_items = 1)]
    pub plans: Vec<Name>,
    /// The use that they had. Default: any or none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub used: Option<IncidentUse>,
    /// The `digest` of the dry run: do it. If a run is cut off, send it again: no account gets it twice. Default: a dry run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub apply: Option<String>,
    /// Go on after this record: `next` of the answer before. One call goes through at most 1,000 accounts, and about 100,000 records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Reference>,
}

/// A list that is not empty. An empty one would match all, although its author has found nobody.
fn some<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Vec<T>, D::Error> {
    let all = Vec::deserialize(from)?;
    if all.is_empty() {
        return Err(D::Error::custom("an empty list matches nobody; leave it out to match all"));
    }
    Ok(all)
}

/// The act of an incident.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IncidentAct {
    /// A grant. It has neither `reference` nor `idempotency_key` of its own.
    Grant(GrantRequest),
    /// A banked reset.
    Reset(IncidentReset),
    /// A higher limit for a time.
    Raise(IncidentRaise),
}

headworks_core::text_schema!(
    IncidentAct,
    OneOfBuilder::new()
        .description(Some(
            "The act of an incident. A grant has neither `reference` nor `idempotency_key` of its own."
        ))
        .item(only("grant", GrantRequest::schema()))
        .item(only("reset", IncidentReset::schema()))
        .item(only("raise", IncidentRaise::schema()))
);

/// A reset for each account.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IncidentReset {
    /// The windows it clears: allowances as `allowance.window`, and guards over calendar and first-use windows.
    #[schema(min_items = 1)]
    pub windows: Vec<Name>,
    /// It must be redeemed before this instant. Default: for 30 days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Instant>,
    /// Redeem it at once for the account itself. Accounts whose windows are unused are skipped. Default: it stays banked.
    #[serde(default)]
    pub redeem: bool,
}

/// A higher limit for each account. Accounts whose limit is as high already are skipped.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IncidentRaise {
    /// The limit: a guard, an allowance's window as `allowance.window`, or a postpaid layer of the account's plan.
    pub limit: Name,
    /// The figure, in the limit's unit: a whole number, or credits as `"2.5"`. `"none"` lifts the limit.
    pub value: OverrideValue,
    /// It ends at this instant.
    pub until: Instant,
}

/// Use of features in a time.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IncidentUse {
    /// The features. Default: all.
    #[serde(default, deserialize_with = "some", skip_serializing_if = "Vec::is_empty")]
    #[schema(min_items = 1)]
    pub features: Vec<Name>,
    /// A request was granted or extended, or use was settled or recorded, from this instant on ...
    pub from: Instant,
    /// ... and before this instant.
    pub to: Instant,
}

/// What an incident does, or would do, to a part of the accounts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct IncidentAnswer {
    /// Its name.
    pub id: Name,
    /// Names act, cause and match: quote it as `apply` to do what a dry run showed.
    pub digest: String,
    /// Whether it was done.
    pub applied: bool,
    /// The accounts that got it, or would.
    pub accounts: Vec<Id>,
    /// How many had got it before.
    pub before: u64,
    /// Credits granted, by unit.
    pub granted: BTreeMap<String, String>,
    /// Accounts that match and cannot get it, and why.
    pub skipped: Vec<IncidentSkipped>,
    /// There are more accounts: repeat the request with `after` set to this. The figures are those of this part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Reference>,
}

/// An account that matches and cannot get the act.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct IncidentSkipped {
    /// The account.
    pub account: Id,
    /// The kind of problem.
    pub problem: String,
    /// Why.
    pub why: String,
}
