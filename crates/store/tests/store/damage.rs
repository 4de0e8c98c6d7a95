//! Damage to the files of a journal: the check of the whole journal and the start name each kind, with and without
//! the index, or nothing changes.

use std::fs;
use std::path::{Path, PathBuf};

use headworks_audit::reconcile::{Progress, reconcile};
use headworks_core::record::Name;
use headworks_store::{Checked, Embedded, Options, Store as _, StoreError, Stored, check_journal};

use headworks_store::suite::{Writer, append, name};
use headworks_store::wait;

fn small() -> Options {
    Options { segment_bytes_max: 4_096, records_per_checkpoint: 10, ..Options::default() }
}

fn file(dir: &Path, number: usize) -> PathBuf {
    dir.join(format!("journal/{number:08}.journal"))
}

/// Where the blocks of a segment begin and end, as the format is documented: magic,
/// then length of the bytes after the header.
fn blocks(bytes: &[u8]) -> Vec<(usize, usize)> {
    let (mut at, mut found) = (16, Vec::new());
    while bytes.get(at..at + 4) == Some(b"WBLK") {
        let length: [u8; 4] = bytes[at + 4..at + 8].try_into().expect("four bytes");
        let end = at + 12 + usize::try_from(u32::from_le_bytes(length)).expect("small");
        found.push((at, end));
        at = end;
    }
    found
}

/// How the previous process ended.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Cleanly,
    Killed,
    /// As if killed, and unsynced data is lost.
    PowerCut,
}

/// A ledger of at least four segments, checkpointed half-way, and also at its end after a clean stop.
fn ledger(dir: &Path, end: End, prefix: &str) -> usize {
    let store = Embedded::open(dir, small()).expect("opens");
    let (mut a, mut b) = (Writer::new(&format!("{prefix}a")), Writer::new(&format!("{prefix}b")));
    append(&store, &mut [&mut a, &mut b], 25);
    wait(store.checkpoint(vec![a.checkpoint(), b.checkpoint()])).expect("checkpoints");
    append(&store, &mut [&mut a, &mut b], 25);
    if end == End::Cleanly {
        wait(store.checkpoint(vec![a.checkpoint(), b.checkpoint()])).expect("checkpoints");
    }
    drop(store);
    if end == End::PowerCut {
        // The two places of checkpoints; the rest is never synced.
        let mark = dir.join("journal/mark");
        let bytes = fs::read(&mark).expect("reads");
        fs::write(mark, &bytes[..64]).expect("writes");
    }
    let last = (1..).take_while(|n| file(dir, *n).exists()).last().expect("a segment");
    assert!(last >= 4, "{last} segments");
    last
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("creates");
    for item in fs::read_dir(from).expect("lists") {
        let item = item.expect("item");
        let to = to.join(item.file_name());
        if item.path().is_dir() {
            copy(&item.path(), &to);
        } else {
            fs::copy(item.path(), to).expect("copies");
        }
    }
}

/// Every record, read from a journal alone.
fn records(dir: &Path) -> Result<Vec<Stored>, StoreError> {
    let store = Embedded::open(dir, small())?;
    let names: Vec<Name> = wait(store.accounts(None, 10))?;
    let mut all = Vec::new();
    for name in names {
        all.extend(wait(store.read(&name, 1, usize::MAX))?);
    }
    Ok(all)
}

/// The target of a kind of damage. Each kind returns the first place that it changed.
struct Wound<'a> {
    dir: &'a Path,
    /// The number of the last segment.
    last: usize,
}

impl Wound<'_> {
    fn with(
        &self,
        number: usize,
        change: impl FnOnce(&mut Vec<u8>, &[(usize, usize)]) -> usize,
    ) -> (PathBuf, usize) {
        let path = file(self.dir, number);
        let mut bytes = fs::read(&path).expect("reads");
        let blocks = blocks(&bytes);
        let at = change(&mut bytes, &blocks);
        fs::write(&path, bytes).expect("writes");
        (path, at)
    }

    fn block(&self, number: usize, block: usize) -> Vec<u8> {
        let bytes = fs::read(file(self.dir, number)).expect("reads");
        let (from, to) = blocks(&bytes)[block];
        bytes[from..to].to_vec()
    }

    /// Overwrites the bytes after the last block of the last segment.
    fn behind(&self, what: &[u8]) -> (PathBuf, usize) {
        self.with(self.last, |bytes, blocks| {
            let end = blocks.last().expect("a block").1;
            bytes.truncate(end);
            bytes.extend_from_slice(what);
            bytes.resize(end + 4_096, 0);
            end
        })
    }
}

type Kind = (&'static str, fn(&Wound<'_>) -> (PathBuf, usize));

/// Segments 1 and 2 are before the checkpoint; the last one is after it unless the stop was clean.
const KINDS: &[Kind] = &[
    ("a copy of an early block behind the last", |w| w.behind(&w.block(1, 2))),
    ("a copy of the last block behind it", |w| {
        let last = fs::read(file(w.dir, w.last)).map(|bytes| blocks(&bytes).len()).expect("reads");
        w.behind(&w.block(w.last, last - 1))
    }),
    ("a copy of a block of another segment behind the last", |w| w.behind(&w.block(2, 0))),
    ("a block twice in the middle", |w| {
        let again = w.block(2, 1);
        w.with(2, |bytes, blocks| {
            bytes.splice(blocks[1].1..blocks[1].1, again);
            blocks[1].1
        })
    }),
    ("a run of blocks twice", |w| {
        w.with(2, |bytes, blocks| {
            let run = bytes[blocks[0].0..blocks[2].1].to_vec();
            bytes.splice(blocks[2].1..blocks[2].1, run);
            blocks[2].1
        })
    }),
    ("two blocks swapped", |w| {
        w.with(2, |bytes, blocks| {
            let (first, second) =
                (bytes[blocks[1].0..blocks[1].1].to_vec(), bytes[blocks[2].0..blocks[2].1].to_vec());
            bytes.splice(blocks[1].0..blocks[2].1, [second, first].concat());
            blocks[1].0
        })
    }),
    ("a block removed", |w| {
        w.with(2, |bytes, blocks| {
            bytes.drain(blocks[1].0..blocks[1].1);
            blocks[1].0
        })
    }),
    ("a block removed in the last segment", |w| {
        w.with(w.last, |bytes, blocks| {
            bytes.drain(blocks[0].0..blocks[0].1);
            blocks[0].0
        })
    }),
    ("a block of zeros", |w| {
        w.with(2, |bytes, blocks| {
            bytes[blocks[1].0..blocks[1].1].fill(0);
            blocks[1].0
        })
    }),
    ("a block of zeros in the last segment", |w| {
        w.with(w.last, |bytes, blocks| {
            bytes[blocks[0].0..blocks[0].1].fill(0);
            blocks[0].0
        })
    }),
    ("a block with the number of another ledger's", |w| {
        let other = tempfile::tempdir().expect("directory");
        ledger(other.path(), End::Cleanly, "x");
        let foreign = Wound { dir: other.path(), last: 0 }.block(2, 1);
        w.with(2, |bytes, blocks| {
            bytes.splice(blocks[1].0..blocks[1].1, foreign);
            blocks[1].0
        })
    }),
    ("a flipped bit in the header of a segment", |w| {
        w.with(2, |bytes, _| {
            bytes[9] ^= 4;
            0
        })
    }),
    ("a flipped bit in the number of a block", |w| {
        w.with(2, |bytes, blocks| {
            bytes[blocks[1].0 + 12] ^= 1;
            blocks[1].0
        })
    }),
    ("a flipped bit in a record", |w| {
        w.with(1, |bytes, blocks| {
            bytes[blocks[2].1 - 9] ^= 0x10;
            blocks[2].0
        })
    }),
    ("a segment cut in a block", |w| {
        w.with(2, |bytes, blocks| {
            bytes.truncate(blocks[2].0 + 30);
            blocks[2].0
        })
    }),
    ("a segment that is missing", |w| {
        fs::remove_file(file(w.dir, 2)).expect("removes");
        (file(w.dir, 2), 0)
    }),
    ("the first segment missing", |w| {
        fs::remove_file(file(w.dir, 1)).expect("removes");
        (file(w.dir, 1), 0)
    }),
    ("two segments under each other's name", |w| {
        let (second, third) =
            (fs::read(file(w.dir, 2)).expect("reads"), fs::read(file(w.dir, 3)).expect("reads"));
        fs::write(file(w.dir, 2), third).expect("writes");
        fs::write(file(w.dir, 3), second).expect("writes");
        (file(w.dir, 2), 0)
    }),
    ("an empty segment", |w| {
        w.with(2, |bytes, _| {
            bytes.clear();
            0
        })
    }),
];

/// Damage that only a mark of the very end reveals; a power failure may lose that mark.
const AT_THE_END: &[Kind] = &[
    ("the last block gone", |w| {
        w.with(w.last, |bytes, blocks| {
            let at = blocks.last().expect("a block").0;
            bytes.truncate(at);
            at
        })
    }),
    ("the last block zeros", |w| {
        w.with(w.last, |bytes, blocks| {
            let (from, to) = *blocks.last().expect("a block");
            bytes[from..to].fill(0);
            from
        })
    }),
    ("a flipped bit in the last block", |w| {
        w.with(w.last, |bytes, blocks| {
            let (from, to) = *blocks.last().expect("a block");
            bytes[to - 5] ^= 2;
            from
        })
    }),
    ("the last segment missing", |w| {
        fs::remove_file(file(w.dir, w.last)).expect("removes");
        (file(w.dir, w.last), 0)
    }),
];

fn place(checked: &Checked) -> Option<(PathBuf, u64)> {
    checked.damage.first().map(|(place, _)| (place.file.clone(), place.offset))
}

#[test]
fn every_damage_is_named_or_changes_nothing() {
    for end in [End::Cleanly, End::Killed, End::PowerCut] {
        let whole = tempfile::tempdir().expect("directory");
        let last = ledger(whole.path(), end, "");
        let journal = whole.path().join("journal");
        assert_eq!(check_journal(&journal).expect("reads"), Checked::default());
        let sound = tempfile::tempdir().expect("directory");
        copy(whole.path(), sound.path());
        let sound = records(sound.path()).expect("reads");
        let kinds = KINDS.iter().chain(AT_THE_END.iter().filter(|_| end != End::PowerCut));
        for ((kind, wound), has_index) in kinds.flat_map(|kind| [(kind, true), (kind, false)]) {
            let case = format!("{kind}, {end:?}, index {has_index}");
            let dir = tempfile::tempdir().expect("directory");
            copy(whole.path(), dir.path());
            if !has_index {
                fs::remove_dir_all(dir.path().join("index")).expect("removes");
            }
            let (file, offset) = wound(&Wound { dir: dir.path(), last });
            let expected = (file, u64::try_from(offset).expect("small"));
            let checked = check_journal(&dir.path().join("journal")).expect("reads");
            assert_eq!(place(&checked).as_ref(), Some(&expected), "{case}: {checked:?}");
            let before: Vec<_> = (1..=last).map(|n| fs::read(self::file(dir.path(), n)).ok()).collect();
            match Embedded::open(dir.path(), small()) {
                Err(StoreError::Damaged { place, .. }) => {
                    assert_eq!((place.file, place.offset), expected, "{case}");
                }
                Err(e) => panic!("{case}: {e}"),
                // The index has records that the start does not read again: they are
                // unchanged, or reconciliation reports them.
                Ok(store) => {
                    assert!(has_index, "{case}: the start read all and found nothing");
                    assert_eq!(store.recovery().cut, None, "{case}");
                    let found = reconcile(&store, 1, &Progress::default()).expect("reads").found;
                    drop(store);
                    assert!(found > 0 || records(dir.path()).expect("reads") == sound, "{case}");
                }
            }
            let after: Vec<_> = (1..=last).map(|n| fs::read(self::file(dir.path(), n)).ok()).collect();
            assert!(before == after, "{case}: the start changed a file");
        }
    }
}

#[test]
fn an_older_block_behind_a_torn_write_proves_nothing() {
    let dir = tempfile::tempdir().expect("directory");
    let last = ledger(dir.path(), End::Killed, "");
    let wound = Wound { dir: dir.path(), last };
    let sound = records(dir.path()).expect("reads");
    // The first bytes of a block that was never whole, followed by old content of the disk.
    let torn = [&b"WBLK"[..], &[200, 0, 0, 0], &[7; 40], &wound.block(1, 2)].concat();
    let (file, offset) = wound.behind(&torn);
    {
        let checked = check_journal(&dir.path().join("journal")).expect("reads");
        assert_eq!(checked.damage, []);
        let torn = checked.torn.expect("a torn write");
        assert_eq!((torn.file, torn.offset), (file, u64::try_from(offset).expect("small")));
        let store = Embedded::open(dir.path(), small()).expect("opens");
        assert!(store.recovery().cut.is_some());
    }
    assert_eq!(records(dir.path()).expect("reads"), sound);
}

#[test]
fn a_mark_that_cannot_be_read_costs_only_time() {
    let dir = tempfile::tempdir().expect("directory");
    ledger(dir.path(), End::Cleanly, "");
    let sound = records(dir.path()).expect("reads");
    let mark = dir.path().join("journal/mark");
    let bytes = fs::read(&mark).expect("there is a mark");
    for at in 0..bytes.len() {
        let mut bad = bytes.clone();
        bad[at] ^= 0x20;
        fs::write(&mark, bad).expect("writes");
        assert_eq!(records(dir.path()).expect("opens"), sound, "byte {at}");
    }
    fs::remove_file(&mark).expect("removes");
    assert_eq!(records(dir.path()).expect("opens"), sound);
    assert_eq!(name("a"), sound[0].account);
}

/// Alters the first key of the last block's first entry, and corrects both checksums.
fn alter_key(path: &Path) {
    let mut bytes = fs::read(path).expect("reads");
    let (from, to) = *blocks(&bytes).last().expect("a block");
    // Header, number and link of the block; then length and checksum of the entry; then its body: the account's name,
    // number and hash, the number of keys, and the keys.
    let entry = from + 12 + 12;
    let length: [u8; 4] = bytes[entry..entry + 4].try_into().expect("four bytes");
    let body = entry + 8..entry + 8 + usize::try_from(u32::from_le_bytes(length)).expect("small");
    let key = body.start + 1 + usize::from(bytes[body.start]) + 8 + 32 + 1;
    bytes[key] ^= 1;
    let crc = crc32c::crc32c(&bytes[body]);
    bytes[entry + 4..entry + 8].copy_from_slice(&crc.to_le_bytes());
    let crc = crc32c::crc32c(&bytes[from + 12..to]);
    bytes[from + 8..from + 12].copy_from_slice(&crc.to_le_bytes());
    fs::write(path, bytes).expect("writes");
}

#[test]
fn a_key_that_was_altered_is_named() {
    let whole = tempfile::tempdir().expect("directory");
    let last = ledger(whole.path(), End::Killed, "");
    // An attacker who corrects checksums also removes the mark.
    fs::remove_file(whole.path().join("journal/mark")).expect("removes");
    let found = |dir: &Path| {
        let store = Embedded::open(dir, small()).expect("opens");
        let report = reconcile(&store, 1, &Progress::default()).expect("reads");
        let damage = wait(store.damage(&mut || true)).expect("reads");
        (
            report
                .findings
                .iter()
                .map(|(name, f)| format!("{name} {}: {}", f.seq, f.what))
                .collect::<Vec<_>>(),
            damage,
        )
    };
    assert_eq!(found(whole.path()), (Vec::new(), Vec::new()));
    // In the journal: the check names it, and if the index is rebuilt from it, so does the record that is not found.
    for has_index in [true, false] {
        let dir = tempfile::tempdir().expect("directory");
        copy(whole.path(), dir.path());
        alter_key(&file(dir.path(), last));
        if !has_index {
            fs::remove_dir_all(dir.path().join("index")).expect("removes");
        }
        let checked = check_journal(&dir.path().join("journal")).expect("reads");
        assert!(checked.damage[0].1.contains("record 50 of account a"), "{checked:?}");
        let (records, damage) = found(dir.path());
        assert_eq!(damage, checked.damage);
        assert!(
            records.len() == 1 && records[0].starts_with("a 50: it is not found by its key"),
            "{records:?}"
        );
    }
    // In the index alone.
    let dir = tempfile::tempdir().expect("directory");
    copy(whole.path(), dir.path());
    {
        let index = fjall::Database::builder(dir.path().join("index")).open().expect("opens");
        let keys = index.keyspace("keys", fjall::KeyspaceCreateOptions::default).expect("there are keys");
        let mut all = keys.iter().map(|item| item.into_inner().expect("reads"));
        let ((key, _), (_, elsewhere)) = (all.next().expect("one"), all.next().expect("two"));
        keys.insert(key, elsewhere).expect("writes");
        index.persist(fjall::PersistMode::SyncAll).expect("writes");
    }
    let (records, damage) = found(dir.path());
    assert!(records.len() == 1 && records[0].contains("its key leads to record"), "{records:?}");
    assert_eq!(damage, []);
}
