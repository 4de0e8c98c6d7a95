//! Changes of plan at an instant to come, and recurring grants that end with their period.

use headworks_core::command::{ChangePlan, Command, When};
use headworks_core::record::{
    Category, Credits, CycleEvent, Event, Every, GrantId, Instant, Label, Outcome, Overage, Recurrence,
};
use headworks_core::waterfall::Refusal;

use crate::audit::trusted;
use crate::common::{AskExt as _, World, ask, at, catalog, credits, name};

const CATALOG: &str = r#"
version = "t"
[meters]
tokens = { unit = "token" }
[features.chat]
meters = ["tokens"]
rate_card = "card"
[[rate_cards.card]]
effective_from = "2020-01-01T00:00:00Z"
prices = [{ feature = "chat", credits = { tokens = "1" } }]
[plans.pro]
features = ["chat"]
waterfall = [{ grants = { name = "credits" } }]
[plans.free]
features = ["chat"]
guards = [{ name = "largest", count = "tokens", window.size = { limit = 5 } }]
waterfall = [{ grants = { name = "credits" } }]
"#;

/// Ten credits a month, from the first of July.
fn world() -> (World, GrantId) {
    let mut w = World::new(CATALOG, "pro");
    w.settings(|s| s.billing_anchor = at("2026-07-01T00:00:00Z"));
    w.now = at("2026-07-01T00:00:00Z");
    let grant = w.grant_with("10", |g| {
        g.category = Category::Contract;
        g.recurrence = Some(Box::new(Recurrence {
            every: Every::Month,
            zone: Label::new("UTC").expect("label"),
            anchor: None,
            until: Instant::NEVER,
            rollover: None,
            overage: Overage::Keep,
            prorated: None,
        }));
    });
    w.now = at("2026-07-10T12:00:00Z");
    (w, GrantId(grant))
}

fn to_free(when: When, amounts: Vec<(GrantId, Credits)>) -> Command {
    let plan = name("free");
    Command::ChangePlan(ChangePlan {
        plan,
        move_anchor: false,
        amounts,
        prorate: None,
        at: Some(when),
        reason: None,
    })
}

fn plan(w: &World) -> &str {
    w.account.settings.plan.as_str()
}

#[test]
fn the_plan_changes_at_its_instant_and_the_grant_renews_under_it() {
    let (mut w, grant) = world();
    w.apply(to_free(When::PeriodEnd, vec![(grant, credits("3"))])).expect("plans");
    let planned = w.account.rare().plan_to_come.as_ref().map(|(_, planned)| planned.at);
    assert_eq!((planned, plan(&w), w.available().as_str()), (Some(at("2026-08-01T00:00:00Z")), "pro", "10"));
    w.now = at("2026-07-31T23:59:59.999998Z");
    assert_eq!(w.due(), Vec::<&str>::new());
    w.now = at("2026-08-01T00:00:00Z");
    assert_eq!(w.due(), ["grant_expired", "plan_changed", "renewed"]);
    assert_eq!((plan(&w), w.available().as_str()), ("free", "3"));
    assert_eq!(w.account.rare().plan_to_come, None);
    trusted(&w, &catalog(CATALOG));
}

#[test]
fn a_plan_to_come_is_a_way_out() {
    // Down to free first, where a request of six is too large, and to pro in an hour.
    let (mut w, _) = world();
    let now = ChangePlan {
        plan: name("free"),
        move_anchor: false,
        amounts: vec![],
        prorate: None,
        at: None,
        reason: None,
    };
    w.apply(Command::ChangePlan(now.clone())).expect("changes");
    let back = ChangePlan { plan: name("pro"), at: Some(When::At(at("2026-07-10T13:00:00Z"))), ..now };
    w.apply(Command::ChangePlan(back)).expect("plans");
    let denied = w.ask(&ask("chat", &[("tokens", 6)]).now());
    let ways = denied.unblock.expect("ways").ways;
    assert_eq!(ways.iter().filter_map(|way| way.at).collect::<Vec<_>>(), [at("2026-07-10T13:00:00Z")]);
    w.now = at("2026-07-10T13:00:00Z");
    w.due();
    assert_eq!(w.ask(&ask("chat", &[("tokens", 6)]).now()).outcome, Outcome::Allow);
    trusted(&w, &catalog(CATALOG));
}

#[test]
fn a_newer_plan_takes_its_place_and_it_can_be_withdrawn() {
    let (mut w, _) = world();
    w.apply(to_free(When::At(at("2026-07-20T00:00:00Z")), vec![])).expect("plans");
    w.apply(to_free(When::At(at("2026-07-25T00:00:00Z")), vec![])).expect("plans again");
    w.now = at("2026-07-20T00:00:01Z");
    assert_eq!(w.due(), Vec::<&str>::new());
    w.apply(Command::WithdrawPlanChange { reason: None }).expect("withdraws");
    w.now = at("2026-07-26T00:00:00Z");
    assert_eq!((w.due().len(), plan(&w)), (0, "pro"));
    assert_eq!(
        w.apply(Command::WithdrawPlanChange { reason: None }),
        Err(Refusal::BadPlanChange("no change of plan is planned"))
    );
    trusted(&w, &catalog(CATALOG));
}

#[test]
fn a_change_that_cannot_be_made_is_withdrawn_and_says_why() {
    let (mut w, _) = world();
    w.apply(to_free(When::At(at("2026-07-20T00:00:00Z")), vec![])).expect("plans");
    // The plan is gone by then.
    let without = CATALOG.replace("[plans.free]", "[plans.basic]").replace("\"t\"", "\"t2\"");
    w.catalog = catalog(&without);
    w.now = at("2026-07-20T00:00:00Z");
    assert_eq!((w.due(), plan(&w)), (vec!["plan_change_withdrawn"], "pro"));
    let Event::Cycle(event) = &w.log.last().expect("a record").event else { panic!("not of the cycle") };
    let CycleEvent::PlanWithdrawn { reason, has_failed, .. } = &**event else { panic!("{event:?}") };
    let reason = reason.as_ref().map(Label::as_str);
    assert_eq!((reason, *has_failed), (Some("the catalog has no plan `free`"), true));
}

#[test]
fn a_change_now_takes_the_place_of_one_to_come() {
    let (mut w, _) = world();
    w.apply(to_free(When::At(at("2026-07-20T00:00:00Z")), vec![])).expect("plans");
    let plan_now = ChangePlan {
        plan: name("pro"),
        move_anchor: false,
        amounts: vec![],
        prorate: None,
        at: None,
        reason: None,
    };
    w.apply(Command::ChangePlan(plan_now)).expect("changes");
    w.now = at("2026-07-21T00:00:00Z");
    assert_eq!((w.due().len(), plan(&w)), (0, "pro"));
    trusted(&w, &catalog(CATALOG));
}

#[test]
fn what_cannot_be_planned_is_refused_at_once() {
    let (mut w, grant) = world();
    let past = w.apply(to_free(When::At(at("2026-07-10T12:00:00Z")), vec![]));
    assert!(matches!(past, Err(Refusal::BadPlanChange(_))), "{past:?}");
    let unknown = w.apply(to_free(When::PeriodEnd, vec![(GrantId(grant.0 + 9), credits("1"))]));
    assert_eq!(unknown, Err(Refusal::UnknownGrant(GrantId(grant.0 + 9))));
}

#[test]
fn a_grant_that_stops_keeps_its_period() {
    let (mut w, grant) = world();
    w.ask(&ask("chat", &[("tokens", 4)]).now());
    w.apply(Command::StopRenewal { grant, reason: None }).expect("stops");
    assert_eq!(w.available(), "6");
    let again = w.apply(Command::StopRenewal { grant, reason: None });
    assert_eq!(again, Err(Refusal::BadPlanChange("the grant does not renew")));
    w.now = at("2026-08-01T00:00:00Z");
    assert_eq!((w.due(), w.available().as_str()), (vec!["grant_expired", "recurrence_ended"], "0"));
    trusted(&w, &catalog(CATALOG));
}
