//! One supply in simulated time: promises of sharing that do not depend on accounts, money or threads.

use std::sync::Arc;

use headworks_core::capacity::Sharer;
use headworks_core::capacity::controller::{Answered, Feedback};
use headworks_core::catalog::{ClassTerms, Formula, Learn, SupplyDimension, SupplyTerms};
use headworks_core::record::{AccountTerms, Instant, Level, Span};
use headworks_engine::capacity::supply::{Cost, Kind, Leaf, NoWait, Room, Supply};

use crate::name;

pub(crate) fn terms(rate: Option<u64>, in_flight: Option<u64>) -> SupplyTerms {
    let dimension = |limit| SupplyDimension { limit, formula: Formula(vec![(name("requests"), 1)]) };
    SupplyTerms {
        rate: dimension(rate),
        in_flight: dimension(in_flight),
        per: Span::from_secs(1),
        share_by: Level::Key,
        learn: None,
        fallback: Vec::new(),
        points_s_max: None,
        waiting_max_per_account: 1_000,
        waiting_max: 10_000,
        classes: vec![(name("default"), ClassTerms::default())],
    }
}

pub(crate) fn supply(terms: SupplyTerms) -> Supply<u32> {
    Supply::new(name("model"), Arc::new(terms))
}

pub(crate) fn leaf(account: &str, terms: AccountTerms) -> Arc<Leaf> {
    Arc::new(Leaf::new(Sharer::new(0, None, &name(account), None), terms))
}

pub(crate) fn tick_at(n: i64) -> Instant {
    Instant::from_micros(1_000_000_000 + n * 100_000)
}

pub(crate) fn once(cost: u64) -> Cost {
    Cost { rate: cost, in_flight: 0 }
}

/// Asks `times` times in a tick; returns how many requests were admitted.
fn ask(supply: &Supply<u32>, leaf: &Arc<Leaf>, times: u64, cost: u64) -> u64 {
    let mut granted = 0;
    for _ in 0..times {
        supply.note(leaf, once(cost));
        granted += u64::from(supply.take(leaf, once(cost)).is_ok());
    }
    granted
}

/// Three accounts well inside their share beside one that asks for a hundred times
/// the capacity; refused requests do not wait.
#[test]
fn in_share_work_is_never_refused() {
    let supply = supply(terms(Some(10_000), None));
    let calm: Vec<_> = (0..3).map(|i| leaf(&format!("calm-{i}"), AccountTerms::default())).collect();
    let flood = leaf("flood", AccountTerms::default());
    let (mut flooded, mut refused) = (0, 0);
    for n in 0..600 {
        supply.tick(tick_at(n));
        // Each asks for 1,000 a second, against a share of 2,500; the first two ticks make them known.
        for calm in &calm {
            let granted = ask(&supply, calm, 1, 100);
            refused += u64::from(n >= 2) * (1 - granted);
        }
        flooded += ask(&supply, &flood, 1_000, 100) * 100;
    }
    assert_eq!(refused, 0, "work inside its share was refused");
    // The flooder gets the rest of 60 s: 7,000 per second, and nothing lies idle.
    assert!((410_000..=425_000).contains(&flooded), "the flooder got {flooded}");
}

#[test]
fn a_lone_account_has_all_of_it_within_two_ticks() {
    let supply = supply(terms(Some(10_000), None));
    let lone = leaf("lone", AccountTerms::default());
    for n in 0..2 {
        supply.tick(tick_at(n));
        ask(&supply, &lone, 100, 100);
    }
    let mut got = 0;
    for n in 2..102 {
        supply.tick(tick_at(n));
        got += ask(&supply, &lone, 100, 100) * 100;
    }
    assert!(got >= 99_000, "of 100,000 in ten seconds it got {got}");
}

#[test]
fn a_live_change_is_in_force_within_one_tick() {
    let supply = supply(terms(Some(9_000), None));
    let accounts: Vec<_> = (0..2).map(|i| leaf(&format!("a{i}"), AccountTerms::default())).collect();
    let everybody = |n: i64| {
        supply.tick(tick_at(n));
        for account in &accounts {
            ask(&supply, account, 200, 10);
        }
    };
    (0..5).for_each(everybody);
    let rates = || accounts.iter().map(|a| supply.share_of(a).rate).collect::<Vec<_>>();
    assert_eq!(rates(), [4_500, 4_500]);
    accounts[0].set_terms(AccountTerms { weight: 2, ..AccountTerms::default() });
    everybody(5);
    assert_eq!(rates(), [6_000, 3_000], "a weight");
    accounts[0].set_terms(AccountTerms { max: Some(1_000), ..AccountTerms::default() });
    everybody(6);
    assert_eq!(rates(), [1_000, 8_000], "a maximum");
    accounts[0].set_terms(AccountTerms { floor: 7_000, ..AccountTerms::default() });
    everybody(7);
    assert_eq!(rates(), [8_000, 1_000], "a floor, and half of the rest");
    supply.set_terms(Arc::new(terms(Some(900), None)));
    everybody(8);
    assert!(rates().iter().sum::<u64>() <= 900, "a capacity: {:?}", rates());
}

#[test]
fn shares_of_slots_and_the_queue_never_pass_the_limit() {
    let supply = supply(terms(None, Some(3)));
    let accounts: Vec<_> = (0..5).map(|i| leaf(&format!("a{i}"), AccountTerms::default())).collect();
    let slot = Cost { rate: 10, in_flight: 1 };
    let mut running: Vec<Arc<Leaf>> = Vec::new();
    let mut served = [0_u32; 5];
    for n in 0..500 {
        supply.tick(tick_at(n));
        for (i, account) in (0_u32..).zip(&accounts) {
            supply.note(account, slot);
            if supply.take(account, slot).is_ok() {
                running.push(Arc::clone(account));
            } else {
                // The queue may be full; that is also an answer.
                let _ = supply.wait(account, slot, tick_at(n), Span::from_secs(3_600), i);
            }
        }
        let ended = running.remove(0);
        supply.end(&ended, slot, Some(10), Instant::NEVER);
        for (leaf, _, who) in supply.pump(tick_at(n)).admitted {
            served[usize::try_from(who).expect("five")] += 1;
            running.push(leaf);
        }
        let view = supply.view();
        assert!(
            view.in_flight <= 3 && view.in_flight == u64::try_from(running.len()).expect("few"),
            "{view:?}"
        );
    }
    let (least, most) = (served.iter().min().expect("five"), served.iter().max().expect("five"));
    assert!(*least > 80 && most - least <= 2, "equal accounts were let in {served:?}");
}

#[test]
fn a_wait_that_would_be_too_long_is_refused_at_once() {
    let supply = supply(terms(Some(100), None));
    let account = leaf("a", AccountTerms::default());
    supply.tick(tick_at(0));
    ask(&supply, &account, 1, 300);
    let wait = |cost, seconds, who| {
        supply.wait(&account, once(cost), tick_at(0), Span::from_secs(seconds), who).map_err(|(why, _)| why)
    };
    wait(200, 60, 1).expect("waits");
    // 200 wait before it, served at 100 per second, and half of its own cost must pass.
    let NoWait::TooLong(predicted) = wait(200, 2, 2).expect_err("it would take longer") else {
        panic!("there is room in the queue");
    };
    assert!((2_000_000..=5_000_000).contains(&predicted.micros()), "predicted {predicted}");
    assert!(matches!(wait(900, 60, 3), Err(NoWait::Full(..))), "one account's cost waiting is bounded");
    // It is admitted once the rate has made up for the cost admitted before it.
    let mut admitted = None;
    for n in 1..100 {
        supply.tick(tick_at(n));
        if let Some((_, _, who)) = supply.pump(tick_at(n)).admitted.pop() {
            admitted = Some((n, who));
            break;
        }
    }
    let (n, who) = admitted.expect("it is let in");
    assert!(who == 1 && (20..=40).contains(&n), "let in at tick {n}");
}

/// A waiter held back by its own bound, or one that no longer fits at all, does
/// not delay the others; its id stays valid.
#[test]
fn a_bounded_account_does_not_hold_up_the_queue() {
    let supply = supply(terms(None, Some(4)));
    let slot = |in_flight| Cost { rate: 10, in_flight };
    let (bounded, other) = (
        leaf("bounded", AccountTerms { max: Some(1), ..AccountTerms::default() }),
        leaf("other", AccountTerms::default()),
    );
    supply.tick(tick_at(0));
    supply.note(&other, slot(4));
    assert!(supply.take(&other, slot(4)).is_ok());
    let wait = |leaf: &Arc<Leaf>, in_flight, who| {
        supply.note(leaf, slot(in_flight));
        supply.wait(leaf, slot(in_flight), tick_at(0), Span::from_secs(600), who).expect("waits")
    };
    assert!(supply.take(&bounded, slot(0)).is_ok(), "its maximum is used up for ten seconds");
    let held_back = wait(&bounded, 1, 1);
    wait(&other, 3, 2);
    wait(&other, 1, 3);
    let mut lowered = terms(None, Some(2));
    (lowered.waiting_max_per_account, lowered.waiting_max) = (1_000, 10_000);
    supply.set_terms(Arc::new(lowered));
    supply.end(&other, slot(4), Some(10), Instant::NEVER);
    let pumped = supply.pump(tick_at(0));
    assert_eq!(pumped.late, [2], "the limit is lower than it now");
    assert_eq!(pumped.admitted.iter().map(|(.., who)| *who).collect::<Vec<_>>(), [3]);
    assert_eq!(supply.leave(held_back), Some(1), "it can still go away");
    assert!(!supply.is_waited_for());
}

/// A clock set back by hours neither stops the refill nor makes anyone wait those hours.
#[test]
fn a_clock_set_back_costs_nobody_its_place() {
    let supply = supply(terms(Some(100), None));
    let account = leaf("a", AccountTerms::default());
    supply.tick(tick_at(100_000));
    ask(&supply, &account, 1, 300);
    supply.wait(&account, once(10), tick_at(100_000), Span::from_secs(30), 1).expect("waits");
    let mut left = Vec::new();
    for n in 0..400 {
        supply.tick(tick_at(n));
        let pumped = supply.pump(tick_at(n));
        left.extend(pumped.admitted.into_iter().map(|(.., who)| who));
        assert!(pumped.late.is_empty(), "it gave up");
    }
    assert_eq!(left, [1]);
}

#[test]
fn what_is_borrowed_is_told_apart_and_released_requests_are_not_asked_again() {
    let mut learned = terms(Some(1_000), None);
    learned.learn = Some(Learn { floor: 10, ceiling: 100_000 });
    let supply = supply(learned);
    let account = leaf("a", AccountTerms::default());
    supply.tick(tick_at(0));
    supply.note(&account, once(100));
    assert_eq!(supply.take(&account, once(100)), Ok(Room::Borrowed), "nobody knows it yet");
    supply.tick(tick_at(1));
    supply.note(&account, once(100));
    assert_eq!(supply.take(&account, once(100)), Ok(Room::Borrowed), "it owes what it borrowed");
    for n in 2..20 {
        supply.tick(tick_at(n));
    }
    assert_eq!(supply.take(&account, once(1)), Ok(Room::Share));
    // The upstream refuses everything: released cost does not return as rate, so it is not asked again at once.
    let mut asked = 0;
    for n in 20..120 {
        supply.tick(tick_at(n));
        for _ in 0..100 {
            supply.note(&account, once(50));
            if supply.take(&account, once(50)).is_ok() {
                asked += 50;
                supply.end(&account, once(50), None, Instant::NEVER);
                let said = Feedback {
                    answered: Answered::Congested,
                    cost: 50,
                    first_output: None,
                    input: None,
                    limit: None,
                    retry_after: None,
                };
                supply.feedback(said, tick_at(n));
            }
        }
    }
    assert!(asked < 3_000, "an upstream that refuses everything was asked for {asked} in ten seconds");
    assert!(supply.view().rate.is_some_and(|rate| rate <= 20), "{:?}", supply.view());
}

/// A learned rate is bounded from the first request after a start, and what the upstream states is in force at once.
#[test]
fn a_learned_rate_bounds_the_first_request() {
    let mut learned = terms(Some(1_000), None);
    learned.learn = Some(Learn { floor: 100, ceiling: 2_000 });
    let (large, small) = (supply(learned.clone()), supply(learned));
    let account = leaf("a", AccountTerms::default());
    assert_eq!(large.view().rate, Some(1_000));
    assert_eq!(ask(&large, &account, 200, 1_000), 1, "of 200,000 asked at once");
    let account = leaf("a", AccountTerms::default());
    let let_in = ask(&small, &account, 2_000, 1);
    assert!((50..=100).contains(&let_in), "a tenth of a second at most: {let_in}");
    let says = |limit, retry_after| Feedback {
        answered: Answered::Other,
        cost: 0,
        first_output: None,
        input: None,
        limit,
        retry_after,
    };
    small.feedback(says(Some(1_500), None), tick_at(0));
    assert_eq!(small.view().rate, Some(1_500));
    for n in 0..10 {
        small.tick(tick_at(n));
    }
    small.feedback(says(None, Some(Span::from_secs(1))), tick_at(10));
    assert_eq!(
        (small.view().rate, ask(&small, &account, 10, 1)),
        (Some(0), 0),
        "the upstream asks for a pause"
    );
    for n in 11..22 {
        small.tick(tick_at(n));
    }
    assert!(ask(&small, &account, 10, 1) > 0, "the pause is over");
}

/// The rate is refilled between ticks too, so that less than a tenth of a second's worth starts at once.
#[test]
fn a_learned_rate_is_let_in_evenly() {
    let mut learned = terms(Some(90), None);
    learned.learn = Some(Learn { floor: 1, ceiling: 90 });
    let supply = supply(learned);
    let account = leaf("a", AccountTerms::default());
    let mut let_in = Vec::new();
    for n in 0..500_i64 {
        let now = Instant::from_micros(1_000_000_000 + n * 20_000);
        if n % 5 == 0 {
            supply.tick(now);
        } else {
            supply.drip(now);
        }
        let_in.push(ask(&supply, &account, 100, 1));
    }
    let steady: u64 = let_in.iter().skip(50).sum();
    assert!((800..=820).contains(&steady), "90/s for nine seconds: {steady}");
    let most = let_in.iter().skip(50).max().expect("drips");
    assert!(*most <= 3, "at once: {most}");
}

/// Who is served least is next, and a cost that turns out larger counts, but not that of a request that began before anybody
/// waited: nothing was counted then.
#[test]
fn only_what_was_counted_is_corrected() {
    let slot = |rate| Cost { rate, in_flight: 1 };
    let order = |begins_early: bool| {
        let supply = supply(terms(None, Some(1)));
        let (a, b) = (leaf("a", AccountTerms::default()), leaf("b", AccountTerms::default()));
        let first = if begins_early { &a } else { &b };
        assert!(supply.take(first, slot(10)).is_ok());
        for n in 0..5 {
            for (leaf, who) in [(&a, 0), (&b, 1)] {
                supply.wait(leaf, slot(10), tick_at(1), Span::from_secs(60), 2 * n + who).expect("waits");
            }
        }
        let mut ends = (Arc::clone(first), slot(10), tick_at(0));
        let mut order = Vec::new();
        // The first request of `a` comes to 40 instead of 10.
        let mut is_first = true;
        for n in 2..12 {
            let actual = if is_first && Arc::ptr_eq(&ends.0, &a) { 40 } else { 10 };
            is_first &= actual == 10;
            supply.end(&ends.0, ends.1, Some(actual), ends.2);
            let (leaf, cost, who) = supply.pump(tick_at(n)).admitted.pop().expect("a slot is free");
            order.push(who % 2);
            ends = (leaf, cost, tick_at(n));
        }
        order
    };
    assert_eq!(order(true), [0, 1, 0, 1, 0, 1, 0, 1, 0, 1], "it began before anybody waited");
    assert_eq!(order(false), [0, 1, 1, 1, 1, 0, 1, 0, 0, 0], "four of `b` for one of `a`");
}

/// While a request waits, more is learned: it counts for what it is expected to come to when it begins, and a new account's
/// estimates are trusted as far as those of the others.
#[test]
fn an_estimate_counts_for_what_such_come_to() {
    let supply = supply(SupplyTerms {
        rate: SupplyDimension {
            limit: None,
            formula: Formula(vec![(name("input"), 1), (name("output"), 2)]),
        },
        ..terms(None, Some(1))
    });
    let (old, new) = (leaf("old", AccountTerms::default()), leaf("new", AccountTerms::default()));
    let expected = |leaf: &Leaf| supply.expected(leaf, "chat", [("input", 100), ("output", 50)].into_iter());
    assert_eq!((expected(&old), expected(&new)), (200, 200), "nothing is known");
    let output = Kind::new("chat", "output");
    supply.came_to(&leaf("other", AccountTerms::default()), output, 10, 20);
    assert_eq!((expected(&old), expected(&new)), (300, 300), "others came to twice their outputs");
    supply.came_to(&old, output, 100, 400);
    assert_eq!(expected(&old), 500, "its own came to four times as much");
    assert!((300..310).contains(&expected(&new)), "one account is a small part of all: {}", expected(&new));

    let slot = Cost { rate: 10, in_flight: 1 };
    assert!(supply.take(&old, slot).is_ok());
    for n in 0..4 {
        for (leaf, who) in [(&old, 0), (&new, 1)] {
            supply.wait(leaf, slot, tick_at(0), Span::from_secs(60), 2 * n + who).expect("waits");
        }
    }
    let mut order = Vec::new();
    let mut ends = (old, slot);
    for n in 1..6 {
        supply.end(&ends.0, ends.1, None, tick_at(0));
        let (leaf, mut cost, who) = supply.pump(tick_at(n)).admitted.pop().expect("a slot is free");
        if who == 0 {
            supply.reprice(&leaf, &mut cost, 40);
            assert_eq!(cost.rate, 40);
        }
        order.push(who % 2);
        ends = (leaf, cost);
    }
    assert_eq!(order, [0, 1, 1, 1, 1], "its first was counted as 40");
}

/// Weights 1:2:3:4, and each asks for 25 times the capacity, the lightest first. From the first second on nobody gets more than its
/// weight brings, though what is left over goes to the account that asks first.
#[test]
fn asking_often_brings_no_more_than_the_weight() {
    let supply = supply(terms(Some(20_000), None));
    let accounts: Vec<_> = (1..5)
        .map(|weight| leaf(&format!("w{weight}"), AccountTerms { weight, ..AccountTerms::default() }))
        .collect();
    let mut got = [0_u64; 4];
    for n in 0..50 {
        supply.tick(tick_at(n));
        for _ in 0..500 {
            for (account, got) in accounts.iter().zip(&mut got) {
                *got += ask(&supply, account, 1, 100) * 100;
            }
        }
    }
    let all: u64 = got.iter().sum();
    assert!(all >= 99_000, "five seconds of the rate: {all}");
    for (weight, got) in (1..5).zip(got) {
        // Ten times its part, so that it compares with all; two percent off at most, and one request.
        assert!(
            (got * 10).abs_diff(all * weight) <= all * weight / 50 + 1_000,
            "weight {weight}: {got} of {all}"
        );
    }
}

/// What is left over is handed out once: two accounts that ask for 80 of 45 a second get 45 in every second, from the second on.
#[test]
fn what_is_left_over_is_handed_out_once() {
    let supply = supply(terms(Some(45), None));
    let accounts = ["a", "b"].map(|account| leaf(account, AccountTerms::default()));
    let mut got = Vec::new();
    for n in 0..150 {
        supply.tick(tick_at(n));
        got.push(accounts.iter().map(|account| ask(&supply, account, 4, 1)).sum::<u64>());
    }
    let seconds: Vec<u64> = got.chunks(10).map(|ticks| ticks.iter().sum()).collect();
    // A quarter of a second is saved up at the start.
    assert!(seconds[0] <= 45 + 12, "{seconds:?}");
    assert!(seconds.iter().skip(1).all(|second| second.abs_diff(45) <= 2), "{seconds:?}");
}
