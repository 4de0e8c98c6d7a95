//! Supplies over HTTP: decided with, waited for, changed live, told what their upstream answers.

use std::sync::Arc;

use serde_json::json;

use crate::common::{CATALOG, Server};

/// The usual catalog with a supply of two slots behind its feature, and one whose rate is learned.
pub(crate) fn with_supplies() -> String {
    let supplies = r#"
[supplies.large]
in_flight = 2
in_flight_cost = { requests = 1 }
cost = { tokens = 1 }
[supplies.large.classes.gold]
priority = 0
[supplies.large.classes.default]
priority = 1
wait_max = "5s"
[supplies.learned]
rate = 1000
learn = { floor = 100, ceiling = 5000 }
cost = { tokens = 1 }
[plans.p]"#;
    let catalog = CATALOG.replace("[plans.p]", supplies);
    catalog.replace("[features.chat]", "[features.chat]\nsupply = \"large\"")
}

fn ask(max_wait: &str) -> String {
    json!({"account": "acme", "feature": "chat", "dimensions": {"model": "m"}, "quantities": {"tokens": 1}, "max_wait": max_wait})
        .to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_supply_from_catalog_to_feedback() {
    let s = Arc::new(Server::start().await);
    let put = s.call("PUT", "/v1/catalog", "c", &with_supplies()).await;
    assert_eq!(put.status, 200, "{}", put.body);
    s.open("acme", "100").await;

    let first = s.call("POST", "/v1/authorize", "1", &ask("0s")).await.body;
    let capacity = &first["hold"]["capacity"];
    assert_eq!((&capacity["supply"], &capacity["class"]), (&json!("large"), &json!("default")), "{first}");
    let second = s.call("POST", "/v1/authorize", "2", &ask("0s")).await.body;
    assert_eq!(second["outcome"], "allow", "{second}");

    let refused = s.call("POST", "/v1/authorize", "3", &ask("0s")).await.body;
    assert_eq!((&refused["outcome"], &refused["reason"]), (&json!("wait"), &json!("capacity")), "{refused}");
    assert_eq!((&refused["wall"], &refused["transient"]), (&json!("capacity"), &json!(true)));
    assert!(refused["unblock"]["at"].is_string(), "{refused}");
    let last = refused["visits"].as_array().expect("visits").last().expect("a visit").clone();
    assert_eq!(
        (&last["kind"], &last["name"], &last["verdict"]),
        (&json!("supply"), &json!("large"), &json!("refused"))
    );
    let explained = s
        .call("GET", &format!("/v1/decisions/{}", refused["decision_id"].as_str().expect("id")), "", "")
        .await;
    assert_eq!((explained.status, &explained.body["outcome"]), (200, &json!("wait")));

    // The class waits for up to five seconds when the request says nothing; a hold that ends lets it in.
    let waits = {
        let s = Arc::clone(&s);
        let silent = ask("0s").replace(r#","max_wait":"0s""#, "");
        assert!(!silent.contains("max_wait"), "{silent}");
        tokio::spawn(async move { s.call("POST", "/v1/authorize", "4", &silent).await.body })
    };
    loop {
        let supply = s.call("GET", "/v1/supplies/large", "", "").await.body;
        if supply["waiting"] == 1 {
            assert_eq!((&supply["in_flight"], &supply["in_flight_max"]), (&json!(2), &json!(2)));
            break;
        }
    }
    // Who uses it: two slots of one account, whose third request waits.
    let sharers = s.call("GET", "/v1/supplies/large/sharers?account=acme", "", "").await.body;
    let sharer = &sharers["sharers"][0];
    assert_eq!((&sharer["account"], &sharer["class"]), (&json!("acme"), &json!("default")), "{sharers}");
    assert_eq!(
        (&sharer["in_flight"], &sharer["waiting"], &sharer["weight"]),
        (&json!(2), &json!(1), &json!(1))
    );
    let others = s.call("GET", "/v1/supplies/large/sharers?account=other", "", "").await.body;
    assert_eq!(others["sharers"], json!([]));
    for (path, status, problem) in [
        ("/v1/supplies/none/sharers", 404, "unknown_supply"),
        ("/v1/supplies/large/sharers?max=many", 422, "invalid_request"),
    ] {
        let refused = s.call("GET", path, "", "").await;
        assert_eq!((refused.status, refused.problem()), (status, problem), "{path}");
    }
    let hold = first["hold"]["id"].as_str().expect("hold");
    s.call("POST", "/v1/release", "r", &json!({"hold": hold}).to_string()).await;
    assert_eq!(waits.await.expect("runs")["outcome"], "allow");

    // A live change is in force at once, is in the ledger, and goes away with an empty one.
    let change = json!({"in_flight": 3, "classes": {"gold": {"weight": 4}}, "reason": "more hardware"});
    let changed = s.call("PUT", "/v1/supplies/large", "p", &change.to_string()).await;
    assert_eq!((changed.status, &changed.body["in_flight_max"]), (200, &json!(3)), "{}", changed.body);
    assert_eq!(changed.body["classes"]["gold"]["terms"]["weight"], 4);
    assert_eq!(s.call("POST", "/v1/authorize", "5", &ask("0s")).await.body["outcome"], "allow");
    let back = s.call("PUT", "/v1/supplies/large", "q", "{}").await.body;
    assert_eq!((&back["in_flight_max"], &back["classes"]["gold"]["terms"]["weight"]), (&json!(2), &json!(1)));

    // Feedback: a stated limit is taken over.
    let told = s.call("POST", "/v1/supplies/learned/feedback", "", r#"{"status": 200, "limit": 777}"#).await;
    assert_eq!(told.status, 204, "{}", told.body);
    loop {
        let supplies = s.call("GET", "/v1/supplies", "", "").await.body;
        let learned = supplies["supplies"]
            .as_array()
            .expect("supplies")
            .iter()
            .find(|p| p["name"] == "learned")
            .cloned();
        if learned.expect("it is there")["rate"] == 777 {
            break;
        }
    }

    // An account's standing.
    let rank = json!({"capacity": {"class": "gold", "cluster": "card-1", "weight": 3}});
    let account = s.call("PATCH", "/v1/accounts/acme", "a", &rank.to_string()).await;
    assert_eq!((account.status, &account.body["capacity"]["weight"]), (200, &json!(3)), "{}", account.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_supply_is_said_and_changes_nothing() {
    let s = Server::start().await;
    let catalog = with_supplies();
    assert_eq!(s.call("PUT", "/v1/catalog", "c", &catalog).await.status, 200);
    s.open("acme", "100").await;
    let rows = [
        ("PUT", "/v1/supplies/none", "{}", 404, "unknown_supply"),
        ("PUT", "/v1/supplies/large", r#"{"in_flight": 0}"#, 422, "invalid_request"),
        ("PUT", "/v1/supplies/large", r#"{"classes": {"silver": {}}}"#, 422, "invalid_request"),
        (
            "PUT",
            "/v1/supplies/large",
            r#"{"classes": {"gold": {"floor_percent": 101}}}"#,
            422,
            "invalid_request",
        ),
        ("GET", "/v1/supplies/none", "", 404, "unknown_supply"),
        ("POST", "/v1/supplies/none/feedback", r#"{"status": 200}"#, 404, "unknown_supply"),
        ("POST", "/v1/supplies/large/feedback", r#"{"status": 7}"#, 422, "invalid_request"),
        ("PATCH", "/v1/accounts/acme", r#"{"capacity": {"weight": 0}}"#, 422, "invalid_request"),
        ("PATCH", "/v1/accounts/acme", r#"{"capacity": {"class": "silver"}}"#, 422, "invalid_request"),
    ];
    for (i, (method, path, body, status, problem)) in rows.into_iter().enumerate() {
        let reply = s.call(method, path, &format!("k{i}"), body).await;
        assert_eq!(
            (reply.status, reply.problem()),
            (status, problem),
            "{method} {path} {body}: {}",
            reply.body
        );
    }
    let supply = s.call("GET", "/v1/supplies/large", "", "").await.body;
    assert_eq!((&supply["in_flight_max"], &supply["change"]), (&json!(2), &json!(null)));

    let catalogs = [
        ("in_flight = 2\n", "\n", "limits nothing"),
        (
            "cost = { tokens = 1 }\n[supplies.large.classes.gold]",
            "cost = { words = 1 }\n[supplies.large.classes.gold]",
            "no meter `words`",
        ),
        ("supply = \"large\"", "supply = \"small\"", "no supply `small`"),
        ("floor = 100,", "floor = 2000,", "1 <= floor <= rate <= ceiling"),
        ("[supplies.large.classes.default]", "[supplies.large.classes.silver]", "has no class `default`"),
        ("wait_max = \"5s\"", "wait_max = \"2h\"", "at most 1h"),
        ("rate = 1000\n", "rate = 1000\nfallback = [\"learned\"]\n", "no other supply `learned`"),
    ];
    for (from, to, expected) in catalogs {
        assert!(catalog.contains(from), "{from}");
        let reply = s.call("PUT", "/v1/catalog", "x", &catalog.replacen(from, to, 1)).await;
        let text = reply.body.to_string();
        assert!(reply.status == 422 && text.contains(expected) && text.contains("line"), "{to}: {text}");
    }
}
