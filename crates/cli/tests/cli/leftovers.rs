//! Files and directories that commands make: for their owner alone, and gone after a failure.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;

use crate::common::{CATALOG, Server, World, headworks, make_key};

/// Every path below a directory with the mode of the file or directory there.
fn modes(dir: &Path) -> BTreeMap<String, u32> {
    let mut out = BTreeMap::new();
    let mut open = vec![dir.to_path_buf()];
    while let Some(next) = open.pop() {
        for item in std::fs::read_dir(&next).expect("lists") {
            let path = item.expect("reads").path();
            let about = path.symlink_metadata().expect("is there");
            if about.is_dir() {
                open.push(path.clone());
            }
            let name = path.strip_prefix(dir).expect("inside").display().to_string();
            out.insert(name, about.permissions().mode() & 0o777);
        }
    }
    out
}

/// A ledger with a first segment that is none.
fn damaged(at: &Path) {
    make_key(at);
    let segment = at.join("journal/00000001.journal");
    let mut bytes = std::fs::read(&segment).expect("reads");
    bytes[..4].copy_from_slice(b"none");
    std::fs::write(segment, bytes).expect("writes");
}

#[test]
fn a_failed_command_leaves_nothing_behind() {
    let w = World::new();
    damaged(&w.path("broken"));
    std::fs::create_dir(w.path("empty")).expect("creates");
    std::fs::create_dir(w.path("other")).expect("creates");
    std::fs::write(w.path("other/notes.txt"), "kept").expect("writes");
    std::fs::write(w.path("wrong.toml"), "version = 1").expect("writes");
    std::fs::write(w.path("wrong.ndjson"), "nothing\n").expect("writes");
    let taken = TcpListener::bind("127.0.0.1:0").expect("binds");
    let taken = taken.local_addr().expect("an address").to_string();
    let loopback = "127.0.0.1:0";
    let before = modes(&w.path(""));
    for (args, why) in [
        (&["keys", "create", "--scope", "admin", "--data", "wrong.toml/data"][..], "Not a directory"),
        (&["keys", "create", "--scope", "admin", "--data", "broken"], "damaged"),
        (&["serve", "--listen", loopback, "--data", "new", "--catalog", "wrong.toml"], "wrong.toml"),
        (&["serve", "--listen", loopback, "--data", "new/a/b", "--catalog", "none.toml"], "none.toml"),
        (&["serve", "--listen", loopback, "--data", "empty", "--catalog", "none.toml"], "none.toml"),
        (&["serve", "--listen", loopback, "--data", "other", "--catalog", "none.toml"], "none.toml"),
        (&["serve", "--listen", &taken, "--data", "data", "--catalog", "catalog.toml"], "in use"),
        (&["serve", "--listen", loopback, "--data", "new", "--catalog", "catalog.toml"], "no API key"),
        (&["backup", "--data", "none", "--to", "new"], "none has no ledger"),
        (&["backup", "--data", "broken", "--to", "new/copy"], "damaged"),
        (&["backup", "--data", "broken", "--to", "empty"], "damaged"),
        (&["restore", "--from", "none", "--data", "new"], "none has no ledger"),
        (&["restore", "--from", "broken", "--data", "new"], "damaged"),
        (&["restore", "--from", "broken", "--data", "other"], "damaged"),
        (&["erase", "acme", "--data", "data", "--to", "new", "--segment", "user:a"], "no account acme"),
        (&["export-account", "acme", "--data", "data", "--out", "new"], "no account `acme`"),
        (&["export-account", "acme", "--data", "data", "--out", "data/new"], "inside"),
        (&["export", "lines", "--data", "data", "--format", "cloudevents", "--out", "new"], "CloudEvents"),
        (&["export", "usage", "--data", "data", "--out", "data/journal/new"], "inside"),
        (&["import-account", "wrong.ndjson", "--data", "data"], "line 1"),
        (&["import-account", "wrong.ndjson", "--data", "new"], "there is no ledger"),
        (&["import", "wrong.ndjson", "--server", "http://127.0.0.1:1"], ""),
    ] {
        let done = headworks().current_dir(w.path("")).args(args).output().expect("runs");
        let said = String::from_utf8_lossy(&done.stderr);
        assert_eq!(done.status.code(), Some(1), "{args:?}: {said}");
        assert!(said.contains(why), "{args:?} does not say `{why}`: {said}");
        let after = modes(&w.path(""));
        // The index of a ledger that was opened stays busy.
        let is_index = |name: &&String| name.starts_with("data/index/") || name.starts_with("broken/index/");
        let differ = |a: &BTreeMap<String, u32>, b: &BTreeMap<String, u32>| -> Vec<String> {
            a.keys().filter(|name| !b.contains_key(*name) && !is_index(name)).cloned().collect()
        };
        let (new, gone) = (differ(&after, &before), differ(&before, &after));
        assert!(new.is_empty() && gone.is_empty(), "{args:?} left {new:?}, and removed {gone:?}");
    }
}

#[test]
fn a_ledger_is_not_copied_into_itself() {
    let w = World::new();
    symlink(w.path("data"), w.path("link")).expect("links");
    let before = modes(&w.path(""));
    for (from, to) in [("data", "data"), ("data", "link"), ("link", "data"), ("data", "./data/../data")] {
        for args in [["backup", "--data", from, "--to", to], ["restore", "--from", from, "--data", to]] {
            let done = headworks().current_dir(w.path("")).args(args).output().expect("runs");
            let said = String::from_utf8_lossy(&done.stderr);
            assert!(!done.status.success() && said.contains("are one directory"), "{args:?}: {said}");
        }
    }
    for (from, to) in [("data", "data/copy"), ("data", "link/a/b"), ("link", "data/journal")] {
        for args in [["backup", "--data", from, "--to", to], ["restore", "--from", from, "--data", to]] {
            let done = headworks().current_dir(w.path("")).args(args).output().expect("runs");
            let said = String::from_utf8_lossy(&done.stderr);
            assert!(!done.status.success() && said.contains("one inside the other"), "{args:?}: {said}");
        }
    }
    assert_eq!(modes(&w.path("")), before, "nothing was touched");
}

/// Files are 0600 and directories 0700 under every umask.
#[test]
fn files_are_for_their_owner_alone() {
    let dir = tempfile::tempdir().expect("directory");
    std::fs::write(dir.path().join("catalog.toml"), CATALOG).expect("writes");
    let run = |args: &str| {
        let script = format!("umask 000; exec \"$0\" {args}");
        let done = Command::new("sh")
            .args(["-c", &script, env!("CARGO_BIN_EXE_headworks")])
            .current_dir(dir.path())
            .output()
            .expect("runs");
        assert!(done.status.success(), "{args}: {}", String::from_utf8_lossy(&done.stderr));
    };
    run("keys create --scope admin --data made/data");
    let server = Server::start(&dir.path().join("made/data"), &dir.path().join("catalog.toml"));
    drop(server);
    run("backup --data made/data --to made/copy");
    run("restore --from made/copy --data made/restored");
    run("keys create --scope read --data made/restored");
    run("export usage --data made/data --out made/usage.csv");
    let found = modes(&dir.path().join("made"));
    for name in ["data/signing.key", "copy/signing.key", "restored/signing.key", "restored/index"] {
        assert!(found.contains_key(name), "there is no {name}");
    }
    for (name, mode) in found {
        let is_directory = dir.path().join("made").join(&name).is_dir();
        assert_eq!(mode, if is_directory { 0o700 } else { 0o600 }, "{name} has mode {mode:o}");
    }
    assert_eq!(modes(dir.path())["made"], 0o700);
}
