//! The requests of callers.

use alloc::borrow::Cow;
use alloc::vec::Vec;

use smallvec::SmallVec;

use crate::catalog::Feature;
use crate::record::{Dimension, Dimensions, Instant, Name, Path, Span};

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
    /// Its parts after the first, whose dimensions and quantities are those of the request.
    pub more: Vec<AskedPart>,
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
            more: Vec::new(),
            consented: false,
            recorded: false,
        }
    }

    /// Adds the dimensions that follow from each of its parts at an instant.
    pub(crate) fn derive(&mut self, feature: &Feature, at: Instant) {
        if let Some(all) = self.derived(feature, at) {
            self.dimensions = SmallVec::from(all.as_ref());
        }
        self.derive_more(feature, at);
    }

    /// The dimensions of its first part with those that follow from it; `None`: as they are.
    pub(super) fn derived<'a>(&self, feature: &'a Feature, at: Instant) -> Option<Cow<'a, [Dimension]>> {
        feature.derived(&self.dimensions, at, |meter| self.quantity(meter))
    }

    /// Adds the dimensions that follow from each part after the first.
    pub(super) fn derive_more(&mut self, feature: &Feature, at: Instant) {
        for part in &mut self.more {
            let named = part.dimensions.as_deref().unwrap_or_default();
            if let Some(all) = feature.derived(named, at, |meter| quantity_of(&part.quantities, meter)) {
                part.dimensions = Some(SmallVec::from(all.as_ref()));
            }
        }
    }

    /// How many units of a meter its first part names.
    pub(crate) fn quantity(&self, meter: &Name) -> u64 {
        quantity_of(&self.quantities, meter)
    }

    /// Whether one of its parts names a meter.
    pub(crate) fn names(&self, meter: &Name) -> bool {
        names(&self.quantities, &self.more, meter)
    }
}

/// How many units of a meter are named.
pub(crate) fn quantity_of(quantities: &[(Name, u64)], meter: &Name) -> u64 {
    quantities.iter().find(|(named, _)| named == meter).map_or(0, |(_, n)| *n)
}

/// Whether one of these parts names a meter.
#[inline(always)]
pub(crate) fn names(quantities: &[(Name, u64)], more: &[AskedPart], meter: &Name) -> bool {
    let is_it = |(named, _): &(Name, u64)| named == meter;
    quantities.iter().any(is_it) || more.iter().any(|part| part.quantities.iter().any(is_it))
}

/// A part of a use as its caller names it, such as what one of several models did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AskedPart {
    /// All of its dimensions; `None`: those of the same part of the hold or charge it belongs to, if there is one.
    pub dimensions: Option<Dimensions>,
    /// The quantity of each meter.
    pub quantities: Quantities,
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
