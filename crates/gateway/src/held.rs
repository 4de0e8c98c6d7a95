//! What a call may use: its hold, as long as it lasts.

use std::collections::BTreeMap;

use headworks_core::record::{Label, Name};
use headworks_engine::Lease;
use headworks_wire as wire;

/// What a call may use, and what it is priced by.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) account: Name,
    /// None: the feature is not recorded.
    pub(crate) lease: Option<Box<Lease>>,
    pub(crate) decision: Box<wire::Decision>,
    pub(crate) meters: Vec<Name>,
    /// The dimensions that the feature has.
    pub(crate) knows: Vec<Name>,
    pub(crate) dimensions: BTreeMap<Name, Label>,
    /// The meter of output.
    pub(crate) output_meter: Option<Name>,
    /// Tokens of input that are held, and how many of them are held by the meter of output.
    pub(crate) input: u64,
    pub(crate) input_in_output: u64,
}

impl Held {
    /// Tokens of output that are paid for.
    pub(crate) fn output(&self) -> u64 {
        let (Some(lease), Some(meter)) = (&self.lease, &self.output_meter) else { return u64::MAX };
        let covered = lease.covered().iter().find(|(known, _)| known == meter);
        covered.map_or(0, |(_, covered)| *covered).saturating_sub(self.input_in_output)
    }
}
