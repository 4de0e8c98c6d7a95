//! Metrics of the gateway: how calls ended, how long upstreams took, and what was charged without a report.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

/// How an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// All of it was passed on.
    Complete,
    /// Nobody pays for more.
    Cut,
    /// Its caller has gone.
    Left,
    /// The upstream broke off.
    Broken,
    /// The gateway is shutting down.
    Stopped,
    /// Another attempt takes its place.
    Replaced,
}

/// No upstream serves it.
pub(crate) const REFUSED: &str = "refused";
/// It was not let in.
pub(crate) const DENIED: &str = "denied";
/// It goes on in the background.
pub(crate) const BACKGROUND: &str = "background";

impl Ended {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Cut => "cut",
            Self::Left => "left",
            Self::Broken => "broken",
            Self::Stopped => "stopped",
            Self::Replaced => "replaced",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfCalls {
    model: String,
    ended: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfUpstream {
    upstream: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfAnswers {
    upstream: String,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfModel {
    model: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfUse {
    model: String,
    class: &'static str,
}

/// All of them; models and upstreams are those of the set-up, so there are only so many.
#[derive(Debug)]
pub(crate) struct Metrics {
    calls: Family<OfCalls, Counter>,
    answers: Family<OfAnswers, Counter>,
    heads: Family<OfUpstream, Histogram>,
    used: Family<OfUse, Counter>,
    estimated: Family<OfModel, Counter>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            calls: Family::default(),
            answers: Family::default(),
            heads: Family::new_with_constructor(|| Histogram::new(exponential_buckets(0.001, 2.0, 18))),
            used: Family::default(),
            estimated: Family::default(),
        }
    }
}

impl Metrics {
    pub(crate) fn register(&self, registry: &mut Registry) {
        let gateway = registry.sub_registry_with_prefix("gateway");
        gateway.register("calls", "Model calls by how they ended", self.calls.clone());
        gateway.register(
            "upstream_answers",
            "Answers of upstreams by status; 0: none came",
            self.answers.clone(),
        );
        let help = "Time from a request to the head of its answer";
        gateway.register_with_unit("upstream_answer", help, Unit::Seconds, self.heads.clone());
        gateway.register("used", "Use that was charged, by class", self.used.clone());
        let help = "Charges that no report of an upstream says";
        gateway.register("estimated", help, self.estimated.clone());
    }

    pub(crate) fn ended(&self, model: &str, ended: &'static str) {
        self.calls.get_or_create(&OfCalls { model: model.to_owned(), ended }).inc();
    }

    /// An upstream answered with a status, or not at all.
    pub(crate) fn answered(&self, upstream: &str, status: Option<u16>, took: Duration) {
        let upstream = upstream.to_owned();
        let of = OfAnswers { upstream: upstream.clone(), status: status.unwrap_or(0) };
        self.answers.get_or_create(&of).inc();
        if status.is_some() {
            self.heads.get_or_create(&OfUpstream { upstream }).observe(took.as_secs_f64());
        }
    }

    pub(crate) fn charged(&self, model: &str, classes: &[(&'static str, u64)], is_reported: bool) {
        for (class, count) in classes.iter().filter(|(_, count)| *count > 0) {
            self.used.get_or_create(&OfUse { model: model.to_owned(), class }).inc_by(*count);
        }
        if !is_reported {
            self.estimated.get_or_create(&OfModel { model: model.to_owned() }).inc();
        }
    }
}
