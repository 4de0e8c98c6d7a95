//! Accounts with a log damaged on disk.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use headworks_core::command::Command;
use headworks_core::record::Outcome;
use headworks_engine::{Engine, EngineError};
use headworks_store::{Embedded, Options};

use crate::{ask, key, name, next_pass, open, outcome, run, start};

fn engine(dir: &Path) -> Arc<Engine> {
    start(Arc::new(Embedded::open(dir, Options::default()).expect("opens")))
}

/// Flips a bit of the first occurrence of a text in the journal.
fn flip(dir: &Path, text: &str) {
    let path = dir.join("journal/00000001.journal");
    let mut bytes = fs::read(&path).expect("reads");
    let at = bytes.windows(text.len()).position(|part| part == text.as_bytes()).expect("it is there");
    bytes[at] ^= 1;
    fs::write(&path, bytes).expect("writes");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_log_freezes_its_account_alone() {
    let dir = tempfile::tempdir().expect("directory");
    let (acme, other) = (name("acme"), name("other"));
    let first = engine(dir.path());
    for account in [&acme, &other] {
        open(&first, account.as_str(), "10").await;
        let held = format!("held for {account}");
        run(&first, account, &key(&held), Command::Authorize(ask("chat", 1))).await.expect("holds");
    }
    first.close();
    drop(first);

    flip(dir.path(), "held for acme");
    let second = engine(dir.path());
    let pass = next_pass(&second).await;
    let place = pass.damage.first().expect("the journal is named");
    assert!(place.0.file.ends_with("00000001.journal"), "{place:?}");
    assert!(pass.report.findings.iter().all(|(account, _)| *account == acme), "{:?}", pass.report.findings);
    assert_eq!(pass.report.findings.first().map(|(_, finding)| finding.seq), Some(3));
    assert_frozen_alone(&second, "b").await;
    second.close();
    drop(second);

    // The next start knows it at once, and forgets it once the log is whole again.
    let third = engine(dir.path());
    assert_frozen_alone(&third, "c").await;
    third.close();
    drop(third);
    let text = String::from_utf8(vec![b'h' ^ 1]).expect("a letter") + "eld for acme";
    flip(dir.path(), &text);
    let fourth = engine(dir.path());
    let again = run(&fourth, &acme, &key("d"), Command::Authorize(ask("chat", 1))).await;
    assert_eq!(outcome(&again.expect("answers")), Outcome::Allow);
    assert!(next_pass(&fourth).await.is_clean());
    fourth.close();
}

async fn assert_frozen_alone(engine: &Engine, attempt: &str) {
    let (acme, other) = (name("acme"), name("other"));
    let asked = run(engine, &acme, &key(attempt), Command::Authorize(ask("chat", 1))).await;
    assert!(matches!(&asked, Err(EngineError::Frozen(account, _)) if *account == acme), "{asked:?}");
    let seen = engine.view(&acme, |_| Ok(())).await;
    assert!(matches!(seen, Err(EngineError::Frozen(..))), "{seen:?}");
    let goes_on = run(engine, &other, &key(attempt), Command::Authorize(ask("chat", 1))).await;
    assert_eq!(outcome(&goes_on.expect("answers")), Outcome::Allow);
}
