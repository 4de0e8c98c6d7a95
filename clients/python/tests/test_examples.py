"""The example as its readers run it: by uvicorn, against the real server."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import httpx
import pytest
from conftest import Books, Server
from faults import Proxy, eventually

EXAMPLES = Path(__file__).parents[1] / "examples"
PROMPT = "one two three four five"


@dataclass
class Example:
    """The example, behind the proxy."""

    http: httpx.Client
    proxy: Proxy

    def caller(self, books: Books) -> dict[str, str]:
        return {"x-account": books.name, "x-user": "alice"}

    def post(self, path: str, books: Books) -> httpx.Response:
        return self.http.post(path, content=PROMPT, headers=self.caller(books))


@pytest.fixture(scope="module")
def example(server: Server) -> Iterator[Example]:
    with Proxy(server.url) as proxy:
        own = {"HEADWORKS_URL": proxy.url, "HEADWORKS_API_KEY": server.key}
        command = [sys.executable, "-m", "uvicorn", "fastapi_app:app", "--app-dir", str(EXAMPLES), "--port", "0"]
        with subprocess.Popen(command, env={**os.environ, **own}, stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr is not None
            line = next((line for line in process.stderr if "running on" in line), "the example ended")
            address = next(word for word in line.split() if word.startswith("http://"))
            with httpx.Client(base_url=address, timeout=10) as http:
                yield Example(http, proxy)
            process.terminate()


def test_fastapi_settles_what_was_used(example: Example, books: Books) -> None:
    assert example.post("/answers", books).json() == {"text": PROMPT}
    assert example.post("/streams", books).text.split() == PROMPT.split()
    eventually(lambda: sorted(books.kinds) == ["authorized"] * 2 + ["settled"] * 2)  # a hold ends after its answer
    assert books.charged("output_tokens") == 10 and books.charged("input_tokens") == 2 * len(PROMPT)
    assert books.charges[0]["usage"]["path"] == "user:alice"


def test_fastapi_settles_what_was_sent_when_the_caller_leaves(example: Example, books: Books) -> None:
    words = "word " * 200
    with example.http.stream("POST", "/streams", content=words, headers=example.caller(books)) as response:
        next(response.iter_raw())
    eventually(lambda: books.kinds[-1] == "settled")
    assert 1 <= books.charged("output_tokens") < 150 and books.held == 0


def test_fastapi_says_why_not(example: Example, open_account: Callable[..., Books]) -> None:
    poor, slow = open_account(credits="0.1"), open_account("slow")
    answer = example.post("/answers", poor)
    assert answer.status_code == 402 and answer.json()["reason"] == "insufficient_credits"
    estimate = Decimal("0.001") * len(PROMPT) + Decimal("0.002") * 200
    assert Decimal(answer.json()["unblock"]["purchase"]) == estimate - Decimal("0.1")
    assert example.post("/answers", slow).status_code == 200
    eventually(lambda: slow.kinds == ["authorized", "settled"])  # which is after the answer
    answer = example.post("/answers", slow)
    assert answer.status_code == 429 and answer.json()["reason"] == "rate_limit"
    assert 3500 < int(answer.headers["retry-after"]) <= 3600


def test_fastapi_is_closed_without_the_server(example: Example, books: Books) -> None:
    example.proxy.down()
    answer = example.post("/answers", books)
    example.proxy.up()
    assert answer.status_code == 503 and answer.json() == {"reason": "unavailable"}
    assert example.post("/answers", books).status_code == 200
