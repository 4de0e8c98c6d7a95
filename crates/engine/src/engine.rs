//! The engine itself: finding states, deciding on them, handing records to the commit loop.
//!
//! P1 records of one account enter the queue in the order they were decided in (both happen under the shard's lock).
//! P2 a key has one effect (`one_effect_per_key`). P3 an answer waits for every record its state rests on.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use headworks_core::account::Account;
use headworks_core::audit::replay::decision_of;
use headworks_core::catalog::{Catalog, WAIT_MAX};
use headworks_core::operation::{Context, Draft, ask_top_up, charge_of, cross, next_end};
use headworks_core::record::{Denial, IndexKey, Instant, Key, Name, Operation, Record, Span, Webhook};
use headworks_store::{Batch, Store};

use crate::administration::InForce;
use crate::answer::{Answer, Effect, EngineError, Idempotency};
use crate::cache::{Cache, Pending, Shard, Slot};
use crate::callers::{self, Callers};
use crate::capacity::{Pools, Seats};
use crate::clock::Clock;
use crate::commit::{self, Commits, Committed, Ticket, Watch};
use crate::keyring::Keyring;
use crate::maintenance::Timers;
use crate::reconciler::Reconciler;
use crate::stats::Stats;

/// How long the key of a denial is remembered.
const DENIAL_REMEMBERED: Span = Span::from_secs(30);

/// Most ends and boundaries that a look ahead goes through.
const STEPS_AHEAD_MAX: usize = 10_000;

/// Bounds of the engine.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most accounts in memory.
    pub accounts_max: usize,
    /// Most requests waiting for one write.
    pub waiting_max: usize,
    /// Longest a request waits for capacity.
    pub wait_max: Span,
}

impl Default for Limits {
    fn default() -> Self {
        Self { accounts_max: 1_000_000, waiting_max: 65_536, wait_max: WAIT_MAX }
    }
}

/// The access engine.
pub struct Engine {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) cache: Arc<Cache>,
    pub(crate) commits: Arc<Commits>,
    pub(crate) timers: Timers,
    pub(crate) in_force: Arc<InForce>,
    pub(crate) reconciler: Arc<Reconciler>,
    clock: Arc<Clock>,
    stats: Arc<Stats>,
    /// Whose turn it is to claim a free grant.
    pub(crate) claims: tokio::sync::Mutex<()>,
    threads: Mutex<Vec<std::thread::JoinHandle<()>>>,
    /// Longest a request waits for capacity.
    pub(crate) wait_max: Span,
    /// Whether there are no threads, and whoever steps it writes.
    pub(crate) is_standing: bool,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").finish_non_exhaustive()
    }
}

/// What an operation made of the state.
pub(crate) enum Step {
    /// Append this.
    Append(Box<Draft>),
    /// Nothing changes; remember the denial.
    Deny(Box<Denial>),
    /// Nothing changes, and nothing is remembered: the caller waits and asks again.
    Postpone(Box<Denial>),
    /// Nothing is recorded, but volatile windows count.
    Count(Box<(headworks_core::record::Use, headworks_core::record::Decision)>),
    /// The answer depends on a record that is being stored: wait and look again.
    Await(Ticket),
}

/// What an operation sees, under the shard's lock.
pub(crate) struct Look<'a> {
    pub(crate) ctx: Context<'a>,
    pub(crate) engine: &'a Engine,
    pub(crate) pending: &'a Pending,
    pub(crate) seats: &'a mut Seats,
    pub(crate) callers: &'a mut Option<Box<Callers>>,
}

/// Where a record that happens at most once is.
pub(crate) enum Found {
    Nowhere,
    InFlight(Ticket),
    Stored(Box<Record>),
}

impl Look<'_> {
    pub(crate) fn find(&self, key: IndexKey) -> Result<Found, EngineError> {
        self.engine.find(self.pending, key)
    }
}

enum Next {
    Done(Answer, Ticket),
    Retry(Ticket),
}

impl Engine {
    /// Starts the engine on a store.
    ///
    /// `initial` is in force when the store has no catalog yet.
    ///
    /// # Errors
    /// When the store cannot be read or holds a catalog that this release does not accept.
    pub fn start(
        store: Arc<dyn Store>,
        initial: Catalog,
        clock: Arc<Clock>,
        limits: Limits,
    ) -> Result<Arc<Self>, EngineError> {
        let engine = Self::build(store, initial, clock, limits, false)?;
        engine.spawn()?;
        Ok(engine)
    }

    /// An engine without threads: a simulation does each step itself, with [`Self::commit_once`] and [`Self::maintain_once`].
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn standing(
        store: Arc<dyn Store>,
        initial: Catalog,
        clock: Arc<Clock>,
        limits: Limits,
    ) -> Result<Arc<Self>, EngineError> {
        Self::build(store, initial, clock, limits, true)
    }

    fn build(
        store: Arc<dyn Store>,
        initial: Catalog,
        clock: Arc<Clock>,
        limits: Limits,
        is_standing: bool,
    ) -> Result<Arc<Self>, EngineError> {
        let system = crate::administration::read_system(&*store)?;
        Ok(Arc::new(Self {
            cache: Arc::new(Cache::new(limits.accounts_max)),
            commits: Arc::new(Commits::new(limits.waiting_max)),
            timers: Timers::default(),
            in_force: Arc::new(system.in_force(initial)),
            reconciler: Arc::default(),
            clock,
            stats: Arc::default(),
            claims: tokio::sync::Mutex::default(),
            threads: Mutex::default(),
            wait_max: limits.wait_max,
            is_standing,
            store,
        }))
    }

    /// Writes what waits as one batch; `false` when nothing does.
    pub fn commit_once(&self) -> bool {
        let after =
            |batch: &Batch, conflicts: &[Name]| after_write(&self.cache, &self.in_force, batch, conflicts);
        self.commits.run_once(&*self.store, &self.stats, after)
    }

    fn spawn(self: &Arc<Self>) -> Result<(), EngineError> {
        let (cache, in_force) = (Arc::clone(&self.cache), Arc::clone(&self.in_force));
        let commit = commit::spawn(
            Arc::clone(&self.commits),
            Arc::clone(&self.store),
            Arc::clone(&self.stats),
            move |batch: &Batch, conflicts: &[Name]| after_write(&cache, &in_force, batch, conflicts),
        );
        let maintenance = crate::maintenance::spawn(Arc::downgrade(self));
        let allocator = crate::maintenance::spawn_allocator(Arc::downgrade(self));
        let reconciling = crate::reconciler::spawn(Arc::downgrade(self), Arc::clone(&self.reconciler));
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        for thread in [commit, maintenance, allocator, reconciling] {
            threads.push(thread.map_err(|source| {
                EngineError::Store(headworks_store::StoreError::Io {
                    doing: "starting",
                    path: "thread".into(),
                    source,
                })
            })?);
        }
        drop(threads);
        Ok(())
    }

    /// The catalog in force.
    #[must_use]
    pub fn catalog(&self) -> Arc<Catalog> {
        self.in_force.catalog.load_full()
    }

    /// The API keys in force.
    #[must_use]
    pub fn keyring(&self) -> Arc<Keyring> {
        self.in_force.keyring.load_full()
    }

    /// The webhooks in force, by name.
    #[must_use]
    pub fn webhooks(&self) -> Arc<BTreeMap<Name, Webhook>> {
        self.in_force.webhooks.load_full()
    }

    pub(crate) fn shared_clock(&self) -> Arc<Clock> {
        Arc::clone(&self.clock)
    }

    /// The engine's clock.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// What the engine has done.
    #[must_use]
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// How many accounts are in memory.
    #[must_use]
    pub fn cached_accounts(&self) -> usize {
        self.cache.shards().map(|shard| shard.slots.len()).sum()
    }

    /// Why the engine has stopped, if it has.
    #[must_use]
    pub fn stopped(&self) -> Option<String> {
        self.commits.stopped()
    }

    /// Writes what waits and a last checkpoint, then stops. Requests after it hear [`EngineError::Stopped`].
    pub fn close(&self) {
        if self.commits.stopped().is_none() && self.timers.is_adopted() {
            self.write_denials();
            self.checkpoint();
        }
        self.commits.close();
        self.timers.close();
        self.reconciler.close();
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        for thread in threads {
            if thread.thread().id() != std::thread::current().id() && thread.join().is_err() {
                tracing::error!("a thread of the engine panicked");
            }
        }
    }

    /// Runs one operation on an account until it is stored.
    pub(crate) async fn mutate(
        &self,
        account: &Name,
        operation: Operation,
        key: Option<&Idempotency>,
        actor: Option<&Name>,
        decide: impl Fn(Look<'_>) -> Result<Step, EngineError>,
    ) -> Result<Answer, EngineError> {
        let key = key.map(|k| Key { operation, text: k.text.clone(), digest: k.digest });
        loop {
            let (answer, watch) = self.attempt(account, key.as_ref(), actor, &decide)?;
            match watch.wait().await {
                Committed::Durable => {
                    if let Some(answer) = answer {
                        return Ok(answer);
                    }
                }
                // Another writer was first: the state has been dropped, decide again on the new one.
                Committed::Conflict => {}
                Committed::Stopped => return Err(EngineError::Stopped),
            }
        }
    }

    fn attempt(
        &self,
        account: &Name,
        key: Option<&Key>,
        actor: Option<&Name>,
        decide: &impl Fn(Look<'_>) -> Result<Step, EngineError>,
    ) -> Result<(Option<Answer>, Watch), EngineError> {
        if self.commits.is_full() {
            self.stats.overloads.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            return Err(EngineError::Overloaded);
        }
        let catalog = self.in_force.catalog.load();
        let mut shard = self.cache.lock(account);
        self.load(&mut shard, account)?;
        let Shard { slots, pending } = &mut *shard;
        let slot = slots.get_mut(account).ok_or_else(|| EngineError::UnknownAccount(account.clone()))?;
        let next = self.attempt_on(pending, slot, &catalog, key, actor, decide);
        self.register(slot);
        if !slot.account.is_open() {
            slots.remove(account);
        }
        Ok(match next? {
            Next::Done(answer, ticket) => (Some(answer), self.commits.watch(ticket, account)),
            Next::Retry(ticket) => (None, self.commits.watch(ticket, account)),
        })
    }

    fn attempt_on(
        &self,
        pending: &mut Pending,
        slot: &mut Slot,
        catalog: &Catalog,
        key: Option<&Key>,
        actor: Option<&Name>,
        decide: &impl Fn(Look<'_>) -> Result<Step, EngineError>,
    ) -> Result<Next, EngineError> {
        slot.used = true;
        let account = slot.account.id.clone();
        if let Some(key) = key
            && let Some(next) = self.replay(pending, slot, key)?
        {
            return Ok(next);
        }
        let clock = self.clock.now();
        self.expire_due(pending, slot, catalog, clock)?;
        let now = slot.tick(clock);
        let Slot { account: state, seats, callers, .. } = slot;
        let ctx = Context::new(state, catalog, now);
        let step = decide(Look { ctx, engine: self, pending, seats, callers })?;
        let answer = |effect| Answer { account: account.clone(), effect, replayed: false };
        match step {
            Step::Append(draft) if !draft.fits(&slot.account) => {
                Err(headworks_core::operation::Refusal::TooLarge.into())
            }
            Step::Append(draft) => {
                let record = draft.into_record(&slot.account, now, key.cloned(), actor.cloned());
                self.count_decision(&record);
                let ticket = self.append(pending, slot, &record)?;
                self.alert(pending, slot)?;
                self.begin_effects(pending, slot, catalog)?;
                Ok(Next::Done(answer(Effect::Recorded(Box::new(record))), ticket))
            }
            Step::Deny(denial) => {
                self.stats.decided(denial.decision.outcome, denial.decision.reason);
                callers::note_refusal(&mut slot.callers, catalog, &denial);
                self.begin_effects(pending, slot, catalog)?;
                slot.denials.get_or_insert_default().push(key.cloned(), (*denial).clone());
                self.timers.note_denial(&account);
                Ok(Next::Done(answer(Effect::Denied(denial)), slot.ticket))
            }
            Step::Postpone(denial) => Ok(Next::Done(answer(Effect::Denied(denial)), slot.ticket)),
            Step::Count(counted) => {
                let (usage, decision) = *counted;
                self.stats.decided(decision.outcome, decision.reason);
                slot.account.count_volatile(&usage, &decision, now);
                Ok(Next::Done(answer(Effect::Unrecorded(Box::new((now, usage, decision)))), slot.ticket))
            }
            Step::Await(ticket) => Ok(Next::Retry(ticket)),
        }
    }

    fn count_decision(&self, record: &Record) {
        use headworks_core::record::Event;
        if let Event::Authorized { decision, .. }
        | Event::Extended { decision, .. }
        | Event::Charged { decision, .. } = &record.event
        {
            self.stats.decided(decision.outcome, decision.reason);
        }
        if let Some(decision) = decision_of(&record.event) {
            self.stats.observe(decision);
        }
        if let Some(excess) = charge_of(record).and_then(|c| c.excess.as_ref()) {
            let unpaid = excess.refunded.nano().saturating_add(excess.owed.nano());
            if unpaid > 0 {
                self.stats.overshot(unpaid);
            }
        }
    }

    /// The first answer to a key, if there is one.
    fn replay(&self, pending: &Pending, slot: &Slot, key: &Key) -> Result<Option<Next>, EngineError> {
        let account = &slot.account.id;
        let same = |digest: &[u8; 16]| {
            if *digest == key.digest {
                Ok(())
            } else {
                Err(EngineError::KeyReused(key.operation, key.text.clone()))
            }
        };
        let done =
            |effect, ticket| Next::Done(Answer { account: account.clone(), effect, replayed: true }, ticket);
        match self.find(pending, IndexKey::of_key(account, key.operation, &key.text))? {
            Found::InFlight(_) => {
                return Err(EngineError::KeyInProgress(key.operation, key.text.clone()));
            }
            Found::Stored(record) => {
                same(&record.key.as_ref().map_or([0; 16], |k| k.digest))?;
                self.stats.replays.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                return Ok(Some(done(Effect::Recorded(record), 0)));
            }
            Found::Nowhere => {}
        }
        let Some(denials) = &slot.denials else {
            return Ok(None);
        };
        let since = self.clock.now().before(DENIAL_REMEMBERED);
        let remembered = denials.recent.iter().rev().filter(|r| r.denial.at >= since);
        let known = |k: &Key| k.operation == key.operation && k.text == key.text;
        let Some(found) = remembered.into_iter().find(|r| r.key.as_ref().is_some_and(known)) else {
            return Ok(None);
        };
        same(&found.key.as_ref().map_or([0; 16], |k| k.digest))?;
        self.stats.replays.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Ok(Some(done(Effect::Denied(Box::new(found.denial.clone())), slot.ticket)))
    }

    pub(crate) fn find(&self, pending: &Pending, key: IndexKey) -> Result<Found, EngineError> {
        // What is stored has left `pending` only after the store could find it.
        if let Some(ticket) = pending.get(key, self.commits.durable()) {
            return Ok(Found::InFlight(ticket));
        }
        match self.store.find(key)? {
            None => Ok(Found::Nowhere),
            Some(stored) => Ok(Found::Stored(Box::new(decode(&stored.bytes)?))),
        }
    }

    /// Brings an account into memory; leaves an empty slot for one that has no log.
    pub(crate) fn load(&self, shard: &mut Shard, account: &Name) -> Result<(), EngineError> {
        if shard.slots.contains_key(account) {
            return Ok(());
        }
        if !shard.make_room(self.cache.shard_max, self.clock.now(), || self.commits.durable()) {
            self.timers.request_checkpoint();
            // Slots that wait for a checkpoint may take the cache to twice its size, no further.
            if shard.slots.len() >= self.cache.shard_max * 2 {
                return Err(EngineError::Overloaded);
            }
        }
        let mut slot = Slot::new(match self.store.load(account)? {
            None => Account::empty(account.clone()),
            Some(loaded) => {
                let mut state = match &loaded.checkpoint {
                    Some((_, bytes)) => {
                        Account::from_bytes(bytes).map_err(|e| damaged(account, &e.to_string()))?
                    }
                    None => Account::empty(account.clone()),
                };
                for record in &loaded.records {
                    let hash =
                        state.apply_bytes(&record.bytes).map_err(|e| damaged(account, &e.to_string()))?;
                    if hash != record.hash {
                        return Err(damaged(account, &format!("the chain breaks at record {}", record.seq)));
                    }
                }
                state
            }
        });
        slot.dirty = false;
        self.in_force.pools.restore(&slot.account, &mut slot.seats);
        self.register(&mut slot);
        shard.slots.insert(account.clone(), slot);
        Ok(())
    }

    /// Tells the sweeper when to look at the account.
    pub(crate) fn register(&self, slot: &mut Slot) {
        if slot.account.wakes_at < slot.wakes_at {
            slot.wakes_at = slot.account.wakes_at;
            self.timers.wake(slot.wakes_at, &slot.account.id);
        }
    }

    /// Ends what has passed its deadline, before anything else is decided.
    pub(crate) fn expire_due(
        &self,
        pending: &mut Pending,
        slot: &mut Slot,
        catalog: &Catalog,
        clock: Instant,
    ) -> Result<(), EngineError> {
        // The account's own time may be ahead of the clock: everything is over that is over for the next record.
        while slot.account.wakes_at <= slot.next_tick(clock) {
            let now = slot.next_tick(clock);
            match next_end(Context::new(&slot.account, catalog, now), now)? {
                Some(draft) => {
                    slot.last_at = now;
                    let record = draft.into_record(&slot.account, now, None, None);
                    self.append(pending, slot, &record)?;
                }
                None => {
                    slot.account.settle_wake();
                    slot.wakes_at = Instant::NEVER;
                    self.alert(pending, slot)?;
                    self.begin_effects(pending, slot, catalog)?;
                }
            }
        }
        Ok(())
    }

    /// Writes the marks that the balance has crossed, and asks for a top-up that is due.
    pub(crate) fn alert(&self, pending: &mut Pending, slot: &mut Slot) -> Result<(), EngineError> {
        while slot.account.settings.alerts.is_some() {
            let now = slot.tick(self.clock.now());
            let due = cross(&slot.account, now).or_else(|| ask_top_up(&slot.account, now));
            let Some(draft) = due else { break };
            let record = draft.into_record(&slot.account, now, None, None);
            self.append(pending, slot, &record)?;
        }
        Ok(())
    }

    /// Writes effects of abuse rules that are due.
    fn begin_effects(
        &self,
        pending: &mut Pending,
        slot: &mut Slot,
        catalog: &Catalog,
    ) -> Result<(), EngineError> {
        if catalog.abuse.are_off() {
            return Ok(());
        }
        loop {
            let now = slot.next_tick(self.clock.now());
            let ctx = Context::new(&slot.account, catalog, now);
            let Some(draft) = callers::due(&mut slot.callers, ctx) else { return Ok(()) };
            slot.last_at = now;
            let record = draft.into_record(&slot.account, now, None, None);
            self.count_conduct(&record.event);
            self.append(pending, slot, &record)?;
        }
    }

    pub(crate) fn append(
        &self,
        pending: &mut Pending,
        slot: &mut Slot,
        record: &Record,
    ) -> Result<Ticket, EngineError> {
        let account = &mut slot.account;
        let ending = Pools::ending(account, record);
        let mut keys = None;
        let ticket = self.commits.add(|batch| {
            let hash = batch.push(account, record);
            keys = batch.entries().last().map(|entry| entry.keys.clone());
            account.apply(record, hash).map_err(|e| format!("account {}: {e}", account.id))
        });
        let Some(ticket) = ticket else {
            if let Some(why) = self.commits.stopped() {
                tracing::error!(why, "the engine has stopped");
            }
            return Err(EngineError::Stopped);
        };
        if let Some(ending) = &ending {
            Pools::end(&slot.seats, ending, self.clock.now());
        }
        Pools::changed(&slot.account, &slot.seats, record);
        slot.ticket = ticket;
        slot.dirty = true;
        pending.note(&keys.unwrap_or_default(), ticket, || self.commits.durable());
        Ok(ticket)
    }

    /// Reads the state as it counts now, and waits until everything it rests on is stored.
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

    /// As [`Self::view`], with what is remembered of the account's callers.
    pub(crate) async fn view_with_callers<T>(
        &self,
        account: &Name,
        read: impl Fn(Context<'_>, Option<&Callers>) -> Result<T, EngineError>,
    ) -> Result<T, EngineError> {
        self.view_stored(account, Instant::default(), read).await
    }

    /// Reads the state as it will count at an instant when nobody asks for anything until then: holds that have expired,
    /// grants that have begun or ended. An instant that has passed is now.
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

    async fn view_stored<T>(
        &self,
        account: &Name,
        at: Instant,
        read: impl Fn(Context<'_>, Option<&Callers>) -> Result<T, EngineError>,
    ) -> Result<T, EngineError> {
        loop {
            let (value, watch) = self.view_once(account, at, &read)?;
            match watch.wait().await {
                Committed::Durable => return Ok(value),
                Committed::Conflict => {}
                Committed::Stopped => return Err(EngineError::Stopped),
            }
        }
    }

    fn view_once<T>(
        &self,
        account: &Name,
        at: Instant,
        read: &impl Fn(Context<'_>, Option<&Callers>) -> Result<T, EngineError>,
    ) -> Result<(T, Watch), EngineError> {
        let catalog = self.in_force.catalog.load();
        let mut shard = self.cache.lock(account);
        self.load(&mut shard, account)?;
        let slot =
            shard.slots.get_mut(account).ok_or_else(|| EngineError::UnknownAccount(account.clone()))?;
        if !slot.account.is_open() {
            shard.slots.remove(account);
            return Err(EngineError::UnknownAccount(account.clone()));
        }
        slot.used = true;
        let until = self.clock.now().max(at);
        let watch = self.commits.watch(slot.ticket, account);
        let now = slot.account.tick(until);
        if slot.account.wakes_at > now {
            let ctx = Context::new(&slot.account, &catalog, now);
            return Ok((read(ctx, slot.callers.as_deref())?, watch));
        }
        // What will have passed its deadline counts as ended, each at its own instant; the sweeper writes it when it does.
        let mut ahead = slot.account.clone();
        let callers = slot.callers.clone();
        drop(shard);
        ahead.settle_wake();
        let mut steps = 0;
        while ahead.wakes_at <= ahead.tick(until) {
            steps += 1;
            if steps > STEPS_AHEAD_MAX {
                return Err(EngineError::TooFarAhead(ahead.wakes_at));
            }
            let end = ahead.wakes_at;
            let ctx = Context::new(&ahead, &catalog, ahead.tick(end));
            let Some(draft) = next_end(ctx, ctx.now)? else {
                break;
            };
            let record = draft.into_record(&ahead, ctx.now, None, None);
            ahead.apply(&record, [0; 32]).map_err(|e| damaged(account, &e.to_string()))?;
            ahead.settle_wake();
        }
        let now = ahead.tick(until);
        let ctx = Context::new(&ahead, &catalog, now);
        Ok((read(ctx, callers.as_deref())?, watch))
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.commits.close();
        self.timers.close();
        self.reconciler.close();
    }
}

/// What must have happened before anybody hears that a batch is stored.
fn after_write(cache: &Cache, in_force: &InForce, batch: &Batch, conflicts: &[Name]) {
    // States that lost to another writer go, so that nothing more is decided on them. What has been rests on a hash that the
    // store does not have, and conflicts in its turn.
    for name in conflicts {
        if let Some(slot) = cache.lock(name).slots.remove(name) {
            Pools::forget(&slot.account, &slot.seats);
        }
    }
    in_force.take_in(batch, conflicts);
}

pub(crate) fn decode(bytes: &[u8]) -> Result<Record, EngineError> {
    Record::from_bytes(bytes)
        .map_err(|e| EngineError::Store(headworks_store::StoreError::Unreadable(e.to_string())))
}

fn damaged(account: &Name, what: &str) -> EngineError {
    EngineError::Store(headworks_store::StoreError::Unreadable(format!("account {account}: {what}")))
}
