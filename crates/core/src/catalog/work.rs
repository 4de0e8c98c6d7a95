//! The work of reading a catalog: counted, and given up when the caller no longer wants the answer.
//!
//! C4 the work grows with the size of the text and hardly faster (`work_grows_with_the_text`). C5 it ends soon after the
//! caller says so (`a_check_ends_when_its_caller_says_so`).

use core::cell::Cell;

/// Steps between two questions to the caller.
const STRETCH: u32 = 256;

/// Work in progress.
pub(super) struct Work<'a> {
    goes_on: &'a dyn Fn() -> bool,
    steps: Cell<u32>,
    stopped: Cell<bool>,
}

impl<'a> Work<'a> {
    /// Work that goes on while this says so.
    pub(super) fn new(goes_on: &'a dyn Fn() -> bool) -> Self {
        Self { goes_on, steps: Cell::new(0), stopped: Cell::new(false) }
    }

    /// Counts a step; `false`: nobody wants the rest.
    pub(super) fn step(&self) -> bool {
        if self.stopped.get() {
            return false;
        }
        let steps = self.steps.get() + 1;
        if steps < STRETCH {
            self.steps.set(steps);
        } else {
            self.steps.set(0);
            if !(self.goes_on)() {
                self.stopped.set(true);
            }
        }
        !self.stopped.get()
    }

    /// The items, each a step; it ends early when the work does.
    pub(super) fn each<I: IntoIterator>(&self, items: I) -> impl Iterator<Item = I::Item> + use<'_, 'a, I> {
        items.into_iter().take_while(|_| self.step())
    }

    /// Whether it was given up.
    pub(super) fn is_stopped(&self) -> bool {
        self.stopped.get()
    }
}
