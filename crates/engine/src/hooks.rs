//! Webhooks as recorded in the server's own log. Never sends anything.
//!
//! W2 the loss of a receiver and its refusals are records: both outlive the process
//! (`what_stripe_refuses_waits_and_the_others_go_on`).

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use headworks_core::record::{Event, Instant, Name, Record, Resume, Seq, Server, Webhook};

use crate::inbound::LiveSecrets;

/// A webhook in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hook {
    /// Its settings.
    pub webhook: Webhook,
    /// The secrets that its events are signed with.
    pub secrets: LiveSecrets,
    /// The record of the server's own log that made it.
    pub made: Seq,
    /// The record that last changed its settings.
    pub set: Seq,
    /// The receiver has said that it is gone, and nobody has changed the settings since.
    pub is_gone: bool,
    /// The accounts with waiting records, because the receiver refused one.
    pub parked: BTreeMap<Name, Parked>,
    /// The accounts that caught up last, each with its last finished record. A sender that starts over receives those
    /// records from the feed again.
    pub caught_up: VecDeque<(Name, Seq)>,
    /// The refused records that were skipped.
    pub passed_over: BTreeSet<(Name, Seq)>,
}

/// As many are remembered as can wait at once.
const CAUGHT_UP_MAX: usize = 1_000;

/// The position where an account waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parked {
    /// The refused record.
    pub record: Seq,
    /// How much of the record's content was accepted before.
    pub taken: u32,
    /// The refused content, and the reason.
    pub reason: String,
    /// Since when it waits.
    pub at: Instant,
    /// If it is to resume: how, and the record of the server's own log that says so.
    pub resumed: Option<(Resume, Seq)>,
}

/// The webhooks in force, by name.
pub type Hooks = BTreeMap<Name, Arc<Hook>>;

/// Applies a record of the server's own log.
pub(crate) fn take(hooks: &mut Hooks, record: &Record) {
    let Event::Server(server) = &record.event else { return };
    match &**server {
        Server::WebhookSet { webhook, secrets } => {
            let before = hooks.get(&webhook.name);
            let hook = Hook {
                webhook: webhook.clone(),
                secrets: before.map(|b| b.secrets.clone()).unwrap_or_default().after(secrets),
                made: before.map_or(record.seq, |b| b.made),
                set: record.seq,
                is_gone: false,
                parked: before.map(|b| b.parked.clone()).unwrap_or_default(),
                caught_up: before.map(|b| b.caught_up.clone()).unwrap_or_default(),
                passed_over: before.map(|b| b.passed_over.clone()).unwrap_or_default(),
            };
            hooks.insert(webhook.name.clone(), Arc::new(hook));
        }
        Server::WebhookRemoved(name) => {
            hooks.remove(name);
        }
        Server::WebhookGone { webhook, set } => {
            if let Some(hook) = hooks.get_mut(webhook).filter(|h| h.set == *set) {
                Arc::make_mut(hook).is_gone = true;
            }
        }
        Server::WebhookParked { webhook, made, account, record: refused, taken, reason } => {
            if let Some(hook) = hooks.get_mut(webhook).filter(|h| h.made == *made) {
                let (taken, reason, at) = (*taken, reason.clone(), record.recorded_at);
                let parked = Parked { record: *refused, taken, reason, at, resumed: None };
                Arc::make_mut(hook).parked.insert(account.clone(), parked);
            }
        }
        Server::WebhookResumed { webhook, account, resume } => {
            let Some(hook) = hooks.get_mut(webhook).map(Arc::make_mut) else { return };
            if let Some(parked) = hook.parked.get_mut(account) {
                parked.resumed = Some((*resume, record.seq));
                if *resume == Resume::PassOver {
                    hook.passed_over.insert((account.clone(), parked.record));
                }
            }
        }
        Server::WebhookCaughtUp { webhook, made, account, through } => {
            if let Some(hook) = hooks.get_mut(webhook).filter(|h| h.made == *made) {
                let hook = Arc::make_mut(hook);
                hook.parked.remove(account);
                hook.caught_up.push_back((account.clone(), *through));
                if hook.caught_up.len() > CAUGHT_UP_MAX {
                    hook.caught_up.pop_front();
                }
            }
        }
        Server::InboundSet { .. }
        | Server::InboundRemoved(_)
        | Server::KeyRotated { .. }
        | Server::KeysUsed(_)
        | Server::CallsNoted(_)
        | Server::KeysWarned(_)
        | Server::ReconcileFailed { .. }
        | Server::SupplyChanged(_)
        | Server::CheckKeyMade(_)
        | Server::TestClockMoved(_) => {}
    }
}
