"""Following a ledger for ever: a store that is lost meanwhile is waited for, as the processes of the team do."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Event
from typing import TYPE_CHECKING, Final

from consumers.broker.backoff import Backoff
from ledger.errors import StoreUnreachable

if TYPE_CHECKING:
    from console.cli.session import Session
    from console.wiring import Ledger

SOUND_FOR_S: Final = 30.0
"""Whoever has followed for so long before the next loss waits no longer than the first time."""


def follow(
    session: Session,
    turn: Callable[[Ledger, Callable[[], None]], None],
    lost: tuple[type[Exception], ...] = (StoreUnreachable,),
) -> None:
    """Calls `turn` with the ledger, again with a new one after each loss; it ends by an exception alone.

    `turn` is also given what it calls once it has begun. What fails before that is the caller's: a store that is named
    wrongly is not waited for.
    """
    backoff, failures, begun = Backoff(), 0, Event()
    while True:
        since = time.monotonic()
        try:
            with session.ledger() as ledger:
                turn(ledger, begun.set)
        except lost as error:
            if not begun.is_set():
                raise
            session.signals.heed()
            failures = 1 if time.monotonic() - since >= SOUND_FOR_S else failures + 1
            pause_s = backoff.pause_s(failures)
            session.output.words(f"lost: {error}; again in {pause_s:.1f} s")
            time.sleep(pause_s)  # a signal ends it
