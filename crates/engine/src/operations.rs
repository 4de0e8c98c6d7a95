//! The engine's operations: each finds what it needs, lets the core decide, and stores the record.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use headworks_core::abuse::penalty::Misdeed;
use headworks_core::audit::replay::{History, closed_grants};
use headworks_core::operation::{self, Authorize, Context, Decided, Extend, NewGrant, Quantities, Request};
use headworks_core::record::{
    Credits, Decision, Denial, Event, GrantId, HoldId, IndexKey, Instant, Label, Level, Name, Once,
    Operation, Outcome, Record, Seq, Settings, Span, Use,
};

use crate::answer::{Answer, Effect, EngineError, Idempotency};
use crate::callers::{level, note_request};
use crate::capacity::{Asked, Found as Room, Purpose};
use crate::engine::{Engine, Found, Look, Step};

/// What a caller says about a request besides what is asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Caller {
    /// How long to wait for capacity; `None`: as the class says.
    pub max_wait: Option<Span>,
    /// The address of the user.
    pub source: Option<IpAddr>,
}

/// What a request asks a pool about.
fn asked_of(ask: &Authorize, demoted: bool) -> Asked<'_> {
    let Request { feature, path, quantities, .. } = &ask.request;
    let purpose = if ask.settle_now { Purpose::Charge } else { Purpose::Hold };
    Asked { feature, path, quantities, purpose, demoted }
}

/// Who asks, and under which key.
pub(crate) type Keyed<'a> = (&'a Idempotency, Option<&'a Name>);
fn step(decided: Decided, ctx: Context<'_>) -> Step {
    match decided {
        Decided::Granted(draft) => Step::Append(draft),
        Decided::Counted(usage, decision) => Step::Count(Box::new((usage, decision))),
        Decided::Denied(usage, decision) => Step::Deny(Box::new(Denial { at: ctx.now, usage, decision })),
    }
}

impl Step {
    /// A request that has no room is asked again instead of being remembered as denied.
    fn patient(self) -> Self {
        if let Self::Deny(denial) = self {
            let waits = denial.decision.outcome == Outcome::Wait;
            return if waits { Self::Postpone(denial) } else { Self::Deny(denial) };
        }
        self
    }
}

pub(crate) fn opened(look: &Look<'_>) -> Result<(), EngineError> {
    if look.ctx.account.is_open() {
        Ok(())
    } else {
        Err(EngineError::UnknownAccount(look.ctx.account.id.clone()))
    }
}

impl Engine {
    /// Opens an account.
    ///
    /// # Errors
    /// When it is open already, its plan is unknown, or the store fails.
    pub async fn open_account(
        &self,
        account: &Name,
        keyed: Keyed<'_>,
        settings: impl Fn(Instant) -> Settings,
    ) -> Result<Answer, EngineError> {
        self.mutate(account, Operation::Open, Some(keyed.0), keyed.1, |look| {
            if look.ctx.account.is_open() {
                return Err(EngineError::AccountExists(account.clone()));
            }
            Ok(Step::Append(Box::new(operation::open(look.ctx, settings(look.ctx.now))?)))
        })
        .await
    }

    /// Changes an account's settings.
    ///
    /// # Errors
    /// When the account or its new plan is unknown, or the store fails.
    pub async fn change_account(
        &self,
        account: &Name,
        keyed: Keyed<'_>,
        reason: Option<&Label>,
        change: impl Fn(&mut Settings),
    ) -> Result<Answer, EngineError> {
        self.mutate(account, Operation::Change, Some(keyed.0), keyed.1, |look| {
            opened(&look)?;
            let mut settings = look.ctx.account.settings.clone();
            change(&mut settings);
            Ok(Step::Append(Box::new(operation::change(look.ctx, settings, reason.cloned())?)))
        })
        .await
    }

    /// Decides, and holds or charges.
    ///
    /// # Errors
    /// When the request names what is unknown, or the store fails. A denial is an answer.
    pub async fn authorize(
        &self,
        account: &Name,
        keyed: Keyed<'_>,
        ask: &Authorize,
        caller: Caller,
    ) -> Result<Answer, EngineError> {
        let Caller { max_wait, source } = caller;
        let mut room = None;
        let mut may_wait = true;
        loop {
            let before = Mutex::new(room.take());
            let wished = Mutex::new(None);
            let answer = self
                .mutate(account, Operation::Authorize, Some(keyed.0), keyed.1, |look| {
                    opened(&look)?;
                    let ask = &*operation::prepared(look.ctx, ask)?;
                    let penalty = note_request(look.callers, look.ctx, &ask.request.path, source);
                    let asked = asked_of(ask, operation::is_demoted(look.ctx, ask)?);
                    let before = before.lock().unwrap_or_else(PoisonError::into_inner).take();
                    let found = self.in_force.pools.take(look.ctx, look.seats, &asked, before);
                    let decided =
                        operation::authorize(Context { offers: &found.offers, penalty, ..look.ctx }, ask)?;
                    let wish = found
                        .close(&decided, look.ctx.account)
                        .filter(|wish| may_wait && max_wait.unwrap_or(wish.wait_max()) > Span::ZERO);
                    let step = step(decided, look.ctx);
                    let step = if wish.is_some() { step.patient() } else { step };
                    *wished.lock().unwrap_or_else(PoisonError::into_inner) = wish;
                    Ok(step)
                })
                .await;
            if let Err(EngineError::KeyReused(..)) = &answer {
                self.note_misdeed(account, ask.request.path.at(Level::Key), Misdeed::KeyConflict);
            }
            let answer = answer?;
            let wish = wished.into_inner().unwrap_or_else(PoisonError::into_inner);
            let wish = match (&answer.effect, wish) {
                (Effect::Denied(denial), Some(wish)) if denial.decision.outcome == Outcome::Wait => wish,
                _ => return Ok(answer),
            };
            // Who has waited once is told what it finds then.
            may_wait = false;
            let most = max_wait.unwrap_or(wish.wait_max()).min(self.wait_max);
            room = wish.wait(self.clock().now(), most).await;
        }
    }

    /// Decides without any effect.
    ///
    /// # Errors
    /// When the request names what is unknown, or the store fails.
    pub async fn check(
        &self,
        account: &Name,
        ask: &Authorize,
    ) -> Result<(Instant, Use, Decision), EngineError> {
        self.view_with_callers(account, |ctx, callers| {
            let ask = &*operation::prepared(ctx, ask)?;
            let penalty = level(callers, ctx, &ask.request.path);
            let asked = asked_of(ask, operation::is_demoted(ctx, ask)?);
            let offers = self.in_force.pools.look(ctx, &asked);
            let (usage, decision) = operation::decide(Context { offers: &offers, penalty, ..ctx }, ask)?;
            Ok((ctx.now, usage.to_use(), decision))
        })
        .await
    }

    /// Grows a hold.
    ///
    /// # Errors
    /// When the hold is unknown or has ended, or the store fails. A denial is an answer.
    pub async fn extend(
        &self,
        account: &Name,
        keyed: Keyed<'_>,
        ask: &Extend,
    ) -> Result<Answer, EngineError> {
        self.mutate(account, Operation::Extend, Some(keyed.0), keyed.1, |look| {
            opened(&look)?;
            if look.ctx.account.hold(ask.hold).is_none() {
                return ended(&look, ask.hold).map(|(ticket, _)| Step::Await(ticket));
            }
            let hold = look.ctx.account.hold(ask.hold);
            let found = match hold.and_then(|h| Some((h, h.terms.capacity.as_deref()?))) {
                Some((hold, held)) if ask.quantities.iter().any(|(_, n)| *n > 0) => {
                    let (feature, path) = (&hold.usage.feature, &hold.usage.path);
                    let asked = Asked {
                        feature,
                        path,
                        quantities: &ask.quantities,
                        purpose: Purpose::Grow,
                        demoted: false,
                    };
                    self.in_force.pools.grow(look.ctx, look.seats, held, &asked)
                }
                Some(_) | None => Room::default(),
            };
            let decided = operation::extend(Context { offers: &found.offers, ..look.ctx }, ask)?;
            found.close(&decided, look.ctx.account);
            Ok(step(decided, look.ctx))
        })
        .await
    }

    /// Ends a hold at its actual use; one that has expired is charged directly.
    ///
    /// # Errors
    /// When the hold is unknown or has ended otherwise, or the store fails.
    pub async fn settle(
        &self,
        account: &Name,
        keyed: Keyed<'_>,
        hold: HoldId,
        quantities: &Quantities,
    ) -> Result<Answer, EngineError> {
        self.mutate(account, Operation::Settle, Some(keyed.0), keyed.1, |look| {
            opened(&look)?;
            if look.ctx.account.hold(hold).is_some() {
                return Ok(Step::Append(Box::new(operation::settle(look.ctx, hold, quantities)?)));
            }
            let end = match end_of(&look, hold)? {
                Found::InFlight(ticket) => return Ok(Step::Await(ticket)),
                Found::Nowhere => return Err(operation::Refusal::UnknownHold(hold).into()),
                Found::Stored(end) => end,
            };
            if !matches!(end.event, Event::Expired { charge: None, .. }) {
                return Err(EngineError::ended(hold, &end));
            }
            match look.find(IndexKey::of_once(account, Once::SettlesLate(hold)))? {
                Found::InFlight(ticket) => Ok(Step::Await(ticket)),
                Found::Stored(late) => Err(EngineError::ended(hold, &late)),
                Found::Nowhere => {
                    let opened = self.record_of(account, hold.0)?;
                    let Event::Authorized { usage, terms, .. } = &opened.event else {
                        return Err(operation::Refusal::UnknownHold(hold).into());
                    };
                    let draft = operation::settle_late(look.ctx, hold, usage, terms.overshoot, quantities)?;
                    Ok(Step::Append(Box::new(draft)))
                }
            }
        })
        .await
    }

    /// Ends a hold at zero.
    ///
    /// # Errors
    /// When the hold is unknown or has ended, or the store fails.
    pub async fn release(
        &self,
        account: &Name,
        keyed: Keyed<'_>,
        hold: HoldId,
    ) -> Result<Answer, EngineError> {
        self.mutate(account, Operation::Release, Some(keyed.0), keyed.1, |look| {
            opened(&look)?;
            if look.ctx.account.hold(hold).is_none() {
                return ended(&look, hold).map(|(ticket, _)| Step::Await(ticket));
            }
            Ok(Step::Append(Box::new(operation::release(look.ctx, hold)?)))
        })
        .await
    }

    /// Charges use that has happened, now or at `at`; what is past the catalog's horizon waits in quarantine.
    ///
    /// # Errors
    /// When the request names what is unknown, or the store fails.
    pub async fn record(
        &self,
        account: &Name,
        keyed: Keyed<'_>,
        request: &Request,
        at: Option<Instant>,
    ) -> Result<Answer, EngineError> {
        self.mutate(account, Operation::Record, Some(keyed.0), keyed.1, |look| {
            opened(&look)?;
            let at = at.unwrap_or(look.ctx.now);
            let folded = operation::folded(look.ctx, &request.path);
            let folded = folded.map(|path| Request { path, ..request.clone() });
            let request = folded.as_ref().unwrap_or(request);
            if look.ctx.now.since(at) > look.ctx.catalog.late_horizon {
                return Ok(Step::Append(Box::new(operation::quarantine(look.ctx, request, at)?)));
            }
            Ok(step(operation::record_at(look.ctx, request, at)?, look.ctx))
        })
        .await
    }

    /// Adds credits.
    ///
    /// # Errors
    /// When the grant is not acceptable, or the store fails.
    pub async fn grant(
        &self,
        account: &Name,
        keyed: Keyed<'_>,
        new: &NewGrant,
    ) -> Result<Answer, EngineError> {
        self.claim(account, keyed.0, new).await?;
        self.mutate(account, Operation::Grant, Some(keyed.0), keyed.1, |look| {
            opened(&look)?;
            Ok(Step::Append(Box::new(operation::grant(look.ctx, new)?)))
        })
        .await
    }

    /// Takes back what is left of a grant.
    ///
    /// # Errors
    /// When the grant is unknown, or the store fails.
    pub async fn void(
        &self,
        account: &Name,
        keyed: Keyed<'_>,
        grant: GrantId,
        reason: Option<&Label>,
    ) -> Result<Answer, EngineError> {
        self.mutate(account, Operation::Void, Some(keyed.0), keyed.1, |look| {
            opened(&look)?;
            Ok(Step::Append(Box::new(operation::void(look.ctx, grant, reason.cloned())?)))
        })
        .await
    }

    /// Corrects a grant by hand.
    ///
    /// # Errors
    /// When the grant is unknown or has less left, or the store fails.
    pub async fn adjust(
        &self,
        account: &Name,
        keyed: Keyed<'_>,
        grant: GrantId,
        by: Credits,
        reason: Option<&Label>,
    ) -> Result<Answer, EngineError> {
        self.mutate(account, Operation::Adjust, Some(keyed.0), keyed.1, |look| {
            opened(&look)?;
            Ok(Step::Append(Box::new(operation::adjust(look.ctx, grant, by, reason.cloned())?)))
        })
        .await
    }

    /// Gives back a charge, all of it or a part, once.
    ///
    /// # Errors
    /// When the record is no charge, was refunded before, or the store fails.
    pub async fn refund(
        &self,
        account: &Name,
        keyed: Keyed<'_>,
        charge: Seq,
        amount: Option<Credits>,
        reason: Option<&Label>,
    ) -> Result<Answer, EngineError> {
        self.mutate(account, Operation::Refund, Some(keyed.0), keyed.1, |look| {
            opened(&look)?;
            match look.find(IndexKey::of_once(account, Once::Refunds(charge)))? {
                Found::InFlight(ticket) => return Ok(Step::Await(ticket)),
                Found::Stored(by) => return Err(EngineError::AlreadyRefunded(charge, by.seq)),
                Found::Nowhere => {}
            }
            let record = self.record_of(account, charge)?;
            let history = Logged { engine: self, look: &look };
            let grants = closed_grants(look.ctx.account, &record, &history)?;
            Ok(Step::Append(Box::new(operation::refund(
                look.ctx,
                &record,
                amount,
                &grants,
                reason.cloned(),
            )?)))
        })
        .await
    }
}

/// An account's log as an operation on it sees it.
pub(crate) struct Logged<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) look: &'a Look<'a>,
}

impl History for Logged<'_> {
    type Error = EngineError;

    fn record(&self, seq: Seq) -> Result<Record, EngineError> {
        self.engine.record_of(&self.look.ctx.account.id, seq)
    }

    fn void_of(&self, grant: GrantId) -> Result<Option<Record>, EngineError> {
        match self.look.find(IndexKey::of_once(&self.look.ctx.account.id, Once::Voids(grant)))? {
            Found::Stored(record) => Ok(Some(*record)),
            // The void is on its way into the store: whoever refunds now asks again.
            Found::InFlight(_) => Err(EngineError::Overloaded),
            Found::Nowhere => Ok(None),
        }
    }
}

fn end_of(look: &Look<'_>, hold: HoldId) -> Result<Found, EngineError> {
    look.find(IndexKey::of_once(&look.ctx.account.id, Once::Ends(hold)))
}

/// The answer for a hold that is not open: wait while its end is being stored, else say how it ended.
fn ended(look: &Look<'_>, hold: HoldId) -> Result<(u64, HoldId), EngineError> {
    match end_of(look, hold)? {
        Found::InFlight(ticket) => Ok((ticket, hold)),
        Found::Stored(end) => Err(EngineError::ended(hold, &end)),
        Found::Nowhere => Err(operation::Refusal::UnknownHold(hold).into()),
    }
}
