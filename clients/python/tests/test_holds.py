"""Holds in blocks: how they end, and that they last as long as their block."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from decimal import Decimal
from typing import NoReturn

import pytest
from conftest import Books, Server
from faults import Answer, Drop, Proxy, Slow, eventually

from headworks import AsyncHeadworks, Denied, Headworks, HeadworksError, Invalid, Unavailable

USE = {"input_tokens": 100, "output_tokens": 200}
HALF = {"input_tokens": 100, "output_tokens": 50}


def test_a_settled_hold_charges_what_was_used(admin: Headworks, books: Books) -> None:
    with admin.hold(books.name, "chat", USE) as hold:
        assert books.held == Decimal("0.5")
        charge = hold.settle(HALF)
    assert charge.price == Decimal("0.2") and charge.hold == hold.id and not charge.late
    assert books.spent == Decimal("0.2") and books.held == 0 and books.kinds == ["authorized", "settled"]


def test_leaving_releases(admin: Headworks, books: Books) -> None:
    with admin.hold(books.name, "chat", USE):
        pass
    assert books.spent == 0 and books.held == 0 and books.kinds == ["authorized", "released"]


def test_an_exception_releases(admin: Headworks, books: Books) -> None:
    with pytest.raises(KeyError), admin.hold(books.name, "chat", USE):
        raise KeyError("the work failed")
    assert books.spent == 0 and books.held == 0 and books.kinds == ["authorized", "released"]


@pytest.mark.parametrize("reported", [True, False])
def test_an_exception_settles_what_was_reported(reported: bool, admin: Headworks, books: Books) -> None:
    with pytest.raises(KeyError), admin.hold(books.name, "chat", USE) as hold:
        if reported:
            hold.report(HALF)
        else:
            hold.used = HALF
        raise KeyError("the work failed")
    assert books.spent == Decimal("0.2") and books.kinds[-1] == "settled"


def test_what_was_used_last_is_settled(admin: Headworks, books: Books) -> None:
    with admin.hold(books.name, "chat", USE) as hold:
        for n in range(10):
            hold.used = {"input_tokens": 100, "output_tokens": n}
    assert books.charged("output_tokens") == 9 and books.kinds == ["authorized", "settled"]


def test_a_hold_grows(admin: Headworks, open_account: Callable[..., Books]) -> None:
    books = open_account(credits="1")
    with admin.hold(books.name, "chat", USE) as hold:
        assert hold.extend({"output_tokens": 200}).allowed
        denied = hold.extend({"output_tokens": 200})
        assert not denied.allowed and denied.reason == "insufficient_credits"
        least = hold.extend({"output_tokens": 200}, min={"output_tokens": 10})
        assert least.allowed and least.outcome == "partial" and least.quantities["output_tokens"] == 50
        hold.settle({"input_tokens": 100, "output_tokens": 450})
    assert books.spent == 1


def test_a_denied_hold_says_why(admin: Headworks, open_account: Callable[..., Books]) -> None:
    poor = open_account(credits="0.1")
    with pytest.raises(Denied, match="insufficient_credits") as caught, admin.hold(poor.name, "chat", USE):
        raise AssertionError("the block must not run")
    decision = caught.value.decision
    assert decision.unblock is not None and decision.unblock["purchase"] == "0.4"
    assert poor.held == 0


def test_a_decision_is_managed(admin: Headworks, books: Books) -> None:
    decision = admin.authorize(books.name, "chat", USE)
    with admin.manage(decision) as hold:
        hold.settle(HALF)
    assert books.spent == Decimal("0.2") and books.kinds == ["authorized", "settled"]


def test_a_block_is_for_one_hold_that_was_allowed(admin: Headworks, open_account: Callable[..., Books]) -> None:
    books, poor = open_account(), open_account(credits="0.1")
    hold = admin.hold(books.name, "chat", USE)
    with hold:
        pass
    with pytest.raises(HeadworksError, match="one block"), hold:
        raise AssertionError("the block must not run")
    with pytest.raises(Denied), admin.manage(admin.authorize(poor.name, "chat", USE)):
        raise AssertionError("the block must not run")
    with pytest.raises(HeadworksError, match="not open"), admin.manage(admin.check(books.name, "chat", USE)):
        raise AssertionError("the block must not run")


def test_a_long_hold_stays_alive(admin: Headworks, books: Books) -> None:
    """Ten extensions of the same length, each at half of its life, would end before."""
    with admin.hold(books.name, "chat", USE, life=0.4) as hold:
        time.sleep(0.4 * (10 / 2 + 1) + 0.4)
        assert not hold.settle(HALF).late
    assert books.spent == Decimal("0.2") and "hold_expired" not in books.kinds


def test_a_hold_is_not_kept_alive_when_asked_not_to(admin: Headworks, books: Books) -> None:
    with admin.hold(books.name, "chat", USE, life=0.2, keep_alive=False) as hold:
        time.sleep(0.4)
        assert hold.settle(HALF).late
    assert "hold_expired" in books.kinds


def test_a_feature_that_allows_no_longer_life_keeps_its_own(admin: Headworks, books: Books) -> None:
    with admin.hold(books.name, "clip", {"seconds": 5}) as hold:  # a life of one second, and none longer
        time.sleep(2.3)
        assert not hold.settle({"seconds": 5}).late


def test_holds_that_ended_are_not_extended(admin: Headworks, books: Books) -> None:
    for _ in range(5):
        with admin.hold(books.name, "chat", USE, life=0.2) as hold:
            hold.settle(HALF)
    time.sleep(0.4)
    assert books.kinds == ["authorized", "settled"] * 5


def test_a_hold_outlives_an_outage(proxy: Proxy, server: Server, books: Books) -> None:
    with (
        Headworks(proxy.url, server.key, max_retries=0) as client,
        client.hold(books.name, "chat", USE, life=1) as hold,
    ):
        proxy.fault = Answer(503)
        time.sleep(0.75)  # the first extension was due at half of its life
        proxy.fault = None
        time.sleep(0.75)
        assert not hold.settle(HALF).late


def test_a_failed_settlement_is_not_released(proxy: Proxy, server: Server, books: Books) -> None:
    with Headworks(proxy.url, server.key, max_retries=0) as client:
        with pytest.raises(Unavailable) as caught, client.hold(books.name, "chat", USE) as hold:
            proxy.plan = [Answer(502)]
            hold.settle(HALF)
        assert caught.value.may_have_happened
        assert books.kinds == ["authorized"], "it stays open: the use happened"
        client.settle(hold.id, HALF)
    assert books.spent == Decimal("0.2")


def test_a_settlement_whose_answer_was_lost_is_counted_once(proxy: Proxy, server: Server, books: Books) -> None:
    with Headworks(proxy.url, server.key) as client, client.hold(books.name, "chat", USE) as hold:
        proxy.plan = [Drop()]
        assert hold.settle(HALF).replayed
    assert books.spent == Decimal("0.2")


def test_a_settlement_that_the_server_refuses_can_be_mended(admin: Headworks, books: Books) -> None:
    with admin.hold(books.name, "chat", USE) as hold:
        with pytest.raises(Invalid) as caught:
            hold.settle({"output_tokens": 1})
        assert caught.value.code == "missing_meter"
        hold.settle(HALF)
    assert books.spent == Decimal("0.2")


def test_the_exception_of_the_block_goes_first(proxy: Proxy, server: Server, books: Books) -> None:
    with Headworks(proxy.url, server.key, max_retries=0) as client:
        with pytest.raises(KeyError), client.hold(books.name, "chat", USE):
            proxy.down()
            raise KeyError("the work failed")
        proxy.up()
        with pytest.raises(Unavailable), client.hold(books.name, "chat", USE):
            proxy.down()  # nothing else went wrong: that it was not released is said


def test_async_holds(server: Server, books: Books) -> None:
    async def main() -> None:
        async with AsyncHeadworks(server.url, server.key) as client:
            async with client.hold(books.name, "chat", USE, life=0.4) as hold:
                await asyncio.sleep(1.5)
                assert not (await hold.settle(HALF)).late
            with pytest.raises(KeyError):
                async with client.hold(books.name, "chat", USE) as hold:
                    await hold.report(HALF)
                    raise KeyError("the work failed")
            async with client.hold(books.name, "chat", USE):
                pass
            async with client.manage(await client.authorize(books.name, "chat", USE)) as hold:
                hold.used = HALF

    asyncio.run(main())
    assert books.spent == 3 * Decimal("0.2") and books.held == 0


async def cancelled(task: asyncio.Task[None]) -> None:
    """Cancels as often as a cancel scope likes."""
    for _ in range(3):
        task.cancel()
        await asyncio.sleep(0)
    with pytest.raises(asyncio.CancelledError):
        await task


def test_a_cancelled_task_settles_what_was_used(proxy: Proxy, server: Server, books: Books) -> None:
    async def main() -> None:
        async with AsyncHeadworks(proxy.url, server.key) as client:
            entered = asyncio.Event()

            async def work() -> None:
                async with client.hold(books.name, "chat", USE) as hold:
                    hold.used = HALF
                    entered.set()
                    await asyncio.sleep(60)

            task = asyncio.create_task(work())
            await entered.wait()
            await cancelled(task)

    asyncio.run(main())
    assert books.spent == Decimal("0.2") and books.held == 0


@pytest.mark.parametrize(("at", "spent"), [("authorize", "0"), ("settle", "0.2")])
def test_a_call_that_is_cancelled_on_the_way_has_its_end(
    at: str, spent: str, proxy: Proxy, server: Server, books: Books
) -> None:
    async def main() -> None:
        async with AsyncHeadworks(proxy.url, server.key) as client:

            async def work() -> None:
                async with client.hold(books.name, "chat", USE) as hold:
                    proxy.plan = [Slow(0.3)]
                    await hold.settle(HALF)

            proxy.plan = [Slow(0.3)] if at == "authorize" else []
            task = asyncio.create_task(work())
            await asyncio.to_thread(eventually, lambda: bool(proxy.requests(f"/v1/{at}")))
            await cancelled(task)

    asyncio.run(main())
    assert books.spent == Decimal(spent) and books.held == 0 and len(books.kinds) == 2


def test_an_interrupted_settlement_is_sent_again(server: Server, books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    with Headworks(server.url, server.key) as client:

        def interrupted(_: object) -> NoReturn:
            raise KeyboardInterrupt

        with (
            pytest.raises(KeyboardInterrupt),
            client.hold(books.name, "chat", USE) as hold,
            monkeypatch.context() as patch,
        ):
            patch.setattr(client, "_attempt", interrupted)
            hold.settle(HALF)
    assert books.spent == Decimal("0.2")
