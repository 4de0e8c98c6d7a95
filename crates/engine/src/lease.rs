//! Leases: a hold owned by the code that serves its request. It ends exactly once, also if that code is dropped.
//!
//! L1 a lease ends its hold once (`a_lease_ends_its_hold_once`). L2 a dropped lease is charged for its reported use,
//! and released if nothing was reported (`a_dropped_lease_is_charged_for_what_it_reported`). L3 a lease with regular
//! reports does not expire while its request runs; if its end is never written, the hold expires
//! (`a_lease_lives_as_long_as_it_is_reported_on`). L4 a hold that is left stays open until its deadline, and can be taken
//! up to be ended (`a_hold_that_is_left_is_taken_up_again`).
//! Never holds more than the account allows: an extension that does not fit is refused like any other request.

use std::mem::take;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures_util::future::join_all;
use headworks_core::capacity::controller::{Answered, Feedback};
use headworks_core::command::{Command, Extend};
use headworks_core::record::{Dimensions, Event, HeldCapacity, HoldId, Instant, Line, Name, Span};
use headworks_core::waterfall::{AskedPart, Authorize, Minimum, Quantities, Refusal};
use headworks_store::wait;

use crate::answer::{Answer, Caller, Effect, EngineError, Idempotency};
use crate::dropped::Dropped;
use crate::engine::Engine;

/// The outcome of asking for a lease.
#[derive(Debug)]
pub enum Leased {
    /// The hold, and the answer that granted it.
    Held(Box<Lease>, Answer),
    /// The request was not granted, is already charged, or holds nothing.
    Answered(Answer),
}

/// Facts from an upstream about a request, beyond its outcome.
#[derive(Clone, Copy, Debug, Default)]
pub struct Upstream {
    /// The limit that it states, in cost per second.
    pub limit: Option<u64>,
    /// The pause that it asks for.
    pub retry_after: Option<Span>,
}

/// An open hold. End it with [`Self::settle`] or [`Self::release`]; the engine ends a dropped lease soon after.
#[derive(Debug)]
pub struct Lease {
    engine: Arc<Engine>,
    account: Name,
    actor: Option<Name>,
    hold: HoldId,
    capacity: Option<Box<HeldCapacity>>,
    covered: Quantities,
    used: Quantities,
    began: Instant,
    first_output: Option<Span>,
    deadline: Instant,
    /// Its lifetime from the last extension on. The next extension doubles it, so a few extensions reach far.
    life: Span,
    life_max: Span,
    /// The caller agreed to paid sources.
    consented: bool,
    /// Nothing is left to do when it is dropped.
    is_over: bool,
}

/// What the first part of a use covers.
fn covered(lines: &[Line]) -> Quantities {
    let own = lines.iter().filter(|line| line.part == 0);
    own.fold(Quantities::new(), |mut covered, line| {
        add(&mut covered, line);
        covered
    })
}

fn add(covered: &mut Quantities, line: &Line) {
    match covered.iter_mut().find(|(meter, _)| *meter == line.meter) {
        Some((_, all)) => *all = all.saturating_add(line.quantity),
        None => covered.push((line.meter.clone(), line.quantity)),
    }
}

impl Engine {
    /// Authorizes a request and leases its hold.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub async fn lease(
        self: &Arc<Self>,
        account: &Name,
        key: Option<&Idempotency>,
        caller: Caller<'_>,
        ask: Authorize,
    ) -> Result<Leased, EngineError> {
        if !ask.request.more.is_empty() {
            return Err(Refusal::BadParts("a lease is for a use of one part").into());
        }
        let consented = ask.request.consented;
        let answer = self.run(account, key, caller, &Command::Authorize(ask)).await?;
        let Effect::Recorded(record) = &answer.effect else { return Ok(Leased::Answered(answer)) };
        let Event::Authorized { usage, terms, .. } = &record.event else {
            return Ok(Leased::Answered(answer));
        };
        let lease = Box::new(Lease {
            engine: Arc::clone(self),
            account: account.clone(),
            actor: caller.actor.cloned(),
            hold: HoldId(record.seq),
            capacity: terms.capacity.clone(),
            covered: covered(&usage.lines),
            used: Quantities::new(),
            began: record.recorded_at,
            first_output: None,
            deadline: terms.deadline,
            life: terms.deadline.since(record.recorded_at),
            life_max: terms.life_max,
            consented,
            is_over: false,
        });
        Ok(Leased::Held(lease, answer))
    }

    /// Takes up a hold that was left open by [`Lease::leave`]; `None` if it has ended. It is nobody's until it is ended: dropped, it stays open.
    ///
    /// # Errors
    /// As [`Self::view`].
    pub async fn take_up(
        self: &Arc<Self>,
        account: &Name,
        hold: HoldId,
        caller: Caller<'_>,
        consented: bool,
    ) -> Result<Option<Box<Lease>>, EngineError> {
        let found = self.view(account, |ctx| {
            let open = ctx.account.hold(hold).filter(|hold| hold.terms.deadline > ctx.now);
            Ok(open.map(|hold| (ctx.now, hold.terms.clone(), covered(&hold.usage.lines))))
        });
        let Some((now, terms, covered)) = found.await? else { return Ok(None) };
        Ok(Some(Box::new(Lease {
            engine: Arc::clone(self),
            account: account.clone(),
            actor: caller.actor.cloned(),
            hold,
            capacity: terms.capacity,
            covered,
            used: Quantities::new(),
            began: now,
            first_output: None,
            deadline: terms.deadline,
            life: terms.deadline.since(now),
            life_max: terms.life_max,
            consented,
            is_over: true,
        })))
    }

    /// Ends the holds of dropped leases.
    pub(crate) fn end_dropped_leases(&self) {
        let dropped = self.dropped_leases.take();
        if dropped.is_empty() {
            return;
        }
        let ending = join_all(dropped.iter().map(|dropped| {
            let caller = Caller { actor: dropped.actor.as_ref(), ..Caller::default() };
            self.run(&dropped.account, None, caller, &dropped.end)
        }));
        let ended = if self.is_standing { self.step_until(ending) } else { wait(ending) };
        for (dropped, ended) in dropped.into_iter().zip(ended) {
            match ended {
                // Another caller, or its deadline, has already ended it.
                Ok(_) | Err(EngineError::Refused(Refusal::HoldEnded { .. })) => {}
                // The hold then expires.
                Err(EngineError::Refused(refusal)) => {
                    tracing::error!(account = %dropped.account, %refusal, "a dropped lease cannot be ended");
                }
                Err(EngineError::Stopped) => {}
                Err(e) => {
                    tracing::warn!(account = %dropped.account, error = %e, "a dropped lease is ended later");
                    self.dropped_leases.add([dropped]);
                }
            }
        }
    }

    /// Polls to the end in a standing engine, which writes in between.
    fn step_until<T>(&self, asked: impl Future<Output = T>) -> T {
        let mut asked = Box::pin(asked);
        loop {
            match asked.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(answer) => return answer,
                Poll::Pending => drop(self.commit_once()),
            }
        }
    }
}

impl Lease {
    /// The account of the hold.
    #[must_use]
    pub fn account(&self) -> &Name {
        &self.account
    }

    /// Its hold.
    #[must_use]
    pub fn hold(&self) -> HoldId {
        self.hold
    }

    /// The amount that it covers of each meter, extensions included.
    #[must_use]
    pub fn covered(&self) -> &[(Name, u64)] {
        &self.covered
    }

    /// The amount that it covers of a meter.
    #[must_use]
    pub fn covers(&self, meter: &Name) -> u64 {
        amount(&self.covered, meter)
    }

    /// The amount left of a meter before the lease must be extended.
    #[must_use]
    pub fn left(&self, meter: &Name) -> u64 {
        self.covers(meter).saturating_sub(amount(&self.used, meter))
    }

    /// When its hold expires, unless use is reported before.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Leaves the hold open, for [`Engine::take_up`] to end; until then it is nobody's, and ends at its deadline.
    pub fn leave(mut self) -> HoldId {
        self.is_over = true;
        self.hold
    }

    /// Reports the total use so far. Most calls touch no ledger. After half of the hold's lifetime, the report
    /// doubles that lifetime and stores the progress with it.
    ///
    /// # Errors
    /// When the hold has ended or cannot live longer; the lease goes on until its deadline.
    pub async fn report(&mut self, used: Quantities) -> Result<(), EngineError> {
        let now = self.engine.clock().now();
        if self.first_output.is_none() && used.iter().any(|(_, n)| *n > 0) {
            self.first_output = Some(now.since(self.began));
        }
        self.used = used;
        if self.deadline.since(now).micros() > self.life.micros() / 2 {
            return Ok(());
        }
        let life = Span::from_micros(self.life.micros().saturating_mul(2)).min(self.life_max);
        self.grow(Quantities::new(), Vec::new(), None, Some(life)).await.map(drop)
    }

    /// Holds more of some meters, or at least as much of one of them as the minimum says. Where no more is available, the answer
    /// is a denial, and the present hold stays.
    ///
    /// # Errors
    /// When the hold has ended, or the store fails.
    pub async fn extend(
        &mut self,
        more: Quantities,
        minimum: Option<Minimum>,
    ) -> Result<Answer, EngineError> {
        self.grow(more, Vec::new(), minimum, None).await
    }

    /// Holds a part of other dimensions beside what is held.
    ///
    /// # Errors
    /// As [`Self::extend`].
    pub async fn extend_beside(&mut self, part: AskedPart) -> Result<Answer, EngineError> {
        self.grow(Quantities::new(), vec![part], None, None).await
    }

    async fn grow(
        &mut self,
        quantities: Quantities,
        beside: Vec<AskedPart>,
        minimum: Option<Minimum>,
        life: Option<Span>,
    ) -> Result<Answer, EngineError> {
        let progress = (!self.used.is_empty()).then(|| self.used.clone());
        let hold = self.hold;
        let ask =
            Extend { hold, quantities, more: beside, minimum, life, progress, consented: self.consented };
        let caller = Caller { actor: self.actor.as_ref(), ..Caller::default() };
        let answer = self.engine.run(&self.account, None, caller, &Command::Extend(ask)).await?;
        let Effect::Recorded(record) = &answer.effect else { return Ok(answer) };
        if let Event::Extended { deadline, usage, .. } = &record.event {
            self.deadline = *deadline;
            self.life = life.unwrap_or(self.life);
            // Parts beside it are not looked at again.
            for line in usage.lines.iter().filter(|line| line.part == 0) {
                add(&mut self.covered, line);
            }
        }
        Ok(answer)
    }

    /// Passes the upstream's answer to the supply in which the hold has room.
    ///
    /// # Errors
    /// When the supply no longer exists.
    pub fn feed(&self, answered: Answered, upstream: Upstream) -> Result<(), EngineError> {
        let Some(held) = &self.capacity else { return Ok(()) };
        let (_, terms, ..) = self.engine.supply(&held.supply)?;
        let used = self.used.iter().map(|(meter, n)| (meter.as_str(), *n));
        let cost = if self.used.is_empty() { held.cost } else { terms.rate.formula.cost(used) };
        let Upstream { limit, retry_after } = upstream;
        let feedback =
            Feedback { answered, cost, first_output: self.first_output, input: None, limit, retry_after };
        self.engine.supply_feedback(&held.supply, feedback)
    }

    /// Ends the hold at the actual use.
    ///
    /// # Errors
    /// As [`Engine::run`]; the engine then ends the hold later, at this use.
    pub async fn settle(self, used: Quantities) -> Result<Answer, EngineError> {
        self.settle_as(used, None, Vec::new()).await
    }

    /// The same with all of its dimensions as they turned out (`None`: those of the hold), and with parts that were not held.
    ///
    /// # Errors
    /// As [`Self::settle`]; the engine then ends the hold as it was opened, at the use of its own part. A use that is refused, because
    /// nobody pays for what is beyond the hold, is charged at what is held.
    pub async fn settle_as(
        mut self,
        used: Quantities,
        dimensions: Option<Dimensions>,
        more: Vec<AskedPart>,
    ) -> Result<Answer, EngineError> {
        self.used.clone_from(&used);
        let hold = self.hold;
        let ended = self.end(Command::Settle { hold, quantities: used, dimensions, more }).await;
        let is_open = match &ended {
            Err(EngineError::Refused(refusal)) => {
                !matches!(refusal, Refusal::HoldEnded { .. } | Refusal::UnknownHold(_))
            }
            Ok(_) | Err(_) => false,
        };
        if !is_open {
            return ended;
        }
        self.is_over = false;
        self.used.clone_from(&self.covered);
        self.end(Command::settle(hold, self.covered.clone())).await
    }

    /// Ends the hold at zero, even if use was reported.
    ///
    /// # Errors
    /// As [`Engine::run`]; the engine then ends the hold later.
    pub async fn release(mut self) -> Result<Answer, EngineError> {
        self.used.clear();
        let end = Command::Release { hold: self.hold };
        self.end(end).await
    }

    async fn end(&mut self, end: Command) -> Result<Answer, EngineError> {
        let caller = Caller { actor: self.actor.as_ref(), ..Caller::default() };
        let ended = self.engine.run(&self.account, None, caller, &end).await;
        // If the end is not answered, or its caller goes away first, the hold is ended
        // again; the same end gives the same answer.
        self.is_over = matches!(ended, Ok(_) | Err(EngineError::Refused(_)));
        ended
    }
}

fn amount(of: &[(Name, u64)], meter: &Name) -> u64 {
    of.iter().find(|(known, _)| known == meter).map_or(0, |(_, amount)| *amount)
}

impl Drop for Lease {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        let hold = self.hold;
        let quantities = take(&mut self.used);
        let end =
            if quantities.is_empty() { Command::Release { hold } } else { Command::settle(hold, quantities) };
        self.engine.dropped_leases.add([Dropped {
            account: self.account.clone(),
            actor: self.actor.take(),
            end,
        }]);
    }
}
