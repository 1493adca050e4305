"""The published tables: what was told of answers, for ever as it was told, outside of all that is rebuilt (S1, S2).

    published_closings   a row a closed month: when it was closed, and up to which position of the book was tabulated
    published_releases   which responses were released together, and their sums (`projections.results` has the rule)
    published_cells      a row a figure and version; a version is never changed
    published_places     where a partner's mean lay among its peers'
    published_groups     the peer group of a membership, from a quarter on

Nothing here is sealed: what is kept of answers are sums that may be told. Responses are named by their references; who gave one
stands nowhere here, and it does not go away when answers are erased: the sums stay as they were told.

Rows are plain tuples in the order of the columns. Counts are tuples of whole numbers, responses of texts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import orjson

from ledger.errors import VaultDamaged
from ledger.vault.database import VaultDatabase

PAGE: Final = 10_000
_KEY: Final = "scope, membership, part, peers, period, measure"
_PLACES: Final = "membership, solution_area, business_model, period, question, place, position, published_us"

Values = tuple[Any, ...]


class PublishedRows:
    """The published tables of a vault, read and added to. It needs no key."""

    def __init__(self, database: VaultDatabase) -> None:
        self._database = database

    def closings(self) -> list[Values]:
        """(month, position, closed_us) of each closed month, in order."""
        with self._database.reading() as transaction:
            return transaction.query("SELECT month, position, closed_us FROM published_closings ORDER BY month")

    def releases(self) -> Iterator[Values]:
        """The releases, in order of their numbers."""
        after = 0
        while True:
            with self._database.reading() as transaction:
                page = transaction.query(
                    "SELECT release, measure, membership, in_quarter, in_month, in_location, in_segment, removed, counts, "
                    f"responses FROM published_releases WHERE release > ? ORDER BY release LIMIT {PAGE}",
                    (after,),
                )
            for *row, removed, counts, responses in page:
                yield (*row, bool(removed), _numbers(counts), tuple(orjson.loads(responses)))
            if len(page) < PAGE:
                return
            after = page[-1][0]

    def cells(self, scopes: Sequence[str], membership: str | None, known: int | None) -> Iterator[Values]:
        """The last version of each figure that was published by a position of the book (None: by now), in order of its key."""
        wanted, parameters = list[str](), list[Any]()
        if known is not None:
            wanted.append("position <= ?")
            parameters.append(known)
        if membership is not None:
            wanted.append("membership = ?")
            parameters.append(membership)
        for scope in sorted(scopes):
            yield from self._of_scope(scope, wanted, parameters)

    def _of_scope(self, scope: str, wanted: Sequence[str], parameters: Sequence[Any]) -> Iterator[Values]:
        after: Values = (scope, "", "", "", "", "", 0)
        conditions = " AND ".join(["scope = ?", f"({_KEY}, version) > (?,?,?,?,?,?,?)", *wanted])
        statement = (
            f"SELECT {_KEY}, version, position, published_us, respondents, counts, partners FROM published_cells "
            f"WHERE {conditions} ORDER BY {_KEY}, version LIMIT {PAGE}"
        )
        last: Values | None = None
        while True:
            with self._database.reading() as transaction:
                page = transaction.query(statement, (scope, *after, *parameters))
            for row in page:
                if last is not None and last[:6] != row[:6]:
                    yield _cell(last)
                last = row
            if len(page) < PAGE:
                break
            after = page[-1][:7]
        if last is not None:
            yield _cell(last)

    def places(self, membership: str | None, known: int | None) -> Iterator[Values]:
        """The places in the benchmark, in order of period, question and membership."""
        wanted, parameters = ["(period, question, membership) > (?,?,?)"], list[Any]()
        if membership is not None:
            wanted.append("membership = ?")
            parameters.append(membership)
        if known is not None:
            wanted.append("position <= ?")
            parameters.append(known)
        after: Values = ("", "", "")
        while True:
            with self._database.reading() as transaction:
                page = transaction.query(
                    f"SELECT {_PLACES} FROM published_places WHERE {' AND '.join(wanted)} "
                    f"ORDER BY period, question, membership LIMIT {PAGE}",
                    (*after, *parameters),
                )
            yield from page
            if len(page) < PAGE:
                return
            after = (page[-1][3], page[-1][4], page[-1][0])

    def groups(self, membership: str | None = None) -> list[Values]:
        """(membership, since, solution_area, business_model), in order; of one membership or of all."""
        where, parameters = ("", ()) if membership is None else ("WHERE membership = ?", (membership,))
        with self._database.reading() as transaction:
            return transaction.query(
                f"SELECT membership, since, solution_area, business_model FROM published_groups {where} "
                "ORDER BY membership, since",
                parameters,
            )

    def keep(
        self,
        closing: Values,
        releases: Sequence[Values],
        cells: Sequence[Values],
        places: Sequence[Values],
        groups: Sequence[Values],
    ) -> bool:
        """Keeps what a closing has made, all of it in one transaction; False where the month is closed already.

        Releases come in the place of those with the same number; anything else must be new.
        """
        with self._database.writing() as transaction:
            if transaction.query("SELECT 1 FROM published_closings WHERE month >= ?", (closing[0],)):
                return False
            transaction.execute("INSERT INTO published_closings VALUES (?,?,?)", closing)
            transaction.execute_many("DELETE FROM published_releases WHERE release = ?", [row[:1] for row in releases])
            transaction.execute_many(
                f"INSERT INTO published_releases VALUES ({_marks(10)})",
                [(*row[:7], int(row[7]), _json(row[8]), _json(row[9])) for row in releases],
            )
            transaction.execute_many(
                f"INSERT INTO published_cells VALUES ({_marks(12)})",
                [(*row[:10], _json(row[10]), row[11]) for row in cells],
            )
            transaction.execute_many(f"INSERT INTO published_places VALUES ({_marks(8)})", places)
            transaction.execute_many(f"INSERT INTO published_groups VALUES ({_marks(4)})", groups)
        return True


def _marks(count: int) -> str:
    return ",".join("?" * count)


def _json(values: Sequence[Any]) -> str:
    return orjson.dumps(values).decode()


def _numbers(text: str) -> tuple[int, ...]:
    found = orjson.loads(text)
    if not isinstance(found, list) or {*map(type, found)} - {int}:
        raise VaultDamaged("published tables: found what are no counts, expected a list of whole numbers")
    return tuple(found)


def _cell(row: Values) -> Values:
    *head, counts, partners = row
    return (*head, _numbers(counts), partners)
