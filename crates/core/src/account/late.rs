//! The fold of late use.

use alloc::string::String;

use super::state::Account;
use crate::record::{Late, Seq};

impl Account {
    pub(super) fn apply_late(&mut self, seq: Seq, late: &Late) -> Result<(), String> {
        match late {
            Late::Quarantined(_) => self.rare_mut().quarantine.push(seq),
            Late::Discarded { kept: discarded, .. } => {
                if !self.rare().quarantine.contains(discarded) {
                    return Err("no such use in quarantine".into());
                }
                self.rare_mut().quarantine.retain(|kept| kept != discarded);
            }
        }
        Ok(())
    }

    /// Use that is charged after all leaves the quarantine.
    pub(super) fn leave_quarantine(&mut self, parents: &[Seq]) {
        if self.rare().quarantine.iter().any(|kept| parents.contains(kept)) {
            self.rare_mut().quarantine.retain(|kept| !parents.contains(kept));
        }
    }
}
