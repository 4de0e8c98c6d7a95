//! The view of an account for people: its windows with their limits, from all of its keys and users.
//!
//! Never changes anything; as cheap as the number of windows the plan and the account have.

use alloc::collections::BTreeSet;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::account::{Account, CountedWindow, Increase, Overriding, Seat};
use crate::catalog::source::Unpaid;
use crate::catalog::{Count, Layer, Program, WindowTerms};
use crate::command::billed_windows;
use crate::record::{
    CREDITS, Credits, Instant, Levels, Name, Override, Path, REQUESTS, Seq, Terms, Unit, own_unit,
};
use crate::waterfall::{Context, Refusal};
use crate::window::Used;

/// A window with its limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WindowView {
    /// The guard, `allowance.window`, or pool.
    pub name: Name,
    /// The level it counts at, or several together.
    pub level: Levels,
    /// The member it belongs to: the part of the path at its levels.
    pub member: Option<Path>,
    /// The limit, in `unit`; credits in nano-credits.
    pub limit: i64,
    /// Its use.
    pub used: i64,
    /// Its remainder; never negative.
    pub remaining: i64,
    /// `requests`, `holds`, a meter, meters joined by `+`, or a unit of credits.
    pub unit: String,
    /// Whether it counts nano-credits.
    pub is_credits: bool,
    /// When an open calendar or first-use window closes.
    pub resets_at: Option<Instant>,
    /// The override that its limit comes from.
    pub overridden_by: Option<Seq>,
}

/// The overrides in force, and whether the figure of each is in credits.
#[must_use]
pub fn overrides(ctx: Context<'_>) -> Vec<(Overriding, bool)> {
    let all = ctx.account.rare().overrides.iter();
    let in_force = all.filter(|o| o.is_in_force(ctx.now));
    in_force.map(|o| (o.clone(), is_credits(ctx, &o.terms))).collect()
}

/// The requests for higher limits, and whether the figure of each is in credits.
#[must_use]
pub fn increases(ctx: Context<'_>) -> Vec<(Increase, bool)> {
    let all = ctx.account.rare().increases.iter();
    all.map(|increase| (increase.clone(), is_credits(ctx, &increase.terms))).collect()
}

/// The seats, by name.
#[must_use]
pub fn seats(ctx: Context<'_>) -> Vec<Seat> {
    ctx.account.rare().seats.clone()
}

/// Whether a figure is in credits: as it was given, even if the account has another plan now.
fn is_credits(ctx: Context<'_>, of: &Override) -> bool {
    of.is_credits.unwrap_or_else(|| {
        let limit = ctx.plan().ok().and_then(|plan| plan.limit(&of.limit));
        limit.is_some_and(|(is_credits, _)| is_credits)
    })
}

/// The account as it would be if it were resumed now: one that is paused without a planned end has no instants to come that
/// are known. `None`: it is not paused so.
#[must_use]
pub fn as_if_resumed(ctx: Context<'_>) -> Option<Account> {
    ctx.account.resumed(&billed_windows(ctx), ctx.now)
}

/// The windows of the account's plan: those of the account itself always, those of members that have used something.
///
/// # Errors
/// Refuses an account whose plan the catalog does not know.
pub fn windows(ctx: Context<'_>) -> Result<Vec<WindowView>, Refusal> {
    let plan = ctx.plan()?;
    let mut shown = Shown { windows: Vec::new(), names: BTreeSet::new() };
    for program in plan.programs() {
        add_program(ctx, program, &mut shown);
    }
    Ok(shown.windows)
}

/// The windows shown so far. Features of a plan share windows; each is shown once.
struct Shown<'a> {
    windows: Vec<WindowView>,
    names: BTreeSet<&'a Name>,
}

fn add_program<'a>(ctx: Context<'a>, program: &'a Program, shown: &mut Shown<'a>) {
    let credits = || Counts::Credits(program.credit_unit.as_ref().map_or(CREDITS, Name::as_str).to_string());
    for guard in program.guards() {
        let unit = match &guard.count {
            Count::Slot => Counts::Units("holds".to_string()),
            Count::Requests => Counts::Units(REQUESTS.to_string()),
            Count::Meters(meters) | Count::Size(meters) => {
                Counts::Units(meters.iter().map(Name::as_str).collect::<Vec<_>>().join("+"))
            }
            Count::Spend | Count::Price => credits(),
        };
        add(ctx, &guard.name, guard.level, &guard.window, &unit, shown);
    }
    for layer in program.layers() {
        match layer {
            Layer::Allowance { level, windows, .. } => {
                let unit = match &program.unit {
                    Unit::Credits => credits(),
                    Unit::Requests => Counts::Units(REQUESTS.to_string()),
                    Unit::Meter(meter) => Counts::Units(meter.to_string()),
                };
                for (name, window) in windows {
                    add(ctx, name, *level, window, &unit, shown);
                }
            }
            Layer::Grants { name, pool: Some(pool), .. } => {
                let cap = pool.default_cap.map_or(i64::MAX, |c| c.nano());
                let window = WindowTerms::Fixed { limit: cap, calendar: pool.window.clone() };
                add(ctx, name, pool.member, &window, &Counts::Capped(credits().into_name()), shown);
            }
            Layer::Postpaid { name, window, unpaid } => {
                let unit = Counts::Lent(credits().into_name(), program.credit_unit.clone(), *unpaid);
                add(ctx, name, Levels::ACCOUNT, window, &unit, shown);
            }
            Layer::Grants { pool: None, .. } | Layer::Overdraft { .. } => {}
        }
    }
}

/// The unit of a window.
enum Counts {
    Units(String),
    Credits(String),
    /// Credits that are lent, less those of unpaid invoices.
    Lent(String, Option<Name>, Unpaid),
    /// Credits of a pool, for which a member or its team may have its own cap.
    Capped(String),
}

impl Counts {
    fn into_name(self) -> String {
        match self {
            Self::Units(unit) | Self::Credits(unit) | Self::Capped(unit) | Self::Lent(unit, ..) => unit,
        }
    }
}

fn add<'a>(
    ctx: Context<'_>,
    name: &'a Name,
    level: Levels,
    window: &WindowTerms,
    unit: &Counts,
    shown: &mut Shown<'a>,
) {
    if !shown.names.insert(name) {
        return;
    }
    let out = &mut shown.windows;
    let of_guard = ctx.account.windows.iter().filter(|w| w.name == *name && w.level == level);
    let states = of_guard.filter(|w| w.member.is_none() || w.used.is_open(ctx.now));
    let mut seen_own = false;
    for state in states {
        seen_own |= state.member.is_none();
        let window = capped(ctx, state, window, unit);
        out.push(view(ctx, name, (level, Some(state)), &window, unit));
    }
    if !seen_own && level == Levels::ACCOUNT {
        out.push(view(ctx, name, (level, None), window, unit));
    }
}

/// The cap that decisions use: that of the innermost segment, from the member outward, that has one; else the plan's.
fn capped(ctx: Context<'_>, state: &CountedWindow, window: &WindowTerms, unit: &Counts) -> WindowTerms {
    match (unit, window) {
        (Counts::Capped(pool_unit), WindowTerms::Fixed { limit, calendar }) => {
            let of = Name::new(pool_unit).ok();
            let (own, usual) = (own_unit(of.as_ref()), ctx.catalog.credit_unit());
            let limit = ctx
                .account
                .settings
                .pool_cap(state.path().segments(), own, usual)
                .map_or(*limit, Credits::nano);
            WindowTerms::Fixed { limit, calendar: calendar.clone() }
        }
        (Counts::Units(_) | Counts::Credits(_) | Counts::Capped(_) | Counts::Lent(..), _) => window.clone(),
    }
}

fn view(
    ctx: Context<'_>,
    name: &Name,
    (level, state): (Levels, Option<&CountedWindow>),
    window: &WindowTerms,
    unit: &Counts,
) -> WindowView {
    let used: Option<&Used> = state.map(|state| &state.used);
    let member = state.and_then(|state| state.member.as_deref().cloned());
    let path = state.map(CountedWindow::path).unwrap_or_default();
    let path = ctx.account.seated(&path).unwrap_or(path);
    let terms = window.terms(used, ctx.now, ctx.account.billing());
    let (terms, overridden_by) = match ctx.plan() {
        Ok(plan) => plan.own_terms(ctx.account, (name, terms), &path, ctx.now),
        Err(_) => ctx.account.own_terms((name, terms), &path, ctx.now),
    };
    let terms = match unit {
        Counts::Lent(_, unit, unpaid) => unpaid.on(terms, name, unit.as_ref(), ctx.account),
        Counts::Units(_) | Counts::Credits(_) | Counts::Capped(_) => terms,
    };
    let room = terms.room(used, ctx.now);
    let is_open = !matches!(window, WindowTerms::FirstUse { .. }) || room.used > 0;
    let resets_at = match terms {
        Terms::Period { end, .. } if is_open && end < Instant::NEVER => Some(end),
        Terms::Growth { end, .. } => Some(end),
        Terms::Period { .. }
        | Terms::Rate { .. }
        | Terms::Sliding { .. }
        | Terms::Slots { .. }
        | Terms::Habit { .. } => None,
    };
    WindowView {
        name: name.clone(),
        level,
        member,
        overridden_by,
        limit: room.capacity,
        used: room.used,
        remaining: room.free,
        unit: match unit {
            Counts::Units(unit) | Counts::Credits(unit) | Counts::Capped(unit) | Counts::Lent(unit, ..) => {
                unit.clone()
            }
        },
        is_credits: matches!(unit, Counts::Credits(_) | Counts::Capped(_) | Counts::Lent(..)),
        resets_at,
    }
}
