//! The consequences of a decision: its record is appended, a denial is remembered, or unrecorded use is counted.

use headworks_core::catalog::Catalog;
use headworks_core::command::{Command, Step};
use headworks_core::record::{Denial, Instant, Key, Name, Record, Rule};
use headworks_core::waterfall::Refusal;

use crate::answer::{Caller, Effect, EngineError};
use crate::cache::{Pending, Slot};
use crate::callers::note_refusal;
use crate::denials::EXPLAINED_MAX;
use crate::engine::Engine;
use crate::states::record;

/// One command under way.
pub(crate) struct Ask<'a> {
    pub(crate) account: &'a Name,
    pub(crate) key: Option<Key>,
    pub(crate) caller: Caller<'a>,
    pub(crate) command: &'a Command,
}

impl Engine {
    /// Executes a step: appends its record, remembers its denial, or counts unrecorded use.
    pub(crate) fn take(
        &self,
        pending: &mut Pending,
        slot: &mut Slot,
        catalog: &Catalog,
        ask: &Ask<'_>,
        now: Instant,
        step: Step,
    ) -> Result<(Effect, bool), EngineError> {
        match step {
            Step::Append(draft) => {
                if !draft.fits(&slot.account) {
                    return Err(Refusal::BooksFull(draft.unit.clone()).into());
                }
                forgive(slot, ask.command)?;
                let actor = ask.caller.actor.cloned();
                let record = record(*draft, &slot.account, catalog, now, (ask.key.clone(), actor));
                self.count(&record);
                self.append(pending, slot, &record)?;
                self.live(pending, slot, catalog)?;
                Ok((Effect::Recorded(Box::new(record)), true))
            }
            Step::Deny(usage, decision) => {
                self.stats().decided(decision.outcome, decision.reason);
                let denial = Denial { at: now, usage, decision };
                note_refusal(&mut slot.callers, catalog, &denial);
                self.live(pending, slot, catalog)?;
                let Slot { denials, account, .. } = slot;
                let log = denials.get_or_insert_default();
                let is_kept = log.push(ask.key.clone(), denial.clone(), account, catalog);
                if log.unwritten.as_ref().is_some_and(|d| d.recent.len() >= EXPLAINED_MAX) {
                    self.write_denials_of(pending, slot)?;
                } else {
                    self.timers.note_denial(ask.account);
                }
                Ok((Effect::Denied(Box::new(denial)), is_kept))
            }
            Step::Count(usage, decision) => {
                self.stats().decided(decision.outcome, decision.reason);
                slot.account.count_volatile(&usage, &decision, now);
                Ok((Effect::Unrecorded(Box::new((now, usage, decision))), true))
            }
            Step::Needs(_) => unreachable!("what a command needs has been looked up"),
        }
    }

    /// Counts a record's decision, and the part that no source paid.
    fn count(&self, record: &Record) {
        if let Some(decision) = record.event.decision() {
            self.stats().decided(decision.outcome, decision.reason);
            self.stats().observe(decision);
        }
        if let Some(excess) = record.charge().and_then(|c| c.excess.as_ref()) {
            let unpaid = excess.refunded.nano().saturating_add(excess.owed.nano());
            if unpaid > 0 {
                self.stats().overshot(unpaid);
            }
        }
    }
}

/// The penalty box is in no record: lifting it forgets the score.
fn forgive(slot: &mut Slot, command: &Command) -> Result<(), Refusal> {
    let Command::Lift { rule: Rule::Penalty, key, .. } = command else { return Ok(()) };
    let forgiven = slot.callers.as_mut().is_some_and(|callers| callers.forgive(key.as_ref()));
    forgiven.then_some(()).ok_or(Refusal::NoEffect(Rule::Penalty))
}
