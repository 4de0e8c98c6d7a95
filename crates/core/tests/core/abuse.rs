//! Abuse rules: what each measures, what it does, and that honest use is left alone.

use headworks_core::abuse::penalty::{Misdeed, Score};
use headworks_core::abuse::sketch::{Counts, Distinct};
use headworks_core::account::Account;
use headworks_core::audit::replay::differs;
use headworks_core::command::{Command, Draft, History, NewGrant, Patch, Step, run};
use headworks_core::life;
use headworks_core::life::share_key;
use headworks_core::record::{
    Category, CreditsByUnit, Decision, Effect, Instant, Levels, Lifter, Outcome, Path, Reason, Rule, Segment,
    SegmentSettings, Span, Tier, Verdict, VisitKind, Wall,
};
use headworks_core::waterfall::{Authorize, Context, Live, Refusal, prepare};

use crate::common::{AskExt as _, Log, World, ask, asked, at, credits, name};

const CATALOG: &str = r#"
version = "t"
[meters]
tokens = { unit = "token" }
[features.chat]
meters = ["tokens"]
rate_card = "card"
hold = { life = "5s" }
[features.gift]
meters = ["tokens"]
rate_card = "card"
estimate = { tokens = 1000 }
[[rate_cards.card]]
effective_from = "2020-01-01T00:00:00Z"
prices = [{ feature = "chat", credits = { tokens = "0.001" } }, { feature = "gift", credits = { tokens = "0.001" } }]
[abuse]
cost = { tokens = 1 }
trial_budget = "12"
rules = { RULES }
[abuse.tiers.anonymous]
holds = 8
held_percent = 50
velocity_floor = 100
ramp_floor = 1000
sub_keys = 3
networks = 4
shared_holds = 1
key_spend_floor = "1"
[plans.p]
features = ["chat"]
cost_max = 5000
guards = [{ name = "rate", count = "tokens", window.rate = { limit = 100000, period = "1s", burst = 1000000 } }]
waterfall = [{ grants = { name = "credits" } }]
[plans.users]
features = ["chat", "gift"]
guards = [{ name = "each", per = "user", count = "tokens", window.fixed = { limit = 300, every = "hour" } }]
waterfall = [{ grants = { name = "credits" } }]
"#;

fn world(rules: &str, plan: &str) -> World {
    let mut w = World::new(&CATALOG.replace("RULES", rules), plan);
    w.grant("1000000", Category::Promotional);
    w
}

/// Appends what is due, as the engine does after each record.
fn act(w: &mut World) -> Option<Effect> {
    let draft = life::next(w.ctx())?;
    w.append(draft);
    let effect = w.account.effects(w.now).last().cloned();
    assert!(life::next(w.ctx()).is_none(), "one cause has one effect");
    effect
}

fn charge(w: &mut World, tokens: u64) -> Decision {
    w.ask(&ask("chat", &[("tokens", tokens)]).now())
}

fn cells(w: &mut World, tokens: &[u64]) -> Option<Effect> {
    let mut effect = None;
    for n in tokens {
        charge(w, *n);
        effect = act(w).or(effect);
        w.pass("10s");
    }
    effect
}

/// The log gives the same state and, asked again, the same bytes.
#[track_caller]
fn replays(w: &World) {
    let mut state = Account::empty(name("acme"));
    for record in &w.log {
        assert_eq!(differs(&state, record, &w.catalog, &Log(&w.log)), None, "record {}", record.seq);
        state.apply_bytes(&record.to_bytes()).expect("folds");
    }
    let bytes = w.account.to_bytes();
    assert!(state.to_bytes() == bytes, "the fold of the log is another state");
    assert!(Account::from_bytes(&bytes).expect("reads back").to_bytes() == bytes, "a checkpoint differs");
}

#[track_caller]
fn denied(decision: &Decision, reason: Reason) {
    assert_eq!((decision.outcome, decision.reason), (Outcome::Deny, reason), "{decision:?}");
    assert_eq!(decision.wall, Some(Wall::Abuse));
}

/// Three cells of ten seconds over twice the floor: twice the floor is let through for ten minutes.
#[test]
fn three_cells_running_are_clamped() {
    let mut w = world("velocity = 'enforce'", "p");
    assert_eq!(cells(&mut w, &[250, 250, 250]), None, "a cell is judged when it has closed");
    let effect = cells(&mut w, &[150]).expect("clamped");
    assert_eq!((effect.limit, effect.reference, effect.figure), (200, 100, 250));
    assert_eq!((effect.until.since(effect.since), effect.step_up_at), (Span::from_secs(600), None));
    // Within the clamp up to 200 pass; the instant told is the one at which it passes.
    assert_eq!(charge(&mut w, 150).outcome, Outcome::Allow);
    let decision = charge(&mut w, 51);
    denied(&decision, Reason::Velocity);
    let told = decision.unblock.expect("an unblock");
    assert_eq!((told.by, told.at()), (Lifter::Operator, Some(at("2026-06-01T12:00:50Z"))));
    w.now = told.at().expect("an instant");
    assert_eq!(charge(&mut w, 51).outcome, Outcome::Allow);
    // It clamps, never blocks: the first request of a cell passes at any size.
    w.pass("10s");
    assert_eq!(charge(&mut w, 4_000).outcome, Outcome::Allow);
    w.now = effect.until;
    assert_eq!([charge(&mut w, 150).outcome, charge(&mut w, 150).outcome], [Outcome::Allow; 2], "it is over");
    replays(&w);
}

#[test]
fn a_clamp_teaches_only_what_it_let_through() {
    let mut w = world("velocity = 'enforce'", "p");
    cells(&mut w, &[250, 250, 250, 4_000, 4_000, 4_000]);
    w.pass("20m");
    charge(&mut w, 1);
    assert_eq!(peak(&w), 200, "twice the floor");
    // A week halves it.
    let habit = habit(&w);
    assert_eq!(habit.peak_at(habit.peak_at.after(Span::from_secs(7 * 86_400))), 100);
}

fn habit(w: &World) -> headworks_core::window::Habit {
    let name = Rule::Velocity.name();
    w.account
        .window(&name, Levels::ACCOUNT, &Path::default())
        .and_then(|u| u.habit())
        .expect("a habit")
        .clone()
}

fn peak(w: &World) -> i64 {
    habit(w).peak
}

/// Honest bursts: one or two cells at any height are no offence, and are learned.
#[test]
fn a_burst_is_learned() {
    let mut w = world("velocity = 'enforce'", "p");
    assert_eq!(
        cells(&mut w, &[500, 500, 50, 50, 50, 50, 900, 900, 900, 900]),
        None,
        "900 is within twice 500"
    );
    // Bursts that take a third of the time are none either, and teach eight times what was usual at most.
    let mut w = world("velocity = 'enforce'", "p");
    for _ in 0..20 {
        assert_eq!(cells(&mut w, &[4_000]), None);
        w.pass("20s");
    }
    w.pass("1m");
    charge(&mut w, 1);
    assert_eq!(peak(&w), 800);
}

/// More than a third of the time at over twice the usual is a run, pauses or not.
#[test]
fn a_sawtooth_is_a_run() {
    for (teeth, caught) in [(&[4_000, 4_000, 50][..], 4), (&[4_000, 50], 8), (&[250, 250, 50, 50], 12)] {
        let mut w = world("velocity = 'enforce'", "p");
        let tooth = teeth.iter().cycle();
        let at = tooth.take(40).position(|cell| cells(&mut w, &[*cell]).is_some());
        assert!(at.is_some_and(|at| at <= caught), "{teeth:?}: {at:?}");
    }
}

/// A batch at 4 times the floor, every day at the same hour: clamped on its first day, usual from the second on.
#[test]
fn a_daily_batch_is_learned() {
    let mut w = world("velocity = 'enforce'", "p");
    let mut clamps = Vec::new();
    for day in 0..9 {
        let began = w.now;
        let batch = if day == 5 { 560 } else { 400 };
        clamps.push((0..60).filter(|_| cells(&mut w, &[batch]).is_some()).count());
        let hour = if day % 2 == 0 { "24h" } else { "23h 30m" };
        w.now = began;
        w.pass(hour);
    }
    assert_eq!(clamps, [1, 0, 0, 0, 0, 0, 0, 0, 0], "clamps by day");
    // At another hour nothing of it is usual once the peak has faded: a month later only the hour knows.
    w.pass("480h");
    assert_eq!((0..6).filter(|_| cells(&mut w, &[400]).is_some()).count(), 0, "the same hour");
    replays(&w);
}

/// What a hold turns out to have used counts when it is settled.
#[test]
fn what_is_settled_beyond_the_hold_counts() {
    let mut w = world("velocity = 'enforce', ramp = 'observe'", "p");
    let settle = |w: &mut World, used: u64| {
        let held = w.hold("chat", &[("tokens", 1)]);
        if held.outcome != Outcome::Allow {
            return false;
        }
        let hold = w.account.holds.last().expect("open").id;
        w.settle(hold.0, &[("tokens", used)]).expect("settles");
        true
    };
    let mut effect = None;
    for _ in 0..4 {
        assert!(settle(&mut w, 20_000), "nothing is known yet");
        effect = act(&mut w).or(effect);
        w.pass("10s");
    }
    let effect = effect.expect("clamped");
    assert_eq!((effect.figure, effect.reference, effect.limit), (20_000, 100, 100));
    assert!(settle(&mut w, 20_000), "the first of a cell");
    assert!(!settle(&mut w, 1), "what was settled is counted");
    // What is used of a hold is counted once.
    let mut w = world("velocity = 'enforce'", "p");
    w.hold("chat", &[("tokens", 60)]);
    let hold = w.account.holds.last().expect("open").id;
    w.settle(hold.0, &[("tokens", 90)]).expect("settles");
    let name = Rule::Velocity.name();
    let habit =
        w.account.window(&name, Levels::ACCOUNT, &Path::default()).and_then(|u| u.habit()).expect("a habit");
    assert_eq!(habit.used(w.now), 90);
    replays(&w);
}

#[test]
fn far_too_fast_is_asked_to_step_up() {
    let mut w = world("velocity = 'enforce'", "p");
    let effect = cells(&mut w, &[900, 900, 900, 10]).expect("clamped");
    assert_eq!((effect.limit, effect.figure), (100, 900));
    assert_eq!(effect.step_up_at, Some(effect.since.after(Span::from_secs(1_800))));
    charge(&mut w, 100);
    assert_eq!(charge(&mut w, 1).unblock.map(|u| u.by), Some(Lifter::Operator));
    w.pass("30m");
    charge(&mut w, 100);
    let decision = charge(&mut w, 1);
    denied(&decision, Reason::Velocity);
    assert_eq!(decision.unblock.map(|u| u.by), Some(Lifter::StepUp));
    // A client that has proved its identity is let go.
    let lift = Command::Lift { rule: Rule::Velocity, key: None, reason: None };
    w.apply(lift.clone()).expect("in force");
    assert_eq!(charge(&mut w, 1).outcome, Outcome::Allow);
    assert_eq!(w.apply(lift), Err(Refusal::NoEffect(Rule::Velocity)), "lifted");
    replays(&w);
}

#[test]
fn what_is_observed_is_told_and_not_held_off() {
    let mut w = world("velocity = 'observe', cost_maximum = 'observe', key_spend = 'observe'", "p");
    let effect = cells(&mut w, &[250, 250, 250, 150]).expect("an effect is recorded");
    assert_eq!(effect.limit, 200);
    charge(&mut w, 200);
    let decision = w.ask(&ask("chat", &[("tokens", 6_000)]).on_path("key:k").now());
    assert_eq!(decision.outcome, Outcome::Allow);
    let observed: Vec<String> = decision
        .visits
        .iter()
        .filter(|v| v.verdict == Verdict::Observed)
        .map(|v| v.name.to_string())
        .collect();
    assert_eq!(observed, ["abuse.cost_maximum", "abuse.velocity", "abuse.key_spend"]);
    replays(&w);
}

#[test]
fn a_ceiling_holds_whatever_the_peak() {
    let text = CATALOG.replace("RULES", "velocity = 'enforce'");
    let mut w = World::new(
        &text.replace("velocity_floor = 100", "velocity_floor = 100\nvelocity_ceiling = 300"),
        "p",
    );
    w.grant("1000000", Category::Promotional);
    assert_eq!(charge(&mut w, 200).outcome, Outcome::Allow);
    denied(&charge(&mut w, 101), Reason::Velocity);
    assert_eq!(charge(&mut w, 100).outcome, Outcome::Allow);
}

#[test]
fn one_request_costs_at_most_the_plans_maximum() {
    let mut w = world("cost_maximum = 'enforce'", "p");
    denied(&charge(&mut w, 5_001), Reason::CostMaximum);
    assert_eq!(charge(&mut w, 5_000).outcome, Outcome::Allow);
    // Accepting less, a caller gets the maximum.
    let decision = w.ask(&ask("chat", &[("tokens", 9_000)]).at_least("tokens", 100));
    assert_eq!((decision.outcome, decision.price), (Outcome::Partial, credits("5")));
}

/// What has happened is never refused: it is counted, and told as passed.
#[test]
fn what_has_happened_is_counted() {
    let mut w = world("cost_maximum = 'enforce', velocity = 'enforce'", "p");
    cells(&mut w, &[250, 250, 250, 1]);
    let request = ask("chat", &[("tokens", 6_000)]).request;
    let step = w.run(&Command::Record { request, at: None }).expect("decides");
    let decision = w.fold(step);
    assert_eq!(decision.outcome, Outcome::Allow);
    for rule in [Rule::CostMaximum, Rule::Velocity] {
        let visit = decision.visits.iter().find(|v| v.name == rule.name()).expect("looked at");
        assert_eq!(visit.verdict, Verdict::Passed, "{rule:?}");
    }
    denied(&charge(&mut w, 1), Reason::Velocity);
}

#[test]
fn expired_holds_halve_what_may_be_open() {
    let mut w = world("holds = 'enforce'", "p");
    let fill = |w: &mut World, n: usize| {
        for _ in 0..n {
            assert_eq!(w.hold("chat", &[("tokens", 1)]).outcome, Outcome::Allow);
        }
        let decision = w.hold("chat", &[("tokens", 1)]);
        denied(&decision, Reason::HoldsLimit);
        let visit = decision.visits.iter().find(|v| v.name == Rule::Holds.name()).expect("looked at");
        let most = i64::try_from(n).expect("few");
        assert_eq!(
            (visit.before, visit.terms.map(|t| t.capacity())),
            (most, Some(most)),
            "told with its limit"
        );
    };
    fill(&mut w, 8);
    let end = |w: &mut World, expires: bool| {
        let hold = w.account.holds.first().expect("open").id;
        if expires {
            w.expire(hold.0);
        } else {
            w.settle(hold.0, &[("tokens", 1)]).expect("settles");
        }
        act(w)
    };
    // 15 settled and 4 expired of 19 are too few to judge by; the fifth of 20 is a quarter.
    for _ in 0..8 {
        assert_eq!(end(&mut w, false), None);
    }
    for _ in 0..7 {
        w.hold("chat", &[("tokens", 1)]);
        assert_eq!(end(&mut w, false), None);
    }
    for i in 0..5 {
        w.hold("chat", &[("tokens", 1)]);
        let effect = end(&mut w, true);
        assert_eq!(effect.as_ref().map(|e| e.limit), (i == 4).then_some(4), "{i}");
        assert!(effect.is_none_or(|e| e.figure.abs_diff(250_000) < 100), "a quarter, in millionths");
    }
    fill(&mut w, 4);
    // Twenty clean settles give one back.
    for i in 0..20 {
        let open = w.hold("chat", &[("tokens", 1)]).outcome;
        assert_eq!(open, Outcome::Deny, "{i}");
        assert_eq!(end(&mut w, false), None);
        w.hold("chat", &[("tokens", 1)]);
    }
    assert_eq!(w.account.holds.len(), 4);
    assert_eq!(w.hold("chat", &[("tokens", 1)]).outcome, Outcome::Allow, "the fifth");
    replays(&w);
}

#[test]
fn holds_set_aside_a_part_of_the_balance() {
    let mut w = World::new(&CATALOG.replace("RULES", "holds = 'enforce'"), "p");
    w.grant("10", Category::Promotional);
    // The first hold always may: 9 of 10.
    assert_eq!(w.hold("chat", &[("tokens", 9_000)]).outcome, Outcome::Allow);
    denied(&w.hold("chat", &[("tokens", 1)]), Reason::HeldShare);
    let first = w.account.holds.first().expect("a hold").id;
    w.settle(first.0, &[]).expect("settles");
    assert_eq!(w.hold("chat", &[("tokens", 3_000)]).outcome, Outcome::Allow);
    assert_eq!(w.hold("chat", &[("tokens", 2_000)]).outcome, Outcome::Allow, "half of 10");
    denied(&w.hold("chat", &[("tokens", 1)]), Reason::HeldShare);
    assert_eq!(charge(&mut w, 1_000).outcome, Outcome::Allow, "it is about holds alone");
    replays(&w);
}

/// The floor at first; then ten times what 95 of 100 hours with use did not pass.
#[test]
fn a_key_spends_what_its_week_allows() {
    let mut w = world("key_spend = 'enforce'", "p");
    let spend =
        |w: &mut World, tokens: u64| w.ask(&ask("chat", &[("tokens", tokens)]).on_path("key:k").now());
    assert_eq!(spend(&mut w, 1_000).outcome, Outcome::Allow, "one credit is the floor");
    let decision = spend(&mut w, 1);
    denied(&decision, Reason::KeySpend);
    assert_eq!(decision.unblock.and_then(|u| u.at()), Some(at("2026-06-01T13:00:00Z")));
    assert_eq!(charge(&mut w, 5_000).outcome, Outcome::Allow, "no other key is touched");
    w.pass("1h");
    // One hour with one credit: ten are allowed now.
    assert_eq!(spend(&mut w, 4_000).outcome, Outcome::Allow);
    assert_eq!(spend(&mut w, 4_000).outcome, Outcome::Allow);
    denied(&spend(&mut w, 2_001), Reason::KeySpend);
    // What a hold sets aside counts until it is settled, then what was used does.
    assert_eq!(w.ask(&ask("chat", &[("tokens", 2_000)]).on_path("key:k")).outcome, Outcome::Allow);
    let hold = w.account.seq;
    denied(&spend(&mut w, 1_000), Reason::KeySpend);
    w.settle(hold, &[("tokens", 500)]).expect("settles");
    assert_eq!(spend(&mut w, 1_500).outcome, Outcome::Allow);
    // After eight days nothing is remembered of it.
    w.pass("192h");
    denied(&spend(&mut w, 1_001), Reason::KeySpend);
    // By hand.
    w.settings(|s| {
        s.segments.push(headworks_core::record::SegmentSettings {
            segment: "key:k".parse().expect("a segment"),
            suspended: false,
            consent: None,
            pool_cap: None,
            hourly_cap: Some(credits("3").into()),
        });
    });
    assert_eq!(spend(&mut w, 3_000).outcome, Outcome::Allow);
    denied(&spend(&mut w, 1), Reason::KeySpend);
    replays(&w);
}

/// Two features, in usd and in coins: what rules about credits count, they count of one unit at a time.
const UNITS: &str = r#"
version = "units"
[meters]
tokens = { unit = "token" }
[features.chat]
meters = ["tokens"]
rate_card = "card"
credit_unit = "usd"
[features.game]
meters = ["tokens"]
rate_card = "card"
credit_unit = "coins"
[[rate_cards.card]]
effective_from = "2020-01-01T00:00:00Z"
prices = [{ feature = "chat", credits = { tokens = "1" } }, { feature = "game", credits = { tokens = "1" } }]
[abuse]
rules = { key_spend = "enforce", identity = "enforce" }
BUDGET
[abuse.tiers.anonymous]
FLOOR
[plans.p]
features = ["chat", "game"]
waterfall = [
  { pool = { name = "usd", categories = ["promotional"], unit = "usd", cap = { default = "1000", every = "day" } } },
  { pool = { name = "coins", categories = ["promotional"], unit = "coins", cap = { default = "1000", every = "day" } } },
]
"#;

fn units(floor: &str, budget: &str) -> World {
    let text = UNITS.replace("FLOOR", floor).replace("BUDGET", budget);
    let mut w = World::new(&text, "p");
    for unit in ["usd", "coins"] {
        let new =
            NewGrant { unit: Some(name(unit)), ..NewGrant::new(credits("100000"), Category::Promotional) };
        w.apply(Command::Grant(new)).expect("granted");
    }
    w
}

fn spends(w: &mut World, feature: &str, tokens: u64) -> Reason {
    w.ask(&ask(feature, &[("tokens", tokens)]).on_path("user:ann/key:k").now()).reason
}

fn warned(w: &World) -> String {
    w.catalog.warnings.kept.iter().map(ToString::to_string).collect()
}

#[test]
fn a_figure_is_about_one_unit() {
    // By unit: what one key spends of coins is nothing of its usd.
    let mut w = units("key_spend_floor = { usd = \"40\", coins = \"900\" }", "");
    assert_eq!(warned(&w), "");
    assert_eq!(spends(&mut w, "game", 900), Reason::Allowed);
    assert_eq!(spends(&mut w, "game", 1), Reason::KeySpend);
    assert_eq!(spends(&mut w, "chat", 40), Reason::Allowed);
    assert_eq!(spends(&mut w, "chat", 1), Reason::KeySpend);
    // Each unit has a week of its own.
    w.pass("1h");
    assert_eq!(spends(&mut w, "chat", 400), Reason::Allowed);
    assert_eq!(spends(&mut w, "chat", 1), Reason::KeySpend);
    replays(&w);
    // A figure without a unit is in `credits` where there are several, and says nothing of the others: that is told.
    let mut w = units("key_spend_floor = \"40\"", "trial_budget = \"500\"");
    assert_eq!([spends(&mut w, "game", 900), spends(&mut w, "chat", 900)], [Reason::Allowed; 2]);
    let told = warned(&w);
    for what in
        ["no tier has a `key_spend_floor` in `coins`, `usd`", "free grants in `coins`, `usd` have no budget"]
    {
        assert!(told.contains(what), "{told}");
    }
    // Where everything is in one unit it is in that one.
    let text = UNITS
        .replace("FLOOR", "key_spend_floor = \"40\"")
        .replace("BUDGET", "")
        .replace("\"coins\"", "\"usd\"");
    let mut w =
        World::new(&text.replacen("name = \"usd\", categories", "name = \"first\", categories", 1), "p");
    let new = NewGrant { unit: Some(name("usd")), ..NewGrant::new(credits("1000"), Category::Promotional) };
    w.apply(Command::Grant(new)).expect("granted");
    assert_eq!(spends(&mut w, "game", 30), Reason::Allowed);
    assert_eq!(spends(&mut w, "chat", 11), Reason::KeySpend, "one unit is counted together");
}

/// Caps set by hand are by unit as well; a unit that nothing is priced in is a mistake.
#[test]
fn caps_of_segments_are_in_a_unit() {
    let mut w = units("key_spend_floor = { usd = \"40\", coins = \"900\" }", "");
    let set = |w: &mut World, pool_cap: Option<CreditsByUnit>, hourly_cap: Option<CreditsByUnit>| {
        let of = |segment: &str, pool_cap, hourly_cap| {
            let segment: Segment = segment.parse().expect("a segment");
            let settings = SegmentSettings {
                segment: segment.clone(),
                suspended: false,
                consent: None,
                pool_cap,
                hourly_cap,
            };
            (segment, Some(settings))
        };
        let segments = vec![of("user:ann", pool_cap, None), of("key:k", None, hourly_cap)];
        w.apply(Command::Change { patch: Patch { segments, ..Patch::default() }, reason: None })
    };
    let each = |list: &[(&str, &str)]| {
        Some(CreditsByUnit::each(list.iter().map(|(unit, n)| (name(unit), credits(n)))))
    };
    set(&mut w, each(&[("usd", "30")]), each(&[("coins", "2000")])).expect("in force");
    assert_eq!(spends(&mut w, "chat", 30), Reason::Allowed);
    assert_eq!(spends(&mut w, "chat", 1), Reason::MemberCap);
    assert_eq!(spends(&mut w, "game", 1_000), Reason::Allowed, "coins have the plan's cap and the hand's");
    assert_eq!(spends(&mut w, "game", 1), Reason::MemberCap);
    for wrong in [each(&[("eur", "1")]), Some(CreditsByUnit::One(credits("1")))] {
        let refused = set(&mut w, wrong.clone(), None).expect_err("nothing is priced in it");
        assert!(matches!(refused, Refusal::UnpricedUnit(_)), "{wrong:?}: {refused:?}");
        assert!(refused.to_string().contains("no feature is priced in"), "{refused}");
    }
    assert_eq!(set(&mut w, None, each(&[("usd", "-1")])), Err(Refusal::BadCap));
}

/// Nearest rank, as in Hyndman and Fan's definition 1: of 20 values the 19th.
#[test]
fn p95_is_the_nearest_rank() {
    use headworks_core::record::HabitKind;
    use headworks_core::window::Habit;
    let mut habit = Habit::new(HabitKind::Spend, at("2026-06-01T00:00:00Z"));
    habit.hours = (1..=20).map(|i| (i, i * 10)).collect();
    assert_eq!(habit.p95(), 190);
    habit.hours = vec![(1, 7)];
    assert_eq!(habit.p95(), 7);
    habit.hours.clear();
    assert_eq!(habit.p95(), 0);
}

#[test]
fn growth_beyond_half_a_quarter_is_demoted() {
    use headworks_core::capacity::Offer;
    // Only what is served by a supply has a class to be demoted from.
    let text = CATALOG.replace("RULES", "ramp = 'enforce'").replace("hold = {", "supply = \"gpu\"\nhold = {");
    let mut w = World::new(&format!("{text}[supplies.gpu]\nrate = 1000000\n"), "p");
    w.grant("1000000", Category::Promotional);
    let offer = Offer {
        supply: name("gpu"),
        class: name("default"),
        fits: true,
        used: 0,
        cost: 1,
        in_flight: 0,
        revocable: false,
        too_large: false,
        at: None,
    };
    let served = |w: &mut World, tokens: u64| -> Vec<Verdict> {
        let ask = ask("chat", &[("tokens", tokens)]).now();
        let wanted = prepare(w.ctx(), &ask).expect("known").wanted(w.ctx()).expect("a supply is asked");
        let live = Live { offers: std::slice::from_ref(&offer), penalty: 0 };
        let step = w.run_with(live, &Command::Authorize(ask)).expect("decides");
        let decision = w.fold(step);
        assert_eq!(decision.outcome, Outcome::Allow, "nobody is refused");
        let of_rule = decision.visits.iter().filter(|v| v.kind == VisitKind::Abuse).map(|v| v.verdict);
        let verdicts: Vec<_> = of_rule.collect();
        assert_eq!(verdicts.contains(&Verdict::Demoted), wanted.is_demoted);
        verdicts
    };
    // The floor of 1,000; 1,500 in the next quarter; 2,250 in the one after.
    for allowed in [1_000, 1_500, 2_250] {
        assert_eq!(served(&mut w, allowed), [Verdict::Passed], "{allowed}");
        // What is served in a lower class is not usual for the account: the next quarter grows from what was not.
        assert_eq!(served(&mut w, 4_000), [Verdict::Demoted], "{allowed}");
        w.pass("15m");
    }
    // A pause does not make it start over: the day's peak is free.
    w.pass("20h");
    assert_eq!(served(&mut w, 2_250), [Verdict::Passed]);
    assert_eq!(served(&mut w, 1), [Verdict::Demoted]);
    w.pass("56h");
    assert_eq!(served(&mut w, 1_001), [Verdict::Demoted], "after a day the floor");
    // At the hour of another day that had more, that counts: three quarters of what was served in both classes.
    w.pass("19h 30m");
    let usual = (2_250 + 4_000) / 4 * 3;
    assert_eq!(served(&mut w, usual), [Verdict::Passed]);
    assert_eq!(served(&mut w, 1), [Verdict::Demoted]);
    // Where no supply is asked there is no class to be demoted from.
    assert_eq!(charge(&mut w, 4_000).outcome, Outcome::Allow);
    replays(&w);
}

#[test]
fn members_past_the_number_are_counted_together() {
    let mut w = world("sub_keys = 'enforce'", "users");
    let ask_as = |w: &mut World, user: &str, tokens: u64| {
        let ask = ask("chat", &[("tokens", tokens)]).on_path(&format!("user:{user}"));
        let step = w.run(&Command::Authorize(ask.clone())).expect("known");
        (w.ask(&ask).outcome, asked(&step).path.to_string())
    };
    for user in ["a", "b", "c"] {
        assert_eq!(ask_as(&mut w, user, 100), (Outcome::Allow, format!("user:{user}")));
    }
    for user in 0..50 {
        let expected = if user < 3 { Outcome::Allow } else { Outcome::Deny };
        assert_eq!(ask_as(&mut w, &format!("x{user}"), 100), (expected, "user:other".to_owned()), "{user}");
    }
    assert_eq!(ask_as(&mut w, "a", 200), (Outcome::Allow, "user:a".to_owned()), "who was there stays");
    assert_eq!(w.account.windows.len(), 4, "fifty names have one counter");
    // When the hour is over there is room again.
    w.pass("1h");
    assert_eq!(ask_as(&mut w, "new", 100), (Outcome::Allow, "user:new".to_owned()));
    replays(&w);
}

/// A guard of users in their teams: a level has as many members as it has names, in any combination.
#[test]
fn members_of_levels_together_are_counted_by_name() {
    let catalog = CATALOG
        .replace("RULES", "sub_keys = 'enforce'")
        .replace("per = \"user\"", "per = [\"team\", \"user\"]");
    let mut w = World::new(&catalog, "users");
    w.grant("1000000", Category::Promotional);
    let rows = [
        ("team:red/user:a", "team:red/user:a"),
        ("team:red/user:b", "team:red/user:b"),
        ("team:red/user:c", "team:red/user:c"),
        // A fourth user; a second team of a user that is known; then a fourth team.
        ("team:red/user:d", "team:red/user:other"),
        ("team:blue/user:a", "team:blue/user:a"),
        ("team:green/user:b", "team:green/user:b"),
        ("team:black/user:c", "team:other/user:c"),
        ("team:white/user:e", "team:other/user:other"),
    ];
    for (path, counted) in rows {
        let step = w.run(&Command::Authorize(ask("chat", &[("tokens", 1)]).on_path(path))).expect("known");
        assert_eq!(asked(&step).path.to_string(), counted, "{path}");
        w.ask(&ask("chat", &[("tokens", 1)]).on_path(path));
    }
    replays(&w);
}

/// A meter that the request leaves out is held at the feature's estimate, at most what the smallest guard ever lets through.
#[test]
fn what_is_left_out_has_an_estimate() {
    // With a rule that asks what only an engine knows, what is asked for can be seen.
    let w = World { fills: false, ..world("penalty = 'observe'", "users") };
    let wanted = |ask: Authorize| {
        let ready = prepare(w.ctx(), &ask).expect("known");
        ready.wanted(w.ctx()).expect("the penalty box").quantities
    };
    let held = |list: &[(&str, u64)]| {
        let ask = ask("gift", list);
        let step = w.run(&Command::Authorize(ask.clone())).expect("known");
        let held = asked(&step).lines.iter().find(|l| l.meter.as_str() == "tokens").map(|l| l.quantity);
        let quantities = wanted(ask);
        assert_eq!(quantities.iter().find(|(m, _)| m.as_str() == "tokens").map(|(_, n)| *n), held);
        held
    };
    assert_eq!(held(&[]), Some(300), "1000, cut to the 300 of the guard `each`");
    assert_eq!(held(&[("tokens", 2)]), Some(2));
    assert!(wanted(ask("gift", &[]).now()).is_empty(), "use is not guessed");
}

#[test]
fn a_shared_key_has_few_holds() {
    let mut w = world("sharing = 'enforce'", "p");
    assert!(share_key(w.ctx(), &name("k"), 4).is_none(), "four networks are allowed");
    let draft = share_key(w.ctx(), &name("k"), 5).expect("five are not");
    w.append(draft);
    assert!(share_key(w.ctx(), &name("k"), 6).is_none(), "it is in force");
    let by = |w: &mut World, key: &str| w.ask(&ask("chat", &[("tokens", 1)]).on_path(&format!("key:{key}")));
    assert_eq!(by(&mut w, "k").outcome, Outcome::Allow);
    denied(&by(&mut w, "k"), Reason::SharedKey);
    assert_eq!(by(&mut w, "l").outcome, Outcome::Allow, "other keys are untouched");
    w.now = w.account.effects(w.now).next().expect("in force").until;
    assert_eq!(by(&mut w, "k").outcome, Outcome::Allow, "an effect ends by itself");
    replays(&w);
}

/// Bursts of 1,000,000 at level 3 are 125,000; what fits an empty bucket passes once it is empty.
#[test]
fn the_penalty_box_makes_bursts_smaller() {
    let mut w = world("penalty = 'enforce'", "p");
    let charge_at = |w: &mut World, penalty: u8, tokens: u64| {
        let ask = ask("chat", &[("tokens", tokens)]).now();
        let live = Live { offers: &[], penalty };
        let step = w.run_with(live, &Command::Authorize(ask)).expect("decides");
        w.fold(step)
    };
    assert_eq!(charge_at(&mut w, 3, 125_000).outcome, Outcome::Allow);
    let decision = charge_at(&mut w, 3, 1);
    denied(&decision, Reason::Penalty);
    let told = decision.unblock.and_then(|u| u.at()).expect("an instant");
    assert_eq!(charge_at(&mut w, 0, 1).outcome, Outcome::Allow, "nobody else is touched");
    w.now = told.after(Span::from_micros(10));
    assert_eq!(charge_at(&mut w, 3, 1).outcome, Outcome::Allow, "the instant told is the one");
    w.pass("10s");
    assert_eq!(charge_at(&mut w, 3, 900_000).outcome, Outcome::Allow);
    replays(&w);
}

/// Level ⌊log₂(1 + score / 16)⌋: 16 points are level 1, 48 level 2, 112 level 3, 240 level 4.
#[test]
fn the_score_decays() {
    let now = at("2026-06-01T12:00:00Z");
    let mut score = Score::default();
    let mut levels = Vec::new();
    for _ in 0..24 {
        score.add(Misdeed::ForgedWebhook, now);
        levels.push(score.level(now));
    }
    let first = |level: u8| levels.iter().position(|l| *l == level).map(|i| (i + 1) * 10);
    assert_eq!([first(1), first(2), first(3), first(4)], [Some(20), Some(50), Some(120), Some(240)]);
    let later = |minutes: u64| now.after(Span::from_secs(minutes * 60));
    assert_eq!(score.milli(later(10)), 120_000);
    assert_eq!(score.milli(later(20)), 60_000);
    assert_eq!(score.milli(later(15)), 90_000, "straight lines between");
    assert_eq!([score.level(later(10)), score.level(later(40))], [3, 0]);

    let mut score = Score::default();
    for i in 0..10 {
        score.refused(0, None, now.after(Span::from_secs(i)));
    }
    assert_eq!(
        score.milli(now.after(Span::from_secs(9))),
        1_000,
        "ten refusals in ten seconds are one point"
    );
}

/// Workers that share a key and obey have no score, with any number of workers and any jitter.
#[test]
fn obedience_costs_nothing() {
    let start = at("2026-06-01T12:00:00Z");
    let millis = |n: u64| Span::from_micros(n * 1_000);
    // Workers, how long each is told to wait in ms, and how much later (or, below zero, earlier) each comes than it is told.
    for (workers, wait, jitter) in [
        (1, 1_000, 0_i64),
        (10, 100, 0),
        (10, 1_000, 0),
        (10, 60_000, 0),
        (10, 60_000, -2_000),
        (10, 1_000, -250),
        (10, 60_000, 60_000),
        (32, 60_000, 60_000),
        (32, 3_600_000, 0),
    ] {
        let mut score = Score::default();
        let mut due: Vec<u64> = vec![0; workers];
        let (mut now, mut told) = (0, 0);
        for turn in 0..workers * 200 {
            let next = (0..workers).min_by_key(|i| due[*i]).expect("a worker");
            now = due[next].max(now);
            if now >= told {
                told = now + wait;
            }
            let instant = |n: u64| start.after(millis(n));
            score.refused(7, Some(instant(told)), instant(now));
            let spread = u64::try_from(turn * 7_919 % 1_000).expect("small");
            let late = jitter.unsigned_abs() * spread / 1_000;
            due[next] = if jitter < 0 { told - late } else { told + late };
        }
        let now = start.after(millis(now));
        assert_eq!(score.milli(now), 0, "{workers} workers, {wait} ms, {jitter} ms");
    }
    // A hundred at once are more than a key is thought to have; they come when told, and it is forgiven.
    let mut score = Score::default();
    let wait = Span::from_secs(60);
    for _ in 0..100 {
        score.refused(7, Some(start.after(wait)), start);
    }
    assert_eq!(score.level(start), 2, "67 of them");
    for _ in 0..100 {
        score.refused(7, Some(start.after(wait).after(wait)), start.after(wait));
    }
    assert_eq!(score.milli(start.after(wait)), 0);
}

/// Who does not wait is caught: 32 requests may be those of others, the rest are retries.
#[test]
fn a_retry_storm_is_caught() {
    let start = at("2026-06-01T12:00:00Z");
    let caught = |every_ms: u64, wait_s: u64, is_repeat: bool, level: u8| -> Option<u64> {
        let mut score = Score::default();
        (0..3_600_000 / every_ms).map(|n| n * every_ms).find(|ms| {
            let now = start.after(Span::from_micros(ms * 1_000));
            let told = start.after(Span::from_secs((ms / 1_000 / wait_s + 1) * wait_s));
            if is_repeat && ms % 30_000 != 0 {
                score.repeated(7, now);
            } else {
                score.refused(7, Some(told), now);
            }
            score.level(now) >= level
        })
    };
    let secs = |ms: Option<u64>| ms.map(|ms| ms / 1_000);
    assert_eq!(secs(caught(100, 60, false, 1)), Some(4));
    assert_eq!(secs(caught(100, 60, false, 4)), Some(27));
    assert_eq!(secs(caught(1_000, 60, false, 1)), Some(49));
    assert_eq!(secs(caught(1_000, 3_600, false, 1)), Some(49));
    assert_eq!(secs(caught(2_000, 60, false, 1)), None, "as 30 workers with jitter would come");
    assert_eq!(secs(caught(2_000, 60, true, 1)), Some(106), "with one idempotency key it is one worker");
    // Users of one key that are refused once each are no retries.
    let mut score = Score::default();
    for user in 0..1_000 {
        score.refused(user, Some(start.after(Span::from_secs(60))), start);
    }
    assert_eq!(score.milli(start), 0);
}

fn digest(i: u64) -> u64 {
    let hash = blake3::hash(&i.to_be_bytes());
    hash.as_bytes().iter().take(8).fold(0, |n, b| (n << 8) | u64::from(*b))
}

#[test]
fn networks_are_counted_within_their_error() {
    for n in [0_u64, 1, 2, 5, 8, 33, 129, 300, 1_025, 20_000, 1_000_000] {
        let mut distinct = Distinct::default();
        for i in 0..n {
            distinct.add(digest(i));
            distinct.add(digest(i / 2));
        }
        let error = distinct.count().abs_diff(n);
        // Three standard errors of 6.5 %, and one at the small end.
        assert!(error * 100 <= n * 20 + 100, "{n}: {}", distinct.count());
    }
}

#[test]
fn counts_are_never_too_small() {
    let mut counts = Counts::default();
    for round in 1..=3_u32 {
        for i in 0..50_000 {
            counts.add(digest(i));
        }
        assert!((0..50_000).all(|i| counts.count(digest(i)) >= round));
    }
    // 150,000 in rows of 65,536: hardly anybody unseen has been counted more than the mean of a cell.
    let seen = (1_000_000..1_001_000).filter(|i| counts.count(digest(*i)) > 6).count();
    assert!(seen <= 10, "{seen} of 1000");
}

#[test]
fn trust_follows_the_ledger() {
    let mut w = World::new(&CATALOG.replace("RULES", "holds = 'enforce'"), "p");
    let tier = |w: &World| w.catalog.abuse.tier_of(&w.account, w.now);
    assert_eq!(tier(&w), Tier::Anonymous);
    w.grant("5", Category::Free);
    assert_eq!(tier(&w), Tier::Anonymous, "what is given proves nothing");
    w.grant("5", Category::Purchased);
    assert_eq!(tier(&w), Tier::Paid);
    w.pass("335h");
    assert_eq!(tier(&w), Tier::Paid);
    w.pass("2h");
    assert_eq!(tier(&w), Tier::Established);
    w.apply(Command::Dispute { reason: None }).expect("opened");
    assert_eq!(tier(&w), Tier::Paid, "a dispute begins the fourteen days anew");
    w.settings(|s| s.tier = Some(Tier::Contract));
    assert_eq!(tier(&w), Tier::Contract);
    replays(&w);
}

/// One free grant for each identity in 90 days, 12 credits a day for all.
#[test]
fn an_identity_has_one_free_grant() {
    let now = at("2026-06-01T12:00:00Z");
    let apply = |log: &mut Account, draft: Draft, now: Instant| {
        let record = draft.into_record(log, now, None, None);
        log.apply_bytes(&record.to_bytes()).expect("folds");
    };
    let mut identity = Account::empty(name("_identity"));
    let w = World::new(&CATALOG.replace("RULES", ""), "p");
    let catalog = &w.catalog;
    let draft = |account: &Account, command: Command, now| {
        let step = run(Context::new(account, catalog, now), &command, &History::new())?;
        let Step::Append(draft) = step else { panic!("{step:?}") };
        Ok(*draft)
    };
    let claim = |account: &Account, now| {
        draft(account, Command::ClaimFreeGrant { account: name("acme"), amount: credits("5") }, now)
    };
    let first = claim(&identity, now).expect("the first");
    apply(&mut identity, first, now);
    let again = now.after(Span::from_secs(90 * 86_400));
    assert_eq!(claim(&identity, now.after(Span::from_secs(60))), Err(Refusal::FreeGrantTooSoon(again)));
    assert!(claim(&identity, again).is_ok());

    let mut budget = Account::empty(name("_trial"));
    let draw = |account: &Account, amount, now| {
        let (account_of, amount, most) = (name("acme"), credits(amount), credits("12"));
        draft(account, Command::DrawTrialBudget { account: account_of, amount, unit: None, most }, now)
    };
    for amount in ["5", "7"] {
        let drawn = draw(&budget, amount, now).expect("within the budget");
        apply(&mut budget, drawn, now);
    }
    let tomorrow = at("2026-06-02T00:00:00Z");
    assert_eq!(draw(&budget, "0.1", now), Err(Refusal::TrialBudgetSpent(tomorrow, None)));
    assert!(draw(&budget, "12", tomorrow).is_ok());
}

#[test]
fn rules_that_are_off_leave_no_trace() {
    let mut w = world("velocity = 'off'", "p");
    for _ in 0..30 {
        charge(&mut w, 5_000);
        assert_eq!(act(&mut w), None);
        w.pass("10s");
    }
    w.hold("chat", &[("tokens", 1)]);
    assert!(w.account.windows.iter().all(|window| !window.name.as_str().starts_with("abuse.")));
    assert!(w.log.iter().all(|r| !format!("{r:?}").contains("abuse.")));
    assert_eq!(w.account.rare().abuse, None);
}

/// A catalog that is wrong says where.
#[test]
fn a_wrong_catalog_says_where() {
    let wrong = |from: &str, to: &str| {
        let text = CATALOG.replace("RULES", "").replace(from, to);
        headworks_core::catalog::Catalog::parse(&text, headworks_core::catalog::Format::Toml)
            .expect_err("wrong")
            .to_string()
    };
    let told = wrong("holds = 8", "holds = 0");
    assert!(told.contains("abuse.tiers.anonymous.holds") && told.contains("write 1 or more"), "{told}");
    assert!(wrong("cost = { tokens = 1 }", "cost = { token = 1 }").contains("there is no meter `token`"));
    let unit = wrong("key_spend_floor = \"1\"", "key_spend_floor = { usd = \"1\" }");
    assert!(
        unit.contains("no feature is priced in `usd`") && unit.contains("write one of credits"),
        "{unit}"
    );
    assert!(wrong("name = \"rate\"", "name = \"abuse.rate\"").contains("kept for abuse rules"));
    assert!(wrong("rules = {  }", "rules = { speed = 'enforce' }").contains("speed"));
    assert!(wrong("held_percent = 50", "held_percent = 101").contains("1 to 100"));
    assert!(
        wrong("estimate = { tokens = 1000 }", "estimate = { words = 1 }")
            .contains("not a meter of the feature")
    );
}
