//! Answers to automatic top-ups.

use super::credits::{NewGrant, grant};
use super::draft::Draft;
use crate::account::Asked;
use crate::record::{Alert, Event, Label};
use crate::waterfall::{Context, Refusal};

/// What became of a top-up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TopUp {
    /// It was paid: the grant that it brings, of the amount that was asked for.
    Paid(NewGrant),
    /// It was not, and why.
    Failed(Option<Label>),
}

/// Ends the top-up in flight, with its credits or without.
pub(super) fn confirm(ctx: Context<'_>, number: u64, top_up: &TopUp) -> Result<Draft, Refusal> {
    let asked = ctx.account.extras().top_ups.asked.filter(|a| a.number == number);
    let Asked { seq, amount, .. } = asked.ok_or(Refusal::NoTopUp(number))?;
    match top_up {
        TopUp::Paid(new) => grant(ctx, &NewGrant { amount, top_up: Some(seq), ..new.clone() }),
        TopUp::Failed(reason) => {
            let failed = Alert::TopUpFailed { number, reason: reason.clone() };
            Ok(Draft::new(Event::Alert(failed)).following(seq))
        }
    }
}
