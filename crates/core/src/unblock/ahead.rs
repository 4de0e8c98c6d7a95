//! The future state of an account, if nobody does anything.

use crate::account::Account;
use crate::life;
use crate::record::{Event, Instant};
use crate::waterfall::{Context, Live};

/// The most due events on the whole way, so that the cost of a denial is bounded.
const DUE_MAX: usize = 1_000;

/// An account at a later instant. It is copied only if something falls due before.
pub(super) struct Ahead<'a> {
    from: Context<'a>,
    own: Option<Account>,
    pub(super) now: Instant,
    /// Holds have ended on the way.
    pub(super) rests_on_holds: bool,
    /// How many more due events are allowed.
    left: usize,
}

impl<'a> Ahead<'a> {
    pub(super) fn new(from: Context<'a>) -> Self {
        Self { from, own: None, now: from.now, rests_on_holds: false, left: DUE_MAX }
    }

    pub(super) fn account(&self) -> &Account {
        self.own.as_ref().unwrap_or(self.from.account)
    }

    /// The context of a decision at that instant. The room in supplies is not known then, so it is not asked for.
    pub(super) fn ctx(&self) -> Context<'_> {
        let account = self.account();
        let penalty = self.from.live.unwrap_or_default().penalty;
        let live = Some(Live { offers: &[], penalty });
        Context { account, catalog: self.from.catalog, now: account.tick(self.now), live }
    }

    /// Goes on to a later instant, through all due events until then; `None` if there are too many.
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
