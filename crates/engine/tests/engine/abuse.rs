//! Abuse rules at run time: effects are records, memory of callers is bounded, an identity has one free grant.

use std::net::IpAddr;
use std::sync::Arc;

use headworks_audit::reconcile::{Progress, reconcile};
use headworks_audit::replay::replay;
use headworks_core::abuse::penalty::Misdeed;
use headworks_core::catalog::{Catalog, Format, Mode};
use headworks_core::command::{Adjust, Command, NewGrant, Patch, Setting};
use headworks_core::record::{Category, Decision, Outcome, Rank, Reason, Rule, Span};
use headworks_core::waterfall::{Authorize, Refusal};
use headworks_engine::{Answer, Caller, Clock, Effect, Engine, EngineError, Idempotency, Limits};
use headworks_store::{Memory, Store, wait};

use crate::{Failing, ask, key, name, open, run};

const CATALOG: &str = r#"
version = "abuse"
[meters]
tokens = { unit = "token" }
[features.chat]
meters = ["tokens"]
rate_card = "card"
supply = "gpu"
[supplies.gpu]
in_flight = 100000
in_flight_cost = { requests = 1 }
cost = { tokens = 1 }
classes = { default = { weight = 4 }, slow = { weight = 1 } }
[[rate_cards.card]]
effective_from = "2020-01-01T00:00:00Z"
prices = [{ feature = "chat", credits = { tokens = "0.001" } }]
[abuse]
trial_budget = "12"
cost = { tokens = 1 }
rules = { velocity = "enforce", penalty = "enforce", sharing = "enforce", identity = "enforce", ramp = "enforce", sub_keys = "enforce" }
[abuse.tiers.paid]
velocity_floor = 100
ramp_floor = 700
networks = 2
shared_holds = 1
[plans.p]
features = ["chat"]
guards = [
  { name = "rate", count = "tokens", window.rate = { limit = 1000, period = "1s", burst = 16000 } },
  { name = "each", per = "user", count = "tokens", window.fixed = { limit = 1000000, every = "hour" } },
]
waterfall = [{ grants = { name = "credits" } }]
"#;

/// An engine over a store, with a clock that the test moves.
struct World {
    engine: Arc<Engine>,
    store: Arc<dyn Store>,
    clock: Arc<Clock>,
    calls: std::sync::atomic::AtomicU64,
}

fn catalog() -> Catalog {
    Catalog::parse(CATALOG, Format::Toml).unwrap_or_else(|e| panic!("{e}"))
}

async fn world() -> World {
    world_over(Arc::new(Memory::new())).await
}

async fn world_over(store: Arc<dyn Store>) -> World {
    let clock = Arc::new(Clock::standing("2026-06-01T12:00:00Z".parse().expect("an instant")));
    let engine = Engine::start(Arc::clone(&store), catalog(), Arc::clone(&clock), Limits::default());
    let engine = engine.expect("starts");
    engine.put_catalog(CATALOG, (&key("catalog"), None)).await.expect("stores").expect("accepts");
    World { engine, store, clock, calls: std::sync::atomic::AtomicU64::new(0) }
}

impl World {
    fn key(&self) -> Idempotency {
        let n = self.calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        key(&format!("k{n}"))
    }

    async fn ask_from(&self, tokens: u64, path: &str, source: Option<IpAddr>) -> Answer {
        let mut ask: Authorize = ask("chat", tokens);
        ask.request.path = path.parse().expect(path);
        let caller = Caller { max_wait: Some(Span::ZERO), source, ..Caller::default() };
        self.engine
            .run(&name("acme"), Some(&self.key()), caller, &Command::Authorize(ask))
            .await
            .expect("answers")
    }

    async fn ask(&self, tokens: u64, path: &str) -> Decision {
        decision(&self.ask_from(tokens, path, None).await)
    }

    fn pass(&self, seconds: u64) {
        self.clock.advance(Span::from_secs(seconds));
    }

    fn books(&self) {
        let found = replay(&*self.store, 1, &Progress::default()).expect("replays");
        assert!(found.differing.is_empty(), "{:?}", found.differing);
        let found = reconcile(&*self.store, 1, &Progress::default()).expect("reconciles");
        assert!(found.findings.is_empty(), "{:?}", found.findings);
    }
}

fn decision(answer: &Answer) -> Decision {
    match &answer.effect {
        Effect::Recorded(record) => record.event.decision().expect("decides").clone(),
        Effect::Denied(denial) => denial.decision.clone(),
        Effect::Unrecorded(counted) => counted.2.clone(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clamp_outlives_the_process_and_can_be_lifted() {
    let w = world().await;
    open(&w.engine, "acme", "1000").await;
    for _ in 0..3 {
        assert_eq!(w.ask(250, "").await.outcome, Outcome::Allow);
        w.pass(10);
    }
    w.ask(150, "").await;
    let view = w.engine.abuse(&name("acme")).await.expect("views");
    let [(effect, Mode::Enforce)] = view.effects.as_slice() else { panic!("{view:?}") };
    assert_eq!((effect.rule, effect.limit, effect.figure), (Rule::Velocity, 200, 250));
    w.engine.close();

    let engine = Engine::start(Arc::clone(&w.store), catalog(), Arc::clone(&w.clock), Limits::default());
    let w = World { engine: engine.expect("starts"), ..w };
    let denied = w.ask(51, "").await;
    assert_eq!((denied.outcome, denied.reason), (Outcome::Deny, Reason::Velocity));
    let acme = name("acme");
    let lift = async |w: &World| {
        run(&w.engine, &acme, &w.key(), Command::Lift { rule: Rule::Velocity, key: None, reason: None }).await
    };
    lift(&w).await.expect("lifts");
    assert_eq!(w.ask(51, "").await.outcome, Outcome::Allow, "in force at once");
    let again = lift(&w).await;
    assert!(matches!(again, Err(EngineError::Refused(Refusal::NoEffect(Rule::Velocity)))), "{again:?}");
    w.engine.close();
    w.books();
}

/// Points are per key: 16 make level 1, and no key is held back for another.
#[tokio::test(flavor = "multi_thread")]
async fn the_penalty_box_knows_keys_apart() {
    let w = world().await;
    open(&w.engine, "acme", "1000").await;
    let acme = name("acme");
    let report = async |times: usize, of: &str| {
        for _ in 0..times {
            let of = name(of);
            w.engine.report(&acme, &w.key(), Misdeed::ForgedWebhook, Some(&of)).await.expect("notes");
        }
    };
    report(2, "bad").await;
    // Level 1 of a burst of 16,000 is 8,000.
    w.ask(8_000, "key:bad").await;
    assert_eq!(w.ask(1, "key:bad").await.reason, Reason::Penalty);
    assert_eq!(w.ask(1, "key:good").await.outcome, Outcome::Allow);
    assert_eq!(w.ask(1, "").await.outcome, Outcome::Allow);
    report(22, "bad").await;
    assert_eq!(w.ask(1, "key:good").await.outcome, Outcome::Allow, "nor at level 4");
    let view = w.engine.abuse(&acme).await.expect("views");
    assert_eq!(
        view.penalties.iter().map(|(key, _, level)| (key.clone(), *level)).max_by_key(|(_, l)| *l),
        Some((Some(name("bad")), 4))
    );
    let bad = name("bad");
    run(
        &w.engine,
        &acme,
        &w.key(),
        Command::Lift { rule: Rule::Penalty, key: Some(bad.clone()), reason: None },
    )
    .await
    .expect("lifts");
    assert_eq!(w.ask(1, "key:good").await.outcome, Outcome::Allow);
    let again =
        run(&w.engine, &acme, &w.key(), Command::Lift { rule: Rule::Penalty, key: None, reason: None }).await;
    assert!(matches!(again, Err(EngineError::Refused(Refusal::NoEffect(Rule::Penalty)))), "{again:?}");
    w.engine.close();
    w.books();
}

#[tokio::test(flavor = "multi_thread")]
async fn careless_callers_score() {
    let w = world().await;
    open(&w.engine, "acme", "1000").await;
    let acme = name("acme");
    let milli = async |of: Option<&str>| {
        let view = w.engine.abuse(&acme).await.expect("views");
        let own = view.penalties.iter().find(|(key, ..)| key.as_ref().map(|k| k.as_str()) == of);
        own.map_or(0, |(_, milli, _)| *milli)
    };
    // A key that is reused for another request: 5 points.
    let (one, other) = (key("same"), Idempotency { digest: [2; 16], ..key("same") });
    run(&w.engine, &acme, &one, Command::Authorize(ask("chat", 1))).await.expect("answers");
    let reused = run(&w.engine, &acme, &other, Command::Authorize(ask("chat", 2))).await;
    assert!(matches!(reused, Err(EngineError::KeyReused(..))), "{reused:?}");
    assert_eq!(milli(None).await, 5_000);
    // A report counts once for its key.
    let (once, twice) = (w.key(), name("twice"));
    for _ in 0..2 {
        w.engine.report(&acme, &once, Misdeed::ForgedWebhook, Some(&twice)).await.expect("notes");
    }
    assert_eq!(milli(Some("twice")).await, 10_000);
    // Refused, and back before the reported instant: 32 may be other workers of the key, the next is a retry. So is a
    // request repeated with its idempotency key, whose answer is remembered.
    w.ask(15_000, "key:k").await;
    for _ in 0..33 {
        w.ask(16_000, "key:k").await;
    }
    assert_eq!(milli(Some("k")).await, 0);
    w.ask(16_000, "key:k").await;
    assert_eq!(milli(Some("k")).await, 1_000);
    let mut again = ask("chat", 16_000);
    again.request.path = "key:k".parse().expect("a path");
    let once = w.key();
    for replayed in [false, true, true] {
        let answer = run(&w.engine, &acme, &once, Command::Authorize(again.clone())).await.expect("answers");
        assert_eq!(answer.replayed, replayed);
    }
    assert_eq!(milli(Some("k")).await, 4_000);
    w.engine.close();
    w.books();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_from_many_networks_is_held_back() {
    let w = world().await;
    open(&w.engine, "acme", "1000").await;
    let from = async |key: &str, source: &str| {
        let source = Some(source.parse::<IpAddr>().expect(source));
        decision(&w.ask_from(1, &format!("key:{key}"), source).await)
    };
    for source in ["10.0.0.1", "10.0.0.2", "10.0.0.200", "::ffff:10.0.0.9", "10.0.1.1"] {
        assert_eq!(from("k", source).await.outcome, Outcome::Allow, "{source}: two networks");
    }
    assert_eq!(from("k", "2001:db8::1").await.outcome, Outcome::Allow, "the third begins the effect");
    assert_eq!(from("k", "10.0.0.1").await.reason, Reason::SharedKey);
    assert_eq!(from("l", "10.0.0.1").await.outcome, Outcome::Allow);
    let view = w.engine.abuse(&name("acme")).await.expect("views");
    let [(effect, _)] = view.effects.as_slice() else { panic!("{view:?}") };
    assert_eq!((effect.figure, effect.reference, effect.limit), (3, 2, 1));
    w.engine.close();
    w.books();
}

/// Two thousand unknown names of keys and users leave no more behind than the bounds allow.
#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_keys_is_one_entry() {
    let w = world().await;
    open(&w.engine, "acme", "1000").await;
    let source = "10.0.0.1".parse().ok();
    for i in 0..2_000 {
        w.ask_from(1, &format!("user:u{i}/key:k{i}"), source).await;
    }
    let windows = w.engine.view(&name("acme"), |ctx| Ok(ctx.account.windows.len())).await.expect("views");
    // The tier `paid` has 1,000 members, and one for all others; the account's own windows come on top.
    assert_eq!(windows, 1_000 + 1 + 3, "rate, velocity, ramp");
    w.engine.close();
    w.books();
}

/// A key that is held back stays so under a flood of others. Keys beyond the bound count for nobody.
#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_keys_displaces_nobody() {
    let w = world().await;
    open(&w.engine, "acme", "1000").await;
    let acme = name("acme");
    let bad = name("bad");
    for _ in 0..2 {
        w.engine.report(&acme, &w.key(), Misdeed::ForgedWebhook, Some(&bad)).await.expect("notes");
    }
    let source = |n: u8| format!("10.0.{n}.1").parse::<IpAddr>().ok();
    // A tier allows two networks. The third comes after hundreds of other keys, each from its own network.
    for n in 0..2 {
        w.ask_from(1, "key:shared", source(n)).await;
    }
    for i in 0..400_u16 {
        let path = format!("key:k{i}");
        w.ask_from(1, &path, format!("10.{}.{}.1", i / 200 + 1, i % 200).parse::<IpAddr>().ok()).await;
        if i % 40 == 0 {
            w.ask_from(1, "key:shared", source(1)).await;
        }
    }
    let view = w.engine.abuse(&acme).await.expect("views");
    assert!(view.effects.is_empty(), "nobody is held back for the networks of others: {:?}", view.effects);
    assert_eq!(
        view.penalties.iter().map(|(key, _, level)| (key.clone(), *level)).next(),
        Some((Some(bad), 1))
    );
    w.ask_from(1, "key:shared", source(2)).await;
    let view = w.engine.abuse(&acme).await.expect("views");
    let held: Vec<_> =
        view.effects.iter().filter_map(|(e, _)| e.key.as_deref().map(|k| k.to_string())).collect();
    assert_eq!(held, ["shared"]);
    w.engine.close();
}

/// A table that adds up the keys beyond the bound would refuse all of them together, and so punish a team.
#[tokio::test(flavor = "multi_thread")]
async fn keys_past_the_number_are_nobody() {
    let w = world().await;
    open(&w.engine, "acme", "1000").await;
    let acme = name("acme");
    for i in 0..500 {
        let key = name(&format!("k{i}"));
        w.engine.report(&acme, &w.key(), Misdeed::InvalidKey, Some(&key)).await.expect("notes");
    }
    let view = w.engine.abuse(&acme).await.expect("views");
    assert_eq!(view.penalties.len(), 64, "bounded");
    assert!(view.penalties.iter().all(|(_, milli, level)| *milli <= 2_000 && *level == 0), "{view:?}");
    w.engine.close();
}

#[tokio::test(flavor = "multi_thread")]
async fn growth_is_served_one_class_lower() {
    let w = world().await;
    open(&w.engine, "acme", "1000").await;
    let class = |answer: &Answer| {
        let Effect::Recorded(record) = &answer.effect else { panic!("{answer:?}") };
        let headworks_core::record::Event::Authorized { terms, .. } = &record.event else {
            panic!("{record:?}")
        };
        terms.capacity.as_ref().expect("in a supply").class.to_string()
    };
    assert_eq!(class(&w.ask_from(700, "", None).await), "default");
    assert_eq!(class(&w.ask_from(1, "", None).await), "slow");
    w.pass(900);
    assert_eq!(class(&w.ask_from(1_000, "", None).await), "default", "half more in the next quarter");
    w.engine.close();
    w.books();
}

async fn open_as(engine: &Engine, account: &str, cluster: Option<&str>) {
    let rank = |cluster| Rank { class: None, cluster: Some(name(cluster)), weight: 1, floor: 0, max: None };
    let rank = cluster.map(rank).map(Box::new).map_or(Setting::Keep, Setting::Set);
    let patch = Patch { plan: Some(name("p")), rank, ..Patch::default() };
    run(engine, &name(account), &key("open"), Command::Open(patch)).await.expect("opens");
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_of_one_identity_have_one_free_grant() {
    let w = world().await;
    for account in ["a1", "a2", "a3"] {
        open_as(&w.engine, account, Some("card-4242")).await;
    }
    open_as(&w.engine, "b1", None).await;
    open_as(&w.engine, "c1", None).await;
    let free = async |account: &str, id: &str, amount: &str| {
        let new = NewGrant::new(amount.parse().expect("credits"), Category::Free);
        run(&w.engine, &name(account), &key(id), Command::Grant(new.clone())).await
    };
    // Both at once: one of them gets the grant.
    let (one, two) = tokio::join!(free("a1", "g", "5"), free("a2", "g", "5"));
    assert_eq!(usize::from(one.is_ok()) + usize::from(two.is_ok()), 1, "{one:?} {two:?}");
    let winner = if one.is_ok() { "a1" } else { "a2" };
    assert!(free(winner, "g", "5").await.expect("the first answer").replayed, "a retry finds its own");
    let third = free("a3", "g", "5").await;
    assert!(matches!(third, Err(EngineError::Refused(Refusal::FreeGrantTooSoon(_)))), "{third:?}");
    // A grant that would be refused anyway uses up nothing; others are within the budget of 12 a day.
    let too_much = free("b1", "g", "7.5").await;
    assert!(matches!(too_much, Err(EngineError::Refused(Refusal::TrialBudgetSpent(..)))), "{too_much:?}");
    free("b1", "h", "7").await.expect("within the budget");
    w.pass(86_400);
    free("c1", "g", "12").await.expect("another day");
    w.pass(89 * 86_400);
    free("a3", "later", "5").await.expect("90 days later");
    // Purchased grants need no claim.
    let bought = NewGrant::new("5".parse().expect("credits"), Category::Purchased);
    run(&w.engine, &name("a3"), &key("bought"), Command::Grant(bought)).await.expect("grants");
    let accounts = wait(w.engine.accounts(None, 100)).expect("lists");
    assert!(accounts.iter().all(|name| !name.as_str().starts_with('_')), "{accounts:?}");
    w.engine.close();
    w.books();
}

/// A change of cluster does not clear claims: neither the account that has claimed nor another of its old cluster
/// gets a second grant.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_cluster_gives_no_second_grant() {
    let w = world().await;
    for account in ["a1", "a2", "a3"] {
        open_as(&w.engine, account, Some("card-1")).await;
    }
    open_as(&w.engine, "b1", Some("card-2")).await;
    open_as(&w.engine, "c1", None).await;
    let free = async |account: &str, id: &str| {
        let new = NewGrant::new("1".parse().expect("credits"), Category::Free);
        run(&w.engine, &name(account), &key(id), Command::Grant(new)).await
    };
    let to = async |account: &str, cluster: &str| {
        let rank = Rank { class: None, cluster: Some(name(cluster)), weight: 1, floor: 0, max: None };
        let patch = Patch { rank: Setting::Set(Box::new(rank)), ..Patch::default() };
        let change = Command::Change { patch, reason: None };
        run(&w.engine, &name(account), &key(cluster), change).await.expect("changes");
    };
    #[track_caller]
    fn too_soon(answer: Result<Answer, EngineError>) {
        assert!(matches!(answer, Err(EngineError::Refused(Refusal::FreeGrantTooSoon(_)))), "{answer:?}");
    }
    free("a1", "g").await.expect("the first");
    to("a1", "card-9").await;
    too_soon(free("a1", "h").await);
    to("a2", "card-9").await;
    too_soon(free("a2", "g").await);
    to("a2", "card-8").await;
    too_soon(free("a2", "h").await);
    free("b1", "g").await.expect("another identity");
    // The account's own claim counts too: an account by itself, which is then put into a cluster.
    free("c1", "g").await.expect("its own");
    to("c1", "card-7").await;
    too_soon(free("c1", "h").await);
    w.pass(91 * 86_400);
    free("a2", "later").await.expect("after the period");
    w.engine.close();
    w.books();
}

/// A budget counts one unit and no others; a refusal names the unit.
#[tokio::test(flavor = "multi_thread")]
async fn a_trial_budget_counts_one_unit() {
    let w = world().await;
    let text = CATALOG
        .replace("version = \"abuse\"", "version = \"units\"")
        .replace("[supplies.gpu]", "[features.art]\nmeters = [\"tokens\"]\nrate_card = \"card\"\ncredit_unit = \"coins\"\n[supplies.gpu]")
        .replace("{ feature = \"chat\",", "{ feature = \"art\", credits = { tokens = \"1\" } }, { feature = \"chat\",")
        .replace("trial_budget = \"12\"", "trial_budget = { credits = \"12\", coins = \"500\" }");
    w.engine.put_catalog(&text, (&key("units"), None)).await.expect("stores").expect("accepts");
    for n in 0..6 {
        open_as(&w.engine, &format!("a{n}"), None).await;
    }
    let free = async |account: &str, amount: &str, unit: &str| {
        let new = NewGrant::new(amount.parse().expect("credits"), Category::Free);
        let new = NewGrant { unit: Some(name(unit)), ..new };
        run(&w.engine, &name(account), &key("g"), Command::Grant(new)).await.map(drop)
    };
    free("a0", "495", "coins").await.expect("coins");
    free("a1", "12", "credits").await.expect("credits");
    free("a2", "5", "coins").await.expect("to the last");
    for unit in ["coins", "credits"] {
        let spent = free("a3", "0.1", unit).await.expect_err("spent").to_string();
        assert!(spent.contains(&format!("free {unit} of this day")), "{spent}");
    }
    // Raising one by hand is no way around the budget; lowering it needs none.
    let grant = w.engine.view(&name("a2"), |ctx| Ok(ctx.account.grants.first().map(|g| g.id))).await;
    let grant = grant.expect("reads").expect("a grant");
    let adjust = async |key_of: &str, by: &str| {
        let ask = Adjust { grant, by: by.parse().expect("credits"), as_debt: false, reason: None };
        run(&w.engine, &name("a2"), &key(key_of), Command::Adjust(ask)).await.map(drop)
    };
    let spent = adjust("up", "1").await.expect_err("spent").to_string();
    assert!(spent.contains("free coins of this day"), "{spent}");
    adjust("down", "-1").await.expect("lowers");
    assert_eq!(w.engine.trial_budget_used(Some(&name("coins"))).await.expect("reads").to_string(), "500");
    assert_eq!(w.engine.trial_budget_used(None).await.expect("reads").to_string(), "12");
    w.engine.close();
    w.books();
}

/// The server's own logs sort between accounts with capital letters and all
/// others: a page full of them is not the end.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_accounts_goes_past_the_logs_of_identities() {
    let w = world().await;
    let mut all = vec![name("A1")];
    for i in 0..5 {
        all.push(name(&format!("a{i}")));
    }
    for account in &all {
        open_as(&w.engine, account.as_str(), None).await;
        let new = NewGrant::new("1".parse().expect("credits"), Category::Free);
        run(&w.engine, account, &key("g"), Command::Grant(new)).await.expect("grants");
    }
    // Including the account that the world starts with.
    let whole = wait(w.engine.accounts(None, 100)).expect("lists");
    assert!(all.iter().all(|name| whole.contains(name)), "{whole:?}");
    for max in 1..=4 {
        let (mut pages, mut after) = (Vec::new(), None);
        loop {
            let page = wait(w.engine.accounts(after.as_ref(), max)).expect("lists");
            let Some(last) = page.last() else { break };
            after = Some(last.clone());
            pages.extend(page);
        }
        assert_eq!(pages, whole, "in pages of {max}");
    }
    w.engine.close();
}

/// The budget and the identity are claimed, but the grant itself is never stored: the retry finds both claims.
#[tokio::test(flavor = "multi_thread")]
async fn a_claim_outlives_a_crash() {
    let store = Failing::store();
    let w = world_over(store.clone()).await;
    open_as(&w.engine, "a1", Some("card-4242")).await;
    let new = NewGrant::new("12".parse().expect("credits"), Category::Free);
    let free =
        async |w: &World, id: &str| run(&w.engine, &name("a1"), &key(id), Command::Grant(new.clone())).await;
    store.faults.fail_after(2);
    let lost = free(&w, "g").await;
    assert!(matches!(lost, Err(EngineError::Stopped)), "{lost:?}");
    store.faults.mend();
    let engine = Engine::start(Arc::clone(&w.store), catalog(), Arc::clone(&w.clock), Limits::default());
    let w = World { engine: engine.expect("starts"), ..w };
    assert_eq!(w.engine.trial_budget_used(None).await.expect("reads").to_string(), "12");
    let other = free(&w, "h").await;
    assert!(matches!(other, Err(EngineError::Refused(_))), "the budget and the identity are used: {other:?}");
    assert!(!free(&w, "g").await.expect("grants").replayed);
    assert!(free(&w, "g").await.expect("the first answer").replayed);
    assert_eq!(w.engine.trial_budget_used(None).await.expect("reads").to_string(), "12");
    w.engine.close();
    w.books();
}
