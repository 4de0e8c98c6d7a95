//! From shapes to a compiled catalog: every name resolved, every amount exact, every contradiction refused.
//!
//! Never stops at the first problem (`all_problems_are_told_at_once`), unless a part is too large to be checked. Never reads
//! text: a problem is reported with its path, from which the line is found afterwards.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;
use alloc::vec::Vec;

use hashbrown::HashMap;

use self::amounts::Units;
use self::walk::Check;
use super::abuse::Rules;
use super::feature::Feature;
use super::names::one_of;
use super::plan::Plan;
use super::problems::{Found, ParseError, Problems};
use super::source::CatalogSource;
use super::supplies::SupplyTerms;
use super::work::Work;
use crate::record::Name;

mod abuse;
mod amounts;
mod cards;
mod carried;
mod cost;
mod doubts;
mod draft;
mod extend;
mod features;
mod graduated;
mod guards;
mod layers;
mod likes;
mod limits;
mod plans;
mod rows;
mod seats;
mod supplies;
mod ties;
mod walk;
mod windows;

/// The compiled shapes of a catalog.
#[derive(Default)]
pub(super) struct Compiled {
    pub(super) features: HashMap<Name, Feature>,
    pub(super) plans: HashMap<Name, Plan>,
    pub(super) supplies: BTreeMap<Name, Arc<SupplyTerms>>,
    pub(super) abuse: Rules,
    /// The units of credits that features are priced in.
    pub(super) priced_in: Vec<Option<Name>>,
}

/// Compiles the shapes; `locate` finds the lines of what is wrong or doubtful.
pub(super) fn compile(
    source: &CatalogSource,
    work: &Work<'_>,
    locate: impl Fn(Found<'_>) -> Problems,
) -> Result<(Compiled, Problems), ParseError> {
    let mut check = Check::new(work);
    limits::check_limits(source, &mut check);
    if !check.is_clean() || work.is_stopped() {
        return check.finish(Compiled::default(), locate);
    }
    let Some(whole) = extend::plans(source, &mut check) else {
        return check.finish(Compiled::default(), locate);
    };
    cards::check_cards(source, &mut check);
    let features = features::features(source, &mut check);
    let plans = plans::plans(source, &whole, &features, &mut check);
    carried::check_limits(&whole, &plans, &mut check);
    doubts::doubts(source, &whole, &plans, &mut check);
    let priced: BTreeSet<Option<Name>> =
        features.values().filter(|f| f.card.is_some()).map(|f| f.credit_unit.clone()).collect();
    let units = Units(priced.into_iter().collect());
    let abuse = abuse::rules(source, &units, &mut check);
    let supplies = supplies::supplies(source, &mut check);
    supplies::check_references(source, &whole, &supplies, &features, &mut check);
    if let Some(default) = source.default_plan.as_ref().filter(|name| !source.plans.contains_key(*name)) {
        let what = format_args!("there is no plan `{default}`");
        check.wrong_at("default_plan", what, one_of(source.plans.keys()));
    }
    check.finish(Compiled { features, plans, supplies, abuse, priced_in: units.0 }, locate)
}
