"""Reading the book in PostgreSQL, within a transaction of a writer or without one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import orjson

from ledger.store.base import Aside, Columns, NewRow, Row, Snapshot, as_columns, as_new_row, as_row
from ledger.store.postgres_connections import PgConnection
from ledger.store.postgres_tables import EVENTS, SCHEMA

READ_CHUNK: Final = 2_000
COLUMNS: Final = "position, originator_id, originator_version, topic, state"
SELECT_ROWS: Final = f"SELECT {COLUMNS} FROM {SCHEMA}.{EVENTS} "
STREAM_NAMES: Final = f"""
    WITH RECURSIVE names AS (
        (SELECT originator_id FROM {SCHEMA}.{EVENTS} WHERE originator_id > %s ORDER BY originator_id LIMIT 1)
        UNION ALL
        SELECT (SELECT originator_id FROM {SCHEMA}.{EVENTS}
                WHERE originator_id > names.originator_id ORDER BY originator_id LIMIT 1)
        FROM names WHERE names.originator_id IS NOT NULL
    )
    SELECT originator_id FROM names WHERE originator_id IS NOT NULL LIMIT %s"""
"""One look into the index for each name; DISTINCT would walk through all events."""
WITHOUT_DUE: Final = (
    STREAM_NAMES.removesuffix(" LIMIT %s")
    + f" AND NOT EXISTS (SELECT FROM {SCHEMA}.due WHERE due.stream = names.originator_id) LIMIT %s"
)

Query = Callable[[str, Sequence[Any]], list[tuple[Any, ...]]]


def translated(statement: str) -> str:
    """A statement with `?` for parameters as the driver wants it."""
    return statement.replace("%", "%%").replace("?", "%s")


def query(connection: PgConnection, statement: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
    """What a statement answers."""
    with connection.cursor(binary=True) as cursor:
        return cursor.execute(statement, parameters).fetchall()


class PostgresReader:
    """Reads the book through `query`."""

    def __init__(self, query: Query) -> None:
        self._query = query

    def max_position(self) -> int:
        position: int = self._query(f"SELECT coalesce(max(position), 0) FROM {SCHEMA}.{EVENTS}", ())[0][0]
        return position

    def count_events(self) -> int:
        number: int = self._query(f"SELECT count(*) FROM {SCHEMA}.{EVENTS}", ())[0][0]
        return number

    def read_feed(self, after: int, limit: int) -> list[Row]:
        return list(map(as_row, self._feed(after, limit)))

    def read_at(self, positions: Sequence[int]) -> list[Row]:
        rows = self._query(SELECT_ROWS + "WHERE position = ANY(%s::bigint[]) ORDER BY position", (list(positions),))
        return list(map(as_row, rows))

    def last_event(self) -> Row | None:
        rows = self._query(SELECT_ROWS + "ORDER BY position DESC LIMIT 1", ())
        return as_row(rows[0]) if rows else None

    def read_columns(self, after: int | None, limit: int) -> Columns:
        if after is None:
            return as_columns(self._query(SELECT_ROWS + "ORDER BY position LIMIT %s", (limit,)))
        return as_columns(self._feed(after, limit))

    def _feed(self, after: int, limit: int) -> list[tuple[Any, ...]]:
        return self._query(SELECT_ROWS + "WHERE position > %s ORDER BY position LIMIT %s", (after, limit))

    def read_feed_full(self, after: int, limit: int) -> list[NewRow]:
        rows = self._query(
            f"SELECT {COLUMNS}, fact, fact_digest FROM {SCHEMA}.{EVENTS} "
            "WHERE position > %s ORDER BY position LIMIT %s",
            (after, limit),
        )
        return list(map(as_new_row, rows))

    def read_fact_ids(self, first: int, last: int) -> list[tuple[int, str | None]]:
        return self._query(
            f"SELECT position, fact FROM {SCHEMA}.{EVENTS} "
            "WHERE position BETWEEN %s AND %s AND fact IS NOT NULL ORDER BY position",
            (first, last),
        )

    def read_stream(self, stream: str, after_seq: int = 0, through: int | None = None) -> Iterator[Row]:
        statement = SELECT_ROWS + "WHERE originator_id = %s AND originator_version > %s "
        if through is not None:
            statement += f"AND position <= {through:d} "
        statement += "ORDER BY originator_version LIMIT %s"
        while True:
            rows = self._query(statement, (stream, after_seq, READ_CHUNK))
            yield from map(as_row, rows)
            if len(rows) < READ_CHUNK:
                return
            after_seq = rows[-1][2]

    def read_streams(self, streams: Sequence[str]) -> Iterator[Row]:
        names = sorted(set(streams))
        after = ("", 0)
        while names:
            rows = self._query(
                SELECT_ROWS + "WHERE originator_id = ANY(%s) AND (originator_id, originator_version) > (%s, %s) "
                "ORDER BY originator_id, originator_version LIMIT %s",
                (names, *after, READ_CHUNK),
            )
            yield from map(as_row, rows)
            if len(rows) < READ_CHUNK:
                return
            after = (rows[-1][1], rows[-1][2])
            names = [name for name in names if name >= after[0]]

    def last_seq(self, stream: str) -> int:
        seq: int = self._query(
            f"SELECT coalesce(max(originator_version), 0) FROM {SCHEMA}.{EVENTS} WHERE originator_id = %s", (stream,)
        )[0][0]
        return seq

    def read_type(self, event_type: str, after: int, limit: int, stream: str | None = None) -> list[Row]:
        # The type stands in the statement, so that PostgreSQL sees that the partial index applies.
        if not (event_type.isascii() and event_type.isalpha()):
            raise ValueError(f"found event type {event_type!r}, expected letters")
        which, of = f"WHERE topic = '{event_type}' AND position > %s ", (after,)
        if stream is None:
            return list(map(as_row, self._query(SELECT_ROWS + which + "ORDER BY position LIMIT %s", (*of, limit))))
        which += "AND originator_id = %s ORDER BY originator_version LIMIT %s"
        return list(map(as_row, self._query(SELECT_ROWS + which, (*of, stream, limit))))

    def stream_names(self, after: str = "", limit: int = 1000) -> list[str]:
        return [name for (name,) in self._query(STREAM_NAMES, (after, limit))]

    def reviews(self) -> list[tuple[int, int]]:
        rows = self._query(f"SELECT value FROM {SCHEMA}.reviews", ())
        return stored_reviews(rows[0][0] if rows else None)

    def link_key_id(self) -> str | None:
        rows = self._query(f"SELECT id FROM {SCHEMA}.link_key", ())
        return str(rows[0][0]) if rows else None

    def next_due(self) -> int | None:
        at_us: int | None = self._query(f"SELECT min(at_us) FROM {SCHEMA}.due", ())[0][0]
        return at_us

    def due_by(self, until_us: int) -> list[tuple[str, int]]:
        return [
            (stream, at_us)
            for stream, at_us in self._query(f"SELECT stream, at_us FROM {SCHEMA}.due WHERE at_us <= %s", (until_us,))
        ]

    def set_aside(self) -> list[Aside]:
        rows = self._query(f"SELECT stream, position, reason, reviewed_us FROM {SCHEMA}.set_aside ORDER BY stream", ())
        return list(map(Aside._make, rows))

    def read_due(self, after: str = "", limit: int = 1000) -> list[tuple[str, int]]:
        rows = self._query(
            f"SELECT stream, at_us FROM {SCHEMA}.due WHERE stream > %s ORDER BY stream LIMIT %s", (after, limit)
        )
        return [(stream, at_us) for stream, at_us in rows]

    def streams_without_due(self, after: str = "", limit: int = 1000) -> list[str]:
        return [name for (name,) in self._query(WITHOUT_DUE, (after, limit))]

    def read_snapshots(self, after: str = "", limit: int = 1) -> list[Snapshot]:
        rows = self._query(
            f"SELECT stream, seq, state FROM {SCHEMA}.snapshots WHERE stream > %s ORDER BY stream LIMIT %s",
            (after, limit),
        )
        return list(map(Snapshot._make, rows))


def stored_reviews(stored: str | None) -> list[tuple[int, int]]:
    """(until_us, position) of each review, of the text that is stored."""
    return [(until_us, position) for until_us, position in orjson.loads(stored)] if stored else []
