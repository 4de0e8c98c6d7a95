//! The fold of redeemed resets: the windows that they clear.

use alloc::string::String;

use super::state::Account;
use crate::record::{Cleared, Instant, Path, Seq};
use crate::window::Used;

impl Account {
    pub(super) fn redeem(
        &mut self,
        reset: Seq,
        path: &Path,
        cleared: &[Cleared],
        now: Instant,
    ) -> Result<(), String> {
        let resets = &mut self.rare_mut().resets;
        let before = resets.len();
        resets.retain(|r| r.id != reset);
        if resets.len() == before {
            return Err("no such banked reset".into());
        }
        for c in cleared {
            let i = self.find_window(&c.name, c.level, path).map_err(|_| "no such window")?;
            self.clear_window(i, c.closes, now);
        }
        Ok(())
    }

    /// Use counted before a reset is never given back after it: windows that stay open start over.
    fn clear_window(&mut self, i: usize, closes: bool, now: Instant) {
        let keeps = match self.windows.get_mut(i).map(|w| &mut w.used) {
            Some(Used::Period(period)) if closes => period.close(now),
            Some(Used::Period(period)) => {
                period.reset(now);
                true
            }
            Some(_) => false,
            None => return,
        };
        if !keeps {
            self.windows.remove(i);
        }
    }
}
