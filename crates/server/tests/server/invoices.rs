//! Postpaid credits and their invoices over HTTP.

use std::sync::Arc;

use headworks_store::Memory;
use serde_json::json;

use crate::common::{Server, post};

const CATALOG: &str = r#"
version = "t3"
default_plan = "p"
[meters]
tokens = { unit = "token" }
[features.chat]
meters = ["tokens"]
rate_card = "card"
[[rate_cards.card]]
effective_from = "2020-01-01T00:00:00Z"
prices = [{ feature = "chat", credits = { tokens = "1" } }]
[plans.p]
features = ["chat"]
waterfall = [
  { grants = { name = "credits" } },
  { postpaid = { name = "overage", limit = "10", every = "month" } },
]
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_month_is_used_closed_and_paid() {
    let s = Server::start_at(Arc::new(Memory::new()), "2026-03-01T00:00:00Z").await;
    assert_eq!(s.call("PUT", "/v1/catalog", "c1", CATALOG).await.status, 200);
    s.open("acme", "1").await;
    let chat =
        |n: u64| json!({"account": "acme", "feature": "chat", "quantities": {"tokens": n}, "settle": "now"});
    let used = post(&s, "/v1/authorize", "a1", chat(8)).await;
    let draws = used["draws"].as_array().expect("draws");
    let sources: Vec<_> = draws.iter().map(|d| (d["source"].clone(), d["amount"].clone())).collect();
    assert_eq!(sources, [(json!("grant"), json!("1")), (json!("postpaid"), json!("7"))]);
    let balances = s.balances("acme").await;
    assert_eq!((&balances["postpaid"], &balances["available"]), (&json!("7"), &json!("0")));
    let invoices = "/v1/accounts/acme/invoices";
    let open = s.call("GET", invoices, "", "").await.body;
    assert_eq!((&open["invoices"], &open["open"][0]["end"]), (&json!([]), &json!("2026-04-01T00:00:00Z")));

    let to = json!({"to": "2026-04-01T00:00:00Z"}).to_string();
    assert_eq!(s.call("POST", "/v1/test-clock/advance", "", &to).await.status, 200);
    let closed = s.call("GET", invoices, "", "").await.body["invoices"][0].clone();
    let line = json!({"feature": "chat", "period": "2026-03-01T00:00:00Z", "amount": "7"});
    assert_eq!(
        (&closed["total"], &closed["state"], &closed["lines"]),
        (&json!("7"), &json!("unpaid"), &json!([line]))
    );
    let denied = post(&s, "/v1/authorize", "a2", chat(4)).await;
    assert_eq!((&denied["outcome"], &denied["reason"]), (&json!("deny"), &json!("invoice_unpaid")));
    assert_eq!(denied["unblock"]["by"], "operator");

    let pay = format!("{invoices}/{}/pay", closed["id"].as_str().expect("an id"));
    let paid = post(&s, &pay, "p1", json!({"reference": "ch_1"})).await;
    assert_eq!(
        post(&s, &pay, "p1", json!({"reference": "ch_1"})).await["id"],
        paid["id"],
        "the first answer"
    );
    let twice = s.call("POST", &pay, "p2", "{}").await;
    assert_eq!((twice.status, twice.problem()), (409, "invoice_paid"));
    let unknown = s.call("POST", &format!("{invoices}/acme~1/pay"), "p3", "{}").await;
    assert_eq!((unknown.status, unknown.problem()), (404, "unknown_record"));
    assert_eq!(s.call("GET", invoices, "", "").await.body["invoices"][0]["state"], "paid");
    assert_eq!(s.balances("acme").await["postpaid"], "0");
    assert_eq!(post(&s, "/v1/authorize", "a3", chat(10)).await["outcome"], "allow");
    let statement = s.call("GET", "/v1/accounts/acme/statement", "", "").await.body;
    assert_eq!(statement["closing"], json!("-10"), "what is available, less what is lent");
}
