"""A hold in an `async with` block."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any

from ._ask import Quantities, turned_out
from ._effects import Steps
from ._holding import Holding
from ._options import MoreOptions, TurnedOutOptions, Unpack, more
from ._tasks import Tasks
from .decision import Charge, Decision


class AsyncHold:
    """Entering opens it. Leaving settles what was reported as used, or releases it if nothing was, also when the task is cancelled."""

    def __init__(self, run: Callable[[Steps[Any]], Coroutine[Any, Any, Any]], tasks: Tasks, holding: Holding) -> None:
        self._run, self._tasks, self._holding = run, tasks, holding

    @property
    def id(self) -> str:
        """Its name, as the API has it."""
        return self._holding.name

    @property
    def decision(self) -> Decision:
        """The decision that opened it."""
        assert self._holding.decision is not None, "the hold is not open yet: use it in an `async with` block"
        return self._holding.decision

    @property
    def used(self) -> Quantities | None:
        """What was used so far: leaving settles it. Set it as often as you like; nothing is sent."""
        return self._holding.used

    @used.setter
    def used(self, quantities: Quantities) -> None:
        self._holding.used = dict(quantities)

    async def settle(self, quantities: Quantities | None = None, **options: Unpack[TurnedOutOptions]) -> Charge:
        """Ends it at the actual use."""
        used = turned_out(quantities, options.get("dimensions"), options.get("parts"))
        charge: Charge = await self._tasks.to_its_end(self._run(self._holding.settle(used)))
        return charge

    async def release(self) -> None:
        """Ends it at zero."""
        await self._tasks.to_its_end(self._run(self._holding.release()))

    async def extend(self, quantities: Quantities | None = None, **options: Unpack[MoreOptions]) -> Decision:
        """Grows it. A denial is an answer: the hold stays as it was."""
        decision: Decision = await self._run(self._holding.extend(more(quantities, options), options.get("life")))
        return decision

    async def report(self, quantities: Quantities) -> None:
        """Says what was used so far, also to the server, which charges it if this process dies and the feature says so."""
        await self._run(self._holding.report(dict(quantities)))

    async def __aenter__(self) -> AsyncHold:
        opening = self._tasks.start(self._run(self._holding.open()))
        try:
            await asyncio.shield(opening)
        except asyncio.CancelledError:
            self._tasks.start(self._abandon(opening))
            raise
        self._tasks.keep_alive(self._run, self._holding)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._tasks.let_go(self._holding)
        await self._tasks.to_its_end(self._run(self._holding.leave(raised)))

    async def _abandon(self, opening: asyncio.Task[Decision]) -> None:
        """Ends a hold whose caller was cancelled before it heard that it was open."""
        await opening
        await self._run(self._holding.leave(None))
