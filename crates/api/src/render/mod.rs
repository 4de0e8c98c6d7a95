//! From values of the core to answers of the API. A rendered answer is a function of stored records.

use std::borrow::Cow;

use headworks_core::account::Hold;
use headworks_core::record as core;
use headworks_core::record::{
    Book, CREDITS, Charge, Credits, Denial, Event, HeldCapacity, Instant, Lifter, Measure, Movement, Name,
    REQUESTS, Record, Seq, Span, Terms, Unit, Use, Wall,
};
use headworks_wire as wire;
use wire::Reference;

mod accounts;
pub(crate) mod events;
mod hex;
mod ledger;
mod limits;
pub(crate) mod statement_text;

pub(crate) use accounts::account;
pub(crate) use hex::hex;
pub(crate) use ledger::{EVENT, repriced, statement};
pub use ledger::{event_id, pass, replayed, statement_digest, what_if};
pub(crate) use limits::{overriding, window};

fn reference(account: &Name, seq: Seq) -> Reference {
    Reference::Record(account.clone(), seq)
}

/// The unit of an amount: its name, and whether it is nano-credits.
type Counts<'a> = (&'a str, bool);

/// A count, or nano-credits as a decimal.
fn amount(value: i64, (_, is_credits): Counts<'_>) -> String {
    if is_credits { Credits::from_nano(value).to_string() } else { value.to_string() }
}

/// The unit of credits that a use is priced in.
fn credits_of(usage: &Use) -> Counts<'_> {
    (usage.credit_unit.as_ref().map_or(CREDITS, Name::as_str), true)
}

/// The unit that the allowances of a use count.
fn allowance_of(usage: &Use) -> Counts<'_> {
    match &usage.unit {
        Unit::Credits => credits_of(usage),
        Unit::Requests => (REQUESTS, false),
        Unit::Meter(meter) => (meter.as_str(), false),
    }
}

pub(crate) fn usage(u: &Use) -> wire::Usage {
    let price = |nano: u64| Credits::from_nano(i64::try_from(nano).unwrap_or(i64::MAX));
    wire::Usage {
        feature: u.feature.clone(),
        path: u.path.clone(),
        dimensions: u.dimensions.iter().map(|d| (d.name.clone(), d.value.clone())).collect(),
        lines: u
            .lines
            .iter()
            .map(|l| wire::Line {
                meter: l.meter.clone(),
                quantity: l.quantity,
                billed: Some(l.price.billed(l.quantity)).filter(|_| !l.price.bills_what_is_used()),
                unit_price: price(l.price.nano()),
                amount: l.price.times(l.quantity).unwrap_or(Credits::MAX),
            })
            .collect(),
        unit: allowance_of(u).0.into(),
        credit_unit: credits_of(u).0.into(),
        rate_card: u
            .card
            .as_ref()
            .map(|c| wire::RateCard { name: c.name.clone(), effective_from: c.effective_from }),
        catalog: u.catalog.clone(),
        unpriced: u.unpriced,
        price_factor: u.factor.map(|f| price(f.billionths)),
    }
}

pub(crate) fn draw(account: &Name, d: &core::Draw, usage: &Use) -> wire::Draw {
    let (source, grant, category) = match d.source {
        core::Source::Allowance => ("allowance", None, None),
        core::Source::Grant(id, category) => ("grant", Some(reference(account, id.0)), Some(category)),
        core::Source::Overdraft => ("overdraft", None, None),
        core::Source::Debt => ("debt", None, None),
        core::Source::Goodwill => ("goodwill", None, None),
    };
    let is_included = d.source == core::Source::Allowance;
    let unit = if is_included { allowance_of(usage) } else { credits_of(usage) };
    wire::Draw {
        source: source.into(),
        layer: d.layer.clone(),
        grant,
        category,
        amount: amount(d.amount, unit),
        unit: unit.0.into(),
        worth: Credits::from_nano(d.worth),
    }
}

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
        Some(Terms::Period { end, .. }) => Some(end).filter(|end| *end < Instant::NEVER),
        Some(Terms::Rate { .. } | Terms::Sliding { .. } | Terms::Slots { .. } | Terms::Habit { .. })
        | None => None,
    }
}

/// The marks of warnings that a use has reached.
pub(crate) fn warnings(usage: &Use, visits: &[core::Visit]) -> Vec<wire::LimitWarning> {
    let reached = visits.iter().filter_map(|v| Some((v, v.mark?, v.terms?)));
    let warning = |(v, percent, terms): (&core::Visit, u8, Terms)| {
        let unit = measure(usage, v);
        let unit = (&*unit.0, unit.1);
        wire::LimitWarning {
            limit: v.name.clone(),
            level: v.level,
            member: usage.path.at(v.level).cloned(),
            percent,
            used: amount(v.after(), unit),
            of: amount(terms.capacity(), unit),
            unit: unit.0.into(),
            resets_at: closes(v.terms),
        }
    };
    reached.map(warning).collect()
}

fn visit(d: &Decided<'_>, v: &core::Visit) -> wire::Visit {
    let Decided { account, usage, at, .. } = *d;
    let granted = d.decision.outcome.is_granted();
    let (kind, grant) = match v.kind {
        core::VisitKind::Guard => ("guard", None),
        core::VisitKind::Allowance => ("allowance", None),
        core::VisitKind::Grant(id) => ("grant", Some(reference(account, id.0))),
        core::VisitKind::MemberCap => ("member_cap", None),
        core::VisitKind::Overdraft => ("overdraft", None),
        core::VisitKind::Account => ("account", None),
        core::VisitKind::Supply => ("supply", None),
        core::VisitKind::Abuse => ("abuse", None),
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

/// The parts that a decision is rendered from.
pub(crate) struct Decided<'a> {
    pub(crate) account: &'a Name,
    pub(crate) at: Instant,
    pub(crate) usage: &'a Use,
    pub(crate) decision: &'a core::Decision,
    pub(crate) id: Option<Reference>,
    pub(crate) hold: Option<wire::HoldOpened>,
    pub(crate) charge: Option<Reference>,
}

pub(crate) fn decision(d: Decided<'_>, replayed: bool) -> wire::Decision {
    let visits = d.decision.visits.iter().map(|v| visit(&d, v)).collect();
    let Decided { account, at, usage: used, decision, id, hold, charge } = d;
    let wall = decision.wall.map(|wall| match wall {
        Wall::Path(level) => level.as_str().to_owned(),
        Wall::Plan => "plan".to_owned(),
        Wall::Operator => "operator".to_owned(),
        Wall::Capacity => "capacity".to_owned(),
        Wall::Abuse => "abuse".to_owned(),
    });
    wire::Decision {
        decision_id: id,
        account: account.into(),
        at,
        outcome: decision.outcome.as_str().into(),
        reason: decision.reason.as_str().into(),
        transient: decision.reason.is_transient()
            || decision.unblock.as_ref().is_some_and(|u| u.at().is_some()),
        hold,
        charge,
        usage: usage(used),
        price: decision.price,
        paid_price: decision.paid_price,
        draws: decision.draws.iter().map(|d| draw(account, d, used)).collect(),
        visits,
        warnings: warnings(used, &decision.visits),
        wall,
        refused_by: decision.refused_by().cloned(),
        unblock: decision.unblock.as_ref().map(unblock),
        replayed,
        kept: None,
    }
}

fn lifter(by: core::Lifter) -> &'static str {
    match by {
        Lifter::Caller => "caller",
        Lifter::AccountAdmin => "account_admin",
        Lifter::Operator => "operator",
        Lifter::StepUp => "step_up",
    }
}

fn unblock(u: &core::Unblock) -> wire::Unblock {
    let way = |w: &core::Way| wire::Way {
        at: w.at,
        purchase: w.purchase,
        consent: w.consent,
        certainty: match w.certainty {
            core::Certainty::Exact => "exact".into(),
            core::Certainty::Latest => "latest".into(),
            core::Certainty::Estimated => "estimated".into(),
        },
    };
    wire::Unblock {
        at: u.at(),
        purchase: u.purchase(),
        ways: u.ways.iter().map(way).collect(),
        by: lifter(u.by).into(),
    }
}

/// A denial, with its explanation.
#[must_use]
pub(crate) fn decision_of_denial(account: &Name, denial: &Denial, replayed: bool) -> wire::Decision {
    let parts = Decided {
        account,
        at: denial.at,
        usage: &denial.usage,
        decision: &denial.decision,
        id: Some(Reference::Denial(account.clone(), denial.at)),
        hold: None,
        charge: None,
    };
    decision(parts, replayed)
}

fn capacity(held: &HeldCapacity) -> wire::HeldCapacity {
    let HeldCapacity { supply, class, cost, in_flight, revocable } = held.clone();
    wire::HeldCapacity { supply, class, cost, in_flight, revocable }
}

/// The decision that a record stores, if it stores one.
pub(crate) fn decision_of_record(account: &Name, record: &Record, replayed: bool) -> Option<wire::Decision> {
    let id = reference(account, record.seq);
    let opened = |deadline: Instant, hold: Seq, held: Option<&HeldCapacity>| {
        let capacity = held.map(capacity);
        Some(wire::HoldOpened { id: reference(account, hold), expires_at: deadline, capacity })
    };
    let (usage, stored, hold, charge) =
        if let Event::Authorized { usage, decision: stored, terms } = &record.event {
            (usage, stored, opened(terms.deadline, record.seq, terms.capacity.as_deref()), None)
        } else if let Event::Extended { hold, usage, decision: stored, deadline, .. } = &record.event {
            (usage, stored, opened(*deadline, hold.0, None), None)
        } else if let Event::Charged { charge, decision: stored, .. } = &record.event {
            (&charge.usage, stored, None, Some(id.clone()))
        } else {
            return None;
        };
    let at = record.recorded_at;
    Some(decision(Decided { account, at, usage, decision: stored, id: Some(id), hold, charge }, replayed))
}

/// The charge that a record makes, if it makes one.
pub(crate) fn charge_of_record(account: &Name, record: &Record, replayed: bool) -> Option<wire::Charge> {
    let charge = record.charge()?;
    let late = matches!(record.event, Event::Settled { is_late: true, .. });
    let hold = if let Event::Settled { hold, .. } | Event::Expired { hold, .. } = &record.event {
        Some(hold)
    } else {
        None
    };
    let excess = charge.excess.clone().unwrap_or_default();
    let from_hold = |m: &&Movement| matches!(m.from, Book::Hold(_)) && m.to != Book::Spent;
    let returned: i64 = record.movements.iter().filter(from_hold).map(|m| m.amount.nano()).sum();
    let said_at = if let Event::Charged { said_at, .. } = &record.event { *said_at } else { None };
    Some(wire::Charge {
        said_at,
        charge: reference(account, record.seq),
        hold: hold.map(|h| reference(account, h.0)),
        at: record.recorded_at,
        usage: usage(&charge.usage),
        price: charge.price,
        draws: draws_of(account, charge),
        returned: Credits::from_nano(returned),
        refunded: excess.refunded,
        owed: excess.owed,
        late,
        replayed,
    })
}

fn draws_of(account: &Name, charge: &Charge) -> Vec<wire::Draw> {
    charge.draws.iter().map(|d| draw(account, d, &charge.usage)).collect()
}

fn book(b: Book) -> String {
    match b {
        Book::Operator => "operator".into(),
        Book::Grant(id) => format!("grant:{}", id.0),
        Book::Hold(id) => format!("hold:{}", id.0),
        Book::Spent => "spent".into(),
        Book::Breakage => "breakage".into(),
        Book::Goodwill => "goodwill".into(),
        Book::Debt => "debt".into(),
        Book::Overdraft => "overdraft".into(),
    }
}

pub(crate) fn movements(record: &Record) -> Vec<wire::Movement> {
    let unit = record.unit.as_ref().map_or(CREDITS, Name::as_str);
    let one = |m: &Movement| wire::Movement {
        from: book(m.from),
        to: book(m.to),
        amount: m.amount,
        unit: unit.into(),
    };
    record.movements.iter().map(one).collect()
}

pub(crate) fn change(account: &Name, record: &Record, replayed: bool) -> wire::Change {
    wire::Change {
        id: reference(account, record.seq),
        at: record.recorded_at,
        kind: record.event.kind().into(),
        movements: movements(record),
        replayed,
    }
}

/// A stored record as the API shows it.
#[must_use]
pub fn record_answer(account: &Name, record: &Record, bytes: &[u8], hash: &[u8; 32]) -> wire::Record {
    wire::Record {
        id: reference(account, record.seq),
        seq: record.seq,
        kind: record.event.kind().into(),
        effective_at: record.effective_at,
        recorded_at: record.recorded_at,
        parents: record.parents.iter().map(|seq| reference(account, *seq)).collect(),
        idempotency_key: record.key.as_ref().map(|k| k.text.to_string()),
        actor: record.actor.clone(),
        decision: decision_of_record(account, record, false).map(Box::new),
        charge: charge_of_record(account, record, false).map(Box::new),
        movements: movements(record),
        hash: hex(hash),
        bytes: hex(bytes),
    }
}

pub(crate) fn hold(account: &Name, h: &Hold) -> wire::Hold {
    wire::Hold {
        id: reference(account, h.id.0),
        opened_at: h.opened_at,
        expires_at: h.terms.deadline,
        usage: usage(&h.usage),
        held: h.held(),
        draws: h.draws.iter().map(|d| draw(account, d, &h.usage)).collect(),
        extensions: h.extensions,
        capacity: h.terms.capacity.as_deref().map(capacity),
    }
}
