//! The catalog: the operator's policy, compiled so that a decision looks up and never searches.
//!
//! Never changes in place: a reload replaces it whole or not at all.
//! C1 every name a catalog uses is defined in it, every price exact (`tests/catalog.rs`).
//! C2 an error names the line, what is wrong and what to write instead (`tests/catalog.rs`).

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use hashbrown::HashMap;
use smallvec::SmallVec;

use crate::record::{
    Calendar, Category, Consent, Credits, Dimension, Instant, Level, Name, Price, REQUESTS, Span, Terms, Unit,
};
use crate::window::Used;

mod abuse;
mod compile;
mod pools;
pub mod source;
mod text;

pub use abuse::{Mode, Rules, TierTerms};
pub use pools::{COST_MAX, ClassTerms, Formula, Learn, PoolDimension, PoolTerms, WAIT_MAX, changed};
pub use text::{Format, Problem, Problems};

use crate::record::Overshoot;
use source::ExpiredDraws;

/// A compiled catalog.
#[derive(Debug)]
pub struct Catalog {
    /// The operator's label.
    pub version: Name,
    /// The plan of accounts that name none.
    pub default_plan: Option<Name>,
    /// How late use may be recorded before it waits in quarantine.
    pub late_horizon: Span,
    pub(crate) features: HashMap<Name, Feature>,
    pub(crate) plans: HashMap<Name, Plan>,
    /// The capacity pools.
    pub pools: BTreeMap<Name, Arc<PoolTerms>>,
    /// Rules against abuse.
    pub abuse: Rules,
    /// The text it was read from.
    pub text: String,
}

/// A compiled feature.
#[derive(Debug)]
pub struct Feature {
    /// Its name.
    pub name: Name,
    /// Position in the plans' programs.
    pub(crate) index: usize,
    /// Its meters.
    pub meters: Vec<Name>,
    /// What allowances count.
    pub unit: Unit,
    /// What happens to use that no source pays.
    pub overshoot: Overshoot,
    /// Life of a hold when the request names none.
    pub hold_life: Span,
    /// Longest life of a hold.
    pub hold_life_max: Span,
    /// Meters charged at their estimate on expiry.
    pub expiry_charges: Option<Vec<Name>>,
    /// Whether use is recorded.
    pub ledger: bool,
    /// The unit of credits that its prices are in; `None`: `credits`.
    pub credit_unit: Option<Name>,
    /// The capacity pool its requests need room in.
    pub pool: Option<Name>,
    /// What a hold sets aside of meters that a request leaves out.
    pub estimate: Vec<(Name, u64)>,
    pub(crate) card: Option<Name>,
    pub(crate) prices: Vec<CardVersion>,
}

/// The prices of one feature in one version of its card, most specific first.
#[derive(Debug)]
pub(crate) struct CardVersion {
    pub(crate) effective_from: Instant,
    pub(crate) entries: Vec<PriceEntry>,
}

#[derive(Debug)]
pub(crate) struct PriceEntry {
    pub(crate) when: Vec<(Name, String)>,
    /// In the order of the feature's meters.
    pub(crate) prices: Vec<Price>,
}

/// The prices found for a request.
#[derive(Debug)]
pub struct Prices<'a> {
    /// The card and when its version came into force.
    pub(crate) card: Option<(&'a Name, Instant)>,
    pub(crate) prices: Option<&'a [Price]>,
}

/// Why no price was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoPrice {
    /// No version of the card is in force yet.
    NotYet,
    /// No entry matches the dimensions.
    NoMatch,
}

impl Feature {
    /// The prices in force at `now` for these dimensions. A feature without a card is free.
    ///
    /// # Errors
    /// Says why there is no price; an unknown price is never free.
    pub fn prices(&self, dimensions: &[Dimension], now: Instant) -> Result<Prices<'_>, NoPrice> {
        let Some(card) = &self.card else {
            return Ok(Prices { card: None, prices: None });
        };
        let in_force = self.prices.iter().rev().find(|v| v.effective_from <= now).ok_or(NoPrice::NotYet)?;
        let matches = |entry: &&PriceEntry| {
            entry
                .when
                .iter()
                .all(|(name, value)| dimensions.iter().any(|d| d.name == *name && d.value.as_str() == value))
        };
        let entry = in_force.entries.iter().find(matches).ok_or(NoPrice::NoMatch)?;
        Ok(Prices { card: Some((card, in_force.effective_from)), prices: Some(&entry.prices) })
    }
}

/// A compiled plan.
#[derive(Debug)]
pub struct Plan {
    /// Consent where the account says nothing.
    pub consent: Consent,
    /// What becomes of draws given back to expired grants.
    pub expired_draws: ExpiredDraws,
    /// The class of its requests in capacity pools.
    pub class: Option<Name>,
    /// What one request may cost at most.
    pub cost_max: Option<u64>,
    /// By feature: what is checked and what pays; `None` where the plan does not include the feature.
    pub(crate) programs: Vec<Option<Program>>,
}

/// What one plan does for one feature.
#[derive(Debug, Default)]
pub struct Program {
    pub(crate) guards: Vec<Guard>,
    pub(crate) layers: Vec<Layer>,
}

#[derive(Clone, Debug)]
pub(crate) struct Guard {
    pub(crate) name: Name,
    pub(crate) level: Level,
    pub(crate) count: Count,
    pub(crate) window: Window,
}

#[derive(Clone, Debug)]
pub(crate) enum Count {
    Slot,
    Requests,
    Meters(SmallVec<[Name; 1]>),
    Spend,
}

/// A window as configured; [`Window::terms`] resolves its bounds.
#[derive(Clone, Debug)]
pub(crate) enum Window {
    Free(Terms),
    Fixed(i64, Calendar),
    FirstUse(i64, Span),
}

#[derive(Clone, Debug)]
pub(crate) enum Layer {
    Allowance { name: Name, level: Level, windows: Vec<(Name, Window)> },
    Grants { name: Name, categories: Categories, pool: Option<Pool> },
    Overdraft { name: Name, limit: Credits },
}

#[derive(Clone, Debug)]
pub(crate) struct Pool {
    pub(crate) member: Level,
    pub(crate) default_cap: Option<Credits>,
    pub(crate) window: Calendar,
}

/// A set of grant categories.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Categories([bool; 4]);

impl Categories {
    pub(crate) fn new(list: &[Category]) -> Self {
        Self(Category::ALL.map(|c| list.contains(&c)))
    }

    pub(crate) fn contains(self, category: Category) -> bool {
        Category::ALL.iter().zip(self.0).any(|(c, on)| on && *c == category)
    }
}

impl Window {
    /// The limit with its bounds at `now`. An open window keeps the bounds it was opened with, so that the reset that
    /// was told is the reset that happens, whatever a reload changes.
    pub(crate) fn terms(&self, used: Option<&Used>, now: Instant, anchor: Instant) -> Terms {
        let open = used.and_then(Used::period).filter(|p| p.start <= now && now < p.end);
        let open = open.map(|p| (p.start, p.end));
        match self {
            Self::Free(terms) => *terms,
            Self::Fixed(limit, calendar) => {
                let (start, end) = open.unwrap_or_else(|| calendar.period(now, anchor));
                Terms::Period { limit: *limit, start, end }
            }
            Self::FirstUse(limit, length) => {
                let (start, end) = open.unwrap_or((now, now.after(*length)));
                Terms::Period { limit: *limit, start, end }
            }
        }
    }
}

impl Catalog {
    /// Reads and compiles a catalog.
    ///
    /// # Errors
    /// Every problem found, each with its line, what is wrong and what to write instead.
    pub fn parse(text: &str, format: Format) -> Result<Self, Problems> {
        let source = text::read(text, format)?;
        compile::compile(&source, text).map_err(|found| text::locate(found, text, format))
    }

    /// A feature by name.
    #[must_use]
    pub fn feature(&self, name: &str) -> Option<&Feature> {
        self.features.get(name)
    }

    /// A plan by name.
    #[must_use]
    pub fn plan(&self, name: &str) -> Option<&Plan> {
        self.plans.get(name)
    }

    /// What allowances count and what credits pay, by feature in the order of the plans' programs.
    pub(crate) fn units(&self) -> Vec<(&Unit, Option<&Name>)> {
        let mut features: Vec<_> = self.features.values().collect();
        features.sort_unstable_by_key(|f| f.index);
        features.into_iter().map(|f| (&f.unit, f.credit_unit.as_ref())).collect()
    }

    /// The names of all plans, sorted.
    #[must_use]
    pub fn plan_names(&self) -> Vec<&Name> {
        let mut names: Vec<_> = self.plans.keys().collect();
        names.sort_unstable();
        names
    }

    /// The names of all features, sorted.
    #[must_use]
    pub fn feature_names(&self) -> Vec<&Name> {
        let mut names: Vec<_> = self.features.keys().collect();
        names.sort_unstable();
        names
    }
}

impl Plan {
    /// The level of a window that a reset can clear, and whether that closes it: windows of allowances, and guards over
    /// calendar and first-use windows.
    pub(crate) fn resettable(&self, name: &Name) -> Option<(Level, bool)> {
        let closes = |window: &Window| match window {
            Window::Free(_) => None,
            Window::Fixed(..) => Some(false),
            Window::FirstUse(..) => Some(true),
        };
        self.programs.iter().flatten().find_map(|program| {
            let guard = program.guards.iter().find(|g| g.name == *name).map(|g| (g.level, &g.window));
            let of_layer = |layer: &'_ Layer| match layer {
                Layer::Allowance { level, windows, .. } => {
                    windows.iter().find(|(n, _)| n == name).map(|(_, window)| (*level, closes(window)))
                }
                Layer::Grants { .. } | Layer::Overdraft { .. } => None,
            };
            let found = guard.map(|(level, window)| (level, closes(window)));
            let (level, closes) = found.or_else(|| program.layers.iter().find_map(of_layer))?;
            Some((level, closes?))
        })
    }

    pub(crate) fn program(&self, feature: &Feature) -> Option<&Program> {
        self.programs.get(feature.index).and_then(Option::as_ref)
    }
}

impl Program {
    /// The overdraft limit, if the waterfall has one.
    pub(crate) fn overdraft_limit(&self) -> Credits {
        let of = |layer: &Layer| match layer {
            Layer::Overdraft { limit, .. } => Some(*limit),
            Layer::Allowance { .. } | Layer::Grants { .. } => None,
        };
        self.layers.iter().find_map(of).unwrap_or(Credits::ZERO)
    }
}

/// Whether a meter is the implied one.
fn is_requests(meter: &Name) -> bool {
    meter.as_str() == REQUESTS
}
