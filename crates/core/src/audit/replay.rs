//! Replay: the request behind a record, asked again.
//!
//! On the state before the record and the catalog in force then, the same request gives the same record: what was
//! explained is what happened. On another catalog it shows what a changed policy would have done.
//! Never changes anything. V1 a log replays to the same bytes (`a_log_replays_to_the_same_bytes`).
//! Two things are not in a log and are taken from the record: what volatile windows had counted (they may be lost at a
//! restart), and how much was asked where less was granted.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::abuse::recorded_penalty;
use crate::account::{Account, Hold};
use crate::capacity::Offer;
use crate::catalog::Catalog;
use crate::operation::{
    self, Authorize, ChangePlan, Context, Decided, Draft, Extend, NewGrant, Quantities, Refusal, Request,
    charge_of,
};
use crate::record::{
    Alert, Charge, Conduct, Decision, Event, GrantId, HoldId, Instant, Late, LateUse, Operation, Outcome,
    Periodic, PlanChange, Reason, Record, Rule, Seq, Source, Use, Verdict, Visit,
};

/// The earlier records of the account.
pub trait History {
    /// What may go wrong in finding one.
    type Error: core::fmt::Display;
    /// The record with this number.
    ///
    /// # Errors
    /// When it cannot be read, or is not there.
    fn record(&self, seq: Seq) -> Result<Record, Self::Error>;
    /// The record that voided a grant, if one did.
    ///
    /// # Errors
    /// When it cannot be read.
    fn void_of(&self, grant: GrantId) -> Result<Option<Record>, Self::Error>;
}

/// The quantities of a use.
#[must_use]
pub fn quantities(usage: &Use) -> Quantities {
    usage.lines.iter().map(|l| (l.meter.clone(), l.quantity)).collect()
}

/// What was asked for a use that was decided. Whoever paid from a paid source had agreed to it.
#[must_use]
pub fn request(usage: &Use, decision: &Decision) -> Request {
    Request {
        feature: usage.feature.clone(),
        path: usage.path.clone(),
        dimensions: usage.dimensions.iter().cloned().collect(),
        quantities: quantities(usage),
        consented: decision.draws.iter().any(|d| d.source.is_paid()),
    }
}

/// What was asked for a use that had happened. It is never refused: whoever had not agreed was passed over by paid sources,
/// and the explanation says so.
#[must_use]
pub fn request_happened(usage: &Use, decision: &Decision) -> Request {
    let passed_over = |v: &Visit| v.verdict == Verdict::Refused(Reason::ConsentNever);
    Request { consented: !decision.visits.iter().any(passed_over), ..request(usage, decision) }
}

/// The grant that a record asked for, if it did.
#[must_use]
pub fn new_grant(record: &Record) -> Option<NewGrant> {
    let terms = record.opens.as_ref()?;
    Some(NewGrant {
        amount: terms.amount,
        category: terms.category,
        priority: terms.priority,
        effective_from: Some(terms.effective_from),
        expires_at: Some(terms.recurrence.as_ref().map_or(terms.expires_at, |r| r.until))
            .filter(|at| *at < Instant::NEVER),
        features: terms.features.clone(),
        reference: terms.reference.clone(),
        recurrence: terms.recurrence.clone(),
        top_up: record.parents.first().copied(),
        unit: terms.unit.clone(),
    })
}

/// Asks again, on the state before the record; `None` when the record answers no request.
///
/// # Errors
/// When the request is refused or denied this time, in words.
pub fn again<H: History>(ctx: Context<'_>, record: &Record, history: &H) -> Option<Result<Draft, String>> {
    let refused = |e: Refusal| e.to_string();
    let granted = |decided: Result<Decided, Refusal>| match decided.map_err(refused)? {
        Decided::Granted(draft) => Ok(*draft),
        Decided::Counted(..) => Err("the feature is not recorded any more".to_string()),
        Decided::Denied(_, decision) => {
            Err(alloc::format!("it would be denied: {}", decision.reason.as_str()))
        }
    };
    Some(match &record.event {
        Event::Opened(settings) => operation::open(ctx, settings.clone()).map_err(refused),
        Event::Changed { settings, reason } => {
            operation::change(ctx, settings.clone(), reason.clone()).map_err(refused)
        }
        Event::Authorized { usage, decision, terms } => {
            let offers = Offer::recorded(decision, terms.capacity.as_deref());
            let ctx = Context { offers: &offers, penalty: recorded_penalty(decision), ..ctx };
            let ask = Authorize {
                request: request(usage, decision),
                minimum: None,
                life: Some(terms.deadline.since(record.recorded_at)),
                settle_now: false,
            };
            granted(operation::authorize(ctx, &ask))
        }
        Event::Charged { charge, decision } => {
            let request = request(&charge.usage, decision);
            if let Some(kept) = record.parents.first() {
                return Some(
                    late_use(history, *kept)
                        .and_then(|late| operation::accept_late(ctx, *kept, &late).map_err(refused)),
                );
            }
            if record.key.as_ref().is_some_and(|k| k.operation == Operation::Record) {
                let request = request_happened(&charge.usage, decision);
                granted(operation::record_at(ctx, &request, record.effective_at))
            } else {
                let offers = Offer::recorded(decision, None);
                let ctx = Context { offers: &offers, penalty: recorded_penalty(decision), ..ctx };
                let ask = Authorize { request, minimum: None, life: None, settle_now: true };
                granted(operation::authorize(ctx, &ask))
            }
        }
        Event::Extended { hold: id, usage, decision, deadline, progress } => {
            let hold = ctx.account.hold(*id);
            let offers = Offer::recorded(decision, None);
            let ctx = Context { offers: &offers, ..ctx };
            granted(operation::extend(
                ctx,
                &extension(hold, *id, usage, decision, *deadline, progress.as_deref(), ctx.now),
            ))
        }
        Event::Settled { hold: id, charge, is_late: false } => {
            operation::settle(ctx, *id, &quantities(&charge.usage)).map_err(refused)
        }
        Event::Settled { hold: id, charge, is_late: true } => match history.record(id.0).map(|r| r.event) {
            Ok(Event::Authorized { usage: held, terms, .. }) => {
                operation::settle_late(ctx, *id, &held, terms.overshoot, &quantities(&charge.usage))
                    .map_err(refused)
            }
            _ => Err("its hold is not in the log".to_string()),
        },
        Event::Released(id) => operation::release(ctx, *id).map_err(refused),
        Event::Expired { hold: id, .. } => operation::expire_hold(ctx, *id).map_err(refused),
        Event::Granted => operation::grant(ctx, &new_grant(record)?).map_err(refused),
        Event::GrantExpired(id) => operation::expire_grant(ctx, *id).map_err(refused),
        Event::Voided { grant: id, reason } => operation::void(ctx, *id, reason.clone()).map_err(refused),
        Event::Adjusted { grant: id, by, reason } => {
            operation::adjust(ctx, *id, *by, reason.clone()).map_err(refused)
        }
        Event::Refunded { charge, amount, reason, .. } => {
            let closed = history
                .record(*charge)
                .and_then(|charged| Ok((closed_grants(ctx.account, &charged, history)?, charged)));
            let some = Some(*amount).filter(|a| a.is_positive());
            closed.map_err(|e| e.to_string()).and_then(|(closed, charged)| {
                operation::refund(ctx, &charged, some, &closed, reason.clone()).map_err(refused)
            })
        }
        Event::Periodic(event) => periodic(ctx, event).map_err(refused),
        Event::Corrected { correcting, charge } => history
            .record(correcting.charge)
            .and_then(|charged| Ok((closed_grants(ctx.account, &charged, history)?, charged)))
            .map_err(|e| e.to_string())
            .and_then(|(closed, charged)| {
                let was = charge_of(&charged).ok_or("what it corrects is no charge")?;
                let (usage, reason) = (charge.usage.clone(), correcting.reason.clone());
                let draft = operation::correct_to(ctx, &charged, was, usage, &closed, reason);
                Ok(Draft { effective_at: Some(charged.effective_at), ..draft.map_err(refused)? })
            }),
        Event::Late(late) => match late {
            Late::Quarantined(late) => {
                operation::quarantine(ctx, &operation::late_request(late), late.at).map_err(refused)
            }
            Late::Discarded { kept, reason } => {
                operation::discard_late(ctx, *kept, reason.clone()).map_err(refused)
            }
        },
        Event::Alert(alert) => match alert {
            Alert::Crossed { .. } => {
                operation::cross(ctx.account, ctx.now).ok_or("no mark is crossed".into())
            }
            Alert::TopUpAsked { .. } => {
                operation::ask_top_up(ctx.account, ctx.now).ok_or("no top-up is due".into())
            }
            Alert::TopUpFailed { number, reason } => {
                operation::top_up_failed(ctx, *number, reason.clone()).map_err(refused)
            }
        },
        Event::Conduct(conduct) => match &**conduct {
            Conduct::Began(effect) if effect.rule != Rule::Sharing => {
                operation::begin_effect(ctx).ok_or_else(|| "no effect is due".to_string())
            }
            Conduct::Lifted { rule, key, reason } => {
                operation::lift(ctx, *rule, key.as_deref(), reason.clone()).map_err(refused)
            }
            // From how many networks a key was used is in no record, nor are other accounts of an identity.
            Conduct::Began(_) | Conduct::Disputed(_) | Conduct::FreeGrant { .. } => return None,
        },
        Event::Denied(_)
        | Event::CatalogLoaded { .. }
        | Event::KeyCreated(_)
        | Event::KeyRevoked(_)
        | Event::Server(_)
        | Event::Erased { .. } => return None,
    })
}

/// The use that a record of the log quarantined.
fn late_use<H: History>(history: &H, seq: Seq) -> Result<LateUse, String> {
    let record = history.record(seq).map_err(|e| e.to_string())?;
    record.quarantined().cloned().ok_or_else(|| "it follows from no use in quarantine".to_string())
}

fn periodic(ctx: Context<'_>, event: &Periodic) -> Result<Draft, Refusal> {
    match event {
        Periodic::RolledOver(id) => operation::roll_over(ctx, *id),
        Periodic::Renewed { schedule: id, .. } | Periodic::Ended(id) => operation::renew(ctx, *id),
        Periodic::Banked(terms) => operation::bank_reset(ctx, terms),
        Periodic::Redeemed { token, path, .. } => operation::redeem_reset(ctx, Some(*token), path),
        Periodic::PlanChanged(change) => operation::change_plan(ctx, &plan_change(change)),
    }
}

/// What was asked for a change of plan.
pub(crate) fn plan_change(change: &PlanChange) -> ChangePlan {
    ChangePlan {
        plan: change.settings.plan.clone(),
        move_anchor: change.moved_from.is_some(),
        amounts: change.amounts.iter().map(|a| (a.schedule, a.amount)).collect(),
        prorate: change.prorated,
        reason: change.reason.clone(),
    }
}

pub(crate) fn extension(
    hold: Option<&Hold>,
    id: HoldId,
    usage: &Use,
    decision: &Decision,
    deadline: Instant,
    progress: Option<&Use>,
    now: Instant,
) -> Extend {
    let moved = hold.is_some_and(|h| h.terms.deadline != deadline);
    Extend {
        hold: id,
        quantities: quantities(usage),
        minimum: None,
        life: moved.then(|| deadline.since(now)),
        progress: progress.map(quantities),
        consented: request(usage, decision).consented,
    }
}

/// The records that opened the grants that a charge drew and that have left the state, and those that voided them.
///
/// # Errors
/// When one of them cannot be read: a grant whose record is missing must not pass for one that has expired.
pub fn closed_grants<H: History>(
    account: &Account,
    charged: &Record,
    history: &H,
) -> Result<Vec<Record>, H::Error> {
    let mut found = Vec::new();
    for draw in charge_of(charged).map_or(&[][..], |c| &c.draws) {
        if let Source::Grant(id, _) = draw.source
            && account.grant(id).is_none()
        {
            found.push(history.record(id.0)?);
            // A replay knows what came later; the state does not.
            found.extend(history.void_of(id)?.filter(|void| void.seq <= account.seq));
        }
    }
    Ok(found)
}

/// How a record differs from what the same request gives again; `None` when it does not.
#[must_use]
pub fn differs<H: History>(
    before: &Account,
    record: &Record,
    catalog: &Catalog,
    history: &H,
) -> Option<String> {
    // What was asked is not known any more.
    if record.erased.is_some() {
        return None;
    }
    // What volatile windows had counted is only in the record.
    let mut state = before.clone();
    state.windows.retain(|w| !w.used.is_volatile());
    let ctx = Context::new(&state, catalog, record.recorded_at);
    let mut draft = match again(ctx, record, history)? {
        Ok(draft) => draft,
        Err(why) => return Some(why),
    };
    if let (Some(recorded), Some(replayed)) = (decision_of(&record.event), decision_of_mut(&mut draft.event))
    {
        take_from_record(recorded, replayed);
    }
    if let (Some(recorded), Some(replayed)) = (charge_of(record), charge_of_mut(&mut draft.event))
        && let (Some(recorded), Some(replayed)) = (&recorded.excess, &mut replayed.excess)
    {
        take_volatile(&recorded.visits, &mut replayed.visits);
    }
    let again = draft.into_record(before, record.recorded_at, record.key.clone(), record.actor.clone());
    (again.to_bytes() != record.to_bytes()).then(|| {
        let differing = [
            ("event", again.event != record.event),
            ("movements", again.movements != record.movements),
            ("corrections", again.corrections != record.corrections),
            ("opened grant", again.opens != record.opens),
        ];
        let names = differing.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name);
        let names: Vec<&str> = names.collect();
        alloc::format!("the same request gives another record ({})", names.join(", "))
    })
}

fn take_from_record(recorded: &Decision, replayed: &mut Decision) {
    if recorded.outcome == Outcome::Partial && replayed.outcome == Outcome::Allow {
        (replayed.outcome, replayed.reason) = (recorded.outcome, recorded.reason);
        (replayed.wall, replayed.unblock) = (recorded.wall, recorded.unblock);
    }
    take_volatile(&recorded.visits, &mut replayed.visits);
}

fn take_volatile(recorded: &[Visit], replayed: &mut [Visit]) {
    for (from, to) in recorded.iter().zip(replayed) {
        if from.name == to.name && from.terms == to.terms && to.terms.is_some_and(|t| t.is_volatile()) {
            to.before = from.before;
        }
    }
}

/// The decision that an event stores.
#[must_use]
pub fn decision_of(event: &Event) -> Option<&Decision> {
    if let Event::Authorized { decision: d, .. }
    | Event::Charged { decision: d, .. }
    | Event::Extended { decision: d, .. } = event
    {
        Some(d)
    } else {
        None
    }
}

fn charge_of_mut(event: &mut Event) -> Option<&mut Charge> {
    if let Event::Settled { charge, .. }
    | Event::Charged { charge, .. }
    | Event::Expired { charge: Some(charge), .. }
    | Event::Corrected { charge, .. } = event
    {
        Some(charge)
    } else {
        None
    }
}

fn decision_of_mut(event: &mut Event) -> Option<&mut Decision> {
    if let Event::Authorized { decision: d, .. }
    | Event::Charged { decision: d, .. }
    | Event::Extended { decision: d, .. } = event
    {
        Some(d)
    } else {
        None
    }
}
