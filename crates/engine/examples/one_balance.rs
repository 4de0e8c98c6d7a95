//! `cargo run -p headworks-engine --example one_balance`: many concurrent callers on one balance. Each gets its
//! answer after its record is on disk; one asks twice. Then the process's memory is dropped,
//! and the balance is read from disk again.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use headworks_core::catalog::{Catalog, Format};
use headworks_core::command::{Command, NewGrant, Patch};
use headworks_core::record::{Category, HoldId, Label, Name};
use headworks_core::waterfall::{Authorize, Request};
use headworks_engine::{Answer, Caller, Clock, Effect, Engine, EngineError, Idempotency, Limits};
use headworks_store::{Embedded, Options};
use tokio::task::JoinSet;

/// A token costs one credit, and purchased credits pay for it.
const POLICY: &str = r#"
version = "1"
[meters]
tokens = { unit = "token" }
[features.chat]
meters = ["tokens"]
rate_card = "card"
[[rate_cards.card]]
effective_from = "2020-01-01T00:00:00Z"
prices = [{ feature = "chat", credits = { tokens = "1" } }]
[plans.pro]
features = ["chat"]
waterfall = [{ grants = { name = "credits" } }]
"#;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let dir = tempfile::tempdir()?;
    let engine = start(dir.path())?;
    let (acme, tokens): (Name, Name) = ("acme".parse()?, "tokens".parse()?);
    let open = Patch { plan: Some("pro".parse()?), ..Patch::default() };
    engine.run(&acme, None, Caller::default(), &Command::Open(open)).await?;
    let bought = NewGrant::new("100".parse()?, Category::Purchased);
    engine.run(&acme, None, Caller::default(), &Command::Grant(bought)).await?;

    println!("20 callers ask for 8 of the 100 credits each, at once:");
    let ask = Command::Authorize(Authorize::new(Request::new("chat".parse()?, [(tokens.clone(), 8)])));
    let mut callers = JoinSet::new();
    for n in 0..20 {
        let (engine, acme, ask) = (Arc::clone(&engine), acme.clone(), ask.clone());
        let key = Idempotency { text: Label::new(&format!("request-{n}"))?, digest: [1; 16] };
        callers.spawn(async move { engine.run(&acme, Some(&key), Caller::default(), &ask).await });
    }
    let (mut holds, mut denied) = (Vec::new(), None);
    for answer in callers.join_all().await {
        match answer?.effect {
            Effect::Recorded(record) => holds.push(HoldId(record.seq)),
            Effect::Denied(denial) => denied = Some(denial),
            Effect::Unrecorded(_) => {}
        }
    }
    println!("  {} hold 8 credits, {} are left", holds.len(), left(&engine, &acme).await?);
    if let Some(denial) = denied {
        println!("  the others are denied: {}", denial.decision.reason.as_str());
    }

    let key = Idempotency { text: Label::new("settle-1")?, digest: [2; 16] };
    let hold = *holds.first().ok_or("nobody holds any")?;
    let settle = Command::settle(hold, [(tokens, 3)].into_iter().collect());
    for _ in 0..2 {
        let answer = engine.run(&acme, Some(&key), Caller::default(), &settle).await?;
        println!("one settles at 3, {}: {} are left", heard(&answer), left(&engine, &acme).await?);
    }
    engine.close();
    drop(engine);

    let engine = start(dir.path())?;
    println!("started again: {} are left", left(&engine, &acme).await?);
    engine.close();
    Ok(())
}

fn start(dir: &Path) -> Result<Arc<Engine>, Box<dyn Error + Send + Sync>> {
    let store = Arc::new(Embedded::open(dir, Options::default())?);
    let catalog = Catalog::parse(POLICY, Format::Toml)?;
    Ok(Engine::start(store, catalog, Arc::new(Clock::new()), Limits::default())?)
}

async fn left(engine: &Engine, account: &Name) -> Result<String, EngineError> {
    engine.view(account, |ctx| Ok(ctx.account.available(ctx.now, None).to_string())).await
}

fn heard(answer: &Answer) -> &'static str {
    if answer.replayed { "the first answer again" } else { "charged" }
}
