use super::{Instant, Span};
use crate::record::{Calendar, Every, Periods};
use alloc::string::ToString;

fn at(text: &str) -> Instant {
    text.parse().expect(text)
}

fn check(every: Every, zone: &str, anchor: Option<&str>, now: &str, start: &str, end: &str) {
    let calendar = Calendar::new(every, zone, anchor.is_some()).expect("zone");
    let (from, to) = calendar.period(at(now), anchor.map_or(Instant::default(), at));
    assert_eq!((from.to_string(), to.to_string()), (start.into(), end.into()), "{every:?} {zone} {now}");
}

#[test]
fn days_across_daylight_saving_in_three_zones() {
    let d = Every::Day;
    // Berlin 2026: 29 March has 23 hours, 25 October has 25 (EU rule: last Sundays, 01:00 UTC).
    check(d, "Europe/Berlin", None, "2026-03-29T12:00:00Z", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z");
    check(d, "Europe/Berlin", None, "2026-10-25T00:30:00Z", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z");
    // New York 2026: second Sunday of March (8th), first Sunday of November (1st).
    check(
        d,
        "America/New_York",
        None,
        "2026-03-08T12:00:00Z",
        "2026-03-08T05:00:00Z",
        "2026-03-09T04:00:00Z",
    );
    check(
        d,
        "America/New_York",
        None,
        "2026-11-01T12:00:00Z",
        "2026-11-01T04:00:00Z",
        "2026-11-02T05:00:00Z",
    );
    // Lord Howe shifts by half an hour (first Sunday of April and of October).
    check(
        d,
        "Australia/Lord_Howe",
        None,
        "2026-04-05T00:00:00Z",
        "2026-04-04T13:00:00Z",
        "2026-04-05T13:30:00Z",
    );
    // Santiago skips midnight on 6 September 2026: the day begins at its first valid instant.
    check(
        d,
        "America/Santiago",
        None,
        "2026-09-06T12:00:00Z",
        "2026-09-06T04:00:00Z",
        "2026-09-07T03:00:00Z",
    );
}

#[test]
fn several_units_are_one_period() {
    // Weeks and days counted by hand from the Monday before 1970 and from 1970-01-01 (20,776 days before 2026-11-19).
    let rows = [
        ("quarter", "UTC", None, "2026-11-23T12:00:00Z", "2026-10-01T00:00:00Z", "2027-01-01T00:00:00Z"),
        (
            "quarter",
            "Europe/Berlin",
            None,
            "2026-03-31T22:00:00Z",
            "2026-03-31T22:00:00Z",
            "2026-06-30T22:00:00Z",
        ),
        ("6 months", "UTC", None, "2026-06-30T23:59:59Z", "2026-01-01T00:00:00Z", "2026-07-01T00:00:00Z"),
        ("2 years", "UTC", None, "2027-05-01T00:00:00Z", "2026-01-01T00:00:00Z", "2028-01-01T00:00:00Z"),
        ("10 days", "UTC", None, "2026-11-20T00:00:00Z", "2026-11-13T00:00:00Z", "2026-11-23T00:00:00Z"),
        (
            "6 hours",
            "Asia/Kolkata",
            None,
            "2026-11-20T11:59:59Z",
            "2026-11-20T06:00:00Z",
            "2026-11-20T12:00:00Z",
        ),
        (
            "2 weeks",
            "UTC",
            Some("2026-11-04T10:00:00Z"),
            "2026-11-20T00:00:00Z",
            "2026-11-18T10:00:00Z",
            "2026-12-02T10:00:00Z",
        ),
        (
            "quarter",
            "UTC",
            Some("2025-11-30T10:00:00Z"),
            "2026-03-01T00:00:00Z",
            "2026-02-28T10:00:00Z",
            "2026-05-30T10:00:00Z",
        ),
        ("life", "UTC", None, "2026-11-20T00:00:00Z", "1970-01-01T00:00:00Z", "never"),
    ];
    for (periods, zone, anchor, now, start, end) in rows {
        let of: Periods = periods.parse().expect(periods);
        assert_eq!(of.to_string(), periods);
        let calendar = Calendar::of(of, zone, anchor.is_some()).expect("zone");
        let (from, to) = calendar.period(at(now), anchor.map_or(Instant::default(), at));
        let to = if to == Instant::NEVER { "never".to_string() } else { to.to_string() };
        assert_eq!((from.to_string(), to), (start.to_string(), end.to_string()), "{periods} {zone}");
    }
    // Two weeks of the calendar follow each other without a gap, from Monday to Monday.
    let fortnight = Calendar::of("2 weeks".parse().expect("periods"), "UTC", false).expect("zone");
    let (from, to) = fortnight.period(at("2026-11-20T00:00:00Z"), Instant::default());
    assert_eq!(
        (to.since(from).to_string(), fortnight.period(to, Instant::default()).0),
        ("14d".to_string(), to)
    );
    for bad in ["fortnight", "1 weeks", "2 week", "0 days", "1001 days", "quarters", "2 quarters", ""] {
        assert!(bad.parse::<Periods>().is_err(), "{bad}");
    }
}

#[test]
fn weeks_months_years_hours() {
    check(Every::Week, "UTC", None, "2026-11-22T12:00:00Z", "2026-11-16T00:00:00Z", "2026-11-23T00:00:00Z");
    check(Every::Week, "UTC", None, "2026-11-23T00:00:00Z", "2026-11-23T00:00:00Z", "2026-11-30T00:00:00Z");
    check(
        Every::Month,
        "Asia/Tokyo",
        None,
        "2026-02-28T15:00:00Z",
        "2026-02-28T15:00:00Z",
        "2026-03-31T15:00:00Z",
    );
    check(Every::Year, "UTC", None, "2028-02-29T00:00:00Z", "2028-01-01T00:00:00Z", "2029-01-01T00:00:00Z");
    check(
        Every::Hour,
        "Asia/Kolkata",
        None,
        "2026-01-01T00:45:00Z",
        "2026-01-01T00:00:00Z",
        "2026-01-01T01:00:00Z",
    );
}

#[test]
fn month_anchors_remember_the_day() {
    let anchor = Some("2026-01-31T10:00:00Z");
    let m = Every::Month;
    check(m, "UTC", anchor, "2026-02-01T00:00:00Z", "2026-01-31T10:00:00Z", "2026-02-28T10:00:00Z");
    check(m, "UTC", anchor, "2026-02-28T10:00:00Z", "2026-02-28T10:00:00Z", "2026-03-31T10:00:00Z");
    check(m, "UTC", anchor, "2026-04-30T09:59:59Z", "2026-03-31T10:00:00Z", "2026-04-30T10:00:00Z");
    check(m, "UTC", anchor, "2028-02-29T10:00:00Z", "2028-02-29T10:00:00Z", "2028-03-31T10:00:00Z");
    // Before the anchor, periods extend backwards by the same rule.
    check(m, "UTC", anchor, "2025-12-31T09:00:00Z", "2025-11-30T10:00:00Z", "2025-12-31T10:00:00Z");
    let leap = Some("2028-02-29T00:00:00Z");
    check(Every::Year, "UTC", leap, "2029-03-01T00:00:00Z", "2029-02-28T00:00:00Z", "2030-02-28T00:00:00Z");
    check(Every::Year, "UTC", leap, "2032-02-29T00:00:00Z", "2032-02-29T00:00:00Z", "2033-02-28T00:00:00Z");
}

#[test]
fn periods_contain_their_instant() {
    for zone in ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Santiago"] {
        for every in [Every::Hour, Every::Day, Every::Week, Every::Month, Every::Year] {
            for anchored in [false, true] {
                let calendar = Calendar::new(every, zone, anchored).expect("zone");
                let anchor = at("2024-01-31T02:30:00Z");
                let mut now = at("2026-01-01T00:00:00Z");
                let mut last_end = None;
                while now < at("2026-12-31T00:00:00Z") {
                    let (start, end) = calendar.period(now, anchor);
                    assert!(start <= now && now < end, "{zone} {every:?} {anchored}: {start} {now} {end}");
                    if let Some(last) = last_end {
                        assert!(
                            last == start || now < last,
                            "{zone} {every:?} {anchored}: gap {last} {start}"
                        );
                    }
                    last_end = Some(end);
                    now = now.after(Span::from_secs(3_593));
                }
            }
        }
    }
}

#[test]
fn spans() {
    for (text, secs) in
        [("30s", 30), ("5h", 18_000), ("7d", 604_800), ("PT5H", 18_000), ("1m 30s", 90), ("2w", 1_209_600)]
    {
        assert_eq!(text.parse::<Span>(), Ok(Span::from_secs(secs)), "{text}");
    }
    for text in ["", "5", "-5h", "1mo", "1y", "soon", "P1M", "999999d"] {
        assert!(text.parse::<Span>().is_err(), "{text}");
    }
    assert_eq!(Span::from_secs(90_061).to_string(), "1d 1h 1m 1s");
}
