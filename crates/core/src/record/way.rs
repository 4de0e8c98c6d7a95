//! The ways to unblock a denial, each with everything that it needs.
//!
//! Does not find them: `unblock` tries them, where an account's life is known.

use alloc::vec::Vec;

use minicbor::{Decode, Encode};

use crate::record::{Credits, Instant, Lifter};

/// The ways to turn a denial into an allowance, if nobody uses anything in the meantime.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Unblock {
    /// The possible ways, earliest first; empty if nothing helps.
    #[n(0)]
    pub ways: Vec<Way>,
    /// Who can lift it.
    #[n(1)]
    pub by: Lifter,
    /// The search was cut off here: nobody knows what helps from this instant on.
    #[n(2)]
    pub searched_until: Option<Instant>,
}

/// One way: everything it names is needed together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Way {
    /// When the request passes; `None`: at once.
    #[n(0)]
    pub at: Option<Instant>,
    /// How sure that is.
    #[n(1)]
    pub certainty: Certainty,
    /// The smallest purchase with which it passes: a purchased grant for everything.
    #[n(2)]
    pub purchase: Option<Credits>,
    /// Whether the caller must agree to paid sources.
    #[n(3)]
    pub consent: bool,
}

/// How sure an instant is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Certainty {
    /// It passes then, and not a microsecond earlier.
    #[n(0)]
    Exact,
    /// It passes then at the latest: it depends on the end of a hold, which may come earlier.
    #[n(1)]
    Latest,
    /// It rests on a supply, which many share.
    #[n(2)]
    Estimated,
}

impl Unblock {
    /// The instant that alone lets it pass.
    #[must_use]
    pub fn at(&self) -> Option<Instant> {
        self.ways.iter().filter(|w| w.purchase.is_none() && !w.consent).find_map(|w| w.at)
    }

    /// The purchase that alone lets it pass.
    #[must_use]
    pub fn purchase(&self) -> Option<Credits> {
        self.ways.iter().filter(|w| w.at.is_none() && !w.consent).find_map(|w| w.purchase)
    }
}
