//! Answers to retries: first answers, repeated ends of holds, denials while they are
//! true, explanations for as long as promised.

use std::sync::Arc;

use headworks_core::command::{Command, NewGrant, Patch, Setting};
use headworks_core::record::{Category, Consent, HoldId, Outcome, Span};
use headworks_core::waterfall::Refusal;
use headworks_engine::{Answer, Clock, Effect, Engine, EngineError, Idempotency, Limits};
use headworks_store::Memory;

use crate::{CATALOG, ask, hold_of, key, name, open, outcome, run, start, start_with};

fn settle(hold: HoldId, tokens: u64) -> Command {
    Command::settle(hold, [(name("tokens"), tokens)].into_iter().collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_second_end_of_a_hold() {
    // First end, second end, whether they are the same; with the same key and
    // body, the same key only, or another key.
    let rows: [(&str, &str, bool); 6] = [
        ("settle 3", "settle 3", true),
        ("settle 3", "settle 4", false),
        ("settle 3", "release", false),
        ("settle 0", "release", false),
        ("release", "release", true),
        ("release", "settle 3", false),
    ];
    let command = |what: &str, hold| match what.split_once(' ') {
        Some((_, n)) => settle(hold, n.parse().expect("a number")),
        None => Command::Release { hold },
    };
    let engine = start(Arc::new(Memory::new()));
    open(&engine, "acme", "1000").await;
    let acme = name("acme");
    let mut n = 0;
    for (first, second, is_same) in rows {
        for how in ["same key", "same key, other body", "other key"] {
            n += 1;
            let opened =
                run(&engine, &acme, &key(&format!("o{n}")), Command::Authorize(ask("chat", 5))).await;
            let hold = hold_of(&opened.expect("opens"));
            let own = key(&format!("e{n}"));
            let ended = run(&engine, &acme, &own, command(first, hold)).await.expect("ends");
            let with = match how {
                "same key" => own,
                "same key, other body" => Idempotency { digest: [9; 16], ..own },
                _ => key(&format!("f{n}")),
            };
            // A key and body that were sent before get the first answer, even if the caller means another request.
            let repeats = how == "same key" && first.split(' ').next() == second.split(' ').next();
            match run(&engine, &acme, &with, command(second, hold)).await {
                Ok(answer) => {
                    assert!(is_same || repeats, "{first}, {second}, {how}: {answer:?}");
                    assert_eq!(
                        (answer.effect, answer.replayed),
                        (ended.effect, true),
                        "{first}, {second}, {how}"
                    );
                }
                Err(EngineError::Refused(Refusal::HoldEnded { hold: named, .. })) => {
                    assert!(!is_same && named == hold, "{first}, {second}, {how}");
                }
                Err(e) => panic!("{first}, {second}, {how}: {e}"),
            }
        }
    }
    // A key that ended another hold belongs to another request.
    let holds = [run(&engine, &acme, &key("x"), Command::Authorize(ask("chat", 5))).await.expect("opens")];
    let hold = hold_of(&holds[0]);
    let other = run(&engine, &acme, &Idempotency { digest: [9; 16], ..key("e1") }, settle(hold, 1)).await;
    assert!(matches!(other, Err(EngineError::KeyReused(..))), "{other:?}");
}

async fn authorize(engine: &Engine, with: &str, tokens: u64, consent: bool) -> Answer {
    let mut asked = ask("chat", tokens);
    asked.request.consented = consent;
    run(engine, &name("acme"), &key(with), Command::Authorize(asked)).await.expect("answers")
}

async fn buy(engine: &Engine, with: &str, amount: &str) {
    let new = NewGrant::new(amount.parse().expect("an amount"), Category::Purchased);
    run(engine, &name("acme"), &key(with), Command::Grant(new)).await.expect("grants");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denial_is_remembered_while_it_is_true() {
    let engine = start(Arc::new(Memory::new()));
    open(&engine, "acme", "10").await;
    let denied = authorize(&engine, "k", 50, false).await;
    assert_eq!((outcome(&denied), denied.replayed, denied.is_kept), (Outcome::Deny, false, true));
    let again = authorize(&engine, "k", 50, false).await;
    assert_eq!((again.effect, again.replayed), (denied.effect, true));
    // Recording the denial changes nothing.
    engine.maintain_once(false);
    assert!(authorize(&engine, "k", 50, false).await.replayed);
    // A purchase changes the answer, even one that is not enough.
    buy(&engine, "one", "1").await;
    let now = authorize(&engine, "k", 50, false).await;
    assert_eq!((outcome(&now), now.replayed), (Outcome::Deny, false));
    buy(&engine, "more", "39").await;
    let now = authorize(&engine, "k", 50, false).await;
    assert_eq!((outcome(&now), now.replayed), (Outcome::Allow, false));
    // So does a change of the catalog.
    let denied = authorize(&engine, "c", 1, false).await;
    assert_eq!(outcome(&denied), Outcome::Deny);
    let text =
        CATALOG.replace("version = \"t\"", "version = \"u\"").replace("tokens = \"1\" }", "tokens = \"0\" }");
    engine.put_catalog(&text, (&key("catalog"), None)).await.expect("stores").expect("accepts");
    assert_eq!(outcome(&authorize(&engine, "c", 1, false).await), Outcome::Allow);
    engine.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denial_ends_at_the_instant_it_told() {
    let engine = start(Arc::new(Memory::new()));
    open(&engine, "acme", "10").await;
    let held = authorize(&engine, "hold", 10, false).await;
    assert_eq!(outcome(&held), Outcome::Allow);
    // The denial reports that the hold ends within a minute; twenty seconds before that it is still remembered.
    engine.clock().advance(Span::from_secs(40));
    let denied = authorize(&engine, "k", 5, false).await;
    let Effect::Denied(denial) = &denied.effect else { panic!("{denied:?}") };
    let told = denial.decision.unblock.as_ref().and_then(|u| u.at()).expect("an instant");
    engine.clock().advance(Span::from_secs(10));
    assert!(authorize(&engine, "k", 5, false).await.replayed);
    engine.clock().advance(told.since(engine.clock().now()));
    let now = authorize(&engine, "k", 5, false).await;
    assert_eq!((outcome(&now), now.replayed), (Outcome::Allow, false));
    engine.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_agrees_sends_the_same_key() {
    let engine = start(Arc::new(Memory::new()));
    open(&engine, "acme", "10").await;
    let patch = Patch { consent: Setting::Set(Consent::Ask), ..Patch::default() };
    run(&engine, &name("acme"), &key("ask"), Command::Change { patch, reason: None }).await.expect("changes");
    for _ in 0..2 {
        let asked = authorize(&engine, "k", 5, false).await;
        assert_eq!((outcome(&asked), asked.replayed), (Outcome::NeedsConsent, false));
    }
    let agreed = authorize(&engine, "k", 5, true).await;
    assert_eq!((outcome(&agreed), agreed.replayed), (Outcome::Allow, false));
    engine.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_denial_is_explained_after_its_account_has_left_memory() {
    let clock = Arc::new(Clock::standing("2026-06-01T12:00:00Z".parse().expect("an instant")));
    let limits = Limits { accounts_max: 512, ..Limits::default() };
    let engine = start_with(Arc::new(Memory::new()), clock, limits);
    open(&engine, "acme", "10").await;
    let others: Vec<_> = (0..900).map(|i| name(&format!("a{i}"))).collect();
    for other in &others {
        let open = Command::Open(Patch { plan: Some(name("p")), ..Patch::default() });
        while let Err(e) = run(&engine, other, &key("open"), open.clone()).await {
            assert!(matches!(e, EngineError::Overloaded), "{e}");
            engine.maintain_once(true);
        }
    }
    engine.maintain_once(true);
    let Effect::Denied(denial) = authorize(&engine, "k", 50, false).await.effect else { panic!("denied") };
    for written in [false, true] {
        if written {
            engine.maintain_once(true);
        }
        // Twice, so that accounts used once are evicted.
        for other in others.iter().chain(&others) {
            engine.view(other, |_| Ok(())).await.expect("views");
        }
        let explained = engine.denial_at(&name("acme"), denial.at).await;
        assert_eq!(explained.expect("explains"), *denial, "written: {written}");
    }
    engine.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_denial_that_was_named_is_explained() {
    let engine = start(Arc::new(Memory::new()));
    open(&engine, "acme", "10").await;
    let acme = name("acme");
    let (mut named, mut unnamed) = (Vec::new(), 0);
    for i in 0..3_000 {
        let denied = authorize(&engine, &format!("k{i}"), 50, false).await;
        let Effect::Denied(denial) = denied.effect else { panic!("denied") };
        if denied.is_kept { named.push(denial) } else { unnamed += 1 }
    }
    assert!(named.len() >= 500, "{} of a burst are kept", named.len());
    assert!(unnamed > 0, "a flood is not kept whole");
    engine.maintain_once(false);
    for denial in &named {
        assert_eq!(engine.denial_at(&acme, denial.at).await.expect("explains"), **denial);
    }
    // Hours later there is room for more.
    engine.clock().advance(Span::from_secs(3_600));
    assert!(authorize(&engine, "later", 50, false).await.is_kept);
    // All of them are counted.
    let denied = engine.view(&acme, |ctx| Ok(ctx.account.denied)).await.expect("views");
    assert_eq!(denied, 3_000);
    engine.close();
}
