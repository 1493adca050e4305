"""What is judged of the entries in their order: each event extends its stream, whatever pieces they come in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from ledger.monitor.entries import LogEntries
from ledger.monitor.memory import Memory
from ledger.proof.log.merkle import leaf_hash
from ledger.proof.registry import PROOF_PROGRAMMES
from tests.ledger.seal.support import sqlite_ledger

CHANGED = 20


@pytest.fixture(scope="module")
def events(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """A small book's, of several streams."""
    with sqlite_ledger(tmp_path_factory.mktemp("book")) as ledger:
        return [row.stored for row in ledger.store.read_feed(0, 1_000)]


def found(events: Sequence[bytes], folder: Path, piece: int) -> list[str]:
    """Where something is wrong, by a judge that takes so many events at a time."""
    with closing(Memory(folder, "test", "test")) as memory:
        entries = LogEntries(PROOF_PROGRAMMES, memory)
        for start in range(0, len(events), piece):
            some = events[start : start + piece]
            entries.take_unsealed(start + 1, some, [leaf_hash(event) for event in some])
        entries.keep((), settle=True)
        return [finding.what for finding in memory.findings()]


def swapped(events: list[bytes]) -> list[bytes]:
    """Two events of one stream, the other way round."""
    return [*events[:CHANGED], events[CHANGED + 1], events[CHANGED], *events[CHANGED + 2 :]]


CHANGES: dict[str, Callable[[list[bytes]], list[bytes]]] = {
    "lost": lambda events: [*events[:CHANGED], *events[CHANGED + 1 :]],
    "twice": lambda events: [*events[: CHANGED + 1], events[CHANGED], *events[CHANGED + 1 :]],
    "swapped": swapped,
    "another prev": lambda events: [
        *events[:CHANGED], events[CHANGED].replace(b'"prev":"', b'"prev":"0')[:-1] + b"}", *events[CHANGED + 1 :],
    ],
}  # fmt: skip


@pytest.mark.parametrize("piece", [1, 7, 1_000])
def test_a_sound_book(events: list[bytes], tmp_path: Path, piece: int) -> None:
    assert found(events, tmp_path, piece) == []


@pytest.mark.parametrize("piece", [1, 7, 1_000])
@pytest.mark.parametrize("change", CHANGES)
def test_an_event_that_does_not_extend_its_stream(events: list[bytes], change: str, tmp_path: Path, piece: int) -> None:
    wrong = found(CHANGES[change](events), tmp_path, piece)
    place = CHANGED + 2 if change == "twice" else CHANGED + 1
    chained = [what for what in wrong if what.endswith(("seq", "prev"))]
    assert chained[0].startswith(f"position {place}: membership-m-"), wrong
    if piece == 1_000:
        assert wrong == found(CHANGES[change](events), tmp_path / "again", 999)
