//! Statements: sums by hand, and periods that join.

use headworks_core::audit::statement::{Cause, Statement};
use headworks_core::command::{History, Step, run};
use headworks_core::record::{Category, Credits, Instant};

use crate::audit::chained;
use crate::common::{AskExt as _, World, ask, credits, refund, release};

pub(crate) const CATALOG: &str = r#"
version = "t"
[meters]
input = { unit = "token" }
[features.chat]
meters = ["input"]
rate_card = "card"
[[rate_cards.card]]
effective_from = "2020-01-01T00:00:00Z"
prices = [{ feature = "chat", credits = { input = "1" } }]
[plans.p]
features = ["chat"]
waterfall = [
  { allowance = { name = "included", features = ["chat"], windows = [{ name = "h", window.first_use = { limit = "10", length = "5h" } }] } },
  { grants = { name = "credits" } },
]
"#;

fn world() -> World {
    let mut w = World::new(CATALOG, "p");
    w.grant("20", Category::Purchased); // +20
    w.ask(&ask("chat", &[("input", 4)]).now()); // included: 0
    w.pass("1h");
    w.hold("chat", &[("input", 10)]); // a hold: nothing
    w.settle(w.account.seq, &[("input", 9)]).expect("settles"); // 6 included, 3 charged: −3
    w.pass("1h");
    w.hold("chat", &[("input", 5)]);
    w.settle(w.account.seq, &[("input", 25)]).expect("settles"); // −17 paid; 8 short: −8 charged, +8 goodwill
    let back = refund(w.account.seq, Some("10"));
    assert!(matches!(run(w.ctx(), &back, &History::new()), Ok(Step::Needs(_))), "nothing is looked up yet");
    w.apply(back).expect("refunds"); // +2 to the grant, the 8 of goodwill first: +10 −8
    w.hold("chat", &[("input", 1)]);
    w.apply(release(w.account.seq)).expect("releases");
    w
}

fn statement(w: &World, from: Instant, to: Instant) -> Statement {
    let mut statement = Statement::new(from, to, None);
    for (record, (hash, _)) in w.log.iter().zip(chained(&w.log)) {
        if !statement.take(record, hash) {
            break;
        }
    }
    statement
}

#[test]
fn a_statement_adds_up() {
    let w = world();
    let all = statement(&w, Instant::default(), Instant::NEVER);
    let lines: Vec<(Cause, Credits)> = all.entries.iter().map(|e| (e.cause, e.amount)).collect();
    let expected = [
        (Cause::Grant, "20"),
        (Cause::Charge, "0"),
        (Cause::Charge, "-3"),
        (Cause::Charge, "-25"),
        (Cause::Goodwill, "8"),
        (Cause::Refund, "10"),
        (Cause::Goodwill, "-8"),
    ];
    assert_eq!(lines, expected.map(|(cause, amount)| (cause, credits(amount))));
    assert_eq!((all.opening, all.closing), (Credits::ZERO, credits("2")));
    assert_eq!(all.closing.to_string(), w.available());
    let mut balance = all.opening.nano();
    for entry in &all.entries {
        balance += entry.amount.nano();
        assert_eq!(entry.balance.nano(), balance);
    }
    assert_eq!((all.seq, all.hash), (w.account.seq, w.account.chain));
}

#[test]
fn periods_join() {
    let w = world();
    let all = statement(&w, Instant::default(), Instant::NEVER);
    for cut in w.log.iter().map(|r| r.recorded_at) {
        let (before, after) = (statement(&w, Instant::default(), cut), statement(&w, cut, Instant::NEVER));
        assert_eq!(before.closing, after.opening);
        assert_eq!(before.entries.len() + after.entries.len(), all.entries.len());
        assert_eq!(after.closing, all.closing);
    }
}
