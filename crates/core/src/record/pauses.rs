//! Pauses of an account: what their beginning and their end move.

use alloc::vec::Vec;

use minicbor::{Decode, Encode};

use super::ids::Seq;
use super::name::{Label, Name};
use super::time::Instant;

/// A pause begins. It is named by its record.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Pause {
    /// It ends at this instant; `None`: when the account is resumed.
    #[n(0)]
    pub until: Option<Instant>,
    /// The open windows that follow the billing anchor and move with it.
    #[n(1)]
    pub windows: Vec<Name>,
    /// Why.
    #[n(2)]
    pub reason: Option<Label>,
}

/// A pause has ended.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct PauseEnd {
    /// The record that began it.
    #[n(0)]
    pub pause: Seq,
    /// The billing anchor from now on.
    #[n(1)]
    pub billing_anchor: Instant,
    /// The open windows that had moved for longer than the pause lasted.
    #[n(2)]
    pub windows: Vec<Name>,
}
