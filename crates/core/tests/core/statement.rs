//! Statements: sums by hand, and periods that join.

use headworks_core::audit::statement::{About, Ask, By, Cause, Page, Statement};
use headworks_core::command::{Command, History, Step, run};
use headworks_core::record::{Category, Credits, Days, Instant};

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
    made(w, Ask::recorded(from, to, None))
}

fn made(w: &World, ask: Ask) -> Statement {
    let mut statement = Statement::new(ask);
    for (record, (hash, _)) in w.log.iter().zip(chained(&w.log)) {
        if !statement.take(record, hash, About::default()) {
            break;
        }
    }
    statement.finished()
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
fn pages_are_the_whole() {
    let w = world();
    for by in [By::Recorded, By::Effective] {
        let ask = Ask { by, ..Ask::recorded(Instant::default(), Instant::NEVER, None) };
        let all = made(&w, ask.clone());
        for lines_max in 1..=8 {
            let (mut joined, mut after) = (Vec::new(), None);
            loop {
                let page = made(&w, Ask { page: Page { after, lines_max }, ..ask.clone() });
                // Records have at most two lines here.
                assert!(page.entries.len() <= lines_max.max(2) && !page.entries.is_empty());
                let before = page.entries[0].balance.nano() - page.entries[0].amount.nano();
                assert_eq!(page.carried.nano(), before);
                assert_eq!((&page.sums, page.opening, page.closing), (&all.sums, all.opening, all.closing));
                joined.extend(page.entries);
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            assert_eq!(joined, all.entries, "{lines_max} lines");
        }
    }
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

#[test]
fn subtotals_add_up() {
    let w = world();
    let all = statement(&w, Instant::default(), Instant::NEVER);
    let of = |sums: Vec<Credits>| sums.iter().map(|amount| amount.nano()).sum::<i64>();
    let sums = &all.sums;
    assert_eq!(of(sums.by_cause.values().map(|s| s.amount).collect()), all.closing.nano());
    assert_eq!(of(sums.by_day.values().map(|s| s.amount).collect()), all.closing.nano());
    let charged = &sums.by_cause[&Cause::Charge];
    assert_eq!((charged.entries, charged.amount), (3, credits("-28")));
    // Charges and what made them good; the refund names its feature where its charge has been looked up.
    assert_eq!(sums.by_feature.values().map(|s| s.amount).collect::<Vec<_>>(), [credits("-20")]);
    let paid: Vec<_> = sums.by_source.iter().map(|(payer, paid)| (payer.source, paid.amount)).collect();
    assert_eq!(paid, [("allowance", 10_000_000_000), ("goodwill", 8_000_000_000), ("grant", 20_000_000_000)]);
    let alone = made(&w, Ask { has_lines: false, ..Ask::recorded(Instant::default(), Instant::NEVER, None) });
    assert_eq!((alone.entries.len(), &alone.sums, alone.closing), (0, &all.sums, all.closing));
}

/// Use of one day that comes on the next is in the first day's statement by effective time, once it is known.
#[test]
fn late_use_is_in_the_period_of_the_use() {
    let mut w = World::new(CATALOG, "p");
    w.grant("20", Category::Purchased);
    w.pass("1h");
    let used_at = w.now;
    w.pass("1d");
    let midnight = w.now;
    w.pass("1h");
    let request = ask("chat", &[("input", 12)]).request;
    w.apply(Command::Record { request, at: Some(used_at) }).expect("records");
    let known = w.now;
    w.pass("1h");
    w.ask(&ask("chat", &[("input", 11)]).now());
    let by = |by: By, from: Instant, to: Instant, recorded_at: Instant| {
        made(&w, Ask { by, recorded_at, ..Ask::recorded(from, to, None) })
    };
    let (begin, never) = (Instant::default(), Instant::NEVER);
    let day = by(By::Effective, begin, midnight, never);
    assert_eq!((day.opening, day.closing), (credits("0"), credits("18")), "10 of 12 were included");
    let next = by(By::Effective, midnight, never, never);
    assert_eq!((next.opening, next.closing), (day.closing, credits("17")));
    let before = by(By::Effective, begin, midnight, midnight);
    assert_eq!((before.closing, before.entries.len()), (credits("20"), 1), "nobody knew of it");
    assert_eq!(by(By::Effective, begin, midnight, known).closing, day.closing);
    // When it was written is what the period that was closed says for ever.
    assert_eq!(by(By::Recorded, begin, midnight, never).closing, credits("20"));
    // In the order of use, each with the balance after it.
    let whole = by(By::Effective, begin, never, never);
    let balances: Vec<String> = whole.entries.iter().map(|e| e.balance.to_string()).collect();
    assert_eq!(balances, ["20", "18", "17"]);
    assert!(whole.entries.is_sorted_by_key(|e| e.effective_at));
}

#[test]
fn dates_are_days_of_the_zone() {
    let berlin = Days::of("Europe/Berlin").expect("a zone");
    let at = |text: &str| berlin.instant(text).map(|at| at.to_string());
    assert_eq!(at("2026-10-01").as_deref(), Ok("2026-09-30T22:00:00Z"));
    // The day after the clocks went back.
    assert_eq!(at("2026-10-26").as_deref(), Ok("2026-10-25T23:00:00Z"));
    assert_eq!(at("2026-10-01T12:00:00Z").as_deref(), Ok("2026-10-01T12:00:00Z"));
    assert_eq!(berlin.date("2026-09-30T22:00:00Z".parse().expect("instant")), "2026-10-01");
    for bad in ["2026-10", "20261001", "tomorrow", "2026-13-01"] {
        assert!(at(bad).is_err_and(|e| e.to_string().contains("2026-01-31 for the beginning")), "{bad}");
    }
    assert!(Days::of("Mars/Olympus").is_err());
}
