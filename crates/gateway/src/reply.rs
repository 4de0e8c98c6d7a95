//! Bodies of answers: whole, or as they come.
//!
//! P1 a body that breaks off ends with an error, so that HTTP says so: without its last chunk, or with its stream reset. That it is
//! whole has to be said (`a_body_is_whole_only_if_that_is_said`).

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::CACHE_CONTROL;
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use http_body::{Frame, SizeHint};
use tokio::sync::mpsc;

/// Parts that wait for a caller who reads slowly; the upstream then waits too.
const WAITING: usize = 16;

/// The body of an answer.
#[derive(Debug)]
pub struct Body(Inner);

#[derive(Debug)]
enum Inner {
    Whole(Option<Bytes>),
    Parts(mpsc::Receiver<Bytes>),
    Passing(mpsc::Receiver<Part>),
}

/// A part of a body that is passed on as it comes.
#[derive(Debug)]
pub(crate) enum Part {
    Data(Bytes),
    /// All of it was passed on.
    End,
}

/// The body of an answer has broken off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BrokenOff;

impl fmt::Display for BrokenOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the answer broke off")
    }
}

impl Error for BrokenOff {}

/// An answer that is here as a whole.
pub(crate) fn whole(status: StatusCode, body: Bytes) -> Response<Body> {
    let mut response = Response::new(Body(Inner::Whole(Some(body).filter(|body| !body.is_empty()))));
    *response.status_mut() = status;
    response
}

/// A body that is sent part by part.
fn parts() -> (mpsc::Sender<Bytes>, Body) {
    let (sender, receiver) = mpsc::channel(WAITING);
    (sender, Body(Inner::Parts(receiver)))
}

/// An answer of events, with these headers of the upstream's; each is sent at once.
pub(crate) fn events(status: StatusCode, headers: HeaderMap) -> (mpsc::Sender<Bytes>, Response<Body>) {
    let (to, from) = parts();
    let mut response = whole(status, Bytes::new()).map(|_| from);
    response.headers_mut().extend(headers);
    // Proxies in front must not wait for more.
    response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    (to, response)
}

/// A body that is passed on as it comes, and is whole only once that is said.
pub(crate) fn passing() -> (mpsc::Sender<Part>, Body) {
    let (sender, receiver) = mpsc::channel(WAITING);
    (sender, Body(Inner::Passing(receiver)))
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        match &mut self.get_mut().0 {
            Inner::Whole(body) => Poll::Ready(body.take().map(|body| Ok(Frame::data(body)))),
            Inner::Parts(parts) => parts.poll_recv(cx).map(|part| part.map(|part| Ok(Frame::data(part)))),
            Inner::Passing(parts) => parts.poll_recv(cx).map(|part| match part {
                Some(Part::Data(part)) => Some(Ok(Frame::data(part))),
                Some(Part::End) => None,
                None => Some(Err(BrokenOff)),
            }),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.0, Inner::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Inner::Whole(body) => SizeHint::with_exact(
                body.as_ref().map_or(0, |body| u64::try_from(body.len()).unwrap_or(u64::MAX)),
            ),
            Inner::Parts(_) | Inner::Passing(_) => SizeHint::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http_body_util::BodyExt as _;

    use super::{BrokenOff, Part, passing};

    #[tokio::test]
    async fn a_body_is_whole_only_if_that_is_said() {
        for is_whole in [true, false] {
            let (sender, body) = passing();
            sender.send(Part::Data(Bytes::from_static(b"some"))).await.expect("is read");
            if is_whole {
                sender.send(Part::End).await.expect("is read");
            }
            drop(sender);
            let read = body.collect().await.map(http_body_util::Collected::to_bytes);
            let expected = if is_whole { Ok(Bytes::from_static(b"some")) } else { Err(BrokenOff) };
            assert_eq!(read, expected);
        }
    }
}
