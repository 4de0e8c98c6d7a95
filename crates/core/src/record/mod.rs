//! The ground: everything that is stored, and the vocabulary of all other floors.
//!
//! Never decides, never folds, never looks at a catalog: names, amounts, instants, settings, grants, use, decisions, events,
//! and the record that carries them. Imports nothing of the rest.

mod abuse;
mod alerts;
mod amount;
mod audit_entry;
mod by_part;
mod calendar;
mod chain;
mod charge;
pub(crate) mod codec;
mod credits_by_unit;
mod cycle;
mod decision;
mod denial;
mod dimensions;
mod erase;
mod event;
mod grant;
mod hold;
mod ids;
mod index;
mod internal;
mod invoice;
mod json;
mod key;
mod late;
mod levels;
mod movement;
mod name;
mod overrides;
mod parts;
mod path;
mod pauses;
mod plans;
mod policy;
mod printable;
mod reason;
mod resets;
mod seats;
mod server;
mod settings;
mod sound;
mod terms;
mod time;
mod usage;
mod visit;
mod way;
mod week;

pub(crate) use abuse::PREFIX;
pub use abuse::{AbuseEvent, Effect, Rule, Tier};
pub use alerts::{Alert, Standing};
pub use amount::{AmountError, Credits, NANO, Price, STEP_MAX, scaled};
pub use audit_entry::{AuditEntry, AuditKind, AuditOutcome};
pub(crate) use calendar::Calendar;
pub use calendar::{Days, Every, Periods};
pub use chain::{FORMAT, Record, RecordError, SystemRecord, chain, genesis};
pub use charge::{Charge, Correcting, Correction, Counted, Excess, GivenBack};
pub use credits_by_unit::CreditsByUnit;
pub use cycle::CycleEvent;
pub use decision::{Decision, Draw, Draws, Outcome, Source};
pub use denial::{Denial, Denials};
pub use dimensions::{CardRef, Dimension, Dimensions};
pub use erase::Erasure;
pub use event::{Erased, Event};
pub use grant::{Category, GrantTerms, Overage, Prorated, Proration, Recurrence, Rollover, WHOLE};
pub use hold::{HeldCapacity, HoldTerms, Overshoot};
pub use ids::{GrantId, HoldId, Seq};
pub use index::{IndexKey, Once};
pub use internal::{SYSTEM, audit_log, internal, is_internal, last_internal, system};
pub use invoice::{Invoice, InvoiceLine, InvoicePeriod, PostpaidBack};
pub(crate) use json::Checked;
pub use json::{check_keys, in_words};
pub use key::{Key, Operation};
pub use late::{Late, LatePart, LateUse, Quantity};
pub use levels::{Level, Levels};
pub use movement::{Book, Movement};
pub use name::{Id, Label, Name};
pub use overrides::{Figure, Override};
pub(crate) use parts::PricedPart;
pub use parts::{PARTS_MAX, Part, Parts};
pub use path::{Path, PathError, Segment};
pub use pauses::{Pause, PauseEnd};
pub use plans::{NewAmount, PlanChange, PlanToCome};
pub use policy::{CatalogChanges, CatalogHash, NamesChanged};
pub use printable::{ID_LEN_MAX, NAME_LEN_MAX, NameError, What, check_seen, nfc};
pub use reason::{Lifter, Reason, Wall};
pub use resets::{Cleared, ResetTerms};
pub use seats::SeatTerms;
pub use server::{
    ApiKey, ClassFigures, Inbound, KeyLimits, KeyRate, KeyUse, Purpose, Resume, Sealed, SecretChange, Server,
    StripeValue, SupplyChange, Webhook, WebhookFormat,
};
pub use settings::{AccountTerms, AlertMarks, Consent, Rank, SegmentSettings, Settings, TopUpTerms};
pub(crate) use terms::VOLATILE_MAX;
pub use terms::{HabitKind, Terms};
pub use time::{Instant, Span, TimeError};
pub(crate) use usage::PricedLine;
pub use usage::{
    Amount, CREDITS, Line, PriceFactor, Priced, REQUESTS, Rounding, Unit, Use, WHOLE_PRICE, own_unit,
};
pub use visit::{Basis, Measure, Verdict, Visit, VisitKind};
pub use way::{Certainty, Unblock, Way};
pub(crate) use week::{DAY, Hours, Week};
