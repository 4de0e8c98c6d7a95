//! Charges: the cost of use, its payers, and its counts in windows. Later records that give back refer to them.
//!
//! Units: nano-credits; windows count in their own unit.

use alloc::vec::Vec;

use minicbor::{Decode, Encode};

use super::codec::{few, list};
use super::{
    Basis, Credits, Draw, Draws, GrantId, GrantTerms, Instant, Label, Levels, Line, Name, PostpaidBack, Seq,
    Source, Unit, Use, Visit, VolumeShift,
};

/// The charged use of a hold or of a direct charge.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Charge {
    /// The usage event.
    #[n(0)]
    pub usage: Use,
    /// The monetization event: its cost.
    #[n(1)]
    pub price: Credits,
    /// The monetization event: its payers.
    #[cbor(n(2), with = "list")]
    pub draws: Draws,
    /// The part that the hold did not cover.
    #[n(3)]
    pub excess: Option<Excess>,
    /// The counts that stay in allowances, member caps and spend caps; a refund gives them back.
    #[n(4)]
    pub counted: Vec<Counted>,
}

impl Charge {
    /// The credits that it draws; included use is not among them.
    #[must_use]
    pub fn credits(&self) -> Credits {
        Credits::from_nano(self.draws.iter().map(|d| d.credits().nano()).sum())
    }

    /// What credits of the account pay of it; what an allowance or the operator pays is not among them.
    pub(crate) fn paid(&self) -> Credits {
        paid(self.draws.iter().map(|draw| (draw, draw.amount)))
    }

    /// Whether it closes the period of a volume, rather than charging what a caller used.
    #[must_use]
    pub fn closes(&self) -> bool {
        let closes =
            |line: &Line| line.graduated.as_ref().is_some_and(|graduated| graduated.closes.is_some());
        self.usage.lines.iter().any(closes)
    }

    /// The nano-credits that can come back in parts.
    pub(crate) fn divisible(&self) -> i64 {
        self.draws.iter().map(|draw| draw.divisible(&self.usage.unit)).sum()
    }

    /// The draws that `amount` nano-credits come from, from the last to the first, after `returned` of them.
    pub(crate) fn parts(&self, returned: i64, amount: i64) -> Vec<(&Draw, i64)> {
        let (mut gone, mut left) = (returned, amount);
        let draws = self.draws.iter().rev();
        draws
            .map(|draw| {
                let all = draw.divisible(&self.usage.unit);
                let skipped = all.min(gone);
                let part = (all - skipped).min(left);
                (gone, left) = (gone - skipped, left - part);
                (draw, part)
            })
            .collect()
    }

    /// The part of each draw that a refund of `amount` gives back, after refunds of `returned`: from the last to the first;
    /// allowances of requests and meters with the last of the charge.
    #[must_use]
    pub fn given_back(&self, returned: Credits, amount: Credits) -> Vec<Draw> {
        let is_last = returned.nano() + amount.nano() == self.divisible();
        let parts = self.parts(returned.nano(), amount.nano()).into_iter();
        let given = parts.filter_map(|(draw, part)| match (draw.source, &self.usage.unit) {
            (Source::Allowance, Unit::Requests | Unit::Meter(_)) => is_last.then(|| draw.clone()),
            (Source::Allowance, Unit::Credits)
            | (
                Source::Grant(..) | Source::Overdraft | Source::Debt | Source::Goodwill | Source::Postpaid(_),
                _,
            ) => (part > 0).then(|| Draw { amount: part, worth: part, ..draw.clone() }),
        });
        given.collect()
    }
}

/// The part of draws that credits of the account have paid.
pub(crate) fn paid<'a>(parts: impl Iterator<Item = (&'a Draw, i64)>) -> Credits {
    let is_paid = |source: Source| match source {
        Source::Grant(..) | Source::Overdraft | Source::Debt | Source::Postpaid(_) => true,
        Source::Allowance | Source::Goodwill => false,
    };
    Credits::from_nano(parts.filter(|(draw, _)| is_paid(draw.source)).map(|(_, part)| part).sum())
}

/// The part of an earlier charge that a record gives back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenBack {
    /// The record of the charge.
    pub seq: Seq,
    /// The charge.
    pub charge: Charge,
    /// The part of each of its draws, from the last to the first: for a refund its part, for a correction all, because the
    /// correction's own draws take their place.
    pub draws: Vec<Draw>,
}

/// The charge that is corrected, and why.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Correcting {
    /// The record of the charge.
    #[n(0)]
    pub charge: Seq,
    /// Grants that had left the state and are open again.
    #[n(1)]
    pub reopened: Vec<(GrantId, GrantTerms)>,
    /// Why.
    #[n(2)]
    pub reason: Option<Label>,
    /// What goes back to postpaid layers, if they paid any of it.
    #[n(3)]
    pub postpaid: Option<Vec<PostpaidBack>>,
    /// How the use of volumes moves, if its prices are graduated.
    #[cbor(n(4), with = "few", has_nil)]
    pub volumes: Vec<VolumeShift>,
}

/// Use that a hold counted in a window.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Counted {
    /// The window.
    #[n(0)]
    pub name: Name,
    /// The level it counts at, or several together.
    #[n(1)]
    pub level: Levels,
    /// When.
    #[n(2)]
    pub at: Instant,
    /// The amount.
    #[n(3)]
    pub cost: i64,
    /// How it is recomputed.
    #[n(4)]
    pub basis: Basis,
}

impl Counted {
    /// The count of a visit at an instant.
    pub(crate) fn of(visit: &Visit, at: Instant) -> Self {
        let (name, basis) = (visit.name.clone(), visit.basis.clone());
        Self { name, level: visit.level, at, cost: visit.cost, basis }
    }
}

/// A correction of use that a window counted earlier. It has no effect when that window has closed since.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Correction {
    /// The window.
    #[n(0)]
    pub name: Name,
    /// The level it counts at, or several together.
    #[n(1)]
    pub level: Levels,
    /// When the use was counted.
    #[n(2)]
    pub counted_at: Instant,
    /// The amount to add; negative gives back.
    #[n(3)]
    pub delta: i64,
}

/// How the use beyond a hold was paid.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct Excess {
    /// The draws of the waterfall for it.
    #[n(0)]
    pub visits: Vec<Visit>,
    /// Refunded from the operator's goodwill.
    #[n(1)]
    pub refunded: Credits,
    /// Owed by the account.
    #[n(2)]
    pub owed: Credits,
}
