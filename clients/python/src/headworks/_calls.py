"""What each call means, once for both clients: the request, its failure mode, and what is kept for later.

C1 a call without an answer is let in only by its failure mode (`test_failure_modes`). C2 a call that the server may have answered is
sent again under its key before its use is recorded (`test_a_decision_whose_answer_was_lost_is_charged_once`). C3 so is one that has its
caller's own key (`test_a_callers_key_is_charged_once_wherever_it_comes_again`).
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ._ask import LIFE_S, LOCAL, Ask, new_key
from ._effects import Disk, Steps
from ._entry import Entry, counted
from ._exchange import Exchange, Request
from ._spans import Span, at_unix, seconds, span
from .decision import Charge, Decision, charged, decided, let_in
from .errors import APIError, Denied, JournalError, Unavailable
from .fallback import Fallback, OpenUpTo, checked
from .journal import Journal

# Growth of a hold that the server has counts until the hold ends, and no longer than this if nobody ends it.
GROWTH_S = 3600.0


@dataclass(frozen=True)
class How:
    """What a caller may say about how a call is made."""

    key: str | None = None
    fallback: Fallback | None = None
    timeout: float | None = None
    max_retries: int | None = None

    def request(self, path: str, body: Mapping[str, Any], key: str | None) -> Request:
        """A request made that way."""
        return Request("POST", path, body=body, key=key, timeout=self.timeout, max_retries=self.max_retries)


class Calls:
    """The calls that have a failure mode. Kept use is announced to `kept`."""

    def __init__(
        self, exchange: Exchange, fallback: Fallback | None, journal: Journal | None, kept: Callable[[], None]
    ) -> None:
        self.exchange = exchange
        self.journal = journal
        self._fallback = checked(fallback or "closed", journal is not None)
        self._kept = kept

    def mode(self, how: How) -> Fallback:
        """The failure mode of a call."""
        return self._fallback if how.fallback is None else checked(how.fallback, self.journal is not None)

    def check(self, ask: Ask, how: How) -> Steps[Decision]:
        """Decides without any effect."""
        mode = self.mode(how)
        try:
            answer = yield from self._post(self._waiting(ask, how), "/v1/check", ask.body, None)
        except Unavailable:
            entry = self._entry(ask, new_key(), is_repeated=False)
            journal, up_to = self.journal, _limit(mode)
            fits = mode != "closed" and (journal is None or (yield Disk(lambda: journal.fits(entry, up_to))))
            if not fits:
                raise
            return let_in(entry.account, entry.meters)
        return decided(answer)

    def authorize(self, ask: Ask, how: How) -> Steps[Decision]:
        """Decides, and holds or charges."""
        key, mode = how.key or new_key(), self.mode(how)
        try:
            answer = yield from self._post(self._waiting(ask, how), "/v1/authorize", ask.body, key)
        except Unavailable as e:
            if mode == "closed":
                raise
            # A caller's own key may come again, also from another process.
            entry = self._entry(ask, key, is_repeated=e.may_have_happened or how.key is not None)
            yield from self._let_in(entry, mode, e)
            return let_in(entry.account, entry.meters, entry.id if entry.state == "hold" else None)
        return decided(answer)

    def hold(self, ask: Ask, how: How) -> Steps[Decision]:
        """Opens a hold, or raises `Denied`."""
        decision = yield from self.authorize(ask, how)
        if not decision.allowed:
            raise Denied(decision)
        return decision

    def extend(
        self, hold: str, more: Mapping[str, Any], life: Span | None, how: How, feature: str = ""
    ) -> Steps[Decision]:
        """Grows a hold, moves its deadline, or reports progress. Growth without the server counts for `feature`."""
        mode, quantities = self.mode(how), more.get("quantities") or {}
        if hold.startswith(LOCAL):
            return (yield from self._extend_local(hold, counted_more(more), life, mode))
        body = {"hold": hold, **more, **({"life": span(life)} if life is not None else {})}
        try:
            answer = yield from self._post(how, "/v1/extend", body, how.key or new_key())
        except Unavailable as e:
            if mode == "closed":
                raise
            account = account_of(hold)
            if meters := counted_more(more):
                name, until = f"grown:{uuid.uuid4()}", self.exchange.local_time() + GROWTH_S
                entry = Entry(name, "grown", account, feature, "", meters, hold=hold, expires=until)
                yield from self._let_in(entry, mode, e)
            return let_in(account, quantities, hold)
        return decided(answer)

    def settle(self, hold: str, used: Mapping[str, Any], how: How) -> Steps[Charge]:
        """Ends a hold at the actual use."""
        mode, journal = self.mode(how), self.journal
        if hold.startswith(LOCAL):
            if journal is not None:
                yield Disk(lambda: self._end_local(journal, hold, used))
                self._kept()
            return Charge(hold=hold, fallback=True)
        body = {"hold": hold, **used}
        try:
            answer = yield from self._post(how, "/v1/settle", body, how.key)
        except Unavailable as e:
            if mode == "closed":
                raise
            if journal is not None:
                yield from self._keep(journal, lambda: self._end_later(journal, hold, body), e)
            return Charge(hold=hold, fallback=True)
        yield from self._ended(hold)
        return charged(answer)

    def release(self, hold: str, how: How) -> Steps[Any]:
        """Ends a hold at zero."""
        mode, journal = self.mode(how), self.journal
        if hold.startswith(LOCAL):
            if journal is not None:
                yield Disk(lambda: journal.release(hold))
            return None
        try:
            answer = yield from self._post(how, "/v1/release", {"hold": hold}, how.key)
        except Unavailable:
            if mode == "closed":
                raise
            answer = None  # it expires
        yield from self._ended(hold)
        return answer

    def record(self, use: dict[str, Any], how: How) -> Steps[Charge]:
        """Charges use that has happened."""
        key, journal = how.key or new_key(), self.journal
        mode = self.mode(how)
        try:
            answer = yield from self._post(how, "/v1/record", use, key)
        except Unavailable as e:
            if mode == "closed" or journal is None:
                raise
            body = {"effective_at": self._now(), **use} if not e.may_have_happened else use
            # It happened already, so no amount counts against it.
            name = f"record:{use['account']}~{key}"
            entry = Entry(name, "use", use["account"], use["feature"], key, {}, body)
            yield from self._keep(journal, lambda: journal.put(entry), e)
            return Charge(fallback=True)
        return charged(answer)

    def _post(self, how: How, path: str, body: Mapping[str, Any], key: str | None) -> Steps[Mapping[str, Any]]:
        """Makes a call whose answer has an instant, as those of all these calls have."""
        answer = yield from self.exchange.run(how.request(path, body, key))
        if not isinstance(answer, dict) or "at" not in answer:
            what = f"POST {path}: the answer is none of Headworks: does base_url name its server?"
            raise APIError(200, "foreign_answer", what)
        return answer

    def _waiting(self, ask: Ask, how: How) -> How:
        """The same, with the time that the request may wait for capacity."""
        if (wait := ask.terms.get("max_wait")) is None:
            return how
        return replace(how, timeout=(how.timeout or self.exchange.timeout) + seconds(wait, 0.0))

    def _now(self) -> str:
        return at_unix(self.exchange.now())

    def _entry(self, ask: Ask, key: str, *, is_repeated: bool) -> Entry:
        """What is kept of a use that is let in. A repeated request is sent again as it was before anything is recorded."""
        use = ask.use
        meters = counted(use.get("quantities"), use.get("parts"))
        entry = Entry(
            f"{use['account']}~{key}",
            "use",
            use["account"],
            use["feature"],
            key,
            meters,
            {**use, "effective_at": self._now()},
            {**ask.body, "idempotency_key": key} if is_repeated else None,
        )
        if ask.terms.get("settle") == "now":
            return entry
        life = seconds(ask.life, LIFE_S) if ask.life is not None else LIFE_S
        return replace(entry, id=LOCAL + entry.id, state="hold", expires=self.exchange.local_time() + life)

    def _let_in(self, entry: Entry, mode: Fallback, why: Unavailable) -> Steps[None]:
        journal = self.journal
        if journal is None:
            return
        try:
            is_in = yield Disk(lambda: journal.let_in(entry, _limit(mode)))
        except JournalError as e:
            raise _closed(why, str(e)) from e
        if not is_in:
            full = "the journal is full"
            raise _closed(
                why, full if _limit(mode) is None else f"the amount of OpenUpTo is used up, or {full}"
            ) from why
        self._kept()

    def _keep(self, journal: Journal, work: Callable[[], None], why: Unavailable) -> Steps[None]:
        try:
            yield Disk(work)
        except JournalError as e:
            raise _closed(why, str(e)) from e
        self._kept()

    def _ended(self, hold: str) -> Steps[None]:
        journal = self.journal
        if journal is not None and journal.is_used:
            yield Disk(lambda: journal.drop_growth(hold))

    def _extend_local(self, hold: str, meters: Mapping[str, int], life: Span | None, mode: Fallback) -> Steps[Decision]:
        journal = self.journal
        if mode == "closed":
            raise Unavailable(
                f"{hold} was let in without the server, and this call is closed",
                None,
                may_have_happened=False,
            )
        if journal is None:
            return let_in("", meters, hold)
        until = self.exchange.local_time() + seconds(life, LIFE_S) if life is not None else None
        try:
            account = yield Disk(lambda: journal.grow(hold, meters, until, _limit(mode)))
        except JournalError as e:
            raise Unavailable(f"{hold} cannot grow: {e}", e, may_have_happened=False) from e
        if account is None:
            what = f"{hold} cannot grow: the server does not answer, and the amount without it is used up"
            raise Unavailable(what, None, may_have_happened=False)
        return let_in(account, meters, hold)

    def _end_local(self, journal: Journal, hold: str, used: Mapping[str, Any]) -> None:
        entry = journal.local_hold(hold)
        meters = counted(used.get("quantities"), used.get("parts"))
        record = {k: v for k, v in entry.record.items() if k not in ("quantities", "parts")} | dict(used)
        journal.put(replace(entry, state="use", meters=meters, record=record, expires=None))

    def _end_later(self, journal: Journal, hold: str, body: Mapping[str, Any]) -> None:
        meters = journal.growth_of(hold)
        entry = Entry(f"settle:{hold}", "settle", account_of(hold), "", "", meters, dict(body), hold=hold)
        journal.put(entry)
        journal.drop_growth(hold)


def account_of(reference: str) -> str:
    """The account in a reference such as `acme~17`."""
    account, tilde, _ = reference.rpartition("~")
    if not tilde:
        raise ValueError(f"{reference!r} is no reference: one is `account~number`, as the server returned it")
    return account


def counted_more(more: Mapping[str, Any]) -> dict[str, int]:
    """What an extension adds; nothing if it names no quantities."""
    if not more.get("quantities") and not more.get("parts"):
        return {}
    return counted(more.get("quantities"), more.get("parts"))


def _limit(mode: Fallback) -> OpenUpTo | None:
    return mode if isinstance(mode, OpenUpTo) else None


def _closed(why: Unavailable, reason: str) -> Unavailable:
    """The same failure with the reason why it was not let in."""
    return Unavailable(f"{why}; {reason}", why.cause, may_have_happened=why.may_have_happened)
