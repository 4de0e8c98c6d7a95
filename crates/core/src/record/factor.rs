//! Factors on prices: a multiple of everything used, rounded once.
//!
//! Units: factors in billionths, prices in nano-credits.

use core::num::NonZeroU32;

use minicbor::{Decode, Encode};

use super::amount::Credits;

/// A factor on the price of everything used, lines added up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct PriceFactor {
    /// In billionths.
    #[n(0)]
    pub billionths: u64,
    /// How the price is rounded to a nano-credit.
    #[n(1)]
    pub rounding: Rounding,
    /// What a hold grows by: so many billionths of a nano-credit are set aside for it already, by rounding up what it holds.
    #[n(2)]
    pub ahead: Option<NonZeroU32>,
}

/// How a price is rounded to a nano-credit. It is rounded once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Rounding {
    /// Up: a hold sets enough aside.
    #[n(0)]
    Up,
    /// To the nearest, half to even: a charge.
    #[n(1)]
    HalfEven,
}

/// The factor that leaves a price as it is.
pub const WHOLE_PRICE: u64 = 1_000_000_000;

/// Billionths of a nano-credit, rounded; `None` past the range of [`Credits`].
pub(super) fn rounded(billionths: i128, rounding: Rounding) -> Option<Credits> {
    let whole = i128::from(WHOLE_PRICE);
    let (nano, rest) = (billionths.div_euclid(whole), billionths.rem_euclid(whole));
    let up = match rounding {
        Rounding::Up => rest > 0,
        Rounding::HalfEven => 2 * rest > whole || (2 * rest == whole && nano % 2 != 0),
    };
    i64::try_from(nano + i128::from(up)).ok().map(Credits::from_nano)
}

impl PriceFactor {
    /// The price of lines that come to this sum; `None` past the range of [`Credits`].
    #[must_use]
    pub fn of(self, sum: Credits) -> Option<Credits> {
        let ahead = self.ahead.map_or(0, |ahead| i128::from(ahead.get()));
        rounded(i128::from(sum.nano()) * i128::from(self.billionths) - ahead, self.rounding)
    }

    /// The same factor on what comes on top of lines of this sum: they are rounded together.
    #[must_use]
    pub(crate) fn after(self, sum: Credits) -> Self {
        let whole = i128::from(WHOLE_PRICE);
        let rest = (i128::from(sum.nano()) * i128::from(self.billionths)).rem_euclid(whole);
        let ahead = u32::try_from((whole - rest) % whole).ok().and_then(NonZeroU32::new);
        Self { ahead, ..self }
    }
}
