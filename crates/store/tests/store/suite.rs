//! The suite every store passes.

use headworks_core::account::Account;
use headworks_core::catalog::{Catalog, Format};
use headworks_core::command::{Command, History, NewGrant, run};
use headworks_core::record::{Category, IndexKey, Instant, Key, Label, Name, Operation, Record, Settings};
use headworks_core::waterfall::Context;
use headworks_store::{Batch, Checkpoint, Memory, Store};

pub(crate) fn name(text: &str) -> Name {
    Name::new(text).expect(text)
}

fn catalog() -> Catalog {
    let text = "version = \"t\"\nmeters = {}\nfeatures = {}\n[plans.p]\nfeatures = []\n";
    Catalog::parse(text, Format::Toml).unwrap_or_else(|e| panic!("{e}"))
}

/// An account with a log of its own making: opened, then grants.
pub(crate) struct Writer {
    pub(crate) account: Account,
    catalog: Catalog,
}

impl Writer {
    pub(crate) fn new(account: &str) -> Self {
        Self { account: Account::empty(name(account)), catalog: catalog() }
    }

    pub(crate) fn next(&self) -> Record {
        let now = self.account.tick(Instant::from_micros(1_800_000_000_000_000));
        let ctx = Context::new(&self.account, &self.catalog, now);
        let command = if self.account.is_open() {
            Command::Grant(NewGrant::new("1".parse().expect("amount"), Category::Free))
        } else {
            Command::Open(Settings::new(name("p"), now).into())
        };
        let step = run(ctx, &command, &History::new()).expect("it is accepted");
        let draft = step.into_draft().expect("it is recorded");
        let text = Label::new(&format!("key-{}", self.account.seq + 1)).expect("label");
        let key = Key { operation: Operation::Grant, text, digest: [1; 16] };
        draft.into_record(&self.account, now, Some(key), None)
    }

    /// Adds the account's next record to a batch.
    pub(crate) fn push(&mut self, batch: &mut Batch) {
        let record = self.next();
        let hash = batch.push(&self.account, &record);
        self.account.apply(&record, hash).expect("follows");
    }

    pub(crate) fn checkpoint(&self) -> Checkpoint {
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

pub(crate) fn append(store: &dyn Store, writers: &mut [&mut Writer], rounds: usize) {
    for _ in 0..rounds {
        let mut batch = Batch::default();
        for writer in writers.iter_mut() {
            writer.push(&mut batch);
        }
        assert_eq!(store.append(&batch).expect("appends"), Vec::<Name>::new());
    }
}

/// What was appended is found: whole, by number, by key.
pub(crate) fn assert_found(store: &dyn Store, writer: &Writer) {
    let account = &writer.account.id;
    let mut folded = Account::empty(account.clone());
    for stored in store.read(account, 1, usize::MAX).expect("reads") {
        assert_eq!(folded.apply_bytes(&stored.bytes).expect("folds"), stored.hash);
    }
    assert_eq!(folded.to_bytes(), writer.account.to_bytes());
    for seq in 1..=writer.account.seq {
        let found = store.find(key(account.as_str(), seq)).expect("finds").map(|r| r.seq);
        assert_eq!(found, Some(seq));
        let read = store.read(account, seq, 1).expect("reads");
        assert_eq!(read.iter().map(|r| r.seq).collect::<Vec<_>>(), [seq]);
    }
    assert!(store.find(key(account.as_str(), writer.account.seq + 1)).expect("finds").is_none());
    let loaded = store.load(account).expect("loads").expect("known");
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

/// K1 to K4 on one store.
pub(crate) fn suite(store: &dyn Store) {
    let (mut a, mut b) = (Writer::new("a"), Writer::new("b"));
    assert_eq!(store.latest(), None);
    append(store, &mut [&mut a, &mut b], 3);
    append(store, &mut [&mut a], 20);
    assert_eq!(store.latest(), Some(a.account.recorded_at), "a has written more often, each time later");
    assert_found(store, &a);
    assert_found(store, &b);
    append_or_conflict(store, &mut b);
    assert_found(store, &a);
    assert_found(store, &b);
    a_checkpoint_hides_no_record(store, &mut a, &mut b);
    assert_eq!(store.accounts(None, 10).expect("lists"), [name("a"), name("b"), name("c")]);
    assert_eq!(store.accounts(Some(&name("a")), 1).expect("lists"), [name("b")]);
    assert!(store.load(&name("nobody")).expect("loads").is_none());
    assert!(store.read(&name("nobody"), 1, 5).expect("reads").is_empty());
    let due = store.due(Instant::from_micros(5), 10).expect("lists");
    assert_eq!(due, [name("b")], "b's last checkpoint wakes at 4, a's at 25");
    the_feed_has_every_record_in_order(store);
}

/// K3: a checkpoint hides nothing, and what comes after it is found behind it.
fn a_checkpoint_hides_no_record(store: &dyn Store, a: &mut Writer, b: &mut Writer) {
    let all = [name("a"), name("b"), name("c")];
    assert_eq!(store.unsettled(), all);
    // One without states keeps nothing, so that nobody's ends are forgotten.
    store.checkpoint(&mut || None).expect("does nothing");
    assert_eq!(store.unsettled(), all);
    store.checkpoint(&mut || Some(vec![a.checkpoint(), b.checkpoint()])).expect("checkpoints");
    assert_found(store, a);
    append(store, &mut [a, b], 2);
    assert_found(store, a);
    store.checkpoint(&mut || Some(vec![a.checkpoint()])).expect("checkpoints");
    append(store, &mut [a], 1);
    assert_found(store, a);
    assert_found(store, b);
}

/// K4: every record once, each account's in order, from any place on; places are kept.
pub(crate) fn the_feed_has_every_record_in_order(store: &dyn Store) {
    let (mut places, mut seen) = (vec![0], Vec::new());
    while let Some(fed) = store.feed(places[places.len() - 1]).expect("feeds") {
        seen.extend(fed.records);
        places.push(fed.next);
    }
    assert_eq!(places.last(), Some(&store.feed_end()));
    for account in store.accounts(None, 100).expect("lists") {
        let fed: Vec<_> = seen.iter().filter(|r| r.account == account).cloned().collect();
        assert_eq!(fed, store.read(&account, 1, usize::MAX).expect("reads"), "{account}");
    }
    let reader = name("reader");
    assert_eq!(store.acknowledged(&reader).expect("reads"), 0);
    let place = places[places.len() / 2];
    store.acknowledge(&reader, place).expect("keeps");
    assert_eq!(store.acknowledged(&reader).expect("reads"), place);
    assert!(seen.len() > 20);
}

fn append_or_conflict(store: &dyn Store, b: &mut Writer) {
    // A second writer of `b` that is one record behind: nothing of it is written, the other account's is.
    let mut behind = Writer::new("b");
    let mut scratch = Batch::default();
    behind.push(&mut scratch);
    behind.push(&mut scratch);
    let mut c = Writer::new("c");
    let mut batch = Batch::default();
    behind.push(&mut batch);
    c.push(&mut batch);
    behind.push(&mut batch);
    assert_eq!(store.append(&batch).expect("appends"), [name("b")]);
    assert_eq!(store.read(&name("c"), 1, 5).expect("reads").len(), 1);
    assert_eq!(store.read(&name("b"), 1, 50).expect("reads").len(), 3);
    append(store, &mut [b], 1);
    // The right number on another past: a log of the same length that did not happen.
    let mut elsewhere = Writer::new("b");
    let mut scratch = Batch::default();
    elsewhere.account.recorded_at = b.account.recorded_at;
    (0..b.account.seq).for_each(|_| elsewhere.push(&mut scratch));
    let mut batch = Batch::default();
    elsewhere.push(&mut batch);
    assert_eq!(store.append(&batch).expect("appends"), [name("b")]);
}

#[test]
fn memory() {
    suite(&Memory::new());
}
