//! The fold of holds: opened, grown, ended.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use smallvec::SmallVec;

use super::open::{Grant, Hold};
use super::state::Account;
use crate::record::{
    Basis, Counted, Credits, Draw, Event, HoldId, HoldTerms, Instant, Record, Seq, Source, Use, Verdict,
    Visit, VisitKind,
};

impl Account {
    pub(super) fn open_hold(&mut self, seq: Seq, now: Instant, usage: &Use, terms: &HoldTerms) {
        self.wakes_at = self.wakes_at.min(terms.deadline);
        self.holds.push(Box::new(Hold {
            id: HoldId(seq),
            opened_at: now,
            terms: terms.clone(),
            usage: usage.clone(),
            draws: SmallVec::new(),
            counted: Vec::new(),
            extensions: 0,
            progress: None,
        }));
    }

    fn hold_mut(&mut self, id: HoldId) -> Result<&mut Hold, String> {
        let at = self.holds.binary_search_by_key(&id, |h| h.id).map_err(|_| "no such hold")?;
        self.holds.get_mut(at).map(|h| &mut **h).ok_or_else(|| "no such hold".into())
    }

    pub(super) fn extend_hold(
        &mut self,
        id: HoldId,
        more: &Use,
        deadline: Instant,
        progress: Option<&Use>,
    ) -> Result<(), String> {
        let hold = self.hold_mut(id)?;
        if deadline != hold.terms.deadline {
            hold.terms.deadline = deadline;
            hold.extensions += 1;
        }
        hold.usage.grow(more)?;
        if let Some(progress) = progress {
            hold.progress = Some(progress.clone());
        }
        self.wakes_at = self.wakes_at.min(deadline);
        Ok(())
    }

    /// The room that an extension took in the hold's supply is given back with the rest.
    pub(super) fn extend_capacity(&mut self, id: HoldId, visits: &[Visit]) -> Result<(), String> {
        let taken = visits.iter().filter(|v| v.kind == VisitKind::Supply && v.verdict == Verdict::Passed);
        let hold = self.hold_mut(id)?;
        let Some(held) = &mut hold.terms.capacity else { return Ok(()) };
        for visit in taken {
            held.cost = held.cost.checked_add(visit.cost.unsigned_abs()).ok_or("overflow")?;
            if let Basis::InFlight(more) = visit.basis {
                held.in_flight = held.in_flight.checked_add(more).ok_or("overflow")?;
            }
        }
        Ok(())
    }

    /// Counts the draws of a decision and writes them on the hold's receipt.
    pub(super) fn count(
        &mut self,
        id: HoldId,
        visits: &[Visit],
        draws: &[Draw],
        now: Instant,
    ) -> Result<(), String> {
        for draw in draws {
            if let Source::Grant(grant, _) = draw.source {
                let grant = self.grant_mut(grant)?;
                grant.held = grant.held.checked_add(draw.credits()).ok_or("overflow")?;
            }
        }
        let hold = self.hold_mut(id)?;
        for draw in draws {
            // Additional draws come last, so that they are the first to be given back.
            match hold.draws.last_mut().filter(|last| last.is_like(draw)) {
                Some(same) => {
                    same.amount = same.amount.checked_add(draw.amount).ok_or("overflow")?;
                    same.worth = same.worth.checked_add(draw.worth).ok_or("overflow")?;
                }
                None => hold.draws.push(draw.clone()),
            }
        }
        let counts = visits.iter().filter(|v| v.is_given_back() && v.cost != 0);
        hold.counted.extend(counts.map(|v| Counted::of(v, now)));
        let path = hold.usage.path.clone();
        self.take_visits(&path, visits, now, now);
        Ok(())
    }

    pub(super) fn end_hold(&mut self, id: HoldId, record: &Record) -> Result<(), String> {
        let at = self.holds.binary_search_by_key(&id, |h| h.id).map_err(|_| "no such hold")?;
        let hold = self.holds.remove(at);
        // At one instant, a hold that passes its deadline gives back before grants end.
        let expires = matches!(record.event, Event::Expired { .. });
        let has_ended = |grant: &Grant| {
            let at = grant.terms.expires_at;
            if expires { at < record.effective_at } else { at <= record.recorded_at }
        };
        for draw in &hold.draws {
            if let Source::Grant(grant, _) = draw.source {
                let grant = self.grant_mut(grant)?;
                let held = grant.held.checked_sub(draw.credits()).filter(|held| *held >= Credits::ZERO);
                grant.held = held.ok_or("a hold frees more than its grant has set aside")?;
                if has_ended(grant) {
                    let left = grant.left.unwrap_or_default().checked_add(draw.credits());
                    grant.left = Some(left.ok_or("overflow")?);
                }
            }
        }
        // The charged part has not come back.
        for draw in record.charge().map_or(&[][..], |c| &c.draws) {
            if let Source::Grant(grant, _) = draw.source
                && let Ok(grant) = self.grant_mut(grant)
                && has_ended(grant)
            {
                let left = grant.left.unwrap_or_default().checked_sub(draw.credits());
                grant.left = Some(left.ok_or("overflow")?);
            }
        }
        Ok(())
    }
}
