//! The idempotency key of a call.

use clap::Args;
use headworks_core::record::Label;

use super::values::label;

/// An idempotency key.
#[derive(Debug, Args)]
pub(crate) struct KeyArgument {
    /// Idempotency key: the same for retries of one request; default: a new one, printed to standard error
    #[arg(long = "key", value_parser = label)]
    pub(crate) key: Option<Label>,
}
