"""The audit's second pass: a stream at a time, every announcement and every decision from the facts before it.

The recomputation is the offline verifier's (`ledger.proof.recheck`). Only the reading of an event differs from the
verifier's: bytes that are canonical as a faster parser sees them mean the same to every parser, so they need not be
parsed strictly; all others are, and are reported.
"""

from __future__ import annotations

import gc
import marshal
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

import orjson

from ledger.proof.errors import ProofError, TamperedError, shown
from ledger.proof.event import MEMBERSHIP_PREFIX, PROGRAMME, Event, parse_event, parse_instant
from ledger.proof.recheck import StreamCheck
from ledger.proof.strictjson import INTEGER_MAX

Stored = tuple[int, str, int, str, bytes]
"""A row: position, stream, seq, type, stored bytes."""
KEYS: Final = ("actor", "data", "fact", "occurred_at", "prev", "recorded_at", "seq", "stream", "type", "v")
NO_LEAF: Final = b""
ROW_FIELDS: Final = 5
RECORDED_MAX: Final = 10_000
BLOCK_LENGTH_BYTES: Final = 4
MARSHAL_VERSION: Final = 2  # later ones look for objects that occur twice, which costs more than it saves


class Finding(NamedTuple):
    """One difference, and the verdict to which it leads by itself."""

    verdict: str
    what: str
    found: str
    expected: str

    def answer(self) -> dict[str, str]:
        """As the command prints it."""
        return {"what": self.what, "found": self.found, "expected": self.expected}


@dataclass
class Known:
    """The programme's stream, which every membership's check needs."""

    rows: list[Stored]
    events: list[tuple[int, Event]] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


@dataclass
class Part:
    """What came of some streams."""

    events: int = 0
    announcements: int = 0
    decisions: int = 0
    findings: list[Finding] = field(default_factory=list)


def finding_of(error: ProofError, verdict: str | None = None) -> Finding:
    """The finding that an error of the verifier is."""
    return Finding(verdict or error.verdict, error.what, shown(error.found), shown(error.expected))


def read_known(rows: list[Stored]) -> Known:
    """The programme's events, as far as they can be read."""
    known = Known(rows)
    for row in rows:
        try:
            known.events.append((row[0], read_event(row)))
        except ProofError as error:
            known.findings.append(finding_of(error, "tampered"))
    check = StreamCheck()
    for _, event in known.events:
        check.take(event)
    known.findings += _findings(PROGRAMME, check)
    return known


def audit_part(path: Path, programme: list[Stored]) -> Part:
    """The work of one process: one file of rows."""
    return StreamsAudit(read_known(programme)).part(path)


class StreamsAudit:
    """Rechecks files of rows, as the first pass has written them."""

    def __init__(self, known: Known) -> None:
        self._known = known

    def part(self, path: Path) -> Part:
        """All streams of one file."""
        part = Part()
        was_enabled = gc.isenabled()
        gc.disable()  # a large heap without cycles: looking for some costs half as much as the check
        try:
            streams: dict[str, list[Stored]] = {}
            for row in _rows(path):
                streams.setdefault(row[1], []).append(row)
            while streams:
                stream, rows = streams.popitem()
                part.events += len(rows)
                self._stream(stream, rows, part)
        finally:
            if was_enabled:
                gc.enable()
        return part

    def _stream(self, stream: str, rows: list[Stored], part: Part) -> None:
        if not stream.startswith(MEMBERSHIP_PREFIX):
            part.findings.append(Finding("refuted", f"stream {shown(stream)}", "events", "a membership's stream"))
            return
        check = StreamCheck()
        editions = iter(self._known.events)
        next_edition = next(editions, None)
        for row in rows:
            while next_edition is not None and next_edition[0] < row[0]:
                check.take(next_edition[1])
                next_edition = next(editions, None)
            try:
                check.take(read_event(row))
            except ProofError as error:
                part.findings.append(finding_of(error, "tampered"))
        while next_edition is not None:
            check.take(next_edition[1])
            next_edition = next(editions, None)
        part.findings += _findings(stream, check)
        part.announcements += check.announcements
        part.decisions += check.decisions


def read_event(row: Stored) -> Event:
    """The event in a row, which has to be canonical and of the row's own stream, seq and type.

    Its leaf hash is left out: the first pass has checked hashes and chain. Raises ProofError.
    """
    position, stream, seq, type_name, stored = row
    try:
        value = orjson.loads(stored)
        actor, data, fact, occurred_at, prev, recorded_at, own_seq, own_stream, own_type, version = value.values()
        if (
            own_stream == stream
            and own_seq == seq
            and own_type == type_name
            and type(own_seq) is type(version) is int
            and 0 <= version <= INTEGER_MAX
            and type(data) is dict
            and (actor is None or type(actor) is str)
            and (fact is None or type(fact) is str)
            and float not in map(type, data.values())
            and tuple(value) == KEYS
            and orjson.dumps(value, option=orjson.OPT_SORT_KEYS) == stored
        ):
            occurred_us = parse_instant(occurred_at, "occurred_at")
            recorded_us = _recorded.get(recorded_at)
            if recorded_us is None:
                recorded_us = _remember(recorded_at)
            return Event(stream, seq, type_name, version, occurred_us, recorded_us, fact, prev, data, NO_LEAF)
    except (ValueError, TypeError, AttributeError):
        pass  # what is wrong is said below, by the strict parser
    event = parse_event(bytes(stored), f"position {position}")
    said, expected = (event.stream, event.seq, event.type), (stream, seq, type_name)
    if said != expected:
        raise TamperedError(f"position {position}: stream, seq and type", found=said, expected=expected)
    return event


_recorded: dict[str, int] = {}
"""Instants at which events were recorded: those of one transaction share theirs."""


def _remember(recorded_at: str) -> int:
    if len(_recorded) >= RECORDED_MAX:
        _recorded.clear()
    _recorded[recorded_at] = recorded_us = parse_instant(recorded_at, "recorded_at")
    return recorded_us


def _rows(path: Path) -> Iterator[Stored]:
    with path.open("rb") as file:
        while length := file.read(BLOCK_LENGTH_BYTES):
            flat = iter(marshal.loads(file.read(int.from_bytes(length, "big"))))
            yield from zip(*[flat] * ROW_FIELDS, strict=True)


def _findings(stream: str, check: StreamCheck) -> Iterable[Finding]:
    for difference in check.finish():
        what = difference.what if stream in difference.what else f"{stream}: {difference.what}"
        yield Finding("refuted", what, shown(difference.found), shown(difference.expected))

