"""Duties: what one does while it works, fails, stands by and ends."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from console.http.duties import Duty, Stopping
from consumers.broker.backoff import Backoff
from ledger.errors import BookChanged, ClockWrong, StoreUnreachable
from tests.consumers.support import eventually

PATIENCE_S = 20.0
AT_ONCE = Backoff(0.001, 0.001)


class Watched:
    """A duty, and what was said of it."""

    def __init__(self, turn: Callable[[Duty], None], backoff: Backoff = AT_ONCE) -> None:
        self.said: list[str] = []
        self.faults: list[BaseException] = []
        self.duty = Duty("sealing", turn, lambda: 7_000_000, self.said.append, self.faults.append, backoff)


@contextmanager
def working(turn: Callable[[Duty], None], backoff: Backoff = AT_ONCE) -> Iterator[Watched]:
    watched = Watched(turn, backoff)
    watched.duty.start()
    try:
        yield watched
    finally:
        watched.duty.close(PATIENCE_S)


def test_a_failure_is_told_once_and_shown_until_it_is_mended() -> None:
    tries: list[int] = []
    mended = threading.Event()

    def turn(duty: Duty) -> None:
        tries.append(1)
        if not mended.is_set():
            raise StoreUnreachable("db at 10.0.0.1: found no answer")
        duty.sound(12)
        duty.wait(PATIENCE_S)

    with working(turn) as watched:
        duty = watched.duty
        eventually(lambda: len(tries) > 5, "it is tried again")
        assert (duty.failed, duty.since, duty.standby) == (True, 7_000_000, False)
        assert duty.detail == "sealing: store-unreachable; the service's log says why"  # and not where the store lies
        assert watched.said == ["sealing: store-unreachable: db at 10.0.0.1: found no answer"]
        mended.set()
        eventually(lambda: not duty.failed, "it goes on")
        assert (duty.since, duty.detail, duty.position) == (None, "", 12)
        assert watched.said[1:] == ["sealing: goes on"]
    assert watched.faults == []


def test_another_failure_is_told_as_well_and_a_fault_of_the_program_with_its_trace() -> None:
    failures: list[Exception] = [
        StoreUnreachable("away"), StoreUnreachable("away still"), ClockWrong("clock-behind", "an hour"), ValueError("oops"),
        ValueError("again"),
    ]  # fmt: skip

    def turn(duty: Duty) -> None:
        if failures:
            raise failures.pop(0)
        duty.wait(PATIENCE_S)

    with working(turn) as watched:
        eventually(lambda: len(watched.said) == 3 and not failures, "all have failed")
    assert watched.said == [
        "sealing: store-unreachable: away", "sealing: clock-behind: an hour", "sealing: fault: ValueError: oops",
    ]  # fmt: skip
    assert [str(fault) for fault in watched.faults] == ["oops"]


def test_what_trying_again_does_not_mend_is_tried_seldom() -> None:
    tries: list[int] = []

    def turn(_: Duty) -> None:
        tries.append(1)
        raise BookChanged("position 7: found another event")

    with working(turn) as watched:
        eventually(lambda: watched.duty.failed, "it failed")
        assert not watched.duty.wait(0.3)
        assert tries == [1]


def test_a_duty_ends_in_the_middle_of_something_long_and_of_a_pause() -> None:
    def long(duty: Duty) -> None:
        duty.sound()
        while True:
            duty.check()
            duty.wait(0.01)

    def failing(_: Duty) -> None:
        raise StoreUnreachable("away")

    for turn, backoff in ((long, AT_ONCE), (failing, Backoff(PATIENCE_S, PATIENCE_S))):
        with working(turn, backoff) as watched:
            eventually(lambda watched=watched: watched.duty.failed or watched.said == [], "it works, or waits")
        assert not watched.duty._thread.is_alive()
        assert [said for said in watched.said if Stopping.__name__ in said] == []


def test_a_duty_that_does_not_end_is_left_alone_and_told_of() -> None:
    hold = threading.Event()
    watched = Watched(lambda _: hold.wait(PATIENCE_S) and None)
    watched.duty.start()
    watched.duty.close(0.05)
    assert watched.said == ["sealing: found it at work 0.05 s after the end, expected it done: left as it is"]
    hold.set()
    watched.duty.close(PATIENCE_S)


def test_standing_by_is_no_failure() -> None:
    def turn(duty: Duty) -> None:
        duty.stand_by()
        duty.wait(PATIENCE_S)

    with working(turn) as watched:
        eventually(lambda: watched.duty.standby, "it stands by")
        assert (watched.duty.failed, watched.duty.since, watched.duty.detail) == (
            False,
            None,
            "another process does it",
        )
    assert watched.said == []
