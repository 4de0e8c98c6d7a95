//! What a decision sees.

use crate::account::Account;
use crate::capacity::Offer;
use crate::catalog::{Catalog, Feature, Plan};
use crate::record::{Instant, Name};
use crate::waterfall::Refusal;

/// What only a running engine knows of a request. It is in the decision that follows, so a replay takes it from there.
#[derive(Clone, Copy, Debug, Default)]
pub struct Live<'a> {
    /// What supplies have for it, its feature's own first; empty where it needs none.
    pub offers: &'a [Offer],
    /// The level of the penalty box that its caller is in.
    pub penalty: u8,
}

/// What every command sees.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The state.
    pub account: &'a Account,
    /// The policy in force.
    pub catalog: &'a Catalog,
    /// The account's time, from [`Account::tick`].
    pub now: Instant,
    /// What only a running engine knows of the request; `None`: it has not been looked up yet.
    pub live: Option<Live<'a>>,
}

impl<'a> Context<'a> {
    /// A state at an instant, where capacity is not asked about and the caller is in no penalty box.
    #[must_use]
    pub fn new(account: &'a Account, catalog: &'a Catalog, now: Instant) -> Self {
        Self { account, catalog, now, live: Some(Live::default()) }
    }

    pub(crate) fn plan(&self) -> Result<&'a Plan, Refusal> {
        let name = &self.account.settings.plan;
        self.catalog.plan(name.as_str()).ok_or_else(|| Refusal::UnknownPlan(name.clone()))
    }

    pub(crate) fn feature(&self, name: &Name) -> Result<&'a Feature, Refusal> {
        self.catalog.feature(name.as_str()).ok_or_else(|| Refusal::UnknownFeature(name.clone()))
    }
}
