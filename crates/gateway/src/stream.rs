//! A stream on its way: metered event by event, extended as it grows, and cut before an event that nobody pays for.
//!
//! R1 an event is passed on only if what it brings the output to is held (`a_stream_is_cut_before_what_is_not_paid`). R2 bytes are
//! passed on as they came (`events_are_passed_on_byte_for_byte`). R3 a caller who leaves pays for what was generated, within the
//! hold (`a_caller_who_leaves_pays_for_what_was_generated`). R4 a caller who reads slowly slows the upstream; nothing piles up here.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use headworks_core::waterfall::{Minimum, Quantities};
use headworks_engine::Effect;
use http::Response;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::call::{Call, Reply, report, ticks};
use crate::metrics::Ended;
use crate::reply::events;
use crate::settle::Output;
use crate::sse::{Event, Splitter};
use crate::streams::Reading;
use crate::upstream::passed;

/// The least and the most that a stream's hold grows by at once, in tokens.
pub(crate) const STEP: (u64, u64) = (64, 4_096);

/// How long a stream that has come to its end may stay open.
const OVER: Duration = Duration::from_millis(200);

/// A stream on its way.
struct Stream {
    call: Call,
    reading: Reading,
    splitter: Splitter,
    to: mpsc::Sender<Bytes>,
    /// Bytes of text so far.
    text: u64,
    /// The caller has gone; what still comes is read until then.
    leaves: Option<Instant>,
}

impl Call {
    /// Passes a stream on.
    pub(crate) async fn stream(
        self,
        answer: Response<Incoming>,
        target: usize,
        hides_usage: bool,
        reply: Reply,
    ) {
        let (head, body) = answer.into_parts();
        let (to, response) = events(head.status, passed(&head.headers));
        let response = self.marked(response);
        let pieces = self.held.worth.map_or(1, |worth| worth.asked.pieces);
        let reading = Reading::new(self.held.surface, hides_usage, pieces);
        let mut stream =
            Stream { call: self, reading, splitter: Splitter::default(), to, text: 0, leaves: None };
        if reply.send(Ok(response)).is_err() {
            stream.leave();
        }
        let end = stream.pass(body, target).await;
        stream.finish(end, target).await;
    }
}

impl Stream {
    fn leave(&mut self) {
        self.leaves.get_or_insert_with(|| Instant::now() + self.call.held.shared.setup.drain);
    }

    /// Tokens of output so far.
    fn tokens(&self, text: u64) -> u64 {
        self.call.held.shared.learned.text(&self.call.held.model, text)
    }

    fn output(&self) -> Output {
        Output { text: self.text, pieces: self.reading.pieces() }
    }

    /// Whether its use is reported to the end.
    fn is_reported(&self) -> bool {
        self.reading.is_final && self.call.held.is_reported(self.reading.report.as_ref())
    }

    /// The use so far, for the hold.
    fn used(&self) -> Quantities {
        let classes = self.call.held.classes(self.reading.report.as_ref(), self.is_reported(), self.output());
        crate::usage::quantities(&self.call.held.meters, &classes)
    }

    async fn pass(&mut self, mut body: Incoming, target: usize) -> Ended {
        let idle = self.call.upstream(target).map(|upstream| upstream.idle_timeout).unwrap_or_default();
        let (mut ticks, mut last) = (ticks(), Instant::now());
        let mut ends = self.call.ends.clone();
        loop {
            let frame = tokio::select! {
                frame = body.frame() => frame,
                () = self.to.closed(), if self.leaves.is_none() => {
                    self.leave();
                    continue;
                }
                () = tokio::time::sleep_until(self.leaves.unwrap_or(last)), if self.leaves.is_some() => return Ended::Left,
                () = tokio::time::sleep_until(last + if self.reading.is_over { OVER } else { idle }) => {
                    return if self.reading.is_over { Ended::Complete } else { Ended::Broken };
                }
                is_replaced = ends.ended() => return if is_replaced { Ended::Replaced } else { Ended::Stopped },
                _ = ticks.tick() => {
                    let used = if !self.output().is_nothing() { self.used() } else { Quantities::new() };
                    report(self.call.held.lease.as_deref_mut(), used).await;
                    continue;
                }
            };
            last = Instant::now();
            match frame {
                None => {
                    // An event whose end is missing is none, unless it ends the stream: what follows it would become a part of it.
                    if let Some(rest) = self.splitter.rest() {
                        self.reading.event(&rest);
                        if self.reading.is_over {
                            self.send(rest.ended()).await;
                        }
                    }
                    return if self.reading.may_end() { Ended::Complete } else { Ended::Broken };
                }
                Some(Err(_)) => return if self.reading.is_over { Ended::Complete } else { Ended::Broken },
                Some(Ok(frame)) => {
                    let Ok(part) = frame.into_data() else { continue };
                    self.splitter.push(&part);
                    let mut events = Vec::new();
                    loop {
                        match self.splitter.next() {
                            Ok(Some(event)) => events.push(event),
                            Ok(None) => break,
                            Err(_) => return Ended::Broken,
                        }
                    }
                    if let Some(end) = self.events(events).await {
                        return end;
                    }
                }
            }
        }
    }

    /// Passes on events that came together.
    async fn events(&mut self, events: Vec<Event>) -> Option<Ended> {
        let mut passed = BytesMut::new();
        for event in events {
            let was_silent = self.text == 0;
            let seen = self.reading.event(&event);
            if seen.text > 0 && !self.affords(self.text + seen.text).await {
                self.send(passed.freeze()).await;
                return Some(if self.leaves.is_some() { Ended::Left } else { Ended::Cut });
            }
            self.text += seen.text;
            if was_silent && self.text > 0 {
                let used = self.used();
                report(self.call.held.lease.as_deref_mut(), used).await;
            }
            if !seen.is_hidden {
                passed.extend_from_slice(&event.raw);
            }
        }
        self.send(passed.freeze()).await;
        None
    }

    async fn send(&mut self, part: Bytes) {
        if !part.is_empty() && self.leaves.is_none() && self.to.send(part).await.is_err() {
            self.leave();
        }
    }

    /// Whether this much text is held, if need be after the hold has grown.
    async fn affords(&mut self, text: u64) -> bool {
        let (tokens, covered) = (self.tokens(text), self.call.held.output());
        if tokens <= covered {
            return true;
        }
        // Who has left pays for no more than was held.
        let Some(meter) = self.call.held.output_meter.clone().filter(|_| self.leaves.is_none()) else {
            return false;
        };
        let used = self.used();
        let Some(lease) = self.call.held.lease.as_deref_mut() else { return true };
        report(Some(lease), used).await;
        let needed = tokens - covered;
        let step = needed.max(covered.clamp(STEP.0, STEP.1));
        let minimum = Minimum { meter: meter.clone(), quantity: needed };
        match lease.extend([(meter, step)].into_iter().collect(), Some(minimum)).await {
            Ok(answer) => {
                let is_granted = matches!(answer.effect, Effect::Recorded(_));
                if !is_granted {
                    let call = &self.call;
                    call.held.shared.learned.was_short(&call.held.model, &call.held.account, Instant::now());
                }
                if !is_granted && let Ok(decision) = headworks_api::decision(&answer) {
                    self.call.decision = decision;
                }
                is_granted
            }
            Err(e) => {
                tracing::debug!(error = %e, "a stream's hold was not extended");
                false
            }
        }
    }

    /// Ends the stream for its caller, and its hold.
    async fn finish(mut self, end: Ended, target: usize) {
        self.call.ended(end.name());
        let was_reported = self.is_reported();
        let is_nothing = self.output().is_nothing() && !was_reported;
        let last = match end {
            Ended::Complete | Ended::Left => None,
            Ended::Replaced => Some(self.reading.broken("sent_again", "the call was sent again")),
            Ended::Cut => {
                let classes = self.call.held.classes(self.reading.report.as_ref(), false, self.output());
                let decision = &self.call.decision;
                let id = decision.decision_id.as_ref().map(ToString::to_string).unwrap_or_default();
                let why = format!("headworks: cut off, {}; decision {id}", decision.reason);
                Some(self.reading.cut(crate::usage::totals(&classes), &why))
            }
            // The upstream has said so itself.
            Ended::Broken if self.reading.has_failed => None,
            Ended::Broken => {
                Some(self.reading.broken("upstream_truncated", "the upstream's stream broke off"))
            }
            Ended::Stopped => Some(self.reading.broken("shutting_down", "the gateway is shutting down")),
        };
        if end == Ended::Complete {
            self.call.held.feed_served();
        }
        let is_free = is_nothing && matches!(end, Ended::Broken | Ended::Stopped | Ended::Replaced);
        let charge = if is_free {
            // Nobody has got anything.
            self.call.held.release().await;
            None
        } else {
            let report = self.reading.report.clone();
            let is_reported = was_reported && end != Ended::Cut;
            let classes = self.call.held.classes(report.as_ref(), is_reported, self.output());
            let charge = self.call.held.settle(target, report.as_ref(), &classes, is_reported).await;
            if let Some(report) = report.filter(|_| is_reported && end == Ended::Complete) {
                self.call.held.learn(&report, self.text, self.reading.pieces());
            }
            charge
        };
        if let Some(last) = last {
            self.send(last).await;
        }
        let is_delivered = self.leaves.is_none() && matches!(end, Ended::Complete | Ended::Cut);
        self.call.over(charge, is_delivered).await;
    }
}
