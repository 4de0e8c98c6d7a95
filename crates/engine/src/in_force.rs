//! The state in force from the server's own log: the catalog, API keys, webhooks, live changes of supplies.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use headworks_core::catalog::{Catalog, Format, Problems};
use headworks_core::record::{Event, Instant, Name, Record, Seq, Server, Span, SupplyChange, SystemRecord};
use headworks_store::Stored;

use crate::capacity::Supplies;
use crate::hooks::{self, Hooks};
use crate::inbound::{self, Inbounds};
use crate::keyring::Keyring;
use crate::past_catalog::PastCatalog;

/// The content of the server's own log.
#[derive(Default)]
pub(crate) struct System {
    pub(crate) catalog: Option<Catalog>,
    pub(crate) catalogs: Vec<PastCatalog>,
    pub(crate) keyring: Keyring,
    pub(crate) webhooks: Hooks,
    pub(crate) inbounds: Inbounds,
    pub(crate) supply_changes: BTreeMap<Name, SupplyChange>,
    /// The last two instants of the test clock, if the ledger has one: the second may not have been reached.
    pub(crate) test_clock: Option<(Instant, Instant)>,
    /// The accounts that the last failed reconciliation found damaged.
    pub(crate) suspects: Vec<Name>,
    /// The last record.
    pub(crate) seq: Seq,
}

/// The state in force from the server's own log: everything stored, even while its caller still waits.
pub(crate) struct InForce {
    pub(crate) catalog: ArcSwap<Catalog>,
    /// A catalog that is about to be recorded, so that it is not compiled twice.
    expected: Mutex<Option<Catalog>>,
    /// Every catalog that was ever put in force, oldest first.
    pub(crate) catalogs: ArcSwap<Vec<PastCatalog>>,
    pub(crate) keyring: ArcSwap<Keyring>,
    pub(crate) webhooks: ArcSwap<Hooks>,
    pub(crate) inbounds: ArcSwap<Inbounds>,
    pub(crate) supplies: Supplies,
    /// The last record taken in; locked while one is taken in.
    seq: Mutex<Seq>,
    /// When the end of the log was last read, in microseconds.
    read_at: AtomicI64,
    /// Held by the caller that reads on.
    pub(crate) following: tokio::sync::Mutex<()>,
}

/// An engine that has not read the end of the log for this long may have missed a change (rule R2).
const CUT_OFF_AFTER: Span = Span::from_secs(5);

impl InForce {
    /// The last record that is in force.
    pub(crate) fn seq(&self) -> Seq {
        *self.seq.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in a stored record if it is the next one; `false` if records before it are missing.
    pub(crate) fn take_in(&self, stored: &Stored) -> bool {
        let mut seq = self.seq.lock().unwrap_or_else(PoisonError::into_inner);
        if stored.seq <= *seq {
            return true;
        }
        if stored.seq != *seq + 1 {
            return false;
        }
        *seq = stored.seq;
        match stored.record() {
            Ok(record) => self.apply(&record, SystemRecord { seq: stored.seq, hash: stored.hash }),
            Err(e) => tracing::error!(error = %e, "a record of the server's own log cannot be read back"),
        }
        true
    }

    /// This catalog is about to be recorded.
    pub(crate) fn expect(&self, catalog: Catalog) {
        *self.expected.lock().unwrap_or_else(PoisonError::into_inner) = Some(catalog);
    }

    /// The expected catalog, if it has not come into force.
    pub(crate) fn expected(&self) -> Option<Catalog> {
        self.expected.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// A catalog of the log: the expected one, or its text compiled.
    fn compiled(&self, text: &str) -> Result<Catalog, Problems> {
        let mut expected = self.expected.lock().unwrap_or_else(PoisonError::into_inner);
        // The records of others come in between.
        match expected.take_if(|catalog| catalog.text == text) {
            Some(catalog) => Ok(catalog),
            None => Catalog::parse(text, Format::of(text)),
        }
    }

    /// Notes that the log had no more records at this instant.
    pub(crate) fn read_to_end(&self, now: Instant) {
        self.read_at.fetch_max(now.micros(), Ordering::AcqRel);
    }

    /// Whether the end of the log was last read too long ago.
    pub(crate) fn is_cut_off(&self, now: Instant) -> bool {
        now.since(Instant::from_micros(self.read_at.load(Ordering::Acquire))) > CUT_OFF_AFTER
    }

    fn apply(&self, record: &Record, this: SystemRecord) {
        let event = &record.event;
        if let Some(past) = PastCatalog::of(record) {
            let mut catalogs = Vec::clone(&self.catalogs.load());
            catalogs.push(past);
            self.catalogs.store(Arc::new(catalogs));
        }
        if let Event::CatalogLoaded { label, text, .. } = event {
            match self.compiled(text) {
                Ok(catalog) => {
                    let catalog = catalog.in_force(label.clone(), this);
                    self.supplies.set(&catalog);
                    self.catalog.store(Arc::new(catalog));
                }
                Err(problems) => tracing::error!(%problems, "a stored catalog is not accepted"),
            }
            return;
        }
        if let Some(change) = supply_change(event) {
            self.supplies.change(&self.catalog.load(), change);
            return;
        }
        // Only the parts that an event changes are copied: there may be many keys.
        if Keyring::is_about(event) {
            let mut keyring = Keyring::clone(&self.keyring.load());
            keyring.apply(event);
            self.keyring.store(Arc::new(keyring));
            return;
        }
        let mut webhooks = Hooks::clone(&self.webhooks.load());
        hooks::take(&mut webhooks, record);
        self.webhooks.store(Arc::new(webhooks));
        let mut inbounds = Inbounds::clone(&self.inbounds.load());
        inbound::take(&mut inbounds, record);
        self.inbounds.store(Arc::new(inbounds));
    }
}

impl System {
    /// Takes in the next record; returns label and text if it holds a catalog.
    pub(crate) fn take(&mut self, record: Record) -> Option<(Name, String)> {
        self.seq = record.seq;
        self.catalogs.extend(PastCatalog::of(&record));
        self.keyring.apply(&record.event);
        hooks::take(&mut self.webhooks, &record);
        inbound::take(&mut self.inbounds, &record);
        if let Some(change) = supply_change(&record.event) {
            self.supply_changes.insert(change.supply.clone(), change.clone());
        }
        if let Some(to) = test_clock_moved(&record.event) {
            let before = self.test_clock.map_or(to, |(_, last)| last);
            self.test_clock = Some((before, to.max(before)));
        }
        if let Event::Server(server) = &record.event
            && let Server::ReconcileFailed { accounts, .. } = &**server
        {
            self.suspects.clone_from(accounts);
        }
        if let Event::CatalogLoaded { label, text, .. } = record.event { Some((label, text)) } else { None }
    }

    /// Puts the content in force; `initial` is the catalog if there is none yet.
    pub(crate) fn in_force(self, initial: Catalog) -> InForce {
        let catalog = self.catalog.unwrap_or(initial);
        InForce {
            supplies: Supplies::new(&catalog, self.supply_changes),
            expected: Mutex::default(),
            catalog: ArcSwap::from_pointee(catalog),
            catalogs: ArcSwap::from_pointee(self.catalogs),
            keyring: ArcSwap::from_pointee(self.keyring),
            webhooks: ArcSwap::from_pointee(self.webhooks),
            inbounds: ArcSwap::from_pointee(self.inbounds),
            seq: Mutex::new(self.seq),
            read_at: AtomicI64::new(0),
            following: tokio::sync::Mutex::default(),
        }
    }
}

fn supply_change(event: &Event) -> Option<&SupplyChange> {
    if let Event::Server(server) = event
        && let Server::SupplyChanged(change) = &**server
    {
        return Some(change);
    }
    None
}

fn test_clock_moved(event: &Event) -> Option<Instant> {
    if let Event::Server(server) = event
        && let Server::TestClockMoved(to) = &**server
    {
        return Some(*to);
    }
    None
}
