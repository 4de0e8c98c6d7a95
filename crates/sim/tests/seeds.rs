//! The seeds of every change: each one holds, and together they reach every fault, reason and kind of record.

#![allow(clippy::expect_used, reason = "tests say what they expect")]

use std::process::Command;

#[test]
fn two_thousand_seeds_hold() {
    let simulation = Command::new(env!("CARGO_BIN_EXE_headworks-sim")).args(["--seeds", "2000"]).output();
    let simulation = simulation.expect("it runs");
    let said = String::from_utf8_lossy(&simulation.stdout);
    assert!(simulation.status.success(), "{said}{}", String::from_utf8_lossy(&simulation.stderr));
}
