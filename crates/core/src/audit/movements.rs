//! Movements from charges.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::charges::{credits_of, kept};
use super::{Dataset, Found, Past};
use crate::account::{Account, Hold};
use crate::amount::Credits;
use crate::decision::{Draw, Source};
use crate::ledger::{Book, Charge, Event, GrantId, HoldId, Movement, Record};

/// Movements from charges. `None` when the record names a hold or grant that is not open.
pub(super) fn check_movements(
    record: &Record,
    before: &Account,
    past: &Past,
    found: &mut Found,
) -> Option<()> {
    let mut expect = |expected: Vec<Movement>| {
        if *expected != *record.movements {
            found.push((
                Dataset::Balance,
                format!("its movements are {} but should be {}", list(&record.movements), list(&expected)),
            ));
        }
    };
    let grant = |id: &GrantId| before.grant(*id);
    match &record.event {
        Event::Authorized(_, decision, _) => expect(taken(&decision.draws, Book::Hold(HoldId(record.seq)))),
        Event::Extended(hold, _, decision, ..) => {
            before.hold(*hold)?;
            expect(taken(&decision.draws, Book::Hold(*hold)));
        }
        Event::Charged(charge, _) | Event::Settled(_, charge, true) => {
            expect(taken(&charge.draws, Book::Spent))
        }
        Event::Settled(hold, charge, false) | Event::Expired(hold, Some(charge)) => {
            check_ended(record, before, before.hold(*hold)?, Some(charge), found);
        }
        Event::Released(hold) | Event::Expired(hold, None) => {
            check_ended(record, before, before.hold(*hold)?, None, found);
        }
        Event::Granted => {
            let terms = record.opens.as_ref()?;
            let own = Book::Grant(GrantId(record.seq));
            let mut expected = alloc::vec![Movement { from: Book::Operator, to: own, amount: terms.amount }];
            if terms.effective_from <= record.recorded_at && terms.features.is_empty() {
                let debt = before.books.debt.min(terms.amount);
                let lent = before.books.overdraft.nano() - before.overdraft_held().nano();
                let left = Credits::from_nano(terms.amount.nano() - debt.nano());
                let repaid = [(Book::Debt, debt), (Book::Overdraft, Credits::from_nano(lent).min(left))];
                let repaid = repaid.into_iter().filter(|(_, amount)| amount.is_positive());
                expected.extend(repaid.map(|(to, amount)| Movement { from: own, to, amount }));
            }
            expect(expected);
        }
        Event::GrantExpired(id) => expect(some(Book::Grant(*id), Book::Breakage, grant(id)?.remaining)),
        Event::Voided(id, _) => expect(some(Book::Grant(*id), Book::Operator, grant(id)?.remaining)),
        Event::Adjusted(id, by, _) => {
            grant(id)?;
            let own = Book::Grant(*id);
            let down = Credits::from_nano(by.nano().saturating_neg());
            expect(if by.is_positive() {
                some(Book::Operator, own, *by)
            } else {
                some(own, Book::Operator, down)
            });
        }
        Event::Refunded { charge, amount, .. } => {
            check_refund(record, past, past.charges.get(charge)?, *amount, found);
        }
        Event::Opened(_)
        | Event::Changed(..)
        | Event::Denied(_)
        | Event::CatalogLoaded(..)
        | Event::KeyCreated(_)
        | Event::KeyRevoked(_) => expect(Vec::new()),
    }
    Some(())
}

fn sum(movements: &[Movement], is: impl Fn(&Movement) -> bool) -> i128 {
    movements.iter().filter(|m| is(m)).map(|m| i128::from(m.amount.nano())).sum()
}

/// A grant that opens as a consequence gets exactly what moves into it.
fn check_opened(record: &Record, found: &mut Found) {
    let own = Book::Grant(GrantId(record.seq));
    let given = sum(&record.movements, |m| m.to == own);
    let stated = record.opens.as_ref().map_or(0, |terms| i128::from(terms.amount.nano()));
    if given != stated {
        found.push((
            Dataset::Balance,
            format!("it opens a grant of {stated} nano-credits and moves {given} into it"),
        ));
    }
}

/// A refund gives back where the charge drew, or where that has gone since.
fn check_refund(record: &Record, past: &Past, drawn: &[Draw], amount: Credits, found: &mut Found) {
    let back = sum(&record.movements, |m| m.from == Book::Spent);
    if back != i128::from(amount.nano()) || back > credits_of(drawn) {
        found.push((Dataset::Balance, format!("it gives back {back} nano-credits of {amount}")));
    }
    let grants =
        || drawn.iter().filter_map(|d| if let Source::Grant(id, _) = d.source { Some(id) } else { None });
    let voided = |id: &GrantId| past.voided.contains(id);
    let expired = |id: &GrantId| past.expiries.get(id).is_none_or(|at| *at <= record.recorded_at);
    for movement in &record.movements {
        let fits = match (movement.from, movement.to) {
            (Book::Spent, Book::Breakage) => grants().any(|id| expired(&id)),
            (Book::Spent, Book::Operator) => grants().any(|id| voided(&id)),
            (Book::Spent, to) if draws_from(drawn, to) => {
                let paid = drawn.iter().filter(|d| book_of(d.source) == Some(to));
                sum(&record.movements, |m| m.from == Book::Spent && m.to == to)
                    <= paid.map(|d| i128::from(d.credits().nano())).sum()
            }
            (Book::Spent | Book::Goodwill, to) => to == Book::Grant(GrantId(record.seq)),
            _ => false,
        };
        if !fits {
            found.push((
                Dataset::Balance,
                format!("a movement has no cause: {}", list(core::slice::from_ref(movement))),
            ));
        }
    }
    check_opened(record, found);
}

/// The end of a hold: what is charged goes to `spent`, the rest where it came from or where that has gone.
fn check_ended(record: &Record, before: &Account, hold: &Hold, charge: Option<&Charge>, found: &mut Found) {
    let own = Book::Hold(hold.id);
    let out = sum(&record.movements, |m| m.from == own);
    if out != i128::from(hold.held().nano()) {
        let held = hold.held();
        found.push((Dataset::Balance, format!("it moves {out} nano-credits out of a hold of {held}")));
    }
    let spent = sum(&record.movements, |m| m.to == Book::Spent);
    let charged = charge.map_or(0, |c| credits_of(&c.draws));
    if spent != charged {
        found.push((
            Dataset::Balance,
            format!("it moves {spent} nano-credits to `spent` and charges {charged}"),
        ));
    }
    let of_hold = sum(&record.movements, |m| m.from == own && m.to == Book::Spent);
    let front = |charge| kept(hold, charge).map(|(held, drawn)| held.credits().min(drawn.credits()));
    let expected: i128 = charge.into_iter().flat_map(front).map(|c| i128::from(c.nano())).sum();
    if of_hold != expected {
        found.push((
            Dataset::Balance,
            format!("it charges {of_hold} nano-credits to a receipt that pays {expected}"),
        ));
    }
    for movement in &record.movements {
        let fits = match (movement.from, movement.to) {
            (from, Book::Spent) => from == own || charge.is_some_and(|c| draws_from(&c.draws, from)),
            (from, Book::Breakage) if from == own => {
                let expired = |g: &crate::account::Grant| g.terms.expires_at <= record.recorded_at;
                hold.draws.iter().any(
                    |d| matches!(d.source, Source::Grant(id, _) if before.grant(id).is_some_and(expired)),
                )
            }
            (from, Book::Operator) if from == own => {
                let voided = |id| before.grant(id).is_some_and(|g| g.voided);
                hold.draws.iter().any(|d| matches!(d.source, Source::Grant(id, _) if voided(id)))
            }
            (from, to) if from == own => draws_from(&hold.draws, to),
            (from, to) => from == Book::Goodwill && to == Book::Grant(GrantId(record.seq)),
        };
        if !fits {
            found.push((
                Dataset::Balance,
                format!("a movement has no cause: {}", list(core::slice::from_ref(movement))),
            ));
        }
    }
    check_opened(record, found);
}

fn draws_from(draws: &[Draw], book: Book) -> bool {
    draws.iter().any(|d| book_of(d.source) == Some(book))
}

fn book_of(source: Source) -> Option<Book> {
    match source {
        Source::Allowance => None,
        Source::Grant(id, _) => Some(Book::Grant(id)),
        Source::Overdraft => Some(Book::Overdraft),
        Source::Debt => Some(Book::Debt),
        Source::Goodwill => Some(Book::Goodwill),
    }
}

fn some(from: Book, to: Book, amount: Credits) -> Vec<Movement> {
    Some(Movement { from, to, amount }).filter(|m| m.amount.is_positive()).into_iter().collect()
}

fn taken(draws: &[Draw], to: Book) -> Vec<Movement> {
    draws.iter().filter_map(|d| Some(some(book_of(d.source)?, to, d.credits()))).flatten().collect()
}

fn list(movements: &[Movement]) -> String {
    let one = |m: &Movement| format!("{:?}→{:?} {}", m.from, m.to, m.amount);
    let all: Vec<String> = movements.iter().map(one).collect();
    format!("[{}]", all.join(", "))
}
