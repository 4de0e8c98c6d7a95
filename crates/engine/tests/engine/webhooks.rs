//! Webhooks in the server's own log, and their positions in the feed.

use std::sync::Arc;

use headworks_core::record::{
    Inbound, Label, Purpose, Resume, Sealed, Server, StripeValue, Webhook, WebhookFormat,
};
use headworks_engine::{ENDPOINTS_MAX, Engine, EngineError, Hook, LiveSecrets, Looked, SecretAsk};
use headworks_store::{Cursor, Memory, wait};

use super::{key, name, start};

fn webhook(url: &str) -> Webhook {
    Webhook {
        name: name("h"),
        url: url.into(),
        events: vec![Label::new("charge").expect("label")],
        format: WebhookFormat::Cloudevents,
        stripe: StripeValue::Meters,
        since: None,
    }
}

async fn set(engine: &Engine, k: &str, beginning: bool) {
    engine.set_webhook(webhook("http://a"), beginning, secrets(1), (&key(k), None)).await.expect("is set");
}

/// A cursor of the store in memory: after this many records.
fn at(records: usize) -> Cursor {
    Cursor::new(&records.to_string())
}

/// A request that brings this secret, for when it is needed.
fn secrets(secret: u8) -> SecretAsk {
    SecretAsk { fresh: Sealed(vec![secret]), rotates: false, ends_previous: false }
}

fn hook(engine: &Engine) -> Arc<Hook> {
    Arc::clone(&engine.webhooks()[&name("h")])
}

#[tokio::test]
async fn a_cursor_is_not_kept_for_a_webhook_that_was_made_again() {
    let engine = start(Arc::new(Memory::new()));
    set(&engine, "1", true).await;
    let (h, first) = (name("h"), hook(&engine));
    let position = |hook: &Hook| wait(engine.acknowledged(hook)).expect("read");
    assert_eq!(position(&first), Some(Cursor::default()));
    wait(engine.acknowledge(&first, &at(1))).expect("kept");
    assert_eq!(position(&first), Some(at(1)));
    // Changing it keeps its position, wherever the request asks to begin.
    set(&engine, "2", true).await;
    assert_eq!((hook(&engine).made, position(&hook(&engine))), (first.made, Some(at(1))));
    engine.remove_webhook(&h, (&key("rm"), None)).await.expect("is removed");
    assert_eq!(position(&first), None);
    let end = wait(engine.feed_end()).expect("read");
    wait(engine.acknowledge(&first, &at(2))).expect("nothing happens");
    set(&engine, "3", false).await;
    // A sender of the earlier webhook stores no position for the new one.
    wait(engine.acknowledge(&first, &at(2))).expect("nothing happens");
    let again = hook(&engine);
    assert_eq!((position(&first), position(&again)), (None, Some(end)));
    wait(engine.acknowledge(&again, &at(3))).expect("kept");
    assert_eq!(position(&again), Some(at(3)));
    // The first request, repeated: nothing happens, and the position stays.
    set(&engine, "3", false).await;
    assert_eq!((hook(&engine).made, position(&again)), (again.made, Some(at(3))));
    engine.close();
}

#[tokio::test]
async fn a_lost_position_is_found_again() {
    let engine = start(Arc::new(Memory::new()));
    for n in 0..600 {
        engine
            .note_webhook(Server::WebhookRemoved(name("none")))
            .await
            .unwrap_or_else(|e| panic!("{n}: {e}"));
    }
    set(&engine, "1", false).await;
    let h = hook(&engine);
    // It is looked for in small steps, and found at the record that made the webhook.
    let look = |from: Cursor, blocks| wait(engine.look_for_begin(&h, from, blocks)).expect("read");
    let mut looked = look(Cursor::default(), 1);
    let mut steps = 1;
    while let Looked::UpTo(from) = looked {
        looked = look(from, 1);
        steps += 1;
    }
    let Looked::Found(begin) = looked else { panic!("{looked:?}") };
    let fed = wait(engine.feed(&begin)).expect("read").expect("there");
    assert!(fed.records.iter().any(|r| r.seq == h.made), "its own record is not before the place");
    assert!(steps > 1 && look(Cursor::default(), 100) == Looked::Found(begin));
    // One that sends the whole ledger begins there.
    engine.remove_webhook(&name("h"), (&key("rm"), None)).await.expect("is removed");
    set(&engine, "2", true).await;
    let h = hook(&engine);
    assert_eq!(
        wait(engine.look_for_begin(&h, Cursor::default(), 1)).expect("read"),
        Looked::Found(Cursor::default())
    );
    engine.close();
}

#[tokio::test]
async fn a_rotated_secret_lives_until_the_next_rotation() {
    let store = Arc::new(Memory::new());
    let engine = start(store.clone());
    let sealed = |n: u8| Some(Sealed(vec![n]));
    // The secret that a request brings, whether it rotates and ends the previous one, and the live secrets after it.
    let rows = [
        (1, false, false, (sealed(1), None)),
        (2, false, false, (sealed(1), None)),
        (3, true, false, (sealed(3), sealed(1))),
        (4, true, false, (sealed(4), sealed(3))),
        (5, false, true, (sealed(4), None)),
        (6, true, true, (sealed(6), None)),
    ];
    for (secret, rotates, ends_previous, (newest, previous)) in rows {
        let ask = || SecretAsk { fresh: Sealed(vec![secret]), rotates, ends_previous };
        let k = key(&format!("k{secret}"));
        let live = LiveSecrets { newest, previous };
        for replayed in [false, true] {
            let set =
                engine.set_webhook(webhook("http://a"), false, ask(), (&k, None)).await.expect("is set");
            assert_eq!((set.replayed, &hook(&engine).secrets), (replayed, &live), "{secret}");
            let inbound = Inbound { name: name("i"), purposes: vec![Purpose::TopUps], accounts: Vec::new() };
            let k = key(&format!("i{secret}"));
            let set = engine.set_inbound(inbound, ask(), (&k, None)).await.expect("is set");
            assert_eq!((set.replayed, &engine.inbounds()[&name("i")].secrets), (replayed, &live), "{secret}");
        }
    }
    engine.close();
    // Another process knows the same ones; a webhook that is made again has none of them.
    let engine = start(store);
    assert_eq!(hook(&engine).secrets, LiveSecrets { newest: sealed(6), previous: None });
    assert_eq!(engine.inbounds()[&name("i")].secrets, LiveSecrets { newest: sealed(6), previous: None });
    engine.remove_webhook(&name("h"), (&key("rm"), None)).await.expect("is removed");
    engine.set_webhook(webhook("http://a"), false, secrets(7), (&key("again"), None)).await.expect("is set");
    assert_eq!(hook(&engine).secrets, LiveSecrets { newest: sealed(7), previous: None });
    engine.close();
}

#[tokio::test]
async fn more_webhooks_than_the_server_takes_are_refused() {
    let engine = start(Arc::new(Memory::new()));
    let named = |n: usize| Webhook { name: name(&format!("h{n}")), ..webhook("http://a") };
    let inbound = |n: usize| Inbound {
        name: name(&format!("i{n}")),
        purposes: vec![Purpose::Signals],
        accounts: Vec::new(),
    };
    for n in 0..=ENDPOINTS_MAX {
        let (k, i) = (key(&format!("h{n}")), key(&format!("i{n}")));
        let webhook = engine.set_webhook(named(n), false, secrets(1), (&k, None)).await;
        let caller = engine.set_inbound(inbound(n), secrets(1), (&i, None)).await;
        let is_full = n == ENDPOINTS_MAX;
        assert_eq!(matches!(webhook, Err(EngineError::Full("webhooks", ENDPOINTS_MAX))), is_full, "{n}");
        assert_eq!(
            matches!(caller, Err(EngineError::Full("inbound callers", ENDPOINTS_MAX))),
            is_full,
            "{n}"
        );
    }
    // Those there are can be changed, and one that is removed makes room.
    engine.set_webhook(named(3), false, secrets(1), (&key("again"), None)).await.expect("is set");
    engine.remove_webhook(&name("h3"), (&key("rm"), None)).await.expect("is removed");
    engine.set_webhook(named(ENDPOINTS_MAX), false, secrets(1), (&key("more"), None)).await.expect("is set");
    engine.close();
}

#[tokio::test]
async fn what_became_of_a_webhook_is_read_again_at_the_start() {
    let store = Arc::new(Memory::new());
    let engine = start(store.clone());
    set(&engine, "1", true).await;
    let (h, acme) = (name("h"), name("acme"));
    let hook = Arc::clone(&engine.webhooks()[&h]);
    let parked = |made, record| Server::WebhookParked {
        webhook: name("h"),
        made,
        account: name("acme"),
        record,
        taken: 1,
        reason: "400".into(),
    };
    engine.note_webhook(parked(hook.made, 7)).await.expect("noted");
    engine.note_webhook(Server::WebhookGone { webhook: h.clone(), set: hook.set }).await.expect("noted");
    // Nothing is noted for a webhook of that name that was made at another time.
    engine.note_webhook(parked(hook.made + 100, 9)).await.expect("noted");
    engine.close();
    let engine = start(store);
    let again = Arc::clone(&engine.webhooks()[&h]);
    assert!(again.is_gone);
    assert_eq!((again.parked[&acme].record, again.parked[&acme].taken), (7, 1));
    // Setting it clears its loss, and a late report about the earlier settings does not restore that.
    set(&engine, "2", false).await;
    engine.note_webhook(Server::WebhookGone { webhook: h.clone(), set: hook.set }).await.expect("noted");
    assert!(!engine.webhooks()[&h].is_gone);
    engine.resume_webhook(&h, &acme, Resume::PassOver, (&key("r"), None)).await.expect("resumes");
    let resumed = engine.webhooks()[&h].parked[&acme].resumed.map(|(resume, _)| resume);
    assert_eq!(resumed, Some(Resume::PassOver));
    let caught_up =
        Server::WebhookCaughtUp { webhook: h.clone(), made: hook.made, account: acme.clone(), through: 9 };
    engine.note_webhook(caught_up).await.expect("noted");
    assert!(engine.webhooks()[&h].parked.is_empty());
    assert_eq!(engine.webhooks()[&h].caught_up, [(acme.clone(), 9)]);
    let nothing = engine.resume_webhook(&h, &acme, Resume::Retry, (&key("n"), None)).await;
    assert!(matches!(nothing, Err(EngineError::NotParked(..))), "{nothing:?}");
    engine.close();
}
