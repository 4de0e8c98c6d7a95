//! Commands: what they print, and how they fail.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Output, Stdio};

use crate::common::{CATALOG, Server, headworks, make_key};

fn run(args: &[&str]) -> Output {
    headworks().args(args).output().expect("runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Calls a running server.
fn call(server: &Server, secret: &str, args: &[&str]) -> Output {
    let url = format!("http://{}", server.address);
    headworks().args(["--server", &url, "--api-key", secret]).args(args).output().expect("runs")
}

/// Calls a running server, which must accept it; tells what was printed.
fn on(server: &Server, secret: &str, args: &[&str]) -> String {
    let done = call(server, secret, args);
    assert!(done.status.success(), "{args:?}: {}", text(&done.stderr));
    text(&done.stdout)
}

/// The catalogs that the documents and the examples show are correct.
#[test]
fn shown_catalogs_are_correct() {
    let dir = tempfile::tempdir().expect("directory");
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let guide = std::fs::read_to_string(format!("{root}/docs/catalog.md")).expect("the guide");
    let (_, after) = guide.split_once("```toml\n").expect("an example");
    let shown = dir.path().join("shown.toml");
    std::fs::write(&shown, after.split_once("```").expect("its end").0).expect("writes");
    let examples = std::fs::read_dir(format!("{root}/examples")).expect("examples");
    let mut files: Vec<_> = examples.map(|entry| entry.expect("an entry").path()).collect();
    // It is no catalog.
    files.retain(|file| !file.ends_with("gateway.toml"));
    assert!(files.len() >= 4, "{files:?}");
    files.push(shown);
    for file in files {
        let checked = run(&["check-catalog", file.to_str().expect("path")]);
        assert!(checked.status.success(), "{}: {}", file.display(), text(&checked.stderr));
    }
}

#[test]
fn check_catalog_names_file_line_and_fix() {
    let dir = tempfile::tempdir().expect("directory");
    let file = dir.path().join("catalog.toml");
    std::fs::write(&file, CATALOG).expect("writes");
    let path = file.to_str().expect("path");
    let good = run(&["check-catalog", path]);
    assert!(good.status.success() && text(&good.stdout).contains("is correct"), "{}", text(&good.stderr));
    std::fs::write(&file, CATALOG.replace("rate_card = \"card\"", "rate_card = \"cord\"")).expect("writes");
    let bad = run(&["check-catalog", path]);
    assert!(!bad.status.success());
    let said = text(&bad.stderr);
    assert!(
        said.contains(&format!("{path}: line 8: features.chat.rate_card: there is no rate card `cord`")),
        "{said}"
    );
    assert!(said.contains("write one of card"), "{said}");
}

#[test]
fn a_server_without_keys_says_how_to_make_one() {
    let dir = tempfile::tempdir().expect("directory");
    let data = dir.path().join("data");
    let refused =
        headworks().args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(&data).output().expect("runs");
    assert!(!refused.status.success());
    let said = text(&refused.stderr);
    assert!(
        said.contains(&format!("headworks keys create --data {} --scope admin", data.display())),
        "{said}"
    );
}

/// Runs a server until it listens or ends; what its log said.
fn serve(data: &Path, listen: &str, more: &[&str]) -> String {
    let mut command = headworks();
    command.args(["serve", "--listen", listen, "--data"]).arg(data).args(more).stderr(Stdio::piped());
    let mut child = command.spawn().expect("starts");
    let log = BufReader::new(child.stderr.take().expect("log"));
    let mut said = String::new();
    for line in log.lines() {
        said.push_str(&line.expect("reads"));
        if said.contains("listening") {
            break;
        }
    }
    child.kill().expect("kills");
    child.wait().expect("ends");
    said
}

#[test]
fn a_test_ledger_is_kept_apart() {
    let dir = tempfile::tempdir().expect("directory");
    let (data, catalog) = (dir.path().join("data"), dir.path().join("catalog.toml"));
    std::fs::write(&catalog, CATALOG).expect("writes");
    make_key(&data);
    let said = serve(&data, "0.0.0.0:0", &["--test-clock", "2026-03-01T00:00:00Z"]);
    assert!(said.contains("is not a loopback address"), "{said}");
    // It was refused before it was made a test ledger, and the key's instant sets no floor.
    let said = serve(&data, "127.0.0.1:0", &["--test-clock", "2026-03-01T00:00:00Z"]);
    assert!(said.contains("listening") && said.contains("2026-03-01T00:00:00Z"), "{said}");
    let said = serve(&data, "127.0.0.1:0", &[]);
    assert!(said.contains("serve it with --test-clock"), "{said}");
    make_key(&data);
    let said = serve(&data, "127.0.0.1:0", &["--test-clock", "2026-01-01T00:00:00Z"]);
    assert!(said.contains("2026-03-01T00:00:00Z"), "the ledger's last instant wins: {said}");
    let real = dir.path().join("real");
    let secret = make_key(&real);
    on(&Server::start(&real, &catalog), &secret, &["account", "open", "acme"]);
    let said = serve(&real, "127.0.0.1:0", &["--test-clock", "2026-03-01T00:00:00Z"]);
    assert!(said.contains("takes no test clock"), "{said}");
}

/// The reader of a command's output may stop after a line.
#[test]
fn a_closed_pipe_ends_a_command_quietly() {
    let dir = tempfile::tempdir().expect("directory");
    let (data, file) = (dir.path().join("data"), dir.path().join("catalog.toml"));
    std::fs::write(&file, CATALOG).expect("writes");
    make_key(&data);
    let (data, file) = (data.to_str().expect("path"), file.to_str().expect("path"));
    let copy = dir.path().join("copy");
    let commands: &[&[&str]] = &[
        &["check-catalog", file],
        &["check-catalog", file, "--json"],
        &["schema"],
        &["reconcile", "--data", data],
        &["replay", "--data", data],
        &["replay", "--data", data, "--catalog", file],
        &["export", "movements", "--data", data, "--format", "parquet"],
        &["export", "usage", "--data", data],
        &["export", "lines", "--data", data, "--json"],
        &["keys", "create", "--scope", "read", "--data", data],
        &["backup", "--data", data, "--to", copy.to_str().expect("path")],
        &["bench", "engine", "--accounts", "10", "--seconds", "0"],
    ];
    for command in commands {
        // Nobody reads from the beginning, so that every command finds out with its first line.
        let (reader, closed) = std::io::pipe().expect("a pipe");
        drop(reader);
        let done = headworks().args(*command).stdout(closed).output().expect("runs");
        assert_eq!(done.status.code(), Some(141), "{command:?}: {}", text(&done.stderr));
        assert!(!text(&done.stderr).contains("panicked"), "{command:?}: {}", text(&done.stderr));
        // The same where remarks go into the pipe as well.
        let (reader, closed) = std::io::pipe().expect("a pipe");
        drop(reader);
        let both = closed.try_clone().expect("a second end");
        let status = headworks().args(*command).stdout(closed).stderr(both).status().expect("runs");
        assert_eq!(status.code(), Some(141), "{command:?}");
    }
    // Pages of help end quietly as well.
    for command in [&["--help"][..], &["help", "serve"], &["keys", "create", "--help"], &["--version"]] {
        let (reader, closed) = std::io::pipe().expect("a pipe");
        drop(reader);
        let done = headworks().args(command).stdout(closed).output().expect("runs");
        assert_eq!(text(&done.stderr), "", "{command:?}");
    }
}

#[test]
fn a_second_process_on_the_directory_is_refused() {
    let dir = tempfile::tempdir().expect("directory");
    let (data, catalog) = (dir.path().join("data"), dir.path().join("catalog.toml"));
    std::fs::write(&catalog, CATALOG).expect("writes");
    make_key(&data);
    let _server = Server::start(&data, &catalog);
    let second =
        headworks().args(["keys", "create", "--scope", "read", "--data"]).arg(&data).output().expect("runs");
    assert!(!second.status.success());
    assert!(text(&second.stderr).contains("in use by another process"), "{}", text(&second.stderr));
}

#[test]
fn an_unreachable_server_is_named() {
    let port = crate::common::free_port();
    let failed = run(&["--server", &format!("http://127.0.0.1:{port}"), "account", "list"]);
    assert!(!failed.status.success());
    let said = text(&failed.stderr);
    assert!(
        said.contains(&format!("cannot reach 127.0.0.1:{port}")) && said.contains("HEADWORKS_URL"),
        "{said}"
    );
}

#[test]
fn reconcile_names_the_altered_record() {
    let dir = tempfile::tempdir().expect("directory");
    let (data, catalog) = (dir.path().join("data"), dir.path().join("catalog.toml"));
    let missing = headworks().args(["reconcile", "--data"]).arg(&data).output().expect("runs");
    assert!(text(&missing.stderr).contains("there is no ledger"), "{}", text(&missing.stderr));
    std::fs::write(&catalog, CATALOG).expect("writes");
    let secret = make_key(&data);
    {
        let server = Server::start(&data, &catalog);
        let on = |args: &[&str]| on(&server, &secret, args);
        on(&["account", "open", "acme"]);
        on(&["grant", "acme", "10"]);
        // The running server is asked until its first pass has ended.
        let asked = (0..200).find_map(|_| {
            std::thread::sleep(std::time::Duration::from_millis(50));
            let asked = call(&server, &secret, &["reconcile"]);
            asked.status.success().then(|| text(&asked.stdout))
        });
        assert!(asked.is_some_and(|said| said.contains("difference")));
    }
    let sound = headworks().args(["reconcile", "--data"]).arg(&data).output().expect("runs");
    let said = text(&sound.stdout);
    assert!(sound.status.success() && said.contains("every record follows"), "{said}{}", text(&sound.stderr));
    let journal = data.join("journal/00000001.journal");
    let mut bytes = std::fs::read(&journal).expect("reads");
    let at = bytes.windows(4).rposition(|w| w == b"acme").expect("a record of acme") + 60;
    bytes[at] ^= 4;
    std::fs::write(&journal, &bytes).expect("writes");
    let found = headworks().args(["reconcile", "--data"]).arg(&data).output().expect("runs");
    let said = format!("{}{}", text(&found.stdout), text(&found.stderr));
    assert!(!found.status.success() && said.contains("00000001.journal at byte"), "{said}");
    assert!(std::fs::read(&journal).expect("reads") == bytes, "looking changes nothing");
}

#[test]
fn an_incident_is_shown_then_done() {
    let dir = tempfile::tempdir().expect("directory");
    let (data, catalog) = (dir.path().join("data"), dir.path().join("catalog.toml"));
    std::fs::write(&catalog, CATALOG).expect("writes");
    let secret = make_key(&data);
    let server = Server::start(&data, &catalog);
    let on = |args: &[&str]| on(&server, &secret, args);
    for account in ["acme", "zeta", "idle"] {
        on(&["account", "open", account]);
        on(&["grant", account, "10"]);
    }
    for account in ["acme", "zeta"] {
        on(&["authorize", account, "chat", "-q", "tokens=1000000", "--settle-now"]);
    }
    let time = ["--from", "2020-01-01T00:00:00Z", "--to", "2999-01-01T00:00:00Z"];
    let incident = |apply: &[&str]| {
        let head = ["incident", "outage-7", "--cause", "chat was down", "--plan", "p", "--used", "chat"];
        on(&[&head[..], &time, apply, &["grant", "2.5"]].concat())
    };
    let shown = incident(&[]);
    assert!(shown.contains("2 accounts would get it, 0 before, 0 cannot"), "{shown}");
    assert!(shown.contains("granted: 5 credits\n  acme\n  zeta\n"), "{shown}");
    let (_, digest) = shown.trim().rsplit_once("--apply ").expect("the digest");
    let done = incident(&["--apply", digest]);
    assert!(done.contains("2 accounts got it, 0 before") && !done.contains("--apply"), "{done}");
    assert!(incident(&["--apply", digest]).contains("0 accounts got it, 2 before"));
    let statement = on(&["statement", "acme"]);
    assert!(statement.contains("chat was down") && statement.contains("10.625"), "{statement}");
}

#[test]
fn a_statement_is_signed_and_verified_offline() {
    let dir = tempfile::tempdir().expect("directory");
    let (data, catalog) = (dir.path().join("data"), dir.path().join("catalog.toml"));
    std::fs::write(&catalog, CATALOG).expect("writes");
    let secret = make_key(&data);
    let (json, csv, html, key) = {
        let server = Server::start(&data, &catalog);
        let on = |args: &[&str]| on(&server, &secret, args);
        on(&["account", "open", "acme"]);
        on(&["grant", "acme", "10", "--reference", "=<invoice> 7"]);
        on(&["authorize", "acme", "chat", "-q", "tokens=1000000", "--settle-now"]);
        let plain = on(&["statement", "acme"]);
        assert!(
            plain.contains("chat: 1000000 tokens") && plain.contains("-1.875") && plain.contains("8.125"),
            "{plain}"
        );
        let later =
            on(&["statement", "acme", "--from", "2999-01-01T00:00:00Z", "--to", "2999-02-01T00:00:00Z"]);
        assert!(later.contains("opening") && later.contains("8.125") && !later.contains("chat"), "{later}");
        (
            on(&["--json", "statement", "acme"]),
            on(&["statement", "acme", "--format", "csv"]),
            on(&["statement", "acme", "--format", "html"]),
            on(&["signing-key"]).trim().to_owned(),
        )
    };
    // The datasets link by account and record.
    let export = |args: &[&str]| {
        let done = headworks().args(["export", "--data"]).arg(&data).args(args).output().expect("runs");
        assert!(done.status.success(), "{args:?}: {}", text(&done.stderr));
        text(&done.stdout)
    };
    let usage: serde_json::Value =
        serde_json::from_str(export(&["usage", "--format", "ndjson"]).trim()).expect("one line of JSON");
    assert_eq!(
        (&usage["account"], &usage["record"], &usage["quantities"]["tokens"]),
        (&"acme".into(), &3.into(), &1_000_000.into())
    );
    let lines = export(&["lines"]);
    assert!(
        lines.starts_with("account,record,effective_at,recorded_at,replaces,feature,")
            && lines.contains(",tokens,1000000,1000000,0.000001875,1.875,credits"),
        "{lines}"
    );
    let draws = export(&["draws"]);
    assert!(draws.contains(",chat,grant,credits,2,purchased,1.875,credits,1.875,credits"), "{draws}");
    let movements = export(&["movements", "--account", "acme"]);
    assert!(
        movements.contains(",operator,grant:2,10,") && movements.contains(",grant:2,spent,1.875,"),
        "{movements}"
    );
    let none = export(&["movements", "--from", "2999-01-01T00:00:00Z"]);
    assert_eq!(
        none.trim_end(),
        movements.lines().next().expect("a head"),
        "a table without rows has its head"
    );
    // A spreadsheet must not run what a caller wrote, a browser must not either.
    assert!(csv.contains(",10,10,credits,'=<invoice> 7,") && csv.lines().count() == 5, "{csv}");
    assert!(html.contains("=&lt;invoice&gt; 7") && !html.contains("<invoice>"), "{html}");
    let file = dir.path().join("statement.json");
    let verify = |statement: &str| {
        std::fs::write(&file, statement).expect("writes");
        let done = headworks().args(["verify", "--key", &key]).arg(&file).output().expect("runs");
        (done.status.success(), format!("{}{}", text(&done.stdout), text(&done.stderr)))
    };
    let (sound, said) = verify(&json);
    assert!(sound && said.contains("closing balance 8.125"), "{said}");
    for (what, altered) in [
        ("amount", json.replace("\"amount\":\"-1.875\"", "\"amount\":\"-1.375\"")),
        ("closing", json.replace("\"closing\":\"8.125\"", "\"closing\":\"9.125\"")),
        ("key", json.replace("chat", "chit")),
        ("checkpoint", json.replace("headworks/account/acme", "headworks/account/acne")),
    ] {
        assert_ne!(altered, json, "{what}");
        let (sound, said) = verify(&altered);
        assert!(!sound && (said.contains("altered") || said.contains("another")), "{what}: {said}");
    }
}

#[test]
fn every_command_has_help() {
    let help = text(&run(&["--help"]).stdout);
    let commands: Vec<&str> = help
        .lines()
        .skip_while(|l| !l.starts_with("Commands:"))
        .skip(1)
        .take_while(|l| !l.is_empty())
        .filter_map(|l| l.split_whitespace().next())
        .collect();
    assert!(commands.len() > 15, "{help}");
    for command in commands.into_iter().filter(|c| *c != "help") {
        let shown = run(&[command, "--help"]);
        assert!(shown.status.success() && text(&shown.stdout).contains("Usage:"), "{command}");
    }
}

#[test]
fn the_demo_decides_a_minute_of_the_trace() {
    let dir = tempfile::tempdir().expect("directory");
    let data = dir.path().to_str().expect("path");
    let ran = run(&["demo", "--once", "--minutes", "1", "--listen", "127.0.0.1:0", "--data", data]);
    let said = text(&ran.stdout);
    assert!(ran.status.success(), "{}{}", said, text(&ran.stderr));
    for part in [
        "Decisions by outcome",
        "Decisions by reason",
        "Credits by source",
        "p99",
        "Every balance equals the fold of its log",
        "looked at:",
        "A minute of the arena as streams through the gateway",
        "the ledger and the upstream's record agree to the token",
        "what was charged is what was passed on",
    ] {
        assert!(said.contains(part), "no `{part}` in: {said}");
    }
    // Its ledger reconciles, replays to the same bytes, and answers what another policy would have done.
    let reconciled = run(&["reconcile", "--data", data]);
    assert!(reconciled.status.success(), "{}{}", text(&reconciled.stdout), text(&reconciled.stderr));
    let replayed = run(&["replay", "--data", data]);
    assert!(replayed.status.success(), "{}{}", text(&replayed.stdout), text(&replayed.stderr));
    let catalog = concat!(env!("CARGO_MANIFEST_DIR"), "/demo/catalog.toml");
    let same = run(&["--json", "replay", "--data", data, "--catalog", catalog]);
    let same: serde_json::Value = serde_json::from_slice(&same.stdout).expect("JSON");
    assert_eq!((&same["total"]["changed"], &same["refused"]), (&0.into(), &0.into()), "{same}");
    assert_eq!(same["total"]["was"], same["total"]["would_be"]);
}

/// Each command that the demo proposes at its end works on the demo.
#[test]
fn what_the_demo_proposes_works() {
    let mut demo = headworks()
        .args(["demo", "--minutes", "1", "--listen", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("starts");
    let lines = BufReader::new(demo.stdout.take().expect("its output")).lines();
    let proposed: Vec<String> = lines
        .map(|line| line.expect("text"))
        .skip_while(|line| !line.ends_with("Try:"))
        .skip(2)
        .take(7)
        .collect();
    assert!(proposed.len() == 7 && proposed.iter().all(|line| line.starts_with("  c")), "{proposed:?}");
    let curls = proposed.iter().filter(|line| line.starts_with("  curl"));
    let answers: Vec<(&String, Output)> = curls
        .map(|line| {
            let asked = line.replace("curl -s", "curl -sf");
            (line, std::process::Command::new("sh").args(["-c", &asked]).output().expect("curl runs"))
        })
        .collect();
    let own =
        proposed.last().and_then(|line| line.strip_prefix("  cargo run --release -- ")).expect("the last");
    let shown = run(&own.split(' ').collect::<Vec<_>>());
    demo.kill().expect("ends");
    demo.wait().expect("ends");
    for (line, done) in answers {
        assert!(done.status.success() && !done.stdout.is_empty(), "{line}");
    }
    assert!(shown.status.success(), "{}", text(&shown.stderr));
}

/// A month of virtual time, as `bench month` measures it, over fewer accounts and requests.
#[test]
fn a_month_adds_up() {
    let done = headworks()
        .args(["bench", "month", "--accounts", "200", "--requests", "4000"])
        .output()
        .expect("runs");
    let said = text(&done.stdout);
    assert!(done.status.success(), "{said}{}", text(&done.stderr));
    assert!(said.contains("200 accounts, 0 off"), "{said}");
    assert!(said.contains("0 differ, difference 0"), "{said}");
    // Another price card and a tighter week change what is charged, and the table says so.
    assert!(said.contains("dearer-output-half-the-week") && said.contains("plus"), "{said}");
}
