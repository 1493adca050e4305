"""The receiver that README shows: takes each change once, and turns away what is old, unsigned or signed by another."""

from __future__ import annotations

import http.client
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

pytest.importorskip("httpcore")

from consumers.webhooks.delivery import Message, message_of, signed_headers
from consumers.webhooks.secrets import make_secret_file
from consumers.webhooks.sender import Sender
from tests.consumers.support import Announcing, announcing
from tests.consumers.webhooks.support import TowerClock, drive, quick, register

ROOT = Path(__file__).parents[3]
OTHER = "whsec_" + "b" * 44
Rows = list[tuple[str, int, int]]


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Announcing]:
    with announcing(tmp_path / "book.db") as found:
        found.record([*found.enrol("m-1"), *found.flips("m-1", 3)])
        found.record([*found.enrol("m-2"), *found.flips("m-2", 2)])
        yield found


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    secret = make_secret_file(tmp_path / "hook.secret")
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.consumers.webhooks.example_receiver", "0", str(tmp_path / "crm.db")],
        env={**os.environ, "PYTHONPATH": str(ROOT), "WEBHOOK_SECRET": secret},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout is not None
    yield int(process.stdout.readline().split()[-1])
    process.kill()
    process.communicate()


def eligible(tmp_path: Path) -> Rows:
    with closing(sqlite3.connect(tmp_path / "crm.db")) as database:
        return database.execute("SELECT * FROM eligible ORDER BY partner").fetchall()


def posted(port: int, message: Message, secret: str, at_us: int, **changed: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    headers = {name.decode(): value.decode() for name, value in signed_headers(message, [secret], at_us)}
    try:
        connection.request("POST", "/", message.body, headers | changed)
        return connection.getresponse().status
    finally:
        connection.close()


def test_the_receiver_of_the_readme_takes_each_change_once_and_turns_away_what_is_old_or_wrong(
    book: Announcing, port: int, tmp_path: Path
) -> None:
    register(book.store, f"http://127.0.0.1:{port}/", tmp_path / "hook.secret")
    with Sender(book.store, TowerClock(), quick()) as sender:
        drive(sender, lambda: sender.state.delivered == 5, "all are taken")
    whole: Rows = [("m-1", 1, 3), ("m-2", 0, 2)]
    assert eligible(tmp_path) == whole
    secret, now_us = (tmp_path / "hook.secret").read_text().strip(), time.time_ns() // 1_000
    message = message_of(book.store.read_type("EligibilityChanged", 0, 1)[0])
    assert posted(port, message, secret, now_us) == 204, "sent again, it is taken"
    assert eligible(tmp_path) == whole, "and changes nothing"
    other = message._replace(id="membership-m-1/999")
    assert posted(port, other, secret, now_us - 600_000_000) == 400, "old"
    assert posted(port, other, secret, now_us + 600_000_000) == 400, "not yet"
    assert posted(port, other, OTHER, now_us) == 400, "signed by another"
    assert posted(port, other, secret, now_us, **{"webhook-id": "membership-m-1/1000"}) == 400, "of another id"
    assert posted(port, other, secret, now_us, **{"webhook-signature": "v1,ä"}) == 400, "no signature"
    assert eligible(tmp_path) == whole


def test_the_readme_shows_this_receiver() -> None:
    text = (ROOT / "tests/consumers/webhooks/example_receiver.py").read_text().rstrip()
    assert text in (ROOT / "README.md").read_text()
