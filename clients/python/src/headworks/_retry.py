"""Whether an attempt is made again, and when. Pure: a table of statuses and headers.

Units: seconds. Source: the headers `retry-after-ms` and `x-should-retry` as the SDKs of OpenAI and Anthropic honour them;
`Retry-After` of RFC 9110; exponential backoff with jitter.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime

from ._effects import NoReply, Reply

WAIT_FIRST = 0.5
WAIT_MAX = 8.0
RETRY_AFTER_MAX = 60.0
PASSING = frozenset({408, 429})
# Problems whose answer says that nothing was done.
NOTHING_DONE = frozenset({"overloaded", "clock_jumped", "request_timeout"})


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """The seconds that an answer asks to wait; `None` if it does not say."""
    for name, scale in (("retry-after-ms", 1000.0), ("retry-after", 1.0)):
        try:
            seconds = float(headers[name]) / scale
        except (KeyError, ValueError):
            continue
        if seconds >= 0:  # neither negative nor not a number
            return seconds
    try:
        date = parsedate_to_datetime(headers.get("retry-after", ""))
    except (TypeError, ValueError):
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=timezone.utc)
    return max(0.0, (date - (now or datetime.now(timezone.utc))).total_seconds())


def backoff(attempt: int) -> float:
    """The wait after an attempt, from 0, when the server names none: up to a quarter less, so that callers spread."""
    return float(min(WAIT_MAX, WAIT_FIRST * 2**attempt)) * (1 - 0.25 * random.random())


def wait_before_next(outcome: Reply | NoReply, attempt: int, repeatable: bool, code: str) -> float | None:
    """The seconds until the next attempt; `None` if there is none to make.

    A call that is not repeatable is sent again only where the last attempt is known to have done nothing.
    """
    if isinstance(outcome, NoReply):
        return backoff(attempt) if repeatable or not outcome.sent else None
    asked = retry_after(outcome.headers)
    if not is_passing(outcome) or (asked is not None and asked > RETRY_AFTER_MAX):
        return None
    if not repeatable and outcome.status != 429 and code not in NOTHING_DONE:
        return None
    return backoff(attempt) if asked is None else asked


def is_passing(reply: Reply) -> bool:
    """Whether the same request may get another answer."""
    said = reply.headers.get("x-should-retry", "").lower()
    if reply.status < 400 or said == "false":
        return False
    return said == "true" or reply.status in PASSING or reply.status >= 500
