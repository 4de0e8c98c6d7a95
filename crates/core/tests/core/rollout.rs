//! Plans and caps that are tried: what they would have done is said, and nothing is refused.

use headworks_core::catalog::{Catalog, Format};
use headworks_core::record::{Category, Credits, Outcome, Reason, Verdict, Visit, VisitKind};
use headworks_core::waterfall::Authorize;

use crate::audit::trusted;
use crate::common::{AskExt as _, World, ask, catalog, credits};

/// On the plan to come a page costs half, and ten a day are the most.
const CATALOG: &str = r#"
version = "t"
[meters]
pages = { unit = "page" }
[features.scan]
meters = ["pages"]
rate_card = "card"
[[rate_cards.card]]
effective_from = "2020-01-01T00:00:00Z"
prices = [{ credits = { pages = "1" } }]
[plans.plus]
features = ["scan"]
rollout = { plan = "next" }
waterfall = [{ pool = { name = "shared", cap = { default = "5", every = "month", mode = "observe" } } }]
[plans.next]
features = ["scan"]
price_factor = "0.5"
guards = [{ name = "pages", count = ["pages"], window.fixed = { limit = 10, every = "day" } }]
waterfall = [{ grants = { name = "credits" } }]
"#;

fn world(text: &str) -> World {
    let mut w = World::new(text, "plus");
    w.grant("100", Category::Purchased);
    w
}

fn scan(pages: u64) -> Authorize {
    ask("scan", &[("pages", pages)]).on_path("user:ann").now()
}

fn of_plan(visits: &[Visit]) -> Vec<(Verdict, String)> {
    let tried = visits.iter().filter(|v| v.kind == VisitKind::Plan && v.name.as_str() == "next");
    let price = |v: &Visit| Credits::from_nano(v.before).to_string();
    tried.map(|v| (v.verdict, price(v))).collect()
}

#[test]
fn a_plan_is_observed_beside_the_one_in_force() {
    let mut w = world(CATALOG);
    let small = w.ask(&scan(4));
    assert_eq!((small.price, of_plan(&small.visits)), (credits("4"), vec![(Verdict::Passed, "2".into())]));
    // More than ten in one request would never pass there.
    let large = w.ask(&scan(12));
    assert_eq!(large.outcome, Outcome::Allow);
    assert_eq!(of_plan(&large.visits), [(Verdict::Observed, "6".into())]);
    // And the other way round: here 90 are too many, there they would cost half but pass no guard.
    let denied = w.ask(&scan(90));
    assert_eq!(denied.outcome, Outcome::Deny);
    assert_eq!(of_plan(&denied.visits), [(Verdict::Observed, "45".into())]);
    trusted(&w, &catalog(CATALOG));
}

#[test]
fn a_plan_is_in_force_for_a_share_of_the_accounts() {
    let all = CATALOG.replace("plan = \"next\" }", "plan = \"next\", accounts_percent = 100 }");
    let mut w = world(&all);
    let small = w.ask(&scan(4));
    assert_eq!((small.price, of_plan(&small.visits)), (credits("2"), vec![]));
    assert_eq!(w.ask(&scan(12)).reason, Reason::ExceedsCapacity);
    trusted(&w, &catalog(&all));
    // The account is on the same side of the line every time, and on the other one for some percentage.
    let price = |percent: u8| {
        let text = CATALOG
            .replace("plan = \"next\" }", &format!("plan = \"next\", accounts_percent = {percent} }}"));
        let mut w = world(&text);
        [w.ask(&scan(1)).price, w.ask(&scan(1)).price]
    };
    let prices: Vec<_> = (0..=100).map(price).collect();
    let chosen = prices.iter().position(|price| price[0] == credits("0.5")).expect("chosen at 100 %");
    for (percent, price) in prices.iter().enumerate() {
        let expected = if percent < chosen { credits("1") } else { credits("0.5") };
        assert_eq!(*price, [expected; 2], "{percent} %");
    }
}

#[test]
fn a_cap_of_members_is_observed() {
    let mut w = world(CATALOG);
    let verdict =
        |visits: &[Visit]| visits.iter().find(|v| v.kind == VisitKind::MemberCap).map(|v| v.verdict);
    assert_eq!(verdict(&w.ask(&scan(5)).visits), Some(Verdict::Passed));
    let beyond = w.ask(&scan(1));
    assert_eq!((beyond.outcome, verdict(&beyond.visits)), (Outcome::Allow, Some(Verdict::Observed)));
    trusted(&w, &catalog(CATALOG));
    let enforced = CATALOG.replace(", mode = \"observe\"", "");
    let mut w = world(&enforced);
    w.ask(&scan(5));
    assert_eq!(w.ask(&scan(1)).reason, Reason::MemberCap);
}

#[test]
fn rollouts_that_cannot_be_are_refused() {
    let rows = [
        ("rollout = { plan = \"next\" }", "rollout = { plan = \"later\" }", "there is no plan `later`"),
        ("rollout = { plan = \"next\" }", "rollout = { plan = \"plus\" }", "not tried on itself"),
        (
            "rollout = { plan = \"next\" }",
            "rollout = { plan = \"next\", accounts_percent = 101 }",
            "more than every account",
        ),
        ("price_factor = \"0.5\"", "rollout = { plan = \"plus\" }", "has a rollout of its own"),
    ];
    for (from, to, words) in rows {
        let problems =
            Catalog::parse(&CATALOG.replacen(from, to, 1), Format::Toml).expect_err(to).to_string();
        assert!(problems.contains(words), "{words}: {problems}");
    }
    let told: Vec<String> = catalog(CATALOG).told().into_iter().flat_map(|told| told.lines).collect();
    assert!(told.iter().any(|line| line == "plan next is observed"), "{told:#?}");
}
