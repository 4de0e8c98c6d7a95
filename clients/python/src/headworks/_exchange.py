"""A request and its attempts, until there is an answer or an error.

X1 one idempotency key for all attempts (`test_a_dropped_answer_is_counted_once`). X2 a call that has no key and must not happen twice is
not sent again once it may have happened (`test_what_has_no_key_is_not_repeated`). Units: seconds.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from itertools import count
from typing import Any
from urllib.parse import quote

from ._effects import NoReply, Reply, Send, Sleep, Steps
from ._retry import NOTHING_DONE, retry_after, wait_before_next
from ._spans import parsed
from .errors import APIError, ServerError, Unavailable, kind_of, problem_code

# Calls without an idempotency key, whose repetition would have another effect.
NOT_REPEATABLE = frozenset(
    {"/v1/catalog/corrections", "/v1/incidents", "/v1/supplies/{name}/feedback", "/v1/test-clock/advance"}
)
DETAIL_MAX = 500
SKEW_MIN_S = 60.0


@dataclass(frozen=True)
class Request:
    """A call, before it is sent."""

    method: str
    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str | int | bool] | None = None
    body: Mapping[str, Any] | Sequence[Any] | str | None = None
    key: str | None = None
    timeout: float | None = None
    max_retries: int | None = None

    def send(self, timeout: float) -> Send:
        """One attempt of it."""
        headers = {"idempotency-key": self.key} if self.key else {}
        content = None
        if isinstance(self.body, str):
            content, headers["content-type"] = self.body.encode(), "text/plain"
        elif self.body is not None:
            content = json.dumps(self.body, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
            events = isinstance(self.body, Sequence)
            headers["content-type"] = "application/cloudevents-batch+json" if events else "application/json"
        query = {k: str(v).lower() if isinstance(v, bool) else str(v) for k, v in (self.query or {}).items()}
        path = self.path
        for name, value in self.params.items():
            path = path.replace("{" + name + "}", quote(value, safe=""))
        return Send(self.method, path, query, headers, content, self.timeout or timeout)


class Exchange:
    """Sends requests, and follows the server's clock."""

    def __init__(self, timeout: float, max_retries: int, answered: Callable[[], None]) -> None:
        if timeout <= 0 or max_retries < 0:
            raise ValueError(f"timeout is above 0 s and max_retries at least 0, not {timeout} and {max_retries}")
        self.timeout = timeout
        self._max_retries = max_retries
        self._answered = answered
        self._ahead = 0.0  # the server's clock less our own

    def now(self) -> float:
        """The server's time, in seconds since 1970."""
        return time.time() + self._ahead

    def local_time(self) -> float:
        """Our own time, in seconds since 1970."""
        return time.time()

    def run(self, request: Request) -> Steps[Any]:
        """The answer to a request, after as many attempts as it takes."""
        send = request.send(self.timeout)
        repeatable = request.path not in NOT_REPEATABLE
        retries = self._max_retries if request.max_retries is None else request.max_retries
        may_have_happened = False
        for attempt in count():
            outcome: Reply | NoReply = yield send
            value, error = self._read(outcome)
            if error is None:
                return value
            code = error.code if isinstance(error, APIError) else ""
            may_have_happened |= isinstance(outcome, NoReply) and outcome.sent
            may_have_happened |= isinstance(error, ServerError) and code not in NOTHING_DONE
            if isinstance(outcome, Reply) and outcome.status < 400:  # an answer that broke off
                outcome = NoReply(error, sent=True)
            wait = wait_before_next(outcome, attempt, repeatable, code) if attempt < retries else None
            if wait is None:
                raise _failure(error, request, attempt + 1, may_have_happened)
            yield Sleep(wait)
        raise AssertionError("unreachable")

    def _read(self, outcome: Reply | NoReply) -> tuple[Any, Exception | None]:
        if isinstance(outcome, NoReply):
            return None, outcome.error
        self._follow_clock(outcome.headers)
        is_json = "json" in outcome.headers.get("content-type", "")
        try:
            value = json.loads(outcome.content) if is_json and outcome.content else outcome.content.decode() or None
        except ValueError as e:
            value, broken = (
                None,
                ServerError(outcome.status, "broken_answer", f"the answer cannot be read: {e}"),
            )
            if outcome.status < 400:
                return None, broken
        if outcome.status < 400:
            if outcome.status < 300:
                self._answered()
                return value, None
            return None, APIError(outcome.status, "redirect", "base_url names a server that answers from elsewhere")
        return None, _error(outcome, value)

    def _follow_clock(self, headers: Mapping[str, str]) -> None:
        """Learns how far the server's clock is ahead, if by more than the header `date` and the way blur."""
        try:
            if "headworks-test-clock" in headers:
                there = parsed(headers["headworks-test-clock"])
            else:
                there = parsedate_to_datetime(headers.get("date", ""))
        except (TypeError, ValueError):
            return
        ahead = there.timestamp() - time.time()
        self._ahead = ahead if abs(ahead) > SKEW_MIN_S else 0.0


def _error(reply: Reply, value: Any) -> APIError:
    problem = value if isinstance(value, dict) else {}
    text = value if isinstance(value, str) else ""
    return kind_of(reply.status)(
        reply.status,
        problem_code(problem) if problem else "unknown_problem",
        str(problem.get("detail", text[:DETAIL_MAX] or "the answer has no text")),
        problem=problem,
        retry_after=retry_after(reply.headers),
        request_id=reply.headers.get("x-request-id"),
        decision_id=reply.headers.get("x-headworks-decision"),
    )


def _failure(error: Exception, request: Request, attempts: int, may_have_happened: bool) -> Exception:
    if isinstance(error, APIError) and not isinstance(error, ServerError):
        return error
    tries = "1 attempt" if attempts == 1 else f"{attempts} attempts"
    what = f"{request.method} {request.path}: no answer after {tries}: {str(error) or type(error).__name__}"
    failure = Unavailable(what, error, may_have_happened=may_have_happened)
    failure.__cause__ = error
    return failure
