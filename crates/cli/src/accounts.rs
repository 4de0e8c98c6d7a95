//! The calls about one account: opening, changing, reading it, and its limits.

use std::collections::BTreeMap;

use headworks_core::record::{Id, Segment};
use headworks_terminal::values::encoded;
use headworks_terminal::{Client, Failed};
use headworks_wire as wire;
use hyper::Method;
use serde_json::Value;

use crate::arguments::{AccountCommand, OverrideArguments};
use crate::remote::key_of;

pub(crate) fn account_path(reference: &wire::Reference, rest: &str) -> String {
    format!("/v1/accounts/{}/{rest}", encoded(reference.account().as_str()))
}

/// Runs one call.
pub(crate) async fn run(
    client: &mut Client,
    command: AccountCommand,
) -> Result<(&'static str, Value), Failed> {
    let at = |account: &Id, rest: &str| format!("/v1/accounts/{}{rest}", encoded(account.as_str()));
    Ok(match command {
        AccountCommand::Open { account, plan, consent, billing_anchor, zone, tier } => {
            let ask = wire::OpenAccountRequest {
                capacity: None,
                tier,
                id: account,
                plan,
                consent,
                billing_anchor,
                zone,
                segments: std::collections::BTreeMap::new(),
                idempotency_key: None,
            };
            ("account", client.post("/v1/accounts", None, &ask).await?)
        }
        AccountCommand::Change {
            account,
            plan,
            suspended,
            consent,
            pool_caps,
            hourly_caps,
            zone,
            tier,
            reason,
            key,
        } => {
            let mut segments: BTreeMap<Segment, Option<wire::SegmentSettings>> = BTreeMap::new();
            for (segment, credits) in pool_caps {
                segments.entry(segment).or_default().get_or_insert_default().pool_cap = Some(credits);
            }
            for (segment, credits) in hourly_caps {
                segments.entry(segment).or_default().get_or_insert_default().hourly_cap = Some(credits);
            }
            let ask = wire::ChangeAccountRequest {
                plan,
                suspended,
                consent,
                segments,
                zone,
                tier: tier.map(Some),
                reason,
                idempotency_key: Some(key_of(key)?),
                ..wire::ChangeAccountRequest::default()
            };
            let path = at(&account, "");
            ("account", client.call(Method::PATCH, &path, None, Some(&ask)).await?)
        }
        AccountCommand::Pause { account, until, reason, key } => {
            let ask = wire::PauseAccountRequest { until, reason, idempotency_key: Some(key_of(key)?) };
            ("change", client.post(&at(&account, "/pause"), None, &ask).await?)
        }
        AccountCommand::Resume { account, reason, key } => {
            let ask = wire::ResumeAccountRequest { reason, idempotency_key: Some(key_of(key)?) };
            ("change", client.post(&at(&account, "/resume"), None, &ask).await?)
        }
        AccountCommand::List { after, max } => {
            let after = after.map_or(String::new(), |after| format!("&after={}", encoded(after.as_str())));
            ("accounts", client.get(&format!("/v1/accounts?max={max}{after}")).await?)
        }
        AccountCommand::Show { account } => ("account", client.get(&at(&account, "")).await?),
        AccountCommand::Balances { account, at: moment } => {
            let query = moment.map_or_else(String::new, |instant| format!("?at={instant}"));
            ("balances", client.get(&at(&account, &format!("/balances{query}"))).await?)
        }
        AccountCommand::Abuse { account: Some(account), .. } => {
            ("abuse", client.get(&at(&account, "/abuse")).await?)
        }
        AccountCommand::Abuse { account: None, rule } => {
            let query = rule.map_or_else(String::new, |rule| format!("?rule={}", rule.as_str()));
            ("held_back", client.get(&format!("/v1/abuse{query}")).await?)
        }
        AccountCommand::Lift { account, rule, of_key, reason, key } => {
            let ask = wire::LiftRequest { rule, key: of_key, reason, idempotency_key: Some(key_of(key)?) };
            ("change", client.post(&at(&account, "/abuse/lift"), None, &ask).await?)
        }
        AccountCommand::Report { account, signal, of_key, reason, key } => {
            let idempotency_key = Some(key_of(key)?);
            let ask = wire::SignalRequest { signal, key: of_key, reason, idempotency_key };
            ("signal", client.post(&at(&account, "/signals"), None, &ask).await?)
        }
        AccountCommand::Windows { account } => ("windows", client.get(&at(&account, "/windows")).await?),
        AccountCommand::ClosePeriods { account, windows, path, reason, key } => {
            let idempotency_key = Some(key_of(key)?);
            let ask = wire::ClosePeriodsRequest { windows, path, reason, idempotency_key };
            ("change", client.post(&at(&account, "/windows/close"), None, &ask).await?)
        }
        AccountCommand::Override(ask) => {
            let path = at(&ask.account, "/overrides");
            ("change", client.post(&path, None, &another_figure(ask)?).await?)
        }
        AccountCommand::Overrides { account } => {
            ("overrides", client.get(&at(&account, "/overrides")).await?)
        }
        AccountCommand::Seat { account, seat, kind, member, reason, key } => {
            let idempotency_key = Some(key_of(key)?);
            let ask = wire::SeatRequest { seat, kind, member, reason, idempotency_key };
            ("change", client.post(&at(&account, "/seats"), None, &ask).await?)
        }
        AccountCommand::Seats { account } => ("seats", client.get(&at(&account, "/seats")).await?),
        AccountCommand::AssignSeat { account, seat, member, reason, key } => {
            let ask = wire::AssignSeatRequest { member, reason, idempotency_key: Some(key_of(key)?) };
            ("change", client.post(&at(&account, &format!("/seats/{seat}/assign")), None, &ask).await?)
        }
        AccountCommand::RemoveSeat { account, seat, reason, key } => {
            let ask = wire::RemoveSeatRequest { reason, idempotency_key: Some(key_of(key)?) };
            ("change", client.post(&at(&account, &format!("/seats/{seat}/remove")), None, &ask).await?)
        }
        AccountCommand::AskIncrease(ask) => {
            let path = at(&ask.account, "/increases");
            ("change", client.post(&path, None, &another_figure(ask)?).await?)
        }
        AccountCommand::Increases { account } => {
            ("increases", client.get(&at(&account, "/increases")).await?)
        }
        AccountCommand::ApproveIncrease { id, value, until, reason } => {
            let path = account_path(&id, &format!("increases/{}/approve", encoded(&id.to_string())));
            let value = value.map(wire::OverrideValue::Text);
            (
                "change",
                client.post(&path, None, &wire::ApproveIncreaseRequest { value, until, reason }).await?,
            )
        }
        AccountCommand::DenyIncrease { id, reason } => {
            let path = account_path(&id, &format!("increases/{}/deny", encoded(&id.to_string())));
            ("change", client.post(&path, None, &wire::DenyIncreaseRequest { reason }).await?)
        }
        AccountCommand::RemoveOverride { id, reason } => {
            let path = account_path(&id, &format!("overrides/{}/remove", encoded(&id.to_string())));
            ("change", client.post(&path, None, &wire::RemoveOverrideRequest { reason }).await?)
        }
        AccountCommand::Invoices { account } => ("invoices", client.get(&at(&account, "/invoices")).await?),
        AccountCommand::PayInvoice { id, reference, key } => {
            let path = account_path(&id, &format!("invoices/{}/pay", encoded(&id.to_string())));
            let ask = wire::PayInvoiceRequest { reference, idempotency_key: Some(key_of(key)?) };
            ("change", client.post(&path, None, &ask).await?)
        }
        AccountCommand::Holds { account } => ("holds", client.get(&at(&account, "/holds")).await?),
        AccountCommand::Records { account, from, max } => {
            ("records", client.get(&at(&account, &format!("/records?from={from}&max={max}"))).await?)
        }
    })
}

fn another_figure(ask: OverrideArguments) -> Result<wire::OverrideRequest, Failed> {
    let OverrideArguments { limit, value, path, until, reason, key, .. } = ask;
    Ok(wire::OverrideRequest {
        limit,
        path,
        value: wire::OverrideValue::Text(value),
        until,
        reason,
        idempotency_key: Some(key_of(key)?),
    })
}
