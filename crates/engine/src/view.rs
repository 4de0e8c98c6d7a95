//! Reading states: as of now, and as of a later instant.

use headworks_core::account::FoldError;
use headworks_core::life;
use headworks_core::record::{Decision, Instant, Name, Use};
use headworks_core::unblock;
use headworks_core::waterfall::{Authorize, Context, Live, prepare};

use headworks_store::LogEnd;

use crate::answer::EngineError;
use crate::cache::Moment;
use crate::callers::{Callers, level};
use crate::commit::{Committed, Watch};
use crate::engine::Engine;
use crate::fetch::{Fetch, Fetched};
use crate::shared::end_of;

/// The most ends and boundaries that a look ahead passes.
const STEPS_AHEAD_MAX: usize = 10_000;

/// A state as seen by a reader.
struct Seen<T> {
    value: Result<T, EngineError>,
    /// Watches the batch that it depends on.
    watch: Watch,
    /// The end of the log that it depends on; `None` if that was the end at some moment since the request began.
    end: Option<LogEnd>,
}

impl Engine {
    /// Reads the present state, and waits until everything that it depends on is stored.
    ///
    /// # Errors
    /// When there is no such account, or the store fails.
    pub async fn view<T>(
        &self,
        account: &Name,
        read: impl Fn(Context<'_>) -> Result<T, EngineError>,
    ) -> Result<T, EngineError> {
        self.view_at(account, Instant::default(), read).await
    }

    /// Reads the state at an instant if nobody requests anything until then: holds that have expired, grants that
    /// have begun or ended. A past instant counts as now.
    ///
    /// # Errors
    /// When there is no such account, or the store fails.
    pub async fn view_at<T>(
        &self,
        account: &Name,
        at: Instant,
        read: impl Fn(Context<'_>) -> Result<T, EngineError>,
    ) -> Result<T, EngineError> {
        self.view_stored(account, at, |ctx, _| read(ctx)).await
    }

    /// As [`Self::view`], with the memory of the account's callers.
    pub(crate) async fn view_with_callers<T>(
        &self,
        account: &Name,
        read: impl Fn(Context<'_>, Option<&Callers>) -> Result<T, EngineError>,
    ) -> Result<T, EngineError> {
        self.view_stored(account, Instant::default(), read).await
    }

    /// Decides without any effect.
    ///
    /// # Errors
    /// When the request names something unknown, or the store fails.
    pub async fn check(
        &self,
        account: &Name,
        ask: &Authorize,
    ) -> Result<(Instant, Use, Decision), EngineError> {
        if let Some(jump) = self.clock().jump() {
            return Err(EngineError::ClockJumped(jump));
        }
        self.view_with_callers(account, |ctx, callers| {
            let prepared = prepare(ctx, ask)?;
            let (offers, penalty) = match prepared.wanted(ctx) {
                Some(wanted) => {
                    (self.in_force.supplies.look(ctx, &wanted), level(callers, ctx, &wanted.path))
                }
                None => (Vec::new(), 0),
            };
            let live = Some(Live { offers: &offers, penalty });
            let ctx = Context { live, ..ctx };
            let (usage, mut decision) = prepared.decide(ctx)?;
            prepared.add_observed(ctx, &mut decision);
            unblock::tell_of(ctx, ask, &mut decision);
            Ok((ctx.now, usage.to_use(), decision))
        })
        .await
    }

    async fn view_stored<T>(
        &self,
        account: &Name,
        at: Instant,
        read: impl Fn(Context<'_>, Option<&Callers>) -> Result<T, EngineError>,
    ) -> Result<T, EngineError> {
        let (mut fetched, began) = (Fetched::default(), self.cache.moment());
        loop {
            let Seen { value, watch, end } =
                match self.view_once((account, began), at, &read, &mut fetched)? {
                    Ok(seen) => seen,
                    Err(what) => {
                        self.fetch(account, what, &mut fetched).await?;
                        if !std::mem::take(&mut fetched.is_unknown) {
                            continue;
                        }
                        return Err(EngineError::unknown_account(account));
                    }
                };
            match watch.wait().await {
                Committed::Durable => {}
                Committed::Conflict => continue,
                Committed::Stopped => return Err(EngineError::Stopped),
            }
            match end {
                Some(end) if !self.is_fresh(account, end).await? => {}
                Some(_) | None => return value,
            }
        }
    }

    /// Reads a state in memory, or returns what must be read from the store first.
    fn view_once<T>(
        &self,
        (account, began): (&Name, Moment),
        at: Instant,
        read: &impl Fn(Context<'_>, Option<&Callers>) -> Result<T, EngineError>,
        fetched: &mut Fetched,
    ) -> Result<Result<Seen<T>, Fetch>, EngineError> {
        self.damaged.check(account)?;
        let catalog = self.in_force.catalog.load();
        let mut shard = self.cache.lock(account);
        let Some((_, slot)) = shard.live(account) else { return Ok(Err(Fetch::State)) };
        if self.is_behind(slot, &catalog) {
            return fetched.may_follow().map(|()| Err(Fetch::System));
        }
        slot.check_frozen()?;
        slot.used = true;
        let until = self.clock().now().max(at);
        let watch = self.commits.watch(slot.ticket, account);
        let end = (!slot.is_read_since(began)).then(|| end_of(&slot.account));
        let now = slot.account.tick(until);
        if slot.account.wakes_at > now {
            let ctx = Context::new(&slot.account, &catalog, now);
            return Ok(Ok(Seen { value: read(ctx, slot.callers.as_deref()), watch, end }));
        }
        let (mut ahead, callers) = (slot.account.clone(), slot.callers.clone());
        drop(shard);
        let broken = |e: FoldError| EngineError::Frozen(account.clone(), e.to_string());
        if !life::look_ahead(&mut ahead, &catalog, until, STEPS_AHEAD_MAX, |_| ()).map_err(broken)? {
            return Err(EngineError::TooFarAhead(ahead.wakes_at));
        }
        let ctx = Context::new(&ahead, &catalog, ahead.tick(until));
        Ok(Ok(Seen { value: read(ctx, callers.as_deref()), watch, end }))
    }
}
