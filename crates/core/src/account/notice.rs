//! The fold of late use, alerts and top-ups.

use alloc::string::String;

use super::extras::{Asked, Extras};
use super::state::Account;
use crate::record::{Alert, Calendar, Credits, Every, Instant, Late, Record, Seq, Standing};

impl Account {
    pub(super) fn apply_late(&mut self, seq: Seq, late: &Late) -> Result<(), String> {
        match late {
            Late::Quarantined(_) => self.extras_mut().quarantine.push(seq),
            Late::Discarded { kept: discarded, .. } => {
                if !self.extras().quarantine.contains(discarded) {
                    return Err("no such use in quarantine".into());
                }
                self.extras_mut().quarantine.retain(|kept| kept != discarded);
            }
        }
        Ok(())
    }

    /// Use that is charged after all leaves the quarantine.
    pub(super) fn leave_quarantine(&mut self, parents: &[Seq]) {
        if self.extras().quarantine.iter().any(|kept| parents.contains(kept)) {
            self.extras_mut().quarantine.retain(|kept| !parents.contains(kept));
        }
    }

    pub(super) fn apply_alert(&mut self, record: &Record, alert: &Alert) -> Result<(), String> {
        let now = record.recorded_at;
        match alert {
            Alert::Crossed { standing, number, .. } => {
                let extras = self.extras_mut();
                (extras.standing, extras.crossings) = (*standing, *number);
            }
            Alert::TopUpAsked { number, amount } => {
                let bought = self.bought_in_month(now).checked_add(*amount).ok_or("overflow")?;
                let top_ups = &mut self.extras_mut().top_ups;
                top_ups.asked = Some(Asked { seq: record.seq, number: *number, amount: *amount });
                (top_ups.last_at, top_ups.month_total, top_ups.number) = (now, bought, *number);
            }
            Alert::TopUpFailed { .. } => {
                let top_ups = &mut self.extras_mut().top_ups;
                let asked = top_ups.asked.take().ok_or("no top-up is in flight")?;
                // What was not bought does not count against the month.
                let total =
                    top_ups.month_total.checked_sub(asked.amount).filter(|rest| *rest >= Credits::ZERO);
                top_ups.month_total = total.ok_or("the month has brought less than the top-up")?;
            }
        }
        Ok(())
    }

    /// A grant that follows from the top-up in flight ends it.
    pub(super) fn end_top_up(&mut self, record: &Record) {
        if self.extras().top_ups.asked.is_some_and(|asked| record.parents.contains(&asked.seq)) {
            self.extras_mut().top_ups.asked = None;
        }
    }

    /// Whether a low balance asks for a top-up at `now`: after the cool-down, in a month that has room for it.
    pub(crate) fn asks_top_up(&self, now: Instant) -> bool {
        let Some(terms) = self.settings.top_up else { return false };
        let Extras { standing, top_ups, .. } = self.extras();
        if top_ups.asked.is_some() || self.settings.suspended {
            return false;
        }
        let is_below = || self.settings.alerts.is_some_and(|marks| self.available(now, None) < marks.low);
        // Never asked before: nothing to wait for.
        let waits = top_ups.last_at > Instant::default() && now.since(top_ups.last_at) < terms.cool_down;
        let total = self.bought_in_month(now).checked_add(terms.amount);
        let has_room = total.is_some_and(|total| total <= terms.monthly_max);
        !waits && has_room && (*standing == Standing::Empty || is_below())
    }

    /// When a balance that stays low asks for its next top-up: once it has cooled down, or in the month after.
    pub(super) fn next_top_up(&self) -> Option<Instant> {
        let terms = self.settings.top_up?;
        let Extras { standing, top_ups, .. } = self.extras();
        if *standing == Standing::Fine || top_ups.asked.is_some() {
            return None;
        }
        let cooled = top_ups.last_at.after(terms.cool_down);
        let asks = |at: &Instant| *at > self.recorded_at && self.asks_top_up(*at);
        Some(cooled).filter(asks).or_else(|| month(cooled).map(|(_, end)| end).filter(asks))
    }

    /// Credits that top-ups brought, or will, in the calendar month of UTC that `now` is in.
    #[must_use]
    pub fn bought_in_month(&self, now: Instant) -> Credits {
        let top_ups = &self.extras().top_ups;
        let began = month(now).map(|(start, _)| start);
        if began.is_some_and(|at| top_ups.last_at >= at) { top_ups.month_total } else { Credits::ZERO }
    }
}

/// The calendar month of UTC that an instant is in.
fn month(at: Instant) -> Option<(Instant, Instant)> {
    Calendar::new(Every::Month, "UTC", false).ok().map(|c| c.period(at, at))
}
