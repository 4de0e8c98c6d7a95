//! Responses in the background: begun, asked for, cancelled, deleted, forgotten.

use std::time::Duration;

use headworks_core::command::{Command, Patch};
use headworks_core::record::Event;
use http::StatusCode;
use serde_json::{Value, json};

use crate::world::{CATALOG, World, answer, request, setup, text};

const PATH: &str = "/v1/responses";

/// A request in the background for 100 tokens of output at most: 20 tokens of input, and 50 of output in half a second.
fn asked(more: &Value) -> String {
    let mut mock = json!({"input_tokens": 20, "output_tokens": 50, "tokens_per_second": 100});
    for (name, value) in more.as_object().into_iter().flatten() {
        mock[name] = value.clone();
    }
    let mut asked: Value = serde_json::from_str(&request(PATH, false, 100, mock)).expect("JSON");
    asked["background"] = true.into();
    asked.to_string()
}

/// Begins a response; its path.
async fn begin(world: &World, asked: String) -> String {
    let (status, begun) = answer(world.send(PATH, asked).await).await;
    assert_eq!((status, begun["status"].as_str()), (StatusCode::OK, Some("queued")), "{begun}");
    format!("{PATH}/{}", begun["id"].as_str().expect("an id"))
}

/// Asks for it until it has this status.
async fn until(world: &World, path: &str, status: &str) -> Value {
    for _ in 0..600 {
        let (code, now) = answer(world.ask("GET", path).await).await;
        assert_eq!(code, StatusCode::OK, "{now}");
        if now["status"] == status {
            return now;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it does not become {status}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_background_response_is_charged_once() {
    // 20 at 0.001 and 50 at 0.002.
    let expected = [("input_tokens".to_owned(), 20), ("output_tokens".to_owned(), 50)];
    let expected = ([(expected.into_iter().collect(), "0.12".to_owned())], "999.88");
    for is_asked_for in [true, false] {
        let world = World::new().await;
        let path = begin(&world, asked(&json!({}))).await;
        // The longest output is held, also while nobody asks.
        assert_eq!(world.kinds(), ["authorized"]);
        let first = world.records().remove(0);
        let Event::Authorized { usage, .. } = &first.event else { panic!("{first:?}") };
        assert_eq!(usage.quantity("output_tokens"), 100);
        if is_asked_for {
            let now = until(&world, &path, "completed").await;
            assert_eq!(format!("{PATH}/{}", now["id"].as_str().expect("an id")), path);
            assert_eq!(now["usage"]["output_tokens"], 50);
            until(&world, &path, "completed").await;
        }
        world.idle().await;
        tokio::time::sleep(Duration::from_millis(if is_asked_for { 1_500 } else { 0 })).await;
        assert_eq!((world.charges(), world.available().await.as_str()), (expected.0.to_vec(), expected.1));
        // Deleted, it is charged all the same, and once.
        let (status, deleted) = answer(world.ask("DELETE", &path).await).await;
        assert_eq!((status, deleted["deleted"].as_bool()), (StatusCode::OK, Some(true)));
        assert_eq!(world.charges().len(), 1);
        for method in ["GET", "DELETE"] {
            assert_eq!(answer(world.ask(method, &path).await).await.0, StatusCode::NOT_FOUND);
        }
        assert_eq!(world.charges().len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_background_response_is_its_accounts_alone() {
    let world = World::new().await;
    let path = begin(&world, asked(&json!({}))).await;
    world.run("other", "open other", Command::Open(Patch::default())).await;
    let other = World { key: world.key_of("other", None).await, ..world };
    for (method, path) in [
        ("GET", path.clone()),
        ("POST", format!("{path}/cancel")),
        ("DELETE", path.clone()),
        ("GET", format!("{path}/input_items")),
    ] {
        let (status, refused) = answer(other.ask(method, &path).await).await;
        assert_eq!(
            (status, &refused["error"]["code"]),
            (StatusCode::NOT_FOUND, &json!("not_found")),
            "{method} {path}"
        );
    }
    let mut follows: Value = serde_json::from_str(&request(PATH, false, 100, json!({}))).expect("JSON");
    follows["previous_response_id"] = path[PATH.len() + 1..].into();
    assert_eq!(answer(other.send(PATH, follows.to_string()).await).await.0, StatusCode::NOT_FOUND);
    // Nor is there one whose name was not given here.
    assert_eq!(answer(other.ask("GET", "/v1/responses/mock-1").await).await.0, StatusCode::NOT_FOUND);
    assert_eq!(other.upstream.served().len(), 1);
}

/// One that follows another is sent to where that is, by the upstream's own name for it.
#[tokio::test(flavor = "multi_thread")]
async fn a_response_follows_one_in_the_background() {
    let world = World::new().await;
    let path = begin(&world, asked(&json!({}))).await;
    let items = answer(world.ask("GET", &format!("{path}/input_items?limit=2&key=x")).await).await;
    assert_eq!((items.0, items.1["object"].as_str()), (StatusCode::OK, Some("list")));
    let mut follows: Value =
        serde_json::from_str(&request(PATH, false, 900, json!({"echo": true, "output_tokens": 400})))
            .expect("JSON");
    follows["previous_response_id"] = path[PATH.len() + 1..].into();
    let (status, got) = answer(world.send(PATH, follows.to_string()).await).await;
    assert_eq!(status, StatusCode::OK, "{got}");
    let echo = got["output"][0]["content"][0]["text"].as_str().expect("a text");
    assert!(echo.contains("\"previous_response_id\":\"mock-1\""), "{echo}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_response_pays_for_what_it_generated() {
    let world = World::new().await;
    let path = begin(&world, asked(&json!({"tokens_per_second": 1_000_000, "first_token_ms": 60_000}))).await;
    let (status, refused) = answer(world.ask("DELETE", &path).await).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{refused}");
    // The answer does not have the use; it comes later.
    let (status, cancelled) = answer(world.ask("POST", &format!("{path}/cancel")).await).await;
    assert_eq!((status, cancelled["status"].as_str()), (StatusCode::OK, Some("cancelled")));
    assert!(cancelled["usage"].is_null());
    world.idle().await;
    let charge = world.charge().await;
    assert_eq!(charge.0.get("input_tokens"), Some(&20), "{charge:?}");
    assert!(charge.0.get("output_tokens").is_none_or(|n| *n < 5), "{charge:?}");
}

/// A hold that has ended by itself is no reason to charge nothing, nor only what its end charged.
#[tokio::test(flavor = "multi_thread")]
async fn a_background_response_outlives_its_hold() {
    for charges in [
        "",
        ", expiry_charges = [\"input_tokens\"]",
        ", expiry_charges = [\"input_tokens\", \"output_tokens\"]",
    ] {
        let life = format!("overshoot = \"refund\"\nhold = {{ life = \"1s\", life_max = \"1s\"{charges} }}");
        let catalog = CATALOG.replace("overshoot = \"refund\"", &life);
        let world = World::with(&catalog, |at| setup(at, "")).await;
        let path = begin(&world, asked(&json!({"tokens_per_second": 20}))).await;
        until(&world, &path, "completed").await;
        for _ in 0..2 {
            until(&world, &path, "completed").await;
        }
        // 20 at 0.001 and 50 at 0.002, with or without a charge at the hold's end.
        assert_eq!(world.available().await, "999.88", "{charges}: {:?}", world.kinds());
    }
}

/// What a caller has read of a response is charged, whether or not a report comes.
#[tokio::test(flavor = "multi_thread")]
async fn text_that_was_passed_on_is_charged() {
    let world = World::new().await;
    let asked = asked(&json!({"tokens_per_second": 60, "no_usage": true, "output_tokens": 90}));
    let mut stream: Value = serde_json::from_str(&asked).expect("JSON");
    stream["stream"] = true.into();
    let mut response = world.send(PATH, stream.to_string()).await;
    let (mut read, mut id) = (String::new(), String::new());
    while read.matches("event: response.output_text.delta").count() < 40 {
        let frame =
            http_body_util::BodyExt::frame(response.body_mut()).await.expect("a frame").expect("a part");
        read += &String::from_utf8_lossy(&frame.into_data().expect("data"));
        if id.is_empty()
            && let Some((_, rest)) = read.split_once("\"id\":\"resp_hw")
        {
            id = format!("resp_hw{}", rest.split('"').next().expect("its end"));
        }
    }
    drop(response);
    let (status, _) = answer(world.ask("POST", &format!("{PATH}/{id}/cancel")).await).await;
    assert_eq!(status, StatusCode::OK);
    // It is deleted before a report could come.
    let (status, _) = answer(world.ask("DELETE", &format!("{PATH}/{id}")).await).await;
    assert_eq!(status, StatusCode::OK);
    let charge = world.charge().await;
    assert!(charge.0.get("output_tokens").is_some_and(|n| *n >= 40), "{charge:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_background_response_that_nobody_knows_is_cancelled() {
    let world = World::new().await;
    let call = asked(&json!({"tokens_per_second": 10}));
    for delay in [0, 1, 3, 10] {
        let left = tokio::time::timeout(Duration::from_millis(delay), world.send(PATH, call.clone())).await;
        if let Ok(answered) = left {
            // It came before: its caller then reads nothing of it.
            drop(answered);
        }
    }
    // What was delivered goes on to its end, 50 tokens at ten a second; what was not is gone at once.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let delivered = world
        .upstream
        .served()
        .iter()
        .filter(|served| served.ended == headworks_mock_upstream::Ended::Running)
        .count();
    let open = world
        .engine
        .view(&crate::world::name("acme"), |ctx| Ok(ctx.account.holds.len()))
        .await
        .expect("is seen");
    assert_eq!(open, delivered);
}

/// Its events can be read as they come; who stops reading can go on later, or ask for all of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_background_response_can_be_followed() {
    let world = World::new().await;
    let mut stream: Value = serde_json::from_str(&asked(&json!({}))).expect("JSON");
    stream["stream"] = true.into();
    let (status, events) = text(world.send(PATH, stream.to_string()).await).await;
    assert_eq!(status, StatusCode::OK);
    let ids: Vec<Value> = events
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line.strip_prefix("data: ")?).ok())
        .filter_map(|event| event["response"].get("id").cloned())
        .collect();
    let id = ids[0].as_str().expect("an id");
    assert!(ids.len() == 3 && ids.iter().all(|other| other == id) && id.starts_with("resp_hw"), "{ids:?}");
    assert!(events.contains("response.completed"), "{events}");
    assert_eq!(world.charge().await.1, "0.12");
    let now = until(&world, &format!("{PATH}/{id}"), "completed").await;
    assert_eq!((now["id"].as_str(), world.charges().len()), (Some(id), 1));
    // An upstream that sends no events answers as a whole.
    let (status, whole) =
        answer(world.ask("GET", &format!("{PATH}/{id}?stream=true&starting_after=2")).await).await;
    assert_eq!((status, whole["id"].as_str()), (StatusCode::OK, Some(id)));
    // Its caller leaves after the first event; it is charged when it is over.
    let world = World::new().await;
    let mut response = world.send(PATH, stream.to_string()).await;
    let first = http_body_util::BodyExt::frame(response.body_mut()).await;
    drop((first, response));
    assert_eq!(world.charge().await.1, "0.12");
}

/// A stream that breaks off is no end: its caller is told so, and the response is charged when it is over.
#[tokio::test(flavor = "multi_thread")]
async fn a_background_stream_that_breaks_off_ends_with_an_error() {
    for fault in ["cut_after", "end_after"] {
        let world = World::new().await;
        let mut stream: Value = serde_json::from_str(&asked(&json!({"fault": {fault: 9}}))).expect("JSON");
        stream["stream"] = true.into();
        let (_, events) = text(world.send(PATH, stream.to_string()).await).await;
        assert!(events.contains("response.created") && events.contains("upstream_truncated"), "{events}");
        assert_eq!(world.charge().await.1, "0.12", "{fault}");
    }
}
