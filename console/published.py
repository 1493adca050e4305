"""The published tables of results as questions and closings know them, out of the vault that keeps them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ledger.store.bookmark import bookmark_at
from projections.results.cells import OF_MEMBERSHIP, Cell, CellKey, Closing, GroupRow, PlaceRow

if TYPE_CHECKING:
    from ledger.store.base import Store
    from ledger.vault.database import VaultDatabase
    from projections.results.rows import Closed, Earlier


def published_of(store: Store, database: VaultDatabase) -> Published:
    """What is published of a book. Raises AnotherBook for a vault that is used with another one: it has the same ids."""
    from ledger.vault.database import require_book

    first = bookmark_at(store, 1)
    if first is not None:
        with database.reading() as transaction:
            require_book(transaction, database.name, first.head)
    return Published(database)


class Published:
    """What is published, read and added to. It needs no key of the vault: what it keeps is told."""

    def __init__(self, database: VaultDatabase) -> None:
        from ledger.vault.published import PublishedRows

        self._rows = PublishedRows(database)

    def closings(self) -> list[Closing]:
        """The closed months, in order."""
        return [Closing(*row) for row in self._rows.closings()]

    def cells(self, scopes: Sequence[str], membership: str | None = None, known: int | None = None) -> Iterator[Cell]:
        """The last version of each figure of some scopes, of one membership or of all."""
        for row in self._rows.cells(scopes, membership, known):
            yield Cell._make((CellKey(*row[:5]), *row[5:]))

    def places(self, membership: str | None = None, known: int | None = None) -> Iterator[PlaceRow]:
        """The places in the benchmark, of one membership or of all, in order of period, question and membership."""
        return (PlaceRow(*row) for row in self._rows.places(membership, known))

    def groups(self, membership: str) -> list[GroupRow]:
        """The peer groups that a membership had, in order."""
        return [GroupRow(*row) for row in self._rows.groups(membership)]

    def earlier(self) -> Earlier:
        """What the closings so far have made."""
        from projections.results.rows import Earlier, ReleaseRow

        closings = self.closings()
        return Earlier(
            closings[-1].month if closings else "",
            [ReleaseRow(*row) for row in self._rows.releases()],
            list(self.cells(OF_MEMBERSHIP)),
            list({row[0]: GroupRow(*row) for row in self._rows.groups()}.values()),
        )

    def keep(self, closed: Closed) -> bool:
        """Keeps what a closing has made, all of it or nothing; False where the month is closed already."""
        cells = [(*cell.key, *cell[1:]) for cell in closed.cells]
        return self._rows.keep(closed.closing, closed.releases, cells, closed.places, closed.groups)
