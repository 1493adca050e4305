"""States at hand: the memberships and the rulebook as the writer last saw them.

All of it is a cache of streams. Who appends elsewhere, or fails, makes the writer drop it and read again.
"""

from __future__ import annotations

import zlib
from collections import OrderedDict
from collections.abc import Iterable
from typing import Final, NamedTuple

from ledger.clock import LastRecorded
from ledger.errors import BrokenHistory
from ledger.event import CLOCK_ACCEPTED, FIRST_PREV, PROGRAMME_STREAM, Event, decode_event, leaf_hash
from ledger.instants import parse_instant
from ledger.programmes.survey.editions import Edition, Rulebook
from ledger.programmes.survey.snapshot import dump_state, load_state
from ledger.programmes.survey.state import Membership
from ledger.store.base import Reader, Snapshot

SNAPSHOT_EVENTS_MIN: Final = 1_000
SNAPSHOT_GROWTH: Final = 8
"""A stream is snapshot anew when it has grown by an eighth, so that all its snapshots cost linear time together."""
IDLE_SHARE: Final = 4
"""Packed states may take so much less memory than those at hand."""


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


class _Idle(NamedTuple):
    """A state that was not asked for in a while, as compressed bytes, and what the bytes do not hold of it."""

    packed: bytes
    quiet_until_us: int | None


class StateCache:
    """States of memberships at hand, bounded by the memory that they take.

    Those that were not used for the longest are packed into bytes, about a twentieth of the memory, and come back when
    they are asked for; of the packed ones the oldest are given up, and read from the book again.
    """

    def __init__(self, bytes_max: int) -> None:
        """`bytes_max` is for states at hand; packed ones may take a quarter of it beside them."""
        self._bytes_max = bytes_max
        self._states: OrderedDict[str, Membership] = OrderedDict()
        self._sizes: dict[str, int] = {}
        self._bytes = 0
        self._idle: OrderedDict[str, _Idle] = OrderedDict()
        self._idle_bytes = 0
        self.snapshot_seq: dict[str, int] = {}
        self.due: dict[str, int] = {}

    def get(self, stream: str) -> Membership | None:
        """The state at hand of a stream."""
        state = self._states.get(stream)
        return self._unpack(stream) if state is None and stream in self._idle else state

    def put(self, stream: str, state: Membership) -> None:
        """Keeps a state at hand."""
        self._states[stream] = state
        self._states.move_to_end(stream)

    def weigh(self, stream: str) -> None:
        """Takes note of how much memory a state takes by now."""
        size = self._states[stream].size_bytes
        self._bytes += size - self._sizes.get(stream, 0)
        self._sizes[stream] = size
        self._states.move_to_end(stream)

    def shrink(self) -> None:
        """Packs and gives up states until the bounds are kept."""
        while self._bytes > self._bytes_max and len(self._states) > 1:
            self._pack(next(iter(self._states)))
        while self._idle_bytes > self._bytes_max // IDLE_SHARE:
            self.drop([next(iter(self._idle))])

    def drop(self, streams: Iterable[str]) -> None:
        """Gives up the states of some streams."""
        for stream in streams:
            if self._states.pop(stream, None) is not None:
                self._bytes -= self._sizes.pop(stream, 0)
            elif (idle := self._idle.pop(stream, None)) is not None:
                self._idle_bytes -= len(idle.packed)
            else:
                continue
            self.snapshot_seq.pop(stream, None)
            self.due.pop(stream, None)

    def clear(self) -> None:
        """Gives up everything."""
        self.drop([*self._states, *self._idle])

    def doubt_quiet(self) -> None:
        """The rulebook changed: when something happens next must be worked out anew."""
        for state in self._states.values():
            state.quiet_until_us = None
        for stream, idle in self._idle.items():
            self._idle[stream] = _Idle(idle.packed, None)

    def outgrown(self, stream: str) -> bool:
        """Whether the stream has grown so much since its snapshot that it deserves another."""
        since = self.snapshot_seq.get(stream, 0)
        return self._states[stream].seq - since >= max(SNAPSHOT_EVENTS_MIN, since // SNAPSHOT_GROWTH)

    def grown(self) -> list[Snapshot]:
        """Snapshots of all streams at hand that grew by more than is folded in an instant."""
        return [
            Snapshot(stream, state.seq, dump_state(state))
            for stream, state in self._states.items()
            if state.seq - self.snapshot_seq.get(stream, 0) >= SNAPSHOT_EVENTS_MIN
        ]

    def _pack(self, stream: str) -> None:
        state = self._states.pop(stream)
        self._bytes -= self._sizes.pop(stream, 0)
        idle = _Idle(zlib.compress(dump_state(state), 1), state.quiet_until_us)
        self._idle[stream] = idle
        self._idle_bytes += len(idle.packed)

    def _unpack(self, stream: str) -> Membership:
        idle = self._idle.pop(stream)
        self._idle_bytes -= len(idle.packed)
        state = load_state(zlib.decompress(idle.packed))
        if state is None:
            raise LookupError(f"the packed state of {stream} is of another format than this program writes")
        state.quiet_until_us = idle.quiet_until_us
        self.put(stream, state)
        self.weigh(stream)
        return state
