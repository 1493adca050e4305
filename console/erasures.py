"""The book as an erasure sees it: what it says of erasures, and how it is told of them (`ledger.vault.erasing`)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Final

import orjson

from ledger.book import rows_of_type
from ledger.event import leaf_hash
from ledger.instants import parse_instant
from ledger.log_events import (
    ERASURE_COMPLETED,
    ERASURE_REQUESTED,
    LOG_STREAM,
    erasure_completed_id,
    erasure_requested_id,
)
from ledger.programmes.survey.events import membership_stream
from ledger.store.bookmark import bookmark_at

if TYPE_CHECKING:
    from console.wiring import Ledger
    from ledger.store.base import Row, Store
    from ledger.vault.erasures import ErasureInBook
    from ledger.writing.writer import Writer

HASH_DIGITS: Final = 16
INVITATION_SENT: Final = "InvitationSent"
_PREFIX: Final = membership_stream("")


class BookOfStore:
    """What a book says."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def first_hash(self) -> str | None:
        """The leaf hash of its first event; None where it has none."""
        first = bookmark_at(self._store, 1)
        return None if first is None else first.head

    def erasures(self, mark: str) -> Iterator[ErasureInBook]:
        """The erasures after a mark: the seq of an event of the log's own stream, and how its leaf hash begins.

        A mark that is of no event of this book, which was restored from before it, stands for none.
        """
        from ledger.vault.erasures import ErasureInBook

        store = self._store
        seq = mark.partition("-")[0]
        after = int(seq) if seq.isdecimal() else 0
        if after:
            marked = next(store.read_stream(LOG_STREAM, after - 1), None)
            if marked is None or marked.seq != after or _mark(marked) != mark:
                after = 0
        for row in store.read_stream(LOG_STREAM, after):
            if row.type in (ERASURE_REQUESTED, ERASURE_COMPLETED):
                event = orjson.loads(row.stored)
                yield ErasureInBook(_mark(row), event["data"]["subject"], parse_instant(event["occurred_at"]))

    def invitations(self, membership: str | None, subjects: Collection[str]) -> Iterator[tuple[str, str, str]]:
        """(membership, subject, invitation) of each that was sent to one of some subjects: of one membership, or of all."""
        stream = None if membership is None else membership_stream(membership)
        for row in rows_of_type(self._store, INVITATION_SENT, stream=stream):
            data = orjson.loads(row.stored)["data"]
            if data["subject"] in subjects:
                yield row.stream.removeprefix(_PREFIX), data["subject"], data["invitation"]


class BookOfWriter(BookOfStore):
    """What a book says, and how it is told of erasures: by its writer, which is made when it is needed."""

    def __init__(self, store: Store, writer: Callable[[], Writer]) -> None:
        super().__init__(store)
        self._writer = writer

    def requested(self, subjects: Sequence[str]) -> None:
        """Has the book say that the erasure of subjects was asked for, once for each."""
        self._note(ERASURE_REQUESTED, [(subject, erasure_requested_id(subject)) for subject in subjects])

    def completed(self, subjects: Sequence[str]) -> None:
        """Has the book say that subjects were erased, once for each."""
        self._note(ERASURE_COMPLETED, [(subject, erasure_completed_id(subject)) for subject in subjects])

    def begin(self) -> None:
        """Gives an empty book its first events, so that the vault can be tied to it."""
        self._writer().note_all([])

    def _note(self, event_type: str, facts: Sequence[tuple[str, str]]) -> None:
        from ledger.writing.transaction import Note

        self._writer().note_all([Note(event_type, {"subject": subject}, fact) for subject, fact in facts])


def book_of(ledger: Ledger) -> BookOfWriter:
    """The book of a ledger."""
    return BookOfWriter(ledger.store, lambda: ledger.writer)


def _mark(row: Row) -> str:
    return f"{row.seq}-{leaf_hash(row.stored)[:HASH_DIGITS]}"
