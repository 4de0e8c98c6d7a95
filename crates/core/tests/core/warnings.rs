//! Warnings: a use that reaches a mark of a limit says so, once for each time that it does. A unit costs one credit.

use headworks_core::catalog::{Catalog, Format};
use headworks_core::record::{Category, Decision};
use headworks_core::waterfall::Authorize;

use crate::audit::trusted;
use crate::common::{AskExt as _, World, ask, at, catalog, overriding};
use headworks_core::command::Command;

const CATALOG: &str = r#"
version = "t"
[meters]
units = { unit = "unit" }
[features.f]
meters = ["units"]
rate_card = "card"
[[rate_cards.card]]
effective_from = "2020-01-01T00:00:00Z"
prices = [{ credits = { units = "1" } }]
[plans.base]
features = ["f"]
warn_at = [50, 80, 100]
guards = [
  { name = "cap", per = "user", window.spend_cap = { limit = "40", every = "day" } },
  { name = "tried", mode = "observe", count = "units", window.fixed = { limit = 20, every = "day" } },
  { name = "rate", count = "units", window.rate = { limit = 100, period = "1h" } },
]
waterfall = [
  { allowance = { name = "included", windows = [{ name = "day", window.fixed = { limit = "10", every = "day" } }] } },
  { grants = { name = "credits" } },
]
[plans.p]
extends = "base"
"#;

fn world() -> World {
    world_of(CATALOG)
}

fn world_of(text: &str) -> World {
    let mut w = World::new(text, "p");
    w.now = at("2026-06-01T12:00:00Z");
    w.grant("1000", Category::Purchased);
    w
}

fn units(n: u64) -> Authorize {
    ask("f", &[("units", n)]).on_path("user:ann")
}

fn marks(decision: &Decision) -> Vec<(&str, u8)> {
    decision.visits.iter().filter_map(|v| Some((v.name.as_str(), v.mark?))).collect()
}

#[test]
fn each_mark_is_noted_where_it_is_reached() {
    let mut w = world();
    // Ten are included; the cap of 40 counts what is bought.
    for (n, reached) in [
        (4, vec![]),
        (1, vec![("included.day", 50)]),
        (2, vec![]),
        (3, vec![("included.day", 100)]),
        (19, vec![]),
        (1, vec![("cap", 50)]),
        (13, vec![("cap", 80)]),
        (7, vec![("cap", 100)]),
    ] {
        let decision = w.ask(&units(n).now());
        assert!(decision.outcome.is_granted(), "{n}");
        assert_eq!(marks(&decision), reached, "{n}");
    }
    // What is denied reaches nothing.
    let denied = w.ask(&units(1).now());
    assert!(!denied.outcome.is_granted() && marks(&denied).is_empty());
    // A member has a cap of its own, and a day its own windows.
    assert_eq!(marks(&w.ask(&ask("f", &[("units", 21)]).on_path("user:bob").now())), [("cap", 50)]);
    w.now = at("2026-06-02T00:00:00Z");
    assert_eq!(marks(&w.ask(&units(9).now())), [("included.day", 80)]);
    trusted(&w, &catalog(CATALOG));
}

#[test]
fn a_mark_that_is_reached_again_is_noted_again() {
    let mut w = world();
    assert_eq!(marks(&w.ask(&units(9))), [("included.day", 80)]);
    w.settle(w.account.seq, &[("units", 3)]).expect("settles");
    assert_eq!(marks(&w.ask(&units(2))), [("included.day", 50)]);
    // Use that its hold did not cover reaches them as well.
    w.settle(w.account.seq, &[("units", 6)]).expect("settles");
    let excess = w.charge().excess.as_ref().expect("more than was held");
    let reached: Vec<_> = excess.visits.iter().filter_map(|v| Some((v.name.as_str(), v.mark?))).collect();
    assert_eq!(reached, [("included.day", 80)]);
    trusted(&w, &catalog(CATALOG));
}

#[test]
fn marks_are_those_of_the_limit_in_force() {
    let mut w = world();
    w.apply(Command::Override(overriding("included.day", "100"))).expect("overrides");
    assert_eq!(marks(&w.ask(&units(49).now())), []);
    assert_eq!(marks(&w.ask(&units(1).now())), [("included.day", 50)]);
    w.apply(Command::Override(overriding("included.day", "none"))).expect("overrides");
    assert_eq!(marks(&w.ask(&units(40).now())), [], "no limit has no marks");
    trusted(&w, &catalog(CATALOG));
}

/// No record says how much of a limit on half a minute was used; a replay takes the mark from the record as well.
#[test]
fn a_mark_of_a_volatile_limit_replays() {
    let text = CATALOG.replace(
        r#"window.rate = { limit = 100, period = "1h" }"#,
        r#"window.sliding = { limit = 4, length = "30s" }"#,
    );
    let mut w = world_of(&text);
    assert_eq!(marks(&w.ask(&units(1).now())), []);
    assert_eq!(marks(&w.ask(&units(1).now())), [("rate", 50)]);
    trusted(&w, &catalog(&text));
}

#[test]
fn marks_are_percentages_that_rise() {
    for marks in ["[0]", "[101]", "[80, 50]", "[50, 50]", "[1, 2, 3, 4, 5, 6, 7, 8, 9]"] {
        let text = CATALOG.replace("[50, 80, 100]", marks);
        let problems = Catalog::parse(&text, Format::Toml).expect_err(marks).to_string();
        assert!(problems.contains("plans.base.warn_at"), "{problems}");
    }
}
