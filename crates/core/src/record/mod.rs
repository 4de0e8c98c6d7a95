//! The ground: what is written down, and the words that everything else is said in.
//!
//! Never decides, never folds, never looks at a catalog: names, amounts, instants, settings, grants, use, decisions, events,
//! and the record that carries them. Imports nothing of the rest.

mod abuse;
mod amount;
mod chain;
mod charge;
pub(crate) mod codec;
mod credits_by_unit;
mod decision;
mod denial;
mod erase;
mod event;
mod grant;
mod hold;
mod ids;
mod index;
mod json;
mod key;
mod movement;
mod name;
mod notice;
mod periodic;
mod policy;
mod reason;
mod server;
mod settings;
mod sound;
mod terms;
mod time;
mod usage;
mod way;

pub(crate) use abuse::PREFIX;
pub use abuse::{AbuseEvent, Effect, Rule, Tier};
pub use amount::{AmountError, Credits, NANO, Price, scaled};
pub use chain::{FORMAT, Record, RecordError, chain, genesis};
pub use charge::{Charge, Correcting, Correction, Counted, Excess, GivenBack};
pub use credits_by_unit::CreditsByUnit;
pub use decision::{Basis, Decision, Draw, Draws, Measure, Outcome, Source, Verdict, Visit, VisitKind};
pub use denial::{Denial, Denials};
pub use erase::Erasure;
pub use event::{Erased, Event};
pub use grant::{Category, GrantTerms, Overage, Prorated, Proration, Recurrence, Rollover, WHOLE};
pub use hold::{HeldCapacity, HoldTerms, Overshoot};
pub use ids::{GrantId, HoldId, SYSTEM, Seq, is_internal, last_internal};
pub use index::{IndexKey, Once};
pub use json::check_keys;
pub use key::{Key, Operation};
pub use movement::{Book, Movement};
pub use name::{Label, Level, NAME_LEN_MAX, Name, NameError, Path, PathError, Segment};
pub use notice::{Alert, Late, LateUse, Quantity, Standing};
pub use periodic::{Cleared, NewAmount, Periodic, PlanChange, ResetTerms};
pub use policy::{CatalogChanges, CatalogHash, NamesChanged};
pub use reason::{Lifter, Reason, Wall};
pub use server::{ApiKey, ClassFigures, Resume, Server, StripeValue, SupplyChange, Webhook, WebhookFormat};
pub use settings::{AccountTerms, AlertMarks, Consent, Rank, SegmentSettings, Settings, TopUpTerms};
pub(crate) use terms::VOLATILE_MAX;
pub use terms::{HabitKind, Terms};
pub(crate) use time::Calendar;
pub use time::{Days, Every, Instant, Span, TimeError};
pub(crate) use usage::PricedLine;
pub use usage::{Amount, CREDITS, CardRef, Dimension, Line, Priced, REQUESTS, Unit, Use, own_unit};
pub use way::{Certainty, Unblock, Way};
