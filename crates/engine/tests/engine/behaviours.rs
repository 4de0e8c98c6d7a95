//! Honest and hostile behaviours against every abuse rule: the figures of
//! `docs/abuse.md`, which repeats each printed row.
//!
//! Each behaviour is a set of callers that react to their answers, on a clock that the test moves. The accounts are
//! of tier `paid`, a day old and without a history; the tier's figures are the defaults.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use headworks_core::abuse::penalty::Misdeed;
use headworks_core::catalog::{Catalog, Format};
use headworks_core::command::{Command, NewGrant, Patch, Setting};
use headworks_core::record::{Category, Decision, HoldId, Outcome, Rank, Span, Unblock, Verdict, Wall};
use headworks_core::waterfall::Authorize;
use headworks_engine::{Caller, Clock, Effect, Engine, Limits};
use headworks_store::Memory;

use crate::{ask, key, name, run};

const CATALOG: &str = r#"
version = "behaviours"
[meters]
tokens = { unit = "token" }
[features.chat]
meters = ["tokens"]
rate_card = "card"
supply = "gpu"
[features.art]
meters = ["tokens"]
rate_card = "card"
credit_unit = "coins"
[supplies.gpu]
in_flight = 1000000
in_flight_cost = { requests = 1 }
cost = { tokens = 1 }
classes = { default = { weight = 4 }, slow = { weight = 1 } }
[[rate_cards.card]]
effective_from = "2020-01-01T00:00:00Z"
prices = [{ feature = "chat", credits = { tokens = "0.000001" } }, { feature = "art", credits = { tokens = "0.00001" } }]
[abuse]
cost = { tokens = 1 }
trial_budget = { credits = "100000", coins = "100000" }
[abuse.rules]
velocity = "enforce"
ramp = "enforce"
holds = "enforce"
penalty = "enforce"
sharing = "enforce"
key_spend = "enforce"
identity = "enforce"
sub_keys = "enforce"
[abuse.tiers.paid]
key_spend_floor = { credits = "500", coins = "500" }
[plans.p]
features = ["chat", "art"]
waterfall = [{ grants = { name = "credits" } }]
[plans.limited]
features = ["chat"]
guards = [{ name = "rate", window.rate = { limit = 10, period = "1m", burst = 10 } }]
waterfall = [{ grants = { name = "credits" } }]
"#;

/// The floor of velocity in ten seconds.
const FLOOR: u64 = 200_000;
const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// A caller's next request: milliseconds since the beginning, tokens.
#[derive(Clone, Copy)]
struct Wish {
    at: u64,
    tokens: u64,
    /// Whether all requests have one idempotency key, or each its own.
    same: bool,
}

/// The outcome of a caller's last request.
#[derive(Clone, Copy)]
struct Told {
    at: u64,
    is_allowed: bool,
    /// The instant at which it may come again.
    retry_at: Option<u64>,
}

/// A caller: its path and network, how it uses an allowed request, and its next request.
struct Agent {
    path: String,
    network: u16,
    usage: Usage,
    next: Box<dyn FnMut(Option<Told>) -> Option<Wish>>,
}

#[derive(Clone, Copy)]
enum Usage {
    /// Charged at once.
    Now,
    /// Charged at once, in coins.
    Coins,
    /// Held for this long, and settled at the requested amount.
    Held(u64),
    /// Held, and settled at once at this amount.
    Settled(u64),
    /// Held, and left to expire.
    Left,
}

#[derive(Debug, Default)]
struct Seen {
    asked: u64,
    /// Requests refused by an abuse rule, and the days on which they were.
    held: u64,
    days: std::collections::BTreeSet<u64>,
    demoted: u64,
    /// The first refusal by a rule, and the rule.
    caught: Option<(u64, String)>,
}

impl Seen {
    fn note(&mut self, decision: &Decision, at: u64) {
        self.asked += 1;
        self.demoted += u64::from(decision.visits.iter().any(|v| v.verdict == Verdict::Demoted));
        if decision.outcome == Outcome::Deny && decision.wall == Some(Wall::Abuse) {
            self.held += 1;
            self.days.insert(at / DAY + 1);
            self.caught.get_or_insert((at, decision.reason.as_str().to_owned()));
        }
    }
}

struct World {
    engine: Arc<Engine>,
    clock: Arc<Clock>,
    at: u64,
    calls: u64,
    seen: Seen,
    holds: BTreeMap<(u64, u64), (HoldId, u64)>,
}

impl World {
    async fn new(plan: &str) -> Self {
        let clock = Arc::new(Clock::standing("2026-06-01T00:00:00Z".parse().expect("an instant")));
        let catalog = Catalog::parse(CATALOG, Format::Toml).unwrap_or_else(|e| panic!("{e}"));
        let engine = Engine::start(Arc::new(Memory::new()), catalog, Arc::clone(&clock), Limits::default());
        let engine = engine.expect("starts");
        engine.put_catalog(CATALOG, (&key("catalog"), None)).await.expect("stores").expect("accepts");
        let patch = Patch { plan: Some(name(plan)), ..Patch::default() };
        run(&engine, &name("acme"), &key("open"), Command::Open(patch)).await.expect("opens");
        for unit in [None, Some(name("coins"))] {
            let new =
                NewGrant { unit, ..NewGrant::new("1000000".parse().expect("credits"), Category::Purchased) };
            let id = key(&format!("{:?}", new.unit));
            run(&engine, &name("acme"), &id, Command::Grant(new)).await.expect("grants");
        }
        Self { engine, clock, at: 0, calls: 0, seen: Seen::default(), holds: BTreeMap::new() }
    }

    fn to(&mut self, at: u64) {
        self.clock.advance(Span::from_micros(at.saturating_sub(self.at) * 1_000));
        self.at = at.max(self.at);
    }

    /// Settles holds due by `until`.
    async fn settle(&mut self, until: u64) {
        while let Some((&(at, n), &(hold, tokens))) =
            self.holds.first_key_value().filter(|(k, _)| k.0 <= until)
        {
            self.holds.remove(&(at, n));
            self.to(at);
            let quantities = [(name("tokens"), tokens)].into_iter().collect();
            let settle = Command::settle(hold, quantities);
            run(&self.engine, &name("acme"), &key(&format!("s{n}")), settle).await.expect("settles");
        }
    }

    async fn ask(&mut self, agent: &Agent, wish: Wish, id: &str) -> Told {
        self.settle(wish.at).await;
        self.to(wish.at);
        let feature = if matches!(agent.usage, Usage::Coins) { "art" } else { "chat" };
        let mut asked: Authorize = ask(feature, wish.tokens);
        asked.settle_now = matches!(agent.usage, Usage::Now | Usage::Coins);
        asked.request.path = agent.path.parse().expect("a path");
        let [high, low] = agent.network.to_be_bytes();
        let source = Some(IpAddr::V4(Ipv4Addr::new(10, high, low, 1)));
        let caller = Caller { max_wait: Some(Span::ZERO), source, ..Caller::default() };
        self.calls += 1;
        let id = if wish.same { id.to_owned() } else { format!("{id}.{}", self.calls) };
        let command = Command::Authorize(asked);
        let answer = self.engine.run(&name("acme"), Some(&key(&id)), caller, &command).await;
        let answer = answer.expect("answers");
        let decision = match &answer.effect {
            Effect::Recorded(record) => record.event.decision().expect("decides").clone(),
            Effect::Denied(denial) => denial.decision.clone(),
            Effect::Unrecorded(counted) => counted.2.clone(),
        };
        self.seen.note(&decision, self.at);
        if let Effect::Recorded(record) = &answer.effect {
            let hold = HoldId(record.seq);
            match agent.usage {
                Usage::Now | Usage::Coins | Usage::Left => {}
                Usage::Held(ms) => drop(self.holds.insert((self.at + ms, self.calls), (hold, wish.tokens))),
                Usage::Settled(used) => drop(self.holds.insert((self.at, self.calls), (hold, used))),
            }
            self.settle(self.at).await;
        }
        let start = "2026-06-01T00:00:00Z".parse().expect("an instant");
        let told = decision.unblock.as_ref().and_then(Unblock::at);
        let retry_at = told.map(|at| at.since(start).micros().div_ceil(1_000));
        Told { at: self.at, is_allowed: decision.outcome == Outcome::Allow, retry_at }
    }

    /// Runs all agents to the end.
    async fn live(&mut self, mut agents: Vec<Agent>) {
        let mut wishes: Vec<Option<Wish>> = agents.iter_mut().map(|agent| (agent.next)(None)).collect();
        let first = |wishes: &[Option<Wish>]| {
            let coming = wishes.iter().enumerate().filter_map(|(i, wish)| Some((wish.as_ref()?.at, i)));
            coming.min().map(|(_, i)| i)
        };
        while let Some(i) = first(&wishes) {
            let wish = wishes[i].take().expect("the first");
            let told = self.ask(&agents[i], wish, &format!("c{i}")).await;
            wishes[i] = (agents[i].next)(Some(told));
        }
        self.engine.close();
    }
}

/// A caller that does not react: its requests are fixed in advance.
fn plays(path: &str, network: u16, usage: Usage, wishes: impl IntoIterator<Item = (u64, u64)>) -> Agent {
    let wishes: Vec<_> = wishes.into_iter().collect();
    let mut wishes = wishes.into_iter();
    let next = move |_| wishes.next().map(|(at, tokens)| Wish { at, tokens, same: false });
    Agent { path: path.to_owned(), network, usage, next: Box::new(next) }
}

/// Four requests in each ten seconds of a stretch of time, `per_cell` in total.
fn stretch(from: u64, long: u64, per_cell: u64) -> impl Iterator<Item = (u64, u64)> {
    (0..long / 2_500).map(move |i| (from + i * 2_500, per_cell / 4))
}

/// A worker that asks without a pause until the end; after a refusal it comes again at the time that `again` returns.
fn worker(path: &str, n: u64, until: u64, again: impl Fn(Told, u64) -> u64 + 'static) -> Agent {
    let mut tries = 0;
    let next = move |told: Option<Told>| {
        let at = match told {
            None => n * 10,
            Some(told) if told.is_allowed => {
                tries = 0;
                told.at + 100
            }
            Some(told) => {
                tries += 1;
                again(told, tries)
            }
        };
        (at < until).then_some(Wish { at, tokens: 100, same: false })
    };
    Agent { path: path.to_owned(), network: 1, usage: Usage::Now, next: Box::new(next) }
}

fn when_told(told: Told) -> u64 {
    told.retry_at.unwrap_or(told.at + MINUTE)
}

/// A number below `of`, different for each `n`.
fn spread(n: u64, of: u64) -> u64 {
    n.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(17) % of.max(1)
}

fn honest() -> Vec<(&'static str, &'static str, Vec<Agent>)> {
    let steady =
        |path: &str, day: u64| plays(path, 1, Usage::Now, stretch(day * DAY + 9 * HOUR, HOUR, FLOOR));
    let many = |n: u64, of: &dyn Fn(u64) -> Agent| (0..n).map(of).collect::<Vec<_>>();
    vec![
        ("an hour of work a day at the floor, five days", "p", many(5, &|day| steady("key:k", day))),
        (
            "a batch of 20 minutes at 8 times the floor, seven days at the same hour",
            "p",
            vec![plays(
                "key:k",
                1,
                Usage::Now,
                (0..7).flat_map(|d| stretch(d * DAY + 2 * HOUR, 20 * MINUTE, 8 * FLOOR)),
            )],
        ),
        (
            "a month-end job of 20 minutes at 6 times the floor, four months",
            "p",
            vec![plays(
                "key:k",
                1,
                Usage::Now,
                [0, 30, 61, 91].into_iter().flat_map(|d| stretch(d * DAY + 4 * HOUR, 20 * MINUTE, 6 * FLOOR)),
            )],
        ),
        (
            "a job of 20 seconds at 20 times the floor at every full hour, three days",
            "p",
            vec![plays(
                "key:k",
                1,
                Usage::Now,
                (0..72).flat_map(|h| stretch(h * HOUR, 20 * SECOND, 20 * FLOOR)),
            )],
        ),
        (
            "traffic that grows by a tenth each day, from half the floor to 100 times it",
            "p",
            vec![plays(
                "key:k",
                1,
                Usage::Now,
                (0..56).flat_map(|d: u64| {
                    let grown = (0..d).fold(FLOOR / 2, |n, _| n + n / 10);
                    stretch(d * DAY + 9 * HOUR, 10 * MINUTE, grown)
                }),
            )],
        ),
        (
            "a launch: 20 times the day before, for two hours, to twice the floor",
            "p",
            vec![plays(
                "key:k",
                1,
                Usage::Now,
                stretch(0, HOUR, FLOOR / 10).chain(stretch(DAY, 2 * HOUR, 2 * FLOOR)),
            )],
        ),
        (
            "ten workers of one key that come at the reported instant, 20 minutes",
            "limited",
            many(10, &|n| worker("key:k", n, 20 * MINUTE, |told, _| when_told(told))),
        ),
        (
            "thirty workers of one key that come up to a minute after it",
            "limited",
            many(30, &|n| {
                worker("key:k", n, HOUR, move |told, tries| {
                    when_told(told) + spread(n * 1_000 + tries, MINUTE)
                })
            }),
        ),
        (
            "ten workers whose clocks are half a second ahead, 20 minutes",
            "limited",
            many(10, &|n| {
                worker("key:k", n, 20 * MINUTE, |told, _| {
                    when_told(told).saturating_sub(500).max(told.at + SECOND)
                })
            }),
        ),
        (
            "five workers that double their pause with each refusal, from the reported one",
            "limited",
            many(5, &|n| {
                worker("key:k", n, 4 * HOUR, |told, tries| {
                    told.at + ((when_told(told) - told.at) << tries.min(10))
                })
            }),
        ),
        (
            "200 users of one key, each refused and back when told",
            "limited",
            many(200, &|n| worker(&format!("user:u{n}/key:k"), n, 5 * MINUTE, |told, _| when_told(told))),
        ),
        (
            "60 people with keys of their own behind one address",
            "p",
            many(60, &|n| {
                let wishes = (0..60).map(move |i| (i * MINUTE + n * 700, 2_000));
                plays(&format!("user:u{n}/key:k{n}"), 1, Usage::Held(20 * SECOND), wishes)
            }),
        ),
        (
            "300 people with keys of their own, each on two networks",
            "p",
            many(600, &|n| {
                let wishes = (0..6).map(move |i| (i * 10 * MINUTE + n * 900, 2_000));
                let network = u16::try_from(n).expect("small");
                plays(&format!("key:k{}", n % 300), network, Usage::Held(20 * SECOND), wishes)
            }),
        ),
        (
            "a key that travels: another network every two minutes",
            "p",
            many(120, &|n| {
                let wishes = (0..8).map(move |i| (n * 2 * MINUTE + i * 15 * SECOND, 1_000));
                plays("key:phone", u16::try_from(n).expect("small"), Usage::Held(20 * SECOND), wishes)
            }),
        ),
        (
            "long answers: held at 1,000, settled at 1,500",
            "p",
            vec![plays("key:k", 1, Usage::Settled(1_500), (0..2_000).map(|i| (i * SECOND, 1_000)))],
        ),
        (
            "a worker that dies: one of ten holds expires",
            "p",
            many(10, &|n| {
                let usage = if n == 0 { Usage::Left } else { Usage::Held(SECOND) };
                plays("key:k", 1, usage, (0..60).map(move |i| (i * MINUTE + n * 3 * SECOND, 1_000)))
            }),
        ),
        (
            "a key that spends 72 credits and 450 coins an hour, a day",
            "p",
            many(2, &|n| {
                let (usage, tokens) = if n == 0 { (Usage::Now, 200_000) } else { (Usage::Coins, 125_000) };
                plays("key:k", 1, usage, (0..8 * 360).map(move |i| (i * 10 * SECOND, tokens)))
            }),
        ),
    ]
}

/// Requests held back from honest behaviours, and the last day with any; none from all
/// others. A first batch cannot be predicted.
const HELD_BACK: [(&str, u64, u64); 2] = [
    ("a batch of 20 minutes at 8 times the floor, seven days at the same hour", 342, 1),
    ("a month-end job of 20 minutes at 6 times the floor, four months", 342, 1),
];

/// The rule that catches each hostile behaviour, and within how many seconds. Behaviour that is not caught stays
/// below the tier's allowance anyway, or is served one class lower.
const CAUGHT: [(&str, Option<(&str, u64)>); 14] = [
    ("one key used from a network more every ten seconds", Some(("shared_key", 380))),
    ("the same among 300 other keys", Some(("shared_key", 380))),
    ("authorize 1, settle 200,000, four times in ten seconds", Some(("velocity", 40))),
    ("a stolen key at 100 times the floor", Some(("velocity", 40))),
    ("a sawtooth: 20 seconds at 10 times the floor, 10 seconds of nothing", Some(("velocity", 60))),
    ("a sawtooth to twice the floor", None),
    ("a slow ramp: a third more every quarter of an hour, to 500 times the floor", None),
    ("a retry storm: every 100 ms, ignoring the reported instant", Some(("penalty", 20))),
    ("a retry storm with one idempotency key, every second", Some(("penalty", 120))),
    ("retries every two seconds, each with a key of its own", None),
    ("holds that are never settled", Some(("holds_limit", 80))),
    ("forged webhooks, reported one a second", Some(("penalty", 10))),
    ("twenty accounts of one identity ask for a free grant", Some(("free_grant_too_soon", 1))),
    (
        "twenty accounts of one identity, each in a cluster of its own once the first has its grant",
        Some(("free_grant_too_soon", 1)),
    ),
];

fn hostile() -> Vec<(&'static str, &'static str, Vec<Agent>)> {
    let many = |n: u64, of: &dyn Fn(u64) -> Agent| (0..n).map(of).collect::<Vec<_>>();
    let shared = |n: u64| {
        let wishes = (0..20).map(move |i| (n * 10 * SECOND + i * 3 * MINUTE, 100));
        plays("key:leaked", u16::try_from(n).expect("small"), Usage::Held(50 * SECOND), wishes)
    };
    vec![
        ("one key used from a network more every ten seconds", "p", many(200, &shared)),
        (
            "the same among 300 other keys",
            "p",
            many(200, &shared)
                .into_iter()
                .chain(many(300, &|n| {
                    let wishes = (0..30).map(move |i| (i * 2 * MINUTE + n * 400, 100));
                    plays(&format!("key:k{n}"), 1, Usage::Held(SECOND), wishes)
                }))
                .collect(),
        ),
        (
            "authorize 1, settle 200,000, four times in ten seconds",
            "p",
            vec![plays("key:k", 1, Usage::Settled(200_000), (0..400).map(|i| (i * 2_500, 1)))],
        ),
        (
            "a stolen key at 100 times the floor",
            "p",
            vec![plays("key:k", 1, Usage::Now, stretch(0, HOUR, 100 * FLOOR))],
        ),
        (
            "a sawtooth: 20 seconds at 10 times the floor, 10 seconds of nothing",
            "p",
            vec![plays(
                "key:k",
                1,
                Usage::Now,
                (0..60).flat_map(|i| stretch(i * 30 * SECOND, 20 * SECOND, 10 * FLOOR)),
            )],
        ),
        (
            "a sawtooth to twice the floor",
            "p",
            vec![plays(
                "key:k",
                1,
                Usage::Now,
                (0..60).flat_map(|i| stretch(i * 30 * SECOND, 20 * SECOND, 2 * FLOOR)),
            )],
        ),
        (
            "a slow ramp: a third more every quarter of an hour, to 500 times the floor",
            "p",
            vec![plays(
                "key:k",
                1,
                Usage::Now,
                (0..24).flat_map(|q: u32| {
                    let per_cell = FLOOR * 4_u64.pow(q.min(20)) / 3_u64.pow(q.min(20));
                    (0..90).map(move |i| (u64::from(q) * 15 * MINUTE + i * 10 * SECOND, per_cell))
                }),
            )],
        ),
        (
            "a retry storm: every 100 ms, ignoring the reported instant",
            "limited",
            many(1, &|n| worker("key:k", n, 10 * MINUTE, |told, _| told.at + 100)),
        ),
        (
            "a retry storm with one idempotency key, every second",
            "limited",
            vec![worker("key:k", 0, 10 * MINUTE, |told, _| when_told(told)), {
                let mut at = 0;
                let next = move |_| {
                    at += SECOND;
                    (at < 10 * MINUTE).then_some(Wish { at, tokens: 100, same: true })
                };
                Agent { path: "key:k".to_owned(), network: 1, usage: Usage::Now, next: Box::new(next) }
            }],
        ),
        (
            "retries every two seconds, each with a key of its own",
            "limited",
            many(1, &|n| worker("key:k", n, HOUR, |told, _| told.at + 2 * SECOND)),
        ),
        (
            "holds that are never settled",
            "p",
            vec![plays("key:k", 1, Usage::Left, (0..1_200).map(|i| (i * SECOND, 1_000)))],
        ),
    ]
}

/// The page that states the figures.
const PAGE: &str = include_str!("../../../../docs/abuse.md");

#[track_caller]
fn is_stated(row: &str) {
    assert!(PAGE.contains(row), "docs/abuse.md does not say: {row}");
}

#[tokio::test(flavor = "multi_thread")]
async fn honest_behaviours_are_left_alone() {
    for (what, plan, agents) in honest() {
        let mut w = World::new(plan).await;
        w.live(agents).await;
        let Seen { asked, held, days, demoted, caught, .. } = w.seen;
        let wanted = HELD_BACK.iter().find(|row| row.0 == what).map_or((0, 0), |row| (row.1, row.2));
        let last = days.last().copied().unwrap_or(0);
        assert_eq!((held, last), wanted, "{what}: {caught:?}");
        let when = if held == 0 { String::new() } else { " on its first day".to_owned() };
        is_stated(&format!("| {what} | {asked} | {held}{when} | {demoted} |"));
    }
}

/// A rule, and the seconds until it refused.
fn row(what: &str, caught: Option<(String, u64)>) {
    let (_, wanted) = CAUGHT.iter().find(|row| row.0 == what).expect(what);
    match (&caught, wanted) {
        (Some((rule, secs)), Some((wanted, within))) => {
            assert!(rule == wanted && secs <= within, "{what}: {rule} after {secs} s");
        }
        (caught, wanted) => assert_eq!(caught.is_some(), wanted.is_some(), "{what}: {caught:?}"),
    }
    let (rule, when) =
        caught.map_or(("-".to_owned(), "-".to_owned()), |(rule, s)| (format!("`{rule}`"), format!("{s} s")));
    is_stated(&format!("| {what} | {rule} | {when} |"));
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_behaviours_are_caught() {
    for (what, plan, agents) in hostile() {
        let mut w = World::new(plan).await;
        w.live(agents).await;
        row(what, w.seen.caught.map(|(at, rule)| (rule, at / SECOND)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn forgers_are_caught() {
    let mut w = World::new("limited").await;
    let agent = plays("key:k", 1, Usage::Now, []);
    for second in 0..60 {
        let forged = key(&format!("f{second}"));
        w.engine
            .report(&name("acme"), &forged, Misdeed::ForgedWebhook, Some(&name("k")))
            .await
            .expect("notes");
        let wish = Wish { at: second * SECOND, tokens: 1, same: false };
        w.ask(&agent, wish, "c").await;
    }
    row("forged webhooks, reported one a second", w.seen.caught.map(|(at, rule)| (rule, at / SECOND)));
}

/// Twenty accounts of one identity. With `hops`, the first takes its grant, and
/// then each moves into its own cluster, twice.
async fn free_grants(hops: bool) -> usize {
    let w = World::new("p").await;
    let in_cluster = |cluster: &str| {
        let rank = Rank { class: None, cluster: Some(name(cluster)), weight: 1, floor: 0, max: None };
        Patch { plan: Some(name("p")), rank: Setting::Set(Box::new(rank)), ..Patch::default() }
    };
    for n in 0..20 {
        run(&w.engine, &name(&format!("a{n}")), &key("o"), Command::Open(in_cluster("card")))
            .await
            .expect("opens");
    }
    let mut given = 0;
    for n in 0..20 {
        let account = name(&format!("a{n}"));
        for hop in 0..3 {
            if hops && (n, hop) > (0, 0) {
                let change = Command::Change { patch: in_cluster(&format!("card-{n}-{hop}")), reason: None };
                run(&w.engine, &account, &key(&format!("h{hop}")), change).await.expect("moves");
            }
            let new = NewGrant::new("5".parse().expect("credits"), Category::Free);
            given += usize::from(
                run(&w.engine, &account, &key(&format!("g{hop}")), Command::Grant(new)).await.is_ok(),
            );
        }
    }
    given
}

#[tokio::test(flavor = "multi_thread")]
async fn an_identity_has_one_free_grant_wherever_it_goes() {
    for (what, hops) in [
        ("twenty accounts of one identity ask for a free grant", false),
        ("twenty accounts of one identity, each in a cluster of its own once the first has its grant", true),
    ] {
        assert_eq!(free_grants(hops).await, 1, "{what}");
        row(what, Some(("free_grant_too_soon".to_owned(), 0)));
    }
}
