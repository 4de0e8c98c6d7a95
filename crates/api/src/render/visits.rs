//! The guards and sources that a decision looked at, and the warnings among them.

use std::borrow::Cow;

use headworks_core::record as core;
use headworks_core::record::{Event, Instant, Measure, Name, REQUESTS, Record, Span, Terms, Use};
use headworks_wire as wire;

use super::amounts::{allowance_of, amount, credits_of, reference};

/// The unit that a visit counts in, and whether it is one of credits.
fn measure<'a>(usage: &'a Use, v: &core::Visit) -> (Cow<'a, str>, bool) {
    let (unit, is_credits) = match v.measures() {
        Measure::Holds => ("holds", false),
        Measure::Requests => (REQUESTS, false),
        Measure::Meters(names) => {
            return (names.iter().map(Name::as_str).collect::<Vec<_>>().join("+").into(), false);
        }
        Measure::Allowance => allowance_of(usage),
        Measure::Cost => ("cost", false),
        Measure::Level => ("level", false),
        Measure::Credits => credits_of(usage),
    };
    (unit.into(), is_credits)
}

/// When a window closes.
fn closes(terms: Option<Terms>) -> Option<Instant> {
    match terms {
        Some(Terms::Period { end, .. } | Terms::Growth { end, .. }) => {
            Some(end).filter(|end| *end < Instant::NEVER)
        }
        Some(Terms::Rate { .. } | Terms::Sliding { .. } | Terms::Slots { .. } | Terms::Habit { .. })
        | None => None,
    }
}

/// The marks of warnings that a use has reached.
pub(super) fn reached(usage: &Use, visits: &[core::Visit]) -> Vec<wire::LimitWarning> {
    let reached = visits.iter().filter_map(|v| Some((v, v.mark?, v.terms?)));
    let warning = |(v, percent, terms): (&core::Visit, u8, Terms)| {
        let unit = measure(usage, v);
        let unit = (&*unit.0, unit.1);
        wire::LimitWarning {
            limit: v.name.clone(),
            level: v.level,
            member: usage.path.member(v.level),
            percent,
            used: amount(v.after(), unit),
            of: amount(terms.capacity(), unit),
            unit: unit.0.into(),
            resets_at: closes(v.terms),
        }
    };
    reached.map(warning).collect()
}

/// The marks that the use of a record has reached, in its decision or with what its hold did not cover.
pub(crate) fn warnings(record: &Record) -> Vec<wire::LimitWarning> {
    let mut all = Vec::new();
    if let Event::Authorized { usage, decision, .. } | Event::Extended { usage, decision, .. } = &record.event
    {
        all.extend(reached(usage, &decision.visits));
    }
    if let Event::Charged { charge, decision, .. } = &record.event {
        all.extend(reached(&charge.usage, &decision.visits));
    }
    if let Some(charge) = record.charge()
        && let Some(excess) = &charge.excess
    {
        all.extend(reached(&charge.usage, &excess.visits));
    }
    all
}

/// A visit of a decision at an instant that granted the request or did not.
pub(super) fn visit(
    (account, usage): (&Name, &Use),
    (at, granted): (Instant, bool),
    v: &core::Visit,
) -> wire::Visit {
    let (kind, grant) = match v.kind {
        core::VisitKind::Guard => ("guard", None),
        core::VisitKind::Allowance => ("allowance", None),
        core::VisitKind::Grant(id) => ("grant", Some(reference(account, id.0))),
        core::VisitKind::MemberCap => ("member_cap", None),
        core::VisitKind::Overdraft => ("overdraft", None),
        core::VisitKind::Postpaid => ("postpaid", None),
        core::VisitKind::Account => ("account", None),
        core::VisitKind::Supply => ("supply", None),
        core::VisitKind::Abuse => ("abuse", None),
        core::VisitKind::Plan => ("plan", None),
    };
    let (verdict, reason) = match v.verdict {
        core::Verdict::Passed => ("passed", None),
        // A source that paid nothing, or would have paid, has not paid.
        core::Verdict::Paid if v.cost == 0 => ("empty", None),
        core::Verdict::Paid if !granted => ("would_pay", None),
        core::Verdict::Paid => ("paid", None),
        core::Verdict::Empty => ("empty", None),
        core::Verdict::Refused(reason) => ("refused", Some(reason.as_str().to_owned())),
        core::Verdict::Observed => ("observed", None),
        core::Verdict::Demoted => ("demoted", None),
    };
    let unit = measure(usage, v);
    let unit = (&*unit.0, unit.1);
    let after = if granted { v.after() } else { v.before };
    wire::Visit {
        kind: kind.into(),
        name: v.name.clone(),
        level: v.level,
        verdict: verdict.into(),
        reason,
        grant,
        before: amount(v.before, unit),
        cost: amount(v.cost, unit),
        after: amount(after, unit),
        limit: v
            .terms
            .map(|t| t.capacity())
            .filter(|limit| *limit < i64::MAX)
            .map(|limit| amount(limit, unit)),
        unit: unit.0.into(),
        resets_at: closes(v.terms),
        rate: v.terms.and_then(|terms| rate(terms, after, at)),
        overridden_by: v.overridden_by.map(|id| reference(account, id)),
    }
}

/// The terms of a rate, with this much used.
fn rate(terms: Terms, used: i64, at: Instant) -> Option<wire::RateLimit> {
    let Terms::Rate { limit, period, burst } = terms else { return None };
    // Use is known in whole units; the last one may have drained in part.
    let micros = u128::from(used.max(0).unsigned_abs()) * u128::from(period.micros());
    let drained = u64::try_from(micros.div_ceil(u128::from(limit.max(1)))).unwrap_or(u64::MAX);
    Some(wire::RateLimit { limit, period, burst, full_at: at.after(Span::from_micros(drained)) })
}
