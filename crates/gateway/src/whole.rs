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

use crate::asked::aside;
use crate::call::{Call, Reply, report, ticks};
use crate::denial::{Refused, Why};
use crate::media::{Medium, made};
use crate::metrics::Ended;
use crate::reply::whole;
use crate::settle::Output;
use crate::text::Text;
use crate::upstream::passed;
use crate::usage::{Made, Report};

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
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
    #[serde(borrow, default)]
    text: Option<&'a RawValue>,
    /// What another model did for a picture.
    #[serde(borrow, default)]
    svg_usage: Option<&'a RawValue>,
    /// How long a sound is.
    #[serde(borrow, default)]
    duration: Option<&'a RawValue>,
}

/// A part of an answer, if it has the shape that is looked for.
fn part<'a, T: Deserialize<'a>>(raw: Option<&'a RawValue>) -> Option<T> {
    serde_json::from_str(raw?.get()).ok()
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

impl Read {
    fn ended(&self) -> Ended {
        match self {
            Self::All(_) => Ended::Complete,
            Self::Broken(_) => Ended::Broken,
            Self::Left => Ended::Left,
            Self::Stopped => Ended::Stopped,
            Self::Replaced => Ended::Replaced,
        }
    }
}

impl Call {
    /// Reads the answer, charges for it and passes it on.
    pub(crate) async fn whole(mut self, answer: Response<Incoming>, target: usize, mut reply: Reply) {
        let (head, body) = answer.into_parts();
        let mut room = None;
        let read = self.read(body, target, &mut reply, &mut room).await;
        self.ended(read.ended().name());
        let (answer, charge) = match read {
            Read::All(body) => {
                let (usage, output) = aside(body.len(), || self.said(&body));
                self.held.feed_served();
                let is_reported = self.held.is_reported(usage.as_ref());
                let classes = self.held.classes(usage.as_ref(), is_reported, output);
                let charge = self.held.settle(target, usage.as_ref(), &classes, is_reported).await;
                if let Some(usage) = usage.filter(|_| is_reported) {
                    self.held.learn(&usage, 0, output.pieces);
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
            read @ (Read::Left | Read::Stopped | Read::Replaced) => {
                // It has generated its answer, of which nothing is known.
                let asked = self.held.worth.map_or(0, |worth| worth.asked.pieces);
                let pieces = if matches!(read, Read::Stopped) { 0 } else { asked };
                let classes = self.held.classes(None, false, Output { text: 0, pieces });
                let charge = self.held.settle(target, None, &classes, false).await;
                let refused = "the gateway is shutting down; try again";
                (Err(Refused::new(Why::Unavailable, "shutting_down", refused)), charge)
            }
        };
        let is_answer = answer.is_ok();
        let is_delivered = reply.send(answer).is_ok() && is_answer;
        self.over(charge, is_delivered).await;
    }

    /// What an answer says of its use, and what has come with it.
    fn said(&self, body: &[u8]) -> (Option<Report>, Output) {
        let said = serde_json::from_slice::<Said<'_>>(body);
        // What cannot be read was written all the same.
        let unread = if said.is_err() { body.len() } else { 0 };
        let is_read = said.is_ok();
        let said = said.unwrap_or_default();
        let usage: Option<Report> = part(said.usage);
        let usage = usage.map(|usage| usage.served(said.service_tier));
        let written = [said.choices, said.output, said.content, said.text].into_iter().flatten();
        let text = written.map(|raw| Text::written(raw.get())).sum::<u64>();
        let text = text.saturating_add(u64::try_from(unread).unwrap_or(u64::MAX));
        let Some(worth) = &self.held.worth else { return (usage, Output { text, pieces: 0 }) };
        match worth.asked.medium {
            Medium::Pictures => {
                let mut report = usage.unwrap_or_default().made(Made::Pictures);
                report.picture = serde_json::from_slice(body).unwrap_or_default();
                part(said.svg_usage).into_iter().for_each(|written| report.beside(written));
                let pieces = if is_read { made(said.data) } else { worth.asked.pieces };
                (Some(report), Output { text: 0, pieces })
            }
            Medium::Speech => (usage.map(|usage| usage.made(Made::Sound)), Output { text: 0, pieces: 1 }),
            Medium::Sound => {
                // The length counts where the use is not reported in what is sold.
                let is_sold = self.held.is_reported(usage.as_ref());
                let length = part(said.duration).filter(|_| !is_sold);
                let mut report = usage;
                if length.is_some() {
                    report.get_or_insert_default().seconds = length;
                }
                (report, Output { text, pieces: 1 })
            }
        }
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
                            if !self.held.shared.room(read.len() + part.len(), room, idle).await {
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
                () = reply.closed(), if leaves.is_none() => leaves = Some(Instant::now() + self.held.shared.setup.drain),
                () = tokio::time::sleep_until(leaves.unwrap_or(last)), if leaves.is_some() => return Read::Left,
                is_replaced = ends.ended() => return if is_replaced { Read::Replaced } else { Read::Stopped },
                _ = ticks.tick() => report(self.held.lease.as_deref_mut(), Default::default()).await,
            }
        }
    }
}
