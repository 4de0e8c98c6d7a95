//! What a decision says beside its outcome: marks of the plan's warnings, and the plan that is tried.
//!
//! Units: those of each window; nano-credits.

use headworks_core::record::{Decision, Event, Operation, Record, Terms, Use, Verdict, Visit, VisitKind};

use super::in_force::{InForce, RolledOut};
use super::prices::{Round, priced};
use crate::catalog::MARKS;

/// Every decision of a log.
pub(super) fn check(log: &[Record], rolled_out: RolledOut<'_>) -> Result<(), String> {
    let mut in_force = InForce::new(rolled_out);
    for record in log {
        in_force.follow(record);
        let warns = in_force.has_limits();
        let fail = |e| format!("record {}: {e}", record.seq);
        let visits = record.event.decision().map_or(&[][..], |decision| &decision.visits);
        let beyond = record.charge().and_then(|charge| charge.excess.as_ref()).map_or(&[][..], |e| &e.visits);
        for visit in visits.iter().chain(beyond) {
            let mark = if warns { mark(visit) } else { None };
            if visit.mark.map(i64::from) != mark {
                return Err(fail(format!("{} reaches {mark:?} and not {:?}", visit.name, visit.mark)));
            }
        }
        if let Some((usage, decision, round)) = asked(record) {
            let factor = in_force.tried_factor(&usage.path, record.recorded_at);
            tried(usage, decision, in_force.is_tried().then_some((factor, round))).map_err(fail)?;
        }
    }
    Ok(())
}

/// The highest mark that counted use reaches: it was below before. What limits the pace, or how much at once, has none.
fn mark(visit: &Visit) -> Option<i64> {
    let (Terms::Period { limit, .. } | Terms::Growth { limit, .. }) = visit.terms? else {
        let Some(Terms::Sliding { limit, .. }) = visit.terms else { return None };
        return reached(visit, i64::try_from(limit).ok()?);
    };
    reached(visit, limit)
}

fn reached(visit: &Visit, limit: i64) -> Option<i64> {
    let counts = matches!(
        visit.kind,
        VisitKind::Guard | VisitKind::Allowance | VisitKind::MemberCap | VisitKind::Postpaid
    ) && matches!(visit.verdict, Verdict::Passed | Verdict::Paid)
        && limit > 0;
    let percent = |used: i64| i128::from(used) * 100;
    let (before, after) = (percent(visit.before), percent(visit.before + visit.cost));
    let is_reached = |mark: &i64| {
        let at = i128::from(*mark) * i128::from(limit);
        before < at && at <= after
    };
    MARKS.into_iter().rfind(is_reached).filter(|_| counts)
}

/// The use, the decision and the rounding of a request.
fn asked(record: &Record) -> Option<(&Use, &Decision, Round)> {
    match &record.event {
        Event::Authorized { usage, decision, .. } => Some((usage, decision, Round::Up)),
        Event::Charged { charge, decision, .. } => {
            let is_request = record.key.as_ref().is_some_and(|k| k.operation == Operation::Authorize);
            is_request.then_some((&charge.usage, decision, Round::HalfEven))
        }
        _ => None,
    }
}

/// A request says what it would have cost on the plan that is tried, where that has any; `None`: none is.
fn tried(usage: &Use, decision: &Decision, by: Option<(i64, Round)>) -> Result<(), String> {
    let said = decision.visits.iter().find(|visit| visit.kind == VisitKind::Plan).map(|visit| visit.before);
    let price = by.map(|(factor, round)| priced(usage, factor, round));
    // A request that was shrunk would have been so there too, but not as far; and one that was not may have been.
    let is_shrunk = || by.is_some_and(|by| said.is_some_and(|said| has_shrunk_to(usage, said, by)));
    if said == price || decision.outcome.as_str() == "partial" || is_shrunk() {
        Ok(())
    } else {
        Err(format!("it would cost {price:?} on the plan that is tried, and says {said:?}"))
    }
}

/// Whether fewer tokens, which may be a request's minimum, would have come to a price on the plan that is tried.
fn has_shrunk_to(usage: &Use, price: i64, (factor, round): (i64, Round)) -> bool {
    let tokens =
        usage.lines.iter().find(|line| line.meter.as_str() == "tokens").map_or(0, |line| line.quantity);
    (1..tokens).any(|fewer| {
        let mut usage = usage.clone();
        let of_tokens = usage.lines.iter_mut().filter(|line| line.meter.as_str() == "tokens");
        of_tokens.for_each(|line| line.quantity = fewer);
        priced(&usage, factor, round) == price
    })
}
