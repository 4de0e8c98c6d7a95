//! Refusals, as they are wished or deserved.

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::json;

use crate::asked::{Fault, Surface};
use crate::served::{Ended, Entry};

/// A refusal in the words of a surface.
pub(crate) fn refused(surface: Surface, status: StatusCode, message: &str) -> Response {
    let body = match surface {
        Surface::Messages => json!({"type": "error", "error": {"type": "api_error", "message": message}}),
        Surface::Chat | Surface::Completions | Surface::Responses | Surface::Embeddings => {
            json!({"error": {"message": message, "type": "server_error", "param": null, "code": null}})
        }
    };
    (status, Json(body)).into_response()
}

/// The refusal that a request wishes; it may wish for no answer at all.
pub(crate) async fn refusal(surface: Surface, fault: Option<&Fault>, entry: &Entry) -> Option<Response> {
    match fault? {
        Fault::Status(status) => {
            let status = StatusCode::from_u16(*status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            entry.end(Ended::Refused);
            let mut response = refused(surface, status, "as wished");
            if status == StatusCode::TOO_MANY_REQUESTS {
                response.headers_mut().insert(header::RETRY_AFTER, header::HeaderValue::from_static("2"));
            }
            Some(response)
        }
        Fault::Hang => std::future::pending().await,
        Fault::CutAfter(_) | Fault::EndAfter(_) | Fault::MalformedAfter(_) | Fault::ErrorAfter(_) => None,
    }
}
