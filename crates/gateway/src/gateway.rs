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
use headworks_core::record::{Label, Level, Name, Path, Segment};
use headworks_engine::Lease;
use headworks_wire as wire;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use serde_json::json;
use tokio::sync::{Semaphore, oneshot, watch};

use crate::call::{Call, Held};
use crate::config::{Config, Model, Protocol};
use crate::denial::{Refused, Why};
use crate::estimate::Learned;
use crate::reply::{Body, whole};
use crate::surface::{Asked, DIMENSIONS, Surface};
use crate::upstream::Requests;
use crate::usage;

/// The largest request, in bytes.
pub const BODY_BYTES_MAX: usize = 32 << 20;
/// The most calls at once.
const CALLS_MAX: u32 = 16_384;
/// The fewest tokens of output that are worth a call.
const OUTPUT_MIN: u64 = 16;
/// A part of the caller's own: where in its place the call belongs.
const SESSION: &str = "x-headworks-session";
/// The caller agrees to paid sources.
const CONSENT: &str = "x-headworks-consent";

const MODELS: &str = "/v1/models";
const COUNT_TOKENS: &str = "/v1/messages/count_tokens";

/// Calls of models, decided before they are forwarded.
pub struct Gateway {
    pub(crate) api: Arc<Api>,
    pub(crate) config: Config,
    pub(crate) clients: Vec<Requests>,
    pub(crate) learned: Learned,
    calls: Arc<Semaphore>,
    stop: watch::Sender<bool>,
}

impl fmt::Debug for Gateway {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gateway").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Gateway {
    /// A gateway over the calls of an engine.
    #[must_use]
    pub fn new(api: Arc<Api>, config: Config) -> Arc<Self> {
        let clients = config.upstreams.iter().map(Requests::new).collect();
        let calls = Arc::new(Semaphore::new(usize::try_from(CALLS_MAX).unwrap_or(usize::MAX)));
        Arc::new(Self {
            api,
            config,
            clients,
            learned: Learned::default(),
            calls,
            stop: watch::Sender::new(false),
        })
    }

    /// Its routes: method and path.
    #[must_use]
    pub fn routes() -> Vec<(Method, &'static str)> {
        let infer = Surface::ALL.into_iter().map(|surface| (Method::POST, surface.path()));
        let more =
            [(Method::GET, MODELS), (Method::GET, "/v1/models/{*model}"), (Method::POST, COUNT_TOKENS)];
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
        let answer = match (surface, path) {
            (Some(surface), _) => self.infer(surface, access, request).await,
            (None, COUNT_TOKENS) => self.count(access, request).await,
            (None, MODELS) => self.models(&access, protocol, None),
            (None, path) => self.models(&access, protocol, path.strip_prefix("/v1/models/")),
        };
        answer.unwrap_or_else(|refused| refused.answer(protocol))
    }

    /// Ends all calls, each at what was used, and returns when they have ended or this time is over.
    pub async fn shut_down(&self, within: Duration) {
        self.stop.send_replace(true);
        if tokio::time::timeout(within, self.calls.acquire_many(CALLS_MAX)).await.is_err() {
            tracing::warn!("model calls were still running at the end; their holds expire by themselves");
        }
    }

    /// A model that a caller may use.
    pub(crate) fn model(&self, access: &Access, name: &str) -> Result<&Model, Refused> {
        let found = self.config.models.get(name).filter(|_| access.may_use(name));
        found.ok_or_else(|| {
            let message =
                format!("there is no model `{name}` for this key; GET {MODELS} lists those that there are");
            Refused::new(Why::NotFound, "model_not_found", message)
        })
    }

    /// The place of a call, with the session that the caller names.
    fn place(access: &Access, headers: &HeaderMap) -> Result<(Name, Path), Refused> {
        let (account, path) = access.place().map_err(|problem| Refused::of_problem(&problem))?;
        let Some(session) = headers.get(SESSION) else { return Ok((account, path)) };
        let name = session.to_str().ok().and_then(|text| Name::id(text).ok()).ok_or_else(|| {
            Refused::new(
                Why::Invalid,
                "invalid_session",
                format!("`{SESSION}` is not a name of up to 256 bytes"),
            )
        })?;
        Ok((account, path.with(Segment { level: Level::Session, name })))
    }

    /// A call that infers: decided, held, forwarded, settled.
    async fn infer(
        self: &Arc<Self>,
        surface: Surface,
        access: Access,
        request: Request<Bytes>,
    ) -> Result<Response<Body>, Refused> {
        let (reply, answered) = oneshot::channel();
        let gateway = Arc::clone(self);
        // It goes on when its caller leaves, also while it is decided: a hold that is opened has to be ended.
        tokio::spawn(async move {
            match gateway.decide(surface, access, request).await {
                Ok(call) => call.run(reply).await,
                // The caller may have gone.
                Err(refused) => drop(reply.send(Err(refused))),
            }
        });
        answered
            .await
            .unwrap_or_else(|_| Err(Refused::new(Why::Internal, "internal_error", "the call failed")))
    }

    /// Decides on a call, and holds what it may use.
    async fn decide(
        self: Arc<Self>,
        surface: Surface,
        access: Access,
        request: Request<Bytes>,
    ) -> Result<Call, Refused> {
        let (head, body) = request.into_parts();
        let invalid = |why: String| Refused::new(Why::Invalid, "invalid_request", why);
        let text = std::str::from_utf8(&body).map_err(|_| invalid("the body is not UTF-8".into()))?;
        let asked = Asked::read(surface, text).map_err(invalid)?;
        let (account, path) = Self::place(&access, &head.headers)?;
        let model = self.model(&access, &asked.model)?;
        let targets = self.targets(model, surface.protocol());
        if targets.is_empty() {
            let message = format!("the model `{}` is not served at {}", model.name, surface.path());
            return Err(Refused::new(Why::NotFound, "model_not_found", message));
        }
        let (meters, dimensions) = self.sold(model)?;
        let permit = Arc::clone(&self.calls).try_acquire_owned();
        let permit = permit.map_err(|_| {
            Refused::of_problem(&Problem::new(
                headworks_api::Kind::Overloaded,
                "too many model calls are running; try again soon",
            ))
        })?;
        let input = self.learned.input(&model.name, asked.input);
        let mut classes = vec![(input_class(&asked), input)];
        let output_max = asked.output_max.or(model.output_max);
        let learned = self.learned.output(&model.name, &account);
        // A stream grows as it goes; an answer that comes as a whole cannot.
        let output = if asked.is_stream {
            learned.min(output_max.unwrap_or(learned))
        } else {
            output_max.unwrap_or(learned)
        };
        let output = if surface.has_output() { output.saturating_mul(asked.choices) } else { 0 };
        classes.push(("output_tokens", output));
        let quantities = usage::held(&meters, &classes).into_iter().collect();
        let own = |class: &str| usage::meter(&meters, class).cloned();
        let (input_meter, output_meter) = (own(input_class(&asked)), own("output_tokens"));
        let shared = if input_meter == output_meter { input } else { 0 };
        let min = output_meter
            .as_ref()
            .filter(|_| output > 0)
            .map(|meter| BTreeMap::from([(meter.clone(), shared + output.min(OUTPUT_MIN * asked.choices))]));
        let held_dimensions = held_dimensions(&asked, model, &dimensions);
        let ask = wire::AuthorizeRequest {
            account: (&account).into(),
            feature: model.feature.clone(),
            path,
            dimensions: held_dimensions.clone(),
            quantities,
            parts: None,
            min,
            settle: wire::Settle::Later,
            consent: head.headers.get(CONSENT).is_some_and(|value| value.as_bytes() == b"true"),
            life: None,
            max_wait: None,
            source: None,
            idempotency_key: None,
        };
        let leased = self.api.lease(&access, wire::Scope::Gateway, Key::Unknown, ask).await;
        let (lease, decision) = match leased.map_err(|problem| Refused::of_problem(&problem))? {
            Leased::Held(lease, decision) => (Some(lease), decision),
            Leased::Answered(decision) if decision.outcome == "allow" => (None, decision),
            Leased::Answered(decision) => return Err(Refused::of_decision(&decision)),
        };
        let granted = lease.as_deref().and_then(|lease| granted(lease, output_meter.as_ref()?));
        let granted =
            granted.map(|granted| granted.saturating_sub(shared)).filter(|granted| *granted < output);
        let held = Held {
            account,
            lease,
            decision,
            meters,
            knows: dimensions,
            dimensions: held_dimensions,
            output_meter,
            input,
            input_in_output: shared,
        };
        let is_stream = asked.is_stream;
        let (input, output_max) = (asked.input, granted.map(|granted| (granted / asked.choices).max(1)));
        Ok(Call {
            gateway: Arc::clone(&self),
            _access: access,
            surface,
            model: model.name.clone(),
            targets,
            is_stream,
            input,
            // What was granted for several outputs is shared by them.
            output_max,
            held,
            head: head.headers,
            body: body.clone(),
            stop: self.stop.subscribe(),
            _permit: permit,
        })
    }

    /// The meters and dimensions of the feature that a model is sold as.
    fn sold(&self, model: &Model) -> Result<(Vec<Name>, Vec<Name>), Refused> {
        let catalog = self.api.engine().catalog();
        let Some(feature) = catalog.feature(model.feature.as_str()) else {
            tracing::error!(model = model.name, feature = %model.feature, "the catalog does not know the feature of a model");
            let message = format!(
                "the model `{}` is not for sale now: the operator's catalog lacks its feature",
                model.name
            );
            return Err(Refused::new(Why::Internal, "unknown_feature", message));
        };
        Ok((feature.meters.clone(), feature.dimensions().to_vec()))
    }

    /// The targets of a model that speak a protocol, in the order to try them: one by weight first, then the others as listed.
    pub(crate) fn targets(&self, model: &Model, protocol: Protocol) -> Vec<usize> {
        let speaks = |place: &usize| {
            let upstream =
                model.targets.get(*place).and_then(|target| self.config.upstreams.get(target.upstream));
            upstream.is_some_and(|upstream| upstream.protocol == protocol)
        };
        let mut places: Vec<usize> = (0..model.targets.len()).filter(speaks).collect();
        let weight = |place: &usize| model.targets.get(*place).map_or(0, |target| u64::from(target.weight));
        let all: u64 = places.iter().map(weight).sum();
        if places.len() > 1 && all > 0 {
            let mut draw = random() % all;
            let first = places.iter().position(|place| {
                let weight = weight(place);
                let is_drawn = draw < weight;
                draw = draw.saturating_sub(weight);
                is_drawn
            });
            let first = places.remove(first.unwrap_or(0));
            places.insert(0, first);
        }
        places
    }

    /// The models that a key may use.
    fn models(
        &self,
        access: &Access,
        protocol: Protocol,
        one: Option<&str>,
    ) -> Result<Response<Body>, Refused> {
        access.place().map_err(|problem| Refused::of_problem(&problem))?;
        let shown = |name: &str| match protocol {
            Protocol::Openai => json!({"id": name, "object": "model", "created": 0, "owned_by": "headworks"}),
            Protocol::Anthropic => {
                json!({"type": "model", "id": name, "display_name": name, "created_at": "1970-01-01T00:00:00Z"})
            }
        };
        let body = if let Some(name) = one {
            shown(&self.model(access, name)?.name)
        } else {
            let speaks =
                |model: &&Model| !self.targets(model, protocol).is_empty() && access.may_use(&model.name);
            let all: Vec<_> =
                self.config.models.values().filter(speaks).map(|model| shown(&model.name)).collect();
            match protocol {
                Protocol::Openai => json!({"object": "list", "data": all}),
                Protocol::Anthropic => {
                    let (first, last) =
                        (all.first().map(|m| m["id"].clone()), all.last().map(|m| m["id"].clone()));
                    json!({"data": all, "has_more": false, "first_id": first, "last_id": last})
                }
            }
        };
        let mut response = whole(StatusCode::OK, Bytes::from(body.to_string()));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Ok(response)
    }

    /// Counts tokens at the upstream: infers nothing and costs nothing, for those who may use the model.
    async fn count(
        self: &Arc<Self>,
        access: Access,
        request: Request<Bytes>,
    ) -> Result<Response<Body>, Refused> {
        let (head, body) = request.into_parts();
        let invalid = |why: String| Refused::new(Why::Invalid, "invalid_request", why);
        let text = std::str::from_utf8(&body).map_err(|_| invalid("the body is not UTF-8".into()))?;
        let asked = Asked::read(Surface::Messages, text).map_err(invalid)?;
        let (account, path) = Self::place(&access, &head.headers)?;
        let model = self.model(&access, &asked.model)?;
        let (meters, dimensions) = self.sold(model)?;
        let peek = wire::AuthorizeRequest {
            account: (&account).into(),
            feature: model.feature.clone(),
            path,
            dimensions: held_dimensions(&asked, model, &dimensions),
            quantities: usage::held(&meters, &[("input_tokens", 1), ("output_tokens", 1)])
                .into_iter()
                .collect(),
            parts: None,
            min: None,
            settle: wire::Settle::Later,
            consent: true,
            life: None,
            max_wait: None,
            source: None,
            idempotency_key: None,
        };
        let decision = self.api.check_as(&access, wire::Scope::Gateway, &peek).await;
        let decision = decision.map_err(|problem| Refused::of_problem(&problem))?;
        if decision.outcome == "deny" {
            return Err(Refused::of_decision(&decision));
        }
        crate::call::forward_count(self, model, &asked, &head.headers).await
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
fn input_class(asked: &Asked<'_>) -> &'static str {
    if asked.input.cached { usage::written(asked.input.cached_long) } else { "input_tokens" }
}

/// What a hold is priced by: the model's dimensions, and those of the request that the feature knows.
fn held_dimensions(asked: &Asked<'_>, model: &Model, known: &[Name]) -> BTreeMap<Name, Label> {
    let mut dimensions = model.dimensions.clone();
    dimensions.retain(|name, _| known.contains(name));
    for name in DIMENSIONS {
        let Some(known) = known.iter().find(|known| known.as_str() == name) else { continue };
        let value = asked.dimension(name).filter(|value| value != "auto");
        if let Some(value) = value.and_then(|value| Label::new(&value).ok()) {
            dimensions.entry(known.clone()).or_insert(value);
        }
    }
    dimensions
}

/// What a lease covers of a meter.
fn granted(lease: &Lease, meter: &Name) -> Option<u64> {
    lease.covered().iter().find(|(known, _)| known == meter).map(|(_, covered)| *covered)
}

/// A number that nobody needs to be unable to guess.
fn random() -> u64 {
    use std::hash::{BuildHasher as _, RandomState};
    RandomState::new().hash_one(0)
}
