//! Reconciliation of stores: a sound one has no finding, damage on disk and through a store is named.

use std::fs;
use std::sync::atomic::Ordering;

use headworks_audit::reconcile::{Progress, Totals, reconcile};
use headworks_audit::replay::{replay, what_if};
use headworks_core::audit::Dataset;
use headworks_core::catalog::{Catalog, Format};
use headworks_core::record::internal;
use headworks_store::{Batch, Checked, Checkpoint, Embedded, Memory, Options, Store, check_journal};

use headworks_store::suite::{Writer, append, name};
use headworks_store::wait;

fn small() -> Options {
    Options { segment_bytes_max: 4_096, records_per_checkpoint: 10, ..Options::default() }
}

#[test]
fn a_sound_store_has_no_finding_and_its_books_add_up() {
    let store = Memory::new();
    let (mut a, mut b) = (Writer::new("a"), Writer::new("b"));
    append(&store, &mut [&mut a, &mut b], 20);
    wait(store.checkpoint(vec![a.checkpoint(), b.checkpoint()])).expect("checkpoints");
    append(&store, &mut [&mut a], 5);
    for threads in [1, 3] {
        let report = reconcile(&store, threads, &Progress::default()).expect("reads");
        assert_eq!((report.accounts, report.records, report.found), (2, 45, 0), "{:?}", report.findings);
        // Opened once each, then grants of one credit: 24 and 19.
        assert_eq!(Totals::text(report.totals.issued), "43");
        assert_eq!((report.totals.free, report.totals.difference()), (report.totals.issued, 0));
    }
}

#[test]
fn internal_logs_are_counted_apart_from_accounts() {
    let store = Memory::new();
    let (mut a, mut b) = (Writer::new("a"), Writer::new("B"));
    let mut identity = Writer::new(internal("identity.1").as_str());
    append(&store, &mut [&mut a, &mut b, &mut identity], 2);
    let report = reconcile(&store, 1, &Progress::default()).expect("reads");
    assert_eq!((report.accounts, report.internal_logs, report.records), (2, 1, 6));
}

#[test]
fn totals_are_written_as_credits() {
    let cases = [
        (0, "0"),
        (1, "0.000000001"),
        (-1, "-0.000000001"),
        (-2_500_000_000, "-2.5"),
        (i128::from(i64::MAX) * 10, "92233720368.54775807"),
    ];
    for (nano, text) in cases {
        assert_eq!(Totals::text(nano), text);
    }
}

#[test]
fn a_bit_flipped_on_disk_is_named() {
    let dir = tempfile::tempdir().expect("directory");
    {
        let store = Embedded::open(dir.path(), small()).expect("opens");
        let (mut a, mut b) = (Writer::new("a"), Writer::new("b"));
        append(&store, &mut [&mut a, &mut b], 25);
        wait(store.checkpoint(vec![a.checkpoint(), b.checkpoint()])).expect("checkpoints");
    }
    let first = dir.path().join("journal/00000001.journal");
    let sound = fs::read(&first).expect("reads");
    assert_eq!(check_journal(&dir.path().join("journal")).expect("reads"), Checked::default());
    let mut named = 0_usize;
    for at in (0..sound.len()).step_by(7) {
        let mut bytes = sound.clone();
        bytes[at] ^= 1 << (at % 8);
        fs::write(&first, bytes).expect("writes");
        // The file itself says where.
        let damage = check_journal(&dir.path().join("journal")).expect("reads").damage;
        assert!(
            damage.iter().any(|(place, _)| place.file == first && usize::try_from(place.offset).is_ok_and(|o| o <= at)),
            "byte {at}"
        );
        // The start reads the header of every segment, and nothing else of what is indexed.
        let opened = Embedded::open(dir.path(), small());
        if at < 16 {
            assert!(opened.is_err(), "byte {at}");
            continue;
        }
        // The log says which record, unless the byte belongs to none.
        let store = opened.expect("what is indexed is not read at the start");
        let report = reconcile(&store, 1, &Progress::default()).expect("reads");
        assert!(report.findings.iter().all(|(_, f)| f.dataset == Dataset::Chain), "{:?}", report.findings);
        named += usize::from(report.found > 0);
    }
    // Only headers of blocks and of the segment are outside records: 40 of some 300 bytes.
    assert!(named * 10 > (sound.len() / 7) * 8, "{named} of {}", sound.len() / 7);
    fs::write(&first, sound).expect("writes");
    let store = Embedded::open(dir.path(), small()).expect("opens");
    assert_eq!(reconcile(&store, 1, &Progress::default()).expect("reads").found, 0);
}

#[test]
fn reconcile_names_what_was_altered() {
    // Committed through the store, with a chain that fits: a grant of more than its movement, and a wrong checkpoint.
    let store = Memory::new();
    let (mut a, mut b) = (Writer::new("a"), Writer::new("b"));
    append(&store, &mut [&mut a, &mut b], 3);
    let mut record = a.next();
    record.opens.as_mut().expect("a grant").amount = "2".parse().expect("amount");
    let mut batch = Batch::default();
    batch.push(&a.account, &record);
    wait(store.append(&batch)).expect("appends");
    let wrong = Checkpoint { bytes: a.account.to_bytes(), ..b.checkpoint() };
    wait(store.checkpoint(vec![wrong.clone()])).expect("checkpoints");
    let report = reconcile(&store, 2, &Progress::default()).expect("reads");
    let named: Vec<_> = report.findings.iter().map(|(n, f)| (n.clone(), f.seq, f.dataset)).collect();
    assert_eq!(named.first(), Some(&(name("a"), 4, Dataset::Balance)));
    assert_eq!(named.last(), Some(&(name("b"), 3, Dataset::State)));
}

#[test]
fn a_pass_that_rests_in_a_large_account_ends_when_it_is_stopped() {
    let store = Memory::new();
    let mut large = Writer::new("large");
    append(&store, &mut [&mut large], 900);
    let catalog = Catalog::parse("version = \"1\"\nmeters = {}\nfeatures = {}\nplans = {}\n", Format::Toml)
        .unwrap_or_else(|e| panic!("{e}"));
    type Pass<'a> = &'a (dyn Fn(&Progress) -> u64 + Sync);
    let passes: [(&str, Pass<'_>); 3] = [
        ("reconcile", &|progress| reconcile(&store, 1, progress).expect("reads").accounts),
        ("replay", &|progress| replay(&store, 1, progress).expect("reads").accounts),
        ("what-if", &|progress| what_if(&store, &catalog, 1, progress).expect("reads").accounts),
    ];
    for (name, pass) in passes {
        // It would rest for years.
        let progress = Progress::resting(u32::MAX / 4);
        let accounts = std::thread::scope(|scope| {
            let pass = scope.spawn(|| pass(&progress));
            // What-if reads a log twice and counts the second time.
            while progress.records.load(Ordering::Relaxed) == 0 && name != "what-if" {
                std::thread::yield_now();
            }
            progress.stop();
            pass.join().expect("the pass ends")
        });
        assert_eq!(accounts, 0, "{name}: a log that was not read to its end is not counted");
        assert!(progress.records.load(Ordering::Relaxed) < 900, "{name}");
    }
}
