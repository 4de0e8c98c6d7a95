//! The command that caused a record.
//!
//! Facts that no record states follow from those it does: a draw from a paid source implies consent, and if less was
//! granted than requested, the granted quantity is requested again.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::corrections::Correct;
use super::credits::{Adjust, NewGrant};
use super::holds::Extend;
use super::increases::AnswerIncrease;
use super::kinds::Command;
use super::overrides::{NewFigure, NewOverride};
use super::plans::{ChangePlan, When};
use super::quarantine;
use super::seats::NewSeat;
use super::top_ups::TopUp;
use crate::abuse::recorded_penalty;
use crate::capacity::Offer;
use crate::record::{
    AbuseEvent, Alert, Charge, Credits, CycleEvent, Decision, Event, GrantId, HeldCapacity, HoldId, Instant,
    Late, Operation, Override, Part, Pause, PlanChange, REQUESTS, Reason, Record, ResetTerms, SeatTerms, Seq,
    Use, Verdict, Visit,
};
use crate::waterfall::{AskedPart, Authorize, Quantities, Request};

/// The quantity of each meter of the first part of a use. Naming no requests means no further request.
pub(crate) fn quantities_of(usage: &Use) -> Quantities {
    quantities_in(usage, 0)
}

fn quantities_in(usage: &Use, part: usize) -> Quantities {
    let of_part = usage.lines.iter().filter(|l| usize::from(l.part) == part);
    let named = of_part.filter(|l| l.quantity > 0 || l.meter.as_str() != REQUESTS);
    named.map(|l| (l.meter.clone(), l.quantity)).collect()
}

/// The parts of a use after the first.
pub(crate) fn more_of(usage: &Use) -> Vec<AskedPart> {
    let part = |(place, part): (usize, &Part)| AskedPart {
        dimensions: Some(part.dimensions.clone()),
        quantities: quantities_in(usage, place),
    };
    (1..).zip(&usage.more).map(part).collect()
}

/// The request behind a use that was decided.
#[must_use]
pub(crate) fn request_of(usage: &Use, decision: &Decision) -> Request {
    Request {
        feature: usage.feature.clone(),
        path: usage.path.clone(),
        dimensions: usage.dimensions.clone(),
        quantities: quantities_of(usage),
        more: more_of(usage),
        consented: decision.draws.iter().any(|d| d.source.is_paid()),
        recorded: true,
    }
}

/// The request behind a use that had happened. It is never refused: without consent it was passed over by paid
/// sources, and the explanation says so.
fn happened(usage: &Use, decision: &Decision) -> Request {
    let passed_over = |v: &Visit| v.verdict == Verdict::Refused(Reason::ConsentNever);
    Request { consented: !decision.visits.iter().any(passed_over), ..request_of(usage, decision) }
}

/// The facts about a request that only a running engine knew, as its decision states them: the offers of supplies, and the
/// level of the penalty box.
#[must_use]
pub(crate) fn circumstances(record: &Record) -> (Vec<Offer>, u8) {
    let held =
        if let Event::Authorized { terms, .. } = &record.event { terms.capacity.as_deref() } else { None };
    record.event.decision().map_or_else(Default::default, |decision| circumstances_of(decision, held))
}

/// The same, for a decision and the room that its hold took in a supply.
pub(crate) fn circumstances_of(decision: &Decision, held: Option<&HeldCapacity>) -> (Vec<Offer>, u8) {
    (Offer::recorded(decision, held), recorded_penalty(decision))
}

fn new_grant(record: &Record) -> Option<NewGrant> {
    let terms = record.opens.as_ref()?;
    let prorated = terms.recurrence.as_ref().and_then(|r| r.prorated);
    let ends_at = terms.recurrence.as_ref().map_or(terms.expires_at, |r| r.until);
    Some(NewGrant {
        amount: prorated.map_or(terms.amount, |p| p.whole),
        category: terms.category,
        priority: terms.priority,
        effective_from: Some(terms.effective_from),
        expires_at: Some(ends_at).filter(|at| *at < Instant::NEVER),
        features: terms.features.clone(),
        reference: terms.reference.clone(),
        recurrence: terms.recurrence.clone(),
        top_up: record.parents.first().copied(),
        unit: terms.unit.clone(),
    })
}

impl Command {
    /// The command that caused a record; `None` if there was none: it fell due, followed from others, or was written by
    /// the server independently of the account.
    #[must_use]
    pub fn of(record: &Record) -> Option<Self> {
        Some(match &record.event {
            Event::Opened(settings) => Self::Open(settings.clone().into()),
            Event::Changed { settings, reason } => {
                Self::Change { patch: settings.clone().into(), reason: reason.clone() }
            }
            Event::Authorized { usage, decision, terms } => Self::Authorize(Authorize {
                life: Some(terms.deadline.since(record.recorded_at)),
                ..Authorize::new(request_of(usage, decision))
            }),
            Event::Charged { charge, .. } if charge.closes() => return None,
            Event::Charged { charge, decision, said_at } => charged(record, charge, decision, *said_at),
            Event::Extended { .. } => Self::Extend(extended(record)?),
            Event::Settled { hold, charge, .. } => Self::Settle {
                hold: *hold,
                quantities: quantities_of(&charge.usage),
                dimensions: Some(charge.usage.dimensions.clone()),
                more: more_of(&charge.usage),
            },
            Event::Released(hold) => Self::Release { hold: *hold },
            Event::Granted => Self::Grant(new_grant(record)?),
            Event::Voided { grant, reason } => Self::Void { grant: *grant, reason: reason.clone() },
            Event::Adjusted { grant, by, reason, owed } => Self::Adjust(Adjust {
                grant: *grant,
                by: *by,
                as_debt: owed.is_positive(),
                reason: reason.clone(),
            }),
            Event::Refunded { charge, amount, reason, .. } => Self::Refund {
                charge: *charge,
                amount: Some(*amount).filter(|a| a.is_positive()),
                reason: reason.clone(),
            },
            Event::Corrected { correcting, charge } => Self::Correct {
                charge: correcting.charge,
                to: Correct::Exactly(Box::new(charge.usage.clone())),
                reason: correcting.reason.clone(),
            },
            Event::Cycle(cycle) => cycle_of(cycle)?,
            Event::Late(Late::Quarantined(kept)) => {
                Self::Record { request: quarantine::request(kept), at: Some(kept.at) }
            }
            Event::Late(Late::Discarded { kept, reason }) => {
                Self::DiscardLate { kept: *kept, reason: reason.clone() }
            }
            Event::Alert(Alert::TopUpFailed { number, reason }) => {
                Self::ConfirmTopUp { number: *number, top_up: TopUp::Failed(reason.clone()) }
            }
            Event::Abuse(abuse) => abuse_of(abuse)?,
            Event::Expired { .. }
            | Event::GrantExpired(_)
            | Event::Alert(Alert::Crossed { .. } | Alert::TopUpAsked { .. })
            | Event::Denied(_)
            | Event::CatalogLoaded { .. }
            | Event::KeyCreated(_)
            | Event::KeyRevoked(_)
            | Event::Server(_)
            | Event::Erased { .. } => return None,
        })
    }
}

fn charged(record: &Record, charge: &Charge, decision: &Decision, said_at: Option<Instant>) -> Command {
    let usage = &charge.usage;
    if let Some(kept) = record.parents.first() {
        return Command::AcceptLate { kept: *kept };
    }
    let had_happened =
        record.effective_at < record.recorded_at || said_at.is_some() || charge.excess.is_some();
    if had_happened || record.key.as_ref().is_some_and(|k| k.operation == Operation::Record) {
        return Command::Record {
            request: happened(usage, decision),
            at: Some(said_at.unwrap_or(record.effective_at)),
        };
    }
    let request = request_of(usage, decision);
    Command::Authorize(Authorize { settle_now: true, ..Authorize::new(request) })
}

fn extended(record: &Record) -> Option<Extend> {
    let Event::Extended { hold, usage, decision, deadline, progress } = &record.event else { return None };
    Some(Extend {
        hold: *hold,
        quantities: quantities_of(usage),
        more: more_of(usage),
        minimum: None,
        life: Some(deadline.since(record.recorded_at)),
        progress: progress.as_deref().map(quantities_of),
        consented: request_of(usage, decision).consented,
    })
}

fn cycle_of(cycle: &CycleEvent) -> Option<Command> {
    match cycle {
        CycleEvent::Banked(ResetTerms { windows, expires_at, reference }) => Some(Command::Bank {
            windows: windows.clone(),
            expires_at: Some(*expires_at),
            reference: reference.clone(),
        }),
        CycleEvent::Redeemed { reset, path, reason, .. } => {
            Some(Command::Redeem { reset: Some(*reset), path: path.clone(), reason: reason.clone() })
        }
        CycleEvent::PeriodsClosed { path, closed, reason } => Some(Command::ClosePeriods {
            windows: closed.iter().map(|c| c.name.clone()).collect(),
            path: path.clone(),
            reason: reason.clone(),
        }),
        CycleEvent::PlanChanged(PlanChange { planned_by: Some(_), .. })
        | CycleEvent::PlanWithdrawn { has_failed: true, .. } => None,
        CycleEvent::PlanChanged(change) => Some(Command::ChangePlan(plan(change))),
        CycleEvent::PlanPlanned(planned) => Some(Command::ChangePlan(ChangePlan {
            plan: planned.plan.clone(),
            move_anchor: planned.move_anchor,
            amounts: planned.amounts.clone(),
            prorate: planned.prorate,
            at: Some(When::At(planned.at)),
            reason: planned.reason.clone(),
        })),
        CycleEvent::PlanWithdrawn { reason, .. } => {
            Some(Command::WithdrawPlanChange { reason: reason.clone() })
        }
        CycleEvent::RenewalStopped { schedule, reason } => {
            Some(Command::StopRenewal { grant: *schedule, reason: reason.clone() })
        }
        CycleEvent::Overridden(Override {
            approves: Some(asked), figure, until, reason, is_credits, ..
        }) => {
            let (figure, until) = (Some(NewFigure::Recorded(*figure, *is_credits)), *until);
            let answer = AnswerIncrease::Approve { figure, until, reason: reason.clone() };
            Some(Command::AnswerIncrease { asked: *asked, answer })
        }
        CycleEvent::Overridden(terms) => Some(Command::Override(new_override(terms))),
        CycleEvent::SeatSet(SeatTerms { name, kind, member, reason }) => Some(Command::SetSeat(NewSeat {
            name: name.clone(),
            kind: Some(kind.clone()),
            member: Some(member.clone()),
            exists: false,
            reason: reason.clone(),
        })),
        CycleEvent::SeatRemoved { seat, reason } => {
            Some(Command::RemoveSeat { seat: seat.clone(), reason: reason.clone() })
        }
        CycleEvent::IncreaseAsked(terms) => Some(Command::AskIncrease(new_override(terms))),
        CycleEvent::IncreaseDenied { asked, reason } => Some(Command::AnswerIncrease {
            asked: *asked,
            answer: AnswerIncrease::Deny { reason: reason.clone() },
        }),
        CycleEvent::OverrideRemoved { id, reason } => {
            Some(Command::RemoveOverride { id: *id, reason: reason.clone() })
        }
        CycleEvent::Paused(Pause { until, reason, .. }) => {
            Some(Command::Pause { until: *until, reason: reason.clone() })
        }
        CycleEvent::InvoicePaid { invoice, reference } => {
            Some(Command::PayInvoice { invoice: *invoice, reference: reference.clone() })
        }
        CycleEvent::Resumed { reason, .. } => Some(Command::Resume { reason: reason.clone() }),
        CycleEvent::RolledOver(_)
        | CycleEvent::Renewed { .. }
        | CycleEvent::Ended(_)
        | CycleEvent::OverrideEnded(_)
        | CycleEvent::PauseEnded(_)
        | CycleEvent::InvoiceOpened(_)
        | CycleEvent::InvoiceClosed(_)
        | CycleEvent::VolumeClosed(_) => None,
    }
}

fn new_override(terms: &Override) -> NewOverride {
    NewOverride {
        limit: terms.limit.clone(),
        path: terms.path.clone(),
        figure: NewFigure::Recorded(terms.figure, terms.is_credits),
        until: terms.until,
        reason: terms.reason.clone(),
    }
}

fn abuse_of(abuse: &AbuseEvent) -> Option<Command> {
    match abuse {
        AbuseEvent::Lifted { rule, key, reason } => {
            Some(Command::Lift { rule: *rule, key: key.as_deref().cloned(), reason: reason.clone() })
        }
        AbuseEvent::Disputed(reason) => Some(Command::Dispute { reason: reason.clone() }),
        AbuseEvent::Began(_) | AbuseEvent::FreeGrant { .. } => None,
    }
}

fn plan(change: &PlanChange) -> ChangePlan {
    ChangePlan {
        plan: change.settings.plan.clone(),
        move_anchor: change.moved_from.is_some(),
        amounts: change.amounts.iter().map(|a| (a.schedule, a.amount)).collect(),
        prorate: change.prorated,
        at: None,
        reason: change.reason.clone(),
    }
}

impl Command {
    /// The same command with other record numbers; `None` if its subject does not exist.
    #[must_use]
    pub(crate) fn renumbered(mut self, mut number: impl FnMut(Seq) -> Option<Seq>) -> Option<Self> {
        match &mut self {
            Self::Extend(Extend { hold, .. }) | Self::Settle { hold, .. } | Self::Release { hold } => {
                *hold = HoldId(number(hold.0)?);
            }
            Self::Void { grant, .. }
            | Self::StopRenewal { grant, .. }
            | Self::Adjust(Adjust { grant, .. }) => *grant = GrantId(number(grant.0)?),
            Self::Refund { charge, .. } | Self::Correct { charge, .. } => *charge = number(*charge)?,
            Self::AcceptLate { kept } | Self::DiscardLate { kept, .. } => *kept = number(*kept)?,
            Self::Redeem { reset, .. } => *reset = reset.and_then(number),
            Self::RemoveOverride { id, .. } => *id = number(*id)?,
            Self::AnswerIncrease { asked, .. } => *asked = number(*asked)?,
            Self::PayInvoice { invoice, .. } => *invoice = number(*invoice)?,
            Self::Grant(NewGrant { top_up, .. }) => *top_up = top_up.and_then(number),
            Self::ChangePlan(ChangePlan { amounts, .. }) => {
                let mut known = |(id, amount): (GrantId, Credits)| Some((GrantId(number(id.0)?), amount));
                *amounts = core::mem::take(amounts).into_iter().filter_map(&mut known).collect();
            }
            Self::Open(_)
            | Self::ClosePeriods { .. }
            | Self::Change { .. }
            | Self::Authorize(_)
            | Self::Record { .. }
            | Self::Bank { .. }
            | Self::Override(_)
            | Self::AskIncrease(_)
            | Self::SetSeat(_)
            | Self::RemoveSeat { .. }
            | Self::WithdrawPlanChange { .. }
            | Self::Pause { .. }
            | Self::Resume { .. }
            | Self::ConfirmTopUp { .. }
            | Self::Lift { .. }
            | Self::Dispute { .. }
            | Self::ClaimFreeGrant { .. }
            | Self::DrawTrialBudget { .. }
            | Self::Administer(_) => {}
        }
        Some(self)
    }
}
