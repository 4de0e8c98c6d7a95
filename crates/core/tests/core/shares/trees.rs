//! Random whole trees against the rule in exact fractions: classes with bands, floors, lending, borrowing and starvation floors;
//! clusters; accounts with weights, floors and maxima; keys.

use std::collections::BTreeMap;

use headworks_core::capacity::allocator::Table;
use headworks_core::catalog::{ClassTerms, SupplyTerms};
use headworks_core::record::AccountTerms;

use super::rational::Fraction;
use super::rule::exact_shares;
use super::{Leaf, allot};
use crate::capacity::{Random, sharer, small, supply};

const TREES: u64 = if cfg!(debug_assertions) { 10_000 } else { 100_000 };

/// From a few units, where each rounding shows, to the most a supply can have in millionths.
const SCALES: [u64; 4] = [10, 1_000, 1_000_000_000, 250_000_000_000_000_000];

fn percent(random: &mut Random, most: u64) -> u8 {
    let drawn = if random.below(3) == 0 { most } else { random.below(most + 1) };
    u8::try_from(drawn).expect("a percentage")
}

fn classes(random: &mut Random) -> SupplyTerms {
    let mut left = 100;
    let mut class = |random: &mut Random| {
        let floor_percent = if random.below(2) == 0 { 0 } else { percent(random, left) };
        left -= u64::from(floor_percent);
        ClassTerms {
            priority: u8::try_from(random.below(3)).expect("a band"),
            weight: 1 + small(random.below(5)),
            floor_percent,
            lend_percent: percent(random, 100),
            borrow_percent: percent(random, 100),
            starvation_percent: [0, 2, 7, 60][usize::try_from(random.below(4)).expect("one of four")],
            ..ClassTerms::default()
        }
    };
    let names = ["a", "b", "c", "d"];
    let n = usize::try_from(1 + random.below(4)).expect("few");
    supply(&names[..n].iter().map(|name| (*name, class(random))).collect::<Vec<_>>())
}

fn account(random: &mut Random, scale: u64) -> AccountTerms {
    let mut some = |of: u64| if random.below(3) == 0 { Some(random.below(of)) } else { None };
    let (floor, max) = (some(scale / 2).unwrap_or(0), some(scale));
    AccountTerms { weight: 1 + small(random.below(5)), floor, max }
}

fn leaves(random: &mut Random, terms: &SupplyTerms, scale: u64) -> Vec<Leaf> {
    let mut leaves = Vec::new();
    for (class, _) in (0..).zip(&terms.classes) {
        for cluster in 0..random.below(4) {
            for number in 0..1 + random.below(3) {
                let terms = account(random, scale);
                for key in 0..1 + random.below(2) {
                    let demand = if random.below(4) == 0 { 0 } else { random.below(scale) };
                    leaves.push((sharer(class, cluster, cluster * 10 + number, key), terms, demand));
                }
            }
        }
    }
    leaves
}

/// Each share, and the sum of each account, cluster, class and of all, is less than one unit from the rule; nobody has more
/// than it asks for, no account more than its maximum.
#[test]
fn a_whole_tree_is_within_a_unit_of_the_rule() {
    for seed in 0..TREES {
        let mut random = Random(seed);
        let scale = SCALES[usize::try_from(random.below(4)).expect("one of four")];
        let terms = classes(&mut random);
        let leaves = leaves(&mut random, &terms, scale);
        let times = 1 + random.below(8);
        let capacity = random.below(scale * times);
        let got = allot(&terms, capacity, &leaves);
        check(&terms, capacity, &leaves, &got, seed);
        if seed % 100 == 0 {
            assert_eq!(allot(&terms, capacity, &leaves), got, "seed {seed}: another answer");
        }
    }
}

fn check(terms: &SupplyTerms, capacity: u64, leaves: &[Leaf], got: &Table, seed: u64) {
    let exact = exact_shares(terms, capacity, leaves);
    // By class, cluster, account and key, each level left out in turn.
    let mut sums: BTreeMap<[Option<u64>; 4], (u64, Fraction)> = BTreeMap::new();
    let mut accounts: BTreeMap<(u64, u64), (u64, AccountTerms)> = BTreeMap::new();
    for (((sharer, terms, demand), share), exact) in leaves.iter().zip(&got.shares).zip(&exact) {
        assert!(share.rate <= *demand, "seed {seed}: {sharer:?} has more than it asked for");
        let path = [sharer.class.into(), sharer.cluster, sharer.account, sharer.key];
        for depth in 0..=path.len() {
            let mut above = path.map(Some);
            above[depth..].fill(None);
            let sum = sums.entry(above).or_insert((0, Fraction::ZERO));
            *sum = (sum.0 + share.rate, sum.1.plus(*exact));
        }
        let account = accounts.entry((sharer.class.into(), sharer.account)).or_insert((0, *terms));
        account.0 += share.rate;
    }
    for (node, (got, exact)) in &sums {
        assert!(exact.is_within_one(*got), "seed {seed}: {node:?} has {got}, the rule says {exact:?}");
    }
    for (account, (got, terms)) in &accounts {
        assert!(terms.max.is_none_or(|max| *got <= max), "seed {seed}: {account:?} is above its maximum");
    }
    let (all, exact) = sums.get(&[None; 4]).copied().unwrap_or((0, Fraction::ZERO));
    assert_eq!(all, exact.floor(), "seed {seed}: not all, or too much, was shared out");
}
