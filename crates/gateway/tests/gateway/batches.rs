//! Batches: files of requests, the hold of a whole batch, its charge, and what comes of it.

use std::time::Duration;

use headworks_core::command::{Command, Patch};
use headworks_core::record::Event;
use http::StatusCode;
use serde_json::{Value, json};

use crate::world::{CATALOG, World, answer, setup, text};

const CHAT: &str = "/v1/chat/completions";

/// A request of a file: 20 tokens of input, and so many of at most 100 of output.
fn line(name: &str, output: u64, more: &Value) -> String {
    let mut mock = json!({"input_tokens": 20, "output_tokens": output, "first_token_ms": 300});
    for (name, value) in more.as_object().into_iter().flatten() {
        mock[name] = value.clone();
    }
    let body = json!({"model": "m", "max_tokens": 100, "mock": mock, "messages": [{"role": "user", "content": "hello"}]});
    json!({"custom_id": name, "method": "POST", "url": CHAT, "body": body}).to_string()
}

fn form(purpose: &str, file: &str) -> String {
    let disposition = "Content-Disposition: form-data; name=";
    format!(
        "--b\r\n{disposition}\"purpose\"\r\n\r\n{purpose}\r\n--b\r\n{disposition}\"file\"; filename=\"f.jsonl\"\r\n\
         Content-Type: application/jsonl\r\n\r\n{file}\r\n--b--\r\n"
    )
}

async fn upload(world: &World, file: &str) -> (StatusCode, Value) {
    let headers = [("content-type", "multipart/form-data; boundary=b")];
    answer(world.send_as(&world.key, "/v1/files", &headers, form("batch", file)).await).await
}

/// The id of a file of requests.
async fn uploaded(world: &World, file: &str) -> String {
    let (status, file) = upload(world, file).await;
    assert_eq!(status, StatusCode::OK, "{file}");
    file["id"].as_str().expect("an id").to_owned()
}

async fn begin(world: &World, file: &str, metadata: Value) -> (StatusCode, Value) {
    let ask =
        json!({"input_file_id": file, "endpoint": CHAT, "completion_window": "24h", "metadata": metadata});
    answer(world.send("/v1/batches", ask.to_string()).await).await
}

/// Asks for a batch until it is over.
async fn over(world: &World, id: &str) -> Value {
    for _ in 0..600 {
        let (status, batch) = answer(world.ask("GET", &format!("/v1/batches/{id}")).await).await;
        assert_eq!(status, StatusCode::OK, "{batch}");
        if batch["status"] != "in_progress" {
            return batch;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the batch does not end");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_held_before_it_begins() {
    let world = World::new().await;
    let file = uploaded(&world, &[line("a", 30, &json!({})), line("b", 50, &json!({}))].join("\n")).await;
    assert!(world.records().is_empty(), "a file costs nothing");
    // 200 of output at 0.002, and the input: more than a balance of 0.4 pays.
    world.run("poor", "open poor", Command::Open(Patch::default())).await;
    let (status, batch) = begin(&world, &file, Value::Null).await;
    assert_eq!(status, StatusCode::OK, "{batch}");
    let first = world.records().remove(0);
    let Event::Authorized { usage, .. } = &first.event else { panic!("{first:?}") };
    assert_eq!(usage.quantity("output_tokens"), 200);
    let id = batch["id"].as_str().expect("an id");
    let done = over(&world, id).await;
    assert_eq!((done["id"].as_str(), done["request_counts"]["completed"].as_u64()), (Some(id), Some(2)));
    // 40 at 0.001 and 80 at 0.002.
    assert_eq!(world.charge().await.1, "0.2");
    over(&world, id).await;
    assert_eq!((world.charges().len(), world.available().await.as_str()), (1, "999.8"));
    // Its output is there, and so is its input, with the upstream's name for the model.
    let output = format!("/v1/files/{}/content", done["output_file_id"].as_str().expect("a file"));
    let (status, output) = text(world.ask("GET", &output).await).await;
    assert_eq!((status, output.lines().count()), (StatusCode::OK, 2));
    let input = format!("/v1/files/{}", done["input_file_id"].as_str().expect("a file"));
    let (_, lines) = text(world.ask("GET", &format!("{input}/content")).await).await;
    assert_eq!(lines.matches("\"model\":\"m-2026\"").count(), 2, "{lines}");
    assert_eq!(lines.replace("m-2026", "m").lines().next(), Some(line("a", 30, &json!({})).as_str()));
    // A file can be used again; then it goes.
    let (status, _) = begin(&world, done["input_file_id"].as_str().expect("a file"), Value::Null).await;
    assert_eq!(status, StatusCode::OK);
    let (status, gone) = answer(world.ask("DELETE", &input).await).await;
    assert_eq!((status, gone["deleted"].as_bool()), (StatusCode::OK, Some(true)));
    world.idle().await;
    // More than there is: nothing is sent.
    let world =
        World::with(&CATALOG.replace("limit = \"1000\"", "limit = \"9000\""), |at| setup(at, "")).await;
    let dear: Vec<String> =
        (0..6).map(|n| line(&n.to_string(), 1, &json!({})).replace("100", "90000")).collect();
    let file = uploaded(&world, &dear.join("\n")).await;
    let (status, refused) = begin(&world, &file, Value::Null).await;
    assert_eq!(
        (status, &refused["error"]["code"]),
        (StatusCode::TOO_MANY_REQUESTS, &json!("insufficient_quota")),
        "{refused}"
    );
    assert!(world.records().is_empty() && world.upstream.served().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_charged_by_its_report_or_its_lines() {
    // Half the price in batches, in the place of a price of another model.
    let dear = "  { when = { model = \"dear\" }, like = {}, factor = \"10\" },\n";
    let both =
        "  { when = { model = \"dear\", service_tier = \"priority\" }, like = {}, factor = \"20\" },\n";
    let half = "  { when = { service_tier = \"batch\" }, like = {}, factor = \"0.5\" },\n";
    let tier = CATALOG.replace(dear, half).replace(both, "");
    for (metadata, price) in [(json!({}), "0.08"), (json!({"no_usage": "true"}), "0.08")] {
        let world = World::with(&tier, |at| setup(at, "")).await;
        let lines = [
            line("a", 30, &json!({})),
            line("b", 9, &json!({"fault": {"status": 500}})),
            line("c", 30, &json!({})),
        ];
        let file = uploaded(&world, &lines.join("\r\n\r\n")).await;
        let (status, batch) = begin(&world, &file, metadata).await;
        assert_eq!(status, StatusCode::OK, "{batch}");
        // Nobody asks; 40 at 0.001 and 60 at 0.002, at half the price.
        world.idle().await;
        assert_eq!(world.charge().await.1, price);
        let done = over(&world, batch["id"].as_str().expect("an id")).await;
        assert!(done["error_file_id"].is_string() && done["output_file_id"].is_string(), "{done}");
        assert_eq!(world.charges().len(), 1);
    }
    // A line that says nothing of its use counts as one was held on average, beside those that say theirs.
    let world = World::new().await;
    let lines = [line("a", 30, &json!({})), line("b", 30, &json!({"no_usage": true}))];
    let file = uploaded(&world, &lines.join("\n")).await;
    begin(&world, &file, json!({"no_usage": "true"})).await;
    assert_eq!(world.charge().await.0.get("output_tokens"), Some(&130));
    // Lines that say nothing of their use are charged as they were held: 40 and 200.
    let world = World::new().await;
    let lines = [line("a", 30, &json!({"no_usage": true})), line("b", 30, &json!({"no_usage": true}))];
    let file = uploaded(&world, &lines.join("\n")).await;
    begin(&world, &file, json!({"no_usage": "true"})).await;
    let charge = world.charge().await;
    assert_eq!(charge.0.get("output_tokens"), Some(&200), "{charge:?}");
    // One that is cancelled before anything was done costs nothing, also if requests have a price.
    let priced =
        CATALOG.replace("output_tokens = \"0.002\" }", "output_tokens = \"0.002\", requests = \"1\" }");
    let world = World::with(&priced, |at| setup(at, "")).await;
    let file = uploaded(&world, &line("a", 30, &json!({"first_token_ms": 60_000}))).await;
    let (_, batch) = begin(&world, &file, Value::Null).await;
    let path = format!("/v1/batches/{}", batch["id"].as_str().expect("an id"));
    let (status, batch) = answer(world.ask("POST", &format!("{path}/cancel")).await).await;
    assert_eq!((status, batch["status"].as_str()), (StatusCode::OK, Some("cancelled")), "{batch}");
    world.idle().await;
    assert_eq!(world.available().await, "1000");
    // Two of three: 40 at 0.001, 60 at 0.002, and two requests.
    let lines = [
        line("a", 30, &json!({})),
        line("b", 9, &json!({"fault": {"status": 500}})),
        line("c", 30, &json!({})),
    ];
    let file = uploaded(&world, &lines.join("\n")).await;
    begin(&world, &file, Value::Null).await;
    assert_eq!(world.charge().await.1, "2.16");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_its_accounts_alone() {
    let world = World::new().await;
    let file = uploaded(&world, &line("a", 30, &json!({}))).await;
    let (_, batch) = begin(&world, &file, Value::Null).await;
    let id = batch["id"].as_str().expect("an id").to_owned();
    over(&world, &id).await;
    world.run("other", "open other", Command::Open(Patch::default())).await;
    let other = World { key: world.key_of("other", None).await, ..world };
    for (method, path) in [
        ("GET", format!("/v1/batches/{id}")),
        ("POST", format!("/v1/batches/{id}/cancel")),
        ("GET", format!("/v1/files/{file}")),
        ("GET", format!("/v1/files/{file}/content")),
        ("DELETE", format!("/v1/files/{file}")),
        // The upstream's own names, and a name for another purpose.
        ("GET", "/v1/batches/batch-mock-2".into()),
        ("GET", format!("/v1/files/{id}")),
    ] {
        let (status, _) = answer(other.ask(method, &path).await).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{method} {path}");
    }
    let (status, _) = begin(&other, &file, Value::Null).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_requests_is_read_before_it_is_sent() {
    let world = World::new().await;
    let good = line("a", 30, &json!({}));
    for (file, why) in [
        (String::new(), "the file has no requests"),
        ("{".into(), "line 1: "),
        (
            format!("{good}\n{}", good.replace("\"m\"", "\"dear\"")),
            "line 2: all requests of a file are for one model",
        ),
        (
            good.replace(CHAT, "/v1/images/generations"),
            "line 1: POST /v1/images/generations is not served in batches",
        ),
        (good.replace("POST", "GET"), "line 1: GET "),
        (good.replace("\"max_tokens\"", "\"stream\":true,\"max_tokens\""), "line 1: `stream`"),
        (good.replace("\"max_tokens\":100", "\"n\":0"), "line 1: `n` is from"),
        (format!("{good}\n").repeat(50_001), "the file has more than 50000 requests"),
    ] {
        let (status, refused) = upload(&world, &file).await;
        let message = refused["error"]["message"].as_str().unwrap_or_default();
        assert_eq!(status, StatusCode::BAD_REQUEST, "{refused}");
        assert!(message.contains(why), "{why}: {message}");
    }
    let (status, _) = upload(&world, &good.replace("\"m\"", "\"none\"")).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let headers = [("content-type", "multipart/form-data; boundary=b")];
    let sent = world.send_as(&world.key, "/v1/files", &headers, form("assistants", &good)).await;
    assert_eq!(answer(sent).await.0, StatusCode::BAD_REQUEST);
    assert!(world.upstream.served().is_empty());
    // What names the wrong endpoint, or no file of requests.
    let file = uploaded(&world, &good).await;
    for ask in
        [json!({"endpoint": CHAT}), json!({"input_file_id": file, "endpoint": "/v1/responses"}), json!([])]
    {
        assert_eq!(answer(world.send("/v1/batches", ask.to_string()).await).await.0, StatusCode::BAD_REQUEST);
    }
    assert!(world.records().is_empty());
}
