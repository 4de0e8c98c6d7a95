//! The commands that call the API, one for each call.

use std::path::Path as File;

use headworks_core::catalog::{Catalog, Format};
use headworks_core::record::{Id, Name};
use headworks_terminal::values::encoded;
use headworks_terminal::{
    Client, Failed, Outcome,
    print::{self, counted},
    read, say, say_part,
};
use headworks_wire as wire;
use hyper::Method;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::accounts::account_path;
use crate::arguments::{
    AuthorizeArguments, Call, CatalogCommand, CreditsCall, KeyArgument, Remote, TestClockCommand,
    WhatArguments,
};
use crate::remote::{connect, key_of};

/// Reads a file, or standard input for `-`.
pub(crate) fn text_of(file: &File) -> Result<String, String> {
    let read = if file.as_os_str() == "-" {
        std::io::read_to_string(std::io::stdin())
    } else {
        std::fs::read_to_string(file)
    };
    read.map_err(|e| format!("{}: {e}", file.display()))
}

/// `headworks check-catalog`: without a server.
pub(crate) fn check_catalog(file: &File, as_json: bool) -> Outcome {
    let text = text_of(file)?;
    match Catalog::parse(&text, Format::of(&text)) {
        Ok(catalog) => {
            let names = |names: Vec<&Name>| names.iter().map(|n| n.to_string()).collect::<Vec<_>>();
            let (plans, features) = (names(catalog.plan_names()), names(catalog.feature_names()));
            if as_json {
                let warnings: Vec<String> = catalog.warnings.kept.iter().map(ToString::to_string).collect();
                let told: Vec<_> =
                    catalog.told().into_iter().map(|t| json!({"about": t.head, "lines": t.lines})).collect();
                let shown = json!({"version": catalog.version, "plans": plans, "features": features, "told": told,
                    "warnings": warnings, "warnings_count": catalog.warnings.count});
                say!("{shown}")?;
            } else {
                say!("{}: version {} is correct", file.display(), catalog.version)?;
                for about in catalog.told() {
                    say!("\n{}", about.head)?;
                    for line in about.lines {
                        say!("  {line}")?;
                    }
                }
                say!("")?;
                for warning in &catalog.warnings.kept {
                    say!("warning: {warning}")?;
                }
                if catalog.warnings.more() > 0 {
                    say!("and {} more warnings", catalog.warnings.more())?;
                }
            }
            Ok(())
        }
        Err(problems) => {
            let mut lines: Vec<String> =
                problems.kept.iter().map(|p| format!("{}: {p}", file.display())).collect();
            if problems.more() > 0 {
                lines.push(format!("and {} more", problems.more()));
            }
            let problems = counted(problems.count, "problem");
            Err(format!("the catalog has {problems}\n{}", lines.join("\n")).into())
        }
    }
}

/// `headworks schema`.
pub(crate) fn schema() -> Outcome {
    say!("{}", serde_json::to_string_pretty(&headworks_api::catalog_schema())?)?;
    Ok(())
}

fn authorize(a: AuthorizeArguments, key: Option<Id>) -> wire::AuthorizeRequest {
    let WhatArguments { account, feature, path, dimensions, quantities, consent } = a.what;
    wire::AuthorizeRequest {
        account,
        feature,
        path,
        dimensions: dimensions.into_iter().collect(),
        quantities: quantities.into_iter().collect(),
        parts: None,
        min: a.min.map(|m| [m].into_iter().collect()),
        settle: if a.settle_now { wire::Settle::Now } else { wire::Settle::Later },
        consent,
        life: a.life,
        max_wait: a.max_wait,
        source: a.source,
        idempotency_key: key,
    }
}

/// Runs one call and prints its answer.
pub(crate) async fn run(call: Call, remote: &Remote, as_json: bool) -> Outcome {
    let mut client = connect(remote).await?;
    let (kind, answer): (&str, Value) = match call {
        Call::Authorize(mut a) => {
            let key = key_of(KeyArgument { key: a.key.key.take() })?;
            ("decision", client.post("/v1/authorize", None, &authorize(a, Some(key))).await?)
        }
        Call::Check(a) => ("decision", client.post("/v1/check", None, &authorize(a, None)).await?),
        Call::Extend { hold, quantities, min, life, progress, consent, key } => {
            let ask = wire::ExtendRequest {
                hold,
                quantities: quantities.into_iter().collect(),
                parts: None,
                min: min.map(|m| [m].into_iter().collect()),
                life,
                progress: (!progress.is_empty()).then(|| progress.into_iter().collect()),
                consent,
                idempotency_key: Some(key_of(key)?),
            };
            ("decision", client.post("/v1/extend", None, &ask).await?)
        }
        Call::Settle { hold, quantities, dimensions } => {
            let quantities = quantities.into_iter().collect();
            let dimensions = (!dimensions.is_empty()).then(|| dimensions.into_iter().collect());
            let ask =
                wire::SettleRequest { hold, quantities, dimensions, parts: None, idempotency_key: None };
            ("charge", client.post("/v1/settle", None, &ask).await?)
        }
        Call::Release { hold } => {
            let ask = wire::ReleaseRequest { hold, idempotency_key: None };
            ("change", client.post("/v1/release", None, &ask).await?)
        }
        Call::Record { what, effective_at, key } => {
            let ask = wire::RecordRequest {
                account: what.account,
                feature: what.feature,
                path: what.path,
                dimensions: what.dimensions.into_iter().collect(),
                quantities: what.quantities.into_iter().collect(),
                parts: None,
                consent: what.consent,
                effective_at,
                idempotency_key: Some(key_of(key)?),
            };
            ("charge", client.post("/v1/record", None, &ask).await?)
        }
        Call::Batch { file } => {
            let items: wire::BatchRequest = serde_json::from_str(&text_of(&file)?)?;
            let answer = client.post("/v1/batch", None, &items).await?;
            print::show("batch", &answer, as_json)?;
            return failed_items(&answer);
        }
        Call::Explain { id } => ("decision", client.get(&format!("/v1/decisions/{}", encoded(&id))).await?),
        Call::Account(command) => crate::accounts::run(&mut client, command).await?,
        Call::Webhooks(command) => return crate::webhooks::run(&mut client, command, as_json).await,
        Call::Supplies(command) => return crate::supplies::run(&mut client, command, as_json).await,
        Call::Incident(arguments) => return crate::incident::run(&mut client, *arguments, as_json).await,
        Call::Catalog(command) => return catalog(&mut client, command, as_json).await,
        Call::Api { method, path, body, key, content_type } => {
            let body = body.map(|file| text_of(&file)).transpose()?.unwrap_or_default();
            let is_json = serde_json::from_str::<&RawValue>(&body).is_ok();
            let kind =
                content_type.as_deref().unwrap_or(if is_json { "application/json" } else { "text/plain" });
            // A call that may change something has a key, so that it can be retried.
            let key = if method.is_safe() { key } else { Some(key_of(KeyArgument { key })?) };
            let key = key.as_ref().map(|key| key.as_str());
            let (status, answer) = client.send(method, &path, key, kind, body.into_bytes()).await?;
            if !status.is_success() {
                read::<Value>(status, &answer)?;
            }
            // Text that is not JSON is printed as it is.
            return match serde_json::from_slice::<Value>(&answer) {
                Ok(answer) => say!("{}", serde_json::to_string_pretty(&answer)?),
                Err(_) => text("text", &String::from_utf8_lossy(&answer), as_json),
            };
        }
        Call::TestClock { command } => ("test_clock", test_clock(&mut client, command).await?),
        Call::Metrics => return text("metrics", &client.plain("/metrics").await?, as_json),
        Call::Credits(call) => ("change", change_credits(&mut client, call).await?),
    };
    print::show(kind, &answer, as_json)?;
    Ok(())
}

/// Prints a text as it is, or as the one field of an object.
fn text(field: &str, text: &str, as_json: bool) -> Outcome {
    if as_json { say!("{}", json!({ field: text })) } else { say_part!("{text}") }
}

/// A batch with a failed item has failed, even if the rest is done.
fn failed_items(answer: &Value) -> Outcome {
    let items = answer.get("items").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let problems: Vec<&Value> = items.iter().filter_map(|item| item.get("problem")).collect();
    let Some(first) = problems.first() else { return Ok(()) };
    let detail = first.get("detail").and_then(Value::as_str).unwrap_or_default();
    Err(format!("{} of {} failed; the first: {detail}", problems.len(), counted(items.len(), "item")).into())
}

async fn test_clock(client: &mut Client, command: Option<TestClockCommand>) -> Result<Value, Failed> {
    Ok(match command {
        None => client.get("/v1/test-clock").await?,
        Some(TestClockCommand::Advance { to, by }) => {
            client.post("/v1/test-clock/advance", None, &wire::AdvanceRequest { to, by }).await?
        }
    })
}

async fn change_credits(client: &mut Client, call: CreditsCall) -> Result<Value, Failed> {
    Ok(match call {
        CreditsCall::Grant { account, amount, category, reference, terms, key } => {
            let idempotency_key = Some(key_of(key)?);
            let terms = terms.into_wire(amount, category);
            let ask = wire::GrantRequest { reference, idempotency_key, ..terms };
            client.post(&format!("/v1/accounts/{}/grants", encoded(account.as_str())), None, &ask).await?
        }
        CreditsCall::Void { grant, reason, key } => {
            let ask = wire::VoidRequest { reason, idempotency_key: Some(key_of(key)?) };
            client
                .post(
                    &account_path(&grant, &format!("grants/{}/void", encoded(&grant.to_string()))),
                    None,
                    &ask,
                )
                .await?
        }
        CreditsCall::Adjust { grant, amount, as_debt, reason, key } => {
            let path = account_path(&grant, "adjustments");
            let idempotency_key = Some(key_of(key)?);
            let ask = wire::AdjustRequest { grant, amount, as_debt, reason, idempotency_key };
            client.post(&path, None, &ask).await?
        }
        CreditsCall::Refund { charge, amount, reason, key } => {
            let path = account_path(&charge, "refunds");
            let ask = wire::RefundRequest { charge, amount, reason, idempotency_key: Some(key_of(key)?) };
            client.post(&path, None, &ask).await?
        }
    })
}

async fn catalog(client: &mut Client, command: CatalogCommand, as_json: bool) -> Outcome {
    let (method, path, body) = match command {
        CatalogCommand::Show { hash } => {
            let path = hash.map_or_else(|| "/v1/catalog".to_owned(), |hash| format!("/v1/catalogs/{hash}"));
            return text("catalog", &client.plain(&path).await?, as_json);
        }
        CatalogCommand::History => {
            print::show("catalogs", &client.get("/v1/catalogs").await?, as_json)?;
            return Ok(());
        }
        CatalogCommand::Restore { hash } => {
            (Method::POST, format!("/v1/catalogs/{hash}/restore"), String::new())
        }
        CatalogCommand::Put { file } => (Method::PUT, "/v1/catalog".to_owned(), text_of(&file)?),
        CatalogCommand::Check { file } => (Method::POST, "/v1/catalog/check".to_owned(), text_of(&file)?),
    };
    let (status, answer) = client.send(method, &path, None, "text/plain", body.into_bytes()).await?;
    print::show("catalog", &read(status, &answer)?, as_json)?;
    Ok(())
}
