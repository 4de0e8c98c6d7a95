//! Requests for higher limits: asked for, approved as an override, or denied.

use headworks_core::command::{AnswerIncrease, Command, NewFigure, NewOverride};
use headworks_core::record::{Label, Path};
use headworks_core::view;
use headworks_core::waterfall::Refusal;

use crate::audit::trusted;
use crate::common::{AskExt as _, World, ask, at, catalog, name, overriding};

/// A member may use 10 tokens a day.
const CATALOG: &str = r#"
version = "t"
meters = { tokens = { unit = "token" } }
features.chat.meters = ["tokens"]
[plans.p]
features = ["chat"]
guards = [{ name = "daily", per = "user", count = "tokens", window.fixed = { limit = 10, every = "day" } }]
"#;

fn world() -> World {
    World::new(CATALOG, "p")
}

fn of_ann(value: &str) -> NewOverride {
    let path: Path = "user:ann".parse().expect("a path");
    let reason = Label::new("a demo").ok();
    NewOverride { path, reason, ..overriding("daily", value) }
}

fn asked(w: &mut World, new: NewOverride) -> u64 {
    w.apply(Command::AskIncrease(new)).expect("asks")
}

fn approve(asked: u64) -> Command {
    let answer = AnswerIncrease::Approve { figure: None, until: None, reason: Label::new("fine").ok() };
    Command::AnswerIncrease { asked, answer }
}

fn deny(asked: u64) -> Command {
    Command::AnswerIncrease { asked, answer: AnswerIncrease::Deny { reason: Label::new("no budget").ok() } }
}

fn passes(w: &World, user: &str, tokens: u64) -> bool {
    let step = w.run(&Command::Authorize(ask("chat", &[("tokens", tokens)]).on_path(user)));
    step.expect("decides").decision().expect("a decision").outcome.is_granted()
}

/// Asking changes no limit; approving is one call, and sets what was asked for.
#[test]
fn an_approved_request_is_an_override() {
    let mut w = world();
    let until = at("2026-06-01T18:00:00Z");
    let increase = asked(&mut w, NewOverride { until: Some(until), ..of_ann("25") });
    assert!(!passes(&w, "user:ann", 11), "asking raises nothing");
    assert!(view::increases(w.ctx())[0].0.answer.is_none());
    w.pass("1h");
    let by = w.apply(approve(increase)).expect("approves");
    assert!(passes(&w, "user:ann", 25) && !passes(&w, "user:ann", 26));
    assert!(!passes(&w, "user:bob", 11), "it is for those that it was asked for");
    let overrides = view::overrides(w.ctx());
    let (set, _) = &overrides[0];
    assert_eq!((set.id, set.terms.until, set.terms.approves), (by, Some(until), Some(increase)));
    let (seen, _) = &view::increases(w.ctx())[0];
    let answer = seen.answer.as_ref().expect("an answer");
    assert_eq!((answer.by, answer.approved, answer.at), (by, true, w.now));
    assert_eq!(answer.reason, Label::new("fine").ok());
    // It ends as any override does, to the microsecond.
    w.now = at("2026-06-01T18:00:00Z");
    w.due();
    assert!(!passes(&w, "user:ann", 11));
    trusted(&w, &catalog(CATALOG));
}

#[test]
fn whoever_approves_may_give_another_figure_and_end() {
    let mut w = world();
    let increase = asked(&mut w, of_ann("25"));
    let answer = AnswerIncrease::Approve {
        figure: Some(NewFigure::Written(Label::new("12").expect("a label"))),
        until: Some(at("2026-06-02T00:00:00Z")),
        reason: None,
    };
    w.apply(Command::AnswerIncrease { asked: increase, answer }).expect("approves");
    assert!(passes(&w, "user:ann", 12) && !passes(&w, "user:ann", 13));
    trusted(&w, &catalog(CATALOG));
}

#[test]
fn a_request_is_answered_once() {
    let mut w = world();
    let increase = asked(&mut w, of_ann("25"));
    let by = w.apply(deny(increase)).expect("denies");
    assert!(!passes(&w, "user:ann", 11));
    for again in [approve(increase), deny(increase)] {
        assert_eq!(w.run(&again).err(), Some(Refusal::IncreaseAnswered(increase, by)));
    }
    assert_eq!(w.run(&approve(1)).err(), Some(Refusal::UnknownIncrease(1)));
    trusted(&w, &catalog(CATALOG));
}

/// What could not be an override is not asked for either; an end that has passed is not approved.
#[test]
fn requests_are_checked_like_overrides() {
    let mut w = world();
    let unknown = NewOverride { limit: name("weekly"), ..of_ann("25") };
    assert_eq!(w.run(&Command::AskIncrease(unknown)).err(), Some(Refusal::UnknownLimit(name("weekly"))));
    assert!(matches!(w.run(&Command::AskIncrease(of_ann("2.5"))), Err(Refusal::BadOverride(_))));
    let increase = asked(&mut w, NewOverride { until: Some(at("2026-06-01T13:00:00Z")), ..of_ann("25") });
    w.now = at("2026-06-01T13:00:00Z");
    assert!(matches!(w.run(&approve(increase)), Err(Refusal::BadOverride(_))));
}

/// A hundred may wait; of those that are answered the latest hundred are remembered.
#[test]
fn requests_are_bounded() {
    let mut w = world();
    let all: Vec<u64> = (0..100).map(|_| asked(&mut w, of_ann("25"))).collect();
    assert_eq!(w.run(&Command::AskIncrease(of_ann("25"))).err(), Some(Refusal::AccountFull));
    for increase in &all {
        w.apply(deny(*increase)).expect("denies");
    }
    let last = asked(&mut w, of_ann("30"));
    w.apply(deny(last)).expect("denies");
    let kept: Vec<u64> = view::increases(w.ctx()).iter().map(|(of, _)| of.id).collect();
    assert_eq!((kept.len(), kept.contains(&all[0]), kept.contains(&last)), (100, false, true));
}
