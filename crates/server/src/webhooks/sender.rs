//! The one sender of a webhook: a loop that looks at what is in force, makes at most one attempt, and looks again.
//!
//! Never holds the engine while it rests. What happens in which state: the table in docs/ledger.md, row by row in
//! [`Sender::step`].

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use headworks_core::record::{Name, Server, WebhookFormat};
use headworks_engine::{Engine, EngineError, Hook, wall};

use super::attempt::Answer;
use super::course::{Call, Course, Found};
use super::{Webhooks, until};

/// How often the end of the feed is looked at.
const POLL: Duration = Duration::from_millis(100);
/// What cannot be read is read again after this time.
const READ_AGAIN: Duration = Duration::from_secs(5);
/// A place is kept at most this often while more is waiting; what was sent after it is sent again after a crash.
const KEEP_EVERY: Duration = Duration::from_millis(500);
/// Accounts that may wait. When more are refused the fault is not theirs, and the webhook itself rests.
const PARKED_MAX: usize = 1_000;

/// The sender of one webhook.
pub(super) struct Sender {
    hooks: Arc<Webhooks>,
    engine: Weak<Engine>,
    name: Name,
}

/// What comes after a step.
enum Next {
    Step,
    Rest(Duration),
}

impl Sender {
    pub(super) fn new(hooks: Arc<Webhooks>, engine: Weak<Engine>, name: Name) -> Self {
        Self { hooks, engine, name }
    }

    pub(super) fn rest_after_panic(&self) {
        self.hooks.rest(self.hooks.changes(), READ_AGAIN);
    }

    /// Sends until the webhook is removed or the server ends.
    pub(super) fn run(&self) {
        let mut course: Option<Course> = None;
        loop {
            let seen = self.hooks.changes();
            let engine = self.engine.upgrade();
            let Some(hook) = self.hooks.in_force(engine.as_deref(), &self.name) else { return };
            let Some(engine) = engine else { return };
            // One that was made again begins where the new one does, whatever was in hand.
            if course.as_ref().is_none_or(|course| course.made != hook.made) {
                course = self.begin(&engine, &hook);
            }
            let next = match &mut course {
                Some(course) => self.step(&engine, &hook, course),
                None => Next::Rest(READ_AGAIN),
            };
            drop(engine);
            if let Next::Rest(pause) = next {
                self.hooks.rest(seen, pause);
            }
        }
    }

    fn begin(&self, engine: &Engine, hook: &Hook) -> Option<Course> {
        match Course::begin(engine, hook) {
            Ok(course) => Some(course),
            Err(e) => {
                self.failed(hook, &e);
                None
            }
        }
    }

    fn step(&self, engine: &Engine, hook: &Hook, course: &mut Course) -> Next {
        if course.set != hook.set {
            course.set = hook.set;
            course.pace.changed();
        }
        if hook.is_gone {
            return Next::Rest(Duration::from_secs(3_600));
        }
        if let Some(at) = course.pace.next(Instant::now()) {
            return Next::Rest(until(at));
        }
        if course.hand.is_none() {
            let next = self.advance(engine, hook, course);
            self.hooks.note(&self.name, hook.made, |s| s.backlog.left(course.left()));
            return next;
        }
        if let Err(why) = course.refresh(engine, hook) {
            return self.unreadable(engine, hook, course, why);
        }
        let Some((call, again)) = course.hand.as_ref().map(|h| (h.calls.front().cloned(), h.again)) else {
            return Next::Step;
        };
        let Some(call) = call else {
            course.done();
            return Next::Step;
        };
        let answer = self.attempt(hook, &call, again);
        self.answered(engine, hook, course, &call, answer)
    }

    /// Takes the next record; at the end of a block of them the place is kept.
    fn advance(&self, engine: &Engine, hook: &Hook, course: &mut Course) -> Next {
        match course.advance(engine, hook) {
            Ok(Found::Hand | Found::Nothing) => Next::Step,
            Ok(Found::CaughtUp(account, through)) => {
                let (webhook, made) = (self.name.clone(), hook.made);
                self.write(engine, hook, course, Server::WebhookCaughtUp { webhook, made, account, through });
                Next::Step
            }
            Ok(Found::BlockEnd) => self.load(engine, hook, course),
            Err(e) => {
                self.failed(hook, &e);
                Next::Rest(READ_AGAIN)
            }
        }
    }

    fn load(&self, engine: &Engine, hook: &Hook, course: &mut Course) -> Next {
        let fed = match engine.feed(course.place) {
            Ok(fed) => fed,
            Err(e) => {
                self.failed(hook, &e);
                return Next::Rest(READ_AGAIN);
            }
        };
        let (at, is_idle) = (course.place, fed.is_none());
        if at > course.kept.1 && (is_idle || course.kept.0.elapsed() >= KEEP_EVERY) {
            match engine.acknowledge(&self.name, hook.made, at) {
                Ok(()) => course.kept = (Instant::now(), at),
                Err(e) => tracing::error!(webhook = %self.name, error = %e, "its place could not be kept"),
            }
        }
        let Some(fed) = fed else {
            return if course.is_catching_up() { Next::Step } else { Next::Rest(POLL) };
        };
        self.hooks.note(&self.name, hook.made, |s| s.backlog.load(&fed.records, fed.next));
        course.load(fed.records, fed.next);
        Next::Step
    }

    fn attempt(&self, hook: &Hook, call: &Call, again: Option<u64>) -> Answer {
        let webhook = &hook.webhook;
        match call {
            Call::Event(id, body) => {
                // Receivers compare it with their own clocks, also where time is a test clock's.
                let secs = wall().micros() / 1_000_000;
                let signature = self.hooks.secrets.sign(webhook, id, secs, body);
                self.hooks.outlet.event(&webhook.url, id, secs, &signature, body)
            }
            Call::Stripe(call) => self.hooks.outlet.stripe(&webhook.url, call, again),
        }
    }

    fn answered(
        &self,
        engine: &Engine,
        hook: &Hook,
        course: &mut Course,
        call: &Call,
        answer: Answer,
    ) -> Next {
        match answer {
            Answer::Taken => {
                course.pace.taken();
                if let Some(hand) = &mut course.hand {
                    hand.calls.pop_front();
                    hand.taken.push(call.id());
                }
                self.hooks.note(&self.name, hook.made, |s| {
                    (s.delivered, s.attempts, s.error) = (s.delivered + 1, 0, None);
                });
            }
            Answer::NotNow(why, after) => {
                course.pace.failed(Instant::now(), after);
                let attempts = course.pace.attempts;
                tracing::warn!(webhook = %self.name, id = call.id(), attempts, error = why, "not acknowledged");
                self.hooks.note(&self.name, hook.made, |s| (s.attempts, s.error) = (attempts, Some(why)));
            }
            Answer::Gone => {
                tracing::warn!(webhook = %self.name, id = call.id(), "its receiver is gone");
                let gone = Server::WebhookGone { webhook: self.name.clone(), set: hook.set };
                self.write(engine, hook, course, gone);
            }
            Answer::Refused(why) => self.park(engine, hook, course, why),
        }
        Next::Step
    }

    /// A record that cannot be read is no other record's fault.
    fn unreadable(&self, engine: &Engine, hook: &Hook, course: &mut Course, why: String) -> Next {
        match hook.webhook.format {
            WebhookFormat::StripeMeterEvents => self.park(engine, hook, course, why),
            WebhookFormat::Cloudevents => {
                tracing::error!(webhook = %self.name, error = why, "a record is left out");
                course.done();
            }
        }
        Next::Step
    }

    /// Lets the account wait whose record was refused.
    fn park(&self, engine: &Engine, hook: &Hook, course: &mut Course, reason: String) {
        let Some(hand) = &course.hand else { return };
        let (account, record, taken) = (hand.account.clone(), hand.seq, hand.taken_count());
        tracing::warn!(webhook = %self.name, %account, record, reason, "refused; the account waits");
        if hook.parked.len() >= PARKED_MAX && !hook.parked.contains_key(&account) {
            let error = format!("{PARKED_MAX} accounts wait already; {reason}");
            course.pace.failed(Instant::now(), None);
            let attempts = course.pace.attempts;
            self.hooks.note(&self.name, hook.made, |s| (s.attempts, s.error) = (attempts, Some(error)));
            return;
        }
        let (webhook, made) = (self.name.clone(), hook.made);
        let parked = Server::WebhookParked { webhook, made, account, record, taken, reason };
        if self.write(engine, hook, course, parked) {
            course.parked();
            course.pace.taken();
            self.hooks.note(&self.name, hook.made, |s| (s.attempts, s.error) = (0, None));
        }
    }

    /// Writes down what became of the webhook; what cannot be written counts as a failed attempt, and is found out again.
    fn write(&self, engine: &Engine, hook: &Hook, course: &mut Course, what: Server) -> bool {
        let written = self.hooks.runtime.get().map(|runtime| runtime.block_on(engine.note_webhook(what)));
        match written {
            Some(Ok(())) => true,
            Some(Err(e)) => {
                course.pace.failed(Instant::now(), None);
                self.failed(hook, &e);
                false
            }
            None => false,
        }
    }

    fn failed(&self, hook: &Hook, e: &EngineError) {
        tracing::error!(webhook = %self.name, error = %e, "the ledger could not be read or written");
        self.hooks.note(&self.name, hook.made, |s| s.error = Some(e.to_string()));
    }
}
