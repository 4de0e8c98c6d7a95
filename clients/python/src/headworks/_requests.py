"""The plain calls: requests whose answer is returned as it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ._ask import given, new_key
from ._calls import account_of
from ._exchange import Request

if TYPE_CHECKING:
    from . import schema


def get(path: str, options: Mapping[str, Any], params: Mapping[str, str] | None = None, **query: Any) -> Request:
    """A read."""
    return Request(
        "GET",
        path,
        params or {},
        given(**query),
        timeout=options.get("timeout"),
        max_retries=options.get("max_retries"),
    )


def act(
    method: str, path: str, body: Any, options: Mapping[str, Any], params: Mapping[str, str] | None = None
) -> Request:
    """A change, under one key."""
    key = options.get("idempotency_key") or new_key()
    if isinstance(body, Mapping) and body.get("idempotency_key"):
        key = str(body["idempotency_key"])
    return Request(method, path, params or {}, None, body, key, options.get("timeout"), options.get("max_retries"))


def any_call(
    method: str,
    path: str,
    params: Mapping[str, str] | None = None,
    query: Mapping[str, Any] | None = None,
    body: Any = None,
    **options: Any,
) -> Request:
    """A call by method and path."""
    if method.upper() == "GET":
        return get(path, options, params, **(query or {}))
    return act(method.upper(), path, body, options, params)


def batch(items: Sequence[schema.BatchItem], options: Mapping[str, Any]) -> Request:
    """Several operations, each under a key of its own."""
    keyed = [{name: {"idempotency_key": new_key(), **_mapping(op)} for name, op in item.items()} for item in items]
    for item in keyed:
        if "settle" in item and not any("idempotency_key" in _mapping(i.get("settle")) for i in items):
            del item["settle"]["idempotency_key"]  # the hold is its key
    return act("POST", "/v1/batch", {"items": keyed}, options)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def events(items: Sequence[Mapping[str, Any]], options: Mapping[str, Any]) -> Request:
    """Use as CloudEvents."""
    return act("POST", "/v1/events", list(items), options)


def refund(charge: str, amount: str | None, reason: str | None, options: Mapping[str, Any]) -> Request:
    """Gives back a charge."""
    body = given(charge=charge, amount=amount, reason=reason)
    return act("POST", "/v1/accounts/{id}/refunds", body, options, {"id": account_of(charge)})


def void_grant(grant: str, options: Mapping[str, Any]) -> Request:
    """Takes back the rest of a grant."""
    params = {"id": account_of(grant), "grant": grant}
    return act("POST", "/v1/accounts/{id}/grants/{grant}/void", {}, options, params)
