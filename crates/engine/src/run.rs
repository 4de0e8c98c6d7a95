//! Running commands: read the data they need, let the core answer, store the record.

use headworks_core::abuse::penalty::Misdeed;
use headworks_core::account::Account;
use headworks_core::catalog::Catalog;
use headworks_core::command::{self, Command, History, Need, Step};
use headworks_core::record::{IndexKey, Instant, Key, Level, Name, Outcome, Rule, Span};
use headworks_core::unblock;
use headworks_core::waterfall::{Context, Live, Purpose, Refusal, Wanted};
use headworks_store::LogEnd;

use tokio::sync::watch;

use crate::answer::{Answer, Caller, Effect, EngineError, Idempotency};
use crate::cache::{Moment, Pending, Slot};
use crate::callers::{note_repeat, note_request};
use crate::capacity::{RequestRoom, Taken, Wish};
use crate::commit::{Committed, Ticket, Watch};
use crate::engine::Engine;
use crate::fetch::{Fetch, Fetched};
use crate::keys::{First, Lookup, WaitingKey};
use crate::shared::end_of;
use crate::steps::Ask;

/// The state that a request keeps from one attempt to the next.
#[derive(Default)]
struct Turn<'a> {
    /// The room that it waited for.
    room: Option<Taken>,
    /// Whether it has waited; a caller waits once.
    has_waited: bool,
    /// Its key; other requests with the key wait for it while it waits.
    key: Option<WaitingKey<'a>>,
    /// The data read for it.
    fetched: Fetched,
    /// When it began.
    began: Moment,
    /// How often another writer was first.
    lost: u32,
}

/// The outcome of an attempt, once the batch that it depends on is stored.
enum Next<'a> {
    /// The answer.
    Answer(Answer),
    /// There is no room, and the request may wait; other requests with its key wait with it.
    Wait(Wish, Option<WaitingKey<'a>>),
    /// The same request is already waiting; its answer serves this one too.
    Join(watch::Receiver<()>),
    /// It depends on a record that was being stored, or another writer was first: decide again on the present state.
    Again,
    /// Something must be read first.
    Fetch(Fetch),
}

/// A request that loses so often to other writers is refused; nothing of it was written.
const LOST_MAX: u32 = 100;

/// An attempt at a command.
struct Attempt<'a> {
    /// The outcome, or the reason why there is no answer; both depend on the account's state.
    next: Result<Next<'a>, EngineError>,
    /// Watches the batch that it depends on.
    watch: Watch,
    /// The end of the log that it depends on; `None` if that was the end at some moment since the request began.
    end: Option<LogEnd>,
}

impl Attempt<'_> {
    fn first_read(what: Fetch) -> Self {
        Self { next: Ok(Next::Fetch(what)), watch: Watch::Over(Committed::Durable), end: None }
    }
}

/// The data looked up for a command.
#[expect(
    clippy::large_enum_variant,
    reason = "it is moved once; a box would be an allocation for each request"
)]
enum Looked {
    Step(Step, Option<Wish>),
    InFlight(Ticket),
    Fetch(Fetch),
}

impl Engine {
    /// Runs a command on an account until its effect is stored. A key has one effect; repeats get the first answer.
    ///
    /// # Errors
    /// When the command is refused, or the store fails. A denial is an answer.
    pub async fn run(
        &self,
        account: &Name,
        key: Option<&Idempotency>,
        caller: Caller<'_>,
        command: &Command,
    ) -> Result<Answer, EngineError> {
        if let (Some(new), Some(key)) = (command.free_grant(), key) {
            self.claim(account, key, new).await?;
        }
        if let (Command::Adjust(ask), Some(key)) = (command, key)
            && ask.by.is_positive()
        {
            self.claim_raise(account, key, ask).await?;
        }
        self.run_plain(account, key, caller, command).await
    }

    /// Runs a command without a claim on an identity.
    pub(crate) async fn run_plain(
        &self,
        account: &Name,
        key: Option<&Idempotency>,
        caller: Caller<'_>,
        command: &Command,
    ) -> Result<Answer, EngineError> {
        self.check_clock(command)?;
        let key = key.map(|k| Key { operation: command.operation(), text: k.text.clone(), digest: k.digest });
        let ask = Ask { account, key, caller, command };
        let began = self.clock().now();
        let mut turn = Turn { began: self.cache.moment(), ..Turn::default() };
        loop {
            let answered = self.stored(&ask, &mut turn).await;
            if let (Err(EngineError::KeyReused(..)), Command::Authorize(asked)) = (&answered, command) {
                self.note_misdeed(account, asked.request.path.at(Level::Key), Misdeed::KeyConflict);
            }
            match answered? {
                Next::Answer(answer) => return Ok(answer),
                Next::Wait(wish, key) => {
                    // It then gets the answer of that moment.
                    (turn.has_waited, turn.key) = (true, key);
                    let joined = self.clock().now().since(began).micros();
                    let left = Span::from_micros(self.wait_max.micros().saturating_sub(joined));
                    let most = caller.max_wait.unwrap_or(wish.wait_max()).min(left);
                    turn.room = self.wait_for_room(&wish, most).await;
                }
                // The channel carries no value; it only closes. Joined requests wait no longer than others may.
                Next::Join(mut ends) => drop(ends.changed().await),
                Next::Again => {}
                Next::Fetch(what) => self.fetch(account, what, &mut turn.fetched).await?,
            }
        }
    }

    /// The server's own records decide nothing and do not depend on time.
    pub(crate) fn check_clock(&self, command: &Command) -> Result<(), EngineError> {
        let jump = if matches!(command, Command::Administer(_)) { None } else { self.clock().jump() };
        jump.map_or(Ok(()), |jump| Err(EngineError::ClockJumped(jump)))
    }

    /// Waits for room, for at most `most` by the clock; a test clock may stand
    /// still, so there the machine's time counts too.
    async fn wait_for_room(&self, wish: &Wish, most: Span) -> Option<Taken> {
        let waiting = wish.wait(self.clock().now(), most);
        if !self.clock().is_test() {
            return waiting.await;
        }
        let most = std::time::Duration::from_micros(most.micros());
        tokio::time::timeout(most, waiting).await.unwrap_or(None)
    }

    /// Attempts a command, and waits until everything that the answer depends on is stored.
    async fn stored<'a>(&'a self, ask: &Ask<'a>, turn: &mut Turn<'a>) -> Result<Next<'a>, EngineError> {
        let Attempt { next, watch, end } = self.attempt(ask, turn)?;
        match watch.wait().await {
            Committed::Durable => {}
            // The state of the decision is stale.
            Committed::Conflict => {
                turn.lost += 1;
                return if turn.lost < LOST_MAX { Ok(Next::Again) } else { Err(EngineError::Overloaded) };
            }
            Committed::Stopped => return Err(EngineError::Stopped),
        }
        // A stored record speaks for itself: storing it proves that the state matched the log.
        let rests_on_state = match &next {
            Ok(Next::Answer(answer)) => !matches!(answer.effect, Effect::Recorded(_)),
            Ok(Next::Wait(..) | Next::Join(_) | Next::Again | Next::Fetch(_)) => false,
            Err(_) => true,
        };
        if let Some(end) = end.filter(|_| rests_on_state)
            && !self.is_fresh(ask.account, end).await?
        {
            return Ok(Next::Again);
        }
        next
    }

    /// Decides on the states in memory.
    ///
    /// # Errors
    /// When the error does not depend on the account's state; all other outcomes are in the attempt.
    fn attempt<'a>(&'a self, ask: &Ask<'a>, turn: &mut Turn<'a>) -> Result<Attempt<'a>, EngineError> {
        if self.commits.is_full() {
            self.stats().overloads.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            return Err(EngineError::Overloaded);
        }
        self.damaged.check(ask.account)?;
        let catalog = self.in_force.catalog.load();
        let mut shard = self.cache.lock(ask.account);
        let is_unknown = std::mem::take(&mut turn.fetched.is_unknown);
        if is_unknown && !shard.slots.contains_key(ask.account) {
            shard.insert(Account::empty(ask.account.clone()), 0);
        }
        let Some((pending, slot)) = shard.live(ask.account) else {
            return Ok(Attempt::first_read(Fetch::State));
        };
        if self.is_behind(slot, &catalog) {
            return turn.fetched.may_follow().map(|()| Attempt::first_read(Fetch::System));
        }
        let attempted = self.attempt_on(pending, slot, &catalog, ask, turn);
        self.register(slot);
        let (next, ticket) = match attempted {
            Ok((next, ticket)) => (Ok(next), ticket),
            Err(e) => (Err(e), slot.ticket),
        };
        let watch = self.commits.watch(ticket, ask.account);
        let end = (!slot.is_read_since(turn.began)).then(|| end_of(&slot.account));
        if !slot.account.is_open() {
            shard.slots.remove(ask.account);
        }
        Ok(Attempt { next, watch, end })
    }

    fn attempt_on<'a>(
        &'a self,
        pending: &mut Pending,
        slot: &mut Slot,
        catalog: &Catalog,
        ask: &Ask<'a>,
        turn: &mut Turn<'a>,
    ) -> Result<(Next<'a>, Ticket), EngineError> {
        slot.check_frozen()?;
        slot.used = true;
        if let Some(key) = &ask.key {
            // While a request waits here, no other request with its key gets to
            // an answer; but on another engine it may.
            let joins = turn.key.is_none();
            match self.first_answer(pending, slot, catalog, (key, ask.command, joins), &turn.fetched)? {
                First::Unread(fetch) => return Ok((Next::Fetch(fetch), 0)),
                First::Answer(answer, ticket) => {
                    if let Effect::Denied(denial) = &answer.effect
                        && catalog.abuse.is_on(Rule::Penalty)
                    {
                        note_repeat(&mut slot.callers, denial, self.clock().now());
                    }
                    return Ok((Next::Answer(*answer), ticket));
                }
                First::Stores(ticket) => return Ok((Next::Again, ticket)),
                First::Waits(ends) => return Ok((Next::Join(ends), slot.ticket)),
                First::Nothing => {}
            }
        }
        if let Some(after) = ask.caller.after.filter(|after| slot.account.seq != *after) {
            return Err(EngineError::NotAfter(after));
        }
        self.live_if_due(pending, slot, catalog)?;
        let now = slot.tick(self.clock().now());
        let (step, wish) = match self.look(pending, slot, catalog, ask, now, turn) {
            Ok(Looked::InFlight(ticket)) => return Ok((Next::Again, ticket)),
            Ok(Looked::Fetch(what)) => return Ok((Next::Fetch(what), 0)),
            Ok(Looked::Step(step, wish)) => (step, wish),
            Err(EngineError::Refused(refusal @ Refusal::HoldEnded { by, .. })) => {
                return match turn.fetched.record(by) {
                    None => Ok((Next::Fetch(Fetch::Record(by)), 0)),
                    Some(None) if slot.ticket > self.commits.durable() => {
                        turn.fetched.forget_record(by);
                        Ok((Next::Again, slot.ticket))
                    }
                    Some(by) => {
                        let same = self.same_end(ask.account, ask.command, by).ok_or(refusal)?;
                        Ok((Next::Answer(same), slot.ticket))
                    }
                };
            }
            Err(e) => return Err(e),
        };
        let no_room = !turn.has_waited && step.decision().is_some_and(|d| d.outcome == Outcome::Wait);
        let patient = |wish: &Wish| ask.caller.max_wait.unwrap_or(wish.wait_max()) > Span::ZERO;
        if let Some(wish) = wish.filter(|wish| no_room && patient(wish)) {
            let key = ask.key.as_ref().map(|key| WaitingKey::begin(self, pending, ask.account, key));
            return Ok((Next::Wait(wish, key), slot.ticket));
        }
        let (effect, is_kept) = self.take(pending, slot, catalog, ask, now, step)?;
        let answer = Answer { account: ask.account.clone(), effect, replayed: false, is_kept };
        Ok((Next::Answer(answer), slot.ticket))
    }

    /// Looks up the data that a command turns out to need, until the core has an answer.
    fn look(
        &self,
        pending: &Pending,
        slot: &mut Slot,
        catalog: &Catalog,
        ask: &Ask<'_>,
        now: Instant,
        turn: &mut Turn<'_>,
    ) -> Result<Looked, EngineError> {
        let mut history = History::new();
        let mut found: Option<(RequestRoom, u8)> = None;
        loop {
            let live = found.as_ref().map(|(room, penalty)| Live { offers: &room.offers, penalty: *penalty });
            let ctx = Context { live, ..Context::new(&slot.account, catalog, now) };
            match command::run(ctx, ask.command, &history)? {
                Step::Needs(Need::Record(seq)) => match turn.fetched.record(seq) {
                    _ if seq > slot.account.seq => history.add_record(seq, None),
                    None => return Ok(Looked::Fetch(Fetch::Record(seq))),
                    // It is on its way into the store.
                    Some(None) if slot.ticket > self.commits.durable() => {
                        turn.fetched.forget_record(seq);
                        return Ok(Looked::InFlight(slot.ticket));
                    }
                    Some(record) => history.add_record(seq, record.cloned()),
                },
                Step::Needs(Need::Once(once)) => {
                    match self.find(pending, slot, IndexKey::of_once(ask.account, once), &turn.fetched) {
                        Lookup::InFlight(ticket) => return Ok(Looked::InFlight(ticket)),
                        Lookup::Unread(fetch) => return Ok(Looked::Fetch(fetch)),
                        Lookup::Stored(record) => history.add_once(once, Some(*record)),
                        Lookup::Nowhere => history.add_once(once, None),
                    }
                }
                Step::Needs(Need::Live(wanted)) => {
                    found = Some(self.surroundings(slot, catalog, ask, now, &wanted, turn.room.take()));
                }
                step @ (Step::Append(_) | Step::Count(..) | Step::Deny(..)) => {
                    let step = unblock::told(ctx, ask.command, step);
                    let wish = found.and_then(|(room, _)| room.close(&step, &slot.account));
                    return Ok(Looked::Step(step, wish));
                }
            }
        }
    }

    /// The room for a request in supplies, and the penalty box level of its caller.
    fn surroundings(
        &self,
        slot: &mut Slot,
        catalog: &Catalog,
        ask: &Ask<'_>,
        now: Instant,
        wanted: &Wanted,
        before: Option<Taken>,
    ) -> (RequestRoom, u8) {
        let Slot { account, sharers, callers, .. } = slot;
        let ctx = Context::new(account, catalog, now);
        let supplies = &self.in_force.supplies;
        if wanted.purpose != Purpose::Grow {
            let penalty = note_request(callers, ctx, &wanted.path, ask.caller.source);
            return (supplies.take(ctx, sharers, wanted, before), penalty);
        }
        let hold = if let Command::Extend(asked) = ask.command { account.hold(asked.hold) } else { None };
        let held = hold.and_then(|hold| hold.terms.capacity.as_deref());
        (held.map_or_else(RequestRoom::default, |held| supplies.grow(ctx, sharers, held, wanted)), 0)
    }
}
