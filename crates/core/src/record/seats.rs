//! Seats: places in an account that members hold, with use that stays when the member changes.

use minicbor::{Decode, Encode};

use super::name::{Label, Name};
use super::path::Segment;

/// A seat as it is from now on.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct SeatTerms {
    /// Its name in the account.
    #[n(0)]
    pub name: Name,
    /// Its type, which the plan may have figures for.
    #[n(1)]
    pub kind: Option<Name>,
    /// The member that holds it; `None`: nobody.
    #[n(2)]
    pub member: Option<Segment>,
    /// Why.
    #[n(3)]
    pub reason: Option<Label>,
}
