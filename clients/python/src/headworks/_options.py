"""What calls take by name, and how it becomes a request."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from ._ask import Ask, Path, Quantities, given, use
from ._calls import How
from ._spans import Instant, Span, instant, span
from .fallback import Fallback

if TYPE_CHECKING:
    from . import schema

if sys.version_info >= (3, 11):
    from typing import Unpack
else:
    from typing_extensions import Unpack

__all__ = ["Unpack"]


class SendOptions(TypedDict, total=False):
    """How a call is made."""

    idempotency_key: str | None
    """The key of this call. Default: a new one. All attempts have the same."""
    timeout: float | None
    """Seconds for each attempt. Default: the client's."""
    max_retries: int | None
    """Attempts after the first. Default: the client's."""


class CallOptions(SendOptions, total=False):
    """How a call with a failure mode is made."""

    fallback: Fallback | None
    """The failure mode. Default: the client's."""


class UseOptions(CallOptions, total=False):
    """What a use is, besides account, feature and quantities."""

    path: Path | None
    """The place within the account: `team:research/user:alice`, or a list of its segments."""
    dimensions: Mapping[str, str] | None
    """What prices depend on, such as the model."""
    parts: Sequence[schema.PartRequest] | None
    """Instead of quantities and dimensions: the parts of the use."""
    consent: bool | None
    """The user agrees to paid sources."""


class CheckOptions(UseOptions, total=False):
    """On which terms a use is decided."""

    min: Quantities | None
    """Accept less: the smallest quantity of one meter that is still useful."""
    max_wait: Span | None
    """How long to wait for capacity."""
    source: str | None
    """The user's address, for the rule against shared keys."""


class HoldOptions(CheckOptions, total=False):
    """On which terms a hold is opened."""

    life: Span | None
    """The life of the hold. Default: as the feature says, 60 s."""


class AuthorizeOptions(HoldOptions, total=False):
    """On which terms a use is authorized."""

    settle: Literal["later", "now"]
    """`now` charges at once, without a hold."""


class RecordOptions(UseOptions, total=False):
    """When past use happened."""

    effective_at: Instant | None
    """When it happened. Default: now."""


class TurnedOutOptions(TypedDict, total=False):
    """How a use turned out, besides its quantities."""

    dimensions: Mapping[str, str] | None
    """All dimensions as they turned out. Default: those of the hold."""
    parts: Sequence[schema.PartRequest] | None
    """Instead: all parts as they turned out."""


class SettleOptions(TurnedOutOptions, CallOptions, total=False):
    """How a use turned out, and how the call is made."""


class MoreOptions(TypedDict, total=False):
    """What a hold grows by, besides quantities."""

    life: Span | None
    """Its new life, from now."""
    parts: Sequence[schema.PartRequest] | None
    """Instead of quantities: how much more of each part."""
    min: Quantities | None
    """Accept less: the smallest quantity of one meter that is still useful."""
    consent: bool | None
    """The user agrees to paid sources."""


class ExtendOptions(MoreOptions, CallOptions, total=False):
    """What a hold grows by, and how the call is made."""

    progress: Quantities | None
    """Use so far; charged if the hold expires and its feature says so."""


def how(options: Mapping[str, Any]) -> How:
    """How a call is made."""
    return How(
        options.get("idempotency_key"),
        options.get("fallback"),
        options.get("timeout"),
        options.get("max_retries"),
    )


def ask(account: str, feature: str, quantities: Quantities | None, options: Mapping[str, Any]) -> Ask:
    """A request for a decision."""
    wait, least, settle = options.get("max_wait"), options.get("min"), options.get("settle")
    terms = given(
        min=dict(least) if least is not None else None,
        max_wait=span(wait) if wait is not None else None,
        source=options.get("source"),
        settle=settle if settle != "later" else None,
    )
    return Ask(used(account, feature, quantities, options), terms, options.get("life"))


def used(account: str, feature: str, quantities: Quantities | None, options: Mapping[str, Any]) -> dict[str, Any]:
    """A use."""
    named = (options.get(name) for name in ("path", "dimensions", "parts", "consent"))
    return use(account, feature, quantities, *named)


def happened(account: str, feature: str, quantities: Quantities | None, options: Mapping[str, Any]) -> dict[str, Any]:
    """The body of `record`."""
    at = options.get("effective_at")
    body = used(account, feature, quantities, options)
    return {**body, **given(effective_at=instant(at) if at is not None else None)}


def more(quantities: Quantities | None, options: Mapping[str, Any]) -> dict[str, Any]:
    """What a hold grows by."""
    parts, least, progress = options.get("parts"), options.get("min"), options.get("progress")
    return given(
        quantities=dict(quantities) if quantities is not None else None,
        parts=list(parts) if parts is not None else None,
        min=dict(least) if least is not None else None,
        progress=dict(progress) if progress is not None else None,
        consent=options.get("consent"),
    )
