"""The ledger itself in a folder of its own, told facts in the same words as the oracle, so that the two can be compared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ledger.book import position_at
from ledger.errors import Refused
from ledger.event import Event
from ledger.fact import Fact
from ledger.instants import EPOCH, MICROSECOND
from ledger.programmes.registry import PROGRAMMES, fact_from_object
from ledger.programmes.survey.events import membership_stream
from ledger.store.base import Row
from ledger.store.sqlite import SQLiteStore
from ledger.writing.salts import foreseeable_salts
from ledger.writing.writer import Outcome, Writer
from projections.database import SQLiteDatabase
from projections.questions.answer import plain
from projections.questions.status import status, status_from_evidence
from projections.questions.view import View, view
from projections.registry import all_projections
from projections.runner import Runner
from projections.survey.reading import fold, read_rulebook
from tests.support.link_key import KEYS

SHIPPED = 2
"""Events that every book starts with: the editions that come with the ledger."""
MEMORY = Path("/dev/shm")


def micros(moment: datetime) -> int:
    """Microseconds since 1970."""
    return (moment - EPOCH) // MICROSECOND


@contextmanager
def some_folder() -> Iterator[Path]:
    """A folder for the time being, in memory where the machine has room for that."""
    with TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        yield Path(folder)


class RealBook:
    """A writer over a SQLite store, with a clock that stands where the last fact was told."""

    def __init__(self, path: Path, **options: Any) -> None:
        self.path = path
        self.now_us = 0
        self._options = {"rehearsal": True, "salts": foreseeable_salts("test"), "link_keys": KEYS, **options}
        self.positions: list[int] = []
        self.open()

    def open(self) -> None:
        self.store = SQLiteStore(self.path)
        self.writer = self.new_writer()

    def new_writer(self) -> Writer:
        """Another one over the same store, as another process has it: with the same link key, and nothing remembered."""
        return Writer(self.store, lambda: self.now_us, PROGRAMMES, **self._options)

    def close(self) -> None:
        self.writer.close()
        self.store.close()

    def reopen(self) -> None:
        """As after the end of the process: nothing is left but what is on disk."""
        self.close()
        self.open()

    # Telling

    def tell(self, fact: Any, now: datetime, known_spelling: bool = False) -> tuple[str, str | None]:
        """Records one fact: ("accepted", None), ("duplicate", None) or ("refused", code)."""
        self.now_us = micros(now)
        try:
            parsed = fact_from_object(fact)
        except Refused as refusal:
            return "refused", refusal.code
        (outcome,) = self.record([parsed], known_spelling)
        return outcome.status, outcome.code

    def record(self, facts: Sequence[Fact], known_spelling: bool = False) -> list[Outcome]:
        outcomes = self.writer.record(facts, lenient=known_spelling)
        self.positions += [outcome.position for outcome in outcomes if outcome.status == "accepted"]
        return outcomes

    def review(self, until: datetime) -> None:
        self.now_us = max(self.now_us, micros(until))
        self.writer.review(micros(until))

    # Reading

    def feed(self) -> list[Row]:
        return self.store.read_feed(0, 1_000_000)

    def events(self, membership: str) -> list[Event]:
        return [
            PROGRAMMES.decode(row.stored, row.position) for row in self.store.read_stream(membership_stream(membership))
        ]

    def announced(self, membership: str) -> list[dict[str, Any]]:
        """The data of the announcements in the order of the ledger."""
        return [event.data for event in self.events(membership) if event.type == "EligibilityChanged"]

    def position_of(self, known: int | None) -> int | None:
        """The position of the accepted fact that makes so many known; 0 accepted facts are the shipped editions."""
        if known is None:
            return None
        return self.positions[known - 1] if known else SHIPPED

    def known_at(self, position: int) -> int:
        """How many accepted facts are known at a position."""
        return len([one for one in self.positions if one <= position])

    def position_at(self, moment: datetime) -> int:
        return position_at(self.store, micros(moment))

    def status_from_stream(self, membership: str, at: datetime, position: int | None = None) -> dict[str, Any]:
        through = self.store.max_position() if position is None else position
        state = fold(self.store, membership, through)
        rulebook = read_rulebook(self.store, through)
        answer = status_from_evidence(membership, state.evidence, rulebook, micros(at), through, state.renewals)
        return as_json(answer)


def as_json(answer: Any) -> Any:
    """An answer as `--json` prints it: plain values, to be compared with what the oracle says."""
    return plain(answer)


@contextmanager
def real_book(**options: Any) -> Iterator[RealBook]:
    with some_folder() as folder:
        book = RealBook(folder / "book.db", **options)
        try:
            yield book
        finally:
            book.close()


class Projected:
    """The projections of a book, in a file beside it."""

    def __init__(self, book: RealBook, projections: Sequence[Any] | None = None) -> None:
        self.book = book
        self.database = SQLiteDatabase(str(book.path) + ".projections")
        self.runner = Runner(book.store, self.database, all_projections() if projections is None else projections)

    def catch_up(self) -> int:
        return self.runner.catch_up()

    @contextmanager
    def view(self) -> Iterator[View]:
        with view(self.database) as opened:
            yield opened

    def status(self, membership: str, at: datetime, position: int | None = None) -> dict[str, Any]:
        with self.view() as opened:
            return as_json(status(opened, membership, micros(at), position))

    def close(self) -> None:
        self.database.close()


@contextmanager
def projected(book: RealBook, projections: Sequence[Any] | None = None) -> Iterator[Projected]:
    opened = Projected(book, projections)
    try:
        yield opened
    finally:
        opened.close()
