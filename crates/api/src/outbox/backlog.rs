//! How far behind a webhook is: the records between its cursor and the end of the feed, counted. The record that made it is
//! stored behind its first cursor, and does not count: a new one is behind nothing.

use headworks_core::record::{SYSTEM, Seq};
use headworks_engine::Engine;
use headworks_store::{Cursor, Stored};

/// The most records that one look counts, so that nobody waits for a count of the whole ledger.
const COUNTED_AT_ONCE: u64 = 50_000;

/// A count of records, updated as records are processed and as more are stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Backlog {
    made: Seq,
    /// Records taken from the feed since the count began, and how many of them are left to send.
    loaded: u64,
    left: u64,
    /// Records counted since then, up to `counted_to`.
    known: u64,
    counted_to: Cursor,
}

impl Backlog {
    /// A count that begins at a cursor.
    pub(super) fn at(cursor: Cursor, made: Seq) -> Self {
        Self { made, counted_to: cursor, ..Self::default() }
    }

    /// How many of these records count for a webhook that was made by that record.
    pub(super) fn number(made: Seq, records: &[Stored]) -> u64 {
        let counts = |r: &&Stored| r.seq != made || r.account.as_str() != SYSTEM;
        u64::try_from(records.iter().filter(counts).count()).unwrap_or(u64::MAX)
    }

    /// So many records are taken; the feed goes on at `next`.
    pub(super) fn load(&mut self, records: u64, next: &Cursor) {
        self.left = records;
        self.loaded += self.left;
        // Both count from the same cursor on, so more records are further on.
        if self.known <= self.loaded {
            (self.known, self.counted_to) = (self.loaded, next.clone());
        }
    }

    /// This many of the taken records are left to send.
    pub(super) fn left(&mut self, records: usize) {
        self.left = self.left.min(u64::try_from(records).unwrap_or(u64::MAX));
    }

    /// Records that are not processed yet, as far as they are counted.
    pub(super) fn records(&self) -> u64 {
        (self.known + self.left).saturating_sub(self.loaded)
    }

    /// Counts on towards the end of the feed.
    pub(super) async fn count(mut self, engine: &Engine) -> Self {
        let enough = self.known + COUNTED_AT_ONCE;
        while self.known < enough {
            // The sender will report an unreadable record; it is not counted.
            let Ok(Some(fed)) = engine.feed(&self.counted_to).await else { break };
            self.known += Self::number(self.made, &fed.records);
            self.counted_to = fed.next;
        }
        self
    }

    /// Takes over what another look has counted since.
    pub(super) fn join(&mut self, other: Self) {
        if self.known < other.known {
            (self.known, self.counted_to) = (other.known, other.counted_to);
        }
    }
}

#[cfg(test)]
mod tests {
    use headworks_core::record::{Name, SYSTEM};
    use headworks_store::{Cursor, Stored};

    use super::Backlog;

    fn number(account: &str, many: u64) -> u64 {
        let account = Name::new(account).expect("a name");
        let stored = |seq| Stored { account: account.clone(), seq, hash: [0; 32], bytes: Vec::new() };
        Backlog::number(1, &(1..=many).map(stored).collect::<Vec<_>>())
    }

    fn at(place: u64) -> Cursor {
        Cursor::new(&place.to_string())
    }

    #[test]
    fn what_is_gone_through_is_behind_no_more() {
        let mut backlog = Backlog::at(at(100), 1);
        assert_eq!(backlog.records(), 0);
        backlog.load(number("acme", 3), &at(103));
        backlog.left(2);
        assert_eq!(backlog.records(), 2);
        // Another look has counted further in the meantime.
        backlog.join(Backlog { known: 10, counted_to: at(110), ..Backlog::at(at(100), 1) });
        assert_eq!(backlog.records(), 9);
        backlog.left(0);
        backlog.load(number("acme", 4), &at(107));
        assert_eq!(backlog.records(), 7);
        // The sender is ahead of the count.
        backlog.left(0);
        backlog.load(number("acme", 9), &at(116));
        assert_eq!(backlog.records(), 9);
        // The record that made the webhook does not count.
        backlog.left(0);
        backlog.load(number(SYSTEM, 1), &at(117));
        assert_eq!(backlog.records(), 0);
    }
}
