"""What a call does when no answer came: its failure mode."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias


@dataclass(frozen=True)
class OpenUpTo:
    """Let calls in without the server up to an amount, then behave as `closed`.

    The amount is for each account, feature and meter: one number for every meter, or a number by meter, and then no use of
    other meters is let in. A call that names no quantities counts as one of the meter `requests`. What was let in is kept in the journal,
    and its amount is free again once the server has recorded it.
    """

    amount: int | Mapping[str, int]

    def __post_init__(self) -> None:
        figures = [self.amount] if isinstance(self.amount, int) else list(self.amount.values())
        if any(figure < 0 for figure in figures):
            raise ValueError("OpenUpTo: an amount is a number of units, not below zero")

    def of(self, meter: str) -> int:
        """The amount for a meter."""
        return self.amount if isinstance(self.amount, int) else self.amount.get(meter, 0)


Fallback: TypeAlias = Literal["closed", "open"] | OpenUpTo
"""`closed` raises `Unavailable`; `open` allows everything that was asked for; `OpenUpTo` allows it up to an amount."""


def checked(fallback: Fallback, has_journal: bool) -> Fallback:
    """A failure mode that can be kept, or an error that says what is missing."""
    if isinstance(fallback, OpenUpTo):
        if not has_journal:
            raise ValueError("OpenUpTo needs a journal, which remembers what was let in: give the client journal='…'")
    elif fallback not in ("closed", "open"):
        raise ValueError(f"fallback is 'closed', 'open' or OpenUpTo(…), not {fallback!r}")
    return fallback
