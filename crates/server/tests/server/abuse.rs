//! Abuse over HTTP: what rules do to an account seen, lifted and tuned live; reports; keys and signatures that nobody made.

use serde_json::{Value, json};

use crate::common::{CATALOG, Server};

fn with_rules(mode: &str) -> String {
    let rules = format!(
        r#"
[abuse]
cost = {{ tokens = 1 }}
rules = {{ cost_maximum = "{mode}", penalty = "{mode}", velocity = "{mode}", holds = "{mode}" }}
[abuse.tiers.paid]
velocity_floor = 30
velocity_ceiling = 40
[abuse.tiers.contract]
holds = 1
[plans.p]
cost_max = 50"#
    );
    CATALOG.replace("version = \"t\"", &format!("version = \"{mode}\"")).replace("[plans.p]", &rules)
}

fn ask(tokens: u64, path: &str) -> String {
    json!({"account": "acme", "feature": "chat", "path": path, "dimensions": {"model": "m"}, "quantities": {"tokens": tokens}})
        .to_string()
}

async fn put(s: &Server, mode: &str) {
    let put = s.call("PUT", "/v1/catalog", mode, &with_rules(mode)).await;
    assert_eq!(put.status, 200, "{}", put.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn abuse_is_seen_tuned_and_explained() {
    let s = Server::start().await;
    put(&s, "enforce").await;
    s.open("acme", "1000").await;
    let denied = s.call("POST", "/v1/authorize", "1", &ask(51, "")).await.body;
    assert_eq!((&denied["outcome"], &denied["reason"]), (&json!("deny"), &json!("cost_maximum")), "{denied}");
    assert_eq!((&denied["wall"], &denied["unblock"]["by"]), (&json!("abuse"), &json!("caller")));
    let allowed = s.call("POST", "/v1/authorize", "2", &ask(40, "")).await.body;
    assert_eq!(allowed["outcome"], "allow", "{allowed}");
    let twice = ask(1, "").replace("\"tokens\":1", "\"tokens\":60,\"tokens\":1");
    let refused = s.call("POST", "/v1/check", "", &twice).await;
    assert_eq!(refused.status, 422, "a cap that stands twice says nothing: {}", refused.body);
    let clamped = s.call("POST", "/v1/authorize", "3", &ask(1, "")).await.body;
    assert_eq!((&clamped["reason"], &clamped["transient"]), (&json!("velocity"), &json!(true)), "{clamped}");
    let visit = clamped["visits"].as_array().expect("visits").iter().find(|v| v["name"] == "abuse.velocity");
    let visit = visit.expect("a visit");
    let shown = ["kind", "verdict", "before", "limit", "unit"].map(|field| visit[field].clone());
    assert_eq!(shown, [json!("abuse"), json!("refused"), json!("40"), json!("40"), json!("cost")]);

    let abuse = s.call("GET", "/v1/accounts/acme/abuse", "", "").await.body;
    assert_eq!((&abuse["tier"], &abuse["terms"]["velocity_floor"]), (&json!("paid"), &json!(30)));
    // The operator trusts it more: in force with the next request.
    let trusted = s.call("PATCH", "/v1/accounts/acme", "t", r#"{"tier":"contract"}"#).await;
    assert_eq!((trusted.status, &trusted.body["tier"]), (200, &json!("contract")), "{}", trusted.body);
    let next = s.call("POST", "/v1/authorize", "4", &ask(1, "")).await.body;
    assert_eq!(next["reason"], "holds_limit", "a contract with one hold: {next}");
    // While rules are only observed, nobody is held off and everything is reported.
    put(&s, "observe").await;
    let observed = s.call("POST", "/v1/authorize", "5", &ask(51, "")).await.body;
    assert_eq!(observed["outcome"], "allow", "{observed}");
    let verdicts: Vec<&Value> =
        observed["visits"].as_array().expect("visits").iter().map(|v| &v["verdict"]).collect();
    assert!(verdicts.contains(&&json!("observed")), "{verdicts:?}");
    let metrics = s.call("GET", "/metrics", "", "").await.head;
    assert!(metrics.to_lowercase().contains("200 ok"), "{metrics}");
    put(&s, "off").await;
    let off = s.call("POST", "/v1/authorize", "6", &ask(51, "")).await.body;
    assert!(off["visits"].as_array().expect("visits").iter().all(|v| v["kind"] != "abuse"), "{off}");
}

#[tokio::test(flavor = "multi_thread")]
async fn penalties_are_reported_and_lifted() {
    let s = Server::start().await;
    put(&s, "enforce").await;
    s.open("acme", "1000").await;
    let report = json!({"signal": "forged_webhook", "key": "k"}).to_string();
    for (id, times) in [("r1", 2), ("r2", 1)] {
        for _ in 0..times {
            let noted = s.call("POST", "/v1/accounts/acme/signals", id, &report).await;
            assert_eq!(noted.status, 204, "{}", noted.body);
        }
    }
    let abuse = s.call("GET", "/v1/accounts/acme/abuse", "", "").await.body;
    let penalty = &abuse["penalties"][0];
    let score = penalty["score_milli"].as_u64().expect("a score");
    assert!(score > 19_900 && score <= 20_000, "two reports, one of them told twice: {penalty}");
    assert_eq!((&penalty["key"], &penalty["level"]), (&json!("k"), &json!(1)));
    let listed = async |query: &str| {
        let list = s.call("GET", &format!("/v1/abuse{query}"), "", "").await;
        assert_eq!(list.status, 200, "{}", list.body);
        list.body["accounts"]
            .as_array()
            .expect("list")
            .iter()
            .map(|a| a["account"].clone())
            .collect::<Vec<_>>()
    };
    s.open("honest", "1000").await;
    assert_eq!(listed("").await, [json!("acme")], "who is held back, and nobody else");
    assert_eq!(listed("?rule=penalty").await, [json!("acme")]);
    assert!(listed("?rule=velocity").await.is_empty());
    let lift = json!({"rule": "penalty", "key": "k", "reason": "a bug of theirs, fixed"}).to_string();
    let lifted = s.call("POST", "/v1/accounts/acme/abuse/lift", "l", &lift).await;
    assert_eq!(
        (lifted.status, &lifted.body["kind"]),
        (200, &json!("abuse_effect_lifted")),
        "{}",
        lifted.body
    );
    let twice = s.call("POST", "/v1/accounts/acme/abuse/lift", "l", &lift).await.body;
    assert_eq!((&twice["id"], &twice["replayed"]), (&lifted.body["id"], &json!(true)));
    let abuse = s.call("GET", "/v1/accounts/acme/abuse", "", "").await.body;
    assert_eq!(abuse["penalties"], json!([]), "{abuse}");
    assert!(listed("").await.is_empty());
    let again =
        s.call("POST", "/v1/accounts/acme/abuse/lift", "m", &json!({"rule": "velocity"}).to_string()).await;
    assert_eq!((again.status, again.problem()), (404, "no_effect"));
    let records = s.call("GET", "/v1/accounts/acme/records", "", "").await.body;
    let last = records["records"].as_array().expect("records").last().expect("one").clone();
    assert_eq!(last["kind"], "abuse_effect_lifted", "{last}");
    assert!(last["actor"].is_string(), "who lifted it is in the ledger: {last}");
    let unknown = s.call("POST", "/v1/accounts/nobody/signals", "x", &report).await;
    assert_eq!((unknown.status, unknown.problem()), (404, "unknown_account"));
}

/// What nobody here has made is dropped before anything is looked up; a revoked key is counted against its network.
#[tokio::test(flavor = "multi_thread")]
async fn keys_carry_a_check_code() {
    let s = Server::start().await;
    s.open("acme", "10").await;
    let get = async |key: &str| {
        let auth = format!("Authorization: Bearer {key}\r\n");
        s.raw("GET", "/v1/accounts/acme", &auth, b"").await
    };
    let mut altered = s.admin.clone();
    let last = if altered.pop() == Some('0') { '1' } else { '0' };
    altered.push(last);
    for fabricated in [&altered, "hw_", "hw_x", "hw_é", &format!("hw_{}_{}", "0".repeat(12), "f".repeat(80))]
    {
        for _ in 0..20 {
            let refused = get(fabricated).await;
            assert_eq!((refused.status, refused.problem()), (401, "unauthenticated"), "{fabricated}");
        }
    }
    let made = s.call("POST", "/v1/keys", "", r#"{"scopes":["read"]}"#).await.body;
    let (id, secret) = (made["key"]["id"].as_str().expect("id"), made["secret"].as_str().expect("secret"));
    assert_eq!(get(secret).await.status, 200);
    assert_eq!(s.call("DELETE", &format!("/v1/keys/{id}"), "", "").await.status, 204);
    // Two points each: sixteen are reached with the eighth.
    for n in 1..=10 {
        let refused = get(secret).await;
        assert_eq!(refused.status, if n < 8 { 401 } else { 429 }, "{n}");
    }
    assert_eq!(get(&s.admin).await.status, 200, "a valid key is never held up");
}
