//! Arguments of the commands on a whole ledger.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use headworks_core::record::{Id, Instant, Label, Name, Segment};

use super::values::{dimension, id, instant, label, name, segment};

/// A dataset of the ledger.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Dataset {
    /// Usage events: one row for each charged use
    Usage,
    /// Monetization events: one row for each meter of a charge, with its price
    Lines,
    /// Monetization events: one row for each charge, correction and refund, with its cost
    Charges,
    /// Monetization events: one row for each source that paid, or that got something back
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

/// The personal data to erase.
#[derive(Debug, Args)]
pub(crate) struct EraseArguments {
    /// The account
    #[arg(value_parser = id)]
    pub(crate) account: Id,
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

/// The import.
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

/// The export.
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
    #[arg(long, value_parser = id)]
    pub(crate) account: Option<Id>,
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

/// The statement.
#[derive(Debug, Args)]
pub(crate) struct StatementArguments {
    /// The account
    #[arg(value_parser = id)]
    pub(crate) account: Id,
    /// From this instant on, RFC 3339, or the beginning of a day like 2026-10-01; default: the first record
    #[arg(long)]
    pub(crate) from: Option<String>,
    /// Up to, but not including, this instant, or the beginning of a day; default: now
    #[arg(long)]
    pub(crate) to: Option<String>,
    /// How a record falls into the period: by when it was written, or by when it takes effect
    #[arg(long, default_value = "recorded", value_parser = ["recorded", "effective"])]
    pub(crate) by: String,
    /// As known at this instant, or the beginning of a day; default: now
    #[arg(long)]
    pub(crate) recorded_at: Option<String>,
    /// The IANA zone of days, like Europe/Berlin; default: UTC
    #[arg(long)]
    pub(crate) zone: Option<String>,
    /// The unit of credits; default: credits
    #[arg(long, value_parser = name)]
    pub(crate) unit: Option<Name>,
    /// Only the sums
    #[arg(long)]
    pub(crate) sums: bool,
    /// The entries after a page, 10,000 at a time: the command says how to go on
    #[arg(long, value_name = "PLACE")]
    pub(crate) after: Option<String>,
    /// The form; --json is short for `json`
    #[arg(long, default_value = "text", value_parser = ["text", "json", "csv", "html"])]
    pub(crate) format: String,
}
