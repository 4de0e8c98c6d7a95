//! Reconciliation of a whole store: audits every account's log from its first record, and adds up the books.
//!
//! Reads only; works beside a running engine, on the records stored at the moment each account is read.
//! R1 damage anywhere in a stored record is named with its account and number (`reconcile_names_what_was_altered`).
//! R2 the report of a store that only the engine wrote has no finding.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};

use headworks_core::account::{Account, Books};
use headworks_core::audit::{Auditor, Finding, Left};
use headworks_core::catalog::{Catalog, Format};
use headworks_core::record::{Credits, Event, IndexKey, Name, Record, Seq, is_internal, system};
use headworks_store::{Store, StoreError, wait};

use crate::refunds::{charge_of, returned};

const RECORDS_AT_ONCE: usize = 256;
const ACCOUNTS_AT_ONCE: usize = 256;
/// Most findings that a report keeps; it counts all.
pub const FINDINGS_KEPT: usize = 1_000;

/// The books of the operator: the sums over all accounts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Issued to accounts, less credits taken back.
    pub issued: i128,
    /// Charged: the operator's revenue.
    pub spent: i128,
    /// Expired unused.
    pub breakage: i128,
    /// Given to cover shortfalls.
    pub goodwill: i128,
    /// Owed by accounts after overshoots.
    pub debt: i128,
    /// Drawn from agreed overdrafts.
    pub overdraft: i128,
    /// Lent after use and not paid by an invoice yet.
    pub postpaid: i128,
    /// Free in grants: still owed to accounts.
    pub free: i128,
    /// Set aside by open holds.
    pub held: i128,
}

impl Totals {
    fn add(&mut self, account: &Account, unit: Option<&Name>) {
        let Books { issued, spent, breakage, goodwill, debt, overdraft } = account.books_of(unit);
        let pairs = [
            (&mut self.issued, issued),
            (&mut self.spent, spent),
            (&mut self.breakage, breakage),
            (&mut self.goodwill, goodwill),
            (&mut self.debt, debt),
            (&mut self.overdraft, overdraft),
            (&mut self.postpaid, account.lent(unit)),
            (&mut self.held, account.held(unit)),
        ];
        for (total, amount) in pairs {
            *total += i128::from(amount.nano());
        }
        let grants = account.grants.iter().filter(|g| g.terms.unit.as_ref() == unit);
        self.free += grants.map(|g| i128::from(g.remaining.nano())).sum::<i128>();
    }

    /// Credits in minus credits out: zero when the books balance.
    #[must_use]
    pub fn difference(&self) -> i128 {
        self.issued + self.goodwill + self.debt + self.overdraft + self.postpaid
            - (self.free + self.held + self.spent + self.breakage)
    }

    /// An amount for people; totals may exceed what one account can hold.
    #[must_use]
    pub fn text(nano: i128) -> String {
        let whole = nano / 1_000_000_000;
        let rest = Credits::from_nano(i64::try_from(nano % 1_000_000_000).unwrap_or(0)).to_string();
        // `rest` is below one credit: only its fraction and sign are kept.
        let sign = if nano < 0 && whole == 0 { "-" } else { "" };
        match rest.split_once('.') {
            Some((_, fraction)) => format!("{sign}{whole}.{fraction}"),
            None => format!("{sign}{whole}"),
        }
    }
}

/// The result of a reconciliation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Accounts examined.
    pub accounts: u64,
    /// The server's own logs that were examined as well.
    pub internal_logs: u64,
    /// Records examined.
    pub records: u64,
    /// How many findings there are.
    pub found: u64,
    /// The first [`FINDINGS_KEPT`] of them, by account and record.
    pub findings: Vec<(Name, Finding)>,
    /// The operator's books in `credits`.
    pub totals: Totals,
    /// Its books in other units of credits.
    pub other_units: BTreeMap<Name, Totals>,
}

impl Report {
    /// Whether nothing differs and the books of every unit balance.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        let off = |t: &Totals| t.difference() != 0;
        self.found == 0 && !off(&self.totals) && !self.other_units.values().any(off)
    }
}

/// Counts the records of a pass over a ledger, paces it and ends it early.
#[derive(Debug, Default)]
pub struct Progress {
    /// Records read so far.
    pub records: AtomicU64,
    /// For each unit of work, rests this many units.
    rest: u32,
    is_stopped: AtomicBool,
    resting: Mutex<()>,
    woken: Condvar,
}

impl Progress {
    /// Of a pass that rests this many times as long as it works.
    #[must_use]
    pub fn resting(rest: u32) -> Self {
        Self { rest, ..Self::default() }
    }

    /// Ends the pass within a page of records, also while it rests.
    pub fn stop(&self) {
        let _resting = self.resting.lock().unwrap_or_else(PoisonError::into_inner);
        self.is_stopped.store(true, Ordering::Release);
        self.woken.notify_all();
    }

    /// Whether it is to end.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.is_stopped.load(Ordering::Acquire)
    }

    /// Rests after work that began at this moment; returns whether to go on.
    pub fn goes_on_after(&self, began: std::time::Instant) -> bool {
        if self.rest > 0 {
            let pause = began.elapsed() * self.rest;
            let resting = self.resting.lock().unwrap_or_else(PoisonError::into_inner);
            drop(self.woken.wait_timeout_while(resting, pause, |()| !self.is_stopped()));
        }
        !self.is_stopped()
    }
}

/// Reconciles every account of a store on `threads` threads.
///
/// # Errors
/// When the store cannot list its accounts or read the server's own log; a record that cannot be read is a finding.
pub fn reconcile(store: &dyn Store, threads: usize, progress: &Progress) -> Result<Report, StoreError> {
    reconcile_telling(store, threads, progress, &|_, _| {})
}

/// As [`reconcile`], and gives each finding to `tell` as soon as its account has been read.
///
/// # Errors
/// As [`reconcile`].
pub fn reconcile_telling(
    store: &dyn Store,
    threads: usize,
    progress: &Progress,
    tell: &(dyn Fn(&Name, &Finding) + Sync),
) -> Result<Report, StoreError> {
    // If the server's own log is damaged, its audit names the record; prices are then compared with no catalog.
    let catalogs = match catalogs(store, progress) {
        Err(StoreError::Damaged { .. } | StoreError::Unreadable(_)) => Vec::new(),
        catalogs => catalogs?,
    };
    let report = Mutex::new(Report::default());
    each_account(store, threads, progress, |account| {
        let Some(auditor) = audit(store, account, &catalogs, progress)? else { return Ok(()) };
        let mut report = report.lock().unwrap_or_else(PoisonError::into_inner);
        let looked_at = if is_internal(account) { &mut report.internal_logs } else { &mut report.accounts };
        *looked_at += 1;
        report.records += auditor.account().seq;
        for unit in auditor.account().units() {
            let totals = match unit {
                None => &mut report.totals,
                Some(unit) => report.other_units.entry(unit.clone()).or_default(),
            };
            totals.add(auditor.account(), unit);
        }
        for finding in auditor.into_findings() {
            tell(account, &finding);
            report.found += 1;
            if report.findings.len() < FINDINGS_KEPT {
                report.findings.push((account.clone(), finding));
            }
        }
        Ok(())
    })?;
    let mut report = report.into_inner().unwrap_or_else(PoisonError::into_inner);
    report.findings.sort_by(|a, b| (&a.0, a.1.seq).cmp(&(&b.0, b.1.seq)));
    Ok(report)
}

/// Runs `work` once for every account, on `threads` threads, until all are done or the progress says stop.
pub(crate) fn each_account(
    store: &dyn Store,
    threads: usize,
    progress: &Progress,
    work: impl Fn(&Name) -> Result<(), StoreError> + Sync,
) -> Result<(), StoreError> {
    // The last account given out; `None` when all are.
    let place = Mutex::new(Some(None::<Name>));
    let next = || -> Result<Vec<Name>, StoreError> {
        let mut place = place.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(last) = place.take() else {
            return Ok(Vec::new());
        };
        let names = wait(store.accounts(last.as_ref(), ACCOUNTS_AT_ONCE))?;
        *place = names.last().cloned().map(Some);
        Ok(names)
    };
    let take = || -> Result<(), StoreError> {
        loop {
            let names = next()?;
            if names.is_empty() {
                return Ok(());
            }
            for account in &names {
                if progress.is_stopped() {
                    return Ok(());
                }
                work(account)?;
            }
        }
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads.max(1)).map(|_| scope.spawn(take)).collect();
        threads
            .into_iter()
            .try_for_each(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })
}

/// Audits one account's log, and the checkpoint of it; `None` if it was stopped.
///
/// # Errors
/// When the store cannot read its checkpoint.
pub fn audit<'a>(
    store: &dyn Store,
    account: &Name,
    catalogs: &'a [Catalog],
    progress: &Progress,
) -> Result<Option<Auditor<'a>>, StoreError> {
    let mut auditor = Auditor::recalling(account, catalogs);
    let checkpoint = wait(store.state(account))?;
    let mut next: Seq = 1;
    loop {
        let began = std::time::Instant::now();
        let records = match wait(store.read(account, next, RECORDS_AT_ONCE)) {
            Ok(records) => records,
            // One of them is damaged: read one by one, to name it and read on behind it.
            Err(_) => match wait(store.read(account, next, 1)) {
                Ok(one) => one,
                Err(StoreError::Damaged { place, what, .. }) => {
                    auditor.unreadable(&format!("{place}: {what}"));
                    next += 1;
                    if progress.is_stopped() {
                        return Ok(None);
                    }
                    continue;
                }
                Err(e) => return Err(e),
            },
        };
        if records.is_empty() {
            return Ok(Some(auditor));
        }
        progress.records.fetch_add(u64::try_from(records.len()).unwrap_or(0), Ordering::Relaxed);
        for stored in &records {
            // A charge or a refund that is not there is a finding of the record that names it.
            let recall = |charge, refunds| {
                let returned = wait(returned(store, account, charge, refunds)).ok()?;
                Some(Left::of(&wait(charge_of(store, account, charge)).ok()?, returned.nano()))
            };
            let record = auditor.record_with(stored.seq, stored.hash, &stored.bytes, recall);
            if let Some(record) = record {
                for what in astray(store, account, &record)? {
                    auditor.misfiled(&what);
                }
            }
            next += 1;
            if let Some((seq, bytes)) = checkpoint.as_ref().filter(|(seq, _)| *seq == stored.seq) {
                auditor.checkpoint(*seq, bytes);
            }
        }
        if !progress.goes_on_after(began) {
            return Ok(None);
        }
    }
}

/// Problems with the keys under which a record is to be found.
fn astray(store: &dyn Store, account: &Name, record: &Record) -> Result<Vec<String>, StoreError> {
    let own = record.key.as_ref().map(|key| IndexKey::of_key(account, key.operation, &key.text));
    let mut wrong = Vec::new();
    for key in record.index_keys(account) {
        let found = match wait(store.find(key)) {
            Ok(found) => found,
            // That damage is reported separately.
            Err(StoreError::Damaged { .. }) => continue,
            Err(e) => return Err(e),
        };
        let Some(found) = found else {
            wrong.push("it is not found by its key, so that the key could be used again".into());
            continue;
        };
        // A later record may repeat the effect of this one, under a caller's key of its own.
        let is_later = || {
            let later = Record::from_bytes(&found.bytes).ok().filter(|later| later.seq > record.seq);
            Some(key) != own && later.is_some_and(|later| later.index_keys(account).contains(&key))
        };
        if found.account != *account || (found.seq != record.seq && !is_later()) {
            wrong.push(format!("its key leads to record {} of account {}", found.seq, found.account));
        }
    }
    Ok(wrong)
}

/// Every catalog that was ever in force, oldest first.
///
/// # Errors
/// When the server's own log cannot be read. Catalogs that this release does not accept are left out, and so are those behind the
/// place where it was stopped.
pub(crate) fn catalogs(store: &dyn Store, progress: &Progress) -> Result<Vec<Catalog>, StoreError> {
    let system = system();
    let mut out = Vec::new();
    let mut next = 1;
    loop {
        let records = wait(store.read(&system, next, RECORDS_AT_ONCE))?;
        let Some(last) = records.last() else {
            return Ok(out);
        };
        next = last.seq + 1;
        for stored in &records {
            if progress.is_stopped() {
                return Ok(out);
            }
            if let Ok(Record { event: Event::CatalogLoaded { label, text, .. }, .. }) =
                Record::from_bytes(&stored.bytes)
            {
                let read = Catalog::parse_while(&text, Format::of(&text), &|| !progress.is_stopped());
                out.extend(read.map(|catalog| catalog.labelled(label)));
            }
        }
    }
}
