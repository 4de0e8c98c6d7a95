//! A sender's work in hand: the record it is sending, and the next ones.
//!
//! Records come from the feed, and from the log of an account that waited and resumes; from both in turn, so that an account
//! with much to catch up on does not hold up the others.

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use headworks_core::record::{Name, Record, Resume, Seq, WebhookFormat};
use headworks_engine::{Engine, EngineError, Hook};
use headworks_store::{Cursor, Stored, wait};

use super::pace::Pace;
use super::stripe::{self, StripeCall};
use crate::render::events::{ALERTS, events};

/// Records of an account that catches up, read at once.
const PAGE: usize = 256;

/// One request.
#[derive(Clone, Debug)]
pub enum Call {
    /// A CloudEvent: its id, and the text.
    Event(String, String),
    /// A call of Stripe's API.
    Stripe(StripeCall),
}

impl Call {
    /// The same however often it is sent.
    #[must_use]
    pub fn id(&self) -> String {
        match self {
            Self::Event(id, _) => id.clone(),
            Self::Stripe(call) => call.id(),
        }
    }
}

/// A record that is being sent.
#[derive(Debug)]
pub(super) struct Hand {
    pub(super) account: Name,
    pub(super) seq: Seq,
    pub(super) calls: VecDeque<Call>,
    /// Ids that were accepted.
    pub(super) taken: Vec<String>,
    /// Requests of this record that were accepted from an earlier process.
    taken_before: u32,
    /// The settings that the calls were made with.
    set: Seq,
    /// It was refused before; this record of the server's own log asks to send it again.
    pub(super) again: Option<Seq>,
    is_catching_up: bool,
    stored: Stored,
}

impl Hand {
    /// How many of the record's requests were accepted.
    pub(super) fn taken_count(&self) -> u32 {
        self.taken_before.saturating_add(u32::try_from(self.taken.len()).unwrap_or(u32::MAX))
    }
}

/// An account that resumes after waiting.
#[derive(Debug)]
struct CatchUp {
    account: Name,
    /// The record of the server's own log that lets it resume.
    resumed: Seq,
    records: VecDeque<Stored>,
    next: Seq,
    /// The refused record, its requests that were accepted, and its new key.
    first: Option<(Seq, u32)>,
}

/// The place of a sender.
#[derive(Debug)]
pub(super) struct Course {
    /// The record that made the webhook, and the last that set it.
    pub(super) made: Seq,
    pub(super) set: Seq,
    /// Everything before it is processed.
    pub(super) cursor: Cursor,
    pub(super) kept: (Instant, Cursor),
    pub(super) pace: Pace,
    pub(super) hand: Option<Hand>,
    block: VecDeque<Stored>,
    /// Records of the block that are taken.
    block_taken: usize,
    /// The rest of the block was dropped, and is read again.
    is_shed: bool,
    next_cursor: Cursor,
    catching_up: Option<CatchUp>,
    catches_up_next: bool,
    /// Accounts that have caught up to a record that the feed has not reached yet.
    ahead: BTreeMap<Name, Seq>,
}

/// How far a step forward has come.
pub(super) enum Progress {
    /// A record is in hand.
    Hand,
    /// Nothing of this record is sent.
    Nothing,
    /// An account has caught up.
    CaughtUp(Name, Seq),
    /// The block is processed.
    BlockEnd,
}

impl Course {
    pub(super) fn begin(cursor: Cursor, hook: &Hook, now: Instant) -> Self {
        Self {
            made: hook.made,
            set: hook.set,
            kept: (now, cursor.clone()),
            next_cursor: cursor.clone(),
            cursor,
            pace: Pace::default(),
            hand: None,
            block: VecDeque::new(),
            block_taken: 0,
            is_shed: false,
            catching_up: None,
            catches_up_next: true,
            ahead: hook.caught_up.iter().cloned().collect(),
        }
    }

    /// The records that come next; the feed goes on at `next`. Returns whether they are new, not read again.
    pub(super) fn load(&mut self, records: Vec<Stored>, next: Cursor) -> bool {
        (self.block, self.next_cursor) = (records.into(), next);
        let is_new = !std::mem::take(&mut self.is_shed);
        self.block_taken = if is_new { 0 } else { self.block_taken.min(self.block.len()) };
        self.block.drain(..self.block_taken);
        is_new
    }

    /// Drops records that are not sent soon.
    pub(super) fn shed(&mut self) {
        if !self.block.is_empty() {
            (self.block, self.is_shed) = (VecDeque::new(), true);
        }
    }

    /// Whether an account is catching up.
    pub(super) fn is_catching_up(&self) -> bool {
        self.catching_up.is_some()
    }

    /// Records of the feed that are taken and not sent.
    pub(super) fn left(&self) -> usize {
        self.block.len() + usize::from(self.hand.as_ref().is_some_and(|hand| !hand.is_catching_up))
    }

    /// Puts the next record in hand.
    pub(super) fn advance(&mut self, engine: &Engine, hook: &Hook) -> Result<Progress, EngineError> {
        self.follow(hook);
        self.catches_up_next = !self.catches_up_next;
        if self.catches_up_next && self.catching_up.is_some() {
            return self.catch_up(engine, hook);
        }
        if let Some(stored) = self.block.pop_front() {
            self.block_taken += 1;
            return Ok(self.take(engine, hook, stored));
        }
        if self.is_shed {
            return Ok(Progress::BlockEnd);
        }
        self.cursor = self.next_cursor.clone();
        Ok(Progress::BlockEnd)
    }

    /// The record in hand is done with.
    pub(super) fn done(&mut self) {
        self.hand = None;
    }

    /// The record in hand was refused, and its account waits.
    pub(super) fn parked(&mut self) {
        if self.hand.take().is_some_and(|hand| hand.is_catching_up) {
            self.catching_up = None;
        }
    }

    /// Makes the calls in hand again if the webhook was set in the meantime; accepted calls are not sent again.
    pub(super) fn refresh(&mut self, engine: &Engine, hook: &Hook) -> Result<(), String> {
        let Some(hand) = self.hand.as_mut().filter(|hand| hand.set != hook.set) else { return Ok(()) };
        let calls = calls(engine, hook, &hand.stored)?;
        let before = usize::try_from(hand.taken_before).unwrap_or(usize::MAX);
        let left = calls.into_iter().skip(before).filter(|call| !hand.taken.contains(&call.id()));
        hand.calls = left.collect();
        hand.set = hook.set;
        Ok(())
    }

    /// Follows the server's own log about accounts that wait.
    fn follow(&mut self, hook: &Hook) {
        let resumed = |account: &Name| hook.parked.get(account).and_then(|p| Some((p, p.resumed?)));
        let stands = |c: &CatchUp| resumed(&c.account).is_some_and(|(_, (_, seq))| seq == c.resumed);
        if self.catching_up.as_ref().is_some_and(|c| !stands(c)) {
            self.catching_up = None;
        }
        if self.catching_up.is_none()
            && let Some((account, (parked, (resume, seq)))) =
                hook.parked.keys().find_map(|account| Some((account, resumed(account)?)))
        {
            let (next, first) = match resume {
                Resume::Retry => (parked.record, Some((parked.record, parked.taken))),
                Resume::PassOver => (parked.record + 1, None),
            };
            let account = account.clone();
            self.catching_up = Some(CatchUp { account, resumed: seq, records: VecDeque::new(), next, first });
        }
    }

    fn catch_up(&mut self, engine: &Engine, hook: &Hook) -> Result<Progress, EngineError> {
        let Some(catching) = &mut self.catching_up else { return Ok(Progress::Nothing) };
        if catching.records.is_empty() {
            catching.records = wait(engine.stored_records(&catching.account, catching.next, PAGE))?.into();
        }
        let Some(stored) = catching.records.pop_front() else {
            let (account, through) = (catching.account.clone(), catching.next - 1);
            self.ahead.insert(account.clone(), through);
            return Ok(Progress::CaughtUp(account, through));
        };
        catching.next = stored.seq + 1;
        let resumed = catching.resumed;
        let first = catching.first.filter(|(seq, _)| *seq == stored.seq);
        let found = self.hold(engine, hook, stored, true);
        if let (Some(hand), Some((_, taken))) = (&mut self.hand, first) {
            (hand.taken_before, hand.again) = (taken, Some(resumed));
            hand.calls.drain(..hand.calls.len().min(usize::try_from(taken).unwrap_or(usize::MAX)));
        }
        Ok(found)
    }

    /// Takes the next record of the feed, unless its account waits or is ahead of the feed.
    fn take(&mut self, engine: &Engine, hook: &Hook, stored: Stored) -> Progress {
        let ahead = self.ahead.get(&stored.account).copied();
        if ahead.is_some_and(|ahead| ahead <= stored.seq) {
            self.ahead.remove(&stored.account);
        }
        let is_stripe = hook.webhook.format == WebhookFormat::StripeMeterEvents;
        let waits = is_stripe && hook.parked.contains_key(&stored.account);
        if waits || ahead.is_some_and(|ahead| stored.seq <= ahead) {
            return Progress::Nothing;
        }
        self.hold(engine, hook, stored, false)
    }

    fn hold(&mut self, engine: &Engine, hook: &Hook, stored: Stored, is_catching_up: bool) -> Progress {
        // Calls that cannot be made are tried again by the sender, which then reports the reason.
        let (calls, set) = match calls(engine, hook, &stored) {
            Ok(calls) if calls.is_empty() => return Progress::Nothing,
            Ok(calls) => (calls, hook.set),
            Err(_) => (Vec::new(), 0),
        };
        self.hand = Some(Hand {
            account: stored.account.clone(),
            seq: stored.seq,
            calls: calls.into(),
            taken: Vec::new(),
            taken_before: 0,
            set,
            again: None,
            is_catching_up,
            stored,
        });
        Progress::Hand
    }
}

/// The calls that a record makes to a webhook's receiver.
///
/// # Errors
/// When the record, or an earlier one of the same charge, cannot be read.
pub fn calls(engine: &Engine, hook: &Hook, stored: &Stored) -> Result<Vec<Call>, String> {
    let (webhook, account) = (&hook.webhook, &stored.account);
    let record = Record::from_bytes(&stored.bytes).map_err(|e| format!("the record cannot be read: {e}"))?;
    match webhook.format {
        WebhookFormat::Cloudevents => {
            let wanted = |kind: &str| match webhook.events.as_slice() {
                [] => ALERTS.contains(&kind),
                named => named.iter().any(|n| n.as_str() == kind),
            };
            let events = events(account, &record, &stored.hash).into_iter().filter(|e| wanted(e.kind));
            Ok(events.map(|e| Call::Event(e.id, e.event.to_string())).collect())
        }
        WebhookFormat::StripeMeterEvents => {
            let before = wait(engine.charge_before(account, &record)).map_err(|e| e.to_string())?;
            // If part of a charge was passed over, Stripe lacks what it would adjust: that is left to the operator.
            let is_passed_over = |of: &Record| hook.passed_over.contains(&(account.clone(), of.seq));
            if before.iter().map(|(earlier, _)| earlier).chain([&record]).any(is_passed_over) {
                return Ok(Vec::new());
            }
            let calls =
                stripe::calls(account, webhook, &before, &(record, stored.hash), engine.clock().now());
            Ok(calls.into_iter().map(Call::Stripe).collect())
        }
    }
}
