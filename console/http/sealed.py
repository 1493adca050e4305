"""How it stands with the log: the checkpoint that is published in its folder, how large and how old it is."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ledger.errors import LedgerError

LATE_S: Final = 3_600.0
"""More to seal, and a checkpoint so old: nobody seals. A receipt promises a checkpoint within a day."""


@dataclass(frozen=True, slots=True)
class Published:
    """The published checkpoint."""

    size: int
    """Entries that it covers."""
    made_s: float
    """When it was published, seconds since 1970: the time of its file."""


def lost(folder: Path) -> str | None:
    """What shows that a checkpoint was published in a log's folder and is not there any more; None where nothing does.

    The history has a line for each checkpoint that was published.
    """
    from ledger.seal.log_reader import CHECKPOINT, HISTORY

    if not folder.is_dir():
        return "found no such folder, expected that of the log: another place, or a disk that is not mounted"
    if (folder / CHECKPOINT).exists():
        return None
    try:
        published = (folder / HISTORY).stat().st_size > 0
    except OSError:
        return None
    return "found no checkpoint, expected the one that was published: its history is there" if published else None


class Sealing:
    """Looks at a log's folder, in which this process or another seals. A look reads one file of some hundred bytes."""

    def __init__(self, folder: Path, late_s: float = LATE_S) -> None:
        self._folder = folder
        self._late_s = late_s
        self._seen: tuple[Published | None, int] | None = None
        """The last checkpoint that was seen, and the end of the book then: what came later is not in it."""
        self._since_s = time.time()

    def published(self) -> Published | None:
        """The checkpoint; None before the first, and where it cannot be read."""
        from ledger.proof.log.checkpoint import parse_checkpoint
        from ledger.proof.log.errors import ProofError
        from ledger.proof.log.note import parse_note
        from ledger.seal.folder import LogFolder

        try:
            signed = LogFolder(self._folder).checkpoint()
            if signed is None:
                return None
            size = parse_checkpoint(parse_note(signed)[0]).size
            return Published(size, (self._folder / "checkpoint").stat().st_mtime)
        except (LedgerError, ProofError, OSError):
            return None

    def unreadable(self) -> bool:
        """Whether there is no checkpoint though one was published, or one that cannot be read."""
        if self.published() is not None:
            return False
        was_seen = self._seen is not None and self._seen[0] is not None
        return was_seen or lost(self._folder) is not None or (self._folder / "checkpoint").exists()

    def age_s(self) -> float | None:
        """How long ago it was published."""
        found = self.published()
        return None if found is None else max(0.0, time.time() - found.made_s)

    def late_s(self, end: int) -> float | None:
        """How old the checkpoint is, where that is too old and the book, which ends at a position, goes beyond it."""
        old_s = self.unsealed_s(end)
        return old_s if old_s and old_s >= self._late_s else None

    def unsealed_s(self, end: int) -> float:
        """How old the checkpoint is where the book, which ends at a position, goes beyond it; 0 where it does not."""
        found = self.published()
        if self._seen is None or self._seen[0] != found:
            self._seen = (found, end if found is not None else 0)
        made_s = self._since_s if found is None else found.made_s
        return max(0.0, time.time() - made_s) if end > self._seen[1] else 0.0  # the clock may have been set back
