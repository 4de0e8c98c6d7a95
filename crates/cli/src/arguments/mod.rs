//! The command line: every setting is defined here once.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use headworks_core::record::{Id, Instant};
use headworks_lab::{BenchArguments, SimulateArguments};
use headworks_server::ForwardedHeader;
use ipnet::IpNet;

mod account;
mod calls;
mod credits;
mod incident;
mod key;
mod keys;
mod ledger;
mod values;

pub(crate) use account::*;
pub(crate) use calls::*;
pub(crate) use credits::*;
pub(crate) use incident::*;
pub(crate) use key::*;
pub(crate) use keys::*;
pub(crate) use ledger::*;
use values::*;

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

/// The server to call.
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

/// A stand-in for an upstream of models.
#[derive(Debug, Args)]
pub(crate) struct MockUpstreamArguments {
    /// The address to listen on
    #[arg(long, default_value = "127.0.0.1:8090", value_name = "ADDRESS")]
    pub(crate) listen: SocketAddr,
    /// Tokens of an output, unless the request sets a lower limit
    #[arg(long, default_value_t = 64, value_name = "N")]
    pub(crate) output_tokens: u64,
    /// Tokens a second; 0: as fast as they can be sent
    #[arg(long, default_value_t = 50, value_name = "N")]
    pub(crate) tokens_per_second: u64,
    /// Milliseconds until the first token
    #[arg(long, default_value_t = 200, value_name = "MS")]
    pub(crate) first_token_ms: u64,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the server
    Serve(ServeArguments),
    /// Start a server on loopback, drive it with a public trace, and show its decisions
    Demo(DemoArguments),
    /// Stand in for an upstream of models: tokens at a set rate, faults on request
    MockUpstream(MockUpstreamArguments),
    /// Check a catalog file: every problem with its line and a fix
    CheckCatalog {
        /// The file, TOML or JSON
        file: PathBuf,
    },
    /// Print the JSON Schema of the catalog
    Schema,
    /// Measure this machine: the engine or the server beside its bounds
    Bench(BenchArguments),
    /// Replay a trace in simulated time against one or more catalogs, side by side
    Simulate(SimulateArguments),
    /// Compute every dataset of the ledger again and name each record that differs
    Reconcile {
        /// Work on this data directory while no server runs; otherwise the server is asked
        #[arg(long, value_name = "DIR")]
        data: Option<PathBuf>,
    },
    /// Run every recorded request again, as it was or on another catalog
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
    /// Write one account's whole log to a file that another ledger can take over
    ExportAccount {
        /// The account
        #[arg(value_parser = id)]
        account: Id,
        /// The data directory while no server runs, or a backup
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
        /// The file
        #[arg(long = "out", value_name = "FILE")]
        to: PathBuf,
    },
    /// Take over an account's log: checked whole before anything is written
    ImportAccount {
        /// The file
        file: PathBuf,
        /// The data directory, while no server runs
        #[arg(long, value_name = "DIR")]
        data: PathBuf,
        /// Also import records decided on catalogs that this ledger never had; `replay` will name them
        #[arg(long)]
        any_catalog: bool,
    },
    /// Write a new copy of a ledger with personal data of one account erased
    Erase(EraseArguments),
    /// Write one of the ledger's datasets as rows
    Export(ExportArguments),
    /// Record use from a file of CloudEvents or a CSV table
    Import(ImportArguments),
    /// Show what moved an account's balance in a period, signed
    Statement(StatementArguments),
    /// Check a statement offline: its signature, its sums, and that nothing was altered
    Verify {
        /// The statement as JSON; `-` reads standard input
        file: PathBuf,
        /// The server's public key, from `headworks signing-key`, kept where the statement's holder trusts it
        #[arg(long, value_name = "headworks+ID+KEY")]
        key: String,
    },
    /// Print the public key that statements are signed with
    SigningKey,
    /// Make, list, rotate and revoke API keys
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Show the audit log, newest first; --json prints one entry a line
    Audit(AuditArguments),
    #[command(flatten)]
    Call(Call),
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
    /// Put this catalog in force at the start if it never was; read again on SIGHUP
    #[arg(long, env = "HEADWORKS_CATALOG", value_name = "FILE")]
    pub(crate) catalog: Option<PathBuf>,
    /// Put the file's catalog in force even if it was in force before and another one took its place
    #[arg(long, env = "HEADWORKS_CATALOG_FORCE", requires = "catalog")]
    pub(crate) catalog_force: bool,
    /// Serve calls of models as this file says: upstreams, and the models that are sold
    #[arg(long, env = "HEADWORKS_GATEWAY", value_name = "FILE")]
    pub(crate) gateway: Option<PathBuf>,
    /// The most accounts in memory
    #[arg(long, env = "HEADWORKS_ACCOUNTS_MAX", default_value_t = 1_000_000, value_name = "N")]
    pub(crate) accounts_max: usize,
    /// Serve with TLS: the certificate chain, PEM. It is read again when it changes
    #[arg(long, env = "HEADWORKS_TLS_CERT", requires = "tls_key", value_name = "FILE")]
    pub(crate) tls_cert: Option<PathBuf>,
    /// The certificate's private key, PEM
    #[arg(long, env = "HEADWORKS_TLS_KEY", requires = "tls_cert", value_name = "FILE")]
    pub(crate) tls_key: Option<PathBuf>,
    /// Require clients to have a certificate from one of these authorities, PEM
    #[arg(long, env = "HEADWORKS_TLS_CLIENT_CA", requires = "tls_cert", value_name = "FILE")]
    pub(crate) tls_client_ca: Option<PathBuf>,
    /// The addresses of the proxies in front of the server: they are believed about where requests come from, and without TLS only
    /// they may connect
    #[arg(long, env = "HEADWORKS_BEHIND_PROXY", value_name = "ADDRESSES", value_delimiter = ',', value_parser = network)]
    pub(crate) behind_proxy: Vec<IpNet>,
    /// The header that the proxies write; the other one is what their clients send
    #[arg(
        long,
        env = "HEADWORKS_FORWARDED_HEADER",
        value_name = "HEADER",
        default_value = "x-forwarded-for",
        value_parser = forwarded_header()
    )]
    pub(crate) forwarded_header: ForwardedHeader,
    /// The most connections at once; default: 10,000, or fewer where the system allows fewer open files
    #[arg(long, env = "HEADWORKS_CONNECTIONS_MAX", value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) connections_max: Option<u32>,
    /// The most connections of one address, or of one /64 of IPv6; proxies have no such limit. Default: half of all
    #[arg(long, env = "HEADWORKS_CONNECTIONS_PER_PEER", value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) connections_per_peer: Option<u32>,
    /// The most memory of the process, such as 2GiB: near it, caches shrink and new work is refused. Default: nine tenths of what
    /// the cgroup or the machine has
    #[arg(long, env = "HEADWORKS_MEMORY_MAX", value_name = "BYTES", value_parser = bytes)]
    pub(crate) memory_max: Option<u64>,
    /// Seconds after which a request is answered `outcome_unknown`
    #[arg(long, env = "HEADWORKS_REQUEST_TIMEOUT_S", default_value_t = 30, value_name = "SECONDS")]
    pub(crate) request_timeout_s: u64,
    /// Seconds a shutdown waits for running requests
    #[arg(long, env = "HEADWORKS_DRAIN_S", default_value_t = 10, value_name = "SECONDS")]
    pub(crate) drain_s: u64,
    /// A file with the key of Stripe's API, for webhooks that send meter events
    #[arg(long, env = "HEADWORKS_STRIPE_KEY_FILE", value_name = "FILE")]
    pub(crate) stripe_key_file: Option<PathBuf>,
    /// Send nothing to webhooks: for trials with a copy of a ledger
    #[arg(long, env = "HEADWORKS_NO_WEBHOOKS", conflicts_with = "stripe_key_file")]
    pub(crate) no_webhooks: bool,
    /// Addresses that requests to webhooks may go to besides public ones, also without TLS: blocks such as 10.0.0.0/8, or
    /// single addresses, separated by commas. For webhooks inside your own network
    #[arg(long, env = "HEADWORKS_WEBHOOKS_ALLOW", value_delimiter = ',', value_parser = network, value_name = "BLOCKS")]
    pub(crate) webhooks_allow: Vec<IpNet>,
    /// For tests, on loopback: the ledger's time begins here and moves only with `headworks test-clock advance`; a test
    /// ledger that has been served before goes on at its last instant, or here if this is later
    #[arg(long, env = "HEADWORKS_TEST_CLOCK", value_parser = instant, value_name = "INSTANT")]
    pub(crate) test_clock: Option<Instant>,
    /// Accept a machine's clock that is more than a year ahead of the ledger's last record: everything that has expired by then
    /// expires
    #[arg(long, env = "HEADWORKS_ACCEPT_CLOCK", conflicts_with = "test_clock")]
    pub(crate) accept_clock: bool,
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
