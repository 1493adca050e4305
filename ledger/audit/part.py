"""One part of the streams of a book, judged in a process of its own, or in this one.

A worker takes events as they come. Asked for the part that is its own it judges these streams to their end; asked for a file
it takes the events in it, and judges those.
"""

from __future__ import annotations

import gc
import marshal
import signal
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final, Protocol

from ledger.audit.due import Due, Overdue, Reviews
from ledger.audit.spool import MARSHAL_VERSION, read_spool
from ledger.monitor.rows import Leafed
from ledger.monitor.streams import Edition, Streams
from ledger.proof.programme import ProofProgrammes
from ledger.seal.findings import Finding

END_S: Final = 5.0
"""So long a process that is told to end has for it."""


@dataclass
class Part:
    """What came of some streams."""

    events: int = 0
    is_live: bool = False
    """Its events were judged as they came."""
    announcements: int = 0
    decisions: int = 0
    findings: list[Finding] = field(default_factory=list)
    overdue: list[Overdue] = field(default_factory=list)


class PartJudge:
    """The judge of the streams of one worker."""

    def __init__(self, programmes: ProofProgrammes) -> None:
        self._programmes = programmes
        self._editions: list[Edition] = []
        self._live: Streams | None = Streams(programmes)
        self._events = 0

    def take(self, editions: Sequence[Edition], rows: Sequence[Leafed]) -> None:
        """The next events of the log, after editions that stand between those before and these, or among these."""
        assert self._live is not None
        self._editions += editions
        self._live.take_editions(editions)
        self._live.take_rows(rows)
        self._events += len(rows)

    def finish(self, path: Path, reviews: Reviews) -> Part:
        """The first time, what came of the streams whose events were taken; then of those in a file."""
        if self._live is not None:
            part, streams = Part(self._events, is_live=True), self._live
            self._live = None
        else:
            part, streams = Part(), Streams(self._programmes, self._editions)
            rows: dict[str, list[Leafed]] = {}
            for block in read_spool(path):
                part.events += len(block)
                for row in block:
                    rows.setdefault(row[0], []).append(row)
            streams.take_events(rows)
        due = Due(path, reviews)
        for stream, live, findings in streams.finish():
            part.findings += findings
            if not findings:  # else nobody knows what comes next
                part.overdue += due.overdue(stream, live.rules, live.first, live.judge.check)
            part.announcements += live.judge.check.announcements
            part.decisions += live.judge.check.decisions
        part.findings += streams.findings
        return part


class Worker(Protocol):
    """Judges some streams."""

    def take(self, editions: Sequence[Edition], rows: Sequence[Leafed]) -> None:
        """As `PartJudge`."""

    def ask(self, path: Path, reviews: Reviews) -> None:
        """As `PartJudge.finish`; `answer` gives what came of it, in the order in which was asked."""

    def answer(self) -> Part:
        """What came of what was asked for first and not answered."""

    def close(self) -> None:
        """Nothing more is asked; what was asked for and not answered is dropped."""


class Here:
    """Works in this process, when it is asked for its answer."""

    def __init__(self, programmes: ProofProgrammes) -> None:
        self._judge = PartJudge(programmes)
        self._asked: deque[tuple[Path, Reviews]] = deque()

    def take(self, editions: Sequence[Edition], rows: Sequence[Leafed]) -> None:
        """At once."""
        with _without_collecting():
            self._judge.take(editions, rows)

    def ask(self, path: Path, reviews: Reviews) -> None:
        """Later."""
        self._asked.append((path, reviews))

    def answer(self) -> Part:
        """Works."""
        with _without_collecting():
            return self._judge.finish(*self._asked.popleft())

    def close(self) -> None:
        """Nothing is left to be done."""


class Process:
    """Works in another process. What fails there fails here with the same exception."""

    def __init__(self, programmes: ProofProgrammes) -> None:
        context = get_context("spawn")  # not forked: this process may hold threads and connections
        self._connection, other = context.Pipe()
        self._process = context.Process(target=_work, args=(other, programmes), daemon=True)
        self._process.start()
        other.close()

    def take(self, editions: Sequence[Edition], rows: Sequence[Leafed]) -> None:
        """As soon as the process has done what came before: until then it waits here if it is much."""
        self._send((True, list(editions), list(rows)))

    def ask(self, path: Path, reviews: Reviews) -> None:
        """After what was taken."""
        self._send((False, str(path), list(reviews)))

    def answer(self) -> Part:
        """Waits for it."""
        try:
            answer = self._connection.recv()
        except EOFError:
            raise OSError(
                f"found that a process of the audit ended with {self._process.exitcode}, expected its part"
            ) from None
        if isinstance(answer, BaseException):
            raise answer
        assert isinstance(answer, Part)
        return answer

    def close(self) -> None:
        """The process ends, at the latest when it is told so by a signal."""
        self._connection.close()
        self._process.join(END_S)
        if self._process.is_alive():
            self._process.terminate()
            self._process.join(END_S)

    def _send(self, message: tuple[Any, ...]) -> None:
        try:
            self._connection.send_bytes(marshal.dumps(message, MARSHAL_VERSION))
        except (BrokenPipeError, ConnectionResetError):
            self.answer()
            raise


def _work(connection: Connection, programmes: ProofProgrammes) -> None:
    """What a process does until nobody asks it any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started it ends it
    judge = PartJudge(programmes)
    with suppress(EOFError, BrokenPipeError, ConnectionResetError), _without_collecting():
        try:
            while True:
                is_take, first, second = marshal.loads(connection.recv_bytes())
                if is_take:
                    judge.take(first, second)
                else:
                    connection.send(judge.finish(Path(first), second))
        except (EOFError, BrokenPipeError, ConnectionResetError):
            raise
        except Exception as error:
            connection.send(error)


@contextmanager
def _without_collecting() -> Iterator[None]:
    """A large heap without cycles: looking for some costs half as much as the check."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
