"""The audit's second pass: a stream at a time, its chain, and every announcement and decision from the facts before it.

The recomputation is the offline verifier's (`ledger.proof.programme`); nothing of the ledger's own rules is used.
"""

from __future__ import annotations

import gc
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from operator import itemgetter
from pathlib import Path
from typing import Final, NamedTuple

from ledger.proof.log.errors import shown
from ledger.proof.log.event import FIRST_PREV, LOG, Event
from ledger.proof.programme import ProofProgramme, ProofProgrammes, programme_of
from ledger.seal.audit_due import Due, Overdue, Reviews
from ledger.seal.audit_rows import RUN, read_rows
from ledger.seal.audit_spool import Leafed, read_spool
from ledger.seal.findings import Finding
from ledger.seal.judge import Judge

AFTER_ALL: Final = 1 << 63

_seq = itemgetter(1)
_position = itemgetter(3)
_leaf = itemgetter(5)


class Known(NamedTuple):
    """What the checks of streams need of others: the editions by their stream, (position, event); and the log's own events."""

    programmes: ProofProgrammes
    editions: dict[str, list[tuple[int, Event]]]
    log: list[Event]

    @property
    def events(self) -> int:
        """How many events that are."""
        return sum(map(len, self.editions.values())) + len(self.log)


@dataclass
class Part:
    """What came of some streams."""

    events: int = 0
    announcements: int = 0
    decisions: int = 0
    findings: list[Finding] = field(default_factory=list)
    overdue: list[Overdue] = field(default_factory=list)


class Stream(NamedTuple):
    """A stream, whose it is, and what its rows say."""

    name: str
    programme: ProofProgramme | None
    rows: Sequence[Leafed]
    events: Sequence[Event | int | None]
    labels: Sequence[str | None]


def check_known(
    programmes: ProofProgrammes, editions: Mapping[str, Sequence[Leafed]], log: Sequence[Leafed]
) -> tuple[Known, list[Finding]]:
    """The editions and the log's own events, and what is wrong with them."""
    findings: list[Finding] = []
    known = Known(programmes, {}, [])
    for stream in read_streams({LOG: log}, (), findings):
        known.log.extend(event for event in stream.events if isinstance(event, Event))
    for stream in read_streams(editions, programmes, findings):
        events = known.editions[stream.name] = []
        for row, event in zip(stream.rows, stream.events, strict=True):
            if isinstance(event, Event):
                events.append((_position(row), event))
        if stream.programme is not None:
            judge = Judge(stream.name, stream.programme)
            judge.take(stream.rows, stream.events, stream.labels)
            findings += judge.finish()
    return known, findings


def audit_part(path: Path, known: Known, reviews: Reviews) -> Part:
    """All streams of one file of rows; the work of one process."""
    part, due = Part(), Due(path, reviews)
    was_enabled = gc.isenabled()
    gc.disable()  # a large heap without cycles: looking for some costs half as much as the check
    try:
        streams: defaultdict[str, list[Leafed]] = defaultdict(list)
        for row in chain.from_iterable(read_spool(path)):
            streams[row[0]].append(row)
        for stream in read_streams(streams, known.programmes, part.findings):
            part.events += len(stream.rows)
            _audit_stream(stream, known, part, due)
    finally:
        if was_enabled:
            gc.enable()
    return part


def read_streams(
    streams: Mapping[str, Sequence[Leafed]], programmes: ProofProgrammes, findings: list[Finding]
) -> Iterator[Stream]:
    """The streams with what their rows say, those of a programme after those of another.

    What is wrong with form or chain goes to the findings.
    """
    of_each: defaultdict[str, list[str]] = defaultdict(list)
    owners: dict[str, ProofProgramme | None] = {}
    for name in streams:
        owner = programme_of(programmes, name)
        key = "" if owner is None else owner.name
        owners[key] = owner
        of_each[key].append(name)
    for key, names in of_each.items():
        batch: list[tuple[str, Sequence[Leafed]]] = []
        waiting = 0
        for name in names:
            batch.append((name, streams[name]))
            waiting += len(streams[name])
            if waiting >= RUN:  # small streams are read together
                yield from _read_batch(owners[key], batch, findings)
                batch, waiting = [], 0
        yield from _read_batch(owners[key], batch, findings)


def _read_batch(
    programme: ProofProgramme | None, batch: list[tuple[str, Sequence[Leafed]]], findings: list[Finding]
) -> Iterator[Stream]:
    light = None if programme is None else programme.light
    rows_of_all = batch[0][1] if len(batch) == 1 else [row for _, rows in batch for row in rows]
    said = read_rows(rows_of_all, findings, light)
    start = 0
    for name, rows in batch:
        end = start + len(rows)
        _check_chain(rows, said.prevs[start:end], findings)
        yield Stream(name, programme, rows, said.events[start:end], said.labels[start:end])
        start = end


def _check_chain(rows: Sequence[Leafed], prevs: list[str | None], findings: list[Finding]) -> None:
    expected = [FIRST_PREV, *map(bytes.hex, map(_leaf, rows))][: len(rows)]
    if prevs == expected and [*map(_seq, rows)] == [*range(1, len(rows) + 1)]:
        return
    last = 0
    for (name, seq, _, position, _, _), prev, leaf in zip(rows, prevs, expected, strict=True):
        where = f"position {position}: {name}/{seq}"
        if seq != last + 1:
            findings.append(Finding("tampered", f"{where}: seq", str(seq), f"{last + 1}, after the event before it"))
        if prev is not None and prev != leaf:
            findings.append(Finding("tampered", f"{where}: prev", prev, leaf))
        last = seq


def _audit_stream(stream: Stream, known: Known, part: Part, due: Due) -> None:
    name, programme, rows, events, labels = stream
    if programme is None:
        part.findings.append(Finding("refuted", f"stream {shown(name)}", "events", "a stream of a programme"))
        return
    judge = Judge(name, programme)
    positions = list(map(_position, rows))
    start = 0
    for position, edition in (*known.editions.get(programme.rules_stream(name), ()), (AFTER_ALL, None)):
        end = bisect_left(positions, position, lo=start)
        judge.take(rows[start:end], events[start:end], labels[start:end])
        if edition is not None:
            judge.take((edition,), (edition,), (None,))
        start = end
    findings = judge.finish()
    part.findings += findings
    if not findings:  # else nobody knows what comes next
        overdue = due.overdue(name, programme.rules_stream(name), positions[0], judge.check)
        part.overdue += [] if overdue is None else [overdue]
    part.announcements += judge.check.announcements
    part.decisions += judge.check.decisions
