//! Which settings of an account are its own, and which are the operator's: those that create value for it or change how rules
//! treat it.

use headworks_core::record::{CreditsByUnit, Name, Segment};
use headworks_core::waterfall::Context;
use headworks_wire as wire;

use crate::access::{Access, Act};
use crate::api::Api;
use crate::problem::Problem;

/// Requires what the parts of a request need, where they are there.
fn may_set(access: &Access, parts: &[(&str, Act, bool)]) -> Result<(), Problem> {
    parts.iter().filter(|(.., is_there)| *is_there).try_for_each(|(part, act, _)| access.may_set(*act, part))
}

/// The act of a request that has settings of the operator, of the account itself, or of both. With both it needs both scopes.
fn act(terms: bool, own: bool, otherwise: Act) -> Act {
    if terms && !own { Act::SetTerms } else { otherwise }
}

/// The act of changing these settings.
pub(super) fn changing(ask: &wire::ChangeAccountRequest) -> Act {
    let wire::ChangeAccountRequest { plan, suspended, billing_anchor, zone, tier, capacity, .. } = ask;
    let terms = plan.is_some()
        || suspended.is_some()
        || billing_anchor.is_some()
        || zone.is_some()
        || tier.is_some()
        || capacity.is_some();
    // A segment is replaced as a whole.
    let own =
        ask.consent.is_some() || !ask.segments.is_empty() || ask.alerts.is_some() || ask.top_up.is_some();
    act(terms, own, Act::ChangeAccount)
}

impl Api {
    /// The act of opening an account with these settings.
    pub(super) fn opening(&self, ask: &wire::OpenAccountRequest) -> Act {
        let is_default = ask.plan == self.engine.catalog().default_plan;
        let terms = (ask.plan.is_some() && !is_default) || ask.tier.is_some() || ask.capacity.is_some();
        act(terms, ask.consent.is_some() || !ask.segments.is_empty(), Act::OpenAccount)
    }

    /// Whether a caller may open an account with these settings.
    pub(super) fn may_open(&self, access: &Access, ask: &wire::OpenAccountRequest) -> Result<(), Problem> {
        let is_default = ask.plan == self.engine.catalog().default_plan;
        let cluster = ask.capacity.as_ref().is_some_and(|capacity| capacity.cluster.is_some());
        let hourly_cap = ask.segments.values().any(|segment| segment.hourly_cap.is_some());
        may_set(
            access,
            &[
                ("plan", Act::SetTerms, ask.plan.is_some() && !is_default),
                ("tier", Act::SetTerms, ask.tier.is_some()),
                ("capacity", Act::SetTerms, ask.capacity.is_some()),
                ("capacity.cluster", Act::SetCluster, cluster),
                ("hourly_cap", Act::SetTerms, hourly_cap),
            ],
        )
    }

    /// Whether a caller may change these settings of an account.
    pub(super) async fn may_change(
        &self,
        access: &Access,
        account: &Name,
        ask: &wire::ChangeAccountRequest,
    ) -> Result<(), Problem> {
        may_set(
            access,
            &[
                ("plan", Act::SetTerms, ask.plan.is_some()),
                ("suspended", Act::SetTerms, ask.suspended.is_some()),
                ("billing_anchor", Act::SetTerms, ask.billing_anchor.is_some()),
                ("zone", Act::SetTerms, ask.zone.is_some()),
                ("tier", Act::SetTerms, ask.tier.is_some()),
                ("capacity", Act::SetTerms, ask.capacity.is_some()),
            ],
        )?;
        if access.could(Act::SetCluster) || (ask.capacity.is_none() && ask.segments.is_empty()) {
            return Ok(());
        }
        // Both are replaced as a whole, so what is left out is removed.
        let (cluster, hourly_cap) =
            self.engine.view(account, |ctx| Ok((moves(ctx, ask), caps(ctx, ask)))).await?;
        may_set(
            access,
            &[("capacity.cluster", Act::SetCluster, cluster), ("hourly_cap", Act::SetTerms, hourly_cap)],
        )
    }
}

/// Whether a request moves an account to another cluster, or out of one.
fn moves(ctx: Context<'_>, ask: &wire::ChangeAccountRequest) -> bool {
    let old = ctx.account.settings.rank.as_ref().and_then(|rank| rank.cluster.as_ref());
    let new = |capacity: &Option<wire::AccountCapacity>| capacity.as_ref().and_then(|c| c.cluster.clone());
    ask.capacity.as_ref().is_some_and(|capacity| new(capacity).as_ref() != old)
}

/// Whether a request changes how much a key may spend in an hour.
fn caps(ctx: Context<'_>, ask: &wire::ChangeAccountRequest) -> bool {
    let old = |of: &Segment| -> Option<&CreditsByUnit> {
        let settings = ctx.account.settings.segments.iter().find(|s| s.segment == *of);
        settings.and_then(|s| s.hourly_cap.as_ref())
    };
    ask.segments.iter().any(|(of, new)| new.as_ref().and_then(|s| s.hourly_cap.as_ref()) != old(of))
}
