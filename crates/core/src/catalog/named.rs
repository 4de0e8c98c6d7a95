//! Limits of a plan by their names.

use super::plan::{Layer, PRICE_FACTOR, Plan, Program, WindowTerms};
use crate::catalog::plan::Count;
use crate::record::{Levels, Name, Unit};

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

impl Program {
    fn limit(&self, of: &Name) -> Option<(bool, Option<&WindowTerms>)> {
        let guard = self.guards().find(|guard| guard.name == *of);
        if let Some(guard) = guard {
            return Some((matches!(guard.count, Count::Spend | Count::Price), Some(&guard.window)));
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
