//! An answer of bytes that are not looked into: passed on as they come, and settled at their end.
//!
//! Z1 at most a few parts of it are here at once: a caller who reads slowly slows the upstream (`speech_waits_for_a_slow_caller`). Z2 one
//! that breaks off ends with an error, and costs nothing (`speech_that_breaks_off_ends_with_an_error`). Z3 nobody gets speech for nothing by
//! reading it so slowly that its upstream gives up (`speech_that_is_kept_waiting_is_charged`).

use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::call::{Call, Reply, report, ticks};
use crate::metrics::Ended;
use crate::reply::{Part, passing, whole};
use crate::settle::Output;
use crate::upstream::passed;

/// How long a caller may keep an upstream waiting before it is the caller's doing that it breaks off.
const KEPT_WAITING_MAX: Duration = Duration::from_secs(5);

/// An answer on its way.
struct Passing {
    call: Call,
    to: mpsc::Sender<Part>,
    /// A part that its caller has not taken yet.
    waiting: Option<Bytes>,
    /// How long its caller has kept it waiting.
    kept_waiting: Duration,
    /// Anything of it has come.
    has_come: bool,
    /// The caller has gone; what still comes is read until then.
    leaves: Option<Instant>,
}

impl Call {
    /// Passes an answer on as it comes.
    pub(crate) async fn pass(self, answer: Response<Incoming>, target: usize, reply: Reply) {
        let (head, body) = answer.into_parts();
        let (to, from) = passing();
        let mut response = whole(head.status, Bytes::new()).map(|_| from);
        response.headers_mut().extend(passed(&head.headers));
        let response = self.marked(response);
        let mut answer = Passing {
            call: self,
            to,
            waiting: None,
            kept_waiting: Duration::ZERO,
            has_come: false,
            leaves: None,
        };
        if reply.send(Ok(response)).is_err() {
            answer.leave();
        }
        let end = answer.run(body, target).await;
        answer.finish(end, target).await;
    }
}

impl Passing {
    fn leave(&mut self) {
        self.waiting = None;
        self.leaves.get_or_insert_with(|| Instant::now() + self.call.held.shared.setup.drain);
    }

    async fn run(&mut self, mut body: Incoming, target: usize) -> Ended {
        let idle = self.call.upstream(target).map(|upstream| upstream.idle_timeout).unwrap_or_default();
        let (mut ticks, mut last) = (ticks(), Instant::now());
        let (mut ends, to) = (self.call.ends.clone(), self.to.clone());
        loop {
            tokio::select! {
                frame = body.frame(), if self.waiting.is_none() => {
                    last = Instant::now();
                    match frame {
                        None => return Ended::Complete,
                        Some(Err(_)) => return Ended::Broken,
                        Some(Ok(frame)) => {
                            let part = frame.into_data().ok().filter(|part| !part.is_empty());
                            self.has_come |= part.is_some();
                            self.waiting = part.filter(|_| self.leaves.is_none());
                        }
                    }
                }
                place = to.reserve(), if self.waiting.is_some() => {
                    self.kept_waiting += last.elapsed();
                    last = Instant::now();
                    match (place, self.waiting.take()) {
                        (Ok(place), Some(part)) => place.send(Part::Data(part)),
                        (Ok(_), None) => {}
                        (Err(_), _) => self.leave(),
                    }
                }
                () = to.closed(), if self.leaves.is_none() => self.leave(),
                () = tokio::time::sleep_until(self.leaves.unwrap_or(last)), if self.leaves.is_some() => return Ended::Left,
                () = tokio::time::sleep_until(last + idle) => {
                    if self.waiting.is_none() {
                        return Ended::Broken;
                    }
                    // A caller who takes nothing for so long has gone.
                    last = Instant::now();
                    self.leave();
                }
                is_replaced = ends.ended() => return if is_replaced { Ended::Replaced } else { Ended::Stopped },
                _ = ticks.tick() => report(self.call.held.lease.as_deref_mut(), Default::default()).await,
            }
        }
    }

    /// Ends the hold, and then the answer: without its end it reads as broken off.
    async fn finish(mut self, end: Ended, target: usize) {
        self.call.ended(end.name());
        let is_free = match end {
            Ended::Broken => self.leaves.is_none() && self.kept_waiting < KEPT_WAITING_MAX,
            Ended::Stopped | Ended::Replaced => !self.has_come,
            Ended::Complete | Ended::Cut | Ended::Left => false,
        };
        let charge = if is_free {
            self.call.held.release().await;
            None
        } else {
            let asked = self.call.held.worth.map_or(0, |worth| worth.asked.pieces);
            let pieces = if self.has_come { asked } else { 0 };
            let classes = self.call.held.classes(None, false, Output { text: 0, pieces });
            self.call.held.settle(target, None, &classes, false).await
        };
        if end == Ended::Complete {
            self.call.held.feed_served();
        }
        let is_complete = end == Ended::Complete && self.leaves.is_none();
        let place = if is_complete { self.to.reserve().await.ok() } else { None };
        self.call.over(charge, place.is_some()).await;
        if let Some(place) = place {
            place.send(Part::End);
        }
    }
}
