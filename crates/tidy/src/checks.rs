//! Checks of the code: arrows between crates and floors, circles, lengths.
//!
//! Each check returns its findings: the file, the fault, and the remedy. A tidy project has no findings.

use std::collections::{BTreeMap, BTreeSet};

use crate::graph::{File, Graph, is_source};
use crate::rules::{CRATES, FLOORED, FLOORS, LINES_MAX, LONG_FILES, level, may_import};
use crate::source::without_tests;
use crate::tokens::tokens;
use crate::tree::{Crate, Tree};

/// Imports between crates, and their manifests, against [`CRATES`].
#[must_use]
pub fn crates(tree: &Tree, graph: &Graph) -> Vec<String> {
    let mut found = Vec::new();
    let mut imported = BTreeSet::new();
    for ((from, to), names) in &graph.arrows {
        let (from, to) = (&graph.files[*from], &graph.files[*to]);
        if from.owner == to.owner {
            continue;
        }
        imported.insert((from.owner.as_str(), to.owner.as_str()));
        if !may_import(&from.owner, &to.owner) {
            found.push(format!(
                "{} imports {} of {}: `{}` may not import `{}`; move what it needs inward",
                from.path,
                list(names),
                to.path,
                from.owner,
                to.owner
            ));
        }
    }
    for one in &tree.crates {
        if !CRATES.iter().any(|(name, _)| *name == one.folder) {
            found.push(format!(
                "crates/{}: is not in CRATES (crates/tidy/src/rules.rs); list there the crates it may import",
                one.folder
            ));
        }
        found.extend(manifest(tree, one, &imported));
    }
    found
}

fn manifest(tree: &Tree, one: &Crate, imported: &BTreeSet<(&str, &str)>) -> Vec<String> {
    let mut found = Vec::new();
    for name in &one.dependencies {
        let other = tree.crates.iter().find(|c| c.name == *name).map_or(name.as_str(), |c| c.folder.as_str());
        let from = one.folder.as_str();
        if !may_import(from, other) {
            found.push(format!("crates/{from}/Cargo.toml: `{from}` may not depend on `{other}`; remove it"));
        } else if !imported.contains(&(from, other)) {
            found.push(format!("crates/{from}/Cargo.toml: nothing in src imports `{other}`; remove it"));
        }
    }
    found
}

/// Imports between the floors of one crate, against [`FLOORS`].
#[must_use]
pub fn floors(graph: &Graph) -> Vec<String> {
    let mut found = Vec::new();
    let inside = || graph.files.iter().filter(|f| f.owner == FLOORED);
    let there: BTreeSet<&str> = inside().filter_map(File::floor).collect();
    for floor in there.iter().filter(|f| level(f).is_none()) {
        found.push(format!(
            "crates/{FLOORED}/src/{floor}: is on no floor; move it into one, or give it a place in FLOORS (crates/tidy/src/rules.rs)"
        ));
    }
    for floor in FLOORS.iter().copied().flatten().filter(|f| !there.contains(*f)) {
        found.push(format!("crates/tidy/src/rules.rs: there is no floor `{floor}`; remove it from FLOORS"));
    }
    let of = |file: usize| Some(&graph.files[file]).filter(|f| f.owner == FLOORED).and_then(File::floor);
    for ((from, to), names) in &graph.arrows {
        let (Some(upper), Some(lower)) = (of(*from), of(*to)) else { continue };
        let (Some(here), Some(there)) = (level(upper), level(lower)) else { continue };
        if upper != lower && there >= here {
            found.push(format!(
                "{} imports {} of {}: `{lower}` is {} `{upper}`; move the imported item down, or its use up",
                graph.files[*from].path,
                list(names),
                graph.files[*to].path,
                if there == here { "beside" } else { "above" }
            ));
        }
    }
    found
}

/// Circles of files, each with the names imported along it.
#[must_use]
pub fn circles(graph: &Graph) -> Vec<String> {
    let shown = graph.circles().into_iter().map(|circle| {
        let mut text = format!(
            "{} files import each other in a circle; move the shared part down, or reverse one of these imports:",
            circle.len()
        );
        for (at, from) in circle.iter().enumerate() {
            let to = circle[(at + 1) % circle.len()];
            let names = graph.arrows.get(&(*from, to)).map_or(String::new(), list);
            text += &format!("\n    {} -> {}: {names}", graph.files[*from].path, graph.files[to].path);
        }
        text
    });
    shown.collect()
}

/// Lines of a source before its tests.
#[must_use]
pub fn lines_before_tests(text: &str) -> usize {
    without_tests(&tokens(text)).1.map_or_else(|| text.lines().count(), |line| line - 1)
}

/// Files that are too long, and entries of [`LONG_FILES`] that are out of date.
#[must_use]
pub fn lengths(tree: &Tree) -> Vec<String> {
    lengths_against(tree.sources(), LONG_FILES)
}

fn lengths_against<'a>(
    sources: impl Iterator<Item = (&'a str, &'a str)>,
    long: &[(&str, usize)],
) -> Vec<String> {
    let mut caps: BTreeMap<&str, usize> = long.iter().copied().collect();
    let mut found = Vec::new();
    for (path, text) in sources.filter(|(path, _)| is_source(path)) {
        let lines = lines_before_tests(text);
        match caps.remove(path) {
            Some(_) if lines <= LINES_MAX => {
                found.push(format!("{path}: is short enough now ({lines} lines); remove it from LONG_FILES"));
            }
            Some(cap) if lines < cap => {
                found.push(format!("{path}: has shrunk; write {lines} in LONG_FILES"))
            }
            Some(cap) if lines == cap => {}
            cap => {
                let most = cap.unwrap_or(LINES_MAX);
                if lines > most {
                    found.push(format!(
                        "{path}: has {lines} lines before its tests, at most {most}; split it by what it does"
                    ));
                }
            }
        }
    }
    found.extend(caps.keys().map(|path| format!("{path}: does not exist; remove it from LONG_FILES")));
    found
}

fn list(names: &BTreeSet<String>) -> String {
    names.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::{lengths_against, lines_before_tests};

    #[test]
    fn lines_end_where_tests_begin() {
        assert_eq!(lines_before_tests("a\nb\n"), 2);
        assert_eq!(lines_before_tests("a\n#[cfg(test)]\nuse b;\n\n#[cfg(test)]\nmod tests {}\n"), 4);
    }

    #[test]
    fn a_cap_only_shrinks() {
        let (long, short) = ("x;\n".repeat(402), "x;\n".repeat(400));
        let check = |text: &str, caps: &[(&str, usize)]| {
            lengths_against([("crates/a/src/b.rs", text)].into_iter(), caps).len()
        };
        let cap = |lines: usize| [("crates/a/src/b.rs", lines)];
        assert_eq!((check(&short, &[]), check(&long, &[])), (0, 1));
        assert_eq!((check(&long, &cap(402)), check(&long, &cap(401)), check(&long, &cap(403))), (0, 1, 1));
        assert_eq!((check(&short, &cap(402)), check(&short, &[("crates/a/src/c.rs", 402)])), (1, 1));
    }
}
