"""The published checkpoint and the history are read as of one moment, whatever lies between the reader and the log."""

from __future__ import annotations

from typing import Any

import pytest

from ledger.seal import signed_history
from ledger.seal.findings import Finding
from ledger.seal.log_url import LogUrl
from ledger.seal.signed_history import CACHED_S, read_signed

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

    def history(self) -> list[bytes]:
        return [OLD, NEW]


@pytest.mark.parametrize(("kept_s", "expected"), [(0.0, NEW), (0.5, NEW), (2.0, NEW), (600.0, OLD)])
def test_a_checkpoint_that_a_cache_keeps_is_waited_for_as_long_as_it_may(
    monkeypatch: pytest.MonkeyPatch, kept_s: float, expected: bytes
) -> None:
    clock: Any = Clock()
    monkeypatch.setattr(signed_history, "time", clock)
    findings: list[Finding] = []
    assert read_signed(Cached(clock, kept_s), findings) == (expected, [OLD, NEW])
    assert findings == []
    assert clock.now_s <= CACHED_S + 1
