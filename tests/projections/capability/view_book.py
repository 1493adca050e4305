"""A book of both programmes with the projections that questions about designations need, and the oracle beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

from ledger.errors import Refused
from projections.builds import load_build
from projections.capability.designations import Designations
from projections.capability.scores import Scores
from projections.database import Database
from projections.questions.view import View, view
from projections.runner import Runner
from tests.ledger.programmes.capability.book import Book
from tests.oracle.capability_from_text.oracle import Oracle
from tests.projections.capability.support import NOW, SmallBatches


class ViewBook:
    """A book, an oracle that knows the same, and a view of the projections."""

    def __init__(self, folder: Path, database: Database | None = None) -> None:
        self.book, self.oracle = Book(folder, NOW), Oracle()
        self.database = database or SmallBatches(str(folder / "tables.db"))
        self.projections = [Scores(), Designations()]
        self.runner = Runner(self.book.store, self.database, self.projections)
        self.positions: list[int] = [0]
        """The position of the event of each accepted fact, by its number; 0: what was shipped."""

    def tell(self, facts: Sequence[dict[str, Any]], random: Random | None = None) -> None:
        """Tells both; now and then the projections catch up in between."""
        for fact in facts:
            try:
                (outcome,) = self.book.tell(fact)
                told, position = outcome.status, outcome.position
            except Refused:
                told, position = "refused", 0
            assert told == self.oracle.record(fact, NOW)[0]
            if told == "accepted":
                self.positions.append(position)
            if random is not None and random.random() < 0.2:
                self.runner.catch_up()
        self.runner.catch_up()

    @contextmanager
    def view(self) -> Iterator[View]:
        with view(self.database) as found:
            yield found

    def rebuilt_differences(self) -> int:
        """Rows in which the tables of designations differ from those that are built anew in other batches."""
        with self.database.reading() as connection:
            build = load_build(connection, Designations())
            assert build is not None
            assert not build.parked
        return self.runner.rebuild()[Designations.name]

    def close(self) -> None:
        self.book.close()
        self.database.close()


@contextmanager
def view_book(folder: Path, database: Database | None = None) -> Iterator[ViewBook]:
    opened = ViewBook(folder, database)
    try:
        yield opened
    finally:
        opened.close()
