//! Windows with their limits, and overrides of limits.

use headworks_core::record::{self as core, CREDITS, Name};
use headworks_wire as wire;

use super::{amount, reference};

/// The use of a volume in a period.
pub(crate) fn volume(of: &headworks_core::account::Volume) -> wire::Volume {
    wire::Volume {
        name: of.name.clone(),
        from: of.from,
        until: of.until,
        used: of.used,
        held: of.held,
        due: of.due.rounded(),
        credit_unit: of.unit.as_ref().map_or(CREDITS, Name::as_str).to_owned(),
    }
}

/// A window for people: limit, use and rest in its unit.
pub(crate) fn window(account: &Name, view: &headworks_core::view::WindowView) -> wire::Window {
    let unit = (view.unit.as_str(), view.is_credits);
    let unlimited = view.limit == i64::MAX;
    let bounded = |n: i64| if unlimited { "none".to_owned() } else { amount(n, unit) };
    wire::Window {
        name: view.name.clone(),
        level: view.level,
        member: view.member.clone(),
        limit: bounded(view.limit),
        used: amount(view.used, unit),
        remaining: bounded(view.remaining),
        unit: unit.0.into(),
        resets_at: view.resets_at,
        overridden_by: view.overridden_by.map(|id| reference(account, id)),
    }
}

/// A figure of an override, in the unit of its limit.
fn figure(figure: core::Figure, is_credits: bool) -> String {
    match figure {
        core::Figure::Limit(limit) => amount(limit, ("", is_credits)),
        core::Figure::Unlimited => "none".to_owned(),
    }
}

/// A request for a higher limit.
pub(crate) fn increase(
    account: &Name,
    of: &headworks_core::account::Increase,
    is_credits: bool,
) -> wire::Increase {
    let answer = |answer: &headworks_core::account::Answer| wire::IncreaseAnswer {
        record: reference(account, answer.by),
        at: answer.at,
        answered_by: answer.answered_by.clone(),
        reason: answer.reason.clone(),
    };
    wire::Increase {
        id: reference(account, of.id),
        limit: of.terms.limit.clone(),
        path: of.terms.path.clone(),
        value: figure(of.terms.figure, is_credits),
        until: of.terms.until,
        reason: of.terms.reason.clone(),
        asked_at: of.asked_at,
        asked_by: of.asked_by.clone(),
        status: match &of.answer {
            None => wire::IncreaseStatus::Pending,
            Some(answer) if answer.approved => wire::IncreaseStatus::Approved,
            Some(_) => wire::IncreaseStatus::Denied,
        },
        answer: of.answer.as_ref().map(answer),
    }
}

/// An override in force.
pub(crate) fn overriding(
    account: &Name,
    of: &headworks_core::account::Overriding,
    is_credits: bool,
) -> wire::Override {
    wire::Override {
        id: reference(account, of.id),
        limit: of.terms.limit.clone(),
        path: of.terms.path.clone(),
        value: figure(of.terms.figure, is_credits),
        until: of.terms.until,
        reason: of.terms.reason.clone(),
        approves: of.terms.approves.map(|seq| reference(account, seq)),
        set_by: of.set_by.clone(),
    }
}
