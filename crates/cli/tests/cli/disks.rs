//! Small disks: full at every moment, and read-only. The test runs itself again in a mount namespace of its own, where it may
//! mount a tmpfs.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::common::{CATALOG, Connection, Server, headworks, make_key};

const SMALL: &str = "HEADWORKS_SMALL_DISK";

/// Runs the named test again where the directory it is given is a disk of `size`.
fn on_a_small_disk(test: &str, size: &str, act: impl FnOnce(PathBuf)) {
    if let Some(disk) = std::env::var_os(SMALL) {
        return act(disk.into());
    }
    let dir = tempfile::tempdir().expect("directory");
    let script = "mount -t tmpfs -o size=$SIZE tmpfs \"$HEADWORKS_SMALL_DISK\" && exec \"$@\"";
    let output = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"])
        .arg(std::env::current_exe().expect("this test"))
        .args(["--exact", test, "--nocapture"])
        .env(SMALL, dir.path())
        .env("SIZE", size)
        .output()
        .expect("unshare of util-linux");
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
}

fn catalog() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().expect("directory");
    let path = dir.path().join("catalog.toml");
    std::fs::write(&path, CATALOG).expect("writes");
    (dir, path)
}

fn open_account(connection: &mut Connection) {
    let opened = connection.call("POST", "/v1/accounts", "open", r#"{"id":"acme"}"#).expect("answers");
    assert_eq!(opened.0, 200, "{opened:?}");
    let grant = r#"{"amount":"1000","category":"purchased"}"#;
    assert_eq!(connection.call("POST", "/v1/accounts/acme/grants", "grant", grant).expect("answers").0, 200);
}

fn body(n: usize) -> String {
    // A long path makes records large, so that the disk is soon full.
    let path = format!("team:{}/user:{}", "t".repeat(60), "u".repeat(60));
    json!({"account": "acme", "feature": "chat", "quantities": {"tokens": n % 7}, "path": path, "settle": "now"})
        .to_string()
}

fn reconciles(data: &Path) {
    let pass = headworks().args(["--json", "reconcile", "--data"]).arg(data).output().expect("runs");
    assert!(pass.status.success(), "{}", String::from_utf8_lossy(&pass.stdout));
}

/// What a server says that does not start.
fn refused_start(data: &Path, catalog: &Path) -> String {
    let mut serve = headworks();
    serve.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(data).arg("--catalog").arg(catalog);
    let ended = serve.output().expect("runs");
    assert!(!ended.status.success());
    String::from_utf8_lossy(&ended.stderr).into_owned()
}

#[test]
fn a_full_disk_loses_nothing_acknowledged() {
    on_a_small_disk("disks::a_full_disk_loses_nothing_acknowledged", "16m", |disk| {
        let (_dir, catalog) = catalog();
        let (data, ballast) = (disk.join("data"), disk.join("ballast"));
        let secret = make_key(&data);
        let mut answered: Vec<Value> = Vec::new();
        // Each round leaves another little room, so that the disk is full at another write.
        for room in [5_u64 << 20, 1 << 20, 40_000] {
            let server = Server::start(&data, &catalog);
            let mut connection = Connection::open(server.address, &secret).expect("connects");
            if answered.is_empty() {
                open_account(&mut connection);
            }
            fill(&ballast, &disk, room);
            let refused = loop {
                let n = answered.len();
                match connection.call("POST", "/v1/authorize", &format!("k{n}"), &body(n)) {
                    Ok((200, answer)) => {
                        assert_eq!(answer["outcome"], "allow");
                        answered.push(answer);
                    }
                    other => break other,
                }
                assert!(n < 200_000, "the disk is never full");
            };
            // Refused as unavailable, not as denied; and nothing is acknowledged from here on.
            if let Ok((status, problem)) = refused {
                assert_eq!(status, 503, "{problem}");
                let ready = connection.call("GET", "/readyz", "", "").expect("answers");
                assert_eq!(ready.0, 503, "{ready:?}");
            }
            drop(server);
            std::fs::remove_file(&ballast).expect("frees the disk");
        }
        let server = Server::start(&data, &catalog);
        let mut connection = Connection::open(server.address, &secret).expect("connects");
        for (n, answer) in answered.iter().enumerate() {
            let (status, again) =
                connection.call("POST", "/v1/authorize", &format!("k{n}"), &body(n)).expect("answers");
            assert_eq!((status, &again["replayed"]), (200, &json!(true)), "k{n} was lost: {again}");
            assert_eq!(again["decision_id"], answer["decision_id"], "k{n}");
        }
        drop(server);
        reconciles(&data);
    });
}

/// Writes a file that leaves so much of the disk.
fn fill(ballast: &Path, disk: &Path, room: u64) {
    let free = Command::new("df").args(["-B1", "--output=avail"]).arg(disk).output().expect("df");
    let free = String::from_utf8_lossy(&free.stdout);
    let free: u64 = free.lines().last().and_then(|n| n.trim().parse().ok()).expect("a number");
    let bytes = vec![0; usize::try_from(free.saturating_sub(room)).expect("small")];
    std::fs::write(ballast, bytes).expect("fits");
}

#[test]
fn a_read_only_disk_is_refused_with_a_reason_and_left_as_it_is() {
    on_a_small_disk("disks::a_read_only_disk_is_refused_with_a_reason_and_left_as_it_is", "48m", |disk| {
        let (_dir, catalog) = catalog();
        let data = disk.join("data");
        let secret = make_key(&data);
        {
            let server = Server::start(&data, &catalog);
            let mut connection = Connection::open(server.address, &secret).expect("connects");
            open_account(&mut connection);
        }
        let remount = |how: &str| {
            let done = Command::new("mount").args(["-o", how]).arg(&disk).status().expect("mount");
            assert!(done.success());
        };
        remount("remount,ro");
        let said = refused_start(&data, &catalog);
        assert!(said.contains("Read-only file system"), "{said}");
        remount("remount,rw");
        let server = Server::start(&data, &catalog);
        let mut connection = Connection::open(server.address, &secret).expect("connects");
        let (status, balances) =
            connection.call("GET", "/v1/accounts/acme/balances", "", "").expect("answers");
        assert_eq!((status, &balances["available"]), (200, &json!("1000")));
        drop(server);
        reconciles(&data);
    });
}

#[test]
fn a_second_process_is_refused_and_harms_nothing() {
    let ((_dir, catalog), dir) = (catalog(), tempfile::tempdir().expect("directory"));
    let data = dir.path().join("data");
    let secret = make_key(&data);
    let server = Server::start(&data, &catalog);
    let said = refused_start(&data, &catalog);
    assert!(said.contains("in use"), "{said}");
    let mut connection = Connection::open(server.address, &secret).expect("connects");
    open_account(&mut connection);
    drop(server);
    reconciles(&data);
}
