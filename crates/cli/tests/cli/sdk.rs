//! The official CloudEvents SDKs against the server: an event counts once in whatever mode it comes.

use std::path::PathBuf;
use std::process::Command;

use serde_json::json;

use crate::common::{CATALOG, Connection, Server, make_key};

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
    let dir = tempfile::tempdir().expect("directory");
    std::fs::write(dir.path().join("catalog.toml"), CATALOG).expect("writes");
    let secret = make_key(&dir.path().join("data"));
    let server = Server::start(&dir.path().join("data"), &dir.path().join("catalog.toml"));
    let mut connection = Connection::open(server.address, &secret).expect("connects");
    let mut call = |method: &str, path: &str, key: &str, body: &str| {
        let (status, answer) = connection.call(method, path, key, body).expect("answers");
        assert!(status < 300, "{path}: {status} {answer}");
        answer
    };
    call("POST", "/v1/accounts", "o", r#"{"id":"acme"}"#);
    call("POST", "/v1/accounts/acme/grants", "g", r#"{"amount":"100","category":"purchased"}"#);
    program(&format!("http://{}", server.address), &secret);
    let balances = call("GET", "/v1/accounts/acme/balances", "", "{}");
    assert_eq!(balances["spent"], json!("1.875"));
    let records = call("GET", "/v1/accounts/acme/records", "", "{}");
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
