//! Amounts as decimals in text, exact or refused.

use alloc::vec::Vec;

use super::walk::Check;
use crate::catalog::names::one_of;
use crate::catalog::source::{ByUnitSource, Decimal};
use crate::record::{CREDITS, Credits, CreditsByUnit, Name, Unit};

/// The units of credits that features are priced in.
///
/// `None`: `credits`.
pub(super) struct Units(pub(super) Vec<Option<Name>>);

impl Units {
    /// The unit of a figure without one.
    pub(super) fn usual(&self) -> Option<&Name> {
        if let [unit] = self.0.as_slice() { unit.as_ref() } else { None }
    }
}

/// Credits of zero or more.
pub(super) fn decimal<'a>(text: &'a Decimal, check: &mut Check<'a>) -> Option<Credits> {
    match text.0.parse::<Credits>() {
        Ok(credits) if credits >= Credits::ZERO => Some(credits),
        Ok(_) => {
            check.wrong("the amount is negative", "write 0 or more");
            None
        }
        Err(e) => {
            check.wrong(format_args!("`{}` is not an amount of credits", text.0), e);
            None
        }
    }
}

/// The amount under a key: nano-credits, or a whole number of another unit; 0 if it is wrong.
pub(super) fn amount<'a>(key: &'a str, text: &'a Decimal, unit: &Unit, check: &mut Check<'a>) -> i64 {
    check.key(key, |c| match unit {
        Unit::Credits => decimal(text, c).map_or(0, Credits::nano),
        Unit::Requests | Unit::Meter(_) => whole(text, c),
    })
}

/// Credits under a key; 0 if they are wrong.
pub(super) fn credits<'a>(key: &'a str, text: &'a Decimal, check: &mut Check<'a>) -> Credits {
    check.key(key, |c| decimal(text, c).unwrap_or(Credits::ZERO))
}

fn whole<'a>(text: &'a Decimal, check: &mut Check<'a>) -> i64 {
    text.0.parse::<u64>().ok().and_then(|n| i64::try_from(n).ok()).unwrap_or_else(|| {
        check.wrong(
            format_args!("`{}` is not a whole number from 0 to 9223372036854775807", text.0),
            "write for example 100",
        );
        0
    })
}

/// One figure, or one for each unit that something is priced in.
pub(super) fn by_unit<'a>(
    shape: &'a ByUnitSource,
    units: &Units,
    check: &mut Check<'a>,
) -> Option<CreditsByUnit> {
    let each = match shape {
        ByUnitSource::One(text) => return decimal(text, check).map(CreditsByUnit::One),
        ByUnitSource::Each(each) => each,
    };
    let known: Vec<Name> = units.0.iter().filter_map(name_of).collect();
    let mut amounts = Vec::new();
    for (unit, text) in each {
        check.key(unit.as_str(), |c| {
            if !known.contains(unit) {
                let what = format_args!("no feature is priced in `{unit}`");
                c.wrong(what, one_of(known.iter()));
            }
            amounts.extend(decimal(text, c).map(|amount| (unit.clone(), amount)));
        });
    }
    Some(CreditsByUnit::each(amounts))
}

/// The units that something is priced in and that a figure does not mention.
pub(super) fn left_out(given: &CreditsByUnit, units: &Units) -> Vec<Name> {
    let lacks = |unit: &&Option<Name>| given.of(unit.as_ref(), units.usual()).is_none();
    units.0.iter().filter(lacks).filter_map(name_of).collect()
}

fn name_of(unit: &Option<Name>) -> Option<Name> {
    unit.clone().or_else(|| Name::new(CREDITS).ok())
}
