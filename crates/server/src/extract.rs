//! The parts of a request: its key, its idempotency key, its body, its path and its query.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, MatchedPath, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderValue, header};
use headworks_api::{Access, Call, EVENTS_MAX, Key, Kind, parse, parse_envelope, too_many_events};
use headworks_core::record::{Name, NameError};
use headworks_engine::Reached;
use serde::de::DeserializeOwned;

use crate::app::App;
use crate::body::{self, Allowance, BODY_BYTES_MAX, EVENTS_BYTES_MAX, LengthMax};
use crate::cloud_events::Items;
use crate::connections::{Peer, Place};
use crate::problem::Failure;

/// The call that a request makes, and the network that it comes from.
pub(crate) struct Called(pub(crate) Call);

impl<S: Send + Sync> FromRequestParts<S> for Called {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let route = parts.extensions.get::<MatchedPath>().map_or("", MatchedPath::as_str);
        let name = [parts.method.as_str(), route].join(" ");
        let network = parts.extensions.get::<Peer>().map(|Peer(address)| *address);
        Ok(Self(Call { name, network }))
    }
}

/// The caller, by the API key in `Authorization: Bearer`.
pub(crate) struct Caller(pub(crate) Access);

impl FromRequestParts<App> for Caller {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Failure> {
        let Ok(Called(call)) = Called::from_request_parts(parts, app).await;
        let mut shown = parts.headers.get_all(header::AUTHORIZATION).iter();
        let header = shown.next();
        if shown.next().is_some() {
            // None of them counts.
            let _ = app.api.access(Some(""), call);
            return Err(Failure::new(
                Kind::Unauthenticated,
                "the request has several Authorization headers; send one",
            ));
        }
        // Only bearer tokens can be our keys.
        let shown = header.map(|h| h.to_str().ok().and_then(bearer).unwrap_or_default());
        let visit = Visit::of(parts);
        let access = app.api.access(shown, call).inspect_err(|problem| {
            if problem.kind == Kind::Unauthenticated {
                visit.doubt();
            }
        })?;
        visit.authenticate(access.actor());
        if let Some(allowance) = parts.extensions.get::<Allowance>() {
            allowance.own(access.actor());
            if let Some(warning) = key_warning(access.reached()) {
                allowance.warn(warning);
            }
        }
        Ok(Self(access))
    }
}

/// Marks of limits in a header: `rate; percent=80; used=80; of=100`, several with commas.
fn key_warning(reached: &[Reached]) -> Option<HeaderValue> {
    let one =
        |r: &Reached| format!("{}; percent={}; used={}; of={}", r.limit.as_str(), r.percent, r.used, r.of);
    let all = reached.iter().map(one).collect::<Vec<_>>().join(", ");
    HeaderValue::from_str(&all).ok().filter(|all| !all.is_empty())
}

/// The connection of a request, which is an authenticated caller's once its key or its signature is found valid.
pub(crate) struct Visit(Option<Arc<Place>>);

impl Visit {
    fn of(parts: &Parts) -> Self {
        Self(parts.extensions.get().cloned())
    }

    pub(crate) fn authenticate(&self, key: Option<&Name>) {
        if let Some(place) = &self.0 {
            place.authenticate(key);
        }
    }

    fn doubt(&self) {
        if let Some(place) = &self.0 {
            place.doubt();
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Visit {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(parts))
    }
}

/// A route that needs no key takes note of one all the same: its connection is then that of an authenticated caller.
pub(crate) struct Anybody;

impl FromRequestParts<App> for Anybody {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Self::Rejection> {
        if parts.headers.contains_key(header::AUTHORIZATION) {
            // A wrong key is none.
            let _ = Caller::from_request_parts(parts, app).await;
        }
        Ok(Self)
    }
}

/// The token of a bearer's authorization; the name of the scheme may be in any case (RFC 9110).
fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim_matches(' '))
}

/// The `Idempotency-Key` header, quoted or bare.
pub(crate) struct IdempotencyKey(pub(crate) Key);

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        let bad = |detail: String| Failure::new(Kind::IdempotencyKeyInvalid, detail);
        let mut headers = parts.headers.get_all("idempotency-key").iter();
        let Some(header) = headers.next() else { return Ok(Self(Key::Missing)) };
        if headers.next().is_some() {
            return Err(bad("there are two Idempotency-Key headers; send one".into()));
        }
        let text = std::str::from_utf8(header.as_bytes());
        let text = text.map_err(|_| bad("the Idempotency-Key header is not UTF-8".into()))?;
        let bare = match text.strip_prefix('"') {
            Some(rest) => rest.strip_suffix('"'),
            None => Some(text),
        };
        let bare =
            bare.ok_or_else(|| bad("the Idempotency-Key header has a quote at its start alone".into()))?;
        let key = bare.parse().map_err(|e: NameError| bad(format!("the Idempotency-Key header: {e}")))?;
        Ok(Self(Key::Given(key)))
    }
}

/// A JSON body. Anything that does not match the shape exactly is refused, with the place and the reason.
pub(crate) struct Body<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, _: &S) -> Result<Self, Failure> {
        let bytes = raw(request).await?;
        Ok(Self(parse(if bytes.is_empty() { b"{}" } else { &bytes })?))
    }
}

/// A JSON body whose parts are checked one by one, so that a faulty part does not fail the others.
pub(crate) struct Envelope<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Envelope<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, _: &S) -> Result<Self, Failure> {
        Ok(Self(parse_envelope(&raw(request).await?)?))
    }
}

/// The query of a URL.
pub(crate) struct Parameters<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Parameters<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let query = Query::<T>::from_request_parts(parts, state).await;
        query.map(|Query(value)| Self(value)).map_err(|e| Failure::invalid(e.body_text()))
    }
}

/// The parameters in the path of a URL.
pub(crate) struct Path<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Failure> {
        let path = axum::extract::Path::<T>::from_request_parts(parts, state).await;
        path.map(|axum::extract::Path(value)| Self(value)).map_err(|e| Failure::invalid(e.body_text()))
    }
}

/// A catalog: as long as the memory for compiling it allows.
pub(crate) struct Text(pub(crate) String);

impl FromRequest<App> for Text {
    type Rejection = Failure;

    async fn from_request(request: Request, app: &App) -> Result<Self, Failure> {
        let most = request.extensions().get().map_or(BODY_BYTES_MAX, |LengthMax(most)| *most);
        let room = most.min(app.catalog_bytes_max);
        let bytes = body::read(request, room, |_| Ok(())).await.map_err(|failure| {
            if room == most || failure.0.kind != Kind::BodyTooLarge {
                return failure;
            }
            let detail = format!(
                "the server's memory (`--memory-max`) lets it compile catalogs of at most {} KiB; check longer ones with \
                 `headworks check-catalog`",
                room >> 10
            );
            Failure::new(Kind::BodyTooLarge, detail)
        })?;
        let text = String::from_utf8(bytes.into());
        text.map(Text).map_err(|_| Failure::new(Kind::MalformedBody, "the body is not UTF-8"))
    }
}

/// The body of a request, as long as its route takes it.
async fn raw(request: Request) -> Result<Bytes, Failure> {
    let most = request.extensions().get().map_or(BODY_BYTES_MAX, |LengthMax(most)| *most);
    body::read(request, most, |_| Ok(())).await
}

/// A body of events, counted as it comes.
pub(crate) struct EventsBody(pub(crate) Bytes);

impl<S: Send + Sync> FromRequest<S> for EventsBody {
    type Rejection = Failure;

    async fn from_request(request: Request, _: &S) -> Result<Self, Failure> {
        let mut items = Items::default();
        let count = |part: &[u8]| {
            if items.count(part) > EVENTS_MAX { Err(too_many_events().into()) } else { Ok(()) }
        };
        Ok(Self(body::read(request, EVENTS_BYTES_MAX, count).await?))
    }
}

/// The whole body.
pub(crate) struct Raw(pub(crate) Bytes);

impl<S: Send + Sync> FromRequest<S> for Raw {
    type Rejection = Failure;

    async fn from_request(request: Request, _: &S) -> Result<Self, Failure> {
        Ok(Self(raw(request).await?))
    }
}
