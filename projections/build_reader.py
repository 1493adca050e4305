"""What every reader of one build of a projection has in common."""

from __future__ import annotations

from ledger.store.bookmark import Bookmark
from projections.database import Connection
from projections.net_changes import Announced, Changes, Source, net_changes


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

    def net_changes(self, key: tuple[str, ...], flag: str, known: int) -> Changes:
        """(instant, by how many more it held from then on) of each instant at which that changed, in order.

        Of what was announced by a position: whether `flag` holds of what the columns `key` name (`projections.net_changes`).
        """
        source = Source(self.place, f"{self._prefix}announcements", self._query)
        return net_changes(source, Announced(key, flag), known, self.position)
