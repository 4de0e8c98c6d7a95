//! Features: their meters are defined, their unit has an exact price, their holds live for a while.

use alloc::collections::BTreeSet;

use hashbrown::HashMap;

use super::cards::card_versions;
use super::walk::Check;
use crate::catalog::feature::{CardVersion, Feature, PriceEntry};
use crate::catalog::names::{is_requests, one_of};
use crate::catalog::source::{CatalogSource, FeatureSource};
use crate::record::{CREDITS, Name, Overshoot, REQUESTS, Span, Unit, own_unit};

const HOLD_LIFE: Span = Span::from_secs(60);
const HOLD_LIFE_MAX: Span = Span::from_secs(86_400);

/// Windows of key spending are named by the rule and the unit together.
const UNIT_LEN_MAX: usize = 100;

pub(super) fn features(source: &CatalogSource, check: &mut Check) -> HashMap<Name, Feature> {
    check.key("features", |c| {
        let compiled = source.features.iter().enumerate().map(|(index, (name, shape))| {
            (name.clone(), c.key(name.as_str(), |c| feature(source, index, name, shape, c)))
        });
        compiled.collect()
    })
}

fn feature(
    source: &CatalogSource,
    index: usize,
    name: &Name,
    shape: &FeatureSource,
    check: &mut Check,
) -> Feature {
    check_meters(source, shape, check);
    check_dimensions(shape, check);
    let prices = card_versions(source, name, shape, check);
    let unit = unit(shape, &prices, check);
    let Lives { usual, longest } = lives(shape, check);
    check_own_meters(shape, check);
    if shape.ledger == Some(false) && shape.rate_card.is_some() {
        let fix = "remove `rate_card`, or set ledger = true";
        check.wrong_at("ledger", "a feature with a rate card must be recorded", fix);
    }
    if own_unit(shape.credit_unit.as_ref()).is_some_and(|unit| unit.as_str().len() > UNIT_LEN_MAX) {
        let what = alloc::format!("the name of the unit is longer than {UNIT_LEN_MAX} bytes");
        check.wrong_at("credit_unit", what, "shorten it");
    }
    Feature {
        name: name.clone(),
        index,
        meters: shape.meters.clone(),
        unit,
        overshoot: overshoot(shape, check),
        hold_life: usual,
        hold_life_max: longest,
        expiry_charges: shape.hold.expiry_charges.clone(),
        ledger: shape.ledger.unwrap_or(true),
        credit_unit: own_unit(shape.credit_unit.as_ref()).cloned(),
        supply: shape.supply.clone(),
        estimate: shape.estimate.iter().map(|(meter, n)| (meter.clone(), *n)).collect(),
        dimensions: shape.dimensions.clone(),
        card: shape.rate_card.clone(),
        prices,
    }
}

fn check_dimensions(shape: &FeatureSource, check: &mut Check) {
    check.key("dimensions", |c| {
        for (i, dimension) in shape.dimensions.iter().enumerate() {
            if shape.meters.contains(dimension) || is_requests(dimension) || dimension.as_str() == "path" {
                c.item(i, |c| {
                    c.wrong(
                        alloc::format!(
                            "`{dimension}` is not a dimension: the name has another meaning in events"
                        ),
                        "remove it",
                    );
                });
            }
        }
    });
}

fn check_meters(source: &CatalogSource, shape: &FeatureSource, check: &mut Check) {
    check.key("meters", |c| {
        let mut seen = BTreeSet::new();
        for (i, meter) in shape.meters.iter().enumerate() {
            c.item(i, |c| {
                if !source.meters.contains_key(meter) && !is_requests(meter) {
                    c.wrong(alloc::format!("there is no meter `{meter}`"), one_of(source.meters.keys()));
                }
                if !seen.insert(meter) {
                    c.wrong(alloc::format!("meter `{meter}` is listed twice"), "remove one");
                }
            });
        }
    });
}

/// Estimates and charges on expiry are of the feature's own meters.
fn check_own_meters(shape: &FeatureSource, check: &mut Check) {
    let is_foreign = |meter: &&Name| !shape.meters.contains(meter);
    let what = |meter: &Name| alloc::format!("`{meter}` is not a meter of the feature");
    for meter in shape.estimate.keys().filter(is_foreign) {
        check.key("estimate", |c| c.wrong_at(meter.as_str(), what(meter), one_of(shape.meters.iter())));
    }
    for meter in shape.hold.expiry_charges.iter().flatten().filter(is_foreign) {
        check.key("hold", |c| c.wrong_at("expiry_charges", what(meter), one_of(shape.meters.iter())));
    }
}

/// How long holds live.
struct Lives {
    usual: Span,
    longest: Span,
}

fn lives(shape: &FeatureSource, check: &mut Check) -> Lives {
    let longest = shape.hold.life_max.unwrap_or(HOLD_LIFE_MAX);
    let usual = shape.hold.life.unwrap_or(HOLD_LIFE.min(longest));
    check.key("hold", |c| {
        if longest > HOLD_LIFE_MAX || longest == Span::ZERO {
            let what = "a hold lives at most 24h and longer than no time";
            c.wrong_at("life_max", what, "write for example \"1h\"");
        }
        if usual > longest || usual == Span::ZERO {
            let what = "the life is zero or longer than life_max";
            c.wrong_at("life", what, "write for example \"60s\"");
        }
    });
    Lives { usual, longest }
}

/// The rule for use that nobody pays for.
fn overshoot(shape: &FeatureSource, check: &mut Check) -> Overshoot {
    let rule = shape.overshoot.rule();
    if let Overshoot::DebtUpTo(limit) = rule
        && !limit.is_positive()
    {
        let fix = "write for example { debt = \"50\" }, or overshoot = \"refund\"";
        check.wrong_at("overshoot", "the debt must be above zero", fix);
    }
    rule
}

/// The unit that allowances count.
fn unit(shape: &FeatureSource, prices: &[CardVersion], check: &mut Check) -> Unit {
    let Some(unit) = &shape.allowance_unit else {
        return if shape.rate_card.is_some() { Unit::Credits } else { Unit::Requests };
    };
    check.key("allowance_unit", |c| match unit.as_str() {
        CREDITS => {
            if shape.rate_card.is_none() {
                c.wrong("credits need a rate card", "add `rate_card`, or count requests or a meter");
            }
            Unit::Credits
        }
        REQUESTS => Unit::Requests,
        _ => meter_unit(shape, unit, prices, c),
    })
}

/// A meter must be the only priced one, so that a covered quantity has an exact price.
fn meter_unit(shape: &FeatureSource, unit: &Name, prices: &[CardVersion], check: &mut Check) -> Unit {
    let Some(position) = shape.meters.iter().position(|m| m == unit) else {
        check.wrong(
            alloc::format!("`{unit}` is not a meter of the feature"),
            "write credits, requests or one of its meters",
        );
        return Unit::Requests;
    };
    let others_cost =
        |entry: &PriceEntry| entry.prices.iter().enumerate().any(|(i, p)| i != position && p.nano() > 0);
    if prices.iter().flat_map(|v| &v.entries).any(others_cost) {
        check.wrong(
            alloc::format!(
                "`{unit}` is not the only priced meter, so what it leaves unpaid has no exact price"
            ),
            "count credits instead, or price the other meters at \"0\"",
        );
    }
    Unit::Meter(unit.clone())
}
