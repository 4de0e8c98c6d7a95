//! What every run ends with: nothing to find, the same bytes again, and the datasets adding up to the balances.

use headworks_core::record::{Book, Event, Source};

use super::compare::Compared;
use super::run::Run;
use crate::audit::{audit, chained, replayed_under};

impl Run {
    pub(super) fn ends(&self) -> Compared {
        let log = &self.world.log;
        let found = audit(&chained(log), &self.catalogs);
        if !found.is_empty() {
            return Err(format!("reconciliation: {found:?}"));
        }
        let under = |seq: u64| &self.catalogs[self.since.partition_point(|from| *from <= seq) - 1];
        let differing = replayed_under(log, under);
        if !differing.is_empty() {
            return Err(format!("replay: {differing:?}"));
        }
        self.sums()
    }

    /// The sums of the datasets, as they are documented.
    fn sums(&self) -> Compared {
        let log = &self.world.log;
        let moved = |of: &dyn Fn(Book) -> bool| -> i64 {
            let each = log.iter().flat_map(|r| &r.movements);
            each.map(|m| (i64::from(of(m.to)) - i64::from(of(m.from))) * m.amount.nano()).sum()
        };
        let replaced: Vec<u64> = log
            .iter()
            .filter_map(|r| {
                if let Event::Corrected { correcting, .. } = &r.event {
                    Some(correcting.charge)
                } else {
                    None
                }
            })
            .collect();
        let refunded: i64 = log
            .iter()
            .filter(|r| matches!(r.event, Event::Refunded { .. }))
            .flat_map(|r| &r.movements)
            .filter(|m| m.from == Book::Spent)
            .map(|m| m.amount.nano())
            .sum();
        let standing = || log.iter().filter(|r| !replaced.contains(&r.seq)).filter_map(|r| r.charge());
        let charged: i64 = standing().map(|c| c.credits().nano()).sum::<i64>() - refunded;
        let drawn: i64 = standing()
            .flat_map(|c| &c.draws)
            .filter(|d| d.source != Source::Allowance)
            .map(|d| d.amount)
            .sum();
        let book = &self.book;
        let owing = -moved(&|b| matches!(b, Book::Debt | Book::Overdraft));
        let rows = [
            ("issued", -moved(&|b| b == Book::Operator), book.issued),
            ("goodwill", -moved(&|b| b == Book::Goodwill), book.goodwill()),
            ("debt", -moved(&|b| b == Book::Debt), book.debt()),
            ("overdraft", -moved(&|b| b == Book::Overdraft), book.overdraft()),
            ("postpaid", -moved(&|b| b == Book::Postpaid), book.postpaid()),
            ("spent", moved(&|b| b == Book::Spent), book.spent()),
            ("breakage", moved(&|b| b == Book::Breakage), book.breakage),
            ("held", moved(&|b| matches!(b, Book::Hold(_))), book.held()),
            ("spent by charges", charged, book.spent()),
            ("spent by draws", drawn - refunded, book.spent()),
            (
                "prices by lines",
                standing().map(|c| c.draws.iter().map(|d| d.worth).sum::<i64>() - c.price.nano()).sum(),
                0,
            ),
        ];
        for (what, sum, balance) in rows {
            if sum != balance {
                return Err(format!("the datasets have {what} {sum}, the model {balance}"));
            }
        }
        let free = moved(&|b| matches!(b, Book::Grant(_))) - owing;
        let begun = |id: u64| book.grants.iter().any(|g| g.id == id && g.from <= self.now());
        let to_come: i64 = moved(&|b| matches!(b, Book::Grant(id) if !begun(id.0)));
        let available = book.available(self.now());
        if free - to_come == available {
            Ok(())
        } else {
            Err(format!("the datasets have {} available, the model {available}", free - to_come))
        }
    }
}
