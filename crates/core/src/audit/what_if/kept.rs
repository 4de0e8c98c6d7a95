//! The log of a shadow: those of its records that commands look up.

use core::convert::Infallible;

use hashbrown::HashMap;

use crate::command::Log;
use crate::record::{Event, Once, Record, Seq};

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
    pub(super) fn note(&mut self, record: Record) {
        let once = record.event.once();
        let refers = record.opens.is_some()
            || record.charge().is_some()
            || record.quarantined().is_some()
            || matches!(record.event, Event::Authorized { .. });
        if let Some(once) = once {
            self.once.insert(once, record.seq);
        }
        if refers || once.is_some() {
            self.records.insert(record.seq, record);
        }
    }
}
