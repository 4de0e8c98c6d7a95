//! What lines cost, computed apart from what decides.
//!
//! Units: billed units; nano-credits.

use crate::record::{Graduated, Line, PriceFactor, Rounding};

/// The units that a line is billed.
pub(super) fn billed(line: &Line) -> i128 {
    let (step, least) = line.price.billing();
    let (step, least, used) = (i128::from(step), i128::from(least), i128::from(line.quantity));
    let units = if least < 0 { (used + least).max(0) } else { used.max(least) };
    if used == 0 { 0 } else { (units + step - 1).div_euclid(step) * step }
}

/// The price of a line; `None` past every range.
pub(super) fn cost(line: &Line) -> Option<i128> {
    let units = billed(line);
    let Some(of) = &line.graduated else { return units.checked_mul(i128::from(line.price.nano())) };
    let closes = of.closes.map_or(0, |credits| i128::from(credits.nano()));
    let mut price = dearest(line, of, (of.at, of.to), units);
    if let Some(held) = of.grows.filter(|_| units > 0) {
        let before = i128::from(held.units);
        let last = of.to.saturating_sub(held.units).max(of.at);
        let all = dearest(line, of, (of.at, last), before + units);
        price = price.max(all - dearest(line, of, (held.at, held.to), before));
    }
    price.checked_add(closes)
}

/// Prices change at steps alone: one of these positions is the dearest.
fn dearest(line: &Line, of: &Graduated, (from, to): (u64, u64), units: i128) -> i128 {
    let (from, to) = (i128::from(from), i128::from(to));
    let mut dearest = at(line, of, from, units).max(at(line, of, to, units));
    for step in &of.steps {
        for start in [i128::from(step.above), i128::from(step.above) - units] {
            if from < start && start < to {
                dearest = dearest.max(at(line, of, start, units));
            }
        }
    }
    dearest
}

/// The price of units after a position: of each piece between two steps, so many of them as are in it.
pub(super) fn at(line: &Line, of: &Graduated, start: i128, units: i128) -> i128 {
    let bounds = core::iter::once(0).chain(of.steps.iter().map(|step| i128::from(step.above)));
    let prices = core::iter::once(line.price.nano()).chain(of.steps.iter().map(|step| step.nano));
    let ends = of.steps.iter().map(|step| i128::from(step.above)).chain([i128::MAX]);
    let pieces = bounds.zip(ends).zip(prices);
    let of_piece = |((from, to), nano): ((i128, i128), u64)| {
        (to.min(start + units) - from.max(start)).max(0) * i128::from(nano)
    };
    pieces.map(of_piece).sum()
}

/// A sum of lines times a factor: what is left over is rounded up for a hold, to the nearest even one for a charge.
pub(super) fn priced_by(factor: PriceFactor, sum: i128) -> Option<i128> {
    let ahead = factor.ahead.map_or(0, |ahead| i128::from(ahead.get()));
    let product = sum.checked_mul(i128::from(factor.billionths))?.checked_sub(ahead)?;
    let whole = 1_000_000_000;
    let below = product.div_euclid(whole);
    let up = match (product.rem_euclid(whole), factor.rounding) {
        (0, _) => 0,
        (_, Rounding::Up) => 1,
        (rest, Rounding::HalfEven) => {
            i128::from(rest > whole / 2 || (rest == whole / 2 && below.rem_euclid(2) == 1))
        }
    };
    below.checked_add(up)
}
