//! Plans: for each feature its checks and its sources, in order.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use smallvec::SmallVec;

use super::feature::Feature;
use super::growth::GrowthTerms;
use super::share::Share;
use super::source::{ExpiredDraws, Unpaid};
use crate::account::{Account, Billing};
use crate::record::{
    Calendar, Category, Consent, Credits, Dimension, Instant, Levels, Name, Parts, Priced, Span, Terms, Tier,
    Unit, WHOLE_PRICE,
};
use crate::window::{Period, Used};

/// A compiled plan.
#[derive(Debug)]
pub struct Plan {
    /// Consent, unless the account sets its own.
    pub(crate) consent: Consent,
    /// The rule for draws given back to expired grants.
    pub(crate) expired_draws: ExpiredDraws,
    /// Whether allowances pay while the account is in debt.
    pub(crate) allows_in_debt: bool,
    /// Use is noted when it reaches these percentages of a limit; rising.
    pub(crate) warn_at: Vec<u8>,
    /// The class of its requests in supplies.
    pub(crate) class: Option<Name>,
    /// The most that one request may cost.
    pub(crate) cost_max: Option<u64>,
    /// Factors on its prices; `None`: 1.
    pub(crate) price_factors: Option<PriceFactors>,
    /// Its seats; `None`: it has none of its own.
    pub(super) seats: Option<Box<Seats>>,
    /// The programs of its features, by the features' index.
    pub(super) programs: Programs,
    /// The guards and layers of all programs, in order.
    pub(super) guards: Vec<Arc<Guard>>,
    pub(super) layers: Vec<Arc<Layer>>,
    /// The plan that is tried on its accounts: those chosen have it, for the others it is observed.
    pub(super) rollout: Option<Box<(Name, Share)>>,
    /// The windows that a reset can clear.
    pub(super) resettable: Resettable,
}

/// The seats of a plan.
#[derive(Debug, Default)]
pub(crate) struct Seats {
    /// Requests of members without a seat are denied.
    pub(super) required: bool,
    /// The figures of each type, by limit; as written, for people.
    pub(super) kinds: BTreeMap<Name, BTreeMap<Name, (i64, String)>>,
}

/// The greatest factor on prices, in billionths.
pub(crate) const FACTOR_MAX: u64 = 1_000 * WHOLE_PRICE;
/// The name of the factor on prices, where limits are named.
pub(crate) const PRICE_FACTOR: &str = "price_factor";

/// Factors on prices by tier, in billionths.
#[derive(Debug)]
pub(crate) struct PriceFactors(pub(super) [u64; Tier::ALL.len()]);

impl PriceFactors {
    /// That of a tier.
    pub(crate) fn of(&self, tier: Tier) -> u64 {
        let at = Tier::ALL.iter().position(|known| *known == tier);
        at.and_then(|at| self.0.get(at).copied()).unwrap_or(WHOLE_PRICE)
    }
}

/// Programs by the index of the feature, in order.
pub(super) type Programs = Vec<(usize, Program)>;

/// The levels of each window that a reset can clear, and whether that closes it.
pub(super) type Resettable = BTreeMap<Name, (Levels, bool)>;

/// The program of one plan for one feature.
#[derive(Debug)]
pub(crate) struct Program {
    /// The unit that its allowances count.
    pub(crate) unit: Unit,
    /// The unit of credits that its sources pay; `None`: `credits`.
    pub(crate) credit_unit: Option<Name>,
    /// Shared with the programs of the plan's other features.
    pub(crate) guards: Vec<Arc<Guard>>,
    pub(crate) layers: Vec<Arc<Layer>>,
}

/// Conditions that must hold before anything is paid.
#[derive(Clone, Debug)]
pub(crate) struct Guard {
    pub(crate) name: Name,
    pub(crate) level: Levels,
    pub(crate) count: Count,
    pub(crate) window: WindowTerms,
    /// The dimensions that it is about, each with its values, in order.
    pub(crate) when: Vec<(Name, Vec<String>)>,
    /// The accounts that it is enforced for; for others it is observed.
    pub(crate) enforced_for: Share,
}

impl Guard {
    /// Whether it is about use with these dimensions.
    pub(crate) fn is_about(&self, dimensions: &[Dimension]) -> bool {
        self.when.iter().all(|(name, values)| {
            let value = dimensions.iter().find(|d| d.name == *name).map(|d| d.value.as_str());
            value.is_some_and(|value| values.binary_search_by(|known| known.as_str().cmp(value)).is_ok())
        })
    }

    /// The parts of a use that it counts; `None`: it is not about this use. Requests, holds and credits count with the first part.
    #[inline]
    pub(crate) fn parts_of(&self, usage: &Priced<'_>) -> Option<Parts> {
        if self.when.is_empty() {
            return Some(Parts::ALL);
        }
        let parts = Parts::of(usage.parts().map(|dimensions| self.is_about(dimensions)));
        let counts_first = matches!(self.count, Count::Slot | Count::Requests | Count::Spend);
        let is_it = if counts_first { parts.contains(0) } else { parts != Parts::NONE };
        is_it.then_some(parts)
    }

    /// Whether it refuses nothing of this account.
    pub(crate) fn is_observed(&self, account: &Name) -> bool {
        !self.enforced_for.has(&self.name, account)
    }
}

/// The part of a request that a guard counts.
#[derive(Clone, Debug)]
pub(crate) enum Count {
    Slot,
    Requests,
    /// Added up.
    Meters(SmallVec<[Name; 1]>),
    /// Meters of one request, added up: nothing is counted.
    Size(SmallVec<[Name; 1]>),
    /// The credits drawn.
    Spend,
    /// The whole price, allowances included.
    Price,
}

/// A window as configured; [`WindowTerms::terms`] resolves its bounds.
#[derive(Clone, Debug)]
pub(crate) enum WindowTerms {
    /// Bound to no calendar and to no first use: its terms are always the same.
    Free(Terms),
    Fixed {
        limit: i64,
        calendar: Calendar,
    },
    FirstUse {
        limit: i64,
        length: Span,
    },
    Growth(Box<GrowthTerms>),
}

/// A source of the waterfall.
#[derive(Clone, Debug)]
pub(crate) enum Layer {
    Allowance { name: Name, level: Levels, windows: Vec<(Name, WindowTerms)> },
    Grants { name: Name, categories: Categories, pool: Option<Pool> },
    Overdraft { name: Name, limit: Credits },
    Postpaid { name: Name, window: WindowTerms, unpaid: Unpaid },
}

/// How members share grants.
#[derive(Clone, Debug)]
pub(crate) struct Pool {
    pub(crate) member: Levels,
    pub(crate) default_cap: Option<Credits>,
    pub(crate) window: Calendar,
    /// The accounts that the cap is enforced for; for others it is observed.
    pub(crate) enforced_for: Share,
}

/// A set of grant categories.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Categories([bool; 4]);

impl Plan {
    /// Its program for a feature, if it includes the feature.
    pub(crate) fn program(&self, feature: &Feature) -> Option<&Program> {
        let at = self.programs.binary_search_by_key(&feature.index, |(index, _)| *index).ok()?;
        self.programs.get(at).map(|(_, program)| program)
    }

    /// The programs of all its features.
    pub(crate) fn programs(&self) -> impl Iterator<Item = &Program> {
        self.programs.iter().map(|(_, program)| program)
    }

    /// Whether prices of its features may have a factor: an allowance that counts a meter pays whole units at whole prices.
    pub(crate) fn takes_price_factor(&self) -> bool {
        let pays_units = |program: &Program| {
            let mut layers = program.layers();
            matches!(program.unit, Unit::Meter(_))
                && layers.any(|layer| matches!(layer, Layer::Allowance { .. }))
        };
        !self.programs().any(pays_units)
    }
}

impl Program {
    /// Its guards, in order.
    pub(crate) fn guards(&self) -> impl Iterator<Item = &Guard> {
        self.guards.iter().map(|guard| &**guard)
    }

    /// Its sources, in order.
    pub(crate) fn layers(&self) -> impl Iterator<Item = &Layer> {
        self.layers.iter().map(|layer| &**layer)
    }

    /// The names of its windows: guards, those of allowances, and postpaid layers.
    pub(super) fn window_names(&self) -> impl Iterator<Item = &Name> {
        let layers = self.layers().flat_map(|layer| {
            let (windows, own) = match layer {
                Layer::Allowance { windows, .. } => (windows.as_slice(), None),
                Layer::Postpaid { name, .. } => (&[][..], Some(name)),
                Layer::Grants { .. } | Layer::Overdraft { .. } => (&[][..], None),
            };
            windows.iter().map(|(name, _)| name).chain(own)
        });
        self.guards().map(|guard| &guard.name).chain(layers)
    }

    /// Whether nothing pays.
    pub(crate) fn has_no_layers(&self) -> bool {
        self.layers.is_empty()
    }

    /// How many guards and sources it has.
    pub(crate) fn len(&self) -> usize {
        self.guards.len() + self.layers.len()
    }

    /// The overdraft, if the waterfall has one: its layer and limit.
    pub(crate) fn overdraft(&self) -> Option<(&Name, Credits)> {
        self.layers().find_map(|layer| match layer {
            Layer::Overdraft { name, limit } => Some((name, *limit)),
            Layer::Allowance { .. } | Layer::Grants { .. } | Layer::Postpaid { .. } => None,
        })
    }
}

impl WindowTerms {
    /// The limit with its bounds at `now`. An open window keeps the bounds it was opened with, so that a reload
    /// does not move a reset that was announced.
    pub(crate) fn terms(&self, used: Option<&Used>, now: Instant, billing: Billing<'_>) -> Terms {
        let known = used.and_then(Used::period);
        let open = known.filter(|p| p.start <= now && now < p.end).map(|p| (p.start, p.end));
        match self {
            Self::Free(terms) => *terms,
            Self::Fixed { limit, calendar } => {
                // Where the zone or the anchor has changed, a period begins when the one before has ended.
                let (start, end) = open.unwrap_or_else(|| {
                    let fresh = billing.period(calendar, now);
                    known.map_or(fresh, |known| known.beside(now, now, fresh))
                });
                Terms::Period { limit: *limit, start, end }
            }
            Self::FirstUse { limit, length } => {
                let (start, end) = open.unwrap_or((now, now.after(*length)));
                Terms::Period { limit: *limit, start, end }
            }
            Self::Growth(terms) => terms.at(used.and_then(Used::growth), (now, now), billing),
        }
    }

    /// The limit with the bounds of the window that use of an earlier instant counts in. If none was open then, a window that
    /// opens at the first use would have ended at its length, at the next opening or by now.
    pub(crate) fn terms_then(
        &self,
        used: Option<&Used>,
        (at, now): (Instant, Instant),
        billing: Billing<'_>,
    ) -> Terms {
        let period = used.and_then(Used::period);
        let (limit, fresh) = match self {
            Self::Free(terms) => return *terms,
            Self::Growth(terms) => return terms.at(used.and_then(Used::growth), (at, now), billing),
            Self::Fixed { limit, calendar } => (*limit, billing.period(calendar, at)),
            Self::FirstUse { limit, length } => (*limit, (at, at.after(*length).min(now))),
        };
        let cut = |p: &Period| {
            if let Self::FirstUse { length, .. } = self { p.cut_before(at, *length, now) } else { None }
        };
        let known = period.and_then(|p| p.around(at, now).or_else(|| cut(p)));
        let (start, end) = known.unwrap_or_else(|| period.map_or(fresh, |p| p.beside(at, now, fresh)));
        Terms::Period { limit, start, end }
    }

    /// The most that its limit grows to; 0 if it does not grow.
    #[inline]
    pub(crate) fn grows_to(&self) -> i64 {
        if let Self::Growth(terms) = self { terms.max } else { 0 }
    }

    /// The calendar of its periods; those of growth are neither closed nor billed.
    pub(super) fn calendar(&self) -> Option<&Calendar> {
        if let Self::Fixed { calendar, .. } = self { Some(calendar) } else { None }
    }

    /// Whether a reset closes it; `None`: it cannot be reset.
    pub(super) fn closes_on_reset(&self) -> Option<bool> {
        match self {
            Self::Free(_) | Self::Growth(_) => None,
            Self::Fixed { .. } => Some(false),
            Self::FirstUse { .. } => Some(true),
        }
    }
}

impl Unpaid {
    /// The terms of a postpaid layer's period, with the limit that unpaid invoices leave.
    pub(crate) fn on(self, terms: Terms, layer: &Name, unit: Option<&Name>, account: &Account) -> Terms {
        match (self, terms) {
            (Self::Counts, Terms::Period { limit, start, end }) => {
                let unpaid = account.unpaid_beside(unit, (layer, start));
                Terms::Period { limit: limit.saturating_sub(unpaid).max(0), start, end }
            }
            (Self::Counts | Self::Ignored, terms) => terms,
        }
    }
}

impl Categories {
    pub(crate) fn new(list: &[Category]) -> Self {
        Self(Category::ALL.map(|c| list.contains(&c)))
    }

    pub(crate) fn contains(self, category: Category) -> bool {
        Category::ALL.iter().zip(self.0).any(|(c, on)| on && *c == category)
    }
}
