//! Reads the project's own sources, checks that they are tidy, and draws their imports.
//!
//! Never changes a source and never builds anything. The allowed imports are listed in [`rules`] and nowhere else.
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
