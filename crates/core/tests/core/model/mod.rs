//! A wide model of the decisions, independent of the code: a list of uses and a list of grants, added up in whole numbers.
//!
//! Nothing here knows receipts that are kept up to date, windows or books: what is left of anything is what it had less what
//! the lists say. Four families of catalogs share the work; each has steps of every kind, and use that is reported late and
//! catalogs that change are in the last. Any catalog may have sizes, hours, a factor and postpaid credits, any use a second part,
//! seats change hands, periods are closed, and an account is paused where nothing follows its billing anchor. Left out, because the
//! contract leaves them open or one record opens one grant: two recurring grants that carry, or one in a plan that makes expired
//! draws good; debt in such a plan; more `requests` named when a hold grows; a factor of zero where allowances count requests.
//!
//! `MODEL_SEED=7` runs one case of each family, `MODEL_CASES` and `MODEL_FROM` say how many and from which on.

mod bills;
mod book;
mod calendar;
mod closed;
mod compare;
mod decide;
mod deeds;
mod dice;
mod ends;
mod grants;
mod limits;
mod overrides;
mod pauses;
mod policy;
mod price;
mod reuse;
mod run;
mod seats;
mod steps;
mod sums;
mod text;

use std::panic::{AssertUnwindSafe, catch_unwind};

use compare::Compared;
use dice::Dice;
use policy::{Family, Policy};
use run::Run;
use steps::Step;

const STARTS: [&str; 3] = ["2026-06-01T12:00:00Z", "2026-10-24T20:30:00Z", "2027-03-27T21:15:00Z"];
const ANCHORS: [&str; 3] = ["2026-01-31T10:00:00Z", "2026-06-01T00:00:00Z", "2025-12-15T23:30:00Z"];

/// A policy, when it begins, and what happens.
struct Case {
    policy: Policy,
    start: &'static str,
    anchor: &'static str,
    steps: Vec<Step>,
}

impl Case {
    fn random(family: Family, seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let policy = Policy { notation: seed, ..Policy::random(&mut dice, family) };
        let (start, anchor) = (dice.pick(&STARTS), dice.pick(&ANCHORS));
        let steps = steps::random(&mut dice, family);
        Self { policy, start, anchor, steps }
    }

    fn run(&self, steps: &[Step]) -> Compared {
        let run = || {
            let mut run = Run::new(&self.policy, self.start, self.anchor);
            for (i, step) in steps.iter().enumerate() {
                run.step(step).map_err(|e| format!("step {i}, {step:?}: {e}"))?;
            }
            run.ends()
        };
        catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().cloned();
            Err(text.or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_owned())).unwrap_or_default())
        })
    }

    /// The fewest steps that still differ, one dropped after the other.
    fn shrunk(&self) -> Vec<Step> {
        let mut steps = self.steps.clone();
        let mut at = 0;
        while at < steps.len() {
            let mut fewer = steps.clone();
            fewer.remove(at);
            if self.run(&fewer).is_err() {
                steps = fewer;
            } else {
                at += 1;
            }
        }
        if steps.len() < self.steps.len() {
            return Self { steps, policy: self.policy.clone(), ..*self }.shrunk();
        }
        steps
    }
}

fn cases(default: u64) -> u64 {
    std::env::var("MODEL_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(default)
}

fn agrees(family: Family) {
    let only: Option<u64> = std::env::var("MODEL_SEED").ok().and_then(|n| n.parse().ok());
    let first: u64 = std::env::var("MODEL_FROM").ok().and_then(|n| n.parse().ok()).unwrap_or(0);
    let seeds = only.map_or(first..first + cases(2_500), |seed| seed..seed + 1);
    for seed in seeds {
        let case = Case::random(family, seed);
        if case.run(&case.steps).is_err() {
            let steps = case.shrunk();
            let differs = case.run(&steps).expect_err("it differs");
            let list: Vec<String> = steps.iter().map(|s| format!("  {s:?}")).collect();
            panic!(
                "MODEL_SEED={seed} {family:?} from {} anchored {}\n{}\n{}\n{differs}",
                case.start,
                case.anchor,
                case.policy.text(),
                list.join("\n")
            );
        }
    }
}

#[test]
fn money_adds_up() {
    agrees(Family::Money);
}

#[test]
fn guards_hold() {
    agrees(Family::Guards);
}

#[test]
fn allowances_pay() {
    agrees(Family::Allowances);
}

#[test]
fn changes_keep_what_was_used() {
    agrees(Family::Changes);
}
