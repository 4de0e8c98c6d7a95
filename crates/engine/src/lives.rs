//! The life of accounts in memory: due events and their consequences are written as they happen.

use headworks_core::catalog::Catalog;
use headworks_core::life;
use headworks_core::record::{AbuseEvent, Event, Instant, Name};
use headworks_core::waterfall::Context;

use crate::answer::EngineError;
use crate::cache::{Pending, Slot};
use crate::callers;
use crate::engine::Engine;
use crate::states::record;

impl Engine {
    /// Processes everything due before anything else is decided.
    pub(crate) fn live_if_due(
        &self,
        pending: &mut Pending,
        slot: &mut Slot,
        catalog: &Catalog,
    ) -> Result<(), EngineError> {
        // The account's own time may be ahead of the clock: anything that is over for the next record is over now.
        if slot.account.wakes_at <= slot.next_tick(self.clock().now()) {
            self.live(pending, slot, catalog)?;
        }
        Ok(())
    }

    /// Processes everything due for an account in memory. Returns whether it did: it is stored once a view shows it.
    pub(crate) fn live_now(&self, account: &Name) -> Result<bool, EngineError> {
        let catalog = self.catalog();
        let mut shard = self.cache.lock(account);
        let Some((pending, slot)) = shard.live(account) else { return Ok(false) };
        slot.check_frozen()?;
        let before = slot.account.seq;
        let lived = self.live_if_due(pending, slot, &catalog);
        self.register(slot);
        lived.map(|()| slot.account.seq > before)
    }

    /// Writes everything due, in the order of [`life::next`], then the consequences that only the engine can see.
    pub(crate) fn live(
        &self,
        pending: &mut Pending,
        slot: &mut Slot,
        catalog: &Catalog,
    ) -> Result<(), EngineError> {
        if !slot.account.is_open() {
            return Ok(());
        }
        loop {
            let now = slot.next_tick(self.clock().now());
            let ctx = Context::new(&slot.account, catalog, now);
            let Some(draft) = life::next(ctx).or_else(|| callers::due(&mut slot.callers, ctx)) else {
                break;
            };
            slot.last_at = now;
            let record = record(draft, &slot.account, catalog, now, (None, None));
            if let Event::Abuse(abuse) = &record.event
                && let AbuseEvent::Began(effect) = &**abuse
            {
                self.stats().effect(effect.rule);
            }
            self.append(pending, slot, &record)?;
        }
        if slot.account.wakes_at <= slot.next_tick(self.clock().now()) {
            slot.account.settle_wake();
            slot.wakes_at = Instant::NEVER;
        }
        Ok(())
    }
}
