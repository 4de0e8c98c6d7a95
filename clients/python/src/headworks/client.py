"""The blocking client."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from time import sleep
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar, cast

import httpx

from . import _requests as requests
from ._ask import Quantities, turned_out
from ._calls import Calls
from ._effects import Effect, NoReply, Reply, Send, Sleep, Steps
from ._exchange import Exchange, Request
from ._flush import Flushed, flush
from ._hold import Hold
from ._holding import Holding
from ._options import (
    AuthorizeOptions,
    CallOptions,
    CheckOptions,
    ExtendOptions,
    HoldOptions,
    RecordOptions,
    SendOptions,
    SettleOptions,
    Unpack,
    ask,
    happened,
    how,
    more,
)
from ._routes import Routes
from ._threads import Flusher, Renewals
from ._transport import LIMITS, MAX_RETRIES, TIMEOUT_S, build, headers, lost, reply, settings
from .decision import Charge, Decision
from .fallback import Fallback
from .journal import Journal, opened

if TYPE_CHECKING:
    from . import schema

T = TypeVar("T")


class Headworks(Routes):
    """A client of one server. Threads may share it; make it once and close it at the end."""

    def __init__(
        self,
        base_url: str | None = None,
        api_key: str | None = None,
        *,
        timeout: float = TIMEOUT_S,
        max_retries: int = MAX_RETRIES,
        fallback: Fallback | None = None,
        journal: Journal | str | os.PathLike[str] | None = None,
        http_client: httpx.Client | None = None,
    ) -> None:
        """Connects to `base_url` with `api_key`; by default those of `HEADWORKS_URL` and `HEADWORKS_API_KEY`."""
        self._base_url, key = settings(base_url, api_key)
        self._headers = headers(key)
        exchange = Exchange(timeout, max_retries, self._answered)
        self._quiet = Exchange(timeout, max_retries, lambda: None)
        self.journal, self._give_up_journal = opened(journal)
        """The journal, if there is one."""
        try:
            self._calls = Calls(exchange, fallback, self.journal, self._kept)
        except ValueError:
            self._give_up_journal()
            raise
        self._http, self._owns_http = http_client or httpx.Client(limits=LIMITS), http_client is None
        self._renewals = Renewals(lambda holding: self._run(holding.renew()))
        self._flusher = Flusher(self._flush_quietly)
        self._answered()

    def check(
        self,
        account: str,
        feature: str,
        quantities: Quantities | None = None,
        **options: Unpack[CheckOptions],
    ) -> Decision:
        """Decides without any effect."""
        return self._run(self._calls.check(ask(account, feature, quantities, options), how(options)))

    def authorize(
        self,
        account: str,
        feature: str,
        quantities: Quantities | None = None,
        **options: Unpack[AuthorizeOptions],
    ) -> Decision:
        """Decides, and holds or charges. A denial is an answer: see `Decision.allowed`."""
        return self._run(self._calls.authorize(ask(account, feature, quantities, options), how(options)))

    def hold(
        self,
        account: str,
        feature: str,
        quantities: Quantities | None = None,
        *,
        keep_alive: bool = True,
        **options: Unpack[HoldOptions],
    ) -> Hold:
        """A hold for a `with` block. Entering opens it, or raises `Denied`; leaving ends it."""
        holding = Holding(self._calls, ask(account, feature, quantities, options), how(options), None, keep_alive)
        return Hold(self._run, self._renewals, holding)

    def manage(self, decision: Decision, *, keep_alive: bool = True, **options: Unpack[CallOptions]) -> Hold:
        """The hold of a decision that `authorize` returned, for a `with` block."""
        return Hold(self._run, self._renewals, Holding(self._calls, None, how(options), decision, keep_alive))

    def extend(self, hold: str, quantities: Quantities | None = None, **options: Unpack[ExtendOptions]) -> Decision:
        """Grows a hold, moves its deadline, or reports progress."""
        return self._run(self._calls.extend(hold, more(quantities, options), options.get("life"), how(options)))

    def settle(self, hold: str, quantities: Quantities | None = None, **options: Unpack[SettleOptions]) -> Charge:
        """Ends a hold at the actual use."""
        used = turned_out(quantities, options.get("dimensions"), options.get("parts"))
        return self._run(self._calls.settle(hold, used, how(options)))

    def release(self, hold: str, **options: Unpack[CallOptions]) -> schema.Change | None:
        """Ends a hold at zero. `None` if no answer came: it expires."""
        return cast("schema.Change | None", self._run(self._calls.release(hold, how(options))))

    def record(
        self,
        account: str,
        feature: str,
        quantities: Quantities | None = None,
        **options: Unpack[RecordOptions],
    ) -> Charge:
        """Charges use that has happened."""
        return self._run(self._calls.record(happened(account, feature, quantities, options), how(options)))

    def events(self, events: Sequence[Mapping[str, Any]], **options: Unpack[SendOptions]) -> schema.Ingested:
        """Records use sent as CloudEvents, each charged once by its source and id."""
        return cast("schema.Ingested", self._send(requests.events(events, options)))

    def batch(self, items: Sequence[schema.BatchItem], **options: Unpack[SendOptions]) -> schema.BatchAnswer:
        """Runs up to 1,000 operations, each with its own answer, and under a key of its own."""
        return cast("schema.BatchAnswer", self._send(requests.batch(items, options)))

    def explain(self, decision_id: str, **options: Unpack[SendOptions]) -> schema.Decision:
        """A past decision as it was stored."""
        request = requests.get("/v1/decisions/{id}", options, {"id": decision_id})
        return cast("schema.Decision", self._send(request))

    def refund(
        self,
        charge: str,
        amount: str | None = None,
        *,
        reason: str | None = None,
        **options: Unpack[SendOptions],
    ) -> schema.Change:
        """Gives back a charge, wholly or in part."""
        return cast("schema.Change", self._send(requests.refund(charge, amount, reason, options)))

    def open_account(self, body: schema.OpenAccountRequest, **options: Unpack[SendOptions]) -> schema.ChangedAccount:
        """Opens an account."""
        return cast("schema.ChangedAccount", self._send(requests.act("POST", "/v1/accounts", body, options)))

    def account(self, account: str, **options: Unpack[SendOptions]) -> schema.Account:
        """An account and its settings."""
        return cast("schema.Account", self._send(requests.get("/v1/accounts/{id}", options, {"id": account})))

    def accounts(
        self, *, after: str | None = None, max: int | None = None, **options: Unpack[SendOptions]
    ) -> schema.Accounts:
        """A page of accounts by name; its `next` is `after` of the next page."""
        return cast("schema.Accounts", self._send(requests.get("/v1/accounts", options, after=after, max=max)))

    def change_account(
        self, account: str, body: schema.ChangeAccountRequest, **options: Unpack[SendOptions]
    ) -> schema.ChangedAccount:
        """Changes an account's plan and settings."""
        request = requests.act("PATCH", "/v1/accounts/{id}", body, options, {"id": account})
        return cast("schema.ChangedAccount", self._send(request))

    def balances(self, account: str, *, unit: str | None = None, **options: Unpack[SendOptions]) -> schema.Balances:
        """The credits of an account."""
        request = requests.get("/v1/accounts/{id}/balances", options, {"id": account}, unit=unit)
        return cast("schema.Balances", self._send(request))

    def windows(self, account: str, **options: Unpack[SendOptions]) -> schema.Windows:
        """The windows of an account: limits, what is used, when they reset."""
        request = requests.get("/v1/accounts/{id}/windows", options, {"id": account})
        return cast("schema.Windows", self._send(request))

    def holds(self, account: str, **options: Unpack[SendOptions]) -> schema.Holds:
        """The open holds of an account."""
        return cast("schema.Holds", self._send(requests.get("/v1/accounts/{id}/holds", options, {"id": account})))

    def records(
        self, account: str, *, start: int = 1, max: int | None = None, **options: Unpack[SendOptions]
    ) -> schema.Records:
        """An account's log, from the record with the number `start`."""
        query = {"from": start, "max": max}
        request = requests.get("/v1/accounts/{id}/records", options, {"id": account}, **query)
        return cast("schema.Records", self._send(request))

    def grant(self, account: str, body: schema.GrantRequest, **options: Unpack[SendOptions]) -> schema.Change:
        """Adds credits."""
        request = requests.act("POST", "/v1/accounts/{id}/grants", body, options, {"id": account})
        return cast("schema.Change", self._send(request))

    def void_grant(self, grant: str, **options: Unpack[SendOptions]) -> schema.Change:
        """Takes back the rest of a grant."""
        return cast("schema.Change", self._send(requests.void_grant(grant, options)))

    def adjust(self, account: str, body: schema.AdjustRequest, **options: Unpack[SendOptions]) -> schema.Change:
        """Corrects a grant by hand."""
        request = requests.act("POST", "/v1/accounts/{id}/adjustments", body, options, {"id": account})
        return cast("schema.Change", self._send(request))

    def flush(self) -> Flushed:
        """Records what the journal keeps, as far as the server answers."""
        if self.journal is None:
            return Flushed()
        return self._run(flush(self.journal, self._quiet, None))

    def close(self) -> None:
        """Ends the client. What the journal keeps stays there for the next one; `flush` first to have it recorded now."""
        self._renewals.close()
        self._flusher.close()
        if self._owns_http:
            self._http.close()
        self._give_up_journal()

    def __enter__(self) -> Headworks:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _request(self, method: str, path: str, **arguments: Any) -> Any:
        return self._send(requests.any_call(method, path, **arguments))

    def _send(self, request: Request) -> Any:
        return self._run(self._calls.exchange.run(request))

    def _run(self, steps: Steps[T]) -> T:
        """Runs the steps of a call, one effect after the other."""
        try:
            effect = next(steps)
            while True:
                try:
                    came = self._do(effect)
                except BaseException as e:
                    effect = steps.throw(e)
                else:
                    effect = steps.send(came)
        except StopIteration as end:
            return cast("T", end.value)

    def _do(self, effect: Effect) -> Any:
        if isinstance(effect, Send):
            return self._attempt(effect)
        if isinstance(effect, Sleep):
            return sleep(effect.seconds)
        return effect.work()

    def _attempt(self, send: Send) -> Reply | NoReply:
        try:
            return reply(self._http.send(build(self._http, self._base_url, self._headers, send)))
        except httpx.RequestError as e:
            return lost(e)

    def _kept(self) -> None:
        self._flusher.wake()

    def _answered(self) -> None:
        if self.journal is not None and not self.journal.is_empty:
            self._flusher.wake()

    def _flush_quietly(self) -> bool:
        """Flushes once; whether the journal is then empty."""
        if self.journal is None:
            return True
        self._run(flush(self.journal, self._quiet, 0))
        return self.journal.is_empty
