"""What is announced, over server-sent events: each once and in order, from a cursor on, over as many connections as it takes.

A cursor says where an announcement stands in the book, and that it is this one: its position, `-`, and the beginning of its
leaf hash. Who keeps it with what it made of the announcement goes on without gap or repeat, and hears (PositionUnknown) where
the book is another one, or an older copy that was restored.

The service sends a heartbeat, a comment without an id, while nothing is announced. A connection on which nothing at all comes
for `silence_max_s` is dead, whatever the network says, and is made anew. Now and then it says how far the feed has come where
nothing else is wanted (`position`), and it says why where it ends a stream (`cut-off`).
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Final, Literal, NamedTuple

import httpx

from csat_ledger_client.answers.changes import CutOff, DesignationChange, EligibilityChange
from csat_ledger_client.errors import BadAnswer, BadRequest, HistoryChanged, NotNow, PositionUnknown, ServiceUnreachable
from csat_ledger_client.http.asking import read_one
from csat_ledger_client.http.connection import AGAIN, Connection, said_of
from csat_ledger_client.http.event_stream import EventReader, ServerEvent
from csat_ledger_client.pauses import Pauses

AnyChange = EligibilityChange | DesignationChange
AnyType = Literal["EligibilityChanged", "DesignationChanged"]
KINDS: Final[Mapping[str, Callable[..., AnyChange]]] = {
    "EligibilityChanged": EligibilityChange,
    "DesignationChanged": DesignationChange,
}
"""The announcement of each type of event."""
SILENCE_MAX_S: Final = 45.0
RETRY_MAX_S: Final = 60.0
CURSOR: Final = re.compile(r"([1-9]\d{0,17})-([0-9a-f]{16})")

logger = logging.getLogger("csat_ledger.changes")


class Ended(Exception):
    """The service has ended the stream, with a reason or without one."""


class Change(NamedTuple):
    """An announcement, and where to go on once it is dealt with."""

    announcement: AnyChange
    cursor: str


class Feed:
    """One reader of what is announced."""

    def __init__(
        self,
        connection: Connection,
        pauses: Pauses,
        wanted: Mapping[str, str | None],
        silence_max_s: float,
        give_up_after_s: float | None,
        on_position: Callable[[str], None] | None = None,
    ) -> None:
        """`wanted` are the parameters that say which announcements; see `Ledger.changes` for the others."""
        self._connection = connection
        self._pauses = pauses
        self._wanted = wanted
        self._silence_max_s = silence_max_s
        self._give_up_after_s = give_up_after_s
        self._on_position = on_position
        self._after: str | None = None
        self._last: tuple[int, str] | None = None
        """Position and cursor of the last announcement that was given."""
        self._retry_s = 0.0

    def follow(self, after: str | int | None) -> Iterator[Change]:
        """What is announced after a cursor; 0: from the beginning, None: from now on. Raises BadRequest."""
        if after is not None:
            self._after = str(after)
            if found := CURSOR.fullmatch(self._after):
                self._last = (int(found[1]), self._after)
            elif self._after != "0":
                raise BadRequest(f"found {self._after[:80]!r} to go on after, expected the cursor of a change, or 0")
        return self._changes()

    def _changes(self) -> Iterator[Change]:
        failures, lost_at = 0, time.monotonic()
        while True:
            waits: NotNow | None = None
            try:
                for change in self._connected():
                    if failures:
                        logger.info(
                            "following changes again after %d failures",
                            failures,
                            extra={"fields": {"failures": failures}},
                        )
                        failures = 0
                    if change is not None:
                        yield change
                    lost_at = time.monotonic()
                error: Exception = Ended("the service has ended the stream")
            except NotNow as problem:
                if problem.status not in AGAIN:
                    raise
                error = waits = problem
            except (httpx.TransportError, Ended) as lost:
                error = lost
            failures += 1
            pause_s = max(self._pauses.after(failures), self._retry_s, (waits and waits.retry_after_s) or 0.0)
            limit_s = self._give_up_after_s
            if limit_s is not None and time.monotonic() + pause_s - lost_at > limit_s:
                raise ServiceUnreachable(
                    f"found nothing of what changes in {failures} attempts within {limit_s:g} s: {said_of(error)}"
                ) from error
            fields = {"error": said_of(error), "failures": failures, "retry_in_s": round(pause_s, 3)}
            # In whole words: where nobody has set up logging, Python prints the message alone.
            logger.warning(
                "lost the feed of changes (%s), going on in %.1f s after %s", said_of(error), pause_s,
                self._after or "now" if self._last is None else self._last[1], extra={"fields": fields},
            )  # fmt: skip
            time.sleep(pause_s)

    def _connected(self) -> Iterator[Change | None]:
        """What one connection brings; None where it has brought something else, which shows that it lives."""
        headers = {"Accept": "text/event-stream", "Accept-Encoding": "identity", "Cache-Control": "no-store"}
        query = dict(self._wanted)
        if self._last is None:
            query["after"] = self._after
        else:
            headers["Last-Event-ID"] = self._last[1]
        with self._connection.opened("GET", "/v1/changes", headers, self._silence_max_s, query=query) as response:
            media = response.headers.get("content-type", "").partition(";")[0].strip().lower()
            if media != "text/event-stream":
                raise BadAnswer(f"found an answer of type {media[:80]!r}, expected text/event-stream")
            reader = EventReader("" if self._last is None else self._last[1])
            for data in response.iter_bytes():
                for event in reader.take(data):
                    if (change := self._change(event)) is not None:
                        yield change
                if reader.retry_ms is not None:
                    self._retry_s = min(reader.retry_ms / 1_000, RETRY_MAX_S)
                yield None

    def _change(self, event: ServerEvent) -> Change | None:
        """The announcement of an event; None where it is none that this client knows, or was given already.

        Raises Ended where the service says why the stream ends, PositionUnknown where it is that the book is another one.
        """
        if event.name == "cut-off":
            why = read_one(CutOff, event.data.encode())
            if why.reason == PositionUnknown.code:
                raise PositionUnknown(409, why.reason, why.sentence)
            raise Ended(f"{why.reason}: {why.sentence}")
        kind = KINDS.get(event.name)
        announcement = None if kind is None else read_one(kind, event.data.encode())
        if announcement is None and event.name != "position":
            return None
        found = CURSOR.fullmatch(event.id)
        if found is None or (announcement is not None and int(found[1]) != announcement.position):
            raise BadAnswer(f"found the id {event.id[:80]!r} of {event.data[:80]!r}, expected its cursor")
        if not self._moves_to(int(found[1]), event.id):
            return None
        if announcement is None:
            if self._on_position is not None:
                self._on_position(event.id)
            return None
        return Change(announcement, event.id)

    def _moves_to(self, position: int, cursor: str) -> bool:
        """Notes how far the feed has come; whether that is further than before. Raises HistoryChanged."""
        if self._last is not None and position <= self._last[0]:
            if position == self._last[0] and cursor != self._last[1]:
                raise HistoryChanged(
                    f"found {cursor} in the feed, expected {self._last[1]}, which was given there before"
                )
            return False
        self._last = (position, cursor)
        return True
