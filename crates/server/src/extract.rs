//! The parts of a request: its key, its idempotency key, its body, its path and its query.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use headworks_api::{Access, Key, Kind, Network, parse, parse_envelope};
use headworks_core::record::Label;
use serde::de::DeserializeOwned;

use crate::app::{App, Peer};
use crate::problem::Failure;

/// The network that a request comes from.
pub(crate) struct From(pub(crate) Network);

impl<S: Send + Sync> FromRequestParts<S> for From {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        Ok(Self(parts.extensions.get::<Peer>().map(|Peer(address)| address.ip())))
    }
}

/// The caller, by the API key in `Authorization: Bearer`.
pub(crate) struct Caller(pub(crate) Access);

impl FromRequestParts<App> for Caller {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Failure> {
        let From(network) = From::from_request_parts(parts, app).await?;
        let header = parts.headers.get(header::AUTHORIZATION);
        // Only bearer tokens can be our keys.
        let shown =
            header.map(|h| h.to_str().ok().and_then(|t| t.strip_prefix("Bearer ")).unwrap_or_default());
        Ok(Self(app.api.access(shown, network)?))
    }
}

/// The `Idempotency-Key` header, quoted or bare.
pub(crate) struct IdempotencyKey(pub(crate) Key);

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        let bad = |detail: String| Failure::new(Kind::IdempotencyKeyInvalid, detail);
        let Some(header) = parts.headers.get("idempotency-key") else { return Ok(Self(Key::Missing)) };
        let text = header.to_str();
        let text = text.map_err(|_| bad("the Idempotency-Key header is not printable ASCII".into()))?;
        let bare = text.strip_prefix('"').and_then(|t| t.strip_suffix('"')).unwrap_or(text);
        let key = Label::new(bare).map_err(|e| bad(format!("the Idempotency-Key header: {e}")))?;
        Ok(Self(Key::Given(key)))
    }
}

/// A JSON body. Anything that does not match the shape exactly is refused, with the place and the reason.
pub(crate) struct Body<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        let bytes = raw(request, state).await?;
        Ok(Self(parse(if bytes.is_empty() { b"{}" } else { &bytes })?))
    }
}

/// A JSON body whose parts are checked one by one, so that a faulty part does not fail the others.
pub(crate) struct Envelope<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Envelope<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        Ok(Self(parse_envelope(&raw(request, state).await?)?))
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

/// A body as text.
pub(crate) struct Text(pub(crate) String);

impl<S: Send + Sync> FromRequest<S> for Text {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        let bytes = raw(request, state).await?;
        let text = String::from_utf8(bytes.to_vec());
        text.map(Text).map_err(|_| Failure::new(Kind::MalformedBody, "the body is not UTF-8"))
    }
}

async fn raw<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, Failure> {
    Bytes::from_request(request, state).await.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            Failure::new(Kind::BodyTooLarge, "the body is larger than this route takes; send less at once")
        }
        _ => Failure::new(Kind::MalformedBody, rejection.body_text()),
    })
}
