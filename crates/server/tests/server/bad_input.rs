//! Bad input: status, problem type, and nothing changed.

use headworks_wire::Scope;

use crate::common::{Server, key};

const ASK: &str =
    r#"{"account":"acme","feature":"chat","dimensions":{"model":"m"},"quantities":{"tokens":5}}"#;

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_changes_nothing() {
    let s = Server::start().await;
    s.open("acme", "100").await;
    s.open("other", "100").await;
    let held = s.call("POST", "/v1/authorize", "held", ASK).await;
    assert_eq!(held.body["outcome"], "allow");
    let settled = s.call("POST", "/v1/authorize", "settled", ASK).await;
    let settled_hold = settled.body["hold"]["id"].as_str().expect("hold").to_owned();
    s.call(
        "POST",
        "/v1/settle",
        "",
        &format!(r#"{{"hold":"{settled_hold}","quantities":{{"tokens":2}},"idempotency_key":"s"}}"#),
    )
    .await;
    let before = (s.balances("acme").await, s.call("GET", "/v1/accounts/acme", "", "").await.body);
    let with = |from: &str, to: &str| ASK.replace(from, to);
    let settle_again =
        format!(r#"{{"hold":"{settled_hold}","quantities":{{"tokens":3}},"idempotency_key":"again"}}"#);
    let huge = format!("{{\"account\":\"{}\"}}", "x".repeat(2 << 20));
    let rows: Vec<(&str, &str, String, u16, &str)> = vec![
        // What was asked, where, with which body → status and type.
        ("negative", "/v1/authorize", with(":5", ":-5"), 422, "invalid_request"),
        ("fractional", "/v1/authorize", with(":5", ":1.5"), 422, "invalid_request"),
        ("huge", "/v1/authorize", with(":5", ":99999999999999999999999"), 422, "invalid_request"),
        ("costly", "/v1/authorize", with(":5", ":18446744073709551615"), 422, "amount_too_large"),
        ("a quadrillion and one", "/v1/authorize", with(":5", ":1000000000000001"), 422, "amount_too_large"),
        ("not a number", "/v1/authorize", with(":5", ":NaN"), 400, "malformed_body"),
        ("infinite", "/v1/authorize", with(":5", ":1e999"), 400, "malformed_body"),
        ("text", "/v1/authorize", with(":5", ":\"5\""), 422, "invalid_request"),
        ("null", "/v1/authorize", with(":5", ":null"), 422, "invalid_request"),
        ("unknown feature", "/v1/authorize", with("chat", "video"), 422, "unknown_feature"),
        ("unknown meter", "/v1/authorize", with("tokens", "seconds"), 422, "unknown_meter"),
        ("unknown price", "/v1/authorize", with(":\"m\"", ":\"n\""), 422, "unknown_price"),
        ("unknown account", "/v1/authorize", with("acme", "nobody"), 404, "unknown_account"),
        ("the server's own account", "/v1/authorize", with("acme", "_system"), 404, "unknown_account"),
        ("bad account", "/v1/authorize", with("acme", "a\u{200b}b"), 422, "invalid_request"),
        (
            "unknown field",
            "/v1/authorize",
            with("{\"account", "{\"accont\":1,\"account"),
            422,
            "invalid_request",
        ),
        (
            "bad path",
            "/v1/authorize",
            with("{\"account", "{\"path\":\"user\",\"account"),
            422,
            "invalid_request",
        ),
        (
            "path out of order",
            "/v1/authorize",
            with("{\"account", "{\"path\":\"user:a/team:b\",\"account"),
            422,
            "invalid_request",
        ),
        (
            "bad minimum",
            "/v1/authorize",
            with("{\"account", "{\"min\":{\"tokens\":6},\"account"),
            422,
            "invalid_request",
        ),
        (
            "two minimums",
            "/v1/authorize",
            with("{\"account", "{\"min\":{\"tokens\":1,\"x\":1},\"account"),
            422,
            "invalid_request",
        ),
        (
            "bad life",
            "/v1/authorize",
            with("{\"account", "{\"life\":\"25h\",\"account"),
            422,
            "invalid_request",
        ),
        ("broken JSON", "/v1/authorize", "{\"account\":".into(), 400, "malformed_body"),
        ("two documents", "/v1/authorize", format!("{ASK}{ASK}"), 400, "malformed_body"),
        ("a list", "/v1/authorize", "[]".into(), 422, "invalid_request"),
        ("oversized", "/v1/authorize", huge, 413, "body_too_large"),
        (
            "reused key",
            "/v1/authorize",
            with(":5", ":6").replace("{\"account", "{\"idempotency_key\":\"held\",\"account"),
            422,
            "idempotency_conflict",
        ),
        ("settled hold", "/v1/settle", settle_again, 409, "hold_ended"),
        (
            "released after settle",
            "/v1/release",
            format!(r#"{{"hold":"{settled_hold}","idempotency_key":"rel"}}"#),
            409,
            "hold_ended",
        ),
        ("unknown hold", "/v1/settle", r#"{"hold":"acme~999"}"#.into(), 404, "unknown_hold"),
        ("a denial is no hold", "/v1/settle", r#"{"hold":"acme~17d"}"#.into(), 404, "unknown_hold"),
        ("bad hold", "/v1/settle", r#"{"hold":"acme"}"#.into(), 422, "invalid_request"),
        ("a hold of nobody", "/v1/settle", r#"{"hold":"nobody~1"}"#.into(), 404, "unknown_account"),
        (
            "negative grant",
            "/v1/accounts/acme/grants",
            r#"{"amount":"-1","category":"free"}"#.into(),
            422,
            "invalid_request",
        ),
        (
            "no grant",
            "/v1/accounts/acme/grants",
            r#"{"amount":"0","category":"free"}"#.into(),
            422,
            "invalid_request",
        ),
        (
            "float grant",
            "/v1/accounts/acme/grants",
            r#"{"amount":1.5,"category":"free"}"#.into(),
            422,
            "invalid_request",
        ),
        (
            "too fine a grant",
            "/v1/accounts/acme/grants",
            r#"{"amount":"0.0000000001","category":"free"}"#.into(),
            422,
            "invalid_request",
        ),
        (
            "bad category",
            "/v1/accounts/acme/grants",
            r#"{"amount":"1","category":"gift"}"#.into(),
            422,
            "invalid_request",
        ),
        (
            "expired grant",
            "/v1/accounts/acme/grants",
            r#"{"amount":"1","category":"free","expires_at":"2001-01-01T00:00:00Z"}"#.into(),
            422,
            "invalid_request",
        ),
        (
            "too much in all",
            "/v1/accounts/acme/grants",
            r#"{"amount":"9223372036","category":"free"}"#.into(),
            422,
            "amount_too_large",
        ),
        (
            "another's grant",
            "/v1/accounts/acme/adjustments",
            r#"{"grant":"other~2","amount":"1"}"#.into(),
            404,
            "unknown_grant",
        ),
        (
            "more than left",
            "/v1/accounts/acme/adjustments",
            r#"{"grant":"acme~2","amount":"-100"}"#.into(),
            409,
            "more_than_left",
        ),
        ("no charge", "/v1/accounts/acme/refunds", r#"{"charge":"acme~2"}"#.into(), 422, "not_a_charge"),
        ("no record", "/v1/accounts/acme/refunds", r#"{"charge":"acme~2000"}"#.into(), 404, "unknown_record"),
        (
            "open twice",
            "/v1/accounts",
            r#"{"id":"acme","idempotency_key":"twice"}"#.into(),
            409,
            "account_exists",
        ),
        ("a reserved name", "/v1/accounts", r#"{"id":"_mine"}"#.into(), 422, "invalid_request"),
        ("unknown plan", "/v1/accounts", r#"{"id":"new","plan":"gold"}"#.into(), 422, "unknown_plan"),
        ("a number in the path", "/v1/accounts/acme/top-ups/-1", "{}".into(), 422, "invalid_request"),
        ("no text in the path", "/v1/accounts/%FF/grants", "{}".into(), 422, "invalid_request"),
        ("no route", "/v1/nothing", "{}".into(), 404, "no_such_route"),
    ];
    for (i, (what, path, body, status, problem)) in rows.iter().enumerate() {
        let reply = s.call("POST", path, &format!("row-{i}"), body).await;
        assert_eq!((reply.status, reply.problem()), (*status, *problem), "{what}: {}", reply.body);
        assert!(reply.body["detail"].as_str().is_some_and(|d| d.len() > 10), "{what}: {}", reply.body);
        assert!(reply.head.contains("application/problem+json"), "{what}: {}", reply.head);
    }
    assert_eq!((s.balances("acme").await, s.call("GET", "/v1/accounts/acme", "", "").await.body), before);
    assert_eq!(s.call("DELETE", "/v1/accounts/acme", "", "").await.problem(), "method_not_allowed");
    // A refused request does not use up its key.
    assert_eq!(s.call("POST", "/v1/authorize", "row-0", ASK).await.body["outcome"], "allow");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_price_is_answered_with_the_nearest() {
    let s = Server::start().await;
    s.open("acme", "100").await;
    let reply = s.call("POST", "/v1/authorize", "k", &ASK.replace(":\"m\"", ":\"n\"")).await;
    assert_eq!((reply.status, reply.problem()), (422, "unknown_price"));
    assert_eq!(
        reply.body["detail"],
        "no price of `chat` matches model=n; the nearest prices are for model=m"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_of_several_forms_says_which() {
    let s = Server::start().await;
    s.open("acme", "100").await;
    let rows = [
        ("POST", "overrides", r#"{"limit":"rate","value":1.5}"#, "`value`: write a whole number, "),
        ("POST", "plan", r#"{"plan":"p","at":"soon"}"#, "`at`: write an instant such as "),
        ("POST", "plan", r#"{"plan":"p","prorate":7}"#, "`prorate`: write true, false, "),
        ("PATCH", "", r#"{"alerts":{"low":"1","recovered":"2","x":3}}"#, "`alerts.x`: unknown field `x`, "),
        ("PATCH", "", r#"{"alerts":[{"low":"1"}]}"#, "`alerts[0]`: missing field `recovered`"),
        ("PATCH", "", r#"{"alerts":7}"#, "`alerts`: invalid type: integer `7`, expected "),
        (
            "POST",
            "grants",
            r#"{"amount":"1","category":true}"#,
            "`category`: write one of the documented words, ",
        ),
        ("PATCH", "", r#"{"consent":5}"#, "`consent`: write one of the documented words, in quotes"),
        (
            "POST",
            "grants",
            r#"{"amount":"1","category":"free","priority":"x"}"#,
            "`priority`: invalid type: string \"x\", expected a whole number",
        ),
        (
            "POST",
            "refunds",
            "{\"charge\":\"a\u{200b}~7\"}",
            "`charge`: `a\u{200b}~7` is not a reference (an id ",
        ),
    ];
    for (method, path, body, detail) in rows {
        let path = format!("/v1/accounts/acme/{path}");
        let reply = s.call(method, path.trim_end_matches('/'), "k", body).await;
        assert_eq!((reply.status, reply.problem()), (422, "invalid_request"), "{body}");
        let said = reply.body["detail"].as_str().expect("a detail");
        assert!(said.starts_with(detail), "{body}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_hold_cannot_be_released_or_extended() {
    let s = Server::start().await;
    s.open("acme", "100").await;
    let hold =
        s.call("POST", "/v1/authorize", "k", ASK).await.body["hold"]["id"].as_str().expect("hold").to_owned();
    s.engine.clock().advance("61s".parse().expect("span"));
    for path in ["/v1/release", "/v1/extend"] {
        let reply = s.call("POST", path, path, &format!(r#"{{"hold":"{hold}"}}"#)).await;
        assert_eq!((reply.status, reply.problem()), (409, "hold_ended"), "{}", reply.body);
        assert!(reply.body["detail"].as_str().is_some_and(|d| d.contains("expired")), "{}", reply.body);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_needed_and_reach_no_further_than_they_say() {
    let s = Server::start().await;
    s.open("acme", "100").await;
    s.open("acme-test", "100").await;
    s.open("other", "100").await;
    let decide = key(&s.engine, &[Scope::Decide], &["acme", "acme-*"]).await;
    let read = key(&s.engine, &[Scope::Read], &[]).await;
    let (id, _) = decide.strip_prefix("hw_").and_then(|k| k.split_once('_')).expect("key");
    let bearer = |key: &str| format!("Authorization: Bearer {key}\r\nIdempotency-Key: k\r\n");
    let rows = [
        ("POST", "/v1/authorize", String::new(), "acme", 401, "unauthenticated"),
        ("POST", "/v1/authorize", bearer("hw_aa_bb"), "acme", 401, "unauthenticated"),
        ("POST", "/v1/authorize", bearer(&format!("hw_{id}_00")), "acme", 401, "unauthenticated"),
        ("POST", "/v1/authorize", bearer("nonsense"), "acme", 401, "unauthenticated"),
        ("POST", "/v1/authorize", bearer(&read), "acme", 403, "wrong_scope"),
        ("POST", "/v1/authorize", bearer(&decide), "other", 404, "unknown_account"),
        ("POST", "/v1/authorize", bearer(&decide), "acme", 200, ""),
        ("POST", "/v1/authorize", bearer(&decide), "acme-test", 200, ""),
        ("POST", "/v1/record", bearer(&decide), "acme", 403, "wrong_scope"),
        ("GET", "/v1/accounts/acme/balances", bearer(&decide), "acme", 403, "wrong_scope"),
        ("GET", "/v1/accounts/acme/balances", bearer(&read), "acme", 200, ""),
        ("GET", "/v1/keys", bearer(&read), "acme", 403, "wrong_scope"),
        ("GET", "/metrics", String::new(), "acme", 401, "unauthenticated"),
        ("GET", "/metrics", bearer(&decide), "acme", 403, "wrong_scope"),
        ("GET", "/v1/openapi.json", String::new(), "acme", 401, "unauthenticated"),
        ("GET", "/healthz", String::new(), "acme", 200, ""),
        ("GET", "/readyz", String::new(), "acme", 200, ""),
    ];
    for (method, path, headers, account, status, problem) in rows {
        let body = if method == "POST" { ASK.replace("acme", account) } else { String::new() };
        let reply = s.raw(method, path, &headers, body.as_bytes()).await;
        assert_eq!((reply.status, reply.problem()), (status, problem), "{method} {path}: {}", reply.body);
    }
    // An account out of reach answers as one that does not exist.
    let hidden =
        s.raw("POST", "/v1/authorize", &bearer(&decide), ASK.replace("acme", "other").as_bytes()).await;
    let absent =
        s.raw("POST", "/v1/authorize", &bearer(&decide), ASK.replace("acme", "nobody").as_bytes()).await;
    assert_eq!(hidden.body.to_string().replace("other", "nobody"), absent.body.to_string());
    let revoked = s.call("DELETE", &format!("/v1/keys/{id}"), "", "").await;
    assert_eq!(revoked.status, 204);
    let reply = s.raw("POST", "/v1/authorize", &bearer(&decide), ASK.as_bytes()).await;
    assert_eq!(reply.status, 401, "a revoked key stops at once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_required_and_may_be_quoted() {
    let s = Server::start().await;
    s.open("acme", "100").await;
    let auth = format!("Authorization: Bearer {}\r\n", s.admin);
    let reply = s.raw("POST", "/v1/authorize", &auth, ASK.as_bytes()).await;
    assert_eq!((reply.status, reply.problem()), (400, "idempotency_key_required"));
    let bare =
        s.raw("POST", "/v1/authorize", &format!("{auth}Idempotency-Key: k1\r\n"), ASK.as_bytes()).await;
    let quoted =
        s.raw("POST", "/v1/authorize", &format!("{auth}Idempotency-Key: \"k1\"\r\n"), ASK.as_bytes()).await;
    assert_eq!((&bare.body["replayed"], &quoted.body["replayed"]), (&false.into(), &true.into()));
    let two = format!("{auth}Idempotency-Key: k1\r\nIdempotency-Key: k2\r\n");
    let two = s.raw("POST", "/v1/authorize", &two, ASK.as_bytes()).await;
    assert_eq!((two.status, two.problem()), (400, "idempotency_key_invalid"));
    assert_eq!(bare.body["decision_id"], quoted.body["decision_id"]);
    // The order of fields and blanks do not make another request.
    let spelled = r#"{ "quantities": {"tokens": 5}, "dimensions": {"model": "m"}, "feature": "chat", "account": "acme" }"#;
    let again =
        s.raw("POST", "/v1/authorize", &format!("{auth}Idempotency-Key: k1\r\n"), spelled.as_bytes()).await;
    assert_eq!(again.body["replayed"], true);
}

/// Nine billion credits of use are made good by the operator; the books could not hold twice as much.
#[tokio::test(flavor = "multi_thread")]
async fn books_that_would_overflow_refuse_and_the_server_lives() {
    let s = Server::start().await;
    s.open("acme", "1").await;
    let record = ASK.replace(":5", ":5000000000");
    assert_eq!(s.call("POST", "/v1/record", "r1", &record).await.status, 200);
    let before = s.balances("acme").await;
    for key in ["r2", "r3"] {
        let reply = s.call("POST", "/v1/record", key, &record).await;
        assert_eq!((reply.status, reply.problem()), (422, "amount_too_large"), "{}", reply.body);
    }
    assert_eq!(s.balances("acme").await, before);
    assert_eq!(s.call("GET", "/readyz", "", "").await.status, 200);
}
