"""Anniversaries that are not decided: the overdue ones first, then those ahead, and what is at risk before each (C3, C5, C10).

A designation needs to be qualified on one day of the anniversary's window. So of each it is told whether there was such a
day, or will be if nothing more arrives; what the score will be when the window ends; which certificates expire until then;
and what the next close would bring with what is reported by now, since it is the month a year before it, which nobody can
change any more by selling, that decides what there is to be grown over.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal, cast

from ledger.instants import DAY_US, format_instant, midnight_us, parse_date, parse_instant
from ledger.programmes.capability.answers import metrics_of
from ledger.programmes.capability.calendar import FIRST_MONTH, LAST_MONTH, YEAR, month_number, month_text
from ledger.programmes.capability.certificates import Certificate, People
from ledger.programmes.capability.editions import Edition
from ledger.programmes.capability.events import Metrics, Tier
from ledger.programmes.capability.flips import score_at
from ledger.programmes.capability.months import Sums
from ledger.programmes.capability.next_steps import missing_centipoints
from ledger.programmes.capability.outcome import decide_designation, window
from ledger.programmes.capability.state import Closes
from projections.capability.designations_reader import CHUNK, Undecided
from projections.capability.month_reader import Want
from projections.capability.score_reader import KnownDesignation
from projections.questions.answer import Day, Instant, Position
from projections.questions.changes import Metric
from projections.questions.designations import zero_metrics
from projections.questions.view import View

Outlook = Literal["qualified", "expected", "missing"]


@dataclass(frozen=True, slots=True)
class ExpiringCertificate:
    """A certificate that counts now and will not any more when the window ends."""

    certificate: str
    """The certificate."""
    person: str
    """Who holds it; another certificate of the same tier may go on counting."""
    tier: Tier
    """Of which tier it is."""
    until: Instant
    """The first instant at which it no longer counts."""


@dataclass(frozen=True, slots=True)
class NextClose:
    """The score if the next month were closed now, with what is reported of it and of the month a year before."""

    month: str
    """The month after the last one that was closed, YYYY-MM."""
    compared_with: str
    """The same month a year before."""
    centipoints: int
    """The score, in hundredths of points."""
    qualified: bool
    """Whether it would be qualified."""
    metrics: Metrics
    """The five metrics, with their figures of both months."""


@dataclass(frozen=True, slots=True)
class AnniversaryLine:
    """An anniversary that is not decided."""

    membership: str
    """The membership."""
    area: str
    """The solution area of the designation."""
    anniversary: Day
    """YYYY-MM-DD."""
    days: int
    """Days until it begins; negative once it has."""
    overdue: bool
    """Whether its window is over."""
    window_from: Instant
    """The first instant of the window."""
    window_to: Instant
    """The last instant of the window."""
    outlook: Outlook
    """qualified: on some day of the window it was; expected: it will be if nothing more arrives; missing: neither."""
    qualified_at: Instant | None
    """The earliest instant of the window at which it was, or will be, qualified; null where there is none."""
    centipoints: int
    """The score now, in hundredths of points."""
    qualified: bool
    """Whether it is qualified now."""
    centipoints_at_end: int
    """The score at the last instant of the window, if nothing more arrives."""
    qualified_at_end: bool
    """Whether it is qualified then."""
    missing_centipoints_at_end: int | None
    """What lacks to the minimum then, 0 where it is reached; null where no edition is in force."""
    zero_at_end: tuple[Metric, ...]
    """The metrics without points then; with one of them nobody is qualified."""
    expiring: tuple[ExpiringCertificate, ...]
    """Certificates that count now and no longer when the window ends, the earliest first."""
    next_close: NextClose | None
    """What the next close would bring; null where no edition is in force, or no month can follow."""
    known_at: Position
    """The position up to which something is known."""


def anniversaries(view: View, at_us: int, within_days: int, known_at: int | None = None) -> list[AnniversaryLine]:
    """Anniversaries up to so many days ahead that were not decided in what a position knew, the earliest first."""
    reader, scores = view.designations(), view.scores()
    known = min(reader.known_at(known_at), scores.known_at(known_at))
    today = date(1970, 1, 1) + timedelta(days=at_us // DAY_US)
    last = today + timedelta(days=min(within_days, (date.max - today).days))
    undecided = reader.undecided(last.isoformat(), known)
    answers: list[AnniversaryLine] = []
    for start in range(0, len(undecided), CHUNK):
        chunk = undecided[start : start + CHUNK]
        windows = [window(scores.scorebook(one.area, known), one.anniversary) for one in chunk]
        keys = sorted({(one.membership, one.area) for one in chunk})
        from_us = min(at_us, *(from_us for from_us, _ in windows))
        found = scores.designations(keys, from_us, known)
        ones = [found[one.membership, one.area] for one in chunk]
        wants = [
            want
            for one, (first_us, to_us) in zip(ones, windows, strict=True)
            for want in _wanted(one, at_us, first_us, to_us)
        ]
        scores.read_ahead(list(found.values()), wants, known)
        for undecided_one, known_one, span in zip(chunk, ones, windows, strict=True):
            answers.append(_line(undecided_one, known_one, span, at_us, known))
    return answers


def _line(
    undecided: Undecided, one: KnownDesignation, span: tuple[int, int], at_us: int, known: int
) -> AnniversaryLine:
    scorebook, (from_us, to_us) = one.rules.scorebook, span
    outcome = decide_designation(one, scorebook, undecided.anniversary, to_us)
    qualified_at: str | None = outcome["first_qualified_at"]
    now, end = score_at(one, scorebook, at_us), score_at(one, scorebook, to_us)
    return AnniversaryLine(
        membership=undecided.membership,
        area=undecided.area,
        anniversary=undecided.anniversary,
        days=(midnight_us(parse_date(undecided.anniversary)) - at_us + DAY_US - 1) // DAY_US,
        overdue=at_us > to_us,
        window_from=format_instant(from_us),
        window_to=format_instant(to_us),
        outlook=_outlook(qualified_at, at_us),
        qualified_at=qualified_at,
        centipoints=now.centipoints,
        qualified=now.qualified,
        centipoints_at_end=end.centipoints,
        qualified_at_end=end.qualified,
        missing_centipoints_at_end=missing_centipoints(end),
        zero_at_end=zero_metrics(end),
        expiring=_expiring(one.certificates, at_us, to_us),
        next_close=_next_close(one, at_us),
        known_at=known,
    )


def _outlook(qualified_at: str | None, at_us: int) -> Outlook:
    if qualified_at is None:
        return "missing"
    return "qualified" if parse_instant(qualified_at) <= at_us else "expected"


def _expiring(certificates: dict[str, Certificate], at_us: int, to_us: int) -> tuple[ExpiringCertificate, ...]:
    ending = sorted(
        (one.end_us, name, one)
        for name, one in certificates.items()
        if one.end_us is not None and one.first_us <= at_us < one.end_us <= to_us
    )
    return tuple(
        ExpiringCertificate(name, one.person, cast(Tier, one.tier), format_instant(end_us))
        for end_us, name, one in ending
    )


class _IfClosed:
    """A designation as it would be if one more month had been closed at an instant (`flips.Scored`)."""

    def __init__(self, one: KnownDesignation, month: int, closed_us: int) -> None:
        self._one = one
        self.closes = Closes({**one.closes.closed_us, month: closed_us})

    def people(self, tier: str) -> People:
        """As they are."""
        return self._one.people(tier)

    def sums(self, month: int, edition: Edition) -> Sums:
        """As they are."""
        return self._one.sums(month, edition)


def _next_close(one: KnownDesignation, at_us: int) -> NextClose | None:
    scorebook, month = one.rules.scorebook, _next_month(one, at_us)
    if scorebook.in_force(at_us) is None or month is None:
        return None
    score = score_at(_IfClosed(one, month, at_us), scorebook, at_us)
    return NextClose(
        month=month_text(month),
        compared_with=month_text(month - YEAR),
        centipoints=score.centipoints,
        qualified=score.qualified,
        metrics=metrics_of(score),
    )


def _next_month(one: KnownDesignation, at_us: int) -> int | None:
    """The month after the last closed one; where none was closed, the last one that is over.

    None where nothing can be reported of it, or of the month a year before.
    """
    last = one.closes.last(at_us)
    month = month_number(format_instant(at_us)[:7]) - 1 if last is None else last + 1
    return month if FIRST_MONTH + YEAR <= month <= LAST_MONTH else None


def _wanted(one: KnownDesignation, at_us: int, from_us: int, to_us: int) -> Iterator[Want]:
    """The months that a line asks for: those compared at any instant up to the window's end, and those of the next close."""
    scorebook = one.rules.scorebook
    starts: list[int] = []
    start = scorebook.next_start(from_us)
    while start is not None and start <= to_us:
        starts.append(start)
        start = scorebook.next_start(start)
    closes = [instant for instant in one.closes.instants if from_us < instant <= to_us]
    for instant in (from_us, at_us, to_us, *starts, *closes):
        yield from one.compared(instant)
    edition, month = scorebook.in_force(at_us), _next_month(one, at_us)
    if edition is not None and month is not None:
        at_hand = one.rules.at_hand(edition)
        for number in (month, month - YEAR):
            yield Want(one.number, number, at_hand)
