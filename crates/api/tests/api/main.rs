//! Calls that an edge makes, without any protocol.

#![allow(clippy::expect_used, clippy::panic, reason = "tests say what they expect")]

mod audit_log;

use std::sync::Arc;

use headworks_api::{Api, Call, Key, Kind, Leased, Signer};
use headworks_core::catalog::{Catalog, Format};
use headworks_core::command::{Command, NewGrant, Patch};
use headworks_core::record::{Category, Label, Name};
use headworks_engine::{Caller, Clock, Engine, Idempotency, Limits};
use headworks_store::Memory;
use headworks_wire::{AuthorizeRequest, Scope};

const CATALOG: &str = r#"
version = "t"
default_plan = "p"
[meters]
tokens = { unit = "token" }
[features.chat]
meters = ["tokens"]
rate_card = "card"
[[rate_cards.card]]
effective_from = "2020-01-01T00:00:00Z"
prices = [{ feature = "chat", credits = { tokens = "1" } }]
[plans.p]
features = ["chat"]
waterfall = [{ grants = { name = "credits" } }]
"#;

fn name(text: &str) -> Name {
    Name::new(text).expect(text)
}

fn engine(store: Arc<Memory>, clock: Clock, limits: Limits) -> Arc<Engine> {
    let catalog = Catalog::parse(CATALOG, Format::Toml).unwrap_or_else(|e| panic!("{e}"));
    Engine::start(store, catalog, Arc::new(clock), limits).expect("starts")
}

/// The calls over an engine; callers without a key may do everything if it is open.
fn over(engine: Arc<Engine>, is_open: bool) -> Api {
    Api::new(engine, Arc::new(Signer::ephemeral().expect("a key")), is_open)
}

async fn api() -> Api {
    let engine = engine(Arc::new(Memory::new()), Clock::new(), Limits::default());
    let key = |text: &str| Idempotency { text: Label::new(text).expect(text), digest: [0; 16] };
    let new = NewGrant::new("10".parse().expect("credits"), Category::Purchased);
    for (text, command) in [("open", Command::Open(Patch::default())), ("grant", Command::Grant(new))] {
        engine.run(&name("acme"), Some(&key(text)), Caller::default(), &command).await.expect(text);
    }
    over(engine, true)
}

fn ask(account: &str, tokens: u64) -> AuthorizeRequest {
    let text = format!(r#"{{"account":"{account}","feature":"chat","quantities":{{"tokens":{tokens}}}}}"#);
    serde_json::from_str(&text).expect("a request")
}

/// An edge without idempotency keys leases a hold, and its answer is that of `authorize`.
#[tokio::test]
async fn an_edge_leases_a_hold() {
    let api = api().await;
    let access = api.access(None, Call::default()).expect("the server is open");
    let leased = api.lease(&access, Scope::Decide, Key::Unknown, ask("acme", 4)).await.expect("answers");
    let Leased::Held(lease, decision) = leased else { panic!("{leased:?}") };
    assert_eq!(decision.outcome, "allow");
    assert_eq!(decision.hold.as_ref().map(|hold| hold.id.to_string()), Some("acme~3".to_owned()));
    lease.settle([(name("tokens"), 1)].into_iter().collect()).await.expect("settles");
    let denied = api.lease(&access, Scope::Decide, Key::Unknown, ask("acme", 100)).await.expect("answers");
    assert!(matches!(denied, Leased::Answered(_)), "{denied:?}");
    let unknown =
        api.lease(&access, Scope::Decide, Key::Unknown, ask("nobody", 1)).await.expect_err("a problem");
    assert_eq!(unknown.kind, Kind::UnknownAccount);
    api.engine().close();
}
