"""What the blocking client does beside its calls: one thread that renews holds, one that flushes the journal.

Both are daemons that start when there is something to do: a process that ends does not wait for them, and loses nothing by it.
"""

from __future__ import annotations

import heapq
import logging
import threading
import time
from collections.abc import Callable
from itertools import count

from ._holding import Holding
from .errors import HeadworksError

RENEWALS_MAX = 8
FLUSH_S = 5.0
PAUSE_S = 1.0  # between flushes that leave something, however often they are asked for

log = logging.getLogger("headworks")


class Renewals:
    """Renews holds when they are due, several at once if the server is slow."""

    def __init__(self, renew: Callable[[Holding], None]) -> None:
        self._renew = renew
        self._due: list[tuple[float, int, Holding]] = []
        self._order = count()
        self._changed = threading.Condition()
        self._places = threading.Semaphore(RENEWALS_MAX)
        self._thread: threading.Thread | None = None
        self._closed = False

    def add(self, holding: Holding) -> None:
        """Keeps a hold alive until it ends."""
        at = holding.renew_at
        if at is None:
            return
        with self._changed:
            heapq.heappush(self._due, (at, next(self._order), holding))
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="headworks-renewals", daemon=True)
                self._thread.start()
            self._changed.notify()

    def close(self) -> None:
        """Renews nothing any more."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def _run(self) -> None:
        while (holding := self._wait()) is not None:
            self._places.acquire()
            threading.Thread(target=self._once, args=(holding,), name="headworks-renewal", daemon=True).start()

    def _wait(self) -> Holding | None:
        with self._changed:
            while not self._closed:
                wait = self._due[0][0] - time.monotonic() if self._due else None
                if wait is not None and wait <= 0:
                    return heapq.heappop(self._due)[2]
                self._changed.wait(wait)
        return None

    def _once(self, holding: Holding) -> None:
        try:
            at = holding.renew_at
            if at is not None and at <= time.monotonic():
                self._renew(holding)
            self.add(holding)
        finally:
            self._places.release()


class Flusher:
    """Flushes the journal when the server answers again, and every few seconds until it is empty."""

    def __init__(self, flush: Callable[[], bool]) -> None:
        self._flush = flush
        self._wake, self._stop = threading.Event(), threading.Event()
        self._start = threading.Lock()
        self._thread: threading.Thread | None = None

    def wake(self) -> None:
        """There is something to flush, or somebody to take it."""
        with self._start:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="headworks-flush", daemon=True)
                self._thread.start()
        self._wake.set()

    def close(self) -> None:
        """Flushes nothing any more; waits for a flush that runs."""
        self._stop.set()
        self._wake.set()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def _run(self) -> None:
        is_empty = True
        while True:
            self._wake.wait(None if is_empty else FLUSH_S)
            self._wake.clear()
            if self._stop.is_set():
                return
            try:
                is_empty = self._flush()
            except HeadworksError as e:
                is_empty = False
                log.warning("the journal was not flushed: %s", e)
            if not is_empty and self._stop.wait(PAUSE_S):
                return
