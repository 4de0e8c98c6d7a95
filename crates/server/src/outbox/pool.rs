//! The senders of all webhooks on a few threads: a sender is stepped when it has something to do, and is a few hundred bytes
//! otherwise.
//!
//! Never holds the engine while nothing is to be done. O1 a webhook has one sender, and one attempt under way at most: its
//! sender is in one place, here, on a thread or with its attempt (`a_webhook_set_many_times_has_one_sender`). O2 senders take
//! turns of at most [`STEPS`] steps (`a_webhook_with_much_to_send_holds_up_no_other`).

use std::collections::{BTreeMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use headworks_api::outbox::{Answer, FeedEnd, Next, Sender};
use headworks_core::record::Name;
use headworks_engine::Engine;

use super::around::Around;
use super::lanes::{Attempt, Lane, Lanes};

/// The most steps of one turn.
const STEPS: usize = 64;
/// How often to look at the end of the feed.
const POLL: Duration = Duration::from_millis(100);
/// A sender that panicked restarts after this time.
const BEGINS_AGAIN: Duration = Duration::from_secs(5);

/// A sender, and what it waits for.
struct Task {
    name: Name,
    sender: Sender,
    lane: Lane,
    answered: Option<(Attempt, Answer)>,
}

impl Task {
    fn new(name: Name) -> Self {
        Self { sender: Sender::new(name.clone()), name, lane: Lane::Quick, answered: None }
    }
}

#[derive(Default)]
struct Queue {
    ready: VecDeque<Task>,
    /// By the end of their rest, and in the order they came.
    resting: BTreeMap<(Instant, u64), Task>,
    /// Senders that have processed the feed, each with an end of the feed that it had seen.
    at_end: Vec<(FeedEnd, Task)>,
    /// The end of the feed when it was last read.
    end: FeedEnd,
    polled: Option<Instant>,
    rested: u64,
    is_closed: bool,
}

impl Queue {
    /// When there may be something to do next.
    fn next(&self) -> Option<Instant> {
        let rested = self.resting.keys().next().map(|(at, _)| *at);
        let poll = self.polled.filter(|_| !self.at_end.is_empty()).map(|at| at + POLL);
        rested.into_iter().chain(poll).min()
    }
}

/// The senders.
pub(super) struct Pool {
    engine: Weak<Engine>,
    around: Around,
    lanes: Lanes,
    queue: Mutex<Queue>,
    wakes: Condvar,
}

impl Pool {
    pub(super) fn new(engine: Weak<Engine>, around: Around, lanes: Lanes) -> Self {
        Self { engine, around, lanes, queue: Mutex::default(), wakes: Condvar::new() }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in new senders. The others look at everything again.
    pub(super) fn wake(&self, new: &[Name]) {
        let mut queue = self.lock();
        let resting = std::mem::take(&mut queue.resting).into_values();
        let at_end = std::mem::take(&mut queue.at_end).into_iter().map(|(_, task)| task);
        queue.ready.extend(resting.chain(at_end).chain(new.iter().cloned().map(Task::new)));
        drop(queue);
        self.wakes.notify_all();
    }

    /// Ends the threads, and the attempts under way.
    pub(super) fn close(&self) {
        self.lanes.close();
        let mut queue = self.lock();
        let ended = std::mem::take(&mut *queue);
        queue.is_closed = true;
        drop(queue);
        self.wakes.notify_all();
        drop(ended);
    }

    /// Steps senders until the pool is closed.
    pub(super) fn run(self: &Arc<Self>) {
        while let Some((task, end)) = self.next() {
            let name = task.name.clone();
            // A panic ends one turn, not the webhook.
            if catch_unwind(AssertUnwindSafe(|| self.turn(task, end))).is_err() {
                tracing::error!(webhook = %name, "a webhook's sender panicked; it restarts");
                self.rest(Task::new(name), BEGINS_AGAIN, None);
            }
        }
    }

    /// The next sender with something to do, and the end of the feed as last read.
    fn next(&self) -> Option<(Task, FeedEnd)> {
        let mut queue = self.lock();
        loop {
            if queue.is_closed {
                return None;
            }
            let now = Instant::now();
            while let Some(first) = queue.resting.first_entry().filter(|first| first.key().0 <= now) {
                let task = first.remove();
                queue.ready.push_back(task);
            }
            if !queue.at_end.is_empty() && queue.polled.is_none_or(|at| at + POLL <= now) {
                queue.polled = Some(now);
                drop(queue);
                let end = self.engine.upgrade().and_then(|engine| FeedEnd::read(&engine));
                queue = self.lock();
                self.read_on(&mut queue, end);
                continue;
            }
            if let Some(task) = queue.ready.pop_front() {
                return Some((task, queue.end.clone()));
            }
            let next = queue.next().map(|at| at.saturating_duration_since(now));
            queue = match next {
                Some(pause) => {
                    self.wakes.wait_timeout(queue, pause).unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.wakes.wait(queue).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    /// The feed ends here now: those that have not seen it go on. An end that cannot be read is left to the senders.
    fn read_on(&self, queue: &mut Queue, end: Option<FeedEnd>) {
        let all = std::mem::take(&mut queue.at_end);
        let (stay, go): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|(seen, _)| end.as_ref().is_some_and(|end| end == seen));
        queue.at_end = stay;
        if !go.is_empty() {
            queue.ready.extend(go.into_iter().map(|(_, task)| task));
            self.wakes.notify_all();
        }
        queue.end = end.unwrap_or_default();
    }

    /// Steps a sender until it waits for something, or its turn is over.
    fn turn(self: &Arc<Self>, mut task: Task, end: FeedEnd) {
        let Some(engine) = self.engine.upgrade() else { return };
        if let Some((attempt, answer)) = task.answered.take() {
            task.sender.answered(&engine, &attempt.hook, &self.around, &attempt.call, answer);
        }
        let board = &self.around.board;
        for _ in 0..STEPS {
            let seen = board.changes();
            let Some(hook) = board.in_force(Some(&engine), &task.name) else { return };
            match task.sender.step(&engine, &hook, &self.around) {
                Next::Step => {}
                Next::Rest(pause) => return self.rest(task, pause, Some(seen)),
                Next::End => return self.end(task, end, seen),
                Next::Send(call, again) => return self.send(task, Attempt { hook, call, again }),
            }
        }
        self.ready(task);
    }

    fn ready(&self, task: Task) {
        let mut queue = self.lock();
        if !queue.is_closed {
            queue.ready.push_back(task);
            self.wakes.notify_one();
        }
    }

    /// Rests, unless something has changed since.
    fn rest(&self, task: Task, pause: Duration, seen: Option<u64>) {
        let mut queue = self.lock();
        if seen.is_some_and(|seen| seen != self.around.board.changes()) {
            drop(queue);
            return self.ready(task);
        }
        if !queue.is_closed {
            queue.rested += 1;
            let place = (Instant::now() + pause, queue.rested);
            queue.resting.insert(place, task);
            self.wakes.notify_one();
        }
    }

    /// Waits for the feed to go on from `end`, unless something has changed since.
    fn end(&self, task: Task, end: FeedEnd, seen: u64) {
        let mut queue = self.lock();
        if seen != self.around.board.changes() {
            drop(queue);
            return self.ready(task);
        }
        if !queue.is_closed {
            queue.at_end.push((end, task));
            self.wakes.notify_one();
        }
    }

    fn send(self: &Arc<Self>, task: Task, attempt: Attempt) {
        let pool = Arc::clone(self);
        self.lanes.send(task.lane, attempt, move |attempt, answer, lane| {
            pool.ready(Task { lane, answered: Some((attempt, answer)), ..task });
        });
    }
}
