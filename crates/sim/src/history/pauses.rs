//! Pauses: nothing is granted, renews or expires in one, and afterwards grants expire later by as long as they stood still.
//!
//! Units: instants in UTC microseconds.

use std::collections::BTreeMap;

use headworks_core::record::{CycleEvent, Event, GrantId, Instant, Operation, PlanChange, Record, Seq, Span};

/// A grant that does not recur: when it was opened, and its expiry so far.
type Expiry = (Instant, Instant);

#[derive(Default)]
struct Walk {
    /// The pause that the account is in, since when, and its planned end.
    pause: Option<(Seq, Instant, Option<Instant>)>,
    expiries: BTreeMap<GrantId, Expiry>,
}

/// Follows the pauses of a log.
pub(super) fn check(log: &[Record]) -> Result<(), String> {
    let mut walk = Walk::default();
    for record in log {
        walk.follow(record).map_err(|e| format!("record {}: {e}", record.seq))?;
    }
    Ok(())
}

impl Walk {
    fn follow(&mut self, record: &Record) -> Result<(), String> {
        if self.pause.is_some() && stands_still(record) {
            return Err(format!("a paused account has {}", record.event.kind()));
        }
        if let Some(terms) = record.opens.as_ref().filter(|terms| terms.recurrence.is_none()) {
            self.expiries.insert(GrantId(record.seq), (given_at(record), terms.expires_at));
        }
        match &record.event {
            Event::GrantExpired(id) => {
                let expiry = self.expiries.get(id).map(|(_, at)| *at);
                if expiry.is_some_and(|at| at != record.effective_at) {
                    return Err(format!("{id:?} expires then and not at {expiry:?}"));
                }
            }
            Event::Cycle(event) => match &**event {
                CycleEvent::Paused(pause) => {
                    let begun = (record.seq, record.recorded_at, pause.until);
                    if let Some((before, ..)) = self.pause.replace(begun) {
                        return Err(format!("it has been paused since {before}"));
                    }
                }
                CycleEvent::PauseEnded(end) => {
                    if self.pause.and_then(|(.., until)| until) != Some(record.effective_at) {
                        return Err("the pause was to end at another instant".into());
                    }
                    self.ends(end.pause, record.effective_at)?;
                }
                CycleEvent::Resumed { end, .. } => self.ends(end.pause, record.recorded_at)?,
                _ => {}
            },
            _ => {}
        }
        Ok(())
    }

    fn ends(&mut self, id: Seq, end: Instant) -> Result<(), String> {
        let Some((_, since, _)) = self.pause.take().filter(|(pause, ..)| *pause == id) else {
            return Err(format!("{id} is no pause that it is in"));
        };
        for (opened_at, at) in
            self.expiries.values_mut().filter(|(_, at)| since < *at && *at < Instant::NEVER)
        {
            let stood_still: Span = end.since(since.max(*opened_at));
            *at = at.after(stood_still);
        }
        Ok(())
    }
}

/// A hold that expires gives back at its deadline, before grants end then, however late that is written.
fn given_at(record: &Record) -> Instant {
    if matches!(record.event, Event::Expired { .. }) {
        Instant::from_micros(record.effective_at.micros() - 1)
    } else {
        record.recorded_at
    }
}

/// Whether it does not happen to an account that is paused.
fn stands_still(record: &Record) -> bool {
    match &record.event {
        Event::Authorized { .. } | Event::GrantExpired(_) => true,
        Event::Charged { .. } => record.key.as_ref().is_some_and(|k| k.operation == Operation::Authorize),
        Event::Extended { usage, .. } => usage.lines.iter().any(|line| line.quantity > 0),
        Event::Cycle(event) => matches!(
            &**event,
            CycleEvent::Renewed { .. }
                | CycleEvent::RolledOver(_)
                | CycleEvent::Ended(_)
                | CycleEvent::PlanChanged(PlanChange { moved_from: Some(_), .. })
        ),
        _ => false,
    }
}
