//! Reads the project's own sources, checks that the house is tidy, and draws what imports what.
//!
//! Never changes a source and never builds anything. What may import what stands in [`rules`] and nowhere else.
//! The checks run as `tests/tidy.rs`.

pub mod checks;
pub mod docs;
pub mod draw;
pub mod graph;
pub mod numbers;
pub mod rules;
pub mod source;
pub mod tokens;
pub mod tree;
pub mod words;
