//! Backup under load, restore to a point in time.

use std::fs;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use headworks_audit::reconcile::{Progress, reconcile};
use headworks_core::record::{Instant, Record};
use headworks_store::{Embedded, Options, Store as _, StoreError, backup, restore};

use headworks_store::suite::{Writer, append, assert_found, name};
use headworks_store::wait;

fn small() -> Options {
    Options { segment_bytes_max: 4_096, records_per_checkpoint: 10, ..Options::default() }
}

/// Stops the writer, even when an assertion fails.
struct Stops<'a>(&'a AtomicBool);

impl Drop for Stops<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[test]
fn a_backup_under_load_is_a_prefix() {
    let dir = tempfile::tempdir().expect("directory");
    let (data, copy) = (dir.path().join("data"), dir.path().join("copy"));
    let store = Embedded::open(&data, small()).expect("opens");
    let (stop, acknowledged) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut writer = Writer::new("a");
            while !stop.load(Ordering::SeqCst) {
                // An account takes at most a thousand open grants.
                if writer.account.seq == 900 {
                    writer = Writer::new(&format!("a-{}", acknowledged.load(Ordering::SeqCst)));
                }
                append(&store, &mut [&mut writer], 1);
                acknowledged.fetch_add(1, Ordering::SeqCst);
            }
        });
        let _stops = Stops(&stop);
        for _ in 0..10 {
            let before = acknowledged.load(Ordering::SeqCst);
            // Each backup updates the one before it.
            backup(&data, &copy).expect("backs up");
            let after = acknowledged.load(Ordering::SeqCst);
            let restored = dir.path().join("restored");
            let done = restore(&copy, &restored, None).expect("restores");
            // One more record may be stored but not acknowledged yet.
            assert!(before <= done.records && done.records <= after + 1, "{before} {done:?} {after}");
            {
                let store = Embedded::open(&restored, Options::default()).expect("opens");
                assert_eq!(reconcile(&store, 1, &Progress::default()).expect("reads").found, 0);
            }
            fs::remove_dir_all(&restored).expect("removes");
            while acknowledged.load(Ordering::SeqCst) < after + 15 {
                std::thread::yield_now();
            }
        }
    });
    drop(store);
    // The copy is a data directory of its own.
    let copied = Embedded::open(&copy, small()).expect("opens");
    assert!(wait(copied.load(&name("a"))).expect("reads").is_some());
    drop(copied);
    let other = dir.path().join("other");
    append(&Embedded::open(&other, small()).expect("opens"), &mut [&mut Writer::new("b")], 3);
    let refused = backup(&other, &copy).expect_err("another ledger");
    assert!(refused.to_string().contains("not an earlier backup of the same ledger"), "{refused}");
}

#[test]
fn a_restore_ends_before_an_instant() {
    let dir = tempfile::tempdir().expect("directory");
    let data = dir.path().join("data");
    let (mut a, mut b) = (Writer::new("a"), Writer::new("b"));
    let (at, whole) = {
        let store = Embedded::open(&data, small()).expect("opens");
        append(&store, &mut [&mut a, &mut b], 12);
        let sixth = wait(store.read(&name("a"), 6, 1)).expect("reads");
        (Record::from_bytes(&sixth[0].bytes).expect("a record").recorded_at, 24)
    };
    for (until, records) in [(Some(at), 10), (Some(Instant::default()), 0), (None, whole)] {
        let to = dir.path().join(format!("to-{records}"));
        let done = restore(&data, &to, until).expect("restores");
        assert_eq!((done.records, done.later), (records, whole - records));
        let store = Embedded::open(&to, small()).expect("opens");
        let report = reconcile(&store, 1, &Progress::default()).expect("reads");
        assert_eq!((report.records, report.found), (records, 0));
        if until.is_none() {
            assert_found(&store, &a);
            assert_found(&store, &b);
        }
    }
    let again = restore(&data, &dir.path().join("to-24"), None);
    assert!(matches!(again, Err(StoreError::Refused(_))), "nothing is written over a ledger: {again:?}");
    let nowhere = restore(&dir.path().join("nothing"), &dir.path().join("new"), None).expect_err("missing");
    assert!(nowhere.to_string().contains("has no ledger"), "{nowhere}");
    // A damaged backup is named, and a partial restore is not taken for a whole ledger.
    let first = data.join("journal/00000001.journal");
    let mut bytes = fs::read(&first).expect("reads");
    bytes[100] ^= 1;
    fs::write(&first, bytes).expect("writes");
    let damaged = restore(&data, &dir.path().join("damaged"), None).expect_err("damaged");
    assert!(damaged.to_string().contains("00000001.journal at byte"), "{damaged}");
}

#[test]
fn what_was_cut_off_is_no_ledger() {
    let dir = tempfile::tempdir().expect("directory");
    let (data, good, to) = (dir.path().join("data"), dir.path().join("good"), dir.path().join("to"));
    append(&Embedded::open(&data, small()).expect("opens"), &mut [&mut Writer::new("a")], 200);
    backup(&data, &good).expect("backs up");
    // The second segment cannot be read: restore and backup stop in the middle.
    let second = data.join("journal/00000002.journal");
    let whole = fs::read(&second).expect("reads");
    fs::write(&second, [&whole[..100], &[whole[100] ^ 1], &whole[101..]].concat()).expect("writes");
    restore(&data, &to, None).expect_err("damaged");
    assert!(to.join("journal/00000001.journal").exists(), "it had begun");
    let first = dir.path().join("first");
    backup(&data, &first).expect_err("damaged");
    for cut_off in [&to, &first] {
        let errors = [
            Embedded::open(cut_off, small()).map(drop).expect_err("no ledger"),
            headworks_store::lock(cut_off).map(drop).expect_err("no ledger"),
            backup(cut_off, &dir.path().join("copy")).map(drop).expect_err("no ledger"),
            restore(cut_off, &dir.path().join("more"), None).map(drop).expect_err("no ledger"),
        ];
        assert!(errors.iter().all(|e| matches!(e, StoreError::Unfinished(_))), "{errors:?}");
    }
    // The same commands start over, and finish.
    assert_eq!(restore(&good, &to, None).expect("restores").records, 200);
    fs::write(&second, whole).expect("writes");
    backup(&data, &first).expect("backs up");
    for whole in [&to, &first] {
        let store = Embedded::open(whole, small()).expect("opens");
        let report = reconcile(&store, 1, &Progress::default()).expect("reads");
        assert_eq!((report.records, report.found), (200, 0));
    }
    // A backup stays whole while it is updated.
    let third = Embedded::open(&data, small()).expect("opens");
    append(&third, &mut [&mut Writer::new("b")], 5);
    drop(third);
    fs::write(&second, b"damaged").expect("writes");
    backup(&data, &first).expect_err("damaged");
    Embedded::open(&first, small()).expect("still whole");
}
