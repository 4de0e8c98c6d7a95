//! Shares, queue and controller, each against a model of its own or against published vectors.

use headworks_core::capacity::Seat;
use headworks_core::capacity::allocator::{Allocator, Capacity, Load, Table};
use headworks_core::capacity::controller::{Answered, Controller, Feedback, Usage};
use headworks_core::capacity::fair::{Claim, max_min};
use headworks_core::capacity::queue::{FairQueue, QueueFull, Waiter};
use headworks_core::catalog::{ClassTerms, Formula, Learn, SupplyDimension, SupplyTerms};
use headworks_core::record::{AccountTerms, Instant, Level, Name, Span};

use crate::common::name;

const SECOND: Span = Span::from_secs(1);

fn supply(classes: &[(&str, ClassTerms)]) -> SupplyTerms {
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

fn only(terms: ClassTerms) -> SupplyTerms {
    supply(&[("default", terms)])
}

/// Numbers from a seed, so that a failure can be run again.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % n
    }
}

fn small(n: u64) -> u32 {
    u32::try_from(n).expect("a small number")
}

/// One leaf: its seat, what the operator says of its account, what it asks for.
type Leaf = (Seat, AccountTerms, u64);

fn allot(terms: &SupplyTerms, capacity: u64, leaves: &[Leaf]) -> Table {
    let mut allocator = Allocator::default();
    for (place, (seat, terms, _)) in leaves.iter().enumerate() {
        allocator.add(*seat, u32::try_from(place).expect("few leaves"), *terms);
    }
    allocator.tick(
        terms,
        Capacity { rate: Some(capacity), in_flight: None },
        SECOND,
        Table::default(),
        |place| {
            let (_, terms, demand) = leaves[usize::try_from(place).expect("few leaves")];
            Some((Load { offered: demand, ..Load::default() }, terms))
        },
    )
}

fn rates(terms: &SupplyTerms, capacity: u64, leaves: &[Leaf]) -> Vec<u64> {
    allot(terms, capacity, leaves).shares.iter().map(|s| s.rate).collect()
}

fn seat(class: u16, cluster: u64, account: u64, key: u64) -> Seat {
    Seat { class, cluster, account, key }
}

fn weighing(weight: u32) -> AccountTerms {
    AccountTerms { weight, ..AccountTerms::default() }
}

/// Vectors published with Doorman (youtube/doorman, `doc/algorithms.md`, FAIR_SHARE).
#[test]
fn doormans_vectors() {
    let vectors = [
        (120, [(1, 1_000), (1, 60), (1, 10)], [55, 55, 10]),
        (120, [(6, 1_000), (4, 500), (2, 200)], [60, 40, 20]),
        (1_000, [(10, 2_000), (10, 500), (30, 700)], [200, 200, 600]),
    ];
    for (capacity, claims, published) in vectors {
        let plain: Vec<Claim> =
            claims.iter().map(|(weight, demand)| Claim { demand: *demand, weight: *weight }).collect();
        assert_eq!(max_min(capacity, &plain), published);
        let leaf = |(i, (weight, demand)): (usize, &(u32, u64))| {
            let i = u64::try_from(i).expect("few");
            (seat(0, i, i, 0), weighing(*weight), *demand)
        };
        let leaves: Vec<Leaf> = claims.iter().enumerate().map(leaf).collect();
        assert_eq!(rates(&only(ClassTerms::default()), capacity, &leaves), published);
    }
}

/// Water-filling in fractions, by raising the level until nobody new is satisfied: another way than the one under test.
fn level_reference(capacity: u64, claims: &[Claim]) -> Vec<(u128, u128)> {
    let whole: u128 = claims.iter().map(|c| u128::from(c.demand)).sum();
    let mut met: Vec<bool> = claims.iter().map(|c| c.demand == 0 || whole <= u128::from(capacity)).collect();
    loop {
        let used: u128 =
            claims.iter().zip(&met).filter(|(_, m)| **m).map(|(c, _)| u128::from(c.demand)).sum();
        let weight: u128 =
            claims.iter().zip(&met).filter(|(_, m)| !**m).map(|(c, _)| u128::from(c.weight)).sum();
        let left = u128::from(capacity).saturating_sub(used);
        let mut raised = false;
        for (claim, met) in claims.iter().zip(&mut met).filter(|(_, m)| !**m) {
            if u128::from(claim.demand) * weight <= left * u128::from(claim.weight) {
                (*met, raised) = (true, true);
            }
        }
        if !raised {
            let ideal = |(c, met): (&Claim, &bool)| {
                if *met { (u128::from(c.demand), 1) } else { (left * u128::from(c.weight), weight) }
            };
            return claims.iter().zip(&met).map(ideal).collect();
        }
    }
}

fn check_node(capacity: u64, claims: &[Claim], got: &[u64], seed: u64) {
    let wanted: u128 = claims.iter().map(|c| u128::from(c.demand)).sum();
    let given: u128 = got.iter().map(|n| u128::from(*n)).sum();
    assert_eq!(given, wanted.min(capacity.into()), "seed {seed}: not all, or too much, was shared out");
    for ((claim, got), (num, den)) in claims.iter().zip(got).zip(level_reference(capacity, claims)) {
        assert!(*got <= claim.demand, "seed {seed}: more than was asked");
        let off = (u128::from(*got) * den).abs_diff(num);
        assert!(off < den, "seed {seed}: {got} is a unit or more off {num}/{den}");
    }
}

/// Random trees of clusters, accounts and keys: every node's children against the reference.
#[test]
fn shares_are_max_min() {
    let terms = only(ClassTerms::default());
    for seed in 0..100_000 {
        let mut random = Random(seed);
        let mut leaves: Vec<Leaf> = Vec::new();
        let scale = [10, 1_000, 1_000_000_000][usize::try_from(random.below(3)).expect("small")];
        for cluster in 0..1 + random.below(3) {
            for account in 0..1 + random.below(2) {
                let terms = weighing(1 + small(random.below(5)));
                for key in 0..1 + random.below(2) {
                    let demand = if random.below(4) == 0 { 0 } else { random.below(scale) };
                    leaves.push((seat(0, cluster, cluster * 10 + account, key), terms, demand));
                }
            }
        }
        let capacity = random.below(scale * 3);
        let got = rates(&terms, capacity, &leaves);
        check_tree(capacity, &leaves, &got, seed);
        if seed % 1_000 == 0 {
            assert_eq!(rates(&terms, capacity, &leaves), got, "seed {seed}: another answer");
        }
    }
}

fn check_tree(capacity: u64, leaves: &[Leaf], got: &[u64], seed: u64) {
    use std::collections::BTreeMap;
    let mut clusters: BTreeMap<u64, BTreeMap<u64, Vec<(Claim, u64)>>> = BTreeMap::new();
    let mut weights: BTreeMap<u64, u32> = BTreeMap::new();
    for ((seat, terms, demand), got) in leaves.iter().zip(got) {
        let keys = clusters.entry(seat.cluster).or_default().entry(seat.account).or_default();
        keys.push((Claim { demand: *demand, weight: 1 }, *got));
        let weight = weights.entry(seat.cluster).or_default();
        *weight = (*weight).max(terms.weight);
        weights.insert(seat.account + 1_000, terms.weight);
    }
    let sum = |keys: &[(Claim, u64)]| {
        keys.iter().fold((0, 0), |(demand, got), (claim, g)| (demand + claim.demand, got + g))
    };
    let mut top = Vec::new();
    for (cluster, accounts) in &clusters {
        let mut inside = Vec::new();
        for (account, keys) in accounts {
            let (demand, got) = sum(keys);
            inside.push((Claim { demand, weight: weights[&(account + 1_000)] }, got));
            let (claims, shares): (Vec<Claim>, Vec<u64>) = keys.iter().copied().unzip();
            check_node(got, &claims, &shares, seed);
        }
        let (demand, got) = sum(&inside);
        let (claims, shares): (Vec<Claim>, Vec<u64>) = inside.into_iter().unzip();
        check_node(got, &claims, &shares, seed);
        top.push((Claim { demand, weight: weights[cluster] }, got));
    }
    let (claims, shares): (Vec<Claim>, Vec<u64>) = top.into_iter().unzip();
    check_node(capacity, &claims, &shares, seed);
}

#[test]
fn floors_come_first_and_maxima_hold() {
    let floored = AccountTerms { weight: 1, floor: 500, max: None };
    let capped = AccountTerms { weight: 1, floor: 0, max: Some(100) };
    let leaves = [
        (seat(0, 1, 1, 0), floored, 2_000),
        (seat(0, 2, 2, 0), weighing(1), 2_000),
        (seat(0, 3, 3, 0), capped, 2_000),
    ];
    // 500 to the floor; the other 500: 100 to the capped one, 200 each to the others.
    assert_eq!(rates(&only(ClassTerms::default()), 1_000, &leaves), [700, 200, 100]);
    let idle = [(seat(0, 1, 1, 0), floored, 10), leaves[1], leaves[2]];
    assert_eq!(rates(&only(ClassTerms::default()), 1_000, &idle), [10, 890, 100], "an unused floor is lent");
}

#[test]
fn bands_keep_their_floor() {
    let class =
        |priority, starvation_percent| ClassTerms { priority, starvation_percent, ..ClassTerms::default() };
    let terms = supply(&[("batch", class(2, 2)), ("chat", class(0, 2)), ("free", class(1, 0))]);
    let leaf = |class, demand| (seat(class, class.into(), class.into(), 0), weighing(1), demand);
    let rows = [
        // batch, chat, free
        ([5_000, 5_000, 5_000], [20, 980, 0], "strictly by band, 2 % for who has a floor"),
        ([5_000, 300, 200], [500, 300, 200], "a band below gets what is left"),
        ([10, 5_000, 5_000], [10, 990, 0], "a floor is given to who asks for it only"),
    ];
    for (demands, expected, why) in rows {
        let leaves = [leaf(0, demands[0]), leaf(1, demands[1]), leaf(2, demands[2])];
        assert_eq!(rates(&terms, 1_000, &leaves), expected, "{why}");
    }
}

#[test]
fn classes_lend_and_borrow() {
    let class = |floor_percent, lend_percent, borrow_percent| ClassTerms {
        floor_percent,
        lend_percent,
        borrow_percent,
        starvation_percent: 0,
        ..ClassTerms::default()
    };
    let leaf = |class, demand| (seat(class, class.into(), class.into(), 0), weighing(1), demand);
    // a: floor 40 %, lends half of it. b: floor 20 %, borrows up to 30 % more.
    let terms = supply(&[("a", class(40, 50, 100)), ("b", class(20, 100, 30)), ("c", class(0, 100, 100))]);
    let rows = [
        ([0, 9_000, 9_000], [0, 500, 300], "half of a's unused floor stays free; b stops at 50 %"),
        ([9_000, 9_000, 9_000], [534, 333, 133], "floors 400 and 200, then the other 400 by weight"),
        ([400, 0, 9_000], [400, 0, 600], "whole floors are lent by who lends them"),
    ];
    for (demands, expected, why) in rows {
        let leaves = [leaf(0, demands[0]), leaf(1, demands[1]), leaf(2, demands[2])];
        assert_eq!(rates(&terms, 1_000, &leaves), expected, "{why}");
    }
}

#[test]
fn a_cluster_has_one_weight() {
    let terms = only(ClassTerms::default());
    let honest = (seat(0, 1, 1, 0), weighing(1), 10_000);
    for n in [1, 2, 10, 100] {
        let mut accounts = vec![honest];
        accounts.extend((0..n).map(|i| (seat(0, 2, 100 + i, 0), weighing(1), 10_000)));
        let got = rates(&terms, 1_000, &accounts);
        assert_eq!(got[0], 500, "{n} accounts of one cluster take from another");
        let mut keys = vec![honest];
        keys.extend((0..n).map(|i| (seat(0, 2, 2, i), weighing(1), 10_000)));
        assert_eq!(rates(&terms, 1_000, &keys)[0], 500, "{n} keys of one account take from another");
    }
}

#[test]
fn demand_rises_at_once_and_falls_slowly() {
    let mut allocator = Allocator::default();
    allocator.add(seat(0, 1, 1, 0), 0, AccountTerms::default());
    let terms = only(ClassTerms::default());
    let mut ask = |offered| {
        let capacity = Capacity { rate: Some(1_000_000), in_flight: Some(1_000) };
        let load = Load { offered, ..Load::default() };
        allocator
            .tick(&terms, capacity, SECOND, Table::default(), |_| Some((load, AccountTerms::default())))
            .shares[0]
            .rate
    };
    assert_eq!(ask(800), 800);
    assert_eq!([ask(0), ask(0), ask(0)], [700, 612, 535], "an eighth less at each tick");
    assert_eq!(ask(900), 900);
}

/// Two borrowers with the same weight: the one that lent before is served first, until it has used its claim up.
#[test]
fn points_serve_the_richest_borrower() {
    let terms = SupplyTerms { points_s_max: Some(60), ..only(ClassTerms::default()) };
    let mut allocator = Allocator::default();
    for i in 0..3_u32 {
        allocator.add(seat(0, i.into(), i.into(), 0), i, AccountTerms::default());
    }
    let mut tick = |demands: [u64; 3]| -> Vec<u64> {
        let capacity = Capacity { rate: Some(900), in_flight: None };
        let table = allocator.tick(&terms, capacity, SECOND, Table::default(), |place| {
            let offered = demands[usize::try_from(place).expect("three")];
            Some((Load { offered, ..Load::default() }, AccountTerms::default()))
        });
        table.shares.iter().map(|s| s.rate).collect()
    };
    // The first lends 300 a second of its part for 10 s; the second takes them.
    for _ in 0..10 {
        assert_eq!(tick([0, 600, 300]), [0, 600, 300]);
    }
    // Now the third wants 38 less and the other two want more: the lender has the better claim.
    assert_eq!(tick([900, 900, 262]), [338, 300, 262]);
    let plain = only(ClassTerms::default());
    let leaf = |i: u64, demand| (seat(0, i, i, 0), weighing(1), demand);
    assert_eq!(
        rates(&plain, 900, &[leaf(0, 900), leaf(1, 900), leaf(2, 262)]),
        [319, 319, 262],
        "without points"
    );
}

fn at_ms(ms: i64) -> Instant {
    Instant::from_micros(ms * 1_000)
}

fn waiter(seat: Seat, cost: u64, deadline: Instant, who: u64) -> Waiter<u64> {
    Waiter { seat, cost, in_flight: 1, deadline, who }
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
                .push(&terms, weight, waiter(seat(0, i, i, 0), 1 + random.below(100), at_ms(1_000), i))
                .expect("room");
        };
        for i in [0, 1, 2, 3, 0, 1, 2, 3] {
            push(&mut queue, &mut random, i);
        }
        for _ in 0..400 {
            let (id, next) = queue.head(&terms).map(|(id, w)| (id, w.clone())).expect("work");
            queue.take(id);
            let at = usize::try_from(next.who).expect("four");
            queue.charge(&terms, next.seat, weights[at], i64::try_from(next.cost).expect("small"));
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
    let busy = seat(0, 1, 1, 0);
    // The other one was there before, and rested while the busy one was served.
    queue.charge(&terms, seat(0, 2, 2, 0), 1, 1);
    for _ in 0..1_000 {
        queue.charge(&terms, busy, 1, 100);
    }
    for i in 0..20 {
        queue.push(&terms, 1, waiter(busy, 100, at_ms(1_000), i)).expect("room");
        queue.push(&terms, 1, waiter(seat(0, 2, 2, 0), 100, at_ms(1_000), 100 + i)).expect("room");
    }
    let mut first = Vec::new();
    for _ in 0..10 {
        let (id, next) = queue.head(&terms).map(|(id, w)| (id, w.clone())).expect("work");
        queue.take(id);
        queue.charge(&terms, next.seat, 1, 100);
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
        let waiter = waiter(seat(0, account, account, key), 100, at_ms(deadline), account);
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
        queue.push(&terms, 1, waiter(seat(0, 1, 1, 0), 1, at_ms(i), 0)).expect("room");
        queue.push(&terms, 1, waiter(seat(1, 2, 2, 0), 100, at_ms(i), 1)).expect("room");
    }
    let mut served = [0_u64; 2];
    for _ in 0..500 {
        let (id, next) = queue.head(&terms).map(|(id, w)| (id, w.clone())).expect("work");
        queue.take(id);
        queue.charge(&terms, next.seat, 1, i64::try_from(next.cost).expect("small"));
        served[usize::try_from(next.who).expect("two")] += next.cost;
    }
    let share = served[0] * 1_000 / (served[0] + served[1]);
    assert!((18..=22).contains(&share), "2 % for the band below, but it got {share} of 1000");
}

/// An upstream that serves up to its rate and refuses the rest, asked for as much as the controller lets in.
fn follow(
    controller: &mut Controller,
    upstream: u64,
    from_ms: i64,
    for_ms: i64,
    demand: u64,
) -> Vec<(i64, u64)> {
    let mut trace = Vec::new();
    for ms in (from_ms..from_ms + for_ms).step_by(50) {
        let rate = controller.rate(at_ms(ms)).min(demand);
        let (asked, served) = (rate / 20, rate.min(upstream) / 20);
        let tell =
            |answered, cost| Feedback { answered, cost, first_output: None, limit: None, retry_after: None };
        // In requests of a hundredth each.
        for i in 0..100 {
            let fits = asked * i / 100 < served;
            let answered = if fits { Answered::Served } else { Answered::Congested };
            controller.note(tell(answered, asked / 100), at_ms(ms));
        }
        controller.advance(at_ms(ms), Usage { rate, is_busy: true });
        trace.push((ms - from_ms, controller.rate(at_ms(ms))));
    }
    trace
}

#[test]
fn a_learned_rate_follows_the_upstream() {
    let bounds = Learn { floor: 1_000, ceiling: 100_000_000 };
    let mut controller = Controller::new(bounds, 1_000_000);
    let trace = follow(&mut controller, 1_000_000, 0, 30_000, u64::MAX);
    assert!(
        trace.iter().skip(200).all(|(_, rate)| (900_000..=1_100_000).contains(rate)),
        "it does not stay near"
    );
    let halved = follow(&mut controller, 500_000, 30_000, 10_000, u64::MAX);
    let (_, after) = halved.iter().find(|(ms, _)| *ms >= 500).copied().expect("a trace");
    assert!((450_000..=550_000).contains(&after), "0.5 s after halving it is {after}");
    let doubled = follow(&mut controller, 1_000_000, 40_000, 15_000, u64::MAX);
    let (_, after) = doubled.last().copied().expect("a trace");
    assert!(after >= 900_000, "15 s after doubling it is {after}");
}

#[test]
fn a_learned_rate_recovers() {
    let bounds = Learn { floor: 1_000, ceiling: 100_000_000 };
    let mut controller = Controller::new(bounds, 1_000_000);
    follow(&mut controller, 0, 0, 60_000, u64::MAX);
    assert_eq!(controller.rate(at_ms(60_000)), 1_000, "never below its floor");
    let back = follow(&mut controller, 1_000_000, 60_000, 120_000, u64::MAX);
    assert!(back.last().expect("a trace").1 >= 900_000, "it recovers from its floor");
    // Without demand there is nothing to learn.
    let before = controller.rate(at_ms(180_000));
    follow(&mut controller, 1_000_000, 180_000, 5_000, before / 4);
    assert_eq!(controller.rate(at_ms(185_000)), before);
}

#[test]
fn what_the_upstream_states_is_taken_over() {
    let bounds = Learn { floor: 1_000, ceiling: 1_000_000 };
    let mut controller = Controller::new(bounds, 50_000);
    let says = |limit, retry_after| Feedback {
        answered: Answered::Congested,
        cost: 0,
        first_output: None,
        limit,
        retry_after,
    };
    controller.note(says(Some(80_000), None), at_ms(0));
    assert_eq!(controller.rate(at_ms(0)), 80_000);
    controller.note(says(None, Some(Span::from_secs(2))), at_ms(0));
    assert_eq!(controller.rate(at_ms(1_999)), 0, "nothing is sent before the instant it names");
    assert!(controller.rate(at_ms(2_000)) > 0);
    let other = Feedback { answered: Answered::Other, ..says(None, None) };
    let mut calm = Controller::new(bounds, 50_000);
    for ms in 0..40 {
        calm.note(other, at_ms(ms * 250));
        calm.advance(at_ms(ms * 250), Usage { rate: 0, is_busy: false });
    }
    assert_eq!(calm.rate(at_ms(10_000)), 50_000, "a caller's own errors are no congestion");
}

/// Slowness counts when it is twice the usual, and is not taken for usual within ten minutes.
#[test]
fn late_first_output_is_congestion() {
    let bounds = Learn { floor: 1_000, ceiling: 1_000_000 };
    let mut controller = Controller::new(bounds, 50_000);
    let took = |ms: u64| Feedback {
        answered: Answered::Served,
        cost: 10_000,
        first_output: Some(Span::from_micros(ms * 1_000)),
        limit: None,
        retry_after: None,
    };
    for quarter in 0..2_400 {
        controller.note(took(200), at_ms(quarter * 250));
        controller.advance(at_ms(quarter * 250), Usage { rate: 10_000, is_busy: false });
    }
    let before = controller.rate(at_ms(600_000));
    let mut lowered = 0;
    for quarter in 2_400..3_400 {
        let was = controller.rate(at_ms(quarter * 250));
        controller.note(took(600), at_ms(quarter * 250));
        controller.advance(at_ms(quarter * 250), Usage { rate: 10_000, is_busy: true });
        lowered += u32::from(controller.rate(at_ms(quarter * 250)) < was);
    }
    assert!(
        lowered > 0 && controller.rate(at_ms(850_000)) < before,
        "slow for four minutes, and not lowered"
    );
}

#[test]
fn a_formula_is_exact_and_bounded() {
    let formula = Formula(vec![(name("input_tokens"), 1), (name("output_tokens"), 2), (name("requests"), 5)]);
    let of = |input, output| formula.cost([("input_tokens", input), ("output_tokens", output)].into_iter());
    assert_eq!(of(256, 256), 256 + 512 + 5, "a request counts one when it is not given");
    assert_eq!(of(u64::MAX, u64::MAX), headworks_core::catalog::COST_MAX);
    assert_ne!(
        Seat::new(0, None, &name("a"), None),
        Seat::new(0, Some(&name("a")), &name("a"), None),
        "a cluster is no account"
    );
    let _: Name = name("a");
}
