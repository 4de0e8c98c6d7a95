//! Reading stored records: logs, statements, denials, accounts.

use headworks_core::audit::statement::{About, Ask, Statement};
use headworks_core::record::{
    Credits, Denial, Event, IndexKey, Instant, Name, Once, Record, Seq, is_internal, last_internal,
};
use headworks_core::waterfall::Refusal;
use headworks_store::{Cursor, Fed, Stored};

use crate::answer::EngineError;
use crate::engine::Engine;
use crate::states::decode;

impl Engine {
    /// Accounts in memory, and how many may be.
    #[must_use]
    pub fn accounts_held(&self) -> (usize, usize) {
        self.cache.held()
    }

    /// Holds so many accounts in memory from now on, within [`crate::Limits::accounts_max`]. Those beyond leave once a checkpoint
    /// includes them.
    pub fn hold_accounts(&self, most: usize) {
        self.cache.hold(most, self.clock().now(), || self.commits.durable());
        if self.cache.held().0 > most {
            self.timers.request_checkpoint();
        }
    }

    /// The stored records of an account, from number `from` on.
    ///
    /// # Errors
    /// When there is no such account, or the store fails.
    pub async fn records(&self, account: &Name, from: Seq, max: usize) -> Result<Vec<Stored>, EngineError> {
        self.view(account, |_| Ok(())).await?;
        Ok(self.store.read(account, from, max).await?)
    }

    /// The movements of an account's balance in a period.
    ///
    /// # Errors
    /// When there is no such account, or the store fails.
    pub async fn statement(&self, account: &Name, ask: Ask) -> Result<Statement, EngineError> {
        self.view(account, |_| Ok(())).await?;
        let mut statement = Statement::new(ask);
        while headworks_audit::read_on(&*self.store, account, &mut statement).await? {
            // Reading a long log must not keep other callers waiting.
            tokio::task::yield_now().await;
        }
        Ok(statement.finished())
    }

    /// The balance as of two instants: events up to `effective`, as known at
    /// `recorded`. Free and held credits, less debt.
    ///
    /// # Errors
    /// When there is no such account, or the store fails.
    pub async fn balance_as_of(
        &self,
        account: &Name,
        effective: Instant,
        recorded: Instant,
        unit: Option<&Name>,
    ) -> Result<Credits, EngineError> {
        self.view(account, |_| Ok(())).await?;
        let ask = Ask::recorded(Instant::NEVER, Instant::NEVER, unit.cloned());
        let mut statement = Statement::new(ask);
        let mut next = 1;
        loop {
            let page = self.store.read(account, next, 1_000).await?;
            let Some(last) = page.last() else { return Ok(statement.closing) };
            next = last.seq + 1;
            for stored in &page {
                let record = decode(&stored.bytes)?;
                if record.recorded_at <= recorded && record.effective_at <= effective {
                    statement.take(&record, stored.hash, About::default());
                }
            }
            tokio::task::yield_now().await;
        }
    }

    /// The record with this number.
    ///
    /// # Errors
    /// When there is no such account or record, or the store fails.
    pub async fn record_at(&self, account: &Name, seq: Seq) -> Result<Record, EngineError> {
        self.view(account, |_| Ok(())).await?;
        self.stored_record(account, seq).await
    }

    /// A denial by the instant of its decision: still in memory, or in the record that keeps it.
    ///
    /// # Errors
    /// When there is no such account, the denial is no longer kept, or the store fails.
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
        let unknown = || EngineError::from(Refusal::UnknownRecord(u64::try_from(at.micros()).unwrap_or(0)));
        let stored =
            self.store.find(IndexKey::of_once(account, Once::Explains(at))).await?.ok_or_else(unknown)?;
        let record = decode(&stored.bytes)?;
        let Event::Denied(denials) = record.event else {
            return Err(unknown());
        };
        denials.recent.into_iter().find(|d| d.at == at).ok_or_else(unknown)
    }

    /// A stored record, without waiting for records that are being stored.
    ///
    /// # Errors
    /// When there is no such record, or the store fails.
    pub async fn stored_record(&self, account: &Name, seq: Seq) -> Result<Record, EngineError> {
        Ok(self.record_of(account, seq).await?.ok_or(Refusal::UnknownRecord(seq))?)
    }

    /// The next records in the feed; `None` if there are none yet.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn feed(&self, from: &Cursor) -> Result<Option<Fed>, EngineError> {
        Ok(self.store.feed(from).await?)
    }

    /// A cursor after everything stored.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn feed_end(&self) -> Result<Cursor, EngineError> {
        Ok(self.store.feed_end().await?)
    }

    /// At most `max` accounts after `after`, in order of name, without the server's own logs.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn accounts(&self, after: Option<&Name>, max: usize) -> Result<Vec<Name>, EngineError> {
        let (mut names, mut after) = (Vec::new(), after.cloned());
        // Every identity has its own log: they are skipped at once, and accounts follow them.
        while names.len() < max {
            let page = self.store.accounts(after.as_ref(), max.saturating_add(1)).await?;
            let Some(last) = page.last() else { break };
            after = Some(if is_internal(last) { last_internal() } else { last.clone() });
            names.extend(page.into_iter().filter(|name| !is_internal(name)));
        }
        names.truncate(max);
        Ok(names)
    }
}
