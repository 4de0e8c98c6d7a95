//! The embedded store where its index fails, or is written while others read.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use headworks_core::record::{IndexKey, Instant, Label, Name, Operation, Seq};

use super::disk::Directory;
use super::index::{Index, Watermark};
use super::{Embedded, MemoryIndex, Options};
use crate::contract::{Store, StoreError};
use crate::stored::Checkpoint;
use crate::suite::{self, Writer, append, assert_found, name};
use crate::wait::wait;

/// The key of a record of a [`Writer`] whose account is `a`.
fn key(seq: Seq) -> IndexKey {
    IndexKey::of_key(&name("a"), Operation::Grant, &Label::new(&format!("key-{seq}")).expect("label"))
}

fn open(dir: &tempfile::TempDir, index: Arc<dyn Index>) -> Embedded {
    // Everything is read on the thread that asks.
    let options = Options { readers: 0, ..Options::default() };
    Embedded::on(Arc::new(Directory::at(dir.path())), index, options).expect("opens")
}

#[test]
fn on_an_index_in_memory() {
    let dir = tempfile::tempdir().expect("directory");
    suite::run(&open(&dir, Arc::new(MemoryIndex::default())));
}

/// The journal names accounts of any id, and so does the index made from it.
#[test]
fn ids_are_apart_after_a_restart() {
    let dir = tempfile::tempdir().expect("directory");
    suite::ids_are_apart(&open(&dir, Arc::new(MemoryIndex::default())));
    let store = Embedded::open(dir.path(), Options::default()).expect("opens");
    let longest = name(&"n".repeat(headworks_core::record::ID_LEN_MAX));
    let listed = wait(store.accounts(None, 100)).expect("lists");
    assert_eq!((listed.len(), wait(store.read(&longest, 1, 100)).expect("reads").len()), (9, 4));
}

/// What could not be written into the index is found as before, and the log goes on behind it.
#[test]
fn a_failed_checkpoint_hides_no_record() {
    let dir = tempfile::tempdir().expect("directory");
    let index = Arc::new(MemoryIndex::default());
    let store = open(&dir, index.clone());
    let mut a = Writer::new("a");
    append(&store, &mut [&mut a], 3);
    index.fail_after(Some(0));
    wait(store.checkpoint(vec![a.checkpoint()])).expect_err("it is cut off");
    assert_found(&store, &a);
    append(&store, &mut [&mut a], 2);
    assert_found(&store, &a);
    assert!((1..=a.account.seq).all(|seq| !store.is_surely_absent(key(seq))));
    index.fail_after(None);
    for _ in 0..2 {
        wait(store.checkpoint(Vec::new())).expect("checkpoints");
        assert_found(&store, &a);
        assert!((1..=a.account.seq).all(|seq| !store.is_surely_absent(key(seq))));
    }
    let watermark = index.watermark().expect("reads");
    assert_eq!(watermark.records, a.account.seq, "nothing is left behind");
}

/// K6, while records leave memory for the index.
#[test]
fn a_key_on_its_way_into_the_index_is_never_absent() {
    let dir = tempfile::tempdir().expect("directory");
    let store = open(&dir, Arc::new(MemoryIndex::default()));
    let mut a = Writer::new("a");
    let (stored, is_over) = (AtomicU64::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Acquire) {
                let seq = stored.load(Ordering::Acquire);
                assert!(seq == 0 || !store.is_surely_absent(key(seq)), "record {seq}");
            }
        });
        for _ in 0..400 {
            append(&store, &mut [&mut a], 1);
            stored.store(a.account.seq, Ordering::Release);
            wait(store.checkpoint(Vec::new())).expect("checkpoints");
        }
        is_over.store(true, Ordering::Release);
    });
    assert!(store.is_surely_absent(key(a.account.seq + 1)));
}

/// K6, at the very moment.
#[test]
fn a_key_that_leaves_memory_is_known_by_then() {
    let dir = tempfile::tempdir().expect("directory");
    let store = open(&dir, Arc::new(MemoryIndex::default()));
    append(&store, &mut [&mut Writer::new("a")], 1);
    let mut tails = store.ledger.tails_mut();
    std::thread::scope(|scope| {
        let asks = scope.spawn(|| store.is_surely_absent(key(1)));
        // It comes as far as it can.
        std::thread::sleep(Duration::from_millis(100));
        store.ledger.absent.insert(key(1));
        tails.current.keys.clear();
        drop(tails);
        assert!(!asks.join().expect("answers"));
    });
}

/// An index that cannot be read to its end.
#[derive(Debug)]
struct Broken(Arc<MemoryIndex>);

impl Index for Broken {
    fn watermark(&self) -> Result<Watermark, StoreError> {
        self.0.watermark()
    }

    fn find(&self, key: IndexKey) -> Result<Option<u64>, StoreError> {
        self.0.find(key)
    }

    fn state(&self, account: &Name) -> Result<Option<(Seq, Vec<u8>)>, StoreError> {
        self.0.state(account)
    }

    fn positions(&self, account: &Name, from: Seq, max: usize) -> Result<Vec<u64>, StoreError> {
        self.0.positions(account, from, max)
    }

    fn last(&self, account: &Name) -> Result<Seq, StoreError> {
        self.0.last(account)
    }

    fn accounts(&self, after: Option<&Name>, max: usize) -> Result<Vec<Name>, StoreError> {
        self.0.accounts(after, max)
    }

    fn due(&self, now: Instant, max: usize) -> Result<Vec<Name>, StoreError> {
        self.0.due(now, max)
    }

    fn unsettled(&self) -> Result<Vec<Name>, StoreError> {
        self.0.unsettled()
    }

    fn each_key(&self, each: &mut dyn FnMut(IndexKey) -> bool) -> Result<bool, StoreError> {
        let mut left = 2;
        self.0.each_key(&mut |key| {
            left -= 1;
            left > 0 && each(key)
        })?;
        Err(StoreError::Index("cut off".into()))
    }

    fn write(
        &self,
        states: &[Checkpoint],
        keys: &mut [(IndexKey, u64)],
        logs: &mut dyn Iterator<Item = (&Name, Seq, Vec<u64>)>,
        watermark: Watermark,
    ) -> Result<(), StoreError> {
        self.0.write(states, keys, logs, watermark)
    }
}

/// K6, where the keys of the index could not all be read.
#[test]
fn what_was_not_read_may_be_there() {
    let dir = tempfile::tempdir().expect("directory");
    let index = Arc::new(MemoryIndex::default());
    let store = open(&dir, index.clone());
    let mut a = Writer::new("a");
    append(&store, &mut [&mut a], 5);
    wait(store.checkpoint(Vec::new())).expect("checkpoints");
    drop(store);
    let store = open(&dir, Arc::new(Broken(index)));
    assert!((1..=5).all(|seq| !store.is_surely_absent(key(seq))));
    assert_found(&store, &a);
}
