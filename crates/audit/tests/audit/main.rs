//! Reconciliation of whole stores, in memory and on disk.

mod reconcile;
