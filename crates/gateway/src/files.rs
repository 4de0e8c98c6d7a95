//! Files of batches: counted when they come, with the upstream's name for their model when they go, and the answers when these come back.
//!
//! L1 files are their account's alone (`a_batch_is_its_accounts_alone`). L2 what a file of requests may use is bounded and counted before anything
//! is sent (`a_file_of_requests_is_read_before_it_is_sent`).

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use headworks_api::Access;
use headworks_core::record::{Label, Name};
use http::{Method, Request, Response};
use http_body_util::BodyExt as _;
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::Instant;

use crate::asked::{Asked, Change, aside};
use crate::body::without_place;
use crate::denial::{Refused, Why};
use crate::free::may_use;
use crate::job::{Counted, Job, Kind, Sealed};
use crate::multipart::{Form, boundary};
use crate::reply::{Body, Part, passing, whole};
use crate::setup::{Model, Protocol};
use crate::shared::{BATCH_TIER, Shared, Sold, place};
use crate::surface::Surface;
use crate::upstream::{self, passed};
use crate::work::{ask, look, read_well, serves};

pub(crate) const FILES: &str = "/v1/files";
pub(crate) const FILE: &str = "/v1/files/{file}";
pub(crate) const CONTENT: &str = "/v1/files/{file}/content";

/// The most requests of a batch.
const REQUESTS_MAX: usize = 50_000;
/// The calls that a batch can be made of.
const SURFACES: [Surface; 4] = [Surface::Chat, Surface::Completions, Surface::Responses, Surface::Embeddings];

pub(crate) fn invalid(why: impl Into<String>) -> Refused {
    Refused::new(Why::Invalid, "invalid_request", why)
}

/// A line of a file of requests.
#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow)]
    method: Cow<'a, str>,
    #[serde(borrow)]
    url: Cow<'a, str>,
    #[serde(borrow)]
    body: &'a RawValue,
}

/// A file of requests as it was read.
struct Requests {
    model: String,
    counted: Counted,
}

/// Reads each request of a file; `each` sees its line, its body, and what is asked.
fn each_request(
    text: &str,
    mut each: impl FnMut(&str, &str, &Asked<'_>) -> Result<(), String>,
) -> Result<(Surface, String), String> {
    let mut all: Option<(Surface, String)> = None;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    for (number, (at, line)) in lines.enumerate() {
        if number >= REQUESTS_MAX {
            return Err(format!("the file has more than {REQUESTS_MAX} requests"));
        }
        let wrong = |why: String| format!("line {}: {why}", at + 1);
        let read: Line<'_> = serde_json::from_str(line).map_err(|e| wrong(without_place(&e)))?;
        let surface = SURFACES.into_iter().find(|surface| surface.path() == read.url);
        let Some(surface) = surface.filter(|_| read.method == "POST") else {
            return Err(wrong(format!("{} {} is not served in batches here", read.method, read.url)));
        };
        let asked = Asked::read(surface, read.body.get()).map_err(wrong)?;
        if asked.is_stream || asked.is_background || asked.previous.is_some() {
            return Err(wrong(
                "`stream`, `background` and `previous_response_id` have no place in a batch".into(),
            ));
        }
        match &all {
            None => all = Some((surface, asked.model.clone().into_owned())),
            Some((first, model)) if *first == surface && *model == asked.model => {}
            Some((first, model)) => {
                let path = first.path();
                return Err(wrong(format!(
                    "all requests of a file are for one model and path; the first is for `{model}` at {path}"
                )));
            }
        }
        each(line, read.body.get(), &asked).map_err(wrong)?;
    }
    all.ok_or_else(|| "the file has no requests".into())
}

impl Requests {
    /// Counts what a file of requests may use.
    fn count(shared: &Shared, account: &Name, text: &str) -> Result<Self, String> {
        let now = Instant::now();
        let sold = |asked: &Asked<'_>| shared.setup.models.get(asked.model.as_ref());
        let learned = |asked: &Asked<'_>| {
            let input = asked.input(sold(asked).and_then(|model| model.tokenizer));
            shared.learned.input(&asked.model, account, input, now)
        };
        let (mut count, mut input, mut output) = (0, 0_u64, 0_u64);
        let (surface, model) = each_request(text, |_, _, asked| {
            let own = sold(asked).and_then(|model| model.output_max);
            count += 1;
            input = input.saturating_add(learned(asked));
            if asked.surface.has_output() {
                let most = asked.output_max.or(own).ok_or(
                    "say how long the output may be: the operator has set no longest output for this model",
                )?;
                output = output.saturating_add(most.saturating_mul(asked.choices));
            }
            Ok(())
        })?;
        Ok(Self { model, counted: Counted { endpoint: surface.path().to_owned(), count, input, output } })
    }
}

/// A file of requests with an upstream's name for their model.
fn with_model(text: &str, model: &str) -> Result<String, String> {
    let mut all = String::with_capacity(text.len());
    each_request(text, |line, body, asked| {
        let body_at = body.as_ptr().addr() - line.as_ptr().addr();
        let changed = asked.body(&Change { model, ..Change::default() });
        all.push_str(line.get(..body_at).unwrap_or_default());
        all.push_str(std::str::from_utf8(&changed).unwrap_or_default());
        all.push_str(line.get(body_at + body.len()..).unwrap_or_default());
        all.push('\n');
        Ok(())
    })?;
    Ok(all)
}

/// What is said of a file: what it is for, and its text.
fn file_of<'a>(form: &Form<'a>) -> Result<&'a str, String> {
    match form.text("purpose")? {
        Some("batch") => {}
        _ => return Err("`purpose` is `batch`: other files are not served here".into()),
    }
    let mut files = form.parts().iter().filter(|part| part.name == "file");
    let (Some(file), None) = (files.next(), files.next()) else { return Err("send one `file`".into()) };
    std::str::from_utf8(file.content).map_err(|_| "the file is not UTF-8".into())
}

/// What batches of a model are priced by.
pub(crate) fn dimensions(model: &Model, sold: &Sold) -> BTreeMap<Name, Label> {
    let mut dimensions = model.dimensions_of(&sold.knows);
    let tier = sold.knows.iter().find(|name| name.as_str() == "service_tier");
    if let (Some(tier), Ok(batch)) = (tier, Label::new(BATCH_TIER)) {
        dimensions.entry(tier.clone()).or_insert(batch);
    }
    dimensions
}

/// Passes a file of requests on, counted and with the upstream's name for their model.
pub(crate) async fn upload(
    shared: &Shared,
    access: &Access,
    request: Request<Bytes>,
) -> Result<Response<Body>, Refused> {
    let (head, body) = request.into_parts();
    let (account, path) = place(access, &head.headers)?;
    let boundary = boundary(&head.headers).map_err(invalid)?;
    let boundary = boundary.ok_or_else(|| invalid("send a form: `multipart/form-data`"))?;
    let read = aside(body.len(), || {
        let form = Form::parse(boundary, &body)?;
        let requests = Requests::count(shared, &account, file_of(&form)?)?;
        Ok::<_, String>((form, requests))
    });
    let (form, Requests { model, counted }) = read.map_err(invalid)?;
    let model = shared.model(access, &model)?;
    let sold = shared.sold(model)?;
    may_use(shared, access, (&account, path), model, (&sold, dimensions(model, &sold))).await?;
    let targets = shared.targets(model, Protocol::Openai);
    let served = targets.first().and_then(|target| shared.served_by(model, *target));
    let (of, upstream, client) = served.ok_or_else(|| {
        let message = format!("the model `{}` is not served in batches", model.name);
        Refused::new(Why::NotFound, "model_not_found", message)
    })?;
    let body = if of.model == model.name {
        body.clone()
    } else {
        let changed =
            aside(body.len(), || with_model(file_of(&form)?, &of.model).map(|text| form.with("file", &text)));
        changed.map_err(invalid)?.into()
    };
    let sent = upstream::request(upstream, &account, (&Method::POST, FILES), &head.headers, body);
    let sent = sent.map_err(|_| invalid("the request cannot be sent"))?;
    let answer = tokio::time::timeout(upstream.answer_timeout, client.send(sent)).await;
    let Ok(Ok(answer)) = answer else {
        return Err(Refused::new(Why::Upstream, "upstream_failed", "the upstream did not take the file"));
    };
    let looked = read_well(shared, answer, upstream.idle_timeout).await?;
    let id = looked.said().id.map(Cow::into_owned).filter(|_| looked.status.is_success());
    let Some(id) = id else { return Ok(looked.pass_on()) };
    let of = Sealed {
        model: model.name.clone(),
        upstream: upstream.name.clone(),
        hold: None,
        dimensions: [].into(),
        input: 0,
        consented: false,
        requests: Some(counted),
    };
    Ok(looked.answer(shared, &Job { kind: Kind::File, account, id, of }))
}

/// A call about a file.
pub(crate) async fn file(
    shared: &Arc<Shared>,
    access: &Access,
    request: &Request<Bytes>,
) -> Result<Response<Body>, Refused> {
    let (account, _) = access.place().map_err(|problem| Refused::of_problem(&problem))?;
    let rest = request.uri().path().strip_prefix(Kind::File.path()).unwrap_or_default();
    let (name, act) = rest.split_once('/').unwrap_or((rest, ""));
    let job = Job::of_name(&shared.seal, (Kind::File, &account), name)?;
    shared.model(access, &job.of.model)?;
    if act.is_empty() {
        let looked = look(shared, &job, (request.method(), ""), request.headers()).await?;
        return Ok(looked.answer(shared, &job));
    }
    let idle = serves(shared, &job)?.1.idle_timeout;
    let answer = ask(shared, &job, (&Method::GET, "/content"), request.headers()).await?;
    if !answer.status().is_success() {
        return Ok(read_well(shared, answer, idle).await?.pass_on());
    }
    let (to, from) = passing();
    let mut response = whole(answer.status(), Bytes::new()).map(|_| from);
    response.headers_mut().extend(passed(answer.headers()));
    tokio::spawn(async move {
        let mut body = answer.into_body();
        loop {
            match tokio::time::timeout(idle, body.frame()).await {
                Ok(None) => break drop(to.send(Part::End).await),
                Ok(Some(Ok(frame))) => {
                    let Ok(part) = frame.into_data() else { continue };
                    if to.send(Part::Data(part)).await.is_err() {
                        break;
                    }
                }
                // Without its end it reads as broken off.
                Ok(Some(Err(_))) | Err(_) => break,
            }
        }
    });
    Ok(response)
}
