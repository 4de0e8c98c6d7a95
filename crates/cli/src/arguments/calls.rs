//! Arguments of the commands that call the API, one for each call.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use headworks_core::record::{
    Category, Consent, Credits, Every, Instant, Label, Name, Overage, Path, Rule, Segment, Span, Tier,
};
use headworks_wire::{Reference, SignalKind};

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
        /// How much more, like output_tokens=500; repeat for several
        #[arg(short, long = "quantity", value_parser = quantity, value_name = "METER=N")]
        quantities: Vec<(Name, u64)>,
        /// Accept less: the least of one meter
        #[arg(long, value_parser = quantity, value_name = "METER=N")]
        min: Option<(Name, u64)>,
        /// New life from now, like 60s
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
    /// Call any route of the API: headworks api POST /v1/accounts/acme/resets body.json
    Api {
        /// GET, POST, PUT, PATCH or DELETE
        method: hyper::Method,
        /// The route, like /v1/accounts/acme/resets
        path: String,
        /// A file with the JSON body; - for standard input
        body: Option<PathBuf>,
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
    /// Show, check or replace the catalog in force
    #[command(subcommand)]
    Catalog(CatalogCommand),
    /// Show capacity pools and change them live
    #[command(subcommand)]
    Pools(PoolsCommand),
    /// Show the server's metrics
    Metrics,
}

/// The calls that change credits.
#[derive(Debug, Subcommand)]
pub(crate) enum CreditsCall {
    /// Add credits
    Grant {
        /// The account
        #[arg(value_parser = name)]
        account: Name,
        /// How many credits, like 25 or 0.5
        #[arg(value_parser = credits)]
        amount: Credits,
        /// Their kind
        #[arg(long, default_value = "purchased", value_parser = category, value_name = "free|promotional|purchased|contract")]
        category: Category,
        /// Small is drawn first
        #[arg(long, default_value_t = 0)]
        priority: u16,
        /// Usable from, RFC 3339; default: at once
        #[arg(long, value_parser = instant)]
        effective_from: Option<Instant>,
        /// Usable before, RFC 3339; default: they never expire
        #[arg(long, value_parser = instant)]
        expires_at: Option<Instant>,
        /// A feature they pay for; repeat for several; default: all
        #[arg(long = "feature", value_parser = name)]
        features: Vec<Name>,
        /// Your reference, like an invoice number
        #[arg(long, value_parser = label)]
        reference: Option<Label>,
        /// Their unit; default: credits
        #[arg(long, value_parser = name)]
        unit: Option<Name>,
        #[command(flatten)]
        recurrence: RecurrenceArguments,
        #[command(flatten)]
        key: KeyArgument,
    },
    /// Take back what is left of a grant
    Void {
        /// The grant, like acme~3
        #[arg(value_parser = reference)]
        grant: Reference,
        /// Why, for the ledger
        #[arg(long, value_parser = label)]
        reason: Option<Label>,
        #[command(flatten)]
        key: KeyArgument,
    },
    /// Correct a grant by hand
    Adjust {
        /// The grant, like acme~3
        #[arg(value_parser = reference)]
        grant: Reference,
        /// Credits to add, or with a minus sign to take
        #[arg(value_parser = credits, allow_negative_numbers = true)]
        amount: Credits,
        /// Why, for the ledger
        #[arg(long, value_parser = label)]
        reason: Option<Label>,
        #[command(flatten)]
        key: KeyArgument,
    },
    /// Give back a charge, once, wholly or in part
    Refund {
        /// The charge, like acme~18
        #[arg(value_parser = reference)]
        charge: Reference,
        /// How many credits; default: all of them, and the allowance as well
        #[arg(long, value_parser = credits)]
        amount: Option<Credits>,
        /// Why, for the ledger
        #[arg(long, value_parser = label)]
        reason: Option<Label>,
        #[command(flatten)]
        key: KeyArgument,
    },
}

/// How a grant comes again.
#[derive(Debug, Args)]
pub(crate) struct RecurrenceArguments {
    /// Comes again every hour, day, week, month or year, until it expires
    #[arg(long, value_parser = every, value_name = "hour|day|week|month|year")]
    every: Option<Every>,
    /// The IANA zone that its boundaries are counted in
    #[arg(long, value_parser = label, requires = "every")]
    zone: Option<Label>,
    /// At most this much of what is left is carried over a boundary; default: nothing
    #[arg(long, value_parser = credits, requires = "every")]
    rollover_max: Option<Credits>,
    /// At least this much is carried
    #[arg(long, value_parser = credits, default_value = "0")]
    rollover_min: Credits,
    /// The part of what is left that is carried, like 0.5
    #[arg(long, value_parser = credits)]
    rollover_fraction: Option<Credits>,
    /// How long what was carried lives, like 90d; default: one period
    #[arg(long, value_parser = span)]
    rollover_life: Option<Span>,
    /// What is owed at a boundary is forgiven instead of repaid
    #[arg(long, requires = "every")]
    forgive_overage: bool,
}

impl RecurrenceArguments {
    pub(crate) fn into_wire(self) -> Option<headworks_wire::Recurrence> {
        let every = self.every?;
        let rollover = |max| headworks_wire::Rollover {
            min: self.rollover_min,
            max,
            fraction: self.rollover_fraction,
            life: self.rollover_life,
        };
        Some(headworks_wire::Recurrence {
            every,
            zone: self.zone,
            anchor: headworks_wire::RecurrenceAnchor::default(),
            rollover: self.rollover_max.map(rollover),
            overage: if self.forgive_overage { Overage::Forgive } else { Overage::Keep },
        })
    }
}

/// What is used, and by whom.
#[derive(Debug, Args)]
pub(crate) struct WhatArguments {
    /// Who pays
    #[arg(value_parser = name)]
    pub(crate) account: Name,
    /// What is used
    #[arg(value_parser = name)]
    pub(crate) feature: Name,
    /// Where in the account, like team:research/user:alice
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

/// An idempotency key.
#[derive(Debug, Args)]
pub(crate) struct KeyArgument {
    /// Idempotency key: the same for retries of one request; default: a new one, printed to standard error
    #[arg(long = "key", value_parser = label)]
    pub(crate) key: Option<Label>,
}

#[derive(Debug, Args)]
pub(crate) struct AuthorizeArguments {
    #[command(flatten)]
    pub(crate) what: WhatArguments,
    /// Accept less: the least of one meter
    #[arg(long, value_parser = quantity, value_name = "METER=N")]
    pub(crate) min: Option<(Name, u64)>,
    /// Charge at once, without a hold
    #[arg(long)]
    pub(crate) settle_now: bool,
    /// Life of the hold, like 60s
    #[arg(long, value_parser = span)]
    pub(crate) life: Option<Span>,
    /// How long to wait for capacity, like 5s; default: as the class in the pool says
    #[arg(long, value_parser = span)]
    pub(crate) max_wait: Option<Span>,
    /// The address of the user, for the rule against shared keys
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) source: Option<IpAddr>,
    #[command(flatten)]
    pub(crate) key: KeyArgument,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PoolsCommand {
    /// List the pools, what they have and who uses it
    List,
    /// Show who uses a pool now: accounts and their keys, with their shares
    Seats {
        /// The pool
        #[arg(value_parser = name)]
        pool: Name,
        /// Only those of this account
        #[arg(long, value_parser = name)]
        account: Option<Name>,
        /// How many at most, up to 1000
        #[arg(long, default_value_t = 100)]
        max: u16,
    },
    /// Change a pool without a new catalog; replaces an earlier change whole, in force within 100 ms
    Change {
        /// The pool
        #[arg(value_parser = name)]
        pool: Name,
        /// Cost a second
        #[arg(long, value_name = "COST")]
        rate: Option<u64>,
        /// Most cost in flight
        #[arg(long, value_name = "COST")]
        in_flight: Option<u64>,
        /// A class's part among those of its band; repeat for several
        #[arg(long = "weight", value_parser = quantity, value_name = "CLASS=N")]
        weights: Vec<(Name, u64)>,
        /// A class's band, small is served first; repeat for several
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
    /// Take a live change back: the pool is as the catalog says
    Reset {
        /// The pool
        #[arg(value_parser = name)]
        pool: Name,
        /// Why, for the ledger
        #[arg(long, value_parser = label)]
        reason: Option<Label>,
        #[command(flatten)]
        key: KeyArgument,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum AccountCommand {
    /// Open an account
    Open {
        /// Its name
        #[arg(value_parser = name)]
        account: Name,
        /// Its plan; default: the catalog's default plan
        #[arg(long, value_parser = name)]
        plan: Option<Name>,
        /// Whether paid sources may be drawn; default: as the plan says
        #[arg(long, value_parser = consent, value_name = "allow|ask|never")]
        consent: Option<Consent>,
        /// What billing windows are counted from, RFC 3339; default: now
        #[arg(long, value_parser = instant)]
        billing_anchor: Option<Instant>,
        /// How far it is trusted; default: as its ledger shows
        #[arg(long, value_parser = tier, value_name = TIERS)]
        tier: Option<Tier>,
    },
    /// Change an account's plan and settings
    Change {
        /// The account
        #[arg(value_parser = name)]
        account: Name,
        /// New plan
        #[arg(long, value_parser = name)]
        plan: Option<Name>,
        /// Deny every request, or stop doing so
        #[arg(long, value_name = "true|false")]
        suspended: Option<bool>,
        /// Whether paid sources may be drawn
        #[arg(long, value_parser = consent, value_name = "allow|ask|never")]
        consent: Option<Consent>,
        /// What a member may draw from the pool in one window, like user:alice=50; repeat for several
        #[arg(long = "pool-cap", value_parser = pool_cap, value_name = "LEVEL:NAME=CREDITS")]
        pool_caps: Vec<(Segment, Credits)>,
        /// What a key may spend in an hour, like key:k7=50; repeat for several
        #[arg(long = "hourly-cap", value_parser = pool_cap, value_name = "key:NAME=CREDITS")]
        hourly_caps: Vec<(Segment, Credits)>,
        /// How far it is trusted
        #[arg(long, value_parser = tier, value_name = TIERS)]
        tier: Option<Tier>,
        /// Why, for the ledger
        #[arg(long, value_parser = label)]
        reason: Option<Label>,
        #[command(flatten)]
        key: KeyArgument,
    },
    /// List accounts by name
    List {
        /// Names after this one
        #[arg(long)]
        after: Option<String>,
        /// At most this many
        #[arg(long, default_value_t = 100)]
        max: u16,
    },
    /// Show an account
    Show {
        /// The account
        account: String,
    },
    /// Show its credits
    Balances {
        /// The account
        account: String,
        /// As they will be at this instant, RFC 3339: holds expired, grants begun and ended
        #[arg(long, value_parser = instant)]
        at: Option<Instant>,
    },
    /// Show what abuse rules make of it; without an account, list those they hold back now
    Conduct {
        /// The account
        account: Option<String>,
        /// Only those that this rule holds back, like velocity
        #[arg(long, value_parser = rule, conflicts_with = "account")]
        rule: Option<Rule>,
    },
    /// End an effect of an abuse rule before its time
    Lift {
        /// The account
        account: String,
        /// The rule, like velocity
        #[arg(value_parser = rule)]
        rule: Rule,
        /// The key of the account that it is about; default: the account
        #[arg(long, value_parser = name)]
        of_key: Option<Name>,
        /// Why, for the ledger
        #[arg(long, value_parser = label)]
        reason: Option<Label>,
        #[command(flatten)]
        key: KeyArgument,
    },
    /// Report what your own systems see of it
    Report {
        /// The account
        account: String,
        /// invalid_key, forged_webhook or dispute
        #[arg(value_parser = signal)]
        signal: SignalKind,
        /// The key of the account that did it
        #[arg(long, value_parser = name)]
        of_key: Option<Name>,
        /// Why, for the ledger
        #[arg(long, value_parser = label)]
        reason: Option<Label>,
        #[command(flatten)]
        key: KeyArgument,
    },
    /// Show its windows
    Windows {
        /// The account
        account: String,
    },
    /// Show its open holds
    Holds {
        /// The account
        account: String,
    },
    /// Read its log
    Records {
        /// The account
        account: String,
        /// From this number on
        #[arg(long, default_value_t = 1)]
        from: u64,
        /// At most this many
        #[arg(long, default_value_t = 100)]
        max: u16,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum CatalogCommand {
    /// Print the catalog in force
    Show,
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
