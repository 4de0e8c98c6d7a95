//! An independent look at a log: keys, ends of holds, and one window counted from scratch.
//!
//! Uses only what records say happened, none of the code that decided it.

use std::collections::{BTreeMap, BTreeSet};

use headworks_core::ledger::{Event, Operation, Periodic, Record, Seq};
use headworks_core::name::Name;

use crate::catalog::DAILY;

const DAY: i64 = 86_400_000_000;

/// What is wrong with a log, if anything.
pub(crate) fn check(log: &[Record]) -> Result<(), String> {
    keys(log)?;
    ends(log)?;
    once(log)?;
    daily(log)
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

/// Each hold ends at most once, and a late settle follows an expiry that charged nothing.
fn ends(log: &[Record]) -> Result<(), String> {
    let mut open: BTreeMap<Seq, &'static str> = BTreeMap::new();
    for record in log {
        let (hold, how) = match &record.event {
            Event::Authorized(..) => {
                open.insert(record.seq, "open");
                continue;
            }
            Event::Settled(hold, _, false) => (hold, "settled"),
            Event::Settled(hold, _, true) => {
                if open.insert(hold.0, "settled late") != Some("expired free") {
                    return Err(format!("hold {} is settled late without having expired", hold.0));
                }
                continue;
            }
            Event::Released(hold) => (hold, "released"),
            Event::Expired(hold, None) => (hold, "expired free"),
            Event::Expired(hold, Some(_)) => (hold, "expired"),
            _ => continue,
        };
        let before = open.insert(hold.0, how);
        if before != Some("open") {
            return Err(format!("hold {} is {how} by record {} and was {before:?}", hold.0, record.seq));
        }
    }
    let left: Vec<Seq> = open.iter().filter(|(_, how)| **how == "open").map(|(seq, _)| *seq).collect();
    if left.is_empty() { Ok(()) } else { Err(format!("holds {left:?} never end")) }
}

/// A charge is refunded or corrected at most once; a banked reset is redeemed at most once.
fn once(log: &[Record]) -> Result<(), String> {
    let (mut charges, mut resets) = (BTreeSet::new(), BTreeSet::new());
    for record in log {
        let fresh = match &record.event {
            Event::Refunded { charge, .. } => charges.insert(*charge),
            Event::Corrected(correcting, _) => charges.insert(correcting.charge),
            Event::Periodic(event) => match &**event {
                Periodic::Redeemed(token, ..) => resets.insert(*token),
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

/// The calendar day's limit on `task`: counted again from what was granted and given back.
fn daily(log: &[Record]) -> Result<(), String> {
    let is_task = |feature: &Name| feature.as_str() == "task";
    // Day → use counted, and when the window last began anew.
    let mut used: BTreeMap<i64, i64> = BTreeMap::new();
    let mut holds: BTreeMap<Seq, i64> = BTreeMap::new();
    let mut cleared_at = i64::MIN;
    let mut in_plan = true;
    for record in log {
        let now = record.recorded_at.micros();
        let day = now.div_euclid(DAY);
        let mut take = |limited: bool| -> Result<(), String> {
            let count = used.entry(day).or_default();
            if limited && *count >= DAILY {
                return Err(format!(
                    "record {} is the {}th task of a day of {DAILY}",
                    record.seq,
                    *count + 1
                ));
            }
            *count += 1;
            Ok(())
        };
        match &record.event {
            Event::Opened(settings) | Event::Changed(settings, _) => in_plan = settings.plan.as_str() == "p",
            Event::Periodic(event) => match &**event {
                Periodic::PlanChanged(change) => in_plan = change.settings.plan.as_str() == "p",
                Periodic::Redeemed(_, _, cleared) if cleared.iter().any(|c| c.name.as_str() == "daily") => {
                    used.insert(day, 0);
                    cleared_at = now;
                }
                _ => {}
            },
            // The other plan has no such guard, and counts nothing for it.
            Event::Authorized(usage, ..) if is_task(&usage.feature) && in_plan => {
                take(true)?;
                holds.insert(record.seq, now);
            }
            Event::Charged(charge, _) if is_task(&charge.usage.feature) && in_plan => {
                let recorded = record.key.as_ref().is_some_and(|k| k.operation != Operation::Authorize);
                take(!recorded)?;
            }
            Event::Released(hold) | Event::Expired(hold, None) => {
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
