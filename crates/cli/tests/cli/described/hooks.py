"""One more check for Schemathesis: what the document allows is never called malformed.

It takes the place of `positive_data_acceptance`, which knows statuses alone: 422 also answers requests that the document rightly
allows and the state does not, such as one for an unknown plan. The kinds of problems tell them apart.
"""

import re

import schemathesis

# Kinds that say that a request breaks a rule of form. All others speak of the state of the server.
MALFORMED = {
    "malformed_body",
    "malformed_request",
    "invalid_request",
    "idempotency_key_invalid",
    "idempotency_key_required",
    "method_not_allowed",
    "no_such_route",
}

# Rules of form that no schema of OpenAPI can state, by what the server says.
BEYOND_A_SCHEMA = [
    # JSON Schema counts 12.0 as an integer.
    r"invalid type: floating point `\d+\.0`",
    r"^`([a-z_]+\.)*value`: write a whole number, ",
    # It counts characters, and a label is bounded in bytes.
    r"has at most 128 bytes",
    r"has at most 256 bytes",
    # It knows no classes of characters, ...
    r"is not assigned in Unicode",
    r"is for private use",
    # ... nor an order in a list.
    r"is out of order; a path goes [a-z_, ]+, each at most once",
    # It does not compare fields with each other, ...
    r"^`from` must be before `to`$",
    r"^`to` must not be before `from`$",
    r"^the expiry must lie in the future and after the beginning$",
    r"^`expires_at` is for credits that were paid$",
    r"^`stripe` requires the format `stripe_meter_events`$",
    r"^Stripe meter events are made of charges; leave `events` out$",
    r"^`delete` goes with none of `quantities`, `dimensions`, `parts` and `reprice`$",
    r"^`apply` is the `digest` of a dry run with the same id, cause, act and match; ",
    r"^the grant of an incident has neither `reference` nor `idempotency_key`: ",
    r"^`parts` stands instead of `dimensions` and `quantities`; ",
    r"^`min` goes with a use of one part$",
    r"^`requests` is counted with the first part; ",
    r"^a part names no meter; ",
    r"^the first part of an extension is that of its hold; ",
    r"^the hold has other dimensions in that part; ",
    r"^a weight is above zero, and a maximum not below the floor$",
    r"^a rollover needs 0 <= min <= max",
    r"^alerts need 0 <= low <= recovered$",
    r"^a top-up needs an amount above zero and at most its monthly maximum$",
    r"^a top-up needs alerts in its unit of credits$",
    r"^two marks, or two top-ups, are for the same unit of credits$",
    r"^the minimum of `.*` must be one asked meter, above zero and at most what is asked$",
    # ... nor with the time, with a webhook that exists, or with what a server's settings allow.
    r"^`expires_at` is not in the future$",
    r"^the reported time of the use, .* is in the future$",
    r"^the end of a pause is to come; ",
    r"^a pause lasts at most 100 years$",
    r"^a webhook keeps its `format` and `stripe`; make another one$",
    r"to allow it, name its address in --webhooks-allow",
    # It knows neither the catalog's units, features and classes, ...
    r"^no feature is priced in `",
    r"^`requests` counts at least 1; leave it out",
    r"^feature `.*` is not recorded",
    r"^no supply of the catalog has a class `",
    r"^the recurring grants are in different units of credits",
    # ... nor the zones of IANA.
    r"is not an IANA time zone",
    # It does not measure durations.
    r"^the life of this hold must be above zero and at most ",
    r"^`limits\.rate\.per` is from 1s to 24h$",
    r"^`limits\.warn_at` is up to 8 percentages from 1 to 100 that rise$",
    r"^`limits\.warn_at` goes with `rate`, `concurrent` or both$",
    r"^`gateway` goes with the scope `gateway`$",
    r"^a key with the scope `gateway` has one account, ",
    r"^`overlap` is at most 30d$",
]


def may_name_its_key_in_the_body(case):
    """A call needs an idempotency key in its header or its body, and OpenAPI cannot say "either"."""
    content = case.operation.definition.raw.get("requestBody", {}).get("content", {})
    schema = content.get("application/json", {}).get("schema", {})
    name = schema.get("$ref", "").rpartition("/")[2]
    schemas = case.operation.schema.raw_schema["components"]["schemas"]
    return "idempotency_key" in schemas.get(name, {}).get("properties", {})


@schemathesis.check
def what_the_document_allows_is_understood(ctx, response, case):
    if case.meta is None or not case.meta.generation.mode.is_positive or response.status_code < 400:
        return
    problem = response.json()
    kind, detail = problem["type"].rpartition(":")[2], problem["detail"]
    if kind not in MALFORMED or any(re.search(rule, detail) for rule in BEYOND_A_SCHEMA):
        return
    if kind == "idempotency_key_required" and may_name_its_key_in_the_body(case):
        return
    raise AssertionError(f"the document allows it, and the server says {kind}: {detail}")
