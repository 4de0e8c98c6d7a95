//! Notable cases of a record beyond its kind, which simulations must reach.

use headworks_core::record::{Book, Charge, CycleEvent, Event, Record, Terms, Verdict, VisitKind};

use crate::catalog::{FACTOR, PACE, SEATED, TRIED};

/// Every case.
pub(crate) const CASES: [&str; 37] = [
    "owed",
    "made good",
    "debt repaid",
    "overdraft repaid",
    "paid by the pool",
    "owed by hand",
    "late use",
    "settled late",
    "refunded again",
    "corrected",
    "carried for a life",
    "carried by a hold",
    "day of 23 or 25 hours",
    "short month",
    "anchor moved",
    "lent",
    "a day closes with a charge",
    "a long rental",
    "a factor",
    "a warning",
    "a limit that has grown",
    "passed on the plan that is tried",
    "not passed on the plan that is tried",
    "several parts",
    "a part turned out without a price",
    "paid for a seat",
    "a premium seat",
    "passed an override",
    "paid under an override",
    "a cap of an override",
    "lent under an override",
    "billed under an override",
    "a factor of an override",
    "an increase is approved",
    "on the plan that is rolled out",
    "raised by an incident",
    "reset by an incident",
];

const HOUR: u64 = 3_600_000_000;

/// The cases of a record.
pub(crate) fn cases(record: &Record) -> Vec<&'static str> {
    let mut all = Vec::new();
    let mut note = |is: bool, case: &'static str| {
        if is {
            all.push(case);
        }
    };
    let moves = |from: Option<Book>, to: Option<Book>| {
        let is = |book: Option<Book>, moved: Book| book.is_none_or(|b| b == moved);
        record.movements.iter().any(|m| is(from, m.from) && is(to, m.to))
    };
    note(moves(Some(Book::Debt), Some(Book::Spent)), "owed");
    note(moves(Some(Book::Goodwill), Some(Book::Spent)), "made good");
    note(matches!(record.event, Event::Granted) && moves(None, Some(Book::Debt)), "debt repaid");
    note(matches!(record.event, Event::Granted) && moves(None, Some(Book::Overdraft)), "overdraft repaid");
    let draws = record.event.decision().map_or(&[][..], |d| &d.draws);
    note(draws.iter().any(|d| d.layer.as_str() == "shared"), "paid by the pool");
    note(matches!(&record.event, Event::Adjusted { owed, .. } if owed.is_positive()), "owed by hand");
    let is_charge = matches!(record.event, Event::Charged { .. });
    note(is_charge && record.effective_at < record.recorded_at, "late use");
    note(matches!(record.event, Event::Settled { is_late: true, .. }), "settled late");
    note(matches!(record.event, Event::Refunded { before: 1.., .. }), "refunded again");
    note(matches!(record.event, Event::Corrected { .. }), "corrected");
    note(moves(Some(Book::Postpaid), Some(Book::Spent)), "lent");
    note(record.charge().is_some_and(Charge::closes), "a day closes with a charge");
    let is_long = |charge: &Charge| charge.usage.dimensions.iter().any(|d| d.value.as_str() == "long");
    note(record.charge().is_some_and(is_long), "a long rental");
    let factor = record.charge().and_then(|charge| charge.usage.factor.as_ref()).map(|of| of.billionths);
    note(factor.is_some(), "a factor");
    note(factor.is_some_and(|factor| i64::try_from(factor) == Ok(TRIED)), "on the plan that is rolled out");
    note(
        factor.is_some_and(|factor| ![FACTOR, TRIED].iter().any(|of| i64::try_from(factor) == Ok(*of))),
        "a factor of an override",
    );
    note(record.charge().is_some_and(|charge| !charge.usage.more.is_empty()), "several parts");
    let unpriced = |charge: &Charge| charge.usage.more.iter().any(|part| part.unpriced);
    note(record.charge().is_some_and(unpriced), "a part turned out without a price");
    note(draws.iter().any(|d| d.layer.as_str() == "seated"), "paid for a seat");
    if let Event::Cycle(event) = &record.event {
        let lives = record.opens.as_ref().is_some_and(|t| t.burns_at.is_some());
        note(matches!(**event, CycleEvent::RolledOver(_)) && lives, "carried for a life");
        let approves = matches!(&**event, CycleEvent::Overridden(own) if own.approves.is_some());
        note(approves, "an increase is approved");
        let is_incident = record.key.as_ref().is_some_and(|key| key.text.as_str().starts_with("incident "));
        note(is_incident && matches!(**event, CycleEvent::Overridden(_)), "raised by an incident");
        note(is_incident && matches!(**event, CycleEvent::Redeemed { .. }), "reset by an incident");
        note(matches!(&**event, CycleEvent::PlanChanged(c) if c.moved_from.is_some()), "anchor moved");
    }
    let ends = matches!(record.event, Event::Settled { .. } | Event::Released(_) | Event::Expired { .. });
    note(ends && record.opens.is_some(), "carried by a hold");
    for visit in record.event.decision().map_or(&[][..], |d| &d.visits) {
        let is_tried = visit.kind == VisitKind::Plan;
        note(is_tried && visit.verdict == Verdict::Passed, "passed on the plan that is tried");
        note(is_tried && visit.verdict == Verdict::Observed, "not passed on the plan that is tried");
        let grows = matches!(visit.terms, Some(Terms::Growth { limit, .. }) if limit > PACE.0);
        let is_own = visit.overridden_by.is_some();
        let is_paid = matches!(visit.verdict, Verdict::Passed | Verdict::Paid) && visit.cost > 0;
        note(is_own && is_paid && visit.kind == VisitKind::Guard, "passed an override");
        note(is_own && is_paid && visit.kind == VisitKind::Allowance, "paid under an override");
        note(is_own && is_paid && visit.kind == VisitKind::MemberCap, "a cap of an override");
        note(is_own && is_paid && visit.kind == VisitKind::Overdraft, "lent under an override");
        note(is_own && is_paid && visit.kind == VisitKind::Postpaid, "billed under an override");
        note(grows && !is_own, "a limit that has grown");
        let Some(Terms::Period { start, end, .. }) = visit.terms else { continue };
        let hours = end.since(start).micros() / HOUR;
        note(matches!(visit.name.as_str(), "local" | "round") && hours != 24, "day of 23 or 25 hours");
        note(visit.mark.is_some(), "a warning");
        let limit = visit.terms.map_or(0, |terms| terms.capacity());
        note(visit.name.as_str() == "seated.day" && limit == SEATED[1], "a premium seat");
        note(visit.name.as_str() == "cycle" && hours < 30 * 24, "short month");
    }
    all
}
