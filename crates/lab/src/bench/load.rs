//! The subject of measurements: an engine with accounts of one plan, and clients that authorize and settle.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant as StdInstant};

use headworks_core::catalog::{Catalog, Format};
use headworks_core::command::{Command, NewGrant, Patch};
use headworks_core::record::{Category, HoldId, Label, Name};
use headworks_core::waterfall::{Authorize, Quantities, Request};
use headworks_engine::{Answer, Caller, Clock, Effect, Engine, EngineError, Idempotency, Limits};
use headworks_store::{Embedded, Options};
use headworks_terminal::Failed;

use super::latency::Latencies;

/// When a client repeats a request that the engine had no room for.
const RETRY_AFTER: Duration = Duration::from_millis(10);

pub(super) const CATALOG: &str = r#"
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

pub(super) fn start(dir: &Path) -> Result<Arc<Engine>, Failed> {
    start_with(dir, Limits::default())
}

pub(super) fn start_with(dir: &Path, limits: Limits) -> Result<Arc<Engine>, Failed> {
    let store = Embedded::open(dir, Options::default())?;
    let catalog = Catalog::parse(CATALOG, Format::Toml).map_err(|e| e.to_string())?;
    Ok(Engine::start(Arc::new(store), catalog, Arc::new(Clock::new()), limits)?)
}

pub(super) fn key(text: &str) -> Result<Idempotency, Failed> {
    Ok(Idempotency { text: Label::new(text).map_err(|e| e.to_string())?, digest: [7; 16] })
}

fn account(n: u32) -> Result<Name, Failed> {
    Ok(Name::new(&format!("account-{n}")).map_err(|e| e.to_string())?)
}

pub(super) async fn open(engine: &Engine, n: u32) -> Result<(), Failed> {
    let name = account(n)?;
    run_command(engine, &name, &key("open")?, &Command::Open(Patch::default())).await?;
    let grant = NewGrant::new("1000000".parse().map_err(|_| "amount")?, Category::Purchased);
    run_command(engine, &name, &key("grant")?, &Command::Grant(grant)).await?;
    Ok(())
}

/// Runs a command without an actor.
pub(super) async fn run_command(
    engine: &Engine,
    account: &Name,
    key: &Idempotency,
    command: &Command,
) -> Result<Answer, EngineError> {
    engine.run(account, Some(key), Caller::default(), command).await
}

fn ask() -> Result<Authorize, Failed> {
    let name = |text: &str| Name::new(text).map_err(|e| e.to_string());
    Ok(Authorize::new(Request::new(
        name("chat")?,
        [(name("input_tokens")?, 1_200), (name("output_tokens")?, 800)],
    )))
}

/// A small generator for spreading load; its numbers decide nothing.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *state >> 33
}

/// The progress so far.
#[derive(Debug)]
pub(super) struct Tally {
    pub(super) authorize: Latencies,
    pub(super) settle: Latencies,
    /// Answers that too much was waiting; those requests were sent again.
    pub(super) overloads: AtomicU64,
}

impl Tally {
    pub(super) fn new() -> Self {
        Self { authorize: Latencies::new(), settle: Latencies::new(), overloads: AtomicU64::new(0) }
    }

    pub(super) fn operations(&self) -> u64 {
        self.authorize.count() + self.settle.count()
    }
}

/// The requests of all clients, made once before anything is measured.
pub(super) struct Clients {
    names: Vec<Name>,
    authorize: Command,
    used: Quantities,
}

impl Clients {
    pub(super) fn of(accounts: u32) -> Result<Self, Failed> {
        let ask = ask()?;
        let mut used = ask.request.quantities.clone();
        used.iter_mut().zip([0, 500]).for_each(|((_, n), used)| *n = used);
        let names = (0..accounts).map(account).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { names, authorize: Command::Authorize(ask), used })
    }

    /// Authorizes and settles on accounts drawn evenly; `lane` is the client's number.
    pub(super) async fn drive(
        &self,
        engine: &Engine,
        lane: usize,
        until: StdInstant,
        tally: &Tally,
    ) -> Result<(), Failed> {
        let mut random = u64::try_from(lane)?.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let accounts = u64::try_from(self.names.len())?;
        let mut n = 0_u64;
        while StdInstant::now() < until {
            let at = usize::try_from(next(&mut random) % accounts)?;
            let Some(name) = self.names.get(at) else { continue };
            n += 1;
            let key = key(&format!("{lane}-{n}"))?;
            let answer = timed(engine, name, &key, &self.authorize, &tally.authorize, tally).await?;
            let hold = hold_of(&answer).ok_or_else(|| {
                format!(
                    "an authorize of {name} was not allowed; with so many in flight, name more --accounts"
                )
            })?;
            let settle = Command::settle(hold, self.used.clone());
            timed(engine, name, &key, &settle, &tally.settle, tally).await?;
        }
        Ok(())
    }
}

/// Runs a command until it is answered. Its latency counts from the first time it was sent.
async fn timed(
    engine: &Engine,
    account: &Name,
    key: &Idempotency,
    command: &Command,
    latencies: &Latencies,
    tally: &Tally,
) -> Result<Answer, Failed> {
    let sent = StdInstant::now();
    loop {
        match run_command(engine, account, key, command).await {
            Err(EngineError::Overloaded) => {
                tally.overloads.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(RETRY_AFTER).await;
            }
            answer => {
                let answer = answer?;
                latencies.add(sent.elapsed());
                return Ok(answer);
            }
        }
    }
}

pub(super) fn hold_of(answer: &Answer) -> Option<HoldId> {
    match &answer.effect {
        Effect::Recorded(record) => Some(HoldId(record.seq)),
        Effect::Denied(_) | Effect::Unrecorded(_) => None,
    }
}
