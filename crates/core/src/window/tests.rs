use super::{Terms, Used};
use crate::record::{Instant, Span};
use alloc::vec::Vec;
use proptest::prelude::*;

fn at(micros: u64) -> Instant {
    Instant::from_micros(1_700_000_000_000_000 + i64::try_from(micros).expect("small"))
}

/// Feeds costs at increasing instants and returns those admitted.
fn admitted(terms: Terms, schedule: &[(u64, i64)]) -> Vec<(u64, i64)> {
    let mut used: Option<Used> = None;
    let mut now = 0;
    let mut out = Vec::new();
    for &(gap, cost) in schedule {
        now += gap;
        let room = terms.room(used.as_ref(), at(now));
        if cost <= room.free {
            used = Some(terms.take(used.take(), cost, at(now)));
            out.push((now, cost));
        } else if let Some(told) = terms.fits_at(used.as_ref(), cost, at(now)) {
            let early = Instant::from_micros(told.micros() - 1);
            assert!(told > at(now), "told {told} but it does not fit at {}", at(now));
            assert!(terms.room(used.as_ref(), told).free >= cost, "does not fit when told");
            assert!(terms.room(used.as_ref(), early).free < cost, "would have fitted earlier than told");
        } else {
            assert!(cost > room.capacity, "only what exceeds the capacity never fits");
        }
    }
    out
}

fn schedule() -> impl Strategy<Value = Vec<(u64, i64)>> {
    prop::collection::vec((0_u64..4_000_000, 1_i64..12), 1..120)
}

proptest! {
    #[test]
    fn rate_bounds_every_interval(steps in schedule(), limit in 1_u64..9, burst in 1_u64..12) {
        let period = Span::from_secs(7);
        let taken = admitted(Terms::Rate { limit, period, burst }, &steps);
        for (i, &(from, _)) in taken.iter().enumerate() {
            let mut sum = 0_u128;
            for &(to, cost) in taken.iter().skip(i) {
                sum += u128::try_from(cost).expect("positive");
                // sum <= burst + limit * (to - from) / period, multiplied out.
                let right = u128::from(burst) * u128::from(period.micros()) + u128::from(limit) * u128::from(to - from);
                prop_assert!(sum * u128::from(period.micros()) <= right);
            }
        }
    }

    #[test]
    fn sliding_log_is_exact(steps in schedule(), limit in 1_u64..30) {
        let length = 10_000_000;
        let taken = admitted(Terms::Sliding { limit, length: Span::from_micros(length) }, &steps);
        for &(end, _) in &taken {
            let sum: i64 = taken.iter().filter(|(t, _)| *t <= end && t + length > end).map(|(_, n)| n).sum();
            prop_assert!(sum <= i64::try_from(limit).expect("small"));
        }
    }

    #[test]
    fn room_returns_exactly_when_told(steps in prop::collection::vec((0_u64..3_000_000, 1_i64..900), 1..120)) {
        // `admitted` checks each refusal, here for two cells as well.
        admitted(Terms::Sliding { limit: 2_000, length: Span::from_secs(10) }, &steps);
        admitted(Terms::Rate { limit: 700, period: Span::from_secs(3), burst: 1_000 }, &steps);
        admitted(Terms::Sliding { limit: 1_000, length: Span::from_secs(10) }, &steps);
    }
}

#[test]
fn seven_a_second_does_not_drift() {
    // 1/7 s is no whole number of microseconds. Asked every 10 ms for 100 s, a burst of 7 and 7 a second admit exactly
    // 7 + 700.
    let terms = Terms::Rate { limit: 7, period: Span::from_secs(1), burst: 7 };
    let mut used = None;
    let mut taken = 0;
    for i in 0..=10_000_u64 {
        let now = at(i * 10_000);
        if terms.room(used.as_ref(), now).free >= 1 {
            used = Some(terms.take(used.take(), 1, now));
            taken += 1;
        }
    }
    assert_eq!(taken, 707);
}

#[test]
fn a_changed_limit_keeps_what_is_used() {
    let mut used = None;
    let old = Terms::Rate { limit: 10, period: Span::from_secs(60), burst: 10 };
    used = Some(old.take(used.take(), 8, at(0)));
    // Eight used of ten; the new limit of twenty a minute leaves twelve, a limit of five leaves none.
    assert_eq!(
        Terms::Rate { limit: 20, period: Span::from_secs(60), burst: 20 }.room(used.as_ref(), at(0)).free,
        12
    );
    assert_eq!(
        Terms::Rate { limit: 5, period: Span::from_secs(60), burst: 5 }.room(used.as_ref(), at(0)).free,
        0
    );
    assert_eq!(
        Terms::Rate { limit: 20, period: Span::from_secs(30), burst: 20 }.room(used.as_ref(), at(0)).free,
        12
    );
    let mut used = None;
    used = Some(Terms::Period { limit: 10, start: at(0), end: at(100) }.take(used.take(), 8, at(1)));
    assert_eq!(Terms::Period { limit: 20, start: at(0), end: at(100) }.room(used.as_ref(), at(2)).free, 12);
    assert_eq!(Terms::Period { limit: 5, start: at(0), end: at(100) }.room(used.as_ref(), at(2)).free, 0);
}

#[test]
fn giving_back_stays_in_its_window() {
    let first = Terms::Period { limit: 10, start: at(0), end: at(100) };
    let second = Terms::Period { limit: 10, start: at(100), end: at(200) };
    let mut used = None;
    used = Some(first.take(used.take(), 6, at(50)));
    used = Some(second.take(used.take(), 4, at(150)));
    if let Some(used) = &mut used {
        used.correct(at(50), -6, at(150));
    }
    assert_eq!(second.room(used.as_ref(), at(150)).used, 4, "the old window's use is gone with it");
    if let Some(used) = &mut used {
        used.correct(at(150), -9, at(150));
    }
    assert_eq!(second.room(used.as_ref(), at(150)).used, 0, "never below nothing");
    let rate = Terms::Rate { limit: 10, period: Span::from_secs(1), burst: 10 };
    let mut used = None;
    used = Some(rate.take(used.take(), 5, at(0)));
    if let Some(used) = &mut used {
        used.correct(at(0), -100, at(1));
    }
    assert_eq!(rate.room(used.as_ref(), at(1)).free, 10, "idle credit is never above the burst");
}

#[test]
fn a_clock_that_jumps_back_mints_nothing() {
    let terms = Terms::Rate { limit: 10, period: Span::from_secs(1), burst: 10 };
    let mut used = None;
    used = Some(terms.take(used.take(), 10, at(5_000_000)));
    assert_eq!(terms.room(used.as_ref(), at(0)).free, 0);
    assert_eq!(
        terms.room(used.as_ref(), at(900_000_000)).free,
        10,
        "nor does a jump forward mint more than one burst"
    );
}

#[test]
fn lost_use_is_not_carried_over() {
    let (brief, long) = (
        Terms::Rate { limit: 10, period: Span::from_secs(60), burst: 10 },
        Terms::Rate { limit: 10, period: Span::from_secs(600), burst: 10 },
    );
    let (second, hour) = (
        Terms::Sliding { limit: 10, length: Span::from_secs(1) },
        Terms::Sliding { limit: 10, length: Span::from_secs(3_600) },
    );
    for (volatile, durable) in [(brief, long), (second, hour)] {
        let mut used = None;
        used = Some(volatile.take(used.take(), 4, at(0)));
        assert_eq!(volatile.room(used.as_ref(), at(0)).used, 4);
        assert_eq!(durable.room(used.as_ref(), at(0)).used, 0, "a restart may have lost it");
        used = Some(durable.take(used.take(), 3, at(0)));
        assert_eq!(durable.room(used.as_ref(), at(0)).used, 3);
        assert_eq!(volatile.room(used.as_ref(), at(0)).used, 3, "what is kept may well be lost later");
    }
    // Use beyond a volatile limit, which `record` may cause, does not make it durable.
    let mut over = None;
    over = Some(brief.take(over.take(), 25, at(0)));
    assert!(over.is_some_and(|u| u.is_volatile()));
}
