"""Trying other figures over HTTP: one at a time, since it takes seconds of all processors, and what was found is remembered.

One more waits for the one before it, with one of the threads that answer everything; whoever else asks meanwhile is told to ask
again, and so is who has one under way or waiting already: nobody keeps the others out by asking all the time. What is
remembered is answered at once.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Condition
from typing import TYPE_CHECKING, Final, NamedTuple

from console.http.memory_room import require_room
from console.http.problems import RETRY_AFTER_S, Problem
from console.http.trying_apart import IMPORTED_BYTES, Apart, Question
from ledger.errors import BadInput, ExtraMissing
from ledger.instants import SECOND_US
from projections.remembered import Remembered
from projections.what_if.asked import asked_of
from projections.what_if.figures import Hypothesis, counted_hypothesis, hypothesis
from projections.what_if.found import Found, counts, told

if TYPE_CHECKING:
    from console.wiring import Ledger
    from projections.questions.view import View
    from projections.questions.what_if import WhatIf

WAIT_S: Final = 15.0
PRESENT_US: Final = 600 * SECOND_US
"""Where no end is asked for it ends with the last full ten minutes: whoever asks again, or for the next page, asks the same."""


class Tried(NamedTuple):
    """What is tried: the figures as JSON, the span, as known at which position; of which membership, how many, after which.

    Without a page counts alone.
    """

    edition: str
    from_us: int | None
    to_us: int | None
    known_at: int | None
    page: tuple[str | None, int, str] | None


class Turns:
    """Whose turn it is: one at a time, and one that waits."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._at_work: str | None = None
        self._waiting: str | None = None

    @contextmanager
    def one(self, who: str) -> Iterator[None]:
        """Waits for a turn. Raises Problem (503) where others wait, or the same asks already, or it takes too long."""
        with self._changed:
            if who in (self._at_work, self._waiting) or self._waiting is not None:
                raise _busy()
            if self._at_work is not None:
                self._waiting = who
                free = self._changed.wait_for(lambda: self._at_work is None, WAIT_S)
                self._waiting = None
                if not free:
                    raise _busy()
            self._at_work = who
        try:
            yield
        finally:
            with self._changed:
                self._at_work = None
                self._changed.notify_all()


TURNS: Final = Turns()
APART: Final = Apart()
_REMEMBERED: Final = Remembered[Found](4)


def _busy() -> Problem:
    return Problem(
        503, "busy", "found other figures being tried, expected nobody else: ask again in a few seconds",
        headers={"Retry-After": RETRY_AFTER_S},
    )  # fmt: skip


def what_if_answer(ledger: Ledger, view: View, tried: Tried, now_us: int, who: str) -> WhatIf:
    """What would have been, by a view of a ledger.

    Raises Problem: 400 for what is no edition or no span, 503 where it is not who asks' turn, where there is too little
    memory or nothing is found in time, or where what works by columns is not installed.
    """
    edition, from_us, to_us, known_at, page = tried
    try:
        if page is None:
            other = counted_hypothesis(edition, from_us, to_us, now_us)
        else:
            other = hypothesis(edition, from_us, now_us - now_us % PRESENT_US if to_us is None else to_us)
        known, name = asked_of(view, other, known_at)
        found = None if name is None else _REMEMBERED.get(name)
        if found is None:
            with TURNS.one(who):
                found = (
                    APART.found(Question(ledger.where, other, known))
                    if other.figures
                    else _as_it_is(view, other, known)
                )
            if name is not None:
                _REMEMBERED.put(name, found)
    except BadInput as error:
        field = next((name for name in ("from", "to") if str(error).startswith(f"{name}: ")), "edition")
        raise Problem(400, "bad-input", str(error), field) from None
    except ExtraMissing as error:
        raise Problem(503, "missing", str(error)) from None
    return counts(found) if page is None else told(found, *page)


def _as_it_is(view: View, other: Hypothesis, known: int) -> Found:
    """Nothing differs where no figure is tried: that is soon found, and needs no process of its own."""
    if "polars" not in sys.modules:
        require_room(IMPORTED_BYTES)
    try:
        from projections.what_if.question import what_if
    except ModuleNotFoundError as error:
        raise ExtraMissing(error.name, "results") from None
    return what_if(view, other, known)
