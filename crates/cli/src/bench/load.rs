//! What is measured: an engine with accounts of one plan, and clients that authorize and settle.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant as StdInstant;

use headworks_core::catalog::{Catalog, Format};
use headworks_core::command::{Command, NewGrant, Patch};
use headworks_core::record::{Category, HoldId, Label, Name};
use headworks_core::waterfall::{Authorize, Quantities, Request};
use headworks_engine::{Answer, Caller, Clock, Effect, Engine, EngineError, Idempotency, Limits};
use headworks_store::{Embedded, Options};

use crate::outcome::Failed;

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

pub(super) async fn drive(
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

pub(super) fn hold_of(answer: &Answer) -> Option<HoldId> {
    match &answer.effect {
        Effect::Recorded(record) => Some(HoldId(record.seq)),
        Effect::Denied(_) | Effect::Unrecorded(_) => None,
    }
}
