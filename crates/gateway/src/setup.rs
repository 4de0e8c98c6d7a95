//! The gateway's set-up: upstreams, and the models that are sold.
//!
//! Never holds a secret that could be printed: keys of upstreams are read from the environment or a file and shown as `…`.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use headworks_core::record::{Label, Name, Span};
use http::{HeaderMap, HeaderName, HeaderValue, Uri, header};
use serde::Deserialize;

use crate::tokenizer::Tokenizer;

/// The most upstreams, models, and targets of a model.
const UPSTREAMS_MAX: usize = 256;
const MODELS_MAX: usize = 4_096;
const TARGETS_MAX: usize = 16;
const HEADERS_MAX: usize = 32;
/// The longest output that a model can have, in tokens.
const OUTPUT_MAX: u64 = 10_000_000;
const WEIGHT_MAX: u32 = 1_000_000;

/// What the file says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Source {
    upstreams: BTreeMap<String, UpstreamSource>,
    models: BTreeMap<String, ModelSource>,
    #[serde(default = "ten_seconds")]
    drain: Span,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UpstreamSource {
    base_url: String,
    protocol: Protocol,
    key: Option<KeySource>,
    #[serde(default = "five_seconds")]
    connect_timeout: Span,
    #[serde(default = "ten_minutes")]
    answer_timeout: Span,
    #[serde(default = "two_minutes")]
    idle_timeout: Span,
    #[serde(default = "yes")]
    include_usage: bool,
    fairness_header: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
enum KeySource {
    Env(String),
    File(PathBuf),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ModelSource {
    feature: Name,
    dimensions: Option<BTreeMap<Name, Label>>,
    #[serde(default)]
    max_output_tokens: Option<u64>,
    tokenizer: Option<Tokenizer>,
    targets: Vec<TargetSource>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TargetSource {
    upstream: String,
    model: Option<String>,
    #[serde(default = "one")]
    weight: u32,
    dimensions: Option<BTreeMap<Name, Label>>,
}

fn yes() -> bool {
    true
}

fn one() -> u32 {
    1
}

fn five_seconds() -> Span {
    Span::from_secs(5)
}

fn ten_seconds() -> Span {
    Span::from_secs(10)
}

fn two_minutes() -> Span {
    Span::from_secs(120)
}

fn ten_minutes() -> Span {
    Span::from_secs(600)
}

/// The language that an upstream speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// Chat Completions, Completions, Responses, Embeddings.
    Openai,
    /// Messages.
    Anthropic,
}

/// A place that serves models.
pub(crate) struct Upstream {
    /// Its name.
    pub(crate) name: String,
    /// Where it is, without a slash at the end.
    pub(crate) base_url: String,
    pub(crate) protocol: Protocol,
    /// The header that it knows the operator by.
    pub(crate) key: Option<HeaderValue>,
    pub(crate) connect_timeout: Duration,
    /// Until the head of its answer is here.
    pub(crate) answer_timeout: Duration,
    /// Between two parts of its answer.
    pub(crate) idle_timeout: Duration,
    /// Whether a stream of Chat Completions is asked for its usage.
    pub(crate) include_usage: bool,
    /// The header that says to it whose call it is, so that it can share itself fairly.
    pub(crate) fairness_header: Option<HeaderName>,
    /// What it is sent with every call.
    pub(crate) headers: HeaderMap,
}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upstream")
            .field("name", &self.name)
            .field("base_url", &self.base_url)
            .finish_non_exhaustive()
    }
}

/// A model at an upstream.
#[derive(Debug)]
pub(crate) struct Target {
    /// The upstream's place in the list.
    pub(crate) upstream: usize,
    /// The upstream's name for the model.
    pub(crate) model: String,
    pub(crate) weight: u32,
    /// What the use is priced by if this target serves it.
    pub(crate) dimensions: BTreeMap<Name, Label>,
}

/// A model as callers name it.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) name: String,
    pub(crate) feature: Name,
    /// What its hold is priced by.
    pub(crate) dimensions: BTreeMap<Name, Label>,
    /// The most tokens of one output.
    pub(crate) output_max: Option<u64>,
    /// What counts its input, where that is known.
    pub(crate) tokenizer: Option<Tokenizer>,
    pub(crate) targets: Vec<Target>,
}

impl Model {
    /// What its hold is priced by, as far as the feature knows it.
    pub(crate) fn dimensions_of(&self, known: &[Name]) -> BTreeMap<Name, Label> {
        let mut dimensions = self.dimensions.clone();
        dimensions.retain(|name, _| known.contains(name));
        dimensions
    }
}

/// Everything that the gateway is told at its start.
#[derive(Debug)]
pub struct Setup {
    pub(crate) upstreams: Vec<Upstream>,
    pub(crate) models: BTreeMap<String, Model>,
    /// How long an answer whose caller has gone is still read.
    pub(crate) drain: Duration,
}

fn duration(span: Span) -> Duration {
    Duration::from_micros(span.micros())
}

fn key(source: &KeySource, of: &str, protocol: Protocol) -> Result<HeaderValue, String> {
    let (text, place) = match source {
        KeySource::Env(name) => {
            let text = std::env::var(name).map_err(|_| {
                format!("upstreams.{of}.key: the environment has no `{name}`; set it, or name a file")
            })?;
            (text, format!("`{name}`"))
        }
        KeySource::File(path) => {
            let place = path.display().to_string();
            (std::fs::read_to_string(path).map_err(|e| format!("upstreams.{of}.key: {place}: {e}"))?, place)
        }
    };
    let text = text.trim();
    let text = match protocol {
        Protocol::Openai => format!("Bearer {text}"),
        Protocol::Anthropic => text.to_owned(),
    };
    let mut value = HeaderValue::from_str(&text)
        .map_err(|_| format!("upstreams.{of}.key: {place} has a character that no header can have"))?;
    value.set_sensitive(true);
    Ok(value)
}

/// Headers that say how a call is sent, and by whom: nobody else sets them.
const OWN_HEADERS: [HeaderName; 9] = [
    header::ACCEPT_ENCODING,
    header::AUTHORIZATION,
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::HOST,
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

fn header_name(text: &str) -> Result<HeaderName, String> {
    let name: HeaderName = text.parse().map_err(|_| format!("`{text}` is not the name of a header"))?;
    if OWN_HEADERS.contains(&name) || name == "x-api-key" {
        return Err(format!("`{text}` is the gateway's own"));
    }
    Ok(name)
}

fn header_value(of: &str, text: &str) -> Result<HeaderValue, String> {
    HeaderValue::from_str(text)
        .map_err(|_| format!("the value of `{of}` has a character that no header can have"))
}

fn upstream(name: String, source: UpstreamSource) -> Result<Upstream, String> {
    let at = |part: &str| format!("upstreams.{name}.{part}");
    let base_url = source.base_url.trim_end_matches('/').to_owned();
    let uri: Uri = base_url.parse().map_err(|e| format!("{}: `{base_url}`: {e}", at("base_url")))?;
    let is_web = matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some();
    if !is_web || uri.query().is_some() {
        return Err(format!(
            "{}: `{base_url}` is not an address such as `https://api.example.com`; the paths of the protocol, `/v1/…`, are added",
            at("base_url")
        ));
    }
    for (part, span) in [
        ("connect_timeout", source.connect_timeout),
        ("answer_timeout", source.answer_timeout),
        ("idle_timeout", source.idle_timeout),
    ] {
        if !(1..=86_400).contains(&(span.micros() / 1_000_000)) {
            return Err(format!("{}: from 1s to 24h", at(part)));
        }
    }
    if source.headers.len() > HEADERS_MAX {
        return Err(format!("{}: at most {HEADERS_MAX}", at("headers")));
    }
    let headers = source.headers.iter().map(|(of, text)| Ok((header_name(of)?, header_value(of, text)?)));
    let headers = headers.collect::<Result<_, _>>().map_err(|e: String| format!("{}: {e}", at("headers")))?;
    let fairness_header = source.fairness_header.as_deref().map(header_name).transpose();
    let fairness_header = fairness_header.map_err(|e| format!("{}: {e}", at("fairness_header")))?;
    let key = source.key.as_ref().map(|of| key(of, &name, source.protocol)).transpose()?;
    Ok(Upstream {
        base_url,
        protocol: source.protocol,
        key,
        connect_timeout: duration(source.connect_timeout),
        answer_timeout: duration(source.answer_timeout),
        idle_timeout: duration(source.idle_timeout),
        include_usage: source.include_usage,
        fairness_header,
        headers,
        name,
    })
}

fn model(name: String, source: ModelSource, upstreams: &[Upstream]) -> Result<Model, String> {
    let at = |part: &str| format!("models.\"{name}\".{part}");
    if source.max_output_tokens.is_some_and(|most| !(1..=OUTPUT_MAX).contains(&most)) {
        return Err(format!("{}: from 1 to {OUTPUT_MAX}", at("max_output_tokens")));
    }
    if !(1..=TARGETS_MAX).contains(&source.targets.len()) {
        return Err(format!("{}: name 1 to {TARGETS_MAX} targets", at("targets")));
    }
    let label: Label = Label::new(&name).map_err(|e| format!("models.\"{name}\": {e}"))?;
    let own = || {
        let model = Name::new("model").unwrap_or_else(|_| unreachable!("`model` is a name"));
        BTreeMap::from([(model, label.clone())])
    };
    let dimensions = source.dimensions.unwrap_or_else(own);
    let mut targets = Vec::new();
    for (place, target) in source.targets.into_iter().enumerate() {
        let part = format!("targets[{place}]");
        let found = upstreams.iter().position(|upstream| upstream.name == target.upstream);
        let upstream = found.ok_or_else(|| {
            let known: Vec<&str> = upstreams.iter().map(|u| u.name.as_str()).collect();
            format!(
                "{}: there is no upstream `{}`; there are: {}",
                at(&part),
                target.upstream,
                known.join(", ")
            )
        })?;
        if target.weight > WEIGHT_MAX {
            return Err(format!(
                "{}: `weight` is at most {WEIGHT_MAX}; 0 is for a target that only stands in",
                at(&part)
            ));
        }
        targets.push(Target {
            upstream,
            model: target.model.unwrap_or_else(|| name.clone()),
            weight: target.weight,
            dimensions: target.dimensions.unwrap_or_else(|| dimensions.clone()),
        });
    }
    source.tokenizer.into_iter().for_each(Tokenizer::load);
    let (output_max, tokenizer) = (source.max_output_tokens, source.tokenizer);
    Ok(Model { feature: source.feature, dimensions, output_max, tokenizer, targets, name })
}

impl Setup {
    /// Reads a set-up; keys of upstreams come from the environment and from files.
    ///
    /// # Errors
    /// With the place that is wrong, and what to write there.
    pub fn parse(text: &str) -> Result<Self, String> {
        let source: Source = toml::from_str(text).map_err(|e| e.to_string().trim_end().to_owned())?;
        if !(1..=UPSTREAMS_MAX).contains(&source.upstreams.len()) {
            return Err(format!("name 1 to {UPSTREAMS_MAX} upstreams"));
        }
        if !(1..=MODELS_MAX).contains(&source.models.len()) {
            return Err(format!("name 1 to {MODELS_MAX} models"));
        }
        if source.drain.micros() > 600_000_000 {
            return Err("drain: at most 10m".into());
        }
        let upstreams: Vec<Upstream> = source
            .upstreams
            .into_iter()
            .map(|(name, source)| upstream(name, source))
            .collect::<Result<_, _>>()?;
        let models = source.models.into_iter().map(|(name, source)| {
            let model = model(name.clone(), source, &upstreams)?;
            Ok::<_, String>((name, model))
        });
        let models = models.collect::<Result<_, _>>()?;
        Ok(Self { upstreams, models, drain: duration(source.drain) })
    }

    /// What an upstream's name for a model is sold as.
    pub(crate) fn sold_as(&self, model: &str) -> Option<&BTreeMap<Name, Label>> {
        let targets = self.models.values().flat_map(|model| &model.targets);
        targets.into_iter().find(|target| target.model == model).map(|target| &target.dimensions)
    }

    /// The features that its models are sold as.
    pub fn features(&self) -> impl Iterator<Item = (&str, &Name)> {
        self.models.values().map(|model| (model.name.as_str(), &model.feature))
    }
}
