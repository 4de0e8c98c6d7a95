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

use headworks_terminal::Failed;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use rand_distr::{Distribution, Gamma, StandardUniform, Weibull};
use serde::Deserialize;

use super::traffic::{Client, Traced, Traffic, name};

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

/// One client in one window.
#[derive(Debug, Deserialize)]
pub(super) struct Row {
    pub(super) model: String,
    pub(super) client: String,
    /// When it begins, in seconds.
    pub(super) t_s: u64,
    rate_rps: f64,
    iat_cv: f64,
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

/// Quantiles of input and of output tokens.
type Quantiles = [[f64; 5]; 2];

/// By client: its quantiles, from when on.
#[derive(Debug, Default)]
pub(super) struct Lengths(HashMap<String, BTreeMap<u64, Quantiles>>);

impl Lengths {
    pub(super) fn parse(text: &str, model: &str) -> Result<Self, Failed> {
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let mut out = Self::default();
        for row in reader.deserialize() {
            let r: LengthsRow = row?;
            if r.model == model {
                let input = [r.in_p10, r.in_p50, r.in_p90, r.in_p99, r.in_max];
                let output = [r.out_p10, r.out_p50, r.out_p90, r.out_p99, r.out_max];
                out.0.entry(r.client).or_default().insert(r.t_s, [input, output]);
            }
        }
        Ok(out)
    }

    fn of(&self, row: &Row) -> Option<&Quantiles> {
        let of = self.0.get(&row.client)?;
        of.range(..=row.t_s).next_back().or(of.iter().next()).map(|(_, quantiles)| quantiles)
    }

    /// Input and output tokens of one request.
    fn draw(&self, row: &Row, rng: &mut ChaCha8Rng) -> (u64, u64) {
        let draw: f64 = StandardUniform.sample(rng);
        self.of(row).map_or(USUAL, |[i, o]| (whole(length(i, draw)), whole(length(o, draw))))
    }

    /// Input and output tokens of many requests together: a few are drawn, and what they are off the mean is scaled so that the
    /// sum has the right mean and variance.
    pub(super) fn draw_many(&self, row: &Row, n: u64, rng: &mut ChaCha8Rng) -> (u64, u64) {
        let Some([input, output]) = self.of(row) else { return (USUAL.0 * n, USUAL.1 * n) };
        let drawn = n.min(DRAWN);
        let (mut ins, mut outs) = (0.0, 0.0);
        for _ in 0..drawn {
            let draw: f64 = StandardUniform.sample(rng);
            (ins, outs) = (ins + length(input, draw), outs + length(output, draw));
        }
        let (n, drawn) = (n as f64, drawn as f64);
        let all = |sum: f64, mean: f64| whole(mean * n + (sum - mean * drawn) * (n / drawn).sqrt());
        (all(ins, mean(input)), all(outs, mean(output)))
    }
}

/// Requests whose lengths are drawn one by one, of those that count together.
const DRAWN: u64 = 8;

/// Whether a header line is of such a table.
pub(super) fn is_windows(header: &csv::StringRecord) -> bool {
    ["model", "client", "rate_rps", "dist", "shape", "scale"].iter().all(|n| header.iter().any(|h| h == *n))
}

/// The rows of a table.
pub(super) fn rows(text: &str) -> Result<Vec<Row>, Failed> {
    Ok(csv::Reader::from_reader(text.as_bytes()).deserialize().collect::<Result<_, _>>()?)
}

pub(super) fn generate(text: &str, cut: &Cut<'_>) -> Result<Traffic, Failed> {
    let mut rows = rows(text)?;
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
    let lengths = cut.lengths.map(|text| Lengths::parse(text, &model)).transpose()?.unwrap_or_default();
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
        for (at, _) in arrivals(row, u64::MAX, &mut rng)? {
            let (input_tokens, output_tokens) = lengths.draw(row, &mut rng);
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

/// The arrivals of one window, in seconds from its beginning, and how many requests each stands for: at most `parts` of them.
pub(super) fn arrivals(row: &Row, parts: u64, rng: &mut ChaCha8Rng) -> Result<Vec<(f64, u64)>, Failed> {
    let n = (row.rate_rps * WINDOW_S).round() as u64;
    let each = n.div_ceil(parts.max(1)).max(1);
    let spans = spans(row, each, n.div_ceil(each) + 1, rng).map_err(|e| {
        format!("client {} at {} s: {} {} {}: {e}", row.client, row.t_s, row.dist, row.shape, row.scale)
    })?;
    let all: f64 = spans.iter().sum();
    let scale = WINDOW_S / all.max(f64::MIN_POSITIVE);
    let (mut at, mut left) = (0.0, n);
    let mut out = Vec::with_capacity(spans.len());
    for span in spans {
        if left == 0 {
            break;
        }
        at += span * scale;
        out.push((at.min(WINDOW_S), each.min(left)));
        left -= each.min(left);
    }
    Ok(out)
}

/// Times between arrivals of each so many requests. A sum of Gamma spans is Gamma again; that of Weibull spans is taken for one
/// with the published variation.
fn spans(row: &Row, each: u64, count: u64, rng: &mut ChaCha8Rng) -> Result<Vec<f64>, String> {
    let (many, cv) = (each as f64, row.iat_cv.max(1e-3));
    let gamma = |shape, scale| Gamma::new(shape, scale).map_err(|e| e.to_string());
    let draw =
        |fit: &dyn Fn(&mut ChaCha8Rng) -> f64, rng: &mut ChaCha8Rng| (0..count).map(|_| fit(rng)).collect();
    match row.dist.as_str() {
        "Gamma" => {
            let fit = gamma(row.shape * many, row.scale)?;
            Ok(draw(&|rng| fit.sample(rng), rng))
        }
        "Weibull" if each > 1 => {
            let fit = gamma(many / (cv * cv), 1.0)?;
            Ok(draw(&|rng| fit.sample(rng), rng))
        }
        "Weibull" => {
            let fit = Weibull::new(row.scale, row.shape).map_err(|e| e.to_string())?;
            Ok(draw(&|rng| fit.sample(rng), rng))
        }
        other => Err(format!("`{other}` is no distribution known here; Gamma or Weibull")),
    }
}

/// The quantiles as points, from the shortest to the longest.
fn points(quantiles: &[f64; 5]) -> [(f64, f64); 6] {
    let [p10, p50, p90, p99, max] = *quantiles;
    [(0.0, 1.0), (0.1, p10), (0.5, p50), (0.9, p90), (0.99, p99), (1.0, max)]
}

/// A length at a uniform draw, straight lines between the known quantiles.
fn length(quantiles: &[f64; 5], draw: f64) -> f64 {
    let points = points(quantiles);
    let mut between = points.iter().zip(points.iter().skip(1));
    let ((from, low), (to, high)) =
        between.find(|(_, (to, _))| draw <= *to).unwrap_or((&points[4], &points[5]));
    low + (high - low) * (draw - from) / (to - from)
}

/// The mean of [`length`].
fn mean(quantiles: &[f64; 5]) -> f64 {
    let points = points(quantiles);
    let between = points.iter().zip(points.iter().skip(1));
    between.map(|((from, low), (to, high))| (to - from) * (low + high) / 2.0).sum()
}

fn whole(length: f64) -> u64 {
    length.round().max(1.0) as u64
}
