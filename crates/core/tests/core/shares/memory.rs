//! Points: who was served less for its weight comes first, beyond floors and guaranteed parts.

use headworks_core::capacity::allocator::{Allocator, Capacity, Load, Table};
use headworks_core::catalog::{ClassTerms, SupplyTerms};
use headworks_core::record::{AccountTerms, Span};

use super::{SECOND, weighing};
use crate::capacity::{only, sharer};

const WEEK: Span = Span::from_secs(7 * 86_400);

/// A supply of 1,000 a second with points.
struct Shared {
    terms: SupplyTerms,
    allocator: Allocator,
    accounts: Vec<AccountTerms>,
}

impl Shared {
    fn new(points_s_max: Option<u32>, accounts: &[AccountTerms]) -> Self {
        let terms = SupplyTerms { points_s_max, ..only(ClassTerms::default()) };
        let mut shared = Self { terms, allocator: Allocator::default(), accounts: Vec::new() };
        for account in accounts {
            shared.come(*account);
        }
        shared
    }

    fn come(&mut self, account: AccountTerms) {
        let index = u32::try_from(self.accounts.len()).expect("few");
        self.allocator.add(sharer(0, index.into(), index.into(), 0), index, account);
        self.accounts.push(account);
    }

    /// Everybody's share when they ask for this much.
    fn tick_of(&mut self, span: Span, demands: &[u64]) -> Vec<u64> {
        let capacity = Capacity { rate: Some(1_000), in_flight: None };
        let accounts = &self.accounts;
        let table = self.allocator.tick(&self.terms, capacity, span, Table::default(), |index| {
            let at = usize::try_from(index).expect("few");
            let offered = demands[at] * span.micros() / 1_000_000;
            Some((Load { offered, ..Load::default() }, accounts[at]))
        });
        table.shares.iter().map(|s| s.rate).collect()
    }

    fn tick(&mut self, demands: &[u64]) -> Vec<u64> {
        self.tick_of(SECOND, demands)
    }
}

fn plain(n: usize) -> Vec<AccountTerms> {
    vec![weighing(1); n]
}

#[test]
fn who_was_served_least_comes_first() {
    let mut shared = Shared::new(Some(3_600), &plain(2));
    for _ in 0..8 {
        assert_eq!(shared.tick(&[0, 1_000]), [0, 1_000], "alone, it has all");
    }
    // The second is 8,000 ahead, and falls back by 875 - 125 in each second.
    for second in 1..=10 {
        assert_eq!(shared.tick(&[1_000, 1_000]), [875, 125], "second {second}");
    }
    // 500 are left to make up for; then both have the same.
    assert_eq!(shared.tick(&[1_000, 1_000]), [750, 250]);
    assert_eq!(shared.tick(&[1_000, 1_000]), [500, 500]);
    let mut without = Shared::new(None, &plain(2));
    without.tick(&[0, 1_000]);
    assert_eq!(without.tick(&[1_000, 1_000]), [500, 500], "without points");
}

#[test]
fn points_leave_floors_and_guaranteed_parts_alone() {
    let gold = AccountTerms { floor: 600, ..weighing(1) };
    for points in [None, Some(60), Some(86_400)] {
        let mut shared = Shared::new(points, &[gold, weighing(1), weighing(1), weighing(1)]);
        for _ in 0..20 {
            assert_eq!(shared.tick(&[2_000; 4]), [700, 100, 100, 100], "{points:?}");
        }
    }
    // However much it was served before, it has its floor and a quarter of its fair share of the rest.
    let mut shared = Shared::new(Some(86_400), &[gold, weighing(1)]);
    for _ in 0..1_000 {
        shared.tick(&[1_000, 0]);
    }
    assert_eq!(shared.tick(&[1_000, 1_000]), [650, 350]);
}

#[test]
fn service_counts_half_after_a_week() {
    let mut shared = Shared::new(Some(86_400), &plain(2));
    for _ in 0..64 {
        shared.tick(&[0, 1_000]);
    }
    // Demand fades within this time.
    for _ in 0..100 {
        shared.tick(&[0, 0]);
    }
    let seconds_behind =
        |shared: &mut Shared| (0..10_000).take_while(|_| shared.tick(&[1_000, 1_000]) == [875, 125]).count();
    // 64,000 in full and 7,000 or so while its demand faded.
    let now = seconds_behind(&mut shared);
    assert!((92..=97).contains(&now), "{now}");
    let mut shared = Shared::new(Some(86_400), &plain(2));
    for _ in 0..64 {
        shared.tick(&[0, 1_000]);
    }
    for _ in 0..100 {
        shared.tick(&[0, 0]);
    }
    shared.tick_of(WEEK, &[0, 0]);
    let later = seconds_behind(&mut shared);
    assert!(later.abs_diff(now / 2) <= 1, "{later} seconds a week later, {now} before");
}

#[test]
fn a_claim_is_bounded() {
    let mut shared = Shared::new(Some(10), &plain(2));
    for _ in 0..1_000 {
        shared.tick(&[0, 1_000]);
    }
    // Neither is more than ten seconds of 500 from the middle: after the first second the second is 10,000 ahead.
    let behind = (0..1_000).take_while(|_| shared.tick(&[1_000, 1_000]) == [875, 125]).count();
    assert_eq!(behind, 1 + 10_000 / 750);
}

#[test]
fn newcomers_begin_in_the_middle() {
    let mut shared = Shared::new(Some(86_400), &plain(3));
    // The second is served some and the third much; nothing is left of their demand.
    for (seconds, demands) in [(10, [0, 1_000, 0]), (100, [0; 3]), (100, [0, 0, 1_000]), (100, [0; 3])] {
        for _ in 0..seconds {
            shared.tick(&demands);
        }
    }
    shared.come(weighing(1));
    // Each is guaranteed a quarter of its 250. The first, which was served nothing, has all that it wants: 450. The rest is for
    // the second and the newcomer, which are level; the third was served more.
    assert_eq!(shared.tick(&[450, 1_000, 1_000, 1_000]), [450, 244, 62, 244]);
}
