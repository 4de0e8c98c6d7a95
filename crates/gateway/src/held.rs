//! What a call may use: its hold, as long as it lasts.

use std::collections::BTreeMap;
use std::sync::Arc;

use headworks_core::record::{HoldId, Label, Name};
use headworks_engine::{Caller, Lease};

use crate::denial::{Refused, Why};
use crate::job::Job;
use crate::rates::Worth;
use crate::setup::Model;
use crate::shared::{Shared, Sold};
use crate::surface::Surface;
use crate::text::Text;
use crate::usage::{self, Classes};

/// What a call may use, and what it is priced by.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) shared: Arc<Shared>,
    pub(crate) surface: Surface,
    /// The model that was asked for, by its name here.
    pub(crate) model: String,
    pub(crate) account: Name,
    /// None: the feature is not recorded.
    pub(crate) lease: Option<Box<Lease>>,
    /// The record of its hold, if that may have ended by itself before it is settled.
    pub(crate) late: Option<HoldId>,
    pub(crate) meters: Vec<Name>,
    /// The dimensions that the feature has.
    pub(crate) knows: Vec<Name>,
    pub(crate) dimensions: BTreeMap<Name, Label>,
    /// The meter of output.
    pub(crate) output_meter: Option<Name>,
    /// What there is for the model to read.
    pub(crate) text: Text,
    /// Tokens of input that are held, by class, and how many of them are held by the meter of output.
    pub(crate) inputs: Classes,
    pub(crate) input_in_output: u64,
    /// What a call of images or audio is held for.
    pub(crate) worth: Option<Worth>,
}

impl Held {
    /// The hold of work in the background, as it stands now.
    ///
    /// # Errors
    /// When its model is sold no longer, or the hold cannot be read.
    pub(crate) async fn again(
        shared: &Arc<Shared>,
        job: &Job,
        actor: Option<&Name>,
    ) -> Result<Self, Refused> {
        let model = shared.setup.models.get(&job.of.model).ok_or_else(|| {
            let message = format!("the model `{}` is not served here any more", job.of.model);
            Refused::new(Why::NotFound, "model_not_found", message)
        })?;
        let Sold { meters, knows, .. } = shared.sold(model)?;
        let caller = Caller { actor, ..Caller::default() };
        let lease = match job.of.hold() {
            Some(hold) => shared.api.engine().take_up(&job.account, hold, caller, job.of.consented).await,
            None => Ok(None),
        };
        let lease = lease.map_err(|e| Refused::of_problem(&e.into()))?;
        let own = |class: &str| usage::meter(&meters, class).cloned();
        let output_meter = own("output_tokens");
        let is_one = own("input_tokens") == output_meter;
        Ok(Self {
            shared: Arc::clone(shared),
            surface: job.surface(),
            model: job.of.model.clone(),
            account: job.account.clone(),
            lease,
            late: job.of.hold(),
            meters,
            knows,
            dimensions: job.of.dimensions.clone(),
            output_meter,
            text: Text::default(),
            input_in_output: if is_one { job.of.input } else { 0 },
            inputs: vec![("input_tokens", job.of.input)],
            worth: None,
        })
    }

    /// The model as it is sold.
    pub(crate) fn sold(&self) -> Option<&Model> {
        self.shared.setup.models.get(&self.model)
    }

    /// Tokens of input that are held.
    pub(crate) fn input(&self) -> u64 {
        self.inputs.iter().map(|(_, count)| count).sum()
    }

    /// Tokens of output that are paid for.
    pub(crate) fn output(&self) -> u64 {
        self.lease.as_deref().map_or(u64::MAX, |lease| self.output_of(lease))
    }

    /// Those that a lease pays for.
    pub(crate) fn output_of(&self, lease: &Lease) -> u64 {
        let Some(meter) = &self.output_meter else { return u64::MAX };
        lease.covers(meter).saturating_sub(self.input_in_output)
    }
}
