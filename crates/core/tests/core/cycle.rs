//! Recurring grants, rollover, banked resets and changes of plan: the vectors of the contract.

use headworks_core::command::{ChangePlan, Command, NewGrant};
use headworks_core::record::{
    Amount, Category, CycleEvent, Event, Every, GrantId, Instant, Label, Overage, Path, Proration, Record,
    Recurrence, Rollover, WHOLE,
};
use headworks_core::waterfall::Refusal;
use proptest::prelude::*;

use crate::audit::{audit, chained, trusted};
use crate::common::{
    AskExt as _, World, ask, at, catalog, correct, credits, name, refund, release, to, void,
};

const CATALOG: &str = r#"
version = "t"
[meters]
input = { unit = "reset" }
[features.chat]
meters = ["input"]
rate_card = "card"
[features.owing]
meters = ["input"]
rate_card = "card"
overshoot = "debt"
[features.task]
meters = []
allowance_unit = "requests"
[[rate_cards.card]]
effective_from = "2020-01-01T00:00:00Z"
prices = [
  { feature = "chat", credits = { input = "1" } },
  { feature = "owing", credits = { input = "1" } },
]
[plans.p]
features = ["chat", "owing", "task"]
guards = [
  { name = "rate", features = ["task"], window.rate = { limit = 100, period = "1s" } },
  { name = "daily", features = ["task"], window.fixed = { limit = 10, every = "day" } },
]
waterfall = [
  { allowance = { name = "tasks", features = ["task"], windows = [{ name = "five", window.first_use = { limit = "3", length = "5h" } }, { name = "week", window.first_use = { limit = "5", length = "7d" } }] } },
  { grants = { name = "credits" } },
  { overdraft = { name = "overdraft", limit = "30" } },
]
[plans.q]
features = ["chat"]
waterfall = [{ grants = { name = "credits" } }]
"#;

fn monthly(rollover: Option<(&str, &str)>, overage: Overage) -> Option<Box<Recurrence>> {
    let rollover = rollover.map(|(min, max)| Rollover {
        min: credits(min),
        max: credits(max),
        fraction: WHOLE,
        life: None,
    });
    Some(Box::new(Recurrence {
        every: Every::Month,
        zone: Label::new("UTC").expect("label"),
        anchor: None,
        until: Instant::NEVER,
        rollover,
        overage,
        prorated: None,
    }))
}

fn recurring(w: &mut World, amount: &str, recurrence: Option<Box<Recurrence>>) -> GrantId {
    GrantId(w.grant_with(amount, |g| {
        g.category = Category::Contract;
        g.recurrence = recurrence;
    }))
}

fn spend(w: &mut World, amount: u64) {
    assert!(w.ask(&ask("chat", &[("input", amount)]).now()).outcome.is_granted());
}

/// Amount and remainder of each open grant, in burn order.
fn grants(w: &World) -> Vec<(String, String)> {
    w.account.grants.iter().map(|g| (g.terms.amount.to_string(), g.remaining.to_string())).collect()
}

/// Nothing to find, and the same bytes again.
/// Lived through again on the same catalog, nothing changes and nothing is refused.
fn changes_nothing(w: &World) {
    let mut shadow = headworks_core::audit::what_if::Shadow::new(&name("acme"), &w.catalog);
    w.log.iter().for_each(|record| shadow.note(record));
    w.log.iter().for_each(|record| shadow.take(record));
    shadow.finish();
    assert_eq!(shadow.refused(), []);
    for (key, row) in shadow.rows() {
        assert_eq!((&row.was, row.changed), (&row.would_be, 0), "{key:?}");
    }
    assert_eq!(shadow.account().books, w.account.books);
}

fn pair(amount: &str, remaining: &str) -> (String, String) {
    (amount.into(), remaining.into())
}

#[test]
fn rollover_vectors() {
    // Section 4 of the contract: remaining, min, max → carried.
    for (spent, min, max, carried, breakage) in
        [(70, "0", "20", "20", "10"), (95, "10", "20", "10", "0"), (90, "0", "20", "10", "0")]
    {
        let mut w = World::new(CATALOG, "p");
        recurring(&mut w, "100", monthly(Some((min, max)), Overage::Keep));
        spend(&mut w, spent);
        w.now = at("2026-07-01T12:00:00Z");
        assert_eq!(w.due(), ["rolled_over", "renewed"], "spent {spent}");
        assert_eq!(grants(&w), [pair(carried, carried), pair("100", "100")], "spent {spent}");
        assert_eq!(w.account.books.breakage, credits(breakage), "spent {spent}");
        // What was carried lives for one period, and is not carried again.
        w.now = at("2026-08-01T12:00:00Z");
        w.due();
        let lost = credits(carried).checked_add(credits(breakage)).expect("sum");
        let left: Vec<_> = grants(&w).into_iter().map(|(_, left)| left).collect();
        assert_eq!(left, [max, "100"], "spent {spent}");
        let carried_again = credits("100").checked_sub(credits(max)).expect("difference");
        assert_eq!(w.account.books.breakage, lost.checked_add(carried_again).expect("sum"));
        trusted(&w, &catalog(CATALOG));
    }
}

#[test]
fn a_part_of_the_remainder_rolls_over() {
    let mut w = World::new(CATALOG, "p");
    let mut recurrence = monthly(Some(("0", "1000")), Overage::Keep);
    if let Some(Rollover { fraction, .. }) = recurrence.as_mut().and_then(|r| r.rollover.as_mut()) {
        *fraction = WHOLE / 4;
    }
    recurring(&mut w, "100", recurrence);
    spend(&mut w, 58);
    w.now = at("2026-07-01T12:00:00Z");
    w.due();
    assert_eq!(grants(&w), [pair("10.5", "10.5"), pair("100", "100")]);
    assert_eq!(w.account.books.breakage, credits("31.5"));
    trusted(&w, &catalog(CATALOG));
}

#[test]
fn overage_is_kept_or_forgiven() {
    for (overage, remaining, goodwill) in [(Overage::Keep, "92", "0"), (Overage::Forgive, "100", "8")] {
        let mut w = World::new(CATALOG, "p");
        recurring(&mut w, "100", monthly(None, overage));
        w.hold("owing", &[("input", 100)]);
        let hold = w.account.seq;
        w.settle(hold, &[("input", 108)]).expect("settles");
        assert_eq!(w.available(), "-8");
        w.now = at("2026-07-01T12:00:00Z");
        assert_eq!(w.due(), ["renewed"]);
        assert_eq!(grants(&w), [pair("100", remaining)], "{overage:?}");
        assert_eq!(w.available(), remaining);
        assert_eq!(w.account.books.goodwill, credits(goodwill));
        trusted(&w, &catalog(CATALOG));
    }
}

/// A refund of what was forgiven is a grant that goodwill has paid for; voided, it goes back to the operator like any other.
#[test]
fn what_goodwill_paid_for_can_be_voided() {
    let mut w = World::new(CATALOG, "p");
    let recurs = recurring(&mut w, "1", monthly(None, Overage::Forgive));
    let bought = w.grant("50", Category::Purchased);
    let charge = |w: &mut World, held: u64, used: u64| {
        w.hold("owing", &[("input", held)]);
        let hold = w.account.seq;
        w.settle(hold, &[("input", used)]).expect("settles")
    };
    // 1 of the recurring grant and 39 that were bought; the other 11 are voided.
    let first = charge(&mut w, 40, 40);
    w.apply(void(bought)).expect("voids");
    // 8 more than there is: owed, and forgiven with the next month.
    let second = charge(&mut w, 0, 8);
    w.now = at("2026-07-01T12:00:00Z");
    w.due();
    assert_eq!((w.account.books.goodwill, w.account.books.debt), (credits("8"), credits("0")));
    for charge in [first, second] {
        w.apply(refund(charge, None)).expect("refunds");
    }
    let all: Vec<GrantId> = w.account.grants.iter().map(|g| g.id).collect();
    assert!(all.len() == 2 && !all.contains(&recurs), "the new month, and the refund: {all:?}");
    for grant in all {
        w.apply(void(grant.0)).expect("voids");
    }
    // Issued 1, 50 and 1; taken back 11, 39, 1 and the 8 of goodwill; one credit of the first month has expired.
    let books = w.account.books;
    assert_eq!((books.issued, books.goodwill, books.breakage), (credits("-7"), credits("8"), credits("1")));
    assert_eq!((w.available().as_str(), books.spent), ("0", credits("0")));
    trusted(&w, &catalog(CATALOG));
}

#[test]
fn months_are_not_forgotten_over_a_long_silence() {
    let mut w = World::new(CATALOG, "p");
    w.settings(|s| s.billing_anchor = at("2026-01-31T00:00:00Z"));
    let id = recurring(&mut w, "100", monthly(None, Overage::Keep));
    w.now = at("2026-09-30T00:00:00Z");
    assert_eq!(w.due(), ["grant_expired", "renewed"].repeat(4));
    let schedule = w.account.schedule(id).expect("recurs");
    // The 31st is remembered through June, where it is the 30th.
    assert_eq!(schedule.began_at, at("2026-09-30T00:00:00Z"));
    assert_eq!(schedule.next_at, at("2026-10-31T00:00:00Z"));
    let effective: Vec<String> =
        w.log.iter().filter(|r| r.event.kind() == "renewed").map(|r| r.effective_at.to_string()).collect();
    assert_eq!(
        effective,
        ["2026-06-30T00:00:00Z", "2026-07-31T00:00:00Z", "2026-08-31T00:00:00Z", "2026-09-30T00:00:00Z"]
    );
    assert_eq!((grants(&w), w.account.books.breakage), (vec![pair("100", "100")], credits("400")));
    trusted(&w, &catalog(CATALOG));
}

#[test]
fn recurrence_ends_when_told() {
    // At its end.
    let mut w = World::new(CATALOG, "p");
    w.grant_with("100", |g| {
        g.category = Category::Free;
        g.recurrence = monthly(None, Overage::Keep);
        g.expires_at = Some(at("2026-07-15T00:00:00Z"));
    });
    w.now = at("2026-12-01T00:00:00Z");
    assert_eq!(w.due(), ["grant_expired", "renewed", "grant_expired", "recurrence_ended"]);
    assert!(w.account.grants.is_empty() && w.account.wakes_at > w.now);
    trusted(&w, &catalog(CATALOG));
    // And when it is voided, by its own name, although nothing is left of the month's.
    let mut w = World::new(CATALOG, "p");
    let id = recurring(&mut w, "100", monthly(None, Overage::Keep));
    spend(&mut w, 100);
    w.apply(void(id.0)).expect("voids");
    w.now = at("2026-12-01T00:00:00Z");
    assert!(w.due().is_empty() && w.account.schedule(id).is_none());
    assert_eq!(w.apply(void(id.0)), Err(Refusal::MoreThanLeft(Amount::of(credits("0"), None))));
    trusted(&w, &catalog(CATALOG));
}

fn change(w: &mut World, move_anchor: bool, amounts: &[(GrantId, &str)], prorate: bool) {
    let ask = ChangePlan {
        plan: name("p"),
        move_anchor,
        amounts: amounts.iter().map(|(id, amount)| (*id, credits(amount))).collect(),
        prorate: prorate.then_some(Proration::Instant),
        at: None,
        reason: None,
    };
    w.apply(Command::ChangePlan(ask)).expect("changes");
}

#[test]
fn proration_is_exact() {
    // From 1 June 12:00 to 1 July 12:00 are 30 days; after 10 of them two thirds are left.
    let mut w = World::new(CATALOG, "p");
    let id = recurring(&mut w, "100", monthly(None, Overage::Keep));
    w.now = at("2026-06-11T12:00:00Z");
    change(&mut w, false, &[(id, "250")], true);
    // 2/3 of 250 − 2/3 of 100, each rounded so that the parts add up to the whole.
    let part = credits("166.666666667").checked_sub(credits("66.666666667")).expect("difference");
    assert_eq!(w.account.available(w.now, None), credits("100").checked_add(part).expect("sum"));
    // Down again takes back at most what is free.
    spend(&mut w, 190);
    change(&mut w, false, &[(id, "100")], true);
    assert_eq!(w.available(), "0");
    // An emptied month opens again for what it gains.
    change(&mut w, false, &[(id, "400")], true);
    assert_eq!(w.available(), "200");
    w.now = at("2026-07-01T12:00:00Z");
    w.due();
    assert_eq!(grants(&w), [pair("400", "400")]);
    trusted(&w, &catalog(CATALOG));
}

#[test]
fn a_moved_anchor_begins_a_period_and_a_recurrence_at_a_reset_counts_once() {
    for moved_at in ["2026-06-11T12:00:00Z", "2026-07-01T12:00:00Z"] {
        let mut w = World::new(CATALOG, "p");
        let id = recurring(&mut w, "100", monthly(Some(("0", "20")), Overage::Keep));
        spend(&mut w, 50);
        w.now = at(moved_at);
        w.due();
        change(&mut w, true, &[(id, "70")], true);
        let done = w.due();
        let schedule = w.account.schedule(id).expect("recurs");
        let anchor = w.account.settings.billing_anchor;
        // The period that began at this very boundary is not ended and begun once more.
        let renewals = w.log.iter().filter(|r| r.event.kind() == "renewed").count();
        assert_eq!(renewals, 1, "{moved_at}: {done:?}");
        assert!(schedule.began_at <= anchor && anchor.since(schedule.began_at).micros() < 1_000_000);
        assert!(grants(&w).contains(&pair("20", "20")), "{moved_at}: {:?}", grants(&w));
        trusted(&w, &catalog(CATALOG));
    }
}

#[test]
fn a_period_that_has_just_begun_ends_under_the_anchor_that_moves_to_its_beginning() {
    let mut w = World::new(CATALOG, "p");
    w.settings(|s| s.billing_anchor = at("2026-05-31T00:00:00Z"));
    let id = recurring(&mut w, "100", monthly(None, Overage::Keep));
    w.now = at("2026-06-30T00:00:00Z");
    assert_eq!(w.due(), ["grant_expired", "renewed"]);
    assert_eq!(w.account.schedule(id).map(|s| s.next_at), Some(at("2026-07-31T00:00:00Z")));
    change(&mut w, true, &[], true);
    let (schedule, ends) = (w.account.schedule(id).expect("recurs"), at("2026-07-30T00:00:00Z"));
    assert_eq!((w.account.settings.billing_anchor, schedule.next_at), (at("2026-06-30T00:00:00Z"), ends));
    assert_eq!(w.account.grant(schedule.current).map(|g| g.terms.expires_at), Some(ends));
    assert_eq!(w.due(), [""; 0]);
    trusted(&w, &catalog(CATALOG));
}

/// The settings change the anchor; only a change of plan that moves it begins a period at once.
#[test]
fn a_changed_anchor_leaves_the_period_under_way_its_end() {
    let mut w = World::new(CATALOG, "p");
    w.settings(|s| s.billing_anchor = at("2026-05-15T00:00:00Z"));
    let id = recurring(&mut w, "100", monthly(None, Overage::Keep));
    w.settings(|s| s.billing_anchor = at("2026-05-20T00:00:00Z"));
    let mut boundaries = Vec::new();
    for now in ["2026-06-15T00:00:00Z", "2026-06-20T00:00:00Z", "2026-07-20T00:00:00Z"] {
        w.now = at(now);
        assert_eq!(w.due(), ["grant_expired", "renewed"], "{now}");
        boundaries.push(w.account.schedule(id).expect("recurs").next_at);
    }
    let then = ["2026-06-20T00:00:00Z", "2026-07-20T00:00:00Z", "2026-08-20T00:00:00Z"];
    assert_eq!(boundaries, then.map(at));
    trusted(&w, &catalog(CATALOG));
}

#[test]
fn a_receipt_that_names_a_reopened_grant_twice_gives_back_all_of_it() {
    let mut w = World::new(CATALOG, "p");
    let id = recurring(&mut w, "5", monthly(None, Overage::Keep));
    // One from the hold, four beyond it; the grant is used up and leaves the state.
    let hold = w.hold("chat", &[("input", 1)]);
    assert!(hold.outcome.is_granted());
    let hold = w.account.seq;
    let charge = w.settle(hold, &[("input", 5)]).expect("settles");
    change(&mut w, false, &[(id, "30")], true);
    assert_eq!(grants(&w), [pair("25", "25")], "the new part opens it again");
    spend(&mut w, 10);
    w.apply(refund(charge, None)).expect("refunds");
    assert_eq!(w.available(), "20");
    w.account.check().expect("no grant holds more than it is worth");
    trusted(&w, &catalog(CATALOG));
}

fn bank(w: &mut World, windows: &[&str]) -> Result<u64, Refusal> {
    let windows = windows.iter().map(|n| name(n)).collect();
    w.apply(Command::Bank { windows, expires_at: None, reference: None })
}

fn redeem(w: &mut World, reset: Option<u64>) -> Result<u64, Refusal> {
    w.apply(Command::Redeem { reset, path: Path::default(), reason: None })
}

fn task(w: &mut World) -> bool {
    w.ask(&ask("task", &[]).now()).outcome.is_granted()
}

#[test]
fn a_banked_reset_clears_its_windows_once() {
    let mut w = World::new(CATALOG, "p");
    assert_eq!(redeem(&mut w, None), Err(Refusal::NoReset));
    let reset = bank(&mut w, &["tasks.five", "tasks.week"]).expect("banks");
    assert_eq!(redeem(&mut w, None), Err(Refusal::NothingToReset), "the reset stays");
    assert_eq!((0..4).map(|_| task(&mut w)).collect::<Vec<_>>(), [true, true, true, false]);
    let by = redeem(&mut w, Some(reset)).expect("resets");
    assert_eq!((0..4).map(|_| task(&mut w)).collect::<Vec<_>>(), [true, true, true, false]);
    assert_eq!(redeem(&mut w, Some(reset)), Err(Refusal::AlreadyRedeemed(reset, by)), "it is redeemed");
    assert_eq!(redeem(&mut w, None), Err(Refusal::NoReset));
    // A reset lives for 30 days.
    bank(&mut w, &["tasks.five"]).expect("banks");
    w.now = w.account.recorded_at;
    w.pass("30d");
    task(&mut w);
    assert_eq!(redeem(&mut w, None), Err(Refusal::NoReset));
    trusted(&w, &catalog(CATALOG));
}

#[test]
fn use_from_before_a_reset_is_not_given_back_after_it() {
    let mut w = World::new(CATALOG, "p");
    bank(&mut w, &["daily"]).expect("banks");
    w.hold("task", &[]);
    let hold = w.account.seq;
    w.pass("1s");
    redeem(&mut w, None).expect("resets");
    task(&mut w);
    w.apply(release(hold)).expect("releases");
    let views = headworks_core::view::windows(w.ctx()).expect("views");
    let daily = views.iter().find(|v| v.name.as_str() == "daily").expect("shown");
    assert_eq!((daily.used, daily.resets_at), (1, Some(at("2026-06-02T00:00:00Z"))));
    trusted(&w, &catalog(CATALOG));
}

#[test]
fn what_cannot_recur_is_refused() {
    let mut w = World::new(CATALOG, "p");
    let try_with = |w: &World, change: &dyn Fn(&mut Recurrence)| {
        let mut recurrence = monthly(Some(("0", "20")), Overage::Keep).expect("recurs");
        change(&mut recurrence);
        let new = NewGrant { recurrence: Some(recurrence), ..NewGrant::new(credits("100"), Category::Free) };
        w.run(&Command::Grant(new)).err()
    };
    let zone = |r: &mut Recurrence| r.zone = Label::new("Mars/Olympus").expect("label");
    assert_eq!(try_with(&w, &zone), Some(Refusal::UnknownZone));
    let minimum = |r: &mut Recurrence| r.rollover.as_mut().expect("rolls").min = credits("21");
    assert_eq!(try_with(&w, &minimum), Some(Refusal::BadRollover));
    let life = |r: &mut Recurrence| {
        r.rollover.as_mut().expect("rolls").life = Some("36500d".parse().expect("span"));
    };
    assert_eq!(try_with(&w, &life), Some(Refusal::BadRollover));
    assert_eq!(bank(&mut w, &["rate"]), Err(Refusal::UnknownWindows(vec![name("rate")])));
    // All that the plan lacks, and nothing that it has.
    let refused = bank(&mut w, &["hourly", "rate", "daily"]).expect_err("refused");
    assert_eq!(refused, Refusal::UnknownWindows(vec![name("hourly"), name("rate")]));
    let text = refused.to_string();
    assert!(
        text.starts_with("the account's plan has no window `hourly` or `rate` that a reset can clear"),
        "{text}"
    );
    assert!(
        !w.log.iter().any(|r| matches!(&r.event, Event::Cycle(p) if matches!(**p, CycleEvent::Banked(_))))
    );
    w.pass("1s");
}

/// A log with everything that comes again and everything that was corrected.
fn busy() -> World {
    let mut w = World::new(CATALOG, "p");
    let id = recurring(&mut w, "100", monthly(Some(("5", "20")), Overage::Keep));
    spend(&mut w, 70);
    let charge = w.account.seq;
    w.now = at("2026-06-11T12:00:00Z");
    change(&mut w, false, &[(id, "160")], true);
    w.apply(correct(charge, &to(&[("input", 60)]))).expect("corrects");
    bank(&mut w, &["tasks.five"]).expect("banks");
    task(&mut w);
    redeem(&mut w, None).expect("resets");
    w.now = at("2026-08-02T00:00:00Z");
    w.due();
    w
}

#[test]
fn an_altered_movement_of_any_kind_is_named() {
    let w = busy();
    trusted(&w, &catalog(CATALOG));
    let catalogs = [catalog(CATALOG)];
    let one = credits("0.000000001");
    let mut kinds = std::collections::BTreeSet::new();
    for i in 0..w.log.len() {
        let alterations = w.log[i].movements.len() + usize::from(w.log[i].opens.is_some());
        for n in 0..alterations {
            let mut log = w.log.clone();
            match log[i].movements.get_mut(n) {
                Some(movement) => movement.amount = movement.amount.checked_add(one).expect("sum"),
                None => {
                    let terms = log[i].opens.as_mut().expect("opens");
                    terms.amount = terms.amount.checked_add(one).expect("sum");
                }
            }
            let seq = log[i].seq;
            let found = audit(&chained(&log), &catalogs);
            assert!(found.iter().any(|f| f.seq == seq), "{seq} {}: {found:?}", w.log[i].event.kind());
            kinds.insert(w.log[i].event.kind());
        }
    }
    for kind in ["rolled_over", "renewed", "plan_changed", "corrected", "grant_expired", "granted", "charged"]
    {
        assert!(kinds.contains(kind), "{kind} is not in {kinds:?}");
    }
}

/// Something that happens to an account; numbers choose among what there is.
#[derive(Clone, Debug)]
enum Act {
    Spend(u64),
    HoldAndSettle(u64, u64),
    Refund(usize),
    Correct(usize, u64),
    Grant(u64, bool),
    ChangePlan(u64, bool, bool),
    Bank,
    Redeem,
    Void(usize),
    Wait(u32),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        4 => (1_u64..60).prop_map(Act::Spend),
        2 => (1_u64..60, 0_u64..90).prop_map(|(held, used)| Act::HoldAndSettle(held, used)),
        2 => any::<usize>().prop_map(Act::Refund),
        4 => (any::<usize>(), 0_u64..90).prop_map(|(n, to)| Act::Correct(n, to)),
        2 => (1_u64..80, any::<bool>()).prop_map(|(n, expires)| Act::Grant(n, expires)),
        2 => (1_u64..200, any::<bool>(), any::<bool>()).prop_map(|(n, moves, prorates)| Act::ChangePlan(n, moves, prorates)),
        1 => Just(Act::Bank),
        1 => Just(Act::Redeem),
        1 => any::<usize>().prop_map(Act::Void),
        3 => (1_u32..60).prop_map(Act::Wait),
    ];
    proptest::collection::vec(act, 1..40)
}

/// Charges that nothing has taken the place of yet.
fn live_charges(w: &World) -> Vec<Record> {
    let replaces = |r: &Record, seq: u64| {
        if let Event::Corrected { correcting, .. } = &r.event {
            return correcting.charge == seq;
        }
        matches!(r.event, Event::Refunded { charge, .. } if charge == seq)
    };
    let gone = |seq: u64| w.log.iter().any(|r| replaces(r, seq));
    w.log.iter().filter(|r| r.charge().is_some() && !gone(r.seq)).cloned().collect()
}

fn pick<T: Clone>(list: &[T], n: usize) -> Option<T> {
    list.get(n % list.len().max(1)).cloned()
}

fn correct_to(w: &mut World, charge: &Record, input: u64) -> Result<u64, Refusal> {
    w.apply(correct(charge.seq, &to(&[("input", input)])))
}

fn act(w: &mut World, act: &Act) {
    let command = match act {
        Act::Spend(n) => {
            w.ask(&ask("owing", &[("input", *n)]).now());
            return;
        }
        Act::HoldAndSettle(held, used) => {
            if w.hold("owing", &[("input", *held)]).outcome.is_granted() {
                let hold = w.account.seq;
                // As before every request: an instant later something may have ended.
                w.due();
                w.settle(hold, &[("input", *used)]).expect("settles");
            }
            return;
        }
        Act::Refund(n) => {
            let Some(charge) = pick(&live_charges(w), *n) else { return };
            refund(charge.seq, None)
        }
        Act::Correct(n, to) => {
            if let Some(charge) = pick(&live_charges(w), *n)
                && let Err(e) = correct_to(w, &charge, *to)
            {
                assert!(matches!(e, Refusal::NothingToCorrect | Refusal::UnknownMeter(_)), "{e}");
            }
            return;
        }
        Act::Grant(n, expires) => {
            let expires_at = expires.then(|| w.now.after("20d".parse().expect("span")));
            let amount = credits(&n.to_string());
            Command::Grant(NewGrant { expires_at, ..NewGrant::new(amount, Category::Purchased) })
        }
        Act::ChangePlan(n, move_anchor, prorate) => {
            let schedules = &w.account.rare().schedules;
            let amounts = schedules.iter().map(|s| (s.id, credits(&n.to_string()))).collect();
            let (move_anchor, prorate) = (*move_anchor, prorate.then_some(Proration::Instant));
            Command::ChangePlan(ChangePlan {
                plan: name("p"),
                move_anchor,
                amounts,
                prorate,
                at: None,
                reason: None,
            })
        }
        Act::Bank => {
            bank(w, &["tasks.five", "daily"]).expect("banks");
            w.due();
            task(w);
            return;
        }
        Act::Redeem => {
            let done = redeem(w, None);
            assert!(matches!(done, Ok(_) | Err(Refusal::NoReset | Refusal::NothingToReset)), "{done:?}");
            return;
        }
        Act::Void(n) => {
            let ids: Vec<GrantId> = w.account.grants.iter().filter(|g| !g.voided).map(|g| g.id).collect();
            let Some(id) = pick(&ids, *n) else { return };
            void(id.0)
        }
        Act::Wait(days) => {
            w.now = w.now.after(format!("{days}d").parse().expect("span"));
            w.due();
            return;
        }
    };
    w.apply(command).unwrap_or_else(|e| panic!("{act:?}: {e}"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// Conservation after every record (`World::append` checks the books), an audit without findings, the same bytes again.
    #[test]
    fn whatever_happens_the_ledger_adds_up(list in acts()) {
        let mut w = World::new(CATALOG, "p");
        recurring(&mut w, "100", monthly(Some(("5", "20")), Overage::Keep));
        for one in &list {
            w.due();
            act(&mut w, one);
        }
        w.due();
        trusted(&w, &catalog(CATALOG));
        changes_nothing(&w);
    }

    /// Unwinding in reverse: once no charge stands any more, nothing is spent, owed or made good, and every credit is back.
    #[test]
    fn charges_that_did_not_happen_leave_nothing(spent in proptest::collection::vec((1_u64..60, 0_u64..90), 1..20), n in any::<usize>()) {
        let mut w = World::new(CATALOG, "p");
        for (i, (held, used)) in spent.iter().enumerate() {
            if i % 3 == 0 {
                w.grant("60", if i % 2 == 0 { Category::Free } else { Category::Purchased });
            }
            act(&mut w, &Act::HoldAndSettle(*held, *used));
        }
        let issued = w.account.books.issued;
        let mut at = n;
        while let Some(charge) = pick(&live_charges(&w).into_iter().filter(|r| charge_price(r) > 0).collect::<Vec<_>>(), at) {
            at = at.wrapping_mul(31).wrapping_add(7);
            correct_to(&mut w, &charge, 0).expect("deletes");
        }
        let books = w.account.books;
        let zero = credits("0");
        prop_assert_eq!((books.spent, books.debt, books.overdraft, books.goodwill, books.issued), (zero, zero, zero, zero, issued));
        prop_assert_eq!(w.account.available(w.ctx().now, None), issued);
        trusted(&w, &catalog(CATALOG));
    }
}

fn charge_price(record: &Record) -> i64 {
    record.charge().map_or(0, |c| c.price.nano())
}
