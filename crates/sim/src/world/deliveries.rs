//! Webhooks: the real senders, step by step, with all kinds of receivers, and crashes between any two steps.
//!
//! D1 the content of a record reaches each receiver that exists for it, with the same text each time. D2 events of
//! one account arrive in the order of its log. D3 nothing is sent that is not in the ledger.

use std::sync::Arc;
use std::time::Duration;

use headworks_api::outbox::{Next, calls};
use headworks_core::record::{Name, Resume, SYSTEM, Sealed, Seq, StripeValue, Webhook, WebhookFormat};
use headworks_engine::{EngineError, Idempotency, SecretAsk};
use headworks_store::{Cursor, Store as _, Stored, wait};

use super::receivers::{Around, NAMES, record_of, text};
use super::waiting::poll_until;
use super::{Broken, World};
use crate::op::{label, name};

const EVENTS: [&str; 7] =
    ["usage", "charge", "movement", "balance.low", "balance.empty", "top_up.asked", "hold.expired"];
/// Steps until everything is delivered once the faults are over.
const STEPS_MAX: usize = 400_000;

fn webhook(of: &str) -> Webhook {
    let format = if of == "stripe" { WebhookFormat::StripeMeterEvents } else { WebhookFormat::Cloudevents };
    Webhook {
        name: name(of),
        url: format!("https://example.com/{of}"),
        events: EVENTS.map(label).to_vec(),
        format,
        stripe: StripeValue::Amount,
        since: None,
    }
}

impl World {
    /// Makes a webhook, or changes its settings.
    pub(super) fn set_webhook(&mut self, of: &str, from_beginning: bool) -> Result<(), Broken> {
        let key = self.webhook_key();
        let engine = Arc::clone(&self.engine);
        let fresh = Sealed(vec![1]);
        let secrets = SecretAsk { fresh, rotates: false, ends_previous: false };
        let set = engine.set_webhook(webhook(of), from_beginning, secrets, (&key, None));
        self.administered(poll_until(&engine, set))
    }

    fn webhook_key(&mut self) -> Idempotency {
        self.deliveries.asked += 1;
        Idempotency { text: label(&format!("webhook-{}", self.deliveries.asked)), digest: [0; 16] }
    }

    fn administered<T>(&mut self, done: Option<Result<T, EngineError>>) -> Result<(), Broken> {
        self.poll()?;
        match done {
            None => Err(Broken("a change of a webhook is not answered".into())),
            // A request that the disk refuses is repeated later.
            Some(_) => self.restart_if_stopped(),
        }
    }

    /// An operator attends to a webhook.
    fn look_after(&mut self, of: &'static str) -> Result<(), Broken> {
        let Some(hook) = self.engine.webhooks().get(&name(of)).cloned() else {
            self.coverage.fault("webhook made again");
            let from_beginning = self.random.chance(500);
            return self.set_webhook(of, from_beginning);
        };
        if let Some((account, _)) = hook.parked.iter().find(|(_, parked)| parked.resumed.is_none()) {
            let resume = if self.random.chance(200) { Resume::PassOver } else { Resume::Retry };
            return self.resume(of, account, resume);
        }
        if hook.is_gone || self.random.chance(300) {
            return self.set_webhook(of, false);
        }
        if of == "fro" {
            let (key, engine) = (self.webhook_key(), Arc::clone(&self.engine));
            let of = name(of);
            return self.administered(poll_until(&engine, engine.remove_webhook(&of, (&key, None))));
        }
        Ok(())
    }

    fn resume(&mut self, of: &str, account: &Name, resume: Resume) -> Result<(), Broken> {
        let (key, engine) = (self.webhook_key(), Arc::clone(&self.engine));
        let hook = name(of);
        let done = poll_until(&engine, engine.resume_webhook(&hook, account, resume, (&key, None)));
        if resume == Resume::PassOver {
            self.coverage.fault("webhook passed over");
        }
        self.administered(done)
    }

    /// A sender makes a few steps.
    pub(super) fn deliver(&mut self) -> Result<(), Broken> {
        let of = NAMES.get(self.random.below(NAMES.len())).copied().unwrap_or("all");
        if self.random.chance(150) {
            return self.look_after(of);
        }
        let pauses = [1, 600, 400_000];
        let pause = pauses.get(self.random.below(pauses.len())).copied().unwrap_or(1);
        self.deliveries.now += Duration::from_millis(pause);
        let steps = 1 + self.random.below(60);
        self.steps(of, steps, false)?;
        self.poll()?;
        self.restart_if_stopped()
    }

    /// Makes steps until there is nothing to do; returns whether that is so.
    fn steps(&mut self, of: &'static str, steps: usize, is_calm: bool) -> Result<bool, Broken> {
        let Some(followed) = self.deliveries.followed.get_mut(of) else { return Ok(true) };
        for _ in 0..steps {
            let Some(hook) = self.engine.webhooks().get(&name(of)).cloned() else { return Ok(true) };
            let around = Around {
                now: self.deliveries.now,
                made: hook.made,
                random: &self.random,
                coverage: &self.coverage,
                receiver: &followed.receiver,
                is_calm,
            };
            let next = followed.sender.step(&self.engine, &hook, &around);
            match next {
                Next::Step => {}
                Next::Send(call, _) => {
                    let answer = around.answer(&hook.webhook, &call);
                    followed.sender.answered(&self.engine, &hook, &around, &call, answer);
                    if let Some(wrong) = followed.receiver.borrow_mut().wrong.take() {
                        return Err(Broken(format!("webhook {of}: {wrong}")));
                    }
                }
                Next::Rest(pause) => {
                    self.deliveries.now += if is_calm { pause } else { Duration::ZERO };
                    return Ok(true);
                }
                Next::End => return Ok(true),
            }
        }
        Ok(false)
    }

    /// Once the faults are over, everything is delivered.
    pub(super) fn finish_deliveries(&mut self) -> Result<(), Broken> {
        for of in NAMES {
            self.settle_webhook(of)?;
            self.check_webhook(of)?;
        }
        Ok(())
    }

    fn settle_webhook(&mut self, of: &'static str) -> Result<(), Broken> {
        let of_name = name(of);
        for _ in 0..1_000 {
            let Some(hook) = self.engine.webhooks().get(&of_name).cloned() else { return Ok(()) };
            if hook.is_gone {
                self.set_webhook(of, false)?;
            }
            if let Some((account, _)) = hook.parked.iter().find(|(_, p)| p.resumed.is_none()) {
                self.resume(of, account, Resume::Retry)?;
            }
            let is_resting = self.steps(of, STEPS_MAX, true)?;
            let hook = self.engine.webhooks().get(&of_name).cloned();
            let cursor = match hook.map(|hook| wait(self.engine.acknowledged(&hook))).transpose() {
                Ok(cursor) => cursor.flatten().unwrap_or_default(),
                Err(e) => return Err(Broken(e.to_string())),
            };
            let rest = wait(self.store.feed(&cursor)).map_err(|e| Broken(e.to_string()))?;
            let hook = self.engine.webhooks().get(&of_name).cloned();
            let waits = hook.is_some_and(|hook| hook.is_gone || !hook.parked.is_empty());
            if is_resting && !waits && rest.is_none() {
                return Ok(());
            }
        }
        Err(Broken(format!("webhook {of} never catches up")))
    }

    /// D1, D3.
    fn check_webhook(&self, of: &str) -> Result<(), Broken> {
        let Some(followed) = self.deliveries.followed.get(of) else { return Ok(()) };
        let receiver = followed.receiver.borrow();
        for (_, id) in receiver.got.keys() {
            let (account, seq) =
                record_of(id).ok_or_else(|| Broken(format!("webhook {of}: an event has the id {id}")))?;
            let found = wait(self.store.read(&account, seq, 1)).map_err(|e| Broken(e.to_string()))?;
            if found.is_empty() {
                return Err(Broken(format!("webhook {of}: {id} is of no record")));
            }
        }
        let Some(hook) = self.engine.webhooks().get(&name(of)).cloned() else { return Ok(()) };
        let from = hook.webhook.since.is_some().then_some(hook.made);
        for stored in self.fed(from)? {
            let calls = calls(&self.engine, &hook, &stored).map_err(Broken)?;
            for call in calls {
                let known = receiver.got.get(&(hook.made, call.id()));
                // Skipped records make no calls.
                let Some(known) = known else {
                    return Err(Broken(format!("webhook {of}: {} never came", call.id())));
                };
                if *known != text(&call) {
                    return Err(Broken(format!("webhook {of}: {known} is not what {} says", call.id())));
                }
            }
        }
        Ok(())
    }

    /// The records in the order of the feed; with `behind`, only those after the
    /// block of that record of the server's own log.
    fn fed(&self, behind: Option<Seq>) -> Result<Vec<Stored>, Broken> {
        let (mut cursor, mut all, mut is_behind) = (Cursor::default(), Vec::new(), behind.is_none());
        while let Some(fed) = wait(self.store.feed(&cursor)).map_err(|e| Broken(e.to_string()))? {
            cursor = fed.next;
            let has_it = fed.records.iter().any(|r| r.account.as_str() == SYSTEM && Some(r.seq) == behind);
            if is_behind {
                all.extend(fed.records);
            }
            is_behind |= has_it;
        }
        Ok(all)
    }
}
