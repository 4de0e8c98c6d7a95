"""Types: the package, its examples and these tests check; the generated files are those of the server's document."""

from __future__ import annotations

import inspect
import json
import re
import subprocess
import sys
from pathlib import Path

import httpx
from conftest import Server

from headworks import AsyncHeadworks, AsyncHold, Headworks, Hold

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "headworks"

WRONG = """
from headworks import Headworks
client = Headworks("http://127.0.0.1:1", "k")
client.request("GET", "/v1/nowhere")
client.request("POST", "/v1/accounts", body={"name": "acme"})
client.authorize("acme", "chat", {"tokens": "many"})
client.authorize("acme", "chat", settle="soon")
client.grant("acme", {"amount": "5", "category": "gift"})
Headworks("http://127.0.0.1:1", "k", fallback="ajar")
right: str = client.balances("acme")["available"]
also: list[object] = [client.request("GET", "/v1/accounts/{id}/balances", params={"id": "acme"})["available"]]
"""


def mypy(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mypy", "--strict", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


def test_everything_checks() -> None:
    checked = mypy("--python-version", "3.10", "src/headworks", "tests", "examples", "tools")
    assert checked.returncode == 0, checked.stdout


def test_wrong_calls_do_not_check(tmp_path: Path) -> None:
    (tmp_path / "wrong.py").write_text(WRONG)
    said = mypy(str(tmp_path / "wrong.py")).stdout
    lines = sorted({int(n) for n in re.findall(r"wrong\.py:(\d+): error", said)})
    assert lines == [4, 5, 6, 7, 8, 9], said


def test_generated_files_are_those_of_the_server(server: Server, tmp_path: Path) -> None:
    document = httpx.get(f"{server.url}/v1/openapi.json", headers={"authorization": f"Bearer {server.key}"}).json()
    (tmp_path / "openapi.json").write_text(json.dumps(document))
    subprocess.run(
        [sys.executable, str(ROOT / "tools" / "generate.py"), str(tmp_path / "openapi.json"), str(tmp_path)], check=True
    )
    for name in ("schema.py", "_routes.py"):
        same = (tmp_path / name).read_text() == (PACKAGE / name).read_text()
        assert same, f"{name} is not what the server's document gives: run tools/generate.py on it"


def test_both_clients_have_the_same_calls() -> None:
    for one, other in ((Headworks, AsyncHeadworks), (Hold, AsyncHold)):
        calls = {n for n, _ in inspect.getmembers(one, inspect.isfunction) if not n.startswith("_")}
        assert calls == {n for n, _ in inspect.getmembers(other, inspect.isfunction) if not n.startswith("_")}
        for name in calls:
            ours, theirs = (inspect.signature(getattr(c, name)) for c in (one, other))
            assert ours.parameters == theirs.parameters, name
            assert str(ours.return_annotation) == str(theirs.return_annotation).replace("Async", ""), name


def test_invariants_name_their_tests() -> None:
    tests = "".join(path.read_text() for path in (ROOT / "tests").glob("test_*.py"))
    named = {name for path in PACKAGE.glob("*.py") for name in re.findall(r"`(test_\w+)`", path.read_text())}
    assert len(named) >= 15
    for name in named:
        assert f"def {name}(" in tests, name


def test_files_are_small() -> None:
    for path in [*PACKAGE.glob("*.py"), *(ROOT / "tools").glob("*.py")]:
        if path.name not in ("schema.py", "_routes.py"):
            assert len(path.read_text().splitlines()) <= 400, path.name


def test_the_package_knows_its_version() -> None:
    from headworks import __version__

    assert f'version = "{__version__}"' in (ROOT / "pyproject.toml").read_text()
    assert (PACKAGE / "py.typed").exists() and (ROOT / "LICENSE").read_bytes() == (
        ROOT.parents[1] / "LICENSE"
    ).read_bytes()
