//! The log of a shadow: those of its records that commands look up.

use core::convert::Infallible;

use hashbrown::HashMap;

use crate::command::Log;
use crate::record::{Charge, Event, HoldId, Once, Record, Seq};

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
    /// Whether a record can be looked up: an effect that happens once, a grant, late use, the end of a hold that is still
    /// referred to, the close of a period, and what `later` records refer to.
    pub(super) fn keeps(&self, record: &Record, later: bool) -> bool {
        let once = record.event.once();
        let ends = match once {
            Some(Once::Ends(hold)) => {
                Some(self.records.contains_key(&hold.0) && matches!(record.event, Event::Expired { .. }))
            }
            _ => None,
        };
        record.opens.is_some()
            || record.quarantined().is_some()
            || ends.unwrap_or(once.is_some())
            || record.charge().is_some_and(Charge::closes)
            || (later && (record.charge().is_some() || matches!(record.event, Event::Authorized { .. })))
    }

    /// Keeps a record.
    pub(super) fn keep(&mut self, record: Record) {
        if let Some(once) = record.event.once() {
            self.once.insert(once, record.seq);
        }
        self.records.insert(record.seq, record);
    }

    /// The record by which a hold expired.
    pub(super) fn expiry(&self, hold: Seq) -> Option<Seq> {
        let end = self.once.get(&Once::Ends(HoldId(hold))).copied();
        end.filter(|end| self.records.get(end).is_some_and(|r| matches!(r.event, Event::Expired { .. })))
    }

    /// Nothing refers to a hold any more. Tells the record by which it expired.
    pub(super) fn forget_hold(&mut self, hold: Seq) -> Option<Seq> {
        let end = self.expiry(hold);
        self.records.remove(&hold);
        self.once.remove(&Once::Ends(HoldId(hold)));
        end
    }

    /// Nothing refers to a record any more, unless it is to a grant that it opened.
    pub(super) fn forget(&mut self, seq: Seq) {
        if self.records.get(&seq).is_some_and(|record| record.opens.is_none()) {
            self.records.remove(&seq);
        }
    }
}
