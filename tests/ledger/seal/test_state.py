"""The state of a log that a reader keeps: what was read is not read again, and what is kept is what a new reader finds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ledger.errors import LogDamaged
from ledger.seal.folder import LogFolder
from ledger.seal.state import KeptState, load_state
from tests.console.support import enrolment, response
from tests.ledger.seal.support import Ledger, sqlite_ledger


def growing(ledger: Ledger, number: int) -> int:
    """The size of the log after one more response."""
    ledger.record([response(number, "Lindomar", "2010-06-01T10:00:00Z")])
    return ledger.seal().size


def same(found: Any, folder: LogFolder, size: int) -> bool:
    state, tree = found
    expected, other = load_state(folder, size, None)
    return bool((state.heads, state.throughs, tree.root) == (expected.heads, expected.throughs, other.root))


def test_a_kept_state_grows_with_the_log_and_is_what_a_new_reader_finds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with sqlite_ledger(tmp_path, enrolment()) as ledger:
        sizes = [ledger.seal().size, *(growing(ledger, number) for number in range(4))]
        kept, folder = KeptState(), ledger.folder
        assert kept.size == 0
        for size in (sizes[0], sizes[1], sizes[3]):
            assert same(kept.load(folder, size, None), folder, size)
            assert kept.size == size
        assert same(kept.load(folder, sizes[2], None), folder, sizes[2])
        assert kept.size == sizes[3]  # an older one takes no newer one's place
        read: list[int] = []
        entries = LogFolder.read_entries
        monkeypatch.setattr(
            LogFolder, "read_entries", lambda self, first, end: read.append(first) or entries(self, first, end)
        )
        kept.load(folder, sizes[4], None)
        assert min(read) == sizes[3]


def test_what_is_of_another_log_is_not_gone_on_with(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "other").mkdir()
    with (
        sqlite_ledger(tmp_path / "one", enrolment()) as one,
        sqlite_ledger(tmp_path / "other", enrolment("m-2")) as other,
    ):
        kept = KeptState()
        kept.load(one.folder, one.seal().size, None)
        other.seal()
        other.record(enrolment("m-3"))
        size = other.seal().size
        with pytest.raises(LogDamaged):
            kept.load(other.folder, size, None)
        assert kept.size == 0
        assert same(kept.load(other.folder, size, None), other.folder, size)
