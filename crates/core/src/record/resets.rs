//! Banked resets.

use alloc::vec::Vec;

use minicbor::{Decode, Encode};

use super::levels::Levels;
use super::name::{Label, Name};
use super::time::Instant;

/// A banked reset: it clears windows when it is redeemed.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct ResetTerms {
    /// The windows it clears, as guards or `allowance.window`.
    #[n(0)]
    pub windows: Vec<Name>,
    /// It must be redeemed before this instant.
    #[n(1)]
    pub expires_at: Instant,
    /// The operator's reference.
    #[n(2)]
    pub reference: Option<Label>,
}

/// A window that a reset cleared.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Cleared {
    /// The window.
    #[n(0)]
    pub name: Name,
    /// The level it counts at, or several together.
    #[n(1)]
    pub level: Levels,
    /// The use until then.
    #[n(2)]
    pub used: i64,
    /// Whether it closes, to open again at the next use; a calendar window stays open until its end.
    #[n(3)]
    pub closes: bool,
}
