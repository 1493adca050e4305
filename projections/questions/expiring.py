"""Certificates of a designation that will expire, and what the score falls to where it does (C10), if nothing more arrives.

A certificate takes points with it only where its person holds no other of the tier, and fewer people give fewer points:
so each has the people and the points of its tier just before it ends, and from then on. Who holds it is not told.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, cast

from ledger.instants import END_US, add_months, format_instant
from ledger.programmes.capability.certificates import Certificate
from ledger.programmes.capability.events import Tier
from ledger.programmes.capability.flips import score_at
from projections.capability.score_reader import KnownDesignation, ScoreReader
from projections.questions.answer import Count, Instant, Position

MONTHS: Final = 6
MONTHS_MAX: Final = 120
LISTED_MAX: Final = 100
"""So many are told of at most, the first that end."""


@dataclass(frozen=True, slots=True)
class EndingCertificate:
    """A certificate that counts at the instant asked for and will not count any more."""

    certificate: str
    """The certificate's reference."""
    tier: Tier
    """Of which tier it is."""
    until: Instant
    """The first instant at which it no longer counts."""
    people_before: Count
    """People who hold a certificate of the tier just before that."""
    people: Count
    """People who hold one from then on; as many where this one's person holds another."""
    tier_centipoints_before: int
    """The points of the tier just before that, in hundredths."""
    tier_centipoints: int
    """The points of the tier from then on."""
    centipoints: int
    """The score from then on, in hundredths of points."""
    qualified: bool
    """Whether it is qualified from then on."""


@dataclass(frozen=True, slots=True)
class Expiring:
    """The certificates of a designation that will expire within some months."""

    membership: str
    """The membership."""
    area: str
    """The solution area of the designation."""
    at: Instant
    """The instant asked for."""
    known_at: Position
    """The position up to which something is known."""
    through: Instant
    """The last instant that is looked at."""
    centipoints: int
    """The score at the instant asked for, in hundredths of points."""
    qualified: bool
    """Whether it is qualified then."""
    total: Count
    """How many certificates will expire."""
    certificates: tuple[EndingCertificate, ...]
    """The first of them, those that end earliest before the others."""


def expiring(
    reader: ScoreReader, membership: str, area: str, at_us: int, known_at: int | None = None, months: int = MONTHS
) -> Expiring:
    """What counts at an instant and no longer so many months on. Raises UnknownDesignation."""
    known = reader.known_at(known_at)
    one = reader.designation(membership, area, at_us, known)
    now = score_at(one, one.rules.scorebook, at_us)
    through_us = min(END_US, add_months(at_us, months))
    ending = sorted(
        (end_us, name, certificate)
        for name, certificate in one.certificates.items()
        if (end_us := certificate.end_us) is not None and certificate.first_us <= at_us < end_us <= through_us
    )
    return Expiring(
        membership=membership,
        area=area,
        at=format_instant(at_us),
        known_at=known,
        through=format_instant(through_us),
        centipoints=now.centipoints,
        qualified=now.qualified,
        total=len(ending),
        certificates=tuple(_ending(one, *each) for each in ending[:LISTED_MAX]),
    )


def _ending(one: KnownDesignation, end_us: int, name: str, certificate: Certificate) -> EndingCertificate:
    scorebook, tier = one.rules.scorebook, certificate.tier
    before, after = score_at(one, scorebook, end_us - 1), score_at(one, scorebook, end_us)
    return EndingCertificate(
        certificate=name,
        tier=cast(Tier, tier),
        until=format_instant(end_us),
        people_before=before.people[tier],
        people=after.people[tier],
        tier_centipoints_before=before.points[tier],
        tier_centipoints=after.points[tier],
        centipoints=after.centipoints,
        qualified=after.qualified,
    )
