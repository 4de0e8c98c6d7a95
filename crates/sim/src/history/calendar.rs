//! Calendars computed by hand: two zones with daylight saving, months that are
//! clamped. Uses no library that the product uses.
//!
//! Units: UTC microseconds since 1970; a local time is the reading of its clock, counted in the same way.

use headworks_core::record::Every;

const HOUR: i64 = 3_600_000_000;
pub(super) const DAY: i64 = 24 * HOUR;

/// A zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Zone {
    Utc,
    NewYork,
    Berlin,
}

impl Zone {
    pub(super) fn named(name: &str) -> Self {
        match name {
            "America/New_York" => Self::NewYork,
            "Europe/Berlin" => Self::Berlin,
            _ => Self::Utc,
        }
    }

    /// Hours by which its clock is ahead in winter.
    fn winter(self) -> i64 {
        match self {
            Self::Utc => 0,
            Self::NewYork => -5,
            Self::Berlin => 1,
        }
    }

    /// Whether its clock is one hour further ahead.
    fn is_summer(self, at: i64) -> bool {
        let (year, ..) = civil(at.div_euclid(DAY));
        let (from, to) = match self {
            Self::Utc => return false,
            Self::NewYork => (sunday(year, 3, 8) + 7 * HOUR, sunday(year, 11, 1) + 6 * HOUR),
            Self::Berlin => (sunday(year, 3, 25) + HOUR, sunday(year, 10, 25) + HOUR),
        };
        from <= at && at < to
    }

    fn local(self, at: i64) -> i64 {
        at + (self.winter() + i64::from(self.is_summer(at))) * HOUR
    }

    /// The first instant at which its clock shows a time; a skipped time is as much later as the skip is long.
    fn instant(self, local: i64) -> i64 {
        let late = local - self.winter() * HOUR;
        if self.is_summer(late - HOUR) { late - HOUR } else { late }
    }
}

/// The first Sunday of a month on or after a day.
fn sunday(year: i64, month: i64, from: i64) -> i64 {
    let day = days(year, month, from);
    (day + (6 - weekday(day))) * DAY
}

/// 0 is Monday.
fn weekday(day: i64) -> i64 {
    (day + 3).rem_euclid(7)
}

/// Days since 1970. Source: Hinnant, chrono-compatible low-level date algorithms.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

fn civil(day: i64) -> (i64, i64, i64) {
    let day = day + 719_468;
    let (era, of_era) = (day.div_euclid(146_097), day.rem_euclid(146_097));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let (date, month) = (of_year - (153 * month + 2) / 5 + 1, (month + 2) % 12 + 1);
    (year + era * 400 + i64::from(month <= 2), month, date)
}

/// A local time this many months later; a day that the month lacks becomes its last day.
fn months_later(local: i64, months: i64) -> i64 {
    let (year, month, date) = civil(local.div_euclid(DAY));
    let all = year * 12 + month - 1 + months;
    let first = |all: i64| days(all.div_euclid(12), all.rem_euclid(12) + 1, 1);
    let date = date.min(first(all + 1) - first(all));
    (first(all) + date - 1) * DAY + local.rem_euclid(DAY)
}

/// The calendar period that includes an instant; with an anchor, counted from the anchor.
pub(super) fn period(every: Every, zone: Zone, anchor: Option<i64>, now: i64) -> (i64, i64) {
    let begin = anchor.map_or_else(|| beginning(every, zone, now), |anchor| zone.local(anchor));
    let boundary = |n: i64| match every {
        Every::Hour => anchor.unwrap_or(begin) + n * HOUR,
        Every::Day => zone.instant(begin + n * DAY),
        Every::Week => zone.instant(begin + n * 7 * DAY),
        Every::Month => zone.instant(months_later(begin, n)),
        Every::Year => zone.instant(months_later(begin, 12 * n)),
    };
    let length = match every {
        Every::Hour => HOUR,
        Every::Day => DAY,
        Every::Week => 7 * DAY,
        Every::Month => 31 * DAY,
        Every::Year => 366 * DAY,
    };
    let mut n = (now - boundary(0)).div_euclid(length) - 1;
    while boundary(n + 1) <= now {
        n += 1;
    }
    (boundary(n), boundary(n + 1))
}

/// The start of the calendar's own unit, in local time.
fn beginning(every: Every, zone: Zone, now: i64) -> i64 {
    let day = zone.local(now).div_euclid(DAY);
    let (year, _, date) = civil(day);
    match every {
        Every::Hour => now.div_euclid(HOUR) * HOUR,
        Every::Day => day * DAY,
        Every::Week => (day - weekday(day)) * DAY,
        Every::Month => (day - date + 1) * DAY,
        Every::Year => days(year, 1, 1) * DAY,
    }
}
