//! Engine operations on what comes again with the calendar, on charges that were wrong, and on use that came late.

use headworks_core::audit::replay::closed_grants;
use headworks_core::operation::{self, ChangePlan, Correct, NewGrant, Refusal, charge_of};
use headworks_core::record::{IndexKey, Instant, Label, Name, Once, Operation, Path, ResetTerms, Seq};

use crate::answer::{Answer, EngineError};
use crate::engine::{Engine, Found, Step};
use crate::operations::{Keyed, Logged, opened};

impl Engine {
    /// Changes the plan, and with it recurring grants.
    ///
    /// # Errors
    /// When the plan or a recurring grant is unknown, or the store fails.
    pub async fn change_plan(
        &self,
        account: &Name,
        keyed: Keyed<'_>,
        ask: &ChangePlan,
    ) -> Result<Answer, EngineError> {
        self.mutate(account, Operation::Change, Some(keyed.0), keyed.1, |look| {
            opened(&look)?;
            Ok(Step::Append(Box::new(operation::change_plan(look.ctx, ask)?)))
        })
        .await
    }

    /// Banks a reset; without an expiry it can be redeemed for 30 days.
    ///
    /// # Errors
    /// When a window is unknown, the account has too many, or the store fails.
    pub async fn bank_reset(
        &self,
        account: &Name,
        keyed: Keyed<'_>,
        windows: &[Name],
        expires_at: Option<Instant>,
        reference: Option<&Label>,
    ) -> Result<Answer, EngineError> {
        self.mutate(account, Operation::Bank, Some(keyed.0), keyed.1, |look| {
            opened(&look)?;
            let terms = ResetTerms {
                windows: windows.to_vec(),
                expires_at: expires_at.unwrap_or(look.ctx.now.after(operation::RESET_LIFE)),
                reference: reference.cloned(),
            };
            Ok(Step::Append(Box::new(operation::bank_reset(look.ctx, &terms)?)))
        })
        .await
    }

    /// Redeems a banked reset. While its record is on the way to the store nobody else can redeem it; if that fails,
    /// it stays banked.
    ///
    /// # Errors
    /// When there is none, nothing is to be reset, it was redeemed before, or the store fails.
    pub async fn redeem_reset(
        &self,
        account: &Name,
        keyed: Keyed<'_>,
        token: Option<Seq>,
        path: &Path,
    ) -> Result<Answer, EngineError> {
        self.mutate(account, Operation::RedeemReset, Some(keyed.0), keyed.1, |look| {
            opened(&look)?;
            if let Some(token) = token {
                match look.find(IndexKey::of_once(account, Once::Redeems(token)))? {
                    Found::InFlight(ticket) => return Ok(Step::Await(ticket)),
                    Found::Stored(by) => return Err(EngineError::AlreadyRedeemed(token, by.seq)),
                    Found::Nowhere => {}
                }
            }
            Ok(Step::Append(Box::new(operation::redeem_reset(look.ctx, token, path)?)))
        })
        .await
    }

    /// Corrects a charge; the correction takes its place.
    ///
    /// # Errors
    /// When the record is no charge, was refunded or corrected before, nothing changes, or the store fails.
    pub async fn correct(
        &self,
        account: &Name,
        keyed: Keyed<'_>,
        charge: Seq,
        ask: &Correct,
        delete: bool,
        reason: Option<&Label>,
    ) -> Result<Answer, EngineError> {
        self.mutate(account, Operation::Correct, Some(keyed.0), keyed.1, |look| {
            opened(&look)?;
            match look.find(IndexKey::of_once(account, Once::Refunds(charge)))? {
                Found::InFlight(ticket) => return Ok(Step::Await(ticket)),
                Found::Stored(by) => return Err(EngineError::AlreadyRefunded(charge, by.seq)),
                Found::Nowhere => {}
            }
            let record = self.record_of(account, charge)?;
            let was = charge_of(&record).ok_or(Refusal::NotACharge(charge))?;
            let history = Logged { engine: self, look: &look };
            let closed = closed_grants(look.ctx.account, &record, &history)?;
            let none = was.usage.lines.iter().map(|l| (l.meter.clone(), 0)).collect();
            let deleted = Correct { quantities: none, reprice: false };
            let ask = if delete { &deleted } else { ask };
            let draft = operation::correct(look.ctx, &record, ask, &closed, reason.cloned())?;
            Ok(Step::Append(Box::new(draft)))
        })
        .await
    }

    /// Charges use in quarantine after all, or drops it.
    ///
    /// # Errors
    /// When no such use waits, the charge is refused, or the store fails.
    pub async fn decide_late(
        &self,
        account: &Name,
        keyed: Keyed<'_>,
        kept: Seq,
        accept: bool,
        reason: Option<&Label>,
    ) -> Result<Answer, EngineError> {
        self.mutate(account, Operation::Late, Some(keyed.0), keyed.1, |look| {
            opened(&look)?;
            if !accept {
                return Ok(Step::Append(Box::new(operation::discard_late(look.ctx, kept, reason.cloned())?)));
            }
            if !look.ctx.account.extras().quarantine.contains(&kept) {
                return Err(Refusal::NotInQuarantine(kept).into());
            }
            let record = self.record_of(account, kept)?;
            let late = record.quarantined().ok_or(Refusal::NotInQuarantine(kept))?;
            Ok(Step::Append(Box::new(operation::accept_late(look.ctx, kept, late)?)))
        })
        .await
    }

    /// Confirms a top-up: `grant` brings its credits when it was paid, otherwise it failed.
    ///
    /// # Errors
    /// When no such top-up is in flight, or the store fails.
    pub async fn confirm_top_up(
        &self,
        account: &Name,
        keyed: Keyed<'_>,
        number: u64,
        paid: Result<&NewGrant, Option<&Label>>,
    ) -> Result<Answer, EngineError> {
        self.mutate(account, Operation::TopUp, Some(keyed.0), keyed.1, |look| {
            opened(&look)?;
            let draft = match paid {
                Err(reason) => operation::top_up_failed(look.ctx, number, reason.cloned())?,
                Ok(grant) => {
                    let asked = look.ctx.account.extras().top_ups.asked.filter(|a| a.number == number);
                    let asked = asked.ok_or(Refusal::NoTopUp(number))?;
                    let grant = NewGrant { amount: asked.amount, top_up: Some(asked.seq), ..grant.clone() };
                    operation::grant(look.ctx, &grant)?
                }
            };
            Ok(Step::Append(Box::new(draft)))
        })
        .await
    }
}
