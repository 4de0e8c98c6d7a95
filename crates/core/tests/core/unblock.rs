//! What would unblock a denial is done, to see whether it does: at the instant told it passes and a microsecond earlier not,
//! after the purchase told it passes and with a nano-credit less not, over random catalogs, accounts and histories.

use headworks_core::command::{Command, NewGrant, Step};
use headworks_core::record::{
    Category, Certainty, Credits, Every, Instant, Label, Level, Outcome, Overage, Reason, Recurrence,
    Rollover, Span, WHOLE, Wall, Way,
};
use headworks_core::waterfall::Authorize;
use proptest::prelude::*;

use crate::common::{AskExt as _, World, ask, at, credits, settle};

/// A policy: guards, the unit and windows of allowances, sources.
#[derive(Clone, Debug)]
struct Policy {
    guards: Vec<String>,
    unit: &'static str,
    layers: Vec<String>,
    extra: &'static str,
    overshoot: &'static str,
}

fn policy() -> impl Strategy<Value = Policy> {
    let guard = prop_oneof![
        (1_u64..40, 1_u64..90, 1_u64..40).prop_map(|(limit, period, burst)| format!(
            "count = [\"tokens\"], window.rate = {{ limit = {limit}, period = \"{period}s\", burst = {burst} }}"
        )),
        (2_u64..40, 5_u64..4_000)
            .prop_map(|(limit, length)| format!("count = [\"tokens\"], window.sliding = {{ limit = {limit}, length = \"{length}s\" }}")),
        (1_025_u64..1_030, 5_u64..4_000).prop_map(|(limit, length)| format!(
            "count = [\"hundreds\"], window.sliding = {{ limit = {limit}, length = \"{length}s\" }}"
        )),
        (1_u64..6).prop_map(|limit| format!("window.fixed = {{ limit = {limit}, every = \"hour\" }}")),
        (1_u64..6).prop_map(|limit| format!("window.fixed = {{ limit = {limit}, every = \"hour\", anchor = \"billing\" }}")),
        (3_u64..60, 60_u64..40_000)
            .prop_map(|(limit, length)| format!("count = [\"tokens\"], window.first_use = {{ limit = {limit}, length = \"{length}s\" }}")),
        (1_u64..20, 1_u64..300).prop_map(|(start, percent)| format!(
            "count = [\"tokens\"], window.growth = {{ start = {start}, percent = {percent}, max = 40, every = \"hour\" }}"
        )),
        (1_u64..4).prop_map(|limit| format!("window.concurrency = {{ limit = {limit} }}")),
        (3_u64..60).prop_map(|limit| format!("window.spend_cap = {{ limit = \"{limit}\", every = \"day\" }}")),
    ];
    let window = prop_oneof![
        (1_u64..30).prop_map(|n| format!("window.fixed = {{ limit = \"{n}\", every = \"day\" }}")),
        (1_u64..30).prop_map(|n| format!("window.fixed = {{ limit = \"{n}\", every = \"hour\" }}")),
        (1_u64..30).prop_map(|n| format!(
            "window.fixed = {{ limit = \"{n}\", every = \"day\", anchor = \"billing\" }}"
        )),
        (1_u64..30, 60_u64..90_000)
            .prop_map(|(n, s)| format!("window.first_use = {{ limit = \"{n}\", length = \"{s}s\" }}")),
    ];
    let allowance = prop::collection::vec(window, 1..3).prop_map(|windows| {
        let named: Vec<String> =
            windows.iter().enumerate().map(|(i, w)| format!("{{ name = \"w{i}\", {w} }}")).collect();
        format!("{{ allowance = {{ name = \"inc\", windows = [{}] }} }}", named.join(", "))
    });
    let sources = prop_oneof![
        Just("{ grants = { name = \"all\" } }".to_owned()),
        (5_u64..40).prop_map(|cap| format!(
            "{{ pool = {{ name = \"shared\", member = \"user\", categories = [\"free\"], cap = {{ default = \"{cap}\", every = \"day\" }} }} }}, {{ grants = {{ name = \"all\", categories = [\"purchased\"] }} }}"
        )),
        (5_u64..40).prop_map(|limit| format!(
            "{{ grants = {{ name = \"all\" }} }}, {{ overdraft = {{ name = \"od\", limit = \"{limit}\" }} }}"
        )),
    ];
    (
        prop::collection::vec(guard, 0..3),
        prop_oneof![Just("credits"), Just("requests"), Just("tokens")],
        prop::option::of(allowance),
        prop::option::weighted(0.8, sources),
        prop_oneof![
            Just(""),
            Just(""),
            Just("consent = \"ask\""),
            Just("consent = \"never\""),
            Just("in_debt = \"allowances\"")
        ],
        prop_oneof![Just("refund"), Just("debt")],
    )
        .prop_map(|(guards, unit, allowance, sources, extra, overshoot)| Policy {
            guards,
            unit,
            layers: allowance.into_iter().chain(sources).collect(),
            extra,
            overshoot,
        })
}

impl Policy {
    fn world(&self) -> World {
        let guards: Vec<String> =
            self.guards.iter().enumerate().map(|(i, g)| format!("{{ name = \"g{i}\", {g} }}")).collect();
        let guards = guards.join(", ").replace("[\"hundreds\"]", "[\"tokens\"]");
        World::new(
            &format!(
                "version = \"u\"\n[meters]\ntokens = {{ unit = \"token\" }}\n[features.chat]\nmeters = [\"tokens\"]\nrate_card = \"c\"\n\
                 allowance_unit = \"{}\"\nhold = {{ life = \"10m\", life_max = \"24h\" }}\novershoot = \"{}\"\n\
                 [[rate_cards.c]]\neffective_from = \"2020-01-01T00:00:00Z\"\nprices = [{{ feature = \"chat\", credits = {{ tokens = \"1\" }} }}]\n\
                 [[rate_cards.c]]\neffective_from = \"2026-06-01T18:00:00Z\"\nprices = [{{ feature = \"chat\", credits = {{ tokens = \"0.5\" }} }}]\n\
                 [plans.p]\nfeatures = [\"chat\"]\n{}\nguards = [{guards}]\nwaterfall = [{}]\n",
                self.unit,
                self.overshoot,
                self.extra,
                self.layers.join(", ")
            ),
            "p",
        )
    }
}

#[derive(Clone, Debug)]
enum Do {
    Grant { amount: u64, category: usize, from: Option<u64>, lives: Option<u64>, recurs: bool },
    Hold { tokens: u64, life: u64 },
    Charge { tokens: u64, consent: bool },
    Settle { which: usize, percent: u64 },
    Pass(u64),
    Pause(Option<u64>),
    Resume,
}

fn step() -> impl Strategy<Value = Do> {
    prop_oneof![
        3 => (1_u64..40, 0_usize..3, prop::option::of(10_u64..40_000), prop::option::of(10_u64..100_000), any::<bool>())
            .prop_map(|(amount, category, from, lives, recurs)| Do::Grant { amount, category, from, lives, recurs }),
        4 => (0_u64..30, 1_u64..4_000).prop_map(|(tokens, life)| Do::Hold { tokens, life }),
        6 => (0_u64..30, any::<bool>()).prop_map(|(tokens, consent)| Do::Charge { tokens, consent }),
        2 => (0_usize..4, 0_u64..200).prop_map(|(which, percent)| Do::Settle { which, percent }),
        2 => (1_u64..20_000).prop_map(Do::Pass),
        1 => prop::option::weighted(0.8, 1_u64..60_000).prop_map(Do::Pause),
        1 => Just(Do::Resume),
    ]
}

fn every(seconds: u64) -> Option<Box<Recurrence>> {
    Some(Box::new(Recurrence {
        every: if seconds.is_multiple_of(2) { Every::Hour } else { Every::Day },
        zone: Label::new("UTC").expect("a label"),
        anchor: None,
        until: Instant::NEVER,
        rollover: seconds.is_multiple_of(3).then(|| Rollover {
            min: Credits::ZERO,
            max: credits("9"),
            fraction: WHOLE,
            life: None,
        }),
        overage: Overage::Keep,
        prorated: None,
    }))
}

fn chat(tokens: u64) -> Authorize {
    ask("chat", &[("tokens", tokens)]).on_path("user:u")
}

impl Do {
    fn to(&self, w: &mut World) {
        w.due();
        match self {
            Self::Grant { amount, category, from, lives, recurs } => {
                let from = from.map(|s| w.now.after(format!("{s}s").parse().expect("span")));
                let new = NewGrant {
                    effective_from: from,
                    expires_at: lives
                        .map(|s| from.unwrap_or(w.now).after(format!("{}s", s + 60).parse().expect("span"))),
                    recurrence: if *recurs { every(*amount) } else { None },
                    ..NewGrant::new(credits(&amount.to_string()), Category::ALL[*category])
                };
                let _ = w.apply(Command::Grant(new));
            }
            Self::Hold { tokens, life } => {
                let life = Some(format!("{life}s").parse().expect("span"));
                w.ask(&Authorize { life, ..chat(*tokens) });
            }
            Self::Charge { tokens, consent } => {
                let asked = chat(*tokens).now();
                w.ask(&if *consent { asked.with_consent() } else { asked });
            }
            Self::Settle { which, percent } => {
                let open = w.account.holds.get(*which).map(|h| (h.id.0, h.usage.quantity("tokens")));
                if let Some((id, held)) = open {
                    let _ = w.apply(settle(id, &[("tokens", held * percent / 100)]));
                }
            }
            Self::Pass(seconds) => w.pass(&format!("{seconds}s")),
            Self::Pause(seconds) => {
                let until = seconds.map(|s| w.now.after(Span::from_secs(s)));
                let _ = w.apply(Command::Pause { until, reason: None });
            }
            Self::Resume => {
                let _ = w.apply(Command::Resume { reason: None });
            }
        }
        w.due();
    }
}

/// When a purchase is made that is needed together with an instant.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Buys {
    /// A millisecond before.
    Before,
    /// At the instant.
    Then,
}

/// The outcome once a way has been gone: its instant moved by so many microseconds, its purchase by so many nano-credits.
fn after(w: &mut World, asked: &Authorize, buys: Buys, way: Way, by: (i64, i64)) -> Outcome {
    let (account, now, records) = (w.account.clone(), w.now, w.log.len());
    let outcome = gone(w, asked, buys, way, by);
    (w.account, w.now) = (account, now);
    w.log.truncate(records);
    outcome
}

fn gone(w: &mut World, asked: &Authorize, buys: Buys, way: Way, (micros, nano): (i64, i64)) -> Outcome {
    let target = way.at.map_or(w.now, |at| Instant::from_micros(at.micros() + micros));
    // What falls due before has been written before, as a sweeper does.
    w.now = w.now.max(Instant::from_micros(target.micros() - 1_000));
    w.due();
    let purchase = way.purchase.map(|p| p.nano() + nano).filter(|n| *n > 0);
    let buy = |w: &mut World| {
        let Some(purchase) = purchase else { return };
        let new = NewGrant::new(Credits::from_nano(purchase), Category::Purchased);
        w.apply(Command::Grant(new)).expect("buys");
    };
    let before = buys == Buys::Before || micros < 0;
    if before {
        buy(w);
    }
    w.now = w.now.max(target);
    w.due();
    if !before {
        buy(w);
    }
    // Records that fall due take a microsecond each; where they reach beyond the instant, it cannot be asked at.
    if micros < 0 && w.account.tick(w.now) > target {
        return Outcome::Deny;
    }
    let mut asked = asked.clone();
    asked.request.consented |= way.consent;
    match w.bare(&Command::Authorize(asked)).expect("decides") {
        Step::Append(draft) => draft.event.decision().expect("a decision").outcome,
        Step::Deny(_, decision) | Step::Count(_, decision) => decision.outcome,
        Step::Needs(need) => panic!("{need:?}"),
    }
}

pub(crate) fn check_ways(w: &mut World, asked: &Authorize, buys: Buys) -> Result<usize, TestCaseError> {
    let Ok(Step::Deny(_, decision)) = w.run(&Command::Authorize(asked.clone())) else { return Ok(0) };
    let unblock = decision.unblock.clone().expect("a denial says what would unblock it");
    let passes = |outcome: Outcome| outcome.is_granted();
    for way in &unblock.ways {
        let told = after(w, asked, buys, *way, (0, 0));
        prop_assert!(passes(told), "{way:?} does not help: {told:?}; {decision:?}");
        if way.at.is_some() {
            let early = after(w, asked, buys, *way, (-1, 0));
            prop_assert!(!passes(early), "{way:?} a microsecond earlier: {early:?}; {decision:?}");
        }
        if way.purchase.is_some() {
            let less = after(w, asked, buys, *way, (0, -1));
            prop_assert!(!passes(less), "{way:?} with less: {less:?}; {decision:?}");
        }
        if way.consent {
            let without = after(w, asked, buys, Way { consent: false, ..*way }, (0, 0));
            prop_assert!(!passes(without), "{way:?} without consent; {decision:?}");
        }
    }
    // Where no instant is told, no instant of the next ten days passes: a coarse net, at the boundaries that there are.
    if unblock.ways.iter().all(|w| w.at.is_none() || w.purchase.is_some() || w.consent) {
        for hours in [1, 2, 12, 13, 24, 36, 240] {
            let later = w.now.after(format!("{hours}h").parse().expect("span"));
            let way = Way { at: Some(later), certainty: Certainty::Exact, purchase: None, consent: false };
            let found = after(w, asked, buys, way, (0, 0));
            prop_assert!(!passes(found), "nothing told, and yet {later} passes: {decision:?}");
        }
    }
    if unblock.purchase().is_none() && !unblock.ways.iter().any(|w| w.purchase.is_some() && w.at.is_none()) {
        let way =
            Way { at: None, certainty: Certainty::Exact, purchase: Some(credits("100000")), consent: false };
        let found = after(w, asked, buys, way, (0, 0));
        prop_assert!(!passes(found), "no purchase told, and yet one helps: {decision:?}");
    }
    Ok(1)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, ..ProptestConfig::default() })]

    #[test]
    fn instants_are_exact(
        policy in policy(),
        steps in prop::collection::vec(step(), 1..14),
        asks in prop::collection::vec((0_u64..45, any::<bool>(), any::<bool>(), prop::option::of(1_u64..20)), 1..5),
    ) {
        let mut w = policy.world();
        w.settings(|s| s.billing_anchor = at("2026-06-01T00:00:00Z"));
        for step in &steps {
            step.to(&mut w);
        }
        // Records take a microsecond each: what ends within a few of them would end while a purchase is tried.
        w.now = Instant::from_micros(w.now.micros() + 1_000);
        w.due();
        for (tokens, now, consent, least) in asks {
            let mut asked = chat(tokens);
            if now { asked = asked.now(); }
            if consent { asked = asked.with_consent(); }
            if let Some(least) = least.filter(|n| *n <= tokens) { asked = asked.at_least("tokens", least); }
            check_ways(&mut w, &asked, Buys::Before)?;
        }
    }
}

fn one(policy: &Policy, steps: &[Do], tokens: u64) -> (World, Vec<Way>) {
    let mut w = policy.world();
    for step in steps {
        step.to(&mut w);
    }
    let decision = w.ask(&chat(tokens).now());
    check_ways(&mut w, &chat(tokens).now(), Buys::Before).expect("ways that hold");
    let ways = decision.unblock.map(|u| u.ways).unwrap_or_default();
    (w, ways)
}

#[test]
fn purchases_are_exact() {
    let policy = |layers: &[&str], extra| Policy {
        guards: Vec::new(),
        unit: "credits",
        layers: layers.iter().map(|l| (*l).to_owned()).collect(),
        extra,
        overshoot: "debt",
    };
    let all = "{ grants = { name = \"all\" } }";
    let od = "{ overdraft = { name = \"od\", limit = \"10\" } }";
    let free = "{ grants = { name = \"free\", categories = [\"free\"] } }";
    let charge = |tokens| Do::Charge { tokens, consent: true };
    type Row<'a> = (&'a [&'a str], &'static str, &'a [Do], u64, Option<&'a str>);
    let rows: [Row<'_>; 7] = [
        (&[all], "", &[], 7, Some("7")),
        (&[all, od], "", &[charge(4)], 7, Some("1")),
        (&[all, od], "", &[charge(10)], 7, Some("7")),
        // Nothing that is bought is drawn there, or may be.
        (&[free], "", &[], 7, None),
        (&[all], "consent = \"never\"", &[], 7, None),
        // In debt, everything is blocked until it is repaid.
        (
            &[all, od],
            "",
            &[Do::Hold { tokens: 5, life: 60 }, Do::Settle { which: 0, percent: 200 }],
            1,
            Some("1"),
        ),
        (&[all], "consent = \"ask\"", &[], 7, None),
    ];
    for (layers, extra, steps, tokens, purchase) in rows {
        let (_, ways) = one(&policy(layers, extra), steps, tokens);
        let alone = ways.iter().find(|w| w.at.is_none() && !w.consent).and_then(|w| w.purchase);
        assert_eq!(alone, purchase.map(credits), "{layers:?} {extra} {steps:?}: {ways:?}");
    }
    // A purchase that then needs consent is one way: both together.
    let (_, ways) = one(&policy(&[all], "consent = \"ask\""), &[], 7);
    assert_eq!(
        ways.iter().map(|w| (w.at, w.purchase, w.consent)).collect::<Vec<_>>(),
        [(None, Some(credits("7")), true)]
    );
}

#[test]
fn allowances_may_pay_while_in_debt() {
    let inc = "{ allowance = { name = \"inc\", windows = [{ name = \"w\", window.fixed = { limit = \"10\", every = \"day\" } }] } }";
    for (extra, of_allowance) in [("", Outcome::Deny), ("in_debt = \"allowances\"", Outcome::Allow)] {
        let policy = Policy {
            guards: Vec::new(),
            unit: "credits",
            layers: [inc, "{ grants = { name = \"all\" } }"].map(str::to_owned).to_vec(),
            extra,
            overshoot: "refund",
        };
        let mut w = policy.world();
        let spent = w.grant("5", Category::Purchased);
        w.ask(&chat(15).now());
        let take = headworks_core::command::Adjust {
            grant: headworks_core::record::GrantId(spent),
            by: credits("-5"),
            as_debt: true,
            reason: None,
        };
        w.apply(Command::Adjust(take)).expect("takes");
        w.pass("24h");
        // From the evening on, a token costs half a credit.
        assert_eq!(w.ask(&chat(22).now()).reason, Reason::InDebt, "credits do not pay");
        assert_eq!(w.ask(&chat(20).now()).outcome, of_allowance, "{extra}");
        let denied = w.ask(&chat(2).now());
        assert_eq!((denied.reason, denied.wall), (Reason::InDebt, Some(Wall::Path(Level::Account))));
        let unblock = denied.unblock.clone().expect("ways");
        // Five lift the debt; where the allowance is used, one more pays.
        let purchase = if of_allowance == Outcome::Allow { "6" } else { "5" };
        assert_eq!(unblock.purchase(), Some(credits(purchase)), "{unblock:?}");
        check_ways(&mut w, &chat(2).now(), Buys::Before).expect("ways that hold");
    }
}

#[test]
fn debt_hides_no_window_from_its_payer() {
    let inc = "{ allowance = { name = \"inc\", windows = [{ name = \"w\", window.first_use = { limit = \"10\", length = \"600s\" } }] } }";
    let policy = Policy {
        guards: Vec::new(),
        unit: "credits",
        layers: vec![inc.to_owned()],
        extra: "",
        overshoot: "refund",
    };
    let mut w = policy.world();
    w.ask(&chat(8).now());
    let ends = w.log.last().expect("a charge").recorded_at.after("600s".parse().expect("span"));
    let grant = w.grant("5", Category::Free);
    let take = headworks_core::command::Adjust {
        grant: headworks_core::record::GrantId(grant),
        by: credits("-12"),
        as_debt: true,
        reason: None,
    };
    w.apply(Command::Adjust(take)).expect("takes");
    let denied = w.ask(&chat(5).now());
    assert_eq!(denied.reason, Reason::InDebt);
    // Before the window ends nothing pays five, even after a purchase.
    let ways = denied.unblock.expect("ways").ways;
    let told: Vec<_> = ways.iter().map(|way| (way.at, way.purchase)).collect();
    assert_eq!(told, [(Some(ends), Some(credits("7")))]);
    check_ways(&mut w, &chat(5).now(), Buys::Before).expect("ways that hold");
}

#[test]
fn all_of_it_may_be_had_later_where_less_asks_for_consent() {
    let inc = "{ allowance = { name = \"inc\", windows = [{ name = \"w\", window.fixed = { limit = \"1\", every = \"day\" } }] } }";
    let policy = Policy {
        guards: Vec::new(),
        unit: "requests",
        layers: vec!["{ overdraft = { name = \"od\", limit = \"19\" } }".to_owned(), inc.to_owned()],
        extra: "consent = \"ask\"",
        overshoot: "refund",
    };
    let mut w = policy.world();
    assert_eq!(w.ask(&chat(30).now()).outcome, Outcome::Allow, "the allowance pays it whole");
    let asked = chat(60).now().at_least("tokens", 14);
    let decision = w.ask(&asked);
    assert_eq!((decision.outcome, decision.price), (Outcome::NeedsConsent, credits("19")));
    let ways = decision.unblock.expect("ways").ways;
    let told: Vec<_> = ways.iter().map(|way| (way.at, way.consent)).collect();
    assert_eq!(told, [(None, true), (Some(at("2026-06-02T00:00:00Z")), false)]);
    check_ways(&mut w, &asked, Buys::Before).expect("ways that hold");
}

/// Two prices a day and a cap until October: after 64 instants nobody knows more. From September, or at one price, October is found.
#[test]
fn a_search_that_is_cut_off_says_so() {
    let text = r#"
version = "u"
[features.chat]
prices = [{ credits = { tokens = "2" } }, { when = { rate = "night" }, credits = { tokens = "1" } }]
times = { rate = { hours = [{ from = "22:00", to = "06:00", value = "night" }], otherwise = "day" } }
[plans.p]
guards = [{ name = "cap", window.spend_cap = { limit = "10", every = "quarter" } }]
waterfall = [{ grants = { name = "credits" } }]
"#;
    let even = text.replace(", { when = { rate = \"night\" }, credits = { tokens = \"1\" } }", "");
    let even = even.replace("times = { rate = { hours = [{ from = \"22:00\", to = \"06:00\", value = \"night\" }], otherwise = \"day\" } }\n", "");
    for (text, now, opens, until) in [
        // 64 changes of price after noon on 1 July, two a day: the last is that of 2 August at 06:00.
        (text, "2026-07-01T12:00:00Z", None, Some("2026-08-02T06:00:00Z")),
        (text, "2026-09-01T12:00:00Z", Some("2026-10-01T00:00:00Z"), None),
        (&even, "2026-07-01T12:00:00Z", Some("2026-10-01T00:00:00Z"), None),
    ] {
        let mut w = World::new(text, "p");
        w.now = at(now);
        w.grant("100", Category::Purchased);
        assert_eq!(w.ask(&chat(5).now()).outcome, Outcome::Allow, "all of the cap");
        let unblock = w.ask(&chat(1).now()).unblock.expect("ways");
        assert_eq!((unblock.at(), unblock.searched_until), (opens.map(at), until.map(at)), "{now}");
    }
}
