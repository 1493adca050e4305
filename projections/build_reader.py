"""What every reader of one build of a projection has in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ledger.store.bookmark import Bookmark
from projections.database import Connection
from projections.remembered import Remembered

_REMEMBERED: Final = Remembered[list[tuple[int, int]]](8)
"""Net changes, by `BuildReader.identity`, the flag and the position known."""


class BuildReader:
    """Reads one build: `prefix` is what the names of its tables start with, `position` that of the last event in them."""

    def __init__(self, connection: Connection, prefix: str, position: int) -> None:
        self._query = connection.query
        self._prefix = prefix
        self.position = position

    place: str | None = None
    """Where the tables are, as `Database.place`; None where that is not known."""
    mark: Bookmark | None = None
    """What tells the book, up to the reader's position, apart from others that stood in that place before."""

    @property
    def identity(self) -> tuple[str, str, Bookmark] | None:
        """What tells these rows apart from all others of this process; None where that is not known.

        A mark alone will not do: it proves the event there, not all events before it, so two books may share one.
        """
        return None if self.place is None or self.mark is None else (self.place, self._prefix, self.mark)

    def known_at(self, known_at: int | None) -> int:
        """The position up to which something is known: the end of the projection where none, or a later one, is given."""
        return self.position if known_at is None else max(0, min(known_at, self.position))

    def number_of(self, table: str, known: int) -> int:
        """How many rows of a table were known by a position."""
        ((number,),) = self._query(f"SELECT count(*) FROM {self._prefix}{table} WHERE position <= ?", (known,))
        return int(number)

    def net_changes(self, key: Sequence[str], flag: str, known: int) -> list[tuple[int, int]]:
        """(instant, by how many more it held from then on) of each instant at which that changed, in order.

        Of what was announced by a position: whether `flag` holds of what the columns `key` name. An announcement replaces all
        earlier ones of the same that take effect at its instant or later (DESIGN 6); nothing holds before the first. What was
        worked out last is remembered: it takes a look at every announcement.
        """
        identity = self.identity
        if identity is None:
            return self._net_changes(key, flag, known)
        return _REMEMBERED.or_made((*identity, flag, known), lambda: self._net_changes(key, flag, known))

    def _net_changes(self, key: Sequence[str], flag: str, known: int) -> list[tuple[int, int]]:
        of = ", ".join(key)
        rows = self._query(
            f"""WITH announced AS (
                SELECT {of}, effective_us, {flag} AS holds, min(effective_us) OVER (
                    PARTITION BY {of} ORDER BY position ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS replaced_us
                FROM {self._prefix}announcements WHERE position <= ?
            ), standing AS (
                SELECT effective_us, holds, lag(holds, 1, 0) OVER (PARTITION BY {of} ORDER BY effective_us) AS held
                FROM announced WHERE replaced_us IS NULL OR replaced_us > effective_us
            )
            SELECT effective_us, sum(holds - held) FROM standing WHERE holds <> held
            GROUP BY effective_us ORDER BY effective_us""",
            (known,),
        )
        return [(instant_us, int(more)) for instant_us, more in rows]
