//! Features: their meters are defined, their unit has an exact price, their holds live for a while.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use hashbrown::HashMap;

use super::cards::{OwnPrices, card_versions};
use super::walk::Check;
use crate::catalog::derived::{Derived, Origin};
use crate::catalog::feature::{CardVersion, Feature, PriceEntry};
use crate::catalog::graduated::Ladder;
use crate::catalog::names::{is_requests, one_of};
use crate::catalog::source::{CatalogSource, DaySource, FeatureSource, HoursSource, SizeSource, TimesSource};
use crate::record::{
    CREDITS, DAY, Dimension, Hours, Label, Name, Overshoot, REQUESTS, Span, Unit, Week, own_unit,
};

const HOLD_LIFE: Span = Span::from_secs(60);
const HOLD_LIFE_MAX: Span = Span::from_secs(86_400);
/// The longest that it may be: as long as upstreams take for a batch, and more.
const HOLD_LIFE_LIMIT: Span = Span::from_secs(72 * 3_600);

/// Windows of key spending are named by the rule and the unit together.
const UNIT_LEN_MAX: usize = 100;

pub(super) fn features<'a>(source: &'a CatalogSource, check: &mut Check<'a>) -> HashMap<Name, Feature> {
    let own = OwnPrices::new(source, check);
    let work = check.work();
    check.key("features", |c| {
        let compiled = work.each(&source.features).enumerate().map(|(index, (name, shape))| {
            let prices = c.key(name.as_str(), |c| card_versions(source, &own, (name, shape), c));
            (name.clone(), c.key(name.as_str(), |c| feature(source, (index, name), shape, prices, c)))
        });
        compiled.collect()
    })
}

fn feature<'a>(
    source: &'a CatalogSource,
    (index, name): (usize, &Name),
    shape: &'a FeatureSource,
    prices: Vec<CardVersion>,
    check: &mut Check<'a>,
) -> Feature {
    check_meters(source, shape, check);
    check_dimensions(shape, check);
    let unit = unit(shape, &prices, check);
    let Lives { usual, longest } = lives(shape, check);
    check_own_meters(shape, check);
    let has_prices = shape.rate_card.as_ref().is_some_and(|card| source.rate_cards.contains_key(card));
    if shape.has_meters_of_prices && has_prices && shape.meters.is_empty() {
        let place = if shape.has_own_card { "prices" } else { "rate_card" };
        let fix = "write them in `credits`, \"0\" for free ones; without prices the feature is free";
        check.wrong_at(place, "its prices name no meters", fix);
    }
    if shape.prices.is_some() {
        let (what, fix) = match &shape.rate_card {
            Some(_) => ("the feature has a rate card as well", "write prices in one of both"),
            None => ("a rate card has the feature's name", "rename the card, or set `rate_card`"),
        };
        check.wrong_at("prices", what, fix);
    }
    if shape.ledger == Some(false) && shape.rate_card.is_some() {
        let fix = "remove its prices, or set ledger = true";
        check.wrong_at("ledger", "a feature with prices must be recorded", fix);
    }
    if own_unit(shape.credit_unit.as_ref()).is_some_and(|unit| unit.as_str().len() > UNIT_LEN_MAX) {
        let what = format_args!("the name of the unit is longer than {UNIT_LEN_MAX} bytes");
        check.wrong_at("credit_unit", what, "shorten it");
    }
    Feature {
        name: name.clone(),
        index,
        volumes: volumes(&prices),
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
        dimensions: dimensions(shape, &prices),
        derived: sizes(shape, check).into_iter().chain(times(shape, check)).collect(),
        card: shape.rate_card.clone(),
        prices,
    }
}

/// The dimensions that prices depend on or that the catalog lists, in order.
fn dimensions(shape: &FeatureSource, prices: &[CardVersion]) -> Vec<Name> {
    let named = prices.iter().flat_map(|version| &version.shapes).flat_map(|shape| &shape.names);
    let derived = shape.sizes.keys().chain(shape.times.keys());
    let all: BTreeSet<&Name> = shape.dimensions.iter().chain(derived).chain(named).collect();
    all.into_iter().cloned().collect()
}

/// The most values of a dimension that follows from the size.
const STEPS_MAX: usize = 32;

fn sizes<'a>(shape: &'a FeatureSource, check: &mut Check<'a>) -> Vec<Derived> {
    check.key("sizes", |c| {
        let one = |(name, size): (&'a Name, &'a SizeSource)| {
            c.key(name.as_str(), |c| {
                for (i, meter) in
                    size.count.iter().enumerate().filter(|(_, meter)| !shape.meters.contains(meter))
                {
                    let what = format_args!("`{meter}` is not a meter of the feature");
                    c.key("count", |c| c.item(i, |c| c.wrong(what, one_of(shape.meters.iter()))));
                }
                if size.count.is_empty() || size.steps.is_empty() || size.steps.len() > STEPS_MAX {
                    c.wrong(
                        format_args!("it needs meters in `count`, and from 1 to {STEPS_MAX} steps"),
                        "write for example steps = [{ above = 200_000, value = \"long\" }]",
                    );
                }
                if !size.steps.is_sorted_by(|a, b| a.above < b.above) {
                    c.wrong_at("steps", "the bounds do not rise", "write the smallest first, each once");
                }
            });
            let of = |value: &Label| Dimension::derived(name.clone(), value.clone());
            let steps = size.steps.iter().map(|step| (step.above, of(&step.value))).collect();
            Derived {
                dimension: name.clone(),
                from: Origin::Size(size.count.clone(), steps),
                otherwise: size.otherwise.as_ref().map(of),
            }
        };
        shape.sizes.iter().map(one).collect()
    })
}

/// One price for each volume that prices count in.
fn volumes(prices: &[CardVersion]) -> Vec<Arc<Ladder>> {
    let entries = prices.iter().flat_map(|version| &version.shapes).flat_map(|shape| &shape.entries);
    let ladders = entries.flat_map(|entry| &entry.prices).filter_map(|price| price.ladder.as_ref());
    let by_volume: BTreeMap<&Name, &Arc<Ladder>> = ladders.map(|ladder| (&ladder.volume, ladder)).collect();
    by_volume.into_values().cloned().collect()
}

fn times<'a>(shape: &'a FeatureSource, check: &mut Check<'a>) -> Vec<Derived> {
    check.key("times", |c| {
        let one = |(name, times): (&'a Name, &'a TimesSource)| {
            let week = c.key(name.as_str(), |c| {
                if shape.sizes.contains_key(name) {
                    c.wrong(format_args!("`{name}` follows from the size already"), "remove one of both");
                }
                if times.hours.is_empty() || times.hours.len() > STEPS_MAX {
                    let fix =
                        "write for example hours = [{ from = \"08:00\", to = \"20:00\", value = \"peak\" }]";
                    c.wrong_at("hours", format_args!("from 1 to {STEPS_MAX} are possible"), fix);
                }
                let all = times.hours.iter().take(STEPS_MAX).enumerate();
                let hours = c.key("hours", |c| all.map(|(i, one)| c.item(i, |c| hours(one, c))).collect());
                Week::new(times.zone.as_deref().unwrap_or("UTC"), hours)
                    .inspect_err(|e| c.wrong_at("zone", e, ""))
                    .ok()
            });
            let of = |value: &Label| Dimension::derived(name.clone(), value.clone());
            let values = times.hours.iter().map(|hours| of(&hours.value)).collect();
            Some(Derived {
                dimension: name.clone(),
                from: Origin::Time(week?, values),
                otherwise: times.otherwise.as_ref().map(of),
            })
        };
        shape.times.iter().filter_map(one).collect()
    })
}

fn hours<'a>(source: &'a HoursSource, check: &mut Check<'a>) -> Hours {
    let mut clock = |key: &'static str, text: Option<&String>, otherwise: u16, last: u16| {
        let Some(text) = text else { return otherwise };
        let parts = text.split_once(':').filter(|(hour, minute)| hour.len() == 2 && minute.len() == 2);
        let number = |part: &str| part.parse::<u16>().ok().filter(|_| !part.starts_with('+'));
        let minutes = parts.and_then(|(hour, minute)| Some((number(hour)?, number(minute)?)));
        let at = minutes.filter(|(_, minute)| *minute < 60).map(|(hour, minute)| hour * 60 + minute);
        at.filter(|at| *at <= last).unwrap_or_else(|| {
            let last = if last == DAY { "24:00" } else { "23:59" };
            let what = format_args!("`{text}` is not a time of day");
            check.wrong_at(key, what, format_args!("write hours and minutes from 00:00 to {last}"));
            otherwise
        })
    };
    let (from, to) =
        (clock("from", source.from.as_ref(), 0, DAY - 1), clock("to", source.to.as_ref(), DAY, DAY));
    let mut days = [source.days.is_none(); 7];
    for (i, day) in source.days.iter().flatten().enumerate() {
        let nth = match day {
            DaySource::Monday => 0,
            DaySource::Tuesday => 1,
            DaySource::Wednesday => 2,
            DaySource::Thursday => 3,
            DaySource::Friday => 4,
            DaySource::Saturday => 5,
            DaySource::Sunday => 6,
        };
        let Some(on) = days.get_mut::<usize>(nth) else { continue };
        if core::mem::replace(on, true) {
            check.key("days", |c| c.item(i, |c| c.wrong("the day is listed twice", "remove one")));
        }
    }
    if source.days.as_ref().is_some_and(Vec::is_empty) {
        check.wrong_at("days", "the list is empty", "leave it out for every day");
    }
    Hours { days, from, to }
}

fn check_dimensions<'a>(shape: &'a FeatureSource, check: &mut Check<'a>) {
    check.key("dimensions", |c| {
        for (i, dimension) in shape.dimensions.iter().enumerate() {
            if shape.meters.contains(dimension) || is_requests(dimension) || dimension.as_str() == "path" {
                c.item(i, |c| {
                    c.wrong(
                        format_args!(
                            "`{dimension}` is not a dimension: the name has another meaning in events"
                        ),
                        "remove it",
                    );
                });
            }
        }
    });
}

fn check_meters<'a>(source: &'a CatalogSource, shape: &'a FeatureSource, check: &mut Check<'a>) {
    check.key("meters", |c| {
        let mut seen = BTreeSet::new();
        for (i, meter) in shape.meters.iter().enumerate() {
            c.item(i, |c| {
                // Those that prices name are told of there.
                let is_told = shape.has_meters_of_prices || is_requests(meter);
                if !source.meters.contains_key(meter) && !is_told {
                    c.wrong(format_args!("there is no meter `{meter}`"), one_of(source.meters.keys()));
                }
                if !seen.insert(meter) {
                    c.wrong(format_args!("meter `{meter}` is listed twice"), "remove one");
                }
            });
        }
    });
}

/// Estimates and charges on expiry are of the feature's own meters.
fn check_own_meters<'a>(shape: &'a FeatureSource, check: &mut Check<'a>) {
    let is_foreign = |meter: &&Name| !shape.meters.contains(meter);
    for meter in shape.estimate.keys().filter(is_foreign) {
        let what = format_args!("`{meter}` is not a meter of the feature");
        check.key("estimate", |c| c.wrong_at(meter.as_str(), what, one_of(shape.meters.iter())));
    }
    for meter in shape.hold.expiry_charges.iter().flatten().filter(is_foreign) {
        let what = format_args!("`{meter}` is not a meter of the feature");
        check.key("hold", |c| c.wrong_at("expiry_charges", what, one_of(shape.meters.iter())));
    }
}

/// How long holds live.
struct Lives {
    usual: Span,
    longest: Span,
}

fn lives<'a>(shape: &'a FeatureSource, check: &mut Check<'a>) -> Lives {
    let longest = shape.hold.life_max.unwrap_or(HOLD_LIFE_MAX);
    let usual = shape.hold.life.unwrap_or(HOLD_LIFE.min(longest));
    check.key("hold", |c| {
        if longest > HOLD_LIFE_LIMIT || longest == Span::ZERO {
            let what = "a hold lives at most 72h and longer than no time";
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
fn overshoot<'a>(shape: &'a FeatureSource, check: &mut Check<'a>) -> Overshoot {
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
fn unit<'a>(shape: &'a FeatureSource, prices: &[CardVersion], check: &mut Check<'a>) -> Unit {
    let Some(unit) = &shape.allowance_unit else {
        return if shape.rate_card.is_some() { Unit::Credits } else { Unit::Requests };
    };
    check.key("allowance_unit", |c| match unit.as_str() {
        CREDITS => {
            if shape.rate_card.is_none() {
                c.wrong("credits need prices", "add `prices` or `rate_card`, or count requests or a meter");
            }
            Unit::Credits
        }
        REQUESTS => Unit::Requests,
        _ => meter_unit(shape, unit, prices, c),
    })
}

/// A meter must be the only priced one, so that a covered quantity has an exact price.
fn meter_unit<'a>(
    shape: &'a FeatureSource,
    unit: &Name,
    prices: &[CardVersion],
    check: &mut Check<'a>,
) -> Unit {
    let Some(position) = shape.meters.iter().position(|m| m == unit) else {
        check.wrong(
            format_args!("`{unit}` is not a meter of the feature"),
            "write credits, requests or one of its meters",
        );
        return Unit::Requests;
    };
    let others_cost =
        |entry: &PriceEntry| entry.prices.iter().enumerate().any(|(i, p)| i != position && p.costs());
    if prices.iter().flat_map(|v| &v.shapes).flat_map(|s| &s.entries).any(others_cost) {
        check.wrong(
            format_args!(
                "`{unit}` is not the only priced meter, so what it leaves unpaid has no exact price"
            ),
            "count credits instead, or price the other meters at \"0\"",
        );
    }
    let is_graduated =
        |entry: &PriceEntry| entry.prices.get(position).is_some_and(|price| price.ladder.is_some());
    if prices.iter().flat_map(|v| &v.shapes).flat_map(|s| &s.entries).any(is_graduated) {
        let what = format_args!(
            "the price of `{unit}` is graduated, so that a unit of an allowance has no price of its own"
        );
        check.wrong(what, "count credits instead, or let the first units be free: credits = \"0\" and the rest in `graduated`");
    }
    Unit::Meter(unit.clone())
}
