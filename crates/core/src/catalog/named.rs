//! Limits of a plan by their names.

use hashbrown::HashMap;

use super::plan::{Count, Guard, Layer, PRICE_FACTOR, Plan, Program, WindowTerms};
use super::policy::Catalog;
use crate::record::{Levels, Name, Unit};

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
        programs.flat_map(|(_, program)| program.limits()).collect()
    }
}

impl Plan {
    /// The limit with this name: whether it counts credits, and its window; an overdraft has none, nor has a pool.
    pub(crate) fn limit(&self, name: &Name) -> Option<(bool, Option<&WindowTerms>)> {
        if name.as_str() == PRICE_FACTOR {
            return self.takes_price_factor().then_some((true, None));
        }
        self.programs().find_map(|program| program.limit(name))
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
        self.programs().find_map(|program| program.is_billed(name))
    }

    /// The levels of a window or pool whose periods end when they are closed, and whether it pays: then nobody without a seat has
    /// a period where it counts for seats, while a guard counts all of them together. `None`: there is no such one.
    pub(crate) fn closable(&self, name: &Name) -> Option<(Levels, bool)> {
        self.programs().find_map(|program| program.closable(name))
    }

    /// The levels of a window that a reset can clear, and whether that closes it: windows of allowances, and guards over
    /// calendar and first-use windows.
    pub(crate) fn resettable(&self, name: &Name) -> Option<(Levels, bool)> {
        self.resettable.get(name).copied()
    }

    /// The levels that the limit with this name counts at; an overdraft and the factor on prices count at none.
    pub(super) fn counts_for(&self, name: &Name) -> Option<Levels> {
        self.programs().find_map(|program| program.counts_for(name))
    }
}

impl Guard {
    /// Whether it counts credits, rather than requests or units of meters.
    fn counts_credits(&self) -> bool {
        matches!(self.count, Count::Spend | Count::Price)
    }
}

impl Program {
    /// All limits by name, and whether each counts credits.
    pub(super) fn limits(&self) -> impl Iterator<Item = (&Name, bool)> {
        let guards = self.guards().map(|guard| (&guard.name, guard.counts_credits()));
        let layers = self.layers().flat_map(|layer| {
            let (windows, own) = match layer {
                Layer::Allowance { windows, .. } => (windows.as_slice(), None),
                Layer::Grants { name, pool: Some(_), .. }
                | Layer::Overdraft { name, .. }
                | Layer::Postpaid { name, .. } => (&[][..], Some((name, true))),
                Layer::Grants { pool: None, .. } => (&[][..], None),
            };
            windows.iter().map(|(name, _)| (name, self.unit == Unit::Credits)).chain(own)
        });
        guards.chain(layers)
    }

    fn limit(&self, of: &Name) -> Option<(bool, Option<&WindowTerms>)> {
        let guard = self.guards().find(|guard| guard.name == *of);
        if let Some(guard) = guard {
            return Some((guard.counts_credits(), Some(&guard.window)));
        }
        self.layers().find_map(|layer| match layer {
            Layer::Allowance { windows, .. } => {
                let (_, window) = windows.iter().find(|(name, _)| name == of)?;
                Some((self.unit == Unit::Credits, Some(window)))
            }
            Layer::Grants { name, pool: Some(_), .. } | Layer::Overdraft { name, .. } => {
                (name == of).then_some((true, None))
            }
            Layer::Postpaid { name, window, .. } => (name == of).then_some((true, Some(window))),
            Layer::Grants { pool: None, .. } => None,
        })
    }

    fn is_billed(&self, of: &Name) -> Option<bool> {
        let pool = self.layers().find_map(|layer| match layer {
            Layer::Grants { name, pool: Some(pool), .. } if name == of => Some(pool.window.is_anchored()),
            Layer::Grants { .. }
            | Layer::Allowance { .. }
            | Layer::Overdraft { .. }
            | Layer::Postpaid { .. } => None,
        });
        pool.or_else(|| self.limit(of)?.1.map(WindowTerms::is_billed))
    }

    fn closable(&self, of: &Name) -> Option<(Levels, bool)> {
        let guard = self.guards().find(|guard| guard.name == *of && guard.window.is_manual());
        guard.map(|guard| (guard.level, false)).or_else(|| {
            let paying = self.layers().find_map(|layer| match layer {
                Layer::Allowance { level, windows, .. } => {
                    windows.iter().any(|(name, window)| name == of && window.is_manual()).then_some(*level)
                }
                Layer::Grants { name, pool: Some(pool), .. } => {
                    (name == of && pool.window.is_manual()).then_some(pool.member)
                }
                Layer::Grants { pool: None, .. } | Layer::Postpaid { .. } | Layer::Overdraft { .. } => None,
            });
            paying.map(|level| (level, true))
        })
    }

    fn counts_for(&self, of: &Name) -> Option<Levels> {
        let guard = self.guards().find(|guard| guard.name == *of).map(|guard| guard.level);
        guard.or_else(|| {
            self.layers().find_map(|layer| match layer {
                Layer::Allowance { level, windows, .. } => {
                    windows.iter().any(|(name, _)| name == of).then_some(*level)
                }
                Layer::Grants { name, pool: Some(pool), .. } => (name == of).then_some(pool.member),
                Layer::Grants { pool: None, .. } | Layer::Postpaid { .. } | Layer::Overdraft { .. } => None,
            })
        })
    }
}
