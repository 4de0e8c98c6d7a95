//! The engine's operations: each finds what it needs, lets the core decide, and stores the record.

use std::sync::Arc;

use headworks_core::account::Settings;
use headworks_core::amount::Credits;
use headworks_core::catalog::{Catalog, Format, Problems};
use headworks_core::decision::Decision;
use headworks_core::ledger::{
    ApiKey, Denial, Event, GrantId, HoldId, IndexKey, Once, Operation, Record, SYSTEM, Seq, Use,
};
use headworks_core::name::{Label, Name};
use headworks_core::operation::{self, Authorize, Context, Decided, Extend, NewGrant, Quantities, Request};
use headworks_core::replay::{History, closed_grants};
use headworks_core::statement::Statement;
use headworks_core::time::Instant;
use headworks_store::{Store, Stored};

use crate::answer::{Answer, Effect, EngineError, Idempotency};
use crate::engine::{Engine, Found, Look, Step, decode};
use crate::keyring::Keyring;

/// Who asks, and under which key.
type Keyed<'a> = (&'a Idempotency, Option<&'a Name>);
fn step(decided: Decided, ctx: Context<'_>) -> Step {
    match decided {
        Decided::Granted(draft) => Step::Append(draft),
        Decided::Counted(usage, decision) => Step::Count(Box::new((usage, decision))),
        Decided::Denied(usage, decision) => Step::Deny(Box::new(Denial { at: ctx.now, usage, decision })),
    }
}

fn opened(look: &Look<'_>) -> Result<(), EngineError> {
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
    ) -> Result<Answer, EngineError> {
        self.mutate(account, Operation::Authorize, Some(keyed.0), keyed.1, |look| {
            opened(&look)?;
            Ok(step(operation::authorize(look.ctx, ask)?, look.ctx))
        })
        .await
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
        self.view(account, |ctx| {
            let (usage, decision) = operation::decide(ctx, ask)?;
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
            Ok(step(operation::extend(look.ctx, ask)?, look.ctx))
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
            if !matches!(end.event, Event::Expired(_, None)) {
                return Err(EngineError::ended(hold, &end));
            }
            match look.find(IndexKey::of_once(account, Once::SettlesLate(hold)))? {
                Found::InFlight(ticket) => Ok(Step::Await(ticket)),
                Found::Stored(late) => Err(EngineError::ended(hold, &late)),
                Found::Nowhere => {
                    let opened = self.record_of(account, hold.0)?;
                    let Event::Authorized(usage, _, terms) = &opened.event else {
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

    /// Charges use that has happened.
    ///
    /// # Errors
    /// When the request names what is unknown, or the store fails.
    pub async fn record(
        &self,
        account: &Name,
        keyed: Keyed<'_>,
        request: &Request,
    ) -> Result<Answer, EngineError> {
        self.mutate(account, Operation::Record, Some(keyed.0), keyed.1, |look| {
            opened(&look)?;
            Ok(step(operation::record(look.ctx, request)?, look.ctx))
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

    fn record_of(&self, account: &Name, seq: Seq) -> Result<Record, EngineError> {
        let found = self.store.read(account, seq, 1)?;
        let stored = found.first().filter(|r| r.seq == seq).ok_or(EngineError::UnknownRecord(seq))?;
        decode(&stored.bytes)
    }

    /// The stored records of an account, from number `from` on.
    ///
    /// # Errors
    /// When there is no such account, or the store fails.
    pub async fn records(&self, account: &Name, from: Seq, max: usize) -> Result<Vec<Stored>, EngineError> {
        self.view(account, |_| Ok(())).await?;
        Ok(self.store.read(account, from, max)?)
    }

    /// What moved an account's balance in a period; `None` when that is more than `max` entries.
    ///
    /// # Errors
    /// When there is no such account, or the store fails.
    pub async fn statement(
        &self,
        account: &Name,
        from: Instant,
        to: Instant,
        max: usize,
    ) -> Result<Option<Statement>, EngineError> {
        self.view(account, |_| Ok(())).await?;
        let mut statement = Statement::new(from, to);
        loop {
            let page = self.store.read(account, statement.seq + 1, 1_000)?;
            for stored in &page {
                if !statement.take(&decode(&stored.bytes)?, stored.hash) {
                    return Ok(Some(statement));
                }
            }
            if statement.entries.len() > max {
                return Ok(None);
            }
            if page.is_empty() {
                return Ok(Some(statement));
            }
            // A long log must not keep others waiting.
            tokio::task::yield_now().await;
        }
    }

    /// The record with this number.
    ///
    /// # Errors
    /// When there is no such account or record, or the store fails.
    pub async fn record_at(&self, account: &Name, seq: Seq) -> Result<Record, EngineError> {
        self.view(account, |_| Ok(())).await?;
        self.record_of(account, seq)
    }

    /// A denial by the instant it was decided at: still in memory, or in the record that keeps it.
    ///
    /// # Errors
    /// When there is no such account, the denial is not kept any more, or the store fails.
    pub async fn denial_at(&self, account: &Name, at: Instant) -> Result<Denial, EngineError> {
        self.view(account, |_| Ok(())).await?;
        let remembered = {
            let shard = self.cache.lock(account);
            let denials = shard.slots.get(account).and_then(|slot| slot.denials.as_ref());
            denials.and_then(|log| log.recent.iter().find(|r| r.denial.at == at).map(|r| r.denial.clone()))
        };
        if let Some(denial) = remembered {
            return Ok(denial);
        }
        let unknown = || EngineError::UnknownRecord(u64::try_from(at.micros()).unwrap_or(0));
        let stored = self.store.find(IndexKey::of_once(account, Once::Explains(at)))?.ok_or_else(unknown)?;
        let record = decode(&stored.bytes)?;
        let Event::Denied(denials) = record.event else {
            return Err(unknown());
        };
        denials.recent.into_iter().find(|d| d.at == at).ok_or_else(unknown)
    }

    /// At most `max` accounts by name, after `after`; the server's own log is left out.
    ///
    /// # Errors
    /// When the store fails.
    pub fn accounts(&self, after: Option<&Name>, max: usize) -> Result<Vec<Name>, EngineError> {
        let mut names = self.store.accounts(after, max.saturating_add(1))?;
        names.retain(|name| name.as_str() != SYSTEM);
        names.truncate(max);
        Ok(names)
    }

    /// Puts a catalog in force, whole or not at all, and records it.
    ///
    /// # Errors
    /// The inner error lists the problems of the text; the outer one says that the store failed.
    pub async fn put_catalog(
        &self,
        text: &str,
        keyed: Keyed<'_>,
    ) -> Result<Result<(Arc<Catalog>, Answer), Problems>, EngineError> {
        let catalog = match Catalog::parse(text, Format::of(text)) {
            Ok(catalog) => Arc::new(catalog),
            Err(problems) => return Ok(Err(problems)),
        };
        let _one_at_a_time = self.administration.lock().await;
        let event = Event::CatalogLoaded(catalog.version.clone(), text.to_owned());
        let answer = self.administer(event, keyed).await?;
        if !answer.replayed {
            self.catalog.store(Arc::clone(&catalog));
        }
        Ok(Ok((catalog, answer)))
    }

    /// Stores an API key.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn create_key(&self, key: ApiKey, keyed: Keyed<'_>) -> Result<Answer, EngineError> {
        let _one_at_a_time = self.administration.lock().await;
        let answer = self.administer(Event::KeyCreated(key), keyed).await?;
        self.take_into_keyring(&answer);
        Ok(answer)
    }

    /// Revokes an API key at once.
    ///
    /// # Errors
    /// When there is no such key, or the store fails.
    pub async fn revoke_key(&self, id: &Name, keyed: Keyed<'_>) -> Result<Answer, EngineError> {
        let _one_at_a_time = self.administration.lock().await;
        if self.keyring.load().get(id.as_str()).is_none() {
            return Err(EngineError::UnknownKey(id.clone()));
        }
        let answer = self.administer(Event::KeyRevoked(id.clone()), keyed).await?;
        self.take_into_keyring(&answer);
        Ok(answer)
    }

    fn take_into_keyring(&self, answer: &Answer) {
        if let (Effect::Recorded(record), false) = (&answer.effect, answer.replayed) {
            let mut keyring = Keyring::clone(&self.keyring.load());
            keyring.apply(&record.event);
            self.keyring.store(Arc::new(keyring));
        }
    }

    async fn administer(&self, event: Event, keyed: Keyed<'_>) -> Result<Answer, EngineError> {
        let system = system_account();
        self.mutate(&system, Operation::Administer, Some(keyed.0), keyed.1, |_| {
            Ok(Step::Append(Box::new(operation::Draft::administrative(event.clone()))))
        })
        .await
    }
}

/// An account's log as an operation on it sees it.
struct Logged<'a> {
    engine: &'a Engine,
    look: &'a Look<'a>,
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

fn system_account() -> Name {
    Name::new(SYSTEM).unwrap_or_else(|_| unreachable!("`{SYSTEM}` is a name"))
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

/// What the server's own log says.
#[derive(Default)]
pub(crate) struct System {
    pub(crate) catalog: Option<Catalog>,
    pub(crate) keyring: Keyring,
}

pub(crate) fn read_system(store: &dyn Store) -> Result<System, EngineError> {
    let account = system_account();
    let mut system = System::default();
    let mut text = None;
    let mut from = 1;
    loop {
        let records = store.read(&account, from, 1_000)?;
        let Some(last) = records.last() else { break };
        from = last.seq + 1;
        for stored in &records {
            let record = decode(&stored.bytes)?;
            system.keyring.apply(&record.event);
            if let Event::CatalogLoaded(_, loaded) = record.event {
                text = Some(loaded);
            }
        }
    }
    if let Some(text) = text {
        let catalog = Catalog::parse(&text, Format::of(&text)).map_err(|problems| {
            EngineError::Store(headworks_store::StoreError::Index(format!(
                "the stored catalog is not accepted: {problems}"
            )))
        })?;
        system.catalog = Some(catalog);
    }
    Ok(system)
}
