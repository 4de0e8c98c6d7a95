//! Points: who was served less comes first, beyond floors and guaranteed parts.

use headworks_core::capacity::allocator::{Allocator, Capacity, Load, Table};
use headworks_core::catalog::{ClassTerms, SupplyTerms};
use headworks_core::record::AccountTerms;

use super::{SECOND, rates, weighing};
use crate::capacity::{only, seat};

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
