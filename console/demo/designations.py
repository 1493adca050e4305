"""The demo's second story: the capability programme of forty partners, in the book that the survey programme left."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from console.cli.output import plural, short
from console.demo.capability import END, START, generate
from console.demo.folder import CAPABILITY_FACTS, CAPABILITY_REFUSED
from ledger.event import recorded_us_of
from ledger.instants import DAY_US, format_instant, midnight_us

if TYPE_CHECKING:
    from console.demo.stage import Stage
    from console.wiring import Ledger

START_US: Final = midnight_us(START)
NOW_US: Final = midnight_us(END) + DAY_US


class Designations:
    """The story of the capability programme, in a book that was left alone for years."""

    def __init__(self, stage: Stage, ledger: Ledger) -> None:
        self._stage = stage
        self._output = stage.output
        self._ledger = ledger

    def record(self, seed: int, partners: int) -> None:
        """Records the programme's facts; afterwards the clock stands at the day after its end."""
        stage, ledger = self._stage, self._ledger
        stage.title(f"The same book, and the programme that came next: {plural(partners, 'partner')}, {START} to {END}")
        (last,) = ledger.store.read_feed(ledger.store.max_position() - 1, 1)
        last_us = recorded_us_of(last.stored, last.position)
        stage.now_us = START_US
        ledger.writer.accept_clock(last_us)
        stage.say(
            f"nothing was recorded since {short(format_instant(last_us))}, so the clock was accepted first (clock-accept)"
        )
        years = range(START.year, END.year + 1)
        announced = stage.record(ledger, generate(seed, partners), years, CAPABILITY_FACTS, CAPABILITY_REFUSED)
        stage.say(f"{ledger.store.max_position():,} events in all; reviews announced {announced:,} changes of either")
        stage.now_us = NOW_US

    def tell(self) -> None:
        pass

    def prove(self) -> None:
        pass

    def what_next(self) -> tuple[str, ...]:
        """Commands to try on the book."""
        return ()
