//! The fold of late use, alerts and top-ups.

use alloc::string::String;

use super::extras::Asked;
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

    /// When a balance that has stayed low may ask for its next top-up.
    pub(super) fn next_top_up(&self) -> Option<Instant> {
        let terms = self.settings.top_up?;
        let extras = self.extras();
        let waits = extras.standing != Standing::Fine && extras.top_ups.asked.is_none();
        let at = extras.top_ups.last_at.after(terms.cool_down);
        (waits && at > self.recorded_at).then_some(at)
    }

    /// Credits that top-ups brought, or will, in the calendar month of UTC that `now` is in.
    #[must_use]
    pub fn bought_in_month(&self, now: Instant) -> Credits {
        let top_ups = &self.extras().top_ups;
        let began = Calendar::new(Every::Month, "UTC", false).map(|c| c.period(now, now).0);
        if began.is_ok_and(|at| top_ups.last_at >= at) { top_ups.month_total } else { Credits::ZERO }
    }
}
