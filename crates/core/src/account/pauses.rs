//! Pauses: what follows the account's periods stands still while other time passes.
//!
//! A pause moves everything when it begins, by its whole length; if it ends before its planned end, everything moves back by
//! the rest. So nothing falls due in a pause, and nothing has to ask whether there is one. A pause without a planned end
//! moves by [`PAUSE_MAX`].
//! Never looks at a calendar of the catalog: records name the windows that move.
//! P1 every instant moves by exactly the length of the pause (`everything_moves_by_the_length_of_the_pause`).
//! P2 a pause that ends early leaves what a pause of that length leaves (`an_early_end_moves_back`).

use alloc::string::String;

use super::open::Grant;
use super::rare::{PAUSE_MAX, PAUSES_MAX, Paused, Schedule};
use super::state::Account;
use crate::record::{Calendar, Every, GrantTerms, Instant, Label, Name, Pause, PauseEnd, Record, Span};
use crate::window::Used;

/// From where the periods of an account are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Billing<'a> {
    anchor: Instant,
    /// The account's zone.
    zone: Option<&'a str>,
    /// Beginning and end of the pause that it is in.
    paused: Option<(Instant, Instant)>,
}

impl Billing<'_> {
    /// The period of a calendar that contains an instant. The one that a pause began in lasts through it.
    pub(crate) fn period(self, calendar: &Calendar, at: Instant) -> (Instant, Instant) {
        let own = calendar.in_zone(self.zone);
        let calendar = own.as_ref().unwrap_or(calendar);
        let Some((since, until)) = self.paused.filter(|_| calendar.is_anchored()) else {
            return calendar.period(at, self.anchor);
        };
        let (start, end) = calendar.period(at.min(since), self.anchor);
        (start, if end > since { later(end, until.since(since)) } else { end })
    }
}

/// What never comes does not move.
fn later(at: Instant, by: Span) -> Instant {
    if at < Instant::NEVER { at.after(by) } else { at }
}

/// A move of instants to come.
#[derive(Clone, Copy)]
enum Move {
    /// Those after this instant move on.
    On(Instant, Span),
    /// Those from this instant on move back.
    Back(Instant, Span),
}

impl Move {
    fn of(self, at: Instant) -> Instant {
        match self {
            Self::On(from, by) if at > from => later(at, by),
            Self::Back(from, by) if at >= from && at < Instant::NEVER => at.before(by),
            Self::On(..) | Self::Back(..) => at,
        }
    }

    /// The beginning of a period moves with its end.
    fn of_beginning(self, at: Instant) -> Instant {
        match self {
            Self::On(_, by) => at.after(by),
            Self::Back(_, by) => at.before(by),
        }
    }

    fn of_terms(self, terms: &mut GrantTerms) {
        terms.expires_at = self.of(terms.expires_at);
        terms.burns_at = terms.burns_at.map(|at| self.of(at));
        if let Some(recurrence) = &mut terms.recurrence {
            recurrence.until = self.of(recurrence.until);
        }
    }
}

impl Account {
    /// The pause that it is in.
    #[must_use]
    pub fn pause(&self) -> Option<&Paused> {
        self.rare.as_deref()?.pause.as_ref()
    }

    /// From where its periods are counted.
    pub(crate) fn billing(&self) -> Billing<'_> {
        let paused = self.pause().map(|pause| (pause.since, pause.ends_at()));
        let zone = self.settings.zone.as_ref().map(Label::as_str);
        Billing { anchor: self.settings.billing_anchor, zone, paused }
    }

    /// Now, as periods count it: they have moved past the end of the pause that they stand still in.
    pub(crate) fn billing_now(&self, now: Instant) -> Instant {
        self.pause().map_or(now, Paused::ends_at)
    }

    /// When something of a grant that was opened at `opened_at` comes, given the instant that its terms say: pauses since, and
    /// the rest of the one that it was opened in, have moved it.
    pub(crate) fn after_pauses(&self, opened_at: Instant, at: Instant) -> Instant {
        let Some(rare) = self.rare.as_deref() else { return at };
        let present = rare.pause.iter().map(|pause| (pause.since, pause.ends_at()));
        let all = rare.pauses.iter().copied().chain(present).filter(|(_, until)| opened_at < *until);
        all.fold(
            at,
            |at, (since, until)| {
                if at > since { later(at, until.since(since.max(opened_at))) } else { at }
            },
        )
    }

    /// How long it has stood still between two instants: in pauses that have ended, and in the one that it is in.
    pub(crate) fn stood_still(&self, from: Instant, now: Instant) -> (Span, Span) {
        let ended = self.rare().pauses.iter().map(|(since, until)| until.since(from.max(*since)).micros());
        let present = self.pause().map(|pause| now.since(from.max(pause.since)));
        (Span::from_micros(ended.sum()), present.unwrap_or_default())
    }

    /// The terms of a grant that was opened at `opened_at` as they are by now.
    pub(crate) fn terms_after_pauses(&self, opened_at: Instant, terms: &GrantTerms) -> GrantTerms {
        let mut terms = terms.clone();
        terms.expires_at = self.after_pauses(opened_at, terms.expires_at);
        terms.burns_at = terms.burns_at.map(|at| self.after_pauses(opened_at, at));
        if let Some(recurrence) = &mut terms.recurrence {
            recurrence.until = self.after_pauses(opened_at, recurrence.until);
        }
        terms
    }

    /// The billing anchor after a pause of this length that began at `since`: it moves by the length. If no month begins then
    /// where the present one ends, since months differ in length, months are counted from that end.
    pub(crate) fn anchor_after(&self, since: Instant, length: Span) -> Instant {
        let anchor = self.settings.billing_anchor;
        let moved = anchor.after(length);
        let Ok(month) = Calendar::new(Every::Month, "UTC", true) else { return moved };
        let end = month.period(since, anchor).1.after(length);
        if month.period(end, moved).0 == end { moved } else { end }
    }

    pub(super) fn begin_pause(&mut self, record: &Record, pause: &Pause) -> Result<(), String> {
        let since = record.recorded_at;
        if self.pause().is_some() {
            return Err("the account is paused already".into());
        }
        let Pause { until, windows, reason } = pause.clone();
        let pause = Paused { id: record.seq, since, until, reason, windows };
        let until = pause.ends_at();
        if until <= since || since.after(PAUSE_MAX) < until {
            return Err("the pause ends before it begins, or lasts too long".into());
        }
        self.move_all(&pause.windows, Move::On(since, until.since(since)));
        self.rare_mut().pause = Some(pause);
        self.wakes_at = self.wakes_at.min(until);
        Ok(())
    }

    /// The pause ends at `at`; everything moves back by the rest of it.
    pub(super) fn end_pause(&mut self, end: &PauseEnd, at: Option<Instant>) -> Result<(), String> {
        let pause = self.rare_mut().pause.take_if(|pause| pause.id == end.pause);
        let Some(pause) = pause else { return Err("there is no such pause".into()) };
        let until = pause.ends_at();
        let at = at.unwrap_or(until).min(until);
        let length = at.since(pause.since);
        self.move_all(&end.windows, Move::Back(until, until.since(at)));
        self.settings.billing_anchor = end.billing_anchor;
        let anchor = end.billing_anchor;
        for schedule in &mut self.rare_mut().schedules {
            schedule.count_after(length, anchor);
        }
        let pauses = &mut self.rare_mut().pauses;
        pauses.push((pause.since, at));
        if pauses.len() > PAUSES_MAX {
            return Err("it has been paused too often".into());
        }
        self.settle_wake();
        Ok(())
    }

    fn move_all(&mut self, windows: &[Name], by: Move) {
        for grant in &mut self.grants {
            by.of_terms(&mut grant.terms);
        }
        self.grants.sort_by_key(Grant::burn_key);
        for window in self.windows.iter_mut().filter(|w| windows.contains(&w.name)) {
            if let Used::Period(period) = &mut window.used {
                period.end = by.of(period.end);
            }
        }
        let Some(rare) = self.rare.as_deref_mut() else { return };
        let open = rare.postpaid.iter_mut().flat_map(|postpaid| &mut postpaid.uninvoiced);
        for period in open.filter_map(|open| open.period.as_mut()).filter(|p| windows.contains(&p.layer)) {
            period.end = by.of(period.end);
        }
        // Those that have ended do not move.
        for volume in rare.volumes.iter_mut().filter(|volume| windows.contains(&volume.name)) {
            volume.until = by.of(volume.until);
        }
        for schedule in &mut rare.schedules {
            schedule.began_at = by.of_beginning(schedule.began_at);
            schedule.next_at = by.of(schedule.next_at);
            by.of_terms(&mut schedule.terms);
        }
        for reset in &mut rare.resets {
            reset.terms.expires_at = by.of(reset.terms.expires_at);
        }
        if let Some((_, planned)) = &mut rare.plan_to_come {
            planned.at = by.of(planned.at);
        }
    }

    /// The state as it would be if the pause without a planned end that it is in ended now; `windows` are the open ones that
    /// follow the billing anchor.
    #[must_use]
    pub(crate) fn resumed(&self, windows: &[Name], now: Instant) -> Option<Self> {
        let pause = self.pause().filter(|pause| pause.until.is_none())?;
        let billing_anchor = self.anchor_after(pause.since, now.since(pause.since));
        let mut account = self.clone();
        let end = PauseEnd { pause: pause.id, billing_anchor, windows: windows.to_vec() };
        account.end_pause(&end, Some(now)).ok()?;
        Some(account)
    }
}

impl Schedule {
    /// A pause of this length has moved its boundary: periods go on from there. Its anchor moves by the length; where no period
    /// of the moved anchor begins at the boundary, since months differ in length, periods are counted from the boundary.
    fn count_after(&mut self, length: Span, billing_anchor: Instant) {
        let next_at = self.next_at;
        let Some(recurrence) = &mut self.terms.recurrence else { return };
        let own = recurrence.anchor.map(|anchor| anchor.after(length));
        let anchor = own.unwrap_or(billing_anchor);
        recurrence.anchor = own;
        let begins = recurrence.period(next_at, anchor).map(|(start, _)| start);
        match own {
            Some(_) if begins != Some(next_at) => recurrence.anchor = Some(next_at),
            Some(_) => {}
            None => self.counted_from = Some(next_at).filter(|_| begins != Some(next_at)),
        }
    }
}
