//! Work in the background until it is over: looked at, and charged once.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use headworks_core::record::Name;
use http::{HeaderMap, Method, StatusCode};
use tokio::time::Instant;

use crate::held::Held;
use crate::job::Job;
use crate::settle::Output;
use crate::shared::Shared;
use crate::tally::{Tally, tally};
use crate::text::Text;
use crate::usage;
use crate::work::{Said, State, look, serves};

/// The waits between looks at a response: each is twice the one before.
const LOOKS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));
/// How long it is looked at: longer than any hold lives.
const LOOKED_AT: Duration = Duration::from_secs(80 * 3_600);
/// The most responses that are looked at.
const LOOKED_MAX: usize = 16_384;
/// The wait between looks at one that was cancelled, and how many there are until its use counts as not reported: reports come later.
const LOOK_CANCELLED: Duration = Duration::from_secs(10);
const LOOKS_CANCELLED: u32 = 6;
/// Answers that there is no such work, one after the other, until that is believed.
const LOOKS_MISSING: u32 = 5;
/// Failed readings of a batch's output until its lines count as not reported.
const READS_MAX: u32 = 60;

/// Ends the hold of work that is over, at what it used. False: what it used cannot be read now.
pub(crate) async fn settle(
    shared: &Arc<Shared>,
    job: &Job,
    said: &Said<'_>,
    (actor, is_last): (Option<&Name>, bool),
) -> bool {
    let (held, target) = (Held::again(shared, job, actor).await, serves(shared, job));
    let (Ok(mut held), Ok((target, ..))) = (held, target) else {
        tracing::warn!(account = %job.account, id = job.id, "work in the background is over, but cannot be charged");
        return true;
    };
    let report = said.report();
    let has_output = held.surface.has_output();
    let mut is_reported = report.as_ref().is_some_and(|report| report.is_whole(has_output));
    let text = said.output.map_or(0, |output| Text::written(output.get())).max(passed_on(shared, job));
    let mut classes = held.classes(report.as_ref(), is_reported, Output { text, pieces: 0 });
    let is_nothing = if let Some(requests) = &job.of.requests {
        let done = said.done().min(requests.count);
        if !is_reported {
            let tallied = match said.output_file_id.as_deref() {
                Some(file) => tally(shared, job, file).await,
                None => Some(Tally::default()),
            };
            let Some(tally) = tallied.or_else(|| is_last.then(Tally::default)) else { return false };
            // Lines that say nothing of their use count as they were held, on average.
            let unsaid = done.saturating_sub(tally.reported);
            is_reported = unsaid == 0;
            classes = tally.classes;
            usage::add(&mut classes, requests.share(unsaid));
        }
        let is_nothing = done == 0 && classes.iter().all(|(_, count)| *count == 0);
        classes.push(("requests", done.max(1)));
        is_nothing
    } else {
        !is_reported && text == 0 && said.has_failed()
    };
    if is_nothing {
        held.release().await;
        return true;
    }
    let is_first = held.lease.is_some();
    held.feed_served();
    held.settle(target, report.as_ref(), &classes, is_reported).await;
    if let Some(report) = report.filter(|_| is_reported && is_first && job.of.requests.is_none()) {
        held.learn(&report, 0, 0);
    }
    true
}

fn named(job: &Job) -> Option<(Name, u64)> {
    Some((job.account.clone(), job.of.hold?))
}

/// Bytes of text of this work that were passed on to its caller.
fn passed_on(shared: &Shared, job: &Job) -> u64 {
    let looked_at = shared.looked_at.lock().unwrap_or_else(PoisonError::into_inner);
    named(job).and_then(|of| looked_at.get(&of).copied()).unwrap_or(0)
}

/// Notes how much text of work was passed on so far.
pub(crate) fn note_passed_on(shared: &Shared, job: &Job, text: u64) {
    let mut looked_at = shared.looked_at.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = named(job).and_then(|of| looked_at.get_mut(&of)) {
        *known = text.max(*known);
    }
}

/// Looks at work again and again until it is over, so that it is charged also if nobody asks for it.
pub(crate) fn watch(shared: &Arc<Shared>, job: Job, actor: Option<Name>) {
    let Some(of) = named(&job) else { return };
    {
        let mut looked_at = shared.looked_at.lock().unwrap_or_else(PoisonError::into_inner);
        // It is then charged when somebody asks for it.
        if looked_at.len() >= LOOKED_MAX || looked_at.contains_key(&of) {
            return;
        }
        looked_at.insert(of.clone(), 0);
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
    let (began, mut wait) = (Instant::now(), LOOKS.0);
    let (mut cancelled, mut missing, mut unread) = (0, 0, 0);
    while began.elapsed() < LOOKED_AT {
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(LOOKS.1);
        let Ok(looked) = look(shared, job, (&Method::GET, ""), &HeaderMap::new()).await else { continue };
        missing = if looked.status == StatusCode::NOT_FOUND { missing + 1 } else { 0 };
        if missing > LOOKS_MISSING {
            tracing::warn!(account = %job.account, id = job.id, "an upstream does not know its work any more");
            if let Ok(mut held) = Held::again(shared, job, actor).await {
                held.release().await;
            }
            return;
        }
        let said = looked.said();
        if said.state() == State::Cancelled {
            (cancelled, wait) = (cancelled + 1, LOOK_CANCELLED);
        }
        if said.state() == State::Over || cancelled > LOOKS_CANCELLED {
            unread += 1;
            if settle(shared, job, &said, (actor, unread > READS_MAX)).await {
                return;
            }
        }
    }
}

/// Work goes on once its caller has its name; otherwise nobody could ask for it, and it is cancelled.
pub(crate) async fn hand_over(shared: &Arc<Shared>, job: Job, actor: Option<Name>, is_delivered: bool) {
    if is_delivered {
        watch(shared, job, actor);
    } else {
        abandon(shared, &job, actor.as_ref()).await;
    }
}

/// Cancels work whose name its caller never got; what it used is the operator's.
async fn abandon(shared: &Arc<Shared>, job: &Job, actor: Option<&Name>) {
    if look(shared, job, (&Method::POST, "/cancel"), &HeaderMap::new()).await.is_err() {
        tracing::warn!(account = %job.account, id = job.id, "a background response that nobody knows was not cancelled");
    }
    if let Ok(mut held) = Held::again(shared, job, actor).await {
        held.release().await;
    }
}
