//! Refusals in the words of each protocol, so that its SDKs do what is right.
//!
//! D1 a wall that lifts by itself within a minute says when; one that waiting does not lift, or not soon, says that a retry is of no
//! use (`sdks_learn_whether_to_try_again`). D2 never 409, which SDKs retry at once.

use bytes::Bytes;
use headworks_api::{Kind, Problem};
use headworks_core::record::{Instant, Span};
use headworks_wire::{Decision, Visit};
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use serde_json::{Value, json};

use crate::reply::{Body, whole};
use crate::setup::Protocol;

/// The decision behind an answer.
pub(crate) const DECISION: HeaderName = HeaderName::from_static("x-headworks-decision");
/// When the request passes.
const UNBLOCK_AT: HeaderName = HeaderName::from_static("x-headworks-unblock-at");
const RETRY_AFTER_MS: HeaderName = HeaderName::from_static("retry-after-ms");
const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// The longest wait that an SDK should sit out.
const SHORT: Span = Span::from_secs(60);

/// A refusal, in general.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// The request is wrong.
    Invalid,
    /// No valid key.
    Unauthenticated,
    /// The key or the plan does not allow it.
    Forbidden,
    /// There is no such model or path.
    NotFound,
    /// Larger than is taken.
    TooLarge,
    /// Too much at once, or in a time.
    RateLimit,
    /// A limit of spending.
    Cap,
    /// There are no credits, or their use needs consent.
    NoCredits,
    /// The gateway or its engine cannot answer now.
    Unavailable,
    /// An upstream did not answer as it should.
    Upstream,
    /// It took too long.
    Timeout,
    /// A fault of the gateway's set-up.
    Internal,
}

impl Why {
    fn status(self, protocol: Protocol) -> StatusCode {
        match (self, protocol) {
            (Self::Invalid, _) => StatusCode::BAD_REQUEST,
            (Self::Unauthenticated, _) => StatusCode::UNAUTHORIZED,
            (Self::Forbidden, _) => StatusCode::FORBIDDEN,
            (Self::NotFound, _) => StatusCode::NOT_FOUND,
            (Self::TooLarge, _) => StatusCode::PAYLOAD_TOO_LARGE,
            (Self::NoCredits, Protocol::Anthropic) => StatusCode::PAYMENT_REQUIRED,
            (Self::RateLimit | Self::Cap | Self::NoCredits, _) => StatusCode::TOO_MANY_REQUESTS,
            (Self::Unavailable, _) => StatusCode::SERVICE_UNAVAILABLE,
            (Self::Upstream, _) => StatusCode::BAD_GATEWAY,
            (Self::Timeout, _) => StatusCode::GATEWAY_TIMEOUT,
            (Self::Internal, _) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The protocol's own word for its kind.
    fn kind(self, protocol: Protocol) -> &'static str {
        match (self, protocol) {
            (Self::Invalid, _) => "invalid_request_error",
            (Self::Unauthenticated, Protocol::Openai) => "invalid_request_error",
            (Self::Unauthenticated, Protocol::Anthropic) => "authentication_error",
            (Self::Forbidden, _) => "permission_error",
            (Self::NotFound, Protocol::Openai) => "invalid_request_error",
            (Self::NotFound, Protocol::Anthropic) => "not_found_error",
            (Self::TooLarge, Protocol::Openai) => "invalid_request_error",
            (Self::TooLarge, Protocol::Anthropic) => "request_too_large",
            (Self::RateLimit, Protocol::Openai) => "requests",
            (Self::Cap | Self::NoCredits, Protocol::Openai) => "insufficient_quota",
            (Self::NoCredits, Protocol::Anthropic) => "billing_error",
            (Self::RateLimit | Self::Cap, Protocol::Anthropic) => "rate_limit_error",
            (Self::Unavailable, Protocol::Anthropic) => "overloaded_error",
            (Self::Timeout, Protocol::Anthropic) => "timeout_error",
            (Self::Upstream | Self::Internal, Protocol::Anthropic) => "api_error",
            (Self::Unavailable | Self::Upstream | Self::Timeout | Self::Internal, Protocol::Openai) => {
                "server_error"
            }
        }
    }

    /// The code that users of OpenAI's SDK branch on; elsewhere the reason is the code.
    fn code(self, reason: &str) -> &str {
        let codes = [
            (Self::RateLimit, "rate_limit_exceeded"),
            (Self::Cap, "insufficient_quota"),
            (Self::NoCredits, "insufficient_quota"),
            (Self::Unauthenticated, "invalid_api_key"),
        ];
        codes.into_iter().find(|(why, _)| *why == self).map_or(reason, |(_, code)| code)
    }
}

/// A refusal.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) why: Why,
    /// The word for the reason.
    pub(crate) reason: String,
    pub(crate) message: String,
    more: Box<More>,
}

/// What else an answer says.
#[derive(Debug)]
struct More {
    /// For programs.
    details: Value,
    headers: HeaderMap,
    status: Option<StatusCode>,
}

impl Refused {
    pub(crate) fn new(why: Why, reason: &str, message: impl Into<String>) -> Self {
        let (reason, message) = (reason.to_owned(), message.into());
        Self {
            why,
            reason,
            message,
            more: Box::new(More { details: json!({}), headers: HeaderMap::new(), status: None }),
        }
    }

    /// The same with a status of its own.
    pub(crate) fn with_status(mut self, status: StatusCode) -> Self {
        self.more.status = Some(status);
        self
    }

    /// The same for a caller who need not try again.
    pub(crate) fn for_good(self) -> Self {
        self.retry(None)
    }

    /// The same for a caller who may try again then, in a minute at the latest.
    pub(crate) fn at_most(self, wait: Option<Span>) -> Self {
        self.retry(wait.map(|wait| wait.min(SHORT)))
    }

    fn retry(mut self, wait: Option<Span>) -> Self {
        match wait.filter(|wait| *wait <= SHORT) {
            Some(wait) => {
                // Zero is no wait for some SDKs.
                let millis = wait.micros().div_ceil(1_000).max(1);
                self.more.headers.insert(RETRY_AFTER, HeaderValue::from(millis.div_ceil(1_000)));
                self.more.headers.insert(RETRY_AFTER_MS, HeaderValue::from(millis));
            }
            None => {
                self.more.headers.insert(SHOULD_RETRY, HeaderValue::from_static("false"));
            }
        }
        self
    }

    /// A problem of a call.
    pub(crate) fn of_problem(problem: &Problem) -> Self {
        let known = [
            (Kind::Unauthenticated, Why::Unauthenticated),
            (Kind::WrongScope, Why::Forbidden),
            (Kind::AccountPaused, Why::Forbidden),
            (Kind::BodyTooLarge, Why::TooLarge),
            (Kind::KeyLimited, Why::RateLimit),
            (Kind::TooManyInvalid, Why::RateLimit),
            (Kind::RequestTimeout, Why::Timeout),
            (Kind::InternalError, Why::Internal),
            (Kind::UnknownAccount, Why::NotFound),
        ];
        let passing = problem.kind.is_passing().then_some(Why::Unavailable);
        let listed = known.into_iter().find(|(kind, _)| *kind == problem.kind).map(|(_, why)| why);
        let why = passing.or(listed).unwrap_or(Why::Invalid);
        let refused = Self::new(why, problem.kind.word(), problem.detail.clone());
        if why == Why::RateLimit {
            refused.retry(problem.after)
        } else if why == Why::Unavailable {
            refused.retry(Some(problem.after.unwrap_or(Span::from_secs(1))))
        } else {
            refused
        }
    }

    /// A decision that does not allow a request.
    pub(crate) fn of_decision(decision: &Decision) -> Self {
        let reason = decision.reason.as_str();
        let at = decision.unblock.as_ref().and_then(|unblock| {
            let alone = unblock.ways.iter().filter(|way| way.purchase.is_none() && !way.consent);
            unblock.at.into_iter().chain(alone.filter_map(|way| way.at)).min()
        });
        let why = match reason {
            "suspended" | "paused" | "not_entitled" | "no_seat" | "member_missing" => Why::Forbidden,
            "insufficient_credits"
            | "allowance_used"
            | "consent_needed"
            | "consent_never"
            | "in_debt"
            | "invoice_unpaid" => Why::NoCredits,
            "spend_cap" | "member_cap" | "key_spend" | "cost_maximum" | "held_share" => Why::Cap,
            _ => Why::RateLimit,
        };
        let wall = decision.wall.as_deref().unwrap_or("plan");
        let by = decision.refused_by.as_ref().map(|by| format!(" `{by}`")).unwrap_or_default();
        let when = at.map(|at| format!("; it passes at {at}")).unwrap_or_default();
        let message = format!("not allowed: {}{by} ({wall}){when}", reason.replace('_', " "));
        let mut refused = Self::new(why, reason, message);
        refused.more.details = json!({
            "error_code": reason,
            "wall": wall,
            "limit": decision.refused_by,
            "unblock": decision.unblock,
            "decision": decision.decision_id,
            "explain": decision.decision_id.as_ref().map(|id| format!("/v1/decisions/{id}")),
        });
        if let Some(at) = at.and_then(|at| HeaderValue::from_str(&at.to_string()).ok()) {
            refused.more.headers.insert(UNBLOCK_AT, at);
        }
        decided(decision, &mut refused.more.headers);
        let wait = at.map(|at| at.since(decision.at));
        if why == Why::Forbidden { refused } else { refused.retry(wait) }
    }

    /// The answer in a protocol's words.
    pub(crate) fn answer(self, protocol: Protocol) -> Response<Body> {
        let kind = self.why.kind(protocol);
        let status = self.more.status.unwrap_or_else(|| self.why.status(protocol));
        let body = match protocol {
            Protocol::Openai => json!({"error": {"message": self.message, "type": kind, "param": null,
                "code": self.why.code(&self.reason), "details": self.more.details}}),
            Protocol::Anthropic => {
                let mut details = self.more.details;
                details["error_code"] = self.reason.into();
                json!({"type": "error", "error": {"type": kind, "message": self.message, "details": details}})
            }
        };
        let mut response = whole(status, Bytes::from(body.to_string()));
        response.headers_mut().extend(self.more.headers);
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    }
}

/// The headers that a decision gives an answer: its own name, and what is left of limits of requests and of tokens.
pub(crate) fn decided(decision: &Decision, headers: &mut HeaderMap) {
    let mut set = |name: String, value: String| {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            headers.insert(name, value);
        }
    };
    if let Some(id) = &decision.decision_id {
        set(DECISION.as_str().to_owned(), id.to_string());
    }
    for (kind, is_it) in [("requests", false), ("tokens", true)] {
        let of = |visit: &&Visit| {
            visit.kind == "guard"
                && if is_it { visit.unit.contains("tokens") } else { visit.unit == "requests" }
        };
        let tightest = decision.visits.iter().filter(of).filter_map(left).min_by_key(|(_, left, _)| *left);
        let Some((limit, left, visit)) = tightest else { continue };
        let full = visit.rate.as_ref().map(|rate| rate.full_at).or(visit.resets_at);
        set(format!("x-ratelimit-limit-{kind}"), limit.to_string());
        set(format!("x-ratelimit-remaining-{kind}"), left.to_string());
        set(format!("anthropic-ratelimit-{kind}-limit"), limit.to_string());
        set(format!("anthropic-ratelimit-{kind}-remaining"), left.to_string());
        if let Some(full) = full {
            set(format!("x-ratelimit-reset-{kind}"), until(decision.at, full));
            set(format!("anthropic-ratelimit-{kind}-reset"), full.to_string());
        }
    }
}

/// The limit of a visit, and what is left of it.
fn left(visit: &Visit) -> Option<(u64, u64, &Visit)> {
    let number = |text: &str| text.parse::<u64>().ok();
    let limit = number(visit.limit.as_deref()?)?;
    Some((limit, limit.saturating_sub(number(&visit.after)?), visit))
}

/// A duration as `6m0s`, `1.5s` or `20ms`.
fn until(now: Instant, then: Instant) -> String {
    let millis = then.since(now).micros().div_ceil(1_000);
    match (millis / 60_000, millis % 60_000) {
        (0, millis) if millis < 1_000 => format!("{millis}ms"),
        (0, millis) => format!("{}s", decimal(millis)),
        (minutes, millis) if minutes < 60 => format!("{minutes}m{}s", decimal(millis)),
        (minutes, millis) => format!("{}h{}m{}s", minutes / 60, minutes % 60, decimal(millis)),
    }
}

/// Thousandths as a decimal without zeros at its end.
fn decimal(millis: u64) -> String {
    let text = format!("{}.{:03}", millis / 1_000, millis % 1_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use headworks_core::record::{Instant, Span};

    use super::until;

    #[test]
    fn durations_are_written_as_sdks_read_them() {
        let now = Instant::from_micros(1_800_000_000_000_000);
        for (micros, text) in [
            (0, "0ms"),
            (19_001, "20ms"),
            (1_000_000, "1s"),
            (1_500_000, "1.5s"),
            (360_000_000, "6m0s"),
            (3_661_250_000, "1h1m1.25s"),
        ] {
            assert_eq!(until(now, now.after(Span::from_micros(micros))), text);
        }
    }
}
