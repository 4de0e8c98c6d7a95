//! Attempts: SDKs send a call again without an idempotency key, so a repetition is known by the key and the bytes of the call.
//!
//! A1 a call that its SDK sends again takes the place of the attempt before: once it is delivered, the caller pays for it alone
//! (`a_call_that_is_sent_again_is_paid_once`), also a form, whose boundary is another one each time (`a_form_that_is_sent_again_is_paid_once`); a repetition that is given up gives nothing back. A2 calls that are not marked as sent again are calls of their own, however alike
//! (`calls_that_are_alike_are_paid_each`). A3 a chain of repetitions is short, and what was delivered stays charged: nobody reads
//! answers without end for the price of one (`what_was_delivered_stays_charged`).

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use headworks_core::record::Seq;
use tokio::sync::watch;
use tokio::time::Instant;

/// How long an attempt is remembered: longer than SDKs wait for an answer.
const KEPT: Duration = Duration::from_secs(900);
/// The most attempts that are remembered.
const ATTEMPTS_MAX: usize = 65_536;
/// The most attempts whose place is taken, one after the other.
const CHAIN_MAX: u32 = 4;
/// How long the attempt before has to end.
const ENDS_WITHIN: Duration = Duration::from_secs(2);

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It has not.
    Running,
    /// It cost nothing.
    Free,
    /// Its caller has got all of it.
    Delivered,
    /// Its caller left before its end, or has got none: the records of its charge, and of those whose place it took.
    Left(Vec<Seq>),
}

/// One attempt of a call.
#[derive(Debug)]
pub(crate) struct Attempt {
    replaced: watch::Sender<bool>,
    outcome: watch::Sender<Outcome>,
    /// Attempts before it whose place was taken.
    chain: u32,
}

impl Attempt {
    /// Says when another attempt takes its place.
    pub(crate) fn replaced(&self) -> watch::Receiver<bool> {
        self.replaced.subscribe()
    }

    pub(crate) fn end(&self, outcome: Outcome) {
        self.outcome.send_replace(outcome);
    }
}

/// A call as its key and its bytes make it.
pub(crate) type Fingerprint = [u8; 16];

/// The fingerprint of a call, whose body may come in parts.
pub(crate) fn fingerprint(key: &str, path: &str, body: &[&[u8]]) -> Fingerprint {
    let mut hasher = blake3::Hasher::new();
    for part in [key.as_bytes(), path.as_bytes()].iter().chain(body) {
        hasher.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
        hasher.update(part);
    }
    let mut fingerprint = [0; 16];
    hasher.finalize_xof().fill(&mut fingerprint);
    fingerprint
}

#[derive(Debug, Default)]
struct Known {
    attempts: HashMap<Fingerprint, (Instant, Arc<Attempt>)>,
    order: VecDeque<(Instant, Fingerprint)>,
}

/// The attempts of the last minutes.
#[derive(Debug, Default)]
pub(crate) struct Attempts(Mutex<Known>);

impl Attempts {
    /// Begins an attempt. If it is marked as sent again, the one before gives way; its charges, which are given back once this
    /// attempt is delivered.
    pub(crate) async fn begin(&self, of: Fingerprint, is_again: bool) -> (Arc<Attempt>, Vec<Seq>) {
        let (attempt, before) = self.replace(of, is_again);
        let Some(before) = before else { return (attempt, Vec::new()) };
        let mut outcome = before.outcome.subscribe();
        let ended = outcome.wait_for(|outcome| *outcome != Outcome::Running);
        let ended = tokio::time::timeout(ENDS_WITHIN, ended).await;
        let charges = match ended {
            Ok(Ok(outcome)) => match &*outcome {
                Outcome::Left(charges) => charges.clone(),
                Outcome::Running | Outcome::Free | Outcome::Delivered => Vec::new(),
            },
            _ => Vec::new(),
        };
        (attempt, charges)
    }

    fn replace(&self, of: Fingerprint, is_again: bool) -> (Arc<Attempt>, Option<Arc<Attempt>>) {
        let now = Instant::now();
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some((at, oldest)) = known.order.front().copied() {
            if known.order.len() < ATTEMPTS_MAX && now.duration_since(at) < KEPT {
                break;
            }
            known.order.pop_front();
            // A newer attempt of the same call has a place of its own.
            if known.attempts.get(&oldest).is_some_and(|(begun, _)| *begun == at) {
                known.attempts.remove(&oldest);
            }
        }
        let before = known.attempts.get(&of).map(|(_, before)| before);
        let before = before.filter(|before| is_again && before.chain < CHAIN_MAX).cloned();
        let chain = before.as_ref().map_or(0, |before| before.chain + 1);
        let attempt = Arc::new(Attempt {
            replaced: watch::Sender::new(false),
            outcome: watch::Sender::new(Outcome::Running),
            chain,
        });
        known.attempts.insert(of, (now, Arc::clone(&attempt)));
        known.order.push_back((now, of));
        if let Some(before) = &before {
            before.replaced.send_replace(true);
        }
        (attempt, before)
    }
}
