"""Questions put to threads from an event loop, and the waking of the loop."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import time
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from console.http import reading
from console.http.reading import READERS, Following, Readers
from console.wiring import Ledger, open_store
from ledger.errors import LedgerError, StoreUnreachable
from ledger.programmes.registry import fact_from_object
from projections.database import ProjectionsDamaged
from tests.console.http.support import NOW_US, make_book
from tests.console.support import response
from tests.consumers.support import eventually
from tests.support.unprivileged import NOBODY, as_nobody, readable_folder


class Opened:
    """Opens ledgers, and counts them."""

    def __init__(self, store: Path) -> None:
        self.store = store
        self.number = 0

    def __call__(self) -> Ledger:
        self.number += 1
        return Ledger(open_store(str(self.store), create=False), lambda: NOW_US, str(self.store))


@pytest.fixture
def opened(tmp_path: Path) -> Opened:
    make_book(tmp_path / "ledger.db")
    return Opened(tmp_path / "ledger.db")


@pytest.fixture
def readers(opened: Opened) -> Iterator[Readers]:
    found = Readers(opened, "the book")
    yield found
    found.close()


def test_each_of_many_gets_its_own_answer_and_the_loop_is_woken_less_often_than_it_is_told(readers: Readers) -> None:
    wakings = 0

    async def ask() -> list[int]:
        loop = asyncio.get_running_loop()
        woken = loop.call_soon_threadsafe

        def counted(*arguments: Any, **more: Any) -> asyncio.Handle:
            nonlocal wakings
            wakings += 1
            return woken(*arguments, **more)

        loop.call_soon_threadsafe = counted  # type: ignore[method-assign]
        held = threading.Barrier(READERS + 1)
        holding = [asyncio.create_task(readers.ask(lambda _: held.wait(20))) for _ in range(READERS)]
        asked = [asyncio.create_task(readers.ask(lambda _, number=number: number)) for number in range(500)]
        await asyncio.sleep(0)  # all are asked now
        held.wait(20)
        while len(readers._answered) < 500 + READERS:  # the loop does not come round meanwhile
            threading.Event().wait(0.001)
        await asyncio.gather(*holding)
        return await asyncio.gather(*asked)

    assert asyncio.run(ask()) == list(range(500))
    assert wakings == 1


def test_what_goes_wrong_is_told_to_who_asked_and_nobody_else(readers: Readers) -> None:
    def failing(_: Ledger) -> int:
        raise ZeroDivisionError

    async def ask() -> list[int | BaseException]:
        return await asyncio.gather(
            *(readers.ask(failing if number % 2 else lambda _: 7) for number in range(20)), return_exceptions=True
        )

    assert [one if one == 7 else type(one) for one in asyncio.run(ask())] == [7, ZeroDivisionError] * 10


def test_after_a_store_that_could_not_be_reached_another_ledger_is_opened(opened: Opened) -> None:
    def unreachable(_: Ledger) -> int:
        raise StoreUnreachable("gone")

    async def ask() -> int:
        with pytest.raises(StoreUnreachable):
            await readers.ask(unreachable)
        return await readers.ask(lambda ledger: ledger.store.max_position())

    readers = Readers(opened, "the book", 1)
    assert asyncio.run(ask()) > 0
    readers.close()
    assert opened.number == 2


def test_a_question_that_nobody_waits_for_any_more_is_not_asked(opened: Opened) -> None:
    asked: list[str] = []
    let_go = threading.Event()

    async def ask() -> None:
        first = asyncio.create_task(readers.ask(lambda _: let_go.wait(20)))
        second = asyncio.create_task(readers.ask(lambda _: asked.append("second")))
        await asyncio.sleep(0)
        second.cancel()
        await asyncio.sleep(0)
        let_go.set()
        assert await first
        await readers.ask(lambda _: asked.append("third"))

    readers = Readers(opened, "the book", 1)
    asyncio.run(ask())
    readers.close()
    assert asked == ["third"]


def test_who_waits_at_the_end_is_told_so_and_so_is_who_asks_after_it(opened: Opened) -> None:
    let_go = threading.Event()

    async def ask() -> None:
        first = asyncio.create_task(readers.ask(lambda _: let_go.wait(20)))
        second = asyncio.create_task(readers.ask(lambda _: None))
        await asyncio.sleep(0)
        threading.Timer(0.05, let_go.set).start()
        await asyncio.to_thread(readers.close)
        assert await first
        with pytest.raises(LedgerError, match="the end before"):
            await second
        with pytest.raises(LedgerError, match="after the end"):
            await readers.ask(lambda _: None)

    readers = Readers(opened, "the book", 1)
    asyncio.run(ask())


def test_two_event_loops_are_each_told_their_own(readers: Readers) -> None:
    async def ask(first: int) -> list[int]:
        return await asyncio.gather(*(readers.ask(lambda _, one=one: one) for one in range(first, first + 300)))

    found: dict[int, list[int]] = {}

    def run(first: int) -> None:
        found[first] = asyncio.run(ask(first))

    threads = [threading.Thread(target=run, args=(first,), daemon=True) for first in (0, 1_000)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert found == {first: list(range(first, first + 300)) for first in (0, 1_000)}


def test_what_a_question_held_is_given_back_when_it_fails(readers: Readers) -> None:
    """The room of an answer that was too long was used until garbage was collected, and nobody else had it."""

    class Room:
        pass

    def too_long(_: Ledger, room: Room) -> None:
        raise LedgerError(f"no room {room}")

    async def ask() -> weakref.ref[Room]:
        room = Room()
        held = weakref.ref(room)
        with pytest.raises(LedgerError, match="no room"):
            await readers.ask(lambda ledger, room=room: too_long(ledger, room))  # type: ignore[misc]
        return held

    gc.disable()
    try:
        held = asyncio.run(ask())
        end_s = time.monotonic() + 10
        while held() is not None and time.monotonic() < end_s:  # the thread lets go of it once it has told
            time.sleep(0.01)
        assert held() is None
    finally:
        gc.enable()


def test_a_pause_of_the_projections_ends_where_somebody_waits_for_them_or_they_are_to_end(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "PAUSE_S", 60.0)
    monkeypatch.setattr(reading, "PAUSE_MAX_S", 60.0)
    following = Following(opened, "the book", lambda _: None)
    following.start()
    began_s = time.monotonic()
    turned_s = following.turned_s
    while following.turned_s == turned_s:  # then it pauses
        assert time.monotonic() < began_s + 30
        time.sleep(0.01)
    ledger = opened()
    (recorded,) = ledger.writer.record([fact_from_object(response(7, "Brontegard", "2024-06-04T10:00:00Z", "m-2"))])
    ledger.close()
    assert recorded.status == "accepted"

    async def wait() -> None:
        async with asyncio.timeout(30):
            await following.reached(recorded.position)

    asyncio.run(wait())
    following.close()
    assert time.monotonic() < began_s + 55


def test_damage_that_a_question_finds_is_said_for_a_minute_whatever_others_find(
    readers: Readers, monkeypatch: pytest.MonkeyPatch
) -> None:
    def damaged(_: Ledger) -> None:
        raise ProjectionsDamaged("found the projections damaged")

    async def ask() -> None:
        assert await readers.ask(lambda _: 1) == 1
        assert not readers.found_damage()
        with pytest.raises(ProjectionsDamaged):
            await readers.ask(damaged)
        assert await readers.ask(lambda _: 2) == 2
        assert readers.found_damage()

    asyncio.run(ask())
    monkeypatch.setattr(reading, "DAMAGED_S", 0.0)
    assert not readers.found_damage()


def test_projections_in_a_file_that_may_only_be_read_for_a_while_are_kept_up_again_after_that() -> None:
    with readable_folder() as folder:
        if os.geteuid() == 0:
            os.chown(folder, NOBODY, NOBODY)
        as_nobody(lambda: _read_only_for_a_while(folder))


def _read_only_for_a_while(folder: Path) -> None:
    folder.chmod(0o755)
    make_book(folder / "ledger.db")
    opened = Opened(folder / "ledger.db")
    ledger = opened()
    ledger.catch_up()
    projections = [path for path in folder.iterdir() if ".projections" in path.name]
    (recorded,) = ledger.writer.record([fact_from_object(response(7, "Brontegard", "2024-06-04T10:00:00Z", "m-2"))])
    assert recorded.status == "accepted"
    end = ledger.store.max_position()
    for path in projections:
        path.chmod(0o444)
    following = Following(opened, "the book", lambda _: None)
    following.go_on()
    try:
        eventually(lambda: following.failed_with == "store-unreachable", "it says that nobody keeps them up")
        for path in projections:
            path.chmod(0o644)
        eventually(lambda: (following.failed_with, following.position) == (None, end), "it keeps them up")
    finally:
        following.close()
        ledger.close()
