//! Overrides: figures of an account or a segment that take the place of those of its plan.
//!
//! Units: those of the limit; credits in nano-credits.

use alloc::string::ToString;

use minicbor::{Decode, Encode};

use super::amount::Credits;
use super::ids::Seq;
use super::name::{Label, Name};
use super::path::Path;
use super::terms::Terms;
use super::time::Instant;

/// An override of one limit. It is named by its record.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Override {
    /// The limit: a guard, an allowance's window as `allowance.window`, a pool, an overdraft or `price_factor`.
    #[n(0)]
    pub limit: Name,
    /// The place that it is for, with everything below it; the empty path is the account.
    #[n(1)]
    pub path: Path,
    /// The figure.
    #[n(2)]
    pub figure: Figure,
    /// It ends at this instant; `None`: when it is removed.
    #[n(3)]
    pub until: Option<Instant>,
    /// Why.
    #[n(4)]
    pub reason: Option<Label>,
    /// The request for a higher limit that it approves.
    #[n(5)]
    pub approves: Option<Seq>,
    /// Whether the figure is in credits, as it was given; `None`: as the plan's limit is.
    #[n(6)]
    pub is_credits: Option<bool>,
}

/// A figure that takes the place of a plan's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Figure {
    /// This much.
    #[n(0)]
    Limit(#[n(0)] i64),
    /// No limit, which is not the same as none of its own.
    #[n(1)]
    Unlimited,
}

impl Figure {
    /// A figure as it is written, in nano-credits or whole units; not below zero.
    #[must_use]
    pub(crate) fn written(text: &str, is_credits: bool) -> Option<i64> {
        let figure = if is_credits {
            text.parse::<Credits>().ok().map(Credits::nano)
        } else {
            text.parse::<i64>().ok().filter(|n| n.to_string() == text)
        };
        figure.filter(|n| *n >= 0)
    }

    /// The figure, as a number: no limit is more than anything.
    #[must_use]
    pub fn most(self) -> i64 {
        match self {
            Self::Limit(limit) => limit,
            Self::Unlimited => i64::MAX,
        }
    }

    /// The terms of a window with this figure. A rate without a burst of its own takes the figure for that too.
    #[must_use]
    pub(crate) fn on(self, terms: Terms) -> Terms {
        let most = u64::try_from(self.most()).unwrap_or(0);
        match (terms, self) {
            // It drains as the plan says, so that what is counted is still there when the limit comes back.
            (Terms::Rate { limit, period, .. }, Self::Unlimited) => {
                Terms::Rate { limit, period, burst: most }
            }
            (Terms::Rate { limit, period, burst }, Self::Limit(_)) => {
                Terms::Rate { limit: most, period, burst: if burst == limit { most } else { burst } }
            }
            (Terms::Sliding { length, .. }, _) => Terms::Sliding { limit: most, length },
            (Terms::Slots { .. }, _) => Terms::Slots { limit: most },
            (Terms::Period { start, end, .. }, _) => Terms::Period { limit: self.most(), start, end },
            (Terms::Growth { start, end, since, .. }, _) => {
                Terms::Growth { limit: self.most(), start, end, since, next: self.most() }
            }
            (Terms::Habit { .. }, _) => terms,
        }
    }
}
