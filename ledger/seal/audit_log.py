"""The audit's first pass: the rows of the book, in feed order, beside the entries of the log."""

from __future__ import annotations

import operator
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from itertools import pairwise
from typing import Any, Final

from ledger.errors import LogDamaged
from ledger.proof.log.errors import ProofError
from ledger.proof.log.event import salt_of
from ledger.proof.log.heads import HeadsEntry, is_heads_entry
from ledger.proof.log.map import SEQ_MAX, Head, blinded
from ledger.proof.log.map_tree import MapTree
from ledger.proof.log.merkle import EMPTY_ROOT, leaf_hash
from ledger.proof.log.tiles import ENTRIES, WIDTH, Tile, decode_entries, encode_entries
from ledger.seal.audit_facts import Facts
from ledger.seal.audit_spool import Spool
from ledger.seal.audit_tree import DerivedTree
from ledger.seal.findings import Finding
from ledger.seal.log_reader import LogReader
from ledger.seal.rows import plain_columns
from ledger.store.base import Columns, Reader, as_columns

PAGE: Final = 2 * WIDTH  # small enough to stay in the processor's cache
INSTANT_BYTES: Final = len("0000-00-00T00:00:00.000000Z")
_RECORDED: Final = b',"recorded_at":"'
MISSING_MAX: Final = 100_000
"""So many events that the book lacks are listed one by one."""


class LogAudit:
    """Goes through book and log once; `findings` holds every difference, and the spool the rows."""

    def __init__(self, book: Reader, log: LogReader, roots: dict[int, bytes], spool: Spool, facts: Facts) -> None:
        self.findings: list[Finding] = []
        self.events = 0
        self.unsealed = 0
        self._book = book
        self._log = log
        self._roots = roots
        self._sizes = sorted(roots)
        self._tree = DerivedTree(log, self.findings)
        self._spool = spool
        self._facts = facts
        self._recorded = b""
        """The latest recorded_at so far."""
        self._heads: dict[str, tuple[int, bytes]] = {}
        """Stream -> seq of its last event, and that event's leaf hash."""
        self._moved: dict[str, bytes] = {}
        """Stream -> stored bytes of its last event, of those that moved since the last heads entry."""
        self._map = MapTree()
        self._covered: set[int] = set()
        """Sizes of the log that end in a heads entry: a checkpoint was signed for each."""
        self._position = 0
        self._pages: Iterator[Columns] = iter(())
        self._page = as_columns([])
        self._ahead = 0

    @property
    def streams(self) -> int:
        """How many streams the book has."""
        return len(self._heads)

    def run(self, on_progress: Callable[[int], None]) -> None:
        """Both to their ends."""
        self._drop_endless(self._book.count_events())
        self._pages = self._read_pages(on_progress)
        if 0 in self._roots:
            self._checkpoint(0, [])
        for tile, data in self._bundles(max(self._roots, default=0)):
            self._tree.extend(self._leaves(tile, data))
        self._tree.finish()
        if missing := sorted(self._covered - self._roots.keys()):
            self._add("history of checkpoints", f"none of size {missing[0]}, and {len(missing)} lack in all", "every one",
                      "incomplete")  # fmt: skip
        while (rows := self._next_rows(WIDTH)).positions:
            self._take(rows)
            self.unsealed += len(rows.positions)
        on_progress(self.events)

    def _drop_endless(self, events: int) -> None:
        """A checkpoint far beyond what the events can make is not walked up to: between heads entries stand events."""
        bound = 2 * (events + MISSING_MAX)
        for size in [size for size in self._sizes if size > bound]:
            self._add(f"checkpoint of size {size}", f"{events} events in the book", "half as many as its size, or more")
            del self._roots[size]
        self._sizes = sorted(self._roots)

    # The book

    def _read_pages(self, on_progress: Callable[[int], None]) -> Iterator[Columns]:
        after: int | None = None
        while positions := (page := self._book.read_columns(after, PAGE)).positions:
            yield page
            after = positions[-1]
            self.events += len(positions)
            on_progress(self.events)

    def _next_rows(self, limit: int) -> Columns:
        """At most so many rows after the last ones; `_ahead` of the rows at hand are taken already."""
        while len(self._page.positions) - self._ahead < limit:
            page = next(self._pages, None)
            if page is None:
                break
            left = (column[self._ahead :] for column in self._page)
            self._page, self._ahead = Columns._make(map(operator.add, left, page)), 0
        rows = Columns._make(column[self._ahead : self._ahead + limit] for column in self._page)
        self._ahead += len(rows.positions)
        return rows

    def _put_back(self, count: int) -> None:
        """The last rows are to come again."""
        self._ahead -= count

    def _take(self, rows: Columns) -> list[bytes]:
        """The leaf hashes of the next rows, which go to the spool."""
        positions, names, seqs, types, stored = plain_columns(rows)
        leaves = [sha256(b"\0" + entry).digest() for entry in stored]
        self._heads.update(zip(names, zip(seqs, leaves, strict=True), strict=True))
        self._moved.update(zip(names, stored, strict=True))
        self._facts.take(positions, names, types, stored)
        self._check_recorded(positions, names, seqs, stored)
        self._spool.put(names, zip(names, seqs, types, positions, stored, leaves, strict=True))
        return leaves

    def _check_recorded(
        self, positions: Sequence[int], names: Sequence[str], seqs: Sequence[int], stored: Sequence[bytes]
    ) -> None:
        """Nothing is recorded before what stands before it: what was known at an instant stays as it was.

        The member is found as `audit_facts` finds another one; canonical instants stand in the order of time.
        """
        last = self._recorded
        starts = [entry.rfind(_RECORDED) for entry in stored]
        said = [
            entry[start + len(_RECORDED) :][:INSTANT_BYTES] if start >= 0 else last
            for entry, start in zip(stored, starts, strict=True)
        ]
        if said == sorted(said) and said[0] >= last:
            self._recorded = said[-1]
            return
        for position, name, seq, instant in zip(positions, names, seqs, said, strict=True):
            if instant < last:
                self._add(f"position {position}: {name}/{seq}: recorded_at", _shown(instant), f"{_shown(last)} or later",
                          "refuted")  # fmt: skip
            last = max(last, instant)
        self._recorded = last

    # The log

    def _bundles(self, size: int) -> Iterator[tuple[Tile, bytes]]:
        """The entry bundles of the log; empty where there is none."""
        for n in range(-(-size // WIDTH)):
            tile = Tile(ENTRIES, n, min(WIDTH, size - n * WIDTH))
            try:
                yield tile, self._log.read_tile(tile)
            except (LogDamaged, OSError) as error:
                self._add(tile.path, str(error), "an entry bundle")
                yield tile, b""

    def _leaves(self, tile: Tile, data: bytes) -> list[bytes]:
        """The leaves of a bundle, from the book; what of it is not as the book has it is listed."""
        first = self._tree.size
        inside = slice(*(bisect_right(self._sizes, size) for size in (first, first + tile.width)))
        signed = [size - first for size in self._sizes[inside]]
        if not signed and (rows := self._rows_of(tile.width, data)):
            return self._take(rows)
        entries = self._entries(tile, data)
        heads = [i for i, entry in enumerate(entries) if entry and is_heads_entry(entry)]
        leaves: list[bytes] = []
        for start, end in pairwise(sorted({0, tile.width, *heads, *(i + 1 for i in heads), *signed})):
            entry = entries[start]
            if entry is not None and is_heads_entry(entry):
                leaves.append(self._heads_leaf(entry, first + start))
            else:
                leaves += self._event_leaves(entries[start:end], first + start)
            if first + end in self._roots:
                if entry is None or not is_heads_entry(entry):
                    self._add(f"log entry {first + end - 1}", "no heads entry", "one, under a checkpoint")
                self._checkpoint(first + end, leaves)
        return leaves

    def _entries(self, tile: Tile, data: bytes) -> list[bytes | None]:
        """The entries of a bundle, and None for each that cannot be read."""
        entries: list[bytes | None] = []
        try:
            entries += decode_entries(data)[: tile.width]
        except ProofError as error:
            self._add(tile.path, str(error), "an entry bundle")
        return entries + [None] * (tile.width - len(entries))

    def _event_leaves(self, entries: list[bytes | None], index: int) -> list[bytes]:
        """The leaves of the events at the next positions: all at once where they are the entries, else one by one."""
        known = [entry for entry in entries if entry is not None]
        if len(known) == len(entries) and (rows := self._rows_of(len(known), encode_entries(known))):
            return self._take(rows)
        return [self._event_leaf(entry, at) for at, entry in enumerate(entries, index)]

    def _rows_of(self, count: int, encoded: bytes) -> Columns | None:
        """The rows at the next so many positions, if they are what the log holds in this bundle or part of one."""
        rows = self._next_rows(count)
        begin, end = self._position + 1, self._position + count
        positions = rows.positions
        if len(positions) == count and (positions[0], positions[-1]) == (begin, end):
            try:
                held = encode_entries(rows.stored)
            except (ProofError, TypeError):  # rows that no bundle can hold
                held = b""
            if held == encoded:
                self._position = end
                return rows
        self._put_back(len(positions))
        return None

    def _event_leaf(self, entry: bytes | None, index: int) -> bytes:
        """The leaf of the event at the next position, from the book."""
        self._position += 1
        sealed = "no such entry" if entry is None else leaf_hash(entry).hex()
        while (rows := self._next_rows(1)).positions:
            ((position, stream, seq, _, stored),) = zip(*rows, strict=True)
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

    def _heads_leaf(self, entry: bytes, index: int) -> bytes:
        """The leaf of a heads entry, from the streams as the book has them."""
        if not self._moved:
            self._add(
                f"heads entry at log index {index}", "no event before it", "one or more since the last heads entry"
            )
        self._map.update((stream, self._head(stream, stored)) for stream, stored in self._moved.items())
        self._moved.clear()
        self._covered.add(index + 1)
        derived = HeadsEntry(self._map.root, len(self._map), self._position).encoded
        if entry != derived:
            self._add(f"heads entry at log index {index}", _shown(entry), _shown(derived))
        return leaf_hash(derived)

    def _head(self, stream: str, stored: bytes) -> Head:
        """Where a stream ends, by its last row; what has no salt, or a seq that no event has, is found beside its chain."""
        seq, leaf = self._heads[stream]
        try:
            salt = salt_of(stored)
        except ProofError:
            salt = b""
        return Head(blinded(salt), min(max(seq, 0), SEQ_MAX), leaf)

    def _checkpoint(self, size: int, leaves: list[bytes]) -> None:
        root = self._tree.root(leaves)
        if root != self._roots[size]:
            self._add(f"root at size {size}, from the book", root.hex(), f"{self._roots[size].hex()}, as signed")

    def _add(self, what: str, found: Any, expected: Any, verdict: str = "tampered") -> None:
        self.findings.append(Finding(verdict, what, str(found), str(expected)))


def _shown(entry: bytes) -> str:
    return entry.decode("utf-8", "backslashreplace")
