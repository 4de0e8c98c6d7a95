//! Abuse rules: what holds off abuse without hurting honest use.
//!
//! Each rule is off, observed or enforced, and every figure is the operator's. Statistical rules clamp and never block: the
//! first request of a clamped window passes. Never reads a clock: a rule's memory is folded from records
//! ([`crate::window::Habit`]), or kept by the engine and passed to the decision ([`penalty`], [`sketch`]).
//! U1 an effect has a reason and an expiry, and is a record (`tests/abuse.rs`).
//! Units: cost, the catalog's formula over meters; credits in nano-credits.

use crate::record::{Decision, Rule, Span, VisitKind};

pub mod penalty;
pub mod sketch;

/// The shortest time between two free grants of one identity.
pub(crate) const FREE_GRANT_EVERY: Span = Span::from_secs(90 * 86_400);
/// The place where the use of sub-keys beyond a tier's number is counted.
pub const OTHER: &str = "other";
/// The level of the penalty box that a stored decision was based on.
#[must_use]
pub(crate) fn recorded_penalty(decision: &Decision) -> u8 {
    let name = Rule::Penalty.name();
    let visit = decision.visits.iter().find(|v| v.kind == VisitKind::Abuse && v.name == name);
    visit.and_then(|v| u8::try_from(v.before).ok()).unwrap_or(0)
}
