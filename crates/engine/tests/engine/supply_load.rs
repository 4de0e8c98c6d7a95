//! One supply under load, in simulated time: requests of any size, rates of any size, and what refused callers were promised.

use std::collections::BTreeMap;
use std::sync::Arc;

use headworks_core::capacity::Sharer;
use headworks_core::capacity::allocator::Why;
use headworks_core::catalog::SupplyTerms;
use headworks_core::record::{AccountTerms, Instant, Span};
use headworks_engine::capacity::supply::{Cost, Leaf, NoWait};

use crate::name;
use crate::supply::{leaf, once, supply, terms, tick_at};

/// Numbers that look random and are the same each time.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

fn at(micros: i64) -> Instant {
    Instant::from_micros(1_000_000_000 + micros)
}

/// A flood's requests may be as large as two seconds of the whole supply: who is inside its share does not notice.
#[test]
fn large_requests_owe_what_they_took() {
    for size in [100, 5_000, 12_000, 40_000, 60_000] {
        let supply = supply(SupplyTerms { waiting_max: 0, ..terms(Some(20_000), None) });
        let calm: Vec<_> = (0..7).map(|i| leaf(&format!("calm-{i}"), AccountTerms::default())).collect();
        let flood = leaf("flood", AccountTerms::default());
        let mut random = Random(size);
        let (mut asked, mut refused, mut got, mut flooded) = (0_u64, 0_u64, 0_u64, 0_u64);
        let ask = |leaf: &Arc<Leaf>, cost: u64| {
            supply.note(leaf, once(cost));
            supply.take(leaf, once(cost)).is_ok()
        };
        for n in 0..3_000 {
            supply.tick(tick_at(n));
            for leaf in &calm {
                // Half of a share of 2,500 a second, in requests of 125 that come at random.
                for _ in 0..10 {
                    if random.below(10) == 0 {
                        let granted = ask(leaf, 125);
                        asked += u64::from(n >= 100);
                        refused += u64::from(n >= 100 && !granted);
                        got += if granted { 125 } else { 0 };
                    }
                }
            }
            for _ in 0..(250_000 / 10 / size).max(1) {
                flooded += if ask(&flood, size) { size } else { 0 };
            }
        }
        assert_eq!(refused, 0, "of {asked} in their shares, beside requests of {size}");
        // 300 s of 20,000; a request that is under way at the end was let in whole.
        let (used, whole) = (got + flooded, 6_000_000);
        assert!(
            used * 100 >= whole * 99 && used <= whole + 3 * size.max(5_000),
            "of {whole}, {used} beside {size}"
        );
    }
}

/// Rates from ten units an hour upward are delivered, also where a tick brings a fraction of one unit.
#[test]
fn any_rate_is_delivered() {
    let rates =
        [(10, 3_600), (1, 60), (3, 60), (1, 1), (5, 1), (9, 1), (19, 1), (45, 1), (95, 1), (1_001, 1)];
    for (rate, per) in rates {
        let supply = supply(SupplyTerms { per: Span::from_secs(per), ..terms(Some(rate), None) });
        let accounts: Vec<_> = (0..3).map(|i| leaf(&format!("a{i}"), AccountTerms::default())).collect();
        let periods = 60 / rate + 4;
        let mut got = 0_u64;
        for n in 0..periods * per * 10 {
            supply.tick(tick_at(i64::try_from(n).expect("few")));
            for account in &accounts {
                supply.note(account, once(1));
                got += u64::from(supply.take(account, once(1)).is_ok());
            }
            // Three accounts ask ten times a second each; one asks for more where the rate is larger.
            for _ in 0..rate / 10 / per {
                supply.note(&accounts[0], once(1));
                got += u64::from(supply.take(&accounts[0], once(1)).is_ok());
            }
        }
        let whole = rate * periods;
        assert!(got * 100 >= whole * 99, "{rate} in {per} s: {got} of {whole}");
        // A second's worth, or a few requests, may have been saved up at the start.
        assert!(got <= whole + 8.max(rate / per), "{rate} in {per} s: {got} of {whole}");
    }
}

#[test]
fn a_small_maximum_is_still_something() {
    for max in [1, 2, 9] {
        let supply = supply(terms(Some(1_000), None));
        let account = leaf("a", AccountTerms { max: Some(max), ..AccountTerms::default() });
        let mut got = 0;
        for n in 0..6_000 {
            supply.tick(tick_at(n));
            supply.note(&account, once(1));
            got += u64::from(supply.take(&account, once(1)).is_ok());
        }
        let whole = max * 600;
        assert!((whole * 98 / 100..=whole + 10 * max + 1).contains(&got), "{got} of {whole}");
    }
}

/// However much others leave, an account starts no more than its maximum over the time, a second of it, and one request. It gets
/// that much although each request is larger than ten seconds of it, and another account has all the rest at once.
#[test]
fn a_maximum_binds_when_nobody_else_waits() {
    let cost = Cost { rate: 10, in_flight: 1 };
    let supplies = [(None, Some(10)), (Some(1_000), None), (Some(1_000), Some(10))];
    for ((rate, slots), waits) in supplies.into_iter().flat_map(|s| [(s, false), (s, true)]) {
        let supply = supply(terms(rate, slots));
        let bounded = leaf("bounded", AccountTerms { max: Some(1), ..AccountTerms::default() });
        let other = leaf("other", AccountTerms::default());
        supply.tick(tick_at(0));
        if waits {
            for who in 0..50 {
                supply.note(&bounded, cost);
                let hours = Span::from_secs(7_200);
                supply.wait(&bounded, cost, tick_at(0), hours, who).expect("waits");
            }
        }
        let (mut got, mut refused) = (0, 0);
        for n in 1..=600 {
            supply.tick(tick_at(n));
            let mut running: Vec<_> =
                supply.pump(tick_at(n)).admitted.into_iter().map(|(leaf, ..)| leaf).collect();
            if !waits {
                supply.note(&bounded, cost);
                running.extend(supply.take(&bounded, cost).ok().map(|_| Arc::clone(&bounded)));
            }
            got += running.len();
            supply.note(&other, cost);
            match supply.take(&other, cost) {
                Ok(_) => running.push(Arc::clone(&other)),
                Err(_) => refused += 1,
            }
            for leaf in running {
                supply.end(&leaf, cost, Some(10), Instant::NEVER);
            }
        }
        let case = format!("{rate:?} a second, {slots:?} slots, waits: {waits}");
        assert!((6..=7).contains(&got), "{case}: {got} requests of 10 in 60 s");
        // Its first request may come before the first tick that knows it.
        assert!(refused <= 1, "{case}: {refused} of another's were refused");
    }
}

/// What an account does not use of its maximum it cannot use later, but for a second of it.
#[test]
fn of_a_maximum_a_second_is_saved_up() {
    for (rate, slots) in [(None, Some(100)), (Some(10_000), None)] {
        let supply = supply(terms(rate, slots));
        let bounded = leaf("bounded", AccountTerms { max: Some(20), ..AccountTerms::default() });
        let cost = Cost { rate: 1, in_flight: 1 };
        let ask = |n: i64, times: u64| {
            supply.tick(tick_at(n));
            let mut got = 0;
            for _ in 0..times {
                supply.note(&bounded, cost);
                if supply.take(&bounded, cost).is_ok() {
                    supply.end(&bounded, cost, Some(1), Instant::NEVER);
                    got += 1;
                }
            }
            got
        };
        let steady: u64 = (0..600).map(|n| ask(n, 1)).sum();
        assert!(steady >= 599, "half of its maximum is there at once: {steady} of 600");
        let crowd = ask(600, 1_000);
        assert!((20..=21).contains(&crowd), "a second of it: {crowd}");
        assert_eq!(ask(601, 1_000), 2, "then what it yields");
    }
}

/// Keys and sessions of an account have one maximum together, old and new ones.
#[test]
fn the_sharers_of_an_account_have_one_maximum() {
    for (rate, slots) in [(None, Some(100)), (Some(10_000), None)] {
        let supply = supply(terms(rate, slots));
        let first = leaf("a", AccountTerms { max: Some(50), ..AccountTerms::default() });
        let sharer = |key: String| {
            let sharer = Sharer::new(0, None, &name("a"), Some(&key));
            Arc::new(Leaf::knowing(
                sharer,
                first.terms(),
                Arc::clone(&first.lengths),
                Arc::clone(&first.maximum),
            ))
        };
        let kept: Vec<_> = (0..2).map(|i| sharer(format!("kept-{i}"))).collect();
        let cost = Cost { rate: 10, in_flight: 1 };
        let mut got = 0;
        for n in 0..600 {
            supply.tick(tick_at(n));
            for leaf in kept.iter().chain(&[sharer(format!("new-{n}"))]) {
                supply.note(leaf, cost);
                if supply.take(leaf, cost).is_ok() {
                    supply.end(leaf, cost, Some(10), Instant::NEVER);
                    got += 10;
                }
            }
        }
        assert!((2_900..=3_060).contains(&got), "50 a second for 60 s: {got}");
        supply.tick(tick_at(600));
        let bounds: Vec<_> = kept.iter().map(|leaf| supply.share_of(leaf).why).collect();
        assert_eq!(bounds, [Why::AccountMax; 2], "not the demand of others");
    }
}

/// Who cannot start under its maximum before it gives up is told at once when it could.
#[test]
fn a_wait_for_a_maximum_is_predicted() {
    let slot = Cost { rate: 10, in_flight: 1 };
    let supply = supply(terms(None, Some(10)));
    let bounded = leaf("bounded", AccountTerms { max: Some(1), ..AccountTerms::default() });
    supply.tick(tick_at(0));
    supply.note(&bounded, slot);
    assert!(supply.take(&bounded, slot).is_ok());
    let wait = |who| {
        supply.note(&bounded, slot);
        supply.wait(&bounded, slot, tick_at(0), Span::from_secs(25), who)
    };
    assert!(wait(1).is_ok() && wait(2).is_ok(), "after ten seconds and after twenty");
    let told = |who| match wait(who) {
        Err((NoWait::TooLong(span), _)) => span.micros() / 1_000_000,
        other => panic!("{other:?}"),
    };
    // Slots are not predicted to the second, so a third of the time is added.
    assert!(wait(3).is_ok(), "after thirty");
    assert!((39..=40).contains(&told(4)));
}

/// However many wait because of their own account's bound, the supply is there for all others.
#[test]
fn who_is_held_back_by_its_own_bound_holds_up_nobody() {
    let slot = Cost { rate: 10, in_flight: 1 };
    for waiters in [50, 300, 600] {
        let roomy =
            SupplyTerms { waiting_max: u64::MAX, waiting_max_per_account: u64::MAX, ..terms(None, Some(10)) };
        let supply = supply(roomy);
        let bounded = leaf("bounded", AccountTerms { max: Some(1), ..AccountTerms::default() });
        let [holder, other, newcomer] =
            ["holder", "other", "newcomer"].map(|n| leaf(n, AccountTerms::default()));
        supply.tick(tick_at(0));
        for _ in 0..10 {
            supply.note(&holder, slot);
            supply.take(&holder, slot).expect("there are ten");
        }
        let wait = |leaf: &Arc<Leaf>, who| {
            supply.note(leaf, slot);
            supply.wait(leaf, slot, tick_at(0), Span::from_secs(36_000), who).expect("waits")
        };
        for who in 0..waiters {
            wait(&bounded, who);
        }
        for who in 0..40 {
            wait(&other, 10_000 + who);
        }
        let mut running: Vec<Arc<Leaf>> = vec![Arc::clone(&holder); 10];
        let mut served = 0;
        // Each takes a tick: forty of them take four, however many others are held back.
        for n in 1..=6 {
            for leaf in running.drain(..) {
                supply.end(&leaf, slot, Some(10), Instant::NEVER);
            }
            supply.tick(tick_at(n));
            for (leaf, _, who) in supply.pump(tick_at(n)).admitted {
                served += u32::from(who >= 10_000);
                running.push(leaf);
            }
        }
        assert_eq!(served, 40, "beside {waiters}");
        for leaf in running.drain(..) {
            supply.end(&leaf, slot, Some(10), Instant::NEVER);
        }
        supply.note(&newcomer, slot);
        assert!(supply.take(&newcomer, slot).is_ok(), "the supply is empty, and {waiters} are held back");
    }
}

/// Callers who are refused are told when to come back; under contention nearly all who do are let in then.
#[test]
fn who_comes_back_at_the_reported_instant_is_let_in() {
    for (rate, accounts, cost) in [(1_000, 4, 200), (1_000, 19, 50), (100_000, 40, 9_000), (50, 6, 5)] {
        let supply = supply(terms(Some(rate), None));
        let leaves: Vec<_> = (0..accounts).map(|i| leaf(&format!("a{i}"), AccountTerms::default())).collect();
        let mut random = Random(rate);
        // By tick: who comes then. Together they ask for three times what there is.
        let every = accounts * cost * 10 / (3 * rate);
        let mut comes: BTreeMap<u64, Vec<(usize, bool)>> = BTreeMap::new();
        for account in 0..leaves.len() {
            comes.entry(random.below(every.max(1) + 3)).or_default().push((account, false));
        }
        let (mut told, mut kept) = (0_u64, 0_u64);
        for n in 0..6_000_u64 {
            supply.tick(tick_at(i64::try_from(n).expect("few")));
            for (account, was_told) in comes.remove(&n).unwrap_or_default() {
                let leaf = &leaves[account];
                supply.note(leaf, once(cost));
                let room = supply.take(leaf, once(cost));
                if was_told && n > 200 {
                    told += 1;
                    kept += u64::from(room.is_ok());
                }
                let back = match room {
                    Ok(_) => n + 1 + random.below(2 * every.max(1)),
                    Err(busy) => n + busy.after.micros().div_ceil(100_000),
                };
                comes.entry(back).or_default().push((account, room.is_err()));
            }
        }
        assert!(
            told > 100 && kept * 100 >= told * 95,
            "{rate}/s, {accounts} accounts: {kept} of {told} let in"
        );
    }
}

/// A request that waits is let in within a tick of what was predicted for it, as long as nobody comes later.
#[test]
fn waits_are_predicted_in_the_queues_own_order() {
    let mut random = Random(7);
    for round in 0..50 {
        let supply = supply(SupplyTerms {
            waiting_max: u64::MAX,
            waiting_max_per_account: u64::MAX,
            ..terms(Some(1_000), None)
        });
        let weights: Vec<u32> = (0..5).map(|_| 1 + u32::try_from(random.below(4)).expect("small")).collect();
        let leaves: Vec<_> = weights
            .iter()
            .enumerate()
            .map(|(i, weight)| {
                leaf(&format!("a{i}"), AccountTerms { weight: *weight, ..AccountTerms::default() })
            })
            .collect();
        supply.tick(tick_at(0));
        supply.note(&leaves[0], once(500));
        supply.take(&leaves[0], once(500)).expect("nobody else is there");
        for who in 0..80 {
            let leaf = &leaves[usize::try_from(random.below(4)).expect("small")];
            supply.note(leaf, once(100));
            supply.wait(leaf, once(100), at(0), Span::from_secs(60 + u64::from(who)), who).expect("waits");
        }
        // One more, of somebody who has much, little or nothing waiting.
        let last = &leaves[usize::try_from(random.below(5)).expect("small")];
        let predicted =
            supply.predicted(last, once(100), at(0), Span::from_secs(600)).expect("a speed is known");
        supply.wait(last, once(100), at(0), Span::from_secs(600), 999).expect("waits");
        let let_in = (1..200).find(|n| {
            supply.tick(tick_at(*n));
            supply.pump(tick_at(*n)).admitted.iter().any(|(.., who)| *who == 999)
        });
        let waited = let_in.expect("is let in") * 100_000;
        let off = predicted.micros().abs_diff(u64::try_from(waited).expect("positive"));
        assert!(off <= 200_000, "round {round}: predicted {predicted}, waited {waited} us");
    }
}
