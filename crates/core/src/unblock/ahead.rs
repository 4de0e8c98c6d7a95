//! A state as it will be, if nobody does anything.

use crate::account::Account;
use crate::life;
use crate::record::{Event, Instant};
use crate::waterfall::{Context, Live};

/// Most things that fall due on the whole way: what a denial costs is bounded.
const DUE_MAX: usize = 1_000;

/// An account at a later instant. It is copied only when something falls due before.
pub(super) struct Ahead<'a> {
    from: Context<'a>,
    own: Option<Account>,
    pub(super) now: Instant,
    /// Holds have ended on the way.
    pub(super) rests_on_holds: bool,
    /// How many more things may fall due.
    left: usize,
}

impl<'a> Ahead<'a> {
    pub(super) fn new(from: Context<'a>) -> Self {
        Self { from, own: None, now: from.now, rests_on_holds: false, left: DUE_MAX }
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
        let mut account = self.own.take().unwrap_or_else(|| self.from.account.clone());
        let mut met = 0;
        let see = |event: &Event| {
            met += 1;
            self.rests_on_holds |= event.ends().is_some();
        };
        let is_there = life::look_ahead(&mut account, self.from.catalog, at, self.left, see).ok()?;
        self.left = self.left.saturating_sub(met);
        self.own = Some(account);
        is_there.then_some(())
    }
}
