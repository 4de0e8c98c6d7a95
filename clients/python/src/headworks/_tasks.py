"""What the client for asyncio does beside its calls: tasks that renew holds, that flush the journal, and that end holds whose
caller was cancelled."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from ._effects import Steps
from ._holding import Holding
from ._threads import FLUSH_S, PAUSE_S
from .errors import HeadworksError

T = TypeVar("T")

log = logging.getLogger("headworks")


class Tasks:
    """The tasks of one client."""

    def __init__(self, flush: Callable[[], Awaitable[bool]]) -> None:
        self._flush = flush
        self._wake = asyncio.Event()
        self._flusher: asyncio.Task[None] | None = None
        self._renewing: dict[Holding, asyncio.Task[None]] = {}
        self._ending: set[asyncio.Task[Any]] = set()
        self._closed = False

    def keep_alive(self, run: Callable[[Steps[None]], Awaitable[None]], holding: Holding) -> None:
        """Keeps a hold alive until it ends."""
        if holding.renew_at is not None:
            task = asyncio.create_task(_renewing(run, holding))
            self._renewing[holding] = task
            task.add_done_callback(lambda _: self._renewing.pop(holding, None))

    def let_go(self, holding: Holding) -> None:
        """Keeps a hold alive no longer."""
        if task := self._renewing.pop(holding, None):
            task.cancel()

    def start(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Begins what must be done whoever waits for it: the client closes only after it."""
        task = asyncio.create_task(work)
        self._ending.add(task)
        task.add_done_callback(self._ended)
        return task

    async def to_its_end(self, work: Coroutine[Any, Any, T]) -> T:
        """Does what must be done even if the caller is cancelled meanwhile: it then goes on in the background."""
        return await asyncio.shield(self.start(work))

    def wake(self) -> None:
        """There is something to flush, or somebody to take it."""
        if not self._closed and (self._flusher is None or self._flusher.done()):
            self._flusher = asyncio.create_task(self._flushing())
        self._wake.set()

    async def close(self) -> None:
        """Ends what runs; holds are ended first."""
        self._closed = True
        while self._ending:
            await asyncio.gather(*self._ending, return_exceptions=True)
        tasks = [*self._renewing.values(), *([self._flusher] if self._flusher else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._ending.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.debug("a hold was not ended: %s", error)

    async def _flushing(self) -> None:
        is_empty = False
        while not is_empty:
            with suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._wake.wait(), FLUSH_S)
            self._wake.clear()
            try:
                is_empty = await self._flush()
            except HeadworksError as e:
                log.warning("the journal was not flushed: %s", e)
            if not is_empty:
                await asyncio.sleep(PAUSE_S)


async def _renewing(run: Callable[[Steps[None]], Awaitable[None]], holding: Holding) -> None:
    while (at := holding.renew_at) is not None:
        wait = at - time.monotonic()
        if wait > 0:
            await asyncio.sleep(wait)
        else:
            await run(holding.renew())
