"""What is sent again, when, and that it is counted once."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from email.utils import format_datetime

import pytest
from conftest import Books, Server
from faults import Answer, Drop, Fault, HandledBut, Lose, Proxy, Slow

from headworks import APIError, Conflict, Headworks, TooManyRequests, Unavailable
from headworks._retry import backoff, retry_after

USE = {"input_tokens": 100, "output_tokens": 200}
SOON = {"retry-after-ms": "1"}
PRICE = Decimal("0.5")  # a thousandth for each of 100, two for each of 200


@pytest.mark.parametrize(
    "fault",
    [
        Drop(),
        Lose(),
        *(Answer(status, SOON) for status in (429, 500, 502)),
        *(HandledBut(status, SOON) for status in (408, 502, 503)),
    ],
    ids=str,
)
def test_a_dropped_answer_is_counted_once(fault: Fault, proxy: Proxy, server: Server, books: Books) -> None:
    proxy.plan = [fault]
    with Headworks(proxy.url, server.key) as client:
        decision = client.authorize(books.name, "chat", USE, settle="now")
    assert decision.allowed and not decision.fallback
    keys = [seen.headers["idempotency-key"] for seen in proxy.requests("/v1/authorize")]
    assert len(keys) == 2 and len(set(keys)) == 1
    assert books.spent == PRICE and books.kinds == ["charged"]


def test_a_slow_answer_is_counted_once(proxy: Proxy, server: Server, books: Books) -> None:
    proxy.plan = [Slow(1.0)]
    with Headworks(proxy.url, server.key, timeout=0.3) as client:
        decision = client.authorize(books.name, "chat", USE, settle="now")
    assert decision.replayed and books.spent == PRICE


def test_a_refused_connection_is_tried_again(proxy: Proxy, server: Server, books: Books) -> None:
    proxy.down()
    with Headworks(proxy.url, server.key) as client:
        started = time.monotonic()
        with pytest.raises(Unavailable) as caught:
            client.authorize(books.name, "chat", USE)
        assert not caught.value.may_have_happened and caught.value.status is None
        assert 0.375 + 0.75 <= time.monotonic() - started < 5  # two waits: 0.5 s and 1 s, less a quarter at most
        proxy.up()
        assert client.authorize(books.name, "chat", USE).allowed


def test_each_call_has_a_key_of_its_own_or_the_callers(proxy: Proxy, server: Server, books: Books) -> None:
    with Headworks(proxy.url, server.key) as client:
        client.authorize(books.name, "image", settle="now")
        client.authorize(books.name, "image", settle="now")
        first = client.authorize(books.name, "image", settle="now", idempotency_key="größe-1")
        again = client.authorize(books.name, "image", settle="now", idempotency_key="größe-1")
    keys = [seen.headers["idempotency-key"] for seen in proxy.requests("/v1/authorize")]
    assert len(set(keys)) == 3
    assert not first.replayed and again.replayed and again.charge == first.charge
    assert books.spent == 3


def test_the_server_says_what_is_sent_again(proxy: Proxy, server: Server, books: Books) -> None:
    rows: list[tuple[Answer, int]] = [
        (Answer(503, {"x-should-retry": "false"}), 1),
        (Answer(429, {"x-should-retry": "false"}), 1),
        (Answer(409, {"retry-after": "0"}), 1),
        (Answer(409, {"x-should-retry": "true", "retry-after-ms": "1"}), 3),
        (Answer(400), 1),
        (Answer(404), 1),
        (Answer(422), 1),
        (Answer(429, {"retry-after-ms": "1"}), 3),
        (Answer(503, {"retry-after": "0"}), 3),
        (Answer(429, {"retry-after": "61"}), 1),
    ]
    with Headworks(proxy.url, server.key) as client:
        for fault, attempts in rows:
            proxy.seen, proxy.fault = [], fault
            with pytest.raises((APIError, Unavailable)):
                client.authorize(books.name, "chat", USE)
            assert len(proxy.seen) == attempts, fault


def test_a_wait_that_is_too_long_is_the_callers(proxy: Proxy, server: Server, books: Books) -> None:
    proxy.fault = Answer(429, {"retry-after": "3600"})
    with Headworks(proxy.url, server.key) as client, pytest.raises(TooManyRequests) as caught:
        client.authorize(books.name, "chat", USE)
    assert caught.value.retry_after == 3600


def test_a_wait_that_the_server_names_is_kept(proxy: Proxy, server: Server, books: Books) -> None:
    proxy.plan = [Answer(503, {"retry-after-ms": "300"}), Answer(503, {"retry-after": "0"})]
    with Headworks(proxy.url, server.key) as client:
        assert client.check(books.name, "chat", USE).allowed
    first, second, third = (seen.at for seen in proxy.seen)
    assert 0.3 <= second - first < 0.5 and third - second < 0.3


def test_a_conflict_of_the_server_is_not_sent_again(proxy: Proxy, server: Server, books: Books) -> None:
    with Headworks(proxy.url, server.key) as client:
        hold = client.authorize(books.name, "chat", USE).hold
        assert hold
        client.release(hold)
        with pytest.raises(Conflict) as caught:  # the server adds `retry-after: 1` to it
            client.settle(hold, USE)
    assert caught.value.code == "hold_ended" and caught.value.status == 409
    assert len(proxy.requests("/v1/settle")) == 1


def test_what_has_no_key_is_not_repeated(proxy: Proxy, server: Server) -> None:
    with Headworks(proxy.url, server.key) as client:
        for fault, attempts in ((Drop(), 1), (HandledBut(502), 1), (Answer(429, {"retry-after": "0"}), 3)):
            proxy.seen, proxy.fault = [], fault
            with pytest.raises((APIError, Unavailable)):
                client.request("POST", "/v1/test-clock/advance", body={"by": "1s"})
            assert len(proxy.seen) == attempts, fault


def test_an_answer_that_breaks_off_is_no_answer(proxy: Proxy, server: Server, books: Books) -> None:
    json = {"content-type": "application/json"}
    proxy.plan = [Answer(200, json, b'{"outcome": "al'), Answer(200, {**json, "content-length": "500"}, b"{")]
    with Headworks(proxy.url, server.key) as client:
        assert client.authorize(books.name, "chat", USE, settle="now").allowed
    assert books.spent == PRICE


def test_waits_grow_to_a_bound() -> None:
    for attempt, longest in ((0, 0.5), (1, 1.0), (2, 2.0), (3, 4.0), (4, 8.0), (5, 8.0), (60, 8.0)):
        waits = [backoff(attempt) for _ in range(200)]
        assert longest * 0.75 <= min(waits) and max(waits) <= longest
        assert max(waits) - min(waits) > longest * 0.1, "they spread"


def test_retry_after_is_read_in_all_its_forms() -> None:
    now = datetime(2026, 11, 27, 12, tzinfo=timezone.utc)
    date: Callable[[int], str] = lambda seconds: format_datetime(now + timedelta(seconds=seconds), usegmt=True)  # noqa: E731
    rows = [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": date(30)}, 30.0),
        ({"retry-after": date(-30)}, 0.0),
        ({"retry-after-ms": "250"}, 0.25),
        ({"retry-after-ms": "250", "retry-after": "7"}, 0.25),
        ({"retry-after-ms": "x", "retry-after": "7"}, 7.0),
    ]
    for headers, seconds in rows:
        assert retry_after(headers, now) == seconds, headers
