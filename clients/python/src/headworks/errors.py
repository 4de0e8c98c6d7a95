"""What can go wrong. Every error of this package is a `HeadworksError`.

A denial is an answer, not an error: `authorize`, `check` and `extend` return it. Only `hold`, whose block cannot be skipped
otherwise, raises it as `Denied`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .decision import Decision

PROBLEM = "urn:headworks:problem:"


class HeadworksError(Exception):
    """Any error of this package."""


class APIError(HeadworksError):
    """The server refused the call. Its subclasses are kinds of statuses; `code` is the exact kind."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        problem: Mapping[str, Any] | None = None,
        retry_after: float | None = None,
        request_id: str | None = None,
        decision_id: str | None = None,
    ) -> None:
        super().__init__(f"{status} {code}: {detail}")
        self.status = status
        """The HTTP status."""
        self.code = code
        """The kind of problem, such as `unknown_account`."""
        self.detail = detail
        """What is wrong, where, and what to do."""
        self.problem = dict(problem or {})
        """The whole problem document (RFC 9457), if the answer was one."""
        self.retry_after = retry_after
        """The seconds after which the server wants to be asked again."""
        self.request_id = request_id
        """The id that a proxy gave the request, if any."""
        self.decision_id = decision_id
        """The decision that refused, if any."""


class BadRequest(APIError):
    """400, 405, 413: the request is not one that the server takes."""


class Unauthenticated(APIError):
    """401: the API key is missing, wrong, expired or revoked."""


class Forbidden(APIError):
    """403: the API key may not do this."""


class NotFound(APIError):
    """404: there is no such thing, or the API key does not reach it."""


class Conflict(APIError):
    """409: the present state does not allow it, such as a hold that has ended."""


class Invalid(APIError):
    """422: the request's content is wrong, or its idempotency key belongs to another request."""


class TooManyRequests(APIError):
    """429: the API key or the network has sent too much. Limits of accounts are denials, not errors."""


class ServerError(APIError):
    """5xx or 408: the server could not answer. It reaches callers as the `cause` of `Unavailable`."""


class Unavailable(HeadworksError):
    """No answer came: the server was not reached, did not answer in time, or answered 408 or 5xx on every attempt."""

    def __init__(self, what: str, cause: Exception | None, *, may_have_happened: bool) -> None:
        super().__init__(what)
        self.cause = cause
        """The last attempt's failure: a `ServerError`, or an error of the connection."""
        self.may_have_happened = may_have_happened
        """Whether the server may have done it all the same. Send it again with the same idempotency key to find out."""

    @property
    def status(self) -> int | None:
        """The HTTP status of the last attempt, if it had one."""
        return self.cause.status if isinstance(self.cause, APIError) else None

    @property
    def code(self) -> str | None:
        """The kind of problem of the last attempt, if it had one."""
        return self.cause.code if isinstance(self.cause, APIError) else None

    @property
    def detail(self) -> str:
        """What failed last."""
        return self.cause.detail if isinstance(self.cause, APIError) else str(self.cause or self)

    @property
    def retry_after(self) -> float | None:
        """The seconds after which the server wants to be asked again."""
        return self.cause.retry_after if isinstance(self.cause, APIError) else None


class Denied(HeadworksError):
    """A hold was not opened: the decision says why, and what would let it through."""

    def __init__(self, decision: Decision) -> None:
        wall = f" at {decision.wall}" if decision.wall else ""
        super().__init__(f"{decision.outcome}: {decision.reason}{wall}")
        self.decision = decision


class JournalError(HeadworksError):
    """The journal cannot be used."""


class JournalLocked(JournalError):
    """Another process writes this journal: give each process a path of its own."""


class JournalFull(JournalError):
    """The journal has no room for more use: it is bounded."""


class JournalDamaged(JournalError):
    """A line of the journal cannot be read."""


class UnknownLocalHold(HeadworksError):
    """There is no such local hold: it has ended, or it expired and another took its room in the journal."""


STATUSES: dict[int, type[APIError]] = {
    400: BadRequest,
    401: Unauthenticated,
    403: Forbidden,
    404: NotFound,
    405: BadRequest,
    408: ServerError,
    409: Conflict,
    413: BadRequest,
    422: Invalid,
    429: TooManyRequests,
}


def kind_of(status: int) -> type[APIError]:
    """The class of an error by its status."""
    return STATUSES.get(status, ServerError if status >= 500 else APIError)


def problem_code(problem: Mapping[str, Any]) -> str:
    """The word that names a problem."""
    return str(problem.get("type", "")).removeprefix(PROBLEM) or "unknown_problem"


def from_problem(problem: Mapping[str, Any]) -> APIError:
    """The error of an item of a batch."""
    status = int(problem.get("status", 500))
    return kind_of(status)(status, problem_code(problem), str(problem.get("detail", "")), problem=problem)
