//! The requests of callers.

use smallvec::SmallVec;

use crate::record::{Dimension, Name, Path, Span};

/// Most units of one meter in one request, so that sums over a hold's life stay exact.
pub(crate) const QUANTITY_MAX: u64 = 1_000_000_000_000_000;

/// The quantity of each meter.
pub type Quantities = SmallVec<[(Name, u64); 3]>;

/// The request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The feature.
    pub feature: Name,
    /// The path within the account.
    pub path: Path,
    /// Dimensions such as the model.
    pub dimensions: SmallVec<[Dimension; 1]>,
    /// The quantity of each meter.
    pub quantities: Quantities,
    /// The caller agrees to paid sources.
    pub consented: bool,
    /// It comes from a record: missing quantities have been filled in, and its path is the one that counted.
    pub recorded: bool,
}

impl Request {
    /// Quantities of a feature for the account itself, without consent to paid sources.
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

    /// How many units of a meter it names.
    pub(crate) fn quantity(&self, meter: &Name) -> u64 {
        self.quantities.iter().find(|(named, _)| named == meter).map_or(0, |(_, n)| *n)
    }
}

/// The smallest quantity of one meter that is still useful to the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Minimum {
    /// The meter that may shrink.
    pub meter: Name,
    /// Its smallest useful quantity.
    pub quantity: u64,
}

/// A request to decide and hold, or to charge at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorize {
    /// The request.
    pub request: Request,
    /// Accept less.
    pub minimum: Option<Minimum>,
    /// How long the hold lives; `None`: the feature's default.
    pub life: Option<Span>,
    /// Charge at once, without a hold.
    pub settle_now: bool,
}

impl Authorize {
    /// All of a request or nothing, held for the feature's default life.
    #[must_use]
    pub fn new(request: Request) -> Self {
        Self { request, minimum: None, life: None, settle_now: false }
    }
}
