//! Rules that every record obeys. Checked before it is stored, and again when it is read.
//!
//! S1 the draws together are worth the price (`a_record_that_does_not_add_up_is_refused`).
//! S2 a granted use passes no limit, and takes from a source no more than it has.
//! Units: nano-credits; windows in their own unit.

use super::{Credits, Decision, Draw, Event, Record, Terms, Verdict, Visit, VisitKind};

impl Record {
    /// Whether the record is sound in itself.
    ///
    /// # Errors
    /// The text names the broken rule.
    pub(crate) fn check_sound(&self) -> Result<(), &'static str> {
        if let Event::Authorized { decision, .. } | Event::Extended { decision, .. } = &self.event {
            is_worth(&decision.draws, decision.price)?;
            passes_nothing(decision)?;
        }
        if let Some(charge) = self.charge() {
            is_worth(&charge.draws, charge.price)?;
        }
        if let Event::Charged { decision, .. } = &self.event {
            decision.visits.iter().try_for_each(takes_what_is_there)?;
        }
        let zero = |m: &super::Movement| m.amount <= Credits::ZERO || m.from == m.to;
        if self.movements.iter().any(zero) {
            return Err("it moves nothing, or from a book to itself");
        }
        Ok(())
    }
}

fn is_worth(draws: &[Draw], price: Credits) -> Result<(), &'static str> {
    let worth = draws.iter().try_fold(0_i64, |sum, draw| sum.checked_add(draw.worth));
    if worth == Some(price.nano()) { Ok(()) } else { Err("its draws are not worth its price") }
}

/// A hold, or more of one, was granted within every limit.
fn passes_nothing(decision: &Decision) -> Result<(), &'static str> {
    decision.visits.iter().try_for_each(|visit| {
        takes_what_is_there(visit)?;
        let bounds = matches!(
            visit.kind,
            VisitKind::Guard | VisitKind::Allowance | VisitKind::MemberCap | VisitKind::Postpaid
        );
        match visit.terms {
            // The usual use of an account is not a limit of its own.
            None | Some(Terms::Habit { .. }) => Ok(()),
            Some(_) if !bounds || visit.cost == 0 || visit.verdict == Verdict::Observed => Ok(()),
            Some(terms) if visit.before.checked_add(visit.cost).is_some_and(|n| n <= terms.capacity()) => {
                Ok(())
            }
            Some(_) => Err("it passes a limit"),
        }
    })
}

fn takes_what_is_there(visit: &Visit) -> Result<(), &'static str> {
    let is_source = matches!(visit.kind, VisitKind::Grant(_) | VisitKind::Overdraft);
    let takes = visit.verdict == Verdict::Paid && is_source;
    if takes && (visit.cost <= 0 || visit.cost > visit.before) {
        return Err("a source pays what it does not have");
    }
    Ok(())
}
