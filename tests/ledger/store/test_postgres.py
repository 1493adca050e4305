"""What is particular to the book in PostgreSQL; what it shares with the others is in tests/contracts/test_store.py."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from eventsourcing.persistence import Notification

from ledger.errors import ClockWrong, StoreUnreachable
from ledger.programmes.registry import PROGRAMMES, fact_from_object
from ledger.store.base import NewRow
from ledger.store.postgres import PostgresStore
from ledger.writing.writer import Writer
from tests.ledger.store.postgres_rows import append, rows
from tests.ledger.store.writing_process import NOW_US, facts

if TYPE_CHECKING:
    from tests.servers.postgres import PostgresServer

ROOT = Path(__file__).parents[3]


# Lost connections


def test_a_restart_of_the_server_costs_a_reader_and_a_writer_nothing_once_it_is_back(
    own: PostgresStore, own_postgres: PostgresServer
) -> None:
    append(own, 3)
    own_postgres.restart()
    assert own.max_position() == 3
    append(own)
    own_postgres.kill()
    own_postgres.start()
    append(own)
    assert [row.position for row in own.read_feed(0, 10)] == [1, 2, 3, 4, 5]


def test_a_server_that_is_down_is_unreachable_and_the_reason_is_told(
    own: PostgresStore, own_postgres: PostgresServer
) -> None:
    append(own)
    own_postgres.stop()
    for ask in (own.max_position, lambda: append(own), lambda: own.wait(0, 5), lambda: own.try_lock("relay")):
        began = time.monotonic()
        with pytest.raises(StoreUnreachable, match="Connection refused"):
            ask()
        assert time.monotonic() - began < 2
    own_postgres.start()
    append(own)
    assert own.max_position() == 2


def test_a_connection_lost_in_a_transaction_records_nothing(own: PostgresStore, own_postgres: PostgresServer) -> None:
    def lose_it() -> None:
        with own.writing() as transaction:
            transaction.append(rows(1, 3))
            own_postgres.kill()

    with pytest.raises(StoreUnreachable):
        lose_it()
    own_postgres.start()
    assert own.max_position() == 0
    append(own)


def test_a_writer_goes_on_after_a_lost_server_and_records_each_fact_once(
    own: PostgresStore, own_postgres: PostgresServer
) -> None:
    writer = Writer(own, lambda: NOW_US, PROGRAMMES)
    told = list(facts("a", 30))
    writer.record(told[:10])
    own_postgres.stop("immediate")
    with pytest.raises(StoreUnreachable):
        writer.record(told[10:20])
    own_postgres.start()
    statuses = [outcome.status for outcome in writer.record(told)]
    assert statuses == ["duplicate"] * 10 + ["accepted"] * 20


def test_the_lock_of_a_role_is_lost_with_the_server_and_its_holder_sees_that(
    own: PostgresStore, own_postgres: PostgresServer
) -> None:
    lock = own.try_lock("relay")
    assert lock is not None
    assert lock.held()
    own_postgres.restart()
    other = own.try_lock("relay")
    assert other is not None
    assert not lock.held()
    lock.release()
    assert other.held()
    other.release()


def test_the_lock_of_a_role_ends_with_its_process(postgres_url: str, store: PostgresStore) -> None:
    code = (
        "import sys,time; from ledger.store.postgres import PostgresStore\n"
        f"lock=PostgresStore({postgres_url!r}).try_lock('clock'); print(lock.held(), flush=True); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None
    assert process.stdout.readline() == "True\n"
    assert store.try_lock("clock") is None
    process.kill()
    process.communicate()
    deadline = time.monotonic() + 10
    while (lock := store.try_lock("clock")) is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    lock.release()


# Waiting


HAS_LOOKED = """
SELECT FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND state = 'idle'
AND query LIKE '%%max(position)%%' AND query_start > %s
"""


@contextmanager
def waiting(store: PostgresStore, url: str, after: int) -> Iterator[list[float]]:
    """A thread that waits for what comes after a position, once it has looked and found nothing: when it heard of it."""
    heard: list[float] = []

    def wait() -> None:
        if store.wait(after, 10):
            heard.append(time.monotonic())

    thread = threading.Thread(target=wait)
    with psycopg.connect(url, autocommit=True) as connection:
        (began,) = connection.execute("SELECT clock_timestamp()").fetchone() or ()
        thread.start()
        deadline = time.monotonic() + 10
        while not connection.execute(HAS_LOOKED, [began]).fetchall():
            assert time.monotonic() < deadline, "it did not look within 10 s"
            time.sleep(0.001)
    yield heard
    thread.join(20)
    assert len(heard) == 1, "it did not hear of what came"


def test_a_wait_finds_what_nobody_announced(postgres_url: str, store: PostgresStore) -> None:
    with waiting(store, postgres_url, 0), psycopg.connect(postgres_url) as connection:
        connection.execute("INSERT INTO ledger.events VALUES (1, 's', 1, 'T', '{}')")


def test_a_wait_hears_of_a_commit_long_before_it_would_look(postgres_url: str, store: PostgresStore) -> None:
    writer = PostgresStore(postgres_url)
    late = []
    for position in range(10):
        with waiting(store, postgres_url, position) as heard:
            append(writer)
            committed = time.monotonic()
        late.append(heard[0] - committed)
    writer.close()
    assert sorted(late)[5] < 0.1  # the look is every half second


def test_a_wait_listens_again_on_a_new_connection(own: PostgresStore, own_postgres: PostgresServer) -> None:
    assert not own.wait(0, 0.05)
    own_postgres.restart()
    with waiting(own, own_postgres.url(own.name.rpartition("/")[2]), 0):
        append(own)


def test_a_subscription_of_the_library_outlives_a_restart_of_the_server(
    own: PostgresStore, own_postgres: PostgresServer
) -> None:
    append(own, 2)
    seen: list[Notification] = []
    with own.recorder.subscribe(gt=0) as subscription:
        for found in subscription:
            seen.append(found)
            if len(seen) == 2:
                own_postgres.restart()
                append(own, 2)
            if len(seen) == 4:
                break
    assert [found.id for found in seen] == [1, 2, 3, 4]


# Writers


def test_vacuum_and_new_statistics_do_not_wait_for_a_writer_nor_it_for_them(
    postgres_url: str, store: PostgresStore
) -> None:
    append(store, 100)
    with store.writing() as transaction, psycopg.connect(postgres_url, autocommit=True) as connection:
        transaction.append(rows(101, 5))
        connection.execute("SET lock_timeout = '2s'")
        connection.execute("VACUUM (ANALYZE) ledger.events")
    assert store.max_position() == 105


def test_two_writers_see_what_the_other_recorded(postgres_url: str, store: PostgresStore) -> None:
    second = PostgresStore(postgres_url)
    writers = [Writer(one, lambda: NOW_US, PROGRAMMES) for one in (store, second)]
    told = list(facts("a", 400))
    failures: list[BaseException] = []

    def record(writer: Writer, backwards: bool) -> None:
        groups = [told[start : start + 20] for start in range(5, len(told), 20)]
        try:
            for group in reversed(groups) if backwards else groups:
                assert {outcome.status for outcome in writer.record(group)} <= {"accepted", "duplicate"}
        except BaseException as error:
            failures.append(error)

    writers[0].record(told[:5])
    threads = [threading.Thread(target=record, args=(writer, number == 1)) for number, writer in enumerate(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    recorded = [row.fact for row in store.read_feed_full(0, 10_000) if row.fact is not None]
    assert sorted(recorded) == sorted([fact.id for fact in told] + [row for row in recorded if row.startswith("csat-")])
    second.close()


def test_what_one_writer_enrolled_another_refuses_to_enrol_again(postgres_url: str, store: PostgresStore) -> None:
    second = PostgresStore(postgres_url)
    enrol = {
        "type": "enrol-membership",
        "membership": "m",
        "occurred_at": "2010-01-01T00:00:00Z",
        "name": "P",
        "level": "gold",
    }
    assert (
        Writer(store, lambda: NOW_US, PROGRAMMES).record([fact_from_object({**enrol, "id": "1"})])[0].status
        == "accepted"
    )
    other = Writer(second, lambda: NOW_US, PROGRAMMES)
    assert other.record([fact_from_object({**enrol, "id": "2"})])[0].code == "already-enrolled"
    second.close()


@pytest.mark.parametrize(
    ("off_us", "code"),
    [(0, None), (4 * 60_000_000, None), (6 * 60_000_000, "clock-ahead"), (-6 * 60_000_000, "clock-behind")],
)
def test_a_clock_far_from_the_servers_records_nothing(store: PostgresStore, off_us: int, code: str | None) -> None:
    with store.writing() as transaction:
        server_us = transaction.server_clock_us()
    assert abs(server_us - time.time_ns() // 1_000) < 60_000_000  # the server of the tests runs on this machine
    writer = Writer(store, lambda: server_us + off_us, PROGRAMMES, compare_server=True)
    if code is None:
        assert {outcome.status for outcome in writer.record(list(facts("a", 5)))} == {"accepted"}
        return
    with pytest.raises(ClockWrong, match="the database server's") as caught:
        writer.record(list(facts("a", 5)))
    assert caught.value.code == code
    assert store.max_position() == 0


def test_an_event_of_a_newer_program_sets_its_stream_aside_and_no_other(
    postgres_url: str, store: PostgresStore
) -> None:
    told = list(facts("a", 60))
    Writer(store, lambda: NOW_US, PROGRAMMES).record(told[:30])
    streams = {row.stream for row in store.read_feed(0, 1_000)} - {"programme"}
    broken = sorted(streams)[0]
    last = list(store.read_stream(broken))[-1]
    with store.writing() as transaction:
        row = NewRow(transaction.max_position() + 1, broken, last.seq + 1, "SurveyHalted", b"{}", None, None)
        transaction.append([row])
    outcomes = Writer(store, lambda: NOW_US, PROGRAMMES).record(told[30:])
    assert {outcome.status for outcome in outcomes} == {"accepted", "put-off"}
    assert [(aside.stream, aside.position) for aside in store.set_aside()] == [(broken, row.position)]
    assert Writer(store, lambda: NOW_US, PROGRAMMES).review().set_aside == 1


def test_a_statement_that_failed_does_not_become_a_commit_of_nothing(store: PostgresStore) -> None:
    def overlook_it() -> None:
        with store.writing() as transaction, suppress(psycopg.Error):
            transaction.append(rows(7, 1))

    with pytest.raises(StoreUnreachable, match="nothing of its transaction"):
        overlook_it()
    assert store.max_position() == 0


def test_an_acknowledgement_is_on_disk_whatever_the_database_is_set_to(postgres_url: str) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {connection.info.dbname} SET synchronous_commit = off")
    store = PostgresStore(postgres_url)
    assert store._query("SHOW synchronous_commit", ()) == [("on",)]
    store.close()
