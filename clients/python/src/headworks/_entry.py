"""What the journal keeps of one use, as a line of JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, TypeAlias

State: TypeAlias = Literal["use", "hold", "grown", "settle"]
"""`use`: to be recorded. `hold`: let in, not yet ended. `grown`: let in as growth of a hold that the server has. `settle`: an
end of a hold that the server has, to be sent."""

SPARE = 256
"""Bytes kept for what a line may grow by."""


@dataclass(frozen=True)
class Entry:
    """One use that the server has not recorded."""

    id: str
    """Its name: the operation, the account and the key. The same call again is the same entry."""
    state: State
    account: str
    feature: str
    key: str = ""
    """Its idempotency key: the same on every attempt."""
    meters: dict[str, int] = field(default_factory=dict)
    """What counts against an amount."""
    record: dict[str, Any] = field(default_factory=dict)
    """The body of `record`, or of `settle`."""
    authorize: dict[str, Any] | None = None
    """The request that the server may have answered, unheard: sent again with its key before anything is recorded."""
    hold: str | None = None
    """The server's hold, for `grown` and `settle`."""
    expires: float | None = None
    """When a `hold` or `grown` counts no longer, in seconds since 1970."""

    @property
    def is_ready(self) -> bool:
        """Whether it can be sent."""
        return self.state in ("use", "settle")

    @property
    def line(self) -> bytes:
        """Its line in the file."""
        shown = {k: v for k, v in asdict(self).items() if v not in (None, {})}
        return json.dumps(shown, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"

    @property
    def weight(self) -> int:
        """The bytes that are kept for it: its line, and where it has another state to come the line of that."""
        size = len(self.line)
        return 2 * size + SPARE if self.state == "hold" or self.authorize is not None else size

    @classmethod
    def read(cls, line: Mapping[str, Any]) -> Entry:
        """The entry of a line."""
        return cls(**line)


def counted(quantities: Mapping[str, int] | None, parts: Iterable[Mapping[str, Any]] | None) -> dict[str, int]:
    """What a request counts by meter: all parts together; one of `requests` if it names nothing."""
    total: dict[str, int] = {}
    for part in [*(parts or []), {"quantities": quantities or {}}]:
        for meter, quantity in (part.get("quantities") or {}).items():
            total[meter] = total.get(meter, 0) + quantity
    return total or {"requests": 1}
