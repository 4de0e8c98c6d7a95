//! Recurring grants, resets, plan changes, corrections, late use and top-ups over HTTP, and the ledger after them.

use headworks_core::record::{Instant, Span};
use headworks_wire::Scope;
use serde_json::{Value, json};

use crate::common::{Server, key, post};

const CATALOG: &str = r#"
version = "t2"
default_plan = "p"
late_horizon = "2d"
[meters]
tokens = { unit = "token" }
[features.chat]
meters = ["tokens"]
rate_card = "card"
[features.task]
meters = []
allowance_unit = "requests"
[[rate_cards.card]]
effective_from = "2020-01-01T00:00:00Z"
prices = [{ feature = "chat", credits = { tokens = "1" } }]
[plans.p]
features = ["chat", "task"]
waterfall = [
  { allowance = { name = "tasks", features = ["task"], windows = [{ name = "five", window.first_use = { limit = "2", length = "5h" } }] } },
  { grants = { name = "credits" } },
]
[plans.team]
features = ["chat"]
waterfall = [{ grants = { name = "credits" } }]
"#;

async fn start() -> Server {
    let s = Server::start().await;
    put(&s, CATALOG, "c1").await;
    s.open("acme", "10").await;
    s
}

async fn put(s: &Server, catalog: &str, key: &str) {
    let answer = s.call("PUT", "/v1/catalog", key, catalog).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
}

async fn available(s: &Server) -> Value {
    s.balances("acme").await["available"].clone()
}

fn record(tokens: u64) -> Value {
    json!({"account": "acme", "feature": "chat", "quantities": {"tokens": tokens}})
}

/// Every record is accounted for, and the statement adds up to the balance.
async fn reconciles(s: &Server) {
    let (_, before) = s.engine.reconciled();
    s.engine.reconcile();
    let pass = loop {
        let (pass, passes) = s.engine.reconciled();
        if let Some(pass) = pass.filter(|_| passes > before + 1) {
            break pass;
        }
        s.engine.reconcile();
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    };
    assert_eq!(pass.report.findings, []);
    let statement = s.call("GET", "/v1/accounts/acme/statement", "", "").await.body;
    let balances = s.balances("acme").await;
    assert_eq!((&statement["closing"], &balances["held"]), (&balances["available"], &json!("0")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_monthly_grant_renews_rolls_over_and_changes_with_the_plan() {
    let s = start().await;
    let grant = json!({"amount": "100", "category": "contract",
        "recurrence": {"every": "month", "rollover": {"max": "20", "fraction": "0.5"}}});
    let id = post(&s, "/v1/accounts/acme/grants", "monthly", grant).await["id"].clone();
    assert_eq!(available(&s).await, "110");
    let balances = s.balances("acme").await;
    let schedule = &balances["schedules"][0];
    assert_eq!(
        (&schedule["id"], &schedule["amount"], &schedule["zone"]),
        (&id, &json!("100"), &json!("UTC"))
    );
    // The future can be read before it happens.
    let next = schedule["next_at"].as_str().expect("next").to_owned();
    let planned = s.call("GET", &format!("/v1/accounts/acme/balances?at={next}"), "", "").await.body;
    assert_eq!((&planned["available"], &planned["breakage"]), (&json!("130"), &json!("80")));
    // A change of plan that moves the anchor begins the new period at once.
    let change = json!({"plan": "team", "anchor": "move", "amounts": {id.as_str().expect("id"): "50"}});
    post(&s, "/v1/accounts/acme/plan", "up", change).await;
    assert_eq!(available(&s).await, "80", "10, 20 carried, 50 of the new period");
    s.engine.clock().advance("31d".parse().expect("span"));
    assert_eq!(available(&s).await, "80", "10, 20 carried again, 50");
    // Once it is voided by its name, it does not come again.
    let path = format!("/v1/accounts/acme/grants/{}/void", id.as_str().expect("id"));
    post(&s, &path, "end", json!({})).await;
    s.engine.clock().advance("62d".parse().expect("span"));
    let after = s.balances("acme").await;
    assert_eq!((&after["available"], &after["schedules"]), (&json!("10"), &json!([])));
    let bad = s.call("POST", "/v1/accounts/acme/plan", "bad", r#"{"plan":"nope"}"#).await;
    assert_eq!((bad.status, bad.problem()), (422, "unknown_plan"));
    reconciles(&s).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_banked_reset_has_four_outcomes() {
    let s = start().await;
    let redeem = "/v1/accounts/acme/resets/redeem";
    let task = json!({"account": "acme", "feature": "task", "settle": "now"});
    assert_eq!(post(&s, redeem, "r0", json!({})).await["outcome"], "none_left");
    let unknown = s.call("POST", "/v1/accounts/acme/resets", "b0", r#"{"windows":["credits"]}"#).await;
    assert_eq!((unknown.status, unknown.problem()), (422, "unknown_window"));
    let banked = post(&s, "/v1/accounts/acme/resets", "b1", json!({"windows": ["tasks.five"]})).await;
    assert_eq!(post(&s, redeem, "r1", json!({})).await["outcome"], "nothing_to_reset");
    for (key, outcome) in [("t1", "allow"), ("t2", "allow"), ("t3", "deny")] {
        assert_eq!(post(&s, "/v1/authorize", key, task.clone()).await["outcome"], outcome);
    }
    let done = post(&s, redeem, "r2", json!({"reset": banked["id"]})).await;
    assert_eq!((&done["outcome"], &done["cleared"][0]["name"]), (&json!("reset_done"), &json!("tasks.five")));
    let again = post(&s, redeem, "r2", json!({"reset": banked["id"]})).await;
    assert_eq!((&again["outcome"], &again["replayed"]), (&json!("reset_done"), &json!(true)));
    let other = post(&s, redeem, "r3", json!({"reset": banked["id"]})).await;
    assert_eq!(other["outcome"], "already_redeemed");
    assert_eq!(post(&s, "/v1/authorize", "t4", task).await["outcome"], "allow");
    assert_eq!(s.call("GET", "/v1/accounts/acme/resets", "", "").await.body["resets"], json!([]));
    reconciles(&s).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_plan_to_come_is_shown_and_withdrawn() {
    let s = start().await;
    let plan = "/v1/accounts/acme/plan";
    let shown = async || s.call("GET", "/v1/accounts/acme", "", "").await.body;
    let before = shown().await["plan"].clone();
    let planned = post(&s, plan, "p1", json!({"plan": "team", "at": "period_end", "reason": "asked"})).await;
    assert_eq!((&shown().await["plan_to_come"]["id"], &shown().await["plan"]), (&planned["id"], &before));
    post(&s, "/v1/accounts/acme/plan/withdraw", "p2", json!({"reason": "stays"})).await;
    assert_eq!(shown().await.get("plan_to_come"), None);
    let nothing = s.call("POST", "/v1/accounts/acme/plan/withdraw", "p3", "{}").await;
    assert_eq!((nothing.status, nothing.problem()), (409, "plan_change_refused"));
    let at = s.engine.clock().now().after("1h".parse().expect("span"));
    post(&s, plan, "p4", json!({"plan": "team", "at": at})).await;
    s.engine.clock().advance("1h".parse().expect("span"));
    assert_eq!((&shown().await["plan"], shown().await.get("plan_to_come")), (&json!("team"), None));
    let past = s.call("POST", plan, "p5", r#"{"plan":"team","at":"2020-01-01T00:00:00Z"}"#).await;
    assert_eq!((past.status, past.problem()), (409, "plan_change_refused"));
    reconciles(&s).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_denies_and_ends_at_its_instant_or_when_it_is_resumed() {
    let s = start().await;
    let (pause, resume) = ("/v1/accounts/acme/pause", "/v1/accounts/acme/resume");
    let shown = async || s.call("GET", "/v1/accounts/acme", "", "").await.body;
    let task = json!({"account": "acme", "feature": "task", "settle": "now"});
    let nothing = s.call("POST", resume, "r0", "{}").await;
    assert_eq!((nothing.status, nothing.problem()), (409, "not_paused"));
    let hour: Span = "1h".parse().expect("span");
    let end = s.engine.clock().now().after(hour).after(hour);
    let grant = json!({"amount": "5", "category": "purchased", "expires_at": end});
    let grant = post(&s, "/v1/accounts/acme/grants", "g1", grant).await["id"].clone();
    let expiry = async || {
        let balances = s.call("GET", "/v1/accounts/acme/balances", "", "").await.body;
        let grants = balances["grants"].as_array().expect("grants").clone();
        let expires = grants.iter().find(|g| g["id"] == grant).map(|g| g["expires_at"].clone());
        expires.and_then(|at| at.as_str()?.parse::<Instant>().ok()).expect("an instant")
    };
    let until = s.engine.clock().now().after(hour);
    let ask = json!({"until": until, "reason": "summer"});
    let begun = post(&s, pause, "p1", ask.clone()).await;
    assert_eq!(post(&s, pause, "p1", ask).await["id"], begun["id"], "the same key, the same pause");
    let paused = shown().await["paused"].clone();
    assert_eq!((&paused["id"], &paused["reason"]), (&begun["id"], &json!("summer")));
    assert_eq!(paused["until"], json!(until));
    let since: Instant = paused["since"].as_str().expect("since").parse().expect("an instant");
    assert_eq!(expiry().await, end.after(until.since(since)));
    let again = s.call("POST", pause, "p2", "{}").await;
    assert_eq!((again.status, again.problem()), (409, "account_paused"));
    let denied = post(&s, "/v1/authorize", "t1", task.clone()).await;
    assert_eq!((&denied["reason"], &denied["unblock"]["ways"][0]["at"]), (&json!("paused"), &json!(until)));
    assert_eq!((&denied["transient"], &denied["unblock"]["by"]), (&json!(true), &json!("operator")));
    s.engine.clock().advance(hour);
    assert_eq!(shown().await.get("paused"), None);
    assert_eq!(post(&s, "/v1/authorize", "t2", task.clone()).await["outcome"], "allow");
    // Without a planned end: what is to come is shown as if it ended now.
    let past = s.call("POST", pause, "p3", r#"{"until":"2020-01-01T00:00:00Z"}"#).await;
    assert_eq!((past.status, past.problem()), (422, "invalid_request"));
    let before = expiry().await;
    post(&s, pause, "p4", json!({})).await;
    s.engine.clock().advance(hour);
    let left = expiry().await.since(before);
    assert!(left >= hour && left < Span::from_secs(3_660), "{left:?}");
    post(&s, resume, "r1", json!({"reason": "back"})).await;
    assert_eq!(shown().await.get("paused"), None);
    assert_eq!(post(&s, "/v1/authorize", "t3", task).await["outcome"], "allow");
    reconciles(&s).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_is_overridden_until_its_instant() {
    let s = start().await;
    let overrides = "/v1/accounts/acme/overrides";
    let task = json!({"account": "acme", "feature": "task", "settle": "now"});
    for (key, outcome) in [("t1", "allow"), ("t2", "allow"), ("t3", "deny")] {
        assert_eq!(post(&s, "/v1/authorize", key, task.clone()).await["outcome"], outcome);
    }
    let until = s.engine.clock().now().after("1h".parse().expect("span"));
    let ask = json!({"limit": "tasks.five", "value": 3, "until": until, "reason": "launch"});
    let set = post(&s, overrides, "o1", ask.clone()).await;
    assert_eq!(post(&s, overrides, "o1", ask).await["id"], set["id"], "the same key, the same override");
    let listed = s.call("GET", overrides, "", "").await.body["overrides"].clone();
    assert_eq!((&listed[0]["value"], &listed[0]["reason"]), (&json!("3"), &json!("launch")));
    let allowed = post(&s, "/v1/authorize", "t4", task.clone()).await;
    assert_eq!((&allowed["outcome"], &allowed["visits"][0]["overridden_by"]), (&json!("allow"), &set["id"]));
    let windows = s.call("GET", "/v1/accounts/acme/windows", "", "").await.body["windows"].clone();
    let window = windows.as_array().expect("a list").iter().find(|w| w["name"] == "tasks.five").expect("it");
    assert_eq!((&window["limit"], &window["overridden_by"]), (&json!("3"), &set["id"]));
    // No limit, for a user; then none of its own.
    let lift = json!({"limit": "tasks.five", "value": "none", "path": "user:ann"});
    let lifted = post(&s, overrides, "o2", lift).await;
    let mut of_ann = task.clone();
    of_ann["path"] = json!("user:ann");
    assert_eq!(post(&s, "/v1/authorize", "t5", of_ann.clone()).await["outcome"], "allow");
    let remove = format!("{overrides}/{}/remove", lifted["id"].as_str().expect("id"));
    post(&s, &remove, "o3", json!({})).await;
    assert_eq!(post(&s, "/v1/authorize", "t6", of_ann).await["outcome"], "deny");
    let twice = s.call("POST", &remove, "o4", "{}").await;
    assert_eq!((twice.status, twice.problem()), (409, "override_ended"));
    for (bad, status, why) in [
        (json!({"limit": "nope", "value": 1}), 422, "unknown_window"),
        (json!({"limit": "tasks.five", "value": "1.5"}), 422, "override_refused"),
        (json!({"limit": "tasks.five", "value": 1, "path": "person:b"}), 422, "invalid_request"),
    ] {
        let refused = s.call("POST", overrides, "bad", &bad.to_string()).await;
        assert_eq!((refused.status, refused.problem()), (status, why), "{bad}");
    }
    s.engine.clock().advance("1h".parse().expect("span"));
    assert_eq!(s.call("GET", overrides, "", "").await.body["overrides"], json!([]));
    reconciles(&s).await;
}

/// An override outlives the plan that has its limit: in force again with the plan, it is listed as it was given.
#[tokio::test(flavor = "multi_thread")]
async fn a_figure_reads_as_it_was_given_whatever_the_plan() {
    let s = start().await;
    let limits = "[plans.p]\nguards = [{ name = \"cap\", window.spend_cap = { limit = \"5\", every = \"day\" } }, \
                  { name = \"rpm\", window.fixed = { limit = 5, every = \"hour\" } }]\n";
    put(&s, &CATALOG.replace("\"t2\"", "\"t4\"").replace("[plans.p]\n", limits), "c4").await;
    let given = json!([["cap", "2.5"], ["cap", "none"], ["price_factor", "0.65"], ["rpm", "7"]]);
    for (n, one) in given.as_array().expect("rows").iter().enumerate() {
        let ask = json!({"limit": one[0], "value": one[1], "path": if n == 1 { "user:ann" } else { "" }});
        post(&s, "/v1/accounts/acme/overrides", &format!("o{n}"), ask.clone()).await;
        post(&s, "/v1/accounts/acme/increases", &format!("i{n}"), ask).await;
    }
    let listed = async |kind: &str| {
        let all = s.call("GET", &format!("/v1/accounts/acme/{kind}"), "", "").await.body[kind].clone();
        let rows = all.as_array().expect("a list").iter().map(|o| json!([o["limit"], o["value"]]));
        json!(rows.collect::<Vec<_>>())
    };
    let both = async || (listed("overrides").await, listed("increases").await);
    assert_eq!(both().await, (given.clone(), given.clone()));
    // A plan without these limits, then a catalog without the plan that has them, then one without the account's own plan.
    post(&s, "/v1/accounts/acme/plan", "p1", json!({"plan": "team"})).await;
    assert_eq!(both().await, (given.clone(), given.clone()));
    put(&s, &CATALOG.replace("\"t2\"", "\"t5\""), "c5").await;
    assert_eq!(both().await, (given.clone(), given.clone()));
    put(&s, &CATALOG.replace("\"t2\"", "\"t6\"").replace("plans.team", "plans.squad"), "c6").await;
    assert_eq!(both().await, (given.clone(), given));
    reconciles(&s).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_period_is_closed_once_for_each_key_and_for_one_member() {
    let s = start().await;
    let by_hand = CATALOG
        .replace("t2", "t3")
        .replace(
            "first_use = { limit = \"2\", length = \"5h\" }",
            "fixed = { limit = \"2\", every = \"manual\" }",
        )
        .replace("name = \"tasks\",", "name = \"tasks\", per = [\"team\", \"user\"],");
    put(&s, &by_hand, "c2").await;
    let close = "/v1/accounts/acme/windows/close";
    let task = |user: &str| {
        let path = format!("cost_center:4711/team:red/user:{user}");
        json!({"account": "acme", "feature": "task", "settle": "now", "path": path})
    };
    for (key, user, outcome) in
        [("a1", "ann", "allow"), ("a2", "ann", "allow"), ("a3", "ann", "deny"), ("b1", "bob", "allow")]
    {
        assert_eq!(post(&s, "/v1/authorize", key, task(user)).await["outcome"], outcome, "{key}");
    }
    let ask = json!({"windows": ["tasks.five"], "path": "team:red/user:ann", "reason": "delivered"});
    let closed = post(&s, close, "k1", ask.clone()).await;
    assert_eq!(post(&s, "/v1/authorize", "a4", task("ann")).await["outcome"], "allow");
    let again = post(&s, close, "k1", ask).await;
    assert_eq!((&again["id"], &again["replayed"]), (&closed["id"], &json!(true)));
    let windows = s.call("GET", "/v1/accounts/acme/windows", "", "").await.body["windows"].clone();
    let shown = |w: &Value| {
        (w["level"].clone(), w["member"].clone(), w["used"].clone(), w.get("resets_at").is_some())
    };
    let pair =
        |user: &str| (json!(["team", "user"]), json!(format!("team:red/user:{user}")), json!("1"), false);
    let of_tasks = windows.as_array().expect("a list").iter().filter(|w| w["name"] == "tasks.five");
    assert_eq!(of_tasks.map(shown).collect::<Vec<_>>(), [pair("ann"), pair("bob")]);
    for (bad, why) in [
        (json!({"windows": ["nope"]}), "unknown_window"),
        (json!({"windows": []}), "invalid_request"),
        (json!({}), "invalid_request"),
    ] {
        let refused = s.call("POST", close, "bad", &bad.to_string()).await;
        assert_eq!((refused.status, refused.problem()), (422, why), "{bad}");
    }
    reconciles(&s).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn charges_are_corrected_one_by_one_and_by_period() {
    let s = start().await;
    let charge = post(&s, "/v1/record", "u1", record(6)).await["charge"].clone();
    let correct = json!({"charge": charge, "quantities": {"tokens": 2}, "reason": "counted twice"});
    let corrected = post(&s, "/v1/accounts/acme/corrections", "c1", correct.clone()).await;
    assert_eq!((&corrected["price"], available(&s).await), (&json!("2"), json!("8")));
    let again = s.call("POST", "/v1/accounts/acme/corrections", "c2", &correct.to_string()).await;
    assert_eq!((again.status, again.problem()), (409, "already_refunded"));
    let delete = json!({"charge": corrected["charge"], "delete": true});
    post(&s, "/v1/accounts/acme/corrections", "c3", delete).await;
    assert_eq!(available(&s).await, "10");
    // The price was wrong: half of it, for three charges; one of them has been refunded.
    for key in ["p1", "p2", "p3"] {
        let made = post(&s, "/v1/record", key, record(2)).await;
        if key == "p2" {
            post(&s, "/v1/accounts/acme/refunds", "back", json!({"charge": made["charge"]})).await;
        }
    }
    put(&s, &CATALOG.replace("tokens = \"1\"", "tokens = \"0.5\"").replace("\"t2\"", "\"t3\""), "c4").await;
    let mut ask = json!({"from": "2020-01-01T00:00:00Z", "to": "2100-01-01T00:00:00Z"});
    let dry = post(&s, "/v1/catalog/corrections", "", ask.clone()).await;
    assert_eq!(dry["charges"], 4, "a corrected charge counts once");
    assert_eq!((&dry["changed"], &dry["by_unit"]), (&json!(2), &json!({"credits": {"was": "4", "is": "2"}})));
    assert_eq!((&dry["refunded"], available(&s).await), (&json!(1), json!("6")), "a dry run changes nothing");
    ask["apply"] = json!(true);
    let applied = post(&s, "/v1/catalog/corrections", "", ask.clone()).await;
    assert_eq!((&applied["by_unit"]["credits"]["is"], available(&s).await), (&json!("2"), json!("8")));
    assert_eq!((&applied["charges"], &applied["changed"]), (&json!(4), &json!(2)));
    let twice = post(&s, "/v1/catalog/corrections", "", ask).await;
    assert_eq!(
        (&twice["charges"], &twice["changed"], available(&s).await),
        (&json!(4), &json!(0), json!("8"))
    );
    reconciles(&s).await;
}

/// Nobody pays the higher price of one account: it is named, also by the dry run, and the others are priced again.
#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_pays_does_not_stop_the_others() {
    let s = Server::start().await;
    let text = CATALOG.replace("rate_card = \"card\"\n", "rate_card = \"card\"\novershoot = \"reject\"\n");
    put(&s, &text, "c1").await;
    s.open("acme", "10").await;
    for (account, credits) in [("poor", "2"), ("rich", "10")] {
        s.open(account, credits).await;
        let used = json!({"account": account, "feature": "chat", "quantities": {"tokens": 2}});
        post(&s, "/v1/record", account, used).await;
    }
    put(&s, &text.replace("tokens = \"1\"", "tokens = \"2\"").replace("\"t2\"", "\"t3\""), "c2").await;
    let mut ask = json!({"from": "2020-01-01T00:00:00Z", "to": "2100-01-01T00:00:00Z"});
    let mut dry = post(&s, "/v1/catalog/corrections", "", ask.clone()).await;
    ask["apply"] = json!(true);
    let applied = post(&s, "/v1/catalog/corrections", "", ask.clone()).await;
    assert_eq!((&applied["charges"], &applied["changed"]), (&json!(2), &json!(1)), "{applied}");
    assert_eq!(applied["refused"].as_array().map(Vec::len), Some(1), "{applied}");
    dry["applied"] = json!(true);
    assert_eq!(dry, applied);
    assert_eq!(s.balances("rich").await["available"], "6");
    assert_eq!(s.balances("poor").await["available"], "0");
    let again = post(&s, "/v1/catalog/corrections", "", ask).await;
    assert_eq!((&again["charges"], &again["changed"]), (&json!(2), &json!(0)), "{again}");
    reconciles(&s).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn late_use_is_charged_or_waits() {
    let s = start().await;
    let ago = |span: &str| s.engine.clock().now().before(span.parse().expect("span")).to_string();
    let mut late = record(3);
    late["effective_at"] = json!(ago("47h"));
    assert_eq!(post(&s, "/v1/record", "l1", late.clone()).await["price"], "3");
    late["effective_at"] = json!(ago("49h"));
    let kept = s.call("POST", "/v1/record", "l2", &late.to_string()).await;
    assert_eq!(
        (kept.status, &kept.body["kind"], available(&s).await),
        (202, &json!("quarantined"), json!("7"))
    );
    let again = s.call("POST", "/v1/record", "l2", &late.to_string()).await;
    assert_eq!((again.status, &again.body["replayed"]), (202, &json!(true)));
    let waiting = s.call("GET", "/v1/accounts/acme/quarantine", "", "").await.body;
    assert_eq!(waiting["uses"][0]["quantities"], json!({"tokens": 3}));
    let path = format!("/v1/accounts/acme/quarantine/{}", waiting["uses"][0]["id"].as_str().expect("id"));
    post(&s, &path, "", json!({"action": "accept"})).await;
    assert_eq!(available(&s).await, "4");
    // Two days ago nothing had been used; an hour after the first late use, 3 had, as is known now.
    let as_of = |query: String| {
        let s = &s;
        async move { s.call("GET", &format!("/v1/accounts/acme/balances/as-of{query}"), "", "").await.body }
    };
    let then = ago("46h");
    assert_eq!(as_of(format!("?effective_at={then}")).await["balance"], "-6", "granted since, used before");
    assert_eq!(as_of(format!("?recorded_at={then}")).await["balance"], "0");
    assert_eq!(as_of(String::new()).await["balance"], "4");
    late["effective_at"] = json!("2100-01-01T00:00:00Z");
    let future = s.call("POST", "/v1/record", "l3", &late.to_string()).await;
    assert_eq!((future.status, future.problem()), (422, "invalid_request"));
    reconciles(&s).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_low_balance_asks_for_one_top_up() {
    let s = start().await;
    let settings = json!({"alerts": {"low": "5", "recovered": "8"},
        "top_up": {"amount": "20", "monthly_max": "40", "cool_down": "1h"}});
    let patched = s.call("PATCH", "/v1/accounts/acme", "s", &settings.to_string()).await;
    assert_eq!((patched.status, &patched.body["top_up"]["amount"]), (200, &json!("20")), "{}", patched.body);
    post(&s, "/v1/record", "u1", record(6)).await;
    let state = s.call("GET", "/v1/accounts/acme/top-ups", "", "").await.body;
    assert_eq!((&state["standing"], &state["in_flight"]["number"]), (&json!("low"), &json!(1)));
    assert_eq!(state["in_flight"]["needed"], true);
    let paid = json!({"paid": true, "reference": "payment 77"});
    let brought = post(&s, "/v1/accounts/acme/top-ups/1", "", paid.clone()).await;
    assert_eq!((&brought["kind"], available(&s).await), (&json!("granted"), json!("24")));
    let again = post(&s, "/v1/accounts/acme/top-ups/1", "", paid).await;
    assert_eq!((&again["replayed"], available(&s).await), (&json!(true), json!("24")));
    let none = s.call("POST", "/v1/accounts/acme/top-ups/2", "", r#"{"paid":true}"#).await;
    assert_eq!((none.status, none.problem()), (409, "no_top_up"));
    let bad = json!({"alerts": {"low": "5", "recovered": "4"}});
    let bad = s.call("PATCH", "/v1/accounts/acme", "bad", &bad.to_string()).await;
    assert_eq!((bad.status, bad.problem()), (422, "invalid_request"));
    let off = s.call("PATCH", "/v1/accounts/acme", "off", r#"{"alerts":null}"#).await.body;
    assert!(off["alerts"].is_null() && off["top_up"].is_null(), "{off}");
    reconciles(&s).await;
}

/// A member asks, an operator approves in one call; the list says who answered and why.
#[tokio::test(flavor = "multi_thread")]
async fn a_higher_limit_is_asked_for_and_approved() {
    let s = Server::start().await;
    let text = CATALOG.replace(
        "[plans.p]\n",
        "[plans.p]\nguards = [{ name = \"daily\", per = \"user\", count = \"tokens\", window.fixed = { limit = 5, every = \"day\" } }]\n",
    );
    assert_eq!(s.call("PUT", "/v1/catalog", "c", &text).await.status, 200);
    s.open("acme", "100").await;
    let ask = json!({"limit": "daily", "path": "user:ann", "value": 9, "reason": "a demo"});
    let asked = s.call("POST", "/v1/accounts/acme/increases", "i", &ask.to_string()).await.body;
    let again = s.call("POST", "/v1/accounts/acme/increases", "i", &ask.to_string()).await.body;
    assert_eq!((&asked["kind"], &again["id"]), (&json!("increase_asked"), &asked["id"]));
    let increase = asked["id"].as_str().expect("a reference").replace('~', "%7E");
    let list = s.call("GET", "/v1/accounts/acme/increases", "", "").await.body;
    let first = &list["increases"][0];
    assert_eq!(
        (&first["status"], &first["value"], &first["limit"]),
        (&json!("pending"), &json!("9"), &json!("daily"))
    );
    let path = format!("/v1/accounts/acme/increases/{increase}/approve");
    let approved = s.call("POST", &path, "a", r#"{"value":8,"reason":"today"}"#).await.body;
    assert_eq!(approved["kind"], "override_set", "{approved}");
    let denied = s.call("POST", &path.replace("approve", "deny"), "d", "{}").await;
    assert_eq!((denied.status, denied.problem()), (409, "increase_answered"));
    let list = s.call("GET", "/v1/accounts/acme/increases", "", "").await.body;
    let first = &list["increases"][0];
    assert_eq!((&first["status"], &first["answer"]["record"]), (&json!("approved"), &approved["id"]));
    assert_eq!(first["answer"]["reason"], "today");
    let set = s.call("GET", "/v1/accounts/acme/overrides", "", "").await.body;
    assert_eq!(
        (&set["overrides"][0]["value"], &set["overrides"][0]["approves"]),
        (&json!("8"), &asked["id"])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seat_is_added_assigned_and_removed() {
    let s = Server::start().await;
    let text = CATALOG
        .replace(
            "waterfall = [\n",
            "waterfall = [\n  { allowance = { name = \"seat\", features = [\"chat\"], per = \"seat\", windows = [{ name = \"day\", window.fixed = { limit = \"5\", every = \"day\" } }] } },\n",
        )
        .replacen("[plans.p]\n", "[plans.p]\nseats = { required = true, types = { premium = { \"seat.day\" = \"9\" } } }\n", 1);
    assert_eq!(s.call("PUT", "/v1/catalog", "c", &text).await.status, 200);
    s.open("acme", "100").await;
    let ask = |user: &str| {
        json!({"account": "acme", "feature": "chat", "quantities": {"tokens": 7}, "settle": "now", "path": format!("user:{user}")})
            .to_string()
    };
    let denied = s.call("POST", "/v1/authorize", "a1", &ask("ann")).await.body;
    assert_eq!((&denied["reason"], &denied["unblock"]["by"]), (&json!("no_seat"), &json!("account_admin")));
    let seat = r#"{"seat":"s1","type":"premium","member":"user:bob"}"#;
    assert_eq!(s.call("POST", "/v1/accounts/acme/seats", "s", seat).await.body["kind"], "seat_set");
    let taken = s.call("POST", "/v1/accounts/acme/seats", "t", r#"{"seat":"s2","member":"user:bob"}"#).await;
    assert_eq!((taken.status, taken.problem()), (409, "has_seat"));
    let assign = "/v1/accounts/acme/seats/s1/assign";
    // The operator alone gives a seat to nobody.
    let operator = key(&s.engine, &[Scope::Operator], &["acme"]).await;
    let headers = format!(
        "Authorization: Bearer {operator}\r\nContent-Type: application/json\r\nIdempotency-Key: o\r\n"
    );
    let body = br#"{"seat":"s1","member":"user:ann"}"#;
    let moved = s.raw("POST", "/v1/accounts/acme/seats", &headers, body).await;
    assert_eq!((moved.status, moved.problem()), (403, "wrong_scope"));
    assert_eq!(s.call("POST", assign, "m", r#"{"member":"user:ann"}"#).await.status, 200);
    let paid = s.call("POST", "/v1/authorize", "a2", &ask("ann")).await.body;
    assert_eq!(
        (&paid["draws"][0]["layer"], &paid["draws"][0]["amount"]),
        (&json!("seat"), &json!("7")),
        "{paid}"
    );
    let list = s.call("GET", "/v1/accounts/acme/seats", "", "").await.body;
    assert_eq!(list["counts"]["premium"], json!({"all": 1, "held": 1}));
    assert_eq!((&list["seats"][0]["seat"], &list["seats"][0]["member"]), (&json!("s1"), &json!("user:ann")));
    let unknown = s.call("POST", "/v1/accounts/acme/seats/s9/remove", "r", "{}").await;
    assert_eq!((unknown.status, unknown.problem()), (404, "unknown_seat"));
    assert_eq!(s.call("POST", "/v1/accounts/acme/seats/s1/remove", "r2", "{}").await.status, 200);
}

/// One key names one act: with another act it is refused, and never answers for it.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_one_act_answers_no_other() {
    let s = start().await;
    let seat = r#"{"seat":"s1"}"#;
    assert_eq!(s.call("POST", "/v1/accounts/acme/seats", "s", seat).await.status, 200);
    let ask = r#"{"limit":"tasks.five","value":5}"#;
    let asked = s.call("POST", "/v1/accounts/acme/increases", "i", ask).await.body;
    let increase = asked["id"].as_str().expect("a reference").replace('~', "%7E");
    let of = |act: &str| format!("/v1/accounts/acme/increases/{increase}/{act}");
    for (first, second, body) in [
        (
            "/v1/accounts/acme/seats/s1/assign".to_owned(),
            "/v1/accounts/acme/seats/s1/remove".to_owned(),
            "{}",
        ),
        ("/v1/accounts/acme/pause".to_owned(), "/v1/accounts/acme/resume".to_owned(), "{}"),
        ("/v1/accounts/acme/increases".to_owned(), "/v1/accounts/acme/overrides".to_owned(), ask),
        (of("deny"), of("approve"), "{}"),
    ] {
        assert_eq!(s.call("POST", &first, &first, body).await.status, 200, "{first}");
        let other = s.call("POST", &second, &first, body).await;
        assert_eq!(
            (other.status, other.problem()),
            (422, "idempotency_conflict"),
            "{second}: {}",
            other.body
        );
    }
}
