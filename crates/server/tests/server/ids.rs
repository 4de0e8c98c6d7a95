//! Accounts, segments and idempotency keys with any printable text, through every route that names them.

use serde_json::{Value, json};

use headworks_wire::Scope;

use crate::common::{Server, key, post};

/// Each account as a caller may send it, as it is kept, and as it stands in a URL: from RFC 3986 and UAX #15.
const IDS: [[&str; 3]; 5] = [
    ["auth0|5f7c", "auth0|5f7c", "auth0%7C5f7c"],
    ["org/acme", "org/acme", "org%2Facme"],
    ["Zoe\u{308}", "Zo\u{eb}", "Zo%C3%AB"],
    ["a~5", "a~5", "a~5"],
    ["=1+1 \u{1f600}", "=1+1 \u{1f600}", "%3D1%2B1%20%F0%9F%98%80"],
];

async fn get(s: &Server, path: &str) -> Value {
    let reply = s.call("GET", path, "", "").await;
    assert_eq!(reply.status, 200, "{path}: {}", reply.body);
    reply.body
}

fn encoded(text: &str) -> String {
    text.bytes().map(|b| format!("%{b:02X}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_takes_printable_ids() {
    let s = Server::start().await;
    for [sent, kept, url] in IDS {
        let opened = post(&s, "/v1/accounts", "", json!({"id": sent})).await;
        assert_eq!(opened["id"], kept);
        // Both forms open the same account once, and name it in a URL.
        let again = post(&s, "/v1/accounts", "", json!({"id": kept})).await;
        assert_eq!(again["replayed"], true, "{again}");
        assert_eq!(get(&s, &format!("/v1/accounts/{}", encoded(sent))).await["id"], kept);
        let at = |rest: &str| format!("/v1/accounts/{url}/{rest}");
        post(&s, &at("grants"), "g", json!({"amount": "100", "category": "purchased"})).await;

        let path = json!(["team:a/user:b", format!("user:{sent}")]);
        let ask = json!({"account": sent, "feature": "chat", "path": path, "dimensions": {"model": "m"},
            "quantities": {"tokens": 5}});
        let decision = post(&s, "/v1/authorize", "Zo\u{eb}|1", ask.clone()).await;
        assert_eq!(decision["account"], kept);
        // The same request under the same key, both in the other form.
        let mut other = ask;
        other["account"] = json!(kept);
        other["path"] = json!(["team:a/user:b", format!("user:{kept}")]);
        let replay = post(&s, "/v1/authorize", "Zoe\u{308}|1", other).await;
        assert_eq!((&replay["replayed"], &replay["decision_id"]), (&json!(true), &decision["decision_id"]));

        let id = decision["decision_id"].as_str().expect("an id");
        assert_eq!(id.rsplit_once('~').map(|(account, _)| account), Some(kept));
        let explained = get(&s, &format!("/v1/decisions/{}", encoded(id))).await;
        assert_eq!(explained["decision_id"], id);
        assert_eq!(
            explained["usage"]["path"],
            json!(["team:a/user:b", format!("user:{kept}")]),
            "{explained}"
        );
        assert_eq!(get(&s, &at("holds")).await["holds"].as_array().map(Vec::len), Some(1));
        let hold = decision["hold"]["id"].clone();
        post(&s, "/v1/settle", "", json!({"hold": hold, "quantities": {"tokens": 4}})).await;
        assert_eq!(get(&s, &at("balances")).await["available"], "96");

        let records = get(&s, &at("records?max=100")).await.to_string();
        assert!(records.contains(&json!(format!("{kept}~4")).to_string()), "{records}");
        let statement = get(&s, &at("statement")).await;
        assert_eq!((&statement["account"], &statement["closing"]), (&json!(kept), &json!("96")));
        for format in ["csv", "html", "text"] {
            let reply = s.call("GET", &at(&format!("statement?format={format}")), "", "").await;
            assert_eq!(reply.status, 200, "{format}: {}", reply.body);
        }
        let grant = get(&s, &at("balances")).await["grants"][0]["id"].clone();
        let grant = encoded(grant.as_str().expect("a grant"));
        post(&s, &at(&format!("grants/{grant}/void")), "v", json!({})).await;
        for rest in ["windows", "resets", "top-ups", "quarantine", "abuse"] {
            get(&s, &at(rest)).await;
        }
        let event = json!({"specversion": "1.0", "id": format!("{sent}-1"), "source": "/gateway", "type": "chat",
            "subject": sent, "data": {"tokens": 0, "model": "m", "path": ["user:a/b"]}});
        let mut same = event.clone();
        (same["id"], same["subject"]) = (json!(format!("{kept}-1")), json!(kept));
        let auth =
            format!("Authorization: Bearer {}\r\nContent-Type: application/cloudevents+json\r\n", s.admin);
        for (event, field) in [(event, "accepted"), (same, "duplicates")] {
            let told = s.raw("POST", "/v1/events", &auth, event.to_string().as_bytes()).await;
            assert_eq!(told.body[field], 1, "{}", told.body);
        }
        let log = get(&s, &format!("/v1/audit?account={}", encoded(sent))).await;
        assert!(log["entries"].is_array(), "{log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_and_reach_go_by_bytes() {
    let s = Server::start().await;
    let mut all = vec!["a", "a b", "a/b", "a/b~1", "ab", "a~", "a~1", "Zo\u{eb}", "Zo\u{eb}/1", "\u{6f22}"];
    for account in &all {
        post(&s, "/v1/accounts", "", json!({"id": account})).await;
    }
    all.sort_unstable();
    for (patterns, prefix) in
        [(&[][..], ""), (&["a*"], "a"), (&["a/*"], "a/"), (&["Zoe\u{308}*"], "Zo\u{eb}"), (&["a *"], "a ")]
    {
        let reader = key(&s.engine, &[Scope::Read], patterns).await;
        let head = format!("Authorization: Bearer {reader}\r\n");
        let reached: Vec<&str> = all.iter().copied().filter(|id| id.starts_with(prefix)).collect();
        for max in 1..=3 {
            let (mut seen, mut after) = (Vec::new(), String::new());
            loop {
                let page = s.raw("GET", &format!("/v1/accounts?max={max}{after}"), &head, b"").await.body;
                let names = page["accounts"].as_array().expect("a list").iter();
                seen.extend(names.map(|name| name.as_str().expect("an id").to_owned()));
                let Some(next) = page["next"].as_str() else { break };
                after = format!("&after={}", encoded(next));
            }
            assert_eq!(seen, reached, "{patterns:?} by {max}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_seen_is_refused_by_name() {
    let s = Server::start().await;
    for (id, says) in [
        ("a\u{200b}b", "character 2, U+200B, is invisible"),
        ("ab\u{202e}", "character 3, U+202E, is one that directs text"),
        ("a\nb", "character 2, U+000A, is a control character"),
        ("\u{e000}", "character 1, U+E000, is for private use"),
        ("a\u{378}", "character 2, U+0378, is not assigned"),
        ("a\u{a0}b", "character 2, U+00A0, is a blank other than the space"),
        ("a ", "neither begins nor ends with a blank"),
        ("..", "neither `.` nor `..`"),
        ("", "must not be empty"),
    ] {
        let ask = json!({"account": id, "feature": "chat"});
        let by_path = json!({"account": "a", "feature": "chat", "path": [format!("user:{id}")]});
        for (path, body) in [
            ("/v1/accounts", json!({"id": id})),
            ("/v1/authorize", ask.clone()),
            ("/v1/authorize", by_path),
            ("/v1/authorize", json!({"account": "a", "feature": "chat", "idempotency_key": id})),
        ] {
            let reply = s.call("POST", path, "k", &body.to_string()).await;
            let detail = reply.body["detail"].as_str().unwrap_or_default();
            assert!((400..500).contains(&reply.status) && detail.contains(says), "{body}: {}", reply.body);
        }
    }
    let long = "\u{eb}".repeat(129);
    let reply = s.call("POST", "/v1/accounts", "k", &json!({"id": long}).to_string()).await;
    assert!(reply.body["detail"].as_str().is_some_and(|d| d.contains("at most 256 bytes")), "{}", reply.body);
    // The longest one, through the key that its opening has by nature.
    let longest = "\u{eb}".repeat(128);
    assert_eq!(post(&s, "/v1/accounts", "", json!({"id": longest})).await["id"], longest);
    let decided = post(&s, "/v1/accounts", "", json!({"id": longest})).await;
    assert_eq!(decided["replayed"], true);
    // The catalog's names keep their own rule.
    let reply = s.call("POST", "/v1/authorize", "k", r#"{"account":"a","feature":"ch/at"}"#).await;
    assert_eq!((reply.status, reply.problem()), (422, "invalid_request"), "{}", reply.body);
}
