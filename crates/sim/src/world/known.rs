//! What answers let callers refer to: holds, grants, charges and late use of one account.

use headworks_core::record::{Event, Record, Seq};

/// Records of one account that operations can refer to.
#[derive(Default)]
pub(super) struct Known {
    pub(super) holds: Vec<Seq>,
    pub(super) grants: Vec<Seq>,
    pub(super) recurring: Vec<Seq>,
    pub(super) charges: Vec<Seq>,
    pub(super) kept: Vec<Seq>,
}

/// Takes note of a record that was answered.
pub(super) fn note(known: &mut Known, record: &Record) {
    let seq = record.seq;
    if let Event::Authorized { .. } = record.event {
        known.holds.push(seq);
    }
    if let Some(terms) = &record.opens {
        known.grants.push(seq);
        if terms.recurrence.is_some() {
            known.recurring.push(seq);
        }
    }
    if record.charge().is_some() {
        known.charges.push(seq);
    }
    if record.quarantined().is_some() {
        known.kept.push(seq);
    }
    // Old ones are asked for now and then, new ones mostly.
    for list in [&mut known.holds, &mut known.grants, &mut known.charges, &mut known.recurring] {
        if list.len() > 8 {
            list.remove(0);
        }
    }
}
