//! What the server's own log says of each time that a catalog was put in force.

use headworks_core::record::{CatalogChanges, CatalogHash, Event, Instant, Name, Record, Seq};

/// A catalog that was put in force, as the server's own log has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastCatalog {
    /// Which catalog.
    pub hash: CatalogHash,
    /// The label that decisions name it by.
    pub label: Name,
    /// Since when.
    pub at: Instant,
    /// Who put it there.
    pub actor: Option<Name>,
    /// The record of the server's own log.
    pub record: Seq,
    /// What it changed of the one before.
    pub changes: CatalogChanges,
}

impl PastCatalog {
    /// What a record says, if it puts a catalog in force.
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
