//! An answer that comes as a whole: read, charged, then passed on.

use bytes::{Bytes, BytesMut};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use crate::call::{Call, Reply, report, ticks};
use crate::denial::{Refused, Why};
use crate::reply::whole;
use crate::text::Text;
use crate::upstream::passed;
use crate::usage::Report;

/// The longest answer, in bytes.
pub(crate) const ANSWER_MAX: usize = 64 << 20;

/// What an answer says of its use.
#[derive(Default, Deserialize)]
struct Said<'a> {
    #[serde(borrow, default)]
    usage: Option<&'a RawValue>,
    #[serde(default)]
    service_tier: Option<String>,
    /// What a model wrote, by surface.
    #[serde(borrow, default)]
    choices: Option<&'a RawValue>,
    #[serde(borrow, default)]
    output: Option<&'a RawValue>,
    #[serde(borrow, default)]
    content: Option<&'a RawValue>,
}

/// How the reading of an answer ended.
enum Read {
    All(Bytes),
    Broken(Refused),
    /// Its caller has gone, and its time is over.
    Left,
    Stopped,
    /// Another attempt takes its place.
    Replaced,
}

impl Call {
    /// Reads the answer, charges for it and passes it on.
    pub(crate) async fn whole(mut self, answer: Response<Incoming>, target: usize, mut reply: Reply) {
        let (head, body) = answer.into_parts();
        let mut room = None;
        let read = self.read(body, target, &mut reply, &mut room).await;
        let (answer, charge) = match read {
            Read::All(body) => {
                let said = serde_json::from_slice::<Said<'_>>(&body);
                // What cannot be read was written all the same.
                let unread = if said.is_err() { body.len() } else { 0 };
                let said = said.unwrap_or_default();
                let usage: Option<Report> = said.usage.and_then(|raw| serde_json::from_str(raw.get()).ok());
                let usage = usage.map(|usage| usage.served(said.service_tier));
                let written = [said.choices, said.output, said.content].into_iter().flatten();
                let text = written.map(|raw| Text::written(raw.get())).sum::<u64>();
                let text = text.saturating_add(u64::try_from(unread).unwrap_or(u64::MAX));
                self.held.feed_served();
                let is_reported =
                    usage.as_ref().is_some_and(|usage| usage.is_whole(self.surface.has_output()));
                let classes = self.held.classes(usage.as_ref(), is_reported, text);
                let charge = self.held.settle(target, usage.as_ref(), &classes, is_reported).await;
                if let Some(usage) = usage.filter(|_| is_reported) {
                    self.held.learn(&usage, 0);
                }
                let mut response = whole(head.status, body);
                response.headers_mut().extend(passed(&head.headers));
                let json = HeaderValue::from_static("application/json");
                response.headers_mut().entry(CONTENT_TYPE).or_insert(json);
                (Ok(self.marked(response)), charge)
            }
            Read::Broken(refused) => {
                // The upstream has served nobody.
                self.held.release().await;
                (Err(refused), None)
            }
            Read::Left | Read::Stopped | Read::Replaced => {
                // It has generated its answer, of which nothing is known.
                let classes = self.held.classes(None, false, 0);
                let charge = self.held.settle(target, None, &classes, false).await;
                let refused = "the gateway is shutting down; try again";
                (Err(Refused::new(Why::Unavailable, "shutting_down", refused)), charge)
            }
        };
        let is_answer = answer.is_ok();
        let is_delivered = reply.send(answer).is_ok() && is_answer;
        self.over(charge, is_delivered).await;
    }

    async fn read(
        &mut self,
        mut body: Incoming,
        target: usize,
        reply: &mut Reply,
        room: &mut Option<OwnedSemaphorePermit>,
    ) -> Read {
        let idle = self.upstream(target).map(|upstream| upstream.idle_timeout).unwrap_or_default();
        let mut read = BytesMut::new();
        let (mut ticks, mut ends) = (ticks(), self.ends.clone());
        let mut leaves: Option<Instant> = None;
        let broken = |why: Why, reason: &str, message: &str| Read::Broken(Refused::new(why, reason, message));
        let mut last = Instant::now();
        loop {
            tokio::select! {
                frame = body.frame() => match frame {
                    None => return Read::All(read.freeze()),
                    Some(Ok(frame)) => {
                        last = Instant::now();
                        if let Ok(part) = frame.into_data() {
                            if read.len() + part.len() > ANSWER_MAX {
                                return broken(Why::Upstream, "upstream_too_long", "the upstream's answer is too long");
                            }
                            if !self.shared.room(read.len() + part.len(), room, idle).await {
                                return broken(Why::Unavailable, "overloaded", "too many long answers are being read");
                            }
                            read.extend_from_slice(&part);
                        }
                    }
                    Some(Err(_)) => return broken(Why::Upstream, "upstream_truncated", "the upstream's answer broke off"),
                },
                () = tokio::time::sleep_until(last + idle) => {
                    return broken(Why::Timeout, "upstream_timeout", "the upstream's answer stood still");
                }
                () = reply.closed(), if leaves.is_none() => leaves = Some(Instant::now() + self.shared.setup.drain),
                () = tokio::time::sleep_until(leaves.unwrap_or(last)), if leaves.is_some() => return Read::Left,
                is_replaced = ends.ended() => return if is_replaced { Read::Replaced } else { Read::Stopped },
                _ = ticks.tick() => report(self.held.lease.as_deref_mut(), Default::default()).await,
            }
        }
    }
}
