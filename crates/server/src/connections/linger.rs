//! A connection that is closed while its peer still sends: the rest is read and thrown away for a moment, because a system that closes
//! with unread data resets the connection, and the peer then never sees the answer.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::Place;

/// How long, and how much, of a peer that has shown a key or not.
const LINGERS: Duration = Duration::from_secs(1);
const BYTES: usize = 8 << 20;
const BYTES_UNAUTHENTICATED: usize = 256 << 10;

/// A stream that lingers when it is shut down.
pub(super) struct Linger<S> {
    stream: S,
    place: Arc<Place>,
    /// The last answer was a refusal of a request with a body, which may still be coming.
    expects: Arc<AtomicBool>,
    closing: Option<(usize, Pin<Box<Sleep>>)>,
}

impl<S> Linger<S> {
    pub(super) fn new(stream: S, place: &Arc<Place>, expects: &Arc<AtomicBool>) -> Self {
        Self { stream, place: Arc::clone(place), expects: Arc::clone(expects), closing: None }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Linger<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Linger<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.closing.is_none() {
            ready!(Pin::new(&mut this.stream).poll_shutdown(cx))?;
            let bytes = if this.place.is_authenticated() { BYTES } else { BYTES_UNAUTHENTICATED };
            this.closing = Some((bytes, Box::pin(sleep(LINGERS))));
        }
        let Some((left, over)) = &mut this.closing else { return Poll::Ready(Ok(())) };
        let mut part = [0; 8 << 10];
        while *left > 0 && over.as_mut().poll(cx).is_pending() {
            let mut buf = ReadBuf::new(&mut part);
            match Pin::new(&mut this.stream).poll_read(cx, &mut buf) {
                Poll::Pending if this.expects.load(Ordering::Relaxed) => return Poll::Pending,
                Poll::Ready(Ok(())) if !buf.filled().is_empty() => {
                    *left = left.saturating_sub(buf.filled().len())
                }
                // It has ended, or has nothing to send.
                Poll::Pending | Poll::Ready(_) => break,
            }
        }
        Poll::Ready(Ok(()))
    }
}
