"""Whatever fails in whatever order: what the caller was told is what is charged, once."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from conftest import Books, Server
from faults import Answer, Drop, Fault, HandledBut, Lose, Proxy

from headworks import Headworks

FAULTS: list[Fault | None] = [None, None, Drop(), Lose(), HandledBut(502), Answer(503, {"retry-after-ms": "1"})]
STEPS = 50


@pytest.mark.parametrize("seed", range(3))
def test_every_use_is_charged_once(seed: int, proxy: Proxy, server: Server, books: Books, tmp_path: Path) -> None:
    chance = random.Random(seed)
    journal = tmp_path / "journal"

    def made() -> Headworks:
        return Headworks(proxy.url, server.key, max_retries=0, fallback="open", journal=journal)

    def use() -> dict[str, int]:
        return {"input_tokens": chance.randrange(50), "output_tokens": chance.randrange(50)}

    client, expected = made(), {"input_tokens": 0, "output_tokens": 0}
    for _ in range(STEPS):
        proxy.plan = [chance.choice(FAULTS) for _ in range(8)]
        used = use()
        match chance.randrange(6):
            case 0 | 1:
                assert client.authorize(books.name, "chat", used, settle="now").allowed
            case 2:
                client.record(books.name, "chat", used)
            case 3:
                with client.hold(books.name, "chat", use()) as hold:
                    hold.extend({"output_tokens": 1})
                    hold.settle(used)
            case 4:
                with client.hold(books.name, "chat", used):
                    used = {}  # released
            case _:
                client.flush()
                client.close()
                client, used = made(), {}
        for meter, quantity in used.items():
            expected[meter] += quantity
    proxy.plan = []
    assert client.flush().left == 0
    client.close()
    assert not (tmp_path / "journal.rejected").exists()
    assert {meter: books.charged(meter) for meter in expected} == expected
