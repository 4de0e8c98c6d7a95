//! Abuse rules: what holds off misuse without hurting honest use.
//!
//! Each rule is off, observed or enforced, and every figure is the operator's. Statistical rules clamp and never block: the
//! first request of a clamped window passes. Never reads a clock: what a rule remembers is folded from records
//! ([`habit`]), or kept by the engine and told to the decision ([`penalty`], [`sketch`]).
//! U1 an effect has a reason and an expiry, and is a record (`tests/abuse.rs`).
//! Units: cost, the catalog's formula over meters; credits in nano-credits.

use alloc::vec::Vec;

#[cfg(feature = "schema")]
use alloc::{string::String, vec};

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use crate::account::Account;
use crate::amount::Credits;
use crate::capacity::Formula;
use crate::decision::{Decision, Place};
use crate::ledger::Category;
use crate::name::Name;
use crate::time::{Instant, Span};

pub mod habit;
pub mod penalty;
pub mod sketch;

/// How long an account must have paid without a dispute to be established.
const ESTABLISHED_AFTER: Span = Span::from_secs(14 * 86_400);
/// The least time between two free grants of one identity.
pub const FREE_GRANT_EVERY: Span = Span::from_secs(90 * 86_400);
/// Where the use of sub-keys past a tier's number is counted.
pub const OTHER: &str = "other";
/// Names that begin so are those of abuse rules.
pub const PREFIX: &str = "abuse.";

/// Whether a rule acts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Not computed.
    #[default]
    Off,
    /// Computed, recorded and explained; nobody is held off.
    Observe,
    /// In force.
    Enforce,
}

impl Mode {
    /// The word used in the API and in catalogs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Observe => "observe",
            Self::Enforce => "enforce",
        }
    }
}

/// The rules.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode, Serialize, Deserialize,
)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum Rule {
    /// One request costs at most what the plan says.
    #[n(0)]
    CostMaximum,
    /// Open holds, and what they set aside, stay within what the account's trust allows.
    #[n(1)]
    Holds,
    /// Cost in ten seconds, against the account's own peak.
    #[n(2)]
    Velocity,
    /// Cost in a quarter of an hour grows by half at most; what is beyond is served one class lower.
    #[n(3)]
    Ramp,
    /// Who retries too early or sends what is invalid gets smaller bursts.
    #[n(4)]
    Penalty,
    /// One free grant for each identity in 90 days, and a daily budget for all of them.
    #[n(5)]
    Identity,
    /// Sub-keys that callers name past the tier's number are counted together.
    #[n(6)]
    SubKeys,
    /// A key used from more networks than the tier's number has few requests open at once.
    #[n(7)]
    Sharing,
    /// What one key spends in an hour, against its own week.
    #[n(8)]
    KeySpend,
}

impl Rule {
    /// All rules.
    pub const ALL: [Self; 9] = [
        Self::CostMaximum,
        Self::Holds,
        Self::Velocity,
        Self::Ramp,
        Self::Penalty,
        Self::Identity,
        Self::SubKeys,
        Self::Sharing,
        Self::KeySpend,
    ];

    /// The word used in the API and in catalogs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.full_name().strip_prefix(PREFIX).unwrap_or_default()
    }

    /// The name of its visits and windows.
    #[must_use]
    pub fn name(self) -> Name {
        Name::new(self.full_name()).unwrap_or_else(|_| unreachable!("words make a name"))
    }

    /// Written out: a name is made on the path of a request, and is short enough to need no memory of its own.
    fn full_name(self) -> &'static str {
        match self {
            Self::CostMaximum => "abuse.cost_maximum",
            Self::Holds => "abuse.holds",
            Self::Velocity => "abuse.velocity",
            Self::Ramp => "abuse.ramp",
            Self::Penalty => "abuse.penalty",
            Self::Identity => "abuse.identity",
            Self::SubKeys => "abuse.sub_keys",
            Self::Sharing => "abuse.sharing",
            Self::KeySpend => "abuse.key_spend",
        }
    }
}

/// How far an account is trusted.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode, Serialize, Deserialize,
)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum Tier {
    /// Nobody knows who it is.
    #[default]
    #[n(0)]
    Anonymous,
    /// The operator has verified who it is.
    #[n(1)]
    Verified,
    /// It has bought credits.
    #[n(2)]
    Paid,
    /// It bought credits at least 14 days ago, and has disputed no payment since.
    #[n(3)]
    Established,
    /// It has a contract.
    #[n(4)]
    Contract,
}

impl Tier {
    /// All tiers, the least trusted first.
    pub const ALL: [Self; 5] =
        [Self::Anonymous, Self::Verified, Self::Paid, Self::Established, Self::Contract];

    /// The word used in the API and in catalogs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous",
            Self::Verified => "verified",
            Self::Paid => "paid",
            Self::Established => "established",
            Self::Contract => "contract",
        }
    }
}

/// What a tier may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TierTerms {
    /// Most open holds.
    pub holds: u64,
    /// The part of the balance that open holds may set aside, in percent.
    pub held_percent: u8,
    /// Cost in ten seconds that is never too fast.
    pub velocity_floor: u64,
    /// Cost in ten seconds that is never passed.
    pub velocity_ceiling: Option<u64>,
    /// Cost in a quarter of an hour that is never too steep.
    pub ramp_floor: u64,
    /// Members of one level with counters of their own.
    pub sub_keys: usize,
    /// Networks that one key may be used from in an hour.
    pub networks: u64,
    /// Open holds of a key that is used from more.
    pub shared_holds: u64,
    /// Credits that one key may always spend in an hour.
    pub key_spend_floor: Credits,
}

impl TierTerms {
    /// What a tier may do where the catalog says nothing.
    #[must_use]
    pub fn usual(tier: Tier) -> Self {
        let of = |holds, held_percent, velocity_floor, sub_keys, networks, shared_holds, credits| Self {
            holds,
            held_percent,
            velocity_floor,
            velocity_ceiling: None,
            ramp_floor: 15 * velocity_floor,
            sub_keys,
            networks,
            shared_holds,
            key_spend_floor: Credits::from_nano(i64::from(credits) * 1_000_000_000),
        };
        match tier {
            Tier::Anonymous => of(2, 50, 20_000, 16, 4, 1, 10),
            Tier::Verified => of(8, 75, 50_000, 64, 8, 2, 50),
            Tier::Paid => of(64, 100, 200_000, 1_000, 32, 4, 500),
            Tier::Established => of(256, 100, 1_000_000, 5_000, 128, 8, 5_000),
            Tier::Contract => of(10_000, 100, 5_000_000, 10_000, 1_024, 64, 50_000),
        }
    }
}

/// The rules of a catalog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    pub(crate) modes: [Mode; Rule::ALL.len()],
    /// What requests cost, for velocity, ramp and the cost maximum.
    pub cost: Formula,
    /// The tier of accounts that nothing is known of.
    pub default_tier: Tier,
    /// Free credits that may be granted in a day, over all accounts.
    pub trial_budget: Option<Credits>,
    pub(crate) tiers: [TierTerms; Tier::ALL.len()],
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            modes: [Mode::Off; Rule::ALL.len()],
            cost: Formula(Vec::new()),
            default_tier: Tier::Anonymous,
            trial_budget: None,
            tiers: Tier::ALL.map(TierTerms::usual),
        }
    }
}

impl Rules {
    /// Whether a rule acts.
    #[must_use]
    pub fn mode(&self, rule: Rule) -> Mode {
        let at = Rule::ALL.iter().position(|r| *r == rule);
        at.and_then(|at| self.modes.get(at)).copied().unwrap_or_default()
    }

    /// Whether a rule is computed.
    #[must_use]
    pub fn is_on(&self, rule: Rule) -> bool {
        self.mode(rule) != Mode::Off
    }

    /// Whether nothing is computed at all.
    #[must_use]
    pub fn are_off(&self) -> bool {
        self.modes == [Mode::Off; Rule::ALL.len()]
    }

    /// What a tier may do.
    #[must_use]
    pub fn tier(&self, tier: Tier) -> TierTerms {
        let at = Tier::ALL.iter().position(|t| *t == tier);
        at.and_then(|at| self.tiers.get(at)).copied().unwrap_or_else(|| TierTerms::usual(tier))
    }

    /// How far an account is trusted: as the operator set it, else as its ledger shows.
    #[must_use]
    pub fn tier_of(&self, account: &Account, now: Instant) -> Tier {
        if let Some(tier) = account.settings.tier {
            return tier;
        }
        let has_contract = account.grants.iter().any(|g| g.terms.category == Category::Contract);
        match account.paid_since {
            _ if has_contract => Tier::Contract,
            Some(since) if now.since(since) >= ESTABLISHED_AFTER => Tier::Established,
            Some(_) => Tier::Paid,
            None => self.default_tier,
        }
    }

    /// What an account may do.
    #[must_use]
    pub fn terms_of(&self, account: &Account, now: Instant) -> TierTerms {
        self.tier(self.tier_of(account, now))
    }
}

/// The level of the penalty box that a stored decision rested on.
#[must_use]
pub fn recorded_penalty(decision: &Decision) -> u8 {
    let name = Rule::Penalty.name();
    let visit = decision.visits.iter().find(|v| v.place == Place::Abuse && v.name == name);
    visit.and_then(|v| u8::try_from(v.before).ok()).unwrap_or(0)
}
