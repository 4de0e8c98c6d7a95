//! Amounts as decimals in text, exact or refused.

use alloc::string::ToString;

use super::walk::Check;
use crate::catalog::source::Decimal;
use crate::record::{Credits, Unit};

/// Credits of zero or more.
pub(super) fn decimal(text: &Decimal, check: &mut Check) -> Option<Credits> {
    match text.0.parse::<Credits>() {
        Ok(credits) if credits >= Credits::ZERO => Some(credits),
        Ok(_) => {
            check.wrong("the amount is negative", "write 0 or more");
            None
        }
        Err(e) => {
            check.wrong(alloc::format!("`{}` is no amount of credits", text.0), e.to_string());
            None
        }
    }
}

/// The amount under a key: nano-credits, or a whole number of what else the unit is; 0 where it is wrong.
pub(super) fn amount(key: &str, text: &Decimal, unit: &Unit, check: &mut Check) -> i64 {
    check.key(key, |c| match unit {
        Unit::Credits => decimal(text, c).map_or(0, Credits::nano),
        Unit::Requests | Unit::Meter(_) => whole(text, c),
    })
}

/// Credits under a key; 0 where they are wrong.
pub(super) fn credits(key: &str, text: &Decimal, check: &mut Check) -> Credits {
    check.key(key, |c| decimal(text, c).unwrap_or(Credits::ZERO))
}

fn whole(text: &Decimal, check: &mut Check) -> i64 {
    text.0.parse::<u64>().ok().and_then(|n| i64::try_from(n).ok()).unwrap_or_else(|| {
        check.wrong(
            alloc::format!("`{}` is no whole number from 0 to 9223372036854775807", text.0),
            "write for example 100",
        );
        0
    })
}
