//! Commands on a copy of an account: what they would do now, one after the other.
//!
//! Nothing is written. Y1 a command has the effect that it would have if it were run (`a_run_does_what_was_shown`).

use headworks_core::account::Account;
use headworks_core::catalog::Catalog;
use headworks_core::command::{self, Command, Draft, History, Need, Step};
use headworks_core::life;
use headworks_core::record::{IndexKey, Instant, Name, Record, Seq};
use headworks_core::waterfall::{Context, Refusal};

use crate::answer::EngineError;
use crate::engine::Engine;
use crate::states::decode;

/// An account as it would be after the commands so far.
pub(crate) struct Rehearsal {
    account: Account,
    /// The end of the log that was copied.
    pub(crate) end: Seq,
    /// What has happened by itself since.
    pub(crate) lived: Vec<Record>,
}

impl Rehearsal {
    /// Processes everything due, as the engine does before and after each command.
    fn live(&mut self, catalog: &Catalog, now: Instant) -> Result<(), EngineError> {
        while let Some(draft) = life::next(Context::new(&self.account, catalog, self.account.tick(now))) {
            let record = self.append(draft, now)?;
            self.lived.push(record);
        }
        self.account.settle_wake();
        Ok(())
    }

    fn append(&mut self, draft: Draft, now: Instant) -> Result<Record, EngineError> {
        let record = draft.into_record(&self.account, self.account.tick(now), None, None);
        // The copy has no chain.
        let applied = self.account.apply(&record, [0; 32]);
        applied.map_err(|e| EngineError::Frozen(self.account.id.clone(), e.to_string()))?;
        Ok(record)
    }
}

impl Engine {
    /// A copy of an account as it is stored, in which everything due has happened.
    pub(crate) async fn rehearsal(&self, account: &Name) -> Result<Rehearsal, EngineError> {
        let state = self.stored_state(account).await;
        let state = state.map_err(|e| self.damaged.unreadable(account, e))?;
        let mut copy = Rehearsal { end: state.seq, account: state, lived: Vec::new() };
        copy.live(&self.catalog(), self.clock().now())?;
        Ok(copy)
    }

    /// Runs a command on the copy: the record that it would write. It is not looked up by later commands.
    pub(crate) async fn rehearse(
        &self,
        copy: &mut Rehearsal,
        command: &Command,
    ) -> Result<Record, EngineError> {
        self.check_clock(command)?;
        let (catalog, now) = (self.catalog(), self.clock().now());
        copy.live(&catalog, now)?;
        let mut history = History::new();
        let draft = loop {
            let ctx = Context::new(&copy.account, &catalog, copy.account.tick(now));
            match command::run(ctx, command, &history)? {
                Step::Needs(Need::Record(seq)) => {
                    let lived = copy.lived.iter().find(|record| record.seq == seq).cloned();
                    let stored = seq <= copy.end && lived.is_none();
                    let stored = if stored { self.record_of(&copy.account.id, seq).await? } else { None };
                    history.add_record(seq, lived.or(stored));
                }
                Step::Needs(Need::Once(once)) => {
                    let stored = self.store.find(IndexKey::of_once(&copy.account.id, once)).await?;
                    let stored = stored.filter(|stored| stored.seq <= copy.end);
                    history.add_once(once, stored.map(|stored| decode(&stored.bytes)).transpose()?);
                }
                Step::Append(draft) => break draft,
                Step::Needs(Need::Live(_)) | Step::Count(..) | Step::Deny(..) => {
                    unreachable!("only requests are decided, and they have a check of their own")
                }
            }
        };
        if !draft.fits(&copy.account) {
            return Err(Refusal::BooksFull(draft.unit.clone()).into());
        }
        let record = copy.append(*draft, now)?;
        copy.live(&catalog, now)?;
        Ok(record)
    }
}
