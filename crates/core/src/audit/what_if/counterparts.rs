//! What a record that no command caused is known by: the shadow's own has the same.

use crate::record::{CycleEvent, Event, GrantId, HoldId, Instant, Name, Record};

/// The hold that a record lets expire with something that later records may refer to: a charge or a grant.
pub(super) fn expiry_to_know(record: &Record) -> Option<HoldId> {
    let Event::Expired { hold, charge } = &record.event else { return None };
    (charge.is_some() || record.opens.is_some()).then_some(*hold)
}

/// The volume and the beginning of its period that a record closes.
pub(super) fn closes(record: &Record) -> Option<(Name, Instant)> {
    if let Event::Cycle(cycle) = &record.event
        && let CycleEvent::VolumeClosed(closed) = &**cycle
    {
        return Some((closed.volume.clone(), closed.from));
    }
    let lines = record.charge().filter(|charge| charge.closes())?.usage.graduated();
    let mut closing = lines.filter(|(_, of)| of.closes.is_some());
    closing.next().map(|(_, of)| (of.volume.clone(), of.from))
}

/// The recurring grant that crosses a boundary, and whether it opens again or is carried over.
pub(super) fn crossing(event: &Event) -> Option<(GrantId, bool)> {
    let Event::Cycle(cycle) = event else { return None };
    match **cycle {
        CycleEvent::Renewed { schedule, .. } => Some((schedule, true)),
        CycleEvent::RolledOver(schedule) => Some((schedule, false)),
        CycleEvent::Ended(_)
        | CycleEvent::Banked(_)
        | CycleEvent::Redeemed { .. }
        | CycleEvent::PeriodsClosed { .. }
        | CycleEvent::PlanChanged(_)
        | CycleEvent::Overridden(_)
        | CycleEvent::PlanPlanned(_)
        | CycleEvent::PlanWithdrawn { .. }
        | CycleEvent::RenewalStopped { .. }
        | CycleEvent::OverrideEnded(_)
        | CycleEvent::OverrideRemoved { .. }
        | CycleEvent::IncreaseAsked(_)
        | CycleEvent::IncreaseDenied { .. }
        | CycleEvent::SeatSet(_)
        | CycleEvent::SeatRemoved { .. }
        | CycleEvent::Paused(_)
        | CycleEvent::PauseEnded(_)
        | CycleEvent::Resumed { .. }
        | CycleEvent::InvoiceOpened(_)
        | CycleEvent::InvoiceClosed(_)
        | CycleEvent::InvoicePaid { .. }
        | CycleEvent::VolumeClosed(_) => None,
    }
}

/// The layer, the unit and the end of the invoice that a record closes.
pub(super) fn invoice(record: &Record) -> Option<(Name, Option<Name>, Instant)> {
    let Event::Cycle(cycle) = &record.event else { return None };
    let CycleEvent::InvoiceClosed(invoice) = &**cycle else { return None };
    Some((invoice.period.layer.clone(), record.unit.clone(), invoice.period.end))
}
