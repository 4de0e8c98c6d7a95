//! Prices that follow from others: derived by a factor, or left to a less specific one.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::rows::{Meters, Row, all_meters};
use super::ties::Table;
use super::walk::Check;
use crate::catalog::graduated::MeterPrice;
use crate::catalog::names::is_requests;
use crate::catalog::source::FeatureSource;
use crate::record::{AmountError, Name};

/// The most prices in a row of which each is derived from the next.
const CHAIN_MAX: usize = 8;

/// Computes the derived prices.
pub(super) fn derive<'a>(
    feature: (&'a Name, &'a FeatureSource),
    table: &Table<'a>,
    rows: &mut [Row<'a>],
    check: &mut Check<'a>,
) {
    let work = check.work();
    let mut waiting: Vec<bool> = rows.iter().map(|row| row.like.is_some()).collect();
    // What is priced nowhere is free `requests`, or missing.
    let anywhere = rows.iter().fold(0, |priced: Meters, row| priced | row.priced);
    for _ in 0..CHAIN_MAX {
        let known: Vec<bool> = waiting.iter().map(|waits| !waits).collect();
        for at in work.each(0..rows.len()).filter(|at| waiting.get(*at) == Some(&true)).collect::<Vec<_>>() {
            let done = derive_one(feature, (table, &known, anywhere), (rows, at), check);
            waiting.get_mut(at).into_iter().for_each(|waits| *waits = !done);
        }
        if !waiting.contains(&true) {
            return;
        }
    }
    for row in rows.iter().zip(&waiting).filter_map(|(row, waits)| waits.then_some(row)) {
        check.item(row.place, |c| {
            let what = format_args!("the price is derived from itself, or over more than {CHAIN_MAX} others");
            c.wrong_at("like", what, "derive it from one that is written out");
        });
    }
}

/// Derives a price from those that a request with the dimensions of `like` has; `false`: some of them are not known yet.
fn derive_one<'a>(
    (name, feature): (&'a Name, &'a FeatureSource),
    (table, known, anywhere): (&Table<'a>, &[bool], Meters),
    (rows, at): (&mut [Row<'a>], usize),
    check: &mut Check<'a>,
) -> bool {
    let Some((like, factor, place)) =
        rows.get(at).and_then(|row| Some((row.like.as_deref()?, row.factor, row.place)))
    else {
        return true;
    };
    let when: Vec<(Option<&Name>, &str)> = like.iter().map(|(name, value)| (Some(*name), *value)).collect();
    let found: Vec<usize> = table.matching(&when).collect();
    let row = |at: usize| rows.get(at);
    if !found.iter().any(|at| row(*at).is_some_and(|row| row.named() == when.len())) {
        let what = format_args!("no price of `{name}` has this `when`");
        check.item(place, |c| c.wrong_at("like", what, "write the `when` of another price of the feature"));
        return true;
    }
    let mut derived: Vec<(usize, MeterPrice, Option<AmountError>)> = Vec::new();
    let is_open =
        |meter: &usize| anywhere >> meter & 1 == 1 && row(at).is_some_and(|row| !row.prices(*meter));
    for meter in (0..feature.meters.len()).filter(is_open) {
        // A price that is not known yet will have every meter.
        let is_first =
            |at: &&usize| known.get(**at) != Some(&true) || row(**at).is_some_and(|row| row.prices(meter));
        let Some(first) = found.iter().find(is_first) else { continue };
        if known.get(*first) != Some(&true) {
            return false;
        }
        derived.extend(row(*first).and_then(|row| row.prices.get(meter)).map(
            |price| match price.by(factor) {
                Ok(price) => (meter, price, None),
                // It is no price that is missing.
                Err(e) => (meter, price.clone(), Some(e)),
            },
        ));
    }
    let Some(row) = rows.get_mut(at) else { return true };
    for (meter, price, inexact) in derived {
        row.set(meter, price);
        if let Some((e, meter)) = inexact.zip(feature.meters.get(meter)) {
            let what = format_args!("the price of `{meter}` of `{name}` times {factor} is not exact");
            check.item(place, |c| c.wrong_at("factor", what, e));
        }
    }
    true
}

/// A meter without a price has that of a less specific row, which matches whenever this one does. What only a more specific row
/// completes is its default, and no price by itself. A meter that is named beside `like` alone is told
/// there, once.
pub(super) fn check_complete<'a>(
    (feature, mut beside_like): (&'a FeatureSource, BTreeMap<&'a Name, usize>),
    table: &Table<'a>,
    rows: &[Row<'a>],
    check: &mut Check<'a>,
) {
    let work = check.work();
    let all = all_meters(feature);
    let is_open = |row: &Row<'_>| row.priced != all;
    if !rows.iter().any(is_open) {
        return;
    }
    let mut defaults = alloc::vec![false; rows.len()];
    for (at, row) in work.each(rows).enumerate() {
        for other in table.matching(&row.when).filter(|other| *other != at) {
            defaults.get_mut(other).into_iter().for_each(|is_default| *is_default = true);
        }
    }
    let without = rows.iter().zip(defaults).filter(|(row, is_default)| is_open(row) && !is_default);
    for (row, _) in work.each(without) {
        let inherited = table.matching(&row.when).filter_map(|at| rows.get(at));
        let priced = inherited.fold(0, |priced: Meters, row| priced | row.priced);
        let missing = feature.meters.iter().enumerate().filter(|(at, _)| priced >> at & 1 == 0);
        for (_, meter) in missing.filter(|(_, meter)| !is_requests(meter)) {
            if let Some(place) = beside_like.get_mut(meter) {
                let what = format_args!("meter `{meter}` has a price beside `like` alone");
                let fix = "write it as the other prices do if it is misspelled; if not, add a price of it without `like`";
                let place = core::mem::replace(place, usize::MAX);
                if place < usize::MAX {
                    check
                        .item(place, |c| c.key("credits", |c| c.key(meter.as_str(), |c| c.wrong(what, fix))));
                }
                continue;
            }
            let what = format_args!("meter `{meter}` has no price");
            let fix = format_args!(
                "add {meter} = \"0\" if it is free, or a price of it that names fewer dimensions"
            );
            check.item(row.place, |c| c.wrong_at("credits", what, fix));
        }
    }
}
