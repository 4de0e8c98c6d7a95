//! Real clients under abuse rules: every window of a table of client windows (ServeGen), decided in simulated time, beside
//! a limit that is the same for everybody.
//!
//! Windows of more than [`PARTS`] requests are asked for in that many parts. Each client is an account of its own.

#![allow(
    clippy::float_arithmetic,
    clippy::as_conversions,
    reason = "ratios for people; nothing here is owed"
)]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use headworks_core::abuse::{Rule, Tier};
use headworks_core::capacity::Offer;
use headworks_core::catalog::{Catalog, Format};
use headworks_core::decision::{Decision, Place, Verdict};
use headworks_core::ledger::Category;
use headworks_core::name::Name;
use headworks_core::operation::{Authorize, Decided, Request};
use headworks_core::replay::decision_of;
use headworks_core::time::Instant;
use indicatif::{ProgressBar, ProgressStyle};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use serde::Serialize;

use super::member::Member;
use super::trace::{Client, name, text};
use super::windows::{self, Lengths, Row};
use super::world::instant;
use crate::bench::Failed;

/// Most parts that a window is asked for in: ten for each cell of the velocity rule.
const PARTS: u64 = 600;
const SEED: u64 = 1;

/// What a policy made of the windows.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Held {
    pub(crate) policy: String,
    pub(crate) clients: u64,
    /// Windows in which a client asked for something.
    pub(crate) windows: u64,
    /// Windows of which nothing was let through.
    pub(crate) blocked: u64,
    /// Windows of which something was held off.
    pub(crate) clamped: u64,
    /// Clients that had such a window.
    pub(crate) clients_clamped: u64,
    /// Clamps that began.
    pub(crate) clamps: u64,
    pub(crate) requests: u64,
    /// Requests that were held off.
    pub(crate) held_off: u64,
    /// Requests that were served one class lower.
    pub(crate) demoted: u64,
    /// Requests held off, by reason.
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
}

/// The tables of client windows and of their lengths.
pub(crate) struct Tables<'a> {
    pub(crate) windows: &'a Path,
    pub(crate) lengths: &'a Path,
    /// Only this model.
    pub(crate) model: Option<&'a str>,
}

/// A rule set, or a limit of its floor that is the same for everybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Policy {
    Rules,
    Static,
}

const PRICES: &str = r#"
default_plan = "api"
[meters]
input_tokens = { unit = "token" }
output_tokens = { unit = "token" }
[pools.model]
rate = 1_000_000_000
classes = { default = { priority = 0 }, later = { priority = 1 } }
[features.chat]
meters = ["input_tokens", "output_tokens"]
rate_card = "standard"
pool = "model"
[[rate_cards.standard]]
effective_from = "2020-01-01T00:00:00Z"
prices = [{ feature = "chat", per = 1_000_000, credits = { input_tokens = "0.5", output_tokens = "2" } }]
[plans.api]
features = ["chat"]
waterfall = [{ grants = { name = "credits" } }]
"#;

fn catalog(policy: Policy, tier: Tier) -> Result<Catalog, Failed> {
    let text = match policy {
        Policy::Rules => format!(
            "version = \"rules\"\n{PRICES}[abuse]\ndefault_tier = \"{}\"\n\
             rules = {{ velocity = \"enforce\", ramp = \"enforce\", key_spend = \"enforce\", penalty = \"enforce\" }}\n",
            tier.as_str()
        ),
        Policy::Static => {
            let floor = headworks_core::abuse::TierTerms::usual(tier).velocity_floor;
            let each = "count = [\"input_tokens\", \"output_tokens\"]";
            format!(
                "version = \"static\"\n{PRICES}guards = [{{ name = \"tpm\", {each}, \
                 window.rate = {{ limit = {}, period = \"1m\", burst = {} }} }}]\n",
                floor * 6,
                floor * 6
            )
        }
    };
    Catalog::parse(&text, Format::Toml).map_err(|problems| format!("{problems}\n{text}").into())
}

/// Every window of the tables against the rules of a tier, and against a static limit of the rules' floor.
pub(crate) fn measure(tables: &Tables<'_>, tier: Tier) -> Result<Vec<Held>, Failed> {
    let mut by_model: BTreeMap<String, Vec<OneClient>> = BTreeMap::new();
    for row in windows::rows(&text(tables.windows)?)? {
        if tables.model.is_some_and(|model| model != row.model) {
            continue;
        }
        let clients = by_model.entry(row.model.clone()).or_default();
        match clients.last_mut().filter(|c| c.rows.first().is_some_and(|r| r.client == row.client)) {
            Some(client) => client.rows.push(row),
            None => clients
                .push(OneClient { name: name(&format!("{}-{}", row.model, row.client))?, rows: vec![row] }),
        }
    }
    let lengths = text(tables.lengths)?;
    let mut work = Vec::new();
    for (model, clients) in by_model {
        let lengths = std::sync::Arc::new(Lengths::parse(&lengths, &model)?);
        work.extend(clients.into_iter().map(|client| (client, std::sync::Arc::clone(&lengths))));
    }
    if work.is_empty() {
        return Err(format!("{}: no windows of this model", tables.windows.display()).into());
    }
    // The largest first, so that the last to end are small.
    work.sort_by_key(|(client, _)| std::cmp::Reverse(client.rows.len()));
    let policies = [Policy::Rules, Policy::Static];
    let catalogs = [catalog(Policy::Rules, tier)?, catalog(Policy::Static, tier)?];
    let progress = ProgressBar::new(work.len() as u64);
    progress.set_style(ProgressStyle::with_template("{bar:40} {pos} of {len} clients, {eta} left")?);
    let (next, total) = (AtomicUsize::new(0), Mutex::new([Held::default(), Held::default()]));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let one = || -> Result<(), Failed> {
        while let Some((client, lengths)) = work.get(next.fetch_add(1, Ordering::Relaxed)) {
            let found = [run(&catalogs[0], client, lengths)?, run(&catalogs[1], client, lengths)?];
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
    let total = total.into_inner().unwrap_or_else(PoisonError::into_inner);
    let named = total.into_iter().zip(policies).map(|(held, policy)| {
        let words = match policy {
            Policy::Rules => format!("rules, tier {}", tier.as_str()),
            Policy::Static => "the rules' floor as a static limit".to_owned(),
        };
        Held { policy: words, ..held }
    });
    Ok(named.collect())
}

/// One client's windows against one catalog.
fn run(catalog: &Catalog, client: &OneClient, lengths: &Lengths) -> Result<Held, Failed> {
    let mut rng = ChaCha8Rng::seed_from_u64(SEED);
    let mut member = Member::open(catalog, &Client::new(client.name.clone()), instant(0))?;
    let credits = "9000000000".parse().map_err(|_| "an amount")?;
    member.grant(catalog, credits, Category::Free, instant(0))?;
    let mut held = Held { clients: 1, ..Held::default() };
    for row in &client.rows {
        let (mut let_through, mut held_off) = (0, 0);
        for (at, n) in windows::arrivals(row, PARTS, &mut rng)? {
            let at = instant(((row.t_s as f64 + at) * 1e6) as u64);
            let ask = ask(lengths.draw_many(row, n, &mut rng))?;
            match member.decide(catalog, &ask, &[offer()?], at)? {
                Decided::Denied(_, decision) => {
                    held_off += n;
                    *held.reasons.entry(decision.reason.as_str()).or_default() += n;
                }
                Decided::Counted(..) => return Err("the feature is recorded".into()),
                Decided::Granted(draft) => {
                    let_through += n;
                    if decision_of(&draft.event).is_some_and(is_demoted) {
                        held.demoted += n;
                    }
                    member.append(catalog, *draft, at)?;
                }
            }
        }
        held.requests += let_through + held_off;
        held.held_off += held_off;
        held.windows += u64::from(let_through + held_off > 0);
        held.blocked += u64::from(let_through == 0 && held_off > 0);
        held.clamped += u64::from(held_off > 0);
    }
    held.clamps = member.effects.iter().filter(|effect| effect.rule == Rule::Velocity).count() as u64;
    Ok(held)
}

fn is_demoted(decision: &Decision) -> bool {
    let name = Rule::Ramp.name();
    decision.visits.iter().any(|v| v.place == Place::Abuse && v.name == name && v.verdict == Verdict::Demoted)
}

fn ask((input, output): (u64, u64)) -> Result<Authorize, Failed> {
    Ok(Authorize {
        request: Request {
            feature: name("chat")?,
            path: "key:only".parse().map_err(|_| "a path")?,
            dimensions: Default::default(),
            quantities: [(name("input_tokens")?, input), (name("output_tokens")?, output)]
                .into_iter()
                .collect(),
            consented: true,
        },
        minimum: None,
        life: None,
        settle_now: true,
    })
}

/// A pool that has room for everything.
fn offer() -> Result<Offer, Failed> {
    Ok(Offer {
        pool: name("model")?,
        class: name("default")?,
        fits: true,
        used: 0,
        cost: 0,
        in_flight: 0,
        revocable: false,
        too_large: false,
        at: None::<Instant>,
    })
}
