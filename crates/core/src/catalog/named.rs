//! Limits of a plan by their names.

use hashbrown::HashMap;

use super::plan::{Count, Layer, PRICE_FACTOR, Plan, Program, WindowTerms};
use super::policy::Catalog;
use crate::record::{Calendar, Levels, Name, Unit};

impl Catalog {
    /// A limit whose name counts credits in this catalog and something else in the one after it, or the other way round. What was
    /// used of it and what was overridden would be carried over by its name.
    #[must_use]
    pub fn counts_otherwise(&self, after: &Self) -> Option<Name> {
        let (before, after) = (self.limits(), after.limits());
        let differs = |name: &Name, is_credits: bool| before.get(name).is_some_and(|was| *was != is_credits);
        let differing = after.iter().filter(|(name, is_credits)| differs(name, **is_credits));
        differing.map(|(name, _)| *name).min().cloned()
    }

    /// All limits of all plans, and whether each counts credits.
    fn limits(&self) -> HashMap<&Name, bool> {
        let programs = self.plans.values().flat_map(|plan| &plan.programs);
        let limits = programs.flat_map(|(_, program)| program.limits());
        limits.map(|limit| (limit.name, limit.is_credits)).collect()
    }
}

impl Plan {
    /// The limit with this name: whether it counts credits, and its window; an overdraft has none, nor has a pool.
    pub(crate) fn limit(&self, name: &Name) -> Option<(bool, Option<&WindowTerms>)> {
        if name.as_str() == PRICE_FACTOR {
            return self.takes_price_factor().then_some((true, None));
        }
        self.limit_named(name).map(|limit| (limit.is_credits, limit.window))
    }

    fn limit_named(&self, name: &Name) -> Option<Limit<'_>> {
        self.programs().flat_map(Program::limits).find(|limit| limit.name == name)
    }

    /// The window of a postpaid layer, which lends credits in a unit.
    pub(crate) fn postpaid(&self, of: &Name, unit: Option<&Name>) -> Option<&WindowTerms> {
        let programs = self.programs().filter(|program| program.credit_unit.as_ref() == unit);
        programs.flat_map(Program::layers).find_map(|layer| match layer {
            Layer::Postpaid { name, window, .. } if name == of => Some(window),
            Layer::Postpaid { .. }
            | Layer::Allowance { .. }
            | Layer::Grants { .. }
            | Layer::Overdraft { .. } => None,
        })
    }

    /// Whether the periods of the window or pool with this name are counted from the billing anchor; `None`: it has none.
    pub(crate) fn is_billed(&self, name: &Name) -> Option<bool> {
        let limit = self.limit_named(name).filter(|l| l.window.is_some() || l.calendar.is_some())?;
        Some(limit.calendar.is_some_and(Calendar::is_anchored))
    }

    /// The levels of a window or pool whose periods end when they are closed, and whether it pays: then nobody without a seat has
    /// a period where it counts for seats, while a guard counts all of them together. `None`: there is no such one.
    pub(crate) fn closable(&self, name: &Name) -> Option<(Levels, bool)> {
        let limit = self.limit_named(name).filter(|limit| limit.calendar.is_some_and(Calendar::is_manual))?;
        Some((limit.levels?, limit.pays))
    }

    /// The levels of a window that a reset can clear, and whether that closes it: windows of allowances, and guards over
    /// calendar and first-use windows.
    pub(crate) fn resettable(&self, name: &Name) -> Option<(Levels, bool)> {
        self.resettable.get(name).copied()
    }

    /// The levels that the limit with this name counts at; an overdraft and the factor on prices count at none.
    pub(super) fn counts_for(&self, name: &Name) -> Option<Levels> {
        self.limit_named(name)?.levels
    }
}

/// A limit of a program.
#[derive(Debug)]
pub(super) struct Limit<'p> {
    pub(super) name: &'p Name,
    /// It counts credits, rather than requests or units of meters.
    pub(super) is_credits: bool,
    /// It is that of a source, rather than a guard.
    pays: bool,
    /// The levels that it counts at; an overdraft and postpaid credits count at none.
    levels: Option<Levels>,
    window: Option<&'p WindowTerms>,
    /// The periods that it counts in, if they are those of a calendar.
    calendar: Option<&'p Calendar>,
}

impl<'p> Limit<'p> {
    fn of_window(name: &'p Name, levels: Option<Levels>, is_credits: bool, window: &'p WindowTerms) -> Self {
        Self { name, is_credits, pays: true, levels, window: Some(window), calendar: window.calendar() }
    }

    fn of_credits(name: &'p Name) -> Self {
        Self { name, is_credits: true, pays: true, levels: None, window: None, calendar: None }
    }
}

impl Program {
    /// All its limits: those of guards first.
    pub(super) fn limits(&self) -> impl Iterator<Item = Limit<'_>> {
        let guards = self.guards().map(|guard| {
            let is_credits = matches!(guard.count, Count::Spend | Count::Price);
            let limit = Limit::of_window(&guard.name, Some(guard.level), is_credits, &guard.window);
            Limit { pays: false, ..limit }
        });
        let counts_credits = self.unit == Unit::Credits;
        let layers = self.layers().flat_map(move |layer| {
            let (levels, windows, own) = match layer {
                Layer::Allowance { level, windows, .. } => (Some(*level), windows.as_slice(), None),
                Layer::Grants { pool: None, .. } => (None, &[][..], None),
                Layer::Grants { name, pool: Some(pool), .. } => {
                    let (levels, calendar) = (Some(pool.member), Some(&pool.window));
                    (None, &[][..], Some(Limit { levels, calendar, ..Limit::of_credits(name) }))
                }
                Layer::Overdraft { name, .. } => (None, &[][..], Some(Limit::of_credits(name))),
                Layer::Postpaid { name, window, .. } => {
                    (None, &[][..], Some(Limit::of_window(name, None, true, window)))
                }
            };
            let windows = windows.iter();
            windows.map(move |(name, w)| Limit::of_window(name, levels, counts_credits, w)).chain(own)
        });
        guards.chain(layers)
    }
}
