//! A body with something attached to it: called when a part is taken, and dropped with the body.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes};
use http_body::{Body as HttpBody, Frame, SizeHint};

/// The body, and what is called when a part of it, or its end, is taken.
pub(crate) struct Attached<F> {
    body: Body,
    taken: F,
}

impl<F: FnMut() + Unpin> Attached<F> {
    pub(crate) fn new(body: Body, taken: F) -> Self {
        Self { body, taken }
    }
}

impl<F: FnMut() + Unpin> HttpBody for Attached<F> {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        (self.taken)();
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
