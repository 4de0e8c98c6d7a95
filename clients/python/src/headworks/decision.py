"""What the server decided, or what stands in for it when no answer came."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

from ._spans import parsed

if TYPE_CHECKING:
    from . import schema

ALLOWED = frozenset({"allow", "partial"})


@dataclass(frozen=True)
class Decision:
    """How much is allowed, and why."""

    outcome: str
    """`allow`, `partial`, `needs_consent`, `wait` or `deny`."""
    reason: str
    """Why: one of the documented reasons, or `unavailable` when no answer came."""
    account: str
    quantities: dict[str, int] = field(default_factory=dict)
    """What is allowed, by meter: with `partial` less than was asked for."""
    hold: str | None = None
    """The hold, if one was opened: what `settle`, `extend` and `release` take."""
    charge: str | None = None
    """The charge, if it was charged at once: what `refund` takes."""
    fallback: bool = False
    """Whether no answer came, and the failure mode let it in."""
    answer: schema.Decision | None = field(default=None, repr=False)
    """The whole answer: draws, visits, usage. Absent with `fallback`."""

    @property
    def allowed(self) -> bool:
        """Whether the work may be done, as far as `quantities` say."""
        return self.outcome in ALLOWED

    @property
    def decision_id(self) -> str | None:
        """Its name, for `explain`."""
        return self._text("decision_id")

    @property
    def wall(self) -> str | None:
        """Where it was refused: a level of the path, `plan`, `operator`, `capacity` or `abuse`."""
        return self._text("wall")

    @property
    def refused_by(self) -> str | None:
        """The guard or source that refused."""
        return self._text("refused_by")

    @property
    def transient(self) -> bool:
        """Whether waiting alone can change the answer."""
        return bool(self._get("transient"))

    @property
    def replayed(self) -> bool:
        """Whether this repeats the first answer to the idempotency key."""
        return bool(self._get("replayed"))

    @property
    def price(self) -> Decimal | None:
        """Its cost in credits; unknown with `fallback`."""
        return Decimal(self.answer["price"]) if self.answer else None

    @property
    def unblock(self) -> schema.Unblock | None:
        """What would let it through, and who can lift it."""
        return cast("schema.Unblock | None", self._get("unblock"))

    @property
    def ways(self) -> list[schema.Way]:
        """The ways in which it would pass, earliest first."""
        unblock = self.unblock
        return list(unblock.get("ways", [])) if unblock else []

    @property
    def unblock_at(self) -> datetime | None:
        """The instant that alone unblocks it."""
        unblock = self.unblock
        at = unblock.get("at") if unblock else None
        return parsed(at) if at else None

    @property
    def retry_after(self) -> float | None:
        """The seconds from the decision to `unblock_at`, by the server's clock."""
        at, opens = self._get("at"), self.unblock_at
        return (opens - parsed(at)).total_seconds() if at and opens else None

    def _text(self, name: str) -> str | None:
        text: str | None = self._get(name)
        return text

    def _get(self, name: str) -> Any:
        return self.answer.get(name) if self.answer else None


@dataclass(frozen=True)
class Charge:
    """A charge, or use that the journal keeps until it can be charged."""

    charge: str | None = None
    """Its reference, for `refund`. Absent with `quarantined` and `fallback`."""
    hold: str | None = None
    """The hold that it settles."""
    fallback: bool = False
    """Whether no answer came: a journal, if there is one, has the use and charges it later."""
    quarantined: bool = False
    """Whether it was reported past the catalog's horizon and waits for an operator."""
    answer: schema.Charge | None = field(default=None, repr=False)
    """The whole answer. Absent with `quarantined` and `fallback`."""

    @property
    def price(self) -> Decimal | None:
        """Its cost in credits."""
        return Decimal(self.answer["price"]) if self.answer else None

    @property
    def late(self) -> bool:
        """Whether the hold had expired."""
        return bool(self.answer and self.answer["late"])

    @property
    def replayed(self) -> bool:
        """Whether this repeats the first answer."""
        return bool(self.answer and self.answer.get("replayed"))


def decided(answer: Mapping[str, Any]) -> Decision:
    """A decision of the server."""
    usage, hold = answer["usage"], answer.get("hold")
    allowed = answer["outcome"] in ALLOWED
    return Decision(
        outcome=answer["outcome"],
        reason=answer["reason"],
        account=answer["account"],
        quantities={line["meter"]: line["quantity"] for line in usage["lines"]} if allowed else {},
        hold=hold["id"] if hold else None,
        charge=answer.get("charge"),
        answer=cast("schema.Decision", answer),
    )


def let_in(account: str, quantities: Mapping[str, int], hold: str | None = None) -> Decision:
    """What stands in for a decision: everything that was asked for."""
    return Decision(
        outcome="allow",
        reason="unavailable",
        account=account,
        quantities=dict(quantities),
        hold=hold,
        fallback=True,
    )


def charged(answer: Mapping[str, Any]) -> Charge:
    """A charge of the server, or use that it put in quarantine."""
    if "charge" not in answer:
        return Charge(quarantined=True)
    return Charge(charge=answer["charge"], hold=answer.get("hold"), answer=cast("schema.Charge", answer))
