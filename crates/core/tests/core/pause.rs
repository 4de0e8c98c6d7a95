//! Pauses: what stands still, what moves by their length, and what runs on.

use headworks_core::account::{Account, Schedule};
use headworks_core::audit::Dataset;
use headworks_core::audit::what_if::Shadow;
use headworks_core::command::{ChangePlan, Command, Extend, NewOverride, Step, When};
use headworks_core::record::{
    AlertMarks, Category, Certainty, Credits, CycleEvent, Event, Every, GrantId, HoldId, Instant, Label,
    Levels, Lifter, Outcome, Overage, Path, Proration, Reason, Recurrence, Rollover, Settings, Span,
    TopUpTerms, WHOLE, Wall,
};
use headworks_core::view;
use headworks_core::waterfall::{Authorize, Refusal};
use headworks_core::window::Used;

use crate::audit::{audit, chained, trusted};
use crate::common::{
    AskExt as _, World, ask, at, catalog, credits, name, overriding, quantities, refund, release,
};

const CATALOG: &str = r#"
version = "t"
[meters]
tokens = { unit = "token" }
units = { unit = "unit" }
[features.chat]
meters = ["tokens"]
rate_card = "card"
[features.work]
meters = ["units"]
allowance_unit = "units"
rate_card = "card"
[features.short]
meters = ["units"]
rate_card = "card"
[[rate_cards.card]]
effective_from = "2020-01-01T00:00:00Z"
prices = [
  { feature = "chat", credits = { tokens = "1" } },
  { feature = "work", credits = { units = "1" } },
  { feature = "short", credits = { units = "1" } },
]
[plans.pro]
features = ["chat", "work", "short"]
guards = [
  { name = "hourly", features = ["short"], count = ["units"], window.rate = { limit = 6, period = "1h", burst = 6 } },
  { name = "daily", features = ["short"], count = ["units"], window.fixed = { limit = 8, every = "day" } },
  { name = "five", features = ["short"], count = ["units"], window.first_use = { limit = 8, length = "5h" } },
]
waterfall = [
  { allowance = { name = "included", features = ["work"], windows = [{ name = "month", window.fixed = { limit = "10", every = "month", anchor = "billing" } }] } },
  { grants = { name = "credits" } },
]
[plans.calendar]
features = ["work"]
waterfall = [{ allowance = { name = "included", features = ["work"], windows = [{ name = "month", window.fixed = { limit = "10", every = "month" } }] } }]
[plans.free]
features = ["chat"]
waterfall = [{ grants = { name = "credits" } }]
"#;

/// Periods from the fifteenth; it is the tenth of March.
fn world() -> World {
    let mut w = World::new(CATALOG, "pro");
    w.now = at("2027-01-15T00:00:00Z");
    w.settings(|s| s.billing_anchor = at("2027-01-15T00:00:00Z"));
    w.now = at("2027-03-10T00:00:00Z");
    w
}

fn monthly(anchor: Option<Instant>) -> Box<Recurrence> {
    Box::new(Recurrence {
        every: Every::Month,
        zone: Label::new("UTC").expect("label"),
        anchor,
        until: Instant::NEVER,
        rollover: None,
        overage: Overage::Keep,
        prorated: None,
    })
}

fn pause(until: Option<&str>) -> Command {
    Command::Pause { until: until.map(at), reason: None }
}

const RESUME: Command = Command::Resume { reason: None };

fn expiry(account: &Account, id: u64) -> Instant {
    account.grant(GrantId(id)).expect("open").terms.expires_at
}

fn schedule(w: &World, id: u64) -> &Schedule {
    w.account.schedule(GrantId(id)).expect("recurs")
}

/// The included use: used, and when it starts over.
fn month(w: &World) -> (i64, Option<Instant>) {
    let windows = view::windows(w.ctx()).expect("windows");
    let month = windows.iter().find(|window| window.name.as_str() == "included.month").expect("shown");
    (month.used, month.resets_at)
}

fn work(n: u64) -> Authorize {
    ask("work", &[("units", n)]).now()
}

#[test]
fn everything_moves_by_the_length_of_the_pause() {
    let mut w = world();
    let block = w.grant_with("5", |g| g.expires_at = Some(at("2027-03-20T00:00:00Z")));
    let for_ever = w.grant("5", Category::Purchased);
    let recurring = w.grant_with("7", |g| g.recurrence = Some(monthly(None)));
    let ends = w.grant_with("1", |g| {
        g.expires_at = Some(at("2027-06-01T00:00:00Z"));
        g.recurrence = Some(monthly(Some(at("2027-01-01T06:00:00Z"))));
    });
    let windows = vec![name("included.month")];
    let expires_at = Some(at("2027-04-09T00:00:00Z"));
    let reset = w.apply(Command::Bank { windows, expires_at, reference: None }).expect("banks");
    w.ask(&work(4));
    assert_eq!(month(&w), (4, Some(at("2027-03-15T00:00:00Z"))));
    // Ten days, over the end of all of these.
    w.now = at("2027-03-12T00:00:00Z");
    w.apply(pause(Some("2027-03-22T00:00:00Z"))).expect("pauses");
    w.now = at("2027-03-21T23:59:59.999998Z");
    assert_eq!(w.due(), Vec::<&str>::new());
    w.now = at("2027-03-22T00:00:00Z");
    assert_eq!(w.due(), ["pause_ended"]);
    assert_eq!(expiry(&w.account, block), at("2027-03-30T00:00:00Z"));
    assert_eq!(expiry(&w.account, for_ever), Instant::NEVER);
    assert_eq!(w.account.settings.billing_anchor, at("2027-01-25T00:00:00Z"));
    // The fifteenth of March is the twenty-fifth, and so are those to come.
    assert_eq!(schedule(&w, recurring).next_at, at("2027-03-25T00:00:00Z"));
    assert_eq!(schedule(&w, ends).next_at, at("2027-04-11T06:00:00Z"));
    let until = schedule(&w, ends).terms.recurrence.as_ref().map(|r| r.until);
    assert_eq!(until, Some(at("2027-06-11T00:00:00Z")));
    assert_eq!(month(&w), (4, Some(at("2027-03-25T00:00:00Z"))));
    let reset_ends = w.account.rare().resets.iter().find(|r| r.id == reset).map(|r| r.terms.expires_at);
    assert_eq!(reset_ends, Some(at("2027-04-19T00:00:00Z")));
    w.now = at("2027-03-24T23:59:59.999998Z");
    assert_eq!(w.due(), Vec::<&str>::new());
    w.now = at("2027-03-25T00:00:00Z");
    assert_eq!(w.due(), ["grant_expired", "renewed"]);
    assert_eq!(schedule(&w, recurring).next_at, at("2027-04-25T00:00:00Z"));
    assert_eq!(month(&w), (0, Some(at("2027-04-25T00:00:00Z"))));
    w.now = at("2027-03-30T00:00:00Z");
    assert_eq!(w.due(), ["grant_expired"]);
    w.now = at("2027-04-11T06:00:00Z");
    assert_eq!(w.due(), ["grant_expired", "renewed"]);
    assert_eq!(schedule(&w, ends).next_at, at("2027-05-11T06:00:00Z"));
    trusted(&w, &catalog(CATALOG));
}

#[test]
fn an_early_end_moves_back() {
    // Paused for good, or for a month, and resumed after ten days: as if ten days had been planned.
    let states = [None, Some("2027-04-12T00:00:00Z"), Some("2027-03-22T00:00:00Z")].map(|until| {
        let mut w = world();
        let block = w.grant_with("5", |g| g.expires_at = Some(at("2027-03-20T00:00:00Z")));
        let recurring = w.grant_with("7", |g| g.recurrence = Some(monthly(None)));
        w.ask(&work(4));
        let plan = ChangePlan {
            plan: name("free"),
            move_anchor: false,
            amounts: vec![],
            prorate: None,
            at: Some(When::PeriodEnd),
            reason: None,
        };
        w.apply(Command::ChangePlan(plan)).expect("plans");
        w.now = at("2027-03-12T00:00:00Z");
        w.apply(pause(until)).expect("pauses");
        // Given in the pause, two days before its end, for a week.
        w.now = at("2027-03-20T00:00:00Z");
        assert_eq!(w.due(), Vec::<&str>::new());
        let given = w.grant_with("3", |g| g.expires_at = Some(at("2027-03-27T00:00:00Z")));
        w.now = at("2027-03-22T00:00:00Z");
        if w.due().is_empty() {
            w.apply(RESUME).expect("resumes");
        }
        trusted(&w, &catalog(CATALOG));
        let planned = w.account.rare().plan_to_come.as_ref().map(|(_, planned)| planned.at);
        let schedule = schedule(&w, recurring);
        let moved = (expiry(&w.account, block), expiry(&w.account, given), schedule.next_at);
        let period = (schedule.began_at, planned, w.account.settings.billing_anchor);
        (moved, period, month(&w))
    });
    let end = at("2027-03-25T00:00:00Z");
    let moved = (at("2027-03-30T00:00:00Z"), at("2027-03-29T00:00:00Z"), end);
    // The first period began with the grant, on the tenth, a microsecond after the block.
    let period = (at("2027-03-20T00:00:00.000001Z"), Some(end), at("2027-01-25T00:00:00Z"));
    for (state, ended) in states.iter().zip(["resumed", "resumed early", "as planned"]) {
        assert_eq!(*state, (moved, period, (4, Some(end))), "{ended}");
    }
}

/// If a hold ended sooner, nothing would pass sooner: the end of the pause is exact.
#[test]
fn a_planned_end_rests_on_no_hold() {
    let mut w = world();
    w.grant("1", Category::Purchased);
    w.ask(&ask("chat", &[("tokens", 0)]));
    w.apply(pause(Some("2027-03-22T00:00:00Z"))).expect("pauses");
    let ways = w.ask(&ask("chat", &[("tokens", 1)]).now()).unblock.expect("ways").ways;
    let ways: Vec<_> = ways.iter().map(|way| (way.at, way.certainty)).collect();
    assert_eq!(ways, [(Some(at("2027-03-22T00:00:00Z")), Certainty::Exact)]);
}

#[test]
fn the_end_that_is_planned_is_a_way_out_and_another_has_none() {
    let mut w = world();
    w.grant("1", Category::Purchased);
    w.apply(pause(Some("2027-03-22T00:00:00Z"))).expect("pauses");
    let denied = w.ask(&ask("chat", &[("tokens", 1)]).now());
    assert_eq!(
        (denied.outcome, denied.reason, denied.wall),
        (Outcome::Deny, Reason::Paused, Some(Wall::Operator))
    );
    let unblock = denied.unblock.expect("ways");
    let ways: Vec<_> = unblock.ways.iter().map(|way| (way.at, way.certainty, way.purchase)).collect();
    let end = Some(at("2027-03-22T00:00:00Z"));
    assert_eq!((ways, unblock.by), (vec![(end, Certainty::Exact, None)], Lifter::Operator));
    // Two are too many: one is to be bought, then.
    let two = ask("chat", &[("tokens", 2)]).now();
    let ways = w.ask(&two).unblock.expect("ways").ways;
    let ways: Vec<_> = ways.iter().map(|way| (way.at, way.purchase)).collect();
    assert_eq!(ways, [(end, Some(credits("1")))]);
    w.now = at("2027-03-21T23:59:59.999999Z");
    assert_eq!(w.due(), Vec::<&str>::new());
    assert_eq!(w.ask(&ask("chat", &[("tokens", 1)]).now()).reason, Reason::Paused);
    w.now = at("2027-03-22T00:00:00Z");
    assert_eq!(w.due(), ["pause_ended"]);
    assert_eq!(w.ask(&ask("chat", &[("tokens", 1)]).now()).outcome, Outcome::Allow);
    // Without a planned end, time does not help; the operator does.
    w.apply(pause(None)).expect("pauses again");
    let unblock = w.ask(&two).unblock.expect("who can lift it");
    assert_eq!((unblock.ways, unblock.by), (vec![], Lifter::Operator));
    trusted(&w, &catalog(CATALOG));
}

#[test]
fn behind_a_pause_the_other_walls_are_those_of_its_end() {
    let mut w = world();
    w.now = at("2027-03-12T00:00:00Z");
    w.ask(&work(10));
    w.apply(pause(Some("2027-03-22T00:00:00Z"))).expect("pauses");
    // All that is included is used until the fifteenth, which is the twenty-fifth.
    let ways = w.ask(&work(1)).unblock.expect("ways").ways;
    let ways: Vec<_> =
        ways.iter().map(|way| (way.at.expect("an instant"), way.certainty, way.purchase)).collect();
    // The pause began a microsecond after the use.
    let (end, month) = (at("2027-03-22T00:00:00Z"), at("2027-03-24T23:59:59.999999Z"));
    assert_eq!(ways, [(end, Certainty::Exact, Some(credits("1"))), (month, Certainty::Exact, None)]);
    w.now = end;
    assert_eq!(w.due(), ["pause_ended"]);
    w.now = month.before(Span::from_micros(1));
    assert_eq!(w.ask(&work(1)).reason, Reason::InsufficientCredits);
    w.now = month;
    assert_eq!(w.ask(&work(1)).outcome, Outcome::Allow);
    trusted(&w, &catalog(CATALOG));
}

#[test]
fn holds_run_on_and_what_has_happened_is_charged() {
    let mut w = world();
    w.grant("20", Category::Purchased);
    w.hold("chat", &[("tokens", 5)]);
    let settled = w.account.seq;
    w.hold("chat", &[("tokens", 3)]);
    let released = w.account.seq;
    w.hold("chat", &[("tokens", 2)]);
    w.apply(pause(Some("2027-03-22T00:00:00Z"))).expect("pauses");
    // A hold gets more time, and no more credits.
    let extend = |list: &[(&str, u64)]| Extend {
        hold: HoldId(settled),
        quantities: quantities(list),
        more: Vec::new(),
        minimum: None,
        life: Some(Span::from_secs(120)),
        progress: None,
        consented: false,
    };
    let more = w.run(&Command::Extend(extend(&[("tokens", 1)]))).expect("decides");
    let Step::Deny(_, decision) = more else { panic!("{more:?}") };
    assert_eq!(decision.reason, Reason::Paused);
    w.apply(Command::Extend(extend(&[]))).expect("extends");
    // Seven of a hold of five: the other two are paid as well.
    w.settle(settled, &[("tokens", 7)]).expect("settles");
    w.apply(release(released)).expect("releases");
    assert_eq!(w.available(), "11");
    w.pass("61s");
    assert_eq!((w.due(), w.available()), (vec!["hold_expired"], "13".to_owned()));
    let request = ask("chat", &[("tokens", 4)]).request;
    let charge = w.apply(Command::Record { request, at: None }).expect("records");
    assert_eq!(w.available(), "9");
    w.apply(refund(charge, None)).expect("refunds");
    w.grant("1", Category::Free);
    assert_eq!(w.available(), "14");
    trusted(&w, &catalog(CATALOG));
}

#[test]
fn calendars_rates_first_use_and_overrides_run_on() {
    let mut w = world();
    w.grant("20", Category::Purchased);
    w.now = at("2027-03-12T00:00:00Z");
    assert_eq!(w.ask(&ask("short", &[("units", 6)]).now()).outcome, Outcome::Allow);
    let raised = NewOverride { until: Some(at("2027-03-12T02:00:00Z")), ..overriding("daily", "9") };
    w.apply(Command::Override(raised)).expect("overrides");
    w.now = at("2027-03-12T00:20:00Z");
    w.apply(pause(Some("2027-03-12T03:00:00Z"))).expect("pauses");
    let used = |w: &World| {
        let windows = view::windows(w.ctx()).expect("windows");
        let of = |name: &str| {
            let window = windows.iter().find(|window| window.name.as_str() == name).expect("shown");
            (window.used, window.limit, window.resets_at)
        };
        [of("hourly"), of("daily"), of("five")]
    };
    // Half of the hour has passed, and with it half of the six.
    w.now = at("2027-03-12T00:30:00Z");
    let day = Some(at("2027-03-13T00:00:00Z"));
    let five = (6, 8, Some(at("2027-03-12T05:00:00Z")));
    assert_eq!(used(&w), [(3, 6, None), (6, 9, day), five]);
    w.now = at("2027-03-12T03:00:00Z");
    assert_eq!(w.due(), ["override_ended", "pause_ended"]);
    assert_eq!(used(&w), [(0, 6, None), (6, 8, day), five]);
    trusted(&w, &catalog(CATALOG));
}

#[test]
fn an_account_is_paused_once_and_resumed_once() {
    let mut w = world();
    assert_eq!(w.apply(RESUME), Err(Refusal::NotPaused));
    let past = "the end of a pause is to come; leave it out to pause until it is resumed";
    assert_eq!(w.apply(pause(Some("2027-03-10T00:00:00Z"))), Err(Refusal::BadPause(past)));
    let long = "a pause lasts at most 100 years";
    assert_eq!(w.apply(pause(Some("2127-03-10T00:00:00Z"))), Err(Refusal::BadPause(long)));
    let seq = w.apply(pause(None)).expect("pauses");
    let again = Err(Refusal::Paused(seq));
    assert_eq!(w.apply(pause(None)), again);
    assert_eq!(w.apply(pause(Some("2027-03-22T00:00:00Z"))), again);
    // The end of the pause moves the anchor that it began with.
    let settings = Settings { billing_anchor: w.now, ..w.account.settings.clone() };
    assert_eq!(w.apply(Command::Change { patch: settings.into(), reason: None }), again);
    let restart = ChangePlan {
        plan: name("free"),
        move_anchor: true,
        amounts: vec![],
        prorate: None,
        at: None,
        reason: None,
    };
    assert_eq!(w.apply(Command::ChangePlan(restart.clone())), again);
    w.apply(Command::ChangePlan(ChangePlan { move_anchor: false, ..restart })).expect("changes the plan");
    w.pass("1h");
    w.apply(RESUME).expect("resumes");
    assert_eq!(w.apply(RESUME), Err(Refusal::NotPaused));
    w.apply(pause(None)).expect("pauses again");
    trusted(&w, &catalog(CATALOG));
}

#[test]
fn months_of_other_lengths_are_counted_from_the_end_that_has_moved() {
    let mut w = world();
    w.settings(|s| s.billing_anchor = at("2027-02-25T00:00:00Z"));
    let month = w.grant_with("7", |g| g.recurrence = Some(monthly(None)));
    let year = w.grant_with("7", |g| {
        g.recurrence = Some(Box::new(Recurrence { every: Every::Year, ..*monthly(None) }));
    });
    w.now = at("2027-03-25T00:00:00Z");
    w.due();
    w.now = at("2027-04-20T00:00:00Z");
    w.apply(pause(Some("2027-04-30T00:00:00Z"))).expect("pauses");
    w.now = at("2027-04-30T00:00:00Z");
    assert_eq!(w.due(), ["pause_ended"]);
    // Ten days after 25 April is 5 May; ten days after 25 February, 7 March. The year ends in a leap year.
    assert_eq!(w.account.settings.billing_anchor, at("2027-05-05T00:00:00Z"));
    assert_eq!(schedule(&w, month).next_at, at("2027-05-05T00:00:00Z"));
    assert_eq!(schedule(&w, year).next_at, at("2028-03-06T00:00:00Z"));
    w.now = at("2027-05-05T00:00:00Z");
    assert_eq!(w.due(), ["grant_expired", "renewed"]);
    assert_eq!(schedule(&w, month).next_at, at("2027-06-05T00:00:00Z"));
    w.now = at("2028-03-06T00:00:00Z");
    w.due();
    assert_eq!(schedule(&w, year).next_at, at("2029-03-06T00:00:00Z"));
    // An anchor that is set anew is that of all that follows it.
    w.settings(|s| s.billing_anchor = at("2028-04-01T00:00:00Z"));
    w.now = at("2029-03-06T00:00:00Z");
    w.due();
    assert_eq!(schedule(&w, year).next_at, at("2029-04-01T00:00:00Z"));
    trusted(&w, &catalog(CATALOG));
}

#[test]
fn a_grant_that_was_spent_before_is_given_back_for_as_long() {
    let mut w = world();
    let block = w.grant_with("5", |g| g.expires_at = Some(at("2027-03-20T00:00:00Z")));
    w.ask(&ask("chat", &[("tokens", 5)]).now());
    let charge = w.account.seq;
    w.now = at("2027-03-12T00:00:00Z");
    w.apply(pause(None)).expect("pauses");
    w.now = at("2027-03-22T00:00:00Z");
    w.apply(RESUME).expect("resumes");
    w.now = at("2027-03-25T00:00:00Z");
    w.apply(refund(charge, None)).expect("refunds");
    assert_eq!((w.available().as_str(), expiry(&w.account, block)), ("5", at("2027-03-30T00:00:00Z")));
    w.now = at("2027-03-30T00:00:00Z");
    assert_eq!(w.due(), ["grant_expired"]);
    trusted(&w, &catalog(CATALOG));
}

#[test]
fn half_a_period_is_left_throughout_a_pause() {
    // Of 28 days, 14 have passed: 28 credits more are 14 for the rest, before, in and after a pause.
    let gains = ["2027-03-01T00:00:00Z", "2027-03-06T00:00:00Z", "2027-03-11T00:00:00Z"].map(|when| {
        let mut w = World::new(CATALOG, "pro");
        w.now = at("2027-02-15T00:00:00Z");
        w.settings(|s| s.billing_anchor = at("2027-02-15T00:00:00Z"));
        let from = Some(at("2027-02-15T00:00:00Z"));
        let grant = w.grant_with("28", |g| {
            g.effective_from = from;
            g.recurrence = Some(monthly(None));
        });
        w.now = at("2027-03-01T00:00:00Z");
        if at(when) > w.now {
            w.apply(pause(Some("2027-03-11T00:00:00Z"))).expect("pauses");
        }
        w.now = at(when);
        w.due();
        let more = ChangePlan {
            plan: name("pro"),
            move_anchor: false,
            amounts: vec![(GrantId(grant), credits("56"))],
            prorate: Some(Proration::Instant),
            at: None,
            reason: None,
        };
        w.apply(Command::ChangePlan(more)).expect("changes");
        let Event::Cycle(event) = &w.log.last().expect("a record").event else { panic!("not of the cycle") };
        let CycleEvent::PlanChanged(change) = &**event else { panic!("{event:?}") };
        trusted(&w, &catalog(CATALOG));
        change.amounts.iter().map(|new| new.part).collect::<Vec<Credits>>()
    });
    assert_eq!(gains, [vec![credits("14")], vec![credits("14")], vec![credits("14")]]);
}

#[test]
fn without_a_planned_end_it_is_shown_as_if_resumed_now() {
    let mut w = world();
    let block = w.grant_with("5", |g| g.expires_at = Some(at("2027-03-20T00:00:00Z")));
    w.ask(&work(4));
    assert_eq!(view::as_if_resumed(w.ctx()), None);
    w.now = at("2027-03-12T00:00:00Z");
    w.apply(pause(None)).expect("pauses");
    w.now = at("2027-03-17T00:00:00Z");
    let shown = view::as_if_resumed(w.ctx()).expect("paused");
    assert_eq!(expiry(&shown, block), at("2027-03-25T00:00:00Z"));
    let used = shown.window(&name("included.month"), Levels::ACCOUNT, &Path::default()).expect("open");
    let Used::Period(period) = used else { panic!("{used:?}") };
    assert_eq!((period.used, period.end), (4, at("2027-03-20T00:00:00Z")));
    trusted(&w, &catalog(CATALOG));
}

#[test]
fn a_paused_account_buys_nothing() {
    let mut w = world();
    w.grant("3", Category::Purchased);
    w.settings(|s| {
        s.alerts = vec![AlertMarks { low: credits("5"), recovered: credits("8"), unit: None }];
    });
    w.due();
    w.apply(pause(Some("2027-03-22T00:00:00Z"))).expect("pauses");
    w.settings(|s| {
        let (amount, monthly_max) = (credits("10"), credits("20"));
        s.top_ups = vec![TopUpTerms { amount, monthly_max, cool_down: Span::from_secs(60), unit: None }];
    });
    w.now = at("2027-03-21T00:00:00Z");
    assert_eq!(w.due(), Vec::<&str>::new());
    w.now = at("2027-03-22T00:00:00Z");
    assert_eq!(w.due(), ["pause_ended", "top_up_asked"]);
    trusted(&w, &catalog(CATALOG));
}

#[test]
fn another_catalog_is_paused_as_well() {
    let mut w = world();
    let block = w.grant_with("50", |g| g.expires_at = Some(at("2027-03-20T00:00:00Z")));
    w.now = at("2027-03-12T00:00:00Z");
    w.apply(pause(Some("2027-03-14T00:00:00Z"))).expect("pauses");
    w.now = at("2027-03-14T00:00:00Z");
    w.due();
    w.now = at("2027-03-16T00:00:00Z");
    w.apply(pause(None)).expect("pauses again");
    w.now = at("2027-03-24T00:00:00Z");
    w.apply(RESUME).expect("resumes");
    // Two days and eight: at twice the price, it pays on the twenty-ninth as well.
    w.now = at("2027-03-29T00:00:00Z");
    w.ask(&ask("chat", &[("tokens", 5)]).now());
    let dearer = catalog(&CATALOG.replace("tokens = \"1\"", "tokens = \"2\""));
    let mut shadow = Shadow::new(&name("acme"), &dearer);
    w.log.iter().for_each(|record| shadow.note(record));
    w.log.iter().for_each(|record| shadow.take(record));
    shadow.finish();
    assert_eq!((shadow.broken(), shadow.refused().is_empty()), (None, true));
    let grant = shadow.account().grant(GrantId(block)).expect("open");
    assert_eq!((grant.remaining, grant.terms.expires_at), (credits("40"), at("2027-03-30T00:00:00Z")));
    trusted(&w, &catalog(CATALOG));
}

#[test]
fn an_end_that_moves_too_far_is_found() {
    let mut w = world();
    w.apply(pause(None)).expect("pauses");
    w.pass("1h");
    let resumed = w.apply(RESUME).expect("resumes");
    let last = w.log.last_mut().expect("a record");
    if let Event::Cycle(event) = &mut last.event
        && let CycleEvent::Resumed { end, .. } = &mut **event
    {
        end.billing_anchor = end.billing_anchor.after(Span::from_micros(1));
    }
    let found = audit(&chained(&w.log), &[catalog(CATALOG)]);
    let what = "it does not move the billing anchor by the length of the pause";
    let found: Vec<_> = found.iter().map(|f| (f.seq, f.dataset, f.what.as_str())).collect();
    assert_eq!(found, [(resumed, Dataset::State, what)]);
}

#[test]
fn a_window_moves_back_also_under_another_plan() {
    let ends = [None, Some("2027-04-12T00:00:00Z")].map(|until| {
        let mut w = world();
        w.ask(&work(4));
        w.now = at("2027-03-12T00:00:00Z");
        w.apply(pause(until)).expect("pauses");
        let plan = name("calendar");
        let change =
            ChangePlan { plan, move_anchor: false, amounts: vec![], prorate: None, at: None, reason: None };
        w.apply(Command::ChangePlan(change)).expect("changes");
        w.now = at("2027-03-22T00:00:00Z");
        w.apply(RESUME).expect("resumes");
        trusted(&w, &catalog(CATALOG));
        month(&w)
    });
    assert_eq!(ends, [(4, Some(at("2027-03-25T00:00:00Z"))); 2]);
}

/// Two minutes after the boundary the account is paused for five: what is carried expires five minutes later, no matter when the
/// hold ends, and when that is written.
#[test]
fn what_a_hold_gives_back_after_a_boundary_is_carried_as_far() {
    let (released, swept) = (1_200, 540);
    for (life, hold_life, when) in [
        (None, released, "2027-03-15T00:04:00Z"),
        (None, released, "2027-03-15T00:10:00Z"),
        (None, swept, "2027-03-15T00:04:00Z"),
        (None, swept, "2027-03-15T00:10:00Z"),
        (Some("36h"), released, "2027-03-15T00:04:00Z"),
        (Some("36h"), released, "2027-03-15T00:10:00Z"),
        (Some("36h"), swept, "2027-03-15T00:04:00Z"),
        (Some("36h"), swept, "2027-03-15T00:10:00Z"),
    ] {
        let mut w = world();
        w.grant_with("20", |g| {
            let (min, max) = (Credits::ZERO, credits("50"));
            let life = life.map(|life: &str| life.parse().expect("a span"));
            let rollover = Some(Rollover { min, max, fraction: WHOLE, life });
            g.recurrence = Some(Box::new(Recurrence { rollover, ..*monthly(None) }));
        });
        w.now = at("2027-03-14T23:55:00Z");
        w.ask(&Authorize { life: Some(Span::from_secs(hold_life)), ..ask("chat", &[("tokens", 5)]) });
        let hold = w.account.seq;
        w.now = at("2027-03-15T00:00:00Z");
        assert_eq!(w.due(), ["rolled_over", "renewed"]);
        w.now = at("2027-03-15T00:02:00Z");
        w.apply(pause(Some("2027-03-15T00:07:00Z"))).expect("pauses");
        w.now = at(when);
        w.due();
        if hold_life == released {
            w.apply(release(hold)).expect("releases");
        }
        trusted(&w, &catalog(CATALOG));
        let ends = w.log.iter().rfind(|record| record.event.ends().is_some()).expect("it has ended");
        let block = w.account.grant(GrantId(ends.seq)).expect("carried");
        let expires_at = if life.is_some() { "2027-03-16T12:05:00Z" } else { "2027-04-15T00:05:00Z" };
        let carried = (block.remaining, block.terms.expires_at);
        assert_eq!(carried, (credits("5"), at(expires_at)), "{life:?} {hold_life} {when}");
    }
}
