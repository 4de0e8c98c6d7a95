//! `headworks bench month`: a month of a thousand accounts in virtual time, then every promise of the ledger checked over it.
//!
//! The busy hour of the public trace is stretched over 30 days; accounts have monthly grants that roll over, a 5-hour and a
//! weekly allowance, and automatic top-ups. Everything is done by the real engine on the embedded store.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant as StdInstant;

use headworks_audit::reconcile::{Progress, reconcile};
use headworks_audit::replay::what_if;
use headworks_core::audit::statement::{About, Ask, Cause, Statement};
use headworks_core::catalog::{Catalog, Format};
use headworks_core::command::{Command, NewGrant, Patch, Setting, TopUp};
use headworks_core::record::{
    AlertMarks, Category, Every, Instant, Label, Name, Overage, Recurrence, Rollover, Span, TopUpTerms, WHOLE,
};
use headworks_core::waterfall::{Authorize, Refusal, Request};
use headworks_engine::{Clock, Engine, EngineError, Limits};
use headworks_store::{Embedded, Options, Store, wait};
use headworks_terminal::{Failed, Outcome, print, say, tell};

use super::figures::{peak_memory, seconds};
use super::load::{hold_of, key, run_command};
use crate::arguments::MonthBench;
use crate::traces::{Traced, requests};

const MONTH: u64 = 30 * 86_400;
/// How much longer a month is than the hour whose shape it has.
const STRETCH: u64 = MONTH / 3_600;
/// Requests of one slice are in flight together.
const SLICE_MICROS: u64 = 3_600_000_000;
const LANES: usize = 64;

const CATALOG: &str = r#"
version = "month"
[meters]
input_tokens = { unit = "token" }
output_tokens = { unit = "token" }
[features.chat]
meters = ["input_tokens", "output_tokens"]
rate_card = "standard"
hold = { life = "2h" }
[[rate_cards.standard]]
effective_from = "2020-01-01T00:00:00Z"
prices = [{ feature = "chat", per = 1_000_000, credits = { input_tokens = "1.25", output_tokens = "10" } }]
[plans.plus]
features = ["chat"]
waterfall = [
  { allowance = { name = "included", windows = [
    { name = "five_hours", window.first_use = { limit = "0.02", length = "5h" } },
    { name = "week", window.first_use = { limit = "0.1", length = "7d" } },
  ] } },
  { grants = { name = "credits" } },
]
"#;

fn credits(text: &str) -> Result<headworks_core::record::Credits, Failed> {
    Ok(text.parse().map_err(|e| format!("{text}: {e}"))?)
}

async fn open(engine: &Engine, name: &Name) -> Result<(), Failed> {
    let plan = Name::new("plus").map_err(|e| e.to_string())?;
    let alerts =
        Setting::Set(vec![AlertMarks { low: credits("0.05")?, recovered: credits("0.1")?, unit: None }]);
    let top_ups = Setting::Set(vec![TopUpTerms {
        amount: credits("0.5")?,
        monthly_max: credits("5")?,
        cool_down: Span::from_secs(3_600),
        unit: None,
    }]);
    let patch = Patch { plan: Some(plan), alerts, top_ups, ..Patch::default() };
    run_command(engine, name, &key("open")?, &Command::Open(patch)).await?;
    let rollover = Rollover { min: credits("0")?, max: credits("0.1")?, fraction: WHOLE, life: None };
    let recurrence = Recurrence {
        every: Every::Week,
        zone: Label::new("UTC").map_err(|e| e.to_string())?,
        anchor: None,
        until: Instant::NEVER,
        rollover: Some(rollover),
        overage: Overage::Keep,
        prorated: None,
    };
    let weekly = NewGrant {
        recurrence: Some(Box::new(recurrence)),
        ..NewGrant::new(credits("0.4")?, Category::Promotional)
    };
    run_command(engine, name, &key("weekly")?, &Command::Grant(weekly)).await?;
    let bought = NewGrant::new(credits("1")?, Category::Purchased);
    run_command(engine, name, &key("bought")?, &Command::Grant(bought)).await?;
    Ok(())
}

/// One request from hold to charge; it uses a little less or more than was held.
async fn one(engine: &Engine, account: &Name, n: usize, traced: &Traced) -> Result<bool, Failed> {
    let name = |text: &str| Name::new(text).map_err(|e| e.to_string());
    let (input, output) = (name("input_tokens")?, name("output_tokens")?);
    let estimate = traced.output_tokens + 64;
    let ask = Authorize::new(Request::new(
        name("chat")?,
        [(input.clone(), traced.input_tokens), (output.clone(), estimate)],
    ));
    let key = key(&format!("r{n}"))?;
    let answer = run_command(engine, account, &key, &Command::Authorize(ask)).await?;
    let Some(hold) = hold_of(&answer) else { return Ok(false) };
    if n.is_multiple_of(50) {
        // Its client is gone: the hold expires by itself.
        return Ok(true);
    }
    let used = if n.is_multiple_of(20) { estimate + 64 } else { traced.output_tokens };
    let quantities = [(input, traced.input_tokens), (output, used)].into_iter().collect();
    run_command(engine, account, &key, &Command::settle(hold, quantities)).await?;
    pay(engine, account).await?;
    Ok(true)
}

/// Pays the top-up in flight, if there is one, as an operator's webhook would.
async fn pay(engine: &Engine, account: &Name) -> Result<(), Failed> {
    let asked = engine.view(account, |ctx| Ok(ctx.account.balance(None).and_then(|b| b.asked))).await?;
    if let Some(asked) = asked {
        let grant = NewGrant::new(asked.amount, Category::Purchased);
        let key = key(&format!("top-up {}", asked.number))?;
        let paid = Command::ConfirmTopUp { number: asked.number, top_up: TopUp::Paid(grant) };
        match run_command(engine, account, &key, &paid).await {
            // Another lane pays it, or just has.
            Err(EngineError::Refused(Refusal::NoTopUp(_))) => {}
            paid => drop(paid?),
        }
    }
    Ok(())
}

pub(super) async fn run(options: MonthBench, as_json: bool) -> Outcome {
    let dir = tempfile::tempdir()?;
    let store = Embedded::open(dir.path(), Options::default())?;
    let catalog = Catalog::parse(CATALOG, Format::Toml).map_err(|e| e.to_string())?;
    let clock = Arc::new(Clock::new());
    clock.rewind(Span::from_secs(MONTH + 86_400));
    let engine = Engine::start(Arc::new(store), catalog, Arc::clone(&clock), Limits::default())?;
    let put = engine.put_catalog(CATALOG, (&key("catalog")?, None)).await?;
    put.map_err(|problems| problems.to_string())?;
    let names = (0..options.accounts).map(|n| Name::new(&format!("account-{n}")));
    let names = Arc::new(names.collect::<Result<Vec<_>, _>>().map_err(|e| e.to_string())?);
    for name in names.iter() {
        open(&engine, name).await?;
    }
    let mut traced = requests(3_600)?;
    let every = (traced.len() / options.requests.max(1)).max(1);
    let mut n = 0;
    traced.retain(|_| {
        n += 1;
        n % every == 0
    });
    tell!("{} requests of {} accounts over 30 days", traced.len(), names.len());
    let began = clock.now();
    let started = StdInstant::now();
    let (granted, denied) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let traced = Arc::new(traced);
    let mut at = 0;
    while at < traced.len() {
        let slice_end = traced.get(at).map_or(0, |t| t.at_micros * STRETCH / SLICE_MICROS + 1) * SLICE_MICROS;
        let end = traced.partition_point(|t| t.at_micros * STRETCH < slice_end);
        let due = began.after(Span::from_micros(slice_end - SLICE_MICROS));
        clock.advance(due.since(clock.now()));
        let mut lanes = tokio::task::JoinSet::new();
        for lane in 0..LANES {
            let (engine, names, traced) = (Arc::clone(&engine), Arc::clone(&names), Arc::clone(&traced));
            let (granted, denied) = (Arc::clone(&granted), Arc::clone(&denied));
            lanes.spawn(async move {
                for n in (at + lane..end).step_by(LANES) {
                    let Some(request) = traced.get(n) else { break };
                    let client = usize::try_from(request.client)?.wrapping_mul(31).wrapping_add(n);
                    let Some(account) = names.get(client % names.len()) else { break };
                    let was_granted = one(&engine, account, n, request).await?;
                    let count = if was_granted { &granted } else { &denied };
                    count.fetch_add(1, Ordering::Relaxed);
                }
                Ok::<(), Failed>(())
            });
        }
        while let Some(done) = lanes.join_next().await {
            done??;
        }
        at = end;
    }
    clock.advance(began.after(Span::from_secs(MONTH)).since(clock.now()));
    for name in names.iter() {
        engine.view(name, |_| Ok(())).await?;
    }
    let took = started.elapsed();
    engine.close();
    drop(engine);
    let (granted, denied) = (granted.load(Ordering::Relaxed), denied.load(Ordering::Relaxed));
    say!("month        {granted} granted, {denied} denied, in {:.1} s", seconds(took))?;
    check(&Embedded::open(dir.path(), Options::default())?, &names, as_json)
}

/// Statements, reconciliation, what-if.
fn check(store: &Embedded, names: &[Name], as_json: bool) -> Outcome {
    let timed = StdInstant::now();
    let (mut off, mut granted) = (0_u64, 0_i128);
    for name in names {
        let mut statement = Statement::new(Ask::recorded(Instant::default(), Instant::NEVER, None));
        let mut account = headworks_core::account::Account::empty(name.clone());
        for stored in wait(store.read(name, 1, usize::MAX))? {
            let record =
                headworks_core::record::Record::from_bytes(&stored.bytes).map_err(|e| e.to_string())?;
            account.apply(&record, stored.hash).map_err(|e| e.to_string())?;
            statement.take(&record, stored.hash, About::default());
        }
        let statement = statement.finished();
        let entries = &statement.entries;
        let sum: i64 = entries.iter().map(|e| e.amount.nano()).sum();
        let grants: i64 = entries.iter().filter(|e| e.cause == Cause::Grant).map(|e| e.amount.nano()).sum();
        granted += i128::from(grants);
        let adds_up = sum == statement.closing.nano() && grants == account.books.issued.nano();
        let free: i64 = account.grants.iter().map(|g| g.remaining.nano() + g.held.nano()).sum();
        let balance = free - account.books.debt.nano() - account.books.overdraft.nano();
        off += u64::from(!adds_up || balance != statement.closing.nano());
    }
    say!(
        "statements   {} accounts, {off} off, {} credits granted, in {:.1} s",
        names.len(),
        headworks_audit::reconcile::Totals::text(granted),
        seconds(timed.elapsed())
    )?;
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let timed = StdInstant::now();
    let report = reconcile(store, threads, &Progress::default())?;
    say!(
        "reconcile    {} records, {} differ, difference {}, in {:.1} s",
        report.records,
        report.found,
        report.totals.difference(),
        seconds(timed.elapsed())
    )?;
    for (account, finding) in report.findings.iter().take(10) {
        say!("  {account}: {finding}")?;
    }
    let changed = CATALOG
        .replace("\"month\"", "\"dearer-output-half-the-week\"")
        .replace("output_tokens = \"10\"", "output_tokens = \"12\"")
        .replace("limit = \"0.1\"", "limit = \"0.05\"");
    let changed = Catalog::parse(&changed, Format::Toml).map_err(|e| e.to_string())?;
    let timed = StdInstant::now();
    let report_of = what_if(store, &changed, threads, &Progress::default())?;
    say!("what-if      {} records in {:.1} s", report_of.records, seconds(timed.elapsed()))?;
    let shown = headworks_api::what_if(&changed.version, &report_of);
    print::show("what_if", &serde_json::to_value(&shown)?, as_json)?;
    say!("peak memory  {}", peak_memory())?;
    if off > 0 || report.found > 0 {
        return Err("the ledger of the month does not add up".into());
    }
    Ok(())
}
