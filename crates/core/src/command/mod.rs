//! Commands: everything that can be asked of an account, and the one function that answers.
//!
//! [`run`] is pure: it never changes the state ([`crate::account::Account::apply`] does, from the record alone), never waits
//! and never looks anything up. If it needs more, it names the need, and is run again with it.
//! Engine, replay, what-if and simulation speak commands; a record says which command caused it ([`Command::of`]).
//! O1 a refused or denied command yields no record (`refusals_change_nothing`).
//! Units: nano-credits; instants in UTC microseconds.

use crate::waterfall::{Context, Refusal};

mod abuse;
mod accounts;
mod corrections;
mod credits;
mod draft;
mod history;
mod holds;
mod increases;
mod invoices;
mod kinds;
mod late;
mod of;
mod overrides;
mod pauses;
mod plans;
mod quarantine;
mod receipts;
mod refunds;
mod requests;
mod resets;
mod seats;
mod step;
mod top_ups;
mod turned_out;
mod volumes;

pub use abuse::trial_budget_used;
pub use accounts::{Patch, Setting};
pub use corrections::{Correct, corrected_price, priced_at};
pub use credits::{Adjust, NewGrant};
pub(crate) use credits::{owed, repay};
pub use draft::Draft;
pub(crate) use draft::{Moves, carried_block, own_grant};
use history::Stop;
pub use history::{History, Log};
pub use holds::Extend;
pub(crate) use holds::{growing, growth};
pub use increases::AnswerIncrease;
pub(crate) use invoices::invoice_due;
pub use kinds::Command;
pub(crate) use of::{circumstances, circumstances_of, more_of, quantities_of, request_of};
pub use overrides::{NewFigure, NewOverride, check_raise};
pub(crate) use pauses::{billed_windows, end_of_pause};
pub(crate) use plans::planned_change;
pub use plans::{ChangePlan, When};
pub(crate) use receipts::{end_free, end_within};
pub use resets::would_clear;
pub use seats::NewSeat;
pub use step::{Need, Step};
pub use top_ups::TopUp;
use turned_out::Asked;
pub(crate) use volumes::volume_due;

/// Answers a command on the state; `history` has the earlier records that it refers back to.
///
/// # Errors
/// When the subject is unknown, out of range, or done already. Nothing changes then.
pub fn run(ctx: Context<'_>, command: &Command, history: &History) -> Result<Step, Refusal> {
    match step(ctx, command, history) {
        Ok(step) => Ok(step),
        Err(Stop::Refused(refusal)) => Err(refusal),
        Err(Stop::Needs(need)) => Ok(Step::Needs(need)),
    }
}

/// Answers a command, looking up records as needed.
///
/// # Errors
/// When a look-up fails; the inner error refuses the command.
pub fn run_with<L: Log>(
    ctx: Context<'_>,
    command: &Command,
    history: &mut History,
    log: &L,
) -> Result<Result<Step, Refusal>, L::Error> {
    loop {
        match run(ctx, command, history) {
            Ok(Step::Needs(Need::Record(seq))) => history.add_record(seq, log.record(seq)?),
            Ok(Step::Needs(Need::Once(once))) => history.add_once(once, log.once(once)?),
            answer => return Ok(answer),
        }
    }
}

fn step(ctx: Context<'_>, command: &Command, history: &History) -> Result<Step, Stop> {
    command.check_open(ctx)?;
    let draft = match command {
        Command::Authorize(ask) => return Ok(requests::authorize(ctx, ask)?),
        Command::Extend(ask) => return holds::extend(ctx, ask, history),
        Command::Record { request, at } => return Ok(requests::record(ctx, request, at.unwrap_or(ctx.now))?),
        Command::Settle { hold, quantities, dimensions, more } => {
            let first = Asked { dimensions: dimensions.as_deref(), quantities };
            holds::settle(ctx, *hold, first, more, history)?
        }
        Command::Release { hold } => holds::release(ctx, *hold, history)?,
        Command::Open(patch) => accounts::open(ctx, patch)?,
        Command::Change { patch, reason } => accounts::change(ctx, patch, reason.clone())?,
        Command::ChangePlan(ask) => plans::change_plan(ctx, ask)?,
        Command::WithdrawPlanChange { reason } => plans::withdraw(ctx, reason.clone())?,
        Command::StopRenewal { grant, reason } => plans::stop_renewal(ctx, *grant, reason.clone())?,
        Command::Pause { until, reason } => pauses::pause(ctx, *until, reason.clone())?,
        Command::Resume { reason } => pauses::resume(ctx, reason.clone())?,
        Command::Grant(new) => credits::grant(ctx, new)?,
        Command::Void { grant, reason } => credits::void(ctx, *grant, reason.clone(), history)?,
        Command::Adjust(ask) => credits::adjust(ctx, ask, history)?,
        Command::Refund { charge, amount, reason } => {
            refunds::refund(ctx, *charge, *amount, reason.clone(), history)?
        }
        Command::Correct { charge, to, reason } => {
            corrections::correct(ctx, *charge, to, reason.clone(), history)?
        }
        Command::Bank { windows, expires_at, reference } => {
            resets::bank(ctx, windows, *expires_at, reference.clone())?
        }
        Command::Override(new) => overrides::set(ctx, new)?,
        Command::SetSeat(new) => seats::set(ctx, new)?,
        Command::RemoveSeat { seat, reason } => seats::remove(ctx, seat, reason.clone())?,
        Command::AskIncrease(new) => increases::ask(ctx, new)?,
        Command::AnswerIncrease { asked, answer } => increases::answer(ctx, *asked, answer)?,
        Command::RemoveOverride { id, reason } => overrides::remove(ctx, *id, reason.clone(), history)?,
        Command::PayInvoice { invoice, reference } => {
            invoices::pay(ctx, *invoice, reference.clone(), history)?
        }
        Command::Redeem { reset, path, reason } => resets::redeem(ctx, *reset, (path, reason), history)?,
        Command::ClosePeriods { windows, path, reason } => {
            resets::close_periods(ctx, windows, path, reason.clone())?
        }
        Command::AcceptLate { kept } => late::accept(ctx, *kept, history)?,
        Command::DiscardLate { kept, reason } => late::discard(ctx, *kept, reason.clone())?,
        Command::ConfirmTopUp { number, top_up } => top_ups::confirm(ctx, *number, top_up)?,
        Command::Lift { rule, key, reason } => abuse::lift(ctx, *rule, key.as_ref(), reason.clone())?,
        Command::Dispute { reason } => abuse::dispute(reason.clone()),
        Command::ClaimFreeGrant { account, amount } => abuse::claim_free_grant(ctx, account, *amount)?,
        Command::DrawTrialBudget { account, amount, unit, most } => {
            abuse::draw_trial_budget(ctx, account, (*amount, unit.as_ref()), *most)?
        }
        Command::Administer(event) => Draft::new((**event).clone()),
    };
    Ok(Step::append(draft))
}
