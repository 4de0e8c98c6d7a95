//! Webhooks in the server's own log, and their positions in the feed.

use std::sync::Arc;

use headworks_core::record::{Label, Resume, Server, StripeValue, Webhook, WebhookFormat};
use headworks_engine::{Engine, EngineError};
use headworks_store::{Cursor, Memory, wait};

use super::{key, name, start};

fn webhook(url: &str) -> Webhook {
    Webhook {
        name: name("h"),
        url: url.into(),
        events: vec![Label::new("charge").expect("label")],
        format: WebhookFormat::Cloudevents,
        rotation: 0,
        stripe: StripeValue::Meters,
        since: None,
    }
}

async fn set(engine: &Engine, k: &str, beginning: bool) {
    engine.set_webhook(webhook("http://a"), beginning, (&key(k), None)).await.expect("is set");
}

/// A cursor of the store in memory: after this many records.
fn at(records: usize) -> Cursor {
    Cursor::new(&records.to_string())
}

#[tokio::test]
async fn a_cursor_is_not_kept_for_a_webhook_that_was_made_again() {
    let engine = start(Arc::new(Memory::new()));
    set(&engine, "1", true).await;
    let h = name("h");
    let first = engine.webhooks()[&h].made;
    wait(engine.acknowledge(&h, first, &at(1))).expect("kept");
    assert_eq!(wait(engine.acknowledged(&h)).expect("read"), at(1));
    // Changing it keeps its position, wherever the request asks to begin.
    set(&engine, "2", true).await;
    assert_eq!((engine.webhooks()[&h].made, wait(engine.acknowledged(&h)).expect("read")), (first, at(1)));
    engine.remove_webhook(&h, (&key("rm"), None)).await.expect("is removed");
    let end = wait(engine.feed_end()).expect("read");
    wait(engine.acknowledge(&h, first, &at(2))).expect("nothing happens");
    set(&engine, "3", false).await;
    // A sender of the earlier webhook stores no position for the new one.
    wait(engine.acknowledge(&h, first, &at(2))).expect("nothing happens");
    assert_eq!(wait(engine.acknowledged(&h)).expect("read"), end);
    wait(engine.acknowledge(&h, engine.webhooks()[&h].made, &at(9))).expect("kept");
    assert_eq!(wait(engine.acknowledged(&h)).expect("read"), at(9));
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
