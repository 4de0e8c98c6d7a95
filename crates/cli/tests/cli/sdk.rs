//! The official CloudEvents SDKs against the server: an event counts once in every mode.

use std::path::PathBuf;
use std::process::Command;

use serde_json::json;

use crate::common::World;

fn sources() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/sdk")
}

fn succeed(command: &mut Command) {
    let done = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}; ./test installs it"));
    let said = [done.stdout, done.stderr].map(|b| String::from_utf8_lossy(&b).into_owned()).concat();
    assert!(done.status.success(), "{command:?}: {said}");
}

/// Runs a program that sends one use of a million tokens several times; 1.875 credits are spent.
fn counts_once(program: impl FnOnce(&str, &str)) {
    let w = World::new();
    let server = w.start();
    w.open(&server);
    program(&format!("http://{}", server.address), &w.secret);
    let balances = w.call(&server, "GET", "/v1/accounts/acme/balances", "", &json!({}));
    assert_eq!(balances["spent"], json!("1.875"));
    let records = w.call(&server, "GET", "/v1/accounts/acme/records", "", &json!({}));
    assert_eq!(records["records"].as_array().map(Vec::len), Some(3), "opened, granted, charged once");
}

#[test]
fn the_python_sdk_counts_once_in_every_mode() {
    let packages = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("cloudevents-2.2.0");
    if !packages.exists() {
        let partial = packages.with_extension("partial");
        succeed(
            Command::new("python3")
                .args(["-m", "pip", "install", "--quiet", "--target"])
                .arg(&partial)
                .arg("cloudevents==2.2.0")
                .env("PIP_BREAK_SYSTEM_PACKAGES", "1"),
        );
        std::fs::rename(&partial, &packages).expect("renames");
    }
    counts_once(|url, key| {
        let script = sources().join("send.py");
        succeed(Command::new("python3").arg(script).args([url, key]).env("PYTHONPATH", &packages));
    });
}

#[test]
fn the_go_sdk_counts_once_in_every_mode() {
    let program = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("cloudevents-go");
    succeed(
        Command::new("go").args(["build", "-o"]).arg(&program).arg(".").current_dir(sources().join("go")),
    );
    counts_once(|url, key| succeed(Command::new(&program).args([url, key])));
}
