"""Group commit: many callers, each with one fact and waiting for it to be on disk, share transactions.

Each caller puts its fact into a queue and waits. One thread takes whatever has gathered, records it in one transaction,
and wakes those callers. While a commit is under way the next group gathers; nobody waits for a timer. A caller that has
no thread to wait with, such as an event loop, hands in what is to be called instead (`submit`). A fact over which the
program fails takes no other caller's fact away (`ledger.writing.faults`).
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from threading import Condition, Lock, Thread
from typing import TYPE_CHECKING, Final, Protocol

from ledger.errors import LedgerError
from ledger.writing.faults import record_apart
from ledger.writing.writer import Outcome

if TYPE_CHECKING:
    from ledger.fact import Fact

GROUP_MAX: Final = 1_000
COME_BACK_TRIES: Final = 3
COME_BACK_S: Final = 0.000_1

Done = Callable[[Outcome | BaseException], None]
"""Called by the thread that commits, with the outcome of a fact, or with why there is none. It may not raise, nor wait."""


class Recorder(Protocol):
    """What records facts together: a `Writer`, or whoever has one."""

    def record(self, facts: Sequence[Fact], *, lenient: bool = False) -> list[Outcome]:
        """Records facts in their order, in one transaction (`Writer.record`)."""
        ...


class _Waiting:
    """A caller that waits for its fact: its lock is held until there is an outcome."""

    __slots__ = ("result", "wait")

    def __init__(self) -> None:
        self.result: Outcome | BaseException | None = None
        self.wait = Lock()
        self.wait.acquire()

    def done(self, result: Outcome | BaseException) -> None:
        """Wakes the caller."""
        self.result = result
        self.wait.release()


class GroupCommit:
    """Records single facts from many threads; `close` finishes what was handed in.

    `on_fault` is told of each fact over which the program fails, which is refused as `fault`; `on_group` of each group:
    its outcomes, or why there are none, and how many seconds it took. It may not raise.
    """

    def __init__(
        self,
        writer: Recorder,
        *,
        group_max: int = GROUP_MAX,
        on_fault: Callable[[Fact, Exception], None] = lambda _fact, _error: None,
        on_group: Callable[[Sequence[Outcome] | BaseException, float], None] = lambda _outcomes, _seconds: None,
    ) -> None:
        self._on_group = on_group
        self.on_told: Callable[[], None] = lambda: None
        """Called by the thread that commits when all of a group have been told: so an event loop is woken once for all."""
        self._writer = writer
        self._group_max = group_max
        self._on_fault = on_fault
        self._waiting: deque[tuple[Fact, Done]] = deque()
        self._changed = Condition(Lock())
        self._idle = True
        self._closed = False
        self._thread = Thread(target=self._run, name="group-commit", daemon=True)
        self._thread.start()

    def record(self, fact: Fact) -> Outcome:
        """Records one fact and returns when it is on disk; errors as `Writer.record`."""
        waiting = _Waiting()
        self.submit(fact, waiting.done)
        waiting.wait.acquire()
        if isinstance(waiting.result, Outcome):
            return waiting.result
        raise waiting.result or LedgerError("the fact was not recorded")

    def submit(self, fact: Fact, done: Done) -> None:
        """Hands in one fact and returns at once; `done` is called when it is on disk, or when it cannot be.

        Facts are recorded in the order in which they are handed in. How many may wait is for the caller to bound. Raises
        LedgerError after `close`.
        """
        with self._changed:
            if self._closed:
                raise LedgerError("found a fact after the end, expected none: the group commit is closed")
            self._waiting.append((fact, done))
            if self._idle:
                self._changed.notify()

    def close(self) -> None:
        """Takes no more, records what was handed in, and ends the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        group: list[tuple[Fact, Done]] = []
        while True:
            with self._changed:
                while not self._waiting and not self._closed:
                    self._idle = True
                    self._changed.wait()
                self._idle = False
                if not self._waiting:
                    return
            self._let_the_last_group_come_back(len(group))
            with self._changed:
                size = min(len(self._waiting), self._group_max)
                group = [self._waiting.popleft() for _ in range(size)]
            self._record(group)

    def _let_the_last_group_come_back(self, size: int) -> None:
        """Callers that were just woken often have their next fact ready within a moment: one commit then serves all."""
        for _ in range(COME_BACK_TRIES):
            if len(self._waiting) >= size:
                return
            time.sleep(COME_BACK_S)

    def _record(self, group: list[tuple[Fact, Done]]) -> None:
        started_s = time.perf_counter()
        try:
            outcomes = record_apart(self._writer.record, [fact for fact, _ in group], self._on_fault)
        except BaseException as error:
            self._on_group(error, time.perf_counter() - started_s)
            for _, done in group:
                done(error)
        else:
            self._on_group(outcomes, time.perf_counter() - started_s)
            for (_, done), outcome in zip(group, outcomes, strict=True):
                done(outcome)
        self.on_told()
