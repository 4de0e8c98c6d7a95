//! Reconciliation of whole stores, in memory and on disk.

mod reconcile;
#[path = "../../../store/tests/store/suite.rs"]
mod suite;
