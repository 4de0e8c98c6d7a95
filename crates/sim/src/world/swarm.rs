//! Swarm testing: each seed enables a random half of all actions, each at a random rate.

use crate::disk::Faults;
use crate::random::Random;

/// Swarm testing: the actions of this seed, and their rates in thousandths of its steps.
pub(super) struct Swarm {
    pub(super) crash: u32,
    pub(super) clock: u32,
    pub(super) maintain: u32,
    pub(super) commit: u32,
    pub(super) retry: u32,
    pub(super) flip: u32,
    pub(super) gone: u32,
    pub(super) index: u32,
    pub(super) reprice: u32,
    pub(super) look: u32,
    pub(super) copy: u32,
    pub(super) deliver: u32,
    pub(super) import: u32,
    pub(super) incident: u32,
    /// The feature of most requests; `None`: all features.
    pub(super) mostly: Option<&'static str>,
    /// The clock moves by this many milliseconds: ten seconds, so that runs of cells of abuse rules occur, or half an
    /// hour, so that holds and refunds cross boundaries; `None`: by anything.
    pub(super) pace: Option<u64>,
    /// The most requests that wait for one write.
    pub(super) waiting_max: usize,
    pub(super) faults: Faults,
}

impl Swarm {
    pub(super) fn new(random: &Random) -> Self {
        // Each seed enables a random half of all actions.
        let rate = |most: usize| {
            if random.chance(500) { u32::try_from(random.below(most)).unwrap_or(0) } else { 0 }
        };
        Self {
            crash: rate(40),
            clock: rate(120),
            maintain: 20 + rate(80),
            commit: 100 + rate(300),
            retry: rate(120),
            flip: rate(8),
            gone: rate(100),
            index: rate(30),
            reprice: rate(16),
            look: rate(60),
            copy: rate(5),
            deliver: rate(120),
            import: rate(60),
            incident: rate(16),
            mostly: [
                None,
                None,
                None,
                Some("owe"),
                Some("gift"),
                Some("bulk"),
                Some("draw"),
                Some("rent"),
                Some("blend"),
            ]
            .get(random.below(9))
            .copied()
            .flatten(),
            pace: [None, None, Some(10_000), Some(1_800_000)].get(random.below(4)).copied().flatten(),
            waiting_max: if random.chance(200) { 1 + random.below(6) } else { 64 },
            faults: Faults {
                full: rate(16),
                sync_fails: rate(30),
                short_reads: rate(200),
                keeps: u32::try_from(random.below(1_001)).unwrap_or(0),
            },
        }
    }
}
