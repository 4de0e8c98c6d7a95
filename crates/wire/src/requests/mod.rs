//! Requests.

mod accounts;
mod credits;
mod decisions;
mod keys;

pub use accounts::*;
pub use credits::*;
pub use decisions::*;
pub use keys::*;
