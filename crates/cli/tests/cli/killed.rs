//! `kill -9` during load, again and again: nothing acknowledged is lost, no key is applied twice, the chain is whole.
//!
//! Ten times, or as often as `HEADWORKS_KILLS` says.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use headworks_core::account::Account;
use headworks_core::record::Name;
use serde_json::{Value, json};

use crate::common::{CATALOG, Connection, Server, headworks, make_key};

const ACCOUNTS: u64 = 8;
const WORKERS: u64 = 8;
const KILLS: u64 = 10;

/// What was acknowledged: the request's body and the answer, by key.
type Acknowledged = Arc<Mutex<HashMap<String, (String, String, Value)>>>;

fn without_replayed(mut answer: Value) -> Value {
    answer.as_object_mut().map(|o| o.remove("replayed"));
    answer
}

/// Authorizes and settles until the server goes away.
fn work(
    server: std::net::SocketAddr,
    secret: &str,
    worker: u64,
    cycle: u64,
    acknowledged: &Acknowledged,
    count: &AtomicU64,
    stop: &AtomicBool,
) {
    let Ok(mut connection) = Connection::open(server, secret) else { return };
    for n in 0.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let account = format!("account-{}", (n + worker) % ACCOUNTS);
        let key = format!("{cycle}-{worker}-{n}");
        let body =
            json!({"account": account, "feature": "chat", "quantities": {"tokens": 1_000 + n}}).to_string();
        let Ok((200, answer)) = connection.call("POST", "/v1/authorize", &key, &body) else { return };
        let hold = answer["decision_id"].clone();
        acknowledged.lock().expect("lock").insert(key.clone(), ("/v1/authorize".into(), body, answer));
        count.fetch_add(1, Ordering::Relaxed);
        // Every third hold stays open across the crash.
        if n % 3 == 0 {
            continue;
        }
        let body = json!({"hold": hold, "quantities": {"tokens": 700 + n}}).to_string();
        let key = format!("s-{key}");
        let Ok((200, answer)) = connection.call("POST", "/v1/settle", &key, &body) else { return };
        acknowledged.lock().expect("lock").insert(key, ("/v1/settle".into(), body, answer));
        count.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn nothing_acknowledged_is_lost() {
    let dir = tempfile::tempdir().expect("directory");
    let (data, catalog) = (dir.path().join("data"), dir.path().join("catalog.toml"));
    std::fs::write(&catalog, CATALOG).expect("writes");
    let secret = make_key(&data);
    let acknowledged: Acknowledged = Arc::default();
    let kills = std::env::var("HEADWORKS_KILLS").map_or(KILLS, |n| n.parse().expect("a number"));
    for cycle in 0..kills {
        let mut server = Server::start(&data, &catalog);
        if cycle == 0 {
            open_accounts(server.address, &secret);
        }
        let (count, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let workers: Vec<_> = (0..WORKERS)
            .map(|worker| {
                let (acknowledged, count, stop) =
                    (Arc::clone(&acknowledged), Arc::clone(&count), Arc::clone(&stop));
                let (address, secret) = (server.address, secret.clone());
                std::thread::spawn(move || {
                    work(address, &secret, worker, cycle, &acknowledged, &count, &stop)
                })
            })
            .collect();
        // Killed in full flight, after a number of answers that differs from cycle to cycle.
        while count.load(Ordering::Relaxed) < 100 + cycle % 10 * 37 {
            std::thread::yield_now();
        }
        server.child.kill().expect("kills");
        server.child.wait().expect("ends");
        stop.store(true, Ordering::Relaxed);
        workers.into_iter().for_each(|w| w.join().expect("joins"));
        let server = Server::start(&data, &catalog);
        let of_cycle = format!("{cycle}-");
        answers_again(server.address, &secret, &acknowledged, |key| {
            key.trim_start_matches("s-").starts_with(&of_cycle)
        });
        if cycle % 10 == 9 {
            folds(server.address, &secret);
        }
    }
    {
        let server = Server::start(&data, &catalog);
        answers_again(server.address, &secret, &acknowledged, |_| true);
        folds(server.address, &secret);
    }
    assert!(acknowledged.lock().expect("lock").len() > 1_000);
    let reconciled = headworks().args(["--json", "reconcile", "--data"]).arg(&data).output().expect("runs");
    assert!(reconciled.status.success(), "{}", String::from_utf8_lossy(&reconciled.stdout));
    let pass: Value = serde_json::from_slice(&reconciled.stdout).expect("JSON");
    assert_eq!((&pass["found"], &pass["books"]["difference"]), (&json!(0), &json!("0")), "{pass}");
}

fn open_accounts(address: std::net::SocketAddr, secret: &str) {
    let mut connection = Connection::open(address, secret).expect("connects");
    for n in 0..ACCOUNTS {
        let body = json!({"id": format!("account-{n}")}).to_string();
        assert_eq!(connection.call("POST", "/v1/accounts", "open", &body).expect("answers").0, 200);
        let body = json!({"amount": "1000", "category": "purchased"}).to_string();
        let path = format!("/v1/accounts/account-{n}/grants");
        assert_eq!(connection.call("POST", &path, "grant", &body).expect("answers").0, 200);
    }
}

/// After a restart: acknowledged requests answer again as they did.
fn answers_again(
    server: std::net::SocketAddr,
    secret: &str,
    acknowledged: &Acknowledged,
    which: impl Fn(&str) -> bool,
) {
    let mut connection = Connection::open(server, secret).expect("connects");
    let acknowledged = acknowledged.lock().expect("lock");
    for (key, (path, body, answer)) in acknowledged.iter().filter(|(key, _)| which(key)) {
        let (status, again) = connection.call("POST", path, key, body).expect("answers");
        assert_eq!(status, 200, "{key}: {again}");
        assert_eq!(again["replayed"], true, "{key} was lost");
        assert_eq!(without_replayed(again), without_replayed(answer.clone()), "{key} changed");
    }
}

/// Every log folds to its hash and balance, and no key is in it twice.
fn folds(server: std::net::SocketAddr, secret: &str) {
    let mut connection = Connection::open(server, secret).expect("connects");
    for n in 0..ACCOUNTS {
        let name = format!("account-{n}");
        let mut account = Account::empty(Name::new(&name).expect("name"));
        let mut keys = HashMap::new();
        let mut from = json!(1);
        while !from.is_null() {
            let path = format!("/v1/accounts/{name}/records?max=1000&from={from}");
            let (_, page) = connection.call("GET", &path, "", "").expect("answers");
            for record in page["records"].as_array().expect("records") {
                let hex = record["bytes"].as_str().expect("bytes");
                let bytes: Vec<u8> = (0..hex.len() / 2)
                    .map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).expect("hex"))
                    .collect();
                let hash = account.apply_bytes(&bytes).expect("folds");
                let hash: String = hash.iter().map(|b| format!("{b:02x}")).collect();
                assert_eq!(record["hash"], hash, "the chain breaks at {}", record["id"]);
                if let Some(key) = record["idempotency_key"].as_str() {
                    let kind = record["kind"].to_string();
                    assert!(keys.insert((kind, key.to_owned()), ()).is_none(), "{key} was applied twice");
                }
            }
            from = page["next"].clone();
        }
        account.check().expect("balances");
        let (_, balances) =
            connection.call("GET", &format!("/v1/accounts/{name}/balances"), "", "").expect("answers");
        assert_eq!(balances["spent"], account.books.spent.to_string());
    }
}

/// The log of a start tells how many records there are, however the server ended before.
#[test]
fn a_start_tells_how_many_records_there_are() {
    let dir = tempfile::tempdir().expect("directory");
    let (data, catalog) = (dir.path().join("data"), dir.path().join("catalog.toml"));
    std::fs::write(&catalog, CATALOG).expect("writes");
    let secret = make_key(&data);
    let recorded = || {
        let done = headworks().args(["--json", "reconcile", "--data"]).arg(&data).output().expect("runs");
        let pass: Value = serde_json::from_slice(&done.stdout).expect("a report");
        pass["records"].as_u64().expect("a number")
    };
    for round in 0..5 {
        let before = recorded();
        let mut server = Server::start(&data, &catalog);
        assert_eq!(server.records, before, "round {round}");
        let mut connection = Connection::open(server.address, &secret).expect("connects");
        let account = json!({"id": format!("a{round}")}).to_string();
        connection.call("POST", "/v1/accounts", "open", &account).expect("answers");
        if round % 2 == 0 {
            server.child.kill().expect("kills");
        } else {
            let id = server.child.id().to_string();
            assert!(
                std::process::Command::new("kill").args(["-TERM", &id]).status().expect("runs").success()
            );
        }
        server.child.wait().expect("ends");
        assert!(recorded() > before);
    }
}
