//! No answer is given before the records that it depends on are stored; and prices that are looked up again.

use std::task::{self, Poll, Waker};

use headworks_core::record::{Instant, Name, Record, Seq};
use headworks_core::waterfall::Context;
use headworks_engine::{EngineError, Reprice};
use headworks_store::{Store, wait};

use super::waiting::poll_until;
use super::{Broken, World};
use crate::catalog::ACCOUNTS;
use crate::op::name;

impl World {
    /// The last stored record of an account.
    fn stored(&mut self, account: &Name) -> Result<Seq, Broken> {
        let known = self.stored.get(account).copied().unwrap_or(0);
        let more =
            wait(self.store.read(account, known + 1, usize::MAX)).map_err(|e| Broken(e.to_string()))?;
        let end = more.last().map_or(known, |r| r.seq);
        self.stored.insert(account.clone(), end);
        Ok(end)
    }

    /// Notes a denial that depends on every record decided before an instant.
    pub(super) fn rests(&mut self, account: &Name, at: Instant) -> Result<(), Broken> {
        let end = self.stored(account)?;
        // Engines that do not know each other assign their own instants.
        if !self.is_shared() {
            self.rested.push((account.clone(), at, end));
        }
        Ok(())
    }

    /// Records stored since then are not older than the answers given before them.
    pub(super) fn check_rested(&mut self) -> Result<(), Broken> {
        self.stored.clear();
        for (account, at, end) in std::mem::take(&mut self.rested) {
            let next = wait(self.store.read(&account, end + 1, 1)).map_err(|e| Broken(e.to_string()))?;
            let early =
                next.first().and_then(|r| Record::recorded_at(&r.bytes)).filter(|stored| *stored < at);
            if early.is_some() {
                return Err(Broken(format!(
                    "{account} was denied at {at} before record {} was stored",
                    end + 1
                )));
            }
        }
        Ok(())
    }

    /// Looks at an account. The state shown must be stored.
    pub(super) fn look(&mut self) -> Result<(), Broken> {
        let account = name(self.random.pick(&ACCOUNTS).copied().unwrap_or("zero"));
        let engine = std::sync::Arc::clone(&self.engine);
        // A look ahead shows a state that is not stored; it has no chain.
        let shown = |ctx: Context<'_>| Ok((ctx.account.chain != [0; 32]).then_some(ctx.account.seq));
        let before = self.stored(&account)?;
        let mut asked = Box::pin(engine.view(&account, shown));
        match asked.as_mut().poll(&mut task::Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(Some(seq))) => {
                drop(asked);
                self.coverage.fault("looked at");
                let end = self.stored(&account)?;
                let early = format!("{account} is shown as of record {seq}, stored are {end}");
                let late = format!("{account} is shown as of record {seq}, stored were {before}");
                if seq > end {
                    Err(Broken(early))
                } else if seq < before {
                    Err(Broken(late))
                } else {
                    Ok(())
                }
            }
            Poll::Ready(_) => Ok(()),
            Poll::Pending => {
                self.coverage.fault("look that waits");
                Ok(())
            }
        }
    }

    /// Prices the charges of a period again; afterwards no charge is left to price.
    pub(super) fn reprice(&mut self) -> Result<(), Broken> {
        let ask = Reprice {
            from: Instant::default(),
            to: Instant::NEVER,
            features: Vec::new(),
            accounts: Vec::new(),
            apply: true,
            after: None,
            records_max: u64::MAX,
            reason: None,
        };
        self.say(|| "everything is priced again".into());
        let engine = std::sync::Arc::clone(&self.engine);
        // A catalog under way comes into force meanwhile.
        let before = engine.catalog().version.clone();
        let done = poll_until(&engine, engine.reprice(&ask, None));
        if let Some(Ok(done)) = done {
            let changed: u64 = done.accounts.values().map(|d| d.changed).sum();
            self.coverage.fault(if changed > 0 { "priced again" } else { "nothing to price again" });
            let again = Reprice { apply: false, ..ask };
            let again = poll_until(&engine, engine.reprice(&again, None));
            if let Some(Ok(again)) = again
                && again.accounts.values().any(|d| d.changed > 0)
                && engine.catalog().version == before
            {
                return Err(Broken(format!("priced again twice: {:?}", again.accounts)));
            }
        } else if let Some(Err(e)) = done
            && matches!(e, EngineError::Store(_))
        {
            return Err(Broken(e.to_string()));
        }
        self.poll()?;
        self.restart_if_stopped()
    }
}
