//! Windows with their limits, and overrides of limits.

use headworks_core::record::{self as core, Id, Name};
use headworks_wire as wire;

use super::{amount, reference};

/// A window for people: limit, use and rest in its unit.
pub(crate) fn window(account: &Name, view: &headworks_core::view::WindowView) -> wire::Window {
    let unit = (view.unit.as_str(), view.is_credits);
    let unlimited = view.limit == i64::MAX;
    let bounded = |n: i64| if unlimited { "none".to_owned() } else { amount(n, unit) };
    wire::Window {
        name: view.name.clone(),
        level: view.level,
        member: view.member.as_ref().map(Id::from),
        limit: bounded(view.limit),
        used: amount(view.used, unit),
        remaining: bounded(view.remaining),
        unit: unit.0.into(),
        resets_at: view.resets_at,
        overridden_by: view.overridden_by.map(|id| reference(account, id)),
    }
}

/// An override in force.
pub(crate) fn overriding(
    account: &Name,
    of: &headworks_core::account::Overriding,
    is_credits: bool,
) -> wire::Override {
    let value = match of.terms.figure {
        core::Figure::Limit(limit) => amount(limit, ("", is_credits)),
        core::Figure::Unlimited => "none".to_owned(),
    };
    wire::Override {
        id: reference(account, of.id),
        limit: of.terms.limit.clone(),
        segment: of.terms.segment.clone(),
        value,
        until: of.terms.until,
        reason: of.terms.reason.clone(),
        set_by: of.set_by.clone(),
    }
}
