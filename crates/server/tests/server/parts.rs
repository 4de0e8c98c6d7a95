//! Uses of several parts over HTTP.

use serde_json::{Value, json};

use crate::common::{CATALOG, Reply, Server};

async fn server() -> Server {
    let s = Server::start().await;
    let text = CATALOG.replace(
        "prices = [",
        "prices = [{ feature = \"chat\", when = { model = \"n\" }, credits = { tokens = \"3\" } }, ",
    );
    assert_eq!(s.call("PUT", "/v1/catalog", "c", &text).await.status, 200);
    s.open("acme", "100").await;
    s
}

async fn post(s: &Server, route: &str, key: &str, body: &Value) -> Reply {
    s.call("POST", route, key, &body.to_string()).await
}

fn part(model: &str, tokens: u64) -> Value {
    json!({"dimensions": {"model": model}, "quantities": {"tokens": tokens}})
}

#[tokio::test(flavor = "multi_thread")]
async fn a_use_of_several_parts_is_one_use() {
    let s = server().await;
    let ask = json!({"account": "acme", "feature": "chat", "parts": [part("m", 10), part("n", 4)]});
    let held = post(&s, "/v1/authorize", "a", &ask).await.body;
    // 10 at 1 and 4 at 3.
    assert_eq!((&held["outcome"], &held["price"]), (&json!("allow"), &json!("22")), "{held}");
    let usage = &held["usage"];
    let models: Vec<&Value> =
        usage["parts"].as_array().expect("parts").iter().map(|p| &p["dimensions"]["model"]).collect();
    assert_eq!(models, [&json!("m"), &json!("n")]);
    let lines: Vec<(&Value, &Value)> =
        usage["lines"].as_array().expect("lines").iter().map(|l| (&l["part"], &l["amount"])).collect();
    assert_eq!(lines, [(&json!(1), &json!("10")), (&json!(2), &json!("12"))]);
    let hold = &held["hold"]["id"];

    let more = json!({"hold": hold, "parts": [{}, {"quantities": {"tokens": 1}}]});
    assert_eq!(post(&s, "/v1/extend", "e", &more).await.body["price"], "3");
    let used = json!({"hold": hold, "parts": [{"quantities": {"tokens": 9}}, {"quantities": {"tokens": 5}}]});
    let charge = post(&s, "/v1/settle", "s", &used).await.body;
    assert_eq!(charge["price"], "24", "{charge}");
    assert_eq!(post(&s, "/v1/settle", "s2", &used).await.body["replayed"], true);

    let fix = json!({"charge": charge["charge"], "parts": [{}, {"quantities": {"tokens": 1}}]});
    let fixed = post(&s, "/v1/accounts/acme/corrections", "f", &fix).await.body;
    assert_eq!(fixed["price"], "12", "{fixed}");
    let record = json!({"account": "acme", "feature": "chat", "parts": [part("n", 1), part("m", 1)]});
    assert_eq!(post(&s, "/v1/record", "r", &record).await.body["price"], "4");
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_stand_in_place_of_quantities() {
    let s = server().await;
    let ask = |more: Value| {
        let mut ask = json!({"account": "acme", "feature": "chat"});
        ask.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        ask
    };
    for wrong in [
        json!({"parts": []}),
        json!({"parts": [part("m", 1)], "quantities": {"tokens": 1}}),
        json!({"parts": [part("m", 1)], "dimensions": {"model": "m"}}),
        json!({"parts": [part("m", 1), part("n", 1)], "min": {"tokens": 1}}),
        json!({"parts": [part("m", 1), {"dimensions": {"model": "n"}, "quantities": {"requests": 1}}]}),
        json!({"parts": [part("m", 1), {"dimensions": {"model": "n"}}]}),
        json!({"parts": vec![part("m", 1); 17]}),
    ] {
        let reply = post(&s, "/v1/authorize", "w", &ask(wrong.clone())).await;
        assert_eq!(reply.problem(), "invalid_request", "{wrong}: {}", reply.body);
    }
    // One part is a use of one part.
    let one = post(&s, "/v1/authorize", "o", &ask(json!({"parts": [part("n", 2)]}))).await.body;
    assert_eq!((&one["price"], &one["usage"]["parts"]), (&json!("6"), &Value::Null));
}
