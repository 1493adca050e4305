"""The feed of what was announced, of every programme, from a position on: each once, in the order of the ledger.

It is read from the book itself, not from a projection: who keeps the last position misses nothing and sees nothing twice.
A feed of one type, or of one membership, has the others left out, and moves on over them all the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

from ledger.book import making_sense
from ledger.errors import BrokenHistory, PositionUnknown
from ledger.membership import membership_or_stream
from ledger.programmes.capability.events import Cause as DesignationCause
from ledger.programmes.capability.events import Track, designation_stream
from ledger.programmes.capability.programme import CAPABILITY
from ledger.programmes.registry import PROGRAMMES
from ledger.programmes.survey.events import Cause, Via, membership_stream
from ledger.programmes.survey.programme import SURVEY
from ledger.store.base import Reader, Row
from projections.questions.answer import Count, Instant, Number, Position

PAGE: Final = 1_000

Metric = Literal["net-adds", "intermediate", "advanced", "usage-growth", "deployments"]


@dataclass(frozen=True, slots=True)
class EligibilityChange:
    """A change of a membership's eligibility; it replaces all that was announced of it from `effective_at` on."""

    position: Position
    """Where the announcement stands in the ledger."""
    membership: str
    """The membership."""
    cause: Cause
    """What changed it."""
    counted: Count
    """Responses applied then, at `location`."""
    edition: str | None
    """The edition of the rules in force then; null before the first."""
    effective_at: Instant
    """The exact instant from which on it holds."""
    location: str | None
    """The satisfied location with the highest count, else the one with the highest count."""
    organisations: Count
    """Organisations with a response that counted there."""
    previous: bool
    """What held before."""
    revises: bool
    """Whether it changes what was announced, or should have been, before."""
    satisfied: bool
    """Whether the requirement is met from then on."""
    via: Via | None
    """By what it is met; null where it is not."""
    fact: str | None
    """The id of the fact that caused it; null where time alone did."""
    seq: Number
    """The announcement's place in its stream."""


@dataclass(frozen=True, slots=True)
class DesignationChange:
    """A designation becomes qualified, or is no more; it replaces all that was announced of it from `effective_at` on."""

    position: Position
    """Where the announcement stands in the ledger."""
    membership: str
    """The membership."""
    area: str
    """The solution area of the designation."""
    cause: DesignationCause
    """What changed it."""
    centipoints: Count
    """The score from then on, in hundredths of points."""
    edition: str | None
    """The scorebook edition in force then; null before the first."""
    effective_at: Instant
    """The exact instant from which on it holds."""
    metrics: Mapping[Metric, int]
    """The points of each metric, in hundredths."""
    month: str | None
    """The last month closed by then, YYYY-MM; null where none was."""
    previous: bool
    """What held before."""
    qualified: bool
    """Whether it is qualified from then on."""
    revises: bool
    """Whether it changes what was announced, or should have been, before."""
    track: Track
    """Whose thresholds apply."""
    fact: str | None
    """The id of the fact that caused it; null where time alone did."""
    seq: Number
    """The announcement's place in its stream."""


Announced = EligibilityChange | DesignationChange


class Wanted(NamedTuple):
    """Which announcements a feed has."""

    types: frozenset[str] = PROGRAMMES.announcements
    """Their types."""
    membership: str | None = None
    """Of this membership alone, in whichever programme; None: of all."""

    def has(self, event_type: str, membership: str) -> bool:
        """Whether an announcement is one of these."""
        return event_type in self.types and self.membership in (None, membership)


EVERYTHING: Final = Wanted()


class Page(NamedTuple):
    """Some announcements, and the position up to which there are no others."""

    rows: list[Row]
    through: int
    more: bool
    """Whether the book goes on beyond it."""

    def announced(self) -> Iterator[Announced]:
        """Each, in order. Raises BrokenHistory at the first that cannot be read."""
        return map(announced, self.rows)


def changes(book: Reader, after: int, wanted: Wanted = EVERYTHING, limit: int | None = None) -> Page:
    """The announcements after a position, at most so many of each type. Raises PositionUnknown for one beyond the end."""
    limit = PAGE if limit is None else limit
    end = book.max_position()
    if after > end:
        raise PositionUnknown.to_go_on_from(after, end)
    pages = [book.read_type(announcement, after, limit) for announcement in sorted(wanted.types)]
    if wanted.membership is not None and any(len(page) == limit for page in pages):
        # So much was announced of others since then that a look at the membership's own streams costs less.
        pages = [
            book.read_type(announcement, after, limit, stream)
            for announcement, stream in _streams(book, wanted.membership)
            if announcement in wanted.types
        ]
    # Each page was read at a later moment than the one before: beyond the end as it was before all of them, one may have
    # what is missing in another.
    through = min([end, *(page[-1].position for page in pages if len(page) == limit)])
    rows = [row for page in pages for row in page if row.position <= through]
    if wanted.membership is not None:
        rows = [row for row in rows if membership_or_stream(row.stream) == wanted.membership]
    rows.sort(key=lambda row: row.position)
    return Page(rows, through, through < end)


def _streams(book: Reader, membership: str) -> Iterator[tuple[str, str]]:
    """The type of announcement and the name of each stream that a membership has: one in the survey, one an area."""
    yield SURVEY.announcement, membership_stream(membership)
    name = prefix = designation_stream(membership, "")
    while (found := book.stream_names(name, 1)) and found[0].startswith(prefix):
        (name,) = found
        yield CAPABILITY.announcement, name


def announced(row: Row) -> Announced:
    """What a row announces. Raises BrokenHistory where it cannot be read."""
    event = PROGRAMMES.decode(row.stored, row.position)
    if event.type != row.type:
        raise BrokenHistory(
            f"position {row.position}: found an event {event.type}, expected {row.type} as its row says"
        )
    kind = DesignationChange if event.type == "DesignationChanged" else EligibilityChange
    with making_sense(f"position {event.position}"):
        said: Mapping[str, Any] = event.data
        membership = membership_or_stream(event.stream)
        return kind(position=event.position, membership=membership, **said, fact=event.fact, seq=event.seq)
