"""What a call does besides computing: send, wait, write to a file.

Calls are generators that yield these and are sent what came of them. Each client runs them in its own way, blocking or not, so
that what a call means is written once.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Send:
    """One attempt of a request. What came of it: a `Reply` or a `NoReply`."""

    method: str
    path: str
    query: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    content: bytes | None = None
    timeout: float | None = None


@dataclass(frozen=True)
class Reply:
    """An answer."""

    status: int
    headers: dict[str, str]
    content: bytes


@dataclass(frozen=True)
class NoReply:
    """No answer, and whether the request may have reached the server."""

    error: Exception
    sent: bool


@dataclass(frozen=True)
class Sleep:
    """A wait."""

    seconds: float


@dataclass(frozen=True)
class Disk:
    """Work that may wait for a disk. What came of it: what it returns."""

    work: Callable[[], Any]


Effect: TypeAlias = Send | Sleep | Disk
Steps: TypeAlias = Generator[Effect, Any, T]
