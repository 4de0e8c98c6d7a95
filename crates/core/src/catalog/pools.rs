//! Capacity pools of a catalog: their terms, and who refers to them.

use alloc::borrow::ToOwned;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use hashbrown::HashMap;

use super::compile::{Check, one_of};
use super::source::{CatalogSource, PoolSource};
use super::{Catalog, Feature, is_requests};
use crate::record::{ClassFigures, Name, PoolChange, REQUESTS, Settings, Span};

/// Most cost of one request; more is refused, so that sums stay exact.
pub const COST_MAX: u64 = 1_000_000_000_000;

/// A linear formula over meters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Formula(pub Vec<(Name, u32)>);

impl Formula {
    /// The cost of these quantities, `requests` counting 1 where it is not given; never more than [`COST_MAX`].
    pub fn cost<'a>(&self, quantities: impl Iterator<Item = (&'a str, u64)> + Clone) -> u64 {
        let of = |(meter, factor): &(Name, u32)| {
            let unnamed = if meter.as_str() == REQUESTS { 1 } else { 0 };
            let quantity = quantities.clone().find(|(m, _)| *m == meter.as_str()).map_or(unnamed, |(_, n)| n);
            quantity.saturating_mul(u64::from(*factor))
        };
        self.0.iter().map(of).fold(0, u64::saturating_add).min(COST_MAX)
    }
}

/// One of a pool's two dimensions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolDimension {
    /// What there is: cost a second, or cost in flight. `None`: this dimension does not limit.
    pub limit: Option<u64>,
    /// What a request costs in it.
    pub formula: Formula,
}

/// A pool as the catalog describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolTerms {
    /// Cost a second.
    pub rate: PoolDimension,
    /// Cost in flight: held, not ended.
    pub in_flight: PoolDimension,
    /// How the rate is learned; its `limit` is then the first guess.
    pub learn: Option<Learn>,
    /// Pools that take a request for which this one has no room, in order.
    pub fallback: Vec<Name>,
    /// Points for guaranteed share left unused: at most this many seconds of it.
    pub points_s_max: Option<u32>,
    /// Most cost that may wait: of one account, and in all. In the unit of the rate.
    pub waiting_max: (u64, u64),
    /// The classes, by name.
    pub classes: Vec<(Name, ClassTerms)>,
}

impl PoolTerms {
    /// The place of a class in the list.
    #[must_use]
    pub fn class(&self, name: &str) -> Option<u16> {
        self.classes.iter().position(|(n, _)| n.as_str() == name).and_then(|at| u16::try_from(at).ok())
    }

    /// The class that an account's requests count in, with its place: the account's, else its plan's, else `default`, whichever
    /// the pool has first; else the first of the pool. One class lower when it is demoted.
    #[must_use]
    pub fn class_of(&self, settings: &Settings, catalog: &Catalog, demoted: bool) -> Option<(u16, &Name)> {
        let own = settings.rank.as_ref().and_then(|r| r.class.as_ref());
        let plan = catalog.plan(settings.plan.as_str()).and_then(|p| p.class.as_ref());
        let wanted = own.into_iter().chain(plan).map(Name::as_str).chain([DEFAULT_CLASS]);
        let own = wanted.into_iter().find_map(|name| self.class(name)).unwrap_or(0);
        let at = if demoted { self.below(own) } else { own };
        self.classes.get(usize::from(at)).map(|(name, _)| (at, name))
    }

    /// The class one lower than another: the next band, or a smaller weight in its own; itself where there is none.
    #[must_use]
    pub fn below(&self, at: u16) -> u16 {
        let rank = |terms: &ClassTerms| (terms.priority, core::cmp::Reverse(terms.weight));
        let Some(own) = self.class_at(at).map(rank) else { return at };
        let lower = self.classes.iter().enumerate().filter(|(_, (_, terms))| rank(terms) > own);
        let next = lower.min_by_key(|(at, (_, terms))| (rank(terms), *at)).map(|(at, _)| at);
        next.and_then(|at| u16::try_from(at).ok()).unwrap_or(at)
    }

    /// The terms of a class.
    #[must_use]
    pub fn class_at(&self, at: u16) -> Option<&ClassTerms> {
        self.classes.get(usize::from(at)).map(|(_, terms)| terms)
    }
}

/// Bounds of a learned rate, in cost a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Learn {
    /// Never below.
    pub floor: u64,
    /// Never above.
    pub ceiling: u64,
}

/// A class of requests in a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClassTerms {
    /// Its band: smaller is served first.
    pub priority: u8,
    /// Its part among the classes of its band.
    pub weight: u32,
    /// What it is sure of when it asks for it, in percent of the capacity.
    pub floor_percent: u8,
    /// How much of an unused floor others may use, in percent of the floor.
    pub lend_percent: u8,
    /// How much it may take beyond its floor, in percent of the capacity.
    pub borrow_percent: u8,
    /// What its band keeps while work is waiting in it, in percent of the capacity.
    pub starvation_percent: u8,
    /// How long a request that says nothing waits at most.
    pub wait_max: Span,
}

impl Default for ClassTerms {
    fn default() -> Self {
        Self {
            priority: 0,
            weight: 1,
            floor_percent: 0,
            lend_percent: 100,
            borrow_percent: 100,
            starvation_percent: 2,
            wait_max: Span::ZERO,
        }
    }
}

/// The class of requests whose plan and account name none.
pub(crate) const DEFAULT_CLASS: &str = "default";

/// Longest a request may wait for capacity.
pub const WAIT_MAX: Span = Span::from_secs(3_600);

/// Most of a second's capacity that may wait, when the catalog says nothing: a minute of it, ten seconds of one account.
const WAITING_S: (u64, u64) = (10, 60);

pub(super) fn pools(source: &CatalogSource, check: &mut Check) -> BTreeMap<Name, Arc<PoolTerms>> {
    check.key("pools", |c| {
        let compiled = source
            .pools
            .iter()
            .map(|(name, p)| (name.clone(), Arc::new(c.key(name.as_str(), |c| pool(source, name, p, c)))));
        compiled.collect()
    })
}

fn pool(source: &CatalogSource, name: &Name, p: &PoolSource, check: &mut Check) -> PoolTerms {
    if p.rate.is_none() && p.in_flight.is_none() {
        check.wrong(
            "a pool without `rate` and `in_flight` limits nothing",
            "set one of them, or remove the pool",
        );
    }
    for (key, limit) in [("rate", p.rate), ("in_flight", p.in_flight)] {
        if limit.is_some_and(|l| l == 0 || l > crate::catalog::COST_MAX) {
            check.key(key, |c| c.wrong("a capacity is 1 to 1000000000000", "write for example 400000"));
        }
    }
    check.key("fallback", |c| {
        for (i, other) in p.fallback.iter().enumerate() {
            if other == name || !source.pools.contains_key(other) {
                c.item(i, |c| {
                    let others = source.pools.keys().filter(|n| *n != name);
                    c.wrong(alloc::format!("there is no other pool `{other}`"), one_of(others));
                });
            }
        }
    });
    let learn = p.learn.as_ref().map(|l| {
        let guess = p.rate.unwrap_or(0);
        if l.floor == 0 || l.floor > guess || guess > l.ceiling {
            check.key("learn", |c| {
                c.wrong(
                    "a learned rate needs 1 <= floor <= rate <= ceiling",
                    "set `rate` to a first guess between them",
                );
            });
        }
        Learn { floor: l.floor, ceiling: l.ceiling }
    });
    let cost = formula(source, "cost", p.cost.as_ref(), check);
    let rate = PoolDimension { limit: p.rate, formula: cost.clone() };
    let in_flight = match &p.in_flight_cost {
        None => cost,
        given => formula(source, "in_flight_cost", given.as_ref(), check),
    };
    let supply = p.rate.or(p.in_flight).unwrap_or(1);
    PoolTerms {
        rate,
        in_flight: PoolDimension { limit: p.in_flight, formula: in_flight },
        learn,
        fallback: p.fallback.clone(),
        points_s_max: p.points_seconds_max,
        waiting_max: (
            p.waiting_max_per_account.unwrap_or(supply.saturating_mul(WAITING_S.0)),
            p.waiting_max.unwrap_or(supply.saturating_mul(WAITING_S.1)),
        ),
        classes: classes(p, check),
    }
}

/// What a request costs: as written, or tokens as they weigh on a model.
pub(super) fn formula(
    source: &CatalogSource,
    key: &str,
    given: Option<&BTreeMap<Name, u32>>,
    check: &mut Check,
) -> Formula {
    let Some(given) = given else {
        let usual = [("input_tokens", 1), ("output_tokens", 2)];
        let known = |(meter, factor): (&str, u32)| {
            source.meters.get_key_value(meter).map(|(name, _)| (name.clone(), factor))
        };
        let tokens: Vec<_> = usual.into_iter().filter_map(known).collect();
        return Formula(if tokens.is_empty() { alloc::vec![(requests(), 1)] } else { tokens });
    };
    check.key(key, |c| {
        for meter in given.keys().filter(|m| !source.meters.contains_key(*m) && !is_requests(m)) {
            c.key(meter.as_str(), |c| {
                c.wrong(alloc::format!("there is no meter `{meter}`"), one_of(source.meters.keys()));
            });
        }
        if given.values().all(|factor| *factor == 0) {
            c.wrong("every request would cost nothing", "give at least one meter a factor above zero");
        }
    });
    Formula(given.iter().map(|(meter, factor)| (meter.clone(), *factor)).collect())
}

fn requests() -> Name {
    Name::new(REQUESTS).unwrap_or_else(|_| unreachable!("`{REQUESTS}` is a name"))
}

fn classes(p: &PoolSource, check: &mut Check) -> Vec<(Name, ClassTerms)> {
    if p.classes.is_empty() {
        let default =
            Name::new(DEFAULT_CLASS).unwrap_or_else(|_| unreachable!("`{DEFAULT_CLASS}` is a name"));
        return alloc::vec![(default, ClassTerms::default())];
    }
    check.key("classes", |c| {
        let floors: u32 = p.classes.values().filter_map(|class| class.floor_percent).map(u32::from).sum();
        if floors > 100 {
            c.wrong(alloc::format!("the floors add up to {floors} %"), "lower them to 100 % together");
        }
        let compiled =
            p.classes.iter().map(|(name, s)| (name.clone(), c.key(name.as_str(), |c| class(s, c))));
        compiled.collect()
    })
}

fn class(s: &ClassFigures, check: &mut Check) -> ClassTerms {
    for (key, what, fix) in wrong_in(s) {
        check.key(key, |c| c.wrong(what, fix));
    }
    over(ClassTerms::default(), s)
}

/// What is wrong in the figures of a class: the field, what, and what to write instead.
fn wrong_in(s: &ClassFigures) -> Vec<(&'static str, &'static str, &'static str)> {
    let percents = [
        ("floor_percent", s.floor_percent),
        ("lend_percent", s.lend_percent),
        ("borrow_percent", s.borrow_percent),
        ("starvation_percent", s.starvation_percent),
    ];
    let too_much = percents.into_iter().filter(|(_, p)| p.is_some_and(|p| p > 100));
    let mut wrong: Vec<_> =
        too_much.map(|(key, _)| (key, "a percentage is 0 to 100", "write for example 20")).collect();
    if s.weight == Some(0) {
        wrong.push(("weight", "a weight is above zero", "write 1 or more"));
    }
    if s.wait_max.is_some_and(|w| w > WAIT_MAX) {
        wrong.push(("wait_max", "a request waits at most 1h", "write for example \"10s\""));
    }
    wrong
}

/// Terms with what a source says in their place.
fn over(terms: ClassTerms, s: &ClassFigures) -> ClassTerms {
    ClassTerms {
        priority: s.priority.unwrap_or(terms.priority),
        weight: s.weight.unwrap_or(terms.weight),
        floor_percent: s.floor_percent.unwrap_or(terms.floor_percent),
        lend_percent: s.lend_percent.unwrap_or(terms.lend_percent),
        borrow_percent: s.borrow_percent.unwrap_or(terms.borrow_percent),
        starvation_percent: s.starvation_percent.unwrap_or(terms.starvation_percent),
        wait_max: s.wait_max.unwrap_or(terms.wait_max),
    }
}

/// A pool's terms with a live change over them.
///
/// # Errors
/// Says which figure is out of range, and which class the pool does not have.
pub fn changed(terms: &PoolTerms, change: &PoolChange) -> Result<PoolTerms, String> {
    let mut terms = terms.clone();
    for (key, limit) in [("rate", change.rate), ("in_flight", change.in_flight)] {
        if limit.is_some_and(|l| l == 0 || l > crate::catalog::COST_MAX) {
            return Err(alloc::format!("{key}: a capacity is 1 to 1000000000000"));
        }
    }
    terms.rate.limit = change.rate.or(terms.rate.limit);
    terms.in_flight.limit = change.in_flight.or(terms.in_flight.limit);
    for (name, source) in &change.classes {
        if let Some((key, what, fix)) = wrong_in(source).first() {
            return Err(alloc::format!("classes.{name}.{key}: {what}; {fix}"));
        }
        let known = one_of(terms.classes.iter().map(|(n, _)| n));
        let class = terms.classes.iter_mut().find(|(n, _)| n == name);
        let (_, class) = class.ok_or_else(|| alloc::format!("the pool has no class `{name}`; {known}"))?;
        *class = over(*class, source);
    }
    let floors: u32 = terms.classes.iter().map(|(_, c)| u32::from(c.floor_percent)).sum();
    if floors > 100 {
        return Err(alloc::format!("the floors would add up to {floors} %; lower them to 100 % together"));
    }
    Ok(terms)
}

/// Features name pools that are there and that they cost something in; plans name classes that those pools have.
pub(super) fn check_references(
    source: &CatalogSource,
    pools: &BTreeMap<Name, Arc<PoolTerms>>,
    features: &HashMap<Name, Feature>,
    check: &mut Check,
) {
    for (name, feature) in &source.features {
        let Some(wanted) = &feature.pool else { continue };
        check.key("features", |c| {
            c.key(name.as_str(), |c| {
                c.key("pool", |c| match pools.get(wanted) {
                    None => c.wrong(alloc::format!("there is no pool `{wanted}`"), one_of(pools.keys())),
                    Some(terms) => check_cost(feature.meters.as_slice(), wanted, terms, c),
                });
            });
        });
    }
    for (name, plan) in &source.plans {
        let used: BTreeSet<&Name> =
            plan.features.iter().filter_map(|f| features.get(f)?.pool.as_ref()).collect();
        for pool in used {
            check_class(source, name, plan.class.as_ref(), pool, check);
        }
    }
}

fn check_cost(meters: &[Name], pool: &Name, terms: &PoolTerms, check: &mut Check) {
    let counts = |formula: &Formula| {
        formula.0.iter().any(|(meter, factor)| *factor > 0 && (is_requests(meter) || meters.contains(meter)))
    };
    if !counts(&terms.rate.formula) || !counts(&terms.in_flight.formula) {
        check.wrong(
            alloc::format!("no meter of the feature costs anything in pool `{pool}`"),
            "name one of its meters, or requests, in the pool's `cost`",
        );
    }
}

fn check_class(source: &CatalogSource, plan: &Name, class: Option<&Name>, pool: &Name, check: &mut Check) {
    let Some(classes) = source.pools.get(pool).map(|p| &p.classes) else { return };
    let wanted = class.map_or(DEFAULT_CLASS, Name::as_str);
    let is_there = classes.contains_key(wanted) || (classes.is_empty() && wanted == DEFAULT_CLASS);
    if !is_there {
        let fix = if classes.is_empty() {
            "remove `class`, or give the pool this class".to_owned()
        } else {
            one_of(classes.keys())
        };
        check.key("plans", |c| {
            c.key(plan.as_str(), |c| {
                c.key("class", |c| c.wrong(alloc::format!("pool `{pool}` has no class `{wanted}`"), fix));
            });
        });
    }
}
