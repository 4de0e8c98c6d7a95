//! Arguments of the measurements and of simulated policies.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use headworks_core::record::{Credits, Name, Span, Tier};
use headworks_terminal::values::{parsed, word};

/// The measurement.
#[derive(Debug, Args)]
pub struct BenchArguments {
    #[command(subcommand)]
    pub(crate) what: Bench,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Bench {
    /// Durable authorize and settle in process, beside a bare append and fdatasync of the same bytes
    Engine(EngineBench),
    /// HTTP authorize beside the same server's empty endpoint
    Http(HttpBench),
    /// HTTP authorize with more and more clients, beyond capacity
    Overload(OverloadBench),
    /// Calls of models through the gateway, beside a proxy that only passes bytes on
    Gateway(GatewayBench),
    /// The proxy of `bench gateway` that only passes bytes on
    PassThrough(PassThrough),
    /// Steady good requests beside each known attack on a server, quiet and attacked in turns
    Attacks(AttacksBench),
    /// Good load beside all known attacks at once, minute by minute
    Soak(SoakBench),
    /// Reconcile, replay, what-if, backup and restore over a ledger made for it
    Ledger(LedgerBench),
    /// Abuse rules: the memory that unknown callers leave behind, and real clients' windows decided in simulated time
    Abuse(AbuseBench),
    /// Supplies: a tick of the allocator with 100,000 active accounts, and taking room on the path of a request
    Capacity,
    /// Published yardsticks of fair sharing, reproduced in simulated time
    Fairness(FairnessBench),
    /// A month of the busy hour's shape in virtual time: statements, reconcile and what-if over it
    Month(MonthBench),
}

/// How to measure fair sharing.
#[derive(Clone, Debug, Args)]
pub(crate) struct FairnessBench {
    /// One of the yardsticks
    #[arg(long, value_enum, value_name = "NAME")]
    pub(crate) only: Option<YardstickName>,
    /// Of each sweep only the hardest cases, with one seed
    #[arg(long)]
    pub(crate) quick: bool,
    /// Write pictures (SVG) into this directory
    #[arg(long, value_name = "DIR")]
    pub(crate) plots: Option<PathBuf>,
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
    Memory,
    Weights,
    InflatedDemand,
    Tasks,
    UnknownCapacity,
}

/// How to measure abuse rules.
#[derive(Clone, Debug, Args)]
pub(crate) struct AbuseBench {
    /// The table of client windows (ServeGen)
    #[arg(long, default_value = "crates/lab/traces/servegen_client_windows.csv.gz", value_name = "FILE")]
    pub(crate) windows: PathBuf,
    /// The table of the clients' lengths
    #[arg(long, default_value = "crates/lab/traces/servegen_client_tokens.csv.gz", value_name = "FILE")]
    pub(crate) lengths: PathBuf,
    /// Only this model of the table
    #[arg(long, value_name = "NAME")]
    pub(crate) model: Option<String>,
    /// How far the clients are trusted
    #[arg(long, default_value = "paid", value_parser = word::<Tier>, value_name = "anonymous|verified|paid|established|contract")]
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
    /// The most requests that wait for one write; further ones are refused
    #[arg(long, default_value_t = 256)]
    pub(crate) waiting_max: usize,
}

/// How to measure the gateway.
#[derive(Clone, Debug, Args)]
pub(crate) struct GatewayBench {
    /// Rounds; in each, all ways are measured one after the other
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) rounds: u32,
    /// Calls one after the other, in each round of each way
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) calls: u64,
    /// Seconds of streams, in each round of each way
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub(crate) seconds: u64,
    /// Streams at once
    #[arg(long, default_value_t = 512)]
    pub(crate) streams: usize,
    /// A running `headworks mock-upstream` that the peers forward to; default: one is started
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) upstream: Option<SocketAddr>,
    /// A gateway or proxy that runs before the same upstream, and the process whose memory is read; repeat for several
    #[arg(long, value_name = "NAME=ADDRESS[,PID]", value_parser = peer)]
    pub(crate) peer: Vec<Peer>,
}

/// Another gateway or proxy.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    pub(crate) name: String,
    pub(crate) address: SocketAddr,
    pub(crate) process: Option<u32>,
}

fn peer(text: &str) -> Result<Peer, String> {
    let wrong = || "write NAME=ADDRESS or NAME=ADDRESS,PID, for example nginx=127.0.0.1:8101,4242".to_owned();
    let (name, rest) = text.split_once('=').ok_or_else(wrong)?;
    let (address, process) = rest.split_once(',').map_or((rest, None), |(at, id)| (at, Some(id)));
    let process = process.map(str::parse).transpose().map_err(|_| wrong())?;
    Ok(Peer { name: name.to_owned(), address: address.parse().map_err(|_| wrong())?, process })
}

/// Where bytes are passed on to.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct PassThrough {
    /// The address to listen on
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDRESS")]
    pub(crate) listen: SocketAddr,
    /// The address that every request is sent to
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) upstream: SocketAddr,
}

/// How to measure attacks.
#[derive(Clone, Debug, Args)]
pub(crate) struct AttacksBench {
    /// Seconds of quiet, and of the attack, in each turn
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    pub(crate) seconds: u64,
    /// Turns of each attack
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub(crate) alternations: u32,
    /// Only this attack
    #[arg(long, value_name = "NAME")]
    pub(crate) only: Option<String>,
}

/// How long to go on under attack.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct SoakBench {
    /// Minutes
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) minutes: u32,
    /// Callers that send good requests
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub(crate) callers: u32,
    /// Good requests of each caller a second
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub(crate) rate: u32,
}

/// How to measure a month.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct MonthBench {
    /// Accounts
    #[arg(long, default_value_t = 1_000)]
    pub(crate) accounts: u32,
    /// Requests, about; the trace has about 134,000
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

/// The simulation.
#[derive(Debug, Args)]
pub struct SimulateArguments {
    /// The trace: CSV, gzipped or not, with columns t_s, client, input_tokens, output_tokens, and optionally plan,
    /// class, cluster, weight; or a table of client windows; docs/fairness.md has the formats
    #[arg(long, value_name = "FILE")]
    pub(crate) trace: PathBuf,
    /// Only requests from this second on
    #[arg(long, default_value_t = 0, value_name = "SECONDS")]
    pub(crate) from_s: u64,
    /// Only requests before this second
    #[arg(long, value_name = "SECONDS")]
    pub(crate) until_s: Option<u64>,
    /// Of a table of client windows: the model
    #[arg(long, value_name = "NAME")]
    pub(crate) model: Option<String>,
    /// Of a table of client windows: the table of the clients' lengths
    #[arg(long, value_name = "FILE")]
    pub(crate) lengths: Option<PathBuf>,
    /// Of a table of client windows: the seed of the random numbers
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// A policy to try; repeat to see several side by side
    #[arg(long, required = true, value_name = "FILE")]
    pub(crate) catalog: Vec<PathBuf>,
    /// The requested feature; default: the catalog's only one
    #[arg(long, value_parser = parsed::<Name>)]
    pub(crate) feature: Option<Name>,
    /// How many requests the upstream serves at once; default: any number
    #[arg(long, value_name = "N")]
    pub(crate) slots: Option<usize>,
    /// How long a request takes
    #[arg(long, default_value = "0s", value_parser = parsed::<Span>, value_name = "DURATION")]
    pub(crate) service_time: Span,
    /// How much longer for each output token
    #[arg(long, default_value = "0s", value_parser = parsed::<Span>, value_name = "DURATION")]
    pub(crate) service_time_per_token: Span,
    /// How much cost per second (input + 2 x output tokens) the upstream serves; it refuses the rest
    #[arg(long, value_name = "COST")]
    pub(crate) upstream_rate: Option<u64>,
    /// Hold this many output tokens instead of the actual ones
    #[arg(long, value_name = "TOKENS")]
    pub(crate) output_estimate: Option<u64>,
    /// Credits that each account has bought before
    #[arg(long, default_value = "0", value_parser = parsed::<Credits>, value_name = "CREDITS")]
    pub(crate) credits: Credits,
    /// Print every client
    #[arg(long)]
    pub(crate) clients: bool,
    /// Write pictures (SVG) into this directory
    #[arg(long, value_name = "DIR")]
    pub(crate) plots: Option<PathBuf>,
}
