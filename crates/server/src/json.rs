//! JSON that is written already.

use axum::http::header;
use axum::response::{IntoResponse as _, Response};

/// An answer of it.
pub(crate) fn json(bytes: Vec<u8>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], bytes).into_response()
}
