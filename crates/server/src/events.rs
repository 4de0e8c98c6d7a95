//! What records say to the outside: events as CloudEvents 1.0, and charged use as Stripe meter events.
//!
//! An event is a function of one stored record: its id is the record's name and its kind, the same however often it is
//! sent. Never says anything that is not in the ledger.
//! Sources: CloudEvents 1.0.2, JSON format; Stripe API, `billing/meter_events`.

use headworks_core::record::{
    Alert, CREDITS, CatalogHash, Charge, Conduct, Event, Name, Record, Server, Source, Standing,
};
use headworks_wire as wire;
use serde_json::{Value, json};
use wire::Reference;

use crate::render;

/// The kinds that are sent when a webhook names none: what people are to hear about.
pub(crate) const NOTICES: [&str; 12] = [
    "balance.low",
    "balance.empty",
    "balance.recovered",
    "hold.expired",
    "overshoot.refunded",
    "top_up.asked",
    "top_up.failed",
    "catalog.changed",
    "reconcile.failed",
    "abuse.began",
    "abuse.lifted",
    "payment.disputed",
];

/// The linked datasets, on request.
pub(crate) const DATASETS: [&str; 3] = ["usage", "charge", "movement"];

/// One event.
#[derive(Clone, Debug, PartialEq)]
pub struct Outgoing {
    /// The kind, without the prefix that CloudEvents types have.
    pub kind: &'static str,
    /// Unique for ever.
    pub id: String,
    /// The CloudEvent.
    pub event: Value,
}

/// The events of a record.
#[must_use]
pub fn events(account: &Name, record: &Record) -> Vec<Outgoing> {
    let mut out = Vec::new();
    let mut add = |kind: &'static str, part: Option<usize>, data: Value| {
        let part = part.map_or_else(String::new, |n| format!("/{n}"));
        let id = format!("{}/{kind}{part}", Reference::Record(account.clone(), record.seq));
        let event = json!({
            "specversion": "1.0",
            "id": id,
            "source": "/headworks",
            "type": format!("dev.headworks.{kind}"),
            "subject": account,
            "time": record.effective_at,
            "datacontenttype": "application/json",
            "data": data,
        });
        out.push(Outgoing { kind, id, event });
    };
    if let Some((kind, data)) = notice(account, record) {
        add(kind, None, data);
    }
    if let Some(charge) = record.charge() {
        let refunded = charge.excess.as_ref().filter(|e| e.refunded.is_positive());
        if let Some(excess) = refunded.filter(|_| !matches!(record.event, Event::Corrected { .. })) {
            add(
                "overshoot.refunded",
                None,
                json!({"refunded": excess.refunded, "usage": render::usage(&charge.usage)}),
            );
        }
        let key = record.key.as_ref().map(|k| k.text.to_string());
        let parents: Vec<_> = record.parents.iter().map(|p| Reference::Record(account.clone(), *p)).collect();
        let usage = json!({"usage": render::usage(&charge.usage), "idempotency_key": key,
            "recorded_at": record.recorded_at, "parents": parents,
            "corrects": matches!(record.event, Event::Corrected { .. })});
        add("usage", None, usage);
        add("charge", None, json!(render::charge_of_record(account, record, false)));
    }
    for (n, movement) in render::movements(record).into_iter().enumerate() {
        add("movement", Some(n), json!(movement));
    }
    out
}

fn notice(account: &Name, record: &Record) -> Option<(&'static str, Value)> {
    let unit = record.unit.as_ref().map_or(CREDITS, Name::as_str);
    if let Event::Alert(alert) = &record.event {
        return Some(match alert {
            Alert::Crossed { standing, number, balance } => {
                let kind = match standing {
                    Standing::Low => "balance.low",
                    Standing::Empty => "balance.empty",
                    Standing::Fine => "balance.recovered",
                };
                (kind, json!({"available": balance, "unit": unit, "crossing": number}))
            }
            Alert::TopUpAsked { number, amount } => {
                let key = format!("{account}/{number}");
                ("top_up.asked", json!({"number": number, "amount": amount, "unit": unit, "charge_key": key}))
            }
            Alert::TopUpFailed { number, reason } => {
                ("top_up.failed", json!({"number": number, "reason": reason}))
            }
        });
    }
    if let Event::Expired { hold, charge } = &record.event {
        let hold = Reference::Record(account.clone(), hold.0);
        return Some((
            "hold.expired",
            json!({"hold": hold, "charged": charge.as_ref().map(|c| c.price), "unit": unit}),
        ));
    }
    if let Event::CatalogLoaded { label: version, text, changes } = &record.event {
        let hash = CatalogHash::of(text);
        let what = json!({"version": version, "hash": hash, "actor": record.actor, "changes": changes});
        return Some(("catalog.changed", what));
    }
    if let Event::Conduct(conduct) = &record.event {
        return match &**conduct {
            Conduct::Began(effect) => Some((
                "abuse.began",
                json!({"rule": effect.rule, "key": effect.key, "limit": effect.limit, "figure": effect.figure,
                    "reference": effect.reference, "until": effect.until, "step_up_at": effect.step_up_at}),
            )),
            Conduct::Lifted { rule, key, reason } => Some((
                "abuse.lifted",
                json!({"rule": rule, "key": key, "reason": reason, "actor": record.actor}),
            )),
            Conduct::Disputed(reason) => Some(("payment.disputed", json!({"reason": reason}))),
            Conduct::FreeGrant { .. } => None,
        };
    }
    if let Event::Server(server) = &record.event
        && let Server::ReconcileFailed { found, first, accounts } = &**server
    {
        return Some(("reconcile.failed", json!({"findings": found, "first": first, "damaged": accounts})));
    }
    None
}

/// A call to Stripe's API: the path, and the form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StripeCall {
    /// Below the webhook's URL.
    pub path: &'static str,
    /// Stripe's own key against doubles, besides the identifier.
    pub id: String,
    /// Names and values.
    pub form: Vec<(&'static str, String)>,
}

/// The Stripe meter events of a record: one for each charged line that paid sources pay for; the account is the customer,
/// the meter the event's name. A correction cancels the events of its charge before it sends its own.
#[must_use]
pub fn stripe_calls(account: &Name, record: &Record, corrected: Option<&Record>) -> Vec<StripeCall> {
    let mut calls = Vec::new();
    let name = |of: &Record, meter: &Name| format!("{}/{meter}", Reference::Record(account.clone(), of.seq));
    if let Some(corrected) = corrected
        && let Some(charge) = corrected.charge()
    {
        for line in billed(charge) {
            let id = name(corrected, &line.meter);
            calls.push(StripeCall {
                path: "/v1/billing/meter_event_adjustments",
                id: format!("{id}/cancel"),
                form: vec![
                    ("event_name", line.meter.to_string()),
                    ("type", "cancel".into()),
                    ("cancel[identifier]", id),
                ],
            });
        }
    }
    if let Some(charge) = record.charge() {
        for line in billed(charge) {
            let id = name(record, &line.meter);
            calls.push(StripeCall {
                path: "/v1/billing/meter_events",
                id: id.clone(),
                form: vec![
                    ("event_name", line.meter.to_string()),
                    ("identifier", id),
                    ("payload[stripe_customer_id]", account.to_string()),
                    ("payload[value]", line.quantity.to_string()),
                    ("timestamp", (record.effective_at.micros() / 1_000_000).to_string()),
                ],
            });
        }
    }
    calls
}

fn billed(charge: &Charge) -> impl Iterator<Item = &headworks_core::record::Line> {
    let paid = charge.draws.iter().any(|d| d.source.is_paid() || d.source == Source::Debt);
    charge.usage.lines.iter().filter(move |l| paid && l.quantity > 0)
}
