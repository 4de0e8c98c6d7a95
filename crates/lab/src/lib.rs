//! Measurements, and policies tried on traces: `headworks bench` and `headworks simulate`.
//!
//! Never part of serving: nothing that a server runs is here.

// `output` prints, which knows of closed pipes.
#![warn(clippy::print_stdout, clippy::print_stderr)]

mod arguments;
mod bench;
mod simulate;
pub mod traces;

pub use arguments::{BenchArguments, SimulateArguments};
pub use bench::run as bench;
pub use simulate::run as simulate;
