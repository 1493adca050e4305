"""Exactly once for services that keep their effects in a database of their own, and the example of one."""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.servers.fixtures import without_server

try:
    import kafka  # noqa: F401
except ImportError as missing:
    without_server(missing)

from csat_ledger_client.errors import BadRequest
from csat_ledger_client.kafka.broker import Broker
from csat_ledger_client.kafka.effects import Effects
from csat_ledger_client.kafka.subscriber import Start, Subscriber
from tests.consumers.support import (
    AREA,
    Announcing,
    announce,
    by_membership,
    changes,
    eventually,
)

ROOT = Path(__file__).parents[3]


@pytest.fixture(params=["sqlite", "postgres"])
def connect(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], Any]:
    if request.param == "sqlite":
        return lambda: sqlite3.connect(tmp_path / "crm.db", timeout=30, check_same_thread=False)
    import psycopg

    url = request.getfixturevalue("postgres_url")
    return lambda: psycopg.connect(url)


def follow(
    connection: Any, broker: Broker, start: Start | None = None, fail: Callable[[], None] = lambda: None
) -> None:
    """Notes every change in a table; `fail` may raise between the effect and the commit."""
    cursor = connection.cursor()
    cursor.execute("CREATE TABLE IF NOT EXISTS effect (membership TEXT, seq BIGINT)")
    connection.commit()
    effects = Effects(connection, "crm")
    for delivery in Subscriber(broker, start=effects.start(start)).deliveries(until_end=True):
        with effects.once(delivery) as fresh:
            if fresh:
                told = delivery.message
                connection.cursor().execute(f"INSERT INTO effect VALUES ('{told.membership}', {told.seq})")
                fail()


def effects_of(connection: Any) -> dict[str, list[int]]:
    cursor = connection.cursor()
    cursor.execute("SELECT membership, seq FROM effect ORDER BY membership, seq")
    found: dict[str, list[int]] = {}
    for membership, seq in cursor.fetchall():
        found.setdefault(membership, []).append(seq)
    return found


def expected_effects(book: Announcing) -> dict[str, list[int]]:
    return {name: [change.seq for change in told] for name, told in by_membership(book.announcements()).items()}


def test_effects_are_made_once_although_the_service_fails_at_random(
    book: Announcing, broker: Broker, connect: Callable[[], Any]
) -> None:
    announce(book, broker, "m-1", "m-2", "m-3", flips=6)
    chance = random.Random(17)

    def fail() -> None:
        if chance.random() < 0.3:
            raise ConnectionAbortedError("in the middle of an effect")

    failures = 0
    while True:
        connection = connect()
        try:
            follow(connection, broker, fail=fail)
            break
        except ConnectionAbortedError:
            failures += 1
        finally:
            connection.close()
    assert failures >= 3
    assert effects_of(connect()) == expected_effects(book)


def test_effects_of_two_instances_at_once_are_made_once(
    book: Announcing, broker: Broker, connect: Callable[[], Any]
) -> None:
    announce(book, broker, *(f"m-{number}" for number in range(8)), flips=6)
    errors: list[BaseException] = []

    def instance() -> None:
        connection = connect()
        try:
            follow(connection, broker)
        except BaseException as error:
            errors.append(error)
        finally:
            connection.close()

    follow(connect(), Broker(broker.bootstrap, broker.prefix), Start.end())  # makes the tables
    threads = [threading.Thread(target=instance) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []
    assert effects_of(connect()) == expected_effects(book)


def test_effects_that_start_with_the_status_go_on_without_gap_or_repeat(
    book: Announcing, broker: Broker, connect: Callable[[], Any]
) -> None:
    announce(book, broker, "m-1", "m-2")
    follow(connect(), broker, Start.status())
    first = {name: seqs[-1:] for name, seqs in expected_effects(book).items()}
    assert effects_of(connect()) == first
    follow(connect(), broker, Start.status())
    announce(book, broker, "m-1", "m-2", "m-3")
    follow(connect(), broker, Start.status())
    follow(connect(), broker, Start.beginning())
    now = expected_effects(book)
    assert effects_of(connect())["m-1"][:1] == first["m-1"]
    for name in ("m-1", "m-2", "m-3"):
        assert effects_of(connect())[name][-1] == now[name][-1]
        assert len(effects_of(connect())[name]) == len(set(effects_of(connect())[name]))


def test_connection_in_autocommit_mode_is_refused(postgres_url: str) -> None:
    import psycopg

    with psycopg.connect(postgres_url, autocommit=True) as connection, pytest.raises(BadRequest, match="autocommit"):
        Effects(connection, "crm")


def test_example_service_that_is_killed_makes_each_effect_once(
    book: Announcing, broker: Broker, tmp_path: Path
) -> None:
    """The service of the README, killed at random moments while announcements flow; two of it at a time."""
    database = tmp_path / "crm.db"
    command = [sys.executable, "-m", "tests.client.kafka.example_downstream", broker.bootstrap, str(database)]
    environment = os.environ | {"CSAT_LEDGER_TOPIC_PREFIX": broker.prefix}
    chance = random.Random(11)

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL)

    running = [start(), start()]
    try:
        for number in range(6):
            book.record(book.restate("m-1", 2) if number else book.qualify("m-1"))
            announce(book, broker, "m-1", "m-2", f"n-{number}", flips=4)
            time.sleep(chance.uniform(0.2, 1.0))  # a moment by chance, wherever the victim is by then
            victim = running.pop(0)
            victim.kill()
            victim.wait()
            running.append(start())
        expected = {
            (name, area): (told[-1].holds, len(told))
            for area, found in (("survey", book.announcements()), (AREA, book.designations()))
            for name, told in by_membership(found).items()
        }
        assert expected["m-1", AREA] == (True, 11)

        def kept() -> dict[tuple[str, str], tuple[bool, int]]:
            with suppress(sqlite3.OperationalError), sqlite3.connect(database, timeout=30) as connection:
                rows = connection.execute("SELECT partner, area, holds, changes FROM standing")
                return {(name, area): (bool(holds), number) for name, area, holds, number in rows}
            return {}

        eventually(lambda: kept() == expected, "the service has everything", 60)
    finally:
        for process in running:
            process.kill()
            process.wait()
    with closing(sqlite3.connect(database, timeout=30)) as connection:
        effects = Effects(connection, "crm")
        for delivery in Subscriber(broker, start=Start.beginning()).deliveries(until_end=True):
            with effects.once(delivery) as fresh:
                assert not fresh, f"{delivery.message}: its effect is there, and no note of it"
    assert kept() == expected
    assert by_membership(changes(broker)) == by_membership(book.announcements())
