//! Holds: receipts, ends, overshoot, expiry.

use headworks_core::account::{Account, HOLDS_MAX};
use headworks_core::command::{Command, Extend, Step};
use headworks_core::life;
use headworks_core::record::{Amount, Book, Category, Event, GrantId, HoldId, Outcome, Reason};
use headworks_core::waterfall::Refusal;

use crate::common::{
    AskExt as _, World, adjust, ask, correct, credits, name, quantities, refund, release, settle, to, void,
};

const CATALOG: &str = r#"
version = "t"
[meters]
input = { unit = "token" }
output = { unit = "token" }
[features.chat]
meters = ["input", "output"]
rate_card = "card"
hold = { life = "60s", life_max = "1h" }
[features.strict]
meters = ["output"]
rate_card = "card"
overshoot = "reject"
[features.stream]
meters = ["input", "output"]
rate_card = "card"
hold = { expiry_charges = ["input"] }
[[rate_cards.card]]
effective_from = "2020-01-01T00:00:00Z"
prices = [
  { feature = "chat", credits = { input = "1", output = "2" } },
  { feature = "strict", credits = { output = "1" } },
  { feature = "stream", credits = { input = "1", output = "2" } },
]
[plans.p]
features = ["chat", "strict", "stream"]
guards = [
  { name = "tokens", count = ["input", "output"], window.fixed = { limit = 100000000, every = "hour" } },
  { name = "open", window.concurrency = { limit = 100000 } },
]
waterfall = [
  { allowance = { name = "included", windows = [{ name = "day", window.fixed = { limit = "10", every = "day" } }] } },
  { grants = { name = "credits" } },
]
"#;

fn used(w: &World, window: &str) -> i64 {
    let views = headworks_core::view::windows(w.ctx()).expect("views");
    views.iter().find(|v| v.name.as_str() == window).map_or(0, |v| v.used)
}

#[test]
fn settle_keeps_the_front() {
    let mut w = World::new(CATALOG, "p");
    let free = w.grant("5", Category::Free);
    w.grant("50", Category::Purchased);
    // 30 credits: 10 included, 5 free, 15 purchased.
    w.hold("chat", &[("input", 10), ("output", 10)]);
    let hold = w.account.seq;
    assert_eq!((w.available().as_str(), used(&w, "tokens")), ("35", 20));
    // 12 credits used: the 10 included and 2 of the free grant stay, the rest goes back from the end.
    w.settle(hold, &[("input", 4), ("output", 4)]).expect("settles");
    assert_eq!(w.available(), "53");
    assert_eq!(w.account.grant(GrantId(free)).map(|g| g.remaining), Some(credits("3")));
    assert_eq!((used(&w, "tokens"), used(&w, "open")), (8, 0));
    assert_eq!(w.account.books.spent, credits("2"));
}

#[test]
fn settling_within_the_allowance_gives_the_allowance_back() {
    let mut w = World::new(CATALOG, "p");
    w.hold("chat", &[("input", 10)]);
    w.settle(w.account.seq, &[("input", 4)]).expect("settles");
    assert_eq!(used(&w, "included.day"), 4_000_000_000);
    w.hold("chat", &[("input", 6)]);
    w.apply(release(w.account.seq)).expect("releases");
    assert_eq!(used(&w, "included.day"), 4_000_000_000);
}

#[test]
fn hold_ends_once() {
    let mut w = World::new(CATALOG, "p");
    w.hold("chat", &[("input", 1)]);
    let hold = w.account.seq;
    let by = w.settle(hold, &[("input", 1)]).expect("settles");
    let ended = Refusal::HoldEnded { hold: HoldId(hold), by, at: w.account.recorded_at, how: "settled" };
    assert_eq!(w.settle(hold, &[("input", 1)]), Err(ended.clone()));
    assert_eq!(w.apply(release(hold)), Err(ended));
    w.pass("1d");
    assert_eq!(life::next(w.ctx()), None, "nor does it expire");
    assert_eq!(w.apply(release(hold + 9)), Err(Refusal::UnknownHold(HoldId(hold + 9))));
}

#[test]
fn use_beyond_the_hold_walks_the_waterfall_then_the_overshoot_rule() {
    let mut w = World::new(CATALOG, "p");
    w.grant("10", Category::Purchased);
    w.hold("chat", &[("input", 5)]);
    // 27 used: 5 of the hold, 5 more included, 10 purchased, 7 refunded by the operator.
    let seq = w.settle(w.account.seq, &[("input", 27)]).expect("settles");
    assert_eq!(w.account.books.goodwill, credits("7"));
    assert_eq!(w.account.books.spent, credits("17"));
    assert_eq!(used(&w, "included.day"), 10_000_000_000);
    assert_eq!(used(&w, "tokens"), 27);
    let record = w.log.iter().find(|r| r.seq == seq).expect("logged");
    let Event::Settled { charge, is_late: false, .. } = &record.event else { panic!("{record:?}") };
    assert_eq!(charge.price, credits("27"));
    assert_eq!(charge.draws.iter().map(|d| d.amount).sum::<i64>(), credits("27").nano());
    // A feature that rejects it keeps the hold.
    w.pass("1d");
    w.hold("strict", &[("output", 10)]);
    let hold = w.account.seq;
    assert_eq!(w.settle(hold, &[("output", 11)]), Err(Refusal::BeyondHold(Amount::of(credits("1"), None))));
    w.settle(hold, &[("output", 10)]).expect("settles");
}

/// An account pays what was held at most: what is used beyond is the operator's, although sources have more, and counts all the same.
#[test]
fn use_beyond_the_hold_can_be_the_operators() {
    let text = CATALOG.replace("overshoot = \"reject\"", "overshoot = \"goodwill\"").replacen(
        "[features.chat]\n",
        "[features.chat]\novershoot = \"goodwill\"\n",
        1,
    );
    let mut w = World::new(&text, "p");
    w.grant("10", Category::Purchased);
    w.hold("chat", &[("input", 5)]);
    // 27 used: 5 of the hold, 22 by the operator.
    w.settle(w.account.seq, &[("input", 27)]).expect("settles");
    assert_eq!((w.account.books.goodwill, w.available()), (credits("22"), "10".to_owned()));
    assert_eq!((used(&w, "included.day"), used(&w, "tokens")), (5_000_000_000, 27));
    // Use without a hold is paid as by any other rule: 5 more included, 9 purchased.
    let charge = Command::Record { request: ask("chat", &[("input", 14)]).request, at: None };
    w.apply(charge).expect("is charged");
    assert_eq!((w.account.books.goodwill, w.available()), (credits("22"), "1".to_owned()));
}

#[test]
fn extend_goes_through_the_same_waterfall() {
    let mut w = World::new(CATALOG, "p");
    w.grant("4", Category::Purchased);
    w.hold("chat", &[("input", 8)]);
    let hold = HoldId(w.account.seq);
    let mut more = Extend {
        hold,
        quantities: quantities(&[("output", 3)]),
        more: Vec::new(),
        minimum: None,
        life: Some("30m".parse().expect("span")),
        progress: None,
        consented: false,
    };
    let extend = |w: &World, more: &Extend| w.run(&Command::Extend(more.clone()));
    let extended = extend(&w, &more).expect("extends");
    assert_eq!(w.fold(extended).outcome, Outcome::Allow);
    // 14 of 14 are held now.
    assert_eq!(w.available(), "0");
    let denied = extend(&w, &more).expect("answers");
    assert!(matches!(&denied, Step::Deny(..)));
    assert_eq!(w.fold(denied).reason, Reason::InsufficientCredits);
    more.quantities.clear();
    for _ in 0..9 {
        w.pass("1s");
        let longer = extend(&w, &more).expect("extends");
        assert_eq!(w.fold(longer).outcome, Outcome::Allow);
    }
    assert_eq!(extend(&w, &more).err(), Some(Refusal::TooManyExtensions(hold)));
    w.settle(hold.0, &[("input", 8), ("output", 3)]).expect("settles");
    assert_eq!(w.account.books.spent, credits("4"));
}

#[test]
fn expiry_releases_or_charges_what_is_known() {
    let mut w = World::new(CATALOG, "p");
    w.grant("50", Category::Purchased);
    w.hold("chat", &[("input", 20)]);
    w.expire(w.account.seq);
    assert_eq!((w.available().as_str(), used(&w, "included.day"), used(&w, "tokens")), ("50", 0, 0));
    // The stream reported 4 output tokens: 6 input + 2 × 4 = 14 credits, 10 of them included.
    w.hold("stream", &[("input", 6), ("output", 10)]);
    let hold = HoldId(w.account.seq);
    let report = Extend {
        hold,
        quantities: quantities(&[]),
        more: Vec::new(),
        minimum: None,
        life: None,
        progress: Some(quantities(&[("output", 4)])),
        consented: false,
    };
    w.apply(Command::Extend(report.clone())).expect("reports");
    w.expire(hold.0);
    assert_eq!((w.available().as_str(), used(&w, "included.day")), ("46", 10_000_000_000));
    // It reported 40 of the 10 that were held: 6 + 2 × 10 = 26 are charged, never more than was set aside.
    w.hold("stream", &[("input", 6), ("output", 10)]);
    let hold = HoldId(w.account.seq);
    let progress = Some(quantities(&[("output", 40)]));
    w.apply(Command::Extend(Extend { hold, progress, ..report })).expect("reports");
    w.expire(hold.0);
    let charge = w.charge();
    assert_eq!((charge.price, w.available().as_str()), (credits("26"), "20"));
}

#[test]
fn a_late_settle_is_a_direct_charge() {
    let mut w = World::new(CATALOG, "p");
    w.hold("chat", &[("input", 5)]);
    let hold = w.account.seq;
    w.expire(hold);
    let draft = w.draft(settle(hold, &[("input", 12)])).expect("settles");
    let Event::Settled { charge, is_late: late, .. } = &draft.event else { panic!("{draft:?}") };
    assert!(late);
    assert_eq!(charge.price, credits("12"));
    w.append(draft);
    // 10 included; the two that nothing paid came from the operator's goodwill.
    assert_eq!((used(&w, "included.day"), w.account.books.goodwill), (10_000_000_000, credits("2")));
}

/// A grant can pay before the instant at which it expires, and not at it.
#[test]
fn nothing_returns_to_a_grant_at_its_expiry() {
    let mut w = World::new(CATALOG, "p");
    let expires = w.now.after("30s".parse().expect("span"));
    w.grant_with("20", |g| g.expires_at = Some(expires));
    w.hold("chat", &[("input", 15)]);
    w.now = expires;
    let draft = w.draft(release(w.account.seq)).expect("releases");
    let to: Vec<Book> = draft.movements.iter().map(|m| m.to).collect();
    assert_eq!(to, [Book::Breakage], "the five that the grant paid");
}

#[test]
fn returns_to_a_closed_grant() {
    let mut w = World::new(CATALOG, "p");
    let expires = w.now.after("30s".parse().expect("span"));
    w.grant_with("20", |g| g.expires_at = Some(expires));
    w.hold("chat", &[("input", 25)]);
    let hold = w.account.seq;
    w.pass("40s");
    let grant = w.account.grants.first().map(|g| g.id).expect("held grant stays");
    w.expire(grant.0);
    assert_eq!(w.account.books.breakage, credits("5"));
    // What the hold had set aside may still be spent; what it gives back goes to breakage.
    w.settle(hold, &[("input", 18)]).expect("settles");
    assert_eq!((w.account.books.spent, w.account.books.breakage), (credits("8"), credits("12")));
    let voided = w.grant("20", Category::Purchased);
    w.hold("chat", &[("input", 15)]);
    let hold = w.account.seq;
    w.apply(void(voided)).expect("voids");
    assert_eq!(w.available(), "0");
    let draft = w.draft(release(hold)).expect("releases");
    assert!(draft.movements.iter().all(|m| m.to == Book::Operator));
    w.append(draft);
    assert!(w.account.grants.is_empty());
}

#[test]
fn refunds_unwind_in_reverse_and_reopen_grants() {
    let mut w = World::new(CATALOG, "p");
    let first = w.grant("5", Category::Free);
    let second = w.grant("5", Category::Purchased);
    w.ask(&ask("chat", &[("input", 20)]).now());
    assert!(w.account.grants.is_empty(), "used-up grants leave the state");
    let charge = w.account.seq;
    let too_much = w.apply(refund(charge, Some("20.000000001")));
    assert_eq!(too_much, Err(Refusal::MoreThanCharged(Amount::of(credits("20"), None))));
    w.apply(refund(charge, Some("7"))).expect("refunds");
    let left: Vec<(u64, String)> =
        w.account.grants.iter().map(|g| (g.id.0, g.remaining.to_string())).collect();
    assert_eq!(left, [(first, "2".to_owned()), (second, "5".to_owned())]);
    let mut w = World::new(CATALOG, "p");
    w.ask(&ask("chat", &[("input", 9)]).now());
    w.apply(refund(w.account.seq, None)).expect("refunds");
    assert_eq!(used(&w, "included.day"), 0, "a whole refund gives the allowance back");
}

#[test]
fn a_charge_is_refunded_until_nothing_is_left() {
    let mut w = World::new(CATALOG, "p");
    w.grant("20", Category::Purchased);
    // Ten included, ten bought.
    w.ask(&ask("chat", &[("input", 20)]).now());
    let charge = w.account.seq;
    let first = w.apply(refund(charge, Some("3"))).expect("refunds");
    let corrected = w.apply(correct(charge, &to(&[("input", 1)])));
    assert_eq!(corrected, Err(Refusal::AlreadyRefunded(charge, first)), "a refunded charge is not corrected");
    assert_eq!(
        w.apply(refund(charge, Some("17.000000001"))),
        Err(Refusal::MoreThanCharged(Amount::of(credits("17"), None)))
    );
    w.apply(refund(charge, Some("2"))).expect("refunds");
    assert_eq!((w.available().as_str(), used(&w, "included.day")), ("15", 10_000_000_000));
    // From the end: the five that are left of what was bought, then one of what was included.
    w.apply(refund(charge, Some("6"))).expect("refunds");
    assert_eq!((w.available().as_str(), used(&w, "included.day")), ("20", 9_000_000_000));
    let by = w.apply(refund(charge, None)).expect("refunds the rest");
    assert_eq!((w.available().as_str(), used(&w, "included.day")), ("20", 0), "with the allowance");
    for again in [refund(charge, Some("3")), refund(charge, None), correct(charge, &to(&[("input", 1)]))] {
        assert!(matches!(w.apply(again), Err(Refusal::AlreadyRefunded(of, _)) if of == charge));
    }
    assert_eq!(w.apply(refund(by, None)), Err(Refusal::NotACharge(by)));
    assert_eq!(w.apply(refund(by + 1, None)), Err(Refusal::UnknownRecord(by + 1)));
}

#[test]
fn grants_are_corrected_within_their_bounds() {
    let mut w = World::new(CATALOG, "p");
    let grant = w.grant("5", Category::Purchased);
    w.apply(adjust(grant, "2.5")).expect("adjusts");
    w.apply(adjust(grant, "-7.5")).expect("adjusts");
    assert_eq!(w.available(), "0");
    // It is known, and spent: what is left is told.
    assert_eq!(w.apply(adjust(grant, "1")), Err(Refusal::GrantEnded(GrantId(grant))));
    for late in [adjust(grant, "-1"), void(grant)] {
        assert_eq!(w.apply(late), Err(Refusal::MoreThanLeft(Amount::of(credits("0"), None))));
    }
    for unknown in [0, 1, 99] {
        assert_eq!(w.apply(adjust(unknown, "1")), Err(Refusal::UnknownGrant(GrantId(unknown))));
        assert_eq!(w.apply(void(unknown)), Err(Refusal::UnknownGrant(GrantId(unknown))));
    }
    assert_eq!(w.apply(adjust(grant, "0")), Err(Refusal::NoChange));
}

#[test]
fn an_account_holds_no_more_than_its_bound() {
    let mut w = World::new(CATALOG, "p");
    w.grant("1000000", Category::Purchased);
    for _ in 0..HOLDS_MAX {
        let draft = w.draft(Command::Authorize(ask("chat", &[("input", 1)]))).expect("held");
        let record = draft.into_record(&w.account, w.account.tick(w.now), None, None);
        w.account.apply(&record, [0; 32]).expect("folds");
    }
    assert_eq!(w.hold("chat", &[("input", 1)]).reason, Reason::AccountFull);
}

#[test]
fn refusals_change_nothing() {
    let mut w = World::new(CATALOG, "p");
    let before = w.account.clone();
    let try_one = |w: &World, ask| w.run(&Command::Authorize(ask)).err();
    assert_eq!(try_one(&w, ask("nothing", &[])), Some(Refusal::UnknownFeature(name("nothing"))));
    assert_eq!(try_one(&w, ask("chat", &[("sound", 1)])), Some(Refusal::UnknownMeter(name("sound"))));
    assert_eq!(try_one(&w, ask("chat", &[("input", u64::MAX)])), Some(Refusal::TooLarge));
    assert_eq!(
        try_one(&w, ask("chat", &[("input", u64::MAX / 2), ("output", u64::MAX / 2)])),
        Some(Refusal::TooLarge)
    );
    let bad = |n| Some(Refusal::BadMinimum(name(n)));
    assert_eq!(try_one(&w, ask("chat", &[("input", 5)]).at_least("input", 6)), bad("input"));
    assert_eq!(try_one(&w, ask("chat", &[("input", 5)]).at_least("input", 0)), bad("input"));
    let mut long = ask("chat", &[("input", 5)]);
    long.life = Some("2h".parse().expect("span"));
    assert_eq!(try_one(&w, long), Some(Refusal::BadLife("1h".into())));
    assert_eq!(w.account, before);
    w.pass("1s");
}

#[test]
fn a_refund_of_a_voided_grant_goes_to_the_operator() {
    let mut w = World::new(CATALOG, "p");
    w.grant("5", Category::Purchased);
    let grant = w.account.seq;
    w.ask(&ask("chat", &[("input", 13)]).now());
    let charge = w.account.seq;
    w.apply(void(grant)).expect("voids");
    w.apply(refund(charge, None)).expect("refunds");
    // Neither the account nor breakage gets what the operator had taken back.
    assert_eq!((w.available().as_str(), w.account.books.breakage), ("0", credits("0")));
    assert_eq!(w.account.books.issued, credits("0"));
}

/// A window that has emptied is left out of a checkpoint; a settle beyond its hold must find the same state either way.
#[test]
fn a_settle_beyond_the_hold_counts_the_same_after_a_checkpoint() {
    let text = CATALOG_OF_RATE;
    let mut w = World::new(text, "p");
    w.grant("1000", Category::Purchased);
    w.hold("chat", &[("tokens", 1)]);
    let hold = w.account.seq;
    // One of 60 in five minutes is free again after five seconds.
    w.pass("30s");
    w.settings(|_| {});
    let mut restored = World {
        account: Account::from_bytes(&w.account.to_bytes()).expect("reads"),
        ..World::new(text, "p")
    };
    restored.now = w.now;
    for world in [&mut w, &mut restored] {
        world.settle(hold, &[("tokens", 10)]).expect("settles");
        world.hold("chat", &[("tokens", 20)]);
    }
    assert!(w.account.to_bytes() == restored.account.to_bytes(), "they differ");
}

const CATALOG_OF_RATE: &str = r#"
version = "t"
[meters]
tokens = { unit = "token" }
[features.chat]
meters = ["tokens"]
rate_card = "card"
[[rate_cards.card]]
effective_from = "2020-01-01T00:00:00Z"
prices = [{ feature = "chat", credits = { tokens = "1" } }]
[plans.p]
features = ["chat"]
guards = [{ name = "rate", count = "tokens", window.rate = { limit = 60, period = "5m" } }]
waterfall = [{ grants = { name = "credits" } }]
"#;
