"""Why a score differs between two instants, or between two states of knowledge: down to the events behind it.

A metric is told where its points differ. Its causes are whatever is not the same on the two sides, even where another
cause takes the points back; the points of a metric are no sum over its causes, so causes have figures and no points:

    scorebook             another edition is in force; the figures are the editions' names
    close                 another month is compared; the figures are the months
    report                a report counts with another figure, 0 where it does not count: the value of usage in thousandths,
                          as digits since it may pass 2^53, or cents of revenue
    certificate, expiry   a certificate counts on the `to` side only, or on the `from` side only; the figures are 1 and 0

`position` is that of the event that brought about what the `to` side says:

    scorebook             the edition in force there, or, where none is, the one in force on the `from` side
    close                 the last word on when the month was closed; of the month of the `from` side where that one was
                          known to be later and no longer is closed by then, else of the month of the `to` side
    report                the latest report under these keys; where that is the same on both sides, and so are month and
                          edition, the latest report of this (customer, workload, month), which displaced it or let it in
    certificate, expiry   the last word on its end where that makes the difference, else the recording

A report says why it counts otherwise, `because`; so what was restated is told apart from what time brought:

    time         its month is compared on one side only
    rules        its month is compared on both sides, nothing else was reported, and another edition counts it otherwise
    restated     its month is compared on both sides, and a report under these keys was replaced by another, or by 0; or the
                 report that displaces this one, or did, was
    added        the same, but one side knows of no report under those keys: it came later

What the `to` side does not know yet has the position that the `from` side knows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from ledger.instants import format_instant
from ledger.programmes.capability.calendar import YEAR, month_text
from ledger.programmes.capability.flips import Score, score_at
from ledger.programmes.capability.months import ASSOCIATIONS, largest
from projections.capability.cause_reader import Causes, KnownCertificate, Reported
from projections.capability.month_fold import EditionAtHand
from projections.capability.score_reader import ScoreReader
from projections.questions.answer import LEFT_OUT, Instant, MayBeLeftOut, Position

Kind = Literal["scorebook", "close", "report", "certificate", "expiry"]
Because = Literal["time", "rules", "restated", "added"]
Figure = int | str | None
PEOPLE: Final = ("intermediate", "advanced")
NAMES: Final = ("kind", "customer", "workload", "month", "association", "certificate")


class Side(NamedTuple):
    """An instant in microseconds since 1970, and the position up to which something is known (None: the latest)."""

    at_us: int
    known_at: int | None = None


@dataclass(frozen=True, slots=True)
class Cause:
    """What is not the same on both sides (see the module's docstring); it has only the keys that its kind has."""

    kind: Kind
    """What is not the same: edition, month, report, or certificate."""
    figure_from: Figure
    """On the `from` side: a name, a month, cents, 0 or 1, or a value in thousandths as digits; null where there is none."""
    figure_to: Figure
    """The same on the `to` side."""
    position: Position
    """Where the event stands that brought about what the `to` side says."""
    customer: str | MayBeLeftOut = LEFT_OUT
    """Of a report."""
    workload: str | MayBeLeftOut = LEFT_OUT
    """Of a report."""
    month: str | MayBeLeftOut = LEFT_OUT
    """Of a report, YYYY-MM."""
    association: str | MayBeLeftOut = LEFT_OUT
    """Of a report."""
    certificate: str | MayBeLeftOut = LEFT_OUT
    """Of a certificate that is gained or lost."""
    because: Because | MayBeLeftOut = LEFT_OUT
    """Of a report: another month is compared, another edition counts, it was restated, or it came later."""


@dataclass(frozen=True, slots=True)
class MetricExplained:
    """A metric whose points differ, in hundredths, and its causes: those with the largest difference of figures first."""

    metric: str
    """The metric."""
    from_: int
    """Its points on the `from` side, in hundredths."""
    to: int
    """Its points on the `to` side, in hundredths."""
    causes: tuple[Cause, ...]
    """What is not the same on both sides; the points of a metric are no sum over its causes."""


@dataclass(frozen=True, slots=True)
class SideAnswer:
    """One of the two sides, and its score in hundredths of points."""

    at: Instant
    """The instant."""
    known_at: Position
    """The position up to which something is known."""
    centipoints: int
    """The score, in hundredths of points."""
    qualified: bool
    """Whether it is enough, with no metric at zero."""


@dataclass(frozen=True, slots=True)
class ExplainAnswer:
    """Two sides, and every metric whose points differ, the largest difference first."""

    from_: SideAnswer
    """The one side."""
    to: SideAnswer
    """The other side."""
    metrics: tuple[MetricExplained, ...]
    """Every metric whose points differ, the largest difference first."""


@dataclass(frozen=True, slots=True)
class _Side:
    """A side with all that its score is made of."""

    at_us: int
    known: int
    score: Score
    edition: EditionAtHand | None
    causes: Causes

    @property
    def months(self) -> set[int]:
        """The months that are compared."""
        return set() if self.score.month is None else {self.score.month, self.score.month - YEAR}


def explain(reader: ScoreReader, membership: str, area: str, from_side: Side, to_side: Side) -> ExplainAnswer:
    """Why the score is another on the `to` side than on the `from` side.

    Raises UnknownDesignation where the designation was not opened in what one of the sides knows. It reads every report of
    the months that are compared on either side.
    """
    sides = _read(reader, membership, area, from_side), _read(reader, membership, area, to_side)
    before, after = sides[0].score.points, sides[1].score.points
    found = [
        MetricExplained(name, before[name], after[name], tuple(sorted(_causes(name, *sides), key=_rank)))
        for name in before
        if before[name] != after[name]
    ]
    found.sort(key=lambda one: (-abs(one.to - one.from_), one.metric))
    return ExplainAnswer(_answer(sides[0]), _answer(sides[1]), tuple(found))


def _read(reader: ScoreReader, membership: str, area: str, side: Side) -> _Side:
    known = reader.known_at(side.known_at)
    designation = reader.designation(membership, area, side.at_us, known)
    score = score_at(designation, designation.rules.scorebook, side.at_us)
    months = [] if score.month is None else [score.month, score.month - YEAR]
    edition = None if score.edition is None else designation.rules.at_hand(score.edition)
    return _Side(side.at_us, known, score, edition, reader.causes(designation.number, months, known))


def _answer(side: _Side) -> SideAnswer:
    return SideAnswer(format_instant(side.at_us), side.known, side.score.centipoints, side.score.qualified)


def _causes(metric: str, before: _Side, after: _Side) -> Iterator[Cause]:
    yield from _scorebook(before, after)
    if metric in PEOPLE:
        yield from _certificates(metric, before, after)
        return
    yield from _close(before, after)
    yield from _reports(metric == "net-adds", before, after)


def _scorebook(before: _Side, after: _Side) -> Iterator[Cause]:
    names = [None if side.edition is None else side.edition.edition.edition for side in (before, after)]
    position = next((side.edition.position for side in (after, before) if side.edition is not None), 0)
    if names[0] != names[1]:
        yield Cause("scorebook", names[0], names[1], position)


def _close(before: _Side, after: _Side) -> Iterator[Cause]:
    months = before.score.month, after.score.month
    if months[0] == months[1]:
        return
    earlier, later = (None if month is None else month_text(month) for month in months)
    yield Cause("close", earlier, later, _close_position(before, after))


def _close_position(before: _Side, after: _Side) -> int:
    """The last word on the close that makes the difference, as the side after knows it."""
    was, now = before.score.month, after.score.month
    known, earlier = after.causes.closes, before.causes.closes
    if was is not None and was in known and (now is None or now < was) and known[was] != earlier[was]:
        return known[was].position  # it was put to a later instant
    if now is not None:
        return known[now].position
    assert was is not None
    return known[was].position if was in known else earlier[was].position


def _certificates(tier: str, before: _Side, after: _Side) -> Iterator[Cause]:
    earlier, known = before.causes.certificates, after.causes.certificates
    for name in earlier.keys() | known.keys():
        was, now = earlier.get(name), known.get(name)
        one = was if now is None else now
        assert one is not None
        counted = was is not None and was.counts(before.at_us)
        counts = now is not None and now.counts(after.at_us)
        if one.certificate.tier == tier and counted != counts:
            kind: Kind = "certificate" if counts else "expiry"
            yield Cause(kind, int(counted), int(counts), _word_on(was, one, after.at_us), certificate=name)


def _word_on(was: KnownCertificate | None, now: KnownCertificate, at_us: int) -> int:
    """The position of the event that lets a certificate count now, or not.

    That is the last word on its end where that ended it, and not its own valid_until, or where with the word that was the
    last one before it would be otherwise; else the recording.
    """
    if now.end_position is None:
        return now.position
    one = now.certificate
    ended = one.ended_us is not None and one.ended_us <= at_us and (one.until_us is None or one.ended_us < one.until_us)
    otherwise = was is not None and now.if_ended(was.certificate.ended_us).counts(at_us) != now.counts(at_us)
    return now.end_position if ended or otherwise else now.position


class _Counting(NamedTuple):
    """A report that counts: its figure and its association's place."""

    figure: int
    place: int


def _reports(revenue: bool, before: _Side, after: _Side) -> Iterator[Cause]:
    keys = before.causes.reported.keys() | after.causes.reported.keys()
    same_edition = before.edition == after.edition
    same = same_edition and before.score.month == after.score.month
    compared = before.months & after.months
    for key in keys:
        was, now = before.causes.reported.get(key), after.causes.reported.get(key)
        counted, counts = _counting(was, before, revenue), _counting(now, after, revenue)
        if counted == counts:
            continue
        places = {one.place for one in (counted, counts) if one is not None}
        for place in places:
            figures = [one.figure if one is not None and one.place == place else 0 for one in (counted, counts)]
            month, (customer, workload) = key
            if figures[0] == figures[1]:
                continue
            yield Cause(
                "report",
                figures[0] if revenue else str(figures[0]),
                figures[1] if revenue else str(figures[1]),
                _report_position(was, now, place, revenue, same),
                customer=customer,
                workload=workload,
                month=month_text(month),
                association=ASSOCIATIONS[place % len(ASSOCIATIONS)],
                because=_because(was, now, place, revenue, in_both=month in compared, same_edition=same_edition),
            )


def _counting(reported: Reported | None, side: _Side, revenue: bool) -> _Counting | None:
    """What of a pair counts on a side (C13)."""
    if reported is None or side.edition is None:
        return None
    workload = reported.pair[1]
    edition, eligible = side.edition.edition, side.edition.eligible
    amounts = {place: told.figure for place, told in reported.reports.items()}
    amount, place = largest(amounts, eligible.revenue if revenue else eligible.usage(workload))
    if place < 0:
        return None
    return _Counting(amount if revenue else amount * (edition.rate_milli(workload) or 0), place)


def _report_position(was: Reported | None, now: Reported | None, place: int, revenue: bool, same: bool) -> int:
    """The position of the report that made a figure what it is on the side after."""
    earlier = {} if was is None else was.reports
    known = {} if now is None else now.reports
    if place not in known:
        return earlier[place].position
    if same and earlier.get(place) == known[place]:
        return max(told.position for other, told in known.items() if (other < len(ASSOCIATIONS)) == revenue)
    return known[place].position


def _because(
    was: Reported | None, now: Reported | None, place: int, revenue: bool, *, in_both: bool, same_edition: bool
) -> Because:
    """Why a report counts with another figure; see the module's docstring."""
    if not in_both:
        return "time"
    earlier = {} if was is None else was.reports
    known = {} if now is None else now.reports

    def reported(other: int) -> bool:
        """Whether another figure was reported there."""
        figures = [side[other].figure if other in side else 0 for side in (earlier, known)]
        return figures[0] != figures[1]

    if reported(place):
        changed = [place]
    elif not same_edition:
        return "rules"
    else:
        of_its_kind = (other for other in earlier.keys() | known.keys() if (other < len(ASSOCIATIONS)) == revenue)
        changed = [other for other in of_its_kind if reported(other)]
    return "restated" if any(other in earlier and other in known for other in changed) else "added"


def _rank(cause: Cause) -> tuple[object, ...]:
    is_number = cause.kind not in ("scorebook", "close")
    difference = abs(int(cause.figure_to or 0) - int(cause.figure_from or 0)) if is_number else 0
    named = (getattr(cause, name) for name in NAMES)
    return (is_number, -difference, *("" if name is LEFT_OUT else name for name in named))
