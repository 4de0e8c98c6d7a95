//! Corrections and refunds after the close of a period of graduated prices has given credits back.

use headworks_core::command::{Command, Correct};
use headworks_core::record::{Category, Event, Seq};
use headworks_core::view;

use crate::audit::trusted;
use crate::common::{AskExt as _, World, ask, at, catalog, correct, credits, refund};

/// An hour costs 10, above 100 a month 20; a call costs 1.
const CATALOG: &str = r#"
version = "t"
[features.rent]
prices = [{ credits = { hours = "10" }, graduated = { hours = { every = "month", steps = [{ above = 100, credits = "20" }] } } }]
[features.other]
prices = [{ credits = { calls = "1" } }]
[plans.p]
features = ["rent", "other"]
waterfall = [
  { allowance = { name = "included", features = ["rent"], windows = [{ name = "life", window.fixed = { limit = "INCLUDED", every = "life" } }] } },
  { grants = { name = "credits" } },
]
"#;

struct Case {
    w: World,
    text: String,
    second: Seq,
}

/// 100 hours for 1,000 and 100 for 2,000 in July. The first is deleted, and the close gives back what the others cost too much, as far
/// as credits have paid it.
fn closed(included: &str, granted: &str, back: &str) -> Case {
    let text = CATALOG.replace("INCLUDED", included);
    let mut w = World::new(&text, "p");
    w.now = at("2026-07-03T10:00:00Z");
    w.grant_with(granted, |g| g.expires_at = Some(at("2026-08-01T00:00:00Z")));
    w.ask(&ask("rent", &[("hours", 100)]).now());
    let first = w.account.seq;
    w.ask(&ask("rent", &[("hours", 100)]).now());
    let second = w.account.seq;
    w.apply(correct(first, &Correct::Delete)).expect("deletes");
    w.now = at("2026-08-03T00:00:00Z");
    w.due();
    assert_eq!(w.available(), back, "after the close");
    Case { w, text, second }
}

impl Case {
    /// What is left is spent elsewhere.
    fn spend(&mut self) {
        let all = credits(&self.w.available()).nano() / 1_000_000_000;
        let decision = self.w.ask(&ask("other", &[("calls", all.unsigned_abs())]).now());
        assert!(decision.outcome.is_granted(), "{decision:?}");
    }

    /// What is available, spent, lost with grants that have expired, and given by the operator.
    fn stands(&self, books: [&str; 4]) {
        let b = &self.w.account.books;
        let is = [self.w.available(), b.spent.to_string(), b.breakage.to_string(), b.goodwill.to_string()];
        assert_eq!(is, books.map(String::from));
        trusted(&self.w, &catalog(&self.text));
    }

    fn delete(&mut self) {
        self.w.apply(correct(self.second, &Correct::Delete)).expect("deletes");
        self.w.due();
    }
}

/// The worked rows of decision 24: July's 3,000 credits have expired, 1,000 of them unused.
///
/// | | available | spent | breakage | goodwill |
/// | the close gives back 1,000 | 1,000 | 2,000 | 1,000 | 0 |
/// | they are spent | 0 | 3,000 | 1,000 | 0 |
/// | the second is deleted: of its 2,000, 1,000 have come back, and the others go where their grant has gone | 0 | 2,000 | 2,000 | 0 |
#[test]
fn a_deletion_after_the_close_charges_nobody_for_what_came_back() {
    let mut case = closed("0", "3000", "1000");
    case.stands(["1000", "2000", "1000", "0"]);
    case.spend();
    case.stands(["0", "3000", "1000", "0"]);
    case.delete();
    case.stands(["0", "2000", "2000", "0"]);
}

/// The same where it is refunded: 1,000 are still paid.
#[test]
fn a_refund_after_the_close_gives_back_what_is_still_paid() {
    let mut case = closed("0", "3000", "1000");
    case.spend();
    case.w.apply(refund(case.second, None)).expect("refunds");
    case.stands(["0", "2000", "2000", "0"]);
}

/// 2,500 are included: they pay 1,000 of the first and 1,500 of the second, credits 500. Without the first the close owes 1,000, and credits
/// have paid 500: they come back. Without the second nothing was used: 500 are charged again, and July has room for them in what is included.
#[test]
fn what_a_close_cannot_give_back_makes_up_for_later_corrections() {
    for spends in [false, true] {
        let mut case = closed("2500", "500", "500");
        assert_eq!(case.w.account.volumes()[0].due.rounded(), credits("-500"));
        if spends {
            case.spend();
        }
        case.delete();
        case.stands(if spends { ["500", "500", "0", "0"] } else { ["1000", "0", "0", "0"] });
        assert_eq!(case.w.account.volumes()[0].due.rounded(), credits("0"), "nothing was used");
    }
}

/// How much of an allowance is used.
fn used(w: &World) -> i64 {
    let views = view::windows(w.ctx()).expect("views");
    views.iter().filter(|v| v.name.as_str().starts_with("included")).map(|v| v.used).sum()
}

/// As above, but the second is refunded: the 500 of credits had come back, and what was included comes back now.
#[test]
fn a_refund_gives_back_what_allowances_paid_although_the_credits_had_come_back() {
    let mut case = closed("2500", "500", "500");
    case.w.apply(refund(case.second, Some("5"))).expect("refunds a part");
    case.w.apply(refund(case.second, None)).expect("refunds");
    let Event::Refunded { amount, .. } = &case.w.log.last().expect("a record").event else {
        panic!("a refund")
    };
    assert_eq!(*amount, credits("1495"));
    case.stands(["500", "500", "0", "0"]);
    assert_eq!(used(&case.w), 0);
}

/// Use that is paid later is given back as far as the period still owes it: as if the close had come last.
#[test]
fn what_is_paid_later_comes_back_too() {
    let mut case = closed("2500", "500", "500");
    // 60 more hours of July come to 1,200: 1,000 are included again, and 200 of the 500 that are owed come back.
    case.w.grant("1000", Category::Purchased);
    let request = ask("rent", &[("hours", 60)]).request;
    let late = Command::Record { request, at: Some(at("2026-07-20T00:00:00Z")) };
    case.w.apply(late).expect("records");
    case.w.due();
    assert_eq!(case.w.available(), "1500");
    assert_eq!(case.w.account.volumes()[0].due.rounded(), credits("-300"));
    trusted(&case.w, &catalog(&case.text));
}

/// An hour at 10, above 100 a month 20: of 34, 1, 1 and 65 hours for 1,020 credits, the first and the last are refunded as a gesture, and
/// a single one is deleted. The close gives back 10: 100 hours come to 1,000. When the other single one is deleted, its 10 come back, and
/// the close charges them again: 1,020 are paid, and 1,020 have come back.
#[test]
fn no_period_gives_back_more_than_was_paid_for_it() {
    let text = CATALOG.replace("INCLUDED", "0");
    let mut w = World::new(&text, "p");
    w.now = at("2026-07-03T10:00:00Z");
    w.grant("1020", Category::Purchased);
    let charges = [34, 1, 1, 65].map(|hours| {
        w.ask(&ask("rent", &[("hours", hours)]).now());
        w.account.seq
    });
    assert_eq!(w.available(), "0");
    w.apply(refund(charges[0], None)).expect("refunds 340");
    w.apply(refund(charges[3], None)).expect("refunds 660");
    w.apply(correct(charges[1], &Correct::Delete)).expect("deletes 10");
    w.now = at("2026-08-03T00:00:00Z");
    w.due();
    assert_eq!(w.available(), "1020", "the close has given back 10");
    w.apply(correct(charges[2], &Correct::Delete)).expect("deletes 10");
    assert_eq!(w.available(), "1030");
    w.due();
    assert_eq!(w.available(), "1020");
    trusted(&w, &catalog(&text));
}
