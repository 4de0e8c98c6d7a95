//! Incidents: one act for all accounts that match, first as a dry run, then account by account.
//!
//! Never acts on an account twice, however often the request is sent (`an_incident_is_done_once_for_each_account`): the key of
//! each act is made of the incident's name. So an interrupted run is simply sent again. An account that cannot take the act is
//! named with the reason, and does not stop the others.

use std::collections::BTreeMap;

use futures_util::StreamExt as _;
use futures_util::stream;
use headworks_core::catalog::Mode;
use headworks_core::command::{Command, History, check_raise, run, would_clear};
use headworks_core::record::{
    AuditEntry, Event, GrantTerms, IndexKey, Instant, Label, Name, Operation, Path, Record, Rule, Seq, Use,
    audit_log,
};
use headworks_core::waterfall::{Context, Refusal};

use crate::answer::{Caller, Effect, EngineError, Idempotency};
use crate::engine::Engine;
use crate::states::decode;

const RECORDS_AT_ONCE: usize = 1_000;
/// How many accounts are acted on at the same time.
const ACTS_AT_ONCE: usize = 16;

/// What is to be done, and for whom.
#[derive(Clone, Debug)]
pub struct IncidentAsk {
    /// The key of every act: it names the incident, and its digest is that of act and match.
    pub key: Idempotency,
    /// Why.
    pub cause: Label,
    /// The act: a grant, a reset to bank, or an override.
    pub act: Command,
    /// Whether a banked reset is redeemed at once; it must clear something.
    pub redeems: bool,
    /// The accounts; empty: all.
    pub accounts: Vec<Name>,
    /// The plans that they are on now; empty: any.
    pub plans: Vec<Name>,
    /// The use that they had; `None`: any or none.
    pub used: Option<Used>,
    /// Go on after this record of this account; accounts are taken in order of name.
    pub after: Option<(Name, Seq)>,
    /// Stop after this many accounts.
    pub accounts_max: usize,
    /// Stop after about this many records.
    pub records_max: u64,
}

/// The use of features in a time.
#[derive(Clone, Debug)]
pub struct Used {
    /// The features; empty: all.
    pub features: Vec<Name>,
    /// From this instant on.
    pub from: Instant,
    /// Before this instant.
    pub to: Instant,
}

/// What was done, or would be.
#[derive(Debug, Default)]
pub struct IncidentDone {
    /// The accounts that were acted on.
    pub done: Vec<Name>,
    /// How many had the act from an earlier run.
    pub before: u64,
    /// Credits granted, by unit; `None`: `credits`.
    pub granted: BTreeMap<Option<Name>, i128>,
    /// Matching accounts that cannot take the act, and why.
    pub skipped: Vec<(Name, EngineError)>,
    /// Where to go on, if there are more accounts.
    pub next: Option<(Name, Seq)>,
}

/// One account's part.
enum Part {
    Done(Option<GrantTerms>),
    Before,
}

/// What a part of a log says about the use.
enum Found {
    Use,
    Nothing,
    /// It is not read to its end: the last record that was read.
    Unread(Seq),
}

impl IncidentAsk {
    /// Whether an account on this plan may match.
    fn is_for(&self, plan: &Name) -> bool {
        self.plans.is_empty() || self.plans.contains(plan)
    }

    /// What the act opens for an account.
    ///
    /// # Errors
    /// What cannot be done to it.
    fn check(&self, ctx: Context<'_>) -> Result<Option<GrantTerms>, Refusal> {
        if let Command::Override(new) = &self.act {
            check_raise(ctx, new)?;
        }
        let draft = run(ctx, &self.act, &History::new())?.into_draft();
        // Windows that the plan lacks are no unused ones: they are refused before.
        let is_idle =
            matches!(&self.act, Command::Bank { windows, .. } if self.redeems && !would_clear(ctx, windows));
        if is_idle { Err(Refusal::NothingToReset) } else { Ok(draft.and_then(|draft| draft.opens)) }
    }
}

impl Used {
    fn is_in(&self, record: &Record) -> bool {
        let wanted = |of: &Use| self.features.is_empty() || self.features.contains(&of.feature);
        self.from <= record.effective_at
            && record.effective_at < self.to
            && use_of(&record.event).is_some_and(wanted)
    }
}

/// The use that was granted, ended or recorded.
fn use_of(event: &Event) -> Option<&Use> {
    if let Event::Authorized { usage, .. } | Event::Extended { usage, .. } = event {
        return Some(usage);
    }
    if let Event::Settled { charge, .. }
    | Event::Charged { charge, .. }
    | Event::Expired { charge: Some(charge), .. } = event
    {
        // What closes a period of graduated prices is no use.
        return Some(&charge.usage).filter(|_| !charge.closes());
    }
    None
}

impl Engine {
    /// Tells what an incident would do, without any effect.
    ///
    /// # Errors
    /// When the incident's name has had another act or match, or the store fails.
    pub async fn try_incident(&self, ask: &IncidentAsk) -> Result<IncidentDone, EngineError> {
        let begun = IndexKey::of_key(&audit_log(), Operation::Administer, &ask.key.text);
        if let Some(begun) = self.store.find(begun).await?
            && let Some(key) = decode(&begun.bytes)?.key.filter(|key| key.digest != ask.key.digest)
        {
            return Err(EngineError::KeyReused(key.operation, key.text));
        }
        let (matching, next) = self.matching(ask).await?;
        let mut done = IncidentDone { next, ..IncidentDone::default() };
        for account in matching {
            done.add(account.clone(), self.try_on(&account, ask).await)?;
        }
        Ok(done)
    }

    /// Acts on the accounts of an incident. Its cause is noted once in the audit log, by `entry`.
    ///
    /// # Errors
    /// When the incident's name has had another act or match, or the store fails; what was done stays.
    pub async fn run_incident(
        &self,
        ask: &IncidentAsk,
        entry: AuditEntry,
        actor: Option<&Name>,
    ) -> Result<IncidentDone, EngineError> {
        self.note_once(entry, &ask.key).await?;
        let (matching, next) = self.matching(ask).await?;
        let mut done = IncidentDone { next, ..IncidentDone::default() };
        let acts = matching.into_iter().map(|account| async {
            let part = self.act_on(&account, ask, actor).await;
            (account, part)
        });
        let mut acts = stream::iter(acts).buffered(ACTS_AT_ONCE);
        while let Some((account, part)) = acts.next().await {
            done.add(account, part)?;
        }
        Ok(done)
    }

    /// The accounts of a part of the incident that match, and where to go on.
    async fn matching(&self, ask: &IncidentAsk) -> Result<(Vec<Name>, Option<(Name, Seq)>), EngineError> {
        let (mut matching, mut records) = (Vec::new(), 0);
        let accounts = self.accounts_from(ask).await?;
        for (place, account) in accounts.iter().enumerate() {
            if place >= ask.accounts_max || records >= ask.records_max {
                return Ok((matching, Some((account.clone(), 0))));
            }
            let after = ask.after.as_ref().filter(|(first, _)| first == account).map_or(0, |(_, seq)| *seq);
            let seen = self.view(account, |ctx| Ok((ctx.account.settings.plan.clone(), ctx.account.seq)));
            let end = match seen.await {
                Ok((plan, end)) if ask.is_for(&plan) => end,
                Ok(_) => continue,
                // Acting on it gives the same answer, with which it is reported.
                Err(EngineError::Refused(_) | EngineError::Frozen(..)) => {
                    matching.push(account.clone());
                    continue;
                }
                Err(e) => return Err(e),
            };
            let found = match &ask.used {
                None => Found::Use,
                Some(used) => {
                    self.look_for(account, used, (after, end), (&mut records, ask.records_max)).await?
                }
            };
            match found {
                Found::Use => matching.push(account.clone()),
                Found::Nothing => {}
                Found::Unread(seq) => return Ok((matching, Some((account.clone(), seq)))),
            }
        }
        Ok((matching, None))
    }

    /// The next accounts in order of name, one more than a part has.
    async fn accounts_from(&self, ask: &IncidentAsk) -> Result<Vec<Name>, EngineError> {
        let first = ask.after.as_ref().map(|(first, _)| first);
        let mut accounts: Vec<Name> = if ask.accounts.is_empty() {
            let own = first.cloned().into_iter();
            let more = self.accounts(first, ask.accounts_max + 1 - own.len()).await?;
            own.chain(more).collect()
        } else {
            ask.accounts.iter().filter(|name| first <= Some(name)).cloned().collect()
        };
        accounts.sort_unstable();
        accounts.dedup();
        Ok(accounts)
    }

    /// Looks for the use after a record of an account's log, up to another.
    async fn look_for(
        &self,
        account: &Name,
        used: &Used,
        (after, end): (Seq, Seq),
        (records, records_max): (&mut u64, u64),
    ) -> Result<Found, EngineError> {
        // No record takes effect later than it is written.
        let mut last = after.max(self.last_before(account, end, used.from).await?);
        while last < end {
            if *records >= records_max {
                return Ok(Found::Unread(last));
            }
            let page = self.store.read(account, last + 1, RECORDS_AT_ONCE).await?;
            let Some(read_to) = page.last().map(|stored| stored.seq) else { break };
            last = read_to;
            *records += u64::try_from(page.len()).unwrap_or(0);
            for stored in &page {
                if used.is_in(&decode(&stored.bytes)?) {
                    return Ok(Found::Use);
                }
            }
            tokio::task::yield_now().await;
        }
        Ok(Found::Nothing)
    }

    /// The last record up to `end` that was written before an instant; 0 if there is none.
    async fn last_before(&self, account: &Name, end: Seq, instant: Instant) -> Result<Seq, EngineError> {
        let (mut before, mut after) = (0, end + 1);
        while after - before > 1 {
            let middle = before + (after - before) / 2;
            let stored = self.store.read(account, middle, 1).await?;
            let is_before = match stored.first() {
                Some(stored) => decode(&stored.bytes)?.recorded_at < instant,
                None => false,
            };
            if is_before { before = middle } else { after = middle }
        }
        Ok(before)
    }

    async fn try_on(&self, account: &Name, ask: &IncidentAsk) -> Result<Part, EngineError> {
        if self.is_known(account, IndexKey::of_key(account, ask.act.operation(), &ask.key.text)).await? {
            return Ok(Part::Before);
        }
        if let Some(new) = ask.act.free_grant()
            && self.catalog().abuse.mode(Rule::Identity) == Mode::Enforce
        {
            self.may_claim_all(account, &ask.key, new).await?;
        }
        self.view(account, |ctx| Ok(Part::Done(ask.check(ctx)?))).await
    }

    async fn act_on(
        &self,
        account: &Name,
        ask: &IncidentAsk,
        actor: Option<&Name>,
    ) -> Result<Part, EngineError> {
        let caller = Caller { actor, ..Caller::default() };
        if !self.is_known(account, IndexKey::of_key(account, ask.act.operation(), &ask.key.text)).await? {
            self.view(account, |ctx| Ok(ask.check(ctx).map(drop)?)).await?;
        }
        let acted = self.run(account, Some(&ask.key), caller, &ask.act).await?;
        let Effect::Recorded(record) = acted.effect else { return Ok(Part::Before) };
        if ask.redeems {
            let (reset, reason) = (Some(record.seq), Some(ask.cause.clone()));
            let redeem = Command::Redeem { reset, path: Path::default(), reason };
            match self.run(account, Some(&ask.key), caller, &redeem).await {
                // Another was first, or the windows have closed since: it stays banked.
                Err(EngineError::Refused(_)) => {}
                redeemed => drop(redeemed?),
            }
        }
        Ok(if acted.replayed { Part::Before } else { Part::Done(record.opens) })
    }
}

impl IncidentDone {
    /// Adds an account's part, or why it has none.
    fn add(&mut self, account: Name, part: Result<Part, EngineError>) -> Result<(), EngineError> {
        match part {
            Ok(Part::Before) => self.before += 1,
            Ok(Part::Done(opens)) => {
                self.done.push(account);
                if let Some(grant) = opens {
                    *self.granted.entry(grant.unit).or_default() += i128::from(grant.amount.nano());
                }
            }
            Err(why @ (EngineError::Refused(_) | EngineError::KeyReused(..) | EngineError::Frozen(..))) => {
                self.skipped.push((account, why))
            }
            Err(e) => return Err(e),
        }
        Ok(())
    }
}
