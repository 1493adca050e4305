"""Reads one build of the designations projection: what was known by a position, of one designation or of all of them.

Many designations are read a chunk at a time, in the order of their keys, with one statement a table for each chunk.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import orjson

from ledger.errors import UnknownDesignation
from ledger.membership import can_be_membership
from ledger.programmes.capability.events import Cause, Outcome
from projections.decision_reader import DecisionReader, Place

CHUNK: Final = 200

Key = tuple[str, str]
"""A designation: its membership and its area."""


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision: on which anniversary, when it had occurred (microseconds since 1970), and the data of its event."""

    membership: str
    area: str
    anniversary: str
    position: int
    decided_us: int
    outcome: Outcome
    said: dict[str, Any]


class LastDecision(NamedTuple):
    """The last decision on an anniversary; `reached_us` is the last instant that could be looked at then."""

    membership: str
    anniversary: str
    revision: int
    position: int
    reached_us: int
    outcome: Outcome


class DecidedOutcome(NamedTuple):
    """What was decided on an anniversary."""

    anniversary: str
    outcome: Outcome


class Announced(NamedTuple):
    """An announcement; it replaces everything announced from `effective_us` on."""

    effective_us: int
    qualified: bool
    centipoints: int
    cause: Cause
    position: int


class Undecided(NamedTuple):
    """An anniversary that was set and not decided."""

    anniversary: str
    membership: str
    area: str


class DesignationsReader(DecisionReader):
    """`prefix` is what the names of the build's tables start with, `position` that of the last event in them."""

    of = ("membership", "area", "anniversary")
    outcomes = Outcome

    def require(self, membership: str, area: str, known: int) -> None:
        """Raises UnknownDesignation where a membership had not opened one in an area by a position."""
        if area not in self.areas_of(membership, known):
            raise UnknownDesignation(membership, area)

    def require_area(self, area: str, known: int) -> None:
        """Raises UnknownDesignation where nobody had opened one in an area by a position: a name that is misspelt."""
        if not self._query(
            f"SELECT 1 FROM {self._prefix}designations WHERE area = ? AND position <= ? LIMIT 1", (area, known)
        ):
            raise UnknownDesignation("", area)

    def areas_of(self, membership: str, known: int) -> list[str]:
        """The areas in which a membership had opened a designation by a position, in order."""
        if not can_be_membership(membership):
            return []
        rows = self._query(
            f"SELECT area FROM {self._prefix}designations WHERE membership = ? AND position <= ? ORDER BY area",
            (membership, known),
        )
        return [area for (area,) in rows]

    def keys(
        self, known: int, area: str | None = None, after: Key = ("", ""), membership: str | None = None
    ) -> Iterator[list[Key]]:
        """All designations beyond one that were opened by a position, in order, a chunk at a time.

        Those of one area, or of one membership, where these are given.
        """
        named = {name: value for name, value in (("area", area), ("membership", membership)) if value is not None}
        within, parameters = "".join(f" AND {name} = ?" for name in named), list(named.values())
        while True:
            rows = self._query(
                f"SELECT membership, area FROM {self._prefix}designations WHERE (membership, area) > (?, ?) "
                f"AND position <= ?{within} ORDER BY membership, area LIMIT ?",
                [*after, known, *parameters, CHUNK],
            )
            if not rows:
                return
            after = (rows[-1][0], rows[-1][1])
            yield [(membership, area) for membership, area in rows]

    def anniversaries(self, keys: Sequence[Key], known: int) -> dict[Key, list[str]]:
        """The anniversaries set by a position for designations that follow one another, the earliest first."""
        found: defaultdict[Key, list[str]] = defaultdict(list)
        for membership, area, day in self._of_chunk("anniversary", "anniversaries", keys, known, "anniversary"):
            found[membership, area].append(day)
        return found

    def decisions(self, keys: Sequence[Key], at_us: int, known: int) -> dict[Key, list[DecidedOutcome]]:
        """What was decided by an instant, as known by a position, for designations that follow one another.

        By anniversary, and those on the same in the order in which they were recorded.
        """
        found: defaultdict[Key, list[DecidedOutcome]] = defaultdict(list)
        rows = self._of_chunk("decided_us, anniversary, outcome", "decisions", keys, known, "anniversary, position")
        for membership, area, decided_us, *said in rows:
            if decided_us <= at_us:
                found[membership, area].append(DecidedOutcome(*said))
        return found

    def all_decisions(self, membership: str | None, area: str | None, at_us: int, known: int) -> list[Decided]:
        """Decisions that had occurred by an instant, as known by a position, in the order of the ledger.

        Of all designations, or of those of a membership, of an area, or of both.
        """
        named = [(name, value) for name, value in (("membership", membership), ("area", area)) if value is not None]
        among = "".join(f"{name} = ? AND " for name, _ in named)
        rows = self._query(
            "SELECT membership, area, anniversary, position, decided_us, outcome, said "
            f"FROM {self._prefix}decisions WHERE {among}position <= ? AND decided_us <= ? ORDER BY position",
            [*(value for _, value in named), known, at_us],
        )
        return [
            Decided(member, of_area, anniversary, position, decided_us, outcome, orjson.loads(said))
            for member, of_area, anniversary, position, decided_us, outcome, said in rows
        ]

    def decisions_of(self, keys: Sequence[Place], at_us: int, known: int) -> dict[int, tuple[Decided, bool]]:
        """By position, of some decisions: the row, and whether a later one on the same is among those asked for."""
        rows = self.rows_of(keys, ("decided_us", "outcome", "said"), at_us, known)
        found = {}
        for key in keys:
            superseded, decided_us, outcome, said = rows[key.position]
            membership, area, anniversary = key.of
            decided = Decided(membership, area, anniversary, key.position, decided_us, outcome, orjson.loads(said))
            found[key.position] = (decided, superseded)
        return found

    def standing_decisions(self, at_us: int, known: int) -> list[tuple[str, str | None, Outcome, int]]:
        """(day, edition, outcome, how many, or how many fewer) of the decisions that stand, by the anniversary."""
        rows = self._standing_by_day(at_us, known)
        return [(day, edition, outcome, int(number)) for day, edition, outcome, number in rows]

    def last_decisions(self, area: str, known: int) -> list[LastDecision]:
        """The last decision on each anniversary in an area, as known by a position, in the order of the ledger."""
        rows = self._query(
            "SELECT membership, anniversary, revision, position, reached_us, outcome "
            f"FROM {self._prefix}decisions WHERE area = ? AND position <= ? ORDER BY position",
            (area, known),
        )
        newest = {row[:2]: LastDecision(*row) for row in rows}
        return sorted(newest.values(), key=lambda one: one.position)

    def undecided(self, through: str, known: int) -> list[Undecided]:
        """Anniversaries up to and including a day that were known and not decided by a position.

        The earliest first, so that what is overdue comes before what is ahead.
        """
        rows = self._query(
            f"SELECT anniversary, membership, area FROM {self._prefix}anniversaries AS day "
            "WHERE anniversary <= ? AND position <= ? "
            f"AND NOT EXISTS (SELECT 1 FROM {self._prefix}decisions AS decision WHERE decision.membership = day.membership "
            "AND decision.area = day.area AND decision.anniversary = day.anniversary AND decision.position <= ?) "
            "ORDER BY anniversary, membership, area",
            (through, known, known),
        )
        return [Undecided(*row) for row in rows]

    def announcements(self, membership: str, area: str, known_at: int | None = None) -> list[Announced]:
        """All announcements made by a position, in the order of the ledger. Raises UnknownDesignation."""
        known = self.known_at(known_at)
        self.require(membership, area, known)
        rows = self._query(
            f"SELECT effective_us, qualified, centipoints, cause, position FROM {self._prefix}announcements "
            "WHERE membership = ? AND area = ? AND position <= ? ORDER BY position",
            (membership, area, known),
        )
        return [Announced(effective_us, bool(qualified), *said) for effective_us, qualified, *said in rows]

    def _of_chunk(self, columns: str, table: str, keys: Sequence[Key], known: int, order: str) -> list[tuple[Any, ...]]:
        """Rows of all designations from the first to the last of some keys that stand in order."""
        if not keys:
            return []
        return self._query(
            f"SELECT membership, area, {columns} FROM {self._prefix}{table} WHERE (membership, area) >= (?, ?) "
            f"AND (membership, area) <= (?, ?) AND position <= ? ORDER BY membership, area, {order}",
            [*keys[0], *keys[-1], known],
        )
