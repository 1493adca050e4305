"""The streams of a book in several processes: what is judged is what the monitor judges (`ledger.monitor.streams`).

A stream belongs to one process (`part`) from its first event on. As many streams as memory holds are judged while the log is
read; the events of all others wait in files, a part of the streams each, and are judged file by file at the end. Streams of
editions, the log's own and those that are no programme's stay here: the others need the editions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from ledger.audit.due import Reviews
from ledger.audit.part import Here, Part, Process, Worker
from ledger.audit.spool import Spool
from ledger.monitor.rows import Leafed
from ledger.monitor.streams import Streams
from ledger.proof.programme import ProofProgrammes, programme_of

LIVE_MAX: Final = 20_000
"""So many streams are judged while the log is read."""


class Parts:
    """Takes what a log records of its streams (`ledger.monitor.streams.StreamTaker`), and has it judged."""

    def __init__(self, folder: Path, programmes: ProofProgrammes, workers: int, files: int) -> None:
        """`workers` is the number of processes; 0 where all is done in this one. Files wait in the folder."""
        self.settled: dict[str, int] = {}
        self.taken = 0
        """Events that are judged already, or are about to be."""
        self._here = Streams(programmes)
        self.findings, self.handovers = self._here.findings, self._here.handovers
        self._count_here = 0
        self._workers: list[Worker] = [Process(programmes) for _ in range(workers)] or [Here(programmes)]
        self.paths = [folder / f"part-{number}" for number in range(len(self._workers) + files)]
        """Of each part, by its number: the files come after the workers."""
        self._spool = Spool(self.paths[len(self._workers) :])
        self._lists = _Lists(len(self._workers), self._spool, programmes)

    @property
    def places(self) -> dict[str, int]:
        """The number of the part that has a stream, for each that does not stay here."""
        return self._lists.places

    def take(self, rows: Iterable[Leafed], _last_recorded: str) -> None:
        """The next events."""
        lists = self._lists
        for row in rows:
            lists[row[0]].append(row)
        self._spool.write()  # what is kept as bytes, and not as objects, leaves the processor's cache to what comes next
        editions = []
        if lists.here:
            self._here.take_rows(lists.here)
            self._here.take_waiting()
            editions = list(self._here.new_editions)
            self._here.new_editions.clear()
            self._count_here += len(lists.here)
            lists.here.clear()
        for worker, live in zip(self._workers, lists.live, strict=True):
            if live or editions:
                worker.take(editions, live)
                self.taken += len(live)
                live.clear()

    def put_away(self, _last_recorded: str) -> None:
        """All is in memory or in files already."""

    def settle(self, _last_recorded: str) -> None:
        """Nothing is judged to its end before `judge`."""

    def close(self) -> None:
        """Ends all processes, whatever they are at."""
        self._spool.close()
        for worker in self._workers:
            worker.close()

    def judge(self, reviews: Reviews) -> Iterator[Part]:
        """Everything that was taken, judged to its end, since no transaction goes on."""
        self._spool.close()
        workers = self._workers
        for number, path in enumerate(self.paths):
            workers[number % len(workers)].ask(path, reviews)
        yield self._judge_here()
        for number in range(len(self.paths)):
            yield workers[number % len(workers)].answer()

    def _judge_here(self) -> Part:
        part = Part(events=self._count_here)
        for _, live, findings in self._here.finish():
            part.announcements += live.judge.check.announcements
            part.decisions += live.judge.check.decisions
            part.findings += findings
        part.findings += self._here.findings
        return part


class _Lists(dict[str, list[Leafed]]):
    """Stream -> to which list its events are added: one of a worker, one of a file, or `here`."""

    def __init__(self, workers: int, spool: Spool, programmes: ProofProgrammes) -> None:
        super().__init__()
        self.here: list[Leafed] = []
        self.live: list[list[Leafed]] = [[] for _ in range(workers)]
        self.places: dict[str, int] = {}
        self._programmes = programmes
        self._in_turn = list(enumerate(self.live))
        self._late = list(enumerate(spool.waiting, workers))

    def __missing__(self, stream: str) -> list[Leafed]:
        programme = programme_of(self._programmes, stream)
        if programme is None or programme.rules_stream(stream) == stream:
            return self.setdefault(stream, self.here)
        count = len(self.places)
        parts = self._in_turn if count < LIVE_MAX or not self._late else self._late
        self.places[stream], rows = parts[count % len(parts)]
        return self.setdefault(stream, rows)
