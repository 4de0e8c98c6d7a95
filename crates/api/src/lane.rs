//! Lanes for calls that compute long: few threads of low priority, beside those that decide.
//!
//! L1 a slow call never runs where decisions do, and at most one thread for every four cores works for each kind of them
//! (`slow_calls_leave_the_runtime_alone`). L2 callers take turns, and nobody has more than a few calls in a lane
//! (`callers_take_turns`). L3 a call whose caller has left ends early (`nobody_computes_for_those_who_left`).

use std::collections::{BTreeMap, HashMap};
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::thread::JoinHandle;

use headworks_core::record::Name;
use headworks_engine::in_background;
use headworks_store::wait;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use crate::access::Access;
use crate::problem::{Kind, Problem};

/// Calls of one caller in a lane, waiting or running.
const OF_ONE_MAX: usize = 16;
/// Calls of all callers in a lane.
const OF_ALL_MAX: usize = 64;

type Owner = Option<Name>;
type Job = Box<dyn FnOnce() + Send>;

/// The lanes, by how long their calls take: nothing short waits for something long.
#[derive(Debug)]
pub struct Lanes {
    /// Pages of one account's log: milliseconds to seconds.
    pub(crate) reads: Lane,
    /// Compiling catalogs.
    pub(crate) catalogs: Lane,
    /// Calls that go through the logs of many accounts.
    pub(crate) surveys: Lane,
}

impl Lanes {
    pub(crate) fn new() -> Self {
        Self { reads: Lane::new("reads"), catalogs: Lane::new("catalogs"), surveys: Lane::new("surveys") }
    }

    /// What each lane has been asked for, by its name.
    #[must_use]
    pub fn figures(&self) -> [(&'static str, LaneFigures); 3] {
        [&self.reads, &self.catalogs, &self.surveys].map(|lane| (lane.name, lane.shared.figures()))
    }
}

/// What a lane has been asked for since the start, and what waits in it now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaneFigures {
    /// Calls that it took.
    pub calls: u64,
    /// Calls refused because it, or their caller, had too many.
    pub refused: u64,
    /// Calls that wait for their turn.
    pub waiting: usize,
}

/// One lane.
#[derive(Debug)]
pub(crate) struct Lane {
    name: &'static str,
    shared: Arc<Shared>,
    /// Started by the first call.
    threads: Mutex<Vec<JoinHandle<()>>>,
}

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    added: Condvar,
    calls: AtomicU64,
    refused: AtomicU64,
}

#[derive(Default)]
struct Queue {
    /// By turn, then in the order in which they came.
    waiting: BTreeMap<(u64, u64), Job>,
    /// The calls of each caller, and the turn of its last one.
    callers: HashMap<Owner, (usize, u64)>,
    /// The turn that is being taken.
    turn: u64,
    came: u64,
    closed: bool,
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Queue").field("callers", &self.callers).finish_non_exhaustive()
    }
}

/// Whether a call is to end because its caller has left.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stop(Arc<AtomicBool>);

impl Stop {
    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Runs a future to its end on a lane's thread, or until its caller has left.
    pub(crate) fn run<T, E: Into<Problem>>(
        &self,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, Problem> {
        let mut work = pin!(work);
        wait(poll_fn(|cx| match self.is_set() {
            true => Poll::Ready(Err(Problem::internal())),
            false => work.as_mut().poll(cx).map_err(Into::into),
        }))
    }
}

/// Sets the stop of a call whose caller leaves.
struct Leaves(Stop);

impl Drop for Leaves {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::Relaxed);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn figures(&self) -> LaneFigures {
        let count = |n: &AtomicU64| n.load(Ordering::Relaxed);
        let waiting = self.lock().waiting.len();
        LaneFigures { calls: count(&self.calls), refused: count(&self.refused), waiting }
    }

    /// Adds a call; false if its caller or the lane has too many.
    fn add(&self, owner: &Owner, job: Job) -> bool {
        let mut queue = self.lock();
        let all: usize = queue.callers.values().map(|(calls, _)| calls).sum();
        let (own, last) = queue.callers.get(owner).copied().unwrap_or((0, 0));
        if own >= OF_ONE_MAX || all >= OF_ALL_MAX {
            self.refused.fetch_add(1, Ordering::Relaxed);
            return false;
        }
        self.calls.fetch_add(1, Ordering::Relaxed);
        let turn = last.max(queue.turn) + 1;
        queue.came += 1;
        let place = (turn, queue.came);
        queue.callers.insert(owner.clone(), (own + 1, turn));
        queue.waiting.insert(place, job);
        self.added.notify_one();
        true
    }

    /// A call of this caller has ended.
    fn end(&self, owner: &Owner) {
        let mut queue = self.lock();
        if let Some((calls, _)) = queue.callers.get_mut(owner) {
            *calls -= 1;
            if *calls == 0 {
                queue.callers.remove(owner);
            }
        }
    }

    fn work(&self) {
        let mut queue = self.lock();
        while !queue.closed {
            let Some(((turn, _), job)) = queue.waiting.pop_first() else {
                queue = self.added.wait(queue).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            queue.turn = turn;
            drop(queue);
            // A call that panics drops its reply, and its caller gets an internal error.
            let _ = catch_unwind(AssertUnwindSafe(job));
            queue = self.lock();
        }
    }
}

/// The threads of a lane.
fn width() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from).div_ceil(4)
}

impl Lane {
    fn new(name: &'static str) -> Self {
        Self { name, shared: Arc::default(), threads: Mutex::default() }
    }

    fn start(&self) -> std::io::Result<()> {
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        if !threads.is_empty() {
            return Ok(());
        }
        for _ in 0..width() {
            let shared = Arc::clone(&self.shared);
            let thread = std::thread::Builder::new().name(self.name.into());
            threads.push(thread.spawn(move || {
                in_background();
                shared.work();
            })?);
        }
        Ok(())
    }

    /// Runs a call in this lane, in its caller's turn.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        access: &Access,
        work: impl FnOnce(&Stop) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        self.start().map_err(Problem::failed)?;
        let owner = access.actor().cloned();
        let (stop, runtime) = (Stop::default(), Handle::current());
        let leaves = Leaves(stop.clone());
        let (reply, answer) = oneshot::channel();
        let (shared, of) = (Arc::clone(&self.shared), owner.clone());
        let job = move || {
            let ends = Ends { shared, of };
            let _in_runtime = runtime.enter();
            if !stop.is_set() {
                // If the caller has left, nobody needs the answer.
                let _ = reply.send(work(&stop));
            }
            drop(ends);
        };
        if !self.shared.add(&owner, Box::new(job)) {
            let detail =
                format!("too many calls of this kind ({}) are running or waiting; try again soon", self.name);
            return Err(Problem::new(Kind::Overloaded, detail));
        }
        let answer = answer.await.unwrap_or_else(|_| Err(Problem::internal()));
        drop(leaves);
        answer
    }
}

/// Gives a call's place back when it has ended, also by a panic.
struct Ends {
    shared: Arc<Shared>,
    of: Owner,
}

impl Drop for Ends {
    fn drop(&mut self) {
        self.shared.end(&self.of);
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.added.notify_all();
        for thread in std::mem::take(self.threads.get_mut().unwrap_or_else(PoisonError::into_inner)) {
            if thread.join().is_err() {
                tracing::error!(lane = self.name, "a thread panicked");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{Arc, Mutex, mpsc};
    use std::time::Duration;

    use futures_util::future::join_all;
    use headworks_core::record::{ApiKey, Instant, Name};

    use super::{Lane, LaneFigures, OF_ONE_MAX, width};
    use crate::access::Access;
    use crate::audit_log::{Call, Trail};
    use crate::problem::{Kind, Problem};

    fn caller(id: &str) -> Access {
        let id = Name::new(id).expect("a name");
        let trail = Trail::new(None, Call::default(), Some(id.clone()), None);
        let key = ApiKey {
            id,
            hash: [0; 32],
            scopes: Vec::new(),
            accounts: Vec::new(),
            expires_at: Instant::NEVER,
            note: None,
            limits: None,
            gateway: None,
        };
        Access::of(&key, trail)
    }

    /// Occupies the lane's threads until the senders are dropped.
    async fn occupy(lane: &Arc<Lane>) -> Vec<mpsc::Sender<()>> {
        let mut all = Vec::new();
        for _ in 0..width() {
            all.push(occupy_one(lane).await);
        }
        all
    }

    async fn occupy_one(lane: &Arc<Lane>) -> mpsc::Sender<()> {
        let (hold, held) = mpsc::channel::<()>();
        let (began, has_begun) = tokio::sync::oneshot::channel();
        let other = Arc::clone(lane);
        tokio::spawn(async move {
            let work = move |_: &super::Stop| {
                let _ = began.send(());
                let _ = held.recv();
                Ok(())
            };
            other.run(&caller("first"), work).await
        });
        has_begun.await.expect("it runs");
        hold
    }

    #[tokio::test]
    async fn slow_calls_leave_the_runtime_alone() {
        let lane = Arc::new(Lane::new("test"));
        // This runtime has one thread, which goes on while the lane works.
        let hold = occupy(&lane).await;
        tokio::task::yield_now().await;
        drop(hold);
        let fails = lane.run(&caller("a"), |_| Err::<(), _>(Problem::invalid("no"))).await;
        assert_eq!(fails.expect_err("fails").kind, Kind::InvalidRequest);
        let panics = lane.run(&caller("a"), |_| -> Result<(), Problem> { panic!("a fault") }).await;
        assert_eq!(panics.expect_err("panics").kind, Kind::InternalError);
        assert_eq!(
            lane.run(&caller("a"), |stop| stop.run(async { Ok::<_, Problem>(7) })).await.expect("runs"),
            7
        );
    }

    #[tokio::test]
    async fn callers_take_turns() {
        let lane = Arc::new(Lane::new("test"));
        let hold = occupy(&lane).await;
        let order = Arc::new(Mutex::new(Vec::new()));
        let (one, other) = (caller("one"), caller("other"));
        let run = |access, n: usize| {
            let order = Arc::clone(&order);
            lane.run(access, move |_| {
                order.lock().expect("no panic").push(n);
                Ok(())
            })
        };
        // One comes with all that it may have, then another with two.
        let calls = (0..OF_ONE_MAX).map(|n| run(&one, n)).chain([run(&other, 100), run(&other, 101)]);
        let mut all = Box::pin(join_all(calls));
        tokio::select! {
            biased;
            _ = &mut all => panic!("nothing can run yet"),
            () = std::future::ready(()) => {}
        }
        assert_eq!(run(&one, 0).await.expect_err("too many").kind, Kind::Overloaded);
        let calls = u64::try_from(OF_ONE_MAX + 2 + width()).expect("few");
        let figures = LaneFigures { calls, refused: 1, waiting: OF_ONE_MAX + 2 };
        assert_eq!(lane.shared.figures(), figures);
        drop(hold);
        assert!(all.await.iter().all(Result::is_ok));
        // With several threads, neighbours may change places.
        let order = order.lock().expect("no panic");
        let place = |n| order.iter().position(|m| *m == n).expect("it ran");
        assert!(place(100) < place(8) && place(101) < place(8), "{order:?}");
    }

    #[tokio::test]
    async fn nobody_computes_for_those_who_left() {
        let lane = Arc::new(Lane::new("test"));
        let (began, has_begun) = tokio::sync::oneshot::channel();
        let running = {
            let lane = Arc::clone(&lane);
            tokio::spawn(async move {
                let work = move |stop: &super::Stop| {
                    let _ = began.send(());
                    stop.run(async {
                        loop {
                            tokio::task::yield_now().await;
                        }
                        #[allow(unreachable_code, reason = "says the type")]
                        Ok::<(), Problem>(())
                    })
                };
                lane.run(&caller("a"), work).await
            })
        };
        has_begun.await.expect("it runs");
        let ran = Arc::new(AtomicBool::new(false));
        let waiting = {
            let (lane, ran) = (Arc::clone(&lane), Arc::clone(&ran));
            tokio::spawn(async move {
                lane.run(&caller("a"), move |_| {
                    ran.store(true, Ordering::Relaxed);
                    Ok(())
                })
                .await
            })
        };
        tokio::task::yield_now().await;
        waiting.abort();
        running.abort();
        // Both leave their places: the next call is not kept waiting for ever, and the one that left never ran.
        let next = tokio::time::timeout(Duration::from_secs(20), lane.run(&caller("a"), |_| Ok(()))).await;
        assert!(next.is_ok_and(|done| done.is_ok()) && !ran.load(Ordering::Relaxed));
    }
}
