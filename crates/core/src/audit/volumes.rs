//! Graduated prices: lines stand where the volume is, and its close is what is due.
//!
//! Units: billed units; nano-credits.

use super::finding::{Dataset, Findings};
use super::lines::{billed, cost, priced_by};
use crate::account::{Account, Hold};
use crate::record::{Credits, CycleEvent, Draw, Event, Graduated, PriceFactor, Record, Use};

/// Lines stand at the end of what was used before them, holds before or after all that is held; closes are what is due.
pub(super) fn check_volumes(record: &Record, before: &Account, found: &mut Findings) {
    if let Event::Cycle(cycle) = &record.event
        && let CycleEvent::VolumeClosed(closed) = &**cycle
    {
        let volume = before.volume(&closed.volume, closed.from);
        let paid = volume.map_or(0, |volume| volume.paid.nano());
        let back = closed.due.nano().saturating_neg().clamp(0, paid.max(0));
        if closed.back.nano() != back {
            found.push((Dataset::Balance, "what comes back is not what was paid too much".into()));
        }
        let is_it = volume
            .is_some_and(|v| (v.used, v.until, v.due.rounded()) == (closed.used, closed.until, closed.due));
        if !is_it {
            found.push((
                Dataset::Monetization,
                "it closes a volume at another price than its use comes to".into(),
            ));
        }
        return;
    }
    if let Event::Authorized { usage, .. } | Event::Extended { usage, .. } = &record.event {
        let more = matches!(record.event, Event::Authorized { .. });
        if let Event::Extended { hold, decision, .. } = &record.event {
            check_covered(before.hold(*hold), usage, &decision.draws, found);
        }
        check(usage, before, found, |of, used, held| {
            of.at == used && (of.to == used.saturating_add(held) || !more && of.to >= of.at)
        });
    } else if let Event::Corrected { .. } = &record.event {
        // It keeps the position of the charge.
    } else if let Some(charge) = record.charge() {
        let expires = matches!(record.event, Event::Expired { .. });
        check(&charge.usage, before, found, |of, used, _| of.at == of.to && (of.at == used || expires));
        let due = charge
            .usage
            .lines
            .iter()
            .filter_map(|line| line.graduated.as_ref()?.closes.map(|closes| (line, closes)));
        for (line, closes) in due {
            let of = line.graduated.as_ref();
            let volume = of.and_then(|of| before.volume(&of.volume, of.from));
            if volume.map_or(Credits::ZERO, |volume| volume.owed().rounded()) != closes {
                found.push((
                    Dataset::Monetization,
                    "it closes a volume at another price than its use comes to".into(),
                ));
            }
        }
    }
}

/// What a hold has set aside pays for all of its units at each position that they may have.
fn check_covered(hold: Option<&Hold>, more: &Use, draws: &[Draw], found: &mut Findings) {
    let Some(hold) = hold.filter(|_| more.lines.iter().any(|line| line.graduated.is_some())) else { return };
    let mut all = hold.usage.clone();
    let sum = match all.grow(more) {
        Ok(()) => all.lines.iter().map(cost).try_fold(0_i128, |sum, cost| sum.checked_add(cost?)),
        Err(_) => None,
    };
    let price = sum.and_then(|sum| {
        all.factor.map_or(Some(sum), |factor| priced_by(PriceFactor { ahead: None, ..factor }, sum))
    });
    let set_aside: i128 = hold.draws.iter().chain(draws).map(|draw| i128::from(draw.worth)).sum();
    if price.is_none_or(|price| price > set_aside) {
        found.push((Dataset::Monetization, "its hold does not cover what its units may cost".into()));
    }
}

fn check(
    usage: &Use,
    before: &Account,
    found: &mut Findings,
    is_there: impl Fn(&Graduated, u64, u64) -> bool,
) {
    for (nth, line) in usage.lines.iter().enumerate() {
        let Some(of) = &line.graduated else { continue };
        let earlier = usage.lines.iter().take(nth);
        let same = earlier
            .filter(|l| l.graduated.as_ref().is_some_and(|g| (&g.volume, g.from) == (&of.volume, of.from)));
        let own: i128 = same.map(billed).sum();
        let volume = before.volume(&of.volume, of.from);
        let used = i128::from(volume.map_or(0, |volume| volume.used)) + own;
        let held = volume.map_or(0, |volume| volume.held);
        if !u64::try_from(used).is_ok_and(|used| is_there(of, used, held)) {
            found.push((Dataset::Usage, alloc::format!("it does not stand where `{}` is", of.volume)));
        }
    }
}
