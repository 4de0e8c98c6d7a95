//! The hours of a week in a zone: which of several an instant is in, and when that changes.
//!
//! Never reads a clock. W1 hours go by the wall clock: those that a change of clocks skips are left out, those that it repeats come twice
//! (`hours_follow_the_wall_clock`). W2 between now and the next change nothing changes (`nothing_changes_before_the_next_change`).
//! Source: IANA zones as bundled by `jiff`.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use jiff::ToSpan as _;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;

use super::time::{Instant, TimeError};

/// Minutes of a day.
pub(crate) const DAY: u16 = 1_440;

/// Hours on some days of the week: from one minute up to another, past midnight if that is not later.
#[derive(Clone, Debug)]
pub(crate) struct Hours {
    /// The days on which they begin, from Monday.
    pub(crate) days: [bool; 7],
    /// The minute of the day that they begin at.
    pub(crate) from: u16,
    /// The minute of the day, or of the next, that they end before.
    pub(crate) to: u16,
}

impl Hours {
    fn contain(&self, day: usize, minute: u16) -> bool {
        let on = |day: usize| self.days.get(day % 7).copied().unwrap_or(false);
        if self.from < self.to {
            return on(day) && (self.from..self.to).contains(&minute);
        }
        (on(day) && minute >= self.from) || (on(day + 6) && minute < self.to)
    }
}

/// Hours of a week in a zone.
#[derive(Debug)]
pub(crate) struct Week {
    zone: TimeZone,
    hours: Vec<Hours>,
}

impl Week {
    /// These hours in an IANA zone.
    ///
    /// # Errors
    /// Refuses a zone that the bundled database does not know.
    pub(crate) fn new(zone: &str, hours: Vec<Hours>) -> Result<Self, TimeError> {
        let zone = TimeZone::get(zone).map_err(|_| TimeError::no_zone(zone))?;
        Ok(Self { zone, hours })
    }

    /// Each of the hours in words: `from 08:00 to 20:00 in Asia/Shanghai on monday and tuesday`.
    pub(crate) fn told(&self) -> impl Iterator<Item = String> {
        let clock = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
        self.hours.iter().map(move |Hours { days, from, to }| {
            let names = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
            let on: Vec<&str> =
                names.into_iter().zip(days).filter(|(_, on)| **on).map(|(name, _)| name).collect();
            let days = if on.len() == 7 { String::new() } else { format!(" on {}", on.join(", ")) };
            let zone = self.zone.iana_name().unwrap_or("UTC");
            format!("from {} to {} in {zone}{days}", clock(*from), clock(*to))
        })
    }

    /// The first of the hours that an instant is in.
    pub(crate) fn at(&self, at: Instant) -> Option<usize> {
        let local = at.timestamp().to_zoned(self.zone.clone());
        let day = usize::try_from(local.weekday().to_monday_zero_offset()).unwrap_or(0);
        let minute = u16::try_from(i32::from(local.hour()) * 60 + i32::from(local.minute())).unwrap_or(0);
        self.hours.iter().position(|hours| hours.contain(day, minute))
    }

    /// When an instant is first in other hours than `now`; `None` if that is never.
    pub(crate) fn next(&self, now: Instant) -> Option<Instant> {
        // Almost always by tomorrow; a week and a day are enough.
        [1, 8].into_iter().find_map(|days| self.next_within(now, days))
    }

    fn next_within(&self, now: Instant, days: i32) -> Option<Instant> {
        let today = now.timestamp().to_zoned(self.zone.clone()).date();
        let mut changes: Vec<Instant> = Vec::new();
        for date in (-1..=days).filter_map(|n| today.checked_add(i64::from(n).days()).ok()) {
            let minutes = self.hours.iter().flat_map(|hours| [hours.from, hours.to]);
            changes.extend(minutes.flat_map(|minute| self.instants(date, minute)));
        }
        let last = changes.iter().max().copied()?;
        let clocks = self.zone.following(now.timestamp()).map(|change| micros(change.timestamp()));
        changes.extend(clocks.take_while(|at| *at <= last));
        changes.sort_unstable();
        let present = self.at(now);
        changes.into_iter().filter(|at| *at > now).find(|at| self.at(*at) != present)
    }

    /// The instants at which a minute of a local day begins: two where clocks are put back.
    fn instants(&self, date: Date, minute: u16) -> impl Iterator<Item = Instant> + use<> {
        let date = if minute >= DAY { date.tomorrow().ok() } else { Some(date) };
        let clock = |part: u16| i8::try_from(part).unwrap_or(0);
        let local = date.and_then(|date| {
            let minute = minute % DAY;
            Time::new(clock(minute / 60), clock(minute % 60), 0, 0).ok().map(|time| date.to_datetime(time))
        });
        let both = local.map(|local| {
            let at = self.zone.to_ambiguous_timestamp(local);
            [at.earlier(), at.later()]
        });
        both.into_iter().flatten().flatten().map(micros)
    }
}

fn micros(at: jiff::Timestamp) -> Instant {
    Instant::from_micros(at.as_microsecond())
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use proptest::prelude::*;

    use super::{DAY, Hours, Week};
    use crate::record::Instant;

    fn at(text: &str) -> Instant {
        text.parse().expect(text)
    }

    /// Weekdays from 9 to 17, nights from 22 to 6 that begin from Friday to Sunday.
    fn berlin() -> Week {
        let weekdays = [true, true, true, true, true, false, false];
        let nights = [false, false, false, false, true, true, true];
        let hours = vec![
            Hours { days: weekdays, from: 9 * 60, to: 17 * 60 },
            Hours { days: nights, from: 22 * 60, to: 6 * 60 },
        ];
        Week::new("Europe/Berlin", hours).expect("a zone")
    }

    #[test]
    fn hours_follow_the_wall_clock() {
        let week = berlin();
        // By the calendar of 2026; Berlin is one hour ahead in winter, two in summer.
        for (instant, hours) in [
            ("2026-01-05T07:59:59Z", None),
            ("2026-01-05T08:00:00Z", Some(0)),
            ("2026-01-05T15:59:59Z", Some(0)),
            ("2026-01-05T16:00:00Z", None),
            ("2026-07-06T07:00:00Z", Some(0)),
            ("2026-01-09T21:00:00Z", Some(1)),
            ("2026-01-10T04:59:59Z", Some(1)),
            ("2026-01-10T05:00:00Z", None),
            ("2026-01-12T04:59:59Z", Some(1)),
            ("2026-01-13T04:59:59Z", None),
        ] {
            assert_eq!(week.at(at(instant)), hours, "{instant}");
        }
        // The night of 28 March has seven hours, that of 24 October nine.
        assert_eq!(week.next(at("2026-03-28T20:59:00Z")), Some(at("2026-03-28T21:00:00Z")));
        assert_eq!(week.next(at("2026-03-28T21:00:00Z")), Some(at("2026-03-29T04:00:00Z")));
        assert_eq!(week.next(at("2026-10-24T20:00:00Z")), Some(at("2026-10-25T05:00:00Z")));
        // From Friday evening over the weekend it is closed, but for the nights.
        assert_eq!(week.next(at("2026-01-09T16:00:00Z")), Some(at("2026-01-09T21:00:00Z")));
        assert_eq!(week.next(at("2026-01-12T05:00:00Z")), Some(at("2026-01-12T08:00:00Z")));
    }

    #[test]
    fn hours_that_clocks_skip_or_repeat() {
        let hours = |from: u16, to: u16| vec![Hours { days: [true; 7], from, to }];
        // On 29 March, 02:00 to 03:00 does not exist in Berlin: what begins at 02:30 begins at 03:00.
        let week = Week::new("Europe/Berlin", hours(150, 240)).expect("a zone");
        assert_eq!(week.next(at("2026-03-29T00:00:00Z")), Some(at("2026-03-29T01:00:00Z")));
        // On 25 October it comes twice: what ends at 02:30 goes on from 02:00 to 02:30 once more.
        let week = Week::new("Europe/Berlin", hours(60, 150)).expect("a zone");
        assert_eq!(week.next(at("2026-10-25T00:00:00Z")), Some(at("2026-10-25T00:30:00Z")));
        assert_eq!(week.next(at("2026-10-25T00:30:00Z")), Some(at("2026-10-25T01:00:00Z")));
        assert_eq!(week.next(at("2026-10-25T01:00:00Z")), Some(at("2026-10-25T01:30:00Z")));
        // What lasts the whole day never changes.
        assert_eq!(Week::new("UTC", hours(0, DAY)).expect("a zone").next(at("2026-10-25T01:00:00Z")), None);
        assert!(Week::new("Europe/Atlantis", hours(0, DAY)).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]
        /// Looked at minute by minute.
        #[test]
        fn nothing_changes_before_the_next_change(
            zone in prop::sample::select(vec!["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"]),
            hours in prop::collection::vec((any::<[bool; 7]>(), 0_u16..DAY, 0_u16..=DAY), 1..4),
            day in 0_i64..400,
            minute in 0_i64..1_440,
        ) {
            let hours = hours.into_iter().map(|(days, from, to)| Hours { days, from, to }).collect();
            let week = Week::new(zone, hours).expect("a zone");
            let now = at("2026-01-01T00:00:00Z").micros() + (day * 1_440 + minute) * 60_000_000;
            let present = week.at(Instant::from_micros(now));
            let later = (1..=8 * 1_440).map(|n| Instant::from_micros(now + n * 60_000_000));
            let changed = later.into_iter().find(|later| week.at(*later) != present);
            prop_assert_eq!(week.next(Instant::from_micros(now)), changed);
        }
    }
}
