//! The objects that answers let callers refer to: holds, grants, charges and late use of one account; and incidents.

use std::collections::BTreeSet;

use headworks_core::record::{CycleEvent, Event, Name, Record, Seq, Use};

use crate::catalog::FEATURES;
use crate::op::Of;

/// Records of one account that operations can refer to.
#[derive(Default)]
pub(super) struct Known {
    pub(super) holds: Vec<Of>,
    pub(super) grants: Vec<Seq>,
    pub(super) recurring: Vec<Seq>,
    pub(super) charges: Vec<Of>,
    pub(super) kept: Vec<Seq>,
    pub(super) overrides: Vec<Seq>,
    pub(super) increases: Vec<Seq>,
}

/// What is known of the incidents, by their numbers.
#[derive(Default)]
pub(super) struct Incidents {
    /// Those whose run was answered.
    pub(super) begun: BTreeSet<usize>,
    /// The accounts that a run has named as done.
    pub(super) done: BTreeSet<(Name, usize)>,
}

/// Notes an answered record.
pub(super) fn note(known: &mut Known, record: &Record) {
    let seq = record.seq;
    let feature = |usage: &Use| FEATURES.into_iter().find(|f| *f == usage.feature.as_str()).unwrap_or("chat");
    if let Event::Authorized { usage, .. } = &record.event {
        known.holds.push((seq, feature(usage)));
    }
    if let Some(terms) = &record.opens {
        known.grants.push(seq);
        if terms.recurrence.is_some() {
            known.recurring.push(seq);
        }
    }
    if let Some(charge) = record.charge() {
        known.charges.push((seq, feature(&charge.usage)));
    }
    // A charge refunded in part is soon refunded again.
    if let Event::Refunded { charge, .. } = record.event
        && let Some(of) = known.charges.iter().find(|(seq, _)| *seq == charge).copied()
    {
        known.charges.extend([of; 3]);
    }
    if record.quarantined().is_some() {
        known.kept.push(seq);
    }
    if let Event::Cycle(event) = &record.event {
        match &**event {
            CycleEvent::Overridden(_) => known.overrides.push(seq),
            CycleEvent::IncreaseAsked(_) => known.increases.push(seq),
            _ => {}
        }
    }
    // Requests name mostly new ones, and now and then old ones.
    for list in [&mut known.holds, &mut known.charges] {
        shorten(list);
    }
    for list in [&mut known.grants, &mut known.recurring, &mut known.overrides, &mut known.increases] {
        shorten(list);
    }
}

fn shorten<T>(list: &mut Vec<T>) {
    if list.len() > 8 {
        list.drain(..list.len() - 8);
    }
}
