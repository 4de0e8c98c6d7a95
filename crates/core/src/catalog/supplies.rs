//! Supplies of a catalog: their capacity, the cost of requests, and the order of service.
//!
//! Never knows who is using a supply: a change yields new terms and leaves the old ones as they are.
//! Units: cost, a linear formula over meters; rates in cost per second, minute or hour, as the catalog says.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::names::one_of;
use crate::record::{ClassFigures, Level, Name, REQUESTS, Span, SupplyChange};

/// The most that one request may cost; more is refused, so that sums stay exact.
pub const COST_MAX: u64 = 1_000_000_000_000;

/// Longest a request may wait for capacity.
pub const WAIT_MAX: Span = Span::from_secs(3_600);

/// The class of requests whose plan and account name none.
pub(super) const DEFAULT_CLASS: &str = "default";

/// A linear formula over meters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Formula(pub Vec<(Name, u32)>);

impl Formula {
    /// The cost of these quantities, `requests` counting 1 if it is not given; never more than [`COST_MAX`].
    pub fn cost<'a>(&self, quantities: impl Iterator<Item = (&'a str, u64)> + Clone) -> u64 {
        let of = |(meter, factor): &(Name, u32)| {
            let unnamed = if meter.as_str() == REQUESTS { 1 } else { 0 };
            let quantity = quantities.clone().find(|(m, _)| *m == meter.as_str()).map_or(unnamed, |(_, n)| n);
            quantity.saturating_mul(u64::from(*factor))
        };
        self.0.iter().map(of).fold(0, u64::saturating_add).min(COST_MAX)
    }
}

/// One of a supply's two dimensions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SupplyDimension {
    /// The capacity: cost in a period, or cost in flight. `None`: this dimension does not limit.
    pub limit: Option<u64>,
    /// The cost of a request in it.
    pub formula: Formula,
}

/// A supply as the catalog describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SupplyTerms {
    /// Cost in [`Self::per`].
    pub rate: SupplyDimension,
    /// The period of the rate, of the bounds within which it is learned, and of accounts' floors and maxima.
    pub per: Span,
    /// Cost in flight: held, not ended.
    pub in_flight: SupplyDimension,
    /// How the rate is learned; its `limit` is then the first guess.
    pub learn: Option<Learn>,
    /// The level of paths whose requests take turns inside an account.
    pub share_by: Level,
    /// Supplies that take a request for which this one has no room, in order.
    pub fallback: Vec<Name>,
    /// Points: nobody is ahead or behind by more than this many seconds of its fair share.
    pub points_s_max: Option<u32>,
    /// Most cost of one account that may wait, in the unit of the rate.
    pub waiting_max_per_account: u64,
    /// Most cost that may wait in all, in the unit of the rate.
    pub waiting_max: u64,
    /// The classes, by name.
    pub classes: Vec<(Name, ClassTerms)>,
}

impl SupplyTerms {
    /// The place of a class in the list.
    #[must_use]
    pub fn class(&self, name: &str) -> Option<u16> {
        self.classes.iter().position(|(n, _)| n.as_str() == name).and_then(|at| u16::try_from(at).ok())
    }

    /// The class one lower than another: the next band, or a smaller weight in its own; itself if there is none.
    #[must_use]
    pub(super) fn below(&self, at: u16) -> u16 {
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

/// Bounds of a learned rate, in the period of the rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Learn {
    /// Never below.
    pub floor: u64,
    /// Never above.
    pub ceiling: u64,
}

/// A class of requests in a supply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClassTerms {
    /// Its band: lower numbers are served first.
    pub priority: u8,
    /// Its weight among the classes of its band.
    pub weight: u32,
    /// The part it is guaranteed when it asks for it, in percent of the capacity.
    pub floor_percent: u8,
    /// How much of an unused floor others may use, in percent of the floor.
    pub lend_percent: u8,
    /// How much it may take beyond its floor, in percent of the capacity.
    pub borrow_percent: u8,
    /// The part its band keeps while work is waiting in it, in percent of the capacity.
    pub starvation_percent: u8,
    /// How long a request waits at most by default.
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

/// A figure of a class that is out of range.
pub(super) struct WrongFigure {
    pub(super) key: &'static str,
    pub(super) what: &'static str,
    pub(super) fix: &'static str,
}

impl ClassTerms {
    /// These terms, with the given figures replaced.
    pub(super) fn with(self, given: &ClassFigures) -> Self {
        Self {
            priority: given.priority.unwrap_or(self.priority),
            weight: given.weight.unwrap_or(self.weight),
            floor_percent: given.floor_percent.unwrap_or(self.floor_percent),
            lend_percent: given.lend_percent.unwrap_or(self.lend_percent),
            borrow_percent: given.borrow_percent.unwrap_or(self.borrow_percent),
            starvation_percent: given.starvation_percent.unwrap_or(self.starvation_percent),
            wait_max: given.wait_max.unwrap_or(self.wait_max),
        }
    }
}

/// The wrong figures of a class.
pub(super) fn wrong_figures(given: &ClassFigures) -> Vec<WrongFigure> {
    let percents = [
        ("floor_percent", given.floor_percent),
        ("lend_percent", given.lend_percent),
        ("borrow_percent", given.borrow_percent),
        ("starvation_percent", given.starvation_percent),
    ];
    let too_much = percents.into_iter().filter(|(_, p)| p.is_some_and(|p| p > 100));
    let of_percents =
        |(key, _)| WrongFigure { key, what: "a percentage is 0 to 100", fix: "write for example 20" };
    let mut wrong: Vec<_> = too_much.map(of_percents).collect();
    if given.weight == Some(0) {
        wrong.push(WrongFigure { key: "weight", what: "a weight is above zero", fix: "write 1 or more" });
    }
    if given.wait_max.is_some_and(|w| w > WAIT_MAX) {
        wrong.push(WrongFigure {
            key: "wait_max",
            what: "a request waits at most 1h",
            fix: "write for example \"10s\"",
        });
    }
    wrong
}

/// Whether a supply can have this much in one dimension.
pub(super) fn is_capacity(limit: u64) -> bool {
    (1..=COST_MAX).contains(&limit)
}

/// A supply's terms with a live change over them.
///
/// # Errors
/// When a figure is out of range or the supply lacks a class; the text says which.
pub fn changed(terms: &SupplyTerms, change: &SupplyChange) -> Result<SupplyTerms, String> {
    let mut terms = terms.clone();
    for (key, limit) in [("rate", change.rate), ("in_flight", change.in_flight)] {
        if limit.is_some_and(|l| !is_capacity(l)) {
            return Err(alloc::format!("{key}: a capacity is 1 to 1000000000000"));
        }
    }
    terms.rate.limit = change.rate.or(terms.rate.limit);
    terms.in_flight.limit = change.in_flight.or(terms.in_flight.limit);
    for (name, given) in &change.classes {
        if let Some(WrongFigure { key, what, fix }) = wrong_figures(given).first() {
            return Err(alloc::format!("classes.{name}.{key}: {what}; {fix}"));
        }
        let known = one_of(terms.classes.iter().map(|(n, _)| n)).to_string();
        let class = terms.classes.iter_mut().find(|(n, _)| n == name);
        let (_, class) = class.ok_or_else(|| alloc::format!("the supply has no class `{name}`; {known}"))?;
        *class = class.with(given);
    }
    let floors: u32 = terms.classes.iter().map(|(_, c)| u32::from(c.floor_percent)).sum();
    if floors > 100 {
        return Err(alloc::format!("the floors would add up to {floors} %; lower them to 100 % together"));
    }
    Ok(terms)
}
