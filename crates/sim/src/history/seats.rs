//! Seats: who holds one, and use that goes with it.

use std::collections::BTreeMap;

use headworks_core::record::{
    CycleEvent, Event, Late, Level, Name, Operation, Path, Record, Segment, Seq, Settings,
};

/// The seats of an account at some record: the type and the member of each.
#[derive(Default)]
pub(super) struct Seats<'a>(BTreeMap<&'a Name, (Option<&'a Name>, Option<&'a Segment>)>);

impl<'a> Seats<'a> {
    pub(super) fn follow(&mut self, record: &'a Record) {
        let Event::Cycle(event) = &record.event else { return };
        match &**event {
            CycleEvent::SeatSet(terms) => {
                self.0.insert(&terms.name, (terms.kind.as_ref(), terms.member.as_ref()));
            }
            CycleEvent::SeatRemoved { seat, .. } => {
                self.0.remove(seat);
            }
            _ => {}
        }
    }

    /// The seat that the user of a path holds.
    pub(super) fn held_on(&self, path: &Path) -> Option<&'a Name> {
        let user = path.at(Level::User)?;
        let is_held = |member: &Segment| member.level == Level::User && member.name == *user;
        self.0.iter().find(|(_, (_, member))| member.is_some_and(is_held)).map(|(seat, _)| *seat)
    }

    /// Whether the seat of a path is of the type `premium`.
    pub(super) fn is_premium(&self, path: &Path) -> bool {
        let kind = path.at(Level::Seat).and_then(|seat| self.0.get(seat)).and_then(|(kind, _)| *kind);
        kind.is_some_and(|kind| kind.as_str() == "premium")
    }

    /// Nobody holds two.
    fn are_apart(&self) -> bool {
        let held: Vec<_> = self.0.values().filter_map(|(_, member)| *member).collect();
        held.iter().enumerate().all(|(i, member)| !held[i + 1..].contains(member))
    }
}

/// Follows the seats of a log: each use has that of its member, what was kept, held or charged before keeps its own, and a plan
/// for seats needs one.
pub(super) fn check(log: &[Record]) -> Result<(), String> {
    let mut walk = Walk::default();
    for record in log {
        walk.follow(record).map_err(|e| format!("record {}: {e}", record.seq))?;
    }
    Ok(())
}

#[derive(Default)]
struct Walk<'a> {
    seats: Seats<'a>,
    settings: Option<&'a Settings>,
    /// The paths of holds, charges and use that is kept.
    paths: BTreeMap<Seq, &'a Path>,
}

impl<'a> Walk<'a> {
    fn follow(&mut self, record: &'a Record) -> Result<(), String> {
        self.seats.follow(record);
        if !self.seats.are_apart() {
            return Err("a member holds two seats".into());
        }
        match &record.event {
            Event::Opened(now) | Event::Changed { settings: now, .. } => self.settings = Some(now),
            Event::Authorized { usage, .. } => self.asked(record, &usage.path, true)?,
            Event::Late(Late::Quarantined(late)) => self.asked(record, &late.path, false)?,
            Event::Charged { charge, .. } if !charge.closes() => {
                let is_request = record.key.as_ref().is_some_and(|k| k.operation == Operation::Authorize);
                let kept = record.parents.iter().find_map(|kept| self.paths.get(kept).copied());
                match kept {
                    Some(path) => self.keeps(record, path, &charge.usage.path)?,
                    None => self.asked(record, &charge.usage.path, is_request)?,
                }
            }
            Event::Cycle(event) => {
                if let CycleEvent::PlanChanged(change) = &**event {
                    self.settings = Some(&change.settings);
                }
            }
            _ => {}
        }
        if let (Some(before), Some(charge)) = (record.event.priced_by(), record.charge())
            && let Some(path) = self.paths.get(&before).copied()
        {
            self.keeps(record, path, &charge.usage.path)?;
        }
        Ok(())
    }

    fn asked(&mut self, record: &Record, path: &'a Path, is_request: bool) -> Result<(), String> {
        let seat = path.at(Level::Seat);
        if seat != self.seats.held_on(path) {
            return Err(format!("{path} has the seat {seat:?}"));
        }
        let needs_one = self.settings.is_some_and(|s| s.plan.as_str() == "s");
        if seat.is_none() && needs_one && is_request {
            return Err("it is granted without a seat".into());
        }
        self.paths.insert(record.seq, path);
        Ok(())
    }

    fn keeps(&mut self, record: &Record, before: &Path, path: &'a Path) -> Result<(), String> {
        self.paths.insert(record.seq, path);
        if before == path { Ok(()) } else { Err(format!("it is of {path} and not of {before}")) }
    }
}
