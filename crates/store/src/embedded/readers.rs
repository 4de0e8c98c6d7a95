//! The threads that read for callers that must not block.
//!
//! T1 a dropped store is closed: its threads have ended (`found_after_reopen`).

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

type Job = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Job>,
    is_closed: bool,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    added: Condvar,
    is_closing: AtomicBool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        let mut queue = self.lock();
        loop {
            while let Some(job) = queue.jobs.pop_front() {
                drop(queue);
                // A job that panics drops its reply, which the waiting caller notices.
                let _ = catch_unwind(AssertUnwindSafe(job));
                queue = self.lock();
            }
            if queue.is_closed {
                return;
            }
            queue = self.added.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// The threads.
pub(super) struct Readers {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl Readers {
    pub(super) fn start(threads: usize) -> std::io::Result<Self> {
        let mut readers = Self { shared: Arc::default(), threads: Vec::new() };
        for _ in 0..threads {
            let shared = Arc::clone(&readers.shared);
            let thread = std::thread::Builder::new().name("reader".into());
            readers.threads.push(thread.spawn(move || shared.work())?);
        }
        Ok(readers)
    }

    /// A check whether the store is being closed.
    pub(super) fn is_closed(&self) -> impl Fn() -> bool + Send + 'static {
        let shared = Arc::clone(&self.shared);
        move || shared.is_closing.load(Ordering::Relaxed)
    }

    pub(super) fn run(&self, job: impl FnOnce() + Send + 'static) {
        self.shared.lock().jobs.push_back(Box::new(job));
        self.shared.added.notify_one();
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        {
            let mut queue = self.shared.lock();
            queue.is_closed = true;
            self.shared.is_closing.store(true, Ordering::Relaxed);
            queue.jobs.clear();
        }
        self.shared.added.notify_all();
        for thread in self.threads.drain(..) {
            // Panics of its jobs are caught; nothing else in it can panic.
            let _ = thread.join();
        }
    }
}

impl std::fmt::Debug for Readers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Readers").field("threads", &self.threads.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::Readers;

    #[test]
    fn a_job_that_panics_is_its_callers_matter() {
        let readers = Readers::start(1).expect("starts");
        readers.run(|| panic!("a job that panics"));
        let (answer, answered) = mpsc::channel();
        readers.run(move || answer.send(()).expect("somebody waits"));
        answered.recv_timeout(Duration::from_secs(10)).expect("the next job is done");
    }
}
