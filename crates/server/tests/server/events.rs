//! Usage as CloudEvents: structured, batched, binary; OpenMeter's conventions.

use serde_json::{Value, json};

use crate::common::{Reply, Server};

async fn post(s: &Server, headers: &str, body: &str) -> Reply {
    let headers = format!("Authorization: Bearer {}\r\n{headers}", s.admin);
    s.raw("POST", "/v1/events", &headers, body.as_bytes()).await
}

fn event(id: &str, tokens: Value) -> Value {
    json!({"specversion": "1.0", "id": id, "source": "proxy", "type": "chat", "subject": "acme",
        "data": {"tokens": tokens, "model": "m", "path": "user:u1", "duration_ms": 12}})
}

const STRUCTURED: &str = "Content-Type: application/cloudevents+json; charset=utf-8\r\n";
const BATCHED: &str = "Content-Type: application/cloudevents-batch+json\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn an_event_counts_once_in_every_mode() {
    let s = Server::start().await;
    s.open("acme", "100").await;
    let first = post(&s, STRUCTURED, &event("e1", json!("3")).to_string()).await;
    assert_eq!((first.status, &first.body["accepted"]), (200, &json!(1)), "{}", first.body);
    // The same event in binary mode: the same source and id.
    let binary = "Content-Type: application/json\r\nce-specversion: 1.0\r\nce-id: e1\r\nce-source: proxy\r\nce-type: chat\r\nce-subject: acme\r\n";
    let data = r#"{"tokens": 3, "model": "m", "path": "user:u1", "duration_ms": 12}"#;
    let again = post(&s, binary, data).await;
    assert_eq!((again.status, &again.body["duplicates"]), (200, &json!(1)), "{}", again.body);
    // Another use under the same source and id is refused.
    let other = post(&s, STRUCTURED, &event("e1", json!(4)).to_string()).await;
    assert_eq!((other.status, other.problem()), (422, "idempotency_conflict"));
    let batch =
        json!([event("e1", json!(3)), event("e2", json!(5)), event("e3", json!(-1)), event("e2", json!(5))]);
    let batch = post(&s, BATCHED, &batch.to_string()).await.body;
    assert_eq!(batch["accepted"].as_u64().zip(batch["duplicates"].as_u64()), Some((1, 2)), "{batch}");
    assert_eq!((&batch["refused"][0]["n"], &batch["refused"][0]["id"]), (&json!(2), &json!("e3")));
    assert_eq!(s.balances("acme").await["available"], "92");
    let records = s.call("GET", "/v1/accounts/acme/records?from=3", "", "").await.body;
    let usage = &records["records"][0]["charge"]["usage"];
    assert_eq!((&usage["path"], &usage["dimensions"]["duration_ms"]), (&json!("user:u1"), &json!("12")));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_event_is_refused_with_the_reason() {
    let s = Server::start().await;
    s.open("acme", "100").await;
    let without = |name: &str| {
        let mut event = event("e", json!(1));
        event.as_object_mut().expect("object").remove(name);
        event.to_string()
    };
    for name in ["specversion", "id", "source", "type", "subject"] {
        let answer = post(&s, STRUCTURED, &without(name)).await;
        assert_eq!(answer.status, 422, "{name}");
        assert!(
            answer.body["detail"].as_str().is_some_and(|d| d.contains(&format!("no `{name}`"))),
            "{}",
            answer.body
        );
    }
    let mut odd = event("e", json!(1));
    odd["time"] = json!("yesterday");
    assert_eq!(post(&s, STRUCTURED, &odd.to_string()).await.status, 422);
    assert_eq!(post(&s, STRUCTURED, "[]").await.status, 422, "a list is no single event");
    assert_eq!(post(&s, BATCHED, "{").await.problem(), "malformed_body");
    let nobody = event("e", json!(1)).to_string().replace("acme", "nobody");
    assert_eq!(post(&s, STRUCTURED, &nobody).await.problem(), "unknown_account");
    assert_eq!(s.balances("acme").await["available"], "100");
}

/// A use that somebody meant is recorded whole or refused: never as nothing.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_misspelled_is_refused() {
    let s = Server::start().await;
    s.open("acme", "100").await;
    let with = |field: &str, value: Value| {
        let mut event = event("typo", json!(3));
        event[field] = value;
        event
    };
    let data = |data: Value| with("data", data);
    #[rustfmt::skip]
    let rows = [
        (data(json!({"token": 500, "model": "m"})), "unknown_meter"),
        (data(json!({"Tokens": "500", "model": "m"})), "unknown_meter"),
        (data(json!({"tokens": 5, "token": 500, "model": "m"})), "unknown_meter"),
        (data(json!({"tokens": 5, "output": "1,500", "model": "m"})), "unknown_meter"),
        (data(json!({"tokens": 5, "output": 1.5e3, "model": "m"})), "unknown_meter"),
        (data(json!({"model": "m"})), "missing_meter"),
        (data(json!({"tokens": null, "model": "m"})), "missing_meter"),
        (data(Value::Null), "unknown_price"),
        (data(json!({"tokens": 5, "model": "other"})), "unknown_price"),
        (data(json!({"tokens": 5, "requests": 0, "model": "m"})), "invalid_request"),
        (data(json!({"tokens": true, "model": "m"})), "invalid_request"),
        (data(json!({"tokens": -5, "model": "m"})), "invalid_request"),
        (data(json!({"tokens": "", "model": "m"})), "invalid_request"),
        (data(json!("{\"tokens\": 5}")), "invalid_request"),
        (data(json!([{"tokens": 5}])), "invalid_request"),
        (with("type", json!("chats")), "unknown_feature"),
        (with("subject", json!("nobody")), "unknown_account"),
        (with("time", json!(1_767_225_600)), "invalid_request"),
        (with("time", json!("")), "invalid_request"),
        (with("id", json!(7)), "invalid_request"),
        (with("id", json!("")), "invalid_request"),
        (with("source", json!(["a"])), "invalid_request"),
        (with("specversion", json!(1.0)), "invalid_request"),
        (with("datacontenttype", json!("application/xml")), "invalid_request"),
        (with("data_base64", json!("eyJ0b2tlbnMiOiA1fQ==")), "invalid_request"),
        (json!("event"), "invalid_request"),
    ];
    for (event, problem) in &rows {
        let batch = post(&s, BATCHED, &json!([event]).to_string()).await.body;
        let kind = batch["refused"][0]["problem"]["type"].as_str().unwrap_or_default();
        assert_eq!(kind, format!("urn:headworks:problem:{problem}"), "{event}: {batch}");
        // Late use is held to the same: what waits in quarantine can be charged.
        let mut late = event.clone();
        if late.get("time").is_none() && late.is_object() {
            late["time"] = json!("2024-06-01T00:00:00Z");
            let batch = post(&s, BATCHED, &json!([late]).to_string()).await.body;
            assert_eq!(batch["refused"][0]["problem"]["type"], kind, "{late}: {batch}");
        }
    }
    // The same of use that is recorded without an event.
    let ask = |quantities: Value| {
        json!({"account": "acme", "feature": "chat", "dimensions": {"model": "m"}, "quantities": quantities})
            .to_string()
    };
    for (quantities, problem) in [(json!({"token": 5}), "unknown_meter"), (json!({}), "missing_meter")] {
        assert_eq!(s.call("POST", "/v1/record", "r", &ask(quantities)).await.problem(), problem);
    }
    assert_eq!(s.balances("acme").await["spent"], "0");
}

/// Source: CloudEvents 1.0.2, HTTP protocol binding, 3.1.3.2: quotes, then one round of percent decoding.
#[tokio::test(flavor = "multi_thread")]
async fn an_event_has_one_key_in_every_mode() {
    let s = Server::start().await;
    s.open("acme", "100").await;
    let binary = |id: &str, source: &str| {
        format!(
            "Content-Type: Application/JSON\r\nce-specversion: 1.0\r\nce-id: {id}\r\nce-source: {source}\r\nce-type: chat\r\n\
             ce-subject: acme\r\nce-myextension: x\r\n"
        )
    };
    let tokens = r#"{"tokens": 1, "model": "m"}"#;
    #[rustfmt::skip]
    let rows = [
        ("ü€1", "/s", [("%C3%BC%E2%82%AC1", "/s"), ("\"%C3%BC%e2%82%ac1\"", "\"/s\"")]),
        ("Euro € \"x\" 100%", "/a b", [("Euro%20%E2%82%AC%20%22x%22%20100%25", "/a%20b"), (r#""Euro € \"x\" 100%25""#, "/a b")]),
        ("50%25", "/s", [("50%2525", "/s"), ("\"50\\%2525\"", "/s")]),
    ];
    for (id, source, others) in rows {
        let one = json!({"specversion": "1.0", "id": id, "source": source, "type": "chat", "subject": "acme",
            "data": {"tokens": 1, "model": "m"}});
        let mut coded = one.clone();
        coded.as_object_mut().expect("object").remove("data");
        coded["data_base64"] = json!("eyJ0b2tlbnMiOiAxLCAibW9kZWwiOiAibSJ9");
        coded["datacontenttype"] = json!("application/json; charset=utf-8");
        let first =
            post(&s, "Content-Type: Application/CloudEvents+JSON; charset=utf-8\r\n", &one.to_string()).await;
        assert_eq!(first.body["accepted"], 1, "{id}: {}", first.body);
        let again = post(&s, BATCHED, &json!([one, coded]).to_string()).await;
        assert_eq!(again.body["duplicates"], 2, "{id}: {}", again.body);
        for (id, source) in others {
            let again = post(&s, &binary(id, source), tokens).await;
            assert_eq!(again.body["duplicates"], 1, "{id} {source}: {}", again.body);
        }
    }
    assert_eq!(s.balances("acme").await["spent"], "3");
    for (headers, status) in [
        (binary("x", "/s").replace("Application/JSON", "text/plain"), 422),
        (binary("%FF", "/s"), 422),
        (format!("{}ce-id: other\r\n", binary("x", "/s")), 422),
        // The media type says that the body is the event.
        (binary("x", "/s").replace("Application/JSON", "application/cloudevents+json"), 422),
    ] {
        assert_eq!(post(&s, &headers, tokens).await.status, status, "{headers}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_events_of_a_batch_are_recorded_in_their_order() {
    let s = Server::start().await;
    s.open("acme", "1000").await;
    let mut events: Vec<Value> = (1..=40).map(|n| event(&format!("e{n}"), json!(n))).collect();
    // Of two that share an id the first counts, and the other is no retry of it.
    events.push(event("e1", json!(500)));
    let done = post(&s, BATCHED, &json!(events).to_string()).await.body;
    assert_eq!(done["accepted"], json!(40), "{done}");
    assert_eq!((&done["refused"][0]["n"], &done["refused"][1]), (&json!(40), &Value::Null));
    let records = s.call("GET", "/v1/accounts/acme/records?from=3", "", "").await.body;
    let quantity = |r: &Value| r["charge"]["usage"]["lines"][0]["quantity"].as_u64();
    let recorded: Vec<u64> =
        records["records"].as_array().expect("a list").iter().filter_map(quantity).collect();
    assert_eq!(recorded, (1..=40).collect::<Vec<u64>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn use_of_a_free_meter_alone_is_use_that_somebody_forgot() {
    let s = Server::start().await;
    let free = r#"
version = "free"
default_plan = "p"
[meters]
tokens = { unit = "token" }
idle = { unit = "second" }
[features.chat]
meters = ["tokens", "idle"]
rate_card = "card"
[[rate_cards.card]]
effective_from = "2020-01-01T00:00:00Z"
prices = [{ feature = "chat", credits = { tokens = "1", idle = "0" } }]
[plans.p]
features = ["chat"]
waterfall = [{ grants = { name = "g" } }]
"#;
    assert_eq!(s.call("PUT", "/v1/catalog", "c", free).await.status, 200);
    s.open("acme", "100").await;
    let used = |id: &str, data: Value| {
        json!({"specversion": "1.0", "id": id, "source": "proxy", "type": "chat", "subject": "acme", "data": data})
            .to_string()
    };
    for (id, data, problem) in [
        ("a", json!({"idle": 5}), Some("missing_meter")),
        ("b", json!({"requests": 1}), Some("missing_meter")),
        ("c", json!({"idle": 5, "tokens": 0}), None),
        ("d", json!({"tokens": 2}), None),
    ] {
        let answer = post(&s, STRUCTURED, &used(id, data.clone())).await;
        match problem {
            None => assert_eq!(answer.body["accepted"], json!(1), "{data}: {}", answer.body),
            Some(problem) => assert_eq!((answer.status, answer.problem()), (422, problem), "{data}"),
        }
        let ask = json!({"account": "acme", "feature": "chat", "quantities": data});
        let direct = s.call("POST", "/v1/record", &format!("direct {id}"), &ask.to_string()).await;
        assert_eq!(direct.status == 200, problem.is_none(), "{data}: {}", direct.body);
    }
    assert_eq!(s.balances("acme").await["available"], "96");
}
