//! The fold of movements: what leaves one book enters another, and none goes below zero but what the operator has issued.

use alloc::string::String;

use super::books::Books;
use super::state::Account;
use crate::record::{Book, Credits, Movement, Name};

impl Account {
    pub(super) fn apply_movement(&mut self, m: &Movement, unit: Option<&Name>) -> Result<(), String> {
        if m.amount < Credits::ZERO {
            return Err("a movement is negative".into());
        }
        self.post(m.from, m.amount, false, unit)?;
        self.post(m.to, m.amount, true, unit)
    }

    fn post(&mut self, book: Book, amount: Credits, enters: bool, unit: Option<&Name>) -> Result<(), String> {
        let move_to = |balance: &mut Credits, adds: bool| -> Result<(), String> {
            let next = if adds { balance.checked_add(amount) } else { balance.checked_sub(amount) };
            // What goodwill has paid for goes back to the operator when it is voided: more than it had issued, perhaps.
            let may_fall_below = book == Book::Operator;
            let next = next.filter(|n| may_fall_below || *n >= Credits::ZERO);
            *balance = next.ok_or("a book would go below zero or overflow")?;
            Ok(())
        };
        match book {
            // A hold's balance is its receipt.
            Book::Hold(_) => return Ok(()),
            Book::Grant(id) => {
                let grant = self.grants.iter_mut().find(|g| g.id == id).ok_or("no such grant")?;
                if grant.terms.unit.as_ref() != unit {
                    return Err("a movement is in another unit of credits than its grant".into());
                }
                if enters {
                    self.wakes_at = self.wakes_at.min(grant.terms.expires_at);
                }
                return move_to(&mut grant.remaining, enters);
            }
            Book::Operator | Book::Goodwill | Book::Debt | Book::Overdraft | Book::Spent | Book::Breakage => {
            }
        }
        let books = self.books_mut(unit);
        match book {
            // What leaves these has been issued or lent to the account.
            Book::Operator => move_to(&mut books.issued, !enters),
            Book::Goodwill => move_to(&mut books.goodwill, !enters),
            Book::Debt => move_to(&mut books.debt, !enters),
            Book::Overdraft => move_to(&mut books.overdraft, !enters),
            Book::Spent => move_to(&mut books.spent, enters),
            Book::Breakage => move_to(&mut books.breakage, enters),
            Book::Hold(_) | Book::Grant(_) => Ok(()),
        }
    }

    fn books_mut(&mut self, unit: Option<&Name>) -> &mut Books {
        let Some(unit) = unit else { return &mut self.books };
        let all = &mut self.extras.get_or_insert_default().books;
        let at = match all.binary_search_by(|(of, _)| of.cmp(unit)) {
            Ok(at) => at,
            Err(at) => {
                all.insert(at, (unit.clone(), Books::default()));
                at
            }
        };
        // It has just been found or put there.
        all.get_mut(at).map(|(_, books)| books).unwrap_or(&mut self.books)
    }
}
