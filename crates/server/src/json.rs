//! JSON in and out, and idempotency keys.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use headworks_core::record::{Label, check_keys};
use headworks_engine::Idempotency;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::problem::Failure;

/// A JSON body. Anything that is not exactly the shape is refused with the place and the reason.
pub(crate) struct Body<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        let bytes = raw(request, state).await?;
        parse(if bytes.is_empty() { b"{}" } else { &bytes }).map(Body)
    }
}

/// A JSON body whose parts are looked at one by one: what is wrong with one of them is that one's matter.
pub(crate) struct Envelope<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Envelope<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, state: &S) -> Result<Self, Failure> {
        parse_envelope(&raw(request, state).await?).map(Self)
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

/// What stands in the path of a URL.
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
        text.map(Text)
            .map_err(|_| Failure::new(StatusCode::BAD_REQUEST, "malformed_body", "the body is not UTF-8"))
    }
}

async fn raw<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, Failure> {
    Bytes::from_request(request, state).await.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Failure::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "body_too_large",
            "the body is larger than this route takes; send less at once",
        ),
        _ => Failure::new(StatusCode::BAD_REQUEST, "malformed_body", rejection.body_text()),
    })
}

/// Reads JSON of one shape.
pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Failure> {
    let value = parse_envelope(bytes)?;
    check_keys(bytes).map_err(|e| Failure::invalid(e.to_string()))?;
    Ok(value)
}

pub(crate) fn parse_envelope<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Failure> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|e| {
        let at = e.path().to_string();
        let inner = e.inner();
        match inner.classify() {
            serde_json::error::Category::Data => {
                let place = if at == "." { String::new() } else { format!("`{at}`: ") };
                Failure::invalid(format!("{place}{inner}"))
            }
            serde_json::error::Category::Io
            | serde_json::error::Category::Syntax
            | serde_json::error::Category::Eof => Failure::new(
                StatusCode::BAD_REQUEST,
                "malformed_body",
                format!("the body is not JSON: {inner}"),
            ),
        }
    })?;
    json.end().map_err(|e| Failure::new(StatusCode::BAD_REQUEST, "malformed_body", e.to_string()))?;
    Ok(value)
}

/// The idempotency key of a request: the body's field, else the header (quoted or bare), else `natural`.
///
/// The digest is that of the request as parsed, so that spelling and order of fields do not matter.
pub(crate) fn idempotency(
    headers: &HeaderMap,
    in_body: Option<Label>,
    natural: Option<String>,
    request: &impl Serialize,
) -> Result<Idempotency, Failure> {
    let bad = |detail: &str| Failure::new(StatusCode::BAD_REQUEST, "idempotency_key_invalid", detail);
    let text = match (in_body, headers.get("idempotency-key"), natural) {
        (Some(key), ..) => key,
        (None, Some(header), _) => {
            let text =
                header.to_str().map_err(|_| bad("the Idempotency-Key header is not printable ASCII"))?;
            let bare = text.strip_prefix('"').and_then(|t| t.strip_suffix('"')).unwrap_or(text);
            Label::new(bare).map_err(|e| bad(&format!("the Idempotency-Key header: {e}")))?
        }
        (None, None, Some(natural)) => Label::new(&natural).map_err(|e| bad(&e.to_string()))?,
        (None, None, None) => {
            return Err(Failure::new(
                StatusCode::BAD_REQUEST,
                "idempotency_key_required",
                "send an Idempotency-Key header or `idempotency_key`: a new one for each new request, the same for its retries",
            ));
        }
    };
    Ok(Idempotency { text, digest: digest(request)? })
}

/// The key of reported use. Whether it may take credits is not part of what is compared.
pub(crate) fn record_key(
    headers: &HeaderMap,
    ask: &mut headworks_wire::RecordRequest,
) -> Result<Idempotency, Failure> {
    let consent = std::mem::take(&mut ask.consent);
    let key = idempotency(headers, ask.idempotency_key.take(), None, ask)?;
    ask.consent = consent;
    Ok(key)
}

/// The digest of a request as parsed.
fn digest(request: &impl Serialize) -> Result<[u8; 16], Failure> {
    let canonical = serde_json::to_vec(request).map_err(|e| Failure::invalid(e.to_string()))?;
    let mut digest = [0; 16];
    digest.copy_from_slice(blake3::hash(&canonical).as_bytes().get(..16).unwrap_or(&[0; 16]));
    Ok(digest)
}
