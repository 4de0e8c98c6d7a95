//! Pricing the charges of a period again after a rate card was wrong: first as
//! a dry run, then applied charge by charge.
//!
//! P1 never changes a charge twice, however often the request is sent (`charges_are_corrected_one_by_one_and_by_period`). A
//! correction replaces its charge, and its key is derived from the charge, so an interrupted run is simply sent again. P2 a dry run
//! reports what a run would (`a_run_does_what_was_shown`): it makes the same corrections, on a copy of the account.

use std::collections::BTreeMap;

use headworks_core::command::{Command, Correct, corrected_price, priced_at};
use headworks_core::record::{IndexKey, Instant, Label, LateUse, Name, Once, Record, Seq};
use headworks_core::waterfall::Refusal;

use crate::answer::{Caller, Effect, EngineError, Idempotency};
use crate::engine::Engine;
use crate::rehearsal::Rehearsal;
use crate::states::decode;

const RECORDS_AT_ONCE: usize = 1_000;
const ACCOUNTS_AT_ONCE: usize = 1_000;
/// The most charges that a report lists as refused.
const REFUSED_KEPT: usize = 1_000;

/// The charges to price again.
#[derive(Clone, Debug)]
pub struct Reprice {
    /// Use from this instant on.
    pub from: Instant,
    /// Use before this instant.
    pub to: Instant,
    /// The features; empty: all.
    pub features: Vec<Name>,
    /// The accounts; empty: all.
    pub accounts: Vec<Name>,
    /// Whether to change the charges or only report.
    pub apply: bool,
    /// Go on after this record of this account; accounts are taken in order of name.
    pub after: Option<(Name, Seq)>,
    /// Stop after this many records; a dry run stops between accounts only, because what it reports of one depends on what it has
    /// corrected there before.
    pub records_max: u64,
    /// The reason.
    pub reason: Option<Label>,
}

/// Charges whose price changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// The number of charges.
    pub changed: u64,
    /// Their cost before.
    pub was: i128,
    /// Their cost now.
    pub is: i128,
}

/// The outcome of pricing again.
#[derive(Debug, Default)]
pub struct Repriced {
    /// The number of charges examined; one that was corrected before counts once.
    pub charges: u64,
    /// The number of charges left alone because they were refunded.
    pub refunded: u64,
    /// Accounts with charges whose price changes, by unit of credits; `None`: `credits`.
    pub accounts: BTreeMap<(Name, Option<Name>), Difference>,
    /// Charges that stay as they are, and why: they have no price, or nobody pays it.
    pub refused: Vec<(Name, Seq, Refusal)>,
    /// The last record that was read, if there are more.
    pub next: Option<(Name, Seq)>,
    records: u64,
}

impl Engine {
    /// Prices charges again on the catalog in force.
    ///
    /// # Errors
    /// When the store fails, or a correction does; earlier corrections stay.
    pub async fn reprice(&self, ask: &Reprice, actor: Option<&Name>) -> Result<Repriced, EngineError> {
        let mut done = Repriced::default();
        let (first, mut from) = ask.after.as_ref().map_or((None, 1), |(name, seq)| (Some(name), seq + 1));
        if !ask.accounts.is_empty() {
            let mut accounts: Vec<&Name> = ask.accounts.iter().filter(|name| first <= Some(name)).collect();
            accounts.sort_unstable();
            accounts.dedup();
            for account in accounts {
                let from = if Some(account) == first { from } else { 1 };
                if !self.reprice_account(account, from, ask, actor, &mut done).await? {
                    break;
                }
            }
            return Ok(done);
        }
        // The account to go on in comes before those after it.
        let mut names: Vec<Name> = first.cloned().into_iter().collect();
        let mut after = first.cloned();
        loop {
            for account in &names {
                if !self.reprice_account(account, from, ask, actor, &mut done).await? {
                    return Ok(done);
                }
                from = 1;
            }
            names = self.accounts(after.as_ref(), ACCOUNTS_AT_ONCE).await?;
            match names.last() {
                Some(last) => after = Some(last.clone()),
                None => return Ok(done),
            }
        }
    }

    /// Goes through an account's records from one on; false when it has read enough.
    async fn reprice_account(
        &self,
        account: &Name,
        from: Seq,
        ask: &Reprice,
        actor: Option<&Name>,
        done: &mut Repriced,
    ) -> Result<bool, EngineError> {
        self.view(account, |_| Ok(())).await?;
        if ask.apply && self.live_now(account)? {
            // It is read below.
            self.view(account, |_| Ok(())).await?;
        }
        let mut next = from;
        let mut copy: Option<Rehearsal> = None;
        loop {
            if done.records >= ask.records_max && copy.is_none() {
                done.next = Some((account.clone(), next - 1));
                return Ok(false);
            }
            if copy.is_none() && !ask.apply {
                copy = Some(self.rehearsal(account).await?);
            }
            let left = usize::try_from(ask.records_max.saturating_sub(done.records)).unwrap_or(usize::MAX);
            let most = if copy.is_some() { RECORDS_AT_ONCE } else { RECORDS_AT_ONCE.min(left) };
            let page = self.store.read(account, next, most).await?;
            let Some(last) = page.last() else { break };
            next = last.seq + 1;
            done.records += u64::try_from(page.len()).unwrap_or(0);
            for stored in &page {
                // What others have written since is not in the copy.
                if copy.as_ref().is_none_or(|copy| stored.seq <= copy.end) {
                    let record = decode(&stored.bytes)?;
                    self.reprice_record(account, &record, (ask, actor), copy.as_mut(), done).await?;
                }
            }
            tokio::task::yield_now().await;
        }
        // Corrections may let more happen by itself.
        let mut place = 0;
        while let Some(record) = copy.as_ref().and_then(|copy| copy.lived.get(place).cloned()) {
            self.reprice_record(account, &record, (ask, actor), copy.as_mut(), done).await?;
            place += 1;
        }
        Ok(true)
    }

    /// The instant whose prices apply to a charge: its own, or that of the earliest record that it corrects.
    async fn priced_at(&self, account: &Name, record: &Record) -> Result<Instant, EngineError> {
        let mut read: BTreeMap<Seq, Record> = BTreeMap::new();
        loop {
            let at = priced_at(record, |seq| {
                let earlier = read.get(&seq).ok_or(seq)?;
                Ok::<_, Seq>((earlier.effective_at, earlier.event.priced_by()))
            });
            match at {
                Ok(at) => return Ok(at),
                Err(missing) => read.insert(missing, self.stored_record(account, missing).await?),
            };
        }
    }

    async fn reprice_record(
        &self,
        account: &Name,
        record: &Record,
        (ask, actor): (&Reprice, Option<&Name>),
        copy: Option<&mut Rehearsal>,
        done: &mut Repriced,
    ) -> Result<(), EngineError> {
        let is_wanted = ask.from <= record.effective_at && record.effective_at < ask.to;
        let wanted = |feature: &Name| ask.features.is_empty() || ask.features.contains(feature);
        let Some(charge) = record.charge().filter(|c| is_wanted && wanted(&c.usage.feature)) else {
            return Ok(());
        };
        let once = IndexKey::of_once(account, Once::Refunds(record.seq, 0));
        if let Some(later) = self.store.find(once).await? {
            // The loop reaches the correction itself later, and counts it then.
            let is_refunded = u64::from(decode(&later.bytes)?.charge().is_none());
            (done.charges, done.refunded) = (done.charges + is_refunded, done.refunded + is_refunded);
            return Ok(());
        }
        done.charges += 1;
        let priced_at = self.priced_at(account, record).await?;
        let changes = match corrected_price(&self.catalog(), charge, priced_at) {
            Ok(None) => return Ok(()),
            Ok(Some(_)) => self.correct(account, record.seq, (ask, actor), copy).await,
            Err(refusal) => Err(refusal.into()),
        };
        let corrected = match changes {
            Ok(corrected) => corrected,
            // Another correction was first, or the catalog has changed since.
            Err(EngineError::Refused(Refusal::AlreadyRefunded(..) | Refusal::NothingToCorrect)) => {
                return Ok(());
            }
            // Nobody pays what it would cost now, for example: the others are priced again.
            Err(EngineError::Refused(refusal)) => {
                if done.refused.len() < REFUSED_KEPT {
                    done.refused.push((account.clone(), record.seq, refusal));
                }
                return Ok(());
            }
            Err(e) => return Err(e),
        };
        if ask.apply {
            // The loop reaches what was just written, too.
            done.charges -= 1;
        }
        let unit = charge.usage.credit_unit.clone();
        let difference = done.accounts.entry((account.clone(), unit)).or_default();
        difference.changed += 1;
        difference.was += i128::from(charge.price.nano());
        difference.is += i128::from(corrected.charge().map_or(0, |charge| charge.price.nano()));
        Ok(())
    }

    /// Corrects a charge, or sees what that would write.
    async fn correct(
        &self,
        account: &Name,
        charge: Seq,
        (ask, actor): (&Reprice, Option<&Name>),
        copy: Option<&mut Rehearsal>,
    ) -> Result<Record, EngineError> {
        let command = Command::Correct { charge, to: Correct::reprice(), reason: ask.reason.clone() };
        if let Some(copy) = copy {
            return self.rehearse(copy, &command).await;
        }
        let text = Label::new(&format!("reprice {charge}")).map_err(|_| Refusal::TooLarge)?;
        let key = Idempotency { text, digest: [0; 16] };
        let caller = Caller { actor, ..Caller::default() };
        match self.run(account, Some(&key), caller, &command).await?.effect {
            Effect::Recorded(record) => Ok(*record),
            Effect::Denied(_) | Effect::Unrecorded(_) => unreachable!("a correction is recorded or refused"),
        }
    }

    /// The use in an account's quarantine: its record, the instant of that record, and its content.
    ///
    /// # Errors
    /// When there is no such account, or the store fails.
    pub async fn quarantined(&self, account: &Name) -> Result<Vec<(Seq, Instant, LateUse)>, EngineError> {
        let kept = self.view(account, |ctx| Ok(ctx.account.rare().quarantine.clone())).await?;
        let mut uses = Vec::with_capacity(kept.len());
        for seq in kept {
            let record = self.stored_record(account, seq).await?;
            if let Some(late) = record.quarantined() {
                uses.push((seq, record.recorded_at, late.clone()));
            }
        }
        Ok(uses)
    }
}
