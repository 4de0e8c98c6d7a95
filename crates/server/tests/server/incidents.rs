//! Incidents over HTTP: who matches, what a dry run shows, one act for each account, and the cause on every record.

use std::sync::Arc;

use headworks_engine::{Clock, Limits};
use headworks_server::ServeOptions;
use headworks_store::Memory;
use headworks_wire::Scope;
use serde_json::{Value, json};

use crate::common::{Reply, Server, key, post};

const CATALOG: &str = r#"
version = "i"
default_plan = "plus"
[meters]
tokens = { unit = "token" }
[features.chat]
meters = ["tokens"]
rate_card = "card"
[features.draw]
meters = ["tokens"]
rate_card = "card"
[features.task]
meters = []
allowance_unit = "requests"
[[rate_cards.card]]
effective_from = "2020-01-01T00:00:00Z"
prices = [{ feature = ["chat", "draw"], credits = { tokens = "0.001" } }]
[plans.plus]
features = ["chat", "draw", "task"]
guards = [{ name = "rpm", window.rate = { limit = 60, period = "1m" } }]
waterfall = [
  { allowance = { name = "included", features = ["task"], windows = [{ name = "week", window.first_use = { limit = "2", length = "7d" } }] } },
  { grants = { name = "credits" } },
]
[plans.basic]
features = ["chat"]
waterfall = [{ grants = { name = "credits" } }]
[plans.jobs]
extends = "basic"
guards = [{ name = "calls", window.fixed = { limit = 9, every = "day" } }]
"#;

async fn asked(s: &Server, ask: &Value) -> Reply {
    s.call("POST", "/v1/incidents", "", &ask.to_string()).await
}

/// The answer to an incident that can be.
async fn done(s: &Server, ask: &Value) -> Value {
    let answer = asked(s, ask).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.body
}

/// The digest of a dry run.
async fn quoted(s: &Server, ask: &Value) -> Value {
    let mut quoted = ask.clone();
    quoted["apply"] = done(s, ask).await["digest"].clone();
    quoted
}

async fn available(s: &Server, account: &str) -> Value {
    s.balances(account).await["available"].clone()
}

/// Opens accounts, each with a plan and ten credits.
async fn opened(s: &Server, accounts: &[(&str, &str)]) {
    let put = s.call("PUT", "/v1/catalog", "", CATALOG).await;
    assert_eq!(put.status, 200, "{}", put.body);
    for (account, plan) in accounts {
        post(s, "/v1/accounts", "open", json!({"id": account, "plan": plan})).await;
        let grant = json!({"amount": "10", "category": "purchased"});
        post(s, &format!("/v1/accounts/{account}/grants"), "ten", grant).await;
    }
}

/// The records of an account that have the key of an incident, as kind, reason and key.
async fn records_of(s: &Server, account: &str, incident: &str) -> Vec<Value> {
    let records = s.call("GET", &format!("/v1/accounts/{account}/records"), "", "").await.body;
    let key = json!(format!("incident {incident}"));
    let records = records["records"].as_array().expect("records").clone();
    records.iter().filter(|r| r["idempotency_key"] == key).map(|r| json!([r["kind"], r["reason"]])).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_incident_reaches_those_who_match_once() {
    let store = Arc::new(Memory::new());
    let s = Server::start_on(Arc::clone(&store)).await;
    let accounts = [
        ("after", "plus"),
        ("basic", "basic"),
        ("before", "plus"),
        ("held", "plus"),
        ("idle", "plus"),
        ("other", "plus"),
        ("used", "plus"),
    ];
    opened(&s, &accounts).await;
    let use_now = async |account: &str, feature: &str, settle: &str| {
        let ask =
            json!({"account": account, "feature": feature, "quantities": {"tokens": 1000}, "settle": settle});
        post(&s, "/v1/authorize", &format!("{account} {feature}"), ask).await
    };
    use_now("before", "chat", "now").await;
    s.engine.clock().advance("1h".parse().expect("span"));
    let from = s.engine.clock().now();
    use_now("used", "chat", "now").await;
    use_now("basic", "chat", "now").await;
    use_now("other", "draw", "now").await;
    // A request that was granted counts, even if its hold was released.
    let hold = use_now("held", "chat", "later").await["hold"]["id"].clone();
    post(&s, "/v1/release", "r", json!({"hold": hold})).await;
    s.engine.clock().advance("1h".parse().expect("span"));
    let to = s.engine.clock().now();
    use_now("after", "chat", "now").await;

    let mut ask = json!({
        "id": "outage-1", "cause": "chat was down",
        "act": {"grant": {"amount": "5", "category": "promotional"}},
        "plans": ["plus"], "used": {"features": ["chat"], "from": from, "to": to},
    });
    // Who found nobody means nobody.
    for (part, empty) in [("accounts", json!([])), ("plans", json!([]))] {
        let mut nobody = ask.clone();
        nobody[part] = empty;
        assert_eq!(asked(&s, &nobody).await.status, 422, "{part}");
    }
    let dry = done(&s, &ask).await;
    assert_eq!(
        (&dry["applied"], &dry["accounts"], &dry["granted"], &dry["skipped"], &dry["before"]),
        (&json!(false), &json!(["held", "used"]), &json!({"credits": "10"}), &json!([]), &json!(0))
    );
    assert!(dry.get("next").is_none());
    assert_eq!(available(&s, "used").await, "9", "a dry run changes nothing");
    // What is run is what was shown.
    for quoted in ["", "0", "00000000000000000000000000000000"] {
        ask["apply"] = json!(quoted);
        let refused = asked(&s, &ask).await;
        assert_eq!((refused.status, refused.problem()), (422, "invalid_request"), "{quoted}");
    }
    ask["apply"] = dry["digest"].clone();
    let mut other = ask.clone();
    other["act"]["grant"]["amount"] = json!("6");
    assert_eq!(asked(&s, &other).await.problem(), "invalid_request");
    let run = done(&s, &ask).await;
    assert_eq!(
        (&run["applied"], &run["accounts"], &run["granted"], &run["before"]),
        (&json!(true), &json!(["held", "used"]), &json!({"credits": "10"}), &json!(0))
    );
    assert_eq!((available(&s, "used").await, available(&s, "held").await), (json!("14"), json!("15")));
    // Its name is for this alone.
    other.as_object_mut().expect("object").remove("apply");
    let other = asked(&s, &other).await;
    assert_eq!((other.status, other.problem()), (422, "idempotency_conflict"), "{}", other.body);
    // Again, and after a restart: nobody gets it twice.
    let again = done(&s, &ask).await;
    assert_eq!((&again["accounts"], &again["before"]), (&json!([]), &json!(2)));
    let admin = s.admin.clone();
    s.stop().await;
    let s = Server::start_with(store, Limits::default(), ServeOptions::default(), Some(admin)).await;
    let again = done(&s, &ask).await;
    assert_eq!(
        (&again["accounts"], &again["before"], &again["granted"]),
        (&json!([]), &json!(2), &json!({}))
    );
    assert_eq!(available(&s, "used").await, "14");
    // The cause is on the record, in the statement, and once in the audit log.
    assert_eq!(records_of(&s, "used", "outage-1").await, [json!(["granted", "chat was down"])]);
    let statement = s.call("GET", "/v1/accounts/used/statement", "", "").await.body;
    let entries = statement["entries"].as_array().expect("entries");
    let given = entries.iter().find(|e| e["amount"] == "5").expect("the grant");
    assert_eq!(
        (&given["cause"], &given["reason"], &given["idempotency_key"]),
        (&json!("grant"), &json!("chat was down"), &json!("incident outage-1"))
    );
    let log = s.call("GET", "/v1/audit?max=1000", "", "").await.body;
    let entries = log["entries"].as_array().expect("entries");
    let begun: Vec<&Value> = entries.iter().filter(|e| !e["incident"].is_null()).collect();
    assert_eq!(begun.len(), 1);
    assert_eq!(
        (&begun[0]["incident"], &begun[0]["cause"], &begun[0]["call"], &begun[0]["kind"]),
        (&json!("outage-1"), &json!("chat was down"), &json!("POST /v1/incidents"), &json!("administration"))
    );
    s.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_raise_never_lowers_and_ends_by_itself() {
    let s = Server::start_by(Clock::standing("2026-05-12T12:00:00Z".parse().expect("instant"))).await;
    opened(&s, &[("a", "plus"), ("high", "plus"), ("none", "basic"), ("own", "plus")]).await;
    for (account, value) in [("high", json!(500)), ("own", json!(10))] {
        post(&s, &format!("/v1/accounts/{account}/overrides"), "o", json!({"limit": "rpm", "value": value}))
            .await;
    }
    let ask = json!({
        "id": "slow", "cause": "slow answers",
        "act": {"raise": {"limit": "rpm", "value": 120, "until": "2026-05-18T00:00:00Z"}},
    });
    let ask = quoted(&s, &ask).await;
    let run = done(&s, &ask).await;
    assert_eq!(run["accounts"], json!(["a", "own"]));
    let skipped =
        run["skipped"].as_array().expect("skipped").iter().map(|s| json!([s["account"], s["problem"]]));
    assert_eq!(
        skipped.collect::<Vec<_>>(),
        [json!(["high", "override_refused"]), json!(["none", "unknown_window"])]
    );
    let limit = async |account: &str| {
        let windows = s.call("GET", &format!("/v1/accounts/{account}/windows"), "", "").await.body;
        let windows = windows["windows"].as_array().expect("windows").clone();
        windows.iter().find(|w| w["name"] == "rpm").expect("rpm")["limit"].clone()
    };
    let limits = async || [limit("a").await, limit("high").await, limit("own").await];
    assert_eq!(limits().await, ["120", "500", "120"]);
    assert_eq!(records_of(&s, "a", "slow").await, [json!(["override_set", "slow answers"])]);
    s.engine.clock().advance("6d".parse().expect("span"));
    assert_eq!(limits().await, ["60", "500", "10"], "each has its own limit back");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_is_banked_or_redeemed_at_once() {
    let s = Server::start().await;
    opened(&s, &[("fresh", "plus"), ("spent", "plus")]).await;
    let task = json!({"account": "spent", "feature": "task", "settle": "now"});
    let outcome = async |key: &str| post(&s, "/v1/authorize", key, task.clone()).await["outcome"].clone();
    assert_eq!([outcome("t1").await, outcome("t2").await, outcome("t3").await], ["allow", "allow", "deny"]);
    let ask = |id: &str, redeem: bool| json!({"id": id, "cause": "tasks failed", "act": {"reset": {"windows": ["included.week"], "redeem": redeem}}});
    let run = done(&s, &quoted(&s, &ask("now", true)).await).await;
    assert_eq!(run["accounts"], json!(["spent"]));
    assert_eq!(
        (&run["skipped"][0]["account"], &run["skipped"][0]["problem"]),
        (&json!("fresh"), &json!("nothing_to_reset"))
    );
    assert_eq!(outcome("t4").await, "allow");
    let cause = "tasks failed";
    assert_eq!(
        records_of(&s, "spent", "now").await,
        [json!(["reset_banked", cause]), json!(["reset_redeemed", cause])]
    );
    let run = done(&s, &quoted(&s, &ask("bank", false)).await).await;
    assert_eq!(run["accounts"], json!(["fresh", "spent"]));
    // A window that the plan lacks is named, rather than those that are unused.
    post(&s, "/v1/accounts", "open", json!({"id": "job", "plan": "jobs"})).await;
    for redeem in [true, false] {
        let mut two = ask("two", redeem);
        two["act"]["reset"]["windows"] = json!(["included.week", "calls"]);
        two["accounts"] = json!(["job"]);
        let skipped = &done(&s, &two).await["skipped"][0];
        assert_eq!(skipped["problem"], "unknown_window");
        let why = skipped["why"].as_str().expect("why");
        assert!(why.contains("no window `included.week` that a reset can clear"), "{why}");
    }
    let resets = s.call("GET", "/v1/accounts/fresh/resets", "", "").await.body;
    assert_eq!(resets["resets"][0]["reference"], cause);
}

#[tokio::test(flavor = "multi_thread")]
async fn free_grants_of_an_incident_keep_to_the_days_budget() {
    let s = Server::start().await;
    opened(&s, &[("a", "plus"), ("b", "plus"), ("c", "plus")]).await;
    let rules = "[abuse]\ntrial_budget = { credits = \"10\" }\n[abuse.rules]\nidentity = \"enforce\"\n";
    let strict = CATALOG.replace("\"i\"", "\"i2\"").replacen("[meters]", &format!("{rules}[meters]"), 1);
    assert_eq!(s.call("PUT", "/v1/catalog", "", &strict).await.status, 200);
    let free = json!({"amount": "1", "category": "free"});
    post(&s, "/v1/accounts/a/grants", "trial", free).await;
    let ask = json!({"id": "gift", "cause": "sorry", "act": {"grant": {"amount": "6", "category": "free"}}});
    let dry = done(&s, &ask).await;
    let skipped = |answer: &Value| {
        let skipped = answer["skipped"].as_array().expect("skipped").clone();
        skipped.iter().map(|s| json!([s["account"], s["problem"]])).collect::<Vec<_>>()
    };
    // A dry run knows who had one, and not how far the budget goes.
    assert_eq!(
        (&dry["accounts"], skipped(&dry)),
        (&json!(["b", "c"]), vec![json!(["a", "free_grant_too_soon"])])
    );
    let ask = quoted(&s, &ask).await;
    let run = done(&s, &ask).await;
    assert_eq!(run["accounts"].as_array().map(Vec::len), Some(1), "10 of a day: 1 was given before, then 6");
    assert_eq!(skipped(&run).len(), 2);
    assert!(skipped(&run).iter().any(|s| s[1] == "trial_budget_spent"), "{run}");
    // The next day the rest gets it.
    s.engine.clock().advance("1d".parse().expect("span"));
    let next = done(&s, &ask).await;
    assert_eq!((next["accounts"].as_array().map(Vec::len), &next["before"]), (Some(1), &json!(1)), "{next}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_incident_that_cannot_be_is_refused() {
    let s = Server::start().await;
    opened(&s, &[("a", "plus")]).await;
    let grant = json!({"grant": {"amount": "1", "category": "promotional"}});
    let own = json!({"grant": {"amount": "1", "category": "promotional", "reference": "mine"}});
    let at = ["2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"];
    for (wrong, status, problem) in [
        (json!({"id": "x", "cause": "c"}), 422, "invalid_request"),
        (json!({"id": "x".repeat(120), "cause": "c", "act": grant}), 422, "invalid_request"),
        (json!({"id": "x", "cause": "c", "act": own}), 422, "invalid_request"),
        (
            json!({"id": "x", "cause": "c", "act": grant, "used": {"from": at[1], "to": at[1]}}),
            422,
            "invalid_request",
        ),
        (json!({"id": "x", "cause": "c", "act": grant, "after": "a~1d"}), 422, "invalid_request"),
        (
            json!({"id": "x", "cause": "c", "act": {"raise": {"limit": "rpm", "value": 5}}}),
            422,
            "invalid_request",
        ),
    ] {
        let refused = asked(&s, &wrong).await;
        assert_eq!((refused.status, refused.problem()), (status, problem), "{wrong}: {}", refused.body);
    }
    // An account that is not there is named, and does not stop the others.
    let named = json!({"id": "x", "cause": "c", "act": grant, "accounts": ["nobody", "a"]});
    let dry = done(&s, &named).await;
    assert_eq!((&dry["accounts"], &dry["skipped"][0]["problem"]), (&json!(["a"]), &json!("unknown_account")));
    // No caller can take the key of an incident before it.
    let taken = json!({"amount": "1", "category": "purchased", "idempotency_key": "incident x"});
    let refused = s.call("POST", "/v1/accounts/a/grants", "", &taken.to_string()).await;
    assert_eq!((refused.status, refused.problem()), (400, "idempotency_key_invalid"), "{}", refused.body);
    // It concerns all accounts, so a key that reaches some cannot.
    for (scopes, accounts, status) in [
        (&[Scope::Operator][..], &[][..], 200),
        (&[Scope::Operator], &["a"], 403),
        (&[Scope::Admin], &["a"], 403),
        (&[Scope::Read, Scope::Decide, Scope::Record], &[], 403),
    ] {
        let secret = key(&s.engine, scopes, accounts).await;
        let auth = format!("Authorization: Bearer {secret}\r\n");
        let reply = s.raw("POST", "/v1/incidents", &auth, named.to_string().as_bytes()).await;
        assert_eq!(reply.status, status, "{scopes:?} {accounts:?}: {}", reply.body);
    }
}

/// A name in no catalog would match nobody without a word. Each is told with its field and the nearest that there are.
#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_no_catalog_has_is_refused() {
    let s = Server::start().await;
    opened(&s, &[("a", "plus"), ("b", "basic")]).await;
    let times = ("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z");
    let ask = |part: &str, value: Value| {
        let grant = json!({"grant": {"amount": "1", "category": "promotional"}});
        let mut ask = json!({"id": "x", "cause": "c", "act": grant});
        ask[part] = value;
        ask
    };
    let used = |feature: &str| json!({"features": [feature], "from": times.0, "to": times.1});
    let raise = |limit: &str| json!({"raise": {"limit": limit, "value": 9, "until": "2100-01-01T00:00:00Z"}});
    let grant = json!({"grant": {"amount": "1", "category": "promotional", "features": ["chat", "dra"]}});
    let rows = [
        (
            ask("plans", json!(["plus", "plsu"])),
            "unknown_plan",
            "`plans`: no catalog has a plan `plsu`; the nearest are `plus`",
        ),
        (
            ask("used", used("caht")),
            "unknown_feature",
            "`used.features`: no catalog has a feature `caht`; the nearest are `chat`",
        ),
        (
            ask("act", grant),
            "unknown_feature",
            "`act.grant.features`: the catalog has no feature `dra`; the nearest are `draw`",
        ),
        (
            ask("act", raise("rmp")),
            "unknown_window",
            "`act.raise.limit`: no plan has a window `rmp`; the nearest are `rpm`",
        ),
        (
            ask("act", json!({"reset": {"windows": ["included.week", "call"]}})),
            "unknown_window",
            "`act.reset.windows`: no plan has, for a reset to clear, a window `call`; the nearest are `calls`",
        ),
    ];
    for (wrong, problem, detail) in rows {
        let refused = asked(&s, &wrong).await;
        assert_eq!((refused.status, refused.problem()), (422, problem), "{wrong}: {}", refused.body);
        let told = refused.body["detail"].as_str().expect("a detail");
        assert!(told.starts_with(detail), "{told}");
    }
    let reprice = json!({"from": times.0, "to": times.1, "features": ["caht"]});
    let refused = s.call("POST", "/v1/catalog/corrections", "", &reprice.to_string()).await;
    assert_eq!((refused.status, refused.problem()), (422, "unknown_feature"), "{}", refused.body);
    // Accounts stay on a plan that the catalog has given up, and their use was of its features.
    let given = quoted(&s, &ask("act", raise("rpm"))).await;
    let without = CATALOG.replace("\"i\"", "\"j\"").replace("plans.plus", "plans.max");
    let without = without.replace("default_plan = \"plus\"", "default_plan = \"max\"");
    let put = s.call("PUT", "/v1/catalog", "", &without.replace("rpm", "calls_a_minute")).await;
    assert_eq!(put.status, 200, "{}", put.body);
    assert_eq!(done(&s, &ask("plans", json!(["plus"]))).await["accounts"], json!(["a"]));
    assert_eq!(done(&s, &ask("used", used("draw"))).await["accounts"], json!([]));
    assert_eq!(asked(&s, &ask("plans", json!(["plsu"]))).await.problem(), "unknown_plan");
    // What has been shown can be done to its end.
    assert_eq!(done(&s, &given).await["accounts"], json!([]));
}
