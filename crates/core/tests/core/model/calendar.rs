//! Calendar periods, worked out with civil dates.
//!
//! A local day has as many hours as it has; periods from a billing anchor remember its day of the month.

use headworks_core::record::Every;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

pub(super) const SECOND: i64 = 1_000_000;
const HOUR: i64 = 3_600 * SECOND;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Calendar {
    pub(super) every: Every,
    pub(super) zone: &'static str,
    /// Counted from the account's billing anchor.
    pub(super) from_anchor: bool,
    /// Its periods end when they are closed, and nothing else of it holds.
    pub(super) by_hand: bool,
}

impl Calendar {
    pub(super) fn new(every: Every, zone: &'static str) -> Self {
        Self { every, zone, from_anchor: false, by_hand: false }
    }

    pub(super) fn text(&self) -> String {
        if self.by_hand {
            return "every = \"manual\"".to_owned();
        }
        let anchor = if self.from_anchor { ", anchor = \"billing\"" } else { "" };
        format!("every = \"{}\", zone = \"{}\"{anchor}", word(self.every), self.zone)
    }

    /// The period that an instant is in.
    pub(super) fn period(&self, at: i64, anchor: i64) -> (i64, i64) {
        if self.every == Every::Hour {
            let origin = if self.from_anchor { anchor } else { 0 };
            let start = (at - origin).div_euclid(HOUR) * HOUR + origin;
            return (start, start + HOUR);
        }
        thread_local! {
            static ZONES: std::cell::RefCell<Vec<(&'static str, TimeZone)>> = const { std::cell::RefCell::new(Vec::new()) };
        }
        let zone = ZONES.with_borrow_mut(|known| {
            if let Some((_, zone)) = known.iter().find(|(name, _)| *name == self.zone) {
                return zone.clone();
            }
            let zone = TimeZone::get(self.zone).expect("a zone");
            known.push((self.zone, zone.clone()));
            zone
        });
        let local =
            |at: i64| Timestamp::from_microsecond(at).expect("in range").to_zoned(zone.clone()).datetime();
        let origin = if self.from_anchor { local(anchor) } else { self.origin(local(at)) };
        let begin = |n: i64| -> i64 {
            let civil = origin.checked_add(self.units(n)).expect("in range");
            civil.to_zoned(zone.clone()).expect("a time").timestamp().as_microsecond()
        };
        let mut n = (at - begin(0)).div_euclid(self.about());
        while begin(n) > at {
            n -= 1;
        }
        while begin(n + 1) <= at {
            n += 1;
        }
        (begin(n), begin(n + 1))
    }

    fn origin(&self, local: DateTime) -> DateTime {
        let day = local.date();
        let first = match self.every {
            Every::Week => {
                day.checked_sub(Span::new().days(day.weekday().to_monday_zero_offset())).expect("in range")
            }
            Every::Month => day.first_of_month(),
            Every::Year => day.first_of_year(),
            Every::Hour | Every::Day => day,
        };
        first.to_datetime(jiff::civil::Time::midnight())
    }

    fn units(&self, n: i64) -> Span {
        match self.every {
            Every::Hour => Span::new().hours(n),
            Every::Day => Span::new().days(n),
            Every::Week => Span::new().weeks(n),
            Every::Month => Span::new().months(n),
            Every::Year => Span::new().years(n),
        }
    }

    fn about(&self) -> i64 {
        match self.every {
            Every::Hour => HOUR,
            Every::Day => 24 * HOUR,
            Every::Week => 7 * 24 * HOUR,
            Every::Month => 30 * 24 * HOUR,
            Every::Year => 365 * 24 * HOUR,
        }
    }
}

fn word(every: Every) -> &'static str {
    match every {
        Every::Hour => "hour",
        Every::Day => "day",
        Every::Week => "week",
        Every::Month => "month",
        Every::Year => "year",
    }
}
