//! A plan and what it takes over, put together part by part, by name.

use alloc::borrow::Cow;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use hashbrown::HashMap;

use super::figures::figures;
use super::part::{LayerPart, Part, Place, Whole, WindowPart};
use crate::catalog::check::walk::Check;
use crate::catalog::names::one_of;
use crate::catalog::source::{CatalogSource, Entry, LayerSource, PlanSource};
use crate::record::Name;

/// The plan with all that `base` and named lists give it.
pub(super) fn whole<'a>(
    source: &'a CatalogSource,
    (name, shape): (&'a Name, &'a PlanSource),
    base: Option<&Whole<'a>>,
    check: &mut Check<'a>,
) -> Whole<'a> {
    let guard = |place, shape| Part { place, shape: Cow::Borrowed(shape) };
    let guards = written((name, "guards"), &shape.guards, ("guards", &source.guards), guard, check);
    let lists = ("waterfalls", &source.waterfalls);
    let layers = written((name, "waterfall"), &shape.waterfall, lists, layer, check);
    let (lister, features) = match (&shape.features, base) {
        (Some(features), _) => (name, features.as_slice()),
        (None, Some(base)) => (base.lister, base.features),
        (None, None) => {
            check.wrong("the plan has no `features`", "add `features`, or the plan that it `extends`");
            (name, [].as_slice())
        }
    };
    let mut whole = Whole {
        name,
        features,
        lister,
        consent: shape.consent.or(base.map(|b| b.consent)).unwrap_or_default(),
        class: shape.class.as_ref().or(base.and_then(|b| b.class)),
        price_factor: shape.price_factor.as_ref().map(|f| (name, f)).or(base.and_then(|b| b.price_factor)),
        cost_max: shape.cost_max.or(base.and_then(|b| b.cost_max)),
        expired_draws: shape.expired_draws.or(base.map(|b| b.expired_draws)).unwrap_or_default(),
        in_debt: shape.in_debt.or(base.map(|b| b.in_debt)).unwrap_or_default(),
        warn_at: shape.warn_at.as_ref().map(|at| (name, at)).or(base.and_then(|b| b.warn_at)),
        seats: shape.seats.as_ref().map(|seats| (name, seats)).or(base.and_then(|b| b.seats)),
        guards: joined(
            base.map(|b| &b.guards),
            guards,
            |part| part.shape.name.clone(),
            |old, new| *old = new,
        ),
        layers: joined(base.map(|b| &b.layers), layers, |part| part.shape.name().clone(), LayerPart::replace),
    };
    if !shape.without.is_empty() || !shape.limits.is_empty() {
        figures(shape, &mut whole, check);
    }
    whole
}

/// The entries of a plan's list, those of named lists among them.
fn written<'a, T, P>(
    (plan, list): (&'a Name, &'static str),
    entries: &'a [Entry<T>],
    (lists, named): (&'static str, &'a BTreeMap<Name, Vec<T>>),
    part: impl Fn(Place<'a>, &'a T) -> P,
    check: &mut Check<'a>,
) -> Vec<P> {
    let work = check.work();
    let mut parts = Vec::new();
    for (at, entry) in work.each(entries).enumerate() {
        match entry {
            Entry::Own(shape) => parts.push(part(Place::Plan { plan, list, at }, shape)),
            Entry::List(name) => match named.get(name) {
                Some(shapes) => {
                    let shapes = work.each(shapes).enumerate();
                    parts
                        .extend(shapes.map(|(at, shape)| part(Place::List { list: lists, name, at }, shape)));
                }
                None => check.key(list, |c| {
                    let what = format_args!("there is no list `{name}` in `{lists}`");
                    c.item(at, |c| c.wrong(what, one_of(named.keys())));
                }),
            },
        }
    }
    parts
}

fn layer<'a>(place: Place<'a>, shape: &'a LayerSource) -> LayerPart<'a> {
    let windows = match shape {
        LayerSource::Allowance { windows, .. } => windows.as_slice(),
        LayerSource::Grants { .. }
        | LayerSource::Pool { .. }
        | LayerSource::Postpaid { .. }
        | LayerSource::Overdraft { .. } => &[],
    };
    let windows = windows.iter().enumerate();
    let windows = windows.map(|(at, shape)| WindowPart { place, at, shape: Cow::Borrowed(shape) }).collect();
    LayerPart { place, shape: Cow::Borrowed(shape), windows }
}

/// The parts of a base, each replaced where a written one has its name, then the other written ones.
fn joined<P: Clone>(
    base: Option<&Vec<P>>,
    written: Vec<P>,
    name: impl Fn(&P) -> Name,
    replace: impl Fn(&mut P, P),
) -> Vec<P> {
    let Some(base) = base.filter(|base| !base.is_empty()) else { return written };
    let mut all = base.clone();
    // A name that is written twice replaces once; the second is a problem of its own.
    let mut places: HashMap<Name, usize> = all.iter().enumerate().map(|(i, part)| (name(part), i)).collect();
    for part in written {
        let old = places.remove(&name(&part)).and_then(|at| all.get_mut(at));
        match old {
            Some(old) => replace(old, part),
            None => all.push(part),
        }
    }
    all
}

impl<'a> LayerPart<'a> {
    /// Takes the place of an older layer; an allowance keeps what the new one does not write.
    fn replace(&mut self, new: Self) {
        let windows = core::mem::take(&mut self.windows);
        let shape = match (&*new.shape, &*self.shape) {
            (
                LayerSource::Allowance { name, features, per, .. },
                LayerSource::Allowance { features: old_features, per: old_per, .. },
            ) => {
                let shape = LayerSource::Allowance {
                    name: name.clone(),
                    features: features.as_ref().or(old_features.as_ref()).cloned(),
                    per: per.or(*old_per),
                    windows: Vec::new(),
                };
                let same = |part: &WindowPart<'a>| part.shape.name.clone();
                let windows = joined(Some(&windows), new.windows, same, |old, new| *old = new);
                *self = Self { place: new.place, shape: Cow::Owned(shape), windows };
                return;
            }
            _ => new.shape,
        };
        *self = Self { place: new.place, shape, windows: new.windows };
    }
}
