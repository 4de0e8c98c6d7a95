//! Repricing: what the dry run reports is what the run does.

use std::collections::BTreeMap;
use std::sync::Arc;

use headworks_core::command::{Adjust, Command, Correct, NewGrant, Patch};
use headworks_core::record::{Category, Credits, Event, GrantId, HoldId, Instant, Name, Record, Seq, Span};
use headworks_core::waterfall::{Authorize, Quantities, Refusal, Request};
use headworks_engine::{Difference, Engine, EngineError, Reprice, Repriced};
use headworks_store::{Memory, Store, wait};
use proptest::prelude::*;

use crate::{key, name, run, start};

/// The features differ in what becomes of a price that nobody pays. That of the last one stays.
const FEATURES: [(&str, &str); 6] = [
    ("rejected", "\"reject\""),
    ("covered", "\"refund\""),
    ("owed", "\"debt\""),
    ("owed_little", "{ debt = \"7\" }"),
    ("climbing", "\"refund\""),
    ("fixed", "\"reject\""),
];

const STEPS: &str =
    ", graduated = { tokens = { every = \"month\", steps = [{ above = 10, credits = \"0.5\" }] } }";

/// The catalog of a version, with a price of a token, and the steps of what climbs.
fn catalog((version, price): (u32, &str), steps: &str) -> String {
    let (mut features, mut prices) = (String::new(), String::new());
    for (feature, overshoot) in FEATURES {
        features += &format!(
            "[features.{feature}]\nmeters = [\"tokens\"]\nallowance_unit = \"credits\"\nrate_card = \"card\"\n\
             overshoot = {overshoot}\nhold = {{ expiry_charges = [\"tokens\"] }}\n"
        );
        let price = if feature == "fixed" { "1" } else { price };
        let steps = if feature == "climbing" { steps } else { "" };
        prices += &format!("{{ feature = \"{feature}\", credits = {{ tokens = \"{price}\" }}{steps} }},\n");
    }
    format!(
        "version = \"t{version}\"\n[meters]\ntokens = {{ unit = \"token\" }}\n{features}\
         [[rate_cards.card]]\neffective_from = \"2020-01-01T00:00:00Z\"\nprices = [\n{prices}]\n\
         [plans.p]\nwaterfall = [\n\
         {{ allowance = {{ name = \"included\", features = [\"covered\", \"rejected\"], \
         windows = [{{ name = \"daily\", window.fixed = {{ limit = \"5\", every = \"day\" }} }}] }} }},\n\
         {{ grants = {{ name = \"credits\" }} }},\n{{ overdraft = {{ name = \"overdraft\", limit = \"20\" }} }},\n]\n"
    )
}

#[derive(Clone, Debug)]
enum Act {
    Grant(u32, bool),
    Take(usize, u32),
    Record(usize, u32),
    Hold(usize, u32),
    Settle(usize, u32),
    Refund(usize, Option<u32>),
    Correct(usize, u32),
    Wait(u32),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let feature = 0..FEATURES.len();
    let act = prop_oneof![
        2 => (1..40_u32, any::<bool>()).prop_map(|(amount, ends)| Act::Grant(amount, ends)),
        1 => (any::<usize>(), 1..20_u32).prop_map(|(grant, by)| Act::Take(grant, by)),
        6 => (feature.clone(), 0..12_u32).prop_map(|(feature, n)| Act::Record(feature, n)),
        3 => (feature, 1..12_u32).prop_map(|(feature, n)| Act::Hold(feature, n)),
        2 => (any::<usize>(), 0..12_u32).prop_map(|(hold, n)| Act::Settle(hold, n)),
        1 => (any::<usize>(), proptest::option::of(1..5_u32)).prop_map(|(charge, n)| Act::Refund(charge, n)),
        1 => (any::<usize>(), 0..12_u32).prop_map(|(charge, n)| Act::Correct(charge, n)),
        1 => (1..3_000_000_u32).prop_map(Act::Wait),
    ];
    proptest::collection::vec(act, 1..30)
}

fn tokens(n: u32) -> Quantities {
    [(name("tokens"), u64::from(n))].into_iter().collect()
}

fn credits(n: u32) -> Credits {
    n.to_string().parse().expect("credits")
}

fn log(store: &dyn Store, account: &Name) -> Vec<Record> {
    let stored = wait(store.read(account, 1, usize::MAX)).expect("reads");
    stored.iter().map(|stored| stored.record().expect("a record")).collect()
}

/// One of the records that `find` likes.
fn pick(log: &[Record], which: usize, find: impl Fn(&Record) -> bool) -> Option<Seq> {
    let found: Vec<Seq> = log.iter().filter(|r| find(r)).map(|r| r.seq).collect();
    (!found.is_empty()).then(|| found[which % found.len()])
}

fn command(act: &Act, log: &[Record], now: Instant) -> Option<Command> {
    let request = |feature: usize, n| Request::new(name(FEATURES[feature].0), tokens(n));
    Some(match *act {
        Act::Grant(amount, ends) => {
            let expires_at = ends.then(|| now.after(Span::from_secs(1_000_000)));
            Command::Grant(NewGrant { expires_at, ..NewGrant::new(credits(amount), Category::Purchased) })
        }
        Act::Take(which, by) => {
            let grant = GrantId(pick(log, which, |r| matches!(r.event, Event::Granted))?);
            let by = Credits::ZERO.checked_sub(credits(by))?;
            Command::Adjust(Adjust { grant, by, as_debt: false, reason: None })
        }
        Act::Record(feature, n) => Command::Record { request: request(feature, n), at: None },
        Act::Hold(feature, n) => Command::Authorize(Authorize::new(request(feature, n))),
        Act::Settle(which, n) => {
            let hold = pick(log, which, |r| matches!(r.event, Event::Authorized { .. }))?;
            Command::settle(HoldId(hold), tokens(n))
        }
        Act::Refund(which, amount) => {
            let charge = pick(log, which, |r| r.charge().is_some())?;
            Command::Refund { charge, amount: amount.map(credits), reason: None }
        }
        Act::Correct(which, n) => {
            let charge = pick(log, which, |r| r.charge().is_some())?;
            let to = Correct::To { quantities: tokens(n), dimensions: None, more: None, reprice: false };
            Command::Correct { charge, to, reason: None }
        }
        Act::Wait(_) => return None,
    })
}

fn asked(apply: bool, records_max: u64) -> Reprice {
    Reprice {
        from: Instant::from_micros(0),
        to: Instant::NEVER,
        features: Vec::new(),
        accounts: Vec::new(),
        apply,
        after: None,
        records_max,
        reason: None,
    }
}

/// All parts of a run.
async fn reprice(engine: &Engine, apply: bool, records_max: u64) -> Repriced {
    let (mut all, mut ask) = (Repriced::default(), asked(apply, records_max));
    loop {
        let part = engine.reprice(&ask, None).await.expect("reprices");
        (all.charges, all.refunded) = (all.charges + part.charges, all.refunded + part.refunded);
        for (of, part) in part.accounts {
            let sum = all.accounts.entry(of).or_default();
            (sum.changed, sum.was, sum.is) =
                (sum.changed + part.changed, sum.was + part.was, sum.is + part.is);
        }
        all.refused.extend(part.refused);
        match part.next {
            Some(next) => ask.after = Some(next),
            None => return all,
        }
    }
}

/// What the log says that a run has changed: the corrections after a record.
fn changed(log: &[Record], after: Seq) -> Difference {
    let price = |record: &Record| record.charge().map_or(0, |charge| i128::from(charge.price.nano()));
    let mut sum = Difference::default();
    for record in log.iter().filter(|record| record.seq > after) {
        let Event::Corrected { correcting, .. } = &record.event else { continue };
        let was = log.iter().find(|r| r.seq == correcting.charge).expect("a charge");
        sum = Difference { changed: sum.changed + 1, was: sum.was + price(was), is: sum.is + price(record) };
    }
    sum
}

/// Accounts with a history each, when the price of a token changes.
async fn history(accounts: &[Vec<Act>], before: &str, steps: &str) -> (Arc<dyn Store>, Arc<Engine>) {
    let store: Arc<dyn Store> = Arc::new(Memory::new());
    let engine = start(Arc::clone(&store));
    let text = catalog((1, before), steps);
    engine.put_catalog(&text, (&key("c1"), None)).await.expect("stores").expect("accepts");
    for (n, acts) in accounts.iter().enumerate() {
        let account = name(&format!("a{n}"));
        let open = Patch { plan: Some(name("p")), ..Patch::default() };
        run(&engine, &account, &key("open"), Command::Open(open)).await.expect("opens");
        for (n, act) in acts.iter().enumerate() {
            if let Act::Wait(seconds) = act {
                engine.clock().advance(Span::from_secs(u64::from(*seconds)));
            }
            let Some(command) = command(act, &log(&*store, &account), engine.clock().now()) else { continue };
            match run(&engine, &account, &key(&format!("k{n}")), command).await {
                Ok(_) | Err(EngineError::Refused(_)) => {}
                Err(e) => panic!("{act:?}: {e}"),
            }
        }
    }
    (store, engine)
}

type Outcome = (u64, u64, BTreeMap<(Name, Option<Name>), Difference>, Vec<(Name, Seq, Refusal)>);

fn outcome(done: Repriced) -> Outcome {
    (done.charges, done.refunded, done.accounts, done.refused)
}

fn check(accounts: &[Vec<Act>], prices: [&str; 2], steps: [&str; 2], records_max: u64) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().expect("starts");
    runtime.block_on(async {
        let (store, engine) = history(accounts, prices[0], steps[0]).await;
        let text = catalog((2, prices[1]), steps[1]);
        engine.put_catalog(&text, (&key("c2"), None)).await.expect("stores").expect("accepts");
        let names: Vec<Name> = (0..accounts.len()).map(|n| name(&format!("a{n}"))).collect();
        let end = |account| log(&*store, account).last().map_or(0, |record| record.seq);
        let before: Vec<Seq> = names.iter().map(end).collect();
        let dry = outcome(reprice(&engine, false, records_max).await);
        let still: Vec<Seq> = names.iter().map(end).collect();
        assert_eq!(before, still, "a dry run writes nothing");
        let done = outcome(reprice(&engine, true, records_max).await);
        assert_eq!(dry, done);
        for (account, before) in names.iter().zip(before) {
            let shown = dry.2.get(&(account.clone(), None)).copied().unwrap_or_default();
            assert_eq!(shown, changed(&log(&*store, account), before), "{account}");
        }
        engine.close();
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// A charge that nobody would pay, one that is covered, and one that is owed are shown as they are run.
    #[test]
    fn a_run_does_what_was_shown(
        accounts in proptest::collection::vec(acts(), 1..3),
        after in prop::sample::select(vec!["0.4", "1.5", "3", "9"]),
        climbs in any::<[bool; 2]>(),
        records_max in prop::sample::select(vec![1, 20, 100_000]),
    ) {
        let steps = climbs.map(|climbs| if climbs { STEPS } else { "" });
        check(&accounts, ["1", after], steps, records_max);
    }
}

/// Of two charges that would cost more, the balance pays one: the dry run knows which.
#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_would_pay_is_shown() {
    let acts = [Act::Grant(16, false), Act::Record(0, 6), Act::Record(0, 6), Act::Record(5, 5)];
    let (_, engine) = history(&[acts.to_vec()], "1", "").await;
    let text = catalog((2, "4"), "");
    engine.put_catalog(&text, (&key("c2"), None)).await.expect("stores").expect("accepts");
    // 16 were granted, 5 are included, and 20 may be overdrawn: of these 41, 17 have been used. One more charge of 24 takes 18
    // more, a second one would take as many.
    for apply in [false, true] {
        let done = engine.reprice(&asked(apply, 100_000), None).await.expect("reprices");
        let [(_, seq, refusal)] = &done.refused[..] else { panic!("{:?}", done.refused) };
        assert_eq!((*seq, done.charges), (4, 3), "apply: {apply}");
        assert!(matches!(refusal, Refusal::NobodyPays(..)), "{refusal:?}");
        let difference = done.accounts[&(name("a0"), None)];
        assert_eq!((difference.changed, difference.was, difference.is), (1, 6_000_000_000, 24_000_000_000));
    }
}
