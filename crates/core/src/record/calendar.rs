//! Calendars: the periods of windows in a zone.
//!
//! Never reads a clock. Source: IANA zones as bundled by `jiff`.

use alloc::string::String;
#[cfg(feature = "schema")]
use alloc::{vec, vec::Vec};
use core::fmt;
use core::str::FromStr;

use jiff::ToSpan as _;
use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;

use minicbor::{Decode, Encode};

use super::time::{Instant, TimeError, text_form};

/// Most calendar units of one period.
const UNITS_MAX: i64 = 1_000;
const HOUR: i64 = 3_600_000_000;

/// A calendar unit that windows can be aligned to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode, serde::Serialize, serde::Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[cbor(index_only)]
pub enum Every {
    /// An hour of UTC: zones with offsets of half an hour share it.
    #[n(0)]
    Hour,
    /// A local day: 23, 24 or 25 hours.
    #[n(1)]
    Day,
    /// A week from Monday.
    #[n(2)]
    Week,
    /// A month.
    #[n(3)]
    Month,
    /// A year.
    #[n(4)]
    Year,
}

impl Every {
    const ALL: [Self; 5] = [Self::Hour, Self::Day, Self::Week, Self::Month, Self::Year];

    fn word(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Year => "year",
        }
    }
}

/// How long the periods of a window last: `day`, `2 weeks`, `quarter`, `life`, or `manual`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Periods {
    /// This many calendar units.
    Every(Every, i64),
    /// One period that never ends.
    Life,
    /// Periods that end when they are closed.
    Manual,
}

impl FromStr for Periods {
    type Err = TimeError;
    fn from_str(text: &str) -> Result<Self, TimeError> {
        let unit = |word: &str| Every::ALL.into_iter().find(|every| every.word() == word);
        let several = || {
            let (n, word) = text.split_once(' ')?;
            let every = unit(word.strip_suffix('s')?)?;
            let n = n.parse().ok().filter(|n| (2..=UNITS_MAX).contains(n))?;
            Some(Self::Every(every, n))
        };
        let one = match text {
            "life" => Some(Self::Life),
            "manual" => Some(Self::Manual),
            "quarter" => Some(Self::Every(Every::Month, 3)),
            word => unit(word).map(|every| Self::Every(every, 1)),
        };
        one.or_else(several).ok_or_else(|| {
            TimeError(alloc::format!(
                "`{text}` is no period; write hour, day, week, month, quarter, year, several as \"2 weeks\", life or manual"
            ))
        })
    }
}

impl fmt::Display for Periods {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Life => f.write_str("life"),
            Self::Manual => f.write_str("manual"),
            Self::Every(Every::Month, 3) => f.write_str("quarter"),
            Self::Every(every, 1) => f.write_str(every.word()),
            Self::Every(every, n) => write!(f, "{n} {}s", every.word()),
        }
    }
}

/// A calendar in a zone, from which fixed windows take their bounds.
#[derive(Clone, Debug)]
pub(crate) struct Calendar {
    periods: Periods,
    zone: TimeZone,
    anchored: bool,
    /// Each account has it in its own zone; in this one if it has none.
    of_account: bool,
}

impl Calendar {
    /// A calendar aligned to `every` in the IANA zone `zone`; with `anchored`, periods are counted from the account's
    /// billing anchor instead of the calendar's own beginnings.
    ///
    /// # Errors
    /// Refuses a zone that the bundled database does not know.
    pub(crate) fn new(every: Every, zone: &str, anchored: bool) -> Result<Self, TimeError> {
        Self::of(Periods::Every(every, 1), zone, anchored)
    }

    /// The same for other periods. Several units are counted from the beginning of the calendar unit that 1970 begins in, months
    /// from January.
    ///
    /// # Errors
    /// Refuses a zone that the bundled database does not know.
    pub(crate) fn of(periods: Periods, zone: &str, anchored: bool) -> Result<Self, TimeError> {
        let zone = TimeZone::get(zone).map_err(|_| TimeError::no_zone(zone))?;
        Ok(Self { periods, zone, anchored, of_account: false })
    }

    /// The same for each account in its own zone.
    pub(crate) fn of_account(self) -> Self {
        Self { of_account: true, ..self }
    }

    /// The calendar of an account that is in this zone; `None`: it is this one.
    pub(crate) fn in_zone(&self, zone: Option<&str>) -> Option<Self> {
        let zone = zone.filter(|_| self.of_account).and_then(|zone| TimeZone::get(zone).ok())?;
        Some(Self { zone, ..self.clone() })
    }

    /// Its periods in words: `a month in Europe/Berlin`.
    pub(crate) fn told(&self) -> String {
        let whence = match (self.anchored, self.zone.iana_name()) {
            (true, _) => " from the billing anchor",
            (false, _) if self.of_account => " in the account's zone",
            (false, Some("UTC") | None) => "",
            (false, Some(_)) => " in ",
        };
        let zone = self.zone.iana_name().filter(|_| whence == " in ").unwrap_or_default();
        match self.periods {
            Periods::Life => "in all".into(),
            Periods::Manual => "until its period is closed".into(),
            Periods::Every(Every::Hour, 1) if self.anchored => alloc::format!("an hour{whence}"),
            Periods::Every(Every::Hour, 1) => "an hour (UTC)".into(),
            Periods::Every(Every::Month, 3) | Periods::Every(_, 1) => {
                alloc::format!("a {}{whence}{zone}", self.periods)
            }
            Periods::Every(..) => alloc::format!("in {}{whence}{zone}", self.periods),
        }
    }

    /// Whether its periods end when they are closed.
    #[must_use]
    pub(crate) fn is_manual(&self) -> bool {
        self.periods == Periods::Manual
    }

    /// Whether its periods are counted from the account's billing anchor.
    #[must_use]
    pub(crate) fn is_anchored(&self) -> bool {
        self.anchored
    }

    /// The period `[start, end)` that contains `now`, for an account with this billing anchor.
    #[must_use]
    pub(crate) fn period(&self, now: Instant, anchor: Instant) -> (Instant, Instant) {
        let Periods::Every(every, units) = self.periods else { return (Instant::default(), Instant::NEVER) };
        if matches!(every, Every::Hour) && !self.anchored {
            let length = HOUR * units;
            let start = now.micros().div_euclid(length) * length;
            return (Instant::from_micros(start), Instant::from_micros(start + length));
        }
        if !self.anchored {
            let first = self.first(now, every, units);
            let next = first.checked_add(step(every, units)).unwrap_or(first);
            return (self.first_instant(first), self.first_instant(next));
        }
        let boundary = |n: i64| self.boundary(anchor, every, n.saturating_mul(units));
        let mut n = periods_between(anchor, now, every).div_euclid(units);
        // The estimate counts whole calendar units, so it is off by at most one around clamped days and clock changes.
        while boundary(n) > now {
            n -= 1;
        }
        while boundary(n + 1) <= now {
            n += 1;
        }
        (boundary(n), boundary(n + 1))
    }

    /// The first local date of the calendar unit that contains `now`.
    fn beginning(&self, now: Instant) -> Date {
        let every = if let Periods::Every(every, _) = self.periods { every } else { Every::Day };
        self.first(now, every, 1)
    }

    /// The first local date of the period of so many units that contains `now`.
    fn first(&self, now: Instant, every: Every, units: i64) -> Date {
        let date = now.timestamp().to_zoned(self.zone.clone()).date();
        let epoch = Date::constant(1970, 1, 1);
        let days = |date: Date, from: Date| i64::from((date - from).get_days());
        let years = |date: Date| i64::from(date.year()) - 1970;
        match every {
            Every::Hour | Every::Day => back_days(date, days(date, epoch).rem_euclid(units)),
            Every::Week => {
                let monday = back_days(date, i64::from(date.weekday().since(Weekday::Monday)));
                let weeks = days(monday, Date::constant(1969, 12, 29)).div_euclid(7);
                back_days(monday, weeks.rem_euclid(units) * 7)
            }
            Every::Month => {
                let months = years(date) * 12 + i64::from(date.month()) - 1;
                let first = date.first_of_month();
                first.checked_sub(months.rem_euclid(units).months()).unwrap_or(first)
            }
            Every::Year => {
                let first = date.first_of_year();
                first.checked_sub(years(date).rem_euclid(units).years()).unwrap_or(first)
            }
        }
    }

    /// The first valid instant of a local date: midnight, or later where a clock change skips it.
    fn first_instant(&self, date: Date) -> Instant {
        date.to_zoned(self.zone.clone())
            .map_or(Instant::NEVER, |z| Instant::from_micros(z.timestamp().as_microsecond()))
    }

    /// The `n`th boundary counted from `from`, always from the original day so that a clamped month does not drift.
    fn boundary(&self, from: Instant, every: Every, n: i64) -> Instant {
        if let Every::Hour = every {
            return Instant::from_micros(from.micros().saturating_add(n.saturating_mul(HOUR)));
        }
        let local = from.timestamp().to_zoned(self.zone.clone()).datetime();
        let moved = local.checked_add(step(every, n)).ok().and_then(|at| at.to_zoned(self.zone.clone()).ok());
        moved.map_or(if n < 0 { Instant::from_micros(i64::MIN) } else { Instant::NEVER }, |z| {
            Instant::from_micros(z.timestamp().as_microsecond())
        })
    }
}

fn back_days(date: Date, n: i64) -> Date {
    date.checked_sub(n.days()).unwrap_or(date)
}

fn step(every: Every, n: i64) -> jiff::Span {
    match every {
        Every::Hour | Every::Day => n.days(),
        Every::Week => n.weeks(),
        Every::Month => n.months(),
        Every::Year => n.years(),
    }
}

fn periods_between(from: Instant, now: Instant, every: Every) -> i64 {
    let hours = (now.micros() - from.micros()).div_euclid(HOUR);
    match every {
        Every::Hour => hours,
        Every::Day => hours.div_euclid(24),
        Every::Week => hours.div_euclid(168),
        Every::Month => hours.div_euclid(730),
        Every::Year => hours.div_euclid(8_766),
    }
}

/// The days of an IANA zone, for people who read and write dates.
#[derive(Clone, Debug)]
pub struct Days(Calendar);

impl Days {
    /// The days of a zone, such as `Europe/Berlin`.
    ///
    /// # Errors
    /// Refuses a zone that the bundled database does not know.
    pub fn of(zone: &str) -> Result<Self, TimeError> {
        Calendar::new(Every::Day, zone, false).map(Self)
    }

    /// The day that an instant is in, like `2026-10-01`.
    #[must_use]
    pub fn date(&self, at: Instant) -> String {
        alloc::format!("{}", self.0.beginning(at))
    }

    /// An instant from RFC 3339, or the beginning of a day from a date like `2026-10-01`.
    ///
    /// # Errors
    /// Refuses a text that is neither.
    pub fn instant(&self, text: &str) -> Result<Instant, TimeError> {
        match text.parse::<Date>() {
            Ok(date) if text.len() == 10 => Ok(self.0.first_instant(date)),
            Ok(_) | Err(_) => text.parse().map_err(|_| {
                TimeError(alloc::format!(
                    "`{text}` is not an instant; write 2026-01-31T12:00:00Z, or 2026-01-31 for the beginning of that day"
                ))
            }),
        }
    }
}

text_form!(Periods);
