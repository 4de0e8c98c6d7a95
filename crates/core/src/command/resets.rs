//! Banked resets: tokens that clear windows when they are redeemed; and periods that are closed by hand.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use super::draft::Draft;
use super::history::{History, Stop};
use crate::account::RESETS_MAX;
use crate::catalog::Plan;
use crate::record::{Cleared, CycleEvent, Instant, Label, Level, Name, Once, Path, ResetTerms, Seq, Span};
use crate::waterfall::{Context, Refusal};
use crate::window::Used;

/// How long a banked reset can be redeemed.
const RESET_LIFE: Span = Span::from_secs(30 * 86_400);

/// Banks a reset; without an expiry it can be redeemed for 30 days.
pub(super) fn bank(
    ctx: Context<'_>,
    windows: &[Name],
    expires_at: Option<Instant>,
    reference: Option<Label>,
) -> Result<Draft, Refusal> {
    let expires_at = expires_at.unwrap_or(ctx.now.after(RESET_LIFE));
    if expires_at <= ctx.now {
        return Err(Refusal::BadExpiry);
    }
    if ctx.account.rare().resets.iter().filter(|r| r.terms.expires_at > ctx.now).count() >= RESETS_MAX {
        return Err(Refusal::AccountFull);
    }
    let plan = ctx.plan()?;
    if windows.is_empty() {
        return Err(Refusal::NoWindows);
    }
    let unknown: Vec<Name> = windows.iter().filter(|w| plan.resettable(w).is_none()).cloned().collect();
    if !unknown.is_empty() {
        return Err(Refusal::UnknownWindows(unknown));
    }
    let terms = ResetTerms { windows: windows.to_vec(), expires_at, reference };
    Ok(Draft::of_cycle(CycleEvent::Banked(terms)))
}

/// Redeems a banked reset: `reset`, or, of those that would clear something, the first to expire. If there is nothing to
/// cleared, the reset stays.
pub(super) fn redeem(
    ctx: Context<'_>,
    reset: Option<Seq>,
    (path, reason): (&Path, &Option<Label>),
    history: &History,
) -> Result<Draft, Stop> {
    if let Some(reset) = reset
        && let Some(by) = history.once(ctx, Once::Redeems(reset))?
    {
        return Err(Refusal::AlreadyRedeemed(reset, by.seq).into());
    }
    let plan = ctx.plan()?;
    let seated = ctx.account.seated(path);
    let path = seated.as_ref().unwrap_or(path);
    let resets = ctx.account.rare().resets.iter();
    let mut usable: Vec<_> = resets
        .filter(|r| r.terms.expires_at > ctx.now && reset.is_none_or(|wanted| wanted == r.id))
        .collect();
    usable.sort_by_key(|r| (r.terms.expires_at, r.id));
    if usable.is_empty() {
        return Err(Refusal::NoReset.into());
    }
    for reset in usable {
        let cleared = cleared(ctx, plan, &reset.terms.windows, path);
        if !cleared.is_empty() {
            let (path, reason) = (path.clone(), reason.clone());
            let event = CycleEvent::Redeemed { reset: reset.id, path, cleared, reason };
            return Ok(Draft::of_cycle(event).following(reset.id));
        }
    }
    Err(Refusal::NothingToReset.into())
}

/// What a reset of these windows clears for a path.
fn cleared(ctx: Context<'_>, plan: &Plan, windows: &[Name], path: &Path) -> Vec<Cleared> {
    let used = |name: &Name| {
        let (level, closes) = plan.resettable(name)?;
        let used = ctx.account.window(name, level, path).filter(|u| u.is_open(ctx.now));
        let used = used.and_then(Used::period).map(|p| p.used).filter(|used| *used > 0)?;
        Some(Cleared { name: name.clone(), level, used, closes })
    };
    windows.iter().filter_map(used).collect()
}

/// Whether a reset of these windows would clear something for the account itself.
#[must_use]
pub fn would_clear(ctx: Context<'_>, windows: &[Name]) -> bool {
    ctx.plan().is_ok_and(|plan| !cleared(ctx, plan, windows, &Path::default()).is_empty())
}

/// Closes the periods of windows that end when they are closed. The next ones begin, whether anything was used or not.
pub(super) fn close_periods(
    ctx: Context<'_>,
    windows: &[Name],
    path: &Path,
    reason: Option<Label>,
) -> Result<Draft, Refusal> {
    let plan = ctx.plan()?;
    if windows.is_empty() {
        return Err(Refusal::NoWindows);
    }
    let seated = ctx.account.seated(path);
    let path = seated.as_ref().unwrap_or(path);
    if let Some(seat) = path.at(Level::Seat).filter(|seat| ctx.account.seat(seat).is_none()) {
        return Err(Refusal::UnknownSeat(seat.clone()));
    }
    let once: BTreeSet<&Name> = windows.iter().collect();
    let closed = once.into_iter().map(|name| {
        let (level, pays) = plan.closable(name).ok_or_else(|| Refusal::NotClosable(name.clone()))?;
        if pays && level.contains(Level::Seat) && path.at(Level::Seat).is_none() {
            return Err(Refusal::ClosesPerSeat(name.clone()));
        }
        let used = ctx.account.window(name, level, path);
        if used.is_none() && ctx.account.is_full(ctx.now) {
            return Err(Refusal::AccountFull);
        }
        let used = used.and_then(Used::period).map_or(0, |period| period.used_at(ctx.now));
        Ok(Cleared { name: name.clone(), level, used, closes: false })
    });
    let closed = closed.collect::<Result<Vec<_>, _>>()?;
    Ok(Draft::of_cycle(CycleEvent::PeriodsClosed { path: path.clone(), closed, reason }))
}
