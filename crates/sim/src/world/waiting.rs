//! Waiting for an answer in one thread.

use std::task::{Context, Poll, Waker};

use headworks_engine::Engine;

/// Polls until an answer comes, and commits in between.
pub(super) fn poll_until<T>(engine: &Engine, asked: impl Future<Output = T>) -> Option<T> {
    let mut asked = Box::pin(asked);
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..2_000 {
        match asked.as_mut().poll(&mut context) {
            Poll::Ready(answer) => return Some(answer),
            Poll::Pending => {
                engine.commit_once();
            }
        }
    }
    None
}
