//! The fold of redeemed resets and of periods closed by hand: the windows that they clear.

use alloc::boxed::Box;
use alloc::string::String;

use super::open::CountedWindow;
use super::state::Account;
use crate::record::{Cleared, Instant, Path, Seq};
use crate::window::{Period, Used};

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

    /// Closes periods by hand. A window that counted nothing gets its beginning too, so that late use counts before it.
    pub(super) fn close_periods(
        &mut self,
        path: &Path,
        closed: &[Cleared],
        now: Instant,
    ) -> Result<(), String> {
        for c in closed {
            match self.find_window(&c.name, c.level, path) {
                Ok(i) => {
                    let window = self.windows.get_mut(i).ok_or("no such window")?;
                    if let Used::Period(period) = &mut window.used {
                        period.close_by_hand(now);
                    } else {
                        // It was counted in another way, under an earlier catalog.
                        window.used = Used::Period(Period::open_from(now));
                    }
                }
                Err(i) => {
                    let (name, level) = (c.name.clone(), c.level);
                    let member = path.member(level).map(Box::new);
                    let used = Used::Period(Period::open_from(now));
                    self.windows.insert(i, CountedWindow { name, level, member, used, within: None });
                }
            }
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
