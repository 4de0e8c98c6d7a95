//! Errors as the caller sees them: the one place where statuses and problem types are given.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use headworks_core::catalog::Problems;
use headworks_core::record::Span;
use headworks_core::waterfall::Refusal;
use headworks_engine::{AdvanceError, EngineError};
use headworks_wire as wire;

/// A problem on its way to the caller, and after how many seconds it may be gone.
#[derive(Debug)]
pub(crate) struct Failure(pub(crate) wire::Problem, pub(crate) Option<u64>);

/// Prefix of every problem type.
const TYPES: &str = "urn:headworks:problem:";

impl Failure {
    pub(crate) fn new(status: StatusCode, word: &str, detail: impl Into<String>) -> Self {
        Self(
            wire::Problem {
                kind: format!("{TYPES}{word}"),
                title: word.replace('_', " "),
                status: status.as_u16(),
                detail: detail.into(),
                problems: Vec::new(),
            },
            None,
        )
    }

    /// The request's content is not what the operation takes.
    pub(crate) fn invalid(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_request", detail)
    }

    pub(crate) fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal_error",
            "the request failed; the server's log says why",
        )
    }

    /// A network that has shown too much that is not valid.
    pub(crate) fn too_many(after: Span) -> Self {
        let seconds = after.micros().div_ceil(1_000_000).max(1);
        let detail = format!(
            "your network has sent too many invalid API keys or signatures; come back in {seconds} s with a valid one"
        );
        let mut failure = Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_invalid", detail);
        failure.1 = Some(seconds);
        failure
    }

    pub(crate) fn unknown_account(name: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "unknown_account",
            format!("there is no account `{name}`, or the key does not reach it"),
        )
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self.0).unwrap_or_default();
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::SERVICE_UNAVAILABLE || status == StatusCode::CONFLICT {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        if let Some(seconds) = self.1 {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<Problems> for Failure {
    fn from(problems: Problems) -> Self {
        let mut failure = Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "invalid_catalog",
            match problems.0.len() {
                1 => "the catalog has 1 problem; the one in force stays".to_owned(),
                n => format!("the catalog has {n} problems; the one in force stays"),
            },
        );
        failure.0.problems = problems
            .0
            .into_iter()
            .map(|p| wire::CatalogProblem { line: p.line, at: p.at, what: p.what, fix: p.fix })
            .collect();
        failure
    }
}

impl From<wire::Malformed> for Failure {
    fn from(malformed: wire::Malformed) -> Self {
        match malformed {
            wire::Malformed::Invalid(what) => Self::invalid(what),
            wire::Malformed::Elsewhere(kind, what) => Self::new(StatusCode::NOT_FOUND, kind, what),
        }
    }
}

impl From<AdvanceError> for Failure {
    fn from(e: AdvanceError) -> Self {
        let (status, word) = match e {
            AdvanceError::NoTestClock => (StatusCode::NOT_FOUND, "no_test_clock"),
            AdvanceError::Back { .. } | AdvanceError::TooFar(_) => {
                (StatusCode::UNPROCESSABLE_ENTITY, "invalid_request")
            }
            AdvanceError::Engine(e) => return e.into(),
        };
        Self::new(status, word, e.to_string())
    }
}

impl From<EngineError> for Failure {
    fn from(e: EngineError) -> Self {
        let (status, word) = match &e {
            EngineError::KeyReused(..) => (StatusCode::UNPROCESSABLE_ENTITY, "idempotency_conflict"),
            EngineError::Refused(Refusal::UnknownAccount(name)) => {
                return Self::unknown_account(name.as_str());
            }
            EngineError::Refused(refusal) => refusal_status(refusal),
            EngineError::TooFarAhead(_) => (StatusCode::UNPROCESSABLE_ENTITY, "invalid_request"),
            EngineError::UnknownCatalog(_) => (StatusCode::NOT_FOUND, "unknown_catalog"),
            EngineError::UnknownPool(_) => (StatusCode::NOT_FOUND, "unknown_pool"),
            EngineError::UnknownWebhook(_) => (StatusCode::NOT_FOUND, "unknown_webhook"),
            EngineError::NotParked(..) => (StatusCode::NOT_FOUND, "not_parked"),
            EngineError::UnknownKey(_) => (StatusCode::NOT_FOUND, "unknown_key"),
            // Met at a start, never by a request.
            EngineError::TestLedger | EngineError::RealLedger => (StatusCode::CONFLICT, "wrong_clock"),
            EngineError::ClockJumped(_) => (StatusCode::SERVICE_UNAVAILABLE, "clock_jumped"),
            EngineError::Overloaded => (StatusCode::SERVICE_UNAVAILABLE, "overloaded"),
            EngineError::Stopped => (StatusCode::SERVICE_UNAVAILABLE, "outcome_unknown"),
            EngineError::Frozen(name, what) => {
                tracing::error!(account = %name, what, "an account is frozen");
                (StatusCode::INTERNAL_SERVER_ERROR, "account_frozen")
            }
            EngineError::Store(inner) => {
                // What failed inside is for the operator's log, not for callers.
                tracing::error!(error = %inner, "the store failed");
                let detail = "the store could not be read; the server's log says why";
                return Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal_error", detail);
            }
        };
        Self::new(status, word, e.to_string())
    }
}

fn refusal_status(refusal: &Refusal) -> (StatusCode, &'static str) {
    let unprocessable = StatusCode::UNPROCESSABLE_ENTITY;
    match refusal {
        Refusal::UnknownFeature(_) => (unprocessable, "unknown_feature"),
        Refusal::UnknownPlan(_) => (unprocessable, "unknown_plan"),
        Refusal::MissingMeter(_) => (unprocessable, "missing_meter"),
        Refusal::UnknownMeter(_) => (unprocessable, "unknown_meter"),
        Refusal::NoPrice(..) => (unprocessable, "unknown_price"),
        Refusal::TooLarge | Refusal::BooksFull(_) => (unprocessable, "amount_too_large"),
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
        | Refusal::BadPool(_)
        | Refusal::MixedUnits
        | Refusal::NoPlan
        | Refusal::NotRecorded(_) => (unprocessable, "invalid_request"),
        Refusal::UnknownAccount(_) => (StatusCode::NOT_FOUND, "unknown_account"),
        Refusal::AccountExists(_) => (StatusCode::CONFLICT, "account_exists"),
        Refusal::UnknownRecord(_) => (StatusCode::NOT_FOUND, "unknown_record"),
        Refusal::HoldEnded { .. } => (StatusCode::CONFLICT, "hold_ended"),
        Refusal::AlreadyRefunded(..) => (StatusCode::CONFLICT, "already_refunded"),
        Refusal::TooManyRefunds(_) => (StatusCode::CONFLICT, "too_many_refunds"),
        Refusal::AlreadyRedeemed(..) => (StatusCode::CONFLICT, "already_redeemed"),
        Refusal::UnknownHold(_) => (StatusCode::NOT_FOUND, "unknown_hold"),
        Refusal::UnknownGrant(_) => (StatusCode::NOT_FOUND, "unknown_grant"),
        Refusal::TooManyExtensions(_) => (StatusCode::CONFLICT, "too_many_extensions"),
        Refusal::NobodyPays(_) => (StatusCode::CONFLICT, "nobody_pays"),
        Refusal::BeyondHold(_) => (StatusCode::CONFLICT, "beyond_hold"),
        Refusal::GrantEnded(_) => (StatusCode::CONFLICT, "grant_ended"),
        Refusal::AccountFull => (StatusCode::CONFLICT, "account_full"),
        Refusal::MoreThanLeft(_) => (StatusCode::CONFLICT, "more_than_left"),
        Refusal::MoreThanCharged(_) => (StatusCode::CONFLICT, "more_than_charged"),
        Refusal::UnknownWindow(_) => (unprocessable, "unknown_window"),
        Refusal::NoReset => (StatusCode::NOT_FOUND, "no_reset"),
        Refusal::NothingToReset => (StatusCode::CONFLICT, "nothing_to_reset"),
        Refusal::NothingToCorrect => (StatusCode::CONFLICT, "nothing_to_correct"),
        Refusal::NotInQuarantine(_) => (StatusCode::NOT_FOUND, "not_in_quarantine"),
        Refusal::NoTopUp(_) => (StatusCode::CONFLICT, "no_top_up"),
        Refusal::NoEffect(_) => (StatusCode::NOT_FOUND, "no_effect"),
        Refusal::FreeGrantTooSoon(_) => (StatusCode::CONFLICT, "free_grant_too_soon"),
        Refusal::TrialBudgetSpent(..) => (StatusCode::CONFLICT, "trial_budget_spent"),
        Refusal::NotACharge(_) => (unprocessable, "not_a_charge"),
    }
}
