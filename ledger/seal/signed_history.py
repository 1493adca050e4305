"""What a log has signed, read as of one moment: the published checkpoint, and the history of checkpoints."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Final

from ledger.errors import LogDamaged
from ledger.seal.findings import Finding
from ledger.seal.log_reader import LogReader

TRIES: Final = 4
WAIT_S: Final = 0.03


def read_signed(log: LogReader, findings: list[Finding]) -> tuple[bytes | None, list[bytes]]:
    """The published checkpoint and the history, as far as they can be read; what is wrong with them goes to the findings.

    The two are read one after the other, and a sealer may publish in between, or be about to add to the history what it
    published. So what does not fit together is read anew, until it fits or stands still.
    """
    published, history, wrong = _read(log)
    for _ in range(TRIES):
        if history[-1:] == [published] or not history:
            break
        time.sleep(WAIT_S)
        before = published, len(history)
        published, history, wrong = _read(log)
        if before == (published, len(history)):
            break
    findings += wrong
    return published, history


def beyond_published(size: int, sizes: Iterable[int]) -> Iterator[Finding]:
    """What was signed beyond the published checkpoint of a size: an older one may have been put back in its place."""
    for larger in sizes:
        if larger > size:
            found, expected = f"size {size}", f"{larger}, which the log signed by its history of checkpoints"
            yield Finding("incomplete", "published checkpoint", found, expected)


def _read(log: LogReader) -> tuple[bytes | None, list[bytes], list[Finding]]:
    published, history, wrong = None, list[bytes](), list[Finding]()
    try:
        published = log.checkpoint()
        if published is None:
            wrong.append(Finding("incomplete", "checkpoint", "none", "a published checkpoint"))
    except LogDamaged as error:
        wrong.append(Finding("tampered", "checkpoint", str(error), "a published checkpoint"))
    try:
        history = log.history()
    except LogDamaged as error:
        wrong.append(Finding("tampered", "history of checkpoints", str(error), "one on each line"))
    return published, history, wrong
