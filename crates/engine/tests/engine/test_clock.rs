//! The test clock of a ledger: it moves on request, and everything due on the way is written in order.

use std::sync::Arc;

use headworks_core::catalog::{Catalog, Format};
use headworks_core::command::{Command, NewGrant, Patch, Setting, TopUp};
use headworks_core::record::{
    AlertMarks, Category, Event, Every, Instant, Label, Name, Overage, Record, Recurrence, SYSTEM, Server,
    Span, TopUpTerms,
};
use headworks_core::waterfall::Authorize;
use headworks_engine::{AdvanceError, Answer, Caller, Clock, Engine, EngineError, Limits};
use headworks_store::{Cursor, Memory, Store, wait};

use super::{CATALOG, ask, available, key, name};

const BEGIN: &str = "2026-03-01T00:00:00Z";

fn at(text: &str) -> Instant {
    text.parse().unwrap_or_else(|e| panic!("{text}: {e}"))
}

fn try_start(store: &Arc<Memory>, clock: Clock) -> Result<Arc<Engine>, EngineError> {
    let catalog = Catalog::parse(CATALOG, Format::Toml).unwrap_or_else(|e| panic!("{e}"));
    Engine::start(store.clone(), catalog, Arc::new(clock), Limits::default())
}

async fn start(store: &Arc<Memory>, from: &str) -> Arc<Engine> {
    let engine = try_start(store, Clock::test(at(from))).expect("starts");
    engine.begin_test_clock(at(from)).await.expect("begins");
    engine
}

async fn run(engine: &Engine, account: &str, k: &str, command: Command) -> Answer {
    engine.run(&name(account), Some(&key(k)), Caller::default(), &command).await.expect("answers")
}

async fn open(engine: &Engine, account: &str) {
    run(engine, account, "open", Command::Open(Patch { plan: Some(name("p")), ..Patch::default() })).await;
}

fn grant(credits: &str) -> NewGrant {
    NewGrant::new(credits.parse().expect("amount"), Category::Contract)
}

fn every_month() -> Recurrence {
    Recurrence {
        every: Every::Month,
        zone: Label::new("UTC").expect("a zone"),
        anchor: None,
        until: Instant::NEVER,
        rollover: None,
        overage: Overage::default(),
        prorated: None,
    }
}

fn hold(tokens: u64, life: &str) -> Command {
    let life = Some(life.parse().expect("span"));
    Command::Authorize(Authorize { life, ..ask("chat", tokens) })
}

/// The events of all accounts in stored order: when, where, what.
fn happened(store: &Memory) -> Vec<(Instant, Name, Record)> {
    let (mut out, mut from) = (Vec::new(), Cursor::default());
    while let Some(fed) = wait(store.feed(&from)).expect("reads") {
        out.extend(fed.records.iter().map(|stored| {
            let record = Record::from_bytes(&stored.bytes).expect("a record");
            (record.recorded_at, stored.account.clone(), record)
        }));
        from = fed.next;
    }
    out
}

fn by_itself(event: &Event) -> Option<&'static str> {
    Some(event.kind()).filter(|kind| ["hold_expired", "grant_expired", "renewed"].contains(kind))
}

/// TC1: over all accounts, in order of time, regardless of the order in which they were opened.
#[tokio::test(flavor = "multi_thread")]
async fn each_end_is_written_at_its_own_instant() {
    let store = Arc::new(Memory::new());
    let engine = start(&store, BEGIN).await;
    for account in ["zeta", "acme"] {
        open(&engine, account).await;
        let mut monthly = grant("10");
        monthly.recurrence = Some(Box::new(every_month()));
        run(&engine, account, "monthly", Command::Grant(monthly)).await;
    }
    let two_days = NewGrant { expires_at: Some(at("2026-03-03T00:00:00Z")), ..grant("5") };
    run(&engine, "acme", "g", Command::Grant(two_days)).await;
    run(&engine, "zeta", "h", hold(3, "90s")).await;
    run(&engine, "acme", "h", hold(3, "20h")).await;
    let now = engine.advance_to(at("2026-05-01T00:00:00Z")).await.expect("moves");
    assert_eq!((now, engine.clock().now()), (at("2026-05-01T00:00:00Z"), at("2026-05-01T00:00:00Z")));
    let ends: Vec<(String, String, &str)> = happened(&store)
        .iter()
        .filter_map(|(when, account, record)| {
            // Records of one account differ by microseconds.
            let second = Instant::from_micros(when.micros() / 1_000_000 * 1_000_000);
            Some((second.to_string(), account.to_string(), by_itself(&record.event)?))
        })
        .collect();
    let ends: Vec<_> =
        ends.iter().map(|(when, account, what)| (when.as_str(), account.as_str(), *what)).collect();
    assert_eq!(
        ends,
        // The rest of a month lapses with it, before the next one opens.
        [
            ("2026-03-01T00:01:30Z", "zeta", "hold_expired"),
            ("2026-03-01T20:00:00Z", "acme", "hold_expired"),
            ("2026-03-03T00:00:00Z", "acme", "grant_expired"),
            ("2026-04-01T00:00:00Z", "acme", "grant_expired"),
            ("2026-04-01T00:00:00Z", "acme", "renewed"),
            ("2026-04-01T00:00:00Z", "zeta", "grant_expired"),
            ("2026-04-01T00:00:00Z", "zeta", "renewed"),
            ("2026-05-01T00:00:00Z", "acme", "grant_expired"),
            ("2026-05-01T00:00:00Z", "acme", "renewed"),
            ("2026-05-01T00:00:00Z", "zeta", "grant_expired"),
            ("2026-05-01T00:00:00Z", "zeta", "renewed"),
        ]
    );
    engine.close();
}

/// More accounts than one look takes have something due at exactly the target instant.
#[tokio::test(flavor = "multi_thread")]
async fn everything_of_the_last_instant_is_written() {
    let store = Arc::new(Memory::new());
    let engine = start(&store, BEGIN).await;
    let end = at("2026-03-02T00:00:00Z");
    for account in 0..1_100 {
        let account = format!("a{account}");
        open(&engine, &account).await;
        run(&engine, &account, "g", Command::Grant(NewGrant { expires_at: Some(end), ..grant("1") })).await;
    }
    engine.advance_to(end).await.expect("moves");
    let ended = happened(&store)
        .iter()
        .filter(|(when, _, r)| r.event.kind() == "grant_expired" && *when == end)
        .count();
    assert_eq!(ended, 1_100);
    engine.close();
}

/// A grant that begins to count crosses a mark, although nothing ends then: at exactly that instant.
#[tokio::test(flavor = "multi_thread")]
async fn what_time_alone_brings_is_written_at_its_instant() {
    let store = Arc::new(Memory::new());
    let engine = start(&store, BEGIN).await;
    let credits = |text: &str| text.parse().expect("amount");
    let marks = AlertMarks { low: credits("5"), recovered: credits("8"), unit: None };
    let open = Patch { plan: Some(name("p")), alerts: Setting::Set(vec![marks]), ..Patch::default() };
    run(&engine, "acme", "open", Command::Open(open)).await;
    let later = NewGrant { effective_from: Some(at("2026-03-02T00:00:00Z")), ..grant("10") };
    run(&engine, "acme", "g", Command::Grant(later)).await;
    let (before, _, _) = happened(&store).pop().expect("records");
    assert_eq!(before.micros() / 1_000_000, at(BEGIN).micros() / 1_000_000);
    engine.advance_to(at("2026-03-10T00:00:00Z")).await.expect("moves");
    let (when, _, record) = happened(&store).pop().expect("records");
    assert_eq!((when, record.event.kind()), (at("2026-03-02T00:00:00Z"), "balance_crossed"));
    engine.close();
}

/// TC1: a top-up that waits for a month with room.
#[tokio::test(flavor = "multi_thread")]
async fn a_top_up_is_asked_for_when_a_month_has_room() {
    let store = Arc::new(Memory::new());
    let engine = start(&store, BEGIN).await;
    let credits = |text: &str| text.parse().expect("amount");
    let open = Patch {
        plan: Some(name("p")),
        alerts: Setting::Set(vec![AlertMarks { low: credits("5"), recovered: credits("8"), unit: None }]),
        top_ups: Setting::Set(vec![TopUpTerms {
            amount: credits("3"),
            monthly_max: credits("4"),
            cool_down: "1h".parse().expect("span"),
            unit: None,
        }]),
        ..Patch::default()
    };
    run(&engine, "acme", "open", Command::Open(open)).await;
    run(&engine, "acme", "g", Command::Grant(grant("1"))).await;
    engine.advance_by("1m".parse().expect("span")).await.expect("moves");
    let paid = TopUp::Paid(grant("3"));
    run(&engine, "acme", "paid", Command::ConfirmTopUp { number: 1, top_up: paid }).await;
    engine.advance_to(at("2026-04-10T00:00:00Z")).await.expect("moves");
    let later = happened(&store).into_iter().filter(|(when, ..)| *when > at("2026-03-02T00:00:00Z"));
    let later: Vec<_> = later.map(|(when, _, record)| (when, record.event.kind())).collect();
    assert_eq!(later, [(at("2026-04-01T00:00:00Z"), "top_up_asked")]);
    engine.close();
}

/// TC2: the record of the clock's target is stored, but none of its consequences.
#[tokio::test(flavor = "multi_thread")]
async fn a_move_that_was_cut_off_is_finished() {
    let store = Arc::new(Memory::new());
    let engine = start(&store, BEGIN).await;
    open(&engine, "acme").await;
    run(&engine, "acme", "g", Command::Grant(grant("10"))).await;
    run(&engine, "acme", "h", hold(3, "1h")).await;
    let moved = Event::Server(Box::new(Server::TestClockMoved(at("2026-03-02T00:00:00Z"))));
    let administer = Command::Administer(Box::new(moved));
    engine.run(&name(SYSTEM), None, Caller::default(), &administer).await.expect("records");
    engine.close();
    let engine = start(&store, BEGIN).await;
    assert_eq!(engine.clock().now(), at("2026-03-02T00:00:00Z"), "the ledger's last instant wins");
    let happened = happened(&store);
    let (when, _, last) = happened.last().expect("records");
    assert_eq!(by_itself(&last.event), Some("hold_expired"));
    assert_eq!(when.micros() / 1_000_000, at("2026-03-01T01:00:00Z").micros() / 1_000_000, "{when}");
    engine.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_later_start_is_a_move() {
    let store = Arc::new(Memory::new());
    let engine = start(&store, BEGIN).await;
    open(&engine, "acme").await;
    run(
        &engine,
        "acme",
        "g",
        Command::Grant(NewGrant { expires_at: Some(at("2026-03-05T00:00:00Z")), ..grant("10") }),
    )
    .await;
    engine.close();
    let engine = start(&store, "2026-04-01T00:00:00Z").await;
    assert_eq!(engine.clock().now(), at("2026-04-01T00:00:00Z"));
    assert_eq!(available(&engine, "acme").await, "0");
    let happened = happened(&store);
    assert_eq!(happened.last().expect("records").0, at("2026-03-05T00:00:00Z"));
    engine.close();
}

/// TC4: denials and ends included, regardless of other threads.
#[tokio::test(flavor = "multi_thread")]
async fn the_same_calls_give_the_same_records() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let store = Arc::new(Memory::new());
        let engine = start(&store, BEGIN).await;
        open(&engine, "acme").await;
        run(&engine, "acme", "g", Command::Grant(grant("10"))).await;
        for day in 0..20 {
            engine.advance_by("1d".parse().expect("span")).await.expect("moves");
            run(&engine, "acme", &format!("too much {day}"), hold(100, "1h")).await;
            run(&engine, "acme", &format!("held {day}"), hold(1, "1h")).await;
            engine.maintain_once(true);
        }
        engine.close();
        runs.push(wait(store.read(&name("acme"), 1, 1_000)).expect("reads"));
    }
    assert!(runs[0].len() > 60, "{} records", runs[0].len());
    assert_eq!(runs[0], runs[1]);
}

/// TC3; and a test ledger is not served with the machine's clock.
#[tokio::test(flavor = "multi_thread")]
async fn a_real_ledger_takes_no_test_clock() {
    let store = Arc::new(Memory::new());
    let engine = try_start(&store, Clock::new()).expect("starts");
    open(&engine, "acme").await;
    engine.close();
    let refused = try_start(&store, Clock::test(at(BEGIN)));
    assert!(matches!(refused, Err(EngineError::RealLedger)), "{refused:?}");
    let store = Arc::new(Memory::new());
    start(&store, BEGIN).await.close();
    let refused = try_start(&store, Clock::new());
    assert!(matches!(refused, Err(EngineError::TestLedger)), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn it_never_goes_back_and_not_too_far() {
    let store = Arc::new(Memory::new());
    let engine = start(&store, BEGIN).await;
    let day = "1d".parse().expect("span");
    assert_eq!(engine.advance_by(day).await.expect("moves"), at("2026-03-02T00:00:00Z"));
    assert_eq!(
        engine.advance_to(at("2026-03-02T00:00:00Z")).await.expect("is there"),
        at("2026-03-02T00:00:00Z")
    );
    let back = engine.advance_to(at(BEGIN)).await;
    assert!(matches!(back, Err(AdvanceError::Back { .. })), "{back:?}");
    let far = engine.advance_by(Span::MAX).await;
    assert!(matches!(far, Err(AdvanceError::TooFar(_))), "{far:?}");
    assert_eq!(engine.clock().now(), at("2026-03-02T00:00:00Z"));
    engine.close();
    let engine = try_start(&Arc::new(Memory::new()), Clock::new()).expect("starts");
    let none = engine.advance_by(day).await;
    assert!(matches!(none, Err(AdvanceError::NoTestClock)), "{none:?}");
    engine.close();
}
