//! Statements over HTTP: by both instants, in days of a zone, with the caller's own names of use; amounts name their unit.

use std::sync::Arc;

use headworks_store::Memory;
use serde_json::{Value, json};

use crate::common::{CATALOG, Server, post};

async fn statement(s: &Server, query: &str) -> Value {
    let reply = s.call("GET", &format!("/v1/accounts/acme/statement?{query}"), "", "").await;
    assert_eq!(reply.status, 200, "{query}: {}", reply.body);
    reply.body
}

/// Each line as cause, feature, amount, balance and the caller's name of the use.
fn lines(statement: &Value) -> Vec<[String; 5]> {
    let cell = |entry: &Value, name: &str| entry[name].as_str().unwrap_or("-").to_owned();
    let line =
        |entry: &Value| ["cause", "feature", "amount", "balance", "event_id"].map(|name| cell(entry, name));
    statement["entries"].as_array().expect("entries").iter().map(line).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn use_of_october_that_comes_in_november_is_in_octobers_statement() {
    let s = Server::start_at(Arc::new(Memory::new()), "2026-10-31T12:00:00Z").await;
    s.open("acme", "100").await;
    let ask = json!({"account": "acme", "feature": "chat", "dimensions": {"model": "m"}, "quantities": {"tokens": 5}});
    let hold = post(&s, "/v1/authorize", "job-7", ask).await["hold"]["id"].clone();
    post(&s, "/v1/settle", "", json!({"hold": hold, "quantities": {"tokens": 4}})).await;
    post(&s, "/v1/test-clock/advance", "", json!({"to": "2026-11-02T09:00:00Z"})).await;
    let event = json!({"specversion": "1.0", "id": "e1", "source": "/gateway", "type": "chat", "subject": "acme",
        "time": "2026-10-31T22:30:00Z", "data": {"tokens": 3, "model": "m"}});
    let auth = format!("Authorization: Bearer {}\r\nContent-Type: application/cloudevents+json\r\n", s.admin);
    let told = s.raw("POST", "/v1/events", &auth, event.to_string().as_bytes()).await;
    assert_eq!(told.body["accepted"], 1, "{}", told.body);
    let charge = statement(&s, "").await["entries"][2]["record"].clone();
    post(&s, "/v1/accounts/acme/refunds", "sorry", json!({"charge": charge, "amount": "1"})).await;

    let owned = |lines: &[[&str; 5]]| lines.iter().map(|l| l.map(str::to_owned)).collect::<Vec<_>>();
    let october = statement(&s, "by=effective&from=2026-10-01&to=2026-11-01").await;
    let used = owned(&[
        ["grant", "-", "100", "100", "-"],
        ["charge", "chat", "-4", "96", "job-7"],
        ["charge", "chat", "-3", "93", "/gateway e1"],
    ]);
    assert_eq!(lines(&october), used);
    assert_eq!((&october["opening"], &october["closing"]), (&json!("0"), &json!("93")));
    let refunded = ["refund", "chat", "1", "94", "/gateway e1"];
    let november = statement(&s, "by=effective&from=2026-11-01").await;
    assert_eq!(lines(&november), owned(&[refunded]));
    assert_eq!(november["opening"], october["closing"]);
    // What was written in October says the same for ever; as it was known then, so does the other.
    for query in ["from=2026-10-01&to=2026-11-01", "by=effective&to=2026-11-01&recorded_at=2026-11-01"] {
        let then = statement(&s, query).await;
        assert_eq!((lines(&then), &then["closing"]), (used[..2].to_vec(), &json!("96")), "{query}");
    }
    // In Berlin the use was at 23:30 of the 31st, in Tokyo on the 1st.
    for (zone, day, amount) in
        [("UTC", "2026-10-31", "93"), ("Asia/Tokyo", "2026-10-31", "96"), ("Asia/Tokyo", "2026-11-01", "-3")]
    {
        let sums = statement(&s, &format!("by=effective&entries=false&zone={zone}")).await["sums"].clone();
        assert_eq!(sums["by_day"][day]["amount"], amount, "{zone} {day}: {sums}");
    }
    let sums = &statement(&s, "by=effective").await["sums"];
    assert_eq!(sums["by_cause"]["charge"], json!({"entries": 2, "amount": "-7"}));
    assert_eq!(sums["by_feature"]["chat"], json!({"entries": 3, "amount": "-6"}));
    let paid = &sums["by_source"][0];
    assert_eq!(
        (&paid["source"], &paid["category"], &paid["amount"], &paid["unit"]),
        (&json!("grant"), &json!("purchased"), &json!("6"), &json!("credits"))
    );
    for (query, says) in [
        ("from=2026-10", "`from`: `2026-10` is not an instant"),
        ("zone=Mars/Olympus", "`zone`: `Mars/Olympus` is not an IANA time zone"),
        ("by=guess", "effective"),
    ] {
        let refused = s.call("GET", &format!("/v1/accounts/acme/statement?{query}"), "", "").await;
        let detail = refused.body["detail"].as_str().unwrap_or_default();
        assert!(refused.status == 422 && detail.contains(says), "{query}: {detail}");
    }
    // For people the same: the zone's days, both instants, the event.
    for format in ["text", "html", "csv"] {
        let auth = format!("Authorization: Bearer {}\r\n", s.admin);
        let path = format!("/v1/accounts/acme/statement?by=effective&zone=Asia/Tokyo&format={format}");
        let shown = s.raw("GET", &path, &auth, b"").await.body;
        let shown = shown.as_str().expect("text");
        assert!(shown.contains("/gateway e1") && shown.contains("2026-11-02T09:00:00"), "{shown}");
        assert!(format == "csv" || shown.contains("by day in Asia/Tokyo"), "{shown}");
        assert!(shown.contains("credits"), "{shown}");
    }
}

/// Where everything is priced in dollars, nothing speaks of credits.
#[tokio::test(flavor = "multi_thread")]
async fn amounts_are_in_the_unit_of_the_catalog() {
    let s = Server::start().await;
    let in_dollars = CATALOG.replace("rate_card = \"card\"", "rate_card = \"card\"\ncredit_unit = \"usd\"");
    assert_eq!(s.call("PUT", "/v1/catalog", "c", &in_dollars).await.status, 200);
    post(&s, "/v1/accounts", "o", json!({"id": "acme"})).await;
    let empty = s.balances("acme").await;
    assert_eq!(
        (&empty["unit"], &empty["units"], &empty["available"]),
        (&json!("usd"), &json!(["usd"]), &json!("0"))
    );
    let grant = json!({"amount": "10", "category": "purchased", "unit": "usd"});
    let granted = post(&s, "/v1/accounts/acme/grants", "g", grant).await;
    assert_eq!(granted["movements"][0]["unit"], "usd");
    let ask = |tokens: u64, settle: &str| {
        json!({"account": "acme", "feature": "chat", "dimensions": {"model": "m"},
        "quantities": {"tokens": tokens}, "settle": settle})
    };
    post(&s, "/v1/authorize", "a", ask(4, "now")).await;
    let balances = s.balances("acme").await;
    assert_eq!((&balances["unit"], &balances["available"]), (&json!("usd"), &json!("6")));
    assert_eq!((&balances["grants"][0]["unit"], &balances["other_units"]), (&json!("usd"), &Value::Null));
    let whole = statement(&s, "").await;
    assert_eq!((&whole["unit"], &whole["closing"]), (&json!("usd"), &json!("6")));
    let as_of = s.call("GET", "/v1/accounts/acme/balances/as-of", "", "").await.body;
    assert_eq!((&as_of["unit"], &as_of["balance"]), (&json!("usd"), &json!("6")));
    let denied = post(&s, "/v1/authorize", "d", ask(40, "now")).await;
    assert_eq!(
        (&denied["usage"]["credit_unit"], &denied["unblock"]["purchase"]),
        (&json!("usd"), &json!("34"))
    );
    let less = json!({"grant": granted["id"], "amount": "-7"});
    let refused = s.call("POST", "/v1/accounts/acme/adjustments", "l", &less.to_string()).await;
    assert!(
        refused.body["detail"].as_str().is_some_and(|d| d.contains("only 6 usd are left")),
        "{}",
        refused.body
    );
    // Credits that nothing is priced in would pay for nothing.
    let credits = json!({"amount": "2", "category": "promotional"});
    let refused = s.call("POST", "/v1/accounts/acme/grants", "c", &credits.to_string()).await;
    assert_eq!((refused.status, refused.problem()), (422, "invalid_request"), "{}", refused.body);
    // Once something is, the account has both, and shows both.
    assert_eq!(s.call("PUT", "/v1/catalog", "c2", CATALOG).await.status, 200);
    post(&s, "/v1/accounts/acme/grants", "c", credits).await;
    let both = s.balances("acme").await;
    assert_eq!((&both["unit"], &both["units"]), (&json!("credits"), &json!(["credits", "usd"])));
    assert_eq!((&both["available"], &both["other_units"][0]["available"]), (&json!("2"), &json!("6")));
    let one = s.call("GET", "/v1/accounts/acme/balances?unit=usd", "", "").await.body;
    assert_eq!((&one["available"], &one["other_units"]), (&json!("6"), &Value::Null));
}
