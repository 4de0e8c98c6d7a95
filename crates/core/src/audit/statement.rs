//! Statements: the opening balance of a period, everything that moved it, the closing balance.
//!
//! The balance is what the account has, free or set aside, less what it owes: issued and made good, less spent and expired.
//! Holds move nothing out of it and do not appear until they are charged.
//! T1 opening balance plus all amounts is the closing balance (`a_statement_adds_up`).
//! T2 the closing balance of a period is the opening balance of the next (`periods_join`).
//! Units: credits; periods by the instant a record was written, the end exclusive.

use alloc::vec::Vec;

use crate::record::{Book, Charge, Credits, Event, Instant, Label, Name, Periodic, Record, Seq};

/// Why a balance moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Credits were issued.
    Grant,
    /// Use was charged.
    Charge,
    /// A charge was given back.
    Refund,
    /// The operator made a shortfall or an expired draw good.
    Goodwill,
    /// Credits expired unused.
    Expiry,
    /// A grant was taken back.
    Void,
    /// A grant was corrected by hand.
    Adjustment,
}

impl Cause {
    /// The word used in the API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Grant => "grant",
            Self::Charge => "charge",
            Self::Refund => "refund",
            Self::Goodwill => "goodwill",
            Self::Expiry => "expiry",
            Self::Void => "void",
            Self::Adjustment => "adjustment",
        }
    }
}

/// One line of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The record it comes from.
    pub seq: Seq,
    /// When it was written.
    pub at: Instant,
    /// Why.
    pub cause: Cause,
    /// What came in; negative: what went out.
    pub amount: Credits,
    /// The balance after it.
    pub balance: Credits,
    /// What was charged, for charges.
    pub charge: Option<Charge>,
    /// The operator's words or reference.
    pub reason: Option<Label>,
    /// The caller's idempotency key.
    pub key: Option<Label>,
}

/// A period of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// From this instant on.
    pub from: Instant,
    /// To before this instant.
    pub to: Instant,
    /// The balance before the first entry.
    pub opening: Credits,
    /// What moved it, in order. Charges that included use paid are there with an amount of zero.
    pub entries: Vec<Entry>,
    /// The balance after the last entry.
    pub closing: Credits,
    /// The last record that was looked at.
    pub seq: Seq,
    /// The chain hash after it.
    pub hash: [u8; 32],
    /// The unit of credits; `None`: `credits`.
    pub unit: Option<Name>,
}

impl Statement {
    /// An empty statement, to be fed every record of the account from the first on.
    #[must_use]
    pub fn new(from: Instant, to: Instant, unit: Option<Name>) -> Self {
        Self {
            from,
            to,
            opening: Credits::ZERO,
            entries: Vec::new(),
            closing: Credits::ZERO,
            seq: 0,
            hash: [0; 32],
            unit,
        }
    }

    /// Takes the next record; `false` when it is past the period.
    pub fn take(&mut self, record: &Record, hash: [u8; 32]) -> bool {
        if record.recorded_at >= self.to {
            return false;
        }
        (self.seq, self.hash) = (record.seq, hash);
        if record.unit != self.unit {
            return true;
        }
        let mut moved = Vec::new();
        for m in &record.movements {
            let (cause, sign) = match (m.from, m.to) {
                (Book::Operator, _) => (inflow(&record.event), 1),
                (_, Book::Operator) => (outflow(&record.event), -1),
                (Book::Goodwill, Book::Spent) => {
                    // The charge is shown in full, and what makes it good beside it.
                    add(&mut moved, Cause::Charge, -m.amount.nano());
                    (Cause::Goodwill, 1)
                }
                (Book::Goodwill, _) => (Cause::Goodwill, 1),
                (Book::Spent, Book::Goodwill) => {
                    add(&mut moved, Cause::Refund, m.amount.nano());
                    (Cause::Goodwill, -1)
                }
                (Book::Spent, Book::Breakage) => {
                    add(&mut moved, Cause::Refund, m.amount.nano());
                    (Cause::Expiry, -1)
                }
                (_, Book::Goodwill) => (Cause::Goodwill, -1),
                (_, Book::Spent) => (Cause::Charge, -1),
                (Book::Spent, _) => (Cause::Refund, 1),
                (_, Book::Breakage) => (Cause::Expiry, -1),
                (Book::Breakage, _) => (Cause::Expiry, 1),
                _ => continue,
            };
            add(&mut moved, cause, sign * m.amount.nano());
        }
        if record.charge().is_some() && moved.iter().all(|(cause, _)| *cause != Cause::Charge) {
            moved.insert(0, (Cause::Charge, 0));
        }
        for (cause, amount) in moved {
            self.push(record, cause, Credits::from_nano(amount));
        }
        true
    }

    fn push(&mut self, record: &Record, cause: Cause, amount: Credits) {
        // The books of an account stay within the range of credits, and with them this sum.
        let balance = Credits::from_nano(self.closing.nano().saturating_add(amount.nano()));
        self.closing = balance;
        if record.recorded_at < self.from {
            self.opening = balance;
            return;
        }
        self.entries.push(Entry {
            seq: record.seq,
            at: record.recorded_at,
            cause,
            amount,
            balance,
            charge: record.charge().filter(|_| cause == Cause::Charge).cloned(),
            reason: reason(record),
            key: record.key.as_ref().map(|k| k.text.clone()),
        });
    }
}

fn add(moved: &mut Vec<(Cause, i64)>, cause: Cause, amount: i64) {
    match moved.iter_mut().find(|(known, _)| *known == cause) {
        Some((_, sum)) => *sum = sum.saturating_add(amount),
        None => moved.push((cause, amount)),
    }
}

fn inflow(event: &Event) -> Cause {
    if is_adjustment(event) { Cause::Adjustment } else { Cause::Grant }
}

fn outflow(event: &Event) -> Cause {
    if is_adjustment(event) { Cause::Adjustment } else { Cause::Void }
}

fn is_adjustment(event: &Event) -> bool {
    if let Event::Periodic(periodic) = event {
        return matches!(**periodic, Periodic::PlanChanged(_));
    }
    matches!(event, Event::Adjusted { .. })
}

fn reason(record: &Record) -> Option<Label> {
    if let Event::Voided { reason, .. } | Event::Adjusted { reason, .. } | Event::Refunded { reason, .. } =
        &record.event
    {
        return reason.clone();
    }
    if let Event::Corrected { correcting, .. } = &record.event {
        return correcting.reason.clone();
    }
    record.opens.as_ref().and_then(|terms| terms.reference.clone())
}
