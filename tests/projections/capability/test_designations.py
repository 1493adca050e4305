"""The projection of designations, in both databases: what it holds depends on the events alone, not on their batches."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from ledger.errors import UnknownDesignation
from projections.capability.designations_reader import DesignationsReader
from projections.database import Database
from tests.oracle.capability.histories import history
from tests.projections.capability.support import SmallBatches
from tests.projections.capability.view_book import ViewBook, view_book
from tests.projections.questions import test_anniversaries, test_designations
from tests.projections.questions.test_designations import decided_later


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    if request.param == "sqlite":
        yield SmallBatches(str(tmp_path / "some.db"))
        return
    pytest.importorskip("psycopg")
    from projections.postgres import PostgresDatabase

    yield PostgresDatabase(request.getfixturevalue("postgres_url"))


@pytest.fixture
def told(database: Database, tmp_path: Path) -> Iterator[ViewBook]:
    """A book with decisions of every outcome, in a database."""
    random = Random(31_007)
    with view_book(tmp_path, database) as book:
        book.tell(list(history(random, 60)), random)
        book.tell(decided_later(random, book.oracle), random)
        yield book


def test_answers_are_those_of_the_text_in_either_database(told: ViewBook) -> None:
    random = Random(7)
    test_designations.check_board(told, random)
    test_designations.check_history(told)
    test_designations.check_decisions(told, random)
    test_anniversaries.check(told, random)


def test_tables_that_are_built_anew_in_other_batches_are_the_same(told: ViewBook) -> None:
    assert told.rebuilt_differences() == 0


def test_many_designations_are_read_in_order_a_chunk_at_a_time(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("projections.capability.designations_reader.CHUNK", 3)
    names = ["m-1", "m-10", "m-2", "M-1", "a.b", "a:b", "a-b", "z"]
    with view_book(tmp_path, database) as book:
        book.tell(
            [
                {"type": "open-designation", "id": f"o-{name}", "membership": name, "area": "business-applications",
                 "occurred_at": "2024-01-01T00:00:00Z", "name": "Contoso"}
                for name in names
            ]
        )  # fmt: skip
        with book.view() as view:
            reader: DesignationsReader = view.designations()
            chunks = list(reader.keys(reader.position))
            assert [len(chunk) for chunk in chunks] == [3, 3, 2]
            assert [key for chunk in chunks for key in chunk] == sorted(
                (name, "business-applications") for name in names
            )
            assert list(reader.keys(reader.position, "elsewhere")) == []
            assert list(reader.keys(book.positions[1])) == [[("m-1", "business-applications")]]
            assert reader.areas_of("m-1", book.positions[1]) == ["business-applications"]
            assert reader.areas_of("m-1\0", reader.position) == []
            with pytest.raises(UnknownDesignation):
                reader.require("m-2", "business-applications", book.positions[1])


def test_an_anniversary_that_is_set_again_was_known_from_the_first_time_on(database: Database, tmp_path: Path) -> None:
    about = {"membership": "m-1", "area": "business-applications", "occurred_at": "2024-01-01T00:00:00Z"}
    with view_book(tmp_path, database) as book:
        book.tell(
            [
                {"type": "open-designation", "id": "o", "name": "Contoso", **about},
                *(
                    {"type": "set-anniversary", "id": f"s-{number}", "anniversary": "2024-07-31", **about}
                    for number in range(5)
                ),
            ],
            Random(1),
        )
        with book.view() as view:
            reader = view.designations()
            key = ("m-1", "business-applications")
            assert reader.anniversaries([key], book.positions[2]) == {key: ["2024-07-31"]}
            assert reader.anniversaries([key], book.positions[1]) == {}
        assert book.rebuilt_differences() == 0
