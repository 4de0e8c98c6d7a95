//! What every command needs: a client of the API, answers for people, output that survives a closed pipe, values of arguments.
//!
//! Knows the JSON of the API, and nothing of engines and stores.

// `output` prints, which knows of closed pipes.
#![warn(clippy::print_stdout, clippy::print_stderr)]

mod client;
mod outcome;
pub mod output;
pub mod print;
pub mod values;

pub use client::{CallError, Client, read};
pub use outcome::{Failed, Outcome};
