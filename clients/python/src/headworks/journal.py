"""The use that was let in without the server, kept in a bounded local file until the server has recorded it.

J1 the sum of what is let in never passes the amount (`test_open_up_to_never_lets_in_more`). J2 what was let in is on disk before
the caller hears of it (`test_a_killed_client_loses_nothing`). J3 the file never grows beyond `max_bytes`
(`test_the_journal_is_bounded`). J4 the end of a hold that was let in always finds room (`test_ends_find_room`). Units: bytes, and
units of meters.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ._entry import Entry
from ._file import LineFile
from .errors import JournalDamaged, JournalFull, UnknownLocalHold
from .fallback import OpenUpTo

MAX_BYTES = 4 << 20
MIN_BYTES = 4 << 10
KEPT_AFTER_EXPIRY_S = 24 * 3600.0


class Journal:
    """One file with one writer. What the server refuses for good goes to `PATH.rejected`, which has the same bound."""

    def __init__(self, path: str | os.PathLike[str], *, max_bytes: int = MAX_BYTES) -> None:
        if max_bytes < MIN_BYTES:
            raise ValueError(f"Journal: max_bytes is at least {MIN_BYTES}, not {max_bytes}")
        self.path = Path(path)
        self.max_bytes = max_bytes
        self.flushing = threading.Lock()
        """Held while entries are being sent: one sender at a time."""
        self._mutex = threading.Lock()
        self._entries: dict[str, Entry] = {}
        self._open: set[str] = set()  # holds and growth that count
        self._sums: Counter[tuple[str, str, str]] = Counter()
        self._weights: dict[str, int] = {}  # bytes set aside for each entry
        self._weight = 0
        self._ready = 0
        self._file = LineFile(self.path)
        try:
            self._load()
        except BaseException:
            self._file.close()
            raise

    def __len__(self) -> int:
        """How many uses wait to be recorded."""
        return self._ready

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits to be recorded."""
        return self._ready == 0

    @property
    def is_used(self) -> bool:
        """Whether it has any entry, open holds among them."""
        return bool(self._entries)

    def outstanding(self, account: str, feature: str, meter: str) -> int:
        """How much was let in and is not recorded yet."""
        with self._mutex:
            self._lapse()
            return self._sums[account, feature, meter]

    def fits(self, entry: Entry, up_to: OpenUpTo | None) -> bool:
        """Whether a use would be let in now."""
        with self._mutex:
            return self._fits(entry, up_to)

    def let_in(self, entry: Entry, up_to: OpenUpTo | None) -> bool:
        """Lets a use in if its amount and the file have room: it is then on disk. The same use again is in already."""
        with self._mutex:
            if entry.id in self._entries:
                return True
            if not self._fits(entry, up_to):
                return False
            self._put(entry)
            return True

    def put(self, entry: Entry) -> None:
        """Keeps use that happened, or another state of an entry."""
        with self._mutex:
            self._put(entry)

    def local_hold(self, name: str) -> Entry:
        """A local hold that has not ended."""
        with self._mutex:
            entry = self._entries.get(name)
            if entry is None or entry.state != "hold":
                raise UnknownLocalHold(
                    f"there is no local hold {name}: it ended, or expired and was dropped for want of room"
                )
            return entry

    def grow(self, name: str, quantities: Mapping[str, int], until: float | None, up_to: OpenUpTo | None) -> str | None:
        """Grows a local hold, and moves its end: the account; `None` if there is no room for what it grows by."""
        entry = self.local_hold(name)
        more = Counter(entry.meters)
        more.update(quantities)
        with self._mutex:
            if not self._fits(replace(entry, meters=dict(quantities)), up_to, weighs=False):
                return None
            self._put(replace(entry, meters=dict(more), expires=until or entry.expires))
            return entry.account

    def prolong(self, name: str, expires: float) -> None:
        """Moves a local hold's end, in memory: after a crash nobody would settle it."""
        with self._mutex:
            entry = self._entries.get(name)
            if entry is not None and entry.state == "hold":
                weight = self._weights[name]
                self._forget(entry)
                self._know(replace(entry, expires=expires), weight)

    def release(self, name: str) -> None:
        """Forgets a local hold; one that was settled stays."""
        with self._mutex:
            entry = self._entries.get(name)
            if entry is not None and entry.state == "hold":
                self._delete([name])

    def growth_of(self, hold: str) -> dict[str, int]:
        """What was let in as growth of one of the server's holds."""
        with self._mutex:
            grown = [e.meters for e in self._entries.values() if e.state == "grown" and e.hold == hold]
        total: Counter[str] = Counter()
        for meters in grown:
            total.update(meters)
        return dict(total)

    def drop_growth(self, hold: str) -> None:
        """Forgets growth: the hold has ended."""
        with self._mutex:
            self._delete([e.id for e in self._entries.values() if e.state == "grown" and e.hold == hold])

    def ready(self, most: int) -> list[Entry]:
        """The oldest entries that can be sent."""
        with self._mutex:
            found = (entry for entry in self._entries.values() if entry.is_ready)
            return [entry for entry, _ in zip(found, range(most), strict=False)]

    def delete(self, ids: Iterable[str]) -> None:
        """Forgets entries. Not synced: one that comes back after a crash is sent again under its key."""
        with self._mutex:
            self._delete(ids)

    def reject(self, entry: Entry, problem: Mapping[str, Any]) -> bool:
        """Moves an entry that the server refused for good to `PATH.rejected`, if that has room."""
        path = Path(f"{self.path}.rejected")
        line = (
            json.dumps({"entry": json.loads(entry.line), "problem": dict(problem)}, ensure_ascii=False).encode() + b"\n"
        )
        with self._mutex:
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as file:
                if file.tell() + len(line) > self.max_bytes:
                    return False
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
            self._delete([entry.id])
            return True

    def close(self) -> None:
        """Gives the file up: another client may write it."""
        with self._mutex:
            self._file.close()

    def _load(self) -> None:
        for number, line in enumerate(self._file.read(), 1):
            if "gone" in line:
                entry = self._entries.get(str(line["gone"]))
                if entry is not None:
                    self._forget(entry)
                continue
            try:
                entry = Entry.read(line)
            except TypeError as e:
                raise JournalDamaged(
                    f"{self.path}:{number}: not an entry ({e}); remove this line, or move the file away"
                ) from e
            before = self._entries.get(entry.id)
            if before is not None:
                self._forget(before)
            self._know(entry, entry.weight)
        old = time.time() - KEPT_AFTER_EXPIRY_S
        self._delete([e.id for e in self._entries.values() if e.expires is not None and e.expires < old])

    def _fits(self, entry: Entry, up_to: OpenUpTo | None, *, weighs: bool = True) -> bool:
        self._lapse()
        if up_to is not None:
            for meter, quantity in entry.meters.items():
                if self._sums[entry.account, entry.feature, meter] + quantity > up_to.of(meter):
                    return False
        return not weighs or self._has_room(entry.weight)

    def _has_room(self, weight: int) -> bool:
        """Whether so many bytes more fit, if need be without holds that expired."""
        lapsed = [e for e in self._entries.values() if e.expires is not None and e.id not in self._open]
        for entry in lapsed:
            if self._weight + weight <= self.max_bytes:
                break
            self._delete([entry.id])
        return self._weight + weight <= self.max_bytes

    def _put(self, entry: Entry) -> None:
        before = self._entries.get(entry.id)
        line, kept = entry.line, self._weights.get(entry.id, 0)
        # A later state keeps what was set aside for it, if that is enough.
        weight = entry.weight if before is None else max(len(line), min(entry.weight, kept))
        if weight > kept and not self._has_room(weight - kept):
            raise JournalFull(
                f"{self.path}: the journal is full: {self.max_bytes} bytes; it empties when the server answers"
            )
        if self._file.size + len(line) > self.max_bytes:
            self._file.rewrite([*(e.line for e in self._entries.values() if e.id != entry.id), line])
        else:
            self._file.append(line, sync=True)
        if before is not None:
            self._forget(before)
        self._know(entry, weight)

    def _delete(self, ids: Iterable[str]) -> None:
        gone = [self._entries[name] for name in ids if name in self._entries]
        for entry in gone:
            self._forget(entry)
        if not gone:
            return
        lines = b"".join(json.dumps({"gone": entry.id}).encode() + b"\n" for entry in gone)
        if not self._entries or self._file.size + len(lines) > self.max_bytes:
            self._file.rewrite([entry.line for entry in self._entries.values()])
        else:
            self._file.append(lines, sync=False)

    def _know(self, entry: Entry, weight: int) -> None:
        self._entries[entry.id] = entry
        self._weights[entry.id] = weight
        self._weight += weight
        self._ready += entry.is_ready
        if entry.expires is not None:
            self._open.add(entry.id)
        self._count(entry, 1)

    def _forget(self, entry: Entry) -> None:
        del self._entries[entry.id]
        self._ready -= entry.is_ready
        self._weight -= self._weights.pop(entry.id)
        if entry.expires is None or entry.id in self._open:
            self._count(entry, -1)
        self._open.discard(entry.id)

    def _count(self, entry: Entry, sign: int) -> None:
        for meter, quantity in entry.meters.items():
            key = (entry.account, entry.feature, meter)
            self._sums[key] += sign * quantity
            if not self._sums[key]:
                del self._sums[key]

    def _lapse(self) -> None:
        now = time.time()
        for name in [n for n in self._open if (self._entries[n].expires or 0) <= now]:
            self._open.discard(name)
            self._count(self._entries[name], -1)


def opened(journal: Journal | str | os.PathLike[str] | None) -> tuple[Journal | None, Callable[[], None]]:
    """A client's journal, and what gives it up when the client closes: one that was passed in stays open."""
    if journal is None or isinstance(journal, Journal):
        return journal, lambda: None
    made = Journal(journal)
    return made, made.close
