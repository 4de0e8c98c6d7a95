//! Arguments of the commands that call the API, one for each call.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use headworks_core::record::{Id, Instant, Label, Name, Path, Span};
use headworks_wire::Reference;

use super::account::AccountCommand;
use super::credits::CreditsCall;
use super::incident::IncidentArguments;
use super::key::KeyArgument;
use super::values::*;

/// One command for each call.
#[derive(Debug, Subcommand)]
pub(crate) enum Call {
    /// Ask how much is allowed, and hold it or charge it at once
    Authorize(AuthorizeArguments),
    /// Ask without any effect
    Check(AuthorizeArguments),
    /// Grow a hold, move its deadline, or report progress
    Extend {
        /// The hold, like acme~17
        #[arg(value_parser = reference)]
        hold: Reference,
        /// The additional quantity, like output_tokens=500; repeat for several
        #[arg(short, long = "quantity", value_parser = quantity, value_name = "METER=N")]
        quantities: Vec<(Name, u64)>,
        /// Accept less: the smallest useful quantity of one meter
        #[arg(long, value_parser = quantity, value_name = "METER=N")]
        min: Option<(Name, u64)>,
        /// The new life from now, like 60s
        #[arg(long, value_parser = span)]
        life: Option<Span>,
        /// Use so far; repeat for several
        #[arg(long = "progress", value_parser = quantity, value_name = "METER=N")]
        progress: Vec<(Name, u64)>,
        /// The user agrees to paid sources
        #[arg(long)]
        consent: bool,
        #[command(flatten)]
        key: KeyArgument,
    },
    /// End a hold at the actual use
    Settle {
        /// The hold, like acme~17
        #[arg(value_parser = reference)]
        hold: Reference,
        /// The actual use, like output_tokens=312; repeat for several
        #[arg(short, long = "quantity", value_parser = quantity, value_name = "METER=N")]
        quantities: Vec<(Name, u64)>,
        /// A dimension as it turned out, like model=mini; repeat for all. Default: those of the hold
        #[arg(short, long = "dimension", value_parser = dimension, value_name = "NAME=VALUE")]
        dimensions: Vec<(Name, Label)>,
    },
    /// End a hold at zero
    Release {
        /// The hold, like acme~17
        #[arg(value_parser = reference)]
        hold: Reference,
    },
    /// Charge use that has happened
    Record {
        #[command(flatten)]
        what: WhatArguments,
        /// When it happened, RFC 3339; default: now
        #[arg(long, value_parser = instant)]
        effective_at: Option<Instant>,
        #[command(flatten)]
        key: KeyArgument,
    },
    /// Call any route of the API: headworks api PUT /v1/webhooks/billing body.json
    Api {
        /// GET, POST, PUT, PATCH or DELETE
        method: hyper::Method,
        /// The route, like /v1/webhooks/billing
        path: String,
        /// A file with the body; - for standard input
        body: Option<PathBuf>,
        /// Idempotency key: the same for retries of one request; default: a new one, which is printed
        #[arg(long, value_parser = id)]
        key: Option<Id>,
        /// The media type of the body; default: application/json, or text/plain if it is not JSON
        #[arg(long, value_name = "TYPE")]
        content_type: Option<String>,
    },
    /// Run a batch of operations from a JSON file: {"items": [{"authorize": {…}}, …]}
    Batch {
        /// The file; - for standard input
        file: PathBuf,
    },
    /// Explain a past decision
    Explain {
        /// The decision, like acme~17
        id: String,
    },
    /// Open, change and read accounts
    #[command(subcommand)]
    Account(AccountCommand),
    #[command(flatten)]
    Credits(CreditsCall),
    /// Give all accounts that match a grant, a reset or a higher limit: shown first
    Incident(Box<IncidentArguments>),
    /// Show, check or replace the catalog in force, and put an earlier one back
    #[command(subcommand)]
    Catalog(CatalogCommand),
    /// See how webhooks are doing, and which accounts wait; they are made over HTTP
    #[command(subcommand)]
    Webhooks(WebhooksCommand),
    /// Show supplies and change them live
    #[command(subcommand)]
    Supplies(SuppliesCommand),
    /// Show the time of a server that was started with --test-clock, or move it
    TestClock {
        #[command(subcommand)]
        command: Option<TestClockCommand>,
    },
    /// Show the server's metrics
    Metrics,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TestClockCommand {
    /// Move the test clock ahead: everything due on the way happens at its own instant
    #[command(group(clap::ArgGroup::new("where").required(true).args(["to", "by"])))]
    Advance {
        /// To this instant, RFC 3339
        #[arg(long, value_parser = instant)]
        to: Option<Instant>,
        /// By this duration, like 90s
        #[arg(long, value_parser = span, value_name = "DURATION")]
        by: Option<Span>,
    },
}

/// The use, and its account.
#[derive(Debug, Args)]
pub(crate) struct WhatArguments {
    /// The account that pays
    #[arg(value_parser = id)]
    pub(crate) account: Id,
    /// The feature
    #[arg(value_parser = name)]
    pub(crate) feature: Name,
    /// The path within the account, like team:research/user:alice
    #[arg(long, value_parser = path, default_value = "")]
    pub(crate) path: Path,
    /// A dimension that prices depend on, like model=large; repeat for several
    #[arg(short, long = "dimension", value_parser = dimension, value_name = "NAME=VALUE")]
    pub(crate) dimensions: Vec<(Name, Label)>,
    /// Units of a meter, like input_tokens=1200; repeat for several
    #[arg(short, long = "quantity", value_parser = quantity, value_name = "METER=N")]
    pub(crate) quantities: Vec<(Name, u64)>,
    /// The user agrees to paid sources
    #[arg(long)]
    pub(crate) consent: bool,
}

#[derive(Debug, Args)]
pub(crate) struct AuthorizeArguments {
    #[command(flatten)]
    pub(crate) what: WhatArguments,
    /// Accept less: the smallest useful quantity of one meter
    #[arg(long, value_parser = quantity, value_name = "METER=N")]
    pub(crate) min: Option<(Name, u64)>,
    /// Charge at once, without a hold
    #[arg(long)]
    pub(crate) settle_now: bool,
    /// Life of the hold, like 60s
    #[arg(long, value_parser = span)]
    pub(crate) life: Option<Span>,
    /// How long to wait for capacity, like 5s; default: as the class in the supply says
    #[arg(long, value_parser = span)]
    pub(crate) max_wait: Option<Span>,
    /// The address of the user, for the rule against shared keys
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) source: Option<IpAddr>,
    #[command(flatten)]
    pub(crate) key: KeyArgument,
}

#[derive(Debug, Subcommand)]
pub(crate) enum WebhooksCommand {
    /// List the webhooks and how they are doing
    List,
    /// List the accounts that wait in a webhook, because Stripe refused one of their records
    Parked {
        /// The webhook
        #[arg(value_parser = name)]
        webhook: Name,
    },
    /// Send the refused record again, and then the records that wait behind it
    Retry(ResumeArguments),
    /// Never send the refused record, and go on with the records that wait behind it
    PassOver(ResumeArguments),
}

/// The account whose records go on.
#[derive(Debug, Args)]
pub(crate) struct ResumeArguments {
    /// The webhook
    #[arg(value_parser = name)]
    pub(crate) webhook: Name,
    /// The account
    #[arg(value_parser = id)]
    pub(crate) account: Id,
    #[command(flatten)]
    pub(crate) key: KeyArgument,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SuppliesCommand {
    /// List the supplies with their capacity and use
    List,
    /// Show the current users of a supply: accounts and their keys, with their shares
    Sharers {
        /// The supply
        #[arg(value_parser = name)]
        supply: Name,
        /// Only those of this account
        #[arg(long, value_parser = id)]
        account: Option<Id>,
        /// At most this many, up to 1000
        #[arg(long, default_value_t = 100)]
        max: u16,
    },
    /// Change a supply without a new catalog; replaces an earlier change as a whole, in force within 100 ms
    Change {
        /// The supply
        #[arg(value_parser = name)]
        supply: Name,
        /// Cost per second
        #[arg(long, value_name = "COST")]
        rate: Option<u64>,
        /// Most cost in flight
        #[arg(long, value_name = "COST")]
        in_flight: Option<u64>,
        /// A class's weight among the classes of its band; repeat for several
        #[arg(long = "weight", value_parser = quantity, value_name = "CLASS=N")]
        weights: Vec<(Name, u64)>,
        /// A class's band, lower numbers are served first; repeat for several
        #[arg(long = "priority", value_parser = quantity, value_name = "CLASS=N")]
        priorities: Vec<(Name, u64)>,
        /// A class's floor in percent of the capacity; repeat for several
        #[arg(long = "floor", value_parser = quantity, value_name = "CLASS=PERCENT")]
        floors: Vec<(Name, u64)>,
        /// Why, for the ledger
        #[arg(long, value_parser = label)]
        reason: Option<Label>,
        #[command(flatten)]
        key: KeyArgument,
    },
    /// Undo a live change: the supply is as in the catalog again
    Reset {
        /// The supply
        #[arg(value_parser = name)]
        supply: Name,
        /// Why, for the ledger
        #[arg(long, value_parser = label)]
        reason: Option<Label>,
        #[command(flatten)]
        key: KeyArgument,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum CatalogCommand {
    /// Print the catalog in force, or an earlier one
    Show {
        /// The hash of an earlier one, or at least its first eight digits
        hash: Option<String>,
    },
    /// List every time a catalog was put in force, by whom, and its changes
    History,
    /// Put a catalog that was in force back
    Restore {
        /// Its hash, or at least the first eight digits
        hash: String,
    },
    /// Put a catalog in force, whole or not at all
    Put {
        /// The file, TOML or JSON
        file: PathBuf,
    },
    /// Let the server check a catalog without putting it in force
    Check {
        /// The file, TOML or JSON
        file: PathBuf,
    },
}
