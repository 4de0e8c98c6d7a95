//! The LLM gateway: an SDK's model calls, held before they are forwarded, priced at what was used, and cut off where nobody pays.
//!
//! Speaks HTTP with upstreams and the shapes of their protocols. Knows accounts, prices and limits only through `api` and the
//! lease that a decision gives; never reads or writes a store.

mod asked;
mod attempts;
mod background;
mod batches;
mod body;
mod call;
mod denial;
mod estimate;
#[cfg(test)]
mod estimated;
mod fields;
mod files;
mod follow;
mod free;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod gateway;
mod held;
mod job;
mod media;
mod metrics;
mod multipart;
mod passing;
mod rates;
mod reply;
mod settle;
mod setup;
mod shared;
mod sse;
mod stream;
mod streams;
mod surface;
mod tally;
mod text;
mod tokenizer;
mod upstream;
mod usage;
mod watch;
mod wav;
mod whole;
mod work;

pub use gateway::{BODY_BYTES_MAX, Gateway};
pub use reply::Body;
pub use setup::{Protocol, Setup};
