"""How a relay is doing: what it tells those who watch it, and what of that Prometheus hears."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from ledger.instants import SECOND_US

if TYPE_CHECKING:
    from consumers.roles.metrics import Metrics

Phase = Literal["starting", "standby", "active", "closed"]


@dataclass
class RelayState:
    """How the relay is doing, for metrics and health checks. It outlives the relay that is opened anew after a failure.

    Written by the relay's thread, read by any.
    """

    phase: Phase = "starting"
    position: int = 0
    """Of the last event that is committed to Kafka, as far as this process knows."""
    book_position: int = 0
    """Of the last event of the book, when this process last looked."""
    events: int = 0
    """Relayed by this process."""
    announcements: int = 0
    """Relayed by this process."""
    transactions: int = 0
    """Committed by this process."""
    takeovers: int = 0
    """How often this process became the active one, the first time included."""
    aside: dict[str, int] = field(default_factory=dict)
    """stream -> position from which on its announcements wait, since they cannot be read."""
    oldest_waiting_us: int | None = None
    """When the oldest announcement that is not delivered was recorded; None where all are, as far as is known."""

    @property
    def lag(self) -> int:
        """Events of the book that are not relayed."""
        return max(0, self.book_position - self.position)

    def oldest_waiting_s(self, now_us: int) -> float:
        """The age of the oldest announcement that is not delivered; 0 where all are."""
        oldest_us = self.oldest_waiting_us
        return 0.0 if oldest_us is None else max(0, now_us - oldest_us) / SECOND_US


class RelayFigures:
    """What a relay tells Prometheus. Made once for a process; the relay comes and goes, the state stays."""

    def __init__(self, metrics: Metrics) -> None:
        self.state = state = RelayState()
        self.now: Callable[[], int] = lambda: 0
        self._metrics = metrics
        self._announcements = metrics.counter("announcements", "announcements that were relayed", "type")
        active = metrics.gauge("active", "1 where this is the active one, 0 on a standby")
        active.set_function(lambda: float(state.phase == "active"))
        position = metrics.gauge("position", "position of the book up to which it is relayed")
        position.set_function(lambda: state.position)
        lag = metrics.gauges("lag", "events of the book that are not relayed", "of")
        lag.labels("book").set_function(lambda: state.lag)
        aside = metrics.gauge("set_aside_streams", "memberships with announcements that cannot be read, and wait")
        aside.set_function(lambda: len(state.aside))
        oldest = metrics.gauge("oldest_undelivered_seconds", "age of the oldest announcement that is not delivered")
        oldest.set_function(lambda: state.oldest_waiting_s(self.now()))

    def on_batch(self, events: int, announcements: Mapping[str, int], took_s: float) -> None:
        """A batch was committed; `announcements` by type."""
        self._metrics.done.labels("events").inc(events)
        self._metrics.done.labels("announcements").inc(sum(announcements.values()))
        for event_type, number in announcements.items():
            self._announcements.labels(event_type).inc(number)
        self._metrics.step.observe(took_s)
