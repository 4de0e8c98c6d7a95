//! Webhooks: the real senders, step by step, with receivers of every temper, and crashes between any two steps.
//!
//! D1 what a record says reaches each receiver that is there for it, with the same text each time. D2 events of one account come in
//! the order of its log. D3 nothing is sent that the ledger does not have.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use headworks_core::record::{Name, Resume, SYSTEM, Seq, Server, StripeValue, Webhook, WebhookFormat};
use headworks_engine::{Engine, EngineError, Hook, Idempotency};
use headworks_server::StripeCall;
use headworks_server::webhooks::{Answer, Call, Next, Sender, Status, Surroundings, calls};
use headworks_store::{Store as _, Stored};

use super::checks::poll_until;
use super::{Broken, World};
use crate::coverage::Coverage;
use crate::op::{label, name};
use crate::random::Random;

/// One gets all, one is Stripe, and one is made and removed again and again.
const NAMES: [&str; 3] = ["all", "stripe", "fro"];
const EVENTS: [&str; 7] =
    ["usage", "charge", "movement", "balance.low", "balance.empty", "top_up.asked", "hold.expired"];
/// Steps until everything is delivered once the faults are over.
const STEPS_MAX: usize = 400_000;

/// What a receiver has got.
#[derive(Default)]
struct Receiver {
    /// By the webhook that it came from, which may be one of several of that name, and its id.
    got: BTreeMap<(Seq, String), String>,
    /// The newest record of each account that it has heard of.
    newest: BTreeMap<(Seq, Name), Seq>,
    wrong: Option<String>,
}

/// A webhook that is followed.
struct Followed {
    sender: Sender,
    receiver: RefCell<Receiver>,
    /// Records that the operator passed over.
    passed_over: BTreeSet<(Name, Seq)>,
}

pub(super) struct Deliveries {
    now: Instant,
    followed: BTreeMap<&'static str, Followed>,
    asked: u64,
}

impl Default for Deliveries {
    fn default() -> Self {
        let follow = |of| {
            let sender = Sender::new(name(of));
            (of, Followed { sender, receiver: RefCell::default(), passed_over: BTreeSet::new() })
        };
        Self { now: Instant::now(), followed: NAMES.into_iter().map(follow).collect(), asked: 0 }
    }
}

impl Deliveries {
    /// The process has ended, and its senders with it.
    pub(super) fn begin_again(&mut self) {
        for (of, followed) in &mut self.followed {
            followed.sender = Sender::new(name(of));
        }
    }
}

/// The text of a call, without what may differ when it is sent again: Stripe is not given times that are too old.
fn text(call: &Call) -> String {
    match call {
        Call::Event(_, text) => text.clone(),
        Call::Stripe(StripeCall::Event { name, identifier, customer, value, .. }) => {
            format!("{name} {identifier} {customer} {value}")
        }
        Call::Stripe(StripeCall::Cancel { name, identifier }) => format!("{name} {identifier} cancelled"),
    }
}

/// The account and record of an id: `alpha~12/charge`.
fn record_of(id: &str) -> Option<(Name, Seq)> {
    let (account, rest) = id.split_once('~')?;
    let seq = rest.split('/').next()?.parse().ok()?;
    Some((name(account), seq))
}

impl Receiver {
    fn take(&mut self, made: Seq, call: &Call, coverage: &Coverage) {
        let (id, text) = (call.id(), text(call));
        if let Some(known) = self.got.get(&(made, id.clone())) {
            coverage.fault("delivered twice");
            if *known != text {
                self.wrong = Some(format!("{id} came as {known}, and then as {text}"));
            }
            return;
        }
        // What is cancelled is an older event.
        let is_new = !matches!(call, Call::Stripe(StripeCall::Cancel { .. }));
        if let Some((account, seq)) = record_of(&id).filter(|_| is_new) {
            let newest = self.newest.entry((made, account)).or_insert(0);
            if *newest > seq {
                self.wrong = Some(format!("{id} came after an event of record {newest}"));
            }
            *newest = seq;
        }
        self.got.insert((made, id), text);
    }
}

struct Around<'a> {
    now: Instant,
    made: Seq,
    random: &'a Random,
    coverage: &'a Coverage,
    receiver: &'a RefCell<Receiver>,
    /// Everything is taken.
    is_calm: bool,
}

impl Surroundings for Around<'_> {
    fn now(&self) -> Instant {
        self.now
    }

    fn send(&self, webhook: &Webhook, call: &Call, _: Option<Seq>) -> Answer {
        let take = || self.receiver.borrow_mut().take(self.made, call, self.coverage);
        let not_now = || Answer::NotNow("not now".into(), self.random.chance(300).then_some(Duration::ZERO));
        if self.is_calm {
            take();
            return Answer::Taken;
        }
        match self.random.below(100) {
            0..=9 => not_now(),
            10..=17 => {
                self.coverage.fault("webhook answer lost");
                take();
                not_now()
            }
            18..=22 if webhook.format == WebhookFormat::StripeMeterEvents => {
                self.coverage.fault("webhook refused");
                Answer::Refused("refused".into())
            }
            23 => {
                self.coverage.fault("webhook gone");
                Answer::Gone
            }
            _ => {
                take();
                Answer::Taken
            }
        }
    }

    fn write(&self, engine: &Engine, what: Server) -> Option<Result<(), EngineError>> {
        poll_until(engine, engine.note_webhook(what))
    }

    fn note(&self, _: &Hook, change: impl FnOnce(&mut Status)) {
        change(&mut Status::default());
    }
}

fn webhook(of: &str) -> Webhook {
    let format = if of == "stripe" { WebhookFormat::StripeMeterEvents } else { WebhookFormat::Cloudevents };
    Webhook {
        name: name(of),
        url: format!("https://example.com/{of}"),
        events: EVENTS.map(label).to_vec(),
        format,
        rotation: 0,
        stripe: StripeValue::Amount,
        since: None,
    }
}

impl World {
    /// Makes a webhook, or sets it again.
    pub(super) fn set_webhook(&mut self, of: &str, from_beginning: bool) -> Result<(), Broken> {
        let key = self.webhook_key();
        let engine = Arc::clone(&self.engine);
        self.administered(poll_until(&engine, engine.set_webhook(webhook(of), from_beginning, (&key, None))))
    }

    fn webhook_key(&mut self) -> Idempotency {
        self.deliveries.asked += 1;
        Idempotency { text: label(&format!("webhook-{}", self.deliveries.asked)), digest: [0; 16] }
    }

    fn administered<T>(&mut self, done: Option<Result<T, EngineError>>) -> Result<(), Broken> {
        self.poll()?;
        match done {
            None => Err(Broken("a change of a webhook is not answered".into())),
            // What the disk refuses is asked for again some time.
            Some(_) => self.restart_if_stopped(),
        }
    }

    /// An operator looks after a webhook.
    fn look_after(&mut self, of: &'static str) -> Result<(), Broken> {
        let Some(hook) = self.engine.webhooks().get(&name(of)).cloned() else {
            self.coverage.fault("webhook made again");
            let from_beginning = self.random.chance(500);
            return self.set_webhook(of, from_beginning);
        };
        let parked = hook.parked.iter().find(|(_, parked)| parked.resumed.is_none());
        if let Some((account, parked)) = parked {
            let resume = if self.random.chance(200) { Resume::PassOver } else { Resume::Retry };
            let (account, record) = (account.clone(), parked.record);
            return self.resume(of, account, record, resume);
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

    fn resume(&mut self, of: &str, account: Name, record: Seq, resume: Resume) -> Result<(), Broken> {
        let (key, engine) = (self.webhook_key(), Arc::clone(&self.engine));
        let hook = name(of);
        let done = poll_until(&engine, engine.resume_webhook(&hook, &account, resume, (&key, None)));
        if resume == Resume::PassOver
            && let Some(followed) = self.deliveries.followed.get_mut(of)
        {
            self.coverage.fault("webhook passed over");
            followed.passed_over.insert((account, record));
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

    /// Makes steps until there is nothing to do; whether that is so.
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
            if let Some(wrong) = followed.receiver.borrow_mut().wrong.take() {
                return Err(Broken(format!("webhook {of}: {wrong}")));
            }
            if let Next::Rest(pause) = next {
                self.deliveries.now += if is_calm { pause } else { Duration::ZERO };
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Once the faults are over everything is delivered.
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
            if let Some((account, parked)) = hook.parked.iter().find(|(_, p)| p.resumed.is_none()) {
                self.resume(of, account.clone(), parked.record, Resume::Retry)?;
            }
            let is_resting = self.steps(of, STEPS_MAX, true)?;
            let place = self.engine.acknowledged(&of_name).map_err(|e| Broken(e.to_string()))?;
            let hook = self.engine.webhooks().get(&of_name).cloned();
            let waits = hook.is_some_and(|hook| hook.is_gone || !hook.parked.is_empty());
            if is_resting && !waits && place == self.store.feed_end() {
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
            let found = self.store.read(&account, seq, 1).map_err(|e| Broken(e.to_string()))?;
            if found.is_empty() {
                return Err(Broken(format!("webhook {of}: {id} is of no record")));
            }
        }
        let Some(hook) = self.engine.webhooks().get(&name(of)).cloned() else { return Ok(()) };
        let from = hook.webhook.since.is_some().then_some(hook.made);
        for Stored { account, seq, bytes, .. } in self.fed(from)? {
            let calls = calls(&self.engine, &hook, &account, &bytes).map_err(Broken)?;
            for call in calls {
                let known = receiver.got.get(&(hook.made, call.id()));
                let is_passed_over = followed.passed_over.contains(&(account.clone(), seq));
                if known.is_none() && !is_passed_over {
                    return Err(Broken(format!("webhook {of}: {} never came", call.id())));
                }
                if known.is_some_and(|known| *known != text(&call)) {
                    return Err(Broken(format!("webhook {of}: {known:?} is not what {} says", call.id())));
                }
            }
        }
        Ok(())
    }

    /// The records in the order of the feed; those behind the block of a record of the server's own log.
    fn fed(&self, behind: Option<Seq>) -> Result<Vec<Stored>, Broken> {
        let (mut place, mut all, mut is_behind) = (0, Vec::new(), behind.is_none());
        while let Some(fed) = self.store.feed(place).map_err(|e| Broken(e.to_string()))? {
            place = fed.next;
            let has_it = fed.records.iter().any(|r| r.account.as_str() == SYSTEM && Some(r.seq) == behind);
            if is_behind {
                all.extend(fed.records);
            }
            is_behind |= has_it;
        }
        Ok(all)
    }
}
