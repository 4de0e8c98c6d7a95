//! Seats: an allowance for those that hold one, with use that stays with the seat.

use headworks_core::catalog::{Catalog, Format};
use headworks_core::command::{Command, Extend, NewSeat, Step};
use headworks_core::record::{
    Category, Decision, Draw, HoldId, Level, Lifter, Outcome, Reason, Segment, Seq, Wall,
};
use headworks_core::view;
use headworks_core::waterfall::{Authorize, Refusal};

use crate::audit::trusted;
use crate::closed::closing;
use crate::common::{AskExt as _, World, ask, at, catalog, name, overriding, quantities};

/// A token costs a credit. A seat brings 10 in five hours, a premium seat 40; then the pool pays.
const CATALOG: &str = r#"
version = "t"
meters = { tokens = { unit = "token" } }
[features.chat]
meters = ["tokens"]
rate_card = "card"
hold = { life = "1h", life_max = "24h" }
[[rate_cards.card]]
effective_from = "2020-01-01T00:00:00Z"
prices = [{ credits = { tokens = "1" } }]
[plans.p]
features = ["chat"]
guards = [{ name = "rpm", per = "user", window.fixed = { limit = 3, every = "hour" } }]
waterfall = [
  { allowance = { name = "included", per = "seat", windows = [{ name = "five_hours", window.first_use = { limit = "10", length = "5h" } }] } },
  { grants = { name = "credits" } },
]
[plans.p.seats]
required = true
[plans.p.seats.types]
standard = {}
premium = { "included.five_hours" = "40", rpm = 5 }
"#;

fn world(text: &str) -> World {
    let mut w = World::new(text, "p");
    w.grant("100", Category::Purchased);
    w
}

/// The plan without `required`.
fn optional() -> String {
    CATALOG.replace("required = true", "required = false")
}

fn user(of: &str) -> Segment {
    Segment { level: Level::User, name: name(of) }
}

pub(crate) fn set(w: &mut World, seat: &str, kind: Option<&str>, member: Option<&str>) {
    w.apply(seat_of(seat, kind, member)).expect("sets the seat");
}

fn seat_of(seat: &str, kind: Option<&str>, member: Option<&str>) -> Command {
    Command::SetSeat(NewSeat {
        name: name(seat),
        kind: kind.map(|kind| Some(name(kind))),
        member: Some(member.map(user)),
        exists: false,
        reason: None,
    })
}

fn chat(who: &str, tokens: u64) -> Authorize {
    ask("chat", &[("tokens", tokens)]).now().on_path(&format!("user:{who}"))
}

/// Whether a hold may grow by so many tokens. Nothing is written.
fn grows(w: &World, hold: Seq, tokens: u64) -> bool {
    let more = Extend {
        hold: HoldId(hold),
        quantities: quantities(&[("tokens", tokens)]),
        more: Vec::new(),
        minimum: None,
        life: None,
        progress: None,
        consented: false,
    };
    matches!(w.run(&Command::Extend(more)).expect("decides"), Step::Append(_))
}

/// What the allowance paid, and what credits did.
fn paid(decision: &Decision) -> (i64, i64) {
    drawn(&decision.draws)
}

fn drawn(draws: &[Draw]) -> (i64, i64) {
    let of = |layer: &str| {
        let draws = draws.iter().filter(|d| d.layer.as_str() == layer);
        draws.map(|d| d.amount / 1_000_000_000).sum()
    };
    (of("included"), of("credits"))
}

#[test]
fn a_seat_brings_an_allowance() {
    let mut w = world(CATALOG);
    set(&mut w, "s1", Some("standard"), Some("ann"));
    assert_eq!(paid(&w.ask(&chat("ann", 12))), (10, 2));
    let usage = &w.charge().usage;
    assert_eq!(usage.path.to_string(), "user:ann/seat:s1");
    trusted(&w, &catalog(CATALOG));
}

/// Nobody on the path holds one: denied, or paid by what comes after the allowance.
#[test]
fn without_a_seat_requests_are_denied_or_paid_by_others() {
    let mut w = world(CATALOG);
    set(&mut w, "s1", None, Some("ann"));
    let denied = w.ask(&chat("bob", 1));
    assert_eq!((denied.outcome, denied.reason), (Outcome::Deny, Reason::NoSeat));
    assert_eq!(denied.wall, Some(Wall::Path(Level::Account)));
    let unblock = denied.unblock.expect("what unblocks it");
    assert_eq!((unblock.ways.len(), unblock.by), (0, Lifter::AccountAdmin));

    let text = optional();
    let mut w = world(&text);
    set(&mut w, "s1", None, Some("ann"));
    assert_eq!(paid(&w.ask(&chat("bob", 1))), (0, 1));
    assert_eq!(paid(&w.ask(&ask("chat", &[("tokens", 1)]).now())), (0, 1), "nobody in particular");
    trusted(&w, &catalog(&text));
}

/// A seat that moves takes along what was used of it, to the end of its window.
#[test]
fn what_a_seat_has_used_stays_with_it() {
    let mut w = world(CATALOG);
    set(&mut w, "s1", None, Some("ann"));
    w.ask(&chat("ann", 8));
    set(&mut w, "s1", None, Some("bob"));
    assert_eq!(w.ask(&chat("ann", 1)).reason, Reason::NoSeat);
    assert_eq!(paid(&w.ask(&chat("bob", 5))), (2, 3));
    // It comes back to ann: still used up. A new window is a new one.
    set(&mut w, "s1", None, Some("ann"));
    assert_eq!(paid(&w.ask(&chat("ann", 1))), (0, 1));
    w.pass("5h");
    w.pass("1s");
    assert_eq!(paid(&w.ask(&chat("ann", 1))), (1, 0));
    trusted(&w, &catalog(CATALOG));
}

/// A type has figures of its own, also in mid-window; an override goes before them.
#[test]
fn a_type_of_seat_has_its_own_figures() {
    let mut w = world(CATALOG);
    set(&mut w, "s1", Some("standard"), Some("ann"));
    w.ask(&chat("ann", 8));
    let left = |w: &World| {
        let all = view::windows(w.ctx()).expect("windows");
        let of = |of: &str| all.iter().find(|w| w.name.as_str() == of).map(|w| (w.limit, w.remaining));
        [of("included.five_hours"), of("rpm")]
    };
    const NANO: i64 = 1_000_000_000;
    assert_eq!(left(&w), [Some((10 * NANO, 2 * NANO)), Some((3, 2))]);
    set(&mut w, "s1", Some("premium"), Some("ann"));
    assert_eq!(left(&w), [Some((40 * NANO, 32 * NANO)), Some((5, 4))]);
    assert_eq!(paid(&w.ask(&chat("ann", 33))), (32, 1));
    let mut own = overriding("included.five_hours", "45");
    own.path = "user:ann".parse().expect("a path");
    w.apply(Command::Override(own)).expect("overrides");
    assert_eq!(paid(&w.ask(&chat("ann", 6))), (5, 1));
    trusted(&w, &catalog(CATALOG));
}

/// Holds of a seat that is removed settle as they were opened; only new requests are denied.
#[test]
fn a_hold_outlives_its_seat() {
    let mut w = world(CATALOG);
    set(&mut w, "s1", None, Some("ann"));
    w.ask(&ask("chat", &[("tokens", 6)]).on_path("user:ann"));
    let hold = w.account.seq;
    w.apply(Command::RemoveSeat { seat: name("s1"), reason: None }).expect("removes");
    assert_eq!(w.ask(&chat("ann", 1)).reason, Reason::NoSeat);
    w.settle(hold, &[("tokens", 4)]).expect("settles");
    assert_eq!(w.charge().draws[0].layer, name("included"));
    trusted(&w, &catalog(CATALOG));
}

#[test]
fn late_use_and_resets_are_of_the_seat() {
    let mut w = world(CATALOG);
    set(&mut w, "s1", None, Some("ann"));
    let request = ask("chat", &[("tokens", 3)]).on_path("user:ann").request;
    w.apply(Command::Record { request, at: Some(at("2026-06-01T11:30:00Z")) }).expect("records");
    assert_eq!(w.charge().usage.path.to_string(), "user:ann/seat:s1");
    w.ask(&chat("ann", 9));
    let windows = vec![name("included.five_hours")];
    w.apply(Command::Bank { windows, expires_at: None, reference: None }).expect("banks");
    let path = "user:ann".parse().expect("a path");
    w.apply(Command::Redeem { reset: None, path, reason: None }).expect("redeems");
    assert_eq!(paid(&w.ask(&chat("ann", 10))), (10, 0));
    trusted(&w, &catalog(CATALOG));
}

/// The period that is closed for a member is the one in which a request of theirs would count.
#[test]
fn a_period_closed_for_a_member_is_that_of_their_seat() {
    let text = CATALOG.replace(
        "window.first_use = { limit = \"10\", length = \"5h\" }",
        "window.fixed = { limit = \"10\", every = \"manual\" }",
    );
    let mut w = world(&text);
    set(&mut w, "s1", None, Some("ann"));
    assert_eq!(paid(&w.ask(&chat("ann", 11))), (10, 1));
    w.apply(closing(&["included.five_hours"], "user:ann")).expect("closes");
    assert_eq!(paid(&w.ask(&chat("ann", 11))), (10, 1));
    trusted(&w, &catalog(&text));
}

/// Nobody without a seat has such a period: what is to be closed has to be named.
#[test]
fn a_period_per_seat_is_closed_for_a_seat() {
    let text = CATALOG.replace(
        "window.first_use = { limit = \"10\", length = \"5h\" }",
        "window.fixed = { limit = \"10\", every = \"manual\" }",
    );
    let mut w = world(&text);
    set(&mut w, "s1", None, Some("ann"));
    let close = |path: &str| closing(&["included.five_hours"], path);
    for path in ["", "user:bob", "team:red"] {
        let refused = w.run(&close(path)).expect_err("refused");
        assert_eq!(refused, Refusal::ClosesPerSeat(name("included.five_hours")), "{path}");
        assert!(refused.to_string().contains("seat:s1"), "{refused}");
    }
    for path in ["user:ann", "seat:s1"] {
        w.pass("1h");
        w.ask(&chat("ann", 10));
        w.apply(close(path)).expect("closes");
        assert_eq!(paid(&w.ask(&chat("ann", 11))), (10, 1), "{path}");
        w.apply(close(path)).expect("closes");
    }
    trusted(&w, &catalog(&text));
}

/// A guard counts all who have no seat together, and their period is closed like that of a seat.
#[test]
fn the_period_of_all_without_a_seat_is_closed_too() {
    let text = optional().replace(
        "name = \"rpm\", per = \"user\", window.fixed = { limit = 3, every = \"hour\" }",
        "name = \"rpm\", per = \"seat\", window.fixed = { limit = 3, every = \"manual\" }",
    );
    assert!(text.contains("manual"), "{text}");
    let mut w = world(&text);
    set(&mut w, "s1", None, Some("ann"));
    let close = |path: &str| closing(&["rpm"], path);
    for user in ["bob", "eve", "bob"] {
        w.ask(&chat(user, 1));
    }
    assert_eq!(w.ask(&chat("eve", 1)).reason, Reason::FixedLimit);
    w.apply(close("user:bob")).expect("closes");
    assert!(w.ask(&chat("eve", 1)).outcome.is_granted());
    assert_eq!(w.run(&close("seat:s9")).expect_err("refused"), Refusal::UnknownSeat(name("s9")));
    trusted(&w, &catalog(&text));
}

/// Where only seats pay, a request without one is denied for that, free or not; with one it is denied once all is used.
#[test]
fn what_only_seats_pay_needs_a_seat() {
    for price in ["0", "1"] {
        let text = optional()
            .replace("tokens = \"1\"", &format!("tokens = \"{price}\""))
            .replace("meters = [\"tokens\"]\n", "meters = [\"tokens\"]\nallowance_unit = \"tokens\"\n")
            .replace("limit = \"10\"", "limit = 10")
            .replace("= \"40\"", "= 40")
            .replace("  { grants = { name = \"credits\" } },\n", "");
        let mut w = world(&text);
        set(&mut w, "s1", None, Some("ann"));
        let denied = w.ask(&chat("bob", 1));
        assert_eq!(
            (denied.reason, denied.wall),
            (Reason::NoSeat, Some(Wall::Path(Level::Account))),
            "{price}"
        );
        assert_eq!(denied.unblock.expect("what unblocks it").by, Lifter::AccountAdmin);
        w.ask(&chat("ann", 10));
        assert_eq!(w.ask(&chat("ann", 1)).reason, Reason::AllowanceUsed, "{price}");
        trusted(&w, &catalog(&text));
    }
}

/// What a hold of 4 may grow to, and what its settlement at 30 draws from the allowance, are figures of the seat that it was opened with,
/// as that seat is now: 10 without one, 5 with a small one, 20 with a premium one.
#[test]
fn a_later_change_reaches_holds_of_the_seat_alone() {
    let text = |window: &str| {
        format!(
            r#"
version = "t"
meters = {{ tokens = {{ unit = "token" }} }}
[features.chat]
meters = ["tokens"]
rate_card = "card"
hold = {{ life = "1h", life_max = "24h" }}
[[rate_cards.card]]
effective_from = "2020-01-01T00:00:00Z"
prices = [{{ credits = {{ tokens = "1" }} }}]
[plans.p]
features = ["chat"]
guards = [{{ name = "tpm", per = "user", count = "tokens", window.{window} }}]
waterfall = [
  {{ allowance = {{ name = "included", per = "user", windows = [{{ name = "day", window.fixed = {{ limit = "10", every = "day" }} }}] }} }},
  {{ grants = {{ name = "credits" }} }},
]
seats = {{ types = {{ small = {{ "included.day" = "5", tpm = 5 }}, premium = {{ "included.day" = "20", tpm = 20 }} }} }}
"#
        )
    };
    let overridden = |w: &mut World, path: &str, figure: &str| {
        for limit in ["tpm", "included.day"] {
            let mut own = overriding(limit, figure);
            own.path = path.parse().expect("a path");
            w.apply(Command::Override(own)).expect("overrides");
        }
    };
    let remove = |w: &mut World| {
        w.apply(Command::RemoveSeat { seat: name("s1"), reason: None }).expect("removes");
    };
    type Change<'a> = &'a dyn Fn(&mut World);
    let rows: [(&str, Option<&str>, Change<'_>, u64); 11] = [
        ("nothing changes", None, &|_| {}, 10),
        ("she gets a better one", None, &|w| set(w, "s1", Some("premium"), Some("ann")), 10),
        ("she gets a smaller one", None, &|w| set(w, "s1", Some("small"), Some("ann")), 10),
        ("all of hers is overridden", None, &|w| overridden(w, "user:ann", "8"), 8),
        (
            "a seat that she gets is overridden",
            None,
            &|w| {
                set(w, "s1", Some("premium"), Some("ann"));
                overridden(w, "seat:s1", "8");
            },
            10,
        ),
        ("she keeps her seat", Some("premium"), &|_| {}, 20),
        ("her seat is of a smaller type", Some("premium"), &|w| set(w, "s1", Some("small"), Some("ann")), 5),
        ("her seat is of a better type", Some("small"), &|w| set(w, "s1", Some("premium"), Some("ann")), 20),
        ("another gets it", Some("premium"), &|w| set(w, "s1", Some("premium"), Some("bob")), 20),
        ("it is removed", Some("premium"), &remove, 10),
        ("it is overridden", Some("premium"), &|w| overridden(w, "seat:s1", "8"), 8),
    ];
    let windows = [
        "fixed = { limit = 10, every = \"day\" }",
        "growth = { start = 10, percent = 50, max = 10, every = \"day\" }",
    ];
    for (window, (what, opened_with, change, most)) in
        windows.iter().flat_map(|w| rows.iter().map(move |r| (w, r)))
    {
        let text = text(window);
        let mut w = world(&text);
        set(&mut w, "s1", *opened_with, opened_with.map(|_| "ann"));
        w.ask(&ask("chat", &[("tokens", 4)]).on_path("user:ann"));
        let hold = w.account.seq;
        change(&mut w);
        assert!(grows(&w, hold, most - 4), "{what}: {window}");
        assert!(!grows(&w, hold, most - 3), "{what}: {window}");
        w.settle(hold, &[("tokens", 30)]).expect("settles");
        let most = i64::try_from(*most).expect("small");
        assert_eq!(drawn(&w.charge().draws), (most, 30 - most), "{what}");
        trusted(&w, &catalog(&text));
    }
}

/// New requests need a seat. A hold from before they did does not when it grows: it could not get one.
#[test]
fn a_hold_from_before_seats_were_required_grows_without_one() {
    let text = optional() + "[plans.strict]\nextends = \"p\"\nseats = { required = true }\n";
    let mut w = world(&text);
    w.ask(&ask("chat", &[("tokens", 5)]).on_path("user:ann"));
    let hold = w.account.seq;
    w.settings(|s| s.plan = name("strict"));
    assert_eq!(w.ask(&chat("ann", 1)).reason, Reason::NoSeat);
    assert!(grows(&w, hold, 8));
    w.settle(hold, &[("tokens", 13)]).expect("settles");
    assert_eq!(w.available(), "87", "of 100");
    trusted(&w, &catalog(&text));
}

#[test]
fn seats_that_cannot_be_are_refused() {
    let mut w = world(CATALOG);
    set(&mut w, "s1", None, Some("ann"));
    set(&mut w, "s2", None, None);
    let refused = |w: &World, command: &Command| w.run(command).expect_err("refused");
    assert_eq!(refused(&w, &seat_of("s2", None, Some("ann"))), Refusal::HasSeat(name("s1")));
    assert!(matches!(refused(&w, &seat_of("s2", Some("gold"), None)), Refusal::BadSeat(_)));
    let assign = NewSeat { name: name("s3"), kind: None, member: Some(None), exists: true, reason: None };
    assert_eq!(refused(&w, &Command::SetSeat(assign)), Refusal::UnknownSeat(name("s3")));
    let remove = Command::RemoveSeat { seat: name("s3"), reason: None };
    assert_eq!(refused(&w, &remove), Refusal::UnknownSeat(name("s3")));
    // A caller does not choose a seat.
    let chosen = Command::Authorize(ask("chat", &[("tokens", 1)]).on_path("user:ann/seat:s2"));
    assert!(matches!(refused(&w, &chosen), Refusal::BadSeat(_)));
    assert_eq!(view::seats(w.ctx()).len(), 2);
}

#[test]
fn figures_of_types_are_checked() {
    for (types, wrong) in [
        ("premium = { weekly = 5 }", "the plan has no limit `weekly`"),
        ("premium = { \"included.five_hours\" = \"-1\" }", "no figure of `included.five_hours`"),
        ("premium = { rpm = \"2.5\" }", "no figure of `rpm`"),
        ("premium = { price_factor = \"0.5\" }", "is not the limit of one member"),
    ] {
        let text = CATALOG.replace("premium = { \"included.five_hours\" = \"40\", rpm = 5 }", types);
        let problems = Catalog::parse(&text, Format::Toml).expect_err("refused").to_string();
        assert!(problems.contains(wrong), "{types}: {problems}");
    }
}
