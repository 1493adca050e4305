"""The file of a book: one name, made whole, read where it may not be written, noticed when it is replaced."""

from __future__ import annotations

import os
import resource
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from threading import Thread

import pytest

from ledger.errors import StoreUnreachable
from ledger.store import sqlite_files
from ledger.store.base import NewRow
from ledger.store.sqlite import SQLiteStore
from tests.support.unprivileged import as_nobody, not_to_be_written, readable_folder


def append(store: SQLiteStore, number: int) -> None:
    with store.writing() as transaction:
        first = transaction.max_position() + 1
        transaction.append([NewRow(p, "s", p, "T", b"{}", None, None) for p in range(first, first + number)])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with closing(SQLiteStore(tmp_path / "book.db")) as store:
        append(store, 3)
    return tmp_path / "book.db"


# One name


def test_all_links_to_a_file_lead_to_the_same_lock(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (path.parent / "link.db").symlink_to("book.db")
    (path.parent / "elsewhere").mkdir()
    (path.parent / "elsewhere" / "other.db").symlink_to(path.parent / "link.db")
    (path.parent / "folder").symlink_to(path.parent)
    monkeypatch.chdir(path.parent)
    names = ("book.db", "./book.db", "link.db", "elsewhere/other.db", "folder/book.db", path)
    stores = [SQLiteStore(name) for name in names]
    lock = stores[0].try_lock("clock")
    assert lock is not None
    assert [store.try_lock("clock") for store in stores] == [None] * len(names)
    lock.release()
    assert list(path.parent.glob("elsewhere/*.lock")) == []
    for store in stores:
        store.close()


def test_a_second_hard_link_is_refused_since_its_log_would_be_another(path: Path, tmp_path: Path) -> None:
    os.link(path, tmp_path / "second.db")
    for name in (path, tmp_path / "second.db"):
        with pytest.raises(StoreUnreachable, match=r"found 2 names of this file .*expected one"):
            SQLiteStore(name)
    (tmp_path / "second.db").unlink()
    SQLiteStore(path).close()


def test_a_file_that_is_mounted_by_itself_is_refused(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_files, "MOUNTS", tmp_path / "mountinfo")
    SQLiteStore(path).close()  # a system that does not tell
    line = "36 35 98:0 /mnt1 {} rw,noatime master:1 - ext3 /dev/root rw,errors=continue\nodd\n"
    (tmp_path / "mountinfo").write_text(line.format(path.parent))
    SQLiteStore(path).close()
    (tmp_path / "mountinfo").write_text(line.format(path))
    with pytest.raises(StoreUnreachable, match="mounted by itself, expected its folder"):
        SQLiteStore(path)


@pytest.mark.parametrize("name", ["file:book.db", "file:book.db?mode=ro", "no\0name", "missing/book.db", "."])
def test_what_cannot_be_a_file_of_a_book_is_refused_and_nothing_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StoreUnreachable, match=r"found|null"):
        SQLiteStore(name)
    assert list(tmp_path.iterdir()) == []


def test_a_link_that_leads_to_itself_is_refused(tmp_path: Path) -> None:
    (tmp_path / "loop.db").symlink_to("loop.db")
    with pytest.raises(StoreUnreachable, match="loop"):
        SQLiteStore(tmp_path / "loop.db")


# Made whole


def test_an_empty_file_is_no_book_and_none_is_made_of_it(tmp_path: Path) -> None:
    (tmp_path / "book.db").touch()
    for create in (True, False):
        with pytest.raises(StoreUnreachable, match="found an empty file, expected a ledger"):
            SQLiteStore(tmp_path / "book.db", create=create)
    assert [(path.name, path.stat().st_size) for path in tmp_path.iterdir()] == [("book.db", 0)]


def test_where_nothing_is_to_be_made_nothing_is(tmp_path: Path) -> None:
    with pytest.raises(StoreUnreachable, match="found no ledger"):
        SQLiteStore(tmp_path / "book.db", create=False)
    assert list(tmp_path.iterdir()) == []


def test_a_database_without_tables_is_no_book(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "book.db")) as raw:
        raw.execute("PRAGMA user_version = 7")
    with pytest.raises(StoreUnreachable, match="a database without any table"):
        SQLiteStore(tmp_path / "book.db")


def test_of_many_who_make_a_book_at_once_one_does_and_the_others_wait_for_it(tmp_path: Path) -> None:
    found: list[int] = []
    failures: list[BaseException] = []

    def record() -> None:
        try:
            with closing(SQLiteStore(tmp_path / "book.db")) as store:
                found.append(store.found_version)
                append(store, 10)
        except BaseException as error:
            failures.append(error)

    threads = [Thread(target=record) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert sorted(found)[:2] == [0, SQLiteStore(tmp_path / "book.db").tables_version]
    with closing(SQLiteStore(tmp_path / "book.db")) as store:
        assert store.count_events() == store.max_position() == 120
    assert {path.name for path in tmp_path.iterdir()} <= {"book.db", "book.db-wal", "book.db-shm"}


def test_a_book_that_could_not_be_finished_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: sqlite3.Cursor) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr("ledger.store.sqlite.STEPS", [broken])
    with pytest.raises(StoreUnreachable, match="disk is full"):
        SQLiteStore(tmp_path / "book.db")
    assert list(tmp_path.iterdir()) == []


# Replaced while it is open


@pytest.mark.parametrize("how", ["replaced", "moved", "removed"])
def test_a_file_that_is_gone_from_its_place_is_neither_read_nor_written_any_more(
    path: Path, tmp_path: Path, how: str
) -> None:
    store = SQLiteStore(path)
    lock = store.try_lock("clock")
    assert lock is not None
    if how == "replaced":
        with closing(SQLiteStore(tmp_path / "older.db")) as older:
            append(older, 1)
        (tmp_path / "older.db").replace(path)
    elif how == "moved":
        path.rename(tmp_path / "away.db")
    else:
        path.unlink()
    for use in (store.max_position, lambda: store.read_feed(0, 1), lambda: store.wait(0, 1), lambda: append(store, 1)):
        with pytest.raises(StoreUnreachable, match=r"found another file, or none, .*replaced or moved"):
            use()
    lock.release()
    store.close()


def test_what_is_written_while_the_file_is_replaced_is_not_called_recorded(path: Path, tmp_path: Path) -> None:
    store = SQLiteStore(path)

    def record() -> None:
        with store.writing() as transaction:
            transaction.append([NewRow(4, "s", 4, "T", b"{}", None, None)])
            path.rename(tmp_path / "away.db")

    with pytest.raises(StoreUnreachable, match="replaced or moved"):
        record()
    store.close()


def test_a_shorter_file_that_is_copied_over_an_open_one_is_noticed_and_left_as_it_is(path: Path) -> None:
    """The log is of the file that was there: carried over when the last connection is closed, it would ruin the copy."""
    backup = path.read_bytes()
    with closing(SQLiteStore(path)) as store:
        append(store, 1_000)
    store, other = SQLiteStore(path), SQLiteStore(path)
    append(store, 40)
    assert other.max_position() == 1_043
    path.write_bytes(backup)
    for use in (store.max_position, lambda: append(store, 1)):
        with pytest.raises(
            StoreUnreachable, match=r"found \d+ bytes, expected \d+ at least: something was copied over"
        ):
            use()
    store.close()
    other.close()
    assert path.read_bytes() == backup
    with pytest.raises(StoreUnreachable, match=r"stop what has the file open, move book.db-wal away"):
        SQLiteStore(path)
    path.with_name("book.db-wal").unlink()
    with closing(SQLiteStore(path)) as store:
        assert store.max_position() == store.count_events() == 3


@pytest.mark.parametrize("ending", ["-wal", "-shm"])
def test_a_log_that_is_moved_away_beneath_its_reader_is_noticed_and_all_goes_on_when_it_is_back(
    path: Path, ending: str
) -> None:
    log, away = path.with_name(f"book.db{ending}"), path.with_name("away")
    with closing(SQLiteStore(path)) as store:
        append(store, 2)
        log.rename(away)
        for use in (store.max_position, lambda: append(store, 1)):
            with pytest.raises(StoreUnreachable, match=r"found another log, or none, at .*moved or removed"):
                use()
        away.rename(log)
        append(store, 1)
        assert store.max_position() == 6


def test_what_was_recorded_is_carried_over_at_the_end_though_its_log_was_removed(path: Path) -> None:
    store = SQLiteStore(path)
    append(store, 2)
    path.with_name("book.db-wal").unlink()
    store.close()
    with closing(SQLiteStore(path)) as store:
        assert store.max_position() == store.count_events() == 5


def test_what_another_process_recorded_by_another_index_is_not_written_over(path: Path) -> None:
    store = SQLiteStore(path)
    append(store, 2)
    path.with_name("book.db-shm").unlink()
    script = (
        "import sys; from ledger.store.sqlite import SQLiteStore; from tests.ledger.store.test_sqlite_files import append;"
        "s = SQLiteStore(sys.argv[1]); append(s, 3); s.close()"
    )
    subprocess.run([sys.executable, "-c", script, str(path)], check=True, timeout=60)
    with pytest.raises(StoreUnreachable, match="found another log, or none"):
        append(store, 1)
    store.close()
    with closing(SQLiteStore(path)) as store:
        assert store.max_position() == store.count_events() == 8


def test_no_book_is_made_beside_the_log_of_one_that_was_removed(path: Path) -> None:
    with closing(SQLiteStore(path)) as store:
        append(store, 2)
        log = path.with_name("book.db-wal").read_bytes()
    path.unlink()
    path.with_name("book.db-wal").write_bytes(log)
    with pytest.raises(StoreUnreachable, match=r"found no file, but a log, book.db-wal"):
        SQLiteStore(path)
    assert not path.exists()
    path.with_name("book.db-wal").unlink()
    with closing(SQLiteStore(path)) as store:
        assert store.max_position() == 0


def test_a_copy_as_long_as_the_open_file_that_takes_its_place_without_the_log_is_left_as_it_is(path: Path) -> None:
    backup = path.read_bytes()
    with closing(SQLiteStore(path)) as store:
        append(store, 2)
        path.with_name("book.db-wal").unlink()
        path.write_bytes(backup)
        with pytest.raises(StoreUnreachable, match="found another log, or none"):
            append(store, 1)
    assert path.read_bytes() == backup


# The log of another file


@pytest.mark.parametrize("checkpointed", [1_000, 4_000])
def test_an_older_copy_beside_the_log_of_the_newer_one_is_refused_before_anything_is_written(
    path: Path, checkpointed: int
) -> None:
    backup = path.read_bytes()
    with closing(SQLiteStore(path)) as store:
        append(store, checkpointed)
    with closing(SQLiteStore(path)) as store:
        append(store, 40)
        log = path.with_name("book.db-wal").read_bytes()
    for rest in path.parent.glob("book.db-*"):
        rest.unlink()
    path.write_bytes(backup)
    path.with_name("book.db-wal").write_bytes(log)
    for _ in range(2):
        with pytest.raises(StoreUnreachable, match=r"found a log, book.db-wal, that does not belong to this file"):
            SQLiteStore(path)
    assert path.read_bytes() == backup
    path.with_name("book.db-wal").unlink()
    with closing(SQLiteStore(path)) as store:
        assert store.max_position() == store.count_events() == 3


def test_a_log_that_a_crash_left_is_taken_in(path: Path) -> None:
    with closing(SQLiteStore(path)) as store:
        append(store, 40)
        log, book = path.with_name("book.db-wal").read_bytes(), path.read_bytes()
    path.write_bytes(book)
    path.with_name("book.db-wal").write_bytes(log)
    with closing(SQLiteStore(path)) as store:
        assert store.max_position() == store.count_events() == 43


# Read only


def listing(folder: Path) -> list[tuple[str, int, int]]:
    found = ((path, path.stat()) for path in folder.iterdir())
    return sorted(
        (path.name, about.st_size, 0 if path.name.endswith("-shm") else about.st_mtime_ns) for path, about in found
    )


@pytest.fixture
def readable() -> Iterator[Path]:
    """A folder with a book of three events, which others may read."""
    with readable_folder() as folder:
        with closing(SQLiteStore(folder / "book.db")) as store:
            append(store, 3)
        yield folder


def read_it(folder: Path, events: int) -> None:
    store = SQLiteStore(folder / "book.db")
    assert store.read_only
    assert store.max_position() == store.count_events() == len(store.read_feed(0, 100)) == events
    assert list(store.read_stream("s", 1))
    assert (store.reviews(), store.read_due(), store.set_aside(), store.next_due()) == ([], [], [], None)
    assert not store.wait(events, 0.01)
    for refused in (lambda: append(store, 1), lambda: store.try_lock("clock")):
        with pytest.raises(StoreUnreachable):
            refused()
    store.close()


def test_a_book_that_nobody_writes_is_read_without_leaving_a_trace(readable: Path) -> None:
    not_to_be_written(readable)
    before = listing(readable)
    as_nobody(lambda: read_it(readable, 3))
    assert listing(readable) == before


def test_a_book_that_somebody_writes_is_read_up_to_the_last_commit(readable: Path) -> None:
    with closing(SQLiteStore(readable / "book.db")) as writer:
        append(writer, 2)
        not_to_be_written(readable)
        before = listing(readable)
        as_nobody(lambda: read_it(readable, 5))
        assert listing(readable) == before
        readable.chmod(0o755)


def test_a_log_without_its_index_is_read_in_a_copy(readable: Path) -> None:
    with closing(SQLiteStore(readable / "book.db")) as writer:
        append(writer, 2)
        log = (readable / "book.db-wal").read_bytes()
        book = (readable / "book.db").read_bytes()
    (readable / "book.db").write_bytes(book)
    (readable / "book.db-wal").write_bytes(log)  # as a crash leaves it, or a copy of the folder
    not_to_be_written(readable)
    before = listing(readable)
    as_nobody(lambda: read_it(readable, 5))
    assert listing(readable) == before


def test_who_reads_on_sees_what_a_writer_adds_later(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ledger.store.sqlite.may_write", lambda _: False)
    reader = SQLiteStore(path)
    monkeypatch.undo()
    assert reader.max_position() == 3
    with closing(SQLiteStore(path)) as writer:
        append(writer, 2)
        assert reader.max_position() == 5
        append(writer, 1)
        assert reader.max_position() == 6
    assert reader.max_position() == 6
    with closing(SQLiteStore(path)) as writer:
        append(writer, 1)
    assert reader.max_position() == 7
    reader.close()


# A full disk


def test_a_limit_on_the_size_of_files_is_named_with_what_to_do(path: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    with closing(SQLiteStore(path)) as store:
        resource.setrlimit(resource.RLIMIT_FSIZE, (300 * 1024, limits[1]))
        try:
            with pytest.raises(StoreUnreachable, match=r"no file larger than 307,200 bytes .*raise the limit"):  # noqa: SIM117
                with store.writing() as transaction:
                    transaction.append([NewRow(4, "s", 4, "T", b"x" * 1_000_000, None, None)])
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    with closing(SQLiteStore(path)) as store:
        assert store.max_position() == 3
        with store.writing() as transaction:
            transaction.append([NewRow(4, "s", 4, "T", b"x" * 1_000_000, None, None)])
        assert store.max_position() == 4


@pytest.mark.parametrize(("free", "said"), [(4_096, "found 4,096 bytes left on its disk"), (1 << 30, "disk is full$")])
def test_a_full_disk_is_named_where_it_is_full(
    path: Path, monkeypatch: pytest.MonkeyPatch, free: int, said: str
) -> None:
    class Usage:
        def __init__(self, _: Path) -> None:
            self.free = free

    def fill(store: SQLiteStore) -> None:
        with store.writing() as transaction:
            (pages,) = transaction._cursor.execute("PRAGMA page_count").fetchone()
            transaction._cursor.execute(f"PRAGMA max_page_count = {pages}")
            transaction.append([NewRow(4, "s", 4, "T", b"x" * 100_000, None, None)])

    monkeypatch.setattr("ledger.store.sqlite_files.shutil.disk_usage", Usage)
    with closing(SQLiteStore(path)) as store, pytest.raises(StoreUnreachable, match=said):
        fill(store)
    with closing(SQLiteStore(path)) as store:
        assert store.max_position() == 3


def test_a_store_may_be_closed_again_where_another_log_stands_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "book.db"
    first = SQLiteStore(path)
    with first.writing() as transaction:
        transaction.append([NewRow(1, "s", 1, "T", b"{}", None, None)])
    first.close()
    with closing(SQLiteStore(path)) as second:
        for name in (f"{path}-wal", f"{path}-shm"):  # the file system may give the same number again
            Path(name).rename(f"{name}.moved")
            Path(name).write_bytes(b"")
        first.close()
        for name in (f"{path}-wal", f"{path}-shm"):
            Path(name).unlink()
            Path(f"{name}.moved").rename(name)
        assert second.max_position() == 1
