//! The embedded store: reopening, torn tails, damage, one process.

use std::fs;
use std::path::{Path, PathBuf};

use headworks_store::{Batch, Embedded, Options, Store as _, StoreError, journal_blocks};

use headworks_store::suite::{self, Writer, append, assert_found};
use headworks_store::wait;

fn small() -> Options {
    Options { segment_bytes_max: 4_096, records_per_checkpoint: 10, ..Options::default() }
}

fn segments(dir: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(dir.join("journal")).expect("lists").map(|f| f.expect("entry").path()).collect();
    files.retain(|file| file.extension().is_some_and(|e| e == "journal"));
    files.sort();
    files
}

/// The bytes of a segment up to the end of its last block; zeros written ahead follow them.
fn used_bytes(path: &Path) -> Vec<u8> {
    let alone = tempfile::tempdir().expect("directory");
    fs::copy(path, alone.path().join("00000001.journal")).expect("copies");
    let blocks: usize = journal_blocks(alone.path()).expect("reads").iter().sum();
    let mut bytes = fs::read(path).expect("reads");
    bytes.truncate(16 + blocks);
    bytes
}

#[test]
fn embedded() {
    for options in [Options::default(), small()] {
        let dir = tempfile::tempdir().expect("directory");
        suite::run(&Embedded::open(dir.path(), options).expect("opens"));
    }
}

#[test]
fn found_after_reopen() {
    let dir = tempfile::tempdir().expect("directory");
    let (mut a, mut b) = (Writer::new("a"), Writer::new("b"));
    for round in 0..6 {
        let store = Embedded::open(dir.path(), small()).expect("opens");
        assert!(store.recovery().cut.is_none());
        assert_eq!(store.recovery().records, a.account.seq + b.account.seq, "round {round}");
        if round > 0 {
            assert_found(&store, &a);
            assert_found(&store, &b);
            assert_eq!(
                wait(store.latest()).expect("reads"),
                Some(a.account.recorded_at.max(b.account.recorded_at))
            );
        }
        append(&store, &mut [&mut a, &mut b], 9);
        if round % 2 == 1 {
            wait(store.checkpoint(vec![a.checkpoint(), b.checkpoint()])).expect("checkpoints");
            append(&store, &mut [&mut b], 1);
        }
    }
    assert!(segments(dir.path()).len() > 3, "segments roll");
    // If the index is gone, it is rebuilt from the journal.
    fs::remove_dir_all(dir.path().join("index")).expect("removes");
    let store = Embedded::open(dir.path(), small()).expect("opens");
    let all = a.account.seq + b.account.seq;
    assert_eq!((store.recovery().records, store.recovery().read), (all, all));
    assert_found(&store, &a);
    assert_found(&store, &b);
    assert_eq!(wait(store.latest()).expect("reads"), Some(a.account.recorded_at.max(b.account.recorded_at)));
}

#[test]
fn one_process_per_directory() {
    let dir = tempfile::tempdir().expect("directory");
    let _first = Embedded::open(dir.path(), small()).expect("opens");
    let second = Embedded::open(dir.path(), small()).expect_err("refused");
    assert!(matches!(second, StoreError::Locked(_)), "{second}");
}

#[test]
fn only_an_unfinished_segment_is_made_anew() {
    let dir = tempfile::tempdir().expect("directory");
    let mut a = Writer::new("a");
    append(&Embedded::open(dir.path(), small()).expect("opens"), &mut [&mut a], 5);
    let last = dir.path().join("journal/00000002.journal");
    // As the format is documented: title, format 2, segment 2.
    let whole = [&b"HWJOURNL"[..], &[2, 0, 0, 0, 2, 0, 0, 0]].concat();
    let torn_off = |at: usize| [&whole[..at], &vec![0; 40 - at][..]].concat();
    let middle = [&[0; 5][..], &whole[5..9], &[0; 31][..]].concat();
    for unfinished in
        [Vec::new(), whole[..7].to_vec(), torn_off(0), torn_off(3), torn_off(8), torn_off(9), middle]
    {
        fs::write(&last, &unfinished).expect("writes");
        let store = Embedded::open(dir.path(), small()).unwrap_or_else(|e| panic!("{unfinished:?}: {e}"));
        assert!(store.recovery().cut.is_some());
        assert_found(&store, &a);
    }
    // A newer format, another segment's number, foreign bytes, bytes after the header: all are left as they are.
    let newer = [&whole[..8], &[3, 0, 0, 0, 2, 0, 0, 0], &[7; 20]].concat();
    let other = [&whole[..12], &[3, 0, 0, 0]].concat();
    let behind = [&torn_off(4)[..], &[1]].concat();
    for foreign in [newer, other, b"a letter from home, and not a journal".to_vec(), behind] {
        fs::write(&last, &foreign).expect("writes");
        assert!(
            matches!(Embedded::open(dir.path(), small()), Err(StoreError::Damaged { .. })),
            "{foreign:?}"
        );
        assert_eq!(fs::read(&last).expect("reads"), foreign);
    }
}

#[test]
fn torn_tail_is_cut() {
    let dir = tempfile::tempdir().expect("directory");
    let mut a = Writer::new("a");
    {
        let store = Embedded::open(dir.path(), Options::default()).expect("opens");
        append(&store, &mut [&mut a], 5);
    }
    let path = segments(dir.path()).pop().expect("segment");
    let whole = used_bytes(&path);
    let mark = dir.path().join("journal/mark");
    let marked = fs::read(&mark).expect("reads");
    let mut torn = Writer::new("a");
    let mut scratch = Batch::default();
    (0..5).for_each(|_| torn.push(&mut scratch));
    {
        let store = Embedded::open(dir.path(), Options::default()).expect("opens");
        append(&store, &mut [&mut torn], 1);
    }
    let longer = used_bytes(&path);
    // Every way the sixth block can be torn: it was never acknowledged, so it is cut and the five stay.
    for keep in (whole.len()..longer.len()).filter(|keep| keep % 5 == 0 || keep - whole.len() < 16) {
        for zeros in [0, 5_000] {
            if zeros > 0 && longer[keep..].iter().all(|b| *b == 0) {
                // The zeros written ahead complete the block.
                continue;
            }
            fs::remove_dir_all(dir.path().join("index")).expect("removes");
            fs::write(&mark, &marked).expect("writes");
            let mut bytes = longer[..keep].to_vec();
            bytes.resize(keep + zeros, 0);
            fs::write(&path, &bytes).expect("writes");
            let store =
                Embedded::open(dir.path(), Options::default()).unwrap_or_else(|e| panic!("{keep}: {e}"));
            assert_eq!(store.recovery().cut.is_some(), keep > whole.len(), "{keep}");
            assert_found(&store, &a);
        }
    }
}

#[test]
fn damage_is_named() {
    let dir = tempfile::tempdir().expect("directory");
    let mut a = Writer::new("a");
    {
        let store = Embedded::open(dir.path(), small()).expect("opens");
        append(&store, &mut [&mut a], 90);
    }
    let files = segments(dir.path());
    assert!(files.len() >= 3);
    for (file, path) in files.iter().enumerate().take(2) {
        let good = fs::read(path).expect("reads");
        for at in (0..used_bytes(path).len()).step_by(83) {
            let mut bad = good.clone();
            bad[at] ^= 0x40;
            fs::write(path, &bad).expect("writes");
            fs::remove_dir_all(dir.path().join("index")).expect("removes");
            match Embedded::open(dir.path(), small()) {
                Err(StoreError::Damaged { place, .. }) => {
                    assert_eq!(&place.file, path, "byte {at} of file {file}");
                    assert!(
                        place.offset <= u64::try_from(at).expect("small"),
                        "byte {at} is told at {}",
                        place.offset
                    );
                }
                Err(e) => panic!("byte {at} of file {file}: {e}"),
                Ok(_) => panic!("byte {at} of file {file} went unnoticed"),
            }
            assert_eq!(fs::read(path).expect("reads"), bad, "nothing is changed");
        }
        fs::write(path, &good).expect("writes");
    }
    // A missing segment is named as well.
    fs::remove_file(&files[1]).expect("removes");
    let gone = Embedded::open(dir.path(), small()).expect_err("refused");
    assert!(gone.to_string().contains("00000002.journal"), "{gone}");
}

#[test]
fn a_read_only_directory_is_told() {
    let file = tempfile::NamedTempFile::new().expect("file");
    let error = Embedded::open(file.path(), small()).expect_err("refused");
    assert!(error.to_string().contains(&file.path().display().to_string()), "{error}");
}
