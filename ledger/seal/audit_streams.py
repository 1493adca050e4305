"""The audit's second pass: a stream at a time, every announcement and every decision from the facts before it.

The recomputation is the offline verifier's (`ledger.proof.recheck`); nothing of the ledger's own rules is used.
"""

from __future__ import annotations

import gc
import marshal
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import Any, Final, NamedTuple

from ledger.proof.errors import ProofError, shown
from ledger.proof.event import MEMBERSHIP_PREFIX, PROGRAMME, Event
from ledger.proof.recheck import StreamCheck
from ledger.proof.replay import KNOWN_VERSION

Taken = tuple[Any, ...]
"""An event as the first pass read it: its position, and what an `Event` is made of, chain and leaf hash left empty; of
an event that counts for nothing only position, stream, seq, type and occurred_us."""
SHORT: Final = 5
AFTER_ALL: Final = 1 << 63
_position = itemgetter(0)
_as_event: Callable[[Sequence[Any]], Event] = partial(tuple.__new__, Event)
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
    known = Known([(event[0], _event(event)) for event in taken])
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
        streams: defaultdict[str, list[Taken]] = defaultdict(list)
        for block in _read(path):
            for event in block:
                streams[event[1]].append(event)
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
    start = 0
    for position, edition in (*known.events, (AFTER_ALL, None)):
        end = bisect_left(events, position, lo=start, key=_position)
        for taken in events[start:end]:
            if len(taken) > SHORT or not check.let_pass(taken[4], taken[1:4]):
                check.take(_event(taken))
        if edition is not None:
            check.take(edition)
        start = end
    part.findings += _findings(stream, check)
    part.announcements += check.announcements
    part.decisions += check.decisions


def _event(taken: Taken) -> Event:
    """The event as the verifier's rules take it; chain and leaf hash are left to the first pass."""
    if len(taken) > SHORT:
        return _as_event(taken[1:])
    _, stream, seq, type_name, occurred_us = taken
    return Event(stream, seq, type_name, KNOWN_VERSION, occurred_us, occurred_us, None, "", {}, b"")


def _read(path: Path) -> Iterator[list[Taken]]:
    with path.open("rb") as file:
        while length := file.read(BLOCK_LENGTH_BYTES):
            yield marshal.loads(file.read(int.from_bytes(length, "big")))


def _findings(stream: str, check: StreamCheck) -> Iterator[Finding]:
    for difference in check.finish():
        what = difference.what if stream in difference.what else f"{stream}: {difference.what}"
        yield Finding("refuted", what, shown(difference.found), shown(difference.expected))
