//! Periods that end when they are closed: guards, caps, allowances and pools with `every = "manual"`.

use headworks_core::command::Command;
use headworks_core::record::{Category, Instant, Outcome, Reason, Span};
use headworks_core::view;
use headworks_core::waterfall::{Authorize, Refusal};

use crate::audit::trusted;
use crate::common::{AskExt as _, World, ask, at, catalog, credits, name, overriding};

/// One token costs one credit.
const CATALOG: &str = r#"
version = "t"
[meters]
tokens = { unit = "token" }
[features.chat]
meters = ["tokens"]
rate_card = "card"
overshoot = "debt"
[[rate_cards.card]]
effective_from = "2020-01-01T00:00:00Z"
prices = [{ feature = "chat", credits = { tokens = "1" } }]
[plans.agency]
features = ["chat"]
guards = [
  { name = "calls", window.fixed = { limit = 5, every = "manual" } },
  { name = "job", per = "team", window.spend_cap = { limit = "30", every = "manual" } },
  { name = "ever", window.fixed = { limit = 100, every = "life" } },
]
waterfall = [
  { allowance = { name = "included", per = "user", windows = [{ name = "job", window.fixed = { limit = "10", every = "manual" } }] } },
  { pool = { name = "shared", cap = { default = "15", every = "manual" } } },
]
"#;

fn world() -> World {
    let mut w = World::new(CATALOG, "agency");
    w.now = at("2026-06-01T12:00:00Z");
    w.grant("1000", Category::Purchased);
    w
}

fn tokens(n: u64) -> Authorize {
    ask("chat", &[("tokens", n)]).now().on_path("team:red/user:ann")
}

pub(crate) fn closing(windows: &[&str], path: &str) -> Command {
    let windows = windows.iter().map(|w| name(w)).collect();
    Command::ClosePeriods { windows, path: path.parse().expect(path), reason: None }
}

/// The use of a window, and when it resets.
fn used(w: &World, window: &str) -> (i64, Option<Instant>) {
    let views = view::windows(w.ctx()).expect("views");
    views.iter().find(|v| v.name.as_str() == window).map_or((0, None), |v| (v.used, v.resets_at))
}

/// Each kind of limit is full, time does not help, and after its period is closed there is room for all of it again.
#[test]
fn a_period_lasts_until_it_is_closed() {
    // The limit, what fills it, and what refuses one more.
    let rows = [
        ("calls", 5, 1, Reason::FixedLimit),
        ("job", 1, 30, Reason::SpendCap),
        ("included.job", 1, 10, Reason::InsufficientCredits),
        ("shared", 1, 15, Reason::MemberCap),
    ];
    for (limit, times, n, reason) in rows {
        let mut w = world();
        // Nothing else stands in the way, and nothing else pays.
        let others = ["calls", "job", "shared", "included.job"].into_iter().filter(|other| *other != limit);
        for other in others {
            let value = match (limit, other) {
                ("included.job", "shared") | ("shared" | "job", "included.job") => "0",
                _ => "none",
            };
            w.apply(Command::Override(overriding(other, value))).expect("overrides");
        }
        let fill = |w: &mut World| {
            for _ in 0..times {
                assert_eq!(w.ask(&tokens(n)).outcome, Outcome::Allow, "{limit}");
            }
            let denied = w.ask(&tokens(n));
            let told = if limit == "included.job" { Reason::MemberCap } else { reason };
            assert_eq!(denied.reason, told, "{limit}");
            let ways = denied.unblock.expect("an answer").ways;
            assert!(ways.iter().all(|way| way.at.is_none()), "{limit}: no instant helps: {ways:?}");
        };
        fill(&mut w);
        w.pass("3650d");
        assert_eq!(w.ask(&tokens(n)).outcome, Outcome::Deny, "{limit}: years do not end it");
        assert_eq!(used(&w, limit).1, None);
        w.apply(closing(&[limit], "team:red/user:ann/key:k")).expect("closes");
        assert_eq!(used(&w, limit), (0, None));
        fill(&mut w);
        trusted(&w, &catalog(CATALOG));
    }
}

/// Late use counts by its instant: before the closing it is in the period that was closed, whether anything was used then or not.
#[test]
fn late_use_counts_in_the_period_of_its_instant() {
    for used_before in [0, 4] {
        let mut w = world();
        if used_before > 0 {
            w.ask(&tokens(used_before));
        }
        let before = w.now;
        w.pass("1h");
        w.apply(closing(&["included.job", "calls"], "user:ann")).expect("closes");
        w.pass("1h");
        assert_eq!(w.ask(&tokens(3)).outcome, Outcome::Allow);
        let late = |w: &mut World, n: u64, at: Instant| {
            let request = tokens(n).request;
            w.apply(Command::Record { request, at: Some(at) }).expect("records");
            w.charge().draws.iter().filter(|d| d.layer.as_str() == "included").map(|d| d.amount).sum::<i64>()
        };
        // Ten were included in the closed period.
        let left = 10 - i64::try_from(used_before).expect("small");
        assert_eq!(late(&mut w, 8, before.after("1s".parse().expect("a span"))), left.min(8) * 1_000_000_000);
        assert_eq!(used(&w, "included.job").0, credits("3").nano(), "the open one is as it was");
        assert_eq!(used(&w, "calls").0, 1, "a closed guard counts nothing any more");
        let after = before.after("90m".parse().expect("a span"));
        assert_eq!(late(&mut w, 2, after), 2_000_000_000);
        assert_eq!(used(&w, "included.job").0, credits("5").nano());
        trusted(&w, &catalog(CATALOG));
    }
}

/// Two periods are closed before anything is used: late use finds all of each.
#[test]
fn each_closed_period_has_an_allowance_of_its_own() {
    let mut w = world();
    let start = w.now;
    for _ in 0..2 {
        w.pass("1h");
        w.apply(closing(&["included.job"], "user:ann")).expect("closes");
    }
    w.pass("1h");
    for (minutes, n, included) in [(30, 8, 8), (90, 8, 8), (45, 8, 2), (100, 8, 2), (150, 8, 8)] {
        let at = start.after(Span::from_secs(minutes * 60));
        let request = tokens(n).request;
        w.apply(Command::Record { request, at: Some(at) }).expect("records");
        let paid = w.charge().draws.iter().filter(|d| d.layer.as_str() == "included").map(|d| d.amount);
        assert_eq!(paid.sum::<i64>(), included * 1_000_000_000, "{minutes}");
    }
    trusted(&w, &catalog(CATALOG));
}

#[test]
fn the_period_of_one_member_is_closed() {
    let mut w = world();
    for user in ["ann", "bob"] {
        w.ask(&ask("chat", &[("tokens", 10)]).now().on_path(&format!("user:{user}")));
    }
    w.apply(closing(&["included.job"], "user:bob")).expect("closes");
    let views = view::windows(w.ctx()).expect("views");
    let of = views.iter().filter(|v| v.name.as_str() == "included.job");
    let shown: Vec<_> = of.map(|v| (v.member.as_ref().expect("a user").to_string(), v.remaining)).collect();
    assert_eq!(shown, [("user:ann".to_owned(), 0), ("user:bob".to_owned(), credits("10").nano())]);
    trusted(&w, &catalog(CATALOG));
}

/// What a closed period has counted stays in the record that closed it, and a window named twice is closed once.
#[test]
fn the_record_says_what_was_used() {
    use headworks_core::record::{CycleEvent, Event};
    let mut w = world();
    w.ask(&tokens(4));
    w.apply(closing(&["included.job", "calls", "included.job"], "user:ann")).expect("closes");
    let Event::Cycle(event) = &w.log.last().expect("a record").event else { panic!("not of the cycle") };
    let CycleEvent::PeriodsClosed { closed, .. } = &**event else { panic!("{event:?}") };
    let used: Vec<_> = closed.iter().map(|c| (c.name.as_str(), c.used)).collect();
    assert_eq!(used, [("calls", 1), ("included.job", credits("4").nano())]);
    trusted(&w, &catalog(CATALOG));
}

#[test]
fn only_what_says_so_is_closed() {
    let mut w = world();
    for other in ["ever", "included", "nothing"] {
        assert_eq!(w.apply(closing(&[other], "")), Err(Refusal::NotClosable(name(other))), "{other}");
    }
    assert_eq!(w.apply(closing(&[], "")), Err(Refusal::NoWindows));
    // All or nothing.
    w.ask(&tokens(1));
    assert_eq!(w.apply(closing(&["calls", "ever"], "")), Err(Refusal::NotClosable(name("ever"))));
    assert_eq!(used(&w, "calls").0, 1);
    trusted(&w, &catalog(CATALOG));
}

#[test]
fn the_catalog_tells_and_checks_them() {
    let told = catalog(CATALOG).told();
    let lines = &told.first().expect("a plan").lines;
    let line = "limit calls: 5 requests until its period is closed";
    assert!(lines.iter().any(|known| known == line), "{lines:#?}");
    let anchored = CATALOG.replacen(r#"every = "manual""#, r#"every = "manual", anchor = "billing""#, 1);
    let parsed = headworks_core::catalog::Catalog::parse(&anchored, headworks_core::catalog::Format::Toml);
    let problems = format!("{:?}", parsed.expect_err("anchored"));
    assert!(problems.contains("closed by hand is not counted from an anchor"), "{problems}");
}
