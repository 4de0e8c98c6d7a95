"""A client of Headworks: ask how much a user may consume before doing the work, and settle what was used.

    with Headworks("http://127.0.0.1:8080", api_key) as client:
        with client.hold("acme", "chat", {"output_tokens": 2_000}) as hold:
            hold.settle({"output_tokens": 700})

`Headworks` blocks; `AsyncHeadworks` has the same methods for asyncio. `headworks.schema` has the types of the API.
"""

from __future__ import annotations

from ._flush import Flushed
from ._hold import Hold
from ._version import VERSION as __version__
from .aio import AsyncHeadworks
from .async_hold import AsyncHold
from .client import Headworks
from .decision import Charge, Decision
from .errors import (
    APIError,
    BadRequest,
    Conflict,
    Denied,
    Forbidden,
    HeadworksError,
    Invalid,
    JournalDamaged,
    JournalError,
    JournalFull,
    JournalLocked,
    NotFound,
    ServerError,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
    UnknownLocalHold,
)
from .fallback import Fallback, OpenUpTo
from .journal import Journal

__all__ = [
    "APIError",
    "AsyncHeadworks",
    "AsyncHold",
    "BadRequest",
    "Charge",
    "Conflict",
    "Decision",
    "Denied",
    "Fallback",
    "Flushed",
    "Forbidden",
    "Headworks",
    "HeadworksError",
    "Hold",
    "Invalid",
    "Journal",
    "JournalDamaged",
    "JournalError",
    "JournalFull",
    "JournalLocked",
    "NotFound",
    "OpenUpTo",
    "ServerError",
    "TooManyRequests",
    "Unauthenticated",
    "Unavailable",
    "UnknownLocalHold",
    "__version__",
]
