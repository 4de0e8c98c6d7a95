//! Waiting for a store on a thread that may block.

use std::cell::Cell;
use std::future::Future;

thread_local! {
    static BLOCKS: Cell<bool> = const { Cell::new(false) };
}

/// Polls a future to the end on this thread, which may block: reads happen here instead of on another thread. Not for
/// the threads of an asynchronous runtime.
pub fn wait<T>(reply: impl Future<Output = T>) -> T {
    struct Before(bool);
    impl Drop for Before {
        fn drop(&mut self) {
            BLOCKS.set(self.0);
        }
    }
    let _before = Before(BLOCKS.replace(true));
    pollster::block_on(reply)
}

/// Whether this thread is within [`wait`].
pub(crate) fn may_block() -> bool {
    BLOCKS.get()
}
