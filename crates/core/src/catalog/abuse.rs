//! Abuse rules of a catalog: which are on, and the limits of each tier of trust.
//!
//! Never looks at an account's use, only at how far it is trusted: the operator's word, its contract, its payments.
//! Units: cost, the catalog's formula over meters; credits in nano-credits.

use alloc::vec::Vec;
#[cfg(feature = "schema")]
use alloc::{string::String, vec};

use serde::{Deserialize, Serialize};

use super::supplies::Formula;
use crate::account::Account;
use crate::record::{Category, Credits, CreditsByUnit, Instant, Rule, Span, Tier};

/// How long an account must have paid without a dispute to be established.
const ESTABLISHED_AFTER: Span = Span::from_secs(14 * 86_400);

/// Whether a rule acts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Not computed.
    #[default]
    Off,
    /// Computed, recorded and explained; nobody is blocked.
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

/// The limits of a tier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TierTerms {
    /// Most open holds.
    pub holds: u64,
    /// The part of the balance that open holds may set aside, in percent.
    pub held_percent: u8,
    /// Cost in ten seconds that never counts as too fast.
    pub velocity_floor: u64,
    /// Cost in ten seconds that is never exceeded.
    pub velocity_ceiling: Option<u64>,
    /// Cost in a quarter of an hour that never counts as too steep.
    pub ramp_floor: u64,
    /// Members of one level with counters of their own.
    pub sub_keys: usize,
    /// Networks that one key may be used from in an hour.
    pub networks: u64,
    /// Open holds of a key that is used from more networks than that.
    pub shared_holds: u64,
    /// Credits that one key may always spend in an hour, by unit.
    pub key_spend_floor: CreditsByUnit,
}

impl TierTerms {
    /// The limits of a tier that the catalog does not mention.
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
            key_spend_floor: Credits::from_nano(i64::from(credits) * 1_000_000_000).into(),
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
    /// The cost of requests, for velocity, ramp and the cost maximum.
    pub(crate) cost: Formula,
    /// The tier of accounts about which nothing is known.
    pub(crate) default_tier: Tier,
    /// Free credits that may be granted in a day, over all accounts, by unit.
    pub trial_budget: Option<CreditsByUnit>,
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
    pub(crate) fn are_off(&self) -> bool {
        self.modes == [Mode::Off; Rule::ALL.len()]
    }

    /// The limits of a tier.
    #[must_use]
    pub fn tier(&self, tier: Tier) -> &TierTerms {
        let at = Tier::ALL.iter().position(|t| *t == tier);
        let terms = at.and_then(|at| self.tiers.get(at));
        terms.unwrap_or_else(|| unreachable!("there are terms for every tier"))
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

    /// The limits of an account.
    #[must_use]
    pub(crate) fn terms_of(&self, account: &Account, now: Instant) -> &TierTerms {
        self.tier(self.tier_of(account, now))
    }
}
