//! What few accounts have, kept apart so that the others pay one pointer for it.

use alloc::boxed::Box;
use alloc::vec::Vec;

use minicbor::{Decode, Encode};

use super::{Account, Books, Grant, Watched};
use crate::record::{Credits, GrantId, GrantTerms, HoldId, Instant, Name, ResetTerms, Seq, Standing};

/// Most recurring grants of one account.
pub const SCHEDULES_MAX: usize = 100;
/// Most banked resets of one account.
pub const RESETS_MAX: usize = 100;
/// Most uses that may wait in the quarantine of one account.
pub const QUARANTINE_MAX: usize = 10_000;

/// A grant that comes again.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Schedule {
    /// Its name: the record that opened it first.
    #[n(0)]
    pub id: GrantId,
    /// The terms of the next one.
    #[n(1)]
    pub terms: GrantTerms,
    /// The one of the period under way.
    #[n(2)]
    pub current: GrantId,
    /// When the period under way began.
    #[n(3)]
    pub began_at: Instant,
    /// When it ends.
    #[n(4)]
    pub next_at: Instant,
    /// Whether its remainder has been carried over the boundary.
    #[n(5)]
    pub rolled: bool,
}

impl Schedule {
    /// Whether its boundaries are counted from the account's billing anchor.
    #[must_use]
    pub fn follows_anchor(&self) -> bool {
        self.terms.recurrence.as_ref().is_some_and(|r| r.anchor.is_none())
    }

    /// Whether a billing anchor that moves to this instant ends the period under way.
    #[must_use]
    pub fn restarts_at(&self, anchor: Instant) -> bool {
        self.follows_anchor() && self.began_at < anchor && anchor < self.next_at
    }

    /// When the period under way ends once the billing anchor has moved to this instant; `None`: when it did before.
    #[must_use]
    pub fn end_under(&self, anchor: Instant) -> Option<Instant> {
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
    /// How much.
    #[n(2)]
    pub amount: Credits,
}

/// What automatic top-ups have done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct TopUps {
    /// The one in flight.
    #[n(0)]
    pub asked: Option<Asked>,
    /// When one was last asked for.
    #[n(1)]
    pub last_at: Instant,
    /// Credits bought in the month that `last_at` is in, or in flight.
    #[n(2)]
    pub month_total: Credits,
    /// The last crossing that one was asked for.
    #[n(3)]
    pub number: u64,
}

/// What few accounts have.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Extras {
    /// Recurring grants, by name.
    #[n(0)]
    pub schedules: Vec<Schedule>,
    /// Banked resets, by name.
    #[n(1)]
    pub resets: Vec<BankedReset>,
    /// Records of uses in quarantine.
    #[n(2)]
    pub quarantine: Vec<Seq>,
    /// Where the balance stood when it last crossed a mark.
    #[n(3)]
    pub standing: Standing,
    /// How often it has crossed one.
    #[n(4)]
    pub crossings: u64,
    /// Automatic top-ups.
    #[n(5)]
    pub top_ups: TopUps,
    /// The books of other units of credits, by name.
    #[n(6)]
    pub books: Vec<(Name, Books)>,
    /// What abuse rules keep.
    #[n(7)]
    pub watched: Option<Box<Watched>>,
}

static NOTHING: Extras = Extras {
    schedules: Vec::new(),
    resets: Vec::new(),
    quarantine: Vec::new(),
    standing: Standing::Fine,
    crossings: 0,
    top_ups: TopUps { asked: None, last_at: Instant::from_micros(0), month_total: Credits::ZERO, number: 0 },
    books: Vec::new(),
    watched: None,
};

impl Account {
    /// What few accounts have; empty for the others.
    #[must_use]
    pub fn extras(&self) -> &Extras {
        self.extras.as_deref().unwrap_or(&NOTHING)
    }

    pub(super) fn extras_mut(&mut self) -> &mut Extras {
        self.extras.get_or_insert_default()
    }

    /// A recurring grant, by its own name or by that of its grant under way.
    #[must_use]
    pub fn schedule(&self, id: GrantId) -> Option<&Schedule> {
        self.extras().schedules.iter().find(|s| s.id == id || s.current == id)
    }

    /// What is left of the period under way of a recurring grant.
    pub(crate) fn remaining(&self, schedule: &Schedule) -> Credits {
        self.grant(schedule.current).filter(|g| !g.voided).map_or(Credits::ZERO, |g| g.remaining)
    }

    /// What is to be carried over the next boundary of a recurring grant; zero when nothing is.
    pub(crate) fn to_carry(&self, schedule: &Schedule) -> Credits {
        let rollover = schedule.terms.recurrence.as_ref().and_then(|r| r.rollover);
        match rollover {
            Some(rollover) if !schedule.rolled && !self.ends(schedule) => {
                rollover.carried(self.remaining(schedule))
            }
            Some(_) | None => Credits::ZERO,
        }
    }

    /// When the period after the one under way ends.
    pub(crate) fn next_boundary(&self, schedule: &Schedule) -> Option<Instant> {
        let anchor = self.settings.billing_anchor;
        schedule.terms.recurrence.as_ref()?.period(schedule.next_at, anchor).map(|(_, end)| end)
    }

    /// Whether no period begins at the next boundary.
    pub(crate) fn ends(&self, schedule: &Schedule) -> bool {
        let until = schedule.terms.recurrence.as_ref().map_or(Instant::default(), |r| r.until);
        schedule.next_at >= until || self.next_boundary(schedule).is_none_or(|end| end >= Instant::NEVER)
    }

    /// What falls due by `until`, the earliest first.
    pub(crate) fn due(&self, until: Instant) -> Option<Due> {
        let holds = self.holds.iter().map(|h| (h.terms.deadline, Due::Hold(h.id)));
        let spent = |g: &&Grant| g.remaining.is_positive();
        let grants = self.grants.iter().filter(spent).map(|g| (g.terms.expires_at, Due::Grant(g.id)));
        let schedules = self.extras().schedules.iter().map(|s| {
            let carries = s.next_at <= until && self.to_carry(s).is_positive();
            (s.next_at, if carries { Due::Rollover(s.id) } else { Due::Renewal(s.id) })
        });
        let all = holds.chain(grants).chain(schedules);
        all.filter(|(at, _)| *at <= until).min().map(|(_, due)| due)
    }
}

/// What falls due, in the order in which it happens at one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Due {
    /// A hold passes its deadline.
    Hold(HoldId),
    /// What is left of a recurring grant is carried.
    Rollover(GrantId),
    /// A grant expires.
    Grant(GrantId),
    /// A recurring grant opens anew.
    Renewal(GrantId),
}
