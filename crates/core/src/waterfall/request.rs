//! What callers ask for.

use smallvec::SmallVec;

use crate::record::{Dimension, Name, Path, Span};

/// Most units of one meter in one request, so that sums over a hold's life stay exact.
pub(crate) const QUANTITY_MAX: u64 = 1_000_000_000_000_000;

/// How much of each meter.
pub type Quantities = SmallVec<[(Name, u64); 3]>;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The feature.
    pub feature: Name,
    /// Where in the account.
    pub path: Path,
    /// Dimensions such as the model.
    pub dimensions: SmallVec<[Dimension; 1]>,
    /// How much of each meter.
    pub quantities: Quantities,
    /// The caller agrees to paid sources.
    pub consented: bool,
    /// It comes from a record: what it left out has been filled in, and its path is the one that counted.
    pub recorded: bool,
}

impl Request {
    /// So much of a feature for the account itself, without consent to paid sources.
    #[must_use]
    pub fn new(feature: Name, quantities: impl IntoIterator<Item = (Name, u64)>) -> Self {
        Self {
            feature,
            path: Path::default(),
            dimensions: SmallVec::new(),
            quantities: quantities.into_iter().collect(),
            consented: false,
            recorded: false,
        }
    }
}

/// The least of one meter that is still of use to the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Minimum {
    /// The meter that may shrink.
    pub meter: Name,
    /// The least of it.
    pub quantity: u64,
}

/// A request to decide and hold, or to charge at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorize {
    /// What is asked for.
    pub request: Request,
    /// Accept less.
    pub minimum: Option<Minimum>,
    /// How long the hold lives; `None`: as the feature says.
    pub life: Option<Span>,
    /// Charge at once, without a hold.
    pub settle_now: bool,
}

impl Authorize {
    /// All of a request or nothing, held for as long as its feature says.
    #[must_use]
    pub fn new(request: Request) -> Self {
        Self { request, minimum: None, life: None, settle_now: false }
    }
}
