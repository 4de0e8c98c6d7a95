//! What commands print, for people and for programs, and how they end.

use std::process::{Output, Stdio};

use serde_json::{Value, json};

use crate::common::{CATALOG, Server, World, headworks, make_key};

impl World {
    fn text(&self, name: &str) -> String {
        self.path(name).to_str().expect("a path").to_owned()
    }

    fn run(&self, server: Option<&Server>, args: &[&str], to: Stdio) -> Output {
        let mut command = headworks();
        if let Some(server) = server {
            command.args(["--server", &format!("http://{}", server.address), "--api-key", &self.secret]);
        }
        command.args(args).stdout(to).stderr(Stdio::piped()).output().expect("runs")
    }

    fn json(&self, server: Option<&Server>, args: &[&str]) -> Value {
        let done = self.run(server, &[&["--json"], args].concat(), Stdio::piped());
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        serde_json::from_slice(&done.stdout).unwrap_or_else(|e| {
            panic!("{args:?} is no JSON: {e}: {} {said}", String::from_utf8_lossy(&done.stdout))
        })
    }
}

#[test]
fn the_audit_log_is_exported_line_by_line() {
    let w = World::new();
    let mut server = w.start();
    w.open(&server);
    let mut wrong = headworks();
    wrong.args(["--server", &format!("http://{}", server.address), "--api-key", "wrong", "keys", "list"]);
    assert!(!wrong.output().expect("runs").status.success());
    let id = server.child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-TERM", &id]).status().expect("runs").success());
    assert!(server.child.wait().expect("ends").success());
    let server = w.start();
    let all = w.run(Some(&server), &["audit", "--all", "--json"], Stdio::piped());
    let entries: Vec<Value> = String::from_utf8_lossy(&all.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).expect("an entry"))
        .collect();
    let of = |kind: &str| entries.iter().filter(|e| e["kind"] == kind).collect::<Vec<_>>();
    assert_eq!((entries.len(), of("administration").len()), (3, 2), "{entries:?}");
    let failed = of("authentication");
    assert_eq!(failed[0]["call"], "GET /v1/keys", "{failed:?}");
    let args = ["audit", "--kind", "administration", "--account", "acme", "--from", "2020-01-01T00:00:00Z"];
    let shown = w.run(Some(&server), &args, Stdio::piped());
    let shown = String::from_utf8_lossy(&shown.stdout);
    assert_eq!(shown.lines().count(), 2, "{shown}");
    assert!(shown.contains("granted") && shown.contains("POST /v1/accounts/{id}/grants"), "{shown}");
}

#[test]
fn every_answer_is_json_where_that_is_asked_for() {
    let w = World::new();
    let server = w.start();
    let s = Some(&server);
    let body = w.text("body.json");
    std::fs::write(&body, json!({"id": "acme"}).to_string()).expect("writes");
    let opened = w.json(s, &["api", "POST", "/v1/accounts", &body, "--key", "o"]);
    assert_eq!((&opened["id"], &opened["replayed"]), (&json!("acme"), &json!(false)));
    let again = w.json(s, &["api", "POST", "/v1/accounts", &body, "--key", "o"]);
    assert_eq!(again["replayed"], true, "the key went with it");
    // Any route, any form: a catalog in TOML goes in, text comes out as it is, or as JSON.
    let file = w.text("catalog.toml");
    assert_eq!(w.json(s, &["api", "PUT", "/v1/catalog", &file, "--key", "c"])["version"], "t");
    let plain = w.run(s, &["api", "GET", "/v1/catalog"], Stdio::piped());
    assert_eq!(String::from_utf8_lossy(&plain.stdout), CATALOG);
    assert_eq!(w.json(s, &["api", "GET", "/v1/catalog"])["text"], CATALOG);
    assert_eq!(w.json(s, &["catalog", "show"])["catalog"], CATALOG);
    assert!(w.json(s, &["metrics"])["metrics"].as_str().is_some_and(|m| m.ends_with("# EOF\n")));
    for args in [
        &["account", "list"][..],
        &["account", "show", "acme"],
        &["account", "balances", "acme"],
        &["account", "records", "acme"],
        &["grant", "acme", "10", "--category", "purchased", "--key", "g"],
        &["record", "acme", "chat", "-q", "tokens=1", "--path", "user:a", "--key", "r"],
        &["catalog", "history"],
        &["catalog", "check", &file],
        &["check-catalog", &file],
        &["keys", "list"],
        &["supplies", "list"],
        &["reconcile"],
        &["schema"],
        &["signing-key"],
        &["statement", "acme"],
    ] {
        w.json(s, args);
    }
    drop(server);
    let (data, copy, restored, moved) = (w.text("data"), w.text("copy"), w.text("restored"), w.text("moved"));
    make_key(std::path::Path::new(&moved));
    drop(Server::start(std::path::Path::new(&moved), std::path::Path::new(&file)));
    let out = w.text("acme.ndjson");
    for args in [
        &["backup", "--data", &data, "--to", &copy][..],
        &["restore", "--from", &copy, "--data", &restored],
        &["reconcile", "--data", &data],
        &["replay", "--data", &data],
        &["export-account", "acme", "--data", &data, "--out", &out],
        &["import-account", &out, "--data", &moved],
        &["erase", "acme", "--data", &data, "--to", &w.text("erased"), "--segment", "user:a"],
        &["keys", "create", "--data", &data, "--scope", "read"],
        &["export", "movements", "--data", &data],
        &["export", "lines", "--data", &data],
    ] {
        w.json(None, args);
    }
}

#[test]
fn a_batch_of_which_something_failed_has_failed() {
    let w = World::new();
    let server = w.start();
    let body = w.text("body.json");
    let item = |account: &str| json!({"record": {"account": account, "feature": "chat", "quantities": {"tokens": 1}, "idempotency_key": "k"}});
    std::fs::write(&body, json!({"id": "acme"}).to_string()).expect("writes");
    assert!(
        w.run(Some(&server), &["api", "POST", "/v1/accounts", &body, "--key", "o"], Stdio::null())
            .status
            .success()
    );
    std::fs::write(&body, json!({"items": [item("acme"), item("nobody")]}).to_string()).expect("writes");
    let done = w.run(Some(&server), &["--json", "batch", &body], Stdio::piped());
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert_eq!(done.status.code(), Some(1), "{said}");
    assert!(said.contains("1 of 2 items failed; the first: there is no account `nobody`"), "{said}");
    let answer: Value = serde_json::from_slice(&done.stdout).expect("the answers all the same");
    assert!(
        answer["items"][0]["charge"].is_object() && answer["items"][1]["problem"].is_object(),
        "{answer}"
    );
    std::fs::write(&body, json!({"items": [item("acme")]}).to_string()).expect("writes");
    assert!(w.run(Some(&server), &["batch", &body], Stdio::null()).status.success());
}

/// A disk without room is an error in words, and no panic.
#[test]
fn output_that_cannot_be_written_is_said() {
    let w = World::new();
    let server = w.start();
    for args in [&["catalog", "show"][..], &["metrics"], &["account", "list"], &["keys", "list"], &["schema"]]
    {
        let full = std::fs::File::options().write(true).open("/dev/full").expect("opens");
        let done = w.run(Some(&server), args, full.into());
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert_eq!(done.status.code(), Some(1), "{args:?}: {said}");
        assert!(said.starts_with("headworks: No space left"), "{args:?}: {said}");
    }
}
