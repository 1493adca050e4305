"""What is published, read once for many reports: the tables of peers are the same for every membership."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from projections.results.cells import Cell, Closing, GroupRow, PlaceRow, PublishedTables


class Remembered:
    """Published tables of which what is of no one membership is read once, and kept for as long as this is used."""

    def __init__(self, published: PublishedTables) -> None:
        self._published = published
        self._closings: list[Closing] | None = None
        self._cells: dict[tuple[tuple[str, ...], int | None], list[Cell]] = {}

    def closings(self) -> list[Closing]:
        """The closed months, in order."""
        if self._closings is None:
            self._closings = self._published.closings()
        return self._closings

    def cells(self, scopes: Sequence[str], membership: str | None = None, known: int | None = None) -> Iterator[Cell]:
        """The last version of each figure of some scopes, of one membership or of all."""
        if membership is not None:
            return self._published.cells(scopes, membership, known)
        kept = self._cells.get((tuple(scopes), known))
        if kept is None:
            kept = self._cells[tuple(scopes), known] = list(self._published.cells(scopes, None, known))
        return iter(kept)

    def places(self, membership: str | None = None, known: int | None = None) -> Iterator[PlaceRow]:
        """The places in the benchmark, of one membership or of all."""
        return self._published.places(membership, known)

    def groups(self, membership: str) -> list[GroupRow]:
        """The peer groups that a membership had, in order."""
        return self._published.groups(membership)
