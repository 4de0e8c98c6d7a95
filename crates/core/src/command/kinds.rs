//! The kinds of command, each with its arguments.
//!
//! Never answers one: that is [`super::run`].
//! Units: nano-credits; instants in UTC microseconds.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::accounts::Patch;
use super::corrections::Correct;
use super::credits::{Adjust, NewGrant};
use super::holds::{Extend, is_use};
use super::increases::AnswerIncrease;
use super::overrides::NewOverride;
use super::plans::ChangePlan;
use super::seats::NewSeat;
use super::top_ups::TopUp;
use super::turned_out::Asked;
use crate::record::{
    Category, Credits, Dimensions, Event, GrantId, HoldId, Instant, Label, Name, Operation, Path, Record,
    Rule, Seq,
};
use crate::waterfall::{AskedPart, Authorize, Context, Quantities, Refusal, Request};

/// Everything that can be asked of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Open the account.
    Open(Patch),
    /// Change its settings.
    Change {
        /// The changes.
        patch: Patch,
        /// Why.
        reason: Option<Label>,
    },
    /// Change its plan, and with it recurring grants.
    ChangePlan(ChangePlan),
    /// Withdraw the change of plan that is planned.
    WithdrawPlanChange {
        /// Why.
        reason: Option<Label>,
    },
    /// Let a recurring grant keep its period and not renew.
    StopRenewal {
        /// The grant.
        grant: GrantId,
        /// Why.
        reason: Option<Label>,
    },
    /// Pause it: nothing of it is used, renews or expires.
    Pause {
        /// It ends then; `None`: when the account is resumed.
        until: Option<Instant>,
        /// Why.
        reason: Option<Label>,
    },
    /// End its pause.
    Resume {
        /// Why.
        reason: Option<Label>,
    },
    /// Decide, and hold or charge at once.
    Authorize(Authorize),
    /// Grow a hold.
    Extend(Extend),
    /// End a hold at the actual use; one that has expired is charged directly.
    Settle {
        /// The hold.
        hold: HoldId,
        /// The actual use.
        quantities: Quantities,
        /// All of its dimensions, as they turned out; `None`: those of the hold.
        dimensions: Option<Dimensions>,
        /// Its parts after the first. Parts of the hold beyond them did not happen.
        more: Vec<AskedPart>,
    },
    /// End a hold at zero.
    Release {
        /// The hold.
        hold: HoldId,
    },
    /// Charge use that has happened; use past the catalog's horizon waits in quarantine.
    Record {
        /// The use.
        request: Request,
        /// When; `None`: now.
        at: Option<Instant>,
    },
    /// Add credits.
    Grant(NewGrant),
    /// Take back the remainder of a grant.
    Void {
        /// The grant.
        grant: GrantId,
        /// Why.
        reason: Option<Label>,
    },
    /// Correct a grant by hand.
    Adjust(Adjust),
    /// Give back a charge, or a part of it.
    Refund {
        /// The record of the charge.
        charge: Seq,
        /// The amount; `None`: all that has not been given back.
        amount: Option<Credits>,
        /// Why.
        reason: Option<Label>,
    },
    /// Correct a charge; the correction takes its place.
    Correct {
        /// The record of the charge.
        charge: Seq,
        /// The right content.
        to: Correct,
        /// Why.
        reason: Option<Label>,
    },
    /// Bank a reset.
    Bank {
        /// The windows that it clears.
        windows: Vec<Name>,
        /// It must be redeemed before this instant; `None`: within 30 days.
        expires_at: Option<Instant>,
        /// The operator's reference.
        reference: Option<Label>,
    },
    /// Override a limit.
    Override(NewOverride),
    /// Remove an override of a limit.
    RemoveOverride {
        /// The override.
        id: Seq,
        /// Why.
        reason: Option<Label>,
    },
    /// Ask for a higher limit.
    AskIncrease(NewOverride),
    /// Answer a request for a higher limit.
    AnswerIncrease {
        /// The request.
        asked: Seq,
        /// The answer.
        answer: AnswerIncrease,
    },
    /// Set a seat: add it, or change its type or member.
    SetSeat(NewSeat),
    /// Remove a seat.
    RemoveSeat {
        /// Its name.
        seat: Name,
        /// Why.
        reason: Option<Label>,
    },
    /// Mark an invoice paid.
    PayInvoice {
        /// The record that closed it.
        invoice: Seq,
        /// The operator's reference.
        reference: Option<Label>,
    },
    /// Redeem a banked reset.
    Redeem {
        /// The reset; `None`: of those that would clear something, the first to expire.
        reset: Option<Seq>,
        /// The path whose windows are cleared.
        path: Path,
        /// Why, if an operator redeems it.
        reason: Option<Label>,
    },
    /// Close the periods of windows that end when they are closed.
    ClosePeriods {
        /// The windows, as guards, `allowance.window` or pools.
        windows: Vec<Name>,
        /// A path of requests that they count.
        path: Path,
        /// Why.
        reason: Option<Label>,
    },
    /// Charge use in quarantine after all.
    AcceptLate {
        /// The record that keeps it.
        kept: Seq,
    },
    /// Drop use in quarantine.
    DiscardLate {
        /// The record that keeps it.
        kept: Seq,
        /// Why.
        reason: Option<Label>,
    },
    /// Answer an automatic top-up.
    ConfirmTopUp {
        /// Its number.
        number: u64,
        /// The outcome.
        top_up: TopUp,
    },
    /// End an effect of an abuse rule early.
    Lift {
        /// The rule.
        rule: Rule,
        /// The key it applies to; `None`: the account.
        key: Option<Name>,
        /// Why.
        reason: Option<Label>,
    },
    /// Report a disputed payment.
    Dispute {
        /// Why.
        reason: Option<Label>,
    },
    /// In the log of an identity: claim a free grant for an account.
    ClaimFreeGrant {
        /// The account.
        account: Name,
        /// The amount.
        amount: Credits,
    },
    /// In the log of the daily budget: draw a free grant for an account.
    DrawTrialBudget {
        /// The account.
        account: Name,
        /// The amount.
        amount: Credits,
        /// The unit; `None`: `credits`.
        unit: Option<Name>,
        /// The budget of a day, in that unit.
        most: Credits,
    },
    /// In the server's own log: record a change that is in force from now on.
    Administer(Box<Event>),
}

impl Command {
    /// Settle a hold as it was held, at these quantities.
    #[must_use]
    pub fn settle(hold: HoldId, quantities: Quantities) -> Self {
        Self::Settle { hold, quantities, dimensions: None, more: Vec::new() }
    }

    /// Whether a record ended a hold just as the command would: the same hold, in the same way, at the same use.
    #[must_use]
    pub fn ends_as(&self, record: &Record) -> bool {
        match (self, &record.event) {
            (Self::Release { hold }, Event::Released(ended)) => hold == ended,
            (
                Self::Settle { hold, quantities, dimensions, more },
                Event::Settled { hold: ended, charge, .. },
            ) => {
                let first = Asked { dimensions: dimensions.as_deref(), quantities };
                hold == ended && is_use(&charge.usage, first, more)
            }
            _ => false,
        }
    }

    /// The refusal where a record has ended the hold that the command is to end.
    #[must_use]
    pub fn conflict_with(&self, record: &Record) -> Option<Refusal> {
        let (Self::Release { hold } | Self::Settle { hold, .. }) = *self else { return None };
        let late = if let Event::Settled { hold, .. } = &record.event { Some(*hold) } else { None };
        let ended = late.or_else(|| record.event.ends());
        (ended == Some(hold)).then(|| Refusal::hold_ended(hold, record))
    }
    /// The scope of its idempotency key, together with the account.
    #[must_use]
    pub fn operation(&self) -> Operation {
        match self {
            Self::Open(_) => Operation::Open,
            Self::Change { .. }
            | Self::ChangePlan(_)
            | Self::WithdrawPlanChange { .. }
            | Self::StopRenewal { .. }
            | Self::Pause { .. }
            | Self::Resume { .. }
            | Self::SetSeat(_)
            | Self::RemoveSeat { .. } => Operation::Change,
            Self::Authorize(_) => Operation::Authorize,
            Self::Extend(_) => Operation::Extend,
            Self::Settle { .. } => Operation::Settle,
            Self::Release { .. } => Operation::Release,
            Self::Record { .. } => Operation::Record,
            Self::Grant(_) | Self::ClaimFreeGrant { .. } | Self::DrawTrialBudget { .. } => Operation::Grant,
            Self::Void { .. } => Operation::Void,
            Self::Adjust(_) => Operation::Adjust,
            Self::Refund { .. } => Operation::Refund,
            Self::Correct { .. } => Operation::Correct,
            Self::Bank { .. } => Operation::Bank,
            Self::Override(_)
            | Self::RemoveOverride { .. }
            | Self::AskIncrease(_)
            | Self::AnswerIncrease { .. } => Operation::Override,
            Self::PayInvoice { .. } => Operation::PayInvoice,
            Self::Redeem { .. } => Operation::RedeemReset,
            Self::ClosePeriods { .. } => Operation::ClosePeriods,
            Self::AcceptLate { .. } | Self::DiscardLate { .. } => Operation::Late,
            Self::ConfirmTopUp { .. } => Operation::TopUp,
            Self::Lift { .. } | Self::Dispute { .. } => Operation::Abuse,
            Self::Administer(_) => Operation::Administer,
        }
    }

    /// Whether it brings credits that an identity gets only once in a while.
    #[must_use]
    pub fn free_grant(&self) -> Option<&NewGrant> {
        if let Self::Grant(new) = self { Some(new).filter(|n| n.category == Category::Free) } else { None }
    }

    /// Accounts are opened once, before anything else; the server's own logs need no opening.
    pub(super) fn check_open(&self, ctx: Context<'_>) -> Result<(), Refusal> {
        let own =
            matches!(self, Self::ClaimFreeGrant { .. } | Self::DrawTrialBudget { .. } | Self::Administer(_));
        let opens = matches!(self, Self::Open(_));
        match ctx.account.is_open() {
            true if opens => Err(Refusal::AccountExists(ctx.account.id.clone())),
            false if !opens && !own => Err(Refusal::UnknownAccount(ctx.account.id.clone())),
            true | false => Ok(()),
        }
    }
}
