"""What the demo's stories have in common: where they are told, their folder, and a clock that runs years in seconds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date
from itertools import groupby
from pathlib import Path
from shlex import quote
from typing import IO, TYPE_CHECKING, Final

import orjson

from console.cli.fact_files.lines import Line
from console.cli.output import Advance, Output, plural
from console.cli.recording import Intake, Recorded
from console.cli.refusals_file import RefusalsFile
from console.demo.arrivals import Fact
from console.demo.folder import LEDGER
from ledger.instants import DAY_US, format_instant, midnight_us

if TYPE_CHECKING:
    from console.cli.session import Session
    from console.wiring import Ledger

Arrival = tuple[int, Fact]
"""When the ledger hears of a fact, in microseconds since 1970, and the fact."""
ALL_AT_ONCE: Final = 1 << 30


class Stage:
    """Where a demo is told, and its clock: `now_us`, in microseconds since 1970, goes on with what is recorded."""

    def __init__(self, session: Session, folder: Path, now_us: int) -> None:
        self.output = session.output
        self.signals = session.signals
        self.folder = folder
        self.now_us = now_us

    def title(self, text: str) -> None:
        """A headline for people."""
        title(self.output, text)

    def say(self, *lines: str) -> None:
        """Lines for people; nothing with --json."""
        say(self.output, *lines)

    def command(self, words: str) -> None:
        """A command on the demo's ledger, to be pasted."""
        self.say(f"  csat-ledger --store {quote(str(self.folder / LEDGER))} {words}")

    def record(self, ledger: Ledger, arrivals: Iterable[Arrival], years: range, facts: str, refused: str) -> int:
        """Records facts as they arrive, a day in a transaction, and reviews at the end of each month.

        `facts` and `refused` name the files in the folder that they are written to. Returns how many announcements the
        reviews made.
        """
        refusals = RefusalsFile(self.folder / refused)
        intake = Intake(ledger.recorder.record, refusals, ALL_AT_ONCE, self.signals.put_off)
        announced = 0
        with (self.folder / facts).open("wb") as file, self.output.progress("recording") as advance:
            lines = _written(arrivals, file, facts)
            for month, of_month in groupby(lines, key=lambda arrival: format_instant(arrival[0])[:7]):
                announced += self._record_month(ledger, intake, month, of_month)
                self._tell_progress(advance, intake, years, month)
        self._sum_up(ledger, intake)
        return announced

    def _record_month(self, ledger: Ledger, intake: Intake, month: str, arrivals: Iterable[tuple[int, Line]]) -> int:
        for _, of_day in groupby(arrivals, key=lambda arrival: arrival[0] // DAY_US):
            for arrival_us, line in of_day:
                self.now_us = arrival_us
                intake.take(line)
            intake.flush()
        year, number = int(month[:4]), int(month[5:])
        self.now_us = max(self.now_us, midnight_us(date(year + number // 12, number % 12 + 1, 1)) - 1)
        return ledger.writer.review().announced

    def _tell_progress(self, advance: Advance, intake: Intake, years: range, month: str) -> None:
        year, number = int(month[:4]), int(month[5:])
        advance((year - years.start) * 12 + number, len(years) * 12)
        if number == 12 and not self.output.stderr.isatty():
            self.output.words(f"{year} recorded: {plural(intake.lines, 'line')} so far")

    def _sum_up(self, ledger: Ledger, intake: Intake) -> None:
        self.say(
            f"{intake.lines:,} lines: {plural(intake.accepted, 'fact')} recorded, "
            f"{plural(intake.duplicates, 'duplicate')} recognised, {intake.refused:,} refused"
        )
        refused = ", ".join(f"{code} {found.count}" for code, found in sorted(intake.codes.answer().items()))
        self.say(f"refused for: {refused}")
        if self.output.as_json:
            position = ledger.store.max_position()
            self.output.json(Recorded(intake.accepted, intake.duplicates, intake.refused, position))


def title(output: Output, text: str) -> None:
    """A headline for people."""
    say(output, "", text, "-" * len(text))


def say(output: Output, *lines: str) -> None:
    """Lines for people; nothing with --json."""
    if not output.as_json:
        output.text(*lines)


def _written(arrivals: Iterable[Arrival], file: IO[bytes], name: str) -> Iterator[tuple[int, Line]]:
    """Each fact as the line of a file, which is written on the way."""
    for number, (arrival_us, fact) in enumerate(arrivals, 1):
        content = orjson.dumps(fact) + b"\n"
        file.write(content)
        yield arrival_us, Line(name, number, content)
