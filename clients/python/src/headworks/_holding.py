"""A hold while its block runs: what was reported as used, its deadline, and how it ends.

H1 leaving without a settlement settles what was reported, else releases (`test_leaving_releases`,
`test_an_exception_settles_what_was_reported`). H2 a hold that was asked to settle is never released
(`test_a_failed_settlement_is_not_released`). H3 a hold outlives its life while its block runs
(`test_a_long_hold_stays_alive`). Units: seconds of the monotonic clock.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Any

from ._ask import LIFE_S, LOCAL, Ask, Quantities
from ._calls import Calls, How
from ._effects import Disk, Steps
from ._spans import Span, parsed, seconds
from .decision import Charge, Decision
from .errors import Conflict, Denied, HeadworksError, Invalid, Unavailable

LIFE_MAX_S = 24 * 3600.0
GROWTH = 2  # ten extensions of 60 s would end after ten minutes; doubled, they last for half a day
RENEW_AT = 0.5  # of its life
RETRY_S = 1.0

log = logging.getLogger("headworks")


class Holding:
    """The state of one hold, and its steps. Clients run them."""

    def __init__(self, calls: Calls, ask: Ask | None, how: How, decision: Decision | None, keep_alive: bool) -> None:
        self._calls, self._ask, self._how = calls, ask, how
        self._keep_alive = keep_alive
        self.decision = decision
        self.used: Quantities | None = None
        self.ended = False
        self._is_entered = False
        self._interrupted: Mapping[str, Any] | None = None
        self._life = LIFE_S
        self._deadline = 0.0
        self._next = 0.0

    @property
    def name(self) -> str:
        """The hold's name."""
        if self.decision is None or self.decision.hold is None:
            raise HeadworksError("the hold is not open: use it in a `with` block, and with a decision that allowed it")
        return self.decision.hold

    @property
    def feature(self) -> str:
        """What is used."""
        answer = self.decision.answer if self.decision else None
        return answer["usage"]["feature"] if answer else str(self._ask.use["feature"]) if self._ask else ""

    @property
    def how(self) -> How:
        """How the calls after the first are made: like it, each with a key of its own."""
        return How(None, self._how.fallback, self._how.timeout, self._how.max_retries)

    def open(self) -> Steps[Decision]:
        """Opens the hold, or takes over that of a decision."""
        if self._is_entered:
            raise HeadworksError("a hold is for one block: make another with `hold` or `manage`")
        self._is_entered = True
        if self.decision is not None and not self.decision.allowed:
            raise Denied(self.decision)
        if self.decision is None:
            assert self._ask is not None, "a hold is made of a request or of a decision"
            self.decision = yield from self._calls.hold(self._ask, self._how)
        name, asked = self.name, self._ask.life if self._ask else None
        answer = self.decision.answer
        life = seconds(asked, LIFE_S) if asked is not None else LIFE_S
        if answer is not None and (held := answer.get("hold")):
            life = (parsed(held["expires_at"]) - parsed(answer["at"])).total_seconds()
        if not name.startswith(LOCAL) or self._calls.journal is not None:
            self._lives(life)
        return self.decision

    def settle(self, used: Mapping[str, Any]) -> Steps[Charge]:
        """Ends it at the actual use."""
        had_ended, self.ended = self.ended, True  # also if no answer comes: use that happened is not released
        try:
            return (yield from self._calls.settle(self.name, used, self.how))
        except Unavailable:
            raise
        except BaseException as e:
            self.ended = had_ended
            if not isinstance(e, HeadworksError):  # interrupted: leaving the block sends it again
                self._interrupted = used
            raise

    def release(self) -> Steps[None]:
        """Ends it at zero."""
        yield from self._calls.release(self.name, self.how)
        self.ended = True

    def extend(self, more: Mapping[str, Any], life: Span | None) -> Steps[Decision]:
        """Grows it."""
        decision = yield from self._calls.extend(self.name, more, life, self.how, self.feature)
        if life is not None:
            self._lives(seconds(life, self._life))
        return decision

    def report(self, used: Quantities) -> Steps[None]:
        """Tells the server what was used so far. Without an answer it stays with the client."""
        self.used = used
        if self.name.startswith(LOCAL):
            return
        try:
            yield from self._calls.extend(self.name, {"progress": dict(used)}, None, self.how)
        except Unavailable as e:
            log.info("progress of %s was not reported: %s", self.name, e)

    def leave(self, raised: BaseException | None) -> Steps[None]:
        """Ends it when its block ends. What the block raised goes first."""
        if self.ended or self.decision is None or self.decision.hold is None:
            return
        try:
            if self._interrupted is not None:
                yield from self.settle(self._interrupted)
            elif self.used is not None:
                yield from self.settle({"quantities": dict(self.used)})
            else:
                yield from self.release()
        except Conflict as e:
            if self.used is not None or e.code != "hold_ended":
                raise
        except HeadworksError as e:
            if raised is None:
                raise
            log.warning("%s was not ended after an exception in its block: %s", self.name, e)

    @property
    def renew_at(self) -> float | None:
        """When its deadline is to be moved, by the monotonic clock; `None` when no more."""
        return self._next if self._keep_alive and not self.ended and self._next else None

    def renew(self) -> Steps[None]:
        """Moves its deadline, each time by twice as much."""
        name, life = self.name, min(self._life * GROWTH, LIFE_MAX_S)
        if name.startswith(LOCAL):
            journal, until = self._calls.journal, self._calls.exchange.local_time() + self._life
            if journal is not None:
                yield Disk(lambda: journal.prolong(name, until))
            self._lives(self._life)
            return
        try:
            yield from self._calls.extend(name, {}, life, How(fallback="closed", max_retries=0))
        except Invalid:
            yield from self._renew_as_before(name)
        except HeadworksError as e:
            self._not_renewed(e)
        else:
            self._lives(life)

    def _renew_as_before(self, name: str) -> Steps[None]:
        """The feature allows no longer life."""
        try:
            yield from self._calls.extend(name, {}, self._life, How(fallback="closed", max_retries=0))
        except HeadworksError as e:
            self._not_renewed(e)
        else:
            self._lives(self._life)

    def _not_renewed(self, error: HeadworksError) -> None:
        now = time.monotonic()
        if isinstance(error, Unavailable) and now < self._deadline:
            self._next = now + min(RETRY_S, self._life / 10)
            return
        self._next = 0.0
        if not self.ended:
            log.warning("%s is not kept alive any longer: %s", self.name, error)

    def _lives(self, life: float) -> None:
        now = time.monotonic()
        self._life, self._deadline = life, now + life
        self._next = now + life * RENEW_AT
