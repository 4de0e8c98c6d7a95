//! A plan while it is compiled.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use hashbrown::HashMap;

use super::walk::Check;
use crate::catalog::feature::Feature;
use crate::catalog::names::one_of;
use crate::catalog::plan::Program;
use crate::record::{Name, own_unit};

/// The features a plan includes, and its program for each so far.
pub(super) struct Draft<'a> {
    included: BTreeMap<&'a Name, &'a Feature>,
    programs: Vec<Option<Program>>,
}

impl<'a> Draft<'a> {
    /// A plan of these features with empty programs; names that no feature has are left out.
    pub(super) fn new(names: &'a [Name], features: &'a HashMap<Name, Feature>) -> Self {
        let included: BTreeMap<_, _> = names.iter().filter_map(|n| features.get(n).map(|f| (n, f))).collect();
        let mut programs: Vec<_> = (0..features.len()).map(|_| None).collect();
        for feature in included.values() {
            if let Some(slot) = programs.get_mut(feature.index) {
                *slot = Some(Program::default());
            }
        }
        Self { included, programs }
    }

    /// The features a guard or layer applies to: those it lists, or all of the plan.
    pub(super) fn scope(&self, listed: Option<&Vec<Name>>, check: &mut Check) -> Vec<&'a Feature> {
        let Some(listed) = listed else { return self.all() };
        let mut out = Vec::new();
        check.key("features", |c| {
            for (i, name) in listed.iter().enumerate() {
                match self.included.get(name) {
                    Some(feature) => out.push(*feature),
                    None => c.item(i, |c| {
                        let what = alloc::format!("the plan does not include `{name}`");
                        c.wrong(what, one_of(self.included.keys().copied()));
                    }),
                }
            }
        });
        out
    }

    /// All features of the plan.
    pub(super) fn all(&self) -> Vec<&'a Feature> {
        self.included.values().copied().collect()
    }

    /// The features whose prices are in this unit of credits.
    pub(super) fn priced_in(&self, unit: Option<&Name>) -> Vec<&'a Feature> {
        let unit = own_unit(unit);
        self.included.values().copied().filter(|f| f.credit_unit.as_ref() == unit).collect()
    }

    pub(super) fn program(&self, feature: &Feature) -> Option<&Program> {
        self.programs.get(feature.index).and_then(Option::as_ref)
    }

    pub(super) fn program_mut(&mut self, feature: &Feature) -> Option<&mut Program> {
        self.programs.get_mut(feature.index).and_then(Option::as_mut)
    }

    /// The programs of the plan, by feature.
    pub(super) fn into_programs(self) -> Vec<Option<Program>> {
        self.programs
    }
}
