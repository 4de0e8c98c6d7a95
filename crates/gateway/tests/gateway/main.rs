//! The gateway before real upstreams of its own making: each protocol, each ending, and what the ledger says afterwards.

mod background;
mod batches;
mod endings;
mod estimates;
mod media;
mod odd;
mod stories;
mod world;
