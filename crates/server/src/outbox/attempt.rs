//! One attempt: a request to a receiver, and what its answer means. Bounded in time and memory for any response.
//!
//! H3 a receiver that is slow or hostile costs its own webhook at most [`ANSWER_WITHIN`] an attempt, and a few kilobytes
//! (`a_hostile_receiver_costs_little`). Redirects are not followed: a signature for one address is not meant for another.

use std::time::{Duration, SystemTime};

use headworks_api::outbox::{Answer, StripeCall};
use headworks_engine::wall;

/// The time within which an answer must begin and its head must end.
pub(super) const ANSWER_WITHIN: Duration = Duration::from_secs(15);
/// How long to wait for the body, which decides nothing.
const BODY_WITHIN: Duration = Duration::from_secs(1);
const HEAD_MAX: usize = 16 << 10;
const BODY_MAX: u64 = 8 << 10;
/// The longest reason that is kept.
const REASON_MAX: usize = 300;

/// The way out.
pub(super) struct Outlet {
    agent: ureq::Agent,
    stripe_key: Option<String>,
}

type Answered = Result<ureq::http::Response<ureq::Body>, ureq::Error>;

impl Outlet {
    pub(super) fn new(stripe_key: Option<String>, within: Duration) -> Self {
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(within))
            .timeout_recv_body(Some(BODY_WITHIN))
            .max_response_header_size(HEAD_MAX)
            .http_status_as_error(false)
            .max_redirects(0)
            .user_agent(concat!("headworks/", env!("CARGO_PKG_VERSION")))
            .build();
        Self { agent: config.into(), stripe_key }
    }

    /// Sends a signed CloudEvent.
    pub(super) fn event(&self, url: &str, id: &str, secs: i64, signature: &str, body: &str) -> Answer {
        let request = self
            .agent
            .post(url)
            .header("content-type", "application/cloudevents+json; charset=utf-8")
            .header("webhook-id", id)
            .header("webhook-timestamp", secs.to_string())
            .header("webhook-signature", signature);
        let (status, after, why) = match read(request.send(body)) {
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
    pub(super) fn stripe(&self, url: &str, call: &StripeCall, again: Option<u64>) -> Answer {
        let Some(key) = &self.stripe_key else {
            return Answer::NotNow("there is no key; start the server with --stripe-key-file".into(), None);
        };
        let again = again.map_or_else(String::new, |n| format!("#{n}"));
        let request = self
            .agent
            .post(format!("{}{}", url.trim_end_matches('/'), call.path()))
            .header("authorization", format!("Bearer {key}"))
            .header("idempotency-key", format!("{}{again}", call.id()));
        let (status, after, why) = match read(request.send_form(call.form())) {
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
}

/// The status, the requested pause, and the answer's words about a failure.
fn read(answer: Answered) -> Result<(u16, Option<Duration>, String), String> {
    let mut answer = answer.map_err(|e| short(&e.to_string()))?;
    let status = answer.status();
    let now = SystemTime::UNIX_EPOCH + Duration::from_micros(u64::try_from(wall().micros()).unwrap_or(0));
    let after = answer.headers().get("retry-after").and_then(|v| retry_after(v.to_str().ok()?, now));
    // Read to its end, so that the connection can be used again; an endless one is closed.
    let body = answer.body_mut().with_config().limit(BODY_MAX).read_to_vec().unwrap_or_default();
    let why = if status.is_success() { String::new() } else { reason(status, &body) };
    Ok((status.as_u16(), after, why))
}

fn reason(status: ureq::http::StatusCode, body: &[u8]) -> String {
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

    use super::{Answer, Outlet, retry_after};

    const WITHIN: Duration = Duration::from_millis(400);

    /// Its name, the head of its answer, the part that repeats without end, how fast, and whether the event is accepted.
    type Case = (&'static str, &'static [u8], &'static [u8], Duration, bool);

    /// The outcome of an event at a receiver that answers with `head`, and then `more` again and again.
    fn attempt(head: &'static [u8], more: &'static [u8], pause: Duration) -> (Answer, Duration) {
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
        let answer = Outlet::new(None, WITHIN).event(&url, "id", 0, "v1,", "{}");
        (answer, begun.elapsed())
    }

    #[test]
    fn a_hostile_receiver_costs_little() {
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
            let (answer, took) = attempt(head, more, pause);
            assert_eq!(answer == Answer::Taken, taken, "{what}: {answer:?}");
            assert!(taken || matches!(answer, Answer::NotNow(..)), "{what}: {answer:?}");
            assert!(took < WITHIN * 4, "{what} took {took:?}");
        }
    }

    #[test]
    fn what_an_answer_means() {
        let of = |head| attempt(head, b"", Duration::ZERO).0;
        assert_eq!(of(b"HTTP/1.1 204 No Content\r\n\r\n"), Answer::Taken);
        assert_eq!(of(b"HTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n"), Answer::Gone);
        let moved = b"HTTP/1.1 307 Moved\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n";
        assert_eq!(of(moved), Answer::NotNow("it answered 307 Temporary Redirect".into(), None));
        let busy = b"HTTP/1.1 503 X\r\nretry-after: 7\r\ncontent-length: 0\r\n\r\n";
        let after = Some(Duration::from_secs(7));
        assert_eq!(of(busy), Answer::NotNow("it answered 503 Service Unavailable".into(), after));
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
