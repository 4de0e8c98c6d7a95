//! The seeds of every change: each one holds, and together they reach every fault, reason and kind of record.

#![allow(clippy::expect_used, reason = "tests say what they expect")]

use std::process::Command;

fn hold(arguments: &[&str]) {
    let simulation = Command::new(env!("CARGO_BIN_EXE_headworks-sim")).args(arguments).output();
    let simulation = simulation.expect("it runs");
    let said = String::from_utf8_lossy(&simulation.stdout);
    assert!(simulation.status.success(), "{said}{}", String::from_utf8_lossy(&simulation.stderr));
}

#[test]
fn a_thousand_seeds_hold() {
    hold(&["--seeds", "1000"]);
}

/// Two engines on one store, which know nothing of each other.
#[test]
fn seeds_of_two_engines_hold() {
    hold(&["--engines", "2", "--seeds", "250"]);
}

/// Every seeded bug names a text that stands once in its file: a bug that has lost its place says nothing.
#[test]
fn seeded_bugs_have_their_place() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for line in include_str!("../mutants.txt").lines().filter(|l| !l.is_empty() && !l.starts_with('#')) {
        let line = line.replace("\\|", "\u{1}");
        let fields: Vec<&str> = line.split('|').map(str::trim).collect();
        let [name, path, was, _] = fields.as_slice() else { panic!("four fields: {line}") };
        let was = was.replace('\u{1}', "|").replace("\\&", "&").replace("\\n", "\n");
        let text = std::fs::read_to_string(root.join(path)).expect(path);
        assert_eq!(text.matches(&was).count(), 1, "{name}: {path}");
    }
}
