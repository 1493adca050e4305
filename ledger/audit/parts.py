"""The streams of a book in several processes: what is judged is what the monitor judges (`ledger.monitor.streams`).

On the way past the log the events go to files, a part of the streams to each. Streams of editions, the log's own and those
that are no programme's stay here: the others need the editions. At the end each file is judged by a process that has all
events of its streams at once.
"""

from __future__ import annotations

import gc
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from itertools import repeat
from multiprocessing import get_context
from pathlib import Path

from ledger.audit.due import Due, Overdue, Reviews
from ledger.audit.spool import Spool, read_spool
from ledger.monitor.rows import Leafed
from ledger.monitor.streams import Edition, Streams
from ledger.proof.programme import ProofProgrammes, programme_of
from ledger.seal.findings import Finding


@dataclass
class Part:
    """What came of some streams."""

    events: int = 0
    announcements: int = 0
    decisions: int = 0
    findings: list[Finding] = field(default_factory=list)
    overdue: list[Overdue] = field(default_factory=list)


class Parts:
    """Takes what a log records of its streams (`ledger.monitor.streams.StreamTaker`), and has it judged at the end."""

    def __init__(self, paths: Sequence[Path], programmes: ProofProgrammes) -> None:
        self.settled: dict[str, int] = {}
        self._paths = paths
        self._programmes = programmes
        self._here = Streams(programmes)
        self._count_here = 0
        self.findings, self.handovers = self._here.findings, self._here.handovers
        self._spool = Spool(paths)
        self._lists = _Lists(self._spool, programmes)

    @property
    def places(self) -> dict[str, int]:
        """The number of the file that has a stream's events, for each stream that is in one."""
        return self._spool.places

    def take(self, rows: Iterable[Leafed], _last_recorded: str) -> None:
        """The next events."""
        lists = self._lists
        for row in rows:
            lists[row[0]].append(row)
        self._spool.write()  # what is kept as bytes, and not as objects, leaves the processor's cache to what comes next
        if self._lists.here:
            by_stream: defaultdict[str, list[Leafed]] = defaultdict(list)
            for row in self._lists.here:
                by_stream[row[0]].append(row)
            self._count_here += len(self._lists.here)
            self._lists.here.clear()
            self._here.take_events(by_stream)

    def put_away(self, _last_recorded: str) -> None:
        """All is in files already, or stays here."""

    def settle(self, _last_recorded: str) -> None:
        """Nothing is judged before `judge`."""

    def close(self) -> None:
        """No more events come."""
        self._spool.close()

    def judge(self, reviews: Reviews, workers: int) -> Iterator[Part]:
        """Everything that was taken, judged to its end, since no transaction goes on.

        In order, so that a report is the same every time.
        """
        yield self._judge_here()
        editions, programmes = self._here.new_editions, self._programmes
        processes = min(len(self._paths), workers)
        if processes <= 1:
            yield from (judge_part(path, programmes, editions, reviews) for path in self._paths)
            return
        # Spawned, not forked: this process may hold threads and connections.
        with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
            yield from pool.map(judge_part, self._paths, repeat(programmes), repeat(editions), repeat(reviews))

    def _judge_here(self) -> Part:
        part = Part(events=self._count_here)
        for _, live, findings in self._here.finish():
            part.announcements += live.judge.check.announcements
            part.decisions += live.judge.check.decisions
            part.findings += findings
        part.findings += self._here.findings
        return part


class _Lists(dict[str, list[Leafed]]):
    """Stream -> to which list its events are added: those of a file, or `here`."""

    def __init__(self, spool: Spool, programmes: ProofProgrammes) -> None:
        super().__init__()
        self.here: list[Leafed] = []
        self._spool = spool
        self._programmes = programmes

    def __missing__(self, stream: str) -> list[Leafed]:
        programme = programme_of(self._programmes, stream)
        stays = programme is None or programme.rules_stream(stream) == stream
        return self.setdefault(stream, self.here if stays else self._spool.list_for(stream))


def judge_part(path: Path, programmes: ProofProgrammes, editions: Sequence[Edition], reviews: Reviews) -> Part:
    """All streams of one file; the work of one process."""
    part, due, streams = Part(), Due(path, reviews), Streams(programmes, editions)
    was_enabled = gc.isenabled()
    gc.disable()  # a large heap without cycles: looking for some costs half as much as the check
    try:
        rows: defaultdict[str, list[Leafed]] = defaultdict(list)
        for block in read_spool(path):
            part.events += len(block)
            for row in block:
                rows[row[0]].append(row)
        streams.take_events(rows)
        for stream, live, findings in streams.finish():
            part.findings += findings
            if not findings:  # else nobody knows what comes next
                part.overdue += due.overdue(stream, live.rules, rows[stream][0][3], live.judge.check)
            part.announcements += live.judge.check.announcements
            part.decisions += live.judge.check.decisions
        part.findings += streams.findings
    finally:
        if was_enabled:
            gc.enable()
    return part
