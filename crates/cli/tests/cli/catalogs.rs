//! Catalogs over restarts: what was put live stays, and every one that was in force can be seen and put back.

use std::path::Path;

use crate::common::{CATALOG, Server, headworks, make_key};

/// Calls a running server, which must accept it; tells what was printed.
fn on(server: &Server, secret: &str, args: &[&str]) -> String {
    let url = format!("http://{}", server.address);
    let done = headworks().args(["--server", &url, "--api-key", secret]).args(args).output().expect("runs");
    assert!(done.status.success(), "{args:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8_lossy(&done.stdout).into_owned()
}

/// The catalog at a price, under a label.
fn priced(label: &str, price: &str) -> String {
    let text = CATALOG.replace("version = \"t\"", &format!("version = \"{label}\""));
    let priced = text.replace("tokens = \"1.875\"", &format!("tokens = \"{price}\""));
    assert!(priced.contains(price) && priced.contains(&format!("\"{label}\"")), "{priced}");
    priced
}

/// BLAKE3 of a text, as the API shows it.
fn hash(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_hex().to_string()
}

#[test]
fn a_restart_keeps_the_catalog_that_was_put_live() {
    let dir = tempfile::tempdir().expect("directory");
    let (data, file) = (dir.path().join("data"), dir.path().join("catalog.toml"));
    let secret = make_key(&data);
    let write = |path: &Path, text: &str| std::fs::write(path, text).expect("writes");
    let (first, live) = (priced("one", "1.875"), priced("two", "2"));
    write(&file, &first);
    let server = Server::start(&data, &file);
    let other = dir.path().join("live.toml");
    write(&other, &live);
    on(&server, &secret, &["catalog", "put", other.to_str().expect("path")]);
    drop(server);

    // The file is as it was, and gives way; the log says how to choose.
    let server = Server::start(&data, &file);
    assert_eq!(on(&server, &secret, &["catalog", "show"]), live);
    let restore = format!("headworks catalog restore {}", &hash(&first)[..12]);
    for part in ["--catalog-force", &restore] {
        assert!(server.said.contains(part), "{}", server.said);
    }
    let history = on(&server, &secret, &["catalog", "history"]);
    let lines: Vec<&str> = history.lines().collect();
    assert_eq!(lines.len(), 2, "{history}");
    for part in ["*", &hash(&live)[..12], "two", "rate cards ~card"] {
        assert!(lines[0].contains(part), "`{part}`: {history}");
    }
    for part in [&hash(&first)[..12], "one", "_catalog_file", "plans +p"] {
        assert!(lines[1].contains(part), "`{part}`: {history}");
    }
    assert_eq!(on(&server, &secret, &["catalog", "show", &hash(&first)]), first);
    on(&server, &secret, &["catalog", "restore", &hash(&first)[..12]]);
    assert_eq!(on(&server, &secret, &["catalog", "show"]), first);
    drop(server);

    // A text that never was in force comes into force.
    let new = priced("three", "3");
    write(&file, &new);
    let server = Server::start(&data, &file);
    assert_eq!(on(&server, &secret, &["catalog", "show"]), new);
    drop(server);

    // What was is put back where that is meant.
    write(&file, &live);
    let server = Server::start_with(&data, &file, &["--catalog-force"]);
    assert_eq!(on(&server, &secret, &["catalog", "show"]), live);
}
