"""Scores from the projection: of any designation at any instant, as it was known at any position.

A question reads what its designations have of closes and certificates, and of the two compared months a line of sums
each and the few reports since (see `projections.capability.month_reader`). So the answer costs the same for a
partner with ten reports and with millions, in a book of 10^4 and of 10^7 events.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final

from ledger.errors import UnknownDesignation
from ledger.programmes.capability.calendar import YEAR
from ledger.programmes.capability.certificates import Certificate, People
from ledger.programmes.capability.editions import Edition, Scorebook
from ledger.programmes.capability.events import can_be_designation
from ledger.programmes.capability.flips import NEVER, Score, flip_after, score_at
from ledger.programmes.capability.months import Sums
from ledger.programmes.capability.state import Closes
from projections.build_reader import BuildReader
from projections.capability.cause_reader import CauseReader, Causes
from projections.capability.month_fold import Counted, EditionAtHand
from projections.capability.month_reader import LeftOut, MonthReader, Want
from projections.capability.scores import edition_of
from projections.database import Connection
from projections.look_up import look_up

CHUNK: Final = 200
"""So many designations are read at once."""
MONTHS_AHEAD: Final = 4
"""So many months are read at once when the next change is looked for; then twice as many, and so on."""
MONTHS_AHEAD_MAX: Final = 64

Key = tuple[str, str]
"""A membership and an area."""


class Rules:
    """The editions of an area as known by a position."""

    def __init__(self, editions: Sequence[EditionAtHand], known: int) -> None:
        self.scorebook = Scorebook()
        self._by_name: dict[str, EditionAtHand] = {}
        for one in editions:
            if one.position <= known:
                self.scorebook.publish(one.edition.figures)
                self._by_name[one.edition.edition] = one

    def at_hand(self, edition: Edition) -> EditionAtHand:
        """One of the editions, with its position."""
        return self._by_name[edition.edition]


class KnownDesignation:
    """A designation as known by a position, from an instant on: what `score_at` asks of a state (`flips.Scored`).

    What no longer counts at that instant is not in it. Months are read when they are asked for, and then with those that
    will be asked for next if the instants are gone through in order.
    """

    def __init__(
        self, number: int, rules: Rules, closes: Closes, months: MonthReader, from_us: int, known: int
    ) -> None:
        self.number = number
        self.rules = rules
        self.closes = closes
        self.known = known
        self.certificates: dict[str, Certificate] = {}
        """By name."""
        self.read: dict[tuple[int, int], Counted] = {}
        """By month and position of the edition."""
        self._months = months
        self._people: dict[str, People] = {}
        self._ahead = self._months_ahead(from_us)
        self._ahead_at_once = MONTHS_AHEAD

    def people(self, tier: str) -> People:
        """How many people hold a certificate of a tier, from the instant on."""
        found = self._people.get(tier)
        if found is None:
            found = self._people[tier] = People(one for one in self.certificates.values() if one.tier == tier)
        return found

    def sums(self, month: int, edition: Edition) -> Sums:
        """What a month amounts to under an edition."""
        return self.month(month, edition).sums

    def month(self, month: int, edition: Edition) -> Counted:
        """A month under an edition."""
        at_hand = self.rules.at_hand(edition)
        found = self.read.get((month, at_hand.position))
        if found is None:
            wants = [Want(self.number, month, at_hand), *islice(self._ahead, self._ahead_at_once)]
            self._ahead_at_once = min(2 * self._ahead_at_once, MONTHS_AHEAD_MAX)
            for (_, number, position), one in self._months.read(wants, self.known).items():
                self.read.setdefault((number, position), one)
            found = self.read[month, at_hand.position]
        return found

    def compared(self, at_us: int) -> list[Want]:
        """The two months that are compared at an instant, valued by the edition in force then; none where there is none."""
        edition, month = self.rules.scorebook.in_force(at_us), self.closes.last(at_us)
        if edition is None or month is None:
            return []
        at_hand = self.rules.at_hand(edition)
        return [Want(self.number, month, at_hand), Want(self.number, month - YEAR, at_hand)]

    def _months_ahead(self, from_us: int) -> Iterator[Want]:
        """The months that are compared from an instant on, in the order of the instants."""
        instant: int | None = from_us
        while instant is not None:
            yield from (want for want in self.compared(instant) if (want.month, want.edition.position) not in self.read)
            closes, start = self.closes.instants, self.rules.scorebook.next_start(instant)
            place = bisect_right(closes, instant)
            instant = min([*closes[place : place + 1], *([] if start is None else [start])], default=None)


class ScoreReader(BuildReader):
    """Reads one build of the projection of scores; `prefix` is what the names of its tables start with."""

    def __init__(self, connection: Connection, prefix: str, position: int) -> None:
        super().__init__(connection, prefix, position)
        self._months = MonthReader(connection.query, prefix)
        self._editions: dict[str, list[EditionAtHand]] = {}
        self._rules_known: dict[str, tuple[int, Rules]] = {}
        """By area: the position that was asked for last, and the rules known by it."""

    def require(self, membership: str, area: str, known_at: int | None = None) -> None:
        """Raises UnknownDesignation where it was not opened by a position."""
        self._numbers([(membership, area)], self.known_at(known_at))

    def scorebook(self, area: str, known_at: int | None = None) -> Scorebook:
        """The editions of an area published by a position."""
        return self._rules(area, self.known_at(known_at)).scorebook

    def score(self, membership: str, area: str, at_us: int, known_at: int | None = None) -> Score:
        """The score at an instant. Raises UnknownDesignation where it was not opened by then."""
        return self.scores([(membership, area)], at_us, known_at)[membership, area]

    def scores(self, keys: Sequence[Key], at_us: int, known_at: int | None = None) -> dict[Key, Score]:
        """The scores of many designations at an instant, a few statements for every couple of hundred of them.

        Raises UnknownDesignation for the first that was not opened by then.
        """
        found = {}
        for start in range(0, len(keys), CHUNK):
            for key, one in self.designations(keys[start : start + CHUNK], at_us, known_at).items():
                found[key] = score_at(one, one.rules.scorebook, at_us)
        return found

    def next_change(self, one: KnownDesignation, at_us: int, qualified: bool) -> int | None:
        """The first instant after another at which `qualified` becomes otherwise if nothing more arrives, or None.

        The designation must have been read from that instant on, or an earlier one.
        """
        flip_us = flip_after(one, one.rules.scorebook, at_us, qualified)
        return None if flip_us == NEVER else flip_us

    def left_out(self, one: KnownDesignation, at_us: int, limit: int) -> tuple[int, list[LeftOut]]:
        """How many reports of the two months compared at an instant do not count, and the first of them, in order (C13)."""
        found: list[LeftOut] = []
        total = 0
        for want in one.compared(at_us):
            if count := one.month(want.month, want.edition.edition).left_out:
                total += count
                found += self._months.left_out(want, one.known, limit)
        return total, sorted(found)[:limit]

    def edition_positions(self, area: str, known: int) -> list[int]:
        """Where each edition of an area known by a position was published, in their order."""
        rows = self._query(
            f"SELECT position FROM {self._prefix}editions WHERE area = ? AND position <= ? ORDER BY position",
            (area, known),
        )
        return [position for (position,) in rows]

    def numbers(self, area: str, known: int) -> list[tuple[str, int]]:
        """(membership, number in the tables) of every designation of an area that was opened by a position, in order."""
        rows = self._query(
            f"SELECT designation, position FROM {self._prefix}designations WHERE area = ? AND position <= ?",
            (area, known),
        )
        return sorted((name[: -len(area) - 1], number) for name, number in rows)

    def reports(self, area: str, known: int, after: tuple[int, int, int], limit: int) -> list[tuple[Any, ...]]:
        """At most `limit` reports of an area known by a position, in the order of the table.

        Each is (designation, month, position, customer, workload, place, amount); `after` is the first three of the last.
        """
        return self._query(
            f"SELECT r.designation, r.month, r.position, r.customer, r.workload, r.place, r.amount "
            f"FROM {self._prefix}reports AS r WHERE (r.designation, r.month, r.position) > (?,?,?) AND r.position <= ? "
            f"AND r.designation IN (SELECT d.position FROM {self._prefix}designations AS d WHERE d.area = ?) "
            "ORDER BY r.designation, r.month, r.position LIMIT ?",
            (*after, known, area, limit),
        )

    def closes(self, known: int) -> list[tuple[Any, ...]]:
        """(designation, position, month, closed_us) of all that was said of closes by a position."""
        return self._query(
            f"SELECT designation, position, month, closed_us FROM {self._prefix}closes WHERE position <= ?", (known,)
        )

    def certificates(self, known: int) -> list[tuple[Any, ...]]:
        """(designation, certificate, position, person, tier, first_us, until_us or None) of all recorded by a position."""
        return self._query(
            "SELECT designation, certificate, position, person, tier, first_us, until_us "
            f"FROM {self._prefix}certificates WHERE position <= ?",
            (known,),
        )

    def certificate_ends(self, known: int) -> list[tuple[Any, ...]]:
        """(designation, certificate, position, ended_us) of all ends that were told by a position."""
        return self._query(
            f"SELECT designation, certificate, position, ended_us FROM {self._prefix}certificate_ends WHERE position <= ?",
            (known,),
        )

    def causes(self, number: int, months: Sequence[int], known_at: int) -> Causes:
        """What a designation's score is made of, event by event, with the reports of some months."""
        return CauseReader(self._query, self._prefix).read(number, months, known_at)

    def designations(
        self, keys: Sequence[Key], from_us: int, known_at: int | None = None
    ) -> dict[Key, KnownDesignation]:
        """Designations as known by a position, from an instant on, with the months that are compared there."""
        known = self.known_at(known_at)
        numbers = self._numbers(keys, known)
        wanted = [(number,) for number in numbers.values()]
        closes = self._closes(wanted, known)
        found = {}
        for (membership, area), number in numbers.items():
            rules = self._rules(area, known)
            found[membership, area] = KnownDesignation(
                number, rules, Closes(closes.get(number)), self._months, from_us, known
            )
        by_number = {one.number: one for one in found.values()}
        self._add_certificates(by_number, wanted, from_us, known)
        wants = [want for one in found.values() for want in one.compared(from_us)]
        self.read_ahead(list(found.values()), wants, known)
        return found

    def read_ahead(self, ones: Sequence[KnownDesignation], wants: Iterable[Want], known_at: int) -> None:
        """Reads months of many designations that will be asked for, a few statements for all of them."""
        by_number = {one.number: one for one in ones}
        unread = [want for want in wants if (want.month, want.edition.position) not in by_number[want.designation].read]
        for (number, month, position), found in self._months.read(unread, known_at).items():
            by_number[number].read[month, position] = found

    def designation(self, membership: str, area: str, from_us: int, known_at: int | None = None) -> KnownDesignation:
        """One designation. Raises UnknownDesignation where it was not opened by then."""
        return self.designations([(membership, area)], from_us, known_at)[membership, area]

    def _numbers(self, keys: Sequence[Key], known: int) -> dict[Key, int]:
        for membership, area in keys:
            if not can_be_designation(membership, area):
                raise UnknownDesignation(membership, area)
        rows = look_up(
            self._query,
            f"SELECT d.designation, d.position FROM {{wanted}} CROSS JOIN {self._prefix}designations AS d "
            "WHERE d.designation = wanted.column1 AND d.position <= ?",
            [(f"{membership}/{area}",) for membership, area in keys],
            (known,),
        )
        numbers = dict(rows)
        for membership, area in keys:
            if f"{membership}/{area}" not in numbers:
                raise UnknownDesignation(membership, area)
        return {(membership, area): numbers[f"{membership}/{area}"] for membership, area in keys}

    def _rules(self, area: str, known: int) -> Rules:
        found_at, found = self._rules_known.get(area, (None, None))
        if found is not None and found_at == known:
            return found
        editions = self._editions.get(area)
        if editions is None:
            rows = self._query(
                f"SELECT position, figures FROM {self._prefix}editions WHERE area = ? ORDER BY position", (area,)
            )
            editions = [EditionAtHand.of(position, edition_of(figures)) for position, figures in rows]
            self._editions[area] = editions
        rules = Rules(editions, known)
        self._rules_known[area] = known, rules
        return rules

    def _closes(self, numbers: Sequence[tuple[int]], known: int) -> Mapping[int, dict[int, int]]:
        rows = look_up(
            self._query,
            f"SELECT c.designation, c.position, c.month, c.closed_us FROM {{wanted}} CROSS JOIN {self._prefix}closes AS c "
            "WHERE c.designation = wanted.column1 AND c.position <= ?",
            numbers,
            (known,),
        )
        found: defaultdict[int, dict[int, int]] = defaultdict(dict)
        for number, _, month, closed_us in sorted(rows):
            found[number][month] = closed_us
        return found

    def _add_certificates(
        self, designations: Mapping[int, KnownDesignation], numbers: Sequence[tuple[int]], from_us: int, known: int
    ) -> None:
        rows: list[Any] = look_up(
            self._query,
            "SELECT c.designation, c.certificate, c.person, c.tier, c.first_us, c.until_us FROM {wanted} "
            f"CROSS JOIN {self._prefix}certificates AS c WHERE c.designation = wanted.column1 AND c.position <= ? "
            "AND (c.until_us IS NULL OR c.until_us > ?)",
            numbers,
            (known, from_us),
        )
        certificates = {
            (number, name): Certificate(person, tier, first_us, until_us)
            for number, name, person, tier, first_us, until_us in rows
        }
        if not certificates:
            return
        ends = look_up(
            self._query,
            "SELECT e.designation, e.certificate, e.position, e.ended_us FROM {wanted} "
            f"CROSS JOIN {self._prefix}certificate_ends AS e WHERE e.designation = wanted.column1 AND e.position <= ?",
            numbers,
            (known,),
        )
        for number, name, _, ended_us in sorted(ends):
            if (one := certificates.get((number, name))) is not None:
                one.ended_us = ended_us
        for (number, name), one in certificates.items():
            designations[number].certificates[name] = one
