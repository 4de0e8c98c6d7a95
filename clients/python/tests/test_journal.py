"""The journal's file: bounded, read back, with one writer."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from headworks import Journal, JournalDamaged, JournalError, JournalFull, JournalLocked, OpenUpTo, UnknownLocalHold
from headworks._entry import Entry, counted

SMALL = 4 << 10


def use(name: str, quantity: int = 1, text: str = "") -> Entry:
    return Entry(name, "use", "acme", "chat", name, {"tokens": quantity}, {"account": "acme", "note": text})


def hold(name: str, quantity: int = 1, expires: float = 1e12) -> Entry:
    record = {"account": "acme", "feature": "chat", "quantities": {"tokens": quantity}}
    return Entry(name, "hold", "acme", "chat", name, {"tokens": quantity}, record, expires=expires)


def test_entries_are_read_back(tmp_path: Path) -> None:
    entries = [use("a"), hold("b", 5), Entry("c", "settle", "acme", "", "", {}, {"hold": "acme~3"}, hold="acme~3")]
    journal = Journal(tmp_path / "j")
    for entry in entries:
        journal.put(entry)
    journal.put(use("gone"))
    journal.delete(["gone"])
    journal.close()
    again = Journal(tmp_path / "j")
    assert again.ready(9) == [entries[0], entries[2]] and again.local_hold("b") == entries[1]
    assert again.outstanding("acme", "chat", "tokens") == 6 and len(again) == 2
    again.close()


def test_an_emptied_journal_is_an_empty_file(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j")
    journal.put(use("a"))
    journal.delete(["a"])
    journal.close()
    assert (tmp_path / "j").read_bytes() == b"" and (tmp_path / "j").stat().st_mode & 0o777 == 0o600


def test_a_torn_line_is_dropped(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j")
    journal.put(use("a"))
    journal.put(use("b"))
    journal.close()
    whole = (tmp_path / "j").read_bytes()
    first = whole.index(b"\n") + 1
    for end in {*range(first, len(whole), 9), first + 1, len(whole) - 1}:
        (tmp_path / "j").write_bytes(whole[:end])
        journal = Journal(tmp_path / "j")
        assert [entry.id for entry in journal.ready(9)] == ["a"]
        journal.put(use("c"))
        journal.close()
        journal = Journal(tmp_path / "j")
        assert [entry.id for entry in journal.ready(9)] == ["a", "c"], "what follows a torn line is whole"
        journal.close()


@pytest.mark.parametrize("line", [b"{", b"[]", b'{"id": "a"}', b'{"unknown": 1}'])
def test_a_damaged_line_is_named(line: bytes, tmp_path: Path) -> None:
    (tmp_path / "j").write_bytes(use("a").line + line + b"\n" + use("b").line)
    with pytest.raises(JournalDamaged, match=r":2: .* line"):
        Journal(tmp_path / "j")
    (tmp_path / "j").write_bytes(use("a").line)
    Journal(tmp_path / "j").close()  # the lock was given up


def test_the_journal_is_bounded(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j", max_bytes=SMALL)
    kept = []
    for n in range(300):
        if journal.let_in(use(f"n{n}", text="x" * (n % 50)), None):
            kept.append(f"n{n}")
        assert (tmp_path / "j").stat().st_size <= SMALL
    assert 10 < len(kept) < 60
    with pytest.raises(JournalFull, match="4096"):
        journal.put(use("more", text="x" * 50))
    journal.delete(kept[:10])
    assert journal.let_in(use("more"), None), "what is recorded makes room"
    for n in range(150):  # entries that come and go do not fill it
        journal.delete([f"come{n - 1}"])
        assert journal.let_in(use(f"come{n}"), None)
        assert (tmp_path / "j").stat().st_size <= SMALL
    assert len(journal) == len(kept) - 10 + 2
    journal.close()


def test_ends_find_room(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j", max_bytes=SMALL)
    names: list[str] = []
    while journal.let_in(hold(f"h{len(names)}"), None):
        names.append(f"h{len(names)}")
    while journal.let_in(use(f"u{len(journal)}"), None):
        pass
    assert len(names) > 5
    for name in names:
        open_hold = journal.local_hold(name)
        record = {**open_hold.record, "quantities": {"tokens": 123_456_789_012}, "dimensions": {"model": "large" * 8}}
        journal.put(Entry(name, "use", "acme", "chat", name, {"tokens": 123_456_789_012}, record))
        assert (tmp_path / "j").stat().st_size <= SMALL
    journal.close()
    again = Journal(tmp_path / "j", max_bytes=SMALL)
    assert {entry.id for entry in again.ready(999)} >= set(names)
    again.close()


def test_expired_holds_give_way(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j", max_bytes=SMALL)
    n = 0
    while journal.let_in(hold(f"h{n}", expires=1.0), None) and n < 150:
        n += 1
    assert n == 150 and journal.outstanding("acme", "chat", "tokens") == 0
    with pytest.raises(UnknownLocalHold):
        journal.local_hold("h0")
    assert journal.local_hold("h149").id == "h149"
    journal.close()


def test_amounts_count_each_meter_account_and_feature(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j")
    up_to = OpenUpTo(10)
    assert journal.let_in(use("a", 10), up_to) and not journal.let_in(use("b", 1), up_to)
    other = [
        Entry("c", "use", "zoe", "chat", "c", {"tokens": 10}),
        Entry("d", "use", "acme", "image", "d", {"tokens": 10}),
        Entry("e", "use", "acme", "chat", "e", {"pictures": 10}),
    ]
    assert all(journal.let_in(entry, up_to) for entry in other)
    assert not journal.let_in(Entry("f", "use", "zoe", "chat", "f", {"pictures": 1, "tokens": 1}), up_to)
    journal.delete(["a"])
    assert journal.let_in(use("b", 10), up_to)
    journal.close()


def test_one_writer(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j")
    with pytest.raises(JournalLocked, match="another client"):
        Journal(tmp_path / "j")
    journal.close()
    with pytest.raises(JournalError, match="closed"):
        journal.put(use("a"))
    Journal(tmp_path / "j").close()
    with pytest.raises(JournalError, match="directory"):
        Journal(tmp_path / "nowhere" / "j")


def test_a_failed_write_closes_the_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal(tmp_path / "j")
    journal.put(use("a"))

    def fails(_: int) -> None:
        raise OSError(errno.EIO, "the disk failed")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fails)
        with pytest.raises(JournalError, match="the disk failed"):
            journal.put(use("b"))
    for _ in range(2):  # also once the disk works again: what it has is unknown
        with pytest.raises(JournalError, match="restart"):
            journal.let_in(use("c"), None)
    assert journal.outstanding("acme", "chat", "tokens") == 1
    journal.close()


def test_rejected_uses_are_bounded(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j", max_bytes=SMALL)
    set_aside = 0
    for n in range(100):
        journal.put(use(f"n{n}"))
        if journal.reject(journal.ready(1)[0], {"type": "x"}):
            set_aside += 1
        else:
            break
    assert 10 < set_aside < 60 and (tmp_path / "j.rejected").stat().st_size <= SMALL
    assert len(journal) == 1, "what finds no room stays"
    journal.close()


def test_quantities_are_counted() -> None:
    rows = [
        (None, None, {"requests": 1}),
        ({}, None, {"requests": 1}),
        ({"tokens": 5}, None, {"tokens": 5}),
        ({"requests": 3}, None, {"requests": 3}),
        (None, [{"quantities": {"a": 1}}, {"quantities": {"a": 2, "b": 3}}], {"a": 3, "b": 3}),
    ]
    for quantities, parts, total in rows:
        assert counted(quantities, parts) == total
