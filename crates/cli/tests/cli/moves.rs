//! A ledger that is erased from, backed up, restored, exported and taken over, in any order, stays whole.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::common::{Connection, Server, World, headworks, make_key};

const PEOPLE: [&str; 4] = ["team:t/user:alice", "team:t/user:bob", "user:carol", "team:s/key:k7"];
const ERASED: [&[&str]; 6] = [
    &["--segment", "user:alice"],
    &["--segment", "team:t"],
    &["--segment", "user:alice", "--segment", "team:t"],
    &["--segment", "key:k7"],
    &["--dimension", "customer=c1"],
    &["--dimension", "customer=c2", "--segment", "user:bob"],
];

/// A ledger that moves from directory to directory.
struct Ledger {
    root: tempfile::TempDir,
    secret: String,
    data: PathBuf,
    made: usize,
    log: String,
    /// Instants between records.
    instants: Vec<String>,
}

impl Ledger {
    fn begin() -> Self {
        let World { dir: root, secret } = World::new();
        let data = root.path().join("data");
        let ledger = Self { root, secret, data, made: 0, log: String::new(), instants: Vec::new() };
        let server = ledger.start();
        ledger.call(&server, "/v1/accounts", "o", r#"{"id":"acme"}"#);
        ledger.call(&server, "/v1/accounts/acme/grants", "g", r#"{"amount":"100","category":"purchased"}"#);
        ledger
    }

    fn start(&self) -> Server {
        Server::start(&self.data, &self.root.path().join("catalog.toml"))
    }

    fn call(&self, server: &Server, path: &str, key: &str, body: &str) {
        let mut connection = Connection::open(server.address, &self.secret).expect("connects");
        let (status, answer) = connection.call("POST", path, key, body).expect("answers");
        assert!(status < 300, "{path}: {status} {answer}");
    }

    fn new_place(&mut self) -> PathBuf {
        self.made += 1;
        self.root.path().join(self.made.to_string())
    }

    fn run(&mut self, args: &[&str]) {
        let (ok, said) = self.said(args);
        assert!(ok, "{}: {said}", self.log);
    }

    fn erases(&mut self, args: &[&str]) -> bool {
        let (ok, said) = self.said(args);
        assert!(ok || said.contains("has what is to be erased; nothing was written"), "{}: {said}", self.log);
        ok
    }

    fn said(&mut self, args: &[&str]) -> (bool, String) {
        write!(self.log, "\n{}", args.join(" ")).expect("writes");
        let done = headworks().args(args).output().expect("runs");
        let said = [done.stdout, done.stderr].map(|b| String::from_utf8_lossy(&b).into_owned()).concat();
        (done.status.success(), said)
    }

    /// Uses something under every path, and notes an instant afterwards.
    fn use_it(&mut self) {
        let server = self.start();
        for (n, path) in PEOPLE.iter().enumerate() {
            let dimensions = json!({"model": "small", "customer": format!("c{n}")});
            let mut ask = json!({"account": "acme", "feature": "chat", "quantities": {"tokens": 1_000},
                "path": path, "dimensions": dimensions});
            let key = format!("{}-{n}", self.made);
            self.call(&server, "/v1/record", &key, &ask.to_string());
            ask["quantities"]["tokens"] = json!(900_000_000);
            // A denial tells of paths too.
            self.call(&server, "/v1/authorize", &key, &ask.to_string());
        }
        self.made += 1;
        self.instants.push(headworks_engine::wall().to_string());
    }

    fn step(&mut self, kind: u64, choice: usize) {
        let (from, to) = (self.data.clone(), self.new_place());
        let (from, to) = (text(&from), text(&to));
        match kind {
            0 => return self.use_it(),
            1 | 2 => {
                let what = ERASED[choice % ERASED.len()];
                // Who was erased before is not there to be erased again.
                if !self.erases(&[&["erase", "acme", "--data", from, "--to", to], what].concat()) {
                    return;
                }
            }
            3 | 4 => {
                let copy = self.new_place();
                self.run(&["backup", "--data", from, "--to", text(&copy)]);
                let mut args = vec!["restore", "--from", text(&copy), "--data", to];
                let until = self.instants[choice % self.instants.len()].clone();
                if kind == 4 {
                    args.extend(["--until", &until]);
                }
                self.run(&args);
            }
            _ => {
                let (file, other) = (self.new_place(), self.new_place());
                self.run(&["export-account", "acme", "--data", from, "--out", text(&file)]);
                make_key(&other);
                drop(Server::start(&other, &self.root.path().join("catalog.toml")));
                self.run(&["import-account", text(&file), "--data", text(&other)]);
                self.run(&["reconcile", "--data", text(&other)]);
                self.run(&["export", "draws", "--data", from, "--out", to]);
                return;
            }
        }
        self.data = PathBuf::from(to);
    }

    fn is_whole(&mut self) {
        let data = self.data.clone();
        self.run(&["reconcile", "--data", text(&data)]);
        self.run(&["replay", "--data", text(&data)]);
    }

    /// A statement of the account verifies with the key of the ledger's server.
    fn verifies(&mut self) {
        let server = self.start();
        let url = format!("http://{}", server.address);
        let call = |args: &[&str]| {
            let done = headworks()
                .args(["--server", &url, "--api-key", &self.secret])
                .args(args)
                .output()
                .expect("runs");
            assert!(done.status.success(), "{}: {}", self.log, String::from_utf8_lossy(&done.stderr));
            String::from_utf8(done.stdout).expect("text")
        };
        let file = self.root.path().join("statement.json");
        std::fs::write(&file, call(&["statement", "acme", "--format", "json"])).expect("writes");
        let key = call(&["signing-key"]);
        call(&["verify", text(&file), "--key", key.trim()]);
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path")
}

#[test]
fn any_order_of_erasing_restoring_and_moving_is_clean() {
    // Each sequence begins with an erasure and a restore to a time before it; the rest is drawn.
    for seed in 0..3_u64 {
        let mut ledger = Ledger::begin();
        ledger.use_it();
        ledger.use_it();
        let mut random = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let mut next = || {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random
        };
        for fixed in [1, 4] {
            ledger.step(fixed, usize::try_from(seed).expect("small"));
            ledger.is_whole();
        }
        for _ in 0..5 {
            let (kind, choice) = (next() % 6, usize::try_from(next() % 1_000).expect("small"));
            ledger.step(kind, choice);
            ledger.is_whole();
        }
        ledger.verifies();
    }
}
