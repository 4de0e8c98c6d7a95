//! `headworks webhooks`: what Stripe refuses is seen, sent again and passed over from the command line.

use std::io::{BufRead as _, Read as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::common::{CATALOG, Connection, Server, headworks, make_key};

/// A stub of Stripe that refuses everything while it is asked to, and counts what it takes.
fn stripe() -> (String, Arc<AtomicBool>, Arc<AtomicU64>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("binds");
    let url = format!("http://{}", listener.local_addr().expect("address"));
    let (refuses, taken) = (Arc::new(AtomicBool::new(true)), Arc::<AtomicU64>::default());
    let (refusing, counted) = (Arc::clone(&refuses), Arc::clone(&taken));
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut stream = std::io::BufReader::new(stream);
            let mut length = 0;
            loop {
                let mut line = String::new();
                if stream.read_line(&mut line).unwrap_or(0) <= 2 {
                    break;
                }
                if let Some(n) = line.trim_end().to_lowercase().strip_prefix("content-length: ") {
                    length = n.parse().unwrap_or(0);
                }
            }
            let _ = stream.read_exact(&mut vec![0; length]);
            let (status, body) = if refusing.load(Ordering::SeqCst) {
                ("400 Bad Request", r#"{"error":{"message":"No such customer: 'acme'"}}"#)
            } else {
                counted.fetch_add(1, Ordering::SeqCst);
                ("200 OK", "{}")
            };
            let answer = format!(
                "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                body.len()
            );
            let _ = stream.get_mut().write_all(answer.as_bytes());
        }
    });
    (url, refuses, taken)
}

#[test]
fn what_stripe_refused_is_sent_again_or_passed_over() {
    let dir = tempfile::tempdir().expect("directory");
    let path = |name: &str| dir.path().join(name);
    std::fs::write(path("catalog.toml"), CATALOG).expect("writes");
    std::fs::write(path("stripe.key"), "sk_test_1\n").expect("writes");
    let secret = make_key(&path("data"));
    let stripe_key = path("stripe.key");
    let more = ["--stripe-key-file", stripe_key.to_str().expect("path")];
    let server = Server::start_with(&path("data"), &path("catalog.toml"), &more);
    let mut connection = Connection::open(server.address, &secret).expect("connects");
    let mut call = |method: &str, path: &str, key: &str, body: &str| {
        let (status, answer) = connection.call(method, path, key, body).expect("answers");
        assert!(status < 300, "{path}: {status} {answer}");
    };
    let (url, refuses, taken) = stripe();
    let hook = format!(r#"{{"url":"{url}","format":"stripe_meter_events"}}"#);
    call("PUT", "/v1/webhooks/stripe", "h", &hook);
    call("POST", "/v1/accounts", "o", r#"{"id":"acme"}"#);
    call("POST", "/v1/accounts/acme/grants", "g", r#"{"amount":"100","category":"purchased"}"#);
    for n in 0..3 {
        let used = r#"{"account":"acme","feature":"chat","quantities":{"tokens":1000000}}"#;
        call("POST", "/v1/record", &format!("u{n}"), used);
    }
    let on = |args: &[&str]| {
        let url = format!("http://{}", server.address);
        let done = headworks().args(["--server", &url, "--api-key", &secret, "webhooks"]).args(args).output();
        let done = done.expect("runs");
        let said = [done.stdout, done.stderr].map(|b| String::from_utf8_lossy(&b).into_owned()).concat();
        (done.status.success(), said)
    };
    let until = |args: &[&str], text: &str| {
        for _ in 0..200 {
            let (ok, said) = on(args);
            assert!(ok, "{args:?}: {said}");
            if said.contains(text) {
                return said;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("{args:?} never said {text}: {}", on(args).1);
    };
    let parked = until(&["parked", "stripe"], "acme~3");
    assert!(parked.contains("No such customer: 'acme'"), "{parked}");
    assert!(on(&["list"]).1.contains("stripe"));
    // Passed over, the next record is refused, and waits instead; then that one is sent again.
    assert!(on(&["pass-over", "stripe", "acme"]).0);
    until(&["parked", "stripe"], "acme~4");
    refuses.store(false, Ordering::SeqCst);
    let (ok, said) = on(&["retry", "stripe", "acme"]);
    assert!(ok, "{said}");
    for _ in 0..200 {
        if taken.load(Ordering::SeqCst) == 2 && !on(&["parked", "stripe"]).1.contains("acme") {
            let (ok, said) = on(&["retry", "stripe", "acme"]);
            assert!(!ok && said.contains("nothing of account `acme` waits"), "{said}");
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("it never caught up: {:?}", on(&["parked", "stripe"]));
}
