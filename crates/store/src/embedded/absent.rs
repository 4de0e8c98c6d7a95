//! Index keys that surely have no record, known without reading: a Bloom filter of the keys in the index.
//!
//! It knows nothing until every key that the index had when it was first asked has been read into it. When it is
//! full, a larger one replaces it. It is never wrong (`no_stored_key_is_surely_absent`).
//! Source: Bloom, "Space/time trade-offs in hash coding with allowable errors", 1970; the filter is fastbloom's.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use fastbloom::AtomicBloomFilter;
use headworks_core::record::IndexKey;

/// Bits per key: about one look-up in fifty of an absent key reads the index.
const BITS_PER_KEY: usize = 8;
/// A filter has room for this many times the keys that exist when it is created.
const ROOM: usize = 4;
/// Fewest and most keys that a filter is sized for: 64 KiB and 64 MiB. With more keys it is certain less often.
const KEYS_MIN: usize = 64 << 10;
const KEYS_MAX: usize = 64 << 20;

#[derive(Debug)]
struct Filter {
    bits: AtomicBloomFilter,
    keys: AtomicUsize,
    room: usize,
}

impl Filter {
    fn new(keys: usize) -> Self {
        let room = keys.saturating_mul(ROOM).clamp(KEYS_MIN, KEYS_MAX);
        let bits = AtomicBloomFilter::with_num_bits(room * BITS_PER_KEY).seed(&0).expected_items(room);
        Self { bits, keys: AtomicUsize::new(0), room }
    }

    fn insert(&self, key: IndexKey) {
        self.bits.insert_hash(half(key));
        self.keys.fetch_add(1, Ordering::Relaxed);
    }
}

#[derive(Debug, Default)]
struct Filters {
    /// Has every key of the index.
    current: Option<Filter>,
    /// Is being filled.
    next: Option<Filter>,
}

/// The keys of the index.
#[derive(Debug, Default)]
pub(super) struct Absent {
    filters: RwLock<Filters>,
}

impl Absent {
    fn filters(&self) -> RwLockReadGuard<'_, Filters> {
        self.filters.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn filters_mut(&self) -> RwLockWriteGuard<'_, Filters> {
        self.filters.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a filter with room for more than `keys`; every key that enters the index from now on must be inserted.
    pub(super) fn begin(&self, keys: usize) {
        self.filters_mut().next = Some(Filter::new(keys));
    }

    /// The index has this key, or is about to.
    pub(super) fn insert(&self, key: IndexKey) {
        let filters = self.filters();
        [&filters.current, &filters.next].into_iter().flatten().for_each(|filter| filter.insert(key));
    }

    /// A key that was in the index when the next filter was begun.
    pub(super) fn learn(&self, key: IndexKey) {
        if let Some(next) = &self.filters().next {
            next.insert(key);
        }
    }

    /// Puts the next filter in use, if it has every key.
    pub(super) fn end(&self, has_all: bool) {
        let mut filters = self.filters_mut();
        let next = filters.next.take();
        if has_all {
            filters.current = next;
        }
    }

    /// The number of keys, if the filter is full and can grow.
    pub(super) fn outgrown(&self) -> Option<usize> {
        let filters = self.filters();
        let current = filters.current.as_ref().filter(|_| filters.next.is_none())?;
        let keys = current.keys.load(Ordering::Relaxed);
        (keys > current.room && current.room < KEYS_MAX).then_some(keys)
    }

    /// Whether the index surely has no such key.
    pub(super) fn is_sure_of(&self, key: IndexKey) -> bool {
        self.filters().current.as_ref().is_some_and(|filter| !filter.bits.contains_hash(half(key)))
    }
}

/// Index keys are already hashes.
fn half(key: IndexKey) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = key.0.to_le_bytes();
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

#[cfg(test)]
mod tests {
    use headworks_core::record::IndexKey;

    use super::{Absent, KEYS_MIN};

    /// Keys like hashes: spread over all bits.
    fn key(n: usize) -> IndexKey {
        let n = u128::try_from(n).expect("small") + 1;
        IndexKey(n.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835))
    }

    #[test]
    fn it_is_sure_only_of_what_is_absent_and_grows() {
        let absent = Absent::default();
        assert!(!absent.is_sure_of(key(0)), "it knows nothing yet");
        absent.begin(0);
        absent.learn(key(1));
        absent.insert(key(2));
        assert!(!absent.is_sure_of(key(0)));
        absent.end(true);
        assert!(absent.is_sure_of(key(0)) && !absent.is_sure_of(key(1)) && !absent.is_sure_of(key(2)));
        (3..=KEYS_MIN).for_each(|n| absent.insert(key(n)));
        assert_eq!(absent.outgrown(), None);
        // Slightly more than one in a hundred absent keys is reported as possibly present.
        let sure = |from: usize| (from..from + 10_000).filter(|n| absent.is_sure_of(key(*n))).count();
        assert!(sure(10_000_000) > 9_500, "{}", sure(10_000_000));
        absent.insert(key(KEYS_MIN + 1));
        assert_eq!(absent.outgrown(), Some(KEYS_MIN + 1));
        absent.begin(KEYS_MIN + 1);
        absent.insert(key(KEYS_MIN + 2));
        assert_eq!(absent.outgrown(), None, "it grows already");
        (1..=KEYS_MIN + 1).for_each(|n| absent.learn(key(n)));
        absent.end(true);
        assert!((1..=KEYS_MIN + 2).all(|n| !absent.is_sure_of(key(n))));
        assert!(sure(20_000_000) > 9_900);
        // A filter that did not get every key is dropped.
        absent.begin(1);
        absent.end(false);
        assert!((1..=KEYS_MIN + 2).all(|n| !absent.is_sure_of(key(n))));
    }
}
