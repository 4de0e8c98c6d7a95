//! Volumes of graduated prices: what a correction moves in them, and the close of their periods.

use alloc::boxed::Box;
use alloc::vec::Vec;

use smallvec::SmallVec;

use super::credits::repay;
use super::draft::{Draft, Moves, own_grant};
use super::receipts::{Happened, charge_happened};
use crate::account::{Account, Volume};
use crate::record::{
    Book, Category, Credits, CycleEvent, Event, ExactCredits, Graduated, GrantTerms, Instant, Line,
    Overshoot, Path, Priced, Use, VolumeClosed, VolumeShift, WHOLE_PRICE,
};
use crate::waterfall::{Context, Refusal};

/// How a correction moves the use of volumes. A charge keeps its position, so its own price goes by that; what the units are worth at
/// the end of what was used so far is due when the period closes.
pub(super) fn shifts(account: &Account, was: &Use, is: &Use) -> Result<Shifts, Refusal> {
    let mut shifts = Shifts::default();
    let mut add = |line: &Line, of: &Graduated, factor: u64, (before, after): (u64, u64)| {
        let Some(volume) = account.volume(&of.volume, of.from) else { return Some(()) };
        let moved = shifts.of(of).units;
        let units = i64::try_from(after).ok()?.checked_sub(i64::try_from(before).ok()?)?;
        let from = volume.used.checked_add_signed(moved)?;
        let to = from.checked_add_signed(units)?;
        let at_the_end = line.price_at(0, to) - line.price_at(0, from);
        let in_place = line.price_at(of.at, after) - line.price_at(of.at, before);
        let due = ExactCredits::of(at_the_end - in_place, factor)?;
        let shift = shifts.of(of);
        (shift.units, shift.due) = (moved + units, shift.due.checked_add(due)?);
        Some(())
    };
    let factor = |usage: &Use| usage.factor.map_or(WHOLE_PRICE, |factor| factor.billionths);
    for line in &was.lines {
        let Some(of) = &line.graduated else { continue };
        let stays = is.lines.iter().any(|now| is_same(now, line));
        if !stays {
            add(line, of, factor(was), (line.billed(), 0)).ok_or(Refusal::TooLarge)?;
        }
    }
    for line in &is.lines {
        let Some(of) = &line.graduated else { continue };
        let before = was.lines.iter().find(|had| is_same(had, line)).map_or(0, Line::billed);
        add(line, of, factor(is), (before, line.billed())).ok_or(Refusal::TooLarge)?;
    }
    Ok(shifts)
}

/// What a refund gives back of what was paid for graduated prices.
pub(super) fn given_back(
    account: &Account,
    usage: &Use,
    amount: Credits,
) -> Result<Vec<VolumeShift>, Refusal> {
    let mut shifts = Shifts::default();
    shifts.pay(account, usage, Credits::ZERO.checked_sub(amount).ok_or(Refusal::TooLarge)?)?;
    Ok(shifts.close())
}

/// What a record moves in volumes.
#[derive(Default)]
pub(super) struct Shifts(Vec<VolumeShift>);

impl Shifts {
    fn of(&mut self, of: &Graduated) -> &mut VolumeShift {
        let known = self.0.iter().position(|shift| of.is_of(&shift.volume, shift.from));
        let at = known.unwrap_or_else(|| {
            self.0.push(VolumeShift::of(of));
            self.0.len() - 1
        });
        self.0.get_mut(at).unwrap_or_else(|| unreachable!("it is known, or was pushed"))
    }

    /// Adds what credits pay for a use, where the period is still known.
    pub(super) fn pay(&mut self, account: &Account, usage: &Use, amount: Credits) -> Result<(), Refusal> {
        for (_, of, part) in usage.shares(amount) {
            if account.volume(&of.volume, of.from).is_some() {
                let paid = &mut self.of(of).paid;
                *paid = paid.checked_add(part).ok_or(Refusal::TooLarge)?;
            }
        }
        Ok(())
    }

    /// What closes charge as soon as it is written, in periods that have ended.
    pub(super) fn due_at_once(&self, ctx: Context<'_>) -> Credits {
        let due = |shift: &VolumeShift| {
            let volume = ctx.account.volume(&shift.volume, shift.from)?;
            let is_over = volume.until <= ctx.now && volume.held == 0;
            let paid = volume.paid.checked_add(shift.paid)?;
            let due = volume.due.checked_add(shift.due)?.or_below_zero(paid).rounded();
            Some(due).filter(|due| is_over && due.is_positive())
        };
        self.0.iter().filter_map(due).fold(Credits::ZERO, |sum, due| sum.checked_add(due).unwrap_or(sum))
    }

    /// All that moves.
    pub(super) fn close(self) -> Vec<VolumeShift> {
        let moves = |shift: &VolumeShift| shift.units != 0 || !shift.due.is_zero() || !shift.paid.is_zero();
        self.0.into_iter().filter(moves).collect()
    }
}

/// Whether two lines are the same meter of the same part, and count in the same period of a volume.
fn is_same(a: &Line, b: &Line) -> bool {
    let (Some(of), Some(other)) = (&a.graduated, &b.graduated) else { return false };
    (a.part, &a.meter) == (b.part, &b.meter) && of.is_of(&other.volume, other.from)
}

/// Closes the period of a volume: what its price is beyond its charges is charged, what it is below comes back as a grant.
pub(crate) fn volume_due(ctx: Context<'_>, at: usize) -> Option<Draft> {
    let volume = ctx.account.volumes().get(at)?;
    let owed = volume.owed().rounded();
    let draft = if owed.is_positive() { charged(ctx, volume, owed) } else { None };
    let draft = draft.unwrap_or_else(|| closed(ctx, volume, volume.due.rounded()));
    Some(Draft { effective_at: Some(last_instant(ctx, volume)), unit: volume.unit.clone(), ..draft })
}

/// It belongs to the period that it closes.
fn last_instant(ctx: Context<'_>, volume: &Volume) -> Instant {
    Instant::from_micros(volume.until.micros().saturating_sub(1)).min(ctx.now)
}

/// `None`: nobody can be charged any more.
fn charged(ctx: Context<'_>, volume: &Volume, due: Credits) -> Option<Draft> {
    let feature = ctx.feature(&volume.feature).ok().filter(|feature| feature.credit_unit == volume.unit)?;
    let standing = Graduated {
        volume: volume.name.clone(),
        from: volume.from,
        until: volume.until,
        at: volume.used,
        to: volume.used,
        steps: Vec::new(),
        closes: Some(due),
        grows: None,
    };
    let line =
        Line { meter: volume.meter.clone(), graduated: Some(Box::new(standing)), ..Line::of_requests(0) };
    let usage = Use {
        feature: feature.name.clone(),
        path: Path::default(),
        dimensions: SmallVec::new(),
        lines: SmallVec::from_iter([line, Line::of_requests(0)]),
        unit: feature.unit.clone(),
        card: None,
        catalog: ctx.catalog.version.clone(),
        credit_unit: volume.unit.clone(),
        unpriced: false,
        factor: None,
        more: Vec::new(),
    };
    let overshoot = match feature.overshoot {
        // The use has been accepted before.
        Overshoot::Reject => Overshoot::Refund,
        rule @ (Overshoot::Refund | Overshoot::Debt | Overshoot::DebtUpTo(_) | Overshoot::Goodwill) => rule,
    };
    let happened = Happened { at: last_instant(ctx, volume), overshoot, consented: true };
    let (charge, decision) = charge_happened(ctx, happened, &Priced::from(&usage)).ok()?;
    let moves = Moves::of_draws(volume.unit.as_ref(), &charge.draws, Book::Spent);
    Some(Draft::moving(Event::Charged { charge: Box::new(charge), decision, said_at: None }, moves))
}

fn closed(ctx: Context<'_>, volume: &Volume, due: Credits) -> Draft {
    let Volume { name, from, until, used, .. } = volume.clone();
    let mut moves = Moves::new(volume.unit.clone());
    let back = volume.back();
    let terms = GrantTerms::plain(back, Category::Purchased, (ctx.now, Instant::NEVER), volume.unit.as_ref());
    moves.make_up(ctx, Book::Operator, back, terms);
    repay(ctx, &mut moves, own_grant(ctx), back);
    let event = CycleEvent::VolumeClosed(VolumeClosed { volume: name, from, until, used, due, back });
    Draft::moving(Event::Cycle(Box::new(event)), moves)
}
