//! Factors on prices: by plan, tier and account. One rounding, of the whole price.

use headworks_core::command::{Command, NewOverride};
use headworks_core::record::{Category, Instant, Tier};

use crate::audit::trusted;
use crate::common::{AskExt as _, World, ask, at, catalog, credits, name, overriding};

/// An input costs 3 nano-credits, an output 2.5 credits.
const CATALOG: &str = r#"
version = "t"
[meters]
input = { unit = "token" }
output = { unit = "token" }
[features.chat]
meters = ["input", "output"]
rate_card = "card"
[features.task]
meters = ["requests"]
rate_card = "card"
allowance_unit = "requests"
[[rate_cards.card]]
effective_from = "2020-01-01T00:00:00Z"
prices = [
  { feature = "chat", credits = { input = "0.000000003", output = "2.5" } },
  { feature = "task", credits = { requests = "1" } },
]
[plans.education]
features = ["chat", "task"]
price_factor = "0.665"
waterfall = [
  { allowance = { name = "included", features = ["chat"], windows = [{ name = "day", window.fixed = { limit = "1", every = "day" } }] } },
  { allowance = { name = "tasks", features = ["task"], windows = [{ name = "day", window.fixed = { limit = 1, every = "day" } }] } },
  { grants = { name = "credits" } },
]
[plans.tiered]
features = ["chat"]
price_factor = { paid = "0.9", contract = "1.25" }
waterfall = [{ grants = { name = "credits" } }]
"#;

fn world(plan: &str) -> World {
    let mut w = World::new(CATALOG, plan);
    w.now = at("2026-07-03T10:00:00Z");
    w
}

fn override_factor(w: &mut World, value: &str, until: Option<Instant>) -> u64 {
    let new = NewOverride { until, ..overriding("price_factor", value) };
    w.apply(Command::Override(new)).expect("overrides")
}

/// Worked by hand, in nano-credits: 0.665 × 3 n, to the nearest, half to even; a hold is rounded up.
#[test]
fn the_whole_price_is_rounded_once() {
    let rows = [
        // 1.995, 3.99, 199.5 and 598.5: halves go to the even one.
        (1, "0.000000002", "0.000000002"),
        (2, "0.000000004", "0.000000004"),
        (100, "0.0000002", "0.0000002"),
        (300, "0.000000598", "0.000000599"),
        (1_000, "0.000001995", "0.000001995"),
        // 9.975: five charges of one would come to 10.
        (5, "0.00000001", "0.00000001"),
        (7, "0.000000014", "0.000000014"),
    ];
    for (input, charged, held) in rows {
        let mut w = world("education");
        let decision = w.ask(&ask("chat", &[("input", input)]).now());
        assert_eq!(decision.price, credits(charged), "{input}");
        trusted(&w, &catalog(CATALOG));
        let mut w = world("education");
        let hold = w.ask(&ask("chat", &[("input", input)]));
        assert_eq!(hold.price, credits(held), "{input} held");
        w.settle(w.account.seq, &[("input", input)]).expect("settles");
        assert_eq!(w.charge().price, credits(charged), "{input} settled");
        trusted(&w, &catalog(CATALOG));
    }
}

#[test]
fn sources_pay_what_is_left_of_the_price() {
    let mut w = world("education");
    w.grant("10", Category::Purchased);
    // 4 × 2.5 = 10; 6.65 of it: 1 included, 5.65 from the grant.
    let decision = w.ask(&ask("chat", &[("output", 4)]).now());
    assert_eq!((decision.price, w.available().as_str()), (credits("6.65"), "4.35"));
    let denied = w.ask(&ask("chat", &[("output", 3)]).now());
    let ways = denied.unblock.expect("ways").ways;
    assert_eq!(ways.iter().find_map(|way| way.purchase), Some(credits("0.6375")), "3 × 2.5 × 0.665 - 4.35");
    // An allowance that counts requests pays a request at any price.
    let task = w.ask(&ask("task", &[("requests", 1)]).now());
    assert_eq!((task.price, w.available().as_str()), (credits("0.665"), "4.35"));
    w.ask(&ask("task", &[("requests", 2)]).now());
    assert_eq!(w.available(), "3.02");
    trusted(&w, &catalog(CATALOG));
}

#[test]
fn a_hold_pins_its_factor_and_overrun_has_it_too() {
    let mut w = world("education");
    w.grant("10", Category::Purchased);
    w.ask(&ask("chat", &[("output", 2)]));
    let hold = w.account.seq;
    override_factor(&mut w, "1", None);
    w.settle(hold, &[("output", 4)]).expect("settles");
    assert_eq!((w.charge().price, w.available().as_str()), (credits("6.65"), "4.35"));
    assert_eq!(w.ask(&ask("chat", &[("output", 1)]).now()).price, credits("2.5"));
    trusted(&w, &catalog(CATALOG));
}

#[test]
fn tiers_and_accounts_have_factors_of_their_own() {
    let mut w = world("tiered");
    w.grant("100", Category::Free);
    let price = |w: &mut World| w.ask(&ask("chat", &[("output", 2)]).now()).price;
    assert_eq!(price(&mut w), credits("5"), "no factor is 1");
    w.settings(|s| s.tier = Some(Tier::Paid));
    assert_eq!(price(&mut w), credits("4.5"));
    w.settings(|s| s.tier = Some(Tier::Contract));
    assert_eq!(price(&mut w), credits("6.25"));
    override_factor(&mut w, "0.2", Some(at("2026-07-03T12:00:00Z")));
    assert_eq!(price(&mut w), credits("1"));
    let list = override_factor(&mut w, "none", Some(at("2026-07-03T11:00:00Z")));
    assert_eq!(price(&mut w), credits("5"), "none of its own, and not that of the plan");
    w.apply(Command::RemoveOverride { id: list, reason: None }).expect("removes");
    assert_eq!(price(&mut w), credits("1"));
    w.now = at("2026-07-03T12:00:00Z");
    assert_eq!(price(&mut w), credits("6.25"));
    override_factor(&mut w, "0", None);
    assert_eq!(price(&mut w), credits("0"));
    trusted(&w, &catalog(CATALOG));
}

#[test]
fn refunds_and_corrections_go_by_the_price() {
    let mut w = world("education");
    w.grant("10", Category::Purchased);
    w.ask(&ask("chat", &[("output", 4)]).now());
    let first = w.account.seq;
    w.apply(crate::common::correct(first, &crate::common::to(&[("output", 2)]))).expect("corrects");
    assert_eq!((w.charge().price, w.available().as_str()), (credits("3.325"), "7.675"));
    w.apply(crate::common::refund(w.account.seq, None)).expect("refunds");
    assert_eq!(w.available(), "10");
    trusted(&w, &catalog(CATALOG));
}

/// A feature whose allowances would count tokens, in a plan that has none: 4 × 2.5 × 0.65 = 6.5, of 7 granted; 0.5 are left.
#[test]
fn a_factor_leaves_no_units_to_pay() {
    const METERED: &str = r#"
version = "t"
meters.tokens.unit = "token"
[features.chat]
meters = ["tokens"]
allowance_unit = "tokens"
rate_card = "card"
[[rate_cards.card]]
effective_from = "2020-01-01T00:00:00Z"
prices = [{ credits = { tokens = "2.5" } }]
[plans.less]
features = ["chat"]
price_factor = "0.65"
waterfall = [{ grants = { name = "credits" } }]
"#;
    for (held, settled, left) in [(4, 4, "0.5"), (2, 4, "0.5"), (4, 1, "5.375")] {
        let mut w = World::new(METERED, "less");
        w.grant("7", Category::Purchased);
        w.ask(&ask("chat", &[("tokens", held)]));
        w.settle(w.account.seq, &[("tokens", settled)]).expect("settles");
        assert_eq!(w.available(), left, "{held} held, {settled} settled");
        trusted(&w, &catalog(METERED));
    }
}

/// An allowance that counts tokens pays them at whole prices: its plan has no factor, even if one was overridden on the plan before.
#[test]
fn an_overridden_factor_ends_with_the_plan_that_takes_one() {
    const METERED: &str = r#"
version = "t"
default_plan = "less"
meters.tokens.unit = "token"
[features.chat]
meters = ["tokens"]
allowance_unit = "tokens"
rate_card = "card"
[[rate_cards.card]]
effective_from = "2020-01-01T00:00:00Z"
prices = [{ credits = { tokens = "2.5" } }]
[plans.less]
features = ["chat"]
waterfall = [{ grants = { name = "credits" } }]
[plans.more]
features = ["chat"]
waterfall = [
  { allowance = { name = "included", windows = [{ name = "day", window.fixed = { limit = 3, every = "day" } }] } },
  { grants = { name = "credits" } },
]
"#;
    let mut w = World::new(METERED, "less");
    w.grant("100", Category::Purchased);
    override_factor(&mut w, "0.5", None);
    let price = |w: &mut World| w.ask(&ask("chat", &[("tokens", 4)]).now()).price;
    assert_eq!((price(&mut w), w.available().as_str()), (credits("5"), "95"));
    w.settings(|s| s.plan = name("more"));
    assert_eq!((price(&mut w), w.available().as_str()), (credits("10"), "92.5"), "three are included");
    w.settings(|s| s.plan = name("less"));
    assert_eq!((price(&mut w), w.available().as_str()), (credits("5"), "87.5"), "it is still in force");
    trusted(&w, &catalog(METERED));
}
