//! The upstream that serves admitted requests: how many at once, and how fast.

use super::traffic::Traced;

/// The supply.
#[derive(Clone, Debug, Default)]
pub(crate) struct Upstream {
    /// How many are served at once; more wait at the upstream, first come first served. `None`: any number.
    pub(crate) slots: Option<usize>,
    /// How long a request takes, in microseconds, and how much longer for each output token.
    pub(crate) service: (u64, u64),
    /// The cost per second (input + 2 x output) it serves from each instant on; it refuses the rest. Empty: any.
    pub(crate) rates: Vec<(u64, u64)>,
}

/// The service a request is worth: input + 2 x output tokens.
pub(crate) fn service_of(traced: &Traced) -> u64 {
    traced.input_tokens + 2 * traced.output_tokens
}
