"""What every reader of one build of a projection has in common."""

from __future__ import annotations

from collections.abc import Sequence

from ledger.instants import BEGINNING_US, DAY_US
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

    def number_of(self, table: str, known: int) -> int:
        """How many rows of a table were known by a position."""
        ((number,),) = self._query(f"SELECT count(*) FROM {self._prefix}{table} WHERE position <= ?", (known,))
        return int(number)

    def net_changes(self, key: Sequence[str], flag: str, at_us: int, known: int) -> list[tuple[int, int]]:
        """(beginning of a day, by how many more it held at its end) of each day on which something changed, in order.

        Of what was announced by a position and took effect by an instant: whether `flag` holds of what the columns `key` name.
        An announcement replaces all earlier ones of the same that take effect at its instant or later (DESIGN 6); nothing
        holds before the first.
        """
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
            SELECT (effective_us - ?) / ? AS day, sum(holds - held) FROM standing
            WHERE effective_us <= ? AND holds <> held GROUP BY day ORDER BY day""",
            (known, BEGINNING_US, DAY_US, at_us),
        )
        return [(BEGINNING_US + int(day) * DAY_US, int(more)) for day, more in rows]
