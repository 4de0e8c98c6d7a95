//! Real clients under abuse rules: every window of a table of client windows (ServeGen), decided in simulated time, beside
//! a limit that is the same for everybody.
//!
//! Windows of more than [`PARTS`] requests are requested in that many parts. Each client is an account of its own.

#![allow(
    clippy::float_arithmetic,
    clippy::as_conversions,
    reason = "ratios for people; nothing here is owed"
)]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use headworks_core::capacity::Offer;
use headworks_core::catalog::{Catalog, Format, TierTerms};
use headworks_core::command::Step;
use headworks_core::record::{Category, Decision, Instant, Name, Rule, Tier, Verdict, VisitKind};
use headworks_core::waterfall::{Authorize, Request};
use headworks_terminal::Failed;
use indicatif::{ProgressBar, ProgressStyle};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use serde::Serialize;

use super::member::Member;
use super::traffic::{Client, name};
use super::windows::{self, Lengths, Row};
use super::world::instant;

/// The most parts that a window is requested in: ten for each cell of the velocity rule.
const PARTS: u64 = 600;
const SEED: u64 = 1;

/// The outcome of the windows under a policy.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Held {
    pub(crate) policy: String,
    pub(crate) clients: u64,
    /// Windows in which a client asked for something.
    pub(crate) windows: u64,
    /// Windows that were blocked completely.
    pub(crate) blocked: u64,
    /// Windows that were blocked in part.
    pub(crate) clamped: u64,
    /// Clients that had such a window.
    pub(crate) clients_clamped: u64,
    /// Clamps that began.
    pub(crate) clamps: u64,
    pub(crate) requests: u64,
    /// Requests that were refused.
    pub(crate) held_off: u64,
    /// Requests that were served one class lower.
    pub(crate) demoted: u64,
    /// Requests refused, by reason.
    pub(crate) reasons: BTreeMap<&'static str, u64>,
}

impl Held {
    fn add(&mut self, other: &Self) {
        self.clients += other.clients;
        self.windows += other.windows;
        self.blocked += other.blocked;
        self.clamped += other.clamped;
        self.clients_clamped += u64::from(other.clamped > 0);
        self.clamps += other.clamps;
        self.requests += other.requests;
        self.held_off += other.held_off;
        self.demoted += other.demoted;
        for (reason, n) in &other.reasons {
            *self.reasons.entry(reason).or_default() += n;
        }
    }
}

/// The windows of one client of one model, in order.
struct OneClient {
    name: Name,
    rows: Vec<Row>,
    lengths: Arc<Lengths>,
}

/// The tables of client windows and of their lengths, as text.
pub(crate) struct Tables {
    pub(crate) windows: String,
    pub(crate) lengths: String,
}

impl Tables {
    /// The clients of one model or of all, those with most windows first, so that the last to end are small.
    fn clients(&self, model: Option<&str>) -> Result<Vec<OneClient>, Failed> {
        let mut clients: BTreeMap<(String, String), OneClient> = BTreeMap::new();
        let mut lengths: BTreeMap<String, Arc<Lengths>> = BTreeMap::new();
        for row in windows::rows(&self.windows)? {
            if model.is_some_and(|model| model != row.model) {
                continue;
            }
            let of_model = match lengths.get(&row.model) {
                Some(known) => Arc::clone(known),
                None => {
                    let read = Arc::new(Lengths::parse(&self.lengths, &row.model)?);
                    lengths.insert(row.model.clone(), Arc::clone(&read));
                    read
                }
            };
            let own = name(&format!("{}-{}", row.model, row.client))?;
            let client = clients.entry((row.model.clone(), row.client.clone()));
            client.or_insert(OneClient { name: own, rows: Vec::new(), lengths: of_model }).rows.push(row);
        }
        let mut clients: Vec<OneClient> = clients.into_values().collect();
        clients.sort_by_key(|client| std::cmp::Reverse(client.rows.len()));
        if clients.is_empty() { Err("the table has no windows of this model".into()) } else { Ok(clients) }
    }
}

const PRICES: &str = r#"
default_plan = "api"
[meters]
input_tokens = { unit = "token" }
output_tokens = { unit = "token" }
[supplies.model]
rate = 1_000_000_000
classes = { default = { priority = 0 }, later = { priority = 1 } }
[features.chat]
meters = ["input_tokens", "output_tokens"]
rate_card = "standard"
supply = "model"
[[rate_cards.standard]]
effective_from = "2020-01-01T00:00:00Z"
prices = [{ feature = "chat", per = 1_000_000, credits = { input_tokens = "0.5", output_tokens = "2" } }]
[plans.api]
features = ["chat"]
waterfall = [{ grants = { name = "credits" } }]
"#;

/// The policies to compare: the rules of a tier, and their floor as a limit that is the same for everybody.
fn policies(tier: Tier) -> Result<[(String, Catalog); 2], Failed> {
    let catalog = |version: &str, rest: &str| {
        let text = format!("version = \"{version}\"\n{PRICES}{rest}\n");
        Catalog::parse(&text, Format::Toml).map_err(|problems| Failed::from(format!("{problems}\n{text}")))
    };
    let words = tier.as_str();
    let rules = "rules = { velocity = \"enforce\", ramp = \"enforce\", key_spend = \"enforce\", penalty = \"enforce\" }";
    let a_minute = TierTerms::usual(tier).velocity_floor * 6;
    let guard = format!(
        "guards = [{{ name = \"tpm\", count = [\"input_tokens\", \"output_tokens\"], \
         window.rate = {{ limit = {a_minute}, period = \"1m\", burst = {a_minute} }} }}]"
    );
    Ok([
        (
            format!("rules, tier {words}"),
            catalog("rules", &format!("[abuse]\ndefault_tier = \"{words}\"\n{rules}"))?,
        ),
        ("the rules' floor as a static limit".to_owned(), catalog("static", &guard)?),
    ])
}

/// Every window of the tables against the rules of a tier, and against a static limit of the rules' floor.
pub(crate) fn measure(tables: &Tables, model: Option<&str>, tier: Tier) -> Result<Vec<Held>, Failed> {
    let (clients, policies) = (tables.clients(model)?, policies(tier)?);
    let progress = ProgressBar::new(clients.len() as u64);
    progress.set_style(ProgressStyle::with_template("{bar:40} {pos} of {len} clients, {eta} left")?);
    let named = policies.each_ref().map(|(policy, _)| Held { policy: policy.clone(), ..Held::default() });
    let (next, total) = (AtomicUsize::new(0), Mutex::new(named));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let one = || -> Result<(), Failed> {
        while let Some(client) = clients.get(next.fetch_add(1, Ordering::Relaxed)) {
            let found = run(&policies, client)?;
            let mut total = total.lock().unwrap_or_else(PoisonError::into_inner);
            total.iter_mut().zip(&found).for_each(|(total, found)| total.add(found));
            progress.inc(1);
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(one)).collect();
        running.into_iter().try_for_each(|t| t.join().map_err(|_| Failed::from("a thread panicked"))?)
    })?;
    progress.finish_and_clear();
    Ok(total.into_inner().unwrap_or_else(PoisonError::into_inner).to_vec())
}

/// One client under one policy.
struct Trial<'a> {
    catalog: &'a Catalog,
    member: Member,
    held: Held,
    /// Requests of the current window.
    let_through: u64,
    held_off: u64,
}

impl<'a> Trial<'a> {
    fn new(catalog: &'a Catalog, client: &OneClient) -> Result<Self, Failed> {
        let mut member = Member::open(catalog, &Client::new(client.name.clone()), instant(0))?;
        let credits = "9000000000".parse().map_err(|_| "an amount")?;
        member.grant(catalog, credits, Category::Free, instant(0))?;
        let held = Held { clients: 1, ..Held::default() };
        Ok(Self { catalog, member, held, let_through: 0, held_off: 0 })
    }

    /// Asks for `n` requests at once.
    fn ask(&mut self, ask: &Authorize, n: u64, offers: &[Offer], at: Instant) -> Result<(), Failed> {
        match self.member.decide(self.catalog, ask, offers, at)? {
            Step::Deny(_, decision) => {
                self.held_off += n;
                *self.held.reasons.entry(decision.reason.as_str()).or_default() += n;
            }
            Step::Append(draft) => {
                self.let_through += n;
                if draft.event.decision().is_some_and(is_demoted) {
                    self.held.demoted += n;
                }
                self.member.append(self.catalog, *draft, at)?;
            }
            Step::Count(..) | Step::Needs(_) => {
                return Err("the feature is recorded and has its offers".into());
            }
        }
        Ok(())
    }

    fn close_window(&mut self) {
        let (let_through, held_off) =
            (std::mem::take(&mut self.let_through), std::mem::take(&mut self.held_off));
        let held = &mut self.held;
        held.requests += let_through + held_off;
        held.held_off += held_off;
        held.windows += u64::from(let_through + held_off > 0);
        held.blocked += u64::from(let_through == 0 && held_off > 0);
        held.clamped += u64::from(held_off > 0);
    }

    fn finish(mut self) -> Held {
        let clamps = self.member.effects.iter().filter(|effect| effect.rule == Rule::Velocity);
        self.held.clamps = clamps.count() as u64;
        self.held
    }
}

/// One client's windows, drawn once, under each policy.
fn run(policies: &[(String, Catalog); 2], client: &OneClient) -> Result<Vec<Held>, Failed> {
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    let trials = policies.iter().map(|(_, catalog)| Trial::new(catalog, client));
    let mut trials = trials.collect::<Result<Vec<_>, _>>()?;
    let offers = [offer()?];
    for row in &client.rows {
        for (at, n) in windows::arrivals(row, PARTS, &mut rng)? {
            let at = instant(((row.t_s as f64 + at) * 1e6) as u64);
            let ask = ask(client.lengths.draw_many(row, n, &mut rng))?;
            trials.iter_mut().try_for_each(|trial| trial.ask(&ask, n, &offers, at))?;
        }
        trials.iter_mut().for_each(Trial::close_window);
    }
    Ok(trials.into_iter().map(Trial::finish).collect())
}

fn is_demoted(decision: &Decision) -> bool {
    let name = Rule::Ramp.name();
    decision
        .visits
        .iter()
        .any(|v| v.kind == VisitKind::Abuse && v.name == name && v.verdict == Verdict::Demoted)
}

fn ask((input, output): (u64, u64)) -> Result<Authorize, Failed> {
    Ok(Authorize {
        settle_now: true,
        ..Authorize::new(Request {
            path: "key:only".parse().map_err(|_| "a path")?,
            consented: true,
            ..Request::new(name("chat")?, [(name("input_tokens")?, input), (name("output_tokens")?, output)])
        })
    })
}

/// A supply that has room for everything.
fn offer() -> Result<Offer, Failed> {
    Ok(Offer {
        supply: name("model")?,
        class: name("default")?,
        fits: true,
        used: 0,
        cost: 0,
        in_flight: 0,
        revocable: false,
        too_large: false,
        at: None,
    })
}
