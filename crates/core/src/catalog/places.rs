//! The lines of problems: the text is read once for all of them.

use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;

use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use toml::de::{DeTable, DeValue};

use super::problems::{Found, PathProblem, Problem, Problems, Step};
use super::text::Format;

/// Finds the lines of problems and sorts them by line.
pub(super) fn locate(found: Found<'_>, text: &str, format: Format) -> Problems {
    if found.kept.is_empty() {
        return Problems { kept: Vec::new(), count: found.count };
    }
    let paths: Vec<&[Step<'_>]> = found.kept.iter().map(|f| f.path.as_slice()).collect();
    let offsets = match format {
        Format::Toml => toml_offsets(text, &paths),
        Format::Json => json_offsets(text, &paths),
    };
    let lines = lines(text, &offsets);
    let located = found.kept.into_iter().zip(lines);
    let told = |(f, line): (PathProblem<'_>, _)| {
        let what = f.plan.map(|plan| alloc::format!("{}, in plan `{plan}`", f.what));
        Problem { line, at: spell(&f.path), what: what.unwrap_or(f.what), fix: f.fix }
    };
    let mut kept: Vec<Problem> = located.map(told).collect();
    kept.sort_by_key(|problem| problem.line);
    Problems { kept, count: found.count }
}

/// The lines of offsets, counted in one pass.
fn lines(text: &str, offsets: &[Option<usize>]) -> Vec<Option<usize>> {
    let mut order: Vec<(usize, usize)> =
        offsets.iter().enumerate().filter_map(|(i, offset)| Some(((*offset)?, i))).collect();
    order.sort_unstable();
    let mut lines = alloc::vec![None; offsets.len()];
    let (mut line, mut at) = (1, 0);
    for (offset, i) in order {
        let between = text.as_bytes().get(at..offset).unwrap_or_default();
        line += between.iter().filter(|b| **b == b'\n').count();
        at = offset;
        lines.get_mut(i).into_iter().for_each(|place| *place = Some(line));
    }
    lines
}

fn spell(path: &[Step<'_>]) -> String {
    let mut out = String::new();
    for step in path {
        match step {
            Step::Key(key) => {
                if !out.is_empty() {
                    out.push('.');
                }
                out.push_str(key);
            }
            // Writing to a string does not fail.
            Step::Index(i) => drop(write!(out, "[{i}]")),
        }
    }
    out
}

/// The offset of the deepest step of each path that the text has.
fn toml_offsets(text: &str, paths: &[&[Step<'_>]]) -> Vec<Option<usize>> {
    let Ok(root) = DeTable::parse(text) else { return alloc::vec![None; paths.len()] };
    paths.iter().map(|path| toml_offset(root.get_ref(), path)).collect()
}

fn toml_offset(root: &DeTable<'_>, path: &[Step<'_>]) -> Option<usize> {
    let mut best = None;
    let mut table = Some(root);
    let mut array = None;
    for step in path {
        let value: &toml::Spanned<DeValue<'_>> = match step {
            Step::Key(key) => {
                let Some((spelled, value)) = table.and_then(|t| t.get_key_value(*key)) else { break };
                best = Some(spelled.span().start);
                value
            }
            Step::Index(i) => {
                let Some(value) = array.and_then(|a: &toml::de::DeArray<'_>| a.get(*i)) else { break };
                best = Some(value.span().start);
                value
            }
        };
        table = value.get_ref().as_table();
        array = value.get_ref().as_array();
    }
    best
}

/// The same for JSON: raw values borrow from the text, so their place in it is their address.
fn json_offsets(text: &str, paths: &[&[Step<'_>]]) -> Vec<Option<usize>> {
    let mut offsets = alloc::vec![None; paths.len()];
    let wanted: Vec<(usize, &[Step<'_>])> = paths.iter().copied().enumerate().collect();
    let mut places = Places { start: text.as_ptr().addr(), wanted, offsets: &mut offsets };
    places.descend(text);
    offsets
}

/// The paths that lead on from one value of the text.
struct Places<'p, 'a> {
    start: usize,
    wanted: Vec<(usize, &'p [Step<'a>])>,
    offsets: &'p mut [Option<usize>],
}

impl<'p, 'a> Places<'p, 'a> {
    fn descend(&mut self, value: &str) {
        let mut reader = serde_json::Deserializer::from_str(value);
        // The text was read before, so that nothing fails here but a path that leads into a plain value.
        let _ends_here = (&mut *self).deserialize(&mut reader);
    }

    /// Notes where a value is that some paths lead through, and goes on inside.
    fn enter(&mut self, through: Vec<(usize, &'p [Step<'a>])>, value: &str) {
        let offset = value.as_ptr().addr().checked_sub(self.start);
        for (i, _) in &through {
            self.offsets.get_mut(*i).into_iter().for_each(|place| *place = offset);
        }
        let wanted = through.into_iter().filter(|(_, rest)| !rest.is_empty()).collect::<Vec<_>>();
        if !wanted.is_empty() {
            Places { start: self.start, wanted, offsets: self.offsets }.descend(value);
        }
    }

    /// The paths whose next step is this one, behind it.
    fn through(&self, step: Step<'_>) -> Vec<(usize, &'p [Step<'a>])> {
        let behind = |(i, path): &(usize, &'p [Step<'a>])| {
            let (first, rest) = path.split_first()?;
            (*first == step).then_some((*i, rest))
        };
        self.wanted.iter().filter_map(behind).collect()
    }
}

impl<'de> DeserializeSeed<'de> for &mut Places<'_, '_> {
    type Value = ();
    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for &mut Places<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("a list or an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        while let Some(key) = entries.next_key::<String>()? {
            let through = self.through(Step::Key(&key));
            if through.is_empty() {
                entries.next_value::<IgnoredAny>()?;
            } else {
                self.enter(through, entries.next_value::<&RawValue>()?.get());
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let next = |(_, path): &(usize, &[Step<'_>])| match path.first()? {
            Step::Index(i) => Some(*i),
            Step::Key(_) => None,
        };
        let wanted: BTreeSet<usize> = self.wanted.iter().filter_map(next).collect();
        for i in 0..wanted.last().map_or(0, |last| last + 1) {
            if wanted.contains(&i) {
                let Some(value) = items.next_element::<&RawValue>()? else { return Ok(()) };
                let through = self.through(Step::Index(i));
                self.enter(through, value.get());
            } else if items.next_element::<IgnoredAny>()?.is_none() {
                return Ok(());
            }
        }
        Ok(())
    }
}
