use super::{Count, Terms, Used};
use crate::record::{Instant, Span};
use alloc::vec::Vec;
use proptest::prelude::*;

fn at(micros: u64) -> Instant {
    Instant::from_micros(1_700_000_000_000_000 + i64::try_from(micros).expect("small"))
}

/// Counts what is decided and counted at once.
fn count(terms: Terms, used: Option<Used>, cost: i64, now: Instant) -> Option<Used> {
    let before = terms.room(used.as_ref(), now).used;
    Some(terms.take(used, Count::now(cost, now, before), now))
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
            used = count(terms, used.take(), cost, at(now));
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
            used = count(terms, used.take(), 1, now);
            taken += 1;
        }
    }
    assert_eq!(taken, 707);
}

#[test]
fn a_changed_limit_keeps_what_is_used() {
    let mut used = None;
    let old = Terms::Rate { limit: 10, period: Span::from_secs(60), burst: 10 };
    used = count(old, used.take(), 8, at(0));
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
    used = count(Terms::Period { limit: 10, start: at(0), end: at(100) }, used.take(), 8, at(1));
    assert_eq!(Terms::Period { limit: 20, start: at(0), end: at(100) }.room(used.as_ref(), at(2)).free, 12);
    assert_eq!(Terms::Period { limit: 5, start: at(0), end: at(100) }.room(used.as_ref(), at(2)).free, 0);
}

#[test]
fn giving_back_stays_in_its_window() {
    let first = Terms::Period { limit: 10, start: at(0), end: at(100) };
    let second = Terms::Period { limit: 10, start: at(100), end: at(200) };
    let mut used = None;
    used = count(first, used.take(), 6, at(50));
    used = count(second, used.take(), 4, at(150));
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
    used = count(rate, used.take(), 5, at(0));
    if let Some(used) = &mut used {
        used.correct(at(0), -100, at(1));
    }
    assert_eq!(rate.room(used.as_ref(), at(1)).free, 10, "idle credit is never above the burst");
}

#[test]
fn a_clock_that_jumps_back_mints_nothing() {
    let terms = Terms::Rate { limit: 10, period: Span::from_secs(1), burst: 10 };
    let mut used = None;
    used = count(terms, used.take(), 10, at(5_000_000));
    assert_eq!(terms.room(used.as_ref(), at(0)).free, 0);
    assert_eq!(
        terms.room(used.as_ref(), at(900_000_000)).free,
        10,
        "nor does a jump forward mint more than one burst"
    );
}

/// Windows of every kind that can be changed into one another, on both sides of what makes them another inside.
fn every_terms() -> Vec<Terms> {
    let rates = [(60, 60, 60), (60, 60, 61), (60, 120, 60), (30, 60, 90), (1, 1, 1), (7, 3_600, 500)];
    let slidings = [(1_000, 3_600), (2_000, 3_600), (900, 7_200), (2_000, 7_200), (1_024, 60), (1_025, 60)];
    let rates =
        rates.map(|(limit, period, burst)| Terms::Rate { limit, period: Span::from_secs(period), burst });
    let slidings = slidings.map(|(limit, length)| Terms::Sliding { limit, length: Span::from_secs(length) });
    let day = Terms::Period { limit: 700, start: at(0), end: at(86_400_000_000) };
    rates.into_iter().chain(slidings).chain([day]).collect()
}

#[test]
fn changed_terms_keep_what_is_used() {
    for old in every_terms() {
        for new in every_terms() {
            let used = count(old, None, 40, at(1_000_000));
            let now = at(1_000_000);
            assert_eq!(new.room(used.as_ref(), now).used, 40, "{old:?} to {new:?}");
            // After a while, not more than was counted; the next count converts it, and adds to what was shown.
            let later = at(3_000_000);
            let shown = new.room(used.as_ref(), later).used;
            assert!((0..=40).contains(&shown), "{old:?} to {new:?}: {shown}");
            let both = count(new, used, 5, later);
            assert_eq!(new.room(both.as_ref(), later).used, shown + 5, "{old:?} to {new:?}");
            // A restart loses what is volatile: the record says what was used, so that the durable state is the same.
            if !new.is_volatile() {
                let without = |u: Option<Used>| u.filter(|u| !u.is_volatile());
                let lost = without(count(old, None, 40, at(1_000_000)));
                let again = new.take(lost, Count::now(5, later, shown), later);
                assert_eq!(Some(&again), both.as_ref(), "{old:?} to {new:?}");
            }
        }
    }
}

#[test]
fn room_after_a_change_returns_when_told() {
    for old in every_terms() {
        for new in every_terms() {
            let used = count(old, None, new.capacity() + 40, at(1_000_000));
            let now = at(2_000_000);
            let Some(told) = new.fits_at(used.as_ref(), 1, now).filter(|told| *told > now) else { continue };
            if matches!(new, Terms::Period { .. }) {
                continue;
            }
            let early = Instant::from_micros(told.micros() - 1);
            assert!(new.room(used.as_ref(), told).free >= 1, "{old:?} to {new:?}: not at {told}");
            assert!(new.room(used.as_ref(), early).free < 1, "{old:?} to {new:?}: before {told}");
        }
    }
}

#[test]
fn use_beyond_a_volatile_limit_stays_volatile() {
    let brief = Terms::Rate { limit: 10, period: Span::from_secs(60), burst: 10 };
    assert!(count(brief, None, 25, at(0)).is_some_and(|u| u.is_volatile()));
}

#[test]
fn late_use_counts_where_it_happened() {
    let hour = |n: u64| at(n * 3_600_000_000);
    let period = |n: u64| Terms::Period { limit: 100, start: hour(n), end: hour(n + 1) };
    let late = |cost, at, now: Instant| (Count { cost, at, before: 0, keeps: true }, now);
    let mut used = None;
    for (terms, (count, now)) in [
        (period(1), late(10, hour(1), hour(1))),
        (period(5), late(20, hour(5), hour(5))),
        // Two hours that nothing was counted in, and one that has been.
        (period(3), late(3, hour(3), hour(5))),
        (period(2), late(2, hour(2), hour(5))),
        (period(1), late(1, hour(1), hour(5))),
    ] {
        used = Some(terms.take(used, count, now));
    }
    let of = |n: u64| period(n).room(used.as_ref(), hour(5)).used;
    assert_eq!([1, 2, 3, 4, 5].map(of), [11, 2, 3, 0, 20]);
    // A guard does not keep them.
    let mut guard = None;
    for (n, now) in [(1, 1), (5, 5), (1, 5)] {
        guard = Some(period(n).take(guard, Count::now(7, hour(n), 0), hour(now)));
    }
    let of = |n: u64| period(n).room(guard.as_ref(), hour(5)).used;
    assert_eq!([1, 5].map(of), [0, 7]);
    // Rates and sliding windows look back only so far.
    let minute = Terms::Sliding { limit: 10, length: Span::from_secs(60) };
    let rate = Terms::Rate { limit: 60, period: Span::from_secs(60), burst: 30 };
    for (terms, seconds, reaches) in
        [(minute, 59, true), (minute, 60, false), (rate, 29, true), (rate, 30, false)]
    {
        let then = at(600_000_000 - seconds * 1_000_000);
        assert_eq!(terms.reaches(then, at(600_000_000)), reaches, "{terms:?} {seconds} s ago");
    }
    let late = Count { cost: 4, at: at(580_000_000), before: 0, keeps: false };
    let log = minute.take(None, late, at(600_000_000));
    assert_eq!(minute.room(Some(&log), at(639_999_999)).used, 4);
    assert_eq!(minute.room(Some(&log), at(640_000_000)).used, 0);
}

#[test]
fn a_rate_gives_back_what_has_not_drained() {
    // One a second, ten at once. Uses at seconds; which is given back when; what is used then, as if it had not been counted.
    let terms = Terms::Rate { limit: 1, period: Span::from_secs(1), burst: 10 };
    type Row<'a> = (&'a [(u64, i64)], usize, u64, i64);
    let at = |second: u64| at(second * 1_000_000);
    let rows: [Row<'_>; 8] = [
        (&[(0, 10)], 0, 4, 0),
        (&[(0, 10), (10, 10)], 0, 10, 10),
        (&[(0, 10), (10, 10)], 1, 10, 0),
        (&[(0, 10), (4, 4)], 0, 6, 2),
        (&[(0, 10), (4, 4)], 1, 6, 4),
        (&[(0, 10), (9, 9), (10, 1)], 0, 10, 9),
        // What was used before is drained first.
        (&[(0, 8), (2, 2)], 1, 5, 3),
        (&[(0, 20), (15, 0)], 0, 16, 0),
    ];
    for (uses, which, when, expected) in rows {
        let mut used: Option<Used> = None;
        for (second, cost) in uses {
            let before = terms.room(used.as_ref(), at(*second)).used;
            used = Some(terms.take(used, Count::now(*cost, at(*second), before), at(*second)));
        }
        let mut used = used.expect("counted");
        let (second, cost) = uses[which];
        used.correct(at(second), -cost, at(when));
        assert_eq!(terms.room(Some(&used), at(when)).used, expected, "{uses:?}, {which} at {when}");
    }
}

#[test]
fn a_rate_remembers_what_open_holds_need() {
    // A hundred thousand a second, so that a hundred counts of up to a hundred drain only in part. Every count is either a hold
    // or gone for good; now and then one is given back. The same without forgetting anything says what is right.
    let terms = Terms::Rate { limit: 100_000, period: Span::from_secs(1), burst: 1_000_000 };
    for seed in 0..200_u64 {
        let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut next = |below: u64| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random % below
        };
        let open_max = if seed % 2 == 0 { 30 } else { 300 };
        let (mut exact, mut thinned): (Option<Used>, Option<Used>) = (None, None);
        let (mut open, mut now, mut lost): (Vec<(Instant, i64)>, u64, i64) = (Vec::new(), 0, 0);
        for _ in 0..600 {
            now += 1 + next(400);
            let used = |used: &Option<Used>| terms.room(used.as_ref(), at(now)).used;
            if next(3) == 0 && !open.is_empty() {
                let which = usize::try_from(next(u64::try_from(open.len()).expect("few"))).expect("few");
                let (counted_at, cost) = open.swap_remove(which);
                let before = used(&thinned) - used(&exact);
                for used in [&mut exact, &mut thinned] {
                    used.as_mut().expect("counted").correct(counted_at, -cost, at(now));
                }
                lost += (used(&thinned) - used(&exact) - before).max(0);
            } else {
                let cost = 1 + i64::try_from(next(100)).expect("small");
                let (e, t) = (used(&exact), used(&thinned));
                exact = Some(terms.take(exact, Count::now(cost, at(now), e), at(now)));
                thinned = Some(terms.take(thinned, Count::now(cost, at(now), t), at(now)));
                if open.len() < open_max && next(2) == 0 {
                    open.push((at(now), cost));
                }
                let counted = || open.iter().map(|(at, _)| *at).collect();
                thinned.as_mut().expect("counted").thin(counted);
            }
            assert!(used(&thinned) >= used(&exact), "seed {seed}: more was given back than had not drained");
        }
        assert!(open_max > 32 || lost == 0, "seed {seed}: {lost} were not given back");
        let Some(Used::Rate(rate)) = thinned else { panic!("a rate") };
        assert!(rate.lows.len() <= 65, "seed {seed}: {} lows", rate.lows.len());
    }
}
