//! The fold of the billing cycle: periods of recurring grants, banked resets, changes of plan, pauses.

use alloc::string::String;

use super::open::Grant;
use super::rare::{BankedReset, Schedule};
use super::state::Account;
use crate::record::{CycleEvent, GrantId, GrantTerms, Instant, PlanChange, Record, ResetTerms, Settings};

impl Account {
    /// A grant that recurs begins its schedule.
    pub(super) fn begin_schedule(&mut self, id: GrantId, terms: &GrantTerms, began_at: Instant) {
        if terms.recurrence.is_none() {
            return;
        }
        self.wakes_at = self.wakes_at.min(terms.expires_at);
        let mut every = terms.clone();
        if let Some(recurrence) = &mut every.recurrence {
            every.amount = recurrence.prorated.take().map_or(terms.amount, |p| p.whole);
        }
        self.rare_mut().schedules.push(Schedule {
            id,
            terms: every,
            current: id,
            began_at,
            next_at: terms.expires_at,
            rolled: false,
            counted_from: None,
        });
    }

    pub(super) fn apply_cycle(&mut self, record: &Record, event: &CycleEvent) -> Result<(), String> {
        match event {
            // Its volume notes it.
            CycleEvent::VolumeClosed(_) => {}
            CycleEvent::RolledOver(id) => {
                let schedule = self.schedule_mut(*id)?;
                schedule.rolled = true;
                let current = schedule.current;
                self.note_left(current);
            }
            CycleEvent::Renewed { schedule: id, next_at } => {
                let schedule = self.schedule_mut(*id)?;
                schedule.current = GrantId(record.seq);
                (schedule.began_at, schedule.next_at, schedule.rolled) = (schedule.next_at, *next_at, false);
                self.wakes_at = self.wakes_at.min(*next_at);
            }
            CycleEvent::Ended(id) => {
                self.schedule_mut(*id)?;
                self.rare_mut().schedules.retain(|s| s.id != *id);
            }
            CycleEvent::Banked(terms) => {
                let now = record.recorded_at;
                let resets = &mut self.rare_mut().resets;
                resets.retain(|r| r.terms.expires_at > now);
                let expires_at = self.after_pauses(now, terms.expires_at);
                let terms = ResetTerms { expires_at, ..terms.clone() };
                self.rare_mut().resets.push(BankedReset { id: record.seq, terms });
            }
            CycleEvent::Redeemed { reset, path, cleared, .. } => {
                self.redeem(*reset, path, cleared, record.recorded_at)?
            }
            CycleEvent::PeriodsClosed { path, closed, .. } => {
                self.close_periods(path, closed, record.recorded_at)?;
            }
            CycleEvent::PlanChanged(change) => self.change_plan(change)?,
            CycleEvent::PlanPlanned(planned) => {
                self.wakes_at = self.wakes_at.min(planned.at);
                self.rare_mut().plan_to_come = Some((record.seq, planned.clone()));
            }
            CycleEvent::PlanWithdrawn { planned, .. } => {
                let to_come = &mut self.rare_mut().plan_to_come;
                if to_come.take_if(|(id, _)| id == planned).is_none() {
                    return Err("no such change is planned".into());
                }
            }
            CycleEvent::RenewalStopped { schedule, .. } => {
                let schedule = self.schedule_mut(*schedule)?;
                let next_at = schedule.next_at;
                if let Some(recurrence) = &mut schedule.terms.recurrence {
                    recurrence.until = recurrence.until.min(next_at);
                }
            }
            CycleEvent::Overridden(terms) => {
                if let Some(asked) = terms.approves {
                    self.answer_increase(record, asked, true, terms.reason.as_ref())?;
                }
                self.set_override(record, terms);
            }
            CycleEvent::SeatSet(terms) => self.set_seat(record, terms),
            CycleEvent::SeatRemoved { seat, .. } => self.remove_seat(seat)?,
            CycleEvent::IncreaseAsked(terms) => self.ask_increase(record, terms),
            CycleEvent::IncreaseDenied { asked, reason } => {
                self.answer_increase(record, *asked, false, reason.as_ref())?;
            }
            CycleEvent::OverrideEnded(id) | CycleEvent::OverrideRemoved { id, .. } => {
                self.end_override(*id)?;
            }
            CycleEvent::Paused(pause) => self.begin_pause(record, pause)?,
            CycleEvent::PauseEnded(end) => self.end_pause(end, None)?,
            CycleEvent::Resumed { end, .. } => self.end_pause(end, Some(record.recorded_at))?,
            CycleEvent::InvoiceOpened(period) => self.open_invoice(record, period)?,
            CycleEvent::InvoiceClosed(invoice) => self.close_invoice(record, invoice)?,
            CycleEvent::InvoicePaid { invoice, .. } => self.pay_invoice(record, *invoice)?,
        }
        Ok(())
    }

    fn schedule_mut(&mut self, id: GrantId) -> Result<&mut Schedule, String> {
        self.rare_mut().schedules.iter_mut().find(|s| s.id == id).ok_or_else(|| "no such schedule".into())
    }

    pub(super) fn set_settings(&mut self, settings: &Settings) {
        self.note_cluster(settings);
        if settings.billing_anchor != self.settings.billing_anchor
            && let Some(rare) = self.rare.as_deref_mut()
        {
            rare.schedules.iter_mut().for_each(|schedule| schedule.counted_from = None);
        }
        self.settings = settings.clone();
    }

    fn change_plan(&mut self, change: &PlanChange) -> Result<(), String> {
        // A change now takes the place of one that was to come.
        if self.rare().plan_to_come.is_some() {
            self.rare_mut().plan_to_come = None;
        }
        self.set_settings(&change.settings);
        for (id, terms) in &change.reopened {
            self.open_grant(*id, terms.clone());
        }
        for new in &change.amounts {
            let schedule = self.schedule_mut(new.schedule)?;
            schedule.terms.amount = new.amount;
            let current = schedule.current;
            if !new.part.is_zero() {
                let grant = self.grant_mut(current)?;
                grant.terms.amount = grant.terms.amount.checked_add(new.part).ok_or("overflow")?;
            }
        }
        if change.moved_from.is_some() {
            let anchor = change.settings.billing_anchor;
            let mut ends = alloc::vec::Vec::new();
            for schedule in &mut self.rare_mut().schedules {
                if let Some(end) = schedule.end_under(anchor) {
                    schedule.next_at = end;
                    ends.push((schedule.current, end));
                }
            }
            for (id, end) in ends {
                if let Ok(grant) = self.grant_mut(id) {
                    grant.terms.expires_at = end;
                }
                self.wakes_at = self.wakes_at.min(end);
            }
            self.grants.sort_by_key(Grant::burn_key);
        }
        Ok(())
    }

    pub(super) fn grant_mut(&mut self, id: GrantId) -> Result<&mut Grant, String> {
        self.grants.iter_mut().find(|g| g.id == id).ok_or_else(|| "no such grant".into())
    }
}
