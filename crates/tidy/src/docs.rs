//! Checks of documents and comments: tests and files named in module headers, links, paths, and paths of one machine.
//!
//! Each check returns its findings: the file, the fault, and the remedy.

use std::collections::BTreeSet;

use crate::tokens::tokens;
use crate::tree::Tree;

/// Roots of paths that exist on one machine only, without their slashes.
const MACHINE_ROOTS: &[&str] = &["root/", "home/", "work/", "tmp/bash"];

/// Words that look like the name of a test but are not.
const NO_TESTS: &[&str] = &["no_std"];

/// Who attacks, what holds them, and the tests that show it.
const THREATS: &str = "docs/security.md";

/// The map of the code.
const MAP: &str = "ARCHITECTURE.md";

/// Tests and files named by module headers and the map that do not exist.
#[must_use]
pub fn promises(tree: &Tree) -> Vec<String> {
    let functions: BTreeSet<&str> = tree.sources().flat_map(|(_, text)| functions(text)).collect();
    let mut found = Vec::new();
    let map = tree.texts.get(MAP).map(|text| (MAP, text.clone()));
    for (path, text) in tree.sources().map(|(path, text)| (path, header(text))).chain(map) {
        for named in text.split("\n\n").flat_map(promised) {
            match named {
                Named::Test(name) if !functions.contains(name) => {
                    found.push(format!(
                        "{path}: names the test `{name}`, which no source has; write it or correct the name"
                    ));
                }
                Named::File(file) if path != MAP && !is_there(tree, path, file) => {
                    found.push(format!(
                        "{path}: names the file `{file}`, which does not exist; correct the name"
                    ));
                }
                Named::Test(_) | Named::File(_) => {}
            }
        }
    }
    found
}

/// Tests that the threat model names and that do not exist: those in the last cells of its table.
#[must_use]
pub fn shown(tree: &Tree) -> Vec<String> {
    let functions: BTreeSet<&str> = tree.sources().flat_map(|(_, text)| functions(text)).collect();
    let Some(text) = tree.texts.get(THREATS) else { return vec![format!("{THREATS} is missing")] };
    let cells = text.lines().filter_map(|line| line.strip_suffix(" |")?.rsplit(" | ").next());
    let named: Vec<&str> = cells.flat_map(|cell| cell.split('`')).filter(|word| is_snake(word)).collect();
    if named.is_empty() {
        return vec![format!("{THREATS}: names no tests")];
    }
    let unknown = named.into_iter().filter(|name| !functions.contains(name));
    unknown
        .map(|name| {
            format!("{THREATS}: names the test `{name}`, which no source has; write it or correct the name")
        })
        .collect()
}

/// The names of all functions of a source, including tests.
fn functions(text: &str) -> Vec<&str> {
    let tokens = tokens(text);
    tokens.windows(2).filter(|w| w[0].text == "fn").map(|w| w[1].text).collect()
}

/// The `//!` header of a source, without fenced blocks.
fn header(text: &str) -> String {
    let lines = text.lines().take_while(|l| l.starts_with("//!")).map(|l| l.trim_start_matches("//!").trim());
    unfenced(lines)
}

fn unfenced<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    let mut fenced = false;
    let mut out = String::new();
    for line in lines {
        if line.starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            out += line;
            out.push('\n');
        }
    }
    out
}

#[derive(Debug, PartialEq, Eq)]
enum Named<'a> {
    Test(&'a str),
    File(&'a str),
}

/// Tests named in parentheses or after a promise's code, and files.
fn promised(paragraph: &str) -> Vec<Named<'_>> {
    let (mut depth, mut promise) = (0_usize, false);
    let mut found = Vec::new();
    for (at, piece) in paragraph.split('`').enumerate() {
        if at % 2 == 0 {
            for word in piece.split_whitespace() {
                let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
                promise = (promise || is_code(bare)) && !["Units", "Source", "Sources"].contains(&bare);
            }
            depth = (depth + piece.matches('(').count()).saturating_sub(piece.matches(')').count());
        } else if piece.contains('/') && piece.ends_with(".rs") && !piece.contains('{') {
            found.push(Named::File(piece));
        } else if is_snake(piece) && (promise || depth > 0) {
            found.push(Named::Test(piece));
        }
    }
    found
}

/// A letter and a number: the code of a promise.
fn is_code(word: &str) -> bool {
    let number = word.strip_prefix(|c: char| c.is_ascii_uppercase()).unwrap_or("");
    !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())
}

fn is_snake(word: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    word.contains('_') && word.bytes().all(plain) && !NO_TESTS.contains(&word)
}

/// Whether a file named by a header exists: from the root, or in the header's crate; tests in any of its binaries.
fn is_there(tree: &Tree, from: &str, file: &str) -> bool {
    let owner: Vec<&str> = from.splitn(3, '/').take(2).collect();
    let owner = owner.join("/");
    let test = file.strip_prefix("tests/").map(|name| format!("/{name}"));
    let is_test = |f: &String| {
        let inside = f.strip_prefix(&owner).and_then(|f| f.strip_prefix("/tests"));
        inside.zip(test.as_ref()).is_some_and(|(inside, name)| inside.ends_with(name.as_str()))
    };
    [file.to_owned(), format!("{owner}/{file}"), format!("{owner}/src/{file}")].iter().any(|p| tree.has(p))
        || tree.files.iter().any(is_test)
}

/// Paths of one machine in any file but the lock files.
pub fn machine_paths(tree: &Tree) -> std::io::Result<Vec<String>> {
    let mut found = Vec::new();
    for file in tree.files.iter().filter(|f| !f.ends_with("Cargo.lock")) {
        let bytes = std::fs::read(tree.root.join(file))?;
        let text = String::from_utf8_lossy(&bytes);
        for (at, line) in text.lines().enumerate() {
            if MACHINE_ROOTS
                .iter()
                .any(|root| line.match_indices(root).any(|(i, _)| line[..i].ends_with('/')))
            {
                found.push(format!(
                    "{file}:{}: names a path of one machine; write it relative to the project's root",
                    at + 1
                ));
            }
        }
    }
    Ok(found)
}

/// Relative links of the documents that lead nowhere.
#[must_use]
pub fn links(tree: &Tree) -> Vec<String> {
    let is_document = |path: &str| ["README.md", MAP].contains(&path) || path.starts_with("docs/");
    let mut found = Vec::new();
    for (path, text) in tree.texts.iter().filter(|(path, _)| path.ends_with(".md") && is_document(path)) {
        let text = unfenced(text.lines());
        for link in text.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next()) {
            let target = link.split('#').next().unwrap_or(link);
            let relative = !target.is_empty() && !target.contains(':') && !target.starts_with('/');
            if relative && !joined(path, target).is_some_and(|p| tree.has(&p)) {
                found.push(format!("{path}: links to `{link}`, which does not exist; correct the link"));
            }
        }
    }
    found
}

/// A path as seen from a file; `None` if it leaves the project.
fn joined(from: &str, target: &str) -> Option<String> {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

/// Source paths in the map that lead nowhere. They start at the project's root,
/// at `crates`, or leave out a crate's `src`.
#[must_use]
pub fn map_paths(tree: &Tree) -> Vec<String> {
    let text = unfenced(tree.texts.get(MAP).map_or("", String::as_str).lines());
    let mut found = Vec::new();
    let spans = text.split('`').skip(1).step_by(2);
    for path in spans.filter(|s| looks_like_a_path(s)).flat_map(expanded) {
        let (first, rest) = path.split_once('/').unwrap_or((&path, ""));
        let places = [path.clone(), format!("crates/{path}"), format!("crates/{first}/src/{rest}")];
        let source = |p: &String| tree.has(p) || (!p.ends_with(".rs") && tree.has(&format!("{p}.rs")));
        if !places.iter().any(source) {
            found.push(format!("{MAP}: names `{path}`, which does not exist; correct the path"));
        }
    }
    found
}

/// At least a folder and a name, and no character that only a command, type or address has.
fn looks_like_a_path(span: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./{,}".contains(c);
    let folder = span.trim_end_matches('/').split_once('/');
    folder.is_some_and(|(first, _)| !first.is_empty()) && span.chars().all(plain)
}

/// `a/{b,c}.rs` as `a/b.rs` and `a/c.rs`.
fn expanded(span: &str) -> Vec<String> {
    let inside = span.split_once('{').and_then(|(start, rest)| Some((start, rest.split_once('}')?)));
    let Some((start, (choices, end))) = inside else { return vec![span.to_owned()] };
    choices.split(',').flat_map(|choice| expanded(&format!("{start}{choice}{end}"))).collect()
}

#[cfg(test)]
mod tests {
    use super::{Named, expanded, header, joined, looks_like_a_path, promised};

    #[test]
    fn what_a_header_promises() {
        let text = "//! Syncs with `sync_data`. Never `gives_up`.\n//! A1 it holds (`a_test`, and `b_test` too).\n\
                    //! B2 it is kept by `c_test`. Units: `nano_credits`.\n//! W1 (`tests/d.rs`: `e_test`)\n//! ```text\n//! (`f_test`)\n//! ```\nfn g() {}";
        let tests = ["a_test", "b_test", "c_test"].map(Named::Test);
        let header = header(text);
        let found: Vec<_> = header.split("\n\n").flat_map(promised).collect();
        assert_eq!(found[..3], tests);
        assert_eq!(found[3..], [Named::File("tests/d.rs"), Named::Test("e_test")]);
    }

    #[test]
    fn paths_are_expanded_and_joined() {
        assert_eq!(expanded("a/{b,c}/{d,e}.rs"), ["a/b/d.rs", "a/b/e.rs", "a/c/d.rs", "a/c/e.rs"]);
        assert_eq!(joined("docs/a.md", "../crates/./b.rs").as_deref(), Some("crates/b.rs"));
        assert_eq!(joined("a.md", "../b"), None);
        let paths = ["core/src/a.rs", "core/b", "core/{a,b}/"].map(looks_like_a_path);
        assert_eq!(paths, [true; 3]);
        assert_eq!(["index/", "/v1/keys", "a::b", "next_end", "a b/c"].map(looks_like_a_path), [false; 5]);
    }
}
