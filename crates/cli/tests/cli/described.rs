//! Schemathesis against the running server: all that the OpenAPI document allows, and much that it does not, is answered as
//! documented and never with an internal error. What the document allows is understood, what it does not is refused, and what one
//! call makes the next ones find. `described/schemathesis.toml` and `described/hooks.py` say what is left out, and why.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common::{CATALOG, Connection, Server, make_key};

const VERSION: &str = "schemathesis==4.32.5";
const CONFIG: &str = include_str!("described/schemathesis.toml");
const HOOKS: &str = include_str!("described/hooks.py");

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{command:?}\n{}", String::from_utf8_lossy(&said));
}

/// The program, installed where builds are kept.
fn schemathesis() -> PathBuf {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join(VERSION);
    let program = home.join("bin/schemathesis");
    if !program.exists() {
        if !Command::new("python3").args(["-c", "import ensurepip"]).status().is_ok_and(|s| s.success()) {
            run(Command::new("apt-get").arg("update"));
            run(Command::new("apt-get").args(["install", "-y", "python3-venv"]));
        }
        run(Command::new("python3").args(["-m", "venv"]).arg(&home));
        run(Command::new(home.join("bin/pip")).args(["install", "--quiet", VERSION]));
    }
    program
}

#[test]
fn the_server_answers_as_its_document_says() {
    let program = schemathesis();
    let dir = tempfile::tempdir().expect("directory");
    let (data, catalog) = (dir.path().join("data"), dir.path().join("catalog.toml"));
    std::fs::write(&catalog, CATALOG).expect("writes");
    std::fs::write(dir.path().join("hooks.py"), HOOKS).expect("writes");
    let secret = make_key(&data);
    let server = Server::start(&data, &catalog);
    let mut connection = Connection::open(server.address, &secret).expect("connects");
    let opened = connection.call("POST", "/v1/accounts", "open", r#"{"id":"acme"}"#).expect("answers");
    assert_eq!(opened.0, 200, "{opened:?}");
    let grant = r#"{"amount":"1000","category":"purchased"}"#;
    assert_eq!(connection.call("POST", "/v1/accounts/acme/grants", "grant", grant).expect("answers").0, 200);
    let spare = connection.call("POST", "/v1/keys", "spare", r#"{"scopes":["read"]}"#).expect("answers").1;
    let config = CONFIG.replace("SPARE", spare["key"]["id"].as_str().expect("an id"));
    std::fs::write(dir.path().join("schemathesis.toml"), config).expect("writes");
    run(Command::new(program)
        .current_dir(&dir)
        .env("SCHEMATHESIS_HOOKS", "hooks")
        .args(["run", &format!("http://{}/v1/openapi.json", server.address)])
        .args(["--header", &format!("Authorization: Bearer {secret}")])
        .args(["--phases", "examples,coverage,fuzzing,stateful", "--mode", "all"])
        .args(["--max-examples", "4", "--seed", "1", "--no-color"]));
}
