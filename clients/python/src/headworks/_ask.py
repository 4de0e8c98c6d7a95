"""The bodies of requests, from what callers pass."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from ._spans import Span, span

if TYPE_CHECKING:
    from . import schema

Quantities: TypeAlias = Mapping[str, int]
Path: TypeAlias = str | Sequence[str]

LIFE_S = 60.0
LOCAL = "local:"


def new_key() -> str:
    """A key that no other call has."""
    return str(uuid.uuid4())


def given(**fields: Any) -> dict[str, Any]:
    """The fields that are given."""
    return {name: value for name, value in fields.items() if value is not None}


def use(
    account: str,
    feature: str,
    quantities: Quantities | None,
    path: Path | None,
    dimensions: Mapping[str, str] | None,
    parts: Sequence[schema.PartRequest] | None,
    consent: bool | None,
) -> dict[str, Any]:
    """What `authorize`, `check` and `record` have in common."""
    return given(
        account=account,
        feature=feature,
        quantities=dict(quantities) if quantities is not None else None,
        path=path if path is None or isinstance(path, str) else list(path),
        dimensions=dict(dimensions) if dimensions is not None else None,
        parts=list(parts) if parts is not None else None,
        consent=consent,
    )


@dataclass(frozen=True)
class Ask:
    """A request for a decision: what is used, and on which terms."""

    use: dict[str, Any]
    terms: dict[str, Any]
    life: Span | None

    @property
    def body(self) -> dict[str, Any]:
        """The body of `authorize` or `check`."""
        return {**self.use, **self.terms, **given(life=span(self.life) if self.life is not None else None)}


def turned_out(
    quantities: Quantities | None,
    dimensions: Mapping[str, str] | None,
    parts: Sequence[schema.PartRequest] | None,
) -> dict[str, Any]:
    """The use as it turned out, in a settlement."""
    return given(
        quantities=dict(quantities) if quantities is not None else None,
        dimensions=dict(dimensions) if dimensions is not None else None,
        parts=list(parts) if parts is not None else None,
    )
