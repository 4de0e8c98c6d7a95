//! Asking for a higher limit, and answering.

use super::draft::Draft;
use super::overrides::{NewFigure, NewOverride, terms};
use crate::account::{INCREASES_MAX, Increase};
use crate::record::{CycleEvent, Instant, Label, Override, Seq};
use crate::waterfall::{Context, Refusal};

/// The answer to a request for a higher limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AnswerIncrease {
    /// It is approved: an override with the figure and end that were asked for, or with others.
    Approve {
        /// The figure; `None`: as asked for.
        figure: Option<NewFigure>,
        /// It ends at this instant; `None`: as asked for.
        until: Option<Instant>,
        /// Why.
        reason: Option<Label>,
    },
    /// It is denied.
    Deny {
        /// Why.
        reason: Option<Label>,
    },
}

pub(super) fn ask(ctx: Context<'_>, new: &NewOverride) -> Result<Draft, Refusal> {
    if ctx.account.increases_waiting() >= INCREASES_MAX {
        return Err(Refusal::AccountFull);
    }
    Ok(Draft::of_cycle(CycleEvent::IncreaseAsked(terms(ctx, new)?)))
}

pub(super) fn answer(ctx: Context<'_>, asked: Seq, answer: &AnswerIncrease) -> Result<Draft, Refusal> {
    let increase = ctx.account.increase(asked).ok_or(Refusal::UnknownIncrease(asked))?;
    if let Some(answer) = &increase.answer {
        return Err(Refusal::IncreaseAnswered(asked, answer.by));
    }
    let event = match answer {
        AnswerIncrease::Approve { figure, until, reason } => {
            CycleEvent::Overridden(approved(ctx, increase, figure.as_ref(), *until, reason)?)
        }
        AnswerIncrease::Deny { reason } => CycleEvent::IncreaseDenied { asked, reason: reason.clone() },
    };
    Ok(Draft::of_cycle(event).following(asked))
}

fn approved(
    ctx: Context<'_>,
    increase: &Increase,
    figure: Option<&NewFigure>,
    until: Option<Instant>,
    reason: &Option<Label>,
) -> Result<Override, Refusal> {
    let Override { limit, path, figure: asked, until: asked_until, is_credits, .. } = increase.terms.clone();
    let new = NewOverride {
        limit,
        path,
        figure: figure.cloned().unwrap_or(NewFigure::Recorded(asked, is_credits)),
        until: until.or(asked_until),
        reason: reason.clone(),
    };
    Ok(Override { approves: Some(increase.id), ..terms(ctx, &new)? })
}
