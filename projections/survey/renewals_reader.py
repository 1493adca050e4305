"""Rows of the renewals projection: the renewal dates that are not decided, and the decisions, as known by a position."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ledger.programmes.survey.events import Outcome, Via
from projections.decision_reader import DecisionReader, Place
from projections.survey.renewals import SAID


class DecisionRow(NamedTuple):
    """A decision as the table has it; `decided_us` is its occurred_at."""

    membership: str
    renewal_date: str
    revision: int
    position: int
    decided_us: int
    outcome: Outcome
    via: Via | None
    location: str | None
    counted: int
    organisations: int
    edition: str | None


class RenewalsReader(DecisionReader):
    """Reads one build of the renewals projection; `prefix` is what the names of its tables start with."""

    of = ("membership", "renewal_date")
    outcomes = Outcome

    def undecided(
        self, through: str, known: int, limit: int | None = None, membership: str | None = None
    ) -> list[tuple[str, str]]:
        """(membership, renewal date) of all dates up to and including one that were known and not decided by a position.

        Of one membership, and so many at most, where these are given. The earliest first, so that what is overdue comes
        before what is ahead.
        """
        prefix, among = self._prefix, "" if membership is None else "membership = ? AND "
        rows = self._query(
            f"SELECT membership, renewal_date FROM {prefix}dates AS date WHERE {among}renewal_date <= ? AND position <= ? "
            f"AND NOT EXISTS (SELECT 1 FROM {prefix}decisions AS decision WHERE decision.membership = date.membership "
            "AND decision.renewal_date = date.renewal_date AND decision.position <= ?) "
            f"ORDER BY renewal_date, membership {'' if limit is None else 'LIMIT ?'}",
            (
                *(() if membership is None else (membership,)),
                through,
                known,
                known,
                *(() if limit is None else (limit,)),
            ),
        )
        return [(membership, day) for membership, day in rows]

    def overdue(self, day: str, known: int) -> int:
        """How many dates before a day were known and not decided by a position.

        Each date that was decided has one first decision, so that the decided ones are counted, and not looked for one by one.
        """
        prefix, by = self._prefix, "" if known >= self.position else " AND position <= ?"
        parameters = (day, known) if by else (day,)
        ((dates,),) = self._query(f"SELECT COUNT(*) FROM {prefix}dates WHERE renewal_date < ?{by}", parameters)
        ((decided,),) = self._query(
            f"SELECT COUNT(*) FROM {prefix}decisions WHERE renewal_date < ? AND revision = 1{by}", parameters
        )
        return int(dates - decided)

    def decisions(self, membership: str | None, at_us: int, known: int) -> list[DecisionRow]:
        """The decisions taken by an instant, as known by a position, in the order of the ledger; of one membership or all."""
        among, parameters = ("", []) if membership is None else ("membership = ? AND ", [membership])
        rows = self._query(
            f"SELECT membership, renewal_date, revision, position, decided_us, {', '.join(SAID)} "
            f"FROM {self._prefix}decisions WHERE {among}position <= ? AND decided_us <= ? ORDER BY position",
            [*parameters, known, at_us],
        )
        return [DecisionRow(*row) for row in rows]

    def standing_decisions(self, at_us: int, known: int) -> list[tuple[str, str | None, Outcome, int]]:
        """(day, edition, outcome, how many, or how many fewer) of the decisions that stand, by the renewal date."""
        rows = self._standing_by_day(at_us, known)
        return [(day, edition, outcome, int(number)) for day, edition, outcome, number in rows]

    def decisions_of(self, keys: Sequence[Place], at_us: int, known: int) -> dict[int, tuple[DecisionRow, bool]]:
        """By position, of some decisions: the row, and whether a later one on the same is among those asked for."""
        rows = self.rows_of(keys, ("revision", "decided_us", *SAID), at_us, known)
        found = {}
        for key in keys:
            superseded, revision, *said = rows[key.position]
            membership, day = key.of
            found[key.position] = (DecisionRow(membership, day, revision, key.position, *said), superseded)
        return found
