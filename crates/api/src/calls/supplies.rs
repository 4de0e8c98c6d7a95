//! Supplies: showing them, changing them live, and reporting their upstream's answers.

use headworks_core::capacity::allocator::Why;
use headworks_core::capacity::controller::{Answered, Feedback};
use headworks_core::catalog::ClassTerms;
use headworks_core::record::{ClassFigures, Id, Name, SupplyChange};
use headworks_engine::{SharerState, SupplyState};
use headworks_wire as wire;
use wire::Scope;

use super::page_size;
use crate::access::Access;
use crate::api::Api;
use crate::idempotency::Key;
use crate::problem::Problem;

fn name_of(name: &str) -> Result<Name, Problem> {
    Name::new(name).map_err(|e| Problem::invalid(format!("the supply's name: {e}")))
}

fn class(terms: &ClassTerms) -> ClassFigures {
    ClassFigures {
        priority: Some(terms.priority),
        weight: Some(terms.weight),
        floor_percent: Some(terms.floor_percent),
        lend_percent: Some(terms.lend_percent),
        borrow_percent: Some(terms.borrow_percent),
        starvation_percent: Some(terms.starvation_percent),
        wait_max: Some(terms.wait_max),
    }
}

fn shown((name, terms, view, change): SupplyState) -> wire::Supply {
    let shares =
        |of: &Name| view.classes.iter().find(|(name, ..)| name == of).map_or((0, 0), |(_, r, f)| (*r, *f));
    let classes = terms.classes.iter().map(|(name, terms)| {
        let (rate_share, in_flight_share_milli) = shares(name);
        (name.clone(), wire::SupplyClass { terms: class(terms), rate_share, in_flight_share_milli })
    });
    wire::Supply {
        name,
        rate: view.rate,
        in_flight_max: view.in_flight_max,
        in_flight: view.in_flight,
        served: view.served,
        waiting: view.waiting,
        waiting_cost: view.waiting_cost,
        active: u64::try_from(view.active).unwrap_or(u64::MAX),
        classes: classes.collect(),
        change: change.map(|c| wire::SupplyChange {
            rate: c.rate,
            in_flight: c.in_flight,
            classes: c.classes,
            reason: c.reason,
        }),
    }
}

fn sharer(sharer: SharerState) -> wire::SupplySharer {
    let SharerState { account, key, class, cluster, terms, in_flight, waiting, share } = sharer;
    wire::SupplySharer {
        account: Id(account),
        key: key.map(Id),
        class,
        cluster,
        weight: terms.weight,
        in_flight,
        waiting,
        rate_share: share.rate,
        in_flight_share_milli: share.in_flight_milli,
        bounded_by: match share.why {
            Why::Demand => wire::BoundedBy::Demand,
            Why::FairShare => wire::BoundedBy::FairShare,
            Why::AccountMax => wire::BoundedBy::AccountMax,
        },
    }
}

impl Api {
    /// List the supplies and how they are used.
    ///
    /// # Errors
    /// With a problem.
    pub fn supplies(&self, access: &Access) -> Result<wire::Supplies, Problem> {
        access.everywhere(Scope::Read)?;
        Ok(wire::Supplies { supplies: self.engine.supplies().into_iter().map(shown).collect() })
    }

    /// Show a supply and how it is used.
    ///
    /// # Errors
    /// With a problem.
    pub fn supply(&self, access: &Access, name: &str) -> Result<wire::Supply, Problem> {
        access.everywhere(Scope::Read)?;
        Ok(shown(self.engine.supply(&name_of(name)?)?))
    }

    /// Show who uses a supply now.
    ///
    /// # Errors
    /// With a problem.
    pub fn sharers(
        &self,
        access: &Access,
        name: &str,
        query: wire::SharersQuery,
    ) -> Result<wire::SupplySharers, Problem> {
        access.everywhere(Scope::Read)?;
        access.note_list();
        let sharers = self.engine.sharers(&name_of(name)?, query.account.as_deref(), page_size(query.max))?;
        Ok(wire::SupplySharers { sharers: sharers.into_iter().map(sharer).collect() })
    }

    /// Change a supply without a new catalog; in force within 100 ms.
    ///
    /// # Errors
    /// With a problem.
    pub async fn change_supply(
        &self,
        access: &Access,
        name: &str,
        key: Key,
        ask: wire::SupplyChange,
    ) -> Result<wire::Supply, Problem> {
        access.everywhere(Scope::Admin)?;
        let key = key.required_of(None, None, &(&name, &ask))?;
        let wire::SupplyChange { rate, in_flight, classes, reason } = ask;
        let change = SupplyChange { supply: name_of(name)?, rate, in_flight, classes, reason };
        self.engine.change_supply(change, (&key, access.actor())).await?;
        Ok(shown(self.engine.supply(&name_of(name)?)?))
    }

    /// Report an answer of the upstream to a supply.
    ///
    /// # Errors
    /// With a problem.
    pub fn supply_feedback(
        &self,
        access: &Access,
        name: &str,
        ask: wire::SupplyFeedback,
    ) -> Result<(), Problem> {
        access.everywhere(Scope::Decide)?;
        if !(100..600).contains(&ask.status) {
            return Err(Problem::invalid("`status` is an HTTP status, 100 to 599"));
        }
        let name = name_of(name)?;
        let answered = match ask.status {
            429 | 503 | 529 => Answered::Congested,
            200..300 => Answered::Served,
            _ => Answered::Other,
        };
        let catalog = self.engine.catalog();
        let quantities = || ask.quantities.iter().map(|(meter, n)| (meter.as_str(), *n));
        let cost = catalog.supplies.get(&name).map_or(0, |terms| terms.rate.formula.cost(quantities()));
        let feedback = Feedback {
            answered,
            cost,
            first_output: ask.first_output,
            input: ask.input,
            limit: ask.limit,
            retry_after: ask.retry_after,
        };
        self.engine.supply_feedback(&name, feedback)?;
        Ok(())
    }
}
