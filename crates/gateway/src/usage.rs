//! What an upstream reports of a use, in each of its shapes, and the meters that count it.
//!
//! M1 of several reports the last value of each field that is not null counts: reports repeat totals, they do not add up
//! (`reports_repeat_totals`). M2 classes do not overlap: a token is counted once (`each_token_is_counted_once`), those of other steps and models as well
//! (`steps_beyond_the_message_are_used_as_well`). M3 a class without
//! a meter of its own counts as the class that it belongs to (`a_class_without_a_meter_counts_as_its_own_kind`).

use headworks_core::record::Name;
use headworks_core::waterfall::Quantities;
use serde::Deserialize;

/// A class of use, and the class that it is a kind of. The names are those of meters.
const CLASSES: &[(&str, Option<&str>)] = &[
    ("input_tokens", Some("tokens")),
    ("cached_input_tokens", Some("input_tokens")),
    ("cache_write_tokens", Some("input_tokens")),
    ("cache_write_5m_tokens", Some("cache_write_tokens")),
    ("cache_write_30m_tokens", Some("cache_write_tokens")),
    ("cache_write_1h_tokens", Some("cache_write_tokens")),
    ("cache_write_12h_tokens", Some("cache_write_tokens")),
    ("audio_input_tokens", Some("input_tokens")),
    ("image_input_tokens", Some("input_tokens")),
    ("output_tokens", Some("tokens")),
    ("reasoning_tokens", Some("output_tokens")),
    ("audio_output_tokens", Some("output_tokens")),
    ("image_output_tokens", Some("output_tokens")),
    ("rejected_prediction_tokens", Some("output_tokens")),
    ("web_searches", None),
    ("web_fetches", None),
    ("tokens", None),
];

/// The classes of a prompt cache's writes whose lives are known.
const WRITES: [&str; 4] =
    ["cache_write_5m_tokens", "cache_write_30m_tokens", "cache_write_1h_tokens", "cache_write_12h_tokens"];

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
    #[serde(default, alias = "prompt_tokens_details")]
    input_tokens_details: Option<InputDetails>,
    #[serde(default, alias = "completion_tokens_details")]
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
    cache_write_tokens: Option<Written>,
    #[serde(default)]
    audio_tokens: Option<u64>,
    #[serde(default)]
    image_tokens: Option<u64>,
}

/// Writes of a prompt cache: their sum, or apart by life.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
enum Written {
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
            iterations
        );
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
            _ => None,
        }
    }

    /// The use by class, no token in two of them; that of other models is in [`Self::others`].
    pub(crate) fn classes(&self) -> Classes {
        let mut classes = self.own();
        for step in self.beyond().filter(|step| step.model.is_none()) {
            for (class, count) in step.report.own() {
                match classes.iter_mut().find(|(known, _)| *known == class) {
                    Some((_, all)) => *all = all.saturating_add(count),
                    None => classes.push((class, count)),
                }
            }
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
                Some(Written::All(all)) => vec![("cache_write_tokens", *all)],
                Some(Written::ByLife { ttl_30m, ttl_12h }) => vec![
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
        classes.retain(|(_, count)| *count > 0);
        classes
    }
}

/// The meter that counts a class: its own, or that of the class it is a kind of.
pub(crate) fn meter<'m>(meters: &'m [Name], class: &str) -> Option<&'m Name> {
    let mut class = Some(class);
    while let Some(name) = class {
        if let Some(meter) = meters.iter().find(|meter| meter.as_str() == name) {
            return Some(meter);
        }
        class = CLASSES.iter().find(|(known, _)| *known == name).and_then(|(_, kind_of)| *kind_of);
    }
    None
}

/// Whether a class is another one, or a kind of it.
fn is_of(class: &str, root: &str) -> bool {
    let kind_of = CLASSES.iter().find(|(known, _)| *known == class).and_then(|(_, kind_of)| *kind_of);
    class == root || kind_of.is_some_and(|kind_of| is_of(kind_of, root))
}

/// Tokens of input and of output, of all kinds.
pub(crate) fn totals(classes: &[(&'static str, u64)]) -> (u64, u64) {
    let of =
        |root: &str| classes.iter().filter(|(class, _)| is_of(class, root)).map(|(_, count)| count).sum();
    (of("input_tokens"), of("output_tokens"))
}

/// The class of a prompt cache's writes that lives longest among those with a meter of their own, for input that asks for it.
pub(crate) fn written(is_long: bool) -> &'static str {
    if is_long { WRITES[2] } else { WRITES[0] }
}

/// The same with kinds that cost no more than what they are a kind of counted as that.
pub(crate) fn plain(classes: &Classes) -> Classes {
    let of = |class: &'static str| match class {
        "cached_input_tokens" => "input_tokens",
        "reasoning_tokens" | "rejected_prediction_tokens" => "output_tokens",
        other => other,
    };
    classes.iter().map(|(class, count)| (of(class), *count)).collect()
}

/// What a use has beyond a hold of so much input and output: more tokens in all, and kinds that may cost more.
pub(crate) fn beyond(
    meters: &[Name],
    classes: &Classes,
    (held_input, held_output): (u64, u64),
    covered: impl Fn(&Name) -> u64,
) -> Quantities {
    let roots = ["input_tokens", "output_tokens"].map(|root| meter(meters, root));
    let mut beyond = Quantities::new();
    let mut dearer = [0_u64; 2];
    for (of, count) in quantities(meters, &plain(classes)) {
        let more = count.saturating_sub(covered(&of));
        if more == 0 || roots.contains(&Some(&of)) {
            continue;
        }
        if is_of(of.as_str(), "input_tokens") {
            dearer[0] += more;
        } else if is_of(of.as_str(), "output_tokens") {
            dearer[1] += more;
        }
        beyond.push((of, more));
    }
    let (input, output) = totals(classes);
    let more = [input.saturating_sub(held_input), output.saturating_sub(held_output)];
    for ((root, more), dearer) in roots.into_iter().zip(more).zip(dearer) {
        let Some(root) = root.filter(|_| more > dearer) else { continue };
        match beyond.iter_mut().find(|(known, _)| known == root) {
            Some((_, all)) => *all += more - dearer,
            None => beyond.push((root.clone(), more - dearer)),
        }
    }
    beyond
}

/// The quantity of each meter. Classes that no meter counts are not sold.
pub(crate) fn quantities(meters: &[Name], classes: &[(&'static str, u64)]) -> Quantities {
    let mut quantities = Quantities::new();
    for (class, count) in classes {
        let Some(meter) = meter(meters, class) else { continue };
        match quantities.iter_mut().find(|(known, _)| known == meter) {
            Some((_, all)) => *all = all.saturating_add(*count),
            None => quantities.push((meter.clone(), *count)),
        }
    }
    quantities
}

/// The same with a zero for each other meter of a class: a request names all that it counts.
pub(crate) fn held(meters: &[Name], classes: &[(&'static str, u64)]) -> Quantities {
    let mut quantities = quantities(meters, classes);
    let is_class = |meter: &&Name| CLASSES.iter().any(|(class, _)| meter.as_str() == *class);
    for meter in meters.iter().filter(is_class) {
        if quantities.iter().all(|(known, _)| known != meter) {
            quantities.push((meter.clone(), 0));
        }
    }
    quantities
}

#[cfg(test)]
mod tests {
    use headworks_core::record::Name;

    use super::{Report, quantities};

    fn report(text: &str) -> Report {
        serde_json::from_str(text).expect(text)
    }

    fn meters(names: &[&str]) -> Vec<Name> {
        names.iter().map(|name| Name::new(name).expect("a name")).collect()
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
    fn a_class_without_a_meter_counts_as_its_own_kind() {
        let classes = [
            ("input_tokens", 1),
            ("cached_input_tokens", 20),
            ("cache_write_1h_tokens", 300),
            ("output_tokens", 4_000),
            ("reasoning_tokens", 50_000),
            ("web_searches", 9),
        ];
        for (names, expected) in [
            (&["input_tokens", "output_tokens"][..], &[("input_tokens", 321), ("output_tokens", 54_000)][..]),
            (
                &["input_tokens", "cache_write_tokens", "reasoning_tokens", "output_tokens"],
                &[
                    ("input_tokens", 21),
                    ("cache_write_tokens", 300),
                    ("output_tokens", 4_000),
                    ("reasoning_tokens", 50_000),
                ],
            ),
            (&["web_searches"], &[("web_searches", 9)]),
        ] {
            let found = quantities(&meters(names), &classes);
            let found: Vec<(&str, u64)> = found.iter().map(|(meter, n)| (meter.as_str(), *n)).collect();
            assert_eq!(found, expected, "{names:?}");
        }
    }
}
