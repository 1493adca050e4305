"""The rows of the book, in feed order: the form of each event, the chain of each stream, and the leaf hashes.

Rows are read in runs, a column at a time: what holds for a whole run is asked once. A run in which anything is not as
it should be is read again row by row, and what then is not as it should be by the verifier's own strict reading.
"""

from __future__ import annotations

import marshal
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import chain
from operator import itemgetter
from pathlib import Path
from typing import Any, Final

import orjson

from ledger.proof.errors import ProofError
from ledger.proof.event import FIRST_PREV, PROGRAMME, parse_event, parse_instant
from ledger.proof.heads import Head
from ledger.proof.recheck import COUNT_FOR_NOTHING
from ledger.proof.replay import KNOWN_VERSION
from ledger.proof.tiles import ENTRY_MAX_BYTES
from ledger.seal.audit_streams import BLOCK_LENGTH_BYTES, MARSHAL_VERSION, Finding, Taken, finding_of
from ledger.seal.rows import plain
from ledger.store.base import Row

KEYS: Final = ("actor", "data", "fact", "occurred_at", "prev", "recorded_at", "seq", "stream", "type", "v")
SPOOL_BYTES: Final = 1 << 18
NESTING_MAX: Final = 8
CANONICAL: Final = orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER
OPTIONAL_TEXT: Final = frozenset((str, type(None)))
NESTED: Final = frozenset((dict, list))
INSTANT_SHAPE: Final = b"0000-00-00T00:00:00.000000Z"
NO_HOUR: Final = "T24"  # some versions of the standard library let it pass
DIGITS_TO_ZERO: Final = bytes.maketrans(b"0123456789", b"0" * 10)
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND: Final = timedelta(microseconds=1)

_members = itemgetter(*KEYS)


class _Stream:
    """A stream as far as it was read: its last event, and where its events gather for the second pass."""

    __slots__ = ("leaf", "seq", "spool")

    def __init__(self, spool: list[Taken]) -> None:
        self.seq = 0
        self.leaf = FIRST_PREV
        self.spool = spool


class RowsAudit:
    """Takes the rows; puts the streams into the files `parts`, each as a whole into one."""

    def __init__(self, parts: Sequence[Path], findings: list[Finding]) -> None:
        self._parts = parts
        self._findings = findings
        self._streams: dict[str, _Stream] = {}
        self._moved: set[str] = set()
        self._spools: list[list[Taken]] = [[] for _ in parts]
        self._buffers = [bytearray() for _ in parts]
        self._programme: list[Taken] = []
        for path in parts:
            path.touch()

    @property
    def streams(self) -> int:
        """How many streams the book has."""
        return len(self._streams)

    @property
    def programme(self) -> list[Taken]:
        """The events of the programme's stream."""
        return self._programme

    def moved_heads(self) -> list[Head]:
        """The heads of the streams that went on since they were last asked for."""
        moved = [(name, self._streams[name]) for name in self._moved]
        self._moved.clear()
        return [Head.of(name, stream.seq, bytes.fromhex(stream.leaf)) for name, stream in moved]

    def take(self, rows: Sequence[Row]) -> list[bytes]:
        """The leaf hashes of the next rows."""
        prevs: Sequence[str | None]
        events: Sequence[Taken | None]
        columns = tuple(zip(*rows, strict=True))
        try:
            prevs, events = _sound(*columns)
        except (ValueError, TypeError, KeyError, AttributeError):
            if len(rows) > 1:
                return [leaf for row in rows for leaf in self.take((row,))]
            rows = plain(rows)
            columns = tuple(zip(*rows, strict=True))
            prevs, events = self._strictly(rows[0])
        positions, names, seqs, _, stored = columns
        leaves = [sha256(b"\0" + entry).digest() for entry in stored]
        streams = self._streams
        for position, name, seq, prev, leaf, event in zip(
            positions, names, seqs, prevs, map(bytes.hex, leaves), events, strict=True
        ):
            stream = streams.get(name) or self._open(name)
            if prev != stream.leaf or seq != stream.seq + 1:
                self._broken(f"position {position}: {name}/{seq}", stream, seq, prev)
            stream.seq = seq
            stream.leaf = leaf
            if event is not None:
                stream.spool.append(event)
        self._moved.update(names)
        self._gather()
        return leaves

    def spill(self, least: int = SPOOL_BYTES) -> None:
        """Writes to the files what has gathered for them, where that is so much or more."""
        for path, buffer in zip(self._parts, self._buffers, strict=True):
            if len(buffer) >= least:
                with path.open("ab") as file:
                    file.write(buffer)
                buffer.clear()

    def _gather(self) -> None:
        for spool, buffer in zip(self._spools, self._buffers, strict=True):
            if spool:
                block = marshal.dumps(spool, MARSHAL_VERSION)
                buffer.extend(len(block).to_bytes(BLOCK_LENGTH_BYTES, "big") + block)
                spool.clear()

    def _open(self, name: str) -> _Stream:
        spool = self._programme if name == PROGRAMME else self._spools[len(self._streams) % len(self._spools)]
        return self._streams.setdefault(name, _Stream(spool))

    def _broken(self, where: str, stream: _Stream, seq: int, prev: str | None) -> None:
        if seq != stream.seq + 1:
            expected = f"{stream.seq + 1}, after the event before it"
            self._findings.append(Finding("tampered", f"{where}: seq", str(seq), expected))
        if prev is not None and prev != stream.leaf:
            self._findings.append(Finding("tampered", f"{where}: prev", prev, stream.leaf))

    def _strictly(self, row: Row) -> tuple[Sequence[str | None], Sequence[Taken | None]]:
        """A row as the verifier reads it, what is wrong with it among the findings."""
        position, name, seq, type_name, stored = row
        where = f"position {position}: {name}/{seq}"
        try:
            event = parse_event(stored, where)
        except ProofError as error:
            self._findings.append(finding_of(error, "tampered"))
            return [None], [None]
        if (said := (event.stream, event.seq, event.type)) != (name, seq, type_name):
            what = f"{where}: stream, seq and type of the event"
            self._findings.append(Finding("tampered", what, str(said), str((name, seq, type_name))))
        return [event.prev], [(position, *event._replace(stream=name, seq=seq))]


def _sound(
    positions: tuple[int, ...],
    names: tuple[str, ...],
    seqs: tuple[int, ...],
    types: tuple[str, ...],
    stored: tuple[bytes, ...],
) -> tuple[Sequence[str], Sequence[Taken]]:
    """What each event says of the one before it, and the events as `Taken`; raises where the run is not sound.

    ValueError, TypeError, KeyError or AttributeError: one of the rows is not what its columns say in canonical form.
    """
    values = list(map(orjson.loads, stored))
    members = zip(*map(_members, values), strict=True)
    actors, data, facts, occurred, prevs, recorded, own_seqs, own_names, own_types, versions = members
    sound = (
        own_names == names
        and own_types == types
        and own_seqs == seqs
        and versions == (KNOWN_VERSION,) * len(versions)
        and set(map(type, own_seqs + seqs + versions)) == {int}
        and set(map(type, prevs)) == {str}
        and OPTIONAL_TEXT.issuperset(map(type, actors + facts))
        and set(map(len, values)) == {len(KEYS)}
        and max(map(len, stored)) <= ENTRY_MAX_BYTES
        and _plain(chain.from_iterable(map(dict.values, data)))
        and orjson.dumps(values, option=CANONICAL) == b"[" + b",".join(stored) + b"]"
    )
    if not sound:
        raise ValueError(stored)
    transactions = {text: parse_instant(text, "recorded_at") for text in set(recorded)}
    events: list[Taken] = list(zip(positions, names, seqs, types, _instants(occurred), strict=True))
    for index, type_name in enumerate(types):
        if type_name not in COUNT_FOR_NOTHING:
            position, name, seq, _, occurred_us = events[index]
            recorded_us = transactions[recorded[index]]
            counted = name, seq, type_name, KNOWN_VERSION, occurred_us, recorded_us, None, "", data[index], b""
            events[index] = (position, *counted)
    return prevs, events


def _plain(values: Iterable[Any]) -> bool:
    """Whether the verifier would read the values: no floats, and not nested deeply."""
    for _ in range(NESTING_MAX):
        level = list(values)
        kinds = set(map(type, level))
        if float in kinds:
            return False
        if kinds.isdisjoint(NESTED):
            return True
        nested = (value for value in level if type(value) in NESTED)
        values = chain.from_iterable(value.values() if isinstance(value, dict) else value for value in nested)
    return False


def _instants(texts: tuple[str, ...]) -> list[int]:
    """The instants in microseconds; ValueError or TypeError where one is not in the stored form.

    As `parse_instant`, which asks each text by itself for its form.
    """
    together = "".join(texts)
    shape = together.encode("ascii").translate(DIGITS_TO_ZERO)
    if shape != INSTANT_SHAPE * len(texts) or set(map(len, texts)) != {len(INSTANT_SHAPE)} or NO_HOUR in together:
        raise ValueError(texts)
    return [(datetime.fromisoformat(text) - EPOCH) // MICROSECOND for text in texts]
