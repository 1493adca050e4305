"""What a score was made of, event by event, as known by a position: for who asks why it is what it is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from ledger.programmes.capability.certificates import Certificate
from projections.capability.month_fold import Pair
from projections.look_up import Query


class Told(NamedTuple):
    """A figure, and the position of the event that says so."""

    figure: int
    position: int


class Reported(NamedTuple):
    """The latest reports of a pair in a month by their places, also those of 0."""

    month: int
    pair: Pair
    reports: dict[int, Told]


class KnownCertificate(NamedTuple):
    """A certificate, the position at which it was recorded, and that of the last word on its end (None: there is none)."""

    name: str
    certificate: Certificate
    position: int
    end_position: int | None

    def if_ended(self, ended_us: int | None) -> KnownCertificate:
        """As it would be if another word on its end were the last one; None: if there were none."""
        return self._replace(certificate=replace(self.certificate, ended_us=ended_us))

    def counts(self, at_us: int) -> bool:
        """Whether it counts at an instant (C10)."""
        end_us = self.certificate.end_us
        return self.certificate.first_us <= at_us and (end_us is None or at_us < end_us)


@dataclass(slots=True)
class Causes:
    """What a designation's score is made of as known by a position: closes by month, certificates by name."""

    closes: dict[int, Told] = field(default_factory=dict)
    certificates: dict[str, KnownCertificate] = field(default_factory=dict)
    reported: dict[tuple[int, Pair], Reported] = field(default_factory=dict)


class CauseReader:
    """Reads one build of the projection of scores. What is asked of reports costs as much as there are in those months."""

    def __init__(self, query: Query, prefix: str) -> None:
        self._query = query
        self._prefix = prefix

    def read(self, designation: int, months: Sequence[int], known: int) -> Causes:
        """Closes and certificates of a designation by its number, and the reports of some months."""
        found = Causes()
        for month, closed_us, position in self._query(
            f"SELECT month, closed_us, position FROM {self._prefix}closes "
            "WHERE designation = ? AND position <= ? ORDER BY position",
            (designation, known),
        ):
            found.closes[month] = Told(closed_us, position)
        self._add_certificates(found, designation, known)
        reports: defaultdict[tuple[int, Pair], dict[int, Told]] = defaultdict(dict)
        for month in months:
            for customer, workload, place, amount, position in self._query(
                f"SELECT customer, workload, place, amount, position FROM {self._prefix}reports "
                "WHERE designation = ? AND month = ? AND position <= ? ORDER BY position",
                (designation, month, known),
            ):
                reports[month, (customer, workload)][place] = Told(amount, position)
        found.reported = {key: Reported(*key, told) for key, told in reports.items()}
        return found

    def _add_certificates(self, found: Causes, designation: int, known: int) -> None:
        ends: dict[str, Told] = {}
        for name, ended_us, position in self._query(
            f"SELECT certificate, ended_us, position FROM {self._prefix}certificate_ends "
            "WHERE designation = ? AND position <= ? ORDER BY position",
            (designation, known),
        ):
            ends[name] = Told(ended_us, position)
        for name, person, tier, first_us, until_us, position in self._query(
            "SELECT certificate, person, tier, first_us, until_us, position "
            f"FROM {self._prefix}certificates WHERE designation = ? AND position <= ?",
            (designation, known),
        ):
            end = ends.get(name)
            one = Certificate(person, tier, first_us, until_us, None if end is None else end.figure)
            found.certificates[name] = KnownCertificate(name, one, position, None if end is None else end.position)
