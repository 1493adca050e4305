"""States at hand: the subjects as the writer last saw them, and how long each stays quiet.

All of it is a cache of streams. Who appends elsewhere, or fails, makes the writer drop it and read again.
"""

from __future__ import annotations

import zlib
from collections import OrderedDict
from collections.abc import Container, Iterable
from typing import Final

from ledger.programmes.programme import Programme, Programmes, State
from ledger.store.base import Snapshot

SNAPSHOT_EVENTS_MIN: Final = 1_000
SNAPSHOT_GROWTH: Final = 8
"""A stream is snapshot anew when it has grown by an eighth, so that all its snapshots cost linear time together."""
IDLE_SHARE: Final = 4
"""Packed states may take so much less memory than those at hand."""


class StateCache:
    """States of subjects at hand, bounded by the memory that they take.

    Those that were not used for the longest are packed into bytes, about a twentieth of the memory, and come back when
    they are asked for; of the packed ones the oldest are given up, and read from the book again.
    """

    def __init__(self, programmes: Programmes, bytes_max: int) -> None:
        """`bytes_max` is for states at hand; packed ones may take a quarter of it beside them."""
        self._programmes = programmes
        self._bytes_max = bytes_max
        self._states: OrderedDict[str, State] = OrderedDict()
        self._sizes: dict[str, int] = {}
        self._bytes = 0
        self._idle: OrderedDict[str, bytes] = OrderedDict()
        self._idle_bytes = 0
        self.snapshot_seq: dict[str, int] = {}
        self.from_snapshot: set[str] = set()
        """Streams whose states were not folded from the first event on."""
        self.due: dict[str, int] = {}
        self.quiet: dict[str, int | None] = {}
        """Before this instant nothing known can flip a subject's status; None where it must be worked out anew."""

    def get(self, stream: str) -> State | None:
        """The state at hand of a stream."""
        state = self._states.get(stream)
        return self._unpack(stream) if state is None and stream in self._idle else state

    def put(self, stream: str, state: State) -> None:
        """Keeps a state at hand."""
        self._states[stream] = state
        self._states.move_to_end(stream)

    def weigh(self, stream: str) -> None:
        """Takes note of how much memory a state takes by now."""
        size = self._states[stream].size_bytes
        self._bytes += size - self._sizes.get(stream, 0)
        self._sizes[stream] = size
        self._states.move_to_end(stream)

    def shrink(self, in_use: Container[str] = ()) -> None:
        """Packs and gives up states until the bounds are kept, but for those that a transaction goes on with."""
        sizes = ((stream, self._sizes.get(stream, 0)) for stream in self._states)
        for stream in _to_free(self._bytes - self._bytes_max, sizes, in_use)[: len(self._states) - 1]:
            self._pack(stream)
        idle = ((stream, len(packed)) for stream, packed in self._idle.items())
        self.drop(_to_free(self._idle_bytes - self._bytes_max // IDLE_SHARE, idle, in_use))

    def drop(self, streams: Iterable[str]) -> None:
        """Gives up the states of some streams."""
        for stream in streams:
            if self._states.pop(stream, None) is not None:
                self._bytes -= self._sizes.pop(stream, 0)
            elif (idle := self._idle.pop(stream, None)) is not None:
                self._idle_bytes -= len(idle)
            else:
                continue
            self.snapshot_seq.pop(stream, None)
            self.from_snapshot.discard(stream)
            self.due.pop(stream, None)
            self.quiet.pop(stream, None)

    def clear(self) -> None:
        """Gives up everything."""
        self.drop([*self._states, *self._idle])

    def doubt_quiet(self) -> None:
        """Editions changed: when something happens next must be worked out anew."""
        self.quiet.clear()

    def outgrown(self, stream: str) -> bool:
        """Whether the stream has grown so much since its snapshot that it deserves another."""
        since = self.snapshot_seq.get(stream, 0)
        return self._states[stream].seq - since >= max(SNAPSHOT_EVENTS_MIN, since // SNAPSHOT_GROWTH)

    def grown(self) -> list[Snapshot]:
        """Snapshots of all streams at hand that grew by more than is folded in an instant."""
        return [
            Snapshot(stream, state.seq, self._programme(stream).dump(state))
            for stream, state in self._states.items()
            if state.seq - self.snapshot_seq.get(stream, 0) >= SNAPSHOT_EVENTS_MIN
        ]

    def _pack(self, stream: str) -> None:
        state = self._states.pop(stream)
        self._bytes -= self._sizes.pop(stream, 0)
        self._idle[stream] = idle = zlib.compress(self._programme(stream).dump(state), 1)
        self._idle_bytes += len(idle)

    def _unpack(self, stream: str) -> State:
        idle = self._idle.pop(stream)
        self._idle_bytes -= len(idle)
        state: State | None = self._programme(stream).load(zlib.decompress(idle))
        if state is None:
            raise LookupError(f"the packed state of {stream} is of another format than this program writes")
        self.put(stream, state)
        self.weigh(stream)
        return state

    def _programme(self, stream: str) -> Programme:
        programme = self._programmes.of(stream)
        if programme is None:
            raise LookupError(f"found no programme of the stream {stream}")
        return programme


def _to_free(bytes_over: int, sizes: Iterable[tuple[str, int]], in_use: Container[str]) -> list[str]:
    """The first streams that take so many bytes together; none beyond them is looked at."""
    found: list[str] = []
    for stream, size in sizes if bytes_over > 0 else ():
        if stream not in in_use:
            found.append(stream)
            bytes_over -= size
        if bytes_over <= 0:
            break
    return found
