//! The clients of the API (`clients/`) pass their own tests against this binary.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::models::{node_bin, succeed};

fn client(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../clients").join(name)
}

/// A command with this binary as the server that tests start.
fn of_tests(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env("HEADWORKS_BIN", env!("CARGO_BIN_EXE_headworks"));
    command
}

#[test]
fn the_client_for_python_passes_its_tests() {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("client-python");
    succeed(Command::new("python3").args(["-m", "venv"]).arg(&home));
    let python = home.join("bin/python");
    let package = format!("{}[dev]", client("python").display());
    succeed(Command::new(&python).args(["-m", "pip", "install", "--quiet", "--editable", &package]));
    for style in [&["check", "--quiet"][..], &["format", "--check", "--quiet"]] {
        succeed(Command::new(&python).args(["-m", "ruff"]).args(style).arg(client("python")));
    }
    succeed(of_tests(&python).args(["-m", "pytest"]).current_dir(client("python")));
}

#[test]
fn the_client_for_typescript_passes_its_tests() {
    let node = node_bin();
    let path = std::env::var("PATH").unwrap_or_default();
    let npm = |arguments: &[&str]| {
        let mut npm = of_tests("npm");
        npm.env("PATH", format!("{}:{path}", node.display()))
            .current_dir(client("typescript"))
            .args(arguments);
        succeed(&mut npm);
    };
    npm(&["ci", "--no-audit", "--no-fund", "--loglevel=error"]);
    npm(&["test"]);
}
