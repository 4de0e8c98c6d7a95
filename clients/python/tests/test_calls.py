"""The calls of the API against the real server: answers, errors, and what the client knows without it."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import httpx
import pytest
from conftest import Books, Server, start, stop
from faults import Answer, Drop, Proxy

from headworks import (
    APIError,
    AsyncHeadworks,
    BadRequest,
    Headworks,
    Invalid,
    NotFound,
    OpenUpTo,
    Unauthenticated,
    Unavailable,
)
from headworks._spans import Span, instant, parsed, seconds, span

USE = {"input_tokens": 100, "output_tokens": 200}


def test_a_decision_is_read(admin: Headworks, books: Books) -> None:
    decision = admin.authorize(books.name, "chat", USE, path=["user:alice"], life=timedelta(minutes=5))
    assert decision.allowed and decision.outcome == "allow" and decision.reason == "allowed"
    assert decision.price == Decimal("0.5") and decision.quantities == USE and decision.account == books.name
    assert not decision.fallback and not decision.replayed and decision.charge is None and decision.ways == []
    assert decision.decision_id is not None and decision.hold is not None
    stored = admin.explain(decision.decision_id)
    assert stored["usage"]["path"] == "user:alice"
    (hold,) = admin.holds(books.name)["holds"]
    life = parsed(hold["expires_at"]) - parsed(hold["opened_at"])
    assert hold["id"] == decision.hold and life == timedelta(minutes=5)
    assert admin.release(decision.hold) is not None and books.held == 0


def test_a_denial_is_an_answer(admin: Headworks, open_account: Callable[..., Books]) -> None:
    poor = open_account(credits="0.1")
    decision = admin.authorize(poor.name, "chat", USE)
    assert not decision.allowed and decision.reason == "insufficient_credits" and decision.quantities == {}
    assert decision.hold is None and decision.wall == "account" and decision.refused_by == "credits"
    (way,) = decision.ways
    assert way["purchase"] == "0.4" and way["certainty"] == "exact" and decision.unblock_at is None
    partial = admin.authorize(poor.name, "chat", {**USE, "input_tokens": 0}, min={"output_tokens": 1})
    assert partial.allowed and partial.outcome == "partial" and partial.quantities["output_tokens"] == 50


def test_a_denial_says_when(admin: Headworks, open_account: Callable[..., Books]) -> None:
    slow = open_account("slow")
    assert admin.authorize(slow.name, "image", settle="now").allowed
    decision = admin.check(slow.name, "image")
    assert decision.reason == "rate_limit" and decision.transient
    assert decision.unblock_at is not None and decision.retry_after is not None
    assert 3590 < decision.retry_after <= 3600
    assert abs(decision.unblock_at.timestamp() - time.time() - decision.retry_after) < 5


def test_checks_have_no_effect(admin: Headworks, books: Books) -> None:
    assert admin.check(books.name, "chat", USE).price == Decimal("0.5")
    assert books.kinds == []


def test_use_is_recorded_and_refunded(admin: Headworks, books: Books) -> None:
    yesterday = datetime.now(timezone.utc) - timedelta(days=1)
    charge = admin.record(books.name, "chat", USE, effective_at=yesterday)
    assert charge.price == Decimal("0.5") and charge.charge is not None and not charge.quarantined
    assert books.spent == Decimal("0.5")
    admin.refund(charge.charge, "0.2", reason="late")
    assert books.spent == Decimal("0.3")
    admin.refund(charge.charge)
    assert books.spent == 0
    old = admin.record(books.name, "chat", USE, effective_at=yesterday - timedelta(days=90))
    assert old.quarantined and old.charge is None and books.spent == 0


def test_events_and_batches(admin: Headworks, books: Books) -> None:
    event = {"specversion": "1.0", "id": "1", "source": "test", "type": "chat", "subject": books.name, "data": USE}
    assert admin.events([event, {**event, "id": "2"}])["accepted"] == 2
    assert admin.events([event])["duplicates"] == 1
    answer = admin.batch(
        [
            {"authorize": {"account": books.name, "feature": "image", "settle": "now"}},
            {"record": {"account": books.name, "feature": "image"}},
            {"record": {"account": "nobody", "feature": "image"}},
        ]
    )
    assert [next(iter(item)) for item in answer["items"]] == ["decision", "charge", "problem"]
    assert books.spent == Decimal("3")
    hold = admin.authorize(books.name, "image").hold
    assert hold is not None
    settled = admin.batch([{"settle": {"hold": hold, "quantities": {"requests": 2}}}])
    assert "charge" in settled["items"][0] and books.spent == Decimal("5")


def test_a_batch_whose_answer_was_lost_is_counted_once(proxy: Proxy, server: Server, books: Books) -> None:
    proxy.plan = [Drop()]
    with Headworks(proxy.url, server.key) as client:
        client.batch([{"record": {"account": books.name, "feature": "image"}} for _ in range(3)])
    assert books.spent == 3


def test_accounts(admin: Headworks) -> None:
    name = f"org/ünï {uuid.uuid4().hex[:8]}"
    assert admin.open_account({"id": name, "plan": "slow"})["plan"] == "slow"
    grant = admin.grant(name, {"amount": "5", "category": "promotional"}, idempotency_key="g")
    assert admin.grant(name, {"amount": "5", "category": "promotional"}, idempotency_key="g")["replayed"]
    assert admin.balances(name)["available"] == "5" and admin.account(name)["id"] == name
    admin.adjust(name, {"grant": grant["id"], "amount": "-1"})
    assert admin.balances(name, unit="credits")["available"] == "4"
    admin.void_grant(grant["id"])
    assert admin.balances(name)["available"] == "0"
    assert admin.change_account(name, {"suspended": True})["id"]
    assert admin.account(name)["suspended"] and admin.authorize(name, "image").reason == "suspended"
    assert [(w["name"], w["used"]) for w in admin.windows(name)["windows"]] == [("pace", "0")]
    assert [r["kind"] for r in admin.records(name, start=2, max=2)["records"]] == ["granted", "adjusted"]
    first = admin.accounts(max=1)
    assert len(first["accounts"]) == 1 and first.get("next") is not None
    assert admin.accounts(after=first["next"], max=1)["accounts"] != first["accounts"]


def test_any_call_of_the_api(admin: Headworks, server: Server, books: Books) -> None:
    assert admin.request("GET", "/healthz") == "ok\n"
    assert "plans.open" in str(admin.request("GET", "/v1/catalog"))
    rows = admin.request("GET", "/v1/accounts/{id}/records", params={"id": books.name}, query={"max": 1})
    assert len(rows["records"]) == 1
    made = admin.request("POST", "/v1/keys", body={"scopes": ["read"], "accounts": [books.name]})
    with Headworks(server.url, made["secret"]) as reader:
        assert reader.balances(books.name)["available"] == "1000"
        with pytest.raises(APIError) as caught:
            reader.authorize(books.name, "image")
        assert caught.value.status == 403 and caught.value.code == "wrong_scope"
    admin.request("DELETE", "/v1/keys/{id}", params={"id": made["key"]["id"]})


def test_errors_say_what_and_where(admin: Headworks, server: Server, books: Books) -> None:
    stranger = Headworks(server.url, "hw_wrong")
    rows: list[tuple[Callable[[], object], type[APIError], int, str]] = [
        (lambda: admin.authorize("nobody", "chat", USE), NotFound, 404, "unknown_account"),
        (lambda: admin.authorize(books.name, "nothing"), Invalid, 422, "unknown_feature"),
        (lambda: admin.authorize(books.name, "chat", {"input_tokens": -1}), Invalid, 422, "invalid_request"),
        (
            lambda: admin.authorize(books.name, "chat", USE, idempotency_key="x" * 257),
            BadRequest,
            400,
            "idempotency_key_invalid",
        ),
        (lambda: admin.explain("nobody~1"), NotFound, 404, "unknown_account"),
        (lambda: stranger.balances(books.name), Unauthenticated, 401, "unauthenticated"),
    ]
    for call, kind, status, code in rows:
        with pytest.raises(kind) as caught:
            call()
        error = caught.value
        assert type(error) is kind and error.status == status and error.code == code
        assert error.detail and error.detail in str(error) and error.problem["status"] == status
    stranger.close()
    admin.authorize(books.name, "image", idempotency_key="k")
    with pytest.raises(Invalid) as conflict:
        admin.authorize(books.name, "clip", {"seconds": 1}, idempotency_key="k")
    assert conflict.value.code == "idempotency_conflict"
    with pytest.raises(ValueError, match="account~number"):
        admin.refund("17")


def test_settings_are_said_when_missing(monkeypatch: pytest.MonkeyPatch, server: Server, books: Books) -> None:
    monkeypatch.delenv("HEADWORKS_URL", raising=False)
    monkeypatch.delenv("HEADWORKS_API_KEY", raising=False)
    for arguments, missing in (
        (("", "k"), "HEADWORKS_URL"),
        (("http://127.0.0.1:1", ""), "HEADWORKS_API_KEY"),
        (("localhost:8080", "k"), "http://"),
    ):
        with pytest.raises(ValueError, match=missing):
            Headworks(*arguments)
    monkeypatch.setenv("HEADWORKS_URL", server.url)
    monkeypatch.setenv("HEADWORKS_API_KEY", server.key)
    with Headworks() as client:
        assert client.balances(books.name)["available"] == "1000"


def test_the_caller_brings_its_own_connections(server: Server, books: Books) -> None:
    with httpx.Client() as http:
        with Headworks(server.url + "/", server.key, http_client=http) as client:
            assert client.check(books.name, "image").allowed
        assert not http.is_closed


def test_asyncio_has_the_same_calls(server: Server, books: Books) -> None:
    async def main() -> None:
        async with AsyncHeadworks(server.url, server.key) as client:
            many = await asyncio.gather(*(client.authorize(books.name, "image", settle="now") for _ in range(20)))
            assert all(decision.allowed for decision in many)
            assert (await client.balances(books.name))["spent"] == "20"
            assert await client.request("GET", "/healthz") == "ok\n"
            with pytest.raises(NotFound):
                await client.authorize("nobody", "image")

    asyncio.run(main())
    assert books.spent == 20


def test_use_that_waited_is_dated_by_the_servers_clock(tmp_path: Path) -> None:
    """The clock of a test server stands, months from ours."""
    running = start(tmp_path, "--test-clock", "2026-03-01T00:00:00Z")
    try:
        with Proxy(running.url) as proxy, Headworks(running.url, running.key) as admin:
            admin.open_account({"id": "acme"})
            admin.grant("acme", {"amount": "9", "category": "purchased"})
            with Headworks(
                proxy.url, running.key, max_retries=0, fallback=OpenUpTo(9), journal=tmp_path / "j"
            ) as client:
                client.check("acme", "image")
                proxy.down()
                client.authorize("acme", "image", settle="now")
                proxy.up()
                assert client.flush().left == 0
            charged = admin.records("acme")["records"][-1]
            assert charged["kind"] == "charged" and charged["effective_at"].startswith("2026-03-01T00:00:0")
    finally:
        stop(running)


def test_durations_and_instants() -> None:
    assert [span(v) for v in ("1h", 1.5, 90, timedelta(days=1))] == ["1h", "1500ms", "90000ms", "86400000ms"]
    rows: list[tuple[Span, float]] = [
        ("90s", 90),
        ("1m 30s", 90),
        ("PT5H", 18000),
        ("P1DT1H", 90000),
        ("250ms", 0.25),
        ("1.5h", 5400),
        (7, 7),
        ("x", 60),
    ]
    for text, number in rows:
        assert seconds(text, 60) == pytest.approx(number), text
    assert instant(datetime(2026, 11, 27, 13, tzinfo=timezone(timedelta(hours=1)))) == "2026-11-27T12:00:00Z"
    with pytest.raises(ValueError, match="zone"):
        instant(datetime(2026, 11, 27))
    for text in ("2026-11-27T12:00:00.5Z", "2026-11-27T12:00:00.500000Z", "2026-11-27T12:00:00.500000999Z"):
        assert parsed(text) == datetime(2026, 11, 27, 12, 0, 0, 500000, tzinfo=timezone.utc)


def test_what_is_no_server_is_unavailable(books: Books) -> None:
    with Headworks("http://127.0.0.1:9", "hw_key", max_retries=0) as client:
        with pytest.raises(Unavailable, match="/v1/check") as caught:
            client.check(books.name, "image")
        assert isinstance(caught.value.cause, httpx.ConnectError)


def test_what_is_another_server_is_said(proxy: Proxy, server: Server, books: Books) -> None:
    with Headworks(proxy.url, server.key, fallback="open") as client:
        for body, kind in (
            (b"<html>welcome</html>", "text/html"),
            (b"{}", "application/json"),
            (b"[1]", "application/json"),
        ):
            proxy.plan = [Answer(200, {"content-type": kind}, body)]
            with pytest.raises(APIError, match="base_url"):
                client.authorize(books.name, "image")
