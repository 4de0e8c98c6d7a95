//! One attempt: a request to a receiver, and what its answer means. Bounded in time and memory for any response.
//!
//! H3 a receiver that is slow or hostile costs its own webhook at most [`ANSWER_WITHIN`] an attempt, and a few kilobytes
//! (`a_hostile_receiver_costs_little`). Redirects are not followed: a signature for one address is not meant for another.

use std::error::Error as _;
use std::time::{Duration, SystemTime};

use headworks_api::outbox::{Answer, Destinations, Reach, StripeCall, reach};
use headworks_core::record::WebhookFormat;
use headworks_engine::wall;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Bytes;
use hyper::{Method, Request, Response, StatusCode, header};
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use url::{Url, form_urlencoded};

use super::connect::Connector;

/// The time within which a name is resolved, a connection is made, and an answer begins and its head ends.
pub(super) const ANSWER_WITHIN: Duration = Duration::from_secs(15);
/// How long to wait for the body, which decides nothing.
const BODY_WITHIN: Duration = Duration::from_secs(1);
const HEAD_MAX: usize = 16 << 10;
const BODY_MAX: usize = 8 << 10;
/// The longest reason that is kept.
const REASON_MAX: usize = 300;
/// A connection that nothing was sent on for this long is closed.
const IDLE_MAX: Duration = Duration::from_secs(15);

const AGENT: &str = concat!("headworks/", env!("CARGO_PKG_VERSION"));

type Http = Client<Connector, Full<Bytes>>;

/// The way out.
pub(super) struct Outlet {
    /// To public addresses too, if the request is encrypted.
    public: Http,
    /// To hosts that Stripe's key may only reach at addresses that the operator allows.
    with_key: Http,
    within: Duration,
    stripe_key: Option<String>,
}

/// A status, the requested pause, and the answer's words about a failure.
type Answered = Result<(u16, Option<Duration>, String), String>;

impl Outlet {
    pub(super) fn new(destinations: &Destinations, stripe_key: Option<String>, within: Duration) -> Self {
        let http = |reach| {
            Client::builder(TokioExecutor::new())
                .timer(TokioTimer::new())
                .pool_timer(TokioTimer::new())
                .pool_idle_timeout(IDLE_MAX)
                .pool_max_idle_per_host(2)
                .http1_max_buf_size(HEAD_MAX)
                .build(Connector::new(destinations.clone(), reach))
        };
        Self { public: http(Reach::Public), with_key: http(Reach::StripeKey), within, stripe_key }
    }

    /// Sends a signed CloudEvent.
    pub(super) async fn event(
        &self,
        url: &str,
        (id, secs): (&str, i64),
        signature: &str,
        body: String,
    ) -> Answer {
        let headers = [
            ("content-type", "application/cloudevents+json; charset=utf-8"),
            ("webhook-id", id),
            ("webhook-timestamp", &secs.to_string()),
            ("webhook-signature", signature),
        ];
        let (status, after, why) = match self.post(url, WebhookFormat::Cloudevents, &headers, body).await {
            Ok(answer) => answer,
            Err(why) => return Answer::NotNow(why, None),
        };
        match status {
            200..=299 => Answer::Taken,
            410 => Answer::Gone,
            _ => Answer::NotNow(why, after),
        }
    }

    /// Calls Stripe. `again` makes the key another one, because Stripe remembers a refusal under its key.
    pub(super) async fn stripe(&self, url: &str, call: &StripeCall, again: Option<u64>) -> Answer {
        let Some(key) = &self.stripe_key else {
            return Answer::NotNow("there is no key; start the server with --stripe-key-file".into(), None);
        };
        let again = again.map_or_else(String::new, |n| format!("#{n}"));
        let url = format!("{}{}", url.trim_end_matches('/'), call.path());
        let headers = [
            ("content-type", "application/x-www-form-urlencoded"),
            ("authorization", &format!("Bearer {key}")),
            ("idempotency-key", &format!("{}{again}", call.id())),
        ];
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(call.form()).finish();
        let (status, after, why) =
            match self.post(&url, WebhookFormat::StripeMeterEvents, &headers, body).await {
                Ok(answer) => answer,
                Err(why) => return Answer::NotNow(why, None),
            };
        match status {
            200..=299 => Answer::Taken,
            // A wrong API key is no customer's fault; the others mean that Stripe is busy or slow, or gets too many calls.
            401 | 403 | 408 | 409 | 429 => Answer::NotNow(why, after),
            400..=499 => Answer::Refused(format!("{} {}: {why}", call.path(), call.id())),
            _ => Answer::NotNow(why, after),
        }
    }

    async fn post(
        &self,
        url: &str,
        format: WebhookFormat,
        headers: &[(&str, &str)],
        body: String,
    ) -> Answered {
        let parsed = Url::parse(url).map_err(|e| format!("its URL cannot be used: {e}"))?;
        let http = match reach(&parsed, format) {
            Reach::Public | Reach::Unencrypted => &self.public,
            Reach::StripeKey => &self.with_key,
        };
        let mut request = Request::builder().method(Method::POST).uri(url).header(header::USER_AGENT, AGENT);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::from(body)).map_err(|_| "its URL cannot be used".to_owned())?;
        match tokio::time::timeout(self.within, http.request(request)).await {
            Err(_) => Err(format!("no answer within {} s", self.within.as_secs_f32())),
            Ok(Err(e)) => Err(short(&innermost(&e))),
            Ok(Ok(answer)) => Ok(read(answer).await),
        }
    }
}

/// The innermost reason: those around it say only where it came from.
fn innermost(e: &Error) -> String {
    let mut source = e.source();
    let mut text = e.to_string();
    while let Some(inner) = source {
        (text, source) = (inner.to_string(), inner.source());
    }
    text
}

async fn read(answer: Response<hyper::body::Incoming>) -> (u16, Option<Duration>, String) {
    let (head, body) = answer.into_parts();
    let now = SystemTime::UNIX_EPOCH + Duration::from_micros(u64::try_from(wall().micros()).unwrap_or(0));
    let after = head.headers.get(header::RETRY_AFTER).and_then(|v| retry_after(v.to_str().ok()?, now));
    // Read to its end, so that the connection can be used again; an endless one is closed.
    let body = tokio::time::timeout(BODY_WITHIN, Limited::new(body, BODY_MAX).collect()).await;
    let body = body.ok().and_then(Result::ok).map(|body| body.to_bytes()).unwrap_or_default();
    let why = if head.status.is_success() { String::new() } else { reason(head.status, &body) };
    (head.status.as_u16(), after, why)
}

fn reason(status: StatusCode, body: &[u8]) -> String {
    let parsed: Option<serde_json::Value> = serde_json::from_slice(body).ok();
    let message = parsed.as_ref().and_then(|v| v.pointer("/error/message")?.as_str());
    match message {
        Some(message) => short(&format!("it answered {status}: {message}")),
        None => format!("it answered {status}"),
    }
}

fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(REASON_MAX).collect()
}

/// The pause that a `Retry-After` asks for: seconds, or a date. Anything else asks for no pause.
pub(super) fn retry_after(text: &str, now: SystemTime) -> Option<Duration> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;
    use std::time::{Duration, Instant, SystemTime};

    use headworks_api::outbox::{Destinations, parse_block};

    use super::{Answer, Outlet, StripeCall, retry_after};

    const WITHIN: Duration = Duration::from_millis(400);

    /// Its name, the head of its answer, the part that repeats without end, how fast, and whether the event is accepted.
    type Case = (&'static str, &'static [u8], &'static [u8], Duration, bool);

    /// The outcome of an event at a receiver that answers with `head`, and then `more` again and again.
    async fn attempt(head: &'static [u8], more: &'static [u8], pause: Duration) -> (Answer, Duration) {
        let listener = TcpListener::bind("127.0.0.1:0").expect("binds");
        let url = format!("http://{}/", listener.local_addr().expect("address"));
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("accepts");
            let _ = stream.read(&mut [0; 4096]);
            let mut sent = stream.write_all(head);
            while sent.is_ok() && !more.is_empty() {
                std::thread::sleep(pause);
                sent = stream.write_all(more);
            }
            // Says no more, and does not hang up.
            let _ = stream.read(&mut [0; 1]);
        });
        let begun = Instant::now();
        let loopback = Destinations::new(vec![parse_block("127.0.0.1").expect("a block")]);
        let answer = Outlet::new(&loopback, None, WITHIN).event(&url, ("id", 0), "v1,", "{}".into()).await;
        (answer, begun.elapsed())
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_hostile_receiver_costs_little() {
        let now = Duration::ZERO;
        let slow = Duration::from_millis(50);
        let cases: [Case; 9] = [
            ("says nothing", b"", b"", now, false),
            (
                "a head that has no end",
                b"HTTP/1.1 200 OK\r\n",
                b"x: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n",
                now,
                false,
            ),
            ("a slow head", b"HTTP/1.1 200 OK\r\n", b"x: y\r\n", slow, false),
            (
                "a line that has no end",
                b"HTTP/1.1 200 ",
                b"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                now,
                false,
            ),
            ("interim answers without end", b"", b"HTTP/1.1 103 Early Hints\r\n\r\n", now, false),
            ("no HTTP", b"220 mail ready\r\n", b"", now, false),
            (
                "a huge body",
                b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n",
                b"aaaaaaaaaaaaaaaaaaaaa",
                now,
                true,
            ),
            ("a slow body", b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n", b"a", slow, true),
            (
                "chunks without end",
                b"HTTP/1.1 204 OK\r\ntransfer-encoding: chunked\r\n\r\n",
                b"1\r\na\r\n",
                now,
                true,
            ),
        ];
        for (what, head, more, pause, taken) in cases {
            let (answer, took) = attempt(head, more, pause).await;
            assert_eq!(answer == Answer::Taken, taken, "{what}: {answer:?}");
            assert!(taken || matches!(answer, Answer::NotNow(..)), "{what}: {answer:?}");
            assert!(took < WITHIN * 4, "{what} took {took:?}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_an_answer_means() {
        let moved = b"HTTP/1.1 307 Moved\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n";
        let busy = b"HTTP/1.1 503 X\r\nretry-after: 7\r\ncontent-length: 0\r\n\r\n";
        let after = Some(Duration::from_secs(7));
        for (head, means) in [
            (&b"HTTP/1.1 204 No Content\r\n\r\n"[..], Answer::Taken),
            (b"HTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n", Answer::Gone),
            (moved, Answer::NotNow("it answered 307 Temporary Redirect".into(), None)),
            (busy, Answer::NotNow("it answered 503 Service Unavailable".into(), after)),
        ] {
            assert_eq!(attempt(head, b"", Duration::ZERO).await.0, means);
        }
    }

    #[tokio::test]
    async fn a_failure_never_shows_the_url() {
        let none = Destinations::default();
        let loopback = Destinations::new(vec![parse_block("127.0.0.1").expect("a block")]);
        for (to, url) in [
            (&none, "https://localhost/?token=secret"),
            (&none, "https://127.0.0.1/?token=secret"),
            (&loopback, "http://127.0.0.1:1/?token=secret"),
            (&loopback, "http://name.invalid/?token=secret"),
            (&loopback, "no URL ?token=secret"),
        ] {
            let answer = Outlet::new(to, None, WITHIN).event(url, ("id", 0), "v1,", "{}".into()).await;
            let Answer::NotNow(why, None) = answer else { panic!("{url}: {answer:?}") };
            assert!(!why.is_empty() && !why.contains("token") && !why.contains("secret"), "{url}: {why}");
        }
    }

    #[tokio::test]
    async fn the_key_of_stripe_goes_to_stripe_alone() {
        let (listener, call) = (
            TcpListener::bind("127.0.0.1:0").expect("binds"),
            StripeCall::Cancel { name: "n".into(), identifier: "i".into() },
        );
        listener.set_nonblocking(true).expect("is set");
        let key = || Some("sk_test".to_owned());
        let url = format!("https://localhost:{}", listener.local_addr().expect("address").port());
        // Another host, even a public one, is not sent the key unless its address is allowed.
        for url in [url.as_str(), "https://1.1.1.1", "http://api.stripe.com"] {
            let answer = Outlet::new(&Destinations::default(), key(), WITHIN).stripe(url, &call, None).await;
            let Answer::NotNow(why, None) = answer else { panic!("{url}: {answer:?}") };
            assert!(why.contains("--webhooks-allow") || why.contains("resolved"), "{url}: {why}");
            assert!(listener.accept().is_err(), "{url}");
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        // 1994-11-06 08:49:37, the example of RFC 9110 in its three forms.
        let date = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        let before = date - Duration::from_secs(30);
        let secs = |text: &str| retry_after(text, before).map(|d| d.as_secs());
        for text in
            ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"]
        {
            assert_eq!(secs(text), Some(30), "{text}");
            assert_eq!(retry_after(text, date + Duration::from_secs(1)), Some(Duration::ZERO), "{text}");
        }
        assert_eq!((secs("0"), secs(" 120 ")), (Some(0), Some(120)));
        assert_eq!(secs("99999999999999999999"), Some(u64::MAX));
        for nothing in ["", "-5", "1.5", "soon", "+3", "Sun, 99 Nov 1994 08:49:37 GMT"] {
            assert_eq!(secs(nothing), None, "{nothing}");
        }
    }
}
