"""The client for asyncio, and its holds. What calls mean is in `_calls` and `_holding`, as for the blocking client."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar, cast

import httpx

from . import _requests as requests
from ._ask import Quantities, turned_out
from ._calls import Calls
from ._effects import Effect, NoReply, Reply, Send, Sleep, Steps
from ._exchange import Exchange, Request
from ._flush import Flushed, flush
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
from ._routes import AsyncRoutes
from ._tasks import Tasks
from ._transport import LIMITS, MAX_RETRIES, TIMEOUT_S, build, headers, lost, reply, settings
from .async_hold import AsyncHold
from .decision import Charge, Decision
from .fallback import Fallback
from .journal import Journal, opened

if TYPE_CHECKING:
    from . import schema

T = TypeVar("T")


class AsyncHeadworks(AsyncRoutes):
    """A client of one server. Tasks of one event loop may share it; make it once and close it at the end."""

    def __init__(
        self,
        base_url: str | None = None,
        api_key: str | None = None,
        *,
        timeout: float = TIMEOUT_S,
        max_retries: int = MAX_RETRIES,
        fallback: Fallback | None = None,
        journal: Journal | str | os.PathLike[str] | None = None,
        http_client: httpx.AsyncClient | None = None,
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
        self._http, self._owns_http = http_client or httpx.AsyncClient(limits=LIMITS), http_client is None
        self._tasks = Tasks(self._flush_quietly)

    async def check(
        self,
        account: str,
        feature: str,
        quantities: Quantities | None = None,
        **options: Unpack[CheckOptions],
    ) -> Decision:
        """Decides without any effect."""
        return await self._run(self._calls.check(ask(account, feature, quantities, options), how(options)))

    async def authorize(
        self,
        account: str,
        feature: str,
        quantities: Quantities | None = None,
        **options: Unpack[AuthorizeOptions],
    ) -> Decision:
        """Decides, and holds or charges. A denial is an answer: see `Decision.allowed`."""
        return await self._run(self._calls.authorize(ask(account, feature, quantities, options), how(options)))

    def hold(
        self,
        account: str,
        feature: str,
        quantities: Quantities | None = None,
        *,
        keep_alive: bool = True,
        **options: Unpack[HoldOptions],
    ) -> AsyncHold:
        """A hold for a `async with` block. Entering opens it, or raises `Denied`; leaving ends it."""
        holding = Holding(self._calls, ask(account, feature, quantities, options), how(options), None, keep_alive)
        return AsyncHold(self._run, self._tasks, holding)

    def manage(self, decision: Decision, *, keep_alive: bool = True, **options: Unpack[CallOptions]) -> AsyncHold:
        """The hold of a decision that `authorize` returned, for a `async with` block."""
        return AsyncHold(self._run, self._tasks, Holding(self._calls, None, how(options), decision, keep_alive))

    async def extend(
        self, hold: str, quantities: Quantities | None = None, **options: Unpack[ExtendOptions]
    ) -> Decision:
        """Grows a hold, moves its deadline, or reports progress."""
        return await self._run(self._calls.extend(hold, more(quantities, options), options.get("life"), how(options)))

    async def settle(self, hold: str, quantities: Quantities | None = None, **options: Unpack[SettleOptions]) -> Charge:
        """Ends a hold at the actual use."""
        used = turned_out(quantities, options.get("dimensions"), options.get("parts"))
        return await self._run(self._calls.settle(hold, used, how(options)))

    async def release(self, hold: str, **options: Unpack[CallOptions]) -> schema.Change | None:
        """Ends a hold at zero. `None` if no answer came: it expires."""
        return cast("schema.Change | None", self._run(self._calls.release(hold, how(options))))

    async def record(
        self,
        account: str,
        feature: str,
        quantities: Quantities | None = None,
        **options: Unpack[RecordOptions],
    ) -> Charge:
        """Charges use that has happened."""
        return await self._run(self._calls.record(happened(account, feature, quantities, options), how(options)))

    async def events(self, events: Sequence[Mapping[str, Any]], **options: Unpack[SendOptions]) -> schema.Ingested:
        """Records use sent as CloudEvents, each charged once by its source and id."""
        return cast("schema.Ingested", await self._send(requests.events(events, options)))

    async def batch(self, items: Sequence[schema.BatchItem], **options: Unpack[SendOptions]) -> schema.BatchAnswer:
        """Runs up to 1,000 operations, each with its own answer, and under a key of its own."""
        return cast("schema.BatchAnswer", await self._send(requests.batch(items, options)))

    async def explain(self, decision_id: str, **options: Unpack[SendOptions]) -> schema.Decision:
        """A past decision as it was stored."""
        request = requests.get("/v1/decisions/{id}", options, {"id": decision_id})
        return cast("schema.Decision", await self._send(request))

    async def refund(
        self,
        charge: str,
        amount: str | None = None,
        *,
        reason: str | None = None,
        **options: Unpack[SendOptions],
    ) -> schema.Change:
        """Gives back a charge, wholly or in part."""
        return cast("schema.Change", await self._send(requests.refund(charge, amount, reason, options)))

    async def open_account(
        self, body: schema.OpenAccountRequest, **options: Unpack[SendOptions]
    ) -> schema.ChangedAccount:
        """Opens an account."""
        return cast("schema.ChangedAccount", await self._send(requests.act("POST", "/v1/accounts", body, options)))

    async def account(self, account: str, **options: Unpack[SendOptions]) -> schema.Account:
        """An account and its settings."""
        return cast("schema.Account", await self._send(requests.get("/v1/accounts/{id}", options, {"id": account})))

    async def accounts(
        self, *, after: str | None = None, max: int | None = None, **options: Unpack[SendOptions]
    ) -> schema.Accounts:
        """A page of accounts by name; its `next` is `after` of the next page."""
        return cast("schema.Accounts", await self._send(requests.get("/v1/accounts", options, after=after, max=max)))

    async def change_account(
        self, account: str, body: schema.ChangeAccountRequest, **options: Unpack[SendOptions]
    ) -> schema.ChangedAccount:
        """Changes an account's plan and settings."""
        request = requests.act("PATCH", "/v1/accounts/{id}", body, options, {"id": account})
        return cast("schema.ChangedAccount", await self._send(request))

    async def balances(
        self, account: str, *, unit: str | None = None, **options: Unpack[SendOptions]
    ) -> schema.Balances:
        """The credits of an account."""
        request = requests.get("/v1/accounts/{id}/balances", options, {"id": account}, unit=unit)
        return cast("schema.Balances", await self._send(request))

    async def windows(self, account: str, **options: Unpack[SendOptions]) -> schema.Windows:
        """The windows of an account: limits, what is used, when they reset."""
        request = requests.get("/v1/accounts/{id}/windows", options, {"id": account})
        return cast("schema.Windows", await self._send(request))

    async def holds(self, account: str, **options: Unpack[SendOptions]) -> schema.Holds:
        """The open holds of an account."""
        return cast(
            "schema.Holds",
            await self._send(requests.get("/v1/accounts/{id}/holds", options, {"id": account})),
        )

    async def records(
        self, account: str, *, start: int = 1, max: int | None = None, **options: Unpack[SendOptions]
    ) -> schema.Records:
        """An account's log, from the record with the number `start`."""
        query = {"from": start, "max": max}
        request = requests.get("/v1/accounts/{id}/records", options, {"id": account}, **query)
        return cast("schema.Records", await self._send(request))

    async def grant(self, account: str, body: schema.GrantRequest, **options: Unpack[SendOptions]) -> schema.Change:
        """Adds credits."""
        request = requests.act("POST", "/v1/accounts/{id}/grants", body, options, {"id": account})
        return cast("schema.Change", await self._send(request))

    async def void_grant(self, grant: str, **options: Unpack[SendOptions]) -> schema.Change:
        """Takes back the rest of a grant."""
        return cast("schema.Change", await self._send(requests.void_grant(grant, options)))

    async def adjust(self, account: str, body: schema.AdjustRequest, **options: Unpack[SendOptions]) -> schema.Change:
        """Corrects a grant by hand."""
        request = requests.act("POST", "/v1/accounts/{id}/adjustments", body, options, {"id": account})
        return cast("schema.Change", await self._send(request))

    async def flush(self) -> Flushed:
        """Records what the journal keeps, as far as the server answers."""
        if self.journal is None:
            return Flushed()
        return await self._run(flush(self.journal, self._quiet, None))

    async def close(self) -> None:
        """Ends the client. Holds that are being ended are waited for. What the journal keeps stays there for the next one."""
        await self._tasks.close()
        if self._owns_http:
            await self._http.aclose()
        self._give_up_journal()

    async def __aenter__(self) -> AsyncHeadworks:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, raised: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _request(self, method: str, path: str, **arguments: Any) -> Any:
        return await self._send(requests.any_call(method, path, **arguments))

    async def _send(self, request: Request) -> Any:
        return await self._run(self._calls.exchange.run(request))

    async def _run(self, steps: Steps[T]) -> T:
        """Runs the steps of a call."""
        self._answered()  # what an earlier client kept is flushed from the first call on: before it, there may be no event loop
        return await self._drive(steps)

    async def _drive(self, steps: Steps[T]) -> T:
        """Runs steps, one effect after the other."""
        try:
            effect = next(steps)
            while True:
                try:
                    came = await self._do(effect)
                except BaseException as e:
                    effect = steps.throw(e)
                else:
                    effect = steps.send(came)
        except StopIteration as end:
            return cast("T", end.value)

    async def _do(self, effect: Effect) -> Any:
        if isinstance(effect, Send):
            return await self._attempt(effect)
        if isinstance(effect, Sleep):
            return await asyncio.sleep(effect.seconds)
        # Not given up when the caller is cancelled: what is written must be known.
        return await asyncio.shield(asyncio.to_thread(effect.work))

    async def _attempt(self, send: Send) -> Reply | NoReply:
        try:
            return reply(await self._http.send(build(self._http, self._base_url, self._headers, send)))
        except httpx.RequestError as e:
            return lost(e)

    def _kept(self) -> None:
        self._tasks.wake()

    def _answered(self) -> None:
        if self.journal is not None and not self.journal.is_empty:
            self._tasks.wake()

    async def _flush_quietly(self) -> bool:
        """Flushes once; whether the journal is then empty."""
        if self.journal is None:
            return True
        await self._drive(flush(self.journal, self._quiet, 0))
        return self.journal.is_empty
