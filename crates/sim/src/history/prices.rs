//! Prices: every line has the price of its policy version at the instant of the use, also after a correction, and every
//! whole price has the factor of its plan.
//!
//! Units: nano-credits; factors in billionths.

use std::collections::BTreeMap;

use headworks_core::record::{Charge, Event, Graduated, Instant, Line, Part, Record, Seq, Use};

use super::draws::are_worth_it;
use super::in_force::{InForce, RolledOut};
use crate::catalog::{self, LONG_ABOVE, STEPS};

const WHOLE: i64 = 1_000_000_000;

/// How the whole price is rounded, once.
#[derive(Clone, Copy)]
pub(super) enum Round {
    Up,
    HalfEven,
}

/// What a hold or a charge pins.
#[derive(Clone, Copy, Default)]
struct Pinned {
    at: Instant,
    factor: i64,
    is_long: bool,
}

/// Every price of a log.
pub(super) fn check(log: &[Record], rolled_out: RolledOut<'_>) -> Result<(), String> {
    let mut known: BTreeMap<Seq, Pinned> = BTreeMap::new();
    let mut in_force = InForce::new(rolled_out);
    for record in log {
        in_force.follow(record);
        let factor = |usage: &Use| in_force.factor(&usage.path, record.recorded_at);
        let of = |seq: &Seq| known.get(seq).copied().unwrap_or_default();
        let fail = |e| format!("record {}: {e}", record.seq);
        let pinned = match &record.event {
            Event::Authorized { usage, decision, .. } => {
                let pinned =
                    Pinned { at: record.recorded_at, factor: factor(usage), is_long: is_long(usage) };
                lines(usage, pinned).map_err(fail)?;
                let price = priced(usage, pinned.factor, Round::Up);
                if decision.price.nano() != price {
                    return Err(fail(format!("it decides on {} and not {price}", decision.price)));
                }
                pinned
            }
            Event::Extended { hold, usage, .. } => {
                lines(usage, of(&hold.0)).map_err(fail)?;
                continue;
            }
            Event::Settled { hold, .. } | Event::Expired { hold, .. } => of(&hold.0),
            Event::Charged { charge, .. } if charge.closes() => Pinned { factor: WHOLE, ..Pinned::default() },
            Event::Charged { charge, .. } => {
                Pinned { at: record.effective_at, factor: factor(&charge.usage), is_long: false }
            }
            Event::Corrected { correcting, .. } => of(&correcting.charge),
            _ => continue,
        };
        known.insert(record.seq, pinned);
        if let Some(charge) = record.charge() {
            lines(&charge.usage, Pinned { is_long: is_long(&charge.usage), ..pinned }).map_err(fail)?;
            paid(charge, pinned.factor).map_err(fail)?;
        }
    }
    Ok(())
}

fn is_long(usage: &Use) -> bool {
    // What did not happen keeps the size that it was charged for.
    let was_long = || usage.dimensions.iter().any(|d| d.value.as_str() == "long");
    let is_long = |line: &Line| line.quantity > LONG_ABOVE || line.quantity == 0 && was_long();
    usage.lines.iter().any(|line| line.meter.as_str() == "hours" && is_long(line))
}

/// The part after the first that a line belongs to.
fn part_of<'a>(usage: &'a Use, line: &Line) -> Option<&'a Part> {
    usage.more.get(usize::from(line.part).checked_sub(1)?)
}

/// The model of the part that a line belongs to.
pub(super) fn model<'a>(usage: &'a Use, line: &Line) -> Option<&'a str> {
    let dimensions = part_of(usage, line).map_or(&usage.dimensions, |part| &part.dimensions);
    dimensions.iter().find(|d| d.name.as_str() == "model").map(|model| model.value.as_str())
}

/// Each line has the price of its version at an instant.
fn lines(usage: &Use, pinned: Pinned) -> Result<(), String> {
    let version = usage.catalog.as_str().trim_start_matches('v').parse().unwrap_or(0);
    let feature = usage.feature.as_str();
    for line in usage.lines.iter().filter(|l| l.meter.as_str() != "requests") {
        if line.graduated.as_ref().is_some_and(|of| of.closes.is_some()) {
            continue;
        }
        let first = catalog::price(version, feature, pinned.at);
        let part = if pinned.is_long || model(usage, line) == Some("b") { 2 } else { 1 };
        let found = i64::try_from(line.price.nano()).unwrap_or(i64::MAX);
        // Use that turned out of another size or model keeps its price if its version has been altered since, or knows none.
        let unpriced = part_of(usage, line).map_or(usage.unpriced, |part| part.unpriced);
        if found != first / part && !(unpriced && [first, first / 2].contains(&found)) {
            return Err(format!(
                "{feature} costs {} at {} in {} and not {:?}",
                first / part,
                pinned.at,
                usage.catalog,
                line.price
            ));
        }
        if let Some(of) = &line.graduated {
            let part = if found == first { 1 } else { 2 };
            let steps = STEPS.iter().map(|(above, price)| (*above, price.unsigned_abs() / part));
            if !of.steps.iter().map(|step| (step.above, step.nano)).eq(steps) {
                return Err(format!("{feature} has the steps {:?}", of.steps));
            }
        }
    }
    Ok(())
}

/// The price of the first units of a period, one by one.
pub(super) fn of_first(line: &Line, of: &Graduated, units: u64) -> i128 {
    let mut steps = of.steps.iter().peekable();
    let mut price = line.price.nano();
    let mut sum = 0;
    for nth in 0..units {
        while let Some(step) = steps.next_if(|step| step.above <= nth) {
            price = step.nano;
        }
        sum += i128::from(price);
    }
    sum
}

/// The most that so many units cost from one of these positions on.
pub(super) fn dearest(line: &Line, of: &Graduated, (from, to): (u64, u64), units: u64) -> i128 {
    let at = |at| of_first(line, of, at + units) - of_first(line, of, at);
    (from..=to).map(at).max().unwrap_or(0)
}

/// A sum times a factor, rounded once.
pub(super) fn rounded(sum: i128, factor: i64, round: Round) -> i64 {
    let one = i128::from(WHOLE);
    let exact = sum * i128::from(factor);
    let (whole, rest) = (exact.div_euclid(one), exact.rem_euclid(one));
    let up = match round {
        Round::Up => rest > 0,
        Round::HalfEven => rest * 2 > one || rest * 2 == one && whole % 2 != 0,
    };
    i64::try_from(whole + i128::from(up)).unwrap_or(i64::MAX)
}

pub(super) fn priced(usage: &Use, factor: i64, round: Round) -> i64 {
    let of = |line: &Line| match &line.graduated {
        None => i128::from(line.quantity) * i128::from(line.price.nano()),
        Some(of) => {
            let closes = of.closes.map_or(0, |due| i128::from(due.nano()));
            dearest(line, of, (of.at, of.to), line.quantity) + closes
        }
    };
    rounded(usage.lines.iter().map(of).sum(), factor, round)
}

/// A charge costs the sum of its lines, and its receipt pays exactly that.
fn paid(charge: &Charge, factor: i64) -> Result<(), String> {
    let price = priced(&charge.usage, factor, Round::HalfEven);
    are_worth_it(&charge.usage, &charge.draws)?;
    let paid: i64 = charge.draws.iter().map(|d| d.worth).sum();
    if charge.price.nano() == price && paid == price {
        Ok(())
    } else {
        Err(format!("{} costs {price}, was charged {} and paid {paid}", charge.usage.feature, charge.price))
    }
}
