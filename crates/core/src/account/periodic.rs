//! The fold of grants and resets that follow the calendar.

use alloc::string::String;

use super::extras::{BankedReset, Schedule};
use super::open::Grant;
use super::state::Account;
use crate::record::{Cleared, GrantId, GrantTerms, Instant, Path, Periodic, PlanChange, Record, Seq};
use crate::window::Used;

impl Account {
    /// A grant that recurs begins its schedule.
    pub(super) fn begin_schedule(&mut self, id: GrantId, terms: &GrantTerms) {
        if terms.recurrence.is_none() {
            return;
        }
        self.wakes_at = self.wakes_at.min(terms.expires_at);
        let mut every = terms.clone();
        if let Some(recurrence) = &mut every.recurrence {
            every.amount = recurrence.prorated.take().map_or(terms.amount, |p| p.whole);
        }
        self.extras_mut().schedules.push(Schedule {
            id,
            terms: every,
            current: id,
            began_at: terms.effective_from,
            next_at: terms.expires_at,
            rolled: false,
        });
    }

    pub(super) fn apply_periodic(&mut self, record: &Record, event: &Periodic) -> Result<(), String> {
        match event {
            Periodic::RolledOver(id) => {
                let schedule = self.schedule_mut(*id)?;
                schedule.rolled = true;
                let current = schedule.current;
                self.note_left(current);
            }
            Periodic::Renewed { schedule: id, next_at } => {
                let schedule = self.schedule_mut(*id)?;
                schedule.current = GrantId(record.seq);
                (schedule.began_at, schedule.next_at, schedule.rolled) = (schedule.next_at, *next_at, false);
                self.wakes_at = self.wakes_at.min(*next_at);
            }
            Periodic::Ended(id) => {
                self.schedule_mut(*id)?;
                self.extras_mut().schedules.retain(|s| s.id != *id);
            }
            Periodic::Banked(terms) => {
                let now = record.recorded_at;
                let resets = &mut self.extras_mut().resets;
                resets.retain(|r| r.terms.expires_at > now);
                resets.push(BankedReset { id: record.seq, terms: terms.clone() });
            }
            Periodic::Redeemed { token, path, cleared } => {
                self.redeem(*token, path, cleared, record.recorded_at)?
            }
            Periodic::PlanChanged(change) => self.change_plan(change)?,
        }
        Ok(())
    }

    fn schedule_mut(&mut self, id: GrantId) -> Result<&mut Schedule, String> {
        self.extras_mut().schedules.iter_mut().find(|s| s.id == id).ok_or_else(|| "no such schedule".into())
    }

    fn redeem(&mut self, token: Seq, path: &Path, cleared: &[Cleared], now: Instant) -> Result<(), String> {
        let resets = &mut self.extras_mut().resets;
        let before = resets.len();
        resets.retain(|r| r.id != token);
        if resets.len() == before {
            return Err("no such banked reset".into());
        }
        for c in cleared {
            let i = self.find_window(&c.name, c.level, path.at(c.level)).map_err(|_| "no such window")?;
            self.clear_window(i, c.closes, now);
        }
        Ok(())
    }

    /// Use counted before a reset is never given back after it: windows that stay open start over.
    fn clear_window(&mut self, i: usize, closes: bool, now: Instant) {
        let keeps = match self.windows.get_mut(i).map(|w| &mut w.used) {
            Some(Used::Period(period)) if closes => period.close(now),
            Some(Used::Period(period)) => {
                period.reset(now);
                true
            }
            Some(_) => false,
            None => return,
        };
        if !keeps {
            self.windows.remove(i);
        }
    }

    fn change_plan(&mut self, change: &PlanChange) -> Result<(), String> {
        self.note_cluster(&change.settings);
        self.settings = change.settings.clone();
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
            for schedule in &mut self.extras_mut().schedules {
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
