//! What is still to be paid, and what a receipt pays of it.

use crate::catalog::{Layer, Program};
use crate::record::{Credits, Draw, Draws, Priced, REQUESTS, Source, Unit};

/// What is still to be paid: in the unit of the allowances, and what that comes to in credits.
#[derive(Clone, Debug)]
pub(crate) struct Need {
    unit: UnitKind,
    /// Requests or meter units; unused when the unit is credits.
    units: i64,
    /// Credits for one meter unit.
    unit_price: i64,
    pub(crate) credits: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum UnitKind {
    Credits,
    Requests,
    Meter,
}

impl Need {
    /// All of a use; `None` when it is out of range.
    pub(crate) fn of(usage: &Priced<'_>) -> Option<Self> {
        let credits = usage.price()?.nano();
        let signed = |n: u64| i64::try_from(n).ok();
        Some(match usage.unit {
            Unit::Credits => Self { unit: UnitKind::Credits, units: credits, unit_price: 0, credits },
            Unit::Requests => {
                let units = signed(usage.quantity(REQUESTS))?;
                Self { unit: UnitKind::Requests, units, unit_price: 0, credits }
            }
            Unit::Meter(meter) => {
                let line = usage.lines.iter().find(|l| l.meter == meter);
                let unit_price = line.map_or(Some(0), |l| signed(l.price.nano()))?;
                let units = signed(usage.quantity(meter.as_str()))?;
                Self { unit: UnitKind::Meter, units, unit_price, credits }
            }
        })
    }

    pub(super) fn is_indivisible(&self) -> bool {
        self.unit == UnitKind::Requests
    }

    /// What an allowance would have to pay.
    pub(crate) fn in_allowance_unit(&self) -> i64 {
        if self.unit == UnitKind::Credits { self.credits } else { self.units }
    }

    /// What an allowance with this much room pays.
    pub(super) fn allowance_share(&self, free: i64) -> i64 {
        let wanted = self.in_allowance_unit();
        if self.is_indivisible() && free < wanted { 0 } else { wanted.min(free).max(0) }
    }

    pub(crate) fn pay_from_allowance(&mut self, amount: i64) {
        match self.unit {
            UnitKind::Credits => self.credits -= amount,
            UnitKind::Requests => {
                self.units -= amount;
                if self.units == 0 {
                    self.credits = 0;
                }
            }
            UnitKind::Meter => {
                self.units -= amount;
                // A smaller factor than the price computed before, so this cannot overflow.
                self.credits = self.units.saturating_mul(self.unit_price);
            }
        }
    }

    /// What a source with this many credits pays.
    pub(super) fn credits_share(&self, free: i64) -> i64 {
        if self.is_indivisible() && free < self.credits { 0 } else { self.credits.min(free).max(0) }
    }

    pub(crate) fn pay_from_credits(&mut self, amount: i64) {
        self.credits -= amount;
        if self.credits == 0 {
            self.units = 0;
        }
    }

    /// Whether everything is paid. What a program without any source leaves is free when it has no price.
    pub(super) fn is_met(&self, program: &Program) -> bool {
        let takes_credits = program.layers.iter().any(|l| !matches!(l, Layer::Allowance { .. }));
        match self.unit {
            UnitKind::Credits => self.credits == 0,
            UnitKind::Requests | UnitKind::Meter => {
                self.units == 0 || (self.credits == 0 && (takes_credits || program.layers.is_empty()))
            }
        }
    }
}

/// What draws leave unpaid of a use, in credits.
pub(crate) fn left_after(usage: &Priced<'_>, draws: &[Draw]) -> Option<Credits> {
    let mut need = Need::of(usage)?;
    keep_front(&mut need, draws);
    Some(Credits::from_nano(need.credits))
}

/// Pays a need from the front of a receipt; returns the draws that are kept, shrunk to what is needed.
pub(crate) fn keep_front(need: &mut Need, receipt: &[Draw]) -> Draws {
    let mut kept = Draws::new();
    for draw in receipt {
        let amount = if draw.source == Source::Allowance {
            let amount = draw.amount.min(need.in_allowance_unit());
            need.pay_from_allowance(amount);
            amount
        } else {
            let amount = draw.amount.min(need.credits);
            need.pay_from_credits(amount);
            amount
        };
        if amount > 0 {
            kept.push(Draw { amount, ..draw.clone() });
        }
    }
    kept
}
