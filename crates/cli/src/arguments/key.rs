//! The idempotency key of a call.

use clap::Args;
use headworks_core::record::Id;

use super::values::id;

/// An idempotency key.
#[derive(Debug, Args)]
pub(crate) struct KeyArgument {
    /// Idempotency key: the same for retries of one request; default: a new one, printed to standard error
    #[arg(long = "key", value_parser = id)]
    pub(crate) key: Option<Id>,
}
