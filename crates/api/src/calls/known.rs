//! Names that are to match something. One that no catalog has would match nobody without a word, so it is refused with the nearest.

use headworks_core::catalog::{Catalog, nearest};
use headworks_core::command::Command;
use headworks_core::record::{CatalogChanges, Name, NamesChanged};
use headworks_engine::{Engine, IncidentAsk};

use crate::problem::{Kind, Problem};

/// A field of a request, what is said of an unknown name in it, and as which kind of problem.
pub(super) struct Field(&'static str, &'static str, Kind);

/// Features that are priced again.
pub(super) const REPRICED: Field = Field("features", "no catalog has a feature", Kind::UnknownFeature);
const PLANS: Field = Field("plans", "no catalog has a plan", Kind::UnknownPlan);
const USED: Field = Field("used.features", "no catalog has a feature", Kind::UnknownFeature);
const GRANTED: Field = Field("act.grant.features", "the catalog has no feature", Kind::UnknownFeature);
const RAISED: Field = Field("act.raise.limit", "no plan has a window", Kind::UnknownWindow);
const RESET: Field =
    Field("act.reset.windows", "no plan has, for a reset to clear, a window", Kind::UnknownWindow);

impl Field {
    /// Refuses the first name that is not among those that are known.
    fn check(&self, asked: &[Name], mut known: Vec<&Name>) -> Result<(), Problem> {
        known.sort_unstable();
        known.dedup();
        let Some(unknown) = asked.iter().find(|name| known.binary_search(name).is_err()) else {
            return Ok(());
        };
        let Self(name, lacks, kind) = self;
        let mut detail = format!("`{name}`: {lacks} `{unknown}`");
        for (i, near) in nearest(unknown, &known).into_iter().enumerate() {
            detail += if i == 0 { "; the nearest are " } else { ", " };
            detail += &format!("`{near}`");
        }
        Err(Problem::new(*kind, detail))
    }
}

/// Names of the catalog in force, and those that catalogs before it had: accounts, holds and records go on with them.
fn ever<'n>(
    now: Vec<&'n Name>,
    past: impl Iterator<Item = &'n CatalogChanges>,
    of: fn(&CatalogChanges) -> &NamesChanged,
) -> Vec<&'n Name> {
    now.into_iter().chain(past.flat_map(|changes| &of(changes).removed)).collect()
}

/// Refuses features that no catalog has had.
pub(super) fn features(engine: &Engine, field: &Field, asked: &[Name]) -> Result<(), Problem> {
    let (catalog, past) = (engine.catalog(), engine.past_catalogs());
    let past = past.iter().map(|past| &past.changes);
    field.check(asked, ever(catalog.feature_names(), past, |changes| &changes.features))
}

/// Refuses an incident whose match or act has a name that no catalog has. An act needs one of the catalog in force.
pub(super) fn incident(engine: &Engine, ask: &IncidentAsk) -> Result<(), Problem> {
    let (catalog, past) = (engine.catalog(), engine.past_catalogs());
    let past = past.iter().map(|past| &past.changes);
    PLANS.check(&ask.plans, ever(catalog.plan_names(), past, |changes| &changes.plans))?;
    if let Some(used) = &ask.used {
        features(engine, &USED, &used.features)?;
    }
    act(&catalog, &ask.act)
}

fn act(catalog: &Catalog, act: &Command) -> Result<(), Problem> {
    if let Command::Grant(grant) = act {
        GRANTED.check(&grant.features, catalog.feature_names())?;
    }
    if let Command::Bank { windows, .. } = act {
        RESET.check(windows, catalog.resettable_names())?;
    }
    if let Command::Override(new) = act {
        RAISED.check(std::slice::from_ref(&new.limit), catalog.window_names())?;
    }
    Ok(())
}
