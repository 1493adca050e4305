"""Reading the book in SQLite, within a transaction of a writer or without one."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any, Final

import orjson

from ledger.store.base import Aside, Columns, NewRow, Row, Snapshot, as_columns, as_new_row, as_row

READ_CHUNK: Final = 2_000
SELECT_UNDECODED: Final = (
    "SELECT position, CAST(originator_id AS BLOB), originator_version, CAST(topic AS BLOB), state FROM events "
)
SELECT_UNDECODED_NAMES: Final = (
    "SELECT DISTINCT CAST(originator_id AS BLOB) FROM events "
    "WHERE originator_id > CAST(? AS TEXT) ORDER BY originator_id LIMIT ?"
)
SELECT_NAMES_WITHOUT_DUE: Final = """
    WITH RECURSIVE names(name) AS (
        SELECT min(originator_id) FROM events WHERE originator_id > ?
        UNION ALL
        SELECT (SELECT min(originator_id) FROM events WHERE originator_id > names.name) FROM names
        WHERE names.name IS NOT NULL
    )
    SELECT CAST(name AS BLOB) FROM names
    WHERE name IS NOT NULL AND NOT EXISTS (SELECT 1 FROM due WHERE due.stream = names.name) LIMIT ?"""
"""One look into two indexes for each name; DISTINCT would walk through all events."""
SELECT_ROWS: Final = "SELECT position, originator_id, originator_version, topic, state FROM events "
# Text that is no UTF-8 would end the query; of what is no text there is no id.
SELECT_FACT_IDS: Final = (
    "SELECT position, CASE typeof(fact) WHEN 'text' THEN CAST(fact AS BLOB) END FROM events "
    "WHERE position BETWEEN ? AND ? AND fact IS NOT NULL ORDER BY position"
)


class SQLiteReader:
    """Reads the book through a cursor."""

    def __init__(self, execute: Callable[..., sqlite3.Cursor]) -> None:
        self._execute = execute

    def max_position(self) -> int:
        position: int = self._execute("SELECT coalesce(max(position), 0) FROM events").fetchone()[0]
        return position

    def read_feed(self, after: int, limit: int) -> list[Row]:
        return list(map(as_row, self._feed(after, limit)))

    def last_event(self) -> Row | None:
        rows = self._rows("ORDER BY position DESC LIMIT 1", ())
        return as_row(rows[0]) if rows else None

    def read_columns(self, after: int | None, limit: int) -> Columns:
        if after is None:
            return as_columns(self._rows("ORDER BY position LIMIT ?", (limit,)))
        return as_columns(self._feed(after, limit))

    def _feed(self, after: int, limit: int) -> list[tuple[Any, ...]]:
        return self._rows("WHERE position > ? ORDER BY position LIMIT ?", (after, limit))

    def _rows(self, which: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        try:
            return self._execute(SELECT_ROWS + which, parameters).fetchall()
        except sqlite3.OperationalError as error:
            if not _is_of_text(error):
                raise
            # Text that is no UTF-8: only somebody who changed the file can have put it there. An audit has to say so, and
            # who reads a stream must not be stopped by another's.
            return list(map(_undecoded, self._execute(SELECT_UNDECODED + which, parameters)))

    def read_feed_full(self, after: int, limit: int) -> list[NewRow]:
        rows = self._execute(
            "SELECT position, originator_id, originator_version, topic, state, fact, fact_digest FROM events "
            "WHERE position > ? ORDER BY position LIMIT ?",
            (after, limit),
        )
        return list(map(as_new_row, rows))

    def read_fact_ids(self, first: int, last: int) -> list[tuple[int, str | None]]:
        rows = self._execute(SELECT_FACT_IDS, (first, last)).fetchall()
        return [(at, None if fact is None else fact.decode("utf-8", "surrogateescape")) for at, fact in rows]

    def read_at(self, positions: Sequence[int]) -> list[Row]:
        which = "WHERE position IN (SELECT value FROM json_each(?)) ORDER BY position"
        return list(map(as_row, self._rows(which, (orjson.dumps(list(positions)).decode(),))))

    def count_events(self) -> int:
        number: int = self._execute("SELECT count(*) FROM events").fetchone()[0]
        return number

    def read_stream(self, stream: str, after_seq: int = 0, through: int | None = None) -> Iterator[Row]:
        which = "WHERE originator_id = ? AND originator_version > ? "
        if through is not None:
            which += f"AND position <= {through:d} "
        which += "ORDER BY originator_version LIMIT ?"
        while True:
            rows = self._rows(which, (stream, after_seq, READ_CHUNK))
            yield from map(as_row, rows)
            if len(rows) < READ_CHUNK:
                return
            after_seq = rows[-1][2]

    def read_streams(self, streams: Sequence[str]) -> Iterator[Row]:
        which = "WHERE originator_id IN (SELECT value FROM json_each(?)) ORDER BY originator_id, originator_version"
        names = (orjson.dumps(list(streams)).decode(),)
        read = 0
        try:
            for row in map(as_row, self._execute(SELECT_ROWS + which, names)):
                read += 1
                yield row
        except sqlite3.OperationalError as error:
            if not _is_of_text(error):
                raise
            rest = islice(self._execute(SELECT_UNDECODED + which, names), read, None)
            yield from map(_undecoded, rest)

    def last_seq(self, stream: str) -> int:
        row = self._execute("SELECT max(originator_version) FROM events WHERE originator_id = ?", (stream,)).fetchone()
        return row[0] or 0

    def read_type(self, event_type: str, after: int, limit: int, stream: str | None = None) -> list[Row]:
        # The type stands in the statement, so that SQLite sees that the partial index applies.
        if not event_type.isalpha():
            raise ValueError(f"found event type {event_type!r}, expected letters")
        if stream is not None:  # the plus keeps SQLite from going through the type's index, of all streams
            which = f"WHERE originator_id = ? AND topic = '{event_type}' AND +position > ? ORDER BY originator_version LIMIT ?"
            return list(map(as_row, self._rows(which, (stream, after, limit))))
        which = f"WHERE topic = '{event_type}' AND position > ? ORDER BY position LIMIT ?"
        return list(map(as_row, self._rows(which, (after, limit))))

    def stream_names(self, after: str = "", limit: int = 1000) -> list[str]:
        statement = "SELECT DISTINCT originator_id FROM events WHERE originator_id > ? ORDER BY originator_id LIMIT ?"
        try:
            return [name for (name,) in self._execute(statement, (after, limit))]
        except sqlite3.OperationalError as error:
            if not _is_of_text(error):
                raise
        names: list[str] = []  # what is no UTF-8 names no stream
        last = after.encode()
        while len(names) < limit and (found := self._execute(SELECT_UNDECODED_NAMES, (last, limit)).fetchall()):
            last = found[-1][0]
            for (name,) in found:
                with suppress(UnicodeDecodeError):
                    names.append(name.decode())
        return names[:limit]

    def reviews(self) -> list[tuple[int, int]]:
        row = self._execute("SELECT value FROM ledger_meta WHERE name = 'reviews'").fetchone()
        return [(until_us, position) for until_us, position in orjson.loads(row[0])] if row else []

    def link_key_id(self) -> str | None:
        row = self._execute("SELECT value FROM ledger_meta WHERE name = 'link-key'").fetchone()
        return str(row[0]) if row else None

    def next_due(self) -> int | None:
        at_us: int | None = self._execute("SELECT min(at_us) FROM due").fetchone()[0]
        return at_us

    def due_by(self, until_us: int) -> list[tuple[str, int]]:
        return self._execute("SELECT stream, at_us FROM due WHERE at_us <= ?", (until_us,)).fetchall()

    def set_aside(self) -> list[Aside]:
        rows = self._execute("SELECT stream, position, reason, reviewed_us FROM set_aside ORDER BY stream").fetchall()
        return list(map(Aside._make, rows))

    def read_due(self, after: str = "", limit: int = 1000) -> list[tuple[str, int]]:
        return self._execute(
            "SELECT stream, at_us FROM due WHERE stream > ? ORDER BY stream LIMIT ?", (after, limit)
        ).fetchall()

    def streams_without_due(self, after: str = "", limit: int = 1000) -> list[str]:
        names: list[str] = []
        for (name,) in self._execute(SELECT_NAMES_WITHOUT_DUE, (after, limit)).fetchall():
            with suppress(UnicodeDecodeError):  # what is no UTF-8 names no stream
                names.append(name.decode())
        return names

    def read_snapshots(self, after: str = "", limit: int = 1) -> list[Snapshot]:
        rows = self._execute(
            "SELECT stream, seq, state FROM snapshots WHERE stream > ? ORDER BY stream LIMIT ?", (after, limit)
        ).fetchall()
        return list(map(Snapshot._make, rows))


def _is_of_text(error: sqlite3.OperationalError) -> bool:
    """Whether text in a row is no UTF-8."""
    return "decode" in str(error)


def _undecoded(found: Sequence[Any]) -> Row:
    position, stream, seq, topic, state = found
    return Row(position, decoded(stream), seq, decoded(topic), state)


def decoded(text: bytes) -> str:
    """A name that may be no UTF-8, so that it can be told of."""
    return text.decode("utf-8", "backslashreplace")
