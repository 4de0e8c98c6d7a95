//! Each ending, as a whole and as a stream, of each protocol: the hold ends once, and the charge is what was used.

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

use crate::world::{WRITING, World, answer, request, text};

/// What a charge of so many tokens of input and output comes to.
fn price(input: u64, output: u64) -> (Vec<(&'static str, u64)>, String) {
    let nano = input * 1_000_000 + output * 2_000_000;
    let credits = headworks_core::record::Credits::from_nano(i64::try_from(nano).expect("fits"));
    let lines = [("input_tokens", input), ("output_tokens", output)];
    (lines.into_iter().filter(|(_, n)| *n > 0).collect(), credits.to_string())
}

async fn assert_charged(world: &World, input: u64, output: u64, of: &str) {
    let (lines, credits) = world.charge().await;
    let lines: Vec<(&str, u64)> = lines.iter().map(|(meter, n)| (meter.as_str(), *n)).collect();
    assert_eq!((lines, credits), price(input, output), "{of}");
    let left = headworks_core::record::Credits::from_nano(
        1_000_000_000_000 - i64::try_from(input * 1_000_000 + output * 2_000_000).expect("fits"),
    );
    assert_eq!(world.available().await, left.to_string(), "{of}");
    assert_eq!(world.kinds(), ["authorized", "settled"], "{of}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_normal_end_is_charged_as_reported() {
    for path in WRITING {
        for is_stream in [false, true] {
            let world = World::new().await;
            let mock = json!({"input_tokens": 3, "output_tokens": 12});
            let response = world.send(path, request(path, is_stream, 50, mock)).await;
            assert!(response.headers().contains_key("x-headworks-decision"), "{path}");
            let (status, body) = text(response).await;
            assert_eq!(status, StatusCode::OK, "{path} {body}");
            assert!(body.contains("tok tok") || body.matches("tok ").count() >= 12, "{path} {body}");
            assert_charged(&world, 3, 12, &format!("{path} {is_stream}")).await;
        }
    }
    let world = World::new().await;
    let (status, _) = answer(
        world.send("/v1/embeddings", request("/v1/embeddings", false, 0, json!({"input_tokens": 3}))).await,
    )
    .await;
    assert_eq!(status, StatusCode::OK);
    assert_charged(&world, 3, 0, "embeddings").await;
}

/// Without a report the input is charged as estimated, and the output as counted.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_reported_is_counted() {
    for path in WRITING {
        for is_stream in [false, true] {
            let world = World::new().await;
            let mock = json!({"input_tokens": 3, "output_tokens": 12, "no_usage": true});
            let (status, _) = text(world.send(path, request(path, is_stream, 50, mock)).await).await;
            assert_eq!(status, StatusCode::OK, "{path}");
            let (lines, _) = world.charge().await;
            // Twelve tokens of four bytes in a stream; in a body there is more around them.
            let output = lines["output_tokens"];
            assert!(
                if is_stream { output == 12 } else { (12..=50).contains(&output) },
                "{path} {is_stream}: {lines:?}"
            );
            assert!((4..=12).contains(&lines["input_tokens"]), "{path}: {lines:?}");
            let records = world.records();
            let text = format!("{:?}", records.last());
            assert!(text.contains("estimated"), "{path}: {text}");
        }
    }
}

/// A report that lacks a sum is no report of zero.
#[tokio::test(flavor = "multi_thread")]
async fn a_report_without_its_sums_is_none() {
    for path in WRITING {
        for is_stream in [false, true] {
            for usage in [json!({}), json!({"total_tokens": 5}), json!({"prompt_tokens": "x"}), json!([])] {
                let world = World::new().await;
                let mock = json!({"output_tokens": 12, "usage": usage});
                let (status, _) = text(world.send(path, request(path, is_stream, 50, mock)).await).await;
                assert_eq!(status, StatusCode::OK, "{path}");
                let (lines, _) = world.charge().await;
                assert!(
                    lines["output_tokens"] >= 12 && lines["input_tokens"] >= 4,
                    "{path} {usage}: {lines:?}"
                );
            }
        }
    }
}

/// A report of zero is a report.
#[tokio::test(flavor = "multi_thread")]
async fn zero_is_charged_as_zero() {
    for path in WRITING {
        for is_stream in [false, true] {
            let world = World::new().await;
            let usage = if path.ends_with("completions") {
                json!({"prompt_tokens": 0, "completion_tokens": 0})
            } else {
                json!({"input_tokens": 0, "output_tokens": 0})
            };
            let mock = json!({"output_tokens": 12, "usage": usage});
            let (status, _) = text(world.send(path, request(path, is_stream, 50, mock)).await).await;
            assert_eq!(status, StatusCode::OK, "{path}");
            assert_charged(&world, 0, 0, &format!("{path} {is_stream}")).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_that_refuses_costs_nothing() {
    for path in WRITING {
        for status in [400, 404, 429, 500, 529] {
            let world = World::new().await;
            let mock = json!({"fault": {"status": status}});
            let (got, body) = answer(world.send(path, request(path, true, 50, mock)).await).await;
            assert_eq!(got.as_u16(), status, "{path} {body}");
            // What an upstream says of its limits and machines is the operator's business.
            let is_said = body["error"]["message"] == "as wished";
            assert_eq!(is_said, status < 429, "{path} {body}");
            world.idle().await;
            assert_eq!(world.kinds(), ["authorized", "released"], "{path} {status}");
            assert_eq!(world.available().await, "1000", "{path} {status}");
        }
    }
    // The operator's key is nobody else's business.
    let world = World::new().await;
    let (got, body) = answer(
        world.send(WRITING[0], request(WRITING[0], true, 50, json!({"fault": {"status": 401}}))).await,
    )
    .await;
    assert_eq!(
        (got, body["error"]["code"].as_str()),
        (StatusCode::BAD_GATEWAY, Some("upstream_refused")),
        "{body}"
    );
}

/// A stream that breaks off ends with an error, never like a whole one; what was written is charged.
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_breaks_off_ends_with_an_error() {
    for path in WRITING {
        for fault in ["cut_after", "end_after", "malformed_after"] {
            let world = World::new().await;
            let mock = json!({"input_tokens": 3, "output_tokens": 40, "fault": {fault: 5}});
            let (status, body) = text(world.send(path, request(path, true, 50, mock)).await).await;
            assert_eq!(status, StatusCode::OK);
            assert!(
                !body.contains("[DONE]")
                    && !body.contains("message_stop")
                    && !body.contains("response.completed")
            );
            // What the upstream has not finished is not passed on.
            let events: Vec<&str> = body.trim_end().split("\n\n").collect();
            for event in &events {
                let data = event.lines().filter_map(|line| line.strip_prefix("data: ")).collect::<Vec<_>>();
                assert!(serde_json::from_str::<Value>(&data.join("\n")).is_ok(), "{path} {fault}: {event}");
            }
            let last = events.last().expect("an event");
            assert!(
                last.contains("\"error\"") && last.contains("upstream_truncated"),
                "{path} {fault}: {last}"
            );
            let (lines, _) = world.charge().await;
            let got = u64::try_from(body.matches("tok ").count()).expect("fits");
            assert_eq!(lines["output_tokens"], got, "{path} {fault}");
            assert!((3..=5).contains(&got), "{path} {fault}: {got}");
            assert_eq!(world.kinds(), ["authorized", "settled"], "{path} {fault}");
        }
        // Nothing was written.
        let world = World::new().await;
        let mock = json!({"input_tokens": 3, "output_tokens": 40, "fault": {"cut_after": 0}});
        text(world.send(path, request(path, true, 50, mock)).await).await;
        world.idle().await;
        assert_eq!(world.kinds(), ["authorized", "released"], "{path}");
    }
}

/// An error inside a stream that was begun is passed on as it came.
#[tokio::test(flavor = "multi_thread")]
async fn an_error_in_a_stream_is_passed_on() {
    for path in WRITING {
        let world = World::new().await;
        let mock = json!({"input_tokens": 3, "output_tokens": 40, "fault": {"error_after": 5}});
        let (_, body) = text(world.send(path, request(path, true, 50, mock)).await).await;
        assert!(body.contains("as wished"), "{path} {body}");
        let (lines, _) = world.charge().await;
        assert_eq!(lines["output_tokens"], 5, "{path}");
    }
}

/// A caller who leaves in the middle of a stream pays for what was generated, and no more than was held.
#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_leaves_pays_for_what_was_generated() {
    for path in WRITING {
        // A stream that ends soon is read to its end, so its own report counts.
        let world = World::new().await;
        let mock = json!({"input_tokens": 3, "output_tokens": 40, "tokens_per_second": 400});
        let mut response = world.send(path, request(path, true, 50, mock)).await;
        for _ in 0..3 {
            response.body_mut().frame().await.expect("a frame").expect("a part");
        }
        drop(response);
        assert_charged(&world, 3, 40, path).await;
        // A long one is left after a second.
        let world = World::new().await;
        let mock = json!({"input_tokens": 3, "output_tokens": 1_000, "tokens_per_second": 50});
        let mut response = world.send(path, request(path, true, 1_000, mock)).await;
        for _ in 0..8 {
            response.body_mut().frame().await.expect("a frame").expect("a part");
        }
        drop(response);
        let (lines, _) = world.charge().await;
        let served = &world.upstream.served()[0];
        assert!((30..=110).contains(&lines["output_tokens"]), "{path}: {lines:?}, {served:?}");
        assert_eq!(world.kinds(), ["authorized", "settled"], "{path}");
    }
}

/// Nobody pays for a call that was given up before its upstream answered.
#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_given_up_before_its_answer_costs_nothing() {
    for path in WRITING {
        for is_stream in [false, true] {
            let world = World::new().await;
            world.give_up(world.send(path, request(path, is_stream, 50, json!({"fault": "hang"})))).await;
            world.idle().await;
            assert_eq!(world.kinds(), ["authorized", "released"], "{path} {is_stream}");
            assert_eq!(world.available().await, "1000", "{path}");
        }
    }
}

/// What no upstream answers in time is refused as such, and released.
#[tokio::test(flavor = "multi_thread")]
async fn an_upstream_that_does_not_answer_costs_nothing() {
    let slow = |address: &str| {
        crate::world::setup(address, "")
            .replace("protocol =", "answer_timeout = \"1s\"\nidle_timeout = \"1s\"\nprotocol =")
    };
    let world = World::with(crate::world::CATALOG, slow).await;
    for path in WRITING {
        let (status, body) =
            answer(world.send(path, request(path, false, 50, json!({"fault": "hang"}))).await).await;
        assert_eq!(status, StatusCode::GATEWAY_TIMEOUT, "{body}");
    }
    world.idle().await;
    assert!(world.charges().is_empty());
    // A stream that stands still.
    let mock = json!({"output_tokens": 10, "tokens_per_event": 5, "tokens_per_second": 1});
    let (_, body) = text(world.send(WRITING[0], request(WRITING[0], true, 50, mock)).await).await;
    assert!(body.contains("upstream_truncated"), "{body}");
    let (lines, _) = world.charge().await;
    assert_eq!(lines["output_tokens"], 5);
}

/// A stream is cut before what nobody pays for, and ends as its protocol ends one that has reached its length.
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_is_cut_before_what_is_not_paid() {
    for path in WRITING {
        let world = World::new().await;
        // 999.8 credits are spoken for: what is left pays for input, and for less than 100 tokens of output.
        let big = json!({"input_tokens": 1, "usage": usage(path, 0, 499_900)});
        let (status, body) = answer(world.send(path, request(path, false, 500_000, big)).await).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        world.idle().await;
        assert_eq!(world.available().await, "0.2", "{path}");
        let mock = json!({"input_tokens": 3, "output_tokens": 500});
        let response = world.send(path, request(path, true, 1_000, mock)).await;
        let (status, body) = text(response).await;
        assert_eq!(status, StatusCode::OK, "{path} {body}");
        let written = body.matches("tok ").count();
        // 0.2 credits: about 6 tokens of input, so 97 of output.
        assert!((80..=100).contains(&written) || path == "/v1/responses", "{path}: {written}");
        let ends = match path {
            "/v1/responses" => "\"incomplete_details\":{\"reason\":\"max_output_tokens\"}",
            "/v1/messages" => "\"stop_reason\":\"max_tokens\"",
            _ => "\"finish_reason\":\"length\"",
        };
        assert!(body.contains(ends), "{path} {body}");
        world.idle().await;
        let left: headworks_core::record::Credits = world.available().await.parse().expect("credits");
        assert!(left.nano() >= 0, "{path}: {left}");
        assert_eq!(world.charges().len(), 2);
    }
}

fn usage(path: &str, input: u64, output: u64) -> Value {
    if path.ends_with("completions") {
        json!({"prompt_tokens": input, "completion_tokens": output})
    } else {
        json!({"input_tokens": input, "output_tokens": output})
    }
}

/// What an upstream sends reaches the caller unchanged.
#[tokio::test(flavor = "multi_thread")]
async fn events_are_passed_on_byte_for_byte() {
    for path in WRITING {
        let (world, other) = (World::new().await, World::new().await);
        let mut ask: Value =
            serde_json::from_str(&request(path, true, 50, json!({"output_tokens": 40}))).expect("JSON");
        ask["model"] = "dear".into();
        if path.ends_with("completions") {
            ask["stream_options"] = json!({"include_usage": true});
        }
        let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
        let direct = Request::post(format!("http://{}{path}", other.upstream.address));
        let direct = client.request(direct.body(Full::from(ask.to_string())).expect("a request")).await;
        let sent = direct.expect("answers").into_body().collect().await.expect("a body").to_bytes();
        let (_, passed) = text(world.send(path, ask.to_string()).await).await;
        assert_eq!(passed.as_bytes(), &sent[..], "{path}");
    }
}
