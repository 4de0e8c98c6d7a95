//! Arguments of the commands on a whole ledger, and of the measurements.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use headworks_core::record::{Instant, Label, Name, Segment, Tier};

use super::values::{TIERS, dimension, instant, label, name, segment, tier};

/// A dataset of the ledger.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Dataset {
    /// Usage events: one row for each charged use
    Usage,
    /// Monetization events: one row for each meter of a charge, with its price
    Lines,
    /// Monetization events: one row for each charge, correction and refund, with what it costs
    Charges,
    /// Monetization events: one row for each source that paid, or that got back what it had paid
    Draws,
    /// Grants: one row for each that was opened
    Grants,
    /// Statements: one row for each entry, with the balance after it, unit by unit
    Statements,
    /// Balance updates: one row for each movement between two books
    Movements,
}

/// A form of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    /// Comma-separated, RFC 4180, with a head
    Csv,
    /// One JSON object a line
    Ndjson,
    /// One JSON list; with --json this is the default
    Json,
    /// One CloudEvent a line: `usage`, `charges` and `movements` as webhooks send them, and `statements`
    Cloudevents,
    /// Apache Parquet, compressed with Snappy
    Parquet,
}

/// A form of use to import.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ImportFormat {
    /// CloudEvents 1.0 in JSON: one a line, or a list
    Cloudevents,
    /// A table with the columns id, subject, type, time, path, and one for each meter and dimension
    Csv,
}

/// What to erase.
#[derive(Debug, Args)]
pub(crate) struct EraseArguments {
    /// The account
    #[arg(value_parser = name)]
    pub(crate) account: Name,
    /// The data directory, while no server runs
    #[arg(long, value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// The new data directory; destroy the old one and its backups afterwards
    #[arg(long, value_name = "DIR")]
    pub(crate) to: PathBuf,
    /// A segment of paths, like user:alice; repeat for several
    #[arg(long = "segment", value_parser = segment, value_name = "LEVEL:NAME")]
    pub(crate) segments: Vec<Segment>,
    /// A dimension, like customer=4711; repeat for several
    #[arg(short, long = "dimension", value_parser = dimension, value_name = "NAME=VALUE")]
    pub(crate) dimensions: Vec<(Name, Label)>,
    /// Why, for the ledger
    #[arg(long, value_parser = label)]
    pub(crate) reason: Option<Label>,
}

/// What to import.
#[derive(Debug, Args)]
pub(crate) struct ImportArguments {
    /// The file
    pub(crate) file: PathBuf,
    /// Its form; default: by its extension
    #[arg(long, value_enum)]
    pub(crate) format: Option<ImportFormat>,
    /// The `source` of a table's events; with their id it is the idempotency key; default: the file's name
    #[arg(long)]
    pub(crate) source: Option<String>,
    /// Send everything again from the beginning
    #[arg(long)]
    pub(crate) restart: bool,
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
    /// The form; --json is short for `ndjson`
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
    /// From this instant on, RFC 3339, or the beginning of a day like 2026-10-01; default: the first record
    #[arg(long)]
    pub(crate) from: Option<String>,
    /// To before this instant, or the beginning of a day; default: now
    #[arg(long)]
    pub(crate) to: Option<String>,
    /// What counts for the period: when a record was written, or when it counts
    #[arg(long, default_value = "recorded", value_parser = ["recorded", "effective"])]
    pub(crate) by: String,
    /// As it was known at this instant, or the beginning of a day; default: now
    #[arg(long)]
    pub(crate) recorded_at: Option<String>,
    /// The IANA zone of days, like Europe/Berlin; default: UTC
    #[arg(long)]
    pub(crate) zone: Option<String>,
    /// The unit of credits; default: credits
    #[arg(long, value_parser = name)]
    pub(crate) unit: Option<Name>,
    /// The sums alone
    #[arg(long)]
    pub(crate) sums: bool,
    /// The form; --json is short for `json`
    #[arg(long, default_value = "text", value_parser = ["text", "json", "csv", "html"])]
    pub(crate) format: String,
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
    /// HTTP authorize with more and more clients, past what there is room for
    Overload(OverloadBench),
    /// Reconcile, replay, what-if, backup and restore over a ledger made for it
    Ledger(LedgerBench),
    /// Abuse rules: what callers nobody knows leave behind, and real clients' windows decided in simulated time
    Abuse(AbuseBench),
    /// Supplies: a tick of the allocator with 100,000 active accounts, and taking room on the path of a request
    Capacity,
    /// Published yardsticks of fair sharing, reproduced in simulated time
    Fairness {
        /// One of them
        #[arg(long, value_enum, value_name = "NAME")]
        only: Option<YardstickName>,
    },
    /// A month of the busy hour's shape in virtual time: statements, reconcile and what-if over it
    Month(MonthBench),
}

/// A yardstick of fair sharing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum YardstickName {
    Doorman,
    SlidingLog,
    FairQueue,
    ServiceGap,
    Isolation,
    WorkConservation,
    CapacityChange,
    Truthfulness,
    Sybil,
    PriorityBurst,
}

/// How to measure abuse rules.
#[derive(Clone, Debug, Args)]
pub(crate) struct AbuseBench {
    /// The table of client windows (ServeGen)
    #[arg(long, default_value = "crates/cli/demo/servegen_client_windows.csv.gz", value_name = "FILE")]
    pub(crate) windows: PathBuf,
    /// The table of the clients' lengths
    #[arg(long, default_value = "crates/cli/demo/servegen_client_tokens.csv.gz", value_name = "FILE")]
    pub(crate) lengths: PathBuf,
    /// Only this model of the table
    #[arg(long, value_name = "NAME")]
    pub(crate) model: Option<String>,
    /// How far the clients are trusted
    #[arg(long, default_value = "paid", value_parser = tier, value_name = TIERS)]
    pub(crate) tier: Tier,
    /// How many API keys, accounts and keys of an account are made up, of each kind
    #[arg(long, default_value_t = 10_000_000)]
    pub(crate) keys: u64,
}

/// How to measure overload.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct OverloadBench {
    /// Seconds for each number of clients
    #[arg(long, default_value_t = 5)]
    pub(crate) seconds: u64,
    /// Most requests that wait for one write; what comes beyond is refused
    #[arg(long, default_value_t = 256)]
    pub(crate) waiting_max: usize,
}

/// How to measure a month.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct MonthBench {
    /// Accounts
    #[arg(long, default_value_t = 1_000)]
    pub(crate) accounts: u32,
    /// Requests, about; the trace has some 134,000
    #[arg(long, default_value_t = 200_000)]
    pub(crate) requests: usize,
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
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) accounts: u32,
    /// Seconds in which clients send; the last answers come after them
    #[arg(long, default_value_t = 10)]
    pub(crate) seconds: u64,
    /// Clients, each with one operation in flight
    #[arg(long, default_value_t = 64, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..))]
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
