//! The core of Headworks: the decision and the ledger.
//!
//! A decision is a pure function of an account's state, a request, the catalog and the instant; it yields the record
//! that the state is then folded with. Never reads a clock, never performs I/O, never uses randomness or floats; builds
//! without the standard library.

#![no_std]

extern crate alloc;
// Schema derives name `std`; decisions never do.
#[cfg(any(test, feature = "schema"))]
extern crate std;

pub mod abuse;
pub mod account;
pub mod audit;
pub mod capacity;
pub mod catalog;
pub mod command;
pub mod life;
pub mod record;
#[cfg(feature = "schema")]
pub mod schema;
pub mod view;
pub mod waterfall;
pub mod window;
