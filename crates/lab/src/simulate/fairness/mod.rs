//! `headworks bench fairness`: yardsticks that others have published, and the promises of sharing, each reproduced in
//! simulated time with a fixed seed.

use clap::ValueEnum as _;
use headworks_terminal::{Outcome, print, say, say_part};

use crate::arguments::{FairnessBench, YardstickName};

mod flood;
mod memory;
mod promises;
mod published;
mod scenario;
mod tasks;
mod unknown;
mod weights;
mod yardstick;

use yardstick::Measured;

fn measure(name: YardstickName, options: &FairnessBench) -> Measured {
    match name {
        YardstickName::Doorman => published::doorman(),
        YardstickName::SlidingLog => published::sliding_log(),
        YardstickName::FairQueue => published::fair_queue(),
        YardstickName::ServiceGap => published::service_gap(),
        YardstickName::Isolation => isolation(options),
        YardstickName::WorkConservation => promises::work_conservation(),
        YardstickName::CapacityChange => promises::capacity_change(),
        YardstickName::Truthfulness => promises::truthfulness(),
        YardstickName::Sybil => promises::sybil(),
        YardstickName::PriorityBurst => promises::priority_burst(),
        YardstickName::Memory => memory::memory(),
        YardstickName::Weights => weights::weights(),
        YardstickName::InflatedDemand => weights::inflated_demand(),
        YardstickName::Tasks => tasks::tasks_and_prefixes(),
        YardstickName::UnknownCapacity => unknown::unknown_capacity(options.quick, options.plots.as_deref()),
    }
}

fn isolation(options: &FairnessBench) -> Measured {
    options.plots.as_deref().map(flood::draw).transpose()?;
    promises::isolation()
}

pub(crate) fn run(options: &FairnessBench, as_json: bool) -> Outcome {
    let mut all = Vec::new();
    for name in YardstickName::value_variants().iter().filter(|name| options.only.is_none_or(|o| o == **name))
    {
        all.extend(measure(*name, options)?);
    }
    if as_json {
        say!("{}", serde_json::to_string_pretty(&all)?)?;
    } else {
        let mut rows = vec![["yardstick", "what", "wanted", "ours", ""].map(str::to_owned).to_vec()];
        rows.extend(all.iter().map(|y| {
            let verdict = if y.holds { "held" } else { "missed" };
            vec![y.name.into(), y.what.clone(), y.wanted.clone(), y.ours.clone(), verdict.into()]
        }));
        say_part!("{}", print::table(&rows, &[]))?;
    }
    match all.iter().filter(|y| !y.holds).count() {
        0 => Ok(()),
        missed => Err(format!("{missed} of {} yardsticks are missed", all.len()).into()),
    }
}
