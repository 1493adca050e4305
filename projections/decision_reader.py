"""What the tables of decisions of both programmes have in common: counts of those that stand, and pages of the newest.

Each has a table `decisions` with a membership, what a decision is on, position, decided_us, edition, outcome and revision.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Final, NamedTuple, get_args

from projections.build_reader import BuildReader
from projections.look_up import look_up

LOOKED_AT_MAX: Final = 5_000
"""So many decisions are passed over for a page that were taken after the instant asked about."""
NEWEST: Final = (
    ("position", "decided_us"),
    ("outcome", "position", "decided_us"),
    ("edition", "outcome", "position", "decided_us"),
)
"""The indexes along which the newest decisions are found, of some outcome and edition."""


class Chosen(NamedTuple):
    """Which decisions are looked for; None: whichever."""

    membership: str | None
    edition: str | None
    outcome: str | None
    below: int
    """Only those at an earlier position."""
    at_us: int
    """Only those taken by this instant."""


class Place(NamedTuple):
    """Where a decision stands."""

    position: int
    of: tuple[str, ...]
    """What it is on: the key of its table but the position."""


class DecisionReader(BuildReader):
    """Reads one build that has a table of decisions."""

    of: ClassVar[tuple[str, ...]]
    """What a decision is on: the columns of the key but the position; the last one is a date."""
    outcomes: ClassVar[Any]
    """The outcomes there are, as a Literal."""

    def _standing_by_day(self, at_us: int, known: int) -> list[tuple[Any, ...]]:
        """(day, edition, outcome, how many) of the newest decision on each key, of which the last column is a date.

        Of those taken by an instant, as known by a position; a row may take away from another: whoever asks adds up. All are
        counted along an index, and those that were decided again taken away: few are, and asking of each whether there is a
        later one would take a look-up a row.
        """
        table, day = f"{self._prefix}decisions", self.of[-1]
        same = " AND ".join(f"earlier.{name} = later.{name}" for name in self.of)
        taken = self._query(
            f"SELECT {day}, edition, outcome, count(*) FROM {table} WHERE position <= ? AND decided_us <= ? "
            f"GROUP BY {day}, edition, outcome",
            [known, at_us],
        )
        # CROSS JOIN and the plus signs have SQLite begin with the few revisions (`projections.look_up`).
        superseded = self._query(
            f"SELECT {day}, edition, outcome, -count(*) FROM (SELECT DISTINCT earlier.{day}, earlier.edition, "
            f"earlier.outcome, earlier.position FROM {table} AS later CROSS JOIN {table} AS earlier "
            f"WHERE {same} AND earlier.position < later.position AND later.revision > 1 AND +later.position <= ? "
            "AND +later.decided_us <= ? AND +earlier.decided_us <= ?) AS before "
            f"GROUP BY {day}, edition, outcome",
            [known, at_us, at_us],
        )
        return taken + superseded

    def newest(self, chosen: Chosen, limit: int, anytime: bool) -> tuple[list[Place], int]:
        """At most `limit` of the chosen decisions, the newest first, and the position down to which none is left out.

        That is 0 where there are no more. With `anytime` none was taken after the instant asked about, and none has to be
        passed over.
        """
        looked_at = limit if anytime else max(limit, LOOKED_AT_MAX)
        rows = self._of_membership(chosen) if chosen.membership is not None else self._along_an_index(chosen, looked_at)
        rows = sorted(rows, reverse=True)
        through = rows[looked_at - 1][0] if len(rows) >= looked_at else 0
        found = [Place(row[0], row[2:]) for row in rows[:looked_at] if row[1] <= chosen.at_us]
        if len(found) > limit:
            return found[:limit], found[limit - 1].position
        return found, through

    def rows_of(
        self, keys: Sequence[Place], columns: Sequence[str], at_us: int, known: int
    ) -> dict[int, tuple[Any, ...]]:
        """By position, of some decisions: whether a later one on the same is among those asked for, and some columns."""
        of = " AND ".join(f"d.{name} = wanted.column{place}" for place, name in enumerate(self.of, 1))
        table, on = f"{self._prefix}decisions", ", ".join(f"d.{name}" for name in self.of)
        newest = look_up(
            self._query,
            f"SELECT {on}, max(d.position) FROM {{wanted}} CROSS JOIN {table} AS d WHERE {of} AND d.position <= ? "
            f"AND d.decided_us <= ? GROUP BY {on}",
            sorted({key.of for key in keys}),
            (known, at_us),
        )
        last = {tuple(row[:-1]): row[-1] for row in newest}
        rows = look_up(
            self._query,
            f"SELECT d.position, {on}, {', '.join(f'd.{name}' for name in columns)} FROM {{wanted}} CROSS JOIN {table} AS d "
            f"WHERE {of} AND d.position = wanted.column{len(self.of) + 1}",
            [(*key.of, key.position) for key in keys],
        )
        width = 1 + len(self.of)
        return {row[0]: (last[row[1:width]] != row[0], *row[width:]) for row in rows}

    def _along_an_index(self, chosen: Chosen, looked_at: int) -> list[tuple[Any, ...]]:
        """So many of each outcome that has to be looked for by itself: of an edition without an outcome all of them."""
        outcomes: Sequence[str | None] = (chosen.outcome,)
        if chosen.outcome is None and chosen.edition is not None:
            outcomes = get_args(self.outcomes)
        rows: list[tuple[Any, ...]] = []
        for outcome in outcomes:
            named = [
                (name, one) for name, one in (("edition", chosen.edition), ("outcome", outcome)) if one is not None
            ]
            among = "".join(f"{name} = ? AND " for name, _ in named)
            rows += self._query(
                f"SELECT position, decided_us, {', '.join(self.of)} FROM {self._prefix}decisions "
                f"WHERE {among}position < ? ORDER BY position DESC LIMIT ?",
                [*(value for _, value in named), chosen.below, looked_at],
            )
        return rows

    def _of_membership(self, chosen: Chosen) -> list[tuple[Any, ...]]:
        """All of a membership, which are few."""
        rows = self._query(
            f"SELECT position, decided_us, {', '.join(self.of)}, edition, outcome FROM {self._prefix}decisions "
            "WHERE membership = ?",
            [chosen.membership],
        )
        return [
            row[:-2]
            for row in rows
            if row[0] < chosen.below and chosen.edition in (None, row[-2]) and chosen.outcome in (None, row[-1])
        ]
