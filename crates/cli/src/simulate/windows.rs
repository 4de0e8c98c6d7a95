//! Requests from a table of client windows (ServeGen): each row says how fast one client asked in 600 seconds, and how its
//! inter-arrival times were distributed.
//!
//! By the published recipe: inter-arrivals from the window's fit, rescaled to the window; one uniform draw for each request
//! sets both of its lengths. The same seed gives the same requests.
//! Source: Xiang et al., ServeGen, NSDI 2026; alibaba/ServeGen.

#![allow(
    clippy::float_arithmetic,
    clippy::as_conversions,
    reason = "times and lengths drawn at random; nothing is owed"
)]

use std::collections::{BTreeMap, HashMap};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use rand_distr::{Distribution, Gamma, StandardUniform, Weibull};
use serde::Deserialize;

use super::trace::{Client, Traced, Traffic, name};
use crate::bench::Failed;

/// The length of a row, in seconds.
const WINDOW_S: f64 = 600.0;
/// Input and output tokens of clients whose lengths are not known.
const USUAL: (u64, u64) = (512, 256);
/// Most requests of one simulation.
const REQUESTS_MAX: usize = 20_000_000;

/// Which rows to take.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cut<'a> {
    /// The model; needed when the table has several.
    pub(crate) model: Option<&'a str>,
    /// From this second on, up to that one.
    pub(crate) seconds: (u64, u64),
    /// A table of the clients' lengths.
    pub(crate) lengths: Option<&'a str>,
    pub(crate) seed: u64,
}

#[derive(Debug, Deserialize)]
struct Row {
    model: String,
    client: String,
    t_s: u64,
    rate_rps: f64,
    dist: String,
    shape: f64,
    scale: f64,
}

#[derive(Debug, Deserialize)]
struct LengthsRow {
    model: String,
    client: String,
    t_s: u64,
    in_p10: f64,
    in_p50: f64,
    in_p90: f64,
    in_p99: f64,
    in_max: f64,
    out_p10: f64,
    out_p50: f64,
    out_p90: f64,
    out_p99: f64,
    out_max: f64,
}

/// By client: from when on, its quantiles of input and of output.
type Lengths = HashMap<String, BTreeMap<u64, [[f64; 5]; 2]>>;

/// Whether a header line is of such a table.
pub(super) fn is_windows(header: &csv::StringRecord) -> bool {
    ["model", "client", "rate_rps", "dist", "shape", "scale"].iter().all(|n| header.iter().any(|h| h == *n))
}

pub(super) fn generate(text: &str, cut: &Cut<'_>) -> Result<Traffic, Failed> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let mut rows: Vec<Row> = reader.deserialize().collect::<Result<_, _>>()?;
    let mut models: Vec<&str> = rows.iter().map(|r| r.model.as_str()).collect();
    models.sort_unstable();
    models.dedup();
    let model = match (cut.model, models.as_slice()) {
        (Some(model), models) if models.contains(&model) => model.to_owned(),
        (None, [only]) => (*only).to_owned(),
        (_, models) => return Err(format!("name a model with --model: {}", models.join(", ")).into()),
    };
    let (from, until) = cut.seconds;
    rows.retain(|r| r.model == model && (from..until).contains(&r.t_s));
    let lengths = cut.lengths.map(|text| lengths(text, &model)).transpose()?.unwrap_or_default();
    let mut rng = ChaCha8Rng::seed_from_u64(cut.seed);
    let mut traffic = Traffic::default();
    let mut places: HashMap<String, usize> = HashMap::new();
    for row in &rows {
        let client = match places.get(&row.client) {
            Some(place) => *place,
            None => {
                traffic.clients.push(Client::new(name(&format!("client-{}", row.client))?));
                places.insert(row.client.clone(), traffic.clients.len() - 1);
                traffic.clients.len() - 1
            }
        };
        let known =
            lengths.get(&row.client).and_then(|of| of.range(..=row.t_s).next_back().or(of.iter().next()));
        for at in arrivals(row, &mut rng)? {
            let draw: f64 = StandardUniform.sample(&mut rng);
            let (input_tokens, output_tokens) =
                known.map_or(USUAL, |(_, [i, o])| (length(i, draw), length(o, draw)));
            let at = ((row.t_s - from) as f64 + at) * 1e6;
            traffic.requests.push(Traced { at: at as u64, client, input_tokens, output_tokens });
        }
        if traffic.requests.len() > REQUESTS_MAX {
            return Err(format!(
                "more than {REQUESTS_MAX} requests; take fewer windows with --from-s and --until-s"
            )
            .into());
        }
    }
    if traffic.requests.is_empty() {
        return Err(format!("model {model} has no requests from second {from} to {until}").into());
    }
    traffic.requests.sort_by_key(|r| (r.at, r.client));
    Ok(traffic)
}

/// The arrivals of one window, in seconds from its beginning.
fn arrivals(row: &Row, rng: &mut ChaCha8Rng) -> Result<Vec<f64>, Failed> {
    let n = (row.rate_rps * WINDOW_S).round() as usize;
    let said = |e: &dyn std::fmt::Display| {
        format!("client {} at {} s: {} {} {}: {e}", row.client, row.t_s, row.dist, row.shape, row.scale)
    };
    let spans: Vec<f64> = match row.dist.as_str() {
        "Gamma" => {
            let fit = Gamma::new(row.shape, row.scale).map_err(|e| said(&e))?;
            (0..=n).map(|_| fit.sample(rng)).collect()
        }
        "Weibull" => {
            let fit = Weibull::new(row.scale, row.shape).map_err(|e| said(&e))?;
            (0..=n).map(|_| fit.sample(rng)).collect()
        }
        other => return Err(format!("`{other}` is no distribution known here; Gamma or Weibull").into()),
    };
    let whole: f64 = spans.iter().sum();
    let scale = WINDOW_S / whole.max(f64::MIN_POSITIVE);
    let mut at = 0.0;
    Ok(spans
        .into_iter()
        .take(n)
        .map(|span| {
            at += span * scale;
            at.min(WINDOW_S)
        })
        .collect())
}

fn lengths(text: &str, model: &str) -> Result<Lengths, Failed> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let mut out = Lengths::new();
    for row in reader.deserialize() {
        let r: LengthsRow = row?;
        if r.model == model {
            let input = [r.in_p10, r.in_p50, r.in_p90, r.in_p99, r.in_max];
            let output = [r.out_p10, r.out_p50, r.out_p90, r.out_p99, r.out_max];
            out.entry(r.client).or_default().insert(r.t_s, [input, output]);
        }
    }
    Ok(out)
}

/// A length at a uniform draw, straight lines between the known quantiles.
fn length(quantiles: &[f64; 5], draw: f64) -> u64 {
    let [p10, p50, p90, p99, max] = *quantiles;
    let points = [(0.0, 1.0), (0.1, p10), (0.5, p50), (0.9, p90), (0.99, p99), (1.0, max)];
    let ends = points.iter().zip(points.iter().skip(1));
    let between = ends.clone().find(|((_, _), (to, _))| draw <= *to).map(|(a, b)| (*a, *b));
    let ((from, low), (to, high)) = between.unwrap_or(((0.99, p99), (1.0, max)));
    (low + (high - low) * (draw - from) / (to - from)).round().max(1.0) as u64
}
