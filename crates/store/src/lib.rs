//! Where logs are kept. A store needs one ability: append records to an account's log if the
//! log still ends where the caller expects.
//!
//! Never decides anything and never folds a record: to a store, a record is bytes with a number, a hash and index
//! keys. The one exception is `erase`: it folds the account to write the erasure into its log.

mod batch;
mod contract;
mod embedded;
mod memory;
mod stored;
pub mod suite;
mod wait;

pub use batch::{Batch, Entry};
pub use contract::{Appended, Cursor, Fate, Fed, Location, LogEnd, Reply, Store, StoreError};
pub use embedded::disk::{Disk, DiskFile};
pub use embedded::{
    BackedUp, Checked, Embedded, Index, MemoryIndex, Options, Recovery, Restored, Watermark, backup,
    backup_on, check_journal, erase, erase_on, journal_blocks, lock, restore, restore_on,
};
pub use memory::Memory;
pub use stored::{Checkpoint, Loaded, Stored};
pub use wait::wait;
