//! Why a call fails: a kind from one list, and what the caller can do about it. Each protocol has its own answer to a kind.
//!
//! Never names a status of any protocol.

use headworks_core::catalog::Problems;
use headworks_core::record::Span;
use headworks_core::waterfall::Refusal;
use headworks_engine::{AdvanceError, EngineError};
use headworks_wire as wire;

macro_rules! kinds {
    ($($name:ident = $word:literal,)*) => {
        /// The kinds of problems: words that callers may rely on.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[allow(missing_docs, reason = "the words say it; docs/http.md explains them")]
        pub enum Kind { $($name,)* }

        impl Kind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The kind as a word.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }
        }
    };
}

kinds! {
    AccountExists = "account_exists",
    AccountFrozen = "account_frozen",
    AccountFull = "account_full",
    AccountPaused = "account_paused",
    AlreadyRedeemed = "already_redeemed",
    AlreadyRefunded = "already_refunded",
    AmountTooLarge = "amount_too_large",
    BadSignature = "bad_signature",
    BeyondHold = "beyond_hold",
    BodyTooLarge = "body_too_large",
    ClockJumped = "clock_jumped",
    FreeGrantTooSoon = "free_grant_too_soon",
    GrantEnded = "grant_ended",
    HoldEnded = "hold_ended",
    IdempotencyConflict = "idempotency_conflict",
    IdempotencyKeyInvalid = "idempotency_key_invalid",
    IdempotencyKeyRequired = "idempotency_key_required",
    InternalError = "internal_error",
    InvalidCatalog = "invalid_catalog",
    HasSeat = "has_seat",
    IncreaseAnswered = "increase_answered",
    InvalidRequest = "invalid_request",
    InvoicePaid = "invoice_paid",
    KeyExpired = "key_expired",
    KeyLimited = "key_limited",
    LastAdminKey = "last_admin_key",
    MalformedBody = "malformed_body",
    MalformedRequest = "malformed_request",
    MethodNotAllowed = "method_not_allowed",
    MissingMeter = "missing_meter",
    MoreThanCharged = "more_than_charged",
    MoreThanLeft = "more_than_left",
    NoEffect = "no_effect",
    NoReset = "no_reset",
    NoSuchRoute = "no_such_route",
    NoTestClock = "no_test_clock",
    NoTopUp = "no_top_up",
    NobodyPays = "nobody_pays",
    NotACharge = "not_a_charge",
    NotInQuarantine = "not_in_quarantine",
    NotParked = "not_parked",
    NotPaused = "not_paused",
    NothingToCorrect = "nothing_to_correct",
    NothingToReset = "nothing_to_reset",
    OutcomeUnknown = "outcome_unknown",
    Overloaded = "overloaded",
    OverrideEnded = "override_ended",
    OverrideRefused = "override_refused",
    PlanChangeRefused = "plan_change_refused",
    RequestTimeout = "request_timeout",
    SeatRefused = "seat_refused",
    ServerFull = "server_full",
    Stopped = "stopped",
    TooManyExtensions = "too_many_extensions",
    TooManyInvalid = "too_many_invalid",
    TooManyRefunds = "too_many_refunds",
    TrialBudgetSpent = "trial_budget_spent",
    Unauthenticated = "unauthenticated",
    UnknownAccount = "unknown_account",
    UnknownCatalog = "unknown_catalog",
    UnknownDecision = "unknown_decision",
    UnknownFeature = "unknown_feature",
    UnknownGrant = "unknown_grant",
    UnknownHold = "unknown_hold",
    UnknownInbound = "unknown_inbound",
    UnknownKey = "unknown_key",
    UnknownMeter = "unknown_meter",
    UnknownPlan = "unknown_plan",
    UnknownSupply = "unknown_supply",
    UnknownPrice = "unknown_price",
    UnknownRecord = "unknown_record",
    UnknownSeat = "unknown_seat",
    UnknownWebhook = "unknown_webhook",
    UnknownWindow = "unknown_window",
    WrongClock = "wrong_clock",
    WrongScope = "wrong_scope",
}

impl Kind {
    /// Whether the same call may succeed a little later, unchanged.
    #[must_use]
    pub fn is_passing(self) -> bool {
        matches!(self, Self::ClockJumped | Self::Overloaded | Self::OutcomeUnknown | Self::Stopped)
    }
}

/// Why a call fails.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// Which of the known kinds.
    pub kind: Kind,
    /// What is wrong here, and what to do.
    pub detail: String,
    /// Each place of a catalog that is wrong.
    pub places: Vec<wire::CatalogProblem>,
    /// How many places of a catalog are wrong; not all of them may be listed.
    pub places_count: usize,
    /// When to try again.
    pub after: Option<Span>,
}

/// The longest detail, in bytes: a caller's own text is repeated only as far as it says where it is wrong.
const DETAIL_MAX: usize = 2_000;

fn cut(mut detail: String) -> String {
    if detail.len() > DETAIL_MAX {
        let end = (0..=DETAIL_MAX).rev().find(|at| detail.is_char_boundary(*at));
        detail.truncate(end.unwrap_or(0));
        detail.push('…');
    }
    detail
}

impl Problem {
    /// A problem of a kind.
    pub fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self { kind, detail: cut(detail.into()), places: Vec::new(), places_count: 0, after: None }
    }

    /// The request's content is not valid for this call.
    pub fn invalid(detail: impl Into<String>) -> Self {
        Self::new(Kind::InvalidRequest, detail)
    }

    /// An internal failure: the details go to the operator's log, not to callers.
    #[must_use]
    pub fn internal() -> Self {
        Self::new(Kind::InternalError, "the request failed; the server's log says why")
    }

    /// The same, with the text to log.
    pub(crate) fn failed(e: impl std::fmt::Display) -> Self {
        tracing::error!(error = %e, "a call failed");
        Self::internal()
    }

    /// The network has sent too many invalid keys or signatures.
    pub(crate) fn too_many(after: Span) -> Self {
        let seconds = after.micros().div_ceil(1_000_000).max(1);
        let detail = format!(
            "your network has sent too many invalid API keys or signatures; come back in {seconds} s with a valid one"
        );
        Self { after: Some(Span::from_secs(seconds)), ..Self::new(Kind::TooManyInvalid, detail) }
    }

    pub(crate) fn unknown_account(name: &str) -> Self {
        Self::new(Kind::UnknownAccount, format!("there is no account `{name}`, or the key does not reach it"))
    }
}

impl From<Problems> for Problem {
    fn from(problems: Problems) -> Self {
        let count = problems.count;
        let detail = match count {
            1 => "the catalog has 1 problem; the one in force stays".to_owned(),
            n if problems.more() == 0 => format!("the catalog has {n} problems; the one in force stays"),
            n => {
                let shown = problems.kept.len();
                format!("the catalog has {n} problems, of which {shown} are shown; the one in force stays")
            }
        };
        let places = problems.kept.into_iter();
        let places =
            places.map(|p| wire::CatalogProblem { line: p.line, at: p.at, what: p.what, fix: p.fix });
        Self { places: places.collect(), places_count: count, ..Self::new(Kind::InvalidCatalog, detail) }
    }
}

impl From<wire::Malformed> for Problem {
    fn from(malformed: wire::Malformed) -> Self {
        match malformed {
            wire::Malformed::Invalid(what) => Self::invalid(what),
            wire::Malformed::UnknownGrant(what) => Self::new(Kind::UnknownGrant, what),
            wire::Malformed::UnknownHold(what) => Self::new(Kind::UnknownHold, what),
            wire::Malformed::UnknownRecord(what) => Self::new(Kind::UnknownRecord, what),
            wire::Malformed::NotInQuarantine(what) => Self::new(Kind::NotInQuarantine, what),
        }
    }
}

impl From<AdvanceError> for Problem {
    fn from(e: AdvanceError) -> Self {
        let kind = match e {
            AdvanceError::NoTestClock => Kind::NoTestClock,
            AdvanceError::Back { .. } | AdvanceError::TooFar(_) => Kind::InvalidRequest,
            AdvanceError::Engine(e) => return e.into(),
        };
        Self::new(kind, e.to_string())
    }
}

impl From<EngineError> for Problem {
    fn from(e: EngineError) -> Self {
        let kind = match &e {
            EngineError::KeyReused(..) => Kind::IdempotencyConflict,
            EngineError::Refused(Refusal::UnknownAccount(name)) => {
                return Self::unknown_account(name.as_str());
            }
            EngineError::Refused(refusal) => kind_of(refusal),
            EngineError::TooFarAhead(_) => Kind::InvalidRequest,
            EngineError::UnknownCatalog(_) => Kind::UnknownCatalog,
            EngineError::CountsOtherwise(_) => Kind::InvalidCatalog,
            EngineError::UnknownSupply(_) => Kind::UnknownSupply,
            EngineError::UnknownWebhook(_) => Kind::UnknownWebhook,
            EngineError::UnknownInbound(_) => Kind::UnknownInbound,
            EngineError::LastAdminKey(_) => Kind::LastAdminKey,
            EngineError::Full(..) => Kind::ServerFull,
            EngineError::NotParked(..) => Kind::NotParked,
            EngineError::UnknownKey(_) => Kind::UnknownKey,
            // Occurs only at a start, never in a request.
            EngineError::TestLedger | EngineError::RealLedger => Kind::WrongClock,
            EngineError::ClockJumped(_) => Kind::ClockJumped,
            // Nothing was written, and the same request may be sent again at once.
            EngineError::NotAfter(_) | EngineError::Overloaded => Kind::Overloaded,
            EngineError::Stopped => Kind::OutcomeUnknown,
            EngineError::Frozen(name, what) => {
                tracing::error!(account = %name, what, "an account is frozen");
                Kind::AccountFrozen
            }
            EngineError::Store(inner) => {
                tracing::error!(error = %inner, "the store failed");
                let detail = "the store could not be read; the server's log says why";
                return Self::new(Kind::InternalError, detail);
            }
        };
        Self::new(kind, e.to_string())
    }
}

fn kind_of(refusal: &Refusal) -> Kind {
    match refusal {
        Refusal::UnknownFeature(_) => Kind::UnknownFeature,
        Refusal::UnknownPlan(_) => Kind::UnknownPlan,
        Refusal::MissingMeter(_) => Kind::MissingMeter,
        Refusal::UnknownMeter(_) | Refusal::MeterUnpriced(_) | Refusal::MeterNotHeld(_) => Kind::UnknownMeter,
        Refusal::NoPrice(..) => Kind::UnknownPrice,
        Refusal::TooLarge | Refusal::BooksFull(_) => Kind::AmountTooLarge,
        Refusal::BadMinimum(_)
        | Refusal::BadLife(_)
        | Refusal::NoRequests
        | Refusal::NoChange
        | Refusal::NotPositive
        | Refusal::NoWindows
        | Refusal::BadCap
        | Refusal::UnpricedUnit(_)
        | Refusal::BadExpiry
        | Refusal::UnknownZone
        | Refusal::BadRollover
        | Refusal::InTheFuture(_)
        | Refusal::BadAlerts(_)
        | Refusal::BadSupply(_)
        | Refusal::BadParts(_)
        | Refusal::BadPause(_)
        | Refusal::MixedUnits
        | Refusal::NoPlan
        | Refusal::NotRecorded(_) => Kind::InvalidRequest,
        Refusal::UnknownAccount(_) => Kind::UnknownAccount,
        Refusal::AccountExists(_) => Kind::AccountExists,
        Refusal::UnknownSeat(_) => Kind::UnknownSeat,
        Refusal::HasSeat(_) => Kind::HasSeat,
        Refusal::BadSeat(_) | Refusal::ClosesPerSeat(_) => Kind::SeatRefused,
        Refusal::UnknownRecord(_)
        | Refusal::UnknownOverride(_)
        | Refusal::UnknownIncrease(_)
        | Refusal::UnknownInvoice(_) => Kind::UnknownRecord,
        Refusal::IncreaseAnswered(..) => Kind::IncreaseAnswered,
        Refusal::InvoicePaid(..) | Refusal::NothingToPay(_) => Kind::InvoicePaid,
        Refusal::OverrideEnded(..) => Kind::OverrideEnded,
        Refusal::BadOverride(_) => Kind::OverrideRefused,
        Refusal::BadPlanChange(_) => Kind::PlanChangeRefused,
        Refusal::Paused(_) => Kind::AccountPaused,
        Refusal::NotPaused => Kind::NotPaused,
        Refusal::HoldEnded { .. } => Kind::HoldEnded,
        Refusal::AlreadyRefunded(..) => Kind::AlreadyRefunded,
        Refusal::TooManyRefunds(_) => Kind::TooManyRefunds,
        Refusal::AlreadyRedeemed(..) => Kind::AlreadyRedeemed,
        Refusal::UnknownHold(_) => Kind::UnknownHold,
        Refusal::UnknownGrant(_) => Kind::UnknownGrant,
        Refusal::TooManyExtensions(_) => Kind::TooManyExtensions,
        Refusal::NobodyPays(_) => Kind::NobodyPays,
        Refusal::BeyondHold(_) => Kind::BeyondHold,
        Refusal::GrantEnded(_) => Kind::GrantEnded,
        Refusal::AccountFull => Kind::AccountFull,
        Refusal::MoreThanLeft(_) => Kind::MoreThanLeft,
        Refusal::MoreThanCharged(_) => Kind::MoreThanCharged,
        Refusal::UnknownWindows(_) | Refusal::NotClosable(_) | Refusal::UnknownLimit(_) => {
            Kind::UnknownWindow
        }
        Refusal::NoReset => Kind::NoReset,
        Refusal::NothingToReset => Kind::NothingToReset,
        Refusal::NothingToCorrect => Kind::NothingToCorrect,
        Refusal::NotInQuarantine(_) => Kind::NotInQuarantine,
        Refusal::NoTopUp(_) => Kind::NoTopUp,
        Refusal::NoEffect(_) => Kind::NoEffect,
        Refusal::FreeGrantTooSoon(_) => Kind::FreeGrantTooSoon,
        Refusal::TrialBudgetSpent(..) => Kind::TrialBudgetSpent,
        Refusal::NotACharge(_) => Kind::NotACharge,
    }
}
