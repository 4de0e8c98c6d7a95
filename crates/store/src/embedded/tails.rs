//! The records that the index does not have yet, in memory: at most a few checkpoints' worth.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use headworks_core::record::{IndexKey, Instant, Name, Record, Seq};

use super::frame::Position;
use super::mark::End;

/// Records that the index does not have yet.
#[derive(Debug, Default)]
pub(super) struct Tail {
    pub(super) keys: HashMap<IndexKey, Position>,
    pub(super) logs: BTreeMap<Name, Run>,
    pub(super) records: usize,
    /// The number of all records up to its end, including those before it.
    pub(super) total: u64,
    pub(super) end: Option<End>,
    /// The latest instant at which a record up to its end was written.
    pub(super) latest: Option<Instant>,
}

/// Consecutive records of one account.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) first: Seq,
    pub(super) positions: Vec<Position>,
    pub(super) last_hash: [u8; 32],
}

impl Run {
    pub(super) fn next(&self) -> Seq {
        self.first + u64::try_from(self.positions.len()).unwrap_or(0)
    }
}

impl Tail {
    pub(super) fn note_instant(&mut self, bytes: &[u8]) {
        self.latest = self.latest.max(Record::recorded_at(bytes));
    }

    pub(super) fn push(&mut self, account: &Name, seq: Seq, hash: [u8; 32], keys: &[IndexKey], at: Position) {
        for key in keys {
            self.keys.insert(*key, at);
        }
        match self.logs.get_mut(account) {
            Some(run) => {
                run.positions.push(at);
                run.last_hash = hash;
            }
            None => {
                self.logs.insert(account.clone(), Run { first: seq, positions: vec![at], last_hash: hash });
            }
        }
        self.records += 1;
        self.total += 1;
    }
}

/// The tail being filled, and the one on its way into the index.
#[derive(Debug, Default)]
pub(super) struct Tails {
    pub(super) current: Tail,
    pub(super) flushing: Option<Arc<Tail>>,
}
