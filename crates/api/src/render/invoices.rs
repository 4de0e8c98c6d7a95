//! Invoices of postpaid layers.

use headworks_core::account::{ClosedInvoice, Postpaid, Uninvoiced};
use headworks_core::record::{self as core, CREDITS, Credits, Name, Record};
use headworks_wire as wire;

use super::reference;

pub(crate) fn invoices(account: &Name, postpaid: &Postpaid) -> wire::Invoices {
    wire::Invoices {
        invoices: postpaid.invoices.iter().map(|closed| kept(account, closed)).collect(),
        open: postpaid.uninvoiced.iter().map(open).collect(),
    }
}

fn kept(account: &Name, closed: &ClosedInvoice) -> wire::Invoice {
    let shown = invoice(account, closed.id, closed.unit.as_ref(), &closed.invoice);
    let state = if closed.paid_at.is_some() { "paid".to_owned() } else { shown.state };
    wire::Invoice { state, paid_at: closed.paid_at, ..shown }
}

/// The invoice that a record closes.
pub(super) fn closed(account: &Name, record: &Record) -> Option<wire::Invoice> {
    let core::Event::Cycle(cycle) = &record.event else { return None };
    let core::CycleEvent::InvoiceClosed(of) = &**cycle else { return None };
    Some(invoice(account, record.seq, record.unit.as_ref(), of))
}

fn invoice(account: &Name, id: core::Seq, unit: Option<&Name>, of: &core::Invoice) -> wire::Invoice {
    wire::Invoice {
        id: reference(account, id),
        number: of.number,
        layer: of.period.layer.clone(),
        unit: unit.map_or(CREDITS, Name::as_str).to_owned(),
        start: of.period.start,
        end: of.period.end,
        total: of.total,
        lines: of.lines.iter().map(line).collect(),
        from: reference(account, of.from),
        state: if of.total == Credits::ZERO { "nothing_to_pay" } else { "unpaid" }.to_owned(),
        paid_at: None,
    }
}

fn open(of: &Uninvoiced) -> wire::OpenInvoice {
    wire::OpenInvoice {
        layer: of.layer.clone(),
        unit: of.unit.as_ref().map_or(CREDITS, Name::as_str).to_owned(),
        end: of.period.as_ref().map(|period| period.end),
        lines: of.lines.iter().map(line).collect(),
    }
}

fn line(of: &core::InvoiceLine) -> wire::InvoiceLine {
    wire::InvoiceLine { feature: of.feature.clone(), period: of.period, amount: of.amount }
}
