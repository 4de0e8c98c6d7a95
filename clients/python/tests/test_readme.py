"""The README's code runs as it stands, in its order, against the real server."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from conftest import Books, Server

from headworks import Headworks

README = Path(__file__).parents[1] / "README.md"


def test_the_readme_runs(
    server: Server,
    admin: Headworks,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("HEADWORKS_URL", server.url)
    monkeypatch.setenv("HEADWORKS_API_KEY", server.key)
    monkeypatch.chdir(tmp_path)
    admin.open_account({"id": "acme"})
    admin.grant("acme", {"amount": "10", "category": "purchased"})
    blocks = re.findall(r"^```python\n(.*?)^```", README.read_text(), re.M | re.S)
    assert len(blocks) == 5
    scope: dict[str, object] = {"__name__": "readme"}
    for block in blocks:
        exec(compile(block, str(README), "exec"), scope)
    careful = scope["careful"]
    assert isinstance(careful, Headworks) and (tmp_path / "headworks.journal").exists()
    careful.close()
    books = Books("acme", admin)
    assert [kind for kind in books.kinds if kind == "settled"] == ["settled"] * 3
    assert books.charged("output_tokens") == 5 + 700 + 700 and books.held == 0
    assert float(capsys.readouterr().out) == float(10 - books.spent)


def test_a_denial_of_the_readme_is_printed(
    server: Server, admin: Headworks, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HEADWORKS_URL", server.url)
    monkeypatch.setenv("HEADWORKS_API_KEY", server.key)
    admin.open_account({"id": "poor"})
    block = re.search(r"^```python\n(.*?)^```", README.read_text(), re.M | re.S)
    assert block is not None
    scope: dict[str, object] = {}
    exec(compile(block[1].replace('"acme"', '"poor"'), str(README), "exec"), scope)
    assert capsys.readouterr().out.startswith("insufficient_credits [{'purchase': '4.4'")
    client = scope["client"]
    assert isinstance(client, Headworks)
    client.close()
