//! Whole stories over HTTP.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::common::Server;

/// Twenty parallel holds of 75 against 500, a hundred times: six winners each time.
#[tokio::test(flavor = "multi_thread")]
async fn twenty_holds_of_75_against_500_leave_six_winners() {
    let s = Arc::new(Server::start().await);
    for round in 0..100 {
        let account = format!("round-{round}");
        s.open(&account, "500").await;
        let mut holds = tokio::task::JoinSet::new();
        for i in 0..20 {
            let (s, account) = (Arc::clone(&s), account.clone());
            holds.spawn(async move {
                let ask = json!({"account": account, "feature": "chat", "dimensions": {"model": "m"}, "quantities": {"tokens": 75}});
                let reply = s.call("POST", "/v1/authorize", &format!("k{i}"), &ask.to_string()).await;
                assert_eq!(reply.status, 200, "{}", reply.body);
                reply.body["outcome"].as_str().expect("outcome").to_owned()
            });
        }
        let outcomes = holds.join_all().await;
        assert_eq!(outcomes.iter().filter(|o| *o == "allow").count(), 6, "round {round}");
        let balances = s.balances(&account).await;
        assert_eq!(
            (&balances["available"], &balances["held"]),
            (&json!("50"), &json!("450")),
            "round {round}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn from_hold_to_refund_with_every_step_explained() {
    let s = Server::start().await;
    s.open("acme", "10").await;
    let ask = r#"{"account":"acme","feature":"chat","path":"team:a/user:u","dimensions":{"model":"m"},"quantities":{"tokens":4}}"#;
    let checked = s.call("POST", "/v1/check", "", ask).await;
    assert_eq!((checked.status, &checked.body["outcome"]), (200, &json!("allow")));
    assert!(checked.body["decision_id"].is_null(), "a check leaves nothing to explain");
    let held = s.call("POST", "/v1/authorize", "a", ask).await.body;
    assert_eq!((&held["price"], &held["draws"][0]["amount"]), (&json!("4"), &json!("4")));
    let id = held["decision_id"].as_str().expect("id");
    let mut explained = s.call("GET", &format!("/v1/decisions/{id}"), "", "").await.body;
    explained["replayed"] = json!(false);
    assert_eq!(explained, held, "the explanation is the stored answer");
    let holds = s.call("GET", "/v1/accounts/acme/holds", "", "").await.body;
    assert_eq!(holds["holds"][0]["held"], "4");
    let settle = format!(r#"{{"hold":"{id}","quantities":{{"tokens":3}}}}"#);
    let auth = format!("Authorization: Bearer {}\r\n", s.admin);
    let charge = s.raw("POST", "/v1/settle", &auth, settle.as_bytes()).await.body;
    assert_eq!(
        (&charge["price"], &charge["returned"], &charge["replayed"]),
        (&json!("3"), &json!("1"), &json!(false))
    );
    let again = s.raw("POST", "/v1/settle", &auth, settle.as_bytes()).await.body;
    assert_eq!((&again["charge"], &again["replayed"]), (&charge["charge"], &json!(true)));
    let refund = format!(r#"{{"charge":{},"amount":"2"}}"#, charge["charge"]);
    assert_eq!(s.call("POST", "/v1/accounts/acme/refunds", "r", &refund).await.status, 200);
    // One of three is left to give back.
    let more = s.call("POST", "/v1/accounts/acme/refunds", "r2", &refund).await;
    assert_eq!((more.status, more.problem()), (409, "more_than_charged"));
    let balances = s.balances("acme").await;
    assert_eq!((&balances["available"], &balances["spent"]), (&json!("9"), &json!("1")));
    let denied = s.call("POST", "/v1/authorize", "d", &ask.replace(":4", ":40")).await.body;
    assert_eq!((&denied["outcome"], &denied["unblock"]["purchase"]), (&json!("deny"), &json!("31")));
    let id = denied["decision_id"].as_str().expect("id");
    assert_eq!(s.call("GET", &format!("/v1/decisions/{id}"), "", "").await.body, denied);
    let records = s.call("GET", "/v1/accounts/acme/records", "", "").await.body;
    let kinds = records["records"].as_array().expect("list").iter().filter_map(|r| r["kind"].as_str());
    // The denial is written some seconds later, or has been by now.
    let kinds: Vec<&str> = kinds.filter(|kind| *kind != "denied").collect();
    assert_eq!(kinds, ["account_opened", "granted", "authorized", "settled", "refunded"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_answers_item_by_item() {
    let s = Server::start().await;
    s.open("acme", "10").await;
    let one = |tokens: i64, key: &str| {
        json!({"authorize": {"account": "acme", "feature": "chat", "dimensions": {"model": "m"}, "settle": "now",
            "quantities": {"tokens": tokens}, "idempotency_key": key}})
    };
    let record = json!({"record": {"account": "acme", "feature": "chat", "dimensions": {"model": "m"}, "quantities": {"tokens": 1}, "idempotency_key": "r"}});
    let missing = json!({"authorize": {"account": "nobody", "feature": "chat", "idempotency_key": "x"}});
    let body = json!({"items": [one(4, "a"), missing, one(50, "b"), record]}).to_string();
    let items = s.call("POST", "/v1/batch", "", &body).await.body["items"].clone();
    assert_eq!(items[0]["decision"]["outcome"], "allow");
    assert_eq!(items[1]["problem"]["status"], 404);
    assert_eq!(items[2]["decision"]["outcome"], "deny");
    assert_eq!(items[3]["charge"]["price"], "1");
    assert_eq!(s.balances("acme").await["available"], "5");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_catalog_is_replaced_whole_or_not_at_all() {
    let s = Server::start().await;
    s.open("acme", "10").await;
    let shown = s.call("GET", "/v1/catalog", "", "").await.body;
    let bad = crate::common::CATALOG.replace("tokens = \"1\"", "tokens = \"0.0000000001\"");
    let reply = s.call("PUT", "/v1/catalog", "c1", &bad).await;
    assert_eq!((reply.status, reply.problem()), (422, "invalid_catalog"));
    assert_eq!(reply.body["problems"][0]["line"], 12, "{}", reply.body);
    assert_eq!(s.call("GET", "/v1/catalog", "", "").await.body, shown);
    let dearer = crate::common::CATALOG.replace("tokens = \"1\"", "tokens = \"3\"");
    // A hold keeps the price it was opened with.
    let ask = r#"{"account":"acme","feature":"chat","dimensions":{"model":"m"},"quantities":{"tokens":2}}"#;
    let held = s.call("POST", "/v1/authorize", "a", ask).await.body;
    assert_eq!(s.call("PUT", "/v1/catalog", "c2", &dearer).await.status, 200);
    let settle = format!(r#"{{"hold":{},"quantities":{{"tokens":2}}}}"#, held["decision_id"]);
    assert_eq!(s.call("POST", "/v1/settle", "s", &settle).await.body["price"], "2");
    assert_eq!(s.call("POST", "/v1/authorize", "b", ask).await.body["price"], "6");
    let checked = s.call("POST", "/v1/catalog/check", "", &dearer).await.body;
    assert_eq!(checked["plans"], json!(["p"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_does_not_turn_from_credits_into_requests() {
    let s = Server::start().await;
    let guarded = |guard: &str| {
        let guards = format!("guards = [{guard}]\nwaterfall");
        crate::common::CATALOG.replace("waterfall", &guards)
    };
    let cap = guarded(r#"{ name = "most", window.spend_cap = { limit = "5", every = "month" } }"#);
    let requests =
        guarded(r#"{ name = "most", count = "requests", window.fixed = { limit = 5, every = "month" } }"#);
    assert_eq!(s.call("PUT", "/v1/catalog", "c1", &cap).await.status, 200);
    for (method, path) in [("POST", "/v1/catalog/check"), ("PUT", "/v1/catalog")] {
        let refused = s.call(method, path, "c2", &requests).await;
        assert_eq!((refused.status, refused.problem()), (422, "invalid_catalog"), "{path}");
        assert!(
            refused.body["detail"].as_str().is_some_and(|d| d.contains("`most` counts credits")),
            "{path}"
        );
    }
    let renamed = requests.replace("\"most\"", "\"calls\"");
    assert_eq!(s.call("PUT", "/v1/catalog", "c3", &renamed).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_past_catalog_is_listed_shown_and_put_back() {
    let s = Server::start().await;
    let hash = |text: &str| blake3::hash(text.as_bytes()).to_hex().to_string();
    let priced =
        |price: &str| crate::common::CATALOG.replace("tokens = \"1\"", &format!("tokens = \"{price}\""));
    let (two, three) = (priced("2"), priced("3"));
    for (key, text) in [("c2", &two), ("c3", &three)] {
        let put = s.call("PUT", "/v1/catalog", key, text).await.body;
        assert_eq!(put["hash"], json!(hash(text)));
        // The server began with another catalog of this label.
        assert!(put["warnings"][0].as_str().is_some_and(|w| w.contains(&hash(text)[..12])), "{put}");
    }
    let listed = s.call("GET", "/v1/catalogs", "", "").await.body;
    let shown: Vec<_> = listed["catalogs"].as_array().expect("a list").iter().collect();
    assert_eq!((&shown[0]["hash"], &shown[0]["in_force"]), (&json!(hash(&three)), &json!(true)));
    assert_eq!((&shown[1]["hash"], &shown[1]["in_force"]), (&json!(hash(&two)), &json!(false)));
    assert_eq!(shown[0]["changes"]["rate_cards"]["changed"], json!(["card"]));
    assert!(shown[0]["actor"].is_string(), "{listed}");
    let path = format!("/v1/catalogs/{}", &hash(&two)[..8]);
    assert_eq!(s.call("GET", &path, "", "").await.body, json!(two));
    assert_eq!(s.call("POST", &format!("{path}/restore"), "r", "").await.status, 200);
    assert_eq!(s.call("GET", "/v1/catalog", "", "").await.body, json!(two));
    let again = s.call("GET", "/v1/catalogs", "", "").await.body;
    assert_eq!(again["catalogs"][0]["version"], shown[1]["version"], "the same catalog has the same label");
    for unknown in ["0000000000", &hash(&two)[..7]] {
        let reply = s.call("GET", &format!("/v1/catalogs/{unknown}"), "", "").await;
        assert_eq!((reply.status, reply.problem()), (404, "unknown_catalog"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_count_decisions_by_reason() {
    let s = Server::start().await;
    s.open("acme", "1").await;
    let ask = r#"{"account":"acme","feature":"chat","dimensions":{"model":"m"},"quantities":{"tokens":1}}"#;
    s.call("POST", "/v1/authorize", "a", ask).await;
    s.call("POST", "/v1/authorize", "b", ask).await;
    let Value::String(text) = s.call("GET", "/metrics", "", "").await.body else { panic!("text") };
    assert!(text.contains("headworks_decisions_total{reason=\"allowed\"} 1"), "{text}");
    assert!(text.contains("headworks_decisions_total{reason=\"insufficient_credits\"} 1"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ledger_is_shown_reconciled_stated_and_tried() {
    let s = Server::start().await;
    s.open("acme", "10").await;
    let ask = r#"{"account":"acme","feature":"chat","settle":"now","dimensions":{"model":"m"},"quantities":{"tokens":4}}"#;
    assert_eq!(s.call("POST", "/v1/authorize", "a", ask).await.body["outcome"], "allow");
    // A pass that began after the charge has seen it.
    assert_eq!(s.call("POST", "/v1/reconcile", "", "").await.status, 202);
    let mut state = Value::Null;
    for _ in 0..500 {
        state = s.call("GET", "/v1/reconcile", "", "").await.body;
        if state["last"]["books"]["spent"] == "4" {
            break;
        }
        s.call("POST", "/v1/reconcile", "", "").await;
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert_eq!((&state["status"], &state["last"]["found"]), (&json!("ok"), &json!(0)), "{state}");
    let books = &state["last"]["books"];
    assert_eq!(
        (&books["issued"], &books["free"], &books["difference"]),
        (&json!("10"), &json!("6"), &json!("0"))
    );
    let statement = s.call("GET", "/v1/accounts/acme/statement", "", "").await.body;
    let amounts: Vec<&Value> =
        statement["entries"].as_array().expect("entries").iter().map(|e| &e["amount"]).collect();
    assert_eq!((amounts, &statement["closing"]), (vec![&json!("10"), &json!("-4")], &json!("6")));
    let key = s.call("GET", "/v1/signing-key", "", "").await.body;
    let public = key["public"].as_str().expect("a key");
    let note = statement["checkpoint"].as_str().expect("a checkpoint");
    let checkpoint = headworks_api::verify_checkpoint(note, public).expect("it fits");
    assert_eq!((checkpoint.account.as_str(), &json!(checkpoint.seq)), ("acme", &statement["seq"]));
    for (query, status) in [
        ("from=yesterday", 422),
        ("from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", 422),
        ("format=pdf", 422),
    ] {
        let reply = s.call("GET", &format!("/v1/accounts/acme/statement?{query}"), "", "").await;
        assert_eq!((reply.status, reply.problem()), (status, "invalid_request"), "{query}");
    }
    assert_eq!(s.call("GET", "/v1/accounts/nobody/statement", "", "").await.status, 404);
    // Twice as dear: 8 instead of 4.
    let catalog = crate::common::CATALOG;
    let dearer = catalog.replace(r#"tokens = "1""#, r#"tokens = "2""#);
    assert_ne!(dearer, catalog);
    let tried = s.call("POST", "/v1/catalog/what-if", "", &dearer).await.body;
    assert_eq!(
        (&tried["total"]["was"]["charged"], &tried["total"]["would_be"]["charged"]),
        (&json!("4"), &json!("8"))
    );
    assert_eq!(s.balances("acme").await["spent"], "4", "nothing changed");
    let broken = s.call("POST", "/v1/catalog/what-if", "", "version = 1").await;
    assert_eq!(broken.status, 422);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_balance_is_read_as_it_will_be() {
    let s = Server::start().await;
    s.open("acme", "10").await;
    let grant =
        |amount: &str, more: &str| format!(r#"{{"amount":"{amount}","category":"promotional"{more}}}"#);
    let soon = grant("3", r#","expires_at":"2999-01-01T00:00:00Z""#);
    let later = grant("5", r#","effective_from":"2998-01-01T00:00:00Z","expires_at":"2999-06-01T00:00:00Z""#);
    for (key, body) in [("soon", soon), ("later", later)] {
        assert_eq!(s.call("POST", "/v1/accounts/acme/grants", key, &body).await.status, 200);
    }
    let ask = r#"{"account":"acme","feature":"chat","dimensions":{"model":"m"},"quantities":{"tokens":2}}"#;
    assert_eq!(s.call("POST", "/v1/authorize", "hold", ask).await.body["outcome"], "allow");
    // Two are held now and free again when the hold has expired; then 5 more begin, 3 end, 5 end.
    for (at, available, held, breakage) in [
        ("2026-01-01T00:00:00Z", "11", "2", "0"),
        ("2997-01-01T00:00:00Z", "13", "0", "0"),
        ("2998-01-01T00:00:00Z", "18", "0", "0"),
        ("2999-01-01T00:00:00Z", "15", "0", "3"),
        ("2999-06-01T00:00:00Z", "10", "0", "8"),
    ] {
        let b = s.call("GET", &format!("/v1/accounts/acme/balances?at={at}"), "", "").await.body;
        assert_eq!(
            (&b["available"], &b["held"], &b["breakage"]),
            (&json!(available), &json!(held), &json!(breakage)),
            "{at}: {b}"
        );
    }
    let now = s.balances("acme").await;
    assert_eq!(
        (&now["available"], &now["breakage"]),
        (&json!("11"), &json!("0")),
        "looking ahead changes nothing"
    );
    let bad = s.call("GET", "/v1/accounts/acme/balances?at=tomorrow", "", "").await;
    assert_eq!((bad.status, bad.problem()), (422, "invalid_request"));
}

/// A page has as many accounts as requested, even when the server keeps many logs of its own. A limited key sees its own
/// accounts and no other name.
#[tokio::test(flavor = "multi_thread")]
async fn pages_of_accounts_are_full_and_stay_within_a_keys_reach() {
    let s = Server::start().await;
    let names: Vec<String> = (0..25)
        .map(|n| format!("acme-{n:02}"))
        .chain(["acme".to_owned(), "bolt".to_owned(), "zeta".to_owned(), "Zoo".to_owned()])
        .collect();
    for name in &names {
        let rank = json!({"id": name, "capacity": {"cluster": format!("of-{name}")}});
        assert_eq!(s.call("POST", "/v1/accounts", "o", &rank.to_string()).await.status, 200);
        let free = json!({"amount": "1", "category": "free"});
        let path = format!("/v1/accounts/{name}/grants");
        assert_eq!(s.call("POST", &path, "free", &free.to_string()).await.status, 200);
    }
    let limited = json!({"scopes": ["read"], "accounts": ["acme-1*", "zeta", "_*", "nobody", "acme"]});
    let limited = s.call("POST", "/v1/keys", "", &limited.to_string()).await.body;
    let limited = limited["secret"].as_str().expect("a secret").to_owned();
    let mut all = names.clone();
    all.sort();
    let mut own: Vec<String> = (10..20).map(|n| format!("acme-{n}")).collect();
    own.extend(["acme".to_owned(), "zeta".to_owned()]);
    own.sort();
    for (key, expected) in [(s.admin.clone(), all), (limited, own)] {
        for max in [1, 4, 10, 12, 29, 1_000] {
            let (mut seen, mut after) = (Vec::new(), String::new());
            loop {
                let auth = format!("Authorization: Bearer {key}\r\n");
                let page = s.raw("GET", &format!("/v1/accounts?max={max}{after}"), &auth, b"").await.body;
                let accounts: Vec<String> =
                    serde_json::from_value(page["accounts"].clone()).expect("a list of names");
                let is_last = page["next"].is_null();
                assert!(is_last || accounts.len() == max, "{max}: {page}");
                assert!(is_last || page["next"].as_str() == accounts.last().map(String::as_str), "{page}");
                seen.extend(accounts);
                if is_last {
                    break;
                }
                after = format!("&after={}", seen.last().expect("one"));
            }
            assert_eq!(seen, expected, "max={max}");
        }
    }
}
