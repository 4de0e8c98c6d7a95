//! Balances: the credits that can be drawn, the credits that holds set aside, and whether the books add up.
//!
//! Units: nano-credits.

use alloc::string::String;

use super::books::Books;
use super::state::Account;
use crate::record::{Credits, Instant, Name, Source};

impl Account {
    /// The books of a unit of credits.
    #[must_use]
    pub fn books_of(&self, unit: Option<&Name>) -> Books {
        let Some(unit) = unit else { return self.books };
        self.rare().books.iter().find(|(of, _)| of == unit).map_or_else(Books::default, |(_, books)| *books)
    }

    /// The units of credits that the account has books in; the default one is `None` and comes first.
    pub fn units(&self) -> impl Iterator<Item = Option<&Name>> {
        core::iter::once(None).chain(self.rare().books.iter().map(|(unit, _)| Some(unit)))
    }

    /// Whether anything has been issued or lent to the account in a unit.
    #[must_use]
    pub fn has_books_in(&self, unit: Option<&Name>) -> bool {
        self.books_of(unit) != Books::default()
            || !self.lent(unit).is_zero()
            || self.grants.iter().any(|g| g.terms.unit.as_ref() == unit)
    }

    /// Credits that can be drawn at `now`, debt and settled overdraft taken off; below zero when more is owed.
    #[must_use]
    pub fn available(&self, now: Instant, unit: Option<&Name>) -> Credits {
        let usable = self.grants.iter().filter(|g| g.terms.unit.as_ref() == unit && g.is_usable(now));
        let books = self.books_of(unit);
        credits(sum(usable.map(|g| g.remaining)) - sum([books.debt, books.overdraft]))
    }

    /// Credits that open holds have set aside in a unit, from the sources that count.
    fn held_of(&self, unit: Option<&Name>, counts: impl Fn(Source) -> bool) -> i128 {
        let holds = self.holds.iter().filter(|h| h.usage.credit_unit.as_ref() == unit);
        sum(holds.flat_map(|h| &h.draws).filter(|d| counts(d.source)).map(|d| d.credits()))
    }

    /// Credits set aside by open holds.
    #[must_use]
    pub fn held(&self, unit: Option<&Name>) -> Credits {
        credits(self.held_of(unit, |_| true))
    }

    /// Overdraft set aside by open holds, which a grant cannot repay yet.
    #[must_use]
    pub(crate) fn overdraft_held(&self, unit: Option<&Name>) -> Credits {
        credits(self.held_of(unit, |source| source == Source::Overdraft))
    }

    /// Whether the books balance: everything issued or lent is free, held, spent or expired.
    ///
    /// # Errors
    /// When a sum is off; the text says which.
    pub fn check(&self) -> Result<(), String> {
        self.units().try_for_each(|unit| self.check_unit(unit))?;
        match self.grants.iter().find(|g| sum([g.remaining, g.held]) > i128::from(g.terms.amount.nano())) {
            Some(g) => Err(alloc::format!("grant {} holds more than its amount", g.id.0)),
            None => Ok(()),
        }
    }

    fn check_unit(&self, unit: Option<&Name>) -> Result<(), String> {
        let b = self.books_of(unit);
        let grants = || self.grants.iter().filter(|g| g.terms.unit.as_ref() == unit);
        let (free, granted_held) = (sum(grants().map(|g| g.remaining)), sum(grants().map(|g| g.held)));
        let held = self.held_of(unit, |_| true);
        let inflow = sum([b.issued, b.goodwill, b.debt, b.overdraft, self.lent(unit)]);
        let outflow = free + held + sum([b.spent, b.breakage]);
        if inflow != outflow {
            return Err(alloc::format!(
                "issued and lent {inflow} but free, held, spent and expired {outflow}"
            ));
        }
        let postpaid_held = self.held_of(unit, |source| matches!(source, Source::Postpaid(_)));
        let lent = self.held_of(unit, |source| source == Source::Overdraft) + postpaid_held;
        if granted_held + lent != held {
            return Err(alloc::format!("holds say {held}, grants and loans say {}", granted_held + lent));
        }
        let (lent, known) = (sum([self.lent(unit)]), postpaid_held + self.outstanding(unit));
        if lent != known {
            return Err(alloc::format!("postpaid says {lent}, holds and invoices say {known}"));
        }
        Ok(())
    }
}

/// A sum that stays in range for any list of credits.
fn sum(amounts: impl IntoIterator<Item = Credits>) -> i128 {
    amounts.into_iter().map(|amount| i128::from(amount.nano())).sum()
}

/// Back from a sum; a sum out of range stays at the end of the range.
fn credits(nano: i128) -> Credits {
    let end = if nano < 0 { i64::MIN } else { i64::MAX };
    Credits::from_nano(i64::try_from(nano).unwrap_or(end))
}
