//! Overrides of limits: for an account or a segment, for a time, with no limit.

use headworks_core::command::{Command, NewOverride};
use headworks_core::record::{Category, Decision, Outcome, Way};
use headworks_core::view;
use headworks_core::waterfall::{Authorize, Refusal};

use crate::audit::trusted;
use crate::common::{AskExt as _, World, ask, at, catalog, credits, overriding};

/// One token costs one credit.
const CATALOG: &str = r#"
version = "t"
[meters]
tokens = { unit = "token" }
[features.chat]
meters = ["tokens"]
rate_card = "card"
overshoot = "debt"
hold = { life = "2h", life_max = "24h" }
[[rate_cards.card]]
effective_from = "2020-01-01T00:00:00Z"
prices = [{ feature = "chat", credits = { tokens = "1" } }]
[plans.plus]
features = ["chat"]
guards = [
  { name = "rpm", per = "user", window.rate = { limit = 2, period = "1m" } },
  { name = "at_once", window.concurrency = { limit = 1 } },
  { name = "spend", window.spend_cap = { limit = "50", every = "month" } },
]
waterfall = [
  { allowance = { name = "included", windows = [{ name = "week", window.first_use = { limit = "500", length = "7d" } }] } },
  { pool = { name = "shared", cap = { default = "10", every = "month" } } },
  { overdraft = { name = "overdraft", limit = "1" } },
]
"#;

fn world() -> World {
    let mut w = World::new(CATALOG, "plus");
    w.now = at("2026-07-03T10:00:00Z");
    w
}

fn of(path: &str, new: NewOverride) -> NewOverride {
    NewOverride { path: path.parse().expect(path), ..new }
}

fn until(instant: &str, new: NewOverride) -> NewOverride {
    NewOverride { until: Some(at(instant)), ..new }
}

fn set(w: &mut World, new: NewOverride) -> u64 {
    w.apply(Command::Override(new)).expect("overrides")
}

fn tokens(n: u64) -> Authorize {
    ask("chat", &[("tokens", n)]).now().on_path("user:ann")
}

fn limit(w: &World, of: &str) -> (String, Option<u64>) {
    let views = view::windows(w.ctx()).expect("views");
    let view = views.iter().find(|v| v.name.as_str() == of).expect(of);
    let limit = if view.limit == i64::MAX { "none".to_owned() } else { view.limit.to_string() };
    (limit, view.overridden_by)
}

fn ways(decision: &Decision) -> &[Way] {
    &decision.unblock.as_ref().expect("ways").ways
}

/// 500 of 500 used in the week; 600 for this account until the fifth of July. Then the limit is 500 again, with 600 used.
#[test]
fn a_raise_ends_and_what_was_used_stays_counted() {
    let mut w = world();
    w.ask(&tokens(500));
    assert_eq!(w.ask(&tokens(100)).outcome, Outcome::Deny);
    let id = set(&mut w, until("2026-07-05T00:00:00Z", overriding("included.week", "600")));
    assert_eq!(limit(&w, "included.week"), ("600000000000".to_owned(), Some(id)));
    let over = w.ask(&tokens(102));
    assert_eq!(over.outcome, Outcome::Deny);
    // The raise ends before the week does, so that only the next week helps.
    assert_eq!(ways(&over).iter().filter_map(|way| way.at).collect::<Vec<_>>(), [at("2026-07-10T10:00:00Z")]);
    w.pass("1h");
    assert_eq!(w.ask(&tokens(100)).outcome, Outcome::Allow);
    w.now = at("2026-07-04T23:59:59.999999Z");
    assert_eq!(limit(&w, "included.week").1, Some(id));
    w.now = at("2026-07-05T00:00:00Z");
    assert_eq!(limit(&w, "included.week"), ("500000000000".to_owned(), None));
    assert_eq!(w.due(), ["override_ended"]);
    let views = view::windows(w.ctx()).expect("views");
    let week = views.iter().find(|v| v.name.as_str() == "included.week").expect("the week");
    assert_eq!((week.used, week.remaining), (600_000_000_000, 0));
    trusted(&w, &catalog(CATALOG));
}

#[test]
fn a_lower_figure_ends_at_its_instant_and_that_is_a_way() {
    let mut w = world();
    set(&mut w, until("2026-07-03T12:00:00Z", overriding("included.week", "10")));
    let denied = w.ask(&tokens(12));
    assert_eq!(
        ways(&denied).iter().filter_map(|way| way.at).collect::<Vec<_>>(),
        [at("2026-07-03T12:00:00Z")]
    );
    w.now = at("2026-07-03T11:59:59.999999Z");
    assert_eq!(w.ask(&tokens(12)).outcome, Outcome::Deny);
    w.now = at("2026-07-03T12:00:00Z");
    assert_eq!(w.ask(&tokens(12)).outcome, Outcome::Allow);
    trusted(&w, &catalog(CATALOG));
}

#[test]
fn the_longest_path_wins_then_the_newest() {
    let mut w = world();
    let account = set(&mut w, overriding("rpm", "10"));
    let team = set(&mut w, of("team:core", overriding("rpm", "20")));
    let first = set(&mut w, of("user:ann", overriding("rpm", "30")));
    let second = set(&mut w, of("user:ann", until("2026-07-03T11:00:00Z", overriding("rpm", "40"))));
    let asked = |w: &mut World, path: &str| {
        let decision = w.ask(&ask("chat", &[("tokens", 1)]).now().on_path(path));
        let guard = decision.visits.iter().find(|v| v.name.as_str() == "rpm").expect("the guard").clone();
        (guard.terms.expect("terms").capacity(), guard.overridden_by)
    };
    assert_eq!(asked(&mut w, "user:bob"), (10, Some(account)));
    assert_eq!(asked(&mut w, "team:core/user:bob"), (20, Some(team)));
    assert_eq!(asked(&mut w, "team:core/user:ann"), (40, Some(second)));
    w.now = at("2026-07-03T11:00:00Z");
    assert_eq!(asked(&mut w, "team:core/user:ann"), (30, Some(first)));
    w.apply(Command::RemoveOverride { id: first, reason: None }).expect("removes");
    assert_eq!(asked(&mut w, "team:core/user:ann"), (20, Some(team)));
    assert_eq!(
        w.apply(Command::RemoveOverride { id: first, reason: None }).map_err(|e| e.to_string()),
        Err(format!("override {first} has ended, by record {}", w.account.seq - 1))
    );
    trusted(&w, &catalog(CATALOG));
}

/// For every kind of limit: nothing fits, then something else does, then there is no limit.
#[test]
fn every_kind_of_limit_is_overridden_and_lifted() {
    // The limit, what passes it, a figure that does not do, one that does.
    let rows = [
        ("at_once", 2, "1", "2"),
        ("spend", 561, "60.5", "61"),
        ("shared", 511, "10.5", "11"),
        ("included.week", 700, "699.5", "700"),
        ("overdraft", 502, "1.5", "2"),
    ];
    for (limit, n, short, enough) in rows {
        for value in [short, enough, "none"] {
            let mut w = world();
            let request = match limit {
                "at_once" => {
                    w.hold("chat", &[("tokens", 1)]);
                    ask("chat", &[("tokens", 1)]).on_path("user:ann")
                }
                "overdraft" => ask("chat", &[("tokens", n)]).now().on_path("user:ann"),
                _ => {
                    // Nothing else stands in the way.
                    for other in ["spend", "shared"].iter().filter(|other| **other != limit) {
                        set(&mut w, overriding(other, "none"));
                    }
                    if limit != "included.week" {
                        w.grant("1000", Category::Purchased);
                    }
                    set(&mut w, overriding("overdraft", "0"));
                    tokens(n)
                }
            };
            set(&mut w, overriding(limit, value));
            let passes = w.ask(&request).outcome.is_granted();
            assert_eq!(passes, value != short, "{limit} {value}");
            trusted(&w, &catalog(CATALOG));
        }
    }
}

#[test]
fn a_rate_is_overridden_and_lifted() {
    for (value, passing) in [("1", 1), ("3", 3), ("none", 50)] {
        let mut w = world();
        set(&mut w, of("user:ann", overriding("rpm", value)));
        let granted = (0..50).filter(|_| w.ask(&tokens(1)).outcome.is_granted()).count();
        assert_eq!(granted, passing, "{value}");
        trusted(&w, &catalog(CATALOG));
    }
}

/// What is used while a limit is lifted is still there when it comes back.
#[test]
fn a_lifted_rate_goes_on_counting() {
    let mut w =
        World::new(&CATALOG.replace("limit = 2, period = \"1m\"", "limit = 2, period = \"1h\""), "plus");
    let lifted = set(&mut w, of("user:ann", overriding("rpm", "none")));
    assert!((0..3).all(|_| w.ask(&tokens(1)).outcome.is_granted()));
    w.apply(Command::RemoveOverride { id: lifted, reason: None }).expect("removes");
    w.pass("29m");
    assert!(!w.ask(&tokens(1)).outcome.is_granted());
    w.pass("32m");
    assert!(w.ask(&tokens(1)).outcome.is_granted());
}

#[test]
fn what_cannot_be_is_refused() {
    let rows = [
        (
            "rpmm",
            "3",
            "the account's plan has no limit `rpmm`; name a guard, `allowance.window`, a pool, a postpaid layer, an overdraft or `price_factor`",
        ),
        ("rpm", "2.5", "the limit counts whole units: write a whole number, at least 0"),
        ("rpm", "-1", "the limit counts whole units: write a whole number, at least 0"),
        ("rpm", "+1", "the limit counts whole units: write a whole number, at least 0"),
        ("rpm", "0", "a rate is above zero, and limit × period small enough to count exactly"),
        (
            "rpm",
            "9000000000000000000",
            "a rate is above zero, and limit × period small enough to count exactly",
        ),
        ("spend", "-0.5", "the limit counts credits: write a decimal number, at least 0"),
        ("spend", "much", "the limit counts credits: write a decimal number, at least 0"),
    ];
    for (limit, value, why) in rows {
        let refused = world().apply(Command::Override(overriding(limit, value)));
        assert_eq!(refused.map_err(|e| e.to_string()), Err(why.to_owned()), "{limit} {value}");
    }
    let past = until("2026-07-03T09:00:00Z", overriding("rpm", "3"));
    let refused = world().apply(Command::Override(past));
    assert_eq!(refused, Err(Refusal::BadOverride("it would end before it begins")));
    assert_eq!(
        world().apply(Command::RemoveOverride { id: 7, reason: None }),
        Err(Refusal::UnknownOverride(7))
    );
}

#[test]
fn a_decision_names_the_override_of_its_overdraft() {
    let mut w = world();
    set(&mut w, overriding("spend", "none"));
    let own = set(&mut w, overriding("overdraft", "100"));
    let decision = w.ask(&ask("chat", &[("tokens", 560)]).on_path("user:ann"));
    let lent = decision.visits.iter().find(|visit| visit.name.as_str() == "overdraft").expect("lends");
    assert_eq!(lent.overridden_by, Some(own));
}

#[test]
fn holds_keep_their_draws_and_an_overdraft_that_is_lowered_lends_no_more() {
    let mut w = world();
    set(&mut w, overriding("overdraft", "100"));
    set(&mut w, overriding("spend", "none"));
    w.ask(&ask("chat", &[("tokens", 560)]).on_path("user:ann"));
    let hold = w.account.seq;
    set(&mut w, overriding("overdraft", "0"));
    w.settle(hold, &[("tokens", 570)]).expect("settles");
    let charge = w.charge().clone();
    assert_eq!(charge.excess.expect("beyond").refunded, credits("10"));
    trusted(&w, &catalog(CATALOG));
}
