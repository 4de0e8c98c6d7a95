//! Replay and what-if over a whole store.
//!
//! Reads only. D1 a store that only the engine wrote replays to the same bytes (`a_thousand_seeds_hold`).

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
    /// By account, if anything changes.
    pub changed: BTreeMap<Name, Row>,
    /// How many operations the catalog refuses, such as those of a plan that it lacks.
    pub refused: u64,
    /// The first of them, in words.
    pub refusals: Vec<(Name, Seq, String)>,
    /// Denials whose explanation was not kept, so they could not be run again.
    pub unexplained: u64,
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
            total.changed.insert(account.clone(), all);
        }
        total.refused += u64::try_from(shadow.refused().len()).unwrap_or(0);
        for (seq, refusal) in shadow.refused() {
            if total.refusals.len() < FINDINGS_KEPT {
                total.refusals.push((account.clone(), *seq, refusal.to_string()));
            }
        }
        Ok(())
    })?;
    Ok(total.into_inner().unwrap_or_else(PoisonError::into_inner))
}
