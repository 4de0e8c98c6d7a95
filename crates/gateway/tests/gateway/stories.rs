//! What other gateways got wrong, one test each.

use std::sync::Arc;

use headworks_core::command::Command;
use headworks_core::record::{GrantId, KeyGateway, Label};
use http::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::world::{CATALOG, FORM, WRITING, World, answer, form, request, setup, text};

fn lines(all: &[(&str, u64)]) -> std::collections::BTreeMap<String, u64> {
    all.iter().map(|(meter, n)| ((*meter).to_owned(), *n)).collect()
}

/// Input that is read from a cache, or written to one, has its own price, and is not charged as input once more.
#[tokio::test(flavor = "multi_thread")]
async fn cached_input_is_charged_once() {
    let world = World::new().await;
    let usage = json!({"prompt_tokens": 1_000, "completion_tokens": 10, "prompt_tokens_details": {"cached_tokens": 900}});
    text(world.send(WRITING[0], request(WRITING[0], true, 50, json!({"usage": usage}))).await).await;
    // 100 at 0.001, 900 at 0.0001, 10 at 0.002.
    let expected = lines(&[("input_tokens", 100), ("cached_input_tokens", 900), ("output_tokens", 10)]);
    assert_eq!(world.charge().await, (expected, "0.21".to_owned()));
    // The start of a stream has the whole report, its end the totals once more; written for an hour.
    let world = World::new().await;
    let usage = json!({"input_tokens": 6, "cache_creation_input_tokens": 159_217, "cache_read_input_tokens": 0, "output_tokens": 20,
        "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 159_217}});
    text(world.send("/v1/messages", request("/v1/messages", true, 50, json!({"usage": usage}))).await).await;
    let expected = lines(&[("input_tokens", 6), ("cache_write_1h_tokens", 159_217), ("output_tokens", 20)]);
    // 0.006 + 318.434 + 0.04
    assert_eq!(world.charge().await, (expected, "318.48".to_owned()));
}

/// What another model did for the same answer is charged at the price of that model, as a part of the same use.
#[tokio::test(flavor = "multi_thread")]
async fn other_models_are_charged_at_their_own_price() {
    let world = World::new().await;
    let usage = json!({"input_tokens": 100, "output_tokens": 20, "iterations": [
        {"type": "compaction", "input_tokens": 50, "output_tokens": 5},
        {"type": "message", "input_tokens": 100, "output_tokens": 20},
        {"type": "advisor_message", "model": "dear", "input_tokens": 10, "output_tokens": 1}]});
    text(world.send("/v1/messages", request("/v1/messages", true, 50, json!({"usage": usage}))).await).await;
    world.idle().await;
    // 150 at 0.001 and 25 at 0.002, and at ten times as much 10 and 1.
    assert_eq!(world.charge().await.1, "0.32");
}

/// A burst of calls does not pass a balance: 50 of 100 credits against 1,000 are ten.
#[tokio::test(flavor = "multi_thread")]
async fn a_burst_does_not_pass_a_balance() {
    for is_stream in [false, true] {
        let catalog = CATALOG
            .replace("output_tokens = \"0.002\"", "output_tokens = \"10\"")
            .replace("input_tokens = \"0.001\"", "input_tokens = \"0\"")
            .replace("cached_input_tokens = \"0.0001\"", "cached_input_tokens = \"0\"");
        let world = Arc::new(
            World::with(&catalog.replace("limit = \"1000\"", "limit = \"100000\""), |at| setup(at, "")).await,
        );
        let mut calls = JoinSet::new();
        for _ in 0..50 {
            let world = Arc::clone(&world);
            calls.spawn(async move {
                let mock = json!({"output_tokens": 10, "first_token_ms": 300});
                let response = world.send(WRITING[0], request(WRITING[0], is_stream, 10, mock)).await;
                text(response).await.0
            });
        }
        let statuses = calls.join_all().await;
        world.idle().await;
        let served = statuses.iter().filter(|status| **status == StatusCode::OK).count();
        assert_eq!(
            (served, world.charges().len(), world.available().await.as_str()),
            (10, 10, "0"),
            "{is_stream}"
        );
        assert!(
            statuses.iter().all(|status| [StatusCode::OK, StatusCode::TOO_MANY_REQUESTS].contains(status))
        );
        assert_eq!(world.upstream.served().len(), 10, "nothing is forwarded without a hold");
    }
}

/// The price of the hold has the tier that was asked for; the charge has the one that served.
#[tokio::test(flavor = "multi_thread")]
async fn a_tier_is_in_the_price_of_the_hold() {
    let world = World::new().await;
    let mut asked: Value = serde_json::from_str(&request(WRITING[0], false, 50, json!({}))).expect("JSON");
    asked["service_tier"] = "priority".into();
    asked["mock"] =
        json!({"usage": {"prompt_tokens": 100, "completion_tokens": 10, "service_tier": "default"}});
    text(world.send(WRITING[0], asked.to_string()).await).await;
    world.idle().await;
    let held = format!("{:?}", world.records()[0]);
    assert!(held.contains("priority"), "{held}");
    // 100 at 0.001 and 10 at 0.002: the tier was not granted.
    assert_eq!(world.charge().await.1, "0.12");
    let world = World::new().await;
    asked["mock"] = json!({"usage": {"prompt_tokens": 100, "completion_tokens": 10}});
    text(world.send(WRITING[0], asked.to_string()).await).await;
    assert_eq!(world.charge().await.1, "0.24");
}

/// No call says of itself that it is a batch, and none is free because its feature counts nothing that it uses.
#[tokio::test(flavor = "multi_thread")]
async fn a_price_is_not_the_callers_choice() {
    let tier = CATALOG
        .replace("service_tier = \"priority\"", "service_tier = \"batch\"")
        .replace("\"2\"", "\"0.5\"");
    let world = World::with(&tier, |at| setup(at, "")).await;
    let mut asked: Value = serde_json::from_str(&request(WRITING[0], false, 50, json!({}))).expect("JSON");
    asked["service_tier"] = "batch".into();
    asked["mock"] = json!({"usage": {"prompt_tokens": 100, "completion_tokens": 10}});
    text(world.send(WRITING[0], asked.to_string()).await).await;
    assert_eq!(world.charge().await.1, "0.12");
    let paint = "\n[features.paint]\nprices = [{ credits = { images = \"1\" } }]\n\n[plans.prepaid]\nfeatures = [\"chat\", \"paint\"]";
    let catalog = CATALOG.replace("\n[plans.prepaid]\nfeatures = [\"chat\"]", paint);
    let model =
        "[models.painter]\nfeature = \"paint\"\ntargets = [{ upstream = \"o\" }, { upstream = \"a\" }]\n";
    let world = World::with(&catalog, |at| setup(at, model)).await;
    for path in WRITING {
        let body = request(path, false, 50, json!({})).replace("\"m\"", "\"painter\"");
        let (status, refused) = answer(world.send(path, body).await).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}: {refused}");
    }
    assert!(world.records().is_empty() && world.upstream.served().is_empty());
}

/// A report that the caller has not asked for is asked for upstream, and not shown; one that was refused is not asked for.
#[tokio::test(flavor = "multi_thread")]
async fn a_report_is_hidden_from_those_who_did_not_ask() {
    for (options, shown, asked) in [
        (Value::Null, false, true),
        (json!({"include_usage": true}), true, true),
        (json!({"include_usage": false}), false, false),
        (json!({"include_obfuscation": false}), false, true),
    ] {
        let world = World::new().await;
        let mut body: Value = serde_json::from_str(&request(
            WRITING[0],
            true,
            50,
            json!({"input_tokens": 3, "output_tokens": 5}),
        ))
        .expect("JSON");
        if !options.is_null() {
            body["stream_options"] = options.clone();
        }
        let (_, got) = text(world.send(WRITING[0], body.to_string()).await).await;
        assert_eq!(got.contains("\"usage\""), shown, "{options}: {got}");
        assert!(got.ends_with("data: [DONE]\n\n"));
        for event in got.split("\n\n").filter_map(|event| event.strip_prefix("data: {")) {
            let chunk: Value = serde_json::from_str(&format!("{{{event}")).expect("JSON");
            assert!(chunk["choices"] != json!([]) || shown, "{options}: {chunk}");
        }
        world.idle().await;
        assert_eq!(!world.upstream.served()[0].usage.is_null(), asked, "{options}");
    }
}

/// Nothing is sent to a second upstream unless the first was not reached or has refused.
#[tokio::test(flavor = "multi_thread")]
async fn only_what_was_not_served_is_sent_again() {
    let two = |first: &'static str| {
        move |address: &str| {
            setup(address, "").replace(
                "[models.m]",
                &format!(
                    "[upstreams.first]\nbase_url = \"http://{}\"\nprotocol = \"openai\"\nanswer_timeout = \"1s\"\n[models.m]",
                    if first.is_empty() { address.to_owned() } else { first.to_owned() }
                ),
            )
            .replace("targets = [{ upstream = \"o\", model = \"m-2026\" }", "targets = [{ upstream = \"first\", model = \"m-first\" }, { upstream = \"o\", model = \"m-2026\", weight = 0 }")
        }
    };
    // Nobody listens there.
    let world = World::with(CATALOG, two("127.0.0.1:1")).await;
    let (status, _) = text(world.send(WRITING[0], request(WRITING[0], false, 50, json!({}))).await).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(world.upstream.served().iter().map(|s| s.model.as_str()).collect::<Vec<_>>(), ["m-2026"]);
    // It refuses: both are asked, and the last refusal is the answer.
    let world = World::with(CATALOG, two("")).await;
    let (status, _) =
        text(world.send(WRITING[0], request(WRITING[0], false, 50, json!({"fault": {"status": 503}}))).await)
            .await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(
        world.upstream.served().iter().map(|s| s.model.as_str()).collect::<Vec<_>>(),
        ["m-first", "m-2026"]
    );
    // It does not answer: nobody knows what it has done.
    let world = World::with(CATALOG, two("")).await;
    let (status, _) =
        text(world.send(WRITING[0], request(WRITING[0], false, 50, json!({"fault": "hang"}))).await).await;
    assert_eq!(status, StatusCode::GATEWAY_TIMEOUT);
    assert_eq!(world.upstream.served().len(), 1);
    world.idle().await;
    assert_eq!(world.available().await, "1000");
}

/// Another target may have another price: the charge is that of the one that served.
#[tokio::test(flavor = "multi_thread")]
async fn a_fallback_is_charged_at_its_own_price() {
    let more = "[upstreams.none]\nbase_url = \"http://127.0.0.1:1\"\nprotocol = \"openai\"\n[models.smart]\nfeature = \"chat\"\nmax_output_tokens = 100\ndimensions = { model = \"dear\" }\n\
        targets = [{ upstream = \"none\" }, { upstream = \"o\", weight = 0, dimensions = { model = \"m\" } }]\n";
    let world = World::with(CATALOG, |address| setup(address, more)).await;
    let body = request(WRITING[0], false, 50, json!({"input_tokens": 100, "output_tokens": 10}))
        .replace("\"m\"", "\"smart\"");
    let (status, got) = text(world.send(WRITING[0], body).await).await;
    assert_eq!(status, StatusCode::OK, "{got}");
    assert_eq!(world.charge().await.1, "0.12");
}

/// A stream costs its store nothing for each event.
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_of_many_events_makes_few_records() {
    let world = World::new().await;
    let (_, body) = text(
        world.send(WRITING[0], request(WRITING[0], true, 100_000, json!({"output_tokens": 20_000}))).await,
    )
    .await;
    assert_eq!(body.matches("tok ").count(), 20_000);
    world.idle().await;
    let kinds = world.kinds();
    // 1,024 at first, then 1,024, 2,048 and steps of 4,096.
    assert!(kinds.len() <= 10, "{kinds:?}");
    assert_eq!(world.charge().await.0["output_tokens"], 20_000);
}

/// What infers nothing costs nothing, and what is no model's is not forwarded.
#[tokio::test(flavor = "multi_thread")]
async fn what_infers_nothing_costs_nothing() {
    let world = World::new().await;
    let (status, models) = answer(world.send("/v1/models", "").await).await;
    assert_eq!((status, models["data"].as_array().map(Vec::len)), (StatusCode::OK, Some(2)));
    let (status, one) = answer(world.send("/v1/models/dear", "").await).await;
    assert_eq!((status, one["id"].as_str()), (StatusCode::OK, Some("dear")));
    let (status, _) = answer(world.send("/v1/models/none", "").await).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let anthropic = [("anthropic-version", "2023-06-01")];
    let (_, models) = answer(world.send_as(&world.key, "/v1/models", &anthropic, "").await).await;
    assert_eq!(
        (models["has_more"].as_bool(), models["data"][0]["type"].as_str()),
        (Some(false), Some("model"))
    );
    let count = "/v1/messages/count_tokens";
    let (status, counted) =
        answer(world.send(count, request("/v1/messages", false, 5, json!({}))).await).await;
    assert_eq!(status, StatusCode::OK);
    assert!(counted["input_tokens"].as_u64() > Some(0), "{counted}");
    let upgrade = [("connection", "upgrade"), ("upgrade", "websocket")];
    let (status, refused) = answer(world.send_as(&world.key, "/v1/responses", &upgrade, "").await).await;
    assert_eq!(
        (status, &refused["error"]["code"]),
        (StatusCode::BAD_REQUEST, &json!("websockets_not_served"))
    );
    for path in ["/v1/files", "/v1/batches"] {
        let (status, refused) = answer(world.send(path, "").await).await;
        assert_eq!((status, &refused["error"]["code"]), (StatusCode::BAD_REQUEST, &json!("not_listed")));
    }
    assert!(world.records().is_empty(), "{:?}", world.kinds());
    assert!(world.upstream.served().is_empty());
}

/// Every route that forwards has been decided: with nothing to spend, nothing reaches an upstream.
#[tokio::test(flavor = "multi_thread")]
async fn every_route_decides_before_it_forwards() {
    let world = World::new().await;
    let void = Command::Void { grant: GrantId(2), reason: None };
    world.run("acme", "void", void).await;
    for (method, path) in headworks_gateway::Gateway::routes() {
        // What is asked about work in the background is of no use without a name that a decided call was given.
        if path.contains('{') && !path.starts_with("/v1/models") {
            let (status, _) = answer(world.ask(method.as_str(), path).await).await;
            assert_eq!(status, StatusCode::NOT_FOUND, "{method} {path}");
            continue;
        }
        if method == Method::GET || path.ends_with("count_tokens") {
            continue;
        }
        // A file of requests costs nothing; a batch needs one.
        if ["/v1/files", "/v1/batches"].contains(&path) {
            let (status, _) = answer(world.send(path, request(path, false, 50, json!({}))).await).await;
            assert_eq!(status, StatusCode::BAD_REQUEST, "{path}");
            continue;
        }
        let is_form = path.starts_with("/v1/images/") || path.starts_with("/v1/audio/t");
        let sent = if is_form && path != "/v1/images/generations" {
            let files: [(&str, &[u8]); 2] = [("file", b"sound"), ("image", b"picture")];
            world
                .send_as(&world.key, path, &[FORM], form(&json!({"model": "m", "prompt": "hello"}), &files))
                .await
        } else if path == "/v1/audio/speech" {
            world.send(path, json!({"model": "m", "input": "hello"}).to_string()).await
        } else {
            world.send(path, request(path, true, 50, json!({}))).await
        };
        let (status, body) = answer(sent).await;
        let (expected, kind) = if path == "/v1/messages" {
            (StatusCode::PAYMENT_REQUIRED, "billing_error")
        } else {
            (StatusCode::TOO_MANY_REQUESTS, "insufficient_quota")
        };
        assert_eq!((status, body["error"]["type"].as_str()), (expected, Some(kind)), "{path} {body}");
        assert_eq!(body["error"]["details"]["error_code"], "insufficient_credits", "{path} {body}");
    }
    assert!(world.upstream.served().is_empty());
}

/// Who pays, for which place and for which models is said by the key, and by nothing that the caller sends.
#[tokio::test(flavor = "multi_thread")]
async fn the_key_alone_says_who_pays() {
    let world = World::new().await;
    let bound = KeyGateway {
        path: Some("team:red/user:alice".parse().expect("a path")),
        models: Some(vec![Label::new("m").expect("a label")]),
    };
    let key = world.new_key(Some(bound)).await;
    let claims =
        [("x-headworks-session", "s1"), ("x-headworks-account", "other"), ("x-headworks-path", "team:blue")];
    let body = request(WRITING[0], false, 50, json!({}));
    let (status, _) = answer(world.send_as(&key, WRITING[0], &claims, body.clone()).await).await;
    assert_eq!(status, StatusCode::OK);
    world.idle().await;
    let records = world.records();
    let headworks_core::record::Event::Authorized { usage, .. } = &records[0].event else {
        panic!("{records:?}")
    };
    let path = usage.path.to_string();
    assert!(path.starts_with("team:red/user:alice/key:") && path.ends_with("/session:s1"), "{path}");
    let (status, refused) =
        answer(world.send_as(&key, WRITING[0], &[], body.replace("\"m\"", "\"dear\"")).await).await;
    assert_eq!((status, refused["error"]["code"].as_str()), (StatusCode::NOT_FOUND, Some("model_not_found")));
    let (_, models) = answer(world.send_as(&key, "/v1/models", &[], "").await).await;
    assert_eq!(models["data"].as_array().map(Vec::len), Some(1));
    // No key, and a key for something else.
    for path in WRITING {
        let (status, body) =
            answer(world.send_as("hw_wrong", path, &[], request(path, false, 5, json!({}))).await).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{body}");
        assert!(body["error"]["message"].is_string());
    }
}

/// A partial grant caps the output that is asked for upstream.
#[tokio::test(flavor = "multi_thread")]
async fn a_partial_grant_caps_the_output() {
    for path in WRITING {
        let world = World::new().await;
        let usage = if path.ends_with("completions") {
            json!({"prompt_tokens": 0, "completion_tokens": 499_900})
        } else {
            json!({"input_tokens": 0, "output_tokens": 499_900})
        };
        text(world.send(path, request(path, false, 500_000, json!({"usage": usage}))).await).await;
        world.idle().await;
        // 0.2 credits are left.
        let (status, body) = answer(
            world
                .send(path, request(path, false, 1_000, json!({"input_tokens": 3, "output_tokens": 1_000})))
                .await,
        )
        .await;
        assert_eq!(status, StatusCode::OK, "{body}");
        let served = world.upstream.served();
        assert!((90..=98).contains(&served[1].limit), "{path}: {served:?}");
        world.idle().await;
        let charges = world.charges();
        assert_eq!(charges[1].0["output_tokens"], served[1].limit, "{path}");
    }
}

/// SDKs wait out a short wall, and do not try again at one that waiting does not lift.
#[tokio::test(flavor = "multi_thread")]
async fn sdks_learn_whether_to_try_again() {
    let catalog = CATALOG
        .replace("limit = 6_000, period = \"1m\", burst = 6_000", "limit = 2, period = \"10s\", burst = 1");
    let world = World::with(&catalog, |address| setup(address, "")).await;
    for path in WRITING {
        let mut refused = world.send(path, request(path, false, 5, json!({}))).await;
        if refused.status() == StatusCode::OK {
            assert_eq!(refused.headers()["x-ratelimit-limit-requests"], "1");
            assert_eq!(refused.headers()["anthropic-ratelimit-requests-remaining"], "0");
            refused = world.send(path, request(path, false, 5, json!({}))).await;
        }
        let headers = refused.headers().clone();
        let (status, body) = answer(refused).await;
        assert_eq!(status, StatusCode::TOO_MANY_REQUESTS, "{path} {body}");
        let wait: u64 = headers["retry-after-ms"].to_str().expect("text").parse().expect("a number");
        assert!((1..=5_000).contains(&wait), "{wait}");
        assert_eq!(headers["retry-after"].to_str().expect("text"), wait.div_ceil(1_000).to_string());
        assert!(!headers.contains_key("x-should-retry") && headers.contains_key("x-headworks-unblock-at"));
        let kind = if path == "/v1/messages" { "rate_limit_error" } else { "requests" };
        assert_eq!(body["error"]["type"], kind, "{body}");
    }
    // A spend cap of the month.
    let catalog =
        CATALOG.replace("limit = \"1000\", every = \"month\"", "limit = \"0.02\", every = \"month\"");
    let world = World::with(&catalog, |address| setup(address, "")).await;
    let bound = KeyGateway { path: Some("team:red".parse().expect("a path")), models: None };
    let key = world.new_key(Some(bound)).await;
    for path in WRITING {
        let mut refused = world.send_as(&key, path, &[], request(path, false, 5, json!({}))).await;
        if refused.status() == StatusCode::OK {
            refused =
                world.send_as(&key, path, &[], request(path, false, 5, json!({"output_tokens": 5}))).await;
        }
        assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS, "{path}");
        assert_eq!(refused.headers()["x-should-retry"], "false", "{path}");
        assert!(!refused.headers().contains_key("retry-after"), "{path}");
    }
}

/// Calls that are given up at any moment leave nothing held, and cost nobody a call that could be paid.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_given_up_at_any_moment_leave_nothing_held() {
    let catalog = CATALOG.replace("6_000", "1_000_000");
    let world = Arc::new(World::with(&catalog, |at| setup(at, "")).await);
    // All of them could be paid at once.
    world.grant("9000").await;
    let mut calls = JoinSet::new();
    for n in 0..10_000_u64 {
        let world = Arc::clone(&world);
        calls.spawn(async move {
            let path = WRITING[usize::try_from(n % 4).expect("small")];
            let mock = json!({"output_tokens": 30, "tokens_per_second": 20_000, "first_token_ms": n % 3});
            let call = async { text(world.send(path, request(path, n % 8 < 4, 50, mock)).await).await.0 };
            // A number that spreads over the life of a call, in microseconds.
            let given_up = std::time::Duration::from_micros((n * 7_919) % 9_000);
            tokio::time::timeout(given_up, call).await.ok().filter(|status| *status != StatusCode::OK)
        });
        if n % 50 == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }
    let refused: Vec<_> = calls.join_all().await.into_iter().flatten().collect();
    assert!(refused.is_empty(), "{refused:?}");
    world.idle().await;
    let kinds = world.kinds();
    let count = |kind: &str| kinds.iter().filter(|known| **known == kind).count();
    assert_eq!(count("authorized"), count("settled") + count("released"), "each hold ends once");
    let spent: i64 = world
        .charges()
        .iter()
        .map(|(lines, _)| {
            let of = |meter: &str| i64::try_from(lines.get(meter).copied().unwrap_or(0)).expect("fits");
            of("input_tokens") * 1_000_000 + of("output_tokens") * 2_000_000
        })
        .sum();
    let left = headworks_core::record::Credits::from_nano(10_000_000_000_000 - spent);
    assert_eq!(world.available().await, left.to_string());
}

/// Two teams with a budget each, and many streams of unknown length at once: neither team passes its budget, and nothing that is
/// beyond what was held is anybody's but the operator's.
#[tokio::test(flavor = "multi_thread")]
async fn budgets_of_teams_are_not_passed() {
    let catalog = CATALOG
        .replace("overshoot = \"refund\"", "overshoot = \"goodwill\"")
        .replace("limit = \"1000\", every = \"month\"", "limit = \"5\", every = \"month\"");
    let world = Arc::new(World::with(&catalog, |address| setup(address, "")).await);
    let mut keys = Vec::new();
    for team in ["team:red", "team:blue"] {
        let bound = KeyGateway { path: Some(team.parse().expect("a path")), models: None };
        keys.push(world.new_key(Some(bound)).await);
    }
    let mut calls = JoinSet::new();
    for n in 0..200_usize {
        let (world, key) = (Arc::clone(&world), keys[n % 2].clone());
        calls.spawn(async move {
            let path = WRITING[n % 4];
            // Some report more than anybody could have known.
            let tokens = 20 + 13 * u64::try_from(n % 17).expect("small");
            let mut mock = json!({"input_tokens": 5, "output_tokens": tokens, "tokens_per_second": 2_000});
            if n % 5 == 0 {
                let more = tokens + 500;
                mock["usage"] = if path.ends_with("completions") {
                    json!({"prompt_tokens": 5, "completion_tokens": more})
                } else {
                    json!({"input_tokens": 5, "output_tokens": more})
                };
            }
            let body = request(path, n % 3 > 0, 1_000, mock);
            text(world.send_as(&key, path, &[], body).await).await.0
        });
    }
    let statuses = calls.join_all().await;
    world.idle().await;
    assert!(statuses.contains(&StatusCode::OK) && statuses.contains(&StatusCode::TOO_MANY_REQUESTS));
    // What calls at once have left, calls one after the other use up.
    for key in &keys {
        let body = request(WRITING[0], false, 100, json!({"input_tokens": 5, "output_tokens": 100}));
        for _ in 0..100 {
            if text(world.send_as(key, WRITING[0], &[], body.clone()).await).await.0 != StatusCode::OK {
                break;
            }
        }
    }
    let mut spent = std::collections::BTreeMap::<String, i64>::new();
    for record in world.records() {
        let headworks_core::record::Event::Settled { charge, .. } = record.event else { continue };
        let paid: i64 = charge
            .draws
            .iter()
            .filter(|draw| matches!(draw.source, headworks_core::record::Source::Grant(..)))
            .map(|draw| draw.amount)
            .sum();
        let team = charge.usage.path.segments()[0].to_string();
        *spent.entry(team).or_default() += paid;
    }
    assert_eq!(spent.len(), 2);
    for (team, spent) in spent {
        assert!(spent <= 5_000_000_000, "{team}: {spent}");
        assert!(spent > 4_900_000_000, "{team} could use what it had: {spent}");
    }
}

/// What a caller gets is what the upstream sent, byte for byte.
#[tokio::test(flavor = "multi_thread")]
async fn events_are_passed_on_byte_for_byte() {
    for path in WRITING {
        let world = World::new().await;
        let mut body: Value =
            serde_json::from_str(&request(path, true, 50, json!({"input_tokens": 3, "output_tokens": 9})))
                .expect("JSON");
        if path.ends_with("completions") {
            body["stream_options"] = json!({"include_usage": true});
        }
        body["model"] = "dear".into();
        let (_, got) = text(world.send(path, body.to_string()).await).await;
        let direct = plain(world.upstream.address, path, &body.to_string()).await;
        assert_eq!(got, direct.replace("mock-2", "mock-1"), "{path}");
    }
}

/// A request without a gateway.
async fn plain(address: std::net::SocketAddr, path: &str, body: &str) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut stream = tokio::net::TcpStream::connect(address).await.expect("connects");
    let length = body.len();
    // The older version has no chunks.
    let head = format!("POST {path} HTTP/1.0\r\nHost: upstream\r\nContent-Length: {length}\r\n\r\n{body}");
    stream.write_all(head.as_bytes()).await.expect("sends");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("reads");
    answer.split_once("\r\n\r\n").expect("an answer").1.to_owned()
}

const AGAIN: (&str, &str) = ("x-stainless-retry-count", "1");

/// An SDK that has had no answer sends its call again: the first attempt gives way, and one answer is paid.
#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_sent_again_is_paid_once() {
    for path in WRITING {
        // The first has not been answered yet.
        let world = Arc::new(World::new().await);
        let body =
            request(path, false, 50, json!({"input_tokens": 3, "output_tokens": 12, "first_token_ms": 400}));
        let (first, sent) = (Arc::clone(&world), body.clone());
        let first = tokio::spawn(async move { first.send(path, sent).await.status() });
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        let again = world.send_as(&world.key, path, &[AGAIN], body).await;
        assert_eq!(again.status(), StatusCode::OK, "{path}");
        assert_ne!(first.await.expect("no panic"), StatusCode::OK, "{path}");
        assert_eq!(world.charge().await.1, "0.027", "{path}");
        assert_eq!(world.available().await, "999.973", "{path}");
        // The first was left in the middle, and is charged already.
        let world = World::new().await;
        let body = request(
            path,
            true,
            50,
            json!({"input_tokens": 3, "output_tokens": 12, "tokens_per_second": 100}),
        );
        let mut first = world.send(path, body.clone()).await;
        http_body_util::BodyExt::frame(first.body_mut()).await.expect("a frame").expect("a part");
        drop(first);
        world.idle().await;
        assert_eq!(world.available().await, "999.973", "{path}");
        let again = world.send_as(&world.key, path, &[AGAIN], body).await;
        text(again).await;
        world.idle().await;
        assert_eq!(world.available().await, "999.973", "{path}: {:?}", world.kinds());
        assert!(world.kinds().contains(&"refunded"), "{path}: {:?}", world.kinds());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_that_are_alike_are_paid_each() {
    let world = World::new().await;
    let body = request(WRITING[0], false, 50, json!({"input_tokens": 3, "output_tokens": 12}));
    for (key, headers) in [(&world.key, &[][..]), (&world.key, &[]), (&world.new_key(None).await, &[AGAIN])] {
        let (status, _) = text(world.send_as(key, WRITING[0], headers, body.clone()).await).await;
        assert_eq!(status, StatusCode::OK);
    }
    world.idle().await;
    assert_eq!(world.charges().len(), 3);
    assert_eq!(world.available().await, "999.919");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_delivered_stays_charged() {
    let world = World::new().await;
    let body = request(WRITING[0], true, 50, json!({"input_tokens": 3, "output_tokens": 12}));
    for headers in [&[][..], &[AGAIN], &[AGAIN]] {
        text(world.send_as(&world.key, WRITING[0], headers, body.clone()).await).await;
    }
    world.idle().await;
    assert_eq!(world.available().await, "999.919");
    // A caller who leaves again and again has everything charged, until an answer is delivered; then the last four are given back.
    let world = World::new().await;
    let body = request(
        WRITING[0],
        true,
        50,
        json!({"input_tokens": 3, "output_tokens": 12, "tokens_per_second": 40}),
    );
    for n in 0..8 {
        let headers = if n == 0 { &[][..] } else { &[AGAIN] };
        let mut response = world.send_as(&world.key, WRITING[0], headers, body.clone()).await;
        http_body_util::BodyExt::frame(response.body_mut()).await.expect("a frame").expect("a part");
        drop(response);
        world.idle().await;
    }
    assert_eq!((world.charges().len(), world.available().await.as_str()), (8, "999.784"));
    text(world.send_as(&world.key, WRITING[0], &[AGAIN], body.clone()).await).await;
    world.idle().await;
    assert_eq!((world.charges().len(), world.available().await.as_str()), (9, "999.838"));
}

/// A repetition that is given up gives nothing back: nobody reads an answer and then takes its price back.
#[tokio::test(flavor = "multi_thread")]
async fn a_repetition_that_is_given_up_gives_nothing_back() {
    for path in WRITING {
        let world = World::new().await;
        let body = request(
            path,
            true,
            50,
            json!({"input_tokens": 3, "output_tokens": 12, "tokens_per_second": 300}),
        );
        let mut first = world.send(path, body.clone()).await;
        let mut read = String::new();
        while read.matches("tok ").count() < 12 {
            let frame =
                http_body_util::BodyExt::frame(first.body_mut()).await.expect("a frame").expect("a part");
            read += std::str::from_utf8(frame.data_ref().expect("data")).expect("UTF-8");
        }
        drop(first);
        // It is begun, and given up at once.
        let mut again = Box::pin(world.send_as(&world.key, path, &[AGAIN], body));
        let begun = std::future::poll_fn(|cx| std::task::Poll::Ready(again.as_mut().poll(cx).is_pending()));
        assert!(begun.await, "{path}");
        drop(again);
        while world.kinds().iter().filter(|kind| **kind == "authorized").count() < 2 {
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
        world.idle().await;
        assert!(world.available().await.starts_with("999.9"), "{path}: {:?}", world.kinds());
        assert!(!world.kinds().contains(&"refunded"), "{path}");
    }
}
