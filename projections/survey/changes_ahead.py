"""Who can change status next, and when: instants at which a membership's status may flip, without evaluating any.

The writer keeps beside the book, in the same transaction as the events, when each membership is due for review: an instant
before which nothing that is known flips its status, but for what is announced already. So a status flips

    where that was announced to be so: facts that come late, and an instant asked about that is past, or
    from when the membership is due, at an instant at which a response or an evaluation expires, or an edition takes effect.

Other than that nothing happens by itself: a receipt, a change of level, of competencies or of names is a fact, and a
membership is reviewed up to each of its facts. These instants are read from indexes, some days at a time, and those of who
is not due are left out. Who is due was kept for the end of the book; a membership of which the projections do not have all
events yet may change at any of these instants.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from ledger.instants import BEGINNING_US, DAY_US, add_months, earliest_counting_us
from ledger.programmes.survey.editions import Figures, Rulebook
from ledger.programmes.survey.events import MEMBERSHIP_PREFIX, RULEBOOK_STREAM, membership_of
from ledger.store.base import Reader
from projections.survey.eligibility_reader import EligibilityReader

BEHIND_MAX: Final = 2_000
"""Of so many events that are not projected yet it is looked whom they are about."""
SPAN_US: Final = 2 * DAY_US
SPAN_MAX_US: Final = 16 * DAY_US
"""So much of the time ahead is read at once: twice as much each time, up to a bound."""

SPARE_US: Final = 3 * DAY_US
"""So far the ends of two months can lie apart."""

Candidate = tuple[int, str]
"""An instant, and a membership whose status may flip then."""


class Due(NamedTuple):
    """From when on memberships may change by themselves: those that may by an instant, as the book knows them at its end."""

    from_us: Mapping[str, int]
    complete: bool
    """Whether none can be missing: false where the projections are further behind the book than is looked at."""


def read_due(book: Reader, until_us: int, projected: int) -> Due:
    """Who is due by an instant. `projected` is the position of a view that was opened before."""
    begin = len(MEMBERSHIP_PREFIX)  # cut off here, and not by a call for each of what may be tens of thousands
    found = {stream[begin:]: at_us for stream, at_us in book.due_by(until_us) if stream.startswith(MEMBERSHIP_PREFIX)}
    behind = book.read_feed(projected, BEHIND_MAX + 1)
    touched = [row.stream for row in behind] + [aside.stream for aside in book.set_aside()]
    for stream in touched:
        membership = membership_of(stream)
        if membership is not None:
            found[membership] = BEGINNING_US
    complete = len(behind) <= BEHIND_MAX and all(row.stream != RULEBOOK_STREAM for row in behind)
    return Due(found, complete)


class ChangesAhead:
    """The instants at which a status may flip, in (after_us, until_us], some days at a time."""

    def __init__(self, reader: EligibilityReader, rulebook: Rulebook, due: Mapping[str, int], known: int) -> None:
        self._reader = reader
        self._due = due
        self._known = known
        self._windows = sorted({edition.window_months for edition in rulebook.editions})
        self._starts = _starts(rulebook)

    def memberships(self, after_us: int, until_us: int, limit: int) -> set[str] | None:
        """All whose status may flip; None where they may be more than so many."""
        if len(self._due) > limit:
            return None
        announced = self._reader.announced_between(after_us, until_us, self._known, limit + 1)
        found = {*self._due, *(membership for _, membership in announced)}
        return None if len(announced) > limit or len(found) > limit else found

    def spans(self, after_us: int, until_us: int) -> Iterator[tuple[int, Sequence[Candidate], int]]:
        """(end of the span, its candidates in order, how many rows that took), the earliest first."""
        first_us = min(self._due.values(), default=until_us)
        span_us = SPAN_US
        while after_us < until_us:
            end_us = min(until_us, after_us + span_us)
            span_us = min(max(SPAN_US, SPAN_MAX_US), 2 * span_us)
            found = self._reader.announced_between(after_us, end_us, self._known)
            looked_at = len(found)
            for months in self._windows if first_us <= end_us else ():
                received = self._reader.received_between(*_received_when(max(after_us, first_us - 1), end_us, months))
                looked_at += len(received)
                expiring = ((add_months(received_us, months), membership) for membership, received_us in received)
                found += self._of_due(expiring, after_us, end_us)
            for start_us in self._starts:
                if after_us < start_us <= end_us:
                    found += self._of_due(((start_us, one) for one in self._due), after_us, end_us)
                    looked_at += len(self._due)
            found.sort()  # an index gives most of it in order, which a set would lose
            yield end_us, list(dict.fromkeys(found)), looked_at
            after_us = end_us

    def last_us(self) -> int:
        """An instant after which nothing changes any more."""
        received_us, announced_us = self._reader.last_instants()
        lasts = [*self._starts, *(() if announced_us is None else (announced_us,))]
        if received_us is not None:  # the expiry of an earlier receipt can lie after that of the last one, by some days
            lasts += [add_months(received_us, months) + SPARE_US for months in self._windows]
        return max(lasts, default=BEGINNING_US)

    def _of_due(self, candidates: Iterable[Candidate], after_us: int, end_us: int) -> Iterator[Candidate]:
        """Those of a span at which the membership is due."""
        for one in candidates:
            if after_us < one[0] <= end_us:
                due_us = self._due.get(one[1])
                if due_us is not None and due_us <= one[0]:
                    yield one


def _starts(rulebook: Rulebook) -> list[int]:
    """When editions take effect that ask for something else than the one before."""
    starts = sorted({edition.effective_us for edition in rulebook.editions})
    return [start_us for start_us in starts if _figures(rulebook, start_us - 1) != _figures(rulebook, start_us)]


def _figures(rulebook: Rulebook, at_us: int) -> tuple[Figures, int] | None:
    edition = rulebook.in_force(at_us)
    return None if edition is None else (edition.figures, edition.min_evaluations)


def _received_when(after_us: int, end_us: int, months: int) -> tuple[int, int]:
    """When what expires in (after_us, end_us] under a window of so many months was received, with days to spare."""
    spare_us = DAY_US if months % 12 == 0 else SPARE_US
    from_us, to_us = earliest_counting_us(after_us, months), earliest_counting_us(end_us, months)
    return from_us, end_us if to_us == BEGINNING_US else min(end_us, to_us + 2 * DAY_US + spare_us)
