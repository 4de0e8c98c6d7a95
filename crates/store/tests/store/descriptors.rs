//! A process without descriptors: the ledger goes on.

use std::fs::File;
use std::process::Command;

use headworks_store::suite::{Writer, append};
use headworks_store::{Embedded, Options, Store, wait};

const DIRECTORY: &str = "HEADWORKS_TEST_DIRECTORY";
const RECORDS: usize = 600;

fn small() -> Options {
    // A few blocks fill a segment, so that there are far more segments than descriptors.
    Options { segment_bytes_max: 4_096, records_per_checkpoint: 100, readers: 1 }
}

/// Takes every descriptor that there is.
fn take_all() -> Vec<File> {
    std::iter::from_fn(|| File::open("/dev/null").ok()).collect()
}

/// Runs in a process of its own, below.
#[test]
#[ignore = "it takes all descriptors of its process; the test below runs it"]
fn writes_without_descriptors() {
    let dir = std::env::var_os(DIRECTORY).expect("a directory");
    let store = Embedded::open(dir.as_ref(), small()).expect("opens");
    let mut writers: Vec<Writer> = ["a", "b", "c"].map(Writer::new).into();
    let mut hogs = Vec::new();
    for round in 0..RECORDS / 4 {
        hogs.extend(take_all());
        assert!(File::open("/dev/null").is_err(), "there is a descriptor left");
        append(&store, &mut writers.iter_mut().collect::<Vec<_>>(), 4);
        if round % 10 == 9 {
            let states = writers.iter().map(Writer::checkpoint).collect();
            // A checkpoint may wait for descriptors; what it would have stored is stored by the next one.
            let stored = wait(store.checkpoint(states));
            if stored.is_err() {
                hogs.truncate(hogs.len() / 2);
            }
        }
    }
    drop(hogs);
    wait(store.checkpoint(writers.iter().map(Writer::checkpoint).collect())).expect("stores checkpoints");
}

#[test]
fn running_out_of_descriptors_does_not_stop_the_ledger() {
    let dir = tempfile::tempdir().expect("directory");
    let test = std::env::current_exe().expect("the test");
    let ran = Command::new("sh")
        .args([
            "-c",
            "ulimit -n 160 && exec \"$0\" --ignored --exact descriptors::writes_without_descriptors",
        ])
        .arg(test)
        .env(DIRECTORY, dir.path())
        .output()
        .expect("runs");
    let said = [ran.stdout, ran.stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).concat();
    assert!(ran.status.success() && said.contains("1 passed"), "{said}");

    let segments = std::fs::read_dir(dir.path().join("journal")).expect("lists");
    let segments =
        segments.flatten().filter(|f| f.path().extension().is_some_and(|e| e == "journal")).count();
    assert!(segments > 30, "the journal has only {segments} segments");
    let store = Embedded::open(dir.path(), small()).expect("opens");
    for account in ["a", "b", "c"] {
        let name = headworks_store::suite::name(account);
        let records = wait(store.read(&name, 1, 10 * RECORDS)).expect("reads");
        assert_eq!(records.len(), RECORDS, "of {account}");
    }
}
