//! Supplies: a request that everything else allows still needs room in a supply, or waits for it.

use super::run::{Postponed, Run};
use crate::record::{Basis, Levels, Outcome, Reason, Verdict, Visit, VisitKind};

impl Run<'_, '_> {
    /// The last condition, so that no request waits for room that it could not pay for.
    #[inline]
    pub(super) fn supply(&mut self) {
        let offers = self.scene.offers;
        if !self.is_granted() || offers.is_empty() {
            return;
        }
        let taken = offers.iter().position(|offer| offer.fits);
        for (i, offer) in offers.iter().enumerate().take(taken.map_or(offers.len(), |at| at + 1)) {
            let verdict = match taken {
                Some(at) if at == i => Verdict::Passed,
                Some(_) => Verdict::Empty,
                None if offer.too_large => Verdict::Refused(Reason::ExceedsCapacity),
                None => Verdict::Refused(Reason::Capacity),
            };
            let passed = verdict == Verdict::Passed;
            let signed = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
            self.visits.push(Visit {
                kind: VisitKind::Supply,
                name: offer.supply.clone(),
                level: Levels::ACCOUNT,
                verdict,
                terms: None,
                before: signed(offer.used),
                cost: if passed { signed(offer.cost) } else { 0 },
                basis: Basis::InFlight(if passed { offer.in_flight } else { 0 }),
                overridden_by: None,
                mark: None,
            });
        }
        if taken.is_some() {
            return;
        }
        // Waiting helps only if some supply could ever hold it.
        let (outcome, reason) = if offers.iter().all(|offer| offer.too_large) {
            (Outcome::Deny, Reason::ExceedsCapacity)
        } else {
            (Outcome::Wait, Reason::Capacity)
        };
        let at = offers.iter().filter(|offer| !offer.too_large).filter_map(|offer| offer.at).min();
        self.postponed = Some(Postponed { outcome, reason, at });
    }
}
