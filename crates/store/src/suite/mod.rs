//! The promises of every store, as a test: call [`run`] on an empty one. Stores in other crates run the same test.
//!
//! Panics wherever a promise is broken.

mod faulty;

pub use faulty::{Fault, Faults, Faulty};
use headworks_core::account::Account;
use headworks_core::catalog::{Catalog, Format};
use headworks_core::command::{self, Command, History, NewGrant};
use headworks_core::record::{
    Category, ID_LEN_MAX, IndexKey, Instant, Key, Label, Name, Operation, Record, Settings,
};
use headworks_core::waterfall::Context;

use crate::batch::Batch;
use crate::contract::{Appended, Cursor, LogEnd, Store};
use crate::stored::Checkpoint;
use crate::wait::wait;

/// A name.
///
/// # Panics
/// When the text is not a name.
#[must_use]
pub fn name(text: &str) -> Name {
    Name::id(text).expect(text)
}

fn catalog() -> Catalog {
    let text = "version = \"t\"\nmeters = {}\nfeatures = {}\n[plans.p]\nfeatures = []\n";
    Catalog::parse(text, Format::Toml).unwrap_or_else(|e| panic!("{e}"))
}

/// An account that writes its own log: an opening, then grants.
#[derive(Debug)]
pub struct Writer {
    /// Its state.
    pub account: Account,
    catalog: Catalog,
}

impl Writer {
    /// A new account without records.
    #[must_use]
    pub fn new(account: &str) -> Self {
        Self { account: Account::empty(name(account)), catalog: catalog() }
    }

    /// Its next record.
    ///
    /// # Panics
    /// Never.
    #[must_use]
    pub fn next(&self) -> Record {
        let now = self.account.tick(Instant::from_micros(1_800_000_000_000_000));
        let ctx = Context::new(&self.account, &self.catalog, now);
        let command = if self.account.is_open() {
            Command::Grant(NewGrant::new("1".parse().expect("amount"), Category::Free))
        } else {
            Command::Open(Settings::new(name("p"), now).into())
        };
        let step = command::run(ctx, &command, &History::new()).expect("it is accepted");
        let draft = step.into_draft().expect("it is recorded");
        let text = Label::new(&format!("key-{}", self.account.seq + 1)).expect("label");
        let key = Key { operation: Operation::Grant, text, digest: [1; 16] };
        draft.into_record(&self.account, now, Some(key), None)
    }

    /// Adds the account's next record to a batch.
    ///
    /// # Panics
    /// Never.
    pub fn push(&mut self, batch: &mut Batch) {
        let record = self.next();
        let hash = batch.push(&self.account, &record);
        self.account.apply(&record, hash).expect("follows");
    }

    /// Its state as a checkpoint; it wakes at as many microseconds as it has records.
    ///
    /// # Panics
    /// Never.
    #[must_use]
    pub fn checkpoint(&self) -> Checkpoint {
        Checkpoint {
            account: self.account.id.clone(),
            seq: self.account.seq,
            bytes: self.account.to_bytes(),
            wakes_at: Instant::from_micros(i64::try_from(self.account.seq).expect("small")),
        }
    }
}

fn key(account: &str, n: u64) -> IndexKey {
    IndexKey::of_key(&name(account), Operation::Grant, &Label::new(&format!("key-{n}")).expect("label"))
}

/// Appends the next records of these accounts, in `rounds` batches.
///
/// # Panics
/// When they are not stored.
pub fn append(store: &dyn Store, writers: &mut [&mut Writer], rounds: usize) {
    for _ in 0..rounds {
        let mut batch = Batch::default();
        for writer in writers.iter_mut() {
            writer.push(&mut batch);
        }
        assert_eq!(wait(store.append(&batch)).expect("appends"), Appended::default());
    }
}

/// Asserts that appended records are found: all of them, by number and by key.
///
/// # Panics
/// When it is not.
pub fn assert_found(store: &dyn Store, writer: &Writer) {
    let account = &writer.account.id;
    let mut folded = Account::empty(account.clone());
    for stored in wait(store.read(account, 1, usize::MAX)).expect("reads") {
        assert_eq!(folded.apply_bytes(&stored.bytes).expect("folds"), stored.hash);
    }
    assert_eq!(folded.to_bytes(), writer.account.to_bytes());
    for seq in 1..=writer.account.seq {
        let found = wait(store.find(key(account.as_str(), seq))).expect("finds").map(|r| r.seq);
        assert_eq!(found, Some(seq));
        let read = wait(store.read(account, seq, 1)).expect("reads");
        assert_eq!(read.iter().map(|r| r.seq).collect::<Vec<_>>(), [seq]);
    }
    assert!(wait(store.find(key(account.as_str(), writer.account.seq + 1))).expect("finds").is_none());
    let loaded = wait(store.load(account)).expect("loads").expect("known");
    let mut state = match loaded.checkpoint {
        Some((seq, bytes)) => {
            let state = Account::from_bytes(&bytes).expect("reads back");
            assert_eq!(state.seq, seq);
            state
        }
        None => Account::empty(account.clone()),
    };
    for stored in loaded.records {
        state.apply_bytes(&stored.bytes).expect("folds");
    }
    assert_eq!(state.to_bytes(), writer.account.to_bytes());
}

/// Ids that are easily taken for each other: each is the beginning of others, or has what a key might separate its parts by.
const LIKE: [&str; 8] = ["n", "n x", "n!", "n/", "n/o", "n~1", "no", "n\u{f1}"];

/// Accounts of any id are kept apart and listed by their bytes, the longest id included.
///
/// # Panics
/// When they are not.
pub fn ids_are_apart(store: &dyn Store) {
    let longest = "n".repeat(ID_LEN_MAX);
    let ids = LIKE.into_iter().chain([longest.as_str()]);
    let mut writers: Vec<Writer> = ids.map(Writer::new).collect();
    let mut expected: Vec<Name> = writers.iter().map(|writer| writer.account.id.clone()).collect();
    expected.sort_by(|a, b| a.as_str().as_bytes().cmp(b.as_str().as_bytes()));
    for checkpointed in [false, true] {
        append(store, &mut writers.iter_mut().collect::<Vec<_>>(), 2);
        if checkpointed {
            wait(store.checkpoint(writers.iter().map(Writer::checkpoint).collect())).expect("checkpoints");
        }
        writers.iter().for_each(|writer| assert_found(store, writer));
        for max in [1, 2, 100] {
            let (mut listed, mut after) = (Vec::new(), Some(name("m~")));
            loop {
                let page = wait(store.accounts(after.as_ref(), max)).expect("lists");
                let Some(last) = page.last() else { break };
                after = Some(last.clone());
                listed.extend(page);
            }
            assert_eq!(listed, expected, "in pages of {max}");
        }
    }
}

/// K1 to K6 on an empty store.
///
/// # Panics
/// When the store breaks one of them.
pub fn run(store: &dyn Store) {
    let (mut a, mut b) = (Writer::new("a"), Writer::new("b"));
    assert_eq!(wait(store.latest()).expect("reads"), None);
    append(store, &mut [&mut a, &mut b], 3);
    append(store, &mut [&mut a], 20);
    let latest = wait(store.latest()).expect("reads");
    assert_eq!(latest, Some(a.account.recorded_at), "a has written more often, each time later");
    assert_found(store, &a);
    assert_found(store, &b);
    append_or_conflict(store, &mut b);
    assert_found(store, &a);
    assert_found(store, &b);
    a_checkpoint_hides_no_record(store, &mut a, &mut b);
    assert_eq!(wait(store.accounts(None, 10)).expect("lists"), [name("a"), name("b"), name("c")]);
    assert_eq!(wait(store.accounts(Some(&name("a")), 1)).expect("lists"), [name("b")]);
    assert!(wait(store.load(&name("nobody"))).expect("loads").is_none());
    assert!(wait(store.read(&name("nobody"), 1, 5)).expect("reads").is_empty());
    let due = wait(store.due(Instant::from_micros(5), 10)).expect("lists");
    assert_eq!(due, [name("b")], "b's last checkpoint wakes at 4, a's at 27");
    the_feed_has_every_record_once(store);
    no_stored_key_is_surely_absent(store, &[&a, &b]);
    ids_are_apart(store);
}

/// K3: a checkpoint hides no record, and later records are found after it.
fn a_checkpoint_hides_no_record(store: &dyn Store, a: &mut Writer, b: &mut Writer) {
    let all = [name("a"), name("b"), name("c")];
    assert_eq!(wait(store.unsettled()).expect("lists"), all);
    // A checkpoint without states settles no account.
    wait(store.checkpoint(Vec::new())).expect("keeps nothing");
    assert_eq!(wait(store.unsettled()).expect("lists"), all);
    let older = a.checkpoint();
    append(store, &mut [a], 1);
    wait(store.checkpoint(vec![a.checkpoint(), b.checkpoint()])).expect("checkpoints");
    wait(store.checkpoint(vec![older])).expect("keeps the newer one");
    let kept = wait(store.state(&a.account.id)).expect("reads").map(|(seq, _)| seq);
    assert_eq!(kept, Some(a.account.seq));
    assert_eq!(wait(store.unsettled()).expect("lists"), [name("c")], "each account by itself");
    assert_found(store, a);
    append(store, &mut [a, b], 2);
    assert_found(store, a);
    wait(store.checkpoint(vec![a.checkpoint()])).expect("checkpoints");
    append(store, &mut [a], 1);
    assert_found(store, a);
    assert_found(store, b);
    // A state that does not have the last record leaves its account unsettled.
    let older = a.checkpoint();
    append(store, &mut [a], 1);
    wait(store.checkpoint(Vec::new())).expect("keeps nothing");
    wait(store.checkpoint(vec![older])).expect("checkpoints");
    assert!(wait(store.unsettled()).expect("lists").contains(&a.account.id));
    assert_found(store, a);
}

/// K4: every record once, each account's in order, from any place; places are kept.
fn the_feed_has_every_record_once(store: &dyn Store) {
    let (mut cursors, mut seen) = (vec![Cursor::default()], Vec::new());
    while let Some(fed) = wait(store.feed(&cursors[cursors.len() - 1])).expect("feeds") {
        seen.extend(fed.records);
        cursors.push(fed.next);
    }
    let end = wait(store.feed_end()).expect("reads");
    assert_eq!(wait(store.feed(&end)).expect("feeds"), None);
    for account in wait(store.accounts(None, 100)).expect("lists") {
        let fed: Vec<_> = seen.iter().filter(|r| r.account == account).cloned().collect();
        assert_eq!(fed, wait(store.read(&account, 1, usize::MAX)).expect("reads"), "{account}");
    }
    let reader = name("reader");
    assert_eq!(wait(store.acknowledged(&reader)).expect("reads"), None);
    let cursor = &cursors[cursors.len() / 2];
    wait(store.acknowledge(&reader, cursor)).expect("keeps");
    assert_eq!(wait(store.acknowledged(&reader)).expect("reads").as_ref(), Some(cursor));
    wait(store.feed(&Cursor::new("from another store"))).expect_err("it is refused");
    wait(store.acknowledge(&reader, &Cursor::new("from another store"))).expect_err("it is refused");
    assert_eq!(wait(store.acknowledged(&reader)).expect("reads").as_ref(), Some(cursor));
    for _ in 0..2 {
        wait(store.forget(&reader)).expect("forgets");
        assert_eq!(wait(store.acknowledged(&reader)).expect("reads"), None);
    }
    assert!(seen.len() > 20);
}

/// K6.
fn no_stored_key_is_surely_absent(store: &dyn Store, writers: &[&Writer]) {
    for writer in writers {
        let account = writer.account.id.as_str();
        assert!((1..=writer.account.seq).all(|seq| !store.is_surely_absent(key(account, seq))), "{account}");
    }
}

fn append_or_conflict(store: &dyn Store, b: &mut Writer) {
    // A second writer of `b` is one record behind: none of its records is written, but the other account's is.
    let mut behind = Writer::new("b");
    let mut scratch = Batch::default();
    behind.push(&mut scratch);
    behind.push(&mut scratch);
    let mut c = Writer::new("c");
    let mut batch = Batch::default();
    behind.push(&mut batch);
    c.push(&mut batch);
    behind.push(&mut batch);
    let lost = || Appended { conflicts: vec![name("b")], in_doubt: Vec::new() };
    assert_eq!(wait(store.append(&batch)).expect("appends"), lost());
    assert_eq!(wait(store.read(&name("c"), 1, 5)).expect("reads").len(), 1);
    assert_eq!(wait(store.read(&name("b"), 1, 50)).expect("reads").len(), 3);
    append(store, &mut [b], 1);
    let ends = [&b.account, &c.account].map(|account| LogEnd { seq: account.seq, hash: account.chain });
    let asked = [name("b"), name("c"), name("nobody")];
    let answered = wait(store.ends(&asked)).expect("reads");
    assert_eq!(answered, [ends[0], ends[1], LogEnd::default()]);
    // The right number but another history: a log of the same length that did not happen.
    let mut elsewhere = Writer::new("b");
    let mut scratch = Batch::default();
    elsewhere.account.recorded_at = b.account.recorded_at;
    (0..b.account.seq).for_each(|_| elsewhere.push(&mut scratch));
    let mut batch = Batch::default();
    elsewhere.push(&mut batch);
    assert_eq!(wait(store.append(&batch)).expect("appends"), lost());
}
