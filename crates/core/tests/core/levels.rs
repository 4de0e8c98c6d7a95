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
    for level in Level::BELOW_ACCOUNT {
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
    of_center.segment = Some("cost_center:c".parse().expect("a segment"));
    w.apply(Command::Override(of_center)).expect("overrides");
    assert_eq!(w.ask(&tokens(11, "organization:o/user:u")).reason, Reason::SpendCap);
    assert_eq!(w.ask(&tokens(20, WHOLE)).outcome, Outcome::Allow);
    trusted(&w, &catalog(&company("organization")));
}
