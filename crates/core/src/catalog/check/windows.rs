//! Windows: their lengths, limits and calendars.

use alloc::boxed::Box;
use alloc::string::String;

use super::amounts::amount;
use super::walk::Check;
use crate::catalog::growth::GrowthTerms;
use crate::catalog::plan::WindowTerms;
use crate::catalog::source::{Anchor, WindowSource};
use crate::record::{Calendar, Periods, Span, Terms, Unit};

/// The most that a limit grows by in a period, in percent.
const PERCENT_MAX: u32 = 1_000;

/// Compiles a window whose limit is in `unit`.
pub(super) fn window<'a>(
    source: &'a WindowSource,
    unit: &Unit,
    check: &mut Check<'a>,
) -> Option<WindowTerms> {
    match source {
        WindowSource::Rate { limit, period, burst } => {
            Some(WindowTerms::Free(check.key("rate", |c| rate(*limit, *period, *burst, c))))
        }
        WindowSource::Sliding { limit, length } => {
            check.key("sliding", |c| check_length(*length, c));
            Some(WindowTerms::Free(Terms::Sliding { limit: *limit, length: *length }))
        }
        // One request at a time is compared with it, so that nothing is counted.
        WindowSource::Concurrency { limit } | WindowSource::Size { limit } => {
            Some(WindowTerms::Free(Terms::Slots { limit: *limit }))
        }
        WindowSource::Fixed { limit, every, zone, anchor } => check.key("fixed", |c| {
            let limit = amount("limit", limit, unit, c);
            let calendar = calendar(*every, zone.as_ref(), *anchor, c)?;
            Some(WindowTerms::Fixed { limit, calendar })
        }),
        WindowSource::FirstUse { limit, length } => check.key("first_use", |c| {
            check_length(*length, c);
            Some(WindowTerms::FirstUse { limit: amount("limit", limit, unit, c), length: *length })
        }),
        WindowSource::Growth { start, percent, max, every, zone } => check.key("growth", |c| {
            let start = amount("start", start, unit, c);
            let max = max.as_ref().map_or(i64::MAX, |max| amount("max", max, unit, c));
            if !(1..=PERCENT_MAX).contains(percent) {
                c.wrong_at("percent", "it grows by 1 to 1,000 %", "write for example percent = 50");
            }
            if max < start {
                c.wrong_at("max", "the maximum is below the start", "raise it, or leave it out");
            }
            let calendar = calendar(Periods::Every(*every, 1), zone.as_ref(), None, c)?;
            Some(WindowTerms::Growth(Box::new(GrowthTerms { start, percent: *percent, max, calendar })))
        }),
        WindowSource::SpendCap { limit, every, zone, anchor, .. } => check.key("spend_cap", |c| {
            let limit = amount("limit", limit, &Unit::Credits, c);
            let calendar = calendar(*every, zone.as_ref(), *anchor, c)?;
            Some(WindowTerms::Fixed { limit, calendar })
        }),
    }
}

fn rate<'a>(limit: u64, period: Span, burst: Option<u64>, check: &mut Check<'a>) -> Terms {
    let burst = burst.unwrap_or(limit);
    if limit == 0 || burst == 0 || period == Span::ZERO {
        check.wrong(
            "limit, period and burst must be above zero",
            "to allow nothing, leave the feature out of the plan",
        );
    }
    let terms = Terms::Rate { limit, period, burst };
    if !terms.is_exact() {
        check
            .wrong("limit × period is too large to count exactly", "use a shorter period or a smaller limit");
    }
    terms
}

fn check_length<'a>(length: Span, check: &mut Check<'a>) {
    if length == Span::ZERO {
        check.wrong_at("length", "the window has no length", "write for example \"5h\"");
    }
}

/// The calendar of a window.
pub(super) fn calendar<'a>(
    every: Periods,
    zone: Option<&'a String>,
    anchor: Option<Anchor>,
    check: &mut Check<'a>,
) -> Option<Calendar> {
    let zone = zone.map_or("UTC", String::as_str);
    let is_of_account = zone == "account";
    if every == Periods::Manual && anchor == Some(Anchor::Billing) {
        let what = "a period that is closed by hand is not counted from an anchor";
        check.wrong_at("anchor", what, "remove it, or write a calendar unit as `every`");
    }
    let zone = if is_of_account { "UTC" } else { zone };
    match Calendar::of(every, zone, anchor == Some(Anchor::Billing)) {
        Ok(calendar) if is_of_account => Some(calendar.of_account()),
        Ok(calendar) => Some(calendar),
        Err(e) => {
            check.wrong_at("zone", e, "");
            None
        }
    }
}
