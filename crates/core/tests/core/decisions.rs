//! Every reason, in order of precedence: each row fixes what the row before it was refused for.

use headworks_core::capacity::Offer;
use headworks_core::command::{Command, Extend, Step};
use headworks_core::record::{
    Category, Certainty, Consent, Decision, Level, Outcome, Reason, SegmentSettings, Source, Verdict,
    VisitKind, Wall,
};
use headworks_core::waterfall::{Authorize, Live};

use crate::common::{AskExt as _, World, ask, at, credits, name};

const CATALOG: &str = r#"
version = "t"
[meters]
tokens = { unit = "token" }
[features.chat]
meters = ["tokens"]
rate_card = "card"
[features.other]
meters = ["tokens"]
rate_card = "card"
[features.draw]
meters = ["tokens"]
rate_card = "card"
allowance_unit = "requests"
[[rate_cards.card]]
effective_from = "2020-01-01T00:00:00Z"
prices = [
  { feature = "chat", credits = { tokens = "1" } },
  { feature = "other", credits = { tokens = "1" } },
  { feature = "draw", credits = { tokens = "1" } },
]
[plans.all]
features = ["chat"]
guards = [
  { name = "rate", count = "tokens", window.rate = { limit = 100, period = "10s" } },
  { name = "sliding", count = "tokens", window.sliding = { limit = 150, length = "1m" } },
  { name = "fixed", count = "tokens", window.fixed = { limit = 180, every = "hour" } },
  { name = "first", count = "tokens", window.first_use = { limit = 200, length = "2h" } },
  { name = "slots", window.concurrency = { limit = 3 } },
]
waterfall = [{ grants = { name = "credits" } }]
[plans.money]
features = ["chat"]
guards = [{ name = "cap", window.spend_cap = { limit = "50", every = "day" } }]
waterfall = [
  { allowance = { name = "included", windows = [{ name = "h", window.first_use = { limit = "10", length = "5h" } }, { name = "w", window.first_use = { limit = "25", length = "7d" } }] } },
  { grants = { name = "gifts", categories = ["free", "promotional"] } },
  { pool = { name = "pool", cap = { default = "20", every = "month" } } },
  { overdraft = { name = "overdraft", limit = "5" } },
]
[plans.free]
features = ["chat", "draw"]
waterfall = [{ allowance = { name = "included", features = ["chat"], windows = [{ name = "d", window.fixed = { limit = "10", every = "day" } }] } },
  { allowance = { name = "images", features = ["draw"], windows = [{ name = "d", window.fixed = { limit = "2", every = "day" } }] } }]
[plans.draw]
features = ["draw"]
waterfall = [
  { allowance = { name = "images", windows = [{ name = "d", window.fixed = { limit = "2", every = "day" } }] } },
  { grants = { name = "credits" } },
]
"#;

#[track_caller]
fn refused(world: &mut World, ask: &Authorize, reason: Reason, wall: Wall) {
    let decision = world.ask(ask);
    assert_eq!((decision.outcome, decision.reason), (Outcome::Deny, reason));
    assert_eq!(decision.wall, Some(wall));
    assert!(decision.draws.is_empty(), "a denial draws nothing");
}

#[track_caller]
fn allowed(world: &mut World, ask: &Authorize) -> u64 {
    let decision = world.ask(ask);
    assert_eq!((decision.outcome, decision.reason), (Outcome::Allow, Reason::Allowed), "{decision:?}");
    world.account.seq
}

#[test]
fn reasons_in_order() {
    let account = Wall::Path(Level::Account);
    let mut w = World::new(CATALOG, "all");
    w.grant("1000", Category::Purchased);
    // Suspension comes before everything, even before a feature that the plan lacks would be looked at.
    w.settings(|s| s.suspended = true);
    refused(&mut w, &ask("chat", &[("tokens", 500)]), Reason::Suspended, Wall::Operator);
    // So does a pause, after it.
    w.apply(Command::Pause { until: None, reason: None }).expect("pauses");
    refused(&mut w, &ask("chat", &[("tokens", 500)]), Reason::Suspended, Wall::Operator);
    w.settings(|s| s.suspended = false);
    refused(&mut w, &ask("chat", &[("tokens", 500)]), Reason::Paused, Wall::Operator);
    w.apply(Command::Resume { reason: None }).expect("resumes");
    refused(&mut w, &ask("other", &[("tokens", 1)]), Reason::NotEntitled, Wall::Plan);
    // 101 tokens never fit a burst of 100; no time is told for it.
    let decision = w.ask(&ask("chat", &[("tokens", 101)]));
    assert_eq!((decision.reason, decision.unblock.and_then(|u| u.at())), (Reason::ExceedsCapacity, None));
    // 100 used: the rate window is empty, ten tokens return in one second.
    allowed(&mut w, &ask("chat", &[("tokens", 100)]));
    let decision = w.ask(&ask("chat", &[("tokens", 10)]));
    assert_eq!(decision.reason, Reason::RateLimit);
    // What a guard refuses counts nothing in it, and the explanation says so.
    assert!(
        decision.visits.iter().all(|v| v.cost == 0 || v.verdict == Verdict::Passed),
        "{:?}",
        decision.visits
    );
    let a_second_later = w.account.recorded_at.after("1s".parse().expect("span"));
    assert_eq!(decision.unblock.and_then(|u| u.at()), Some(a_second_later));
    // After 10 s the rate has room again; 100 of 150 are in the sliding minute.
    w.pass("10s");
    refused(&mut w, &ask("chat", &[("tokens", 60)]), Reason::SlidingLimit, account);
    w.pass("1m");
    allowed(&mut w, &ask("chat", &[("tokens", 70)]));
    w.pass("2m");
    // 170 of 180 in the hour.
    let decision = w.ask(&ask("chat", &[("tokens", 20)]));
    assert_eq!(decision.reason, Reason::FixedLimit);
    assert_eq!(decision.unblock.and_then(|u| u.at()), Some(at("2026-06-01T13:00:00Z")));
    w.pass("1h");
    // 170 of 200 in the two hours since the first use at 12:00.
    let decision = w.ask(&ask("chat", &[("tokens", 40)]));
    assert_eq!(decision.reason, Reason::FirstUseLimit);
    allowed(&mut w, &ask("chat", &[("tokens", 1)]));
    refused(&mut w, &ask("chat", &[("tokens", 1)]), Reason::ConcurrencyLimit, account);
}

#[test]
fn reasons_of_money_in_order() {
    let user = Wall::Path(Level::User);
    let account = Wall::Path(Level::Account);
    let mut w = World::new(CATALOG, "money");
    let by_alice = |n: u64| ask("chat", &[("tokens", n)]).on_path("team:a/user:alice");
    // Nothing but the allowance of 10 and the overdraft of 5.
    refused(&mut w, &by_alice(16), Reason::InsufficientCredits, account);
    let decision = w.ask(&by_alice(16));
    assert_eq!(decision.unblock.and_then(|u| u.purchase()), Some(credits("1")));
    w.grant("100", Category::Purchased);
    // Alice's cap of 20 binds: 10 + 20 + 5 < 36.
    refused(&mut w, &by_alice(36), Reason::MemberCap, user);
    // Without a member the pool cannot pay.
    refused(&mut w, &ask("chat", &[("tokens", 16)]), Reason::MemberMissing, user);
    // The whole spend cap of 50 binds a member whose own cap is higher.
    w.settings(|s| {
        s.segments.push(SegmentSettings {
            segment: "user:bob".parse().expect("segment"),
            suspended: false,
            consent: None,
            pool_cap: Some(credits("90").into()),
            hourly_cap: None,
        });
    });
    let by_bob = |n: u64| ask("chat", &[("tokens", n)]).on_path("user:bob");
    let decision = w.ask(&by_bob(61));
    assert_eq!((decision.reason, decision.wall), (Reason::ExceedsCapacity, Some(account)));
    // A cap that never has room for 51 credits tells no reset.
    assert_eq!(decision.unblock.and_then(|u| u.at()), None);
    w.settings(|s| s.consent = Some(Consent::Never));
    refused(&mut w, &by_alice(11), Reason::ConsentNever, account);
    w.settings(|s| s.consent = Some(Consent::Ask));
    let decision = w.ask(&by_alice(12));
    assert_eq!((decision.outcome, decision.reason), (Outcome::NeedsConsent, Reason::ConsentNeeded));
    assert_eq!(decision.paid_price, credits("2"));
    allowed(&mut w, &by_alice(12).with_consent());
    // Along the path consent is only ever stricter.
    for (own, of_members) in [(Consent::Allow, Consent::Never), (Consent::Never, Consent::Allow)] {
        w.settings(|s| {
            s.consent = Some(own);
            s.segments.iter_mut().for_each(|s| s.consent = Some(of_members));
        });
        assert_eq!(w.ask(&by_bob(11)).reason, Reason::ConsentNever, "{own:?}, {of_members:?}");
    }
    w.settings(|s| {
        s.consent = None;
        s.segments.iter_mut().for_each(|s| s.consent = None);
    });
    w.settings(|s| {
        s.segments.iter_mut().for_each(|s| s.suspended = true);
    });
    refused(&mut w, &by_bob(1), Reason::Suspended, user);
    let mut w = World::new(CATALOG, "free");
    allowed(&mut w, &ask("chat", &[("tokens", 10)]));
    let decision = w.ask(&ask("chat", &[("tokens", 1)]));
    assert_eq!((decision.reason, decision.wall), (Reason::AllowanceUsed, Some(Wall::Plan)));
    // The hold of ten ends before the day does.
    let ways = decision.unblock.expect("ways").ways;
    let end = w.account.holds.first().map(|h| h.terms.deadline);
    assert_eq!(ways.iter().map(|w| (w.at, w.certainty)).collect::<Vec<_>>(), [(end, Certainty::Latest)]);
    w.settle(w.account.seq, &[("tokens", 10)]).expect("settles");
    let decision = w.ask(&ask("chat", &[("tokens", 1)]));
    assert_eq!(decision.unblock.and_then(|u| u.at()), Some(at("2026-06-02T00:00:00Z")));
    w.pass("12h");
    allowed(&mut w, &ask("chat", &[("tokens", 1)]));
}

#[test]
fn caps_come_before_an_empty_pool() {
    let mut w = World::new(CATALOG, "money");
    w.grant("100", Category::Purchased);
    let decision = w.ask(&ask("chat", &[("tokens", 30)]).on_path("user:alice"));
    let draws: Vec<(&str, i64)> =
        decision.draws.iter().map(|d| (d.layer.as_str(), d.amount / 1_000_000_000)).collect();
    assert_eq!(draws, [("included", 10), ("pool", 20)]);
    // The team's cap is the member's where it has none of its own.
    w.settings(|s| {
        s.segments.push(SegmentSettings {
            segment: "team:a".parse().expect("segment"),
            suspended: false,
            consent: None,
            pool_cap: Some(credits("3").into()),
            hourly_cap: None,
        });
    });
    let decision = w.ask(&ask("chat", &[("tokens", 9)]).on_path("team:a/user:carol"));
    assert_eq!(decision.reason, Reason::MemberCap);
    allowed(&mut w, &ask("chat", &[("tokens", 8)]).on_path("team:a/user:carol"));
}

#[test]
fn a_request_slides_from_plan_into_credits_in_burn_order() {
    let mut w = World::new(CATALOG, "money");
    let late = w.grant_with("4", |g| {
        g.category = Category::Promotional;
        g.expires_at = Some(at("2026-07-01T00:00:00Z"));
    });
    let never = w.grant("4", Category::Free);
    let soon = w.grant_with("4", |g| {
        g.category = Category::Promotional;
        g.expires_at = Some(at("2026-06-15T00:00:00Z"));
    });
    let first = w.grant_with("4", |g| {
        g.category = Category::Promotional;
        g.priority = 0;
        g.expires_at = Some(at("2026-06-15T00:00:00Z"));
    });
    let last = w.grant_with("4", |g| {
        g.category = Category::Free;
        g.priority = 1;
        g.expires_at = Some(at("2026-06-02T00:00:00Z"));
    });
    let decision = w.ask(&ask("chat", &[("tokens", 30)]).on_path("user:alice"));
    let order: Vec<u64> = decision
        .draws
        .iter()
        .filter_map(|d| match d.source {
            Source::Grant(id, _) => Some(id.0),
            Source::Allowance | Source::Overdraft | Source::Debt | Source::Goodwill | Source::Postpaid(_) => {
                None
            }
        })
        .collect();
    // Priority first, then expiry (soonest first, never last), then age.
    assert_eq!(order, [soon, first, late, never, last]);
    assert_eq!(decision.draws.iter().map(|d| d.amount).sum::<i64>(), 30_000_000_000);
}

#[test]
fn requests_are_paid_whole() {
    let mut w = World::new(CATALOG, "draw");
    w.grant("5", Category::Free);
    w.grant("8", Category::Purchased);
    for _ in 0..2 {
        let decision = w.ask(&ask("draw", &[("tokens", 7)]).now());
        assert_eq!(decision.draws.len(), 1);
        assert_eq!(decision.draws.first().map(|d| d.source), Some(Source::Allowance));
    }
    // Without an allowance, seven credits are split over the grants.
    let decision = w.ask(&ask("draw", &[("tokens", 7)]).now());
    assert_eq!(decision.draws.iter().map(|d| d.amount).collect::<Vec<_>>(), [5_000_000_000, 2_000_000_000]);
    assert_eq!(w.available(), "6");
    let decision = w.ask(&ask("draw", &[("tokens", 7)]).now());
    assert_eq!(decision.reason, Reason::InsufficientCredits);
}

#[test]
fn partial_gives_the_most_that_can_be_paid() {
    let mut w = World::new(CATALOG, "money");
    w.grant("7", Category::Free);
    // 10 included + 7 free + 5 overdraft = 22.
    let decision = w.ask(&ask("chat", &[("tokens", 1_000)]).at_least("tokens", 20).on_path("user:a"));
    assert_eq!((decision.outcome, decision.reason), (Outcome::Partial, Reason::Partial));
    assert_eq!(decision.price, credits("22"));
    let mut w = World::new(CATALOG, "money");
    let decision = w.ask(&ask("chat", &[("tokens", 30)]).at_least("tokens", 16).on_path("user:a"));
    assert_eq!((decision.outcome, decision.reason), (Outcome::Deny, Reason::InsufficientCredits));
}

#[test]
fn twenty_holds_of_75_against_500_leave_six_winners() {
    let mut w = World::new(CATALOG, "all");
    w.catalog = crate::common::catalog(
        &CATALOG
            .replace("{ name = \"slots\", window.concurrency = { limit = 3 } },", "")
            .replace("limit = 100, period = \"10s\"", "limit = 100000, period = \"10s\"")
            .replace("limit = 150,", "limit = 100000,")
            .replace("limit = 180,", "limit = 100000,")
            .replace("limit = 200,", "limit = 100000,"),
    );
    w.grant("500", Category::Purchased);
    let winners = (0..20).filter(|_| w.hold("chat", &[("tokens", 75)]).outcome == Outcome::Allow).count();
    assert_eq!(winners, 6);
    assert_eq!(w.available(), "50");
}

#[test]
fn first_use_windows_open_with_the_first_allowed_use() {
    let mut w = World::new(CATALOG, "free");
    w.catalog = crate::common::catalog(&CATALOG.replace(
        "window.fixed = { limit = \"10\", every = \"day\" }",
        "window.first_use = { limit = \"10\", length = \"5h\" }",
    ));
    // A denial opens nothing.
    w.hold("chat", &[("tokens", 11)]);
    w.pass("4h");
    allowed(&mut w, &ask("chat", &[("tokens", 10)]));
    w.pass("4h 59m");
    let decision = w.hold("chat", &[("tokens", 1)]);
    let told = decision.unblock.and_then(|u| u.at()).expect("told");
    // Five hours after 16:00, not after the denied request at 12:00.
    assert_eq!((told.micros() - at("2026-06-01T21:00:00Z").micros()) / 1_000, 0);
    w.now = headworks_core::record::Instant::from_micros(told.micros() - 1);
    w.account.recorded_at = w.now;
    assert_eq!(
        w.hold("chat", &[("tokens", 1)]).outcome,
        Outcome::Allow,
        "the tick after the last record is the reset"
    );
}

#[test]
fn a_changed_limit_keeps_what_is_used() {
    let mut w = World::new(CATALOG, "free");
    allowed(&mut w, &ask("chat", &[("tokens", 8)]));
    w.catalog = crate::common::catalog(
        &CATALOG.replace("limit = \"10\", every = \"day\"", "limit = \"12\", every = \"day\""),
    );
    refused(&mut w, &ask("chat", &[("tokens", 5)]), Reason::AllowanceUsed, Wall::Plan);
    allowed(&mut w, &ask("chat", &[("tokens", 4)]));
    w.catalog = crate::common::catalog(
        &CATALOG.replace("limit = \"10\", every = \"day\"", "limit = \"3\", every = \"day\""),
    );
    refused(&mut w, &ask("chat", &[("tokens", 1)]), Reason::AllowanceUsed, Wall::Plan);
    w.pass("12h");
    allowed(&mut w, &ask("chat", &[("tokens", 3)]));
}

#[test]
fn debt_blocks_new_holds_and_the_next_grant_repays_it() {
    let text = CATALOG.replace("[features.chat]\n", "[features.chat]\novershoot = \"debt\"\n");
    let mut w = World::new(&text, "money");
    let hold = allowed(&mut w, &ask("chat", &[("tokens", 10)]).on_path("user:a"));
    w.settings(|s| s.consent = Some(Consent::Never));
    w.settle(hold, &[("tokens", 13)]).expect("settles");
    assert_eq!(w.account.books.debt, credits("3"));
    refused(&mut w, &ask("chat", &[("tokens", 1)]), Reason::InDebt, Wall::Path(Level::Account));
    w.grant("10", Category::Purchased);
    assert_eq!(w.account.books.debt, credits("0"));
    assert_eq!(w.available(), "7");
}

fn offer(supply: &str, fits: bool) -> Offer {
    Offer {
        supply: name(supply),
        class: name("default"),
        fits,
        used: 7,
        cost: 40,
        in_flight: 1,
        revocable: supply == "spare",
        too_large: false,
        at: (!fits).then(|| at("2026-03-02T12:00:05Z")),
    }
}

/// Capacity comes last: an account that cannot pay gets that reason even when there is no room.
#[test]
fn capacity_is_the_last_condition() {
    let mut w = World::new(CATALOG, "money");
    w.grant("10", Category::Promotional);
    let with = |w: &World, tokens, offers: &[Offer]| {
        let ask = ask("chat", &[("tokens", tokens)]).on_path("user:a");
        w.run_with(Live { offers, penalty: 0 }, &Command::Authorize(ask)).expect("decides")
    };
    let (full, room, spare) = (offer("model", false), offer("model", true), offer("spare", true));
    let Step::Deny(_, decision) = with(&w, 5, std::slice::from_ref(&full)) else { panic!("it has no room") };
    assert_eq!((decision.outcome, decision.reason), (Outcome::Wait, Reason::Capacity));
    assert_eq!((decision.wall, decision.draws.len()), (Some(Wall::Capacity), 0));
    assert_eq!(decision.unblock.and_then(|u| u.at()), full.at, "the instant it was told");
    let Step::Deny(_, decision) = with(&w, 1_000, std::slice::from_ref(&full)) else {
        panic!("it is not paid")
    };
    assert_eq!(decision.outcome, Outcome::Deny);
    assert!(decision.visits.iter().all(|v| v.kind != VisitKind::Supply), "no supply was asked");

    let large = Offer { too_large: true, ..offer("tiny", false) };
    let Step::Deny(_, decision) = with(&w, 5, std::slice::from_ref(&large)) else { panic!("it never fits") };
    assert_eq!((decision.outcome, decision.reason), (Outcome::Deny, Reason::ExceedsCapacity));
    assert_eq!(decision.unblock.and_then(|u| u.at()), None, "no time is told for what never fits");
    let Step::Deny(_, decision) = with(&w, 5, &[large, full.clone()]) else { panic!("it has no room") };
    assert_eq!(decision.outcome, Outcome::Wait, "another supply could hold it");

    let verdicts = |decision: &Decision| -> Vec<Verdict> {
        decision.visits.iter().filter(|v| v.kind == VisitKind::Supply).map(|v| v.verdict).collect()
    };
    let step = with(&w, 5, &[full, spare.clone(), room]);
    let decision = w.fold(step);
    assert_eq!(verdicts(&decision), [Verdict::Empty, Verdict::Passed], "the first supply with room takes it");
    let hold = w.account.holds.last().expect("a hold");
    assert_eq!(hold.terms.capacity.as_deref(), Some(&spare.held()));
    // What an extension takes is given back with the rest of the hold.
    let more = Extend {
        hold: hold.id,
        quantities: crate::common::quantities(&[("tokens", 1)]),
        more: Vec::new(),
        minimum: None,
        life: None,
        progress: None,
        consented: true,
    };
    let live = Live { offers: &[spare], penalty: 0 };
    let step = w.run_with(live, &Command::Extend(more)).expect("extends");
    w.fold(step);
    let held = w.account.holds.last().and_then(|h| h.terms.capacity.as_deref()).expect("capacity");
    assert_eq!((held.cost, held.in_flight), (80, 2));
}

#[test]
fn every_reason_has_a_row_here() {
    let source = concat!(include_str!("decisions.rs"), include_str!("abuse.rs"));
    // Reached elsewhere: the bound of an account in `holds.rs`, unpaid invoices in `postpaid.rs`, seats in `seats.rs`,
    // growth in `growth.rs`, used caps in `whole_caps.rs`.
    let elsewhere =
        [Reason::AccountFull, Reason::InvoiceUnpaid, Reason::NoSeat, Reason::GrowthLimit, Reason::SpendCap];
    let rows = |r: &Reason| source.matches(&format!("Reason::{r:?}")).count() > 0 || elsewhere.contains(r);
    let missing: Vec<_> = Reason::ALL.iter().filter(|r| !rows(r)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    let mut sorted = Reason::ALL;
    sorted.sort_unstable();
    assert_eq!(sorted, Reason::ALL, "the list is in order of precedence");
}
