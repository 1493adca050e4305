"""What the service does beside answering: duties, each on a thread of its own, that go on whatever the others do.

    duty = Duty("clock", turn, now, complain, on_fault)
    duty.start()
    duty.failed, duty.since, duty.detail      how it stands, for health and metrics
    duty.close(30.0)

A turn opens what it needs, works until `duty.stopping`, and says `duty.sound()` whenever all is well. What it raises is a
failure: told once, kept where health can see it, and tried again after a pause that grows. The service goes on answering.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from threading import Event, Thread
from typing import Final

from console.cli.exits import FAULT, NOT_SO, failure_of
from consumers.broker.backoff import Backoff
from ledger.errors import LedgerError

NOT_MENDED_S: Final = 60.0
"""What trying again does not mend by itself, such as a book that is not the one that was sealed, is tried so seldom."""
SOUND_FOR_S: Final = 30.0
"""What was sound for so long waits no longer after its next failure than after its first."""


class Stopping(Exception):
    """A duty is to end in the middle of something long."""


class Duty:
    """One duty of the service; see the module. What it shows may be read from any thread."""

    def __init__(
        self,
        name: str,
        turn: Callable[[Duty], None],
        now: Callable[[], int],
        complain: Callable[[str], None],
        on_fault: Callable[[BaseException], None],
        backoff: Backoff | None = None,
    ) -> None:
        """`now` gives microseconds since 1970; `complain` is told of failures in words, `on_fault` of the program's own."""
        self.name = name
        self.failed = False
        """Whether it fails now."""
        self.since: int | None = None
        """Since when it fails, in microseconds since 1970; None where it does not."""
        self.detail = ""
        """What fails, in words that anybody may read; the service's log has the sentence. Or for whom it stands by."""
        self.standby = False
        """Whether another process does it now."""
        self.position = 0
        """The position of the book up to which it is done, as far as this process did it."""
        self.figures: Mapping[str, Mapping[str, float]] = {}
        """Figures of its own for metrics, by name and by what each is about; none while it stands by."""
        self._turn = turn
        self._now = now
        self._complain = complain
        self._on_fault = on_fault
        self._backoff = backoff or Backoff()
        self._stop = Event()
        self._stopped_s = 0.0
        self._told: str | None = None
        self._failures = 0
        self._sound_since_s = 0.0
        self._thread = Thread(target=self._run, name=f"duty-{name}", daemon=True)

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def close(self, patience_s: float) -> None:
        """Lets it finish what it does, for so long at most. What is cut off then goes on after the next start."""
        self._stopped_s = time.monotonic()
        self._stop.set()
        self._thread.join(patience_s)
        if self._thread.is_alive():
            self._complain(
                f"{self.name}: found it at work {patience_s:g} s after the end, expected it done: left as it is"
            )

    @property
    def stopping(self) -> bool:
        """Whether it is to end."""
        return self._stop.is_set()

    @property
    def stopping_s(self) -> float:
        """How long ago it was told to end."""
        return time.monotonic() - self._stopped_s if self.stopping else 0.0

    def check(self) -> None:
        """Raises Stopping where it is to end."""
        if self.stopping:
            raise Stopping

    def wait(self, seconds: float) -> bool:
        """Waits, unless it is to end; whether it is."""
        return self._stop.wait(seconds)

    def sound(self, position: int | None = None) -> None:
        """Says that all is well, and up to which position it is done."""
        if self.failed:
            self._complain(f"{self.name}: goes on")
        if self.failed or not self._sound_since_s:
            self._sound_since_s = time.monotonic()
        self.failed, self.since, self.detail, self.standby, self._told = False, None, "", False, None
        if position is not None:
            self.position = position

    def stand_by(self) -> None:
        """Says that another process does it, which is as it should be."""
        self.sound()
        self.standby, self.detail = True, "another process does it"

    def failing(self, error: Exception) -> None:
        """Says that something failed over which the turn goes on by itself."""
        code, sentence = _named(error)
        if not self.failed:
            self.since = self._now()
        self.failed, self.standby, self.detail = True, False, f"{self.name}: {code}; the service's log says why"
        if code != self._told:
            self._told = code
            self._complain(f"{self.name}: {code}: {sentence}")
            if code == "fault":
                self._on_fault(error)

    def _run(self) -> None:
        while not self.stopping:
            try:
                self._turn(self)
            except Stopping:
                return
            except Exception as error:
                lasted = self._sound_since_s and time.monotonic() - self._sound_since_s >= SOUND_FOR_S
                self._failures = 1 if lasted else self._failures + 1
                self._sound_since_s = 0.0
                self.failing(error)
                self._stop.wait(self._pause_s(error))

    def _pause_s(self, error: Exception) -> float:
        pause_s = self._backoff.pause_s(self._failures)
        mends = not isinstance(error, LedgerError) or failure_of(error).exit_code != NOT_SO
        return pause_s if mends else max(pause_s, NOT_MENDED_S)


Duties = Sequence[Duty]


def _named(error: Exception) -> tuple[str, str]:
    """The code of what failed, and a sentence for the log."""
    if isinstance(error, LedgerError):
        found = failure_of(error)
        return (found.code if found.exit_code != FAULT else "fault"), found.message
    return "fault", f"{type(error).__name__}: {error}"
