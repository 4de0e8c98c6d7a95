//! Prices by the time of day and the weekday, in a zone. Expected values are worked by hand.

use headworks_core::audit::what_if::Shadow;
use headworks_core::catalog::{Catalog, Format};
use headworks_core::command::{Command, Extend};
use headworks_core::record::{Category, HoldId, Outcome};
use headworks_core::waterfall::{Authorize, Request};

use crate::audit::trusted;
use crate::common::{AskExt as _, World, ask, at, catalog, correct, name, quantities, to};
use crate::turned_out::dimensions;

/// A unit costs 2 on weekdays from 08:00 to 20:00 in New York, 1 at other times, and 0.5 in the nights that begin on a Saturday
/// or a Sunday, from 22:00 to 06:00.
const CATALOG: &str = r#"
version = "t"
[meters]
units = { unit = "unit" }
[features.f]
meters = ["units"]
rate_card = "card"
hold = { life = "1h", life_max = "24h" }
[features.f.times.rate]
zone = "America/New_York"
otherwise = "usual"
hours = [
  { days = ["monday", "tuesday", "wednesday", "thursday", "friday"], from = "08:00", to = "20:00", value = "peak" },
  { days = ["saturday", "sunday"], from = "22:00", to = "06:00", value = "night" },
]
[[rate_cards.card]]
effective_from = "2020-01-01T00:00:00Z"
prices = [
  { when = { rate = "peak" }, credits = { units = "2" } },
  { when = { rate = "usual" }, credits = { units = "1" } },
  { when = { rate = "night" }, credits = { units = "0.5" } },
]
[plans.p]
features = ["f"]
waterfall = [{ grants = { name = "credits" } }]
"#;

fn world(credits: &str, now: &str) -> World {
    let mut w = World::new(CATALOG, "p");
    w.now = at(now);
    w.grant(credits, Category::Purchased);
    w
}

fn units(n: u64) -> Authorize {
    ask("f", &[("units", n)])
}

#[test]
fn the_hour_of_a_request_decides_its_price() {
    let mut w = world("1000", "2026-10-30T00:00:00Z");
    // New York is four hours behind until 1 November at 06:00Z, then five.
    for (instant, price) in [
        ("2026-10-30T11:59:59.999999Z", "10"),
        ("2026-10-30T12:00:00Z", "20"),
        ("2026-10-30T23:59:59.999999Z", "20"),
        ("2026-10-31T00:00:00Z", "10"),
        ("2026-10-31T14:00:00Z", "10"),
        ("2026-11-01T02:00:00Z", "5"),
        ("2026-11-01T10:59:59.999999Z", "5"),
        ("2026-11-01T11:00:00Z", "10"),
        ("2026-11-02T03:00:00Z", "5"),
        ("2026-11-02T13:00:00Z", "20"),
    ] {
        w.now = at(instant);
        assert_eq!(w.ask(&units(10).now()).price.to_string(), price, "{instant}");
    }
    trusted(&w, &catalog(CATALOG));
}

#[test]
fn a_hold_keeps_the_hour_it_was_asked_for() {
    let mut w = world("1000", "2026-10-30T11:30:00Z");
    assert_eq!(w.ask(&units(10)).price.to_string(), "10");
    let hold = w.account.seq;
    w.now = at("2026-10-30T12:10:00Z");
    let more = Extend {
        hold: HoldId(hold),
        quantities: quantities(&[("units", 5)]),
        more: Vec::new(),
        minimum: None,
        life: None,
        progress: None,
        consented: false,
    };
    let step = w.run(&Command::Extend(more)).expect("decides");
    assert_eq!(w.fold(step).price.to_string(), "5");
    let charge = w.settle(hold, &[("units", 20)]).expect("settles");
    assert_eq!(w.charge().price.to_string(), "20");
    // A correction, and a settlement that names other dimensions, keep it as well.
    w.apply(correct(charge, &to(&[("units", 7)]))).expect("corrects");
    assert_eq!(w.charge().price.to_string(), "7");
    w.now = at("2026-10-30T23:59:00Z");
    w.ask(&units(10));
    let hold = HoldId(w.account.seq);
    w.now = at("2026-10-31T00:01:00Z");
    let quantities = quantities(&[("units", 10)]);
    w.apply(Command::Settle { hold, quantities, dimensions: Some(dimensions("model=x")), more: Vec::new() })
        .expect("settles");
    assert_eq!(w.charge().price.to_string(), "20");
    assert_eq!(w.charge().usage.dimensions, dimensions("model=x rate=peak"));
    trusted(&w, &catalog(CATALOG));
}

#[test]
fn late_use_has_the_price_of_its_hour_and_a_named_value_stays() {
    let mut w = world("1000", "2026-10-30T13:00:00Z");
    let record = |when: &str| {
        let request = Request::new(name("f"), [(name("units"), 10)]);
        Command::Record { request, at: Some(at(when)) }
    };
    w.apply(record("2026-10-30T11:00:00Z")).expect("records");
    assert_eq!(w.charge().price.to_string(), "10");
    w.apply(record("2026-10-30T12:30:00Z")).expect("records");
    assert_eq!(w.charge().price.to_string(), "20");
    let mut named = units(10).now();
    named.request.dimensions = dimensions("rate=night");
    assert_eq!(w.ask(&named).price.to_string(), "5");
    trusted(&w, &catalog(CATALOG));
}

/// Ten units cost 20 until 20:00 in New York; with 10 credits they pass then, and not a microsecond earlier.
#[test]
fn a_cheaper_hour_is_a_way_out() {
    let mut w = world("10", "2026-10-30T13:00:00Z");
    let denied = w.ask(&units(10).now());
    assert_eq!(denied.outcome, Outcome::Deny);
    let ways = format!("{:?}", denied.unblock.expect("an answer").ways);
    let evening = at("2026-10-31T00:00:00Z");
    assert!(ways.contains(&format!("{evening:?}")), "{ways}");
    w.now = at("2026-10-30T23:59:59.999999Z");
    assert_eq!(w.ask(&units(10).now()).outcome, Outcome::Deny);
    w.now = evening;
    assert_eq!(w.ask(&units(10).now()).outcome, Outcome::Allow);
}

#[test]
fn what_if_goes_by_the_hours_of_the_other_catalog() {
    let mut w = world("1000", "2026-10-30T13:00:00Z");
    w.ask(&units(10).now());
    let longer =
        catalog(&CATALOG.replace("from = \"08:00\", to = \"20:00\"", "from = \"10:00\", to = \"20:00\""));
    let mut shadow = Shadow::new(&name("acme"), &longer);
    w.log.iter().for_each(|record| shadow.note(record));
    w.log.iter().for_each(|record| shadow.take(record));
    shadow.finish();
    let (_, row) = shadow.rows().next().expect("a row");
    // 09:00 in New York: 20 as it is, 10 if the peak begins at 10:00.
    assert_eq!((row.was.charged, row.would_be.charged), (20_000_000_000, 10_000_000_000));
}

#[test]
fn hours_are_checked() {
    for (from, to, words) in [
        ("America/New_York", "America/Gotham", "times.rate.zone: `America/Gotham` is not an IANA time zone"),
        (
            "from = \"08:00\"",
            "from = \"8:00\"",
            "`8:00` is not a time of day; write hours and minutes from 00:00 to 23:59",
        ),
        ("to = \"20:00\"", "to = \"24:01\"", "`24:01` is not a time of day"),
        ("from = \"08:00\"", "from = \"24:00\"", "`24:00` is not a time of day"),
        ("\"tuesday\"", "\"monday\"", "the day is listed twice"),
        ("days = [\"saturday\", \"sunday\"]", "days = []", "the list is empty"),
        ("\"tuesday\"", "\"tue\"", "unknown variant `tue`"),
        (
            "[features.f.times.rate]",
            "sizes = { rate = { count = [\"units\"], steps = [{ above = 1, value = \"l\" }] } }\n[features.f.times.rate]",
            "`rate` follows from the size already",
        ),
    ] {
        let problems =
            Catalog::parse(&CATALOG.replacen(from, to, 1), Format::Toml).expect_err(to).to_string();
        assert!(problems.contains(words), "{problems}");
    }
}

/// A guard that is about an hour is none of a request's business in another one.
#[test]
fn the_next_hour_is_a_way_past_a_guard() {
    let guarded = |guard: &str| CATALOG.replace("waterfall =", &format!("guards = [{guard}]\nwaterfall ="));
    let of =
        |window: &str, when: &str| format!("{{ name = \"g\", when = {{ rate = \"{when}\" }}, {window} }}");
    let rows = [
        // 07:30 in New York; the peak begins at 08:00.
        (
            of("window.rate = { limit = 1, period = \"24h\" }", "usual"),
            "2026-10-30T11:30:00Z",
            "2026-10-30T12:00:00Z",
        ),
        (of("window.concurrency = { limit = 1 }", "usual"), "2026-10-30T11:30:00Z", "2026-10-30T12:00:00Z"),
        // 09:00; the peak ends at 20:00.
        (
            of("count = \"units\", window.fixed = { limit = 1, every = \"life\" }", "peak"),
            "2026-10-30T13:00:00Z",
            "2026-10-31T00:00:00Z",
        ),
        (
            of("count = \"units\", window.size = { limit = 1 }", "peak"),
            "2026-10-30T13:00:00Z",
            "2026-10-31T00:00:00Z",
        ),
    ];
    for (guard, now, passes) in rows {
        let mut w = World::new(&guarded(&guard), "p");
        w.now = at(now);
        w.grant("1000", Category::Purchased);
        let mut hold = units(1);
        hold.life = Some("23h".parse().expect("a span"));
        w.ask(&hold);
        let denied = w.ask(&units(2));
        assert_eq!(denied.outcome, Outcome::Deny, "{guard}");
        let first = denied.unblock.expect("an answer").ways.into_iter().find_map(|way| way.at);
        assert_eq!(first, Some(at(passes)), "{guard}");
        w.now = at(passes);
        assert_eq!(w.ask(&units(2)).outcome, Outcome::Allow, "{guard}");
    }
}

#[test]
fn use_just_ahead_of_the_clock_is_of_now() {
    let mut w = world("1000", "2026-10-30T11:59:00Z");
    let request = Request::new(name("f"), [(name("units"), 10)]);
    w.apply(Command::Record { request, at: Some(at("2026-10-30T12:01:00Z")) }).expect("records");
    assert_eq!(w.charge().price.to_string(), "10");
    trusted(&w, &catalog(CATALOG));
}

#[test]
fn what_a_caller_named_stays_in_a_what_if() {
    let mut w = world("1000", "2026-10-30T14:00:00Z");
    let mut named = units(10).now();
    named.request.dimensions = dimensions("rate=night");
    w.ask(&named);
    let same = catalog(CATALOG);
    let mut shadow = Shadow::new(&name("acme"), &same);
    w.log.iter().for_each(|record| shadow.note(record));
    w.log.iter().for_each(|record| shadow.take(record));
    shadow.finish();
    let (_, row) = shadow.rows().next().expect("a row");
    assert_eq!((row.was.charged, row.would_be.charged, row.changed), (5_000_000_000, 5_000_000_000, 0));
}

/// The peak should have begun at 06:00 in New York: what was used at 07:00 is charged anew, and what a caller named is not.
#[test]
fn repricing_goes_by_the_right_hours() {
    let mut w = world("1000", "2026-10-30T11:00:00Z");
    w.ask(&units(10).now());
    let charge = w.account.seq;
    let mut named = units(10).now();
    named.request.dimensions = dimensions("rate=night");
    w.ask(&named);
    let of_named = w.account.seq;
    w.catalog = catalog(
        &CATALOG
            .replace("from = \"08:00\"", "from = \"06:00\"")
            .replace("version = \"t\"", "version = \"u\""),
    );
    w.now = at("2026-10-30T11:30:00Z");
    w.apply(correct(charge, &headworks_core::command::Correct::reprice())).expect("corrects");
    assert_eq!(
        (w.charge().price.to_string(), &w.charge().usage.dimensions),
        ("20".into(), &dimensions("rate=peak"))
    );
    assert!(
        w.apply(correct(of_named, &headworks_core::command::Correct::reprice())).is_err(),
        "nothing to correct"
    );
}
