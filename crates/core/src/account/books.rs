//! The books of an account: the places its credits went to.
//!
//! Units: nano-credits.

use minicbor::{Decode, Encode};

use crate::record::Credits;

/// The places all credits of the account went to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Books {
    /// Issued by the operator, less credits taken back; below zero if goodwill had paid for those.
    #[n(0)]
    pub issued: Credits,
    /// Charged.
    #[n(1)]
    pub spent: Credits,
    /// Expired unused.
    #[n(2)]
    pub breakage: Credits,
    /// Shortfalls covered by the operator.
    #[n(3)]
    pub goodwill: Credits,
    /// Owed after overshoots.
    #[n(4)]
    pub debt: Credits,
    /// Drawn from the agreed overdraft, holds included.
    #[n(5)]
    pub overdraft: Credits,
}
