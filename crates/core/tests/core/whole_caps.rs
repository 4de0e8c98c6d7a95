//! A cost above a whole cap: neither waiting nor a purchase helps, so the request itself is too large.

use headworks_core::command::{Command, Extend};
use headworks_core::record::{Category, HoldId, Level, Lifter, Outcome, Reason, Verdict, Wall};
use headworks_core::waterfall::Authorize;

use crate::audit::trusted;
use crate::common::{AskExt as _, World, ask, at, catalog, overriding, quantities};

/// A second costs one credit. A cap of 50 for each kind of period, of the credits drawn or of the whole price.
fn policy(every: &str, counts: &str) -> String {
    format!(
        r#"
version = "t"
[meters]
seconds = {{ unit = "second" }}
[features.video]
meters = ["seconds"]
rate_card = "card"
hold = {{ life = "1h", life_max = "24h" }}
[[rate_cards.card]]
effective_from = "2020-01-01T00:00:00Z"
prices = [{{ feature = "video", credits = {{ seconds = "1" }} }}]
[plans.app]
features = ["video"]
guards = [{{ name = "cap", per = "user", window.spend_cap = {{ limit = "50", every = "{every}", counts = "{counts}" }} }}]
waterfall = [{{ grants = {{ name = "credits" }} }}]
[plans.included]
features = ["video"]
guards = [{{ name = "cap", per = "user", window.spend_cap = {{ limit = "50", every = "{every}" }} }}]
waterfall = [
  {{ grants = {{ name = "gifts", categories = ["free"] }} }},
  {{ allowance = {{ name = "included", windows = [{{ name = "day", window.fixed = {{ limit = "10", every = "day" }} }}] }} }},
  {{ grants = {{ name = "credits" }} }},
]
[plans.seated]
features = ["video"]
guards = [{{ name = "cap", per = "user", window.spend_cap = {{ limit = "50", every = "{every}" }} }}]
seats.types.small = {{ cap = "20" }}
waterfall = [{{ grants = {{ name = "credits" }} }}]
"#
    )
}

fn world(every: &str, counts: &str, plan: &str) -> World {
    let mut w = World::new(&policy(every, counts), plan);
    w.now = at("2026-09-30T12:00:00Z");
    w.grant("500", Category::Purchased);
    w
}

fn seconds(n: u64) -> Authorize {
    ask("video", &[("seconds", n)]).on_path("user:ann").now()
}

#[track_caller]
fn too_large(w: &mut World, request: &Authorize) {
    let denied = w.ask(request);
    assert_eq!((denied.outcome, denied.reason), (Outcome::Deny, Reason::ExceedsCapacity));
    assert_eq!(denied.wall, Some(Wall::Path(Level::User)));
    assert_eq!(denied.refused_by().map(|name| name.as_str()), Some("cap"));
    let unblock = denied.unblock.expect("an answer");
    assert_eq!((unblock.ways, unblock.by), (vec![], Lifter::Caller));
}

/// Whether a smaller request finds the cap used up: that is another reason.
#[track_caller]
fn used_up(w: &mut World, request: &Authorize, has_instant: bool) {
    let denied = w.ask(request);
    assert_eq!((denied.outcome, denied.reason), (Outcome::Deny, Reason::SpendCap));
    assert_eq!(denied.unblock.expect("an answer").at().is_some(), has_instant);
}

#[test]
fn a_cost_above_the_whole_cap_is_too_large_in_every_period() {
    for every in ["hour", "day", "2 weeks", "month", "quarter", "life", "manual"] {
        for counts in ["credits", "price"] {
            let mut w = world(every, counts, "app");
            // Also when nothing is used, and when more is asked than the account has.
            for n in [51, 400, 501] {
                too_large(&mut w, &seconds(n));
            }
            assert_eq!(w.ask(&seconds(20)).outcome, Outcome::Allow, "{every}, {counts}");
            too_large(&mut w, &seconds(51));
            used_up(&mut w, &seconds(50), !matches!(every, "life" | "manual"));
            assert_eq!(w.ask(&seconds(30)).outcome, Outcome::Allow, "{every}, {counts}");
            trusted(&w, &catalog(&policy(every, counts)));
        }
    }
}

#[test]
fn the_figure_in_force_counts() {
    let mut w = world("day", "credits", "app");
    let lower = w.apply(Command::Override(overriding("cap", "30"))).expect("overrides");
    too_large(&mut w, &seconds(31));
    assert_eq!(w.ask(&seconds(30)).outcome, Outcome::Allow);
    w.apply(Command::RemoveOverride { id: lower, reason: None }).expect("removes");
    used_up(&mut w, &seconds(31), true);
    w.apply(Command::Override(overriding("cap", "80"))).expect("overrides");
    used_up(&mut w, &seconds(80), true);
    too_large(&mut w, &seconds(81));
    w.apply(Command::Override(overriding("cap", "none"))).expect("overrides");
    assert_eq!(w.ask(&seconds(81)).outcome, Outcome::Allow);
}

#[test]
fn the_type_of_a_seat_has_a_cap_of_its_own() {
    let mut w = world("day", "credits", "seated");
    crate::seats::set(&mut w, "s1", Some("small"), Some("ann"));
    too_large(&mut w, &seconds(21));
    assert_eq!(w.ask(&seconds(20)).outcome, Outcome::Allow);
    let by_bob = |n: u64| ask("video", &[("seconds", n)]).on_path("user:bob").now();
    assert_eq!(w.ask(&by_bob(50)).outcome, Outcome::Allow);
}

/// 10 are included a day, and the cap lets 50 more through: 60 pass when all of that is unused, though now they do not.
#[test]
fn included_use_that_comes_back_may_bring_the_cost_below_the_cap() {
    let mut w = world("day", "credits", "included");
    assert_eq!(w.ask(&seconds(5)).outcome, Outcome::Allow);
    too_large(&mut w, &seconds(61));
    used_up(&mut w, &seconds(60), true);
    assert_eq!(w.ask(&seconds(55)).outcome, Outcome::Allow);
    w.now = at("2026-10-01T00:00:00Z");
    assert_eq!(w.ask(&seconds(60)).outcome, Outcome::Allow);
    // In any order.
    let mut w = world("day", "credits", "included");
    w.grant("500", Category::Free);
    too_large(&mut w, &seconds(61));
    assert_eq!(w.ask(&seconds(60)).outcome, Outcome::Allow);
}

#[test]
fn of_a_use_that_may_be_smaller_its_least_part_counts() {
    let mut w = world("day", "credits", "app");
    let part = w.ask(&seconds(80).at_least("seconds", 20));
    assert_eq!((part.outcome, part.price.to_string()), (Outcome::Partial, "50".to_owned()));
    // Tomorrow 20 fit again, 51 never do.
    let denied = w.ask(&seconds(80).at_least("seconds", 20));
    assert_eq!((denied.reason, denied.price.to_string()), (Reason::SpendCap, "80".to_owned()));
    assert_eq!(denied.unblock.and_then(|u| u.at()), Some(at("2026-10-01T00:00:00Z")));
    too_large(&mut w, &seconds(80).at_least("seconds", 51));
}

#[test]
fn an_extension_is_a_cost_of_its_own() {
    let extending = |w: &World, more: u64| {
        Command::Extend(Extend {
            hold: HoldId(w.account.seq),
            quantities: quantities(&[("seconds", more)]),
            more: Vec::new(),
            minimum: None,
            life: None,
            progress: None,
            consented: false,
        })
    };
    for (more, reason, has_instant) in
        [(20, Reason::Allowed, false), (21, Reason::SpendCap, true), (51, Reason::ExceedsCapacity, false)]
    {
        let mut w = world("hour", "credits", "app");
        w.now = at("2026-09-30T12:59:30Z");
        assert_eq!(w.ask(&ask("video", &[("seconds", 30)]).on_path("user:ann")).outcome, Outcome::Allow);
        let command = extending(&w, more);
        let step = w.run(&command).expect("decides");
        let decision = w.fold(step);
        assert_eq!(decision.reason, reason, "{more}");
        assert_eq!(decision.unblock.and_then(|u| u.at()).is_some(), has_instant, "{more}");
    }
}

#[test]
fn a_cap_that_is_only_observed_is_nobodys_wall() {
    let observed = policy("day", "credits")
        .replace("per = \"user\", window", "per = \"user\", mode = \"observe\", window");
    let mut w = World::new(&observed, "app");
    w.grant("500", Category::Purchased);
    assert_eq!(w.ask(&seconds(51)).outcome, Outcome::Allow);
    assert_eq!(w.ask(&seconds(500)).reason, Reason::InsufficientCredits);
    let denied = w.ask(&seconds(500));
    assert!(denied.visits.iter().all(|v| v.verdict != Verdict::Refused(Reason::ExceedsCapacity)));
}

/// Nothing draws credits there, so that no cap on them is in the way.
#[test]
fn where_only_included_use_pays_a_cap_stops_nothing() {
    let text = policy("day", "credits").replace("  { grants = { name = \"credits\" } },\n]", "]");
    let text = text.replace("  { grants = { name = \"gifts\", categories = [\"free\"] } },\n", "");
    let mut w = World::new(&text, "included");
    assert_eq!(w.ask(&seconds(61)).reason, Reason::AllowanceUsed);
}
