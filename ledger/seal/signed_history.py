"""What a log has signed, read as of one moment: the published checkpoint, and the history of checkpoints."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Final

from ledger.errors import LogDamaged, LogUnreachable
from ledger.seal.findings import Finding
from ledger.seal.folder import LogFolder
from ledger.seal.log_reader import LogReader
from ledger.seal.log_url import LogUrl

TRIES: Final = 4
WAIT_S: Final = 0.03
CACHED_S: Final = 3.0
"""A checkpoint at a URL may be so old: a `log-server` lets caches keep it for two seconds."""
CACHED_PAUSE_S: Final = 1.0


def read_signed(log: LogReader, findings: list[Finding]) -> tuple[bytes | None, list[bytes]]:
    """The published checkpoint and the history, as far as they can be read; what is wrong with them goes to the findings.

    The two are read one after the other, and a sealer may publish in between, or be about to add to the history what it
    published; a cache between may keep the one for a while, and not the other. So what does not fit together is read anew,
    until it fits or stands still. Raises LogUnreachable for a folder that is not there.
    """
    require_there(log)
    pause_s, patience_s = (CACHED_PAUSE_S, CACHED_S) if isinstance(log, LogUrl) else (WAIT_S, 0.0)
    end_s = time.monotonic() + patience_s
    published, history, wrong = _read(log)
    for _ in range(TRIES):
        if history[-1:] == [published] or not history:
            break
        time.sleep(pause_s)
        before = published, len(history)
        published, history, wrong = _read(log)
        if before == (published, len(history)) and time.monotonic() >= end_s:
            break
    findings += wrong
    return published, history


def require_there(log: object) -> None:
    """A folder that is not there (another name, a disk that is not mounted) is no log without a checkpoint."""
    if isinstance(log, LogFolder) and not log.root.is_dir():
        raise LogUnreachable(f"{log.root}: found no such folder, expected that of a log")


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
