//! Work in the background until it is over: looked at, and charged once.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use bytes::BytesMut;
use headworks_core::record::Name;
use http::{HeaderMap, Method, StatusCode};
use http_body_util::BodyExt as _;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::Instant;

use crate::held::Held;
use crate::job::{Job, Kind};
use crate::settle::Output;
use crate::shared::Shared;
use crate::sse::EVENT_MAX;
use crate::text::Text;
use crate::usage::{self, Classes, Report};
use crate::work::{Said, State, ask, look, serves};

/// The waits between looks at a response: each is twice the one before.
const LOOKS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));
/// How long it is looked at: longer than any hold lives.
const LOOKED_AT: Duration = Duration::from_secs(80 * 3_600);
/// The most responses that are looked at.
const LOOKED_MAX: usize = 16_384;
/// Looks at one that was cancelled, until its use counts as not reported: reports of those come later.
const LOOKS_CANCELLED: u32 = 5;

/// Ends the hold of work that is over, at what it used.
pub(crate) async fn settle(shared: &Arc<Shared>, job: &Job, said: &Said<'_>, actor: Option<&Name>) {
    let (held, target) = (Held::again(shared, job, actor).await, serves(shared, job));
    let (Ok(mut held), Ok((target, ..))) = (held, target) else {
        tracing::warn!(account = %job.account, id = job.id, "a background response is over, but cannot be charged");
        return;
    };
    let report = said.report();
    let has_output = held.surface.has_output();
    let tallied = match (&report, said.output_file_id.as_deref()) {
        (None, Some(file)) => tally(shared, job, file).await,
        _ => None,
    };
    let is_reported = tallied.is_some() || report.as_ref().is_some_and(|report| report.is_whole(has_output));
    if !is_reported && said.status.as_deref() == Some("failed") {
        held.release().await;
        return;
    }
    let is_response = job.kind == Kind::Response;
    let is_first = held.lease.is_some();
    let text = said.output.map_or(0, |output| Text::written(output.get()));
    let mut classes = held.classes(report.as_ref(), is_reported, Output { text, pieces: 0 });
    if let Some(requests) = &job.of.requests {
        let done = said.request_counts.unwrap_or_default().completed.min(requests.count);
        if let Some(tallied) = tallied {
            classes = tallied;
        } else if !is_reported {
            let share = |of: u64| {
                u64::try_from(u128::from(of) * u128::from(done) / u128::from(requests.count.max(1)))
            };
            let (input, output) = (share(requests.input), share(requests.output));
            classes = vec![
                ("input_tokens", input.unwrap_or(u64::MAX)),
                ("output_tokens", output.unwrap_or(u64::MAX)),
            ];
        }
        classes.push(("requests", done));
    }
    held.feed_served();
    held.settle(target, report.as_ref(), &classes, is_reported).await;
    if let Some(report) = report.filter(|_| is_reported && is_first && is_response) {
        held.learn(&report, 0, 0);
    }
}

/// Looks at work again and again until it is over, so that it is charged also if nobody asks for it.
pub(crate) fn watch(shared: &Arc<Shared>, job: Job, actor: Option<Name>) {
    let Some(hold) = job.of.hold else { return };
    let of = (job.account.clone(), hold);
    {
        let mut looked_at = shared.looked_at.lock().unwrap_or_else(PoisonError::into_inner);
        // It is then charged when somebody asks for it.
        if looked_at.len() >= LOOKED_MAX || !looked_at.insert(of.clone()) {
            return;
        }
    }
    let shared = Arc::clone(shared);
    tokio::spawn(async move {
        let mut stop = shared.stop.subscribe();
        tokio::select! {
            () = look_until_over(&shared, &job, actor.as_ref()) => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
        shared.looked_at.lock().unwrap_or_else(PoisonError::into_inner).remove(&of);
    });
}

async fn look_until_over(shared: &Arc<Shared>, job: &Job, actor: Option<&Name>) {
    let (began, mut wait, mut cancelled) = (Instant::now(), LOOKS.0, 0);
    while began.elapsed() < LOOKED_AT {
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(LOOKS.1);
        let Ok(looked) = look(shared, job, (&Method::GET, ""), &HeaderMap::new()).await else { continue };
        if looked.status == StatusCode::NOT_FOUND {
            return;
        }
        let said = looked.said();
        cancelled += u32::from(said.state() == State::Cancelled);
        if said.state() == State::Over || cancelled > LOOKS_CANCELLED {
            settle(shared, job, &said, actor).await;
            return;
        }
    }
}

/// Cancels work whose name its caller never got; what it used is the operator's.
pub(crate) async fn abandon(shared: &Arc<Shared>, job: &Job, actor: Option<&Name>) {
    if look(shared, job, (&Method::POST, "/cancel"), &HeaderMap::new()).await.is_err() {
        tracing::warn!(account = %job.account, id = job.id, "a background response that nobody knows was not cancelled");
    }
    if let Ok(mut held) = Held::again(shared, job, actor).await {
        held.release().await;
    }
}

/// The use that the lines of a batch's output report; `None`: one of them has none, or they cannot be read.
async fn tally(shared: &Shared, job: &Job, file: &str) -> Option<Classes> {
    #[derive(Deserialize)]
    struct Line<'a> {
        #[serde(borrow)]
        response: Option<Answered<'a>>,
    }
    #[derive(Deserialize)]
    struct Answered<'a> {
        #[serde(borrow)]
        body: Body<'a>,
    }
    #[derive(Deserialize)]
    struct Body<'a> {
        #[serde(borrow)]
        usage: &'a RawValue,
    }
    let file = Job { kind: Kind::File, id: file.to_owned(), ..job.clone() };
    let idle = serves(shared, job).ok()?.1.idle_timeout;
    let answer = ask(shared, &file, (&Method::GET, "/content"), &HeaderMap::new()).await.ok()?;
    let mut body = Some(answer).filter(|answer| answer.status().is_success())?.into_body();
    let (mut read, mut all) = (BytesMut::new(), Classes::new());
    let mut take = |line: &[u8]| {
        if line.trim_ascii().is_empty() {
            return Some(());
        }
        let line: Line<'_> = serde_json::from_slice(line).ok()?;
        let Some(response) = line.response else { return Some(()) };
        let report: Report = serde_json::from_str(response.body.usage.get()).ok()?;
        usage::add(&mut all, report.is_sane().then(|| report.classes())?);
        Some(())
    };
    loop {
        let frame = tokio::time::timeout(idle, body.frame()).await.ok()?;
        let Some(frame) = frame else { break };
        let Ok(part) = frame.ok()?.into_data() else { continue };
        read.extend_from_slice(&part);
        while let Some(end) = memchr::memchr(b'\n', &read) {
            take(&read.split_to(end + 1))?;
        }
        if read.len() > EVENT_MAX {
            return None;
        }
    }
    take(&read)?;
    Some(all)
}
