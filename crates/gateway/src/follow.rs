//! Events of work in the background, passed on with its name here. The work goes on when its caller leaves.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use headworks_core::record::Name;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::mpsc;

use crate::call::Call;
use crate::job::Job;
use crate::shared::Shared;
use crate::sse::{Event, Splitter};
use crate::streams::Reading;
use crate::surface::Surface;
use crate::watch::{hand_over, note_passed_on, settle};
use crate::work::{Said, State, renamed};

/// The work whose events are passed on.
pub(crate) enum Work {
    /// Its first event will say its name; the call that began it, and the target that does it.
    Unknown(Box<(Call, usize)>),
    Known(Job),
}

/// Events on their way.
pub(crate) struct Follow {
    shared: Arc<Shared>,
    actor: Option<Name>,
    work: Work,
    to: mpsc::Sender<Bytes>,
    /// Its last event has been passed on.
    is_over: bool,
    reading: Reading,
    /// Bytes of text that were passed on.
    text: u64,
}

impl Follow {
    pub(crate) fn new(
        shared: &Arc<Shared>,
        actor: Option<Name>,
        work: Work,
        to: mpsc::Sender<Bytes>,
    ) -> Self {
        let reading = Reading::new(Surface::Responses, false, 0);
        Self { shared: Arc::clone(shared), actor, work, to, is_over: false, reading, text: 0 }
    }
}

#[derive(Deserialize)]
struct Step<'a> {
    #[serde(borrow, default)]
    response: Option<&'a RawValue>,
}

impl Follow {
    /// Passes events on to the end, or until nobody reads them; the work, as far as it is known then.
    pub(crate) async fn pass(mut self, mut body: Incoming, idle: Duration) -> Work {
        let (mut splitter, mut stop) = (Splitter::default(), self.shared.stop.subscribe());
        let to = self.to.clone();
        loop {
            let is_known = matches!(self.work, Work::Known(_));
            let stopped = async { drop(stop.wait_for(|stop| *stop).await) };
            let frame = tokio::select! {
                frame = tokio::time::timeout(idle, body.frame()) => frame,
                () = to.closed(), if is_known => return self.work,
                () = stopped => {
                    self.broken("shutting_down", "the gateway is shutting down").await;
                    return self.work;
                }
            };
            match frame {
                Ok(Some(Ok(frame))) => {
                    let Ok(part) = frame.into_data() else { continue };
                    splitter.push(&part);
                }
                Ok(None | Some(Err(_))) | Err(_) => return self.end().await,
            }
            loop {
                match splitter.next() {
                    Ok(Some(event)) => self.event(event).await,
                    Ok(None) => break,
                    Err(_) => return self.end().await,
                }
            }
        }
    }

    /// The upstream sends no more: that reads as an end only if it has said that the work is over.
    async fn end(self) -> Work {
        if !self.is_over {
            self.broken("upstream_truncated", "the upstream's stream broke off; ask for the response again")
                .await;
        }
        self.work
    }

    async fn broken(&self, code: &str, why: &str) {
        // The caller may have gone.
        let _ = self.to.send(self.reading.broken(code, why)).await;
    }

    async fn event(&mut self, event: Event) {
        let written = self.reading.event(&event).text;
        self.text += written;
        if let Work::Known(job) = &self.work
            && written > 0
        {
            note_passed_on(&self.shared, job, self.text);
        }
        let data = event.data();
        let step = data.as_deref().and_then(|data| serde_json::from_slice::<Step<'_>>(data).ok());
        let Some(response) = step.and_then(|step| step.response) else {
            // The caller may have gone.
            let _ = self.to.send(event.raw).await;
            return;
        };
        let said: Said<'_> = serde_json::from_str(response.get()).unwrap_or_default();
        let began = self.named(said.id.as_deref()).await;
        let Work::Known(job) = &self.work else { return };
        let raw = renamed(response.get(), &[("id", job.name(&self.shared.seal))]);
        let raw = raw.and_then(|renamed| replaced(&event.raw, response.get(), &renamed));
        let state = said.state();
        self.is_over |= state != State::Runs;
        if state == State::Over {
            settle(&self.shared, job, &said, (self.actor.as_ref(), true)).await;
        }
        let is_delivered = self.to.send(raw.unwrap_or(event.raw)).await.is_ok();
        if let Some(mut call) = began {
            hand_over(&self.shared, job.clone(), self.actor.clone(), is_delivered).await;
            call.over(None, is_delivered).await;
        }
    }

    /// Learns the name of the work; the call that began it, if it was not known before.
    async fn named(&mut self, id: Option<&str>) -> Option<Call> {
        let Work::Unknown(unknown) = &mut self.work else { return None };
        let target = unknown.1;
        let job = unknown.0.leave(Cow::from(id?).into_owned(), target);
        let before = std::mem::replace(&mut self.work, Work::Known(job));
        if let Work::Unknown(unknown) = before { Some(unknown.0) } else { None }
    }
}

/// An event with another text in the place of one.
fn replaced(raw: &[u8], text: &str, with: &str) -> Option<Bytes> {
    let at = raw.windows(text.len()).position(|part| part == text.as_bytes())?;
    Some([raw.get(..at)?, with.as_bytes(), raw.get(at + text.len()..)?].concat().into())
}
