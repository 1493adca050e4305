"""The audit's first pass: the rows of the book, in feed order, beside the entries of the log."""

from __future__ import annotations

import marshal
from collections.abc import Callable, Iterator
from hashlib import sha256
from operator import itemgetter
from pathlib import Path
from typing import Any, Final

import orjson

from ledger.errors import SealError
from ledger.proof.errors import ProofError
from ledger.proof.event import FIRST_PREV, PROGRAMME, parse_event, parse_instant
from ledger.proof.heads import Head, HeadsTree, is_heads_entry
from ledger.proof.merkle import EMPTY_ROOT, leaf_hash
from ledger.proof.recheck import COUNT_FOR_NOTHING
from ledger.proof.replay import KNOWN_VERSION
from ledger.proof.tiles import ENTRIES, WIDTH, Tile, decode_entries
from ledger.seal.audit_streams import BLOCK_LENGTH_BYTES, MARSHAL_VERSION, Finding, Taken, finding_of
from ledger.seal.audit_tree import DerivedTree
from ledger.seal.folder import LogFolder
from ledger.seal.rows import plain
from ledger.store.base import Reader

Stored = tuple[int, str, int, str, bytes]
"""A row: position, stream, seq, type, stored bytes."""
KEYS: Final = ("actor", "data", "fact", "occurred_at", "prev", "recorded_at", "seq", "stream", "type", "v")
members = itemgetter(*KEYS)
PAGE: Final = 5_000
SPOOL_MIN: Final = 1_000
BEFORE_ALL: Final = -(2**62)
HEADS_BEGIN: Final = b'{"heads":'
_stream_of = itemgetter(1)
NO_HEAD: Final = (0, FIRST_PREV)


class LogAudit:
    """Goes through book and log once; `findings` holds every difference, `parts` the files of rows."""

    def __init__(self, book: Reader, folder: LogFolder, roots: dict[int, bytes], temporary: Path, parts: int) -> None:
        self.findings: list[Finding] = []
        self.parts = [temporary / str(number) for number in range(parts)]
        self.events = 0
        self.unsealed = 0
        self._book = book
        self._folder = folder
        self._roots = roots
        self._tree = DerivedTree(folder, self.findings)
        self._heads: dict[str, tuple[int, str]] = {}
        """Stream -> seq of its last event, and that event's leaf hash in hex."""
        self._heads_tree = HeadsTree()
        self._moved: set[str] = set()
        self._places: dict[str, list[Any]] = {}
        self._spools: list[list[Any]] = [[] for _ in self.parts]
        self._programme: list[Any] = []
        self._position = 0
        self._last_recorded = ("", 0)
        self._pages: Iterator[list[Stored]] = iter(())
        self._page: list[Stored] = []
        self._ahead = 0

    @property
    def streams(self) -> int:
        """How many streams the book has."""
        return len(self._heads)

    @property
    def programme(self) -> list[Taken]:
        """The events of the programme's stream."""
        return self._programme[1::2]

    def run(self, on_progress: Callable[[int], None]) -> None:
        """Both to their ends."""
        for path in self.parts:
            path.touch()
        self._pages = self._read_pages(on_progress)
        if 0 in self._roots:
            self._checkpoint(0, [])
        for tile, data in self._bundles(max(self._roots, default=0)):
            leaves = self._events_only(tile, data)
            if leaves is None:
                leaves = self._entry_by_entry(tile, data)
            self._tree.extend(leaves)
        self._tree.finish()
        while rows := self._next_rows(PAGE):
            self._take(rows)
            self.unsealed += len(rows)
        self._spill(1)
        on_progress(self.events)

    # The book

    def _read_pages(self, on_progress: Callable[[int], None]) -> Iterator[list[Any]]:
        after = BEFORE_ALL
        while rows := list(plain(self._book.read_feed(after, PAGE))):
            yield rows
            after = rows[-1][0]
            self.events += len(rows)
            self._spill(SPOOL_MIN)
            on_progress(self.events)

    def _next_rows(self, limit: int) -> list[Stored]:
        """At most so many rows after the last ones; `_ahead` of the rows at hand are taken already."""
        while len(self._page) - self._ahead < limit:
            page = next(self._pages, None)
            if page is None:
                break
            self._page, self._ahead = self._page[self._ahead :] + page, 0
        rows = self._page[self._ahead : self._ahead + limit]
        self._ahead += len(rows)
        return rows

    def _put_back(self, count: int) -> None:
        """The last rows are to come again."""
        self._ahead -= count

    def _take(self, rows: list[Stored]) -> list[bytes]:
        """Takes rows: form, chain, heads, and the files for the second pass; their leaf hashes."""
        heads, places, loads, dumps = self._heads, self._places, orjson.loads, orjson.dumps
        leaves: list[bytes] = []
        for row in rows:
            position, stream, seq, type_name, stored = row
            leaf = sha256(b"\0" + stored).digest()
            leaves.append(leaf)
            head_seq, head_hex = heads.get(stream, NO_HEAD)
            try:
                value = loads(stored)
                actor, data, fact, occurred_at, prev, recorded_at, own_seq, own_stream, own_type, version = members(
                    value
                )
                sound = (
                    own_seq == seq == head_seq + 1
                    and prev == head_hex
                    and own_stream == stream
                    and own_type == type_name
                    and version == KNOWN_VERSION
                    and type(own_seq) is type(version) is int
                    and type(data) is dict
                    and (actor is None or type(actor) is str)
                    and (fact is None or type(fact) is str)
                    and float not in map(type, data.values())
                    and len(value) == len(KEYS)
                    and dumps(value, option=orjson.OPT_SORT_KEYS) == stored
                )
                occurred_us, recorded_us = parse_instant(occurred_at, ""), self._recorded(recorded_at)
            except (ValueError, TypeError, KeyError, AttributeError):
                sound = False
            heads[stream] = (seq, leaf.hex())
            if not sound:
                taken = self._strictly(row, head_seq, head_hex)
            elif type_name in COUNT_FOR_NOTHING:
                taken = (position, seq, type_name, occurred_us)
            else:
                taken = (position, seq, type_name, occurred_us, recorded_us, version, fact, data)
            spool = places.get(stream)
            if spool is None:
                spool = self._place(stream)
            if taken is not None:
                spool += (stream, taken)
        self._moved.update(map(_stream_of, rows))
        return leaves

    def _strictly(self, row: Stored, head_seq: int, head_hex: str) -> Taken | None:
        """What is wrong with a row, and the event in it if it can be read at all."""
        position, stream, seq, type_name, stored = row
        where = f"position {position}: {stream}/{seq}"
        if seq != head_seq + 1:
            self._add(f"{where}: seq", seq, f"{head_seq + 1}, after the event before it")
        try:
            event = parse_event(bytes(stored), where)
        except ProofError as error:
            self.findings.append(finding_of(error, "tampered"))
            return None
        if event.prev != head_hex:
            self._add(f"{where}: prev", event.prev, head_hex)
        if (said := (event.stream, event.seq, event.type)) != (stream, seq, type_name):
            self._add(f"{where}: stream, seq and type of the event", said, (stream, seq, type_name))
        return position, seq, event.type, event.occurred_us, event.recorded_us, event.version, event.fact, event.data

    def _recorded(self, recorded_at: str) -> int:
        """The instant; all events of a transaction have the same."""
        if recorded_at != self._last_recorded[0]:
            self._last_recorded = (recorded_at, parse_instant(recorded_at, "recorded_at"))
        return self._last_recorded[1]

    def _place(self, stream: str) -> list[Any]:
        """Where the events of a stream gather: they stay together in one file."""
        if stream == PROGRAMME:
            return self._places.setdefault(stream, self._programme)
        return self._places.setdefault(stream, self._spools[len(self._places) % len(self._spools)])

    def _spill(self, least: int) -> None:
        for path, spool in zip(self.parts, self._spools, strict=True):
            if len(spool) >= least:
                block = marshal.dumps(spool, MARSHAL_VERSION)
                with path.open("ab") as file:
                    file.write(len(block).to_bytes(BLOCK_LENGTH_BYTES, "big") + block)
                spool.clear()

    # The log

    def _bundles(self, size: int) -> Iterator[tuple[Tile, bytes]]:
        """The entry bundles of the log; empty where there is none."""
        for n in range(-(-size // WIDTH)):
            tile = Tile(ENTRIES, n, min(WIDTH, size - n * WIDTH))
            try:
                yield tile, self._folder.read_tile(tile)
            except (SealError, OSError) as error:
                self._add(tile.path, str(error), "an entry bundle")
                yield tile, b""

    def _moved_heads(self) -> Iterator[Head]:
        for stream in self._moved:
            seq, leaf_hex = self._heads[stream]
            yield Head.of(stream, seq, bytes.fromhex(leaf_hex))

    def _events_only(self, tile: Tile, data: bytes) -> list[bytes] | None:
        """The leaves of a bundle that holds nothing but the next rows; None where it does not."""
        if HEADS_BEGIN in data:
            return None
        rows = self._next_rows(tile.width)
        dense = (
            len(rows) == tile.width and rows[0][0] == self._position + 1 and rows[-1][0] == self._position + tile.width
        )
        if not dense or not data.startswith(b"".join([len(row[4]).to_bytes(2, "big") + row[4] for row in rows])):
            self._put_back(len(rows))
            return None
        self._position += tile.width
        return self._take(rows)

    def _entry_by_entry(self, tile: Tile, data: bytes) -> list[bytes]:
        """The leaves of any bundle; what of it is not as the book has it is listed."""
        entries: list[bytes | None] = []
        try:
            entries += decode_entries(data)[: tile.width]
        except ProofError as error:
            self._add(tile.path, str(error), "an entry bundle")
        entries += [None] * (tile.width - len(entries))
        leaves: list[bytes] = []
        for entry in entries:
            index = self._tree.size + len(leaves)
            if entry is not None and is_heads_entry(entry):
                leaves.append(self._heads_leaf(entry, self._position, index))
            else:
                self._position += 1
                leaves.append(self._event_leaf(entry, index))
            if index + 1 in self._roots:
                self._checkpoint(index + 1, leaves)
        return leaves

    def _event_leaf(self, entry: bytes | None, index: int) -> bytes:
        """The leaf of the event at the next position, from the book."""
        sealed = "no such entry" if entry is None else leaf_hash(entry).hex()
        while rows := self._next_rows(1):
            position, stream, seq, _, stored = rows[0]
            if position > self._position:
                self._put_back(1)
                break
            (leaf,) = self._take(rows)
            if position < self._position:
                self._add(f"position {position}", f"an event with leaf hash {leaf.hex()}", "none, by the log")
                continue
            if stored != entry:
                self._add(
                    f"position {position}: {stream}/{seq}", f"leaf hash {leaf.hex()}",
                    f"{sealed}, in the log at index {index}",
                )  # fmt: skip
            return leaf
        self._add(f"position {self._position}", "no event", f"leaf hash {sealed}, as sealed")
        return EMPTY_ROOT if entry is None else leaf_hash(entry)

    def _heads_leaf(self, entry: bytes, events: int, index: int) -> bytes:
        """The leaf of a heads entry, from the streams as the book has them."""
        self._heads_tree.update(self._moved_heads())
        self._moved.clear()
        derived = self._heads_tree.entry(events).encoded
        if entry != derived:
            self._add(f"heads entry at log index {index}", _shown(entry), _shown(derived))
        return leaf_hash(derived)

    def _checkpoint(self, size: int, leaves: list[bytes]) -> None:
        root = self._tree.root(leaves)
        if root != self._roots[size]:
            self._add(f"root at size {size}, from the book", root.hex(), f"{self._roots[size].hex()}, as signed")

    def _add(self, what: str, found: Any, expected: Any) -> None:
        self.findings.append(Finding("tampered", what, str(found), str(expected)))


def _shown(entry: bytes) -> str:
    return entry.decode("utf-8", "backslashreplace")
