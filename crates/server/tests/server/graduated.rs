//! Graduated prices over HTTP: positions in answers, volumes in windows, the close on the statement.

use std::sync::Arc;

use headworks_store::Memory;
use serde_json::json;

use crate::common::{Server, post};

/// A token costs 10, above 100 a month 8.
const CATALOG: &str = r#"
version = "t1"
default_plan = "p"
[meters]
tokens = { unit = "token" }
[features.chat]
meters = ["tokens"]
rate_card = "card"
[[rate_cards.card]]
effective_from = "2020-01-01T00:00:00Z"
prices = [{ feature = "chat", credits = { tokens = "10" }, graduated = { tokens = { every = "month", steps = [{ above = 100, credits = "8" }] } } }]
[plans.p]
features = ["chat"]
waterfall = [{ grants = { name = "credits" } }]
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_month_comes_to_the_price_of_its_units() {
    let s = Server::start_at(Arc::new(Memory::new()), "2026-03-01T00:00:00Z").await;
    assert_eq!(s.call("PUT", "/v1/catalog", "c1", CATALOG).await.status, 200);
    s.open("acme", "10000").await;
    let chat = |n: u64, settle: &str| json!({"account": "acme", "feature": "chat", "quantities": {"tokens": n}, "settle": settle});
    let first = post(&s, "/v1/authorize", "a1", chat(90, "now")).await;
    let line = &first["usage"]["lines"][0];
    let graduated = json!({
        "volume": "chat.tokens", "from": "2026-03-01T00:00:00Z", "until": "2026-04-01T00:00:00Z", "position": 0,
        "steps": [{"above": 100, "unit_price": "8"}],
    });
    assert_eq!(
        (&first["price"], &line["amount"], &line["graduated"]),
        (&json!("900"), &json!("900"), &graduated)
    );
    let held = post(&s, "/v1/authorize", "a2", chat(20, "later")).await;
    assert_eq!(held["price"], "180", "10 × 10 + 10 × 8");
    let held = post(&s, "/v1/authorize", "a3", chat(20, "later")).await;
    let line = &held["usage"]["lines"][0]["graduated"];
    assert_eq!((&line["position"], &line["position_max"]), (&json!(90), &json!(110)));
    let windows = s.call("GET", "/v1/accounts/acme/windows", "", "").await.body;
    let volume = &windows["volumes"][0];
    assert_eq!(
        (&volume["name"], &volume["used"], &volume["held"]),
        (&json!("chat.tokens"), &json!(90), &json!(40))
    );

    // 30 of the 90 did not happen. Where they stood they cost 10; the month has 60 units, all at 10: nothing is due.
    let charge = first["charge"].as_str().expect("a charge").to_owned();
    let corrected = post(
        &s,
        "/v1/accounts/acme/corrections",
        "k1",
        json!({"charge": charge, "quantities": {"tokens": 60}}),
    )
    .await;
    assert_eq!(corrected["price"], "600");
    // 60 more at the position of the first: 100 - 60 at 10, 20 at 8; at the end the same.
    for (key, hold) in [("s1", "acme~4"), ("s2", "acme~5")] {
        post(&s, "/v1/settle", key, json!({"hold": hold, "quantities": {"tokens": 20}})).await;
    }
    // 100 units: 1,000. The first is 40 fewer now, and 60 remain; all cost 10.
    let again = corrected["charge"].as_str().expect("a charge").to_owned();
    post(&s, "/v1/accounts/acme/corrections", "k2", json!({"charge": again, "quantities": {"tokens": 120}}))
        .await;
    let due = s.call("GET", "/v1/accounts/acme/windows", "", "").await.body["volumes"][0]["due"].clone();
    assert_eq!(due, "-80", "40 × 10 and 20 × 8 in its place, 60 × 8 at the end");
    let to = json!({"to": "2026-04-01T00:00:00Z"}).to_string();
    assert_eq!(s.call("POST", "/v1/test-clock/advance", "", &to).await.status, 200);
    let balances = s.balances("acme").await;
    assert_eq!(balances["available"], "8520", "160 units: 1,000 + 480");
    let records = s.call("GET", "/v1/accounts/acme/records", "", "").await.body;
    let last = records["records"].as_array().and_then(|all| all.last()).expect("a record").clone();
    assert_eq!(last["kind"], "volume_closed");
}
