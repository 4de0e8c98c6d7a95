//! The state of an account: the fold of its log.
//!
//! Never decides anything and never looks at the catalog: a record carries everything that its effect needs.
//! S1 the state after a log is the same however it was reached: live, replayed, or from a checkpoint and the rest
//! (`fold_equals_live_state`). S2 books balance after every record ([`Account::check`]).
//! S3 empty and closed items leave the state, so open items bound it (`state_is_bounded`).
//! Units: nano-credits; instants in UTC microseconds.

mod abuse;
mod abuse_state;
mod alerts;
mod balance;
mod books;
mod cycle;
mod due;
mod fold;
mod holds;
mod increases;
mod invoices;
mod late;
mod movements;
mod open;
mod overrides;
mod pauses;
mod postpaid;
mod rare;
mod resets;
mod seats;
mod state;
mod volume;
mod volumes;
mod windows;

pub(crate) use abuse::trial_day;
pub(crate) use abuse_state::ENDS;
pub use abuse_state::{AbuseState, Hygiene};
pub use books::Books;
pub(crate) use due::Due;
pub use fold::FoldError;
pub use open::{CountedWindow, Grant, HOLDS_MAX, Hold};
pub(crate) use open::{EXTENSIONS_MAX, GRANTS_MAX};
pub(crate) use pauses::Billing;
pub use postpaid::{ClosedInvoice, Postpaid, Uninvoiced};
pub use rare::{
    Answer, Asked, Balance, BankedReset, Increase, Overriding, Paused, RareState, Schedule, Seat,
};
pub(crate) use rare::{
    INCREASES_MAX, OVERRIDES_MAX, PAUSE_MAX, PAUSES_MAX, QUARANTINE_MAX, RESETS_MAX, SCHEDULES_MAX, SEATS_MAX,
};
pub use state::Account;
pub(crate) use state::SEGMENTS_MAX;
pub use volume::Volume;
