//! What the annotations of routes leave out of the document: the statuses that many routes have in common, the media type of
//! problems, and the greatest integers.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;
use utoipa::openapi::path::Operation;
use utoipa::openapi::{ContentBuilder, OpenApi, Ref, RefOr, Required, Response, ResponseBuilder, Schema};

/// The media type of problems.
const PROBLEM: &str = "application/problem+json";

/// A status, its meaning, and the operations that have it.
type Common = (&'static str, &'static str, fn(&Operation) -> bool);

const COMMON: [Common; 9] = [
    ("400", "The request is malformed, or lacks its idempotency key", |o| takes_a_key(o) || has_body(o)),
    ("401", "No valid API key, or no valid signature", |_| true),
    ("403", "The key lacks the scope, or does not reach every account", needs_a_key),
    ("404", "Something that the request names is unknown, or out of the key's reach", |_| true),
    ("408", "The body came too slowly; nothing was done", has_body),
    ("413", "The body is too large", has_body),
    ("422", "A value is refused, or the idempotency key was used for another request", |o| {
        has_body(o) || takes_a_key(o) || o.parameters.is_some()
    }),
    ("429", "The key's limit is reached, or too many invalid calls came from this network", |_| true),
    ("503", "Too much is running, or the outcome is unknown; try again, with the same key", |_| true),
];

fn has_body(operation: &Operation) -> bool {
    operation.request_body.is_some()
}

/// Whether it needs an API key, as all do that do not say otherwise.
fn needs_a_key(operation: &Operation) -> bool {
    operation.security.is_none()
}

fn takes_a_key(operation: &Operation) -> bool {
    let mut parameters = operation.parameters.iter().flatten();
    parameters.any(|one| matches!(one, RefOr::T(parameter) if parameter.name == "Idempotency-Key"))
}

/// Whether every field of a body may be left out. No body is then the same as an empty one.
fn may_be_empty(schema: &Ref, schemas: &BTreeMap<String, RefOr<Schema>>) -> bool {
    let name = schema.ref_location.rsplit('/').next().unwrap_or_default();
    matches!(schemas.get(name), Some(RefOr::T(Schema::Object(object))) if object.required.is_empty())
}

/// The greatest integer that is read, by its format and whether it may be below zero. JSON Schema knows no formats of integers.
fn greatest(format: Option<&str>, signed: bool) -> u64 {
    match (format, signed) {
        (Some("int32"), false) => u32::MAX.into(),
        (Some("int32"), true) => i32::MAX.unsigned_abs().into(),
        (_, false) => u64::MAX,
        (_, true) => i64::MAX.unsigned_abs(),
    }
}

/// Gives every integer a maximum.
fn bound(part: &mut Value) {
    if let Value::Object(schema) = part {
        let integer = schema.get("type").is_some_and(|of| {
            of == "integer" || of.as_array().is_some_and(|types| types.contains(&"integer".into()))
        });
        if integer && !schema.contains_key("maximum") {
            let format = schema.get("format").and_then(Value::as_str);
            let most = greatest(format, !schema.contains_key("minimum"));
            schema.insert("maximum".into(), most.into());
        }
    }
    match part {
        Value::Object(parts) => parts.values_mut().for_each(bound),
        Value::Array(parts) => parts.iter_mut().for_each(bound),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The document, completed.
pub(super) fn complete(mut document: OpenApi) -> Value {
    let components = document.components.get_or_insert_default();
    for (status, meaning, _) in COMMON {
        components.responses.insert(name(status), problem(meaning).into());
    }
    let schemas = &components.schemas;
    let items = document.paths.paths.values_mut();
    let operations = items.flat_map(|item| {
        [&mut item.get, &mut item.put, &mut item.post, &mut item.patch, &mut item.delete]
            .into_iter()
            .flatten()
    });
    for operation in operations {
        if let Some(RefOr::T(body)) = &mut operation.request_body
            && let Some(RefOr::T(json)) = body.content.get("application/json")
            && let Some(RefOr::Ref(schema)) = &json.schema
            && may_be_empty(schema, schemas)
        {
            body.required = Some(Required::False);
        }
        if operation.responses.responses.contains_key("4XX") {
            for (status, _, has) in COMMON {
                if has(operation) && !operation.responses.responses.contains_key(status) {
                    let shared = RefOr::Ref(Ref::from_response_name(name(status)));
                    operation.responses.responses.insert(status.into(), shared);
                }
            }
        }
        for (status, response) in &mut operation.responses.responses {
            // Every error is a problem of RFC 9457.
            if let (RefOr::T(response), false) = (response, status.starts_with('2'))
                && let Some(problem) = response.content.shift_remove("application/json")
            {
                response.content.insert(PROBLEM.into(), problem);
            }
        }
    }
    let mut document = serde_json::to_value(document).unwrap_or_default();
    bound(&mut document);
    tell_apart(&mut document);
    document
}

/// Gives operations of one name the name of what they are about as well: generators need each to have its own.
fn tell_apart(document: &mut Value) {
    let Some(paths) = document.get_mut("paths").and_then(Value::as_object_mut) else { return };
    let mut known = HashMap::<String, u32>::new();
    for operation in paths.values().filter_map(Value::as_object).flat_map(|operations| operations.values()) {
        if let Some(id) = operation.get("operationId").and_then(Value::as_str) {
            *known.entry(id.to_owned()).or_default() += 1;
        }
    }
    for (path, operations) in paths.iter_mut() {
        for operation in operations.as_object_mut().into_iter().flat_map(|operations| operations.values_mut())
        {
            let Some(id) = operation.get_mut("operationId") else { continue };
            let Some(own) = id.as_str().filter(|id| known.get(*id).is_some_and(|count| *count > 1)) else {
                continue;
            };
            let about = path.split('/').skip(2).filter(|part| !part.starts_with('{') && *part != own);
            let about: Vec<&str> = std::iter::once(own).chain(about).collect();
            *id = about.join("_").replace('-', "_").into();
        }
    }
}

/// The name of a response that operations share.
fn name(status: &str) -> String {
    format!("Problem{status}")
}

fn problem(meaning: &str) -> Response {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    ResponseBuilder::new().description(meaning).content(PROBLEM, content).build()
}
