//! Accounts and segments that need encoding in URLs and quotes in a shell, from opening to erasure.

use std::path::Path;

use crate::common::{CATALOG, Server, headworks, make_key};

fn run(args: &[&str]) -> String {
    let done = headworks().args(args).output().expect("runs");
    assert!(done.status.success(), "{args:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).expect("text")
}

/// As typed, and as kept.
const IDS: [[&str; 2]; 4] = [
    ["auth0|5f7c", "auth0|5f7c"],
    ["org/acme", "org/acme"],
    ["Zoe\u{308}", "Zo\u{eb}"],
    ["=a~1 b&c?d#e%2F", "=a~1 b&c?d#e%2F"],
];

#[test]
fn printable_ids_work_from_the_command_line() {
    let dir = tempfile::tempdir().expect("directory");
    let at = |name: &str| dir.path().join(name).to_str().expect("a path").to_owned();
    let (data, catalog) = (dir.path().join("data"), dir.path().join("catalog.toml"));
    std::fs::write(&catalog, CATALOG).expect("writes");
    let secret = make_key(&data);
    {
        let server = Server::start(&data, &catalog);
        let url = format!("http://{}", server.address);
        let on = |args: &[&str]| run(&[&["--server", &url, "--api-key", &secret][..], args].concat());
        for [typed, kept] in IDS {
            assert!(on(&["account", "open", typed]).contains(kept));
            on(&["grant", typed, "10", "--key", typed]);
            let path = serde_json::json!([format!("team:{typed}"), "user:a/b"]).to_string();
            let done =
                on(&["authorize", typed, "chat", "-q", "tokens=1000000", "--settle-now", "--path", &path]);
            let decision = format!("{kept}~3");
            assert!(done.contains(&decision), "{done}");
            assert!(on(&["explain", &format!("{typed}~3")]).contains(&decision));
            assert!(on(&["account", "balances", typed]).contains("8.125"));
            assert!(on(&["--json", "account", "records", typed]).contains(&decision));
            assert!(on(&["statement", typed]).contains(&format!("Statement of {kept}\n")));
            on(&["refund", &format!("{typed}~3"), "--amount", "1"]);
            assert!(!on(&["account", "list", "--after", typed]).lines().any(|line| line.trim() == kept));
        }
        // Nothing that a browser or a spreadsheet would run.
        let csv = on(&["statement", IDS[3][0], "--format", "csv"]);
        assert!(csv.contains(",'=a~1 b&c?d#e%2F~3,"), "{csv}");
        let html = on(&["statement", IDS[3][0], "--format", "html"]);
        assert!(html.contains("<title>Statement of =a~1 b&amp;c?d#e%2F</title>"), "{html}");
        let refused =
            headworks().args(["--server", &url, "account", "open", "a\u{202e}b"]).output().expect("runs");
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success() && said.contains("U+202E"), "{said}");
    }
    let data = at("data");
    for (n, [typed, kept]) in IDS.into_iter().enumerate() {
        assert!(
            run(&["export", "usage", "--data", &data, "--account", typed, "--format", "csv"]).contains(kept)
        );
        let (log, moved) = (at(&format!("log-{n}")), at(&format!("moved-{n}")));
        run(&["export-account", typed, "--data", &data, "--out", &log]);
        make_key(Path::new(&moved));
        let imported = headworks().args(["import-account", &log, "--data", &moved, "--any-catalog"]).output();
        let imported = imported.expect("runs");
        assert!(imported.status.success(), "{}", String::from_utf8_lossy(&imported.stderr));
        let (new, segment) = (at(&format!("new-{n}")), format!("team:{typed}"));
        let said = run(&["erase", typed, "--data", &data, "--to", &new, "--segment", &segment]);
        assert!(said.contains(&format!("of {kept} erased")), "{said}");
        run(&["reconcile", "--data", &new]);
        let left = run(&["export", "usage", "--data", &new, "--account", typed, "--format", "ndjson"]);
        assert!(!left.contains(&format!("team:{kept}")) && left.contains("user:a/b"), "{left}");
    }
}
