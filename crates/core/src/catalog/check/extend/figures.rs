//! `without` and `limits`: what a plan leaves out of what it takes over, and where it has another figure.

use alloc::collections::{BTreeMap, BTreeSet};

use super::part::{LayerPart, Place, Whole};
use crate::catalog::check::walk::Check;
use crate::catalog::names::one_of;
use crate::catalog::source::{Decimal, LayerSource, PlanSource, PoolCapSource, WindowSource};
use crate::record::{Every, Name, Periods};

/// Something that a plan takes over.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Taken {
    Guard(usize),
    Layer(usize),
    Window(usize, usize),
}

/// Leaves out and changes what the shape says; each name must be of something that is taken over.
pub(super) fn figures<'a>(shape: &'a PlanSource, whole: &mut Whole<'a>, check: &mut Check<'a>) {
    let work = check.work();
    let mut taken = taken(whole);
    let mut left_out = BTreeSet::new();
    check.key("without", |c| {
        for (i, name) in work.each(&shape.without).enumerate() {
            match taken.remove(name) {
                Some(part) => drop(left_out.insert(part)),
                None => c.item(i, |c| not_taken(name, &taken, c)),
            }
        }
    });
    check.key("limits", |c| {
        for (name, figure) in work.each(&shape.limits) {
            c.key(name.as_str(), |c| {
                match taken.get(name).filter(|part| !is_in_left_out(**part, &left_out)) {
                    Some(part) => set(*part, (whole.name, name, figure), whole, c),
                    None => not_taken(name, &taken, c),
                }
            });
        }
    });
    leave_out(whole, &left_out);
}

/// A window goes with its allowance.
fn is_in_left_out(part: Taken, left_out: &BTreeSet<Taken>) -> bool {
    matches!(part, Taken::Window(layer, _) if left_out.contains(&Taken::Layer(layer)))
}

fn not_taken<'a>(name: &Name, taken: &BTreeMap<Name, Taken>, check: &mut Check<'a>) {
    let what = format_args!("the plan takes over no guard, layer or window `{name}`");
    check.wrong(what, one_of(taken.keys()));
}

/// What the plan has and has not written out itself, by name.
fn taken(whole: &Whole<'_>) -> BTreeMap<Name, Taken> {
    let of = whole.name;
    let mut taken = BTreeMap::new();
    for (i, guard) in whole.guards.iter().enumerate().filter(|(_, g)| !g.place.is_written_in(of)) {
        taken.insert(guard.shape.name.clone(), Taken::Guard(i));
    }
    for (i, layer) in whole.layers.iter().enumerate() {
        if !layer.place.is_written_in(of) {
            taken.insert(layer.shape.name().clone(), Taken::Layer(i));
        }
        for (j, window) in layer.windows.iter().enumerate().filter(|(_, w)| !w.place.is_written_in(of)) {
            if let Ok(name) = Name::joined(layer.shape.name(), &window.shape.name) {
                taken.insert(name, Taken::Window(i, j));
            }
        }
    }
    taken
}

fn leave_out(whole: &mut Whole<'_>, left_out: &BTreeSet<Taken>) {
    if left_out.is_empty() {
        return;
    }
    let mut at = 0..;
    whole.guards.retain(|_| at.next().is_none_or(|i| !left_out.contains(&Taken::Guard(i))));
    for (i, layer) in whole.layers.iter_mut().enumerate() {
        let mut at = 0..;
        layer.windows.retain(|_| at.next().is_none_or(|j| !left_out.contains(&Taken::Window(i, j))));
    }
    let mut at = 0..;
    whole.layers.retain(|_| at.next().is_none_or(|i| !left_out.contains(&Taken::Layer(i))));
}

/// Gives one part another figure.
fn set<'a>(
    part: Taken,
    (plan, limit, figure): (&'a Name, &'a Name, &'a Decimal),
    whole: &mut Whole<'a>,
    check: &mut Check<'a>,
) {
    let place = Place::Figure { plan, limit };
    match part {
        Taken::Guard(i) => {
            let Some(guard) = whole.guards.get_mut(i) else { return };
            set_window(&mut guard.shape.to_mut().window, figure, check);
            guard.place = place;
        }
        Taken::Window(i, j) => {
            let Some(window) = whole.layers.get_mut(i).and_then(|layer| layer.windows.get_mut(j)) else {
                return;
            };
            set_window(&mut window.shape.to_mut().window, figure, check);
            window.place = place;
        }
        Taken::Layer(i) => {
            let Some(layer) = whole.layers.get_mut(i) else { return };
            set_layer(layer, place, figure, check);
        }
    }
}

fn set_layer<'a>(layer: &mut LayerPart<'a>, place: Place<'a>, figure: &Decimal, check: &mut Check<'a>) {
    match layer.shape.to_mut() {
        LayerSource::Pool { cap, .. } => match cap {
            Some(cap) => cap.default = Some(figure.clone()),
            None => {
                let default = Some(figure.clone());
                let every = Periods::Every(Every::Month, 1);
                let (zone, anchor, mode, accounts_percent) = (None, None, None, None);
                *cap = Some(PoolCapSource { default, every, zone, anchor, mode, accounts_percent });
            }
        },
        LayerSource::Postpaid { limit, .. } | LayerSource::Overdraft { limit, .. } => *limit = figure.clone(),
        LayerSource::Allowance { name, .. } => {
            let what = format_args!("the limits of the allowance `{name}` are those of its windows");
            return check.wrong(what, format_args!("write \"{name}.WINDOW\""));
        }
        LayerSource::Grants { name, .. } => {
            return check.wrong(format_args!("the layer `{name}` has no limit"), "remove it");
        }
    }
    layer.place = place;
}

fn set_window<'a>(window: &mut WindowSource, figure: &Decimal, check: &mut Check<'a>) {
    match window {
        WindowSource::Fixed { limit, .. }
        | WindowSource::FirstUse { limit, .. }
        | WindowSource::SpendCap { limit, .. } => *limit = figure.clone(),
        WindowSource::Growth { .. } => {
            let what = "the limit of a growth window follows from its use, so that it has no figure here";
            check.wrong(what, "leave the guard out with `without`, and write it anew");
        }
        WindowSource::Rate { limit, .. }
        | WindowSource::Sliding { limit, .. }
        | WindowSource::Size { limit }
        | WindowSource::Concurrency { limit } => match figure.0.parse() {
            Ok(whole) => *limit = whole,
            Err(_) => {
                let what = format_args!("`{}` is not a whole number from 0 to {}", figure.0, u64::MAX);
                check.wrong(what, "write for example 100");
            }
        },
    }
}
