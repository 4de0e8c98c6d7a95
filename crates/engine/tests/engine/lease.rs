//! Leases: extended, reported on, settled, released, dropped.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use headworks_core::capacity::controller::Answered;
use headworks_core::catalog::{Catalog, Format};
use headworks_core::record::{Event, Instant, Record, Span};
use headworks_core::waterfall::Quantities;
use headworks_engine::{Caller, Clock, Effect, Engine, Lease, Leased, Limits, Upstream};
use headworks_store::suite::Faulty;
use headworks_store::{Memory, Store, wait};

use crate::shared::{answered, poll};
use crate::{CATALOG, Failing, ask, available, key, name, open, start};

async fn lease(engine: &Arc<Engine>, text: &str, tokens: u64) -> Box<Lease> {
    let leased = engine.lease(&name("acme"), Some(&key(text)), Caller::default(), ask("chat", tokens)).await;
    match leased.expect("answers") {
        Leased::Held(lease, _) => lease,
        Leased::Answered(answer) => panic!("{answer:?}"),
    }
}

fn tokens(n: u64) -> Quantities {
    [(name("tokens"), n)].into_iter().collect()
}

fn kinds(store: &dyn Store) -> Vec<&'static str> {
    let log = wait(store.read(&name("acme"), 1, 100)).expect("reads");
    log.iter().map(|stored| stored.record().expect("a record").event.kind()).collect()
}

/// An engine that a test steps.
fn standing(store: &Arc<Memory>, clock: &Arc<Clock>) -> Arc<Engine> {
    let catalog = Catalog::parse(CATALOG, Format::Toml).unwrap_or_else(|e| panic!("{e}"));
    let engine = Engine::standing(store.clone(), catalog, Arc::clone(clock), Limits::default());
    let engine = engine.expect("starts");
    engine.maintain_once(false);
    engine
}

fn clock() -> Arc<Clock> {
    Arc::new(Clock::standing(Instant::from_micros(1_800_000_000_000_000)))
}

/// Maintains the engine; then no hold is open.
async fn until_free(engine: &Engine) {
    engine.maintain_once(false);
    let open = engine.view(&name("acme"), |ctx| Ok(ctx.account.holds.len())).await.expect("is seen");
    assert_eq!(open, 0, "a hold stays open");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_ends_its_hold_once() {
    let store = Arc::new(Memory::new());
    let engine = start(store.clone());
    open(&engine, "acme", "10").await;
    let held = lease(&engine, "a", 4).await;
    assert_eq!((held.covered(), held.left(&name("tokens"))), (&tokens(4)[..], 4));
    assert_eq!(available(&engine, "acme").await, "6");
    let settled = held.settle(tokens(3)).await.expect("settles");
    assert!(matches!(&settled.effect, Effect::Recorded(r) if matches!(r.event, Event::Settled { .. })));
    let held = lease(&engine, "b", 4).await;
    let released = held.release().await.expect("releases");
    assert!(matches!(&released.effect, Effect::Recorded(r) if matches!(r.event, Event::Released(_))));
    // A denied request has no lease.
    let denied = engine.lease(&name("acme"), Some(&key("c")), Caller::default(), ask("chat", 8)).await;
    assert!(
        matches!(denied.expect("answers"), Leased::Answered(answer) if matches!(answer.effect, Effect::Denied(_)))
    );
    assert_eq!(available(&engine, "acme").await, "7");
    engine.close();
    // The denial is written as well if the engine ran long enough to know of it.
    let ends = ["account_opened", "granted", "authorized", "settled", "authorized", "released"];
    assert_eq!(kinds(&*store)[..6], ends);
}

#[test]
fn a_dropped_lease_is_charged_for_what_it_reported() {
    let (store, clock) = (Arc::new(Memory::new()), clock());
    let engine = standing(&store, &clock);
    answered(&engine, async {
        open(&engine, "acme", "10").await;
        // The caller goes away before any use.
        drop(lease(&engine, "a", 4).await);
        until_free(&engine).await;
        assert_eq!(available(&engine, "acme").await, "10");
        // The caller goes away in the middle.
        let mut held = lease(&engine, "b", 4).await;
        held.report(tokens(1)).await.expect("is noted");
        held.report(tokens(3)).await.expect("is noted");
        assert_eq!(held.left(&name("tokens")), 1);
        drop(held);
        until_free(&engine).await;
        assert_eq!(available(&engine, "acme").await, "7");
        // An explicit zero is a use of zero.
        let mut held = lease(&engine, "c", 4).await;
        held.report(tokens(0)).await.expect("is noted");
        drop(held);
        until_free(&engine).await;
        // A lease that was extended, then dropped as the engine closes.
        let mut held = lease(&engine, "d", 2).await;
        held.extend(tokens(2), None).await.expect("is decided");
        let denied = held.extend(tokens(20), None).await.expect("is decided");
        assert!(matches!(denied.effect, Effect::Denied(_)), "there is no more: {denied:?}");
        assert_eq!(held.left(&name("tokens")), 4);
        held.report(tokens(4)).await.expect("is noted");
        drop(held);
    });
    engine.close();
    let engine = standing(&store, &clock);
    assert_eq!(answered(&engine, available(&engine, "acme")), "3");
    let ends: Vec<&str> =
        kinds(&*store).into_iter().filter(|k| ["released", "settled"].contains(k)).collect();
    assert_eq!(ends, ["released", "settled", "settled", "settled"]);
    engine.close();
}

/// An end whose caller goes away while it is being stored still ends the hold once.
#[test]
fn a_settlement_that_is_given_up_is_made() {
    let (store, clock) = (Arc::new(Memory::new()), clock());
    let engine = standing(&store, &clock);
    answered(&engine, async {
        open(&engine, "acme", "10").await;
        for n in 0..20 {
            let held = lease(&engine, &format!("k{n}"), 4).await;
            // Polled once, and dropped.
            assert!(poll(&mut Box::pin(held.settle(tokens(0)))).is_pending());
        }
        until_free(&engine).await;
    });
    engine.close();
    let engine = standing(&store, &clock);
    assert_eq!(answered(&engine, available(&engine, "acme")), "10");
    let settled = kinds(&*store).into_iter().filter(|kind| *kind == "settled").count();
    assert_eq!(settled, 20);
}

#[test]
fn a_lease_lives_as_long_as_it_is_reported_on() {
    let (store, clock) = (Arc::new(Memory::new()), clock());
    let engine = standing(&store, &clock);
    let deadline = answered(&engine, async {
        open(&engine, "acme", "10").await;
        let mut held = lease(&engine, "a", 8).await;
        let began = clock.now();
        // A hold lives 60 seconds unless it is extended; ten extensions reach far beyond an hour.
        for seconds in 1..=200 {
            clock.advance(Span::from_secs(20));
            held.report(tokens(seconds / 50)).await.expect("goes on");
            assert!(held.deadline() > clock.now());
        }
        assert_eq!(clock.now().since(began), Span::from_secs(4_000));
        held.settle(tokens(5)).await.expect("settles");
        assert_eq!(available(&engine, "acme").await, "5");
        let extended = kinds(&*store).into_iter().filter(|kind| *kind == "extended").count();
        assert!((4..=8).contains(&extended), "{extended} extensions");
        // Nobody reports: the hold expires at its deadline, and its end carries that instant.
        let held = lease(&engine, "b", 2).await;
        let deadline = held.deadline();
        clock.advance(Span::from_secs(90));
        until_free(&engine).await;
        drop(held);
        deadline
    });
    engine.close();
    let log = wait(store.read(&name("acme"), 1, 100)).expect("reads");
    let last: Record = log.last().expect("a record").record().expect("a record");
    assert!(matches!(last.event, Event::Expired { .. }), "{last:?}");
    assert_eq!(last.effective_at, deadline);
}

#[test]
fn a_hold_that_is_left_is_taken_up_again() {
    let (store, clock) = (Arc::new(Memory::new()), clock());
    let engine = standing(&store, &clock);
    answered(&engine, async {
        open(&engine, "acme", "10").await;
        let acme = name("acme");
        let take_up = |hold| engine.take_up(&acme, hold, Caller::default(), false);
        let hold = lease(&engine, "a", 4).await.leave();
        engine.maintain_once(false);
        assert_eq!(available(&engine, "acme").await, "6");
        // Who looks at it and goes leaves it as it was.
        drop(take_up(hold).await.expect("is seen").expect("is open"));
        engine.maintain_once(false);
        let mut again = take_up(hold).await.expect("is seen").expect("is open");
        again.extend(tokens(3), None).await.expect("grows");
        assert_eq!((again.covers(&name("tokens")), available(&engine, "acme").await.as_str()), (7, "3"));
        again.settle(tokens(5)).await.expect("settles");
        assert!(take_up(hold).await.expect("is seen").is_none());
        // Nobody takes it up: it ends at its deadline.
        let hold = lease(&engine, "b", 2).await.leave();
        clock.advance(Span::from_secs(61));
        assert!(take_up(hold).await.expect("is seen").is_none());
        until_free(&engine).await;
        assert_eq!(available(&engine, "acme").await, "5");
    });
    engine.close();
    assert_eq!(kinds(&*store)[2..], ["authorized", "extended", "settled", "authorized", "hold_expired"]);
}

/// A lease of a feature without a supply has nothing to feed.
#[tokio::test(flavor = "multi_thread")]
async fn a_lease_without_a_supply_feeds_none() {
    let engine = start(Arc::new(Memory::new()));
    open(&engine, "acme", "10").await;
    let held = lease(&engine, "a", 4).await;
    held.feed(Answered::Served, Upstream::default()).expect("nothing to do");
    held.release().await.expect("releases");
}

/// A full disk at the end leaves the hold to its deadline, and the engine stopped.
#[tokio::test(flavor = "multi_thread")]
async fn a_lease_of_a_stopped_engine_is_left_to_its_deadline() {
    let store: Arc<Faulty<Failing>> = Failing::store();
    let engine = start(store.clone());
    open(&engine, "acme", "10").await;
    let held = lease(&engine, "a", 4).await;
    store.faults.broken.store(true, Ordering::SeqCst);
    held.settle(tokens(1)).await.expect_err("the engine stops");
    engine.close();
    store.faults.mend();
    let engine = start(store);
    assert_eq!(available(&engine, "acme").await, "6", "it is held still");
    engine.close();
}
