"""The ids of all facts of a log, on disk, so that none comes in twice and no id is kept in memory.

    facts         the first 16 bytes of SHA-256 of each fact's id, and its position
    facts_waiting the same of facts that came in bulk, by the first byte of the hash: 24 bytes each, position last

In a tree of many ids the next one belongs anywhere, which costs a page each. So in bulk they wait, and go into the tree at the
end of a round in the order of the tree.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from typing import Final

TABLES: Final = """
CREATE TABLE IF NOT EXISTS facts (id BLOB PRIMARY KEY, position INTEGER) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS facts_waiting (first INTEGER, piece INTEGER, records BLOB, PRIMARY KEY (first, piece));
"""
NAMES: Final = ("facts", "facts_waiting")
ID_BYTES: Final = 16
RECORD_BYTES: Final = ID_BYTES + 8
FEW: Final = 10_000
"""So many facts go into the tree with what else is kept of a round; more wait for a transaction of their own."""
AT_ONCE: Final = 16
"""The facts of so many first bytes go into the tree in one transaction."""
_FIRST_BYTES: Final = 256

Twice = tuple[int, int]
"""The position of a fact, and that of an earlier one with the same id."""


class FactMemory:
    """The two tables, and what was not put into either yet."""

    def __init__(self, db: sqlite3.Connection, *, once: bool = False) -> None:
        """With `once` there is one round, and no tree."""
        self._db = db
        self._once = once
        self._new: list[bytearray] = []
        self.forget_new()

    @property
    def are_waiting(self) -> bool:
        """Whether some are not in the tree, and so were not held against the others."""
        return any(self._new) or self._next_piece() > 0

    def add(self, facts: Iterable[tuple[str, int]]) -> None:
        """Ids with their positions, which ascend."""
        new = self._new
        for fact, position in facts:
            digest = sha256(fact.encode("utf-8")).digest()
            new[digest[0]] += digest[:ID_BYTES] + position.to_bytes(8, "big")

    def forget_new(self) -> None:
        """What was added since it was kept is not taken after all."""
        self._new = [bytearray() for _ in range(_FIRST_BYTES)]

    def keep_few(self) -> list[Twice]:
        """Puts what was added into the tree, if it is little and nothing waits; else lets it wait. What came twice."""
        count = sum(map(len, self._new)) // RECORD_BYTES
        if self._once or count > FEW or self._next_piece():
            self.keep_waiting()
            return []
        found = self._insert(_records(b"".join(self._new)))
        self.forget_new()
        return found

    def keep_waiting(self) -> None:
        """Lets what was added wait."""
        piece = self._next_piece()
        rows = [(first, piece, bytes(records)) for first, records in enumerate(self._new) if records]
        self._db.executemany("INSERT INTO facts_waiting VALUES (?, ?, ?)", rows)
        self.forget_new()

    def settle(self) -> Iterator[list[Twice]]:
        """Puts what waits into the tree, a part in each step; what of it came twice."""
        while (row := self._db.execute("SELECT min(first) FROM facts_waiting").fetchone())[0] is not None:
            found: list[Twice] = []
            for first in range(row[0], row[0] + AT_ONCE):
                pieces = self._db.execute("SELECT records FROM facts_waiting WHERE first = ?", (first,)).fetchall()
                records = _records(b"".join(piece for (piece,) in pieces))
                found += _twice(records) if self._once else self._insert(records)
            self._db.execute("DELETE FROM facts_waiting WHERE first < ?", (row[0] + AT_ONCE,))
            yield found

    def _next_piece(self) -> int:
        piece: int = self._db.execute("SELECT coalesce(max(piece) + 1, 0) FROM facts_waiting").fetchone()[0]
        return piece

    def _insert(self, records: Sequence[bytes]) -> list[Twice]:
        """Records in their order; those whose id is there before stay out."""
        rows = [(record[:ID_BYTES], int.from_bytes(record[ID_BYTES:], "big")) for record in records]
        before = self._db.total_changes
        self._db.executemany("INSERT OR IGNORE INTO facts VALUES (?, ?)", rows)
        if self._db.total_changes - before == len(rows):
            return []
        self._db.execute("CREATE TEMP TABLE again (id BLOB, position INTEGER)")
        self._db.executemany("INSERT INTO again VALUES (?, ?)", rows)
        twice: list[Twice] = self._db.execute(
            "SELECT again.position, facts.position FROM again JOIN facts USING (id) "
            "WHERE again.position <> facts.position ORDER BY 1"
        ).fetchall()
        self._db.execute("DROP TABLE again")
        return twice


def _records(joined: bytes) -> list[bytes]:
    return sorted(joined[start : start + RECORD_BYTES] for start in range(0, len(joined), RECORD_BYTES))


def _twice(records: Sequence[bytes]) -> Iterator[Twice]:
    """What came twice among records in their order."""
    last, first = b"", 0
    for record in records:
        fact, position = record[:ID_BYTES], record[ID_BYTES:]
        if fact == last:
            yield int.from_bytes(position, "big"), first
        else:
            last, first = fact, int.from_bytes(position, "big")
