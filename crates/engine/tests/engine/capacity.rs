//! Supplies on the request path: room is taken, waited for, returned, and counted again after a restart.

use std::sync::Arc;

use headworks_audit::reconcile::{Progress, reconcile};
use headworks_audit::replay::replay;
use headworks_core::capacity::controller::{Answered, Feedback};
use headworks_core::catalog::{Catalog, Format};
use headworks_core::command::{Command, Extend, Patch, Setting};
use headworks_core::record::{Outcome, Rank, Reason, Span, SupplyChange, Verdict, VisitKind, Wall};
use headworks_engine::Caller;
use headworks_engine::capacity::supply::SupplyView;
use headworks_engine::{Answer, Clock, Effect, Engine, EngineError, Idempotency, Limits};
use headworks_store::{Memory, Store};

use crate::{ask, hold_of, key, name, open, outcome, run};

pub(crate) const CATALOG: &str = r#"
version = "supplies"
[meters]
tokens = { unit = "token" }
[supplies.large]
in_flight = 6
in_flight_cost = { requests = 1 }
cost = { tokens = 1 }
waiting_max = 1000
[supplies.rated]
rate = 1000
cost = { tokens = 1 }
[supplies.first]
in_flight = 1
cost = { requests = 1 }
fallback = ["second"]
[supplies.second]
in_flight = 1
cost = { requests = 1 }
[features.chat]
meters = ["tokens"]
rate_card = "card"
supply = "large"
[features.quick]
meters = ["tokens"]
rate_card = "card"
supply = "rated"
[features.doubled]
meters = ["tokens"]
rate_card = "card"
supply = "first"
[[rate_cards.card]]
effective_from = "2020-01-01T00:00:00Z"
prices = [
  { feature = "chat", credits = { tokens = "0.001" } },
  { feature = "quick", credits = { tokens = "0.001" } },
  { feature = "doubled", credits = { tokens = "0.001" } },
]
[plans.p]
features = ["chat", "quick", "doubled"]
waterfall = [{ grants = { name = "credits" } }]
"#;

fn start(store: Arc<dyn Store>) -> Arc<Engine> {
    start_at(store, Clock::new())
}

fn start_at(store: Arc<dyn Store>, clock: Clock) -> Arc<Engine> {
    let catalog = Catalog::parse(CATALOG, Format::Toml).unwrap_or_else(|e| panic!("{e}"));
    Engine::start(store, catalog, Arc::new(clock), Limits::default()).expect("starts")
}

pub(super) fn view(engine: &Engine, supply: &str) -> SupplyView {
    let found = engine.supplies().into_iter().find(|(n, ..)| n.as_str() == supply);
    found.map(|(_, _, view, _)| view).expect("the supply is there")
}

async fn authorize(engine: &Engine, account: &str, id: &str, feature: &str, wait: Option<Span>) -> Answer {
    engine
        .run(
            &name(account),
            Some(&key(id)),
            Caller { max_wait: wait, ..Caller::default() },
            &Command::Authorize(ask(feature, 10)),
        )
        .await
        .expect("answers")
}

const NO_WAIT: Option<Span> = Some(Span::ZERO);

#[tokio::test(flavor = "multi_thread")]
async fn cost_in_flight_never_passes_the_limit() {
    let engine = start(Arc::new(Memory::new()));
    for i in 0..4 {
        open(&engine, &format!("a{i}"), "10").await;
    }
    let mut tasks = Vec::new();
    for i in 0..40 {
        let engine = Arc::clone(&engine);
        tasks.push(tokio::spawn(async move {
            authorize(&engine, &format!("a{}", i % 4), &format!("k{i}"), "chat", NO_WAIT).await
        }));
    }
    let mut allowed = Vec::new();
    for task in tasks {
        let answer = task.await.expect("runs");
        match &answer.effect {
            Effect::Denied(denial) => {
                let decision = &denial.decision;
                assert_eq!((decision.outcome, decision.reason), (Outcome::Wait, Reason::Capacity));
                assert_eq!(decision.wall, Some(Wall::Capacity));
                let unblock = decision.unblock.as_ref().expect("says what would unblock it");
                assert!(unblock.at().is_some_and(|at| at > denial.at), "a time to come again is computed");
                assert!(decision.draws.is_empty(), "nothing is drawn for a request that has no room");
            }
            Effect::Recorded(_) | Effect::Unrecorded(_) => allowed.push(answer),
        }
    }
    assert_eq!((allowed.len(), view(&engine, "large").in_flight), (6, 6));
    for (i, answer) in allowed.iter().enumerate() {
        let used = [(name("tokens"), 5)].into_iter().collect();
        let settle = Command::settle(hold_of(answer), used);
        run(&engine, &answer.account, &key(&format!("s{i}")), settle).await.expect("settles");
    }
    assert_eq!(view(&engine, "large").in_flight, 0, "what ends gives its room back");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_waits_for_room_and_is_let_in() {
    let engine = start(Arc::new(Memory::new()));
    open(&engine, "acme", "10").await;
    let mut holds = Vec::new();
    for i in 0..6 {
        holds.push(hold_of(&authorize(&engine, "acme", &format!("k{i}"), "chat", NO_WAIT).await));
    }
    let waits = {
        let engine = Arc::clone(&engine);
        tokio::spawn(async move { authorize(&engine, "acme", "w", "chat", Some(Span::from_secs(60))).await })
    };
    while view(&engine, "large").waiting == 0 {
        tokio::task::yield_now().await;
    }
    run(&engine, &name("acme"), &key("r"), Command::Release { hold: holds[0] }).await.expect("releases");
    let answer = waits.await.expect("runs");
    assert_eq!(outcome(&answer), Outcome::Allow);
    assert_eq!((view(&engine, "large").in_flight, view(&engine, "large").waiting), (6, 0));
    let again = authorize(&engine, "acme", "w", "chat", Some(Span::from_secs(60))).await;
    assert!(again.replayed, "a retry gets the first answer and takes nothing");
    assert_eq!(view(&engine, "large").in_flight, 6);
    // A passed deadline is reported as such.
    let late = authorize(&engine, "acme", "late", "chat", Some(Span::from_micros(250_000))).await;
    assert_eq!((outcome(&late), view(&engine, "large").waiting), (Outcome::Wait, 0));
}

/// A retry during the first one's wait takes no second place: it gets the first one's
/// answer; another request is refused at once.
#[tokio::test(flavor = "multi_thread")]
async fn a_retry_waits_with_the_first() {
    let engine = start(Arc::new(Memory::new()));
    open(&engine, "acme", "10").await;
    let mut holds = Vec::new();
    for i in 0..6 {
        holds.push(hold_of(&authorize(&engine, "acme", &format!("k{i}"), "chat", NO_WAIT).await));
    }
    let waits = |wait: &str| {
        let (engine, wait) = (Arc::clone(&engine), wait.parse().expect("a span"));
        tokio::spawn(async move { authorize(&engine, "acme", "w", "chat", Some(wait)).await })
    };
    let all_answer = async |tasks: Vec<tokio::task::JoinHandle<Answer>>| {
        let mut answers = Vec::new();
        for task in tasks {
            answers.push(task.await.expect("runs"));
        }
        answers
    };
    let first = waits("60s");
    while view(&engine, "large").waiting == 0 {
        tokio::task::yield_now().await;
    }
    let mut tasks: Vec<_> = (0..4).map(|_| waits("60s")).collect();
    let other = Idempotency { digest: [9; 16], ..key("w") };
    let ask = Command::Authorize(ask("chat", 11));
    let refused = engine.run(&name("acme"), Some(&other), Caller::default(), &ask).await;
    assert!(matches!(refused, Err(EngineError::KeyReused(..))), "{refused:?}");
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    assert_eq!(view(&engine, "large").waiting, 1, "a retry has no place of its own");
    run(&engine, &name("acme"), &key("r"), Command::Release { hold: holds[0] }).await.expect("releases");
    tasks.push(first);
    let answers = all_answer(tasks).await;
    assert!(answers.iter().all(|a| hold_of(a) == hold_of(&answers[0])), "{answers:?}");
    assert_eq!(answers.iter().filter(|a| !a.replayed).count(), 1, "one of them was the request");
    assert_eq!(view(&engine, "large").in_flight, 6);
    // If the first caller goes away, the next takes over.
    let leaves = waits("50s");
    assert_eq!(hold_of(&leaves.await.expect("runs")), hold_of(&answers[0]), "the key has its answer");
    run(&engine, &name("acme"), &key("x"), Command::Release { hold: hold_of(&answers[0]) })
        .await
        .expect("releases");
    let filler = authorize(&engine, "acme", "filler", "chat", NO_WAIT).await;
    let again = |id: &'static str| {
        let engine = Arc::clone(&engine);
        tokio::spawn(async move { authorize(&engine, "acme", id, "chat", Some(Span::from_secs(60))).await })
    };
    let leaves = again("y");
    while view(&engine, "large").waiting == 0 {
        tokio::task::yield_now().await;
    }
    let stays = again("y");
    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    leaves.abort();
    assert!(leaves.await.is_err(), "it was aborted");
    while view(&engine, "large").waiting == 0 {
        tokio::task::yield_now().await;
    }
    run(&engine, &name("acme"), &key("z"), Command::Release { hold: hold_of(&filler) })
        .await
        .expect("releases");
    assert_eq!(outcome(&stays.await.expect("runs")), Outcome::Allow);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_leaves_gives_its_place_back() {
    let engine = start(Arc::new(Memory::new()));
    open(&engine, "acme", "10").await;
    let mut holds = Vec::new();
    for i in 0..6 {
        holds.push(hold_of(&authorize(&engine, "acme", &format!("k{i}"), "chat", NO_WAIT).await));
    }
    let mut gone = Vec::new();
    for i in 0..5 {
        let engine = Arc::clone(&engine);
        gone.push(tokio::spawn(async move {
            authorize(&engine, "acme", &format!("w{i}"), "chat", Some(Span::from_secs(60))).await
        }));
    }
    while view(&engine, "large").waiting < 5 {
        tokio::task::yield_now().await;
    }
    for task in &gone {
        task.abort();
    }
    for task in gone {
        assert!(task.await.is_err(), "it was aborted");
    }
    assert_eq!(view(&engine, "large").waiting, 0, "nobody waits for a caller that is gone");
    run(&engine, &name("acme"), &key("r"), Command::Release { hold: holds[0] }).await.expect("releases");
    assert_eq!(view(&engine, "large").in_flight, 5);
    assert_eq!(outcome(&authorize(&engine, "acme", "next", "chat", NO_WAIT).await), Outcome::Allow);
}

#[tokio::test(flavor = "multi_thread")]
async fn money_comes_before_capacity() {
    let engine = start(Arc::new(Memory::new()));
    open(&engine, "rich", "10").await;
    open(&engine, "poor", "0.001").await;
    for i in 0..6 {
        authorize(&engine, "rich", &format!("k{i}"), "chat", NO_WAIT).await;
    }
    let answer = authorize(&engine, "poor", "p", "chat", Some(Span::from_secs(60))).await;
    let Effect::Denied(denial) = &answer.effect else { panic!("{answer:?}") };
    assert_eq!(
        (denial.decision.outcome, denial.decision.reason),
        (Outcome::Deny, Reason::InsufficientCredits)
    );
    assert_eq!(view(&engine, "large").in_flight, 6, "a request that is not paid for takes no room");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fallback_supply_stands_in() {
    let engine = start(Arc::new(Memory::new()));
    open(&engine, "acme", "10").await;
    let visits = |answer: &Answer| -> Vec<(String, Verdict)> {
        let decision = match &answer.effect {
            Effect::Recorded(record) => record.event.decision().expect("decides").clone(),
            Effect::Denied(denial) => denial.decision.clone(),
            Effect::Unrecorded(_) => panic!("it is recorded"),
        };
        let supplies = decision.visits.iter().filter(|v| v.kind == VisitKind::Supply);
        supplies.map(|v| (v.name.to_string(), v.verdict)).collect()
    };
    let refused = Verdict::Refused(Reason::Capacity);
    let first = authorize(&engine, "acme", "1", "doubled", NO_WAIT).await;
    assert_eq!(visits(&first), [("first".into(), Verdict::Passed)]);
    let second = authorize(&engine, "acme", "2", "doubled", NO_WAIT).await;
    assert_eq!(visits(&second), [("first".into(), Verdict::Empty), ("second".into(), Verdict::Passed)]);
    let third = authorize(&engine, "acme", "3", "doubled", NO_WAIT).await;
    assert_eq!(visits(&third), [("first".into(), refused), ("second".into(), refused)]);
    run(&engine, &name("acme"), &key("r"), Command::Release { hold: hold_of(&second) })
        .await
        .expect("releases");
    assert_eq!((view(&engine, "first").in_flight, view(&engine, "second").in_flight), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn capacity_survives_a_restart() {
    let store: Arc<dyn Store> = Arc::new(Memory::new());
    let engine = start(Arc::clone(&store));
    engine.put_catalog(CATALOG, (&key("catalog"), None)).await.expect("stores").expect("accepts");
    open(&engine, "acme", "10").await;
    let mut holds = Vec::new();
    for i in 0..6 {
        holds.push(hold_of(&authorize(&engine, "acme", &format!("k{i}"), "chat", NO_WAIT).await));
    }
    let extend = Extend {
        hold: holds[0],
        quantities: [(name("tokens"), 7)].into_iter().collect(),
        more: Vec::new(),
        minimum: None,
        life: None,
        progress: None,
        consented: false,
    };
    let grown = run(&engine, &name("acme"), &key("e"), Command::Extend(extend)).await.expect("extends");
    assert!(matches!(grown.effect, Effect::Recorded(_)), "{grown:?}");
    assert_eq!(view(&engine, "large").in_flight, 6, "an extension is not another request");
    let change = SupplyChange {
        supply: name("large"),
        rate: None,
        in_flight: Some(7),
        classes: std::collections::BTreeMap::new(),
        reason: None,
    };
    engine.change_supply(change, (&key("c"), None)).await.expect("changes");
    assert_eq!(view(&engine, "large").in_flight_max, Some(7));
    engine.close();

    let engine = start(Arc::clone(&store));
    assert_eq!(view(&engine, "large").in_flight_max, Some(7), "a live change outlives the process");
    assert_eq!(outcome(&authorize(&engine, "acme", "n1", "chat", NO_WAIT).await), Outcome::Allow);
    assert_eq!(outcome(&authorize(&engine, "acme", "n2", "chat", NO_WAIT).await), Outcome::Wait);
    for (i, hold) in holds.iter().enumerate() {
        run(&engine, &name("acme"), &key(&format!("r{i}")), Command::Release { hold: *hold })
            .await
            .expect("releases");
    }
    assert_eq!(view(&engine, "large").in_flight, 1, "an extended hold gives all of its room back");
    engine.close();
    // The offers of supplies are part of the stored explanation: the same request gives the same bytes.
    let found = replay(&*store, 1, &Progress::default()).expect("replays");
    assert!(found.records > 10 && found.differing.is_empty(), "{:?}", found.differing);
    let found = reconcile(&*store, 1, &Progress::default()).expect("reconciles");
    assert!(found.findings.is_empty(), "{:?}", found.findings);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_catalog_keeps_what_is_in_flight() {
    let engine = start(Arc::new(Memory::new()));
    open(&engine, "acme", "10").await;
    let first = authorize(&engine, "acme", "1", "chat", NO_WAIT).await;
    let others = "waiting_max = 1000\nclasses = { batch = { priority = 3 }, chat = {} }";
    let text = CATALOG
        .replace("waiting_max = 1000", others)
        .replace("version = \"supplies\"", "version = \"two\"")
        .replace("features = [\"chat\", \"quick\", \"doubled\"]", "features = [\"chat\"]\nclass = \"chat\"");
    engine.put_catalog(&text, (&key("two"), None)).await.expect("stores").expect("accepts");
    assert_eq!(view(&engine, "large").in_flight, 1);
    let second = authorize(&engine, "acme", "2", "chat", NO_WAIT).await;
    assert_eq!((outcome(&second), view(&engine, "large").in_flight), (Outcome::Allow, 2));
    for (id, answer) in [("r1", &first), ("r2", &second)] {
        run(&engine, &name("acme"), &key(id), Command::Release { hold: hold_of(answer) })
            .await
            .expect("releases");
    }
    assert_eq!(view(&engine, "large").in_flight, 0, "holds of the class that is gone give their room back");
}

/// What holds have in flight is theirs, whichever sharers of the account it was taken with.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_cluster_leaves_nothing_in_flight() {
    let catalog = CATALOG.replacen("in_flight = 6", "in_flight = 100", 1).replacen(
        "in_flight_cost = { requests = 1 }",
        "in_flight_cost = { tokens = 1 }",
        1,
    );
    let catalog = Catalog::parse(&catalog, Format::Toml).unwrap_or_else(|e| panic!("{e}"));
    let clock = Arc::new(Clock::new());
    let engine = Engine::start(Arc::new(Memory::new()), catalog, clock, Limits::default()).expect("starts");
    open(&engine, "acme", "10").await;
    let acme = name("acme");
    let hold = async |id: &str, tokens| {
        let held = run(&engine, &acme, &key(id), Command::Authorize(ask("chat", tokens))).await;
        hold_of(&held.expect("answers"))
    };
    let large = hold("large", 30).await;
    let rank = Rank { class: None, cluster: Some(name("card-1")), weight: 1, floor: 0, max: None };
    let patch = Patch { rank: Setting::Set(Box::new(rank)), ..Patch::default() };
    run(&engine, &acme, &key("moves"), Command::Change { patch, reason: None }).await.expect("changes");
    let small = hold("small", 20).await;
    assert_eq!(view(&engine, "large").in_flight, 50);
    for (id, hold, left) in [("r1", small, 30), ("r2", large, 0)] {
        run(&engine, &acme, &key(id), Command::Release { hold }).await.expect("releases");
        assert_eq!(view(&engine, "large").in_flight, left);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_is_shared_and_refilled() {
    let begin = "2026-03-01T00:00:00Z".parse().expect("an instant");
    let engine = start_at(Arc::new(Memory::new()), Clock::test(begin));
    engine.begin_test_clock(begin).await.expect("begins");
    open(&engine, "acme", "1000").await;
    let ask = |tokens| ask("quick", tokens);
    let call = async |id: String, tokens| {
        let caller = Caller { max_wait: NO_WAIT, ..Caller::default() };
        let answer =
            engine.run(&name("acme"), Some(&key(&id)), caller, &Command::Authorize(ask(tokens))).await;
        outcome(&answer.expect("answers"))
    };
    // A quarter of a second's rate is available at once, and a request passes while anything of it is left.
    assert_eq!(call("a".into(), 900).await, Outcome::Allow);
    assert_eq!(call("b".into(), 1).await, Outcome::Wait);
    // It now owes 650, which a rate of 1,000 per second repays in 0.65 s.
    engine.advance_by("600ms".parse().expect("span")).await.expect("moves");
    assert_eq!(call("c".into(), 1).await, Outcome::Wait);
    engine.advance_by("100ms".parse().expect("span")).await.expect("moves");
    assert_eq!(call("d".into(), 1).await, Outcome::Allow);
    let feedback = Feedback {
        answered: Answered::Served,
        cost: 10,
        first_output: None,
        input: None,
        limit: None,
        retry_after: None,
    };
    assert!(engine.supply_feedback(&name("rated"), feedback).is_ok());
    assert!(engine.supply_feedback(&name("none"), feedback).is_err());
}

/// However many keys ask, in a supply that has only slots and beside nobody.
#[tokio::test(flavor = "multi_thread")]
async fn the_keys_of_an_account_have_one_maximum() {
    let begin = "2026-03-01T00:00:00Z".parse().expect("an instant");
    let engine = start_at(Arc::new(Memory::new()), Clock::test(begin));
    engine.begin_test_clock(begin).await.expect("begins");
    open(&engine, "acme", "1000").await;
    let acme = name("acme");
    let rank = Rank { class: None, cluster: None, weight: 1, floor: 0, max: Some(10) };
    let patch = Patch { rank: Setting::Set(Box::new(rank)), ..Patch::default() };
    run(&engine, &acme, &key("bounded"), Command::Change { patch, reason: None }).await.expect("changes");
    let call = async |id: String| {
        let mut ask = ask("chat", 10);
        (ask.settle_now, ask.request.path) = (true, format!("key:{id}").parse().expect("a path"));
        let caller = Caller { max_wait: NO_WAIT, ..Caller::default() };
        outcome(&engine.run(&acme, Some(&key(&id)), caller, &Command::Authorize(ask)).await.expect("answers"))
    };
    for second in 0..5 {
        let mut allowed = 0;
        for at in 0..8 {
            allowed += u32::from(call(format!("k{second}-{at}")).await == Outcome::Allow);
        }
        assert_eq!(allowed, 1, "one request of ten a second, at second {second}");
        engine.advance_by("1s".parse().expect("span")).await.expect("moves");
    }
}
