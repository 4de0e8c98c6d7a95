//! Abuse rules: clamps, open holds, and free grants of identities.

use std::collections::BTreeMap;

use headworks_core::record::{AbuseEvent, Event, Name, Operation, Record, Rule, Seq};

use super::calendar::DAY;
use crate::catalog::{HOLDS, TRIAL};

/// While a clamp is in force, the requests in one cell of ten seconds stay within it, except the first. No more holds
/// are open than an account may have.
pub(super) fn check(log: &[Record]) -> Result<(), String> {
    const CELL: i64 = 10_000_000;
    let mut clamp: Option<(i64, i64)> = None;
    let (mut cell, mut used) = (i64::MIN, 0);
    let mut open: BTreeMap<Seq, i64> = BTreeMap::new();
    for record in log {
        let now = record.recorded_at.micros();
        let asked = match &record.event {
            Event::Authorized { usage, .. } => Some((usage, 1, true)),
            Event::Extended { usage, .. } => Some((usage, 0, true)),
            Event::Charged { charge, .. } => {
                let happened = record.key.as_ref().is_none_or(|k| k.operation != Operation::Authorize);
                Some((&charge.usage, 1, !happened))
            }
            _ => None,
        };
        // Features without a ledger are left out, even if a durable window makes a record of their use.
        let asked = asked.filter(|(usage, ..)| usage.feature.as_str() != "fast");
        // Late use did not happen in the current cell.
        let is_now = record.effective_at.micros().div_euclid(CELL) == now.div_euclid(CELL);
        let asked = asked.filter(|_| is_now);
        if let Some((usage, request, may_be_refused)) = asked {
            let of = |l: &headworks_core::record::Line| i64::try_from(l.quantity).unwrap_or(0);
            let named = usage.lines.iter().filter(|l| ["tokens", "images"].contains(&l.meter.as_str()));
            let cost = request + named.map(of).sum::<i64>();
            if cell != now.div_euclid(CELL) {
                (cell, used) = (now.div_euclid(CELL), 0);
            }
            let limit = clamp.filter(|(_, until)| now < *until).map_or(i64::MAX, |(limit, _)| limit);
            if may_be_refused && cost > 0 && used > 0 && used + cost > limit {
                return Err(format!("record {} takes {used} + {cost} in a clamp of {limit}", record.seq));
            }
            used += cost;
        }
        match &record.event {
            Event::Abuse(abuse) => match &**abuse {
                AbuseEvent::Began(effect) => {
                    if effect.until <= record.recorded_at || effect.since != record.recorded_at {
                        return Err(format!("record {} begins an effect that is over", record.seq));
                    }
                    if effect.rule == Rule::Velocity {
                        clamp = Some((effect.limit, effect.until.micros()));
                    }
                }
                AbuseEvent::Lifted { rule: Rule::Velocity, .. } => clamp = None,
                AbuseEvent::Lifted { .. } | AbuseEvent::Disputed(_) | AbuseEvent::FreeGrant { .. } => {}
            },
            Event::Authorized { terms, .. } => {
                if open.values().filter(|deadline| **deadline > now).count() >= HOLDS {
                    return Err(format!("record {} is one hold too many", record.seq));
                }
                open.insert(record.seq, terms.deadline.micros());
            }
            Event::Extended { hold, deadline, .. } => {
                open.entry(hold.0).and_modify(|known| *known = deadline.micros());
            }
            Event::Settled { hold, .. } | Event::Released(hold) | Event::Expired { hold, .. } => {
                open.remove(&hold.0);
            }
            _ => {}
        }
    }
    Ok(())
}

/// The server's own logs of free grants: grants of one identity are 90 days apart,
/// and those of a day stay within the budget.
pub(super) fn free_grants(account: &Name, log: &[Record]) -> Result<(), String> {
    let (mut last, mut by_day) = (None, BTreeMap::new());
    for record in log {
        let Event::Abuse(abuse) = &record.event else { continue };
        let AbuseEvent::FreeGrant { amount, .. } = &**abuse else { continue };
        let now = record.recorded_at.micros();
        if account.as_str().starts_with("_identity") && last.is_some_and(|at| now - at < 90 * DAY) {
            return Err(format!("record {} is a free grant too soon", record.seq));
        }
        let spent = by_day.entry(now.div_euclid(DAY)).or_insert(0);
        *spent += amount.nano();
        if *spent > TRIAL {
            return Err(format!("record {} takes the free credits of a day to {spent}", record.seq));
        }
        last = Some(now);
    }
    Ok(())
}
