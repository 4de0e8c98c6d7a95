//! A plan while it is compiled.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

use hashbrown::HashMap;

use super::walk::Check;
use crate::catalog::feature::Feature;
use crate::catalog::names::one_of;
use crate::catalog::plan::{Guard, Layer, Program, Programs, Resettable, WindowTerms};
use crate::record::{Levels, Name, own_unit};

/// The features a plan includes, and its program for each so far.
pub(super) struct Draft<'f> {
    included: BTreeMap<&'f Name, &'f Feature>,
    programs: BTreeMap<usize, Program>,
    guards: Vec<Arc<Guard>>,
    layers: Vec<Arc<Layer>>,
    resettable: Resettable,
}

/// What the parts of a plan come to.
pub(super) struct Compiled {
    /// By the index of the feature.
    pub(super) programs: Programs,
    /// Those that some program has, in the plan's order.
    pub(super) guards: Vec<Arc<Guard>>,
    pub(super) layers: Vec<Arc<Layer>>,
    /// The windows that a reset can clear.
    pub(super) resettable: Resettable,
}

/// Appends a part once: it comes for one feature after another.
fn note<T>(all: &mut Vec<Arc<T>>, part: &Arc<T>) {
    if !all.last().is_some_and(|last| Arc::ptr_eq(last, part)) {
        all.push(Arc::clone(part));
    }
}

impl<'f> Draft<'f> {
    /// A plan of these features with empty programs; names that no feature has are left out.
    pub(super) fn new(names: &'f [Name], features: &'f HashMap<Name, Feature>) -> Self {
        let included: BTreeMap<_, _> = names.iter().filter_map(|n| features.get(n).map(|f| (n, f))).collect();
        let program = |feature: &&Feature| {
            let (unit, credit_unit) = (feature.unit.clone(), feature.credit_unit.clone());
            (feature.index, Program { unit, credit_unit, guards: Vec::new(), layers: Vec::new() })
        };
        let programs = included.values().map(program).collect();
        Self { included, programs, guards: Vec::new(), layers: Vec::new(), resettable: BTreeMap::new() }
    }

    /// The features a guard or layer applies to: those it lists, or all of the plan.
    pub(super) fn scope<'a>(&self, listed: Option<&'a Vec<Name>>, check: &mut Check<'a>) -> Vec<&'f Feature> {
        let Some(listed) = listed else { return self.all() };
        let work = check.work();
        let mut out: BTreeMap<&Name, &Feature> = BTreeMap::new();
        check.key("features", |c| {
            for (i, name) in work.each(listed).enumerate() {
                match self.included.get_key_value(name) {
                    Some((name, feature)) if out.insert(name, feature).is_some() => {
                        let what = format_args!("feature `{name}` is listed twice");
                        c.item(i, |c| c.wrong(what, "remove one"));
                    }
                    Some(_) => {}
                    None => c.item(i, |c| {
                        let what = format_args!("the plan does not include `{name}`");
                        c.wrong(what, one_of(self.included.keys().copied()));
                    }),
                }
            }
        });
        out.into_values().collect()
    }

    /// All features of the plan.
    pub(super) fn all(&self) -> Vec<&'f Feature> {
        self.included.values().copied().collect()
    }

    /// The features whose prices are in this unit of credits.
    pub(super) fn priced_in(&self, unit: Option<&Name>) -> Vec<&'f Feature> {
        let unit = own_unit(unit);
        self.included.values().copied().filter(|f| f.credit_unit.as_ref() == unit).collect()
    }

    /// The program of a feature so far.
    pub(super) fn program(&self, feature: &Feature) -> Option<&Program> {
        self.programs.get(&feature.index)
    }

    /// Puts a guard into the program of a feature.
    pub(super) fn add_guard(&mut self, feature: &Feature, guard: &Arc<Guard>) {
        note(&mut self.guards, guard);
        self.programs.entry(feature.index).and_modify(|program| program.guards.push(Arc::clone(guard)));
    }

    /// Puts a layer into the program of a feature.
    pub(super) fn add_layer(&mut self, feature: &Feature, layer: &Arc<Layer>) {
        note(&mut self.layers, layer);
        self.programs.entry(feature.index).and_modify(|program| program.layers.push(Arc::clone(layer)));
    }

    /// Notes a window of a guard or layer that some program has.
    pub(super) fn add_window(&mut self, name: &Name, level: Levels, window: &WindowTerms) {
        if let Some(closes) = window.closes_on_reset() {
            self.resettable.entry(name.clone()).or_insert((level, closes));
        }
    }

    /// The plan's programs and their parts.
    pub(super) fn finish(self) -> Compiled {
        let Self { included: _, programs, guards, layers, resettable } = self;
        Compiled { programs: programs.into_iter().collect(), guards, layers, resettable }
    }
}
