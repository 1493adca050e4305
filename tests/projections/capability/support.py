"""A book of both programmes with its projection of scores, and the oracle told the same facts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from ledger.errors import Refused
from ledger.instants import EPOCH
from projections.builds import load_build
from projections.capability.score_reader import ScoreReader
from projections.capability.scores import Scores
from projections.database import Database, SQLiteDatabase
from projections.runner import Runner
from tests.ledger.programmes.capability.book import Book
from tests.oracle.capability_from_text.histories import LAST
from tests.oracle.capability_from_text.oracle import Oracle
from tests.oracle.capability_from_text.score import instants

NOW = LAST + timedelta(days=1)
STEPS = (1, 2, 3, 16)
"""So many reports between two checkpoints: one, so that every report is one; few; and as the program has it."""


class SmallBatches(SQLiteDatabase):
    """A database to which a few events are applied at once."""

    batch_events = 3


class ScoreBook:
    """A book, an oracle that knows the same, and the projection of scores, caught up whenever a test says so."""

    def __init__(self, folder: Path, step: int = 2, database: Database | None = None) -> None:
        self.book, self.oracle = Book(folder, NOW), Oracle()
        self.database = database or SmallBatches(str(folder / "tables.db"))
        self.scores = Scores(step)
        self.runner = Runner(self.book.store, self.database, [self.scores])
        self.positions: list[int] = [0]
        """The position of the event of each accepted fact, by its number; 0: what was shipped."""

    def tell(self, facts: Sequence[dict[str, Any]], random: Random | None = None) -> None:
        """Tells both; now and then the projection catches up in between, so that its batches vary."""
        for fact in facts:
            try:
                (outcome,) = self.book.tell(fact)
                told = outcome.status
            except Refused:
                told = "refused"
            assert told == self.oracle.record(fact, NOW)[0]
            if told == "accepted":
                self.positions.append(outcome.position)
            if random is not None and random.random() < 0.2:
                self.runner.catch_up()
        self.runner.catch_up()

    @contextmanager
    def reader(self) -> Iterator[ScoreReader]:
        with self.database.reading() as connection:
            build = load_build(connection, self.scores)
            assert build is not None
            yield ScoreReader(connection, build.prefix, build.position)

    def position_of(self, number: int) -> int:
        """The position from which on so many accepted facts are known."""
        return self.positions[number]

    def rebuilt_differences(self) -> int:
        """Rows in which the tables differ from those that are built anew in other batches."""
        with self.database.reading() as connection:
            build = load_build(connection, self.scores)
            assert build is not None
            assert not build.parked
        return self.runner.rebuild()[self.scores.name]

    def close(self) -> None:
        self.book.close()
        self.database.close()


@contextmanager
def score_book(folder: Path, step: int = 2, database: Database | None = None) -> Iterator[ScoreBook]:
    opened = ScoreBook(folder, step, database)
    try:
        yield opened
    finally:
        opened.close()


def some_instant(random: Random, oracle: Oracle, membership: str, area: str, known: int) -> datetime:
    """An instant at which something may change, or one beside it."""
    found = instants(oracle, membership, area, known) or [EPOCH]
    return random.choice(found) + random.choice([-1, 0, 0, 1, 10**9]) * timedelta(microseconds=1)
