//! Postpaid: what is charged and not on an invoice yet, and the invoices that are not paid.
//!
//! The fold of charges, of what is given back, and of invoices. How much of a limit is used is counted by the window of the
//! layer, like that of an allowance.
//! V1 the book of postpaid credits is what holds have set aside, the lines to come and the unpaid invoices
//! ([`Account::check`], after every record).
//! Units: nano-credits; instants in UTC microseconds.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use super::postpaid::{ClosedInvoice, Postpaid, Uninvoiced};
use super::state::Account;
use crate::record::{
    Credits, Draw, Event, Instant, Invoice, InvoiceLine, InvoicePeriod, Name, Record, Seq, Source,
};

/// Most unpaid invoices of one account. With so many, nothing more is lent and no period closes until one is paid.
const UNPAID_MAX: usize = 1_000;
/// Most lines of an invoice, if its features are not more: further ones are added to another line of their feature.
const LINES_MAX: usize = 1_000;

impl Account {
    /// Its postpaid side, if it has one.
    #[must_use]
    pub fn postpaid(&self) -> Option<&Postpaid> {
        self.rare.as_deref()?.postpaid.as_deref()
    }

    /// Postpaid credits in a unit: set aside by holds, charged and not on an invoice yet, or on an unpaid invoice. Below zero, the
    /// operator owes them.
    #[must_use]
    pub fn lent(&self, unit: Option<&Name>) -> Credits {
        let all = self.postpaid().map_or(&[][..], |postpaid| &postpaid.lent);
        all.iter().find(|(of, _)| of.as_ref() == unit).map_or(Credits::ZERO, |(_, lent)| *lent)
    }

    pub(super) fn lent_mut(&mut self, unit: Option<&Name>) -> &mut Credits {
        let all = &mut self.postpaid_mut().lent;
        let at = all.iter().position(|(of, _)| of.as_ref() == unit);
        let at = at.unwrap_or_else(|| {
            all.push((unit.cloned(), Credits::ZERO));
            all.len() - 1
        });
        let (_, lent) = all.get_mut(at).unwrap_or_else(|| unreachable!("it was found or pushed"));
        lent
    }

    fn unpaid(&self) -> impl Iterator<Item = &ClosedInvoice> {
        let all = self.postpaid().map_or(&[][..], |postpaid| &postpaid.invoices);
        all.iter().filter(|closed| closed.is_unpaid())
    }

    /// What unpaid invoices of a layer count against its limit in a period: their lines of periods before it. What the period itself
    /// has drawn is counted there, and an invoice below zero gives no room.
    pub(crate) fn unpaid_beside(&self, unit: Option<&Name>, (layer, period): (&Name, Instant)) -> i64 {
        let is_of =
            |closed: &&ClosedInvoice| closed.invoice.period.layer == *layer && closed.unit.as_ref() == unit;
        let beside = self.unpaid().filter(is_of).map(|ClosedInvoice { invoice, .. }| {
            let before = invoice.lines.iter().filter(|line| line.period < period);
            before.map(|line| line.amount.nano()).fold(0, i64::saturating_add).max(0)
        });
        beside.fold(0, i64::saturating_add)
    }

    /// Whether it has as many unpaid invoices as it may.
    pub(crate) fn is_full_of_invoices(&self) -> bool {
        self.unpaid().count() >= UNPAID_MAX
    }

    /// What no invoice has yet, and the unpaid invoices, in a unit.
    pub(super) fn outstanding(&self, unit: Option<&Name>) -> i128 {
        let open = self.postpaid().map_or(&[][..], |postpaid| &postpaid.uninvoiced);
        let lines = open.iter().filter(|open| open.unit.as_ref() == unit).flat_map(|open| &open.lines);
        let lines = lines.map(|line| line.amount);
        let invoices = self.unpaid().filter(|closed| closed.unit.as_ref() == unit);
        lines.chain(invoices.map(|closed| closed.invoice.total)).map(|n| i128::from(n.nano())).sum()
    }

    /// When the period of each layer's next invoice ends; one that is not known yet is due at once.
    pub(super) fn invoices_due(&self) -> impl Iterator<Item = (Instant, usize)> {
        let open = self.postpaid().map_or(&[][..], |postpaid| &postpaid.uninvoiced);
        let ends = open.iter().map(|open| open.period.as_ref().map(|period| period.end));
        let closes = !open.is_empty() && !self.is_full_of_invoices();
        let due = move |(at, end): (usize, Option<Instant>)| match end {
            None => Some((Instant::default(), at)),
            Some(end) => closes.then_some((end, at)),
        };
        ends.enumerate().filter_map(due)
    }

    /// Notes what a record charges to postpaid layers, and what it gives back to them.
    pub(super) fn note_postpaid(&mut self, record: &Record) -> Result<(), String> {
        if let Some(charge) = record.charge() {
            for draw in &charge.draws {
                if let Draw { source: Source::Postpaid(period), layer, .. } = draw {
                    let feature = charge.usage.feature.clone();
                    let line = InvoiceLine { feature, period: *period, amount: draw.credits() };
                    self.add_line(record, layer, line)?;
                }
            }
        }
        let back = if let Event::Refunded { postpaid, .. } = &record.event {
            postpaid
        } else if let Event::Corrected { correcting, .. } = &record.event {
            &correcting.postpaid
        } else {
            return Ok(());
        };
        for back in back.iter().flatten() {
            let amount = Credits::ZERO.checked_sub(back.line.amount).ok_or("overflow")?;
            self.add_line(record, &back.layer, InvoiceLine { amount, ..back.line.clone() })?;
        }
        Ok(())
    }

    fn add_line(&mut self, record: &Record, layer: &Name, line: InvoiceLine) -> Result<(), String> {
        let all = &mut self.postpaid_mut().uninvoiced;
        let at = all.iter().position(|open| open.layer == *layer && open.unit == record.unit);
        let at = at.unwrap_or_else(|| {
            let (layer, unit) = (layer.clone(), record.unit.clone());
            // A hold has ended at its deadline, however long after that it is written (`an_expired_hold_is_billed_with_its_period`).
            let ended = matches!(record.event, Event::Expired { .. });
            let (from, since) = (record.seq, if ended { record.effective_at } else { record.recorded_at });
            all.push(Uninvoiced { layer, unit, from, lines: Vec::new(), since, period: None });
            all.len() - 1
        });
        let Some(open) = all.get_mut(at) else { return Ok(()) };
        let is_new = open.period.is_none();
        let key = (&line.feature, line.period);
        let lines = &mut open.lines;
        let own = lines.binary_search_by(|known| (&known.feature, known.period).cmp(&key));
        let full = lines.len() >= LINES_MAX;
        let of_feature = || lines.iter().position(|known| known.feature == line.feature).filter(|_| full);
        match own.or_else(|at| of_feature().ok_or(at)) {
            Ok(at) => {
                if let Some(known) = lines.get_mut(at) {
                    known.amount = known.amount.checked_add(line.amount).ok_or("overflow")?;
                }
            }
            Err(at) => lines.insert(at, line),
        }
        if is_new {
            self.wakes_at = Instant::default();
        }
        Ok(())
    }

    fn postpaid_mut(&mut self) -> &mut Postpaid {
        self.rare_mut().postpaid.get_or_insert_with(Box::default)
    }

    /// The layer's next invoice as it would close now.
    pub(crate) fn next_invoice(&self, at: usize) -> Option<(Invoice, Option<Name>)> {
        let postpaid = self.postpaid()?;
        let open = postpaid.uninvoiced.get(at)?;
        let total = open.lines.iter().try_fold(Credits::ZERO, |sum, line| sum.checked_add(line.amount))?;
        let invoice = Invoice {
            period: open.period.clone()?,
            number: postpaid.closed + 1,
            from: open.from,
            lines: open.lines.clone(),
            total,
        };
        Some((invoice, open.unit.clone()))
    }

    fn uninvoiced(&self, record: &Record, layer: &Name) -> Result<usize, String> {
        let all = self.postpaid().map_or(&[][..], |postpaid| &postpaid.uninvoiced);
        let at = all.iter().position(|open| open.layer == *layer && open.unit == record.unit);
        at.ok_or_else(|| "the layer has nothing to put on an invoice".into())
    }

    pub(super) fn open_invoice(&mut self, record: &Record, period: &InvoicePeriod) -> Result<(), String> {
        let at = self.uninvoiced(record, &period.layer)?;
        if let Some(open) = self.postpaid_mut().uninvoiced.get_mut(at) {
            open.period = Some(period.clone());
        }
        self.settle_wake();
        Ok(())
    }

    pub(super) fn close_invoice(&mut self, record: &Record, invoice: &Invoice) -> Result<(), String> {
        let at = self.uninvoiced(record, &invoice.period.layer)?;
        if self.next_invoice(at).is_none_or(|(next, _)| next != *invoice) {
            return Err("an invoice is not what its period comes to".into());
        }
        let (id, unit) = (record.seq, record.unit.clone());
        let postpaid = self.postpaid_mut();
        postpaid.uninvoiced.remove(at);
        postpaid.closed += 1;
        postpaid.invoices.push(ClosedInvoice { id, unit, invoice: invoice.clone(), paid_at: None });
        postpaid.forget();
        self.settle_wake();
        Ok(())
    }

    pub(super) fn pay_invoice(&mut self, record: &Record, invoice: Seq) -> Result<(), String> {
        let postpaid = self.postpaid_mut();
        let unpaid = postpaid.invoices.iter_mut().find(|of| of.id == invoice && of.is_unpaid());
        unpaid.ok_or("no such invoice is unpaid")?.paid_at = Some(record.recorded_at);
        postpaid.forget();
        self.settle_wake();
        Ok(())
    }
}
