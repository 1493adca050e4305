"""The editions at hand: of every programme's streams of editions, as the writer last saw them, and what the log's stream says.

All of it is a cache of streams, read again when somebody else has appended to them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from ledger.clock import LastRecorded
from ledger.errors import BrokenHistory
from ledger.event import FIRST_PREV, Event, leaf_hash
from ledger.instants import parse_instant
from ledger.log_events import CLOCK_ACCEPTED, LOG_STREAM
from ledger.programmes.programme import Programme, Programmes
from ledger.store.base import Reader, Row

PAGE: Final = 1_000


@dataclass(slots=True)
class Editions:
    """The editions of one stream: what the programme makes of them, and where the stream ends."""

    programme: Programme
    stream: str
    rules: Any
    seq: int = 0
    head: str = FIRST_PREV

    def apply(self, event: Event, stored_hash: str) -> None:
        """One more edition."""
        self.programme.add_edition(self.rules, event)
        self.seq, self.head = event.seq, stored_hash


class LogStream:
    """The log's own stream: where it ends, and what was last accepted of the clock.

    It has two events for each person that was erased, so it is not read as a whole: what was accepted is looked for when it
    is asked for, which is where the clock is behind the book.
    """

    def __init__(self) -> None:
        self.seq = 0
        self.head = FIRST_PREV
        self.looked = False
        """Whether it is known what was accepted."""
        self.clock_accepted: LastRecorded | None = None

    def apply(self, event: Event, stored_hash: str) -> None:
        """One more event of the stream."""
        if event.type == CLOCK_ACCEPTED:
            self.clock_accepted = LastRecorded(event.position, parse_instant(event.data["last_recorded_at"]))
            self.looked = True
        self.seq, self.head = event.seq, stored_hash


class EditionCache:
    """The streams that are no subject's. Each is read when it is first asked for, and kept until it is dropped."""

    def __init__(self, programmes: Programmes) -> None:
        self._programmes = programmes
        self._editions: dict[str, Editions] = {}
        self._log: LogStream | None = None

    def drop(self, streams: Iterable[str] | None = None) -> list[str]:
        """Forgets some of the streams, all unless they are named; returns the streams of editions that were dropped."""
        if streams is None:
            dropped = list(self._editions)
            self._editions, self._log = {}, None
            return dropped
        dropped = [stream for stream in streams if self._editions.pop(stream, None) is not None]
        if LOG_STREAM in streams:
            self._log = None
        return dropped

    def get(self, book: Reader, programme: Programme, stream: str) -> Editions:
        """The editions of a stream.

        Raises BrokenHistory where an event of it cannot be read: without the editions nothing can be decided.
        """
        found = self._editions.get(stream)
        if found is None:
            found = Editions(programme, stream, programme.new_rules())
            self._read(book.read_stream(stream), stream, found)
            self._editions[stream] = found
        return found

    def log(self, book: Reader) -> LogStream:
        """The log's own stream. Raises BrokenHistory where its last event cannot be read."""
        if self._log is None:
            log = LogStream()
            if last := book.last_seq(LOG_STREAM):
                self._read(book.read_stream(LOG_STREAM, last - 1), LOG_STREAM, log)
            self._log = log
        return self._log

    def clock_accepted(self, book: Reader) -> LastRecorded | None:
        """What was last accepted of the clock. Raises BrokenHistory where such an event cannot be read."""
        log, after = self.log(book), 0
        if not log.looked:
            while page := book.read_type(CLOCK_ACCEPTED, after, PAGE, LOG_STREAM):
                after = page[-1].position
                try:
                    last = self._programmes.decode(page[-1].stored, after)
                    log.clock_accepted = LastRecorded(after, parse_instant(last.data["last_recorded_at"]))
                except Exception as error:
                    raise _unreadable(LOG_STREAM, after, error) from error
            log.looked = True
        return log.clock_accepted

    def _read(self, rows: Iterable[Row], stream: str, into: Editions | LogStream) -> None:
        for row in rows:
            try:
                into.apply(self._programmes.decode(row.stored, row.position), leaf_hash(row.stored))
            except Exception as error:
                raise _unreadable(stream, row.position, error) from error


def _unreadable(stream: str, position: int, error: Exception) -> BrokenHistory:
    return BrokenHistory(
        f"the stream {stream} cannot be read from position {position} on, and without it nothing can be decided: {error}; a "
        "program that knows this event, or the mended bytes, go on"
    )
