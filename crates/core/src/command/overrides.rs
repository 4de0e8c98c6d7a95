//! Setting and removing overrides of limits.

use super::draft::Draft;
use super::history::{History, Stop};
use crate::account::OVERRIDES_MAX;
use crate::catalog::{FACTOR_MAX, PRICE_FACTOR};
use crate::record::{CycleEvent, Figure, Instant, Label, Name, Once, Override, Path, Seq, Terms};
use crate::waterfall::{Context, Refusal};

const BAD_FACTOR: Refusal =
    Refusal::BadOverride("a factor on prices is from 0 to 1000, with at most nine decimal places");

/// A new override.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewOverride {
    /// The limit: a guard, an allowance's window as `allowance.window`, a pool, an overdraft or `price_factor`.
    pub limit: Name,
    /// The place that it is for, with everything below it; the empty path is the account.
    pub path: Path,
    /// The figure.
    pub figure: NewFigure,
    /// It ends at this instant; `None`: when it is removed.
    pub until: Option<Instant>,
    /// Why.
    pub reason: Option<Label>,
}

/// A figure as it is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NewFigure {
    /// As written: credits as a decimal number, anything else as a whole one.
    Written(Label),
    /// As recorded, and whether it is in credits, where that is recorded.
    Recorded(Figure, Option<bool>),
    /// No limit.
    Unlimited,
}

pub(super) fn set(ctx: Context<'_>, new: &NewOverride) -> Result<Draft, Refusal> {
    Ok(Draft::of_cycle(CycleEvent::Overridden(terms(ctx, new)?)))
}

/// The terms of an override, checked against the account's plan.
pub(super) fn terms(ctx: Context<'_>, new: &NewOverride) -> Result<Override, Refusal> {
    let plan = ctx.plan()?;
    let Some((is_credits, window)) = plan.limit(&new.limit) else {
        return Err(Refusal::UnknownLimit(new.limit.clone()));
    };
    if new.until.is_some_and(|until| until <= ctx.now) {
        return Err(Refusal::BadOverride("it would end before it begins"));
    }
    if ctx.account.rare().overrides.len() >= OVERRIDES_MAX {
        return Err(Refusal::AccountFull);
    }
    let is_factor = new.limit.as_str() == PRICE_FACTOR;
    let (figure, is_credits) = match &new.figure {
        NewFigure::Recorded(figure, is_credits) => (*figure, *is_credits),
        NewFigure::Unlimited => (Figure::Unlimited, Some(is_credits)),
        NewFigure::Written(text) => match Figure::written(text.as_str(), is_credits) {
            Some(figure) => (Figure::Limit(figure), Some(is_credits)),
            None if is_factor => return Err(BAD_FACTOR),
            None if is_credits => {
                return Err(Refusal::BadOverride(
                    "the limit counts credits: write a decimal number, at least 0",
                ));
            }
            None => {
                let what = "the limit counts whole units: write a whole number, at least 0";
                return Err(Refusal::BadOverride(what));
            }
        },
    };
    if matches!(figure, Figure::Limit(factor) if is_factor && factor.unsigned_abs() > FACTOR_MAX) {
        return Err(BAD_FACTOR);
    }
    let terms = window.map(|window| figure.on(window.terms(None, ctx.now, ctx.account.billing())));
    let is_countable = |terms: Terms| !matches!(terms, Terms::Rate { limit: 0, .. }) && terms.is_exact();
    if figure != Figure::Unlimited && terms.is_some_and(|terms| !is_countable(terms)) {
        return Err(Refusal::BadOverride(
            "a rate is above zero, and limit × period small enough to count exactly",
        ));
    }
    let NewOverride { limit, path, until, reason, .. } = new.clone();
    Ok(Override { limit, path, figure, until, reason, approves: None, is_credits })
}

/// Refuses an override of a limit that would not be higher by it, for the account itself.
///
/// # Errors
/// As for the override; or when the limit in force is as high, or is not that of a window.
pub fn check_raise(ctx: Context<'_>, new: &NewOverride) -> Result<(), Refusal> {
    let raised = terms(ctx, new)?;
    let plan = ctx.plan()?;
    let Some((_, Some(window))) = plan.limit(&new.limit) else {
        return Err(Refusal::BadOverride("limits of windows can be raised; this one has no window"));
    };
    let planned = window.terms(None, ctx.now, ctx.account.billing());
    let seated = ctx.account.seated(&raised.path);
    let path = seated.as_ref().unwrap_or(&raised.path);
    let (now, _) = plan.own_terms(ctx.account, (&new.limit, planned), path, ctx.now);
    if matches!(planned, Terms::Growth { .. }) {
        let what = "a limit that grows with use is not raised for all; give each account its override";
        return Err(Refusal::BadOverride(what));
    }
    if raised.figure.on(planned).figure() <= now.figure() {
        return Err(Refusal::BadOverride("the account's limit is as high or higher already"));
    }
    Ok(())
}

pub(super) fn remove(
    ctx: Context<'_>,
    id: Seq,
    reason: Option<Label>,
    history: &History,
) -> Result<Draft, Stop> {
    if ctx.account.override_by_id(id).is_none() {
        return Err(match history.once(ctx, Once::EndsOverride(id))? {
            Some(end) => Refusal::OverrideEnded(id, end.seq),
            None => Refusal::UnknownOverride(id),
        }
        .into());
    }
    Ok(Draft::of_cycle(CycleEvent::OverrideRemoved { id, reason }).following(id))
}
