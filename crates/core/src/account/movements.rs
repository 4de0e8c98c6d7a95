//! The fold of movements: credits that leave one book enter another, and only the books of issued and postpaid
//! credits go below zero.

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
            // What an invoice has paid may be refunded after.
            // Credits that goodwill has paid for go back to the operator when voided: perhaps more than were issued.
            let may_fall_below = matches!(book, Book::Operator | Book::Postpaid);
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
            Book::Operator
            | Book::Goodwill
            | Book::Debt
            | Book::Overdraft
            | Book::Postpaid
            | Book::Spent
            | Book::Breakage => {}
        }
        if book == Book::Postpaid {
            if !enters {
                // What is charged with it needs books.
                self.books_mut(unit, true)?;
            }
            return move_to(self.lent_mut(unit), !enters);
        }
        let books = self.books_mut(unit, !enters)?;
        match book {
            // Credits that leave these have been issued or lent to the account.
            Book::Operator => move_to(&mut books.issued, !enters),
            Book::Goodwill => move_to(&mut books.goodwill, !enters),
            Book::Debt => move_to(&mut books.debt, !enters),
            Book::Overdraft => move_to(&mut books.overdraft, !enters),
            Book::Spent => move_to(&mut books.spent, enters),
            Book::Breakage => move_to(&mut books.breakage, enters),
            Book::Hold(_) | Book::Grant(_) | Book::Postpaid => Ok(()),
        }
    }

    /// The books of a unit; they begin with the first credits in it that are issued or lent to the account.
    fn books_mut(&mut self, unit: Option<&Name>, begins: bool) -> Result<&mut Books, String> {
        let Some(unit) = unit else { return Ok(&mut self.books) };
        let all = &mut self.rare_mut().books;
        let at = all.binary_search_by(|(of, _)| of.cmp(unit));
        if let (Err(at), true) = (at, begins) {
            all.insert(at, (unit.clone(), Books::default()));
        }
        let (Ok(at) | Err(at)) = at;
        let books = all.get_mut(at).filter(|(of, _)| of == unit).map(|(_, books)| books);
        books.ok_or_else(|| "a movement is in a unit of credits that the account has no books of".into())
    }
}
