"""What the entries of a log say, taken in order: where streams end, what stands at which position, the map, times, ids.

Entries are taken once a signed root proves that they are the log's, so whatever is found here the log has signed: it stays
true, and is kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import Any, Final, NamedTuple

import orjson

from ledger.monitor.memory import Memory, StateDamaged
from ledger.monitor.streams import Streams
from ledger.proof.log.errors import ProofError
from ledger.proof.log.event import FIRST_PREV, SALT, format_instant, parse_event, salt_bytes
from ledger.proof.log.heads import HeadsEntry, is_heads_entry
from ledger.proof.log.map import SEQ_MAX, Head, blinded
from ledger.proof.log.map_tree import MapTree
from ledger.proof.programme import ProofProgrammes
from ledger.seal.audit_facts import KnownStreams
from ledger.seal.audit_spool import Leafed
from ledger.seal.edge import Edge
from ledger.seal.findings import Finding, finding_of

NO_END: Final = (0, b"", "")
_TEXT: Final = {str}
_OPTIONAL: Final = frozenset((str, type(None)))

_said = itemgetter("stream", "seq", "prev", "recorded_at", "salt", "fact", "type")
Said = tuple[str, int, str, str, str, str | None, str]


class Taken(NamedTuple):
    """Entries that are proven to be the log's."""

    first: int
    """The log index of the first of them."""
    entries: Sequence[bytes]
    leaves: Sequence[bytes]
    roots: dict[int, bytes]
    """The root at each size that ends in a heads entry."""


class LogEntries:
    """Everything that follows from the first `edge.size` entries; in memory where streams end, the rest on disk."""

    def __init__(self, programmes: ProofProgrammes, memory: Memory) -> None:
        """Goes on from what the memory has. Raises StateDamaged."""
        state = memory.state() or {}
        try:
            self.edge = Edge.decoded(state["size"], state["edge"]) if state else Edge()
            self.events: int = state.get("events", 0)
            self.through: int = state.get("through", 0)
            self.recorded: str = state.get("recorded", "")
            self.announcements: int = state.get("announcements", 0)
            self.decisions: int = state.get("decisions", 0)
            self.streams = Streams(programmes, memory, state.get("settled", {}), state.get("handovers", []))
        except (ValueError, TypeError, KeyError, AttributeError, ProofError) as error:
            raise StateDamaged(repr(error)) from error
        self.findings: list[Finding] = []
        self._memory = memory
        self._known = KnownStreams(programmes)
        self._announced = frozenset(programme.announced for programme in programmes)
        self._decisions = frozenset(programme.decision for programme in programmes)
        self._ends = {name: (seq, leaf, salt) for name, seq, leaf, salt in memory.streams()}
        self._map = MapTree({name: _head(*end) for name, end in self._ends.items()})
        self._moved: set[str] = set()
        """Streams that moved since the last heads entry."""
        self._unkept: set[str] = set()
        """Streams that moved since the memory was told."""
        self._rows: dict[str, list[Leafed]] = {}
        self._facts: list[tuple[str, int]] = []
        self._throughs: dict[int, int] = {}
        """The events below each size that ends in a heads entry, of those that are being taken."""

    @property
    def count_streams(self) -> int:
        """How many streams there are."""
        return len(self._ends)

    def take(self, taken: Taken) -> None:
        """The next entries. Nothing is kept before `keep`, and all that is kept is one transaction."""
        self._memory.begin()
        start, entries = 0, taken.entries
        for index in [*(i for i, entry in enumerate(entries) if is_heads_entry(entry)), len(entries)]:
            if start < index:
                self._take_events(entries[start:index], taken.leaves[start:index])
            if index < len(entries):
                self._take_heads(entries[index], taken.first + index)
            start = index + 1
        self._memory.keep_heads((size, root, self._throughs[size]) for size, root in taken.roots.items())
        self._throughs.clear()
        for position, first in self._memory.keep_facts(self._facts):
            self._add(f"position {position}: fact", f"the id of the fact at position {first}", "an id of its own")
        self._facts.clear()
        rows, self._rows = self._rows, {}
        self._unkept.update(rows)
        self.streams.take(rows)
        if self.streams.are_many:
            self.streams.put_away(self.recorded)

    def keep(self, more: Iterable[Finding], *, settle: bool) -> None:
        """All that was taken is on disk, and what else was found; with `settle`, what has to follow by now is judged."""
        self._memory.begin()
        edge = self.edge
        if settle:
            self.streams.settle(self.recorded)
        else:
            self.streams.put_away(self.recorded)
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

    def _take_events(self, entries: Sequence[bytes], leaves: Sequence[bytes]) -> None:
        ends, rows, moved = self._ends, self._rows, self._moved
        announced, known = self._announced, self._known
        position, last = self.events, self.recorded
        for entry, leaf, said in zip(entries, leaves, self._read(entries), strict=True):
            position += 1
            if said is None:
                continue
            stream, seq, prev, recorded, salt, fact, type_name = said
            end_seq, end_leaf, _ = ends.get(stream, NO_END)
            if seq != end_seq + 1 or prev != (end_leaf.hex() or FIRST_PREV):
                self._breaks(f"position {position}: {stream}/{seq}", said, end_seq, end_leaf)
                seq = min(max(seq, 0), SEQ_MAX)
            ends[stream] = (seq, leaf, salt)
            if recorded < last:
                self._add(f"position {position}: {stream}/{seq}: recorded_at", recorded, f"{last} or later", "refuted")
            else:
                last = recorded
            if fact is not None and type_name not in announced and known[stream]:
                self._facts.append((fact, position))
            row = (stream, seq, type_name, position, entry, leaf)
            moved.add(stream)
            if (of_stream := rows.get(stream)) is None:
                rows[stream] = [row]
            else:
                of_stream.append(row)
            if type_name in announced:
                self.announcements += 1
            elif type_name in self._decisions:
                self.decisions += 1
        self.events, self.recorded = position, last

    def _read(self, entries: Sequence[bytes]) -> Sequence[Said | None]:
        """What each event says of its place; None for what is none, which is among the findings.

        The rest of an event is read, and read strictly, with those of its stream.
        """
        try:
            said = list(map(_said, map(orjson.loads, entries)))
            streams, seqs, prevs, recorded, salts, facts, types = zip(*said, strict=True)
            if (
                set(map(type, streams + prevs + recorded + salts + types)) == _TEXT
                and set(map(type, seqs)) == {int}
                and max(seqs) <= SEQ_MAX
                and _OPTIONAL.issuperset(map(type, facts))
                and all(map(SALT.fullmatch, salts))
            ):
                return said
        except (ValueError, TypeError, KeyError):
            pass
        return [self._read_one(entry, position) for position, entry in enumerate(entries, self.events + 1)]

    def _read_one(self, entry: bytes, position: int) -> Said | None:
        try:
            event = parse_event(entry, f"position {position}")
            value: Any = orjson.loads(entry)
        except (ProofError, ValueError) as error:
            finding = finding_of(error, "tampered") if isinstance(error, ProofError) else None
            self.findings.append(finding or Finding("tampered", f"position {position}", repr(error), "an event"))
            return None
        recorded = format_instant(event.recorded_us)
        return event.stream, event.seq, event.prev, recorded, value["salt"], event.fact, event.type

    def _breaks(self, where: str, said: Said, end_seq: int, end_leaf: bytes) -> None:
        _, seq, prev, *_ = said
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
        self.through = self._throughs[index + 1] = self.events
        derived = HeadsEntry(self._map.root, len(self._map), self.events).encoded
        if entry != derived:
            self._add(where, entry.decode("utf-8", "backslashreplace"), derived.decode("ascii"))

    def _add(self, what: str, found: str, expected: str, verdict: str = "tampered") -> None:
        self.findings.append(Finding(verdict, what, found, expected))


def _head(seq: int, leaf: bytes, salt: str) -> Head:
    return Head(blinded(salt_bytes(salt)), seq, leaf)
