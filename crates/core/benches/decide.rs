//! `cargo bench -p headworks-core`: the decision alone, over a million warm accounts in random order.
//!
//! Each call is timed by itself; the timer's own cost, printed beside, is part of every figure. `-- policies` measures only what
//! overrides and sizes add, as ratios taken in turns on accounts that stay in cache.

use std::hint::black_box;
use std::time::Instant as StdInstant;

use headworks_core::account::Account;
use headworks_core::capacity::Offer;
use headworks_core::catalog::{Catalog, Format};
use headworks_core::command::{Command, History, NewFigure, NewGrant, NewOverride, Patch, Step, run};
use headworks_core::record::{Category, Figure, Instant, Name, Path};
use headworks_core::waterfall::{Authorize, Context, Live, Request, prepare};

const CATALOG: &str = r#"
version = "bench"
[meters]
tokens = { unit = "token" }
[features.chat]
meters = ["tokens"]
rate_card = "card"
[[rate_cards.card]]
effective_from = "2020-01-01T00:00:00Z"
prices = [{ feature = "chat", per = 1_000_000, credits = { tokens = "1.875" } }]
[plans.p]
features = ["chat"]
waterfall = [
  { allowance = { name = "included", windows = [{ name = "five_hours", window.first_use = { limit = "0.001", length = "5h" } }] } },
  { grants = { name = "credits" } },
]
"#;

/// Rules that look at every request.
const RULES: &str = r#"
[abuse.rules]
velocity = "enforce"
ramp = "enforce"
holds = "enforce"
penalty = "enforce"
"#;

/// Guards of a feature that nobody asks for: limits to override.
const GUARDS: &str = r#"
guards = [
  { name = "g1", features = ["other"], window.rate = { limit = 60, period = "1m" } },
  { name = "g2", features = ["other"], window.rate = { limit = 60, period = "1m" } },
  { name = "g3", features = ["other"], window.rate = { limit = 60, period = "1m" } },
  { name = "g4", features = ["other"], window.rate = { limit = 60, period = "1m" } },
  { name = "g5", features = ["other"], window.rate = { limit = 60, period = "1m" } },
  { name = "g6", features = ["other"], window.rate = { limit = 60, period = "1m" } },
  { name = "g7", features = ["other"], window.rate = { limit = 60, period = "1m" } },
  { name = "g8", features = ["other"], window.rate = { limit = 60, period = "1m" } },
]
[features.other]
meters = ["tokens"]
rate_card = "card"
"#;

const SIZES: &str = r#"
[features.chat.sizes.context]
count = ["tokens"]
steps = [{ above = 50, value = "s" }, { above = 1_000, value = "m" }, { above = 20_000, value = "l" }]
"#;

const SIZE_PRICES: &str = r#"
  { feature = "chat", when = { context = "s" }, per = 1_000_000, credits = { tokens = "1.875" } },
  { feature = "chat", when = { context = "m" }, per = 1_000_000, credits = { tokens = "2.5" } },
  { feature = "chat", when = { context = "l" }, per = 1_000_000, credits = { tokens = "3.75" } },
"#;

const ACCOUNTS: u32 = 1_000_000;
const CALLS: usize = 2_000_000;
const ROUNDS: usize = 5_000;

fn name(text: &str) -> Name {
    Name::new(text).unwrap_or_else(|e| panic!("{text}: {e}"))
}

fn append(account: &mut Account, catalog: &Catalog, now: Instant, command: &Command) {
    let step = run(Context::new(account, catalog, now), command, &History::new());
    let Ok(Step::Append(draft)) = step else { panic!("it is allowed: {step:?}") };
    let record = draft.into_record(account, now, None, None);
    account.apply(&record, [0; 32]).unwrap_or_else(|e| panic!("{e}"));
}

fn account(catalog: &Catalog, n: u32, now: Instant) -> Account {
    let mut account = Account::empty(name(&format!("account-{n}")));
    let open = Patch { plan: Some(name("p")), ..Patch::default() };
    append(&mut account, catalog, now, &Command::Open(open));
    let grant = NewGrant::new("1000".parse().unwrap_or_default(), Category::Purchased);
    append(&mut account, catalog, now, &Command::Grant(grant));
    // A part of the allowance is used, so that its window is open.
    let used = Authorize { settle_now: true, ..ask(100) };
    append(&mut account, catalog, now, &Command::Authorize(used));
    account
}

fn ask(tokens: u64) -> Authorize {
    Authorize::new(Request::new(name("chat"), [(name("tokens"), tokens)]))
}

/// The median, the 99th and the 99.9th percentile in nanoseconds.
fn percentiles(mut nanos: Vec<u32>) -> [u32; 3] {
    nanos.sort_unstable();
    [500, 990, 999].map(|p| nanos.get(nanos.len() * p / 1_000).copied().unwrap_or(0))
}

fn nanos(started: StdInstant) -> u32 {
    u32::try_from(started.elapsed().as_nanos()).unwrap_or(u32::MAX)
}

/// Times `call` on accounts in random order and prints a row.
fn measure<'a, T>(what: &str, accounts: &'a [Account], call: impl Fn(&'a Account) -> T, check: impl Fn(T)) {
    let mut random = 1_u64;
    let mut times = Vec::with_capacity(CALLS);
    for _ in 0..CALLS {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let at = usize::try_from(random >> 33).unwrap_or(0) % accounts.len();
        let Some(account) = accounts.get(at) else { continue };
        let started = StdInstant::now();
        let made = call(black_box(account));
        black_box(&made);
        times.push(nanos(started));
        check(made);
    }
    let [p50, p99, p999] = percentiles(times);
    println!("{what:<44} p50 {p50:>5} ns, p99 {p99:>5} ns, p99.9 {p999:>5} ns");
}

/// Overrides ten limits: the one that requests draw on, the factor, and eight that do not concern them.
fn override_limits(account: &mut Account, catalog: &Catalog, now: Instant) {
    let guards = (1..=8).map(|n| (format!("g{n}"), 600));
    let own = [("included.five_hours".to_owned(), 2_000_000), ("price_factor".to_owned(), 1_000_000_000)];
    for (limit, figure) in guards.chain(own) {
        let new = NewOverride {
            limit: name(&limit),
            path: Path::default(),
            figure: NewFigure::Recorded(Figure::Limit(figure), None),
            until: None,
            reason: None,
        };
        append(account, catalog, now, &Command::Override(new));
    }
}

/// What overrides and sizes add to a decision.
fn policies(now: Instant) {
    let plain = format!("{CATALOG}{GUARDS}");
    let plain = plain.replace("feature = \"chat\"", "feature = [\"chat\", \"other\"]");
    let plain = plain.replace("features = [\"chat\"]", "features = [\"chat\", \"other\"]");
    let sized = plain.replace("prices = [", &format!("prices = [{SIZE_PRICES}")) + SIZES;
    let rows = [
        ("one allowance", &plain, false),
        ("and 10 overrides", &plain, true),
        ("and 3 sizes", &sized, false),
        ("and both", &sized, true),
    ];
    let mut made = rows.map(|(what, text, overrides)| {
        let catalog = Catalog::parse(text, Format::Toml).unwrap_or_else(|e| panic!("{e}"));
        let mut accounts: Vec<Account> = (0..200).map(|n| account(&catalog, n, now)).collect();
        if overrides {
            accounts.iter_mut().for_each(|a| override_limits(a, &catalog, now));
        }
        (what, catalog, accounts, Vec::with_capacity(ROUNDS))
    });
    let ask = ask(200);
    for _ in 0..ROUNDS {
        for (_, catalog, accounts, times) in &mut made {
            let started = StdInstant::now();
            for account in accounts.iter() {
                let ctx = Context::new(account, catalog, now);
                let decided = prepare(ctx, black_box(&ask)).and_then(|r| r.decide(ctx).map(|(_, d)| d));
                assert!(black_box(decided).is_ok_and(|d| d.outcome.is_granted()), "it is allowed");
            }
            times.push(nanos(started) / 200);
        }
    }
    let mut first = None;
    for (what, _, _, times) in made {
        let [p50, ..] = percentiles(times);
        let percent = p50 * 100 / *first.get_or_insert(p50).max(&mut 1);
        println!("decide, {what:<36} p50 {p50:>5} ns, {percent:>3} % of the first (bar: 150 %)");
    }
}

fn main() {
    if std::env::args().any(|argument| argument == "policies") {
        return policies(Instant::from_micros(1_790_000_000_000_000));
    }
    let catalog = Catalog::parse(CATALOG, Format::Toml).unwrap_or_else(|e| panic!("{e}"));
    let now = Instant::from_micros(1_790_000_000_000_000);
    let accounts: Vec<Account> = (0..ACCOUNTS).map(|n| account(&catalog, n, now)).collect();
    measure("the timer alone", &accounts, |_| (), |()| ());
    // What the machine's memory alone costs: no decision on these accounts can be faster.
    measure("one read of one of 10^6 accounts", &accounts, |a| a.seq, |_| ());
    // What a supply that has room adds: an offer to compare and a visit to explain.
    let offer = [Offer {
        supply: name("model"),
        class: name("default"),
        fits: true,
        used: 3,
        cost: 200,
        in_flight: 1,
        revocable: false,
        too_large: false,
        at: None,
    }];
    // 200 tokens fit the allowance; 2,000 take the rest of it and slide into the grant.
    let decide = |what, accounts: &[Account], catalog: &Catalog, tokens, offers: &[Offer]| {
        let ask = ask(tokens);
        let in_cache = accounts.get(..200).unwrap_or(accounts);
        for (of, accounts) in [("10^6 accounts", accounts), ("200 accounts", in_cache)] {
            measure(
                &format!("decide, {what}, {of}"),
                accounts,
                |account| {
                    let live = Some(Live { offers, penalty: 0 });
                    let ctx = Context { live, ..Context::new(account, catalog, now) };
                    prepare(ctx, black_box(&ask)).and_then(|ready| ready.decide(ctx).map(|(_, d)| d))
                },
                |decision| assert!(decision.is_ok_and(|d| d.outcome.is_granted()), "it is allowed"),
            );
        }
    };
    decide("one allowance", &accounts, &catalog, 200, &[]);
    decide("allowance and grant", &accounts, &catalog, 2_000, &[]);
    decide("one allowance, in a supply", &accounts, &catalog, 200, &offer);
    drop(accounts);
    let catalog =
        Catalog::parse(&format!("{CATALOG}{RULES}"), Format::Toml).unwrap_or_else(|e| panic!("{e}"));
    let accounts: Vec<Account> = (0..ACCOUNTS).map(|n| account(&catalog, n, now)).collect();
    decide("one allowance, abuse rules", &accounts, &catalog, 200, &[]);
    policies(now);
    println!("bar: decide over 10^6 accounts p50 300 ns");
}
