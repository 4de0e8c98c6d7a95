//! Stripe gets what is owed: a stub of the shapes that Stripe documents, summed up as Stripe does.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use headworks_core::record::Credits;
use headworks_store::Memory;
use serde_json::{Value, json};

use crate::common::Server;
use crate::receiver::{Act, Receiver, Request, header, hook};

const POLICY: &str = r#"
version = "stripe"
default_plan = "p"
[meters]
tokens = { unit = "token" }
out = { unit = "token" }
[features.chat]
meters = ["tokens", "out"]
rate_card = "card"
allowance_unit = "credits"
[[rate_cards.card]]
effective_from = "2020-01-01T00:00:00Z"
prices = [{ feature = "chat", credits = { tokens = "1", out = "2" } }]
[plans.p]
features = ["chat"]
waterfall = [
{ allowance = { name = "included", windows = [{ name = "w", window.fixed = { limit = "100", every = "month" } }] } },
{ grants = { name = "credits" } },
{ overdraft = { name = "od", limit = "50" } },
]
"#;
const START: &str = "2026-03-01T00:00:00Z";

async fn start(store: Arc<Memory>) -> Server {
    let s = Server::start_at(store, START).await;
    let auth = format!(
        "Authorization: Bearer {}\r\nContent-Type: application/toml\r\nIdempotency-Key: c\r\n",
        s.admin
    );
    let put = s.raw("PUT", "/v1/catalog", &auth, POLICY.as_bytes()).await;
    assert_eq!(put.status, 200, "{}", put.body);
    s
}

async fn post(s: &Server, path: &str, key: &str, body: Value) -> Value {
    let answer = s.call("POST", path, key, &body.to_string()).await;
    assert!([200, 204].contains(&answer.status), "{path} {body}: {}", answer.body);
    answer.body
}

async fn open(s: &Server, account: &str, credits: &str, category: &str) {
    post(s, "/v1/accounts", &format!("o {account}"), json!({"id": account})).await;
    let grant = json!({"amount": credits, "category": category});
    post(s, &format!("/v1/accounts/{account}/grants"), &format!("g {account} {category}"), grant).await;
}

async fn record(s: &Server, account: &str, key: &str, tokens: u64, out: u64) -> String {
    let ask = json!({"account": account, "feature": "chat", "quantities": {"tokens": tokens, "out": out}});
    let charged = post(s, "/v1/record", key, ask).await;
    charged["charge"].as_str().unwrap_or_else(|| panic!("{charged}")).to_owned()
}

async fn advance(s: &Server, to: &str) {
    post(s, "/v1/test-clock/advance", to, json!({"to": to})).await;
}

/// A call: what, and its form.
fn form(request: &Request) -> (String, BTreeMap<String, String>) {
    let path = request.head.split(' ').nth(1).expect("path").rsplit('/').next().expect("name").to_owned();
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=')?;
        let decode = |text: &str| {
            percent_encoding::percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned()
        };
        Some((decode(name), decode(value)))
    };
    (path, request.body.split('&').filter_map(pair).collect())
}

/// What the stub has, by customer and meter: events count once by identifier, cancelled ones not at all.
fn sums(requests: &[Request]) -> BTreeMap<(String, String), i128> {
    let mut events: BTreeMap<String, (String, String, i128)> = BTreeMap::new();
    let mut cancelled: Vec<String> = Vec::new();
    for request in requests.iter().filter(|r| r.accepted) {
        assert_eq!(header(request, "authorization"), "bearer sk_test_1");
        let (path, form) = form(request);
        if path == "meter_event_adjustments" {
            assert_eq!(form["type"], "cancel");
            let id = form["cancel[identifier]"].clone();
            assert!(events.contains_key(&id), "{id} was never sent");
            cancelled.push(id);
            continue;
        }
        assert!(form["identifier"].len() <= 100, "{form:?}");
        let value = form["payload[value]"].parse().expect("a whole number");
        let event = (form["payload[stripe_customer_id]"].clone(), form["event_name"].clone(), value);
        let before = events.insert(form["identifier"].clone(), event.clone());
        assert!(before.is_none_or(|before| before == event), "one identifier, two values: {form:?}");
    }
    let mut sums = BTreeMap::new();
    for (_, (customer, meter, value)) in events.into_iter().filter(|(id, _)| !cancelled.contains(id)) {
        *sums.entry((customer, meter)).or_insert(0) += value;
    }
    sums.retain(|_, sum| *sum != 0);
    sums
}

async fn figure(s: &Server, path: &str, pointer: &str, is: Value) -> Value {
    for _ in 0..400 {
        let body = s.call("GET", path, "", "").await.body;
        if body.pointer(pointer) == Some(&is) {
            return body;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("{pointer} is not {is}: {}", s.call("GET", path, "", "").await.body);
}

async fn sent(s: &Server, stripe: &Receiver) -> BTreeMap<(String, String), i128> {
    figure(s, "/v1/webhooks/stripe", "/behind", json!(0)).await;
    sums(&stripe.all())
}

fn owed(customer: &str, tokens: i128, out: i128) -> BTreeMap<(String, String), i128> {
    let lines = [("tokens", tokens), ("out", out)];
    let lines = lines.into_iter().filter(|(_, n)| *n != 0);
    lines.map(|(meter, n)| ((customer.to_owned(), meter.to_owned()), n)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn stripe_gets_what_paid_sources_paid() {
    let s = start(Arc::default()).await;
    let stripe = Receiver::start(&[Act::Refuse(429)]).await;
    hook(&s, "stripe", json!({"url": stripe.url, "format": "stripe_meter_events"})).await;
    open(&s, "cus_A", "10", "free").await;
    record(&s, "cus_A", "u1", 60, 0).await;
    // 40 are still included, the free grant pays one.
    record(&s, "cus_A", "u2", 41, 0).await;
    assert_eq!(sent(&s, &stripe).await, BTreeMap::new());
    let bought = json!({"amount": "1000", "category": "purchased"});
    post(&s, "/v1/accounts/cus_A/grants", "bought", bought).await;
    // 9 free credits pay the 8 tokens and a half of the first output token: that one is not owed.
    record(&s, "cus_A", "u3", 8, 3).await;
    assert_eq!(sent(&s, &stripe).await, owed("cus_A", 0, 2));
    record(&s, "cus_A", "u4", 10, 0).await;
    assert_eq!(sent(&s, &stripe).await, owed("cus_A", 10, 2));
    // A second account owes what its overdraft pays, and not what was made good.
    open(&s, "cus_B", "5", "promotional").await;
    let ask = json!({"account": "cus_B", "feature": "chat", "quantities": {"tokens": 200}});
    post(&s, "/v1/record", "u5", ask).await;
    let mut both = owed("cus_A", 10, 2);
    both.extend(owed("cus_B", 50, 0));
    assert_eq!(sent(&s, &stripe).await, both);
}

#[tokio::test(flavor = "multi_thread")]
async fn refunds_and_corrections_adjust_what_was_sent() {
    let s = start(Arc::default()).await;
    let stripe = Receiver::start(&[]).await;
    hook(&s, "stripe", json!({"url": stripe.url, "format": "stripe_meter_events"})).await;
    let account = format!("cus_{}", "x".repeat(110));
    let account = account.as_str();
    open(&s, account, "1000", "purchased").await;
    record(&s, account, "included", 100, 0).await;
    let (refunds, corrections) =
        (format!("/v1/accounts/{account}/refunds"), format!("/v1/accounts/{account}/corrections"));
    let charge = record(&s, account, "u1", 10, 3).await;
    assert_eq!(sent(&s, &stripe).await, owed(account, 10, 3));
    // Credits come back from the last that paid: two output tokens.
    post(&s, &refunds, "r1", json!({"charge": charge, "amount": "4"})).await;
    assert_eq!(sent(&s, &stripe).await, owed(account, 10, 1));
    post(&s, &refunds, "r2", json!({"charge": charge})).await;
    assert_eq!(sent(&s, &stripe).await, BTreeMap::new());
    let mut charge = record(&s, account, "u2", 10, 0).await;
    for (n, tokens) in [7, 9, 5].into_iter().enumerate() {
        let ask = json!({"charge": charge, "quantities": {"tokens": tokens}});
        let corrected = post(&s, &corrections, &format!("c{n}"), ask).await;
        charge = corrected["charge"].as_str().unwrap_or_else(|| panic!("{corrected}")).to_owned();
        assert_eq!(sent(&s, &stripe).await, owed(account, tokens, 0));
    }
    let before = stripe.all().len();
    // Too old to be cancelled: the difference, dated as the refund is.
    advance(&s, "2026-03-02T06:00:00Z").await;
    post(&s, &refunds, "r3", json!({"charge": charge, "amount": "2"})).await;
    assert_eq!(sent(&s, &stripe).await, owed(account, 3, 0));
    let (path, late) = form(&stripe.all()[before]);
    assert_eq!((path.as_str(), late["payload[value]"].as_str()), ("meter_events", "-2"));
    assert_eq!(late["timestamp"], "1772431200");
    // What is older than Stripe takes is dated when it comes.
    advance(&s, "2026-04-10T00:00:00Z").await;
    record(&s, account, "april", 100, 0).await;
    let ask = json!({"account": account, "feature": "chat", "quantities": {"tokens": 1},
        "effective_at": "2026-03-20T00:00:00Z"});
    post(&s, "/v1/record", "dated", ask).await;
    assert_eq!(sent(&s, &stripe).await, owed(account, 4, 0));
    assert_eq!(form(stripe.all().last().expect("sent")).1["timestamp"], "1773964800");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_adds_up_to_what_paid_sources_paid() {
    let s = start(Arc::default()).await;
    let stripe = Receiver::start(&[Act::Refuse(500), Act::HangUp, Act::Accept, Act::Later("0")]).await;
    hook(&s, "stripe", json!({"url": stripe.url, "format": "stripe_meter_events", "stripe": "amount"})).await;
    open(&s, "cus_A", "100000", "purchased").await;
    // A walk with a fixed seed over uses, refunds, corrections and days.
    let (mut seed, mut charges) = (7_u64, Vec::new());
    let mut random = move |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    let mut hour = 0;
    for n in 0..120 {
        let key = format!("k{n}");
        let picked = if charges.is_empty() {
            0
        } else {
            usize::try_from(random(1_000)).expect("small") % charges.len()
        };
        match random(6) {
            0 | 1 => charges.push(record(&s, "cus_A", &key, 1 + random(20), random(5)).await),
            2 | 3 if !charges.is_empty() => {
                let ask = json!({"charge": charges[picked], "amount": (1 + random(3)).to_string()});
                s.call("POST", "/v1/accounts/cus_A/refunds", &key, &ask.to_string()).await;
            }
            4 if !charges.is_empty() => {
                let ask = json!({"charge": charges[picked], "quantities": {"tokens": random(30), "out": random(4)}});
                let corrected =
                    s.call("POST", "/v1/accounts/cus_A/corrections", &key, &ask.to_string()).await;
                if let Some(charge) = corrected.body["charge"].as_str() {
                    charges[picked] = charge.to_owned();
                }
            }
            _ => {
                hour += 5;
                advance(&s, &format!("2026-03-{:02}T{:02}:00:00Z", 1 + hour / 24, hour % 24)).await;
            }
        }
        if n % 10 == 9 {
            let spent = s.balances("cus_A").await["spent"].clone();
            let spent: Credits = serde_json::from_value(spent).expect("credits");
            let sum = sent(&s, &stripe).await.values().sum::<i128>();
            assert_eq!(sum, i128::from(spent.nano()), "after step {n}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stripe_refuses_waits_and_the_others_go_on() {
    let store = Arc::new(Memory::new());
    let s = start(Arc::clone(&store)).await;
    let stripe = Receiver::start(&[]).await;
    *stripe.refuses.lock().expect("lock") = Some(("poison".to_owned(), 400));
    hook(&s, "stripe", json!({"url": stripe.url, "format": "stripe_meter_events"})).await;
    let watcher = Receiver::start(&[]).await;
    hook(&s, "watcher", json!({"url": watcher.url, "events": ["webhook.parked"]})).await;
    for account in ["cus_A", "poison"] {
        open(&s, account, "1000", "purchased").await;
        record(&s, account, &format!("i {account}"), 100, 0).await;
        record(&s, account, &format!("1 {account}"), 5, 2).await;
        record(&s, account, &format!("2 {account}"), 7, 0).await;
    }
    record(&s, "cus_A", "after", 1, 0).await;
    assert_eq!(sent(&s, &stripe).await, owed("cus_A", 13, 2));
    let listed = figure(&s, "/v1/webhooks/stripe/parked", "/parked/0/account", json!("poison")).await;
    let reason = listed["parked"][0]["reason"].as_str().expect("reason");
    assert!(reason.contains("400") && reason.contains("No such customer"), "{reason}");
    let webhook = figure(&s, "/v1/webhooks/stripe", "/parked", json!(1)).await;
    assert_eq!(webhook["state"], "ok");
    let alert = watcher.accepted(1).await.remove(0);
    let alert: Value = serde_json::from_str(&alert.body).expect("an event");
    assert_eq!((&alert["data"]["webhook"], &alert["data"]["account"]), (&json!("stripe"), &json!("poison")));
    let figures = s.call("GET", "/metrics", "", "").await.body;
    let line = "headworks_webhook_parked_accounts{webhook=\"stripe\"} 1";
    assert!(figures.as_str().expect("text").contains(line), "{figures}");
    let tried = stripe.all().iter().filter(|r| r.body.contains("poison")).count();
    assert_eq!(tried, 1, "those after it wait");

    // It still waits after a restart; a retry that is refused waits on.
    s.stop().await;
    let s = Server::start_at(store, START).await;
    figure(&s, "/v1/webhooks/stripe", "/parked", json!(1)).await;
    let resume = "/v1/webhooks/stripe/parked/poison";
    post(&s, resume, "again", json!({"resume": "retry"})).await;
    for _ in 0..200 {
        let parked = s.call("GET", "/v1/webhooks/stripe/parked", "", "").await.body;
        if parked["parked"][0].get("resume").is_none() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    let keys: Vec<String> = stripe
        .all()
        .iter()
        .filter(|r| r.body.contains("poison"))
        .map(|r| header(r, "idempotency-key").to_owned())
        .collect();
    assert!(keys.len() == 2 && keys[1].starts_with(&keys[0]) && keys[0] != keys[1], "{keys:?}");

    // It is taken, and what waited follows in order, once.
    *stripe.refuses.lock().expect("lock") = None;
    record(&s, "poison", "3 poison", 11, 0).await;
    post(&s, resume, "mended", json!({"resume": "retry"})).await;
    figure(&s, "/v1/webhooks/stripe", "/parked", json!(0)).await;
    record(&s, "poison", "4 poison", 13, 0).await;
    let mut both = owed("cus_A", 13, 2);
    both.extend(owed("poison", 5 + 7 + 11 + 13, 2));
    assert_eq!(sent(&s, &stripe).await, both);
    let values: Vec<String> = stripe
        .all()
        .iter()
        .filter(|r| r.accepted && r.body.contains("poison"))
        .map(|r| form(r).1["payload[value]"].clone())
        .collect();
    assert_eq!(values, ["2", "5", "7", "11", "13"]);
    let gone = s.call("POST", resume, "none", r#"{"resume":"retry"}"#).await;
    assert_eq!((gone.status, gone.problem()), (404, "not_parked"));

    // Passed over: the refused record is never sent, the next ones are.
    *stripe.refuses.lock().expect("lock") = Some(("poison".to_owned(), 404));
    let unpaid = record(&s, "poison", "5 poison", 17, 0).await;
    figure(&s, "/v1/webhooks/stripe", "/parked", json!(1)).await;
    record(&s, "poison", "6 poison", 19, 0).await;
    *stripe.refuses.lock().expect("lock") = None;
    post(&s, resume, "pass", json!({"resume": "pass_over"})).await;
    figure(&s, "/v1/webhooks/stripe", "/parked", json!(0)).await;
    both.extend(owed("poison", 36 + 19, 2));
    assert_eq!(sent(&s, &stripe).await, both);
    // Stripe does not have it, so nothing of it is adjusted: neither soon nor later.
    let refund = json!({"charge": unpaid, "amount": "6"});
    post(&s, "/v1/accounts/poison/refunds", "r1", refund).await;
    advance(&s, "2026-03-03T00:00:00Z").await;
    let refund = json!({"charge": unpaid, "amount": "7"});
    post(&s, "/v1/accounts/poison/refunds", "r2", refund).await;
    assert_eq!(sent(&s, &stripe).await, both);
    assert_eq!(figure(&s, "/v1/webhooks/stripe", "/parked", json!(0)).await["state"], "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_an_accounts_fault_stops_nobody_for_good() {
    let s = start(Arc::default()).await;
    let acts = [401, 403, 408].map(Act::Refuse);
    let stripe = Receiver::start(&acts).await;
    hook(&s, "stripe", json!({"url": stripe.url, "format": "stripe_meter_events"})).await;
    open(&s, "cus_A", "1000", "purchased").await;
    record(&s, "cus_A", "u", 103, 0).await;
    figure(&s, "/v1/webhooks/stripe", "/behind", json!(0)).await;
    let keys: Vec<String> = stripe.all().iter().map(|r| header(r, "idempotency-key").to_owned()).collect();
    assert!(keys.len() == 4 && keys.iter().all(|key| *key == keys[0]), "the same key each time: {keys:?}");
    assert_eq!(sent(&s, &stripe).await, owed("cus_A", 3, 0));
    let other = json!({"url": stripe.url, "format": "stripe_meter_events", "stripe": "amount"});
    let kept = s.call("PUT", "/v1/webhooks/stripe", "x", &other.to_string()).await;
    assert_eq!((kept.status, kept.problem()), (422, "invalid_request"));
    let no_stripe = json!({"url": stripe.url, "stripe": "amount"});
    let refused = s.call("PUT", "/v1/webhooks/other", "y", &no_stripe.to_string()).await;
    assert_eq!((refused.status, refused.problem()), (422, "invalid_request"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_adjusts_only_what_it_has_sent() {
    let s = start(Arc::default()).await;
    open(&s, "cus_A", "1000", "purchased").await;
    record(&s, "cus_A", "included", 100, 0).await;
    let before = record(&s, "cus_A", "before", 10, 0).await;
    advance(&s, "2026-03-01T01:00:00Z").await;
    let (now, all) = (Receiver::start(&[]).await, Receiver::start(&[]).await);
    hook(&s, "stripe", json!({"url": now.url, "format": "stripe_meter_events"})).await;
    post(&s, "/v1/accounts/cus_A/refunds", "r", json!({"charge": before})).await;
    record(&s, "cus_A", "u", 3, 0).await;
    assert_eq!(sent(&s, &now).await, owed("cus_A", 3, 0));
    assert_eq!(now.all().len(), 1, "Stripe never got what is refunded");
    // Six weeks later another one begins with the first record: what is too old for Stripe has no time.
    advance(&s, "2026-04-12T00:00:00Z").await;
    let begins = json!({"url": all.url, "format": "stripe_meter_events", "from": "beginning"});
    hook(&s, "all", begins).await;
    figure(&s, "/v1/webhooks/all", "/behind", json!(0)).await;
    assert_eq!(sums(&all.all()), owed("cus_A", 3, 0));
    assert!(all.all().iter().all(|r| !form(r).1.contains_key("timestamp")));
}
