//! Shares: published vectors, tables in the words of the rule, and whole trees against it.

use headworks_core::capacity::Sharer;
use headworks_core::capacity::allocator::{Allocator, Capacity, Load, Table};
use headworks_core::capacity::fair::{Claim, max_min};
use headworks_core::catalog::{ClassTerms, SupplyTerms};
use headworks_core::record::{AccountTerms, Span};

use crate::capacity::{only, sharer, supply};

mod memory;
mod rational;
mod rule;
mod trees;

const SECOND: Span = Span::from_secs(1);

/// One leaf: its sharer, what the operator says of its account, what it asks for.
type Leaf = (Sharer, AccountTerms, u64);

fn allot(terms: &SupplyTerms, capacity: u64, leaves: &[Leaf]) -> Table {
    let mut allocator = Allocator::default();
    for (place, (sharer, terms, _)) in leaves.iter().enumerate() {
        allocator.add(*sharer, u32::try_from(place).expect("few leaves"), *terms);
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
            (sharer(0, i, i, 0), weighing(*weight), *demand)
        };
        let leaves: Vec<Leaf> = claims.iter().enumerate().map(leaf).collect();
        assert_eq!(rates(&only(ClassTerms::default()), capacity, &leaves), published);
    }
}

#[test]
fn floors_come_first_and_maxima_hold() {
    let floored = AccountTerms { weight: 1, floor: 500, max: None };
    let capped = AccountTerms { weight: 1, floor: 0, max: Some(100) };
    let leaves = [
        (sharer(0, 1, 1, 0), floored, 2_000),
        (sharer(0, 2, 2, 0), weighing(1), 2_000),
        (sharer(0, 3, 3, 0), capped, 2_000),
    ];
    // 500 to the floor; the other 500: 100 to the capped one, 200 each to the others.
    assert_eq!(rates(&only(ClassTerms::default()), 1_000, &leaves), [700, 200, 100]);
    let idle = [(sharer(0, 1, 1, 0), floored, 10), leaves[1], leaves[2]];
    assert_eq!(rates(&only(ClassTerms::default()), 1_000, &idle), [10, 890, 100], "an unused floor is lent");
}

#[test]
fn bands_keep_their_floor() {
    let class =
        |priority, starvation_percent| ClassTerms { priority, starvation_percent, ..ClassTerms::default() };
    let terms = supply(&[("batch", class(2, 2)), ("chat", class(0, 2)), ("free", class(1, 0))]);
    let leaf = |class, demand| (sharer(class, class.into(), class.into(), 0), weighing(1), demand);
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
    let leaf = |class, demand| (sharer(class, class.into(), class.into(), 0), weighing(1), demand);
    // a: floor 40 %, lends half of it. b: floor 20 %, borrows up to 30 % more.
    let terms = supply(&[("a", class(40, 50, 100)), ("b", class(20, 100, 30)), ("c", class(0, 100, 100))]);
    let rows = [
        ([0, 9_000, 9_000], [0, 500, 300], "half of a's unused floor stays free; b stops at 50 %"),
        ([9_000, 9_000, 9_000], [534, 333, 133], "floors 400 and 200, then the other 400 by weight"),
        ([400, 0, 9_000], [400, 0, 600], "whole floors are lent by who lends them"),
        ([100, 9_000, 9_000], [100, 500, 300], "of 300 unused, others use half of the floor, 200"),
        ([300, 9_000, 9_000], [300, 450, 250], "of 100 unused, less than half of the floor, they use all"),
    ];
    for (demands, expected, why) in rows {
        let leaves = [leaf(0, demands[0]), leaf(1, demands[1]), leaf(2, demands[2])];
        assert_eq!(rates(&terms, 1_000, &leaves), expected, "{why}");
    }
}

#[test]
fn a_cluster_has_one_weight() {
    let terms = only(ClassTerms::default());
    let honest = (sharer(0, 1, 1, 0), weighing(1), 10_000);
    for n in [1, 2, 10, 100] {
        let mut accounts = vec![honest];
        accounts.extend((0..n).map(|i| (sharer(0, 2, 100 + i, 0), weighing(1), 10_000)));
        let got = rates(&terms, 1_000, &accounts);
        assert_eq!(got[0], 500, "{n} accounts of one cluster take from another");
        let mut keys = vec![honest];
        keys.extend((0..n).map(|i| (sharer(0, 2, 2, i), weighing(1), 10_000)));
        assert_eq!(rates(&terms, 1_000, &keys)[0], 500, "{n} keys of one account take from another");
    }
}

#[test]
fn demand_rises_at_once_and_falls_slowly() {
    let mut allocator = Allocator::default();
    allocator.add(sharer(0, 1, 1, 0), 0, AccountTerms::default());
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
