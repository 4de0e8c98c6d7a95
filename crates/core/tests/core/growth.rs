//! Limits that grow with use: so much more a day than the greatest use of the last seven days. A unit costs nothing.

use headworks_core::account::Account;
use headworks_core::catalog::{Catalog, Format};
use headworks_core::command::Command;
use headworks_core::record::{Category, Instant, Outcome, Reason, Terms};
use headworks_core::view;
use headworks_core::waterfall::Authorize;

use crate::audit::trusted;
use crate::common::{AskExt as _, World, ask, at, catalog, overriding, settle};

const CATALOG: &str = r#"
version = "t"
[meters]
units = { unit = "unit" }
[features.f]
meters = ["units"]
rate_card = "card"
[[rate_cards.card]]
effective_from = "2020-01-01T00:00:00Z"
prices = [{ credits = { units = "0" } }]
[plans.p]
features = ["f"]
warn_at = [80]
guards = [{ name = "ramp", count = "units", window.growth = { start = 100, percent = 50, max = 400, every = "day", zone = "Europe/Berlin" } }]
waterfall = [{ grants = { name = "credits" } }]
"#;

/// Berlin is two hours ahead of UTC in June.
fn world() -> World {
    let mut w = World::new(CATALOG, "p");
    w.now = at("2026-06-01T10:00:00Z");
    w
}

fn units(n: u64) -> Authorize {
    ask("f", &[("units", n)]).now()
}

/// The limit, the use, and when the next period begins.
fn shown(w: &World) -> (i64, i64, Option<Instant>) {
    let views = view::windows(w.ctx()).expect("views");
    let ramp = views.iter().find(|v| v.name.as_str() == "ramp").expect("the window");
    (ramp.limit, ramp.used, ramp.resets_at)
}

fn uses(w: &mut World, n: u64) {
    assert_eq!(w.ask(&units(n)).outcome, Outcome::Allow, "{n} of {:?}", shown(w));
}

/// A figure of its own, the day before makes the next: 100, 150, 225, 337 (½ is left out), then the maximum.
#[test]
fn a_client_grows_by_so_much_a_day() {
    let mut w = world();
    for (day, limit) in [(1, 100), (2, 150), (3, 225), (4, 337), (5, 400), (6, 400)] {
        let midnight = at(&format!("2026-06-{day:02}T22:00:00Z"));
        assert_eq!(shown(&w), (limit, 0, Some(midnight)), "day {day}");
        uses(&mut w, 1);
        uses(&mut w, u64::try_from(limit).expect("a figure") - 1);
        let denied = w.ask(&units(1));
        assert_eq!(
            (denied.reason, denied.unblock.and_then(|u| u.at())),
            (Reason::GrowthLimit, Some(midnight))
        );
        w.pass("24h");
    }
    trusted(&w, &catalog(CATALOG));
}

/// At the announced instant it passes, one microsecond earlier it does not; and what never fits has none.
#[test]
fn the_instant_is_exact() {
    let mut w = world();
    uses(&mut w, 90);
    let midnight = at("2026-06-01T22:00:00Z");
    // Tomorrow 135 fit, if no more is used today.
    for (n, reason, instant) in [
        (11, Reason::GrowthLimit, Some(midnight)),
        (135, Reason::GrowthLimit, Some(midnight)),
        (136, Reason::GrowthLimit, None),
        (400, Reason::GrowthLimit, None),
        (401, Reason::ExceedsCapacity, None),
    ] {
        let denied = w.ask(&units(n));
        let unblock = denied.unblock.expect("an answer");
        assert_eq!((denied.reason, unblock.at()), (reason, instant), "{n}");
        assert_eq!(unblock.ways.is_empty(), instant.is_none(), "{n}");
    }
    w.now = Instant::from_micros(midnight.micros() - 1);
    assert_eq!(w.ask(&units(135)).outcome, Outcome::Deny);
    w.now = midnight;
    uses(&mut w, 135);
}

/// The greatest day of the last seven counts, also when smaller ones follow; then it is forgotten.
#[test]
fn idle_days_are_forgiven_for_a_week() {
    let mut w = world();
    uses(&mut w, 100);
    w.pass("24h");
    uses(&mut w, 150);
    for (later, limit) in [("24h", 225), ("120h", 225), ("24h", 225), ("24h", 100)] {
        w.pass(later);
        assert_eq!(shown(&w).0, limit, "on {}", w.now);
    }
    // Small days do not push a great one out before its time.
    let mut w = world();
    uses(&mut w, 100);
    w.pass("24h");
    uses(&mut w, 150);
    for day in 3..=9 {
        w.pass("24h");
        assert_eq!(shown(&w).0, 225, "day {day}");
        uses(&mut w, 1);
    }
    w.pass("24h");
    assert_eq!(shown(&w).0, 100);
    trusted(&w, &catalog(CATALOG));
}

/// A state that was saved and loaded, without what is over, has the same limits.
#[test]
fn a_loaded_state_has_the_same_limit() {
    for idle in ["1h", "24h", "144h", "168h", "192h", "216h", "2400h"] {
        let mut w = world();
        for n in [100, 150, 225] {
            uses(&mut w, n);
            w.pass("24h");
        }
        w.pass(idle);
        w.grant("1", Category::Promotional);
        let before = shown(&w);
        w.account = Account::from_bytes(&w.account.to_bytes()).expect("loads");
        assert_eq!(shown(&w), before, "{idle}");
    }
}

/// What comes back of a hold comes back in its own day, also after its end.
#[test]
fn a_settlement_below_its_hold_lowers_the_day_of_the_hold() {
    let mut w = world();
    w.now = at("2026-06-01T21:59:50Z");
    w.hold("f", &[("units", 100)]);
    let hold = w.account.seq;
    w.pass("30s");
    assert_eq!(shown(&w), (150, 0, Some(at("2026-06-02T22:00:00Z"))));
    w.apply(settle(hold, &[("units", 80)])).expect("settles");
    assert_eq!(shown(&w).0, 120);
    trusted(&w, &catalog(CATALOG));
}

/// Late use of the present day counts; that of a day that has ended does not, as with every guard.
#[test]
fn late_use_counts_in_a_day_that_is_open() {
    let mut w = world();
    let record = |ago: &str, w: &World| Command::Record {
        request: units(50).request,
        at: Some(w.now.before(ago.parse().expect("span"))),
    };
    w.apply(record("11h", &w)).expect("records");
    assert_eq!(shown(&w).1, 50);
    w.apply(record("13h", &w)).expect("records");
    assert_eq!(shown(&w).1, 50);
    // Use that has happened is never refused, and what it was counts for the next day.
    w.apply(Command::Record { request: units(200).request, at: None }).expect("records");
    assert_eq!(shown(&w).1, 250);
    w.pass("24h");
    assert_eq!(shown(&w).0, 375);
    trusted(&w, &catalog(CATALOG));
}

/// An override is a fixed limit in its place; use goes on being counted.
#[test]
fn an_override_takes_its_place() {
    let mut w = world();
    let set = w.apply(Command::Override(overriding("ramp", "30"))).expect("overrides");
    assert_eq!(shown(&w).0, 30);
    let denied = w.ask(&units(31));
    assert_eq!((denied.reason, denied.unblock.and_then(|u| u.at())), (Reason::ExceedsCapacity, None));
    uses(&mut w, 30);
    let denied = w.ask(&units(1));
    let midnight = at("2026-06-01T22:00:00Z");
    assert_eq!((denied.reason, denied.unblock.and_then(|u| u.at())), (Reason::GrowthLimit, Some(midnight)));
    w.apply(Command::RemoveOverride { id: set, reason: None }).expect("removes");
    assert_eq!(shown(&w).0, 100);
    w.apply(Command::Override(overriding("ramp", "none"))).expect("overrides");
    uses(&mut w, 970);
    w.pass("24h");
    assert_eq!(shown(&w).0, i64::MAX);
    w.apply(Command::Override(overriding("ramp", "5"))).expect("overrides");
    assert_eq!(shown(&w).0, 5);
    trusted(&w, &catalog(CATALOG));
}

/// The night of the change to summer time has 23 hours, and is one day.
#[test]
fn a_day_is_a_day_of_the_zone() {
    let mut w = world();
    w.now = at("2027-03-27T22:59:59Z");
    uses(&mut w, 100);
    w.now = at("2027-03-27T23:00:00Z");
    assert_eq!(shown(&w), (150, 0, Some(at("2027-03-28T22:00:00Z"))));
    uses(&mut w, 150);
    w.now = at("2027-04-04T21:59:59Z");
    assert_eq!(shown(&w).0, 225, "the seventh day after it");
    w.now = at("2027-04-04T22:00:00Z");
    assert_eq!(shown(&w).0, 100);
}

/// A mark is that of the day's limit.
#[test]
fn a_mark_goes_by_the_limit_of_the_day() {
    let mut w = world();
    let marks = |w: &mut World, n: u64| {
        let decision = w.ask(&units(n));
        decision.visits.iter().filter_map(|v| v.mark).collect::<Vec<_>>()
    };
    assert_eq!([marks(&mut w, 79), marks(&mut w, 1), marks(&mut w, 20)], [vec![], vec![80], vec![]]);
    w.pass("24h");
    assert_eq!([marks(&mut w, 119), marks(&mut w, 1)], [vec![], vec![80]]);
}

/// The record has the figures that were in force.
#[test]
fn the_terms_are_in_the_record() {
    let mut w = world();
    uses(&mut w, 60);
    w.pass("24h");
    let decision = w.ask(&units(10));
    let (start, end) = (at("2026-06-01T22:00:00Z"), at("2026-06-02T22:00:00Z"));
    let since = at("2026-05-25T22:00:00Z");
    let terms = decision.visits.iter().find(|v| v.name.as_str() == "ramp").and_then(|v| v.terms);
    assert_eq!(terms, Some(Terms::Growth { limit: 100, start, end, since, next: 100 }));
}

#[test]
fn a_catalog_says_what_is_wrong() {
    let window =
        "window.growth = { start = 100, percent = 50, max = 400, every = \"day\", zone = \"Europe/Berlin\" }";
    for (other, word) in [
        ("window.growth = { start = 100, percent = 0, every = \"day\" }", "grows by 1 to 1,000 %"),
        ("window.growth = { start = 100, percent = 1001, every = \"day\" }", "grows by 1 to 1,000 %"),
        ("window.growth = { start = 100, percent = 1, max = 99, every = \"day\" }", "below the start"),
        ("window.growth = { start = 100, percent = 1, every = \"manual\" }", "manual"),
        ("window.growth = { start = 100, percent = 1, every = \"day\", zone = \"Mars\" }", "Mars"),
        ("window.growth = { start = \"1.5\", percent = 1, every = \"day\" }", "1.5"),
    ] {
        let problems = Catalog::parse(&CATALOG.replace(window, other), Format::Toml).expect_err(other);
        assert!(problems.to_string().contains(word), "{problems}");
    }
    let more = "[plans.q]\nextends = \"p\"\nlimits = { ramp = 7 }\n";
    let problems = Catalog::parse(&format!("{CATALOG}{more}"), Format::Toml).expect_err("a figure");
    assert!(problems.to_string().contains("follows from its use"), "{problems}");
    let told = catalog(CATALOG).told().iter().flat_map(|t| t.lines.clone()).collect::<Vec<_>>().join("\n");
    assert!(told.contains("100 units a day in Europe/Berlin, growing by 50 %, at most 400"), "{told}");
}
