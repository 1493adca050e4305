"""The clock: announces what time alone changes (an expiry, an edition that takes effect), when it is due.

It looks at least every second at what is due next, and is awake at that instant. However late it comes, each
announcement has the instant at which the change takes effect (DESIGN 6): a clock that was away for a week announces the
week.

One clock is active, the one that holds the store's lock `clock`; the others stand by. Two that are active all the same
do no harm: reviews go through the one writer, and what was reviewed is not due any more.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final

from consumers.roles.metrics import Metrics
from consumers.roles.service import Service
from ledger.instants import SECOND_US
from ledger.store.base import RoleLock, Store
from ledger.writing.writer import Writer

ROLE: Final = "clock"
LOOK_S: Final = 1.0
"""A fact may bring what is due next nearer: so it is looked at again after this."""
STANDBY_LOOK_S: Final = 0.5
REVIEW_ALL_S: Final = 60.0
"""So often every membership's horizon is moved to now, whether or not anything is due."""


class Clock:
    """The role of `csat-ledger clock`; see the module. `now` gives microseconds since 1970."""

    def __init__(self, service: Service, store: Store, writer: Writer, now: Callable[[], int]) -> None:
        self._service = service
        self._store = store
        self._writer = writer
        self._now = now
        self._lock: RoleLock | None = None
        self._reviewed_at: float | None = None
        self._figures = service.figures(ClockFigures)
        service.show_set_aside(lambda: self._figures.streams)

    def step(self) -> float:
        """Reviews what is due; a standby looks for the lock. Returns how long nothing will be due, a second at most."""
        if not self._holds_lock():
            return STANDBY_LOOK_S
        if self._is_due():
            started = time.monotonic()
            done = self._writer.review(self._now(), lambda _: self._service.check())
            self._reviewed_at = time.monotonic()
            self._service.metrics.step.observe(self._reviewed_at - started)
            self._service.metrics.done.labels("reviewed").inc(done.reviewed)
            self._service.metrics.done.labels("announced").inc(done.announced)
            for event_type, number in done.by_type.items():
                self._figures.announcements.labels(event_type).inc(number)
            self._figures.position.set(done.position)
            self._figures.set_aside.set(done.set_aside)
            self._figures.streams = [aside.stream for aside in self._store.set_aside()] if done.set_aside else []
            if done.announced:
                self._service.log.info("announced", announcements=done.announced, position=done.position)
        due_us = self._store.next_due()
        return LOOK_S if due_us is None else min(LOOK_S, max(0.0, (due_us - self._now()) / SECOND_US))

    def close(self) -> None:
        """Lets another be the active one."""
        lock, self._lock = self._lock, None
        if lock is not None:
            with suppress(Exception):  # with its connection the lock is gone as well
                lock.release()
        self._figures.active.set(0)

    def _is_due(self) -> bool:
        now_us, due_us = self._now(), self._store.next_due()
        self._figures.late.set(0 if due_us is None else max(0, now_us - due_us) / SECOND_US)
        if self._reviewed_at is None or time.monotonic() - self._reviewed_at >= REVIEW_ALL_S:
            return True
        return due_us is not None and due_us <= now_us

    def _holds_lock(self) -> bool:
        if self._lock is not None and not self._lock.held():
            self._service.log.warning("lock lost")
            self._lock = None
            self._figures.active.set(0)
        if self._lock is None:
            self._lock = self._store.try_lock(ROLE)
            if self._lock is not None:
                self._figures.active.set(1)
                self._service.log.info("active")
        return self._lock is not None


class ClockFigures:
    """What a clock tells Prometheus."""

    def __init__(self, metrics: Metrics) -> None:
        self.active = metrics.gauge("active", "1 where this is the active one, 0 on a standby")
        self.announcements = metrics.counter("announcements", "announcements that were made", "type")
        self.position = metrics.gauge("position", "position of the book after the last review")
        self.set_aside = metrics.gauge("set_aside_streams", "memberships that cannot be read and wait for a mend")
        self.streams: list[str] = []
        self.late = metrics.gauge("late_seconds", "for how long something has been due that is not announced yet")


@contextmanager
def open_clock(service: Service, store: Store, writer: Writer, now: Callable[[], int]) -> Iterator[Clock]:
    """A clock over a store, for as long as it is used."""
    clock = Clock(service, store, writer, now)
    try:
        yield clock
    finally:
        clock.close()
