"""The projection of scores: what its tables hold depends on the events alone, in SQLite and in PostgreSQL."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import pytest

from ledger.errors import UnknownDesignation
from ledger.instants import END_US, parse_instant
from projections.applying import apply_events
from projections.builds import Build, count_differences, create_build, create_state_tables, load_build
from projections.capability.score_reader import ScoreReader
from projections.capability.scores import Scores
from projections.database import Database, SQLiteDatabase
from projections.questions.answer import plain
from projections.questions.explain import Side, explain
from projections.questions.score import ScoreQuestion, score, score_batch
from tests.ledger.programmes.capability.book import Book, micros
from tests.oracle.capability_from_text.score import score as score_from_text
from tests.oracle.capability_from_text.story import PARTNER, edition, fact
from tests.projections.capability.support import NOW, ScoreBook, dense_history, score_book, some_instant

DENSE = ("m-1", "dense")


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    if request.param == "sqlite":
        opened: Database = SQLiteDatabase(str(tmp_path / "tables.db"))
    else:
        pytest.importorskip("psycopg")
        from projections.postgres import PostgresDatabase

        opened = PostgresDatabase(request.getfixturevalue("postgres_url"))
    yield opened
    opened.close()


def built(database: Database, step: int) -> Build:
    """A new build of the projection without events."""
    with database.writing() as connection:
        create_state_tables(database, connection)
        connection.execute("UPDATE projection_state SET live = 1")  # so that it is kept beside the next one
        return create_build(database, connection, Scores(step))


def differences(database: Database, one: Build, other: Build) -> int:
    with database.reading() as connection:
        return count_differences(connection, one.projection, one, other)


@pytest.mark.parametrize("seed", range(3))
def test_both_databases_answer_as_the_text_does(seed: int, database: Database, tmp_path: Path) -> None:
    random = Random(seed)
    with score_book(tmp_path, 4, database) as told:
        told.tell(dense_history(random), random)
        ask_everything(told, random)
        assert told.rebuilt_differences() == 0


def ask_everything(told: ScoreBook, random: Random) -> None:
    opened = next(number for number, one in enumerate(told.oracle.accepted, 1) if one.type == "open-designation")
    with told.reader() as reader:
        for _ in range(12):
            known = random.randint(opened, len(told.oracle.accepted))
            at = some_instant(random, told.oracle, *DENSE, known)
            position = told.position_of(known)
            expected = score_from_text(told.oracle, *DENSE, at, known)
            assert plain(score(reader, *DENSE, micros(at), position)) == {**expected, "known_at": position}
            explain(reader, *DENSE, Side(micros(at), position), Side(micros(at)))


@pytest.mark.parametrize("seed", range(3))
def test_an_edition_may_be_applied_before_or_after_the_reports_around_it(
    seed: int, database: Database, tmp_path: Path
) -> None:
    """As workers do who keep different partitions: each stream in order, one stream before or after another."""
    random = Random(100 + seed)
    book = Book(tmp_path, NOW)
    book.tell(*dense_history(random))
    rows = [row for row in book.store.read_feed(0, 10_000) if row.type in Scores().handlers()]
    in_order = built(database, 3)
    with database.writing() as connection:
        apply_events(connection, [in_order], rows)
    for _ in range(3):
        build = built(database, 3)
        waiting = [[row for row in rows if row.stream == stream] for stream in sorted({row.stream for row in rows})]
        while waiting := [stream for stream in waiting if stream]:
            stream = random.choice(waiting)
            some, stream[:] = stream[:count] if (count := random.randint(1, 30)) else [], stream[count:]
            with database.writing(alone=False) as connection:
                apply_events(connection, [build], some)
        assert differences(database, in_order, build) == 0
    book.close()


@pytest.fixture
def told(tmp_path: Path) -> Iterator[ScoreBook]:
    with score_book(tmp_path) as opened:
        yield opened


def tell(told: ScoreBook, kind: str, when: str, **fields: Any) -> int:
    known = len(told.positions)
    told.tell([{**fact(kind, when, **fields), "id": f"f-{known}"}])
    assert len(told.positions) == known + 1
    return told.positions[-1]


def test_a_designation_is_unknown_before_its_opening_and_under_any_other_name(told: ScoreBook) -> None:
    position = tell(told, "open-designation", "2024-01-01T00:00:00Z", name="Contoso")
    with told.reader() as reader:
        reader.require(*PARTNER)
        reader.require(*PARTNER, position)
        for membership, area, known in (
            (*PARTNER, position - 1),
            ("m-2", PARTNER[1], None),
            ("m-1", "another", None),
            ("m-1\0", PARTNER[1], None),
            ("m-1", "business-applications\0", None),
            ("m-1/business-applications", "x", None),
            ("", "", None),
        ):
            with pytest.raises(UnknownDesignation, match=r"no designation .*was opened in what the ledger knew"):
                reader.require(membership, area, known)
        assert UnknownDesignation.code == "unknown-designation"


def test_many_scores_at_once_are_those_of_one_by_one(tmp_path: Path) -> None:
    """More designations than are read at once, of two areas."""
    keys = [(f"m-{number}", area) for number in range(130) for area in ("business-applications", "other")]
    when = "2024-06-01T00:00:00Z"
    with score_book(tmp_path) as told:
        book = told.book
        facts = [{**fact("publish-scorebook", when, **edition("e", when)), "id": "e", "area": "other"}]
        for place, (membership, area) in enumerate(keys):
            common = {"membership": membership, "area": area, "occurred_at": when}
            keyed = {"workload": "retail", "month": "2024-05", "association": "cpor"}
            facts.append({**common, "type": "open-designation", "id": f"o-{place}", "name": "Contoso"})
            for customer in range(place % 4):
                facts.append({**common, "type": "report-usage", "id": f"u-{place}-{customer}", **keyed,
                              "customer": f"c-{customer}", "units": place})  # fmt: skip
            if place % 3:
                facts.append({**common, "type": "close-month", "id": f"c-{place}", "month": "2024-05"})
        assert {outcome.status for outcome in book.tell(*facts)} == {"accepted"}
        told.runner.catch_up()
        at_us = parse_instant("2024-07-01T00:00:00Z")
        with told.reader() as reader:
            found = reader.scores(keys, at_us)
            assert list(found) == keys
            assert found == {key: reader.score(*key, at_us) for key in keys}
            assert len({one.growth for one in found.values()}) > 50
            with pytest.raises(UnknownDesignation):
                reader.scores([*keys, ("m-999", "other")], at_us)


def test_a_batch_answers_each_question_and_says_which_cannot_be(told: ScoreBook) -> None:
    tell(told, "open-designation", "2024-01-01T00:00:00Z", name="Contoso")
    with told.reader() as reader:
        first, second, third = score_batch(
            reader, [ScoreQuestion(*PARTNER, 0), ScoreQuestion("m-2", PARTNER[1], 0), ScoreQuestion(*PARTNER, END_US)]
        )
        assert first == score(reader, *PARTNER, 0)
        assert isinstance(second, UnknownDesignation)
        assert third == score(reader, *PARTNER, END_US)


def test_of_many_reports_that_do_not_count_a_hundred_are_named_and_all_are_counted(told: ScoreBook) -> None:
    tell(told, "open-designation", "2023-06-02T00:00:00Z", name="Contoso")
    for month, when in (("2023-05", "2023-06-02T00:00:00Z"), ("2024-05", "2024-06-02T00:00:00Z")):
        for number in range(90):
            keyed = {"customer": f"c-{number % 45:02d}", "workload": ("guides", "retail")[number % 2], "month": month}
            tell(told, "report-usage", when, units=1, association="pal", **keyed)
    tell(told, "close-month", "2024-06-20T00:00:00Z", month="2024-05")
    tell(told, "report-usage", "2024-06-21T00:00:00Z", units=0, association="pal", month="2024-05",
         customer="c-00", workload="guides")  # fmt: skip
    at_us = parse_instant("2024-07-01T00:00:00Z")
    with told.reader() as reader:
        found = score(reader, *PARTNER, at_us).left_out
        assert (found.total, len(found.reports)) == (179, 100)
        assert [(one.customer, one.workload, one.month) for one in found.reports[:4]] == [
            ("c-00", "guides", "2023-05"),
            ("c-00", "retail", "2023-05"),
            ("c-00", "retail", "2024-05"),
            ("c-01", "guides", "2023-05"),
        ]
        known = told.positions[-2]
        assert score(reader, *PARTNER, at_us, known).left_out.total == 180


def test_what_cannot_be_applied_parks_its_stream_and_no_other(tmp_path: Path) -> None:
    """A report without an opening, such as no ledger writes, leaves the other designations alone."""
    with score_book(tmp_path) as told:
        told.tell(dense_history(Random(5)))
        with told.database.writing() as connection:
            build = load_build(connection, told.scores)
            assert build is not None
            rows = [row for row in told.book.store.read_feed(0, 10_000) if row.type == "UsageReported"]
            stray = rows[0]._replace(
                stream="designation-m-9/dense",
                position=10_000,
                stored=rows[0].stored.replace(b"m-1/dense", b"m-9/dense"),
            )
            apply_events(connection, [build], [stray])
            assert build.parked == {"designation-m-9/dense"}
            reader = ScoreReader(connection, build.prefix, build.position)
            reader.require(*DENSE)


@pytest.mark.parametrize("edition_first", [True, False])
def test_an_edition_and_the_reports_that_it_values_may_be_written_at_the_same_time(
    edition_first: bool, tmp_path: Path, postgres_url: str
) -> None:
    """Two workers, each in a transaction that does not see the other's: the second one waits for the first."""
    pytest.importorskip("psycopg")
    from projections.postgres import PostgresDatabase

    book = Book(tmp_path, NOW)
    book.tell(*dense_history(Random(7)))
    rows = [row for row in book.store.read_feed(0, 10_000) if row.type in Scores().handlers()]
    editions = [row for row in rows if row.stream.startswith("scorebook/dense")]
    others = [row for row in rows if row not in editions]
    assert len(editions) > 1
    with closing(PostgresDatabase(postgres_url)) as database:
        in_order, build = built(database, 3), built(database, 3)
        with database.writing() as connection:
            apply_events(connection, [in_order], rows)
            apply_events(connection, [build], [*editions[:1], *others[:20]])
        first, second = (editions[1:], others[20:]) if edition_first else (others[20:], editions[1:])

        def write_second() -> None:
            with database.writing(alone=False) as connection:
                apply_events(connection, [build], second)

        with ThreadPoolExecutor(1) as other_worker:
            with database.writing(alone=False) as connection:
                apply_events(connection, [build], first)
                waiting = other_worker.submit(write_second)
                until_one_waits(database)
                assert not waiting.done()
            waiting.result(timeout=60)
        assert not build.parked
        assert differences(database, in_order, build) == 0
    book.close()


def until_one_waits(database: Database) -> None:
    """Returns once a transaction waits for an advisory lock."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with database.reading() as connection:
            ((waiting,),) = connection.query(
                "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            )
        if waiting:
            return
        time.sleep(0.01)
    raise AssertionError("nobody waited for the lock within a minute")
