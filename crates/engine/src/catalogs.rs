//! Catalogs: putting one in force, and the history of all that ever were.
//!
//! T1 a label names one catalog. A catalog that reuses the label of another is called `label@hash`, so that a
//! decision's reference is never ambiguous (`a_label_names_one_catalog`).

use std::sync::Arc;

use headworks_core::catalog::{Catalog, Format, Problems, changes};
use headworks_core::record::{CatalogHash, Event, NAME_LEN_MAX, Name, system};

use crate::answer::{Answer, EngineError, Keyed};
use crate::engine::Engine;
use crate::past_catalog::PastCatalog;

/// The fewest digits that may name a past catalog.
const DIGITS_MIN: usize = 8;

impl Engine {
    /// Every time a catalog was put in force, oldest first.
    #[must_use]
    pub fn past_catalogs(&self) -> Arc<Vec<PastCatalog>> {
        self.in_force.catalogs.load_full()
    }

    /// The label that a catalog would get: its own, or `label@hash` if another catalog has had that label.
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
    /// The inner error lists the problems of the text; the outer one reports a failure of the store.
    pub async fn put_catalog(
        &self,
        text: &str,
        keyed: Keyed<'_>,
    ) -> Result<Result<(Arc<Catalog>, Answer), Problems>, EngineError> {
        match Catalog::parse(text, Format::of(text)) {
            Ok(catalog) => self.put(catalog, keyed).await.map(Ok),
            Err(problems) => Ok(Err(problems)),
        }
    }

    /// The same for a catalog that is compiled already.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn put(
        &self,
        catalog: Catalog,
        keyed: Keyed<'_>,
    ) -> Result<(Arc<Catalog>, Answer), EngineError> {
        // One at a time: the label and the changes depend on the catalog that was in force before.
        let _turn = self.puts.lock().await;
        let (own, hash, text) = (catalog.version.clone(), catalog.hash, catalog.text.clone());
        let mut compiled = Some(catalog);
        let (label, what, answer) = loop {
            self.follow().await?;
            let after = self.in_force.seq();
            let Some(catalog) = compiled.take() else {
                return Err(EngineError::UnknownCatalog(hash.to_string()));
            };
            let (before, label) = (self.catalog(), self.label_of(&catalog));
            if let Some(limit) = before.counts_otherwise(&catalog) {
                return Err(EngineError::CountsOtherwise(limit));
            }
            let what = changes(&before, &catalog);
            let event = Event::CatalogLoaded {
                label: label.clone(),
                text: text.clone(),
                changes: Box::new(what.clone()),
            };
            self.in_force.expect(catalog);
            let answer = self.administer_after(Some(after), event, Some(keyed)).await;
            compiled = self.in_force.expected();
            match answer {
                // Something else was recorded meanwhile.
                Err(EngineError::NotAfter(_)) => {}
                answer => break (label, what, answer?),
            }
        };
        if !answer.replayed {
            tracing::info!(%label, %hash, actor = keyed.1.map(Name::as_str), changes = ?what, "a catalog is in force");
            if label != own {
                tracing::warn!(%own, %label, "another catalog has had this label; decisions name this one by its hash");
            }
        }
        let catalog = match compiled {
            Some(catalog) => Arc::new(catalog.labelled(label)),
            None => self.catalog(),
        };
        Ok((catalog, answer))
    }

    /// A catalog that was in force, by its hash or a prefix of it.
    ///
    /// # Errors
    /// When no hash or several hashes have this prefix.
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

/// `label@hash`; a label of full length is shortened to make room for the hash.
fn with_hash(label: &Name, hash: CatalogHash) -> Name {
    let hash = format!("@{hash:.*}", CatalogHash::SHORT);
    // Names are ASCII, so every byte offset is a character boundary.
    let room = label.as_str().len().min(NAME_LEN_MAX - hash.len());
    let label = label.as_str().get(..room).unwrap_or_default();
    Name::new(&format!("{label}{hash}"))
        .unwrap_or_else(|_| unreachable!("a name with letters of names behind it"))
}
