"""What the entries of a log say, taken in order: where streams end, what stands at which position, the map, times, ids.

Entries are taken once a signed root proves that they are the log's, so whatever is found here the log has signed: it stays
true, and is kept. The audit of a book takes through the same judge what is not sealed yet.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Final, NamedTuple, Protocol

from ledger.monitor.damage import StateDamaged
from ledger.monitor.edge import Edge
from ledger.monitor.kept_streams import KeptStreams
from ledger.monitor.memory import Memory
from ledger.monitor.places import Places, read_places
from ledger.monitor.streams import StreamTaker
from ledger.proof.log.errors import ProofError
from ledger.proof.log.event import FIRST_PREV, LOG, salt_bytes
from ledger.proof.log.heads import HeadsEntry
from ledger.proof.log.map import Head, blinded
from ledger.proof.log.map_tree import MapTree
from ledger.proof.programme import ProofProgrammes, programme_of
from ledger.seal.findings import Finding

NO_END: Final = (0, b"", "")


class Taken(NamedTuple):
    """Entries that are proven to be the log's."""

    first: int
    """The log index of the first of them."""
    entries: Sequence[bytes]
    leaves: Sequence[bytes]
    roots: dict[int, bytes]
    """The root at each size that ends in a heads entry, in order."""


class Beside(Protocol):
    """Something that has the events of a log, too."""

    def compare(self, first: int, events: Sequence[bytes], leaves: Sequence[bytes], places: Places) -> None:
        """The next events of the log, the first of them at a position, with what can be read of them."""


class LogEntries:
    """Everything that follows from the first `edge.size` entries; in memory where streams end, the rest on disk."""

    def __init__(
        self,
        programmes: ProofProgrammes,
        memory: Memory,
        streams: StreamTaker | None = None,
        beside: Beside | None = None,
    ) -> None:
        """Goes on from what the memory has. Raises StateDamaged.

        Streams are judged and kept here, unless they are given to another taker.
        """
        state = memory.state() or {}
        try:
            self.edge = Edge.decoded(state["size"], state["edge"]) if state else Edge()
            self.events: int = state.get("events", 0)
            self.through: int = state.get("through", 0)
            self.recorded: str = state.get("recorded", "")
            self.announcements: int = state.get("announcements", 0)
            self.decisions: int = state.get("decisions", 0)
            self.streams: StreamTaker = streams or KeptStreams(
                programmes, memory, state.get("settled", {}), state.get("handovers", [])
            )
        except (ValueError, TypeError, KeyError, AttributeError, ProofError) as error:
            raise StateDamaged(repr(error)) from error
        self.findings: list[Finding] = []
        self._memory = memory
        self._beside = beside
        self._known = KnownStreams(programmes)
        self._announced = frozenset(programme.announced for programme in programmes)
        self._decisions = frozenset(programme.decision for programme in programmes)
        self._ends = {name: (seq, leaf, salt) for name, seq, leaf, salt in memory.streams()}
        self._map = MapTree({name: _head(*end) for name, end in self._ends.items()})
        self._moved: set[str] = set()
        """Streams that moved since the last heads entry."""
        self._unkept: set[str] = set()
        """Streams that moved since the memory was told."""

    @property
    def count_streams(self) -> int:
        """How many streams there are."""
        return len(self._ends)

    def take(self, taken: Taken) -> None:
        """The next entries. Nothing is kept before `keep`, and all that is kept is one transaction."""
        self._memory.begin()
        heads = [size - 1 - taken.first for size in taken.roots]
        first = self.events + 1
        events, leaves = _without(taken.entries, heads), _without(taken.leaves, heads)
        places = read_places(first, events, leaves, self.findings)
        if self._beside is not None and events:
            self._beside.compare(first, events, leaves, places)
        throughs = [first + index - number - 1 for number, index in enumerate(heads)]
        for index, through in zip(heads, throughs, strict=True):
            self._move(places, through)
            self._take_heads(taken.entries[index], taken.first + index)
        self._move(places, first + len(events) - 1)
        self._memory.checkpoints.keep_heads(
            (size, root, through) for (size, root), through in zip(taken.roots.items(), throughs, strict=True)
        )
        self._take_events(places)

    def take_unsealed(self, first: int, events: Sequence[bytes], leaves: Sequence[bytes]) -> Places:
        """Events at the next positions, as far as is known, that no entry of the log is proven to be yet; what they say."""
        self._memory.begin()
        self.events = first - 1
        places = read_places(first, events, leaves, self.findings)
        self._move(places, first + len(events) - 1)
        self._take_events(places)
        return places

    def keep(self, more: Iterable[Finding], *, settle: bool, pause: bool = False) -> None:
        """All that was taken is on disk, and what else was found.

        With `settle` what has to follow by now is judged; with `pause` nothing more may come for long.
        """
        self._memory.begin()
        edge = self.edge
        if settle:
            self.streams.settle(self.recorded)
        else:
            self.streams.put_away(self.recorded)
        if settle or pause:
            self._add_twice(self._memory.facts.keep_few())
        else:
            self._memory.facts.keep_waiting()
        self._memory.keep_streams((name, *self._ends[name]) for name in self._unkept)
        self._unkept.clear()
        self._memory.keep_findings([*self.findings, *self.streams.findings, *more])
        self.findings.clear()
        self.streams.findings.clear()
        self._memory.keep_state(
            {
                "size": edge.size, "edge": edge.encoded(), "events": self.events, "through": self.through,
                "recorded": self.recorded, "announcements": self.announcements, "decisions": self.decisions,
                "settled": self.streams.settled, "handovers": self.streams.handovers,
            }
        )  # fmt: skip
        self._memory.commit()
        if settle or pause:
            self._settle_facts()

    def _settle_facts(self) -> None:
        self._memory.begin()
        for twice in self._memory.facts.settle():
            self._add_twice(twice)
            self._memory.keep_findings(self.findings)
            self.findings.clear()
            self._memory.commit()
            self._memory.begin()
        self._memory.commit()

    def _add_twice(self, twice: Iterable[tuple[int, int]]) -> None:
        for position, first in twice:
            self._add(f"position {position}: fact", f"the id of the fact at position {first}", "an id of its own")

    def _move(self, places: Places, through: int) -> None:
        """Streams end where the events up to a position lead to, of those after the position so far; each extends its own."""
        start, end = (bisect_right(places.positions, position) for position in (self.events, through))
        ends, moved = self._ends, self._moved
        for position, stream, seq, prev, leaf, salt in islice(
            zip(places.positions, places.streams, places.seqs, places.prevs, places.leaves, places.salts, strict=True),
            start,
            end,
        ):
            end_seq, end_leaf, _ = ends.get(stream, NO_END)
            if seq != end_seq + 1 or prev != (end_leaf.hex() or FIRST_PREV):
                self._breaks(f"position {position}: {stream}/{seq}", (seq, prev), end_seq, end_leaf)
            ends[stream] = (seq, leaf, salt)
            moved.add(stream)
        self.events = through

    def _breaks(self, where: str, said: tuple[int, str], end_seq: int, end_leaf: bytes) -> None:
        seq, prev = said
        if seq != end_seq + 1:
            self._add(f"{where}: seq", str(seq), f"{end_seq + 1}, after the event before it")
        if prev != (expected := end_leaf.hex() or FIRST_PREV):
            self._add(f"{where}: prev", prev, expected)

    def _take_heads(self, entry: bytes, index: int) -> None:
        """A heads entry is the one that follows from all events before it, and follows at least one."""
        where = f"heads entry at log index {index}"
        if self.events == self.through:
            self._add(where, "no event before it", "one or more since the last heads entry")
        self._map.update((stream, _head(*self._ends[stream])) for stream in self._moved)
        self._moved.clear()
        self.through = self.events
        derived = HeadsEntry(self._map.root, len(self._map), self.events).encoded
        if entry != derived:
            self._add(where, entry.decode("utf-8", "backslashreplace"), derived.decode("ascii"))

    def _take_events(self, places: Places) -> None:
        self._require_later(places)
        announced, known = self._announced, self._known
        self._memory.facts.add(
            [
                (fact, position)
                for fact, position, type_name, stream in zip(
                    places.facts, places.positions, places.types, places.streams, strict=True
                )
                if fact is not None and type_name not in announced and known[stream]
            ]
        )
        counts = Counter(places.types)
        self.announcements += sum(counts[name] for name in announced)
        self.decisions += sum(counts[name] for name in self._decisions)
        self._unkept.update(places.streams)
        rows = zip(
            places.streams, places.seqs, places.types, places.positions, places.events, places.leaves, strict=True
        )
        self.streams.take(rows, self.recorded)

    def _require_later(self, places: Places) -> None:
        """Nothing is recorded before what stands before it: what was known at an instant stays as it was."""
        last, said = self.recorded, places.recorded
        if not said:
            return
        if said[0] >= last and list(said) == sorted(said):
            self.recorded = said[-1]
            return
        for position, stream, seq, recorded in zip(places.positions, places.streams, places.seqs, said, strict=True):
            if recorded < last:
                self._add(f"position {position}: {stream}/{seq}: recorded_at", recorded, f"{last} or later", "refuted")
            last = max(last, recorded)
        self.recorded = last

    def _add(self, what: str, found: str, expected: str, verdict: str = "tampered") -> None:
        self.findings.append(Finding(verdict, what, found, expected))


class KnownStreams(dict[str, bool]):
    """Stream -> whether it is the log's own or a programme's: of another one nobody knows what is announced in it."""

    def __init__(self, programmes: ProofProgrammes) -> None:
        super().__init__({LOG: True})
        self._programmes = programmes

    def __missing__(self, stream: str) -> bool:
        return self.setdefault(stream, programme_of(self._programmes, stream) is not None)


def _without(values: Sequence[bytes], places: Sequence[int]) -> Sequence[bytes]:
    """The values that are not at these places, which ascend."""
    if not places:
        return values
    left: list[bytes] = []
    start = 0
    for place in places:
        left += values[start:place]
        start = place + 1
    return [*left, *values[start:]]


def _head(seq: int, leaf: bytes, salt: str) -> Head:
    return Head(blinded(salt_bytes(salt)), seq, leaf)
