//! The compiled catalog: everything a decision looks up, by name.

use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use hashbrown::HashMap;

use super::abuse::Rules;
use super::check;
use super::feature::Feature;
use super::places::locate;
use super::plan::{Plan, Program};
use super::problems::{Found, ParseError, Problems};
use super::supplies::{DEFAULT_CLASS, SupplyTerms};
use super::text::{self, Format};
use super::work::Work;
use crate::account::Account;
use crate::record::{CatalogHash, Name, Span, SystemRecord};

const LATE_HORIZON: Span = Span::from_secs(30 * 86_400);
const AHEAD_MAX: Span = Span::from_secs(300);

/// A compiled catalog.
#[derive(Debug)]
pub struct Catalog {
    /// The operator's label; with the beginning of the hash if another catalog had the label before.
    pub version: Name,
    /// Its identity.
    pub hash: CatalogHash,
    /// The record of the server's own log that put it in force, if one did.
    pub under: Option<SystemRecord>,
    /// The plan of accounts that name none.
    pub default_plan: Option<Name>,
    /// How late use may be recorded before it waits in quarantine.
    pub late_horizon: Span,
    /// How far ahead of the clock the reported time of use may be.
    pub ahead_max: Span,
    features: HashMap<Name, Feature>,
    pub(super) plans: HashMap<Name, Plan>,
    /// The supplies.
    pub supplies: BTreeMap<Name, Arc<SupplyTerms>>,
    /// Rules against abuse.
    pub abuse: Rules,
    /// The units of credits that features are priced in; `None`: `credits`.
    priced_in: Vec<Option<Name>>,
    /// Parts that are accepted, but perhaps not intended.
    pub warnings: Problems,
    /// The text it was read from.
    pub text: String,
}

impl Catalog {
    /// Reads and compiles a catalog.
    ///
    /// # Errors
    /// The problems found, each with its line, its cause and a fix.
    pub fn parse(text: &str, format: Format) -> Result<Self, Problems> {
        Self::parse_while(text, format, &|| true).map_err(|e| match e {
            ParseError::Problems(problems) => problems,
            ParseError::Stopped => unreachable!("nobody stopped it"),
        })
    }

    /// The same for a caller that may stop waiting: it is asked again and again whether to go on.
    ///
    /// # Errors
    /// The problems found, or that it was stopped.
    pub fn parse_while(text: &str, format: Format, goes_on: &dyn Fn() -> bool) -> Result<Self, ParseError> {
        let work = Work::new(goes_on);
        let source = text::read(text, format, &work)?.filled(&work);
        let lines =
            |found: Found<'_>| locate(found.placed_as_written(|card| source.is_own_card(card)), text, format);
        let (compiled, warnings) = check::compile(&source, &work, lines)?;
        Ok(Self {
            version: source.version,
            hash: CatalogHash::of(text),
            under: None,
            default_plan: source.default_plan,
            late_horizon: source.late_horizon.unwrap_or(LATE_HORIZON),
            ahead_max: source.ahead_max.unwrap_or(AHEAD_MAX),
            priced_in: compiled.priced_in,
            features: compiled.features,
            plans: compiled.plans,
            supplies: compiled.supplies,
            abuse: compiled.abuse,
            warnings,
            text: text.to_owned(),
        })
    }

    /// The same under the label with which it was put in force.
    #[must_use]
    pub fn labelled(mut self, label: Name) -> Self {
        self.version = label;
        self
    }

    /// The same as a record of the server's own log put it in force.
    #[must_use]
    pub fn in_force(self, label: Name, under: SystemRecord) -> Self {
        Self { under: Some(under), ..self.labelled(label) }
    }

    /// A feature by name.
    #[must_use]
    pub fn feature(&self, name: &str) -> Option<&Feature> {
        self.features.get(name)
    }

    /// A plan by name.
    #[must_use]
    pub fn plan(&self, name: &str) -> Option<&Plan> {
        self.plans.get(name)
    }

    /// Whether the periods of an account's window or volume are counted from its billing anchor: as its plan has the window; one that
    /// only other plans have, if any of them counts so.
    pub(crate) fn is_billed(&self, account: &Account, window: &Name) -> bool {
        let own = self.plan_of(account).and_then(|plan| plan.is_billed(window));
        let counts_from_anchor =
            |feature: &Feature| feature.ladder(window).is_some_and(|of| of.calendar.is_anchored());
        own.unwrap_or_else(|| {
            self.plans.values().any(|plan| plan.is_billed(window) == Some(true))
                || self.features.values().any(counts_from_anchor)
        })
    }

    /// The plan of an account: that of its settings, or one that is tried on it.
    #[inline]
    #[must_use]
    pub fn plan_of(&self, account: &Account) -> Option<&Plan> {
        let plan = self.plan(account.settings.plan.as_str())?;
        match plan.rollout.as_deref() {
            Some((tried, share)) if share.has(tried, &account.id) => self.plan(tried.as_str()),
            Some(_) | None => Some(plan),
        }
    }

    /// The plan that is only observed for the accounts of another, with its name.
    pub(crate) fn observed_plan<'p>(&'p self, plan: &'p Plan) -> Option<(&'p Name, &'p Plan)> {
        let (name, _) = plan.rollout.as_deref()?;
        Some((name, self.plan(name.as_str())?))
    }

    /// The names of all plans, sorted.
    #[must_use]
    pub fn plan_names(&self) -> Vec<&Name> {
        let mut names: Vec<_> = self.plans.keys().collect();
        names.sort_unstable();
        names
    }

    /// The names of all features, sorted.
    #[must_use]
    pub fn feature_names(&self) -> Vec<&Name> {
        let mut names: Vec<_> = self.features.keys().collect();
        names.sort_unstable();
        names
    }

    /// The names of all windows that a reset can clear, of all plans; some more than once.
    #[must_use]
    pub fn resettable_names(&self) -> Vec<&Name> {
        self.plans.values().flat_map(|plan| plan.resettable.keys()).collect()
    }

    /// The names of all limits with windows, of all plans; some more than once.
    #[must_use]
    pub fn window_names(&self) -> Vec<&Name> {
        self.plans.values().flat_map(Plan::programs).flat_map(Program::window_names).collect()
    }

    /// The unit of credits, if all features with prices share one; `None`: `credits`, or several. A figure of
    /// credits without a unit is in it.
    #[must_use]
    pub fn credit_unit(&self) -> Option<&Name> {
        if let [unit] = self.priced_in.as_slice() { unit.as_ref() } else { None }
    }

    /// Whether a feature is priced in a unit of credits, or none is priced at all.
    #[must_use]
    pub(crate) fn prices_in(&self, unit: Option<&Name>) -> bool {
        self.priced_in.is_empty() || self.priced_in.iter().any(|priced| priced.as_ref() == unit)
    }

    /// The class of a supply that an account's requests count in, with its place: the account's, else its plan's, else `default`,
    /// whichever the supply has first; else the first of the supply. One class lower when it is demoted.
    #[must_use]
    pub fn class_of<'p>(
        &self,
        supply: &'p SupplyTerms,
        account: &Account,
        demoted: bool,
    ) -> Option<(u16, &'p Name)> {
        let own = account.settings.rank.as_ref().and_then(|r| r.class.as_ref());
        let plan = self.plan_of(account).and_then(|p| p.class.as_ref());
        let wanted = own.into_iter().chain(plan).map(Name::as_str).chain([DEFAULT_CLASS]);
        let own = wanted.into_iter().find_map(|name| supply.class(name)).unwrap_or(0);
        let at = if demoted { supply.below(own) } else { own };
        supply.classes.get(usize::from(at)).map(|(name, _)| (at, name))
    }
}
