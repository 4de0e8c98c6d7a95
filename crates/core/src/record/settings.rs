//! Settings of an account and of the segments inside it.

use alloc::boxed::Box;
use alloc::vec::Vec;

#[cfg(feature = "schema")]
use alloc::{string::String, vec};

use minicbor::{Decode, Encode};

use crate::record::{Credits, CreditsByUnit, Instant, Label, Level, Name, Segment, Span, Tier};

/// Whether paid sources may be drawn.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Encode,
    Decode,
    serde::Serialize,
    serde::Deserialize,
)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum Consent {
    /// Yes.
    #[default]
    #[n(0)]
    Allow,
    /// Only when the request says so.
    #[n(1)]
    Ask,
    /// No.
    #[n(2)]
    Never,
}

/// Settings of an account.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Settings {
    /// The plan.
    #[n(0)]
    pub plan: Name,
    /// Whether every request is denied.
    #[n(1)]
    pub suspended: bool,
    /// Consent of the account; `None`: the plan's.
    #[n(2)]
    pub consent: Option<Consent>,
    /// The instant that billing windows are counted from.
    #[n(3)]
    pub billing_anchor: Instant,
    /// Settings of segments, in order.
    #[n(4)]
    pub segments: Vec<SegmentSettings>,
    /// The marks of balances, one for each unit of credits.
    #[n(5)]
    pub alerts: Vec<AlertMarks>,
    /// Automatic top-ups when a balance is low, one for each unit.
    #[n(6)]
    pub top_ups: Vec<TopUpTerms>,
    /// Its place in supplies.
    #[n(7)]
    pub rank: Option<Box<Rank>>,
    /// How far it is trusted; `None`: as its ledger shows.
    #[n(8)]
    pub tier: Option<Tier>,
    /// The IANA zone of its windows that go by it; `None`: UTC.
    #[n(9)]
    pub zone: Option<Label>,
}

/// The place of an account in supplies.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Rank {
    /// Its class; `None`: the plan's.
    #[n(0)]
    pub class: Option<Name>,
    /// The identity behind it: accounts that share one share its weight.
    #[n(1)]
    pub cluster: Option<Name>,
    /// Its weight among the accounts of its class.
    #[n(2)]
    pub weight: u32,
    /// The rate it is guaranteed in every supply when it asks for it, in cost per second.
    #[n(3)]
    pub floor: u64,
    /// The most it may use of any supply, in cost per second.
    #[n(4)]
    pub max: Option<u64>,
}

/// The marks of the balance in one unit of credits: crossing one is a record.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct AlertMarks {
    /// Below this it is low.
    #[n(0)]
    pub low: Credits,
    /// From this balance on it has recovered; above `low`, so that a balance at the mark does not flutter.
    #[n(1)]
    pub recovered: Credits,
    /// The unit; `None`: `credits`.
    #[n(2)]
    pub unit: Option<Name>,
}

/// Automatic top-ups: at each crossing to low or empty.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct TopUpTerms {
    /// How many credits.
    #[n(0)]
    pub amount: Credits,
    /// The most credits bought in a calendar month of UTC.
    #[n(1)]
    pub monthly_max: Credits,
    /// The shortest time between two top-ups.
    #[n(2)]
    pub cool_down: Span,
    /// The unit; `None`: `credits`.
    #[n(3)]
    pub unit: Option<Name>,
}

/// Settings of one segment of the path.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct SegmentSettings {
    /// The segment.
    #[n(0)]
    pub segment: Segment,
    /// Whether every request through it is denied.
    #[n(1)]
    pub suspended: bool,
    /// Its consent; the strictest of the path and the account counts.
    #[n(2)]
    pub consent: Option<Consent>,
    /// The credits it may draw from a pool in one window, by the pool's unit.
    #[n(3)]
    pub pool_cap: Option<CreditsByUnit>,
    /// The credits a key may spend in an hour; `None`: as its own week shows, if that rule is on.
    #[n(4)]
    pub hourly_cap: Option<CreditsByUnit>,
}

impl Settings {
    /// The settings of an account that has only a plan.
    #[must_use]
    pub fn new(plan: Name, billing_anchor: Instant) -> Self {
        Self {
            plan,
            suspended: false,
            consent: None,
            billing_anchor,
            segments: Vec::new(),
            alerts: Vec::new(),
            top_ups: Vec::new(),
            rank: None,
            tier: None,
            zone: None,
        }
    }

    /// The terms of the account in every supply.
    #[must_use]
    pub fn account_terms(&self) -> AccountTerms {
        let rank = self.rank.as_deref();
        rank.map_or_else(AccountTerms::default, |r| AccountTerms {
            weight: r.weight,
            floor: r.floor,
            max: r.max,
        })
    }

    /// The cap on a pool of this unit for the innermost of these segments that has one.
    pub(crate) fn pool_cap(
        &self,
        segments: &[Segment],
        unit: Option<&Name>,
        usual: Option<&Name>,
    ) -> Option<Credits> {
        let cap = |s: &Segment| self.segment(s.level, &s.name)?.pool_cap.as_ref()?.of(unit, usual);
        segments.iter().rev().find_map(cap)
    }

    /// The settings of a segment, if it has any.
    #[must_use]
    pub fn segment(&self, level: Level, name: &Name) -> Option<&SegmentSettings> {
        let found =
            self.segments.binary_search_by(|s| (s.segment.level, &s.segment.name).cmp(&(level, name)));
        found.ok().and_then(|i| self.segments.get(i))
    }
}

/// The operator's terms for one account in every supply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountTerms {
    /// Its weight among the accounts of its class.
    pub weight: u32,
    /// The rate it is guaranteed when it asks for it, in cost per second.
    pub floor: u64,
    /// The most it may use, in cost per second.
    pub max: Option<u64>,
}

impl Default for AccountTerms {
    fn default() -> Self {
        Self { weight: 1, floor: 0, max: None }
    }
}
