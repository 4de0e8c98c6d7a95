//! Metrics in the OpenMetrics text format: the engine's counters and the time of requests.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use headworks_api::outbox::Board;
use headworks_api::{Api, LaneFigures, Lanes};
use headworks_engine::capacity::supply::SupplyView;
use headworks_engine::{Engine, Hook};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use crate::body::Budget;
use crate::connections::Places;
use crate::memory::Memory;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    route: String,
    status: u16,
}

/// Registers the metrics of others.
pub(crate) type Register = Box<dyn FnOnce(&mut Registry) + Send + Sync>;

/// All metrics of one server.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Histogram>,
}

/// Reads the engine's counters, and how webhooks are doing, when they are asked for.
#[derive(Debug)]
struct EngineCollector(Arc<Engine>, Arc<Board>);

/// Reads how connections and bodies stand, when they are asked for.
#[derive(Debug)]
struct EdgeCollector(Arc<Places>, Arc<Budget>, Arc<Memory>);

/// Reads what calls that compute long are doing, when it is asked for.
#[derive(Debug)]
struct LaneCollector(Arc<Lanes>);

impl Metrics {
    pub(crate) fn new(
        api: &Api,
        places: &Arc<Places>,
        bodies: &Arc<Budget>,
        memory: &Arc<Memory>,
        more: Option<Register>,
    ) -> Self {
        let mut registry = Registry::with_prefix("headworks");
        let requests: Family<RequestLabels, Histogram> =
            Family::new_with_constructor(|| Histogram::new(exponential_buckets(0.000_1, 2.0, 16)));
        registry.register("http_request_duration_seconds", "Time of HTTP requests", requests.clone());
        registry
            .register_collector(Box::new(EngineCollector(Arc::clone(api.engine()), Arc::clone(api.board()))));
        registry.register_collector(Box::new(LaneCollector(Arc::clone(api.lanes()))));
        registry.register_collector(Box::new(EdgeCollector(
            Arc::clone(places),
            Arc::clone(bodies),
            Arc::clone(memory),
        )));
        if let Some(register) = more {
            register(&mut registry);
        }
        Self { registry, requests }
    }

    pub(crate) fn observe(&self, route: &str, status: u16, seconds: f64) {
        self.requests.get_or_create(&RequestLabels { route: route.to_owned(), status }).observe(seconds);
    }

    pub(crate) fn text(&self) -> Result<String, std::fmt::Error> {
        let mut out = String::new();
        prometheus_client::encoding::text::encode(&mut out, &self.registry)?;
        Ok(out)
    }
}

/// Name and help of a metric of a supply, and where its value is.
type SupplyFigure = (&'static str, &'static str, fn(&SupplyView) -> Option<u64>);

/// The same of a webhook.
type HookFigure = (&'static str, &'static str, fn(&Board, &Hook) -> u64);

/// The same of a lane.
type LaneFigure = (&'static str, &'static str, fn(&LaneFigures) -> u64);

fn counter(e: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: u64) -> Result<(), std::fmt::Error> {
    let counter = ConstCounter::new(value);
    counter.encode(e.encode_descriptor(name, help, None, counter.metric_type())?)
}

fn gauge(e: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: usize) -> Result<(), std::fmt::Error> {
    let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
    gauge.encode(e.encode_descriptor(name, help, None, gauge.metric_type())?)
}

impl Collector for EdgeCollector {
    fn encode(&self, mut e: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let Self(places, bodies, memory) = self;
        gauge(&mut e, "connections", "Open connections", places.taken())?;
        let displaced = places.displaced.load(Ordering::Relaxed);
        let help = "Unauthenticated connections that gave their place to a newcomer";
        counter(&mut e, "connections_displaced", help, displaced)?;
        let refused = places.refused.load(Ordering::Relaxed);
        counter(&mut e, "connections_refused", "Connections that found no place", refused)?;
        gauge(&mut e, "body_bytes", "Memory of bodies and large answers", bodies.used())?;
        let resident = usize::try_from(memory.resident()).unwrap_or(usize::MAX);
        gauge(&mut e, "resident_bytes", "Resident anonymous memory of the process", resident)?;
        gauge(
            &mut e,
            "memory_short",
            "1 while new work is refused for want of memory",
            usize::from(memory.is_short()),
        )
    }
}

impl Collector for LaneCollector {
    fn encode(&self, mut e: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let lanes = self.0.figures();
        let counters: [LaneFigure; 2] = [
            ("lane_calls", "Calls that a lane of long computations took", |of| of.calls),
            ("lane_refused", "Calls refused because a lane, or their caller in it, had too many", |of| {
                of.refused
            }),
        ];
        for (name, help, figure) in counters {
            let mut family = e.encode_descriptor(name, help, None, MetricType::Counter)?;
            for (lane, of) in &lanes {
                ConstCounter::new(figure(of)).encode(family.encode_family(&[("lane", *lane)])?)?;
            }
        }
        let help = "Calls that wait for their turn in a lane";
        let mut family = e.encode_descriptor("lane_waiting", help, None, MetricType::Gauge)?;
        for (lane, of) in &lanes {
            let waiting = ConstGauge::new(i64::try_from(of.waiting).unwrap_or(i64::MAX));
            waiting.encode(family.encode_family(&[("lane", *lane)])?)?;
        }
        Ok(())
    }
}

impl Collector for EngineCollector {
    fn encode(&self, mut e: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let stats = self.0.stats();
        let snapshot = stats.snapshot();
        let mut family =
            e.encode_descriptor("decisions", "Decisions by reason", None, MetricType::Counter)?;
        for (reason, count) in snapshot.reasons {
            let labels = [("reason", reason.as_str())];
            ConstCounter::new(count).encode(family.encode_family(&labels)?)?;
        }
        let mut family =
            e.encode_descriptor("decision_outcomes", "Decisions by outcome", None, MetricType::Counter)?;
        for (outcome, count) in snapshot.outcomes {
            let labels = [("outcome", outcome.as_str())];
            ConstCounter::new(count).encode(family.encode_family(&labels)?)?;
        }
        let of_rules = [
            ("abuse_effects", "Effects of abuse rules that began", snapshot.effects),
            (
                "abuse_observed",
                "Requests that an observed abuse rule would have held off or demoted",
                snapshot.observed,
            ),
        ];
        for (name, help, counts) in of_rules {
            let mut family = e.encode_descriptor(name, help, None, MetricType::Counter)?;
            for (rule, count) in counts {
                ConstCounter::new(count).encode(family.encode_family(&[("rule", rule.as_str())])?)?;
            }
        }
        let help = "Requests that an observed guard would have refused";
        let mut family = e.encode_descriptor("guards_observed", help, None, MetricType::Counter)?;
        for (guard, count) in &snapshot.observed_guards {
            ConstCounter::new(*count).encode(family.encode_family(&[("guard", guard.as_str())])?)?;
        }
        let load = |n: &std::sync::atomic::AtomicU64| n.load(Ordering::Relaxed);
        counter(&mut e, "records", "Records made durable", load(&stats.records))?;
        counter(&mut e, "commits", "Group commits", load(&stats.commits))?;
        counter(&mut e, "committed_bytes", "Bytes of records made durable", load(&stats.bytes))?;
        counter(&mut e, "append_microseconds", "Time spent writing and syncing", load(&stats.append_micros))?;
        counter(&mut e, "replays", "Answers repeated for a key", load(&stats.replays))?;
        counter(
            &mut e,
            "overloads",
            "Requests refused because too much was waiting",
            load(&stats.overloads),
        )?;
        counter(
            &mut e,
            "conflicts",
            "Commits decided again after losing to another writer",
            load(&stats.conflicts),
        )?;
        counter(
            &mut e,
            "in_doubt",
            "Further attempts at appends whose outcome was in doubt",
            load(&stats.doubts),
        )?;
        counter(&mut e, "overshoots", "Charges that no source paid in full", load(&stats.overshoots))?;
        let largest = ConstGauge::new(i64::try_from(load(&stats.overshoot_max)).unwrap_or(i64::MAX));
        let help = "The largest unpaid part of a charge since the start, in nano-credits";
        largest.encode(e.encode_descriptor("overshoot_max_nano", help, None, largest.metric_type())?)?;
        let supplies = self.0.supplies();
        let figures: [SupplyFigure; 6] = [
            ("supply_rate", "Rate in force of a supply, in cost a second", |v| v.rate),
            ("supply_served", "Cost a second let into a supply during the last tick", |v| Some(v.served)),
            ("supply_in_flight", "Cost in flight of a supply", |v| Some(v.in_flight)),
            ("supply_in_flight_max", "Most cost in flight of a supply", |v| v.in_flight_max),
            ("supply_waiting", "Requests waiting for room in a supply", |v| Some(v.waiting)),
            ("supply_active_seats", "Keys of accounts with recent work in a supply", |v| {
                u64::try_from(v.active).ok()
            }),
        ];
        for (name, help, figure) in figures {
            let mut family = e.encode_descriptor(name, help, None, MetricType::Gauge)?;
            for (supply, _, view, _) in &supplies {
                if let Some(value) = figure(view) {
                    let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
                    gauge.encode(family.encode_family(&[("supply", supply.as_str())])?)?;
                }
            }
        }
        let hooks = self.0.webhooks();
        let figures: [HookFigure; 3] = [
            (
                "webhook_gone",
                "1 for a webhook whose receiver is gone and that has not been set since",
                |_, hook| u64::from(hook.is_gone),
            ),
            (
                "webhook_failed_attempts",
                "Failed attempts in a row at what a webhook is sending",
                |all, hook| u64::from(all.attempts(hook)),
            ),
            ("webhook_parked_accounts", "Accounts that wait in a webhook for a refused record", |_, hook| {
                u64::try_from(hook.parked.len()).unwrap_or(u64::MAX)
            }),
        ];
        for (name, help, figure) in figures {
            let mut family = e.encode_descriptor(name, help, None, MetricType::Gauge)?;
            for (webhook, hook) in hooks.iter() {
                let gauge = ConstGauge::new(i64::try_from(figure(&self.1, hook)).unwrap_or(i64::MAX));
                gauge.encode(family.encode_family(&[("webhook", webhook.as_str())])?)?;
            }
        }
        let soon = self.0.keyring().expiring_soon(self.0.clock().now()).len();
        let gauge = ConstGauge::new(i64::try_from(soon).unwrap_or(i64::MAX));
        let help = "API keys that expire within 14 days";
        gauge.encode(e.encode_descriptor("keys_expiring", help, None, gauge.metric_type())?)?;
        let (last, passes) = self.0.reconciled();
        counter(&mut e, "reconcile_passes", "Passes of online reconciliation that have ended", passes)?;
        let found = last.map_or(0, |pass| pass.found());
        let gauge = ConstGauge::new(i64::try_from(found).unwrap_or(i64::MAX));
        let help = "Records and places of the journal that are not what they should be, as of the last pass";
        gauge.encode(e.encode_descriptor("reconcile_findings", help, None, gauge.metric_type())?)
    }
}
