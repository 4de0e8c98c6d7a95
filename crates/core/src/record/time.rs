//! Instants, durations and calendars.
//!
//! Never reads a clock: every instant is an argument. T1 a calendar period is half-open and contains its instant
//! (`periods_contain_their_instant`). T2 a day-of-month anchor remembers its day: 31 Jan, 28 Feb, 31 Mar
//! (`month_anchors_remember_the_day`). Units: UTC microseconds since 1970. Source: IANA zones as bundled by `jiff`.

use alloc::string::String;
use core::fmt;

use jiff::{SpanRelativeTo, Timestamp};

use minicbor::{Decode, Encode};

/// A point in time: UTC microseconds since 1970-01-01.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct Instant(#[n(0)] i64);

/// A length of time in microseconds, never negative, at most 100 years.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct Span(#[n(0)] u64);

/// Why a text is not a duration or an instant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeError(pub(super) String);

impl TimeError {
    /// A text that names no zone.
    pub(super) fn no_zone(text: &str) -> Self {
        Self(alloc::format!("`{text}` is not an IANA time zone; write for example Europe/Berlin or UTC"))
    }
}

impl fmt::Display for TimeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl core::error::Error for TimeError {}

impl Instant {
    /// Later than every instant a record can carry: "never".
    pub const NEVER: Self = Self(i64::MAX);

    /// From microseconds since 1970.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// In microseconds since 1970.
    #[must_use]
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// The instant `span` later; saturates at [`Self::NEVER`].
    #[must_use]
    pub const fn after(self, span: Span) -> Self {
        Self(self.0.saturating_add_unsigned(span.0))
    }

    /// The instant `span` earlier; saturates.
    #[must_use]
    pub const fn before(self, span: Span) -> Self {
        Self(self.0.saturating_sub_unsigned(span.0))
    }

    /// The last instant before it.
    #[must_use]
    pub const fn just_before(self) -> Self {
        Self(self.0.saturating_sub(1))
    }

    /// Time since `earlier`; zero when `earlier` is later, so that a clock that jumped back never mints anything.
    #[must_use]
    pub fn since(self, earlier: Self) -> Span {
        Span(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    pub(super) fn timestamp(self) -> Timestamp {
        Timestamp::from_microsecond(self.0).unwrap_or(if self.0 < 0 {
            Timestamp::MIN
        } else {
            Timestamp::MAX
        })
    }
}

impl fmt::Display for Instant {
    /// RFC 3339 in UTC.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.timestamp(), f)
    }
}

impl core::str::FromStr for Instant {
    type Err = TimeError;
    /// RFC 3339 with an offset.
    fn from_str(text: &str) -> Result<Self, TimeError> {
        let stamp: Timestamp = text.parse().map_err(|_| {
            TimeError(alloc::format!("`{text}` is not an instant; write 2026-01-31T12:00:00Z"))
        })?;
        Ok(Self(stamp.as_microsecond()))
    }
}

impl Span {
    /// No time.
    pub const ZERO: Self = Self(0);
    /// The longest accepted span: 100 years of 365 days.
    pub const MAX: Self = Self::from_secs(100 * 365 * 86_400);

    /// From microseconds.
    #[must_use]
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// From seconds.
    #[must_use]
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs * 1_000_000)
    }

    /// In microseconds.
    #[must_use]
    pub const fn micros(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Span {
    /// The friendly form: `5h`, `7d`, `1m 30s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        let mut blank = "";
        for (unit, micros) in [
            ("d", 86_400_000_000),
            ("h", 3_600_000_000),
            ("m", 60_000_000),
            ("s", 1_000_000),
            ("ms", 1_000),
            ("µs", 1),
        ] {
            if rest >= micros {
                write!(f, "{blank}{}{unit}", rest / micros)?;
                rest %= micros;
                blank = " ";
            }
        }
        if self.0 == 0 { f.write_str("0s") } else { Ok(()) }
    }
}

impl core::str::FromStr for Span {
    type Err = TimeError;
    /// `5h`, `7d`, `1m 30s`, `250ms` or ISO 8601 (`PT5H`); a day is 24 hours, months and years are refused.
    fn from_str(text: &str) -> Result<Self, TimeError> {
        let bad = || {
            TimeError(alloc::format!(
                "`{text}` is not a duration; write 30s, 5h, 7d or PT5H, at most 100 years"
            ))
        };
        let span: jiff::Span = text.parse().map_err(|_| bad())?;
        if span.get_months() != 0 || span.get_years() != 0 {
            return Err(bad());
        }
        let length = span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(|_| bad())?;
        let micros = u64::try_from(length.as_micros()).map_err(|_| bad())?;
        if micros > Self::MAX.0 { Err(bad()) } else { Ok(Self(micros)) }
    }
}

macro_rules! text_form {
    ($type:ty) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }
        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(super) use text_form;
text_form!(Instant);
text_form!(Span);
text_form!(crate::record::Segment);

#[cfg(test)]
mod tests;
