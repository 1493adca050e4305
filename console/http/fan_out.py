"""The feed as it grows, read once for all who listen: one thread that follows the book, and queues that it fills.

    book -> thread: a stretch at a time, each announcement rendered once -> event loop: the queue of each who wants it

A listener comes from the past in stretches of its own (`Stretch`, by the threads that answer questions, one at a time for
all listeners together, so that questions do not wait behind them), and joins once nothing lies between what it was sent and
what is kept at hand here (`attach`): on the event loop, where the feed moves too, so there is neither gap nor double. The
thread begins with the first who listens. Where many announcements come at once, it waits for the listeners between two
stretches, a bounded time: who is too slow is cut off, not buffered for.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from threading import Event, Thread
from typing import Final

from console.http.announcements import Announcement, Stretch, read_stretch
from console.http.limits import one_callers
from console.http.listeners import STOPPING, Cut, CutOff, Listener
from console.http.problems import Problem
from console.http.reading import AGAIN_S, IDLE_S, Open, Readers
from console.wiring import Ledger, driver_errors
from ledger.errors import BrokenHistory, LedgerError, PositionUnknown
from ledger.store.cursor import Cursor, cursor_at, require_cursor
from projections.questions.changes import Wanted

RETRY_AFTER_S: Final = "5"
RECENT_MAX: Final = 1_000
"""So many announcements are kept at hand for who is about to join."""
STRETCH: Final = 500
"""So many announcements of each type are read at once."""
WAITING_LOW: Final = 1_000
"""The next of many stretches comes once nobody has more waiting than that, …"""
GRACE_S: Final = 1.0
"""… or after so long."""
GATHER_S: Final = 0.005
"""So long what is recorded gathers after a stretch: a commit at a time takes the writer's processor away."""
LOOK_S: Final = 1.0
"""So often it is looked whether the book is the same, where nothing comes."""
OTHER_BOOK: Final = CutOff("position-unknown", "the book is not the one that was followed, or an older copy of it")
UNREADABLE: Final = CutOff("broken-history", "found an announcement that cannot be read; the service's log says which")


class FanOut:
    """The feed, for any number of listeners up to a bound."""

    def __init__(
        self,
        opened: Open,
        name: str,
        complain: Callable[[str], None],
        readers: Readers,
        listeners_max: int,
    ) -> None:
        """`opened` opens a ledger that stands under a name in what is said of it.

        `complain` is told why the feed stands still.
        """
        self._reader = _Reader(self, opened, name, complain)
        self._readers = readers
        self._listeners_max = listeners_max
        self._past = asyncio.Semaphore(1)
        self._listeners: set[Listener] = set()
        self._listeners_of: Counter[str] = Counter()
        """Of each caller."""
        self._attached: defaultdict[str | None, set[Listener]] = defaultdict(set)
        self._recent: deque[Announcement] = deque()
        self._since = 0
        self._taken: Event | None = None
        self._ending = False
        self.live = asyncio.Event()
        """Set while the feed is followed."""
        self.through: Cursor | None = None
        """How far the feed has come; None while it is not followed."""

    @contextmanager
    def listener(self, wanted: Wanted, at: Cursor, who: str = "") -> Iterator[Listener]:
        """A place among the listeners. Raises Problem: 503 where there is none, 429 where this caller has enough of them."""
        if self._ending:
            raise Problem(503, "stopping", "the service ends: come again", headers={"Retry-After": RETRY_AFTER_S})
        if len(self._listeners) >= self._listeners_max:
            raise Problem(
                503, "busy", f"found {len(self._listeners)} listeners, expected {self._listeners_max} at most: come again",
                headers={"Retry-After": RETRY_AFTER_S},
            )  # fmt: skip
        most = one_callers(self._listeners_max)
        if self._listeners_of[who] >= most:
            raise Problem(
                429, "too-many-requests", f"found {most} listeners of one caller, expected fewer: come again",
                headers={"Retry-After": RETRY_AFTER_S},
            )  # fmt: skip
        listener = Listener(wanted, at)
        self._listeners.add(listener)
        self._listeners_of[who] += 1
        self._reader.begin(asyncio.get_running_loop())
        try:
            yield listener
        finally:
            self._listeners.discard(listener)
            self._listeners_of[who] -= 1
            if not self._listeners_of[who]:
                del self._listeners_of[who]
            if (there := self._attached.get(wanted.membership)) is not None:
                there.discard(listener)
                if not there:
                    del self._attached[wanted.membership]
            self.moved()

    @property
    def listening(self) -> int:
        """How many listen now."""
        return len(self._listeners)

    async def end_of_book(self) -> Cursor:
        """The place at which the book ends."""
        return await self._readers.ask(_end)

    async def stretch(self, after: Cursor, wanted: Wanted, limit: int | None = None) -> Stretch:
        """What follows a place, from the book. Raises as `read_stretch`."""
        async with self._past:
            return await self._readers.ask(lambda ledger: read_stretch(ledger.store, after, wanted, limit))

    def attach(self, listener: Listener) -> bool:
        """Gives a listener what came since it was sent the last, and then what comes; False where that is too long ago."""
        if self.through is None or listener.at.position < self._since:
            return False
        self._attached[listener.wanted.membership].add(listener)
        listener.put([one for one in self._recent if listener.wanted.has(one.type, one.membership)])
        return True

    def place(self, listener: Listener) -> Cursor:
        """Up to where a listener has everything that it wants, while nothing waits to be sent to it."""
        if self.through is None or self.through.position < listener.at.position:
            return listener.at
        return self.through

    def moved(self) -> None:
        """Lets the next stretch come, where everybody has taken enough of the one before."""
        if self._taken is not None and all(len(one.queue) <= WAITING_LOW for one in self._listeners):
            self._taken.set()
            self._taken = None

    def end(self) -> None:
        """Ends all streams, and takes no more listeners."""
        self._ending = True
        for listener in self._listeners:
            listener.end(STOPPING)

    def close(self) -> None:
        """Ends the thread."""
        self._reader.close()

    def check(self) -> None:
        """Raises Cut where the service ends."""
        if self._ending:
            raise Cut(STOPPING)

    def followed(self, through: Cursor) -> None:
        """The feed is followed from here on."""
        self._recent.clear()
        self.through, self._since = through, through.position
        self.live.set()

    def lost(self, why: CutOff) -> None:
        """The feed is followed no longer, for a reason that ends who had joined; who comes from the past meets it there."""
        self._recent.clear()
        self.through = None
        self.live.clear()
        for listeners in self._attached.values():
            for listener in listeners:
                listener.end(why)

    def grown(self, stretch: Stretch, taken: Event) -> None:
        """The feed has grown; `taken` is set once there is room for more."""
        self._recent.extend(stretch.announcements)
        while len(self._recent) > RECENT_MAX:
            self._since = self._recent.popleft().cursor.position
        self.through = stretch.through
        of: defaultdict[str | None, list[Announcement]] = defaultdict(list)
        of[None] = stretch.announcements
        for one in stretch.announcements:
            of[one.membership].append(one)
        for membership in of.keys() & self._attached.keys():
            for listener in self._attached[membership]:
                listener.put(of[membership])
        self._taken = taken
        self.moved()
        if self._taken is not None:
            asyncio.get_running_loop().call_later(GRACE_S, taken.set)


def _end(ledger: Ledger) -> Cursor:
    end = ledger.store.max_position()
    found = cursor_at(ledger.store, end)
    if found is None:  # the book was taken back while it was read
        raise PositionUnknown.to_go_on_from(end, ledger.store.max_position())
    return found


class _Reader:
    """The thread that follows the book."""

    def __init__(self, feed: FanOut, opened: Open, name: str, complain: Callable[[str], None]) -> None:
        self._feed = feed
        self._open = opened
        self._name = name
        self._complain = complain
        self._stopping = Event()
        self._thread: Thread | None = None
        self._at: Cursor | None = None
        self._said = False

    def begin(self, loop: asyncio.AbstractEventLoop) -> None:
        """Follows the book from its end, if it does not yet."""
        if self._thread is None:
            self._thread = Thread(target=self._run, args=(loop,), name="http-changes", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Ends the thread."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        ledger: Ledger | None = None

        def tell(what: Callable[[], None]) -> None:
            with suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(what)

        while not self._stopping.is_set():
            try:
                ledger = ledger or self._open()
                with driver_errors(self._name):
                    self._follow(ledger, tell)
            except PositionUnknown as error:
                self._say(error)
                self._at = None
                tell(lambda: self._feed.lost(OTHER_BOOK))
            except BrokenHistory as error:  # it stands still there: nothing is passed over
                self._say(error)
                tell(lambda: self._feed.lost(UNREADABLE))
                self._stopping.wait(AGAIN_S)
            except Exception as error:  # who listens waits: nothing of it is lost
                self._say(error)
                _close(ledger)
                ledger = None
                self._stopping.wait(AGAIN_S)
        _close(ledger)

    def _say(self, error: Exception) -> None:
        if not self._said:
            self._complain(f"the feed of changes stands still: {error}")
        self._said = True

    def _follow(self, ledger: Ledger, tell: Callable[[Callable[[], None]], None]) -> None:
        """Follows the book until that is stopped, or fails."""
        store = ledger.store
        if self._at is None:
            self._at = _end(ledger)
        else:
            require_cursor(store, self._at)
        began = False
        idle_s = 0.0
        while not self._stopping.is_set():
            if began and not store.wait(self._at.position, IDLE_S):
                idle_s += IDLE_S
                if idle_s >= LOOK_S:
                    require_cursor(store, self._at)
                    idle_s = 0.0
                continue
            stretch = read_stretch(store, self._at, limit=STRETCH)
            if not began:
                tell(partial(self._feed.followed, self._at))
                began, self._said = True, False
            self._at = stretch.through
            self._hand_over(stretch, tell)

    def _hand_over(self, stretch: Stretch, tell: Callable[[Callable[[], None]], None]) -> None:
        taken = Event()
        tell(lambda: self._feed.grown(stretch, taken))
        while not taken.wait(IDLE_S) and not self._stopping.is_set():
            pass
        self._stopping.wait(GATHER_S)


def _close(ledger: Ledger | None) -> None:
    if ledger is not None:
        with suppress(LedgerError):
            ledger.close()
