//! The arguments of `headworks keys` and `headworks audit`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use headworks_core::record::{AuditKind, Id, Instant, KeyRate, Label, Name, Path, Span};
use headworks_wire::Scope;

use super::key::KeyArgument;
use super::values::{audit_kind, id, instant, key_rate, label, name, scope, span};

#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Make an API key; its secret is printed once
    Create(Box<CreateKeyArguments>),
    /// List the keys in force, when each was last used, and which expire soon
    List,
    /// Give a key a new secret, printed once; the one before it works a while longer
    Rotate {
        /// The key's id
        id: String,
        /// How long the secret before it works too, at most 30d; default: 24h
        #[arg(long, value_parser = span)]
        overlap: Option<Span>,
        #[command(flatten)]
        key: KeyArgument,
    },
    /// Revoke a key at once
    Revoke {
        /// The key's id
        id: String,
        /// Work on this data directory while no server runs
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
        /// Even if no other key with the scope `admin` that reaches every account lasts as long
        #[arg(long, requires = "data")]
        force: bool,
    },
}

/// Which entries of the audit log.
#[derive(Debug, Args)]
pub(crate) struct AuditArguments {
    /// Recorded from this instant on, RFC 3339: at most about 10 s after the calls
    #[arg(long, value_parser = instant)]
    pub(crate) from: Option<Instant>,
    /// Recorded before this instant, RFC 3339
    #[arg(long, value_parser = instant)]
    pub(crate) to: Option<Instant>,
    /// Only this subject
    #[arg(long, value_parser = audit_kind, value_name = "authentication|administration|read|decision")]
    pub(crate) kind: Option<AuditKind>,
    /// Only calls with the API key of this id, or of an inbound caller, like inbound:shop
    #[arg(long, value_parser = name, value_name = "ID")]
    pub(crate) of_key: Option<Name>,
    /// Only calls on this account
    #[arg(long, value_parser = id)]
    pub(crate) account: Option<Id>,
    /// Before this record of the audit log; the command says which when there is more
    #[arg(long, value_name = "N")]
    pub(crate) before: Option<u64>,
    /// About how many entries
    #[arg(long, default_value_t = 100, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1_000))]
    pub(crate) max: u16,
    /// All of them
    #[arg(long, conflicts_with = "max")]
    pub(crate) all: bool,
}

/// The key to make.
#[derive(Debug, Args)]
pub(crate) struct CreateKeyArguments {
    /// Work on this data directory while no server runs; needed for the first key
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// A scope of the key; repeat for several
    #[arg(
        long = "scope",
        required = true,
        value_parser = scope,
        value_name = "decide|record|read|admin|operator|catalog|gateway"
    )]
    pub(crate) scopes: Vec<Scope>,
    /// An account it reaches, or a prefix that ends in *; repeat for several; default: all
    #[arg(long = "account", value_name = "NAME", value_parser = id)]
    pub(crate) accounts: Vec<Id>,
    /// The place inside the account that its use through the gateway counts for, such as team:red/user:alice
    #[arg(long, value_name = "PATH")]
    pub(crate) path: Option<Path>,
    /// A model that it may use through the gateway; repeat for several; default: all
    #[arg(long = "model", value_name = "NAME", value_parser = label)]
    pub(crate) models: Vec<Label>,
    /// When it stops working, RFC 3339
    #[arg(long, value_parser = instant)]
    pub(crate) expires_at: Option<Instant>,
    /// A note for people
    #[arg(long, value_parser = label)]
    pub(crate) note: Option<Label>,
    /// The most requests with it in a time, such as 100/1s
    #[arg(long, value_parser = key_rate, value_name = "N/TIME")]
    pub(crate) rate: Option<KeyRate>,
    /// The most requests with it at once
    #[arg(long, value_name = "N")]
    pub(crate) concurrent: Option<u32>,
    /// Percentages of these limits, such as 50,80: a request that reaches one says so, and webhooks get key.warning
    #[arg(long, value_name = "PERCENT", value_delimiter = ',')]
    pub(crate) warn_at: Vec<u8>,
    #[command(flatten)]
    pub(crate) key: KeyArgument,
}
