//! `headworks bench`: ratios taken in one run, beside their bounds.

mod abuse;
mod attacks;
mod capacity;
mod engine;
mod figures;
mod gateway;
mod http;
mod latency;
mod ledger;
mod load;
mod month;
mod overload;
mod process;
mod wire;

use headworks_terminal::Outcome;

use crate::arguments::{Bench, BenchArguments};
use crate::simulate::fairness;

/// `headworks bench`.
///
/// # Errors
/// When a measurement cannot be made, or misses its bar.
pub async fn run(arguments: BenchArguments, as_json: bool) -> Outcome {
    match arguments.what {
        Bench::Engine(options) => engine::run(options).await,
        Bench::Http(options) => http::run(options).await,
        Bench::Overload(options) => overload::run(options).await,
        Bench::Gateway(options) => gateway::run(&options, as_json).await,
        Bench::PassThrough(options) => gateway::pass_through(options).await,
        Bench::Attacks(options) => attacks::run(options).await,
        Bench::Soak(options) => attacks::soak(options).await,
        Bench::Ledger(options) => ledger::run(options).await,
        Bench::Abuse(options) => abuse::run(&options, as_json).await,
        Bench::Capacity => capacity::run(as_json),
        Bench::Fairness(options) => fairness::run(&options, as_json),
        Bench::Month(options) => month::run(options, as_json).await,
    }
}
