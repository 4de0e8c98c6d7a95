//! The sender of a webhook: a step looks at what is in force and makes at most one attempt.
//!
//! Never waits, and reads no clock: its thread does, or the simulation. [`Sender::step`] follows the table of states in
//! docs/ledger.md row by row.

use std::time::{Duration, Instant};

use headworks_core::record::{Name, Seq, Server, Webhook, WebhookFormat};
use headworks_engine::{Engine, EngineError, Hook};
use headworks_store::wait;

use super::board::Status;
use super::course::{Call, Course, Progress};

/// How often to look at the end of the feed.
const POLL: Duration = Duration::from_millis(100);
/// A failed read is repeated after this time.
const READ_AGAIN: Duration = Duration::from_secs(5);
/// A cursor is kept at most this often while more is waiting; events sent after it are sent again after a crash.
const KEEP_EVERY: Duration = Duration::from_millis(500);
/// The most accounts that may wait. If more are refused, the fault is not theirs, and the webhook itself pauses.
const PARKED_MAX: usize = 1_000;

/// The outcome of an attempt.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    /// The receiver has it.
    Taken,
    /// Not now: why, and the pause that the receiver asks for.
    NotNow(String, Option<Duration>),
    /// Never: why. Other records may succeed.
    Refused(String),
    /// There is no such receiver any more.
    Gone,
}

/// The surroundings of a sender: the way out, the server's own log, and an observer.
pub trait Surroundings {
    /// The time of pauses.
    fn now(&self) -> Instant;
    /// Makes one attempt; `again` names the record that asks to send a refused call again.
    fn send(&self, webhook: &Webhook, call: &Call, again: Option<Seq>) -> Answer;
    /// Writes down the fate of a webhook; `None`: it can no longer be written.
    fn write(&self, engine: &Engine, what: Server) -> Option<Result<(), EngineError>>;
    /// Shows how the webhook is doing.
    fn note(&self, hook: &Hook, change: impl FnOnce(&mut Status));
}

/// The sender of one webhook.
#[derive(Debug)]
pub struct Sender {
    name: Name,
    course: Option<Course>,
}

/// How to continue after a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Another step.
    Step,
    /// A pause, unless something changes.
    Rest(Duration),
}

impl Sender {
    /// A sender that has done nothing yet.
    #[must_use]
    pub fn new(name: Name) -> Self {
        Self { name, course: None }
    }

    /// Looks at what is in force and makes at most one attempt.
    pub fn step(&mut self, engine: &Engine, hook: &Hook, around: &impl Surroundings) -> Next {
        let begun = self.course.take().filter(|course| course.made == hook.made);
        // A webhook that was removed and made again starts over; the record in hand is dropped.
        let begin = || Course::begin(engine, hook, around.now());
        let mut course = match begun.map_or_else(begin, Ok) {
            Ok(course) => course,
            Err(e) => {
                failed(&self.name, hook, around, &e);
                return Next::Rest(READ_AGAIN);
            }
        };
        let next = Turn { name: &self.name, engine, hook, around }.step(&mut course);
        self.course = Some(course);
        next
    }
}

/// One step of a sender.
struct Turn<'a, S> {
    name: &'a Name,
    engine: &'a Engine,
    hook: &'a Hook,
    around: &'a S,
}

impl<S: Surroundings> Turn<'_, S> {
    fn step(&self, course: &mut Course) -> Next {
        if course.set != self.hook.set {
            course.set = self.hook.set;
            course.pace.changed();
        }
        if self.hook.is_gone {
            return Next::Rest(Duration::from_secs(3_600));
        }
        if let Some(at) = course.pace.next(self.around.now()) {
            return Next::Rest(at.saturating_duration_since(self.around.now()));
        }
        if course.hand.is_none() {
            let next = self.advance(course);
            self.around.note(self.hook, |s| s.backlog.left(course.left()));
            return next;
        }
        if let Err(why) = course.refresh(self.engine, self.hook) {
            return self.unreadable(course, why);
        }
        let Some((call, again)) = course.hand.as_ref().map(|h| (h.calls.front().cloned(), h.again)) else {
            return Next::Step;
        };
        let Some(call) = call else {
            course.done();
            return Next::Step;
        };
        let answer = self.around.send(&self.hook.webhook, &call, again);
        self.answered(course, &call, answer)
    }

    /// Takes the next record; at the end of a block of them the cursor is kept.
    fn advance(&self, course: &mut Course) -> Next {
        match course.advance(self.engine, self.hook) {
            Ok(Progress::Hand | Progress::Nothing) => Next::Step,
            Ok(Progress::CaughtUp(account, through)) => {
                let (webhook, made) = (self.name.clone(), self.hook.made);
                self.write(course, Server::WebhookCaughtUp { webhook, made, account, through });
                Next::Step
            }
            Ok(Progress::BlockEnd) => self.load(course),
            Err(e) => {
                self.failed(&e);
                Next::Rest(READ_AGAIN)
            }
        }
    }

    fn load(&self, course: &mut Course) -> Next {
        let fed = match wait(self.engine.feed(&course.cursor)) {
            Ok(fed) => fed,
            Err(e) => {
                self.failed(&e);
                return Next::Rest(READ_AGAIN);
            }
        };
        let is_idle = fed.is_none();
        if course.cursor != course.kept.1
            && (is_idle || self.around.now().saturating_duration_since(course.kept.0) >= KEEP_EVERY)
        {
            match wait(self.engine.acknowledge(self.name, self.hook.made, &course.cursor)) {
                Ok(()) => course.kept = (self.around.now(), course.cursor.clone()),
                Err(e) => tracing::error!(webhook = %self.name, error = %e, "its cursor could not be kept"),
            }
        }
        let Some(fed) = fed else {
            return if course.is_catching_up() { Next::Step } else { Next::Rest(POLL) };
        };
        self.around.note(self.hook, |s| s.backlog.load(&fed.records, &fed.next));
        course.load(fed.records, fed.next);
        Next::Step
    }

    fn answered(&self, course: &mut Course, call: &Call, answer: Answer) -> Next {
        match answer {
            Answer::Taken => {
                course.pace.taken();
                if let Some(hand) = &mut course.hand {
                    hand.calls.pop_front();
                    hand.taken.push(call.id());
                }
                self.around.note(self.hook, |s| {
                    (s.delivered, s.attempts, s.error) = (s.delivered + 1, 0, None);
                });
            }
            Answer::NotNow(why, after) => {
                course.pace.failed(self.around.now(), after);
                let attempts = course.pace.attempts;
                tracing::warn!(webhook = %self.name, id = call.id(), attempts, error = why, "not acknowledged");
                self.around.note(self.hook, |s| (s.attempts, s.error) = (attempts, Some(why)));
            }
            Answer::Gone => {
                tracing::warn!(webhook = %self.name, id = call.id(), "its receiver is gone");
                let gone = Server::WebhookGone { webhook: self.name.clone(), set: self.hook.set };
                self.write(course, gone);
            }
            Answer::Refused(why) => self.park(course, why),
        }
        Next::Step
    }

    /// A record that cannot be read does not hold up the others.
    fn unreadable(&self, course: &mut Course, why: String) -> Next {
        match self.hook.webhook.format {
            WebhookFormat::StripeMeterEvents => self.park(course, why),
            WebhookFormat::Cloudevents => {
                tracing::error!(webhook = %self.name, error = why, "a record is left out");
                course.done();
            }
        }
        Next::Step
    }

    /// Makes the account of a refused record wait.
    fn park(&self, course: &mut Course, reason: String) {
        let Some(hand) = &course.hand else { return };
        let (account, record, taken) = (hand.account.clone(), hand.seq, hand.taken_count());
        tracing::warn!(webhook = %self.name, %account, record, reason, "refused; the account waits");
        if self.hook.parked.len() >= PARKED_MAX && !self.hook.parked.contains_key(&account) {
            let error = format!("{PARKED_MAX} accounts wait already; {reason}");
            course.pace.failed(self.around.now(), None);
            let attempts = course.pace.attempts;
            self.around.note(self.hook, |s| (s.attempts, s.error) = (attempts, Some(error)));
            return;
        }
        let (webhook, made) = (self.name.clone(), self.hook.made);
        let parked = Server::WebhookParked { webhook, made, account, record, taken, reason };
        if self.write(course, parked) {
            course.parked();
            course.pace.taken();
            self.around.note(self.hook, |s| (s.attempts, s.error) = (0, None));
        }
    }

    /// Writes down the fate of the webhook; if that fails, it counts as a failed attempt, and the fate is found out again.
    fn write(&self, course: &mut Course, what: Server) -> bool {
        match self.around.write(self.engine, what) {
            Some(Ok(())) => true,
            Some(Err(e)) => {
                course.pace.failed(self.around.now(), None);
                self.failed(&e);
                false
            }
            None => false,
        }
    }

    fn failed(&self, e: &EngineError) {
        failed(self.name, self.hook, self.around, e);
    }
}

fn failed(name: &Name, hook: &Hook, around: &impl Surroundings, e: &EngineError) {
    tracing::error!(webhook = %name, error = %e, "the ledger could not be read or written");
    around.note(hook, |s| s.error = Some(e.to_string()));
}
