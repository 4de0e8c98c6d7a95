//! The size of one request, and caps on the price: for life, by quarter, several side by side.

use headworks_core::command::{Command, Extend};
use headworks_core::record::{Category, HoldId, Outcome, Reason};
use headworks_core::waterfall::Authorize;

use crate::audit::trusted;
use crate::common::{AskExt as _, World, ask, at, catalog, quantities, refund, to};

/// A second costs one credit; ten credits a day are included.
const CATALOG: &str = r#"
version = "t"
[meters]
seconds = { unit = "second" }
[features.video]
meters = ["seconds"]
rate_card = "card"
hold = { life = "1h", life_max = "24h" }
[[rate_cards.card]]
effective_from = "2020-01-01T00:00:00Z"
prices = [{ feature = "video", credits = { seconds = "1" } }]
[plans.app]
features = ["video"]
guards = [
  { name = "longest", count = "seconds", window.size = { limit = 25 } },
  { name = "daily", window.spend_cap = { limit = "60", every = "day", counts = "price" } },
  { name = "quarterly", per = "user", window.spend_cap = { limit = "100", every = "quarter", counts = "price" } },
  { name = "lifetime", window.spend_cap = { limit = "1000", every = "life" } },
]
waterfall = [
  { allowance = { name = "included", windows = [{ name = "day", window.fixed = { limit = "10", every = "day" } }] } },
  { grants = { name = "credits" } },
]
"#;

fn world() -> World {
    let mut w = World::new(CATALOG, "app");
    w.now = at("2026-09-30T12:00:00Z");
    w.grant("5000", Category::Purchased);
    w
}

fn seconds(n: u64) -> Authorize {
    ask("video", &[("seconds", n)]).on_path("user:ann")
}

fn used(w: &World, window: &str) -> i64 {
    let views = headworks_core::view::windows(w.ctx()).expect("views");
    views.iter().find(|v| v.name.as_str() == window).map_or(0, |v| v.used / 1_000_000_000)
}

#[test]
fn a_request_beyond_the_size_is_denied_without_an_instant() {
    let mut w = world();
    let exact = w.ask(&seconds(25).now());
    assert_eq!(exact.outcome, Outcome::Allow);
    let over = w.ask(&seconds(26).now());
    assert_eq!((over.outcome, over.reason), (Outcome::Deny, Reason::ExceedsCapacity));
    assert_eq!(over.unblock.expect("an answer").ways, []);
    let shrunk = w.ask(&seconds(30).at_least("seconds", 5));
    assert_eq!((shrunk.outcome, shrunk.price.to_string()), (Outcome::Partial, "25".to_owned()));
    trusted(&w, &catalog(CATALOG));
}

#[test]
fn an_extension_adds_to_the_size_of_its_hold() {
    for (more, granted) in [(5, true), (6, false)] {
        let mut w = world();
        w.ask(&seconds(20));
        let extend = Extend {
            hold: HoldId(w.account.seq),
            quantities: quantities(&[("seconds", more)]),
            more: Vec::new(),
            minimum: None,
            life: None,
            progress: None,
            consented: false,
        };
        let step = w.run(&Command::Extend(extend)).expect("decides");
        assert_eq!(w.fold(step).outcome.is_granted(), granted, "{more}");
        trusted(&w, &catalog(CATALOG));
    }
}

#[test]
fn a_cap_on_the_price_counts_what_allowances_pay() {
    let mut w = world();
    w.ask(&seconds(20).now());
    assert_eq!((used(&w, "daily"), used(&w, "quarterly"), used(&w, "lifetime")), (20, 20, 10));
    w.ask(&seconds(25));
    let hold = w.account.seq;
    assert_eq!((used(&w, "daily"), used(&w, "lifetime")), (45, 35));
    let over = w.ask(&seconds(16).now());
    assert_eq!((over.outcome, over.reason), (Outcome::Deny, Reason::SpendCap));
    // The hold settles for less: the rest is free again.
    w.settle(hold, &[("seconds", 5)]).expect("settles");
    assert_eq!((used(&w, "daily"), used(&w, "lifetime")), (25, 15));
    assert_eq!(w.ask(&seconds(16).now()).outcome, Outcome::Allow);
    // Each cap ends by itself: the day first, then the quarter, for life never.
    w.now = at("2026-10-01T00:00:00Z");
    assert_eq!((used(&w, "daily"), used(&w, "quarterly"), used(&w, "lifetime")), (0, 0, 31));
    trusted(&w, &catalog(CATALOG));
}

#[test]
fn what_is_beyond_a_hold_counts_and_refunds_give_room_back() {
    let mut w = world();
    w.ask(&seconds(10));
    let hold = w.account.seq;
    let charge = w.settle(hold, &[("seconds", 25)]).expect("settles");
    // 10 included, 15 in credits.
    assert_eq!((used(&w, "daily"), used(&w, "lifetime")), (25, 15));
    w.apply(refund(charge, Some("4"))).expect("refunds");
    assert_eq!((used(&w, "daily"), used(&w, "lifetime")), (21, 11));
    // The rest, with it what the allowance paid.
    w.apply(refund(charge, None)).expect("refunds");
    assert_eq!((used(&w, "daily"), used(&w, "lifetime")), (0, 0));
    trusted(&w, &catalog(CATALOG));
    let mut w = world();
    w.ask(&seconds(25).now());
    w.apply(crate::common::correct(w.account.seq, &to(&[("seconds", 12)]))).expect("corrects");
    assert_eq!((used(&w, "daily"), used(&w, "lifetime")), (12, 2));
    trusted(&w, &catalog(CATALOG));
}

#[test]
fn a_price_above_the_whole_cap_has_no_instant() {
    let mut w = World::new(&CATALOG.replace("limit = 25 }", "limit = 2500 }"), "app");
    w.grant("5000", Category::Purchased);
    let over = w.ask(&seconds(61).now());
    assert_eq!((over.outcome, over.reason), (Outcome::Deny, Reason::ExceedsCapacity));
    let exact = w.ask(&seconds(60).now());
    assert_eq!(exact.outcome, Outcome::Allow);
}

#[test]
fn corrections_count_in_a_cap_on_the_price_both_ways() {
    let mut w = world();
    w.ask(&seconds(20).now());
    for (n, day) in [(10, 10), (24, 24), (5, 5), (12, 12)] {
        w.apply(crate::common::correct(w.account.seq, &to(&[("seconds", n)]))).expect("corrects");
        assert_eq!(used(&w, "daily"), day, "{n}");
    }
    trusted(&w, &catalog(CATALOG));
}
