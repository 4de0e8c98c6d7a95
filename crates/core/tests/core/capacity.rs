//! The queue against a model of its own; helpers for supplies.

use headworks_core::capacity::Sharer;
use headworks_core::capacity::queue::{FairQueue, QueueFull, Waiter};
use headworks_core::catalog::{ClassTerms, Formula, SupplyDimension, SupplyTerms};
use headworks_core::record::{Instant, Level, Name, Span};

use crate::common::name;

pub(crate) fn supply(classes: &[(&str, ClassTerms)]) -> SupplyTerms {
    let dimension = || SupplyDimension { limit: None, formula: Formula(vec![(name("requests"), 1)]) };
    SupplyTerms {
        rate: dimension(),
        in_flight: dimension(),
        per: Span::from_secs(1),
        share_by: Level::Key,
        learn: None,
        fallback: Vec::new(),
        points_s_max: None,
        waiting_max_per_account: 1_000_000,
        waiting_max: 10_000_000,
        classes: classes.iter().map(|(n, terms)| (name(n), *terms)).collect(),
    }
}

pub(crate) fn only(terms: ClassTerms) -> SupplyTerms {
    supply(&[("default", terms)])
}

/// Numbers from a seed, so that a failure can be run again.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }
}

pub(crate) fn small(n: u64) -> u32 {
    u32::try_from(n).expect("a small number")
}

pub(crate) fn sharer(class: u16, cluster: u64, account: u64, key: u64) -> Sharer {
    Sharer { class, cluster, account, key }
}

fn at_ms(ms: i64) -> Instant {
    Instant::from_micros(ms * 1_000)
}

fn waiter(sharer: Sharer, cost: u64, deadline: Instant, who: u64) -> Waiter<u64> {
    Waiter { sharer, cost, in_flight: 1, deadline, who }
}

/// Backlogged identities are never more than two requests apart, for any cost of their requests.
#[test]
fn queue_is_fair() {
    for seed in 0..200 {
        let mut random = Random(seed);
        let terms = only(ClassTerms::default());
        let mut queue = FairQueue::default();
        let weights: Vec<u32> = (0..4).map(|_| 1 + small(random.below(3))).collect();
        let mut served = [0_u64; 4];
        let push = |queue: &mut FairQueue<u64>, random: &mut Random, i: u64| {
            let weight = weights[usize::try_from(i).expect("four")];
            queue
                .push(&terms, weight, waiter(sharer(0, i, i, 0), 1 + random.below(100), at_ms(1_000), i))
                .expect("room");
        };
        for i in [0, 1, 2, 3, 0, 1, 2, 3] {
            push(&mut queue, &mut random, i);
        }
        for _ in 0..400 {
            let (id, next) = queue.head(&terms).map(|(id, w)| (id, w.clone())).expect("work");
            queue.take(id);
            let at = usize::try_from(next.who).expect("four");
            queue.charge(&terms, next.sharer, weights[at], i64::try_from(next.cost).expect("small"));
            // One more comes for each that was served: there is always one waiting.
            push(&mut queue, &mut random, next.who);
            served[at] += next.cost;
            let level = |i: usize| served[i] * 6 / u64::from(weights[i]);
            let levels: Vec<u64> = (0..4).map(level).collect();
            let apart = levels.iter().max().expect("four") - levels.iter().min().expect("four");
            assert!(apart <= 2 * 6 * 100, "seed {seed}: {levels:?}");
        }
    }
}

#[test]
fn idleness_saves_nothing_up() {
    let terms = only(ClassTerms::default());
    let mut queue = FairQueue::default();
    let busy = sharer(0, 1, 1, 0);
    // The other one was there before, and rested while the busy one was served.
    queue.charge(&terms, sharer(0, 2, 2, 0), 1, 1);
    for _ in 0..1_000 {
        queue.charge(&terms, busy, 1, 100);
    }
    for i in 0..20 {
        queue.push(&terms, 1, waiter(busy, 100, at_ms(1_000), i)).expect("room");
        queue.push(&terms, 1, waiter(sharer(0, 2, 2, 0), 100, at_ms(1_000), 100 + i)).expect("room");
    }
    let mut first = Vec::new();
    for _ in 0..10 {
        let (id, next) = queue.head(&terms).map(|(id, w)| (id, w.clone())).expect("work");
        queue.take(id);
        queue.charge(&terms, next.sharer, 1, 100);
        first.push(next.who >= 100);
    }
    let newcomer = first.iter().filter(|n| **n).count();
    assert!((4..=6).contains(&newcomer), "the newcomer got {newcomer} of 10");
}

#[test]
fn a_queue_is_bounded_and_deadlines_pass() {
    let terms = SupplyTerms { waiting_max_per_account: 150, waiting_max: 250, ..only(ClassTerms::default()) };
    let mut queue = FairQueue::default();
    let push = |queue: &mut FairQueue<u64>, account, key, deadline| {
        let waiter = waiter(sharer(0, account, account, key), 100, at_ms(deadline), account);
        queue.push(&terms, 1, waiter).map_err(|(why, _)| why)
    };
    let first = push(&mut queue, 1, 1, 500).expect("room");
    assert_eq!(push(&mut queue, 1, 2, 500), Err(QueueFull::OfAccount), "another key is the same account");
    push(&mut queue, 2, 1, 300).expect("room");
    assert_eq!(push(&mut queue, 3, 1, 500), Err(QueueFull::InAll));
    assert_eq!(queue.next_deadline(), Some(at_ms(300)));
    assert!(queue.take_late(at_ms(299)).is_empty());
    assert_eq!(queue.take_late(at_ms(300)).iter().map(|w| w.who).collect::<Vec<_>>(), [2]);
    assert_eq!(queue.take(first).map(|w| w.who), Some(1));
    assert!(queue.is_empty() && queue.cost() == 0 && queue.head(&terms).is_none());
}

#[test]
fn the_queue_serves_bands_in_order_with_their_floor() {
    let class = |priority| ClassTerms { priority, ..ClassTerms::default() };
    let terms = supply(&[("batch", class(1)), ("chat", class(0))]);
    let mut queue = FairQueue::default();
    for i in 0..1_000 {
        queue.push(&terms, 1, waiter(sharer(0, 1, 1, 0), 1, at_ms(i), 0)).expect("room");
        queue.push(&terms, 1, waiter(sharer(1, 2, 2, 0), 100, at_ms(i), 1)).expect("room");
    }
    let mut served = [0_u64; 2];
    for _ in 0..500 {
        let (id, next) = queue.head(&terms).map(|(id, w)| (id, w.clone())).expect("work");
        queue.take(id);
        queue.charge(&terms, next.sharer, 1, i64::try_from(next.cost).expect("small"));
        served[usize::try_from(next.who).expect("two")] += next.cost;
    }
    let share = served[0] * 1_000 / (served[0] + served[1]);
    assert!((18..=22).contains(&share), "2 % for the band below, but it got {share} of 1000");
}

#[test]
fn a_formula_is_exact_and_bounded() {
    let formula = Formula(vec![(name("input_tokens"), 1), (name("output_tokens"), 2), (name("requests"), 5)]);
    let of = |input, output| formula.cost([("input_tokens", input), ("output_tokens", output)].into_iter());
    assert_eq!(of(256, 256), 256 + 512 + 5, "a request counts one when it is not given");
    assert_eq!(of(u64::MAX, u64::MAX), headworks_core::catalog::COST_MAX);
    assert_ne!(
        Sharer::new(0, None, &name("a"), None),
        Sharer::new(0, Some(&name("a")), &name("a"), None),
        "a cluster is no account"
    );
    let _: Name = name("a");
}
