//! Two engines on one store that a test steps, so that each step of one comes between two of the other (rules R1 and R2).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use headworks_core::catalog::{Catalog, Format};
use headworks_core::command::{Command, NewGrant};
use headworks_core::record::{Category, Event, Instant, Record, Span, SupplyChange};
use headworks_engine::{Answer, Clock, Effect, Engine, EngineError, Limits};
use headworks_store::suite::{Fault, Faulty};
use headworks_store::{Memory, Store, wait};

use crate::capacity::{self, view};
use crate::shared::{Said, answered, catalog, poll, settled};
use crate::{CATALOG, ask, available, hold_of, key, name, open, run};

struct Two {
    ways: [Arc<Faulty<Said>>; 2],
    engines: [Arc<Engine>; 2],
    clock: Arc<Clock>,
}

fn two(text: &str) -> Two {
    let first = Faulty::new(Arc::new(Memory::new()), Said::default());
    let second = first.beside(Said::default());
    let ways = [Arc::new(first), Arc::new(second)];
    let clock = Arc::new(Clock::standing(Instant::from_micros(1_800_000_000_000_000)));
    let engines = ways.clone().map(|way| {
        let catalog = Catalog::parse(text, Format::Toml).unwrap_or_else(|e| panic!("{e}"));
        let engine = Engine::standing(way, catalog, Arc::clone(&clock), Limits::default()).expect("starts");
        engine.maintain_once(false);
        engine
    });
    Two { ways, engines, clock }
}

fn does(engine: &Engine, text: &str, command: Command) -> Result<Answer, EngineError> {
    answered(engine, run(engine, &name("acme"), &key(text), command))
}

fn is_recorded(answer: &Answer) -> bool {
    matches!(answer.effect, Effect::Recorded(_))
}

/// The second engine is first, and the caller of the other does not wait: what that one has of the account has lost.
fn lose([a, b]: &[Arc<Engine>; 2], text: &str) {
    let (acme, key) = (name("acme"), key(&format!("{text} too late")));
    let mut late = Box::pin(run(a, &acme, &key, settled(1)));
    assert!(poll(&mut late).is_pending());
    assert!(is_recorded(&does(b, text, settled(1)).expect("answers")));
    a.commit_once();
}

fn log(way: &Faulty<Said>) -> Vec<Record> {
    let log = wait(way.read(&name("acme"), 1, usize::MAX)).expect("reads");
    log.iter().map(|stored| stored.record().expect("a record")).collect()
}

/// R1: what is decided on a record that is never stored answers nobody, nor is it remembered for a retry.
#[test]
fn what_rests_on_a_lost_record_is_no_answer() {
    let Two { engines: [a, b], .. } = two(CATALOG);
    answered(&a, open(&a, "acme", "10"));
    let (acme, all, one) = (name("acme"), key("all"), key("one"));
    let mut spends = Box::pin(run(&a, &acme, &all, settled(10)));
    let mut asks = Box::pin(run(&a, &acme, &one, settled(1)));
    assert!(poll(&mut spends).is_pending() && poll(&mut asks).is_pending());
    assert!(is_recorded(&does(&b, "first", settled(1)).expect("answers")));
    // The log never had less than nine credits.
    let answer = answered(&a, asks).expect("answers");
    assert!(is_recorded(&answer) && !answer.replayed, "{answer:?}");
}

/// R1: who has lost while it was in doubt does not take the other's record for its own.
#[test]
fn what_is_in_doubt_may_have_lost() {
    for fault in [Fault::LostBatch, Fault::Late, Fault::LostAnswer] {
        let Two { ways: [way, _], engines: [a, b], .. } = two(CATALOG);
        answered(&a, open(&a, "acme", "10"));
        let (acme, doubted) = (name("acme"), key("doubted"));
        let mut asked = Box::pin(run(&a, &acme, &doubted, settled(4)));
        assert!(poll(&mut asked).is_pending());
        assert!(is_recorded(&does(&b, "first", settled(1)).expect("answers")));
        way.faults.appends.lock().expect("a lock").push_back(fault);
        assert!(is_recorded(&answered(&a, asked).expect("answers")), "{fault:?}");
        assert_eq!(log(&way).len(), 4, "{fault:?}: opened, granted, two charges, each once");
        assert_eq!(answered(&b, available(&b, "acme")), "5", "{fault:?}");
    }
}

/// N1: where a log ends is asked after the request has come.
#[test]
fn who_comes_later_gets_a_later_answer() {
    let Two { ways: [way, _], engines: [a, b], .. } = two(CATALOG);
    answered(&a, open(&a, "acme", "10"));
    way.faults.waits.store(true, Ordering::SeqCst);
    let mut early = Box::pin(available(&a, "acme"));
    // The store has the question; then its answer is under way.
    assert!(poll(&mut early).is_pending() && poll(&mut early).is_pending());
    does(&b, "k", settled(4)).expect("answers");
    let mut late = Box::pin(available(&a, "acme"));
    assert!(poll(&mut late).is_pending());
    assert_eq!(answered(&a, early), "10", "what it was when it was asked");
    assert_eq!(answered(&a, late), "6");
}

#[test]
fn who_waits_goes_on_when_the_one_that_asks_goes_away() {
    let Two { ways: [way, _], engines: [a, _], .. } = two(CATALOG);
    answered(&a, open(&a, "acme", "10"));
    way.faults.waits.store(true, Ordering::SeqCst);
    let mut asks = Box::pin(available(&a, "acme"));
    let mut waits = Box::pin(available(&a, "acme"));
    assert!(poll(&mut asks).is_pending() && poll(&mut waits).is_pending());
    drop(asks);
    assert_eq!(answered(&a, waits), "10");
    assert_eq!(answered(&a, available(&a, "acme")), "10");
}

#[test]
fn a_load_that_is_given_up_is_begun_again() {
    // Where nobody else writes, nothing is checked against the log that would show it.
    for is_alone in [false, true] {
        let Two { ways: [_, way], engines: [a, b], .. } = two(CATALOG);
        answered(&a, open(&a, "acme", "10"));
        way.faults.waits.store(true, Ordering::SeqCst);
        way.faults.is_alone.store(is_alone, Ordering::SeqCst);
        let (acme, key) = (name("acme"), key("k"));
        let mut loads = Box::pin(available(&b, "acme"));
        let mut spends = Box::pin(run(&b, &acme, &key, settled(1)));
        let mut looks = Box::pin(available(&b, "acme"));
        assert!(
            poll(&mut loads).is_pending() && poll(&mut spends).is_pending() && poll(&mut looks).is_pending()
        );
        drop(loads);
        assert!(is_recorded(&answered(&b, spends).expect("answers")), "alone: {is_alone}");
        assert_eq!(answered(&b, looks), "9", "alone: {is_alone}");
    }
}

/// R2: records written while the answer was under way may have been missed.
#[test]
fn the_end_of_the_servers_own_log_is_as_old_as_its_question() {
    let Two { ways: [way, _], engines: [a, _], clock } = two(CATALOG);
    answered(&a, a.follow()).expect("follows");
    way.faults.waits.store(true, Ordering::SeqCst);
    let mut follows = Box::pin(a.follow());
    assert!(poll(&mut follows).is_pending());
    clock.advance(Span::from_secs(6));
    answered(&a, follows).expect("follows");
    assert!(a.is_cut_off());
    answered(&a, a.follow()).expect("follows");
    assert!(!a.is_cut_off());
}

/// What another puts in force is in force without a request: keys that were revoked, webhooks, supplies.
#[test]
fn the_servers_own_log_is_followed_while_nothing_is_asked() {
    let Two { engines: [a, b], .. } = two(CATALOG);
    answered(&a, a.put_catalog(&catalog("v2"), (&key("put"), None))).expect("stored").expect("accepted");
    b.maintain_once(false);
    assert_eq!(b.catalog().version, name("v2"));
}

/// R2: who cannot make out what an account was decided under decides nothing on it, as an older release beside a newer one.
#[test]
fn nothing_is_decided_under_an_older_catalog() {
    let Two { ways: [way, _], engines: [a, b], .. } = two(CATALOG);
    answered(&a, open(&a, "acme", "10"));
    answered(&b, b.put_catalog(&catalog("v2"), (&key("put"), None))).expect("stored").expect("accepted");
    does(&b, "new", settled(1)).expect("answers");
    way.faults.spoils.store(true, Ordering::SeqCst);
    let old = does(&a, "old", settled(1));
    assert!(matches!(old, Err(EngineError::Store(_))), "{old:?}");
    assert_eq!(log(&way).len(), 3);
    does(&b, "newer", settled(1)).expect("the other engine goes on");
}

#[test]
fn a_sweep_that_failed_is_tried_again() {
    let Two { ways: [way, _], engines, clock } = two(CATALOG);
    let [a, _] = &engines;
    answered(a, open(a, "acme", "10"));
    does(a, "hold", Command::Authorize(ask("chat", 4))).expect("answers");
    lose(&engines, "first");
    way.faults.reads_fail.store(true, Ordering::SeqCst);
    clock.advance(Span::from_secs(61));
    a.maintain_once(false);
    way.faults.reads_fail.store(false, Ordering::SeqCst);
    clock.advance(Span::from_secs(2));
    a.maintain_once(false);
    a.commit_once();
    assert!(
        log(&way).iter().any(|record| matches!(record.event, Event::Expired { .. })),
        "it is past its deadline"
    );
}

#[test]
fn a_state_that_lost_is_loaded_again_and_its_holds_count_once() {
    let Two { engines, .. } = two(capacity::CATALOG);
    let [a, b] = &engines;
    answered(a, open(a, "acme", "10"));
    let hold = hold_of(&does(a, "hold", Command::Authorize(ask("chat", 10))).expect("answers"));
    lose(&engines, "first");
    a.maintain_once(false);
    assert_eq!(view(a, "large").in_flight, 1);
    answered(a, available(a, "acme"));
    // The other engine ends it.
    does(b, "release", Command::Release { hold }).expect("answers");
    lose(&engines, "second");
    a.maintain_once(false);
    assert_eq!(view(a, "large").in_flight, 0, "nobody has to ask for the account");
}

#[test]
fn a_hold_counts_in_a_supply_that_a_newer_catalog_has() {
    let Two { engines: [a, b], .. } = two(CATALOG);
    answered(&b, b.put_catalog(capacity::CATALOG, (&key("put"), None))).expect("stored").expect("accepted");
    answered(&b, open(&b, "acme", "10"));
    does(&b, "hold", Command::Authorize(ask("chat", 10))).expect("answers");
    answered(&a, available(&a, "acme"));
    assert_eq!(view(&a, "large").in_flight, 1);
}

/// What is answered to an administrator is in force, and so is what others wrote before.
#[test]
fn what_others_wrote_before_is_in_force_as_well() {
    let Two { engines: [a, b], .. } = two(capacity::CATALOG);
    let limit = |to| SupplyChange {
        supply: name("large"),
        rate: None,
        in_flight: Some(to),
        classes: BTreeMap::new(),
        reason: None,
    };
    answered(&a, a.change_supply(limit(7), (&key("first"), None))).expect("changes");
    let text = capacity::CATALOG.replacen("\"supplies\"", "\"v2\"", 1);
    answered(&b, b.put_catalog(&text, (&key("put"), None))).expect("stored").expect("accepted");
    answered(&a, a.change_supply(limit(8), (&key("second"), None))).expect("changes");
    assert_eq!((a.catalog().version.clone(), view(&a, "large").in_flight_max), (name("v2"), Some(8)));
}

/// A state is kept only if all its records are stored.
#[test]
fn a_state_that_lost_is_not_kept() {
    let Two { ways: [way, _], engines: [a, b], clock } = two(CATALOG);
    answered(&a, open(&a, "acme", "10"));
    let (acme, late) = (name("acme"), key("late"));
    let mut late = Box::pin(run(&a, &acme, &late, settled(1)));
    assert!(poll(&mut late).is_pending());
    does(&b, "first", settled(3)).expect("answers");
    a.maintain_once(true);
    let catalog = Catalog::parse(CATALOG, Format::Toml).unwrap_or_else(|e| panic!("{e}"));
    let next = Engine::standing(way, catalog, clock, Limits::default()).expect("starts");
    assert_eq!(answered(&next, available(&next, "acme")), "7");
}

#[test]
fn a_checkpoint_that_failed_is_tried_again() {
    let Two { ways: [way, _], engines: [a, _], .. } = two(CATALOG);
    answered(&a, open(&a, "acme", "10"));
    for fails in [true, false] {
        way.faults.checkpoints_fail.store(fails, Ordering::SeqCst);
        a.maintain_once(true);
        let kept = wait(way.state(&name("acme"))).expect("reads").map(|(seq, _)| seq);
        assert_eq!(kept, (!fails).then_some(2));
    }
}

/// R12: a denial that was named is explained and counted, under a name of its own.
#[test]
fn denials_outlive_the_state_that_they_were_decided_on() {
    let Two { engines, .. } = two(CATALOG);
    let [a, _] = &engines;
    answered(a, open(a, "acme", "10"));
    let denied = |text: &str| {
        let answer = does(a, text, settled(50)).expect("answers");
        let Effect::Denied(denial) = answer.effect else { panic!("{answer:?}") };
        *denial
    };
    let mut denials = vec![denied("d1"), denied("d2"), denied("d3")];
    lose(&engines, "first");
    denials.push(denied("d4"));
    assert!(denials.is_sorted_by(|before, after| before.at < after.at), "no instant is given out twice");
    for written in [false, true] {
        for denial in &denials {
            let explained = answered(a, a.denial_at(&name("acme"), denial.at)).expect("explains");
            assert_eq!(explained, *denial, "written: {written}");
        }
        a.maintain_once(false);
        a.commit_once();
    }
    assert_eq!(answered(a, a.view(&name("acme"), |ctx| Ok(ctx.account.denied))).expect("views"), 4);
}

/// T1, also where both engines put one at the same time.
#[test]
fn two_catalogs_at_once_have_two_labels() {
    let Two { engines: [a, b], .. } = two(CATALOG);
    let (one, other) = (catalog("v2"), catalog("v2").replacen("limit = 3", "limit = 4", 1));
    let (key_a, key_b) = (key("a"), key("b"));
    let mut late = Box::pin(a.put_catalog(&one, (&key_a, None)));
    assert!(poll(&mut late).is_pending());
    answered(&b, b.put_catalog(&other, (&key_b, None))).expect("stored").expect("accepted");
    answered(&a, late).expect("stored").expect("accepted");
    for engine in [&a, &b] {
        answered(engine, engine.follow()).expect("follows");
        let past = engine.past_catalogs();
        let labels: Vec<&str> = past.iter().map(|past| past.label.as_str()).collect();
        assert!(labels.len() == 2 && labels[0] == "v2" && labels[1].starts_with("v2@"), "{labels:?}");
    }
}

/// Invariant 4: that a key was absent when it was read says nothing of what has come since.
#[test]
fn a_key_that_came_while_it_was_read_has_one_effect() {
    for (by_other, others) in [(true, 0), (true, 1), (false, 0), (false, 1_100)] {
        let Two { ways: [way, _], engines: [a, b], .. } = two(CATALOG);
        answered(&a, open(&a, "acme", "2000"));
        let (acme, same) = (name("acme"), key("same"));
        way.faults.waits.store(true, Ordering::SeqCst);
        let mut late = Box::pin(run(&a, &acme, &same, settled(2)));
        // The store has the question; then its answer is under way: there is no such key.
        assert!(poll(&mut late).is_pending() && poll(&mut late).is_pending());
        way.faults.waits.store(false, Ordering::SeqCst);
        let first = does(if by_other { &b } else { &a }, "same", settled(2)).expect("answers");
        assert!(is_recorded(&first));
        for n in 0..others {
            does(&a, &format!("other {n}"), settled(1)).expect("answers");
        }
        let again = answered(&a, late).expect("answers");
        assert!(
            again.replayed && again.effect == first.effect,
            "by the other engine: {by_other}, {others}: {again:?}"
        );
        assert_eq!(answered(&a, available(&a, "acme")), (1_998 - others).to_string());
    }
}

/// Invariant 4, with more records on their way than are noted at once.
#[test]
fn a_key_is_known_until_it_is_stored() {
    let Two { engines: [a, _], .. } = two(CATALOG);
    answered(&a, open(&a, "acme", "2000"));
    let acme = name("acme");
    let keys: Vec<_> = (0..1_100).map(|n| key(&n.to_string())).collect();
    let mut asked: Vec<_> = keys.iter().map(|key| Box::pin(run(&a, &acme, key, settled(1)))).collect();
    assert!(asked.iter_mut().all(|asked| poll(asked).is_pending()));
    let mut again = Box::pin(run(&a, &acme, &keys[0], settled(1)));
    assert!(poll(&mut again).is_pending());
    assert!(answered(&a, again).expect("answers").replayed);
    assert_eq!(answered(&a, available(&a, "acme")), "900");
}

#[test]
fn a_refusal_is_that_of_the_log() {
    let Two { engines: [a, b], .. } = two(CATALOG);
    answered(&a, open(&a, "acme", "10"));
    assert_eq!(answered(&b, available(&b, "acme")), "10");
    let hold = hold_of(&does(&a, "hold", Command::Authorize(ask("chat", 4))).expect("answers"));
    let settle = Command::settle(hold, [(name("tokens"), 3)].into_iter().collect());
    assert!(is_recorded(&does(&b, "settle", settle).expect("the hold is there")));
}

/// A denial and a view are answered although the other engine writes into the account all the time.
#[test]
fn a_busy_writer_starves_nobody() {
    let Two { ways: [way, _], engines: [a, b], .. } = two(CATALOG);
    answered(&a, open(&a, "acme", "10"));
    way.faults.waits.store(true, Ordering::SeqCst);
    let (acme, much) = (name("acme"), key("much"));
    let mut denied = Box::pin(run(&a, &acme, &much, settled(100)));
    let mut seen = Box::pin(a.view(&acme, |_| Ok(())));
    let mut ready = (false, false);
    let writes = |n: u32| {
        let one = NewGrant::new("0.01".parse().expect("amount"), Category::Free);
        does(&b, &format!("b{n}"), Command::Grant(one)).expect("answers");
    };
    for n in 0..20 {
        // Between any two steps of the one, the other writes.
        writes(n);
        ready.0 = ready.0 || poll(&mut denied).is_ready();
        writes(n + 100);
        ready.1 = ready.1 || poll(&mut seen).is_ready();
        if ready == (true, true) {
            return;
        }
    }
    panic!("nobody answers: {ready:?}");
}
