"""Asking the ledger from an event loop: a few threads, each with a ledger of its own, and one that keeps projections up.

Reads never wait for writes: they are answered from the projections as they stand, and say as of which position. Whoever
must see what he has just written waits for its position (`Following.reached`).
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from threading import Event, Lock, Thread
from typing import Any, Final, TypeVar

from console.cli.exits import failure_of
from console.http.tracing import within
from console.wiring import Ledger, driver_errors
from ledger.errors import LedgerError, StoreUnreachable
from ledger.store.urls import is_postgres
from projections.database import ProjectionsDamaged

Answer = TypeVar("Answer")
Open = Callable[[], Ledger]

READERS: Final = 4
IDLE_S: Final = 0.25
"""So long the book is waited for before the projections are looked at again: workers may keep them too."""
PAUSE_S: Final = 0.02
"""So long what is recorded gathers, where nobody waits for it: a commit at a time takes the writer's processor away."""
PAUSE_FACTOR: Final = 9.0
PAUSE_MAX_S: Final = 0.25
"""Where it took long, it gathers for so many times as long, up to a bound: under load a tenth of the time is enough."""
AGAIN_S: Final = 1.0
"""After a failure the projections are tried again so much later."""
BEHIND_S: Final = 0.05
"""So long, where others bring the projections up, and have not yet."""
DAMAGED_S: Final = 60.0
"""After so long without a question that finds damage nobody knows whether it is still there."""
MISSING: Final = "projections-missing"
FAULT: Final = "fault"
"""The code of what is no error of the ledger."""


class _Question:
    """A question that somebody on an event loop waits for."""

    __slots__ = ("answer", "ask", "error", "future", "loop")

    def __init__(self, ask: Callable[[Ledger], Any]) -> None:
        self.ask = ask
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[Any] = self.loop.create_future()
        self.answer: Any = None
        self.error: BaseException | None = None

    def tell(self) -> None:
        """On the event loop: who waits goes on; he may be gone."""
        error, self.error = self.error, None
        if self.future.done():
            return
        if error is None:
            self.future.set_result(self.answer)
        else:
            self.future.set_exception(error)


class Readers:
    """Threads that answer questions. A ledger that could not be read is opened anew for the next question.

    What an executor does for each question (a future of its own, locks, a waking of the event loop) takes as long as the
    question itself. Here the loop is woken once for all that is answered until it comes round.
    """

    def __init__(self, opened: Open, name: str, number: int = READERS) -> None:
        """`opened` opens a ledger that stands under a name in what is said of it."""
        self._open = opened
        self._name = name
        self._asked: SimpleQueue[_Question | None] = SimpleQueue()
        self._answered: deque[_Question] = deque()
        self._waking: set[asyncio.AbstractEventLoop] = set()
        """Event loops that are woken, and have not come round."""
        self._closed = False
        self._number_max = number
        self._starting = Lock()
        self._threads: list[Thread] = []
        self._number_asked = 0
        self._damaged_s: float | None = None
        """When a question has found the projections damaged."""
        self._settled: list[int] = []
        """How many questions each thread is through with; each counts its own."""

    async def ask(self, question: Callable[[Ledger], Answer]) -> Answer:
        """The answer to a question, by the next thread that is free. Raises LedgerError after `close`."""
        with within("question"):
            if self._closed:
                raise LedgerError("found a question after the end, expected none")
            asked = _Question(question)
            self._number_asked += 1
            self._asked.put(asked)
            if len(self._threads) < self._number_max:
                self._start_if_needed()
            try:
                answer: Answer = await asked.future
            finally:
                del asked  # else an error would hold itself, and whatever the question held, until garbage is collected
            return answer

    def found_damage(self) -> bool:
        """Whether a question has found the projections damaged lately; others may be answered out of what is whole."""
        return self._damaged_s is not None and time.monotonic() - self._damaged_s < DAMAGED_S

    def _start_if_needed(self) -> None:
        """Another thread, where those that there are have enough to do: each opens a ledger of its own."""
        with self._starting:
            number = len(self._threads)
            if number < self._number_max and self._number_asked - sum(self._settled) > number:
                self._settled.append(0)
                thread = Thread(target=self._run, args=(number,), name=f"http-reader_{number}", daemon=True)
                self._threads.append(thread)
                thread.start()

    def _run(self, thread: int) -> None:
        ledger: Ledger | None = None
        while (asked := self._asked.get()) is not None:
            try:
                if asked.future.done():  # nobody waits for it any more
                    continue
                with driver_errors(self._name):
                    if ledger is None:
                        ledger = self._open()
                    asked.answer = asked.ask(ledger)
            except BaseException as error:
                asked.error = error
                if isinstance(error, ProjectionsDamaged):
                    self._damaged_s = time.monotonic()
                if isinstance(error, StoreUnreachable) and ledger is not None:
                    with suppress(Exception):
                        ledger.close()
                    ledger = None
            finally:
                self._settled[thread] += 1
            self._hand_over(asked)
            del asked  # with its answer, which may be long
        if ledger is not None:
            with suppress(LedgerError):
                ledger.close()

    def _hand_over(self, answered: _Question) -> None:
        loop = answered.loop
        self._answered.append(answered)
        if loop in self._waking:  # it has not come round, and finds this answer then
            return
        self._waking.add(loop)
        try:
            loop.call_soon_threadsafe(self._tell, loop)
        except RuntimeError:  # it has ended meanwhile
            self._waking.discard(loop)

    def _tell(self, loop: asyncio.AbstractEventLoop) -> None:
        """On the event loop: tells all who wait there. What is answered from here on wakes it again."""
        self._waking.discard(loop)
        for _ in range(len(self._answered)):
            try:
                answered = self._answered.popleft()
            except IndexError:
                return
            if answered.loop is loop:
                answered.tell()
            else:  # of another loop, which may have looked just now
                with suppress(RuntimeError):
                    answered.loop.call_soon_threadsafe(answered.tell)

    def close(self) -> None:
        """Answers what is being answered, and gives all connections back."""
        self._closed = True
        with suppress(Empty):
            while (asked := self._asked.get_nowait()) is not None:
                asked.error = LedgerError("found the end before the answer, expected an answer")
                self._hand_over(asked)
        for _ in self._threads:
            self._asked.put(None)
        for thread in self._threads:
            thread.join()


class ProjectionsMissing(StoreUnreachable):
    """There are no projections yet, and this process may make none: workers do, or `csat-ledger project`."""


class Following:
    """A thread that brings the projections to the end of the book, again and again, and tells how far they are.

    Where this process may not write them, as with the role of a writer in PostgreSQL, others bring them up.
    """

    def __init__(
        self,
        opened: Open,
        name: str,
        complain: Callable[[str], None],
        told: Callable[[Following], None] = lambda _: None,
    ) -> None:
        """`complain` is told why the projections cannot be kept up, once each time it begins; `told` is called at each turn."""
        self._told = told
        self._open = opened
        self._name = name
        self._complain = complain
        self._stopping = Event()
        self._wanted = Event()
        """Set when somebody begins to wait, or it is to end: then there is no pause."""
        self._lock = Lock()
        self._waiting: list[tuple[int, asyncio.AbstractEventLoop, asyncio.Event]] = []
        self._first: Ledger | None = None
        self._thread = Thread(target=self._run, name="http-projections", daemon=True)
        self.position = 0
        """The position up to which nothing is missing in any projection."""
        self.end = 0
        """The book's last position, as far as was seen."""
        self.failed_with: str | None = None
        """The code of what keeps the projections from being kept up now."""
        self.turned_s = time.monotonic()
        """When the thread last came round."""

    def start(self) -> None:
        """Brings the projections up, and goes on with that beside."""
        ledger = self._open()
        try:
            with driver_errors(self._name):
                self._catch_up(ledger)
        except ProjectionsMissing as missing:  # whoever makes them may be about to: until then nothing can be answered
            ledger.close()
            self._fail(missing)
        except BaseException:
            ledger.close()
            raise
        else:
            self._first = ledger
        self.go_on()

    def go_on(self) -> None:
        """As `start`, without bringing them up first."""
        self._thread.start()

    def want(self) -> None:
        """Somebody waits for what is recorded."""
        self._wanted.set()

    async def reached(self, position: int) -> None:
        """Returns when nothing up to a position is missing."""
        event = asyncio.Event()
        waiting = (position, asyncio.get_running_loop(), event)
        with self._lock:
            if self.position >= position:
                return
            self._waiting.append(waiting)
        self.want()
        try:
            await event.wait()
        finally:
            with self._lock, suppress(ValueError):
                self._waiting.remove(waiting)

    def close(self) -> None:
        """Ends the thread."""
        self._stopping.set()
        self.want()
        self._thread.join()

    def _run(self) -> None:
        ledger, self._first = self._first, None
        while not self._stopping.is_set():
            try:
                if ledger is None:
                    ledger = self._open()
                with driver_errors(self._name):
                    behind = self.position < self.end  # then it is others who bring them up
                    ledger.store.wait(max(self.position, self.end), BEHIND_S if behind else IDLE_S)
                    self._wanted.clear()
                    began_s = time.monotonic()
                    self._catch_up(ledger)
                self.failed_with, self.turned_s = None, time.monotonic()
                self._told(self)
                if not self._waiting and not self._stopping.is_set():
                    pause_s = PAUSE_FACTOR * (self.turned_s - began_s)
                    self._wanted.wait(min(max(PAUSE_S, pause_s), PAUSE_MAX_S))
            except Exception as error:
                self._fail(error)
                if ledger is not None:
                    with suppress(Exception):
                        ledger.close()
                ledger = None
                self._stopping.wait(AGAIN_S)
        if ledger is not None:
            with suppress(LedgerError):
                ledger.close()

    def _fail(self, error: Exception) -> None:
        if self.failed_with is None:
            self._complain(f"the projections cannot be kept up: {error}")
        code = failure_of(error).code if isinstance(error, LedgerError) else FAULT
        self.failed_with = MISSING if isinstance(error, ProjectionsMissing) else code
        self.turned_s = time.monotonic()
        self._told(self)

    def _catch_up(self, ledger: Ledger) -> None:
        end = self.end = ledger.store.max_position()
        if not (ledger.database.may_write() or is_postgres(ledger.where)):
            raise StoreUnreachable(
                f"{ledger.database.place}: found projections that may only be read here, expected a file and a folder "
                "that this process may write: nobody else keeps them up"
            )
        if end != self.position or self.failed_with is not None or not self.position:
            if not ledger.database.may_write():
                _require_all(ledger)
            ledger.catch_up()
        self._moved(_reached(ledger))

    def _moved(self, reached: int) -> None:
        with self._lock:
            self.position = reached
            woken = [(loop, event) for position, loop, event in self._waiting if position <= reached]
        for loop, event in woken:
            with suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(event.set)


def _reached(ledger: Ledger) -> int:
    """The position up to which nothing is missing in any projection. Raises StoreUnreachable where one was never built."""
    with ledger.view() as view:
        for reader in (view.eligibility, view.renewals, view.participation, view.scores, view.designations):
            reader()
        return view.position


def _require_all(ledger: Ledger) -> None:
    """Raises ProjectionsMissing where one was never built. It would be worked out from the whole book with each question."""
    try:
        _reached(ledger)
    except StoreUnreachable as missing:
        raise ProjectionsMissing(str(missing)) from None
