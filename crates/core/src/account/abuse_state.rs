//! The state that abuse rules keep of an account: effects in force, and how its holds end.

use alloc::vec::Vec;

use minicbor::{Decode, Encode};

use crate::record::Effect;

/// The most effects in force on one account; beyond that, the one that ends first is dropped.
pub(crate) const EFFECTS_MAX: usize = 64;
/// Ends of holds before the share of expired ones counts, and clean settles that give one hold back.
pub(crate) const ENDS: u16 = 20;

/// How the holds of an account end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Hygiene {
    /// Holds that were settled or expired since the count began.
    #[n(0)]
    pub ended: u16,
    /// The share of those that expired, in millionths: a moving average over about 20.
    #[n(1)]
    pub expired: u64,
    /// Holds settled since the last one that expired.
    #[n(2)]
    pub clean: u16,
}

/// The state that abuse rules keep of an account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct AbuseState {
    /// Effects in force, by rule and key.
    #[n(0)]
    pub effects: Vec<Effect>,
    /// How its holds end.
    #[n(1)]
    pub hygiene: Hygiene,
}
