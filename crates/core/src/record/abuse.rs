//! Abuse rules as records name them: their effects on accounts and keys, and facts about identities.
//!
//! Never moves credits. An effect ends by itself at its expiry; only one that is lifted early needs a record.

use alloc::boxed::Box;

#[cfg(feature = "schema")]
use alloc::{string::String, vec, vec::Vec};

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

use super::amount::Credits;
use super::name::{Label, Name};
use super::time::Instant;

/// The prefix of the names of abuse rules.
pub(crate) const PREFIX: &str = "abuse.";

/// The rules.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode, Serialize, Deserialize,
)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum Rule {
    /// One request costs at most the plan's limit.
    #[n(0)]
    CostMaximum,
    /// Open holds, and the credits they set aside, stay within the limits of the account's trust.
    #[n(1)]
    Holds,
    /// Cost in ten seconds, against the account's own peak.
    #[n(2)]
    Velocity,
    /// Cost in a quarter of an hour grows by half at most; use beyond that is served one class lower.
    #[n(3)]
    Ramp,
    /// Callers that retry too early or send invalid requests get smaller bursts.
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
    /// The spending of one key in an hour, against its own week.
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
    /// Its identity is not known.
    #[default]
    #[n(0)]
    Anonymous,
    /// The operator has verified its identity.
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

/// An effect of a rule on an account or one of its keys, until it expires.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Effect {
    /// The rule.
    #[n(0)]
    pub rule: Rule,
    /// The key it applies to; `None`: the account.
    #[n(1)]
    pub key: Option<Box<Name>>,
    /// The limit that is let through: cost in ten seconds, or open holds.
    #[n(2)]
    pub limit: i64,
    /// The measured value, in the rule's unit.
    #[n(3)]
    pub figure: i64,
    /// The value it was compared with.
    #[n(4)]
    pub reference: i64,
    /// When it began.
    #[n(5)]
    pub since: Instant,
    /// When it ends by itself.
    #[n(6)]
    pub until: Instant,
    /// From this instant on, the user is asked to prove their identity.
    #[n(7)]
    pub step_up_at: Option<Instant>,
}

/// An event about abuse.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum AbuseEvent {
    /// A rule has an effect from now on; it replaces one of the same rule and key.
    #[n(0)]
    Began(#[n(0)] Effect),
    /// The operator ended an effect early.
    #[n(1)]
    Lifted {
        /// The rule.
        #[n(0)]
        rule: Rule,
        /// The key it applied to; `None`: the account.
        #[n(1)]
        key: Option<Box<Name>>,
        /// Why.
        #[n(2)]
        reason: Option<Label>,
    },
    /// A payment of the account is disputed: it is no longer established.
    #[n(2)]
    Disputed(#[n(0)] Option<Label>),
    /// In the log of an identity, or of the daily budget: a free grant was given to this account.
    #[n(3)]
    FreeGrant {
        /// The account.
        #[n(0)]
        account: Name,
        /// The amount.
        #[n(1)]
        amount: Credits,
    },
}
