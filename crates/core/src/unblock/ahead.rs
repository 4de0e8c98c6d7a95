//! A state as it will be, if nobody does anything.

use crate::account::Account;
use crate::life;
use crate::record::Instant;
use crate::waterfall::{Context, Live};

/// Most things that fall due on the way.
const DUE_MAX: usize = 1_000;

/// An account at a later instant. It is copied only when something falls due before.
pub(super) struct Ahead<'a> {
    from: Context<'a>,
    own: Option<Account>,
    pub(super) now: Instant,
    /// Holds have ended on the way.
    pub(super) rests_on_holds: bool,
}

impl<'a> Ahead<'a> {
    pub(super) fn new(from: Context<'a>) -> Self {
        Self { from, own: None, now: from.now, rests_on_holds: false }
    }

    pub(super) fn account(&self) -> &Account {
        self.own.as_ref().unwrap_or(self.from.account)
    }

    /// What a decision at that instant sees. Nobody knows what room there will be, so that is not asked.
    pub(super) fn ctx(&self) -> Context<'_> {
        let account = self.account();
        let penalty = self.from.live.unwrap_or_default().penalty;
        let live = Some(Live { offers: &[], penalty });
        Context { account, catalog: self.from.catalog, now: account.tick(self.now), live }
    }

    /// Goes on to a later instant, through everything that falls due until then; `None` when that is too much.
    pub(super) fn live_to(&mut self, at: Instant) -> Option<()> {
        self.now = at;
        if self.account().wakes_at > at {
            return Some(());
        }
        let mut account = self.account().clone();
        account.settle_wake();
        for _ in 0..DUE_MAX {
            if account.wakes_at > at {
                self.own = Some(account);
                return Some(());
            }
            let ctx = Context::new(&account, self.from.catalog, account.tick(account.wakes_at));
            let Some(draft) = life::next(ctx) else {
                // Nothing that a decision looks at.
                account.wakes_at = Instant::NEVER;
                continue;
            };
            self.rests_on_holds |= draft.event.ends().is_some();
            let record = draft.into_record(&account, ctx.now, None, None);
            account.apply(&record, [0; 32]).ok()?;
            account.settle_wake();
        }
        None
    }
}
