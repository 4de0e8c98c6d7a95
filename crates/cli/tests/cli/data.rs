//! Use that comes in from files, and datasets that go out to them.

use std::fmt::Write as _;
use std::fs::File;
use std::time::Duration;

use parquet::file::reader::{FileReader as _, SerializedFileReader};
use parquet::record::RowAccessor as _;
use serde_json::{Value, json};

use crate::common::{Server, World, headworks};

impl World {
    /// Runs `headworks import`; tells whether it succeeded, and what it printed.
    fn import(&self, server: &Server, file: &str, more: &[&str]) -> (bool, Value, String) {
        let done = headworks()
            .args([
                "--json",
                "--server",
                &format!("http://{}", server.address),
                "--api-key",
                &self.secret,
                "import",
            ])
            .arg(self.path(file))
            .args(more)
            .output()
            .expect("runs");
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        (done.status.success(), serde_json::from_slice(&done.stdout).unwrap_or_default(), said)
    }

    /// How many rows of a file have been answered for.
    fn noted(&self, file: &str) -> u64 {
        let noted = std::fs::read(self.path(&format!("{file}.imported"))).unwrap_or_default();
        serde_json::from_slice::<Value>(&noted).unwrap_or_default()["rows"].as_u64().unwrap_or(0)
    }

    fn rejected(&self, file: &str) -> Vec<Value> {
        let kept = std::fs::read_to_string(self.path(&format!("{file}.rejected.ndjson"))).unwrap_or_default();
        kept.lines().map(|line| serde_json::from_str(line).expect("json")).collect()
    }

    fn export(&self, args: &[&str]) -> Vec<u8> {
        let done =
            headworks().args(["export", "--data"]).arg(self.path("data")).args(args).output().expect("runs");
        assert!(done.status.success(), "{args:?}: {}", String::from_utf8_lossy(&done.stderr));
        done.stdout
    }
}

fn table(rows: usize) -> String {
    let mut text = "id,subject,type,tokens,model,path\n".to_owned();
    for n in 0..rows {
        writeln!(text, "e{n},acme,chat,1000,small,user:u{}", n % 7).expect("writes");
    }
    text
}

#[test]
fn an_import_goes_on_where_it_stopped() {
    let w = World::new();
    let mut server = w.start();
    w.open(&server);
    // 20,000 rows of 1,000 tokens at 1.875 credits a million: 37.5 credits.
    std::fs::write(w.path("use.csv"), table(20_000)).expect("writes");
    let (url, secret, file) = (format!("http://{}", server.address), w.secret.clone(), w.path("use.csv"));
    let importing = std::thread::spawn(move || {
        headworks().args(["--server", &url, "--api-key", &secret, "import"]).arg(file).output().expect("runs")
    });
    // The server dies in the middle of it.
    while w.noted("use.csv") < 2_000 {
        std::thread::sleep(Duration::from_millis(5));
    }
    server.child.kill().expect("kills");
    assert!(!importing.join().expect("ends").status.success(), "an import without a server fails");
    let noted = w.noted("use.csv");
    assert!((2_000..20_000).contains(&noted), "{noted}");
    drop(server);
    let server = w.start();
    let (ok, report, said) = w.import(&server, "use.csv", &[]);
    assert!(ok, "{said}");
    let count = |name: &str| report[name].as_u64().expect("number");
    assert_eq!((count("before"), count("events")), (noted, 20_000));
    assert_eq!(count("accepted") + count("duplicates"), 20_000 - noted);
    let balances = w.call(&server, "GET", "/v1/accounts/acme/balances", "", &json!({}));
    assert_eq!((&balances["spent"], &balances["available"]), (&json!("37.5"), &json!("62.5")));
    // Once more from the beginning: every event is known.
    let (ok, report, said) = w.import(&server, "use.csv", &["--restart"]);
    assert!(ok, "{said}");
    assert_eq!((&report["duplicates"], &report["accepted"]), (&json!(20_000), &json!(0)));
}

#[test]
fn what_is_refused_is_kept_with_the_reason() {
    let w = World::new();
    let server = w.start();
    w.open(&server);
    let event = |id: &str, feature: &str, tokens: Value| {
        json!({"specversion": "1.0", "id": id, "source": "test", "type": feature, "subject": "acme",
            "data": {"tokens": tokens, "model": "small"}})
    };
    let events = [
        event("a", "chat", json!(1_000_000)),
        event("b", "video", json!(1)),
        event("c", "chat", json!("2000000")),
        event("d", "chat", json!(1.5)),
    ];
    let lines: String = events.iter().map(|e| format!("{e}\n")).collect();
    std::fs::write(w.path("use.ndjson"), lines).expect("writes");
    let (ok, report, said) = w.import(&server, "use.ndjson", &[]);
    assert!(!ok && said.contains("2 events were refused"), "{said}");
    assert_eq!((&report["accepted"], &report["refused"]), (&json!(2), &json!(2)));
    let kept = w.rejected("use.ndjson");
    let why: Vec<(&Value, &str)> =
        kept.iter().map(|k| (&k["event"]["id"], k["problem"]["detail"].as_str().expect("detail"))).collect();
    assert_eq!(why[0], (&json!("b"), "the catalog has no feature `video`"));
    assert_eq!(why[1], (&json!("d"), "`data.tokens`: `1.5` is not a whole number of units"));
    let balances = w.call(&server, "GET", "/v1/accounts/acme/balances", "", &json!({}));
    assert_eq!(balances["spent"], "5.625");
    std::fs::write(w.path("bad.csv"), "subject,type\nacme,chat\n").expect("writes");
    let (ok, _, said) = w.import(&server, "bad.csv", &[]);
    assert!(!ok && said.contains("names no column `id`"), "{said}");
}

#[test]
fn each_row_is_recorded_or_rejected() {
    let w = World::new();
    let server = w.start();
    w.open(&server);
    let event = |id: &str, tokens: u64| {
        format!(
            r#"{{"specversion":"1.0","id":"{id}","source":"s","type":"chat","subject":"acme","data":{{"tokens":{tokens}}}}}"#
        )
    };
    let lines = [
        event("1", 1),
        "not json".into(),
        String::new(),
        event("2", 2).replace("\"tokens\"", "\"tokens\":1,\"tokens\""),
        event("3", 4).replace("tokens", "token"),
        "[1]".into(),
        event("4", 8),
        "{\"specversion\": \"1.0".into(),
    ]
    .join("\r\n");
    let table = |rows: &str| format!("id,subject,type,tokens,note\n{rows}").into_bytes();
    // The file, whether it is read at all, the tokens that are recorded, and the rows that are rejected.
    #[rustfmt::skip]
    type File = (&'static str, Vec<u8>, bool, u32, Vec<u64>);
    let files: Vec<File> = vec![
        ("lines.ndjson", lines.into_bytes(), true, 9, vec![2, 4, 5, 6, 8]),
        ("bom.ndjson", [b"\xef\xbb\xbf".to_vec(), event("5", 1).into_bytes()].concat(), true, 1, vec![]),
        (
            "list.json",
            format!("\n[{},5,null,{}]", event("6", 1), event("7", 2)).into_bytes(),
            true,
            3,
            vec![2, 3],
        ),
        (
            "ragged.csv",
            table("1,acme,chat,1,a\n2,acme,chat\n3,acme,chat,4,b,c\n4,acme,chat,8,d\n"),
            true,
            9,
            vec![3, 4],
        ),
        (
            "latin1.csv",
            [table("1,acme,chat,1,a\n2,acme,chat,2,"), b"\xe9\n3,acme,chat,4,b\n".to_vec()].concat(),
            true,
            5,
            vec![3],
        ),
        (
            "typos.csv",
            b"id,subject,type,token\n1,acme,chat,1\n2,acme,chat,\"1,000\"\n".to_vec(),
            true,
            0,
            vec![2, 3],
        ),
        ("nothing.csv", b"id,subject,type\n1,acme,chat\n".to_vec(), true, 0, vec![2]),
        ("spaces.csv", b"id, subject, type, tokens\r\n1 , acme, chat, 5\r\n".to_vec(), true, 5, vec![]),
        (
            "quoted.csv",
            table("\"1\n1\",acme,chat,1,\"x, y\"\n2,acme,chat,x,\n3,acme,chat,1,\"x, y\"\n"),
            true,
            1,
            vec![2, 4],
        ),
        ("twice.csv", b"id,subject,type,tokens,tokens\n1,acme,chat,1,2\n".to_vec(), false, 0, vec![]),
        ("semicolons.csv", b"id;subject;type;tokens\n1;acme;chat;1\n".to_vec(), false, 0, vec![]),
        (
            "wide.csv",
            "id,subject,type,tokens\n1,acme,chat,1\n"
                .encode_utf16()
                .flat_map(|u| [b"\xff\xfe".to_vec(), u.to_le_bytes().to_vec()].concat())
                .collect(),
            false,
            0,
            vec![],
        ),
        ("broken.json", b"[{\"id\": 1}, ".to_vec(), false, 0, vec![]),
    ];
    let tokens = || {
        let balances = w.call(&server, "GET", "/v1/accounts/acme/balances", "", &json!({}));
        let spent: f64 = balances["spent"].as_str().expect("spent").parse().expect("a number");
        (spent * 1e6 / 1.875).round()
    };
    for (file, bytes, is_read, recorded, rejected) in files {
        std::fs::write(w.path(file), bytes).expect("writes");
        let before = tokens();
        let (ok, report, said) = w.import(&server, file, &[]);
        assert_eq!(ok, is_read && rejected.is_empty(), "{file}: {said}");
        assert_eq!(tokens() - before, f64::from(recorded), "{file}: {said}");
        let rows =
            |kept: &[Value]| kept.iter().map(|k| k["row"].as_u64().expect("a row")).collect::<Vec<_>>();
        let kept = w.rejected(file);
        assert_eq!(rows(&kept), rejected, "{file}: {said}");
        assert!(
            kept.iter().all(|k| k["problem"]["detail"].as_str().is_some_and(|d| !d.is_empty())),
            "{kept:?}"
        );
        if is_read {
            assert_eq!(report["refused"], rejected.len(), "{file}");
            // Once more from the beginning: nothing is recorded or rejected twice.
            w.import(&server, file, &["--restart"]);
            assert_eq!(
                (rows(&w.rejected(file)), tokens() - before),
                (rejected, f64::from(recorded)),
                "{file}"
            );
        } else {
            assert!(!w.path(&format!("{file}.rejected.ndjson")).exists(), "{file}");
        }
    }
    // Next month's table under the same name is another file; a corrected one sends what it has been given.
    let march = "id,subject,type,tokens\nm1,acme,chat,1\nm2,acme,chat,2\n";
    let april = "id,subject,type,tokens\na1,acme,chat,10\na2,acme,chat,x\na3,acme,chat,40\n";
    for (text, recorded, rejected) in [
        (march, 3.0, 0),
        (april, 50.0, 1),
        (april, 0.0, 1),
        (&april.replace('x', "20"), 20.0, 0),
        (march, 0.0, 0),
    ] {
        let before = tokens();
        std::fs::write(w.path("usage.csv"), text).expect("writes");
        w.import(&server, "usage.csv", &[]);
        assert_eq!((tokens() - before, w.rejected("usage.csv").len()), (recorded, rejected), "{text}");
    }
}

#[test]
fn datasets_go_out_in_every_form() {
    let w = World::new();
    let server = w.start();
    w.open(&server);
    std::fs::write(w.path("use.csv"), table(3)).expect("writes");
    assert!(w.import(&server, "use.csv", &[]).0);
    drop(server);
    let csv = String::from_utf8(w.export(&["lines"])).expect("text");
    assert_eq!(csv.lines().count(), 4);
    let out = w.path("lines.parquet");
    w.export(&["lines", "--format", "parquet", "--out", out.to_str().expect("path")]);
    let table = SerializedFileReader::new(File::open(&out).expect("opens")).expect("a parquet file");
    let mut rows = 0;
    for row in table.get_row_iter(None).expect("rows") {
        let row = row.expect("row");
        let at = |name: &str| {
            row.get_column_iter().position(|(column, _)| column == name).unwrap_or_else(|| panic!("{name}"))
        };
        assert_eq!(row.get_string(at("account")).expect("text"), "acme");
        assert_eq!(row.get_long(at("quantity")).expect("number"), 1_000);
        let amount = row.get_decimal(at("amount")).expect("a decimal");
        assert_eq!(crate::reports::billionths(amount), 1_875_000);
        assert!(row.get_timestamp_micros(at("effective_at")).expect("instant") > 1_700_000_000_000_000);
        rows += 1;
    }
    assert_eq!(rows, 3);
    let events = String::from_utf8(w.export(&["charges", "--format", "cloudevents"])).expect("text");
    let events: Vec<Value> = events.lines().map(|l| serde_json::from_str(l).expect("json")).collect();
    assert_eq!(events.len(), 3);
    let id = events[0]["id"].as_str().expect("an id").rsplit_once('/').expect("a hash");
    assert_eq!((&events[0]["type"], id.0, id.1.len()), (&json!("dev.headworks.charge"), "acme~3/charge", 8));
    assert_eq!(events[0]["data"]["price"], "0.001875");
    let movements = String::from_utf8(w.export(&["movements", "--format", "cloudevents"])).expect("text");
    assert_eq!(movements.lines().count(), 4);
    let statement = String::from_utf8(w.export(&["statements", "--account", "acme"])).expect("text");
    assert_eq!(statement.lines().count(), 5, "a head, a grant, three charges");
    assert!(
        statement.lines().last().is_some_and(|l| l.contains("charge,-0.001875,99.994375")),
        "{statement}"
    );
    let entries = String::from_utf8(w.export(&["statements", "--format", "cloudevents"])).expect("text");
    assert!(
        entries.lines().all(|l| l.contains("dev.headworks.statement.entry")) && entries.lines().count() == 4
    );
    let refused = headworks()
        .args(["export", "draws", "--format", "cloudevents", "--data"])
        .arg(w.path("data"))
        .output()
        .expect("runs");
    assert!(!refused.status.success());
}

/// Whether a text stands in any file below a directory.
fn occurs(dir: &std::path::Path, text: &str) -> bool {
    std::fs::read_dir(dir).expect("reads").any(|entry| {
        let path = entry.expect("entry").path();
        if path.is_dir() {
            return occurs(&path, text);
        }
        let bytes = std::fs::read(&path).expect("reads");
        bytes.windows(text.len()).any(|w| w == text.as_bytes())
    })
}

fn run(args: &[&std::ffi::OsStr]) -> (bool, String) {
    let done = headworks().args(args).output().expect("runs");
    let said = [done.stdout, done.stderr].map(|b| String::from_utf8_lossy(&b).into_owned()).concat();
    (done.status.success(), said)
}

macro_rules! headworks {
    ($($arg:expr),*) => { run(&[$(std::ffi::OsStr::new(&$arg)),*]) };
}

#[test]
fn an_erasure_that_would_do_nothing_or_harm_is_refused() {
    let w = World::new();
    let server = w.start();
    w.open(&server);
    drop(server);
    let (data, new) = (w.path("data"), w.path("new"));
    let inside = data.join("new");
    for (account, to, segment, wanted) in [
        ("acme", &new, "user:nobody", "no record of account acme has what is to be erased"),
        ("nobody", &new, "user:nobody", "there is no account nobody"),
        ("acme", &inside, "user:nobody", "are one inside the other"),
        ("acme", &data, "user:nobody", "are one directory"),
    ] {
        let (ok, said) = headworks!("erase", account, "--data", &data, "--to", to, "--segment", segment);
        assert!(!ok && said.contains(wanted), "{said}");
        assert!(!new.exists() && !inside.exists(), "nothing is left behind");
    }
    let (ok, said) = headworks!("backup", "--data", &data, "--to", data.join("backup"));
    assert!(!ok && said.contains("are one inside the other"), "{said}");
    let (ok, said) = headworks!("restore", "--from", &data, "--data", &inside);
    assert!(!ok && said.contains("are one inside the other"), "{said}");
    let (ok, said) = headworks!("backup", "--data", &data, "--to", &new);
    assert!(ok, "{said}");
    let (ok, said) = headworks!("restore", "--from", &data, "--data", &new);
    assert!(!ok && said.contains("has a ledger already"), "{said}");
}

#[test]
fn a_test_ledger_is_restored_to_a_time_of_its_clock() {
    let w = World::new();
    let (data, then) = (w.path("data"), w.path("then"));
    let clock = ["--test-clock", "2026-03-01T00:00:00Z"];
    let server = Server::start_with(&data, &w.path("catalog.toml"), &clock);
    w.open(&server);
    w.call(&server, "POST", "/v1/test-clock/advance", "", &json!({"to": "2026-03-05T00:00:00Z"}));
    let late = json!({"amount": "7", "category": "purchased"});
    w.call(&server, "POST", "/v1/accounts/acme/grants", "late", &late);
    drop(server);
    let (ok, said) =
        headworks!("restore", "--from", &data, "--data", &then, "--until", "2026-03-03T00:00:00Z");
    assert!(ok, "{said}");
    for check in ["reconcile", "replay"] {
        let (ok, said) = headworks!(check, "--data", &then);
        assert!(ok, "{said}");
    }
    // Its keys, catalog and clock have come with it.
    let server =
        Server::start_with(&then, &w.path("catalog.toml"), &["--test-clock", "2026-03-03T00:00:00Z"]);
    let balances = w.call(&server, "GET", "/v1/accounts/acme/balances", "", &json!({}));
    assert_eq!(balances["available"], "100");
}

#[test]
fn an_erased_person_is_in_no_file_and_the_ledger_reconciles() {
    let w = World::new();
    let server = w.start();
    w.open(&server);
    let mut table = String::from("id,subject,type,tokens,path,customer\n");
    for n in 0..40 {
        let who = if n % 2 == 0 { "user:zaphod-beeblebrox" } else { "user:trillian" };
        writeln!(table, "e{n},acme,chat,1000000,{who},order-{n}").expect("writes");
    }
    std::fs::write(w.path("use.csv"), table).expect("writes");
    assert!(w.import(&server, "use.csv", &[]).0);
    let hook = json!({"url": "http://127.0.0.1:9/", "from": "now"});
    w.call(&server, "PUT", "/v1/webhooks/hook", "h", &hook);
    drop(server);
    assert!(occurs(&w.path("data").join("journal"), "zaphod-beeblebrox"));
    let (ok, said) = headworks!(
        "erase",
        "acme",
        "--data",
        w.path("data"),
        "--to",
        w.path("new"),
        "--segment",
        "user:zaphod-beeblebrox",
        "--dimension",
        "customer=order-7",
        "--reason",
        "asked for"
    );
    assert!(ok && said.contains("21 records of acme erased"), "{said}");
    assert!(!occurs(&w.path("new"), "zaphod-beeblebrox") && !occurs(&w.path("new"), "order-7"));
    assert!(occurs(&w.path("new").join("journal"), "trillian"));
    let (ok, said) = headworks!("reconcile", "--data", w.path("new"));
    assert!(ok, "{said}");
    std::fs::rename(w.path("new"), w.path("data2")).expect("moves");
    std::fs::remove_dir_all(w.path("data")).expect("destroys");
    std::fs::rename(w.path("data2"), w.path("data")).expect("moves");
    let server = w.start();
    let balances = w.call(&server, "GET", "/v1/accounts/acme/balances", "", &json!({}));
    assert_eq!((&balances["spent"], &balances["available"]), (&json!("75"), &json!("25")));
    // What webhooks have had is not sent again.
    let hooks = w.call(&server, "GET", "/v1/webhooks", "", &json!({}));
    assert_eq!(hooks["webhooks"][0]["attempts"], 0);
}

#[test]
fn an_account_moves_to_another_ledger() {
    let w = World::new();
    let server = w.start();
    w.open(&server);
    std::fs::write(w.path("use.csv"), table(50)).expect("writes");
    assert!(w.import(&server, "use.csv", &[]).0);
    drop(server);
    let other = World::new();
    let (ok, said) =
        headworks!("export-account", "acme", "--data", w.path("data"), "--out", w.path("acme.ndjson"));
    assert!(ok && said.contains("52 records"), "{said}");
    let whole = std::fs::read_to_string(w.path("acme.ndjson")).expect("reads");
    // One letter of one record is enough to refuse the file.
    let at = whole.find("\"bytes\":\"").expect("bytes") + 60;
    let letter = if whole.as_bytes()[at] == b'0' { "1" } else { "0" };
    let altered = format!("{}{letter}{}", &whole[..at], &whole[at + 1..]);
    std::fs::write(w.path("altered.ndjson"), altered).expect("writes");
    let (ok, said) = headworks!("import-account", w.path("altered.ndjson"), "--data", other.path("data"));
    assert!(!ok, "{said}");
    // What was decided on a catalog that the other ledger never had could not be replayed there.
    let (ok, said) = headworks!("import-account", w.path("acme.ndjson"), "--data", other.path("data"));
    assert!(!ok && said.contains("52 records of acme do not replay"), "{said}");
    drop(other.start());
    let (ok, said) = headworks!("import-account", w.path("acme.ndjson"), "--data", other.path("data"));
    assert!(ok, "{said}");
    let (ok, said) = headworks!("replay", "--data", other.path("data"));
    assert!(ok, "{said}");
    let (ok, said) = headworks!("import-account", w.path("acme.ndjson"), "--data", other.path("data"));
    assert!(!ok && said.contains("already"), "{said}");
    let server = other.start();
    let balances = other.call(&server, "GET", "/v1/accounts/acme/balances", "", &json!({}));
    assert_eq!(balances["spent"], "0.09375");
}

/// A receiver that refuses until `accepts` is set, and notes what it got.
struct Receiver {
    url: String,
    accepts: std::sync::Arc<std::sync::atomic::AtomicBool>,
    ids: std::sync::Arc<std::sync::Mutex<Vec<(String, bool)>>>,
}

impl Receiver {
    fn start() -> Self {
        use std::io::{BufRead as _, Read as _, Write as _};
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("binds");
        let url = format!("http://{}/", listener.local_addr().expect("address"));
        let accepts = std::sync::Arc::<std::sync::atomic::AtomicBool>::default();
        let ids = std::sync::Arc::<std::sync::Mutex<Vec<(String, bool)>>>::default();
        let (open, seen) = (accepts.clone(), ids.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let mut stream = std::io::BufReader::new(stream);
                let (mut id, mut length) = (String::new(), 0);
                loop {
                    let mut line = String::new();
                    if stream.read_line(&mut line).unwrap_or(0) <= 2 {
                        break;
                    }
                    let line = line.trim_end().to_lowercase();
                    if let Some(value) = line.strip_prefix("webhook-id: ") {
                        value.clone_into(&mut id);
                    }
                    if let Some(value) = line.strip_prefix("content-length: ") {
                        length = value.parse().unwrap_or(0);
                    }
                }
                let _ = stream.read_exact(&mut vec![0; length]);
                let accepted = open.load(std::sync::atomic::Ordering::SeqCst);
                seen.lock().expect("lock").push((id, accepted));
                let status = if accepted { "204 OK" } else { "500 NO" };
                let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                let _ = stream.get_mut().write_all(answer.as_bytes());
            }
        });
        Self { url, accepts, ids }
    }

    fn wait(&self, what: impl Fn(&[(String, bool)]) -> bool) -> Vec<(String, bool)> {
        for _ in 0..600 {
            let seen = self.ids.lock().expect("lock").clone();
            if what(&seen) {
                return seen;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("waited in vain: {:?}", self.ids.lock());
    }
}

#[test]
fn a_killed_server_sends_what_was_not_acknowledged() {
    let w = World::new();
    let receiver = Receiver::start();
    let mut server = w.start();
    w.open(&server);
    w.call(&server, "PUT", "/v1/webhooks/all", "h", &json!({"url": receiver.url, "events": ["charge"]}));
    std::fs::write(w.path("use.csv"), table(20)).expect("writes");
    assert!(w.import(&server, "use.csv", &[]).0);
    receiver.wait(|seen| !seen.is_empty());
    server.child.kill().expect("kills");
    server.child.wait().expect("ends");
    receiver.accepts.store(true, std::sync::atomic::Ordering::SeqCst);
    let mut server = w.start();
    let expected: Vec<String> = (3..23).map(|seq| format!("acme~{seq}/charge")).collect();
    // An id names the record and the kind; what follows is the beginning of the record's hash.
    let named = |id: &str| id.rsplit_once('/').expect("a hash").0.to_owned();
    let accepted = |seen: &[(String, bool)]| -> Vec<String> {
        seen.iter().filter(|(_, ok)| *ok).map(|(id, _)| named(id)).collect()
    };
    let seen = receiver.wait(|seen| accepted(seen).len() >= 20);
    assert!(
        !seen[0].1 && seen[0].0 == seen[1].0 && named(&seen[0].0) == expected[0],
        "the first was refused, and is sent again: {seen:?}"
    );
    assert_eq!(accepted(&seen), expected, "each once, in order");
    // Killed once more: at most what had just been sent comes again, under the same ids.
    server.child.kill().expect("kills");
    drop(server);
    let server = w.start();
    std::fs::write(w.path("more.csv"), table(21).replace("e20,", "extra,")).expect("writes");
    let source = ["--source", "csv:use.csv"];
    assert!(w.import(&server, "more.csv", &source).0);
    let seen = receiver.wait(|seen| accepted(seen).contains(&"acme~23/charge".to_owned()));
    let distinct: std::collections::BTreeSet<_> = accepted(&seen).into_iter().collect();
    assert_eq!(distinct.len(), 21);
}
