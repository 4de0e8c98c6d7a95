//! What settlements, corrections and refunds give back to windows.
//!
//! Units: those of the window; nano-credits; instants in UTC microseconds.

use headworks_core::record::{Charge, Draw, Seq, Source};

use super::counters::{Counted, Open, Walk, key, parts};
use super::draws::keep;
use super::windows::{Basis, SPECS, Spec, total};

/// The units of a hold that a window keeps, and those beyond the hold that it counts. A part counts for the model that it was
/// held with, what is beyond it for the one that turned out.
fn turned_out(spec: &Spec, held: &[(Option<String>, i64)], charge: &Charge) -> (i64, i64) {
    let (mut stays, mut beyond) = (0, 0);
    for (at, (model, units)) in parts(&charge.usage).into_iter().enumerate() {
        let (of, had) = held.get(at).map_or((None, 0), |(of, had)| (of.as_deref(), *had));
        let kept = units.min(had);
        stays += if spec.counts(of) { kept } else { 0 };
        beyond += if spec.counts(model) { units - kept } else { 0 };
    }
    (stays, beyond)
}

impl Walk<'_> {
    /// A hold is charged, or a charge corrected: the front of the receipt stays,
    /// and the part beyond it is counted again.
    pub(super) fn ends(
        &mut self,
        seq: Seq,
        before: Seq,
        charge: &Charge,
        at: (i64, i64),
    ) -> Result<(), String> {
        let Some(mut open) = self.open.remove(&before) else { return Ok(()) };
        let kept = keep(&open.draws, Some(charge));
        let drawn = |basis: &Basis| total(basis, &charge.draws) - total(basis, &kept);
        // The visits show the state before anything is returned.
        let visits = charge.excess.as_ref().map_or(&[][..], |e| &e.visits);
        let mut counted = Vec::new();
        let in_plan = self.in_plan();
        for (i, spec) in SPECS.iter().enumerate() {
            if !spec.features.contains(&charge.usage.feature.as_str()) {
                continue;
            }
            let (stays, amount) = match spec.basis {
                Basis::Requests => (i64::MAX, 0),
                Basis::Units => {
                    open.parts.as_deref().map_or((i64::MAX, 0), |held| turned_out(spec, held, charge))
                }
                Basis::Spend | Basis::Layer(_) => (total(&spec.basis, &kept), drawn(&spec.basis)),
            };
            let visit = visits.iter().find(|v| v.name.as_str() == spec.name && v.terms.is_some());
            if let Some(visit) = visit.filter(|_| in_plan) {
                self.agrees(i, &charge.usage, visit, at)?;
                if visit.cost != amount {
                    return Err(format!("{} counts {} more and not {amount}", spec.name, visit.cost));
                }
            } else if amount > 0 && in_plan {
                return Err(format!("{amount} more are not counted in {}", spec.name));
            }
            self.trim(&mut open.counted, i, stays, at.1);
            if let Some(visit) = visit.filter(|_| amount > 0 && in_plan) {
                let key = key(i, spec, &charge.usage.path);
                self.windows.entry(key.clone()).or_default().take(spec, at, amount, visit.terms);
                counted.push(Counted { key, at: at.0, amount });
            }
        }
        open.counted.extend(counted);
        self.charged(seq, charge, open.counted);
        Ok(())
    }

    /// The counts that a charge may return: those of its sources, not that of the request.
    pub(super) fn charged(&mut self, seq: Seq, charge: &Charge, mut counted: Vec<Counted>) {
        let is_paid =
            |at: usize| SPECS.get(at).is_some_and(|s| matches!(s.basis, Basis::Spend | Basis::Layer(_)));
        counted.retain(|c| is_paid(c.key.0) && c.amount > 0);
        self.open.insert(seq, Open { draws: charge.draws.to_vec(), parts: None, counted, returned: 0 });
    }

    pub(super) fn refunded(&mut self, charge: Seq, amount: i64, now: i64) {
        let Some(mut open) = self.open.remove(&charge) else { return };
        // An allowance of requests or of a meter comes back whole.
        let credits = |d: &&Draw| d.source != Source::Allowance || d.amount == d.worth;
        let is_whole = !open.draws.iter().all(|d| credits(&d));
        let (mut gone, mut left) = (open.returned, amount);
        let mut given = Vec::new();
        for draw in open.draws.iter().rev().filter(credits) {
            let skipped = draw.amount.min(gone);
            let part = (draw.amount - skipped).min(left);
            (gone, left) = (gone - skipped, left - part);
            given.push(Draw { amount: part, worth: part, ..draw.clone() });
        }
        open.returned += amount;
        let all: i64 = open.draws.iter().filter(credits).map(|d| d.amount).sum();
        for (at, spec) in SPECS.iter().enumerate() {
            let counted: i64 = open.counted.iter().filter(|c| c.key.0 == at).map(|c| c.amount).sum();
            let back = match spec.basis {
                Basis::Layer(_) if spec.is_allowance() && is_whole && open.returned < all => 0,
                Basis::Layer(_) if spec.is_allowance() && is_whole => counted,
                Basis::Spend | Basis::Layer(_) => total(&spec.basis, &given),
                Basis::Requests | Basis::Units => 0,
            };
            self.trim(&mut open.counted, at, counted - back, now);
        }
        self.open.insert(charge, open);
    }
}
