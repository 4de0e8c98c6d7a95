//! The unpaid need: one value, which allowances count in their own unit.
//!
//! N1 the paid and the unpaid part add up to the price (`payments_add_up`).
//! N2 a request is paid whole by one allowance, or in credits (`requests_are_paid_whole`).
//! Units: nano-credits; allowances in their feature's [`Unit`].

use smallvec::SmallVec;

use crate::record::{Credits, Draw, Draws, Name, Priced, PricedLine, REQUESTS, Source, Unit};

/// The unpaid need.
#[derive(Clone, Debug)]
pub(crate) struct Need<'a> {
    /// Unpaid nano-credits.
    left: i64,
    /// How an allowance would count them.
    counts: Counts<'a>,
}

#[derive(Clone, Debug)]
enum Counts<'a> {
    Credits,
    /// Not at all: they count units at whole prices, and a factor has changed the price (`a_factor_leaves_no_units_to_pay`).
    Factored,
    /// This many requests, which an allowance pays whole; zero once something pays them.
    Requests(i64),
    /// Growth of a request that an allowance pays already: this many more requests.
    Covered(&'a Name, i64),
    /// Units of the one priced meter, part by part.
    Meter(Metered),
}

/// The unpaid units of the one priced meter, each part with the price of a unit. They are paid in order.
type Metered = SmallVec<[Units; 1]>;

#[derive(Clone, Copy, Debug)]
struct Units {
    units: i64,
    price: i64,
    /// Their unpaid nano-credits; the first unit may be paid in part already.
    left: i64,
}

impl Units {
    fn of(line: &PricedLine<'_>) -> Option<Self> {
        let price = i64::try_from(line.price.nano()).ok()?;
        let units = i64::try_from(line.price.billed(line.quantity)).ok()?;
        Some(Self { units, price, left: units.checked_mul(price)? })
    }

    /// Pays units; returns their worth.
    fn pay(&mut self, amount: i64) -> i64 {
        self.units -= amount;
        let worth =
            if self.units == 0 { self.left } else { amount.saturating_mul(self.price).min(self.left) };
        self.left -= worth;
        worth
    }

    /// Pays nano-credits, which do not exceed those that are unpaid.
    fn pay_credits(&mut self, amount: i64) {
        self.left -= amount;
        if self.price > 0 {
            self.units = self.left / self.price + i64::from(self.left % self.price > 0);
        }
    }
}

impl<'a> Need<'a> {
    /// All of a use; `None` when it is out of range.
    pub(crate) fn of(usage: &Priced<'_>) -> Option<Self> {
        let signed = |n: u64| i64::try_from(n).ok();
        let counts = match usage.unit {
            Unit::Credits => Counts::Credits,
            Unit::Requests => Counts::Requests(signed(usage.quantity(REQUESTS))?),
            Unit::Meter(_) if usage.factor.is_some() => Counts::Factored,
            Unit::Meter(meter) => {
                let lines = usage.lines.iter().filter(|l| l.meter == meter);
                let metered: Metered = lines.map(Units::of).collect::<Option<_>>()?;
                let uncounted = signed(usage.quantity(meter.as_str()))?;
                Counts::Meter(if metered.is_empty() {
                    Metered::from([Units { units: uncounted, price: 0, left: 0 }])
                } else {
                    metered
                })
            }
        };
        Some(Self { left: usage.price()?.nano(), counts })
    }

    /// The growth of a hold. It belongs to the request that the hold's receipt pays already.
    pub(crate) fn of_growth(usage: &Priced<'_>, receipt: &'a [Draw]) -> Option<Self> {
        let all = Self::of(usage)?;
        if !matches!(all.counts, Counts::Requests(_)) {
            return Some(all);
        }
        let more = i64::try_from(usage.named(REQUESTS).unwrap_or(0)).ok()?;
        let covered = receipt.iter().find(|d| d.source == Source::Allowance);
        let counts = covered.map_or(Counts::Requests(0), |d| Counts::Covered(&d.layer, more));
        Some(Self { counts, ..all })
    }

    /// Unpaid nano-credits.
    pub(crate) fn credits(&self) -> i64 {
        self.left
    }

    /// The need itself, if an allowance pays all of it or nothing.
    pub(super) fn whole(&self) -> Option<Self> {
        matches!(self.counts, Counts::Requests(_)).then(|| self.clone())
    }

    /// The layer of the allowance that pays the request that grows, if one does.
    pub(super) fn covered_by(&self) -> Option<&'a Name> {
        if let Counts::Covered(layer, _) = &self.counts { Some(layer) } else { None }
    }

    /// The amount an allowance would have to pay.
    pub(super) fn in_allowance_unit(&self) -> i64 {
        match &self.counts {
            Counts::Credits | Counts::Factored => self.left,
            Counts::Requests(n) | Counts::Covered(_, n) => *n,
            Counts::Meter(parts) => parts.iter().map(|part| part.units).fold(0, i64::saturating_add),
        }
    }

    /// The amount an allowance with this much room pays.
    pub(super) fn allowance_share(&self, free: i64) -> i64 {
        let wanted = self.in_allowance_unit();
        match &self.counts {
            Counts::Factored => 0,
            Counts::Requests(_) | Counts::Covered(..) if free < wanted => 0,
            Counts::Credits | Counts::Requests(_) | Counts::Covered(..) | Counts::Meter(_) => {
                wanted.min(free).max(0)
            }
        }
    }

    /// Pays from an allowance, in its unit; returns the worth in nano-credits.
    pub(super) fn pay_from_allowance(&mut self, amount: i64) -> i64 {
        let worth = match &mut self.counts {
            Counts::Credits | Counts::Factored => amount,
            Counts::Requests(n) | Counts::Covered(_, n) => {
                *n = 0;
                self.left
            }
            Counts::Meter(parts) => {
                let mut rest = amount;
                let pay = |part: &mut Units| {
                    let units = part.units.min(rest);
                    rest -= units;
                    part.pay(units)
                };
                let worth = parts.iter_mut().map(pay).fold(0, i64::saturating_add);
                if parts.iter().all(|part| part.units == 0) { self.left } else { worth.min(self.left) }
            }
        };
        self.left -= worth;
        worth
    }

    /// Pays in nano-credits.
    pub(super) fn pay_from_credits(&mut self, amount: i64) {
        self.left -= amount;
        match &mut self.counts {
            Counts::Requests(n) if self.left == 0 => *n = 0,
            Counts::Meter(parts) => {
                let mut rest = amount;
                for part in parts {
                    let paid = part.left.min(rest);
                    rest -= paid;
                    part.pay_credits(paid);
                }
            }
            Counts::Credits | Counts::Factored | Counts::Requests(_) | Counts::Covered(..) => {}
        }
    }

    /// A need without a price is paid as soon as credits are asked.
    pub(crate) fn ask_credits(&mut self) {
        if self.left > 0 {
            return;
        }
        match &mut self.counts {
            Counts::Requests(n) => *n = 0,
            Counts::Meter(parts) => parts.iter_mut().for_each(|part| part.units = 0),
            Counts::Credits | Counts::Factored | Counts::Covered(..) => {}
        }
    }

    /// Whether everything is paid.
    pub(super) fn is_met(&self) -> bool {
        self.left == 0 && self.in_allowance_unit() == 0
    }

    /// Whether a receipt pays nothing besides requests that are counted already.
    pub(crate) fn is_paid(&self) -> bool {
        let is_metered = matches!(self.counts, Counts::Meter(_));
        self.left == 0 && !(is_metered && self.in_allowance_unit() > 0)
    }

    /// Pays a draw of a receipt as far as it is still needed; returns the kept part.
    fn keep(&mut self, draw: &Draw) -> Draw {
        let (amount, worth) = match (draw.source, &mut self.counts) {
            // Requests beyond those the allowance had set aside are another part of the price.
            (Source::Allowance, Counts::Requests(n)) if *n > draw.amount => {
                let more = i128::from(*n - draw.amount);
                let beyond = i128::from(self.left) * more / i128::from(*n);
                *n -= draw.amount;
                let worth = self.left - i64::try_from(beyond).unwrap_or(0);
                self.left -= worth;
                (draw.amount, worth)
            }
            (Source::Allowance, _) => {
                let amount = draw.amount.min(self.in_allowance_unit());
                (amount, self.pay_from_allowance(amount))
            }
            (
                Source::Grant(..) | Source::Overdraft | Source::Debt | Source::Goodwill | Source::Postpaid(_),
                _,
            ) => {
                let amount = draw.amount.min(self.left);
                self.pay_from_credits(amount);
                // A request that credits pay is paid by no allowance.
                if let Counts::Requests(n) = &mut self.counts {
                    *n = 0;
                }
                (amount, amount)
            }
        };
        Draw { amount, worth, ..draw.clone() }
    }
}

/// The part of a use that draws leave unpaid, in credits.
pub(crate) fn left_after(usage: &Priced<'_>, draws: &[Draw]) -> Option<Credits> {
    let paid = draws.iter().try_fold(0_i64, |sum, d| sum.checked_add(d.worth))?;
    usage.price()?.checked_sub(Credits::from_nano(paid))
}

/// Pays a need from the front of a receipt; returns the kept draws, shrunk to the need. Any need beyond
/// them belongs to the request that they pay.
pub(crate) fn keep_front(need: &mut Need<'_>, receipt: &[Draw]) -> Draws {
    receipt.iter().map(|draw| need.keep(draw)).filter(|d| d.amount > 0 || d.worth > 0).collect()
}
