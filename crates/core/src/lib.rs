//! The core of Headworks: the decision and the ledger.
//!
//! A decision is a pure function of an account's state, a request, the catalog and the instant; it yields the record
//! that the state is then folded with. Never reads a clock, never performs I/O, never uses randomness or floats; builds
//! without the standard library.
//!
//! It keeps nothing: storing records, ordering requests and answering retries are up to the engine
//! (`headworks-engine`). Without the engine, the order of calls is:
//!
//! 1. [`catalog::Catalog::parse`] reads the policy: features, prices, plans. It reports all problems at once.
//! 2. [`account::Account::empty`] is the beginning of every account; [`account::Account::tick`] gives its time, which never
//!    stands still.
//! 3. [`life::next`] yields due events until there are none: holds and grants that end, periods that begin.
//! 4. [`command::run`] answers a command: a draft to append, a denial, or a look-up that is needed first. A command that
//!    cannot be answered at all is a [`waterfall::Refusal`]. [`unblock::told`] finds the ways to turn a denial into an allowance.
//! 5. [`command::Draft::fits`] says whether the books can take a draft, [`command::Draft::into_record`] gives it its place
//!    in the log, [`record::Record::to_bytes`] gives the bytes to store.
//! 6. [`account::Account::apply_bytes`] folds it, and links it to the hash of everything before it.
//!
//! [`view`] and [`account::Account::available`] read a state; [`audit`] computes a log again. [`capacity`] shares out
//! scarce supply among accounts, [`abuse`] keeps the memory of rules against abuse; the engine feeds both.
//!
//! Credits are integers of 10⁻⁹ ([`record::Credits`]), quantities are whole units of a meter, instants are microseconds
//! of UTC ([`record::Instant`]).
//!
//! ```
//! use headworks_core::account::Account;
//! use headworks_core::catalog::{Catalog, Format};
//! use headworks_core::command::{self, Command, History, NewGrant, Patch};
//! use headworks_core::record::{Category, Credits, HoldId, Instant, Name, Record};
//! use headworks_core::waterfall::{Authorize, Context, Request};
//!
//! type Failed = Box<dyn std::error::Error>;
//!
//! const POLICY: &str = r#"
//! version = "1"
//! [meters]
//! tokens = { unit = "token" }
//! [features.chat]
//! meters = ["tokens"]
//! rate_card = "card"
//! [[rate_cards.card]]
//! effective_from = "2026-01-01T00:00:00Z"
//! prices = [{ feature = "chat", per = 1_000, credits = { tokens = "2" } }]
//! [plans.pro]
//! features = ["chat"]
//! waterfall = [
//!   { allowance = { name = "included", windows = [{ name = "month", window.fixed = { limit = "3", every = "month" } }] } },
//!   { grants = { name = "credits" } },
//! ]
//! "#;
//!
//! /// Runs a command and folds the record that it makes; a log would keep its bytes.
//! fn append(account: &mut Account, catalog: &Catalog, command: &Command) -> Result<Record, Failed> {
//!     let now = account.tick("2026-06-01T12:00:00Z".parse::<Instant>()?);
//!     let step = command::run(Context::new(account, catalog, now), command, &History::new())?;
//!     let draft = step.into_draft().ok_or("it is denied")?;
//!     let record = draft.into_record(account, now, None, None);
//!     account.apply_bytes(&record.to_bytes())?;
//!     Ok(record)
//! }
//!
//! fn main() -> Result<(), Failed> {
//!     let catalog = Catalog::parse(POLICY, Format::Toml)?;
//!     let mut acme = Account::empty("acme".parse()?);
//!     let open = Patch { plan: Some("pro".parse()?), ..Patch::default() };
//!     append(&mut acme, &catalog, &Command::Open(open))?;
//!     let bought = NewGrant::new("10".parse()?, Category::Purchased);
//!     append(&mut acme, &catalog, &Command::Grant(bought))?;
//!
//!     // 4,000 tokens cost 8 credits. The plan includes 3 of them, the grant pays the other 5.
//!     let tokens: Name = "tokens".parse()?;
//!     let ask = Authorize::new(Request::new("chat".parse()?, [(tokens.clone(), 4_000)]));
//!     let held = append(&mut acme, &catalog, &Command::Authorize(ask))?;
//!     let decision = held.event.decision().ok_or("no decision")?;
//!     let paid: Vec<_> = decision.draws.iter().map(|d| (d.layer.as_str(), d.amount)).collect();
//!     assert_eq!(paid, [("included", 3_000_000_000), ("credits", 5_000_000_000)]);
//!     assert_eq!(acme.available(acme.recorded_at, None), "5".parse::<Credits>()?);
//!
//!     // 2,500 were used: 5 credits. The last source gets back first, so the grant keeps 10 - 2.
//!     let quantities = [(tokens, 2_500)].into_iter().collect();
//!     append(&mut acme, &catalog, &Command::settle(HoldId(held.seq), quantities))?;
//!     assert_eq!(acme.available(acme.recorded_at, None), "8".parse::<Credits>()?);
//!     assert_eq!(acme.books.spent, "2".parse::<Credits>()?);
//!     Ok(())
//! }
//! ```

#![no_std]

extern crate alloc;
// Schema derives name `std`; decisions never do.
#[cfg(any(test, feature = "schema"))]
extern crate std;

pub mod abuse;
pub mod account;
pub mod audit;
pub mod capacity;
pub mod catalog;
pub mod command;
pub mod life;
pub mod record;
#[cfg(feature = "schema")]
pub mod schema;
pub mod unblock;
pub mod view;
pub mod waterfall;
pub mod window;
