//! From shapes to a compiled catalog: every name resolved, every amount exact, every contradiction refused.
//!
//! Collects all problems instead of stopping at the first.

use alloc::borrow::ToOwned;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use hashbrown::HashMap;
use smallvec::SmallVec;

use super::source::{
    AllowanceWindowSource, Anchor, CatalogSource, CountSource, Decimal, FeatureSource, GuardSource,
    LayerSource, PlanSource, PoolCapSource, PriceSource, WindowSource,
};
use super::text::{Found, Step};
use super::{
    CardVersion, Catalog, Categories, Count, Feature, Guard, Layer, Plan, Pool, PriceEntry, Program, Window,
    is_requests,
};
use crate::record::{
    CREDITS, Calendar, Category, Credits, Every, Level, Name, Price, REQUESTS, Span, Terms, Unit,
};

const LATE_HORIZON: Span = Span::from_secs(30 * 86_400);
const HOLD_LIFE: Span = Span::from_secs(60);
const HOLD_LIFE_MAX: Span = Span::from_secs(86_400);

/// Where the compiler is in the catalog, and what it found wrong so far.
pub(super) struct Check {
    path: Vec<Step>,
    found: Vec<Found>,
}

impl Check {
    pub(super) fn wrong(&mut self, what: impl Into<String>, fix: impl Into<String>) {
        self.found.push(Found { path: self.path.clone(), what: what.into(), fix: fix.into() });
    }

    pub(super) fn key<T>(&mut self, key: &str, inside: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(Step::Key(key.to_owned()));
        let out = inside(self);
        self.path.pop();
        out
    }

    pub(super) fn item<T>(&mut self, i: usize, inside: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(Step::Index(i));
        let out = inside(self);
        self.path.pop();
        out
    }
}

pub(super) fn compile(source: &CatalogSource, text: &str) -> Result<Catalog, Vec<Found>> {
    let mut check = Check { path: Vec::new(), found: Vec::new() };
    check_cards_used(source, &mut check);
    let features: HashMap<Name, Feature> = check.key("features", |c| {
        let compiled = source.features.iter().enumerate().map(|(index, (name, f))| {
            (name.clone(), c.key(name.as_str(), |c| feature(source, index, name, f, c)))
        });
        compiled.collect()
    });
    let plans: HashMap<Name, Plan> = check.key("plans", |c| {
        let compiled = source
            .plans
            .iter()
            .map(|(name, p)| (name.clone(), c.key(name.as_str(), |c| plan(p, &features, c))));
        compiled.collect()
    });
    let abuse = super::abuse::rules(source, &mut check);
    let pools = super::pools::pools(source, &mut check);
    super::pools::check_references(source, &pools, &features, &mut check);
    if let Some(default) = &source.default_plan
        && !plans.contains_key(default)
    {
        check.key("default_plan", |c| {
            c.wrong(alloc::format!("there is no plan `{default}`"), one_of(source.plans.keys()))
        });
    }
    if check.found.is_empty() {
        let version = source.version.clone();
        Ok(Catalog {
            version,
            default_plan: source.default_plan.clone(),
            late_horizon: source.late_horizon.unwrap_or(LATE_HORIZON),
            features,
            plans,
            pools,
            abuse,
            text: text.to_owned(),
        })
    } else {
        Err(check.found)
    }
}

pub(super) fn one_of<'a>(names: impl Iterator<Item = &'a Name>) -> String {
    let names: Vec<&str> = names.map(Name::as_str).collect();
    if names.is_empty() {
        "define it first".to_owned()
    } else {
        alloc::format!("write one of {}", names.join(", "))
    }
}

fn check_cards_used(source: &CatalogSource, check: &mut Check) {
    check.key("rate_cards", |c| {
        for (name, versions) in &source.rate_cards {
            c.key(name.as_str(), |c| {
                if versions.is_empty() {
                    c.wrong("the card has no version", "add one with `effective_from` and `prices`");
                }
                for (i, version) in versions.iter().enumerate() {
                    c.item(i, |c| {
                        if versions.iter().take(i).any(|v| v.effective_from >= version.effective_from) {
                            c.key("effective_from", |c| {
                                c.wrong(
                                    "versions are not in order",
                                    "list the oldest first, each instant once",
                                )
                            });
                        }
                        check_prices_known(source, name, &version.prices, c);
                    });
                }
            });
        }
    });
}

fn check_prices_known(source: &CatalogSource, card: &Name, prices: &[PriceSource], check: &mut Check) {
    check.key("prices", |c| {
        for (i, price) in prices.iter().enumerate() {
            c.item(i, |c| match source.features.get(&price.feature) {
                None => c.key("feature", |c| {
                    c.wrong(
                        alloc::format!("there is no feature `{}`", price.feature),
                        one_of(source.features.keys()),
                    );
                }),
                Some(f) if f.rate_card.as_ref() != Some(card) => c.key("feature", |c| {
                    c.wrong(
                        alloc::format!("feature `{}` does not use this card", price.feature),
                        alloc::format!("set rate_card = \"{card}\" in the feature, or remove the price"),
                    );
                }),
                Some(_) => {}
            });
        }
    });
}

fn feature(
    source: &CatalogSource,
    index: usize,
    name: &Name,
    f: &FeatureSource,
    check: &mut Check,
) -> Feature {
    check.key("meters", |c| {
        let mut seen = BTreeSet::new();
        for (i, meter) in f.meters.iter().enumerate() {
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
    let prices = match &f.rate_card {
        None => Vec::new(),
        Some(card) => match source.rate_cards.get(card) {
            Some(_) => card_versions(source, name, f, card, check),
            None => {
                check.key("rate_card", |c| {
                    c.wrong(
                        alloc::format!("there is no rate card `{card}`"),
                        one_of(source.rate_cards.keys()),
                    );
                });
                Vec::new()
            }
        },
    };
    let unit = unit(f, &prices, check);
    let (life, life_max) = lives(f, check);
    for meter in f.estimate.keys().filter(|m| !f.meters.contains(m)) {
        check.key("estimate", |c| {
            c.key(meter.as_str(), |c| {
                c.wrong(alloc::format!("`{meter}` is no meter of the feature"), one_of(f.meters.iter()));
            });
        });
    }
    if let Some(charges) = &f.hold.expiry_charges {
        for meter in charges.iter().filter(|m| !f.meters.contains(m)) {
            check.key("hold", |c| {
                c.key("expiry_charges", |c| {
                    c.wrong(alloc::format!("`{meter}` is no meter of the feature"), one_of(f.meters.iter()))
                });
            });
        }
    }
    if f.ledger == Some(false) && f.rate_card.is_some() {
        check.key("ledger", |c| {
            c.wrong("a feature with a rate card must be recorded", "remove `rate_card`, or set ledger = true")
        });
    }
    Feature {
        name: name.clone(),
        index,
        meters: f.meters.clone(),
        unit,
        overshoot: f.overshoot,
        hold_life: life,
        hold_life_max: life_max,
        expiry_charges: f.hold.expiry_charges.clone(),
        ledger: f.ledger.unwrap_or(true),
        credit_unit: own_unit(f.credit_unit.as_ref()).cloned(),
        pool: f.pool.clone(),
        estimate: f.estimate.iter().map(|(meter, n)| (meter.clone(), *n)).collect(),
        card: f.rate_card.clone(),
        prices,
    }
}

/// A unit of credits as grants and features carry it: the default one is not written.
fn own_unit(unit: Option<&Name>) -> Option<&Name> {
    unit.filter(|u| u.as_str() != CREDITS)
}

fn lives(f: &FeatureSource, check: &mut Check) -> (Span, Span) {
    let life_max = f.hold.life_max.unwrap_or(HOLD_LIFE_MAX);
    let life = f.hold.life.unwrap_or(HOLD_LIFE.min(life_max));
    check.key("hold", |c| {
        if life_max > HOLD_LIFE_MAX || life_max == Span::ZERO {
            c.key("life_max", |c| {
                c.wrong("a hold lives at most 24h and longer than no time", "write for example \"1h\"")
            });
        }
        if life > life_max || life == Span::ZERO {
            c.key("life", |c| {
                c.wrong("the life is zero or longer than life_max", "write for example \"60s\"")
            });
        }
    });
    (life, life_max)
}

/// What allowances count; a meter must be the only priced one, so that a covered quantity has an exact price.
fn unit(f: &FeatureSource, prices: &[CardVersion], check: &mut Check) -> Unit {
    let Some(unit) = &f.allowance_unit else {
        return if f.rate_card.is_some() { Unit::Credits } else { Unit::Requests };
    };
    check.key("allowance_unit", |c| {
        if unit.as_str() == CREDITS {
            if f.rate_card.is_none() {
                c.wrong("credits need a rate card", "add `rate_card`, or count requests or a meter");
            }
            return Unit::Credits;
        }
        if unit.as_str() == REQUESTS {
            return Unit::Requests;
        }
        let Some(position) = f.meters.iter().position(|m| m == unit) else {
            c.wrong(
                alloc::format!("`{unit}` is no meter of the feature"),
                "write credits, requests or one of its meters",
            );
            return Unit::Requests;
        };
        let others_cost =
            |entry: &PriceEntry| entry.prices.iter().enumerate().any(|(i, p)| i != position && p.nano() > 0);
        if prices.iter().flat_map(|v| &v.entries).any(others_cost) {
            c.wrong(
                alloc::format!(
                    "`{unit}` is not the only priced meter, so what it leaves unpaid has no exact price"
                ),
                "count credits instead, or price the other meters at \"0\"",
            );
        }
        Unit::Meter(unit.clone())
    })
}

fn card_versions(
    source: &CatalogSource,
    name: &Name,
    f: &FeatureSource,
    card: &Name,
    check: &mut Check,
) -> Vec<CardVersion> {
    let found_in_features = core::mem::take(&mut check.path);
    let versions = source.rate_cards.get(card).map_or(&[][..], |v| &**v);
    let mut out = Vec::new();
    check.path = alloc::vec![Step::Key("rate_cards".into()), Step::Key(card.as_str().into())];
    for (i, version) in versions.iter().enumerate() {
        let mut entries = Vec::new();
        check.item(i, |c| {
            c.key("prices", |c| {
                for (j, price) in version.prices.iter().enumerate().filter(|(_, p)| p.feature == *name) {
                    entries.push(c.item(j, |c| price_entry(f, price, c)));
                }
            });
            check_no_ties(&entries, name, c);
        });
        entries.sort_by_key(|e| core::cmp::Reverse(e.when.len()));
        if entries.is_empty() {
            check.item(i, |c| {
                c.wrong(
                    alloc::format!("feature `{name}` has no price in this version"),
                    "add one to `prices`",
                )
            });
        }
        out.push(CardVersion { effective_from: version.effective_from, entries });
    }
    check.path = found_in_features;
    out
}

fn price_entry(f: &FeatureSource, source: &PriceSource, check: &mut Check) -> PriceEntry {
    let per = source.per.unwrap_or(1);
    if per == 0 {
        check.key("per", |c| c.wrong("a price for no units", "write 1 or more, for example 1000000"));
    }
    check.key("credits", |c| {
        for meter in source.credits.keys().filter(|m| !f.meters.contains(m)) {
            c.key(meter.as_str(), |c| {
                c.wrong(alloc::format!("`{meter}` is no meter of the feature"), one_of(f.meters.iter()))
            });
        }
    });
    let mut price_of = |meter: &Name| match source.credits.get(meter) {
        Some(Decimal(text)) => Price::for_units(text, per).unwrap_or_else(|e| {
            check.key("credits", |c| {
                c.key(meter.as_str(), |c| {
                    c.wrong(alloc::format!("`{text}` for {per} units is no price"), e.to_string())
                })
            });
            Price::default()
        }),
        None if is_requests(meter) => Price::default(),
        None => {
            check.key("credits", |c| {
                c.wrong(
                    alloc::format!("meter `{meter}` has no price"),
                    alloc::format!("add {meter} = \"0\" if it is free"),
                )
            });
            Price::default()
        }
    };
    let prices = f.meters.iter().map(&mut price_of).collect();
    PriceEntry { when: source.when.iter().map(|(k, v)| (k.clone(), v.clone())).collect(), prices }
}

/// Two entries that could match the same request must differ in how many dimensions they name.
fn check_no_ties(entries: &[PriceEntry], feature: &Name, check: &mut Check) {
    for (i, a) in entries.iter().enumerate() {
        for b in entries.iter().skip(i + 1).filter(|b| b.when.len() == a.when.len()) {
            let apart =
                a.when.iter().any(|(name, value)| b.when.iter().any(|(n, v)| n == name && v != value));
            if !apart {
                check.key("prices", |c| {
                    c.wrong(
                        alloc::format!("two prices of `{feature}` can match the same request"),
                        "name more dimensions in one of them",
                    );
                });
            }
        }
    }
}

fn plan(p: &PlanSource, features: &HashMap<Name, Feature>, check: &mut Check) -> Plan {
    check.key("features", |c| {
        for (i, name) in p.features.iter().enumerate().filter(|(_, n)| !features.contains_key(*n)) {
            let known: BTreeSet<&Name> = features.keys().collect();
            c.item(i, |c| c.wrong(alloc::format!("there is no feature `{name}`"), one_of(known.into_iter())));
        }
    });
    check_names(p, check);
    let mut programs: Vec<Option<Program>> = (0..features.len()).map(|_| None).collect();
    let included: BTreeMap<&Name, &Feature> =
        p.features.iter().filter_map(|n| features.get(n).map(|f| (n, f))).collect();
    for feature in included.values() {
        if let Some(slot) = programs.get_mut(feature.index) {
            *slot = Some(Program::default());
        }
    }
    check.key("guards", |c| {
        for (i, g) in p.guards.iter().enumerate() {
            c.item(i, |c| add_guard(g, &included, &mut programs, c));
        }
    });
    check.key("waterfall", |c| {
        for (i, l) in p.waterfall.iter().enumerate() {
            c.item(i, |c| add_layer(l, &included, &mut programs, c));
        }
    });
    Plan {
        consent: p.consent,
        expired_draws: p.expired_draws,
        class: p.class.clone(),
        cost_max: p.cost_max,
        programs,
    }
}

fn layer_name(layer: &LayerSource) -> &Name {
    match layer {
        LayerSource::Allowance { name, .. }
        | LayerSource::Grants { name, .. }
        | LayerSource::Pool { name, .. }
        | LayerSource::Overdraft { name, .. } => name,
    }
}

fn check_names(p: &PlanSource, check: &mut Check) {
    let mut seen = BTreeSet::new();
    let guards = p.guards.iter().enumerate().map(|(i, g)| ("guards", i, &g.name));
    let layers = p.waterfall.iter().enumerate().map(|(i, l)| ("waterfall", i, layer_name(l)));
    for (list, i, name) in guards.chain(layers) {
        if name.as_str().starts_with(crate::record::PREFIX) {
            check.key(list, |c| {
                c.item(i, |c| c.wrong(alloc::format!("`{name}` is kept for abuse rules"), "rename it"));
            });
        }
        if !seen.insert(name) {
            check.key(list, |c| {
                c.item(i, |c| {
                    c.wrong(alloc::format!("the name `{name}` is used twice in the plan"), "rename one")
                })
            });
        }
    }
    let mut lent = BTreeSet::new();
    for layer in &p.waterfall {
        if let LayerSource::Overdraft { unit, .. } = layer
            && !lent.insert(own_unit(unit.as_ref()))
        {
            check.key("waterfall", |c| c.wrong("more than one overdraft in one unit of credits", "keep one"));
        }
    }
}

/// The features a guard or layer applies to: those it lists, or all of the plan.
fn scope<'a>(
    listed: Option<&Vec<Name>>,
    included: &BTreeMap<&Name, &'a Feature>,
    check: &mut Check,
) -> Vec<&'a Feature> {
    let Some(listed) = listed else {
        return included.values().copied().collect();
    };
    let mut out = Vec::new();
    check.key("features", |c| {
        for (i, name) in listed.iter().enumerate() {
            match included.get(name) {
                Some(feature) => out.push(*feature),
                None => c.item(i, |c| {
                    c.wrong(
                        alloc::format!("the plan does not include `{name}`"),
                        one_of(included.keys().copied()),
                    )
                }),
            }
        }
    });
    out
}

fn add_guard(
    g: &GuardSource,
    included: &BTreeMap<&Name, &Feature>,
    programs: &mut [Option<Program>],
    check: &mut Check,
) {
    let features = scope(g.features.as_ref(), included, check);
    let window = check.key("window", |c| window(&g.window, &Unit::Requests, c));
    let count = guard_count(g, &features, check);
    let Some(window) = window else { return };
    let volatile = matches!(&window, Window::Free(terms) if terms.is_volatile());
    let caps = match &g.window {
        WindowSource::SpendCap { unit, .. } => Some(own_unit(unit.as_ref())),
        WindowSource::Rate { .. }
        | WindowSource::Sliding { .. }
        | WindowSource::Fixed { .. }
        | WindowSource::FirstUse { .. }
        | WindowSource::Concurrency { .. } => None,
    };
    // A cap counts one unit of credits: features priced in another do not pass it.
    let counted = |f: &&Feature| caps.is_none_or(|unit| unit == f.credit_unit.as_ref());
    if !features.is_empty() && !features.iter().any(counted) {
        check.wrong(
            "no feature of the cap is priced in its unit of credits",
            "write the features' credit_unit as its `unit`",
        );
    }
    for feature in features.into_iter().filter(counted) {
        if !feature.ledger && !volatile {
            check.wrong(
                alloc::format!(
                    "feature `{}` is not recorded, so only windows of at most 60 s can guard it",
                    feature.name
                ),
                "shorten the window, or list the guard's features without it",
            );
        }
        if let Some(Some(program)) = programs.get_mut(feature.index) {
            let level = g.per.unwrap_or(Level::Account);
            program.guards.push(Guard {
                name: g.name.clone(),
                level,
                count: count.clone(),
                window: window.clone(),
            });
        }
    }
}

fn guard_count(g: &GuardSource, features: &[&Feature], check: &mut Check) -> Count {
    let fixed = match g.window {
        WindowSource::Concurrency { .. } => Some((Count::Slot, "open holds")),
        WindowSource::SpendCap { .. } => Some((Count::Spend, "credits")),
        WindowSource::Rate { .. }
        | WindowSource::Sliding { .. }
        | WindowSource::Fixed { .. }
        | WindowSource::FirstUse { .. } => None,
    };
    if let Some((count, word)) = fixed {
        if g.count.is_some() {
            check.key("count", |c| {
                c.wrong(alloc::format!("this window always counts {word}"), "remove `count`")
            });
        }
        return count;
    }
    let meters: SmallVec<[Name; 1]> = match &g.count {
        None => return Count::Requests,
        Some(CountSource::One(one)) if is_requests(one) => return Count::Requests,
        Some(CountSource::One(one)) => [one.clone()].into_iter().collect(),
        Some(CountSource::Several(list)) => list.iter().cloned().collect(),
    };
    check.key("count", |c| {
        if meters.is_empty() {
            c.wrong("counts nothing", "write requests or a meter");
        }
        for meter in meters.iter().filter(|m| !features.iter().any(|f| f.meters.contains(m))) {
            c.wrong(
                alloc::format!("no feature of the guard has the meter `{meter}`"),
                "write requests or one of their meters",
            );
        }
    });
    Count::Meters(meters)
}

fn limit(text: &Decimal, unit: &Unit, check: &mut Check) -> i64 {
    amount("limit", text, unit, check)
}

fn amount(field: &str, text: &Decimal, unit: &Unit, check: &mut Check) -> i64 {
    check.key(field, |c| match unit {
        Unit::Credits => decimal(text, c).map_or(0, Credits::nano),
        Unit::Requests | Unit::Meter(_) => {
            text.0.parse::<u64>().ok().and_then(|n| i64::try_from(n).ok()).unwrap_or_else(|| {
                c.wrong(
                    alloc::format!("`{}` is no whole number from 0 to 9223372036854775807", text.0),
                    "write for example 100",
                );
                0
            })
        }
    })
}

pub(super) fn decimal(text: &Decimal, check: &mut Check) -> Option<Credits> {
    match text.0.parse::<Credits>() {
        Ok(credits) if credits >= Credits::ZERO => Some(credits),
        Ok(_) => {
            check.wrong("the amount is negative", "write 0 or more");
            None
        }
        Err(e) => {
            check.wrong(alloc::format!("`{}` is no amount of credits", text.0), e.to_string());
            None
        }
    }
}

fn calendar(
    every: Every,
    zone: Option<&String>,
    anchor: Option<Anchor>,
    check: &mut Check,
) -> Option<Calendar> {
    let zone = zone.map_or("UTC", String::as_str);
    match Calendar::new(every, zone, anchor == Some(Anchor::Billing)) {
        Ok(calendar) => Some(calendar),
        Err(e) => {
            check.key("zone", |c| c.wrong(e.to_string(), ""));
            None
        }
    }
}

/// Compiles a window whose limit is in `unit`.
fn window(source: &WindowSource, unit: &Unit, check: &mut Check) -> Option<Window> {
    match source {
        WindowSource::Rate { limit, period, burst } => check.key("rate", |c| {
            let burst = burst.unwrap_or(*limit);
            if *limit == 0 || burst == 0 || *period == Span::ZERO {
                c.wrong(
                    "limit, period and burst must be above zero",
                    "to allow nothing, leave the feature out of the plan",
                );
            }
            let full = burst.max(*limit).checked_mul(period.micros());
            if full.is_none_or(|n| n > u64::MAX / 4) {
                c.wrong(
                    "limit × period is too large to count exactly",
                    "use a shorter period or a smaller limit",
                );
            }
            Some(Window::Free(Terms::Rate { limit: *limit, period: *period, burst }))
        }),
        WindowSource::Sliding { limit, length } => check.key("sliding", |c| {
            check_length(*length, c);
            Some(Window::Free(Terms::Sliding { limit: *limit, length: *length }))
        }),
        WindowSource::Concurrency { limit } => Some(Window::Free(Terms::Slots { limit: *limit })),
        WindowSource::Fixed { limit: text, every, zone, anchor } => check.key("fixed", |c| {
            let limit = limit(text, unit, c);
            calendar(*every, zone.as_ref(), *anchor, c).map(|calendar| Window::Fixed(limit, calendar))
        }),
        WindowSource::FirstUse { limit: text, length } => check.key("first_use", |c| {
            check_length(*length, c);
            Some(Window::FirstUse(limit(text, unit, c), *length))
        }),
        WindowSource::SpendCap { unit: _, limit: text, every, zone, anchor } => check.key("spend_cap", |c| {
            let limit = limit(text, &Unit::Credits, c);
            calendar(*every, zone.as_ref(), *anchor, c).map(|calendar| Window::Fixed(limit, calendar))
        }),
    }
}

fn check_length(length: Span, check: &mut Check) {
    if length == Span::ZERO {
        check.key("length", |c| c.wrong("the window has no length", "write for example \"5h\""));
    }
}

fn add_layer(
    l: &LayerSource,
    included: &BTreeMap<&Name, &Feature>,
    programs: &mut [Option<Program>],
    check: &mut Check,
) {
    let in_unit = |unit: Option<&Name>| -> Vec<&Feature> {
        let own = own_unit(unit);
        included.values().copied().filter(|f| f.credit_unit.as_ref() == own).collect()
    };
    let all: Vec<&Feature> = included.values().copied().collect();
    let (features, layer) = match l {
        LayerSource::Allowance { name, features, per, windows } => check.key("allowance", |c| {
            let features = scope(features.as_ref(), included, c);
            let layer = allowance(name, *per, windows, &features, c);
            check_allowance_order(name, &features, programs, c);
            (features, layer)
        }),
        LayerSource::Grants { name, categories, .. } => {
            let categories = Categories::new(categories.as_deref().unwrap_or(&Category::ALL));
            (all, Some(Layer::Grants { name: name.clone(), categories, pool: None }))
        }
        LayerSource::Pool { name, categories, member, unit, cap } => check.key("pool", |c| {
            let paid = [Category::Purchased, Category::Contract];
            let categories = Categories::new(categories.as_deref().unwrap_or(&paid));
            let pool = pool(*member, cap.as_ref(), c);
            (in_unit(unit.as_ref()), Some(Layer::Grants { name: name.clone(), categories, pool }))
        }),
        LayerSource::Overdraft { name, unit, limit: text } => check.key("overdraft", |c| {
            let limit = Credits::from_nano(limit(text, &Unit::Credits, c));
            (in_unit(unit.as_ref()), Some(Layer::Overdraft { name: name.clone(), limit }))
        }),
    };
    for feature in features {
        if let (Some(layer), Some(Some(program))) = (&layer, programs.get_mut(feature.index)) {
            let credits_only = !matches!(layer, Layer::Allowance { .. });
            // A feature without prices never needs credits.
            if !(credits_only && feature.card.is_none()) {
                program.layers.push(layer.clone());
            }
        }
    }
}

fn allowance(
    name: &Name,
    per: Option<Level>,
    windows: &[AllowanceWindowSource],
    features: &[&Feature],
    check: &mut Check,
) -> Option<Layer> {
    let first = features.first()?;
    if let Some(other) = features.iter().find(|f| f.unit != first.unit) {
        check.wrong(
            alloc::format!("`{}` and `{}` count allowances in different units", first.name, other.name),
            "make one allowance for each, or give them the same allowance_unit",
        );
    }
    if let Some(other) =
        features.iter().find(|f| f.unit == Unit::Credits && f.credit_unit != first.credit_unit)
    {
        check.wrong(
            alloc::format!("`{}` and `{}` are priced in different units of credits", first.name, other.name),
            "make one allowance for each",
        );
    }
    if let Some(unrecorded) = features.iter().find(|f| !f.ledger) {
        check.wrong(
            alloc::format!("feature `{}` is not recorded, so nothing pays for it", unrecorded.name),
            "leave it out of `features`",
        );
    }
    let mut compiled = Vec::new();
    check.key("windows", |c| {
        if windows.is_empty() {
            c.wrong("an allowance needs a window", "add one with `fixed` or `first_use`");
        }
        for (i, w) in windows.iter().enumerate() {
            c.item(i, |c| {
                let refills = matches!(w.window, WindowSource::Fixed { .. } | WindowSource::FirstUse { .. });
                if !refills {
                    c.key("window", |c| {
                        c.wrong(
                            "an allowance refills by `fixed` or `first_use` windows",
                            "use one of them, or make this a guard",
                        )
                    });
                }
                let Ok(joined) = Name::joined(name, &w.name) else {
                    c.wrong("the names of allowance and window together are too long", "shorten one");
                    return;
                };
                if compiled.iter().any(|(n, _)| *n == joined) {
                    c.wrong(
                        alloc::format!("the name `{}` is used twice in the allowance", w.name),
                        "rename one",
                    );
                }
                if let Some(window) = c.key("window", |c| window(&w.window, &first.unit, c)) {
                    compiled.push((joined, window));
                }
            });
        }
    });
    Some(Layer::Allowance { name: name.clone(), level: per.unwrap_or(Level::Account), windows: compiled })
}

/// After credits have paid a part, what is left is no whole number of a meter: allowances in a meter come first.
fn check_allowance_order(
    name: &Name,
    features: &[&Feature],
    programs: &[Option<Program>],
    check: &mut Check,
) {
    for feature in features.iter().filter(|f| matches!(f.unit, Unit::Meter(_))) {
        let program = programs.get(feature.index).and_then(Option::as_ref);
        let after_credits =
            program.is_some_and(|p| p.layers.iter().any(|l| !matches!(l, Layer::Allowance { .. })));
        if after_credits {
            check.wrong(
                alloc::format!(
                    "allowance `{name}` counts a meter of `{}` but comes after a source of credits",
                    feature.name
                ),
                "move it before grants, pool and overdraft",
            );
        }
    }
}

fn pool(member: Option<Level>, cap: Option<&PoolCapSource>, check: &mut Check) -> Option<Pool> {
    let member = member.unwrap_or(Level::User);
    if member == Level::Account {
        check.key("member", |c| {
            c.wrong("the account is no member of itself", "write team, user, key or session")
        });
    }
    let Some(cap) = cap else {
        // Caps that an account sets for its own members still need a window.
        return calendar(Every::Month, None, None, check).map(|window| Pool {
            member,
            default_cap: None,
            window,
        });
    };
    check.key("cap", |c| {
        let default_cap =
            cap.default.as_ref().map(|text| Credits::from_nano(amount("default", text, &Unit::Credits, c)));
        calendar(cap.every, cap.zone.as_ref(), cap.anchor, c).map(|window| Pool {
            member,
            default_cap,
            window,
        })
    })
}
