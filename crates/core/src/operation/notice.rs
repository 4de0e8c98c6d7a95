//! Late use, alerts and automatic top-ups.

use alloc::boxed::Box;

use super::{Context, Draft, Refusal, Request};
use crate::account::{Account, QUARANTINE_MAX};
use crate::record::{
    Alert, AlertMarks, Credits, Event, Instant, Label, Late, LateUse, Quantity, Seq, Standing,
};

/// Keeps use aside that came past the horizon.
///
/// # Errors
/// Refuses unknown features and meters, and a quarantine that is full.
pub fn quarantine(ctx: Context<'_>, request: &Request, at: Instant) -> Result<Draft, Refusal> {
    let feature = ctx.feature(&request.feature)?;
    let known = |m: &crate::record::Name| feature.meters.contains(m) || m.as_str() == crate::record::REQUESTS;
    if let Some((unknown, _)) = request.quantities.iter().find(|(m, _)| !known(m)) {
        return Err(Refusal::UnknownMeter(unknown.clone()));
    }
    if ctx.account.extras().quarantine.len() >= QUARANTINE_MAX {
        return Err(Refusal::AccountFull);
    }
    let late = LateUse {
        feature: request.feature.clone(),
        path: request.path.clone(),
        dimensions: request.dimensions.clone(),
        quantities: request
            .quantities
            .iter()
            .map(|(meter, quantity)| Quantity { meter: meter.clone(), quantity: *quantity })
            .collect(),
        consented: request.consented,
        at,
    };
    let event = Event::Late(Late::Quarantined(Box::new(late)));
    Ok(Draft { effective_at: Some(at), ..Draft::new(event) })
}

/// The request behind use in quarantine.
#[must_use]
pub fn late_request(late: &LateUse) -> Request {
    Request {
        feature: late.feature.clone(),
        path: late.path.clone(),
        dimensions: late.dimensions.clone(),
        quantities: late.quantities.iter().map(|q| (q.meter.clone(), q.quantity)).collect(),
        consented: late.consented,
    }
}

/// Charges use in quarantine after all, at the prices of its own time.
///
/// # Errors
/// Refuses use that does not wait there, and what a charge refuses.
pub fn accept_late(ctx: Context<'_>, kept: Seq, late: &LateUse) -> Result<Draft, Refusal> {
    waits(ctx, kept)?;
    match super::requests::record_at(ctx, &late_request(late), late.at)? {
        super::Decided::Granted(mut draft) => {
            draft.parents.push(kept);
            Ok(*draft)
        }
        super::Decided::Counted(usage, _) | super::Decided::Denied(usage, _) => {
            Err(Refusal::NotRecorded(usage.feature))
        }
    }
}

/// Drops use in quarantine; the record of it stays.
///
/// # Errors
/// Refuses use that does not wait there.
pub fn discard_late(ctx: Context<'_>, kept: Seq, reason: Option<Label>) -> Result<Draft, Refusal> {
    waits(ctx, kept)?;
    Ok(Draft::following(kept, Event::Late(Late::Discarded { kept, reason })))
}

fn waits(ctx: Context<'_>, kept: Seq) -> Result<(), Refusal> {
    let found = ctx.account.extras().quarantine.contains(&kept);
    found.then_some(()).ok_or(Refusal::NotInQuarantine(kept))
}

/// Where a balance stands, coming from where it stood: between the marks it stays what it was, but for what is not empty
/// any more.
fn standing(before: Standing, available: Credits, marks: AlertMarks) -> Standing {
    if !available.is_positive() {
        Standing::Empty
    } else if available >= marks.recovered {
        Standing::Fine
    } else if available < marks.low {
        Standing::Low
    } else {
        before.min(Standing::Low)
    }
}

/// The record of a mark that the balance has crossed; `None` when it has crossed none.
#[must_use]
pub fn cross(account: &Account, now: Instant) -> Option<Draft> {
    let marks = account.settings.alerts?;
    let available = account.available(now, None);
    let before = account.extras().standing;
    let after = standing(before, available, marks);
    (after != before).then(|| {
        let number = account.extras().crossings + 1;
        Draft::new(Event::Alert(Alert::Crossed { standing: after, number, balance: available }))
    })
}

/// The record that asks for a top-up; `None` when none is due: one is in flight or was asked for at this crossing, the
/// account is not low, it is too soon, or the month's maximum is reached.
#[must_use]
pub fn ask_top_up(account: &Account, now: Instant) -> Option<Draft> {
    let terms = account.settings.top_up?;
    let extras = account.extras();
    let top_ups = &extras.top_ups;
    let answered = top_ups.asked.is_some() || top_ups.number >= extras.crossings;
    if extras.standing == Standing::Fine || answered || account.settings.suspended {
        return None;
    }
    // Never asked before: nothing to wait for.
    let waits = top_ups.last_at > Instant::default() && now.since(top_ups.last_at) < terms.cool_down;
    let total = account.bought_in_month(now).checked_add(terms.amount)?;
    (!waits && total <= terms.monthly_max).then(|| {
        Draft::new(Event::Alert(Alert::TopUpAsked { number: extras.crossings, amount: terms.amount }))
    })
}

/// Whether the balance still needs the top-up in flight.
#[must_use]
pub fn still_needs_top_up(account: &Account, now: Instant) -> bool {
    let extras = account.extras();
    let is_low = account.settings.alerts.is_some_and(|marks| account.available(now, None) < marks.recovered);
    extras.top_ups.asked.is_some() && account.settings.top_up.is_some() && is_low
}

/// Ends the top-up in flight without credits.
///
/// # Errors
/// Refuses a number that is not in flight.
pub fn top_up_failed(ctx: Context<'_>, number: u64, reason: Option<Label>) -> Result<Draft, Refusal> {
    let asked = ctx.account.extras().top_ups.asked.filter(|a| a.number == number);
    let asked = asked.ok_or(Refusal::NoTopUp(number))?;
    Ok(Draft::following(asked.seq, Event::Alert(Alert::TopUpFailed { number, reason })))
}
