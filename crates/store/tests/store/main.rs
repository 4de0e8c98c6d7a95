//! Every store runs the same suite; the embedded one also crashes, tears and is damaged.

mod backup;
mod damage;
mod embedded;
mod suite;
