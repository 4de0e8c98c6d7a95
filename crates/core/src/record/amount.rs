//! Credits and prices: exact integers, never rounded, never floating.
//!
//! Never converts between units. A1 a charge is an exact product and sum (`prices_are_exact`).
//! A2 a text that would need rounding is refused (`finer_than_a_nano_is_refused`).
//! Units: one credit is 10⁹ nano-credits; a [`Price`] is nano-credits for one unit of a meter.

use alloc::string::String;
use core::fmt;

use minicbor::{Decode, Encode};

/// Nano-credits in one credit.
pub const NANO: i64 = 1_000_000_000;

/// An amount of credits in nano-credits. Range ±9,223,372,036.854775807 credits; arithmetic is checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct Credits(#[n(0)] i64);

/// Why a text is not an amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AmountError {
    /// Not of the form `12` or `12.345`.
    NotADecimal,
    /// More than nine digits after the point.
    TooFine,
    /// Outside the range of [`Credits`].
    TooLarge,
    /// A price that is not a whole number of nano-credits for one unit.
    FinerThanNano,
}

impl fmt::Display for AmountError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotADecimal => "write a decimal such as \"12\" or \"0.25\": digits, at most one point, no exponent",
            Self::TooFine => "at most nine digits after the point: the smallest amount is 0.000000001 credits",
            Self::TooLarge => "the largest amount is 9223372036.854775807 credits",
            Self::FinerThanNano => {
                "the price of one unit is finer than 0.000000001 credits, so charges would need rounding; use a coarser price"
            }
        })
    }
}

impl core::error::Error for AmountError {}

impl Credits {
    /// No credits.
    pub const ZERO: Self = Self(0);
    /// The largest amount.
    pub const MAX: Self = Self(i64::MAX);

    /// From nano-credits.
    #[must_use]
    pub const fn from_nano(nano: i64) -> Self {
        Self(nano)
    }

    /// In nano-credits.
    #[must_use]
    pub const fn nano(self) -> i64 {
        self.0
    }

    /// The sum, or `None` past the range.
    #[must_use]
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        match self.0.checked_add(other.0) {
            Some(sum) => Some(Self(sum)),
            None => None,
        }
    }

    /// The difference, or `None` past the range.
    #[must_use]
    pub const fn checked_sub(self, other: Self) -> Option<Self> {
        match self.0.checked_sub(other.0) {
            Some(rest) => Some(Self(rest)),
            None => None,
        }
    }

    /// Whether nothing is left or owed.
    #[must_use]
    pub(crate) const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// Whether the amount is above zero.
    #[must_use]
    pub const fn is_positive(self) -> bool {
        self.0 > 0
    }
}

impl fmt::Display for Credits {
    /// A decimal without trailing zeros: `1.875`, `-0.5`, `12`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let nano = self.0.unsigned_abs();
        let (whole, mut part) = (nano / NANO.unsigned_abs(), nano % NANO.unsigned_abs());
        if part == 0 {
            return write!(f, "{sign}{whole}");
        }
        let mut digits = 9;
        while part % 10 == 0 {
            part /= 10;
            digits -= 1;
        }
        write!(f, "{sign}{whole}.{part:0digits$}")
    }
}

impl core::str::FromStr for Credits {
    type Err = AmountError;
    fn from_str(text: &str) -> Result<Self, AmountError> {
        let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let nano = parsed(digits, 9)?;
        let nano = if negative { -nano } else { nano };
        i64::try_from(nano).map(Self).map_err(|_| AmountError::TooLarge)
    }
}

/// A non-negative decimal times 10^`scale`, exactly.
fn parsed(text: &str, scale: u32) -> Result<i128, AmountError> {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let digits_only = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    if !digits_only(whole) || !digits_only(part) {
        return Err(AmountError::NotADecimal);
    }
    let part = part.trim_end_matches('0');
    let places = u32::try_from(part.len()).map_err(|_| AmountError::TooFine)?;
    if places > scale {
        return Err(AmountError::TooFine);
    }
    let number = |s: &str| -> Result<i128, AmountError> {
        if s.is_empty() { Ok(0) } else { s.parse().map_err(|_| AmountError::TooLarge) }
    };
    let whole = number(whole)?.checked_mul(10_i128.pow(scale)).ok_or(AmountError::TooLarge)?;
    whole.checked_add(number(part)? * 10_i128.pow(scale - places)).ok_or(AmountError::TooLarge)
}

/// The price of one unit of a meter, in nano-credits, and the units that are billed for what is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Price {
    nano: u64,
    /// Units are billed in multiples of this; 0 is 1.
    step: u32,
    /// Above zero: the least that is billed for any use. Below: so many units more than those used are billed already.
    least: i32,
}

/// The most units of a step, and of the least that is billed.
pub const STEP_MAX: u32 = 1_000_000_000;

impl<C> Encode<C> for Price {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut minicbor::Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        let Self { nano, step, least } = *self;
        if self.bills_what_is_used() {
            return e.u64(nano)?.ok();
        }
        e.array(3)?.u64(nano)?.u32(step)?.i32(least)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Price {
    fn decode(d: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        if d.datatype()? != minicbor::data::Type::Array {
            return Ok(Self { nano: d.u64()?, ..Self::default() });
        }
        match d.array()? {
            Some(3) => {
                let price = Self { nano: d.u64()?, step: d.u32()?, least: d.i32()? };
                let is_written = !price.bills_what_is_used() && price.step != 1 && price.step <= STEP_MAX;
                if is_written {
                    Ok(price)
                } else {
                    Err(minicbor::decode::Error::message("no such step of a price"))
                }
            }
            _ => Err(minicbor::decode::Error::message("a price is a number, or three")),
        }
    }
}

impl Price {
    /// Nothing.
    pub(crate) const FREE: Self = Self { nano: 0, step: 0, least: 0 };

    /// `text` credits for `per` units, exactly: `("1.875", 1_000_000)` is 1,875 nano-credits a unit.
    ///
    /// # Errors
    /// Refuses a price whose unit is not a whole number of nano-credits.
    pub fn for_units(text: &str, per: u64) -> Result<Self, AmountError> {
        let nano = parsed(text, 18)?;
        let divisor = i128::from(per.max(1)) * 10_i128.pow(9);
        if nano % divisor != 0 {
            return Err(AmountError::FinerThanNano);
        }
        let price = u64::try_from(nano / divisor).map_err(|_| AmountError::TooLarge)?;
        if i64::try_from(price).is_err() {
            return Err(AmountError::TooLarge);
        }
        Ok(Self { nano: price, ..Self::default() })
    }

    /// So many nano-credits for one unit.
    pub(crate) fn of_nano(nano: u64) -> Self {
        Self { nano, ..Self::default() }
    }

    /// This price times `factor`, exactly.
    ///
    /// # Errors
    /// Refuses a product that is not a whole number of nano-credits.
    pub fn by(self, factor: Credits) -> Result<Self, AmountError> {
        let product = i128::from(self.nano) * i128::from(factor.0);
        if product % i128::from(NANO) != 0 {
            return Err(AmountError::FinerThanNano);
        }
        let price = i64::try_from(product / i128::from(NANO)).map_err(|_| AmountError::TooLarge)?;
        u64::try_from(price).map(|nano| Self { nano, ..self }).map_err(|_| AmountError::TooLarge)
    }

    /// The same price for billed units: multiples of `step` (0 is 1), and at least `least` for any use. Both at most [`STEP_MAX`].
    #[must_use]
    pub fn billed_in(self, step: u32, least: u32) -> Self {
        let step = if step == 1 { 0 } else { step.min(STEP_MAX) };
        Self { step, least: i32::try_from(least.min(STEP_MAX)).unwrap_or(i32::MAX), ..self }
    }

    /// The same price for what is used after `before` units: what they are billed beyond themselves is used up first.
    #[must_use]
    pub(crate) fn after(self, before: u64) -> Self {
        if before == 0 || self.bills_what_is_used() {
            return self;
        }
        let billed = self.billed(before).saturating_sub(before);
        Self { least: i32::try_from(billed).map_or(i32::MIN, |billed| -billed), ..self }
    }

    /// Whether it is `price` for what is used later.
    #[must_use]
    pub(crate) fn is_after(self, price: Self) -> bool {
        (self.nano, self.step) == (price.nano, price.step) && self.least <= 0
    }

    /// The units that are billed for `quantity`.
    #[must_use]
    pub fn billed(self, quantity: u64) -> u64 {
        if quantity == 0 || self.bills_what_is_used() {
            return quantity;
        }
        let units = match u64::try_from(self.least) {
            Ok(least) => quantity.max(least),
            Err(_) => quantity.saturating_sub(self.least.unsigned_abs().into()),
        };
        let step = u64::from(self.step.max(1));
        units.div_ceil(step).saturating_mul(step)
    }

    /// The most units that are billed as at most `billed`.
    #[must_use]
    pub(crate) fn most(self, billed: u64) -> u64 {
        if self.bills_what_is_used() {
            return billed;
        }
        let step = u64::from(self.step.max(1));
        let units = billed / step * step;
        if self.billed(1) > billed { 0 } else { units }
    }

    /// Whether each unit is billed as it is used.
    #[must_use]
    pub const fn bills_what_is_used(self) -> bool {
        self.step == 0 && self.least == 0
    }

    /// The step in which units are billed, and the least for any use; below zero, the units that are billed already.
    #[must_use]
    pub fn billing(self) -> (u64, i64) {
        (self.step.max(1).into(), self.least.into())
    }

    /// The cost of `quantity` units; `None` when the product leaves the range of [`Credits`].
    #[must_use]
    pub fn times(self, quantity: u64) -> Option<Credits> {
        let units = self.billed(quantity);
        self.nano.checked_mul(units).and_then(|nano| i64::try_from(nano).ok()).map(Credits)
    }

    /// Nano-credits for one unit.
    #[must_use]
    pub const fn nano(self) -> u64 {
        self.nano
    }
}

/// `n * by / of`, rounded down, saturating. Fast for the usual sizes.
#[must_use]
pub fn scaled(n: u64, by: u64, of: u64) -> u64 {
    match n.checked_mul(by) {
        Some(product) => product / of.max(1),
        None => {
            let part = u128::from(n) * u128::from(by) / u128::from(of.max(1));
            u64::try_from(part).unwrap_or(u64::MAX)
        }
    }
}

/// Text forms, for serde: credits are decimal strings.
impl serde::Serialize for Credits {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Credits {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        text.parse().map_err(|e: AmountError| serde::de::Error::custom(alloc::format!("`{text}`: {e}")))
    }
}

#[cfg(test)]
mod tests {
    use super::{AmountError, Credits, Price};
    use alloc::string::ToString;

    #[test]
    fn prices_are_exact() {
        // 1.875 credits per million tokens is 1,875 nano-credits a token, by hand.
        for (text, per, nano) in [
            ("1.875", 1_000_000, 1_875),
            ("0.125", 1_000_000, 125),
            ("0.001", 1_000_000, 1),
            ("14", 1_000_000, 14_000),
            ("1", 1, 1_000_000_000),
            ("0.000000001", 1, 1),
        ] {
            assert_eq!(Price::for_units(text, per).map(Price::nano), Ok(nano), "{text} per {per}");
        }
        let price = Price::for_units("1.875", 1_000_000).expect("exact");
        assert_eq!(price.times(1_234_567).map(|c| c.to_string()).as_deref(), Some("2.314813125"));
    }

    /// By hand: calls are billed by six seconds, at least thirty of them.
    #[test]
    fn steps_are_begun_and_paid_whole() {
        let price = Price::for_units("0.001", 1).expect("exact").billed_in(6, 30);
        for (used, billed) in [(0, 0), (1, 30), (30, 30), (31, 36), (36, 36), (61, 66)] {
            assert_eq!(price.billed(used), billed, "{used}");
        }
        assert_eq!(price.times(61).map(|c| c.to_string()).as_deref(), Some("0.066"));
        // A least of 20 in steps of 6 is 24; the price of one more unit after the first is nothing up to there.
        let odd = price.billed_in(6, 20);
        assert_eq!((odd.billed(1), odd.after(1).billed(23), odd.after(1).billed(24)), (24, 0, 6));
        let stored = minicbor::to_vec(price.after(61)).expect("encodes");
        assert_eq!(minicbor::decode::<Price>(&stored).ok(), Some(price.after(61)));
    }

    proptest::proptest! {
        /// In parts it costs what it costs at once, in parts of any size.
        #[test]
        fn growth_costs_the_difference(step in 1_u32..100, least in 0_u32..200, parts in proptest::collection::vec(0_u64..90, 1..9)) {
            let price = Price::for_units("0.001", 1).expect("exact").billed_in(step, least);
            let (mut used, mut billed) = (0, 0);
            for part in parts {
                billed += price.after(used).billed(part);
                used += part;
                proptest::prop_assert_eq!(billed, price.billed(used));
            }
        }
    }

    #[test]
    fn finer_than_a_nano_is_refused() {
        assert_eq!(Price::for_units("1.8755", 10_000_000), Err(AmountError::FinerThanNano));
        assert_eq!(Price::for_units("0.0005", 1_000_000), Err(AmountError::FinerThanNano));
        assert_eq!("0.0000000001".parse::<Credits>(), Err(AmountError::TooFine));
    }

    #[test]
    fn texts() {
        for (text, nano) in
            [("0", 0), ("12", 12_000_000_000), ("0.25", 250_000_000), ("-1.5", -1_500_000_000)]
        {
            let credits: Credits = text.parse().expect(text);
            assert_eq!(credits.nano(), nano);
            assert_eq!(credits.to_string(), text);
        }
        assert_eq!("9223372036.854775807".parse(), Ok(Credits::MAX));
        for (text, error) in [
            ("", AmountError::NotADecimal),
            ("1e3", AmountError::NotADecimal),
            ("NaN", AmountError::NotADecimal),
            ("1.", AmountError::NotADecimal),
            (".5", AmountError::NotADecimal),
            ("+1", AmountError::NotADecimal),
            ("1,5", AmountError::NotADecimal),
            ("9223372036.854775808", AmountError::TooLarge),
            ("99999999999999999999999999999999999999999", AmountError::TooLarge),
        ] {
            assert_eq!(text.parse::<Credits>(), Err(error), "{text}");
        }
    }
}
