//! The events that records publish, as CloudEvents 1.0.
//!
//! An event is a function of one stored record: its id is the record's name, its kind and the beginning of its chain hash, the
//! same however often it is sent, and a different one if a restored ledger continues differently.
//! Never says anything that is not in the ledger.
//! Source: CloudEvents 1.0.2, JSON format.

use headworks_core::record::{
    AbuseEvent, Alert, CREDITS, CatalogHash, CycleEvent, Event, Name, Record, Seq, Server, Standing,
};
use headworks_wire as wire;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde_json::{Value, json};
use wire::Reference;
pub(crate) use wire::{ALERTS, DATASETS};

use super as render;

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
pub fn events(account: &Name, record: &Record, hash: &[u8; 32]) -> Vec<Outgoing> {
    let mut out = Vec::new();
    let mut add = |kind: &'static str, part: Option<usize>, data: Value| {
        let part = part.map_or_else(String::new, |n| format!("/{n}"));
        let id = format!("{}/{kind}{part}/{}", ascii(account, record.seq), short(hash));
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
    if let Some((kind, data)) = alert(account, record) {
        add(kind, None, data);
    }
    if let Some(invoice) = render::invoices::closed(account, record) {
        add("invoice.closed", None, json!(invoice));
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
    for (n, warning) in render::warnings(record).into_iter().enumerate() {
        add("limit.warning", Some(n), json!(warning));
    }
    if let Event::Server(server) = &record.event
        && let Server::KeysWarned(warnings) = &**server
    {
        for (n, w) in warnings.iter().enumerate() {
            let data = json!({"key": w.key, "limit": w.limit, "percent": w.percent, "used": w.used, "of": w.of, "at": w.at});
            add("key.warning", Some(n), data);
        }
    }
    for (n, movement) in render::movements(record).into_iter().enumerate() {
        add("movement", Some(n), json!(movement));
    }
    out
}

/// What a record's name in a header must not have: bytes beyond ASCII, which receivers read differently, the blank, and the sign of
/// what was encoded.
const NOT_IN_HEADERS: &AsciiSet = &CONTROLS.add(b' ').add(b'%');

/// The name of a record, percent-encoded where a header needs it: `Zo%C3%AB~17`.
pub(crate) fn ascii(account: &Name, seq: Seq) -> String {
    let record = Reference::Record(account.clone(), seq).to_string();
    utf8_percent_encode(&record, NOT_IN_HEADERS).to_string()
}

/// The beginning of a chain hash: a record that took the place of another in a restored ledger has a different one.
pub(crate) fn short(hash: &[u8; 32]) -> String {
    super::hex(hash.get(..4).unwrap_or_default())
}

fn alert(account: &Name, record: &Record) -> Option<(&'static str, Value)> {
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
    if let Event::Cycle(cycle) = &record.event
        && let CycleEvent::IncreaseAsked(terms) = &**cycle
    {
        let what = json!({"increase": Reference::Record(account.clone(), record.seq), "limit": terms.limit,
            "path": terms.path, "until": terms.until, "reason": terms.reason, "actor": record.actor});
        return Some(("increase.asked", what));
    }
    if let Event::Abuse(abuse) = &record.event {
        return match &**abuse {
            AbuseEvent::Began(effect) => Some((
                "abuse.began",
                json!({"rule": effect.rule, "key": effect.key, "limit": effect.limit, "figure": effect.figure,
                    "reference": effect.reference, "until": effect.until, "step_up_at": effect.step_up_at}),
            )),
            AbuseEvent::Lifted { rule, key, reason } => Some((
                "abuse.lifted",
                json!({"rule": rule, "key": key, "reason": reason, "actor": record.actor}),
            )),
            AbuseEvent::Disputed(reason) => Some(("payment.disputed", json!({"reason": reason}))),
            AbuseEvent::FreeGrant { .. } => None,
        };
    }
    let Event::Server(server) = &record.event else { return None };
    match &**server {
        Server::ReconcileFailed { found, first, accounts } => {
            Some(("reconcile.failed", json!({"findings": found, "first": first, "damaged": accounts})))
        }
        Server::WebhookGone { webhook, .. } => Some(("webhook.gone", json!({"webhook": webhook}))),
        Server::WebhookParked { webhook, account, record, reason, .. } => {
            let record = Reference::Record(account.clone(), *record);
            let what = json!({"webhook": webhook, "account": account, "record": record, "reason": reason});
            Some(("webhook.parked", what))
        }
        Server::WebhookSet { .. }
        | Server::InboundSet { .. }
        | Server::InboundRemoved(_)
        | Server::KeyRotated { .. }
        | Server::KeysUsed(_)
        | Server::CallsNoted(_)
        | Server::KeysWarned(_)
        | Server::WebhookRemoved(_)
        | Server::WebhookResumed { .. }
        | Server::WebhookCaughtUp { .. }
        | Server::SupplyChanged(_)
        | Server::CheckKeyMade(_)
        | Server::TestClockMoved(_) => None,
    }
}
