"""States at hand: the memberships and the rulebook as the writer last saw them.

All of it is a cache of streams. Who appends elsewhere, or fails, makes the writer drop it and read again.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

from ledger.clock import LastRecorded
from ledger.errors import BrokenHistory
from ledger.events import CLOCK_ACCEPTED, FIRST_PREV, PROGRAMME_STREAM, Event, decode_event, leaf_hash
from ledger.instants import parse_instant
from ledger.membership import Membership
from ledger.rulebook import Edition, Rulebook
from ledger.snapshots import dump_state
from ledger.store.base import Reader, Snapshot

SNAPSHOT_EVENTS_MIN: Final = 1_000
SNAPSHOT_GROWTH: Final = 8
"""A stream is snapshot anew when it has grown by an eighth, so that all its snapshots cost linear time together."""


class Programme:
    """The programme's stream: the editions published so far, in order, and what was last accepted of the clock."""

    def __init__(self) -> None:
        self.seq = 0
        self.head = FIRST_PREV
        self.rulebook = Rulebook(())
        self.clock_accepted: LastRecorded | None = None

    def load(self, book: Reader) -> None:
        """Reads the whole stream; it has as many events as there are editions.

        Raises BrokenHistory where an event of it cannot be read: without the editions nothing can be decided.
        """
        self.seq, self.head, self.rulebook = 0, FIRST_PREV, Rulebook(())
        for row in book.read_stream(PROGRAMME_STREAM):
            try:
                self.apply(decode_event(row.stored, row.position), leaf_hash(row.stored))
            except Exception as error:
                raise BrokenHistory(
                    f"the programme's editions cannot be read from position {row.position} on, and without them nothing "
                    f"can be decided: {error}; a program that knows this event, or the mended bytes, go on"
                ) from error

    def apply(self, event: Event, stored_hash: str) -> None:
        """One more event of the stream."""
        if event.type == "RulebookPublished":
            self.rulebook.publish(Edition.from_data(event.data))
        elif event.type == CLOCK_ACCEPTED:
            self.clock_accepted = LastRecorded(event.position, parse_instant(event.data["last_recorded_at"]))
        self.seq, self.head = event.seq, stored_hash


class StateCache:
    """States of memberships at hand, the least recently used given up first; bounded by what they hold."""

    def __init__(self, weight_max: int) -> None:
        self._weight_max = weight_max
        self._states: OrderedDict[str, Membership] = OrderedDict()
        self._weights: dict[str, int] = {}
        self._weight = 0
        self.snapshot_seq: dict[str, int] = {}
        self.due: dict[str, int] = {}

    def get(self, stream: str) -> Membership | None:
        """The state at hand of a stream."""
        return self._states.get(stream)

    def put(self, stream: str, state: Membership) -> None:
        """Keeps a state at hand."""
        self._states[stream] = state
        self._states.move_to_end(stream)

    def weigh(self, stream: str) -> None:
        """Takes note of how much a state holds by now."""
        weight = self._states[stream].weight
        self._weight += weight - self._weights.get(stream, 0)
        self._weights[stream] = weight
        self._states.move_to_end(stream)

    def shrink(self) -> None:
        """Gives up states until the bound is kept."""
        while self._weight > self._weight_max and len(self._states) > 1:
            self.drop([next(iter(self._states))])

    def drop(self, streams: Iterable[str]) -> None:
        """Gives up the states of some streams."""
        for stream in streams:
            if self._states.pop(stream, None) is not None:
                self._weight -= self._weights.pop(stream, 0)
                self.snapshot_seq.pop(stream, None)
                self.due.pop(stream, None)

    def clear(self) -> None:
        """Gives up everything."""
        self.drop(list(self._states))

    def doubt_quiet(self) -> None:
        """The rulebook changed: when something happens next must be worked out anew."""
        for state in self._states.values():
            state.quiet_until_us = None

    def outgrown(self, stream: str) -> bool:
        """Whether the stream has grown so much since its snapshot that it deserves another."""
        since = self.snapshot_seq.get(stream, 0)
        return self._states[stream].seq - since >= max(SNAPSHOT_EVENTS_MIN, since // SNAPSHOT_GROWTH)

    def grown(self) -> list[Snapshot]:
        """Snapshots of all streams that grew by more than is folded in an instant."""
        return [
            Snapshot(stream, state.seq, dump_state(state))
            for stream, state in self._states.items()
            if state.seq - self.snapshot_seq.get(stream, 0) >= SNAPSHOT_EVENTS_MIN
        ]
