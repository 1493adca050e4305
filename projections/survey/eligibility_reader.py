"""Rows of the eligibility projection, folded: the evidence at any instant as known at any position, and announcements.

A question reads the rows of its memberships that can count around the instant asked for: one window before it, and as
far after it as the next change lies, looked for in growing steps. So the answer costs the same in a book of 10^4 and of
10^7 events.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from ledger.errors import UnknownMembership
from ledger.instants import DAY_US, END_US, earliest_counting_us, format_instant
from ledger.membership import can_be_membership
from ledger.programmes.survey.editions import Edition, Rulebook
from ledger.programmes.survey.events import Cause, Via
from ledger.programmes.survey.flips import next_flip, standing
from ledger.programmes.survey.organisations import Organisations
from ledger.programmes.survey.tally import Evidence
from projections.build_reader import BuildReader
from projections.look_up import look_up
from projections.survey.organisations import load_organisations
from projections.survey.outlook import Outlook

_FIRST_LOOK_AHEAD_US: Final = 400 * DAY_US
CHUNK: Final = 200


class Announced(NamedTuple):
    """An announcement as the table has it."""

    effective_us: int
    satisfied: bool
    via: Via | None
    counted: int
    organisations: int
    cause: Cause
    position: int


class EligibilityReader(BuildReader):
    """Reads one build of the eligibility projection; `prefix` is what the names of its tables start with."""

    def rulebook(self, known_at: int) -> Rulebook:
        """The editions published by a position."""
        rows = self._query(
            "SELECT edition, effective_us, min_responses, per_org_cap, min_organisations, window_months, "
            f"min_evaluations, pool_locations FROM {self._prefix}editions WHERE position <= ? ORDER BY position",
            (known_at,),
        )
        return Rulebook(
            Edition(name, effective_us, responses, cap, organisations, months, evaluations, bool(pools))
            for name, effective_us, responses, cap, organisations, months, evaluations, pools in rows
        )

    def outlook(self, membership: str, at_us: int, known: int) -> Outlook:
        """Where a membership stands at an instant, as known by a position. Raises UnknownMembership.

        Reads what counts around the instant; further ahead, in growing steps, only as far as the next change lies.
        """
        rulebook = self.rulebook(known)
        loaded = self._enrolled([membership], known)
        evidence = loaded[membership]
        from_us = earliest_counting_us(at_us, rulebook.longest_window or 1)
        look_ahead_us = _FIRST_LOOK_AHEAD_US
        through_us = min(at_us + look_ahead_us, END_US)
        self._add_receipts(loaded, known, from_us, through_us)
        found = standing(evidence, rulebook, at_us)
        change_us = next_flip(evidence, rulebook, at_us, found.satisfied, through_us)
        while change_us is None and through_us < END_US:
            look_ahead_us *= 4
            searched_us, through_us = through_us, min(through_us + look_ahead_us, END_US)
            if self._has_receipts_after(membership, known, searched_us):
                self._add_receipts(loaded, known, searched_us + 1, through_us)
            else:
                through_us = END_US
            change_us = next_flip(evidence, rulebook, searched_us, found.satisfied, through_us)
        return Outlook(evidence, rulebook, at_us, found, change_us)

    def evidence_from(
        self, memberships: Sequence[str], from_us: int, known_at: int | None = None
    ) -> dict[str, Evidence]:
        """All that is known by a position to count at `from_us` or later, of several memberships at once."""
        known = self.known_at(known_at)
        widest = self.rulebook(known).longest_window or 1
        loaded = self._enrolled(memberships, known)
        self._add_receipts(loaded, known, earliest_counting_us(from_us, widest), END_US)
        return loaded

    def answered_invitations(self, known_at: int | None, memberships: Sequence[str] | None = None) -> dict[str, int]:
        """How many invitations were answered by a response that is not void, as known by a position.

        Of these memberships, or of all; one that is not named has none. An answer after a voided one answers the same
        invitation again: distinct tokens are counted, not responses.
        """
        known = self.known_at(known_at)
        among = "" if memberships is None else f"membership {_among(memberships)} AND "
        rows = self._query(
            f"SELECT membership, count(DISTINCT answer_token) FROM {self._prefix}responses WHERE {among}"
            "answer_token IS NOT NULL AND position <= ? AND (void_position IS NULL OR void_position > ?) "
            "GROUP BY membership",
            [*(memberships or ()), known, known],
        )
        return {membership: int(answered) for membership, answered in rows}

    def announcements(self, membership: str, known_at: int | None = None) -> list[Announced]:
        """All that was announced of a membership by a position, in the order of the ledger. Raises UnknownMembership."""
        known = self.known_at(known_at)
        self.require(membership, known)
        rows = self._query(
            "SELECT effective_us, satisfied, via, counted, organisations, cause, position "
            f"FROM {self._prefix}announcements WHERE membership = ? AND position <= ? ORDER BY position",
            (membership, known),
        )
        return [Announced(effective_us, bool(satisfied), *others) for effective_us, satisfied, *others in rows]

    def require(self, membership: str, known_at: int | None = None) -> None:
        """Raises UnknownMembership where it was not enrolled by a position."""
        self._enrolled([membership], self.known_at(known_at))

    def name(self, membership: str, known_at: int | None = None) -> str:
        """The name of a membership, as enrolled. Raises UnknownMembership."""
        known = self.known_at(known_at)
        self.require(membership, known)
        ((name,),) = self._query(f"SELECT name FROM {self._prefix}memberships WHERE membership = ?", (membership,))
        return str(name)

    def memberships(self, known_at: int | None = None, after: str = "") -> Iterator[list[tuple[str, str]]]:
        """All (membership, name) beyond one that were enrolled by a position, in order, a chunk at a time."""
        known = self.known_at(known_at)
        while True:
            rows = self._query(
                f"SELECT membership, name FROM {self._prefix}memberships WHERE membership > ? AND position <= ? "
                "ORDER BY membership LIMIT ?",
                (after, known, CHUNK),
            )
            if not rows:
                return
            yield [(membership, name) for membership, name in rows]
            after = rows[-1][0]

    def names(self, memberships: Sequence[str], known: int) -> dict[str, str]:
        """The names of those of some memberships that were enrolled by a position."""
        rows = look_up(
            self._query,
            f"SELECT m.membership, m.name FROM {{wanted}} CROSS JOIN {self._prefix}memberships AS m "
            "WHERE m.membership = wanted.column1 AND m.position <= ?",
            [(membership,) for membership in memberships],
            (known,),
        )
        return dict(rows)

    def announced_between(
        self, after_us: int, until_us: int, known: int, limit: int | None = None
    ) -> list[tuple[int, str]]:
        """(instant, membership) of what was announced by a position to take effect in (after_us, until_us]: all, or so many."""
        rows: list[tuple[int, str]] = self._query(
            f"SELECT effective_us, membership FROM {self._prefix}announcements "
            f"WHERE effective_us > ? AND effective_us <= ? AND position <= ?{'' if limit is None else ' LIMIT ?'}",
            (after_us, until_us, known, *(() if limit is None else (limit,))),
        )
        return rows

    def last_instants(self) -> tuple[int | None, int | None]:
        """When the last response or evaluation was received, and the last instant at which anything announced takes effect."""
        received = [
            last_us
            for table in ("responses", "evaluations")
            for (last_us,) in self._query(f"SELECT max(received_us) FROM {self._prefix}{table}")
            if last_us is not None
        ]
        ((announced_us,),) = self._query(f"SELECT max(effective_us) FROM {self._prefix}announcements")
        return max(received, default=None), announced_us

    def received_between(self, from_us: int, to_us: int) -> list[tuple[str, int]]:
        """(membership, instant) of every response and every evaluation received in [from_us, to_us], void ones among them."""
        return [
            (membership, received_us)
            for table in ("responses", "evaluations")
            for membership, received_us in self._query(
                f"SELECT membership, received_us FROM {self._prefix}{table} WHERE received_us BETWEEN ? AND ?",
                (from_us, to_us),
            )
        ]

    def next_renewal(self, membership: str, at_us: int, known: int) -> str | None:
        """The first renewal date from the day of an instant on that was known by a position; None if there is none."""
        ((day,),) = self._query(
            f"SELECT min(renewal_date) FROM {self._prefix}renewal_dates "
            "WHERE membership = ? AND renewal_date >= ? AND position <= ?",
            (membership, format_instant(at_us)[:10], known),
        )
        return day if day is None else str(day)

    def received(self, known: int, after: tuple[str, int, int], limit: int) -> list[tuple[Any, ...]]:
        """At most `limit` responses known by a position, whenever received, also void ones, in the order of the table.

        Each is (membership, received_us, position, location, customer_org, response, the position by which it was known to be
        void, or None); `after` is the first three of the last.
        """
        return self._query(
            "SELECT membership, received_us, position, location, customer_org, response, "
            f"CASE WHEN void_position <= ? THEN void_position END FROM {self._prefix}responses "
            "WHERE (membership, received_us, position) > (?,?,?) AND position <= ? "
            "ORDER BY membership, received_us, position LIMIT ?",
            (known, *after, known, limit),
        )

    def evaluations(self, known: int) -> list[tuple[str, int, int]]:
        """(membership, received_us, position) of every evaluation known by a position."""
        rows = self._query(
            f"SELECT membership, received_us, position FROM {self._prefix}evaluations WHERE position <= ?", (known,)
        )
        return [(membership, received_us, position) for membership, received_us, position in rows]

    def attributes(self, known: int) -> list[tuple[Any, ...]]:
        """(membership, since_us, position, level or None, Learning as 0 or 1 or None) of all that was said by a position."""
        return self._query(
            f"SELECT membership, since_us, position, level, learning FROM {self._prefix}attributes WHERE position <= ?",
            (known,),
        )

    def joins(self, known: int) -> list[tuple[Any, ...]]:
        """(membership, position, name, name, whether they are one from then on) known by a position, in their order."""
        return self._query(
            f"SELECT membership, position, organisation, same_as, joined FROM {self._prefix}joins WHERE position <= ? "
            "ORDER BY membership, position",
            (known,),
        )

    def edition_positions(self, known: int) -> list[int]:
        """Where each edition known by a position was published, in their order."""
        rows = self._query(
            f"SELECT position FROM {self._prefix}editions WHERE position <= ? ORDER BY position", (known,)
        )
        return [position for (position,) in rows]

    def instants_received(self, membership: str, known: int) -> list[int]:
        """When responses that are not void, and evaluations, were received, and when Learning was said to be held or not."""
        of = (membership, known)
        found = self._query(
            f"SELECT received_us FROM {self._prefix}responses WHERE membership = ? AND position <= ? "
            "AND (void_position IS NULL OR void_position > ?) "
            f"UNION ALL SELECT received_us FROM {self._prefix}evaluations WHERE membership = ? AND position <= ? "
            f"UNION ALL SELECT since_us FROM {self._prefix}attributes "
            "WHERE membership = ? AND position <= ? AND learning IS NOT NULL",
            (*of, known, *of, *of),
        )
        return sorted(instant_us for (instant_us,) in found)

    def joined_names(self, known: int) -> dict[tuple[str, str], str]:
        """(membership, name) -> the name of its organisation, of each name that is one of several as known by a position."""
        rows = self._query(
            f"SELECT DISTINCT membership FROM {self._prefix}joins WHERE position <= ? ORDER BY membership", (known,)
        )
        found: dict[tuple[str, str], str] = {}
        for start in range(0, len(rows), CHUNK):
            memberships = [membership for (membership,) in rows[start : start + CHUNK]]
            organisations = {membership: Organisations() for membership in memberships}
            load_organisations(self._query, self._prefix, organisations, _among(memberships), memberships, known)
            for membership, those in organisations.items():
                found |= {(membership, name): group.name for name, group in those.groups.items()}
        return found

    def _enrolled(self, memberships: Sequence[str], known: int) -> dict[str, Evidence]:
        """Evidence without receipts: locations, levels, Learning. Raises UnknownMembership for the first not enrolled."""
        for membership in memberships:
            if not can_be_membership(membership):
                raise UnknownMembership(membership)
        among, parameters = _among(memberships), [*memberships, known]
        found = self._query(
            f"SELECT membership FROM {self._prefix}memberships WHERE membership {among} AND position <= ?", parameters
        )
        loaded = {membership: Evidence() for (membership,) in found}
        for membership in memberships:
            if membership not in loaded:
                raise UnknownMembership(membership)
        for membership, location in self._query(
            f"SELECT membership, location FROM {self._prefix}locations WHERE membership {among} AND position <= ?",
            parameters,
        ):
            loaded[membership].add_location(location)
        for membership, since_us, position, level, learning in self._query(
            f"SELECT membership, since_us, position, level, learning FROM {self._prefix}attributes "
            f"WHERE membership {among} AND position <= ?",
            parameters,
        ):
            if level is not None:
                loaded[membership].levels.set(since_us, position, level)
            if learning is not None:
                loaded[membership].learning.set(since_us, position, bool(learning))
        organisations = {membership: evidence.organisations for membership, evidence in loaded.items()}
        load_organisations(self._query, self._prefix, organisations, among, memberships, known)
        return loaded

    def _has_receipts_after(self, membership: str, known: int, after_us: int) -> bool:
        return any(
            self._query(
                f"SELECT 1 FROM {self._prefix}{table} WHERE membership = ? AND received_us > ? AND position <= ? LIMIT 1",
                (membership, after_us, known),
            )
            for table in ("responses", "evaluations")
        )

    def _add_receipts(self, loaded: dict[str, Evidence], known: int, from_us: int, through_us: int) -> None:
        """Adds what was received in [from_us, through_us], which follows all that was added before."""
        among = _among(loaded)
        for membership, received_us, position, location, organisation, response in self._query(
            f"SELECT membership, received_us, position, location, customer_org, response FROM {self._prefix}responses "
            f"WHERE membership {among} AND received_us BETWEEN ? AND ? AND position <= ? "
            "AND (void_position IS NULL OR void_position > ?) ORDER BY membership, received_us, position",
            [*loaded, from_us, through_us, known, known],
        ):
            loaded[membership].add_response(location, organisation, received_us, position, response)
        for membership, received_us in self._query(
            f"SELECT membership, received_us FROM {self._prefix}evaluations "
            f"WHERE membership {among} AND received_us BETWEEN ? AND ? AND position <= ? ORDER BY membership, received_us",
            [*loaded, from_us, through_us, known],
        ):
            loaded[membership].evaluations.add(received_us)


def _among(memberships: Sequence[str] | dict[str, Evidence]) -> str:
    return f"IN ({','.join('?' * len(memberships))})"
