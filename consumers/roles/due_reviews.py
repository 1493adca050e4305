"""Reviews by time: what is due is reviewed at its instant, by whoever holds the store's lock `clock`.

`csat-ledger clock` is made of this, and so is the clock inside of `csat-ledger serve`. It needs no metrics:

    reviews = DueReviews(store, writer, now)
    while reviews.holds_lock():
        done = reviews.review(check)          None where nothing was due
        time.sleep(reviews.pause_s())
    reviews.close()
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from ledger.instants import SECOND_US
from ledger.store.base import RoleLock, Store
from ledger.writing.writer import Reviewed, Writer

ROLE: Final = "clock"
LOOK_S: Final = 1.0
"""A fact may bring what is due next nearer: so it is looked at again after this."""
STANDBY_LOOK_S: Final = 0.5
REVIEW_ALL_S: Final = 60.0
"""So often every membership's horizon is moved to now, whether or not anything is due."""


class DueReviews:
    """Reviews a store as the one active clock; `now` gives microseconds since 1970."""

    def __init__(
        self, store: Store, writer: Writer, now: Callable[[], int], on_lock: Callable[[bool], None] = lambda _: None
    ) -> None:
        """`on_lock` is told when the lock is had (True), and when it was lost (False)."""
        self._store = store
        self._writer = writer
        self._now = now
        self._on_lock = on_lock
        self._lock: RoleLock | None = None
        self._reviewed_at: float | None = None

    def holds_lock(self) -> bool:
        """Whether this is the active clock: it looks whether the lock is still held, and for one that is free."""
        if self._lock is not None and not self._lock.held():
            self._lock = None
            self._on_lock(False)
        if self._lock is None:
            self._lock = self._store.try_lock(ROLE)
            if self._lock is not None:
                self._on_lock(True)
        return self._lock is not None

    def late_s(self) -> float:
        """For how long something has been due; 0 where nothing is."""
        due_us = self._store.next_due()
        return 0.0 if due_us is None else max(0, self._now() - due_us) / SECOND_US

    def review(self, check: Callable[[], None]) -> Reviewed | None:
        """Reviews what is due, from time to time all; None where nothing was. `check` may end it between its transactions."""
        now_us, due_us = self._now(), self._store.next_due()
        recently = self._reviewed_at is not None and time.monotonic() - self._reviewed_at < REVIEW_ALL_S
        if recently and (due_us is None or due_us > now_us):
            return None
        done = self._writer.review(self._now(), lambda _: check())
        self._reviewed_at = time.monotonic()
        return done

    def pause_s(self) -> float:
        """How long nothing will be due, a second at most."""
        due_us = self._store.next_due()
        return LOOK_S if due_us is None else min(LOOK_S, max(0.0, (due_us - self._now()) / SECOND_US))

    def close(self) -> None:
        """Lets another be the active one."""
        lock, self._lock = self._lock, None
        if lock is not None:
            with suppress(Exception):  # with its connection the lock is gone as well
                lock.release()
