//! `headworks bench gateway`: what the gateway adds to a model call, beside a proxy that does nothing but pass bytes on, and beside
//! peers.
//!
//! One upstream stands in for a model. The same calls go to it directly and by each way (`ways.rs`), each a process of its own on
//! one machine, in interleaved rounds: what a way adds is what it has beyond the direct one in the same round.

mod caller;
mod measure;
mod pass;
mod report;
mod ways;

use headworks_terminal::{Outcome, tell};

use measure::{Measured, Memory, round};
pub(super) use pass::pass_through;
use ways::Ways;

use super::figures::resident;
use crate::arguments::GatewayBench;

/// Runs the measurement.
pub(super) async fn run(options: &GatewayBench, as_json: bool) -> Outcome {
    let ways = Ways::start(options).await?;
    let mut measured: Vec<Measured> = Vec::new();
    for way in &ways.all {
        // A call of each, so that nothing is measured that does not work.
        measure::one(way).await.map_err(|e| format!("{}: {e}", way.name))?;
        let memory = Memory { idle: way.process.and_then(resident), ..Memory::default() };
        measured.push(Measured { name: way.name.clone(), rounds: Vec::new(), memory });
    }
    for number in 1..=options.rounds {
        for (way, measured) in ways.all.iter().zip(&mut measured) {
            tell!("round {number} of {}: {}", options.rounds, way.name);
            measured.rounds.push(round(way, options, &mut measured.memory).await?);
        }
    }
    for (way, measured) in ways.all.iter().zip(&mut measured) {
        measured.memory.after = way.process.and_then(resident);
    }
    if as_json { report::json(&measured, &ways.sync) } else { report::print(options, &measured, &ways.sync) }
}
