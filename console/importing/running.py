"""A whole export, once through: each row converted and counted, what it makes handed to a sink."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import IO, Any, Final, Protocol

import orjson

from console.cli.fact_files.sorted_lines import SortedLines
from console.importing.account import Account
from console.importing.cells import Problem
from console.importing.converting import Converter, Given, Made, Slots, occurred_us
from console.importing.mapping import ExportMap
from console.importing.pivoting import Pivoting
from console.importing.reading.opening import open_export
from console.importing.reading.rows import ROWS_MAX, BadRow, Export
from ledger.errors import BadInput

DIGEST_BYTES: Final = 16
TOLD_EVERY: Final = 2_048
NOTHING: Final = "nothing to make"
LOCAL_TWICE: Final = "local times that were twice, taken as the first"
KEPT_ANONYMOUS: Final = "anonymous: no contact taken"

_RANKS: Final[Mapping[str, int]] = {
    "publish-rulebook": 0, "publish-scorebook": 0, "enrol-membership": 1, "open-designation": 1, "add-location": 2,
    "distinct-organisation": 2, "same-organisation": 2, "update-membership": 3, "set-renewal-date": 3, "set-anniversary": 3,
    "record-consent": 4, "withdraw-consent": 5, "record-invitation": 6, "record-certificate": 6, "report-usage": 6,
    "report-revenue": 6, "record-reminder": 7, "end-certificate": 7, "record-response": 8, "record-evaluation": 8,
    "choose-anonymity": 9, "void-response": 10, "close-month": 11, "correct-close": 12, "decide-renewal": 13,
    "decide-designation": 13,
}  # fmt: skip
"""Of facts of the same instant, which the others of it may need come first."""
_RANK_STEP: Final = 16


class Sink(Protocol):
    """Where what rows make goes."""

    def take(self, place: int, made: Made, /) -> None:
        """Takes what a row makes."""
        ...

    def finish(self) -> None:
        """All rows were taken."""
        ...


class Counting:
    """Counts facts and contacts, and keeps none: a dry run."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def take(self, _place: int, made: Made, /) -> None:
        """Counts what a row makes."""
        for fact in made.facts:
            self._account.fact(fact["type"], occurred_us(fact))
        if made.contact is not None:
            self._account.contacts["found"] += 1

    def finish(self) -> None:
        """Nothing is left to do."""


class Sorting:
    """Counts facts, and keeps them outside of memory in an order in which they can be recorded."""

    def __init__(self, account: Account, lines: SortedLines) -> None:
        self._account = account
        self._lines = lines

    def take(self, _place: int, made: Made, /) -> None:
        """Keeps what a row makes."""
        for fact in made.facts:
            self.keep(fact)

    def keep(self, fact: Mapping[str, Any]) -> None:
        """Keeps a fact."""
        at_us = occurred_us(fact)
        self._account.fact(fact["type"], at_us)
        self._lines.add(at_us * _RANK_STEP + _RANKS.get(fact["type"], 8), orjson.dumps(fact) + b"\n")

    def finish(self) -> None:
        """Nothing is left to do: the lines have them."""


@dataclass(frozen=True, slots=True)
class Reading:
    """An export to be read: where it is, by which map, and what is said beside that."""

    path: Path
    export_map: ExportMap
    given: Given
    delimiter: str | None = None
    encoding: str | None = None
    sheet: str | None = None

    def open(self, stream: IO[bytes]) -> tuple[Export, Converter, Pivoting | None]:
        """The export, and what converts its rows. Raises BadInput."""
        slots = Slots()
        Converter(self.export_map, self.given, slots)
        pivot = self.export_map.pivot
        pivoting = None if pivot is None else Pivoting(self.export_map, pivot, slots.columns)
        export = open_export(
            str(self.path),
            stream,
            self.export_map.layout,
            slots.columns if pivoting is None else pivoting.columns,
            delimiter=self.delimiter,
            encoding=self.encoding,
            sheet=self.sheet,
        )
        converter = Converter(self.export_map, self.given, slots, export.header)
        if pivoting is not None:
            export = replace(export, rows=pivoting.records(export.rows))
        return export, converter, pivoting


def state_of(stream: IO[bytes]) -> tuple[int, int, int, int]:
    """What changes where another file comes in the place of a file, or is written into it."""
    found = os.fstat(stream.fileno())
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def read_through(
    reading: Reading,
    stream: IO[bytes],
    account: Account,
    sink: Sink,
    told: Callable[[int, int | None], None] = lambda _done, _total: None,
) -> Export:
    """Converts all rows. Raises BadInput where the file cannot be read to its end; `account` says how far it was."""
    export, converter, pivoting = reading.open(stream)
    seen: set[bytes] = set()
    try:
        for row in export.rows:
            account.records += 1
            account.rows = account.records if pivoting is None else pivoting.rows
            if account.rows > ROWS_MAX:
                account.records -= 1
                raise BadInput(f"{reading.path}: found more than {ROWS_MAX:,} rows, expected fewer: split the export")
            if account.records % TOLD_EVERY == 0:
                told(account.rows, None)
            if isinstance(row, BadRow):
                account.refuse(row.place, row.code, "", row.sentence)
            elif not row.cells or not any(row.cells):
                account.blank += 1
            elif (why := converter.skipped(row.cells)) is not None:
                account.skipped[why] += 1
            else:
                _take(row.place, row.cells, converter, account, sink, seen)
        if pivoting is not None:
            account.rows = pivoting.rows
        sink.finish()
    finally:
        if converter.clock.twice:
            account.notes[LOCAL_TWICE] = converter.clock.twice
    return export


def _take(place: int, cells: Any, converter: Converter, account: Account, sink: Sink, seen: set[bytes]) -> None:
    twice = converter.clock.twice
    try:
        made = converter.made(place, cells)
        digests = [blake2b(fact["id"].encode(), digest_size=DIGEST_BYTES).digest() for fact in made.facts]
        if any(digest in seen for digest in digests):
            raise Problem("repeated", "key", "found the id of a row before it again, expected each once")
        seen.update(digests)
    except Problem as problem:
        account.refuse(place, problem.code, problem.field, problem.sentence)
        converter.clock.twice = twice  # said of records that are taken
        return
    if not made.facts and made.contact is None:
        account.skipped[NOTHING] += 1
        return
    account.made += 1
    if made.anonymous and converter.has_contacts:
        account.notes[KEPT_ANONYMOUS] += 1
    sink.take(place, made)
