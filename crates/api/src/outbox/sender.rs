//! The sender of a webhook: a step looks at what is in force and asks for at most one attempt, whose answer comes back.
//!
//! Makes no attempts and never waits, and reads no clock: the edge does, or the simulation. [`Sender::step`] follows the
//! table of states in docs/ledger.md row by row.

use std::time::{Duration, Instant};

use headworks_core::record::{Name, Seq, Server, WebhookFormat};
use headworks_engine::{Engine, EngineError, Hook, Looked};
use headworks_store::{Cursor, wait};

use super::backlog::Backlog;
use super::board::Status;
use super::course::{Call, Course, Progress};

/// A failed read is repeated after this time.
const READ_AGAIN: Duration = Duration::from_secs(5);
/// A cursor is kept at most this often while more is waiting; events sent after it are sent again after a crash.
const KEEP_EVERY: Duration = Duration::from_millis(500);
/// A sender that rests for longer keeps no records in memory but the one in hand.
const KEEPS_WITHIN: Duration = Duration::from_secs(1);
/// Blocks of the feed that a step reads in search of a lost position.
const BLOCKS_AT_ONCE: usize = 1_000;
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

/// The surroundings of a sender: time, the server's own log, and an observer.
pub trait Surroundings {
    /// The time of pauses.
    fn now(&self) -> Instant;
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
    /// The webhook whose lost position is looked for, and how far.
    search: Option<(Seq, Cursor)>,
}

/// How to continue after a step.
#[derive(Clone, Debug)]
pub enum Next {
    /// Another step.
    Step,
    /// A pause, unless something changes.
    Rest(Duration),
    /// Nothing, until the feed goes on or something changes.
    End,
    /// An attempt at this call, and then [`Sender::answered`]. The number names the record that asks to send a refused call
    /// again.
    Send(Call, Option<Seq>),
}

impl Sender {
    /// A sender that has done nothing yet.
    #[must_use]
    pub fn new(name: Name) -> Self {
        Self { name, course: None, search: None }
    }

    /// Looks at what is in force, and asks for at most one attempt.
    pub fn step(&mut self, engine: &Engine, hook: &Hook, around: &impl Surroundings) -> Next {
        let begun = self.course.take().filter(|course| course.made == hook.made);
        // A webhook that was removed and made again starts over; the record in hand is dropped.
        let mut course =
            match begun.map_or_else(|| self.begin(engine, hook, around), |course| Ok(Some(course))) {
                Ok(Some(course)) => course,
                Ok(None) => return Next::Step,
                Err(e) => {
                    failed(&self.name, hook, around, &e);
                    return Next::Rest(READ_AGAIN);
                }
            };
        let next = Turn { name: &self.name, engine, hook, around }.step(&mut course);
        self.course = Some(course);
        next
    }

    /// Takes the answer to an attempt that was made for this webhook, as it was set then.
    pub fn answered(
        &mut self,
        engine: &Engine,
        hook: &Hook,
        around: &impl Surroundings,
        call: &Call,
        answer: Answer,
    ) {
        if let Some(course) = self.course.as_mut().filter(|course| course.made == hook.made) {
            Turn { name: &self.name, engine, hook, around }.answered(course, call, answer);
        }
    }

    /// Begins at the webhook's position, or looks for it a little further if it is lost.
    fn begin(
        &mut self,
        engine: &Engine,
        hook: &Hook,
        around: &impl Surroundings,
    ) -> Result<Option<Course>, EngineError> {
        let under_way = self.search.take().filter(|(made, _)| *made == hook.made);
        let known = if under_way.is_some() { None } else { wait(engine.acknowledged(hook))? };
        if let Some(cursor) = known {
            return Ok(Some(Course::begin(cursor, hook, around.now())));
        }
        if under_way.is_none() {
            tracing::warn!(webhook = %self.name, "its position is lost or damaged; it begins again, so events may come twice");
        }
        let from = under_way.map(|(_, from)| from).unwrap_or_default();
        match wait(engine.look_for_begin(hook, from, BLOCKS_AT_ONCE))? {
            Looked::UpTo(from) => {
                self.search = Some((hook.made, from));
                Ok(None)
            }
            Looked::Found(cursor) => {
                around.note(hook, |s| s.backlog = Backlog::at(cursor.clone(), hook.made));
                Ok(Some(Course::begin(cursor, hook, around.now())))
            }
        }
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
            let pause = at.saturating_duration_since(self.around.now());
            if pause > KEEPS_WITHIN {
                course.shed();
            }
            return Next::Rest(pause);
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
        Next::Send(call, again)
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
            match wait(self.engine.acknowledge(self.hook, &course.cursor)) {
                Ok(()) => course.kept = (self.around.now(), course.cursor.clone()),
                Err(e) => tracing::error!(webhook = %self.name, error = %e, "its cursor could not be kept"),
            }
        }
        let Some(fed) = fed else {
            return if course.is_catching_up() { Next::Step } else { Next::End };
        };
        let (number, next) = (Backlog::number(self.hook.made, &fed.records), fed.next.clone());
        if course.load(fed.records, fed.next) {
            self.around.note(self.hook, |s| s.backlog.load(number, &next));
        }
        Next::Step
    }

    fn answered(&self, course: &mut Course, call: &Call, answer: Answer) {
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
