//! What-if: the same policy changes nothing, a changed one changes what the arithmetic says.

use headworks_core::audit::what_if::{Row, Shadow, Tally};
use headworks_core::catalog::Catalog;
use headworks_core::command::{Command, Draft, Step};
use headworks_core::record::{Category, Denial, Denials, Event, Reason, Record};

use crate::common::{AskExt as _, World, ask, at, catalog, credits, name, overriding, refund};
use crate::statement::CATALOG;

pub(crate) fn shadow<'a>(log: &[Record], catalog: &'a Catalog) -> Shadow<'a> {
    let mut shadow = Shadow::new(&name("acme"), catalog);
    log.iter().for_each(|record| shadow.note(record));
    log.iter().for_each(|record| shadow.take(record));
    shadow.finish();
    shadow
}

fn world() -> World {
    let mut w = World::new(CATALOG, "p");
    w.grant("5", Category::Promotional);
    w.grant("20", Category::Purchased);
    w.hold("chat", &[("input", 12)]); // 10 included, 2 promotional
    w.pass("10s");
    w.settle(w.account.seq, &[("input", 11)]).expect("settles"); // 10 included, 1 promotional
    w.ask(&ask("chat", &[("input", 20)]).now()); // 4 promotional, 16 paid
    // 4 are left: 6 are denied, with an explanation that is kept.
    let asked = Command::Authorize(ask("chat", &[("input", 6)]));
    let Ok(Step::Deny(usage, decision)) = w.run(&asked) else { panic!("denied") };
    let at = w.account.tick(w.now);
    let denials =
        Denials { count: 3, first_at: at, last_at: at, recent: vec![Denial { at, usage, decision }] };
    w.append(Draft::new(Event::Denied(denials)));
    w
}

const NANO: i128 = 1_000_000_000;

fn tally(granted: u64, denied: u64, charged: i128, paid: i128) -> Tally {
    Tally { granted, denied, charged: charged * NANO, paid: paid * NANO, unit: None }
}

#[test]
fn the_same_policy_changes_nothing() {
    let w = world();
    let shadow = shadow(&w.log, &w.catalog);
    let rows: Vec<&Row> = shadow.rows().map(|(_, row)| row).collect();
    let same = tally(2, 1, 21, 16);
    assert_eq!(rows, [&Row { was: same.clone(), would_be: same, changed: 0 }]);
    assert_eq!((shadow.account().books, shadow.unexplained()), (w.account.books, 2));
    assert!(shadow.refused().is_empty());
}

/// Ten are included and five bought: what came back of both comes back of both again.
#[test]
fn refunds_reach_allowances_again() {
    for amount in [None, Some("7")] {
        let mut w = World::new(CATALOG, "p");
        w.grant("20", Category::Purchased);
        w.ask(&ask("chat", &[("input", 15)]).now());
        w.apply(refund(w.account.seq, amount)).expect("refunds");
        w.ask(&ask("chat", &[("input", 2)]).now());
        let shadow = shadow(&w.log, &w.catalog);
        let (_, row) = shadow.rows().next().expect("a row");
        assert_eq!((&row.was, row.changed), (&row.would_be, 0), "{amount:?}");
        assert_eq!(shadow.account().books, w.account.books, "{amount:?}");
    }
}

/// A hold that was denied for what other holds set aside is asked for again as a hold: charged at once it would be granted.
#[test]
fn a_denied_hold_is_asked_for_as_a_hold() {
    let rules = "[abuse]\ndefault_tier = \"verified\"\nrules = { holds = \"enforce\" }\n";
    let mut w = World::new(&format!("{CATALOG}{rules}"), "p");
    w.grant("100", Category::Promotional);
    // 10 included and 40 of 100 credits are set aside; 50 more would be 90 %, and the tier has 75 %.
    w.hold("chat", &[("input", 50)]);
    let asked = Command::Authorize(ask("chat", &[("input", 50)]));
    let Ok(Step::Deny(usage, decision)) = w.run(&asked) else { panic!("denied") };
    assert_eq!(decision.reason, Reason::HeldShare);
    let at = w.account.tick(w.now);
    let recent = vec![Denial { at, usage, decision }];
    w.append(Draft::new(Event::Denied(Denials { count: 1, first_at: at, last_at: at, recent })));
    let shadow = shadow(&w.log, &w.catalog);
    let (_, row) = shadow.rows().next().expect("a row");
    assert_eq!((row.changed, row.would_be.denied, row.would_be.granted), (0, 1, 1));
}

#[test]
fn a_dearer_price_and_a_larger_allowance_are_counted() {
    let w = world();
    // At 1.5 the first request comes to 16.5, 10 included; 6.5 of 25 credits are left to pay. The second, 30, finds 18.5
    // and is denied; the third, 9, is granted then.
    let dearer = catalog(&CATALOG.replace("input = \"1\"", "input = \"1.5\""));
    let shadow_of_dearer = shadow(&w.log, &dearer);
    let (_, row) = shadow_of_dearer.rows().next().expect("a row");
    assert_eq!((row.was.clone(), row.changed), (tally(2, 1, 21, 16), 2));
    let would_be = &row.would_be;
    assert_eq!((would_be.granted, would_be.denied), (2, 1));
    // 6.5 and 9: 5 promotional, 10.5 paid.
    assert_eq!((would_be.charged, would_be.paid), (31 * NANO / 2, 21 * NANO / 2));
    // With 40 included nothing is charged, and the third is granted.
    let generous = catalog(&CATALOG.replace("limit = \"10\"", "limit = \"40\""));
    let shadow_of_generous = shadow(&w.log, &generous);
    let (_, row) = shadow_of_generous.rows().next().expect("a row");
    assert_eq!((row.would_be.clone(), row.changed), (tally(3, 0, 0, 0), 1));
}

/// Where less is charged, a refund gives back all of that and no more.
#[test]
fn a_refund_gives_back_what_was_charged_this_time() {
    let mut w = World::new(CATALOG, "p");
    w.grant("100", Category::Purchased);
    w.ask(&ask("chat", &[("input", 60)]).now());
    w.apply(refund(w.account.seq, Some("45"))).expect("refunds");
    // 60 at half the price are 30: 10 included, 20 paid.
    let cheaper = catalog(&CATALOG.replace("input = \"1\"", "input = \"0.5\""));
    let shadow = shadow(&w.log, &cheaper);
    assert!(shadow.refused().is_empty(), "{:?}", shadow.refused());
    assert_eq!(shadow.account().books.spent, credits("0"));
    assert_eq!(shadow.account().available(shadow.account().recorded_at, None), credits("100"));
}

#[test]
fn what_the_other_catalog_lacks_is_told() {
    let w = world();
    let other = catalog(&CATALOG.replace("[plans.p]", "[plans.q]"));
    let shadow = shadow(&w.log, &other);
    assert_eq!(
        shadow.refused().first().map(|(seq, e)| (*seq, e.to_string())),
        Some((1, "the catalog has no plan `p`".into()))
    );
}

/// A hold and its end leave nothing behind, and neither does a charge that nobody refers to.
#[test]
fn a_long_log_is_run_in_little_memory() {
    let mut w = World::new(CATALOG, "p");
    w.grant("1000000", Category::Purchased);
    for n in 0..200 {
        w.hold("chat", &[("input", 1)]);
        let hold = w.account.seq;
        w.settle(hold, &[("input", 1)]).expect("settles");
        if n == 100 {
            let charge = w.account.seq;
            w.pass("1s");
            w.ask(&ask("chat", &[("input", 1)]).now());
            w.apply(refund(charge, Some("0.5"))).expect("refunds");
        }
        w.ask(&ask("chat", &[("input", 1)]).now());
    }
    let shadow = shadow(&w.log, &w.catalog);
    assert_eq!((shadow.account().books, shadow.refusals()), (w.account.books, 0));
    // The grant, the charge that was given back in part, and no other.
    assert!(shadow.records_kept() <= 4, "{} are kept", shadow.records_kept());
}

/// A use of 50, one of 150 under a factor of 0.65, one held at 100 that turned out as 120 in a pause, and one of 10 after it, from
/// a grant that the pause has kept: 0.5 + 3 × 0.65 + 2.4 × 0.65 + 0.1 × 0.65 = 4.075. If use were large above 40 at 0.03 a token:
/// 1.5 + 4.5 × 0.65 + 3.6 × 0.65 + 0.1 × 0.65 = 6.83.
#[test]
fn a_size_a_factor_an_override_and_a_pause_together() {
    let policy = include_str!("businesses/pairs.toml");
    let mut w = World::new(policy, "whole");
    w.grant_with("10", |g| g.expires_at = Some(at("2026-07-01T00:00:00Z")));
    let tokens = |n| ask("chat", &[("tokens", n)]);
    w.ask(&tokens(50).now());
    w.apply(Command::Override(overriding("price_factor", "0.65"))).expect("overrides");
    w.ask(&tokens(150).now());
    w.ask(&tokens(100));
    let hold = w.account.seq;
    w.apply(Command::Pause { until: None, reason: None }).expect("pauses");
    w.pass("1m");
    w.settle(hold, &[("tokens", 120)]).expect("settles");
    w.pass("10d");
    w.due();
    w.apply(Command::Resume { reason: None }).expect("resumes");
    w.now = at("2026-07-05T00:00:00Z");
    w.due();
    w.ask(&tokens(10).now());
    assert_eq!(w.available(), "5.925");
    let tally = |charged| Tally { granted: 4, denied: 0, charged, paid: charged, unit: None };
    let dearer = policy.replace("above = 100", "above = 40").replace("\"0.02\"", "\"0.03\"");
    for (policy, charged) in [(policy, 4_075_000_000), (&dearer, 6_830_000_000)] {
        let catalog = catalog(policy);
        let shadow = shadow(&w.log, &catalog);
        let rows: Vec<&Row> = shadow.rows().map(|(_, row)| row).collect();
        assert_eq!(rows, [&Row { was: tally(4_075_000_000), would_be: tally(charged), changed: 0 }]);
        assert_eq!(shadow.account().books.spent.nano(), i64::try_from(charged).expect("small"));
        assert!(shadow.refused().is_empty());
    }
}
