//! Incidents, part by part: each account is in one part, and interrupted runs are sent again.

use std::future::Future as _;
use std::sync::Arc;

use headworks_core::catalog::{Catalog, Format};
use headworks_core::command::{Command, Correct, NewGrant};
use headworks_core::record::{
    AuditEntry, AuditKind, AuditOutcome, Category, Charge, Incident, Instant, Label, Name, Record, Seq, Span,
};
use headworks_core::waterfall::Authorize;
use headworks_engine::{Clock, Engine, IncidentAsk, IncidentDone, Limits, Used};
use headworks_store::{Memory, Store};

use crate::{CATALOG, ask, hold_of, key, name, open, run, start};

fn gift() -> IncidentAsk {
    IncidentAsk {
        key: key("incident gift"),
        cause: Label::new("sorry").expect("label"),
        act: Command::Grant(NewGrant::new("5".parse().expect("credits"), Category::Promotional)),
        redeems: false,
        accounts: Vec::new(),
        plans: vec![name("p")],
        used: None,
        after: None,
        accounts_max: 3,
        records_max: 100_000,
    }
}

fn entry(at: Instant) -> AuditEntry {
    AuditEntry {
        kind: AuditKind::Administration,
        outcome: AuditOutcome::Granted,
        key: None,
        network: None,
        call: None,
        account: None,
        count: 1,
        first_at: at,
        last_at: at,
        incident: Some(Incident { id: name("gift"), cause: Label::new("sorry").expect("label") }),
    }
}

async fn part(engine: &Engine, ask: &IncidentAsk) -> IncidentDone {
    engine.run_incident(ask, entry(engine.clock().now()), None).await.expect("runs")
}

/// All parts of a run: their accounts, how many had the act before, and where each went on.
async fn whole(engine: &Engine, ask: &IncidentAsk) -> (Vec<Vec<Name>>, u64, Vec<Option<(Name, Seq)>>) {
    let (mut parts, mut before, mut places) = (Vec::new(), 0, Vec::new());
    let mut ask = ask.clone();
    loop {
        let done = part(engine, &ask).await;
        assert!(done.skipped.is_empty());
        parts.push(done.done);
        before += done.before;
        places.push(done.next.clone());
        match done.next {
            None => return (parts, before, places),
            next => ask.after = next,
        }
    }
}

async fn credits(engine: &Engine, account: &str) -> String {
    let free = engine.view(&name(account), |ctx| Ok(ctx.account.available(ctx.now, None))).await;
    free.expect("there").to_string()
}

#[tokio::test]
async fn an_incident_is_done_once_for_each_account() {
    let store: Arc<dyn Store> = Arc::new(Memory::new());
    let engine = start(Arc::clone(&store));
    let accounts = ["a", "b", "c", "d", "e", "f", "g"];
    for account in accounts {
        open(&engine, account, "1").await;
    }
    // One is done by itself, and another run ends at once, in the middle of a part.
    let first = IncidentAsk { accounts: vec![name("d")], ..gift() };
    assert_eq!(part(&engine, &first).await.done, [name("d")]);
    for _ in 0..5 {
        let ask = gift();
        let mut cut = std::pin::pin!(engine.run_incident(&ask, entry(engine.clock().now()), None));
        let once = std::future::poll_fn(|cx| {
            let _ = cut.as_mut().poll(cx);
            std::task::Poll::Ready(())
        });
        once.await;
    }
    whole(&engine, &gift()).await;
    for account in accounts {
        assert_eq!(credits(&engine, account).await, "6", "{account}");
    }
    engine.close();
    let engine = start(store);
    let (parts, before, places) = whole(&engine, &gift()).await;
    assert_eq!((parts.concat(), before), (Vec::new(), 7));
    // Seven accounts are parts of three, each account in one of them.
    assert_eq!(places, [Some((name("d"), 0)), Some((name("g"), 0)), None]);
    assert_eq!(credits(&engine, "g").await, "6");
    engine.close();
}

#[tokio::test]
async fn a_long_log_is_searched_in_several_parts() {
    let engine = start(Arc::new(Memory::new()));
    for account in ["a", "b", "c"] {
        open(&engine, account, "1").await;
    }
    // Use before the time, then 2,498 records of other things in it, then the use.
    let chat = || Command::Authorize(Authorize { settle_now: true, ..ask("chat", 1) });
    run(&engine, &name("b"), &key("early"), chat()).await.expect("answers");
    engine.clock().advance(Span::from_secs(60));
    let from = engine.clock().now();
    for n in 0..2_498 {
        let other = Command::Dispute { reason: None };
        run(&engine, &name("a"), &key(&format!("other {n}")), other).await.expect("records");
    }
    run(&engine, &name("a"), &key("late"), chat()).await.expect("answers");
    let to = Instant::NEVER;
    let used = Some(Used { features: vec![name("chat")], from, to });
    let (parts, _, places) = whole(&engine, &IncidentAsk { used, records_max: 1_000, ..gift() }).await;
    // Two records open each account, so those of the time begin with the third.
    let a = |seq| Some((name("a"), seq));
    assert_eq!(places, [a(1_002), a(2_002), None]);
    assert_eq!(parts, [vec![], vec![], vec![name("a")]]);
    engine.close();
}

/// What closes a period of graduated prices is charged in the period's last instant, and is no use of that instant.
#[tokio::test]
async fn the_close_of_a_graduated_period_is_no_use() {
    let at = |text: &str| -> Instant { text.parse().expect(text) };
    // A token costs 10, above 100 a month 8.
    let text = CATALOG.replace(
        "credits = { tokens = \"1\" }",
        "credits = { tokens = \"10\" }, graduated = { tokens = { every = \"month\", steps = [{ above = 100, credits = \"8\" }] } }",
    );
    let catalog = Catalog::parse(&text, Format::Toml).unwrap_or_else(|e| panic!("{e}"));
    let (begins, noon) = (at("2026-03-01T00:00:00Z"), at("2026-03-31T12:00:00Z"));
    let store: Arc<dyn Store> = Arc::new(Memory::new());
    let engine =
        Engine::start(store, catalog, Arc::new(Clock::test(begins)), Limits::default()).expect("starts");
    engine.begin_test_clock(begins).await.expect("begins");
    let (early, late) = (name("early"), name("late"));
    let chat = |tokens| Command::Authorize(Authorize { settle_now: true, ..ask("chat", tokens) });
    for account in [&early, &late] {
        open(&engine, account.as_str(), "10000").await;
        let first = run(&engine, account, &key("first"), chat(100)).await.expect("answers");
        run(&engine, account, &key("second"), chat(1)).await.expect("answers");
        // 50 at 10 and 1 at 8 are charged, 51 at 10 are due: the close charges 2.
        let quantities = [(name("tokens"), 50)].into_iter().collect();
        let to = Correct::To { quantities, dimensions: None, more: None, reprice: false };
        let correct = Command::Correct { charge: hold_of(&first).0, to, reason: None };
        run(&engine, account, &key("correct"), correct).await.expect("corrects");
    }
    engine.advance_to(noon).await.expect("moves");
    run(&engine, &late, &key("in time"), chat(1)).await.expect("answers");
    engine.advance_to(at("2026-04-02T00:00:00Z")).await.expect("moves");
    for account in [&early, &late] {
        let log = engine.records(account, 1, 100).await.expect("reads");
        let log: Vec<Record> = log.iter().map(|r| Record::from_bytes(&r.bytes).expect("a record")).collect();
        let closes: Vec<(String, Instant)> = log
            .iter()
            .filter(|r| r.charge().is_some_and(Charge::closes))
            .map(|r| (r.charge().expect("a charge").price.to_string(), r.effective_at))
            .collect();
        assert_eq!(closes, [("2".to_owned(), at("2026-03-31T23:59:59.999999Z"))], "{account}");
    }
    let used = Some(Used { features: Vec::new(), from: noon, to: at("2026-04-02T00:00:00Z") });
    let done = part(&engine, &IncidentAsk { used, ..gift() }).await;
    assert_eq!(done.done, [late]);
    engine.close();
}
