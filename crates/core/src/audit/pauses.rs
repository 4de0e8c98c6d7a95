//! Pauses: their ends follow from their beginnings.

use super::finding::{Dataset, Findings};
use crate::account::{Account, Paused};
use crate::record::{Calendar, CycleEvent, Event, Every, Instant, Name, PauseEnd, Record};
use crate::window::Used;

/// The end of a pause comes when it says, moves the anchor by its length, and both move windows that are there.
pub(super) fn check_pause(record: &Record, before: &Account, found: &mut Findings) {
    let Event::Cycle(event) = &record.event else { return };
    let mut find = |what: &str| found.push((Dataset::State, what.into()));
    let (windows, end) = if let CycleEvent::Paused(pause) = &**event {
        (&pause.windows, None)
    } else if let CycleEvent::PauseEnded(end) = &**event {
        (&end.windows, Some((end, record.effective_at)))
    } else if let CycleEvent::Resumed { end, .. } = &**event {
        (&end.windows, Some((end, record.recorded_at)))
    } else {
        return;
    };
    if !windows.iter().all(|name| is_open(before, name, record.recorded_at)) {
        find("it moves a window that is not open");
    }
    let Some(((end, at), pause)) = end.zip(before.pause()) else { return };
    let is_due = matches!(**event, CycleEvent::PauseEnded(_));
    let comes = match pause.until {
        Some(until) if is_due => at == until && until <= record.recorded_at,
        Some(until) => at < until,
        None => !is_due,
    };
    if !comes {
        find("the pause does not end then");
    }
    if !moves_anchor(before, pause, end, at) {
        find("it does not move the billing anchor by the length of the pause");
    }
}

fn is_open(account: &Account, name: &Name, now: Instant) -> bool {
    let open = |used: &Used| matches!(used, Used::Period(period) if now < period.end);
    let mut invoices = account.postpaid().into_iter().flat_map(|postpaid| &postpaid.uninvoiced);
    account.windows.iter().any(|window| window.name == *name && open(&window.used))
        || account.volumes().iter().any(|volume| volume.name == *name && now < volume.until)
        || invoices.any(|u| u.period.as_ref().is_some_and(|p| p.layer == *name && now < p.end))
}

/// Moved back by the length, it is the old anchor, or the end of the month that the pause began in.
fn moves_anchor(before: &Account, pause: &Paused, end: &PauseEnd, at: Instant) -> bool {
    let old = before.settings.billing_anchor;
    let back = end.billing_anchor.before(at.since(pause.since));
    let month = || Calendar::new(Every::Month, "UTC", true).ok();
    back == old || month().is_some_and(|month| month.period(pause.since, old).1 == back)
}
