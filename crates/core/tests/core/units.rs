//! Several units of credits in one account: each has its own grants, debts, caps and books, and nothing is converted.

use headworks_core::audit::statement::{About, Ask, Statement};
use headworks_core::command::{ChangePlan, Command, Draft};
use headworks_core::record::{Book, Category, Event, HoldId, Instant, Movement, Reason};
use headworks_core::waterfall::Refusal;

use crate::audit::{audit, chained, replayed};
use crate::common::{AskExt as _, World, ask, catalog, credits, name, settle};

const CATALOG: &str = r#"
version = "t"
[meters]
tokens = { unit = "token" }
images = { unit = "image" }
[features.chat]
meters = ["tokens"]
rate_card = "card"
overshoot = "debt"
[features.draw]
meters = ["images"]
rate_card = "card"
credit_unit = "stamps"
overshoot = "debt"
[[rate_cards.card]]
effective_from = "2020-01-01T00:00:00Z"
prices = [
  { feature = "chat", credits = { tokens = "1" } },
  { feature = "draw", credits = { images = "1" } },
]
[plans.p]
features = ["chat", "draw"]
guards = [{ name = "stamp_cap", window.spend_cap = { unit = "stamps", limit = "50", every = "month" } }]
waterfall = [
  { grants = { name = "credits" } },
  { overdraft = { name = "lent", limit = "10" } },
  { overdraft = { name = "lent_stamps", unit = "stamps", limit = "3" } },
]
"#;

fn stamps(w: &World) -> String {
    w.account.available(w.ctx().now, Some(&name("stamps"))).to_string()
}

#[test]
fn each_unit_pays_for_its_own() {
    let mut w = World::new(CATALOG, "p");
    w.grant("100", Category::Purchased);
    w.grant_with("20", |g| g.unit = Some(name("stamps")));
    assert_eq!((w.available().as_str(), stamps(&w).as_str()), ("100", "20"));
    assert!(w.ask(&ask("draw", &[("images", 15)]).now()).outcome.is_granted());
    assert_eq!((w.available().as_str(), stamps(&w).as_str()), ("100", "5"));
    // 5 stamps and 3 lent ones are all there is, however many credits stand beside them.
    assert_eq!(w.ask(&ask("draw", &[("images", 9)]).now()).reason, Reason::InsufficientCredits);
    w.hold("draw", &[("images", 5)]);
    let hold = w.account.seq;
    w.settle(hold, &[("images", 7)]).expect("settles");
    assert_eq!((w.available().as_str(), stamps(&w).as_str()), ("100", "-2"));
    let books = w.account.books_of(Some(&name("stamps")));
    assert_eq!(
        (books.spent, books.overdraft, w.account.books.overdraft),
        (credits("22"), credits("2"), credits("0"))
    );
    // A grant of credits repays no stamps; one of stamps does.
    w.grant("10", Category::Purchased);
    assert_eq!(stamps(&w), "-2");
    w.grant_with("100", |g| g.unit = Some(name("stamps")));
    assert_eq!((w.available().as_str(), stamps(&w).as_str()), ("110", "98"));
    // The cap on stamps holds for stamps alone.
    assert_eq!(w.ask(&ask("draw", &[("images", 29)]).now()).reason, Reason::SpendCap);
    assert!(w.ask(&ask("chat", &[("tokens", 90)]).now()).outcome.is_granted());
    let catalogs = [catalog(CATALOG)];
    assert_eq!(audit(&chained(&w.log), &catalogs), []);
    assert_eq!(replayed(&w.log, &w.catalog), []);
    // A statement is in one unit; each adds up.
    for (unit, closing) in [(None, "20"), (Some(name("stamps")), "98")] {
        let mut statement = Statement::new(Ask::recorded(Instant::default(), Instant::NEVER, unit));
        for (record, (hash, _)) in w.log.iter().zip(chained(&w.log)) {
            statement.take(record, hash, About::default());
        }
        let statement = statement.finished();
        let sum: i64 = statement.entries.iter().map(|e| e.amount.nano()).sum();
        assert_eq!((statement.closing, sum), (credits(closing), credits(closing).nano()));
    }
}

#[test]
fn a_movement_in_another_unit_is_found() {
    let mut w = World::new(CATALOG, "p");
    w.grant_with("20", |g| g.unit = Some(name("stamps")));
    w.ask(&ask("draw", &[("images", 15)]).now());
    let mut log = w.log.clone();
    let altered = log.last_mut().expect("charged");
    assert!(matches!(altered.event, Event::Charged { .. }));
    altered.unit = None;
    let found = audit(&chained(&log), &[catalog(CATALOG)]);
    assert!(found.iter().any(|f| f.seq == 3 && f.what.contains("unit of credits")), "{found:?}");
}

#[test]
fn books_begin_with_what_is_issued_or_lent() {
    let mut w = World::new(CATALOG, "p");
    w.grant("20", Category::Purchased);
    w.hold("chat", &[("tokens", 5)]);
    let settled = w.draft(settle(w.account.seq, &[("tokens", 3)])).expect("settles");
    let folded = |unit: &str, movements: &[(Book, Book)]| {
        let movements = movements.iter().map(|&(from, to)| Movement { from, to, amount: credits("1") });
        let draft = Draft {
            unit: Some(name(unit)),
            movements: movements.collect(),
            ..Draft::new(settled.event.clone())
        };
        let mut account = w.account.clone();
        let record = draft.into_record(&account, account.tick(w.now), None, None);
        account.apply(&record, [0; 32]).map(|()| account.books_of(Some(&name(unit))))
    };
    let hold = Book::Hold(HoldId(w.account.seq));
    // The account has no books of stamps: nothing can be charged or expire there, nor go back from there.
    for to in [Book::Spent, Book::Breakage, Book::Debt, Book::Overdraft, Book::Goodwill, Book::Operator] {
        let refused = folded("stamps", &[(hold, to)]).expect_err("there are no such books");
        assert!(refused.what.contains("no books of"), "{to:?}: {refused}");
    }
    // They begin with the first stamp that is lent, and then take what is charged.
    let books = folded("stamps", &[(Book::Overdraft, hold), (hold, Book::Spent)]).expect("follows");
    assert_eq!((books.overdraft, books.spent), (credits("1"), credits("1")));
    let books = folded("stamps", &[(Book::Postpaid, hold), (hold, Book::Spent)]).expect("follows");
    assert_eq!(books.spent, credits("1"));
}

#[test]
fn one_change_of_plan_is_in_one_unit() {
    let mut w = World::new(CATALOG, "p");
    let monthly = || {
        Some(Box::new(headworks_core::record::Recurrence {
            every: headworks_core::record::Every::Month,
            zone: headworks_core::record::Label::new("UTC").expect("label"),
            anchor: None,
            until: Instant::NEVER,
            rollover: None,
            overage: headworks_core::record::Overage::Keep,
            prorated: None,
        }))
    };
    let a = w.grant_with("10", |g| g.recurrence = monthly());
    let b = w.grant_with("10", |g| (g.recurrence, g.unit) = (monthly(), Some(name("stamps"))));
    let amounts = [a, b].map(|id| (headworks_core::record::GrantId(id), credits("20"))).to_vec();
    let ask = ChangePlan {
        plan: name("p"),
        move_anchor: false,
        amounts,
        prorate: Some(headworks_core::record::Proration::Instant),
        at: None,
        reason: None,
    };
    assert_eq!(w.apply(Command::ChangePlan(ask)), Err(Refusal::MixedUnits));
    w.pass("31d");
    w.due();
    assert_eq!((w.available().as_str(), stamps(&w).as_str()), ("10", "10"));
}

#[test]
fn an_allowance_in_credits_has_one_unit() {
    let mixed = CATALOG.replace(
        "{ grants = { name = \"credits\" } },",
        "{ allowance = { name = \"a\", windows = [{ name = \"d\", window.fixed = { limit = \"1\", every = \"day\" } }] } },",
    );
    let problems = headworks_core::catalog::Catalog::parse(&mixed, headworks_core::catalog::Format::Toml)
        .expect_err("mixed");
    assert!(problems.to_string().contains("different units of credits"), "{problems}");
}
