//! Answers to automatic top-ups.

use super::credits::{NewGrant, grant};
use super::draft::Draft;
use crate::account::Asked;
use crate::record::{Alert, Event, Label};
use crate::waterfall::{Context, Refusal};

/// The outcome of a top-up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TopUp {
    /// It was paid: the grant that it brings, of the requested amount.
    Paid(NewGrant),
    /// It was not, and why.
    Failed(Option<Label>),
}

/// Ends the top-up in flight, with its credits or without.
pub(super) fn confirm(ctx: Context<'_>, number: u64, top_up: &TopUp) -> Result<Draft, Refusal> {
    let mut in_flight = ctx.account.rare().balances.iter().filter_map(|b| Some((b.asked?, &b.unit)));
    let found = in_flight.find(|(asked, _)| asked.number == number);
    let (Asked { seq, amount, .. }, unit) = found.ok_or(Refusal::NoTopUp(number))?;
    match top_up {
        TopUp::Paid(new) => {
            grant(ctx, &NewGrant { amount, unit: unit.clone(), top_up: Some(seq), ..new.clone() })
        }
        TopUp::Failed(reason) => {
            let failed = Event::Alert(Alert::TopUpFailed { number, reason: reason.clone() });
            Ok(Draft { unit: unit.clone(), ..Draft::new(failed) }.following(seq))
        }
    }
}
