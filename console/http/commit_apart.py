"""Group commit by the bookkeeper (`console.http.bookkeeper`), from an event loop and without a thread.

Facts gather while the process is busy. It is handed a group as soon as some have gathered, and the next while it is at the
one before, so that it never waits for the loop nor the loop for it. Where it ends before its service, or does not answer, the
service records by itself from then on: of the groups that it was at, what is in the book already is a duplicate.
"""

from __future__ import annotations

import asyncio
import select
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from console.http.bookkeeper import CHUNK, Answer, Messages, message
from ledger.errors import LedgerError
from ledger.writing.group_commit import GROUP_MAX, Done, GroupCommit
from ledger.writing.transaction import Outcome

if TYPE_CHECKING:
    from console.http.bookkeeper import Bookkeeper
    from ledger.fact import Fact

AT_ONCE: Final = 16
"""So many facts are handed over as soon as they have gathered; fewer when the loop has done what it is at."""
AHEAD: Final = 32
"""So many are handed over ahead, while the process is busy."""
UNDER_WAY_MAX: Final = 2
"""Groups that the process has: the one that it is at, and the next."""
ANSWER_S: Final = 300.0
"""So long a group may take; a store that is locked says so long before."""
CLOSE_S: Final = 20.0
"""So long it may take at the end, where somebody waits; the service itself records what is not answered then."""

Group = list[tuple["Fact", Done]]


class CommitApart:
    """Hands facts to the process; for one event loop. `close` finishes what was handed in."""

    def __init__(
        self,
        process: Bookkeeper,
        here: Callable[[], GroupCommit],
        *,
        on_fault: Callable[[Fact, Exception], None],
        on_group: Callable[[Sequence[Outcome] | BaseException, float], None],
        answer_s: float = ANSWER_S,
        close_s: float = CLOSE_S,
    ) -> None:
        """`here` makes what records once the bookkeeper is gone; `on_fault` and `on_group` as of `GroupCommit`."""
        self._answer_s = answer_s
        self._close_s = close_s
        self._process = process
        self._make_here = here
        self._here: GroupCommit | None = None
        self._on_fault = on_fault
        self._on_group = on_group
        self.on_told: Callable[[], None] = lambda: None
        """Called when all of a group have been told."""
        self._waiting: Group = []
        self._under_way: deque[tuple[Group, float]] = deque()
        self._unsent: deque[memoryview] = deque()
        """What is left of messages that go over the socket, which takes little at once of the megabytes of a group."""
        self._sending = False
        """Whether the loop watches for room in the socket."""
        self._messages = Messages()
        self._told_s = 0.0
        """When the process answered last."""
        self._failed: Exception | None = None
        """Why what is behind the process could not be opened at the beginning."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._scheduled = False
        self._watch: asyncio.TimerHandle | None = None
        self._closed = False
        process.records.setblocking(False)

    def open(self) -> None:
        """Has the process open what is behind it (`Answering.open`), before there is a loop. Raises what it raises there."""
        self._under_way.append(([], time.monotonic()))
        self._unsent.append(memoryview(message(None)))
        self._settle(self._answer_s)
        if self._failed is not None:
            raise self._failed

    def submit(self, fact: Fact, done: Done) -> None:
        """As `GroupCommit.submit`, on the loop."""
        if self._closed:
            raise LedgerError("found a fact after the end, expected none: the commit is closed")
        if self._here is not None:
            self._here.submit(fact, done)
            return
        self._waiting.append((fact, done))
        if len(self._waiting) >= (AHEAD if self._under_way else AT_ONCE):
            self._hand_over()
        elif not self._scheduled:
            self._scheduled = True
            self._on_loop().call_soon(self._gathered)

    def close(self) -> None:
        """Takes no more, and records what was handed in. The loop has ended, or does nothing meanwhile."""
        self._closed = True
        self._leave_loop()
        while self._here is None and (self._waiting or self._under_way):
            self._hand_over()
            self._settle(min(self._answer_s, self._close_s))
        if self._here is not None:
            self._here.close()

    def _on_loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            self._loop.add_reader(self._process.records, self._heard)
        return self._loop

    def _leave_loop(self) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.remove_reader(self._process.records)
            self._loop.remove_writer(self._process.records)
        self._loop = None
        if self._watch is not None:
            self._watch.cancel()

    def _gathered(self) -> None:
        self._scheduled = False
        if self._here is None:
            self._hand_over()

    def _hand_over(self) -> None:
        """The next group, where the process has room for one."""
        if len(self._under_way) >= UNDER_WAY_MAX or len(self._waiting) < (AHEAD if self._under_way else 1):
            return
        group, self._waiting = self._waiting[:GROUP_MAX], self._waiting[GROUP_MAX:]
        self._under_way.append((group, time.monotonic()))
        self._unsent.append(memoryview(message([fact for fact, _ in group])))
        self._send()
        if self._watch is None and self._loop is not None:
            self._watch = self._loop.call_later(self._answer_s, self._look)

    def _send(self) -> None:
        """Sends what the socket takes now; the rest once it takes more."""
        try:
            while self._unsent:
                sent = self._process.records.send(self._unsent[0])
                if sent < len(self._unsent[0]):
                    self._unsent[0] = self._unsent[0][sent:]
                else:
                    self._unsent.popleft()
        except BlockingIOError:
            pass
        except OSError:
            self._go_on_here()
            return
        if bool(self._unsent) is not self._sending and self._loop is not None:
            self._sending = bool(self._unsent)
            if self._sending:
                self._loop.add_writer(self._process.records, self._send)
            else:
                self._loop.remove_writer(self._process.records)

    def _heard(self) -> None:
        """The process has said something, or is gone."""
        try:
            data = self._process.records.recv(CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self._take_in(data)
        else:
            self._go_on_here()

    def _take_in(self, data: bytes) -> None:
        for told in self._messages.feed(data):
            if self._here is not None:  # what is said of groups that are recorded here once more
                return
            group, handed_over_s = self._under_way.popleft()
            self._hand_over()  # first: so the process has its next while those who wait are told
            self._tell(group, handed_over_s, Answer(told))

    def _tell(self, group: Group, handed_over_s: float, answer: Answer) -> None:
        """Those who handed facts in hear what became of them."""
        now_s = time.monotonic()
        seconds, self._told_s = now_s - max(handed_over_s, self._told_s), now_s
        for place, error in answer.faults:
            self._on_fault(group[place][0], error)
        if not group:
            self._failed = answer.error
        elif answer.error is not None:
            self._on_group(answer.error, seconds)
            for _, done in group:
                done(answer.error)
        else:
            for place, notes in answer.notes.items():
                group[place][0].take_notes(notes)
            self._on_group(answer.outcomes, seconds)
            for (_, done), outcome in zip(group, answer.outcomes, strict=True):
                done(outcome)
        self.on_told()

    def _all_told(self) -> None:
        self.on_told()  # as it is then: who hands facts in may name it later

    def _look(self) -> None:
        """Whether the process is at one group for too long."""
        self._watch = None
        if self._here is not None or not self._under_way or self._loop is None:
            return
        left_s = self._left_s(self._answer_s)
        if left_s <= 0:
            self._go_on_here()
        else:
            self._watch = self._loop.call_later(left_s, self._look)

    def _left_s(self, patience_s: float) -> float:
        """How many seconds of some the process has left for the group that it is at."""
        return max(self._under_way[0][1], self._told_s) + patience_s - time.monotonic()

    def _settle(self, patience_s: float) -> None:
        """Waits, without a loop, until the process has answered all that it was handed, or is given up.

        It is heard while it is sent something: with both waiting for room in the socket neither would go on.
        """
        poll = select.poll()
        while self._here is None and self._under_way:
            poll.register(self._process.records, select.POLLIN | (select.POLLOUT if self._unsent else 0))
            found = poll.poll(max(self._left_s(patience_s), 0) * 1000)
            if not found:
                self._go_on_here()
            elif found[0][1] & ~select.POLLOUT:
                self._heard()
            else:
                self._send()

    def _go_on_here(self) -> None:
        """Records in this process from now on, to begin with what the other has not answered."""
        self._leave_loop()
        self._process.gone()
        self._here = self._make_here()
        self._here.on_told = self._all_told
        for group in (*(group for group, _ in self._under_way), self._waiting):
            for fact, done in group:
                self._here.submit(fact, done)
        self._under_way.clear()
        self._unsent.clear()
        self._waiting = []
