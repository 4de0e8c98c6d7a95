//! Prices: every line has the price of its policy version at the instant of the use, also after a correction.

use std::collections::BTreeMap;

use headworks_core::record::{Charge, Event, Instant, Record, Seq, Use};

use crate::catalog;

/// Every price of a log.
pub(super) fn check(log: &[Record]) -> Result<(), String> {
    // The instants of holds and charges.
    let mut happened: BTreeMap<Seq, Instant> = BTreeMap::new();
    for record in log {
        let of = |seq: &Seq| happened.get(seq).copied();
        let at = match &record.event {
            Event::Authorized { usage, decision, .. } => {
                lines(usage, record.recorded_at)?;
                let price: i64 = usage.price().map_or(0, |p| p.nano());
                if decision.price.nano() != price {
                    return Err(format!(
                        "record {} decides on {} and not {price}",
                        record.seq, decision.price
                    ));
                }
                Some(record.recorded_at)
            }
            Event::Extended { hold, usage, .. } => {
                lines(usage, of(&hold.0).unwrap_or_default())?;
                None
            }
            Event::Settled { hold, .. } | Event::Expired { hold, .. } => of(&hold.0),
            Event::Charged { .. } => Some(record.effective_at),
            Event::Corrected { correcting, .. } => of(&correcting.charge),
            _ => None,
        };
        let Some(at) = at else { continue };
        happened.insert(record.seq, at);
        if let Some(charge) = record.charge() {
            lines(&charge.usage, at).map_err(|e| format!("record {}: {e}", record.seq))?;
            paid(charge).map_err(|e| format!("record {}: {e}", record.seq))?;
        }
    }
    Ok(())
}

/// Each line has the price of its version at an instant.
fn lines(usage: &Use, at: Instant) -> Result<(), String> {
    let version = usage.catalog.as_str().trim_start_matches('v').parse().unwrap_or(0);
    let feature = usage.feature.as_str();
    for line in usage.lines.iter().filter(|l| l.meter.as_str() != "requests") {
        let price = catalog::price(version, feature, at);
        if line.price.nano() != price.unsigned_abs() {
            return Err(format!(
                "{feature} costs {price} at {at} in {} and not {:?}",
                usage.catalog, line.price
            ));
        }
    }
    Ok(())
}

/// A charge costs the sum of its lines, and its receipt pays exactly that.
fn paid(charge: &Charge) -> Result<(), String> {
    let of = |l: &headworks_core::record::Line| i128::from(l.quantity) * i128::from(l.price.nano());
    let price: i128 = charge.usage.lines.iter().map(of).sum();
    // An allowance of requests pays in requests, not in credits.
    let paid: i128 = charge.draws.iter().map(|d| i128::from(d.amount)).sum();
    let free = charge.usage.lines.iter().all(|l| l.meter.as_str() == "requests");
    if i128::from(charge.price.nano()) == price && (paid == price || free) {
        Ok(())
    } else {
        Err(format!("{} costs {price}, was charged {} and paid {paid}", charge.usage.feature, charge.price))
    }
}
