//! Use reported as CloudEvents: one by one in any spelling, and from files that are resent from their first row.
//!
//! I1 an event counts once, in any spelling and however often it arrives. I2 each row of a file is in the ledger
//! once, or was refused.

use super::rows::Import;
use super::{Broken, World};
use crate::catalog::ACCOUNTS;
use crate::op::{Body, Op, name};
use crate::usage::{Spelling, Usage};

const ROWS: u64 = 12;
/// Rows sent before their answers are awaited.
const AT_ONCE: usize = 4;

impl World {
    /// An event reported by a caller.
    pub(super) fn usage(&self) -> Body {
        let feature = if self.random.chance(500) { "gift" } else { "bulk" };
        let amount = 1 + self.random.next() % 9;
        Body::Usage(Usage { feature, amount, spelling: self.spelling() })
    }

    pub(super) fn spelling(&self) -> Spelling {
        let all = [Spelling::Plain, Spelling::Base64, Spelling::Percent, Spelling::Texts];
        all.get(self.random.below(all.len())).copied().unwrap_or(Spelling::Plain)
    }

    /// A file is imported, batch by batch.
    pub(super) fn import(&mut self) -> Result<(), Broken> {
        if self.import.is_done() {
            self.check_import()?;
            let account = self.random.below(ACCOUNTS.len());
            let rows = (0..ROWS).map(|_| {
                self.keys += 1;
                let body = self.usage();
                Op { key: self.keys, account, body }
            });
            self.import = Import::of(rows.collect());
        }
        let is_waiting = self.flying.iter().any(|flying| self.import.rows.contains(&flying.op));
        if is_waiting {
            return Ok(());
        }
        for op in self.import.left().take(AT_ONCE).cloned().collect::<Vec<_>>() {
            self.send(op)?;
        }
        self.restart_if_stopped()
    }

    /// Finishes the import under way.
    pub(super) fn finish_import(&mut self) -> Result<(), Broken> {
        for _ in 0..100 {
            if self.import.is_done() {
                return self.check_import();
            }
            self.import()?;
            self.commit()?;
        }
        Err(Broken("an import does not end".into()))
    }

    /// I2.
    fn check_import(&self) -> Result<(), Broken> {
        let Some(first) = self.import.rows.first() else { return Ok(()) };
        let log = self.log(&first.account())?;
        for row in &self.import.rows {
            let key = Usage::key(row.key);
            let is_row =
                |r: &&headworks_core::record::Record| r.key.as_ref().is_some_and(|k| k.text.as_str() == key);
            let times = log.iter().filter(is_row).count();
            let wanted = usize::from(!self.import.refused.contains(&row.key));
            if times != wanted {
                return Err(Broken(format!(
                    "row {key} of {} is in the ledger {times} times, not {wanted}",
                    name(ACCOUNTS.get(row.account).copied().unwrap_or_default())
                )));
            }
        }
        Ok(())
    }
}
