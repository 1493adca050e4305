"""Refused facts, kept beside the book: what was refused, why, from where and how often, until it is resolved or too old.

They are no part of the book. No event and no proof speaks of them, a copy of the book leaves them behind, and a rebuild of
the projections does not touch them. What is kept of a fact `ledger.writing.refused` says.

    refusals        a row for each refused fact, by a number that grows. The same fact refused again (the same `digest`)
                    counts its row up and says why it was refused last
    refusal_totals  a row for each code: rows kept now and their bytes, and, since the tables were made, how often it was
                    given, and how many rows were resolved, dropped for want of room, or deleted for their age

The table has a bound: ROWS_MAX rows and BYTES_MAX bytes of originals and sentences. Beyond it the rows with the lowest
numbers are dropped, the resolved ones first, and counted under their codes. So who sends nonsense fills no disk.

Statements are written once, with `?` for parameters, in the SQL that SQLite and PostgreSQL share.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from ledger.store.refusal_rows import (
    COLUMNS,
    KeptRefusal,
    NewRefusal,
    Totals,
    Verdict,
    Wanted,
    as_kept,
    conditions_of,
)

ROWS_MAX: Final = 100_000
BYTES_MAX: Final = 64 << 20
DELETED_MAX: Final = 5_000
"""So many rows are deleted at once at most; the next batch goes on with the rest."""
CHUNK: Final = 500
"""So many digests or numbers stand in one statement."""

Query = Callable[[str, Sequence[Any]], list[tuple[Any, ...]]]
"""Runs a statement, and gives its rows."""
Run = Callable[[str, Sequence[Sequence[Any]]], object]
"""Runs a statement with each of some rows of parameters."""


class RefusalReader:
    """Reads the tables."""

    def __init__(self, query: Query, schema: str = "") -> None:
        """`schema` goes before the names of the tables."""
        self._query = query
        self._rows = f"{schema}refusals"
        self._totals = f"{schema}refusal_totals"

    def page(
        self, wanted: Wanted, limit: int, *, below: int | None = None, above: int | None = None
    ) -> list[KeptRefusal]:
        """At most `limit` rows: the newest below a number first, or the oldest above one first."""
        where, parameters = conditions_of(wanted)
        if above is not None:
            where.append("number > ?")
            parameters.append(above)
        elif below is not None:
            where.append("number < ?")
            parameters.append(below)
        order = "" if above is not None else " DESC"
        rows = self._query(
            f"SELECT {COLUMNS} FROM {self._rows}{_where(where)} ORDER BY number{order} LIMIT ?", [*parameters, limit]
        )
        return list(map(as_kept, rows))

    def last_number(self) -> int:
        """The highest number that there is; 0 for none."""
        ((number,),) = self._query(f"SELECT coalesce(max(number), 0) FROM {self._rows}", ())
        return int(number)

    def counted(self, wanted: Wanted) -> list[tuple[str, int, int, int]]:
        """(code, rows, how often they were refused, the last instant of it), by code. It looks at every row that is meant."""
        where, parameters = conditions_of(wanted)
        rows = self._query(
            f"SELECT code, count(*), sum(times), max(refused_us) FROM {self._rows}{_where(where)} GROUP BY code ORDER BY code",
            parameters,
        )
        return [(code, int(number), int(times), int(last_us)) for code, number, times, last_us in rows]

    def totals(self) -> list[Totals]:
        """The figures of each code that was ever given: a look at as many rows as there are codes."""
        rows = self._query(
            f"SELECT code, kept, bytes, refused, resolved, dropped, expired FROM {self._totals} ORDER BY code", ()
        )
        return list(map(Totals._make, rows))


class RefusalTable(RefusalReader):
    """The tables in a transaction that writes; one at a time."""

    def __init__(self, query: Query, run: Run, schema: str = "") -> None:
        super().__init__(query, schema)
        self._many = run

    def keep(self, refused: Iterable[NewRefusal], now_us: int) -> None:
        """Keeps refusals: a new row for each that is not there, one time more for each that is."""
        fresh: dict[bytes, tuple[NewRefusal, int]] = {}
        for one in refused:
            _, times = fresh.get(one.digest, (one, 0))
            fresh[one.digest] = (one, times + 1)
        known = self._known(list(fresh))
        number, changes = self.last_number(), _Changes()
        added, again = [], []
        for digest, (one, times) in fresh.items():
            changes.refused(one.code, times)
            before = known.get(digest)
            if before is None:
                number += 1
                changes.kept(one.code, one.size(), 1)
                added.append((number, *one[:8], now_us, now_us, times, one.original, int(one.whole), None))
            else:
                changes.kept(before.code, before.size(), -1)
                changes.kept(one.code, one.size(), 1)
                again.append(
                    (
                        one.code,
                        one.sentence,
                        one.field,
                        one.source,
                        now_us,
                        times,
                        one.original,
                        int(one.whole),
                        before.number,
                    )
                )
        self._run(f"INSERT INTO {self._rows} ({COLUMNS}) VALUES ({','.join('?' * 15)})", added)
        self._run(
            f"UPDATE {self._rows} SET code = ?, sentence = ?, field = ?, source = ?, refused_us = ?, times = times + ?, "
            "original = ?, whole = ?, resolved_at = NULL WHERE number = ?",
            again,
        )
        self._add(changes)
        self._make_room()

    def settle(self, verdicts: Sequence[Verdict], now_us: int) -> None:
        """Marks what is in the book by now, whose original goes, and counts up what was refused again."""
        there = self._present([verdict.row.number for verdict in verdicts])
        changes, resolved, again = _Changes(), [], []
        for verdict in verdicts:
            row = there.get(verdict.row.number)
            if row is None or row.digest != verdict.row.digest or row.resolved_at is not None:
                continue  # dropped or settled meanwhile
            changes.kept(row.code, row.size(), -1)
            if verdict.resolved_at is not None:
                changes.resolved(row.code)
                changes.kept(row.code, len(row.sentence), 1)
                resolved.append((verdict.resolved_at, row.number))
            else:
                changes.refused(verdict.code, 1)
                changes.kept(verdict.code, len(verdict.sentence) + len(row.original or ""), 1)
                again.append((verdict.code, verdict.sentence, verdict.field, now_us, row.number))
        self._run(f"UPDATE {self._rows} SET resolved_at = ?, original = NULL WHERE number = ?", resolved)
        self._run(
            f"UPDATE {self._rows} SET code = ?, sentence = ?, field = ?, refused_us = ?, times = times + 1 WHERE number = ?",
            again,
        )
        self._add(changes)

    def expire(self, before_us: int) -> int:
        """Deletes what was refused last before an instant, DELETED_MAX at most; returns how many."""
        rows = self._query(
            f"SELECT number, code, {_SIZE} FROM {self._rows} WHERE refused_us < ? ORDER BY refused_us LIMIT ?",
            (before_us, DELETED_MAX),
        )
        return self._delete(rows, "expired")

    def _make_room(self) -> None:
        totals = self.totals()
        rows, size = sum(one.kept for one in totals) - ROWS_MAX, sum(one.bytes for one in totals) - BYTES_MAX
        for which in ("resolved_at IS NOT NULL", "resolved_at IS NULL"):
            while rows > 0 or size > 0:
                oldest = self._query(
                    f"SELECT number, code, {_SIZE} FROM {self._rows} WHERE {which} ORDER BY number LIMIT ?",
                    (DELETED_MAX,),
                )
                if not oldest:
                    break
                some = []
                for one in oldest:
                    if rows > 0 or size > 0:
                        some.append(one)
                        rows, size = rows - 1, size - int(one[2])
                self._delete(some, "dropped")

    def _delete(self, rows: Sequence[tuple[Any, ...]], why: str) -> int:
        changes = _Changes()
        for _, code, size in rows:
            changes.kept(code, int(size), -1)
            changes.count(code, why)
        self._run(f"DELETE FROM {self._rows} WHERE number = ?", [(number,) for number, _, _ in rows])
        self._add(changes)
        return len(rows)

    def _run(self, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        if rows:
            self._many(statement, rows)

    def _add(self, changes: _Changes) -> None:
        self._run(
            f"INSERT INTO {self._totals} (code, kept, bytes, refused, resolved, dropped, expired) VALUES (?,?,?,?,?,?,?) "
            "ON CONFLICT (code) DO UPDATE SET "
            + ", ".join(f"{name} = refusal_totals.{name} + excluded.{name}" for name in Totals._fields[1:]),
            changes.rows(),
        )

    def _known(self, digests: Sequence[bytes]) -> dict[bytes, KeptRefusal]:
        return {row.digest: row for row in self._among("digest", digests)}

    def _present(self, numbers: Sequence[int]) -> dict[int, KeptRefusal]:
        return {row.number: row for row in self._among("number", numbers)}

    def _among(self, column: str, values: Sequence[Any]) -> Iterable[KeptRefusal]:
        for start in range(0, len(values), CHUNK):
            some = values[start : start + CHUNK]
            rows = self._query(
                f"SELECT {COLUMNS} FROM {self._rows} WHERE {column} IN ({','.join('?' * len(some))})", some
            )
            yield from map(as_kept, rows)


class _Changes:
    """What changes in the totals, by code."""

    def __init__(self) -> None:
        self._by_code: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(Totals._fields[1:], 0))

    def kept(self, code: str, size: int, rows: int) -> None:
        """Rows more, or fewer, of a size each."""
        self._by_code[code]["kept"] += rows
        self._by_code[code]["bytes"] += rows * size

    def refused(self, code: str, times: int) -> None:
        """So often more."""
        self._by_code[code]["refused"] += times

    def resolved(self, code: str) -> None:
        """One more is in the book."""
        self.count(code, "resolved")

    def count(self, code: str, what: str) -> None:
        """One more of a figure."""
        self._by_code[code][what] += 1

    def rows(self) -> list[tuple[Any, ...]]:
        """A row for each code, in the order of the codes."""
        return [(code, *figures.values()) for code, figures in sorted(self._by_code.items())]


_SIZE: Final = "length(sentence) + length(coalesce(original, ''))"


def _where(conditions: Sequence[str]) -> str:
    return f" WHERE {' AND '.join(conditions)}" if conditions else ""


TABLES: Final = (
    """CREATE TABLE {schema}refusals (
        number bigint PRIMARY KEY,
        digest {bytes} NOT NULL UNIQUE,
        fact {text},
        type {text},
        membership {text},
        code {text} NOT NULL,
        sentence {text} NOT NULL,
        field {text},
        source {text} NOT NULL,
        first_us bigint NOT NULL,
        refused_us bigint NOT NULL,
        times bigint NOT NULL,
        original {text},
        whole integer NOT NULL,
        resolved_at bigint
    )""",
    "CREATE INDEX refusals_by_age ON {schema}refusals (refused_us)",
    "CREATE INDEX refusals_by_code ON {schema}refusals (code, number)",
    "CREATE INDEX refusals_by_fact ON {schema}refusals (fact)",
    "CREATE INDEX refusals_resolved ON {schema}refusals (number) WHERE resolved_at IS NOT NULL",
    """CREATE TABLE {schema}refusal_totals (
        code {text} PRIMARY KEY,
        kept bigint NOT NULL,
        bytes bigint NOT NULL,
        refused bigint NOT NULL,
        resolved bigint NOT NULL,
        dropped bigint NOT NULL,
        expired bigint NOT NULL
    )""",
)


def table_statements(*, schema: str, text: str, binary: str) -> list[str]:
    """What creates the tables; the names of columns' types are the database's."""
    return [statement.format(schema=schema, text=text, bytes=binary) for statement in TABLES]
