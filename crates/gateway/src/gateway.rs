//! The gateway: which call it is, who makes it, and what it is held for.
//!
//! W1 no call reaches an upstream without a decision of its own (`every_route_decides_before_it_forwards`). W2 who pays, for which
//! place, and for which models is said by the key alone (`the_key_alone_says_who_pays`).

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use headworks_api::{Access, Api, Key, Leased, Problem};
use headworks_core::record::{Name, Seq};
use headworks_wire as wire;
use http::{HeaderMap, Method, Request, Response};
use prometheus_client::registry::Registry;
use tokio::time::Instant;

use crate::asked::Asked;
use crate::attempts::{Attempt, Outcome, fingerprint};
use crate::call::{Call, Ends, apart};
use crate::denial::{Refused, Why};
use crate::estimate::MEDIA;
use crate::free::{COUNT_TOKENS, MODELS, count, models};
use crate::held::Held;
use crate::job::{Job, Kind};
use crate::media::Medium;
use crate::metrics::DENIED;
use crate::rates::Worth;
use crate::reply::Body;
use crate::setup::{Protocol, Setup, Upstream};
use crate::shared::{CALLS_MAX, Shared, Sold, consents, held_dimensions, place};
use crate::surface::Surface;
use crate::text::Text;
use crate::upstream::path as path_at;
use crate::usage::{self, Classes};
use crate::{background, batches, files};

/// The largest request, in bytes.
pub const BODY_BYTES_MAX: usize = 32 << 20;
/// The fewest tokens of output that are worth a call.
pub(crate) const OUTPUT_MIN: u64 = 16;
/// How often an SDK has sent the call before.
const RETRY_COUNT: &str = "x-stainless-retry-count";

/// Calls of models, decided before they are forwarded.
pub struct Gateway {
    shared: Arc<Shared>,
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway").field("setup", &self.shared.setup).finish_non_exhaustive()
    }
}

impl Gateway {
    /// A gateway over the calls of an engine.
    #[must_use]
    pub fn new(api: Arc<Api>, setup: Setup) -> Arc<Self> {
        Arc::new(Self { shared: Arc::new(Shared::new(api, setup)) })
    }

    /// Its routes: method and path.
    #[must_use]
    pub fn routes() -> Vec<(Method, &'static str)> {
        let infer = Surface::ALL.into_iter().map(|surface| (Method::POST, surface.path()));
        let more = [
            (Method::GET, MODELS),
            (Method::GET, "/v1/models/{*model}"),
            (Method::POST, COUNT_TOKENS),
            (Method::GET, Surface::Responses.path()),
            (Method::GET, background::RESPONSE),
            (Method::DELETE, background::RESPONSE),
            (Method::POST, background::CANCEL),
            (Method::GET, background::ITEMS),
            (Method::GET, files::FILES),
            (Method::POST, files::FILES),
            (Method::GET, files::FILE),
            (Method::DELETE, files::FILE),
            (Method::GET, files::CONTENT),
            (Method::GET, batches::BATCHES),
            (Method::POST, batches::BATCHES),
            (Method::GET, batches::BATCH),
            (Method::POST, batches::CANCEL),
        ];
        infer.chain(more).collect()
    }

    /// The answer to a call that is not let in, in the words of its protocol.
    #[must_use]
    pub fn refuse(path: &str, headers: &HeaderMap, problem: &Problem) -> Response<Body> {
        Refused::of_problem(problem).answer(protocol(path, headers))
    }

    /// Answers a call.
    pub async fn answer(self: &Arc<Self>, access: Access, request: Request<Bytes>) -> Response<Body> {
        let path = request.uri().path();
        let protocol = protocol(path, request.headers());
        let surface = Surface::ALL.into_iter().find(|surface| surface.path() == path);
        let is_get = request.method() == Method::GET;
        let answer = match (surface, path) {
            (Some(_), _) if is_get => Err(Refused::new(
                Why::Invalid,
                "websockets_not_served",
                "nothing is listed here, and WebSockets are not served; send POST, with `stream` for events as they come",
            )),
            (Some(surface), _) => self.infer(surface, access, request).await,
            (None, COUNT_TOKENS) => count(&self.shared, access, request).await,
            (None, MODELS) => models(&self.shared, &access, protocol, None),
            (None, files::FILES | batches::BATCHES) if is_get => {
                let message = format!("{path} lists nothing here; ask for each by the id that it was given");
                Err(Refused::new(Why::Invalid, "not_listed", message))
            }
            (None, files::FILES) => files::upload(&self.shared, &access, request).await,
            (None, batches::BATCHES) => batches::begin(&self.shared, access, request).await,
            (None, path) if path.starts_with(Kind::File.path()) => {
                files::file(&self.shared, &access, &request).await
            }
            (None, path)
                if [Kind::Response, Kind::Batch].iter().any(|kind| path.starts_with(kind.path())) =>
            {
                background::answer(&self.shared, &access, &request).await
            }
            (None, path) => models(&self.shared, &access, protocol, path.strip_prefix("/v1/models/")),
        };
        answer.unwrap_or_else(|refused| refused.answer(protocol))
    }

    /// Registers its metrics.
    pub fn register(&self, registry: &mut Registry) {
        self.shared.metrics.register(registry);
    }

    /// Ends all calls, each at what was used, and returns when they have ended or this time is over.
    pub async fn shut_down(&self, within: Duration) {
        self.shared.stop.send_replace(true);
        if tokio::time::timeout(within, self.shared.calls.acquire_many(CALLS_MAX)).await.is_err() {
            tracing::warn!("model calls were still running at the end; their holds expire by themselves");
        }
    }

    /// A call that infers: decided, held, forwarded, settled.
    async fn infer(
        self: &Arc<Self>,
        surface: Surface,
        access: Access,
        request: Request<Bytes>,
    ) -> Result<Response<Body>, Refused> {
        let gateway = Arc::clone(self);
        apart(|reply| async move {
            match gateway.decide(surface, access, request).await {
                Ok(call) => call.run(reply).await,
                // The caller may have gone.
                Err(refused) => drop(reply.send(Err(refused))),
            }
        })
        .await
    }

    /// Decides on a call, and holds what it may use.
    async fn decide(
        self: Arc<Self>,
        surface: Surface,
        access: Access,
        request: Request<Bytes>,
    ) -> Result<Call, Refused> {
        let (head, body) = request.into_parts();
        let asked = Asked::received(surface, &head.headers, &body)?;
        let (account, path) = place(&access, &head.headers)?;
        let shared = &self.shared;
        let model = shared.model(&access, &asked.model)?;
        let mut targets = shared.targets(model, surface.protocol());
        let mut previous = None;
        if let Some(name) = asked.previous.as_deref().filter(|name| Job::is_name(name)) {
            let job = Job::of_name(&shared.seal, (Kind::Response, &account), name)?;
            let serves = |(_, upstream, _): (_, &Upstream, _)| upstream.name == job.of.upstream;
            targets.retain(|target| shared.served_by(model, *target).is_some_and(serves));
            previous = Some(job.id);
        }
        if targets.is_empty() {
            let message = format!("the model `{}` is not served at {}", model.name, surface.path());
            return Err(Refused::new(Why::NotFound, "model_not_found", message));
        }
        let Sold { meters, knows, hold_life_max } = shared.sold(model)?;
        let permit = shared.permit()?;
        let (attempt, replaces) = self.attempt(&access, surface.path(), &head.headers, &asked.sent()).await;
        let text = asked.input(model.tokenizer);
        let output_max = asked.output_max.or(model.output_max);
        let worth = asked.media.map(|media| shared.rates.worth(&model.name, model.output_max, media));
        let inputs = self.inputs(&model.name, &account, text, worth.as_ref());
        // A stream grows as it goes; an answer that comes as a whole cannot.
        let output = if let Some(output) = worth.and_then(|worth| worth.output) {
            output
        } else if asked.is_stream && !asked.is_background {
            let begins = shared.learned.beginning(&model.name, &account);
            begins.min(output_max.unwrap_or(u64::MAX)).saturating_mul(asked.choices)
        } else {
            let most = output_max.unwrap_or_else(|| shared.learned.output(&model.name, &account));
            most.saturating_mul(asked.choices)
        };
        let output = if surface.has_output() { output } else { 0 };
        let output_class = surface.medium().map_or("output_tokens", Medium::output);
        let mut classes = inputs.clone();
        classes.push((output_class, output));
        classes.extend(worth.as_ref().map(Worth::measured));
        if usage::is_unsold(&meters, &classes) {
            let message = format!(
                "the model `{}` is not sold for {}: nothing that it would use has a price",
                model.name,
                surface.path()
            );
            return Err(Refused::new(Why::NotFound, "model_not_found", message));
        }
        let quantities = usage::held(&meters, &classes).into_iter().collect();
        let own = |class: &str| usage::meter(&meters, class).cloned();
        let output_meter = own(output_class);
        let both =
            inputs.iter().filter(|(class, _)| own(class) == output_meter).map(|(_, count)| count).sum();
        let min = output_meter
            .as_ref()
            .filter(|_| output > 0 && surface.may_be_short(asked.is_stream))
            .map(|meter| BTreeMap::from([(meter.clone(), both + output.min(OUTPUT_MIN * asked.choices))]));
        let held_dimensions = held_dimensions(&asked, model, &knows);
        let consented = consents(&head.headers);
        let ask = wire::AuthorizeRequest {
            path,
            dimensions: held_dimensions.clone(),
            quantities,
            min,
            consent: consented,
            life: asked.is_background.then_some(hold_life_max),
            ..wire::AuthorizeRequest::new((&account).into(), model.feature.clone())
        };
        let leased = shared.api.lease(&access, wire::Scope::Gateway, Key::Unknown, ask).await;
        let leased = leased.inspect_err(|_| attempt.end(Outcome::Left(replaces.clone())));
        let (lease, decision) = match leased.map_err(|problem| Refused::of_problem(&problem))? {
            Leased::Held(lease, decision) => (Some(lease), decision),
            Leased::Answered(decision) if decision.outcome == "allow" => (None, decision),
            Leased::Answered(decision) => {
                shared.metrics.ended(&model.name, DENIED);
                attempt.end(Outcome::Left(replaces));
                shared.learned.was_short(&model.name, &account, Instant::now());
                return Err(Refused::of_decision(&decision));
            }
        };
        let held = Held {
            shared: Arc::clone(shared),
            surface,
            model: model.name.clone(),
            account,
            lease,
            late: None,
            meters,
            knows,
            dimensions: held_dimensions,
            output_meter,
            text,
            input_in_output: both,
            inputs,
            worth,
        };
        let granted = held.output();
        let (is_stream, is_background) = (asked.is_stream, asked.is_background);
        if granted < output {
            shared.learned.was_short(&model.name, &held.account, Instant::now());
        }
        // What was granted for several outputs is shared by them.
        let output_max = (granted < output).then(|| (granted / asked.choices).max(1));
        Ok(Call {
            access,
            targets,
            is_stream,
            is_background,
            consented,
            previous,
            output_max,
            held,
            decision,
            path: path_at(surface.path(), &head.uri),
            head: head.headers,
            body: body.clone(),
            ends: Ends { stop: shared.stop.subscribe(), replaced: attempt.replaced() },
            attempt,
            replaces,
            _permit: permit,
        })
    }

    /// Tokens of input by class.
    fn inputs(&self, model: &str, account: &Name, text: Text, worth: Option<&Worth>) -> Classes {
        let input = |text: Text| self.shared.learned.input(model, account, text, Instant::now());
        let Some(worth) = worth else { return vec![(input_class(text), input(text))] };
        let read = input(Text { media: 0, ..text });
        let seen = if worth.heard == 0 { text.media.saturating_mul(MEDIA) } else { 0 };
        vec![("input_tokens", read), ("image_input_tokens", seen), ("audio_input_tokens", worth.heard)]
    }

    /// An attempt of a call. One that its SDK sends again takes the place of the attempt before, whose charges are returned here.
    async fn attempt(
        &self,
        access: &Access,
        path: &str,
        headers: &HeaderMap,
        body: &[&[u8]],
    ) -> (Arc<Attempt>, Vec<Seq>) {
        let of = fingerprint(access.actor().map_or("", Name::as_str), path, body);
        let again = headers.get(RETRY_COUNT).and_then(|count| count.to_str().ok()?.parse::<u32>().ok());
        self.shared.attempts.begin(of, again.is_some_and(|count| count > 0)).await
    }
}

/// The protocol of a path; that of a path of both is Anthropic's if the caller names a version of it.
fn protocol(path: &str, headers: &HeaderMap) -> Protocol {
    let is_both = path.starts_with(MODELS);
    let is_anthropic =
        if is_both { headers.contains_key("anthropic-version") } else { path.starts_with("/v1/messages") };
    if is_anthropic { Protocol::Anthropic } else { Protocol::Openai }
}

/// The class of a request's input: what is to be kept in a cache costs what writing it costs.
fn input_class(input: Text) -> &'static str {
    if input.cached { usage::written(input.cached_long) } else { "input_tokens" }
}
