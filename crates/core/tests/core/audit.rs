//! Reconciliation: what the engine wrote has no finding, what anybody altered is named.

use headworks_core::account::Account;
use headworks_core::audit::{Auditor, Dataset, Finding, replay};
use headworks_core::catalog::Catalog;
use headworks_core::command::Draft;
use headworks_core::record::{Book, Category, Credits, Event, Record, Source, chain, genesis};

use crate::common::{AskExt as _, Log, World, adjust, ask, catalog, name, refund, release, void};

const CATALOG: &str = r#"
version = "t"
[meters]
input = { unit = "token" }
output = { unit = "token" }
[features.chat]
meters = ["input", "output"]
rate_card = "card"
[features.image]
meters = ["input"]
rate_card = "card"
allowance_unit = "requests"
[features.owing]
meters = ["input"]
rate_card = "card"
overshoot = "debt"
[[rate_cards.card]]
effective_from = "2020-01-01T00:00:00Z"
prices = [
  { feature = "chat", credits = { input = "1", output = "2" } },
  { feature = "image", credits = { input = "3" } },
  { feature = "owing", credits = { input = "1" } },
]
[plans.p]
features = ["chat", "image", "owing"]
waterfall = [
  { allowance = { name = "included", features = ["chat"], windows = [{ name = "h", window.first_use = { limit = "10", length = "5h" } }] } },
  { grants = { name = "credits" } },
  { overdraft = { name = "overdraft", limit = "30" } },
]
"#;

/// A log with every kind of record that moves something.
fn world() -> World {
    let mut w = World::new(CATALOG, "p");
    let promo = w.grant("15", Category::Promotional);
    w.grant("100", Category::Purchased);
    w.hold("chat", &[("input", 20), ("output", 5)]);
    let hold = w.account.seq;
    w.pass("1s");
    w.settle(hold, &[("input", 7), ("output", 5)]).expect("settles");
    let charge = w.account.seq;
    w.ask(&ask("image", &[("input", 4)]).now());
    w.hold("chat", &[("input", 6)]);
    let over = w.account.seq;
    w.settle(over, &[("input", 9)]).expect("settles above the hold");
    w.hold("chat", &[("input", 3)]);
    w.apply(release(w.account.seq)).expect("releases");
    w.apply(refund(charge, Some("1"))).expect("refunds");
    w.apply(adjust(promo + 1, "5")).expect("adjusts");
    w.hold("chat", &[("input", 5)]);
    w.pass("61s");
    w.expire(w.account.seq);
    w.ask(&ask("owing", &[("input", 110)]).now());
    w.grant("50", Category::Purchased);
    w.apply(void(w.account.seq)).expect("voids");
    w
}

/// The log as a store would keep it, every hash computed from the bytes.
pub(crate) fn chained(log: &[Record]) -> Vec<([u8; 32], Vec<u8>)> {
    let mut previous = genesis(&name("acme"));
    log.iter()
        .map(|record| {
            let bytes = record.to_bytes();
            previous = chain(&previous, &bytes);
            (previous, bytes)
        })
        .collect()
}

pub(crate) fn audit(stored: &[([u8; 32], Vec<u8>)], catalogs: &[Catalog]) -> Vec<Finding> {
    let mut auditor = Auditor::new(&name("acme"), catalogs);
    for (seq, (hash, bytes)) in (1..).zip(stored) {
        auditor.record(seq, *hash, bytes);
    }
    auditor.into_findings()
}

#[test]
fn a_written_log_reconciles() {
    let w = world();
    let catalogs = [catalog(CATALOG)];
    assert_eq!(audit(&chained(&w.log), &catalogs), []);
    let mut auditor = Auditor::new(&name("acme"), &catalogs);
    for (seq, (hash, bytes)) in (1..).zip(chained(&w.log)) {
        auditor.record(seq, hash, &bytes);
    }
    assert_eq!(auditor.account().books, w.account.books);
    auditor.checkpoint(w.account.seq, &auditor.account().to_bytes());
    assert_eq!(auditor.findings(), []);
}

/// The number of the record at a place of the log.
fn number(at: usize) -> u64 {
    u64::try_from(at).expect("small") + 1
}

#[test]
fn any_altered_byte_is_named() {
    let w = world();
    let stored = chained(&w.log);
    for victim in 0..stored.len() {
        for at in 0..stored[victim].1.len() {
            let mut altered = stored.clone();
            altered[victim].1[at] ^= 1 << (at % 8);
            let findings = audit(&altered, &[]);
            let named = findings.iter().any(|f| f.seq == number(victim) && f.dataset == Dataset::Chain);
            assert!(named, "byte {at} of record {}: {findings:?}", victim + 1);
        }
    }
}

#[test]
fn dropped_doubled_and_moved_records_are_named() {
    let stored = chained(&world().log);
    for at in 0..stored.len() - 1 {
        let mut dropped = stored.clone();
        dropped.remove(at);
        let mut doubled = stored.clone();
        doubled.insert(at, stored[at].clone());
        let mut moved = stored.clone();
        moved.swap(at, at + 1);
        for altered in [dropped, moved] {
            assert_eq!(audit(&altered, &[]).first().map(|f| f.seq), Some(number(at)));
        }
        assert_eq!(audit(&doubled, &[]).first().map(|f| f.seq), Some(number(at) + 1));
    }
}

/// Alters one field of a record; `false` when the record has no such field.
type Alter = fn(&mut Record) -> bool;

fn on_charge(record: &mut Record, change: impl FnOnce(&mut headworks_core::record::Charge)) -> bool {
    if let Event::Settled { charge, .. }
    | Event::Charged { charge, .. }
    | Event::Expired { charge: Some(charge), .. } = &mut record.event
    {
        change(charge);
        return true;
    }
    false
}

fn on_decision(record: &mut Record, change: impl FnOnce(&mut headworks_core::record::Decision)) -> bool {
    if let Event::Authorized { decision, .. } | Event::Charged { decision, .. } = &mut record.event {
        change(decision);
        return true;
    }
    false
}

fn plus_one(amount: &mut Credits) {
    *amount = Credits::from_nano(amount.nano() + 1);
}

/// One for each class of field that follows from another.
const ALTERATIONS: [(&str, Alter); 15] = [
    ("quantity of a charge", |r| on_charge(r, |c| c.usage.lines[0].quantity += 1)),
    ("unit price of a charge", |r| {
        on_charge(r, |c| {
            c.usage.lines[0].price = headworks_core::record::Price::for_units("9", 1).expect("a price");
        })
    }),
    ("price of a charge", |r| on_charge(r, |c| plus_one(&mut c.price))),
    ("amount of a draw of a charge", |r| {
        on_charge(r, |c| {
            if let Some(d) = c.draws.last_mut() {
                d.amount += 1;
            }
        })
    }),
    ("source of a draw of a charge", |r| {
        let mut changed = false;
        let is = on_charge(r, |c| {
            if let Some(d) = c.draws.iter_mut().find(|d| matches!(d.source, Source::Grant(..))) {
                d.source = Source::Overdraft;
                changed = true;
            }
        });
        is && changed
    }),
    ("goodwill of a charge", |r| on_charge(r, |c| plus_one(&mut c.excess.get_or_insert_default().refunded))),
    ("debt of a charge", |r| on_charge(r, |c| plus_one(&mut c.excess.get_or_insert_default().owed))),
    ("price of a decision", |r| on_decision(r, |d| plus_one(&mut d.price))),
    ("draw of a decision", |r| {
        on_decision(r, |d| {
            if let Some(d) = d.draws.first_mut() {
                d.amount -= 1;
            }
        })
    }),
    ("quantity of a hold", |r| {
        let Event::Authorized { usage, .. } = &mut r.event else { return false };
        usage.lines[0].quantity += 1;
        true
    }),
    ("amount of a movement", |r| {
        r.movements.first_mut().is_some_and(|m| {
            plus_one(&mut m.amount);
            true
        })
    }),
    ("destination of a movement", |r| {
        r.movements.first_mut().is_some_and(|m| {
            m.to = if m.to == Book::Breakage { Book::Spent } else { Book::Breakage };
            true
        })
    }),
    ("origin of a movement", |r| {
        r.movements.first_mut().is_some_and(|m| {
            m.from = if m.from == Book::Goodwill { Book::Operator } else { Book::Goodwill };
            true
        })
    }),
    ("a movement too many", |r| {
        let copy = r.movements.first().copied();
        r.movements.extend(copy);
        copy.is_some()
    }),
    ("amount of an opened grant", |r| {
        r.opens.as_mut().is_some_and(|terms| {
            plus_one(&mut terms.amount);
            true
        })
    }),
];

#[test]
fn any_altered_field_is_named() {
    let log = world().log;
    let catalogs = [catalog(CATALOG)];
    for (what, alter) in ALTERATIONS {
        let mut altered_any = false;
        for victim in 0..log.len() {
            let mut altered = log.clone();
            if !alter(&mut altered[victim]) {
                continue;
            }
            altered_any = true;
            // The chain is made to fit again, as somebody who means to deceive would.
            let findings = audit(&chained(&altered), &catalogs);
            let named = findings.first().is_some_and(|f| f.seq == number(victim));
            assert!(named, "{what} of record {}: {findings:?}", victim + 1);
        }
        assert!(altered_any, "no record has a {what}");
    }
}

#[test]
fn a_checkpoint_that_differs_is_named() {
    let w = world();
    let mut wrong: Account = w.account.clone();
    plus_one(&mut wrong.books.spent);
    let mut auditor = Auditor::new(&name("acme"), &[]);
    for (seq, (hash, bytes)) in (1..).zip(chained(&w.log)) {
        auditor.record(seq, hash, &bytes);
    }
    auditor.checkpoint(w.account.seq, &wrong.to_bytes());
    let [finding] = auditor.findings() else { panic!("one finding") };
    assert_eq!((finding.seq, finding.dataset), (w.account.seq, Dataset::State));
}

/// Every record of a log, asked again on the state before it, gives the same bytes.
pub(crate) fn replayed(log: &[Record], catalog: &Catalog) -> Vec<(u64, String)> {
    replayed_under(log, |_| catalog)
}

/// No finding under one catalog, and the same records when decided again under it.
pub(crate) fn trusted(w: &World, catalog: &Catalog) {
    assert_eq!(audit(&chained(&w.log), std::slice::from_ref(catalog)), []);
    assert_eq!(replayed(&w.log, catalog), []);
}

/// As [`replayed`], each record under its own catalog.
pub(crate) fn replayed_under<'a>(log: &[Record], catalog: impl Fn(u64) -> &'a Catalog) -> Vec<(u64, String)> {
    let mut account = Account::empty(name("acme"));
    let mut differing = Vec::new();
    for (record, (hash, _)) in log.iter().zip(chained(log)) {
        let differs = replay::differs(&account, record, catalog(record.seq), &Log(log));
        differing.extend(differs.map(|why| (record.seq, why)));
        account.apply(record, hash).expect("folds");
    }
    differing
}

#[test]
fn a_log_replays_to_the_same_bytes() {
    let w = world();
    assert_eq!(replayed(&w.log, &w.catalog), []);
    // Another price gives other records, from the first that is charged for on.
    let dearer = catalog(&CATALOG.replace("input = \"1\"", "input = \"1.5\""));
    let differing: Vec<u64> = replayed(&w.log, &dearer).into_iter().map(|(seq, _)| seq).collect();
    assert_eq!(differing.first(), Some(&4));
}

#[test]
fn an_erased_log_folds_and_reconciles() {
    use headworks_core::record::Erasure;
    let mut w = World::new(CATALOG, "p");
    w.grant("100", Category::Purchased);
    for user in ["alice", "bob", "alice"] {
        let mut asked = ask("chat", &[("input", 3)]).now();
        asked.request.path = format!("user:{user}").parse().expect("path");
        w.ask(&asked);
    }
    let erasure = Erasure {
        segments: vec!["user:alice".parse().expect("segment")],
        dimensions: vec![],
        secret: [7; 32],
    };
    let stored = chained(&w.log);
    let mut log = w.log.clone();
    let erased: Vec<_> =
        log.iter_mut().zip(&stored).filter_map(|(record, (hash, _))| erasure.erase(record, *hash)).collect();
    assert_eq!(erased.iter().map(|e| e.seq).collect::<Vec<_>>(), [3, 5]);
    // The same person has the same pseudonym throughout.
    let paths: Vec<String> = [3, 5]
        .map(|seq: usize| {
            let charge = log[seq - 1].charge().expect("charged");
            charge.usage.path.to_string()
        })
        .to_vec();
    assert!(paths[0] == paths[1] && paths[0].starts_with("user:erased-"), "{paths:?}");
    let entry = |record: &Record, previous: &[u8; 32]| {
        let bytes = record.to_bytes();
        (record.link(previous, &bytes), bytes)
    };
    let mut redone: Vec<([u8; 32], Vec<u8>)> = Vec::new();
    for record in &log {
        let previous = redone.last().map_or(genesis(&name("acme")), |(hash, _)| *hash);
        redone.push(entry(record, &previous));
    }
    assert_eq!(redone.last().map(|(h, _)| h), stored.last().map(|(h, _)| h), "the chain ends as it did");
    // Without a record that vouches for them they are found.
    let found = audit(&redone, &[catalog(CATALOG)]);
    assert_eq!(found.iter().map(|f| f.seq).collect::<Vec<_>>(), [3, 5], "{found:?}");
    let mut account = Account::empty(name("acme"));
    for (_, bytes) in &redone {
        account.apply_bytes(bytes).expect("folds");
    }
    let vouching = Draft::new(Event::Erased { records: erased, reason: None });
    let vouching = vouching.into_record(&account, account.tick(w.now), None, None);
    redone.push(entry(&vouching, &account.chain));
    assert_eq!(audit(&redone, &[catalog(CATALOG)]), []);
    // An erased record that is altered afterwards is found all the same.
    let mut altered = log[2].clone();
    altered.key = None;
    altered.effective_at = altered.effective_at.after("1s".parse().expect("span"));
    let previous = redone[1].0;
    redone[2] = entry(&altered, &previous);
    let found = audit(&redone, &[catalog(CATALOG)]);
    assert!(found.iter().any(|f| f.seq == 3 && f.dataset == Dataset::Chain), "{found:?}");
}
