//! Layers of the waterfall: allowances, grants, a shared pool, postpaid credits, an overdraft.

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::amounts::credits;
use super::draft::Draft;
use super::extend::{LayerPart, WindowPart};
use super::guards::enforced_for;
use super::walk::Check;
use super::windows::{calendar, window};
use crate::catalog::feature::Feature;
use crate::catalog::names::A_LEVEL;
use crate::catalog::plan::{Categories, Layer, Pool, WindowTerms};
use crate::catalog::share::Share;
use crate::catalog::source::{LayerSource, PoolCapSource, WindowSource};
use crate::record::{Category, Every, Level, Levels, Name, Periods, Unit};

/// Puts a layer into the programs of the features it pays for.
pub(super) fn add_layer<'a>(part: &'a LayerPart<'a>, draft: &mut Draft<'_>, check: &mut Check<'a>) {
    let (features, layer) = layer(part, draft, check);
    let Some(layer) = layer else { return };
    let pays_credits = !matches!(layer, Layer::Allowance { .. });
    // A feature without prices never needs credits.
    let is_needed = |feature: &&Feature| feature.card.is_some() || !pays_credits;
    if let Layer::Allowance { level, windows, .. } = &layer
        && !features.is_empty()
    {
        windows.iter().for_each(|(name, window)| draft.add_window(name, *level, window));
    }
    let layer = Arc::new(layer);
    let work = check.work();
    for feature in work.each(features).filter(is_needed) {
        draft.add_layer(feature, &layer);
    }
}

/// A layer, and the features it pays for.
fn layer<'a, 'f>(
    part: &'a LayerPart<'a>,
    draft: &Draft<'f>,
    check: &mut Check<'a>,
) -> (Vec<&'f Feature>, Option<Layer>) {
    match &*part.shape {
        LayerSource::Allowance { name, features, per, windows: _ } => check.key("allowance", |c| {
            let features = draft.scope(features.as_ref(), c);
            let layer = allowance(name, *per, &part.windows, &features, c);
            check_allowance_order(name, &features, draft, c);
            (features, layer)
        }),
        LayerSource::Grants { name, categories } => {
            let categories = Categories::new(categories.as_deref().unwrap_or(&Category::ALL));
            (draft.all(), Some(Layer::Grants { name: name.clone(), categories, pool: None }))
        }
        LayerSource::Pool { name, categories, member, unit, cap } => check.key("pool", |c| {
            let paid = [Category::Purchased, Category::Contract];
            let categories = Categories::new(categories.as_deref().unwrap_or(&paid));
            let pool = pool(*member, cap.as_ref(), c);
            (draft.priced_in(unit.as_ref()), Some(Layer::Grants { name: name.clone(), categories, pool }))
        }),
        LayerSource::Postpaid { name, unit, limit, every, zone, anchor, unpaid } => {
            check.key("postpaid", |c| {
                let limit = credits("limit", limit, c).nano();
                if matches!(every, Periods::Life | Periods::Manual) {
                    c.wrong_at(
                        "every",
                        "an invoice closes each period at its end",
                        "write for example \"month\"",
                    );
                }
                let calendar = calendar(*every, zone.as_ref(), *anchor, c);
                let layer = calendar.map(|calendar| {
                    let window = WindowTerms::Fixed { limit, calendar };
                    Layer::Postpaid { name: name.clone(), window, unpaid: *unpaid }
                });
                (draft.priced_in(unit.as_ref()), layer)
            })
        }
        LayerSource::Overdraft { name, unit, limit } => check.key("overdraft", |c| {
            let limit = credits("limit", limit, c);
            (draft.priced_in(unit.as_ref()), Some(Layer::Overdraft { name: name.clone(), limit }))
        }),
    }
}

fn allowance<'a>(
    name: &Name,
    per: Option<Levels>,
    windows: &'a [WindowPart<'a>],
    features: &[&Feature],
    check: &mut Check<'a>,
) -> Option<Layer> {
    let first = features.first()?;
    check_one_unit(first, features, check);
    if let Some(unrecorded) = features.iter().find(|f| !f.ledger) {
        check.wrong(
            format_args!("feature `{}` is not recorded, so nothing pays for it", unrecorded.name),
            "leave it out of `features`",
        );
    }
    let windows = check.key("windows", |c| allowance_windows(name, windows, &first.unit, c));
    Some(Layer::Allowance { name: name.clone(), level: per.unwrap_or(Levels::ACCOUNT), windows })
}

/// An allowance counts in one unit, that of its first feature.
fn check_one_unit<'a>(first: &Feature, features: &[&Feature], check: &mut Check<'a>) {
    if let Some(other) = features.iter().find(|f| f.unit != first.unit) {
        check.wrong(
            format_args!("`{}` and `{}` count allowances in different units", first.name, other.name),
            "make one allowance for each, or give them the same allowance_unit",
        );
    }
    if let Some(other) =
        features.iter().find(|f| f.unit == Unit::Credits && f.credit_unit != first.credit_unit)
    {
        check.wrong(
            format_args!("`{}` and `{}` are priced in different units of credits", first.name, other.name),
            "make one allowance for each",
        );
    }
}

fn allowance_windows<'a>(
    allowance: &Name,
    parts: &'a [WindowPart<'a>],
    unit: &Unit,
    check: &mut Check<'a>,
) -> Vec<(Name, WindowTerms)> {
    if parts.is_empty() {
        check.wrong("an allowance needs a window", "add one with `fixed` or `first_use`");
    }
    let mut compiled: Vec<(Name, WindowTerms)> = Vec::new();
    for part in parts {
        let shape = &*part.shape;
        check.at(part.path(), |c| {
            check_refills(&shape.window, c);
            let Ok(joined) = Name::joined(allowance, &shape.name) else {
                c.wrong("the names of allowance and window together are too long", "shorten one");
                return;
            };
            if let Some(window) = c.key("window", |c| window(&shape.window, unit, c)) {
                compiled.push((joined, window));
            }
        });
    }
    compiled
}

fn check_refills<'a>(window: &'a WindowSource, check: &mut Check<'a>) {
    if !matches!(window, WindowSource::Fixed { .. } | WindowSource::FirstUse { .. }) {
        let what = "an allowance refills by `fixed` or `first_use` windows";
        check.wrong_at("window", what, "use one of them, or make this a guard");
    }
}

/// After credits have paid a part, the rest is not a whole number of a meter: allowances in a meter come first.
fn check_allowance_order<'a>(name: &Name, features: &[&Feature], draft: &Draft<'_>, check: &mut Check<'a>) {
    for feature in features.iter().filter(|f| matches!(f.unit, Unit::Meter(_))) {
        let pays_credits = |layer: &Layer| !matches!(layer, Layer::Allowance { .. });
        if draft.program(feature).is_some_and(|p| p.layers().any(pays_credits)) {
            check.wrong(
                format_args!(
                    "allowance `{name}` counts a meter of `{}` but comes after a source of credits",
                    feature.name
                ),
                "move it before the sources of credits",
            );
        }
    }
}

fn pool<'a>(member: Option<Levels>, cap: Option<&'a PoolCapSource>, check: &mut Check<'a>) -> Option<Pool> {
    let member = member.unwrap_or(Levels::one(Level::User));
    if member == Levels::ACCOUNT {
        let what = "the account is not a member of itself";
        check.wrong_at("member", what, A_LEVEL);
    }
    let Some(cap) = cap else {
        // Caps that an account sets for its own members still need a window.
        let window = calendar(Periods::Every(Every::Month, 1), None, None, check)?;
        return Some(Pool { member, default_cap: None, window, enforced_for: Share::percent(100) });
    };
    check.key("cap", |c| {
        let default_cap = cap.default.as_ref().map(|text| credits("default", text, c));
        let window = calendar(cap.every, cap.zone.as_ref(), cap.anchor, c)?;
        let enforced_for = enforced_for(cap.mode, cap.accounts_percent, c);
        Some(Pool { member, default_cap, window, enforced_for })
    })
}
