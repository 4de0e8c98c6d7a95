//! The log of a shadow: those of its records that commands look up.

use core::convert::Infallible;

use hashbrown::HashMap;

use crate::command::Log;
use crate::record::{Event, HoldId, Once, Record, Seq};

/// The shadow's records that later ones refer back to.
#[derive(Debug, Default)]
pub(super) struct Kept {
    pub(super) records: HashMap<Seq, Record>,
    once: HashMap<Once, Seq>,
}

impl Log for Kept {
    type Error = Infallible;

    fn record(&self, seq: Seq) -> Result<Option<Record>, Infallible> {
        Ok(self.records.get(&seq).cloned())
    }

    fn once(&self, once: Once) -> Result<Option<Record>, Infallible> {
        Ok(self.once.get(&once).and_then(|seq| self.records.get(seq)).cloned())
    }
}

impl Kept {
    /// Keeps a record that can be looked up: an effect that happens once, a grant, late use, the end of a hold that is still
    /// referred to, and what `later` records refer to.
    pub(super) fn note(&mut self, record: Record, later: bool) {
        let once = record.event.once();
        let ends = match once {
            Some(Once::Ends(hold)) => {
                Some(self.records.contains_key(&hold.0) && matches!(record.event, Event::Expired { .. }))
            }
            _ => None,
        };
        let keeps = record.opens.is_some()
            || record.quarantined().is_some()
            || ends.unwrap_or(once.is_some())
            || (later && (record.charge().is_some() || matches!(record.event, Event::Authorized { .. })));
        if !keeps {
            return;
        }
        if let Some(once) = once {
            self.once.insert(once, record.seq);
        }
        self.records.insert(record.seq, record);
    }

    /// Nothing refers to a hold any more.
    pub(super) fn forget_hold(&mut self, hold: Seq) {
        self.records.remove(&hold);
        let end = self.once.remove(&Once::Ends(HoldId(hold)));
        if let Some(end) =
            end.filter(|end| self.records.get(end).is_some_and(|r| matches!(r.event, Event::Expired { .. })))
        {
            self.records.remove(&end);
        }
    }
}
