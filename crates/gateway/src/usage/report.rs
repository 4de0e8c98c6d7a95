//! What an upstream reports of a use, in each of its shapes.
//!
//! Seconds are reported as fractions and charged as whole ones, rounded up (`seconds_are_rounded_up`).

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// Use by class.
pub(crate) type Classes = Vec<(&'static str, u64)>;

/// A larger count is no count.
const SANE_MAX: u64 = 1_000_000_000_000;
/// The most models that one answer is charged for beside its own; a use has at most 16 parts.
const OTHERS_MAX: usize = 15;

/// A report of use. Each surface has some of the fields; names that mean the same are aliases.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Report {
    #[serde(default, alias = "prompt_tokens")]
    pub(crate) input_tokens: Option<u64>,
    #[serde(default, alias = "completion_tokens")]
    pub(crate) output_tokens: Option<u64>,
    #[serde(default, alias = "prompt_tokens_details", alias = "input_token_details")]
    input_tokens_details: Option<InputDetails>,
    #[serde(default, alias = "completion_tokens_details", alias = "output_token_details")]
    output_tokens_details: Option<OutputDetails>,
    /// Anthropic: not part of `input_tokens`.
    #[serde(default)]
    cache_creation_input_tokens: Option<u64>,
    #[serde(default)]
    cache_read_input_tokens: Option<u64>,
    #[serde(default)]
    cache_creation: Option<CacheCreation>,
    #[serde(default)]
    server_tool_use: Option<ServerTools>,
    #[serde(default)]
    service_tier: Option<String>,
    #[serde(default)]
    speed: Option<String>,
    #[serde(default)]
    inference_geo: Option<String>,
    /// What was done for one answer, step by step.
    #[serde(default)]
    iterations: Option<Vec<Iteration>>,
    /// The length of a sound, where that is what is billed; what is no length is none.
    #[serde(default, deserialize_with = "seconds")]
    pub(crate) seconds: Option<Seconds>,
    /// Pictures as they turned out, which the answer says beside the use.
    #[serde(skip)]
    pub(crate) picture: Picture,
}

/// Adds one use to another.
pub(crate) fn add(all: &mut Classes, more: Classes) {
    for (class, count) in more {
        match all.iter_mut().find(|(known, _)| *known == class) {
            Some((_, known)) => *known = known.saturating_add(count),
            None => all.push((class, count)),
        }
    }
}

/// Whole seconds, rounded up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seconds(pub(crate) u64);

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = format!("{:.6}", f64::deserialize(d)?);
        let (whole, part) = text.split_once('.').unwrap_or((&text, ""));
        let whole: u64 = whole.parse().map_err(|_| D::Error::custom("no length in seconds"))?;
        Ok(Self(whole.saturating_add(u64::from(part.bytes().any(|digit| digit != b'0')))))
    }
}

/// A field of this name may be anything in reports of other surfaces.
fn seconds<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Seconds>, D::Error> {
    Ok(Seconds::deserialize(serde_json::Value::deserialize(d)?).ok())
}

/// What the price of a picture may depend on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Picture {
    #[serde(default)]
    size: Option<String>,
    #[serde(default)]
    quality: Option<String>,
    #[serde(default)]
    output_format: Option<String>,
}

/// What another model did for a picture: it writes one as text.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Written {
    model: String,
    #[serde(default)]
    input_tokens: u64,
    #[serde(default)]
    output_tokens: u64,
    #[serde(default)]
    reasoning_tokens: u64,
}

/// What an output is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Made {
    Pictures,
    Sound,
}

/// A step of an answer.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
struct Iteration {
    #[serde(default, rename = "type")]
    kind: String,
    /// The model that did it, if that is another one.
    #[serde(default)]
    model: Option<String>,
    #[serde(flatten)]
    report: Box<Report>,
}

/// Parts of the input, each contained in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
struct InputDetails {
    #[serde(default)]
    cached_tokens: Option<u64>,
    #[serde(default)]
    cache_write_tokens: Option<CacheWrite>,
    #[serde(default)]
    audio_tokens: Option<u64>,
    #[serde(default)]
    image_tokens: Option<u64>,
}

/// Writes of a prompt cache: their sum, or apart by life.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
enum CacheWrite {
    All(u64),
    ByLife {
        #[serde(default)]
        ttl_30m: Option<u64>,
        #[serde(default)]
        ttl_12h: Option<u64>,
    },
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
struct OutputDetails {
    #[serde(default, alias = "thinking_tokens")]
    reasoning_tokens: Option<u64>,
    #[serde(default)]
    audio_tokens: Option<u64>,
    #[serde(default)]
    image_tokens: Option<u64>,
    #[serde(default)]
    rejected_prediction_tokens: Option<u64>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
struct CacheCreation {
    #[serde(default)]
    ephemeral_5m_input_tokens: Option<u64>,
    #[serde(default)]
    ephemeral_1h_input_tokens: Option<u64>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
struct ServerTools {
    #[serde(default)]
    web_search_requests: Option<u64>,
    #[serde(default)]
    web_fetch_requests: Option<u64>,
}

/// Takes the values that a later report has.
macro_rules! later {
    ($earlier:expr, $later:expr, $($field:ident),*) => {
        $(if let Some(value) = $later.$field { $earlier.$field = Some(value); })*
    };
}

fn later<T: Default>(earlier: &mut Option<T>, now: Option<T>, merge: impl FnOnce(&mut T, T)) {
    if let Some(now) = now {
        merge(earlier.get_or_insert_default(), now);
    }
}

impl Report {
    /// A later report of the same use.
    pub(crate) fn update(&mut self, now: Self) {
        later!(
            self,
            now,
            input_tokens,
            output_tokens,
            cache_creation_input_tokens,
            cache_read_input_tokens,
            service_tier,
            speed,
            inference_geo,
            iterations,
            seconds
        );
        later!(self.picture, now.picture, size, quality, output_format);
        later(&mut self.input_tokens_details, now.input_tokens_details, |was, now| {
            later!(was, now, cached_tokens, cache_write_tokens, audio_tokens, image_tokens);
        });
        later(&mut self.output_tokens_details, now.output_tokens_details, |was, now| {
            later!(was, now, reasoning_tokens, audio_tokens, image_tokens, rejected_prediction_tokens);
        });
        later(&mut self.cache_creation, now.cache_creation, |was, now| {
            later!(was, now, ephemeral_5m_input_tokens, ephemeral_1h_input_tokens);
        });
        later(&mut self.server_tool_use, now.server_tool_use, |was, now| {
            later!(was, now, web_search_requests, web_fetch_requests);
        });
    }

    /// Adds the report of another output of the same call.
    pub(crate) fn add(&mut self, other: Self) {
        let sum = |one: Option<u64>, other: Option<u64>| match (one, other) {
            (Some(one), Some(other)) => Some(one.saturating_add(other)),
            (one, other) => one.or(other),
        };
        self.input_tokens = sum(self.input_tokens, other.input_tokens);
        self.output_tokens = sum(self.output_tokens, other.output_tokens);
        later(&mut self.input_tokens_details, other.input_tokens_details, |all, one| {
            all.cached_tokens = sum(all.cached_tokens, one.cached_tokens);
            all.audio_tokens = sum(all.audio_tokens, one.audio_tokens);
            all.image_tokens = sum(all.image_tokens, one.image_tokens);
        });
        later(&mut self.output_tokens_details, other.output_tokens_details, |all, one| {
            all.reasoning_tokens = sum(all.reasoning_tokens, one.reasoning_tokens);
            all.audio_tokens = sum(all.audio_tokens, one.audio_tokens);
            all.image_tokens = sum(all.image_tokens, one.image_tokens);
        });
        later!(self.picture, other.picture, size, quality, output_format);
    }

    /// The same for an output of one kind, which a report without details does not say.
    pub(crate) fn made(mut self, made: Made) -> Self {
        let output = self.output_tokens;
        self.output_tokens_details.get_or_insert_with(|| match made {
            Made::Pictures => OutputDetails { image_tokens: output, ..OutputDetails::default() },
            Made::Sound => OutputDetails { audio_tokens: output, ..OutputDetails::default() },
        });
        self
    }

    /// What another model did beside it.
    pub(crate) fn beside(&mut self, written: Written) {
        let details =
            OutputDetails { reasoning_tokens: Some(written.reasoning_tokens), ..OutputDetails::default() };
        let report = Self {
            input_tokens: Some(written.input_tokens),
            output_tokens: Some(written.output_tokens),
            output_tokens_details: Some(details),
            ..Self::default()
        };
        let step = Iteration { kind: "svg".into(), model: Some(written.model), report: Box::new(report) };
        self.iterations.get_or_insert_default().push(step);
    }

    /// The same from a response that says beside it how it was served.
    pub(crate) fn served(self, service_tier: Option<String>) -> Self {
        Self { service_tier: self.service_tier.or(service_tier), ..self }
    }

    /// Whether its counts can be.
    pub(crate) fn is_sane(&self) -> bool {
        self.classes().iter().all(|(_, count)| *count <= SANE_MAX)
    }

    /// Whether it says all: a report without one of its sums is no report of zero.
    pub(crate) fn is_whole(&self, has_output: bool) -> bool {
        self.input_tokens.is_some() && (self.output_tokens.is_some() || !has_output) && self.is_sane()
    }

    /// What the price may depend on, as the upstream says it turned out.
    pub(crate) fn dimension(&self, name: &str) -> Option<&str> {
        match name {
            "service_tier" => self.service_tier.as_deref(),
            "speed" => self.speed.as_deref(),
            "inference_geo" => self.inference_geo.as_deref(),
            "size" => self.picture.size.as_deref().filter(|size| *size != "auto"),
            "quality" => self.picture.quality.as_deref().filter(|quality| *quality != "auto"),
            "output_format" => self.picture.output_format.as_deref(),
            _ => None,
        }
    }

    /// The use by class, no token in two of them; that of other models is in [`Self::others`].
    pub(crate) fn classes(&self) -> Classes {
        let mut classes = self.own();
        for step in self.beyond().filter(|step| step.model.is_none()) {
            add(&mut classes, step.report.own());
        }
        classes
    }

    /// The use of other models for the same answer.
    pub(crate) fn others(&self) -> Vec<(&str, Classes)> {
        let others = self.beyond().filter_map(|step| Some((step.model.as_deref()?, step.report.own())));
        others.filter(|(_, classes)| !classes.is_empty()).take(OTHERS_MAX).collect()
    }

    /// The steps that the totals do not have: all but the message itself.
    fn beyond(&self) -> impl Iterator<Item = &Iteration> {
        self.iterations.iter().flatten().filter(|step| step.kind != "message")
    }

    /// The use by class, without its steps.
    fn own(&self) -> Classes {
        let mut classes = Classes::new();
        let input = self.input_tokens.unwrap_or(0);
        let mut inside = 0_u64;
        if let Some(details) = &self.input_tokens_details {
            let written = match &details.cache_write_tokens {
                None => vec![],
                Some(CacheWrite::All(all)) => vec![("cache_write_tokens", *all)],
                Some(CacheWrite::ByLife { ttl_30m, ttl_12h }) => vec![
                    ("cache_write_30m_tokens", ttl_30m.unwrap_or(0)),
                    ("cache_write_12h_tokens", ttl_12h.unwrap_or(0)),
                ],
            };
            let parts = [
                ("cached_input_tokens", details.cached_tokens.unwrap_or(0)),
                ("audio_input_tokens", details.audio_tokens.unwrap_or(0)),
                ("image_input_tokens", details.image_tokens.unwrap_or(0)),
            ];
            for (class, count) in parts.into_iter().chain(written) {
                // Parts never add up to more than the whole.
                let count = count.min(input.saturating_sub(inside));
                inside = u64::saturating_add(inside, count);
                classes.push((class, count));
            }
        }
        classes.push(("input_tokens", input.saturating_sub(inside)));
        let by_life = self.cache_creation.as_ref().map_or(0, |c| {
            let (short, long) =
                (c.ephemeral_5m_input_tokens.unwrap_or(0), c.ephemeral_1h_input_tokens.unwrap_or(0));
            classes.push(("cache_write_5m_tokens", short));
            classes.push(("cache_write_1h_tokens", long));
            short.saturating_add(long)
        });
        let written = self.cache_creation_input_tokens.unwrap_or(0);
        classes.push(("cache_write_tokens", written.saturating_sub(by_life)));
        classes.push(("cached_input_tokens", self.cache_read_input_tokens.unwrap_or(0)));
        let output = self.output_tokens.unwrap_or(0);
        let mut inside = 0_u64;
        if let Some(details) = &self.output_tokens_details {
            for (class, count) in [
                ("reasoning_tokens", details.reasoning_tokens),
                ("audio_output_tokens", details.audio_tokens),
                ("image_output_tokens", details.image_tokens),
                ("rejected_prediction_tokens", details.rejected_prediction_tokens),
            ] {
                let count = count.unwrap_or(0).min(output.saturating_sub(inside));
                inside = u64::saturating_add(inside, count);
                classes.push((class, count));
            }
        }
        classes.push(("output_tokens", output.saturating_sub(inside)));
        if let Some(tools) = &self.server_tool_use {
            classes.push(("web_searches", tools.web_search_requests.unwrap_or(0)));
            classes.push(("web_fetches", tools.web_fetch_requests.unwrap_or(0)));
        }
        classes.push(("audio_seconds", self.seconds.map_or(0, |seconds| seconds.0)));
        classes.retain(|(_, count)| *count > 0);
        classes
    }
}
#[cfg(test)]
mod tests {
    use super::{Made, Report};

    fn report(text: &str) -> Report {
        serde_json::from_str(text).expect(text)
    }

    fn classes(report: &Report) -> Vec<(&'static str, u64)> {
        let mut classes = report.classes();
        classes.sort_unstable();
        classes
    }

    #[test]
    fn each_token_is_counted_once() {
        let chat = report(
            r#"{"prompt_tokens":100,"completion_tokens":50,"total_tokens":150,
            "prompt_tokens_details":{"cached_tokens":60,"audio_tokens":10},
            "completion_tokens_details":{"reasoning_tokens":30,"accepted_prediction_tokens":2,"rejected_prediction_tokens":5}}"#,
        );
        let expected = [
            ("audio_input_tokens", 10),
            ("cached_input_tokens", 60),
            ("input_tokens", 30),
            ("output_tokens", 15),
            ("reasoning_tokens", 30),
            ("rejected_prediction_tokens", 5),
        ];
        assert_eq!(classes(&chat), expected);
        let responses = report(
            r#"{"input_tokens":1000,"output_tokens":7,
            "input_tokens_details":{"cached_tokens":200,"cache_write_tokens":{"ttl_30m":300,"ttl_12h":100}}}"#,
        );
        let expected = [
            ("cache_write_12h_tokens", 100),
            ("cache_write_30m_tokens", 300),
            ("cached_input_tokens", 200),
            ("input_tokens", 400),
            ("output_tokens", 7),
        ];
        assert_eq!(classes(&responses), expected);
        // A published case: 6 fresh, 159,217 written for an hour, 2,745 out.
        let messages = report(
            r#"{"input_tokens":6,"cache_creation_input_tokens":159217,"cache_read_input_tokens":0,"output_tokens":2745,
            "cache_creation":{"ephemeral_5m_input_tokens":0,"ephemeral_1h_input_tokens":159217},
            "server_tool_use":{"web_search_requests":2,"web_fetch_requests":null}}"#,
        );
        let expected = [
            ("cache_write_1h_tokens", 159_217),
            ("input_tokens", 6),
            ("output_tokens", 2_745),
            ("web_searches", 2),
        ];
        assert_eq!(classes(&messages), expected);
        // Parts that are larger than their whole.
        let wrong =
            report(r#"{"prompt_tokens":5,"prompt_tokens_details":{"cached_tokens":50,"image_tokens":3}}"#);
        assert_eq!(classes(&wrong), [("cached_input_tokens", 5)]);
    }

    #[test]
    fn reports_repeat_totals() {
        // The start has everything, later reports the totals so far, some of them null.
        let mut stream = report(
            r#"{"input_tokens":25,"cache_creation_input_tokens":40,"cache_read_input_tokens":10,"output_tokens":1,
            "cache_creation":{"ephemeral_5m_input_tokens":15,"ephemeral_1h_input_tokens":25},"service_tier":"standard"}"#,
        );
        stream.update(report(r#"{"output_tokens":9,"input_tokens":null,"cache_creation_input_tokens":40}"#));
        let expected = [
            ("cache_write_1h_tokens", 25),
            ("cache_write_5m_tokens", 15),
            ("cached_input_tokens", 10),
            ("input_tokens", 25),
            ("output_tokens", 9),
        ];
        assert_eq!(classes(&stream), expected);
        assert_eq!(stream.dimension("service_tier"), Some("standard"));
        // A vendor that counts what it read from the cache in the first report's input, and apart in the last.
        let mut stream = report(r#"{"input_tokens":8834,"output_tokens":0}"#);
        stream.update(report(r#"{"input_tokens":18,"cache_read_input_tokens":8831,"output_tokens":3}"#));
        assert_eq!(
            classes(&stream),
            [("cached_input_tokens", 8_831), ("input_tokens", 18), ("output_tokens", 3)]
        );
        // Zero is a report.
        let mut stream = report(r#"{"prompt_tokens":7,"completion_tokens":7}"#);
        stream.update(report(r#"{"prompt_tokens":0,"completion_tokens":0}"#));
        assert_eq!(classes(&stream), []);
    }

    #[test]
    fn steps_beyond_the_message_are_used_as_well() {
        let messages = report(
            r#"{"input_tokens":100,"output_tokens":20,"iterations":[
            {"type":"compaction","input_tokens":5000,"output_tokens":300,"cache_read_input_tokens":7},
            {"type":"message","input_tokens":100,"output_tokens":20},
            {"type":"advisor_message","model":"wise","input_tokens":40,"output_tokens":2,
             "cache_creation":{"ephemeral_1h_input_tokens":9},"cache_creation_input_tokens":9}]}"#,
        );
        let expected = [("cached_input_tokens", 7), ("input_tokens", 5_100), ("output_tokens", 320)];
        assert_eq!(classes(&messages), expected);
        let wise = vec![("input_tokens", 40), ("cache_write_1h_tokens", 9), ("output_tokens", 2)];
        assert_eq!(messages.others(), [("wise", wise)]);
    }

    #[test]
    fn seconds_are_rounded_up() {
        for (text, expected) in
            [("0", 0), ("0.01", 1), ("3", 3), ("3.0", 3), ("3.2", 4), ("1e2", 100), ("59.999999", 60)]
        {
            let report = report(&format!(r#"{{"type":"duration","seconds":{text}}}"#));
            let expected: Vec<_> =
                (expected > 0).then_some(("audio_seconds", expected)).into_iter().collect();
            assert_eq!(classes(&report), expected, "{text}");
        }
        for text in ["-1", "\"3\"", "1e300", "null", "[3]"] {
            let report = report(&format!(r#"{{"input_tokens":1,"seconds":{text}}}"#));
            assert_eq!(classes(&report), [("input_tokens", 1)], "{text}");
        }
    }

    #[test]
    fn pictures_and_sounds_are_classes_of_their_own() {
        let pictures = r#"{"input_tokens":50,"output_tokens":4160,"total_tokens":4210,
            "input_tokens_details":{"text_tokens":10,"image_tokens":40}}"#;
        let mut two = report(pictures).made(Made::Pictures);
        let one = [("image_input_tokens", 40), ("image_output_tokens", 4_160), ("input_tokens", 10)];
        assert_eq!(classes(&two), one);
        two.add(report(pictures).made(Made::Pictures));
        assert_eq!(classes(&two), one.map(|(class, count)| (class, 2 * count)));
        // Details that say otherwise are believed.
        let mixed = report(
            r#"{"input_tokens":5,"output_tokens":100,"output_tokens_details":{"text_tokens":30,"image_tokens":70}}"#,
        );
        let expected = [("image_output_tokens", 70), ("input_tokens", 5), ("output_tokens", 30)];
        assert_eq!(classes(&mixed.made(Made::Pictures)), expected);
        let speech = report(r#"{"input_tokens":5,"output_tokens":100}"#).made(Made::Sound);
        assert_eq!(classes(&speech), [("audio_output_tokens", 100), ("input_tokens", 5)]);
        let heard = report(
            r#"{"type":"tokens","input_tokens":36,"output_tokens":8,"input_token_details":{"audio_tokens":30,"text_tokens":6}}"#,
        );
        let expected = [("audio_input_tokens", 30), ("input_tokens", 6), ("output_tokens", 8)];
        assert_eq!(classes(&heard), expected);
        // A picture that is written as text: another model, at its own price.
        let mut svg = report(pictures);
        svg.beside(
            serde_json::from_str(
                r#"{"model":"wise","input_tokens":40,"output_tokens":9,"reasoning_tokens":4,"total_tokens":49}"#,
            )
            .expect("a use"),
        );
        let wise = vec![("input_tokens", 40), ("reasoning_tokens", 4), ("output_tokens", 5)];
        assert_eq!(svg.others(), [("wise", wise)]);
    }
}
