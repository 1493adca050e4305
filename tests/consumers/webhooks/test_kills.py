"""A sender that is killed, again and again, while facts come and a receiver fails: nothing is skipped, all is in order."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("httpcore")

from consumers.webhooks.registry import held, webhook
from ledger.store.base import Store
from ledger.store.sqlite import SQLiteStore
from tests.consumers.support import Announcing, eventually
from tests.consumers.webhooks.support import Inbox, announced, inbox, register
from tests.contracts.backends import BACKENDS, Backend
from tests.support.soak import scaled

ROOT = Path(__file__).parents[3]
KILLS = scaled(8)


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Inbox]:
    with inbox(tmp_path) as found:
        yield found


@pytest.fixture(params=BACKENDS, ids=lambda backend: backend.name)
def place(request: pytest.FixtureRequest) -> str:
    backend: Backend = request.param
    return backend.place(request)


def opened(place: str) -> Store:
    if place.startswith("postgres"):
        from ledger.store.postgres import PostgresStore

        return PostgresStore(place)
    return SQLiteStore(place)


def start(*command: str, **environment: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", *command],
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        stderr=subprocess.PIPE,
    )


def kill(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGKILL)
    process.communicate()


def test_a_sender_that_is_killed_under_way_skips_nothing_and_keeps_the_order(
    place: str, receiver: Inbox, tmp_path: Path
) -> None:
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    receiver.behave = lambda _membership, _position: chance.choices([204, 500, 429, "close"], [30, 1, 1, 1])[0]
    book = Announcing(opened(place))
    memberships = [f"m-{number}" for number in range(12)]
    for membership in memberships:
        book.record(book.enrol(membership))
    register(book.store, receiver.url, tmp_path / "hook.secret")
    for number in range(KILLS):
        process = start("tests.consumers.webhooks.sending", place)
        before = len(receiver.got)
        for membership in chance.sample(memberships, 6):
            book.record(book.flips(membership, chance.randrange(1, 8)))
        eventually(lambda before=before: len(receiver.got) > before, f"it sends after kill {number}")
        time.sleep(chance.random() * 0.4)  # anywhere: what is sent may be kept or not
        kill(process)
    process = start("tests.consumers.webhooks.sending", place)
    try:
        eventually(lambda: receiver.by_membership() == announced(book.store), "all arrive, in order")
        last = max(map(max, announced(book.store).values()))
        eventually(lambda: webhook(book.store, "wh-1").mark.position >= last, "that is kept")
        eventually(lambda: not held(book.store, "wh-1"), "nothing waits")
    finally:
        kill(process)
        book.close()
    assert not receiver.wrong
    ids = defaultdict(set)
    for one in receiver.got:
        ids[one.position].add(one.id)
    assert {len(some) for some in ids.values()} == {1}, "the id of an announcement is the same whenever it is sent"


def test_the_command_sends_until_it_is_told_to_stop_and_logs_neither_url_nor_secret(
    receiver: Inbox, tmp_path: Path
) -> None:
    receiver.behave = lambda membership, _position: 400 if membership == "m-2" else 204
    book = Announcing.in_file(tmp_path / "book.db")
    for membership in ("m-1", "m-2"):
        book.record(book.enrol(membership))
        book.record(book.flips(membership, 3))
    register(book.store, receiver.url, tmp_path / "hook.secret")
    process = start("console", "--store", str(tmp_path / "book.db"), "webhooks")
    try:
        eventually(lambda: receiver.by_membership() == {"m-1": announced(book.store)["m-1"]}, "the one arrives")
        eventually(lambda: len(held(book.store, "wh-1")) == 1, "the other is held")
    finally:
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=30)
    assert process.returncode == 0, said.decode()
    lines = said.decode()
    assert '"event": "not delivered"' in lines
    assert "found status 400" in lines
    assert "site=3" not in lines
    assert receiver.secret not in lines
    book.close()
