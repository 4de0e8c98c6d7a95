//! Records: stable bytes, a chain that names what was altered, a fold that does not depend on the way.

use headworks_core::account::Account;
use headworks_core::record::{Category, FORMAT, Record, RecordError, SystemRecord};

use crate::common::{World, ask, credits, name};

const CATALOG: &str = r#"
version = "t"
[meters]
tokens = { unit = "token" }
[features.chat]
meters = ["tokens"]
rate_card = "card"
[[rate_cards.card]]
effective_from = "2020-01-01T00:00:00Z"
prices = [{ feature = "chat", when = { model = "m" }, per = 1_000_000, credits = { tokens = "1.875" } }]
[plans.p]
features = ["chat"]
guards = [{ name = "rpm", window.rate = { limit = 60, period = "1m" } }, { name = "day", window.sliding = { limit = 500, length = "1d" } }]
waterfall = [
  { allowance = { name = "included", windows = [{ name = "h", window.first_use = { limit = "0.001", length = "5h" } }] } },
  { grants = { name = "credits" } },
]
"#;

fn world() -> World {
    use crate::common::AskExt as _;
    let mut w = World::new(CATALOG, "p");
    w.grant("10", Category::Purchased);
    w.ask(&ask("chat", &[("tokens", 1_000)]).model("m").on_path("team:a/user:b"));
    w.pass("2s");
    w.settle(w.account.seq, &[("tokens", 700)]).expect("settles");
    w.ask(&ask("chat", &[("tokens", 10_000)]).model("m").now());
    w
}

#[test]
fn fold_equals_live_state() {
    let w = world();
    let mut replayed = Account::empty(name("acme"));
    for record in &w.log {
        replayed.apply_bytes(&record.to_bytes()).expect("folds");
    }
    assert_eq!(replayed.to_bytes(), w.account.to_bytes());
    // From a checkpoint in the middle, too.
    for middle in 1..w.log.len() {
        let mut account = Account::empty(name("acme"));
        w.log.iter().take(middle).for_each(|r| {
            account.apply_bytes(&r.to_bytes()).expect("folds");
        });
        let mut account = Account::from_bytes(&account.to_bytes()).expect("reads back");
        w.log.iter().skip(middle).for_each(|r| {
            account.apply_bytes(&r.to_bytes()).expect("folds");
        });
        assert_eq!(account.to_bytes(), w.account.to_bytes(), "checkpoint after {middle}");
    }
}

/// R2: within an account the records of the server's own log that it was decided under never go back.
#[test]
fn nothing_is_decided_under_an_earlier_record_of_the_server() {
    let w = world();
    let under = |seq| Some(SystemRecord { seq, hash: [7; 32] });
    let mut account = Account::empty(name("acme"));
    for (record, under) in w.log.iter().zip([under(5), None, under(8)]) {
        account.apply_bytes(&Record { under, ..record.clone() }.to_bytes()).expect("folds");
    }
    assert_eq!(account.under, Some(8));
    for (seq, follows) in [(3, false), (5, false), (7, false), (8, false), (9, true)] {
        // The same one again is not told again.
        let next = Record { under: under(seq), ..w.log[3].clone() };
        assert_eq!(account.clone().apply_bytes(&next.to_bytes()).is_ok(), follows, "under record {seq}");
    }
}

#[test]
fn chain_names_the_altered_record() {
    let w = world();
    let bytes: Vec<Vec<u8>> = w.log.iter().map(Record::to_bytes).collect();
    let hashes: Vec<[u8; 32]> = {
        let mut account = Account::empty(name("acme"));
        bytes.iter().map(|b| account.apply_bytes(b).expect("folds")).collect()
    };
    for victim in 0..bytes.len() {
        for at in 0..bytes[victim].len() {
            let mut account = Account::empty(name("acme"));
            let found = bytes.iter().zip(&hashes).enumerate().find_map(|(i, (b, hash))| {
                let mut b = b.clone();
                if i == victim {
                    b[at] ^= 0x10;
                }
                (account.apply_bytes(&b).ok() != Some(*hash)).then_some(i)
            });
            assert_eq!(found, Some(victim), "byte {at} of record {victim}");
        }
    }
    let other = Account::empty(name("other"));
    assert_ne!(other.chain, Account::empty(name("acme")).chain, "a log cannot pass for another account's");
}

/// No book but the operator's goes below zero: a record that would take it there does not follow from the state.
#[test]
fn books_do_not_go_below_zero() {
    use headworks_core::record::{Book, Movement};
    let w = world();
    let spent = w.account.books.spent;
    let moved = |from, to, amount| {
        let mut record = w.log.get(1).expect("the grant").clone();
        (record.seq, record.recorded_at, record.opens) = (w.account.seq + 1, w.ctx().now, None);
        record.movements = [Movement { from, to, amount }].into_iter().collect();
        w.account.clone().apply(&record, [0; 32]).is_ok()
    };
    assert!(moved(Book::Spent, Book::Operator, spent), "all that was spent can go back");
    let more = spent.checked_add(credits("0.000000001")).expect("in range");
    assert!(!moved(Book::Spent, Book::Operator, more));
    assert!(!moved(Book::Breakage, Book::Operator, credits("1")));
    // What enters these is paid back, and nothing is owed.
    for book in [Book::Goodwill, Book::Debt, Book::Overdraft] {
        assert!(!moved(Book::Operator, book, credits("1")), "{book:?}");
    }
}

/// The records of format 1, as first written. They must stay readable and re-encode to the same bytes for ever.
const FIXTURE: &str = include_str!("fixtures/format-1.hex");

#[test]
fn fixtures_stay_readable() {
    let mut account = Account::empty(name("acme"));
    for (i, line) in FIXTURE.lines().enumerate() {
        let bytes: Vec<u8> = (0..line.len() / 2)
            .map(|at| u8::from_str_radix(&line[at * 2..at * 2 + 2], 16).expect("hex"))
            .collect();
        let record = Record::from_bytes(&bytes).unwrap_or_else(|e| panic!("line {}: {e}", i + 1));
        assert_eq!(record.to_bytes(), bytes, "line {}", i + 1);
        account.apply_bytes(&bytes).expect("folds");
    }
    // By hand: 10 granted; 1,000 then 10,000 tokens at 1.875 per million, the first settled at 700, 0.001 included.
    // 700 × 0.000001875 = 0.0013125; 10,000 × 0.000001875 = 0.01875; together 0.0200625, less 0.001 included.
    assert_eq!(account.books.spent.to_string(), "0.0190625");
    assert_eq!(account.seq, 5);
    let written: Vec<Vec<u8>> = world().log.iter().map(Record::to_bytes).collect();
    let kept: Vec<String> = written.iter().map(|b| b.iter().map(|b| format!("{b:02x}")).collect()).collect();
    assert_eq!(
        kept.join("\n"),
        FIXTURE.trim_end(),
        "this release writes other bytes: bump FORMAT and add a fixture"
    );
}

#[test]
fn a_newer_format_is_named() {
    let mut bytes = world().log[0].to_bytes();
    assert_eq!(u16::from(bytes[0]), FORMAT);
    bytes[0] = 9;
    assert_eq!(Record::from_bytes(&bytes), Err(RecordError::NewerFormat(9)));
    assert!(matches!(Record::from_bytes(&[]), Err(RecordError::Malformed(_))));
    let mut long = world().log[0].to_bytes();
    long.push(0);
    assert!(matches!(Record::from_bytes(&long), Err(RecordError::Malformed(_))));
}

#[test]
fn state_is_bounded() {
    use crate::common::AskExt as _;
    let mut w = World::new(CATALOG, "p");
    for i in 0..200 {
        w.grant("0.01", Category::Free);
        w.ask(&ask("chat", &[("tokens", 8_000)]).model("m").on_path(&format!("user:u{i}")).now());
        w.pass("6h");
    }
    assert!(w.account.holds.is_empty());
    assert!(w.account.grants.len() <= 2, "{} grants", w.account.grants.len());
    assert!(w.account.windows.len() <= 16, "{} windows", w.account.windows.len());
}

#[test]
fn a_record_that_does_not_add_up_is_refused() {
    use headworks_core::record::{Event, VisitKind};
    type Alter = fn(&mut Record) -> bool;
    fn decision(r: &mut Record) -> Option<&mut headworks_core::record::Decision> {
        if let Event::Authorized { decision, .. } = &mut r.event { Some(decision) } else { None }
    }
    fn charge(r: &mut Record) -> Option<&mut headworks_core::record::Charge> {
        if let Event::Charged { charge, .. } | Event::Settled { charge, .. } = &mut r.event {
            Some(charge)
        } else {
            None
        }
    }
    let alterations: [(&str, Alter); 6] = [
        ("a draw worth more", |r| {
            decision(r).and_then(|d| d.draws.first_mut()).map(|d| d.worth += 1).is_some()
        }),
        ("a charge worth more", |r| {
            charge(r).and_then(|c| c.draws.first_mut()).map(|d| d.worth += 1).is_some()
        }),
        ("a draw too many", |r| {
            let Some(decision) = decision(r) else { return false };
            let copy = decision.draws.first().cloned();
            decision.draws.extend(copy.clone());
            copy.is_some()
        }),
        ("a window passed", |r| {
            let visits = decision(r).into_iter().flat_map(|d| &mut d.visits);
            let mut counted = visits.filter(|v| v.terms.is_some() && v.cost > 0);
            counted.next().map(|v| v.before = v.terms.expect("terms").capacity()).is_some()
        }),
        ("a source that had less", |r| {
            let visits = decision(r).into_iter().flat_map(|d| &mut d.visits);
            let mut paid = visits.filter(|v| matches!(v.kind, VisitKind::Grant(_)) && v.cost > 0);
            paid.next().map(|v| v.before = v.cost - 1).is_some()
        }),
        ("a movement of nothing", |r| r.movements.first_mut().map(|m| m.amount = credits("0")).is_some()),
    ];
    for (what, alter) in alterations {
        let mut altered = 0;
        let mut account = Account::empty(name("acme"));
        for record in world().log {
            let mut other = record.clone();
            if alter(&mut other) {
                altered += 1;
                let before = account.clone();
                assert!(account.apply(&other, [0; 32]).is_err(), "{what}: {other:?}");
                assert_eq!(account, before, "{what} changes nothing");
            }
            account.apply_bytes(&record.to_bytes()).expect("folds");
        }
        assert!(altered > 0, "no record has {what}");
    }
}
