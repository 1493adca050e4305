"""The log in a folder, as it is read for an answer: for so long at most, under a name that does not say where it lies."""

from __future__ import annotations

import time
from pathlib import Path

from console.http.problems import Problem
from console.http.sealed import lost
from ledger.errors import LogDamaged
from ledger.seal.published_log import UnlinkedFolder


class PatientLog(UnlinkedFolder):
    """Reads until an instant of the monotonic clock; then it raises Problem (504), which whoever still waits is told."""

    def __init__(self, folder: Path, end_s: float) -> None:
        super().__init__(folder.resolve())
        self._end_s = end_s

    @property
    def name(self) -> str:
        """For messages to who asks."""
        return "the log"

    def require_time(self) -> None:
        """Raises Problem (504) once the instant is past."""
        if time.monotonic() > self._end_s:
            raise Problem(504, "deadline", "found no evidence in time: the log is read at another time, or faster")

    def checkpoint(self) -> bytes | None:
        """The published checkpoint; None before the first. Raises LogDamaged where one was published and is gone."""
        found = super().checkpoint()
        if found is None and (what := lost(self.root)) is not None:
            raise LogDamaged(f"{self.root}: {what}")
        return found

    def read_path(self, path: str, max_bytes: int) -> bytes | None:
        """The bytes at a path of the log."""
        self.require_time()
        return super().read_path(path, max_bytes)
