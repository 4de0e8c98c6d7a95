//! A batch of records on its way into a store: encoded, hashed and indexed once.

use headworks_core::account::Account;
use headworks_core::record::{IndexKey, Name, Record, Seq};
use smallvec::SmallVec;

use crate::stored::Stored;

/// Records of many accounts, in order.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    entries: Vec<Entry>,
    arena: Vec<u8>,
}

/// One record of a batch.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The account that owns the log.
    pub account: Name,
    /// Its number.
    pub seq: Seq,
    /// The chain hash before it; the account's log must end with it.
    pub previous: [u8; 32],
    /// The chain hash after it.
    pub hash: [u8; 32],
    /// The index keys that find it.
    pub keys: SmallVec<[IndexKey; 2]>,
    start: usize,
    end: usize,
}

impl Batch {
    /// Adds the next record of `account` and returns the chain hash after it.
    pub fn push(&mut self, account: &Account, record: &Record) -> [u8; 32] {
        let start = self.arena.len();
        record.encode_into(&mut self.arena);
        let hash = record.link(&account.chain, self.arena.get(start..).unwrap_or_default());
        self.entries.push(Entry {
            account: account.id.clone(),
            seq: record.seq,
            previous: account.chain,
            hash,
            keys: record.index_keys(&account.id),
            start,
            end: self.arena.len(),
        });
        hash
    }

    /// Only the records of some accounts.
    #[must_use]
    pub fn only(&self, accounts: &[Name]) -> Self {
        let mut some = Self::default();
        for entry in self.entries.iter().filter(|entry| accounts.contains(&entry.account)) {
            let start = some.arena.len();
            some.arena.extend_from_slice(self.bytes(entry));
            let (account, keys) = (entry.account.clone(), entry.keys.clone());
            some.entries.push(Entry { account, keys, start, end: some.arena.len(), ..*entry });
        }
        some
    }

    /// Removes the last record.
    pub fn pop(&mut self) {
        if let Some(entry) = self.entries.pop() {
            self.arena.truncate(entry.start);
        }
    }

    /// The records, in order.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The canonical bytes of one of the batch's records.
    #[must_use]
    pub fn bytes(&self, entry: &Entry) -> &[u8] {
        self.arena.get(entry.start..entry.end).unwrap_or_default()
    }

    /// One of the batch's records as it is stored.
    #[must_use]
    pub fn stored(&self, entry: &Entry) -> Stored {
        let Entry { account, seq, hash, .. } = entry;
        Stored { account: account.clone(), seq: *seq, hash: *hash, bytes: self.bytes(entry).to_vec() }
    }

    /// The total size of the records in bytes.
    #[must_use]
    pub fn len_bytes(&self) -> usize {
        self.arena.len()
    }

    /// Whether it is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Empties the batch and keeps its memory.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.arena.clear();
    }
}
