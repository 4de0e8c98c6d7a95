//! Movements from charges.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::charges::{credits_of, kept};
use super::finding::{Dataset, Findings};
use super::past::{Past, take_back};
use crate::account::{Account, Hold};
use crate::record::{
    Book, Charge, Cleared, Credits, CycleEvent, Draw, Draws, Event, GrantId, GrantTerms, HoldId, Movement,
    Overage, Record, Source,
};
use crate::window::Used;

/// Movements from charges. `None` when the record names a hold or grant that is not open.
pub(super) fn check_movements(
    record: &Record,
    before: &Account,
    past: &Past,
    found: &mut Findings,
) -> Option<()> {
    if record.opens.as_ref().is_some_and(|terms| terms.unit != record.unit) {
        found.push((Dataset::Balance, "it opens a grant in another unit of credits than it moves".into()));
    }
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
        Event::Authorized { decision, .. } => expect(taken(&decision.draws, Book::Hold(HoldId(record.seq)))),
        Event::Extended { hold, decision, .. } => {
            before.hold(*hold)?;
            expect(taken(&decision.draws, Book::Hold(*hold)));
        }
        Event::Charged { charge, .. } | Event::Settled { charge, is_late: true, .. } => {
            expect(taken(&charge.draws, Book::Spent))
        }
        Event::Settled { hold, charge, is_late: false } | Event::Expired { hold, charge: Some(charge) } => {
            check_ended(record, before, before.hold(*hold)?, Some(charge), found);
        }
        Event::Released(hold) | Event::Expired { hold, charge: None } => {
            check_ended(record, before, before.hold(*hold)?, None, found);
        }
        Event::Granted => {
            let terms = record.opens.as_ref()?;
            expect(issued(record, before, terms, Overage::Keep));
        }
        Event::GrantExpired(id) => expect(some(Book::Grant(*id), Book::Breakage, grant(id)?.remaining)),
        Event::Voided { grant: id, .. } => {
            let left = match grant(id) {
                None if before.schedule(*id).is_some() => Credits::ZERO,
                open => open?.remaining,
            };
            expect(some(Book::Grant(*id), Book::Operator, left));
        }
        Event::Adjusted { grant: id, by, owed, .. } => {
            let own = Book::Grant(*id);
            let down = Credits::from_nano(by.nano().saturating_neg().saturating_sub(owed.nano()));
            let taken = [some(Book::Operator, own, *by), some(own, Book::Operator, down)];
            expect(taken.into_iter().flatten().chain(some(Book::Debt, Book::Operator, *owed)).collect());
            if owed.is_positive() && grant(id).is_some_and(|g| !g.voided && g.remaining > down) {
                found.push((Dataset::Balance, "it makes owed what its grant has left".into()));
            }
        }
        Event::Refunded { charge, amount, passed_over, .. } => {
            let mut drawn = past.charges.get(charge)?.draws.clone();
            take_back(&mut drawn, passed_over.map_or(0, Credits::nano));
            check_refund(record, past, &drawn, *amount, found);
        }
        Event::Corrected { correcting, charge } => {
            let drawn = &past.charges.get(&correcting.charge)?.draws;
            let back = sum(&record.movements, |m| m.from == Book::Spent);
            let more = sum(&record.movements, |m| m.to == Book::Spent);
            let (was, is) = (credits_of(drawn), credits_of(&charge.draws));
            if was - back + more != is {
                found.push((
                    Dataset::Balance,
                    format!("it corrects {was} nano-credits to {is}, and moves {back} back and {more} more"),
                ));
            }
            check_unwound(record, past, drawn, &charge.draws, found);
        }
        Event::Cycle(event) => {
            expect(cycle(record, before, event)?);
            check_opened(record, found);
        }
        Event::Opened(_)
        | Event::Changed { .. }
        | Event::Denied(_)
        | Event::CatalogLoaded { .. }
        | Event::KeyCreated(_)
        | Event::KeyRevoked(_)
        | Event::Late(_)
        | Event::Alert(_)
        | Event::Abuse(_)
        | Event::Server(_)
        | Event::Erased { .. } => expect(Vec::new()),
    }
    Some(())
}

/// The credits that a new grant brings, and the debt that it repays.
fn issued(record: &Record, before: &Account, terms: &GrantTerms, overage: Overage) -> Vec<Movement> {
    let own = Book::Grant(GrantId(record.seq));
    let mut moved = some(Book::Operator, own, terms.amount);
    if terms.effective_from > record.recorded_at || !terms.features.is_empty() {
        return moved;
    }
    let unit = terms.unit.as_ref();
    let books = before.books_of(unit);
    let debt = books.debt;
    let lent = Credits::from_nano(books.overdraft.nano() - before.overdraft_held(unit).nano());
    match overage {
        Overage::Forgive => {
            moved.extend(some(Book::Goodwill, Book::Debt, debt));
            moved.extend(some(Book::Goodwill, Book::Overdraft, lent));
        }
        Overage::Keep => {
            let debt = debt.min(terms.amount);
            moved.extend(some(own, Book::Debt, debt));
            let left = Credits::from_nano(terms.amount.nano() - debt.nano());
            moved.extend(some(own, Book::Overdraft, lent.min(left)));
        }
    }
    moved
}

/// The movements of recurring grants. `None` when the record names one that the account does not have.
fn cycle(record: &Record, before: &Account, event: &CycleEvent) -> Option<Vec<Movement>> {
    let named = |id: &GrantId| before.rare().schedules.iter().find(|s| s.id == *id);
    let own = Book::Grant(GrantId(record.seq));
    Some(match event {
        CycleEvent::RolledOver(id) => {
            let schedule = named(id)?;
            let old = Book::Grant(schedule.current);
            let left = before.grant(schedule.current).filter(|g| !g.voided).map_or(0, |g| g.remaining.nano());
            let rule = schedule.terms.recurrence.as_ref()?.rollover?;
            let share = i128::from(left) * i128::from(rule.fraction) / 1_000_000_000;
            let carried = i64::try_from(share).ok()?.max(rule.min.nano()).min(rule.max.nano());
            let moved = left.min(carried);
            let parts = [
                (old, own, moved),
                (Book::Operator, own, carried - moved),
                (old, Book::Breakage, left - moved),
            ];
            parts.into_iter().flat_map(|(from, to, n)| some(from, to, Credits::from_nano(n))).collect()
        }
        CycleEvent::Renewed { schedule: id, .. } => {
            let terms = &named(id)?.terms;
            issued(record, before, terms, terms.recurrence.as_ref()?.overage)
        }
        CycleEvent::PlanChanged(change) => {
            let mut moved = Vec::new();
            for new in &change.amounts {
                let book = Book::Grant(named(&new.schedule)?.current);
                let taken = Credits::from_nano(new.part.nano().checked_neg()?);
                moved.extend(some(Book::Operator, book, new.part));
                moved.extend(some(book, Book::Operator, taken));
            }
            moved
        }
        CycleEvent::Redeemed { reset, path, cleared, .. } => {
            before.rare().resets.iter().find(|r| r.id == *reset)?;
            let used = |c: &Cleared| {
                let window = before.window(&c.name, c.level, path);
                window.and_then(Used::period).is_some_and(|period| period.used == c.used)
            };
            cleared.iter().all(used).then(Vec::new)?
        }
        CycleEvent::VolumeClosed(closed) => match &record.opens {
            Some(terms) if terms.amount == closed.back => issued(record, before, terms, Overage::Keep),
            Some(_) => return None,
            None => Vec::new(),
        },
        CycleEvent::InvoiceClosed(invoice) => {
            let total: i128 = invoice.lines.iter().map(|line| i128::from(line.amount.nano())).sum();
            (total == i128::from(invoice.total.nano())).then(Vec::new)?
        }
        CycleEvent::InvoicePaid { invoice, .. } => {
            let unpaid = before.postpaid()?.invoices.iter().find(|of| of.id == *invoice && of.is_unpaid())?;
            let total = unpaid.invoice.total;
            let mut moved = some(Book::Operator, Book::Postpaid, total);
            moved.extend(some(
                Book::Postpaid,
                Book::Operator,
                Credits::from_nano(total.nano().checked_neg()?),
            ));
            moved
        }
        CycleEvent::PeriodsClosed { path, closed, .. } => {
            let used = |c: &Cleared| {
                let period = before.window(&c.name, c.level, path).and_then(Used::period);
                period.map_or(0, |period| period.used_at(record.recorded_at)) == c.used
            };
            closed.iter().all(used).then(Vec::new)?
        }
        CycleEvent::Ended(_)
        | CycleEvent::InvoiceOpened(_)
        | CycleEvent::Banked(_)
        | CycleEvent::Overridden(_)
        | CycleEvent::PlanPlanned(_)
        | CycleEvent::PlanWithdrawn { .. }
        | CycleEvent::RenewalStopped { .. }
        | CycleEvent::OverrideEnded(_)
        | CycleEvent::OverrideRemoved { .. }
        | CycleEvent::IncreaseAsked(_)
        | CycleEvent::IncreaseDenied { .. }
        | CycleEvent::SeatSet(_)
        | CycleEvent::SeatRemoved { .. }
        | CycleEvent::Paused(_)
        | CycleEvent::PauseEnded(_)
        | CycleEvent::Resumed { .. } => Vec::new(),
    })
}

fn sum(movements: &[Movement], is: impl Fn(&Movement) -> bool) -> i128 {
    movements.iter().filter(|m| is(m)).map(|m| i128::from(m.amount.nano())).sum()
}

/// A grant that opens as a consequence has exactly the amount that moves into it.
fn check_opened(record: &Record, found: &mut Findings) {
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

/// A refund gives back to the sources of the charge, or to where their credits have gone since.
fn check_refund(record: &Record, past: &Past, drawn: &Draws, amount: Credits, found: &mut Findings) {
    let back = sum(&record.movements, |m| m.from == Book::Spent);
    let all: i128 = drawn.iter().map(|d| i128::from(d.amount)).sum();
    let mut rest = drawn.clone();
    take_back(&mut rest, amount.nano());
    if back != credits_of(drawn) - credits_of(&rest) || i128::from(amount.nano()) > all {
        found.push((Dataset::Balance, format!("it gives back {back} nano-credits of {amount}")));
    }
    check_unwound(record, past, drawn, &[], found);
}

/// Returned credits come from the draws of a charge; additional credits from the draws that take its place.
fn check_unwound(record: &Record, past: &Past, drawn: &[Draw], instead: &[Draw], found: &mut Findings) {
    let grants =
        || drawn.iter().filter_map(|d| if let Source::Grant(id, _) = d.source { Some(id) } else { None });
    let voided = |id: &GrantId| past.voided.contains(id);
    let expired = |id: &GrantId| past.expiries.get(id).is_none_or(|at| *at <= record.recorded_at);
    for movement in &record.movements {
        let fits = match (movement.from, movement.to) {
            (Book::Spent, Book::Breakage) => grants().any(|id| expired(&id)),
            (Book::Spent, Book::Operator) => grants().any(|id| voided(&id)),
            (Book::Spent, to) if draws_from(drawn, to) => {
                let paid = drawn.iter().filter(|d| d.source.book() == Some(to));
                sum(&record.movements, |m| m.from == Book::Spent && m.to == to)
                    <= paid.map(|d| i128::from(d.credits().nano())).sum()
            }
            (from, Book::Spent) => draws_from(instead, from),
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

/// The end of a hold: the charge goes to `spent`, the rest to where it came from or where that has gone.
fn check_ended(
    record: &Record,
    before: &Account,
    hold: &Hold,
    charge: Option<&Charge>,
    found: &mut Findings,
) {
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
            // Credits that a recurring grant gets back after its boundary are carried over.
            (from, to) if from == own && to == Book::Grant(GrantId(record.seq)) => {
                let recurs = |id| before.grant(id).is_some_and(|g| g.terms.recurrence.is_some());
                hold.draws.iter().any(|d| matches!(d.source, Source::Grant(id, _) if recurs(id)))
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
    draws.iter().any(|d| d.source.book() == Some(book))
}

fn some(from: Book, to: Book, amount: Credits) -> Vec<Movement> {
    Some(Movement { from, to, amount }).filter(|m| m.amount.is_positive()).into_iter().collect()
}

fn taken(draws: &[Draw], to: Book) -> Vec<Movement> {
    draws.iter().filter_map(|d| Some(some(d.source.book()?, to, d.credits()))).flatten().collect()
}

fn list(movements: &[Movement]) -> String {
    let one = |m: &Movement| format!("{:?}→{:?} {}", m.from, m.to, m.amount);
    let all: Vec<String> = movements.iter().map(one).collect();
    format!("[{}]", all.join(", "))
}
