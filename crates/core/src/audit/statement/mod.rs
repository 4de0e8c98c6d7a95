//! Statements: the opening balance of a period, everything that moved it, the closing balance.
//!
//! The balance is the account's credits, free or set aside, less its debt: issued plus goodwill, less spent and expired.
//! Holds move nothing out of it and appear only once they are charged.
//! T1 opening balance plus all amounts is the closing balance (`a_statement_adds_up`).
//! T2 the closing balance of a period is the opening balance of the next (`periods_join`).
//! T3 subtotals by cause and by day add up to the movement of the period (`subtotals_add_up`).
//! T5 the pages of a statement are its lines, each with the same balance (`pages_are_the_whole`); what is not on the page takes no memory.
//! T4 by effective time late use and corrections are in the period of the use (`late_use_is_in_the_period_of_the_use`).
//! Units: credits; the end of a period is exclusive.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::record::{Credits, Days, GivenBack, Instant, Label, Name, Record, Seq, Use};

mod cause;
mod sums;

pub use cause::Cause;
use cause::moved;
use sums::plus;
pub use sums::{Paid, Payer, Sum, Sums};

/// The instant of a record that puts it into a period.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum By {
    /// When it was written: a past period never changes.
    #[default]
    Recorded,
    /// When it takes effect: late use and corrections are in the period of the use, so earlier periods still change.
    Effective,
}

/// The requested statement.
#[derive(Clone, Debug)]
pub struct Ask {
    /// From this instant on.
    pub from: Instant,
    /// Up to, but not including, this instant.
    pub to: Instant,
    /// The instant that puts a record into the period.
    pub by: By,
    /// As known at this instant.
    pub recorded_at: Instant,
    /// The unit of credits; `None`: `credits`.
    pub unit: Option<Name>,
    /// The zone of its days.
    pub days: Days,
    /// Whether to keep each line, or only the sums.
    pub has_lines: bool,
    /// The lines to keep.
    pub page: Page,
}

/// Some of a statement's lines: those of whole records, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// After this place.
    pub after: Option<Place>,
    /// At most this many; more if a single record has more.
    pub lines_max: usize,
}

impl Page {
    /// Every line.
    pub const ALL: Self = Self { after: None, lines_max: usize::MAX };
}

/// The place of a record among the lines: the instant that counts for the period, then its number.
pub type Place = (Instant, Seq);

impl Ask {
    /// Everything that was recorded in a period, in days of UTC.
    #[must_use]
    pub fn recorded(from: Instant, to: Instant, unit: Option<Name>) -> Self {
        let days = Days::of("UTC").unwrap_or_else(|_| unreachable!("UTC is a zone"));
        Self {
            from,
            to,
            by: By::Recorded,
            recorded_at: Instant::NEVER,
            unit,
            days,
            has_lines: true,
            page: Page::ALL,
        }
    }
}

/// Facts about a record from elsewhere in the log.
#[derive(Clone, Debug, Default)]
pub struct About {
    /// For a refund or correction: the draws that it gives back.
    pub given_back: Option<GivenBack>,
    /// The caller's key of the request that the use began with.
    pub event: Option<Label>,
}

/// One line of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The record it comes from.
    pub seq: Seq,
    /// When it was written.
    pub at: Instant,
    /// When it takes effect.
    pub effective_at: Instant,
    /// Why.
    pub cause: Cause,
    /// Credits in; negative: credits out.
    pub amount: Credits,
    /// The balance after it.
    pub balance: Credits,
    /// The feature of the charge that it is, or that it is about.
    pub feature: Option<Name>,
    /// The charged use, for charges.
    pub usage: Option<Use>,
    /// The operator's words or reference.
    pub reason: Option<Label>,
    /// The idempotency key of the record.
    pub key: Option<Label>,
    /// The caller's key of the request that the use began with.
    pub event: Option<Label>,
}

/// A period of an account.
#[derive(Clone, Debug)]
pub struct Statement {
    /// The request.
    pub ask: Ask,
    /// The balance before the first entry.
    pub opening: Credits,
    /// The balance before the first line of the page.
    pub carried: Credits,
    /// The movements of the page, in order. Charges paid by included use appear with an amount of zero.
    pub entries: Vec<Entry>,
    /// The place after which there are more lines; `None` if there are none.
    pub next: Option<Place>,
    /// The lines of the page so far.
    lines: BTreeMap<Place, Vec<Entry>>,
    kept: usize,
    /// Its sums.
    pub sums: Sums,
    /// The balance after the last entry.
    pub closing: Credits,
    /// The last record that was read.
    pub seq: Seq,
    /// The chain hash after it.
    pub hash: [u8; 32],
}

impl Statement {
    /// An empty statement, to be fed every record of the account from the first on.
    #[must_use]
    pub fn new(ask: Ask) -> Self {
        Self {
            ask,
            opening: Credits::ZERO,
            carried: Credits::ZERO,
            entries: Vec::new(),
            next: None,
            lines: BTreeMap::new(),
            kept: 0,
            sums: Sums::default(),
            closing: Credits::ZERO,
            seq: 0,
            hash: [0; 32],
        }
    }

    fn counts_at(&self, record: &Record) -> Instant {
        match self.ask.by {
            By::Recorded => record.recorded_at,
            By::Effective => record.effective_at,
        }
    }

    /// Whether the record has lines in the period, so that facts from elsewhere in the log are needed.
    #[must_use]
    pub fn wants(&self, record: &Record) -> bool {
        let at = self.counts_at(record);
        let is_known = record.recorded_at <= self.ask.recorded_at;
        is_known && record.unit == self.ask.unit && at >= self.ask.from && at < self.ask.to
    }

    /// Takes the next record; `false` when neither it nor any after it is part of the statement.
    pub fn take(&mut self, record: &Record, hash: [u8; 32], about: About) -> bool {
        let is_past = self.ask.by == By::Recorded && record.recorded_at >= self.ask.to;
        if is_past || record.recorded_at > self.ask.recorded_at {
            return false;
        }
        (self.seq, self.hash) = (record.seq, hash);
        let at = self.counts_at(record);
        if record.unit != self.ask.unit || at >= self.ask.to {
            return true;
        }
        let is_before = at < self.ask.from;
        if !is_before {
            self.sums.pay(record, about.given_back.as_ref());
        }
        for (cause, amount) in moved(record) {
            self.closing = plus(self.closing, amount);
            if is_before {
                self.opening = plus(self.opening, amount);
                self.carried = plus(self.carried, amount);
            } else {
                self.push(record, at, (cause, amount), &about);
            }
        }
        true
    }

    fn push(&mut self, record: &Record, at: Instant, (cause, amount): (Cause, Credits), about: &About) {
        let given_back = about.given_back.as_ref().map(|given| &given.charge);
        let feature = record.charge().or(given_back).map(|c| &c.usage.feature);
        self.sums.by_cause.entry(cause).or_default().add(amount);
        self.sums.by_day.entry(self.ask.days.date(at)).or_default().add(amount);
        if let Some(feature) = feature {
            self.sums.by_feature.entry(feature.clone()).or_default().add(amount);
        }
        if !self.ask.has_lines {
            return;
        }
        let place = (at, record.seq);
        if self.ask.page.after.is_some_and(|after| place <= after) {
            self.carried = plus(self.carried, amount);
            return;
        }
        // Its line, and all after it, are on a later page.
        if self.next.is_some_and(|next| place > next) {
            return;
        }
        let entry = Entry {
            seq: record.seq,
            at: record.recorded_at,
            effective_at: record.effective_at,
            cause,
            amount,
            balance: Credits::ZERO,
            feature: feature.cloned(),
            usage: record.charge().filter(|_| cause == Cause::Charge).map(|c| c.usage.clone()),
            reason: record.reason().cloned(),
            key: record.key.as_ref().map(|k| k.text.clone()),
            event: about.event.clone().filter(|_| feature.is_some()),
        };
        self.lines.entry(place).or_default().push(entry);
        self.kept += 1;
        while self.kept > self.ask.page.lines_max && self.lines.len() > 1 {
            let last = self.lines.pop_last();
            self.kept -= last.map_or(0, |(_, lines)| lines.len());
            self.next = self.lines.last_key_value().map(|(place, _)| *place);
        }
    }

    /// Puts the lines in the order of the instants that count for the period, each with the balance after it.
    #[must_use]
    pub fn finished(mut self) -> Self {
        let carried = self.carried;
        self.entries = self.take_lines();
        self.carried = carried;
        self
    }

    /// The lines since the last call. By recording time they come in their final order, so that a long statement need not be kept.
    #[must_use]
    pub fn take_lines(&mut self) -> Vec<Entry> {
        self.kept = 0;
        let mut lines: Vec<Entry> = core::mem::take(&mut self.lines).into_values().flatten().collect();
        for line in &mut lines {
            self.carried = plus(self.carried, line.amount);
            line.balance = self.carried;
        }
        lines
    }
}
