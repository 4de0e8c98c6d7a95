//! Debt: it stays within the limit of its cause, blocks new requests, and is repaid first.
//!
//! Units: nano-credits.

use std::collections::BTreeMap;

use headworks_core::record::{
    Book, Charge, CycleEvent, Draw, Event, HoldId, Movement, Name, Operation, Overage, Record, Source,
};

use super::in_force::{InForce, RolledOut};
use crate::catalog::{OVERDRAFT, OWED};

/// The amounts owed in one unit of credits.
#[derive(Clone, Copy, Default)]
struct Owed {
    debt: i128,
    overdraft: i128,
}

#[derive(Default)]
struct Walk<'a> {
    owed: BTreeMap<Option<Name>, Owed>,
    /// The overdraft set aside by open holds.
    held: BTreeMap<HoldId, (Option<Name>, i128)>,
    in_force: InForce<'a>,
}

/// Follows the debt of a log.
pub(super) fn check(log: &[Record], rolled_out: RolledOut<'_>) -> Result<(), String> {
    let mut walk = Walk { in_force: InForce::new(rolled_out), ..Walk::default() };
    for record in log {
        walk.follow(record).map_err(|e| format!("record {}: {e}", record.seq))?;
    }
    Ok(())
}

fn moved(record: &Record, is: impl Fn(&Movement) -> bool) -> i128 {
    record.movements.iter().filter(|m| is(m)).map(|m| i128::from(m.amount.nano())).sum()
}

fn overdrawn(draws: &[Draw]) -> i128 {
    draws.iter().filter(|d| d.source == Source::Overdraft).map(|d| i128::from(d.amount)).sum()
}

impl<'a> Walk<'a> {
    fn follow(&mut self, record: &'a Record) -> Result<(), String> {
        self.in_force.follow(record);
        let unit = record.unit.clone();
        let before = self.owed.get(&unit).copied().unwrap_or_default();
        let out = |book: Book| moved(record, |m| m.from == book) - moved(record, |m| m.to == book);
        let after =
            Owed { debt: before.debt + out(Book::Debt), overdraft: before.overdraft + out(Book::Overdraft) };
        if after.debt < 0 || after.overdraft < 0 {
            return Err(format!("{} is owed and {} overdrawn", after.debt, after.overdraft));
        }
        self.owed.insert(unit.clone(), after);
        if let Some(charge) = record.charge() {
            self.made(record, charge, after)?;
        }
        match &record.event {
            Event::Authorized { usage, decision, .. } => {
                self.blocks(&usage.credit_unit)?;
                self.held.insert(HoldId(record.seq), (unit, overdrawn(&decision.draws)));
            }
            Event::Extended { hold, decision, .. } => {
                self.held.entry(*hold).and_modify(|(_, held)| *held += overdrawn(&decision.draws));
            }
            Event::Charged { charge, .. }
                if record.key.as_ref().is_some_and(|k| k.operation == Operation::Authorize) =>
            {
                self.blocks(&charge.usage.credit_unit)?;
            }
            Event::Settled { hold, .. } | Event::Released(hold) | Event::Expired { hold, .. } => {
                self.held.remove(hold);
            }
            Event::Granted => self.repaid(record, before)?,
            Event::Cycle(event) if matches!(**event, CycleEvent::Renewed { .. }) => {
                self.repaid(record, before)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// Nothing new is granted in a unit of credits with debt.
    fn blocks(&self, unit: &Option<Name>) -> Result<(), String> {
        match self.owed.get(unit).map_or(0, |owed| owed.debt) {
            0 => Ok(()),
            debt => Err(format!("it is granted although {debt} are owed")),
        }
    }

    /// Only some features make debt, within their limit; goodwill covers only use beyond it.
    fn made(&self, record: &Record, charge: &Charge, after: Owed) -> Result<(), String> {
        let owed = moved(record, |m| (m.from, m.to) == (Book::Debt, Book::Spent));
        let good = moved(record, |m| (m.from, m.to) == (Book::Goodwill, Book::Spent));
        let overdraft = self.in_force.figure("lent", &charge.usage.path, record.recorded_at, OVERDRAFT);
        let (counts, limit) = match charge.usage.feature.as_str() {
            "owe" => (after.debt, OWED),
            "chat" if self.in_force.has_limits() => (after.debt + after.overdraft, i128::from(overdraft)),
            _ => (0, 0),
        };
        if owed > 0 && (counts > limit || limit == 0) {
            return Err(format!("{owed} more are owed, and that is {counts} of {limit}"));
        }
        let is_correction = matches!(record.event, Event::Corrected { .. });
        if good > 0 && counts < limit && !is_correction {
            return Err(format!("{good} are made good, and {counts} of {limit} are owed"));
        }
        Ok(())
    }

    /// Credits for all features repay debt first, then the overdraft that no hold has set aside.
    fn repaid(&self, record: &Record, before: Owed) -> Result<(), String> {
        let Some(terms) = record.opens.as_ref() else { return Ok(()) };
        if !terms.features.is_empty() || terms.effective_from > record.recorded_at {
            return Ok(());
        }
        let held: i128 =
            self.held.values().filter(|(unit, _)| *unit == record.unit).map(|(_, held)| held).sum();
        let amount = i128::from(terms.amount.nano());
        let overage = terms.recurrence.as_ref().map(|r| r.overage);
        let forgiven = overage == Some(Overage::Forgive) && !matches!(record.event, Event::Granted);
        let amount = if forgiven { i128::MAX } else { amount };
        let debt = before.debt.min(amount);
        let overdraft = (before.overdraft - held).min(amount - debt);
        for (book, is) in [(Book::Debt, debt), (Book::Overdraft, overdraft)] {
            let repaid = moved(record, |m| m.to == book);
            if repaid != is {
                return Err(format!("{repaid} of {book:?} are repaid and not {is}"));
            }
        }
        Ok(())
    }
}
