//! Upstreams that answer in ways of their own, and reports that nobody expected.

use headworks_core::command::Command;
use headworks_core::record::{Credits, GrantId};
use http::StatusCode;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::world::{CATALOG, WRITING, World, answer, request, setup, text};

/// An upstream that gives the same answer to every request: the head of the answer after its first line, and the body.
async fn upstream(head: &'static str, body: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("listens");
    let address = listener.local_addr().expect("an address").to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let answer = format!("HTTP/1.1 {head}connection: close\r\n\r\n{body}");
            tokio::spawn(async move {
                // The whole request is in one part.
                let _ = stream.read(&mut [0; 65_536]).await;
                let _ = stream.write_all(answer.as_bytes()).await;
            });
        }
    });
    address
}

async fn before(head: &'static str, body: &str) -> World {
    let address = upstream(head, body.to_owned()).await;
    World::with(CATALOG, |_| setup(&address, "")).await
}

/// A stream is one by whichever name it comes: it is metered, and its report counts.
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_is_metered_by_whichever_name_it_comes() {
    let chunk = |text: &str| {
        format!("data: {}\n\n", json!({"id": "c", "choices": [{"index": 0, "delta": {"content": text}}]}))
    };
    let usage = json!({"id": "c", "choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 5}});
    let body = format!("{}{}data: {usage}\n\ndata: [DONE]\n\n", chunk("a few "), chunk("words"));
    for head in [
        "200 OK\r\ncontent-type: Text/Event-Stream; charset=utf-8\r\n",
        "200 OK\r\n",
        "200 OK\r\ncontent-type: application/octet-stream\r\n",
    ] {
        let world = before(head, &body).await;
        let (status, got) =
            text(world.send(WRITING[0], request(WRITING[0], true, 50, json!({}))).await).await;
        assert_eq!(status, StatusCode::OK, "{got}");
        // 7 at 0.001, 5 at 0.002.
        assert_eq!(world.charge().await.1, "0.017", "{head}");
    }
}

/// What cannot be read as what it should be is counted all the same.
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_counted() {
    let words = "word ".repeat(40);
    let parts = json!({"choices": [{"index": 0, "delta": {"content": [{"type": "text", "text": words}]}}]});
    for (head, body, is_stream) in [
        ("200 OK\r\ncontent-type: text/event-stream\r\n", format!("data: {parts}\n\ndata: [DONE]\n\n"), true),
        ("200 OK\r\ncontent-type: text/event-stream\r\n", format!("{{\"text\": \"{words}\"}}\n\n"), true),
        ("200 OK\r\ncontent-type: text/event-stream\r\n", format!("data: {{\"text\": \"{words}\n\n"), true),
        ("200 OK\r\ncontent-type: text/event-stream\r\n", format!("data: {words}\n\n"), false),
        ("200 OK\r\ncontent-type: application/json\r\n", format!("{{\"text\": \"{words}"), false),
    ] {
        let world = before(head, &body).await;
        text(world.send(WRITING[0], request(WRITING[0], is_stream, 100, json!({}))).await).await;
        let (lines, _) = world.charge().await;
        // 200 bytes are about 50 tokens.
        assert!((50..=100).contains(&lines["output_tokens"]), "{body}: {lines:?}");
    }
}

/// A stream that has come to its end is over, also if its upstream does not hang up; one that lacks the last mark as well.
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_is_over_when_it_says_so() {
    let last =
        json!({"id": "c", "choices": [{"index": 0, "delta": {"content": "words"}, "finish_reason": "stop"}]});
    let usage = json!({"id": "c", "choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 5}});
    let body = format!("data: {last}\n\ndata: {usage}\n\n");
    let world = before("200 OK\r\ncontent-type: text/event-stream\r\n", &body).await;
    let (_, got) = text(world.send(WRITING[0], request(WRITING[0], true, 50, json!({}))).await).await;
    assert!(!got.contains("error"), "{got}");
    // A length that never comes.
    let body = format!("{body}data: [DONE]\n\n");
    let world =
        before("200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 100000\r\n", &body).await;
    let (_, got) = text(world.send(WRITING[0], request(WRITING[0], true, 50, json!({}))).await).await;
    assert!(got.ends_with("data: [DONE]\n\n"), "{got}");
}

/// Statuses that no caller can use are the gateway's to explain.
#[tokio::test(flavor = "multi_thread")]
async fn odd_statuses_are_refusals() {
    for head in
        ["302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n", "304 Not Modified\r\n"]
    {
        let world = before(head, "").await;
        let (status, body) =
            answer(world.send(WRITING[0], request(WRITING[0], false, 50, json!({}))).await).await;
        assert_eq!(
            (status, body["error"]["code"].as_str()),
            (StatusCode::BAD_GATEWAY, Some("upstream_refused")),
            "{head}"
        );
        world.idle().await;
        assert_eq!(world.available().await, "1000", "{head}");
    }
}

/// What is reported beyond the hold is paid as far as there is anything to pay it with, at every overshoot rule.
#[tokio::test(flavor = "multi_thread")]
async fn a_report_beyond_the_hold_is_paid_as_far_as_it_can_be() {
    for rule in ["goodwill", "refund", "reject", "debt"] {
        let catalog = CATALOG.replace("overshoot = \"refund\"", &format!("overshoot = \"{rule}\""));
        let catalog = if rule == "debt" {
            catalog.replace(
                "{ name = \"credits\" } }]",
                "{ name = \"credits\" } }, { overdraft = { name = \"over\", limit = \"1\" } }]",
            )
        } else {
            catalog
        };
        for (reported, charged) in [(1_000, "2.003"), (1_000_000, "1000")] {
            let world = World::with(&catalog, |address| setup(address, "")).await;
            let usage = json!({"prompt_tokens": 3, "completion_tokens": reported});
            let body = request(WRITING[0], false, 50, json!({"usage": usage}));
            let (status, _) = answer(world.send(WRITING[0], body).await).await;
            assert_eq!(status, StatusCode::OK);
            world.idle().await;
            let left: Credits = world.available().await.parse().expect("credits");
            let paid = 1_000_000_000_000 - left.nano();
            let expected: Credits = charged.parse().expect("credits");
            // One token of output is the least that more is held by.
            let within = (expected.nano() - 20_000_000..=expected.nano()).contains(&paid);
            assert!(within || rule == "debt", "{rule} {reported}: {left}");
        }
    }
}

/// A dearer price than was held is paid as well, where there is anything to pay it with.
#[tokio::test(flavor = "multi_thread")]
async fn a_dearer_price_than_was_held_is_paid() {
    let catalog = CATALOG.replace("overshoot = \"refund\"", "overshoot = \"goodwill\"");
    // A tier that was not asked for: twice 100 at 0.001 and 10 at 0.002.
    let world = World::with(&catalog, |address| setup(address, "")).await;
    let usage = json!({"prompt_tokens": 100, "completion_tokens": 10, "service_tier": "priority"});
    text(world.send(WRITING[0], request(WRITING[0], false, 10, json!({"usage": usage}))).await).await;
    world.idle().await;
    assert_eq!(world.available().await, "999.76");
    // Writes of a cache that nobody asked for: 600 at 0.002, 1 at 0.001, 10 at 0.002.
    let world = World::with(&catalog, |address| setup(address, "")).await;
    let usage = json!({"input_tokens": 1, "output_tokens": 10, "cache_creation_input_tokens": 600,
        "cache_creation": {"ephemeral_1h_input_tokens": 600}});
    text(world.send("/v1/messages", request("/v1/messages", false, 10, json!({"usage": usage}))).await).await;
    world.idle().await;
    assert_eq!(world.available().await, "998.779");
    // A count that cannot be is none.
    let world = World::with(&catalog, |address| setup(address, "")).await;
    let usage = json!({"prompt_tokens": 9_223_372_036_854_775_807_u64, "completion_tokens": 10});
    text(world.send(WRITING[0], request(WRITING[0], false, 10, json!({"usage": usage}))).await).await;
    assert!(world.charge().await.0["output_tokens"] <= 10);
}

/// An operator sees how calls ended, what was charged, and what no upstream reported.
#[tokio::test(flavor = "multi_thread")]
async fn calls_are_measured() {
    let world = World::new().await;
    let path = WRITING[0];
    for (is_stream, mock) in [
        (true, json!({"input_tokens": 7, "output_tokens": 5})),
        (false, json!({"input_tokens": 7, "output_tokens": 5, "no_usage": true})),
        (true, json!({"fault": {"cut_after": 3}, "input_tokens": 7})),
        (false, json!({"fault": {"status": 429}})),
    ] {
        // One of them breaks off.
        let _ = text(world.send(path, request(path, is_stream, 50, mock)).await).await;
    }
    world.idle().await;
    world.run("acme", "void", Command::Void { grant: GrantId(2), reason: None }).await;
    let call = request(path, false, 50, json!({}));
    assert_eq!(text(world.send(path, call).await).await.0, StatusCode::TOO_MANY_REQUESTS);
    let mut registry = prometheus_client::registry::Registry::with_prefix("headworks");
    world.gateway.register(&mut registry);
    let mut shown = String::new();
    prometheus_client::encoding::text::encode(&mut shown, &registry).expect("is written");
    for line in [
        "headworks_gateway_calls_total{model=\"m\",ended=\"complete\"} 2",
        "headworks_gateway_calls_total{model=\"m\",ended=\"broken\"} 1",
        "headworks_gateway_calls_total{model=\"m\",ended=\"refused\"} 1",
        "headworks_gateway_calls_total{model=\"m\",ended=\"denied\"} 1",
        "headworks_gateway_upstream_answers_total{upstream=\"o\",status=\"200\"} 3",
        "headworks_gateway_upstream_answers_total{upstream=\"o\",status=\"429\"} 1",
        "headworks_gateway_upstream_answer_seconds_count{upstream=\"o\"} 4",
        "headworks_gateway_estimated_total{model=\"m\"} 2",
    ] {
        assert!(shown.lines().any(|shown| shown == line), "{line}:\n{shown}");
    }
}
