//! The server's answers.

mod accounts;
mod administration;
mod decisions;
mod unblock;

pub use accounts::*;
pub use administration::*;
pub use decisions::*;
pub use unblock::*;
