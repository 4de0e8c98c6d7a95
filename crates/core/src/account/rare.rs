//! State that few accounts have, kept apart so that it costs the others one pointer.

use alloc::boxed::Box;
use alloc::vec::Vec;

use minicbor::{Decode, Encode};

use super::abuse_state::AbuseState;
use super::books::Books;
use super::postpaid::Postpaid;
use super::volume::Volume;
use crate::record::{
    Credits, GrantId, GrantTerms, Instant, Label, Levels, Name, Override, PlanToCome, ResetTerms, SeatTerms,
    Segment, Seq, Span, Standing,
};

/// Most recurring grants of one account.
pub(crate) const SCHEDULES_MAX: usize = 100;
/// Most banked resets of one account.
pub(crate) const RESETS_MAX: usize = 100;
/// Most uses that may wait in the quarantine of one account.
pub(crate) const QUARANTINE_MAX: usize = 10_000;

/// Most clusters that one account has left and that are remembered.
pub(crate) const CLUSTERS_MAX: usize = 8;

/// A recurring grant.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Schedule {
    /// Its name: the record that opened it first.
    #[n(0)]
    pub id: GrantId,
    /// The terms of the next one.
    #[n(1)]
    pub terms: GrantTerms,
    /// The grant of the current period.
    #[n(2)]
    pub current: GrantId,
    /// When the current period began.
    #[n(3)]
    pub began_at: Instant,
    /// When it ends.
    #[n(4)]
    pub next_at: Instant,
    /// Whether its remainder has been carried over the boundary.
    #[n(5)]
    pub rolled: bool,
    /// A pause moved its boundary off the periods of the billing anchor: they are counted from here until the anchor moves.
    #[n(6)]
    pub counted_from: Option<Instant>,
}

impl Schedule {
    /// Whether its boundaries are counted from the account's billing anchor.
    #[must_use]
    pub(crate) fn follows_anchor(&self) -> bool {
        self.terms.recurrence.as_ref().is_some_and(|r| r.anchor.is_none())
    }

    /// The end of the period that contains an instant, for an account with this billing anchor.
    #[must_use]
    pub(crate) fn period_end(&self, at: Instant, billing_anchor: Instant) -> Option<Instant> {
        let anchor = self.counted_from.unwrap_or(billing_anchor);
        self.terms.recurrence.as_ref()?.period(at, anchor).map(|(_, end)| end)
    }

    /// Whether a billing anchor that moves to this instant ends the current period.
    #[must_use]
    pub(crate) fn restarts_at(&self, anchor: Instant) -> bool {
        self.follows_anchor() && self.began_at < anchor && anchor < self.next_at
    }

    /// When the current period ends once the billing anchor has moved to this instant; `None`: as before.
    #[must_use]
    pub(crate) fn end_under(&self, anchor: Instant) -> Option<Instant> {
        if self.restarts_at(anchor) {
            return Some(anchor);
        }
        let begins_with_it = self.follows_anchor() && self.began_at == anchor;
        let recurrence = self.terms.recurrence.as_ref().filter(|_| begins_with_it)?;
        recurrence.period(anchor, anchor).map(|(_, end)| end)
    }
}

/// A banked reset that can be redeemed.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct BankedReset {
    /// Its name: the record that banked it.
    #[n(0)]
    pub id: Seq,
    /// Its terms.
    #[n(1)]
    pub terms: ResetTerms,
}

/// A top-up that is to be paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Asked {
    /// The record that asked.
    #[n(0)]
    pub seq: Seq,
    /// The number of the crossing it is for.
    #[n(1)]
    pub number: u64,
    /// The amount.
    #[n(2)]
    pub amount: Credits,
}

/// The alert state of the balance in one unit of credits: its standing, and its top-ups.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Balance {
    /// The unit; `None`: `credits`.
    #[n(0)]
    pub unit: Option<Name>,
    /// Its standing when it last crossed a mark.
    #[n(1)]
    pub standing: Standing,
    /// The top-up in flight.
    #[n(2)]
    pub asked: Option<Asked>,
    /// When one was last asked for.
    #[n(3)]
    pub last_at: Instant,
    /// Credits bought in the month that `last_at` is in, or in flight.
    #[n(4)]
    pub month_total: Credits,
}

/// Most overrides of one account.
pub(crate) const OVERRIDES_MAX: usize = 10_000;

/// An override in force.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Overriding {
    /// Its name: the record that set it.
    #[n(0)]
    pub id: Seq,
    /// Its terms.
    #[n(1)]
    pub terms: Override,
    /// The caller that set it, if known.
    #[n(2)]
    pub set_by: Option<Name>,
}

impl Overriding {
    /// Its place among the others.
    pub(super) fn key(&self) -> (&Name, Levels, &[Segment]) {
        (&self.terms.limit, self.terms.path.levels(), self.terms.path.segments())
    }

    /// Whether it has not ended yet.
    pub(crate) fn is_in_force(&self, now: Instant) -> bool {
        self.terms.until.is_none_or(|until| now < until)
    }
}

/// Most requests that wait for an answer, and most that are remembered with theirs.
pub(crate) const INCREASES_MAX: usize = 100;

/// A request for a higher limit.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Increase {
    /// Its name: the record that asked.
    #[n(0)]
    pub id: Seq,
    /// The override that was asked for.
    #[n(1)]
    pub terms: Override,
    /// The caller that asked, if known.
    #[n(2)]
    pub asked_by: Option<Name>,
    /// When.
    #[n(3)]
    pub asked_at: Instant,
    /// The answer, once there is one.
    #[n(4)]
    pub answer: Option<Answer>,
}

/// The answer to a request for a higher limit.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Answer {
    /// The record; of an approval, the override.
    #[n(0)]
    pub by: Seq,
    /// Whether it was approved.
    #[n(1)]
    pub approved: bool,
    /// The caller that answered, if known.
    #[n(2)]
    pub answered_by: Option<Name>,
    /// When.
    #[n(3)]
    pub at: Instant,
    /// Why.
    #[n(4)]
    pub reason: Option<Label>,
}

/// Most seats of one account.
pub(crate) const SEATS_MAX: usize = 10_000;

/// A seat.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Seat {
    /// Its terms.
    #[n(0)]
    pub terms: SeatTerms,
    /// Since when its member holds it, or nobody does.
    #[n(1)]
    pub since: Instant,
    /// The caller that set it, if known.
    #[n(2)]
    pub set_by: Option<Name>,
}

/// The longest pause, and how far a pause without a planned end moves everything.
pub(crate) const PAUSE_MAX: Span = Span::MAX;
/// Most pauses of one account, over its life.
pub(crate) const PAUSES_MAX: usize = 1_000;

/// A pause that has not ended.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Paused {
    /// Its name: the record that began it.
    #[n(0)]
    pub id: Seq,
    /// When it began.
    #[n(1)]
    pub since: Instant,
    /// Its planned end.
    #[n(2)]
    pub until: Option<Instant>,
    /// Why.
    #[n(3)]
    pub reason: Option<Label>,
    /// The windows that it moved.
    #[n(4)]
    pub(crate) windows: Vec<Name>,
}

impl Paused {
    /// The end up to which everything has moved.
    #[must_use]
    pub(crate) fn ends_at(&self) -> Instant {
        self.until.unwrap_or(self.since.after(PAUSE_MAX))
    }
}

/// State that few accounts have.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct RareState {
    /// Recurring grants, by name.
    #[n(0)]
    pub schedules: Vec<Schedule>,
    /// Banked resets, by name.
    #[n(1)]
    pub resets: Vec<BankedReset>,
    /// Records of uses in quarantine.
    #[n(2)]
    pub quarantine: Vec<Seq>,
    /// Balances that have crossed a mark or asked for a top-up.
    #[n(3)]
    pub balances: Vec<Balance>,
    /// How often one has crossed a mark.
    #[n(4)]
    pub crossings: u64,
    /// How many top-ups have been asked for.
    #[n(5)]
    pub top_ups: u64,
    /// The books of other units of credits, by name.
    #[n(6)]
    pub books: Vec<(Name, Books)>,
    /// State of the abuse rules.
    #[n(7)]
    pub abuse: Option<Box<AbuseState>>,
    /// Clusters that the account has left, the first one and the last: at most `CLUSTERS_MAX`.
    #[n(8)]
    pub left_clusters: Vec<Name>,
    /// Overrides of limits, by limit and segment, the newest of each last.
    #[cbor(n(9), default)]
    pub overrides: Vec<Overriding>,
    /// A change of plan to come, and the record that planned it.
    #[n(10)]
    pub plan_to_come: Option<(Seq, PlanToCome)>,
    /// The pause that the account is in.
    #[n(11)]
    pub pause: Option<Paused>,
    /// Beginning and end of the pauses that have ended: a refund may open a grant again that was spent before one.
    #[cbor(n(12), default)]
    pub pauses: Vec<(Instant, Instant)>,
    /// Requests for higher limits, by name: those that wait, and the latest that have been answered.
    #[cbor(n(13), default)]
    pub increases: Vec<Increase>,
    /// Seats, by name.
    #[cbor(n(16), default)]
    pub seats: Vec<Seat>,
    /// The members that hold one, in order, each with the name of its seat.
    #[cbor(n(15), default)]
    pub(crate) seated: Vec<(Segment, Name)>,
    /// The use of volumes of graduated prices, by name and period.
    #[cbor(n(17), default)]
    pub volumes: Vec<Volume>,
    /// What postpaid layers have lent.
    #[n(14)]
    pub postpaid: Option<Box<Postpaid>>,
}

/// The extras of most accounts: none.
pub(super) static NOTHING: RareState = RareState {
    schedules: Vec::new(),
    resets: Vec::new(),
    quarantine: Vec::new(),
    balances: Vec::new(),
    crossings: 0,
    top_ups: 0,
    books: Vec::new(),
    abuse: None,
    left_clusters: Vec::new(),
    overrides: Vec::new(),
    plan_to_come: None,
    pause: None,
    pauses: Vec::new(),
    increases: Vec::new(),
    seats: Vec::new(),
    seated: Vec::new(),
    volumes: Vec::new(),
    postpaid: None,
};
