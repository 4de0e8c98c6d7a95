//! Records that no command caused: the shadow has done the same by itself, and what refers to one finds the other.

use super::Shadow;
use crate::command::Draft;
use crate::life;
use crate::record::{CycleEvent, Event, GrantId, HoldId, Instant, Name, Record, Seq};

impl Shadow<'_> {
    /// A command that ends a hold, or makes it larger, has been run, or it has expired: with the last of them the hold is
    /// forgotten, and its end unless `record` is known by it.
    pub(super) fn release(&mut self, hold: Seq, record: Seq) {
        let Some(left) = self.wanted.get_mut(&hold) else { return };
        *left -= 1;
        if *left == 0 {
            self.wanted.remove(&hold);
            let end = self.numbers.remove(&hold).flatten().and_then(|own| self.kept.forget_hold(own));
            if let Some(end) = end.filter(|end| self.number(record) != Some(*end)) {
                self.forget(end);
            }
        }
    }

    fn forget(&mut self, own: Seq) {
        self.kept.forget(own);
        self.anew.forget(own);
    }

    /// A record that no command caused. The shadow has crossed the same boundaries by itself, and its holds have expired; it takes
    /// over observations of the engine; the rest moves nothing.
    pub(super) fn follow(&mut self, record: &Record) {
        if let Some((schedule, renews)) = crossing(&record.event) {
            let own = self.number(schedule.0);
            let own = own.and_then(|id| self.crossed.get(&(GrantId(id), record.effective_at, renews)));
            let own = own.copied();
            self.numbers.insert(record.seq, own);
        } else if let Some(invoice) = invoice(record) {
            self.numbers.insert(record.seq, self.invoices.get(&invoice).copied());
        } else if let Some(hold) = expiry_to_know(record) {
            let own = self.number(hold.0).and_then(|own| self.kept.expiry(own));
            self.numbered(record, own);
            self.release(hold.0, record.seq);
        } else if let Some(close) = closes(record) {
            let own = self.closes.remove(&close);
            self.numbered(record, own);
            if let Some(own) = own.filter(|own| self.number(record.seq) != Some(*own)) {
                self.forget(own);
            }
        } else if matches!(record.event, Event::Abuse(_)) && !life::wrote(&record.event) {
            self.append(Draft::new(record.event.clone()), record.recorded_at, false);
        }
    }
}

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
