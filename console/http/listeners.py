"""Who listens to the feed, and what waits to be sent to each: a bounded queue, or a reason why there will be no more.

Everything here belongs to the event loop.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from console.http.announcements import Announcement
from ledger.store.cursor import Cursor
from projections.questions.changes import Wanted

QUEUE_MAX: Final = 2_000
"""Who has more announcements waiting is too slow: two stretches of both types (`console.http.fan_out`)."""
CHUNK_BYTES: Final = 16_384
"""So much is sent at once, about; others get their turn in between."""
ENDING_S: Final = 1.0
"""So long a send may take that is under way when the stream has to end."""

Reason = Literal[
    "slow", "token-expired", "stopping", "renew", "position-unknown", "broken-history", "store-unreachable", "fault"
]


@dataclass(frozen=True, slots=True)
class CutOff:
    """Why a stream ends here; whoever goes on hands in the last `id` that came."""

    reason: Reason
    """`slow`: taken too slowly; `token-expired`: come with another token; `stopping`: the service ends, come again;
    `renew`: it has lasted long enough, come again; `position-unknown`: the book is another one, or an older copy;
    `broken-history`: an announcement cannot be read; `store-unreachable`, `fault`: the service cannot go on now."""
    sentence: str
    """The same in words."""


class Cut(Exception):
    """Ends a stream."""

    def __init__(self, why: CutOff) -> None:
        super().__init__(f"{why.reason}: {why.sentence}")
        self.why = why


SLOW: Final = CutOff("slow", "found what was announced taken too slowly: go on from the last id")

STOPPING: Final = CutOff("stopping", "the service ends: come again, and go on from the last id")


class Listener:
    """One who listens: what they want, how far they were given, and what waits to be sent."""

    def __init__(self, wanted: Wanted, at: Cursor) -> None:
        self.wanted = wanted
        self.at = at
        """Up to here everything was sent."""
        self.wake = asyncio.Event()
        """Set where something waits, or the stream has to end."""
        self.cut: CutOff | None = None
        self.deadline: asyncio.Timeout | None = None
        """Of the send that is under way."""
        self.queue: deque[Announcement] = deque()

    def put(self, some: Iterable[Announcement]) -> None:
        """Takes what was announced; for who is too slow this is the end."""
        if self.cut is not None:
            return
        after, types = self.at.position, self.wanted.types
        self.queue.extend(one for one in some if one.cursor.position > after and one.type in types)
        if len(self.queue) > QUEUE_MAX:
            self.end(SLOW)
        elif self.queue:
            self.wake.set()

    def take(self) -> list[Announcement]:
        """What is to be sent next, about CHUNK_BYTES. Raises Cut where nothing is sent any more."""
        if self.cut is not None:
            raise Cut(self.cut)
        found, size = [], 0
        while self.queue and size < CHUNK_BYTES:
            found.append(self.queue.popleft())
            size += len(found[-1].event)
        if not self.queue:
            self.wake.clear()
        return found

    def end(self, why: CutOff) -> None:
        """No more is sent, for a reason; a send that is under way has to be done soon."""
        self.cut = self.cut or why
        self.queue.clear()
        self.wake.set()
        if self.deadline is not None and not self.deadline.expired():
            soon = asyncio.get_running_loop().time() + ENDING_S
            self.deadline.reschedule(min(soon, self.deadline.when() or soon))
