//! The catalog in force, and all earlier ones.

use std::sync::Arc;

use headworks_core::catalog::source::CatalogSource;
use headworks_core::catalog::{Catalog, Format, ParseError};
use headworks_core::record::{CatalogHash, Name};
use headworks_engine::EngineError;
use headworks_wire as wire;
use utoipa::{PartialSchema, ToSchema};
use wire::Scope;

use crate::access::{Access, Act};
use crate::api::Api;
use crate::idempotency::Key;
use crate::lane::Stop;
use crate::problem::Problem;

fn accepted(catalog: &Catalog, label: Name) -> wire::CatalogAccepted {
    let is_reused = label.as_str().ends_with(&format!("@{:.*}", CatalogHash::SHORT, catalog.hash));
    let reused =
        is_reused.then(|| format!("another catalog has used this label; decisions call this one `{label}`"));
    let warnings = &catalog.warnings;
    let more = (warnings.more() > 0).then(|| format!("and {} more", warnings.more()));
    let doubtful = warnings.kept.iter().map(ToString::to_string).chain(more);
    wire::CatalogAccepted {
        version: label,
        hash: catalog.hash,
        warnings: reused.into_iter().chain(doubtful).collect(),
        plans: catalog.plan_names().into_iter().cloned().collect(),
        features: catalog.feature_names().into_iter().cloned().collect(),
    }
}

/// Compiles a catalog while its caller waits.
fn compile(text: &str, stop: &Stop) -> Result<Catalog, Problem> {
    Catalog::parse_while(text, Format::of(text), &|| !stop.is_set()).map_err(|e| match e {
        ParseError::Problems(problems) => problems.into(),
        ParseError::Stopped => Problem::internal(),
    })
}

/// The catalog's JSON Schema, made from the types that read it.
#[must_use]
pub fn catalog_schema() -> serde_json::Value {
    let mut named = Vec::new();
    CatalogSource::schemas(&mut named);
    let definitions: serde_json::Map<String, serde_json::Value> = named
        .into_iter()
        .filter_map(|(name, schema)| Some((name, serde_json::to_value(schema).ok()?)))
        .collect();
    let mut root = serde_json::to_value(CatalogSource::schema()).unwrap_or_default();
    if let Some(root) = root.as_object_mut() {
        root.insert("$schema".into(), "https://json-schema.org/draft/2020-12/schema".into());
        root.insert("title".into(), "Headworks catalog".into());
        root.insert("$defs".into(), definitions.into());
    }
    let text = root.to_string().replace("#/components/schemas/", "#/$defs/");
    serde_json::from_str(&text).unwrap_or_default()
}

impl Api {
    /// Show the catalog in force, as it was written.
    ///
    /// # Errors
    /// With a problem.
    pub fn catalog_text(&self, access: &Access) -> Result<String, Problem> {
        access.everywhere(Scope::Read)?;
        Ok(self.engine.catalog().text.clone())
    }

    /// Put a catalog in force, whole or not at all.
    ///
    /// # Errors
    /// With a problem, and each place that is wrong.
    pub async fn put_catalog(
        &self,
        access: &Access,
        key: Key,
        text: String,
    ) -> Result<wire::CatalogAccepted, Problem> {
        access.everywhere(Scope::Admin)?;
        // By the machine's clock: a test clock may stand still while one catalog follows another.
        let natural = format!("catalog at {}", headworks_engine::wall());
        let key = key.required_of(None, Some(natural), &text)?;
        let (engine, actor) = (Arc::clone(&self.engine), access.actor().cloned());
        let put = move |stop: &Stop| {
            let (catalog, _) = stop.run(engine.put(compile(&text, stop)?, (&key, actor.as_ref())))?;
            Ok(accepted(&catalog, catalog.version.clone()))
        };
        self.lanes.catalogs.run(access, put).await
    }

    /// Check a catalog without putting it in force.
    ///
    /// # Errors
    /// With a problem, and each place that is wrong.
    pub async fn check_catalog(
        &self,
        access: &Access,
        text: String,
    ) -> Result<wire::CatalogAccepted, Problem> {
        access.may(Act::CheckCatalog)?;
        let engine = Arc::clone(&self.engine);
        // A large catalog takes a while to drop as well.
        let check = move |stop: &Stop| {
            let catalog = compile(&text, stop)?;
            if let Some(limit) = engine.catalog().counts_otherwise(&catalog) {
                return Err(EngineError::CountsOtherwise(limit).into());
            }
            Ok(accepted(&catalog, engine.label_of(&catalog)))
        };
        self.lanes.catalogs.run(access, check).await
    }

    /// A catalog from its text.
    pub(super) async fn compiled(&self, access: &Access, text: String) -> Result<Catalog, Problem> {
        self.lanes.catalogs.run(access, move |stop| compile(&text, stop)).await
    }

    /// List every time a catalog was put in force, newest first.
    ///
    /// # Errors
    /// With a problem.
    pub fn catalogs(&self, access: &Access) -> Result<wire::Catalogs, Problem> {
        access.everywhere(Scope::Read)?;
        let past = self.engine.past_catalogs();
        let shown = past.iter().rev().enumerate().map(|(back, past)| wire::PastCatalog {
            hash: past.hash,
            version: past.label.clone(),
            at: past.at,
            actor: past.actor.clone(),
            in_force: back == 0,
            changes: past.changes.clone(),
        });
        Ok(wire::Catalogs { catalogs: shown.collect() })
    }

    /// Show a catalog that was in force, as it was written.
    ///
    /// # Errors
    /// With a problem.
    pub async fn past_catalog(&self, access: &Access, hash: &str) -> Result<String, Problem> {
        access.everywhere(Scope::Read)?;
        Ok(self.engine.text_of(&self.engine.past_catalog(hash)?).await?)
    }

    /// Put a catalog that was in force back.
    ///
    /// # Errors
    /// With a problem.
    pub async fn restore_catalog(
        &self,
        access: &Access,
        key: Key,
        hash: &str,
    ) -> Result<wire::CatalogAccepted, Problem> {
        access.everywhere(Scope::Admin)?;
        let text = self.engine.text_of(&self.engine.past_catalog(hash)?).await?;
        self.put_catalog(access, key, text).await
    }
}
