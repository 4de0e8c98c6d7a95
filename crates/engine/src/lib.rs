//! The engine: decides on cached states ahead of durability, commits in groups, answers after the commit.
//!
//! Never answers from a state that is not stored: every answer waits for the records it rests on.

mod administration;
mod answer;
mod cache;
mod callers;
pub mod capacity;
mod clock;
mod commit;
mod engine;
mod identity;
mod keyring;
mod maintenance;
mod operations;
mod periodic;
mod reads;
mod reconciler;
mod reprice;
mod stats;

pub use answer::{Answer, Effect, EngineError, Idempotency};
pub use callers::{ConductView, HeldBack, network};
pub use clock::Clock;
pub use engine::{Engine, Limits};
pub use keyring::{Keyring, check_code};
pub use operations::Caller;
pub use reconciler::Pass;
pub use reprice::{Difference, Reprice, Repriced};
pub use stats::{Stats, StatsSnapshot};
