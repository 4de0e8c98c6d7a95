//! `headworks keys`: with a server, or on a data directory that no server has open.

use std::path::Path;

use headworks_core::record::{KeyGateway, KeyLimits, Label, Name};
use headworks_engine::{Engine, Idempotency};
use headworks_terminal::{Failed, Outcome, print, say, tell};
use headworks_wire as wire;
use hyper::Method;
use serde_json::{Value, json};

use crate::arguments::{CreateKeyArguments, KeysCommand, Remote};
use crate::made::NewDirectory;
use crate::remote::{connect, key_of};

/// `headworks keys`.
pub(crate) async fn run(command: KeysCommand, remote: &Remote, as_json: bool) -> Outcome {
    match command {
        KeysCommand::Create(arguments) => create(*arguments, remote, as_json).await,
        KeysCommand::List => {
            let keys: Value = connect(remote).await?.get("/v1/keys").await?;
            print::show("keys", &keys, as_json)
        }
        KeysCommand::Rotate { id, overlap, key } => {
            let key = key_of(key)?;
            let ask = wire::RotateKeyRequest { overlap };
            let path = format!("/v1/keys/{id}/rotate");
            let made: wire::KeyCreated = connect(remote).await?.post(&path, Some(key.as_str()), &ask).await?;
            show(&made.key.id, made.secret.as_deref(), made.hint.as_deref(), as_json)
        }
        KeysCommand::Revoke { id, data, force } => {
            match data {
                Some(data) => {
                    let new = NewDirectory::at(&data);
                    let revoked = revoke_offline(&data, &id, force).await;
                    new.after(revoked)?;
                }
                None => {
                    let path = format!("/v1/keys/{id}");
                    connect(remote).await?.call::<Value>(Method::DELETE, &path, None, None::<&()>).await?;
                }
            }
            say!(
                "{}",
                if as_json { json!({"revoked": id}).to_string() } else { format!("key {id} is revoked") }
            )
        }
    }
}

async fn create(arguments: CreateKeyArguments, remote: &Remote, as_json: bool) -> Outcome {
    let CreateKeyArguments {
        data,
        scopes,
        accounts,
        path,
        models,
        expires_at,
        note,
        rate,
        concurrent,
        warn_at,
        key,
    } = arguments;
    let warn_at = (!warn_at.is_empty()).then_some(warn_at);
    let limits = KeyLimits { rate, concurrent, warn_at };
    let limits = (limits != KeyLimits::default()).then_some(limits);
    let gateway = KeyGateway { path, models: (!models.is_empty()).then_some(models) };
    let gateway = (gateway != KeyGateway::default()).then_some(gateway);
    let ask = wire::CreateKeyRequest { scopes, accounts, expires_at, note, limits, gateway };
    let made = match data {
        Some(data) => {
            let new = NewDirectory::at(&data);
            let made = create_offline(&data, &ask).await;
            new.after(made)?
        }
        None => {
            let key = key_of(key)?;
            let made: wire::KeyCreated =
                connect(remote).await?.post("/v1/keys", Some(key.as_str()), &ask).await?;
            (made.key.id, made.secret, made.hint)
        }
    };
    show(&made.0, made.1.as_deref(), made.2.as_deref(), as_json)
}

/// The secret on standard output, and everything else on standard error.
fn show(id: &Name, secret: Option<&str>, hint: Option<&str>, as_json: bool) -> Outcome {
    if as_json {
        return say!("{}", json!({"id": id, "secret": secret, "hint": hint}));
    }
    let Some(secret) = secret else {
        return Err(format!("key {id} was made before: {}", hint.unwrap_or_default()).into());
    };
    tell!("key {id}; send it as `Authorization: Bearer …`; it is not shown again:");
    say!("{secret}")
}

type Made = (Name, Option<String>, Option<String>);

/// Makes a key in a data directory that no server has open.
async fn create_offline(data: &Path, ask: &wire::CreateKeyRequest) -> Result<Made, Failed> {
    let engine = crate::serve::engine_in_its_time(data)?;
    let new = headworks_api::create_key(&engine, ask, None, None).await;
    engine.close();
    let new = new?;
    Ok((new.key.id, new.secret, None))
}

async fn revoke_offline(data: &Path, id: &str, is_forced: bool) -> Result<(), Failed> {
    let engine = crate::serve::engine_in_its_time(data)?;
    let revoked = revoke(&engine, id, is_forced).await;
    engine.close();
    revoked
}

async fn revoke(engine: &Engine, id: &str, is_forced: bool) -> Result<(), Failed> {
    let name = Name::new(id).map_err(|e| e.to_string())?;
    let text = Label::new(&format!("revoke {id}")).map_err(|e| e.to_string())?;
    let once = Idempotency { text, digest: [0; 16] };
    match engine.revoke_key(&name, is_forced, (&once, None)).await {
        Err(e @ headworks_engine::EngineError::LastAdminKey(_)) => {
            Err(format!("{e}, or pass --force").into())
        }
        revoked => Ok(revoked.map(drop)?),
    }
}
