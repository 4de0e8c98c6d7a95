//! An independent check of a log: keys, ends of holds, money, prices, and windows counted from scratch.
//!
//! Uses only the events in the records, and none of the code that decided them.

use std::collections::{BTreeMap, BTreeSet};

use headworks_core::record::{Book, Charge, CycleEvent, Event, Name, Operation, Record, Seq, Source};

use self::calendar::DAY;
pub(crate) use self::in_force::RolledOut;
use self::in_force::{InForce, path_of};
use crate::catalog::{DAILY, OPEN, OVERDRAFT};

mod abuse;
mod bills;
mod calendar;
mod counters;
mod debts;
mod draws;
mod grants;
mod in_force;
mod notable;
mod overrides;
mod pauses;
mod prices;
mod returns;
mod seats;
mod volumes;
mod warnings;
mod windows;

pub(crate) use notable::{CASES, cases};

/// The fault of a log, if it has one; once everything has settled, no hold is open.
pub(crate) fn check(
    account: &Name,
    log: &[Record],
    rolled_out: RolledOut<'_>,
    settled: bool,
) -> Result<(), String> {
    keys(log)?;
    let open = ends(log)?;
    if settled && !open.is_empty() {
        return Err(format!("holds {open:?} never end"));
    }
    once(log)?;
    prices::check(log, rolled_out)?;
    slots(log, rolled_out)?;
    daily(log, rolled_out)?;
    abuse::check(log)?;
    abuse::free_grants(account, log)?;
    money(log)?;
    debts::check(log, rolled_out)?;
    bills::check(log, rolled_out)?;
    volumes::check(log, rolled_out, settled)?;
    grants::check(log)?;
    pauses::check(log)?;
    seats::check(log)?;
    overrides::check(log)?;
    warnings::check(log, rolled_out)?;
    counters::check(log, rolled_out)
}

/// The plan of an account.
pub(crate) fn plan(log: &[Record]) -> Option<&Name> {
    let mut in_force = InForce::default();
    log.iter().for_each(|record| in_force.follow(record));
    in_force.plan()
}

/// A key has at most one effect.
fn keys(log: &[Record]) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    for record in log {
        if let Some(key) = &record.key
            && !seen.insert((key.operation.as_str(), key.text.to_string()))
        {
            return Err(format!(
                "key {} of {} has a second effect, record {}",
                key.text,
                key.operation.as_str(),
                record.seq
            ));
        }
    }
    Ok(())
}

/// Each hold ends at most once, and a late settlement follows an expiry that charged nothing. Returns the open holds.
fn ends(log: &[Record]) -> Result<Vec<Seq>, String> {
    let mut open: BTreeMap<Seq, &'static str> = BTreeMap::new();
    for record in log {
        let (hold, how) = match &record.event {
            Event::Authorized { .. } => {
                open.insert(record.seq, "open");
                continue;
            }
            Event::Settled { hold, is_late: false, .. } => (hold, "settled"),
            Event::Settled { hold, is_late: true, .. } => {
                if open.insert(hold.0, "settled late") != Some("expired free") {
                    return Err(format!("hold {} is settled late without having expired", hold.0));
                }
                continue;
            }
            Event::Released(hold) => (hold, "released"),
            Event::Expired { hold, charge: None } => (hold, "expired free"),
            Event::Expired { hold, charge: Some(_) } => (hold, "expired"),
            _ => continue,
        };
        let before = open.insert(hold.0, how);
        if before != Some("open") {
            return Err(format!("hold {} is {how} by record {} and was {before:?}", hold.0, record.seq));
        }
    }
    Ok(open.iter().filter(|(_, how)| **how == "open").map(|(seq, _)| *seq).collect())
}

/// A charge is corrected or refunded for the first time at most once; each part of it is refunded once; a banked
/// reset is redeemed at most once.
fn once(log: &[Record]) -> Result<(), String> {
    let (mut charges, mut resets) = (BTreeSet::new(), BTreeSet::new());
    for record in log {
        let fresh = match &record.event {
            Event::Refunded { charge, before, .. } => charges.insert((*charge, *before)),
            Event::Corrected { correcting, .. } => charges.insert((correcting.charge, 0)),
            Event::Cycle(event) => match &**event {
                CycleEvent::Redeemed { reset, .. } => resets.insert(*reset),
                _ => true,
            },
            _ => true,
        };
        if !fresh {
            return Err(format!("record {} does once more what happens once", record.seq));
        }
    }
    Ok(())
}

/// The calendar day's limit on `task`, counted again from granted and returned requests.
fn daily(log: &[Record], rolled_out: RolledOut<'_>) -> Result<(), String> {
    let is_task = |feature: &Name| feature.as_str() == "task";
    // Day → use counted, and when the window was last reset.
    let mut used: BTreeMap<i64, i64> = BTreeMap::new();
    let mut holds: BTreeMap<Seq, i64> = BTreeMap::new();
    let mut cleared_at = i64::MIN;
    let mut in_force = InForce::new(rolled_out);
    for record in log {
        in_force.follow(record);
        let limit = in_force.figure("daily", &path_of(record), record.recorded_at, DAILY);
        let in_plan = in_force.has_limits();
        let now = record.recorded_at.micros();
        let day = now.div_euclid(DAY);
        let mut take = |limited: bool| -> Result<(), String> {
            let count = used.entry(day).or_default();
            if limited && *count >= limit {
                return Err(format!(
                    "record {} is the {}th task of a day of {limit}",
                    record.seq,
                    *count + 1
                ));
            }
            *count += 1;
            Ok(())
        };
        match &record.event {
            Event::Cycle(event) => match &**event {
                CycleEvent::Redeemed { cleared, .. }
                    if cleared.iter().any(|c| c.name.as_str() == "daily") =>
                {
                    used.insert(day, 0);
                    cleared_at = now;
                }
                _ => {}
            },
            // The other plan has no such guard and counts nothing for it.
            Event::Authorized { usage, .. } if is_task(&usage.feature) && in_plan => {
                take(true)?;
                holds.insert(record.seq, now);
            }
            Event::Charged { charge, .. } if is_task(&charge.usage.feature) && in_plan => {
                let recorded = record.key.as_ref().is_some_and(|k| k.operation != Operation::Authorize);
                take(!recorded)?;
            }
            Event::Released(hold) | Event::Expired { hold, charge: None } => {
                if let Some(at) = holds.remove(&hold.0).filter(|at| *at > cleared_at)
                    && at.div_euclid(DAY) == day
                {
                    *used.entry(day).or_default() -= 1;
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// At most three chats are open at once on the plan with that limit, or as many as an override says.
fn slots(log: &[Record], rolled_out: RolledOut<'_>) -> Result<(), String> {
    let mut open: BTreeMap<Seq, i64> = BTreeMap::new();
    let mut in_force = InForce::new(rolled_out);
    for record in log {
        in_force.follow(record);
        let now = record.recorded_at.micros();
        match &record.event {
            Event::Authorized { usage, terms, .. }
                if usage.feature.as_str() == "chat" && in_force.has_limits() =>
            {
                open.insert(record.seq, terms.deadline.micros());
                let most = in_force.figure("open", &usage.path, record.recorded_at, OPEN);
                let at_once = open.values().filter(|deadline| **deadline > now).count();
                if i64::try_from(at_once).is_ok_and(|at_once| at_once > most) {
                    return Err(format!("record {} opens chat {at_once} of {most}", record.seq));
                }
            }
            Event::Extended { hold, deadline, .. } => {
                if let Some(known) = open.get_mut(&hold.0) {
                    *known = deadline.micros();
                }
            }
            Event::Settled { hold, .. } | Event::Released(hold) | Event::Expired { hold, .. } => {
                open.remove(&hold.0);
            }
            _ => {}
        }
    }
    Ok(())
}

/// The balance of each book, by unit of credits.
type Money = BTreeMap<(Option<Name>, String), i128>;

/// Follows every movement: no grant, hold or charge goes below zero, and the overdraft stays within its limit.
fn money(log: &[Record]) -> Result<Money, String> {
    let mut books = Money::new();
    let mut in_force = InForce::default();
    for record in log {
        in_force.follow(record);
        let limit = in_force.figure("lent", &path_of(record), record.recorded_at, OVERDRAFT);
        let overdrawn = |books: &Money| {
            let all = books.iter().filter(|((unit, book), _)| *unit == record.unit && book == "Overdraft");
            all.map(|(_, balance)| *balance).sum::<i128>()
        };
        let before = overdrawn(&books);
        let mut touched = BTreeSet::new();
        for movement in &record.movements {
            if movement.amount.nano() < 0 {
                return Err(format!("record {} moves less than nothing", record.seq));
            }
            for (book, sign) in [(movement.from, -1), (movement.to, 1)] {
                let key = (record.unit.clone(), format!("{book:?}"));
                *books.entry(key.clone()).or_default() += sign * i128::from(movement.amount.nano());
                touched.insert((key, matches!(book, Book::Grant(_) | Book::Hold(_) | Book::Spent)));
            }
        }
        for (key, stays_above) in touched {
            let balance = books.get(&key).copied().unwrap_or_default();
            // What was lent under another figure stays.
            let is_over = key.1 == "Overdraft" && balance < before && balance < -i128::from(limit);
            if (stays_above && balance < 0) || is_over {
                return Err(format!("{} is at {balance} after record {}", key.1, record.seq));
            }
        }
        if let Event::Settled { hold, .. } | Event::Released(hold) | Event::Expired { hold, .. } =
            &record.event
        {
            let left = books.get(&(record.unit.clone(), format!("{:?}", Book::Hold(*hold))));
            if left.is_some_and(|left| *left != 0) {
                return Err(format!("hold {} has ended and keeps {left:?}", hold.0));
            }
        }
        let drawn = |c: &Charge| {
            c.draws.iter().any(|d| d.amount < 0 || (d.amount == 0 && d.source != Source::Allowance))
        };
        if record.charge().is_some_and(drawn) {
            return Err(format!("record {} draws nothing or less", record.seq));
        }
    }
    Ok(books)
}

/// The spendable balance in a unit, computed from the movements alone.
pub(crate) fn available(log: &[Record], unit: Option<&Name>) -> Result<i128, String> {
    let books = money(log)?;
    let counts = |book: &str| book.starts_with("Grant") || book == "Debt" || book == "Overdraft";
    let of = books.iter().filter(|((of, book), _)| of.as_ref() == unit && counts(book));
    Ok(of.map(|(_, balance)| balance).sum())
}
