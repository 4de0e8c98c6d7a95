//! Idempotency over every call that changes something: the first answer again, another body refused, one effect.

use serde_json::{Value, json};

use crate::common::Server;

const CATALOG: &str = r#"
version = "keys"
default_plan = "p"
late_horizon = "2d"
[meters]
tokens = { unit = "token" }
[features.chat]
meters = ["tokens"]
rate_card = "card"
[features.task]
meters = []
allowance_unit = "requests"
[supplies.model]
rate = 1000
cost = { tokens = 1 }
[[rate_cards.card]]
effective_from = "2020-01-01T00:00:00Z"
prices = [{ feature = "chat", credits = { tokens = "1" } }]
[plans.p]
features = ["chat", "task"]
waterfall = [
  { allowance = { name = "tasks", features = ["task"], windows = [{ name = "five", window.first_use = { limit = "2", length = "5h" } }] } },
  { grants = { name = "credits" } },
]
[plans.q]
features = ["chat"]
waterfall = [{ grants = { name = "credits" } }]
"#;

/// Sent with every row: keys of one operation are no keys of another.
const KEY: &str = "k";

async fn seq(s: &Server) -> Value {
    s.call("GET", "/v1/accounts/acme", "", "").await.body["seq"].clone()
}

async fn made(s: &Server, path: &str, key: &str, body: Value) -> Value {
    let reply = s.call("POST", path, key, &body.to_string()).await;
    assert_eq!(reply.status, 200, "{path}: {}", reply.body);
    reply.body
}

async fn hold(s: &Server, key: &str) -> Value {
    let ask = json!({"account": "acme", "feature": "chat", "quantities": {"tokens": 10}});
    made(s, "/v1/authorize", key, ask).await["hold"]["id"].clone()
}

async fn charge(s: &Server, key: &str) -> Value {
    let ask = json!({"account": "acme", "feature": "chat", "quantities": {"tokens": 8}});
    made(s, "/v1/record", key, ask).await["charge"].clone()
}

fn without_replayed(mut answer: Value) -> Value {
    answer.as_object_mut().map(|fields| fields.remove("replayed"));
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_has_one_answer_and_one_effect_in_every_operation() {
    let s = Server::start().await;
    assert_eq!(s.call("PUT", "/v1/catalog", "", CATALOG).await.status, 200);
    s.open("acme", "1000").await;
    let (settled, released, extended) = (hold(&s, "h1").await, hold(&s, "h2").await, hold(&s, "h3").await);
    let (refunded, corrected) = (charge(&s, "c1").await, charge(&s, "c2").await);
    let granted = json!({"amount": "5", "category": "purchased"});
    let mut grants = Vec::new();
    for key in ["g1", "g2", "g3"] {
        grants.push(made(&s, "/v1/accounts/acme/grants", key, granted.clone()).await["id"].clone());
    }
    let of = |n: usize, what: &str| {
        format!("/v1/accounts/acme/grants/{}/{what}", grants[n].as_str().expect("an id"))
    };
    made(&s, "/v1/authorize", "t", json!({"account": "acme", "feature": "task", "settle": "now"})).await;
    made(&s, "/v1/accounts/acme/resets", "b", json!({"windows": ["tasks.five"]})).await;
    let uses = |feature: &str, tokens: u64| json!({"account": "acme", "feature": feature, "quantities": {"tokens": tokens}});
    let account = "/v1/accounts/acme";
    let below = |what: &str| format!("{account}/{what}");
    #[rustfmt::skip]
    let rows = [
        ("POST", "/v1/authorize".into(), uses("chat", 3), uses("chat", 4), "idempotency_conflict"),
        ("POST", "/v1/record".into(), uses("chat", 3), uses("chat", 4), "idempotency_conflict"),
        ("POST", "/v1/extend".into(), json!({"hold": extended, "quantities": {"tokens": 1}}), json!({"hold": extended, "quantities": {"tokens": 2}}), "idempotency_conflict"),
        ("POST", "/v1/settle".into(), json!({"hold": settled, "quantities": {"tokens": 5}}), json!({"hold": settled, "quantities": {"tokens": 6}}), "hold_ended"),
        ("POST", "/v1/release".into(), json!({"hold": released}), json!({"hold": extended}), "idempotency_conflict"),
        ("PATCH", account.into(), json!({"suspended": false}), json!({"suspended": true}), "idempotency_conflict"),
        ("POST", below("grants"), json!({"amount": "1", "category": "free"}), json!({"amount": "2", "category": "free"}), "idempotency_conflict"),
        ("POST", of(0, "void"), json!({}), json!({"reason": "other"}), "idempotency_conflict"),
        ("POST", below("adjustments"), json!({"grant": grants[1], "amount": "1"}), json!({"grant": grants[2], "amount": "1"}), "idempotency_conflict"),
        ("POST", below("refunds"), json!({"charge": refunded, "amount": "1"}), json!({"charge": refunded, "amount": "2"}), "idempotency_conflict"),
        ("POST", below("corrections"), json!({"charge": corrected, "quantities": {"tokens": 2}}), json!({"charge": corrected, "delete": true}), "idempotency_conflict"),
        ("POST", below("resets"), json!({"windows": ["tasks.five"]}), json!({"windows": ["tasks.five"], "reference": "other"}), "idempotency_conflict"),
        ("POST", below("resets/redeem"), json!({}), json!({"path": "user:ann"}), "idempotency_conflict"),
        // A change of plan is a change of the account, as the PATCH above.
        ("POST", below("plan"), json!({"plan": "q", "idempotency_key": "plan"}), json!({"plan": "p", "idempotency_key": "plan"}), "idempotency_conflict"),
    ];
    let mut answers = Vec::new();
    for (method, path, body, other, problem) in &rows {
        let row = format!("{method} {path} {body}");
        let first = s.call(method, path, KEY, &body.to_string()).await;
        assert_eq!((first.status, &first.body["replayed"]), (200, &json!(false)), "{row}: {}", first.body);
        let after = seq(&s).await;
        let again = s.call(method, path, KEY, &body.to_string()).await;
        assert_eq!((again.status, &again.body["replayed"]), (200, &json!(true)), "{row}: {}", again.body);
        assert_eq!(without_replayed(again.body), without_replayed(first.body.clone()), "{row}");
        let refused = s.call(method, path, KEY, &other.to_string()).await;
        assert_eq!(refused.problem(), *problem, "{row}: {}", refused.body);
        assert_eq!(seq(&s).await, after, "{row}: no second effect");
        answers.push(without_replayed(first.body));
    }
    // After everything else that has happened since, the first answers are what they were.
    for ((method, path, body, ..), first) in rows.iter().zip(answers) {
        let again = s.call(method, path, KEY, &body.to_string()).await;
        assert_eq!(without_replayed(again.body), first, "{method} {path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_a_denial_or_a_report_answers_for_its_body_alone() {
    let s = Server::start().await;
    s.open("acme", "5").await;
    let ask = |tokens: u64| {
        json!({"account": "acme", "feature": "chat", "quantities": {"tokens": tokens}, "dimensions": {"model": "m"}}).to_string()
    };
    let first = s.call("POST", "/v1/authorize", KEY, &ask(6)).await.body;
    let again = s.call("POST", "/v1/authorize", KEY, &ask(6)).await.body;
    assert_eq!((&first["outcome"], &again["replayed"]), (&json!("deny"), &json!(true)), "{first} {again}");
    assert_eq!(without_replayed(again), without_replayed(first));
    assert_eq!(s.call("POST", "/v1/authorize", KEY, &ask(7)).await.problem(), "idempotency_conflict");
    // A denial is no record: the key is free for another operation.
    assert_eq!(s.call("POST", "/v1/record", KEY, &ask(6)).await.body["price"], "6");

    let report = |signal: &str, key: &str| json!({"signal": signal, "key": key}).to_string();
    let signals = "/v1/accounts/acme/signals";
    for (body, status) in [
        (report("invalid_key", "k1"), 204),
        (report("invalid_key", "k1"), 204),
        (report("invalid_key", "k2"), 422),
        (report("forged_webhook", "k1"), 422),
    ] {
        assert_eq!(s.call("POST", signals, "r", &body).await.status, status, "{body}");
    }
    let dispute = json!({"signal": "dispute"}).to_string();
    assert_eq!(s.call("POST", signals, "d", &dispute).await.status, 204);
    assert_eq!(s.call("POST", signals, "d", &dispute).await.status, 204);
    assert_eq!(
        s.call("POST", signals, "d", &report("invalid_key", "k1")).await.problem(),
        "idempotency_conflict"
    );
}
