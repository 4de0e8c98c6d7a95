//! Problems as HTTP answers: the one place where statuses are given.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use headworks_api::{Kind, Problem};
use headworks_wire as wire;

/// A problem on its way to the caller.
#[derive(Debug)]
pub(crate) struct Failure(pub(crate) Problem);

/// Prefix of every problem type.
const TYPES: &str = "urn:headworks:problem:";

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl Failure {
    pub(crate) fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self(Problem::new(kind, detail))
    }

    pub(crate) fn invalid(detail: impl Into<String>) -> Self {
        Self(Problem::invalid(detail))
    }
}

/// A problem as a document of RFC 9457.
pub(crate) fn document(problem: Problem) -> wire::Problem {
    let word = problem.kind.word();
    wire::Problem {
        kind: format!("{TYPES}{word}"),
        title: word.replace('_', " "),
        status: status(problem.kind).as_u16(),
        detail: problem.detail,
        problems: problem.places,
        problems_count: (problem.places_count > 0).then_some(problem.places_count),
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let (status, after) = (status(self.0.kind), self.0.after);
        let body = serde_json::to_vec(&document(self.0)).unwrap_or_default();
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::SERVICE_UNAVAILABLE || status == StatusCode::CONFLICT {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        if let Some(after) = after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(after.micros().div_ceil(1_000_000)));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

/// The status of each kind of problem.
fn status(kind: Kind) -> StatusCode {
    match kind {
        Kind::IdempotencyKeyInvalid
        | Kind::IdempotencyKeyRequired
        | Kind::MalformedBody
        | Kind::MalformedRequest => StatusCode::BAD_REQUEST,
        Kind::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
        Kind::BadSignature | Kind::Unauthenticated => StatusCode::UNAUTHORIZED,
        Kind::WrongScope => StatusCode::FORBIDDEN,
        Kind::NoEffect
        | Kind::NoReset
        | Kind::NoSuchRoute
        | Kind::NoTestClock
        | Kind::NotInQuarantine
        | Kind::NotParked
        | Kind::UnknownAccount
        | Kind::UnknownCatalog
        | Kind::UnknownDecision
        | Kind::UnknownGrant
        | Kind::UnknownHold
        | Kind::UnknownInbound
        | Kind::UnknownKey
        | Kind::UnknownSupply
        | Kind::UnknownRecord
        | Kind::UnknownSeat
        | Kind::UnknownWebhook => StatusCode::NOT_FOUND,
        Kind::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        Kind::AccountExists
        | Kind::AccountFull
        | Kind::AccountPaused
        | Kind::AlreadyRedeemed
        | Kind::AlreadyRefunded
        | Kind::BeyondHold
        | Kind::FreeGrantTooSoon
        | Kind::GrantEnded
        | Kind::HoldEnded
        | Kind::KeyExpired
        | Kind::LastAdminKey
        | Kind::MoreThanCharged
        | Kind::MoreThanLeft
        | Kind::NoTopUp
        | Kind::NotPaused
        | Kind::NobodyPays
        | Kind::NothingToCorrect
        | Kind::NothingToReset
        | Kind::OverrideEnded
        | Kind::IncreaseAnswered
        | Kind::HasSeat
        | Kind::InvoicePaid
        | Kind::PlanChangeRefused
        | Kind::ServerFull
        | Kind::TooManyExtensions
        | Kind::TooManyRefunds
        | Kind::TrialBudgetSpent
        | Kind::WrongClock => StatusCode::CONFLICT,
        Kind::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Kind::AmountTooLarge
        | Kind::IdempotencyConflict
        | Kind::InvalidCatalog
        | Kind::InvalidRequest
        | Kind::MissingMeter
        | Kind::NotACharge
        | Kind::OverrideRefused
        | Kind::SeatRefused
        | Kind::UnknownFeature
        | Kind::UnknownMeter
        | Kind::UnknownPlan
        | Kind::UnknownPrice
        | Kind::UnknownWindow => StatusCode::UNPROCESSABLE_ENTITY,
        Kind::KeyLimited | Kind::TooManyInvalid => StatusCode::TOO_MANY_REQUESTS,
        Kind::AccountFrozen | Kind::InternalError => StatusCode::INTERNAL_SERVER_ERROR,
        Kind::ClockJumped | Kind::Overloaded | Kind::OutcomeUnknown | Kind::Stopped => {
            StatusCode::SERVICE_UNAVAILABLE
        }
    }
}

#[cfg(test)]
mod tests {
    use headworks_api::Kind;

    use super::status;

    /// Kinds that `redeem` returns as an outcome, and kinds that occur only at a start.
    const UNSEEN: [Kind; 4] = [Kind::AlreadyRedeemed, Kind::NoReset, Kind::NothingToReset, Kind::WrongClock];

    #[test]
    fn every_kind_is_documented_with_its_status() {
        let text = include_str!("../../../docs/http.md");
        for kind in Kind::ALL.iter().filter(|kind| !UNSEEN.contains(kind)) {
            let word = format!("`{}`", kind.word());
            let row = text.lines().find(|line| line.starts_with('|') && line.contains(&word));
            let statuses = row.and_then(|row| row.split('|').nth(1)).unwrap_or_else(|| panic!("{word}"));
            assert!(statuses.contains(status(*kind).as_str()), "{word} is {} in {statuses}", status(*kind));
        }
    }
}
