//! The calls, by subject.

use headworks_core::record::Event;
use headworks_engine::{Answer, Effect};
use headworks_wire as wire;
use wire::{Reference, ReferenceError};

use crate::problem::{Kind, Problem};
use crate::render;

mod abuse;
mod accounts;
mod administration;
mod audit_log;
mod callers;
pub(crate) mod catalogs;
mod corrections;
mod credits;
pub(crate) mod decisions;
pub(crate) mod inbound;
mod incidents;
mod increases;
mod invoices;
mod known;
pub(crate) mod ledger;
mod overrides;
mod pauses;
mod plans;
mod resets;
mod seats;
mod supplies;
mod terms;
mod test_clock;
mod top_ups;
pub(crate) mod usage;
mod webhooks;

const PAGE_MAX: usize = 1_000;

/// How many items of a list are shown.
fn page_size(max: Option<u16>) -> usize {
    usize::from(max.unwrap_or(100)).clamp(1, PAGE_MAX)
}

/// The record that a part of a path names; otherwise a problem of this kind.
fn named(text: &str, unknown: Kind) -> Result<Reference, Problem> {
    text.parse().map_err(|e: ReferenceError| Problem::new(unknown, e.to_string()))
}

/// The change that a recorded command made.
fn change(answer: &Answer) -> Result<wire::Change, Problem> {
    match &answer.effect {
        Effect::Recorded(record) => Ok(render::change(&answer.account, record, answer.replayed)),
        Effect::Denied(_) | Effect::Unrecorded(_) => Err(Problem::invalid("nothing was recorded")),
    }
}

/// Whether it is late use that waits in quarantine.
fn is_late(answer: &Answer) -> bool {
    matches!(&answer.effect, Effect::Recorded(record) if matches!(record.event, Event::Late(_)))
}
