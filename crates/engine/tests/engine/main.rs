//! The engine: one effect per key, group commit, conflicts, bounds, restarts.

mod abuse;
mod answers;
mod behaviours;
mod capacity;
mod damage;
mod incidents;
mod lease;
mod repricing;
mod shared;
mod stepped;
mod supply;
mod supply_load;
mod test_clock;
mod webhooks;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use headworks_core::account::Account;
use headworks_core::catalog::{Catalog, Format};
use headworks_core::command::{Command, NewGrant, Patch};
use headworks_core::record::{Category, Event, HoldId, Instant, Label, Name, Outcome, Reason, Span};
use headworks_core::waterfall::{Authorize, Context, Quantities, Refusal, Request};
use headworks_engine::{Answer, Caller, Clock, Effect, Engine, EngineError, Idempotency, Limits, Reading};
use headworks_store::suite::{Fault, Faults, Faulty};
use headworks_store::{Checkpoint, Embedded, Memory, Options, Store, Stored, wait};

const CATALOG: &str = r#"
version = "t"
[meters]
tokens = { unit = "token" }
[features.chat]
meters = ["tokens"]
rate_card = "card"
[features.login]
meters = []
ledger = false
[[rate_cards.card]]
effective_from = "2020-01-01T00:00:00Z"
prices = [{ feature = "chat", credits = { tokens = "1" } }]
[plans.p]
features = ["chat", "login"]
guards = [{ name = "logins", features = ["login"], window.rate = { limit = 3, period = "1m" } }]
waterfall = [{ grants = { name = "credits" } }]
"#;

fn name(text: &str) -> Name {
    Name::new(text).expect(text)
}

fn key(text: &str) -> Idempotency {
    Idempotency { text: Label::new(text).expect(text), digest: [1; 16] }
}

fn start(store: Arc<dyn Store>) -> Arc<Engine> {
    start_with(store, Arc::new(Clock::new()), Limits::default())
}

fn start_with(store: Arc<dyn Store>, clock: Arc<Clock>, limits: Limits) -> Arc<Engine> {
    let catalog = Catalog::parse(CATALOG, Format::Toml).unwrap_or_else(|e| panic!("{e}"));
    Engine::start(store, catalog, clock, limits).expect("starts")
}

async fn run(
    engine: &Engine,
    account: &Name,
    key: &Idempotency,
    command: Command,
) -> Result<Answer, EngineError> {
    engine.run(account, Some(key), Caller::default(), &command).await
}

async fn open(engine: &Engine, account: &str, credits: &str) {
    let patch = Patch { plan: Some(name("p")), ..Patch::default() };
    run(engine, &name(account), &key("open"), Command::Open(patch)).await.expect("opens");
    let new = NewGrant::new(credits.parse().expect("amount"), Category::Purchased);
    run(engine, &name(account), &key("grant"), Command::Grant(new)).await.expect("grants");
}

fn ask(feature: &str, tokens: u64) -> Authorize {
    let quantities = (tokens > 0).then(|| (name("tokens"), tokens));
    Authorize { settle_now: feature == "login", ..Authorize::new(Request::new(name(feature), quantities)) }
}

fn outcome(answer: &Answer) -> Outcome {
    match &answer.effect {
        Effect::Recorded(_) => Outcome::Allow,
        Effect::Denied(denial) => denial.decision.outcome,
        Effect::Unrecorded(counted) => counted.2.outcome,
    }
}

fn hold_of(answer: &Answer) -> HoldId {
    let Effect::Recorded(record) = &answer.effect else { panic!("{answer:?}") };
    HoldId(record.seq)
}

async fn available(engine: &Engine, account: &str) -> String {
    let read = |ctx: Context<'_>| Ok(ctx.account.available(ctx.now, None).to_string());
    engine.view(&name(account), read).await.expect("views")
}

#[tokio::test(flavor = "multi_thread")]
async fn one_effect_per_key() {
    let engine = start(Arc::new(Memory::new()));
    open(&engine, "acme", "10").await;
    let acme = name("acme");
    let first = run(&engine, &acme, &key("k"), Command::Authorize(ask("chat", 4))).await.expect("answers");
    let again = run(&engine, &acme, &key("k"), Command::Authorize(ask("chat", 4))).await.expect("answers");
    assert_eq!((first.effect.clone(), first.replayed, again.replayed), (again.effect, false, true));
    let other = Idempotency { digest: [2; 16], ..key("k") };
    let reused = run(&engine, &acme, &other, Command::Authorize(ask("chat", 5))).await;
    assert!(matches!(reused, Err(EngineError::KeyReused(..))), "{reused:?}");
    // The same key under another operation is another key.
    run(
        &engine,
        &acme,
        &key("k"),
        Command::settle(hold_of(&first), [(name("tokens"), 1)].into_iter().collect()),
    )
    .await
    .expect("settles");
    assert_eq!(available(&engine, "acme").await, "9");
    // A denial is remembered for a short time; then the key is free again.
    let denied = run(&engine, &acme, &key("d"), Command::Authorize(ask("chat", 50))).await.expect("answers");
    let again = run(&engine, &acme, &key("d"), Command::Authorize(ask("chat", 50))).await.expect("answers");
    assert_eq!((outcome(&denied), again.replayed, denied.effect), (Outcome::Deny, true, again.effect));
    engine.clock().advance(Span::from_secs(31));
    let later = run(&engine, &acme, &key("d"), Command::Authorize(ask("chat", 5))).await.expect("answers");
    assert_eq!((outcome(&later), later.replayed), (Outcome::Allow, false));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_copies_of_one_request_have_one_effect() {
    let engine = start(Arc::new(Memory::new()));
    open(&engine, "acme", "100").await;
    let mut copies = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let engine = Arc::clone(&engine);
        copies.spawn(async move {
            run(&engine, &name("acme"), &key("k"), Command::Authorize(ask("chat", 60))).await
        });
    }
    let mut first = 0;
    while let Some(answer) = copies.join_next().await {
        match answer.expect("joins") {
            Ok(answer) => first += usize::from(!answer.replayed),
            Err(e) => panic!("{e}"),
        }
    }
    assert_eq!((first, available(&engine, "acme").await.as_str()), (1, "40"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hold_ends_once_and_the_second_end_names_the_first() {
    let engine = start(Arc::new(Memory::new()));
    open(&engine, "acme", "10").await;
    let acme = name("acme");
    let hold =
        hold_of(&run(&engine, &acme, &key("a"), Command::Authorize(ask("chat", 4))).await.expect("answers"));
    run(&engine, &acme, &key("r"), Command::Release { hold }).await.expect("releases");
    let none = smallvec::SmallVec::new();
    let second = run(&engine, &acme, &key("s"), Command::settle(hold, none)).await;
    assert!(
        matches!(second, Err(EngineError::Refused(Refusal::HoldEnded { how: "released", .. }))),
        "{second:?}"
    );
    // A hold that expired is charged directly, once.
    let hold =
        hold_of(&run(&engine, &acme, &key("b"), Command::Authorize(ask("chat", 4))).await.expect("answers"));
    engine.clock().advance(Span::from_secs(61));
    assert_eq!(available(&engine, "acme").await, "10", "it counts as free before anyone has written its end");
    let used: Quantities = [(name("tokens"), 3)].into_iter().collect();
    let late = run(&engine, &acme, &key("late"), Command::settle(hold, used.clone())).await.expect("settles");
    let Effect::Recorded(record) = &late.effect else { panic!("{late:?}") };
    assert!(matches!(record.event, Event::Settled { is_late: true, .. }));
    let again = run(&engine, &acme, &key("later"), Command::settle(hold, used)).await;
    let again = again.expect("the same end is the first answer again");
    assert_eq!((again.effect, again.replayed), (late.effect, true));
    let other = [(name("tokens"), 4)].into_iter().collect();
    let other = run(&engine, &acme, &key("other"), Command::settle(hold, other)).await;
    assert!(matches!(other, Err(EngineError::Refused(Refusal::HoldEnded { .. }))), "{other:?}");
    assert_eq!(available(&engine, "acme").await, "7");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_engines_on_one_store_agree() {
    let store: Arc<dyn Store> = Arc::new(Memory::new());
    let engines = [start(Arc::clone(&store)), start(Arc::clone(&store))];
    open(&engines[0], "acme", "500").await;
    let mut tasks = tokio::task::JoinSet::new();
    for i in 0..20_usize {
        let engine = Arc::clone(&engines[i % 2]);
        tasks.spawn(async move {
            let answer =
                run(&engine, &name("acme"), &key(&format!("k{i}")), Command::Authorize(ask("chat", 75)))
                    .await;
            outcome(&answer.expect("answers"))
        });
    }
    let mut winners = 0;
    while let Some(outcome) = tasks.join_next().await {
        winners += usize::from(outcome.expect("joins") == Outcome::Allow);
    }
    assert_eq!(winners, 6);
    let mut folded = Account::empty(name("acme"));
    for stored in wait(store.read(&name("acme"), 1, 1_000)).expect("reads") {
        assert_eq!(folded.apply_bytes(&stored.bytes).expect("folds"), stored.hash);
    }
    assert_eq!(folded.available(Instant::from_micros(i64::MAX - 1), None).to_string(), "50");
}

#[tokio::test(flavor = "multi_thread")]
async fn cache_is_bounded() {
    let dir = tempfile::tempdir().expect("directory");
    let store: Arc<dyn Store> = Arc::new(Embedded::open(dir.path(), Options::default()).expect("opens"));
    let limits = Limits { accounts_max: 512, ..Limits::default() };
    let engine = start_with(store, Arc::new(Clock::new()), limits);
    for i in 0..3_000 {
        loop {
            let patch = Patch { plan: Some(name("p")), ..Patch::default() };
            match run(&engine, &name(&format!("a{i}")), &key("open"), Command::Open(patch)).await {
                Ok(_) => break,
                // Everything in memory waits for a checkpoint; a caller would retry, as the error says.
                Err(EngineError::Overloaded) => tokio::task::yield_now().await,
                Err(e) => panic!("{e}"),
            }
        }
    }
    assert!(engine.cached_accounts() <= 1_024, "{}", engine.cached_accounts());
    for i in [0, 1, 1_500, 2_999] {
        assert_eq!(available(&engine, &format!("a{i}")).await, "0", "evicted accounts come back");
    }
    engine.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_label_names_one_catalog() {
    let store = Arc::new(Memory::new());
    let engine = start(store.clone());
    open(&engine, "acme", "100").await;
    let (acme, mut labels) = (name("acme"), Vec::new());
    let price = |figure: &str| CATALOG.replace("tokens = \"1\"", &format!("tokens = \"{figure}\""));
    let (two, three) = (price("2").replace("\"t\"", "\"u\""), price("3").replace("\"t\"", "\"u\""));
    // The same label for two texts, then the first text again.
    for (n, text) in [&two, &three, &two].into_iter().enumerate() {
        engine.put_catalog(text, (&key(&format!("c{n}")), None)).await.expect("stores").expect("accepts");
        let authorize = Command::Authorize(ask("chat", 1));
        let answer = run(&engine, &acme, &key(&format!("a{n}")), authorize).await.expect("answers");
        let Effect::Recorded(record) = answer.effect else { panic!("recorded") };
        let Event::Authorized { usage, .. } = &record.event else { panic!("authorized") };
        labels.push(usage.catalog.to_string());
    }
    let short: String = blake3::hash(three.as_bytes()).to_hex().chars().take(12).collect();
    assert_eq!(labels, ["u", &format!("u@{short}"), "u"]);
    let past = engine.past_catalogs();
    assert_eq!(past.iter().map(|p| p.label.to_string()).collect::<Vec<_>>(), labels);
    assert_eq!(past[1].changes.rate_cards.changed, [name("card")]);
    assert_eq!(engine.past_catalog(&short).map(|p| p.record).expect("known"), past[1].record);
    assert!(matches!(engine.past_catalog("0"), Err(EngineError::UnknownCatalog(_))));
    engine.close();
    let engine = start(store);
    assert_eq!(engine.catalog().version, name("u"));
    assert_eq!(*engine.past_catalogs(), *past);
    // Charges are compared with the prices of the catalog that they name.
    assert_eq!(next_pass(&engine).await.report.findings, []);
    engine.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_there_after_a_restart() {
    let dir = tempfile::tempdir().expect("directory");
    let clock = Arc::new(Clock::new());
    let open_store =
        || -> Arc<dyn Store> { Arc::new(Embedded::open(dir.path(), Options::default()).expect("opens")) };
    let engine = start_with(open_store(), Arc::clone(&clock), Limits::default());
    open(&engine, "acme", "10").await;
    let acme = name("acme");
    let answer = run(&engine, &acme, &key("k"), Command::Authorize(ask("chat", 4))).await.expect("answers");
    let text = CATALOG.replace("version = \"t\"", "version = \"u\"");
    engine.put_catalog(&text, (&key("c"), None)).await.expect("stores").expect("accepts");
    let denied = run(&engine, &acme, &key("d"), Command::Authorize(ask("chat", 50))).await.expect("answers");
    let Effect::Denied(denial) = denied.effect else { panic!("denied") };
    engine.close();
    assert!(matches!(
        run(&engine, &acme, &key("after"), Command::Authorize(ask("chat", 1))).await,
        Err(EngineError::Stopped)
    ));
    drop(engine);
    let engine = start_with(open_store(), clock, Limits::default());
    assert_eq!(engine.catalog().version, name("u"));
    let again = run(&engine, &acme, &key("k"), Command::Authorize(ask("chat", 4))).await.expect("answers");
    assert_eq!((again.effect, again.replayed), (answer.effect.clone(), true));
    assert_eq!(engine.denial_at(&acme, denial.at).await.expect("explains"), *denial);
    // The sweeper writes the end of a hold of an untouched account.
    engine.clock().advance(Span::from_secs(61));
    let hold = hold_of(&answer);
    for _ in 0..500 {
        let records = engine.records(&acme, 1, 100).await.expect("reads");
        let ended = records.iter().any(|r| {
            let record = headworks_core::record::Record::from_bytes(&r.bytes).expect("reads back");
            matches!(record.event, Event::Expired { hold: id, charge: None } if id == hold)
        });
        if ended {
            return;
        }
        tokio::task::spawn_blocking(std::thread::yield_now).await.expect("yields");
        tokio::time::timeout(std::time::Duration::from_millis(20), std::future::pending::<()>()).await.ok();
    }
    panic!("the sweeper did not come");
}

#[tokio::test(flavor = "multi_thread")]
async fn unrecorded_features_leave_no_record() {
    let engine = start(Arc::new(Memory::new()));
    open(&engine, "acme", "1").await;
    let acme = name("acme");
    let before = engine.records(&acme, 1, 100).await.expect("reads").len();
    for i in 0..5 {
        let answer = run(&engine, &acme, &key(&format!("l{i}")), Command::Authorize(ask("login", 0)))
            .await
            .expect("answers");
        assert_eq!(outcome(&answer), if i < 3 { Outcome::Allow } else { Outcome::Deny });
        if let Effect::Denied(denial) = &answer.effect {
            assert_eq!(denial.decision.reason, Reason::RateLimit);
        }
    }
    assert_eq!(engine.records(&acme, 1, 100).await.expect("reads").len(), before);
}

/// A store with appends that fail on request, or with altered second records.
#[derive(Default)]
struct Failing {
    broken: AtomicBool,
    /// How many more batches are stored before it breaks, if set.
    left: Mutex<Option<usize>>,
    tampered: AtomicBool,
}

impl Failing {
    fn store() -> Arc<Faulty<Self>> {
        Arc::new(Faulty::new(Arc::new(Memory::new()), Self::default()))
    }

    fn fail_after(&self, batches: usize) {
        *self.left.lock().expect("a lock") = Some(batches);
    }

    fn mend(&self) {
        *self.left.lock().expect("a lock") = None;
        self.broken.store(false, Ordering::SeqCst);
    }
}

impl Faults for Failing {
    fn append(&self) -> Fault {
        if let Some(left) = self.left.lock().expect("a lock").as_mut() {
            self.broken.fetch_or(*left == 0, Ordering::SeqCst);
            *left = left.saturating_sub(1);
        }
        if self.broken.load(Ordering::SeqCst) { Fault::Stops } else { Fault::None }
    }

    fn alter(&self, records: &mut [Stored]) {
        if self.tampered.load(Ordering::SeqCst) {
            records.iter_mut().filter(|r| r.seq == 2).for_each(|r| r.bytes[20] ^= 1);
        }
    }

    fn is_shared(&self) -> bool {
        false
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_write_stops() {
    let store = Failing::store();
    let engine = start(store.clone());
    open(&engine, "acme", "10").await;
    store.faults.broken.store(true, Ordering::SeqCst);
    let acme = name("acme");
    let lost = run(&engine, &acme, &key("k"), Command::Authorize(ask("chat", 4))).await;
    assert!(matches!(lost, Err(EngineError::Stopped)), "{lost:?}");
    // Nothing is answered from a state that is not stored, and nothing more is accepted.
    assert!(engine.view(&acme, |_| Ok(())).await.is_err());
    store.faults.broken.store(false, Ordering::SeqCst);
    assert!(matches!(
        run(&engine, &acme, &key("l"), Command::Authorize(ask("chat", 1))).await,
        Err(EngineError::Stopped)
    ));
    assert!(engine.stopped().is_some_and(|why| why.contains("syncing")));
    assert_eq!(wait(store.read(&acme, 1, 100)).expect("reads").len(), 2);
}

/// Rule R13: with the wall behind the last record, a restart continues after that record; with the wall two years
/// ahead it decides nothing until the jump is accepted.
#[tokio::test(flavor = "multi_thread")]
async fn a_restart_begins_at_the_last_record_or_later() {
    let store = Arc::new(Memory::new());
    let at = |text: &str| -> Instant { text.parse().expect("an instant") };
    let wall = |text: &str| {
        let reading = Reading { wall: at(text), monotonic: Span::ZERO };
        Clock::reading(move || reading)
    };
    let written = |engine: &Engine| {
        engine.close();
        wait(store.latest()).expect("reads").expect("records")
    };
    let engine = start_with(store.clone(), Arc::new(wall("2026-06-01T12:00:00Z")), Limits::default());
    open(&engine, "acme", "10").await;
    let last = written(&engine);
    let engine = start_with(store.clone(), Arc::new(wall("2026-06-01T11:00:00Z")), Limits::default());
    assert_eq!(engine.clock().now(), last);
    run(&engine, &name("acme"), &key("a"), Command::Authorize(ask("chat", 1))).await.expect("decides");
    let last = written(&engine);
    let far = "2028-06-01T12:00:00Z";
    let engine = start_with(store.clone(), Arc::new(wall(far)), Limits::default());
    assert_eq!(engine.clock().now(), last);
    let refused = run(&engine, &name("acme"), &key("b"), Command::Authorize(ask("chat", 1))).await;
    assert!(matches!(refused, Err(EngineError::ClockJumped(_))), "{refused:?}");
    assert_eq!(available(&engine, "acme").await, "9", "the hold has not ended");
    engine.close();
    let engine = start_with(store.clone(), Arc::new(wall(far).accepting_jumps()), Limits::default());
    assert_eq!(engine.clock().now(), at(far));
    run(&engine, &name("acme"), &key("b"), Command::Authorize(ask("chat", 10)))
        .await
        .expect("the hold has ended");
    engine.close();
}

/// Asks for a pass and waits for the end of one that began afterwards.
async fn next_pass(engine: &Engine) -> Arc<headworks_engine::Pass> {
    let before = engine.clock().now();
    loop {
        engine.reconcile();
        tokio::time::sleep(Duration::from_millis(5)).await;
        if let (Some(pass), _) = engine.reconciled()
            && pass.started_at > before
        {
            return pass;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn reconciles_online() {
    let store = Failing::store();
    let engine = start(store.clone());
    for account in ["acme", "beta"] {
        open(&engine, account, "10").await;
        run(&engine, &name(account), &key("a"), Command::Authorize(ask("chat", 4))).await.expect("allowed");
    }
    let sound = next_pass(&engine).await;
    assert_eq!((sound.report.accounts, sound.report.records, sound.report.found), (2, 6, 0));
    // 20 credits issued, 8 of them held.
    let totals = sound.report.totals;
    assert_eq!((totals.issued, totals.held, totals.free), (20_000_000_000, 8_000_000_000, 12_000_000_000));
    store.faults.tampered.store(true, Ordering::SeqCst);
    let found = next_pass(&engine).await;
    let named: Vec<(&str, u64)> = found.report.findings.iter().map(|(n, f)| (n.as_str(), f.seq)).collect();
    assert!(named.contains(&("acme", 2)) && named.contains(&("beta", 2)), "{named:?}");
    engine.close();
}

/// R15: a record that does not follow from its account's state is not stored; the account is frozen and named, and
/// others go on.
#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_does_not_follow_freezes_its_account_alone() {
    let store = Arc::new(Memory::new());
    let (acme, engine) = (name("acme"), start(store.clone()));
    open(&engine, "acme", "10").await;
    open(&engine, "other", "10").await;
    let held = run(&engine, &acme, &key("a"), Command::Authorize(ask("chat", 4))).await.expect("holds");
    engine.maintain_once(true);
    engine.close();
    // A state spoiled in the store: the grant has less set aside than its hold drew.
    let (seq, bytes) = wait(store.state(&acme)).expect("reads").expect("maintenance keeps states");
    let mut state = Account::from_bytes(&bytes).expect("a state");
    state.grants[0].held = "1".parse().expect("amount");
    let spoiled =
        Checkpoint { account: acme.clone(), seq, bytes: state.to_bytes(), wakes_at: state.wakes_at };
    wait(store.checkpoint(vec![spoiled.clone()])).expect("keeps");

    let engine = start(store.clone());
    let used: Quantities = [(name("tokens"), 4)].into_iter().collect();
    let settle = Command::settle(hold_of(&held), used);
    for attempt in ["first", "second"] {
        let answer = run(&engine, &acme, &key(attempt), settle.clone()).await;
        let Err(EngineError::Frozen(account, _)) = &answer else { panic!("{attempt}: {answer:?}") };
        assert_eq!(*account, acme);
    }
    let grant = Command::Grant(NewGrant::new("1".parse().expect("amount"), Category::Purchased));
    let more = run(&engine, &acme, &key("more"), grant).await;
    assert!(matches!(more, Err(EngineError::Frozen(..))), "nothing is decided on a spoiled state: {more:?}");
    let other = run(&engine, &name("other"), &key("b"), Command::Authorize(ask("chat", 4))).await;
    assert_eq!(outcome(&other.expect("answers")), Outcome::Allow);
    assert!(engine.stopped().is_none());
    engine.close();
    assert_eq!(wait(store.read(&acme, seq + 1, 10)).expect("reads"), [], "nothing was stored");
    assert_eq!(
        wait(store.state(&acme)).expect("reads"),
        Some((seq, spoiled.bytes)),
        "and no checkpoint was made of it"
    );
}
