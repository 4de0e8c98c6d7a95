"""What is let in when no answer comes, and that all of it is counted once."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

import pytest
from conftest import Books, Server
from faults import Answer, Drop, HandledBut, Lose, Proxy, eventually

from headworks import (
    AsyncHeadworks,
    Fallback,
    Forbidden,
    Headworks,
    Journal,
    JournalLocked,
    OpenUpTo,
    Unavailable,
    UnknownLocalHold,
)
from headworks._spans import parsed

USE = {"input_tokens": 100, "output_tokens": 200}
PRICE = Decimal("0.5")
CALLS = 50

Make = Callable[..., Headworks]


@pytest.fixture
def make(proxy: Proxy, server: Server, tmp_path: Path) -> Make:
    """Clients behind the proxy, which give up at once."""

    def made(fallback: Fallback | None = None, journal: str | None = "journal") -> Headworks:
        path = tmp_path / journal if journal else None
        return Headworks(proxy.url, server.key, max_retries=0, fallback=fallback, journal=path)

    return made


def test_failure_modes(make: Make, proxy: Proxy, books: Books) -> None:
    proxy.down()
    rows: list[tuple[Fallback | None, int]] = [
        (None, 0),
        ("closed", 0),
        ("open", 9),
        (OpenUpTo(0), 0),
        (OpenUpTo(199), 0),
        (OpenUpTo(200), 1),
        (OpenUpTo(799), 3),
        (OpenUpTo({"input_tokens": 1000, "output_tokens": 450}), 2),
        (OpenUpTo({"input_tokens": 1000}), 0),  # a meter without an amount is not let in
    ]
    for n, (mode, expected) in enumerate(rows):
        with make(mode, f"journal{n}") as client:
            let_in = 0
            for _ in range(9):
                try:
                    decision = client.authorize(books.name, "chat", USE, settle="now")
                except Unavailable:
                    continue
                assert (
                    decision.allowed
                    and decision.fallback
                    and decision.quantities == USE
                    and decision.reason == "unavailable"
                )
                let_in += 1
            assert let_in == expected, mode


def test_what_is_let_in_is_recorded_later(make: Make, proxy: Proxy, books: Books) -> None:
    with make(OpenUpTo(1000)) as client:
        assert client.journal is not None
        proxy.down()
        before = time.time()
        for _ in range(5):
            client.authorize(books.name, "chat", USE, settle="now", path="user:alice")
        with pytest.raises(Unavailable):
            client.authorize(books.name, "chat", USE, settle="now")
        assert client.journal.outstanding(books.name, "chat", "output_tokens") == 1000
        proxy.up()
        done = client.flush()
        assert (done.left, done.rejected, done.error) == (0, 0, None)
        assert books.spent == 5 * PRICE and books.charged("output_tokens") == 1000
        assert client.journal.outstanding(books.name, "chat", "output_tokens") == 0, "the amount is free again"
        proxy.down()
        assert client.authorize(books.name, "chat", USE, settle="now").fallback
    record = books.admin.records(books.name)["records"][2]
    assert abs(parsed(record["effective_at"]).timestamp() - before) < 2, "it is dated when it happened"
    assert books.charges[0]["usage"]["path"] == "user:alice"


def test_the_background_flushes_when_the_server_answers_again(make: Make, proxy: Proxy, books: Books) -> None:
    with make("open") as client:
        proxy.down()
        client.authorize(books.name, "chat", USE, settle="now")
        proxy.up()
        client.check(books.name, "chat", USE)  # an answer
        eventually(lambda: books.spent == PRICE)


def test_the_background_flushes_async(proxy: Proxy, server: Server, books: Books, tmp_path: Path) -> None:
    async def main(let_in: bool) -> None:
        async with AsyncHeadworks(
            proxy.url, server.key, max_retries=0, fallback="open", journal=tmp_path / "j"
        ) as client:
            if let_in:
                proxy.down()
                async with client.hold(books.name, "chat", USE, life=0.3) as hold:
                    await asyncio.sleep(0.5)  # local holds stay alive, too
                    assert (await hold.extend({"output_tokens": 1})).fallback
                    await hold.settle(USE)
                return
            await client.check(books.name, "chat", USE)  # the first call of a client that found a journal
            await asyncio.to_thread(eventually, lambda: books.spent == PRICE)

    asyncio.run(main(True))
    proxy.up()
    assert books.spent == 0
    asyncio.run(main(False))


def test_each_account_and_feature_has_its_amount(make: Make, proxy: Proxy, open_account: Callable[..., Books]) -> None:
    one, other = open_account(), open_account()
    proxy.down()
    with make(OpenUpTo(1)) as client:
        for account in (one.name, other.name):
            assert client.authorize(account, "image", settle="now").fallback
            assert client.authorize(account, "clip", {"seconds": 1}, settle="now").fallback
            for feature, quantities in (("image", None), ("clip", {"seconds": 1})):
                with pytest.raises(Unavailable):
                    client.authorize(account, feature, quantities, settle="now")


def test_open_up_to_never_lets_in_more(make: Make, proxy: Proxy, books: Books) -> None:
    proxy.down()
    with make(OpenUpTo(2000)) as client:  # room for ten of fifty

        def call(_: int) -> int:
            try:
                return int(client.authorize(books.name, "chat", USE, settle="now").fallback)
            except Unavailable:
                return 0

        with ThreadPoolExecutor(CALLS) as threads:
            let_in = sum(threads.map(call, range(CALLS)))
        assert let_in == 10
        proxy.up()
        assert client.flush().left == 0
    assert books.charged("output_tokens") == 2000


def test_open_up_to_never_lets_in_more_async(proxy: Proxy, server: Server, books: Books, tmp_path: Path) -> None:
    proxy.down()

    async def main() -> int:
        up_to = OpenUpTo({"input_tokens": 10_000, "output_tokens": 1999})
        async with AsyncHeadworks(
            proxy.url, server.key, max_retries=0, fallback=up_to, journal=tmp_path / "j"
        ) as client:
            calls = [client.authorize(books.name, "chat", USE, settle="now") for _ in range(CALLS)]
            done = await asyncio.gather(*calls, return_exceptions=True)
            assert all(isinstance(d, Unavailable) or getattr(d, "fallback", False) for d in done)
            proxy.up()
            assert (await client.flush()).left == 0
            return sum(not isinstance(d, Unavailable) for d in done)

    assert asyncio.run(main()) == 9
    assert books.charged("output_tokens") == 1800


@pytest.mark.parametrize("fault", [Drop(), Lose(), HandledBut(502), Answer(500)], ids=str)
def test_a_decision_whose_answer_was_lost_is_charged_once(
    fault: Drop | Lose | HandledBut | Answer, make: Make, proxy: Proxy, books: Books
) -> None:
    with make("open") as client:
        proxy.fault = fault
        assert client.authorize(books.name, "chat", USE, settle="now").fallback
        proxy.fault = None
        assert client.flush().left == 0
    assert books.spent == PRICE and len(books.kinds) == 1


def test_a_decision_whose_answer_was_lost_is_charged_though_denied(
    make: Make, proxy: Proxy, open_account: Callable[..., Books]
) -> None:
    poor = open_account(credits="0.1")
    with make("open") as client:
        proxy.fault = Lose()
        assert client.authorize(poor.name, "chat", USE, settle="now").fallback
        proxy.fault = None
        assert client.flush().left == 0
    assert poor.charged("output_tokens") == 200


def test_a_part_that_was_charged_unheard_is_not_charged_again(
    make: Make, proxy: Proxy, open_account: Callable[..., Books]
) -> None:
    poor = open_account(credits="0.3")  # pays for the input and half of the output
    with make("open") as client:
        proxy.fault = Drop()
        assert client.authorize(poor.name, "chat", USE, settle="now", min={"output_tokens": 1}).quantities == USE
        assert poor.charged("output_tokens") == 100
        proxy.fault = None
        assert client.flush().left == 0
    assert poor.charged("output_tokens") == 200 and poor.charged("input_tokens") == 100


@pytest.mark.parametrize("fault", [Drop(), Lose()], ids=str)
def test_a_hold_whose_answer_was_lost_is_charged_once(
    fault: Drop | Lose, make: Make, proxy: Proxy, books: Books
) -> None:
    with make("open") as client:
        proxy.fault = fault
        with client.hold(books.name, "chat", USE) as hold:
            hold.settle({"input_tokens": 100, "output_tokens": 50})
        proxy.fault = None
        assert client.flush().left == 0
    assert books.spent == Decimal("0.2") and books.held == 0


@pytest.mark.parametrize("fault", [Drop(), Lose()], ids=str)
def test_a_record_whose_answer_was_lost_is_charged_once(
    fault: Drop | Lose, make: Make, proxy: Proxy, books: Books
) -> None:
    with make(OpenUpTo(0)) as client:  # it happened: no amount bounds it
        proxy.fault = fault
        assert client.record(books.name, "chat", USE).fallback
        proxy.fault = None
        assert client.flush().left == 0
    assert books.spent == PRICE and len(books.kinds) == 1


def test_a_crash_between_send_and_delete_counts_once(make: Make, proxy: Proxy, books: Books, tmp_path: Path) -> None:
    proxy.down()
    with make("open") as client:
        client.authorize(books.name, "chat", USE, settle="now")
        with client.hold(books.name, "chat", USE) as hold:
            hold.settle(USE)
    as_it_was = (tmp_path / "journal").read_bytes()
    proxy.up()
    for _ in range(3):  # each time the journal is as if the deletion had not come to the disk
        (tmp_path / "journal").write_bytes(as_it_was)
        with make("open") as client:
            assert client.flush().left == 0
            assert client.journal is not None and client.journal.is_empty
    assert books.spent == 2 * PRICE


KILLED = """
import sys
from headworks import Headworks, OpenUpTo
url, key, account, journal = sys.argv[1:]
client = Headworks(url, key, max_retries=0, fallback=OpenUpTo(1000), journal=journal)
for n in range(5):
    client.authorize(account, "chat", {"input_tokens": 100, "output_tokens": 200}, settle="now")
    print("in", flush=True)
with client.hold(account, "image") as hold:
    print("held", flush=True)
    sys.stdin.read()
"""


def script(text: str, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", textwrap.dedent(text), *arguments]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def killed(process: subprocess.Popen[str], after: list[str]) -> None:
    """Reads what it says, then kills it."""
    with process:
        assert process.stdout is not None
        assert [process.stdout.readline().strip() for _ in after] == after
        process.send_signal(signal.SIGKILL)


def test_a_killed_client_loses_nothing(make: Make, proxy: Proxy, server: Server, books: Books, tmp_path: Path) -> None:
    proxy.down()
    killed(script(KILLED, proxy.url, server.key, books.name, str(tmp_path / "journal")), ["in"] * 5 + ["held"])
    with make(OpenUpTo(1000)) as client:
        with pytest.raises(Unavailable):  # what was let in before the crash counts on
            client.authorize(books.name, "chat", USE, settle="now")
        with pytest.raises(Unavailable):  # so does its hold, until its life ends
            client.authorize(books.name, "image", {"requests": 1000})
        proxy.up()
        assert client.flush().left == 0
    assert books.spent == 5 * PRICE and books.charged("output_tokens") == 1000
    assert books.kinds == ["charged"] * 5, "a hold that nobody settled is not charged"


TWO = """
import sys
from headworks import Headworks
url, key, account, journal = sys.argv[1:]
client = Headworks(url, key, max_retries=0, fallback="open", journal=journal)
for n in range(20):
    client.authorize(account, "chat", {"input_tokens": 100, "output_tokens": 200}, settle="now")
print("in", flush=True)
sys.stdin.readline()
print(client.flush().left, flush=True)
"""


def test_two_processes_have_journals_of_their_own(proxy: Proxy, server: Server, books: Books, tmp_path: Path) -> None:
    proxy.down()
    both = [script(TWO, proxy.url, server.key, books.name, str(tmp_path / f"journal{n}")) for n in range(2)]
    for process in both:
        assert process.stdout is not None and process.stdout.readline() == "in\n"
    with pytest.raises(JournalLocked, match="journal0"):  # and none can be shared
        Journal(tmp_path / "journal0")
    proxy.up()
    said = [process.communicate("\n")[0] for process in both]
    assert said == ["0\n", "0\n"]
    assert books.charged("output_tokens") == 2 * 20 * 200 and books.spent == 40 * PRICE
    Journal(tmp_path / "journal0").close()


def test_a_settlement_without_an_answer_is_sent_later(make: Make, proxy: Proxy, books: Books) -> None:
    with make(OpenUpTo(0)) as client:
        for fault in (Drop(), Lose()):
            with client.hold(books.name, "chat", USE) as hold:
                proxy.fault = fault
                assert hold.settle({"input_tokens": 10, "output_tokens": 20}).fallback
            proxy.fault = None
            assert client.flush().left == 0
    assert books.spent == 2 * Decimal("0.05") and books.held == 0


def test_a_hold_grows_without_the_server_up_to_the_amount(make: Make, proxy: Proxy, books: Books) -> None:
    with make(OpenUpTo(100)) as client:
        assert client.journal is not None
        with client.hold(books.name, "chat", USE) as hold:
            proxy.down()
            assert hold.extend({"output_tokens": 100}).fallback
            with pytest.raises(Unavailable):
                hold.extend({"output_tokens": 1})
            with pytest.raises(Unavailable):  # one amount for the feature, whichever hold it is
                client.authorize(books.name, "chat", {"output_tokens": 1})
            proxy.up()
            hold.settle({"input_tokens": 100, "output_tokens": 300})
        assert client.journal.outstanding(books.name, "chat", "output_tokens") == 0
    assert books.charged("output_tokens") == 300


def test_local_holds(make: Make, proxy: Proxy, books: Books) -> None:
    with make(OpenUpTo(1000)) as client:
        assert client.journal is not None
        proxy.down()
        with client.hold(books.name, "chat", USE, dimensions={}) as hold:
            assert hold.decision.fallback and hold.id.startswith("local:")
            assert hold.extend({"output_tokens": 800}).fallback
            with pytest.raises(Unavailable):
                hold.extend({"output_tokens": 1})
            hold.settle({"input_tokens": 1, "output_tokens": 2})
            with pytest.raises(UnknownLocalHold):
                hold.settle(USE)
            hold.release()  # it has ended: what was settled stays
        assert client.journal.outstanding(books.name, "chat", "output_tokens") == 2, "the estimate is free again"
        with client.hold(books.name, "chat", USE):
            pass
        assert client.journal.outstanding(books.name, "chat", "output_tokens") == 2, "a release frees all of it"
        by_hand = client.authorize(books.name, "chat", USE).hold
        assert by_hand is not None
        client.settle(by_hand, {"input_tokens": 0, "output_tokens": 1})
        proxy.up()
        assert client.flush().left == 0
    assert books.charged("output_tokens") == 3 and books.charged("input_tokens") == 1


def test_a_local_hold_counts_until_its_life_ends(make: Make, proxy: Proxy, books: Books) -> None:
    proxy.down()
    with make(OpenUpTo(200)) as client:
        first = client.authorize(books.name, "chat", USE, life=0.2).hold
        assert first is not None
        with pytest.raises(Unavailable):
            client.authorize(books.name, "chat", USE)

        def is_free() -> bool:
            try:
                return client.check(books.name, "chat", USE).fallback
            except Unavailable:
                return False

        eventually(is_free)
        client.settle(first, USE)  # late, as on the server: it happened
        proxy.up()
        assert client.flush().left == 0
    assert books.spent == PRICE


def test_what_is_refused_for_good_is_set_aside(make: Make, proxy: Proxy, books: Books, tmp_path: Path) -> None:
    proxy.down()
    with make("open") as client:
        client.authorize("nobody", "chat", USE, settle="now")
        client.authorize(books.name, "nothing", USE, settle="now")
        client.authorize(books.name, "chat", USE, settle="now")
        proxy.up()
        assert client.flush().left == 0
    lines = [json.loads(line) for line in (tmp_path / "journal.rejected").read_text().splitlines()]
    assert [line["problem"]["type"].rsplit(":", 1)[-1] for line in lines] == ["unknown_account", "unknown_feature"]
    assert lines[0]["entry"]["record"]["quantities"] == USE
    assert books.spent == PRICE


def test_a_key_without_the_scope_leaves_the_use_and_says_so(
    admin: Headworks, proxy: Proxy, server: Server, books: Books, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    secret = admin.request("POST", "/v1/keys", body={"scopes": ["decide"]})["secret"]
    proxy.down()
    with Headworks(proxy.url, secret, max_retries=0, fallback="open", journal=tmp_path / "j") as client:
        client.authorize(books.name, "chat", USE, settle="now")
        proxy.up()
        done = client.flush()
        assert done.left == 1 and isinstance(done.error, Forbidden) and "wrong_scope" in caplog.text
    with Headworks(proxy.url, server.key, journal=tmp_path / "j") as client:
        assert client.flush().left == 0
    assert books.spent == PRICE


def test_a_full_journal_is_closed(proxy: Proxy, server: Server, books: Books, tmp_path: Path) -> None:
    proxy.down()
    journal = Journal(tmp_path / "j", max_bytes=4096)
    with Headworks(proxy.url, server.key, max_retries=0, fallback="open", journal=journal) as client:
        let_in = 0
        with pytest.raises(Unavailable, match="the journal is full"):
            while let_in < 1000:
                client.authorize(books.name, "chat", USE, settle="now")
                let_in += 1
        with pytest.raises(Unavailable, match="the journal is full"):
            client.hold(books.name, "chat", USE).__enter__()
        assert 5 < let_in == len(journal) < 50
        proxy.up()
        assert client.flush().left == 0
        proxy.down()
        assert client.authorize(books.name, "chat", USE, settle="now").fallback
    assert books.charged("output_tokens") == let_in * 200
    journal.close()  # it was the caller's


def test_a_denial_is_never_let_in(make: Make, open_account: Callable[..., Books]) -> None:
    poor = open_account(credits="0.1")
    with make("open") as client:
        assert not client.authorize(poor.name, "chat", USE).allowed


def test_the_same_call_again_is_let_in_once(make: Make, proxy: Proxy, books: Books) -> None:
    proxy.down()
    with make(OpenUpTo(200)) as client:
        for _ in range(3):
            assert client.authorize(books.name, "chat", USE, settle="now", idempotency_key="k").allowed
        proxy.up()
        assert client.flush().left == 0
    assert books.spent == PRICE


@pytest.mark.parametrize("flushed_first", [True, False])
def test_a_callers_key_is_charged_once_wherever_it_comes_again(
    flushed_first: bool, admin: Headworks, make: Make, proxy: Proxy, server: Server, books: Books
) -> None:
    """A queue that delivers a job twice: once while the server is away, once after."""
    proxy.down()
    with make("open") as client:
        assert client.authorize(books.name, "chat", USE, settle="now", idempotency_key="job-1").fallback
        with client.hold(books.name, "chat", USE, idempotency_key="job-2") as hold:
            hold.settle(USE)
        if flushed_first:
            proxy.up()
            assert client.flush().left == 0
    again = admin.authorize(books.name, "chat", USE, settle="now", idempotency_key="job-1")
    held = admin.authorize(books.name, "chat", USE, idempotency_key="job-2")
    assert again.replayed == held.replayed == flushed_first and held.hold is not None
    assert admin.settle(held.hold, USE).replayed == flushed_first
    proxy.up()
    with make("open") as client:
        assert client.flush().left == 0
    assert books.spent == 2 * PRICE


def test_open_without_a_journal_records_nothing(make: Make, proxy: Proxy, books: Books) -> None:
    proxy.down()
    with make("open", None) as client:
        with client.hold(books.name, "chat", USE) as hold:
            assert hold.extend({"output_tokens": 1}).allowed
            assert hold.settle(USE).fallback
        with pytest.raises(Unavailable):  # it happened: what cannot be kept is said
            client.record(books.name, "chat", USE)
        proxy.up()
        assert client.flush().recorded == 0
    assert books.spent == 0


def test_a_mode_that_cannot_be_kept_is_refused(server: Server) -> None:
    with pytest.raises(ValueError, match="journal"):
        Headworks(server.url, server.key, fallback=OpenUpTo(1))
    with pytest.raises(ValueError, match="closed"):
        Headworks(server.url, server.key, fallback="ajar")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="amount"):
        OpenUpTo(-1)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_does_not_write_the_journal(make: Make, proxy: Proxy, books: Books) -> None:
    proxy.down()
    with make("open") as client:
        client.authorize(books.name, "chat", USE, settle="now")
        child = os.fork()
        if child == 0:
            try:
                client.authorize(books.name, "chat", USE, settle="now")
            except Unavailable as e:
                os._exit(0 if "forked" in str(e) else 1)
            os._exit(2)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        proxy.up()
        assert client.flush().left == 0
    assert books.spent == PRICE
