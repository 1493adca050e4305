"""What every reader of one build of a projection has in common."""

from __future__ import annotations

from projections.database import Connection


class BuildReader:
    """Reads one build: `prefix` is what the names of its tables start with, `position` that of the last event in them."""

    def __init__(self, connection: Connection, prefix: str, position: int) -> None:
        self._query = connection.query
        self._prefix = prefix
        self.position = position

    def known_at(self, known_at: int | None) -> int:
        """The position up to which something is known: the end of the projection where none, or a later one, is given."""
        return self.position if known_at is None else max(0, min(known_at, self.position))
