//! Windows in the zone of each account. By the calendar of 2026; Berlin is two hours ahead in June, Tokyo nine, New York four behind.

use headworks_core::command::{Command, Patch, Setting};
use headworks_core::record::{Category, Label, Outcome};
use headworks_core::waterfall::Refusal;

use crate::audit::trusted;
use crate::common::{AskExt as _, World, ask, at, catalog, refund};

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
[plans.p]
features = ["f"]
guards = [{ name = "daily", count = "units", window.fixed = { limit = 10, every = "day", zone = "account" } }]
waterfall = [{ grants = { name = "credits" } }]
"#;

fn world() -> World {
    let mut w = World::new(CATALOG, "p");
    w.now = at("2026-06-02T12:00:00Z");
    w.grant("1000", Category::Purchased);
    w
}

fn move_to(w: &mut World, zone: &str) -> Result<u64, Refusal> {
    let zone = Setting::Set(Label::new(zone).expect(zone));
    w.apply(Command::Change { patch: Patch { zone, ..Patch::default() }, reason: None })
}

/// When ten of ten units of a day are used, the next day lets one more pass.
#[test]
fn a_day_begins_at_the_midnight_of_the_account() {
    for (zone, midnight) in [
        (None, "2026-06-03T00:00:00Z"),
        (Some("Europe/Berlin"), "2026-06-02T22:00:00Z"),
        (Some("Asia/Tokyo"), "2026-06-02T15:00:00Z"),
        (Some("America/New_York"), "2026-06-03T04:00:00Z"),
    ] {
        let mut w = world();
        zone.map(|zone| move_to(&mut w, zone).expect("moves"));
        w.ask(&ask("f", &[("units", 10)]).now());
        let denied = w.ask(&ask("f", &[("units", 1)]).now());
        let first = denied.unblock.expect("an answer").ways.into_iter().find_map(|way| way.at);
        assert_eq!((denied.outcome, first), (Outcome::Deny, Some(at(midnight))), "{zone:?}");
        w.now = at(midnight);
        assert_eq!(w.ask(&ask("f", &[("units", 1)]).now()).outcome, Outcome::Allow, "{zone:?}");
        trusted(&w, &catalog(CATALOG));
    }
}

/// Moving gains nothing: the day that has begun ends when it was to end.
#[test]
fn an_open_window_keeps_its_bounds_when_the_account_moves() {
    let mut w = world();
    w.ask(&ask("f", &[("units", 10)]).now());
    move_to(&mut w, "Asia/Tokyo").expect("moves");
    w.now = at("2026-06-02T23:59:59Z");
    assert_eq!(w.ask(&ask("f", &[("units", 1)]).now()).outcome, Outcome::Deny);
    w.now = at("2026-06-03T00:00:00Z");
    assert_eq!(w.ask(&ask("f", &[("units", 10)]).now()).outcome, Outcome::Allow);
    // It is the third in Tokyo until 15:00.
    w.now = at("2026-06-03T15:00:00Z");
    assert_eq!(w.ask(&ask("f", &[("units", 10)]).now()).outcome, Outcome::Allow);
    assert_eq!(move_to(&mut w, "Mars/Olympus"), Err(Refusal::UnknownZone));
    trusted(&w, &catalog(CATALOG));
}

/// By hand: ten in New York's day of 7 February, ten in Tokyo's of the eighth, which begins when New York's has ended. What comes back of
/// the first gives no room in the second.
#[test]
fn what_comes_back_of_the_old_day_gives_no_room_in_the_new_one() {
    let text = CATALOG.replace(
        "waterfall = [",
        "waterfall = [{ allowance = { name = \"included\", windows = [{ name = \"day\", window.fixed = { limit = \"10\", every = \"day\", zone = \"account\" } }] } }, ",
    );
    let text = text.replace("limit = 10,", "limit = 1000,");
    let mut w = World::new(&text, "p");
    w.now = at("2026-07-08T01:00:00Z");
    move_to(&mut w, "America/New_York").expect("moves");
    w.ask(&ask("f", &[("units", 10)]).now());
    let first = w.account.seq;
    move_to(&mut w, "Asia/Tokyo").expect("moves");
    w.now = at("2026-07-08T04:00:00Z");
    let second = w.ask(&ask("f", &[("units", 10)]).now());
    assert_eq!(second.outcome, Outcome::Allow, "a new day");
    w.apply(refund(first, None)).expect("refunds");
    assert_eq!(w.ask(&ask("f", &[("units", 1)]).now()).outcome, Outcome::Deny);
    // Tokyo's day ends at its midnight.
    w.now = at("2026-07-08T14:59:59Z");
    assert_eq!(w.ask(&ask("f", &[("units", 1)]).now()).outcome, Outcome::Deny);
    w.now = at("2026-07-08T15:00:00Z");
    assert_eq!(w.ask(&ask("f", &[("units", 10)]).now()).outcome, Outcome::Allow);
    trusted(&w, &catalog(&text));
}
