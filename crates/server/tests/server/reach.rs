//! What each scope may do, and which accounts a limited key reaches.

use headworks_wire::Scope;
use serde_json::{Value, json};

use crate::common::{Server, key};

const CATALOG: &str = include_str!("../../../../examples/abuse.toml");

/// A request: its name, the method, the path, and the body.
type Ask = (&'static str, &'static str, String, Value);

async fn as_key(s: &Server, key: &str, idempotency: &str, ask: &Ask) -> (u16, String) {
    let (_, method, path, body) = ask;
    let head = format!("Authorization: Bearer {key}\r\nIdempotency-Key: {idempotency}\r\n");
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let reply = s.raw(method, path, &head, body.as_bytes()).await;
    (reply.status, if reply.status < 400 { String::new() } else { reply.problem().to_owned() })
}

/// Everything that creates value for an account or changes how rules treat it.
fn operators(account: &str, charge: &str) -> Vec<Ask> {
    let of = |what: &str| format!("/v1/accounts/{account}{what}");
    let grant = |category| json!({"amount": "1", "category": category});
    vec![
        ("a plan", "PATCH", of(""), json!({"plan": "max"})),
        ("a billing anchor", "PATCH", of(""), json!({"billing_anchor": "2026-01-01T00:00:00Z"})),
        ("a zone", "PATCH", of(""), json!({"zone": "Europe/Berlin"})),
        ("its suspension", "PATCH", of(""), json!({"suspended": false})),
        ("a tier", "PATCH", of(""), json!({"tier": "contract"})),
        ("a weight", "PATCH", of(""), json!({"capacity": {"weight": 9}})),
        ("an hourly cap", "PATCH", of(""), json!({"segments": {"key:k": {"hourly_cap": "900"}}})),
        ("purchased credits", "POST", of("/grants"), grant("purchased")),
        ("promotional credits", "POST", of("/grants"), grant("promotional")),
        ("contract credits", "POST", of("/grants"), grant("contract")),
        ("an adjustment", "POST", of("/adjustments"), json!({"grant": charge, "amount": "5"})),
        ("a refund", "POST", of("/refunds"), json!({"charge": charge, "reason": "x"})),
        ("a correction", "POST", of("/corrections"), json!({"charge": charge, "delete": true})),
        ("a top-up's payment", "POST", of("/top-ups/1"), json!({"paid": true})),
        ("a change of plan", "POST", of("/plan"), json!({"plan": "max"})),
        ("a reset", "POST", of("/resets"), json!({"windows": ["included.five_hours"]})),
        ("late use", "POST", of(&format!("/quarantine/{charge}")), json!({"action": "discard"})),
        ("an effect that is lifted", "POST", of("/abuse/lift"), json!({"rule": "velocity"})),
    ]
}

/// What concerns others than the named account.
fn everywhere(account: &str) -> Vec<Ask> {
    let of = |what: &str| format!("/v1/accounts/{account}{what}");
    vec![
        ("an identity", "PATCH", of(""), json!({"capacity": {"cluster": "theirs"}})),
        ("free credits", "POST", of("/grants"), json!({"amount": "1", "category": "free"})),
        (
            "an account with an identity",
            "POST",
            "/v1/accounts".into(),
            json!({"id": "acme-new", "capacity": {"cluster": "theirs"}}),
        ),
        (
            "repricing",
            "POST",
            "/v1/catalog/corrections".into(),
            json!({"from": "2026-01-01T00:00:00Z", "to": "2026-01-02T00:00:00Z"}),
        ),
        (
            "an incident",
            "POST",
            "/v1/incidents".into(),
            json!({"id": "i", "cause": "c", "act": {"grant": {"amount": "1", "category": "promotional"}}}),
        ),
        ("a catalog that is checked", "POST", "/v1/catalog/check".into(), json!({})),
        ("a catalog that is tried", "POST", "/v1/catalog/what-if".into(), json!({})),
        ("keys", "GET", "/v1/keys".into(), Value::Null),
        ("webhooks", "GET", "/v1/webhooks".into(), Value::Null),
        ("inbound callers", "GET", "/v1/inbound".into(), Value::Null),
        ("the audit log", "GET", "/v1/audit".into(), Value::Null),
        ("held back", "GET", "/v1/abuse".into(), Value::Null),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limited_key_creates_no_value_and_touches_no_other_account() {
    let s = Server::start().await;
    assert_eq!(s.call("PUT", "/v1/catalog", "", CATALOG).await.status, 200);
    for account in ["acme", "zeta"] {
        s.open(account, "100").await;
    }
    let limited = key(&s.engine, &[Scope::Admin], &["acme*"]).await;
    let trusted = key(&s.engine, &[Scope::Admin, Scope::Operator, Scope::Catalog], &["acme*"]).await;
    let before = s.call("GET", "/v1/accounts/acme", "", "").await.body["seq"].clone();
    for (n, ask) in operators("acme", "acme~2").iter().enumerate() {
        let refused = as_key(&s, &limited, &format!("l{n}"), ask).await;
        assert_eq!(refused, (403, "wrong_scope".into()), "{}", ask.0);
        // With the scope it is decided, with any answer; on other accounts it is not.
        let decided = as_key(&s, &trusted, &format!("t{n}"), ask).await;
        assert_ne!(decided.1, "wrong_scope", "{}", ask.0);
        let other = (ask.0, ask.1, ask.2.replace("/acme", "/zeta"), ask.3.clone());
        let hidden = as_key(&s, &trusted, &format!("z{n}"), &other).await;
        assert_eq!(hidden, (404, "unknown_account".into()), "{}", ask.0);
    }
    for (n, ask) in everywhere("acme").iter().enumerate() {
        for (who, key) in [("limited", &limited), ("trusted", &trusted)] {
            let refused = as_key(&s, key, &format!("e{n}"), ask).await;
            assert_eq!(refused, (403, "wrong_scope".into()), "{who}: {}", ask.0);
        }
        let asked = as_key(&s, &s.admin, &format!("a{n}"), ask).await;
        assert_ne!(asked.1, "wrong_scope", "{}", ask.0);
    }
    // The account has what `trusted` did, and nothing of `limited`.
    let records = s.call("GET", "/v1/accounts/acme/records?max=1000", "", "").await.body;
    let id = limited.split('_').nth(1).expect("an id");
    let records = records["records"].as_array().expect("records");
    assert!(records.iter().all(|r| r["actor"] != id), "since record {before}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limited_admin_runs_its_own_accounts() {
    let s = Server::start().await;
    assert_eq!(s.call("PUT", "/v1/catalog", "", CATALOG).await.status, 200);
    let limited = key(&s.engine, &[Scope::Admin], &["acme*"]).await;
    let default = json!({"id": "acme", "consent": "allow", "segments": {"user:u": {"pool_cap": "5"}}});
    let mut own: Vec<Ask> = vec![("an account", "POST", "/v1/accounts".into(), default)];
    for (what, body) in [
        ("consent", json!({"consent": "never"})),
        ("a segment", json!({"segments": {"user:v": {"suspended": true}, "user:u": null}})),
        ("alerts", json!({"alerts": {"low": "1", "recovered": "2"}})),
        ("top-ups", json!({"top_up": {"amount": "5", "monthly_max": "10", "cool_down": "1h"}})),
    ] {
        own.push((what, "PATCH", "/v1/accounts/acme".into(), body));
    }
    own.push(("its balances", "GET", "/v1/accounts/acme/balances".into(), Value::Null));
    own.push(("its statement", "GET", "/v1/accounts/acme/statement".into(), Value::Null));
    for (n, ask) in own.iter().enumerate() {
        let done = as_key(&s, &limited, &format!("o{n}"), ask).await;
        assert!(done.0 < 300 || (ask.0 == "its statement" && done.0 == 422), "{}: {done:?}", ask.0);
    }
    // An hourly cap and an identity that the operator set stay: settings of segments and capacity are replaced as a whole.
    let set =
        json!({"segments": {"key:k": {"hourly_cap": "1"}}, "capacity": {"cluster": "theirs"}}).to_string();
    assert_eq!(s.call("PATCH", "/v1/accounts/acme", "set", &set).await.status, 200);
    let trusted = key(&s.engine, &[Scope::Admin, Scope::Operator], &["acme*"]).await;
    for (n, (who, body)) in [
        (&limited, json!({"segments": {"key:k": null}})),
        (&limited, json!({"segments": {"key:k": {"suspended": false}}})),
        (&trusted, json!({"capacity": null})),
        (&trusted, json!({"capacity": {"weight": 2}})),
    ]
    .into_iter()
    .enumerate()
    {
        let ask = ("", "PATCH", "/v1/accounts/acme".to_owned(), body.clone());
        assert_eq!(as_key(&s, who, &format!("w{n}"), &ask).await, (403, "wrong_scope".into()), "{body}");
    }
    let keeps = (
        "",
        "PATCH",
        "/v1/accounts/acme".to_owned(),
        json!({"capacity": {"weight": 2, "cluster": "theirs"}}),
    );
    assert_eq!(as_key(&s, &trusted, "keeps", &keeps).await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_accounts_end_with_those_in_reach() {
    let s = Server::start().await;
    for account in ["acme", "acme-1", "acme-2", "beta", "gamma", "zeta", "zeta-1"] {
        s.call("POST", "/v1/accounts", "", &json!({"id": account}).to_string()).await;
    }
    for (patterns, reached) in [
        (&["acme*"][..], &["acme", "acme-1", "acme-2"][..]),
        (&["acme-2", "acme-1"], &["acme-1", "acme-2"]),
        (&["zeta*", "acme"], &["acme", "zeta", "zeta-1"]),
        (&["acme*", "acme-1*"], &["acme", "acme-1", "acme-2"]),
        (&["nobody*", "b"], &[]),
    ] {
        let read = key(&s.engine, &[Scope::Read], patterns).await;
        let head = format!("Authorization: Bearer {read}\r\n");
        for max in 1..=4 {
            let (mut seen, mut after) = (Vec::new(), String::new());
            for _ in 0..10 {
                let path = format!("/v1/accounts?max={max}{after}");
                let page = s.raw("GET", &path, &head, b"").await.body;
                let names = page["accounts"].as_array().expect("a list").iter();
                seen.extend(names.map(|name| name.as_str().expect("a name").to_owned()));
                let Some(next) = page["next"].as_str() else { break };
                assert!(reached.contains(&next), "{patterns:?} by {max}: {next}");
                assert!(seen.iter().any(|name| name == next), "it is one of those shown: {next}");
                after = format!("&after={next}");
            }
            assert_eq!(seen, reached, "{patterns:?} by {max}");
        }
    }
}
