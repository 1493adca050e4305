"""What a monitor remembers of receipts, in the file of its memory.

    receipts         a row each, known by the first 16 bytes of SHA-256 of the note: what it says, and what was judged last
    receipt_files    how far each file of receipts was read
    receipt_lines    the first lines of each that hold no receipt
    receipt_times    the times of checkpoints, a note each
    receipt_policy   by which policy all of it was judged: under another it is read and judged anew

A receipt is open while another verdict can take the place of its last: `kept` and `broken` stay.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Final, NamedTuple

from ledger.proof.receipts.receipt import Receipt, parse_receipt_note

if TYPE_CHECKING:
    from ledger.monitor.memory import Memory

READ: Final = ("receipts", "receipt_files", "receipt_lines")
"""What follows from the files and the log."""
TABLES: Final = """
CREATE TABLE IF NOT EXISTS receipts (
    number INTEGER PRIMARY KEY, id BLOB UNIQUE, note BLOB, fact BLOB, stream TEXT, seq INTEGER, leaf BLOB,
    position INTEGER, recorded INTEGER, promised INTEGER, verdict TEXT, open INTEGER, included INTEGER, searched INTEGER,
    what TEXT, found TEXT, expected TEXT);
CREATE INDEX IF NOT EXISTS receipts_position ON receipts (position);
CREATE INDEX IF NOT EXISTS receipts_fact ON receipts (fact);
CREATE INDEX IF NOT EXISTS receipts_place ON receipts (stream, seq);
CREATE INDEX IF NOT EXISTS receipts_recorded ON receipts (recorded);
CREATE INDEX IF NOT EXISTS receipts_verdict ON receipts (verdict, number);
CREATE INDEX IF NOT EXISTS receipts_to_find ON receipts (position, number) WHERE open AND included IS NULL;
CREATE INDEX IF NOT EXISTS receipts_found ON receipts (number) WHERE open AND included IS NOT NULL;
CREATE TABLE IF NOT EXISTS receipt_files (
    path TEXT PRIMARY KEY, offset INTEGER, lines INTEGER, tail BLOB, skipping INTEGER, unreadable INTEGER);
CREATE TABLE IF NOT EXISTS receipt_lines (path TEXT, line INTEGER, what TEXT, found TEXT, expected TEXT);
CREATE TABLE IF NOT EXISTS receipt_times (
    note BLOB PRIMARY KEY, size INTEGER, root BLOB, time_s INTEGER, judged INTEGER) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS receipt_policy (digest BLOB);
"""
SOME: Final = 500
"""So many receipts are in memory at a time."""
OTHERS_MAX: Final = 10
"""So many receipts that one contradicts are looked at."""
_DIGEST: Final = 16


def digest_of(data: bytes) -> bytes:
    """By what an id or a note is known."""
    return sha256(data).digest()[:_DIGEST]


class Known(NamedTuple):
    """A receipt, and what was judged of it last."""

    number: int
    position: int
    verdict: str
    included: int | None
    """The first size that speaks for its event, which is at its place; None where that was not found yet."""
    note: bytes

    @property
    def receipt(self) -> Receipt:
        """What the note says; it was verified when it was read."""
        return parse_receipt_note(self.note)[0]


class Difference(NamedTuple):
    """What is wrong with a receipt."""

    what: str
    found: str
    expected: str


class FileState(NamedTuple):
    """How far a file was read."""

    offset: int = 0
    lines: int = 0
    tail: bytes = b""
    """Digest of the last bytes before the offset."""
    skipping: bool = False
    """The offset lies within a line that is too long."""
    unreadable: int = 0
    """Lines without a receipt."""


class Timed(NamedTuple):
    """A checkpoint that is what the entries lead to, and its time."""

    size: int
    root: bytes
    time_s: int | None


_KNOWN: Final = "SELECT number, position, verdict, included, note FROM receipts"


class ReceiptMemory:
    """The tables, in the file of a monitor's memory. Each change is part of the transaction that is begun."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory

    def go_by(self, policy: bytes, paths: Sequence[str]) -> None:
        """Forgets all that was judged by another policy, and the files that are no longer given."""
        db = self._memory.db
        if db.execute("SELECT digest FROM receipt_policy").fetchall() != [(policy,)]:
            for table in (*READ, "receipt_times", "receipt_policy"):
                db.execute(f"DELETE FROM {table}")
            db.execute("INSERT INTO receipt_policy VALUES (?)", (policy,))
        for (path,) in db.execute("SELECT path FROM receipt_files").fetchall():
            if path not in paths:
                self.keep_file(path, None)

    # Files

    def file(self, path: str) -> FileState:
        """How far a file was read."""
        row = self._memory.db.execute(
            "SELECT offset, lines, tail, skipping, unreadable FROM receipt_files WHERE path = ?", (path,)
        ).fetchone()
        return FileState(*row) if row else FileState()

    def keep_file(self, path: str, state: FileState | None) -> None:
        """How far it was read now; None forgets it and its lines."""
        db = self._memory.db
        if state is None:
            db.execute("DELETE FROM receipt_lines WHERE path = ?", (path,))
            db.execute("DELETE FROM receipt_files WHERE path = ?", (path,))
        else:
            db.execute("INSERT OR REPLACE INTO receipt_files VALUES (?, ?, ?, ?, ?, ?)", (path, *state))

    def keep_line(self, path: str, line: int, words: Difference) -> None:
        """A line that holds no receipt."""
        self._memory.db.execute("INSERT INTO receipt_lines VALUES (?, ?, ?, ?, ?)", (path, line, *words))

    def lines(self, most: int) -> list[Difference]:
        """Some of these lines."""
        rows = self._memory.db.execute(
            "SELECT what, found, expected FROM receipt_lines ORDER BY path, line LIMIT ?", (most,)
        )
        return [Difference(*row) for row in rows]

    def count_unreadable(self) -> int:
        """How many there are."""
        count: int = self._memory.db.execute("SELECT total(unreadable) FROM receipt_files").fetchone()[0]
        return int(count)

    # Receipts

    def has(self, note: bytes) -> bool:
        """Whether a receipt is known, byte for byte."""
        rows = self._memory.db.execute("SELECT 1 FROM receipts WHERE id = ?", (digest_of(note),))
        return rows.fetchone() is not None

    def add(self, receipt: Receipt, note: bytes) -> int:
        """A receipt that is not known yet; its number."""
        number = self._memory.db.execute(
            "INSERT INTO receipts (id, note, fact, stream, seq, leaf, position, recorded, promised, verdict, open, searched) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'unproven', 1, 0)",
            (
                digest_of(note), note, digest_of(receipt.fact.encode("utf-8")), receipt.stream, receipt.seq, receipt.leaf,
                receipt.position, receipt.recorded_us, receipt.promised_us,
            ),
        ).lastrowid  # fmt: skip
        assert number is not None
        return number

    def of_another_leaf(self, receipt: Receipt) -> list[Known]:
        """Some receipts for the same fact, position, or stream and seq, that name another leaf."""
        rows = self._memory.db.execute(
            f"{_KNOWN} WHERE leaf <> ? AND (position = ? OR fact = ? OR (stream = ? AND seq = ?)) LIMIT {OTHERS_MAX}",
            (
                receipt.leaf, receipt.position, digest_of(receipt.fact.encode("utf-8")), receipt.stream, receipt.seq,
            ),
        )  # fmt: skip
        return [Known(*row) for row in rows.fetchall()]

    def settle(self, number: int, verdict: str, words: Difference | None = None) -> None:
        """What is said of a receipt now."""
        self._memory.db.execute(
            "UPDATE receipts SET verdict = ?, open = ?, what = ?, found = ?, expected = ? WHERE number = ?",
            (verdict, int(verdict in ("unproven", "late")), *(words or (None, None, None)), number),
        )

    def include(self, number: int, size: int) -> None:
        """Its event is at its place, and a size is the first that speaks for it."""
        self._memory.db.execute("UPDATE receipts SET included = ? WHERE number = ?", (size, number))

    def searched(self, number: int) -> None:
        """The whole log was searched for what contradicts it, and nothing found."""
        self._memory.db.execute("UPDATE receipts SET searched = 1 WHERE number = ?", (number,))

    def to_find(self, through: int) -> Iterator[list[Known]]:
        """Those whose event has to be there and was not looked for, by position."""
        where = "open AND included IS NULL AND position <= ? AND (position, number) > (?, ?) ORDER BY position, number"
        after = (0, 0)
        while some := self._some(where, through, *after):
            yield some
            after = some[-1].position, some[-1].number

    def to_time(self, earliest_us: int) -> Iterator[list[Known]]:
        """Those whose event is at its place that new times may settle, of which the earliest is given."""
        where = (
            "open AND included IS NOT NULL AND (verdict = 'unproven' OR promised >= ?) AND number > ? ORDER BY number"
        )
        after = 0
        while some := self._some(where, earliest_us, after):
            yield some
            after = some[-1].number

    def overdue(self, through: int, time_us: int) -> Iterator[list[Known]]:
        """Those for which no checkpoint speaks and that are late by an instant."""
        where = (
            "open AND included IS NULL AND position > ? AND verdict = 'unproven' AND promised < ? "
            "AND (position, number) > (?, ?) ORDER BY position, number"
        )
        after = (0, 0)
        while some := self._some(where, through, time_us, *after):
            yield some
            after = some[-1].position, some[-1].number

    def suspect(self, events: int, most: int) -> list[Known]:
        """Some beyond all events that were taken, one of which has their fact, or their place in the stream."""
        return self._some(
            "open AND included IS NULL AND NOT searched AND position > ? AND ("
            "EXISTS (SELECT 1 FROM facts f WHERE f.id = receipts.fact AND f.position < receipts.position) OR "
            "EXISTS (SELECT 1 FROM streams s WHERE s.name = receipts.stream AND s.seq >= receipts.seq)) LIMIT ?",
            events, most, limit="",
        )  # fmt: skip

    def ahead(self, until_us: int, most: int) -> list[Known]:
        """Some that are recorded later than an instant."""
        return self._some("recorded > ? LIMIT ?", until_us, most, limit="")

    def counts(self) -> dict[str, int]:
        """How many there are of each verdict."""
        return dict(self._memory.db.execute("SELECT verdict, count(*) FROM receipts GROUP BY verdict").fetchall())

    def words(self, verdict: str, most: int) -> list[Difference]:
        """What is said of some receipts of a verdict."""
        rows = self._memory.db.execute(
            "SELECT what, found, expected FROM receipts WHERE verdict = ? ORDER BY number LIMIT ?", (verdict, most)
        )
        return [Difference(*row) for row in rows]

    def _some(self, where: str, *values: int, limit: str = f"LIMIT {SOME}") -> list[Known]:
        return [Known(*row) for row in self._memory.db.execute(f"{_KNOWN} WHERE {where} {limit}", values).fetchall()]

    # Times

    def has_time(self, note: bytes) -> bool:
        """Whether the time of a checkpoint's note is known."""
        rows = self._memory.db.execute("SELECT 1 FROM receipt_times WHERE note = ?", (digest_of(note),))
        return rows.fetchone() is not None

    def keep_time(self, note: bytes, timed: Timed) -> None:
        """The time of a checkpoint."""
        self._memory.db.execute("INSERT OR IGNORE INTO receipt_times VALUES (?, ?, ?, ?, 0)", (digest_of(note), *timed))

    def times(self, size: int, *, new: bool = False) -> list[Timed]:
        """The checkpoints up to a size that are what the entries lead to, by size; or of these, those not judged by yet."""
        rows = self._memory.db.execute(
            "SELECT t.size, t.root, t.time_s FROM receipt_times t LEFT JOIN heads h USING (size) "
            f"WHERE t.size <= ? AND (h.root = t.root OR t.size = 0) {'AND NOT t.judged' if new else ''} ORDER BY t.size",
            (size,),
        )
        return [Timed(*row) for row in rows]

    def judged_by_all(self, size: int) -> None:
        """All of them up to a size were judged by."""
        self._memory.db.execute("UPDATE receipt_times SET judged = 1 WHERE size <= ? AND NOT judged", (size,))
