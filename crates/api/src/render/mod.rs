//! From values of the core to answers of the API. A rendered answer is a function of stored records.

use headworks_core::account::Hold;
use headworks_core::record as core;
use headworks_core::record::{
    Book, CREDITS, Charge, Credits, Denial, Event, HeldCapacity, Instant, Lifter, Movement, Name, Record,
    Seq, Use, Wall,
};
use headworks_wire as wire;
use wire::Reference;

mod accounts;
mod amounts;
pub(crate) mod events;
mod hex;
mod invoices;
mod ledger;
mod limits;
pub(crate) mod statement_text;
mod visits;

pub(crate) use accounts::account;
use amounts::{amount, reference};
pub(crate) use amounts::{draw, usage};
pub(crate) use hex::hex;
pub(crate) use invoices::invoices;
pub(crate) use ledger::{EVENT, incident, repriced, statement};
pub use ledger::{event_id, pass, replayed, statement_digest, what_if};
pub(crate) use limits::{increase, overriding, volume, window};
pub(crate) use visits::warnings;
use visits::{reached, visit};

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
    let granted = d.decision.outcome.is_granted();
    let visits = d.decision.visits.iter().map(|v| visit((d.account, d.usage), (d.at, granted), v)).collect();
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
        warnings: reached(used, &decision.visits),
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
        searched_until: u.searched_until,
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
        warnings: warnings(record),
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
        Book::Postpaid => "postpaid".into(),
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
        reason: record.reason().cloned(),
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
