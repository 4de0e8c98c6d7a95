//! Prices that bill in steps and with a minimum: a call of 61 seconds costs 66. Expected values are worked by hand.

use headworks_core::catalog::{Catalog, Format};
use headworks_core::command::{Command, Extend};
use headworks_core::record::{Category, HoldId, Outcome, Seq};
use headworks_core::waterfall::Authorize;

use crate::audit::trusted;
use crate::common::{AskExt as _, World, ask, catalog, correct, quantities, refund, to};
use crate::turned_out::dimensions;

/// A second of a call costs 0.001, billed by six seconds, at least thirty; abroad by sixty, for three times as much. A second of
/// a message costs the same without either.
const CATALOG: &str = r#"
version = "t"
[meters]
seconds = { unit = "second" }
[features.call]
meters = ["seconds"]
rate_card = "card"
[features.metered]
meters = ["seconds"]
rate_card = "card"
allowance_unit = "seconds"
[[rate_cards.card]]
effective_from = "2020-01-01T00:00:00Z"
prices = [
  { credits = { seconds = "0.001" }, step = { seconds = 6 }, minimum = { seconds = 30 } },
  { when = { to = "far" }, credits = { seconds = "0.003" }, step = { seconds = 60 } },
  { when = { to = "near" }, like = { to = "far" }, factor = "0.5" },
  { when = { to = "home" }, credits = { seconds = "0.001" } },
]
[plans.p]
features = ["call", "metered"]
waterfall = [
  { allowance = { name = "seconds", features = ["metered"], windows = [{ name = "day", window.fixed = { limit = 100, every = "day" } }] } },
  { grants = { name = "credits" } },
]
"#;

fn world(credits: &str) -> World {
    let mut w = World::new(CATALOG, "p");
    w.grant(credits, Category::Purchased);
    w
}

fn call(seconds: u64) -> Authorize {
    ask("call", &[("seconds", seconds)])
}

fn extend(w: &mut World, hold: Seq, seconds: u64) -> String {
    let more = Extend {
        hold: HoldId(hold),
        quantities: quantities(&[("seconds", seconds)]),
        more: Vec::new(),
        minimum: None,
        life: None,
        progress: None,
        consented: false,
    };
    let step = w.run(&Command::Extend(more)).expect("decides");
    w.fold(step).price.to_string()
}

fn price(w: &World) -> String {
    w.charge().price.to_string()
}

#[test]
fn a_step_that_is_begun_is_billed_whole() {
    let mut w = world("100");
    for (seconds, to, costs) in [
        (61, None, "0.066"),
        (60, None, "0.06"),
        (1, None, "0.03"),
        (0, None, "0"),
        (61, Some("to=far"), "0.36"),
        (1, Some("to=far"), "0.18"),
        (61, Some("to=near"), "0.18"),
        (61, Some("to=home"), "0.061"),
    ] {
        let mut asked = call(seconds);
        asked.request.dimensions = to.map(dimensions).unwrap_or_default();
        assert_eq!(w.ask(&asked.now()).price.to_string(), costs, "{seconds} {to:?}");
    }
    trusted(&w, &catalog(CATALOG));
}

#[test]
fn a_hold_that_grows_pays_what_it_would_have_paid_at_once() {
    let mut w = world("100");
    assert_eq!(w.ask(&call(1)).price.to_string(), "0.03");
    let hold = w.account.seq;
    // Up to 30 seconds are billed already, then each six that begin.
    assert_eq!(extend(&mut w, hold, 29), "0");
    assert_eq!(extend(&mut w, hold, 1), "0.006");
    assert_eq!(extend(&mut w, hold, 5), "0");
    assert_eq!(extend(&mut w, hold, 25), "0.03");
    assert_eq!(w.available(), "99.934");
    // 61 seconds are billed as 66, also where they end below what is held.
    w.settle(hold, &[("seconds", 55)]).expect("settles");
    assert_eq!((price(&w), w.available()), ("0.06".into(), "99.94".into()));
    trusted(&w, &catalog(CATALOG));
}

#[test]
fn use_beyond_a_hold_is_billed_with_it() {
    let mut w = world("100");
    w.ask(&call(20));
    let hold = w.account.seq;
    w.settle(hold, &[("seconds", 30)]).expect("settles");
    assert_eq!((price(&w), w.available()), ("0.03".into(), "99.97".into()), "the hold was billed for 30");
    w.ask(&call(20));
    let hold = w.account.seq;
    let charge = w.settle(hold, &[("seconds", 61)]).expect("settles");
    assert_eq!((price(&w), w.available()), ("0.066".into(), "99.904".into()));
    let corrected = w.apply(correct(charge, &to(&[("seconds", 31)]))).expect("corrects");
    assert_eq!((price(&w), w.available()), ("0.036".into(), "99.934".into()));
    w.apply(refund(corrected, None)).expect("refunds");
    assert_eq!(w.available(), "99.97");
    trusted(&w, &catalog(CATALOG));
}

#[test]
fn an_allowance_of_a_meter_counts_what_is_billed() {
    let mut w = world("1");
    let metered = |seconds: u64| ask("metered", &[("seconds", seconds)]);
    assert_eq!(w.ask(&metered(61).now()).price.to_string(), "0.066");
    assert_eq!(w.available(), "1", "66 of 100 seconds are used");
    // 34 seconds are left of 36: two are paid in credits.
    w.ask(&metered(31));
    let hold = w.account.seq;
    assert_eq!(w.available(), "0.998");
    // What it grows by is not billed up to 36.
    assert_eq!(extend(&mut w, hold, 5), "0");
    w.settle(hold, &[("seconds", 3)]).expect("settles");
    assert_eq!(w.available(), "1");
    // 66 and 30 are used; of 30 more the allowance pays four.
    assert_eq!(w.ask(&metered(1).now()).price.to_string(), "0.03");
    assert_eq!(w.available(), "0.974");
    trusted(&w, &catalog(CATALOG));
}

#[test]
fn less_is_granted_up_to_a_whole_step() {
    let mut w = world("0.05");
    let decision = w.ask(&call(61).at_least("seconds", 1));
    // 50 seconds could be paid; 48 are eight steps.
    assert_eq!((decision.outcome, decision.price.to_string()), (Outcome::Partial, "0.048".to_owned()));
    let hold = w.account.seq;
    assert_eq!(w.account.hold(HoldId(hold)).expect("a hold").usage.quantity("seconds"), 48);
    let denied = w.ask(&call(1).now());
    let ways = denied.unblock.expect("an answer").ways;
    assert!(format!("{ways:?}").contains("28000000"), "0.03 less 0.002 are to be bought: {ways:?}");
    trusted(&w, &catalog(CATALOG));
}

#[test]
fn a_step_belongs_to_a_price() {
    for (from, to, words) in [
        ("step = { seconds = 6 }", "step = { secnds = 6 }", "step.secnds: `secnds` has no price here"),
        ("step = { seconds = 6 }", "step = { seconds = 0 }", "step.seconds: 0 units are not possible"),
        (
            "minimum = { seconds = 30 }",
            "minimum = { requests = 1 }",
            "minimum.requests: `requests` has no price",
        ),
        ("factor = \"0.5\"", "factor = \"0.5\", step = { seconds = 6 }", "`seconds` has no price here"),
    ] {
        let problems =
            Catalog::parse(&CATALOG.replacen(from, to, 1), Format::Toml).expect_err(to).to_string();
        assert!(problems.contains(words), "{problems}");
    }
}

/// Worked by hand: a tenth of a nano-credit for each second, and half of three nano-credits for each seven.
#[test]
fn a_hold_that_grows_under_a_factor_is_rounded_once() {
    for (price, factor, first, more, held) in [
        ("0.000000001", "0.1", 1, 6, 1),
        ("0.000000001", "0.1", 1, 10, 2),
        ("0.000000003\" }, step = { seconds = \"7", "0.5", 7, 1, 21),
        ("0.000000003\" }, step = { seconds = \"7", "0.5", 7, 0, 11),
    ] {
        let text = CATALOG
            .replacen("seconds = \"0.001\" }, step = { seconds = 6 }, minimum = { seconds = 30 }", &format!("seconds = \"{price}\" }}"), 1)
            .replace("seconds = \"7\"", "seconds = 7")
            .replace("features = [\"call\", \"metered\"]\nwaterfall", &format!("features = [\"call\"]\nprice_factor = \"{factor}\"\nwaterfall"))
            .replace("  { allowance = { name = \"seconds\", features = [\"metered\"], windows = [{ name = \"day\", window.fixed = { limit = 100, every = \"day\" } }] } },\n", "");
        let mut w = World::new(&text, "p");
        w.grant("1", Category::Purchased);
        w.ask(&call(first));
        let hold = w.account.seq;
        for _ in 0..more {
            extend(&mut w, hold, 1);
        }
        let left = 1_000_000_000 - held;
        assert_eq!(w.available(), format!("0.{left}"), "{price} {factor} {more}");
        w.settle(hold, &[("seconds", first + more)]).expect("settles");
        trusted(&w, &catalog(&text));
    }
}

/// Of 34 seconds a day, 30 are the most that can be billed in sixes.
#[test]
fn an_estimate_fits_what_it_is_billed() {
    let text = CATALOG
        .replace("allowance_unit = \"seconds\"", "allowance_unit = \"seconds\"\nestimate = { seconds = 100 }")
        .replace("limit = 100,", "limit = 34,");
    let mut w = World::new(&text, "p");
    w.fills = false;
    let decision = w.ask(&ask("metered", &[]));
    assert_eq!(decision.outcome, Outcome::Allow);
    let hold = HoldId(w.account.seq);
    assert_eq!(w.account.hold(hold).expect("a hold").usage.quantity("seconds"), 30);
    trusted(&w, &catalog(&text));
}
