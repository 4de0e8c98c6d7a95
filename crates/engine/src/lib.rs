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
mod conduct;
mod engine;
mod identity;
mod in_force;
mod keyring;
mod keys;
mod lives;
mod maintenance;
mod pools;
mod reads;
mod reconciler;
mod reconciliation;
mod reprice;
mod run;
mod start;
mod states;
mod stats;
mod timers;
mod view;

pub use answer::{Answer, Caller, Effect, EngineError, Idempotency, Keyed};
pub use callers::network;
pub use clock::Clock;
pub use conduct::{ConductView, HeldBack};
pub use engine::{Engine, Limits};
pub use keyring::{Keyring, check_code};
pub use pools::{PoolState, SeatState};
pub use reconciliation::Pass;
pub use reprice::{Difference, Reprice, Repriced};
pub use stats::{Stats, StatsSnapshot};
