"""The sender as a process: it outlives a lost store, tells how it is doing, and ends without throwing answers away."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

pytest.importorskip("httpcore")
pytest.importorskip("prometheus_client")

from consumers.webhooks.registry import remove, webhook
from consumers.webhooks.role import WebhookRole, open_webhooks
from consumers.webhooks.sender import Sender
from ledger.errors import StoreUnreachable
from ledger.store.base import Store
from ledger.store.sqlite import SQLiteStore
from tests.consumers.role_processes import running
from tests.consumers.support import Announcing, announcing, eventually
from tests.consumers.webhooks.support import Inbox, TowerClock, announced, drive, inbox, quick, register


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Announcing]:
    with announcing(tmp_path / "book.db") as found:
        for membership in ("m-1", "m-2"):
            found.record([*found.enrol(membership), *found.flips(membership, 3)])
        yield found


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Inbox]:
    with inbox(tmp_path) as found:
        yield found


class Losing:
    """Opens the store of a file; as often as a test wants it cannot."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.losses = 0

    @contextmanager
    def __call__(self) -> Iterator[Store]:
        if self.losses:
            self.losses -= 1
            raise StoreUnreachable("lost for once")
        store = SQLiteStore(self._path)
        try:
            yield store
        finally:
            store.close()


def test_the_process_tells_what_it_sent_and_what_waits(book: Announcing, receiver: Inbox, tmp_path: Path) -> None:
    opened, clock = Losing(tmp_path / "book.db"), TowerClock()
    opened.losses = 2
    receiver.behave = lambda membership, _position: 500 if membership == "m-2" else 204
    register(book.store, receiver.url, tmp_path / "hook.secret")

    @contextmanager
    def connect(service: object) -> Iterator[WebhookRole]:
        with opened() as store, open_webhooks(service, store, clock, quick()) as role:  # type: ignore[arg-type]
            yield role

    with running("webhooks", connect) as sending:
        eventually(lambda: receiver.by_membership() == {"m-1": announced(book.store)["m-1"]}, "the one arrives")
        eventually(lambda: sending.ready, "it is ready")
        eventually(lambda: sending.figure("csat_ledger_done_total", what="delivered") == 3, "that is counted")
        eventually(lambda: (sending.figure("csat_ledger_done_total", what="failed") or 0) >= 2, "so are failures")
        eventually(lambda: sending.figure("csat_ledger_webhook_waiting", webhook="wh-1") == 1, "what waits is shown")
        assert sending.figure("csat_ledger_active") == 1
        assert (sending.figure("csat_ledger_webhook_oldest_seconds", webhook="wh-1") or 0) > 0
        assert sending.figure("csat_ledger_webhook_parked", webhook="wh-1") == 0
        told = sending.events("not delivered")
        assert (told[0]["webhook"], told[0]["reason"]) == ("wh-1", "found status 500, expected 2xx")
        remove(book.store, "wh-1")
        eventually(lambda: sending.figure("csat_ledger_webhook_waiting", webhook="wh-1") is None, "what is gone is not")
    assert [line["what"] for line in sending.events("lost")] == ["store", "store"]


def test_at_the_end_answers_under_way_are_waited_for_and_kept(
    book: Announcing, receiver: Inbox, tmp_path: Path
) -> None:
    slow = threading.Event()

    def behave(_membership: str, _position: int) -> int:
        slow.wait(0.4)
        return 204

    receiver.behave = behave
    register(book.store, receiver.url, tmp_path / "hook.secret")
    with Sender(book.store, TowerClock(), quick()) as sender:
        drive(sender, lambda: receiver.got, "something is under way")
    first = min(one.position for one in receiver.got)
    assert sender.state.delivered == len(receiver.got), "no answer was thrown away"
    assert webhook(book.store, "wh-1").mark.position >= first, "the first that was answered is not sent again"
    lock = book.store.try_lock("webhooks")
    assert lock is not None, "given back"
    lock.release()
