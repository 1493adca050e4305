"""A ledger that one thread keeps at hand for long, and opens anew once its store could not be reached.

A book that was restored beneath the running service stands in another file than the one that is open, a server that was
started again has forgotten its connections: who goes on with what he has would fail for ever.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from console.wiring import Ledger, driver_errors
from ledger.errors import StoreUnreachable

if TYPE_CHECKING:
    from ledger.fact import Fact
    from ledger.writing.refused import TurnedAway
    from ledger.writing.transaction import Outcome

Answer = TypeVar("Answer")


class Reopened:
    """The ledger; for one thread at a time."""

    def __init__(self, opened: Callable[[], Ledger], name: str, ledger: Ledger | None = None) -> None:
        """`opened` opens a ledger that stands under a name in what is said of it; `ledger` is the first, if there is one."""
        self._open = opened
        self._name = name
        self._ledger = ledger

    def use(self, what: Callable[[Ledger], Answer]) -> Answer:
        """What comes of using the ledger. After StoreUnreachable the next one who uses it has another."""
        try:
            with driver_errors(self._name):
                if self._ledger is None:
                    self._ledger = self._open()
                return what(self._ledger)
        except StoreUnreachable:
            self.drop()
            raise

    def drop(self) -> None:
        """Gives up the ledger as it is open now."""
        ledger, self._ledger = self._ledger, None
        if ledger is not None:
            with suppress(Exception):
                ledger.close()

    def close(self) -> None:
        """Keeps what the writer has to keep, and gives all connections back."""
        ledger, self._ledger = self._ledger, None
        if ledger is not None:
            ledger.close()


class ReopenedRecorder:
    """The recorder of a ledger that is opened anew."""

    def __init__(self, ledger: Reopened) -> None:
        self._ledger = ledger

    def open(self) -> None:
        """As `Answering.open`."""
        self._ledger.use(lambda ledger: ledger.recorder.open())

    def record(self, facts: Sequence[Fact], *, lenient: bool = False) -> list[Outcome]:
        """As `Writer.record`."""
        return self._ledger.use(lambda ledger: ledger.recorder.record(facts, lenient=lenient))


class ReopenedKeeper:
    """The keeper of refused facts of a ledger that is opened anew."""

    def __init__(self, ledger: Reopened, complain: Callable[[str], None]) -> None:
        """`complain` is told why a ledger cannot be opened, once until one can be."""
        self._ledger = ledger
        self._complain = complain
        self._failing = False
        self.unkept = 0
        """Refusals that could not be kept."""

    def keep(self, refused: Sequence[TurnedAway]) -> bool:
        """As `RefusalKeeper.keep`."""
        kept = self._ledger.use(lambda ledger: ledger.refusals.keep(refused))
        if kept:
            self._failing = False
        else:
            self._failing = True  # the keeper has said why
            self.unkept += len(refused)
            self._ledger.drop()
        return kept

    def give_up(self, number: int, error: Exception) -> None:
        """As `RefusalKeeper.give_up`."""
        self.unkept += number
        if not self._failing:
            self._complain(f"refused facts cannot be kept in the ledger, {number:,} to begin with: {error}")
        self._failing = True
