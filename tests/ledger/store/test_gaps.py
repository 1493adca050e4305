"""The feed has no holes that fill later: 8 writer processes, killed writers, rolled-back transactions, live readers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import psycopg
import pytest

from ledger.event import FIRST_PREV, leaf_hash
from ledger.store.base import NewRow
from ledger.store.postgres import PostgresStore
from tests.support.soak import SOAK

ROOT = Path(__file__).parents[3]
WRITERS = 8
FACTS_EACH = 60_000 if SOAK else 6_250
DEADLINE_S = 3_000 if SOAK else 150
PAGE = 700


def start(url: str, name: str, what: str, **options: Any) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.ledger.store.writing_process", url, name, what]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, cwd=ROOT, env=environment, text=True, **options)


class Follower(threading.Thread):
    """Reads the feed while it grows, and keeps what it saw."""

    def __init__(self, read: Callable[[Follower], None]) -> None:
        super().__init__(daemon=True)
        self._read = read
        self.positions: list[int] = []
        self.heads: dict[str, tuple[int, str]] = {}
        self.broken: list[str] = []
        self.error: BaseException | None = None
        self.last: int | None = None

    def run(self) -> None:
        try:
            self._read(self)
        except BaseException as error:
            self.error = error

    @property
    def position(self) -> int:
        return self.positions[-1] if self.positions else 0

    def see(self, position: int, stream: str, seq: int, stored: bytes) -> None:
        self.positions.append(position)
        event = orjson.loads(stored)
        before, head = self.heads.get(stream, (0, FIRST_PREV))
        if (event["stream"], event["seq"], event["prev"]) != (stream, before + 1, head) or seq != before + 1:
            self.broken.append(f"position {position}: seq {seq} of {stream} after seq {before}")
        self.heads[stream] = (seq, leaf_hash(stored))


def by_waiting(url: str) -> Callable[[Follower], None]:
    def read(follower: Follower) -> None:
        store = PostgresStore(url)
        while follower.position != follower.last:
            if store.wait(follower.position, 0.2):
                for row in store.read_feed(follower.position, PAGE):
                    follower.see(row.position, row.stream, row.seq, row.stored)
        store.close()

    return read


def by_subscription(url: str) -> Callable[[Follower], None]:
    def read(follower: Follower) -> None:
        store = PostgresStore(url)
        with store.recorder.subscribe(gt=0) as subscription:
            for found in subscription:
                follower.see(found.id, str(found.originator_id), found.originator_version, found.state)
                if follower.position == follower.last:
                    break
        store.close()

    return read


def test_readers_see_every_position_once_and_in_order_whatever_becomes_of_the_writers(postgres_url: str) -> None:
    store = PostgresStore(postgres_url)
    readers = [Follower(by_waiting(postgres_url)), Follower(by_subscription(postgres_url))]
    for reader in readers:
        reader.start()
    began = time.monotonic()
    writers = {f"w{number}": start(postgres_url, f"w{number}", str(FACTS_EACH)) for number in range(WRITERS)}
    kills = 0
    while any(process.poll() is None for process in writers.values()):
        assert time.monotonic() < began + DEADLINE_S, "the writers are not done in time"
        if kills < 4 and store.max_position() > (kills + 1) * WRITERS * FACTS_EACH // 6:
            kills += 1
            name = f"w{kills}"
            if kills % 2:
                # One in the middle of its work; another takes up what it did, not knowing how far it came.
                writers[name].send_signal(signal.SIGKILL)
                assert writers[name].wait(10) in (-signal.SIGKILL, 0)
                writers[name] = start(postgres_url, name, str(FACTS_EACH))
            else:
                # One that holds the lock with rows that nobody will ever see.
                hanging = start(postgres_url, name, "hang", stdout=subprocess.PIPE)
                assert hanging.stdout is not None
                assert hanging.stdout.readline() == "appended\n"
                hanging.kill()
                hanging.communicate()
        time.sleep(0.02)
    assert [process.returncode for process in writers.values()] == [0] * WRITERS
    end = store.max_position()
    for reader in readers:
        reader.last = end + 1
    append_a_last_one(store, end)
    for reader in readers:
        reader.join(60)
        assert reader.error is None
        assert not reader.is_alive(), f"the reader hangs at {reader.position} of {end + 1}"
        assert reader.positions == list(range(1, end + 2)), "a reader missed a position or saw one twice"
        assert not reader.broken
    assert kills == 4
    assert end >= WRITERS * FACTS_EACH
    assert store.count_events() == end + 1
    store.close()


def append_a_last_one(store: PostgresStore, end: int) -> None:
    """An event of a stream of its own."""
    stored = b'{"prev":"%s","seq":1,"stream":"last"}' % FIRST_PREV.encode()
    with store.writing() as transaction:
        transaction.append([NewRow(end + 1, "last", 1, "Last", stored, None, None)])


def test_an_event_added_without_the_lock_must_wait_for_the_one_before_it(
    postgres_url: str, store: PostgresStore
) -> None:
    insert = "INSERT INTO ledger.events VALUES (%s, 's', %s, 'T', '{}')"
    with psycopg.connect(postgres_url) as first, psycopg.connect(postgres_url, autocommit=True) as second:
        first.execute(insert, (1, 1))
        with pytest.raises(psycopg.IntegrityError, match="must follow the last one"):
            second.execute(insert, (2, 2))
        first.commit()
        second.execute(insert, (2, 2))
        with pytest.raises(psycopg.IntegrityError, match="must follow the last one"):
            second.execute("INSERT INTO ledger.events SELECT n, 's', n, 'T', '{}' FROM unnest(ARRAY[3, 4, 6]) AS n")
    assert [row.position for row in store.read_feed(0, 10)] == [1, 2]
