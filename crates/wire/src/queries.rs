//! The parameters in the query of a URL.

use headworks_core::record::{Id, Instant, Name, Rule};
use serde::Deserialize;

use crate::StatementBy;
use crate::shapes::{InstantOrDay, RecordNumber, StatementPlace};

/// The beginning and the length of a page of names.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Page {
    /// Names after this one.
    #[param(value_type = Option<Id>)]
    pub after: Option<String>,
    /// At most this many; 1,000 is the maximum. Default 100.
    #[param(maximum = 65535)]
    pub max: Option<u16>,
}

/// When balances are read.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct Moment {
    /// As they will be at this instant if there are no requests until then: holds expired, grants begun and ended.
    /// Default, and for past instants: now, as `at` in the answer says; `…/balances/as-of` has the balance of a past instant.
    pub at: Option<Instant>,
    /// Only this unit of credits. Default: all that the account has.
    pub unit: Option<Name>,
}

/// The two instants of a balance.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct AsOf {
    /// Events up to this instant count. Default: now.
    pub effective_at: Option<Instant>,
    /// As known at this instant. Default: now.
    pub recorded_at: Option<Instant>,
    /// The unit of credits. Default: the first that the account has, `credits` before others.
    pub unit: Option<Name>,
}

/// The beginning and the length of a page of records.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct RecordsPage {
    /// From this number on. Default 1.
    #[param(value_type = Option<RecordNumber>)]
    pub from: Option<u64>,
    /// At most this many; 1,000 is the maximum. Default 100.
    #[param(maximum = 65535)]
    pub max: Option<u16>,
}

/// A period, and how to show it.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct StatementPeriod {
    /// From this instant on, or from the beginning of a day like `2026-10-01`. Default: the account's first record.
    #[param(value_type = Option<InstantOrDay>)]
    pub from: Option<String>,
    /// Up to, but not including, this instant or the beginning of a day. Default: now.
    #[param(value_type = Option<InstantOrDay>)]
    pub to: Option<String>,
    /// How a record falls into the period: `recorded` (default), by when it was written, or `effective`, by when it takes effect.
    pub by: Option<StatementBy>,
    /// As known at this instant, or at the beginning of a day. Default: now.
    #[param(value_type = Option<InstantOrDay>)]
    pub recorded_at: Option<String>,
    /// The IANA zone of days. Default `UTC`.
    pub zone: Option<String>,
    /// The unit of credits. Default: the first that the account has, `credits` before others.
    pub unit: Option<Name>,
    /// Whether to list each entry, or only the sums. Default `true`.
    pub entries: Option<bool>,
    /// Entries after this place: `next` of the page before.
    #[param(value_type = Option<StatementPlace>)]
    pub after: Option<String>,
    /// At most about this many entries, whole records each; 10,000 is the maximum and the default.
    #[param(maximum = 65535)]
    pub max: Option<u16>,
    /// `json` (default), `csv`, `html` or `text`.
    pub format: Option<Format>,
}

/// A form of a statement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// JSON.
    #[default]
    Json,
    /// A table.
    Csv,
    /// A page.
    Html,
    /// Plain text.
    Text,
}

/// Which sharers.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct SharersQuery {
    /// Only those of this account.
    pub account: Option<Id>,
    /// At most this many; 1,000 is the maximum. Default 100.
    #[param(maximum = 65535)]
    pub max: Option<u16>,
}

/// Which accounts.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct HeldBackQuery {
    /// Only those that this rule holds back.
    pub rule: Option<Rule>,
    /// At most this many; 1,000 is the maximum. Default 100.
    #[param(maximum = 65535)]
    pub max: Option<u16>,
}
