"""Streams that a writer cannot read: set aside with the reason, kept out of everybody's way, taken up after the mend.

An event may be unreadable because a newer program wrote it while this one still runs (a rolling upgrade), or because
bytes were damaged. Its membership cannot be decided on then, but all others can:

* The store keeps a line for the stream: the position of the event, the reason, and the instant up to which the membership
  had been reviewed by then. `project --status` shows the lines.
* Facts for it are answered `put-off` with the code `stream-set-aside`: they are not refused by any rule, and are
  recorded when they are handed in again after the mend.
* Reviews pass over it. An edition that takes effect in the past, which would revise what was announced to every
  membership, is put off as well while a stream is set aside; editions of the future are not.
* The first writer that can read it takes it up again: its horizon is moved from where it was left to where all others
  are, with every announcement in between, and the line is removed. A writer tries when it first meets the stream, when
  the bytes of the event have changed, and now and then besides.

Streams of editions and that of the log are not set aside: without them nothing can be decided (BrokenHistory).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Final

from ledger.errors import LedgerError
from ledger.event import leaf_hash
from ledger.store.base import Aside, Reader
from ledger.writing.loading import Unreadable

SET_ASIDE_CODE: Final = "stream-set-aside"
"""With which a fact is put off. None of REFUSAL_CODES: no rule says so, and it will not last."""
RETRY_S: Final = 30.0
"""A stream whose event looks the same is tried again after this: what was mended may stand before that event."""
TRIED_MAX: Final = 10_000
"""Tries that are remembered; a forgotten one is made again."""


class PutOff(LedgerError):
    """A fact that cannot be recorded now, and can once a stream is readable again."""

    code: Final = SET_ASIDE_CODE

    def __init__(self, asides: Iterable[Aside | Unreadable], what: str = "the fact") -> None:
        first, *others = asides
        more = f" (and {len(others)} other streams)" if others else ""
        self.sentence = (
            f"{first.stream} is set aside{more}, since its event at position {first.position} cannot be read "
            f"({first.reason}); {what} can be handed in again once that is mended"
        )
        super().__init__(f"{self.code}: {self.sentence}")


class FoundUnreadable(LedgerError):
    """Streams turned out to be unreadable where nothing may be done without them: they have to be set aside first."""

    def __init__(self, unreadable: list[Unreadable]) -> None:
        super().__init__(", ".join(one.stream for one in unreadable))
        self.unreadable = unreadable


class Tries:
    """When this process last failed to read a stream, and over which bytes. It belongs to a writer, and outlives its caches."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._failed: dict[str, tuple[float, str | None]] = {}

    def failed(self, book: Reader, stream: str, position: int) -> None:
        """Takes note of a try."""
        if len(self._failed) >= TRIED_MAX:
            self._failed.clear()
        self._failed[stream] = (self._monotonic(), _leaf_at(book, position))

    def worth_it(self, book: Reader, aside: Aside) -> bool:
        """Whether a stream that is set aside may be readable by now, as far as one look at its event tells."""
        at_s, leaf = self._failed.get(aside.stream, (None, None))
        if at_s is None or self._monotonic() - at_s >= RETRY_S:
            return True
        return _leaf_at(book, aside.position) != leaf


def _leaf_at(book: Reader, position: int) -> str | None:
    for row in book.read_feed(position - 1, 1):
        if row.position == position:
            return leaf_hash(row.stored) if isinstance(row.stored, bytes) else None  # SQLite takes a text as well
    return None
