//! Replay and what-if over a whole store.
//!
//! Reads only. D1 a store that only the engine wrote replays to the same bytes (`a_thousand_seeds_hold`).

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};

use headworks_core::account::Account;
use headworks_core::audit::replay::differs;
use headworks_core::audit::what_if::{Row, Shadow};
use headworks_core::catalog::Catalog;
use headworks_core::command;
use headworks_core::record::{IndexKey, Name, Once, Record, Seq, is_internal};
use headworks_store::{Store, StoreError, Stored};

use crate::reconcile::{FINDINGS_KEPT, Progress, catalogs, each_account};
use headworks_store::wait;

const RECORDS_AT_ONCE: usize = 256;
/// The most changed accounts that a what-if keeps, however many accounts there are.
const CHANGED_KEPT: usize = 1_000;

/// The result of a replay.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Accounts replayed.
    pub accounts: u64,
    /// Records replayed.
    pub records: u64,
    /// How many records differ.
    pub found: u64,
    /// The first of them: account, number, how it differs.
    pub differing: Vec<(Name, Seq, String)>,
}

/// The result of a what-if.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WhatIf {
    /// Accounts whose logs were run again.
    pub accounts: u64,
    /// Records read.
    pub records: u64,
    /// By plan and feature.
    pub rows: BTreeMap<(Name, Name), Row>,
    /// The accounts for which anything changes.
    pub changed: Changed,
    /// How many operations the catalog refuses, such as those of a plan that it lacks.
    pub refused: u64,
    /// The first of them, in words.
    pub refusals: Vec<(Name, Seq, String)>,
    /// Denials whose explanation was not kept, so they could not be run again.
    pub unexplained: u64,
}

/// Accounts with a difference, of which the largest are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changed {
    kept: BTreeMap<Rank, Row>,
    count: u64,
}

/// The largest difference in revenue first, then the most requests whose outcome changes.
type Rank = (Reverse<u128>, Reverse<u64>, Name);

impl Changed {
    fn add(&mut self, account: &Name, row: Row) {
        let difference = (row.would_be.paid - row.was.paid).unsigned_abs();
        self.count += 1;
        self.kept.insert((Reverse(difference), Reverse(row.changed), account.clone()), row);
        if self.kept.len() > CHANGED_KEPT {
            self.kept.pop_last();
        }
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Those that are kept, the largest difference first.
    pub fn iter(&self) -> impl Iterator<Item = (&Name, &Row)> {
        self.kept.iter().map(|((.., account), row)| (account, row))
    }
}

/// One account's log, for commands that refer back.
struct Log<'a> {
    store: &'a dyn Store,
    account: &'a Name,
}

impl command::Log for Log<'_> {
    type Error = StoreError;

    fn record(&self, seq: Seq) -> Result<Option<Record>, StoreError> {
        let found = wait(self.store.read(self.account, seq, 1))?;
        found.first().filter(|r| r.seq == seq).map(Stored::record).transpose()
    }

    fn once(&self, once: Once) -> Result<Option<Record>, StoreError> {
        let key = IndexKey::of_once(self.account, once);
        wait(self.store.find(key))?.as_ref().map(Stored::record).transpose()
    }
}

/// Passes every record of an account to `take`, in order; returns how many, or `None` if it was stopped.
fn each_record(
    store: &dyn Store,
    account: &Name,
    progress: &Progress,
    mut take: impl FnMut(&Record, &Stored) -> Result<(), StoreError>,
) -> Result<Option<u64>, StoreError> {
    let mut next = 1;
    loop {
        let began = std::time::Instant::now();
        let records = wait(store.read(account, next, RECORDS_AT_ONCE))?;
        let Some(last) = records.last() else {
            return Ok(Some(next - 1));
        };
        next = last.seq + 1;
        for stored in &records {
            take(&stored.record()?, stored)?;
        }
        if !progress.goes_on_after(began) {
            return Ok(None);
        }
    }
}

/// Runs every recorded request again, on the state before it and a catalog that was in force.
///
/// # Errors
/// When a record cannot be read or does not follow: reconcile first.
pub fn replay(store: &dyn Store, threads: usize, progress: &Progress) -> Result<Replayed, StoreError> {
    let catalogs = catalogs(store, progress)?;
    let total = Mutex::new(Replayed::default());
    each_account(store, threads, progress, |account| {
        if is_internal(account) {
            return Ok(());
        }
        let mut state = Account::empty(account.clone());
        let mut differing = Vec::new();
        let history = Log { store, account };
        // The catalog that fitted last comes first: it mostly fits again.
        let mut order: Vec<&Catalog> = catalogs.iter().rev().collect();
        let records = each_record(store, account, progress, |record, stored| {
            progress.records.fetch_add(1, Ordering::Relaxed);
            let mut first = None;
            let fits = order.iter().position(|catalog| match differs(&state, record, catalog, &history) {
                None => true,
                Some(why) => {
                    first.get_or_insert(why);
                    false
                }
            });
            match fits {
                Some(at) => order.get_mut(..=at).unwrap_or_default().rotate_right(1),
                None => {
                    let why = first.unwrap_or_else(|| "no catalog was ever in force".into());
                    differing.push((account.clone(), record.seq, why));
                }
            }
            state
                .apply(record, stored.hash)
                .map_err(|e| StoreError::Unreadable(format!("account {account}: {e}")))
        })?;
        let Some(records) = records else { return Ok(()) };
        let mut total = total.lock().unwrap_or_else(PoisonError::into_inner);
        total.accounts += 1;
        total.records += records;
        total.found += u64::try_from(differing.len()).unwrap_or(0);
        let room = FINDINGS_KEPT.saturating_sub(total.differing.len());
        total.differing.extend(differing.into_iter().take(room));
        Ok(())
    })?;
    let mut total = total.into_inner().unwrap_or_else(PoisonError::into_inner);
    total.differing.sort();
    Ok(total)
}

/// Runs every account's log again on another catalog.
///
/// # Errors
/// When a record cannot be read.
pub fn what_if(
    store: &dyn Store,
    catalog: &Catalog,
    threads: usize,
    progress: &Progress,
) -> Result<WhatIf, StoreError> {
    let total = Mutex::new(WhatIf::default());
    each_account(store, threads, progress, |account| {
        if is_internal(account) {
            return Ok(());
        }
        let mut shadow = Shadow::new(account, catalog);
        each_record(store, account, progress, |record, _| {
            shadow.note(record);
            Ok(())
        })?;
        let records = each_record(store, account, progress, |record, _| {
            progress.records.fetch_add(1, Ordering::Relaxed);
            shadow.take(record);
            Ok(())
        })?;
        let Some(records) = records else { return Ok(()) };
        shadow.finish();
        if let Some(why) = shadow.broken() {
            return Err(StoreError::Unreadable(format!("account {account}, on the other catalog: {why}")));
        }
        let mut total = total.lock().unwrap_or_else(PoisonError::into_inner);
        total.accounts += 1;
        total.records += records;
        total.unexplained += shadow.unexplained();
        let mut all = Row::default();
        for (key, row) in shadow.rows() {
            all.add(row);
            let known = total.rows.entry(key.clone()).or_insert_with(|| Row::in_unit(row));
            known.add(row);
        }
        if all.was != all.would_be || all.changed > 0 {
            total.changed.add(account, all);
        }
        total.refused += shadow.refusals();
        for (seq, refusal) in shadow.refused() {
            if total.refusals.len() < FINDINGS_KEPT {
                total.refusals.push((account.clone(), *seq, refusal.to_string()));
            }
        }
        Ok(())
    })?;
    Ok(total.into_inner().unwrap_or_else(PoisonError::into_inner))
}

#[cfg(test)]
mod tests {
    use headworks_core::audit::what_if::{Row, Tally};
    use headworks_core::record::Name;

    use super::{CHANGED_KEPT, Changed};

    #[test]
    fn the_largest_differences_are_kept_and_all_are_counted() {
        let mut changed = Changed::default();
        // Differences of 0 to 4,999, in no order, up and down.
        for n in (0..5_000_i128).map(|n| n * 1_237 % 5_000) {
            let paid = if n % 2 == 0 { n } else { -n };
            let would_be = Tally { paid, ..Tally::default() };
            let name = Name::new(&format!("a{n}")).expect("a name");
            changed.add(&name, Row { would_be, ..Row::default() });
        }
        assert_eq!(changed.count(), 5_000);
        let kept: Vec<i128> = changed.iter().map(|(_, row)| row.would_be.paid.abs()).collect();
        let largest: Vec<i128> = (0..5_000).rev().take(CHANGED_KEPT).collect();
        assert_eq!(kept, largest);
    }
}
