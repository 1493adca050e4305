"""Rows of the renewals projection: the renewal dates that are not decided, and the decisions, as known by a position."""

from __future__ import annotations

from typing import NamedTuple

from ledger.programmes.survey.events import Outcome, Via
from projections.build_reader import BuildReader
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


class RenewalsReader(BuildReader):
    """Reads one build of the renewals projection; `prefix` is what the names of its tables start with."""

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

    def decisions(self, membership: str | None, at_us: int, known: int) -> list[DecisionRow]:
        """The decisions taken by an instant, as known by a position, in the order of the ledger; of one membership or all."""
        among, parameters = ("", []) if membership is None else ("membership = ? AND ", [membership])
        rows = self._query(
            f"SELECT membership, renewal_date, revision, position, decided_us, {', '.join(SAID)} "
            f"FROM {self._prefix}decisions WHERE {among}position <= ? AND decided_us <= ? ORDER BY position",
            [*parameters, known, at_us],
        )
        return [DecisionRow(*row) for row in rows]
