//! The levels of a path: limits, caps and overrides at each of them.

use headworks_core::command::Command;
use headworks_core::record::{Category, Level, Outcome, Path, Reason, SegmentSettings, Wall};
use headworks_core::view;
use headworks_core::waterfall::Authorize;

use crate::audit::trusted;
use crate::common::{AskExt as _, World, ask, catalog, credits, overriding};

/// One token costs one credit.
const CATALOG: &str = r#"
version = "t"
[meters]
tokens = { unit = "token" }
[features.chat]
meters = ["tokens"]
rate_card = "card"
[[rate_cards.card]]
effective_from = "2020-01-01T00:00:00Z"
prices = [{ feature = "chat", credits = { tokens = "1" } }]
[plans.company]
features = ["chat"]
guards = [{ name = "spend", per = "LEVEL", window.spend_cap = { limit = "10", every = "month" } }]
waterfall = [{ pool = { name = "shared", cap = { default = "6", every = "month" } } }]
"#;

/// A path through every level.
const WHOLE: &str = "organization:o/cost_center:c/team:t/user:u/key:k/session:s";

fn company(level: &str) -> String {
    CATALOG.replace("LEVEL", level)
}

fn world(level: &str) -> World {
    let mut w = World::new(&company(level), "company");
    w.grant("1000", Category::Purchased);
    w
}

fn tokens(n: u64, path: &str) -> Authorize {
    ask("chat", &[("tokens", n)]).now().on_path(path)
}

fn cap_of(w: &mut World, segment: &str, cap: &str) {
    w.settings(|s| {
        s.segments.push(SegmentSettings {
            segment: segment.parse().expect("a segment"),
            suspended: false,
            consent: None,
            pool_cap: Some(credits(cap).into()),
            hourly_cap: None,
        });
        s.segments.sort_by(|a, b| a.segment.cmp(&b.segment));
    });
}

/// A cap of ten at each level binds all below its member, and nobody else.
#[test]
fn every_level_has_limits_of_its_own() {
    let whole: Path = WHOLE.parse().expect("a path");
    // A seat follows from the user: `seats.rs` has its rows.
    for level in Level::BELOW_ACCOUNT.into_iter().filter(|level| *level != Level::Seat) {
        let mut w = world(level.as_str());
        cap_of(&mut w, "user:u", "100");
        cap_of(&mut w, "user:v", "100");
        assert_eq!(w.ask(&tokens(10, WHOLE)).outcome, Outcome::Allow, "{level:?}");
        let denied = w.ask(&tokens(1, WHOLE));
        assert_eq!((denied.reason, denied.wall), (Reason::SpendCap, Some(Wall::Path(level))));
        // The same place, but for the name at this level.
        let elsewhere = whole.segments().iter().map(|s| match s.level == level {
            true => format!("{}:v", level.as_str()),
            false => s.to_string(),
        });
        let elsewhere = elsewhere.collect::<Vec<_>>().join("/");
        assert_eq!(w.ask(&tokens(10, &elsewhere)).outcome, Outcome::Allow, "{elsewhere}");
        let views = view::windows(w.ctx()).expect("views");
        assert_eq!(views.iter().filter(|v| v.name.as_str() == "spend" && v.level == level).count(), 2);
        trusted(&w, &catalog(&company(level.as_str())));
    }
}

/// From the member outward: user, team, cost center, organization, then the plan's six.
#[test]
fn the_innermost_cap_of_a_pool_counts() {
    let rows = [
        (&["organization:o"][..], "30"),
        (&["organization:o", "cost_center:c"], "31"),
        (&["organization:o", "cost_center:c", "team:t"], "32"),
        (&["organization:o", "cost_center:c", "team:t", "user:u"], "33"),
        // What is below the member does not count, nor do others.
        (&["key:k", "team:x"], "6"),
    ];
    for (capped, limit) in rows {
        let mut w = world("session");
        w.apply(Command::Override(overriding("spend", "none"))).expect("overrides");
        for (n, segment) in (30..).zip(capped) {
            cap_of(&mut w, segment, &n.to_string());
        }
        let most: u64 = limit.parse().expect("a number");
        assert_eq!(w.ask(&tokens(most + 1, WHOLE)).reason, Reason::MemberCap, "{limit}");
        assert_eq!(w.ask(&tokens(most, WHOLE)).outcome, Outcome::Allow, "{limit}");
        let views = view::windows(w.ctx()).expect("views");
        let shared = views.iter().find(|v| v.name.as_str() == "shared").expect("the pool");
        assert_eq!((shared.limit, shared.used), (credits(limit).nano(), credits(limit).nano()));
        trusted(&w, &catalog(&company("session")));
    }
}

#[test]
fn an_override_of_an_outer_level_reaches_all_below_it() {
    let mut w = world("organization");
    cap_of(&mut w, "user:u", "100");
    let mut of_center = overriding("spend", "20");
    of_center.path = "cost_center:c".parse().expect("a path");
    w.apply(Command::Override(of_center)).expect("overrides");
    assert_eq!(w.ask(&tokens(11, "organization:o/user:u")).reason, Reason::ExceedsCapacity);
    assert_eq!(w.ask(&tokens(20, WHOLE)).outcome, Outcome::Allow);
    trusted(&w, &catalog(&company("organization")));
}

/// Seats: what a user has in one team is not what the same name has in another.
const SEATS: &str = r#"
version = "t"
[meters]
tokens = { unit = "token" }
[features.chat]
meters = ["tokens"]
rate_card = "card"
hold = { life = "1h", life_max = "24h" }
[[rate_cards.card]]
effective_from = "2020-01-01T00:00:00Z"
prices = [{ feature = "chat", credits = { tokens = "1" } }]
[plans.company]
features = ["chat"]
warn_at = [100]
guards = [
  { name = "daily", per = ["team", "user"], window.fixed = { limit = 3, every = "day" } },
  { name = "at_once", per = ["user", "team"], window.concurrency = { limit = 2 } },
]
waterfall = [
  { allowance = { name = "seat", per = ["team", "user"], windows = [{ name = "month", window.fixed = { limit = "10", every = "month" } }] } },
  { pool = { name = "shared", member = ["team", "user"], cap = { default = "5", every = "month" } } },
]
"#;

fn seats() -> World {
    let mut w = World::new(SEATS, "company");
    w.grant("1000", Category::Purchased);
    w
}

/// `name`, its member, limit and use, of the windows of a limit.
fn shown(w: &World, limit: &str) -> Vec<(String, i64, i64)> {
    let views = view::windows(w.ctx()).expect("views");
    let of = views.iter().filter(|v| v.name.as_str() == limit);
    of.map(|v| (v.member.as_ref().map_or(String::new(), ToString::to_string), v.limit, v.used)).collect()
}

#[test]
fn levels_together_count_each_combination_apart() {
    let mut w = seats();
    for path in ["team:red/user:alice", "team:blue/user:alice", "team:red/user:bob"] {
        for _ in 0..3 {
            assert_eq!(w.ask(&tokens(1, path)).outcome, Outcome::Allow, "{path}");
        }
        let denied = w.ask(&tokens(1, path));
        // The wall is the innermost of its levels.
        assert_eq!(
            (denied.reason, denied.wall),
            (Reason::FixedLimit, Some(Wall::Path(Level::User))),
            "{path}"
        );
        let guard = denied.visits.iter().find(|v| v.name.as_str() == "daily").expect("the guard");
        assert_eq!(guard.level.to_string(), "team+user");
    }
    let members = ["team:blue/user:alice", "team:red/user:alice", "team:red/user:bob"];
    assert_eq!(shown(&w, "daily"), members.map(|m| (m.to_owned(), 3, 3)));
    assert_eq!(
        shown(&w, "seat.month"),
        members.map(|m| (m.to_owned(), credits("10").nano(), credits("3").nano()))
    );
    trusted(&w, &catalog(SEATS));
}

/// As with one level: those without it share a counter. So `alice` without a team is neither of the two, and what is further in
/// or out does not matter.
#[test]
fn a_level_that_is_left_out_is_a_member_of_its_own() {
    let mut w = seats();
    let rows = [
        ("user:alice", Outcome::Allow),
        ("user:alice/key:k", Outcome::Allow),
        ("cost_center:c/user:alice", Outcome::Allow),
        ("user:alice/session:s", Outcome::Deny),
        ("team:red/user:alice", Outcome::Allow),
        ("team:red", Outcome::Allow),
        ("", Outcome::Allow),
        ("key:k", Outcome::Allow),
        ("cost_center:c", Outcome::Allow),
        ("session:s", Outcome::Deny),
    ];
    for (path, outcome) in rows {
        assert_eq!(w.ask(&tokens(1, path)).outcome, outcome, "{path}");
    }
    let expected = [("", 3), ("team:red", 1), ("team:red/user:alice", 1), ("user:alice", 3)];
    assert_eq!(shown(&w, "daily"), expected.map(|(member, used)| (member.to_owned(), 3, used)));
    trusted(&w, &catalog(SEATS));
}

#[test]
fn a_pool_of_levels_together_wants_all_of_them() {
    let mut w = seats();
    // Ten are included, five more from the pool.
    assert_eq!(w.ask(&tokens(15, "team:red/user:alice")).outcome, Outcome::Allow);
    let denied = w.ask(&tokens(16, "team:blue/user:alice"));
    assert_eq!((denied.reason, denied.wall), (Reason::MemberCap, Some(Wall::Path(Level::User))));
    assert_eq!(w.ask(&tokens(15, "team:blue/user:alice")).outcome, Outcome::Allow);
    for (path, missing) in [("user:carol", Level::Team), ("team:red", Level::User), ("", Level::Team)] {
        let denied = w.ask(&tokens(11, path));
        assert_eq!(
            (denied.reason, denied.wall),
            (Reason::MemberMissing, Some(Wall::Path(missing))),
            "{path}"
        );
    }
    let five = credits("5").nano();
    let members = ["team:blue/user:alice", "team:red/user:alice"];
    assert_eq!(shown(&w, "shared"), members.map(|m| (m.to_owned(), five, five)));
    trusted(&w, &catalog(SEATS));
}

/// What a hold gives back goes back to the counter that it took.
#[test]
fn a_hold_gives_back_to_its_own_combination() {
    let mut w = seats();
    let of = |path: &str| ask("chat", &[("tokens", 4)]).on_path(path);
    let red = w.ask(&of("team:red/user:alice"));
    assert_eq!(red.outcome, Outcome::Allow);
    let hold = w.account.seq;
    w.ask(&of("team:blue/user:alice"));
    w.settle(hold, &[("tokens", 1)]).expect("settles");
    let used = shown(&w, "seat.month");
    assert_eq!(
        used.iter().map(|(_, _, used)| *used).collect::<Vec<_>>(),
        [credits("4").nano(), credits("1").nano()]
    );
    assert_eq!(shown(&w, "at_once").len(), 1, "its slot is free again");
    trusted(&w, &catalog(SEATS));
}

/// Of the overrides whose segments a path has, that with the innermost segment; of one path the newest.
#[test]
fn an_override_of_a_combination_applies_there_alone() {
    let mut w = seats();
    let mut set = |path: &str, limit: &str| {
        let mut new = overriding("daily", limit);
        new.path = path.parse().expect(path);
        w.apply(Command::Override(new)).expect("overrides")
    };
    let (account, red) = (set("", "10"), set("team:red", "11"));
    let (alice, both) = (set("user:alice", "12"), set("team:red/user:alice", "13"));
    let (key, newer) = (set("key:k", "14"), set("team:red/user:alice", "15"));
    let apart = set("cost_center:c/user:alice", "16");
    let rows = [
        ("user:bob", 10, account),
        ("team:red/user:bob", 11, red),
        ("team:blue/user:alice", 12, alice),
        ("team:red/user:alice", 15, newer),
        // Both have a user and a level above; the team is further in than the cost center.
        ("cost_center:c/team:red/user:alice", 15, newer),
        ("cost_center:c/team:blue/user:alice", 16, apart),
        ("team:red/user:alice/key:k", 14, key),
        ("team:red/user:alice/key:other/session:s", 15, newer),
    ];
    for (path, limit, id) in rows {
        let decision = w.ask(&ask("chat", &[("tokens", 1)]).now().on_path(path));
        let guard = decision.visits.iter().find(|v| v.name.as_str() == "daily").expect("the guard");
        assert_eq!(
            (guard.terms.expect("terms").capacity(), guard.overridden_by),
            (limit, Some(id)),
            "{path}"
        );
    }
    w.apply(Command::RemoveOverride { id: newer, reason: None }).expect("removes");
    let decision = w.ask(&tokens(1, "team:red/user:alice"));
    let guard = decision.visits.iter().find(|v| v.name.as_str() == "daily").expect("the guard");
    assert_eq!(guard.overridden_by, Some(both));
    let red =
        shown(&w, "daily").into_iter().find(|(member, ..)| member == "team:red/user:alice").expect("shown");
    assert_eq!(red.1, 13, "the window shows the limit of its combination");
    trusted(&w, &catalog(SEATS));
}

#[test]
fn lists_of_levels_are_checked_and_told() {
    let told = catalog(SEATS).told();
    let lines = &told.first().expect("a plan").lines;
    let expected = [
        "limit daily: 3 requests a day for each user of each team",
        "limit at_once: 2 open holds at once for each user of each team",
        "1. seat includes 10 credits a month for each user of each team",
        "2. shared: purchased and contract grants, at most 5 credits a month for each user of each team",
    ];
    for line in expected {
        assert!(lines.iter().any(|known| known == line), "{line}: {lines:#?}");
    }
    let pair = r#"per = ["team", "user"], window.fixed"#;
    let rows = [
        (r#"per = [], window.fixed"#, "the list has no level"),
        (r#"per = ["team", "team"], window.fixed"#, "a level stands in the list twice"),
        (r#"per = ["account", "user"], window.fixed"#, "the account stands beside other levels"),
        (r#"per = ["person"], window.fixed"#, "unknown variant `person`"),
    ];
    for (wrong, why) in rows {
        let text = SEATS.replacen(pair, wrong, 1);
        let parsed = headworks_core::catalog::Catalog::parse(&text, headworks_core::catalog::Format::Toml);
        let problems = format!("{:?}", parsed.expect_err(wrong));
        assert!(problems.contains(why), "{wrong}: {problems}");
    }
}
