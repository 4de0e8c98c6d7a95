//! Postpaid: what each period has lent stays within its limit, and invoices come to what was charged.
//!
//! Units: nano-credits; instants in UTC microseconds. A period goes by its beginning.

use std::collections::BTreeMap;

use headworks_core::record::{Book, CycleEvent, Draw, Event, Invoice, Operation, Record, Seq, Source};

use super::calendar::DAY;
use super::draws::unwound;
use super::in_force::{InForce, RolledOut, path_of};
use crate::catalog::LENT;

/// Amounts by period.
type ByPeriod = BTreeMap<i64, i64>;

/// A charge that may be corrected or refunded.
struct Live {
    draws: Vec<Draw>,
    returned: i64,
}

#[derive(Default)]
struct Walk<'a> {
    in_force: InForce<'a>,
    held: BTreeMap<Seq, Vec<Draw>>,
    live: BTreeMap<Seq, Live>,
    /// What is charged and not given back.
    charged: ByPeriod,
    /// What all invoices so far say.
    billed: ByPeriod,
    unpaid: BTreeMap<Seq, ByPeriod>,
    paid: i64,
    /// The instant of the first line of the next invoice, if the plan has lent since.
    begun: Option<i64>,
    /// The plan lends, and has since the first line.
    lends: bool,
    has_lent: bool,
    /// The book, by its movements.
    book: i64,
}

/// Follows the postpaid side of a log.
pub(super) fn check(log: &[Record], rolled_out: RolledOut<'_>) -> Result<(), String> {
    let mut walk = Walk { in_force: InForce::new(rolled_out), ..Walk::default() };
    for record in log {
        walk.follow(record).map_err(|e| format!("record {}: {e}", record.seq))?;
    }
    Ok(())
}

fn lent(draws: &[Draw]) -> impl Iterator<Item = (i64, i64)> {
    draws.iter().filter_map(|draw| match draw.source {
        Source::Postpaid(period) => Some((period.micros(), draw.amount)),
        _ => None,
    })
}

impl<'a> Walk<'a> {
    fn follow(&mut self, record: &'a Record) -> Result<(), String> {
        self.in_force.follow(record);
        self.lends = self.in_force.has_limits();
        self.has_lent &= self.lends;
        let limit = self.in_force.figure("bill", &path_of(record), record.recorded_at, LENT);
        let before = self.all();
        for movement in &record.movements {
            let amount = movement.amount.nano();
            self.book += if movement.to == Book::Postpaid { amount } else { 0 };
            self.book -= if movement.from == Book::Postpaid { amount } else { 0 };
        }
        match &record.event {
            Event::Authorized { decision, .. } => {
                self.held.insert(record.seq, decision.draws.to_vec());
                self.fits(&decision.draws, limit)?;
            }
            Event::Extended { hold, decision, .. } => {
                self.held.entry(hold.0).or_default().extend(decision.draws.iter().cloned());
                self.fits(&decision.draws, limit)?;
            }
            Event::Refunded { charge, amount, .. } => self.refunded(record, *charge, amount.nano()),
            Event::Corrected { correcting, .. } => {
                if let Some(was) = self.live.remove(&correcting.charge) {
                    self.charge(record, lent(&was.draws).map(|(period, n)| (period, -n)));
                }
            }
            Event::Cycle(event) => match &**event {
                CycleEvent::InvoiceClosed(invoice) => self.closes(record, invoice)?,
                CycleEvent::InvoicePaid { invoice, .. } => {
                    let lines = self.unpaid.remove(invoice);
                    let lines = lines.ok_or_else(|| format!("{invoice} is not an unpaid invoice"))?;
                    self.paid += lines.values().sum::<i64>();
                }
                _ => {}
            },
            _ => {}
        }
        if let Some(hold) = record.event.ends() {
            self.held.remove(&hold.0);
        }
        if let Some(charge) = record.charge() {
            self.charge(record, lent(&charge.draws));
            self.live.insert(record.seq, Live { draws: charge.draws.to_vec(), returned: 0 });
            let is_request = record.key.as_ref().is_some_and(|key| key.operation == Operation::Authorize);
            if is_request {
                self.fits(&charge.draws, limit)?;
            }
        }
        // What was lent under another figure stays.
        let had = |period: &i64| before.get(period).copied().unwrap_or(0);
        let over = self.all().into_iter().find(|(period, n)| *n > limit && *n > had(period));
        if let Some((period, n)) = over {
            return Err(format!("{n} are lent in the period of {period}"));
        }
        let held: i64 = self.held.values().flat_map(|draws| lent(draws)).map(|(_, n)| n).sum();
        let owed = held + self.charged.values().sum::<i64>() - self.paid;
        if self.book == -owed { Ok(()) } else { Err(format!("{owed} are lent, the book says {}", self.book)) }
    }

    /// What each period has lent, open holds included.
    fn all(&self) -> ByPeriod {
        let mut all = self.charged.clone();
        for (period, n) in self.held.values().flat_map(|draws| lent(draws)) {
            *all.entry(period).or_default() += n;
        }
        all
    }

    /// What a request draws has room beside unpaid invoices.
    fn fits(&self, draws: &[Draw], limit: i64) -> Result<(), String> {
        for (period, _) in lent(draws) {
            let of = |lines: &ByPeriod| lines.range(..period).map(|(_, n)| n).sum::<i64>().max(0);
            let unpaid: i64 = self.unpaid.values().map(of).sum();
            let used = self.all().get(&period).copied().unwrap_or(0);
            if used.saturating_add(unpaid) > limit {
                return Err(format!("{used} are lent beside {unpaid} unpaid"));
            }
        }
        Ok(())
    }

    fn charge(&mut self, record: &Record, amounts: impl Iterator<Item = (i64, i64)>) {
        for (period, n) in amounts {
            *self.charged.entry(period).or_default() += n;
            // A hold has ended at its deadline, however late that is written.
            let ended = matches!(record.event, Event::Expired { .. });
            let at = if ended { record.effective_at } else { record.recorded_at };
            if self.begun.is_none() {
                (self.begun, self.has_lent) = (Some(at.micros()), self.lends);
            }
        }
    }

    /// A refund gives back from the last draw to the first.
    fn refunded(&mut self, record: &Record, charge: Seq, amount: i64) {
        let Some(live) = self.live.get_mut(&charge) else { return };
        let back = unwound(&live.draws, live.returned, amount);
        live.returned += amount;
        let back: Vec<(i64, i64)> = lent(&back).filter(|(_, n)| *n > 0).collect();
        self.charge(record, back.into_iter().map(|(period, n)| (period, -n)));
    }

    fn closes(&mut self, record: &Record, invoice: &Invoice) -> Result<(), String> {
        let mut lines = self.charged.clone();
        for (period, n) in &self.billed {
            *lines.entry(*period).or_default() -= n;
        }
        lines.retain(|_, n| *n != 0);
        let mut said = ByPeriod::new();
        for line in &invoice.lines {
            *said.entry(line.period.micros()).or_default() += line.amount.nano();
        }
        said.retain(|_, n| *n != 0);
        if said != lines || invoice.total.nano() != lines.values().sum::<i64>() {
            return Err(format!("an invoice says {said:?} and not {lines:?}"));
        }
        let end = self.begun.map(|at| (at.div_euclid(DAY) + 1) * DAY);
        if self.has_lent && end != Some(record.effective_at.micros()) {
            return Err(format!("an invoice closes then and not at {end:?}"));
        }
        self.billed = self.charged.clone();
        self.begun = None;
        if !lines.is_empty() && invoice.total.nano() != 0 {
            self.unpaid.insert(record.seq, lines);
        }
        Ok(())
    }
}
