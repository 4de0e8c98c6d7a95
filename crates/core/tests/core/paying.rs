//! Who pays what of a use, when allowances count credits, requests or a meter: through hold, extension, settlement and correction.
//!
//! One token costs one credit, so every figure of the tables is worked by hand.

use headworks_core::account::Account;
use headworks_core::command::{Command, Extend, Step};
use headworks_core::record::{Category, Draw, HoldId, Outcome, Record, Source};
use headworks_core::waterfall::Refusal;
use proptest::prelude::*;

use crate::audit::{audit, chained, replayed};
use crate::common::{AskExt as _, World, ask, correct, name, quantities, release, to};

const NANO: i64 = 1_000_000_000;

fn world(unit: &str, layers: &[&str], free: i64) -> World {
    let layers: Vec<String> = layers
        .iter()
        .map(|layer| match layer.split_once(' ') {
            Some((allowance, limit)) => format!(
                "{{ allowance = {{ name = \"{allowance}\", windows = [{{ name = \"day\", window.fixed = {{ limit = \"{limit}\", every = \"day\" }} }}] }} }}"
            ),
            None => format!("{{ grants = {{ name = \"{layer}\" }} }}"),
        })
        .collect();
    let mut w = World::new(
        &format!(
            "version = \"m\"\n[meters]\ntokens = {{ unit = \"token\" }}\n[features.chat]\nmeters = [\"tokens\"]\nrate_card = \"c\"\n\
             allowance_unit = \"{unit}\"\nhold = {{ life = \"1h\", life_max = \"24h\" }}\n\
             [[rate_cards.c]]\neffective_from = \"2020-01-01T00:00:00Z\"\nprices = [{{ feature = \"chat\", credits = {{ tokens = \"1\" }} }}]\n\
             [plans.p]\nfeatures = [\"chat\"]\nwaterfall = [{}]\n",
            layers.join(", ")
        ),
        "p",
    );
    if free > 0 {
        w.grant(&free.to_string(), Category::Free);
    }
    w
}

/// The draws, credits in whole ones: an allowance of requests says what it is worth.
fn told(unit: &str, draws: &[Draw]) -> String {
    let one = |d: &Draw| {
        let (layer, worth) = (&d.layer, d.worth / NANO);
        match (d.source, unit) {
            (Source::Allowance, "requests") => format!("{layer} {} for {worth}", d.amount),
            (Source::Allowance, "tokens") => format!("{layer} {}", d.amount),
            (Source::Allowance, _) => format!("{layer} {}", d.amount / NANO),
            (Source::Grant(..), _) => format!("credits {worth}"),
            (Source::Overdraft, _) => format!("overdraft {worth}"),
            (Source::Debt, _) => format!("debt {worth}"),
            (Source::Goodwill, _) => format!("goodwill {worth}"),
            (Source::Postpaid(_), _) => format!("postpaid {worth}"),
        }
    };
    draws.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// Does one step; tells who pays, or why nobody does.
fn step(w: &mut World, unit: &str, holds: &mut Vec<u64>, what: &str) -> String {
    let (verb, n) = what.split_once(' ').unwrap_or((what, "0"));
    let (n, requests) = n.split_once('/').unwrap_or((n, ""));
    let mut list = vec![("tokens", n.parse().expect("a number"))];
    if !requests.is_empty() {
        list.push(("requests", requests.parse().expect("a number")));
    }
    let hold = holds.last().copied().unwrap_or(0);
    let command = match verb {
        "hold" => Command::Authorize(ask("chat", &list)),
        "charge" => Command::Authorize(ask("chat", &list).now()),
        "extend" => Command::Extend(Extend {
            hold: HoldId(hold),
            quantities: quantities(&list),
            more: Vec::new(),
            minimum: None,
            life: None,
            progress: None,
            consented: false,
        }),
        "settle" => Command::settle(HoldId(hold), quantities(&list)),
        "release" => release(hold),
        "release_first" => release(holds[0]),
        "correct" => correct(hold, &to(&list)),
        other => panic!("{other}"),
    };
    match w.run(&command) {
        Err(Refusal::NoRequests) => "no requests".into(),
        Err(refusal) => refusal.to_string(),
        Ok(Step::Deny(_, decision)) => format!("deny {}", decision.reason.as_str()),
        Ok(Step::Append(draft)) => {
            let seq = w.append(*draft);
            if !matches!(verb, "extend" | "release_first") {
                holds.push(seq);
            }
            let record = w.log.last().expect("a record");
            let draws = record.charge().map(|c| c.draws.clone());
            told(
                unit,
                &draws.or_else(|| record.event.decision().map(|d| d.draws.clone())).unwrap_or_default(),
            )
        }
        Ok(other) => panic!("{other:?}"),
    }
}

fn check(unit: &str, layers: &[&str], free: i64, steps: &[(&str, &str)]) {
    let mut w = world(unit, layers, free);
    let mut holds = Vec::new();
    for (i, (what, expected)) in steps.iter().enumerate() {
        let found = step(&mut w, unit, &mut holds, what);
        assert_eq!(found, *expected, "{unit} {layers:?} step {i}: {what} of {steps:?}");
    }
    assert_eq!(audit(&chained(&w.log), std::slice::from_ref(&w.catalog)), [], "{unit} {layers:?} {steps:?}");
    assert_eq!(replayed(&w.log, &w.catalog), [], "{unit} {layers:?} {steps:?}");
}

#[test]
fn each_unit_is_paid_by_hand() {
    // Credits: the allowance pays its ten, grants the rest; a correction keeps the front.
    check(
        "credits",
        &["included 10", "grants"],
        100,
        &[
            ("hold 12", "included 10, credits 2"),
            ("extend 3", "credits 3"),
            ("settle 11", "included 10, credits 1"),
        ],
    );
    // A meter: what credits pay lowers the units that are left.
    check(
        "tokens",
        &["included 10", "grants"],
        100,
        &[("hold 12", "included 10, credits 2"), ("settle 13", "included 10, credits 2, credits 1")],
    );
    // Requests: one allowance pays the whole price, or credits do.
    check(
        "requests",
        &["included 2", "grants"],
        100,
        &[
            ("charge 7", "included 1 for 7"),
            ("charge 9/2", "credits 9"),
            ("charge 3/1", "included 1 for 3"),
            ("charge 3", "credits 3"),
        ],
    );
    // What credits have paid they go on paying, also when the allowance has room again.
    check(
        "requests",
        &["included 1", "grants"],
        100,
        &[
            ("hold 5", "included 1 for 5"),
            ("hold 10", "credits 10"),
            ("release_first", ""),
            ("settle 12", "credits 10, credits 2"),
        ],
    );
    // Credits before the allowance that cannot pay alone leave it all to the allowance.
    check(
        "requests",
        &["grants", "included 2"],
        5,
        &[
            ("charge 7", "included 1 for 7"),
            ("charge 4", "credits 4"),
            ("charge 2", "included 1 for 2"),
            ("charge 2", "deny insufficient_credits"),
            ("charge 1", "credits 1"),
        ],
    );
}

#[test]
fn a_hold_grows_within_its_request() {
    check(
        "requests",
        &["included 1", "grants"],
        10,
        &[
            ("hold 5", "included 1 for 5"),
            ("extend 50", "included 0 for 50"),
            ("settle 60", "included 1 for 60"),
        ],
    );
    check(
        "requests",
        &["included 1", "grants"],
        10,
        &[
            ("hold 5", "included 1 for 5"),
            ("hold 5", "credits 5"),
            ("extend 6", "deny insufficient_credits"),
            ("extend 5/1", "credits 5"),
        ],
    );
    // More requests for the same hold must fit as well, and settling them counts them.
    check(
        "requests",
        &["included 3"],
        0,
        &[
            ("hold 5", "included 1 for 5"),
            ("extend 5/2", "included 2 for 5"),
            ("extend 5/1", "deny allowance_used"),
            ("settle 4/2", "included 2 for 4"),
            ("charge 1", "included 1 for 1"),
            ("charge 1", "deny allowance_used"),
        ],
    );
    check(
        "requests",
        &["included 1", "grants"],
        100,
        &[
            ("hold 5", "included 1 for 5"),
            ("hold 10", "credits 10"),
            ("settle 12", "credits 10, credits 2"),
            ("correct 15", "credits 10, credits 5"),
        ],
    );
    check(
        "tokens",
        &["included 10", "grants"],
        3,
        &[
            ("hold 5", "included 5"),
            ("extend 7", "included 5, credits 2"),
            ("extend 2", "deny insufficient_credits"),
        ],
    );
}

#[test]
fn requests_beyond_an_allowance_walk_the_waterfall() {
    // One of four is held; the other three are three quarters of the price.
    check(
        "requests",
        &["included 2", "grants"],
        100,
        &[("hold 5", "included 1 for 5"), ("settle 8/4", "included 1 for 2, credits 6")],
    );
    check(
        "requests",
        &["included 9", "grants"],
        100,
        &[("hold 5", "included 1 for 5"), ("settle 8/4", "included 1 for 2, included 3 for 6")],
    );
    check(
        "requests",
        &["included 2"],
        0,
        &[("hold 5", "included 1 for 5"), ("settle 10/1000", "included 1 for 0, goodwill 9")],
    );
    check(
        "requests",
        &["included 6", "grants"],
        100,
        &[("charge 10", "included 1 for 10"), ("correct 10/10", "included 1 for 1, credits 9")],
    );
}

#[test]
fn what_costs_nothing_is_counted_all_the_same() {
    for layers in [&["included 2", "grants"][..], &["included 2"][..]] {
        check(
            "requests",
            layers,
            0,
            &[
                ("charge 0", "included 1 for 0"),
                ("hold 0", "included 1 for 0"),
                ("settle 0", "included 1 for 0"),
            ],
        );
    }
    check(
        "requests",
        &["included 1"],
        0,
        &[("charge 0", "included 1 for 0"), ("charge 0", "deny allowance_used")],
    );
    check("requests", &["included 1", "grants"], 0, &[("charge 0", "included 1 for 0"), ("charge 0", "")]);
    check("requests", &[], 0, &[("charge 0", ""), ("charge 1", "deny insufficient_credits")]);
}

#[test]
fn what_turns_out_to_cost_something_is_paid_whole() {
    // Five credits could pay a part; the allowance pays all of it, as it would have from the start.
    for end in ["settle 10", "correct 10"] {
        let first = if end == "settle 10" { "hold 0" } else { "charge 0" };
        check(
            "requests",
            &["grants", "included 2"],
            5,
            &[(first, ""), (end, "included 1 for 10"), ("charge 5", "credits 5")],
        );
        check("requests", &["grants", "included 2"], 10, &[(first, ""), (end, "credits 10")]);
    }
}

#[test]
fn a_request_counts_at_least_one() {
    for unit in ["requests", "tokens", "credits"] {
        check(
            unit,
            &["included 10"],
            0,
            &[
                ("charge 5/0", "no requests"),
                ("hold 5", if unit == "requests" { "included 1 for 5" } else { "included 5" }),
                ("extend 1/0", "no requests"),
                ("settle 1/0", "no requests"),
            ],
        );
    }
}

/// A step with figures near the limits of the world below.
fn any_step() -> impl Strategy<Value = String> {
    let verb = prop_oneof![
        Just("hold"),
        Just("charge"),
        Just("extend"),
        Just("settle"),
        Just("correct"),
        Just("release")
    ];
    (verb, 0_u64..14, prop::option::of(1_u64..4))
        .prop_map(|(verb, n, requests)| requests.map_or(format!("{verb} {n}"), |r| format!("{verb} {n}/{r}")))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn payments_add_up(
        unit in prop_oneof![Just("credits"), Just("requests"), Just("tokens")],
        layers in prop_oneof![
            Just(vec!["included 6", "grants"]),
            Just(vec!["first 3", "last 4", "grants"]),
            Just(vec!["included 6"]),
            Just(vec!["grants"]),
        ],
        free in 0_i64..30,
        steps in prop::collection::vec(any_step(), 1..14),
    ) {
        let mut w = world(unit, &layers, free);
        let mut holds = Vec::new();
        for what in &steps {
            step(&mut w, unit, &mut holds, what);
            let record: &Record = w.log.last().expect("opened");
            let paid: i64 = match (record.charge(), record.event.decision()) {
                (Some(charge), _) => { prop_assert_eq!(Some(charge.price), charge.usage.price()); charge.draws.iter().map(|d| d.worth).sum::<i64>() - charge.price.nano() }
                (None, Some(d)) if d.outcome == Outcome::Allow => d.draws.iter().map(|d| d.worth).sum::<i64>() - d.price.nano(),
                _ => 0,
            };
            prop_assert_eq!(paid, 0, "{} {:?} {:?}: {:?}", unit, layers, steps, record);
        }
        prop_assert_eq!(audit(&chained(&w.log), std::slice::from_ref(&w.catalog)), []);
        prop_assert_eq!(replayed(&w.log, &w.catalog), []);
        prop_assert_ne!(&w.account, &Account::empty(name("acme")));
    }
}
