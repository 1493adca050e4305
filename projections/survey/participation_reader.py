"""Rows of the participation projection: counts by membership, quarter or month, and how many invitations were sent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from projections.build_reader import BuildReader
from projections.survey.participation import COUNTERS

By = Literal["membership", "quarter", "month"]


class ParticipationReader(BuildReader):
    """Reads one build of the participation projection; `prefix` is what the names of its tables start with."""

    def counts(self, membership: str | None, by: By) -> dict[str, dict[str, int]]:
        """A count for each of COUNTERS by membership, quarter (YYYY-Qn) or month (YYYY-MM), in the order of these.

        Of one membership, or of all together.
        """
        sums = ", ".join(f"sum({name})" for name in COUNTERS)
        group = "membership" if by == "membership" else "month"
        table = "totals" if membership is None and by != "membership" else "months"
        where, parameters = ("WHERE membership = ?", [membership]) if membership is not None else ("", [])
        rows = self._query(
            f"SELECT {group}, {sums} FROM {self._prefix}{table} {where} GROUP BY {group} ORDER BY {group}", parameters
        )
        groups: dict[str, dict[str, int]] = {}
        for key, *counts in rows:
            name = f"{key[:4]}-Q{(int(key[5:7]) + 2) // 3}" if by == "quarter" else key
            found = groups.setdefault(name, dict.fromkeys(COUNTERS, 0))
            for counter, count in zip(COUNTERS, counts, strict=True):
                found[counter] += int(count)
        return groups

    def sent_invitations(self, memberships: Sequence[str], known: int) -> dict[str, int]:
        """How many invitations were sent, as known by a position, of those memberships that sent any."""
        marks = ",".join("?" * len(memberships))
        rows = self._query(
            f"SELECT membership, count(*) FROM {self._prefix}sent WHERE membership IN ({marks}) AND position <= ? "
            "GROUP BY membership",
            [*memberships, known],
        )
        return {membership: int(sent) for membership, sent in rows}
