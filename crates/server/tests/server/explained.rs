//! What visits say: rates with when they are full again, and `paid` only beside what paid.

use std::sync::Arc;

use headworks_core::record::{Instant, Span};
use headworks_store::Memory;
use serde_json::{Value, json};

use crate::common::{CATALOG, Server};

fn visit<'a>(decision: &'a Value, place: &str) -> &'a Value {
    let visits = decision["visits"].as_array().expect("visits");
    visits.iter().find(|v| v["kind"] == place).unwrap_or_else(|| panic!("no {place}: {decision}"))
}

fn after(decision: &Value, span: &str) -> Value {
    let at: Instant = decision["at"].as_str().expect("an instant").parse().expect("an instant");
    json!(at.after(span.parse::<Span>().expect("a span")))
}

async fn authorize(s: &Server, key: &str, tokens: u64) -> Value {
    let ask = json!({"account": "acme", "feature": "chat", "dimensions": {"model": "m"},
        "quantities": {"tokens": tokens}, "settle": "now"});
    s.call("POST", "/v1/authorize", key, &ask.to_string()).await.body
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_says_when_it_is_full_again_and_only_what_paid_is_paid() {
    let s = Server::start_at(Arc::new(Memory::new()), "2030-01-01T00:00:00Z").await;
    let limited = CATALOG.replace(
        "[plans.p]\n",
        "[plans.p]\nguards = [{ name = \"rpm\", window.rate = { limit = 6, period = \"1m\", burst = 3 } }]\n",
    );
    assert_eq!(s.call("PUT", "/v1/catalog", "c", &limited).await.status, 200);
    s.open("acme", "10").await;
    let first = authorize(&s, "1", 8).await;
    assert_eq!((&first["outcome"], &visit(&first, "grant")["verdict"]), (&json!("allow"), &json!("paid")));
    // Six a minute: one drains in ten seconds.
    let rate = json!({"limit": 6, "period": "1m", "burst": 3, "full_at": after(&first, "10s")});
    assert_eq!((&visit(&first, "guard")["rate"], &visit(&first, "grant")["rate"]), (&rate, &Value::Null));
    // Two of five credits are there: nothing was paid.
    let short = authorize(&s, "2", 5).await;
    assert_eq!((&short["outcome"], &short["reason"]), (&json!("deny"), &json!("insufficient_credits")));
    let grant = visit(&short, "grant");
    assert_eq!(
        (&grant["verdict"], &grant["before"], &grant["after"]),
        (&json!("would_pay"), &json!("2"), &json!("2"))
    );
    assert_eq!(visit(&short, "guard")["rate"]["full_at"], after(&short, "10s"), "a denial counts nothing");
    for key in ["3", "4"] {
        assert_eq!(authorize(&s, key, 1).await["outcome"], "allow");
    }
    let limited = authorize(&s, "5", 1).await;
    let guard = visit(&limited, "guard");
    assert_eq!((&guard["verdict"], &guard["rate"]["full_at"]), (&json!("refused"), &after(&limited, "30s")));
}

/// A flood of denials is written down as a number and the latest of them: all of them count as denied.
#[tokio::test(flavor = "multi_thread")]
async fn a_what_if_counts_denials_that_were_coalesced() {
    let s = Server::start_at(Arc::new(Memory::new()), "2030-01-01T00:00:00Z").await;
    s.open("acme", "1").await;
    for n in 0..2_400 {
        assert_eq!(authorize(&s, &n.to_string(), 5).await["outcome"], "deny");
    }
    s.call("POST", "/v1/test-clock/advance", "", r#"{"by": "1h"}"#).await;
    let same = s.call("POST", "/v1/catalog/what-if", "", CATALOG).await.body;
    let total = &same["total"];
    assert_eq!(
        (&total["was"]["denied"], &total["would_be"]["denied"], &total["changed"]),
        (&json!(2_400), &json!(2_400), &json!(0)),
        "{same}"
    );
    assert!(same["unexplained_denials"].as_u64().is_some_and(|n| n > 0 && n < 2_400), "{same}");
}

/// Refusals say what is wrong with what was asked.
#[tokio::test(flavor = "multi_thread")]
async fn refusals_say_what_is_wrong() {
    let s = Server::start_at(Arc::new(Memory::new()), "2030-01-01T00:00:00Z").await;
    let strict = CATALOG.replace("rate_card = \"card\"", "rate_card = \"card\"\novershoot = \"reject\"");
    assert_eq!(s.call("PUT", "/v1/catalog", "c", &strict).await.status, 200);
    s.open("acme", "5").await;
    let hold = json!({"account": "acme", "feature": "chat", "dimensions": {"model": "m"}, "quantities": {"tokens": 2}});
    let hold = s.call("POST", "/v1/authorize", "h", &hold.to_string()).await.body["hold"]["id"].clone();
    s.call("POST", "/v1/test-clock/advance", "", r#"{"by": "1h"}"#).await;
    let used = json!({"account": "acme", "feature": "chat", "dimensions": {"model": "m"}, "quantities": {"tokens": 7}});
    let broken = strict.replace("\"reject\"", "\"refuse\"");
    let most = json!({"grant": "acme~2", "amount": "9223372036"});
    for (method, path, key, body, kind, says) in [
        (
            "POST",
            "/v1/record",
            "r",
            used.to_string(),
            "nobody_pays",
            "no source pays 2 credits of the use, and the feature refuses",
        ),
        (
            "POST",
            "/v1/release",
            "e",
            json!({"hold": hold}).to_string(),
            "hold_ended",
            "hold 3 expired at 2030-01-01T00:01:00",
        ),
        (
            "POST",
            "/v1/accounts/acme/adjustments",
            "m",
            most.to_string(),
            "amount_too_large",
            "stays within 9223372036.854775807 credits",
        ),
        (
            "POST",
            "/v1/accounts/acme/resets",
            "b",
            json!({"windows": []}).to_string(),
            "invalid_request",
            "name at least one window",
        ),
        (
            "POST",
            "/v1/accounts",
            "o",
            json!({"id": "acme", "plan": "p"}).to_string(),
            "idempotency_conflict",
            "different request to open an account",
        ),
        ("PUT", "/v1/catalog", "x", broken, "invalid_catalog", "the catalog has 1 problem;"),
    ] {
        let reply = s.call(method, path, key, &body).await;
        let detail = reply.body["detail"].as_str().unwrap_or_default();
        assert!(reply.problem() == kind && detail.contains(says), "{path}: {} {detail}", reply.problem());
    }
}
