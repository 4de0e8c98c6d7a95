//! Inbound callers: they sign with secrets of their own, for their purposes and accounts.

use base64::Engine as _;
use hmac::{KeyInit as _, Mac as _};
use serde_json::{Value, json};

use crate::common::{Reply, Server};
use crate::receiver::{Receiver, hook, spend};
use crate::webhooks::with_alerts;

pub(crate) fn signed(secret: &str, id: &str, secs: i64, body: &str) -> String {
    let secret = secret.trim_start_matches("whsec_");
    let secret = base64::engine::general_purpose::STANDARD.decode(secret).expect("base64");
    let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(&secret).expect("key");
    mac.update(format!("{id}.{secs}.{body}").as_bytes());
    let signature = base64::engine::general_purpose::STANDARD.encode(mac.finalize().into_bytes());
    format!("webhook-id: {id}\r\nwebhook-timestamp: {secs}\r\nwebhook-signature: v1,{signature}\r\n")
}

/// Two secrets are live, five minutes are enough, an event counts once, and forgers are refused.
#[tokio::test(flavor = "multi_thread")]
async fn reports_are_signed_and_count_once() {
    let s = Server::start().await;
    s.open("acme", "10").await;
    let caller = |rotate: bool| json!({"purposes": ["signals"], "rotate_secret": rotate});
    let mut secrets = Vec::new();
    for (key, rotate) in [("h1", false), ("h2", true), ("h3", true)] {
        let made = s.call("PUT", "/v1/inbound/payments", key, &caller(rotate).to_string()).await;
        assert_eq!(made.status, 200, "{}", made.body);
        secrets.push(made.body["secret"].as_str().expect("a secret").to_owned());
    }
    let now = || s.engine.clock().now().micros() / 1_000_000;
    let body =
        json!({"account": "acme", "report": {"signal": "dispute", "reason": "charge 4711"}}).to_string();
    let path = "/v1/inbound/payments/signals";
    let count = async || {
        let records = s.call("GET", "/v1/accounts/acme/records", "", "").await.body;
        records["records"]
            .as_array()
            .expect("list")
            .iter()
            .filter(|r| r["kind"] == "payment_disputed")
            .count()
    };
    let send = async |secret: &str, id: &str, secs: i64, body: &str, sent: &str| {
        s.raw("POST", path, &signed(secret, id, secs, body), sent.as_bytes()).await.status
    };
    assert_eq!(send(&secrets[0], "e1", now(), &body, &body).await, 401, "replaced twice");
    assert_eq!(send(&secrets[1], "e1", now(), &body, &body).await, 204, "the one before is still valid");
    assert_eq!(send(&secrets[2], "e1", now(), &body, &body).await, 204, "the same event, sent again");
    assert_eq!(count().await, 1);
    assert_eq!(send(&secrets[2], "e2", now(), &body, &body).await, 204);
    assert_eq!(count().await, 2);
    // The server's own keys of reports cannot be sent by callers.
    let taken = s
        .call("POST", "/v1/accounts/acme/signals", "inbound 1", r#"{"signal":"dispute","reason":"mine"}"#)
        .await;
    assert_eq!((taken.status, taken.problem()), (400, "idempotency_key_invalid"));
    assert_eq!(send(&secrets[2], "e.3", now(), &body, &body).await, 422, "an id has no dot");
    let other = body.replace("4711", "4712");
    assert_eq!(send(&secrets[2], "e2", now(), &other, &other).await, 422, "one id says one thing");
    assert_eq!(send(&secrets[2], "e3", now() - 301, &body, &body).await, 401, "too old");
    // Ten points for a forgery, and sixteen are too many: the second since the replaced secret.
    let forged = send(&secrets[2], "e4", now(), &other, &body).await;
    assert_eq!(forged, 429);
    let reply = s.raw("POST", path, &signed(&secrets[0], "e5", now(), &body), body.as_bytes()).await;
    assert_eq!((reply.status, reply.problem()), (429, "too_many_invalid"));
    assert!(reply.head.to_lowercase().contains("retry-after: "), "{}", reply.head);
    assert_eq!(send(&secrets[2], "e5", now(), &body, &body).await, 204, "who signs well is not held up");
}

pub(crate) async fn caller(s: &Server, name: &str, purposes: &[&str], accounts: &[&str]) -> String {
    let mut ask = json!({ "purposes": purposes });
    if !accounts.is_empty() {
        ask["accounts"] = json!(accounts);
    }
    let ask = ask.to_string();
    let made = s.call("PUT", &format!("/v1/inbound/{name}"), &format!("in {name}"), &ask).await;
    assert_eq!(made.status, 200, "{}", made.body);
    made.body["secret"].as_str().expect("a secret").to_owned()
}

fn outcome_of(reply: &Reply) -> (u16, String, Value) {
    let head = reply.head.lines().filter(|line| !line.starts_with("date:"));
    (reply.status, head.collect::<Vec<_>>().join("\n"), reply.body.clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unsigned_caller_learns_nothing() {
    let s = Server::start().await;
    s.open("acme", "10").await;
    let receiver = Receiver::start(&[]).await;
    let outgoing = hook(&s, "usage", json!({"url": receiver.url, "events": ["usage"]})).await;
    let outgoing = outgoing["secret"].as_str().expect("a secret").to_owned();
    let good = caller(&s, "payments", &["top_ups"], &["acme"]).await;
    caller(&s, "usage", &["signals", "top_ups"], &[]).await;
    let secs = s.engine.clock().now().micros() / 1_000_000;
    let nobody = format!("whsec_{}", base64::engine::general_purpose::STANDARD.encode([7; 32]));
    let body =
        |account: &str| json!({"account": account, "number": 1, "payment": {"paid": true}}).to_string();
    // The secret, the caller's name, the route, and the account. The secret of an outgoing webhook signs nothing, not even
    // for an inbound caller of its name.
    let mut answers = Vec::new();
    for (secret, name, route, account) in [
        (&nobody, "payments", "top-ups", "acme"),
        (&nobody, "payments", "signals", "acme"),
        (&nobody, "payments", "top-ups", "other"),
        (&nobody, "nobody", "top-ups", "acme"),
        (&nobody, "not%20a%20name", "top-ups", "acme"),
        (&outgoing, "usage", "top-ups", "acme"),
        (&outgoing, "payments", "top-ups", "acme"),
        (&good, "usage", "top-ups", "acme"),
    ] {
        // Each from a server of its own, as far as forgeries are counted: the first of a network are all answered alike.
        let text = body(account);
        let path = format!("/v1/inbound/{name}/{route}");
        answers.push(outcome_of(
            &s.raw("POST", &path, &signed(secret, "m", secs, &text), text.as_bytes()).await,
        ));
    }
    assert_eq!(answers[0].0, 401, "{:?}", answers[0]);
    let limited = answers.iter().position(|answer| answer.0 == 429).expect("forgeries are counted");
    assert!(answers[..limited].iter().all(|answer| *answer == answers[0]), "{answers:?}");
    assert!(answers[limited..].iter().all(|answer| *answer == answers[limited]), "{answers:?}");
    // The old routes are gone.
    let text = body("acme");
    for route in ["top-ups", "signals"] {
        let path = format!("/v1/webhooks/usage/{route}");
        let gone = s.raw("POST", &path, &signed(&outgoing, "m", secs, &text), text.as_bytes()).await;
        assert_eq!((gone.status, gone.problem()), (404, "no_such_route"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_reports_for_its_purposes_and_accounts_alone() {
    let s = Server::start().await;
    s.open("acme", "10").await;
    s.open("zeta", "10").await;
    let payments = caller(&s, "payments", &["top_ups"], &["acme*"]).await;
    let risk = caller(&s, "risk", &["signals"], &["acme", "zeta-*"]).await;
    let secs = s.engine.clock().now().micros() / 1_000_000;
    let report = async |secret: &str, name: &str, route: &str, account: &str, id: &str| {
        let text = match route {
            "signals" => json!({"account": account, "report": {"signal": "dispute", "reason": "x"}}),
            _ => json!({"account": account, "number": 1, "payment": {"paid": true}}),
        };
        let (path, text) = (format!("/v1/inbound/{name}/{route}"), text.to_string());
        s.raw("POST", &path, &signed(secret, id, secs, &text), text.as_bytes()).await
    };
    for (secret, name, route, account, status, problem) in [
        (&risk, "risk", "signals", "acme", 204, ""),
        (&risk, "risk", "signals", "zeta", 404, "unknown_account"),
        (&risk, "risk", "signals", "nobody", 404, "unknown_account"),
        (&risk, "risk", "signals", "_system", 404, "unknown_account"),
        (&risk, "risk", "top-ups", "acme", 403, "wrong_scope"),
        (&payments, "payments", "signals", "acme", 403, "wrong_scope"),
        (&payments, "payments", "top-ups", "acme", 409, "no_top_up"),
        (&payments, "payments", "top-ups", "zeta", 404, "unknown_account"),
    ] {
        let reply = report(secret, name, route, account, "1").await;
        assert_eq!(reply.status, status, "{name} {route} {account}: {}", reply.body);
        assert!(problem.is_empty() || reply.problem() == problem, "{name} {route} {account}: {}", reply.body);
    }
    // An account out of reach looks like one that does not exist.
    let (hidden, missing) = (
        report(&payments, "payments", "top-ups", "zeta", "2").await.body.to_string(),
        report(&payments, "payments", "top-ups", "zet1", "2").await.body.to_string(),
    );
    assert_eq!(hidden.replace("zeta", "?"), missing.replace("zet1", "?"));
    // Two callers number their reports independently of each other.
    let other = caller(&s, "other", &["signals"], &[]).await;
    assert_eq!(report(&other, "other", "signals", "acme", "1").await.status, 204);
    let records = s.call("GET", "/v1/accounts/acme/records", "", "").await.body;
    let disputes = records["records"].as_array().expect("records").iter();
    let by: Vec<&Value> = disputes.filter(|r| r["kind"] == "payment_disputed").map(|r| &r["actor"]).collect();
    assert_eq!(by, ["inbound:risk", "inbound:other"]);
    // One that was removed signs nothing, and neither does its old secret when it is made again.
    assert_eq!(s.call("DELETE", "/v1/inbound/other", "rm", "").await.status, 204);
    assert_eq!(report(&other, "other", "signals", "acme", "9").await.status, 401);
    let ask = json!({"purposes": ["signals"]}).to_string();
    assert_eq!(s.call("PUT", "/v1/inbound/other", "again", &ask).await.status, 200);
    assert_ne!(report(&other, "other", "signals", "acme", "9").await.status, 204);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_asked_of_a_caller_is_checked() {
    let s = Server::start().await;
    for (name, body, status, problem) in [
        ("a", json!({"purposes": []}), 422, "invalid_request"),
        ("a", json!({"purposes": ["money"]}), 400, "malformed_body"),
        ("a", json!({"purposes": ["signals"], "accounts": [""]}), 400, "malformed_body"),
        (&"a".repeat(65), json!({"purposes": ["signals"]}), 422, "invalid_request"),
    ] {
        let refused = s.call("PUT", &format!("/v1/inbound/{name}"), "k", &body.to_string()).await;
        assert!(refused.status == status || refused.status == 422, "{body}: {}", refused.body);
        assert!(refused.problem() == problem || refused.problem() == "invalid_request", "{}", refused.body);
    }
    for method in ["GET", "DELETE"] {
        let unknown = s.call(method, "/v1/inbound/a", "k", "").await;
        assert_eq!((unknown.status, unknown.problem()), (404, "unknown_inbound"));
    }
    caller(&s, "a", &["top_ups", "signals"], &["acme*"]).await;
    let listed = s.call("GET", "/v1/inbound", "", "").await;
    assert!(listed.head.contains("cache-control: no-store"), "{}", listed.head);
    let one = s.call("GET", "/v1/inbound/a", "", "").await.body;
    assert_eq!(listed.body["inbound"], json!([one]));
    assert_eq!((&one["purposes"], &one["accounts"]), (&json!(["top_ups", "signals"]), &json!(["acme*"])));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signed_confirmation_needs_no_api_key() {
    let (_, s) = with_alerts().await;
    let receiver = Receiver::start(&[]).await;
    hook(&s, "payments", json!({"url": receiver.url, "events": ["top_up.asked"]})).await;
    spend(&s, "u1", 6).await;
    let asked: Value = serde_json::from_str(&receiver.accepted(1).await[0].body).expect("json");
    assert_eq!(
        asked["data"],
        json!({"number": 1, "amount": "20", "charge_key": "acme/1", "unit": "credits"})
    );
    let caller = json!({"purposes": ["top_ups"], "accounts": ["acme"]}).to_string();
    let made = s.call("PUT", "/v1/inbound/payments", "i", &caller).await;
    let secret = made.body["secret"].as_str().expect("a secret");
    let body = json!({"account": "acme", "number": 1, "payment": {"paid": true}}).to_string();
    let secs = s.engine.clock().now().micros() / 1_000_000;
    let path = "/v1/inbound/payments/top-ups";
    for (at, text) in [(secs, "{}"), (secs - 301, &*body)] {
        let refused = s.raw("POST", path, &signed(secret, "m1", at, text), body.as_bytes()).await;
        assert_eq!((refused.status, refused.problem()), (401, "bad_signature"));
    }
    for replayed in [false, true] {
        let brought = s.raw("POST", path, &signed(secret, "m1", secs, &body), body.as_bytes()).await;
        assert_eq!((brought.status, &brought.body["replayed"]), (200, &json!(replayed)), "{}", brought.body);
    }
    assert_eq!(s.balances("acme").await["available"], "24");
    let records = s.call("GET", "/v1/accounts/acme/records", "", "").await.body;
    let records = records["records"].as_array().expect("records");
    let paid = records.iter().filter(|r| r["actor"] == "inbound:payments").count();
    assert_eq!(paid, 1, "the ledger says who reported it: {records:?}");
}
