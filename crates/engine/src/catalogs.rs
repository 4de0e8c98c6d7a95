//! Catalogs: putting one in force, and every one that ever was.
//!
//! T1 a label names one catalog: one that comes with the label of another is called `label@hash`, so that what a decision
//! refers to is not ambiguous (`a_label_names_one_catalog`).

use std::sync::Arc;

use headworks_core::catalog::{Catalog, Format, Problems, changes};
use headworks_core::record::{CatalogHash, Event, NAME_LEN_MAX, Name, system};

use crate::answer::{Answer, EngineError, Keyed};
use crate::engine::Engine;
use crate::past_catalog::PastCatalog;

/// Fewest digits by which a past catalog is named.
const DIGITS_MIN: usize = 8;

impl Engine {
    /// Every time that a catalog was put in force, oldest first.
    #[must_use]
    pub fn past_catalogs(&self) -> Arc<Vec<PastCatalog>> {
        self.in_force.catalogs.load_full()
    }

    /// The label under which a catalog would be in force: its own, or `label@hash` where another catalog has had that.
    #[must_use]
    pub fn label_of(&self, catalog: &Catalog) -> Name {
        let past = self.past_catalogs();
        if let Some(known) = past.iter().find(|past| past.hash == catalog.hash) {
            return known.label.clone();
        }
        let now = self.catalog();
        let own = &catalog.version;
        let had_it = |past: &PastCatalog| past.label == *own || past.label == with_hash(own, past.hash);
        if past.iter().any(had_it) || (now.version == *own && now.hash != catalog.hash) {
            return with_hash(own, catalog.hash);
        }
        own.clone()
    }

    /// Puts a catalog in force, whole or not at all, and records it.
    ///
    /// # Errors
    /// The inner error lists the problems of the text; the outer one says that the store failed.
    pub async fn put_catalog(
        &self,
        text: &str,
        keyed: Keyed<'_>,
    ) -> Result<Result<(Arc<Catalog>, Answer), Problems>, EngineError> {
        let catalog = match Catalog::parse(text, Format::of(text)) {
            Ok(catalog) => catalog,
            Err(problems) => return Ok(Err(problems)),
        };
        // One after the other: the label and the changes rest on what was in force before.
        let _turn = self.puts.lock().await;
        let own = catalog.version.clone();
        let (label, what, answer) = loop {
            self.follow().await?;
            let after = self.in_force.seq();
            let (before, label) = (self.catalog(), self.label_of(&catalog));
            let what = changes(&before, &catalog);
            let event = Event::CatalogLoaded {
                label: label.clone(),
                text: text.to_owned(),
                changes: Box::new(what.clone()),
            };
            match self.administer_after(Some(after), event, Some(keyed)).await {
                // Something else was written meanwhile.
                Err(EngineError::NotAfter(_)) => {}
                answer => break (label, what, answer?),
            }
        };
        let catalog = Arc::new(catalog.labelled(label));
        if !answer.replayed {
            let (label, hash) = (&catalog.version, catalog.hash);
            tracing::info!(%label, %hash, actor = keyed.1.map(Name::as_str), changes = ?what, "a catalog is in force");
            if *label != own {
                tracing::warn!(%own, %label, "another catalog has had this label; decisions name this one by its hash");
            }
        }
        Ok(Ok((catalog, answer)))
    }

    /// A catalog that was in force, by its hash or the beginning of it.
    ///
    /// # Errors
    /// When none or several begin so.
    pub fn past_catalog(&self, digits: &str) -> Result<PastCatalog, EngineError> {
        let past = self.past_catalogs();
        let begins = |past: &&PastCatalog| past.hash.to_string().starts_with(digits);
        let mut found = past.iter().rev().filter(begins);
        let first = found.next().filter(|_| digits.len() >= DIGITS_MIN);
        match first {
            Some(first) if found.all(|other| other.hash == first.hash) => Ok(first.clone()),
            Some(_) | None => Err(EngineError::UnknownCatalog(digits.to_owned())),
        }
    }

    /// The text of a catalog that was in force.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn text_of(&self, past: &PastCatalog) -> Result<String, EngineError> {
        let record = self.record_of(&system(), past.record).await?;
        match record.map(|record| record.event) {
            Some(Event::CatalogLoaded { text, .. }) => Ok(text),
            _ => Err(EngineError::UnknownCatalog(past.hash.to_string())),
        }
    }
}

/// `label@hash`; a label of full length gives way to the hash.
fn with_hash(label: &Name, hash: CatalogHash) -> Name {
    let hash = format!("@{hash:.*}", CatalogHash::SHORT);
    // Names are ASCII, so every place in one is between two letters.
    let room = label.as_str().len().min(NAME_LEN_MAX - hash.len());
    let label = label.as_str().get(..room).unwrap_or_default();
    Name::new(&format!("{label}{hash}"))
        .unwrap_or_else(|_| unreachable!("a name with letters of names behind it"))
}
