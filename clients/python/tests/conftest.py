"""A real server for all tests, an account for each, and a proxy that fails as asked in front of it."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from faults import Proxy

from headworks import Headworks

# A thousandth of a credit for a token of input, two for one of output; a credit for an image.
CATALOG = """
version = "t"
default_plan = "open"

[features.chat]
dimensions = ["model"]
overshoot = "refund"
prices = [{ credits = { input_tokens = "0.001", output_tokens = "0.002" } }]

[features.image]
prices = [{ credits = { requests = "1" } }]

[features.clip]
prices = [{ credits = { seconds = "0.01" } }]
hold = { life = "1s", life_max = "1s" }

[plans.open]
features = ["chat", "image", "clip"]
waterfall = [{ grants = { name = "credits" } }]

[plans.slow]
extends = "open"
guards = [{ name = "pace", window.rate = { limit = 1, period = "1h", burst = 1 } }]
"""
MEMORY = 8 << 30


def binary() -> str:
    """The server under test."""
    path = os.environ.get("HEADWORKS_BIN")
    if not path:
        path = str(Path(__file__).parents[3] / "target" / "debug" / "headworks")
    if not Path(path).exists():
        raise pytest.UsageError(f"{path} is not there: build it, or set HEADWORKS_BIN to the server's binary")
    return path


def limited() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


@dataclass
class Server:
    """A server process."""

    url: str
    key: str
    process: subprocess.Popen[str]
    reader: threading.Thread


def start(directory: Path, *more: str) -> Server:
    """Starts a server on a fresh ledger, and waits until it says where it listens."""
    (directory / "catalog.toml").write_text(CATALOG)
    data, catalog = str(directory / "data"), str(directory / "catalog.toml")
    environment = {k: v for k, v in os.environ.items() if not k.startswith("HEADWORKS_")}
    make = [binary(), "keys", "create", "--data", data, "--scope", "admin"]
    made = subprocess.run(make, env=environment, capture_output=True, text=True, check=True)
    serve = [binary(), "serve", "--data", data, "--catalog", catalog, "--listen", "127.0.0.1:0", "--log-format", "json"]
    process = subprocess.Popen([*serve, *more], env=environment, stderr=subprocess.PIPE, text=True, preexec_fn=limited)
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(line)
        address = json.loads(line)["fields"].get("address")
        if address:
            # Somebody must read the log on, or the server would wait for it.
            reader = threading.Thread(target=lambda: [None for _ in process.stderr or ()], daemon=True)
            reader.start()
            return Server(f"http://{address}", made.stdout.split()[-1], process, reader)
    raise AssertionError(f"the server ended: {''.join(said)}")


def stop(server: Server) -> None:
    server.process.kill()
    server.process.wait()
    server.reader.join()
    if server.process.stderr is not None:
        server.process.stderr.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = start(tmp_path_factory.mktemp("server"))
    yield running
    stop(running)


@pytest.fixture(scope="session")
def admin(server: Server) -> Iterator[Headworks]:
    with Headworks(server.url, server.key) as client:
        yield client


@pytest.fixture
def proxy(server: Server) -> Iterator[Proxy]:
    with Proxy(server.url) as running:
        yield running


@dataclass
class Books:
    """An account, as the server has it."""

    name: str
    admin: Headworks

    @property
    def spent(self) -> Decimal:
        return Decimal(self.admin.balances(self.name)["spent"])

    @property
    def held(self) -> Decimal:
        return Decimal(self.admin.balances(self.name)["held"])

    @property
    def kinds(self) -> list[str]:
        """The kinds of its records after the first two, which open it and grant it credits."""
        return [record["kind"] for record in self.admin.records(self.name)["records"]][2:]

    @property
    def charges(self) -> list[Any]:
        """Its charges, in the order of the log."""
        records = self.admin.records(self.name, max=1000)["records"]
        return [record["charge"] for record in records if record.get("charge")]

    def charged(self, meter: str) -> int:
        """Units of a meter that were charged."""
        lines = [line for charge in self.charges for line in charge["usage"]["lines"]]
        return sum(line["quantity"] for line in lines if line["meter"] == meter)


@pytest.fixture
def open_account(admin: Headworks) -> Callable[..., Books]:
    def opened(plan: str = "open", credits: str = "1000") -> Books:
        name = f"a{uuid.uuid4().hex[:12]}"
        admin.open_account({"id": name, "plan": plan})
        admin.grant(name, {"amount": credits, "category": "purchased"})
        return Books(name, admin)

    return opened


@pytest.fixture
def books(open_account: Callable[..., Books]) -> Books:
    """An account with a thousand credits."""
    return open_account()
