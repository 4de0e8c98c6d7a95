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
        self.lease.as_deref().map_or(u64::MAX, |lease| self.output_of(lease))
    }

    /// Those that a lease pays for.
    pub(crate) fn output_of(&self, lease: &Lease) -> u64 {
        let Some(meter) = &self.output_meter else { return u64::MAX };
        lease.covers(meter).saturating_sub(self.input_in_output)
    }
}
