"""A book and what was derived from it: projections notice that the book is another one, or an older copy."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from shutil import copyfile

import pytest

from console.wiring import driver_errors
from consumers.roles.partition_progress import Keeper
from ledger.errors import DifferentBook, StoreUnreachable
from ledger.store.base import Row
from ledger.store.bookmark import bookmark_at
from ledger.store.sqlite import SQLiteStore
from projections.builds import load_build
from projections.database import ProjectionsDamaged, SQLiteDatabase, Table
from projections.questions.answer import LEFT_OUT
from projections.questions.projection_state import projection_states
from projections.worker_progress import Source
from tests.console.support import NOW, Program, met, response
from tests.projections.support import Bench, Book, Tally, once

TOPIC = "csat.ledger-events.v1"


def keeper(bench: Bench, partitions: int = 1) -> Keeper:
    return Keeper(bench.book.store, bench.database(), [Tally()], Source(TOPIC, "an-id", partitions), lambda: None)


def restored(bench: Bench, events: int, tmp_path: Path, grown: int = 0, location: str = "Lisbon") -> None:
    """The book as it was after so many events, perhaps grown another way since, in the place of the present one."""
    older = Book(tmp_path / "older.db")
    older.add(events)
    if grown:
        older.add(grown, location=location)
    older.close()
    bench.book.close()
    for ending in ("-wal", "-shm"):
        bench.book.path.with_name(bench.book.path.name + ending).unlink(missing_ok=True)
    copyfile(tmp_path / "older.db", bench.book.path)
    bench.book.store = SQLiteStore(bench.book.path)


@pytest.mark.parametrize("grown", [0, 2, 5, 30])
def test_what_the_feed_keeps_is_built_anew_from_the_book_that_is_there(
    bench: Bench, tmp_path: Path, grown: int
) -> None:
    bench.book.add(20)
    bench.runner(Tally()).catch_up()
    restored(bench, 15, tmp_path, grown, "Porto")
    bench.runner(Tally()).catch_up()
    assert bench.seen() == once(range(1, 16 + grown))


def kept_by_workers(bench: Bench) -> Keeper:
    """Twenty events, the last fifteen of which a worker has applied from Kafka."""
    bench.book.add(20)
    bench.runner(Tally())
    worker = keeper(bench)
    worker.prepare()
    rows: list[Row] = bench.book.store.read_feed(0, 100)
    worker.apply(0, 0, 20, rows)
    return worker


@pytest.mark.parametrize("grown", [0, 2, 5, 30])
def test_workers_stop_where_the_book_is_not_the_one_that_they_have_from_kafka(
    bench: Bench, tmp_path: Path, grown: int
) -> None:
    worker = kept_by_workers(bench)
    worker.standing()
    restored(bench, 15, tmp_path, grown, "Porto")
    for goes_on in (worker.load, worker.standing):
        worker._store = bench.book.store
        with pytest.raises(DifferentBook, match=r"position.*20.*the projection tally.*older copy.*project --rebuild"):
            goes_on()
    with pytest.raises(DifferentBook):
        keeper(bench).prepare()
    with pytest.raises(DifferentBook):
        bench.runner(Tally()).catch_up()
    assert bench.seen() == once(range(1, 21))


@pytest.mark.parametrize("grown", [0, 30])
def test_a_worker_applies_nothing_of_a_topic_that_has_another_book(bench: Bench, tmp_path: Path, grown: int) -> None:
    bench.book.add(20)
    relayed: list[Row] = bench.book.store.read_feed(0, 100)
    restored(bench, 5, tmp_path, grown, "Porto")
    bench.runner(Tally())
    worker = keeper(bench)
    worker.prepare()
    with pytest.raises(DifferentBook, match=f"the topic {TOPIC}.*--relay-anew"):
        worker.apply(0, 0, 20, relayed)
    assert bench.seen() == {}
    assert worker.apply(0, 0, 5, bench.book.store.read_feed(0, 5)) == 5
    assert bench.seen() == once(range(1, 6))


def test_the_first_rebuild_of_what_workers_kept_of_another_book_has_an_answer(bench: Bench, tmp_path: Path) -> None:
    kept_by_workers(bench)
    restored(bench, 15, tmp_path, 2, "Porto")
    runner = bench.runner(Tally())
    (state,) = projection_states(runner)
    assert (state.position, state.lag) == (20, 17)
    differences = runner.rebuild()
    (state,) = projection_states(runner, differences)
    assert (state.position, state.lag, state.different_book, state.differences) == (17, 0, LEFT_OUT, LEFT_OUT)


def test_a_rebuild_is_the_way_out_and_workers_begin_anew_with_it(bench: Bench, tmp_path: Path) -> None:
    kept_by_workers(bench)
    restored(bench, 15, tmp_path, 2, "Porto")
    assert bench.runner(Tally()).rebuild() == {}
    assert bench.seen() == once(range(1, 18))
    worker = keeper(bench)
    worker.prepare()
    assert worker.start_of(0, 0, 0) == 0
    assert [one.position for one in worker.standing()] == [17]


def test_the_bookmark_of_a_worker_is_the_furthest_event_of_any_partition(bench: Bench) -> None:
    worker = kept_by_workers(bench)
    with bench.database().reading() as connection:
        build = load_build(connection, Tally())
    assert build is not None
    assert build.mark == bookmark_at(bench.book.store, 20)
    assert worker.nothing_outstanding(0, 0, 20, worker.reached())
    bench.runner(Tally()).rebuild()
    with bench.database().reading() as connection:
        build = load_build(connection, Tally())
    assert build is not None
    assert build.mark == bookmark_at(bench.book.store, 20)


@pytest.mark.parametrize("how", ["removed", "replaced"])
def test_a_file_of_projections_that_is_gone_from_its_place_is_not_kept_up(tmp_path: Path, how: str) -> None:
    path = tmp_path / "tables.db"
    database = SQLiteDatabase(str(path))
    path.unlink()
    if how == "replaced":
        SQLiteDatabase(str(path)).close()
    for use in (database.writing, database.reading):
        with pytest.raises(StoreUnreachable, match="found another file, or none"), use():
            pass
    database.close()


@pytest.mark.parametrize("ending", ["-wal", "-shm"])
def test_projections_whose_log_is_gone_from_its_place_are_not_kept_up_and_are_opened_anew(
    tmp_path: Path, ending: str
) -> None:
    path = tmp_path / "tables.db"
    database = filled(path)
    path.with_name(path.name + ending).unlink()
    for use in (database.writing, database.reading):
        with pytest.raises(StoreUnreachable, match=f"tables.db{ending}: found another log of the projections"), use():
            pass
    database.close()
    database = SQLiteDatabase(str(path))
    with database.reading() as connection:
        assert connection.query("SELECT count(*) FROM t") == [(ROWS,)]
    database.close()


def test_of_damaged_projections_it_is_said_that_it_is_these_and_not_the_ledger(tmp_path: Path) -> None:
    path = tmp_path / "tables.db"
    filled(path).close()
    with path.open("r+b") as file:
        file.seek(8 * 4_096)
        file.write(b"\xa5" * 40 * 4_096)
    database = SQLiteDatabase(str(path))
    for _ in range(2):
        with (
            pytest.raises(
                ProjectionsDamaged, match=r"tables.db: found the projections damaged .* remove .*tables.db\*"
            ),
            driver_errors("the ledger"),
            database.reading() as connection,
        ):
            connection.query("SELECT sum(length(b)) FROM t")
    database.close()


def test_of_projections_that_may_not_be_written_any_more_it_is_said_that_it_is_these(tmp_path: Path) -> None:
    database = filled(tmp_path / "tables.db")
    database._writing.execute("PRAGMA query_only = 1")  # what a disk that may only be read comes to
    with (
        pytest.raises(
            StoreUnreachable, match=r"tables.db: attempt to write a readonly database; let this process write"
        ),
        driver_errors("the ledger"),
        database.writing() as connection,
    ):
        connection.insert("t", 2, [(ROWS, "y")])
    database.close()


ROWS = 4_000


def filled(path: Path) -> SQLiteDatabase:
    """A table of some hundred pages."""
    database = SQLiteDatabase(str(path))
    with database.writing() as connection:
        database.create_table(connection, "t", Table("t", {"a": "INTEGER", "b": "TEXT"}, ("a",)))
        connection.insert("t", 2, [(number, "x" * 100) for number in range(ROWS)])
    return database


# The command line


@pytest.fixture
def program(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Program:
    return Program(tmp_path, capsys, monkeypatch)


def restore(program: Program, change: Callable[[], None]) -> None:
    """Takes a copy of the ledger, lets something happen, and puts the copy back; what was derived stays."""
    copyfile(program.store, program.folder / "backup")
    change()
    copyfile(program.folder / "backup", program.store)


def test_questions_after_an_older_ledger_was_restored_are_answered_from_that_one(program: Program) -> None:
    program.now(NOW)
    program.record(*met())

    def later() -> None:
        program.record(*(response(number, "Northwind", "2011-01-01T00:00:00Z") for number in range(11, 14)))
        assert program.json("status", "m-1", "--at", "2011-01-02").json["counted"] == 13

    restore(program, later)
    assert program.json("status", "m-1", "--at", "2011-01-02").json["counted"] == 10
    program.record(response(20, "Northwind", "2011-01-01T00:00:00Z"))
    assert program.json("status", "m-1", "--at", "2011-01-02").json["counted"] == 11


@pytest.mark.parametrize("grown", [0, 30])
def test_the_status_of_projections_of_another_book_says_so_and_never_that_nothing_lacks(
    program: Program, grown: int
) -> None:
    program.now(NOW)
    program.record(*met())

    def later() -> None:
        program.record(*(response(number, "Northwind", "2011-01-01T00:00:00Z") for number in range(11, 14)))
        assert program.run("project").code == 0

    restore(program, later)
    if grown:
        program.record(*(response(20 + number, "Lindomar", "2011-01-01T00:00:00Z") for number in range(grown)))
    ran = program.json("project", "--status")
    assert ran.code == 1
    end = 15 + grown
    assert [(line["position"], line["lag"]) for line in ran.lines] == [(18, end)] * len(ran.lines)
    expected = "at position 18, expected" if grown else f"found a book up to position {end}, expected at least 18"
    for line in ran.lines:
        assert expected in line["different_book"]
        assert line["projection"] in line["different_book"]
    words = program.run("project", "--status")
    assert (words.code, words.out.count("or an older copy that was restored")) == (1, len(ran.lines))
    assert "project --rebuild" in words.out
    rebuilt = program.json("project", "--rebuild")
    assert (rebuilt.code, [line["lag"] for line in rebuilt.lines]) == (0, [0] * len(ran.lines))
    ran = program.json("project", "--status")
    assert (ran.code, ["different_book" in line for line in ran.lines]) == (0, [False] * len(ran.lines))


@pytest.mark.parametrize("question", [("status", "m-1"), ("board",), ("project",), ("project", "--rebuild")])
def test_whoever_builds_projections_of_another_book_anew_says_so_once(
    program: Program, question: tuple[str, ...]
) -> None:
    program.now(NOW)
    program.record(*met())

    def later() -> None:
        program.record(*(response(number, "Northwind", "2011-01-01T00:00:00Z") for number in range(11, 14)))
        assert program.run("project").err == ""

    restore(program, later)
    ran = program.json(*question)
    assert ran.code == 0
    assert "found a book up to position 15, expected at least 18" in ran.err
    assert "built anew from the book that is there" in ran.err
    assert program.json(*question).err == ""


def test_who_may_only_read_is_not_answered_from_projections_of_another_book(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    program.now(NOW)
    program.record(*met())

    def later() -> None:
        program.record(*(response(number, "Northwind", "2011-01-01T00:00:00Z") for number in range(11, 14)))
        assert program.run("project").code == 0

    restore(program, later)
    monkeypatch.setattr("projections.database.SQLiteDatabase.may_write", lambda _: False)
    ran = program.json("status", "m-1", "--at", "2011-01-02")
    assert (ran.code, ran.json["error"]) == (1, "different-book")
    assert "project --rebuild" in ran.json["message"]
    assert program.json("project", "--status").code == 1
