//! Capacity pools at run time.

pub mod pool;
