//! The parts of a plan, each with the place where it was written.

use alloc::borrow::Cow;
use alloc::vec::Vec;

use crate::catalog::problems::{Path, Step};
use crate::catalog::source::{
    AllowanceWindowSource, ExpiredDraws, FactorSource, GuardSource, InDebt, LayerSource, SeatsSource,
};
use crate::record::{Consent, Name};

/// A plan with everything it has.
#[derive(Clone)]
pub(in crate::catalog::check) struct Whole<'a> {
    pub(in crate::catalog::check) name: &'a Name,
    pub(in crate::catalog::check) features: &'a [Name],
    /// The plan that lists the features.
    pub(in crate::catalog::check) lister: &'a Name,
    pub(in crate::catalog::check) consent: Consent,
    pub(in crate::catalog::check) class: Option<&'a Name>,
    /// The factor on prices, and the plan that writes it.
    pub(in crate::catalog::check) price_factor: Option<(&'a Name, &'a FactorSource)>,
    pub(in crate::catalog::check) cost_max: Option<u64>,
    pub(in crate::catalog::check) expired_draws: ExpiredDraws,
    pub(in crate::catalog::check) in_debt: InDebt,
    /// The marks of warnings, and the plan that writes them.
    pub(in crate::catalog::check) warn_at: Option<(&'a Name, &'a Vec<u8>)>,
    /// Seats, and the plan that writes them.
    pub(in crate::catalog::check) seats: Option<(&'a Name, &'a SeatsSource)>,
    pub(in crate::catalog::check) guards: Vec<Part<'a, GuardSource>>,
    pub(in crate::catalog::check) layers: Vec<LayerPart<'a>>,
}

/// A part as written, or with another figure.
#[derive(Clone)]
pub(in crate::catalog::check) struct Part<'a, T: Clone> {
    pub(super) place: Place<'a>,
    pub(in crate::catalog::check) shape: Cow<'a, T>,
}

/// A layer, and its windows if it is an allowance.
#[derive(Clone)]
pub(in crate::catalog::check) struct LayerPart<'a> {
    pub(super) place: Place<'a>,
    pub(in crate::catalog::check) shape: Cow<'a, LayerSource>,
    pub(in crate::catalog::check) windows: Vec<WindowPart<'a>>,
}

/// A window of an allowance.
#[derive(Clone)]
pub(in crate::catalog::check) struct WindowPart<'a> {
    /// Where its allowance was written, or its figure.
    pub(super) place: Place<'a>,
    /// Its place among the windows of that allowance.
    pub(super) at: usize,
    pub(in crate::catalog::check) shape: Cow<'a, AllowanceWindowSource>,
}

/// Where something was written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place<'a> {
    /// In a list of a plan.
    Plan { plan: &'a Name, list: &'static str, at: usize },
    /// In a named list.
    List { list: &'static str, name: &'a Name, at: usize },
    /// Elsewhere, but its figure in the `limits` of a plan.
    Figure { plan: &'a Name, limit: &'a Name },
}

impl<'a> Place<'a> {
    /// Whether this plan wrote it out.
    pub(super) fn is_written_in(self, by: &Name) -> bool {
        matches!(self, Self::Plan { plan, .. } if plan == by)
    }

    fn path(self) -> Path<'a> {
        match self {
            Self::Plan { plan, list, at } => {
                alloc::vec![Step::Key("plans"), Step::Key(plan.as_str()), Step::Key(list), Step::Index(at)]
            }
            Self::List { list, name, at } => {
                alloc::vec![Step::Key(list), Step::Key(name.as_str()), Step::Index(at)]
            }
            Self::Figure { plan, limit } => alloc::vec![
                Step::Key("plans"),
                Step::Key(plan.as_str()),
                Step::Key("limits"),
                Step::Key(limit.as_str())
            ],
        }
    }
}

impl<'a, T: Clone> Part<'a, T> {
    /// Where it was written.
    pub(in crate::catalog::check) fn path(&self) -> Path<'a> {
        self.place.path()
    }
}

impl<'a> LayerPart<'a> {
    /// Where it was written.
    pub(in crate::catalog::check) fn path(&self) -> Path<'a> {
        self.place.path()
    }
}

impl<'a> WindowPart<'a> {
    /// Where it was written.
    pub(in crate::catalog::check) fn path(&self) -> Path<'a> {
        let mut path = self.place.path();
        if !matches!(self.place, Place::Figure { .. }) {
            path.extend([Step::Key("allowance"), Step::Key("windows"), Step::Index(self.at)]);
        }
        path
    }
}
