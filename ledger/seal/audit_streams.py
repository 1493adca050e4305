"""The audit's second pass: a stream at a time, every announcement and every decision from the facts before it.

The recomputation is the offline verifier's (`ledger.proof.recheck`); nothing of the ledger's own rules is used.
"""

from __future__ import annotations

import gc
import marshal
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

from ledger.proof.errors import ProofError, shown
from ledger.proof.event import FIRST_PREV, MEMBERSHIP_PREFIX, PROGRAMME, Event
from ledger.proof.recheck import StreamCheck

Taken = tuple[Any, ...]
"""An event as the first pass read it: position, seq, type, occurred_us, and, where the type may count for something,
recorded_us, version, fact, data."""
SHORT: Final = 4
NO_LEAF: Final = b""
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


class Known(NamedTuple):
    """The programme's stream, which every membership's check needs: (position, event)."""

    events: list[tuple[int, Event]]


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


def check_programme(taken: Iterable[Taken]) -> tuple[Known, list[Finding]]:
    """The programme's events, and what is wrong with its editions."""
    known = Known([(event[0], _event(PROGRAMME, event)) for event in taken])
    check = StreamCheck()
    for _, event in known.events:
        check.take(event)
    return known, list(_findings(PROGRAMME, check))


def audit_part(path: Path, known: Known) -> Part:
    """All streams of one file of events; the work of one process."""
    part = Part()
    was_enabled = gc.isenabled()
    gc.disable()  # a large heap without cycles: looking for some costs half as much as the check
    try:
        streams: dict[str, list[Taken]] = {}
        for stream, taken in _read(path):
            streams.setdefault(stream, []).append(taken)
        while streams:
            stream, events = streams.popitem()
            part.events += len(events)
            _audit_stream(stream, events, known, part)
    finally:
        if was_enabled:
            gc.enable()
    return part


def _audit_stream(stream: str, events: list[Taken], known: Known, part: Part) -> None:
    if not stream.startswith(MEMBERSHIP_PREFIX):
        part.findings.append(Finding("refuted", f"stream {shown(stream)}", "events", "a membership's stream"))
        return
    check = StreamCheck()
    editions = iter(known.events)
    next_edition = next(editions, None)
    for taken in events:
        while next_edition is not None and next_edition[0] < taken[0]:
            check.take(next_edition[1])
            next_edition = next(editions, None)
        if len(taken) > SHORT or not check.let_pass(taken[3], (stream, taken[1], taken[2])):
            check.take(_event(stream, taken))
    while next_edition is not None:
        check.take(next_edition[1])
        next_edition = next(editions, None)
    part.findings += _findings(stream, check)
    part.announcements += check.announcements
    part.decisions += check.decisions


def _event(stream: str, taken: Taken) -> Event:
    """The event as the verifier's rules take it; chain and leaf hash are left to the first pass."""
    _, seq, type_name, occurred_us, *rest = taken
    recorded_us, version, fact, data = rest or (occurred_us, 1, None, {})
    return Event(stream, seq, type_name, version, occurred_us, recorded_us, fact, FIRST_PREV, data, NO_LEAF)


def _read(path: Path) -> Iterator[tuple[str, Taken]]:
    with path.open("rb") as file:
        while length := file.read(BLOCK_LENGTH_BYTES):
            flat = iter(marshal.loads(file.read(int.from_bytes(length, "big"))))
            yield from zip(flat, flat, strict=True)


def _findings(stream: str, check: StreamCheck) -> Iterator[Finding]:
    for difference in check.finish():
        what = difference.what if stream in difference.what else f"{stream}: {difference.what}"
        yield Finding("refuted", what, shown(difference.found), shown(difference.expected))
