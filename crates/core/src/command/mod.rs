//! Commands: everything that can be asked of an account, and the one function that answers.
//!
//! [`run`] is pure: it never changes the state ([`crate::account::Account::apply`] does, from the record alone), never waits
//! and never looks anything up. What it turns out to need it names, and is run again with it.
//! Engine, replay, what-if and simulation speak commands; a record says which command it came of ([`Command::of`]).
//! O1 a refused or denied command yields no record (`refusals_change_nothing`).
//! Units: nano-credits; instants in UTC microseconds.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::record::{
    Category, Credits, Decision, Event, GrantId, HoldId, Instant, Label, Name, Once, Operation, Path, Rule,
    Seq, Use,
};
use crate::waterfall::{Authorize, Context, Quantities, Refusal, Request, Wanted};

mod accounts;
mod conduct;
mod corrections;
mod credits;
mod draft;
mod history;
mod holds;
mod late;
mod of;
mod plans;
mod receipts;
mod refunds;
mod requests;
mod resets;
mod top_ups;

pub use accounts::{Patch, Setting};
pub use conduct::{share_key, trial_budget_used};
pub use corrections::{Correct, corrected_price};
pub use credits::NewGrant;
pub(crate) use credits::{owed, repay};
pub use draft::Draft;
pub(crate) use draft::{Moves, own_grant};
use history::Stop;
pub use history::{History, Log};
pub use holds::Extend;
pub use of::{circumstances, request_of};
pub use plans::ChangePlan;
pub(crate) use receipts::{end_free, end_within};
pub use top_ups::TopUp;

/// Everything that can be asked of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Open the account.
    Open(Patch),
    /// Change its settings.
    Change {
        /// What changes.
        patch: Patch,
        /// Why.
        reason: Option<Label>,
    },
    /// Change its plan, and with it recurring grants.
    ChangePlan(ChangePlan),
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
    },
    /// End a hold at zero.
    Release {
        /// The hold.
        hold: HoldId,
    },
    /// Charge use that has happened; what is past the catalog's horizon waits in quarantine.
    Record {
        /// What was used.
        request: Request,
        /// When; `None`: now.
        at: Option<Instant>,
    },
    /// Add credits.
    Grant(NewGrant),
    /// Take back what is left of a grant.
    Void {
        /// The grant.
        grant: GrantId,
        /// Why.
        reason: Option<Label>,
    },
    /// Correct a grant by hand.
    Adjust {
        /// The grant.
        grant: GrantId,
        /// By how much.
        by: Credits,
        /// Why.
        reason: Option<Label>,
    },
    /// Give back a charge, once.
    Refund {
        /// The record of the charge.
        charge: Seq,
        /// How much; `None`: all of it.
        amount: Option<Credits>,
        /// Why.
        reason: Option<Label>,
    },
    /// Correct a charge; the correction takes its place.
    Correct {
        /// The record of the charge.
        charge: Seq,
        /// What it should have been.
        to: Correct,
        /// Why.
        reason: Option<Label>,
    },
    /// Bank a reset.
    Bank {
        /// The windows that it clears.
        windows: Vec<Name>,
        /// Can be redeemed before; `None`: for 30 days.
        expires_at: Option<Instant>,
        /// The operator's reference.
        reference: Option<Label>,
    },
    /// Redeem a banked reset.
    Redeem {
        /// Which; `None`: the one that expires first of those that would clear something.
        token: Option<Seq>,
        /// Whose windows are cleared.
        path: Path,
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
        /// What became of it.
        top_up: TopUp,
    },
    /// End an effect of an abuse rule before its time.
    Lift {
        /// The rule.
        rule: Rule,
        /// The key it is about; `None`: the account.
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
        /// How much.
        amount: Credits,
    },
    /// In the log of the daily budget: draw a free grant for an account.
    DrawTrialBudget {
        /// The account.
        account: Name,
        /// How much.
        amount: Credits,
        /// The budget of a day.
        most: Credits,
    },
    /// In the server's own log: write down what is in force from now on.
    Administer(Box<Event>),
}

/// What a command makes of the state.
#[derive(Clone, Debug)]
pub enum Step {
    /// It is done, or granted: what to append.
    Append(Box<Draft>),
    /// Granted for a feature that is not recorded: what to count.
    Count(Use, Decision),
    /// Denied, postponed, or consent is needed: what was asked. Nothing changes.
    Deny(Use, Decision),
    /// Nothing yet: this must be looked up first.
    Needs(Need),
}

/// What must be looked up before a command can be answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    /// A record of the account, for [`History::add_record`].
    Record(Seq),
    /// The record of what happens at most once, for [`History::add_once`].
    Once(Once),
    /// What only a running engine knows of the request, for [`Context::live`].
    Live(Box<Wanted>),
}

impl Step {
    /// What to append, if anything is.
    #[must_use]
    pub fn into_draft(self) -> Option<Draft> {
        if let Self::Append(draft) = self { Some(*draft) } else { None }
    }

    /// The decision, where a request was decided.
    #[must_use]
    pub fn decision(&self) -> Option<&Decision> {
        match self {
            Self::Append(draft) => draft.event.decision(),
            Self::Count(_, decision) | Self::Deny(_, decision) => Some(decision),
            Self::Needs(_) => None,
        }
    }

    fn append(draft: Draft) -> Self {
        Self::Append(Box::new(draft))
    }
}

/// Answers a command: what it makes of the state, as far as `history` has what it refers back to.
///
/// # Errors
/// Refuses what is unknown, out of range, or done already. Nothing changes then.
pub fn run(ctx: Context<'_>, command: &Command, history: &History) -> Result<Step, Refusal> {
    match step(ctx, command, history) {
        Ok(step) => Ok(step),
        Err(Stop::Refused(refusal)) => Err(refusal),
        Err(Stop::Needs(need)) => Ok(Step::Needs(need)),
    }
}

/// Answers a command, looking up records as they turn out to be needed.
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
        Command::Settle { hold, quantities } => holds::settle(ctx, *hold, quantities, history)?,
        Command::Release { hold } => holds::release(ctx, *hold, history)?,
        Command::Open(patch) => accounts::open(ctx, patch)?,
        Command::Change { patch, reason } => accounts::change(ctx, patch, reason.clone())?,
        Command::ChangePlan(ask) => plans::change_plan(ctx, ask)?,
        Command::Grant(new) => credits::grant(ctx, new)?,
        Command::Void { grant, reason } => credits::void(ctx, *grant, reason.clone())?,
        Command::Adjust { grant, by, reason } => credits::adjust(ctx, *grant, *by, reason.clone())?,
        Command::Refund { charge, amount, reason } => {
            refunds::refund(ctx, *charge, *amount, reason.clone(), history)?
        }
        Command::Correct { charge, to, reason } => {
            corrections::correct(ctx, *charge, to, reason.clone(), history)?
        }
        Command::Bank { windows, expires_at, reference } => {
            resets::bank(ctx, windows, *expires_at, reference.clone())?
        }
        Command::Redeem { token, path } => resets::redeem(ctx, *token, path, history)?,
        Command::AcceptLate { kept } => late::accept(ctx, *kept, history)?,
        Command::DiscardLate { kept, reason } => late::discard(ctx, *kept, reason.clone())?,
        Command::ConfirmTopUp { number, top_up } => top_ups::confirm(ctx, *number, top_up)?,
        Command::Lift { rule, key, reason } => conduct::lift(ctx, *rule, key.as_ref(), reason.clone())?,
        Command::Dispute { reason } => conduct::dispute(reason.clone()),
        Command::ClaimFreeGrant { account, amount } => conduct::claim_free_grant(ctx, account, *amount)?,
        Command::DrawTrialBudget { account, amount, most } => {
            conduct::draw_trial_budget(ctx, account, *amount, *most)?
        }
        Command::Administer(event) => Draft::new((**event).clone()),
    };
    Ok(Step::append(draft))
}

impl Command {
    /// The scope of its idempotency key, together with the account.
    #[must_use]
    pub fn operation(&self) -> Operation {
        match self {
            Self::Open(_) => Operation::Open,
            Self::Change { .. } | Self::ChangePlan(_) => Operation::Change,
            Self::Authorize(_) => Operation::Authorize,
            Self::Extend(_) => Operation::Extend,
            Self::Settle { .. } => Operation::Settle,
            Self::Release { .. } => Operation::Release,
            Self::Record { .. } => Operation::Record,
            Self::Grant(_) | Self::ClaimFreeGrant { .. } | Self::DrawTrialBudget { .. } => Operation::Grant,
            Self::Void { .. } => Operation::Void,
            Self::Adjust { .. } => Operation::Adjust,
            Self::Refund { .. } => Operation::Refund,
            Self::Correct { .. } => Operation::Correct,
            Self::Bank { .. } => Operation::Bank,
            Self::Redeem { .. } => Operation::RedeemReset,
            Self::AcceptLate { .. } | Self::DiscardLate { .. } => Operation::Late,
            Self::ConfirmTopUp { .. } => Operation::TopUp,
            Self::Lift { .. } | Self::Dispute { .. } => Operation::Conduct,
            Self::Administer(_) => Operation::Administer,
        }
    }

    /// Whether it brings credits that an identity gets once in a while only.
    #[must_use]
    pub fn free_grant(&self) -> Option<&NewGrant> {
        if let Self::Grant(new) = self { Some(new).filter(|n| n.category == Category::Free) } else { None }
    }

    /// Accounts are opened once, and before anything else; the server's own logs are there without.
    fn check_open(&self, ctx: Context<'_>) -> Result<(), Refusal> {
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
