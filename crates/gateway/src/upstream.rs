//! Requests to upstreams.
//!
//! U1 a caller's key, cookies and addresses never reach an upstream, and an upstream's limits, cookies and organisation never
//! reach a caller: only listed headers pass (`only_listed_headers_pass`).

use std::time::Duration;

use bytes::Bytes;
use headworks_core::record::{Name, Span};
use http::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, Uri};
use http_body_util::{BodyExt as _, Collected, Full, Limited};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::denial::{Refused, Why};
use crate::setup::{Protocol, Upstream};

/// The headers of callers that reach an upstream, and beginnings of some.
const REQUEST: [&str; 5] =
    ["anthropic-version", "anthropic-beta", "openai-beta", "traceparent", "tracestate"];
const REQUEST_BEGINS: &str = "x-stainless-";
/// The headers of upstreams that reach a caller.
const RESPONSE: [&str; 5] =
    ["content-type", "request-id", "x-request-id", "openai-processing-ms", "openai-version"];

/// What an account's name is escaped for in a header: all but letters, digits and what is usual in names.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');

/// How long a connection that is not used stays open.
const IDLE: Duration = Duration::from_secs(60);

/// Why an upstream has not answered.
#[derive(Debug)]
pub(crate) enum Failed {
    /// No connection: nothing was sent.
    Unreached(String),
    /// It is not known what the upstream has done.
    Unknown(String),
}

/// A client for one upstream.
#[derive(Debug)]
pub(crate) struct Requests(Client<HttpsConnector<HttpConnector>, Full<Bytes>>);

impl Requests {
    pub(crate) fn new(upstream: &Upstream) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.enforce_http(false);
        connector.set_connect_timeout(Some(upstream.connect_timeout));
        connector.set_keepalive(Some(IDLE));
        let connector = HttpsConnectorBuilder::new()
            .with_webpki_roots()
            .https_or_http()
            .enable_http1()
            .enable_http2()
            .wrap_connector(connector);
        let mut client = Client::builder(TokioExecutor::new());
        client.pool_timer(TokioTimer::new()).pool_idle_timeout(IDLE).retry_canceled_requests(true);
        Self(client.build(connector))
    }

    /// Sends a request; the head of the answer is here when this returns.
    pub(crate) async fn send(&self, request: Request<Full<Bytes>>) -> Result<Response<Incoming>, Failed> {
        self.0.request(request).await.map_err(|e| {
            let mut why = e.to_string();
            let mut cause = std::error::Error::source(&e);
            while let Some(next) = cause {
                why = format!("{why}: {next}");
                cause = next.source();
            }
            if e.is_connect() { Failed::Unreached(why) } else { Failed::Unknown(why) }
        })
    }

    /// Sends a request whose answer begins within this time.
    ///
    /// # Errors
    /// With a refusal in the gateway's words.
    pub(crate) async fn send_within(
        &self,
        request: Request<Full<Bytes>>,
        within: Duration,
    ) -> Result<Response<Incoming>, Refused> {
        match tokio::time::timeout(within, self.send(request)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(_)) => {
                Err(Refused::new(Why::Upstream, "upstream_failed", "the upstream cannot be reached"))
            }
            Err(_) => {
                Err(Refused::new(Why::Timeout, "upstream_timeout", "the upstream did not answer in time"))
            }
        }
    }
}

/// An upstream's name for something, as a part of a path.
pub(crate) fn segment(id: &str) -> String {
    utf8_percent_encode(id, ESCAPED).to_string()
}

/// A path with the one parameter that SDKs send, by which they reach Anthropic's betas.
pub(crate) fn path(of: &str, asked: &Uri) -> String {
    let is_beta = asked.query().is_some_and(|query| query.split('&').any(|one| one == "beta=true"));
    if is_beta { format!("{of}?beta=true") } else { of.to_owned() }
}

/// A request to an upstream: the caller's, with the operator's key.
pub(crate) fn request(
    upstream: &Upstream,
    account: &Name,
    (method, path): (&Method, &str),
    caller: &HeaderMap,
    body: Bytes,
) -> Result<Request<Full<Bytes>>, http::Error> {
    let mut request = Request::builder().method(method).uri(format!("{}{path}", upstream.base_url));
    for (name, value) in caller {
        let is_listed = REQUEST.contains(&name.as_str()) || name.as_str().starts_with(REQUEST_BEGINS);
        if is_listed || [ACCEPT, CONTENT_TYPE, USER_AGENT].contains(name) {
            request = request.header(name, value);
        }
    }
    // What is compressed could not be read on its way.
    request = request.header(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    if let Some(key) = &upstream.key {
        let name = match upstream.protocol {
            Protocol::Openai => AUTHORIZATION,
            Protocol::Anthropic => HeaderName::from_static("x-api-key"),
        };
        request = request.header(name, key);
    }
    let headers = request.headers_mut();
    if let Some(headers) = headers {
        headers.extend(upstream.headers.clone());
        if let Some(name) = &upstream.fairness_header {
            let account = segment(account.as_str());
            if let Ok(account) = HeaderValue::from_str(&account) {
                headers.insert(name.clone(), account);
            }
        }
    }
    request.body(Full::new(body))
}

/// The headers of an upstream's answer that reach the caller.
pub(crate) fn passed(headers: &HeaderMap) -> HeaderMap {
    let listed = headers.iter().filter(|(name, _)| RESPONSE.contains(&name.as_str()));
    listed.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// An answer's body, if it comes and is no longer than this.
pub(crate) async fn collected(answer: Response<Incoming>, most: usize) -> Option<Bytes> {
    let body = Limited::new(answer.into_body(), most).collect().await;
    body.ok().map(Collected::to_bytes)
}

/// The pause that an upstream asks for.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Span> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.parse().ok()?;
    Some(Span::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use headworks_core::record::Name;
    use http::{HeaderMap, HeaderName, HeaderValue, Method};

    use super::{passed, path, request};
    use crate::setup::Setup;

    fn headers(all: &[(&'static str, &'static str)]) -> HeaderMap {
        all.iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn of_the_parameters_only_beta_passes() {
        for (asked, expected) in [
            ("/v1/messages", "/v1/messages"),
            ("/v1/messages?beta=true", "/v1/messages?beta=true"),
            ("/v1/messages?key=hw_secret&beta=true", "/v1/messages?beta=true"),
            ("/v1/messages?beta=false&abeta=true", "/v1/messages"),
        ] {
            assert_eq!(path("/v1/messages", &asked.parse().expect("a URI")), expected);
        }
    }

    #[test]
    fn only_listed_headers_pass() {
        let setup = Setup::parse(
            r#"
            [upstreams.a]
            base_url = "http://127.0.0.1:1/base/"
            protocol = "anthropic"
            key = { env = "CARGO_PKG_NAME" }
            fairness_header = "x-gateway-inference-fairness-id"
            headers = { x-gateway-inference-objective = "premium", traceparent = "00" }
            [models.m]
            feature = "chat"
            targets = [{ upstream = "a" }]
            "#,
        )
        .expect("a set-up");
        let caller = headers(&[
            ("authorization", "Bearer hw_secret"),
            ("x-api-key", "hw_secret"),
            ("cookie", "c=1"),
            ("x-forwarded-for", "10.0.0.1"),
            ("x-headworks-session", "s"),
            ("accept-encoding", "gzip"),
            ("anthropic-version", "2023-06-01"),
            ("x-stainless-lang", "python"),
            ("content-type", "application/json"),
        ]);
        let upstream = &setup.upstreams[0];
        let account = Name::id("caf\u{e9} 7").expect("a name");
        let sent = request(upstream, &account, (&Method::POST, "/v1/messages"), &caller, Bytes::new())
            .expect("a request");
        assert_eq!(sent.uri(), "http://127.0.0.1:1/base/v1/messages");
        let mut names: Vec<&str> = sent.headers().keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        let expected = [
            "accept-encoding",
            "anthropic-version",
            "content-type",
            "traceparent",
            "x-api-key",
            "x-gateway-inference-fairness-id",
            "x-gateway-inference-objective",
            "x-stainless-lang",
        ];
        assert_eq!(names, expected);
        assert_eq!(
            (&sent.headers()["x-api-key"], &sent.headers()["accept-encoding"]),
            (&HeaderValue::from_static("headworks-gateway"), &HeaderValue::from_static("identity"))
        );
        assert_eq!(sent.headers()["x-gateway-inference-fairness-id"], "caf%C3%A9%207");
        let answer = headers(&[
            ("x-ratelimit-remaining-tokens", "7"),
            ("set-cookie", "c=1"),
            ("openai-organization", "acme"),
            ("content-length", "9"),
            ("x-request-id", "req_1"),
        ]);
        assert_eq!(passed(&answer), headers(&[("x-request-id", "req_1")]));
    }
}
