//! The engine: decides on cached states ahead of durability, commits in groups, answers after the commit.
//!
//! Never answers from a state that is not stored: every answer waits for the records it depends on. Never decides by
//! itself (`headworks-core` does) and never writes a file (a store of `headworks-store` does). It speaks no protocol
//! and knows no status codes. It needs tokio to wait, but no particular runtime: it has its own threads.
//!
//! 1. [`Engine::start`] reads the store and starts the threads. Its catalog is in force until one is stored
//!    with [`Engine::put_catalog`].
//! 2. [`Engine::run`] runs a command on an account: open it, grant credits, authorize, settle. Under the same
//!    [`Idempotency`] key it has one effect, and repeats get the first answer. Due events need no command.
//! 3. An [`Answer`] is a stored record, or a denial with its reasons. An [`EngineError`] is neither: the command was
//!    refused, or its outcome is unknown.
//! 4. [`Engine::view`] reads the present state, [`Engine::check`] decides without any effect.
//! 5. [`Engine::close`] writes the waiting records and a last checkpoint.
//!
//! Units are those of the core: credits of 10⁻⁹, whole units of a meter, microseconds of UTC.
//!
//! ```
//! use std::sync::Arc;
//!
//! use headworks_core::catalog::{Catalog, Format};
//! use headworks_core::command::{Command, NewGrant, Patch};
//! use headworks_core::record::{Category, HoldId, Label, Name};
//! use headworks_core::waterfall::{Authorize, Request};
//! use headworks_engine::{Caller, Clock, Effect, Engine, Idempotency, Limits};
//! use headworks_store::Memory;
//!
//! const POLICY: &str = r#"
//! version = "1"
//! [meters]
//! tokens = { unit = "token" }
//! [features.chat]
//! meters = ["tokens"]
//! rate_card = "card"
//! [[rate_cards.card]]
//! effective_from = "2020-01-01T00:00:00Z"
//! prices = [{ feature = "chat", per = 1_000, credits = { tokens = "2" } }]
//! [plans.pro]
//! features = ["chat"]
//! waterfall = [{ grants = { name = "credits" } }]
//! "#;
//!
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let catalog = Catalog::parse(POLICY, Format::Toml)?;
//!     let store = Arc::new(Memory::new());
//!     let engine = Engine::start(store, catalog, Arc::new(Clock::new()), Limits::default())?;
//!     let (acme, tokens): (Name, Name) = ("acme".parse()?, "tokens".parse()?);
//!     let nobody = Caller::default();
//!
//!     let open = Patch { plan: Some("pro".parse()?), ..Patch::default() };
//!     engine.run(&acme, None, nobody, &Command::Open(open)).await?;
//!     let bought = NewGrant::new("10".parse()?, Category::Purchased);
//!     engine.run(&acme, None, nobody, &Command::Grant(bought)).await?;
//!
//!     // 4,000 tokens at 2 credits a thousand set 8 credits aside. A caller without an answer retries with its key.
//!     let ask = Command::Authorize(Authorize::new(Request::new("chat".parse()?, [(tokens.clone(), 4_000)])));
//!     let key = Idempotency { text: Label::new("request-1")?, digest: [1; 16] };
//!     let first = engine.run(&acme, Some(&key), nobody, &ask).await?;
//!     let again = engine.run(&acme, Some(&key), nobody, &ask).await?;
//!     assert_eq!((first.replayed, again.replayed), (false, true));
//!     assert_eq!(first.effect, again.effect);
//!
//!     // 2,500 were used: 5 credits are charged, and 10 - 5 are left.
//!     let Effect::Recorded(held) = first.effect else { return Err("it is allowed".into()) };
//!     let used = [(tokens, 2_500)].into_iter().collect();
//!     let settle = Command::settle(HoldId(held.seq), used);
//!     engine.run(&acme, None, nobody, &settle).await?;
//!     let left = engine.view(&acme, |ctx| Ok(ctx.account.available(ctx.now, None))).await?;
//!     assert_eq!(left.to_string(), "5");
//!     engine.close();
//!     Ok(())
//! }
//! ```

mod abuse;
mod administration;
mod answer;
mod audit_log;
mod background;
mod cache;
mod callers;
pub mod capacity;
mod catalogs;
mod clock;
mod commit;
mod damaged;
mod denials;
mod doubt;
mod dropped;
mod ends;
mod engine;
mod fetch;
mod hooks;
mod identity;
mod in_force;
mod inbound;
mod incident;
mod key_limits;
mod keyring;
mod keys;
mod lease;
mod lives;
mod loads;
mod maintenance;
mod past_catalog;
mod reads;
mod reconciler;
mod reconciliation;
mod rehearsal;
mod reprice;
mod run;
mod shared;
mod start;
mod states;
mod stats;
mod steps;
mod supplies;
mod test_clock;
mod timers;
mod view;
mod webhooks;

pub use abuse::{AbuseView, HeldBack};
pub use answer::{Answer, Caller, Effect, EngineError, Idempotency, Keyed};
pub use background::in_background;
pub use callers::{network, subnet};
pub use clock::{Clock, Jump, Reading, wall};
pub use engine::{Engine, Limits};
pub use hooks::{Hook, Hooks, Parked};
pub use inbound::{ENDPOINTS_MAX, InboundCaller, Inbounds, LiveSecrets, SecretAsk, reaches};
pub use incident::{IncidentAsk, IncidentDone, Used};
pub use key_limits::{Entered, Limited, Reached};
pub use keyring::{KEYS_MAX, KeyLive, KeyState, Keyring, check_code};
pub use lease::{Lease, Leased, Upstream};
pub use past_catalog::PastCatalog;
pub use reconciliation::Pass;
pub use reprice::{Difference, Reprice, Repriced};
pub use stats::{Stats, StatsSnapshot};
pub use supplies::{SharerState, SupplyState};
pub use test_clock::{AdvanceError, test_clock_of};
pub use webhooks::Looked;
