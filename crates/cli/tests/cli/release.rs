//! What `release/build` relies on: the checks of a binary, and the list of what is in it.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

fn script(name: &str) -> Command {
    Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../release").join(name))
}

fn said(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn the_binary_is_hardened() {
    said(script("hardened").arg(env!("CARGO_BIN_EXE_headworks")));
    // An object file is not linked, so nothing of it is true.
    let dir = tempfile::tempdir().expect("directory");
    let (source, object) = (dir.path().join("empty.s"), dir.path().join("empty.o"));
    std::fs::write(&source, ".section .note.GNU-stack,\"\",@progbits\n").expect("writes");
    said(Command::new("cc").arg("-c").arg(&source).arg("-o").arg(&object));
    assert!(!script("hardened").arg(&object).output().expect("runs").status.success());
}

#[test]
fn the_list_of_parts_has_every_crate() {
    let text = said(&mut script("sbom"));
    assert_eq!(text, said(&mut script("sbom")), "the same source gives the same list");
    let list: Value = serde_json::from_str(&text).expect("JSON");
    let parts = list["components"].as_array().expect("components");
    let named = |part: &Value| part["purl"].as_str().expect("a URL").to_owned();
    let listed: BTreeSet<String> = parts.iter().map(named).collect();
    let tree = said(Command::new(env!("CARGO")).args([
        "tree",
        "-p",
        "headworks",
        "--locked",
        "--edges",
        "normal,build",
        "--target",
        "x86_64-unknown-linux-gnu",
        "--prefix",
        "none",
        "--format",
        "{p}",
    ]));
    let linked: BTreeSet<String> = tree
        .lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let (name, version) = (words.next()?, words.next()?);
            Some(format!("pkg:cargo/{name}@{}", version.strip_prefix('v')?))
        })
        .filter(|url| !url.starts_with("pkg:cargo/headworks@"))
        .collect();
    let missing: Vec<_> = linked.difference(&listed).collect();
    assert!(missing.is_empty() && linked.len() > 100, "missing: {missing:?}");
    for part in
        parts.iter().filter(|part| !part["name"].as_str().unwrap_or_default().starts_with("headworks-"))
    {
        assert_eq!(part["hashes"][0]["content"].as_str().map(str::len), Some(64), "{part}");
        assert!(part["licenses"][0]["expression"].is_string(), "{part}");
    }
}
