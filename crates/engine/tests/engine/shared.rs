//! Several engines on one store: conflicts, appends in doubt, stale states, and one server log with several writers.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context as Task, Poll, Waker};

use headworks_core::catalog::{Catalog, Format};
use headworks_core::command::{Command, NewGrant};
use headworks_core::record::{Category, Instant, Outcome, Record, SYSTEM, Span};
use headworks_engine::{Caller, Clock, Effect, Engine, EngineError, Limits};
use headworks_store::suite::{Fault, Faults, Faulty};
use headworks_store::{Memory, Store, Stored, wait};

use super::{CATALOG, ask, available, key, name, open, run};

/// Faults that a test sets one by one.
#[derive(Default)]
pub(super) struct Said {
    pub(super) appends: Mutex<VecDeque<Fault>>,
    pub(super) reads_fail: AtomicBool,
    pub(super) checkpoints_fail: AtomicBool,
    /// What is read of the server's own log cannot be read back.
    pub(super) spoils: AtomicBool,
    /// Nobody else writes.
    pub(super) is_alone: AtomicBool,
    /// Each call is answered only the second time that it is asked.
    pub(super) waits: AtomicBool,
    /// Reads so far.
    reads: AtomicUsize,
}

impl Faults for Said {
    fn append(&self) -> Fault {
        self.appends.lock().expect("a lock").pop_front().unwrap_or(Fault::None)
    }

    fn fails_to_read(&self) -> bool {
        self.reads.fetch_add(1, Ordering::SeqCst);
        self.reads_fail.load(Ordering::SeqCst)
    }

    fn alter(&self, records: &mut [Stored]) {
        let spoilt = records.iter_mut().filter(|record| record.account.as_str() == SYSTEM);
        spoilt.filter(|_| self.spoils.load(Ordering::SeqCst)).for_each(|record| record.bytes.clear());
    }

    fn fails_to_keep(&self) -> bool {
        self.checkpoints_fail.load(Ordering::SeqCst)
    }

    fn is_shared(&self) -> bool {
        !self.is_alone.load(Ordering::SeqCst)
    }

    fn yields(&self) -> bool {
        self.waits.load(Ordering::SeqCst)
    }
}

struct Two {
    stores: [Arc<Faulty<Said>>; 2],
    engines: [Arc<Engine>; 2],
    clock: Arc<Clock>,
}

fn two() -> Two {
    two_with(CATALOG)
}

fn two_with(catalog: &str) -> Two {
    let first = Faulty::new(Arc::new(Memory::new()), Said::default());
    let second = first.beside(Said::default());
    let stores = [Arc::new(first), Arc::new(second)];
    let clock = Arc::new(Clock::standing(Instant::from_micros(1_800_000_000_000_000)));
    let engines = stores.clone().map(|store| {
        let catalog = Catalog::parse(catalog, Format::Toml).unwrap_or_else(|e| panic!("{e}"));
        Engine::start(store, catalog, Arc::clone(&clock), Limits::default()).expect("starts")
    });
    Two { stores, engines, clock }
}

pub(super) fn settled(tokens: u64) -> Command {
    Command::Authorize(headworks_core::waterfall::Authorize { settle_now: true, ..ask("chat", tokens) })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conflict_is_decided_again_and_nobody_sees_it() {
    let Two { engines: [a, b], .. } = two();
    open(&a, "acme", "10").await;
    assert_eq!(available(&b, "acme").await, "10");
    // Both have the account in memory; they alternate, and neither knows the other's record.
    for (n, engine) in [&a, &b, &a, &b].into_iter().enumerate() {
        let answer = run(engine, &name("acme"), &key(&format!("k{n}")), settled(2)).await.expect("answers");
        assert!(matches!(answer.effect, Effect::Recorded(_)), "{answer:?}");
    }
    assert_eq!((available(&a, "acme").await, available(&b, "acme").await), ("2".into(), "2".into()));
    // One answer to a key, from either engine.
    let first = run(&a, &name("acme"), &key("k1"), settled(2)).await.expect("answers");
    assert!(first.replayed);
    let other =
        run(&a, &name("acme"), &headworks_engine::Idempotency { digest: [9; 16], ..key("k1") }, settled(1))
            .await;
    assert!(matches!(other, Err(EngineError::KeyReused(..))), "{other:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_state_is_not_shown() {
    let Two { engines: [a, b], .. } = two();
    let acme = name("acme");
    // An account that one engine does not know yet exists for the other.
    let unknown = b.view(&acme, |_| Ok(())).await;
    assert!(matches!(unknown, Err(EngineError::Refused(_))), "{unknown:?}");
    open(&a, "acme", "10").await;
    assert_eq!(available(&b, "acme").await, "10");
    let spent = run(&a, &acme, &key("all"), settled(10)).await.expect("answers");
    assert!(matches!(spent.effect, Effect::Recorded(_)));
    assert_eq!(available(&b, "acme").await, "0");
    let denied = run(&b, &acme, &key("more"), settled(1)).await.expect("answers");
    assert!(matches!(&denied.effect, Effect::Denied(d) if d.decision.outcome == Outcome::Deny), "{denied:?}");
    // More credits on one engine end the denial on the other, for a new key and for the denied one.
    let new = NewGrant::new("5".parse().expect("amount"), Category::Purchased);
    run(&a, &acme, &key("top-up"), Command::Grant(new)).await.expect("grants");
    for text in ["again", "more"] {
        let allowed = run(&b, &acme, &key(text), settled(1)).await.expect("answers");
        assert!(matches!(allowed.effect, Effect::Recorded(_)), "{allowed:?}");
    }
    assert_eq!(available(&a, "acme").await, "3");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_answered_while_an_append_is_in_doubt() {
    for fault in [Fault::LostAnswer, Fault::LostBatch, Fault::Late] {
        let Two { stores: [store, _], engines: [a, b], .. } = two();
        open(&a, "acme", "10").await;
        store.faults.appends.lock().expect("a lock").extend([fault; 3]);
        let (one, two) = (key("one"), key("two"));
        let acme = name("acme");
        let first = run(&a, &acme, &one, settled(4));
        let second = run(&a, &acme, &two, settled(4));
        let (first, second) = tokio::join!(first, second);
        assert!(matches!(first.expect("answers").effect, Effect::Recorded(_)), "{fault:?}");
        assert!(matches!(second.expect("answers").effect, Effect::Recorded(_)), "{fault:?}");
        assert!(a.stats().doubts.load(Ordering::Relaxed) >= 3);
        assert_eq!((available(&a, "acme").await, available(&b, "acme").await), ("2".into(), "2".into()));
        wait(store.arrive()).expect("it arrives");
        let log = wait(store.read(&acme, 1, 100)).expect("reads");
        assert_eq!(log.len(), 4, "{fault:?}: opened, granted, two charges, each once");
    }
}

/// A request waits for room on one engine while the other answers it: its key has one effect.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_waits_has_one_effect_on_all_engines() {
    let Two { stores: [store, _], engines: [a, b], .. } = two_with(crate::capacity::CATALOG);
    open(&a, "acme", "10").await;
    open(&a, "other", "10").await;
    // Another account takes the whole capacity, and only the first engine knows that.
    let mut holds = Vec::new();
    for n in 0..6 {
        let held = run(&a, &name("other"), &key(&format!("h{n}")), Command::Authorize(ask("chat", 1))).await;
        holds.push(crate::hold_of(&held.expect("answers")));
    }
    let waiting = {
        let a = Arc::clone(&a);
        tokio::spawn(async move {
            let caller = Caller { max_wait: Some(Span::from_secs(60)), ..Caller::default() };
            a.run(&name("acme"), Some(&key("k")), caller, &Command::Authorize(ask("chat", 1))).await
        })
    };
    while a.supply(&name("large")).expect("is there").2.waiting == 0 {
        tokio::task::yield_now().await;
    }
    let first = run(&b, &name("acme"), &key("k"), Command::Authorize(ask("chat", 1))).await.expect("answers");
    // A retry does not wait with the request that still does.
    let retry = run(&a, &name("acme"), &key("k"), Command::Authorize(ask("chat", 1))).await.expect("answers");
    assert_eq!((retry.replayed, &retry.effect), (true, &first.effect));
    assert!(!waiting.is_finished());
    let release = Command::Release { hold: holds[0] };
    run(&a, &name("other"), &key("end"), release).await.expect("releases");
    let second = waiting.await.expect("runs").expect("answers");
    assert!(second.replayed);
    assert_eq!(second.effect, first.effect);
    assert_eq!(
        wait(store.read(&name("acme"), 1, 100)).expect("reads").len(),
        3,
        "opened, granted, held once"
    );
}

/// An engine that a test steps, and its store.
fn standing() -> (Arc<Faulty<Said>>, impl Fn() -> Arc<Engine>) {
    let store = Arc::new(Faulty::new(Arc::new(Memory::new()), Said::default()));
    let clock = Arc::new(Clock::standing(Instant::from_micros(1_800_000_000_000_000)));
    let way = Arc::clone(&store);
    let start = move || {
        let catalog = Catalog::parse(CATALOG, Format::Toml).unwrap_or_else(|e| panic!("{e}"));
        Engine::standing(way.clone(), catalog, Arc::clone(&clock), Limits::default()).expect("starts")
    };
    (store, start)
}

pub(super) fn poll<T>(asked: &mut Pin<Box<impl Future<Output = T>>>) -> Poll<T> {
    asked.as_mut().poll(&mut Task::from_waker(Waker::noop()))
}

/// Polls until an answer, committing in between.
pub(super) fn answered<T>(engine: &Engine, asked: impl Future<Output = T>) -> T {
    let mut asked = Box::pin(asked);
    for _ in 0..100 {
        if let Poll::Ready(answer) = poll(&mut asked) {
            return answer;
        }
        engine.commit_once();
    }
    panic!("nothing comes")
}

/// While one account is loaded, others are decided; one load serves all that wait for it.
#[test]
fn a_store_that_answers_late_holds_up_nobody_else() {
    let (store, start) = standing();
    let engine = start();
    answered(&engine, open(&engine, "warm", "10"));
    answered(&engine, open(&engine, "cold", "10"));
    drop(engine);
    let engine = start();
    let (warm, cold) = (name("warm"), name("cold"));
    answered(&engine, run(&engine, &warm, &key("first"), settled(1))).expect("answers");
    store.faults.waits.store(true, Ordering::SeqCst);
    let (one, two, three) = (key("one"), key("two"), key("three"));
    let mut late = Box::pin(run(&engine, &cold, &one, settled(1)));
    let mut later = Box::pin(run(&engine, &cold, &two, settled(1)));
    assert!(poll(&mut late).is_pending());
    let reads = store.faults.reads.load(Ordering::SeqCst);
    assert!(poll(&mut later).is_pending());
    assert_eq!(store.faults.reads.load(Ordering::SeqCst), reads, "the load that goes on serves both");
    answered(&engine, run(&engine, &warm, &three, settled(1))).expect("answers");
    answered(&engine, async { (late.await.expect("answers"), later.await.expect("answers")) });
    assert_eq!(wait(store.read(&cold, 1, 100)).expect("reads").len(), 4);
}

pub(super) fn catalog(version: &str) -> String {
    CATALOG.replacen("version = \"t\"", &format!("version = \"{version}\""), 1)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_catalog_is_followed_first() {
    let Two { stores: [store, second], engines: [a, b], clock } = two();
    let acme = name("acme");
    open(&a, "acme", "10").await;
    assert_eq!(available(&b, "acme").await, "10");
    let put = |engine: Arc<Engine>, version: &'static str| async move {
        engine
            .put_catalog(&catalog(version), (&key(version), None))
            .await
            .expect("stored")
            .expect("accepted");
    };
    put(Arc::clone(&a), "v2").await;
    // The engine that put the catalog decides under it. The other has not read it
    // yet, but the account's log refers to it.
    run(&a, &acme, &key("a1"), settled(1)).await.expect("answers");
    let answer = run(&b, &acme, &key("b1"), settled(1)).await.expect("answers");
    assert_eq!(b.catalog().version, name("v2"));
    let versions = |log: &[headworks_store::Stored]| -> Vec<(u64, Option<u64>)> {
        let records = log.iter().map(|stored| stored.record().expect("a record"));
        records.map(|record: Record| (record.seq, record.under.map(|under| under.seq))).collect()
    };
    // Each record names the record of the server's own log that it was decided under, if that is new.
    let log = wait(store.read(&acme, 1, 100)).expect("reads");
    assert_eq!(versions(&log), [(1, None), (2, None), (3, Some(1)), (4, None)]);
    assert!(matches!(answer.effect, Effect::Recorded(_)));
    // An engine that cannot read the end of the server's own log for more than five seconds decides nothing.
    second.faults.reads_fail.store(true, Ordering::SeqCst);
    clock.advance(Span::from_secs(6));
    let cut_off = run(&b, &acme, &key("b2"), settled(1)).await;
    assert!(matches!(cut_off, Err(EngineError::Store(_))), "{cut_off:?}");
    put(Arc::clone(&a), "v3").await;
    second.faults.reads_fail.store(false, Ordering::SeqCst);
    run(&b, &acme, &key("b2"), settled(1)).await.expect("answers");
    assert_eq!(b.catalog().version, name("v3"));
}

/// Records that both write into the server's own log are in force on both, in one order.
#[tokio::test(flavor = "multi_thread")]
async fn both_write_into_the_servers_own_log() {
    let Two { engines: [a, b], .. } = two();
    for (n, engine) in [&a, &b, &b, &a, &b].into_iter().enumerate() {
        let text = catalog(&format!("v{n}"));
        engine.put_catalog(&text, (&key(&format!("put{n}")), None)).await.expect("stored").expect("accepted");
    }
    for engine in [&a, &b] {
        engine.follow().await.expect("follows");
        let labels: Vec<String> = engine.past_catalogs().iter().map(|past| past.label.to_string()).collect();
        assert_eq!(labels, ["v0", "v1", "v2", "v3", "v4"]);
        assert_eq!(engine.catalog().version, name("v4"));
    }
}

/// One question serves all that wait for it.
#[test]
fn one_question_serves_all_that_wait() {
    let (store, start) = standing();
    let engine = start();
    answered(&engine, open(&engine, "acme", "10"));
    store.faults.waits.store(true, Ordering::SeqCst);
    let before = store.faults.reads.load(Ordering::SeqCst);
    let acme = name("acme");
    let mut views: Vec<_> = (0..100).map(|_| Box::pin(engine.view(&acme, |_| Ok(())))).collect();
    for _ in 0..10 {
        views.retain_mut(|view| poll(view).map(|seen| seen.expect("is seen")).is_pending());
    }
    assert!(views.is_empty());
    let asked = store.faults.reads.load(Ordering::SeqCst) - before;
    assert!(asked <= 2, "{asked} questions: one for the first, one for all others");
}

/// The request that asks for others as well gets its own answer, however many come after it.
#[test]
fn asking_for_others_ends() {
    let (store, start) = standing();
    let engine = start();
    answered(&engine, open(&engine, "acme", "10"));
    store.faults.waits.store(true, Ordering::SeqCst);
    let acme = name("acme");
    let view = || Box::pin(engine.view(&acme, |_| Ok(())));
    let mut first = view();
    let (mut others, mut is_answered) = (Vec::new(), false);
    for _ in 0..10 {
        is_answered = is_answered || poll(&mut first).is_ready();
        if !is_answered {
            others.push(view());
        }
        others.retain_mut(|other| poll(other).is_pending());
    }
    assert!(is_answered, "it asks for ever");
    for _ in 0..10 {
        others.retain_mut(|other| poll(other).is_pending());
    }
    assert!(others.is_empty(), "nobody is forgotten");
}
