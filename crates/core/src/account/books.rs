//! The books of an account: where its credits went.
//!
//! Units: nano-credits.

use minicbor::{Decode, Encode};

use crate::record::Credits;

/// Where all credits of the account went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Books {
    /// Issued by the operator, less what was taken back; below zero where that had been paid for by goodwill.
    #[n(0)]
    pub issued: Credits,
    /// Charged.
    #[n(1)]
    pub spent: Credits,
    /// Expired unused.
    #[n(2)]
    pub breakage: Credits,
    /// Made good by the operator.
    #[n(3)]
    pub goodwill: Credits,
    /// Owed after overshoots.
    #[n(4)]
    pub debt: Credits,
    /// Drawn below zero by agreement, holds included.
    #[n(5)]
    pub overdraft: Credits,
}
