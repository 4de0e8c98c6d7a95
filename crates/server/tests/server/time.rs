//! Time over HTTP: the test clock, and a machine's clock that jumps.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use headworks_core::catalog::{Catalog, Format};
use headworks_core::record::{Instant, Span};
use headworks_engine::{Clock, Engine, Limits, Reading};
use headworks_server::{ServeError, ServeOptions, serve};
use headworks_store::Memory;
use headworks_wire::Scope;
use serde_json::json;

use crate::common::{CATALOG, Reply, Server, key};
use crate::supplies::with_supplies;

const BEGIN: &str = "2026-03-01T00:00:00Z";

async fn advance(s: &Server, body: serde_json::Value) -> Reply {
    s.call("POST", "/v1/test-clock/advance", "", &body.to_string()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_month_passes_in_one_call() {
    let s = Server::start_at(Arc::new(Memory::new()), BEGIN).await;
    s.open("acme", "5").await;
    let monthly =
        json!({"amount": "10", "category": "contract", "recurrence": {"every": "month"}}).to_string();
    assert_eq!(s.call("POST", "/v1/accounts/acme/grants", "m", &monthly).await.status, 200);
    let ask = json!({"account": "acme", "feature": "chat", "dimensions": {"model": "m"}, "quantities": {"tokens": 4},
        "life": "60s"});
    let held = s.call("POST", "/v1/authorize", "a", &ask.to_string()).await.body;
    assert_eq!(held["hold"]["expires_at"], "2026-03-01T00:01:00.000003Z", "{held}");
    assert_eq!(s.balances("acme").await["available"], "11");

    let moved = advance(&s, json!({"by": "90s"})).await;
    assert_eq!((moved.status, &moved.body), (200, &json!({"now": "2026-03-01T00:01:30Z"})));
    assert_eq!(s.balances("acme").await["available"], "15", "the hold has ended");
    let moved = advance(&s, json!({"to": "2026-04-01T00:00:00Z"})).await;
    assert_eq!(moved.body, json!({"now": "2026-04-01T00:00:00Z"}));
    assert_eq!(s.call("GET", "/v1/test-clock", "", "").await.body, moved.body);
    // Without another request: the records are there, each of its own instant.
    let records = s.call("GET", "/v1/accounts/acme/records?from=5&max=10", "", "").await.body;
    let happened: Vec<_> = records["records"]
        .as_array()
        .expect("records")
        .iter()
        .map(|r| (r["kind"].as_str().unwrap_or(""), r["recorded_at"].as_str().unwrap_or("")))
        .collect();
    assert_eq!(
        happened,
        [
            ("hold_expired", "2026-03-01T00:01:00.000003Z"),
            ("grant_expired", "2026-04-01T00:00:00Z"),
            ("renewed", "2026-04-01T00:00:00.000001Z"),
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_test_clock_is_marked_and_guarded() {
    let s = Server::start_at(Arc::new(Memory::new()), BEGIN).await;
    for (path, status) in [("/readyz", 200), ("/v1/nowhere", 404), ("/v1/catalog", 200)] {
        let reply = s.call("GET", path, "", "").await;
        assert_eq!(reply.status, status, "{path}");
        assert!(
            reply.head.contains("\r\nheadworks-test-clock: 2026-03-01t00:00:00z"),
            "{path}: {}",
            reply.head
        );
    }
    for (body, problem, says) in [
        (json!({}), "invalid_request", "give either `to`"),
        (json!({"to": "2026-03-02T00:00:00Z", "by": "1s"}), "invalid_request", "give either `to`"),
        (json!({"to": "2026-02-28T00:00:00Z"}), "invalid_request", "never goes back"),
        (json!({"to": "2036-04-01T00:00:00Z"}), "invalid_request", "3660 days at once"),
    ] {
        let reply = advance(&s, body.clone()).await;
        assert_eq!((reply.status, reply.problem()), (422, problem), "{body}");
        assert!(reply.body["detail"].as_str().is_some_and(|d| d.contains(says)), "{}", reply.body);
    }
    let reader = key(&s.engine, &[Scope::Read, Scope::Decide, Scope::Record], &[]).await;
    let auth = format!("Authorization: Bearer {reader}\r\n");
    for (method, path, body) in
        [("GET", "/v1/test-clock", &b""[..]), ("POST", "/v1/test-clock/advance", br#"{"by":"1s"}"#)]
    {
        let reply = s.raw(method, path, &auth, body).await;
        assert_eq!((reply.status, reply.problem()), (403, "wrong_scope"), "{path}");
    }
    assert_eq!(s.call("GET", "/v1/test-clock", "", "").await.body, json!({"now": BEGIN}));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_a_test_clock_says_how_to_start_one() {
    let s = Server::start().await;
    let replies = [s.call("GET", "/v1/test-clock", "", "").await, advance(&s, json!({"by": "1s"})).await];
    for reply in replies {
        assert_eq!((reply.status, reply.problem()), (404, "no_test_clock"));
        assert!(reply.body["detail"].as_str().is_some_and(|d| d.contains("--test-clock")), "{}", reply.body);
        assert!(!reply.head.contains("headworks-test-clock"), "{}", reply.head);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_clock_is_served_on_loopback_alone() {
    let catalog = Catalog::parse(CATALOG, Format::Toml).unwrap_or_else(|e| panic!("{e}"));
    let clock = Arc::new(Clock::test(BEGIN.parse().expect("an instant")));
    let engine = Engine::start(Arc::new(Memory::new()), catalog, clock, Limits::default()).expect("starts");
    let listen = SocketAddr::from(([0, 0, 0, 0], 0));
    let refused = serve(Arc::clone(&engine), ServeOptions { listen, ..ServeOptions::default() }).await;
    assert!(matches!(refused, Err(ServeError::TestClockBeyondLoopback(_))), "{refused:?}");
    engine.close();
}

/// The clock stands, but the caller waits in its own time.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_for_a_clock_that_stands() {
    let s = Server::start_at(Arc::new(Memory::new()), BEGIN).await;
    assert_eq!(s.call("PUT", "/v1/catalog", "c", &with_supplies()).await.status, 200);
    s.open("acme", "100").await;
    let ask = json!({"account": "acme", "feature": "chat", "dimensions": {"model": "m"}, "quantities": {"tokens": 1},
        "max_wait": "50ms"})
    .to_string();
    for k in ["1", "2"] {
        assert_eq!(s.call("POST", "/v1/authorize", k, &ask).await.body["outcome"], "allow");
    }
    let waited =
        tokio::time::timeout(Duration::from_secs(20), s.call("POST", "/v1/authorize", "3", &ask)).await;
    assert_eq!(waited.expect("an answer").body["outcome"], "wait");
    // Room that holds leave when they end is there at once.
    assert_eq!(advance(&s, json!({"by": "61s"})).await.status, 200);
    assert_eq!(s.call("POST", "/v1/authorize", "4", &ask).await.body["outcome"], "allow");
}

/// Who waits for room is let in when the clock comes to the end of the hold that has it.
#[tokio::test(flavor = "multi_thread")]
async fn a_waiter_is_let_in_by_an_advance() {
    let s = Arc::new(Server::start_at(Arc::new(Memory::new()), BEGIN).await);
    assert_eq!(s.call("PUT", "/v1/catalog", "c", &with_supplies()).await.status, 200);
    s.open("acme", "100").await;
    let ask = |max_wait: &str| {
        json!({"account": "acme", "feature": "chat", "dimensions": {"model": "m"}, "quantities": {"tokens": 1},
            "life": "10s", "max_wait": max_wait})
        .to_string()
    };
    for k in ["1", "2"] {
        assert_eq!(s.call("POST", "/v1/authorize", k, &ask("0s")).await.body["outcome"], "allow");
    }
    let (waiter, patient) = (Arc::clone(&s), ask("20s"));
    let waits = tokio::spawn(async move { waiter.call("POST", "/v1/authorize", "3", &patient).await.body });
    while s.call("GET", "/v1/supplies/large", "", "").await.body["waiting"] != 1 {}
    assert_eq!(advance(&s, json!({"by": "11s"})).await.status, 200);
    let let_in = waits.await.expect("an answer");
    assert_eq!(let_in["outcome"], "allow", "{let_in}");
}

/// One catalog follows another, though the clock stands.
#[tokio::test(flavor = "multi_thread")]
async fn catalogs_follow_each_other_at_one_instant() {
    let s = Server::start_at(Arc::new(Memory::new()), BEGIN).await;
    for version in ["a", "b", "a"] {
        let catalog = CATALOG.replace(r#"version = "t""#, &format!("version = \"{version}\""));
        assert_eq!(s.call("PUT", "/v1/catalog", "", &catalog).await.status, 200, "{version}");
        assert_eq!(s.engine.catalog().version.as_str(), version);
    }
}

/// A jump of the wall by more than a day: nothing is decided until it is right again.
#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumped_stops_decisions() {
    let noon: Instant = "2026-06-01T12:00:00Z".parse().expect("an instant");
    let machine = Arc::new(Mutex::new(Reading { wall: noon, monotonic: Span::ZERO }));
    let shown = Arc::clone(&machine);
    let s = Server::start_by(Clock::reading(move || *shown.lock().expect("a lock"))).await;
    s.open("acme", "10").await;
    let ask = json!({"account": "acme", "feature": "chat", "dimensions": {"model": "m"}, "quantities": {"tokens": 1}})
        .to_string();
    let set = |wall: Instant| machine.lock().expect("a lock").wall = wall;
    set(noon.after(Span::from_secs(25 * 3_600)));
    for (method, path, body) in
        [("POST", "/v1/authorize", &*ask), ("POST", "/v1/check", &*ask), ("GET", "/readyz", "")]
    {
        let reply = s.call(method, path, "k", body).await;
        assert_eq!((reply.status, reply.problem()), (503, "clock_jumped"), "{path}");
        let detail = reply.body["detail"].as_str().unwrap_or("");
        assert!(detail.contains("2026-06-02T13:00:00Z") && detail.contains("--accept-clock"), "{detail}");
    }
    assert_eq!(s.balances("acme").await["available"], "10", "reading goes on");
    set(noon);
    assert_eq!(s.call("GET", "/readyz", "", "").await.status, 200);
    assert_eq!(s.call("POST", "/v1/authorize", "k", &ask).await.body["outcome"], "allow");
}
