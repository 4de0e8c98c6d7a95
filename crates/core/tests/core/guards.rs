//! Guards about some dimensions, guards that are only observed, guards for a share of the accounts.

use headworks_core::command::Step;
use headworks_core::record::{Category, Decision, Outcome, Verdict};
use headworks_core::waterfall::Authorize;

use crate::audit::trusted;
use crate::common::{AskExt as _, World, ask, catalog, name};

/// One token costs one credit. Models have rates of their own; the guards named `new-…` are tried out.
const CATALOG: &str = r#"
version = "t"
[meters]
tokens = { unit = "token" }
[features.chat]
meters = ["tokens"]
rate_card = "card"
dimensions = ["model"]
[[rate_cards.card]]
effective_from = "2020-01-01T00:00:00Z"
prices = [{ feature = "chat", credits = { tokens = "1" } }]
[plans.p]
features = ["chat"]
guards = [
  { name = "large-tpm", count = "tokens", when = { model = "large" }, window.rate = { limit = 10, period = "1m" } },
  { name = "small-tpm", count = "tokens", when = { model = ["tiny", "small"] }, window.rate = { limit = 30, period = "1m" } },
  { name = "new-rpm", mode = "observe", window.rate = { limit = 1, period = "1m" } },
  { name = "new-cap", mode = "observe", window.spend_cap = { limit = "40", every = "day" } },
  { name = "never", mode = "off", window.rate = { limit = 1, period = "1d" } },
]
waterfall = [{ grants = { name = "credits" } }]
"#;

fn world(catalog: &str) -> World {
    let mut w = World::new(catalog, "p");
    w.grant("1000", Category::Purchased);
    w
}

fn tokens(n: u64, model: &str) -> Authorize {
    ask("chat", &[("tokens", n)]).now().model(model)
}

fn verdict(decision: &Decision, guard: &str) -> Option<Verdict> {
    decision.visits.iter().find(|v| v.name.as_str() == guard).map(|v| v.verdict)
}

#[test]
fn each_model_has_a_rate_of_its_own() {
    let mut w = world(CATALOG);
    let rows = [
        ("large", 10, Outcome::Allow),
        ("large", 1, Outcome::Deny),
        ("tiny", 20, Outcome::Allow),
        // Both share one counter, because one guard names both.
        ("small", 11, Outcome::Deny),
        ("small", 10, Outcome::Allow),
        // No guard is about it.
        ("other", 100, Outcome::Allow),
    ];
    for (model, n, outcome) in rows {
        let decision = w.ask(&tokens(n, model));
        assert_eq!(decision.outcome, outcome, "{model} {n}");
        assert_eq!(verdict(&decision, "large-tpm").is_some(), model == "large");
        assert_eq!(verdict(&decision, "never"), None);
    }
    let without = w.ask(&ask("chat", &[("tokens", 50)]).now());
    assert_eq!((without.outcome, verdict(&without, "small-tpm")), (Outcome::Allow, None));
    trusted(&w, &catalog(CATALOG));
}

#[test]
fn an_observed_guard_says_what_it_would_have_refused() {
    let mut w = world(CATALOG);
    let rows = [
        (30, Verdict::Passed, Verdict::Passed),
        (10, Verdict::Observed, Verdict::Passed),
        (1, Verdict::Observed, Verdict::Observed),
    ];
    for (n, rate, cap) in rows {
        let decision = w.ask(&tokens(n, "other"));
        assert_eq!(decision.outcome, Outcome::Allow, "{n}");
        assert_eq!(verdict(&decision, "new-rpm"), Some(rate), "{n}");
        assert_eq!(verdict(&decision, "new-cap"), Some(cap), "{n}");
    }
    assert_eq!(w.available(), "959");
    // A hold, and more of one, beyond what it would allow.
    let held = w.ask(&ask("chat", &[("tokens", 20)]).model("other"));
    assert_eq!((held.outcome, verdict(&held, "new-cap")), (Outcome::Allow, Some(Verdict::Observed)));
    w.settle(w.account.seq, &[("tokens", 25)]).expect("settles");
    // What it has counted is in force with it.
    let enforced = catalog(&CATALOG.replace("mode = \"observe\"", "mode = \"enforce\""));
    trusted(&w, &catalog(CATALOG));
    w.catalog = enforced;
    assert_eq!(w.ask(&tokens(1, "other")).outcome, Outcome::Deny);
}

#[test]
fn a_share_of_the_accounts_is_chosen_by_a_hash() {
    let text = |percent: u8| CATALOG.replace("mode = \"observe\"", &format!("accounts_percent = {percent}"));
    for percent in [0, 1, 25, 100] {
        let policy = catalog(&text(percent));
        let mut enforced = 0;
        for n in 0..2_000 {
            let mut w = World::new(&text(percent), "p");
            w.account.id = name(&format!("acct-{n}"));
            let ctx = headworks_core::waterfall::Context::new(&w.account, &policy, w.now);
            let ask = headworks_core::command::Command::Authorize(
                ask("chat", &[("tokens", 0), ("requests", 2)]).now(),
            );
            let step = headworks_core::command::run(ctx, &ask, &headworks_core::command::History::new());
            enforced += usize::from(matches!(step, Ok(Step::Deny(..))));
        }
        // Within four standard deviations of the share.
        let (share, wide) = (
            usize::from(percent) * 20,
            [0, 18, 78, 0][[0, 1, 25, 100].iter().position(|p| *p == percent).expect("listed")],
        );
        assert!(enforced.abs_diff(share) <= wide, "{percent} %: {enforced} of 2,000");
    }
}
