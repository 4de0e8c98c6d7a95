//! The fold: the effect of a record on a state. The one place where a state changes.
//!
//! Uses the record alone, never the catalog or a clock.

use alloc::string::{String, ToString};

use super::open::Grant;
use super::state::Account;
use crate::record::{
    Charge, Credits, Decision, Event, GrantId, GrantTerms, HoldId, Instant, Record, RecordError, Seq, Use,
    Visit,
};

/// Why a record does not follow from the state. The log is damaged, or the program is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoldError {
    /// The record.
    pub seq: Seq,
    /// The contradiction.
    pub what: String,
}

impl core::fmt::Display for FoldError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "record {} does not follow from the state before it: {}", self.seq, self.what)
    }
}

impl core::error::Error for FoldError {}

impl Account {
    /// Folds a record, verifying the chain against its bytes; returns the hash after it.
    ///
    /// # Errors
    /// Refuses a record that does not follow; the state must then be thrown away.
    pub fn apply_bytes(&mut self, bytes: &[u8]) -> Result<[u8; 32], FoldError> {
        let record = Record::from_bytes(bytes).map_err(|e: RecordError| self.broken(&e.to_string()))?;
        let hash = record.link(&self.chain, bytes);
        self.apply(&record, hash)?;
        Ok(hash)
    }

    fn broken(&self, what: &str) -> FoldError {
        FoldError { seq: self.seq + 1, what: what.to_string() }
    }

    /// Folds a record whose chain hash is known.
    ///
    /// # Errors
    /// Refuses a record that does not follow; the state must then be thrown away.
    pub fn apply(&mut self, record: &Record, hash: [u8; 32]) -> Result<(), FoldError> {
        if record.seq != self.seq + 1 {
            return Err(self.broken(&alloc::format!("its number is {}", record.seq)));
        }
        record.check_sound().map_err(|what| self.broken(what))?;
        if let Some(under) = record.under {
            if self.under.is_some_and(|before| under.seq <= before) {
                return Err(self.broken("it was decided under an earlier record of the server's own log"));
            }
            self.under = Some(under.seq);
        }
        let now = record.recorded_at;
        if let Some(terms) = &record.opens {
            let terms = &self.terms_after_pauses(record.gives_back_at(), terms);
            self.open_grant(GrantId(record.seq), terms.clone());
            self.note_payment(terms, now);
            if matches!(record.event, Event::Granted) {
                let rest = self.billing_now(now).since(now);
                self.begin_schedule(GrantId(record.seq), terms, terms.effective_from.after(rest));
            }
        }
        self.apply_event(record, now).map_err(|what| self.broken(&what))?;
        for movement in &record.movements {
            self.apply_movement(movement, record.unit.as_ref()).map_err(|what| self.broken(&what))?;
        }
        self.note_postpaid(record).map_err(|what| self.broken(&what))?;
        self.note_volumes(record).map_err(|what| self.broken(&what))?;
        self.finish_event(record).map_err(|what| self.broken(&what))?;
        (self.seq, self.chain, self.recorded_at) = (record.seq, hash, now);
        if self.wakes_at <= now {
            self.wakes_at = self.next_wake();
        } else if let Some(at) = self.next_top_up() {
            self.wakes_at = self.wakes_at.min(at);
        }
        Ok(())
    }

    /// Counts the use of a feature that is not recorded.
    pub fn count_volatile(&mut self, usage: &Use, decision: &Decision, now: Instant) {
        if decision.outcome.is_granted() {
            self.take_visits(&usage.path, &decision.visits, now, now);
        }
    }

    /// Makes [`Self::wakes_at`] exact, once everything that was due has ended.
    pub fn settle_wake(&mut self) {
        self.wakes_at = self.next_wake();
    }

    fn next_wake(&self) -> Instant {
        let holds = self.holds.iter().map(|h| h.terms.deadline);
        let grants = self.grants.iter().filter(|g| g.remaining.is_positive()).map(|g| g.terms.expires_at);
        let periods = self.rare().schedules.iter().map(|s| s.next_at);
        let changes = self.changes_of_limits().map(|(at, _)| at);
        let invoices = self.invoices_due().map(|(at, _)| at);
        let volumes = self.volumes_due().map(|(at, _)| at);
        let all = holds.chain(grants).chain(periods).chain(changes).chain(invoices).chain(volumes);
        let all = all.chain(self.next_top_up());
        all.min().unwrap_or(Instant::NEVER)
    }

    /// The part before the movements: new grants, new holds, windows.
    fn apply_event(&mut self, record: &Record, now: Instant) -> Result<(), String> {
        match &record.event {
            Event::Opened(settings) => {
                self.settings = settings.clone();
                self.opened_at = now;
            }
            Event::Changed { settings, .. } => {
                self.set_settings(settings);
            }
            Event::Authorized { usage, decision, terms } => {
                self.open_hold(record.seq, now, usage, terms);
                self.count_ends(&decision.visits);
                self.count(HoldId(record.seq), &decision.visits, &decision.draws, now)?;
            }
            Event::Extended { hold: id, usage, decision, deadline, progress } => {
                self.extend_hold(*id, usage, *deadline, progress.as_deref())?;
                self.extend_capacity(*id, &decision.visits)?;
                self.count(*id, &decision.visits, &decision.draws, now)?;
            }
            Event::Settled { hold: id, charge, is_late: late } => {
                if *late {
                    self.take_visits(&charge.usage.path, excess_visits(charge), now, now);
                } else {
                    self.correct_windows(*id, &record.corrections, excess_visits(charge), now)?;
                }
            }
            Event::Released(id) | Event::Expired { hold: id, .. } => {
                self.correct_windows(*id, &record.corrections, &[], now)?
            }
            Event::Charged { charge, decision, .. } => {
                self.take_visits(&charge.usage.path, &decision.visits, record.effective_at, now);
                self.leave_quarantine(&record.parents);
            }
            Event::Refunded { reopened, path, .. } => {
                for (id, terms) in reopened {
                    self.open_grant(*id, terms.clone());
                }
                self.correct(path, &record.corrections, (&[], now), now);
            }
            Event::Voided { grant: id, .. } => {
                // A recurring grant does not renew, even if it was spent already.
                let recurs = self.schedule(*id).is_some();
                if recurs {
                    self.rare_mut().schedules.retain(|s| s.current != *id);
                }
                match self.grant_mut(*id) {
                    Ok(grant) => grant.voided = true,
                    Err(_) if recurs => {}
                    Err(what) => return Err(what),
                }
            }
            Event::Adjusted { grant: id, by, owed, .. } => {
                let by = by.checked_add(*owed).ok_or("overflow")?;
                if !by.is_zero() {
                    let grant = self.grant_mut(*id)?;
                    grant.terms.amount = grant.terms.amount.checked_add(by).ok_or("overflow")?;
                }
            }
            Event::Denied(denials) => self.denied = self.denied.saturating_add(denials.count),
            Event::Cycle(event) => self.apply_cycle(record, event)?,
            Event::Corrected { correcting, charge } => {
                for (id, terms) in &correcting.reopened {
                    self.open_grant(*id, terms.clone());
                }
                let beyond = (excess_visits(charge), record.effective_at);
                self.correct(&charge.usage.path, &record.corrections, beyond, now);
            }
            Event::Late(late) => self.apply_late(record.seq, late)?,
            Event::Alert(alert) => self.apply_alert(record, alert)?,
            Event::Granted => self.end_top_up(record),
            Event::Abuse(abuse) => self.apply_abuse(record, abuse),
            Event::GrantExpired(id) => self.note_left(*id),
            Event::CatalogLoaded { .. }
            | Event::KeyCreated(_)
            | Event::KeyRevoked(_)
            | Event::Server(_)
            | Event::Erased { .. } => {}
        }
        Ok(())
    }

    /// The part after the movements: ended holds and empty grants leave.
    fn finish_event(&mut self, record: &Record) -> Result<(), String> {
        match &record.event {
            Event::Settled { hold: id, is_late: false, .. }
            | Event::Released(id)
            | Event::Expired { hold: id, .. } => {
                self.end_hold(*id, record)?;
                if !matches!(record.event, Event::Released(_)) {
                    self.note_end(matches!(record.event, Event::Expired { .. }));
                }
            }
            Event::Opened(_)
            | Event::Changed { .. }
            | Event::Authorized { .. }
            | Event::Extended { .. }
            | Event::Settled { is_late: true, .. }
            | Event::Charged { .. }
            | Event::Granted
            | Event::GrantExpired(_)
            | Event::Voided { .. }
            | Event::Adjusted { .. }
            | Event::Refunded { .. }
            | Event::Denied(_)
            | Event::CatalogLoaded { .. }
            | Event::KeyCreated(_)
            | Event::KeyRevoked(_)
            | Event::Cycle(_)
            | Event::Corrected { .. }
            | Event::Late(_)
            | Event::Alert(_)
            | Event::Abuse(_)
            | Event::Server(_)
            | Event::Erased { .. } => {}
        }
        if !record.movements.is_empty() {
            self.grants.retain(|g| g.remaining.is_positive() || g.held.is_positive());
        }
        Ok(())
    }

    /// The remainder of a grant that ends, for credits that holds give back to it later.
    pub(super) fn note_left(&mut self, id: GrantId) {
        if let Ok(grant) = self.grant_mut(id) {
            grant.left = grant.left.or(Some(grant.remaining));
        }
    }

    pub(super) fn open_grant(&mut self, id: GrantId, terms: GrantTerms) {
        if let Ok(open) = self.grant_mut(id) {
            open.terms.amount = open.terms.amount.max(terms.amount);
            return;
        }
        self.wakes_at = self.wakes_at.min(terms.expires_at);
        let grant =
            Grant { id, terms, remaining: Credits::ZERO, held: Credits::ZERO, voided: false, left: None };
        let at = self.grants.partition_point(|g| g.burn_key() < grant.burn_key());
        self.grants.insert(at, grant);
    }
}

fn excess_visits(charge: &Charge) -> &[Visit] {
    charge.excess.as_ref().map_or(&[], |e| &e.visits)
}
