//! Overrides and requests for higher limits: each ends once and in time, is answered once, and every decision names the one that
//! its limits come from.

use std::collections::BTreeMap;

use headworks_core::record::{
    CycleEvent, Decision, Denial, Event, Figure, Instant, Override, Path, Record, Seq, Terms, Visit,
    VisitKind,
};

use super::in_force::{InForce, path_of};
use crate::catalog::{BURST, RAISED};

#[derive(Default)]
struct Walk<'a> {
    in_force: InForce<'a>,
    /// Requests for a higher limit that wait for an answer.
    asked: BTreeMap<Seq, &'a Override>,
}

/// Follows the overrides of a log.
pub(super) fn check(log: &[Record]) -> Result<(), String> {
    let mut denials: Vec<&Denial> = log.iter().flat_map(denials).collect();
    denials.sort_by_key(|denial| denial.at);
    let mut denials = denials.into_iter().peekable();
    let mut walk = Walk::default();
    for record in log {
        while let Some(denial) = denials.next_if(|denial| denial.at < record.recorded_at) {
            walk.decides(&denial.decision, &denial.usage.path, denial.at)
                .map_err(|e| format!("denial at {}: {e}", denial.at))?;
        }
        walk.follow(record).map_err(|e| format!("record {}: {e}", record.seq))?;
    }
    Ok(())
}

fn denials(record: &Record) -> &[Denial] {
    if let Event::Denied(denials) = &record.event { &denials.recent } else { &[] }
}

impl<'a> Walk<'a> {
    fn follow(&mut self, record: &'a Record) -> Result<(), String> {
        let now = record.recorded_at;
        let stands_over = |(_, own): &&(Seq, &Override)| own.until.is_some_and(|until| until <= now);
        if let Some((id, _)) =
            self.in_force.overrides().iter().find(stands_over).filter(|_| record.key.is_some())
        {
            return Err(format!("override {id} is over, and no record has ended it"));
        }
        if let Event::Cycle(event) = &record.event {
            self.changes(record, event)?;
        }
        self.in_force.follow(record);
        let path = path_of(record);
        if let Some(decision) = record.event.decision() {
            self.decides(decision, &path, now)?;
        }
        let beyond = record.charge().and_then(|charge| charge.excess.as_ref());
        beyond.map_or(Ok(()), |beyond| self.agree(&beyond.visits, &path, now))
    }

    fn changes(&mut self, record: &'a Record, event: &'a CycleEvent) -> Result<(), String> {
        match event {
            CycleEvent::IncreaseAsked(terms) => {
                self.asked.insert(record.seq, terms);
            }
            CycleEvent::IncreaseDenied { asked, .. } => {
                self.asked.remove(asked).ok_or_else(|| format!("nobody waits for the answer to {asked}"))?;
            }
            CycleEvent::Overridden(Override { approves: Some(asked), limit, path, .. }) => {
                let waits = self.asked.remove(asked);
                let waits = waits.ok_or_else(|| format!("nobody waits for the answer to {asked}"))?;
                if (&waits.limit, &waits.path) != (limit, path) {
                    return Err(format!("{limit} of {path} is approved, and {} was asked for", waits.limit));
                }
            }
            CycleEvent::Overridden(own) if is_of_incident(record) => self.raises(own, record.recorded_at)?,
            CycleEvent::OverrideEnded(id) if self.ends(*id)?.until != Some(record.effective_at) => {
                return Err(format!("override {id} was to end at another instant"));
            }
            CycleEvent::OverrideRemoved { id, .. } => {
                self.ends(*id)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn ends(&self, id: Seq) -> Result<&'a Override, String> {
        let own = self.in_force.overrides().iter().find(|(of, _)| *of == id).map(|(_, own)| *own);
        own.ok_or_else(|| format!("override {id} ends, and is not in force"))
    }

    /// What an incident raises was lower before, for the account itself.
    fn raises(&self, own: &Override, now: Instant) -> Result<(), String> {
        let planned = RAISED.iter().find(|(limit, ..)| *limit == own.limit.as_str());
        let planned = planned.ok_or_else(|| format!("no incident raises {}", own.limit))?.1;
        let before = self.in_force.figure(own.limit.as_str(), &Path::default(), now, planned);
        let is_lower = own.path != Path::default() || most(own.figure) <= before;
        if is_lower || own.until.is_none() {
            return Err(format!("{} is raised from {before} to {:?}", own.limit, own.figure));
        }
        Ok(())
    }

    fn decides(&self, decision: &Decision, path: &Path, now: Instant) -> Result<(), String> {
        self.agree(&decision.visits, path, now)
    }

    /// What a decision has looked at has the figure of its override, and names it.
    fn agree(&self, visits: &[Visit], path: &Path, now: Instant) -> Result<(), String> {
        let looks = |visit: &&Visit| visit.terms.is_some() || visit.kind == VisitKind::Overdraft;
        for visit in visits.iter().filter(looks) {
            let own = self.in_force.overriding(visit.name.as_str(), path, now);
            if visit.overridden_by != own.map(|(id, _)| id) {
                return Err(format!(
                    "{} comes from {:?} and not from {own:?}",
                    visit.name, visit.overridden_by
                ));
            }
            if let (Some((_, figure)), Some(terms)) = (own, visit.terms)
                && !has(terms, figure, visit)
            {
                return Err(format!("{} is {terms:?} and not {figure:?}", visit.name));
            }
        }
        Ok(())
    }
}

fn is_of_incident(record: &Record) -> bool {
    record.key.as_ref().is_some_and(|key| key.text.as_str().starts_with("incident "))
}

/// Whether terms have a figure. A rate without a limit drains as the plan says; unpaid invoices lower that of a postpaid layer.
fn has(terms: Terms, figure: Figure, visit: &Visit) -> bool {
    let own_burst = visit.name.as_str() == BURST.0;
    match (terms, figure) {
        (Terms::Rate { burst, .. }, Figure::Unlimited) => i64::try_from(burst) == Ok(i64::MAX),
        (Terms::Rate { limit, burst, .. }, Figure::Limit(figure)) => {
            i64::try_from(limit) == Ok(figure) && burst == if own_burst { BURST.1 } else { limit }
        }
        (terms, _) if visit.kind == VisitKind::Postpaid => terms.capacity() <= most(figure),
        (terms, _) => terms.capacity() == most(figure),
    }
}

fn most(figure: Figure) -> i64 {
    if let Figure::Limit(figure) = figure { figure } else { i64::MAX }
}
