//! The context of a decision.

use crate::account::Account;
use crate::capacity::Offer;
use crate::catalog::{Catalog, Feature, Plan};
use crate::record::{Instant, Name};
use crate::waterfall::Refusal;

/// Facts about a request that only a running engine knows. The decision has them, so a replay takes them from there.
#[derive(Clone, Copy, Debug, Default)]
pub struct Live<'a> {
    /// The offers of supplies, its feature's own first; empty if it needs none.
    pub offers: &'a [Offer],
    /// The level of the penalty box that its caller is in.
    pub penalty: u8,
}

/// The context of every command.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The state.
    pub account: &'a Account,
    /// The policy in force.
    pub catalog: &'a Catalog,
    /// The account's time, from [`Account::tick`].
    pub now: Instant,
    /// Facts about the request that only a running engine knows; `None`: not looked up yet.
    pub live: Option<Live<'a>>,
}

impl<'a> Context<'a> {
    /// A state at an instant, without capacity, and with a caller outside the penalty box.
    #[must_use]
    pub fn new(account: &'a Account, catalog: &'a Catalog, now: Instant) -> Self {
        Self { account, catalog, now, live: Some(Live::default()) }
    }

    #[inline]
    pub(crate) fn plan(&self) -> Result<&'a Plan, Refusal> {
        let plan = self.catalog.plan_of(self.account);
        plan.ok_or_else(|| Refusal::UnknownPlan(self.account.settings.plan.clone()))
    }

    pub(crate) fn feature(&self, name: &Name) -> Result<&'a Feature, Refusal> {
        self.catalog.feature(name.as_str()).ok_or_else(|| Refusal::UnknownFeature(name.clone()))
    }
}
