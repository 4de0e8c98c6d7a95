//! The README's tour, the page on testing and the gateway's first steps, run as written: every `sh` block, in one shell, in order.

use std::process::{Command, Stdio};

use crate::common::free_port;

const README: &str = include_str!("../../../../README.md");
const GATEWAY: &str = include_str!("../../../../docs/gateway.md");
const TESTING: &str = include_str!("../../../../docs/testing.md");

/// Runs the `sh` blocks of a section in one shell; what they printed, and what went to the log.
fn run(section: &str, blocks_min: usize) -> (String, String) {
    let blocks: Vec<&str> = section.split("```sh\n").skip(1).filter_map(|b| b.split("```").next()).collect();
    assert!(blocks.len() >= blocks_min, "the tour has {} blocks", blocks.len());
    let dir = tempfile::tempdir().expect("directory");
    let upstream = format!("127.0.0.1:{}", free_port());
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let binary = std::path::Path::new(env!("CARGO_BIN_EXE_headworks"));
    let path = format!(
        "{}:{}",
        binary.parent().expect("directory").display(),
        std::env::var("PATH").unwrap_or_default()
    );
    let script = format!(
        "set -eu\ntrap 'kill $(jobs -p) 2>/dev/null || true; wait' EXIT\n{}",
        blocks
            .join("\n")
            .replace("127.0.0.1:8080", &format!("127.0.0.1:{}", free_port()))
            .replace("headworks mock-upstream", &format!("headworks mock-upstream --listen {upstream}"))
    );
    // The examples, with the upstream where it is.
    std::fs::create_dir(dir.path().join("examples")).expect("a directory");
    for example in std::fs::read_dir(std::path::Path::new(root).join("examples")).expect("examples") {
        let example = example.expect("an example");
        let Ok(text) = std::fs::read_to_string(example.path()) else { continue };
        let copy = dir.path().join("examples").join(example.file_name());
        std::fs::write(copy, text.replace("127.0.0.1:8090", &upstream)).expect("writes");
    }
    let ran = Command::new("bash")
        .args(["-c", &script])
        .current_dir(dir.path())
        .env("PATH", path)
        .stdin(Stdio::null())
        .output()
        .expect("runs");
    let (out, log) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success(), "{out}\n{log}");
    (out.into_owned(), log.into_owned())
}

#[test]
fn the_tour_works_as_written() {
    let section = README.split("## A five-minute tour").nth(1).expect("the tour");
    let (out, log) = run(section.split("\n## ").next().expect("the tour"), 5);
    // What the text between the blocks promises.
    for promise in [
        "allow: allowed",
        "from included",
        "went back",
        "deny: insufficient_credits",
        "purchase",
        "replayed\":true",
        "of 0.5",
        "verified: acme",
        "every record follows from those before it",
        ", 0 differ",
        "no account changes",
    ] {
        assert!(out.contains(promise), "no `{promise}` in:\n{out}\n{log}");
    }
}

#[test]
fn a_month_passes_as_written() {
    let (out, log) = run(TESTING, 3);
    for promise in [
        "2026-03-01T00:00:00Z\n2026-03-01T00:01:30Z\n2026-04-01T00:00:00Z\n",
        "hold_expired",
        "grant_expired",
        "renewed",
    ] {
        assert!(out.contains(promise), "no `{promise}` in:\n{out}\n{log}");
    }
}

#[test]
fn the_gateway_is_tried_as_written() {
    let section = GATEWAY.split("## Try it").nth(1).expect("the section");
    let (out, log) = run(section.split("\n## ").next().expect("the section"), 1);
    // Fifty tokens, and the end.
    let tokens = out.matches("\"content\":\"tok \"").count();
    assert!(
        tokens == 50 && out.contains("\"finish_reason\":\"length\"") && out.contains("data: [DONE]"),
        "{out}\n{log}"
    );
}
