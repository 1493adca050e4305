"""The checkpoints that a monitor has seen, and the sizes of the log that its entries lead to, on disk.

heads         the sizes that end in a heads entry, and the root there
sealed        the same sizes, and how many events are below
history       the last line of the history of checkpoints up to which all is sound, by a policy
checkpoints   every signed checkpoint that was seen
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple

from ledger.monitor.damage import StateDamaged
from ledger.proof.log.checkpoint import parse_checkpoint
from ledger.proof.log.errors import ProofError
from ledger.proof.log.map import SEQ_MAX
from ledger.proof.log.note import parse_note
from ledger.seal.log_reader import HistoryLine

TABLES: Final = """
CREATE TABLE IF NOT EXISTS heads (size INTEGER PRIMARY KEY, root BLOB);
CREATE TABLE IF NOT EXISTS sealed (through INTEGER, size INTEGER, PRIMARY KEY (through, size)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS history (policy BLOB, first INTEGER, last INTEGER, note BLOB);
CREATE TABLE IF NOT EXISTS checkpoints (
    size INTEGER, root BLOB, note BLOB, published INTEGER, PRIMARY KEY (size, root)) WITHOUT ROWID;
"""
DERIVED: Final = ("heads", "sealed", "history")
"""What is derived anew; a checkpoint that was seen is evidence."""


class Seen(NamedTuple):
    """A signed checkpoint that was seen."""

    size: int
    root: bytes
    note: bytes


class CheckpointMemory:
    """The four tables."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def keep_heads(self, rows: Iterable[tuple[int, bytes, int]]) -> None:
        """Sizes that end in a heads entry, their roots, and the number of events below."""
        for size, root, through in rows:
            self._db.execute("INSERT OR REPLACE INTO heads VALUES (?, ?)", (size, root))
            self._db.execute("INSERT OR REPLACE INTO sealed VALUES (?, ?)", (through, size))

    def sealed_from(self, position: int) -> tuple[int, int] | None:
        """The first size that ends in a heads entry and has the event at a position below, and how many it has."""
        found: tuple[int, int] | None = self._db.execute(
            "SELECT size, through FROM sealed WHERE through >= ? ORDER BY through, size LIMIT 1", (position,)
        ).fetchone()
        return found

    def root_at(self, size: int) -> bytes | None:
        """The root at a size that ends in a heads entry; None at another."""
        row = self._db.execute("SELECT root FROM heads WHERE size = ?", (min(size, SEQ_MAX),)).fetchone()
        return None if row is None else row[0]

    def sound_history(self, policy: bytes) -> HistoryLine | None:
        """The last line of the history up to which nothing was wrong, by the policy of this digest."""
        row = self._db.execute("SELECT first, last, note FROM history WHERE policy = ?", (policy,)).fetchone()
        return None if row is None else HistoryLine(*row)

    def keep_sound_history(self, policy: bytes, line: HistoryLine | None) -> None:
        """Takes its place."""
        self._db.execute("DELETE FROM history")
        self._db.executemany("INSERT INTO history VALUES (?, ?, ?, ?)", [] if line is None else [(policy, *line)])

    def see(self, checkpoint: Seen, *, published: bool) -> None:
        """A checkpoint was seen."""
        self._db.execute(
            "INSERT INTO checkpoints VALUES (?, ?, ?, ?) "
            "ON CONFLICT DO UPDATE SET published = max(published, excluded.published)",
            (*checkpoint, int(published)),
        )

    def seen_at(self, size: int) -> list[Seen]:
        """The checkpoints of a size; more than one where the log is forked."""
        rows = self._db.execute("SELECT size, root, note FROM checkpoints WHERE size = ?", (size,))
        return [as_written(row) for row in rows]

    def last_up_to(self, size: int) -> Seen | None:
        """The last checkpoint up to a size that is what the entries lead to."""
        return self._seen("JOIN heads h USING (size) WHERE h.root = c.root AND c.size <= ? ORDER BY c.size DESC", size)

    def first_from(self, size: int) -> Seen | None:
        """The first checkpoint from a size on that is what the entries lead to."""
        return self._seen("JOIN heads h USING (size) WHERE h.root = c.root AND c.size >= ? ORDER BY c.size", size)

    def _seen(self, which: str, *values: int) -> Seen | None:
        row = self._db.execute(f"SELECT c.size, c.root, c.note FROM checkpoints c {which} LIMIT 1", values).fetchone()
        return None if row is None else as_written(row)

    def largest_published(self) -> Seen | None:
        """The largest checkpoint that was seen published."""
        return self._seen("WHERE published ORDER BY size DESC")

    def seen_unpublished_beyond(self, size: int) -> list[int]:
        """Some sizes beyond another of checkpoints that were seen, but not as the published one."""
        rows = self._db.execute(
            "SELECT size FROM checkpoints WHERE size > ? AND NOT published ORDER BY size LIMIT 10", (size,)
        )
        return [size for (size,) in rows]

    def count_checkpoints(self) -> int:
        """How many were seen."""
        count: int = self._db.execute("SELECT count(*) FROM checkpoints").fetchone()[0]
        return count

    def count_sizes(self, size: int) -> int:
        """Of how many sizes from 1 up to another checkpoints were seen."""
        count: int = self._db.execute(
            "SELECT count(DISTINCT size) FROM checkpoints WHERE size BETWEEN 1 AND ?", (size,)
        ).fetchone()[0]
        return count

    def contradicted(self, size: int) -> list[tuple[Seen, bytes | None]]:
        """Some checkpoints up to a size that are not what the entries lead to, with the root there; None: no heads entry."""
        rows = self._db.execute(
            "SELECT c.size, c.root, c.note, h.root FROM checkpoints c LEFT JOIN heads h USING (size) "
            "WHERE c.size BETWEEN 1 AND ? AND h.root IS NOT c.root ORDER BY c.size LIMIT 10",
            (size,),
        )
        return [(as_written(row[:3]), row[3]) for row in rows]

    def unseen(self, below: int) -> tuple[int, int] | None:
        """The first size below another that ends in a heads entry and of which no checkpoint was seen, and how many."""
        count, first = self._db.execute(
            "SELECT count(*), min(size) FROM heads WHERE size < ? AND size NOT IN (SELECT size FROM checkpoints)",
            (below,),
        ).fetchone()
        return (first, count) if count else None


def as_written(row: Sequence[Any]) -> Seen:
    """A checkpoint that was seen, as its note has it: damage to a row must not speak against the log. Raises StateDamaged."""
    try:
        checkpoint = parse_checkpoint(parse_note(row[2])[0])
    except (ProofError, TypeError, AttributeError) as error:
        raise StateDamaged(f"a checkpoint that was seen cannot be read: {error!r}") from error
    if [checkpoint.size, checkpoint.root] != [*row[:2]]:
        raise StateDamaged("a checkpoint that was seen has another size or root than its note")
    return Seen(*row)
