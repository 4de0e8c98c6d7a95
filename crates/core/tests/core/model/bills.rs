//! Use on postpaid: what each period has lent, and the invoices.
//!
//! Units: nano-credits, microseconds. A period goes by its beginning.

use std::collections::BTreeMap;

use headworks_core::command::Command;
use headworks_core::record::{CycleEvent, Event, Record};

use super::book::{Book, Payer, State};
use super::compare::{Compared, same};
use super::limits::LATE_HORIZON;
use super::policy::Layer;
use super::run::Run;

/// Amounts by period.
type ByPeriod = BTreeMap<i64, i64>;

/// An invoice that has closed.
#[derive(Debug)]
struct Bill {
    lines: ByPeriod,
    is_paid: bool,
}

impl Bill {
    fn total(&self) -> i64 {
        self.lines.values().sum()
    }
}

/// What has been billed, and what will be.
#[derive(Debug, Default)]
pub(super) struct Bills {
    closed: Vec<Bill>,
    /// What all invoices that have closed say of each period.
    billed: ByPeriod,
    /// What was charged when it was last looked at.
    seen: ByPeriod,
    /// The end of the period in which the first line of the next invoice came.
    pub(super) closes: Option<i64>,
    pub(super) paid: i64,
}

impl Book {
    /// What is charged on postpaid.
    fn charged(&self) -> ByPeriod {
        let mut sums = ByPeriod::new();
        for (_, draw) in self.draws().filter(|(u, _)| u.state == State::Charged) {
            if let Payer::Postpaid(period) = draw.payer {
                *sums.entry(period).or_default() += draw.amount;
            }
        }
        sums.retain(|_, sum| *sum != 0);
        sums
    }

    /// Lent and not paid yet.
    pub(super) fn postpaid(&self) -> i64 {
        self.drawn(|_, d| matches!(d.payer, Payer::Postpaid(_))) - self.bills.paid
    }

    /// Something was charged or given back: the first time since the last invoice says when the next one closes.
    pub(super) fn note_bill(&mut self, now: i64) {
        let charged = self.charged();
        if charged != self.bills.seen && self.bills.closes.is_none() {
            let of_layer = |layer: &Layer| {
                if let Layer::Postpaid { calendar, .. } = layer { Some(*calendar) } else { None }
            };
            let calendar = self.policy().layers.iter().find_map(of_layer);
            self.bills.closes = calendar.map(|calendar| calendar.period(now, self.anchor).1);
        }
        self.bills.seen = charged;
    }

    pub(super) fn close_bill(&mut self) {
        let charged = self.charged();
        let mut lines = charged.clone();
        for (period, billed) in &self.bills.billed {
            *lines.entry(*period).or_default() -= billed;
        }
        self.bills.billed = charged;
        self.bills.closes = None;
        self.bills.closed.push(Bill { lines, is_paid: false });
    }

    /// What may still be lent in the period of an instant: unpaid invoices of earlier periods take from it.
    pub(super) fn postpaid_room(&self, layer: &Layer, at: i64, now: i64) -> (i64, i64) {
        let Layer::Postpaid { limit, calendar, counts } = layer else { return (0, 0) };
        let (period, end) = calendar.period(at, self.anchor);
        let used = self.drawn(|_, d| d.payer == Payer::Postpaid(period));
        let of_earlier = |bill: &Bill| bill.lines.range(..period).map(|(_, n)| n).sum::<i64>().max(0);
        let unpaid = self.bills.closed.iter().filter(|bill| *counts && !bill.is_paid && bill.total() != 0);
        let unpaid: i64 = unpaid.map(of_earlier).sum();
        let room = if now - end > LATE_HORIZON { 0 } else { (limit - used - unpaid).max(0) };
        (period, room)
    }
}

/// An invoice and its total, if this record closed one.
fn closed(record: &Record) -> Option<(u64, i64)> {
    let Event::Cycle(event) = &record.event else { return None };
    let CycleEvent::InvoiceClosed(invoice) = &**event else { return None };
    Some((record.seq, invoice.total.nano()))
}

impl Run {
    /// Invoices have the totals of the model. A correction that changes nothing of what is lent has an invoice of zero, or none.
    pub(super) fn compare_bills(&self) -> Compared {
        let theirs: Vec<i64> =
            self.world.log.iter().filter_map(closed).map(|(_, total)| total).filter(|n| *n != 0).collect();
        let ours: Vec<i64> = self.book.bills.closed.iter().map(Bill::total).filter(|n| *n != 0).collect();
        same("invoices", theirs, ours)
    }

    pub(super) fn pay_bill(&mut self, which: usize) -> Compared {
        let bills = &self.book.bills.closed;
        let unpaid: Vec<usize> =
            (0..bills.len()).filter(|i| !bills[*i].is_paid && bills[*i].total() != 0).collect();
        let Some(place) = unpaid.get(which % unpaid.len().max(1)).copied() else { return Ok(()) };
        let nth = bills.iter().take(place).filter(|bill| bill.total() != 0).count();
        let owed = |invoice: &(u64, i64)| invoice.1 != 0;
        let (invoice, _) =
            self.world.log.iter().filter_map(closed).filter(owed).nth(nth).ok_or("no such invoice")?;
        let command = Command::PayInvoice { invoice, reference: None };
        self.world.apply(command).map_err(|e| format!("paying: {e}"))?;
        let bill = &mut self.book.bills.closed[place];
        bill.is_paid = true;
        self.book.bills.paid += bill.total();
        self.book.issued += bill.total();
        Ok(())
    }
}
