//! Webhooks against receivers that fail in every way: nothing is lost, everything has a stable id, order is kept.

use std::sync::Arc;
use std::time::Duration;

use headworks_store::Memory;
use serde_json::{Value, json};

use crate::common::{CATALOG, Server};
use crate::receiver::{Act, Receiver, Request, header, hook, spend};

pub(crate) async fn with_alerts() -> (Arc<Memory>, Server) {
    let store = Arc::new(Memory::new());
    let s = Server::start_on(Arc::clone(&store)).await;
    s.open("acme", "10").await;
    let settings = json!({"alerts": {"low": "5", "recovered": "8"},
        "top_up": {"amount": "20", "monthly_max": "40", "cool_down": "1h"}});
    assert_eq!(s.call("PATCH", "/v1/accounts/acme", "s", &settings.to_string()).await.status, 200);
    (store, s)
}

fn kinds(requests: &[Request]) -> Vec<String> {
    let kind = |r: &Request| {
        let event: Value = serde_json::from_str(&r.body).expect("json");
        event["type"].as_str().expect("type").trim_start_matches("dev.headworks.").to_owned()
    };
    requests.iter().map(kind).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_receiver_loses_nothing() {
    let (_, s) = with_alerts().await;
    let receiver = Receiver::start(&[Act::Refuse(500), Act::HangUp, Act::Refuse(503)]).await;
    let made = hook(&s, "billing", json!({"url": receiver.url})).await;
    assert!(made["secret"].as_str().is_some_and(|secret| secret.starts_with("whsec_")));
    spend(&s, "u1", 6).await;
    spend(&s, "u2", 4).await;
    let accepted = receiver.accepted(3).await;
    assert_eq!(kinds(&accepted), ["balance.low", "top_up.asked", "balance.empty"]);
    // The same event, with the same id and body, until it was taken.
    let all = receiver.all();
    let first: Vec<_> = all[..4].iter().map(|r| (header(r, "webhook-id"), &r.body)).collect();
    assert!(first.iter().all(|request| *request == first[0]) && all.len() == 6, "{first:?}");
    let event: Value = serde_json::from_str(&accepted[0].body).expect("json");
    assert_eq!((&event["specversion"], &event["subject"]), (&json!("1.0"), &json!("acme")));
    assert_eq!(event["data"], json!({"available": "4", "unit": "credits", "crossing": 1}));
    assert_eq!(event["id"].as_str(), Some(header(&accepted[0], "webhook-id")));
    assert!(header(&accepted[0], "webhook-signature").starts_with("v1,"));
    for _ in 0..600 {
        let listed = s.call("GET", "/v1/webhooks", "", "").await.body["webhooks"][0].clone();
        if listed["behind"] == 0 {
            assert_eq!((&listed["state"], &listed["delivered"]), (&json!("ok"), &json!(3)));
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it never caught up");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_acknowledged_is_sent_after_a_restart() {
    let (store, s) = with_alerts().await;
    let receiver = Receiver::start(&[Act::Refuse(500); 100]).await;
    hook(&s, "billing", json!({"url": receiver.url})).await;
    spend(&s, "u1", 6).await;
    while receiver.all().is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    s.stop().await;
    receiver.acts.lock().expect("lock").clear();
    let again = Server::start_on(store).await;
    let accepted = receiver.accepted(2).await;
    assert_eq!(kinds(&accepted), ["balance.low", "top_up.asked"]);
    assert_eq!(header(&accepted[0], "webhook-id"), header(&receiver.all()[0], "webhook-id"));
    again.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn datasets_arrive_in_order_and_gone_receivers_are_left_alone() {
    let (_, s) = with_alerts().await;
    let gone = Receiver::start(&[Act::Refuse(410)]).await;
    hook(&s, "old", json!({"url": gone.url, "events": ["charge"]})).await;
    let receiver = Receiver::start(&[]).await;
    let events = json!({"url": receiver.url, "events": ["charge", "movement"], "from": "beginning"});
    hook(&s, "warehouse", events).await;
    for n in 0..5 {
        spend(&s, &format!("u{n}"), 1).await;
    }
    // The grant's movement, then charge and movement five times; the other receiver holds up nothing.
    let accepted = receiver.accepted(11).await;
    let expected: Vec<&str> = ["movement"].into_iter().chain(["charge", "movement"].repeat(5)).collect();
    assert_eq!(kinds(&accepted), expected);
    let ids: std::collections::BTreeSet<_> =
        accepted.iter().map(|r| header(r, "webhook-id").to_owned()).collect();
    assert_eq!(ids.len(), 11);
    let mut state = json!("ok");
    while state == "ok" {
        tokio::time::sleep(Duration::from_millis(20)).await;
        state = listed(&s, "old").await["state"].clone();
    }
    assert_eq!((state, gone.all().len()), (json!("gone"), 1));
    assert_eq!(s.call("DELETE", "/v1/webhooks/old", "rm", "").await.status, 204);
    let twice = s.call("DELETE", "/v1/webhooks/old", "rm2", "").await;
    assert_eq!((twice.status, twice.problem()), (404, "unknown_webhook"));
    let bad = s.call("PUT", "/v1/webhooks/x", "x", r#"{"url":"http://127.0.0.1:1","events":["nope"]}"#).await;
    assert_eq!((bad.status, bad.problem()), (422, "invalid_request"));
}

/// The webhook as it is listed.
async fn listed(s: &Server, name: &str) -> Value {
    s.call("GET", &format!("/v1/webhooks/{name}"), "", "").await.body
}

/// Waits until a figure of the webhook is this.
async fn until(s: &Server, name: &str, figure: &str, is: Value) -> Value {
    for _ in 0..400 {
        let listed = listed(s, name).await;
        if listed[figure] == is {
            return listed;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("{figure} is not {is}: {}", listed(s, name).await);
}

async fn set(s: &Server, name: &str, key: &str, body: &Value) {
    let answer = s.call("PUT", &format!("/v1/webhooks/{name}"), key, &body.to_string()).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
}

/// The numbers of the records that charges were sent of.
fn numbers(requests: &[Request]) -> Vec<u64> {
    let number = |r: &Request| {
        let id = header(r, "webhook-id");
        id.split(['~', '/']).nth(1).and_then(|n| n.parse().ok()).unwrap_or_else(|| panic!("{id}"))
    };
    requests.iter().map(number).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_set_many_times_has_one_sender() {
    let s = Server::start().await;
    s.open("acme", "1000").await;
    let (one, other) = (Receiver::start(&[]).await, Receiver::start(&[]).await);
    let a = json!({"url": one.url, "events": ["charge"]});
    let b = json!({"url": other.url, "events": ["charge"]});
    set(&s, "h", "first", &a).await;
    // While an attempt hangs the webhook is set to another receiver and back, and then made again.
    for (round, remade) in [(0, false), (1, true)] {
        one.acts.lock().expect("lock").push_back(Act::Slowly(1_000));
        let before = one.all().len();
        spend(&s, &format!("slow {round}"), 1).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        if remade {
            assert_eq!(s.call("DELETE", "/v1/webhooks/h", "rm", "").await.status, 204);
        } else {
            set(&s, "h", "b", &b).await;
        }
        set(&s, "h", &format!("a {round}"), &a).await;
        for n in 0..20 {
            spend(&s, &format!("{round} {n}"), 1).await;
        }
        until(&s, "h", "behind", json!(0)).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        let sent = numbers(&one.all()[before..]);
        assert_eq!(sent.len(), 21, "each once: {sent:?}");
        assert!(sent.is_sorted(), "in order: {sent:?}");
    }
    assert!(other.all().is_empty(), "nothing is sent to where it is not set any more");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_is_gone_is_left_alone_until_it_is_set_again() {
    let (store, s) = with_alerts().await;
    let receiver = Receiver::start(&[Act::Refuse(410)]).await;
    let settings = json!({"url": receiver.url, "events": ["charge"]});
    set(&s, "h", "first", &settings).await;
    let watcher = Receiver::start(&[]).await;
    set(&s, "watcher", "watch", &json!({"url": watcher.url, "events": ["webhook.gone"]})).await;
    spend(&s, "u1", 1).await;
    until(&s, "h", "state", json!("gone")).await;
    // Others hear of it, and so does who collects figures.
    let alert = watcher.accepted(1).await.remove(0);
    let alert: Value = serde_json::from_str(&alert.body).expect("an event");
    assert_eq!(
        (&alert["type"], &alert["data"]["webhook"]),
        (&json!("dev.headworks.webhook.gone"), &json!("h"))
    );
    let figures = s.call("GET", "/metrics", "", "").await.body;
    for line in [
        "headworks_webhook_gone{webhook=\"h\"} 1",
        "headworks_webhook_gone{webhook=\"watcher\"} 0",
        "headworks_webhook_failed_attempts{webhook=\"h\"} 0",
        "headworks_webhook_parked_accounts{webhook=\"h\"} 0",
    ] {
        assert!(figures.as_str().expect("text").contains(line), "{figures}");
    }
    s.stop().await;
    let s = Server::start_on(store).await;
    assert_eq!(listed(&s, "h").await["state"], "gone");
    spend(&s, "u2", 1).await;
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_eq!(receiver.all().len(), 1, "also after a restart");
    // Set again, to the same: it goes on where it stopped.
    set(&s, "h", "again", &settings).await;
    let sent = numbers(&receiver.accepted(2).await);
    assert!(sent.len() == 2 && sent.is_sorted(), "{sent:?}");
    assert_eq!(until(&s, "h", "behind", json!(0)).await["state"], "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_sets_the_pace_within_bounds() {
    let s = Server::start().await;
    s.open("acme", "1000").await;
    let receiver = Receiver::start(&[Act::Later("0"); 100]).await;
    let settings = json!({"url": receiver.url, "events": ["charge"]});
    set(&s, "h", "first", &settings).await;
    spend(&s, "u1", 1).await;
    for n in 0..40 {
        // Setting it again and again asks for no more attempts either.
        set(&s, "h", &format!("k{n}"), &settings).await;
        tokio::time::sleep(Duration::from_millis(40)).await;
    }
    let attempts = receiver.all().len();
    assert!((2..=5).contains(&attempts), "{attempts} attempts in 1.6 s");
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_is_the_number_of_records_that_are_not_sent() {
    let s = Server::start().await;
    s.open("acme", "1000").await;
    let receiver = Receiver::start(&[Act::Refuse(500); 1_000]).await;
    let made = hook(&s, "h", json!({"url": receiver.url, "events": ["charge"]})).await;
    assert_eq!(made["behind"], 0, "{made}");
    for n in 0..30 {
        spend(&s, &format!("u{n}"), 1).await;
    }
    until(&s, "h", "behind", json!(30)).await;
    // One that is made again begins with what happens then.
    assert_eq!(s.call("DELETE", "/v1/webhooks/h", "rm", "").await.status, 204);
    receiver.acts.lock().expect("lock").clear();
    set(&s, "h", "again", &json!({"url": receiver.url, "events": ["charge"]})).await;
    until(&s, "h", "behind", json!(0)).await;
    spend(&s, "new", 1).await;
    let sent = receiver.accepted(1).await;
    until(&s, "h", "behind", json!(0)).await;
    assert_eq!((sent.len(), numbers(&sent)), (1, vec![33]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_random_and_a_retry_shows_the_one_in_force() {
    let s = Server::start().await;
    let receiver = Receiver::start(&[]).await;
    let put = async |key: &str, rotate: bool, end: bool| {
        let ask =
            json!({"url": receiver.url, "rotate_secret": rotate, "end_previous_secret": end}).to_string();
        let set = s.call("PUT", "/v1/webhooks/h", key, &ask).await;
        assert_eq!(set.status, 200, "{}", set.body);
        assert!(set.head.contains("cache-control: no-store"), "{}", set.head);
        assert_eq!(set.body["secret"], listed(&s, "h").await["secret"], "{key}");
        let previous = set.body["has_previous_secret"].as_bool().expect("a bool");
        (set.body["secret"].as_str().expect("secret").to_owned(), previous, set.body["replayed"].clone())
    };
    let (first, previous, replayed) = put("1", false, false).await;
    assert_eq!((first.len(), previous, replayed), (50, false, json!(false)));
    assert_eq!(put("1", false, false).await, (first.clone(), false, json!(true)));
    let (second, previous, _) = put("2", true, false).await;
    assert!(second != first && previous);
    // Repeated, and repeated after a further one: what it shows is in force.
    assert_eq!(put("2", true, false).await, (second.clone(), true, json!(true)));
    let (third, ..) = put("3", true, false).await;
    assert_eq!(put("2", true, false).await, (third.clone(), true, json!(true)));
    assert_eq!(put("4", false, true).await, (third.clone(), false, json!(false)));
    let (fourth, previous, _) = put("5", true, true).await;
    assert!(fourth != third && !previous);
    assert_eq!(s.call("DELETE", "/v1/webhooks/h", "rm", "").await.status, 204);
    let (again, previous, _) = put("6", false, false).await;
    assert!(![first, second, third, fourth].contains(&again) && !previous);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_at_a_private_address_is_refused() {
    let s = Server::start().await;
    // The servers of these tests allow 127.0.0.1 alone.
    for url in [
        "https://10.0.0.1/",
        "https://169.254.169.254/latest/meta-data/",
        "https://[::1]/",
        "http://127.0.0.2/",
        "http://1.1.1.1/",
        "https://user:pw@example.com/",
        "https://example.com/#x",
        "file:///etc/passwd",
    ] {
        let refused = s.call("PUT", "/v1/webhooks/h", "k", &json!({"url": url}).to_string()).await;
        assert_eq!((refused.status, refused.problem()), (422, "invalid_request"), "{url}");
    }
    let stripe = json!({"url": "https://example.com", "format": "stripe_meter_events"}).to_string();
    let set = s.call("PUT", "/v1/webhooks/s", "k", &stripe).await;
    assert_eq!(set.status, 200, "its addresses are checked at every attempt: {}", set.body);
    // A name that resolves to an address that is not allowed: nothing is sent, and the status says why.
    s.open("acme", "10").await;
    let named = json!({"url": "https://ip6-localhost:1/?token=secret", "events": ["charge"]}).to_string();
    assert_eq!(s.call("PUT", "/v1/webhooks/h", "k2", &named).await.status, 200);
    spend(&s, "u1", 1).await;
    let failing = until(&s, "h", "state", json!("failing")).await;
    let why = failing["error"].as_str().expect("why");
    assert!(!why.contains("secret"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_receivers_hold_up_slow_ones_alone() {
    let s = Server::start().await;
    s.open("acme", "1000").await;
    let slow = Receiver::start(&[Act::Slowly(3_000); 400]).await;
    for n in 0..300 {
        hook(&s, &format!("slow{n}"), json!({"url": slow.url, "events": ["charge"]})).await;
    }
    let quick = Receiver::start(&[]).await;
    hook(&s, "quick", json!({"url": quick.url, "events": ["charge"]})).await;
    spend(&s, "first", 1).await;
    quick.accepted(1).await;
    // All others are busy with their first event, or wait for a place; this one is not held up by them.
    let begun = std::time::Instant::now();
    for n in 0..20 {
        spend(&s, &format!("u{n}"), 1).await;
    }
    assert_eq!(quick.accepted(21).await.len(), 21);
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    let begun = std::time::Instant::now();
    s.stop().await;
    assert!(
        begun.elapsed() < Duration::from_secs(2),
        "attempts under way are given up: {:?}",
        begun.elapsed()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_with_much_to_send_holds_up_no_other() {
    let s = Server::start().await;
    s.open("acme", "10000").await;
    let record = |n: usize| json!({"account": "acme", "feature": "chat", "dimensions": {"model": "m"}, "quantities": {"tokens": 1}, "idempotency_key": format!("b{n}")});
    let one = |n| json!({"record": record(n)});
    let batch = json!({"items": (0..1_000).map(one).collect::<Vec<_>>()}).to_string();
    let recorded = s.call("POST", "/v1/batch", "", &batch).await;
    assert_eq!(recorded.status, 200, "{}", recorded.body);
    let slow = Receiver::start(&[Act::Slowly(20); 100_000]).await;
    for n in 0..8 {
        let all = json!({"url": slow.url, "events": ["usage", "charge", "movement"], "from": "beginning"});
        hook(&s, &format!("busy{n}"), all).await;
    }
    let receiver = Receiver::start(&[]).await;
    hook(&s, "other", json!({"url": receiver.url, "events": ["charge"]})).await;
    for n in 0..5 {
        spend(&s, &format!("u{n}"), 1).await;
    }
    assert_eq!(receiver.accepted(5).await.len(), 5);
    for n in 0..8 {
        assert!(listed(&s, &format!("busy{n}")).await["behind"].as_u64().expect("a number") > 100);
    }
}

/// A cap of ten credits a day with marks at 50 and 80 percent: each is told once, in the answer and by an event.
#[tokio::test(flavor = "multi_thread")]
async fn a_use_that_reaches_a_mark_warns() {
    let s = Server::start_at(Arc::new(Memory::new()), "2030-01-01T06:00:00Z").await;
    let capped = CATALOG.replace(
        "[plans.p]\n",
        "[plans.p]\nwarn_at = [50, 80]\nguards = [{ name = \"daily\", window.spend_cap = { limit = \"10\", every = \"day\" } }]\n",
    );
    assert_eq!(s.call("PUT", "/v1/catalog", "c", &capped).await.status, 200);
    s.open("acme", "100").await;
    let receiver = Receiver::start(&[]).await;
    hook(&s, "owner", json!({"url": receiver.url, "events": ["limit.warning"]})).await;
    let ask = json!({"account": "acme", "feature": "chat", "dimensions": {"model": "m"},
        "quantities": {"tokens": 3}, "settle": "now"});
    let warning = |percent: u8, used: &str| {
        json!([{"limit": "daily", "level": "account", "percent": percent, "used": used, "of": "10",
            "unit": "credits", "resets_at": "2030-01-02T00:00:00Z"}])
    };
    for (key, warns) in [("1", Value::Null), ("2", warning(50, "6")), ("3", warning(80, "9"))] {
        let answer = s.call("POST", "/v1/authorize", key, &ask.to_string()).await.body;
        assert_eq!(answer["warnings"], warns, "{key}");
    }
    // Use that has happened says so as well.
    let mut happened = ask.clone();
    happened.as_object_mut().expect("an object").remove("settle");
    happened["account"] = json!("other");
    s.open("other", "100").await;
    let answer = s.call("POST", "/v1/record", "4", &happened.to_string()).await.body;
    assert_eq!(answer["warnings"], Value::Null, "{answer}");
    let answer = s.call("POST", "/v1/record", "5", &happened.to_string()).await.body;
    assert_eq!(answer["warnings"], warning(50, "6"), "{answer}");
    let told = receiver.accepted(3).await;
    let data = |r: &Request| serde_json::from_str::<Value>(&r.body).expect("json")["data"].clone();
    assert_eq!(kinds(&told), ["limit.warning"; 3]);
    assert_eq!([data(&told[0]), data(&told[1])], [warning(50, "6")[0].clone(), warning(80, "9")[0].clone()]);
}
