"""What a log has signed, read as of one moment: the published checkpoint, and the history of checkpoints.

The two are read one after the other, and a sealer may publish in between, or be about to add to the history what it
published; a cache between may keep the one for a while, and not the other. So what does not fit together is read on, until
it fits or stands still.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Final

from ledger.errors import LogDamaged
from ledger.seal.findings import Finding
from ledger.seal.log_reader import HistoryLine, LogReader

TRIES: Final = 4
WAIT_S: Final = 0.03
STALE_WAIT_S: Final = 1.0


class SignedHistory:
    """Reads a log's history on from where it was read last."""

    def __init__(self, log: LogReader) -> None:
        self._log = log
        self._last: HistoryLine | None = None

    def read(self, take: Callable[[HistoryLine], None], findings: list[Finding]) -> bytes | None:
        """The published checkpoint, as far as there is one; before that `take` is given each new line of the history.

        What is wrong with either goes to the findings. A history whose last line is another by now is read anew. Raises
        LogUnreachable for a folder that is not there.
        """
        self._log.require_there()
        stale_s = self._log.stale_s
        end_s = time.monotonic() + stale_s
        published, wrong = self._read(take)
        for _ in range(TRIES):
            if published is None or self._last is None or self._last.note == published:
                break
            time.sleep(STALE_WAIT_S if stale_s else WAIT_S)
            before = published, self._last
            published, wrong = self._read(take)
            if before == (published, self._last) and time.monotonic() >= end_s:
                break
        findings += wrong
        return published

    def ends_in(self, published: bytes) -> str | None:
        """None where the last line read is the published checkpoint; else what is there instead."""
        if self._last is None:
            return "none"
        return None if self._last.note == published else "another one at its end"

    @property
    def is_kept(self) -> bool:
        """Whether there is any line."""
        return self._last is not None

    def go_back_to(self, last: HistoryLine | None) -> None:
        """The next reading begins after this line; at the beginning for None."""
        self._last = last

    def _read(self, take: Callable[[HistoryLine], None]) -> tuple[bytes | None, list[Finding]]:
        published, wrong = None, list[Finding]()
        try:
            published = self._log.checkpoint()
            if published is None:
                wrong.append(Finding("incomplete", "checkpoint", "none", "a published checkpoint"))
        except LogDamaged as error:
            wrong.append(Finding("tampered", "checkpoint", str(error), "a published checkpoint"))
        try:
            for line in self._lines():
                self._last = line
                take(line)
        except LogDamaged as error:
            wrong.append(Finding("tampered", "history of checkpoints", str(error), "one on each line"))
        return published, wrong

    def _lines(self) -> Iterator[HistoryLine]:
        """Those after the one that was read last, if it stands there still; else all."""
        if self._last is not None:
            lines = self._log.history_lines(self._last.start)
            with suppress(LogDamaged):
                if next(lines, None) == self._last:
                    return lines
        self._last = None
        return self._log.history_lines()


def beyond_published(size: int, sizes: Iterable[int]) -> Iterator[Finding]:
    """What was signed beyond the published checkpoint of a size: an older one may have been put back in its place."""
    for larger in sizes:
        if larger > size:
            found, expected = f"size {size}", f"{larger}, which the log signed by its history of checkpoints"
            yield Finding("incomplete", "published checkpoint", found, expected)


def out_of_order(largest: int, size: int) -> Iterator[Finding]:
    """A checkpoint of the history stands after a larger one."""
    if size < largest:
        yield Finding("tampered", "history of checkpoints", f"size {size} after size {largest}", "the oldest first")
