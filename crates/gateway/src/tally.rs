//! What the lines of a batch's output report of their use.

use std::time::Duration;

use bytes::BytesMut;
use http::{HeaderMap, Method};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::job::{Job, Kind};
use crate::shared::Shared;
use crate::sse::EVENT_MAX;
use crate::usage::{self, Classes, Report};
use crate::work::{ask, serves};

/// Lines that report their use, and what they report in all.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) reported: u64,
    pub(crate) classes: Classes,
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    response: Option<Answered<'a>>,
}

#[derive(Deserialize)]
struct Answered<'a> {
    #[serde(borrow)]
    body: Answer<'a>,
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow)]
    usage: &'a RawValue,
}

impl Tally {
    /// Adds a line; one that reports nothing is none.
    fn add(&mut self, line: &[u8]) {
        let line: Option<Line<'_>> = serde_json::from_slice(line).ok();
        let usage = line.and_then(|line| line.response).map(|response| response.body.usage);
        let report: Option<Report> = usage.and_then(|usage| serde_json::from_str(usage.get()).ok());
        if let Some(report) = report.filter(|report| report.input_tokens.is_some() && report.is_sane()) {
            self.reported += 1;
            usage::add(&mut self.classes, report.classes());
        }
    }
}

/// Reads the output of a batch; `None`: it cannot be read now.
pub(crate) async fn tally(shared: &Shared, job: &Job, file: &str) -> Option<Tally> {
    let file = Job { kind: Kind::File, id: file.to_owned(), ..job.clone() };
    let idle = serves(shared, job).ok()?.1.idle_timeout;
    let answer = ask(shared, &file, (&Method::GET, "/content"), &HeaderMap::new()).await.ok()?;
    lines(Some(answer).filter(|answer| answer.status().is_success())?.into_body(), idle).await
}

async fn lines(mut body: Incoming, idle: Duration) -> Option<Tally> {
    let (mut line, mut tally, mut is_long) = (BytesMut::new(), Tally::default(), false);
    while let Some(frame) = tokio::time::timeout(idle, body.frame()).await.ok()? {
        let Ok(part) = frame.ok()?.into_data() else { continue };
        line.extend_from_slice(&part);
        while let Some(end) = memchr::memchr(b'\n', &line) {
            let whole = line.split_to(end + 1);
            if !is_long {
                tally.add(&whole);
            }
            is_long = false;
        }
        if line.len() > EVENT_MAX {
            // Longer than is looked at: it counts as one that reports nothing.
            line.clear();
            is_long = true;
        }
    }
    if !is_long {
        tally.add(&line);
    }
    Some(tally)
}
