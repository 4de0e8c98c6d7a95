//! Effects of abuse rules, and what is known of identities.
//!
//! Never moves credits. An effect ends by itself at its expiry; only one that is lifted before needs a record.

use alloc::boxed::Box;

use minicbor::{Decode, Encode};

use crate::abuse::Rule;
use crate::amount::Credits;
use crate::name::{Label, Name};
use crate::time::Instant;

/// What a rule does to an account or to one of its keys until it expires.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Effect {
    /// The rule.
    #[n(0)]
    pub rule: Rule,
    /// The key it is about; `None`: the account.
    #[n(1)]
    pub key: Option<Box<Name>>,
    /// What is let through: cost in ten seconds, or open holds.
    #[n(2)]
    pub limit: i64,
    /// What was measured, in the rule's unit.
    #[n(3)]
    pub figure: i64,
    /// What it was compared with.
    #[n(4)]
    pub reference: i64,
    /// When it began.
    #[n(5)]
    pub since: Instant,
    /// When it ends by itself.
    #[n(6)]
    pub until: Instant,
    /// From when on the user is asked to prove who they are.
    #[n(7)]
    pub step_up_at: Option<Instant>,
}

/// What happened about abuse.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Conduct {
    /// A rule has an effect from now on; it replaces one of the same rule and key.
    #[n(0)]
    Began(#[n(0)] Effect),
    /// The operator ended an effect before its time.
    #[n(1)]
    Lifted(#[n(0)] Rule, #[n(1)] Option<Box<Name>>, #[n(2)] Option<Label>),
    /// A payment of the account is disputed: it is not established any more.
    #[n(2)]
    Disputed(#[n(0)] Option<Label>),
    /// In the log of an identity, or of the daily budget: a free grant was given to this account.
    #[n(3)]
    FreeGrant(#[n(0)] Name, #[n(1)] Credits),
}
