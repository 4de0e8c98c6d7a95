"""One writer for a file: a lock that the system ends with the process, however that ends."""

from __future__ import annotations

import os
import sys

from .errors import JournalLocked


def locked(path: str) -> int:
    """The descriptor of a lock file that this process now holds."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
    try:
        _lock(descriptor)
    except OSError as e:
        os.close(descriptor)
        raise JournalLocked(
            f"{path}: another client writes this journal; give each process, and each client in it, a path of its own"
        ) from e
    return descriptor


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
