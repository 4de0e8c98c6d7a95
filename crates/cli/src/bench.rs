//! `headworks bench`: ratios taken in one run, beside what bounds them.

use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant as StdInstant};

use headworks_core::catalog::{Catalog, Format};
use headworks_core::command::{Command, NewGrant, Patch};
use headworks_core::record::{Category, HoldId, Label, Name, Path as AccountPath};
use headworks_core::waterfall::{Authorize, Quantities, Request};
use headworks_engine::{Answer, Caller, Clock, Effect, Engine, EngineError, Idempotency, Limits};
use headworks_server::{ServeOptions, Serving, serve};
use headworks_store::reconcile::{Progress, reconcile};
use headworks_store::replay::{replay, what_if};
use headworks_store::{Embedded, Options, journal_blocks};
use hyper::Method;
use smallvec::SmallVec;

use crate::arguments::{Bench, BenchArguments, EngineBench, HttpBench, LedgerBench, OverloadBench};
use crate::client::Client;
use crate::outcome::{Failed, Outcome};

const CATALOG: &str = r#"
version = "bench"
default_plan = "plus"
[meters]
input_tokens = { unit = "token" }
output_tokens = { unit = "token" }
[features.chat]
meters = ["input_tokens", "output_tokens"]
rate_card = "standard"
[[rate_cards.standard]]
effective_from = "2020-01-01T00:00:00Z"
prices = [{ feature = "chat", per = 1_000_000, credits = { input_tokens = "1.25", output_tokens = "10" } }]
[plans.plus]
features = ["chat"]
waterfall = [
  { allowance = { name = "included", windows = [{ name = "five_hours", window.first_use = { limit = "0.004", length = "5h" } }] } },
  { grants = { name = "credits" } },
]
"#;

pub(crate) async fn run(arguments: BenchArguments, as_json: bool) -> Outcome {
    match arguments.what {
        Bench::Engine(options) => engine(options).await,
        Bench::Http(options) => http(options).await,
        Bench::Overload(options) => overload(options).await,
        Bench::Ledger(options) => ledger(options).await,
        Bench::Abuse(options) => crate::abuse::run(&options, as_json).await,
        Bench::Capacity => crate::capacity::run(as_json),
        Bench::Fairness { only } => crate::simulate::fairness::run(only.as_deref(), as_json),
        Bench::Month(options) => crate::month::run(options, as_json).await,
    }
}

fn start(dir: &Path) -> Result<Arc<Engine>, Failed> {
    start_with(dir, Limits::default())
}

fn start_with(dir: &Path, limits: Limits) -> Result<Arc<Engine>, Failed> {
    let store = Embedded::open(dir, Options::default())?;
    let catalog = Catalog::parse(CATALOG, Format::Toml).map_err(|e| e.to_string())?;
    Ok(Engine::start(Arc::new(store), catalog, Arc::new(Clock::new()), limits)?)
}

pub(crate) fn key(text: &str) -> Result<Idempotency, Failed> {
    Ok(Idempotency { text: Label::new(text).map_err(|e| e.to_string())?, digest: [7; 16] })
}

fn account(n: u32) -> Result<Name, Failed> {
    Ok(Name::new(&format!("account-{n}")).map_err(|e| e.to_string())?)
}

async fn open(engine: &Engine, n: u32) -> Result<(), Failed> {
    let name = account(n)?;
    run_command(engine, &name, &key("open")?, &Command::Open(Patch::default())).await?;
    let grant = NewGrant::new("1000000".parse().map_err(|_| "amount")?, Category::Purchased);
    run_command(engine, &name, &key("grant")?, &Command::Grant(grant)).await?;
    Ok(())
}

/// Runs a command as nobody in particular.
pub(crate) async fn run_command(
    engine: &Engine,
    account: &Name,
    key: &Idempotency,
    command: &Command,
) -> Result<Answer, EngineError> {
    engine.run(account, Some(key), Caller::default(), command).await
}

fn ask() -> Result<Authorize, Failed> {
    let name = |text: &str| Name::new(text).map_err(|e| e.to_string());
    Ok(Authorize {
        request: Request {
            feature: name("chat")?,
            path: AccountPath::default(),
            dimensions: SmallVec::new(),
            quantities: [(name("input_tokens")?, 1_200), (name("output_tokens")?, 800)].into_iter().collect(),
            consented: false,
            recorded: false,
        },
        minimum: None,
        life: None,
        settle_now: false,
    })
}

/// A small generator for spreading load; its numbers decide nothing.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *state >> 33
}

pub(crate) fn seconds(took: Duration) -> f64 {
    took.as_secs_f64()
}

fn rate(count: u64, took: Duration) -> f64 {
    #[expect(clippy::cast_precision_loss, clippy::as_conversions, reason = "a figure for people")]
    let count = count as f64;
    #[expect(clippy::float_arithmetic, reason = "a figure for people")]
    let rate = count / seconds(took).max(1e-9);
    rate
}

fn percent(part: f64, whole: f64) -> f64 {
    #[expect(clippy::float_arithmetic, reason = "a figure for people")]
    let percent = 100.0 * part / whole.max(1e-9);
    percent
}

async fn engine(options: EngineBench) -> Outcome {
    let dir = tempfile::tempdir()?;
    let engine = start(dir.path())?;
    eprintln!("opening {} accounts", options.accounts);
    let mut opening = tokio::task::JoinSet::new();
    for lane in 0..256_u32 {
        let engine = Arc::clone(&engine);
        opening.spawn(async move {
            let mut n = lane;
            while n < options.accounts {
                open(&engine, n).await?;
                n += 256;
            }
            Ok::<(), Failed>(())
        });
    }
    while let Some(done) = opening.join_next().await {
        done??;
    }
    let written_before = journal_blocks(&dir.path().join("journal"))?.len();
    eprintln!("authorizing and settling for {} s with {} in flight", options.seconds, options.in_flight);
    let operations = Arc::new(AtomicU64::new(0));
    let started = StdInstant::now();
    let until = started + Duration::from_secs(options.seconds);
    let mut lanes = tokio::task::JoinSet::new();
    for lane in 0..options.in_flight {
        let (engine, operations) = (Arc::clone(&engine), Arc::clone(&operations));
        lanes.spawn(async move { drive(&engine, options.accounts, lane, until, &operations).await });
    }
    while let Some(done) = lanes.join_next().await {
        done??;
    }
    let took = started.elapsed();
    let ours = rate(operations.load(Ordering::Relaxed), took);
    engine.close();
    drop(engine);
    let blocks = journal_blocks(&dir.path().join("journal"))?.split_off(written_before);
    let bytes: usize = blocks.iter().sum();
    let raw = raw_append(dir.path(), &blocks)?;
    let records = operations.load(Ordering::Relaxed);
    let raw_rate = rate(records, raw);
    println!("accounts            {}", options.accounts);
    println!("in flight           {}", options.in_flight);
    println!(
        "operations          {records} in {:.1} s, {} batches, {bytes} bytes",
        seconds(took),
        blocks.len()
    );
    println!("engine              {ours:.0} durable operations/s");
    println!("bare append         {raw_rate:.0} operations/s (same bytes, same batches, write + fdatasync)");
    println!("ratio               {:.0} % of the bare append (bar: 40 %)", percent(ours, raw_rate));
    Ok(())
}

async fn drive(
    engine: &Engine,
    accounts: u32,
    lane: usize,
    until: StdInstant,
    operations: &AtomicU64,
) -> Result<(), Failed> {
    let ask = ask()?;
    let used: Quantities = [(ask.request.quantities.clone().remove(1).0, 500)].into_iter().collect();
    let ask = Command::Authorize(ask);
    let mut random = u64::try_from(lane)?.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let names = (0..accounts).map(account).collect::<Result<Vec<_>, _>>()?;
    let mut n = 0_u64;
    while StdInstant::now() < until {
        let at = usize::try_from(next(&mut random) % u64::from(accounts))?;
        let Some(name) = names.get(at) else { continue };
        n += 1;
        let key = key(&format!("{lane}-{n}"))?;
        let answer = run_command(engine, name, &key, &ask).await?;
        let Some(hold) = hold_of(&answer) else {
            return Err("an authorize was not allowed".into());
        };
        run_command(engine, name, &key, &Command::Settle { hold, quantities: used.clone() }).await?;
        operations.fetch_add(2, Ordering::Relaxed);
    }
    Ok(())
}

pub(crate) fn hold_of(answer: &Answer) -> Option<HoldId> {
    match &answer.effect {
        Effect::Recorded(record) => Some(HoldId(record.seq)),
        Effect::Denied(_) | Effect::Unrecorded(_) => None,
    }
}

/// Writes a ledger, then reads it back in every way there is.
async fn ledger(options: LedgerBench) -> Outcome {
    let dir = tempfile::tempdir()?;
    let engine = start(dir.path())?;
    let put = engine.put_catalog(CATALOG, (&key("catalog")?, None)).await?;
    put.map_err(|problems| problems.to_string())?;
    for n in 0..options.accounts {
        open(&engine, n).await?;
    }
    eprintln!("writing {} records of {} accounts", options.records, options.accounts);
    let operations = Arc::new(AtomicU64::new(0));
    let mut lanes = tokio::task::JoinSet::new();
    for lane in 0..64 {
        let (engine, operations) = (Arc::clone(&engine), Arc::clone(&operations));
        lanes.spawn(async move {
            while operations.load(Ordering::Relaxed) < options.records {
                // A lane's keys must differ from stretch to stretch.
                let stretch = lane + 64 * usize::try_from(operations.load(Ordering::Relaxed))?;
                let until = StdInstant::now() + Duration::from_millis(500);
                drive(&engine, options.accounts, stretch, until, &operations).await?;
            }
            Ok::<(), Failed>(())
        });
    }
    while let Some(done) = lanes.join_next().await {
        done??;
    }
    engine.close();
    drop(engine);
    let store = Embedded::open(dir.path(), Options::default())?;
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let row = |what: &str, records: u64, took: Duration, wrong: u64| {
        let per_second = rate(records, took);
        println!(
            "{what:<12} {records} records in {:.1} s, {per_second:.0} records/s, {wrong} differ",
            seconds(took)
        );
    };
    let timed = StdInstant::now();
    let report = reconcile(&store, threads, &Progress::default())?;
    row("reconcile", report.records, timed.elapsed(), report.found);
    let timed = StdInstant::now();
    let report = replay(&store, threads, &Progress::default())?;
    row("replay", report.records, timed.elapsed(), report.found);
    let dearer = CATALOG.replace("\"1.25\"", "\"1.5\"").replace("\"0.004\"", "\"0.002\"");
    let dearer = Catalog::parse(&dearer, Format::Toml).map_err(|e| e.to_string())?;
    let timed = StdInstant::now();
    let report = what_if(&store, &dearer, threads, &Progress::default())?;
    row("what-if", report.records, timed.elapsed(), u64::try_from(report.changed.len())?);
    let copy = dir.path().join("copy");
    let timed = StdInstant::now();
    let copied = headworks_store::backup(dir.path(), &copy)?;
    println!("{:<12} {} bytes in {:.1} s", "backup", copied.bytes, seconds(timed.elapsed()));
    let timed = StdInstant::now();
    let restored = headworks_store::restore(&copy, &dir.path().join("restored"), None)?;
    row("restore", restored.records, timed.elapsed(), restored.later);
    println!("{:<12} {}", "peak memory", peak_memory());
    Ok(())
}

/// What the system says of the process's memory, like `VmRSS`.
pub(crate) fn memory(field: &str) -> Option<String> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let value = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    value.map(|value| value.trim().to_owned())
}

/// The most memory that the process has had, as the system says.
pub(crate) fn peak_memory() -> String {
    memory("VmHWM").unwrap_or_else(|| "unknown".to_owned())
}

/// Writes blocks of the same sizes to one file, each synced before the next.
fn raw_append(dir: &Path, blocks: &[usize]) -> Result<Duration, Failed> {
    let mut file = std::fs::File::options().create_new(true).append(true).open(dir.join("bare"))?;
    let filler = vec![0x5A; blocks.iter().copied().max().unwrap_or(0)];
    let started = StdInstant::now();
    for block in blocks {
        file.write_all(filler.get(..*block).unwrap_or_default())?;
        file.sync_data()?;
    }
    Ok(started.elapsed())
}

/// A server on loopback with a thousand accounts.
async fn start_server(dir: &Path, limits: Limits) -> Result<(Arc<Engine>, Serving, String), Failed> {
    let engine = start_with(dir, limits)?;
    for n in 0..1_000 {
        open(&engine, n).await?;
    }
    let listen = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    let options = ServeOptions { listen, open: true, ..ServeOptions::default() };
    let serving = serve(Arc::clone(&engine), options).await?;
    let url = format!("http://{}", serving.address);
    Ok((engine, serving, url))
}

async fn http(options: HttpBench) -> Outcome {
    let dir = tempfile::tempdir()?;
    let (engine, serving, url) = start_server(dir.path(), Limits::default()).await?;
    let mut empty_total = 0.0;
    let mut ours_total = 0.0;
    // Both sides in turns, so that a noisy neighbour disturbs both.
    for round in 0..3_u64 {
        let slice = Duration::from_secs(options.seconds);
        let empty = load(&url, options.connections, slice, None).await?;
        let ours = load(&url, options.connections, slice, Some(round)).await?;
        println!("round {round}: empty endpoint {empty:.0} requests/s, authorize {ours:.0} requests/s");
        #[expect(clippy::float_arithmetic, reason = "a figure for people")]
        {
            empty_total += empty;
            ours_total += ours;
        }
    }
    println!("ratio: {:.0} % of the empty endpoint (bar: 60 %)", percent(ours_total, empty_total));
    serving.shut_down().await;
    engine.close();
    Ok(())
}

async fn authorize(
    client: &mut Client,
    round: u64,
    lane: usize,
    n: u64,
) -> Result<hyper::StatusCode, Failed> {
    let body = format!(
        r#"{{"account":"account-{}","feature":"chat","settle":"now","quantities":{{"input_tokens":1200,"output_tokens":800}}}}"#,
        (n * 7 + u64::try_from(lane)? * 131) % 1_000
    );
    let key = format!("{round}-{lane}-{n}");
    let sent = client.send(Method::POST, "/v1/authorize", Some(&key), "application/json", body.into_bytes());
    Ok(sent.await?.0)
}

/// More and more clients, each with a request in flight; who is refused comes back after a tenth of a second.
async fn overload(options: OverloadBench) -> Outcome {
    let dir = tempfile::tempdir()?;
    let limits = Limits { waiting_max: options.waiting_max, ..Limits::default() };
    let (engine, serving, url) = start_server(dir.path(), limits).await?;
    println!("clients   stored/s   refused/s   of the peak   peak memory");
    let mut peak = 0.0_f64;
    for (round, clients) in (0_u64..).zip([16_usize, 64, 256, 1_024, 4_096]) {
        let (stored, refused) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let mut lanes = tokio::task::JoinSet::new();
        let mut ready = Vec::new();
        for _ in 0..clients {
            ready.push(Client::connect(&url, None).await?);
        }
        let started = StdInstant::now();
        let until = started + Duration::from_secs(options.seconds);
        for (lane, mut client) in ready.into_iter().enumerate() {
            let (stored, refused) = (Arc::clone(&stored), Arc::clone(&refused));
            lanes.spawn(async move {
                let mut n = 0_u64;
                while StdInstant::now() < until {
                    n += 1;
                    match authorize(&mut client, round, lane, n).await? {
                        hyper::StatusCode::SERVICE_UNAVAILABLE => {
                            refused.fetch_add(1, Ordering::Relaxed);
                            tokio::time::sleep(Duration::from_millis(100)).await;
                        }
                        status if status.is_success() => drop(stored.fetch_add(1, Ordering::Relaxed)),
                        status => return Err(format!("status {status}").into()),
                    }
                }
                Ok::<(), Failed>(())
            });
        }
        while let Some(done) = lanes.join_next().await {
            done??;
        }
        let took = started.elapsed();
        let (stored, refused) =
            (rate(stored.load(Ordering::Relaxed), took), rate(refused.load(Ordering::Relaxed), took));
        peak = peak.max(stored);
        println!(
            "{clients:>7}   {stored:>8.0}   {refused:>9.0}   {:>9.0} %   {:>11}",
            percent(stored, peak),
            peak_memory()
        );
    }
    serving.shut_down().await;
    engine.close();
    Ok(())
}

/// Requests a second over keep-alive connections: authorize, or the empty endpoint for `None`.
async fn load(url: &str, connections: usize, slice: Duration, round: Option<u64>) -> Result<f64, Failed> {
    let count = Arc::new(AtomicU64::new(0));
    let until = StdInstant::now() + slice;
    let started = StdInstant::now();
    let mut lanes = tokio::task::JoinSet::new();
    for lane in 0..connections {
        let (url, count) = (url.to_owned(), Arc::clone(&count));
        lanes.spawn(async move {
            let mut client = Client::connect(&url, None).await?;
            let mut n = 0_u64;
            while StdInstant::now() < until {
                n += 1;
                let status = match round {
                    None => client.send(Method::GET, "/healthz", None, "text/plain", Vec::new()).await?.0,
                    Some(round) => authorize(&mut client, round, lane, n).await?,
                };
                if !status.is_success() {
                    return Err(format!("status {status}").into());
                }
                count.fetch_add(1, Ordering::Relaxed);
            }
            Ok::<(), Failed>(())
        });
    }
    while let Some(done) = lanes.join_next().await {
        done??;
    }
    Ok(rate(count.load(Ordering::Relaxed), started.elapsed()))
}
