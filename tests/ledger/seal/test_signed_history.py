"""The published checkpoint and the history are read as of one moment, whatever lies between the reader and the log."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ledger.seal import signed_history
from ledger.seal.findings import Finding
from ledger.seal.log_reader import HistoryLine
from ledger.seal.log_url import CACHED_S, LogUrl
from ledger.seal.signed_history import SignedHistory

OLD, NEW = b"older", b"newer"


class Clock:
    """Time that passes only where somebody waits."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def monotonic(self) -> float:
        return self.now_s

    def sleep(self, pause_s: float) -> None:
        self.now_s += pause_s


class Cached(LogUrl):
    """A log behind a cache that keeps an older checkpoint for a while, and nothing else."""

    def __init__(self, clock: Clock, kept_s: float) -> None:
        super().__init__("http://127.0.0.1:1")
        self._clock, self._kept_s = clock, kept_s

    def checkpoint(self) -> bytes:
        return OLD if self._clock.now_s < self._kept_s else NEW

    def history_lines(self, after: int = 0) -> Iterator[HistoryLine]:
        return iter([HistoryLine(0, 6, OLD), HistoryLine(6, 12, NEW)][after // 6 :])


@pytest.mark.parametrize(("kept_s", "expected"), [(0.0, NEW), (0.5, NEW), (2.0, NEW), (600.0, OLD)])
def test_a_checkpoint_that_a_cache_keeps_is_waited_for_as_long_as_it_may(
    monkeypatch: pytest.MonkeyPatch, kept_s: float, expected: bytes
) -> None:
    clock: Any = Clock()
    monkeypatch.setattr(signed_history, "time", clock)
    findings: list[Finding] = []
    taken: list[HistoryLine] = []
    assert SignedHistory(Cached(clock, kept_s)).read(taken.append, findings) == expected
    assert [line.note for line in taken] == [OLD, NEW]
    assert findings == []
    assert clock.now_s <= CACHED_S + 1
