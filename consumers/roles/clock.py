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
from contextlib import contextmanager

from consumers.roles.due_reviews import ROLE, STANDBY_LOOK_S, DueReviews
from consumers.roles.metrics import Metrics
from consumers.roles.service import Service
from ledger.store.base import Store
from ledger.writing.writer import Writer

__all__ = ["ROLE", "Clock", "open_clock"]


class Clock:
    """The role of `csat-ledger clock`; see the module. `now` gives microseconds since 1970."""

    def __init__(self, service: Service, store: Store, writer: Writer, now: Callable[[], int]) -> None:
        self._service = service
        self._store = store
        self._figures = service.figures(ClockFigures)
        self._reviews = DueReviews(store, writer, now, self._say_active)
        service.show_set_aside(lambda: self._figures.streams)

    def step(self) -> float:
        """Reviews what is due; a standby looks for the lock. Returns how long nothing will be due, a second at most."""
        if not self._reviews.holds_lock():
            return STANDBY_LOOK_S
        self._figures.late.set(self._reviews.late_s())
        started = time.monotonic()
        done = self._reviews.review(self._service.check)
        if done is not None:
            self._service.metrics.step.observe(time.monotonic() - started)
            self._service.metrics.done.labels("reviewed").inc(done.reviewed)
            self._service.metrics.done.labels("announced").inc(done.announced)
            for event_type, number in done.by_type.items():
                self._figures.announcements.labels(event_type).inc(number)
            self._figures.position.set(done.position)
            self._figures.set_aside.set(done.set_aside)
            self._figures.streams = [aside.stream for aside in self._store.set_aside()] if done.set_aside else []
            if done.announced:
                self._service.log.info("announced", announcements=done.announced, position=done.position)
        return self._reviews.pause_s()

    def close(self) -> None:
        """Lets another be the active one."""
        self._reviews.close()
        self._figures.active.set(0)

    def _say_active(self, active: bool) -> None:
        self._figures.active.set(int(active))
        if active:
            self._service.log.info("active")
        else:
            self._service.log.warning("lock lost")


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
