//! What a call may use: its hold, as long as it lasts.

use std::collections::BTreeMap;
use std::sync::Arc;

use headworks_core::record::{Label, Name};
use headworks_engine::Lease;

use crate::setup::Model;
use crate::shared::Shared;
use crate::text::Text;

/// What a call may use, and what it is priced by.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) shared: Arc<Shared>,
    /// The model that was asked for, by its name here.
    pub(crate) model: String,
    pub(crate) account: Name,
    /// None: the feature is not recorded.
    pub(crate) lease: Option<Box<Lease>>,
    pub(crate) meters: Vec<Name>,
    /// The dimensions that the feature has.
    pub(crate) knows: Vec<Name>,
    pub(crate) dimensions: BTreeMap<Name, Label>,
    /// The meter of output.
    pub(crate) output_meter: Option<Name>,
    /// What there is for the model to read.
    pub(crate) text: Text,
    /// Tokens of input that are held, and how many of them are held by the meter of output.
    pub(crate) input: u64,
    pub(crate) input_in_output: u64,
}

impl Held {
    /// The model as it is sold.
    pub(crate) fn sold(&self) -> Option<&Model> {
        self.shared.setup.models.get(&self.model)
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
