"""What of a service is watched: the one place that knows its parts, for `/readyz` and for `/metrics`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from console.http.figures import Figures
from console.http.health import Health, health
from console.http.recording import Recording
from console.http.sealed import Sealing
from consumers.webhooks.backlog import FIGURES

if TYPE_CHECKING:
    from console.http.bookkeeper import Bookkeeper
    from console.http.duties import Duties
    from console.http.fan_out import FanOut
    from console.http.intake import Intake
    from console.http.reading import Following, Readers
    from console.wiring import Clock


class Watched:
    """The figures of a service, and how its parts stand. A part that is to be watched is told of here."""

    def __init__(self, store: str, clock: Clock) -> None:
        """`store` is its kind: sqlite or postgresql."""
        self.figures = Figures(store)
        self.recording = Recording(self.figures)
        self.clock = clock
        self.following: Following | None = None
        self._sealing: Sealing | None = None
        self.duties: Duties = ()
        """What the process does beside answering."""
        self._waited_s: Callable[[], float] = lambda: 0.0
        self._damaged: Callable[[], bool] = lambda: False
        self.figures.metrics.ready.set_function(lambda: float(self.health().ready))

    def health(self) -> Health:
        """Whether the service can answer, and what it lacks."""
        if self.following is None:
            raise RuntimeError("found a service without projections, expected them to be watched")
        return health(self.following, self.recording, self._sealing, self.duties, self._waited_s(), self._damaged())

    def unsealed_s(self) -> float | None:
        """How old the published checkpoint is where the book goes beyond it, else 0; None where no log is served."""
        if self._sealing is None or self.following is None:
            return None
        return self._sealing.unsealed_s(self.following.end)

    def of_webhooks(self) -> dict[str, dict[str, float]]:
        """The figures of webhooks (`consumers.webhooks.backlog`): name -> webhook -> figure; empty where none is sent."""
        found: dict[str, dict[str, float]] = {}
        for duty in self.duties:
            for name in FIGURES:
                if name in duty.figures:
                    found.setdefault(name, {}).update(duty.figures[name])
        return found

    def projections(self, following: Following, readers: Readers | None = None) -> None:
        """What keeps the projections up; there always is one. And what reads them for questions."""
        self.following = following
        if readers is not None:
            self._damaged = readers.found_damage

    def bookkeeper(self, process: Bookkeeper) -> None:
        """The process that records and keeps the projections up, where there is one."""
        self.figures.watch("bookkeeper_gone", "1 once the service does its work", lambda: float(process.has_ended))
        self.figures.watch("bookkeeper_resident_memory_bytes", "how much memory it has", process.resident_bytes)

    def intake(self, intake: Intake) -> None:
        """What takes facts."""
        intake.malformed = self.recording.malformed
        self._waited_s = intake.waited_s
        self.figures.watch("facts_waiting", "facts that wait for a commit", lambda: intake.waiting)

    def log(self, folder: Path) -> None:
        """The folder of the log, in which this process or another seals."""
        self._sealing = sealing = Sealing(folder)

        def size() -> float | None:
            found = sealing.published()
            return None if found is None else found.size

        self.figures.watch("sealed_entries", "entries that the published checkpoint covers", size)
        self.figures.watch("sealing_age_seconds", "how long ago a checkpoint was published", sealing.age_s)

    def at_work(self, duties: Duties) -> None:
        """What the process does beside answering."""
        self.duties = duties

        def failed() -> dict[str, float]:
            return {duty.name: float(duty.failed) for duty in duties}

        def of_each(name: str) -> dict[str, float]:
            return {webhook: found for duty in duties for webhook, found in duty.figures.get(name, {}).items()}

        self.figures.watch_each("duty_failed", "1 while a duty of this process cannot be done", "duty", failed)
        for name, text in FIGURES.items():
            self.figures.watch_each(name, text, "webhook", partial(of_each, name))

    def feed(self, feed: FanOut) -> None:
        """Who follows the changes."""
        self.figures.watch("listeners", "who follows the changes now", lambda: feed.listening)
