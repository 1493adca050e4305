"""Group commit: many callers, each with one fact and waiting for it to be on disk, share transactions.

Each caller puts its fact into a queue and waits. One thread takes whatever has gathered, records it in one transaction,
and wakes those callers. While a commit is under way the next group gathers; nobody waits for a timer.
"""

from __future__ import annotations

import time
from collections import deque
from threading import Condition, Lock, Thread
from typing import TYPE_CHECKING, Final

from ledger.errors import LedgerError
from ledger.writing.writer import Outcome, Writer

if TYPE_CHECKING:
    from ledger.fact import Fact

GROUP_MAX: Final = 1_000
COME_BACK_TRIES: Final = 3
COME_BACK_S: Final = 0.000_1


class _Ticket:
    """A caller that waits for its fact: its lock is held until there is an outcome."""

    __slots__ = ("error", "fact", "outcome", "wait")

    def __init__(self, fact: Fact) -> None:
        self.fact = fact
        self.outcome: Outcome | None = None
        self.error: BaseException | None = None
        self.wait = Lock()
        self.wait.acquire()


class GroupCommit:
    """Records single facts from many threads; `close` finishes what was handed in."""

    def __init__(self, writer: Writer, *, group_max: int = GROUP_MAX) -> None:
        self._writer = writer
        self._group_max = group_max
        self._waiting: deque[_Ticket] = deque()
        self._changed = Condition(Lock())
        self._idle = True
        self._closed = False
        self._thread = Thread(target=self._run, name="group-commit", daemon=True)
        self._thread.start()

    def record(self, fact: Fact) -> Outcome:
        """Records one fact and returns when it is on disk; errors as `Writer.record`."""
        ticket = _Ticket(fact)
        with self._changed:
            if self._closed:
                raise LedgerError("found a fact after the end, expected none: the group commit is closed")
            self._waiting.append(ticket)
            if self._idle:
                self._changed.notify()
        ticket.wait.acquire()
        if ticket.outcome is None:
            raise ticket.error or LedgerError("the fact was not recorded")
        return ticket.outcome

    def close(self) -> None:
        """Takes no more, records what was handed in, and ends the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        group: list[_Ticket] = []
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

    def _record(self, group: list[_Ticket]) -> None:
        try:
            outcomes = self._writer.record([ticket.fact for ticket in group])
        except BaseException as error:
            for ticket in group:
                ticket.error = error
                ticket.wait.release()
            return
        for ticket, outcome in zip(group, outcomes, strict=True):
            ticket.outcome = outcome
            ticket.wait.release()
