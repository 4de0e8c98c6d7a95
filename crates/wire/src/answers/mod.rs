//! The server's answers.

mod accounts;
mod administration;
mod decisions;

pub use accounts::*;
pub use administration::*;
pub use decisions::*;
