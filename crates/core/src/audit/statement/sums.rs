//! Sums over the lines of a period: by cause, by feature, by day, and by source.
//!
//! Units: credits; payments of allowances in the unit they count.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString as _};

use super::cause::Cause;
use crate::record::{CREDITS, Category, Credits, Draw, GivenBack, Name, REQUESTS, Record, Source, Unit, Use};

/// A sum of lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    /// The number of lines.
    pub entries: u64,
    /// Their total.
    pub amount: Credits,
}

impl Sum {
    pub(super) fn add(&mut self, amount: Credits) {
        self.entries += 1;
        self.amount = plus(self.amount, amount);
    }
}

/// A source that paid.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Payer {
    /// The source.
    pub source: &'static str,
    /// The layer of the waterfall.
    pub layer: Name,
    /// The category of a grant.
    pub category: Option<Category>,
    /// The unit of amounts.
    pub unit: String,
    /// Whether that is credits.
    pub is_credits: bool,
}

/// The amount a payer paid, less the amount it got back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Paid {
    /// In the payer's unit; credits in nano-credits.
    pub amount: i64,
    /// Its part of the prices.
    pub worth: Credits,
}

/// The sums of a period.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// By cause.
    pub by_cause: BTreeMap<Cause, Sum>,
    /// Of the lines that are about the use of a feature, by feature.
    pub by_feature: BTreeMap<Name, Sum>,
    /// By source.
    pub by_source: BTreeMap<Payer, Paid>,
    /// By day.
    pub by_day: BTreeMap<String, Sum>,
}

impl Sums {
    /// Adds the sources that paid for a charge, and those that got something back from an earlier one.
    pub(super) fn pay(&mut self, record: &Record, given_back: Option<&GivenBack>) {
        let given = given_back.into_iter().map(|given| (&given.charge.usage, &*given.draws, -1));
        let paid = record.charge().into_iter().map(|charge| (&charge.usage, &*charge.draws, 1));
        for (usage, draws, sign) in given.chain(paid) {
            for draw in draws {
                let paid = self.by_source.entry(Payer::of(draw, usage)).or_default();
                paid.amount = paid.amount.saturating_add(sign * draw.amount);
                paid.worth = plus(paid.worth, Credits::from_nano(sign * draw.worth));
            }
        }
    }
}

impl Payer {
    fn of(draw: &Draw, usage: &Use) -> Self {
        let (source, category) = match draw.source {
            Source::Allowance => ("allowance", None),
            Source::Grant(_, category) => ("grant", Some(category)),
            Source::Overdraft => ("overdraft", None),
            Source::Postpaid(_) => ("postpaid", None),
            Source::Debt => ("debt", None),
            Source::Goodwill => ("goodwill", None),
        };
        let (unit, is_credits) = match (draw.source, &usage.unit) {
            (Source::Allowance, Unit::Requests) => (REQUESTS, false),
            (Source::Allowance, Unit::Meter(meter)) => (meter.as_str(), false),
            (Source::Allowance, Unit::Credits)
            | (
                Source::Grant(..) | Source::Overdraft | Source::Debt | Source::Goodwill | Source::Postpaid(_),
                _,
            ) => (usage.credit_unit.as_ref().map_or(CREDITS, Name::as_str), true),
        };
        Self { source, layer: draw.layer.clone(), category, unit: unit.to_string(), is_credits }
    }
}

/// The books of an account stay within the range of credits, and with them these sums.
pub(super) fn plus(sum: Credits, amount: Credits) -> Credits {
    Credits::from_nano(sum.nano().saturating_add(amount.nano()))
}
