"""Records what the journal keeps, oldest first, each under its key: in whatever order things fail, each is counted once.

U1 an entry goes only after the server has answered for it (`test_a_crash_between_send_and_delete_counts_once`). U2 an entry that the
server refuses for good does not hold up the others (`test_what_is_refused_for_good_is_set_aside`).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from ._effects import Disk, Sleep, Steps
from ._entry import Entry
from ._exchange import Exchange, Request
from .decision import ALLOWED
from .errors import APIError, HeadworksError, from_problem, problem_code
from .journal import Journal

BATCH_ITEMS = 100
BATCH_BYTES = 512 << 10
CLAIM_S = 0.02
# Problems of one account that pass.
PASSING_CODES = frozenset({"account_full", "account_paused", "account_frozen"})

log = logging.getLogger("headworks")


@dataclass
class Flushed:
    """What a flush did."""

    recorded: int = 0
    """Uses that the server has recorded."""
    rejected: int = 0
    """Uses that it refused for good: they are in `PATH.rejected`, each with the problem."""
    left: int = 0
    """Uses that wait for another flush."""
    error: HeadworksError | None = None
    """Why some are left, if the last call failed."""


def flush(journal: Journal, exchange: Exchange, max_retries: int | None) -> Steps[Flushed]:
    """Sends everything that can be sent."""
    while not journal.flushing.acquire(blocking=False):
        yield Sleep(CLAIM_S)
    try:
        return (yield from _Flush(journal, exchange, max_retries).run())
    finally:
        journal.flushing.release()


class _Flush:
    def __init__(self, journal: Journal, exchange: Exchange, max_retries: int | None) -> None:
        self._journal, self._exchange, self._max_retries = journal, exchange, max_retries
        self._stuck: set[str] = set()
        self._report = Flushed()

    def run(self) -> Steps[Flushed]:
        journal, report = self._journal, self._report
        while entries := self._next():
            try:
                items = [_item(entry) for entry in entries]
                request = Request("POST", "/v1/batch", body={"items": items}, max_retries=self._max_retries)
                answer = yield from self._exchange.run(request)
            except HeadworksError as e:
                report.error = e
                break
            yield Disk(partial(self._take, list(zip(entries, answer["items"], strict=True))))
        report.left = len(journal)
        if report.left and isinstance(report.error, APIError):
            log.warning("%d uses of %s are not recorded: %s", report.left, journal.path, report.error)
        return report

    def _next(self) -> list[Entry]:
        ready = self._journal.ready(BATCH_ITEMS + len(self._stuck))
        batch: list[Entry] = []
        size = 0
        for entry in ready:
            size += len(entry.line)
            if entry.id in self._stuck or len(batch) == BATCH_ITEMS or (batch and size > BATCH_BYTES):
                continue
            batch.append(entry)
        return batch

    def _take(self, pairs: list[tuple[Entry, Mapping[str, Any]]]) -> None:
        done = []
        for entry, answer in pairs:
            if "problem" in answer:
                self._refused(entry, answer["problem"])
            elif later := _later(entry, answer.get("decision")):
                self._journal.put(later)
            else:
                done.append(entry.id)
        self._journal.delete(done)
        self._report.recorded += len(done)

    def _refused(self, entry: Entry, problem: Mapping[str, Any]) -> None:
        error = from_problem(problem)
        if _is_final(error) and self._journal.reject(entry, problem):
            self._report.rejected += 1
            log.warning("a use of %s was refused and set aside: %s", entry.account, error)
        else:
            self._stuck.add(entry.id)
            self._report.error = error


def _item(entry: Entry) -> dict[str, Any]:
    if entry.state == "settle":
        return {"settle": entry.record}
    if entry.authorize is not None:
        return {"authorize": entry.authorize}
    return {"record": {**entry.record, "idempotency_key": entry.key}}


def _later(entry: Entry, decision: Mapping[str, Any] | None) -> Entry | None:
    """The entry's next state, after the answer to the decision that was asked for again; `None` if all is recorded."""
    if decision is None:
        return None
    if decision["outcome"] not in ALLOWED:
        return replace(entry, authorize=None)
    if hold := decision.get("hold"):
        used = {k: v for k, v in entry.record.items() if k in ("quantities", "dimensions", "parts")}
        return replace(entry, state="settle", authorize=None, record={"hold": hold["id"], **used})
    if decision["outcome"] == "partial":
        return _rest(entry, decision)
    return None


def _rest(entry: Entry, decision: Mapping[str, Any]) -> Entry:
    """What was let in beyond a part that the server had charged already."""
    charged = {line["meter"]: line["quantity"] for line in decision["usage"]["lines"]}
    asked = entry.record.get("quantities") or {}
    rest = {meter: quantity - charged.get(meter, 0) for meter, quantity in asked.items()}
    left = {meter: quantity for meter, quantity in rest.items() if quantity > 0}
    return replace(entry, authorize=None, record={**entry.record, "quantities": left})


def _is_final(error: APIError) -> bool:
    """Whether the same item would be refused again."""
    return error.status in (400, 404, 409, 413, 422) and problem_code(error.problem) not in PASSING_CODES
