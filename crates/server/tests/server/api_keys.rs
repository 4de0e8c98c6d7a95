//! API keys: made once for each request, rotated with overlap, limited, and never the last one revoked.

use headworks_core::record::Span;
use serde_json::{Value, json};

use crate::common::{Reply, Server};
use crate::receiver::Receiver;

async fn with(s: &Server, key: &str, method: &str, path: &str) -> Reply {
    s.raw(method, path, &format!("Authorization: Bearer {key}\r\n"), b"").await
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_request_makes_no_second_key() {
    let s = Server::start().await;
    let ask = json!({"scopes": ["read"], "note": "n"}).to_string();
    let first = s.call("POST", "/v1/keys", "k", &ask).await;
    assert_eq!((first.status, &first.body["replayed"]), (200, &json!(false)), "{}", first.body);
    assert!(first.head.contains("cache-control: no-store"), "{}", first.head);
    assert!(first.body["secret"].is_string() && first.body["hint"].is_null());
    let again = s.call("POST", "/v1/keys", "k", &ask).await;
    assert_eq!((again.status, &again.body["replayed"]), (200, &json!(true)));
    assert_eq!(again.body["key"]["id"], first.body["key"]["id"]);
    assert!(again.body["secret"].is_null() && again.body["hint"].is_string(), "{}", again.body);
    let other = s.call("POST", "/v1/keys", "k", &json!({"scopes": ["decide"]}).to_string()).await;
    assert_eq!((other.status, other.problem()), (422, "idempotency_conflict"));
    let listed = s.call("GET", "/v1/keys", "", "").await.body;
    assert_eq!(listed["keys"].as_array().expect("keys").len(), 2, "the admin's, and this one");
    // Without a key each request makes one.
    for _ in 0..2 {
        assert_eq!(s.call("POST", "/v1/keys", "", &ask).await.body["replayed"], json!(false));
    }
    let listed = s.call("GET", "/v1/keys", "", "").await.body;
    assert_eq!(listed["keys"].as_array().expect("keys").len(), 4);
    for wrong in [
        json!({"scopes": []}),
        json!({"scopes": ["read"], "expires_at": "2020-01-01T00:00:00Z"}),
        json!({"scopes": ["read"], "limits": {"concurrent": 0}}),
        json!({"scopes": ["read"], "limits": {"concurrent": 65_537}}),
        json!({"scopes": ["read"], "limits": {"rate": {"limit": 0, "per": "1s"}}}),
        json!({"scopes": ["read"], "limits": {"rate": {"limit": 1_000_000_001, "per": "1s"}}}),
        json!({"scopes": ["read"], "limits": {"rate": {"limit": 1, "per": "999ms"}}}),
        json!({"scopes": ["read"], "limits": {"rate": {"limit": 1, "per": "25h"}}}),
        json!({"scopes": ["read"], "limits": {"warn_at": [50]}}),
        json!({"scopes": ["read"], "limits": {"concurrent": 2, "warn_at": []}}),
        json!({"scopes": ["read"], "limits": {"concurrent": 2, "warn_at": [0, 50]}}),
        json!({"scopes": ["read"], "limits": {"concurrent": 2, "warn_at": [50, 50]}}),
        json!({"scopes": ["read"], "limits": {"concurrent": 2, "warn_at": [50, 101]}}),
        json!({"scopes": ["read"], "limits": {"concurrent": 2, "warn_at": [1, 2, 3, 4, 5, 6, 7, 8, 9]}}),
    ] {
        let refused = s.call("POST", "/v1/keys", "", &wrong.to_string()).await;
        assert_eq!((refused.status, refused.problem()), (422, "invalid_request"), "{wrong}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotated_key_works_until_its_overlap_ends() {
    let s = Server::start_at(std::sync::Arc::default(), "2026-03-01T00:00:00Z").await;
    let made = s.call("POST", "/v1/keys", "k", &json!({"scopes": ["read"]}).to_string()).await.body;
    let (id, first) = (text(&made["key"]["id"]), text(&made["secret"]));
    let rotate = async |key: &str, body: Value| {
        s.call("POST", &format!("/v1/keys/{id}/rotate"), key, &body.to_string()).await
    };
    let works = async |secret: &str| with(&s, secret, "GET", "/v1/accounts").await.status;
    let second = rotate("r1", json!({})).await.body;
    assert_eq!(second["key"]["previous_until"], "2026-03-02T00:00:00Z", "{second}");
    let replayed = rotate("r1", json!({})).await.body;
    assert_eq!((&replayed["replayed"], &replayed["secret"]), (&json!(true), &Value::Null));
    let second = text(&second["secret"]);
    assert_eq!((works(&first).await, works(&second).await), (200, 200));
    let advance = async |to: &str| {
        let moved = s.call("POST", "/v1/test-clock/advance", "", &json!({"to": to}).to_string()).await;
        assert_eq!(moved.status, 200, "{}", moved.body);
    };
    advance("2026-03-01T23:59:59Z").await;
    assert_eq!(works(&first).await, 200);
    advance("2026-03-02T00:00:00Z").await;
    assert_eq!((works(&first).await, works(&second).await), (401, 200));
    // A rotation ends the secret before the previous one; without overlap the previous one ends at once.
    let third = text(&rotate("r2", json!({"overlap": "30d"})).await.body["secret"]);
    let fourth = text(&rotate("r3", json!({"overlap": "30d"})).await.body["secret"]);
    assert_eq!((works(&second).await, works(&third).await, works(&fourth).await), (401, 200, 200));
    let fifth = text(&rotate("r4", json!({"overlap": "0s"})).await.body["secret"]);
    assert_eq!((works(&fourth).await, works(&fifth).await), (401, 200));
    let long = rotate("r5", json!({"overlap": "31d"})).await;
    assert_eq!((long.status, long.problem()), (422, "invalid_request"));
    let unknown = s.call("POST", "/v1/keys/none/rotate", "r6", "{}").await;
    assert_eq!((unknown.status, unknown.problem()), (404, "unknown_key"));
    // An expired key stays expired: a new secret would not work either.
    let ending = json!({"scopes": ["read"], "expires_at": "2026-03-02T00:00:01Z"}).to_string();
    let ending = text(&s.call("POST", "/v1/keys", "ending", &ending).await.body["key"]["id"]);
    advance("2026-03-02T00:00:01Z").await;
    let expired = s.call("POST", &format!("/v1/keys/{ending}/rotate"), "r7", "{}").await;
    assert_eq!((expired.status, expired.problem()), (409, "key_expired"));
    // What was done before has its answer all the same.
    let body = json!({"scopes": ["read"], "expires_at": "2026-03-02T00:00:01Z"}).to_string();
    let again = s.call("POST", "/v1/keys", "ending", &body).await;
    assert_eq!(
        (again.status, &again.body["key"]["id"], &again.body["replayed"]),
        (200, &json!(ending), &json!(true))
    );
    let listed = s.call("GET", "/v1/keys", "", "").await.body;
    let listed =
        listed["keys"].as_array().expect("keys").iter().find(|k| k["id"] == *id).expect("it").clone();
    assert_eq!(listed["last_used_at"], "2026-03-02T00:00:00Z", "{listed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_admin_key_stays() {
    let s = Server::start_at(std::sync::Arc::default(), "2026-03-01T00:00:00Z").await;
    let me = s.admin.split('_').nth(1).expect("an id").to_owned();
    let make = async |body: Value| {
        let made = s.call("POST", "/v1/keys", "", &body.to_string()).await;
        assert_eq!(made.status, 200, "{}", made.body);
        text(&made.body["key"]["id"])
    };
    let revoke = async |id: &str| {
        let reply = s.call("DELETE", &format!("/v1/keys/{id}"), "", "").await;
        (reply.status, if reply.status < 400 { String::new() } else { reply.problem().to_owned() })
    };
    let last = (409, "last_admin_key".to_owned());
    assert_eq!(revoke(&me).await, last);
    // Keys that are limited, have other scopes, or end sooner do not take its place.
    make(json!({"scopes": ["admin"], "accounts": ["a*"]})).await;
    // An empty list is a mistake, and so is a star that means nothing: none of them makes a key for everything.
    for accounts in [json!([]), json!(["*"]), json!(["a*b"]), json!(["a**"])] {
        let body = json!({"scopes": ["admin"], "accounts": accounts}).to_string();
        let refused = s.call("POST", "/v1/keys", "", &body).await;
        assert_eq!(refused.status, 422, "{accounts}");
    }
    make(json!({"scopes": ["operator", "catalog", "read"]})).await;
    let ending = make(json!({"scopes": ["admin"], "expires_at": "2026-03-10T00:00:00Z"})).await;
    assert_eq!(revoke(&me).await, last);
    assert_eq!(revoke(&ending).await.0, 204);
    let ending = make(json!({"scopes": ["admin"], "expires_at": "2026-03-10T00:00:00Z"})).await;
    let figures = text(&s.call("GET", "/metrics", "", "").await.body);
    assert!(figures.contains("headworks_keys_expiring 1"), "{figures}");
    let listed = s.call("GET", "/v1/keys", "", "").await.body;
    let soon: Vec<&Value> =
        listed["keys"].as_array().expect("keys").iter().filter(|k| k["expires_soon"] == true).collect();
    assert_eq!(soon.iter().map(|k| text(&k["id"])).collect::<Vec<_>>(), [ending]);
    let second = make(json!({"scopes": ["admin"]})).await;
    assert_eq!(revoke(&second).await.0, 204);
    assert_eq!(revoke(&me).await, last);
    make(json!({"scopes": ["admin"]})).await;
    assert_eq!(revoke(&me).await.0, 204);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_held_to_its_limits() {
    let s = Server::start().await;
    s.open("acme", "10").await;
    let make = async |limits: Value| {
        let ask = json!({"scopes": ["read", "decide"], "limits": limits}).to_string();
        text(&s.call("POST", "/v1/keys", "", &ask).await.body["secret"])
    };
    let seq = s.call("GET", "/v1/accounts/acme", "", "").await.body["seq"].clone();
    let slow = make(json!({"rate": {"limit": 3, "per": "1h"}})).await;
    for n in 1..=5 {
        let reply = with(&s, &slow, "GET", "/v1/accounts/acme").await;
        assert_eq!(reply.status, if n <= 3 { 200 } else { 429 }, "{n}: {}", reply.body);
        if n > 3 {
            assert_eq!(reply.problem(), "key_limited");
            // One of three an hour has room again after twenty minutes.
            let after: u64 = reply
                .head
                .lines()
                .find_map(|l| l.strip_prefix("retry-after: "))
                .expect("it")
                .parse()
                .expect("s");
            assert!((1_190..=1_200).contains(&after), "{after}");
        }
    }
    let other = make(json!({"rate": {"limit": 1_000, "per": "1s"}})).await;
    for _ in 0..20 {
        assert_eq!(
            with(&s, &other, "GET", "/v1/accounts/acme").await.status,
            200,
            "keys have limits of their own"
        );
    }
    assert_eq!(
        s.call("GET", "/v1/accounts/acme", "", "").await.body["seq"],
        seq,
        "none of it is in the ledger"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_use_of_a_key_outlives_the_server() {
    let store = std::sync::Arc::default();
    let s = Server::start_at(std::sync::Arc::clone(&store), "2026-03-01T12:34:56Z").await;
    let made = s.call("POST", "/v1/keys", "k", &json!({"scopes": ["read"]}).to_string()).await.body;
    let (id, secret) = (text(&made["key"]["id"]), text(&made["secret"]));
    assert!(made["key"]["last_used_at"].is_null());
    assert_eq!(with(&s, &secret, "GET", "/v1/accounts").await.status, 200);
    s.engine.record_key_uses(Span::from_secs(86_400)).await.expect("records");
    s.stop().await;
    let s = Server::start_at(store, "2026-03-01T12:40:00Z").await;
    let listed = s.call("GET", "/v1/keys", "", "").await.body;
    let listed =
        listed["keys"].as_array().expect("keys").iter().find(|k| k["id"] == *id).expect("it").clone();
    assert_eq!(listed["last_used_at"], "2026-03-01T12:34:00Z", "{listed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_warns_before_it_is_held_up() {
    let s = Server::start().await;
    s.open("acme", "10").await;
    let receiver = Receiver::start(&[]).await;
    let hook = json!({"url": receiver.url, "events": ["key.warning"]}).to_string();
    assert_eq!(s.call("PUT", "/v1/webhooks/ops", "w", &hook).await.status, 200);
    let limits = json!({"rate": {"limit": 10, "per": "1h"}, "concurrent": 8, "warn_at": [50, 90]});
    let ask = json!({"scopes": ["read"], "limits": limits}).to_string();
    let made = s.call("POST", "/v1/keys", "", &ask).await.body;
    assert_eq!(made["key"]["limits"], limits);
    let (id, secret) = (text(&made["key"]["id"]), text(&made["secret"]));
    for n in 1..=11 {
        let reply = with(&s, &secret, "GET", "/v1/accounts/acme").await;
        let warning = reply.head.lines().find_map(|l| l.strip_prefix("headworks-key-warning: "));
        let expected = match n {
            5 => Some("rate; percent=50; used=5; of=10"),
            9 => Some("rate; percent=90; used=9; of=10"),
            _ => None,
        };
        assert_eq!((reply.status, warning), (if n <= 10 { 200 } else { 429 }, expected), "{n}");
    }
    // What comes within a second may be one record, with the highest mark.
    let told = receiver.accepted(1).await;
    let event: Value = serde_json::from_str(&told[0].body).expect("json");
    assert_eq!(event["type"], "dev.headworks.key.warning");
    let data = &event["data"];
    assert_eq!((&data["key"], &data["limit"], &data["of"]), (&json!(id), &json!("rate"), &json!(10)));
    assert!([json!([50, 5]), json!([90, 9])].contains(&json!([data["percent"], data["used"]])), "{data}");
    // It is no entry of the audit log, and nothing of the account.
    let log = s.call("GET", "/v1/audit", "", "").await;
    assert_eq!(log.status, 200, "{}", log.body);
}
