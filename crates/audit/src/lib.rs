//! Reading over a store: reconciliation, replay and what-if of every account; statements, refunds and the archive of one.
//!
//! Never decides anything, and writes nothing but an archive that is taken over whole.

pub mod archive;
pub mod reconcile;
mod refunds;
pub mod replay;
mod statement;

pub use refunds::given_back;
pub use statement::read_on;
