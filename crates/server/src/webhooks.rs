//! Webhooks: the feed of the ledger, sent to receivers one event after the other.
//!
//! Each receiver has a thread of its own and a place in the feed that is kept when its events have been acknowledged.
//! H1 an event is sent until the receiver acknowledges it, at least once, with the same id each time
//! (`a_failing_receiver_loses_nothing`). H2 events of one account arrive in the order of its log. H3 a receiver that does
//! not answer holds up nobody else.
//! Source: Standard Webhooks 1.0 for the headers and the signature.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use headworks_core::record::{Event, Instant, Name, Record, Webhook, WebhookFormat};
use headworks_engine::Engine;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::events::{NOTICES, events, stripe_calls};
use crate::signing::Signer;

const POLL: Duration = Duration::from_millis(100);
const ANSWER_WITHIN: Duration = Duration::from_secs(15);
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// A place is kept at most this often while more is waiting; what was sent after it is sent again after a crash.
const KEEP_EVERY: Duration = Duration::from_millis(500);
/// Signed confirmations are accepted for this long.
const TOLERANCE_SECS: u64 = 300;
const SECRET: &str = "headworks.dev 2026 webhook secret";

/// What Standard Webhooks sign: id, time and body.
fn mac(key: &[u8], id: &str, secs: i64, body: &[u8]) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    mac.update(format!("{id}.{secs}.").as_bytes());
    mac.update(body);
    Some(mac)
}

/// What a signature says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signed {
    /// Signed with a known secret, just now.
    Now,
    /// Signed with a known secret; the time is too far off.
    Stale,
    /// Nobody who knows a secret has signed this.
    Wrong,
}

/// How a webhook is doing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Status {
    /// Events acknowledged since the start.
    pub(crate) delivered: u64,
    /// The place in the feed up to which everything is acknowledged; `None` until its sender has begun, at the feed's end.
    pub(crate) place: Option<u64>,
    /// Attempts at the event that is being sent.
    pub(crate) attempts: u64,
    /// Why the last attempt failed; `None` when it did not.
    pub(crate) error: Option<String>,
    /// The receiver has answered 410 Gone: nothing is sent until it is set again.
    pub(crate) gone: bool,
}

#[derive(Default)]
struct Inner {
    workers: BTreeMap<Name, Webhook>,
    status: BTreeMap<Name, Status>,
    threads: Vec<std::thread::JoinHandle<()>>,
    closed: bool,
}

/// The senders of one server.
pub(crate) struct Webhooks {
    inner: Mutex<Inner>,
    changed: Condvar,
    signer: Arc<Signer>,
    stripe_key: Option<String>,
    agent: ureq::Agent,
}

impl std::fmt::Debug for Webhooks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Webhooks").finish_non_exhaustive()
    }
}

/// Why an event was not acknowledged.
struct Unsent {
    why: String,
    /// The receiver asks for this pause.
    after: Option<Duration>,
    gone: bool,
}

impl Webhooks {
    pub(crate) fn new(signer: Arc<Signer>, stripe_key: Option<String>) -> Self {
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(ANSWER_WITHIN))
            .http_status_as_error(false)
            .max_redirects(0)
            .user_agent(concat!("headworks/", env!("CARGO_PKG_VERSION")))
            .build();
        Self { inner: Mutex::default(), changed: Condvar::new(), signer, stripe_key, agent: config.into() }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn status(&self, name: &Name) -> Status {
        self.lock().status.get(name).cloned().unwrap_or_default()
    }

    /// The secret that a webhook's receiver verifies signatures with, in the form of Standard Webhooks.
    pub(crate) fn secret(&self, webhook: &Webhook) -> String {
        format!("whsec_{}", STANDARD.encode(self.key(webhook, webhook.rotation)))
    }

    fn key(&self, webhook: &Webhook, rotation: u32) -> [u8; 32] {
        let name =
            if rotation == 0 { webhook.name.to_string() } else { format!("{}#{rotation}", webhook.name) };
        self.signer.derived(SECRET, &name)
    }

    /// What the valid secrets sign: the latest, and the one before it.
    fn macs(
        &self,
        webhook: &Webhook,
        id: &str,
        secs: i64,
        body: &[u8],
    ) -> impl Iterator<Item = Hmac<Sha256>> {
        let rotations = [Some(webhook.rotation), webhook.rotation.checked_sub(1)].into_iter().flatten();
        rotations.filter_map(move |rotation| mac(&self.key(webhook, rotation), id, secs, body))
    }

    /// Whether a body was signed with a valid secret of this webhook, lately.
    pub(crate) fn verify(
        &self,
        webhook: &Webhook,
        (id, secs, signatures): (&str, i64, &str),
        body: &[u8],
        now: Instant,
    ) -> Signed {
        let mut given = signatures.split(' ').filter_map(|s| STANDARD.decode(s.strip_prefix("v1,")?).ok());
        let fits =
            |given: Vec<u8>| self.macs(webhook, id, secs, body).any(|mac| mac.verify_slice(&given).is_ok());
        if !given.any(fits) {
            Signed::Wrong
        } else if (now.micros() / 1_000_000).abs_diff(secs) > TOLERANCE_SECS {
            Signed::Stale
        } else {
            Signed::Now
        }
    }

    /// Starts a sender for each webhook that has none; those that were replaced or removed end by themselves.
    pub(crate) fn apply(self: &Arc<Self>, engine: &Arc<Engine>) {
        let mut inner = self.lock();
        if inner.closed {
            return;
        }
        for (name, webhook) in engine.webhooks().iter() {
            if inner.workers.get(name) == Some(webhook) {
                continue;
            }
            inner.workers.insert(name.clone(), webhook.clone());
            inner.status.remove(name);
            let (this, engine, webhook) = (Arc::clone(self), Arc::downgrade(engine), webhook.clone());
            let thread = std::thread::Builder::new().name(format!("webhook {name}"));
            match thread.spawn(move || this.run(&engine, &webhook)) {
                Ok(thread) => inner.threads.push(thread),
                Err(e) => tracing::error!(webhook = %name, error = %e, "the sender could not be started"),
            }
        }
        let known = engine.webhooks();
        inner.workers.retain(|name, _| known.contains_key(name));
        inner.threads.retain(|thread| !thread.is_finished());
        drop(inner);
        self.changed.notify_all();
    }

    /// Ends all senders; what they were sending is sent again by the next server.
    pub(crate) fn close(&self) {
        let threads = {
            let mut inner = self.lock();
            inner.closed = true;
            inner.workers.clear();
            std::mem::take(&mut inner.threads)
        };
        self.changed.notify_all();
        for thread in threads {
            if thread.join().is_err() {
                tracing::error!("a webhook's sender panicked");
            }
        }
    }

    fn in_force(&self, webhook: &Webhook) -> bool {
        self.lock().workers.get(&webhook.name) == Some(webhook)
    }

    /// Rests; `false` when the webhook is in force no more.
    fn rest(&self, webhook: &Webhook, pause: Duration) -> bool {
        let in_force = |inner: &mut Inner| inner.workers.get(&webhook.name) == Some(webhook);
        let (mut inner, _) = self
            .changed
            .wait_timeout_while(self.lock(), pause, in_force)
            .unwrap_or_else(PoisonError::into_inner);
        in_force(&mut inner)
    }

    fn note(&self, name: &Name, change: impl FnOnce(&mut Status)) {
        change(self.lock().status.entry(name.clone()).or_default());
    }

    fn run(&self, engine: &Weak<Engine>, webhook: &Webhook) {
        let name = &webhook.name;
        let mut place = None;
        let mut kept = (std::time::Instant::now(), 0);
        while self.in_force(webhook) {
            let Some(engine) = engine.upgrade() else { return };
            let fed = match place {
                None => engine.acknowledged(name).map(|at| {
                    (place, kept.1) = (Some(at), at);
                    self.note(name, |s| s.place = Some(at));
                    None
                }),
                Some(at) => engine.feed(at),
            };
            match fed {
                Err(e) => {
                    self.note(name, |s| s.error = Some(e.to_string()));
                    tracing::error!(webhook = %name, error = %e, "the feed could not be read");
                    drop(engine);
                    if !self.rest(webhook, Duration::from_secs(5)) {
                        return;
                    }
                    continue;
                }
                Ok(Some(fed)) => {
                    for stored in &fed.records {
                        let Ok(record) = Record::from_bytes(&stored.bytes) else {
                            tracing::error!(webhook = %name, account = %stored.account, "an unreadable record");
                            continue;
                        };
                        if !self.send_record(&engine, webhook, &stored.account, &record) {
                            return;
                        }
                    }
                    place = Some(fed.next);
                }
                Ok(None) => {}
            }
            let at = place.unwrap_or(0);
            let idle = at >= engine.feed_end();
            if at > kept.1 && (idle || kept.0.elapsed() >= KEEP_EVERY) {
                match engine.acknowledge(name, at) {
                    Ok(()) => {
                        kept = (std::time::Instant::now(), at);
                        self.note(name, |s| s.place = Some(at));
                    }
                    Err(e) => tracing::error!(webhook = %name, error = %e, "its place could not be kept"),
                }
            }
            drop(engine);
            if idle && !self.rest(webhook, POLL) {
                return;
            }
        }
    }

    /// Sends what a record says, until it is acknowledged; `false` when the webhook is in force no more.
    fn send_record(&self, engine: &Engine, webhook: &Webhook, account: &Name, record: &Record) -> bool {
        match webhook.format {
            WebhookFormat::Cloudevents => {
                let wanted = |kind: &str| match webhook.events.as_slice() {
                    [] => NOTICES.contains(&kind),
                    named => named.iter().any(|n| n.as_str() == kind),
                };
                events(account, record).into_iter().filter(|e| wanted(e.kind)).all(|event| {
                    let body = event.event.to_string();
                    self.insist(webhook, &event.id, || self.post(webhook, &event.id, &body))
                })
            }
            WebhookFormat::StripeMeterEvents => {
                let corrected = if let Event::Corrected { correcting, .. } = &record.event {
                    engine.stored_record(account, correcting.charge).ok()
                } else {
                    None
                };
                stripe_calls(account, record, corrected.as_ref()).into_iter().all(|call| {
                    self.insist(webhook, &call.id, || {
                        let url = format!("{}{}", webhook.url.trim_end_matches('/'), call.path);
                        let key = self.stripe_key.as_deref().unwrap_or_default();
                        let request = self
                            .agent
                            .post(&url)
                            .header("authorization", format!("Bearer {key}"))
                            .header("idempotency-key", &call.id);
                        answered(request.send_form(call.form.iter().map(|(k, v)| (*k, v.as_str()))))
                    })
                })
            }
        }
    }

    fn post(&self, webhook: &Webhook, id: &str, body: &str) -> Result<(), Unsent> {
        // Receivers compare it with their own clocks, also where time is a test clock's.
        let secs = headworks_engine::wall().micros() / 1_000_000;
        let macs = self.macs(webhook, id, secs, body.as_bytes());
        let signatures: Vec<String> =
            macs.map(|mac| format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))).collect();
        let request = self
            .agent
            .post(&webhook.url)
            .header("content-type", "application/cloudevents+json; charset=utf-8")
            .header("webhook-id", id)
            .header("webhook-timestamp", secs.to_string())
            .header("webhook-signature", signatures.join(" "));
        answered(request.send(body))
    }

    /// Tries until it works, with growing pauses.
    fn insist(&self, webhook: &Webhook, id: &str, attempt: impl Fn() -> Result<(), Unsent>) -> bool {
        let mut pause = FIRST_PAUSE;
        let mut attempts = 0;
        while let Err(unsent) = attempt() {
            attempts += 1;
            tracing::warn!(webhook = %webhook.name, id, attempts, error = unsent.why, "not acknowledged");
            self.note(&webhook.name, |s| {
                (s.attempts, s.error, s.gone) = (attempts, Some(unsent.why), unsent.gone);
            });
            // What is gone comes back only when somebody sets it again.
            let rest = if unsent.gone { Duration::MAX / 2 } else { unsent.after.unwrap_or(pause) };
            if !self.rest(webhook, rest) {
                return false;
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        self.note(&webhook.name, |s| {
            (s.delivered, s.attempts, s.error) = (s.delivered + 1, 0, None);
        });
        true
    }
}

fn answered(answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Result<(), Unsent> {
    let unsent = |why: String| Unsent { why, after: None, gone: false };
    let answer = answer.map_err(|e| unsent(e.to_string()))?;
    let status = answer.status();
    if status.is_success() {
        return Ok(());
    }
    let after = answer.headers().get("retry-after").and_then(|v| v.to_str().ok()?.parse().ok());
    Err(Unsent {
        gone: status.as_u16() == 410,
        after: after.map(Duration::from_secs).map(|d| d.min(LONGEST_PAUSE)),
        ..unsent(format!("it answered {status}"))
    })
}

#[cfg(test)]
mod tests {
    use super::mac;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use hmac::Mac as _;

    #[test]
    fn signatures_are_those_of_standard_webhooks() {
        // The example that the libraries of Standard Webhooks share.
        let key = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("base64");
        let signed = mac(&key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        let signature = STANDARD.encode(signed.expect("any key fits").finalize().into_bytes());
        assert_eq!(signature, "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
