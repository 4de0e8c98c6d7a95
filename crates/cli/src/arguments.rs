//! The command line: every setting is defined here once.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use headworks_core::account::Consent;
use headworks_core::amount::Credits;
use headworks_core::ledger::Category;
use headworks_core::name::{Label, Name, Path, Segment};
use headworks_core::time::{Instant, Span};
use headworks_wire::{Reference, Scope};

/// An access engine: how much is allowed, and from which source?
#[derive(Debug, Parser)]
#[command(name = "headworks", version, propagate_version = true, max_term_width = 110)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) remote: Remote,
    /// Print answers as JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// Which server to call.
#[derive(Debug, Args)]
pub(crate) struct Remote {
    /// The server to call
    #[arg(
        long,
        global = true,
        env = "HEADWORKS_URL",
        default_value = "http://127.0.0.1:8080",
        value_name = "URL"
    )]
    pub(crate) server: String,
    /// The API key to call it with
    #[arg(long, global = true, env = "HEADWORKS_API_KEY", hide_env_values = true, value_name = "KEY")]
    pub(crate) api_key: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the server
    Serve(ServeArguments),
    /// Start a server on loopback, drive it with a public trace, and show what it decided
    Demo(DemoArguments),
    /// Check a catalog file: every problem with its line and a fix
    CheckCatalog {
        /// The file, TOML or JSON
        file: PathBuf,
    },
    /// Print the JSON Schema of the catalog
    Schema,
    /// Measure this machine: the engine or the server beside what bounds it
    Bench(BenchArguments),
    /// Compute every dataset of the ledger again and name each record that differs
    Reconcile {
        /// Work on this data directory while no server runs; otherwise the server is asked
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
    },
    /// Ask every recorded request again, as it was or on another catalog
    Replay {
        /// The data directory, while no server runs
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
        /// A catalog to try: shows the decisions, denials and revenue that change
        #[arg(long, value_name = "FILE")]
        catalog: Option<PathBuf>,
    },
    /// Copy a ledger, also while a server runs on it; the copy is a data directory
    Backup {
        /// The data directory
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
        /// Where the copy goes; an earlier backup of the same ledger is brought up to date
        #[arg(long, value_name = "DIR")]
        to: PathBuf,
    },
    /// Write a backup's ledger into a new data directory, as it was at an instant
    Restore {
        /// The backup
        #[arg(long, value_name = "DIR")]
        from: PathBuf,
        /// The new data directory
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
        /// Leave out everything recorded from this instant on, RFC 3339
        #[arg(long, value_parser = instant)]
        until: Option<Instant>,
    },
    /// Write one of the ledger's datasets as rows
    Export(ExportArguments),
    /// Show what moved an account's balance in a period, signed
    Statement(StatementArguments),
    /// Check a statement offline: its signature, its sums, that nothing was altered
    Verify {
        /// The statement as JSON; `-` reads standard input
        file: PathBuf,
        /// The server's public key, from `headworks signing-key`, kept where the statement's holder trusts it
        #[arg(long, value_name = "headworks+ID+KEY")]
        key: String,
    },
    /// Print the public key that statements are signed with
    SigningKey,
    /// Make, list and revoke API keys
    #[command(subcommand)]
    Keys(KeysCommand),
    #[command(flatten)]
    Call(Call),
}

/// A dataset of the ledger.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Dataset {
    /// Usage events: one row for each charged use
    Usage,
    /// Monetization events: one row for each meter of a charge, with its price
    Lines,
    /// Monetization events: one row for each source that paid
    Draws,
    /// Balance updates: one row for each movement between two books
    Movements,
}

/// A form of rows.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum ExportFormat {
    /// Comma-separated, RFC 4180, with a head
    Csv,
    /// One JSON object a line
    Ndjson,
}

/// What to export.
#[derive(Debug, Args)]
pub(crate) struct ExportArguments {
    /// The dataset
    #[arg(value_enum)]
    pub(crate) dataset: Dataset,
    /// The data directory while no server runs, or a backup
    #[arg(long, value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// The form
    #[arg(long, value_enum, default_value = "csv")]
    pub(crate) format: ExportFormat,
    /// This account only
    #[arg(long, value_parser = name)]
    pub(crate) account: Option<Name>,
    /// Recorded from this instant on, RFC 3339
    #[arg(long, value_parser = instant)]
    pub(crate) from: Option<Instant>,
    /// Recorded before this instant, RFC 3339
    #[arg(long = "to", value_parser = instant)]
    pub(crate) to_instant: Option<Instant>,
    /// The file; default: standard output
    #[arg(long = "out", value_name = "FILE")]
    pub(crate) to: Option<PathBuf>,
}

/// Which statement.
#[derive(Debug, Args)]
pub(crate) struct StatementArguments {
    /// The account
    #[arg(value_parser = name)]
    pub(crate) account: Name,
    /// From this instant on, RFC 3339; default: the first record
    #[arg(long, value_parser = instant)]
    pub(crate) from: Option<Instant>,
    /// To before this instant, RFC 3339; default: now
    #[arg(long, value_parser = instant)]
    pub(crate) to: Option<Instant>,
    /// The form; --json is short for `json`
    #[arg(long, default_value = "text", value_parser = ["text", "json", "csv", "html"])]
    pub(crate) format: String,
}

/// How to serve.
#[derive(Debug, Args)]
pub(crate) struct ServeArguments {
    /// The directory with the ledger; made when it is not there
    #[arg(long, env = "HEADWORKS_DATA", value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// The address to listen on
    #[arg(long, env = "HEADWORKS_LISTEN", default_value = "127.0.0.1:8080", value_name = "ADDRESS")]
    pub(crate) listen: SocketAddr,
    /// Put this catalog in force at the start when it differs from the one stored; read again on SIGHUP
    #[arg(long, env = "HEADWORKS_CATALOG", value_name = "FILE")]
    pub(crate) catalog: Option<PathBuf>,
    /// Most accounts in memory
    #[arg(long, env = "HEADWORKS_ACCOUNTS_MAX", default_value_t = 1_000_000, value_name = "N")]
    pub(crate) accounts_max: usize,
    /// Most connections at once
    #[arg(long, env = "HEADWORKS_CONNECTIONS_MAX", default_value_t = 10_000, value_name = "N")]
    pub(crate) connections_max: usize,
    /// Seconds after which a request is answered `outcome_unknown`
    #[arg(long, env = "HEADWORKS_REQUEST_TIMEOUT_S", default_value_t = 30, value_name = "SECONDS")]
    pub(crate) request_timeout_s: u64,
    /// Seconds a shutdown waits for running requests
    #[arg(long, env = "HEADWORKS_DRAIN_S", default_value_t = 10, value_name = "SECONDS")]
    pub(crate) drain_s: u64,
    /// Notation of the log
    #[arg(long, env = "HEADWORKS_LOG_FORMAT", default_value = "text", value_name = "FORMAT")]
    pub(crate) log_format: LogFormat,
}

/// Notation of the log.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

/// How to run the demo.
#[derive(Debug, Args)]
pub(crate) struct DemoArguments {
    /// End after the report instead of staying up
    #[arg(long)]
    pub(crate) once: bool,
    /// The address to listen on; a free port when it is taken
    #[arg(long, default_value = "127.0.0.1:8080", value_name = "ADDRESS")]
    pub(crate) listen: SocketAddr,
    /// Where to keep the ledger; default: a temporary directory
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// How much of the traced hour to replay
    #[arg(long, default_value_t = 60, value_name = "MINUTES", value_parser = clap::value_parser!(u16).range(1..=60))]
    pub(crate) minutes: u16,
}

/// What to measure.
#[derive(Debug, Args)]
pub(crate) struct BenchArguments {
    #[command(subcommand)]
    pub(crate) what: Bench,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Bench {
    /// Durable authorize and settle in process, beside a bare append and fdatasync of the same bytes
    Engine(EngineBench),
    /// HTTP authorize beside the same server's empty endpoint
    Http(HttpBench),
    /// Reconcile, replay, what-if, backup and restore over a ledger made for it
    Ledger(LedgerBench),
}

/// How to measure the ledger.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct LedgerBench {
    /// Accounts, drawn evenly
    #[arg(long, default_value_t = 1_000)]
    pub(crate) accounts: u32,
    /// Records, about
    #[arg(long, default_value_t = 1_000_000)]
    pub(crate) records: u64,
}

/// How to measure the engine.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct EngineBench {
    /// Accounts, drawn evenly
    #[arg(long, default_value_t = 100_000)]
    pub(crate) accounts: u32,
    /// Seconds
    #[arg(long, default_value_t = 10)]
    pub(crate) seconds: u64,
    /// Operations in flight
    #[arg(long, default_value_t = 64)]
    pub(crate) in_flight: usize,
}

/// How to measure the server.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct HttpBench {
    /// Connections
    #[arg(long, default_value_t = 64)]
    pub(crate) connections: usize,
    /// Seconds for each side
    #[arg(long, default_value_t = 5)]
    pub(crate) seconds: u64,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Make an API key; its secret is printed once
    Create {
        /// Work on this data directory while no server runs; needed for the first key
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
        /// What the key may do; repeat for several
        #[arg(long = "scope", required = true, value_parser = scope, value_name = "decide|record|read|admin")]
        scopes: Vec<Scope>,
        /// An account it reaches, or a prefix that ends in *; repeat for several; default: all
        #[arg(long = "account", value_name = "NAME", value_parser = label)]
        accounts: Vec<Label>,
        /// When it stops working, RFC 3339
        #[arg(long, value_parser = instant)]
        expires_at: Option<Instant>,
        /// For people
        #[arg(long, value_parser = label)]
        note: Option<Label>,
    },
    /// List the keys in force
    List,
    /// Revoke a key at once
    Revoke {
        /// The key's id
        id: String,
    },
}

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
        #[command(flatten)]
        key: KeyArgument,
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
    #[command(flatten)]
    pub(crate) key: KeyArgument,
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

fn parsed<T: std::str::FromStr>(text: &str) -> Result<T, String>
where
    T::Err: std::fmt::Display,
{
    text.parse().map_err(|e: T::Err| e.to_string())
}

fn name(text: &str) -> Result<Name, String> {
    parsed(text)
}

fn credits(text: &str) -> Result<Credits, String> {
    parsed(text)
}

fn instant(text: &str) -> Result<Instant, String> {
    parsed(text)
}

fn span(text: &str) -> Result<Span, String> {
    parsed(text)
}

fn path(text: &str) -> Result<Path, String> {
    parsed(text)
}

fn reference(text: &str) -> Result<Reference, String> {
    parsed(text)
}

fn label(text: &str) -> Result<Label, String> {
    Label::new(text).map_err(|e| e.to_string())
}

fn word<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, String> {
    serde_json::from_value(serde_json::Value::String(text.to_owned())).map_err(|e| e.to_string())
}

fn scope(text: &str) -> Result<Scope, String> {
    word(text)
}

fn category(text: &str) -> Result<Category, String> {
    word(text)
}

fn consent(text: &str) -> Result<Consent, String> {
    word(text)
}

fn pair<'a>(text: &'a str, like: &str) -> Result<(&'a str, &'a str), String> {
    text.split_once('=').ok_or_else(|| format!("write it like {like}"))
}

fn quantity(text: &str) -> Result<(Name, u64), String> {
    let (meter, n) = pair(text, "output_tokens=500")?;
    Ok((parsed(meter)?, n.parse().map_err(|_| format!("`{n}` is no whole number from 0 up"))?))
}

fn dimension(text: &str) -> Result<(Name, Label), String> {
    let (name, value) = pair(text, "model=large")?;
    Ok((parsed(name)?, label(value)?))
}

fn pool_cap(text: &str) -> Result<(Segment, Credits), String> {
    let (segment, cap) = pair(text, "user:alice=50")?;
    Ok((parsed(segment)?, parsed(cap)?))
}
