//! What visits say: rates with when they are full again, and `paid` only beside what paid.

use std::sync::Arc;

use headworks_core::record::{Instant, Span};
use headworks_store::Memory;
use serde_json::{Value, json};

use crate::common::{CATALOG, Server};

fn visit<'a>(decision: &'a Value, place: &str) -> &'a Value {
    let visits = decision["visits"].as_array().expect("visits");
    visits.iter().find(|v| v["place"] == place).unwrap_or_else(|| panic!("no {place}: {decision}"))
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
    for n in 0..300 {
        assert_eq!(authorize(&s, &n.to_string(), 5).await["outcome"], "deny");
    }
    s.call("POST", "/v1/test-clock/advance", "", r#"{"by": "1h"}"#).await;
    let same = s.call("POST", "/v1/catalog/what-if", "", CATALOG).await.body;
    let total = &same["total"];
    assert_eq!(
        (&total["was"]["denied"], &total["would_be"]["denied"], &total["changed"]),
        (&json!(300), &json!(300), &json!(0)),
        "{same}"
    );
    assert!(same["unexplained_denials"].as_u64().is_some_and(|n| n > 0 && n < 300), "{same}");
}
