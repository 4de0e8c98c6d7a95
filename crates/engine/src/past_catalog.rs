//! The server's own log as a history of catalogs put in force.

use headworks_core::record::{CatalogChanges, CatalogHash, Event, Instant, Name, Record, Seq};

/// A catalog that was put in force, as recorded in the server's own log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastCatalog {
    /// The hash of the catalog.
    pub hash: CatalogHash,
    /// The label that decisions use for it.
    pub label: Name,
    /// The instant it was put in force.
    pub at: Instant,
    /// The actor who put it in force.
    pub actor: Option<Name>,
    /// The record of the server's own log.
    pub record: Seq,
    /// Its changes against the catalog before.
    pub changes: CatalogChanges,
}

impl PastCatalog {
    /// The catalog of a record, if the record puts one in force.
    pub(crate) fn of(record: &Record) -> Option<Self> {
        let Event::CatalogLoaded { label, text, changes } = &record.event else { return None };
        Some(Self {
            hash: CatalogHash::of(text),
            label: label.clone(),
            at: record.recorded_at,
            actor: record.actor.clone(),
            record: record.seq,
            changes: CatalogChanges::clone(changes),
        })
    }
}
