"""A bounded file of lines: appended, synced to disk, and rewritten without what is gone.

F1 a line that was cut off by a crash is dropped (`test_a_torn_line_is_dropped`). F2 a line that was synced is read back
(`test_a_killed_client_loses_nothing`). F3 after a failed write or sync nothing is written any more: what the disk has is
unknown (`test_a_failed_write_closes_the_journal`).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ._lock import locked
from .errors import JournalDamaged, JournalError


class LineFile:
    """The file, and the lock beside it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._pid = os.getpid()
        self._broken: OSError | None = None
        try:
            self._lock: int | None = locked(f"{path}.lock")
            self._descriptor = self._opened()
        except OSError as e:
            raise JournalError(f"{path}: the journal cannot be opened: {e.strerror}; its directory must exist") from e
        self.size = os.fstat(self._descriptor).st_size

    def _opened(self) -> int:
        return os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_CLOEXEC", 0), 0o600)

    def read(self) -> list[dict[str, Any]]:
        """All lines. An unfinished last one was never answered for: it is cut off."""
        content = self.path.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            os.ftruncate(self._descriptor, whole)
            self.size = whole
        lines = content[:whole].splitlines()
        return [self._parsed(line, number) for number, line in enumerate(lines, 1)]

    def _parsed(self, line: bytes, number: int) -> dict[str, Any]:
        try:
            parsed = json.loads(line)
        except ValueError as e:
            raise JournalDamaged(
                f"{self.path}:{number}: not a line of JSON ({e}); mend or remove this line, or move the file away"
            ) from e
        if not isinstance(parsed, dict):
            raise JournalDamaged(f"{self.path}:{number}: not an object; remove this line, or move the file away")
        return parsed

    def append(self, content: bytes, *, sync: bool) -> None:
        """Writes lines; with `sync` they are on disk when this returns."""
        self._check()
        try:
            if os.write(self._descriptor, content) != len(content):
                raise OSError("the disk took a part of the line")
            if sync:
                os.fsync(self._descriptor)
        except OSError as e:
            self._break(e)
        self.size += len(content)

    def rewrite(self, lines: Iterable[bytes]) -> None:
        """Replaces the whole file at once."""
        self._check()
        new = Path(f"{self.path}.new")
        content = b"".join(lines)
        try:
            with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.close(self._descriptor)
            new.replace(self.path)
            self._descriptor = self._opened()
            _sync_directory(self.path.parent)
        except OSError as e:
            self._break(e)
        self.size = len(content)

    def close(self) -> None:
        """Gives the file up."""
        if self._lock is not None:
            os.close(self._descriptor)
            os.close(self._lock)
            self._lock = None

    def _check(self) -> None:
        if self._lock is None:
            raise JournalError(f"{self.path}: the journal is closed")
        if self._pid != os.getpid():
            raise JournalError(
                f"{self.path}: this process was forked from the journal's; make the client after the fork"
            )
        if self._broken is not None:
            raise JournalError(
                f"{self.path}: an earlier write failed ({self._broken}); restart to use the journal again"
            )

    def _break(self, error: OSError) -> None:
        self._broken = error
        raise JournalError(f"{self.path}: the journal cannot be written: {error}") from error


def _sync_directory(directory: Path) -> None:
    if os.name == "posix":
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
