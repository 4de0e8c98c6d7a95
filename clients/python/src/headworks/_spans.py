"""Durations and instants as the API writes them."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import TypeAlias

Span: TypeAlias = timedelta | float | str
"""A duration: a `timedelta`, seconds, or the API's own text such as `90s` or `PT1H`."""

Instant: TypeAlias = datetime | str
"""An instant: a `datetime` with a zone, or RFC 3339."""


def span(value: Span) -> str:
    """A duration as the API reads it."""
    if isinstance(value, str):
        return value
    seconds = value.total_seconds() if isinstance(value, timedelta) else float(value)
    return f"{round(seconds * 1000)}ms"


def instant(value: Instant) -> str:
    """An instant as the API reads it."""
    if isinstance(value, str):
        return value
    if value.tzinfo is None:
        raise ValueError(f"{value!r} has no zone: say which instant it is, for example with tzinfo=timezone.utc")
    return value.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")


def at_unix(seconds: float) -> str:
    """An instant from seconds since 1970."""
    return instant(datetime.fromtimestamp(seconds, timezone.utc))


def parsed(text: str) -> datetime:
    """An instant that the API wrote."""
    text = text.replace("Z", "+00:00")
    if "." in text:  # before Python 3.11, fractions have three or six digits
        head, tail = text.split(".", 1)
        digits, zone = tail[: len(tail) - 6], tail[-6:]
        text = f"{head}.{digits[:6]:0<6}{zone}"
    return datetime.fromisoformat(text)


_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_TEXT = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)", re.IGNORECASE)


def seconds(value: Span, otherwise: float) -> float:
    """A duration in seconds; `otherwise` for a text that only the server reads."""
    if isinstance(value, timedelta):
        return value.total_seconds()
    if not isinstance(value, str):
        return float(value)
    text = value.strip().upper().removeprefix("P").replace("T", "")
    found = _TEXT.findall(text)
    if not found or _TEXT.sub("", text).strip():
        return otherwise
    return sum(float(number) * _UNITS[unit.lower()] for number, unit in found)
