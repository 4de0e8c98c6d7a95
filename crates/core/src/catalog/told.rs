//! A catalog as a person reads it: what an account on each plan gets, in sentences.
//!
//! Never decides anything: it is written from the compiled parts, so that it says what is in force.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use alloc::{format, vec};

use super::derived::Derived;
use super::feature::{Feature, PriceEntry};
use super::growth::GrowthTerms;
use super::plan::{Categories, Count, Guard, Layer, Plan, WindowTerms};
use super::policy::Catalog;
use super::share::Share;
use super::source::Unpaid;
use crate::record::{CREDITS, Category, Consent, Credits, Levels, Name, PriceStep, Terms, Unit, WHOLE_PRICE};

/// The sources that need consent.
const PAID: &str = "purchased, contract and postpaid credits and the overdraft";
/// Most prices of one feature that are listed; the rest is counted.
const PRICES_MAX: usize = 40;

/// What a plan gives, and what it costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// What it is about.
    pub head: String,
    /// One sentence each.
    pub lines: Vec<String>,
}

impl Catalog {
    /// Every plan, then the prices of every feature, by name.
    #[must_use]
    pub fn told(&self) -> Vec<Told> {
        let features = self.features_by_index();
        let plans = self.plan_names().into_iter().filter_map(|name| {
            let lines = plan_lines(self.plan(name.as_str())?, &features);
            Some(Told { head: format!("plan {name}"), lines })
        });
        let prices = self.feature_names().into_iter().filter_map(|name| {
            let feature = self.feature(name.as_str())?;
            feature.card.as_ref()?;
            Some(Told { head: format!("prices of {name}"), lines: price_lines(feature) })
        });
        plans.chain(prices).collect()
    }

    fn features_by_index(&self) -> BTreeMap<usize, &Feature> {
        let all = self.feature_names().into_iter().filter_map(|name| self.feature(name.as_str()));
        all.map(|feature| (feature.index, feature)).collect()
    }
}

/// A part of a plan, and the features that it applies to.
struct Part<'a, T> {
    part: &'a Arc<T>,
    features: Vec<&'a Name>,
}

/// A plan's guards or layers, with the features whose programs have them.
fn parts<'a, T>(
    all: &'a [Arc<T>],
    programs: impl Iterator<Item = (&'a Name, &'a [Arc<T>])> + Clone,
) -> impl Iterator<Item = Part<'a, T>> {
    all.iter().map(move |part| {
        let has = |list: &[Arc<T>]| list.iter().any(|known| Arc::ptr_eq(known, part));
        let features = programs.clone().filter(|(_, list)| has(list)).map(|(feature, _)| feature);
        Part { part, features: features.collect() }
    })
}

fn plan_lines(plan: &Plan, features: &BTreeMap<usize, &Feature>) -> Vec<String> {
    let programs: Vec<_> = plan
        .programs
        .iter()
        .filter_map(|(index, program)| Some((&features.get(index)?.name, program)))
        .collect();
    let names: Vec<&Name> = programs.iter().map(|(name, _)| *name).collect();
    let of = |some: &[&Name]| {
        if some.len() == names.len() { String::new() } else { format!(" of {}", list(some)) }
    };
    let mut lines =
        vec![format!("may use {}", if names.is_empty() { "nothing".to_string() } else { list(&names) })];
    let units = |features: &[&Name]| {
        let first = features.first()?;
        let (_, program) = programs.iter().find(|(known, _)| known == first)?;
        Some((&program.unit, program.credit_unit.as_ref()))
    };
    let guards = parts(&plan.guards, programs.iter().map(|(name, p)| (*name, p.guards.as_slice())));
    for Part { part, features } in guards {
        let credits = units(&features).and_then(|(_, unit)| unit).map_or(CREDITS, Name::as_str);
        lines.push(format!("limit {}: {}", part.name, guard(part, credits, &of(&features))));
    }
    let layers = parts(&plan.layers, programs.iter().map(|(name, p)| (*name, p.layers.as_slice())));
    for (n, Part { part, features }) in (1..).zip(layers) {
        lines.push(format!("{n}. {}", layer(part, units(&features), &of(&features))));
    }
    if let Some((tried, share)) = plan.rollout.as_deref() {
        let percent = share.in_percent();
        lines.push(match percent {
            0 => format!("plan {tried} is observed"),
            _ => format!(
                "{percent} % of the accounts are treated as on plan {tried}, which is observed for the others"
            ),
        });
    }
    if let Some(factors) = &plan.price_factors {
        lines.push(format!("prices are multiplied by {}", factors.told()));
    }
    lines.extend(plan.seats.iter().flat_map(|seats| seats.told()));
    match plan.consent {
        Consent::Allow => {}
        Consent::Ask => lines.push(format!("{PAID} are drawn only with the user's consent")),
        Consent::Never => lines.push(format!("{PAID} are never drawn")),
    }
    if !plan.warn_at.is_empty() {
        let marks: Vec<String> = plan.warn_at.iter().map(ToString::to_string).collect();
        lines.push(format!("warns at {} % of what a limit counts", marks.join(", ")));
    }
    if plan.allows_in_debt {
        lines.push("in debt, what allowances pay in full goes on".to_string());
    }
    lines
}

fn list(names: &[&Name]) -> String {
    let mut text = String::new();
    for (i, name) in names.iter().enumerate() {
        let before = if i == 0 {
            ""
        } else if i + 1 == names.len() {
            " and "
        } else {
            ", "
        };
        text.push_str(before);
        text.push_str(name.as_str());
    }
    text
}

/// For whom: ` for each user of each team`.
fn each(levels: Levels) -> String {
    let words = levels.iter().rev().map(|level| format!("each {}", level.as_str().replace('_', " ")));
    let words: Vec<String> = words.collect();
    if words.is_empty() { String::new() } else { format!(" for {}", words.join(" of ")) }
}

fn guard(guard: &Guard, credits: &str, of: &str) -> String {
    let units = match &guard.count {
        Count::Slot => "open holds".to_string(),
        Count::Requests => "requests".to_string(),
        Count::Meters(meters) | Count::Size(meters) => {
            meters.iter().map(Name::as_str).collect::<Vec<_>>().join(" + ")
        }
        Count::Spend => format!("{credits} drawn"),
        Count::Price => format!("{credits} of price"),
    };
    let when: Vec<String> =
        guard.when.iter().map(|(name, values)| format!("{name} {}", values.join(" or "))).collect();
    let when = if when.is_empty() { String::new() } else { format!(" where {}", when.join(" and ")) };
    let is_credits = matches!(guard.count, Count::Spend | Count::Price);
    let limit = match (&guard.window, &guard.count) {
        (WindowTerms::Free(terms), Count::Size(_)) => {
            format!("at most {} {units} in one request", terms.capacity())
        }
        (window, _) => within(window, &units, is_credits),
    };
    format!("{limit}{of}{}{when}{}", each(guard.level), mode(guard.enforced_for))
}

fn mode(enforced_for: Share) -> String {
    match enforced_for.in_percent() {
        0 => ", observed only".to_string(),
        100.. => String::new(),
        percent => format!(", enforced for {percent} % of accounts, observed for the others"),
    }
}

/// So much in a window.
fn within(window: &WindowTerms, units: &str, is_credits: bool) -> String {
    let amount = |n: i64| if is_credits { Credits::from_nano(n).to_string() } else { n.to_string() };
    match window {
        WindowTerms::Free(Terms::Rate { limit, period, burst }) => {
            let burst = if burst == limit { String::new() } else { format!(" (bursts of {burst})") };
            format!("{limit} {units} in {period}{burst}")
        }
        WindowTerms::Free(Terms::Sliding { limit, length }) => format!("{limit} {units} in any {length}"),
        WindowTerms::Free(terms) => format!("{} {units} at once", terms.capacity()),
        WindowTerms::Fixed { limit, calendar } => format!("{} {units} {}", amount(*limit), calendar.told()),
        WindowTerms::Growth(terms) => {
            let max = match terms.max {
                i64::MAX => String::new(),
                max => format!(", at most {}", amount(max)),
            };
            let GrowthTerms { start, percent, calendar, .. } = &**terms;
            format!("{} {units} {}, growing by {percent} %{max}", amount(*start), calendar.told())
        }
        WindowTerms::FirstUse { limit, length } => {
            format!("{} {units} in {length} from the first use", amount(*limit))
        }
    }
}

fn layer(layer: &Layer, unit: Option<(&Unit, Option<&Name>)>, of: &str) -> String {
    let credits = unit.and_then(|(_, unit)| unit).map_or(CREDITS, Name::as_str);
    match layer {
        Layer::Allowance { name, level, windows } => {
            let (units, is_credits) = match unit.map(|(unit, _)| unit) {
                Some(Unit::Requests) => ("requests", false),
                Some(Unit::Meter(meter)) => (meter.as_str(), false),
                Some(Unit::Credits) | None => (credits, true),
            };
            let each_window: Vec<String> =
                windows.iter().map(|(_, window)| within(window, units, is_credits)).collect();
            format!("{name} includes {}{of}{}", each_window.join(", and "), each(*level))
        }
        Layer::Grants { name, categories, pool: None } => {
            format!("{name}: {} of the account", grants(*categories))
        }
        Layer::Grants { name, categories, pool: Some(pool) } => {
            let cap = pool.default_cap.map_or_else(
                || "as much as there is".to_string(),
                |cap| format!("at most {cap} {credits} {}", pool.window.told()),
            );
            format!("{name}: {}, {cap}{}{}", grants(*categories), each(pool.member), mode(pool.enforced_for))
        }
        Layer::Postpaid { name, window, unpaid } => {
            let counts = match unpaid {
                Unpaid::Counts => "less unpaid invoices, ",
                Unpaid::Ignored => "",
            };
            format!("{name}: up to {}, {counts}paid by invoice", within(window, credits, true))
        }
        Layer::Overdraft { name, limit } => format!("{name}: up to {limit} {credits} below zero"),
    }
}

fn grants(categories: Categories) -> String {
    let all: Vec<&str> =
        Category::ALL.into_iter().filter(|c| categories.contains(*c)).map(Category::as_str).collect();
    if all.len() == Category::ALL.len() {
        "all grants".to_string()
    } else {
        format!("{} grants", all.join(" and "))
    }
}

/// The prices in force last, the most specific first.
fn price_lines(feature: &Feature) -> Vec<String> {
    let mut lines: Vec<String> = feature.derived.iter().map(Derived::told).collect();
    let Some(version) = feature.prices.last() else { return lines };
    let unit = feature.credit_unit.as_ref().map_or(CREDITS, Name::as_str);
    let all = version.shapes.iter().flat_map(|shape| shape.entries.iter().map(move |entry| (shape, entry)));
    // A price of the feature's own hides that of the card for the same dimensions, if it leaves nothing open.
    let mut whole = BTreeSet::new();
    let entries = all.filter(|(shape, entry)| {
        let when = (&shape.names, &entry.values);
        let hidden = whole.contains(&when);
        if entry.open == 0 {
            whole.insert(when);
        }
        !hidden
    });
    let entries: Vec<_> = entries.collect();
    let count = entries.len();
    for (shape, entry) in entries.into_iter().take(PRICES_MAX) {
        let when: Vec<String> =
            shape.names.iter().zip(&entry.values).map(|(name, value)| format!("{name} {value}")).collect();
        let when = if when.is_empty() { "otherwise".to_string() } else { when.join(", ") };
        lines.push(format!("{when}: {}", prices(feature, entry, unit)));
    }
    if count > PRICES_MAX {
        lines.push(format!("and {} more", count - PRICES_MAX));
    }
    lines
}

fn prices(feature: &Feature, entry: &PriceEntry, unit: &str) -> String {
    // A meter that is left open has the price of a less specific entry.
    let is_open = |at: usize| entry.open >> at & 1 == 1;
    let priced = feature.meters.iter().zip(&entry.prices).enumerate();
    let mut each: Vec<String> = priced
        .filter(|(at, (_, price))| price.costs() && !is_open(*at))
        .map(|(_, (meter, of_meter))| {
            let price = of_meter.price;
            // Small prices are easier to read for many units.
            let dearest = of_meter.steps().iter().map(|step| step.nano).fold(price.nano(), u64::max);
            let (per, of) = if dearest < 10_000_000 { (1_000_000, "a million") } else { (1, "each") };
            let credits =
                |nano: u64| Credits::from_nano(i64::try_from(nano.saturating_mul(per)).unwrap_or(i64::MAX));
            let billed = match price.billing() {
                (1, 0) => String::new(),
                (step, 0) => format!(" (by {step})"),
                (1, least) => format!(" (at least {least})"),
                (step, least) => format!(" (by {step}, at least {least})"),
            };
            let above = |step: &PriceStep| format!(", {} above {}", credits(step.nano), step.above);
            let later: String = of_meter.steps().iter().map(above).collect();
            let volume = of_meter.ladder.as_ref().map_or_else(String::new, |ladder| {
                format!(" {} ({})", ladder.calendar.told(), ladder.volume)
            });
            format!("{meter} {} {unit} {of}{billed}{later}{volume}", credits(price.nano()))
        })
        .collect();
    if entry.open != 0 {
        each.push("the rest as without some of these".to_string());
    }
    if each.is_empty() { "free".to_string() } else { each.join(", ") }
}

impl super::plan::PriceFactors {
    fn told(&self) -> String {
        let decimal = |of: u64| Credits::from_nano(i64::try_from(of).unwrap_or(i64::MAX)).to_string();
        let tiers = crate::record::Tier::ALL;
        let first = self.of(tiers[0]);
        if tiers.iter().all(|tier| self.of(*tier) == first) {
            return decimal(first);
        }
        let own = tiers.iter().filter(|tier| self.of(**tier) != WHOLE_PRICE);
        own.map(|tier| format!("{} for {} accounts", decimal(self.of(*tier)), tier.as_str()))
            .collect::<Vec<_>>()
            .join(", ")
    }
}
