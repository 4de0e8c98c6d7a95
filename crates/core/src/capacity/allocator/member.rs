//! One sharer of a supply: its demand, and its share.
//!
//! Units: cost per second; cost in flight in thousandths.

use crate::capacity::Sharer;
use crate::catalog::SupplyTerms;
use crate::record::{AccountTerms, Span, scaled};

/// Cost in flight is shared out in thousandths.
pub const MILLI: u64 = 1_000;

/// Seconds of its share that a sharer may save up.
pub const BURST_S: u64 = 10;

/// The load of one sharer since the last tick.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Cost asked for, refused work included.
    pub offered: u64,
    /// Cost that waits.
    pub waiting: u64,
    /// Cost that was admitted ahead of its share and is not yet made up for.
    pub owed: u64,
    /// The most cost in flight requested at once: in flight, waiting, or refused.
    pub in_flight: u64,
}

/// The bound of a sharer's share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Why {
    /// Its demand: it gets all it asks for.
    #[default]
    Demand,
    /// The demand of others: it gets its fair share.
    FairShare,
    /// The maximum that is set for the account.
    AccountMax,
}

/// The share of one sharer until the next tick.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// Cost per second.
    pub rate: u64,
    /// Cost that may be saved up for requests that come together: ten seconds of the rate that its weight would bring it now,
    /// and of its maximum one.
    pub burst: u64,
    /// Cost in flight, in thousandths.
    pub in_flight_milli: u64,
    /// Its class's band.
    pub band: u8,
    /// The bound of the share.
    pub why: Why,
}

/// A sharer's index in the table.
pub type SharerIndex = u32;

/// A sharer with its terms and its demand.
#[derive(Clone, Copy, Debug)]
pub(super) struct Member {
    pub(super) sharer: Sharer,
    pub(super) index: SharerIndex,
    pub(super) terms: AccountTerms,
    pub(super) rate: u64,
    pub(super) in_flight: u64,
}

/// The dimension that is shared out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Aspect {
    Rate,
    InFlight,
}

impl Member {
    /// Demand is up at once and down slowly: an eighth a tick.
    pub(super) fn note(&mut self, load: Load, span: Span) {
        let asked = load.offered.max(load.waiting);
        let a_second = scaled(asked, 1_000_000, span.micros());
        let eases = |before: u64| before - before.div_ceil(8);
        self.rate = a_second.max(eases(self.rate)).max(load.owed);
        self.in_flight = load.in_flight.saturating_mul(MILLI).max(eases(self.in_flight));
    }

    pub(super) fn demand(&self, aspect: Aspect) -> u64 {
        match aspect {
            Aspect::Rate => self.rate,
            Aspect::InFlight => self.in_flight,
        }
    }

    /// Its share. Of a maximum, no more than a second is saved up.
    pub(super) fn share(&self, terms: &SupplyTerms, rate: u64, burst: u64, in_flight_milli: u64) -> Share {
        let class = terms.class_at(self.sharer.class).copied().unwrap_or_default();
        let why = if rate >= self.rate && in_flight_milli >= self.in_flight {
            Why::Demand
        } else if self.terms.max.is_some_and(|max| rate >= max) {
            Why::AccountMax
        } else {
            Why::FairShare
        };
        let burst = burst.min(self.terms.max.unwrap_or(u64::MAX));
        Share { rate, burst, in_flight_milli, band: class.priority, why }
    }
}
